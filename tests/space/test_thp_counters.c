/* SPDX-License-Identifier: MIT */
/*
 * The thp_* lines of /proc/vmstat: what happened moves its counter by what it should,
 * and no other.
 */
#include "thp_test.h"

#define FIRST	   THP_FAULT_ALLOC
#define LAST	   THP_SWPOUT_FALLBACK
#define NR_COUNTED (LAST - FIRST + 1)
#define PG(n)	   ((u64)(n) << PAGE_SHIFT)

struct counts {
	unsigned long n[NR_COUNTED];
};

static struct counts now(struct testbox *t)
{
	struct counts c;

	for (int i = 0; i < NR_COUNTED; i++)
		c.n[i] = event(t, (enum vm_event_item)(FIRST + i));
	return c;
}

/* Since `before` a moved by na, b by nb, c by nc, the others not at all. */
static void moved(struct testbox *t, const char *what, const struct counts *before,
		  enum vm_event_item a, unsigned long na, enum vm_event_item b, unsigned long nb,
		  enum vm_event_item c, unsigned long nc)
{
	struct counts is = now(t);

	for (int i = 0; i < NR_COUNTED; i++) {
		enum vm_event_item item = (enum vm_event_item)(FIRST + i);
		unsigned long by = item == a ? na : item == b ? nb : item == c ? nc : 0;

		if (is.n[i] - before->n[i] != by)
			fail_msg("%s: %s moved by %lu, not %lu", what, vm_event_names[item],
				 is.n[i] - before->n[i], by);
	}
	testbox_verify(t);
}

#define MOVED1(what, a, na)		  moved(t, what, &c, a, na, a, na, a, na)
#define MOVED2(what, a, na, b, nb)	  moved(t, what, &c, a, na, b, nb, a, na)
#define MOVED3(what, a, na, b, nb, d, nd) moved(t, what, &c, a, na, b, nb, d, nd)

/* ---- faults ---------------------------------------------------------------------- */

static void do_faults(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 4);
	struct counts c = now(t);

	touch(t, task, a, HPAGES, 1);
	MOVED1("fault", THP_FAULT_ALLOC, 1);
	c = now(t);
	testbox_fail_alloc(t, 1);
	touch(t, task, a + PMD_SIZE, 1, 1);
	testbox_fail_alloc(t, 0);
	MOVED1("fault without memory", THP_FAULT_FALLBACK, 1);
	/* The table that is put by comes first, then the huge zero page. */
	c = now(t);
	testbox_fail_alloc(t, 2);
	touch(t, task, a + 2 * PMD_SIZE, 1, 0);
	testbox_fail_alloc(t, 0);
	MOVED2("zero page without memory", THP_ZERO_PAGE_ALLOC_FAILED, 1, THP_FAULT_FALLBACK, 1);
	c = now(t);
	touch(t, task, a + 3 * PMD_SIZE, HPAGES, 0);
	MOVED1("zero page", THP_ZERO_PAGE_ALLOC, 1);
	c = now(t);
	a = map_huge(t, task, 1);
	touch(t, task, a, 1, 0);
	MOVED1("zero page once more", THP_ZERO_PAGE_ALLOC, 0);
	c = now(t);
	touch(t, task, a, 1, 1);
	MOVED1("zero page, written", THP_SPLIT_PMD, 1);
}

/* ---- parts, splits --------------------------------------------------------------- */

