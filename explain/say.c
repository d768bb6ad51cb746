/* SPDX-License-Identifier: MIT */
/*
 * An explanation in words: what happened, what held the memory, who died and
 * why, what to do.  The numbers that prove it stand beside it.
 */
#include "explain/explain.h"
#include "explain/safe.h"

#include <limits.h>
#include <string.h>

#define TABLE_ROWS 6

static void say_size(FILE *f, long kb)
{
	if (kb >= 10L << 20)
		fprintf(f, "%.1f GB", (double)kb / (1 << 20));
	else if (kb >= 10L << 10)
		fprintf(f, "%ld MB", kb >> 10);
	else
		fprintf(f, "%ld kB", kb);
}

static void say_request(const struct explanation *e, FILE *f)
{
	const struct report *r = e->r;

	if (!*r->invoker) {
		fprintf(f, "The report's beginning is missing.\n");
		return;
	}
	put_safe(f, r->invoker);
	if (r->order < 0)
		fprintf(f, " was there when the killer was called by hand (SysRq f).");
	else if (r->order == 0)
		fprintf(f, " asked for a page");
	else
		fprintf(f, " asked for %llu contiguous pages (order %d, %lld kB)", 1ULL << r->order,
			r->order, (long long)r->page_kb << r->order);
	if (*r->gfp_names && r->order >= 0) {
		fprintf(f, " with ");
		put_safe(f, r->gfp_names);
	}
	if (r->order < 0)
		return;
	fprintf(f, r->kind == REPORT_MEMCG_OOM	     ? ", which its control group may not have.\n"
		   : r->kind == REPORT_ALLOC_FAILURE ? " and did not get it; nobody was killed.\n"
						     : ", and the machine had none to give.\n");
}

static void say_victim(const struct explanation *e, FILE *f)
{
	const struct report *r = e->r;
	const struct report_kill *k = e->kill;
	const struct ranked *next = explain_next(e);

	if (r->kind == REPORT_ALLOC_FAILURE)
		return;
	if (!k) {
		fprintf(f, "%c%s.\n", e->agreement_why[0] - 'a' + 'A', e->agreement_why + 1);
		return;
	}
	put_safe(f, k->name);
	fprintf(f, " (pid %ld) was killed", k->pid);
	if (k->anon_kb >= 0) {
		fprintf(f, "; ");
		say_size(f, k->anon_kb + (k->file_kb > 0 ? k->file_kb : 0) +
				    (k->shmem_kb > 0 ? k->shmem_kb : 0));
		fprintf(f, " came free");
	}
	if (r->nr_kills > 1 && !r->kills[0].chosen)
		fprintf(f, ", and %zu more", r->nr_kills - 1);
	fprintf(f, ".\n");
	if (e->victim < e->nr_rank && e->rank[e->victim].points != LONG_MIN) {
		fprintf(f, "Its points: %ld", e->rank[e->victim].points);
		if (next) {
			fprintf(f, "; next is ");
			put_safe(f, next->task->name);
			fprintf(f, " (pid %ld) with %ld", next->task->pid, next->points);
		}
		fprintf(f, ". ");
	}
	fprintf(f, "By the rules of %s, %s: %s.\n", *r->kernel ? r->kernel : "6.1",
		agreement_name(e->agreement), e->agreement_why);
}

static void say_model(const struct explanation *e, FILE *f)
{
	const struct explained_model *m = &e->model;

	if (m->verdict == MODEL_NONE)
		return;
	if (m->verdict == MODEL_FAILED) {
		fprintf(f, "The machine could not be built on the model: %s.\n", m->why);
		return;
	}
	fprintf(f, "The same machine on the model");
	if (m->scale > 1)
		fprintf(f, " (at 1/%lu of its size)", m->scale);
	fprintf(f, ": its killer takes ");
	put_safe(f, *m->name ? m->name : "pid");
	fprintf(f, *m->name ? " (pid %ld)" : " %ld", m->pid);
	if (m->verdict == MODEL_AGREES)
		fprintf(f, " too.\n");
	else
		fprintf(f, "%s: %s.\n", m->verdict == MODEL_TIE ? "" : ", not the log's victim",
			m->why);
}

