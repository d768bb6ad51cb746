/* SPDX-License-Identifier: MIT */
/*
 * Shrinking a node: which groups, which lists, how much of each (the heart of
 * Linux's vmscan.c).
 *
 * The idea: a scan at priority p looks at 1/2^p of each list.  Reclaim begins
 * at 12, a four-thousandth, and works down while it does not get enough.  How
 * the scan is divided between anonymous and file pages follows from what
 * reclaim of each kind has cost lately (pages written out and pages that came
 * back) and from swappiness, which says how dear swap I/O is beside file I/O.
 *
 * Three short cuts come before that balance: no swap, or plenty of file pages
 * that nobody misses, means file pages only; next to no file pages means
 * anonymous pages only.
 *
 * A machine's reclaim visits every group, a group's reclaim that group and
 * those below; a group within its memory.min is passed over, one within its
 * memory.low unless nothing else was found, and above these the scan is scaled
 * down by the protected share.
 *
 * Locks: none here.  Costs are read without; a stale value is as good.
 */
#include "base/math.h"
#include "reclaim/compaction.h"
#include "reclaim/lru_gen.h"
#include "reclaim/numa.h"

enum scan_balance { SCAN_EQUAL, SCAN_FRACT, SCAN_ANON, SCAN_FILE };

/* Free slots that pages of a group (NULL: anybody's) may go to. */
bool has_swap_for(const struct quire *q, const struct mem_cgroup *memcg)
{
	if (!q->swap || HOT_LOAD(&q->swap->nr_swap_pages) <= 0)
		return false;
	for (; memcg && memcg != q->group->root; memcg = memcg->parent)
		if (HOT_LOAD(&memcg->swap.usage) >= memcg->swap.max)
			return false;
	return true;
}

bool can_reclaim_anon_pages(const struct quire *q, const struct mem_cgroup *memcg, unsigned int nid,
			    const struct scan_control *sc)
{
	return has_swap_for(q, memcg) || can_demote(q, nid, sc);
}

bool can_age_anon_pages(const struct quire *q, unsigned int nid)
{
	return (q->swap && q->swap->total_swap_pages > 0) || can_demote(q, nid, NULL);
}

unsigned long zone_reclaimable_pages(const struct quire *q, const struct zone *zone)
{
	unsigned long nr = zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
			   zone_page_state(zone, NR_ZONE_ACTIVE_FILE);

	if (can_reclaim_anon_pages(q, NULL, zone->zone_pgdat->node_id, NULL))
		nr += zone_page_state(zone, NR_ZONE_INACTIVE_ANON) +
		      zone_page_state(zone, NR_ZONE_ACTIVE_ANON);
	/* Nothing to reclaim, but what is free counts: such a zone must not be
	 * passed over where requests wait for it (Linux 6.1.124). */
	return nr ? nr : zone_page_state(zone, NR_FREE_PAGES);
}

bool pgdat_all_unreclaimable(const struct pglist_data *pgdat)
{
	return HOT_LOAD(&pgdat->kswapd_failures) >= MAX_RECLAIM_RETRIES;
}

void snapshot_refaults(struct quire *q, struct mem_cgroup *memcg, struct pglist_data *pgdat)
{
	struct lruvec *lruvec = mem_cgroup_lruvec(q, memcg_or_root(q, memcg), pgdat);

	/* Several may reclaim at once: whoever is last is right. */
	HOT_STORE(&lruvec->refaults[0], lruvec_page_state(q, lruvec, WORKINGSET_ACTIVATE_ANON));
	HOT_STORE(&lruvec->refaults[1], lruvec_page_state(q, lruvec, WORKINGSET_ACTIVATE_FILE));
}

/* ---- how much of which list ------------------------------------------------------ */

