/* SPDX-License-Identifier: MIT */
/*
 * Fork, copy on write, threads, exit: contents, counts, and that everything
 * comes back.
 */
#include "tests/space/space_test.h"

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.swap_mb = 64});
}

static void run_cow(struct testbox *t, void *arg)
{
	struct task *parent = t->task, *child;
	u64 a = map_anon(t, parent, 600);
	unsigned long pages = rss(parent, MM_ANONPAGES) + 600, reuse;

	(void)arg;
	touch(t, parent, a, 600, 1);
	child = fork_task(t, parent);
	assert_int_equal(rss(child, MM_ANONPAGES), pages);
	assert_ptr_equal(page_at(t, parent, a), page_at(t, child, a));
	assert_int_equal(page_mapcount(page_at(t, parent, a)), 2);
	assert_false(pte_write(*pte_of(t, parent, a)));
	assert_false(pte_write(*pte_of(t, child, a)));
	assert_int_equal(t->q->space->vm_committed_as > 0, 1);
	testbox_verify(t);
	/* The child writes: it alone sees it. */
	touch(t, child, a, 10, 2);
	assert_int_equal(peek(t, parent, a), CONTENT(CONTENT_SAME, 1));
	assert_int_equal(peek(t, child, a), CONTENT(CONTENT_SAME, 2));
	assert_int_equal(page_mapcount(page_at(t, parent, a)), 1);
	assert_int_equal(rss(child, MM_ANONPAGES), pages);
	testbox_verify(t);
	/* The parent writes where it is the last owner: no copy. */
	reuse = global_vm_event(t->q, PGREUSE);
	touch(t, parent, a, 10, 3);
	assert_int_equal(global_vm_event(t->q, PGREUSE), reuse + 10);
	assert_int_equal(peek(t, child, a), CONTENT(CONTENT_SAME, 2));
	end_child(t, child);
	testbox_verify(t);
	/* And alone again, everywhere. */
	reuse = global_vm_event(t->q, PGREUSE);
	touch(t, parent, a + 100 * PAGE_SIZE, 50, 4);
	assert_int_equal(global_vm_event(t->q, PGREUSE), reuse + 50);
	testbox_verify(t);
}

static void test_cow(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_cow, NULL);
	testbox_verify(t);
	testbox_free(t);
}

#define NR_TASKS 12
#define NR_PAGES 40

/* A family that forks, writes and exits at random, beside an array of what
 * each member should read. */
static void run_family(struct testbox *t, void *arg)
{
	struct task *task[NR_TASKS] = {t->task};
	static u64 naive[NR_TASKS][NR_PAGES];
	u64 a = map_anon(t, t->task, NR_PAGES), stamp = 1;

	(void)arg;
	memset(naive, 0, sizeof(naive));
	for (int step = 0; step < 3000; step++) {
		unsigned int i = (unsigned int)prng_below(&t->rng, NR_TASKS);
		unsigned int j = (unsigned int)prng_below(&t->rng, NR_TASKS);
		unsigned int p = (unsigned int)prng_below(&t->rng, NR_PAGES);

		if (!task[i])
			continue;
		switch (prng_below(&t->rng, 8)) {
		case 0:
			if (j && !task[j]) {
				task[j] = fork_task(t, task[i]);
				memcpy(naive[j], naive[i], sizeof(naive[i]));
			}
			break;
		case 1:
			/* Children of the dead go to init. */
			if (i) {
				end_child(t, task[i]);
				task[i] = NULL;
			}
			break;
		case 2:
			assert_int_equal(
				madvise_dontneed(t->q, task[i]->mm, a + p * PAGE_SIZE, PAGE_SIZE),
				0);
			naive[i][p] = 0;
			break;
		default:
			touch(t, task[i], a + p * PAGE_SIZE, 1, ++stamp);
			naive[i][p] = CONTENT(CONTENT_SAME, stamp);
		}
		for (unsigned int k = 0; task[i] && k < NR_PAGES; k++)
			if (naive[i][k])
				assert_int_equal(peek(t, task[i], a + k * PAGE_SIZE), naive[i][k]);
		if (step % 200 == 0)
			testbox_verify(t);
	}
	for (unsigned int i = 1; i < NR_TASKS; i++)
		if (task[i])
			end_child(t, task[i]);
}

static void test_family(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_family, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* anon_vmas do not pile up when a parent exits after each fork. */
static void run_endless_fork(struct testbox *t, void *arg)
{
	struct task *task = fork_task(t, t->task);
	struct slabinfo info;
	u64 a = map_anon(t, task, 4);

	(void)arg;
	touch(t, task, a, 4, 1);
	for (int i = 0; i < 200; i++) {
		struct task *child = fork_task(t, task);

		touch(t, child, a, 2, (u64)i + 2);
		end_child(t, task);
		task = child;
	}
	{
		struct vm_area_struct *vma = find_vma(task->mm, a);

		assert_true(list_count_nodes(&vma->anon_vma_chain) <= 4);
	}
	get_slabinfo(t->q, t->q->space->anon_vma_cachep, &info);
	assert_int_equal(peek(t, task, a), CONTENT(CONTENT_SAME, 201));
	testbox_verify(t);
	end_child(t, task);
}

static void test_endless_fork(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_endless_fork, NULL);
	testbox_verify(t);
	testbox_free(t);
}

