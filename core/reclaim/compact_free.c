/* SPDX-License-Identifier: MIT */
/*
 * Compaction's free scanner: downwards from the zone's end, free pages to move
 * others to (Linux 6.1's isolate_freepages()).
 *
 * It takes free blocks out of movable pageblocks that are not free as a whole,
 * until there are as many pages as are to be moved, and leaves what is not used
 * to the next time.  For an allocation the free lists are searched first: a
 * block high in the zone saves the scan.
 *
 * Blocks are split into single pages, of which the highest is used first.
 *
 * Lock: zone->lock.
 */
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "page/trace.h"

/* Single pages, each with its reference, last block first. */
static void split_map_pages(struct quire *q, struct list_head *list)
{
	LIST_HEAD(pages);

	while (!list_empty(list)) {
		struct page *page = list_first_entry(list, struct page, lru);
		unsigned int order = (unsigned int)page->private;

		list_del(&page->lru);
		prep_new_page(q, page, order, __GFP_MOVABLE);
		if (order)
			split_page(q, page, order);
		for (unsigned long i = 0; i < 1UL << order; i++)
			list_add(&page[i].lru, &pages);
	}
	list_splice(&pages, list);
}

u64 release_freepages(struct quire *q, struct list_head *freepages)
{
	u64 high_pfn = 0;

	while (!list_empty(freepages)) {
		struct page *page = list_first_entry(freepages, struct page, lru);

		list_del(&page->lru);
		high_pfn = max(high_pfn, page_to_pfn(q, page));
		__free_pages(q, page, 0);
	}
	return high_pfn;
}

/* A free block, still on its list, for us; 0 if the zone would run short. */
static unsigned long take_block(struct quire *q, struct compact_control *cc, struct page *page)
{
	unsigned int order = buddy_order(page);
	unsigned long nr = __isolate_free_page(q, cc->zone, page, order);

	if (!nr)
		return 0;
	page->private = order;
	cc->nr_freepages += (unsigned int)nr;
	list_add_tail(&page->lru, &cc->freepages);
	return nr;
}

/*
 * Free blocks of [*start_pfn, end_pfn), frame by frame or every stride-th, until
 * there are enough; *start_pfn: how far.  Strict: all must be free, and 0 comes
 * back if some is not.  Returns pages taken.
 */
static unsigned long isolate_freepages_block(struct quire *q, struct compact_control *cc,
					     u64 *start_pfn, u64 end_pfn, unsigned int stride,
					     bool strict)
{
	unsigned long nr_scanned = 0, total = 0;
	struct zone *zone = cc->zone;
	bool locked = false;
	u64 pfn;

	for (pfn = *start_pfn; pfn < end_pfn; pfn += strict ? 1 : stride) {
		struct page *page = pfn_to_page(q, pfn);
		unsigned long nr;

		if (!(pfn % COMPACT_CLUSTER_MAX)) {
			if (locked)
				spin_unlock(q, &zone->lock);
			locked = false;
			if (compact_fatal_signal(q)) {
				cc->contended = true;
				break;
			}
			cond_resched(q);
		}
		nr_scanned++;
		if (PageCompound(page)) {
			pfn += compound_nr(page) - 1;
			if (strict)
				break;
			continue;
		}
		if (!locked && PageBuddy(page)) {
			spin_lock(q, &zone->lock);
			locked = true;
		}
		if (!PageBuddy(page)) {
			if (strict)
				break;
			continue;
		}
		nr = take_block(q, cc, page);
		if (!nr)
			break;
		nr_scanned += nr - 1;
		total += nr;
		if (!strict && cc->nr_migratepages <= cc->nr_freepages) {
			pfn += nr;
			break;
		}
		pfn += nr - 1;
	}
	if (locked)
		spin_unlock(q, &zone->lock);
	if (!strict)
		pfn = min(pfn, end_pfn);
	if (unlikely(q->keys & TRACE_KEY(TRACE_MM_COMPACTION_ISOLATE_FREEPAGES)))
		trace_record(q, TRACE_MM_COMPACTION_ISOLATE_FREEPAGES, 0, *start_pfn, pfn,
			     nr_scanned, total);
	*start_pfn = pfn;
	if (strict && pfn < end_pfn)
		total = 0;
	charge_ns(q, nr_scanned * q->cost.scan_pfn);
	cc->total_free_scanned += nr_scanned;
	count_vm_events(q, COMPACTISOLATED, total);
	return total;
}

