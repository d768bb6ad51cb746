/* SPDX-License-Identifier: MIT */
/*
 * What the files of syscall/ share.  This floor turns Linux's numbers, registers and
 * pointers into calls of the floors below; it keeps no state but SysV segments.
 */
#ifndef QUIRE_SYSCALL_SYSCALL_H
#define QUIRE_SYSCALL_SYSCALL_H

#include <quire/syscall.h>
#include "reclaim/numa.h"
#include "space/files.h"
#include "space/hugetlb.h"
#include "space/internal.h"
#include "space/userfaultfd.h"

#define IPC_CREAT	 01000u
#define IPC_EXCL	 02000u
#define SHMGET_FLAGS	 (0777u | IPC_CREAT | IPC_EXCL | SHM_NORESERVE)
#define SHM_HUGETLB	 04000u
#define SHM_NORESERVE	 010000u
#define SHM_RDONLY	 010000u
#define SHM_RND		 020000u
#define SHM_REMAP	 040000u
#define SHM_EXEC	 0100000u
#define SHMAT_FLAGS	 (SHM_RDONLY | SHM_RND | SHM_REMAP | SHM_EXEC)
#define SWAP_FLAGS_VALID 0x7ffffu
#define CLONE_SIGHAND	 0x800u
#define CLONE_NEWNS	 0x20000u
#define CLONE_FS	 0x200u
/* What clone() takes; those of no concern to memory are kept by the embedder. */
#define CLONE_KNOWN                                                                             \
	(0xffu /* the signal */ | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |           \
	 0x2000u /* PTRACE */ | CLONE_VFORK | 0x8000u /* PARENT */ | CLONE_THREAD |             \
	 0x40000u /* SYSVSEM */ | 0x80000u /* SETTLS */ | 0x100000u /* PARENT_SETTID */ |       \
	 0x200000u /* CHILD_CLEARTID */ | 0x400000u /* DETACHED */ | 0x800000u /* UNTRACED */ | \
	 0x1000000u /* CHILD_SETTID */ | 0x80000000u /* IO */)
#define FALLOC_KNOWN	  (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)
#define MFD_CLOEXEC	  1u
#define MFD_ALLOW_SEALING 2u
#define MFD_KNOWN	  (MFD_CLOEXEC | MFD_ALLOW_SEALING)

/* One call on its way. */
struct syscall {
	struct quire *q;
	struct task *task;
	const u64 *arg;
	const struct quire_syscall_ops *ops;
};

typedef s64 (*syscall_fn)(struct syscall *c);

/* User 0 stands for the capabilities. */
static inline bool capable(const struct syscall *c)
{
	return !c->task->uid;
}

/* 0 or -EFAULT. */
static inline int get_user(const struct syscall *c, void *to, u64 from, size_t bytes)
{
	if (!c->ops || !c->ops->copy_from_user)
		return -EFAULT;
	return c->ops->copy_from_user(c->ops->ctx, to, from, bytes) ? -EFAULT : 0;
}
static inline int put_user(const struct syscall *c, u64 to, const void *from, size_t bytes)
{
	if (!c->ops || !c->ops->copy_to_user)
		return -EFAULT;
	return c->ops->copy_to_user(c->ops->ctx, to, from, bytes) ? -EFAULT : 0;
}
/* A string of less than cap bytes: its length, -EFAULT, -ENAMETOOLONG. */
int get_user_string(const struct syscall *c, char *to, u64 from, size_t cap);

/* A task's address space with a user, by pid (0: the caller's) or by a descriptor of
 * pidfd_open(); ERR_PTR(-ESRCH, -EPERM, -EINVAL: a kernel thread). */
struct mm_struct *mm_of_pid(struct syscall *c, int pid);
/* May the caller look at a task's memory?  -EPERM. */
int may_access(const struct syscall *c, const struct task *task);

/* memory.c */
s64 sys_mmap(struct syscall *c);
s64 sys_munmap(struct syscall *c);
s64 sys_mprotect(struct syscall *c);
s64 sys_mremap(struct syscall *c);
s64 sys_brk(struct syscall *c);
s64 sys_madvise(struct syscall *c);
s64 sys_process_madvise(struct syscall *c);
s64 sys_mincore(struct syscall *c);
s64 sys_msync(struct syscall *c);
s64 sys_mlock(struct syscall *c);
s64 sys_mlock2(struct syscall *c);
s64 sys_munlock(struct syscall *c);
s64 sys_mlockall(struct syscall *c);
s64 sys_munlockall(struct syscall *c);
s64 sys_remap_file_pages(struct syscall *c);
s64 sys_pkey_mprotect(struct syscall *c);
s64 sys_pkey_alloc(struct syscall *c);
s64 sys_pkey_free(struct syscall *c);
/* policy.c */
s64 sys_mbind(struct syscall *c);
s64 sys_set_mempolicy(struct syscall *c);
s64 sys_get_mempolicy(struct syscall *c);
s64 sys_set_mempolicy_home_node(struct syscall *c);
s64 sys_migrate_pages(struct syscall *c);
s64 sys_move_pages(struct syscall *c);
/* file.c */
s64 sys_read(struct syscall *c);
s64 sys_close(struct syscall *c);
s64 sys_poll(struct syscall *c);
s64 sys_ioctl(struct syscall *c);
s64 sys_ftruncate(struct syscall *c);
s64 sys_fallocate(struct syscall *c);
s64 sys_memfd_create(struct syscall *c);
s64 sys_swapon(struct syscall *c);
s64 sys_swapoff(struct syscall *c);
/* userfault.c */
s64 sys_userfaultfd(struct syscall *c);
s64 uffd_ioctl(struct syscall *c, struct fd_slot *slot, unsigned int cmd, u64 arg);
s64 uffd_read(struct syscall *c, struct fd_slot *slot, u64 buf, u64 bytes);
/* shm.c */
s64 sys_shmget(struct syscall *c);
s64 sys_shmat(struct syscall *c);
s64 sys_shmdt(struct syscall *c);
s64 sys_shmctl(struct syscall *c);
/* process.c */
s64 sys_fork(struct syscall *c);
s64 sys_vfork(struct syscall *c);
s64 sys_clone(struct syscall *c);
s64 sys_exit(struct syscall *c);
s64 sys_exit_group(struct syscall *c);
s64 sys_getrlimit(struct syscall *c);
s64 sys_setrlimit(struct syscall *c);
s64 sys_prlimit64(struct syscall *c);
s64 sys_prctl(struct syscall *c);
s64 sys_pidfd_open(struct syscall *c);
s64 sys_process_mrelease(struct syscall *c);

#endif
