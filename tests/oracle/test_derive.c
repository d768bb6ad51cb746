/* SPDX-License-Identifier: MIT */
/* The formulas: exact on every recorded snapshot of the kernel, and by hand on
 * numbers of a known machine; and that a number changed by one is found. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/testlib.h"
#include "oracle/derive.h"

#define RESULTS "oracle/results"

struct tally {
	const char *where;
	unsigned int exact[32], wrong[32], nr_wrong;
	const char *last;
};

static void tally(void *ctx, const struct oracle_check *c)
{
	struct tally *t = ctx;
	unsigned int i = 0;

	while (oracle_check_names[i] && strcmp(oracle_check_names[i], c->what))
		i++;
	assert_non_null(oracle_check_names[i]);
	if (c->exact) {
		t->exact[i]++;
		return;
	}
	t->wrong[i]++;
	t->last = oracle_check_names[i];
	if (t->where && t->nr_wrong++ < 20)
		print_message("%s: %s %s: the kernel shows %s, the formula gives %s\n", t->where,
			      c->what, c->where, c->shown, c->formula);
}

static void derive_all(const struct oracle_result *r, const char *name, struct tally *t)
{
	char where[160];

	for (size_t i = 0; i < r->nr_snaps; i++) {
		snprintf(where, sizeof(where), "%.80s:%.60s", name, r->snaps[i].label);
		t->where = name ? where : NULL;
		oracle_derive_snap(r, i, tally, t);
	}
	t->where = name;
	oracle_derive_run(r, tally, t);
}

static void test_recorded(void **state)
{
	struct tally t = {0};
	struct dirent *e;
	unsigned int runs = 0, all = 0;
	DIR *d = opendir(RESULTS);

	(void)state;
	while (d && (e = readdir(d))) {
		char path[512], why[128];
		struct oracle_result r;

		snprintf(path, sizeof(path), RESULTS "/%s/6.1/out.txt.gz", e->d_name);
		if (e->d_name[0] == '.' || access(path, R_OK))
			continue;
		assert_true(oracle_result_read(&r, path, why, sizeof(why)));
		assert_true(r.finished);
		derive_all(&r, e->d_name, &t);
		oracle_result_free(&r);
		runs++;
	}
	if (d)
		closedir(d);
	if (!runs) {
		print_message("no results in " RESULTS "\n");
		skip();
	}
	for (unsigned int i = 0; oracle_check_names[i]; i++) {
		print_message("%6u exact %3u wrong  %s\n", t.exact[i], t.wrong[i],
			      oracle_check_names[i]);
		assert_int_equal(t.wrong[i], 0);
		assert_true(t.exact[i] > 0);
		all += t.exact[i];
	}
	print_message("%u checks of %u runs\n", all, runs);
}

/* Replaces a text in a recorded output and says which check found it. */
static const char *doctored(const char *scenario, const char *from, const char *to)
{
	static char text[8 << 20];
	struct tally t = {0};
	struct oracle_result r;
	char command[256], why[128], *copy, *at;
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command), "gzip -dc " RESULTS "/%s/6.1/out.txt.gz", scenario);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	pclose(f);
	text[n] = 0;
	at = strstr(text, from);
	if (!at) {
		print_message("%s has no \"%s\"\n", scenario, from);
		return "";
	}
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
	copy = malloc(n + 1);
	assert_non_null(copy);
	memcpy(copy, text, n);
	assert_true(oracle_result_parse(&r, copy, n, why, sizeof(why)));
	derive_all(&r, NULL, &t);
	oracle_result_free(&r);
	return t.last ? t.last : "nothing";
}

static void test_doctored(void **state)
{
	(void)state;
	if (access(RESULTS "/b-oom/6.1/out.txt.gz", R_OK))
		skip();
	assert_string_equal(doctored("b-oom", "managed  113264", "managed  113274"), "MemTotal");
	assert_string_equal(doctored("b-oom", "batch: 31", "batch: 30"), "pcp batch");
	assert_string_equal(doctored("b-oom", "vm stats threshold: 2\n", "vm stats threshold: 3\n"),
			    "vmstat threshold");
	assert_string_equal(doctored("b-oom", "kmalloc-192          336    336    192   21    1",
				     "kmalloc-192          336    336    192   20    1"),
			    "slab layout");
	assert_string_equal(doctored("b-oom", "oom_score=667", "oom_score=668"), "oom_score");
	assert_string_equal(doctored("b-oom", "Killed process 117 (B)", "Killed process 116 (A)"),
			    "victim");
	if (access(RESULTS "/a-idle@2n/6.1/out.txt.gz", R_OK))
		skip();
	assert_string_equal(doctored("a-idle@2n", "Fallback order for Node 1: 1 0",
				     "Fallback order for Node 1: 0 1"),
			    "zonelist order");
}

static void test_by_hand(void **state)
{
	/* 512 MiB, as the first snapshot of b-oom has it */
	struct oracle_zone z[2] = {
		{.type = 0, .managed = 3840, .min = 22, .low = 27, .high = 32, .nr_cpus = 1},
		{.type = 1, .managed = 109709, .min = 650, .low = 812, .high = 974, .nr_cpus = 1},
	};
	const u64 ratio[ORACLE_NR_ZONES] = {256, 256, 32, 0, 0};
	struct oracle_marks m = derive_wmarks(z, 2, 1, 2693, 10);

	(void)state;
	assert_int_equal(m.min, 650);
	assert_int_equal(m.low, 812);
	assert_int_equal(m.high, 974);
	m = derive_wmarks(z, 2, 0, 2693, 10);
	assert_int_equal(m.min, 22);
	assert_int_equal(derive_pcp_batch(&z[1]), 31);
	assert_int_equal(derive_pcp_high(&z[1], 1, 0), 812);
	assert_int_equal(derive_pcp_high(&z[0], 1, 0), 27);
	assert_int_equal(derive_pcp_high(&z[1], 1, 8), 13713);
	assert_int_equal(derive_threshold(&z[1]), 6);
	assert_int_equal(derive_lowmem_reserve(z, 2, 0, ratio, 1), 428);
	assert_int_equal(derive_lowmem_reserve(z, 2, 1, ratio, 4), 0);
	/* the orders of caches that everybody knows */
	assert_int_equal(derive_slab_order(192, 1), 0);
	assert_int_equal(derive_slab_order(4096, 1), 3);
	assert_int_equal(derive_slab_order(8448, 1), 3);
	assert_int_equal(derive_slab_order(384, 1), 0);
	assert_int_equal(derive_slab_order(384, 4), 1);
	/* -1000: never; a third of memory: 666 and 222 more */
	assert_int_equal(derive_oom_score(100000, -1000, 300000), 0);
	assert_int_equal(derive_oom_score(100000, 0, 300000), 888);
	assert_int_equal(derive_oom_score(0, -999, 300000), 0);
	/* no zone, no processor, no memory: nothing to divide by */
	memset(z, 0, sizeof(z));
	m = derive_wmarks(z, 2, 0, 1 << 20, 10);
	assert_int_equal(m.high, 0);
	assert_int_equal(derive_pcp_high(&z[0], 0, 0), 4);
	assert_int_equal(derive_threshold_pressure(&z[0]), 1);
	assert_int_equal(derive_oom_score(1, 0, 0), 0);
	assert_int_equal(derive_slab_order(0, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_doctored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
