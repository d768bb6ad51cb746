/* SPDX-License-Identifier: MIT */
/*
 * The text of /proc and /sys, rendered from the state, and what may be
 * written there.
 *
 * The tree is virtual: a path is resolved to a struct proc_entry when asked.
 * Whoever serves it (procfs/ through FUSE, or files written out) uses these
 * four calls and knows nothing of what is in the files.
 */
#ifndef QUIRE_PROC_PROC_H
#define QUIRE_PROC_PROC_H

#include "base/text.h"
#include "oom/oom.h"

enum proc_kind { PROC_NONE, PROC_DIR, PROC_FILE, PROC_LINK };

/* A place in the tree; small, by value, holds no reference. */
struct proc_entry {
	u8 kind;  /* enum proc_kind */
	u16 mode; /* permission bits */
	u16 id;	  /* which directory or file: private to proc/ */
	int pid;  /* /proc/PID/..., and /proc/PID/task/TID */
	int tid;
	u32 arg;	       /* node, cpu, size index, cgroup id... */
	unsigned int uid, gid; /* owner: a process's files are its user's */
};

int proc_init(struct quire *q);

/* The two roots. */
struct proc_entry proc_root(void);  /* /proc */
struct proc_entry sysfs_root(void); /* /sys */

/* The child called name of a directory: PROC_NONE if there is none. */
struct proc_entry proc_lookup(struct quire *q, struct proc_entry dir, const char *name);
/* Calls fn for each child of a directory; stops when it returns false. */
void proc_readdir(struct quire *q, struct proc_entry dir,
		  bool (*fn)(void *ctx, const char *name, struct proc_entry e), void *ctx);
/* Renders a whole file, or a link's target.  0, -ENOENT (the process went),
 * -ENOMEM (the text could not grow), -EINVAL (unreadable). */
int proc_read(struct quire *q, struct proc_entry file, struct text *t);
/* A file of numbers that is read where it is asked for (pagemap), not rendered.
 * proc_read_at(): bytes, 0 at its end, or -ESRCH, -EINVAL (not at a number). */
bool proc_is_binary(struct proc_entry file);
s64 proc_read_at(struct quire *q, struct proc_entry file, u64 offset, void *buf, size_t len);
/* A write of len bytes, as one write(2).  len or a negative error, Linux's. */
s64 proc_write(struct quire *q, struct proc_entry file, const char *buf, size_t len);
/* As proc_write(), which is root's, for a user: -EACCES by the file's mode. */
s64 proc_write_as(struct quire *q, struct proc_entry file, unsigned int uid, const char *buf,
		  size_t len);

/*
 * The place that has this id, pid, tid and arg, with the rest filled in: for
 * those who keep places as numbers.  PROC_NONE if there is no such place, or
 * its process has gone.
 */
struct proc_entry proc_at(struct quire *q, u16 id, int pid, int tid, u32 arg);

#endif
