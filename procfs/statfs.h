/* SPDX-License-Identifier: MIT */
/*
 * What statfs(2) says of the model's /proc, /sys and /sys/fs/cgroup.
 */
#ifndef QUIRE_PROCFS_STATFS_H
#define QUIRE_PROCFS_STATFS_H

/* Starts the thread that answers; before the numbers of guests begin, so that it has
 * none of theirs. */
void statfs_prepare(void);
/*
 * From now on this process and whoever it starts are told that these are
 * Linux's own file systems.  Where the system refuses (no seccomp, or somebody
 * above listens already) they stay FUSE, and nothing else changes.
 */
void statfs_begin(void);

#endif
