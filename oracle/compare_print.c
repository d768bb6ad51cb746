/* SPDX-License-Identifier: MIT */
/* A comparison as a table for people and as data for programs. */
#include "oracle/compare.h"

#include <string.h>

static double percent(unsigned int agreed, unsigned int judged)
{
	return judged ? 100.0 * agreed / judged : 100.0;
}

void oracle_print_share(FILE *f, const unsigned int *judged, const unsigned int *agreed)
{
	unsigned int all = 0, good = 0;

	for (int i = 0; i < ORACLE_MORE; i++) {
		all += judged[i];
		good += agreed[i];
	}
	fprintf(f, "%u of %u quantities agree (%.1f %%)", good, all, percent(good, all));
	for (int i = 0; i < ORACLE_MORE; i++)
		fprintf(f, "%s %s %u of %u", i ? "," : ":", oracle_kind_names[i], agreed[i],
			judged[i]);
}

void oracle_print_table(FILE *f, const struct oracle_comparison *c, bool all)
{
	int wk = 6, wm = 5, wq = 8, ws = 8;
	bool head = false;

	for (size_t i = 0; i < c->nr; i++) {
		const struct oracle_row *r = &c->rows[i];
		int n[] = {(int)strlen(r->kernel), (int)strlen(r->model), (int)strlen(r->quantity),
			   (int)strlen(r->snap)};

		if (!all && r->verdict != ORACLE_DIFFERS && r->verdict != ORACLE_MISSING)
			continue;
		wk = n[0] > wk ? n[0] : wk;
		wm = n[1] > wm ? n[1] : wm;
		wq = n[2] > wq ? n[2] : wq;
		ws = n[3] > ws ? n[3] : ws;
	}
	for (size_t i = 0; i < c->nr; i++) {
		const struct oracle_row *r = &c->rows[i];

		if (!all && r->verdict != ORACLE_DIFFERS && r->verdict != ORACLE_MISSING)
			continue;
		if (!head)
			fprintf(f, "%-*s  %-*s  %*s  %*s  %14s  %-9s  %s\n", ws, "SNAPSHOT", wq,
				"QUANTITY", wk, "KERNEL", wm, "MODEL", "DIFFERENCE", "VERDICT",
				"BAR");
		head = true;
		fprintf(f, "%-*s  %-*s  %*s  %*s  %14s  %-9s  %s\n", ws, r->snap, wq, r->quantity,
			wk, r->kernel, wm, r->model, r->difference,
			oracle_verdict_names[r->verdict], r->bar);
	}
	oracle_print_share(f, c->judged, c->agreed);
	fputc('\n', f);
}

static void put_string(FILE *f, const char *name, const char *s)
{
	fprintf(f, "\"%s\": \"", name);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 32 || c > 126)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

void oracle_print_json(FILE *f, const char *name, const char *kernel,
		       const struct oracle_comparison *c)
{
	unsigned int all = 0, good = 0;

	for (int i = 0; i < ORACLE_MORE; i++) {
		all += c->judged[i];
		good += c->agreed[i];
	}
	fprintf(f, "{\n ");
	put_string(f, "scenario", name);
	fprintf(f, ",\n ");
	put_string(f, "kernel", kernel);
	fprintf(f, ",\n \"judged\": %u,\n \"agreed\": %u,\n \"rows\": [", all, good);
	for (size_t i = 0; i < c->nr; i++) {
		const struct oracle_row *r = &c->rows[i];
		const char *const names[] = {"snapshot", "quantity", "kind",	   "kernel",
					     "model",	 "bar",	     "difference", "verdict"};
		const char *const values[] = {
			r->snap,
			r->quantity,
			oracle_kind_names[r->kind],
			r->kernel,
			r->model,
			r->bar,
			r->difference,
			oracle_verdict_names[r->verdict],
		};

		fprintf(f, "%s\n  {", i ? "," : "");
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			fprintf(f, "%s", k ? ", " : "");
			put_string(f, names[k], values[k]);
		}
		fprintf(f, "}");
	}
	fprintf(f, "\n ]\n}\n");
}
