/* SPDX-License-Identifier: MIT */
/*
 * Huge pages under pressure: swapped out whole while there are free clusters,
 * split when there are none or parts are gone; what was written is read again.
 */
#include "thp_test.h"

#define NR_HUGE 40UL

/* Contents that differ from page to page. */
static void fill(struct testbox *t, struct task *task, u64 a, unsigned long n, bool write)
{
	struct touch what = {.addr = a,
			     .nr_pages = n,
			     .stride = 1,
			     .write = write,
			     .kind = CONTENT_KIND_TEXT,
			     .seed = 11};

	assert_int_equal(mmu_touch(t->m, task, &what), n);
}

static void check(struct testbox *t, struct task *task, u64 a, unsigned long n)
{
	for (unsigned long i = 0; i < n; i += 37) {
		u64 addr = a + (i << PAGE_SHIFT);

		fill(t, task, addr, 1, false);
		assert_int_equal(peek(t, task, addr),
				 CONTENT(CONTENT_KIND_TEXT, 11 + (addr >> PAGE_SHIFT)));
	}
}

static void too_much(struct testbox *t, void *arg)
{
	unsigned long *swpout = arg;
	struct task *task = t->task, *child;
	u64 a = map_huge(t, task, NR_HUGE);

	fill(t, task, a, NR_HUGE * HPAGES, true);
	assert_true(event(t, THP_FAULT_ALLOC) > 0);
	assert_true(get_mm_counter(task->mm, MM_SWAPENTS) > 0);
	testbox_verify(t);
	check(t, task, a, NR_HUGE * HPAGES);
	testbox_verify(t);
	child = fork_task(t, task);
	testbox_verify(t);
	fill(t, task, a, NR_HUGE * HPAGES, true);
	testbox_verify(t);
	check(t, child, a, NR_HUGE * HPAGES);
	end_child(t, child);
	testbox_verify(t);
	*swpout = event(t, THP_SWPOUT);
	assert_int_equal(do_munmap(t->q, task->mm, a, NR_HUGE * PMD_SIZE), 0);
	testbox_verify(t);
}

static void test_whole(__unused void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {64}, .swap_mb = 256});
	unsigned long swpout;

	thp_on(t);
	testbox_run(t, too_much, &swpout);
	assert_true(swpout > 0);
	assert_true(event(t, PSWPOUT) >= swpout * HPAGES);
	testbox_pass(t, NSEC_PER_SEC);
	testbox_verify(t);
	assert_int_equal(global_node_page_state(t->q, NR_WRITEBACK), 0);
	testbox_free(t);
}

/* Every cluster has a slot in use: huge pages are split first. */
static void fallback(struct testbox *t, __unused void *arg)
{
	struct swap_info_struct *si = t->q->swap->info[0];
	struct task *task = t->task;
	u64 a = map_huge(t, task, NR_HUGE);
	LIST_HEAD(hidden);

	list_splice_init(&si->free_clusters, &hidden);
	list_splice_init(&hidden, &si->nonfull_clusters);
	fill(t, task, a, NR_HUGE * HPAGES, true);
	assert_int_equal(event(t, THP_SWPOUT), 0);
	assert_true(event(t, THP_SWPOUT_FALLBACK) > 0);
	assert_true(event(t, THP_SPLIT_PAGE) >= event(t, THP_SWPOUT_FALLBACK));
	check(t, task, a, NR_HUGE * HPAGES);
	assert_int_equal(do_munmap(t->q, task->mm, a, NR_HUGE * PMD_SIZE), 0);
}

static void test_fallback(__unused void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {64}, .swap_mb = 128});

	thp_on(t);
	testbox_run(t, fallback, NULL);
	testbox_free(t);
}

/* Holes everywhere: reclaim splits what is not mapped whole, and gains pages. */
static void holes(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	u64 a = map_huge(t, task, NR_HUGE);

	for (unsigned long i = 0; i < NR_HUGE; i++) {
		fill(t, task, a + i * PMD_SIZE, HPAGES, true);
		assert_int_equal(
			madvise_dontneed(t->q, task->mm, a + i * PMD_SIZE, 256 * PAGE_SIZE), 0);
		if (i % 8 == 0)
			testbox_verify(t);
	}
	assert_true(event(t, THP_SPLIT_PAGE) > 0);
	for (unsigned long i = 0; i < NR_HUGE; i++)
		check(t, task, a + i * PMD_SIZE + 256 * PAGE_SIZE, 256);
	testbox_verify(t);
}

static void test_holes(__unused void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {64}, .swap_mb = 128});

	thp_on(t);
	testbox_run(t, holes, NULL);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
