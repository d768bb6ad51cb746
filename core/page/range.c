/* SPDX-License-Identifier: MIT */
/*
 * Particular frames: taken out of whatever free block they lie in.
 *
 * Who wants a range (a contiguous area, a capture that is built again, a page that
 * is to be looked at) finds the free block of the highest order that has a frame by
 * looking at the heads it may have, order by order, takes it off its list, and puts
 * back the halves that are outside.
 *
 * Lock: zone->lock, which these functions take.  Linux's counterpart is
 * take_page_off_buddy().
 */
#include "page/internal.h"

/* The free block that holds a frame, or NULL. */
static struct page *free_block_of(const struct quire *q, const struct zone *zone, u64 pfn)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		u64 head = ALIGN_DOWN(pfn, 1UL << order);
		struct page *page = pfn_to_page(q, head);

		if (!zone_spans_pfn(zone, head))
			return NULL;
		if (PageBuddy(page) && buddy_order(page) >= order)
			return page;
	}
	return NULL;
}

/* Takes what lies in [start, end) out of a block that is on no list, and puts
 * the rest back on mt's lists.  Calls itself for the halves: MAX_ORDER deep. */
static void carve(struct quire *q, struct zone *zone, u64 pfn, unsigned int order, u64 start,
		  u64 end, int mt)
{
	u64 block_end = pfn + (1UL << order);

	if (pfn >= end || block_end <= start) {
		add_to_free_list(pfn_to_page(q, pfn), zone, order, mt, false);
		return;
	}
	if (pfn >= start && block_end <= end) {
		for (; pfn < block_end; pfn++)
			set_page_count(pfn_to_page(q, pfn), 1);
		mod_zone_freepage_state(zone, -(1L << order), mt);
		return;
	}
	carve(q, zone, pfn, order - 1, start, end, mt);
	carve(q, zone, pfn + (1UL << (order - 1)), order - 1, start, end, mt);
}

/* The zone that a frame belongs to: the map may not be written there yet. */
static struct zone *zone_of_pfn(struct quire *q, u64 pfn)
{
	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid),
						zone) if (zone_has_pfn(q, zone, pfn)) return zone;
	return NULL;
}

void write_free_descriptors(struct quire *q, u64 pfn)
{
	struct zone *zone = zone_of_pfn(q, pfn);
	struct page *page;

	if (!zone)
		return;
	spin_lock(q, &zone->lock);
	page = free_block_of(q, zone, pfn);
	if (page)
		materialise(page, buddy_order(page));
	spin_unlock(q, &zone->lock);
}

bool take_free_range(struct quire *q, u64 pfn, unsigned long nr_pages)
{
	struct zone *zone = zone_of_pfn(q, pfn);
	u64 end = pfn + nr_pages;
	struct page *page;
	bool ok = true;

	if (!zone || end > zone_end_pfn(zone) || end <= pfn ||
	    zone_run_end(q, zone, pfn, end) != end)
		return false;
	spin_lock(q, &zone->lock);
	while (zone->nr_virgin && zone->virgin_pfn < end)
		write_virgin_head(q, zone);
	for (u64 p = pfn; p < end && ok;) {
		page = free_block_of(q, zone, p);
		ok = page != NULL;
		if (ok)
			p = page_to_pfn(q, page) + (1UL << buddy_order(page));
	}
	for (u64 p = pfn; p < end && ok;) {
		unsigned int order;
		u64 head;

		page = free_block_of(q, zone, p);
		order = buddy_order(page);
		head = page_to_pfn(q, page);
		del_page_from_free_list(q, page, zone, order);
		carve(q, zone, head, order, pfn, end, pfnblock_migratetype(zone, head));
		p = head + (1UL << order);
	}
	spin_unlock(q, &zone->lock);
	return ok;
}
