/* SPDX-License-Identifier: MIT */
/*
 * Reclaim before spill (Linux's node_reclaim(), vm.zone_reclaim_mode).
 *
 * A near node that is low would send the request to a far one.  With
 * zone_reclaim_mode the allocator first asks here whether a little of the near
 * node's memory can be had cheaply: page cache that nobody maps (RECLAIM_ZONE),
 * dirty pages too (RECLAIM_WRITE), mapped ones and swap too (RECLAIM_UNMAP).
 *
 * It is not worth it when only min_unmapped_ratio per cent of the node are such
 * pages, and min_slab_ratio reclaimable slab; one at a time does it on a node,
 * and nobody on a node that has processors of its own but the caller's.
 */
#include "reclaim/internal.h"
#include "group/memcontrol.h"

#define RECLAIM_ZONE  1u
#define RECLAIM_WRITE 2u
#define RECLAIM_UNMAP 4u

/* A sixteenth of each list at first. */
#define NODE_RECLAIM_PRIORITY 4

/* Cached pages that the mode allows to be taken. */
static unsigned long node_pagecache_reclaimable(struct quire *q, struct pglist_data *pgdat)
{
	unsigned int mode = q->reclaim->zone_reclaim_mode;
	unsigned long mapped = node_page_state(pgdat, NR_FILE_MAPPED), delta = 0;
	unsigned long nr =
		node_page_state(pgdat, NR_INACTIVE_FILE) + node_page_state(pgdat, NR_ACTIVE_FILE);

	/* Shared memory is mapped, too, but on the anonymous lists. */
	nr -= min(nr, mapped);
	if (mode & RECLAIM_UNMAP)
		nr = node_page_state(pgdat, NR_FILE_PAGES);
	if (!(mode & RECLAIM_WRITE))
		delta = node_page_state(pgdat, NR_FILE_DIRTY);
	return nr - min(nr, delta);
}

static bool worth_it(struct quire *q, struct pglist_data *pgdat)
{
	unsigned long managed = 0;

	for_each_populated_zone_of_node(pgdat, zone) managed += zone->managed_pages;
	return node_pagecache_reclaimable(q, pgdat) >
		       managed * q->reclaim->min_unmapped_ratio / 100 ||
	       node_page_state(pgdat, NR_SLAB_RECLAIMABLE) >
		       managed * q->reclaim->min_slab_ratio / 100;
}

static bool has_cpus(const struct quire *q, unsigned int nid)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		if (cpu_to_node(q, cpu) == nid)
			return true;
	return false;
}

static unsigned long reclaim_from(struct quire *q, struct pglist_data *pgdat, gfp_t gfp,
				  unsigned int order)
{
	struct quire_context *context = current_context(q);
	unsigned int mode = q->reclaim->zone_reclaim_mode;
	unsigned long nr_pages = 1UL << order, slab = context->reclaimed_slab;
	struct scan_control sc = {
		.nr_to_reclaim = max(nr_pages, SWAP_CLUSTER_MAX),
		.gfp_mask = current_gfp_context(q, gfp),
		.order = (int)order,
		.priority = NODE_RECLAIM_PRIORITY,
		.may_writepage = mode & RECLAIM_WRITE,
		.may_unmap = mode & RECLAIM_UNMAP,
		.may_swap = true,
		.reclaim_idx = (int)gfp_zone(gfp),
	};

	context->flags |= PF_MEMALLOC;
	context->reclaimed_slab = 0;
	psi_stall_enter(q, PSI_MEM);
	do
		shrink_node(q, pgdat, &sc);
	while (sc.nr_reclaimed < nr_pages && --sc.priority >= 0);
	psi_stall_leave(q, PSI_MEM);
	/* It may have moved to another CPU, but the context is its own. */
	context->reclaimed_slab = slab;
	context->flags &= ~(unsigned int)PF_MEMALLOC;
	return sc.nr_reclaimed;
}

bool node_reclaim(struct quire *q, struct pglist_data *pgdat, gfp_t gfp, unsigned int order)
{
	unsigned int nid = pgdat->node_id;
	bool enough;

	if (!(q->reclaim->zone_reclaim_mode & (RECLAIM_ZONE | RECLAIM_WRITE | RECLAIM_UNMAP)) ||
	    !worth_it(q, pgdat))
		return false;
	if (!gfpflags_allow_blocking(gfp) || (current_context(q)->flags & PF_MEMALLOC))
		return false;
	if (nid != numa_node_id(q) && has_cpus(q, nid))
		return false;
	if (HOT_OR(&pgdat->flags, PGDAT_RECLAIM_LOCKED) & PGDAT_RECLAIM_LOCKED)
		return false;
	enough = reclaim_from(q, pgdat, gfp, order) >= 1UL << order;
	(void)HOT_AND(&pgdat->flags, ~PGDAT_RECLAIM_LOCKED);
	if (!enough)
		count_vm_event(q, PGSCAN_ZONE_RECLAIM_FAILED);
	return true;
}
