/* SPDX-License-Identifier: MIT */
/*
 * Isolated pageblocks: memory that is being emptied (Linux's page_isolation.c).
 *
 * Who wants a long range of frames (a gigantic page, a contiguous area, a part of
 * memory to be taken away) marks its pageblocks MIGRATE_ISOLATE: free blocks there
 * go to lists of their own, from which nothing is handed out, and what is freed
 * there follows.  Then the pages in use are moved elsewhere, and the range is free.
 *
 * Invariants: blocks on MIGRATE_ISOLATE lists count in nr_free but not in
 * NR_FREE_PAGES; nr_isolate_pageblock counts the pageblocks.  A free block lies
 * wholly within isolated pageblocks or wholly without: one of the highest order
 * that reaches across the edge is cut in two first, and joined again afterwards.
 *
 * Lock: zone->lock for each pageblock.
 */
#include "page/internal.h"

/* Boot's own: a descriptor of zeros, which no free or used page has. */
static bool page_reserved(const struct page *page)
{
	return PageReserved(page) || (!page->_refcount && !page->page_type);
}

/* A page in the pageblock that could not be moved out of it, or NULL. */
static struct page *has_unmovable_pages(const struct quire *q, u64 start, u64 end)
{
	for (u64 pfn = start; pfn < end; pfn++) {
		struct page *page = pfn_to_page(q, pfn);

		if (PageBuddy(page)) {
			pfn += (1UL << buddy_order(page)) - 1;
			continue;
		}
		if (page_reserved(page))
			return page;
		/* Only what can be moved is ever put there. */
		if (page_zonenum(page) == ZONE_MOVABLE)
			continue;
		/* In use or free in its pool; it may reach beyond the pageblock. */
		if (PageHuge(page)) {
			const struct page *head = compound_head(page);

			pfn += compound_nr(head) - (unsigned long)(page - head) - 1;
			continue;
		}
		/* On its way to a free list, or to be moved. */
		if (!page_ref_count(compound_head(page)) || PageLRU(compound_head(page)) ||
		    PageIsolated(compound_head(page)))
			continue;
		return page;
	}
	return NULL;
}

/* May the pageblock be emptied for a request of this type?  Of a contiguous area
 * nobody else may have pages. */
static bool can_isolate(const struct quire *q, struct zone *zone, u64 pfn, int migratetype)
{
	int mt = pfnblock_migratetype(zone, pfn);
	const struct page *page = pfn_to_page(q, pfn);

	if (mt == MIGRATE_ISOLATE) /* somebody else is at it */
		return false;
	if (mt == MIGRATE_CMA)
		return migratetype == MIGRATE_CMA;
	return (PageVirgin(page) && PageBuddy(page) && buddy_order(page) >= pageblock_order) ||
	       !has_unmovable_pages(q, pfn, pfn + pageblock_nr_pages);
}

static int isolate_pageblock(struct quire *q, struct zone *zone, u64 pfn, bool split,
			     int migratetype)
{
	int err = -EBUSY;

	spin_lock(q, &zone->lock);
	/* Its free block reaches into a pageblock that is not to be isolated. */
	if (split)
		split_largest_free_block(q, zone, pfn);
	if (can_isolate(q, zone, pfn, migratetype)) {
		int moved, mt = pfnblock_migratetype(zone, pfn);

		if (mt == MIGRATE_HIGHATOMIC)
			HOT_SUB(&zone->nr_reserved_highatomic,
				min(pageblock_nr_pages, zone->nr_reserved_highatomic));
		set_pfnblock_migratetype(zone, pfn, MIGRATE_ISOLATE);
		zone->nr_isolate_pageblock++;
		moved = move_freepages_block(q, zone, pfn_to_page(q, pfn), MIGRATE_ISOLATE, NULL);
		mod_zone_freepage_state(zone, -(long)moved, mt);
		err = 0;
	}
	spin_unlock(q, &zone->lock);
	return err;
}

static void unisolate_pageblock(struct quire *q, struct zone *zone, u64 pfn, bool join,
				int migratetype)
{
	int moved;

	spin_lock(q, &zone->lock);
	if (pfnblock_migratetype(zone, pfn) == MIGRATE_ISOLATE) {
		set_pfnblock_migratetype(zone, pfn, migratetype);
		zone->nr_isolate_pageblock--;
		moved = move_freepages_block(q, zone, pfn_to_page(q, pfn), migratetype, NULL);
		mod_zone_freepage_state(zone, moved, migratetype);
		if (join)
			join_free_pageblock(q, zone, pfn);
	}
	spin_unlock(q, &zone->lock);
}

/* Is all of the largest block that may lie around the pageblock in the range? */
static bool block_within(u64 pfn, u64 start, u64 end)
{
	u64 head = ALIGN_DOWN(pfn, MAX_ORDER_NR_PAGES);

	return head >= start && head + MAX_ORDER_NR_PAGES <= end;
}

void undo_isolate_page_range(struct quire *q, struct zone *zone, u64 start, u64 end,
			     int migratetype)
{
	for (u64 pfn = start; pfn < end; pfn += pageblock_nr_pages)
		unisolate_pageblock(q, zone, pfn, !block_within(pfn, start, end), migratetype);
}

int start_isolate_page_range(struct quire *q, struct zone *zone, u64 start, u64 end,
			     int migratetype)
{
	if (!IS_ALIGNED(start | end, pageblock_nr_pages) || start >= end ||
	    !zone_spans_pfn(zone, start) || !zone_spans_pfn(zone, end - 1))
		return -EINVAL;
	if (end > zone->first_deferred_pfn)
		return -EBUSY;
	zone_write_virgin_heads(q, zone);
	for (u64 pfn = start; pfn < end; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_page(q, ALIGN_DOWN(pfn, MAX_ORDER_NR_PAGES));
		bool within = block_within(pfn, start, end);
		/* The second half of a free block of both: nothing to move. */
		bool half = within && !IS_ALIGNED(pfn, MAX_ORDER_NR_PAGES) && PageBuddy(page) &&
			    buddy_order(page) == MAX_ORDER - 1;
		int err = 0;

		if (half) {
			spin_lock(q, &zone->lock);
			set_pfnblock_migratetype(zone, pfn, MIGRATE_ISOLATE);
			zone->nr_isolate_pageblock++;
			spin_unlock(q, &zone->lock);
		} else {
			err = isolate_pageblock(q, zone, pfn, !within, migratetype);
		}

		if (err) {
			undo_isolate_page_range(q, zone, start, pfn, migratetype);
			return err;
		}
	}
	return 0;
}

bool test_pages_isolated(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	bool ok = true;

	spin_lock(q, &zone->lock);
	for (u64 pfn = start; pfn < end && ok;) {
		struct page *page = pfn_to_page(q, pfn);

		ok = PageBuddy(page) && pfnblock_migratetype(zone, pfn) == MIGRATE_ISOLATE;
		if (ok)
			pfn += 1UL << buddy_order(page);
	}
	spin_unlock(q, &zone->lock);
	return ok;
}
