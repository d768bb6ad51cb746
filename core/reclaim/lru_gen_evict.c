/* SPDX-License-Identifier: MIT */
/*
 * Eviction: the oldest generation goes (the second half of Linux's multi-generational LRU
 * in vmscan.c).
 *
 * The idea: which kind, anonymous or file, follows from the generations (the older one
 * goes first, where there is one) or from the refaults of both (lru_gen_tier.c).  Pages are taken
 * from the tail of the oldest generation's lists and sorted as they come: one that a
 * walk found used goes where its flags say, one of a tier that comes back too often
 * to the next generation, one that is being written there, too.  The rest is isolated and
 * goes through shrink_page_list() as from the classic lists; there a reverse map
 * may say at last that it was used.
 *
 * What was isolated and not freed becomes active, so that it does not come round at
 * once; clean pages that were only in the way of their own writeback are tried again.
 *
 * Invariants: eviction leaves two generations; a page that eviction has is on no
 * generation (no bits in its flags), and a walk that finds it sets PG_referenced.
 *
 * Lock: pgdat->lru_lock.
 *
 * Differs from Linux: nothing is known of.  As in 6.1 isolated pages are not counted in
 * NR_ISOLATED_*, and dirty pages seen do not throttle.
 */
#include "reclaim/lru_gen.h"

/* ---- one page ------------------------------------------------------------------------ */

/* True: it is not for eviction, and where it belongs by now. */
static bool sort_page(struct quire *q, struct lruvec *lruvec, struct page *page, int tier_idx)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	int type = page_is_file_lru(page) ? LRU_GEN_FILE : LRU_GEN_ANON;
	unsigned int gen = (unsigned int)page_lru_gen(page), zone = page_zonenum(page);
	unsigned int refs = page_lru_refs(page);
	int tier = (int)lru_tier_from_refs(refs);
	unsigned long nr = compound_nr(page);

	if (!page_evictable(page)) {
		lru_gen_del_page(lruvec, page, true);
		SetPageUnevictable(page);
		add_page_to_lru_list(q, lruvec, page);
		count_vm_events(q, UNEVICTABLE_PGCULLED, nr);
		return true;
	}
	/* To be freed lazily, but written since. */
	if (type == LRU_GEN_FILE && PageAnon(page) && PageDirty(page)) {
		lru_gen_del_page(lruvec, page, true);
		SetPageSwapBacked(page);
		add_page_to_lru_list_tail(q, lruvec, page);
		return true;
	}
	if (gen != lru_gen_from_seq(lrugen->min_seq[type])) {
		list_move(&page->lru, &lrugen->lists[gen][type][zone]);
		return true;
	}
	/* Beyond what is counted there is no telling: kept once in any case. */
	if (tier > tier_idx || refs == BIT(LRU_REFS_WIDTH)) {
		unsigned int hist = lru_hist_from_seq(lrugen->min_seq[type]);

		gen = page_inc_gen(lruvec, page, false);
		list_move_tail(&page->lru, &lrugen->lists[gen][type][zone]);
		HOT_STORE(&lrugen->protected[hist][type][tier - 1],
			  lrugen -> protected[hist][type][tier - 1] + nr);
		mod_lruvec_page_state(q, page, WORKINGSET_ACTIVATE_ANON + (enum node_stat_item)type,
				      (long)nr);
		return true;
	}
	if (PageLocked(page) || PageWriteback(page) || (type == LRU_GEN_FILE && PageDirty(page))) {
		gen = page_inc_gen(lruvec, page, true);
		list_move(&page->lru, &lrugen->lists[gen][type][zone]);
		return true;
	}
	return false;
}

static bool isolate_page(struct lruvec *lruvec, struct page *page, const struct scan_control *sc)
{
	unsigned long clear = BIT(PG_reclaim) | BIT(PG_referenced);

	if (!sc->may_unmap && page_mapped(page))
		return false;
	if (!(sc->may_writepage && (sc->gfp_mask & __GFP_IO)) &&
	    (PageDirty(page) || (PageAnon(page) && !PageSwapCache(page))))
		return false;
	if (!get_page_unless_zero(page))
		return false;
	ClearPageLRU(page);
	SetPageIsolated(page);
	/* Only who was used at least twice is told apart when it comes back. */
	if (!PageReferenced(page))
		clear |= LRU_REFS_MASK | LRU_REFS_FLAGS;
	(void)HOT_AND(&page->flags, ~clear);
	lru_gen_del_page(lruvec, page, true);
	return true;
}

/* ---- the oldest generation of a type ------------------------------------------------ */

struct gen_scan {
	unsigned long scanned, sorted, isolated;
	int remaining;
};

/* One zone's list. */
static void scan_zone(struct quire *q, struct lruvec *lruvec, const struct scan_control *sc,
		      struct list_head *head, int tier, struct gen_scan *scan,
		      struct list_head *list, int zone)
{
	unsigned long skipped = 0;
	LIST_HEAD(moved);