static void do_parts(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 4);
	struct page *page;
	struct counts c;

	touch(t, task, a, 4 * HPAGES, 1);
	lru_add_drain_all(t->q);
	c = now(t);
	assert_int_equal(do_mprotect(t->q, task->mm, a, PG(8), PROT_READ), 0);
	MOVED1("protected in part", THP_SPLIT_PMD, 1);
	c = now(t);
	assert_int_equal(do_munmap(t->q, task->mm, a + PMD_SIZE, PG(8)), 0);
	MOVED2("unmapped in part", THP_SPLIT_PMD, 1, THP_DEFERRED_SPLIT_PAGE, 1);
	/* Once it waits to be split it is not counted again. */
	c = now(t);
	assert_int_equal(do_munmap(t->q, task->mm, a + PMD_SIZE + PG(8), PG(8)), 0);
	MOVED1("and more of it", THP_DEFERRED_SPLIT_PAGE, 0);
	page = huge_at(t, task, a + 2 * PMD_SIZE);
	c = now(t);
	get_page(page);
	assert_true(trylock_page(page));
	get_page(page);
	assert_int_equal(split_huge_page(t->q, page), -EAGAIN);
	put_page(t->q, page);
	MOVED1("not split", THP_SPLIT_PAGE_FAILED, 1);
	c = now(t);
	assert_int_equal(split_huge_page(t->q, page), 0);
	unlock_page(t->q, page);
	put_page(t->q, page);
	/* As Linux's unmapping for it puts it on the queue. */
	MOVED3("split", THP_SPLIT_PAGE, 1, THP_SPLIT_PMD, 1, THP_DEFERRED_SPLIT_PAGE, 1);
	c = now(t);
	assert_int_equal(do_munmap(t->q, task->mm, a + 3 * PMD_SIZE, PMD_SIZE), 0);
	MOVED1("unmapped whole", THP_SPLIT_PMD, 0);
}

/* ---- khugepaged ------------------------------------------------------------------ */

static void small_pages(struct testbox *t, u64 a, unsigned long n)
{
	unsigned long flags = t->q->space->huge->flags;

	t->q->space->huge->flags = 0;
	touch(t, t->task, a, n, 5);
	t->q->space->huge->flags = flags;
	lru_add_drain_all(t->q);
}

/* Two rounds of the thread at the least. */
static void let_scan(struct testbox *t)
{
	struct khugepaged *k = &t->q->space->huge->khugepaged;

	k->scan_sleep_millisecs = 10;
	k->alloc_sleep_millisecs = 10;
	assert_int_equal(start_stop_khugepaged(t->q), 0);
	model_sleep(t->m, 35 * NSEC_PER_MSEC);
	k->scan_sleep_millisecs = 100000;
	k->sleep_until = 0;
	model_sleep(t->m, 200 * NSEC_PER_MSEC);
}

static void forbid(struct testbox *t, unsigned int none, unsigned int swap, unsigned int shared)
{
	struct khugepaged *k = &t->q->space->huge->khugepaged;

	k->max_ptes_none = none;
	k->max_ptes_swap = swap;
	k->max_ptes_shared = shared;
}

/* Only `item` moved, and nothing was collapsed. */
static void only(struct testbox *t, const char *what, const struct counts *before,
		 enum vm_event_item item)
{
	unsigned long by = event(t, item) - before->n[item - FIRST];

	if (!by)
		fail_msg("%s: %s did not move", what, vm_event_names[item]);
	moved(t, what, before, item, by, item, by, item, by);
}

static void do_scan(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task, *child;
	u64 a = map_huge(t, task, 1);
	struct counts c;

	small_pages(t, a, HPAGES - 1);
	khugepaged_enter_vma(t->q, find_vma(task->mm, a), find_vma(task->mm, a)->vm_flags);
	forbid(t, 0, HPAGES, HPAGES);
	c = now(t);
	let_scan(t);
	only(t, "one is missing", &c, THP_SCAN_EXCEED_NONE_PTE);
	touch(t, task, a + PG(HPAGES - 1), 1, 5);
	assert_int_equal(do_madvise(t->q, task->mm, a + PG(7), PG(1), MADV_PAGEOUT), 0);
	assert_true(pte_is_swap(*pte_of(t, task, a + PG(7))));
	forbid(t, HPAGES, 0, HPAGES);
	c = now(t);
	let_scan(t);
	only(t, "one in swap", &c, THP_SCAN_EXCEED_SWAP_PTE);
	touch(t, task, a + PG(7), 1, 5);
	child = fork_task(t, task);
	forbid(t, HPAGES, HPAGES, 0);
	c = now(t);
	let_scan(t);
	only(t, "some are shared", &c, THP_SCAN_EXCEED_SHARED_PTE);
	end_child(t, child);
	touch(t, task, a, HPAGES, 5);
	lru_add_drain_all(t->q);
	c = now(t);
	let_scan(t);
	MOVED1("collapsed", THP_COLLAPSE_ALLOC, 1);
	assert_true(is_huge(t, task, a));
}

