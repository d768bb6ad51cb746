/* SPDX-License-Identifier: MIT */
/*
 * kswapd: a thread a node that keeps free memory between the low and the high
 * watermark, so that allocations need not reclaim themselves.
 *
 * The idea: an allocation that finds no zone above its low watermark wakes the
 * node's kswapd (wakeup_kswapd()), telling for which order and up to which
 * zone, and goes on with what is left above min.  kswapd shrinks its node, at
 * rising priority, until some zone that may serve the request is above high
 * (balance_pgdat()).  Before it goes to sleep for long it naps for 100 ms: if
 * it is woken or the node is out of balance by then, it sleeps no further.
 *
 * A node from which MAX_RECLAIM_RETRIES runs in a row brought nothing is
 * hopeless: kswapd stays asleep until somebody's reclaim succeeds.
 *
 * Invariants: kswapd_asleep is set before kswapd looks for a reason to stay
 * awake, and the event count is read before that; so a request is either seen
 * or wakes it.
 *
 * For a block of high order it frees twice that much and then no more: what is
 * free but in pieces kcompactd puts together.
 */
#include "base/text.h"
#include "reclaim/compaction.h"
#include "reclaim/lru_gen.h"

static bool managed_zone(const struct zone *zone)
{
	return zone->managed_pages != 0;
}

bool pgdat_balanced(const struct pglist_data *pgdat, int order, int highest_zoneidx)
{
	bool any = false;

	for (int zid = 0; zid <= highest_zoneidx && zid < MAX_NR_ZONES; zid++) {
		const struct zone *zone = &pgdat->node_zones[zid];

		if (!managed_zone(zone))
			continue;
		any = true;
		if (zone_watermark_ok(zone, (unsigned int)order, high_wmark_pages(zone),
				      highest_zoneidx, 0))
			return true;
	}
	/* No such zone: nothing to balance. */
	return !any;
}

static bool pgdat_watermark_boosted(const struct pglist_data *pgdat, int highest_zoneidx)
{
	for (int zid = highest_zoneidx; zid >= 0; zid--)
		if (managed_zone(&pgdat->node_zones[zid]) &&
		    HOT_LOAD(&pgdat->node_zones[zid].watermark_boost))
			return true;
	return false;
}

void wakeup_kswapd(struct quire *q, struct zone *zone, gfp_t gfp, unsigned int order,
		   int highest_zoneidx)
{
	struct pglist_data *pgdat = zone->zone_pgdat;
	int idx = HOT_LOAD(&pgdat->kswapd_highest_zoneidx);

	if (!managed_zone(zone) || !pgdat->has_kswapd)
		return;
	if (idx == MAX_NR_ZONES || idx < highest_zoneidx)
		HOT_STORE(&pgdat->kswapd_highest_zoneidx, highest_zoneidx);
	if (HOT_LOAD(&pgdat->kswapd_order) < (int)order)
		HOT_STORE(&pgdat->kswapd_order, (int)order);
	if (!HOT_LOAD(&pgdat->kswapd_asleep))
		return;
	if (pgdat_all_unreclaimable(pgdat) || (pgdat_balanced(pgdat, (int)order, highest_zoneidx) &&
					       !pgdat_watermark_boosted(pgdat, highest_zoneidx))) {
		/* Enough is free, but in pieces: not for kswapd to mend, and who
		 * can't wait will not do it either. */
		if (!(gfp & __GFP_DIRECT_RECLAIM))
			wakeup_kcompactd(q, pgdat, (int)order, highest_zoneidx);
		return;
	}
	wake_up(q, &pgdat->kswapd_wait);
}

static void wake_throttled(struct quire *q, struct pglist_data *pgdat)
{
	if (HOT_LOAD(&pgdat->pfmemalloc_wait.waiters))
		wake_up(q, &pgdat->pfmemalloc_wait);
}

/* One scan.  True if it went over as many pages as it wanted to free: the
 * priority is high enough. */
