/* SPDX-License-Identifier: MIT */
/*
 * Transparent huge pages: faults, the zero page, fork and copy on write, parts
 * that go, splitting, the queue of those to be split, and invariants broken on
 * purpose.
 */
#include "thp_test.h"

static struct testbox *box(void)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	thp_on(t);
	return t;
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box();

	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- faults ---------------------------------------------------------------------- */

static void do_fault(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	unsigned long free = free_frames(t), faults, tables;
	u64 a = map_huge(t, task, 2);
	struct page *page;

	tables = (unsigned long)task->mm->pgtables_bytes;
	faults = event(t, PGFAULT);
	touch(t, task, a + 5 * PAGE_SIZE, 1, 7);
	assert_true(is_huge(t, task, a));
	assert_int_equal(event(t, THP_FAULT_ALLOC), 1);
	assert_int_equal(event(t, PGFAULT), faults + 1);
	assert_int_equal(anon(task), HPAGES);
	assert_int_equal(global_node_page_state(t->q, NR_ANON_THPS), HPAGES);
	page = huge_at(t, task, a);
	assert_true(PageTransHuge(page) && PageLRU(page) && PageSwapBacked(page));
	assert_int_equal(compound_mapcount(page), 1);
	assert_int_equal(page_mapcount(page + 77), 1);
	assert_int_equal(page_ref_count(page), 1);
	assert_int_equal(page_ref_count(page + 1), 0);
	assert_int_equal(node_page_state(page_pgdat(t->q, page), NR_INACTIVE_ANON) +
					 node_page_state(page_pgdat(t->q, page), NR_ACTIVE_ANON) >=
				 HPAGES,
			 true);
	/* The rest is there, and is one's own. */
	faults = event(t, PGFAULT);
	touch(t, task, a, HPAGES, 9);
	assert_int_equal(event(t, PGFAULT), faults);
	touch(t, task, a + 5 * PAGE_SIZE, 1, 8);
	assert_int_equal(peek(t, task, a + 4 * PAGE_SIZE), CONTENT(CONTENT_SAME, 9));
	assert_int_equal(peek(t, task, a + 5 * PAGE_SIZE), CONTENT(CONTENT_SAME, 8));
	/* The next stretch is another page; beyond the area small ones. */
	touch(t, task, a + PMD_SIZE, 1, 1);
	assert_int_equal(anon(task), 2 * HPAGES);
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, task->mm, a, 2 * PMD_SIZE), 0);
	assert_int_equal(anon(task), 0);
	assert_int_equal(global_node_page_state(t->q, NR_ANON_THPS), 0);
	assert_int_equal(task->mm->pgtables_bytes, tables);
	assert_true(free_frames(t) + 8 >= free);
	testbox_verify(t);
}

static void test_fault(__unused void **state)
{
	run(do_fault);
}

static void do_settings(struct testbox *t, __unused void *arg)
{
	struct huge_floor *h = t->q->space->huge;
	struct task *task = t->task;
	u64 a = map_huge(t, task, 3);

	h->flags &= ~BIT(TRANSPARENT_HUGEPAGE_FLAG);
	touch(t, task, a, 1, 1);
	assert_false(is_huge(t, task, a));
	h->flags |= BIT(TRANSPARENT_HUGEPAGE_REQ_MADV_FLAG);
	touch(t, task, a + PMD_SIZE, 1, 1);
	assert_false(is_huge(t, task, a + PMD_SIZE));
	find_vma(task->mm, a)->vm_flags |= VM_HUGEPAGE;
	touch(t, task, a + 2 * PMD_SIZE, 1, 1);
	assert_true(is_huge(t, task, a + 2 * PMD_SIZE));
	find_vma(task->mm, a)->vm_flags &= ~VM_HUGEPAGE;
	assert_int_equal(event(t, THP_FAULT_FALLBACK), 0);
	/* None to be had: a small one, and it is counted. */
	h->flags |= BIT(TRANSPARENT_HUGEPAGE_FLAG);
	a = map_huge(t, task, 1);
	testbox_fail_alloc(t, 1);
	touch(t, task, a, 1, 1);
	assert_int_equal(t->failed, 1);
	assert_false(is_huge(t, task, a));
	assert_int_equal(event(t, THP_FAULT_FALLBACK), 1);
	testbox_verify(t);
	/* No memory for the table that is put by: the fault is tried again. */
	a = map_huge(t, task, 1);
	testbox_fail_alloc(t, 2);
	touch(t, task, a, 1, 1);
	assert_true(is_huge(t, task, a));
	testbox_verify(t);
}

