/* SPDX-License-Identifier: MIT */
/*
 * An explanation as data: amounts in kB or pages as their names say, null where
 * the report had no number.
 */
#include "explain/explain.h"
#include "machine/json.h"

#include <limits.h>

static void put_long(FILE *f, const char *name, long n, bool known)
{
	fprintf(f, "\"%s\": ", name);
	if (known)
		fprintf(f, "%ld", n);
	else
		fprintf(f, "null");
}

static void put_text(FILE *f, const char *name, const char *text)
{
	fprintf(f, "\"%s\": ", name);
	if (*text)
		json_put_string(f, text);
	else
		fprintf(f, "null");
}

static void put_task(FILE *f, const struct ranked *k)
{
	fprintf(f, "{");
	put_text(f, "name", k->task->name);
	fprintf(f, ", ");
	put_long(f, "pid", k->task->pid, true);
	fprintf(f, ", ");
	put_long(f, "points", k->points, k->points != LONG_MIN);
	fprintf(f, ", ");
	put_long(f, "rss_pages", k->task->rss, true);
	fprintf(f, ", ");
	put_long(f, "swap_pages", k->task->swapents, k->task->swapents >= 0);
	fprintf(f, ", ");
	put_long(f, "pgtable_pages", k->task->pgtables, k->task->pgtables >= 0);
	fprintf(f, ", ");
	put_long(f, "oom_score_adj", k->task->adj, true);
	fprintf(f, "}");
}

static void put_findings(FILE *f, const char *name, const struct finding *list, size_t nr)
{
	fprintf(f, ",\n  \"%s\": [", name);
	for (size_t i = 0; i < nr; i++) {
		fprintf(f, "%s\n   {\"code\": ", i ? "," : "");
		json_put_string(f, list[i].code);
		fprintf(f, ", \"text\": ");
		json_put_string(f, list[i].text);
		fprintf(f, "}");
	}
	fprintf(f, "]");
}

static void put_head(const struct explanation *e, FILE *f)
{
	static const char *const kinds[] = {"oom", "memcg-oom", "allocation-failure"};
	const struct report *r = e->r;

	fprintf(f, "  \"report\": %lu, \"reports\": %lu,\n", e->nth, e->of);
	fprintf(f, "  \"kind\": \"%s\", \"line\": %lu, \"seconds\": %.6f, \"complete\": %s,\n  ",
		kinds[r->kind], r->line, r->seconds, r->ended ? "true" : "false");
	put_text(f, "kernel", r->kernel);
	fprintf(f, ", ");
	put_text(f, "invoker", r->invoker);
	fprintf(f, ", \"order\": %d, \"gfp_mask\": %lu, ", r->order, r->gfp_mask);
	put_text(f, "constraint", r->constraint);
	fprintf(f, ",\n  ");
	put_text(f, "oom_memcg", r->oom_group);
	fprintf(f, ", ");
	put_text(f, "task_memcg", r->task_group);
	fprintf(f, ", ");
	put_long(f, "limit_kb", r->limit_kb, r->limit_kb >= 0);
	fprintf(f, ", ");
	put_long(f, r->memsw ? "memsw_usage_kb" : "swap_usage_kb", r->swap_usage_kb,
		 r->swap_limit_kb >= 0);
	fprintf(f, ", ");
	put_long(f, r->memsw ? "memsw_limit_kb" : "swap_limit_kb", r->swap_limit_kb,
		 r->swap_limit_kb >= 0);
	fprintf(f, ", ");
	put_long(f, "usage_kb", r->usage_kb, r->usage_kb >= 0);
	fprintf(f, ",\n  ");
	put_long(f, "memory_kb", e->memory_kb, e->memory_kb > 0);
	fprintf(f, ", ");
	put_long(f, "swap_total_kb", r->swap_total_kb, r->swap_total_kb >= 0);
	fprintf(f, ", ");
	put_long(f, "swap_free_kb", r->swap_free_kb, r->swap_free_kb >= 0);
	fprintf(f, ", ");
	put_long(f, "total_pages", e->total_pages, e->total_pages > 0);
}