static bool kswapd_shrink_node(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc)
{
	sc->nr_to_reclaim = 0;
	for (int zid = 0; zid <= sc->reclaim_idx; zid++) {
		struct zone *zone = &pgdat->node_zones[zid];

		if (managed_zone(zone))
			sc->nr_to_reclaim += max(high_wmark_pages(zone), SWAP_CLUSTER_MAX);
	}
	shrink_node(q, pgdat, sc);
	/* Twice the block was freed and still there is none: free memory is in
	 * pieces, and freeing more of it is no cure. */
	if (sc->order && sc->nr_reclaimed >= 2UL << sc->order)
		sc->order = 0;
	return sc->nr_scanned >= sc->nr_to_reclaim;
}

/* Anonymous pages age a little with each run, so that there are old ones when
 * the cache is used up. */
static void kswapd_age_node(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc)
{
	struct mem_cgroup *root = q->group->root, *memcg;

	if (lru_gen_enabled(q)) {
		lru_gen_age_node(q, pgdat, sc);
		return;
	}
	if (!can_age_anon_pages(q, pgdat->node_id) ||
	    !inactive_is_low(q, &pgdat->__lruvec, LRU_INACTIVE_ANON))
		return;
	for (memcg = mem_cgroup_iter(q, root, NULL); memcg; memcg = mem_cgroup_iter(q, root, memcg))
		shrink_active_list(q, SWAP_CLUSTER_MAX,
				   mem_cgroup_lruvec(q, memcg_or_root(q, memcg), pgdat), sc,
				   LRU_ACTIVE_ANON);
}

/* The boost of all zones, each remembered, to be taken back when it is served. */
static unsigned long sum_boosts(const struct pglist_data *pgdat, int highest_zoneidx,
				unsigned long *boosts)
{
	unsigned long sum = 0;

	for (int zid = 0; zid <= highest_zoneidx; zid++) {
		boosts[zid] = 0;
		if (managed_zone(&pgdat->node_zones[zid]))
			sum += boosts[zid] = HOT_LOAD(&pgdat->node_zones[zid].watermark_boost);
	}
	return sum;
}

static void drop_boosts(struct quire *q, struct pglist_data *pgdat, int highest_zoneidx,
			const unsigned long *boosts)
{
	for (int zid = 0; zid <= highest_zoneidx; zid++) {
		struct zone *zone = &pgdat->node_zones[zid];

		if (!boosts[zid])
			continue;
		spin_lock(q, &zone->lock);
		HOT_STORE(&zone->watermark_boost,
			  zone->watermark_boost - min(zone->watermark_boost, boosts[zid]));
		spin_unlock(q, &zone->lock);
	}
}

/*
 * The runs at rising priority.  *boost is what a fragmentation event wants
 * reclaimed beyond the watermarks: gently, without writing or swapping.
 */
static void balance_runs(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc,
			 unsigned long *boost)
{
	sc->priority = DEF_PRIORITY;
	do {
		unsigned long nr_reclaimed = sc->nr_reclaimed;
		bool raise_priority = true;
		bool balanced = pgdat_balanced(pgdat, sc->order, sc->reclaim_idx);

		if (!balanced && *boost) {
			*boost = 0;
			sc->priority = DEF_PRIORITY;
			continue;
		}
		if (!*boost && balanced)
			return;
		if (*boost && sc->priority == DEF_PRIORITY - 2)
			raise_priority = false;
		sc->may_writepage = !q->cache->laptop_mode && !*boost;
		sc->may_swap = !*boost;
		kswapd_age_node(q, pgdat, sc);
		if (sc->priority < DEF_PRIORITY - 2)
			sc->may_writepage = true;
		sc->nr_scanned = 0;
		if (kswapd_shrink_node(q, pgdat, sc))
			raise_priority = false;
		if (HOT_LOAD(&pgdat->pfmemalloc_wait.waiters) && allow_direct_reclaim(q, pgdat))
			wake_throttled(q, pgdat);
		if (q->stopping)
			break;
		nr_reclaimed = sc->nr_reclaimed - nr_reclaimed;
		*boost -= min(*boost, nr_reclaimed);
		if (*boost && !nr_reclaimed)
			break;
		if (raise_priority || !nr_reclaimed)
			sc->priority--;
	} while (sc->priority >= 1);
	if (!sc->nr_reclaimed)
		(void)HOT_ADD(&pgdat->kswapd_failures, 1);
}

