/* SPDX-License-Identifier: MIT */
/*
 * The kill (the second half of Linux's oom_kill.c).
 *
 * The idea: reclaim has found nothing and the request may not fail, so one
 * process goes, all its threads and everybody who shares its address space,
 * so that the memory really becomes free.  It may use the reserves meanwhile
 * (tif_memdie), and if it does not get out within two seconds the reaper takes
 * its pages.  A group with memory.oom.group dies as a whole.
 *
 * A request that fails while a victim is still dying kills nobody else: it
 * waits a tick and tries again.
 *
 * Locks: oom_lock (sleeping) makes kills one after another; tasklist_lock is
 * taken for each look at the list and never held while a signal is sent.
 *
 * Other kernels did it otherwise (oom/rules.h): a child dies in the place of its
 * parent, nobody reaps, there are no groups that die as a whole.
 *
 * Differs from Linux's: the failed request waits for one tick after a kill
 * instead of spinning through reclaim.
 */
#include "base/printk.h"
#include "oom/internal.h"
#include "oom/rules.h"

#define JIFFY_NS	(4 * NSEC_PER_MSEC)
#define REPORT_INTERVAL (5 * NSEC_PER_SEC)
#define REPORT_BURST	10

/* On its way out already, with all its threads. */
static bool __task_will_free_mem(const struct task *p)
{
	if (p->signal->group_exit)
		return true;
	return p->signal->nr_threads <= 1 && (p->flags & PF_EXITING);
}

bool task_will_free_mem(struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->mm;
	bool will = true;
	struct task *p;

	if (!mm || !__task_will_free_mem(task) || (mm->flags & BIT(MMF_OOM_SKIP)))
		return false;
	if (mm->mm_users <= 1)
		return true;
	/* Others who share the memory must be dying too. */
	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		if (!process_shares_mm(p, mm) || p->signal == task->signal)
			continue;
		if (!__task_will_free_mem(p)) {
			will = false;
			break;
		}
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return will;
}

/* It may use the reserves now, and its mm is remembered until it is gone. */
static void mark_oom_victim(struct task *task)
{
	struct mm_struct *mm = task->mm;

	if (task->tif_memdie)
		return;
	task->tif_memdie = true;
	if (!task->signal->oom_mm) {
		mmgrab(mm);
		task->signal->oom_mm = mm;
	}
}

/* Another process with the same mm that has not been sent the signal yet, with
 * a reference; NULL: none is left. */
static struct task *next_sharer(struct quire *q, struct task *victim, struct mm_struct *mm,
				bool *can_reap)
{
	struct task *p, *found = NULL;

	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		if (!process_shares_mm(p, mm) || p->signal == victim->signal)
			continue;
		if (is_global_init(q, p)) {
			if (*can_reap)
				pr_info(q, "oom killer %d (%s) has mm pinned by %d (%s)",
					victim->pid, victim->comm, p->pid, p->comm);
			*can_reap = false;
			(void)HOT_OR(&mm->flags, BIT(MMF_OOM_SKIP));
			continue;
		}
		if ((p->flags & PF_KTHREAD) || p->sigkill_pending)
			continue;
		get_task(p);
		found = p;
		break;
	}
	spin_unlock(q, &q->space->tasklist_lock);
	return found;
}

