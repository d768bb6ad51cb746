/* SPDX-License-Identifier: MIT */
/*
 * Compaction's migration scanner: upwards from the zone's start, pages that can
 * be moved (Linux 6.1's isolate_migratepages()).
 *
 * It goes pageblock by pageblock, in each frame by frame, and takes pages off
 * the LRU, 32 at a time.  An asynchronous run for one allocation takes only
 * pageblocks of the allocation's type, and within them works for one block of
 * the wanted order at a time: a page in it that can't be moved makes the rest of
 * it useless, so what was isolated goes back and the next block is begun.
 *
 * A pageblock where nothing was found is marked (pageblock_skip), and the
 * cached position moves behind it, so the next run does not look there again.
 *
 * Where an allocation is large and movable, a free block of some size low in
 * the zone tells of a pageblock that has little to be moved: the free lists are
 * searched for one.  In 6.1 such a pageblock is marked before it is scanned, and
 * then passed over for its mark; so it is here.
 *
 * Lock: lru_lock over up to 32 frames; zone->lock for the search.
 */
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "page/hugetlb.h"
#include "page/trace.h"

/* What one call found so far. */
struct migrate_scan {
	struct compact_control *cc;
	u64 low_pfn, end_pfn;
	u64 next_skip_pfn; /* end of the block of cc->order that is worked for */
	unsigned int nr_scanned, nr_isolated;
	bool skip_on_failure;
	bool skip_updated; /* the pageblock has been marked, or was */
	bool valid;	   /* begun at the pageblock's first frame */
	bool locked, aborted;
	int err; /* no memory */
};

/* Are more pages of the node isolated than half of what its lists have? */
static bool too_many_isolated(struct quire *q, struct pglist_data *pgdat)
{
	struct quire_wait_queue *wq = &pgdat->reclaim_wait[VMSCAN_THROTTLE_ISOLATED];
	unsigned long lists = 0, isolated = node_page_state(pgdat, NR_ISOLATED_FILE) +
					    node_page_state(pgdat, NR_ISOLATED_ANON);

	for_each_evictable_lru(lru) lists +=
		node_page_state(pgdat, (enum node_stat_item)(NR_INACTIVE_ANON + lru));
	if (isolated > lists / 2)
		return true;
	if (HOT_LOAD(&wq->waiters))
		wake_up(q, wq);
	return false;
}

static void update_cached_migrate(struct compact_control *cc, u64 pfn)
{
	struct zone *zone = cc->zone;

	pfn = pageblock_end_pfn(pfn);
	if (cc->no_set_skip_hint)
		return;
	if (pfn > zone->compact_cached_migrate_pfn[0])
		zone->compact_cached_migrate_pfn[0] = pfn;
	if (cc->mode != MIGRATE_ASYNC && pfn > zone->compact_cached_migrate_pfn[1])
		zone->compact_cached_migrate_pfn[1] = pfn;
}

/* Marks the pageblock before it is scanned; true: somebody else did. */
static bool test_and_set_skip(const struct compact_control *cc, u64 pfn)
{
	bool skip;

	if (cc->ignore_skip_hint || !pageblock_aligned(pfn))
		return false;
	skip = pageblock_skip(cc->zone, pfn);
	if (!skip && !cc->no_set_skip_hint)
		set_pageblock_skip(cc->zone, pfn, true);
	return skip;
}

static void unlock_scan(struct quire *q, struct migrate_scan *s)
{
	if (s->locked)
		spin_unlock(q, &s->cc->zone->zone_pgdat->lru_lock);
	s->locked = false;
}

/* Could the page be moved?  We have a reference. */
static bool worth_isolating(const struct compact_control *cc, const struct page *page)
{
	bool mapping = PageSwapCache(page) || (!PageAnon(page) && page->mapping);

	/* Somebody has pinned it. */
	if (!mapping && page_ref_count(page) - 1 > total_mapcount(page))
		return false;
	if (!(cc->gfp_mask & __GFP_FS) && mapping)
		return false;
	/* Whoever may not wait leaves pages under I/O.  (Dirty ones are moved
	 * without I/O by every kind of mapping there is.) */
	return !(cc->mode != MIGRATE_SYNC && PageWriteback(page));
}

static void note_isolated(struct migrate_scan *s, unsigned long nr)
{
	s->cc->nr_migratepages += (unsigned int)nr;
	s->nr_isolated += (unsigned int)nr;
}

/* A page of a pool in a range that is to be free: in use it is isolated, else the pool
 * gets another for it.  When memory goes away for good free pages leave their pool
 * later.  False: there is no memory (s->err).  low_pfn moves to the page's end. */