u64 isolate_freepages_range(struct quire *q, struct compact_control *cc, u64 start, u64 end)
{
	u64 pfn = start;

	while (pfn < end) {
		u64 block_end = min(pageblock_end_pfn(pfn), end), at = pfn;
		struct page *page = pfn_to_page(q, pfn);

		/* A block may be larger than a pageblock. */
		if (PageBuddy(page) && buddy_order(page) > pageblock_order)
			block_end = pfn + (1UL << buddy_order(page));
		if (!isolate_freepages_block(q, cc, &at, block_end, 1, true))
			break;
		pfn = at;
	}
	split_map_pages(q, &cc->freepages);
	return pfn < end ? 0 : pfn;
}

/* ---- by the free lists ----------------------------------------------------------- */

/* What stands before `first` goes to the list's end: the search has seen it. */
static void move_freelist_head(struct list_head *freelist, struct list_head *first)
{
	if (freelist->next == first || freelist == first)
		return;
	list_move_tail(freelist, first);
}

/* The lists below: round and round, beginning with the last that had one. */
static int next_search_order(struct compact_control *cc, int order)
{
	if (--order < 0)
		order = cc->order - 1;
	if (order != cc->search_order)
		return order;
	if (--cc->search_order < 0)
		cc->search_order = cc->order - 1;
	return -1;
}

/* Around a block that was found: the rest of its pageblock. */
static void fast_isolate_around(struct quire *q, struct compact_control *cc, u64 pfn)
{
	struct zone *zone = cc->zone;
	u64 start = max(pageblock_start_pfn(pfn), zone->zone_start_pfn);
	u64 end = min(pageblock_end_pfn(pfn), zone_end_pfn(zone));

	if (cc->nr_freepages >= cc->nr_migratepages)
		return;
	if (cc->direct_compaction && cc->mode == MIGRATE_ASYNC)
		return;
	if (!pageblock_present(q, zone, start, end))
		return;
	(void)isolate_freepages_block(q, cc, &start, end, 1, false);
	if (cc->nr_freepages < cc->nr_migratepages)
		set_pageblock_skip(zone, pfn, true);
}

struct fast_search {
	u64 low_pfn, min_pfn; /* wanted: above low; else above min */
	u64 highest;	      /* pageblock of the highest seen */
	unsigned int limit, nr_scanned;
	struct page *page; /* found */
};

/* One list, from its end.  False: the zone is short, search no more. */
static bool search_order(struct quire *q, struct compact_control *cc, struct fast_search *f,
			 int order)
{
	struct list_head *freelist = &cc->zone->free_area[order].free_list[MIGRATE_MOVABLE];
	unsigned int order_scanned = 0;
	struct page *block;
	u64 high_pfn = 0;
	bool ok = true;

	spin_lock(q, &cc->zone->lock);
	list_for_each_entry_reverse (block, freelist, lru) {
		u64 pfn = page_to_pfn(q, block);

		order_scanned++;
		f->nr_scanned++;
		if (pfn >= f->highest)
			f->highest = max(pageblock_start_pfn(pfn), cc->zone->zone_start_pfn);
		if (pfn >= f->low_pfn) {
			cc->fast_search_fail = 0;
			cc->search_order = order;
			f->page = block;
			break;
		}
		if (pfn >= f->min_pfn && pfn > high_pfn) {
			high_pfn = pfn;
			f->limit >>= 1;
		}
		if (order_scanned >= f->limit)
			break;
	}
	if (!f->page && high_pfn)
		block = f->page = pfn_to_page(q, high_pfn);
	move_freelist_head(freelist, &block->lru);
	if (f->page) {
		unsigned long nr = take_block(q, cc, f->page);

		ok = nr != 0;
		if (nr) {
			f->nr_scanned += (unsigned int)nr - 1;
			count_vm_events(q, COMPACTISOLATED, nr);
		} else {
			f->page = NULL;
		}
	}
	spin_unlock(q, &cc->zone->lock);
	if (order_scanned >= f->limit)
		f->limit = max(1U, f->limit >> 1);
	return ok;
}

/* Nothing was found: a run that begins starts as high as anything was seen. */
static void fast_search_failed(struct quire *q, struct compact_control *cc, struct fast_search *f,
			       bool scan_start)
{
	struct zone *zone = cc->zone;

	cc->fast_search_fail++;
	if (!scan_start)
		return;
	if (f->highest >= f->min_pfn) {
		f->page = pfn_to_page(q, f->highest);
		cc->free_pfn = f->highest;
	} else if (cc->direct_compaction) {
		u64 end = min(pageblock_end_pfn(f->min_pfn), zone_end_pfn(zone));

		if (pageblock_present(q, zone, max(f->min_pfn, zone->zone_start_pfn), end))
			f->page = pfn_to_page(q, f->min_pfn);
		cc->free_pfn = f->min_pfn;
	}
}

