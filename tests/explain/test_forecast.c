/* SPDX-License-Identifier: MIT */
/*
 * Forecasts: tables of arithmetic, and what the real kernel did: two pictures
 * of a recorded run of Linux 6.1 name the victim and the time of its death.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/forecast.h"
#include "oracle/result.h"
#include "tests/lib/testlib.h"

static void picture(struct who *w, double seconds, long free_kb)
{
	*w = (struct who){.memory_kb = 1 << 20, .limit_kb = -1};
	w->memory = (struct who_memory){.seconds = seconds,
					.free = free_kb,
					.min = 1024,
					.low = 2048,
					.high = 4096,
					.swap_free = 0};
}

static void process(struct who *w, long pid, const char *name, long kb, long adj)
{
	struct who_process *p = who_add(w, pid, name);

	assert_non_null(p);
	p->rss = kb / 4;
	p->uid = 1000;
	p->adj = adj;
}

static void close_to(const char *what, double found, double expected, double part)
{
	if (fabs(found - expected) > fabs(expected) * part)
		fail_msg("%s: %g instead of %g", what, found, expected);
}

/* 1 MB a second, 100 MB to go: 100 s; the faster one overtakes the larger. */
static void test_two_pictures(void **unused)
{
	struct forecast f;
	struct who w[2];

	(void)unused;
	picture(&w[0], 10, 201 * 1024);
	process(&w[0], 7, "large", 80 * 1024, 0);
	process(&w[0], 8, "fast", 20 * 1024, 0);
	picture(&w[1], 110, 101 * 1024);
	process(&w[1], 7, "large", 80 * 1024, 0);
	process(&w[1], 8, "fast", 120 * 1024, 0);
	assert_true(forecast(&f, w, 2));
	close_to("rate", f.taken.kb_s, 1024, 0.001);
	close_to("end", f.end.seconds, 100, 0.001);
	close_to("low", f.low.seconds, 99, 0.001);
	close_to("high", f.high.seconds, 97, 0.001);
	assert_true(f.end.low < 100 && f.end.high > 100);
	assert_string_equal(f.victim->name, "fast");
	assert_string_equal(f.next->name, "large");
	assert_string_equal(f.processes[0].p->name, "fast");
	close_to("of it", f.processes[0].rate.kb_s, 1024, 0.001);
	close_to("of the other", f.processes[1].rate.kb_s + 1, 1, 0.001);
	assert_int_equal(f.victim_points, 220 * 256);
	forecast_free(&f);
	who_free(&w[0]);
	who_free(&w[1]);
}

/* Scatter makes the interval wide, and it holds the truth. */
static void test_interval(void **unused)
{
	static const double off[] = {0, 900, -1500, 1200, -300, 600, -900, 0};
	struct forecast f;
	struct who w[8];
	double width;

	(void)unused;
	for (int k = 0; k < 8; k++) {
		picture(&w[k], 10 * k, 200 * 1024 - 10 * k * 512 + (long)off[k]);
		process(&w[k], 5, "a", 10 * 1024 + 10 * k * 512, 0);
	}
	assert_true(forecast(&f, w, 8));
	assert_true(f.taken.low < 512 && f.taken.high > 512);
	width = f.taken.high - f.taken.low;
	assert_true(width > 10 && width < 400);
	assert_true(f.end.low < f.end.seconds && f.end.seconds < f.end.high);
	/* The process has no scatter: only what its counter may lag. */
	assert_true(f.processes[0].rate.high - f.processes[0].rate.low < 16);
	forecast_free(&f);
	for (int k = 0; k < 8; k++)
		who_free(&w[k]);
}

/* Nobody grows: no end, and nobody dies of it. */
static void test_never(void **unused)
{
	struct forecast f;
	struct who w[2];

	(void)unused;
	for (int k = 0; k < 2; k++) {
		picture(&w[k], 10 * k, 100 * 1024);
		process(&w[k], 5, "a", 10 * 1024, -1000);
	}
	assert_true(forecast(&f, w, 2));
	assert_true(f.end.seconds == FORECAST_NEVER && f.low.seconds == FORECAST_NEVER);
	assert_null(f.victim); /* it is protected */
	forecast_free(&f);
	assert_false(forecast(&f, w, 0));
	for (int k = 0; k < 2; k++)
		who_free(&w[k]);
}