static bool isolate_huge(struct quire *q, struct migrate_scan *s, struct page *page)
{
	struct list_head *list = &s->cc->migratepages;
	struct page *head = compound_head(page);
	unsigned long nr = compound_nr(head);
	u64 end = page_to_pfn(q, head) + nr;
	int err = -EBUSY;

	/* It allocates. */
	unlock_scan(q, s);
	if (!s->cc->offline)
		err = isolate_or_dissolve_huge_page(q, page, list);
	else if (page_ref_count(head))
		err = hugetlb_isolate(q, head, list);
	if (!err && PageHuge(page))
		note_isolated(s, nr);
	if (err && err != -EBUSY)
		s->err = err;
	s->low_pfn = end - 1;
	return !s->err;
}

/* Takes the page at low_pfn; false if it has to stay, or s->aborted. */
static bool isolate_one(struct quire *q, struct migrate_scan *s, struct page *page)
{
	struct compact_control *cc = s->cc;
	struct pglist_data *pgdat = cc->zone->zone_pgdat;
	bool taken = false;

	if (!get_page_unless_zero(page))
		return false;
	if (worth_isolating(cc, page) && (cc->alloc_contig || !PageUnevictable(page) ||
					  q->reclaim->compact_unevictable_allowed)) {
		if (!s->locked)
			spin_lock(q, &pgdat->lru_lock);
		s->locked = true;
		if (!s->skip_updated) {
			s->skip_updated = true;
			s->aborted = test_and_set_skip(cc, s->low_pfn);
		}
		taken = !s->aborted && PageLRU(page) && page_zone(q, page) == cc->zone;
	}
	if (!taken) {
		/* The last reference takes lru_lock. */
		unlock_scan(q, s);
		put_page(q, page);
		return false;
	}
	del_page_from_lru_list(q, page_lruvec(q, page), page);
	ClearPageLRU(page);
	SetPageIsolated(page);
	mod_node_page_state(pgdat, page_is_file_lru(page) ? NR_ISOLATED_FILE : NR_ISOLATED_ANON,
			    (long)compound_nr(page));
	list_add(&page->lru, &cc->migratepages);
	note_isolated(s, compound_nr(page));
	s->low_pfn += compound_nr(page) - 1;
	s->nr_scanned += (unsigned int)compound_nr(page) - 1;
	return true;
}

/* A page of the wanted block stays: the block can't come together. */
static void give_block_up(struct quire *q, struct migrate_scan *s)
{
	struct compact_control *cc = s->cc;

	if (!s->skip_on_failure)
		return;
	if (s->nr_isolated) {
		unlock_scan(q, s);
		putback_movable_pages(q, &cc->migratepages);
		cc->nr_migratepages = 0;
		s->nr_isolated = 0;
	}
	if (s->low_pfn < s->next_skip_pfn) {
		s->low_pfn = s->next_skip_pfn - 1;
		s->next_skip_pfn += 1UL << cc->order;
	}
}

/* One frame.  False ends the scan. */
static bool scan_frame(struct quire *q, struct migrate_scan *s)
{
	struct compact_control *cc = s->cc;
	struct page *page = pfn_to_page(q, s->low_pfn);

	s->nr_scanned++;
	if (!s->valid && pageblock_aligned(s->low_pfn)) {
		if (!compact_isolation_suitable(cc, s->low_pfn)) {
			s->low_pfn = s->end_pfn;
			return false;
		}
		s->valid = true;
	}
	if (PageBuddy(page)) {
		unsigned int order = buddy_order(page);

		if (order < MAX_ORDER)
			s->low_pfn += (1UL << order) - 1;
		return true;
	}
	if (PageCompound(page) && cc->alloc_contig && PageHuge(page)) {
		if (!isolate_huge(q, s, page))
			return false;
		s->low_pfn += cc->nr_migratepages >= COMPACT_CLUSTER_MAX;
		return cc->nr_migratepages < COMPACT_CLUSTER_MAX;
	}
	if (PageCompound(page) && !cc->alloc_contig) {
		s->low_pfn += compound_nr(page) - 1;
		give_block_up(q, s);
		return true;
	}
	if (!PageLRU(page) || !isolate_one(q, s, page)) {
		if (s->aborted)
			return false;
		give_block_up(q, s);
		return true;
	}
	/* Enough, unless this pageblock is to be done with. */
	if (cc->nr_migratepages >= COMPACT_CLUSTER_MAX && !cc->rescan && !cc->contended) {
		s->low_pfn++;
		return false;
	}
	return true;
}

