/* SPDX-License-Identifier: MIT */
/*
 * Reclaim: kswapd, direct reclaim, a group's reclaim, workingset, the
 * shrinkers (Linux's vmscan.c and workingset.c).
 */
#ifndef QUIRE_RECLAIM_VMSCAN_H
#define QUIRE_RECLAIM_VMSCAN_H

#include "space/huge_mm.h"
#include "space/sched.h"

#define DEF_PRIORITY	    12
#define MAX_RECLAIM_RETRIES 16

struct scan_control {
	unsigned long nr_to_reclaim;
	const nodemask_t *nodemask;
	struct mem_cgroup *target_mem_cgroup; /* NULL: the machine */
	unsigned long anon_cost, file_cost;   /* what reclaim of each kind has cost lately */
	bool may_deactivate_anon, may_deactivate_file; /* the active list is too long, or stale */
	bool force_deactivate;	 /* second try: shrink active lists in any case */
	bool skipped_deactivate; /* there was something left to deactivate */
	bool may_writepage, may_unmap, may_swap;
	bool no_demotion; /* pages are to be freed, not moved to a slower node */
	bool memcg_low_reclaim, memcg_low_skipped; /* memory.low is ignored; it held us back */
	bool cache_trim_mode;	/* plenty of cold cache: leave anonymous pages alone */
	bool file_is_tiny;	/* next to no cache: leave it alone */
	bool compaction_ready;	/* enough is free for a large block: others may put it together */
	bool memcgs_need_aging; /* kswapd, with generations: eviction could do with some */
	unsigned long last_reclaimed; /* ... nr_reclaimed when this run began */
	int order, priority, reclaim_idx;
	gfp_t gfp_mask;
	unsigned long nr_scanned, nr_reclaimed;
	struct {
		unsigned int dirty, unqueued_dirty, congested, writeback, immediate, file_taken,
			taken;
	} nr;
};

struct reclaim_floor {
	int swappiness;
	unsigned int zone_reclaim_mode, min_unmapped_ratio, min_slab_ratio;
	unsigned int compaction_proactiveness, compact_unevictable_allowed;
	bool demotion_enabled; /* cold pages go to nodes without processors: demote.c */
	u64 stall_ns;	       /* time tasks spent in direct reclaim */
	unsigned long nr_direct_stalls;
	struct lru_gen_control *lru_gen; /* reclaim/lru_gen.h; NULL: nobody set anything of it */
	unsigned long *offline_blocks;	 /* memory_hotplug.c: a bit each; NULL: none */
};

int reclaim_init(struct quire *q); /* registers with page, group and cache; starts kswapds */

/* drop_caches and memory.reclaim. */
unsigned long shrink_slab(struct quire *q, gfp_t gfp, unsigned int nid, struct mem_cgroup *memcg,
			  int priority);
void drop_slab(struct quire *q);
/* Pages that reclaim could look at: inactive and active, anonymous ones only
 * while there is swap. */
unsigned long zone_reclaimable_pages(const struct quire *q, const struct zone *zone);
/* Is some zone up to highest_zoneidx above its high watermark? */
bool pgdat_balanced(const struct pglist_data *pgdat, int order, int highest_zoneidx);
/* Nodes whose kswapd has given up (MAX_RECLAIM_RETRIES failures). */
bool pgdat_all_unreclaimable(const struct pglist_data *pgdat);

#endif
