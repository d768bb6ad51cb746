/* SPDX-License-Identifier: MIT */
/* What a setting would change: the order before and after. */
#include "explain/what_if.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "machine/json.h"
#include "machine/units.h"

/* The place in the order of death, from 1; 0: not in it. */
static size_t rank_of(const struct who *w, long pid)
{
	for (size_t i = 0; i < w->nr_candidates; i++)
		if (w->processes[i].pid == pid)
			return i + 1;
	return 0;
}

static long first_of(const struct who *w, char *name, size_t cap)
{
	snprintf(name, cap, "%s", w->nr_candidates ? w->processes[0].name : "nobody");
	return w->nr_candidates ? w->processes[0].pid : 0;
}

static bool ends(const char *who, const char *key, size_t *len)
{
	size_t n = strlen(who), k = strlen(key);

	if (n <= k || strcmp(who + n - k, key))
		return false;
	*len = n - k;
	return true;
}

static bool parse_long(const char *text, long low, long high, long *n)
{
	char *end;

	*n = strtol(text, &end, 10);
	return end != text && !*end && *n >= low && *n <= high;
}

static bool set_adj(struct what_if_change *c, struct who *w, const char *value)
{
	char name[WHO_GROUP_MAX];
	long n, pid = strtol(c->group, NULL, 10);

	snprintf(name, sizeof(name), "%s", c->group);
	*c->group = '\0';
	for (size_t i = 0; i < w->nr && !c->pid; i++)
		if (!strcmp(w->processes[i].name, name) || (pid > 0 && w->processes[i].pid == pid))
			c->pid = w->processes[i].pid;
	c->rank_before = rank_of(w, c->pid);
	return parse_long(value, -1000, 1000, &n) && who_set_adj(w, name, n) > 0;
}

static bool set_max(const struct what_if_change *c, struct who *w, const char *value)
{
	uint64_t bytes = 0;

	if (strcmp(value, "max") && !parse_size(value, &bytes))
		return false;
	return who_set_max(w, c->group, strcmp(value, "max") ? (long)(bytes >> 10) : -1);
}

static bool apply(struct what_if_change *c, struct who *w, const char *text)
{
	const char *eq = strrchr(text, '=');
	size_t len;
	long n;

	snprintf(c->text, sizeof(c->text), "%s", text);
	if (!eq || (size_t)(eq - text) >= sizeof(c->group))
		return false;
	snprintf(c->group, sizeof(c->group), "%.*s", (int)(eq - text), text);
	if (!strcmp(c->group, "vm.panic_on_oom") && parse_long(eq + 1, 0, 2, &n)) {
		w->panic = n;
		*c->group = '\0';
		return true;
	}
	if (!strcmp(c->group, "vm.oom_kill_allocating_task") && parse_long(eq + 1, 0, 1, &n)) {
		w->allocating_task = n;
		*c->group = '\0';
		return true;
	}
	if (ends(c->group, ".oom_score_adj", &len)) {
		c->group[len] = '\0';
		return set_adj(c, w, eq + 1);
	}
	if (ends(c->group, ".memory.max", &len) || ends(c->group, "/memory.max", &len)) {
		c->group[len] = '\0';
		return set_max(c, w, eq + 1);
	}
	return false;
}

bool what_if_apply(struct what_if *wi, struct who *w, const char *const *settings, size_t n,
		   const char *group, long limit_kb, FILE *err)
{
	*wi = (struct what_if){.nr = n};
	if (n > WHAT_IF_MAX || !who_read_groups(w))
		return false;
	who_rank(w, group, limit_kb);
	wi->before = first_of(w, wi->before_name, sizeof(wi->before_name));
	for (size_t i = 0; i < n; i++) {
		if (apply(&wi->changes[i], w, settings[i]))
			continue;
		fprintf(err,
			"quire: --set %s: write NAME.oom_score_adj=N (-1000 to 1000, of a process "
			"that is there), /GROUP.memory.max=512M (of a group with processes), "
			"vm.panic_on_oom=N or vm.oom_kill_allocating_task=N\n",
			settings[i]);
		return false;
	}
	who_rank(w, group, limit_kb);
	wi->after = first_of(w, wi->after_name, sizeof(wi->after_name));
	for (size_t i = 0; i < n; i++)
		if (wi->changes[i].pid)
			wi->changes[i].rank_after = rank_of(w, wi->changes[i].pid);
	return true;
}

