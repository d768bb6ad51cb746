/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd: a monitor brings the pages that a process misses.  And page tables of
 * five levels, and what the TLBs of a process's threads cost it.
 */
#include "tests/space/space_test.h"
#include "space/userfaultfd.h"

#define PG(n) ((u64)(n) << PAGE_SHIFT)
#define PAGES 16

struct monitor {
	struct testbox *t;
	struct task *task;
	struct userfaultfd_ctx *ctx;
	u64 area, source;
	unsigned int served, writes;
	bool zero, done;
};

/* A thread of the process that answers until all is served. */
static void monitor_main(void *arg)
{
	struct monitor *mon = arg;
	struct quire *q = mon->t->q;
	struct uffd_msg msg;

	while (mon->served < PAGES && !userfaultfd_read(q, mon->ctx, &msg, true, NULL)) {
		u64 at = msg.arg.pagefault.address;

		mon->writes += msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE;
		mon->served++;
		if (mon->zero)
			assert_int_equal(userfaultfd_zeropage(q, mon->ctx, at, PAGE_SIZE, 0),
					 PAGE_SIZE);
		else
			assert_int_equal(userfaultfd_copy(q, mon->ctx, at,
							  mon->source + (at - mon->area), PAGE_SIZE,
							  0),
					 PAGE_SIZE);
	}
	mon->done = true;
	do_exit(q, mon->task, 0);
}

static void start_monitor(struct testbox *t, struct monitor *mon)
{
	mon->t = t;
	mon->task = copy_process(t->q, t->task, CLONE_VM | CLONE_THREAD);
	assert_false(IS_ERR_OR_NULL(mon->task));
	assert_non_null(model_spawn(t->m, "monitor", monitor_main, mon, mon->task, -1));
}

static void run_missing(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	struct monitor mon = {0};
	struct uffd_msg msg;

	mon.zero = arg != NULL;
	mon.source = map_anon(t, t->task, PAGES);
	mon.area = do_mmap(t->q, mm, 0x300000000000UL, PG(PAGES + 2), RW, ANON, NULL, 0);
	for (unsigned int i = 0; i < PAGES; i++)
		touch(t, t->task, mon.source + PG(i), 1, 100 + i);
	mon.ctx = userfaultfd_new(t->q, mm, 0);
	assert_false(IS_ERR(mon.ctx));
	assert_int_equal(userfaultfd_register(t->q, mon.ctx, mon.area, PG(PAGES),
					      UFFDIO_REGISTER_MODE_MISSING),
			 0);
	assert_int_equal(find_vma(mm, mon.area)->vm_end, mon.area + PG(PAGES));
	assert_int_equal(userfaultfd_read(t->q, mon.ctx, &msg, false, NULL), -EAGAIN);
	start_monitor(t, &mon);
	touch(t, t->task, mon.area, PAGES / 2, 0);
	touch(t, t->task, mon.area + PG(PAGES / 2), PAGES / 2, mon.zero ? 7 : 0);
	for (unsigned int i = 0; i < PAGES; i++)
		assert_int_equal(peek(t, t->task, mon.area + PG(i)),
				 !mon.zero	 ? CONTENT(CONTENT_SAME, 100 + i)
				 : i < PAGES / 2 ? 0
						 : CONTENT(CONTENT_SAME, 7));
	assert_int_equal(mon.served, PAGES);
	assert_int_equal(mon.writes, mon.zero ? PAGES / 2 : 0);
	/* What is there already; what is not of the context; what is nobody's. */
	assert_int_equal(userfaultfd_copy(t->q, mon.ctx, mon.area, mon.source, PAGE_SIZE, 0),
			 -EEXIST);
	assert_int_equal(userfaultfd_zeropage(t->q, mon.ctx, mon.area + PG(PAGES), PAGE_SIZE, 0),
			 -ENOENT);
	assert_int_equal(userfaultfd_copy(t->q, mon.ctx, mon.area, mon.source + 1, PAGE_SIZE, 0),
			 -EINVAL);
	touch(t, t->task, mon.area + PG(PAGES), 2, 3); /* beside it: as ever */
	testbox_verify(t);
	userfaultfd_release(t->q, mon.ctx);
	assert_int_equal(find_vma(mm, mon.area)->vm_flags & VM_UFFD_MISSING, 0);
	assert_int_equal(do_madvise(t->q, mm, mon.area, PG(1), MADV_DONTNEED), 0);
	touch(t, t->task, mon.area, 1, 4);
	testbox_verify(t);
}

