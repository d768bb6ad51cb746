/* SPDX-License-Identifier: MIT */
/*
 * Every rule that changed between kernels: tables of arithmetic, and each
 * switch at the version before and the one that has it.
 */
#include "oom/rules.h"
#include "tests/lib/testlib.h"

#define MEM 1000000UL /* pages: a step of oom_score_adj is 1000 */

static long points(unsigned int version, struct oom_points_of what)
{
	return oom_rules_points(oom_rules_of(version, false), &what, MEM);
}

struct row {
	unsigned int version;
	long rss, swap, tables, adj;
	bool root;
	long expected;
};

static void test_arithmetic(void **unused)
{
	static const struct row rows[] = {
		/* 2.6.36: thousandths; no page tables, root 30 less, 0 is the least. */
		{236, 500000, 100000, 9000, 0, false, 600},
		{236, 500000, 100000, 9000, 0, true, 570},
		{236, 500000, 0, 0, 300, false, 800},
		{236, 900000, 0, 0, 300, false, 1000},
		{236, 10000, 0, 0, 0, true, 0},
		{236, 500000, 0, 0, -600, false, 0},
		/* 2.6.37: nobody eligible has less than 1. */
		{237, 10000, 0, 0, 0, true, 1},
		{237, 500000, 0, 0, -600, false, 1},
		/* 2.6.39: page tables count. */
		{238, 500000, 0, 9000, 0, false, 500},
		{239, 500000, 0, 9000, 0, false, 509},
		{304, 500000, 0, 9999, 0, false, 509},
		/* 3.5: pages. */
		{305, 500000, 0, 9999, 0, false, 509999},
		{305, 500000, 0, 0, 300, false, 800000},
		{305, 500000, 0, 0, -600, false, 1},
		{305, 500000, 0, 0, 0, true, 470000},
		{313, 100000, 0, 0, 0, true, 70000},
		/* 3.14: root has 3 % less of its own. */
		{314, 100000, 0, 0, 0, true, 97000},
		{314, 100000, 7, 0, 10, true, 107000 - 0 + 7 - 0},
		{416, 100000, 0, 0, 0, true, 97000},
		/* 4.17: and nothing. */
		{417, 100000, 0, 0, 0, true, 100000},
		/* 5.9: below 0 as well. */
		{508, 500000, 0, 0, -600, false, 1},
		{509, 500000, 0, 0, -600, false, -100000},
		{601, 500000, 5, 7, -600, true, -99988},
		{601, 0, 0, 0, -999, false, -999000},
		{601, 1, 0, 0, 1000, false, 1000001},
		{601, 0, 0, 0, 0, false, 0},
	};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		long found = points(r->version,
				    (struct oom_points_of){r->rss, r->swap, r->tables, r->adj,
							   r->root, 0, 0, 0, 0, false});

		if (found != r->expected)
			fail_msg("row %zu (%u): %ld instead of %ld", i, r->version, found,
				 r->expected);
	}
	for (unsigned int v = 232; v < 700; v++)
		assert_true(points(v, (struct oom_points_of){.rss = 5, .adj = -1000}) == LONG_MIN);
}

static void test_heuristic(void **unused)
{
	struct oom_points_of t = {.rss = 7, .total_vm = 64000};

	(void)unused;
	assert_int_equal(points(232, t), 64000);
	t.children_vm = 6000;
	assert_int_equal(points(235, t), 70000);
	t.children_vm = 0;
	t.cpu_s = 128; /* 16 eights: its root 4 */
	assert_int_equal(points(235, t), 16000);
	t.run_s = 16 * 1024; /* 2 */
	assert_int_equal(points(235, t), 8000);
	t.niced = true;
	assert_int_equal(points(235, t), 16000);
	t.root = true;
	assert_int_equal(points(235, t), 1000);
	t.adj = 1000; /* oom_adj 15 */
	assert_int_equal(points(235, t), 1000 << 15);
	t.adj = 118; /* 2 */
	assert_int_equal(points(235, t), 4000);
	t.adj = -118; /* -2 */
	assert_int_equal(points(235, t), 250);
	assert_true(points(236, t) < 250);
	t = (struct oom_points_of){.adj = 59, .total_vm = 0};
	assert_int_equal(points(235, t), 2);
	t.total_vm = LONG_MAX / 4;
	t.adj = 1000;
	assert_true(points(235, t) > 0);
}

static void test_score(void **unused)
{
	(void)unused;
	assert_int_equal(oom_rules_score(oom_rules_of(232, false), 64000, MEM), 64000);
	assert_int_equal(oom_rules_score(oom_rules_of(236, false), 509, MEM), 509);
	assert_int_equal(oom_rules_score(oom_rules_of(304, false), 509, MEM), 509);
	assert_int_equal(oom_rules_score(oom_rules_of(305, false), 509999, MEM), 509);
	assert_int_equal(oom_rules_score(oom_rules_of(508, false), 1509999, MEM), 1509);
	assert_int_equal(oom_rules_score(oom_rules_of(509, false), 0, MEM), 666);
	assert_int_equal(oom_rules_score(oom_rules_of(601, false), 500000, MEM), 1000);
	assert_int_equal(oom_rules_score(oom_rules_of(601, false), 2000000, MEM), 2000);
	assert_int_equal(oom_rules_score(oom_rules_of(601, false), -999000, MEM), 0);
	assert_int_equal(oom_rules_score(oom_rules_of(601, false), LONG_MIN, MEM), 0);
	assert_int_equal(oom_rules_score(oom_rules_of(601, false), 5, 0), 0);
}

