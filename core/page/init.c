/* SPDX-License-Identifier: MIT */
/*
 * From boot memory to the buddy allocator.
 *
 * page_init_early() makes what the floor needs while there is only memblock:
 * per-CPU lists, the pageblocks' types.  memblock_free_all() then gives each
 * free range to its zone in the largest aligned blocks, lowest address first
 * on the lists.  Blocks of the highest order stay virgin (page/buddy.c), so the
 * boot of 128 GB writes some hundred descriptors and not 33 million.
 *
 * Frames that boot took keep a descriptor of zeros: not PG_buddy, so they are
 * never joined with, and no one frees them.
 *
 * A zone's deferred pages (struct quire_zone_span) come later: they are counted
 * in totalram_pages from the start, as Linux's memblock_free_all() does, and
 * deferred_grow_zone() gives them, one section and then the next, to a zone
 * that an allocation finds below its watermark.  Growing ends with boot in
 * mainline Linux; here it goes on for as long as there are any, and the marks
 * and reserves follow what the zone manages then, as on the kernels that do the
 * same.  min_free_kbytes stays.
 */
#include "node/memblock.h"
#include "page/cma.h"
#include "page/hugetlb.h"
#include "page/internal.h"
#include "base/printk.h"

/* Blocks are movable whose first frame is memory; the others stay what zero stands
 * for, unmovable, as memmap_init() leaves them: below 1 MiB, of ZONE_DMA. */
static void init_pageblock_types(const struct quire *q, struct zone *zone)
{
	const struct memblock_type *memory = &q->node->memblock->memory;
	u64 end = zone_end_pfn(zone);

	for (unsigned int i = 0; i < memory->cnt; i++) {
		u64 base = memory->regions[i].base >> PAGE_SHIFT;
		u64 stop = min(base + (memory->regions[i].size >> PAGE_SHIFT), end);
		u64 pfn = ALIGN(max(base, ALIGN_DOWN(zone->zone_start_pfn, pageblock_nr_pages)),
				pageblock_nr_pages);

		if (pfn < stop)
			memset(pageblock_slot(zone, pfn), MIGRATE_MOVABLE,
			       DIV_ROUND_UP(stop - pfn, pageblock_nr_pages));
	}
}

static int init_zone(struct quire *q, struct zone *zone)
{
	unsigned int nid = zone_to_nid(zone);
	unsigned long blocks = (zone_end_pfn(zone) - 1) / pageblock_nr_pages -
			       zone->zone_start_pfn / pageblock_nr_pages + 1;

	zone->pageset = memblock_alloc(q, q->nr_cpus * sizeof(*zone->pageset), 64, nid);
	zone->pageblock_type = memblock_alloc(q, blocks, 64, nid);
	zone->pageblock_skip = memblock_alloc(q, blocks, 64, nid);
	if (!zone->pageset || !zone->pageblock_type || !zone->pageblock_skip)
		return -ENOMEM;
	zone->pageblock_base = zone->zone_start_pfn;
	zone->nr_pageblocks = blocks;
	init_pageblock_types(q, zone);
	init_pagesets(q, zone);
	return 0;
}

int page_init_early(struct quire *q)
{
	static const unsigned int reserve_ratio[MAX_NR_ZONES] = {256, 256, 32, 0, 0};
	int err = 0;

	node_show(q);
	q->page = memblock_alloc(q, sizeof(*q->page), 64, 0);
	if (!q->page)
		return -ENOMEM;
	q->page->pt_levels = q->cfg.page_table_levels == 5 ? 5 : PT_LEVELS_DEFAULT;
	q->page->user_min_free_kbytes = -1;
	q->page->watermark_scale_factor = 10;
	q->page->watermark_boost_factor = 15000;
	q->page->extfrag_threshold = 500;
#ifdef QUIRE_DEBUG
	q->page->panic_on_bad_page = true;
#endif
	memcpy(q->page->lowmem_reserve_ratio, reserve_ratio, sizeof(reserve_ratio));
	for_each_node (q, nid) {
		for_each_zone_of_node(NODE_DATA(q, nid), zone)
		{
			init_free_lists(zone);
			if (zone->present_pages && !err)
				err = init_zone(q, zone);
		}
	}
	if (!err)
		err = cma_init(q);
	return err ? err : hugetlb_init(q);
}

/* Gives [start, end) of one zone to its lists. */
void free_edge(struct quire *q, struct zone *zone, u64 start, u64 end, bool fresh)
{
	unsigned long place = page_place(zone);

	while (start < end) {
		unsigned int order = min_t(unsigned int, MAX_ORDER - 1, __builtin_ctzl(start));
		struct page *page = pfn_to_page(q, start);

		while (start + (1UL << order) > end)
			order--;
		init_single_page(page,
				 place | (fresh && order >= VIRGIN_ORDER ? BIT(PG_virgin) : 0));
		for (unsigned long i = 1; !PageVirgin(page) && i < 1UL << order; i++)
			init_single_page(page + i, place);
		__free_one_page(q, page, start, zone, order, pfnblock_migratetype(zone, start),
				FPI_TO_TAIL);
		start += 1UL << order;
	}
}

