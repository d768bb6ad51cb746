/* SPDX-License-Identifier: MIT */
/*
 * Watermarks: how much of a zone stays free, and who may go how low.
 *
 * min_free_kbytes is shared out among zones by size and gives each its min
 * mark; low and high lie one and two steps above, a step being a quarter of
 * min or watermark_scale_factor/10000 of the zone, whichever is more.  Under
 * low kswapd wakes and works until high; under min only privileged requests
 * are served.  lowmem_reserve keeps pages of a low zone from requests that
 * could have used a higher one.
 *
 * All formulas are Linux 6.1's, integer division by integer division; the
 * tests hold them to numbers recorded from a real kernel.
 *
 * Locks: the marks are written while sysctls are written or at boot, and read
 * without a lock; a reader may see some of the old ones, as in Linux.
 */
#include "page/frames.h"
#include "page/internal.h"
#include "base/printk.h"

/* ---- the check -------------------------------------------------------------- */

#define FREELY_USED ((1u << MIGRATE_PCPTYPES) - 1) /* bits of the types anyone may have */

/* Free pages that a request of this order and rank can't have. */
static long unusable_free(const struct zone *z, unsigned int order, unsigned int alloc_flags)
{
	long unusable = (1L << order) - 1;

	if (!(alloc_flags & (ALLOC_HARDER | ALLOC_OOM)))
		unusable += (long)HOT_LOAD(&z->nr_reserved_highatomic);
	if (unlikely(z->cma_pages) && !(alloc_flags & ALLOC_CMA))
		unusable += HOT_LOAD(&z->vm_stat[NR_FREE_CMA_PAGES]);
	return unusable;
}

bool __zone_watermark_ok(const struct zone *z, unsigned int order, unsigned long mark,
			 int highest_zoneidx, unsigned int alloc_flags, long free_pages)
{
	bool harder = alloc_flags & (ALLOC_HARDER | ALLOC_OOM);
	long floor = (long)mark;
	unsigned int types;

	free_pages -= unusable_free(z, order, alloc_flags);
	if (alloc_flags & ALLOC_HIGH)
		floor -= floor / 2;
	if (unlikely(harder))
		floor -= alloc_flags & ALLOC_OOM ? floor / 2 : floor / 4;
	if (free_pages <= floor + z->lowmem_reserve[highest_zoneidx])
		return false;
	if (!order)
		return true;
	/* Enough pages; is there a block? */
	types = harder ? FREELY_USED | 1u << MIGRATE_HIGHATOMIC : FREELY_USED;
	if (unlikely(z->cma_pages) && (alloc_flags & ALLOC_CMA))
		types |= 1u << MIGRATE_CMA;
	for (unsigned int o = order; o < MAX_ORDER; o++) {
		if (HOT_LOAD(&z->free_area[o].types) & types)
			return true;
	}
	return false;
}

bool zone_watermark_ok(const struct zone *z, unsigned int order, unsigned long mark,
		       int highest_zoneidx, unsigned int alloc_flags)
{
	return __zone_watermark_ok(z, order, mark, highest_zoneidx, alloc_flags,
				   HOT_LOAD(&z->vm_stat[NR_FREE_PAGES]));
}

bool zone_watermark_fast(const struct zone *z, unsigned int order, unsigned long mark,
			 int highest_zoneidx, unsigned int alloc_flags, gfp_t gfp)
{
	long free_pages = HOT_LOAD(&z->vm_stat[NR_FREE_PAGES]);

	if (!order) {
		long usable = free_pages - min(free_pages, unusable_free(z, 0, alloc_flags));

		if (likely(usable > (long)mark + z->lowmem_reserve[highest_zoneidx]))
			return true;
	}
	if (__zone_watermark_ok(z, order, mark, highest_zoneidx, alloc_flags, free_pages))
		return true;
	/* A boost is there for fragmentation: single pages that can't wait may
	 * ignore it. */
	if (!order && (gfp & __GFP_ATOMIC) && HOT_LOAD(&z->watermark_boost) &&
	    (alloc_flags & ALLOC_WMARK_MASK) == WMARK_MIN)
		return __zone_watermark_ok(z, order, z->_watermark[WMARK_MIN], highest_zoneidx,
					   alloc_flags, free_pages);
	return false;
}

/* ---- sums ------------------------------------------------------------------- */

unsigned long nr_free_buffer_pages(const struct quire *q)
{
	struct zonelist *list = &NODE_DATA(q, 0)->node_zonelists[ZONELIST_FALLBACK];
	unsigned long sum = 0;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, list, gfp_zone(GFP_USER), NULL)
	{
		unsigned long size = zone->managed_pages, high = high_wmark_pages(zone);

		if (size > high)
			sum += size - high;
	}
	return sum;
}

unsigned long si_mem_free(const struct quire *q)
{
	return global_zone_page_state(q, NR_FREE_PAGES) + HOT_LOAD(&q->node->deferred_pages) +
	       frames_nr_free(q, -1);
}

