/* SPDX-License-Identifier: MIT */
/*
 * Making reclaimers wait (the throttling of Linux's vmscan.c).
 *
 * The idea: a scan that finds nothing that it could free now must not burn the
 * processor until it can.  It sleeps on one of four queues of the node, each
 * for a reason, each with a limit in time, woken earlier by whoever sees the
 * reason go: pages written, isolated pages put back, progress made.
 *
 * The other throttle stands in front of direct reclaim.  When free memory is
 * below half of all min watermarks, allocations of user tasks wait for kswapd,
 * so that the reserves last for those who free memory (swapping needs some).
 *
 * Locks: none; queues are event counts.
 */
#include "reclaim/internal.h"

#define JIFFY_NS (4 * NSEC_PER_MSEC) /* HZ=250 */

/* Waiting makes sense only while enough of the node is under writeback. */
static bool skip_throttle_noprogress(struct quire *q, struct pglist_data *pgdat)
{
	unsigned long reclaimable = 0, write_pending = 0;

	/* Hopeless: on to the OOM killer. */
	if (pgdat_all_unreclaimable(pgdat))
		return true;
	for_each_zone_of_node(pgdat, zone)
	{
		if (!zone->managed_pages)
			continue;
		reclaimable += zone_reclaimable_pages(q, zone);
		write_pending += zone_page_state(zone, NR_ZONE_WRITE_PENDING);
	}
	return 2 * write_pending <= reclaimable;
}

void reclaim_throttle(struct quire *q, struct pglist_data *pgdat, enum vmscan_throttle_state reason)
{
	struct quire_wait_queue *wq;
	u64 timeout = JIFFY_NS;
	u32 seq;

	/* A flusher that waited for writeback would wait for itself. */
	if (!current_is_kswapd(q) && (current_context(q)->flags & PF_KTHREAD)) {
		cond_resched(q);
		return;
	}
	switch (reason) {
	case VMSCAN_THROTTLE_WRITEBACK:
		timeout = NSEC_PER_SEC / 10;
		if (HOT_ADD(&pgdat->nr_writeback_throttled, 1) == 1)
			HOT_STORE(&pgdat->nr_reclaim_start,
				  node_page_state(pgdat, NR_THROTTLED_WRITTEN));
		break;
	case VMSCAN_THROTTLE_CONGESTED:
	case VMSCAN_THROTTLE_NOPROGRESS:
		if (skip_throttle_noprogress(q, pgdat)) {
			cond_resched(q);
			return;
		}
		break;
	case VMSCAN_THROTTLE_ISOLATED:
		timeout = NSEC_PER_SEC / 50;
		break;
	default: /* not a reason */
		return;
	}
	wq = &pgdat->reclaim_wait[reason];
	seq = HOT_LOAD(&wq->seq);
	wait_on(q, wq, seq, timeout);
	if (reason == VMSCAN_THROTTLE_WRITEBACK)
		(void)HOT_SUB(&pgdat->nr_writeback_throttled, 1);
}

/* More than half of the reserve of all min watermarks is free. */
bool allow_direct_reclaim(struct quire *q, struct pglist_data *pgdat)
{
	unsigned long reserve = 0, free = 0;
	bool ok;

	if (pgdat_all_unreclaimable(pgdat))
		return true;
	for (int zid = 0; zid <= ZONE_NORMAL; zid++) {
		struct zone *zone = &pgdat->node_zones[zid];

		if (!zone->managed_pages || !zone_reclaimable_pages(q, zone))
			continue;
		reserve += min_wmark_pages(zone);
		free += zone_page_state(zone, NR_FREE_PAGES);
	}
	if (!reserve)
		return true;
	ok = free > reserve / 2;
	/* Whoever waits for kswapd needs it awake. */
	if (!ok && HOT_LOAD(&pgdat->kswapd_asleep)) {
		if (HOT_LOAD(&pgdat->kswapd_highest_zoneidx) > ZONE_NORMAL)
			HOT_STORE(&pgdat->kswapd_highest_zoneidx, ZONE_NORMAL);
		wake_up(q, &pgdat->kswapd_wait);
	}
	return ok;
}

bool throttle_direct_reclaim(struct quire *q, gfp_t gfp, struct zonelist *zonelist,
			     const nodemask_t *nodemask)
{
	struct task *task = current_task(q);
	struct pglist_data *pgdat = NULL;
	struct zone *zone;

	/* Kernel threads may be what frees memory, victims are to die fast. */
	if (current_context(q)->flags & PF_KTHREAD)
		return false;
	if (task && fatal_signal_pending(task))
		return false;
	for_each_zone_zonelist_nodemask(zone, z, zonelist, gfp_zone(gfp), nodemask)
	{
		if (z->zone_idx > ZONE_NORMAL)
			continue;
		pgdat = zone->zone_pgdat;
		break;
	}
	/* Without a kswapd nobody would end the wait. */
	if (!pgdat || !pgdat->has_kswapd || allow_direct_reclaim(q, pgdat))
		return false;
	count_vm_event(q, PGSCAN_DIRECT_THROTTLE);
	/* Who holds file-system locks waits a second at most: kswapd may need
	 * just those. */
	if (!(gfp & __GFP_FS)) {
		(void)wait_event_timeout(q, &pgdat->pfmemalloc_wait, allow_direct_reclaim(q, pgdat),
					 NSEC_PER_SEC);
	} else {
		while (!q->stopping && !(task && fatal_signal_pending(task)) &&
		       !wait_event_timeout(q, &pgdat->pfmemalloc_wait,
					   allow_direct_reclaim(q, pgdat), NSEC_PER_SEC))
			;
	}
	return task && fatal_signal_pending(task);
}
