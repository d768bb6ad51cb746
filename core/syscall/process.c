/* SPDX-License-Identifier: MIT */
/*
 * Calls about processes, as far as their memory is concerned: fork, clone, exit, limits,
 * descriptors of processes, process_mrelease.
 *
 * A child is made here and run by the embedder (ops->start).
 */
#include "syscall/syscall.h"
#include "oom/oom.h"

static s64 do_clone(struct syscall *c, unsigned int flags)
{
	struct task *child = copy_process(c->q, c->task, flags);
	s64 pid;

	if (IS_ERR_OR_NULL(child))
		return child ? PTR_ERR(child) : -ENOMEM;
	pid = child->pid;
	if (c->ops && c->ops->start)
		c->ops->start(c->ops->ctx, (int)pid, (flags & CLONE_VFORK) != 0);
	return pid;
}

s64 sys_fork(struct syscall *c)
{
	return do_clone(c, 0);
}

s64 sys_vfork(struct syscall *c)
{
	return do_clone(c, CLONE_VM | CLONE_VFORK);
}

s64 sys_clone(struct syscall *c)
{
	u64 flags = c->arg[0] & 0xffffffffu;

	/* Namespaces and descriptors of the child are not there. */
	if (flags & ~(u64)CLONE_KNOWN)
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	return do_clone(c, (unsigned int)flags);
}

s64 sys_exit(struct syscall *c)
{
	do_exit(c->q, c->task, (int)(c->arg[0] & 0xff) << 8);
	return 0;
}

/* The other threads are killed; they end when they run. */
s64 sys_exit_group(struct syscall *c)
{
	c->task->signal->group_exit = true;
	c->task->signal->exit_code = (int)(c->arg[0] & 0xff) << 8;
	for_each_thread(c->task->group_leader, t)
	{
		if (t == c->task || (t->flags & PF_EXITING))
			continue;
		t->sigkill_pending = true;
		if (c->q->port->kill)
			c->q->port->kill(c->q->port_ctx, t, SIGKILL);
	}
	return sys_exit(c);
}

/* ---- limits -------------------------------------------------------------------------- */

s64 sys_getrlimit(struct syscall *c)
{
	struct rlimit old;
	int err;

	if (c->arg[0] >= RLIM_NLIMITS)
		return -EINVAL;
	err = do_prlimit(c->q, c->task, (unsigned int)c->arg[0], NULL, &old);
	return err ? err : put_user(c, c->arg[1], &old, sizeof(old));
}

s64 sys_setrlimit(struct syscall *c)
{
	struct rlimit new;

	if (get_user(c, &new, c->arg[1], sizeof(new)))
		return -EFAULT;
	if (c->arg[0] >= RLIM_NLIMITS)
		return -EINVAL;
	return do_prlimit(c->q, c->task, (unsigned int)c->arg[0], &new, NULL);
}

s64 sys_prlimit64(struct syscall *c)
{
	struct rlimit new, old;
	struct task *task = c->task;
	int err = 0;

	if (c->arg[2] && get_user(c, &new, c->arg[2], sizeof(new)))
		return -EFAULT;
	if (c->arg[0])
		task = find_task_by_pid(c->q, (int)c->arg[0]);
	if (!task)
		return -ESRCH;
	if (task != c->task)
		err = may_access(c, task);
	if (!err && c->arg[1] >= RLIM_NLIMITS)
		err = -EINVAL;
	if (!err)
		err = do_prlimit(c->q, task, (unsigned int)c->arg[1], c->arg[2] ? &new : NULL,
				 &old);
	return err || !c->arg[3] ? err : put_user(c, c->arg[3], &old, sizeof(old));
}

#define PR_SET_THP_DISABLE 41
#define PR_GET_THP_DISABLE 42

s64 sys_prctl(struct syscall *c)
{
	struct mm_struct *mm = c->task->mm;

	switch ((int)c->arg[0]) {
	case PR_SET_THP_DISABLE:
		if (c->arg[2] || c->arg[3] || c->arg[4])
			return -EINVAL;
		down_write(c->q, &mm->mmap_lock);
		if (c->arg[1])
			(void)HOT_OR(&mm->flags, BIT(MMF_DISABLE_THP));
		else
			(void)HOT_AND(&mm->flags, ~BIT(MMF_DISABLE_THP));
		up_write(c->q, &mm->mmap_lock);
		return 0;
	case PR_GET_THP_DISABLE:
		if (c->arg[1] || c->arg[2] || c->arg[3] || c->arg[4])
			return -EINVAL;
		return (mm->flags & BIT(MMF_DISABLE_THP)) != 0;
	default:
		return -EINVAL;
	}
}

/* ---- other processes ------------------------------------------------------------------ */

s64 sys_pidfd_open(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[1];
	struct task *task;
	int fd;

	if ((flags & ~O_NONBLOCK) || (int)c->arg[0] <= 0)
		return -EINVAL;
	spin_lock(c->q, &c->q->space->tasklist_lock);
	task = find_task_by_pid(c->q, (int)c->arg[0]);
	if (task)
		get_task(task);
	spin_unlock(c->q, &c->q->space->tasklist_lock);
	if (!task)
		return -ESRCH;
	fd = task == task->group_leader
		     ? fd_install(c->q, c->task, FD_PIDFD, task, flags | O_CLOEXEC)
		     : -EINVAL;
	if (fd < 0)
		put_task(c->q, task);
	return fd;
}

s64 sys_process_mrelease(struct syscall *c)
{
	const struct fd_slot *slot;
	struct mm_struct *mm;
	struct task *task;
	s64 ret = 0;

	if ((unsigned int)c->arg[1])
		return -EINVAL;
	slot = fd_lookup(c->task, (int)c->arg[0], FD_PIDFD);
	if (!slot)
		return -EBADF;
	task = find_task_mm(slot->object);
	mm = task ? task->mm : NULL;
	if (!mm)
		return -ESRCH;
	/* Only of who is being killed. */
	if (!task->signal->group_exit && !(task->flags & PF_EXITING))
		return mm->flags & BIT(MMF_OOM_SKIP) ? 0 : -EINVAL;
	mmgrab(mm);
	if (!oom_reap_mm(c->q, mm))
		ret = -EAGAIN;
	mmdrop(c->q, mm);
	return ret;
}
