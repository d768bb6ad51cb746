/* SPDX-License-Identifier: MIT */
/*
 * What the kernel has in memory when the guest program starts, beside what the
 * floors of an instance have themselves: profile_boot.c.
 */
#ifndef ORACLE_PROFILE_BOOT_H
#define ORACLE_PROFILE_BOOT_H

#include "oracle/profile_layout.h"
#include "space/sched.h"

/* In a fiber of init's: tasks, slabs, tables, what goes back to the buddy late.
 * 0 or a negative error. */
int boot_kernel(struct quire *q, const struct profile_layout *l);
int boot_slabs(struct quire *q); /* oracle/profile_slab.c */

#endif