/* Takes over the caller's reference to p. */
static void __oom_kill_process(struct quire *q, struct task *p, const struct oom_control *oc,
			       const char *message)
{
	struct task *victim = p, *sharer;
	struct mm_struct *mm = NULL;
	bool can_reap = true, prefix;

	spin_lock(q, &q->space->tasklist_lock);
	victim = find_task_mm(p);
	if (victim) {
		get_task(victim);
		mm = victim->mm;
		mmgrab(mm);
	}
	spin_unlock(q, &q->space->tasklist_lock);
	if (!victim) {
		pr_info(q, "%s: OOM victim %d (%s) is already exiting. Skip killing the task",
			message, p->pid, p->comm);
		put_task(q, p);
		return;
	}
	count_vm_event(q, OOM_KILL);
	if (mm->memcg)
		memcg_memory_event(mm->memcg, MEMCG_OOM_KILL);
	q->oom->nr_kills++;
	/* Until 5.0 the line before it says of what it is. */
	prefix = q->oom->rules->child == OOM_CHILD_NONE;
	pr_err(q,
	       "%s%sKilled process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB, "
	       "shmem-rss:%lukB, UID:%u pgtables:%lukB oom_score_adj:%d",
	       prefix ? message : "", prefix ? ": " : "", victim->pid, victim->comm,
	       mm->total_vm << 2, get_mm_counter(mm, MM_ANONPAGES) << 2,
	       get_mm_counter(mm, MM_FILEPAGES) << 2, get_mm_counter(mm, MM_SHMEMPAGES) << 2,
	       victim->uid, (unsigned long)mm->pgtables_bytes >> 10, victim->signal->oom_score_adj);
	/* The victim of a group that dies as a whole comes twice. */
	if (q->oom->on_kill && !victim->tif_memdie)
		q->oom->on_kill(q, victim, oc, q->oom->on_kill_ctx);
	mark_oom_victim(victim);
	send_signal(q, victim, SIGKILL);
	while ((sharer = next_sharer(q, victim, mm, &can_reap))) {
		send_signal(q, sharer, SIGKILL);
		sharer->sigkill_pending = true;
		put_task(q, sharer);
	}
	if (can_reap)
		queue_oom_reaper(q, victim);
	mmdrop(q, mm);
	put_task(q, victim);
	put_task(q, p);
}

/* The highest group from the victim's up to the one in need that is to die as
 * a whole, or NULL. */
static struct mem_cgroup *mem_cgroup_get_oom_group(const struct quire *q, const struct task *victim,
						   struct mem_cgroup *domain)
{
	struct mem_cgroup *memcg = victim->memcg, *group = NULL;

	if (!q->oom->rules->oom_group)
		return NULL;
	if (!domain)
		domain = q->group->root;
	if (!mem_cgroup_is_descendant(q, memcg, domain))
		return NULL;
	for (; memcg && memcg != q->group->root; memcg = memcg->parent) {
		if (memcg->oom_group)
			group = memcg;
		if (memcg == domain)
			break;
	}
	return group;
}

/* The process of the group with the lowest number above `after` that may be killed,
 * with a reference; the victim whose group it is comes once more, as in Linux. */
static struct task *next_member(struct quire *q, const struct mem_cgroup *group, int after)
{
	struct task *p, *found = NULL;

	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		if (p->pid <= after || (found && p->pid > found->pid))
			continue;
		if (!p->memcg || !mem_cgroup_is_descendant(q, p->memcg, group))
			continue;
		if (oom_unkillable_task(q, p) || p->signal->oom_score_adj == OOM_SCORE_ADJ_MIN)
			continue;
		found = p;
	}
	if (found)
		get_task(found);
	spin_unlock(q, &q->space->tasklist_lock);
	return found;
}

static void kill_group(struct quire *q, struct mem_cgroup *group, const struct oom_control *oc,
		       const char *message)
{
	char path[256];
	struct text t;
	struct task *p;
	int pid = 0;

	memcg_memory_event(group, MEMCG_OOM_GROUP_KILL);
	text_init(&t, path, sizeof(path));
	mem_cgroup_path(q, group, &t);
	pr_info(q, "Tasks in %s are going to be killed due to memory.oom.group set", path);
	while ((p = next_member(q, group, pid))) {
		pid = p->pid;
		__oom_kill_process(q, p, oc, message);
	}
}

static bool report_allowed(struct quire *q)
{
	struct oom_floor *oom = q->oom;
	u64 now = quire_clock(q);

	if (!oom->report_window || now - oom->report_window > REPORT_INTERVAL) {
		if (oom->nr_suppressed)
			pr_warn(q, "oom_kill_process: %u callbacks suppressed", oom->nr_suppressed);
		oom->report_window = now ? now : 1;
		oom->nr_reports = 0;
		oom->nr_suppressed = 0;
	}
	if (oom->nr_reports++ < REPORT_BURST)
		return true;
	oom->nr_suppressed++;
	return false;
}

/* May child die in the place of p, in kernels where that is so? */
static bool may_be_sacrificed(struct quire *q, const struct task *child, const struct task *p,
			      const struct oom_control *oc)
{
	if (!child->mm || process_shares_mm(child, p->mm) || oom_unkillable_task(q, child))
		return false;
	return is_memcg_oom(oc) ? mem_cgroup_is_descendant(q, child->memcg, oc->memcg)
				: oom_cpuset_eligible(q, child, oc);
}