static void test_settings(__unused void **state)
{
	run(do_settings);
}

static void do_zero(struct testbox *t, __unused void *arg)
{
	struct huge_floor *h = t->q->space->huge;
	struct task *task = t->task;
	u64 a = map_huge(t, task, 2);

	touch(t, task, a, HPAGES, 0);
	assert_true(is_huge(t, task, a) && pte_special(*pmd_of(t, task, a)));
	assert_int_equal(anon(task), 0);
	assert_int_equal(event(t, THP_ZERO_PAGE_ALLOC), 1);
	assert_int_equal(h->huge_zero_refcount, 2);
	touch(t, task, a + PMD_SIZE, 1, 0);
	assert_int_equal(h->huge_zero_refcount, 2);
	testbox_verify(t);
	/* A write copies one small page, and cuts the entry. */
	touch(t, task, a + 3 * PAGE_SIZE, 1, 5);
	assert_false(is_huge(t, task, a));
	assert_int_equal(event(t, THP_SPLIT_PMD), 1);
	assert_int_equal(anon(task), 1);
	assert_int_equal(peek(t, task, a + 2 * PAGE_SIZE), 0);
	assert_int_equal(peek(t, task, a + 3 * PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
	testbox_verify(t);
	end_child(t, fork_task(t, task));
	testbox_verify(t);
}

static void test_zero(__unused void **state)
{
	struct testbox *t = box();
	struct huge_floor *h = t->q->space->huge;

	testbox_run(t, do_zero, NULL);
	testbox_verify(t);
	/* Nobody uses it: the shrinker takes it. */
	assert_int_equal(h->huge_zero_refcount, 1);
	{
		struct shrink_control sc = {.gfp = GFP_KERNEL, .nr_to_scan = 1};

		assert_int_equal(h->zero_shrinker.count_objects(t->q, &h->zero_shrinker, &sc),
				 HPAGES);
		assert_int_equal(h->zero_shrinker.scan_objects(t->q, &h->zero_shrinker, &sc),
				 HPAGES);
	}
	assert_null(h->huge_zero_page);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- fork ------------------------------------------------------------------------ */

static void do_fork(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task, *child;
	u64 a = map_huge(t, task, 1);
	struct page *page;

	touch(t, task, a, HPAGES, 3);
	page = huge_at(t, task, a);
	child = fork_task(t, task);
	assert_ptr_equal(huge_at(t, child, a), page);
	assert_int_equal(compound_mapcount(page), 2);
	assert_int_equal(anon(child), anon(task));
	assert_int_equal(global_node_page_state(t->q, NR_ANON_THPS), HPAGES);
	testbox_verify(t);
	/* A write cuts the writer's entry and copies one page. */
	touch(t, task, a + PAGE_SIZE, 1, 4);
	assert_false(is_huge(t, task, a));
	assert_true(is_huge(t, child, a));
	assert_true(PageDoubleMap(page));
	assert_int_equal(page_mapcount(page), 2);
	assert_int_equal(page_mapcount(page + 1), 1);
	assert_int_equal(peek(t, child, a + PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(peek(t, task, a + PAGE_SIZE), CONTENT(CONTENT_SAME, 4));
	assert_int_equal(peek(t, task, a + 2 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	testbox_verify(t);
	end_child(t, fork_task(t, task)); /* entries of level 1 that map a huge page */
	testbox_verify(t);
	/* The child's goes: page 1 is nobody's, the huge page is to be split. */
	end_child(t, child);
	assert_false(PageDoubleMap(page));
	assert_int_equal(event(t, THP_DEFERRED_SPLIT_PAGE), 1);
	assert_int_equal(global_node_page_state(t->q, NR_ANON_THPS), 0);
	testbox_verify(t);
}

static void do_fork_reuse(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 1);

	touch(t, task, a, 1, 3);
	end_child(t, fork_task(t, task));
	assert_false(pte_write(*pmd_of(t, task, a)));
	/* Nobody else has it any more: it is written as a whole. */
	touch(t, task, a, 1, 4);
	assert_true(is_huge(t, task, a));
	assert_true(pte_write(*pmd_of(t, task, a)));
	assert_int_equal(event(t, THP_SPLIT_PMD), 0);
	testbox_verify(t);
	/* No memory for the child's table: no child, nothing lost. */
	for (unsigned long n = 1; n < 20; n++) {
		struct task *child;

		testbox_fail_alloc(t, n);
		child = copy_process(t->q, task, 0);
		testbox_fail_alloc(t, 0);
		if (!IS_ERR(child))
			end_child(t, child);
		testbox_verify(t);
	}
}

static void test_fork(__unused void **state)
{
	run(do_fork);
	run(do_fork_reuse);
}

/* ---- parts ----------------------------------------------------------------------- */

static void do_parts(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 3);
	struct page *page;

	touch(t, task, a, 3 * HPAGES, 3);
	/* MADV_DONTNEED of a part. */
	page = huge_at(t, task, a);
	assert_int_equal(madvise_dontneed(t->q, task->mm, a, 100 * PAGE_SIZE), 0);
	assert_false(is_huge(t, task, a));
	assert_int_equal(anon(task), 3 * HPAGES - 100);
	assert_int_equal(event(t, THP_SPLIT_PMD), 1);
	assert_int_equal(event(t, THP_DEFERRED_SPLIT_PAGE), 1);
	assert_true(PageTransHuge(page));
	testbox_verify(t);
	touch(t, task, a, 100, 6); /* small ones come in its place */
	assert_int_equal(peek(t, task, a + 100 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(peek(t, task, a + 99 * PAGE_SIZE), CONTENT(CONTENT_SAME, 6));
	/* munmap of a part. */
	assert_int_equal(do_munmap(t->q, task->mm, a + PMD_SIZE + 8 * PAGE_SIZE, 8 * PAGE_SIZE), 0);
	assert_false(is_huge(t, task, a + PMD_SIZE));
	assert_int_equal(anon(task), 3 * HPAGES - 8);
	testbox_verify(t);
	/* mprotect of the whole, then of a part. */
	assert_int_equal(do_mprotect(t->q, task->mm, a + 2 * PMD_SIZE, PMD_SIZE, PROT_READ), 0);
	assert_true(is_huge(t, task, a + 2 * PMD_SIZE));
	assert_false(pte_write(*pmd_of(t, task, a + 2 * PMD_SIZE)));
	testbox_verify(t);
	assert_int_equal(do_mprotect(t->q, task->mm, a + 2 * PMD_SIZE, PMD_SIZE, RW), 0);
	touch(t, task, a + 2 * PMD_SIZE, 1, 2);
	assert_true(is_huge(t, task, a + 2 * PMD_SIZE));
	assert_int_equal(do_mprotect(t->q, task->mm, a + 2 * PMD_SIZE, 16 * PAGE_SIZE, PROT_READ),
			 0);
	assert_false(is_huge(t, task, a + 2 * PMD_SIZE));
	testbox_verify(t);
}

static void test_parts(__unused void **state)
{
	run(do_parts);
}

static void do_mlock_huge(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 1);
	struct page *page;

	touch(t, task, a, 1, 3);
	page = huge_at(t, task, a);
	assert_int_equal(do_mlock(t->q, task->mm, a, PMD_SIZE, true), 0);
	assert_true(PageMlocked(page));
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), HPAGES);
	testbox_verify(t);
	assert_int_equal(do_mlock(t->q, task->mm, a, PMD_SIZE, false), 0);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 0);
	assert_int_equal(do_mlock(t->q, task->mm, a, PMD_SIZE, true), 0);
	assert_int_equal(do_mlock(t->q, task->mm, a, PAGE_SIZE, false), 0); /* cuts it */
	assert_false(is_huge(t, task, a));
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 0);
	testbox_verify(t);
}

static void test_mlock(__unused void **state)
{
	run(do_mlock_huge);
}

/* ---- splitting ------------------------------------------------------------------- */

static void do_split(struct testbox *t, __unused void *arg)
{
	struct huge_floor *h = t->q->space->huge;
	struct task *task = t->task, *child;
	u64 a = map_huge(t, task, 2);
	unsigned long free;
	struct page *page;

	touch(t, task, a, 2 * HPAGES, 3);
	page = huge_at(t, task, a);
	child = fork_task(t, task);
	lru_add_drain_all(t->q);
	/* Someone else's reference: not now. */
	get_page(page);
	assert_true(trylock_page(page));
	assert_true(can_split_huge_page(page) == false || page_ref_count(page) == 3);
	get_page(page);
	assert_int_equal(split_huge_page(t->q, page), -EAGAIN);
	put_page(t->q, page);
	assert_int_equal(split_huge_page(t->q, page), 0);
	unlock_page(t->q, page);
	put_page(t->q, page);
	assert_int_equal(event(t, THP_SPLIT_PAGE), 1);
	assert_int_equal(event(t, THP_SPLIT_PAGE_FAILED), 1);
	assert_int_equal(event(t, THP_SPLIT_PMD), 2);
	assert_false(PageCompound(page) || PageCompound(page + 1));
	assert_int_equal(page_mapcount(page + 9), 2);
	assert_int_equal(page_ref_count(page + 9), 2);
	assert_true(PageLRU(page + 9) && !PageLocked(page + 9));
	testbox_verify(t);
	assert_int_equal(peek(t, child, a + 9 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	end_child(t, child);
	/* The queue: parts that nobody maps come free when it is split. */
	assert_int_equal(madvise_dontneed(t->q, task->mm, a + PMD_SIZE, 500 * PAGE_SIZE), 0);
	free = free_frames(t);
	assert_int_equal(h->split[0].len, 1);
	{
		struct shrink_control sc = {.gfp = GFP_KERNEL, .nr_to_scan = 10};

		assert_int_equal(h->split_shrinker.count_objects(t->q, &h->split_shrinker, &sc), 1);
		assert_int_equal(h->split_shrinker.scan_objects(t->q, &h->split_shrinker, &sc), 1);
	}
	assert_int_equal(h->split[0].len, 0);
	assert_int_equal(free_frames(t), free + 500);
	testbox_verify(t);
}

static void test_split(__unused void **state)
{
	run(do_split);
}

static void do_memcg(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *cg = mem_cgroup_create(t->q, t->q->group->root, "thp");
	struct task *child = fork_task(t, t->task);
	unsigned long before;
	u64 a;

	assert_int_equal(task_set_memcg(t->q, child, cg), 0);
	before = (unsigned long)cg->memory.usage;
	a = map_huge(t, child, 2);
	touch(t, child, a, 1, 1);
	assert_int_equal(cg->memory.usage, before + HPAGES);
	assert_int_equal(memcg_page_state(t->q, cg, NR_ANON_THPS), HPAGES);
	testbox_verify(t);
	/* A limit that one more would pass: small pages come. */
	mem_cgroup_set_max(t->q, cg, cg->memory.usage + 100);
	t->q->space->huge->flags |= BIT(TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG);
	touch(t, child, a + PMD_SIZE, 1, 1);
	assert_false(is_huge(t, child, a + PMD_SIZE));
	assert_int_equal(event(t, THP_FAULT_FALLBACK_CHARGE), 1);
	testbox_verify(t);
	assert_int_equal(madvise_dontneed(t->q, child->mm, a, 12 * PAGE_SIZE), 0);
	testbox_verify(t);
	end_child(t, child);
	testbox_verify(t);
}

static void test_memcg(__unused void **state)
{
	run(do_memcg);
}

/* ---- invariants ------------------------------------------------------------------ */

static void do_break(struct testbox *t, __unused void *arg)
{
	struct huge_floor *h = t->q->space->huge;
	struct task *task = t->task;
	u64 a = map_huge(t, task, 4);
	struct page *page, *table;
	pte_t *pmdp;

	touch(t, task, a, 3 * HPAGES, 3);
	touch(t, task, a + 3 * PMD_SIZE, 1, 0);
	page = huge_at(t, task, a);
	pmdp = pmd_of(t, task, a);
	table = virt_to_page(t->q, pmdp);
	testbox_verify(t);
	BREAK(t, page[1].compound_mapcount, 1, "has a map count");
	BREAK(t, page[7]._mapcount, 0, "has a map count of 2");
	BREAK(t, page->index, page->index + 1, "index leads elsewhere");
	BREAK(t, find_vma(task->mm, a)->vm_end, a + PAGE_SIZE,
	      "maps a huge page that its area can't hold");
	BREAK(t, page[1].compound_dtor, COMPOUND_PAGE_DTOR, "maps a huge page that is none");
	BREAK(t, table->pmd_huge_pte, NULL, "tables put by for it");
	BREAK(t, table->pmd_huge_pte->private, 1, "has a table put by that is none, or not empty");
	BREAK(t, *pmdp, *pmdp | _PAGE_SPECIAL, "is special and not the huge zero page");
	BREAK(t, task->mm->rss_stat[MM_ANONPAGES], 5, "anon entries");
	BREAK_BY(t, mod_node_page_state(page_pgdat(t->q, page), NR_ANON_THPS, 1),
		 mod_node_page_state(page_pgdat(t->q, page), NR_ANON_THPS, -1),
		 "frames mapped by huge entries");
	BREAK(t, h->huge_zero_refcount, 7, "the huge zero page counts 7 users");
	assert_int_equal(madvise_dontneed(t->q, task->mm, a, PAGE_SIZE), 0);
	BREAK(t, h->split[0].len, 5, "counts 5 pages to be split");
	BREAK_LIST(t, &h->split[0].queue, "to be split are not a list");
	BREAK(t, page[1].compound_dtor, COMPOUND_PAGE_DTOR, "is to be split and is no huge page");
	/* Found in the middle of a table too. */
	touch(t, task, a, 1, 3);
	page = page_at(t, task, a + 5 * PAGE_SIZE);
	BREAK(t, page->_mapcount, 3, "has a map count of 4");
	assert_true(task->mm->flags & BIT(MMF_VM_HUGEPAGE));
	BREAK(t, task->mm->khugepaged_slot->mm, t->q->space->init_task->mm, "is not that space's");
	BREAK_LIST(t, &h->khugepaged.mm_head, "khugepaged's spaces are not a list");
	BREAK(t, task->mm->flags, 0, "say it knows them");
}

static void test_break(__unused void **state)
{
	run(do_break);
}

/* ---- what they gain ----------------------------------------------------------------- */

/* Virtual ns of reading n pages in order, once the TLB knows what it can. */
static u64 time_to_read(struct testbox *t, u64 a, unsigned long n)
{
	u64 began, took = ~0UL;

	/* The shortest of some: a turn of somebody else may come between. */
	for (int i = 0; i < 5; i++) {
		model_sleep(t->m, NSEC_PER_MSEC);
		began = quire_clock(t->q);
		touch(t, t->task, a, n, 0);
		took = min(took, quire_clock(t->q) - began);
	}
	return took;
}

static void tlb_reach(struct testbox *t, __unused void *arg)
{
	const unsigned long n = 2 * HPAGES; /* as many again as the TLB has entries */
	u64 small, a = map_huge(t, t->task, 2), b = map_huge(t, t->task, 2);
	u64 walks = n * t->q->cost.walk, content;

	touch(t, t->task, a, n, 5);
	small = time_to_read(t, a, n);
	thp_on(t);
	touch(t, t->task, b, n, 5);
	assert_true(is_huge(t, t->task, b) && is_huge(t, t->task, b + PMD_SIZE));
	/* Two entries reach it all: no walk is left. */
	assert_in_range(time_to_read(t, b, n), small - walks, small - walks + 4 * t->q->cost.walk);
	/* A flush of one page ends the entry of the whole. */
	assert_int_equal(do_mprotect(t->q, t->task->mm, b, PAGE_SIZE, PROT_READ), 0);
	touch(t, t->task, b + PAGE_SIZE, n - 1, 6);
	assert_true(mmu_peek(t->m, t->task, b + PAGE_SIZE, &content));
	assert_int_equal(content, CONTENT(CONTENT_SAME, 6));
	assert_int_equal(peek(t, t->task, b), CONTENT(CONTENT_SAME, 5));
}

static void test_tlb_reach(__unused void **state)
{
	testbox_once(&(struct testbox_config){.nr_nodes = 1}, tlb_reach);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fault), cmocka_unit_test(test_settings),
		cmocka_unit_test(test_zero),  cmocka_unit_test(test_fork),
		cmocka_unit_test(test_parts), cmocka_unit_test(test_mlock),
		cmocka_unit_test(test_split), cmocka_unit_test(test_memcg),
		cmocka_unit_test(test_break), cmocka_unit_test(test_tlb_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
