/* SPDX-License-Identifier: MIT */
/*
 * Settings applied to a machine that runs, as its operator would: by writing to
 * the same files.  What Linux can't change while it runs is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine/capture_load.h"
#include "machine/internal.h"
#include "machine/setting.h"
#include "machine/units.h"

bool setting_is_live(const struct setting *set)
{
	switch (set->kind) {
	case SET_SYSCTL:
	case SET_SWAP_SIZE:
	case SET_GROW:
	case SET_ZSWAP:
	case SET_THP:
	case SET_LRU_GEN:
	case SET_GROUP:
	case SET_GROUP_ADJ:
	case SET_LOAD:
	case SET_HOT:
	case SET_HOT_SHARE:
		return true;
	case SET_PROCESS:
		return !strcmp(set->name, "oom_score_adj") || !strcmp(set->name, "numa") ||
		       !strcmp(set->name, "load");
	default:
		return false;
	}
}

static bool refused(const struct setting *set, int error, FILE *err)
{
	fprintf(err, "quire: %s: %s\n", set->text,
		error == -ENOENT   ? "the machine has no such file"
		: error == -ENOMEM ? "the machine has no memory for it"
				   : "the machine does not take the value");
	return false;
}

static bool written(const struct setting *set, int result, FILE *err)
{
	return result >= 0 || refused(set, result, err);
}

/* ---- whom it concerns -------------------------------------------------------------------- */

static bool concerns(const struct setting *set, const struct task *t)
{
	if (set->kind == SET_PROCESS)
		return !strcmp(t->comm, set->target);
	return false;
}

static bool in_group(struct quire *q, const struct setting *set, const struct task *t)
{
	const struct mem_cgroup *group = mem_cgroup_find(q, set->target);

	return group && t->memcg && mem_cgroup_is_descendant(q, t->memcg, group);
}

static bool set_adj(const struct setting *set, struct machine *m, FILE *err)
{
	long adj = strtol(set->value, NULL, 10);
	struct process *p;
	struct task *t;
	bool any = false;

	for_each_process(m->q, t)
	{
		if (!t->mm ||
		    !(concerns(set, t) || (set->kind == SET_GROUP_ADJ && in_group(m->q, set, t))))
			continue;
		t->signal->oom_score_adj = (short)adj;
		t->signal->oom_score_adj_min = (short)min(adj, 0L);
		any = true;
	}
	/* Children that were forked under another name, and are the process still. */
	list_for_each_entry (p, &m->processes, list)
		if (set->kind == SET_PROCESS && p->task && p->task->mm && p->spec &&
		    !strcmp(p->spec->name, set->target)) {
			p->task->signal->oom_score_adj = (short)adj;
			p->task->signal->oom_score_adj_min = (short)min(adj, 0L);
			any = true;
		}
	return any || refused(set, -ENOENT, err);
}

static bool set_numa(const struct setting *set, struct machine *m, FILE *err)
{
	struct task *t;
	bool any = false;

	for_each_process(m->q, t)
	{
		if (!t->mm || !concerns(set, t))
			continue;
		t->policy = (struct mempolicy){0};
		process_set_policy(m->q, t, set->value);
		any = true;
	}
	return any || refused(set, -ENOENT, err);
}

/* ---- swap -------------------------------------------------------------------------------- */

/* As many bytes in all as asked for: one more area makes up the rest. */
static bool set_swap(const struct setting *set, struct machine *m, FILE *err)
{
	unsigned long have = m->q->swap->total_swap_pages, want;
	u64 bytes;
	u32 disk = 0;

	if (!parse_size(set->value, &bytes)) {
		fprintf(err, "quire: %s: \"%s\" is not a size; write it as 32G\n", set->text,
			set->value);
		return false;
	}
	want = bytes >> PAGE_SHIFT;
	if (want == have)
		return true;
	if (want < have || !m->scenario || !m->scenario->disks_count) {
		fprintf(err, "quire: %s: %s\n", set->text,
			want < have ? "swap can be added to a machine that runs, not taken away; "
				      "leave --at away"
				    : "the machine has no disk to swap to");
		return false;
	}
	want -= have;
	if (want >= m->disk_end[disk])
		return refused(set, -EINVAL, err);
	m->disk_end[disk] -= want;
	return !swapon(m->q, m->bdi[disk], m->disk_end[disk], want, -1, "/swapfile", true) ||
	       refused(set, -ENOMEM, err);
}

static bool set_grow(const struct setting *set, struct machine *m, FILE *err)
{
	char name[TASK_COMM_LEN];
	u64 rate;

	growth_parse(set->value, name, &rate);
	if (set->target)
		snprintf(name, sizeof(name), "%.15s", set->target);
	return growth_start(m, name, rate) || refused(set, -ENOENT, err);
}

static bool set_load(const struct setting *set, struct machine *m, FILE *err)
{
	/* The work is read again each turn, and is this machine's own. */
	if (m->scenario)
		return setting_apply(set, (struct scenario *)m->scenario, err);
	fprintf(err, "quire: %s: a capture says nothing of its load\n", set->text);
	return false;
}

bool setting_apply_live(const struct setting *set, struct machine *m, FILE *err)
{
	char path[512], value[32];
	u64 bytes;

	if (!setting_is_live(set)) {
		fprintf(err,
			"quire: %s: can't be changed while the machine runs; leave --at away\n",
			set->text);
		return false;
	}
	switch (set->kind) {
	case SET_SYSCTL:
		return written(set, machine_sysctl_write(m, set->name, set->value), err);
	case SET_ZSWAP:
		snprintf(path, sizeof(path), "module/zswap/parameters/%s", set->name);
		return written(set,
			       machine_sysfs_write(m, path,
						   !strcmp(set->value, "on")	? "Y"
						   : !strcmp(set->value, "off") ? "N"
										: set->value),
			       err);
	case SET_THP:
		return written(set,
			       machine_sysfs_write(m, "kernel/mm/transparent_hugepage/enabled",
						   set->value),
			       err);
	case SET_LRU_GEN:
		return written(set,
			       setting_lru_gen(set->value)
				       ? machine_sysfs_write(m, "kernel/mm/lru_gen/enabled",
							     setting_lru_gen(set->value))
				       : -EINVAL,
			       err);
	case SET_GROUP:
		if (parse_size(set->value, &bytes))
			snprintf(value, sizeof(value), "%llu", (unsigned long long)bytes);
		else
			snprintf(value, sizeof(value), "%s", set->value);
		snprintf(path, sizeof(path), "fs/cgroup%s/%s", set->target, set->name);
		return written(set, machine_sysfs_write(m, path, value), err);
	case SET_GROW:
		return set_grow(set, m, err);
	case SET_SWAP_SIZE:
		return set_swap(set, m, err);
	case SET_GROUP_ADJ:
		return set_adj(set, m, err);
	case SET_PROCESS:
		if (!strcmp(set->name, "oom_score_adj"))
			return set_adj(set, m, err);
		return !strcmp(set->name, "numa") ? set_numa(set, m, err) : set_load(set, m, err);
	default:
		return set_load(set, m, err);
	}
}
