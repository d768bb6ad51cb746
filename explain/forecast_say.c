/* SPDX-License-Identifier: MIT */
/* A forecast, for people and as data. */
#include <limits.h>
#include <string.h>

#include "explain/forecast.h"
#include "explain/safe.h"
#include "machine/json.h"

#define NOTHING_KB_S 1.0 /* slower is noise */

static void say_time(FILE *f, double s)
{
	if (s >= FORECAST_NEVER)
		fprintf(f, "never");
	else if (s >= 172800)
		fprintf(f, "%.1f days", s / 86400);
	else if (s >= 7200)
		fprintf(f, "%.1f h", s / 3600);
	else if (s >= 120)
		fprintf(f, "%.1f min", s / 60);
	else
		fprintf(f, "%.0f s", s);
}

static void say_instant(const char *what, const struct instant *at, FILE *f)
{
	fprintf(f, "    %-44s ", what);
	if (at->seconds <= 0) {
		fprintf(f, "now\n");
		return;
	}
	say_time(f, at->seconds);
	if (at->seconds < FORECAST_NEVER && at->low < at->high) {
		fprintf(f, "  (");
		say_time(f, at->low);
		fprintf(f, " to ");
		say_time(f, at->high);
		fprintf(f, ")");
	}
	fputc('\n', f);
}

static void say_rate(const struct rate *r, FILE *f)
{
	fprintf(f, "%+.0f kB/s", r->kb_s);
	if (r->low < r->high)
		fprintf(f, " (%+.0f to %+.0f)", r->low, r->high);
}

static void say_processes(const struct forecast *f, size_t rows, FILE *to)
{
	fprintf(to, "\n    %-16s %8s %12s %14s   %s\n", "who grows", "pid", "resident MB",
		"points then", "kB a second");
	for (size_t i = 0; i < f->nr && i < rows; i++) {
		const struct forecast_process *fp = &f->processes[i];

		if (fp->rate.kb_s < NOTHING_KB_S)
			break;
		fprintf(to, "    ");
		put_safe(to, fp->p->name);
		fprintf(to, "%*s %8ld %12ld ",
			(int)(strlen(fp->p->name) < 16 ? 16 - strlen(fp->p->name) : 0), "",
			fp->p->pid, fp->p->rss >> 8);
		if (fp->points_at_end == LONG_MIN)
			fprintf(to, "%14s   ", "never");
		else
			fprintf(to, "%14ld   ", fp->points_at_end);
		say_rate(&fp->rate, to);
		fputc('\n', to);
	}
}

static void say_groups(const struct forecast *f, size_t rows, FILE *to)
{
	for (size_t i = 0; i < f->nr_groups && i < rows; i++) {
		const struct forecast_group *g = &f->groups[i];

		if (g->end.seconds >= FORECAST_NEVER)
			return;
		if (!i)
			fprintf(to, "\nControl groups that will be full:\n");
		fprintf(to, "    ");
		put_safe(to, g->g->path);
		fprintf(to, ": ");
		say_rate(&g->rate, to);
		fprintf(to, ", %ld MB left, full in ", g->left_kb >> 10);
		say_time(to, g->end.seconds);
		if (g->victim) {
			fprintf(to, "; ");
			put_safe(to, g->victim->name);
			fprintf(to, " (pid %ld) dies%s", g->victim->pid,
				g->g->oom_group ? " with its whole group" : "");
		}
		fputc('\n', to);
	}
}

void forecast_say(const struct forecast *f, size_t rows, FILE *to)
{
	rows = rows ? rows : (size_t)-1;
	if (f->assumed)
		fprintf(to, "From one snapshot, which shows no growth: as if half of what each "
			    "process holds (a tenth to\nall) had come evenly since it started.  "
			    "Several say more (quire capture --every 30).\n");
	else
		fprintf(to, "From %zu snapshots over ", f->nr_pictures);
	if (!f->assumed) {
		say_time(to, f->span);
		fprintf(to, ".\n");
	}
	fprintf(to, "%ld MB are left before the killer comes; they go by ", f->left_kb >> 10);
	say_rate(&f->taken, to);
	fprintf(to, ".\n\n");
	say_instant("above the high watermarks until", &f->high, to);
	say_instant("low watermarks, kswapd wakes, in", &f->low, to);
	say_instant("min watermarks and nothing to reclaim, in", &f->min, to);
	say_instant("the killer comes in", &f->end, to);
	if (f->end.seconds < FORECAST_NEVER && f->victim) {
		fprintf(to, "\nThen it takes ");
		put_safe(to, f->victim->name);
		fprintf(to, " (pid %ld) with %ld points", f->victim->pid, f->victim_points);
		if (f->next) {
			fprintf(to, "; next is ");
			put_safe(to, f->next->name);
			fprintf(to, " (pid %ld) with %ld", f->next->pid, f->next_points);
		}
		fprintf(to, ".\n");
	}
	say_processes(f, rows, to);
	say_groups(f, rows, to);
}

