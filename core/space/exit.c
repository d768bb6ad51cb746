/* SPDX-License-Identifier: MIT */
/*
 * How tasks end, and signals as far as they end tasks (Linux's exit.c, the
 * killing part of signal.c, and the reaper's work on an address space).
 *
 * do_exit() gives up memory, files and the kernel stack; what remains is a
 * zombie that holds its pid and its counts until its parent collects it.  A
 * thread that does not lead its process leaves nothing; the leader's zombie
 * waits for the last of them.  Children of init, of kthreadd and of pid 0 are
 * collected at once.
 */
#include "space/internal.h"

void get_task(struct task *task)
{
	(void)HOT_ADD(&task->usage, 1);
}

void put_task(struct quire *q, struct task *task)
{
	struct space_floor *sp = q->space;
	struct signal_struct *sig = task->signal;

	if (HOT_SUB(&task->usage, 1))
		return;
	if (HOT_SUB(&sig->refs, 1) == 0) {
		if (sig->oom_mm)
			mmdrop(q, sig->oom_mm);
		kmem_cache_free(q, sp->signal_cachep, sig);
	}
	put_shared(q, sp->cred_cachep, &task->cred);
	task_numa_free(q, task);
	kmem_cache_free(q, sp->task_cachep, task);
}

/* Under tasklist_lock: off every list; its counts go to whom they belong. */
static void unhash_task(struct quire *q, struct task *task)
{
	struct space_floor *sp = q->space;
	struct signal_struct *sig = task->signal;

	detach_pid(q, task);
	sig->nr_threads--;
	sp->nr_threads--;
	sp->exited_switches += task->nvcsw + task->nivcsw;
	if (task != task->group_leader) {
		sig->min_flt += task->min_flt;
		sig->maj_flt += task->maj_flt;
		sig->utime += task->utime;
		sig->stime += task->stime;
		list_del_init(&task->thread_group);
	} else {
		struct signal_struct *psig = task->parent->signal;

		psig->cmin_flt += task->min_flt + sig->min_flt + sig->cmin_flt;
		psig->cmaj_flt += task->maj_flt + sig->maj_flt + sig->cmaj_flt;
		psig->cutime += task->utime + sig->utime + sig->cutime;
		psig->cstime += task->stime + sig->stime + sig->cstime;
		list_del_init(&task->tasks);
		list_del_init(&task->sibling);
		sp->nr_processes--;
	}
	task->state = EXIT_DEAD;
}

static bool collected_at_once(const struct quire *q, const struct task *leader)
{
	const struct task *parent = leader->parent;

	return parent == q->space->init_task || parent == q->space->kthreadd ||
	       parent == q->space->swapper;
}

/* The leader's zombie has no more threads to wait for. */
static bool group_is_dead(const struct task *leader)
{
	return leader->state == EXIT_ZOMBIE && leader->signal->nr_threads == 1;
}

/* Children of a process that ends go to init; its zombies are collected. */
static void forget_children(struct quire *q, struct task *leader)
{
	struct task *init = q->space->init_task, *child;

	for (;;) {
		bool dead;

		spin_lock(q, &q->space->tasklist_lock);
		child = list_first_entry_or_null(&leader->children, struct task, sibling);
		if (!child) {
			spin_unlock(q, &q->space->tasklist_lock);
			return;
		}
		list_move_tail(&child->sibling, &init->children);
		for_each_thread(child, t) t->parent = init;
		dead = group_is_dead(child);
		spin_unlock(q, &q->space->tasklist_lock);
		if (dead)
			release_task(q, child);
	}
}