/* Each switch: the last kernel without it and the first with. */
static void test_switches(void **unused)
{
#define SWITCH(before, from, member, old, new)                              \
	do {                                                                \
		assert_int_equal(oom_rules_of(before, false)->member, old); \
		assert_int_equal(oom_rules_of(from, false)->member, new);   \
	} while (0)

	(void)unused;
	SWITCH(235, 236, heuristic, true, false);
	SWITCH(304, 305, thousandths, true, false);
	assert_false(oom_rules_of(235, false)->thousandths);
	SWITCH(236, 237, at_least_one, false, true);
	assert_false(oom_rules_of(509, false)->at_least_one);
	SWITCH(238, 239, pgtables, OOM_PGTABLES_NONE, OOM_PGTABLES_PTE);
	SWITCH(319, 400, pgtables, OOM_PGTABLES_PTE, OOM_PGTABLES_PTE_PMD);
	SWITCH(414, 415, pgtables, OOM_PGTABLES_PTE_PMD, OOM_PGTABLES_BYTES);
	SWITCH(235, 236, root, OOM_ROOT_QUARTER, OOM_ROOT_30);
	SWITCH(313, 314, root, OOM_ROOT_30, OOM_ROOT_PERCENT);
	SWITCH(416, 417, root, OOM_ROOT_PERCENT, OOM_ROOT_NONE);
	SWITCH(304, 305, scale, OOM_SCALE_POINTS, OOM_SCALE_1000);
	SWITCH(508, 509, scale, OOM_SCALE_1000, OOM_SCALE_2000);
	SWITCH(502, 503, last_of_equals, false, true);
	SWITCH(235, 236, child, OOM_CHILD_FIRST, OOM_CHILD_WORST);
	SWITCH(500, 501, child, OOM_CHILD_WORST, OOM_CHILD_NONE);
	SWITCH(235, 236, policy_kills_current, true, false);
	SWITCH(405, 406, reaper, false, true);
	SWITCH(517, 518, reaper_waits, false, true);
	SWITCH(418, 419, oom_group, false, true);
	SWITCH(418, 419, names_deadlock, false, true);
	SWITCH(402, 403, sysrq_may_panic, true, false);
	SWITCH(235, 236, dump_tasks, false, true);
	SWITCH(237, 238, adj_floor, false, true);
	SWITCH(407, 408, adj_shared, false, true);
	SWITCH(407, 408, skips_vfork, false, true);
#undef SWITCH
	/* Red Hat's 2.6.32; the default; what is older or newer than all. */
	assert_int_equal(oom_rules_of(232, true)->since, 239);
	assert_ptr_equal(oom_rules_of(0, false), oom_rules_of(601, false));
	assert_ptr_equal(oom_rules_of(699, false), oom_rules_of(601, false));
	assert_int_equal(oom_rules_of(201, false)->since, 232);
}

static void test_version(void **unused)
{
	(void)unused;
	assert_int_equal(oom_rules_version("3.10"), 310);
	assert_int_equal(oom_rules_version("2.6.32"), 232);
	assert_int_equal(oom_rules_version("2.6.32-754.el6.x86_64"), 232);
	assert_int_equal(oom_rules_version("6.1.0-13-amd64"), 601);
	assert_int_equal(oom_rules_version("5.4.0-rc4"), 504);
	assert_int_equal(oom_rules_version("6"), 0);
	assert_int_equal(oom_rules_version("6."), 0);
	assert_int_equal(oom_rules_version("2.4.20"), 0);
	assert_int_equal(oom_rules_version("2.6"), 0);
	assert_int_equal(oom_rules_version("seven"), 0);
	assert_int_equal(oom_rules_version(""), 0);
}

/* Any task, any kernel: more oom_score_adj never makes fewer points, and neither
 * does more memory; who is exempt stays so. */
static void test_properties(void **unused)
{
	struct prng rng;
	u64 seed = 20260314;

	(void)unused;
	prng_seed(&rng, seed);
	for (int i = 0; i < 200000; i++) {
		unsigned int v = 232 + (unsigned int)prng_below(&rng, 400);
		unsigned long mem = 1 + prng_below(&rng, 1UL << (1 + prng_below(&rng, 32)));
		struct oom_points_of t = {.rss = (long)prng_below(&rng, mem),
					  .swapents = (long)prng_below(&rng, mem),
					  .pgtables = (long)prng_below(&rng, 1 + mem / 500),
					  .adj = (long)prng_below(&rng, 2001) - 1000,
					  .root = prng_below(&rng, 2),
					  .total_vm = (long)prng_below(&rng, 2 * mem),
					  .cpu_s = (long)prng_below(&rng, 100000),
					  .run_s = (long)prng_below(&rng, 100000)};
		struct oom_points_of u = t;
		const struct oom_rules *rules = oom_rules_of(v, false);
		long p = oom_rules_points(rules, &t, mem), more;

		if (p == LONG_MIN) {
			assert_int_equal(t.adj, -1000);
			continue;
		}
		u.adj = t.adj + (long)prng_below(&rng, (u64)(1001 - t.adj));
		more = oom_rules_points(rules, &u, mem);
		if (more < p)
			fail_msg("seed %llu, %d: kernel %u: adj %ld has %ld, %ld has %ld",
				 (unsigned long long)seed, i, v, t.adj, p, u.adj, more);
		u = t;
		u.rss += (long)prng_below(&rng, mem);
		u.total_vm += u.rss - t.rss;
		if (oom_rules_points(rules, &u, mem) < p)
			fail_msg("seed %llu, %d: kernel %u: more memory, fewer points",
				 (unsigned long long)seed, i, v);
		assert_true(oom_rules_score(rules, p, mem) >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_heuristic),
		cmocka_unit_test(test_score),	   cmocka_unit_test(test_switches),
		cmocka_unit_test(test_version),	   cmocka_unit_test(test_properties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
