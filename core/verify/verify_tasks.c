/* SPDX-License-Identifier: MIT */
/*
 * Tasks' invariants: numbers lead to their tasks; a process is its leader and
 * its threads, all of one signal_struct; every process is its parent's child
 * once; counts are what they count; address spaces have at least the users
 * that are found; control groups count their tasks, and those that stall.
 *
 * A task that is just being made holds a stack, a group and an address space
 * before it is on any list, so those counts may be larger, never smaller.
 */
#include "verify/verify.h"
#include "space/internal.h"

static void check_children(struct verify *v, struct task *parent, unsigned int *nr_children)
{
	struct task *child;

	if (!list_validate(&parent->children)) {
		broken(v, "tasks: the children of %d are not a list", parent->pid);
		return;
	}
	list_for_each_entry (child, &parent->children, sibling) {
		(*nr_children)++;
		if (child->parent != parent)
			broken(v, "tasks: %d is a child of %d and does not know it", child->pid,
			       parent->pid);
	}
}

static void check_task(struct verify *v, struct task *t)
{
	if (find_task_by_pid(v->q, t->pid) != t)
		broken(v, "tasks: pid %d does not lead to its task", t->pid);
	if (t->pid <= 0 || t->pid >= v->q->space->pid_max)
		broken(v, "tasks: pid %d is out of range", t->pid);
	if (t->usage < 1)
		broken(v, "tasks: %d is listed and nobody refers to it", t->pid);
	if (t->state == EXIT_ZOMBIE && (t->mm || t->files || t->stack))
		broken(v, "tasks: zombie %d has not given up everything", t->pid);
	if (t->state == EXIT_DEAD)
		broken(v, "tasks: %d is dead and still listed", t->pid);
	if (!(t->flags & PF_EXITING) && (!t->stack || !t->files || !t->sighand || !t->cred))
		broken(v, "tasks: %d runs without a stack or another of its parts", t->pid);
	if (t->mm && t->mm->mm_users < 1)
		broken(v, "tasks: the address space of %d has no users", t->pid);
}

static unsigned int check_process(struct verify *v, struct task *leader)
{
	struct signal_struct *sig = leader->signal;
	unsigned int n = 0;

	if (leader->group_leader != leader || leader->pid != leader->tgid)
		broken(v, "tasks: %d is listed as a process and leads none", leader->pid);
	if (!list_validate(&leader->thread_group)) {
		broken(v, "tasks: the threads of %d are not a list", leader->pid);
		return 1;
	}
	for_each_thread(leader, t)
	{
		n++;
		check_task(v, t);
		if (t->tgid != leader->pid || t->group_leader != leader || t->signal != sig)
			broken(v, "tasks: %d is a thread of %d and does not know it", t->pid,
			       leader->pid);
		if (t->parent != leader->parent)
			broken(v, "tasks: thread %d has another parent than its process", t->pid);
	}
	if (n != sig->nr_threads || sig->refs < n)
		broken(v, "tasks: %d counts %u threads with %u references, has %u", leader->pid,
		       sig->nr_threads, sig->refs, n);
	return n;
}

static bool is_in_group(const struct task *t, const struct mem_cgroup *group)
{
	const struct mem_cgroup *memcg = t->memcg;

	while (memcg && memcg != group)
		memcg = memcg->parent;
	return memcg != NULL;
}

/* What pressure counts of a group is what its tasks are in. */
static void check_pressure(struct verify *v, struct mem_cgroup *memcg)
{
	unsigned int stalled[NR_PSI_RESOURCES] = {0}, running = 0;
	struct task *leader;

	for_each_process(v->q, leader)
	{
		for_each_thread(leader, t)
		{
			if (!is_in_group(t, memcg))
				continue;
			running += t->psi.running;
			for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++)
				stalled[r] += t->psi.in_stall[r] != 0;
		}
	}
	if (memcg->psi.nr_running != running)
		broken(v, "tasks: pressure of \"%s\" counts %u that run, there are %u", memcg->name,
		       memcg->psi.nr_running, running);
	for (unsigned int r = 0; r < NR_PSI_RESOURCES; r++)
		if (memcg->psi.nr_stalled[r] != stalled[r])
			broken(v, "tasks: pressure of \"%s\" counts %u stalls on %u, there are %u",
			       memcg->name, memcg->psi.nr_stalled[r], r, stalled[r]);
}

static void check_groups(struct verify *v)
{
	struct quire *q = v->q;
	struct mem_cgroup *memcg;
	struct task *leader;

	for (memcg = mem_cgroup_iter(q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(q, NULL, memcg)) {
		unsigned int n = 0;

		if (!memcg->parent)
			continue; /* its tasks carry NULL */
		check_pressure(v, memcg);
		for_each_process(q, leader) for_each_thread(leader, t) n += t->memcg == memcg;
		if (memcg->nr_tasks < n)
			broken(v, "tasks: group \"%s\" counts %u tasks, %u are in it", memcg->name,
			       memcg->nr_tasks, n);
	}
}

static void check_mm_users(struct verify *v)
{
	struct quire *q = v->q;
	struct task *leader;
	struct mm_struct *mm;
	unsigned long users = 0, holders = 0;

	list_for_each_entry (mm, &q->space->mms, mm_list) {
		users += mm->mm_users;
		if (mm->mm_count < 1)
			broken(v, "tasks: address space %lu is kept by nobody", mm->context_id);
	}
	for_each_process(q, leader) for_each_thread(leader, t) holders += t->mm != NULL;
	if (users < holders)
		broken(v, "tasks: address spaces count %lu users, %lu tasks have one", users,
		       holders);
}

void verify_tasks(struct verify *v)
{
	struct quire *q = v->q;
	struct space_floor *sp = q->space;
	unsigned int processes = 0, threads = 0, children = 0, pids = 0;
	unsigned long stacks = 0;
	struct task *leader;

	if (!list_validate(&sp->tasks) || !rb_validate(&sp->pids)) {
		broken(v, "tasks: the list of tasks or the tree of pids is damaged");
		return;
	}
	if (sp->swapper)
		check_children(v, sp->swapper, &children);
	for_each_process(q, leader)
	{
		processes++;
		threads += check_process(v, leader);
		check_children(v, leader, &children);
		for_each_thread(leader, t) stacks += t->stack != 0;
	}
	for (struct rb_node *n = rb_first(&sp->pids); n; n = rb_next(n))
		pids++;
	if (processes != sp->nr_processes || threads != sp->nr_threads || pids != threads)
		broken(v, "tasks: counted %u processes, %u threads, %u pids; there are %u, %u, %u",
		       sp->nr_processes, sp->nr_threads, sp->nr_threads, processes, threads, pids);
	if (children != processes)
		broken(v, "tasks: %u processes, but %u are somebody's children", processes,
		       children);
	if (global_node_page_state(q, NR_KERNEL_STACK_KB) < stacks * (THREAD_SIZE >> 10))
		broken(v, "tasks: %lu stacks, but only %lu KiB of them are counted", stacks,
		       global_node_page_state(q, NR_KERNEL_STACK_KB));
	check_mm_users(v);
	check_groups(v);
}
