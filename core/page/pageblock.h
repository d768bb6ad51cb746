/* SPDX-License-Identifier: MIT */
/*
 * Pageblocks and single free blocks: what compaction and isolation need of the
 * buddy allocator, beyond asking for pages (parts of Linux's internal.h,
 * pageblock-flags.h and page-isolation.h).
 *
 * `__` functions, and all that change a type or a list, want zone->lock held.
 */
#ifndef QUIRE_PAGE_PAGEBLOCK_H
#define QUIRE_PAGE_PAGEBLOCK_H

#include "page/alloc.h"

static inline unsigned long pageblock_nr(const struct zone *zone, u64 pfn)
{
	return (pfn >> pageblock_order) - (zone->pageblock_base >> pageblock_order);
}

static inline u8 *pageblock_slot(const struct zone *zone, u64 pfn)
{
	return &zone->pageblock_type[pageblock_nr(zone, pfn)];
}

static inline int pfnblock_migratetype(const struct zone *zone, u64 pfn)
{
	return HOT_LOAD(pageblock_slot(zone, pfn));
}

static inline void set_pfnblock_migratetype(const struct zone *zone, u64 pfn, int migratetype)
{
	HOT_STORE(pageblock_slot(zone, pfn), (u8)migratetype);
}

/* Did compaction find the pageblock of no use lately?  Set and read without a
 * lock: a hint. */
static inline bool pageblock_skip(const struct zone *zone, u64 pfn)
{
	return HOT_LOAD(&zone->pageblock_skip[pageblock_nr(zone, pfn)]) != 0;
}

static inline void set_pageblock_skip(const struct zone *zone, u64 pfn, bool skip)
{
	HOT_STORE(&zone->pageblock_skip[pageblock_nr(zone, pfn)], (u8)skip);
}

static inline u64 pageblock_start_pfn(u64 pfn)
{
	return ALIGN_DOWN(pfn, pageblock_nr_pages);
}

static inline u64 pageblock_end_pfn(u64 pfn)
{
	return ALIGN(pfn + 1, pageblock_nr_pages);
}

static inline bool pageblock_aligned(u64 pfn)
{
	return IS_ALIGNED(pfn, pageblock_nr_pages);
}

static inline unsigned int buddy_order(const struct page *page)
{
	return (unsigned int)page->private;
}

static inline bool migratetype_is_mergeable(int migratetype)
{
	return migratetype < MIGRATE_PCPTYPES;
}

/* Whoever compacts for a request catches the block as it comes together, before
 * another can take it.  Linux: task_struct.capture_control. */
struct capture_control {
	const struct zone *zone;
	unsigned int order;
	struct page *page; /* caught, without references; or NULL */
};

/* Moves the free blocks of a pageblock to another type's lists; returns pages
 * moved, *movable gets the number in use that could be migrated (NULL: don't
 * count). */
int move_freepages_block(struct quire *q, struct zone *zone, struct page *page, int migratetype,
			 int *movable);

/*
 * Takes one free block off its list, for good: 2^order, or 0 if the zone would
 * fall below its min mark.  Of half a pageblock or more the pageblock becomes
 * movable.  The pages have no references yet.
 */
unsigned long __isolate_free_page(struct quire *q, struct zone *zone, struct page *page,
				  unsigned int order);

/* The type from which a request of type mt would steal a block of this order,
 * -1: none.  *can_steal: with the whole pageblock; only_stealable: those only. */
int find_suitable_fallback(const struct free_area *area, unsigned int order, int mt,
			   bool only_stealable, bool *can_steal);

/* A page that was taken so, or captured, as an allocation would hand it out. */
void prep_new_page(struct quire *q, struct page *page, unsigned int order, gfp_t gfp);

/* Blocks that nothing has touched since boot get their descriptors and go on
 * their list: whoever walks frames then sees them.  Takes zone->lock. */
void zone_write_virgin_heads(struct quire *q, struct zone *zone);

/* Is there a frame of the zone in [pfn, end), a pageblock or a part of one? */
bool pageblock_present(const struct quire *q, const struct zone *zone, u64 pfn, u64 end);

/* Cuts the free block of the highest order that lies around a pageblock in two, and
 * joins a free pageblock with its buddy again if they may. */
void split_largest_free_block(struct quire *q, struct zone *zone, u64 pfn);
void join_free_pageblock(struct quire *q, struct zone *zone, u64 pfn);

static inline bool is_migrate_movable(int migratetype)
{
	return migratetype == MIGRATE_MOVABLE || migratetype == MIGRATE_CMA;
}

/* ---- fragmentation (page/fragmentation.c) ----------------------------------- */

/* Free pages a move needs on top of the watermark: copies of a block, twice. */
static inline unsigned long compact_gap(int order)
{
	return 2UL << order;
}

/* Why a request of this order fails: towards 0 for want of memory, towards 1000
 * because it is in pieces; -1000: it would not. */
int fragmentation_index(const struct zone *zone, unsigned int order);
/* Per cent of free memory that lies in blocks smaller than this order. */
unsigned int extfrag_for_order(const struct zone *zone, unsigned int order);
/* The same in thousandths. */
int unusable_free_index(const struct zone *zone, unsigned int order);

/* Would compaction help a request of this order (-1: the operator wants it)?
 * COMPACT_SUCCESS: there is no need.  COMPACT_SKIPPED, COMPACT_CONTINUE. */
enum compact_result compaction_suitable(const struct quire *q, const struct zone *zone, int order,
					unsigned int alloc_flags, int highest_zoneidx);
/* Once so much more was reclaimed? */
bool compaction_zonelist_suitable(struct quire *q, const struct alloc_context *ac,
				  unsigned int alloc_flags);

/* Compaction failed for an order: the next 1, 2, 4 .. 64 tries are skipped. */
void defer_compaction(struct quire *q, struct zone *zone, int order);
bool compaction_deferred(struct quire *q, struct zone *zone, int order);
/* It went well; alloc_success: and the allocation too. */
void compaction_defer_reset(struct quire *q, struct zone *zone, int order, bool alloc_success);
bool compaction_restarting(const struct zone *zone, int order);

/* ---- isolation (page/isolation.c) ------------------------------------------- */

/*
 * The pageblocks of [start, end), whole ones of one zone, become MIGRATE_ISOLATE:
 * what is free there, or will be, is not handed out.  -EBUSY if one has pages that
 * can't be moved, is isolated already, or belongs to a contiguous area and the
 * request (its migrate type) does not: then nothing has changed.  -EINVAL.
 */
int start_isolate_page_range(struct quire *q, struct zone *zone, u64 start, u64 end,
			     int migratetype);
/* Back to a type. */
void undo_isolate_page_range(struct quire *q, struct zone *zone, u64 start, u64 end,
			     int migratetype);
/* Is all of it free by now? */
bool test_pages_isolated(struct quire *q, struct zone *zone, u64 start, u64 end);

#endif