/* ---- as data ------------------------------------------------------------------- */

static void put_number(double n, FILE *f)
{
	if (n >= FORECAST_NEVER)
		fprintf(f, "null");
	else
		fprintf(f, "%.3f", n);
}

static void put_instant(const char *name, const struct instant *at, FILE *f)
{
	fprintf(f, "\"%s\": {\"seconds\": ", name);
	put_number(at->seconds, f);
	fprintf(f, ", \"low\": ");
	put_number(at->low, f);
	fprintf(f, ", \"high\": ");
	put_number(at->high, f);
	fputc('}', f);
}

static void put_rate(const struct rate *r, FILE *f)
{
	fprintf(f, "{\"kb_s\": %.3f, \"low\": %.3f, \"high\": %.3f}", r->kb_s, r->low, r->high);
}

static void put_victim(const char *name, const struct who_process *p, FILE *f)
{
	fprintf(f, "\"%s\": ", name);
	if (!p) {
		fprintf(f, "null");
		return;
	}
	fprintf(f, "{\"pid\": %ld, \"name\": ", p->pid);
	json_put_string(f, p->name);
	fputc('}', f);
}

void forecast_json(const struct forecast *f, FILE *to)
{
	fprintf(to,
		"{\"snapshots\": %zu, \"span_s\": %.3f, \"assumed\": %s, \"left_kb\": %ld,\n "
		"\"taken\": ",
		f->nr_pictures, f->span, f->assumed ? "true" : "false", f->left_kb);
	put_rate(&f->taken, to);
	fprintf(to, ",\n ");
	put_instant("high_watermark", &f->high, to);
	fprintf(to, ",\n ");
	put_instant("low_watermark", &f->low, to);
	fprintf(to, ",\n ");
	put_instant("min_watermark", &f->min, to);
	fprintf(to, ",\n ");
	put_instant("end", &f->end, to);
	fprintf(to, ",\n ");
	put_victim("victim", f->end.seconds < FORECAST_NEVER ? f->victim : NULL, to);
	fprintf(to, ", ");
	put_victim("next", f->end.seconds < FORECAST_NEVER ? f->next : NULL, to);
	fprintf(to, ",\n \"processes\": [");
	for (size_t i = 0; i < f->nr; i++) {
		const struct forecast_process *fp = &f->processes[i];

		fprintf(to, "%s\n  {\"pid\": %ld, \"name\": ", i ? "," : "", fp->p->pid);
		json_put_string(to, fp->p->name);
		fprintf(to, ", \"points_at_end\": ");
		if (fp->p->adj == -1000 || fp->p->pid == 1)
			fprintf(to, "null");
		else
			fprintf(to, "%ld", fp->points_at_end);
		fprintf(to, ", \"rate\": ");
		put_rate(&fp->rate, to);
		fputc('}', to);
	}
	fprintf(to, "\n ],\n \"groups\": [");
	for (size_t i = 0; i < f->nr_groups; i++) {
		const struct forecast_group *g = &f->groups[i];

		fprintf(to, "%s\n  {\"path\": ", i ? "," : "");
		json_put_string(to, g->g->path);
		fprintf(to, ", \"left_kb\": %ld, \"rate\": ", g->left_kb);
		put_rate(&g->rate, to);
		fprintf(to, ", ");
		put_instant("end", &g->end, to);
		fprintf(to, ", ");
		put_victim("victim", g->victim, to);
		fputc('}', to);
	}
	fprintf(to, "\n ]}\n");
}
