/* SPDX-License-Identifier: MIT */
/*
 * Pools of huge pages and mappings of them: promises, faults, copy on write,
 * fork, what is left when an owner needs its page, the files, broken invariants.
 */
#include "tests/space/hugetlb_test.h"

static u64 map(struct testbox *t, struct task *task, unsigned long n, int flags)
{
	return do_mmap(t->q, task->mm, 0, n * HUGE, RW, flags, NULL, 0);
}

/* ---- the pool -------------------------------------------------------------------- */

static void pool_fn(struct testbox *t, __unused void *arg)
{
	unsigned long free = free_frames(t), limit = vm_commit_limit(t->q);

	resize(t, 20);
	counts(t, 20, 20, 0, 0);
	assert_int_equal(free - free_frames(t), 20 * 512);
	assert_int_equal(limit - vm_commit_limit(t->q), 20 * 512 / 2);
	assert_int_equal(global_vm_event(t->q, HTLB_BUDDY_PGALLOC), 20);
	resize(t, 5);
	counts(t, 5, 5, 0, 0);
	resize(t, 100000); /* as many as there are */
	assert_true(pool(t)->nr_huge_pages > 80 && pool(t)->nr_huge_pages < 128);
	assert_int_equal(pool(t)->max_huge_pages, pool(t)->nr_huge_pages);
	assert_int_equal(global_vm_event(t->q, HTLB_BUDDY_PGALLOC_FAIL), 1);
	testbox_verify(t);
	resize(t, 0);
	counts(t, 0, 0, 0, 0);
}

static void test_pool(__unused void **state)
{
	in_box(pool_fn, &one_node);
}

static void nodes_fn(struct testbox *t, __unused void *arg)
{
	struct hstate *h = pool(t);
	nodemask_t second = {{0}};

	resize(t, 9); /* in turn */
	assert_int_equal(h->nr_huge_pages_node[0], 5);
	assert_int_equal(h->nr_huge_pages_node[1], 4);
	assert_int_equal(set_max_huge_pages(t->q, h, 10, 1, NULL), 0);
	assert_int_equal(h->nr_huge_pages_node[0], 5);
	assert_int_equal(h->nr_huge_pages_node[1], 10);
	node_set(&second, 1);
	assert_int_equal(set_max_huge_pages(t->q, h, 17, NUMA_NO_NODE, &second), 0);
	assert_int_equal(h->nr_huge_pages_node[1], 12);
	assert_int_equal(set_max_huge_pages(t->q, h, 0, 0, NULL), 0);
	assert_int_equal(h->nr_huge_pages_node[0], 0);
	counts(t, 12, 12, 0, 0);
	/* Bound to a node without any: no promise. */
	assert_int_equal(set_mempolicy(t->q, t->task,
				       &(struct mempolicy){.mode = MPOL_BIND, .nodes = {{1}}}),
			 0);
	assert_int_equal(map(t, t->task, 1, HUGEMAP), (u64)-ENOMEM);
	counts(t, 12, 12, 0, 0);
}

static void test_nodes(__unused void **state)
{
	in_box(nodes_fn, &(struct testbox_config){.nr_nodes = 2, .node_mb = {128, 128}});
}

static void giga_fn(struct testbox *t, __unused void *arg)
{
	struct hstate *h = size_to_hstate(t->q, 1UL << 30);
	u64 addr;

	assert_int_equal(set_max_huge_pages(t->q, h, 5, NUMA_NO_NODE, NULL), 0);
	assert_true(h->nr_huge_pages >= 1 && h->nr_huge_pages <= 2);
	testbox_verify(t);
	addr = do_mmap(t->q, t->task->mm, 0, 4096, RW, GIGA, NULL, 0);
	assert_false(IS_ERR_VALUE(addr));
	assert_true(IS_ALIGNED(addr, 1UL << 30));
	assert_true(touch_one(t, t->task, addr + 5 * HUGE, 7));
	assert_true(touch_one(t, t->task, addr + 300 * HUGE + 8192, 8));
	assert_int_equal(t->task->min_flt, 1);
	assert_int_equal(peek(t, t->task, addr + 5 * HUGE), CONTENT(CONTENT_SAME, 7));
	assert_int_equal(t->task->mm->hugetlb_usage, 1L << 18);
	testbox_verify(t);
	assert_int_equal(set_overcommit_huge_pages(t->q, h, 1), -EINVAL);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 1UL << 30), 0);
	assert_int_equal(set_max_huge_pages(t->q, h, 0, NUMA_NO_NODE, NULL), 0);
	assert_int_equal(h->nr_huge_pages, 0);
	testbox_verify(t);
}

