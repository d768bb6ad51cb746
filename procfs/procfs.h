/* SPDX-License-Identifier: MIT */
/*
 * A command inside a model: in a mount namespace of its own, where /proc, /sys
 * and /dev/kmsg are the model's.
 *
 *	struct guests *g = guests_create(&options, stderr);	before the model boots
 *	...
 *	status = procfs_run(g, machine, stderr);		the command's exit status
 *	guests_destroy(g);
 */
#ifndef QUIRE_PROCFS_PROCFS_H
#define QUIRE_PROCFS_PROCFS_H

#include "machine/machine.h"

struct guests;

struct procfs_options {
	char *const *argv; /* the command; NULL: the user's shell */
	bool no_fuse;	   /* write the tree out as files, even where FUSE is there */
	double speed;	   /* > 0: the model runs on, this many times as fast as the clock */
};

/*
 * Makes the namespaces and the process that will be the command: early, while
 * this process is small.  NULL after a message on err: the system allows no
 * namespaces.
 */
struct guests *guests_create(const struct procfs_options *o, FILE *err);

/*
 * Serves the machine's tree and runs the command, until it ends.  Returns its
 * exit status (128 + n if signal n ended it, 127 if there is no such command),
 * or 1 after a message on err.  SIGTERM and SIGHUP end the command first.
 */
int procfs_run(struct guests *g, struct machine *m, FILE *err);

/* Ends whoever is left in the namespaces, which go with them. */
void guests_destroy(struct guests *g);

#endif
