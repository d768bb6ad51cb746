/* SPDX-License-Identifier: MIT */
/*
 * Reclaim by whoever needs the memory: an allocation that found no free page,
 * a charge that hit its group's limit (Linux's try_to_free_pages() and
 * try_to_free_mem_cgroup_pages()).
 *
 * The idea: scan all nodes that the request may use at priority 12, then 11,
 * ... down to 0, the whole lists, until SWAP_CLUSTER_MAX pages are free.  Once
 * through without a single page, two things may have been spared that are
 * tried before giving up: active lists that need not have been shrunk, and
 * groups' memory.low.
 *
 * The time spent is pressure: a stall (PSI; for a group its charge sees to
 * that), and an allocation's counts in reclaim->stall_ns.
 */
#include "page/pageblock.h"
#include "reclaim/internal.h"
#include "space/mempolicy.h"

/* No progress at all near the end: give the device a moment.  Much progress:
 * those who wait for it may go on. */
static void consider_reclaim_throttle(struct quire *q, struct pglist_data *pgdat,
				      const struct scan_control *sc)
{
	if (sc->nr_reclaimed > sc->nr_scanned >> 3) {
		struct quire_wait_queue *wq = &pgdat->reclaim_wait[VMSCAN_THROTTLE_NOPROGRESS];

		if (HOT_LOAD(&wq->waiters))
			wake_up(q, wq);
		return;
	}
	if (current_is_kswapd(q) || cgroup_reclaim(sc))
		return;
	if (sc->priority == 1 && !sc->nr_reclaimed)
		reclaim_throttle(q, pgdat, VMSCAN_THROTTLE_NOPROGRESS);
}

/* Is enough free for compaction to bring a large block together, with something
 * to spare for those who take pages meanwhile? */
static bool compaction_ready(const struct quire *q, const struct zone *zone,
			     const struct scan_control *sc)
{
	enum compact_result suitable;

	if (cgroup_reclaim(sc) || sc->order <= PAGE_ALLOC_COSTLY_ORDER)
		return false;
	suitable = compaction_suitable(q, zone, sc->order, 0, sc->reclaim_idx);
	if (suitable != COMPACT_CONTINUE)
		return suitable == COMPACT_SUCCESS;
	return zone_watermark_ok(zone, 0, high_wmark_pages(zone) + compact_gap(sc->order),
				 sc->reclaim_idx, 0);
}

static void shrink_zones(struct quire *q, struct zonelist *zonelist, struct scan_control *sc)
{
	struct pglist_data *first = NULL, *last = NULL;
	struct zone *zone;

	/* Lists are a node's: its zones are neighbours in the zonelist. */
	for_each_zone_zonelist_nodemask(zone, z, zonelist, sc->reclaim_idx, sc->nodemask)
	{
		if (unlikely(q->keys & KEY_CPUSETS) && !cgroup_reclaim(sc) &&
		    !cpuset_zone_allowed(q, zone, GFP_KERNEL | __GFP_HARDWALL))
			continue;
		if (compaction_ready(q, zone, sc)) {
			sc->compaction_ready = true;
			continue;
		}
		if (zone->zone_pgdat == last)
			continue;
		last = zone->zone_pgdat;
		if (!first)
			first = last;
		shrink_node(q, last, sc);
	}
	if (first)
		consider_reclaim_throttle(q, first, sc);
}

static void finish_nodes(struct quire *q, struct zonelist *zonelist, const struct scan_control *sc)
{
	struct pglist_data *last = NULL;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, zonelist, sc->reclaim_idx, sc->nodemask)
	{
		if (zone->zone_pgdat == last)
			continue;
		last = zone->zone_pgdat;
		snapshot_refaults(q, sc->target_mem_cgroup, last);
		if (cgroup_reclaim(sc))
			(void)HOT_AND(&target_lruvec(q, sc, last)->flags, ~LRUVEC_CONGESTED);
	}
}

static unsigned long do_try_to_free_pages(struct quire *q, struct zonelist *zonelist,
					  struct scan_control *sc)
{
	int initial_priority = sc->priority;