static void test_giga(__unused void **state)
{
	in_box(giga_fn, &(struct testbox_config){.node_mb = {3072}});
}

/* ---- mappings -------------------------------------------------------------------- */

static void map_fn(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	unsigned long pgfault;
	u64 addr;

	resize(t, 10);
	assert_int_equal(map(t, task, 11, HUGEMAP), (u64)-ENOMEM);
	assert_int_equal(map(t, task, 1, HUGEMAP | 29 << 26), (u64)-EINVAL);
	addr = do_mmap(t->q, task->mm, 0, 7 * HUGE + 1, RW, HUGEMAP, NULL, 0);
	assert_true(IS_ALIGNED(addr, HUGE));
	counts(t, 10, 10, 8, 0);
	assert_int_equal(map(t, task, 3, HUGEMAP), (u64)-ENOMEM);
	pgfault = global_vm_event(t->q, PGFAULT);
	assert_true(touch_one(t, task, addr, 5));
	assert_true(touch_one(t, task, addr + HUGE - PAGE_SIZE, 6));
	assert_true(touch_one(t, task, addr + 3 * HUGE, 0)); /* a read takes one too */
	assert_int_equal(global_vm_event(t->q, PGFAULT) - pgfault, 2);
	assert_int_equal(peek(t, task, addr), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(peek(t, task, addr + PAGE_SIZE), 0);
	assert_true(touch_one(t, task, addr + 3 * HUGE, 9)); /* alone: no copy */
	counts(t, 10, 8, 6, 0);
	assert_int_equal(task->mm->hugetlb_usage, 2 * 512);
	/* In use or promised pages stay; they are surplus now. */
	resize(t, 0);
	counts(t, 8, 6, 6, 8);
	resize(t, 10);
	counts(t, 10, 8, 6, 0);
	assert_int_equal(do_munmap(t->q, task->mm, addr + PAGE_SIZE, HUGE), -EINVAL);
	assert_int_equal(do_munmap(t->q, task->mm, addr + 2 * HUGE, 2 * HUGE), 0);
	counts(t, 10, 9, 5, 0);
	assert_int_equal(madvise_dontneed(t->q, task->mm, addr, HUGE), 0);
	counts(t, 10, 10, 5, 0); /* the promise is used up */
	assert_true(touch_one(t, task, addr, 1));
	counts(t, 10, 9, 5, 0);
	assert_int_equal(do_mprotect(t->q, task->mm, addr, 2 * HUGE, PROT_READ), 0);
	assert_false(touch_one(t, task, addr, 2));
	assert_int_equal(task->signal->exit_code, SIGSEGV);
}

static void test_map(__unused void **state)
{
	in_box(map_fn, &one_node);
}

static void noreserve_fn(struct testbox *t, __unused void *arg)
{
	u64 addr;

	resize(t, 2);
	addr = map(t, t->task, 3, HUGEMAP | MAP_NORESERVE);
	assert_false(IS_ERR_VALUE(addr));
	counts(t, 2, 2, 0, 0);
	assert_true(touch_one(t, t->task, addr, 1));
	assert_true(touch_one(t, t->task, addr + HUGE, 1));
	counts(t, 2, 0, 0, 0);
	assert_false(touch_one(t, t->task, addr + 2 * HUGE, 1));
	assert_int_equal(t->task->signal->exit_code, SIGBUS);
}

static void test_noreserve(__unused void **state)
{
	in_box(noreserve_fn, &one_node);
}

static void overcommit_fn(struct testbox *t, __unused void *arg)
{
	u64 addr;

	resize(t, 2);
	assert_int_equal(set_overcommit_huge_pages(t->q, pool(t), 3), 0);
	assert_int_equal(map(t, t->task, 6, HUGEMAP), (u64)-ENOMEM);
	counts(t, 2, 2, 0, 0);
	addr = map(t, t->task, 5, HUGEMAP);
	assert_false(IS_ERR_VALUE(addr));
	counts(t, 5, 5, 5, 3);
	assert_true(touch_one(t, t->task, addr, 1));
	counts(t, 5, 4, 4, 3);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 5 * HUGE), 0);
	counts(t, 2, 2, 0, 0);
	addr = map(t, t->task, 4, HUGEMAP | MAP_NORESERVE);
	for (unsigned long i = 0; i < 4; i++)
		assert_true(touch_one(t, t->task, addr + i * HUGE, 1));
	counts(t, 4, 0, 0, 2);
}