/* While kswapd is at it, frees bypass long per-CPU lists. */
static void set_reclaim_active(struct pglist_data *pgdat, int highest_zoneidx, bool active)
{
	for (int zid = 0; zid <= highest_zoneidx; zid++)
		if (managed_zone(&pgdat->node_zones[zid]))
			HOT_STORE(&pgdat->node_zones[zid].reclaim_active, active);
}

/* Reclaims until the node is in balance for the order and the zones, or there
 * is nothing to be had.  The order that it worked for in the end. */
static int balance_pgdat(struct quire *q, struct pglist_data *pgdat, int order, int highest_zoneidx)
{
	struct scan_control sc = {
		.gfp_mask = GFP_KERNEL,
		.order = order,
		.reclaim_idx = highest_zoneidx,
		.may_unmap = true,
	};
	unsigned long boosts[MAX_NR_ZONES], boost = sum_boosts(pgdat, highest_zoneidx, boosts);
	bool boosted = boost != 0;

	psi_stall_enter(q, PSI_MEM);
	count_vm_event(q, PAGEOUTRUN);
	set_reclaim_active(pgdat, highest_zoneidx, true);
	balance_runs(q, pgdat, &sc, &boost);
	set_reclaim_active(pgdat, highest_zoneidx, false);
	if (boosted) {
		drop_boosts(q, pgdat, highest_zoneidx, boosts);
		/* There is room now: whole pageblocks, please. */
		wakeup_kcompactd(q, pgdat, pageblock_order, highest_zoneidx);
	}
	snapshot_refaults(q, NULL, pgdat);
	psi_stall_leave(q, PSI_MEM);
	return sc.order;
}

/* The last request's zone, or while there is none the one before. */
static int kswapd_highest_zoneidx(const struct pglist_data *pgdat, int previous)
{
	int idx = HOT_LOAD(&pgdat->kswapd_highest_zoneidx);

	return idx == MAX_NR_ZONES ? previous : idx;
}

/* May it sleep?  Those whom it held back are let go first. */
static bool prepare_kswapd_sleep(struct quire *q, struct pglist_data *pgdat, int order,
				 int highest_zoneidx)
{
	wake_throttled(q, pgdat);
	if (pgdat_all_unreclaimable(pgdat))
		return true;
	if (!pgdat_balanced(pgdat, order, highest_zoneidx))
		return false;
	(void)HOT_AND(&pgdat->__lruvec.flags, ~LRUVEC_CONGESTED);
	(void)HOT_AND(&pgdat->flags, ~(PGDAT_DIRTY | PGDAT_WRITEBACK));
	return true;
}

/* set_pgdat_percpu_threshold(): counters may drift while kswapd sleeps. */
static void end_stat_pressure(struct quire *q, struct pglist_data *pgdat)
{
	if (!pgdat->stat_pressure)
		return;
	for_each_populated_zone_of_node(pgdat, zone) zone->stat_threshold =
		calculate_normal_threshold(q, zone);
	HOT_STORE(&pgdat->stat_pressure, false);
}