struct before {
	unsigned long free, stacks, tables, anon;
};

static void snapshot(struct testbox *t, struct before *b)
{
	b->free = free_frames(t);
	b->stacks = global_node_page_state(t->q, NR_KERNEL_STACK_KB);
	b->tables = global_node_page_state(t->q, NR_PAGETABLE);
	b->anon = global_node_page_state(t->q, NR_ANON_MAPPED);
}

static void one_life(struct testbox *t)
{
	struct task *child = fork_task(t, NULL);
	u64 a;

	assert_int_equal(exec_mmap(t->q, child, "life", "life\0-x", 8), 0);
	a = map_anon(t, child, 3000);
	touch(t, child, a, 3000, 5);
	touch(t, child, map_anon(t, child, 600), 600, 0);
	end_child(t, fork_task(t, child));
	testbox_verify(t);
	end_child(t, child);
}

static void run_exit(struct testbox *t, void *arg)
{
	struct before before, after;

	(void)arg;
	one_life(t); /* slabs and their partial lists settle */
	one_life(t);
	snapshot(t, &before);
	one_life(t);
	snapshot(t, &after);
	assert_int_equal(after.stacks, before.stacks);
	assert_int_equal(after.tables, before.tables);
	assert_int_equal(after.anon, before.anon);
	assert_in_range(after.free, before.free - 4, before.free + 4);
}

