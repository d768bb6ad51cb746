/* SPDX-License-Identifier: MIT */
/*
 * Apart from internal.h, as <sched.h> and the core's tasks have names in common.
 */
#ifndef QUIRE_PROCFS_CPU_H
#define QUIRE_PROCFS_CPU_H

/*
 * Lets this thread and the process pid, with all it will start, run on one
 * processor, the present one; does nothing where that is not allowed.
 */
void share_cpu(int pid);

#endif
