/* SPDX-License-Identifier: MIT */
/*
 * Frames that leave a zone and come to one: the page floor's half of memory hotplug
 * (remove_pfn_range_from_zone(), move_pfn_range_to_zone(), online_pages_range() of
 * Linux's memory_hotplug.c).
 *
 * A zone's span begins and ends with memory of its own: what goes at an end takes
 * the span with it, what comes outside of it widens it, and then it may lie around
 * blocks of another zone.  node->movable_map says which are whose from then on;
 * before, a zone has what it spans.
 *
 * Locks: zone->lock over what allocations look at; who calls is alone with the map.
 */
#include "base/printk.h"
#include "node/memblock.h"
#include "page/internal.h"

#define PAGES_PER_SUBSECTION 512 /* a span ends at a multiple */

static void change_zone(struct quire *q, struct zone *zone, long nr)
{
	zone->present_pages += (unsigned long)nr;
	zone->managed_pages += (unsigned long)nr;
	zone->zone_pgdat->node_present_pages += (unsigned long)nr;
	q->node->totalram_pages += (unsigned long)nr;
}

static void set_span(struct zone *zone, u64 start, u64 end)
{
	bool none_deferred = zone->first_deferred_pfn == zone_end_pfn(zone);

	zone->zone_start_pfn = start;
	zone->spanned_pages = end - start;
	if (none_deferred)
		zone->first_deferred_pfn = end;
	if (!zone->nr_virgin)
		zone->virgin_pfn = max(zone->virgin_pfn, end);
}

/* ---- going ------------------------------------------------------------------ */

static bool has_memory(const struct quire *q, const struct zone *zone, u64 pfn)
{
	return zone_has_pfn(q, zone, pfn) &&
	       memblock_overlap_bytes(&q->node->memblock->memory, pfn << PAGE_SHIFT,
				      (pfn + 1) << PAGE_SHIFT, zone_to_nid(zone)) != 0;
}

/* Linux: shrink_zone_span(). */
static void shrink_span(const struct quire *q, struct zone *zone, u64 pfn, u64 end)
{
	u64 start = zone->zone_start_pfn, stop = zone_end_pfn(zone);

	if (start == pfn) {
		for (start = end; start < stop && !has_memory(q, zone, start);)
			start += PAGES_PER_SUBSECTION;
	} else if (stop == end) {
		for (stop = pfn; stop > start && !has_memory(q, zone, stop - 1);)
			stop -= PAGES_PER_SUBSECTION;
	}
	if (start >= stop)
		start = stop = 0;
	set_span(zone, start, stop);
}

int offline_range(struct quire *q, struct zone *zone, u64 pfn, unsigned long nr_pages)
{
	int err = memblock_remove(q, pfn << PAGE_SHIFT, nr_pages << PAGE_SHIFT);

	if (err)
		return err;
	spin_lock(q, &zone->lock);
	/* As boot leaves frames that are not there. */
	memset(pfn_to_page(q, pfn), 0, nr_pages * sizeof(struct page));
	change_zone(q, zone, -(long)nr_pages);
	shrink_span(q, zone, pfn, pfn + nr_pages);
	if (!zone->present_pages) {
		memset(zone->_watermark, 0, sizeof(zone->_watermark));
		zone->watermark_boost = 0;
		zone->pageset_high = zone->pageset_batch = 0;
	}
	spin_unlock(q, &zone->lock);
	if (!zone->present_pages)
		build_all_zonelists(q);
	return 0;
}

/* ---- coming ----------------------------------------------------------------- */

unsigned long zone_wants_blocks(const struct zone *zone, u64 pfn, unsigned long nr_pages, u64 *base)
{
	u64 start = pfn, end = pfn + nr_pages;

	if (zone->spanned_pages) {
		start = min(start, zone->zone_start_pfn);
		end = max(end, zone_end_pfn(zone));
	}
	*base = start = ALIGN_DOWN(start, pageblock_nr_pages);
	if (zone->nr_pageblocks && start >= ALIGN_DOWN(zone->pageblock_base, pageblock_nr_pages) &&
	    pageblock_nr(zone, end - 1) < zone->nr_pageblocks)
		return 0;
	return DIV_ROUND_UP(end - start, pageblock_nr_pages);
}

bool zone_take_blocks(struct zone *zone, u8 **type, u8 **skip, u64 base, unsigned long blocks,
		      struct quire *q)
{
	bool slab = zone->pageblock_slab;
	u8 *t = *type, *s = *skip;

	memset(t, MIGRATE_MOVABLE, blocks);
	spin_lock(q, &zone->lock);
	for (u64 pfn = ALIGN_DOWN(zone->zone_start_pfn, pageblock_nr_pages);
	     zone->spanned_pages && pfn < zone_end_pfn(zone); pfn += pageblock_nr_pages) {
		unsigned long to = (pfn - base) >> pageblock_order;

		t[to] = *pageblock_slot(zone, pfn);
		s[to] = pageblock_skip(zone, pfn);
	}
	*type = zone->pageblock_type;
	*skip = zone->pageblock_skip;
	zone->pageblock_type = t;
	zone->pageblock_skip = s;
	zone->pageblock_base = base;
	zone->nr_pageblocks = blocks;
	zone->pageblock_slab = true;
	spin_unlock(q, &zone->lock);
	return slab;
}

void zone_take_pagesets(struct quire *q, struct zone *zone, struct per_cpu_pages *pagesets)
{
	zone->pageset = pagesets;
	init_pagesets(q, zone);
}

int online_range(struct quire *q, struct zone *zone, u64 pfn, unsigned long nr_pages)
{
	int err = memblock_add(q, pfn << PAGE_SHIFT, nr_pages << PAGE_SHIFT, zone_to_nid(zone));
	bool first = !zone->present_pages;
	u64 end = pfn + nr_pages;

	if (err)
		return err;
	zone_write_virgin_heads(q, zone);
	spin_lock(q, &zone->lock);
	if (!zone->spanned_pages)
		set_span(zone, pfn, end);
	else
		set_span(zone, min(pfn, zone->zone_start_pfn), max(end, zone_end_pfn(zone)));
	for (u64 at = pfn; at < end; at += pageblock_nr_pages)
		set_pfnblock_migratetype(zone, at, MIGRATE_MOVABLE);
	change_zone(q, zone, (long)nr_pages);
	free_edge(q, zone, pfn, end, false);
	spin_unlock(q, &zone->lock);
	if (first)
		build_all_zonelists(q);
	return 0;
}