/* A range is whole blocks of the highest order between two ragged edges. */
static void free_zone_range(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	u64 first = min(ALIGN(start, MAX_ORDER_NR_PAGES), end);
	u64 last = max(first, ALIGN_DOWN(end, MAX_ORDER_NR_PAGES));

	zone->managed_pages += end - start;
	free_edge(q, zone, start, first, true);
	__free_virgin_blocks(q, zone, (last - first) / MAX_ORDER_NR_PAGES);
	free_edge(q, zone, last, end, true);
}

/* What boot left of a zone in [start, end): gives it to the lists, or counts it
 * only.  Wants zone->lock. */
static unsigned long free_zone_frames(struct quire *q, struct zone *zone, u64 start, u64 end,
				      bool give)
{
	struct memblock_region gap;
	u64 from = start << PAGE_SHIFT;
	unsigned long nr = 0;

	while (start < end && memblock_next_free(q->node->memblock, from, &gap)) {
		u64 lo = max(start, DIV_ROUND_UP(gap.base, PAGE_SIZE));
		u64 hi = min(end, (gap.base + gap.size) >> PAGE_SHIFT);

		from = gap.base + gap.size;
		if (from >> PAGE_SHIFT >= end)
			start = end;
		if (gap.nid != zone_to_nid(zone) || lo >= hi)
			continue;
		nr += hi - lo;
		if (give)
			free_zone_range(q, zone, lo, hi);
	}
	return nr;
}

void memblock_free_all(struct quire *q)
{
	unsigned long present = 0;

	q->node->memblock->closed = true;
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			u64 first = zone->first_deferred_pfn;

			spin_lock(q, &zone->lock);
			free_zone_frames(q, zone, zone->zone_start_pfn, first, true);
			zone->deferred_pages =
				free_zone_frames(q, zone, first, zone_end_pfn(zone), false);
			spin_unlock(q, &zone->lock);
			q->node->totalram_pages += zone->managed_pages + zone->deferred_pages;
			q->node->deferred_pages += zone->deferred_pages;
		}
		present += NODE_DATA(q, nid)->node_present_pages;
	}
	q->page->deferred_pages = q->node->deferred_pages != 0;
	init_per_zone_wmark_min(q);
	pr_info(q, "Built %u zonelists, mobility grouping on.  Total pages: %lu", q->nr_nodes,
		q->node->totalram_pages);
	if (deferred_pages_enabled(q))
		pr_info(q, "deferred_init: %lu pages left to deferred_grow_zone()",
			q->node->deferred_pages);
	pr_info(q, "Memory: %luK/%luK available (%luK reserved)",
		(q->node->totalram_pages - q->node->deferred_pages) * 4, present * 4,
		(present - q->node->totalram_pages) * 4);
}

/* ---- late ------------------------------------------------------------------- */

/* One by one, as Linux does: the CPU's lists have their share of it then. */
static void free_reserved_pages(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	for (u64 pfn = start; pfn < end; pfn++) {
		struct page *page = pfn_to_page(q, pfn);

		init_single_page(page, page_place(zone));
		page->_refcount = 1;
		__free_pages(q, page, 0);
	}
}

void free_reserved_area(struct quire *q, u64 pfn, unsigned long nr_pages)
{
	u64 end = pfn + nr_pages;

	memblock_free(q, pfn << PAGE_SHIFT, nr_pages << PAGE_SHIFT);
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			u64 lo = max(pfn, zone->zone_start_pfn), hi = min(end, zone_end_pfn(zone));

			if (lo >= hi)
				continue;
			spin_lock(q, &zone->lock);
			/* Blocks that boot gave are told from these by their place. */
			write_virgin_blocks(q, zone, ALIGN(hi, MAX_ORDER_NR_PAGES));
			zone->managed_pages += hi - lo;
			spin_unlock(q, &zone->lock);
			q->node->totalram_pages += hi - lo;
			free_reserved_pages(q, zone, lo, hi);
		}
	}
}

bool deferred_grow_zone(struct quire *q, struct zone *zone, unsigned int order)
{
	u64 seen = HOT_LOAD(&zone->first_deferred_pfn);
	unsigned long given = 0;

	spin_lock(q, &zone->lock);
	if (zone->first_deferred_pfn != seen) {
		/* It grew while we waited for the lock. */
		spin_unlock(q, &zone->lock);
		return true;
	}
	while (zone->deferred_pages > given && given < 1UL << order) {
		u64 start = zone->first_deferred_pfn;
		u64 end = min(ALIGN(start + 1, PAGES_PER_SECTION), zone_end_pfn(zone));

		given += free_zone_frames(q, zone, start, end, true);
		HOT_STORE(&zone->first_deferred_pfn, end);
	}
	zone->deferred_pages -= given;
	if (!zone->deferred_pages)
		HOT_STORE(&zone->first_deferred_pfn, zone_end_pfn(zone));
	spin_unlock(q, &zone->lock);
	if (!given)
		return false;
	if (!HOT_SUB(&q->node->deferred_pages, given))
		HOT_STORE(&q->page->deferred_pages, false);
	setup_per_zone_wmarks(q);
	setup_per_zone_lowmem_reserve(q);
	return true;
}
