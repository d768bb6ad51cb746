/* SPDX-License-Identifier: MIT */
/*
 * oracle/agrees.txt: the exact quantities and the victims that agree, a line a
 * scenario and quantity, columns apart by tabs:
 *
 *	SCENARIO	QUANTITY	SNAPSHOT SNAPSHOT ...
 *
 * '-' is the run as a whole.  The list only grows: an update adds what is new
 * and keeps what is lost, so that the test goes on failing until it agrees
 * again.
 */
#include "oracle/fidelity.h"

#include <stdlib.h>
#include <string.h>

struct item {
	char scenario[96], quantity[48], snap[40];
	size_t order;
};

struct items {
	struct item *i;
	size_t nr;
};

static void add(struct items *is, const char *scenario, const char *quantity, const char *snap)
{
	struct item *bigger;

	for (size_t i = 0; i < is->nr; i++)
		if (!strcmp(is->i[i].scenario, scenario) && !strcmp(is->i[i].quantity, quantity) &&
		    !strcmp(is->i[i].snap, snap))
			return;
	bigger = realloc(is->i, (is->nr + 1) * sizeof(*bigger));
	if (!bigger)
		return;
	is->i = bigger;
	snprintf(bigger[is->nr].scenario, sizeof(bigger->scenario), "%s", scenario);
	snprintf(bigger[is->nr].quantity, sizeof(bigger->quantity), "%s", quantity);
	snprintf(bigger[is->nr].snap, sizeof(bigger->snap), "%s", snap);
	bigger[is->nr].order = is->nr;
	is->nr++;
}

static void read_list(struct items *is, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0) {
		char *save = NULL, *scenario, *quantity, *snap;

		line[strcspn(line, "\n")] = 0;
		if (*line == '#')
			continue;
		scenario = strtok_r(line, "\t", &save);
		quantity = strtok_r(NULL, "\t", &save);
		while (quantity && (snap = strtok_r(NULL, "\t ", &save)))
			add(is, scenario, quantity, strcmp(snap, "-") ? snap : "");
	}
	free(line);
	if (f)
		fclose(f);
}

static bool listed(const struct oracle_row *r)
{
	return r->kind == ORACLE_EXACT ||
	       (r->kind == ORACLE_DEATHS && !strncmp(r->quantity, "victim ", 7));
}

/* The verdict on an item; not judged: the scenario was not run, or the kernel's
 * record has no such quantity any more. */
static enum oracle_verdict verdict_on(const struct item *it, const struct oracle_case *cases,
				      size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; !strcmp(cases[i].name, it->scenario) && k < cases[i].c.nr; k++) {
			const struct oracle_row *r = &cases[i].c.rows[k];

			if (listed(r) && !strcmp(r->quantity, it->quantity) &&
			    !strcmp(r->snap, it->snap))
				return r->verdict;
		}
	return ORACLE_NOT_JUDGED;
}

static int by_scenario(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int d = strcmp(x->scenario, y->scenario);

	d = d ? d : strcmp(x->quantity, y->quantity);
	return d ? d : (x->order > y->order) - (x->order < y->order);
}

static void write_list(struct items *is, const char *path, FILE *out)
{
	FILE *f = fopen(path, "w");

	if (!f) {
		fprintf(out, "%s can't be written\n", path);
		return;
	}
	if (is->nr)
		qsort(is->i, is->nr, sizeof(*is->i), by_scenario);
	fprintf(f, "# What agrees exactly with the kernel and must go on doing so; `make fidelity` "
		   "adds to it.\n# scenario, quantity, snapshots\n");
	for (size_t i = 0; i < is->nr; i++) {
		const struct item *it = &is->i[i], *before = i ? it - 1 : NULL;

		if (before && !strcmp(before->scenario, it->scenario) &&
		    !strcmp(before->quantity, it->quantity))
			fputc(' ', f);
		else
			fprintf(f, "%s%s\t%s\t", i ? "\n" : "", it->scenario, it->quantity);
		fputs(*it->snap ? it->snap : "-", f);
	}
	fputc('\n', f);
	fclose(f);
}

unsigned int oracle_check_agrees(const char *path, const struct oracle_case *cases, size_t nr,
				 bool update, FILE *out)
{
	struct items is = {0};
	unsigned int lost = 0;

	read_list(&is, path);
	for (size_t i = 0; i < is.nr; i++) {
		enum oracle_verdict v = verdict_on(&is.i[i], cases, nr);

		if (v != ORACLE_DIFFERS && v != ORACLE_MISSING)
			continue;
		lost++;
		fprintf(out, "%s %s: %s agreed and does not any more (%s)\n", is.i[i].scenario,
			is.i[i].snap, is.i[i].quantity, oracle_verdict_names[v]);
	}
	for (size_t i = 0; update && i < nr; i++)
		for (size_t k = 0; k < cases[i].c.nr; k++) {
			const struct oracle_row *r = &cases[i].c.rows[k];

			if (listed(r) && r->verdict == ORACLE_AGREES)
				add(&is, cases[i].name, r->quantity, r->snap);
		}
	if (update)
		write_list(&is, path, out);
	free(is.i);
	return lost;
}
