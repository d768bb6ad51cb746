/* SPDX-License-Identifier: MIT */
/*
 * The reserve for high-order atomic requests (MIGRATE_HIGHATOMIC).
 *
 * Who may not wait and asks for more than a page finds none when memory is in small
 * pieces.  So the first such request that had to dip into the reserves marks the pageblock
 * it was served from, up to one in a hundred of a zone: from then on only such requests
 * are served there.  Before anyone is told that there is no memory, a pageblock is given
 * back to the type that is in need.
 *
 * Invariant: nr_reserved_highatomic is the pages of the pageblocks of that type.
 * Lock: zone->lock, which is taken here.  Follows Linux's page_alloc.c.
 */
#include "page/internal.h"

void reserve_highatomic_pageblock(struct quire *q, struct page *page, struct zone *zone)
{
	unsigned long most = zone->managed_pages / 100 + pageblock_nr_pages;
	u64 pfn = page_to_pfn(q, page);

	if (HOT_LOAD(&zone->nr_reserved_highatomic) >= most)
		return;
	spin_lock(q, &zone->lock);
	if (zone->nr_reserved_highatomic < most &&
	    migratetype_is_mergeable(pfnblock_migratetype(zone, pfn))) {
		HOT_ADD(&zone->nr_reserved_highatomic, pageblock_nr_pages);
		set_pfnblock_migratetype(zone, pfn, MIGRATE_HIGHATOMIC);
		move_freepages_block(q, zone, page, MIGRATE_HIGHATOMIC, NULL);
	}
	spin_unlock(q, &zone->lock);
}

/* Gives one reserved pageblock of a zone to the type that is in need. */
static bool unreserve_one(struct quire *q, struct zone *zone, int migratetype)
{
	bool moved = false;

	spin_lock(q, &zone->lock);
	for (unsigned int order = 0; order < MAX_ORDER && !moved; order++) {
		struct list_head *list = &zone->free_area[order].free_list[MIGRATE_HIGHATOMIC];
		struct page *page = list_first_entry_or_null(list, struct page, lru);
		u64 pfn;

		if (!page)
			continue;
		pfn = page_to_pfn(q, page);
		if (pfnblock_migratetype(zone, pfn) == MIGRATE_HIGHATOMIC)
			HOT_SUB(&zone->nr_reserved_highatomic,
				min(pageblock_nr_pages, zone->nr_reserved_highatomic));
		set_pfnblock_migratetype(zone, pfn, migratetype);
		moved = move_freepages_block(q, zone, page, migratetype, NULL) > 0;
	}
	spin_unlock(q, &zone->lock);
	return moved;
}

bool unreserve_highatomic_pageblock(struct quire *q, const struct alloc_context *ac, bool force)
{
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask)
	{
		/* The last one is kept unless all else has failed. */
		if (!force && HOT_LOAD(&zone->nr_reserved_highatomic) <= pageblock_nr_pages)
			continue;
		if (unreserve_one(q, zone, ac->migratetype))
			return true;
	}
	return false;
}
