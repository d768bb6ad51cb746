/* SPDX-License-Identifier: MIT */
/*
 * The memory system calls of Linux on x86-64, by number: what a process of the machine
 * asks of its memory, for whoever runs processes on it (a kernel, a hypervisor's
 * personality, a fuzzer).
 *
 *	uint64_t mmap[6] = {0, 1 << 20, 3, 0x22, -1, 0};
 *	int64_t addr = quire_syscall(q, tid, 9, mmap, &ops);
 *
 * Results, errors and the order in which they are found are Linux 6.1's.  docs/syscalls.md
 * lists every call and flag; a number that is not there ends in -ENOSYS.
 *
 * An instance of the host port has no processes: there every call is -ENOSYS.
 */
#ifndef QUIRE_SYSCALL_H
#define QUIRE_SYSCALL_H

#include <stddef.h>
#include <stdint.h>

struct quire;

/* A device for swapon(). */
struct quire_swap_device {
	unsigned int dev;    /* the port's number; registered as a device before */
	uint64_t start_page; /* where the area begins on it */
	uint64_t nr_pages;   /* with its header page */
};

/*
 * What the calls need of the embedder.  Pointers among the arguments are the caller's
 * addresses; only these functions follow them.  Each may sleep.
 */
struct quire_syscall_ops {
	void *ctx; /* handed to each */
	/* bytes from or to the caller's memory: 0, or anything else: -EFAULT. */
	int (*copy_from_user)(void *ctx, void *to, uint64_t from, size_t bytes);
	int (*copy_to_user)(void *ctx, uint64_t to, const void *from, size_t bytes);
	/* Which device a path names: 0, or the error of swapon().  NULL: none (-ENOENT). */
	int (*swap_device)(void *ctx, const char *path, struct quire_swap_device *device);
	/* fork, vfork, clone: the child is there and may run; vfork: returns once it has
	 * executed a program or ended.  NULL: the embedder finds it by its number. */
	void (*start)(void *ctx, int child_tid, int vfork);
};

/* One call that is there. */
struct quire_syscall_info {
	unsigned int nr;
	const char *name;
	unsigned int nr_args;
	int flags_arg;	/* which argument is a set of flags; -1: none */
	uint64_t flags; /* those it takes */
};

/*
 * Makes call nr of task tid (0: the running one) with six arguments.  Returns what Linux
 * returns: a value, an address, or a negative error; -ENOSYS for what is not there, -ESRCH
 * for no such task.  The task counts as running meanwhile.  After exit() it is gone.
 * May sleep.
 */
int64_t quire_syscall(struct quire *q, int tid, unsigned long nr, const uint64_t args[6],
		      const struct quire_syscall_ops *ops);

/* The i-th call that is there, in the order of their numbers; NULL: no more. */
const struct quire_syscall_info *quire_syscall_info(size_t i);

/*
 * An access of task tid to addr that its tables do not allow: makes it possible, as Linux's
 * page fault handler.  0: again; -EFAULT (SIGSEGV was sent), -EIO (SIGBUS), -ENOMEM (it is
 * being killed, or is to try again), -ESRCH.  May sleep.
 */
int quire_page_fault(struct quire *q, int tid, uint64_t addr, int write);

#endif