static void do_collapse(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *g = mem_cgroup_create(t->q, t->q->group->root, "thp");
	struct task *task = t->task;
	u64 a = map_huge(t, task, 2);
	struct counts c;

	small_pages(t, a, 2 * HPAGES);
	c = now(t);
	testbox_fail_alloc(t, 1);
	assert_int_equal(do_madvise(t->q, task->mm, a, PMD_SIZE, MADV_COLLAPSE), -ENOMEM);
	testbox_fail_alloc(t, 0);
	MOVED1("no memory to collapse", THP_COLLAPSE_ALLOC_FAILED, 1);
	c = now(t);
	assert_int_equal(do_madvise(t->q, task->mm, a, PMD_SIZE, MADV_COLLAPSE), 0);
	MOVED1("collapsed", THP_COLLAPSE_ALLOC, 1);
	/* The group's own. */
	assert_false(IS_ERR(g));
	assert_int_equal(task_set_memcg(t->q, task, g), 0);
	assert_int_equal(do_madvise(t->q, task->mm, a + PMD_SIZE, PMD_SIZE, MADV_COLLAPSE), 0);
	assert_int_equal(g->vmevents[THP_COLLAPSE_ALLOC], 1);
	a = map_huge(t, task, 1);
	touch(t, task, a, 1, 1);
	assert_int_equal(g->vmevents[THP_FAULT_ALLOC], 1);
	/* A huge page that the group may not have: a small one. */
	a = map_huge(t, task, 1);
	mem_cgroup_set_max(t->q, g, g->memory.usage + 100);
	t->q->space->huge->flags |= BIT(TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG);
	c = now(t);
	touch(t, task, a, 1, 1);
	assert_false(is_huge(t, task, a));
	assert_true(event(t, THP_FAULT_FALLBACK_CHARGE) ==
		    c.n[THP_FAULT_FALLBACK_CHARGE - FIRST] + 1);
	assert_true(event(t, THP_FAULT_FALLBACK) == c.n[THP_FAULT_FALLBACK - FIRST] + 1);
	assert_int_equal(task_set_memcg(t->q, task, t->q->group->root), 0);
}

/* ---- swap ------------------------------------------------------------------------ */

static void do_swap(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, 1);
	struct counts c;

	touch(t, task, a, HPAGES, 5);
	lru_add_drain_all(t->q);
	c = now(t);
	assert_int_equal(do_madvise(t->q, task->mm, a, PMD_SIZE, MADV_PAGEOUT), 0);
	assert_true(event(t, THP_SWPOUT) == c.n[THP_SWPOUT - FIRST] + 1);
	assert_int_equal(event(t, THP_SWPOUT_FALLBACK), c.n[THP_SWPOUT_FALLBACK - FIRST]);
	testbox_verify(t);
}

static void run(void (*fn)(struct testbox *t, void *arg), unsigned int swap_mb)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.node_mb = {256}, .swap_mb = swap_mb, .swap_pmem = true});

	thp_on(t);
	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void test_faults(__unused void **state)
{
	run(do_faults, 0);
}

static void test_parts(__unused void **state)
{
	run(do_parts, 0);
}

static void test_scan(__unused void **state)
{
	run(do_scan, 64);
}

static void test_collapse(__unused void **state)
{
	run(do_collapse, 0);
}

static void test_swap(__unused void **state)
{
	run(do_swap, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_scan),   cmocka_unit_test(test_collapse),
		cmocka_unit_test(test_swap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