void release_task(struct quire *q, struct task *task)
{
	struct task *leader = task->group_leader;
	bool leader_too;

	if (task == leader)
		forget_children(q, leader); /* what a thread left since */
	spin_lock(q, &q->space->tasklist_lock);
	unhash_task(q, task);
	leader_too = task != leader && group_is_dead(leader);
	spin_unlock(q, &q->space->tasklist_lock);
	put_shared(q, q->space->sighand_cachep, &task->sighand);
	kmem_cache_free(q, q->space->pid_cachep, task->pid_struct);
	task->pid_struct = NULL;
	kfree(q, task->cmdline);
	task->cmdline = NULL;
	if (task->memcg) {
		psi_move_task(q, task->memcg, NULL, &task->psi);
		mem_cgroup_detach_task(q, task->memcg);
		task->memcg = NULL;
	}
	put_task(q, task);
	if (!leader_too)
		return;
	forget_children(q, leader);
	if (leader->exit_wait)
		wake_up(q, leader->exit_wait);
	if (collected_at_once(q, leader))
		release_task(q, leader); /* a leader: this goes no deeper */
}

static void exit_mm(struct quire *q, struct task *task)
{
	struct mm_struct *mm = task->mm;

	if (!mm)
		return;
	sync_mm_rss(task);
	update_hiwater_rss(mm);
	update_hiwater_vm(mm);
	if (mm->owner == task) {
		mm->owner = NULL;
		for_each_thread(task->group_leader, t) if (t != task && t->mm == mm) mm->owner = t;
	}
	task->mm = NULL;
	task->in_vfork = false;
	mmput(q, mm);
	task->tif_memdie = false;
}

void do_exit(struct quire *q, struct task *task, int code)
{
	struct task *leader = task->group_leader;
	bool collect;

	BUG_ON(q, task == q->space->init_task && !q->stopping);
	if (task->flags & PF_EXITING)
		return;
	task->flags |= PF_EXITING;
	task->exit_code = code;
	charge_ns(q, q->cost.exit_task);
	if (current_context(q)->nr_dirtied && current_task(q) == task)
		dirty_throttle_leak(q);
	exit_mm(q, task);
	task_numa_free(q, task);
	put_shared(q, q->space->files_cachep, &task->files);
	put_shared(q, q->space->fs_cachep, &task->fs);
	free_task_stack(q, task);
	/* Children are the process's: they lose it with its last thread. */
	if (task == leader && task->signal->nr_threads == 1)
		forget_children(q, leader);
	spin_lock(q, &q->space->tasklist_lock);
	task->state = EXIT_ZOMBIE;
	collect = task != leader || (group_is_dead(task) && collected_at_once(q, task));
	spin_unlock(q, &q->space->tasklist_lock);
	if (task == leader && task->exit_wait && task->signal->nr_threads == 1)
		wake_up(q, task->exit_wait);
	if (collect)
		release_task(q, task);
}

void send_signal(struct quire *q, struct task *task, int sig)
{
	if (!task->signal->group_exit)
		task->signal->exit_code = sig;
	task->signal->group_exit = true;
	for_each_thread(task->group_leader, t)
	{
		t->sigkill_pending = true;
		if (!(t->flags & PF_EXITING) && q->port->kill)
			q->port->kill(q->port_ctx, t, sig);
	}
}

bool fatal_signal_pending(const struct task *task)
{
	return HOT_LOAD(&task->sigkill_pending);
}

/*
 * What a killed process has to itself goes at once, before it gets round to
 * exiting.  False if someone holds its lock: try again.  Faults that come later
 * end in SIGBUS (MMF_UNSTABLE).  Linux: __oom_reap_task_mm().
 */
bool oom_reap_mm(struct quire *q, struct mm_struct *mm)
{
	if (!down_read_trylock(q, &mm->mmap_lock))
		return false;
	(void)HOT_OR(&mm->flags, BIT(MMF_UNSTABLE));
	if (!(mm->flags & BIT(MMF_OOM_SKIP)))
		for (struct vm_area_struct *vma = find_vma(mm, 0); vma; vma = vma->vm_next)
			if (!(vma->vm_flags & (VM_SHARED | VM_HUGETLB)))
				unmap_page_range(q, vma, vma->vm_start, vma->vm_end);
	up_read(q, &mm->mmap_lock);
	return true;
}
