/* SPDX-License-Identifier: MIT */
/*
 * Pictures made by hand: what settings change, what the daemons would do, where
 * memory is left.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "explain/daemons.h"
#include "explain/what_if.h"
#include "tests/lib/testlib.h"

static void process(struct who *w, long pid, const char *name, const char *group, long kb, long adj)
{
	struct who_process *p = who_add(w, pid, name);

	assert_non_null(p);
	p->rss = kb / 4;
	p->adj = adj;
	p->uid = 1000;
	snprintf(p->group, sizeof(p->group), "%s", group);
}

static void group(struct who *w, const char *path, long max, long current, long swap, long file)
{
	w->groups = realloc(w->groups, (w->nr_groups + 1) * sizeof(*w->groups));
	assert_non_null(w->groups);
	w->groups[w->nr_groups] = (struct who_group){.max = max,
						     .current = current,
						     .swap_max = -1,
						     .swap_current = swap,
						     .file = file,
						     .inactive_file = file,
						     .pressure = -1};
	snprintf(w->groups[w->nr_groups].path, WHO_GROUP_MAX, "%s", path);
	w->cap_groups = ++w->nr_groups;
}

/* 1 GB, 512 MB of swap; a database, a web server, two pods. */
static void picture(struct who *w)
{
	*w = (struct who){.memory_kb = 1 << 20, .swap_kb = 1 << 19, .available_kb = 1 << 19};
	w->memory = (struct who_memory){.seconds = 1000, .swap_free = 1 << 19, .free = 1 << 18};
	process(w, 1, "init", "/", 9000, 0);
	process(w, 10, "db", "/system.slice/db", 200 << 10, -500);
	process(w, 11, "web", "/system.slice/web", 100 << 10, 0);
	process(w, 12, "job", "/kubepods/besteffort/podA/c", 40 << 10, 1000);
	process(w, 13, "api", "/kubepods/burstable/podB/c", 90 << 10, 900);
	group(w, "/system.slice/db", -1, 210 << 10, 1 << 10, 8 << 10);
	group(w, "/system.slice/web", 200 << 10, 110 << 10, 60 << 10, 5 << 10);
	group(w, "/kubepods/besteffort/podA", -1, 45 << 10, 0, 1 << 10);
	group(w, "/kubepods/burstable/podB", -1, 190 << 10, 0, 10 << 10);
}

static bool apply(struct what_if *wi, struct who *w, const char *setting)
{
	FILE *null = fopen("/dev/null", "w");
	bool ok = what_if_apply(wi, w, &setting, 1, NULL, -1, null);

	fclose(null);
	return ok;
}

static void test_set_adj(void **unused)
{
	struct what_if wi;
	struct who w;

	(void)unused;
	picture(&w);
	assert_true(apply(&wi, &w, "job.oom_score_adj=-1000"));
	assert_int_equal(wi.before, 12);
	assert_int_equal(wi.after, 13);
	assert_int_equal(wi.changes[0].rank_before, 1);
	assert_int_equal(wi.changes[0].rank_after, 0);
	assert_true(apply(&wi, &w, "10.oom_score_adj=1000"));
	assert_int_equal(wi.after, 10);
	assert_string_equal(wi.after_name, "db");
	assert_false(apply(&wi, &w, "db.oom_score_adj=1001"));
	assert_false(apply(&wi, &w, "nobody.oom_score_adj=1"));
	assert_false(apply(&wi, &w, "oom_score_adj=1"));
	assert_false(apply(&wi, &w, "db"));
	who_free(&w);
}

static void test_set_max(void **unused)
{
	struct what_if wi;
	struct who w;
	char *said;
	size_t len;
	FILE *f = open_memstream(&said, &len);

	(void)unused;
	picture(&w);
	assert_true(apply(&wi, &w, "/system.slice/web.memory.max=64M"));
	assert_int_equal(who_group_of(&w, "/system.slice/web")->max, 64 << 10);
	what_if_say(&wi, &w, f);
	fclose(f);
	/* 46 MB too much, 5 MB of cache. */
	assert_non_null(strstr(said, "46 MB have to go at once"));
	assert_non_null(strstr(said, "web (pid 11) dies"));
	free(said);
	assert_true(apply(&wi, &w, "/system.slice/web/memory.max=max"));
	assert_int_equal(who_group_of(&w, "/system.slice/web")->max, -1);
	assert_false(apply(&wi, &w, "/no/group.memory.max=1G"));
	assert_false(apply(&wi, &w, "/system.slice/web.memory.max=much"));
	assert_true(apply(&wi, &w, "vm.panic_on_oom=2"));
	assert_true(w.panic);
	assert_false(apply(&wi, &w, "vm.panic_on_oom=3"));
	who_free(&w);
}

static void test_group_rank(void **unused)
{
	struct who w;
	char *said;
	size_t len;
	FILE *f;

	(void)unused;
	picture(&w);
	who_rank(&w, "/kubepods", -1);
	assert_int_equal(w.nr_candidates, 2);
	assert_int_equal(w.processes[0].pid, 12);
	who_rank(&w, "/system.slice", 1 << 10);
	assert_int_equal(w.nr_candidates, 2);
	assert_true(who_is_below("/a/b", "/a") && who_is_below("/a", "/a/"));
	assert_false(who_is_below("/ab", "/a"));
	f = open_memstream(&said, &len);
	who_say_groups(&w, f);
	fclose(f);
	assert_non_null(strstr(said, "/system.slice/web: 110 of 200 MB; web (pid 11) dies"));
	assert_null(strstr(said, "podA"));
	free(said);
	who_rank(&w, NULL, -1);
	/* Init is never chosen. */
	assert_int_equal(w.nr_candidates, 4);
	who_free(&w);
}

