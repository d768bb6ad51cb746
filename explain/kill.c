/* SPDX-License-Identifier: MIT */
/*
 * The end of a report: whose memory it was about, and who died.
 *
 * Until 5.0 the kernel printed "Kill process N (name) score S or sacrifice
 * child" (before 2.6.36 "kill process ... or a child") for whom it chose and "Killed process" for who really died, which
 * could be a child; since then only the second.
 */
#include "explain/internal.h"

#include <stdlib.h>
#include <string.h>

bool is_chosen(const char *text)
{
	const char *p = strstr(text, "ill process ");

	return p && p > text && (p[-1] == 'K' || p[-1] == 'k') && strstr(p, "score");
}

bool is_kill(const char *text)
{
	return strstr(text, "Killed process ") || is_chosen(text);
}

/* "N (name) ..." into the kill; names may hold brackets. */
static bool take_victim(struct report_kill *k, const char *p, const char *after)
{
	const char *open, *close;
	char *end;

	k->pid = strtol(p, &end, 10);
	if (end == p || k->pid <= 0)
		return false;
	if (*end == ',') /* "Killed process 123, UID 0, (name)", RHEL 6 */
		end += strcspn(end, "(");
	open = strchr(end, '(');
	close = after ? strstr(end, after) : NULL;
	if (!open)
		return false;
	if (!close || close < open)
		close = strrchr(open, ')');
	copy_text(k->name, sizeof(k->name), open + 1, close);
	return true;
}

bool take_kill(struct report *r, const char *text)
{
	const char *p = strstr(text, "Killed process ");
	struct report_kill k = {
		.anon_kb = -1, .file_kb = -1, .shmem_kb = -1, .total_vm_kb = -1, .score = -1};

	if (p) {
		if (!take_victim(&k, p + 15, ") total-vm:") && !take_victim(&k, p + 15, NULL))
			return false;
		number_after(p, "total-vm:", &k.total_vm_kb);
		number_after(p, "anon-rss:", &k.anon_kb);
		number_after(p, "file-rss:", &k.file_kb);
		number_after(p, "shmem-rss:", &k.shmem_kb);
		r->ended = true;
	} else if (is_chosen(text)) {
		p = strstr(text, "ill process ");
		if (!take_victim(&k, p + 12, ") score"))
			return false;
		number_after(p, "score", &k.score);
		k.chosen = true;
	} else {
		return false;
	}
	if (strstr(text, "Memory cgroup out of memory"))
		r->kind = REPORT_MEMCG_OOM;
	if (r->nr_kills < REPORT_MAX_KILLS)
		r->kills[r->nr_kills++] = k;
	return true;
}

/* One of the constraint line's fields, which end at a comma. */
static void field(const char *text, const char *key, char *to, size_t cap)
{
	const char *p = strstr(text, key);

	if (p && (p == text || p[-1] == ',' || p[-1] == ':')) {
		p += strlen(key);
		copy_text(to, cap, p, p + strcspn(p, ","));
	}
}

/* Lists of nodes hold commas: up to the next name. */
static void list_field(const char *text, const char *key, char *to, size_t cap)
{
	const char *p = strstr(text, key);

	if (p) {
		p += strlen(key);
		copy_text(to, cap, p, p + strspn(p, "0123456789-,"));
		for (size_t n = strlen(to); n && to[n - 1] == ','; n--)
			to[n - 1] = '\0';
	}
}

/* oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,... */
bool take_constraint(struct report *r, const char *text)
{
	if (strncmp(text, "oom-kill:constraint=", 20))
		return false;
	field(text, "constraint=", r->constraint, sizeof(r->constraint));
	list_field(text, "nodemask=", r->nodemask, sizeof(r->nodemask));
	field(text, "cpuset=", r->cpuset, sizeof(r->cpuset));
	list_field(text, "mems_allowed=", r->mems_allowed, sizeof(r->mems_allowed));
	field(text, "oom_memcg=", r->oom_group, sizeof(r->oom_group));
	field(text, "task_memcg=", r->task_group, sizeof(r->task_group));
	if (!strcmp(r->constraint, "CONSTRAINT_MEMCG"))
		r->kind = REPORT_MEMCG_OOM;
	return true;
}
