/* SPDX-License-Identifier: MIT */
/*
 * Cpusets' mems: the nodes that a control group's tasks may have memory of (the
 * memory half of Linux's cpuset.c, as version 2 has it).
 *
 * A group that was given nodes has an entry here; one without has its parent's.
 * What holds is what was given, as far as the parent's holds; if that is nothing,
 * the parent's.  As long as no group was given any, KEY_CPUSETS is off and no
 * allocation asks.
 *
 * Who is bound: requests with __GFP_HARDWALL, users' pages.  The kernel's own may
 * come from anywhere when those nodes have none (there are no exclusive sets in
 * version 2), and so may what a dying task asks for.
 *
 * An entry of a group that was removed is passed over (mem_cgroup.has_cpuset), and
 * goes when its place is taken.
 *
 * Locks: none; entries change when the administrator writes, who is alone.
 */
#include "space/internal.h"
#include "space/mempolicy.h"

struct cpuset {
	struct cpuset *next;
	const struct mem_cgroup *memcg;
	nodemask_t mems, effective;
};

static bool nodes_empty(const nodemask_t *mask)
{
	for (size_t i = 0; i < ARRAY_SIZE(mask->bits); i++)
		if (mask->bits[i])
			return false;
	return true;
}

static void all_nodes(const struct quire *q, nodemask_t *mems)
{
	*mems = (nodemask_t){{0}};
	for_each_node (q, nid)
		if (NODE_DATA(q, nid)->node_present_pages)
			node_set(mems, nid);
}

static struct cpuset *find_cpuset(struct quire *q, const struct mem_cgroup *memcg)
{
	struct cpuset *cs = q->page->cpusets;

	/* An entry of one that is gone may have the address of a new one. */
	while (cs && (cs->memcg != memcg || !memcg->has_cpuset))
		cs = cs->next;
	return cs;
}

/* The entry that holds for a group; NULL: all nodes. */
static struct cpuset *cpuset_of(struct quire *q, const struct mem_cgroup *memcg)
{
	struct cpuset *cs = NULL;

	for (; memcg && !cs; memcg = memcg->parent)
		cs = find_cpuset(q, memcg);
	return cs;
}

void cpuset_mems(struct quire *q, const struct mem_cgroup *memcg, nodemask_t *mems)
{
	const struct cpuset *cs = find_cpuset(q, memcg);

	*mems = cs ? cs->mems : (nodemask_t){{0}};
}

void cpuset_effective_mems(struct quire *q, const struct mem_cgroup *memcg, nodemask_t *mems)
{
	const struct cpuset *cs = cpuset_of(q, memcg);

	if (cs)
		*mems = cs->effective;
	else
		all_nodes(q, mems);
}

void cpuset_mems_allowed(struct quire *q, const struct task *task, nodemask_t *mems)
{
	cpuset_effective_mems(q, task ? task->memcg : NULL, mems);
}

/* What holds for each entry, from the root down: an entry's parent's first. */
static void update_effective(struct quire *q)
{
	for (struct cpuset *cs = q->page->cpusets; cs; cs = cs->next)
		cs->effective = (nodemask_t){{0}};
	for (bool again = true; again;) {
		again = false;
		for (struct cpuset *cs = q->page->cpusets; cs; cs = cs->next) {
			nodemask_t limit, now = cs->mems;
			struct cpuset *above;

			if (find_cpuset(q, cs->memcg) != cs)
				continue;
			above = cpuset_of(q, cs->memcg->parent);

			if (above && nodes_empty(&above->effective)) {
				again = true;
				continue;
			}
			if (above)
				limit = above->effective;
			else
				all_nodes(q, &limit);
			for (size_t i = 0; i < ARRAY_SIZE(now.bits); i++)
				now.bits[i] &= limit.bits[i];
			cs->effective = nodes_empty(&now) ? limit : now;
		}
	}
}

static void remove_entry(struct quire *q, const struct mem_cgroup *memcg)
{
	for (struct cpuset **link = &q->page->cpusets; *link; link = &(*link)->next) {
		struct cpuset *cs = *link;

		if (cs->memcg != memcg)
			continue;
		*link = cs->next;
		kfree(q, cs);
		break;
	}
}

int cpuset_set_mems(struct quire *q, struct mem_cgroup *memcg, const nodemask_t *mems)
{
	struct cpuset *cs = find_cpuset(q, memcg);

	if (!cs)
		remove_entry(q, memcg);
	if (nodes_empty(mems)) {
		remove_entry(q, memcg);
		memcg->has_cpuset = false;
	} else {
		if (!cs) {
			cs = kzalloc(q, sizeof(*cs), GFP_KERNEL);
			if (!cs)
				return -ENOMEM;
			cs->memcg = memcg;
			cs->next = q->page->cpusets;
			q->page->cpusets = cs;
			memcg->has_cpuset = true;
		}
		cs->mems = *mems;
	}
	update_effective(q);
	if (q->page->cpusets)
		(void)HOT_OR(&q->keys, KEY_CPUSETS);
	else
		(void)HOT_AND(&q->keys, ~KEY_CPUSETS);
	return 0;
}

const nodemask_t *cpuset_current_mems(struct quire *q)
{
	const struct task *task = current_task(q);
	const struct cpuset *cs = task ? cpuset_of(q, task->memcg) : NULL;

	return cs ? &cs->effective : NULL;
}

bool cpuset_zone_allowed(struct quire *q, const struct zone *zone, gfp_t gfp)
{
	const struct task *task = current_task(q);
	const nodemask_t *mems = cpuset_current_mems(q);

	if (!mems || node_isset(mems, zone_to_nid(zone)))
		return true;
	/* A victim is to get out; the kernel's own need not stay within. */
	if (task && task->signal && task->signal->oom_mm)
		return true;
	return !(gfp & __GFP_HARDWALL) || (current_context(q)->flags & PF_EXITING);
}
