/* SPDX-License-Identifier: MIT */
/* The reader of out.txt: what it takes from a text, and that no text breaks it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/testlib.h"
#include "oracle/derive.h"
#include "oracle/compare.h"

static const char small[] =
	"@@start ns=1\n"
	"@@cmd 1 ns=2 device swap0 /dev/pmem0\n"
	"@@cmd 2 ns=2 snap start\n"
	"@@snap start ns=3\n"
	"@@file /proc/vmstat\n"
	"nr_free_pages 100\n"
	"pgfault 5\n"
	"@@file /proc/sys/vm/min_free_kbytes\n"
	"2693\n"
	"@@file /empty\n"
	"@@proc A pid=116 VmRSS=892 oom_score=667 oom_score_adj=-300 smaps.Rss=900 smaps.Swap=8\n"
	"@@endsnap ns=4\n"
	"@@cmd 4 ns=5 touch A m next 1M\n"
	"@@ok 4 ns=6 proc=A err=0 took=1 minflt=256 majflt=0 val=256\n"
	"@@cmd 5 ns=7 touch B m next 1M\n"
	"@@ok 5 ns=8 proc=B err=0 val=256\n"
	"@@cmd 4 ns=9 touch A m next 1M\n"
	"@@ok 4 ns=9 proc=A err=-12 val=100\n"
	"@@cmd 5 ns=10 & touch B m next 1M\n"
	"@@ok 5 ns=11 proc=B died\n"
	"@@dead B pid=117 sig=9 ns=12\n"
	"@@loop 3 rounds=2 ns=13\n"
	"@@bad 9 what is this\n"
	"@@snap start ns=14\n"
	"@@proc A pid=116 VmRSS=1\n"
	"@@endsnap ns=15\n"
	"@@file dmesg\n"
	"[    1.0] A invoked oom-killer: gfp_mask=0x1(GFP), order=0, oom_score_adj=0\n"
	"[    1.0] Total swap = 262140kB\n"
	"[    1.0] [  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj "
	"name\n"
	"[    1.0] [    116]     0   116   179568    36059   319488        7          -300 A\n"
	"[    1.0] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task=B,pid=117,uid=0\n"
	"[    1.0] Out of memory: Killed process 117 (B) total-vm:718272kB\n"
	"@@finish ns=16\n";

static bool parse(struct oracle_result *r, const char *text, size_t n)
{
	char *copy = malloc(n + 1), why[128];

	assert_non_null(copy);
	memcpy(copy, text, n);
	return oracle_result_parse(r, copy, n, why, sizeof(why));
}

static void test_reads(void **state)
{
	struct oracle_result r;
	const struct oracle_snap *s;
	const struct oracle_proc *p;
	s64 v;
	u64 u;

	(void)state;
	assert_true(parse(&r, small, strlen(small)));
	assert_true(r.finished);
	assert_int_equal(r.nr_snaps, 2);
	assert_int_equal(r.nr_bad, 1);
	assert_int_equal(r.nr_failed, 1);
	s = oracle_snap_find(&r, "start", 0);
	assert_non_null(s);
	assert_true(oracle_vmstat(s, "nr_free_pages", &u) && u == 100);
	assert_false(oracle_vmstat(s, "nr_free", &u));
	assert_true(oracle_num(s, "/proc/sys/vm/min_free_kbytes", &u) && u == 2693);
	assert_string_equal(oracle_file_text(s, "/empty"), "");
	assert_null(oracle_file_text(s, "/none"));
	p = oracle_proc_find(s, "A");
	assert_true(p && oracle_proc_value(p, "oom_score_adj", &v) && v == -300);
	assert_true(oracle_proc_value(p, "smaps.Swap", &v) && v == 8);
	assert_false(oracle_proc_value(p, "Swap", &v));
	assert_int_equal(p->touched, 0);
	/* the same label again is another snapshot */
	s = oracle_snap_find(&r, "start", 1);
	assert_non_null(s);
	assert_int_equal(oracle_proc_find(s, "A")->touched, 356);
	assert_null(oracle_snap_find(&r, "start", 2));
	oracle_result_free(&r);
}

static void test_deaths(void **state)
{
	struct oracle_kill k;
	struct oracle_result r;
	const char *p;

	(void)state;
	assert_true(parse(&r, small, strlen(small)));
	assert_int_equal(r.nr_deaths, 1);
	assert_string_equal(r.deaths[0].name, "B");
	assert_int_equal(r.deaths[0].round, 2);
	assert_true(r.deaths[0].in_loop);
	assert_int_equal(r.nr_loops, 1);
	assert_int_equal(r.loops[0].rounds, 2);
	assert_int_equal(r.loops[0].deaths, 1);
	p = r.log;
	assert_true(oracle_kill_next(&p, &k));
	assert_string_equal(k.victim, "B");
	assert_string_equal(k.constraint, "CONSTRAINT_NONE");
	assert_int_equal(k.pid, 117);
	assert_int_equal(k.total_swap_kb, 262140);
	assert_int_equal(k.nr_tasks, 1);
	assert_int_equal(k.tasks[0].adj, -300);
	assert_int_equal(k.tasks[0].rss, 36059);
	assert_int_equal(k.tasks[0].swap, 7);
	assert_string_equal(k.tasks[0].name, "A");
	assert_false(oracle_kill_next(&p, &k));
	oracle_result_free(&r);
}