/* One picture: half came evenly, of the process and of what is nobody's. */
static void test_one_picture(void **unused)
{
	struct forecast f;
	struct who w;

	(void)unused;
	picture(&w, 100, 51 * 1024);
	w.memory.anon = 60 * 1024;
	process(&w, 5, "a", 50 * 1024, 0);
	w.processes[0].started = 50;
	assert_true(forecast(&f, &w, 1));
	assert_true(f.assumed);
	close_to("rate", f.taken.kb_s, 512 + 51.2, 0.001);
	close_to("end", f.end.seconds, 50 * 1024 / 563.2, 0.001);
	close_to("low", f.end.low, f.end.seconds / 2, 0.001);
	close_to("high", f.end.high, f.end.seconds * 5, 0.001);
	forecast_free(&f);
	/* What has just started is no avalanche. */
	w.processes[0].started = 99.99;
	w.memory.anon = 0;
	assert_true(forecast(&f, &w, 1));
	close_to("young", f.taken.kb_s, 50 * 1024 / 60.0, 0.001);
	forecast_free(&f);
	who_free(&w);
}

/* ---- the real kernel ----------------------------------------------------------- */

/* A snapshot of a recorded run as a picture. */
static void from_snapshot(struct who *w, const struct oracle_snap *s)
{
	const char *meminfo = oracle_file_text(s, "/proc/meminfo");
	const char *zoneinfo = oracle_file_text(s, "/proc/zoneinfo");

	*w = (struct who){.limit_kb = -1, .memory.seconds = (double)s->ns / 1e9};
	assert_true(meminfo && who_take_meminfo(w, meminfo));
	assert_true(zoneinfo && who_take_zoneinfo(w, zoneinfo));
	for (size_t i = 0; i < s->nr_procs; i++) {
		struct who_process *p = who_add(w, (long)i + 100, s->procs[i].name);
		s64 n;

		assert_non_null(p);
		assert_true(oracle_proc_value(&s->procs[i], "VmRSS", &n));
		p->rss = (long)n / 4;
		if (oracle_proc_value(&s->procs[i], "RssFile", &n))
			p->rss_file = (long)n / 4;
		if (oracle_proc_value(&s->procs[i], "VmPTE", &n))
			p->pgtables = (long)n / 4;
		if (oracle_proc_value(&s->procs[i], "oom_score_adj", &n))
			p->adj = (long)n;
	}
}

/* The first kill's time by the log, "[  144.004956] Out of memory: Killed". */
static double kill_time(const char *log)
{
	const char *at = strstr(log, "Out of memory: Killed process ");

	assert_non_null(at);
	while (at > log && at[-1] != '\n')
		at--;
	at += strcspn(at, "[");
	return strtod(at + 1, NULL);
}

static void check_recorded(const char *name)
{
	const struct oracle_snap *start, *before;
	struct oracle_result r;
	struct oracle_kill kill;
	struct forecast f;
	struct who w[2];
	char path[256], why[256];
	const char *log;

	snprintf(path, sizeof(path), "oracle/results/%s/6.1/out.txt.gz", name);
	if (!oracle_result_read(&r, path, why, sizeof(why)))
		fail_msg("%s: %s (run it in the top folder)", path, why);
	start = oracle_snap_find(&r, "start", 0);
	before = oracle_snap_find(&r, "before", 0);
	assert_true(start && before);
	from_snapshot(&w[0], start);
	from_snapshot(&w[1], before);
	assert_true(forecast(&f, w, 2));
	log = r.log;
	assert_true(oracle_kill_next(&log, &kill));
	print_message("# %s: %s in %.1f s (%.1f to %.1f); it was %s in %.1f s\n", name,
		      f.victim->name, f.end.seconds, f.end.low, f.end.high, kill.victim,
		      kill_time(r.log) - w[1].memory.seconds);
	assert_string_equal(f.victim->name, kill.victim);
	close_to("the end", f.end.seconds, kill_time(r.log) - w[1].memory.seconds, 0.05);
	forecast_free(&f);
	who_free(&w[0]);
	who_free(&w[1]);
	oracle_result_free(&r);
}

static void test_recorded(void **unused)
{
	(void)unused;
	check_recorded("capture-oom");
	check_recorded("capture-oom-2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_pictures), cmocka_unit_test(test_interval),
		cmocka_unit_test(test_never),	     cmocka_unit_test(test_one_picture),
		cmocka_unit_test(test_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