/* Waits while too much is isolated; an error ends the scan. */
static int wait_for_isolated(struct quire *q, const struct compact_control *cc)
{
	struct pglist_data *pgdat = cc->zone->zone_pgdat;

	while (too_many_isolated(q, pgdat)) {
		if (cc->nr_migratepages || cc->mode == MIGRATE_ASYNC)
			return -EAGAIN;
		reclaim_throttle(q, pgdat, VMSCAN_THROTTLE_ISOLATED);
		if (compact_fatal_signal(q) || q->stopping)
			return -EINTR;
	}
	return 0;
}

/* Frames [low_pfn, end_pfn) of one pageblock; cc->migrate_pfn is where it
 * stopped.  0, -EAGAIN, -EINTR. */
static int isolate_migratepages_block(struct quire *q, struct compact_control *cc, u64 low_pfn,
				      u64 end_pfn)
{
	struct migrate_scan s = {
		.cc = cc,
		.low_pfn = low_pfn,
		.end_pfn = end_pfn,
		.skip_on_failure = cc->direct_compaction && cc->mode == MIGRATE_ASYNC,
	};
	u64 start_pfn = low_pfn;
	int err;

	cc->migrate_pfn = low_pfn;
	err = wait_for_isolated(q, cc);
	if (err)
		return err;
	cond_resched(q);
	if (s.skip_on_failure)
		s.next_skip_pfn = block_end_pfn(low_pfn, cc->order);
	for (; s.low_pfn < end_pfn; s.low_pfn++) {
		if (s.skip_on_failure && s.low_pfn >= s.next_skip_pfn) {
			/* The block before is all isolated: move it now. */
			if (s.nr_isolated)
				break;
			s.next_skip_pfn = block_end_pfn(s.low_pfn, cc->order);
		}
		if (!(s.low_pfn % COMPACT_CLUSTER_MAX)) {
			unlock_scan(q, &s);
			if (compact_fatal_signal(q)) {
				cc->contended = true;
				err = -EINTR;
				break;
			}
			cond_resched(q);
		}
		if (!scan_frame(q, &s))
			break;
	}
	unlock_scan(q, &s);
	err = err ? err : s.err;
	s.low_pfn = min(s.low_pfn, end_pfn);
	if (!err && s.low_pfn == end_pfn && (!s.nr_isolated || cc->rescan)) {
		if (s.valid && !s.skip_updated && !cc->no_set_skip_hint)
			set_pageblock_skip(cc->zone, low_pfn, true);
		update_cached_migrate(cc, s.low_pfn);
	}
	if (unlikely(q->keys & TRACE_KEY(TRACE_MM_COMPACTION_ISOLATE_MIGRATEPAGES)))
		trace_record(q, TRACE_MM_COMPACTION_ISOLATE_MIGRATEPAGES, 0, start_pfn, s.low_pfn,
			     s.nr_scanned, s.nr_isolated);
	charge_ns(q, (u64)s.nr_scanned * q->cost.scan_pfn);
	cc->total_migrate_scanned += s.nr_scanned;
	count_vm_events(q, COMPACTISOLATED, s.nr_isolated);
	cc->migrate_pfn = s.low_pfn;
	return err;
}

/* ---- which pageblock ------------------------------------------------------------- */

static bool suitable_migration_source(const struct compact_control *cc, const struct page *page,
				      u64 pfn)
{
	if (pageblock_skip_persistent(page))
		return false;
	if (cc->mode != MIGRATE_ASYNC || !cc->direct_compaction)
		return true;
	if (cc->migratetype == MIGRATE_MOVABLE)
		return is_migrate_movable(pfnblock_migratetype(cc->zone, pfn));
	return pfnblock_migratetype(cc->zone, pfn) == cc->migratetype;
}

/* The fast search has failed: from the lowest place on that it ever found. */
static u64 reinit_migrate_pfn(struct compact_control *cc)
{
	if (cc->fast_start_pfn && cc->fast_start_pfn != UINT64_MAX) {
		cc->migrate_pfn = cc->fast_start_pfn;
		cc->fast_start_pfn = UINT64_MAX;
	}
	return cc->migrate_pfn;
}

static void update_fast_start_pfn(struct compact_control *cc, u64 pfn)
{
	if (cc->fast_start_pfn == UINT64_MAX)
		return;
	if (!cc->fast_start_pfn)
		cc->fast_start_pfn = pfn;
	cc->fast_start_pfn = min(cc->fast_start_pfn, pfn);
}

/* All up to and with `last` goes to the list's end: seen lately. */
static void move_freelist_tail(struct list_head *freelist, struct list_head *last)
{
	if (freelist->prev == last)
		return;
	list_move(freelist, last);
}

