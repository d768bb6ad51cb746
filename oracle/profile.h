/* SPDX-License-Identifier: MIT */
/*
 * The machine as a real kernel has it when the guest program starts: memory
 * map, memory that the kernel took for itself, its tasks, its slabs.
 *
 * What cannot be modelled, the kernel's own boot, is a stated number of the
 * machine: it follows from the machine's description and the kernel alone, and
 * nothing here may know a scenario's name.
 */
#ifndef ORACLE_PROFILE_H
#define ORACLE_PROFILE_H

#include "oracle/script.h"
#include "port/model/model.h"

struct profile {
	struct quire_config cfg; /* for model_create(); its pointers are the profile's */
	u64 start_ns;		 /* when the guest program starts, since boot */
	const char *version;	 /* /proc/version */
	const char *cmdline;	 /* /proc/cmdline */
	void *private;		 /* profile.c's own */
};

/*
 * The profile of a machine under a kernel ("6.1").  0, or -EINVAL after a
 * message on err: a kernel that there is no profile of, an impossible machine.
 */
int profile_build(const struct oracle_vm *vm, const char *kernel, struct profile *out, FILE *err);
/*
 * Runs in init's fiber before the first command: the tasks, slabs, mounts and
 * settings that are there when the guest program starts.  0 or a negative error.
 */
int profile_boot(struct profile *p, struct model *m);
void profile_free(struct profile *p);

#endif
