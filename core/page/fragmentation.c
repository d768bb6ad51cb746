/* SPDX-License-Identifier: MIT */
/*
 * Is free memory in pieces, and would it help to put it together?
 *
 * A request of high order may fail although much is free.  Whether moving pages
 * about (compaction, core/reclaim) is the cure is asked in two steps: there must
 * be free pages to move others to, the watermark and twice the block; and for
 * costly orders the index of fragmentation must say that it is pieces that are
 * in the way and not want of memory.
 *
 * A zone where it failed is left alone for a while (deferred), from the order on
 * that failed: for 2, 4, .. 64 requests in turn, until one succeeds.
 *
 * The formulas are those of Linux's compaction.c and vmstat.c.  No locks: the
 * counts are read as they stand, a stale one is as good.
 */
#include "page/internal.h"
#include "page/trace.h"

#define COMPACT_MAX_DEFER_SHIFT 6u

/* ---- indices ---------------------------------------------------------------- */

struct contig_page_info {
	unsigned long free_pages, free_blocks_total;
	unsigned long free_blocks_suitable; /* of the order, larger ones divided up */
};

static struct contig_page_info contig_info(const struct zone *zone, unsigned int order)
{
	struct contig_page_info info = {0, 0, 0};

	for (unsigned int o = 0; o < MAX_ORDER; o++) {
		unsigned long blocks = HOT_LOAD(&zone->free_area[o].nr_free);

		info.free_blocks_total += blocks;
		info.free_pages += blocks << o;
		if (o >= order)
			info.free_blocks_suitable += blocks << (o - order);
	}
	return info;
}

int fragmentation_index(const struct zone *zone, unsigned int order)
{
	struct contig_page_info info = contig_info(zone, order);

	if (!info.free_blocks_total)
		return 0;
	if (info.free_blocks_suitable)
		return -1000;
	return 1000 -
	       (int)((1000 + info.free_pages * 1000 / (1UL << order)) / info.free_blocks_total);
}

int unusable_free_index(const struct zone *zone, unsigned int order)
{
	struct contig_page_info info = contig_info(zone, order);

	if (!info.free_pages)
		return 1000;
	return (int)((info.free_pages - (info.free_blocks_suitable << order)) * 1000 /
		     info.free_pages);
}

unsigned int extfrag_for_order(const struct zone *zone, unsigned int order)
{
	struct contig_page_info info = contig_info(zone, order);

	if (!info.free_pages)
		return 0;
	return (unsigned int)((info.free_pages - (info.free_blocks_suitable << order)) * 100 /
			      info.free_pages);
}

/* ---- suitability ------------------------------------------------------------ */

/* With so many pages free. */
static enum compact_result __compaction_suitable(const struct zone *zone, int order,
						 unsigned int alloc_flags, int highest_zoneidx,
						 unsigned long free_pages)
{
	unsigned long mark;

	if (order < 0)
		return COMPACT_CONTINUE;
	mark = HOT_LOAD(&zone->_watermark[alloc_flags & ALLOC_WMARK_MASK]) +
	       HOT_LOAD(&zone->watermark_boost);
	if (zone_watermark_ok(zone, (unsigned int)order, mark, highest_zoneidx, alloc_flags))
		return COMPACT_SUCCESS;
	/* What single pages will be asked of when they are taken as targets. */
	mark = order > PAGE_ALLOC_COSTLY_ORDER ? low_wmark_pages(zone) : min_wmark_pages(zone);
	mark += compact_gap(order);
	return __zone_watermark_ok(zone, 0, mark, highest_zoneidx, ALLOC_CMA, (long)free_pages)
		       ? COMPACT_CONTINUE
		       : COMPACT_SKIPPED;
}

enum compact_result compaction_suitable(const struct quire *q, const struct zone *zone, int order,
					unsigned int alloc_flags, int highest_zoneidx)
{
	enum compact_result ret = __compaction_suitable(zone, order, alloc_flags, highest_zoneidx,
							zone_page_state(zone, NR_FREE_PAGES));
	enum compact_result why;

	why = ret;
	/* Small blocks are not left to an estimate: their failure is fatal. */
	if (ret == COMPACT_CONTINUE && order > PAGE_ALLOC_COSTLY_ORDER) {
		int index = fragmentation_index(zone, (unsigned int)order);

		if (index >= 0 && index <= (int)HOT_LOAD(&q->page->extfrag_threshold)) {
			why = COMPACT_NOT_SUITABLE_ZONE;
			ret = COMPACT_SKIPPED;
		}
	}
	if (unlikely(q->keys & TRACE_KEY(TRACE_MM_COMPACTION_SUITABLE)))
		trace_mm_compaction_status((struct quire *)(uintptr_t)q,
					   TRACE_MM_COMPACTION_SUITABLE, zone, order, why);
	return ret;
}

bool compaction_zonelist_suitable(struct quire *q, const struct alloc_context *ac,
				  unsigned int alloc_flags)
{
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask)
	{
		/* Not all that could be reclaimed is worth one large block. */
		unsigned long available =
			zone_page_state(zone, NR_FREE_PAGES) +
			(q->page->ops.zone_reclaimable_pages
				 ? q->page->ops.zone_reclaimable_pages(q, zone) / ac->order
				 : 0);

		if (__compaction_suitable(zone, (int)ac->order, alloc_flags, ac->highest_zoneidx,
					  available) == COMPACT_CONTINUE)
			return true;
	}
	return false;
}

/* ---- putting it off --------------------------------------------------------- */

static void trace_defer(struct quire *q, enum trace_event event, const struct zone *zone, int order)
{
	if (unlikely(q->keys & TRACE_KEY(event)))
		trace_record(q, event, 0, trace_pair(zone_to_nid(zone), zone->zone_idx),
			     trace_pair((u32)order, (u32)zone->compact_order_failed),
			     trace_pair(zone->compact_considered, zone->compact_defer_shift), 0);
}

void defer_compaction(struct quire *q, struct zone *zone, int order)
{
	zone->compact_considered = 0;
	zone->compact_defer_shift = min(zone->compact_defer_shift + 1, COMPACT_MAX_DEFER_SHIFT);
	zone->compact_order_failed = min(zone->compact_order_failed, order);
	trace_defer(q, TRACE_MM_COMPACTION_DEFER_COMPACTION, zone, order);
}

bool compaction_deferred(struct quire *q, struct zone *zone, int order)
{
	unsigned int limit = 1u << zone->compact_defer_shift;

	if (order < zone->compact_order_failed)
		return false;
	if (++zone->compact_considered < limit) {
		trace_defer(q, TRACE_MM_COMPACTION_DEFERRED, zone, order);
		return true;
	}
	zone->compact_considered = limit;
	return false;
}

void compaction_defer_reset(struct quire *q, struct zone *zone, int order, bool alloc_success)
{
	if (alloc_success) {
		zone->compact_considered = 0;
		zone->compact_defer_shift = 0;
	}
	zone->compact_order_failed = max(zone->compact_order_failed, order + 1);
	trace_defer(q, TRACE_MM_COMPACTION_DEFER_RESET, zone, order);
}

bool compaction_restarting(const struct zone *zone, int order)
{
	return order >= zone->compact_order_failed &&
	       zone->compact_defer_shift == COMPACT_MAX_DEFER_SHIFT &&
	       zone->compact_considered >= 1u << zone->compact_defer_shift;
}