/* One list: a free block below high_pfn, not looked at lately.  Its pageblock's
 * first frame, or 0. */
static u64 search_freelist(struct quire *q, struct compact_control *cc, struct list_head *freelist,
			   u64 high_pfn, unsigned int limit, unsigned int *nr_scanned)
{
	struct zone *zone = cc->zone;
	struct page *block;

	list_for_each_entry (block, freelist, lru) {
		u64 free_pfn = page_to_pfn(q, block);

		if ((*nr_scanned)++ >= limit) {
			move_freelist_tail(freelist, &block->lru);
			return 0;
		}
		if (free_pfn >= high_pfn || pageblock_skip(zone, free_pfn))
			continue;
		move_freelist_tail(freelist, &block->lru);
		update_fast_start_pfn(cc, free_pfn);
		cc->fast_search_fail = 0;
		set_pageblock_skip(zone, free_pfn, true);
		return max(pageblock_start_pfn(free_pfn), zone->zone_start_pfn);
	}
	return 0;
}

/* Where to scan next: by the free lists, or where the scanner is. */
static u64 fast_find_migrateblock(struct quire *q, struct compact_control *cc)
{
	unsigned int limit = freelist_scan_limit(cc), nr_scanned = 0;
	struct zone *zone = cc->zone;
	u64 pfn = cc->migrate_pfn, distance, high_pfn, found = 0;

	if (cc->ignore_skip_hint)
		return pfn;
	/* In the middle of a pageblock. */
	if (pfn != zone->zone_start_pfn && !pageblock_aligned(pfn))
		return pfn;
	if (cc->order <= PAGE_ALLOC_COSTLY_ORDER)
		return pfn;
	/* A small block for the kernel must not break a movable pageblock open. */
	if (cc->direct_compaction && cc->migratetype != MIGRATE_MOVABLE)
		return pfn;
	distance = (cc->free_pfn - cc->migrate_pfn) >> 1;
	if (cc->migrate_pfn != zone->zone_start_pfn)
		distance >>= 2;
	high_pfn = pageblock_start_pfn(cc->migrate_pfn + distance);
	for (int order = cc->order - 1;
	     order >= PAGE_ALLOC_COSTLY_ORDER && !found && nr_scanned < limit; order--) {
		struct free_area *area = &zone->free_area[order];

		if (!HOT_LOAD(&area->nr_free))
			continue;
		spin_lock(q, &zone->lock);
		found = search_freelist(q, cc, &area->free_list[MIGRATE_MOVABLE], high_pfn, limit,
					&nr_scanned);
		spin_unlock(q, &zone->lock);
	}
	cc->total_migrate_scanned += nr_scanned;
	if (found)
		return found;
	cc->fast_search_fail++;
	return reinit_migrate_pfn(cc);
}

enum isolate_migrate isolate_migratepages(struct quire *q, struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	u64 low_pfn = fast_find_migrateblock(q, cc);
	u64 start = max(pageblock_start_pfn(low_pfn), zone->zone_start_pfn);
	u64 end = pageblock_end_pfn(low_pfn);
	/* It was marked by the search itself. */
	bool fast_found = low_pfn != cc->migrate_pfn && !cc->fast_search_fail;

	for (; end <= cc->free_pfn; fast_found = false, cc->migrate_pfn = low_pfn = end,
				    start = end, end += pageblock_nr_pages) {
		if (!(low_pfn % (COMPACT_CLUSTER_MAX * pageblock_nr_pages)))
			cond_resched(q);
		if (!pageblock_present(q, zone, start, end))
			continue;
		if (pageblock_aligned(low_pfn) && !fast_found &&
		    !compact_isolation_suitable(cc, start))
			continue;
		if (!suitable_migration_source(cc, pfn_to_page(q, start), start)) {
			update_cached_migrate(cc, end);
			continue;
		}
		if (isolate_migratepages_block(q, cc, low_pfn, end))
			return ISOLATE_ABORT;
		break;
	}
	return cc->nr_migratepages ? ISOLATE_SUCCESS : ISOLATE_NONE;
}

int isolate_migratepages_range(struct quire *q, struct compact_control *cc, u64 start, u64 end)
{
	u64 pfn = start, block_end = pageblock_end_pfn(start);
	int err = 0;

	for (; pfn < end && !err; pfn = block_end, block_end += pageblock_nr_pages) {
		block_end = min(block_end, end);
		if (!pageblock_present(q, cc->zone, pageblock_start_pfn(pfn), block_end))
			continue;
		err = isolate_migratepages_block(q, cc, pfn, block_end);
		if (cc->nr_migratepages >= COMPACT_CLUSTER_MAX)
			break;
	}
	return err;
}
