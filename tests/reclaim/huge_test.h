/* SPDX-License-Identifier: MIT */
/*
 * What the tests of moving huge pages share: boxes, pools, memory full of huge pages of
 * all kinds.
 */
#ifndef QUIRE_HUGE_TEST_H
#define QUIRE_HUGE_TEST_H

#include "space/hugetlb.h"
#include "tests/space/thp_test.h"

#define HUGE	(2UL << 20)
#define HUGEMAP (ANON | MAP_HUGETLB)
#define SHARED	(MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB)

static inline __unused void in_box(const struct testbox_config *cfg,
				   void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(cfg);

	thp_on(t);
	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static const struct testbox_config __unused two_nodes = {.nr_nodes = 2, .swap_mb = 64};
static const struct testbox_config __unused one_node = {.node_mb = {512}};

static inline __unused struct hstate *pool(struct testbox *t)
{
	return default_hstate(t->q);
}

static inline __unused void resize(struct testbox *t, unsigned long n)
{
	assert_int_equal(set_max_huge_pages(t->q, pool(t), n, NUMA_NO_NODE, NULL), 0);
	assert_int_equal(pool(t)->nr_huge_pages, n);
}

static inline __unused void holds(struct testbox *t, struct task *task, u64 a, unsigned long n,
				  u64 seed)
{
	for (u64 i = 0; i < n; i++)
		assert_int_equal(peek(t, task, a + i * PAGE_SIZE), CONTENT(CONTENT_SAME, seed));
}

static inline __unused u64 map_pool(struct testbox *t, unsigned long n, int flags, u64 seed)
{
	u64 a = do_mmap(t->q, t->task->mm, 0, n * HUGE, RW, flags, NULL, 0);

	assert_false(IS_ERR_VALUE(a));
	touch(t, t->task, a, n * HPAGES, seed);
	return a;
}

#define ROUNDS 5

/* Memory full of huge pages of all kinds in turn: 18 transparent ones, 4 of the pool in
 * use and 8 that are free. */
struct full {
	u64 thp, pool[ROUNDS];
};

static inline __unused void fill(struct testbox *t, struct full *f)
{
	f->thp = map_huge(t, t->task, ROUNDS * 18);
	for (u64 i = 0; i < ROUNDS; i++) {
		touch(t, t->task, f->thp + i * 18 * PMD_SIZE, 18 * HPAGES, 7);
		resize(t, (i + 1) * 12);
		f->pool[i] = map_pool(t, 4, HUGEMAP, 8);
	}
}

static inline __unused void check_and_empty(struct testbox *t, struct full *f)
{
	holds(t, t->task, f->thp, ROUNDS * 18 * HPAGES, 7);
	for (u64 i = 0; i < ROUNDS; i++) {
		holds(t, t->task, f->pool[i], 4 * HPAGES, 8);
		assert_int_equal(do_munmap(t->q, t->task->mm, f->pool[i], 4 * HUGE), 0);
	}
	resize(t, 0);
}

struct found {
	unsigned long thp, used, free;
};

static inline __unused struct found look(struct testbox *t, u64 start, u64 end)
{
	struct found f = {0};

	for (u64 pfn = start; pfn < end; pfn += HPAGES) {
		const struct page *page = pfn_to_page(t->q, pfn);

		f.thp += PageTransHuge(page);
		f.used += PageHuge(page) && page_ref_count(page);
		f.free += PageHuge(page) && !page_ref_count(page);
	}
	return f;
}

#define TEST(name, box)                                \
	static void test_##name(__unused void **state) \
	{                                              \
		in_box(&(box), run_##name);            \
	}

#endif
