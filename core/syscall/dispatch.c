/* SPDX-License-Identifier: MIT */
/*
 * From a number to a call.
 *
 * The table is the list: what stands in it is there, with the flags that it takes, and
 * docs/syscalls.md says the same (a test compares them); everything else is -ENOSYS.
 *
 * Locks: none; the task that calls is held.
 */
#include "syscall/syscall.h"
#include "base/string.h"

struct entry {
	struct quire_syscall_info info;
	syscall_fn fn;
};

#define CALL(nr, name, nr_args, flags_arg, flags)                  \
	{                                                          \
		{nr, #name, nr_args, flags_arg, flags}, sys_##name \
	}

#define MMAP_FLAGS   (MAP_KNOWN_FLAGS | 0x4000000u) /* and MAP_UNINITIALIZED, which says nothing */
#define MREMAP_FLAGS (MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)
#define PROT_FLAGS   (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)
#define MBIND_FLAGS  (MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)

static const struct entry entries[] = {
	CALL(0, read, 3, -1, 0),
	CALL(3, close, 1, -1, 0),
	CALL(7, poll, 3, -1, 0),
	CALL(9, mmap, 6, 3, (unsigned int)MMAP_FLAGS),
	CALL(10, mprotect, 3, 2, PROT_FLAGS),
	CALL(11, munmap, 2, -1, 0),
	CALL(12, brk, 1, -1, 0),
	CALL(16, ioctl, 3, -1, 0),
	CALL(25, mremap, 5, 3, MREMAP_FLAGS),
	CALL(26, msync, 3, 2, MS_ASYNC | MS_INVALIDATE | MS_SYNC),
	CALL(27, mincore, 3, -1, 0),
	CALL(28, madvise, 3, -1, 0),
	CALL(29, shmget, 3, 2, SHMGET_FLAGS),
	CALL(30, shmat, 3, 2, SHMAT_FLAGS),
	CALL(31, shmctl, 3, -1, 0),
	CALL(56, clone, 5, 0, CLONE_KNOWN),
	CALL(57, fork, 0, -1, 0),
	CALL(58, vfork, 0, -1, 0),
	CALL(60, exit, 1, -1, 0),
	CALL(67, shmdt, 1, -1, 0),
	CALL(77, ftruncate, 2, -1, 0),
	CALL(97, getrlimit, 2, -1, 0),
	CALL(149, mlock, 2, -1, 0),
	CALL(150, munlock, 2, -1, 0),
	CALL(151, mlockall, 1, 0, MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT),
	CALL(152, munlockall, 0, -1, 0),
	CALL(157, prctl, 5, -1, 0),
	CALL(160, setrlimit, 2, -1, 0),
	CALL(167, swapon, 2, 1, SWAP_FLAGS_VALID),
	CALL(168, swapoff, 1, -1, 0),
	CALL(216, remap_file_pages, 5, 4, MAP_NONBLOCK),
	CALL(231, exit_group, 1, -1, 0),
	CALL(237, mbind, 6, 5, MBIND_FLAGS),
	CALL(238, set_mempolicy, 3, -1, 0),
	CALL(239, get_mempolicy, 5, 4, 7),
	CALL(256, migrate_pages, 4, -1, 0),
	CALL(279, move_pages, 6, 5, MPOL_MF_MOVE | MPOL_MF_MOVE_ALL),
	CALL(285, fallocate, 4, 1, FALLOC_KNOWN),
	CALL(302, prlimit64, 4, -1, 0),
	CALL(319, memfd_create, 2, 1, MFD_KNOWN),
	CALL(323, userfaultfd, 1, 0, O_CLOEXEC | O_NONBLOCK | 1u),
	CALL(325, mlock2, 3, 2, MLOCK_ONFAULT),
	CALL(329, pkey_mprotect, 4, 2, PROT_FLAGS),
	CALL(330, pkey_alloc, 2, 0, 0),
	CALL(331, pkey_free, 1, -1, 0),
	CALL(434, pidfd_open, 2, 1, O_NONBLOCK),
	CALL(440, process_madvise, 5, 4, 0),
	CALL(448, process_mrelease, 2, 1, 0),
	CALL(450, set_mempolicy_home_node, 4, 3, 0),
};

static const struct entry *find_entry(unsigned long nr)
{
	size_t low = 0, high = ARRAY_SIZE(entries);

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (entries[mid].info.nr < nr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ARRAY_SIZE(entries) && entries[low].info.nr == nr ? &entries[low] : NULL;
}

const struct quire_syscall_info *quire_syscall_info(size_t i)
{
	return i < ARRAY_SIZE(entries) ? &entries[i].info : NULL;
}

/* The task of a number, with a reference; the running one for 0. */
static struct task *calling_task(struct quire *q, int tid)
{
	struct task *task;

	spin_lock(q, &q->space->tasklist_lock);
	task = tid ? find_task_by_pid(q, tid) : current_task(q);
	if (task)
		get_task(task);
	spin_unlock(q, &q->space->tasklist_lock);
	return task;
}

int64_t quire_syscall(struct quire *q, int tid, unsigned long nr, const uint64_t args[6],
		      const struct quire_syscall_ops *ops)
{
	struct syscall c = {.q = q, .arg = (const u64 *)args, .ops = ops};
	const struct entry *entry = find_entry(nr);
	struct quire_context *context = current_context(q);
	struct task *was = context->task;
	s64 ret = -ESRCH;

	if (!entry || !q->space)
		return -ENOSYS;
	c.task = calling_task(q, tid);
	if (!c.task)
		return -ESRCH;
	/* Whose faults, charges and signals they are. */
	context->task = c.task;
	if (c.task->mm && !(c.task->flags & PF_EXITING))
		ret = entry->fn(&c);
	current_context(q)->task = was;
	put_task(q, c.task);
	return ret;
}

int quire_page_fault(struct quire *q, int tid, uint64_t addr, int write)
{
	struct quire_context *context = current_context(q);
	struct task *task = q->space ? calling_task(q, tid) : NULL, *was = context->task;
	unsigned int ret = 0;

	if (!task)
		return -ESRCH;
	context->task = task;
	if (task->mm)
		ret = handle_user_fault(q, task, addr,
					FAULT_FLAG_USER | (write ? FAULT_FLAG_WRITE : 0));
	current_context(q)->task = was;
	put_task(q, task);
	if (ret & VM_FAULT_SIGSEGV)
		return -EFAULT;
	if (ret & VM_FAULT_SIGBUS)
		return -EIO;
	return ret & VM_FAULT_OOM ? -ENOMEM : 0;
}

/* ---- what the calls share -------------------------------------------------------------- */

int get_user_string(const struct syscall *c, char *to, u64 from, size_t cap)
{
	for (size_t i = 0; i < cap; i++) {
		if (get_user(c, to + i, from + i, 1))
			return -EFAULT;
		if (!to[i])
			return (int)i;
	}
	return -ENAMETOOLONG;
}

int may_access(const struct syscall *c, const struct task *task)
{
	return capable(c) || task->uid == c->task->uid ? 0 : -EPERM;
}

struct mm_struct *mm_of_pid(struct syscall *c, int pid)
{
	struct task *task = calling_task(c->q, pid);
	struct mm_struct *mm;
	int err;

	if (!task)
		return ERR_PTR(-ESRCH);
	err = pid ? may_access(c, task) : 0;
	mm = task->mm;
	if (!err && !mm)
		err = -EINVAL;
	if (!err)
		mmget(mm);
	put_task(c->q, task);
	return err ? ERR_PTR(err) : mm;
}
