/* SPDX-License-Identifier: MIT */
/*
 * Direction and size of a change (oracle/questions.h).
 *
 * A change of a few pages, of 2 % or of one round is none: the kernel's own runs
 * move by that.  Counters are events since the first snapshot, amounts (nr_*) what there
 * is; the difference of two runs has the first one's share in both, so counters
 * are taken as they stand less those of the first snapshot.
 *
 * One recording without a change and one with it have the sign of chance where the
 * change is smaller than what the kernel's seeds lie apart.  So where those are
 * recorded, every pair of seeds is one change that the kernel makes.  If these
 * have both signs, the kernel has no direction, and a model's change that lies
 * between them can't be told from its.
 */
#include "oracle/questions.h"

#include <stdlib.h>
#include <string.h>

/* Changes that are none: three batches of reclaim, so much of what there is, a round. */
#define NO_PAGES   96
#define NO_PERCENT 2
#define NO_ROUND   1
/* The size of a change may be off by so many per cent. */
#define SIZE_PERCENT 20

static bool read_question(char *line, struct oracle_question *q)
{
	char *save, *word = strtok_r(line, " \t\n", &save);
	char *fields[] = {q->name, q->without, q->with};
	const size_t sizes[] = {sizeof(q->name), sizeof(q->without), sizeof(q->with)};

	memset(q, 0, sizeof(*q));
	for (int i = 0; i < 3; i++, word = strtok_r(NULL, " \t\n", &save)) {
		if (!word || strlen(word) >= sizes[i] || strchr(word, '/'))
			return false;
		strcpy(fields[i], word);
	}
	for (; word; word = strtok_r(NULL, " \t\n", &save)) {
		if (q->nr_measures == ORACLE_MEASURES_MAX ||
		    strlen(word) >= sizeof(q->measure[0]) ||
		    !(strchr(word, '@') || strchr(word, ':')))
			return false;
		strcpy(q->measure[q->nr_measures++], word);
	}
	return q->nr_measures > 0;
}

int oracle_questions_read(const char *path, struct oracle_question *q, int max, FILE *err)
{
	FILE *f = fopen(path, "r");
	char line[512];
	int n = 0, number = 0;

	if (!f) {
		perror(path);
		return -1;
	}
	while (fgets(line, sizeof(line), f)) {
		number++;
		if (*line == '#' || !line[strspn(line, " \t\n")])
			continue;
		if (n == max || !read_question(line, &q[n++])) {
			fprintf(err,
				"%s:%d: not QUESTION WITHOUT WITH MEASURE.., as in \"swap "
				"knob-none knob-swap round:1\"\n",
				path, number);
			n = -1;
			break;
		}
	}
	fclose(f);
	return n;
}

static struct oracle_answer number(bool has, s64 v)
{
	return (struct oracle_answer){.has = has, .number = v};
}

static struct oracle_answer counter(const struct oracle_result *r, const struct oracle_snap *s,
				    const char *name)
{
	u64 v, first = 0;

	if (!oracle_vmstat(s, name, &v))
		return number(false, 0);
	/* Amounts are what there is, the rest is counted from the beginning on. */
	if (strncmp(name, "nr_", 3) || !strcmp(name, "nr_written") || !strcmp(name, "nr_dirtied"))
		(void)oracle_vmstat(&r->snaps[0], name, &first);
	return number(true, (s64)(v - first));
}

static struct oracle_answer at_snapshot(const struct oracle_result *r, const char *measure)
{
	const char *at = strchr(measure, '@'), *dot = strchr(measure, '.');
	const struct oracle_snap *s = oracle_snap_find(r, at + 1, 0);
	const struct oracle_proc *p;
	char name[64], *field;
	s64 v;

