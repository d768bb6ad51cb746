/* SPDX-License-Identifier: MIT */
/*
 * userfaultfd beyond missing anonymous pages: write protection and how it follows a page,
 * shmem (missing, minor, markers), and events.
 */
#include "tests/space/space_test.h"
#include "reclaim/numa.h"
#include "space/userfaultfd.h"

#define PG(n)	 ((u64)(n) << PAGE_SHIFT)
#define MAX_MSGS 64

/* A thread that answers `wanted` messages and keeps them. */
struct monitor {
	struct testbox *t;
	struct task *task;
	struct userfaultfd_ctx *ctx, *child;
	unsigned int wanted, got;
	struct uffd_msg msg[MAX_MSGS];
	bool done;
};

static void answer(struct monitor *mon, const struct uffd_msg *msg)
{
	struct quire *q = mon->t->q;
	u64 at = msg->arg.pagefault.address & PAGE_MASK, flags = msg->arg.pagefault.flags;
	struct userfaultfd_ctx *ctx = mon->child ? mon->child : mon->ctx;

	if (flags & UFFD_PAGEFAULT_FLAG_WP)
		assert_int_equal(userfaultfd_writeprotect(q, ctx, at, PG(1), 0), 0);
	else if (flags & UFFD_PAGEFAULT_FLAG_MINOR)
		assert_int_equal(userfaultfd_continue(q, ctx, at, PG(1), 0), PG(1));
	else
		assert_int_equal(userfaultfd_zeropage(q, ctx, at, PG(1), 0), PG(1));
}

static void monitor_main(void *arg)
{
	struct monitor *mon = arg;

	while (mon->got < mon->wanted) {
		struct userfaultfd_ctx *child;
		struct uffd_msg *msg = &mon->msg[mon->got];

		assert_int_equal(userfaultfd_read(mon->t->q, mon->ctx, msg, true, &child), 0);
		mon->got++;
		if (msg->event == UFFD_EVENT_PAGEFAULT)
			answer(mon, msg);
		else if (child)
			mon->child = child;
	}
	mon->done = true;
	do_exit(mon->t->q, mon->task, 0);
}

static void start_monitor(struct testbox *t, struct monitor *mon, unsigned int features,
			  unsigned int wanted)
{
	*mon = (struct monitor){.t = t, .wanted = wanted};
	mon->ctx = userfaultfd_new(t->q, t->task->mm, features);
	assert_false(IS_ERR(mon->ctx));
	mon->task = copy_process(t->q, t->task, CLONE_VM | CLONE_THREAD);
	assert_false(IS_ERR_OR_NULL(mon->task));
	assert_non_null(model_spawn(t->m, "monitor", monitor_main, mon, mon->task, -1));
}

static void end_monitor(struct testbox *t, struct monitor *mon)
{
	assert_int_equal(mon->got, mon->wanted);
	userfaultfd_release(t->q, mon->ctx);
	testbox_verify(t);
}

static bool is_wp(struct testbox *t, struct task *task, u64 addr)
{
	return pte_uffd_wp(*pte_of(t, task, addr));
}

#define REGISTER(mon, addr, n, mode) \
	assert_int_equal(userfaultfd_register(t->q, (mon)->ctx, addr, PG(n), mode), 0)
#define PROTECT(mon, addr, n, mode) userfaultfd_writeprotect(t->q, (mon)->ctx, addr, PG(n), mode)

/* ---- write protection -------------------------------------------------------------- */

