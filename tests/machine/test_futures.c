/* SPDX-License-Identifier: MIT */
/*
 * What surrounds futures, without running any: grids and lists of variants, the
 * jobs that they make, what an input leaves open, which of two outcomes is better,
 * and the page of a night.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/capture_load.h"
#include "machine/futures_say.h"
#include "machine/grid.h"
#include "machine/page.h"
#include "machine/uncertain.h"
#include "tests/lib/testlib.h"

#define SEC 1000000000ULL
#define GB  (1ULL << 30)

/* ---- grids and lists --------------------------------------------------------------------------- */

struct collected {
	char *text; /* a line each */
	size_t len, nr, most;
	FILE *f;
};

static bool collect(void *ctx, const char *settings)
{
	struct collected *c = ctx;

	fprintf(c->f, "%s\n", settings);
	return ++c->nr != c->most;
}

static void begin(struct collected *c)
{
	*c = (struct collected){0};
	c->f = open_memstream(&c->text, &c->len);
	assert_non_null(c->f);
}

static void is_grid(const char *const *axis, size_t nr, const char *expected)
{
	struct collected c;

	begin(&c);
	assert_true(grid_each(axis, nr, collect, &c, stderr));
	fclose(c.f);
	assert_string_equal(c.text, expected);
	free(c.text);
}

static void test_grid(void **unused)
{
	static const char *const one[] = {"swap=1G,2G,4G"}, *const word[] = {"swap"};
	static const char *const two[] = {"a=1,2", "b/c=x,y,z=1"};
	static const char *const single[] = {"a=1", "b=2", "c=3"};

	(void)unused;
	is_grid(one, 1, "swap=1G\nswap=2G\nswap=4G\n");
	is_grid(two, 2, "a=1 b/c=x\na=1 b/c=y\na=1 b/c=z=1\na=2 b/c=x\na=2 b/c=y\na=2 b/c=z=1\n");
	is_grid(single, 3, "a=1 b=2 c=3\n");
	/* No value at all is for who reads settings to refuse. */
	is_grid(word, 1, "swap\n");
}

/* Every combination once, whatever the lengths; and a value may be of any length. */
static void test_grid_sizes(void **unused)
{
	static const char *const axis[GRID_AXES] = {
		"a=1,2", "b=1",	  "c=1,2,3", "d=1", "e=1", "f=1,2", "g=1", "h=1",
		"i=1",	 "j=1,2", "k=1",     "l=1", "m=1", "n=1",   "o=1", "p=1,2,3"};
	char *big = malloc(10000);
	struct collected c;

	(void)unused;
	begin(&c);
	assert_true(grid_each(axis, GRID_AXES, collect, &c, stderr));
	fclose(c.f);
	assert_int_equal(c.nr, 2 * 3 * 2 * 2 * 3);
	for (char *x = c.text, *x_end; *x; x = x_end + 1) {
		x_end = strchr(x, '\n');
		for (char *y = x_end + 1, *y_end; *y; y = y_end + 1) {
			y_end = strchr(y, '\n');
			assert_false(x_end - x == y_end - y && !memcmp(x, y, (size_t)(y_end - y)));
		}
	}
	free(c.text);
	assert_non_null(big);
	memset(big, 'x', 9999);
	memcpy(big, "a=1,", 4);
	big[9999] = 0;
	begin(&c);
	assert_true(grid_each((const char *const[]){big}, 1, collect, &c, stderr));
	fclose(c.f);
	assert_int_equal(c.nr, 2);
	assert_int_equal(strlen(c.text), 4 + 2 + 9995 + 1);
	free(c.text);
	free(big);
}

static void refused_grid(const char *const *axis, size_t nr, const char *why)
{
	struct collected c;
	char *said = NULL;
	size_t len = 0;
	FILE *err = open_memstream(&said, &len);

	begin(&c);
	assert_false(grid_each(axis, nr, collect, &c, err));
	fclose(err);
	fclose(c.f);
	assert_int_equal(c.nr, 0);
	if (!strstr(said, why) || said[len - 1] != '\n')
		fail_msg("\"%s\" was refused with \"%s\"", axis[0], said);
	free(said);
	free(c.text);
}

