/* SPDX-License-Identifier: MIT */
/*
 * Futures for people.  Numbers are compared with the first future, which is the
 * machine as it is; where a future was run with the extremes of what the input
 * leaves open, a range is shown.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "machine/futures_say.h"

#define LABEL_WIDTH  22
#define COLUMN_WIDTH 24
#define MAX_COLUMNS  5

static const struct outcome *outcome_at(const struct futures_view *w, size_t column, size_t k)
{
	return &w->f->v[column * w->stride + k].outcome;
}

static size_t nr_columns(const struct futures_view *w)
{
	return w->f->nr / w->stride;
}

static const char *bold(const struct futures_view *w, bool on)
{
	return w->colour ? (on ? "\033[1m" : "\033[0m") : "";
}

/* ---- side by side ----------------------------------------------------------------------------- */

static void cell(FILE *out, const char *text)
{
	fprintf(out, "  %*.*s", COLUMN_WIDTH - 2, COLUMN_WIDTH - 2, text);
}

/* A label broken into lines of the column's width; false: no line n. */
static bool label_line(const char *label, unsigned int n, char line[COLUMN_WIDTH])
{
	const size_t width = COLUMN_WIDTH - 2;

	for (unsigned int i = 0; *label; i++) {
		size_t len = strlen(label), cut = len;

		if (len > width) {
			cut = width;
			while (cut > width / 2 && label[cut] != ' ')
				cut--;
			if (label[cut] != ' ')
				cut = width;
		}
		if (i == n) {
			snprintf(line, COLUMN_WIDTH, "%.*s", (int)cut, label);
			return true;
		}
		label += cut + (label[cut] == ' ');
	}
	*line = 0;
	return false;
}

static void head(const struct futures_view *w, size_t from, size_t to, FILE *out)
{
	for (unsigned int n = 0, any = 1; any && n < 8; n++) {
		char line[COLUMN_WIDTH];

		any = 0;
		for (size_t c = from; c < to; c++)
			any |= label_line(w->f->v[c * w->stride].label, n, line);
		if (!any)
			break;
		fprintf(out, "%s%-*s", bold(w, true), LABEL_WIDTH, "");
		for (size_t c = from; c < to; c++) {
			label_line(w->f->v[c * w->stride].label, n, line);
			cell(out, line);
		}
		fprintf(out, "%s\n", bold(w, false));
	}
	fprintf(out, "%-*s", LABEL_WIDTH, "");
	for (size_t c = from; c < to; c++)
		cell(out, "----------------------");
	fputc('\n', out);
}

static void number_cell(const struct futures_view *w, size_t c, unsigned int i, FILE *out)
{
	char text[64], lo[24], hi[24];
	u64 least = UINT64_MAX, most = 0;

	outcome_number(text, sizeof(text), outcome_at(w, c, 0)->value[i], outcome_values[i].unit);
	for (size_t k = 0; k < w->stride; k++) {
		least = min(least, outcome_at(w, c, k)->value[i]);
		most = max(most, outcome_at(w, c, k)->value[i]);
	}
	if (w->stride > 1 && least < most) {
		outcome_number(lo, sizeof(lo), least, outcome_values[i].unit);
		outcome_number(hi, sizeof(hi), most, outcome_values[i].unit);
		snprintf(text, sizeof(text), "%s to %s", lo, hi);
	}
	cell(out, text);
}

static void time_cell(const struct futures_view *w, size_t c, unsigned int i, FILE *out)
{
	char text[64], lo[16], hi[16];
	u64 least = UINT64_MAX, most = 0;

	outcome_clock(outcome_at(w, c, 0), outcome_at(w, c, 0)->when[i], text);
	for (size_t k = 0; k < w->stride; k++) {
		least = min(least, outcome_at(w, c, k)->when[i]);
		most = max(most, outcome_at(w, c, k)->when[i]);
	}
	if (w->stride > 1 && least < most) {
		outcome_clock(outcome_at(w, c, 0), least, lo);
		outcome_clock(outcome_at(w, c, 0), most, hi);
		snprintf(text, sizeof(text), "%s to %s", lo, most == OUTCOME_NEVER ? "never" : hi);
	}
	cell(out, text);
}

static bool all_zero(const struct futures_view *w, unsigned int i)
{
	for (size_t j = 0; j < w->f->nr; j++)
		if (w->f->v[j].outcome.value[i])
			return false;
	return true;
}

static bool all_never(const struct futures_view *w, unsigned int i)
{
	for (size_t j = 0; j < w->f->nr; j++)
		if (w->f->v[j].outcome.when[i] != OUTCOME_NEVER)
			return false;
	return true;
}