static void run_wp(struct testbox *t, void *arg)
{
	struct task *task = t->task, *child;
	u64 addr = map_anon(t, task, 4), at = addr + PG(1);
	int node = 1, status = -1;
	struct monitor mon;

	(void)arg;
	start_monitor(t, &mon, 0, 1);
	assert_int_equal(PROTECT(&mon, addr, 4, 1), -ENOENT); /* not registered */
	REGISTER(&mon, addr, 4, UFFDIO_REGISTER_MODE_WP);
	touch(t, task, addr, 4, 7);
	assert_int_equal(PROTECT(&mon, addr, 4, 3), -EINVAL);
	assert_int_equal(PROTECT(&mon, addr, 8, 1), -ENOENT);
	assert_int_equal(PROTECT(&mon, addr, 4, 1), 0);
	assert_true(is_wp(t, task, at));
	assert_false(pte_write(*pte_of(t, task, at)));
	/* A fork whose event nobody wants: the child is free. */
	child = fork_task(t, task);
	assert_true(is_wp(t, task, at));
	assert_false(is_wp(t, child, at));
	touch(t, child, addr, 4, 8);
	end_child(t, child);
	/* In another frame, in swap, and back by a read. */
	assert_int_equal(do_move_pages(t->q, task->mm, 1, &at, &node, &status, MPOL_MF_MOVE), 0);
	assert_int_equal(status, 1);
	assert_true(is_wp(t, task, at));
	assert_int_equal(do_madvise(t->q, task->mm, addr, PG(4), MADV_PAGEOUT), 0);
	assert_true(pte_in_swap(*pte_of(t, task, at)));
	assert_true(is_wp(t, task, at));
	touch(t, task, addr, 4, 0);
	assert_true(is_wp(t, task, at));
	assert_false(pte_write(*pte_of(t, task, at)));
	/* Both ways: mprotect does not open what is protected. */
	assert_int_equal(do_mprotect(t->q, task->mm, addr, PG(4), PROT_READ), 0);
	assert_int_equal(do_mprotect(t->q, task->mm, addr, PG(4), RW), 0);
	touch(t, task, at, 1, 9);
	assert_int_equal(mon.got, 1);
	assert_int_equal(mon.msg[0].arg.pagefault.flags,
			 UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP);
	assert_int_equal(mon.msg[0].arg.pagefault.address, at);
	assert_int_equal(peek(t, task, at), CONTENT(CONTENT_SAME, 9));
	assert_int_equal(peek(t, task, addr), CONTENT(CONTENT_SAME, 7));
	assert_int_equal(userfaultfd_unregister(t->q, mon.ctx, addr, PG(4)), 0);
	assert_false(is_wp(t, task, addr));
	touch(t, task, addr, 4, 3);
	end_monitor(t, &mon);
}

/* ---- shmem -------------------------------------------------------------------------- */

