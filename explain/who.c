/* SPDX-License-Identifier: MIT */
/*
 * The killer's view of a machine that is well: points of each process by the
 * rules of its kernel.
 *
 * What counts is in three small files of each process (status, oom_score_adj,
 * cgroup), so a thousand take tens of milliseconds.  VmRSS may lag behind by
 * some pages a thread, as it does for the killer.
 */
#define _GNU_SOURCE
#include "explain/who.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine/capture.h"

#define PROCESSES_MAX (1u << 22)

struct who_process *who_add(struct who *w, long pid, const char *name)
{
	struct who_process *p;

	if (w->nr == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 1024;

		p = cap <= PROCESSES_MAX ? realloc(w->processes, cap * sizeof(*p)) : NULL;
		if (!p)
			return NULL;
		w->processes = p;
		w->cap = cap;
	}
	p = &w->processes[w->nr++];
	*p = (struct who_process){.pid = pid, .started = -1};
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

/* A file below dir into buf, as a string: its length, or -1. */
static ssize_t read_at(int dir, const char *path, char *buf, size_t cap)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	while (len < cap - 1 && (n = read(fd, buf + len, cap - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	buf[len] = '\0';
	return n < 0 ? -1 : (ssize_t)len;
}

long who_file(const struct who *w, const char *path, char *buf, size_t cap)
{
	const struct capture_record *r;
	char whole[1024];

	if (w->capture) {
		r = capture_find(w->capture, path);
		if (!r || !r->text)
			return -1;
		snprintf(buf, cap, "%.*s", (int)(r->len < cap ? r->len : cap - 1), r->text);
		return (long)strlen(buf);
	}
	snprintf(whole, sizeof(whole), "%.250s%.700s", w->root, path);
	return (long)read_at(AT_FDCWD, whole, buf, cap);
}

/* "Key:   123 kB" at the start of a line. */
static bool line_number(const char *text, const char *key, long *value)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = (p = strchr(p, '\n')) ? p + 1 : NULL)
		if (!strncmp(p, key, len) && p[len] == ':') {
			*value = strtol(p + len + 1, NULL, 10);
			return *value >= 0 && *value < LONG_MAX / 4096;
		}
	return false;
}

/* The group of the unified hierarchy, or the memory controller's. */
static void take_group(struct who_process *p, const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		const char *memory = memmem(line, len, ":memory:", 8);
		const char *path = !strncmp(line, "0::", 3) ? line + 3 : memory ? memory + 8 : NULL;

		if (!path || (*p->group && !memory))
			continue;
		snprintf(p->group, sizeof(p->group), "%.*s", (int)(line + len - path), path);
	}
}

static bool take_status(struct who_process *p, const char *status)
{
	long kb, page_kb = sysconf(_SC_PAGESIZE) >> 10;

	/* Without memory of its own: a kernel thread, or one that is ending. */
	if (!line_number(status, "VmRSS", &kb))
		return false;
	p->rss = kb / page_kb;
	if (line_number(status, "RssFile", &kb))
		p->rss_file = kb / page_kb;
	if (line_number(status, "VmSwap", &kb))
		p->swap = kb / page_kb;
	if (line_number(status, "VmPTE", &kb))
		p->pgtables = kb / page_kb;
	line_number(status, "Uid", &p->uid);
	if (!strncmp(status, "Name:", 5)) {
		const char *name = status + 5 + strspn(status + 5, "\t ");

		snprintf(p->name, sizeof(p->name), "%.*s", (int)strcspn(name, "\n"), name);
	}
	return true;
}

/* False: out of memory.  One that ends meanwhile is left out. */
static bool read_process(struct who *w, int proc, const char *pid)
{
	char path[64], text[8192];
	struct who_process p = {.pid = atol(pid), .started = -1}, *to;

	snprintf(path, sizeof(path), "%.20s/status", pid);
	if (read_at(proc, path, text, sizeof(text)) <= 0 || !take_status(&p, text))
		return true;
	snprintf(path, sizeof(path), "%.20s/oom_score_adj", pid);
	if (read_at(proc, path, text, sizeof(text)) <= 0)
		return true;
	p.adj = strtol(text, NULL, 10);
	snprintf(path, sizeof(path), "%.20s/cgroup", pid);
	if (read_at(proc, path, text, sizeof(text)) > 0)
		take_group(&p, text);
	to = who_add(w, p.pid, p.name);
	if (to)
		*to = p;
	return to != NULL;
}

static void read_settings(struct who *w)
{
	char text[256];
	const char *avg;
	double seconds, percent;

	if (who_file(w, "/proc/sys/vm/oom_kill_allocating_task", text, sizeof(text)) > 0)
		w->allocating_task = atoi(text);
	if (who_file(w, "/proc/sys/vm/panic_on_oom", text, sizeof(text)) > 0)
		w->panic = atoi(text);
	if (!*w->kernel && who_file(w, "/proc/sys/kernel/osrelease", text, sizeof(text)) > 0)
		snprintf(w->kernel, sizeof(w->kernel), "%.*s", (int)strcspn(text, "\n"), text);
	if (who_file(w, "/proc/uptime", text, sizeof(text)) > 0 &&
	    sscanf(text, "%lf", &seconds) == 1)
		w->memory.seconds = seconds;
	if (who_file(w, "/proc/pressure/memory", text, sizeof(text)) > 0 &&
	    (avg = strstr(text, "full avg10=")) && sscanf(avg + 11, "%lf", &percent) == 1 &&
	    percent >= 0 && percent <= 100)
		w->memory.psi_full10 = (long)(percent * 100);
}

