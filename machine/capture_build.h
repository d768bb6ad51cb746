/* SPDX-License-Identifier: MIT */
/* Shapes shared by the files that build a machine from a capture. */
#ifndef QUIRE_MACHINE_CAPTURE_BUILD_H
#define QUIRE_MACHINE_CAPTURE_BUILD_H

#include "machine/capture_plan.h"
#include "machine/internal.h"

/* A zone while it is built. */
struct build_zone {
	const struct cap_zone *cap;
	struct zone *zone;
	struct plan plan;	/* places of free blocks */
	unsigned long deferred; /* pages that the zone gets late */
	unsigned long hidden;	/* blocks out of reach meanwhile */
	unsigned long held;	/* pages in use that belong to nobody known */
	unsigned long unplaced; /* pages of free blocks that found no place */
};

/* A file whose pages are in memory, [0, nr). */
struct build_file {
	struct file *file;
	unsigned long nr, used; /* used: mapped by someone */
};

struct build_task {
	const struct cap_process *cap;
	struct task *task;
	struct build *b;
};

struct build {
	struct machine *m;
	struct quire *q;
	struct capture *file;
	struct cap_machine *cm;
	FILE *err;
	struct quire_layout layout;
	struct quire_range *memory, *reserved;
	struct quire_zone_span *spans;
	struct quire_slab_layout *slabs;
	struct build_zone *zones; /* as cm->zones */
	struct build_task *tasks; /* as cm->processes */
	struct file *rest;	  /* is mapped and never read */
	struct build_file mapped, shm;
	struct inode **cache; /* files that nobody maps */
	unsigned int nr_cache;
	struct backing_dev *bdi;
	struct super_block *sb;
	struct page_pressure_ops ops; /* reclaim and killer, put aside */
	unsigned long short_pages;    /* that the machine's free memory did not hold */
	bool lock_all;		      /* the process being built locked all it has */
	bool failed;
};

/* capture_build.c: pages of a node that the capture says, less what there is. */
long build_node_lack(const struct build *b, unsigned int nid, enum node_stat_item item);
/* The node that lacks most of an item. */
unsigned int build_poorest_node(const struct build *b, enum node_stat_item item);
/* The sum over nodes of what was captured. */
unsigned long build_captured(const struct build *b, enum node_stat_item item);

/* capture_zones.c */
bool build_layout(struct build *b);
void build_set_free_blocks_aside(struct build *b);
void build_give_free_blocks_back(struct build *b);
void build_marks(struct build *b);

/* capture_tasks.c */
bool build_tasks(struct build *b);
void build_task_memory(struct build *b);
void build_task_counters(struct build *b);
void build_task_states(struct build *b);
/* The running fiber works for a task, or for whom it did (NULL). */
void build_act_as(struct build *b, struct task *task);

/* capture_fill.c */
bool build_disks(struct build *b);
bool build_mapped_files(struct build *b);
void build_swapped_shmem(struct build *b);
void build_page_cache(struct build *b);
void build_lru(struct build *b);
void build_dirty(struct build *b);
/* The page of [addr] of a task goes to swap; in batches. */
void build_swap_out(struct build *b, struct task *task, u64 addr, unsigned long nr);

/* capture_slab.c */
bool build_slab_layout(struct build *b);
void build_slabs(struct build *b);

#endif