static void fast_isolate_freepages(struct quire *q, struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	struct fast_search f = {.limit = max(1U, freelist_scan_limit(cc) >> 1)};
	bool scan_start = false;
	u64 distance;

	if (cc->order <= 0)
		return;
	/* At the start of a run it pays to look longer. */
	if (cc->free_pfn >= zone->compact_init_free_pfn) {
		f.limit = pageblock_nr_pages >> 1;
		scan_start = true;
	}
	distance = cc->free_pfn - cc->migrate_pfn;
	f.low_pfn = pageblock_start_pfn(cc->free_pfn - (distance >> 2));
	f.min_pfn = pageblock_start_pfn(cc->free_pfn - (distance >> 1));
	cc->search_order = min(cc->order - 1, cc->search_order);
	for (int order = cc->search_order; !f.page && order >= 0;
	     order = next_search_order(cc, order)) {
		if (!HOT_LOAD(&zone->free_area[order].nr_free))
			continue;
		if (!search_order(q, cc, &f, order))
			order = cc->search_order + 1;
	}
	if (!f.page)
		fast_search_failed(q, cc, &f, scan_start);
	if (f.highest && f.highest >= zone->compact_cached_free_pfn)
		zone->compact_cached_free_pfn = f.highest - pageblock_nr_pages;
	charge_ns(q, (u64)f.nr_scanned * q->cost.scan_pfn);
	cc->total_free_scanned += f.nr_scanned;
	if (f.page)
		fast_isolate_around(q, cc, page_to_pfn(q, f.page));
}

/* ---- the scan -------------------------------------------------------------------- */

static bool suitable_migration_target(const struct compact_control *cc, const struct page *page,
				      u64 pfn)
{
	/* Free as it is: to break it open would be for nothing. */
	if (PageBuddy(page) && buddy_order(page) >= pageblock_order)
		return false;
	return cc->ignore_block_suitable || is_migrate_movable(pfnblock_migratetype(cc->zone, pfn));
}

static void update_pageblock_skip(struct compact_control *cc, u64 pfn)
{
	if (cc->no_set_skip_hint)
		return;
	set_pageblock_skip(cc->zone, pfn, true);
	if (pfn < cc->zone->compact_cached_free_pfn)
		cc->zone->compact_cached_free_pfn = pfn;
}

static void scan_freepages(struct quire *q, struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	u64 isolate_start = cc->free_pfn, start = pageblock_start_pfn(isolate_start);
	u64 end = min(start + pageblock_nr_pages, zone_end_pfn(zone));
	u64 low_pfn = pageblock_end_pfn(cc->migrate_pfn);
	unsigned int stride = cc->mode == MIGRATE_ASYNC ? COMPACT_CLUSTER_MAX : 1;

	for (; start >= low_pfn; end = start, start -= pageblock_nr_pages, isolate_start = start) {
		unsigned long nr;

		if (!(start % (COMPACT_CLUSTER_MAX * pageblock_nr_pages)))
			cond_resched(q);
		if (!pageblock_present(q, zone, start, end) ||
		    !suitable_migration_target(cc, pfn_to_page(q, start), start) ||
		    !compact_isolation_suitable(cc, start))
			continue;
		nr = isolate_freepages_block(q, cc, &isolate_start, end, stride, false);
		if (isolate_start == end)
			update_pageblock_skip(cc, start);
		if (cc->nr_freepages >= cc->nr_migratepages) {
			if (isolate_start >= end)
				isolate_start = start - pageblock_nr_pages;
			break;
		}
		/* It ended early: the zone is short, or somebody waits. */
		if (isolate_start < end)
			break;
		stride = nr ? 1 : min_t(unsigned int, COMPACT_CLUSTER_MAX, stride << 1);
	}
	cc->free_pfn = isolate_start;
}

static void isolate_freepages(struct quire *q, struct compact_control *cc)
{
	fast_isolate_freepages(q, cc);
	if (!cc->nr_freepages)
		scan_freepages(q, cc);
	split_map_pages(q, &cc->freepages);
}

struct page *compaction_alloc(struct quire *q, struct page *page, void *ctx)
{
	struct compact_control *cc = ctx;

	(void)page;
	if (list_empty(&cc->freepages)) {
		isolate_freepages(q, cc);
		if (list_empty(&cc->freepages))
			return NULL;
	}
	page = list_first_entry(&cc->freepages, struct page, lru);
	list_del(&page->lru);
	cc->nr_freepages--;
	return page;
}

void compaction_free(struct quire *q, struct page *page, void *ctx)
{
	struct compact_control *cc = ctx;

	(void)q;
	page->mapping = NULL;
	list_add(&page->lru, &cc->freepages);
	cc->nr_freepages++;
}
