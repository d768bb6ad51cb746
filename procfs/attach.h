/* SPDX-License-Identifier: MIT */
/*
 * A command that finds some files of /proc replaced by ours (procfs/attach.c).
 */
#ifndef QUIRE_PROCFS_ATTACH_H
#define QUIRE_PROCFS_ATTACH_H

#include <stddef.h>
#include <stdio.h>

struct attach_file {
	const char *name; /* below /proc */
	/* The text now into buf, ended by a NUL: its length, or a negative error. */
	long (*render)(void *ctx, char *buf, size_t cap);
};

/*
 * Runs argv in a mount namespace of its own where the nr files are served, read
 * anew at each open.  Returns its exit status (128 + n if signal n ended it), or 1
 * after a message on err.
 */
int attach_run(const struct attach_file *files, size_t nr, void *ctx, char *const *argv, FILE *err);

#endif
