/* SPDX-License-Identifier: MIT */
/*
 * Taking pages of a contiguous memory area, and giving them back (Linux 6.1's
 * cma_alloc() and cma_release()).
 *
 * A range that the bitmap has free is emptied by alloc_contig_range(); if some
 * page there does not move, the next range is tried, to the area's end.
 *
 * Lock: the area's over its bitmap, in page/cma.c.  May sleep.
 */
#include "base/printk.h"
#include "reclaim/compaction.h"

struct page *cma_alloc(struct quire *q, struct cma *cma, unsigned long count, unsigned int align,
		       bool no_warn)
{
	unsigned long step = align > cma->order_per_bit ? 1UL << (align - cma->order_per_bit) : 1;
	unsigned long from = 0;
	struct zone *zone = page_zone(q, pfn_to_page(q, cma->base_pfn));
	struct page *page = NULL;
	int err = -ENOMEM;
	u64 pfn;
	long bit;

	if (!cma->active || !count || count > cma->count || align >= BITS_PER_LONG - 1)
		return NULL;
	while (!page && (bit = cma_take_bits(q, cma, count, align, from, &pfn)) >= 0) {
		err = alloc_contig_range(q, zone, pfn, pfn + count, MIGRATE_CMA);
		if (!err) {
			page = pfn_to_page(q, pfn);
			break;
		}
		cma_clear_bits(q, cma, pfn, count);
		if (err != -EBUSY)
			break;
		from = (unsigned long)bit + step;
	}
	if (page)
		(void)HOT_ADD(&cma->nr_succeeded, count);
	else
		(void)HOT_ADD(&cma->nr_failed, count);
	if (!page && !no_warn)
		pr_err(q, "cma: cma_alloc: %s: alloc failed, req-size: %lu pages, ret: %d",
		       cma->name, count, err);
	return page;
}

bool cma_release(struct quire *q, struct cma *cma, const struct page *pages, unsigned long count)
{
	u64 pfn = page_to_pfn(q, pages);

	if (pfn < cma->base_pfn || pfn >= cma->base_pfn + cma->count ||
	    count > cma->base_pfn + cma->count - pfn)
		return false;
	free_contig_range(q, pfn, count);
	cma_clear_bits(q, cma, pfn, count);
	return true;
}
