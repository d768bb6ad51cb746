/* SPDX-License-Identifier: MIT */
/*
 * Contiguous memory areas: see cma.h.
 *
 * An area is whole pageblocks, reserved at boot and then given to its zone with a
 * migrate type of its own: only movable requests are served from there
 * (ALLOC_CMA), no other type steals there, and pageblocks never change their type.
 * The bitmap says what cma_alloc() has handed out; it knows nothing of pages that
 * are lent.
 *
 * Invariants (verify_buddy.c): zone->cma_pages counts the pageblocks of type
 * MIGRATE_CMA, isolated ones too; NR_FREE_CMA_PAGES the pages on their lists.
 *
 * Locks: the area's over its bitmap.
 */
#include "node/memblock.h"
#include "page/cma.h"
#include "page/hugetlb.h"
#include "page/internal.h"
#include "base/printk.h"
#include "base/text.h"

#define PAGEBLOCK_BYTES (PAGE_SIZE << pageblock_order)

/* ---- boot ------------------------------------------------------------------- */

static u64 place_area(struct quire *q, u64 size, u64 align, int nid)
{
	u64 base = 0;

	if (nid != NUMA_NO_NODE)
		return memblock_phys_alloc_range(q, size, align, 0, ~0UL, (unsigned int)nid);
	for (unsigned int n = q->nr_nodes; n-- > 0 && !base;)
		base = memblock_phys_alloc_range(q, size, align, 0, ~0UL, n);
	return base;
}

int cma_declare_contiguous(struct quire *q, u64 size, u64 align, unsigned int order_per_bit,
			   const char *name, int nid)
{
	struct cma_floor *floor;
	struct cma *cma;
	u64 base;

	if (!size || (align & (align - 1)) || order_per_bit > pageblock_order ||
	    nid >= (int)q->nr_nodes)
		return -EINVAL;
	floor = q->page->cma;
	if (!floor) {
		floor = memblock_alloc(q, sizeof(*floor), 64, 0);
		if (!floor)
			return -ENOMEM;
		q->page->cma = floor;
	}
	if (floor->nr == MAX_CMA_AREAS)
		return -ENOSPC;
	align = max_t(u64, align, PAGEBLOCK_BYTES);
	size = ALIGN(size, align);
	base = place_area(q, size, align, nid);
	if (!base)
		return -ENOMEM;
	cma = &floor->areas[floor->nr];
	cma->base_pfn = base >> PAGE_SHIFT;
	cma->count = size >> PAGE_SHIFT;
	cma->order_per_bit = order_per_bit;
	for (unsigned int i = 0; name[i] && i < CMA_NAME - 1; i++)
		cma->name[i] = name[i];
	spin_lock_init(&cma->lock, LOCK_HUGETLB);
	cma->bitmap = memblock_alloc(
		q, DIV_ROUND_UP(cma->count >> order_per_bit, BITS_PER_LONG) * sizeof(long), 64, 0);
	if (!cma->bitmap)
		return -ENOMEM;
	floor->nr++;
	floor->totalcma_pages += cma->count;
	pr_info(q, "cma: Reserved %lu MiB at %#018lx", (unsigned long)(size >> 20), base);
	return 0;
}

int cma_init(struct quire *q)
{
	int err = 0;

	if (q->cfg.cma_bytes)
		err = cma_declare_contiguous(q, q->cfg.cma_bytes, 0, 0, "reserved", NUMA_NO_NODE);
	for (unsigned int nid = 0; nid < q->nr_nodes && !err; nid++) {
		char name[CMA_NAME];

		if (!q->cfg.node[nid].cma_bytes)
			continue;
		(void)text_format(name, sizeof(name), "pernuma%u", nid);
		err = cma_declare_contiguous(q, q->cfg.node[nid].cma_bytes, 0, 0, name, (int)nid);
	}
	return err;
}

/* The zone that has all of an area; NULL: none. */
static struct zone *zone_of_area(struct quire *q, const struct cma *cma)
{
	for_each_node (q, nid)
		for_each_populated_zone_of_node(
			NODE_DATA(q, nid),
			zone) if (zone_spans_pfn(zone, cma->base_pfn) &&
				  zone_spans_pfn(zone, cma->base_pfn + cma->count - 1) &&
				  cma->base_pfn + cma->count <=
					  zone->first_deferred_pfn) return zone;
	return NULL;
}