static void run_rules(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	struct userfaultfd_ctx *ctx = userfaultfd_new(t->q, mm, UFFD_FEATURE_SIGBUS), *other;
	u64 a = do_mmap(t->q, mm, 0x300000000000UL, PG(8), RW, ANON, NULL, 0), b;
	u64 s = do_mmap(t->q, mm, 0, PG(8), RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	struct task *child;

	(void)arg;
	assert_true(IS_ERR(userfaultfd_new(t->q, mm, 0x2000)));
	other = userfaultfd_new(t->q, mm, 0);
#define REGISTER(ctx, addr, len, mode) userfaultfd_register(t->q, ctx, addr, len, mode)
	assert_int_equal(REGISTER(ctx, a, PG(8), 0), -EINVAL);
	assert_int_equal(REGISTER(ctx, a, PG(8), 8), -EINVAL);
	assert_int_equal(REGISTER(ctx, a, PG(8), UFFDIO_REGISTER_MODE_MINOR), -EINVAL);
	assert_int_equal(REGISTER(ctx, a + 1, PG(8), 1), -EINVAL);
	assert_int_equal(REGISTER(ctx, s, PG(8), 7), 0); /* shmem: all three */
	assert_int_equal(userfaultfd_unregister(t->q, ctx, s, PG(8)), 0);
	assert_int_equal(REGISTER(ctx, 0x200000000000UL, PG(8), 1), -EINVAL);
	assert_int_equal(REGISTER(ctx, a, PG(4), 1), 0);
	assert_int_equal(REGISTER(other, a, PG(8), 1), -EBUSY);
	assert_int_equal(REGISTER(other, a + PG(4), PG(4), 1), 0);
	assert_int_equal(find_vma(mm, a)->vm_end, a + PG(4)); /* they don't merge */
	/* A child, and what moved, are free of it. */
	child = fork_task(t, t->task);
	touch(t, child, a, 8, 1);
	end_child(t, child);
	b = do_mremap(t->q, mm, a + PG(4), PG(4), PG(4), MREMAP_MAYMOVE | MREMAP_FIXED,
		      a + PG(100));
	assert_int_equal(b, a + PG(100));
	touch(t, t->task, b, 4, 1);
	/* The kernel's own faults can't wait. */
	assert_int_equal(do_madvise(t->q, mm, a, PG(1), MADV_POPULATE_WRITE), -EFAULT);
	assert_int_equal(userfaultfd_unregister(t->q, ctx, a + PG(1), PG(1)), 0);
	touch(t, t->task, a + PG(1), 1, 1);
	testbox_verify(t);
	assert_int_equal(handle_user_fault(t->q, t->task, a, FAULT_FLAG_WRITE), VM_FAULT_SIGBUS);
	assert_true(fatal_signal_pending(t->task));
	t->task->sigkill_pending = false;
	t->task->signal->group_exit = false;
	userfaultfd_release(t->q, other);
	userfaultfd_release(t->q, ctx);
	touch(t, t->task, a, 4, 1);
	testbox_verify(t);
}

/* ---- five levels -------------------------------------------------------------------- */

static void five_levels(struct quire_config *cfg)
{
	cfg->page_table_levels = 5;
}

static void run_five(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 high = 0x00f0000000000000UL, low = map_anon(t, t->task, 4), a;
	long bytes = mm->pgtables_bytes;
	struct task *child;

	(void)arg;
	assert_true(low < TASK_SIZE); /* only who asks for it gets more */
	a = do_mmap(t->q, mm, high, PG(4), RW, ANON, NULL, 0);
	assert_int_equal(a, high);
	touch(t, t->task, a, 4, 5);
	touch(t, t->task, low, 4, 6);
	assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(peek(t, t->task, low), CONTENT(CONTENT_SAME, 6));
	/* p4d, pud, pmd and the last for the high one. */
	assert_true(mm->pgtables_bytes - bytes >= 4 * (long)PAGE_SIZE);
	testbox_verify(t);
	child = fork_task(t, t->task);
	assert_int_equal(peek(t, child, a), CONTENT(CONTENT_SAME, 5));
	touch(t, child, a, 1, 7);
	assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 5));
	testbox_verify(t);
	end_child(t, child);
	/* The hint is taken: from the top of all there is. */
	assert_int_equal(do_mmap(t->q, mm, high, PG(4), RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0),
			 (u64)-EEXIST);
	a = do_mmap(t->q, mm, high, PG(4), RW, ANON, NULL, 0);
	assert_true(a > TASK_SIZE && a < mm->task_size);
	touch(t, t->task, a, 4, 8);
	assert_int_equal(do_munmap(t->q, mm, high, PG(4)), 0);
	assert_int_equal(do_munmap(t->q, mm, a, PG(4)), 0);
	testbox_verify(t);
	assert_int_equal(do_mmap(t->q, mm, mm->task_size, PG(1), RW, ANON | MAP_FIXED, NULL, 0),
			 (u64)-ENOMEM);
}