static void test_bad_grids(void **unused)
{
	static const char *const empty[] = {"a="}, *const behind[] = {"a=1,2,"};
	static const char *const between[] = {"a=1,,2"}, *const blanks[] = {"a=1,2 b=3"};
	static const char *const semicolon[] = {"a=1;b=2"};
	static const char thousand[] = "a=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18";
	const char *many[GRID_AXES + 1];
	struct collected c;

	(void)unused;
	refused_grid(empty, 1, "empty value");
	refused_grid(behind, 1, "empty value");
	refused_grid(between, 1, "write it as a=A,B,C");
	refused_grid(blanks, 1, "more than one setting");
	refused_grid(semicolon, 1, "more than one setting");
	for (size_t i = 0; i <= GRID_AXES; i++)
		many[i] = thousand;
	refused_grid(many, 4, "more than 100000 variants");	    /* 18^4 = 104,976 */
	refused_grid(many, GRID_AXES, "more than 100000 variants"); /* above 2^64 */
	refused_grid(many, GRID_AXES + 1, "more than 16 axes");
	/* Who takes the variants may end it. */
	begin(&c);
	c.most = 7;
	assert_false(grid_each(many, 2, collect, &c, stderr));
	fclose(c.f);
	assert_int_equal(c.nr, 7);
	free(c.text);
}

static char *list_of(const char *text, bool *ok, char **said)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r"), *err;
	struct collected c;
	size_t len = 0;

	*said = NULL;
	err = open_memstream(said, &len);
	assert_non_null(in);
	assert_non_null(err);
	begin(&c);
	*ok = list_each(in, "the list", collect, &c, err);
	fclose(in);
	fclose(err);
	fclose(c.f);
	return c.text;
}

static void test_lists(void **unused)
{
	char *said, *got, *big = malloc(20000);
	bool ok;

	(void)unused;
	got = list_of("# a comment\n\na=1 b=2\n  \t\nc=3 # why\nd=4\r\n e=5", &ok, &said);
	assert_true(ok);
	assert_string_equal(got, "a=1 b=2\nc=3 \nd=4\n e=5\n");
	free(got);
	free(said);
	got = list_of("# nothing\n\n", &ok, &said);
	assert_false(ok);
	assert_string_equal(said, "quire: the list: holds no variant; write one a line, as "
				  "vm.swappiness=10\n");
	free(got);
	free(said);
	/* A long line is one variant, not two. */
	assert_non_null(big);
	memset(big, 'x', 19999);
	big[19999] = 0;
	got = list_of(big, &ok, &said);
	assert_true(ok);
	assert_int_equal(strlen(got), 20000);
	free(got);
	free(said);
	free(big);
}

static void test_words(void **unused)
{
	char text[] = " a=1\tb=2;; c=3\n", *out = NULL;
	const char *word[3];
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);

	(void)unused;
	assert_int_equal(settings_split(text, word, 3), 3);
	assert_string_equal(word[0], "a=1");
	assert_string_equal(word[1], "b=2");
	assert_string_equal(word[2], "c=3");
	assert_int_equal(settings_split((char[]){"a b c d"}, word, 3), 4);
	assert_int_equal(settings_split((char[]){" ; "}, word, 3), 0);
	shell_quote("vm.swappiness=1,2", f);
	fputc(' ', f);
	shell_quote("a b", f);
	fputc(' ', f);
	shell_quote("it's $HOME", f);
	fputc(' ', f);
	shell_quote("", f);
	fclose(f);
	assert_string_equal(out, "vm.swappiness=1,2 'a b' 'it'\\''s $HOME' ''");
	free(out);
}

/* ---- jobs -------------------------------------------------------------------------------------- */

/* A job is a machine that is booted: what reclaim or the killer alone reads makes none. */
static void test_jobs(void **unused)
{
	static const char *const variants[] = {
		"swap=96M", "swap=96M vm.swappiness=10",    "swap=128M",
		"",	    "swap=128M vm.swappiness=60",   "ledgerd/oom_score_adj=500",
		"nodes=1",  "swap=96M app/oom_score_adj=1",
	};
	static const size_t trunk[] = {0, 0, 2, 3, 2, 3, 6, 0}, job[] = {0, 0, 1, 2, 1, 2, 3, 0};
	struct scenario *s = scenario_load("tests/machine/night.yaml", stderr);
	struct futures f = {0};

	(void)unused;
	if (!s)
		fail_msg("run it in the top folder");
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		char *text = strdup(variants[i]);
		const char *word[4];

		assert_true(futures_add(&f, s, word, settings_split(text, word, 4), stderr));
		free(text);
	}
	assert_string_equal(f.v[1].label, "swap=96M vm.swappiness=10");
	assert_string_equal(f.v[3].label, "as it is");
	assert_int_equal(futures_nr_jobs(&f), 4);
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
		assert_int_equal(futures_trunk(&f, i), trunk[i]);
		assert_int_equal(futures_job(&f, i), job[i]);
	}
	/* From an instant on, all are one machine. */
	f.has_at = true;
	assert_int_equal(futures_nr_jobs(&f), 1);
	futures_free(&f);
	assert_int_equal(futures_nr_jobs(&f), 0);
	scenario_free(s);
}

