/* SPDX-License-Identifier: MIT */
/* The judge: a result agrees with itself, and what is changed in it is found,
 * with the right bar. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/testlib.h"
#include "oracle/fidelity.h"
#include "oracle/shape.h"

#define RESULTS "oracle/results"

/* A result of two snapshots and two deaths, with places to change. */
struct shape {
	u64 free, pswpout, pgscan, pgsteal_kswapd, pgsteal_direct, low, a_rss, huge;
	int oom_score;
	const char *first, *second; /* victims */
	unsigned int rounds;
	bool no_end; /* the second snapshot is missing */
};

static const struct shape usual = {
	.free = 10000,
	.pswpout = 5000,
	.pgscan = 20000,
	.pgsteal_kswapd = 3000,
	.pgsteal_direct = 2000,
	.low = 813,
	.a_rss = 40000,
	.huge = 40,
	.oom_score = 667,
	.first = "B",
	.second = "A",
	.rounds = 100,
};

static void write_snap(FILE *f, const struct shape *s, const char *label, bool end)
{
	fprintf(f, "@@snap %s ns=1\n@@file /proc/vmstat\n", label);
	fprintf(f, "nr_free_pages %llu\nnr_anon_pages 500\npswpout %llu\n",
		(unsigned long long)(end ? s->free : 50000),
		(unsigned long long)(end ? s->pswpout + 7 : 7));
	fprintf(f,
		"pgscan_kswapd %llu\npgscan_direct 0\npgsteal_kswapd %llu\npgsteal_direct %llu\n",
		(unsigned long long)(end ? s->pgscan : 0),
		(unsigned long long)(end ? s->pgsteal_kswapd : 0),
		(unsigned long long)(end ? s->pgsteal_direct : 0));
	fprintf(f,
		"@@file /proc/zoneinfo\nNode 0, zone    DMA32\n  pages free 9\n"
		"        boost    100\n        min      750\n        low      %llu\n"
		"        high     1076\n        managed  109000\n",
		(unsigned long long)s->low + 100);
	fprintf(f, "        protection: (0, 0, 0, 0, 0)\n  pagesets\n    cpu: 0\n"
		   "              count: 2\n              high:  812\n              batch: 31\n");
	fprintf(f, "@@file /proc/sys/vm/min_free_kbytes\n2693\n");
	fprintf(f,
		"@@file /sys/kernel/mm/hugepages/hugepages-2048kB/\n"
		"free_hugepages 0\nnr_hugepages %llu\n",
		(unsigned long long)s->huge);
	fprintf(f, "@@proc A pid=9 VmRSS=%llu oom_score=%d smaps.Rss=%llu smaps.Swap=0\n",
		(unsigned long long)s->a_rss, s->oom_score, (unsigned long long)s->a_rss);
	fprintf(f, "@@endsnap ns=2\n");
}

static void write_loop(FILE *f, const struct shape *s)
{
	for (unsigned int i = 0; i < s->rounds; i++) {
		fprintf(f, "@@cmd 4 ns=5 touch A m next 1M\n");
		fprintf(f, "@@ok 4 ns=6 proc=A err=0 val=256\n");
		fprintf(f, "@@cmd 5 ns=7 touch B m next 1M\n");
	}
	fprintf(f, "@@dead B pid=10 sig=9 ns=8\n@@loop 3 rounds=%u ns=8\n", s->rounds);
}

static void make(struct oracle_result *r, const struct shape *s)
{
	char *text = NULL, *copy, why[128];
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	write_snap(f, s, "start", false);
	write_loop(f, s);
	if (!s->no_end)
		write_snap(f, s, "end", true);
	fprintf(f,
		"@@file dmesg\n[ 1.0] Out of memory: Killed process 10 (%s) x\n"
		"[ 2.0] Out of memory: Killed process 9 (%s) x\n@@finish ns=9\n",
		s->first, s->second);
	fclose(f);
	copy = malloc(n + 1);
	assert_non_null(copy);
	memcpy(copy, text, n);
	free(text);
	assert_true(oracle_result_parse(r, copy, n, why, sizeof(why)));
}

