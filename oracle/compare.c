/* SPDX-License-Identifier: MIT */
/*
 * The comparison as a whole: pairs the snapshots of both sides by label, lets
 * compare_exact.c and compare_amounts.c add their rows, and counts.
 *
 * A snapshot that the model does not have leaves a missing row for each
 * quantity that the kernel's has: what did not run does not agree.
 */
#include "oracle/compare.h"

#include <stdlib.h>
#include <string.h>

const char *const oracle_kind_names[ORACLE_NR_KINDS] = {"exact", "deaths", "amounts", "more"};
const char *const oracle_verdict_names[] = {"agrees", "own range", "DIFFERS", "MISSING", "-"};

struct oracle_row *compare_row(struct compare *c, enum oracle_kind kind, const char *quantity,
			       const char *kernel, const char *model, const char *difference,
			       const char *bar, enum oracle_verdict verdict)
{
	struct oracle_comparison *r = c->c;
	struct oracle_row *row;

	if ((r->nr & (r->nr - 1)) == 0) {
		row = realloc(r->rows, (r->nr ? 2 * r->nr : 1) * sizeof(*row));
		if (!row) {
			c->no_memory = true;
			return NULL;
		}
		r->rows = row;
	}
	row = &r->rows[r->nr++];
	memset(row, 0, sizeof(*row));
	snprintf(row->snap, sizeof(row->snap), "%s", c->label);
	snprintf(row->quantity, sizeof(row->quantity), "%s", quantity);
	snprintf(row->kernel, sizeof(row->kernel), "%s", kernel);
	snprintf(row->model, sizeof(row->model), "%s", model);
	snprintf(row->difference, sizeof(row->difference), "%s", difference);
	snprintf(row->bar, sizeof(row->bar), "%s", bar);
	row->kind = kind;
	row->verdict = verdict;
	row->off = verdict == ORACLE_MISSING ? 1e12 : verdict == ORACLE_DIFFERS ? 1e9 : 0;
	if (verdict == ORACLE_NOT_JUDGED)
		return row;
	r->judged[kind]++;
	r->agreed[kind] += verdict == ORACLE_AGREES || verdict == ORACLE_AGREES_RANGE;
	return row;
}

void compare_equal(struct compare *c, enum oracle_kind kind, const char *quantity, u64 kernel,
		   bool has_model, u64 model)
{
	char a[32], b[32] = "", d[24] = "";

	snprintf(a, sizeof(a), "%llu", (unsigned long long)kernel);
	if (has_model)
		snprintf(b, sizeof(b), "%llu", (unsigned long long)model);
	if (has_model && model != kernel)
		snprintf(d, sizeof(d), "%+lld", (long long)(model - kernel));
	compare_row(c, kind, quantity, a, b, d, "",
		    !has_model	      ? ORACLE_MISSING
		    : model == kernel ? ORACLE_AGREES
				      : ORACLE_DIFFERS);
}

static void compare_snap(struct compare *c, const struct oracle_snap *ks)
{
	char label[40];

	c->ks = ks;
	c->ms = oracle_snap_find(c->model, ks->label, ks->occurrence);
	if (ks->occurrence)
		snprintf(label, sizeof(label), "%.30s#%u", ks->label, ks->occurrence + 1);
	else
		snprintf(label, sizeof(label), "%.39s", ks->label);
	c->label = label;
	compare_exact_snap(c);
	compare_amounts(c);
	c->label = "";
}

bool oracle_compare(struct oracle_comparison *r, const struct oracle_result *kernel,
		    const struct oracle_result *model, const struct oracle_variance *v)
{
	struct compare c = {.c = r, .kernel = kernel, .model = model, .v = v, .label = ""};

	memset(r, 0, sizeof(*r));
	if (kernel->nr_snaps) {
		c.k0 = &kernel->snaps[0];
		c.m0 = oracle_snap_find(model, c.k0->label, 0);
	}
	compare_exact_run(&c);
	compare_deaths(&c);
	for (size_t i = 0; i < kernel->nr_snaps; i++)
		compare_snap(&c, &kernel->snaps[i]);
	if (c.no_memory)
		oracle_comparison_free(r);
	return !c.no_memory;
}

void oracle_comparison_free(struct oracle_comparison *c)
{
	free(c->rows);
	memset(c, 0, sizeof(*c));
}
