/* SPDX-License-Identifier: MIT */
/*
 * Where free blocks lie: counts by order and type become places.  See
 * capture_plan.c.
 */
#ifndef QUIRE_MACHINE_CAPTURE_PLAN_H
#define QUIRE_MACHINE_CAPTURE_PLAN_H

#include "machine/capture.h"

struct plan_block {
	u64 pfn;
	u8 order, mt;
};

struct plan_region {
	u64 pfn;
	u32 next; /* index + 1 */
	u8 order;
};

#define PLAN_ANY   MIGRATE_TYPES /* class of regions whose pageblock has no type yet */
#define PLAN_CLASS (MIGRATE_TYPES + 1)

struct plan {
	u64 start, end; /* frames */
	struct plan_region *regions;
	u32 nr_regions, cap_regions, spare;
	u32 lists[PLAN_CLASS][MAX_ORDER][2]; /* [1]: not to be used whole */
	u8 *pageblock;			     /* type, or PLAN_ANY */
	struct plan_block *blocks;
	u32 nr_blocks, cap_blocks;
	unsigned long unplaced_pages;
	bool may_split; /* blocks without a place may become smaller ones */
	bool failed;	/* no memory */
};

/* A plan for frames [start, end). False: no memory. */
bool plan_init(struct plan *p, u64 start, u64 end);
void plan_free(struct plan *p);
/* Frames that may be used; any cut of them will do as long as no two regions
 * of one order are buddies. */
void plan_add_range(struct plan *p, u64 start, u64 end);
void plan_add_region(struct plan *p, u64 pfn, unsigned int order, bool not_whole);
/* Places nr blocks.  Call for high orders first. */
void plan_place(struct plan *p, unsigned int order, int mt, unsigned long nr);
/* All of counts[type][order]. */
void plan_place_all(struct plan *p, unsigned long counts[MIGRATE_TYPES][MAX_ORDER]);
/* Drops the regions and the movable blocks of the highest order, and pages
 * that found no place are forgotten: to begin anew with the other blocks. */
void plan_forget_regions(struct plan *p);
/* What is left, as runs of frames in order: *runs is to be freed. */
struct plan_run {
	u64 pfn, nr;
};
size_t plan_left(const struct plan *p, struct plan_run **runs);

#endif
