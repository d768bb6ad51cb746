/* SPDX-License-Identifier: MIT */
/*
 * Invariants of address spaces and of tasks that space/'s own tests do not
 * break: torn lists and trees, chains, entries of the wrong kind, threads and
 * groups.
 */
#include "tests/verify/break.h"

static u64 map_shared(struct testbox *t, unsigned long n)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, n << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS,
			   NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static void run_areas(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8);
	struct vm_area_struct *vma = find_vma(mm, a), *low = find_vma(mm, mm->start_code);
	struct anon_vma_chain *avc;

	(void)arg;
	touch(t, t->task, a, 8, 1);
	avc = list_first_entry(&vma->anon_vma_chain, struct anon_vma_chain, same_vma);
	BREAK_LIST(t, &vma->anon_vma_chain, "its chains are not a list");
	BREAK(t, avc->vma, low, "a chain does not lead back");
	BREAK(t, mm->mm_rb.rb_node->__rb_parent_color, mm->mm_rb.rb_node->__rb_parent_color ^ 1,
	      "not a red-black tree");
	BREAK_LIST(t, &t->q->space->mms, "the list of address spaces is not a list");
}

static void run_files(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_shared(t, 4), b = map_shared(t, 4), anon = map_anon(t, t->task, 4);
	struct vm_area_struct *va = find_vma(mm, a), *vb = find_vma(mm, b);
	struct page *page;
	pte_t *ptep;

	(void)arg;
	touch(t, t->task, a, 4, 1);
	touch(t, t->task, b, 4, 1);
	touch(t, t->task, anon, 4, 1);
	lru_add_drain_all(t->q);
	BREAK_LIST(t, &vma_mapping(va)->i_mmap, "the areas of inode");
	list_move_tail(&vb->shared_node, &vma_mapping(va)->i_mmap);
	testbox_verify_reports(t, "is on the list of another file");
	list_move(&vb->shared_node, &vma_mapping(vb)->i_mmap);
	testbox_verify(t);
	page = page_at(t, t->task, a);
	BREAK(t, page->mapping, vma_mapping(vb), "maps a page of another file");
	BREAK(t, page_at(t, t->task, anon)->_refcount, 0,
	      "maps a frame that is used for something else");
	ptep = pte_of(t, t->task, a + PAGE_SIZE);
	BREAK(t, *ptep, swp_entry_to_pte(swp_entry(0, 3)), "is a swap entry in a shared area");
}

static void run_tasks(struct testbox *t, void *arg)
{
	struct task *task = fork_task(t, t->task), *thread;
	struct space_floor *sp = t->q->space;

	(void)arg;
	thread = copy_process(t->q, task, CLONE_VM | CLONE_THREAD);
	assert_false(IS_ERR_OR_NULL(thread));
	testbox_verify(t);
	BREAK_LIST(t, &t->task->children, "are not a list");
	BREAK(t, sp->pid_max, 2, "is out of range");
	BREAK_LIST(t, &task->thread_group, "the threads of");
	BREAK(t, thread->tgid, thread->tgid + 1, "is a thread of");
	BREAK(t, thread->parent, sp->init_task, "has another parent than its process");
	BREAK(t, task->mm->mm_count, 0, "is kept by nobody");
	BREAK_LIST(t, &sp->tasks, "the list of tasks or the tree of pids is damaged");
	list_del_init(&task->sibling);
	testbox_verify_reports(t, "are somebody's children");
	list_add_tail(&task->sibling, &t->task->children);
	do_exit(t->q, thread, 0);
	end_child(t, task);
}

static void run_groups(struct testbox *t, void *arg)
{
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, t->q->group->root, "a");
	struct task *task;

	(void)arg;
	assert_false(IS_ERR(memcg));
	task = fork_task(t, t->task);
	assert_int_equal(task_set_memcg(t->q, task, memcg), 0);
	BREAK(t, memcg->nr_tasks, 0, "1 are in it");
	end_child(t, task);
	assert_int_equal(mem_cgroup_remove(t->q, memcg), 0);
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void test_areas(void **state)
{
	(void)state;
	run(run_areas);
}

static void test_files(void **state)
{
	(void)state;
	run(run_files);
}

static void test_tasks(void **state)
{
	(void)state;
	run(run_tasks);
}

static void test_groups(void **state)
{
	(void)state;
	run(run_groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