long si_mem_available(const struct quire *q)
{
	unsigned long pagecache, reclaimable, wmark_low = 0;
	long available;

	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) wmark_low +=
			low_wmark_pages(zone);
	available = (long)si_mem_free(q) - (long)q->node->totalreserve_pages;
	pagecache = global_node_page_state(q, NR_ACTIVE_FILE) +
		    global_node_page_state(q, NR_INACTIVE_FILE);
	available += (long)(pagecache - min(pagecache / 2, wmark_low));
	reclaimable = global_node_page_state(q, NR_SLAB_RECLAIMABLE) +
		      global_node_page_state(q, NR_KERNEL_MISC_RECLAIMABLE);
	available += (long)(reclaimable - min(reclaimable / 2, wmark_low));
	return max(available, 0L);
}

/* What user memory can't count on: each zone's largest reserve and its high
 * mark. */
static void calculate_totalreserve_pages(struct quire *q)
{
	unsigned long sum = 0;

	for_each_node (q, nid) {
		for_each_zone_of_node(NODE_DATA(q, nid), zone)
		{
			unsigned long most = 0;

			for (unsigned int j = zone->zone_idx; j < MAX_NR_ZONES; j++)
				most = max(most, (unsigned long)zone->lowmem_reserve[j]);
			sum += min(most + high_wmark_pages(zone), zone->managed_pages);
		}
	}
	q->node->totalreserve_pages = sum;
}

/* ---- set-up ----------------------------------------------------------------- */

void setup_per_zone_lowmem_reserve(struct quire *q)
{
	for_each_node (q, nid) {
		struct zone *zones = NODE_DATA(q, nid)->node_zones;

		for (unsigned int i = 0; i < MAX_NR_ZONES - 1; i++) {
			unsigned int ratio = q->page->lowmem_reserve_ratio[i];
			bool clear = !ratio || !zones[i].managed_pages;
			unsigned long managed = 0;

			for (unsigned int j = i + 1; j < MAX_NR_ZONES; j++) {
				managed += zones[j].managed_pages;
				zones[i].lowmem_reserve[j] = clear ? 0 : (long)(managed / ratio);
			}
		}
	}
	calculate_totalreserve_pages(q);
}

void setup_per_zone_wmarks(struct quire *q)
{
	unsigned long pages_min = q->page->min_free_kbytes >> (PAGE_SHIFT - 10), lowmem = 0;
	unsigned long factor = q->page->watermark_scale_factor;

	for_each_node (q, nid)
		for_each_zone_of_node(NODE_DATA(q, nid), zone) lowmem += zone->managed_pages;
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			unsigned long mark = lowmem ? pages_min * zone->managed_pages / lowmem : 0;
			unsigned long step = max(mark >> 2, zone->managed_pages * factor / 10000);

			HOT_STORE(&zone->watermark_boost, 0UL);
			for (unsigned int w = WMARK_MIN; w < NR_WMARK; w++)
				HOT_STORE(&zone->_watermark[w], mark + w * step);
		}
	}
	calculate_totalreserve_pages(q);
	setup_per_zone_pagesets(q);
}

void setup_per_zone_pagesets(struct quire *q)
{
	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) zone_pcp_update(q, zone);
}

void calculate_min_free_kbytes(struct quire *q)
{
	unsigned long lowmem_kbytes = nr_free_buffer_pages(q) * (PAGE_SIZE >> 10);
	unsigned long kbytes = int_sqrt(lowmem_kbytes * 16);

	if ((long)kbytes <= q->page->user_min_free_kbytes) {
		pr_warn(q,
			"min_free_kbytes is not updated to %lu because user defined value %ld is "
			"preferred",
			kbytes, q->page->user_min_free_kbytes);
		return;
	}
	q->page->min_free_kbytes = clamp(kbytes, 128UL, 262144UL);
}

void set_recommended_min_free_kbytes(struct quire *q)
{
	unsigned long zones = 0, pages;

	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) zones +=
			zone->zone_idx <= ZONE_NORMAL;
	/* Two pageblocks free a zone, and for each pair of types one that the
	 * first may steal without mixing; never more than a twentieth. */
	pages = pageblock_nr_pages * zones * 2 +
		pageblock_nr_pages * zones * MIGRATE_PCPTYPES * MIGRATE_PCPTYPES;
	pages = min(pages, nr_free_buffer_pages(q) / 20) << (PAGE_SHIFT - 10);
	if (pages > q->page->min_free_kbytes) {
		if (q->page->user_min_free_kbytes >= 0)
			pr_info(q,
				"raising min_free_kbytes from %lu to %lu to help transparent "
				"hugepage allocations",
				q->page->min_free_kbytes, pages);
		q->page->min_free_kbytes = pages;
	}
	setup_per_zone_wmarks(q);
}

/* What a CPU's part of a counter may reach in Linux before it is folded in;
 * Quire's counters are exact, the number is that of Linux's formula. */
unsigned int calculate_normal_threshold(const struct quire *q, const struct zone *zone)
{
	unsigned long mem = zone->managed_pages >> (27 - PAGE_SHIFT);
	unsigned int cpus = ilog2(q->nr_cpus) + 1;

	return min(125u, 2 * cpus * (1 + (mem ? ilog2(mem) + 1 : 0)));
}

static void refresh_zone_stat_thresholds(struct quire *q)
{
	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) zone->stat_threshold =
			calculate_normal_threshold(q, zone);
}

void init_per_zone_wmark_min(struct quire *q)
{
	calculate_min_free_kbytes(q);
	setup_per_zone_wmarks(q);
	refresh_zone_stat_thresholds(q);
	setup_per_zone_lowmem_reserve(q);
}
