/* SPDX-License-Identifier: MIT */
/* quire oracle questions: what a setting changes, on the kernel and on the model. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "oracle/questions.h"
#include "oracle/run.h"

static const char help[] =
	"usage: quire oracle questions [OPTIONS] [QUESTION...]\n\n"
	"What operators ask: each question is a pair of recorded scenarios, without and with one\n"
	"change. Prints the change on the kernel and on the model; the model's must have the same\n"
	"sign, and its size within 20 %. Where the kernel's own seeds do not agree on the sign, a\n"
	"change between theirs agrees, and the line says between which.\n\n"
	"  --dir DIR       where questions.txt, scenarios/ and results/ are (oracle)\n\n"
	"The status is 0 if all agree, 1 if something differs, 2 if the input is wrong.\n\n"
	"Example:\n  quire oracle questions swap-more zswap\n";

/* A scenario's two runs, read once. */
struct pair {
	char name[48];
	struct oracle_result kernel, model;
	struct oracle_variance variance;
	bool good;
};

struct run_set {
	const char *dir;
	struct pair pairs[2 * ORACLE_QUESTIONS_MAX];
	unsigned int nr;
};

/* The model's run, through a file that nobody else sees. */
static bool run_model(const char *dir, const char *name, struct oracle_result *result)
{
	char path[256], why[160];
	struct oracle_script *s;
	char *buffer = NULL;
	size_t size = 0;
	FILE *out;
	bool good;

	snprintf(path, sizeof(path), "%.120s/scenarios/%.48s.txt", dir, name);
	s = oracle_script_load(path, stderr);
	out = s ? open_memstream(&buffer, &size) : NULL;
	if (!out) {
		oracle_script_free(s);
		return false;
	}
	good = !oracle_run(s, "6.1", out, stderr);
	oracle_script_free(s);
	/* The reader ends the text itself. */
	good = !fclose(out) && good && oracle_result_parse(result, buffer, size, why, sizeof(why));
	if (!good)
		fprintf(stderr, "quire: %s: the model's run can't be read\n", name);
	return good;
}

static const struct pair *get_pair(struct run_set *set, const char *name)
{
	char path[256], why[160];
	struct pair *p;

	for (unsigned int i = 0; i < set->nr; i++)
		if (!strcmp(set->pairs[i].name, name))
			return &set->pairs[i];
	p = &set->pairs[set->nr++];
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(path, sizeof(path), "%.120s/results/%.48s/6.1/out.txt.gz", set->dir, name);
	if (!oracle_result_read(&p->kernel, path, why, sizeof(why)))
		fprintf(stderr, "quire: %s: %s\n", path, why);
	else
		p->good = run_model(set->dir, name, &p->model);
	snprintf(path, sizeof(path), "%.120s/results/variance.txt", set->dir);
	oracle_variance_read(&p->variance, path, name, "6.1");
	return p;
}

static void free_set(struct run_set *set)
{
	for (unsigned int i = 0; i < set->nr; i++) {
		oracle_result_free(&set->pairs[i].kernel);
		oracle_result_free(&set->pairs[i].model);
		oracle_variance_free(&set->pairs[i].variance);
	}
	free(set);
}

static void print_side(const struct oracle_answer *a, s64 change)
{
	char text[96];

	if (!a[0].has || !a[1].has)
		snprintf(text, sizeof(text), "-");
	else if (*a[0].name)
		snprintf(text, sizeof(text), "%s -> %s", a[0].name, a[1].name);
	else
		snprintf(text, sizeof(text), "%lld -> %lld (%+lld)", (long long)a[0].number,
			 (long long)a[1].number, (long long)change);
	printf("  %-28s", text);
}

/* How many measures there are, and how many signs and sizes agree. */
struct score {
	unsigned int nr, signs, sizes;
};

static void answer(const struct oracle_question *q, const struct pair *a, const struct pair *b,
		   struct score *score)
{
	for (unsigned int i = 0; i < q->nr_measures; i++) {
		const char *m = q->measure[i];
		struct oracle_change c = {
			.kernel = {oracle_measure(&a->kernel, m), oracle_measure(&b->kernel, m)},
			.model = {oracle_measure(&a->model, m), oracle_measure(&b->model, m)},
		};

		oracle_own_changes(&c, m, &a->variance, &b->variance);
		oracle_judge_change(&c, m);
		printf("%-16s  %-32s", i ? "" : q->name, m);
		print_side(c.kernel, c.kernel_change);
		print_side(c.model, c.model_change);
		printf("  %s", !c.sign ? "SIGN DIFFERS" : !c.size ? "SIZE DIFFERS" : "agrees");
		if (c.by_own)
			printf(" (the kernel's own seeds: %+lld to %+lld)", (long long)c.own.low,
			       (long long)c.own.high);
		putchar('\n');
		score->nr++;
		score->signs += c.sign;
		score->sizes += c.size;
	}
}

static bool wanted(const char *name, char **names, int nr)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return true;
	return nr == 0;
}

int cmd_oracle_questions(int argc, char **argv)
{
	static const struct option options[] = {
		{"dir", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct oracle_question questions[ORACLE_QUESTIONS_MAX];
	struct run_set *set = calloc(1, sizeof(*set));
	struct score score = {0};
	char path[256];
	bool bad = false;
	int c, n;

	if (!set)
		return 2;
	set->dir = "oracle";
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'd') {
			set->dir = optarg;
			continue;
		}
		if (c == 'h')
			fputs(help, stdout);
		else
			fputs("`quire oracle questions --help` has the options.\n", stderr);
		free(set);
		return c == 'h' ? 0 : 2;
	}
	snprintf(path, sizeof(path), "%.120s/questions.txt", set->dir);
	n = oracle_questions_read(path, questions, ORACLE_QUESTIONS_MAX, stderr);
	printf("%-16s  %-32s  %-28s  %-28s\n", "QUESTION", "OF", "KERNEL", "MODEL");
	for (int i = 0; i < n; i++) {
		const struct pair *without, *with;

		if (!wanted(questions[i].name, argv + optind, argc - optind))
			continue;
		without = get_pair(set, questions[i].without);
		with = get_pair(set, questions[i].with);
		if (without->good && with->good)
			answer(&questions[i], without, with, &score);
		else
			bad = true;
	}
	printf("%u of %u signs agree, %u sizes\n", score.signs, score.nr, score.sizes);
	free_set(set);
	if (n < 0 || bad || !score.nr)
		return 2;
	return score.sizes < score.nr || score.signs < score.nr;
}
