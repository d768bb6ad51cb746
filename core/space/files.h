/* SPDX-License-Identifier: MIT */
/*
 * What a process has open, by number (space/files.c): files that it maps, userfaultfd
 * contexts, other processes.
 */
#ifndef QUIRE_SPACE_FILES_H
#define QUIRE_SPACE_FILES_H

#include "space/sched.h"

enum fd_kind { FD_NONE, FD_FILE, FD_USERFAULTFD, FD_PIDFD };

#define O_RDONLY   0x0
#define O_WRONLY   0x1
#define O_RDWR	   0x2
#define O_NONBLOCK 0x800
#define O_CLOEXEC  0x80000

struct fd_slot {
	void *object; /* a struct file, userfaultfd_ctx or task, with a reference */
	u8 kind;      /* enum fd_kind */
	bool cloexec;
	u16 seals; /* of a memfd: F_SEAL_* */
	u32 flags; /* O_NONBLOCK */
};

/* The lowest free number for an object, whose reference goes with it: the number, or
 * -EMFILE (RLIMIT_NOFILE), -ENOMEM (then the reference is still the caller's). */
int fd_install(struct quire *q, struct task *task, enum fd_kind kind, void *object,
	       unsigned int flags);
/* What a number stands for; NULL: nothing, or of another kind (FD_NONE: any). */
struct fd_slot *fd_lookup(struct task *task, int fd, enum fd_kind kind);
int fd_close(struct quire *q, struct task *task, int fd); /* -EBADF */

/* fork.c, exec.c, exit.c: the table as a whole.  A copy: -ENOMEM. */
int files_copy(struct quire *q, void *to, const void *from);
void files_close(struct quire *q, void *files, bool exec);

#endif