	while (!list_empty(head)) {
		struct page *page = lru_to_page(head);
		unsigned long nr = compound_nr(page);

		scan->scanned += nr;
		if (sort_page(q, lruvec, page, tier)) {
			scan->sorted += nr;
		} else if (isolate_page(lruvec, page, sc)) {
			list_add(&page->lru, list);
			scan->isolated += nr;
		} else {
			list_move(&page->lru, &moved);
			skipped += nr;
		}
		if (!--scan->remaining || max(scan->isolated, skipped) >= MIN_LRU_BATCH)
			break;
	}
	if (skipped) {
		list_splice(&moved, head);
		count_vm_events(q, (enum vm_event_item)(PGSCAN_SKIP_DMA + zone), skipped);
	}
}

/* Pages looked at, of which those to evict are on list; 0: no use to go on. */
static unsigned long scan_pages(struct quire *q, struct lruvec *lruvec,
				const struct scan_control *sc, int type, int tier,
				struct list_head *list)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	struct gen_scan scan = {.remaining = MAX_LRU_BATCH};
	unsigned int gen = lru_gen_from_seq(lrugen->min_seq[type]);

	if (get_nr_gens(lrugen, type) == MIN_NR_GENS)
		return 0;
	for (int zone = min(sc->reclaim_idx, MAX_NR_ZONES - 1); zone >= 0; zone--) {
		scan_zone(q, lruvec, sc, &lrugen->lists[gen][type][zone], tier, &scan, list, zone);
		if (!scan.remaining || scan.isolated >= MIN_LRU_BATCH)
			break;
	}
	charge_ns(q, scan.scanned * q->cost.isolate_page);
	count_reclaim(q, lruvec, sc, current_is_kswapd(q) ? PGSCAN_KSWAPD : PGSCAN_DIRECT,
		      type == LRU_GEN_FILE ? PGSCAN_FILE : PGSCAN_ANON, scan.isolated);
	if (!cgroup_reclaim(sc))
		count_vm_events(q, PGREFILL, scan.sorted);
	count_memcg_events(q, lruvec->memcg, PGREFILL, scan.sorted);
	/* All that is left may be of other zones, mapped or dirty. */
	return scan.isolated || !scan.remaining ? scan.scanned : 0;
}

static unsigned long isolate_pages(struct quire *q, struct lruvec *lruvec,
				   const struct scan_control *sc, int swappiness, int *type_scanned,
				   struct list_head *list)
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long scanned = 0;
	int type, tier = -1;

	/* Of one age: 1 means files first, 200 anonymous first, and what lies between is for
	 * the refaults to decide. */
	if (!swappiness)
		type = LRU_GEN_FILE;
	else if (lrugen->min_seq[LRU_GEN_ANON] < lrugen->min_seq[LRU_GEN_FILE])
		type = LRU_GEN_ANON;
	else if (swappiness == 1)
		type = LRU_GEN_FILE;
	else if (swappiness == 200)
		type = LRU_GEN_ANON;
	else
		type = lru_gen_type_to_scan(lrugen, swappiness, &tier);
	*type_scanned = type;
	for (int i = !swappiness; i < ANON_AND_FILE; i++) {
		if (tier < 0)
			tier = lru_gen_tier_idx(lrugen, type);
		*type_scanned = type;
		scanned = scan_pages(q, lruvec, sc, type, tier, list);
		if (scanned)
			break;
		type = !type;
		tier = -1;
	}
	return scanned;
}

/* ---- a batch -------------------------------------------------------------------------- */

/* What shrink_page_list() left: made active, or (to `again`) to be tried once more. */
static void sort_rejected(struct list_head *list, struct list_head *again, bool may_retry,
			  struct scan_control *sc)
{
	struct page *page, *next;

	list_for_each_entry_safe (page, next, list, lru) {
		if (!page_evictable(page))
			continue;
		if (PageReclaim(page) && (PageDirty(page) || PageWriteback(page))) {
			/* Taken by isolate_page(). */
			if (PageWorkingset(page))
				SetPageReferenced(page);
			continue;
		}
		if (!may_retry || PageActive(page) || PageReferenced(page) || page_mapped(page) ||
		    PageLocked(page) || PageDirty(page) || PageWriteback(page)) {
			/* Not to the oldest generation, from where it just comes. */
			(void)HOT_AND(&page->flags, ~(LRU_REFS_MASK | LRU_REFS_FLAGS));
			SetPageActive(page);
			continue;
		}
		/* Its writeback ended while nobody could bring it back to the tail. */
		list_move_tail(&page->lru, again);
		sc->nr_scanned -= min(sc->nr_scanned, compound_nr(page));
	}
}

/* Isolated pages of one type: freed, or put back.  How many were freed. */
static unsigned long shrink_isolated(struct quire *q, struct lruvec *lruvec, struct list_head *list,
				     struct scan_control *sc, int type, bool may_retry,
				     struct list_head *again)
{
	struct pglist_data *pgdat = lruvec->pgdat;
	struct reclaim_stat stat = {0};
	unsigned long reclaimed = shrink_page_list(q, list, sc, &stat);

