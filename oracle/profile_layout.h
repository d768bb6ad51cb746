/* SPDX-License-Identifier: MIT */
/*
 * The early boot (profile_early.h) as a layout that an instance boots from, and
 * what is given back to it later.
 */
#ifndef ORACLE_PROFILE_LAYOUT_H
#define ORACLE_PROFILE_LAYOUT_H

#include "oracle/profile_early.h"

#define LAYOUT_RANGES (EARLY_RANGES + 64)

struct profile_layout {
	struct early early;
	struct quire_layout layout;
	struct quire_range memory[LAYOUT_RANGES], reserved[LAYOUT_RANGES];
	struct quire_zone_span zones[QUIRE_MAX_NODES * 4];
	/* The initrd, then init's code and the image's gaps: freed after the marks
	 * were computed. */
	struct quire_range late[8];
	u32 nr_late;
};

/* NULL: no memory, or a machine that such a kernel does not boot on. */
struct profile_layout *profile_layout_make(const struct early_machine *m,
					   const struct early_kernel *k);

#endif
