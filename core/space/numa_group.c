/* SPDX-License-Identifier: MIT */
/*
 * Tasks that share pages, and where they run best (Linux's numa_group and
 * task_numa_migrate(): kernel/sched/fair.c).
 *
 * A hint on a page that another task used last brings the two into one group, if they
 * are threads of one process or the page is shared by right; the smaller group joins
 * the larger.  Faults of all its tasks are counted together: by the node that the page
 * is on (NUMA_MEM) and by the node that its user ran on (NUMA_CPU).  The node with most
 * of the group's memory is what each of its tasks prefers, so they come together; a
 * shared page moves only where the group runs much more, or where memory is short of
 * what the CPUs' part would be.
 *
 * A task whose preferred node is another one than it runs on asks the port to run it
 * there: now and then, as long as it does not.
 *
 * Locks: tasklist_lock over groups and what they count.
 *
 * Differs from Linux: equal groups are told apart by the number of who made them, not by
 * address; tasks are not swapped for each other, and topologies without a direct way
 * between all nodes get no extra thought.  Who runs on a CPU now is who was last seen
 * there by balancing.
 */
#include "space/internal.h"
#include "space/numa_balancing.h"

/* A node is active while it has a third of the faults of the one that has most. */
#define ACTIVE_NODE_FRACTION 3

static unsigned long group_faults_cpu(const struct numa_group *ng, unsigned int nid)
{
	return ng->faults[NUMA_CPU][nid][0] + ng->faults[NUMA_CPU][nid][1];
}

static unsigned long group_faults(const struct numa_group *ng, unsigned int nid)
{
	return ng->faults[NUMA_MEM][nid][0] + ng->faults[NUMA_MEM][nid][1];
}

bool numa_is_active_node(const struct numa_group *ng, unsigned int nid)
{
	return group_faults_cpu(ng, nid) * ACTIVE_NODE_FRACTION > ng->max_faults_cpu;
}

void numa_group_count_active_nodes(struct quire *q, struct numa_group *ng)
{
	ng->max_faults_cpu = 0;
	for_each_node (q, nid)
		ng->max_faults_cpu = max(ng->max_faults_cpu, group_faults_cpu(ng, nid));
	ng->active_nodes = 0;
	for_each_node (q, nid)
		ng->active_nodes += numa_is_active_node(ng, nid);
}

bool numa_group_wants_page(const struct numa_group *ng, unsigned int from, unsigned int to)
{
	unsigned long cpu_to = group_faults_cpu(ng, to), cpu_from = group_faults_cpu(ng, from);

	if (cpu_to > cpu_from * ACTIVE_NODE_FRACTION)
		return true;
	/* Memory follows the CPUs' part, with a quarter of it as hysteresis. */
	return cpu_to * group_faults(ng, from) * 3 > cpu_from * group_faults(ng, to) * 4;
}

/* ---- members --------------------------------------------------------------------- */

static void add_member(struct numa_group *ng, struct task_numa *tn)
{
	for (int stat = 0; stat < NR_NUMA_STATS; stat++)
		for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++)
			for (int priv = 0; priv < 2; priv++)
				ng->faults[stat][nid][priv] += tn->faults[stat][nid][priv];
	ng->total_faults += tn->total_faults;
	ng->nr_tasks++;
	tn->group = ng;
}

/* True: it was the last, and the group is the caller's to free. */
static bool remove_member(struct quire *q, struct numa_group *ng, struct task_numa *tn)
{
	for (int stat = 0; stat < NR_NUMA_STATS; stat++)
		for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++)
			for (int priv = 0; priv < 2; priv++)
				ng->faults[stat][nid][priv] -= tn->faults[stat][nid][priv];
	ng->total_faults -= tn->total_faults;
	tn->group = NULL;
	q->space->numa.nr_groups -= ng->nr_tasks == 1;
	return --ng->nr_tasks == 0;
}

void task_numa_free(struct quire *q, struct task *task)
{
	struct task_numa *tn = task->numa;
	struct numa_group *ng;

	if (!tn)
		return;
	spin_lock(q, &q->space->tasklist_lock);
	task->numa = NULL; /* nobody joins its group any more */
	ng = tn->group;
	if (ng && !remove_member(q, ng, tn))
		ng = NULL;
	spin_unlock(q, &q->space->tasklist_lock);
	kfree(q, ng);
	kfree(q, tn);
}

/* Under tasklist_lock: who used a page last, if it is still what its CPU was seen to run. */
static struct task *task_of_cpupid(struct quire *q, unsigned int cpupid)
{
	const struct numa_balancing *nb = &q->space->numa;
	unsigned int cpu = cpupid >> (1 + LAST_CPUPID_PID_BITS);
	struct task *task;

	if (!nb->last_pid || cpu >= q->nr_cpus)
		return NULL;
	task = find_task_by_pid(q, nb->last_pid[cpu]);
	return task && cpupid_match_pid(task, cpupid) ? task : NULL;
}

/* Should the task's group be given up for the other's? */
static bool should_join(const struct task *task, const struct task *other, bool shared)
{
	const struct numa_group *mine = task->numa->group, *theirs = other->numa->group;

	if (mine == theirs || mine->nr_tasks > theirs->nr_tasks)
		return false;
	if (mine->nr_tasks == theirs->nr_tasks && mine->gid > theirs->gid)
		return false;
	/* A mere likeness of two pids does not make a group. */
	return shared || task->mm == other->mm;
}

void task_numa_group(struct quire *q, struct task *task, unsigned int cpupid, bool shared)
{
	struct numa_group *fresh = NULL, *old = NULL;
	struct task_numa *tn = task->numa;
	const struct task *other;

	if (!tn->group) {
		fresh = kzalloc(q, sizeof(*fresh), GFP_KERNEL | __GFP_NOWARN);
		if (!fresh)
			return; /* another time */
	}
	spin_lock(q, &q->space->tasklist_lock);
	if (fresh) {
		q->space->numa.nr_groups++;
		fresh->gid = task->pid;
		fresh->active_nodes = 1;
		add_member(fresh, tn);
	}
	other = task_of_cpupid(q, cpupid);
	if (other && other != task && other->numa && other->numa->group &&
	    should_join(task, other, shared)) {
		old = tn->group;
		if (!remove_member(q, old, tn))
			old = NULL;
		add_member(other->numa->group, tn);
	}
	spin_unlock(q, &q->space->tasklist_lock);
	kfree(q, old);
}

/* ---- moving tasks ---------------------------------------------------------------- */

void numa_migrate_preferred(struct quire *q, struct task *task)
{
	struct task_numa *tn = task->numa;
	u64 now = quire_clock(q);

	if (tn->preferred_nid < 0 || now <= tn->migrate_retry)
		return;
	tn->migrate_retry = now + min(NSEC_PER_SEC, (u64)tn->scan_period * NSEC_PER_MSEC / 16);
	if ((unsigned int)tn->preferred_nid == numa_node_id(q) || !q->port->task_set_node)
		return;
	if (!q->port->task_set_node(q->port_ctx, task, (unsigned int)tn->preferred_nid))
		q->space->numa.nr_tasks_moved++;
}
