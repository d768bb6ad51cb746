/* SPDX-License-Identifier: MIT */
/*
 * The map of a pageblock against the plainest model there is, an array of bytes:
 * every sequence of a few operations on eight pages, exhaustively; and long ones
 * at random on all of it.  QUIRE_LONG=1 makes the random ones a hundred times as
 * long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/prng.h"
#include "page/pageblock_map.h"

struct model {
	bool free[PBMAP_PAGES];
};

static bool run_free(const struct model *m, unsigned int index, unsigned int order, bool want)
{
	for (unsigned int i = 0; i < 1u << order; i++)
		if (m->free[index + i] != want)
			return false;
	return true;
}

static int model_largest(const struct model *m)
{
	for (int order = PBMAP_ORDERS - 1; order >= 0; order--)
		for (unsigned int i = 0; i < PBMAP_PAGES; i += 1u << order)
			if (run_free(m, i, (unsigned int)order, true))
				return order;
	return PBMAP_FULL;
}

static void check(const struct pageblock_map *map, const struct model *m)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < PBMAP_PAGES; i++) {
		assert_int_equal(pbmap_is_free(map, i), m->free[i]);
		nr += m->free[i];
	}
	assert_int_equal(map->nr_free, nr);
	assert_int_equal(map->largest, model_largest(m));
	assert_int_equal(pbmap_largest(map), map->largest);
}

/* One take, held against the model: aligned, free before, and lonely if any was. */
static unsigned int take(struct pageblock_map *map, struct model *m, unsigned int order,
			 unsigned int nr, u32 *to)
{
	struct model before = *m;
	unsigned int there = 0, lonely = 0, n;

	for (unsigned int i = 0; i < PBMAP_PAGES; i += 1u << order) {
		if (!run_free(m, i, order, true))
			continue;
		there++;
		lonely += order == PBMAP_ORDERS - 1 ||
			  !run_free(m, i & ~((2u << order) - 1), order + 1, true);
	}
	n = pbmap_take(map, order, 4096, to, nr);
	assert_int_equal(n, nr < there ? nr : there);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int index = to[i] - 4096;

		assert_true(index < PBMAP_PAGES && !(index & ((1u << order) - 1)));
		assert_true(run_free(m, index, order, true));
		if (i < lonely && order < PBMAP_ORDERS - 1)
			assert_false(
				run_free(&before, index & ~((2u << order) - 1), order + 1, true));
		for (unsigned int p = 0; p < 1u << order; p++)
			m->free[index + p] = false;
	}
	return n;
}

static void put(struct pageblock_map *map, struct model *m, unsigned int index, unsigned int order)
{
	bool used = run_free(m, index, order, false);
	int got = pbmap_put(map, index, order), want = -1;

	if (used) {
		for (unsigned int p = 0; p < 1u << order; p++)
			m->free[index + p] = true;
		for (want = (int)order; want < PBMAP_ORDERS - 1; want++)
			if (!run_free(m, index & ~((2u << want) - 1), (unsigned int)want + 1, true))
				break;
	}
	assert_int_equal(got, want);
}

/* All sequences of depth operations: take of order 0..3, put of each place. */
static void every(const struct pageblock_map *map, const struct model *m, unsigned int depth,
		  unsigned long *seen)
{
	check(map, m);
	(*seen)++;
	if (!depth)
		return;
	for (unsigned int order = 0; order <= 3; order++) {
		for (unsigned int index = 0; index < 8; index += 1u << order) {
			struct pageblock_map next = *map;
			struct model after = *m;

			put(&next, &after, index, order);
			if (next.nr_free != map->nr_free)
				every(&next, &after, depth - 1, seen);
		}
		for (unsigned int nr = 1; nr <= 2; nr++) {
			struct pageblock_map next = *map;
			struct model after = *m;
			u32 to[2];

			if (take(&next, &after, order, nr, to) == nr)
				every(&next, &after, depth - 1, seen);
		}
	}
}

static void test_every_sequence(void **state)
{
	unsigned long seen = 0;

	(void)state;
	/* The eight pages at both ends of a word, all else in use. */
	for (unsigned int full = 0; full < 2; full++) {
		struct pageblock_map map = {0};
		struct model m = {{0}};

		pbmap_fill(&map, false);
		for (unsigned int i = 0; full && i < 8; i++)
			put(&map, &m, i, 0);
		every(&map, &m, 4, &seen);
	}
	assert_true(seen > 1000);
}

static void test_random(void **state)
{
	unsigned long steps = getenv("QUIRE_LONG") ? 10000000 : 100000;
	uint64_t seed = 20261;
	struct pageblock_map map = {0};
	struct prng rng;
	struct model m;

	(void)state;
	prng_seed(&rng, seed);
	print_message("seed %lu\n", seed);
	pbmap_fill(&map, true);
	memset(m.free, true, sizeof(m.free));
	for (unsigned long i = 0; i < steps; i++) {
		unsigned int order = (unsigned int)prng_below(&rng, prng_below(&rng, 8) ? 4 : 10);
		u32 to[16];

		if (prng_below(&rng, 2))
			take(&map, &m, order, 1 + (unsigned int)prng_below(&rng, 16), to);
		else
			put(&map, &m, (unsigned int)prng_below(&rng, PBMAP_PAGES >> order) << order,
			    order);
		if (i % 16 == 0)
			check(&map, &m);
	}
}

static void test_count(void **state)
{
	unsigned long nr[PBMAP_ORDERS] = {0};
	struct pageblock_map map = {0};
	u32 to[8];

	(void)state;
	pbmap_fill(&map, true);
	pbmap_count(&map, nr);
	assert_int_equal(nr[9], 1);
	assert_int_equal(pbmap_take(&map, 3, 0, to, 1), 1);
	memset(nr, 0, sizeof(nr));
	pbmap_count(&map, nr);
	for (unsigned int order = 0; order < PBMAP_ORDERS; order++)
		assert_int_equal(nr[order], order >= 3 && order < 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_sequence),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