/* How many of size pages may be looked at, protection considered. */
static unsigned long unprotected_pages(struct quire *q, struct mem_cgroup *memcg,
				       unsigned long size, struct scan_control *sc)
{
	struct mem_cgroup *root = sc->target_mem_cgroup ? sc->target_mem_cgroup : q->group->root;
	unsigned long emin, elow, protection, usage, scan;

	if (!memcg || memcg == root)
		return size;
	emin = (unsigned long)memcg->memory.emin;
	elow = (unsigned long)memcg->memory.elow;
	if (!emin && !elow)
		return size;
	protection = emin;
	if (!sc->memcg_low_reclaim && elow > emin) {
		protection = elow;
		sc->memcg_low_skipped = true;
	}
	usage = max((unsigned long)HOT_LOAD(&memcg->memory.usage), protection);
	scan = size - mul_u64_u64_div_u64(size, protection, usage + 1);
	return max(scan, SWAP_CLUSTER_MAX);
}

/* Which of the two kinds, and for SCAN_FRACT their shares. */
static enum scan_balance scan_balance(struct quire *q, const struct lruvec *lruvec,
				      const struct scan_control *sc, u64 fraction[2])
{
	unsigned long swappiness = (unsigned long)q->reclaim->swappiness;
	u64 anon_cost, file_cost, total_cost;

	if (!sc->may_swap || !can_reclaim_anon_pages(q, lruvec->memcg, lruvec->pgdat->node_id, sc))
		return SCAN_FILE;
	/* A group with swappiness 0 kills rather than swap; the machine only
	 * swaps at last. */
	if (cgroup_reclaim(sc) && !swappiness)
		return SCAN_FILE;
	if (!sc->priority && swappiness)
		return SCAN_EQUAL;
	if (sc->file_is_tiny)
		return SCAN_ANON;
	if (sc->cache_trim_mode)
		return SCAN_FILE;
	/*
	 * Each kind's share falls with what it has cost.  Half of the weight
	 * is the total, so that neither is ever scanned less than a third as
	 * much as it would be at equal cost: costs change only by scanning.
	 */
	total_cost = sc->anon_cost + sc->file_cost;
	anon_cost = total_cost + sc->anon_cost;
	file_cost = total_cost + sc->file_cost;
	total_cost = anon_cost + file_cost;
	fraction[0] = swappiness * (total_cost + 1) / (anon_cost + 1);
	fraction[1] = (200 - swappiness) * (total_cost + 1) / (file_cost + 1);
	return SCAN_FRACT;
}

static void get_scan_count(struct quire *q, struct lruvec *lruvec, struct scan_control *sc,
			   unsigned long *nr)
{
	bool online = !lruvec->memcg || !lruvec->memcg->offline;
	u64 fraction[2] = {0, 0};
	enum scan_balance balance = scan_balance(q, lruvec, sc, fraction);
	u64 denominator = fraction[0] + fraction[1];

	for_each_evictable_lru(lru)
	{
		bool file = is_file_lru(lru);
		unsigned long size = lruvec_lru_size(lruvec, lru, sc->reclaim_idx);
		unsigned long scan = unprotected_pages(q, lruvec->memcg, size, sc) >> sc->priority;

		/* A removed group's last pages must go, however few. */
		if (!scan && !online)
			scan = min(size, SWAP_CLUSTER_MAX);
		if (balance == SCAN_FRACT) {
			u64 product = scan * fraction[file];

			scan = online ? product / denominator : DIV_ROUND_UP(product, denominator);
		} else if (balance != SCAN_EQUAL && (balance == SCAN_FILE) != file) {
			scan = 0;
		}
		nr[lru] = scan;
	}
}

static unsigned long shrink_list(struct quire *q, int lru, unsigned long nr_to_scan,
				 struct lruvec *lruvec, struct scan_control *sc)
{
	if (is_active_lru(lru)) {
		if (is_file_lru(lru) ? sc->may_deactivate_file : sc->may_deactivate_anon)
			shrink_active_list(q, nr_to_scan, lruvec, sc, lru);
		else
			sc->skipped_deactivate = true;
		return 0;
	}
	return shrink_inactive_list(q, nr_to_scan, lruvec, sc, lru);
}