/*
 * Until 5.0 the parent's work is to be lost last: a child of the chosen dies
 * for it, the worst one with memory of its own (before 2.6.36 the first).
 * Returns who is to die, with the reference of p moved to it.
 */
static struct task *sacrifice_child(struct quire *q, struct task *p, const struct oom_control *oc,
				    const char *message)
{
	const struct oom_rules *rules = q->oom->rules;
	bool first = rules->child == OOM_CHILD_FIRST;
	struct task *child, *victim = p;
	long most = 0, points;

	if (rules->child == OOM_CHILD_NONE)
		return p;
	points = oc->chosen_points == LONG_MAX ? 0 : oc->chosen_points;
	if (first)
		pr_err(q, "%s: kill process %d (%s) score %ld or a child", message, p->pid, p->comm,
		       points);
	else
		pr_err(q, "%s: Kill process %d (%s) score %ld or sacrifice child", message, p->pid,
		       p->comm, oom_rules_score(rules, points, oc->totalpages));
	spin_lock(q, &q->space->tasklist_lock);
	list_for_each_entry (child, &p->children, sibling) {
		if (!p->mm || !may_be_sacrificed(q, child, p, oc))
			continue;
		points = oom_badness_locked(q, child, oc->totalpages);
		if (points != LONG_MIN && (first || points > most)) {
			most = points;
			victim = child;
		}
		if (first && victim != p)
			break;
	}
	get_task(victim);
	spin_unlock(q, &q->space->tasklist_lock);
	put_task(q, p);
	return victim;
}

/* Kills oc->chosen, whose reference goes. */
static void oom_kill_process(struct quire *q, struct oom_control *oc, const char *message)
{
	struct task *victim = oc->chosen;
	struct mem_cgroup *group;

	/* Dying without our help: no alarm, only what it needs to get out. */
	if (task_will_free_mem(q, victim)) {
		mark_oom_victim(victim);
		queue_oom_reaper(q, victim);
		put_task(q, victim);
		return;
	}
	if (report_allowed(q))
		dump_header(q, oc, victim);
	victim = sacrifice_child(q, victim, oc, message);
	/* Before the victim leaves its group. */
	group = mem_cgroup_get_oom_group(q, victim, oc->memcg);
	if (group)
		mem_cgroup_get(group);
	__oom_kill_process(q, victim, oc, message);
	if (group) {
		kill_group(q, group, oc, message);
		mem_cgroup_put(q, group);
	}
}

static void check_panic_on_oom(struct quire *q, const struct oom_control *oc)
{
	int panic_on_oom = q->oom->sysctl_panic_on_oom;

	if (!panic_on_oom || (is_sysrq_oom(oc) && !q->oom->rules->sysrq_may_panic))
		return;
	/* 1: not when only a policy or a group is short. */
	if (panic_on_oom != 2 && oc->constraint != CONSTRAINT_NONE)
		return;
	dump_header(q, oc, NULL);
	quire_panic(q, "Out of memory: %s panic_on_oom is enabled",
		    panic_on_oom == 2 ? "compulsory" : "system-wide");
}

/* Must the task that allocates be the one, as the sysctl asks, or, before 2.6.36,
 * where its policy's nodes are full?  What the log says then; NULL: no. */
static const char *current_dies(struct quire *q, struct task *task, const struct oom_control *oc)
{
	if (is_memcg_oom(oc) || !task || !task->mm || oom_unkillable_task(q, task) ||
	    task->signal->oom_score_adj == OOM_SCORE_ADJ_MIN)
		return NULL;
	if (oc->constraint == CONSTRAINT_MEMORY_POLICY && q->oom->rules->policy_kills_current)
		return "No available memory (MPOL_BIND)";
	if (q->oom->sysctl_oom_kill_allocating_task && oom_cpuset_eligible(q, task, oc))
		return "Out of memory (oom_kill_allocating_task)";
	return NULL;
}