/* Linux: init_cma_reserved_pageblock(). */
static void give_pageblocks(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	spin_lock(q, &zone->lock);
	/* Blocks that boot gave are told from these by their place. */
	write_virgin_blocks(q, zone, ALIGN(end, MAX_ORDER_NR_PAGES));
	memblock_free(q, start << PAGE_SHIFT, (end - start) << PAGE_SHIFT);
	zone->managed_pages += end - start;
	zone->cma_pages += end - start;
	for (u64 pfn = start; pfn < end; pfn += pageblock_nr_pages) {
		for (u64 p = pfn; p < pfn + pageblock_nr_pages; p++)
			init_single_page(pfn_to_page(q, p), page_place(zone));
		set_pfnblock_migratetype(zone, pfn, MIGRATE_CMA);
		__free_one_page(q, pfn_to_page(q, pfn), pfn, zone, pageblock_order, MIGRATE_CMA,
				FPI_NONE);
	}
	spin_unlock(q, &zone->lock);
	q->node->totalram_pages += end - start;
}

void cma_activate_areas(struct quire *q)
{
	struct cma_floor *floor = q->page->cma;

	for (unsigned int i = 0; floor && i < floor->nr; i++) {
		struct cma *cma = &floor->areas[i];
		struct zone *zone = zone_of_area(q, cma);

		/* What lies in two zones stays boot's. */
		if (!zone) {
			pr_err(q, "CMA area %s could not be activated", cma->name);
			floor->totalcma_pages -= cma->count;
			continue;
		}
		give_pageblocks(q, zone, cma->base_pfn, cma->base_pfn + cma->count);
		cma->active = true;
	}
	if (floor)
		init_per_zone_wmark_min(q);
}

/* ---- the bitmap ------------------------------------------------------------- */

static bool bit_taken(const struct cma *cma, unsigned long bit)
{
	return (cma->bitmap[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG)) & 1;
}

static void set_bits(struct cma *cma, unsigned long first, unsigned long nr, bool on)
{
	for (unsigned long bit = first; bit < first + nr; bit++) {
		unsigned long mask = 1UL << (bit % BITS_PER_LONG);

		if (on)
			cma->bitmap[bit / BITS_PER_LONG] |= mask;
		else
			cma->bitmap[bit / BITS_PER_LONG] &= ~mask;
	}
}

static unsigned long nr_bits(const struct cma *cma)
{
	return cma->count >> cma->order_per_bit;
}

static unsigned long bits_of(const struct cma *cma, unsigned long pages)
{
	return DIV_ROUND_UP(pages, 1UL << cma->order_per_bit);
}

long cma_take_bits(struct quire *q, struct cma *cma, unsigned long count, unsigned int align,
		   unsigned long from, u64 *pfn)
{
	unsigned int shift = align > cma->order_per_bit ? align - cma->order_per_bit : 0;
	unsigned long want = bits_of(cma, count), step = 1UL << shift;
	/* Aligned as frames, not from the area's start. */
	unsigned long offset = (cma->base_pfn & ((1UL << align) - 1)) >> cma->order_per_bit;
	unsigned long bit = ALIGN(from + offset, step) - offset, run = 0;
	long found = -1;

	spin_lock(q, &cma->lock);
	while (bit + want <= nr_bits(cma) && found < 0) {
		while (run < want && !bit_taken(cma, bit + run))
			run++;
		if (run == want)
			found = (long)bit;
		else
			bit = ALIGN(bit + run + 1 + offset, step) - offset;
		run = 0;
	}
	if (found >= 0)
		set_bits(cma, (unsigned long)found, want, true);
	spin_unlock(q, &cma->lock);
	*pfn = cma->base_pfn + ((u64)max(found, 0L) << cma->order_per_bit);
	return found;
}

void cma_clear_bits(struct quire *q, struct cma *cma, u64 pfn, unsigned long count)
{
	spin_lock(q, &cma->lock);
	set_bits(cma, (pfn - cma->base_pfn) >> cma->order_per_bit, bits_of(cma, count), false);
	spin_unlock(q, &cma->lock);
}

unsigned long cma_used_pages(struct quire *q, struct cma *cma)
{
	unsigned long used = 0;

	spin_lock(q, &cma->lock);
	for (unsigned long bit = 0; bit < nr_bits(cma); bit++)
		used += bit_taken(cma, bit);
	spin_unlock(q, &cma->lock);
	return used << cma->order_per_bit;
}

unsigned long cma_maxchunk(struct quire *q, struct cma *cma)
{
	unsigned long run = 0, most = 0;

	spin_lock(q, &cma->lock);
	for (unsigned long bit = 0; bit < nr_bits(cma); bit++) {
		run = bit_taken(cma, bit) ? 0 : run + 1;
		most = max(most, run);
	}
	spin_unlock(q, &cma->lock);
	return most << cma->order_per_bit;
}