static void say_what_if(const struct explanation *e, FILE *f)
{
	const struct ranked *next = NULL;

	if (!e->what_if)
		return;
	for (size_t i = 0; i < e->nr_rank; i++)
		if (&e->rank[i] != e->what_if &&
		    (!next || e->rank[i].what_if_points > next->what_if_points))
			next = &e->rank[i];
	fprintf(f, "\nWith");
	for (size_t i = 0, n = 0; i < e->nr_rank; i++) {
		if (!e->rank[i].what_if || n++ > 3)
			continue;
		fprintf(f, "%s an oom_score_adj of %ld for ", n > 1 ? "," : "",
			e->rank[i].what_if_adj);
		put_safe(f, e->rank[i].task->name);
		fprintf(f, " (pid %ld)", e->rank[i].task->pid);
	}
	fprintf(f, ", ");
	put_safe(f, e->what_if->task->name);
	fprintf(f, " (pid %ld) would have died, with %ld points", e->what_if->task->pid,
		e->what_if->what_if_points);
	if (next && next->what_if_points != LONG_MIN)
		fprintf(f, ", %ld more than the next",
			e->what_if->what_if_points - next->what_if_points);
	fprintf(f, ".\n");
}

static void say_findings(const char *title, const struct finding *list, size_t nr, FILE *f)
{
	if (nr)
		fprintf(f, "\n%s:\n", title);
	for (size_t i = 0; i < nr; i++) {
		fprintf(f, "  - ");
		put_safe(f, list[i].text);
		fputc('\n', f);
	}
}

static void say_table(const struct explanation *e, FILE *f)
{
	size_t rows = e->nr_rank < TABLE_ROWS ? e->nr_rank : TABLE_ROWS;

	if (!rows)
		return;
	fprintf(f, "\n    %-20s %8s %12s %12s %12s %6s\n", "who was there", "pid", "points",
		"resident MB", "swapped MB", "adj");
	for (size_t i = 0; i < rows; i++) {
		const struct ranked *k = &e->rank[i];
		char points[24];

		snprintf(points, sizeof(points), "%ld", k->points);
		fprintf(f, "  %c %-20.20s %8ld %12s %12ld ", i == e->victim ? '>' : ' ',
			k->task->name, k->task->pid, k->points == LONG_MIN ? "never" : points,
			k->task->rss * e->r->page_kb >> 10);
		if (k->task->swapents >= 0)
			fprintf(f, "%12ld", k->task->swapents * e->r->page_kb >> 10);
		else
			fprintf(f, "%12s", "?");
		fprintf(f, " %6ld\n", k->task->adj);
	}
	if (e->nr_rank > rows)
		fprintf(f, "    ... and %zu more\n", e->nr_rank - rows);
}

static void say_holders(const struct explanation *e, FILE *f)
{
	if (!e->nr_holders)
		return;
	fprintf(f, "\nWhat held ");
	if (e->memory_kb > 0)
		say_size(f, e->memory_kb);
	else
		fprintf(f, "the memory");
	fprintf(f, ":\n");
	for (size_t i = 0; i < e->nr_holders; i++) {
		const struct holder *h = &e->holders[i];

		fprintf(f, "    %-50s %10ld MB", h->what, h->kb >> 10);
		if (e->memory_kb > 0)
			fprintf(f, " %4ld %%", h->kb * 100 / e->memory_kb);
		fputc('\n', f);
	}
}

void explain_say(const struct explanation *e, FILE *f)
{
	static const char *const kinds[] = {"out of memory", "out of memory in a control group",
					    "page allocation failure"};
	const struct report *r = e->r;

	fprintf(f, "Line %lu: %s", r->line, kinds[r->kind]);
	if (*r->kernel) {
		fprintf(f, ", kernel ");
		put_safe(f, r->kernel);
	}
	if (r->seconds > 0)
		fprintf(f, ", %.0f s after boot", r->seconds);
	fprintf(f, "%s\n", r->ended ? "" : " (the report is not complete)");
	if (e->of > 1)
		fprintf(f, "(number %lu of %lu reports in this log; --all explains each)\n", e->nth,
			e->of);
	fputc('\n', f);
	say_request(e, f);
	for (size_t i = 0; i < e->nr_causes; i++) {
		put_safe(f, e->causes[i].text);
		fputc('\n', f);
	}
	say_victim(e, f);
	say_model(e, f);
	if (r->kind != REPORT_ALLOC_FAILURE)
		say_table(e, f);
	say_holders(e, f);
	say_what_if(e, f);
	say_findings("What to do", e->advice, e->nr_advice, f);
	say_findings("Settings that would have changed it", e->settings, e->nr_settings, f);
}
