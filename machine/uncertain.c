/* SPDX-License-Identifier: MIT */
/* Looks for what a scenario does not say: see uncertain.h. */
#include <string.h>

#include "machine/uncertain.h"

const char *const uncertain_easy = "unknown.hot=5% unknown.hot_share=99% unknown.content=text";
const char *const uncertain_hard = "unknown.hot=60% unknown.hot_share=70% unknown.content=random";

static void add_name(char names[96], const char *name)
{
	size_t len = strlen(names);

	if (strstr(names, name) || len + strlen(name) + 3 > 96)
		return;
	snprintf(names + len, 96 - len, "%s%s", len ? ", " : "", name);
}

static uint64_t region_bytes(const struct scn_process *p, const char *name)
{
	for (uint32_t i = 0; i < p->memory_count; i++)
		if (!strcmp(p->memory[i].name, name))
			return p->memory[i].size.v;
	return p->rss.v;
}

static void look_at_work(const struct scn_process *p, const struct scn_work *w, struct uncertain *u)
{
	if (w->action != SCN_TOUCH || w->hot.text || !w->region)
		return;
	u->hot += region_bytes(p, w->region) * p->count;
	add_name(u->hot_names, p->name);
}

void uncertain_find(const struct scenario *s, struct uncertain *u)
{
	*u = (struct uncertain){0};
	for (uint32_t i = 0; i < s->nodes_count; i++)
		u->total += s->nodes[i].memory.v;
	for (uint32_t i = 0; i < s->processes_count; i++) {
		const struct scn_process *p = &s->processes[i];

		for (uint32_t j = 0; j < p->work_count; j++)
			look_at_work(p, &p->work[j], u);
		for (uint32_t j = 0; j < p->memory_count; j++) {
			const struct scn_memory *m = &p->memory[j];
			uint64_t bytes = m->size.v < u->total ? m->size.v : u->total;

			if (m->content || m->kind == SCN_FILE)
				continue;
			u->content += bytes * (m->kind == SCN_SHARED ? 1 : p->count);
			add_name(u->content_names, p->name);
		}
	}
}

bool uncertain_matters(const struct uncertain *u)
{
	return u->hot > u->total / 10 || u->content > u->total / 10;
}

void uncertain_say(const struct uncertain *u, FILE *out)
{
	fprintf(out, "Ranges: the input leaves open ");
	if (u->hot > u->total / 10)
		fprintf(out, "how unevenly %s touch their memory%s", u->hot_names,
			u->content > u->total / 10 ? ", and " : "");
	if (u->content > u->total / 10)
		fprintf(out, "how well the memory of %s compresses", u->content_names);
	fprintf(out, ".\nTo narrow them, measure:\n");
	if (u->hot > u->total / 10)
		fprintf(out, "  how hot: echo 1 > /proc/PID/clear_refs; sleep 60; grep Referenced "
			     "/proc/PID/smaps_rollup\n"
			     "           what was referenced is the hot part: give it as `hot:` of "
			     "the work\n");
	if (u->content > u->total / 10)
		fprintf(out,
			"  how well it compresses: /sys/kernel/debug/zswap/stored_pages x 4096 / "
			"pool_total_size\n"
			"           on a machine with zswap: near 3 is `content: text`, near 1 is "
			"`random`\n");
}
