/* SPDX-License-Identifier: MIT */
/*
 * One report in everything that keeps logs: each form gives the same tasks,
 * zones and victim.  And what comes of it: several in a log, what if, the
 * machine on the model.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "explain/log.h"
#include "tests/explain/samples.h"
#include "tests/lib/testlib.h"

/* A line of the report, and when the kernel printed it. */
struct source {
	const char *text;
	size_t len;
	double seconds;
	int number;
};

typedef void (*form_fn)(FILE *f, const struct source *s);

/* The whole lines of a sample whose prefix ends at "kernel: ", or is blank. */
static size_t sources(struct source *list, size_t max)
{
	size_t n = 0;

	for (const char *p = sample_601; *p && n < max; n++) {
		size_t len = strcspn(p, "\n");
		const char *text = memmem(p, len, "kernel: ", 8);

		text = text ? text + 8 : p + strspn(p, " ") - 1;
		list[n] = (struct source){text, (size_t)(p + len - text), 100.5 + (double)n / 1e6,
					  (int)n};
		p += len + (p[len] == '\n');
	}
	return n;
}

static void plain(FILE *f, const struct source *s)
{
	fprintf(f, "%.*s\n", (int)s->len, s->text);
}
static void seconds(FILE *f, const struct source *s)
{
	fprintf(f, "[%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void crlf(FILE *f, const struct source *s)
{
	fprintf(f, "[%12.6f] %.*s\r\n", s->seconds, (int)s->len, s->text);
}
static void level(FILE *f, const struct source *s)
{
	fprintf(f, "<4>[%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void caller(FILE *f, const struct source *s)
{
	fprintf(f, "[%12.6f][ T4711] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void facility(FILE *f, const struct source *s)
{
	fprintf(f, "kern  :warn  : [%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void human(FILE *f, const struct source *s)
{
	fprintf(f, "[Mon Nov 23 03:03:03 2026] %.*s\n", (int)s->len, s->text);
}
static void iso(FILE *f, const struct source *s)
{
	fprintf(f, "2026-11-23T03:03:03,%06d+01:00 %.*s\n", s->number, (int)s->len, s->text);
}
static void delta(FILE *f, const struct source *s)
{
	fprintf(f, "[  +0.%06d] %.*s\n", s->number, (int)s->len, s->text);
}
static void delta_long(FILE *f, const struct source *s)
{
	fprintf(f, "[%12.6f <    0.000012>] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void reltime(FILE *f, const struct source *s)
{
	fprintf(f, "[Nov23 03:03] %.*s\n", (int)s->len, s->text);
}
static void syslog_line(FILE *f, const struct source *s)
{
	fprintf(f, "Nov 23 03:03:03 web-1 kernel: [%12.6f] %.*s\n", s->seconds, (int)s->len,
		s->text);
}
static void syslog_new(FILE *f, const struct source *s)
{
	fprintf(f, "2026-11-23T03:03:03.%06d+00:00 web kernel: %.*s\n", s->number, (int)s->len,
		s->text);
}
static void journal_monotonic(FILE *f, const struct source *s)
{
	fprintf(f, "[%12.6f] web kernel: %.*s\n", s->seconds, (int)s->len, s->text);
}
static void journal_verbose(FILE *f, const struct source *s)
{
	fprintf(f, "    MESSAGE=%.*s\n    PRIORITY=4\n", (int)s->len, s->text);
}
static void kmsg(FILE *f, const struct source *s)
{
	fprintf(f, "4,%d,%.0f,-;%.*s\n", s->number, s->seconds * 1e6, (int)s->len, s->text);
}
static void cri(FILE *f, const struct source *s)
{
	fprintf(f, "2026-11-23T03:03:03.123456789Z stdout F [%12.6f] %.*s\n", s->seconds,
		(int)s->len, s->text);
}
static void kubectl(FILE *f, const struct source *s)
{
	fprintf(f, "[pod/dmesg-x7k2p/dmesg] 2026-11-23T03:03:03.123456789Z [%12.6f] %.*s\n",
		s->seconds, (int)s->len, s->text);
}
static void compose(FILE *f, const struct source *s)
{
	fprintf(f, "dmesg-1  | [%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void docker_json(FILE *f, const struct source *s)
{
	fprintf(f,
		"{\"log\":\"[%12.6f] %.*s\\n\",\"stream\":\"stdout\",\"time\":"
		"\"2026-11-23T03:03:03.1Z\"}\n",
		s->seconds, (int)s->len, s->text);
}
static void journal_json(FILE *f, const struct source *s)
{
	fprintf(f,
		"{\"__REALTIME_TIMESTAMP\":\"1795000000000000\",\"_HOSTNAME\":\"web one\","
		"\"MESSAGE\":\"%.*s\",\"SYSLOG_IDENTIFIER\":\"kernel\",\"PRIORITY\":\"4\"}\n",
		(int)s->len, s->text);
}
static void journal_bytes(FILE *f, const struct source *s)
{
	fprintf(f, "{ \"PRIORITY\" : \"4\", \"MESSAGE\" : [");
	for (size_t i = 0; i < s->len; i++)
		fprintf(f, "%s%d", i ? ", " : "", s->text[i]);
	fprintf(f, "], \"_TRANSPORT\" : \"kernel\" }\n");
}
static void pretty_json(FILE *f, const struct source *s)
{
	fprintf(f,
		"  {\n    \"insertId\": \"ab12\",\n    \"jsonPayload\": {\n      \"message\": "
		"\"%.*s\"\n    },\n    \"logName\": \"projects/p/logs/kernel\"\n  },\n",
		(int)s->len, s->text);
}
static void colours(FILE *f, const struct source *s)
{
	fprintf(f, "\033[32m[%12.6f] \033[0m\033[1m%.*s\033[0m\n", s->seconds, (int)s->len,
		s->text);
}
static void quoted(FILE *f, const struct source *s)
{
	fprintf(f, "> > [%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void html(FILE *f, const struct source *s)
{
	fprintf(f, "&lt;4&gt;[%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void console_clock(FILE *f, const struct source *s)
{
	fprintf(f, "[2026-11-23 03:03:03.123] [%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
static void clock_only(FILE *f, const struct source *s)
{
	fprintf(f, "[03:03:03.123] %.*s\n", (int)s->len, s->text);
}
static void klogd(FILE *f, const struct source *s)
{
	fprintf(f, "kernel: [%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
}
/* Another CPU, another program, in between. */
static void interleaved(FILE *f, const struct source *s)
{
	fprintf(f, "Nov 23 03:03:03 web kernel: [%12.6f] %.*s\n", s->seconds, (int)s->len, s->text);
	if (s->number % 3 == 1)
		fprintf(f,
			"Nov 23 03:03:03 web kernel: [%12.6f] nfs: server files not responding, "
			"still trying\n",
			s->seconds);
	if (s->number % 4 == 2)
		fprintf(f, "Nov 23 03:03:03 web systemd[1]: app.service: Failed with result "
			   "'oom-kill'.\n");
}
static void utf16(FILE *f, const struct source *s)
{
	for (size_t i = 0; i <= s->len; i++) {
		fputc(i < s->len ? s->text[i] : '\n', f);
		fputc(0, f);
	}
}

static const struct {
	const char *name;
	form_fn fn;
} forms[] = {
	{"plain", plain},
	{"seconds", seconds},
	{"CR LF", crlf},
	{"levels", level},
	{"callers", caller},
	{"dmesg -x", facility},
	{"dmesg -T", human},
	{"dmesg --time-format iso", iso},
	{"dmesg -e", delta},
	{"dmesg -d", delta_long},
	{"dmesg -H", reltime},
	{"syslog", syslog_line},
	{"syslog, ISO", syslog_new},
	{"journalctl -o short-monotonic", journal_monotonic},
	{"journalctl -o verbose", journal_verbose},
	{"/dev/kmsg", kmsg},
	{"CRI", cri},
	{"kubectl", kubectl},
	{"docker compose", compose},
	{"docker", docker_json},
	{"journalctl -o json", journal_json},
	{"journalctl, bytes", journal_bytes},
	{"JSON over lines", pretty_json},
	{"colours", colours},
	{"mail", quoted},
	{"HTML", html},
	{"console with a date", console_clock},
	{"console with a clock", clock_only},
	{"klogd", klogd},
	{"interleaved", interleaved},
	{"UTF-16", utf16},
};

struct rendered {
	char *bytes;
	size_t len;
};

static struct rendered render(form_fn fn)
{
	struct source list[128];
	size_t n = sources(list, 128);
	struct rendered t = {NULL, 0};
	FILE *f = open_memstream(&t.bytes, &t.len);

	assert_true(n > 20);
	for (size_t i = 0; i < n; i++)
		fn(f, &list[i]);
	fclose(f);
	return t;
}

static void check(const char *name, const char *bytes, size_t len)
{
	FILE *f = fmemopen((void *)(uintptr_t)bytes, len, "r");
	struct report_reader *reader = report_reader_new(f);
	const struct report *r = report_next(reader);
	struct explanation e;

	if (!r)
		fail_msg("%s: no report", name);
	assert_true(explain(&e, r));
	if (e.agreement != AGREE || r->nr_tasks != 3 || r->nr_zones != 2 || !e.kill ||
	    e.kill->pid != 52 || strcmp(r->invoker, "java") || r->swap_total_kb != 1048572 ||
	    r->sum[SUM_FREE] != 9000 || r->zones[1].nr_reserve != 5 ||
	    report_kernel_version(r) != 601 || strcmp(r->tasks[2].name, "sshd: root [priv]"))
		fail_msg("%s: %s: %zu tasks, %zu zones, free %ld, invoker \"%s\", last \"%s\"",
			 name, agreement_name(e.agreement), r->nr_tasks, r->nr_zones,
			 r->sum[SUM_FREE], r->invoker,
			 r->nr_tasks ? r->tasks[r->nr_tasks - 1].name : "");
	explain_free(&e);
	report_reader_free(reader);
	fclose(f);
}

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct rendered t = render(forms[i].fn);

		check(forms[i].name, t.bytes, t.len);
		free(t.bytes);
	}
}

/* All of it in one string of one object, as some collectors make of it. */
static void test_one_string(void **state)
{
	struct rendered t = render(seconds), all = {NULL, 0};
	FILE *f = open_memstream(&all.bytes, &all.len);

	(void)state;
	fprintf(f, "{\"node\":\"n1\",\"report\":\"");
	for (size_t i = 0; i < t.len; i++) {
		if (t.bytes[i] == '\n')
			fprintf(f, "\\n");
		else
			fputc(t.bytes[i], f);
	}
	fprintf(f, "\"}\n");
	fclose(f);
	check("one string", all.bytes, all.len);
	free(all.bytes);
	free(t.bytes);
}

/* A message of several lines as /dev/kmsg, rsyslog and the journal escape it. */
static void test_escaped_lines(void **state)
{
	static const char *const breaks[] = {"\\x0a", "#012", "\\n"};

	(void)state;
	for (size_t b = 0; b < ARRAY_SIZE(breaks); b++) {
		char text[4096];
		const char *json = b == 2 ? "{\"MESSAGE\":\"" : "[  9.5] ",
			   *end = b == 2 ? "\"}" : "";
		struct report_reader *reader;
		const struct report *r;
		FILE *f;

		snprintf(text, sizeof(text),
			 "%sx invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, "
			 "oom_score_adj=0%s\n"
			 "%smemory: usage 1024kB, limit 1024kB, failcnt 9%s\n"
			 "%sMemory cgroup stats for /a:%sanon 524288%sfile 4096%skernel 8192%s\n"
			 "%sMemory cgroup out of memory: Killed process 7 (x) total-vm:1kB%s\n",
			 json, end, json, end, json, breaks[b], breaks[b], breaks[b], end, json,
			 end);
		f = fmemopen(text, strlen(text), "r");
		reader = report_reader_new(f);
		r = report_next(reader);
		assert_non_null(r);
		assert_int_equal(r->kind, REPORT_MEMCG_OOM);
		assert_int_equal(r->stat_anon_kb, 512);
		assert_int_equal(r->stat_file_kb, 4);
		assert_int_equal(r->stat_kernel_kb, 8);
		assert_int_equal(r->kills[0].pid, 7);
		report_reader_free(reader);
		fclose(f);
	}
}

/* ---- tables of other kernels ---------------------------------------------------- */

static void check_table(const char *heading, const char *row, long pgtables, long swap, long adj,
			const char *name)
{
	char text[1024];
	struct report_reader *reader;
	const struct report *r;
	FILE *f;

	snprintf(text, sizeof(text), "%s\n%s\nKilled process 812 (x)\n", heading, row);
	f = fmemopen(text, strlen(text), "r");
	reader = report_reader_new(f);
	r = report_next(reader);
	assert_non_null(r);
	assert_int_equal(r->nr_tasks, 1);
	assert_int_equal(r->tasks[0].pid, 812);
	assert_int_equal(r->tasks[0].rss, 1800);
	assert_int_equal(r->tasks[0].pgtables, pgtables);
	assert_int_equal(r->tasks[0].swapents, swap);
	assert_int_equal(r->tasks[0].adj, adj);
	assert_string_equal(r->tasks[0].name, name);
	report_reader_free(reader);
	fclose(f);
}

static void test_tables(void **state)
{
	(void)state;
	check_table("[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
		    "[  812]    27   812   400000     1800   1       8 mysqld", -1, -1, 470,
		    "mysqld");
	check_table("[ pid ]   uid  tgid total_vm      rss cpu oom_adj name",
		    "[  812]    27   812   400000     1800   1     -17 udevd", -1, -1, -1000,
		    "udevd");
	check_table("[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name",
		    "[  812]    27   812   400000     1800   1     -16          -941 a b", -1, -1,
		    -941, "a b");
	check_table("[ pid ]   uid  tgid total_vm      rss nr_ptes swapents oom_score_adj name",
		    "[  812]    27   812   400000     1800      10      600             0 x", 10,
		    600, 0, "x");
	check_table(
		"[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj "
		"name",
		"[  812]    27   812   400000     1800      10       4      600             0 x",
		14, 600, 0, "x");
	check_table("[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem "
		    "pgtables_bytes swapents oom_score_adj name",
		    "[    812]    27   812   400000     1800     1700       60        40    40960"
		    "      600          -100 [x]",
		    10, 600, -100, "[x]");
}

/* ---- what comes of it ------------------------------------------------------------ */

static struct report_reader *open_text(const char *text, FILE **f)
{
	*f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	return report_reader_new(*f);
}

static void test_keep(void **state)
{
	char *both = malloc(sizeof(sample_310) + sizeof(sample_601));
	struct report first = {0}, second = {0};
	struct report_reader *reader;
	FILE *f;

	(void)state;
	sprintf(both, "%s%s", sample_310, sample_601);
	reader = open_text(both, &f);
	assert_non_null(report_next(reader));
	report_keep(reader, &first);
	assert_non_null(report_next(reader));
	report_keep(reader, &second);
	assert_null(report_next(reader));
	assert_int_equal(first.kind, REPORT_MEMCG_OOM);
	assert_int_equal(second.kind, REPORT_OOM);
	assert_int_equal(second.nr_tasks, 3);
	assert_int_equal(second.nr_zones, 2);
	assert_string_equal(first.kills[0].name, "node x");
	report_release(&first);
	report_release(&second);
	report_reader_free(reader);
	fclose(f);
	free(both);
}

static void test_what_if(void **state)
{
	struct report_reader *reader;
	struct explanation e;
	FILE *f;

	(void)state;
	reader = open_text(sample_601, &f);
	assert_true(explain(&e, report_next(reader)));
	assert_null(e.what_if);
	assert_int_equal(explain_what_if(&e, "postgres", -100), 1);
	assert_string_equal(e.what_if->task->name, "postgres");
	assert_int_equal(explain_what_if(&e, "51", -1000), 1);
	assert_string_equal(e.what_if->task->name, "java");
	assert_int_equal(explain_what_if(&e, "java", -1000), 1);
	assert_string_equal(e.what_if->task->name, "sshd: root [priv]");
	assert_int_equal(explain_what_if(&e, "nobody", 5), 0);
	explain_free(&e);
	report_reader_free(reader);
	fclose(f);
}

static bool has_setting(const struct explanation *e, const char *code)
{
	for (size_t i = 0; i < e->nr_settings; i++)
		if (!strcmp(e->settings[i].code, code))
			return true;
	return false;
}

static void check_settings(const char *text, const char *codes)
{
	struct report_reader *reader;
	struct explanation e;
	char list[512] = "";
	FILE *f;

	reader = open_text(text, &f);
	assert_true(explain(&e, report_next(reader)));
	for (size_t i = 0; i < e.nr_settings; i++) {
		strcat(list, e.settings[i].code);
		strcat(list, " ");
	}
	assert_string_equal(list, codes);
	assert_false(has_setting(&e, "none"));
	explain_free(&e);
	report_reader_free(reader);
	fclose(f);
}

static void test_settings(void **state)
{
	(void)state;
	check_settings(sample_601, "swap oom_score_adj vm.panic_on_oom ");
	check_settings(sample_232, "swap oom_score_adj vm.panic_on_oom ");
	check_settings(sample_310, "memory.limit_in_bytes oom_score_adj ");
	check_settings(sample_failure, "vm.min_free_kbytes vm.swappiness ");
}

static void check_model(const char *text, const char *victim)
{
	struct report_reader *reader;
	struct explanation e;
	FILE *f;

	reader = open_text(text, &f);
	assert_true(explain(&e, report_next(reader)));
	explain_model(&e);
	if (e.model.verdict != MODEL_AGREES)
		fail_msg("the model takes %s (%ld), %d: %s", e.model.name, e.model.pid,
			 e.model.verdict, e.model.why);
	assert_string_equal(e.model.name, victim);
	/* Its points are those of the table, to some page tables. */
	if (labs(e.model.points - e.rank[e.victim].points) > 16)
		fail_msg("%s has %ld points, not %ld", victim, e.model.points,
			 e.rank[e.victim].points);
	explain_free(&e);
	report_reader_free(reader);
	fclose(f);
}

static void test_model(void **state)
{
	(void)state;
	check_model(sample_601, "java");
	check_model(sample_232, "mysqld");
	check_model(sample_310, "node x");
}

/* Where the log's victim is not who has most, the model says so. */
static void test_model_differs(void **state)
{
	char *text = strdup(sample_601), *at = strstr(text, "Killed process 52 (java)");
	struct report_reader *reader;
	struct explanation e;
	FILE *f;

	(void)state;
	memcpy(at, "Killed process 51 (java)", 24);
	reader = open_text(text, &f);
	assert_true(explain(&e, report_next(reader)));
	explain_model(&e);
	assert_int_equal(e.agreement, DISAGREE);
	assert_int_equal(e.model.verdict, MODEL_DIFFERS);
	assert_int_equal(e.model.pid, 52);
	assert_true(strlen(e.model.why) > 20);
	explain_free(&e);
	report_reader_free(reader);
	fclose(f);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	      cmocka_unit_test(test_one_string),
		cmocka_unit_test(test_escaped_lines), cmocka_unit_test(test_tables),
		cmocka_unit_test(test_keep),	      cmocka_unit_test(test_what_if),
		cmocka_unit_test(test_settings),      cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