/* The verdict on one quantity at the end, of the usual kernel and this model. */
static enum oracle_verdict judge(const struct shape *model, const struct oracle_variance *v,
				 const char *snap, const char *quantity, unsigned int *differ)
{
	enum oracle_verdict verdict = ORACLE_NOT_JUDGED;
	struct oracle_comparison c;
	struct oracle_result k, m;

	make(&k, &usual);
	make(&m, model);
	assert_true(oracle_compare(&c, &k, &m, v));
	*differ = 0;
	for (size_t i = 0; i < c.nr; i++) {
		*differ +=
			c.rows[i].verdict == ORACLE_DIFFERS || c.rows[i].verdict == ORACLE_MISSING;
		if (!strcmp(c.rows[i].snap, snap) && !strcmp(c.rows[i].quantity, quantity))
			verdict = c.rows[i].verdict;
	}
	oracle_comparison_free(&c);
	oracle_result_free(&k);
	oracle_result_free(&m);
	return verdict;
}

static void test_agrees(void **state)
{
	unsigned int differ;

	(void)state;
	assert_int_equal(judge(&usual, NULL, "end", "free pages", &differ), ORACLE_AGREES);
	assert_int_equal(differ, 0);
	assert_int_equal(judge(&usual, NULL, "end", "anonymous pages", &differ), ORACLE_AGREES);
	assert_int_equal(judge(&usual, NULL, "start", "pswpout", &differ), ORACLE_NOT_JUDGED);
	assert_int_equal(judge(&usual, NULL, "end", "watermarks", &differ), ORACLE_AGREES);
	assert_int_equal(judge(&usual, NULL, "", "victim 2", &differ), ORACLE_AGREES);
	assert_int_equal(judge(&usual, NULL, "", "round of B's death", &differ), ORACLE_AGREES);
}

#define EXPECT(snap, quantity, verdict, ...)                                           \
	do {                                                                           \
		struct shape s_ = usual;                                               \
		unsigned int differ_;                                                  \
		__VA_ARGS__;                                                           \
		assert_int_equal(judge(&s_, NULL, snap, quantity, &differ_), verdict); \
	} while (0)

static void test_bars(void **state)
{
	(void)state;
	EXPECT("end", "free pages", ORACLE_AGREES, s_.free = 10200);
	EXPECT("end", "free pages", ORACLE_DIFFERS, s_.free = 10201);
	EXPECT("end", "free pages", ORACLE_DIFFERS, s_.free = 9799);
	EXPECT("end", "pswpout", ORACLE_AGREES, s_.pswpout = 5250);
	EXPECT("end", "pswpout", ORACLE_DIFFERS, s_.pswpout = 5251);
	EXPECT("end", "pgscan", ORACLE_AGREES, s_.pgscan = 17000);
	EXPECT("end", "pgscan", ORACLE_DIFFERS, s_.pgscan = 16999);
	EXPECT("end", "kswapd's share of pgsteal", ORACLE_AGREES, s_.pgsteal_kswapd = 3700,
	       s_.pgsteal_direct = 1300);
	EXPECT("end", "kswapd's share of pgsteal", ORACLE_DIFFERS, s_.pgsteal_kswapd = 3800,
	       s_.pgsteal_direct = 1200);
	EXPECT("end", "watermarks", ORACLE_DIFFERS, s_.low = 814);
	EXPECT("end", "oom_score", ORACLE_DIFFERS, s_.oom_score = 668);
	EXPECT("end", "A resident+swapped", ORACLE_DIFFERS, s_.a_rss = 40004);
	EXPECT("end", "A resident+swapped", ORACLE_AGREES, s_.a_rss = 40000);
	EXPECT("end", "nr_hugepages 2048kB", ORACLE_AGREES, s_.huge = 42);
	EXPECT("end", "nr_hugepages 2048kB", ORACLE_DIFFERS, s_.huge = 43);
	EXPECT("end", "free pages", ORACLE_MISSING, s_.no_end = true);
	EXPECT("end", "watermarks", ORACLE_MISSING, s_.no_end = true);
}

