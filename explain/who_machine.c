/* SPDX-License-Identifier: MIT */
/*
 * The machine and its control groups as `quire who` sees them: how much memory
 * is left above the marks, and which groups have a limit.
 *
 * "Left" is what a process can still take before the killer comes: pages above
 * the min watermark of each zone that its requests may use (lowmem_reserve
 * belongs to the mark, as in __zone_watermark_ok()), what reclaim can take, and
 * swap.  zoneinfo prints marks with the boost of a moment in them; it is taken
 * off, since it goes by itself.
 */
#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "explain/who.h"

#define GROUPS_MAX   65536
#define NR_MARKS     3
#define PAGE_KB	     4
#define TAKEN_MAX_KB (1L << 44)

/* "Key:   123 kB" at the start of a line. */
static bool meminfo_line(const char *text, const char *key, long *value)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL)
		if (!strncmp(p, key, len) && p[len] == ':') {
			*value = strtol(p + len + 1, NULL, 10);
			return *value >= 0 && *value < TAKEN_MAX_KB;
		}
	return false;
}

bool who_take_meminfo(struct who *w, const char *text)
{
	long n, packed, anon = 0;

	if (!meminfo_line(text, "MemTotal", &w->memory_kb))
		return false;
	meminfo_line(text, "SwapTotal", &w->swap_kb);
	meminfo_line(text, "MemAvailable", &w->available_kb);
	meminfo_line(text, "MemFree", &w->memory.free);
	meminfo_line(text, "SReclaimable", &w->memory.slab);
	if (meminfo_line(text, "Active(file)", &n)) {
		w->memory.file = n;
		if (meminfo_line(text, "Inactive(file)", &n))
			w->memory.file += n;
	}
	if (meminfo_line(text, "Active(anon)", &n))
		anon += n;
	if (meminfo_line(text, "Inactive(anon)", &n))
		anon += n;
	w->memory.anon = anon;
	if (meminfo_line(text, "SwapFree", &n)) {
		w->memory.swap_free = n;
		/* What goes to zswap stays in memory, smaller. */
		if (meminfo_line(text, "Zswap", &packed) && packed > 0 &&
		    meminfo_line(text, "Zswapped", &n) && n > packed)
			w->memory.swap_free -=
				(long)((double)w->memory.swap_free * (double)packed / (double)n);
	}
	return true;
}

struct zone_marks {
	long free, boost, mark[NR_MARKS], managed, reserve;
};

static void add_zone(struct who *w, const struct zone_marks *z)
{
	long *sum[NR_MARKS] = {&w->memory.min, &w->memory.low, &w->memory.high};

	if (!z->managed)
		return;
	for (int i = 0; i < NR_MARKS; i++) {
		long kept = z->mark[i] - z->boost + z->reserve;

		/* A zone that keeps all it has: nothing of it is ever to be had. */
		if (kept > z->managed)
			kept = z->free > z->managed ? z->managed : z->free;
		*sum[i] += kept * PAGE_KB;
	}
}

/* protection: (0, 442, 442, 442, 442): what it keeps from requests for the
 * highest zone that has memory, which is that of most processes. */
static long reserve_of(const char *p)
{
	long most = 0;

	for (p += strcspn(p, "(\n"); *p == '(' || *p == ',' || *p == ' ';
	     p += strspn(p, "0123456789")) {
		p += strspn(p, "(, ");
		if (isdigit((unsigned char)*p) && strtol(p, NULL, 10) > most)
			most = strtol(p, NULL, 10);
	}
	return most < TAKEN_MAX_KB ? most : 0;
}

bool who_take_zoneinfo(struct who *w, const char *text)
{
	static const char *const marks[NR_MARKS] = {"min", "low", "high"};
	struct zone_marks z = {0};
	bool inside = false;

	w->memory.min = w->memory.low = w->memory.high = 0;
	for (const char *p = text; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL) {
		const char *word = p + strspn(p, " ");
		size_t len = strcspn(word, " :\n");
		long n = strtol(word + len + (word[len] == ':'), NULL, 10);

		if (!strncmp(p, "Node ", 5)) {
			if (inside)
				add_zone(w, &z);
			z = (struct zone_marks){0};
			inside = true;
			continue;
		}
		if (n < 0 || n > TAKEN_MAX_KB)
			continue;
		if (!strncmp(word, "pages free", 10))
			z.free = strtol(word + 10, NULL, 10);
		else if (len == 5 && !strncmp(word, "boost", 5))
			z.boost = n;
		else if (len == 7 && !strncmp(word, "managed", 7))
			z.managed = n;
		else if (len == 10 && !strncmp(word, "protection", 10))
			z.reserve = reserve_of(word);
		/* The pagesets below have a "high:" of their own. */
		for (int i = 0; i < NR_MARKS; i++)
			if (!strncmp(word, marks[i], len) && len == strlen(marks[i]) &&
			    word[len] == ' ')
				z.mark[i] = n;
	}
	if (inside)
		add_zone(w, &z);
	return inside;
}