static void put_zones(const struct explanation *e, FILE *f)
{
	const struct report *r = e->r;

	fprintf(f, ",\n  \"zones\": [");
	for (size_t i = 0; i < r->nr_zones; i++) {
		const struct report_zone *z = &r->zones[i];

		fprintf(f, "%s\n   {", i ? "," : "");
		put_long(f, "node", z->node, z->node >= 0);
		fprintf(f, ", ");
		put_text(f, "name", z->name);
		fprintf(f, ", ");
		put_long(f, "free_kb", z->free, z->free >= 0);
		fprintf(f, ", ");
		put_long(f, "min_kb", z->min, z->min >= 0);
		fprintf(f, ", ");
		put_long(f, "managed_kb", z->managed, z->managed >= 0);
		fprintf(f, ", \"free_blocks\": [");
		for (int o = 0; o < z->nr_orders; o++)
			fprintf(f, "%s%ld", o ? ", " : "", z->blocks[o]);
		fprintf(f, "]}");
	}
	fprintf(f, "]");
}

static void put_model(const struct explanation *e, FILE *f)
{
	static const char *const verdicts[] = {
		[MODEL_NONE] = "none",	      [MODEL_AGREES] = "agree",
		[MODEL_TIE] = "agree-tie",    [MODEL_NO_VICTIM] = "undecidable",
		[MODEL_DIFFERS] = "disagree", [MODEL_FAILED] = "not-built"};
	const struct explained_model *m = &e->model;

	fprintf(f, ",\n  \"model\": {\"verdict\": \"%s\", ", verdicts[m->verdict]);
	put_text(f, "name", m->name);
	fprintf(f, ", ");
	put_long(f, "pid", m->pid, m->pid > 0);
	fprintf(f, ", ");
	put_long(f, "points", m->points, m->pid > 0);
	fprintf(f, ", \"scale\": %lu, ", m->scale);
	put_text(f, "why", m->why);
	fprintf(f, "}");
}

void explain_json(const struct explanation *e, FILE *f)
{
	const struct ranked *next = explain_next(e);
	long adj = 0;
	bool saving = explain_saving_adj(e, &adj);

	fprintf(f, " {\n");
	put_head(e, f);
	put_zones(e, f);
	fprintf(f, ",\n  \"held\": [");
	for (size_t i = 0; i < e->nr_holders; i++) {
		fprintf(f, "%s\n   {\"what\": ", i ? "," : "");
		json_put_string(f, e->holders[i].what);
		fprintf(f, ", \"kb\": %ld}", e->holders[i].kb);
	}
	fprintf(f, "],\n  \"victim\": ");
	if (e->kill) {
		fprintf(f, "{");
		put_text(f, "name", e->kill->name);
		fprintf(f, ", \"pid\": %ld}", e->kill->pid);
	} else {
		fprintf(f, "null");
	}
	fprintf(f, ", \"agreement\": \"%s\", ", agreement_name(e->agreement));
	put_text(f, "agreement_why", e->agreement_why);
	fprintf(f, ",\n  ");
	put_long(f, "saving_oom_score_adj", adj, saving);
	fprintf(f, ", \"next\": ");
	if (next)
		put_task(f, next);
	else
		fprintf(f, "null");
	fprintf(f, ",\n  \"tasks\": [");
	for (size_t i = 0; i < e->nr_rank; i++) {
		fprintf(f, "%s\n   ", i ? "," : "");
		put_task(f, &e->rank[i]);
	}
	fprintf(f, "]");
	put_findings(f, "causes", e->causes, e->nr_causes);
	put_findings(f, "advice", e->advice, e->nr_advice);
	put_findings(f, "settings", e->settings, e->nr_settings);
	put_model(e, f);
	fprintf(f, ",\n  \"what_if_victim\": ");
	if (e->what_if)
		put_task(f, e->what_if);
	else
		fprintf(f, "null");
	fprintf(f, "\n }");
}
