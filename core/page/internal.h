/* SPDX-License-Identifier: MIT */
/*
 * What the files of page/ share: the buddy's and the per-CPU lists' inner
 * functions.  `__` functions want zone->lock held.
 */
#ifndef QUIRE_PAGE_INTERNAL_H
#define QUIRE_PAGE_INTERNAL_H

#include "page/pageblock.h"

/* How a block is put back (fpi_t): at the end of its list, for boot. */
#define FPI_NONE    0u
#define FPI_TO_TAIL 1u

/* Flags that say where a page lives: they stay when it is freed. */
#define PAGE_PLACE_MASK ((PAGE_ZONE_MASK << PAGE_ZONE_SHIFT) | (PAGE_NODE_MASK << PAGE_NODE_SHIFT))

/* Flags that a page must not carry when it is freed. */
#define PAGE_FLAGS_CHECK_AT_FREE                                                                  \
	(BIT(PG_lru) | BIT(PG_locked) | BIT(PG_private) | BIT(PG_writeback) | BIT(PG_reserved) |  \
	 BIT(PG_slab) | BIT(PG_active) | BIT(PG_unevictable) | BIT(PG_mlocked) | BIT(PG_virgin) | \
	 LRU_GEN_MASK)

/* Free pages come, or go: they count, those of contiguous areas twice. */
static inline void mod_zone_freepage_state(struct zone *zone, long nr, int migratetype)
{
	mod_zone_page_state(zone, NR_FREE_PAGES, nr);
	if (unlikely(migratetype == MIGRATE_CMA))
		mod_zone_page_state(zone, NR_FREE_CMA_PAGES, nr);
}

static inline unsigned long page_place(const struct zone *zone)
{
	return ((unsigned long)zone->zone_idx << PAGE_ZONE_SHIFT) |
	       ((unsigned long)zone_to_nid(zone) << PAGE_NODE_SHIFT);
}

/* A page on a per-CPU list keeps its migrate type in index. */
static inline int pcppage_migratetype(const struct page *page)
{
	return (int)page->index;
}

static inline void set_pcppage_migratetype(struct page *page, int migratetype)
{
	page->index = (unsigned long)migratetype;
}

/* Switched on (base/trace.h): what an allocation and a free do more; page_debug.c. */
void post_alloc_debug(struct quire *q, struct page *page, unsigned int order, gfp_t gfp);
void free_prepare_debug(struct quire *q, struct page *page, unsigned int order);

/* alloc.c */
void prep_compound_page(struct page *page, unsigned int order);

/* init.c */
/* Gives [start, end) of one zone to its lists, new descriptors and all; fresh: what
 * descriptors hold that are not written is zero. */
void free_edge(struct quire *q, struct zone *zone, u64 start, u64 end, bool fresh);

/* buddy.c */
#define VIRGIN_ORDER 6 /* the descriptors of so large a block fill a page */

void init_free_lists(struct zone *zone);
/* Onto a list of the zone, off it (with all descriptors written). */
void add_to_free_list(struct page *page, struct zone *zone, unsigned int order, int mt, bool tail);
void del_page_from_free_list(const struct quire *q, struct page *page, struct zone *zone,
			     unsigned int order);
/* Puts the next virgin block at the end of its list; there must be one. */
void write_virgin_head(const struct quire *q, struct zone *zone);
/* A descriptor as a free page of the zone has it; for frames never used. */
void init_single_page(struct page *page, unsigned long place);
void __free_one_page(struct quire *q, struct page *page, u64 pfn, struct zone *zone,
		     unsigned int order, int migratetype, unsigned int fpi_flags);
/* Boot: nr blocks of the highest order whose descriptors stay unwritten. */
void __free_virgin_blocks(struct quire *q, struct zone *zone, unsigned long nr);
/* Puts all virgin blocks below end on their list: none will be looked for there. */
void write_virgin_blocks(struct quire *q, struct zone *zone, u64 end);
/* 2^order pages of a type, stealing from others if it must; NULL: none. */
struct page *__rmqueue(struct quire *q, struct zone *zone, unsigned int order, int migratetype,
		       unsigned int alloc_flags);
/* The same, but the block may be virgin: of its descriptors, if it has PG_virgin, only
 * the first is written, and so it may be given back.  Materialise() writes the others. */
struct page *__rmqueue_virgin(struct quire *q, struct zone *zone, unsigned int order,
			      int migratetype, unsigned int alloc_flags);
/* Single pages onto the end of a list, as if by so many calls; how many there were. */
unsigned int __rmqueue_singles(struct quire *q, struct zone *zone, unsigned int nr, int migratetype,
			       unsigned int alloc_flags, struct list_head *list);
void materialise(struct page *page, unsigned int order);
/* The same for the free block that has a frame, if one has: it will be looked at. */
void write_free_descriptors(struct quire *q, u64 pfn);
struct page *__rmqueue_smallest(struct quire *q, struct zone *zone, unsigned int order,
				int migratetype);
void reserve_highatomic_pageblock(struct quire *q, struct page *page, struct zone *zone);
bool unreserve_highatomic_pageblock(struct quire *q, const struct alloc_context *ac, bool force);

/* pcp.c */
struct page *rmqueue_pcplist(struct quire *q, struct zone *preferred, struct zone *zone,
			     unsigned int order, int migratetype, unsigned int alloc_flags);
/* A single page off the CPU's list if there is one; NULL, and nothing is changed. */
struct page *pcplist_pop(struct quire *q, struct zone *zone, int migratetype);
void zone_pcp_update(struct quire *q, struct zone *zone);
void init_pagesets(struct quire *q, struct zone *zone);
/* Counts an allocation for numastat. */
void zone_statistics(struct quire *q, struct zone *preferred, struct zone *zone, unsigned long nr);
/* Orders 0..3, and huge blocks, have lists. */
static inline bool pcp_allowed_order(unsigned int order)
{
	return order <= PAGE_ALLOC_COSTLY_ORDER || order == pageblock_order;
}

/* watermark.c */
bool zone_watermark_fast(const struct zone *z, unsigned int order, unsigned long mark,
			 int highest_zoneidx, unsigned int alloc_flags, gfp_t gfp);

#endif
