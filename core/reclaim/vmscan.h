/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: kswapd, direct reclaim, a group's reclaim, workingset, the
 * shrinkers (Linux's vmscan.c and workingset.c).
 */
#ifndef QUIRE_RECLAIM_VMSCAN_H
#define QUIRE_RECLAIM_VMSCAN_H

#include "space/sched.h"

#define SWAP_CLUSTER_MAX 32UL
#define DEF_PRIORITY	 12
#define MAX_RECLAIM_RETRIES 16

struct scan_control {
	unsigned long nr_to_reclaim;
	const nodemask_t *nodemask;
	struct mem_cgroup *target_mem_cgroup; /* NULL: the machine */
	unsigned long anon_cost, file_cost;
	bool may_deactivate_anon, may_deactivate_file, force_deactivate;
	bool may_writepage, may_unmap, may_swap;
	bool memcg_low_reclaim, memcg_low_skipped;
	bool cache_trim_mode, file_is_tiny;
	int order, priority, reclaim_idx;
	gfp_t gfp_mask;
	unsigned long nr_scanned, nr_reclaimed;
	struct {
		unsigned int dirty, unqueued_dirty, congested, writeback, immediate, file_taken, taken;
	} nr;
};

struct reclaim_floor {
	int swappiness;
	unsigned int laptop_mode, zone_reclaim_mode;
	u64 stall_ns; /* time tasks spent in direct reclaim */
	unsigned long nr_direct_stalls;
};

int reclaim_init(struct quire *q); /* registers with page, group and cache; starts kswapds */

/* drop_caches and memory.reclaim. */
unsigned long shrink_slab(struct quire *q, gfp_t gfp, unsigned int nid, struct mem_cgroup *memcg,
			  int priority);
void drop_slab(struct quire *q);
/* Nodes whose kswapd has given up (MAX_RECLAIM_RETRIES failures). */
bool pgdat_all_unreclaimable(const struct pglist_data *pgdat);

#endif
