/* SPDX-License-Identifier: MIT */
/*
 * Reports are read as kernels of several ages print them, in whatever keeps
 * them; the points name the victim, the numbers the cause; and no input, cut,
 * shuffled or random, does more than be read.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "explain/explain.h"
#include "explain/log.h"
#include "tests/explain/samples.h"
#include "tests/lib/testlib.h"

/* The n-th report of a text; e->r is the reader's until it is freed. */
struct reading {
	FILE *file;
	struct report_reader *reader;
	struct explanation e;
};

static bool read_text(struct reading *rd, const char *text, size_t len, int n)
{
	const struct report *r = NULL;

	rd->file = fmemopen((void *)(uintptr_t)text, len, "r");
	assert_non_null(rd->file);
	rd->reader = report_reader_new(rd->file);
	assert_non_null(rd->reader);
	while (n-- && (r = report_next(rd->reader)))
		;
	if (r)
		assert_true(explain(&rd->e, r));
	return r != NULL;
}

static void end(struct reading *rd)
{
	explain_free(&rd->e);
	report_reader_free(rd->reader);
	fclose(rd->file);
	memset(rd, 0, sizeof(*rd));
}

static bool has_cause(const struct explanation *e, const char *code)
{
	for (size_t i = 0; i < e->nr_causes; i++)
		if (!strcmp(e->causes[i].code, code))
			return true;
	return false;
}

static void test_prefixes(void **state)
{
	static const char *const lines[] = {
		"[    1.234567] Mem-Info:",
		"<6>[    1.234567] Mem-Info:",
		"<4>Mem-Info:",
		"6,123,1234567,-;Mem-Info:",
		"[Mon Nov 23 10:00:00 2026] Mem-Info:",
		"kern  :warn  : [    1.234567] Mem-Info:",
		"Nov  3 10:00:00 host kernel: Mem-Info:",
		"Nov  3 10:00:00 host kernel: [    1.234567] Mem-Info:",
		"Nov  3 10:00:00 host kernel[0]: [    1.234567] Mem-Info:",
		"2026-11-23T10:00:00.123456+00:00 host kernel: [1.234567][ T123] Mem-Info:",
		"[    1.234567][    C1] Mem-Info:",
		"> > [    1.234567] Mem-Info:",
		"> Nov  3 10:00:00 host kernel: Mem-Info:",
		"Mem-Info:",
	};
	double seconds;
	bool stamped;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_string_equal(log_strip(lines[i], &stamped, &seconds), "Mem-Info:");
	/* A task's row begins with brackets too. */
	assert_string_equal(log_strip("[ 1.5] [  788]     0   788", &stamped, &seconds),
			    "[  788]     0   788");
	assert_true(seconds > 1.4 && seconds < 1.6);
	assert_string_equal(log_strip("the kernel: 6.1", &stamped, &seconds), "the kernel: 6.1");
}

static void test_old_kernel(void **state)
{
	struct reading rd = {0};
	long adj;

	(void)state;
	assert_true(read_text(&rd, sample_232, strlen(sample_232), 1));
	assert_int_equal(rd.e.r->kind, REPORT_OOM);
	assert_int_equal(report_kernel_version(rd.e.r), 232);
	assert_string_equal(rd.e.r->invoker, "mysqld");
	assert_int_equal(rd.e.r->nr_tasks, 3);
	assert_int_equal(rd.e.memory_kb, 256000 * 4);
	assert_int_equal(rd.e.agreement, AGREE);
	assert_string_equal(rd.e.rank[rd.e.victim].task->name, "mysqld");
	assert_int_equal(rd.e.rank[0].points, 180000L * 1000 / 256000);
	/* The last may never die. */
	assert_true(rd.e.rank[2].points == LONG_MIN);
	assert_true(has_cause(&rd.e, "below-min"));
	assert_true(has_cause(&rd.e, "no-swap"));
	assert_true(explain_saving_adj(&rd.e, &adj));
	assert_int_equal(adj, -(703 - 234) - 1);
	end(&rd);
}