/*
 * Enough was reclaimed before the scan was through: drop the kind that has
 * less left, and of the other leave just as large a part of its target undone.
 * False when one kind is through and there is nothing to balance.
 */
static bool stop_proportionally(unsigned long *nr, const unsigned long *targets)
{
	unsigned long nr_file = nr[LRU_INACTIVE_FILE] + nr[LRU_ACTIVE_FILE];
	unsigned long nr_anon = nr[LRU_INACTIVE_ANON] + nr[LRU_ACTIVE_ANON];
	int small = nr_file > nr_anon ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
	int large = nr_file > nr_anon ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON;
	unsigned long target = targets[small] + targets[small + LRU_ACTIVE] + 1;
	unsigned long percent_left = min(nr_file, nr_anon) * 100 / target;

	if (!nr_file || !nr_anon)
		return false;
	nr[small] = 0;
	nr[small + LRU_ACTIVE] = 0;
	for (int lru = large; lru <= large + LRU_ACTIVE; lru++) {
		unsigned long scanned = targets[lru] - nr[lru];

		nr[lru] = targets[lru] * (100 - percent_left) / 100;
		nr[lru] -= min(nr[lru], scanned);
	}
	return true;
}

static void shrink_lruvec(struct quire *q, struct lruvec *lruvec, struct scan_control *sc)
{
	unsigned long nr[NR_LRU_LISTS], targets[NR_LRU_LISTS];
	unsigned long nr_reclaimed = 0;
	/* A first gentle scan by an allocation goes through all it planned:
	 * that keeps lists in balance, and it is little. */
	bool proportional =
		!cgroup_reclaim(sc) && !current_is_kswapd(q) && sc->priority == DEF_PRIORITY;

	if (lru_gen_enabled(q) && lruvec->lrugen) {
		lru_gen_shrink_lruvec(q, lruvec, sc);
		return;
	}
	get_scan_count(q, lruvec, sc, nr);
	memcpy(targets, nr, sizeof(nr));
	while (nr[LRU_INACTIVE_ANON] || nr[LRU_ACTIVE_FILE] || nr[LRU_INACTIVE_FILE]) {
		for_each_evictable_lru(lru)
		{
			unsigned long nr_to_scan = min(nr[lru], SWAP_CLUSTER_MAX);

			if (!nr_to_scan)
				continue;
			nr[lru] -= nr_to_scan;
			nr_reclaimed += shrink_list(q, lru, nr_to_scan, lruvec, sc);
		}
		cond_resched(q);
		if (nr_reclaimed < sc->nr_to_reclaim || proportional)
			continue;
		if (!stop_proportionally(nr, targets))
			break;
	}
	sc->nr_reclaimed += nr_reclaimed;

	/* Anonymous pages need an inactive list before they are needed. */
	if (can_age_anon_pages(q, lruvec->pgdat->node_id) &&
	    inactive_is_low(q, lruvec, LRU_INACTIVE_ANON))
		shrink_active_list(q, SWAP_CLUSTER_MAX, lruvec, sc, LRU_ACTIVE_ANON);
}

/* ---- a node --------------------------------------------------------------------- */