static struct daemon_verdict judge(struct who *w, struct daemon_options o)
{
	struct daemon_verdict v[DAEMONS_MAX];

	who_rank(w, NULL, -1);
	assert_int_equal(daemons_judge(w, NULL, &o, v), 1);
	assert_true(v[0].seconds < 0);
	return v[0];
}

static void test_earlyoom(void **unused)
{
	struct daemon_options o = DAEMON_DEFAULTS;
	struct daemon_verdict v;
	struct who w;

	(void)unused;
	picture(&w);
	o.earlyoom = true;
	v = judge(&w, o);
	assert_false(v.acts);
	w.available_kb = w.memory_kb / 10;
	assert_false(judge(&w, o).acts); /* swap is free */
	w.memory.swap_free = w.swap_kb / 10;
	v = judge(&w, o);
	assert_true(v.acts);
	assert_int_equal(v.pid, 12);
	assert_non_null(strstr(v.rule, "SIGTERM"));
	w.available_kb = w.memory_kb / 20;
	w.memory.swap_free = 0;
	assert_non_null(strstr(judge(&w, o).rule, "SIGKILL"));
	o.earlyoom_mem = 4;
	assert_false(judge(&w, o).acts);
	who_free(&w);
}

static void test_oomd(void **unused)
{
	struct daemon_options o = DAEMON_DEFAULTS;
	struct daemon_verdict v;
	struct who w;

	(void)unused;
	picture(&w);
	o.oomd = true;
	assert_false(judge(&w, o).acts);
	w.available_kb = w.memory_kb / 20;
	w.memory.swap_free = w.swap_kb / 20;
	v = judge(&w, o);
	assert_true(v.acts);
	assert_string_equal(v.victim, "/system.slice/web"); /* the most swap, above 5 % */
	o.oomd_swap = 96;
	assert_false(judge(&w, o).acts);
	w.groups[0].pressure = 7000;
	v = judge(&w, o);
	assert_true(v.acts);
	assert_string_equal(v.victim, "/system.slice/db");
	w.groups[0].pressure = 5999;
	assert_false(judge(&w, o).acts);
	who_free(&w);
}

static void test_kubelet(void **unused)
{
	struct daemon_options o = DAEMON_DEFAULTS;
	struct daemon_verdict v;
	struct who w;

	(void)unused;
	picture(&w);
	o.kubelet = true;
	v = judge(&w, o);
	assert_false(v.acts);
	/* podB: 180 MB in use, its request of 100/1000 of 1 GB is 102: 78 over;
	 * podA has none: 44 over. */
	assert_string_equal(v.victim, "/kubepods/burstable/podB");
	w.available_kb = 99 << 10;
	assert_true(judge(&w, o).acts);
	o.kubelet_kb = 50 << 10;
	assert_false(judge(&w, o).acts);
	who_free(&w);
}

/* By a forecast they say when. */
static void test_when(void **unused)
{
	struct daemon_options o = DAEMON_DEFAULTS;
	struct daemon_verdict v[DAEMONS_MAX];
	struct forecast f = {.taken = {1024, 1024, 1024}};
	struct who w;

	(void)unused;
	picture(&w);
	o.earlyoom = o.oomd = o.kubelet = true;
	who_rank(&w, NULL, -1);
	assert_int_equal(daemons_judge(&w, &f, &o, v), 3);
	/* 512 - 102.4 MB and 512 - 51.2 MB of swap at 1 MB a second. */
	assert_true(v[0].seconds > 869 && v[0].seconds < 871);
	assert_true(v[1].seconds > 869 && v[1].seconds < 871);
	assert_true(v[2].seconds > 411 && v[2].seconds < 413);
	f.taken.kb_s = -1;
	daemons_judge(&w, &f, &o, v);
	assert_true(v[0].seconds == FORECAST_NEVER);
	who_free(&w);
}

/* zoneinfo: marks without the boost, reserves with them, what is beside left out. */
static void test_zoneinfo(void **unused)
{
	static const char text[] =
		"Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 5\n"
		"  pages free     3000\n        boost    0\n        min      20\n        low      "
		"25\n"
		"        high     30\n        managed  3840\n        protection: (0, 400, 400)\n"
		"  pagesets\n    cpu: 0\n              count: 5\n              high:  900\n"
		"Node 0, zone    DMA32\n"
		"  pages free     9000\n        boost    100\n        min      300\n"
		"        low      350\n        high     400\n        managed  100000\n"
		"        protection: (0, 0, 0)\n"
		"Node 0, zone   Normal\n  pages free     0\n        min      0\n        managed  "
		"0\n";
	struct who w = {0};

	(void)unused;
	assert_true(who_take_zoneinfo(&w, text));
	assert_int_equal(w.memory.min, (420 + 200) * 4);
	assert_int_equal(w.memory.low, (425 + 250) * 4);
	assert_int_equal(w.memory.high, (430 + 300) * 4);
	assert_false(who_take_zoneinfo(&w, "nothing"));
	assert_true(who_take_meminfo(&w, "MemTotal: 100 kB\nSwapFree: 1000 kB\nZswap: 100 kB\n"
					 "Zswapped: 400 kB\nActive(file): 5 kB\n"
					 "Inactive(file): 6 kB\n"));
	assert_int_equal(w.memory.file, 11);
	assert_int_equal(w.memory.swap_free, 750);
	assert_false(who_take_meminfo(&w, "MemFree: 5 kB\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_adj),	   cmocka_unit_test(test_set_max),
		cmocka_unit_test(test_group_rank), cmocka_unit_test(test_earlyoom),
		cmocka_unit_test(test_oomd),	   cmocka_unit_test(test_kubelet),
		cmocka_unit_test(test_when),	   cmocka_unit_test(test_zoneinfo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
