/* SPDX-License-Identifier: MIT */
/*
 * earlyoom(1): when available memory and free swap are both at or below a share
 * of the whole (-m 10, -s 10), the process with the highest oom_score is sent
 * SIGTERM, and SIGKILL at half of that.
 *
 * systemd-oomd.service(8), oomd.conf(5): when memory and swap in use are both
 * above SwapUsedLimit= (90 %), the group with the most swap dies whole, of those
 * below units with ManagedOOMSwap=kill, if it has more than 5 % of all swap; when
 * a unit with ManagedOOMMemoryPressure=kill has been stalled above its limit
 * (DefaultMemoryPressureLimit= 60 %) for 30 s, the group below it that reclaimed
 * most.
 *
 * Kubelet (node-pressure eviction): when memory.available, that is capacity less
 * working set, is below 100Mi, the pod whose use exceeds its request by most, of
 * the lowest priority.  A burstable pod's request follows from its oom_score_adj,
 * 1000 - 1000 * request / capacity.
 */
#include "explain/daemons.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain/safe.h"
#include "machine/json.h"

static double share(long part, long whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

/* When kb more have been taken. */
static double when(const struct forecast *f, double kb)
{
	if (!f)
		return -1;
	if (kb <= 0)
		return 0;
	return f->taken.kb_s > 0 ? kb / f->taken.kb_s : FORECAST_NEVER;
}

/* ---- earlyoom ------------------------------------------------------------------ */

static void judge_earlyoom(const struct who *w, const struct forecast *f,
			   const struct daemon_options *o, struct daemon_verdict *v)
{
	long swap_free = w->memory.swap_free > 0 ? w->memory.swap_free : 0;
	double mem = share(w->available_kb, w->memory_kb), swap = share(swap_free, w->swap_kb);
	const struct who_process *most = NULL;
	double kb;

	v->name = "earlyoom";
	v->acts = mem <= o->earlyoom_mem && swap <= o->earlyoom_swap;
	snprintf(v->rule, sizeof(v->rule),
		 "memory available %.1f %% (limit %.1f), swap free %.1f %% (limit %.1f)%s", mem,
		 o->earlyoom_mem, swap, o->earlyoom_swap,
		 mem <= o->earlyoom_mem / 2 && swap <= o->earlyoom_swap / 2 ? "; SIGKILL"
									    : "; SIGTERM");
	kb = (double)w->available_kb - o->earlyoom_mem / 100 * (double)w->memory_kb;
	kb = fmax(kb, 0) + fmax((double)swap_free - o->earlyoom_swap / 100 * (double)w->swap_kb, 0);
	v->seconds = when(f, kb);
	for (size_t i = 0; i < w->nr; i++)
		if (w->processes[i].points != LONG_MIN &&
		    (!most || w->processes[i].points > most->points))
			most = &w->processes[i];
	if (most) {
		snprintf(v->victim, sizeof(v->victim), "%s", most->name);
		v->pid = most->pid;
	}
}

/* ---- systemd-oomd -------------------------------------------------------------- */

/* A group that has processes of its own: oomd kills those. */
static bool has_processes(const struct who *w, const struct who_group *g)
{
	for (size_t i = 0; i < w->nr; i++)
		if (!strcmp(w->processes[i].group, g->path))
			return true;
	return false;
}

static void judge_oomd(const struct who *w, const struct forecast *f,
		       const struct daemon_options *o, struct daemon_verdict *v)
{
	long swap_free = w->memory.swap_free > 0 ? w->memory.swap_free : 0;
	double mem = 100 - share(w->available_kb, w->memory_kb);
	double swap = w->swap_kb > 0 ? 100 - share(swap_free, w->swap_kb) : 0, kb;
	const struct who_group *most = NULL, *pressed = NULL;

	v->name = "systemd-oomd";
	for (size_t i = 0; i < w->nr_groups; i++) {
		const struct who_group *g = &w->groups[i];

		if (g->swap_current * 20 > w->swap_kb && has_processes(w, g) &&
		    (!most || g->swap_current > most->swap_current))
			most = g;
		if (g->pressure >= 0 && (!pressed || g->pressure > pressed->pressure))
			pressed = g;
	}
	v->acts = w->swap_kb > 0 && mem > o->oomd_swap && swap > o->oomd_swap && most;
	snprintf(v->rule, sizeof(v->rule),
		 "memory used %.1f %%, swap used %.1f %% (limit of both %.1f)", mem, swap,
		 o->oomd_swap);
	if (pressed && (double)pressed->pressure / 100 > o->oomd_pressure) {
		v->acts = true;
		most = pressed;
		snprintf(v->rule, sizeof(v->rule),
			 "full pressure %.1f %% over 10 s (limit %.1f, for 30 s)",
			 (double)pressed->pressure / 100, o->oomd_pressure);
	}
	kb = fmax((double)w->available_kb - (100 - o->oomd_swap) / 100 * (double)w->memory_kb, 0) +
	     fmax((double)swap_free - (100 - o->oomd_swap) / 100 * (double)w->swap_kb, 0);
	v->seconds = w->swap_kb > 0 ? when(f, kb) : f ? FORECAST_NEVER : -1;
	if (most)
		snprintf(v->victim, sizeof(v->victim), "%s", most->path);
	snprintf(v->caveat, sizeof(v->caveat),
		 "only below units with ManagedOOMSwap=kill or ManagedOOMMemoryPressure=kill%s",
		 w->swap_kb > 0 ? "" : "; without swap only pressure counts");
}

/* ---- the kubelet --------------------------------------------------------------- */

/* The length of the part of a group's path that is its pod's; 0: of no pod. */
static size_t pod_length(const char *path)
{
	const char *p = strstr(path, "kubepods"), *pod;

	if (!p)
		return 0;
	for (pod = p; (pod = strstr(pod, "pod")); pod += 3)
		if (pod > path && (pod[-1] == '/' || pod[-1] == '-') && pod[3] != 's')
			return (size_t)(pod - path) + strcspn(pod, "/");
	return 0;
}

static long pod_request(const struct who *w, const char *path, size_t len)
{
	for (size_t i = 0; i < w->nr; i++) {
		const struct who_process *p = &w->processes[i];

		/* The pause container's -998 is no pod's class. */
		if (strncmp(p->group, path, len) || p->adj == -998)
			continue;
		if (p->adj >= 1000)
			return 0;
		return p->adj > 1 ? (long)((double)(1000 - p->adj) / 1000 * (double)w->memory_kb)
				  : LONG_MAX / 4;
	}
	return LONG_MAX / 4;
}

static void judge_kubelet(const struct who *w, const struct forecast *f,
			  const struct daemon_options *o, struct daemon_verdict *v)
{
	const struct who_group *first = NULL;
	long most = 0, inactive = 0, available;

	v->name = "kubelet";
	/* Capacity less working set: what is free, and cache that is not in use. */
	inactive = w->memory.file > 0 ? w->memory.file / 2 : 0;
	available = (w->memory.free > 0 ? w->memory.free : 0) + inactive;
	if (w->available_kb > 0)
		available = w->available_kb;
	v->acts = available < o->kubelet_kb;
	snprintf(v->rule, sizeof(v->rule), "memory.available %ldMi (evictionHard: below %ldMi)",
		 available >> 10, o->kubelet_kb >> 10);
	v->seconds = when(f, (double)(available - o->kubelet_kb));
	for (size_t i = 0; i < w->nr_groups; i++) {
		const struct who_group *g = &w->groups[i];
		size_t len = pod_length(g->path);
		long over;

		if (!len || g->path[len] || g->current < 0)
			continue;
		over = g->current - g->inactive_file - pod_request(w, g->path, len);
		if (!first || over > most) {
			first = g;
			most = over;
		}
	}
	if (first)
		snprintf(v->victim, sizeof(v->victim), "%s", first->path);
	snprintf(v->caveat, sizeof(v->caveat), "%s",
		 first ? "of equal priority: priorities are not in the machine's files"
		       : "there are no pods here");
}

size_t daemons_judge(const struct who *w, const struct forecast *f, const struct daemon_options *o,
		     struct daemon_verdict out[DAEMONS_MAX])
{
	size_t n = 0;

	memset(out, 0, DAEMONS_MAX * sizeof(*out));
	if (o->earlyoom)
		judge_earlyoom(w, f, o, &out[n++]);
	if (o->oomd)
		judge_oomd(w, f, o, &out[n++]);
	if (o->kubelet)
		judge_kubelet(w, f, o, &out[n++]);
	return n;
}

/* ---- in words ------------------------------------------------------------------ */

void daemons_say(const struct daemon_verdict *v, size_t n, FILE *to)
{
	if (n)
		fprintf(to, "\nBefore the kernel, by their documented rules:\n");
	for (size_t i = 0; i < n; i++) {
		fprintf(to, "    %s: %s.", v[i].name, v[i].rule);
		if (v[i].acts)
			fprintf(to, " It acts now");
		else if (v[i].seconds >= FORECAST_NEVER)
			fprintf(to, " It does not act");
		else if (v[i].seconds >= 0)
			fprintf(to, " It acts in %.0f s", v[i].seconds);
		else
			fprintf(to, " It does not act now");
		if (*v[i].victim) {
			fprintf(to, "%s", v[i].acts ? ", on " : "; then on ");
			put_safe(to, v[i].victim);
			if (v[i].pid)
				fprintf(to, " (pid %ld)", v[i].pid);
		}
		fprintf(to, ".");
		if (*v[i].caveat)
			fprintf(to, " (%s)", v[i].caveat);
		fputc('\n', to);
	}
}

void daemons_json(const struct daemon_verdict *v, size_t n, FILE *to)
{
	fputc('[', to);
	for (size_t i = 0; i < n; i++) {
		fprintf(to, "%s{\"name\": \"%s\", \"acts\": %s, \"rule\": ", i ? ", " : "",
			v[i].name, v[i].acts ? "true" : "false");
		json_put_string(to, v[i].rule);
		fprintf(to, ", \"victim\": ");
		if (*v[i].victim)
			json_put_string(to, v[i].victim);
		else
			fprintf(to, "null");
		fprintf(to, ", \"pid\": %ld, \"seconds\": ", v[i].pid);
		if (v[i].seconds >= 0 && v[i].seconds < FORECAST_NEVER)
			fprintf(to, "%.1f", v[i].seconds);
		else
			fprintf(to, "null");
		fprintf(to, "}");
	}
	fputc(']', to);
}
