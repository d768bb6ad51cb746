/* SPDX-License-Identifier: MIT */
/*
 * docs/fidelity.md.  The first line has the share that agrees; then scenarios,
 * quantities, and for each scenario a line a quantity with its worst snapshot.
 * All rows of all snapshots are in the table beside it: readable documents are
 * short.  The same runs give the same bytes: no times, no paths.
 */
#include "oracle/fidelity.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* A quantity over the snapshots of one scenario, or over all scenarios. */
struct tally {
	char quantity[48];
	enum oracle_kind kind;
	unsigned int judged, agreed, missing;
	const struct oracle_row *worst;
};

struct tallies {
	struct tally *t;
	size_t nr;
};

/* Names of processes, nodes and rounds apart, a quantity is one. */
static void family(const struct oracle_row *r, char *name, size_t size)
{
	const char *cut = strstr(r->quantity, " resident+swapped");

	if (cut)
		snprintf(name, size, "resident+swapped");
	else if (!strncmp(r->quantity, "victim ", 7) && r->kind == ORACLE_DEATHS)
		snprintf(name, size, "victims in order");
	else if (!strncmp(r->quantity, "round of ", 9))
		snprintf(name, size, "rounds of deaths");
	else if (strstr(r->quantity, "_hugepages "))
		snprintf(name, size, "hugetlb pools");
	else
		snprintf(name, size, "%s", r->quantity);
}

static void count(struct tallies *ts, const struct oracle_row *r, const char *quantity)
{
	struct tally *t = NULL;

	if (r->verdict == ORACLE_NOT_JUDGED)
		return;
	for (size_t i = 0; i < ts->nr && !t; i++)
		if (!strcmp(ts->t[i].quantity, quantity) && ts->t[i].kind == r->kind)
			t = &ts->t[i];
	if (!t) {
		struct tally *bigger = realloc(ts->t, (ts->nr + 1) * sizeof(*bigger));

		if (!bigger)
			return;
		ts->t = bigger;
		t = &ts->t[ts->nr++];
		memset(t, 0, sizeof(*t));
		snprintf(t->quantity, sizeof(t->quantity), "%s", quantity);
		t->kind = r->kind;
	}
	t->judged++;
	t->missing += r->verdict == ORACLE_MISSING;
	t->agreed += r->verdict == ORACLE_AGREES || r->verdict == ORACLE_AGREES_RANGE;
	/* a value among the kernel's own is not the worst */
	if (!t->worst || (r->off > t->worst->off && r->verdict != ORACLE_AGREES_RANGE) ||
	    (t->worst->verdict == ORACLE_AGREES_RANGE && r->verdict == ORACLE_DIFFERS))
		t->worst = r;
}

static double percent(unsigned int a, unsigned int b)
{
	/* never 100.0 for less than all */
	double p = b ? 100.0 * a / b : 100.0;

	return a < b && p > 99.9 ? 99.9 : p;
}

static void write_head(FILE *f, const char *kernel, const struct oracle_case *cases, size_t nr,
		       const char *table)
{
	unsigned int judged[ORACLE_NR_KINDS] = {0}, agreed[ORACLE_NR_KINDS] = {0};
	unsigned int all = 0, good = 0, clean = 0;

	for (size_t i = 0; i < nr; i++) {
		unsigned int a = 0, b = 0;

		for (int k = 0; k < ORACLE_MORE; k++) {
			judged[k] += cases[i].c.judged[k];
			agreed[k] += cases[i].c.agreed[k];
			a += cases[i].c.judged[k];
			b += cases[i].c.agreed[k];
		}
		all += a;
		good += b;
		clean += a == b && a;
	}
	fprintf(f,
		"# Fidelity: the model agrees with Linux %s in %.1f %% of %u quantities of %zu "
		"recorded scenarios\n\n",
		kernel, percent(good, all), all, nr);
	fprintf(f, "| | agree | of | share |\n|---|---:|---:|---:|\n");
	for (int k = 0; k < ORACLE_MORE; k++)
		fprintf(f, "| %s | %u | %u | %.1f %% |\n", oracle_kind_names[k], agreed[k],
			judged[k], percent(agreed[k], judged[k]));
	fprintf(f, "| **all** | %u | %u | %.1f %% |\n", good, all, percent(good, all));
	fprintf(f, "\nIn %u of %zu scenarios everything agrees.\n", clean, nr);
	fprintf(f,
		"\n`make fidelity` writes this page from the kernel's recorded runs "
		"(`oracle/results/`) and new runs of\nthe model; `%s` has every row of every "
		"snapshot: scenario, snapshot, quantity, kind,\nkernel, model, difference, bar, "
		"verdict. `quire oracle compare NAME` shows one scenario.\n",
		table);
}

static const char how[] =
	"\n## How it is judged\n\n"
	"- **exact**: marks, reserves, per-CPU lists, thresholds, min_free_kbytes, CommitLimit, "
	"zonelists and the layout of slabs\n"
	"  must be the kernel's numbers. Dirty thresholds and MemAvailable must be what the "
	"kernel's formula gives for the model's\n"
	"  own amounts; CommitLimit too where pools of huge pages have another size. oom_score is "
	"the "
	"kernel's, or what its\n"
	"  formula gives for the model's process, if its own memory is of the kernel's size within "
	"2 %.\n"
	"- **deaths**: the victims in their order; the round of its loop in which each dies within "
	"2 %, at least 1.\n"
	"- **amounts**: resident and swapped pages of each process exact; free, anonymous, file "
	"and "
	"page-table pages 2 %;\n"
	"  pgfault 1 %; pswpout, pgsteal, refaults, activations of file pages 5 %; pgscan 15 %; "
	"kswapd's share of pgsteal 15\n"
	"  points; counts of huge pages 5 %. Events are counted from the first snapshot on. Where "
	"the kernel's own runs with\n"
	"  other seeds or processor modes (`oracle/results/variance.txt`) lie further apart, a "
	"value among them agrees.\n"
	"- A percentage of little says nothing: differences up to 64 free pages (a batch of the "
	"per-CPU lists), 32 other pages, 4\n"
	"  page tables, 96 reclaimed or swapped pages (three batches of reclaim), 32 faults agree; "
	"kswapd's share is asked from\n"
	"  960 reclaimed pages on. What is 0 on both sides is not counted.\n"
	"- Where a process died a round earlier or later, within those 2 %, the others had touched "
	"that much less or more; this\n"
	"  is taken off before their sizes are compared.\n";

