/* SPDX-License-Identifier: MIT */
/*
 * mmap and its kin: arguments as the registers have them.
 *
 * What needs no more than its arguments is the call of space/; what is here is what
 * Linux asks before: alignments, descriptors, capabilities, in its order.
 */
#include "syscall/syscall.h"

/* Linux's are longs: what lies above 32 bits must not be lost, but is wrong. */
static int narrow(u64 flags, int unknown)
{
	return (int)flags | (flags >> 32 ? unknown : 0);
}

s64 sys_mmap(struct syscall *c)
{
	int flags = narrow(c->arg[3], (c->arg[3] & MAP_TYPE) == MAP_SHARED_VALIDATE ? 0x80000 : 0);
	struct file *file = NULL;
	const struct fd_slot *slot;

	if (c->arg[5] & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		slot = fd_lookup(c->task, (int)c->arg[4], FD_NONE);
		if (!slot)
			return -EBADF;
		if (flags & MAP_HUGETLB) /* the file would have to be of a pool */
			return -EINVAL;
		if (slot->kind != FD_FILE)
			return -ENODEV;
		file = slot->object;
	}
	return (s64)do_mmap(c->q, c->task->mm, c->arg[0], c->arg[1], (int)c->arg[2], flags, file,
			    c->arg[5] >> PAGE_SHIFT);
}

s64 sys_munmap(struct syscall *c)
{
	return do_munmap(c->q, c->task->mm, c->arg[0], c->arg[1]);
}

s64 sys_mprotect(struct syscall *c)
{
	return do_mprotect(c->q, c->task->mm, c->arg[0], c->arg[1], narrow(c->arg[2], 0x100));
}

/* Without protection keys of the processor there is only key -1: none. */
s64 sys_pkey_mprotect(struct syscall *c)
{
	if ((int)c->arg[3] != -1)
		return -EINVAL;
	return sys_mprotect(c);
}

s64 sys_pkey_alloc(__unused struct syscall *c)
{
	return -EINVAL;
}

s64 sys_pkey_free(__unused struct syscall *c)
{
	return -EINVAL;
}

s64 sys_mremap(struct syscall *c)
{
	return (s64)do_mremap(c->q, c->task->mm, c->arg[0], c->arg[1], c->arg[2],
			      narrow(c->arg[3], 8), c->arg[4]);
}

s64 sys_brk(struct syscall *c)
{
	return (s64)do_brk(c->q, c->task->mm, c->arg[0]);
}

s64 sys_msync(struct syscall *c)
{
	return do_msync(c->q, c->task->mm, c->arg[0], c->arg[1], (int)c->arg[2]);
}

s64 sys_remap_file_pages(struct syscall *c)
{
	return do_remap_file_pages(c->q, c->task->mm, c->arg[0], c->arg[1], c->arg[2], c->arg[3],
				   c->arg[4]);
}

/* ---- advice ------------------------------------------------------------------------ */

s64 sys_madvise(struct syscall *c)
{
	return do_madvise(c->q, c->task->mm, c->arg[0], c->arg[1], (int)c->arg[2]);
}

#define UIO_MAXIOV 1024

struct iovec {
	u64 base, len;
};

/* Range by range; what was advised before an error counts. */
static s64 advise_ranges(struct syscall *c, struct mm_struct *mm, int behavior)
{
	struct iovec iov;
	u64 done = 0;

	for (u64 i = 0; i < c->arg[2]; i++) {
		int err = get_user(c, &iov, c->arg[1] + i * sizeof(iov), sizeof(iov));

		if (!err)
			err = do_madvise(c->q, mm, iov.base, iov.len, behavior);
		if (err < 0)
			return done ? (s64)done : err;
		done += iov.len;
	}
	return (s64)done;
}

s64 sys_process_madvise(struct syscall *c)
{
	int behavior = (int)c->arg[3];
	const struct fd_slot *slot;
	struct mm_struct *mm;
	s64 ret;

	if ((unsigned int)c->arg[4] || c->arg[2] > UIO_MAXIOV)
		return -EINVAL;
	slot = fd_lookup(c->task, (int)c->arg[0], FD_PIDFD);
	if (!slot)
		return -EBADF;
	if (behavior != MADV_COLD && behavior != MADV_PAGEOUT && behavior != MADV_WILLNEED &&
	    behavior != MADV_COLLAPSE)
		return -EINVAL;
	/* Its number may be another's by now. */
	if (((const struct task *)slot->object)->state == EXIT_DEAD)
		return -ESRCH;
	mm = mm_of_pid(c, ((const struct task *)slot->object)->pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm) == -EINVAL ? -ESRCH : PTR_ERR(mm);
	ret = mm != c->task->mm && !capable(c) ? -EPERM : advise_ranges(c, mm, behavior);
	mmput(c->q, mm);
	return ret;
}

/* ---- looking and locking ----------------------------------------------------------- */

#define MINCORE_BATCH 512

s64 sys_mincore(struct syscall *c)
{
	u64 start = c->arg[0], len = c->arg[1], vec = c->arg[2];
	u64 pages = (len >> PAGE_SHIFT) + ((len & ~PAGE_MASK) != 0);
	u8 batch[MINCORE_BATCH];

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (start > c->task->mm->task_size || len > c->task->mm->task_size - start)
		return -ENOMEM;
	while (pages) {
		u64 n = min(pages, (u64)MINCORE_BATCH);
		int err = do_mincore(c->q, c->task->mm, start, n << PAGE_SHIFT, batch);

		if (err)
			return err;
		if (put_user(c, vec, batch, n))
			return -EFAULT;
		start += n << PAGE_SHIFT;
		vec += n;
		pages -= n;
	}
	return 0;
}

s64 sys_mlock(struct syscall *c)
{
	return do_mlock(c->q, c->task->mm, c->arg[0], c->arg[1], true);
}

s64 sys_mlock2(struct syscall *c)
{
	return do_mlock2(c->q, c->task->mm, c->arg[0], c->arg[1], (int)c->arg[2]);
}

s64 sys_munlock(struct syscall *c)
{
	return do_mlock(c->q, c->task->mm, c->arg[0], c->arg[1], false);
}

s64 sys_mlockall(struct syscall *c)
{
	return (int)c->arg[0] ? do_mlockall(c->q, c->task->mm, (int)c->arg[0]) : -EINVAL;
}

s64 sys_munlockall(struct syscall *c)
{
	return do_mlockall(c->q, c->task->mm, 0);
}