static void test_overcommit(__unused void **state)
{
	in_box(overcommit_fn, &one_node);
}

static void shared_fn(struct testbox *t, __unused void *arg)
{
	struct task *child;
	u64 addr;

	resize(t, 4);
	addr = map(t, t->task, 4, SHARED);
	assert_false(IS_ERR_VALUE(addr));
	counts(t, 4, 4, 4, 0);
	assert_true(touch_one(t, t->task, addr, 3));
	counts(t, 4, 3, 3, 0);
	child = fork_task(t, t->task);
	assert_true(touch_one(t, child, addr, 0));
	assert_int_equal(peek(t, child, addr), CONTENT(CONTENT_SAME, 3));
	assert_true(touch_one(t, child, addr + HUGE, 4));
	assert_true(touch_one(t, t->task, addr + HUGE, 0));
	assert_int_equal(peek(t, t->task, addr + HUGE), CONTENT(CONTENT_SAME, 4));
	counts(t, 4, 2, 2, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 4 * HUGE), 0);
	counts(t, 4, 2, 2, 0); /* the child has it still */
	end_child(t, child);
	counts(t, 4, 4, 0, 0);
}

static void test_shared(__unused void **state)
{
	in_box(shared_fn, &one_node);
}

static void fork_fn(struct testbox *t, __unused void *arg)
{
	struct task *child, *orphan;
	u64 addr;

	resize(t, 3);
	addr = map(t, t->task, 2, HUGEMAP);
	assert_true(touch_one(t, t->task, addr, 3));
	assert_true(touch_one(t, t->task, addr + HUGE, 4));
	child = fork_task(t, t->task);
	counts(t, 3, 1, 0, 0);
	assert_int_equal(child->mm->hugetlb_usage, 2 * 512);
	assert_true(touch_one(t, child, addr, 5)); /* takes the last one */
	counts(t, 3, 0, 0, 0);
	assert_int_equal(peek(t, child, addr), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(peek(t, t->task, addr), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(peek(t, child, addr + HUGE), CONTENT(CONTENT_SAME, 4));
	/* The owner's write may not fail: the child loses the page. */
	assert_true(touch_one(t, t->task, addr + HUGE, 6));
	counts(t, 3, 0, 0, 0);
	assert_int_equal(child->mm->hugetlb_usage, 512);
	assert_false(touch_one(t, child, addr + HUGE, 0));
	assert_int_equal(child->signal->exit_code, SIGBUS);
	end_child(t, child);
	counts(t, 3, 1, 0, 0);
	/* A child that finds the pool empty gets SIGBUS. */
	orphan = fork_task(t, t->task);
	resize(t, 2);
	counts(t, 2, 0, 0, 0);
	assert_false(touch_one(t, orphan, addr, 7));
	assert_int_equal(orphan->signal->exit_code, SIGBUS);
	end_child(t, orphan);
}

static void test_fork(__unused void **state)
{
	in_box(fork_fn, &one_node);
}

/* ---- what the files say ---------------------------------------------------------- */

static void files_fn(struct testbox *t, __unused void *arg)
{
	struct proc_entry proc = proc_root(), sys = sysfs_root(), e;
	char status[64], smaps[64];
	u64 addr;

	e = find(t, sys, "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	assert_int_equal(proc_write(t->q, e, "6\n", 2), 2);
	assert_true(proc_write(t->q, e, "x\n", 2) < 0);
	e = find(t, sys, "kernel/mm/hugepages/hugepages-1048576kB/nr_overcommit_hugepages");
	assert_int_equal(proc_write(t->q, e, "6\n", 2), -EINVAL);
	addr = map(t, t->task, 4, HUGEMAP);
	assert_true(touch_one(t, t->task, addr, 3));
	expect(t, proc, "sys/vm/nr_hugepages", "6\n");
	expect(t, proc, "meminfo",
	       "HugePages_Total:       6\nHugePages_Free:        5\n"
	       "HugePages_Rsvd:        3\nHugePages_Surp:        0\n"
	       "Hugepagesize:       2048 kB\nHugetlb:           12288 kB\n");
	expect(t, sys, "devices/system/node/node0/meminfo",
	       "Node 0 HugePages_Total:     6\nNode 0 HugePages_Free:      5\n"
	       "Node 0 HugePages_Surp:      0\n");
	expect(t, sys, "devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages",
	       "5\n");
	expect(t, sys, "kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "3\n");
	expect(t, sys, "kernel/mm/hugepages/hugepages-1048576kB/demote_size", "2048kB\n");
	snprintf(status, sizeof(status), "%d/status", t->task->pid);
	snprintf(smaps, sizeof(smaps), "%d/smaps", t->task->pid);
	expect(t, proc, status, "HugetlbPages:\t    2048 kB\n");
	expect(t, proc, smaps, "/anon_hugepage (deleted)\n");
	expect(t, proc, smaps, "Private_Hugetlb:    2048 kB\n");
	expect(t, proc, smaps, "KernelPageSize:     2048 kB\n");
	expect(t, proc, smaps, " ht ");
	snprintf(smaps, sizeof(smaps), "%d/numa_maps", t->task->pid);
	expect(t, proc, smaps, " huge anon=1 dirty=1 active=0 N0=1 kernelpagesize_kB=2048\n");
}

static void test_files(__unused void **state)
{
	in_box(files_fn, &one_node);
}

/* ---- failing, breaking ----------------------------------------------------------- */

static void no_memory_fn(struct testbox *t, __unused void *arg)
{
	resize(t, 4);
	for (unsigned long n = 1; n < 8; n++) {
		struct task *child;
		u64 addr;

		testbox_fail_alloc(t, n);
		addr = map(t, t->task, 2, n & 1 ? HUGEMAP : SHARED);
		if (!IS_ERR_VALUE(addr)) {
			(void)touch_one(t, t->task, addr, 1);
			child = copy_process(t->q, t->task, 0);
			if (!IS_ERR(child))
				end_child(t, child);
			assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
		}
		testbox_fail_alloc(t, 0);
		counts(t, 4, 4, 0, 0);
	}
	testbox_fail_all_allocs(t);
	resize(t, 6);
	testbox_fail_alloc(t, 0);
	counts(t, 4, 4, 0, 0);
}

static void test_no_memory(__unused void **state)
{
	in_box(no_memory_fn, &one_node);
}

static void break_fn(struct testbox *t, __unused void *arg)
{
	struct hstate *h = pool(t);
	struct page *page, *free;
	pte_t *ptep;
	u64 addr;

	resize(t, 6);
	addr = map(t, t->task, 4, HUGEMAP);
	assert_true(touch_one(t, t->task, addr, 3));
	page = pfn_to_page(t->q, pte_pfn(*pt_walk(t->q, t->task->mm->pgd_pfn, addr, 2)));
	free = list_first_entry(&h->hugepage_freelists[0], struct page, lru);
	testbox_verify(t);
	BREAK(t, h->nr_huge_pages, 7, "its lists have 6, 5");
	BREAK(t, h->free_huge_pages, 4, "its lists have 6, 5");
	BREAK(t, h->nr_huge_pages_node[0], 5, "hugetlb: node 0 counts 5 pages");
	BREAK(t, h->surplus_huge_pages, 1, "hugetlb: 1 surplus pages");
	BREAK(t, h->resv_huge_pages, 2, "areas may claim 3");
	BREAK(t, h->resv_huge_pages, 6, "6 pages of 2048 kB are promised, 5 are free");
	BREAK(t, free->_refcount, 1, "is free and has users");
	BREAK(t, page->_refcount, 0, "fewer references than mappings");
	BREAK(t, page[1].compound_dtor, COMPOUND_PAGE_DTOR, "is no such page");
	BREAK(t, page[1].compound_mapcount, 1, "hugetlb: page");
	BREAK(t, page->index, 1, "whose index leads elsewhere");
	BREAK(t, t->task->mm->hugetlb_usage, 511, "counts 511 frames of pools, maps 512");
	BREAK(t, page[1].compound_dtor, COMPOUND_PAGE_DTOR, "maps a page that is of no pool");
	ptep = pt_walk(t->q, t->task->mm->pgd_pfn, addr, 2);
	BREAK(t, *ptep, (*ptep & (PAGE_SIZE - 1)) | (t->q->max_pfn << PAGE_SHIFT),
	      "maps a page of another size, or frames that do not exist");
	BREAK(t, free->flags, free->flags ^ (1UL << PAGE_NODE_SHIFT), "is on node 0's list");
	BREAK_LIST(t, &h->hugepage_activelist, "the used pages of 2048 kB are not a list");
	BREAK_LIST(t, &h->hugepage_freelists[0], "of node 0 are not a list");
}

static void test_break(__unused void **state)
{
	in_box(break_fn, &one_node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),	  cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_giga),	  cmocka_unit_test(test_map),
		cmocka_unit_test(test_noreserve), cmocka_unit_test(test_overcommit),
		cmocka_unit_test(test_shared),	  cmocka_unit_test(test_fork),
		cmocka_unit_test(test_files),	  cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
