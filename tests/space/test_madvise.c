/* SPDX-License-Identifier: MIT */
/*
 * madvise(): lazily freed, cold and paged-out pages, reading ahead, populating,
 * flags of areas; of small pages and of huge ones.
 */
#include "thp_test.h"

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.disk = true, .swap_mb = 64});
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box();

	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static int advise(struct testbox *t, u64 a, unsigned long n, int behavior)
{
	return do_madvise(t->q, t->task->mm, a, n << PAGE_SHIFT, behavior);
}

/* Reclaims all that can be: a process that takes nearly everything. */
static void squeeze(struct testbox *t)
{
	struct mem_cgroup *root = t->q->group->root;

	for (int i = 0; i < 8; i++)
		(void)t->q->group->ops.try_to_free_mem_cgroup_pages(t->q, root, 100000, GFP_KERNEL);
}

/* ---- MADV_FREE ------------------------------------------------------------------- */

static void do_free(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_anon(t, task, 64);
	struct page *page;

	touch(t, task, a, 64, 5);
	lru_add_drain_all(t->q);
	assert_int_equal(advise(t, a, 40, MADV_FREE), 0);
	lru_add_drain_all(t->q);
	page = page_at(t, task, a);
	assert_false(PageSwapBacked(page) || PageActive(page));
	assert_false(pte_dirty(*pte_of(t, task, a)));
	assert_int_equal(event(t, PGLAZYFREE), 40);
	assert_int_equal(anon(task), 64);
	testbox_verify(t);
	touch(t, task, a + 8 * PAGE_SIZE, 8, 6); /* asked for again */
	squeeze(t);
	testbox_verify(t);
	assert_int_equal(event(t, PGLAZYFREED), 32);
	assert_int_equal(get_mm_counter(task->mm, MM_SWAPENTS) + anon(task) + 1, 33);
	assert_true(pte_none(*pte_of(t, task, a)));
	touch(t, task, a + 8 * PAGE_SIZE, 1, 0);
	assert_int_equal(peek(t, task, a + 8 * PAGE_SIZE), CONTENT(CONTENT_SAME, 6));
	touch(t, task, a, 1, 0);
	assert_int_equal(peek(t, task, a), 0);
	/* What is in swap goes at once. */
	assert_int_equal(advise(t, a, 64, MADV_PAGEOUT), 0);
	sleep_ns(t->q, NSEC_PER_SEC);
}