static void test_group(void **state)
{
	struct reading rd = {0};

	(void)state;
	assert_true(read_text(&rd, sample_310, strlen(sample_310), 1));
	assert_int_equal(rd.e.r->kind, REPORT_MEMCG_OOM);
	assert_string_equal(rd.e.r->oom_group, "/system.slice/app.service");
	assert_int_equal(rd.e.memory_kb, 524288);
	assert_int_equal(rd.e.r->stat_anon_kb, 524288);
	assert_int_equal(rd.e.agreement, AGREE);
	assert_int_equal(rd.e.rank[rd.e.victim].task->pid, 701);
	assert_string_equal(rd.e.kill->name, "node x");
	assert_true(has_cause(&rd.e, "group-limit"));
	end(&rd);
}

/* Version 1: memory is not full, but memory and swap together are, which is what
 * the points are thousandths of. */
static void test_memsw(void **state)
{
	struct reading rd = {0};

	(void)state;
	assert_true(read_text(&rd, sample_memsw, strlen(sample_memsw), 1));
	assert_true(rd.e.r->memsw);
	assert_int_equal(rd.e.memory_kb, 786432);
	assert_int_equal(rd.e.total_pages, 786432 / 4);
	assert_true(has_cause(&rd.e, "group-memsw-limit"));
	assert_false(has_cause(&rd.e, "group-limit"));
	assert_true(rd.e.nr_settings > 0);
	assert_string_equal(rd.e.settings[0].code, "memory.memsw.limit_in_bytes");
	end(&rd);
}

static void test_protected(void **state)
{
	struct reading rd = {0};
	long adj;

	(void)state;
	assert_true(read_text(&rd, sample_601, strlen(sample_601), 1));
	assert_int_equal(report_kernel_version(rd.e.r), 601);
	assert_int_equal(rd.e.r->sum[SUM_INACTIVE_FILE], 200);
	assert_int_equal(rd.e.r->sum[SUM_FREE], 9000);
	assert_int_equal(rd.e.r->nr_zones, 2);
	assert_int_equal(rd.e.r->zones[1].min, 67000);
	assert_int_equal(rd.e.r->zones[1].node, 0);
	assert_int_equal(rd.e.agreement, AGREE);
	assert_string_equal(rd.e.kill->name, "java");
	assert_string_equal(rd.e.rank[1].task->name, "sshd: root [priv]");
	assert_int_equal(rd.e.total_pages, 970000 + 262143);
	assert_int_equal(rd.e.rank[0].points, 290000 + 60000 + 640);
	assert_true(has_cause(&rd.e, "below-min"));
	assert_true(has_cause(&rd.e, "swap-full"));
	assert_true(has_cause(&rd.e, "not-the-largest"));
	assert_true(explain_saving_adj(&rd.e, &adj));
	/* One step more would not be enough. */
	assert_true(350640 + adj * 1232 < 326);
	assert_true(350640 + (adj + 1) * 1232 >= 326);
	end(&rd);
}

static void test_failure(void **state)
{
	struct reading rd = {0};

	(void)state;
	assert_true(read_text(&rd, sample_failure, strlen(sample_failure), 1));
	assert_int_equal(rd.e.r->kind, REPORT_ALLOC_FAILURE);
	assert_int_equal(rd.e.r->order, 4);
	assert_int_equal(report_kernel_version(rd.e.r), 510);
	assert_true(has_cause(&rd.e, "fragmented"));
	assert_true(rd.e.r->ended);
	end(&rd);
}

static void test_several(void **state)
{
	char *text = malloc(4 * sizeof(sample_601));
	struct reading rd = {0};

	(void)state;
	/* Others' lines between, and a kill whose report was suppressed. */
	sprintf(text, "%s%s%s%s", sample_failure, "[  101.0] eth0: link is up\n", sample_310,
		"[ 5001.0] Memory cgroup out of memory: Killed process 702 (node x) "
		"total-vm:1kB, anon-rss:1kB, file-rss:0kB\n");
	assert_true(read_text(&rd, text, strlen(text), 2));
	assert_int_equal(rd.e.r->kind, REPORT_MEMCG_OOM);
	end(&rd);
	assert_false(read_text(&rd, text, strlen(text), 4));
	end(&rd);
	free(text);
}

/* Whatever is cut off at either end, all of it is read and said. */
static void test_cut(void **state)
{
	const char *samples[] = {sample_232, sample_310, sample_memsw, sample_601, sample_failure};
	FILE *null = fopen("/dev/null", "w");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		size_t len = strlen(samples[i]);

		for (size_t cut = 1; cut < len; cut += 13) {
			struct reading rd = {0};

			for (int side = 0; side < 2; side++) {
				if (read_text(&rd, side ? samples[i] : samples[i] + cut,
					      side ? cut : len - cut, 1)) {
					explain_say(&rd.e, null);
					explain_json(&rd.e, null);
				}
				end(&rd);
			}
		}
	}
	fclose(null);
}

