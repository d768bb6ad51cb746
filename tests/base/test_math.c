/* SPDX-License-Identifier: MIT */
/*
 * a * b / c against the compiler's own 128-bit division, at the edges and at
 * random.
 */
#include "tests/lib/testlib.h"

#include "base/math.h"

static void check(u64 a, u64 b, u64 c)
{
	unsigned __int128 q = (unsigned __int128)a * b / c;
	u64 expected = q >> 64 ? UINT64_MAX : (u64)q;

	if (mul_u64_u64_div_u64(a, b, c) != expected)
		fail_msg("%#lx * %#lx / %#lx is %#lx, not %#lx", a, b, c, expected,
			 mul_u64_u64_div_u64(a, b, c));
}

static void test_edges(void **state)
{
	static const u64 edge[] = {0,	       1,
				   2,	       3,
				   UINT32_MAX, 1UL << 32,
				   1UL << 62,  (1UL << 63) - 1,
				   1UL << 63,  UINT64_MAX - 1,
				   UINT64_MAX, (1UL << 63) + 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(edge); i++)
		for (size_t j = 0; j < ARRAY_SIZE(edge); j++)
			for (size_t k = 1; k < ARRAY_SIZE(edge); k++)
				check(edge[i], edge[j], edge[k]);
}

static void test_random(void **state)
{
	struct prng rng;

	(void)state;
	prng_seed(&rng, testbox_seed(7));
	for (unsigned int i = 0; i < 200000; i++) {
		u64 a = prng_u64(&rng) >> prng_below(&rng, 64);
		u64 b = prng_u64(&rng) >> prng_below(&rng, 64);

		check(a, b, (prng_u64(&rng) >> prng_below(&rng, 64)) + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