/* The n-th run of kills with one name: "9 x batch-pod 03:05". */
static bool kill_line(const struct outcome *o, unsigned int n, char text[96])
{
	size_t i = 0;

	for (unsigned int run = 0; i < o->nr_kills; run++) {
		size_t first = i;
		char clock[16], count[32] = "";

		while (i < o->nr_kills && !strcmp(o->kills[i].comm, o->kills[first].comm))
			i++;
		if (run < n)
			continue;
		outcome_clock(o, o->kills[first].ns, clock);
		if (i - first > 1)
			snprintf(count, sizeof(count), "%zux ", i - first);
		snprintf(text, 96, "%s%s %s", count, o->kills[first].comm, clock);
		return true;
	}
	*text = 0;
	return false;
}

static void kill_rows(const struct futures_view *w, size_t from, size_t to, FILE *out)
{
	for (unsigned int n = 0; n < 12; n++) {
		bool any = false;
		char text[96];

		for (size_t c = from; c < to; c++)
			any |= kill_line(outcome_at(w, c, 0), n, text);
		if (!any && n)
			return;
		fprintf(out, "%-*s", LABEL_WIDTH, n ? "" : "who is killed, when");
		for (size_t c = from; c < to; c++) {
			kill_line(outcome_at(w, c, 0), n, text);
			cell(out, *text || n ? text : "nobody");
		}
		fputc('\n', out);
	}
}

void futures_side_by_side(const struct futures_view *w, FILE *out)
{
	size_t nr = nr_columns(w);

	for (size_t from = 0; from < nr; from += from ? MAX_COLUMNS - 1 : MAX_COLUMNS) {
		size_t to = min_t(size_t, from + (from ? MAX_COLUMNS - 1 : MAX_COLUMNS), nr);

		head(w, from, to, out);
		kill_rows(w, from, to, out);
		for (unsigned int i = 0; i < NR_WHENS; i++) {
			if (i == WHEN_KILL || all_never(w, i))
				continue;
			fprintf(out, "%-*s", LABEL_WIDTH, outcome_whens[i].label);
			for (size_t c = from; c < to; c++)
				time_cell(w, c, i, out);
			fputc('\n', out);
		}
		for (unsigned int i = 0; i < NR_VALUES; i++) {
			if (all_zero(w, i))
				continue;
			fprintf(out, "%-*s", LABEL_WIDTH, outcome_values[i].label);
			for (size_t c = from; c < to; c++)
				number_cell(w, c, i, out);
			fputc('\n', out);
		}
		fputc('\n', out);
	}
}

/* ---- one row each -------------------------------------------------------------------------------- */

void futures_table(const struct futures_view *w, FILE *out)
{
	static const unsigned int columns[] = {VAL_PSI_MEM_SOME, VAL_PSI_MEM_FULL, VAL_STALLS,
					       VAL_MAJOR,	 VAL_SWAP_OUT,	   VAL_SWAP_IN};
	int width = 8;

	for (size_t i = 0; i < w->f->nr; i++)
		width = max(width, (int)strlen(w->f->v[i].label));
	fprintf(out, "%s%-*s %6s %-9s %-20s %9s %9s %8s %10s %9s %9s%s\n", bold(w, true), width,
		"change", "killed", "first", "who", "PSI some", "PSI full", "stalls", "major",
		"swap out", "swap in", bold(w, false));
	for (size_t i = 0; i < w->f->nr; i++) {
		const struct outcome *o = &w->f->v[i].outcome;
		char text[32], who[TASK_COMM_LEN + 8] = "-";

		outcome_clock(o, o->when[WHEN_KILL], text);
		if (o->nr_kills)
			snprintf(who, sizeof(who), "%s%s", o->kills[0].comm,
				 o->nr_kills > 1 ? " ..." : "");
		fprintf(out, "%-*s %6zu %-9s %-20s", width, w->f->v[i].label, o->nr_kills, text,
			w->f->v[i].done ? who : "did not end");
		for (size_t c = 0; c < ARRAY_SIZE(columns); c++) {
			static const int widths[] = {9, 9, 8, 10, 9, 9};

			outcome_number(text, sizeof(text), o->value[columns[c]],
				       outcome_values[columns[c]].unit);
			fprintf(out, " %*s", widths[c], text);
		}
		fputc('\n', out);
	}
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

void futures_json(const struct futures_view *w, FILE *out)
{
	json_t *list = json_array(), *all;

	for (size_t i = 0; i < w->f->nr; i++) {
		const struct variant *v = &w->f->v[i];
		size_t base = i % w->stride;
		char *sentence = i >= w->stride ? future_sentence(w->f, base, i) : NULL;
		json_t *settings = json_array();

		for (size_t j = 0; j < v->set.nr; j++)
			json_array_append_new(settings, json_string(v->set.v[j].text));
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s*}", "label", v->label,
						      "settings", settings, "outcome",
						      outcome_to_json(&v->outcome), "sentence",
						      sentence));
		free(sentence);
	}
	all = json_pack("{s:s, s:I, s:o}", "spec", w->f->path, "futures_of_one",
			(json_int_t)w->stride, "futures", list);
	json_dumpf(all, out, JSON_INDENT(1));
	fputc('\n', out);
	json_decref(all);
}
