/* SPDX-License-Identifier: MIT */
/*
 * The verifier sees what it is there for: each invariant of address spaces and
 * of tasks is broken on purpose, reported, and mended.
 */
#include "tests/verify/break.h"

static void run_area_numbers(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8);
	struct vm_area_struct *vma = find_vma(mm, a), *low = find_vma(mm, mm->start_code), *next;
	struct vm_area_struct *last = find_vma(mm, STACK_TOP - 1);
	struct vm_area_struct beyond = {.vm_start = ~0UL, .vm_end = ~0UL};
	struct vma_node *root = mm->mm_mt.root; /* a leaf: there are few areas */
	struct anon_vma *av;

	(void)arg;
	touch(t, t->task, a, 8, 1);
	av = vma->anon_vma;
	next = vma->vm_next;
	BREAK_BY(t, vma->vm_end += 1, vma->vm_end -= 1, "impossible bounds");
	BREAK_BY(t, low->vm_end += PAGE_SIZE, low->vm_end -= PAGE_SIZE, "overlaps");
	BREAK_BY(t, vma->vm_next = NULL, vma->vm_next = next, "neighbours differ");
	BREAK_BY(t, root->gap[1] += PAGE_SIZE, root->gap[1] -= PAGE_SIZE, "the tree says end 0x");
	BREAK_BY(t, root->end[0]--, root->end[0]++, "the tree says end 0x");
	BREAK_BY(t, root->end[root->nr]--, root->end[root->nr]++, "an empty slot of the tree");
	BREAK_BY(t, mm->mm_mt.nr_spare++, mm->mm_mt.nr_spare--, "an insertion that is over");
	BREAK_BY(t, last->vm_next = &beyond, last->vm_next = NULL, "behind the last area");
	BREAK_BY(t, vma->vm_mm = NULL, vma->vm_mm = mm, "belongs to another space");
	BREAK_BY(t, mm->map_count++, mm->map_count--, "areas, has");
	BREAK_BY(t, mm->total_vm++, mm->total_vm--, "total_vm");
	BREAK_BY(t, mm->locked_vm++, mm->locked_vm--, "locked");
	BREAK_BY(t, av->num_active_vmas++, av->num_active_vmas--, "use it");
	BREAK_BY(t, vma->anon_vma = av + 1, vma->anon_vma = av, "not chained to its anon_vma");
	BREAK_BY(t, t->q->space->vm_committed_as++, t->q->space->vm_committed_as--, "promised");
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
	BREAK_BY(t, page->_mapcount++, page->_mapcount--, "has a map count of 2");
	BREAK_BY(t, page->index++, page->index--, "index leads elsewhere");
	BREAK_BY(t, page->mapping = (void *)((u64)page->mapping + 512),
		 page->mapping = (void *)((u64)page->mapping - 512), "can't find it");
	BREAK_BY(t, *ptep = mk_pte(t->q->max_pfn, _PAGE_PRESENT), *ptep = old, "does not exist");
	BREAK_BY(t, *ptep = old | _PAGE_SPECIAL, *ptep = old, "not the zero page");
	BREAK_BY(t, vma->vm_flags &= ~VM_WRITE, vma->vm_flags |= VM_WRITE, "may be written");
	BREAK_BY(t, table->private ++, table->private --, "counts");
	BREAK_BY(t, __ClearPageType(table, PG_table), __SetPageType(table, PG_table),
		 "that is none");
	BREAK_BY(t, mm->rss_stat[MM_ANONPAGES]++, mm->rss_stat[MM_ANONPAGES]--,
		 "anon entries, has");
	BREAK_BY(t, mm->rss_stat[MM_SWAPENTS]++, mm->rss_stat[MM_SWAPENTS]--, "swap entries, has");
	BREAK_BY(t, mm->pgtables_bytes += PAGE_SIZE, mm->pgtables_bytes -= PAGE_SIZE,
		 "bytes of tables");
	BREAK_BY(t, mod_node_page_state(NODE_DATA(t->q, 0), NR_ANON_MAPPED, 1),
		 mod_node_page_state(NODE_DATA(t->q, 0), NR_ANON_MAPPED, -1), "frames mapped");
	/* An entry where there is no area. */
	BREAK_BY(t, vma->vm_start += PAGE_SIZE; vma->vm_pgoff++, vma->vm_start -= PAGE_SIZE;
		 vma->vm_pgoff--, "lies in no area");
}