/* What is the same for all groups of a scan: see struct scan_control. */
static void prepare_scan_count(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc)
{
	struct lruvec *target = target_lruvec(q, sc, pgdat);
	unsigned long file, free = 0, high = 0;

	if (lru_gen_enabled(q))
		return;
	spin_lock(q, &pgdat->lru_lock);
	sc->anon_cost = target->anon_cost;
	sc->file_cost = target->file_cost;
	spin_unlock(q, &pgdat->lru_lock);
	/* Refaults that were activated tell that the active pages are no
	 * longer the ones in use: let them compete. */
	sc->may_deactivate_anon = sc->force_deactivate ||
				  lruvec_page_state(q, target, WORKINGSET_ACTIVATE_ANON) !=
					  HOT_LOAD(&target->refaults[0]) ||
				  inactive_is_low(q, target, LRU_INACTIVE_ANON);
	sc->may_deactivate_file = sc->force_deactivate ||
				  lruvec_page_state(q, target, WORKINGSET_ACTIVATE_FILE) !=
					  HOT_LOAD(&target->refaults[1]) ||
				  inactive_is_low(q, target, LRU_INACTIVE_FILE);

	file = lruvec_page_state(q, target, NR_INACTIVE_FILE);
	sc->cache_trim_mode = file >> sc->priority && !sc->may_deactivate_file;

	/* All of the cache would not bring the node to its watermarks: then
	 * scanning it again and again only makes it thrash. */
	if (cgroup_reclaim(sc))
		return;
	for_each_zone_of_node(pgdat, zone)
	{
		free += zone_page_state(zone, NR_FREE_PAGES);
		if (zone->managed_pages)
			high += high_wmark_pages(zone);
	}
	file = node_page_state(pgdat, NR_ACTIVE_FILE) + node_page_state(pgdat, NR_INACTIVE_FILE);
	sc->file_is_tiny = file + free <= high && !sc->may_deactivate_anon &&
			   node_page_state(pgdat, NR_INACTIVE_ANON) >> sc->priority;
}

/* Is the group within its protection?  memory.low gives way on the second try. */
static bool memcg_is_protected(struct quire *q, struct mem_cgroup *root, struct mem_cgroup *memcg,
			       struct scan_control *sc)
{
	if (memcg == root)
		return false;
	mem_cgroup_calculate_protection(q, root, memcg);
	if (mem_cgroup_below_min(memcg))
		return true;
	if (!mem_cgroup_below_low(memcg))
		return false;
	if (!sc->memcg_low_reclaim) {
		sc->memcg_low_skipped = true;
		return true;
	}
	memcg_memory_event(memcg, MEMCG_LOW);
	return false;
}

static void shrink_node_memcgs(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc)
{
	struct mem_cgroup *root = sc->target_mem_cgroup ? sc->target_mem_cgroup : q->group->root;
	struct mem_cgroup *memcg = mem_cgroup_iter(q, root, NULL);

	for (; memcg; memcg = mem_cgroup_iter(q, root, memcg)) {
		cond_resched(q);
		if (memcg_is_protected(q, root, memcg, sc))
			continue;
		shrink_lruvec(q, mem_cgroup_lruvec(q, memcg_or_root(q, memcg), pgdat), sc);
		shrink_slab(q, sc->gfp_mask, pgdat->node_id, memcg_or_root(q, memcg), sc->priority);
	}
}

/* What the scan has seen of dirty pages decides who waits for the device. */
static void throttle_after_scan(struct quire *q, struct pglist_data *pgdat,
				const struct scan_control *sc)
{
	struct lruvec *target = target_lruvec(q, sc, pgdat);
	bool kswapd = current_is_kswapd(q);

	if (kswapd) {
		if (sc->nr.writeback && sc->nr.writeback == sc->nr.taken)
			(void)HOT_OR(&pgdat->flags, PGDAT_WRITEBACK);
		if (sc->nr.unqueued_dirty == sc->nr.file_taken)
			(void)HOT_OR(&pgdat->flags, PGDAT_DIRTY);
		if (sc->nr.immediate)
			reclaim_throttle(q, pgdat, VMSCAN_THROTTLE_WRITEBACK);
	}
	if ((kswapd || cgroup_reclaim(sc)) && sc->nr.dirty && sc->nr.dirty == sc->nr.congested)
		(void)HOT_OR(&target->flags, LRUVEC_CONGESTED);
	if (!kswapd && !(current_context(q)->flags & PF_LOCAL_THROTTLE) &&
	    (HOT_LOAD(&target->flags) & LRUVEC_CONGESTED))
		reclaim_throttle(q, pgdat, VMSCAN_THROTTLE_CONGESTED);
}

/* Reclaim for a block: pages are only half of it, they must be enough for
 * compaction too. */