static void run_shmem(struct testbox *t, void *arg)
{
	struct task *task = t->task;
	struct file *file = shmem_file_setup(t->q, "test", PG(8));
	u64 src = map_anon(t, task, 1), a, b;
	struct monitor mon;

	(void)arg;
	file->writable = true;
	a = do_mmap(t->q, task->mm, 0, PG(8), RW, MAP_SHARED, file, 0);
	b = do_mmap(t->q, task->mm, 0, PG(8), RW, MAP_SHARED, file, 0);
	start_monitor(t, &mon, 0, 3);
	REGISTER(&mon, a, 8, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR);
	touch(t, task, src, 1, 5);
	/* What the holder brings lies in the file, for all. */
	assert_int_equal(userfaultfd_copy(t->q, mon.ctx, a, src, PG(1), 0), PG(1));
	assert_int_equal(userfaultfd_copy(t->q, mon.ctx, a, src, PG(1), 0), -EEXIST);
	assert_int_equal(peek(t, task, a), CONTENT(CONTENT_SAME, 5));
	touch(t, task, b, 1, 0);
	assert_int_equal(peek(t, task, b), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(userfaultfd_continue(t->q, mon.ctx, a + PG(2), PG(1), 0), -EFAULT);
	/* There already: a minor fault; not there: missing. */
	touch(t, task, b + PG(1), 1, 6);
	touch(t, task, a + PG(1), 1, 0);
	assert_int_equal(mon.msg[0].arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_MINOR);
	assert_int_equal(peek(t, task, a + PG(1)), CONTENT(CONTENT_SAME, 6));
	touch(t, task, a + PG(3), 1, 6);
	assert_int_equal(mon.msg[1].arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_WRITE);
	/* Gone from the tables, there in the file. */
	assert_int_equal(do_madvise(t->q, task->mm, a + PG(3), PG(1), MADV_DONTNEED), 0);
	touch(t, task, a + PG(3), 1, 0);
	assert_int_equal(mon.msg[2].arg.pagefault.flags, UFFD_PAGEFAULT_FLAG_MINOR);
	assert_int_equal(peek(t, task, a + PG(3)), CONTENT(CONTENT_SAME, 6));
	end_monitor(t, &mon);
	fput(t->q, file);
}

static void run_markers(struct testbox *t, void *arg)
{
	struct task *task = t->task, *child;
	u64 addr = do_mmap(t->q, task->mm, 0, PG(8), RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	unsigned long swapped;
	struct monitor mon;

	(void)arg;
	start_monitor(t, &mon, 0, 2);
	REGISTER(&mon, addr, 8, UFFDIO_REGISTER_MODE_WP);
	touch(t, task, addr, 2, 5);
	assert_int_equal(PROTECT(&mon, addr, 8, 1), 0);
	assert_true(pte_is_marker(*pte_of(t, task, addr + PG(4)))); /* nothing is there */
	assert_false(pte_is_marker(*pte_of(t, task, addr)));
	testbox_verify(t);
	/* A read brings the page, protected. */
	touch(t, task, addr + PG(4), 1, 0);
	assert_true(is_wp(t, task, addr + PG(4)) && pte_present(*pte_of(t, task, addr + PG(4))));
	touch(t, task, addr + PG(4), 1, 6);
	assert_int_equal(mon.got, 1);
	assert_int_equal(mon.msg[0].arg.pagefault.flags,
			 UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP);
	/* What leaves the tables leaves a marker: reclaim, MADV_DONTNEED. */
	swapped = rss(task, MM_SWAPENTS);
	assert_int_equal(do_madvise(t->q, task->mm, addr, PG(1), MADV_PAGEOUT), 0);
	assert_int_equal(do_madvise(t->q, task->mm, addr + PG(1), PG(1), MADV_DONTNEED), 0);
	assert_true(pte_is_marker(*pte_of(t, task, addr)));
	assert_true(pte_is_marker(*pte_of(t, task, addr + PG(1))));
	assert_int_equal(rss(task, MM_SWAPENTS), swapped);
	testbox_verify(t);
	/* A child without the context has none of it. */
	child = fork_task(t, task);
	touch(t, child, addr + PG(1), 1, 7);
	end_child(t, child);
	touch(t, task, addr + PG(1), 1, 8);
	assert_int_equal(mon.got, 2);
	assert_int_equal(peek(t, task, addr + PG(1)), CONTENT(CONTENT_SAME, 8));
	/* To the end, markers and all. */
	assert_int_equal(PROTECT(&mon, addr, 8, 0), 0);
	assert_true(pte_none(*pte_of(t, task, addr + PG(5))));
	assert_int_equal(PROTECT(&mon, addr, 8, 1), 0);
	assert_int_equal(do_munmap(t->q, task->mm, addr, PG(8)), 0);
	end_monitor(t, &mon);
}

/* ---- events --------------------------------------------------------------------------- */

static void run_events(struct testbox *t, void *arg)
{
	unsigned int features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
				UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP |
				UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_EXACT_ADDRESS;
	struct task *task = t->task, *child;
	struct mm_struct *mm = task->mm;
	u64 addr = do_mmap(t->q, mm, 0x300000000000UL, PG(8), RW, ANON, NULL, 0);
	u64 to = addr + PG(100);
	struct monitor mon;

	(void)arg;
	start_monitor(t, &mon, features, 7);
	REGISTER(&mon, addr, 8, UFFDIO_REGISTER_MODE_MISSING);
	assert_int_equal(handle_user_fault(t->q, task, addr + 0x123, 0), 0);
	assert_int_equal(mon.msg[0].event, UFFD_EVENT_PAGEFAULT);
	assert_int_equal(mon.msg[0].arg.pagefault.address, addr + 0x123);
	assert_int_equal(mon.msg[0].arg.pagefault.ptid, task->pid);
	assert_int_equal(do_madvise(t->q, mm, addr, PG(1), MADV_DONTNEED), 0);
	assert_int_equal(mon.msg[1].event, UFFD_EVENT_REMOVE);
	assert_int_equal(mon.msg[1].arg.remove.start, addr);
	assert_int_equal(mon.msg[1].arg.remove.end, addr + PG(1));
	assert_int_equal(do_mremap(t->q, mm, addr, PG(4), PG(4), MREMAP_MAYMOVE | MREMAP_FIXED, to),
			 to);
	/* The move, and that the old place is free: both were waited for. */
	assert_int_equal(mon.got, 4);
	for (unsigned int i = 2; i < 4; i++) {
		if (mon.msg[i].event == UFFD_EVENT_REMAP) {
			assert_int_equal(mon.msg[i].arg.remap.from, addr);
			assert_int_equal(mon.msg[i].arg.remap.to, to);
			assert_int_equal(mon.msg[i].arg.remap.len, PG(4));
		} else {
			assert_int_equal(mon.msg[i].event, UFFD_EVENT_UNMAP);
		}
	}
	assert_int_equal(find_vma(mm, to)->vm_flags & VM_UFFD_FLAGS, VM_UFFD_MISSING);
	assert_int_equal(do_munmap(t->q, mm, addr + PG(4), PG(2)), 0);
	assert_int_equal(mon.msg[4].event, UFFD_EVENT_UNMAP);
	assert_int_equal(mon.msg[4].arg.remove.start, addr + PG(4));
	assert_int_equal(mon.msg[4].arg.remove.end, addr + PG(6));
	child = fork_task(t, task);
	assert_int_equal(mon.msg[5].event, UFFD_EVENT_FORK);
	assert_non_null(mon.child);
	assert_int_equal(find_vma(child->mm, to)->vm_flags & VM_UFFD_FLAGS, VM_UFFD_MISSING);
	assert_int_equal(userfaultfd_zeropage(t->q, mon.child, to, PG(1), 0), PG(1));
	assert_true(pte_special(*pte_of(t, child, to)));
	testbox_verify(t);
	userfaultfd_release(t->q, mon.child);
	mon.child = NULL;
	assert_int_equal(find_vma(child->mm, to)->vm_flags & VM_UFFD_FLAGS, 0);
	end_child(t, child);
	touch(t, task, to, 1, 4);
	end_monitor(t, &mon);
}

/* While an event is not read nothing is filled. */
static void changer_main(void *arg)
{
	struct monitor *mon = arg;

	assert_int_equal(do_munmap(mon->t->q, mon->task->mm, mon->msg[0].arg.remove.start, PG(1)),
			 0);
	mon->done = true;
	do_exit(mon->t->q, mon->task, 0);
}

static void run_changing(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 addr = map_anon(t, t->task, 4);
	struct monitor mon = {.t = t};
	struct uffd_msg msg;

	(void)arg;
	mon.ctx = userfaultfd_new(t->q, mm, UFFD_FEATURE_EVENT_UNMAP);
	REGISTER(&mon, addr, 4, UFFDIO_REGISTER_MODE_MISSING);
	mon.msg[0].arg.remove.start = addr;
	mon.task = copy_process(t->q, t->task, CLONE_VM | CLONE_THREAD);
	assert_non_null(model_spawn(t->m, "changer", changer_main, &mon, mon.task, -1));
	while (!userfaultfd_readable(t->q, mon.ctx))
		model_sleep(t->m, 1000);
	assert_false(mon.done);
	assert_int_equal(userfaultfd_zeropage(t->q, mon.ctx, addr + PG(1), PG(1), 0), -EAGAIN);
	assert_int_equal(userfaultfd_read(t->q, mon.ctx, &msg, false, NULL), 0);
	assert_int_equal(msg.event, UFFD_EVENT_UNMAP);
	while (!mon.done)
		model_sleep(t->m, 1000);
	assert_int_equal(userfaultfd_zeropage(t->q, mon.ctx, addr + PG(1), PG(1), 0), PG(1));
	userfaultfd_release(t->q, mon.ctx);
	testbox_verify(t);
}

#define CASE(name, ...)                                                          \
	static void test_##name(void **state)                                    \
	{                                                                        \
		(void)state;                                                     \
		testbox_once(&(struct testbox_config){__VA_ARGS__}, run_##name); \
	}

CASE(wp, .nr_nodes = 2, .swap_mb = 64)
CASE(shmem, .swap_mb = 64)
CASE(markers, .swap_mb = 64)
CASE(events, 0)
CASE(changing, 0)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wp),	 cmocka_unit_test(test_shmem),
		cmocka_unit_test(test_markers),	 cmocka_unit_test(test_events),
		cmocka_unit_test(test_changing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