static void write_scenarios(FILE *f, const struct oracle_case *cases, size_t nr)
{
	fprintf(f, "\n## Scenarios\n\n| scenario | exact | deaths | amounts | share |\n"
		   "|---|---:|---:|---:|---:|\n");
	for (size_t i = 0; i < nr; i++) {
		const struct oracle_case *c = &cases[i];
		unsigned int a = 0, b = 0;

		fprintf(f, "| %s |", c->name);
		for (int k = 0; k < ORACLE_MORE; k++) {
			a += c->c.agreed[k];
			b += c->c.judged[k];
			if (c->c.judged[k])
				fprintf(f, " %u of %u |", c->c.agreed[k], c->c.judged[k]);
			else
				fprintf(f, " |");
		}
		fprintf(f, " %.1f %% |\n", percent(a, b));
	}
}

static void write_quantities(FILE *f, const struct oracle_case *cases, size_t nr)
{
	struct tallies ts = {0};
	char name[48];

	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < cases[i].c.nr; k++) {
			family(&cases[i].c.rows[k], name, sizeof(name));
			count(&ts, &cases[i].c.rows[k], name);
		}
	fprintf(f, "\n## Quantities\n\n| quantity | kind | agree | of | share |\n"
		   "|---|---|---:|---:|---:|\n");
	for (int kind = 0; kind < ORACLE_MORE; kind++)
		for (size_t i = 0; i < ts.nr; i++) {
			const struct tally *t = &ts.t[i];

			if ((int)t->kind == kind)
				fprintf(f, "| %s | %s | %u | %u | %.1f %% |\n", t->quantity,
					oracle_kind_names[kind], t->agreed, t->judged,
					percent(t->agreed, t->judged));
		}
	free(ts.t);
}

static void write_tally(FILE *f, const struct tally *t)
{
	const struct oracle_row *w = t->worst;
	const char *verdict = t->agreed == t->judged ? "agrees"
			      : t->missing	     ? "MISSING"
						     : "DIFFERS";

	fprintf(f, "| %s | %u of %u | %s | %s | %s | %s | %s |\n", t->quantity, t->agreed,
		t->judged, w->snap, w->kernel, w->model, w->difference, verdict);
}

static void write_case(FILE *f, const struct oracle_case *c)
{
	struct tallies ts = {0};
	bool head = false;

	fprintf(f, "\n### %s\n\n", c->name);
	if (*c->failed)
		fprintf(f, "The model did not run to the end: %s.\n\n", c->failed);
	for (size_t k = 0; k < c->c.nr; k++)
		count(&ts, &c->c.rows[k], c->c.rows[k].quantity);
	for (size_t i = 0; i < ts.nr; i++)
		if (ts.t[i].kind == ORACLE_EXACT && ts.t[i].agreed == ts.t[i].judged) {
			fprintf(f, "%s%s",
				head ? ", " : "Exact in all snapshots: ", ts.t[i].quantity);
			head = true;
		}
	fprintf(f,
		"%s| quantity | agree | worst at | kernel | model | difference | verdict |\n"
		"|---|---:|---|---:|---:|---:|---|\n",
		head ? ".\n\n" : "");
	/* first what differs */
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < ts.nr; i++) {
			bool agrees = ts.t[i].agreed == ts.t[i].judged;

			if (agrees == (pass == 1) && !(agrees && ts.t[i].kind == ORACLE_EXACT))
				write_tally(f, &ts.t[i]);
		}
	free(ts.t);
}

static void append_file(FILE *f, const char *path)
{
	FILE *in = path ? fopen(path, "r") : NULL;
	char buffer[4096];
	size_t n;

	if (!in)
		return;
	fputc('\n', f);
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		fwrite(buffer, 1, n, f);
	fclose(in);
}

void oracle_write_fidelity(FILE *f, const char *kernel, const struct oracle_case *cases, size_t nr,
			   const char *notes, const char *table)
{
	write_head(f, kernel, cases, nr, table);
	fputs(how, f);
	write_scenarios(f, cases, nr);
	write_quantities(f, cases, nr);
	append_file(f, notes);
	fprintf(f, "\n## Each scenario\n\n"
		   "A line a quantity: in how many snapshots it agrees, and the snapshot where it "
		   "is furthest off.\n");
	for (size_t i = 0; i < nr; i++)
		write_case(f, &cases[i]);
}

bool oracle_write_rows(const char *path, const struct oracle_case *cases, size_t nr)
{
	gzFile f = gzopen(path, "wb9");

	if (!f)
		return false;
	gzprintf(f,
		 "scenario\tsnapshot\tquantity\tkind\tkernel\tmodel\tdifference\tbar\tverdict\n");
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < cases[i].c.nr; k++) {
			const struct oracle_row *r = &cases[i].c.rows[k];

			gzprintf(f, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cases[i].name, r->snap,
				 r->quantity, oracle_kind_names[r->kind], r->kernel, r->model,
				 r->difference, r->bar, oracle_verdict_names[r->verdict]);
		}
	return gzclose(f) == Z_OK;
}
