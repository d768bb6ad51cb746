/* SPDX-License-Identifier: MIT */
/*
 * Heap sort: the result is in order and a permutation, for elements of many
 * sizes, with few compares even at worst.  And the PRNG: its published vector,
 * bounds, evenness.
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

#include "base/prng.h"
#include "base/sort.h"

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

#define N_MAX 500

struct ctx {
	size_t size;
	unsigned long compares;
};

static int cmp_bytes(const void *a, const void *b, void *ctx)
{
	struct ctx *c = ctx;

	c->compares++;
	return memcmp(a, b, c->size);
}

static size_t static_size;

static int cmp_libc(const void *a, const void *b)
{
	return memcmp(a, b, static_size);
}

static void test_sizes(void **state __unused)
{
	static const size_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 16, 24, 31};
	static unsigned char got[N_MAX * 31 + 1], want[N_MAX * 31];
	int round;

	for (round = 0; round < 400; round++) {
		struct ctx ctx = {.size = sizes[prng_below(&rng, ARRAY_SIZE(sizes))]};
		size_t n = prng_below(&rng, round % 4 ? 12 : N_MAX), bytes = n * ctx.size, i,
		       log = 1;
		u64 letters = prng_below(&rng, 2) ? 2 : 256;

		for (i = 0; i < bytes; i++)
			got[i] = (unsigned char)prng_below(&rng, letters);
		got[bytes] = '#';
		memcpy(want, got, bytes);
		static_size = ctx.size;
		qsort(want, n, ctx.size, cmp_libc);
		if (round % 5 == 0) /* in order already */
			memcpy(got, want, bytes);
		sort(got, n, ctx.size, cmp_bytes, &ctx);
		assert_memory_equal(got, want, bytes);
		assert_int_equal(got[bytes], '#');
		while ((1UL << log) < n)
			log++;
		assert_true(ctx.compares <= 2 * n * log + 2 * n);
	}
}

static void test_prng_vector(void **state __unused)
{
	/* splitmix64(0) and the xoshiro256** it seeds, computed from the papers. */
	static const u64 split[] = {0xe220a8397b1dcdafULL, 0x6e789e6aa1b965f4ULL,
				    0x06c45d188009454fULL, 0xf88bb8a8724c81ecULL};
	static const u64 xoshiro[] = {0x99ec5f36cb75f2b4ULL, 0xbf6e1f784956452aULL,
				      0x1a5f849d4933e6e0ULL, 0x6aa594f1262d2d2cULL};
	struct prng p;
	size_t i;

	prng_seed(&p, 0);
	for (i = 0; i < ARRAY_SIZE(split); i++)
		assert_true(p.s[i] == split[i]);
	for (i = 0; i < ARRAY_SIZE(xoshiro); i++)
		assert_true(prng_u64(&p) == xoshiro[i]);
}

static void test_prng_bounds(void **state __unused)
{
	unsigned counts[7] = {0};
	bool low = false, high = false;
	size_t i;

	assert_true(prng_below(&rng, 0) == 0 && prng_below(&rng, 1) == 0);
	for (i = 0; i < 70000; i++) {
		u64 v = prng_range(&rng, 5, 8), big = (3ULL << 62) - prng_below(&rng, 5);

		assert_true(v >= 5 && v <= 8);
		low |= v == 5;
		high |= v == 8;
		assert_true(prng_below(&rng, big) < big);
		counts[prng_below(&rng, 7)]++;
	}
	assert_true(low && high);
	/* Ten standard deviations (of 93) to either side. */
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		assert_in_range(counts[i], 9000, 11000);
	assert_true(prng_range(&rng, 9, 9) == 9);
	low = false;
	for (i = 0; i < 100; i++)
		low |= prng_range(&rng, 0, UINT64_MAX) > UINT64_MAX / 2;
	assert_true(low);
}

/* With n = 3 * 2^62 and no second draw, every third number comes twice as often. */
static void test_prng_unbiased(void **state __unused)
{
	unsigned counts[3] = {0};
	size_t i;

	for (i = 0; i < 30000; i++)
		counts[prng_below(&rng, 3ULL << 62) % 3]++;
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		assert_in_range(counts[i], 9000, 11000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_prng_vector),
		cmocka_unit_test(test_prng_bounds),
		cmocka_unit_test(test_prng_unbiased),
	};

	seed_rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