static void test_growth(void **unused)
{
	static const char *const bad[] = {"",
					  "4M",
					  "a=4M",
					  "a=/s",
					  "a=4X/s",
					  "a=100/s",
					  "a=-1M/s",
					  "a=4M/h",
					  "a_name_of_16_ch=4M/sx",
					  "a_name_of_16_chr=4M/s"};
	char name[TASK_COMM_LEN];
	u64 bytes;

	(void)unused;
	assert_true(growth_parse("ledgerd=4M/s", name, &bytes));
	assert_string_equal(name, "ledgerd");
	assert_int_equal(bytes, 4 << 20);
	assert_true(growth_parse("a=b=4K/s", name, &bytes));
	assert_string_equal(name, "a=b");
	assert_true(growth_parse("8M/s", name, &bytes));
	assert_string_equal(name, "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (growth_parse(bad[i], name, &bytes))
			fail_msg("\"%s\" is a growth", bad[i]);
}

/* ---- what an input leaves open ------------------------------------------------------------------ */

static void test_uncertain(void **unused)
{
	char heap[] = "heap", text[] = "text", half[] = "50%";
	struct scn_memory memory = {.name = heap, .size.v = 3 * GB};
	struct scn_work work = {.action = SCN_TOUCH, .region = heap};
	char db[] = "db", cache[] = "cache";
	struct scn_process p[2] = {
		{.name = db,
		 .count = 2,
		 .memory = &memory,
		 .memory_count = 1,
		 .work = &work,
		 .work_count = 1},
		{.name = cache, .count = 1, .memory = &memory, .memory_count = 1},
	};
	struct scn_node node = {.memory.v = 64 * GB};
	struct scenario s = {
		.nodes = &node, .nodes_count = 1, .processes = p, .processes_count = 2};
	struct uncertain u;
	char *said = NULL;
	size_t len = 0;
	FILE *f;

	(void)unused;
	uncertain_find(&s, &u);
	assert_int_equal(u.total, 64 * GB);
	assert_int_equal(u.hot, 6 * GB);
	assert_int_equal(u.content, 9 * GB);
	assert_string_equal(u.hot_names, "db");
	assert_string_equal(u.content_names, "db, cache");
	assert_true(uncertain_matters(&u));
	f = open_memstream(&said, &len);
	uncertain_say(&u, f);
	fclose(f);
	/* 6 of 64 GB are below a tenth: only what compresses is to be measured. */
	assert_non_null(strstr(said, "how well the memory of db, cache compresses"));
	assert_null(strstr(said, "clear_refs"));
	free(said);
	/* Shared memory is there once; what is said is not open. */
	memory.kind = SCN_SHARED;
	uncertain_find(&s, &u);
	assert_int_equal(u.content, 6 * GB);
	memory.content = text;
	work.hot.text = half;
	uncertain_find(&s, &u);
	assert_int_equal(u.hot + u.content, 0);
	assert_false(uncertain_matters(&u));
}

/* ---- which is better, and why --------------------------------------------------------------------- */

struct pair {
	struct futures f;
	struct variant v[2];
	struct outcome_kill kills[2][3];
	struct scenario *s;
};

/* Two futures with a kill of ledgerd each, at 100 s, and a minute of stalls. */
static void make_pair(struct pair *p, const char *setting)
{
	*p = (struct pair){.f = {.v = p->v, .nr = 2}};
	p->s = scenario_load("tests/machine/night.yaml", stderr);
	assert_non_null(p->s);
	assert_true(setting_add(&p->v[1].set, setting, p->s, stderr));
	for (int i = 0; i < 2; i++) {
		struct outcome *o = &p->v[i].outcome;

		p->v[i].done = true;
		for (int w = 0; w < NR_WHENS; w++)
			o->when[w] = OUTCOME_NEVER;
		for (int k = 0; k < 3; k++)
			p->kills[i][k] = (struct outcome_kill){
				.ns = (u64)(1000 + k) * SEC, .comm = "ledgerd", .rss = GB};
		o->kills = p->kills[i];
		o->nr_kills = 1;
		o->when[WHEN_KILL] = 1000 * SEC;
		o->value[VAL_PSI_MEM_SOME] = 60 * SEC;
	}
}

static void first_kill(struct pair *p, int i, u64 ns)
{
	p->kills[i][0].ns = p->v[i].outcome.when[WHEN_KILL] = ns;
}

/* The sentence begins and goes on so; and of the pair turned around it begins with back. */
static void says(struct pair *p, const char *first, const char *more, const char *back)
{
	char *a = future_sentence(&p->f, 0, 1), *b;
	struct outcome o = p->v[0].outcome;

	p->v[0].outcome = p->v[1].outcome;
	p->v[1].outcome = o;
	b = future_sentence(&p->f, 0, 1);
	if (strncmp(a, first, strlen(first)) || !strstr(a, more))
		fail_msg("\"%s\" in place of \"%s: ... %s\"", a, first, more);
	if (strncmp(b, back, strlen(back)))
		fail_msg("turned around: \"%s\" in place of \"%s\"", b, back);
	free(a);
	free(b);
	setting_list_free(&p->v[1].set);
	scenario_free(p->s);
}

static void test_better(void **unused)
{
	static const char helps[] = "helps: ", worse[] = "makes it worse: ";
	static const char same[] = "changes nothing that counts: ";
	struct pair p;

	(void)unused;
	make_pair(&p, "vm.swappiness=10");
	says(&p, same, "the same one dies at the same time", same);
	/* A panic counts more than any kill. */
	make_pair(&p, "vm.panic_on_oom=1");
	p.v[1].outcome.panicked = true;
	p.v[1].outcome.nr_kills = 0;
	p.v[1].outcome.when[WHEN_PANIC] = 1000 * SEC;
	says(&p, worse, "the machine panics at 00:16:40", helps);
	/* Whether, then how many are killed, more than when or for how long. */
	make_pair(&p, "swap=1G");
	p.v[1].outcome.nr_kills = 0;
	p.v[1].outcome.value[VAL_PSI_MEM_SOME] = 600 * SEC;
	says(&p, helps, "nobody is killed (1 without it); tasks stall", worse);
	make_pair(&p, "ledgerd/oom_score_adj=-900");
	p.v[0].outcome.nr_kills = 3;
	first_kill(&p, 1, 500 * SEC);
	says(&p, helps, "1 die instead of 3", worse);
	/* Then when the first is: ten seconds are nothing. */
	make_pair(&p, "vm.swappiness=10");
	first_kill(&p, 1, 1010 * SEC);
	says(&p, same, "the same one dies at about the same time", same);
	make_pair(&p, "vm.swappiness=10");
	first_kill(&p, 1, 1200 * SEC);
	p.v[1].outcome.value[VAL_PSI_MEM_SOME] = 600 * SEC;
	says(&p, helps, "the first 3 min later", worse);
	make_pair(&p, "vm.swappiness=10");
	first_kill(&p, 0, 100000 * SEC);
	first_kill(&p, 1, 100400 * SEC);
	says(&p, same, "about the same time", same);
	/* Then stalls, by a tenth. */
	make_pair(&p, "vm.swappiness=10");
	p.v[1].outcome.value[VAL_PSI_MEM_SOME] = 57 * SEC;
	says(&p, same, "of anonymous memory was swapped out", same);
	make_pair(&p, "vm.swappiness=10");
	p.v[1].outcome.value[VAL_PSI_MEM_SOME] = 30 * SEC;
	says(&p, helps, "tasks stall 30", worse);
}

static void test_why(void **unused)
{
	struct pair p;
	char *text;

	(void)unused;
	make_pair(&p, "ledgerd/oom_score_adj=-900");
	strcpy(p.kills[1][0].comm, "app");
	p.kills[1][0].rss = 2 * GB;
	says(&p, "changes nothing that counts: app is killed first", "in place of ledgerd",
	     "changes nothing that counts: ledgerd");
	make_pair(&p, "swap=1G");
	says(&p, "", ": swap was not what ran out", "");
	make_pair(&p, "vm.min_free_kbytes=8192");
	p.v[0].outcome.when[WHEN_KSWAPD] = 3600 * SEC;
	p.v[1].outcome.when[WHEN_KSWAPD] = 1800 * SEC;
	says(&p, "", ": kswapd begins at 00:30:00 instead of 01:00:00", "");
	make_pair(&p, "/batch/memory.max=64M");
	p.kills[1][0].memcg = true;
	says(&p, "", ": 1 of the kills are of the group at its own limit", "");
	make_pair(&p, "swap=1G");
	p.v[1].done = false;
	text = future_sentence(&p.f, 0, 1);
	assert_string_equal(text, "did not come to its end.");
	free(text);
	setting_list_free(&p.v[1].set);
	scenario_free(p.s);
}

/* ---- the page ------------------------------------------------------------------------------------- */

static void test_page(void **unused)
{
	json_t *runs = json_pack("[{s:s, s:s}]", "name", "a</script><b>&\"x\"", "text",
				 "</SCRIPT><!-- \xe2\x82\xac");
	char *page = NULL, *script;
	size_t len = 0, ends = 0;
	json_t *back;
	FILE *f = open_memstream(&page, &len);

	(void)unused;
	assert_non_null(runs);
	assert_true(page_write(runs, "the(script)", "the{style}", f));
	fclose(f);
	assert_non_null(strstr(page, "<title>a/scriptbx - quire</title>"));
	assert_non_null(strstr(page, "<style>the{style}</style>"));
	assert_non_null(strstr(page, "<script>the(script)</script></body></html>\n"));
	for (char *x = page; (x = strcasestr(x, "</script")); x++)
		ends++;
	assert_int_equal(ends, 2);
	assert_null(strstr(page, "<!--"));
	/* The script reads what was put there. */
	script = strstr(page, "id=\"runs\">");
	assert_non_null(script);
	back = json_loads(script + strlen("id=\"runs\">"), JSON_DISABLE_EOF_CHECK, NULL);
	assert_true(json_equal(back, runs));
	json_decref(back);
	json_decref(runs);
	free(page);
}

static char *write_file(const char *dir, const char *name, const char *text)
{
	char *path = NULL;
	FILE *f;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

static void refused_run(const char *dir, const char *text, const char *why)
{
	char *path = write_file(dir, "bad.json", text), *said = NULL;
	size_t len = 0;
	FILE *err = open_memstream(&said, &len);

	assert_null(page_load_run(path, err));
	fclose(err);
	if (!strstr(said, why) || !strstr(said, "make it with quire run --record --json"))
		fail_msg("%s: refused with \"%s\"", text, said);
	unlink(path);
	free(path);
	free(said);
}

static void test_runs(void **unused)
{
	static const char night[] = "{\"samples\": [{}], \"kills\": []}";
	char dir[] = "/tmp/quire-page.XXXXXX", *run, *future;
	json_t *r;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	refused_run(dir, "{\"samples\": [1,", "bad.json:1:");
	refused_run(dir, "[]", "is no night");
	refused_run(dir, "{\"samples\": [], \"kills\": []}", "is no night");
	refused_run(dir, "{\"samples\": [{}], \"kills\": {}}", "is no night");
	run = write_file(dir, "0001.night.json", night);
	r = page_load_run(run, stderr);
	assert_non_null(r);
	assert_null(json_object_get(r, "label"));
	json_decref(r);
	/* The settings lie beside it. */
	future = write_file(dir, "0001.json", "{\"settings\": [\"swap=1G\", \"a=2\"]}");
	r = page_load_run(run, stderr);
	assert_string_equal(json_string_value(json_object_get(r, "label")), "swap=1G a=2");
	json_decref(r);
	free(future);
	future = write_file(dir, "0001.json", "{\"settings\": []}");
	r = page_load_run(run, stderr);
	assert_string_equal(json_string_value(json_object_get(r, "label")), "as it is");
	json_decref(r);
	unlink(future);
	unlink(run);
	rmdir(dir);
	free(future);
	free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grid),	  cmocka_unit_test(test_grid_sizes),
		cmocka_unit_test(test_bad_grids), cmocka_unit_test(test_lists),
		cmocka_unit_test(test_words),	  cmocka_unit_test(test_jobs),
		cmocka_unit_test(test_growth),	  cmocka_unit_test(test_uncertain),
		cmocka_unit_test(test_better),	  cmocka_unit_test(test_why),
		cmocka_unit_test(test_page),	  cmocka_unit_test(test_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
