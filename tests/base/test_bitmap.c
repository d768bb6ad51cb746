/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps against arrays of bool, of every size around a word's; what lies
 * beyond the end is filled with noise and must not matter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/prng.h"

static struct prng rng;

/* One seed a run, printed; QUIRE_SEED repeats a run. */
static void seed_rng(void)
{
	const char *env = getenv("QUIRE_SEED");
	u64 seed = env ? strtoull(env, NULL, 0) : (u64)time(NULL) * 1000003u + (u64)clock();

	printf("QUIRE_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	prng_seed(&rng, seed);
}

#define BITS_MAX  200
#define NR_ROUNDS 3000

struct pair {
	unsigned long map[BITS_TO_LONGS(BITS_MAX)];
	bool model[BITS_MAX];
};

static void fill(struct pair *p, unsigned long nbits)
{
	unsigned long i, one_in = 1 + prng_below(&rng, 70);

	for (i = 0; i < ARRAY_SIZE(p->map); i++)
		p->map[i] = prng_u64(&rng);
	for (i = 0; i < nbits; i++) {
		p->model[i] = prng_below(&rng, one_in) == 0;
		__assign_bit(i, p->map, p->model[i]);
	}
}

static unsigned long model_next(const struct pair *p, unsigned long nbits, unsigned long from,
				bool value)
{
	while (from < nbits && p->model[from] != value)
		from++;
	return min(from, nbits);
}

static void check(const struct pair *p, unsigned long nbits)
{
	unsigned long i, weight = 0, last = nbits, bit, seen = 0;

	for (i = 0; i < nbits; i++) {
		assert_int_equal(test_bit(i, p->map), p->model[i]);
		weight += p->model[i];
		if (p->model[i])
			last = i;
	}
	for (i = 0; i < nbits + 3; i++) {
		assert_int_equal(find_next_bit(p->map, nbits, i), model_next(p, nbits, i, true));
		assert_int_equal(find_next_zero_bit(p->map, nbits, i),
				 model_next(p, nbits, i, false));
	}
	assert_int_equal(find_first_bit(p->map, nbits), model_next(p, nbits, 0, true));
	assert_int_equal(find_first_zero_bit(p->map, nbits), model_next(p, nbits, 0, false));
	assert_int_equal(find_last_bit(p->map, nbits), last);
	assert_int_equal(bitmap_weight(p->map, nbits), weight);
	assert_int_equal(bitmap_empty(p->map, nbits), weight == 0);
	assert_int_equal(bitmap_full(p->map, nbits), weight == nbits);
	for_each_set_bit(bit, p->map, nbits) seen += p->model[bit];
	assert_int_equal(seen, weight);
	for_each_clear_bit(bit, p->map, nbits) seen += !p->model[bit];
	assert_int_equal(seen, nbits);
}

static unsigned long pick_size(void)
{
	static const unsigned long edges[] = {0, 1, 63, 64, 65, 127, 128, 129, BITS_MAX};

	return prng_below(&rng, 2) ? edges[prng_below(&rng, ARRAY_SIZE(edges))]
				   : prng_below(&rng, BITS_MAX + 1);
}

static void test_one(void **state __unused)
{
	struct pair p;
	int round;

	for (round = 0; round < NR_ROUNDS; round++) {
		unsigned long nbits = pick_size(), i, start, nr;
		bool value = prng_below(&rng, 2);

		fill(&p, nbits);
		check(&p, nbits);
		if (!nbits)
			continue;
		i = prng_below(&rng, nbits);
		if (value)
			assert_int_equal(__test_and_set_bit(i, p.map), p.model[i]);
		else
			assert_int_equal(__test_and_clear_bit(i, p.map), p.model[i]);
		p.model[i] = value;
		i = prng_below(&rng, nbits);
		__change_bit(i, p.map);
		p.model[i] = !p.model[i];
		start = prng_below(&rng, nbits + 1);
		nr = prng_below(&rng, nbits - start + 1);
		if (value)
			bitmap_set(p.map, start, nr);
		else
			bitmap_clear(p.map, start, nr);
		for (i = start; i < start + nr; i++)
			p.model[i] = value;
		check(&p, nbits);
		if (value)
			bitmap_fill(p.map, nbits);
		else
			bitmap_zero(p.map, nbits);
		for (i = 0; i < nbits; i++)
			p.model[i] = value;
		check(&p, nbits);
	}
}

static void test_two(void **state __unused)
{
	struct pair a, b, c;
	int round;

	for (round = 0; round < NR_ROUNDS; round++) {
		unsigned long nbits = pick_size(), i;
		bool equal = true, subset = true, meet = false, minus = false;

		fill(&a, nbits);
		fill(&b, nbits);
		if (prng_below(&rng, 3) == 0) {
			unsigned long noise = b.map[nbits / 64 % ARRAY_SIZE(b.map)];

			bitmap_copy(b.map, a.map, nbits);
			memcpy(b.model, a.model, sizeof(a.model));
			if (nbits % 64)
				b.map[nbits / 64] ^= noise & ~BITMAP_LAST_WORD_MASK(nbits);
			if (nbits && prng_below(&rng, 2)) {
				i = prng_below(&rng, nbits);
				__set_bit(i, b.map);
				b.model[i] = true;
			}
		}
		for (i = 0; i < nbits; i++) {
			equal &= a.model[i] == b.model[i];
			subset &= !a.model[i] || b.model[i];
			meet |= a.model[i] && b.model[i];
			minus |= a.model[i] && !b.model[i];
		}
		assert_int_equal(bitmap_equal(a.map, b.map, nbits), equal);
		assert_int_equal(bitmap_subset(a.map, b.map, nbits), subset);
		assert_int_equal(bitmap_intersects(a.map, b.map, nbits), meet);
		assert_int_equal(bitmap_and(c.map, a.map, b.map, nbits), meet);
		for (i = 0; i < nbits; i++)
			c.model[i] = a.model[i] && b.model[i];
		check(&c, nbits);
		assert_int_equal(bitmap_andnot(c.map, a.map, b.map, nbits), minus);
		for (i = 0; i < nbits; i++)
			c.model[i] = a.model[i] && !b.model[i];
		check(&c, nbits);
		bitmap_or(c.map, a.map, b.map, nbits);
		for (i = 0; i < nbits; i++)
			c.model[i] = a.model[i] || b.model[i];
		check(&c, nbits);
	}
}

static void test_sizes(void **state __unused)
{
	assert_int_equal(BITS_TO_LONGS(0), 0);
	assert_int_equal(BITS_TO_LONGS(1), 1);
	assert_int_equal(BITS_TO_LONGS(64), 1);
	assert_int_equal(BITS_TO_LONGS(65), 2);
	assert_true(BITMAP_LAST_WORD_MASK(64) == ~0UL && BITMAP_LAST_WORD_MASK(1) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_two),
		cmocka_unit_test(test_sizes),
	};

	seed_rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