static void nobody_to_kill(struct quire *q, const struct oom_control *oc)
{
	static const char text[] = "Out of memory and no killable processes...";
	bool stop = !is_sysrq_oom(oc) && !is_memcg_oom(oc), two = q->oom->rules->names_deadlock;

	if (!stop && !two)
		return;
	dump_header(q, oc, NULL);
	if (two)
		pr_warn(q, "%s", text);
	if (stop)
		quire_panic(q, "%s", two ? "System is deadlocked on memory" : text);
}

/*
 * Frees memory by killing.  The caller holds oom_lock.  True if somebody was
 * killed or is dying: try again.  False: nobody can be.  A machine (not a
 * group) without anybody to kill stops: quire_panic(); on a port that can't
 * kill, the allocation fails.
 */
bool out_of_memory(struct quire *q, struct oom_control *oc)
{
	struct task *task = current_task(q);
	const char *message;

	/* Inside a process: who asked is told, and goes on. */
	if (!q->port->kill)
		return false;
	if (task && task_will_free_mem(q, task)) {
		mark_oom_victim(task);
		queue_oom_reaper(q, task);
		return true;
	}
	/* What a request without __GFP_FS lacks, reclaim was not allowed to
	 * get: others' requests may do better. */
	if (oc->gfp_mask && !(oc->gfp_mask & __GFP_FS) && !is_memcg_oom(oc))
		return true;
	oc->constraint = constrained_alloc(q, oc);
	if (oc->constraint != CONSTRAINT_MEMORY_POLICY)
		oc->nodemask = NULL;
	check_panic_on_oom(q, oc);
	message = current_dies(q, task, oc);
	if (message) {
		get_task(task);
		oc->chosen = task;
		oom_kill_process(q, oc, message);
		return true;
	}
	select_bad_process(q, oc);
	if (!oc->chosen) {
		nobody_to_kill(q, oc);
		return false;
	}
	if (oc->chosen != OOM_ABORT)
		oom_kill_process(
			q, oc, is_memcg_oom(oc) ? "Memory cgroup out of memory" : "Out of memory");
	return true;
}

/* The victim needs the processor more than we do. */
static void let_victim_die(struct quire *q)
{
	struct task *task = current_task(q);

	if (!task || !fatal_signal_pending(task))
		sleep_ns(q, JIFFY_NS);
}

/* For the page allocator. */
static bool page_out_of_memory(struct quire *q, struct alloc_context *ac)
{
	struct oom_control oc = {
		.zonelist = ac->zonelist,
		.nodemask = ac->nodemask,
		.gfp_mask = ac->gfp,
		.order = (int)ac->order,
	};
	bool ret;

	/* Somebody is killing: that may be all it takes. */
	if (!mutex_trylock(q, &q->oom->oom_lock)) {
		let_victim_die(q);
		return true;
	}
	ret = out_of_memory(q, &oc);
	mutex_unlock(q, &q->oom->oom_lock);
	if (ret)
		let_victim_die(q);
	return ret;
}

/* For a group at its limit. */
static bool mem_cgroup_out_of_memory(struct quire *q, struct mem_cgroup *memcg, gfp_t gfp,
				     unsigned int order)
{
	struct oom_control oc = {.memcg = memcg, .gfp_mask = gfp, .order = (int)order};
	struct task *task = current_task(q);
	bool ret = true;

	mutex_lock(q, &q->oom->oom_lock);
	/* Room enough, or about to die: somebody was faster. */
	if (mem_cgroup_margin(memcg) < 1L << order && !(task && fatal_signal_pending(task)))
		ret = out_of_memory(q, &oc);
	mutex_unlock(q, &q->oom->oom_lock);
	if (ret && mem_cgroup_margin(memcg) < 1L << order)
		let_victim_die(q);
	return ret;
}

int oom_init(struct quire *q)
{
	struct oom_floor *oom = kzalloc(q, sizeof(*oom), GFP_KERNEL);

	if (!oom)
		return -ENOMEM;
	oom->rules = oom_rules_of_release(q->cfg.version);
	oom->sysctl_oom_dump_tasks = oom->rules->dump_tasks;
	INIT_LIST_HEAD(&oom->reaper_list);
	mutex_init(&oom->oom_lock);
	q->oom = oom;
	q->page->ops.out_of_memory = page_out_of_memory;
	q->page->ops.show_mem = show_mem;
	q->group->ops.mem_cgroup_out_of_memory = mem_cgroup_out_of_memory;
	return oom_reaper_init(q);
}