	for (;;) {
		if (!cgroup_reclaim(sc))
			count_vm_event(q, (enum vm_event_item)(ALLOCSTALL_DMA + sc->reclaim_idx));
		do {
			sc->nr_scanned = 0;
			shrink_zones(q, zonelist, sc);
			if (sc->nr_reclaimed >= sc->nr_to_reclaim || sc->compaction_ready)
				break;
			/* In trouble, laptop mode's idle disk must spin up. */
			if (sc->priority < DEF_PRIORITY - 2)
				sc->may_writepage = true;
		} while (--sc->priority >= 0 && !q->stopping);
		finish_nodes(q, zonelist, sc);
		if (sc->nr_reclaimed || q->stopping)
			return sc->nr_reclaimed;
		/* It is not memory that is missing. */
		if (sc->compaction_ready)
			return 1;
		if (sc->skipped_deactivate) {
			sc->force_deactivate = true;
			sc->skipped_deactivate = false;
		} else if (sc->memcg_low_skipped) {
			sc->force_deactivate = false;
			sc->memcg_low_reclaim = true;
			sc->memcg_low_skipped = false;
		} else {
			return 0;
		}
		sc->priority = initial_priority;
	}
}

/* What the context may not do, its allocations' reclaim may not either. */
gfp_t current_gfp_context(struct quire *q, gfp_t gfp)
{
	unsigned int flags = current_context(q)->flags;

	if (flags & PF_MEMALLOC_NOIO)
		gfp &= ~(__GFP_IO | __GFP_FS);
	else if (flags & PF_MEMALLOC_NOFS)
		gfp &= ~__GFP_FS;
	return gfp;
}

/* Reclaim as a stall of the running task: PF_MEMALLOC lets what it allocates
 * use the reserves, and keeps it from reclaiming again. */
static unsigned long reclaim_stalled(struct quire *q, struct zonelist *zonelist,
				     struct scan_control *sc)
{
	struct quire_context *context = current_context(q);
	unsigned int memalloc = context->flags & PF_MEMALLOC;
	unsigned long slab = context->reclaimed_slab, nr_reclaimed;

	context->flags |= PF_MEMALLOC;
	context->reclaimed_slab = 0;
	nr_reclaimed = do_try_to_free_pages(q, zonelist, sc);
	/* It may have moved to another CPU, but the context is its own. */
	context->reclaimed_slab = slab;
	context->flags = (context->flags & ~PF_MEMALLOC) | memalloc;
	return nr_reclaimed;
}

unsigned long try_to_free_pages(struct quire *q, struct alloc_context *ac)
{
	gfp_t gfp = current_gfp_context(q, ac->gfp);
	struct scan_control sc = {
		.nr_to_reclaim = SWAP_CLUSTER_MAX,
		.gfp_mask = gfp,
		.reclaim_idx = (int)gfp_zone(gfp),
		.order = (int)ac->order,
		.nodemask = ac->nodemask,
		.priority = DEF_PRIORITY,
		.may_writepage = !q->cache->laptop_mode,
		.may_unmap = true,
		.may_swap = true,
	};
	unsigned long nr_reclaimed;
	u64 start;

	/* Killed while it waited: say that there was progress, and let it die. */
	if (throttle_direct_reclaim(q, gfp, ac->zonelist, ac->nodemask))
		return 1;
	start = quire_clock(q);
	psi_stall_enter(q, PSI_MEM);
	nr_reclaimed = reclaim_stalled(q, ac->zonelist, &sc);
	psi_stall_leave(q, PSI_MEM);
	(void)HOT_ADD(&q->reclaim->stall_ns, quire_clock(q) - start);
	(void)HOT_ADD(&q->reclaim->nr_direct_stalls, 1);
	return nr_reclaimed;
}

unsigned long try_to_free_mem_cgroup_pages(struct quire *q, struct mem_cgroup *memcg,
					   unsigned long nr_pages, gfp_t gfp)
{
	struct scan_control sc = {
		.nr_to_reclaim = max(nr_pages, SWAP_CLUSTER_MAX),
		/* Pages of a group are movable: any zone will do. */
		.gfp_mask = current_gfp_context(q, gfp) | __GFP_HIGHMEM | __GFP_MOVABLE,
		.reclaim_idx = MAX_NR_ZONES - 1,
		.target_mem_cgroup = memcg,
		.priority = DEF_PRIORITY,
		.may_writepage = !q->cache->laptop_mode,
		.may_unmap = true,
		.may_swap = true,
	};
	unsigned int nid = numa_node_id(q);

	return reclaim_stalled(q, &NODE_DATA(q, nid)->node_zonelists[ZONELIST_FALLBACK], &sc);
}