/* ---- in words ------------------------------------------------------------------ */

static void say_group(const struct what_if_change *c, struct who *w, FILE *to)
{
	const struct who_group *g = who_group_of(w, c->group);
	const struct who_process *most = NULL;
	long need;

	if (!g || g->max < 0) {
		fprintf(to, "no limit of its own.\n");
		return;
	}
	if (g->current <= g->max) {
		fprintf(to, "it uses %ld MB, so %ld MB are left to it.\n", g->current >> 10,
			(g->max - g->current) >> 10);
		return;
	}
	need = g->current - g->max;
	fprintf(to, "it uses %ld MB: %ld MB have to go at once", g->current >> 10, need >> 10);
	if (need <= g->file) {
		fprintf(to, ", and its page cache has %ld MB: nobody dies.\n", g->file >> 10);
		return;
	}
	who_rank(w, c->group, -1);
	most = w->nr_candidates ? &w->processes[0] : NULL;
	fprintf(to, ", its page cache has %ld MB%s: ", g->file >> 10,
		w->swap_kb > 0 && g->swap_max ? " and the rest may go to swap, or else" : "");
	if (most)
		fprintf(to, "%s (pid %ld) dies%s.\n", most->name, most->pid,
			g->oom_group ? " with all of the group" : "");
	else
		fprintf(to, "nobody in it may be killed.\n");
}

static void say_rank(size_t rank, FILE *to)
{
	if (rank)
		fprintf(to, "number %zu", rank);
	else
		fprintf(to, "exempt");
}

void what_if_say(const struct what_if *wi, struct who *w, FILE *to)
{
	char group[WHO_GROUP_MAX];
	long limit = w->limit_kb;

	snprintf(group, sizeof(group), "%s", w->group);
	if (wi->nr)
		fprintf(to, "\nWhat the settings change:\n");
	for (size_t i = 0; i < wi->nr; i++) {
		const struct what_if_change *c = &wi->changes[i];

		fprintf(to, "    %s: ", c->text);
		if (c->pid) {
			say_rank(c->rank_before, to);
			fprintf(to, " before, now ");
			say_rank(c->rank_after, to);
			fprintf(to, ".\n");
		} else if (*c->group) {
			say_group(c, w, to);
		} else {
			fprintf(to, "%s.\n",
				w->panic ? "the machine stops, nobody is chosen"
				: w->allocating_task
					? "whoever asks dies, not the first of the order"
					: "the first of the order dies");
		}
	}
	if (!wi->nr)
		return;
	if (wi->before == wi->after)
		fprintf(to, "    %s (pid %ld) stays the first.\n", wi->after_name, wi->after);
	else
		fprintf(to, "    %s (pid %ld) dies, and %s (pid %ld) lives.\n", wi->after_name,
			wi->after, wi->before_name, wi->before);
	who_rank(w, *group ? group : NULL, *group ? limit : -1);
}

void what_if_json(const struct what_if *wi, FILE *to)
{
	fprintf(to, "{\"before\": %ld, \"after\": %ld, \"changes\": [", wi->before, wi->after);
	for (size_t i = 0; i < wi->nr; i++) {
		const struct what_if_change *c = &wi->changes[i];

		fprintf(to, "%s{\"setting\": ", i ? ", " : "");
		json_put_string(to, c->text);
		fprintf(to, ", \"pid\": %ld, \"rank_before\": %zu, \"rank_after\": %zu}", c->pid,
			c->rank_before, c->rank_after);
	}
	fprintf(to, "]}");
}