	if (!s || (size_t)(at - measure) >= sizeof(name))
		return number(false, 0);
	memcpy(name, measure, (size_t)(at - measure));
	name[at - measure] = 0;
	if (!dot || dot > at)
		return counter(r, s, name);
	field = name + (dot - measure);
	*field++ = 0;
	p = oracle_proc_find(s, name);
	return p && oracle_proc_value(p, field, &v) ? number(true, v) : number(false, 0);
}

/* Who was killed n-th, by the log. */
static struct oracle_answer victim(const struct oracle_result *r, unsigned long n)
{
	struct oracle_answer a = {.has = true, .name = "nobody"};
	struct oracle_kill *kill = malloc(sizeof(*kill));
	const char *p = r->log;

	while (kill && n && oracle_kill_next(&p, kill)) {
		if (!--n)
			memcpy(a.name, kill->victim, sizeof(a.name));
	}
	free(kill);
	return a;
}

struct oracle_answer oracle_measure(const struct oracle_result *r, const char *measure)
{
	unsigned long n;

	if (strchr(measure, '@'))
		return at_snapshot(r, measure);
	n = strtoul(strchr(measure, ':') + 1, NULL, 10);
	if (!strncmp(measure, "victim:", 7))
		return victim(r, n);
	if (strncmp(measure, "round:", 6) || !n || n > r->nr_loops)
		return number(false, 0);
	return number(true, (s64)r->loops[n - 1].rounds);
}

void oracle_own_changes(struct oracle_change *c, const char *measure,
			const struct oracle_variance *without, const struct oracle_variance *with)
{
	const char *at = strchr(measure, '@');
	struct oracle_span a, b;
	char counter[64];
	bool has_a, has_b;

	if (!at || (size_t)(at - measure) >= sizeof(counter) || !c->kernel[0].has ||
	    !c->kernel[1].has)
		return;
	memcpy(counter, measure, (size_t)(at - measure));
	counter[at - measure] = 0;
	has_a = oracle_variance_span(without, at + 1, counter, ORACLE_SEEDS, &a);
	has_b = oracle_variance_span(with, at + 1, counter, ORACLE_SEEDS, &b);
	/* Whose seeds all say the same has no line: what was recorded. */
	if (has_a && !has_b && with && with->nr)
		b.low = b.high = c->kernel[1].number;
	else if (has_b && !has_a && without && without->nr)
		a.low = a.high = c->kernel[0].number;
	else if (!has_a || !has_b)
		return;
	c->own = (struct oracle_span){
		.has = true,
		.low = b.low - a.high,
		.high = b.high - a.low,
	};
}

static int sign_of(s64 change, s64 none)
{
	return change > none ? 1 : change < -none ? -1 : 0;
}

void oracle_judge_change(struct oracle_change *c, const char *measure)
{
	s64 none = NO_ROUND, off;

	c->sign = c->size = c->by_own = false;
	if (!c->kernel[0].has || !c->kernel[1].has || !c->model[0].has || !c->model[1].has)
		return;
	if (*c->kernel[0].name) {
		c->sign = c->size = !strcmp(c->kernel[0].name, c->model[0].name) &&
				    !strcmp(c->kernel[1].name, c->model[1].name);
		return;
	}
	if (strchr(measure, '@'))
		none = max_t(s64, NO_PAGES, llabs(c->kernel[0].number) * NO_PERCENT / 100);
	c->kernel_change = c->kernel[1].number - c->kernel[0].number;
	c->model_change = c->model[1].number - c->model[0].number;
	c->sign = sign_of(c->kernel_change, none) == sign_of(c->model_change, none);
	off = llabs(c->model_change - c->kernel_change);
	c->size = off <= none || off * 100 <= llabs(c->kernel_change) * SIZE_PERCENT;
	/* One of them just beyond "none": the same, as far as can be said. */
	c->sign = c->sign || off <= none;
	c->by_own = !(c->sign && c->size) && c->own.has && c->own.low < 0 && c->own.high > 0 &&
		    c->model_change >= c->own.low && c->model_change <= c->own.high;
	c->sign |= c->by_own;
	c->size |= c->by_own;
}