static void run_four(struct testbox *t, void *arg)
{
	u64 a = do_mmap(t->q, t->task->mm, 0x00f0000000000000UL, PG(4), RW, ANON, NULL, 0);

	(void)arg;
	assert_true(a < TASK_SIZE); /* the hint can't be met */
}

/* ---- the TLB ------------------------------------------------------------------------ */

static void run_asids(struct testbox *t, void *arg)
{
	const struct model_tlb_stats *s = model_tlb_stats(t->m);
	u64 a = map_anon(t, t->task, 4), flushed;
	struct task *child[8];

	(void)arg;
	touch(t, t->task, a, 4, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(child); i++)
		child[i] = fork_task(t, t->task);
	/* Two spaces in turn on one CPU: after the first time each keeps its entries. */
	touch(t, child[0], a, 4, 0);
	touch(t, t->task, a, 4, 0);
	flushed = s->asid_flushes;
	for (unsigned int i = 0; i < 10; i++) {
		touch(t, child[0], a, 4, 0);
		touch(t, t->task, a, 4, 0);
	}
	assert_int_equal(s->asid_flushes, flushed);
	/* Nine in turn are more than six. */
	for (unsigned int i = 0; i < 10 * ARRAY_SIZE(child); i++)
		touch(t, child[i % ARRAY_SIZE(child)], a, 4, 0);
	assert_true(s->asid_flushes - flushed >= 9 * ARRAY_SIZE(child));
	for (unsigned int i = 0; i < ARRAY_SIZE(child); i++)
		end_child(t, child[i]);
	flushed = s->flushes;
	assert_int_equal(do_munmap(t->q, t->task->mm, a, PG(2)), 0);
	assert_true(s->flushes > flushed);
	testbox_verify(t);
}

struct toucher {
	struct testbox *t;
	struct task *task;
	u64 area;
	bool stop;
};

static void toucher_main(void *arg)
{
	struct toucher *w = arg;

	while (!w->stop)
		touch(w->t, w->task, w->area, 4, 0);
	do_exit(w->t->q, w->task, 0);
}

/* A thread that runs elsewhere must be told of what one unmaps; alone nobody is. */
static void run_shootdown(struct testbox *t, void *arg)
{
	const struct model_tlb_stats *s = model_tlb_stats(t->m);
	struct toucher w = {.t = t, .area = map_anon(t, t->task, 4)};
	u64 a = map_anon(t, t->task, 4), before;

	(void)arg;
	touch(t, t->task, w.area, 4, 1);
	touch(t, t->task, a, 4, 1);
	before = s->shootdowns;
	assert_int_equal(madvise_dontneed(t->q, t->task->mm, a, PG(4)), 0);
	assert_int_equal(s->shootdowns, before);
	w.task = copy_process(t->q, t->task, CLONE_VM | CLONE_THREAD);
	assert_false(IS_ERR_OR_NULL(w.task));
	assert_non_null(model_spawn(t->m, "toucher", toucher_main, &w, w.task, -1));
	for (unsigned int i = 0; i < 200; i++) {
		touch(t, t->task, a, 4, 1);
		model_compute(t->m, 2 * NSEC_PER_MSEC);
		assert_int_equal(madvise_dontneed(t->q, t->task->mm, a, PG(4)), 0);
	}
	assert_true(s->shootdowns > before);
	assert_true(s->remote_flushes <= s->flushes);
	w.stop = true;
	model_sleep(t->m, 50 * NSEC_PER_MSEC);
	testbox_verify(t);
}

static void in_box(void (*fn)(struct testbox *t, void *arg), void (*tune)(struct quire_config *))
{
	testbox_once(&(struct testbox_config){.tune = tune}, fn);
}

static void test_missing(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	(void)state;
	testbox_run(t, run_missing, NULL);
	testbox_run(t, run_missing, t);
	testbox_verify(t);
	testbox_free(t);
}

static void test_rules(void **state)
{
	(void)state;
	in_box(run_rules, NULL);
}

static void test_levels(void **state)
{
	(void)state;
	in_box(run_five, five_levels);
	in_box(run_four, NULL);
}

static void test_tlb(void **state)
{
	(void)state;
	in_box(run_asids, NULL);
	in_box(run_shootdown, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_tlb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