static bool in_reclaim_compaction(const struct scan_control *sc)
{
	return (sc->gfp_mask & __GFP_IO) && sc->order > 0 &&
	       (sc->order > PAGE_ALLOC_COSTLY_ORDER || sc->priority < DEF_PRIORITY - 2);
}

/* Nothing would be gained by less: the node's lists still have what compaction
 * needs, and no zone is ready for it. */
static bool should_continue_reclaim(struct quire *q, struct pglist_data *pgdat,
				    unsigned long nr_reclaimed, const struct scan_control *sc)
{
	unsigned long inactive;

	if (!in_reclaim_compaction(sc) || !nr_reclaimed || q->stopping)
		return false;
	for (int zid = 0; zid <= sc->reclaim_idx && zid < MAX_NR_ZONES; zid++) {
		struct zone *zone = &pgdat->node_zones[zid];

		if (zone->managed_pages &&
		    compaction_suitable(q, zone, sc->order, 0, sc->reclaim_idx) != COMPACT_SKIPPED)
			return false;
	}
	inactive = node_page_state(pgdat, NR_INACTIVE_FILE);
	if (can_reclaim_anon_pages(q, NULL, pgdat->node_id, sc))
		inactive += node_page_state(pgdat, NR_INACTIVE_ANON);
	return inactive > compact_gap(sc->order);
}

void shrink_node(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc)
{
	struct quire_context *context = current_context(q);
	bool reclaimable = false;
	unsigned long before;

	do {
		before = sc->nr_reclaimed;
		memset(&sc->nr, 0, sizeof(sc->nr));
		prepare_scan_count(q, pgdat, sc);
		shrink_node_memcgs(q, pgdat, sc);
		sc->nr_reclaimed += context->reclaimed_slab;
		context->reclaimed_slab = 0;
		throttle_after_scan(q, pgdat, sc);
		reclaimable |= sc->nr_reclaimed != before;
	} while (should_continue_reclaim(q, pgdat, sc->nr_reclaimed - before, sc));
	/* It gives again: kswapd may take up its work. */
	if (reclaimable)
		HOT_STORE(&pgdat->kswapd_failures, 0);
}

static unsigned long reclaimable_pages(struct quire *q, struct zone *zone)
{
	return zone_reclaimable_pages(q, zone);
}

int reclaim_init(struct quire *q)
{
	struct reclaim_floor *reclaim = kzalloc(q, sizeof(*reclaim), GFP_KERNEL);
	int err = 0;

	if (!reclaim)
		return -ENOMEM;
	reclaim->swappiness = 60;
	reclaim->min_unmapped_ratio = 1;
	reclaim->min_slab_ratio = 5;
	reclaim->compaction_proactiveness = 20;
	reclaim->compact_unevictable_allowed = 1;
	q->reclaim = reclaim;
	q->page->ops.wakeup_kswapd = wakeup_kswapd;
	q->page->ops.node_reclaim = node_reclaim;
	q->page->ops.try_to_free_pages = try_to_free_pages;
	q->page->ops.try_to_compact_pages = try_to_compact_pages;
	q->page->ops.alloc_contig_range = alloc_contig_range;
	q->page->ops.zone_reclaimable_pages = reclaimable_pages;
	q->group->ops.try_to_free_mem_cgroup_pages = try_to_free_mem_cgroup_pages;
	q->space->reclaim_pages = reclaim_pages;
	q->space->lru_gen_look_around = lru_gen_look_around;
	q->space->numa.migrate_misplaced_page = migrate_misplaced_page;
	q->cache->ops.workingset_refault = workingset_refault;
	q->cache->ops.workingset_activation = workingset_activation;
	for_each_node (q, nid) {
		if (!err && NODE_DATA(q, nid) && NODE_DATA(q, nid)->node_present_pages)
			err = kswapd_run(q, nid);
		if (!err && NODE_DATA(q, nid) && NODE_DATA(q, nid)->node_present_pages)
			err = kcompactd_run(q, nid);
	}
	return err;
}