static void run_shared_areas(struct testbox *t, void *arg)
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
	BREAK_BY(t, m->i_mmap_shared++, m->i_mmap_shared--, "shared areas, has");
	BREAK_BY(t, list_del_init(&vma->shared_node), list_add(&vma->shared_node, &m->i_mmap),
		 "files list");
	BREAK_BY(t, t->task->mm->rss_stat[MM_SHMEMPAGES]--, t->task->mm->rss_stat[MM_SHMEMPAGES]++,
		 "shmem entries");
}

static void run_task_numbers(struct testbox *t, void *arg)
{
	struct task *task = fork_task(t, t->task), *parent = task->parent;
	struct space_floor *sp = t->q->space;
	u64 stack = task->stack;

	(void)arg;
	BREAK_BY(t, task->parent = sp->init_task, task->parent = parent, "does not know it");
	BREAK_BY(t, task->tgid++, task->tgid--, "leads none");
	BREAK_BY(t, task->signal->nr_threads++, task->signal->nr_threads--, "threads with");
	BREAK_BY(t, sp->nr_processes++, sp->nr_processes--, "counted");
	BREAK_BY(t, sp->nr_threads++, sp->nr_threads--, "counted");
	BREAK_BY(t, task->usage = 0, task->usage = 1, "nobody refers");
	BREAK_BY(t, task->stack = 0, task->stack = stack, "without a stack");
	BREAK_BY(t, task->state = EXIT_ZOMBIE, task->state = TASK_RUNNING,
		 "not given up everything");
	BREAK_BY(t, task->state = EXIT_DEAD, task->state = TASK_RUNNING, "dead and still listed");
	BREAK_BY(t, detach_pid(t->q, task), attach_pid(t->q, task), "does not lead to its task");
	BREAK_BY(t, task->mm->mm_users = 0, task->mm->mm_users = 1, "users");
	BREAK_BY(t, mod_node_page_state(NODE_DATA(t->q, 0), NR_KERNEL_STACK_KB, -(1L << 20)),
		 mod_node_page_state(NODE_DATA(t->q, 0), NR_KERNEL_STACK_KB, 1L << 20), "stacks");
	end_child(t, task);
}

static u64 map_shared(struct testbox *t, unsigned long n)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, n << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS,
			   NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static void run_area_lists(struct testbox *t, void *arg)
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
	BREAK(t, mm->mm_mt.root->nr, VMA_NODE_SLOTS + 1, "has a node of");
	BREAK_LIST(t, &t->q->space->mms, "the list of address spaces is not a list");
}

static void run_file_areas(struct testbox *t, void *arg)
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
	BREAK(t, *pte_of(t, t->task, anon), make_pte_marker(PTE_MARKER_UFFD_WP),
	      "is a marker in an area without a file");
}

static void run_task_lists(struct testbox *t, void *arg)
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

typedef void (*run_fn)(struct testbox *t, void *arg);

static void on_box(void **state)
{
	testbox_once(&(struct testbox_config){0}, *(run_fn *)*state);
}

#define TEST(fn)                                   \
	{                                          \
#fn, on_box, NULL, NULL, &(run_fn) \
		{                                  \
			fn                         \
		}                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(run_area_numbers), TEST(run_entries),    TEST(run_shared_areas),
		TEST(run_task_numbers), TEST(run_area_lists), TEST(run_file_areas),
		TEST(run_task_lists),	TEST(run_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