static void test_deaths(void **state)
{
	(void)state;
	EXPECT("", "victim 1", ORACLE_DIFFERS, s_.first = "A", s_.second = "B");
	EXPECT("", "victim 2", ORACLE_DIFFERS, s_.second = "C");
	EXPECT("", "round of B's death", ORACLE_AGREES, s_.rounds = 102);
	EXPECT("", "round of B's death", ORACLE_DIFFERS, s_.rounds = 103);
	EXPECT("", "round of B's death", ORACLE_DIFFERS, s_.rounds = 97);
	/* two rounds later A has touched 512 pages more, and may be that larger */
	EXPECT("end", "A resident+swapped", ORACLE_AGREES, s_.rounds = 102,
	       s_.a_rss = 40000 + 512 * 4);
	EXPECT("end", "A resident+swapped", ORACLE_DIFFERS, s_.rounds = 102, s_.a_rss = 40000);
	EXPECT("end", "A resident+swapped", ORACLE_DIFFERS, s_.rounds = 110,
	       s_.a_rss = 40000 + 2560 * 4);
}

/* The kernel's own runs are the bar where they lie further apart. */
static void test_own_range(void **state)
{
	char path[] = "/tmp/quire-variance-XXXXXX";
	struct oracle_variance v;
	struct shape s = usual;
	unsigned int differ;
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	(void)state;
	assert_non_null(f);
	fprintf(f,
		"# comment\nx 6.1 end pgscan 20000 19000 21000 18000 30000\n"
		"x 6.12 end pswpout 1 1 1 1 100000\ny 6.1 end pswpout 1 1 1 1 100000\n"
		"x 6.1 - round:3 100 100 100 90 95\nx 6.1 end nr_free_pages 1 1\nbroken\nx 6.1\n");
	fclose(f);
	oracle_variance_read(&v, path, "x", "6.1");
	unlink(path);
	assert_int_equal(v.nr, 3);
	s.pgscan = 29999;
	assert_int_equal(judge(&s, &v, "end", "pgscan", &differ), ORACLE_AGREES_RANGE);
	assert_int_equal(differ, 0);
	s.pgscan = 30001;
	assert_int_equal(judge(&s, &v, "end", "pgscan", &differ), ORACLE_DIFFERS);
	s.pswpout = 6000;
	assert_int_equal(judge(&s, &v, "end", "pswpout", &differ), ORACLE_DIFFERS);
	s.rounds = 91;
	assert_int_equal(judge(&s, &v, "", "round of B's death", &differ), ORACLE_AGREES_RANGE);
	s.rounds = 89;
	assert_int_equal(judge(&s, &v, "", "round of B's death", &differ), ORACLE_DIFFERS);
	oracle_variance_free(&v);
	/* no file: no ranges */
	oracle_variance_read(&v, "/nonexistent", "x", "6.1");
	assert_int_equal(v.nr, 0);
	oracle_variance_free(&v);
}