static void kswapd_try_to_sleep(struct quire *q, struct pglist_data *pgdat, int alloc_order,
				int reclaim_order, int highest_zoneidx)
{
	bool woken = false;
	u32 seq;

	HOT_STORE(&pgdat->kswapd_asleep, true);
	seq = HOT_LOAD(&pgdat->kswapd_wait.seq);
	if (!q->stopping && prepare_kswapd_sleep(q, pgdat, reclaim_order, highest_zoneidx)) {
		u64 until = quire_clock(q) + NSEC_PER_SEC / 10;

		/* Pageblocks that were of no use may be now; and what was freed
		 * for a block of high order is to be put together. */
		reset_isolation_suitable(q, pgdat);
		wakeup_kcompactd(q, pgdat, alloc_order, highest_zoneidx);

		do {
			u64 now = quire_clock(q);

			if (now >= until)
				break;
			wait_on(q, &pgdat->kswapd_wait, seq, until - now);
			woken = HOT_LOAD(&pgdat->kswapd_wait.seq) != seq;
		} while (!woken && !q->stopping);
		/* Woken from the nap: what it had worked for still stands. */
		if (woken) {
			HOT_STORE(&pgdat->kswapd_highest_zoneidx,
				  kswapd_highest_zoneidx(pgdat, highest_zoneidx));
			if (HOT_LOAD(&pgdat->kswapd_order) < reclaim_order)
				HOT_STORE(&pgdat->kswapd_order, reclaim_order);
		}
		seq = HOT_LOAD(&pgdat->kswapd_wait.seq);
	}
	if (!woken && prepare_kswapd_sleep(q, pgdat, reclaim_order, highest_zoneidx)) {
		end_stat_pressure(q, pgdat);
		while (!q->stopping && HOT_LOAD(&pgdat->kswapd_wait.seq) == seq)
			wait_on(q, &pgdat->kswapd_wait, seq, MAX_SCHEDULE_TIMEOUT);
		HOT_STORE(&pgdat->stat_pressure, true);
	} else {
		count_vm_event(q, woken ? KSWAPD_LOW_WMARK_HIT_QUICKLY
					: KSWAPD_HIGH_WMARK_HIT_QUICKLY);
	}
	HOT_STORE(&pgdat->kswapd_asleep, false);
}

static void kswapd(struct quire *q, void *arg)
{
	struct pglist_data *pgdat = arg;
	int highest_zoneidx = MAX_NR_ZONES - 1;
	int alloc_order = 0, reclaim_order = 0;

	/* It frees memory, so it may use the reserves, and never reclaims for
	 * its own allocations. */
	current_context(q)->flags |= PF_MEMALLOC | PF_KSWAPD;
	pgdat->kswapd = current_task(q);
	if (pgdat->kswapd)
		pgdat->kswapd->flags |= PF_MEMALLOC | PF_KSWAPD;
	while (!q->stopping) {
		kswapd_try_to_sleep(q, pgdat, alloc_order, reclaim_order, highest_zoneidx);
		alloc_order = HOT_LOAD(&pgdat->kswapd_order);
		highest_zoneidx = kswapd_highest_zoneidx(pgdat, highest_zoneidx);
		HOT_STORE(&pgdat->kswapd_order, 0);
		HOT_STORE(&pgdat->kswapd_highest_zoneidx, MAX_NR_ZONES);
		if (q->stopping)
			break;
		/* A high order was given up: it may sleep in balance for order 0,
		 * and kcompactd goes on with the order that was asked for. */
		reclaim_order = balance_pgdat(q, pgdat, alloc_order, highest_zoneidx);
		if (reclaim_order < alloc_order)
			continue;
		alloc_order = reclaim_order = HOT_LOAD(&pgdat->kswapd_order);
		highest_zoneidx = kswapd_highest_zoneidx(pgdat, highest_zoneidx);
	}
	pgdat->kswapd = NULL;
	pgdat->has_kswapd = false;
}

int kswapd_run(struct quire *q, unsigned int nid)
{
	struct pglist_data *pgdat = NODE_DATA(q, nid);
	char name[16];
	struct text t;
	int err;

	pgdat->kswapd_order = 0;
	pgdat->kswapd_highest_zoneidx = MAX_NR_ZONES;
	pgdat->kswapd_asleep = false;
	if (!q->port->thread_start)
		return 0;
	text_init(&t, name, sizeof(name));
	text_printf(&t, "kswapd%u", nid);
	pgdat->has_kswapd = true;
	err = kthread_run(q, name, kswapd, pgdat, (int)nid);
	if (err)
		pgdat->has_kswapd = false;
	return err;
}
