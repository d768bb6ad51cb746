/* SPDX-License-Identifier: MIT */
/* The order of death, for people and as data. */
#include "explain/who.h"

#include <limits.h>
#include <string.h>

#include "machine/json.h"

/* The largest oom_score_adj with which the first would outlive the second. */
static bool saving_adj(const struct who *w, long *adj)
{
	const struct who_process *p = w->processes;
	long step = oom_rules_step(w->rules, (unsigned long)w->total_pages);

	if (w->nr_candidates < 2 || step <= 0)
		return false;
	*adj = oom_rules_outlived_adj(p[0].adj, p[0].points - p[1].points, step);
	return *adj > -1000;
}

static void say_head(const struct who *w, FILE *f)
{
	if (*w->group) {
		fprintf(f, "Control group %s", w->group);
		if (w->limit_kb >= 0)
			fprintf(f, ", limit %ld MB", w->limit_kb >> 10);
		else
			fprintf(f, ", without a limit of its own");
		if (w->usage_kb >= 0)
			fprintf(f, ", %ld MB in use", w->usage_kb >> 10);
		fprintf(f, "\n");
	} else {
		fprintf(f, "%ld MB of memory and %ld MB of swap; %ld MB available\n",
			w->memory_kb >> 10, w->swap_kb >> 10, w->available_kb >> 10);
	}
	if (w->panic)
		fprintf(f, "vm.panic_on_oom is set: the machine would stop instead.\n");
	if (w->allocating_task)
		fprintf(f, "vm.oom_kill_allocating_task is set: whoever asks would die, not the "
			   "first of these.\n");
}

static void put_name(const char *name, int width, FILE *f)
{
	int n = 0;

	for (; *name && n < width; name++, n++)
		fputc((unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name, f);
	fprintf(f, "%*s", width - n, "");
}

void who_say(const struct who *w, size_t rows, FILE *f)
{
	long adj;

	say_head(w, f);
	if (!w->nr_candidates) {
		fprintf(f, "Nobody there may be killed.\n");
		return;
	}
	rows = rows && rows < w->nr_candidates ? rows : w->nr_candidates;
	fprintf(f, "\n     %-16s %8s %12s %12s %11s %10s %6s  %s\n", "who dies", "pid", "points",
		"margin", "resident MB", "swapped MB", "adj", "control group");
	for (size_t i = 0; i < rows; i++) {
		const struct who_process *p = &w->processes[i];

		fprintf(f, "%4zu ", i + 1);
		put_name(p->name, 16, f);
		fprintf(f, " %8ld %12ld", p->pid, p->points);
		if (i + 1 < w->nr_candidates)
			fprintf(f, " %12ld", p->points - p[1].points);
		else
			fprintf(f, " %12s", "-");
		fprintf(f, " %11ld %10ld %5ld%c  ", p->rss >> 8, p->swap >> 8, p->adj,
			p->what_if ? '*' : ' ');
		put_name(*p->group ? p->group : "-", (int)strlen(*p->group ? p->group : "-"), f);
		fputc('\n', f);
	}
	if (rows < w->nr_candidates)
		fprintf(f, "     ... and %zu more (--all)\n", w->nr_candidates - rows);
	fprintf(f,
		"\nA point is a page of 4 kB: resident, swapped, page tables; one step of "
		"oom_score_adj is %ld points.\n",
		oom_rules_step(w->rules, (unsigned long)w->total_pages));
	if (saving_adj(w, &adj))
		fprintf(f,
			"%s would outlive %s with an oom_score_adj of %ld or less (choom -n %ld -p "
			"%ld).\n",
			w->processes[0].name, w->processes[1].name, adj, adj, w->processes[0].pid);
}

void who_say_groups(struct who *w, FILE *f)
{
	char group[WHO_GROUP_MAX];
	long limit = w->limit_kb;
	bool any = false;

	if (!who_read_groups(w))
		return;
	snprintf(group, sizeof(group), "%s", w->group);
	fprintf(f, "\nIf a control group's limit were hit:\n");
	for (size_t i = 0; i < w->nr_groups; i++) {
		const struct who_group *g = &w->groups[i];

		if (g->max < 0)
			continue;
		any = true;
		who_rank(w, g->path, -1);
		fprintf(f, "    ");
		put_name(g->path, (int)strlen(g->path), f);
		fprintf(f, ": %ld of %ld MB; ", g->current >> 10, g->max >> 10);
		if (!w->nr_candidates) {
			fprintf(f, "nobody may be killed\n");
			continue;
		}
		put_name(w->processes[0].name, (int)strlen(w->processes[0].name), f);
		fprintf(f, " (pid %ld) dies%s", w->processes[0].pid,
			g->oom_group ? " with all of it" : "");
		if (w->nr_candidates > 1)
			fprintf(f, ", by %ld points",
				w->processes[0].points - w->processes[1].points);
		fputc('\n', f);
	}
	if (!any)
		fprintf(f, "    none has a limit\n");
	who_rank(w, *group ? group : NULL, *group ? limit : -1);
}

void who_json_open(const struct who *w, FILE *f)
{
	fprintf(f, "{\"memory_kb\": %ld, \"swap_kb\": %ld, \"available_kb\": %ld, \"kernel\": ",
		w->memory_kb, w->swap_kb, w->available_kb);
	json_put_string(f, w->kernel);
	fprintf(f, ", \"total_pages\": %ld, \"group\": ", w->total_pages);
	if (*w->group)
		json_put_string(f, w->group);
	else
		fprintf(f, "null");
	fprintf(f, ",\n \"order\": [");
	for (size_t i = 0; i < w->nr_candidates; i++) {
		const struct who_process *p = &w->processes[i];

		fprintf(f, "%s\n  {\"pid\": %ld, \"name\": ", i ? "," : "", p->pid);
		json_put_string(f, p->name);
		fprintf(f,
			", \"points\": %ld, \"rss_pages\": %ld, \"swap_pages\": %ld, "
			"\"pgtable_pages\": %ld, \"oom_score_adj\": %ld, \"cgroup\": ",
			p->points, p->rss, p->swap, p->pgtables, p->adj);
		json_put_string(f, p->group);
		fputc('}', f);
	}
	fprintf(f, "\n ]");
}

void who_json(const struct who *w, FILE *f)
{
	who_json_open(w, f);
	fprintf(f, "}\n");
}