	sort_rejected(list, again, may_retry, sc);
	spin_lock(q, &pgdat->lru_lock);
	move_pages_to_lru(q, pgdat, list);
	count_reclaim(q, lruvec, sc, current_is_kswapd(q) ? PGSTEAL_KSWAPD : PGSTEAL_DIRECT,
		      type == LRU_GEN_FILE ? PGSTEAL_FILE : PGSTEAL_ANON, reclaimed);
	spin_unlock(q, &pgdat->lru_lock);
	free_pages_list(q, list);
	return reclaimed;
}

unsigned long lru_gen_evict_pages(struct quire *q, struct lruvec *lruvec, struct scan_control *sc,
				  int swappiness, bool *need_swapping)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long scanned;
	LIST_HEAD(again);
	LIST_HEAD(list);
	int type;

	spin_lock(q, &lruvec->pgdat->lru_lock);
	scanned = isolate_pages(q, lruvec, sc, swappiness, &type, &list);
	scanned += lru_gen_try_to_inc_min_seq(lruvec, swappiness != 0);
	if (get_nr_gens(lrugen, !swappiness) == MIN_NR_GENS)
		scanned = 0;
	spin_unlock(q, &lruvec->pgdat->lru_lock);
	if (list_empty(&list))
		return scanned;
	sc->nr_reclaimed += shrink_isolated(q, lruvec, &list, sc, type, true, &again);
	if (!list_empty(&again)) {
		LIST_HEAD(none);

		sc->nr_reclaimed += shrink_isolated(q, lruvec, &again, sc, type, false, &none);
	}
	if (need_swapping && type == LRU_GEN_ANON)
		*need_swapping = true;
	return scanned;
}

/* ---- a lruvec ------------------------------------------------------------------------- */

/* All zones that may serve are well above the mark: it is enough. */
static bool zones_are_safe(struct quire *q, const struct pglist_data *pgdat,
			   const struct scan_control *sc)
{
	for (int zid = 0; zid <= sc->reclaim_idx && zid < MAX_NR_ZONES; zid++) {
		const struct zone *zone = &pgdat->node_zones[zid];
		unsigned long mark =
			(current_is_kswapd(q) ? high_wmark_pages(zone) : low_wmark_pages(zone)) +
			MIN_LRU_BATCH;

		if (zone->managed_pages && !zone_watermark_ok(zone, 0, mark, sc->reclaim_idx, 0))
			return false;
	}
	return true;
}

static bool should_abort_scan(struct quire *q, const struct lruvec *lruvec, unsigned long seq,
			      struct scan_control *sc, bool need_swapping)
{
	struct task *task = current_task(q);

	if (q->stopping)
		return true;
	if (!current_is_kswapd(q)) {
		/* Others' groups have their turn: one generation each. */
		if (HOT_LOAD(&lruvec->lrugen->max_seq) - seq > 1)
			return true;
		/* Swapping more than is wanted keeps the allocation waiting. */
		if (sc->nr_reclaimed >= sc->nr_to_reclaim && need_swapping)
			return true;
		/* About to die: let it get out, and free what it has. */
		if (task && fatal_signal_pending(task)) {
			sc->nr_reclaimed += MIN_LRU_BATCH;
			return true;
		}
		if (cgroup_reclaim(sc))
			return false;
	} else if (sc->nr_reclaimed - sc->last_reclaimed < sc->nr_to_reclaim) {
		return false;
	}
	/* Gentle scans go through, so that all groups give alike. */
	if (sc->priority > DEF_PRIORITY - 2 || !zones_are_safe(q, lruvec->pgdat, sc))
		return false;
	sc->nr_reclaimed += MIN_LRU_BATCH;
	return true;
}

void lru_gen_shrink_lruvec(struct quire *q, struct lruvec *lruvec, struct scan_control *sc)
{
	unsigned long scanned = 0, reclaimed = sc->nr_reclaimed;
	unsigned long max_seq = HOT_LOAD(&lruvec->lrugen->max_seq);
	bool need_aging = false, need_swapping = false;

	lru_add_drain(q);
	(void)set_mm_walk(q, lruvec->pgdat);
	for (;;) {
		int swappiness = lru_gen_swappiness(q, lruvec, sc);
		unsigned long nr_to_scan, nr;

		/* Not to be swapped: those first that already have a slot. */
		if (!sc->may_swap)
			swappiness = !cgroup_reclaim(sc) && swappiness;
		nr_to_scan = lru_gen_nr_to_scan(q, lruvec, sc, swappiness != 0, &need_aging);
		nr = nr_to_scan ? lru_gen_evict_pages(q, lruvec, sc, swappiness, &need_swapping)
				: 0;
		if (!nr)
			goto out;
		scanned += nr;
		if (scanned >= nr_to_scan ||
		    should_abort_scan(q, lruvec, max_seq, sc, need_swapping))
			break;
		cond_resched(q);
	}
	/* It is not short of generations: lru_gen_age_node() may pass over the next time. */
	if (sc->nr_reclaimed - reclaimed >= MIN_LRU_BATCH && !need_aging)
		sc->memcgs_need_aging = false;
out:
	clear_mm_walk(q);
}