/* ---- groups ------------------------------------------------------------------ */

bool who_is_below(const char *group, const char *ancestor)
{
	size_t len = strlen(ancestor);

	while (len && ancestor[len - 1] == '/')
		len--;
	return !strncmp(group, ancestor, len) && (!group[len] || group[len] == '/');
}

const struct who_group *who_group_of(const struct who *w, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (size_t i = 0; i < w->nr_groups; i++)
		if (strlen(w->groups[i].path) == len && !strncmp(w->groups[i].path, path, len))
			return &w->groups[i];
	return NULL;
}

/* A number of a group's file in kB; -1: "max", or it can't be read.  `name` is
 * the unified hierarchy's, `old` the memory controller's of before. */
static long group_kb(const struct who *w, const char *path, const char *name, const char *old)
{
	char file[WHO_GROUP_MAX + 96], text[64];
	long bytes;

	snprintf(file, sizeof(file), "/sys/fs/cgroup%s/%s", path, name);
	if (who_file(w, file, text, sizeof(text)) <= 0) {
		snprintf(file, sizeof(file), "/sys/fs/cgroup/memory%s/%s", path, old);
		if (who_file(w, file, text, sizeof(text)) <= 0)
			return -1;
	}
	if (!isdigit((unsigned char)text[0]))
		return -1;
	bytes = strtol(text, NULL, 10);
	/* The old hierarchy's "none" is the largest number of pages. */
	return bytes > LONG_MAX - (1L << 20) ? -1 : bytes >> 10;
}

static void read_group(const struct who *w, struct who_group *g)
{
	char file[WHO_GROUP_MAX + 96], text[16384];
	const char *p;
	double percent;

	g->max = group_kb(w, g->path, "memory.max", "memory.limit_in_bytes");
	g->current = group_kb(w, g->path, "memory.current", "memory.usage_in_bytes");
	g->swap_max = group_kb(w, g->path, "memory.swap.max", "memory.memsw.limit_in_bytes");
	g->swap_current =
		group_kb(w, g->path, "memory.swap.current", "memory.memsw.usage_in_bytes");
	snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.oom.group", g->path);
	g->oom_group = who_file(w, file, text, sizeof(text)) > 0 && text[0] == '1';
	snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.pressure", g->path);
	g->pressure = -1;
	if (who_file(w, file, text, sizeof(text)) > 0 && (p = strstr(text, "full avg10=")) &&
	    sscanf(p + 11, "%lf", &percent) == 1 && percent >= 0 && percent <= 100)
		g->pressure = (long)(percent * 100);
	snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.stat", g->path);
	if (who_file(w, file, text, sizeof(text)) <= 0)
		return;
	if ((p = strstr(text, "\ninactive_file ")))
		g->inactive_file = strtol(p + 15, NULL, 10) >> 10;
	if ((p = strstr(text, "\nactive_file ")))
		g->file = strtol(p + 13, NULL, 10) >> 10;
	g->file += g->inactive_file;
}

/* The group and those above it; false: out of memory. */
static bool add_groups(struct who *w, const char *path)
{
	char up[WHO_GROUP_MAX];
	char *slash;

	snprintf(up, sizeof(up), "%s", path);
	while (up[0] == '/' && up[1] && !strstr(up, "/..")) {
		struct who_group *g;

		if (who_group_of(w, up))
			return true;
		if (w->nr_groups == w->cap_groups) {
			size_t cap = w->cap_groups ? 2 * w->cap_groups : 64;

			g = cap <= GROUPS_MAX ? realloc(w->groups, cap * sizeof(*g)) : NULL;
			if (!g)
				return false;
			w->groups = g;
			w->cap_groups = cap;
		}
		g = &w->groups[w->nr_groups++];
		*g = (struct who_group){0};
		snprintf(g->path, sizeof(g->path), "%s", up);
		read_group(w, g);
		slash = strrchr(up, '/');
		*slash = '\0';
	}
	return true;
}

bool who_read_groups(struct who *w)
{
	bool ok = true;

	if (w->nr_groups)
		return true;
	for (size_t i = 0; ok && i < w->nr; i++) {
		/* Neighbours are mostly in one group. */
		if (i && !strcmp(w->processes[i].group, w->processes[i - 1].group))
			continue;
		ok = add_groups(w, w->processes[i].group);
	}
	return ok;
}

bool who_set_max(struct who *w, const char *group, long max_kb)
{
	struct who_group *g;

	if (!who_read_groups(w))
		return false;
	g = (struct who_group *)(uintptr_t)who_group_of(w, group);
	if (!g)
		return false;
	g->max = max_kb;
	g->what_if = true;
	return true;
}