static void test_is_no_result(void **state)
{
	struct oracle_result r;
	char why[128];

	(void)state;
	assert_false(parse(&r, "", 0));
	assert_false(parse(&r, "hello\nworld\n", 12));
	assert_false(oracle_result_read(&r, "/nonexistent/out.txt", why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
	assert_false(oracle_result_read(&r, "/tmp", why, sizeof(why)));
}

static void nothing(void *ctx, const struct oracle_check *c)
{
	*(size_t *)ctx += strlen(c->what) + strlen(c->where) + strlen(c->shown);
}

/* All that the judge does with a result, on one that may be anything. */
static void use(const char *text, size_t n)
{
	struct oracle_comparison c;
	struct oracle_result r, good;
	size_t sum = 0;

	if (!parse(&r, text, n))
		return;
	for (size_t i = 0; i < r.nr_snaps; i++)
		oracle_derive_snap(&r, i, nothing, &sum);
	oracle_derive_run(&r, nothing, &sum);
	assert_true(parse(&good, small, strlen(small)));
	assert_true(oracle_compare(&c, &r, &good, NULL));
	oracle_comparison_free(&c);
	assert_true(oracle_compare(&c, &good, &r, NULL));
	oracle_comparison_free(&c);
	assert_true(oracle_compare(&c, &r, &r, NULL));
	oracle_comparison_free(&c);
	oracle_result_free(&good);
	oracle_result_free(&r);
}

/* The text of a recorded result, or the small one where there is none. */
static char *recorded(size_t *n)
{
	FILE *f = popen("gzip -dc oracle/results/memcg-oom/6.1/out.txt.gz 2>/dev/null", "r");
	char *text = malloc(4 << 20);

	assert_non_null(text);
	*n = f ? fread(text, 1, 4 << 20, f) : 0;
	if (f)
		pclose(f);
	if (!*n) {
		*n = strlen(small);
		memcpy(text, small, *n);
	}
	return text;
}

static void test_truncated(void **state)
{
	size_t n;
	char *text = recorded(&n);

	(void)state;
	for (size_t i = 0; i <= strlen(small); i++)
		use(small, i);
	for (size_t i = 1; i <= 60; i++)
		use(text, n * i / 60);
	free(text);
}

static void test_hostile(void **state)
{
	static const char *const pieces[] = {
		"@@snap ",
		"@@snap a ns=1\n",
		"@@file /proc/zoneinfo\n",
		"@@file ",
		"@@proc A VmRSS=",
		"@@file /proc/slabinfo\n",
		"@@endsnap\n",
		"@@loop 1 rounds=",
		"@@file /proc/meminfo\n",
		"@@",
		"Node 0, zone DMA\n",
		"  protection: (1, 2, 3, 4, 5)\n",
		"  managed ",
		"99999999999999999999\n",
		"  high: -1\n",
		"-",
		"MemTotal: ",
		"@@file /proc/vmstat\n",
		"\n",
		"nr_free_pages ",
		"@@file dmesg\n",
		"\0",
		"Killed process ",
		"[ 1.0] [ 1] 0 1 2 3 4 5 -1000 x\n",
		"@@cmd 1 ns=1 ",
		"touch A m next 1M\n",
		"@@ok 1 ns=1 proc=A err=0 val=",
		"= ",
		"@@dead A sig=9 ",
		"Fallback order for Node 0: ",
	};
	u64 seed = testbox_seed(7);
	struct prng rng;
	size_t n;
	char *text = recorded(&n), *made = malloc(1 << 16);

	(void)state;
	assert_non_null(made);
	prng_seed(&rng, seed);
	/* bytes */
	for (int i = 0; i < 50; i++) {
		for (size_t k = 0; k < 4096; k++)
			made[k] = (char)prng_u64(&rng);
		use(made, 4096);
	}
	/* words in a wrong order */
	for (int i = 0; i < 300; i++) {
		size_t at = 0;

		while (at < 4000) {
			const char *p = pieces[prng_u64(&rng) % ARRAY_SIZE(pieces)];
			size_t len = *p ? strlen(p) : 1;

			memcpy(made + at, p, len);
			at += len;
		}
		use(made, at);
	}
	/* a real one with wrong bytes in it */
	for (int i = 0; i < 30; i++) {
		for (size_t k = 0; k < n / 200; k++)
			text[prng_u64(&rng) % n] = (char)prng_u64(&rng);
		use(text, n);
	}
	free(made);
	free(text);
}

/* A packed file that was cut off gives what it has. */
static void test_cut_gzip(void **state)
{
	char path[] = "/tmp/quire-result-XXXXXX", why[128], command[256];
	struct oracle_result r;
	int fd;

	(void)state;
	if (access("oracle/results/b-oom/6.1/out.txt.gz", R_OK))
		skip();
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(command, sizeof(command), "head -c 9000 oracle/results/b-oom/6.1/out.txt.gz >%s",
		 path);
	assert_int_equal(system(command), 0);
	assert_true(oracle_result_read(&r, path, why, sizeof(why)));
	assert_false(r.finished);
	assert_true(r.nr_snaps > 0);
	oracle_result_free(&r);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),	     cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_is_no_result), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_hostile),	     cmocka_unit_test(test_cut_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