/* Documents, data and the list of what agrees. */
static void test_documents(void **state)
{
	struct oracle_case cases[2] = {{.name = "one"}, {.name = "two", .failed = "signal 11"}};
	char path[] = "/tmp/quire-agrees-XXXXXX", *text = NULL;
	struct oracle_result k, m;
	struct shape s = usual;
	size_t n;
	FILE *f;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	make(&k, &usual);
	make(&m, &s);
	assert_true(oracle_compare(&cases[0].c, &k, &m, NULL));
	oracle_result_free(&m);
	s.low++;
	make(&m, &s);
	assert_true(oracle_compare(&cases[1].c, &k, &m, NULL));
	f = open_memstream(&text, &n);
	assert_non_null(f);
	oracle_write_fidelity(f, "6.1", cases, 2, NULL, "table");
	oracle_print_table(f, &cases[1].c, false);
	oracle_print_json(f, "a \"b\"\n", "6.1", &cases[1].c);
	fclose(f);
	assert_memory_equal(text, "# Fidelity: the model agrees with Linux 6.1 in 9", 48);
	assert_non_null(strstr(text, "| watermarks | 0 of 2 | start |"));
	assert_non_null(strstr(text, "signal 11"));
	assert_non_null(strstr(text, "a \\\"b\\\"\\u000a"));
	free(text);
	/* the list takes what agrees, and does not let go of it */
	assert_int_equal(oracle_check_agrees(path, cases, 1, true, stderr), 0);
	assert_int_equal(oracle_check_agrees(path, cases, 1, false, stderr), 0);
	snprintf(cases[1].name, sizeof(cases[1].name), "one");
	f = tmpfile();
	assert_non_null(f);
	assert_int_equal(oracle_check_agrees(path, &cases[1], 1, true, f), 2);
	assert_int_equal(oracle_check_agrees(path, &cases[1], 1, false, f), 2);
	assert_int_equal(oracle_check_agrees(path, &cases[0], 1, false, f), 0);
	fclose(f);
	unlink(path);
	oracle_comparison_free(&cases[0].c);
	oracle_comparison_free(&cases[1].c);
	oracle_result_free(&k);
	oracle_result_free(&m);
}

/* Every recorded result agrees with itself in all that is judged. */
static void test_recorded(void **state)
{
	static const char *const names[] = {"c-swap", "g-hugetlb", "h-numa", "i-memcg", "f-frag"};
	char path[256], why[128];
	unsigned int runs = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct oracle_result a, b;
		struct oracle_comparison c;

		snprintf(path, sizeof(path), RESULTS "/%s/6.1/out.txt.gz", names[i]);
		if (access(path, R_OK))
			continue;
		assert_true(oracle_result_read(&a, path, why, sizeof(why)));
		assert_true(oracle_result_read(&b, path, why, sizeof(why)));
		assert_true(oracle_compare(&c, &a, &b, NULL));
		assert_true(c.judged[ORACLE_EXACT] > 10 && c.judged[ORACLE_AMOUNTS] > 10);
		for (int k = 0; k < ORACLE_MORE; k++)
			assert_int_equal(c.judged[k], c.agreed[k]);
		oracle_comparison_free(&c);
		oracle_result_free(&a);
		oracle_result_free(&b);
		runs++;
	}
	if (!runs)
		skip();
}

/* NAME@TAG is NAME on the machine of its run.json, line for line. */
static void test_shape(void **state)
{
	char why[160], *plain, *shaped;
	unsigned int a = 0, b = 0;

	(void)state;
	assert_null(oracle_scenario_text("oracle", "no-such-scenario", "6.1", why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
	if (access(RESULTS "/a-idle@2n-smp4/6.1/run.json", R_OK))
		skip();
	plain = oracle_scenario_text("oracle", "a-idle", "6.1", why, sizeof(why));
	shaped = oracle_scenario_text("oracle", "a-idle@2n-smp4", "6.1", why, sizeof(why));
	assert_non_null(plain);
	assert_non_null(shaped);
	assert_non_null(strstr(shaped, " smp=4 node=0:1536M:0+1 node=1:4608M:2+3"));
	assert_null(strstr(shaped, "data="));
	for (const char *p = plain; *p; p++)
		a += *p == '\n';
	for (const char *p = shaped; *p; p++)
		b += *p == '\n';
	assert_int_equal(a, b);
	free(plain);
	free(shaped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees),	  cmocka_unit_test(test_bars),
		cmocka_unit_test(test_deaths),	  cmocka_unit_test(test_own_range),
		cmocka_unit_test(test_documents), cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_shape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
