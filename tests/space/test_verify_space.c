/* SPDX-License-Identifier: MIT */
/*
 * The verifier sees what it is there for: each invariant of address spaces and
 * of tasks is broken on purpose, reported, and mended.
 */
#include "tests/space/space_test.h"

#define BREAK(t, what, mend, line)               \
	do {                                     \
		what;                            \
		testbox_verify_reports(t, line); \
		mend;                            \
		testbox_verify(t);               \
	} while (0)

static void run_areas(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8);
	struct vm_area_struct *vma = find_vma(mm, a), *low = find_vma(mm, mm->start_code), *next;
	struct anon_vma *av;

	(void)arg;
	touch(t, t->task, a, 8, 1);
	av = vma->anon_vma;
	next = vma->vm_next;
	BREAK(t, vma->vm_end += 1, vma->vm_end -= 1, "impossible bounds");
	BREAK(t, low->vm_end += PAGE_SIZE, low->vm_end -= PAGE_SIZE, "overlaps");
	BREAK(t, vma->vm_next = NULL, vma->vm_next = next, "neighbours differ");
	BREAK(t, vma->vm_gap += PAGE_SIZE, vma->vm_gap -= PAGE_SIZE, "gap 0x");
	BREAK(t, vma->rb_subtree_gap++, vma->rb_subtree_gap--, "largest 0x");
	BREAK(t, vma->vm_mm = NULL, vma->vm_mm = mm, "belongs to another space");
	BREAK(t, mm->map_count++, mm->map_count--, "areas, has");
	BREAK(t, mm->highest_vm_end += PAGE_SIZE, mm->highest_vm_end -= PAGE_SIZE, "areas end at");
	BREAK(t, mm->total_vm++, mm->total_vm--, "total_vm");
	BREAK(t, mm->locked_vm++, mm->locked_vm--, "locked");
	BREAK(t, av->num_active_vmas++, av->num_active_vmas--, "use it");
	BREAK(t, vma->anon_vma = av + 1, vma->anon_vma = av, "not chained to its anon_vma");
	BREAK(t, t->q->space->vm_committed_as++, t->q->space->vm_committed_as--, "promised");
}

static void run_entries(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8);
	struct vm_area_struct *vma = find_vma(mm, a);
	struct page *page, *table;
	pte_t *ptep, old;

	(void)arg;
	touch(t, t->task, a, 8, 1);
	page = page_at(t, t->task, a);
	ptep = pte_of(t, t->task, a);
	old = *ptep;
	table = virt_to_page(t->q, ptep);
	BREAK(t, page->_mapcount++, page->_mapcount--, "has a map count of 2");
	BREAK(t, page->index++, page->index--, "index leads elsewhere");
	BREAK(t, page->mapping = (void *)((u64)page->mapping + 512),
	      page->mapping = (void *)((u64)page->mapping - 512), "can't find it");
	BREAK(t, *ptep = mk_pte(t->q->max_pfn, _PAGE_PRESENT), *ptep = old, "does not exist");
	BREAK(t, *ptep = old | _PAGE_SPECIAL, *ptep = old, "not the zero page");
	BREAK(t, vma->vm_flags &= ~VM_WRITE, vma->vm_flags |= VM_WRITE, "may be written");
	BREAK(t, table->private ++, table->private --, "counts");
	BREAK(t, __ClearPageType(table, PG_table), __SetPageType(table, PG_table), "that is none");
	BREAK(t, mm->rss_stat[MM_ANONPAGES]++, mm->rss_stat[MM_ANONPAGES]--, "anon entries, has");
	BREAK(t, mm->rss_stat[MM_SWAPENTS]++, mm->rss_stat[MM_SWAPENTS]--, "swap entries, has");
	BREAK(t, mm->pgtables_bytes += PAGE_SIZE, mm->pgtables_bytes -= PAGE_SIZE,
	      "bytes of tables");
	BREAK(t, mod_node_page_state(NODE_DATA(t->q, 0), NR_ANON_MAPPED, 1),
	      mod_node_page_state(NODE_DATA(t->q, 0), NR_ANON_MAPPED, -1), "frames mapped");
	/* An entry where there is no area. */
	BREAK(t, vma->vm_start += PAGE_SIZE; vma->vm_pgoff++, vma->vm_start -= PAGE_SIZE;
	      vma->vm_pgoff--, "lies in no area");
}

static void run_files(struct testbox *t, void *arg)
{
	u64 a = do_mmap(t->q, t->task->mm, 0, 8 << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS, NULL,
			0);
	struct vm_area_struct *vma;
	struct address_space *m;

	(void)arg;
	assert_false(IS_ERR_VALUE(a));
	touch(t, t->task, a, 8, 1);
	vma = find_vma(t->task->mm, a);
	m = vma_mapping(vma);
	BREAK(t, m->i_mmap_shared++, m->i_mmap_shared--, "shared areas, has");
	BREAK(t, list_del_init(&vma->shared_node), list_add(&vma->shared_node, &m->i_mmap),
	      "files list");
	BREAK(t, t->task->mm->rss_stat[MM_SHMEMPAGES]--, t->task->mm->rss_stat[MM_SHMEMPAGES]++,
	      "shmem entries");
}

static void run_tasks(struct testbox *t, void *arg)
{
	struct task *task = fork_task(t, t->task), *parent = task->parent;
	struct space_floor *sp = t->q->space;
	u64 stack = task->stack;

	(void)arg;
	BREAK(t, task->parent = sp->init_task, task->parent = parent, "does not know it");
	BREAK(t, task->tgid++, task->tgid--, "leads none");
	BREAK(t, task->signal->nr_threads++, task->signal->nr_threads--, "threads with");
	BREAK(t, sp->nr_processes++, sp->nr_processes--, "counted");
	BREAK(t, sp->nr_threads++, sp->nr_threads--, "counted");
	BREAK(t, task->usage = 0, task->usage = 1, "nobody refers");
	BREAK(t, task->stack = 0, task->stack = stack, "without a stack");
	BREAK(t, task->state = EXIT_ZOMBIE, task->state = TASK_RUNNING, "not given up everything");
	BREAK(t, task->state = EXIT_DEAD, task->state = TASK_RUNNING, "dead and still listed");
	BREAK(t, detach_pid(t->q, task), attach_pid(t->q, task), "does not lead to its task");
	BREAK(t, task->mm->mm_users = 0, task->mm->mm_users = 1, "users");
	BREAK(t, mod_node_page_state(NODE_DATA(t->q, 0), NR_KERNEL_STACK_KB, -(1L << 20)),
	      mod_node_page_state(NODE_DATA(t->q, 0), NR_KERNEL_STACK_KB, 1L << 20), "stacks");
	end_child(t, task);
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

static void test_entries(void **state)
{
	(void)state;
	run(run_entries);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_areas),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
