/* SPDX-License-Identifier: MIT */
/*
 * Random operations on huge pages in a machine that is too small for them: all
 * invariants hold after each few, and pages have what was last written.
 */
#include "thp_test.h"

#define NR_AREAS   4
#define AREA_HUGE  6UL
#define AREA_PAGES (AREA_HUGE * HPAGES)
#define ROUNDS	   400

struct model_area {
	u64 start;
	u64 seed[AREA_PAGES]; /* what each page has; 0: zeros */
};

static struct model_area areas[NR_AREAS]; /* too large for a fiber's stack */

static void write_pages(struct testbox *t, struct model_area *a, unsigned long first,
			unsigned long n, u64 seed)
{
	touch(t, t->task, a->start + (first << PAGE_SHIFT), n, seed);
	for (unsigned long i = first; seed && i < first + n; i++)
		a->seed[i] = seed;
}

static void check_page(struct testbox *t, const struct model_area *a, unsigned long i)
{
	u64 addr = a->start + (i << PAGE_SHIFT);

	touch(t, t->task, addr, 1, 0);
	assert_int_equal(peek(t, t->task, addr),
			 a->seed[i] ? CONTENT(CONTENT_SAME, a->seed[i]) : 0);
}

static void one_step(struct testbox *t, unsigned int round)
{
	struct model_area *a = &areas[prng_below(&t->rng, NR_AREAS)];
	bool whole = prng_below(&t->rng, 2);
	unsigned long first = prng_below(&t->rng, AREA_PAGES), n;
	static const int advice[] = {MADV_COLD,	    MADV_PAGEOUT,	 MADV_COLLAPSE,
				     MADV_WILLNEED, MADV_POPULATE_WRITE, MADV_HUGEPAGE};
	u64 addr;

	if (whole)
		first = ALIGN_DOWN(first, HPAGES);
	n = whole ? HPAGES : 1 + prng_below(&t->rng, AREA_PAGES - first);
	addr = a->start + (first << PAGE_SHIFT);
	switch (prng_below(&t->rng, 8)) {
	case 0:
	case 1:
		write_pages(t, a, first, n, 1000 + round);
		break;
	case 2:
		write_pages(t, a, first, n, 0);
		break;
	case 3:
		assert_int_equal(madvise_dontneed(t->q, t->task->mm, addr, n << PAGE_SHIFT), 0);
		for (unsigned long i = first; i < first + n; i++)
			a->seed[i] = 0;
		break;
	case 4:
		(void)do_madvise(t->q, t->task->mm, addr, n << PAGE_SHIFT,
				 advice[prng_below(&t->rng, ARRAY_SIZE(advice))]);
		break;
	case 5:
		assert_int_equal(do_mprotect(t->q, t->task->mm, addr, n << PAGE_SHIFT, PROT_READ),
				 0);
		assert_int_equal(do_mprotect(t->q, t->task->mm, addr, n << PAGE_SHIFT, RW), 0);
		break;
	case 6:
		if (prng_below(&t->rng, 4) == 0) {
			struct task *child = fork_task(t, t->task);

			write_pages(t, a, first, n, 1000 + round);
			testbox_verify(t);
			end_child(t, child);
		}
		break;
	default:
		for (int i = 0; i < 20; i++)
			check_page(t, a, prng_below(&t->rng, AREA_PAGES));
	}
}

static void random_steps(struct testbox *t, __unused void *arg)
{
	for (int i = 0; i < NR_AREAS; i++) {
		memset(areas[i].seed, 0, sizeof(areas[i].seed));
		areas[i].start = map_huge(t, t->task, AREA_HUGE);
	}
	for (unsigned int round = 0; round < ROUNDS; round++) {
		one_step(t, round);
		if (round % 8 == 0)
			testbox_verify(t);
	}
	for (int i = 0; i < NR_AREAS; i++)
		for (unsigned long p = 0; p < AREA_PAGES; p += 5)
			check_page(t, &areas[i], p);
	testbox_verify(t);
}

static void test_random(__unused void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {64}, .swap_mb = 96});

	thp_on(t);
	assert_int_equal(start_stop_khugepaged(t->q), 0);
	testbox_run(t, random_steps, NULL);
	testbox_verify(t);
	assert_true(event(t, THP_FAULT_ALLOC) > 0);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