/* Random changes of bytes, and lines in another order. */
static void test_hostile(void **state)
{
	const char *samples[] = {sample_232, sample_310, sample_memsw, sample_601, sample_failure};
	static char text[2 * sizeof(sample_601)];
	FILE *null = fopen("/dev/null", "w");
	struct prng rng;

	(void)state;
	prng_seed(&rng, testbox_seed(7));
	for (int round = 0; round < 3000; round++) {
		const char *from = samples[prng_below(&rng, ARRAY_SIZE(samples))];
		size_t len = strlen(from);
		struct reading rd = {0};

		memcpy(text, from, len);
		for (u64 n = prng_below(&rng, 40); n; n--) {
			size_t a = prng_below(&rng, len), b = prng_below(&rng, len);

			if (prng_below(&rng, 2))
				text[a] = (char)prng_below(&rng, 256);
			else
				memmove(text + a, text + b,
					min(len - max(a, b), (size_t)prng_below(&rng, 200)));
		}
		for (int i = 1; read_text(&rd, text, len, i); i++) {
			explain_say(&rd.e, null);
			explain_json(&rd.e, null);
			end(&rd);
		}
		end(&rd);
	}
	fclose(null);
}

/* ---- real reports, where there are some --------------------------------------- */

/* "file\t...": the field-th field. */
static const char *field_of(char *line, int field)
{
	char *p = line;

	while (field-- && p)
		p = (p = strchr(p, '\t')) ? p + 1 : NULL;
	return p ? p : "";
}

static void check_real(const char *dir, char *line, unsigned int *counts)
{
	bool wrong = !strncmp(field_of(line, 11), "DISAGREE", 8);
	struct report_reader *reader;
	const struct report *r;
	struct explanation e;
	char path[2 * PATH_MAX];
	FILE *f;

	line[strcspn(line, "\t")] = '\0';
	if (!strncmp(line, "D-", 2) || !strchr(line, '/'))
		return;
	snprintf(path, sizeof(path), "%.4095s/%.4000s", dir, line);
	f = fopen(path, "r");
	assert_non_null(f);
	reader = report_reader_new(f);
	r = report_next(reader);
	if (!r)
		fail_msg("%s: no report", line);
	assert_true(explain(&e, r));
	/* The index says which of them cannot agree. */
	if (e.agreement == DISAGREE && !wrong)
		fail_msg("%s: %s", line, e.agreement_why);
	counts[e.agreement == UNDECIDABLE]++;
	/* And so says the killer of its machine, where there is enough to build one. */
	explain_model(&e);
	if (e.model.verdict == MODEL_DIFFERS && !wrong)
		fail_msg("%s: on the model %s (%ld) dies: %s", line, e.model.name, e.model.pid,
			 e.model.why);
	if (r->nr_tasks && e.kill && e.model.verdict == MODEL_FAILED)
		fail_msg("%s: not built: %s", line, e.model.why);
	explain_free(&e);
	report_reader_free(reader);
	fclose(f);
}

static void test_real(void **state)
{
	const char *dir = getenv("QUIRE_OOM_REPORTS");
	unsigned int counts[2] = {0};
	char path[PATH_MAX + 16], line[PATH_MAX];
	FILE *index;

	(void)state;
	if (!dir) {
		print_message("# QUIRE_OOM_REPORTS is not set: real reports are not there\n");
		skip();
	}
	snprintf(path, sizeof(path), "%.4095s/index.tsv", dir);
	index = fopen(path, "r");
	assert_non_null(index);
	while (fgets(line, sizeof(line), index))
		check_real(dir, line, counts);
	fclose(index);
	print_message("# %u real reports agree, %u cannot be decided\n", counts[0], counts[1]);
	assert_true(counts[0] > 10 * counts[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),  cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_group),	  cmocka_unit_test(test_memsw),
		cmocka_unit_test(test_protected), cmocka_unit_test(test_failure),
		cmocka_unit_test(test_several),	  cmocka_unit_test(test_cut),
		cmocka_unit_test(test_hostile),	  cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