static void clear(struct who *w)
{
	*w = (struct who){.limit_kb = -1,
			  .swap_limit_kb = -1,
			  .usage_kb = -1,
			  .memory = {.seconds = -1,
				     .free = -1,
				     .min = -1,
				     .low = -1,
				     .high = -1,
				     .file = -1,
				     .slab = -1,
				     .anon = -1,
				     .swap_free = -1,
				     .psi_full10 = -1}};
}

/* Files of the machine as a whole. */
static bool read_machine(struct who *w)
{
	size_t cap = 4 << 20;
	char *text = malloc(cap);
	bool ok;

	if (!text)
		return false;
	ok = who_file(w, "/proc/meminfo", text, cap) > 0 && who_take_meminfo(w, text);
	if (ok && who_file(w, "/proc/zoneinfo", text, cap) > 0)
		who_take_zoneinfo(w, text);
	free(text);
	if (ok)
		read_settings(w);
	return ok;
}

bool who_read(struct who *w, const char *root, FILE *err)
{
	struct dirent *entry;
	char path[512];
	bool ok = true;
	DIR *d;

	clear(w);
	snprintf(w->root, sizeof(w->root), "%s", root ? root : "");
	snprintf(path, sizeof(path), "%.250s/proc", w->root);
	d = opendir(path);
	if (!d) {
		fprintf(err, "quire: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (!read_machine(w)) {
		fprintf(err, "quire: %s/meminfo: no MemTotal; is it a Linux /proc?\n", path);
		closedir(d);
		return false;
	}
	while (ok && (entry = readdir(d)))
		if (isdigit((unsigned char)entry->d_name[0]))
			ok = read_process(w, dirfd(d), entry->d_name);
	if (!ok) {
		fputs("quire: out of memory\n", err);
		who_free(w);
	}
	closedir(d);
	return ok;
}

bool who_read_capture(struct who *w, const struct cap_machine *cm, FILE *err)
{
	clear(w);
	w->capture = cm->file;
	snprintf(w->kernel, sizeof(w->kernel), "%s", cm->release);
	if (!read_machine(w)) {
		fputs("quire: the capture's /proc/meminfo has no MemTotal\n", err);
		return false;
	}
	for (unsigned int i = 0; i < cm->nr_processes; i++) {
		const struct cap_process *c = &cm->processes[i];
		struct who_process *p = c->kthread ? NULL : who_add(w, c->pid, c->comm);

		if (c->kthread)
			continue;
		if (!p) {
			fputs("quire: out of memory\n", err);
			who_free(w);
			return false;
		}
		p->uid = c->uid;
		if (c->cgroup)
			snprintf(p->group, sizeof(p->group), "%.*s", (int)c->cgroup_len, c->cgroup);
		p->rss = (long)(c->vm_rss / 4);
		p->rss_file = (long)(c->rss_file / 4);
		p->swap = (long)(c->vm_swap / 4);
		p->pgtables = (long)(c->vm_pte / 4);
		p->adj = c->oom_score_adj;
		p->started = (double)c->starttime / 100;
	}
	return true;
}

void who_free(struct who *w)
{
	free(w->processes);
	free(w->groups);
	*w = (struct who){0};
}

size_t who_set_adj(struct who *w, const char *who, long adj)
{
	long pid = strtol(who, NULL, 10);
	size_t n = 0;

	for (size_t i = 0; i < w->nr; i++) {
		struct who_process *p = &w->processes[i];

		if (strcmp(p->name, who) && !(pid > 0 && p->pid == pid))
			continue;
		p->adj = adj;
		p->what_if = true;
		n++;
	}
	return n;
}

/* ---- the order --------------------------------------------------------------- */

static void count_memory(struct who *w, long limit_kb)
{
	long kb = w->memory_kb + w->swap_kb;

	w->limit_kb = w->swap_limit_kb = w->usage_kb = -1;
	if (*w->group && who_read_groups(w)) {
		const struct who_group *g = who_group_of(w, w->group);

		w->limit_kb = g ? g->max : -1;
		w->swap_limit_kb = g ? g->swap_max : -1;
		w->usage_kb = g ? g->current : -1;
	}
	if (*w->group && limit_kb >= 0)
		w->limit_kb = limit_kb;
	if (w->limit_kb >= 0)
		kb = w->limit_kb + (w->swap_limit_kb >= 0 && w->swap_limit_kb < w->swap_kb
					    ? w->swap_limit_kb
					    : w->swap_kb);
	w->total_pages = kb / 4;
}

static int by_death(const void *a, const void *b)
{
	const struct who_process *x = a, *y = b;

	if (x->points != y->points)
		return x->points < y->points ? 1 : -1;
	/* Of equals the last that the kernel sees: the youngest. */
	return x->pid < y->pid ? 1 : -1;
}

void who_rank(struct who *w, const char *group, long limit_kb)
{
	snprintf(w->group, sizeof(w->group), "%s", group ? group : "");
	w->rules = oom_rules_of_release(w->kernel);
	count_memory(w, limit_kb);
	w->nr_candidates = 0;
	for (size_t i = 0; i < w->nr; i++) {
		struct who_process *p = &w->processes[i];
		struct oom_points_of what = {.rss = p->rss,
					     .swapents = p->swap,
					     .pgtables = p->pgtables,
					     .adj = p->adj,
					     .root = !p->uid};
		bool inside = !*w->group || who_is_below(p->group, w->group);

		p->points = LONG_MIN;
		if (!inside || p->pid == 1)
			continue;
		p->points = oom_rules_points(w->rules, &what, (unsigned long)w->total_pages);
		w->nr_candidates += p->points != LONG_MIN;
	}
	if (w->nr)
		qsort(w->processes, w->nr, sizeof(*w->processes), by_death);
}
