/* SPDX-License-Identifier: MIT */
/*
 * Who is to be killed: points, constraints, selection (the first half of
 * Linux's oom_kill.c).
 *
 * The idea: a process has as many points as killing it would free pages:
 * resident, swapped and page tables.  oom_score_adj moves that by thousandths
 * of all the memory that the failed request could have had, so 500 makes a
 * process look half the machine larger, and -999 leaves it a target only when
 * next to nothing else is.  -1000 is never killed, nor are init, kernel
 * threads, and whose memory was taken already.
 *
 * How points are counted is the kernel's (oom/rules.h): 6.1's unless a scenario
 * asks for another's.
 *
 * If a process that was killed before is still there, nobody is chosen: it
 * will free its memory, or the reaper marks it MMF_OOM_SKIP.
 *
 * Lock: tasklist_lock while processes are looked at; nothing sleeps under it.
 */
#include "oom/internal.h"
#include "space/mempolicy.h"
#include "oom/rules.h"
#include "page/pgtable.h"

bool oom_unkillable_task(const struct quire *q, const struct task *p)
{
	return is_global_init(q, p) || (p->flags & PF_KTHREAD);
}

bool process_shares_mm(const struct task *p, const struct mm_struct *mm)
{
	const struct task *leader = p->group_leader ? p->group_leader : p, *t;

	if (leader->mm)
		return leader->mm == mm;
	list_for_each_entry (t, &leader->thread_group, thread_group)
		if (t->mm)
			return t->mm == mm;
	return false;
}

struct task *find_task_mm(struct task *p)
{
	struct task *t;

	if (p->mm)
		return p;
	/* A circle through the leader and its threads: each of them links to
	 * the rest. */
	list_for_each_entry (t, &p->thread_group, thread_group)
		if (t->mm)
			return t;
	return NULL;
}

/* A child of vfork() that runs in its parent's memory until it executes something:
 * the parent is the one that has it. */
static bool in_vfork(const struct task *p)
{
	return p->in_vfork && p->mm && p->parent && p->parent->mm == p->mm;
}

bool tsk_is_oom_victim(const struct task *task)
{
	return task->signal && task->signal->oom_mm;
}

/* Page tables as the rules count them, under tasklist_lock.  mm counts all; the
 * few of the upper levels are looked for. */
static long count_pgtables(struct quire *q, struct mm_struct *mm, enum oom_pgtables how)
{
	long all = mm->pgtables_bytes / (long)PAGE_SIZE, puds, pmds = 0, seen = 0;
	const pte_t *pgd;

	if (how == OOM_PGTABLES_BYTES || how == OOM_PGTABLES_NONE)
		return all;
	spin_lock(q, &mm->page_table_lock);
	/* A table counts its entries. */
	pgd = pt_entries(q, mm->pgd_pfn);
	puds = (long)pfn_to_page(q, mm->pgd_pfn)->private;
	for (unsigned int i = 0; i < PTRS_PER_TABLE && seen < puds; i++) {
		if (pte_none(pgd[i]))
			continue;
		seen++;
		pmds += (long)pfn_to_page(q, pte_pfn(pgd[i]))->private;
	}
	spin_unlock(q, &mm->page_table_lock);
	return how == OOM_PGTABLES_PTE ? all - puds - pmds : all - puds;
}

/* What counted before 2.6.36, under tasklist_lock. */
static void heuristic_of(struct quire *q, const struct task *p, const struct mm_struct *mm,
			 struct oom_points_of *what)
{
	const struct task *child;
	u64 cpu = p->utime + p->stime + p->signal->utime + p->signal->stime;

	what->total_vm = (long)mm->total_vm;
	list_for_each_entry (child, &p->children, sibling)
		if (child->mm && child->mm != mm)
			what->children_vm += (long)child->mm->total_vm / 2 + 1;
	what->cpu_s = (long)(cpu / NSEC_PER_SEC);
	what->run_s = (long)((quire_clock(q) - p->start_time) / NSEC_PER_SEC);
	what->niced = p->nice > 0;
}

/* Under tasklist_lock. */
long oom_badness_locked(struct quire *q, struct task *p, unsigned long totalpages)
{
	const struct oom_rules *rules = q->oom->rules;
	const struct task *t;
	struct oom_points_of what;

	if (oom_unkillable_task(q, p))
		return LONG_MIN;
	t = find_task_mm(p);
	if (!t || (t->mm->flags & BIT(MMF_OOM_SKIP)) || (rules->skips_vfork && in_vfork(p)))
		return LONG_MIN;
	what = (struct oom_points_of){.rss = (long)get_mm_rss(t->mm),
				      .swapents = (long)get_mm_counter(t->mm, MM_SWAPENTS),
				      .pgtables = count_pgtables(q, t->mm, rules->pgtables),
				      .adj = t->signal->oom_score_adj,
				      .root = !t->uid};
	if (unlikely(rules->heuristic))
		heuristic_of(q, p, t->mm, &what);
	return oom_rules_points(rules, &what, totalpages);
}

long oom_badness(struct quire *q, struct task *p, unsigned long totalpages)
{
	long points;

	spin_lock(q, &q->space->tasklist_lock);
	points = oom_badness_locked(q, p, totalpages);
	spin_unlock(q, &q->space->tasklist_lock);
	return points;
}