static void test_exit(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_exit, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_threads(struct testbox *t, void *arg)
{
	struct task *leader = fork_task(t, t->task), *th[4], *child;
	u64 a = map_anon(t, leader, 4);

	(void)arg;
	for (int i = 0; i < 4; i++) {
		th[i] = copy_process(t->q, leader, CLONE_VM | CLONE_THREAD);
		assert_false(IS_ERR(th[i]));
		assert_int_equal(th[i]->tgid, leader->pid);
		assert_ptr_equal(th[i]->mm, leader->mm);
	}
	assert_int_equal(leader->signal->nr_threads, 5);
	assert_int_equal(leader->mm->mm_users, 5);
	touch(t, th[2], a, 1, 6);
	assert_int_equal(peek(t, leader, a), CONTENT(CONTENT_SAME, 6));
	child = fork_task(t, th[3]);
	assert_ptr_equal(child->parent, leader);
	testbox_verify(t);
	do_exit(t->q, th[0], 0);
	assert_int_equal(leader->signal->nr_threads, 4);
	/* The leader goes first and waits for its threads. */
	do_exit(t->q, leader, 0);
	assert_int_equal(leader->state, EXIT_ZOMBIE);
	assert_ptr_equal(child->parent, leader);
	testbox_verify(t);
	send_signal(t->q, th[1], SIGKILL);
	assert_true(fatal_signal_pending(th[3]));
	do_exit(t->q, th[1], SIGKILL);
	do_exit(t->q, th[2], SIGKILL);
	do_exit(t->q, th[3], SIGKILL);
	assert_int_equal(leader->signal->nr_threads, 1);
	testbox_verify(t);
	release_task(t->q, leader);
	assert_ptr_equal(child->parent, t->q->space->init_task);
	testbox_verify(t);
	do_exit(t->q, child, 0); /* init collects it at once */
	testbox_verify(t);
}

static void test_threads(void **state)
{
	struct testbox *t = box();
	unsigned int processes = t->q->space->nr_processes, threads = t->q->space->nr_threads;

	(void)state;
	testbox_run(t, run_threads, NULL);
	testbox_verify(t);
	assert_int_equal(t->q->space->nr_processes, processes);
	assert_int_equal(t->q->space->nr_threads, threads);
	testbox_free(t);
}

static void run_pids(struct testbox *t, void *arg)
{
	struct space_floor *sp = t->q->space;
	struct task *a, *b;

	(void)arg;
	assert_int_equal(sp->init_task->pid, 1);
	assert_string_equal(sp->init_task->comm, "systemd");
	assert_int_equal(sp->kthreadd->pid, 2);
	assert_null(sp->kthreadd->mm);
	assert_int_equal(sp->pid_max, 32768);
	sp->last_pid = sp->pid_max - 2;
	a = fork_task(t, NULL);
	assert_int_equal(a->pid, 32767);
	b = fork_task(t, NULL);
	assert_int_equal(b->pid, 300); /* round once: the low ones are kept */
	assert_ptr_equal(find_task_by_pid(t->q, 300), b);
	end_child(t, b);
	assert_null(find_task_by_pid(t->q, 300));
	sp->last_pid = 299;
	b = fork_task(t, NULL);
	assert_int_equal(b->pid, 300);
	sp->last_pid = 299;
	end_child(t, a);
	a = fork_task(t, NULL);
	assert_int_equal(a->pid, 301); /* 300 is taken */
	sp->max_threads = sp->nr_threads;
	assert_int_equal(PTR_ERR(copy_process(t->q, NULL, 0)), -EAGAIN);
	sp->max_threads = 10000;
	testbox_verify(t);
	end_child(t, a);
	end_child(t, b);
}

static void test_pids(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_pids, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_memcg(struct testbox *t, void *arg)
{
	struct mem_cgroup *g = mem_cgroup_create(t->q, t->q->group->root, "web");
	struct task *child = fork_task(t, t->task), *thread;
	u64 a = map_anon(t, child, 100);

	(void)arg;
	assert_false(IS_ERR(g));
	thread = copy_process(t->q, child, CLONE_VM | CLONE_THREAD);
	assert_int_equal(task_set_memcg(t->q, child, g), 0);
	assert_int_equal(g->nr_tasks, 2);
	touch(t, child, a, 100, 1);
	assert_int_equal(g->memory.usage, 100);
	assert_ptr_equal(page_at(t, child, a)->memcg, g);
	testbox_verify(t);
	/* A child is born there, with its stack. */
	end_child(t, fork_task(t, child));
	assert_int_equal(g->memory.usage, 100);
	assert_int_equal(task_set_memcg(t->q, child, t->q->group->root), 0);
	assert_int_equal(g->nr_tasks, 0);
	assert_int_equal(g->memory.usage, 100); /* what was charged stays */
	do_exit(t->q, thread, 0);
	end_child(t, child);
	lru_add_drain_all(t->q);
	assert_int_equal(g->memory.usage, 0);
	testbox_verify(t);
	assert_int_equal(mem_cgroup_remove(t->q, g), 0);
}

static void test_memcg(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_memcg, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- every allocation fails once ------------------------------------------------- */

static void full_life(struct testbox *t, bool *failed)
{
	struct task *child = copy_process(t->q, t->task, 0), *thread;
	struct touch w = {
		.nr_pages = 5, .stride = 600, .write = true, .kind = CONTENT_SAME, .seed = 3};
	u64 a;

	*failed = IS_ERR(child);
	if (*failed) {
		assert_int_equal(PTR_ERR(child), -ENOMEM);
		return;
	}
	*failed |= exec_mmap(t->q, child, "frail", "frail", 6) != 0;
	a = do_mmap(t->q, child->mm, 0, 3000 << PAGE_SHIFT, RW, ANON, NULL, 0);
	*failed |= IS_ERR_VALUE(a);
	if (!IS_ERR_VALUE(a)) {
		/* A fault without memory is tried again, and succeeds. */
		w.addr = a;
		assert_int_equal(mmu_touch(t->m, child, &w), 5);
		*failed |= do_mprotect(t->q, child->mm, a + PAGE_SIZE, PAGE_SIZE, PROT_READ) != 0;
		*failed |= do_munmap(t->q, child->mm, a + 8 * PAGE_SIZE, PAGE_SIZE) != 0;
	}
	*failed |= IS_ERR_VALUE(
		do_mmap(t->q, child->mm, 0, MB, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0));
	thread = copy_process(t->q, child, CLONE_VM | CLONE_THREAD);
	*failed |= IS_ERR(thread);
	if (!IS_ERR(thread))
		do_exit(t->q, thread, 0);
	end_child(t, child);
}

/* Slabs are emptied first, so that objects need pages too. */
static void shrink_one(struct quire *q, struct kmem_cache *s, void *ctx)
{
	(void)ctx;
	(void)kmem_cache_shrink(q, s);
}

static void run_enomem(struct testbox *t, void *arg)
{
	unsigned long n, base_free = 0;
	bool failed;
	u64 a = map_anon(t, t->task, 1200);

	(void)arg;
	touch(t, t->task, a, 1200, 8);
	for (n = 1; n < 400; n++) {
		long committed = t->q->space->vm_committed_as;

		slab_for_each_cache(t->q, shrink_one, NULL);
		if (n == 3)
			base_free = free_frames(t);
		drain_all_pages(t->q, NULL);
		testbox_fail_alloc(t, n);
		t->failed = 0;
		full_life(t, &failed);
		testbox_fail_alloc(t, 0);
		assert_int_equal(t->q->space->vm_committed_as, committed);
		if (n % 10 == 1)
			testbox_verify(t);
		if (!t->failed)
			break;
	}
	assert_in_range(n, 30, 399);
	assert_false(failed);
	slab_for_each_cache(t->q, shrink_one, NULL);
	assert_in_range(free_frames(t), base_free - 8, base_free + 8);
	testbox_verify(t);
}

static void test_enomem(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_enomem, NULL);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cow),	     cmocka_unit_test(test_family),
		cmocka_unit_test(test_endless_fork), cmocka_unit_test(test_exit),
		cmocka_unit_test(test_threads),	     cmocka_unit_test(test_pids),
		cmocka_unit_test(test_memcg),	     cmocka_unit_test(test_enomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