static void do_free_swapped(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_anon(t, task, 64);

	touch(t, task, a, 64, 5);
	lru_add_drain_all(t->q);
	assert_int_equal(advise(t, a, 64, MADV_PAGEOUT), 0);
	assert_true(get_mm_counter(task->mm, MM_SWAPENTS) >= 60);
	testbox_verify(t);
	assert_int_equal(advise(t, a, 64, MADV_FREE), 0);
	assert_int_equal(get_mm_counter(task->mm, MM_SWAPENTS), 0);
	testbox_verify(t);
	/* Of a file, or of what others map too: nothing. */
	touch(t, task, a, 64, 5);
	lru_add_drain_all(t->q);
	{
		struct task *child = fork_task(t, task);

		assert_int_equal(advise(t, a, 64, MADV_FREE), 0);
		lru_add_drain_all(t->q);
		assert_true(PageSwapBacked(page_at(t, task, a)));
		end_child(t, child);
	}
	a = do_mmap(t->q, task->mm, 0, PAGE_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	assert_int_equal(advise(t, a, 1, MADV_FREE), -EINVAL);
}

static void do_free_huge(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct page *page;
	u64 a;

	thp_on(t);
	a = map_huge(t, task, 2);
	touch(t, task, a, 2 * HPAGES, 5);
	page = huge_at(t, task, a);
	assert_int_equal(advise(t, a, HPAGES, MADV_FREE), 0);
	assert_true(is_huge(t, task, a));
	assert_false(PageSwapBacked(page) || pte_dirty(*pmd_of(t, task, a)));
	assert_int_equal(event(t, PGLAZYFREE), HPAGES);
	testbox_verify(t);
	/* A part: the page is split for it. */
	assert_int_equal(advise(t, a + PMD_SIZE, 100, MADV_FREE), 0);
	lru_add_drain_all(t->q);
	assert_false(is_huge(t, task, a + PMD_SIZE));
	assert_int_equal(event(t, THP_SPLIT_PAGE), 1);
	assert_int_equal(event(t, PGLAZYFREE), HPAGES + 100);
	testbox_verify(t);
	squeeze(t);
	testbox_verify(t);
	assert_int_equal(event(t, PGLAZYFREED), HPAGES + 100);
	touch(t, task, a, 1, 1); /* a small page: the empty table is still there */
	assert_false(is_huge(t, task, a));
}

static void test_lazyfree(__unused void **state)
{
	run(do_free);
	run(do_free_swapped);
	run(do_free_huge);
}

/* ---- COLD, PAGEOUT, WILLNEED ----------------------------------------------------- */

static void do_cold(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct page *page;
	u64 a;

	thp_on(t);
	a = map_huge(t, task, 2);
	touch(t, task, a, 2 * HPAGES, 5);
	page = huge_at(t, task, a);
	activate_page(t->q, page);
	assert_true(PageActive(page));
	assert_int_equal(advise(t, a, HPAGES, MADV_COLD), 0);
	assert_true(is_huge(t, task, a));
	assert_false(PageActive(page) || pte_young(*pmd_of(t, task, a)));
	testbox_verify(t);
	assert_int_equal(advise(t, a, 2 * HPAGES, MADV_PAGEOUT), 0);
	assert_int_equal(event(t, THP_SWPOUT), 2);
	assert_int_equal(get_mm_counter(task->mm, MM_SWAPENTS), 2 * HPAGES);
	sleep_ns(t->q, NSEC_PER_SEC);
	testbox_verify(t);
	squeeze(t);
	testbox_verify(t);
	/* Read ahead: no entry changes, the faults find it. */
	assert_int_equal(advise(t, a, 64, MADV_WILLNEED), 0);
	sleep_ns(t->q, NSEC_PER_SEC);
	assert_true(get_mm_counter(task->mm, MM_SWAPENTS) >= 2 * HPAGES);
	{
		unsigned long majors = event(t, PGMAJFAULT);

		touch(t, task, a, 64, 0);
		assert_int_equal(event(t, PGMAJFAULT), majors);
	}
	assert_int_equal(peek(t, task, a + 63 * PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
}

static void test_cold(__unused void **state)
{
	run(do_cold);
}

static void do_rest(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_anon(t, task, 64);
	struct vm_area_struct *vma;

	assert_int_equal(advise(t, a, 64, MADV_POPULATE_WRITE), 0);
	assert_int_equal(anon(task), 64);
	assert_int_equal(advise(t, a, 16, MADV_SEQUENTIAL), 0);
	vma = find_vma(task->mm, a);
	assert_true((vma->vm_flags & VM_SEQ_READ) && vma->vm_end == a + 16 * PAGE_SIZE);
	assert_int_equal(advise(t, a, 16, MADV_NORMAL), 0);
	assert_int_equal(find_vma(task->mm, a)->vm_end, a + 64 * PAGE_SIZE);
	assert_int_equal(advise(t, a, 64, MADV_DONTFORK), 0);
	end_child(t, fork_task(t, task));
	assert_int_equal(advise(t, a, 64, MADV_DOFORK), 0);
	assert_int_equal(advise(t, a, 64, MADV_HUGEPAGE), 0);
	assert_true(find_vma(task->mm, a)->vm_flags & VM_HUGEPAGE);
	assert_int_equal(advise(t, a, 64, MADV_NOHUGEPAGE), 0);
	assert_true(find_vma(task->mm, a)->vm_flags & VM_NOHUGEPAGE);
	/* Holes, and what is no advice. */
	assert_int_equal(do_munmap(t->q, task->mm, a + 8 * PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(advise(t, a, 64, MADV_COLD), -ENOMEM);
	assert_int_equal(advise(t, a, 64, MADV_POPULATE_READ), -ENOMEM);
	assert_int_equal(advise(t, a, 64, MADV_DONTNEED), -ENOMEM);
	assert_int_equal(anon(task), 0);
	assert_int_equal(advise(t, a, 1, 77), -EINVAL);
	assert_int_equal(do_madvise(t->q, task->mm, a + 1, PAGE_SIZE, MADV_COLD), -EINVAL);
	assert_int_equal(do_mlock(t->q, task->mm, a, PAGE_SIZE, true), 0);
	assert_int_equal(advise(t, a, 1, MADV_COLD), -EINVAL);
}

static void test_rest(__unused void **state)
{
	run(do_rest);
}

/* ---- khugepaged ------------------------------------------------------------------ */

static void do_collapse(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 3);
	unsigned long faults;

	touch(t, task, a, 2 * HPAGES, 5);
	assert_false(is_huge(t, task, a));
	assert_int_equal(advise(t, a, HPAGES, MADV_COLLAPSE), 0);
	assert_true(is_huge(t, task, a));
	assert_int_equal(event(t, THP_COLLAPSE_ALLOC), 1);
	assert_int_equal(anon(task), 2 * HPAGES);
	testbox_verify(t);
	faults = event(t, PGFAULT);
	touch(t, task, a, HPAGES, 0);
	assert_int_equal(event(t, PGFAULT), faults);
	assert_int_equal(peek(t, task, a + 300 * PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
	/* Holes become zeros; swapped pages come back. */
	assert_int_equal(advise(t, a + PMD_SIZE, 200, MADV_DONTNEED), 0);
	lru_add_drain_all(t->q);
	assert_int_equal(advise(t, a + PMD_SIZE + 200 * PAGE_SIZE, 100, MADV_PAGEOUT), 0);
	sleep_ns(t->q, NSEC_PER_SEC);
	assert_true(get_mm_counter(task->mm, MM_SWAPENTS) >= 90);
	assert_int_equal(advise(t, a + PMD_SIZE, HPAGES, MADV_COLLAPSE), 0);
	assert_true(is_huge(t, task, a + PMD_SIZE));
	assert_int_equal(get_mm_counter(task->mm, MM_SWAPENTS), 0);
	assert_int_equal(peek(t, task, a + PMD_SIZE), 0);
	assert_int_equal(peek(t, task, a + PMD_SIZE + 250 * PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
	testbox_verify(t);
	/* Nothing there, a part only, no memory. */
	assert_int_equal(advise(t, a + 2 * PMD_SIZE, HPAGES, MADV_COLLAPSE), -EINVAL);
	assert_int_equal(advise(t, a, 100, MADV_COLLAPSE), -EINVAL);
	touch(t, task, a + 2 * PMD_SIZE, HPAGES, 5);
	testbox_fail_alloc(t, 1);
	assert_int_equal(advise(t, a + 2 * PMD_SIZE, HPAGES, MADV_COLLAPSE), -ENOMEM);
	assert_int_equal(event(t, THP_COLLAPSE_ALLOC_FAILED), 1);
	testbox_verify(t);
}

static void test_collapse(__unused void **state)
{
	run(do_collapse);
}

static void small_then_huge(struct testbox *t, __unused void *arg)
{
	struct huge_floor *h = t->q->space->huge;
	struct task *task = t->task, *child;
	u64 a = map_huge(t, task, 10);
	unsigned long sleep_s = h->khugepaged.scan_sleep_millisecs / 1000;

	touch(t, task, a, 10 * HPAGES, 5);
	/* One that is shared too much, one that nobody may write. */
	child = fork_task(t, task);
	assert_int_equal(do_munmap(t->q, child->mm, a, 8 * PMD_SIZE), 0);
	touch(t, task, a, 8 * HPAGES, 6);
	thp_on(t);
	assert_int_equal(start_stop_khugepaged(t->q), 0);
	assert_int_equal(advise(t, a, 10 * HPAGES, MADV_HUGEPAGE), 0);
	assert_true(task->mm->flags & BIT(MMF_VM_HUGEPAGE));
	lru_add_drain_all(t->q);
	/* 4096 pages a round: eight stretches. */
	sleep_ns(t->q, NSEC_PER_SEC);
	assert_in_range(h->khugepaged.pages_collapsed, 1, 8);
	sleep_ns(t->q, (sleep_s * 6 + 1) * NSEC_PER_SEC);
	assert_int_equal(h->khugepaged.pages_collapsed, 8);
	assert_true(h->khugepaged.full_scans > 0);
	assert_true(is_huge(t, task, a) && is_huge(t, task, a + 7 * PMD_SIZE));
	assert_false(is_huge(t, task, a + 9 * PMD_SIZE));
	assert_true(event(t, THP_SCAN_EXCEED_SHARED_PTE) > 0);
	testbox_verify(t);
	end_child(t, child);
	h->flags = 0;
	assert_int_equal(start_stop_khugepaged(t->q), 0);
	sleep_ns(t->q, NSEC_PER_SEC);
	assert_false(h->khugepaged.running);
}

static void test_khugepaged(__unused void **state)
{
	run(small_then_huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lazyfree),	   cmocka_unit_test(test_cold),
		cmocka_unit_test(test_rest),	   cmocka_unit_test(test_collapse),
		cmocka_unit_test(test_khugepaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