long oom_score(struct quire *q, struct task *p)
{
	unsigned long totalpages =
		q->node->totalram_pages + (q->swap ? q->swap->total_swap_pages : 0);

	return oom_rules_score(q->oom->rules, oom_badness(q, p, totalpages), totalpages);
}

static bool nodes_intersect(const nodemask_t *a, const nodemask_t *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->bits); i++)
		if (a->bits[i] & b->bits[i])
			return true;
	return false;
}

/* May one of the process's threads have memory on the nodes that the request is
 * bound to?  Each has its own policy; the cpuset is the process's. */
bool oom_cpuset_eligible(struct quire *q, const struct task *p, const struct oom_control *oc)
{
	nodemask_t ours, theirs;

	/* Else: on those that the running task's cpuset has. */
	if (!oc->nodemask && unlikely(q->keys & KEY_CPUSETS)) {
		cpuset_mems_allowed(q, current_task(q), &ours);
		cpuset_mems_allowed(q, p, &theirs);
		return nodes_intersect(&ours, &theirs);
	}
	if (!oc->nodemask)
		return true;
	for_each_thread(p->group_leader, t)
	{
		if (t->policy.mode != MPOL_BIND || nodes_intersect(oc->nodemask, &t->policy.nodes))
			return true;
	}
	return false;
}

static unsigned long mem_cgroup_get_max(const struct quire *q, const struct mem_cgroup *memcg)
{
	unsigned long max_pages = (unsigned long)memcg->memory.max;
	unsigned long swap = q->swap ? q->swap->total_swap_pages : 0;

	if (q->reclaim->swappiness)
		max_pages += min((unsigned long)memcg->swap.max, swap);
	return max_pages;
}

/* Some zone was not for the task's group. */
static enum oom_constraint constrained_by_cpuset(struct quire *q, struct oom_control *oc)
{
	unsigned long swap = q->swap ? q->swap->total_swap_pages : 0;
	const nodemask_t *mems = cpuset_current_mems(q);
	bool limited = false;

	if (likely(!(q->keys & KEY_CPUSETS)) || !mems)
		return CONSTRAINT_NONE;
	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) limited |=
			!cpuset_zone_allowed(q, zone, oc->gfp_mask);
	if (!limited)
		return CONSTRAINT_NONE;
	oc->totalpages = swap;
	for_each_node (q, nid)
		if (node_isset(mems, nid))
			oc->totalpages += NODE_DATA(q, nid)->node_present_pages;
	return CONSTRAINT_CPUSET;
}

/* How much memory the request could have had at all. */
enum oom_constraint constrained_alloc(struct quire *q, struct oom_control *oc)
{
	unsigned long swap = q->swap ? q->swap->total_swap_pages : 0;
	bool subset = true;

	if (is_memcg_oom(oc)) {
		oc->totalpages = max(mem_cgroup_get_max(q, oc->memcg), 1UL);
		return CONSTRAINT_MEMCG;
	}
	oc->totalpages = q->node->totalram_pages + swap;
	if (!oc->zonelist || (oc->gfp_mask & __GFP_THISNODE))
		return CONSTRAINT_NONE;
	if (!oc->nodemask)
		return constrained_by_cpuset(q, oc);
	for_each_node (q, nid) {
		if (NODE_DATA(q, nid)->node_present_pages && !node_isset(oc->nodemask, nid))
			subset = false;
	}
	if (subset)
		return constrained_by_cpuset(q, oc);
	oc->totalpages = swap;
	for_each_node (q, nid) {
		if (node_isset(oc->nodemask, nid))
			oc->totalpages += NODE_DATA(q, nid)->node_present_pages;
	}
	return CONSTRAINT_MEMORY_POLICY;
}

bool mem_cgroup_is_descendant(const struct quire *q, const struct mem_cgroup *memcg,
			      const struct mem_cgroup *ancestor)
{
	if (!ancestor || ancestor == q->group->root)
		return true;
	for (; memcg; memcg = memcg->parent)
		if (memcg == ancestor)
			return true;
	return false;
}

/* One candidate.  True: stop, somebody is dying already. */
static bool oom_evaluate_task(struct quire *q, struct task *p, struct oom_control *oc)
{
	long points;

	if (oom_unkillable_task(q, p))
		return false;
	if (!is_memcg_oom(oc) && !oom_cpuset_eligible(q, p, oc))
		return false;
	if (!is_sysrq_oom(oc) && tsk_is_oom_victim(p))
		return !(p->signal->oom_mm->flags & BIT(MMF_OOM_SKIP));
	points = p->signal->oom_flag_origin ? LONG_MAX : oom_badness_locked(q, p, oc->totalpages);
	if (points == LONG_MIN || points < oc->chosen_points)
		return false;
	if (oc->chosen && points == oc->chosen_points && !q->oom->rules->last_of_equals)
		return false;
	oc->chosen = p;
	oc->chosen_points = points;
	return false;
}

void select_bad_process(struct quire *q, struct oom_control *oc)
{
	struct task *p;

	oc->chosen = NULL;
	oc->chosen_points = LONG_MIN;
	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		if (is_memcg_oom(oc) && !mem_cgroup_is_descendant(q, p->memcg, oc->memcg))
			continue;
		if (oom_evaluate_task(q, p, oc)) {
			oc->chosen = OOM_ABORT;
			break;
		}
	}
	if (oc->chosen && oc->chosen != OOM_ABORT)
		get_task(oc->chosen);
	spin_unlock(q, &q->space->tasklist_lock);
}
