/* SPDX-License-Identifier: MIT */
/*
 * What people write, and what is made of it: sizes, times, parts, dates; settings
 * and their keys; the nearest known word; percentiles of latencies.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/nearest.h"
#include "machine/setting.h"
#include "machine/units.h"
#include "tests/lib/testlib.h"

#define SEC 1000000000ULL

static void test_sizes(void **unused)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"4096", 4096},
		    {"32G", 32ULL << 30},
		    {"1.5M", 3 << 19},
		    {"2T", 2ULL << 40},
		    {"0", 0}};
	static const char *const bad[] = {"",	 "G",	   "-1G",	   "1X",
					  "1GG", "1.5.5M", "99999999999T", "1 G"};
	uint64_t n;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(parse_size(good[i].text, &n));
		assert_int_equal(n, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_size(bad[i], &n))
			fail_msg("\"%s\" is a size: %llu", bad[i], (unsigned long long)n);
}

static void test_times(void **unused)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {{"70ns", 70},	{"80us", 80000},    {"5ms", 5000000},
		    {"30s", 30 * SEC},	{"10m", 600 * SEC}, {"1h30m", 5400 * SEC},
		    {"8h", 28800 * SEC}};
	static const char *const bad[] = {"", "10", "m", "1h30", "-5s", "5 s", "1m1m1x"};
	uint64_t ns;
	int64_t s;

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(parse_duration(good[i].text, &ns));
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse_duration(bad[i], &ns))
			fail_msg("\"%s\" is a time", bad[i]);
	assert_true(parse_clock("02:58", &ns) && ns == 10680 * SEC);
	assert_true(parse_clock("02:58:30", &ns) && ns == 10710 * SEC);
	assert_false(parse_clock("24:00", &ns) || parse_clock("02:60", &ns) ||
		     parse_clock("2", &ns) || parse_clock("02:58:30x", &ns));
	assert_true(parse_date("1970-01-02", &s) && s == 86400);
	assert_true(parse_date("2024-02-29", &s) && s == 1709164800);
	assert_false(parse_date("2023-02-29", &s) || parse_date("2023-13-01", &s));
	assert_true(parse_part("30%", &ns) && ns == 3000);
	assert_true(parse_part("0.5%", &ns) && ns == 50);
	assert_false(parse_part("101%", &ns) || parse_part("30", &ns));
}

static void test_nearest(void **unused)
{
	static const char *const known[] = {"vm.swappiness", "vm.min_free_kbytes", "swap", "thp",
					    "lru_gen"};
	struct nearest n;

	(void)unused;
	assert_int_equal(word_distance("swap", "swap"), 0);
	assert_int_equal(word_distance("swap", "swop"), 1);
	assert_int_equal(word_distance("", "swap"), 4);
	assert_int_equal(word_distance("kitten", "sitting"), 3);
	n = nearest_to("vm.swapiness");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		nearest_offer(&n, known[i]);
	assert_string_equal(nearest_found(&n), "vm.swappiness");
	n = nearest_to("wholly different");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		nearest_offer(&n, known[i]);
	assert_null(nearest_found(&n));
}

/* A key holds what is read at a gate, so that two lists with one key are one machine. */
static char *key_of(const char *a, const char *b, enum setting_gate gate)
{
	struct scenario *s = scenario_load("tests/machine/night.yaml", stderr);
	struct setting_list list = {0};
	char *key;

	if (!s)
		fail_msg("run it in the top folder");
	assert_true(setting_add(&list, a, s, stderr));
	assert_true(!b || setting_add(&list, b, s, stderr));
	key = setting_key(&list, gate);
	assert_non_null(key);
	setting_list_free(&list);
	scenario_free(s);
	return key;
}

static void same_key(const char *a, const char *b, enum setting_gate gate, bool same)
{
	char *x = key_of(a, "vm.swappiness=10", gate), *y = key_of(b, "vm.swappiness=10", gate);

	if (!strcmp(x, y) != same)
		fail_msg("%s and %s: \"%s\", \"%s\"", a, b, x, y);
	free(x);
	free(y);
}

static void test_keys(void **unused)
{
	(void)unused;
	same_key("ledgerd/oom_score_adj=1", "ledgerd/oom_score_adj=2", GATE_BOOT, true);
	same_key("ledgerd/oom_score_adj=1", "ledgerd/oom_score_adj=2", GATE_RECLAIM, true);
	same_key("ledgerd/oom_score_adj=1", "ledgerd/oom_score_adj=2", GATE_KILL, false);
	same_key("vm.page-cluster=1", "vm.page-cluster=2", GATE_BOOT, true);
	same_key("vm.page-cluster=1", "vm.page-cluster=2", GATE_RECLAIM, false);
	same_key("swap=1G", "swap=2G", GATE_BOOT, false);
	same_key("vm.min_free_kbytes=8192", "vm.min_free_kbytes=9000", GATE_BOOT, false);
}

static void test_load(void **unused)
{
	static const char *const bad[] = {"", "much", "-200%", "0", "1.2.3"};
	u64 a, b, c;

	(void)unused;
	assert_true(setting_factor("+20%", &a));
	assert_true(setting_factor("120%", &b));
	assert_true(setting_factor("1.2", &c));
	assert_int_equal(a, b);
	assert_int_equal(b, c);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (setting_factor(bad[i], &a))
			fail_msg("\"%s\" is a load", bad[i]);
}

/* Right to an eighth, and the fast ones count. */
static void test_latency(void **unused)
{
	static struct latency l;
	u64 p;

	(void)unused;
	assert_int_equal(latency_percentile(&l, 0, 5000), 0);
	for (u64 i = 1; i <= 1000; i++)
		latency_add(&l, i * 1000);
	assert_int_equal(l.count, 1000);
	assert_int_equal(l.max, 1000000);
	assert_int_equal(l.sum, 500500000);
	p = latency_percentile(&l, 0, 5000);
	assert_in_range(p, 500000 * 7 / 8, 500000 * 9 / 8);
	p = latency_percentile(&l, 0, 9900);
	assert_in_range(p, 990000 * 7 / 8, 990000 * 9 / 8);
	assert_int_equal(latency_percentile(&l, 1000000, 5000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	cmocka_unit_test(test_times),
		cmocka_unit_test(test_nearest), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_load),	cmocka_unit_test(test_latency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
