/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator: a zone's free memory as blocks of 2^order pages.
 *
 * A block of order n begins at a frame number divisible by 2^n.  Its buddy is
 * the block with which it makes one of order n + 1: their numbers differ in
 * bit n alone.  A request takes the first block of the smallest order that has
 * one and puts the halves it does not need on the lists below (expand); a block
 * given back is joined with its buddy as long as that is free too.
 *
 * Against fragmentation memory is dealt in pageblocks of 2 MiB, each of one
 * migrate type: pages that can be moved, pages that can be reclaimed and those
 * that stay for ever are kept apart.  When a type has run dry it steals from
 * another, the largest block there is, and if it then owns most of that
 * pageblock the whole pageblock changes its type.
 *
 * Invariants (verify_buddy.c): a free block's first descriptor has PG_buddy, its
 * order in private, no references, and is on exactly one list of its zone; no
 * two free buddies of one order below the highest lie side by side, except
 * pageblocks one of which must not be mixed; nr_free counts the lists,
 * NR_FREE_PAGES their pages.
 *
 * Virgin blocks: at boot the blocks of the highest order, nearly all of memory,
 * are only counted (zone->nr_virgin).  As long as there are any, the movable
 * list of that order is never left empty: when its last block goes, the next
 * virgin one is put there, so whoever finds a list empty can believe it, and
 * the order is that of a list that boot had filled.  Such a block has PG_virgin
 * and one written descriptor, and so have the halves that it is split into, as long
 * as their descriptors would fill a page, and what two such halves are joined to.
 * The others follow when a block is taken (materialise()), before anyone could look
 * at them.  Only who asks for a block that he keeps no descriptors of
 * (__rmqueue_virgin()) is given it as it is, and gives it back so.
 *
 * Lock: zone->lock, which the callers hold.  Follows Linux's page_alloc.c.
 */
#include "node/memblock.h"
#include "page/debug.h"
#include "page/internal.h"
#include "page/trace.h"

#define HIGHEST_ORDER (MAX_ORDER - 1)

/* From whom a type steals, in this order. */
static const int fallbacks[MIGRATE_PCPTYPES][MIGRATE_PCPTYPES - 1] = {
	[MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
	[MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
	[MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

void init_free_lists(struct zone *zone)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			INIT_LIST_HEAD(&zone->free_area[order].free_list[mt]);
}

void init_single_page(struct page *page, unsigned long place)
{
	HOT_STORE(&page->flags, place);
	page->page_type = PAGE_TYPE_NONE;
	page->_refcount = 0;
}

int get_pageblock_migratetype(const struct quire *q, const struct page *page)
{
	return pfnblock_migratetype(page_zone(q, page), page_to_pfn(q, page));
}

/* ---- lists ------------------------------------------------------------------ */

void add_to_free_list(struct page *page, struct zone *zone, unsigned int order, int mt, bool tail)
{
	struct free_area *area = &zone->free_area[order];

	page->private = order;
	__SetPageType(page, PG_buddy);
	if (tail)
		list_add_tail(&page->lru, &area->free_list[mt]);
	else
		list_add(&page->lru, &area->free_list[mt]);
	HOT_STORE(&area->types, area->types | 1u << mt);
	HOT_STORE(&area->nr_free, area->nr_free + 1);
}

/* Off its list; the type's bit goes with the last one. */
static void unlink_block(struct page *page, struct free_area *area)
{
	struct list_head *next = page->lru.next;

	/* The only entry has the head on both sides. */
	if (next == page->lru.prev)
		HOT_STORE(&area->types, area->types & ~(1u << (next - area->free_list)));
	list_del(&page->lru);
}

/* Is the block at pfn one that boot gave, whole, to the zone? */
static bool boot_block(const struct quire *q, const struct zone *zone, u64 pfn)
{
	struct memblock_region gap;

	return memblock_next_free(q->node->memblock, pfn << PAGE_SHIFT, &gap) &&
	       gap.base <= pfn << PAGE_SHIFT && gap.nid == zone_to_nid(zone) &&
	       zone_spans_pfn(zone, pfn + MAX_ORDER_NR_PAGES - 1) &&
	       gap.base + gap.size >= (pfn + MAX_ORDER_NR_PAGES) << PAGE_SHIFT;
}

/* Puts the next virgin block at the end of its list; there must be one. */
void write_virgin_head(const struct quire *q, struct zone *zone)
{
	struct free_area *area = &zone->free_area[HIGHEST_ORDER];
	u64 pfn = zone->virgin_pfn;
	struct page *page;

	while (!boot_block(q, zone, pfn))
		pfn += MAX_ORDER_NR_PAGES;
	zone->virgin_pfn = pfn + MAX_ORDER_NR_PAGES;
	zone->nr_virgin--;
	page = pfn_to_page(q, pfn);
	init_single_page(page, page_place(zone) | BIT(PG_virgin));
	page->private = HIGHEST_ORDER;
	__SetPageType(page, PG_buddy);
	list_add_tail(&page->lru, &area->free_list[MIGRATE_MOVABLE]);
	HOT_STORE(&area->types, area->types | 1u << MIGRATE_MOVABLE);
}

static void refill_virgin(const struct quire *q, struct zone *zone)
{
	if (zone->nr_virgin && !(zone->free_area[HIGHEST_ORDER].types & 1u << MIGRATE_MOVABLE))
		write_virgin_head(q, zone);
}

static void move_to_free_list(const struct quire *q, struct page *page, struct zone *zone,
			      unsigned int order, int mt)
{
	struct free_area *area = &zone->free_area[order];

	unlink_block(page, area);
	list_add_tail(&page->lru, &area->free_list[mt]);
	HOT_STORE(&area->types, area->types | 1u << mt);
	if (order == HIGHEST_ORDER)
		refill_virgin(q, zone);
}

/* Writes the descriptors of a virgin block; of another they are. */
void materialise(struct page *page, unsigned int order)
{
	unsigned long place = page->flags & PAGE_PLACE_MASK;

	if (likely(!(page->flags & BIT(PG_virgin))))
		return;
	HOT_STORE(&page->flags, place);
	for (unsigned int i = 1; i < 1u << order; i++)
		init_single_page(page + i, place);
}

/* The same for a block that is split until one of order low is left: the halves
 * stay virgin if they are not too small, and so does what is left. */
static void split_virgin(const struct quire *q, struct page *page, unsigned int low,
			 unsigned int high)
{
	unsigned long virgin = page->flags;

	if (likely(!(virgin & BIT(PG_virgin))))
		return;
	/* Guard pages are halves that are on no list. */
	while (high > max(low, (unsigned int)VIRGIN_ORDER) && !(q->keys & KEY_GUARD_PAGE))
		init_single_page(page + (1UL << --high), virgin);
	if (high != low)
		materialise(page, high);
}

/* The same for one of which nr single pages are taken from the front: what is behind
 * them is virgin still, in the blocks of which it is made, if those are not too small. */
static void write_virgin_front(struct page *page, unsigned int order, unsigned int nr)
{
	unsigned long virgin = page->flags;
	unsigned int written = ALIGN(nr, 1u << VIRGIN_ORDER);

	for (unsigned int i = 0; i < written; i++)
		init_single_page(page + i, virgin & ~BIT(PG_virgin));
	for (unsigned int n = written; n < 1u << order; n += 1u << __builtin_ctz(n))
		init_single_page(page + n, virgin);
}

/* Before two free blocks are joined: the descriptors of both are written, or those
 * of neither. */
static void join_virgin(struct page *lower, struct page *upper, unsigned int order)
{
	if (likely(!((lower->flags | upper->flags) & BIT(PG_virgin))))
		return;
	if (lower->flags & upper->flags & BIT(PG_virgin)) {
		HOT_STORE(&upper->flags, upper->flags & PAGE_PLACE_MASK);
	} else {
		materialise(lower, order);
		materialise(upper, order);
	}
}

static void take_off_free_list(const struct quire *q, struct page *page, struct zone *zone,
			       unsigned int order)
{
	struct free_area *area = &zone->free_area[order];

	unlink_block(page, area);
	__ClearPageType(page, PG_buddy);
	page->private = 0;
	HOT_STORE(&area->nr_free, area->nr_free - 1);
	if (order == HIGHEST_ORDER)
		refill_virgin(q, zone);
}

void del_page_from_free_list(const struct quire *q, struct page *page, struct zone *zone,
			     unsigned int order)
{
	take_off_free_list(q, page, zone, order);
	materialise(page, order);
}

/* ---- guard pages ------------------------------------------------------------ */

/*
 * Of a block that is split for a small request the smallest leftovers stay out of
 * the lists and out of sight: who writes beyond his page is caught there, on ports
 * that can (port->guard_frames).  They come back when the page in use is freed and
 * joined with them.  Linux: debug_guardpage_minorder=.
 */
static bool set_page_guard(struct quire *q, struct zone *zone, struct page *page,
			   unsigned int order, int migratetype)
{
	if (order >= debug_guardpage_minorder(q))
		return false;
	__SetPageType(page, PG_guard);
	INIT_LIST_HEAD(&page->lru);
	page->private = order;
	mod_zone_freepage_state(zone, -(1L << order), migratetype);
	if (q->port->guard_frames)
		(void)q->port->guard_frames(q->port_ctx, page_to_pfn(q, page), 1UL << order, true);
	return true;
}

static void clear_page_guard(struct quire *q, struct zone *zone, struct page *page,
			     unsigned int order, int migratetype)
{
	__ClearPageType(page, PG_guard);
	page->private = 0;
	if (migratetype != MIGRATE_ISOLATE)
		mod_zone_freepage_state(zone, 1L << order, migratetype);
	if (q->port->guard_frames)
		(void)q->port->guard_frames(q->port_ctx, page_to_pfn(q, page), 1UL << order, false);
}

/* ---- giving back ------------------------------------------------------------ */

/*
 * The buddy of a block if it is free, whole and in the same zone.  Frames of a
 * zone are its own: nodes do not overlap, so its span is all there is to ask,
 * and what another zone's lock guards is not looked at.
 */
static struct page *find_buddy_page(const struct quire *q, const struct zone *zone, u64 pfn,
				    unsigned int order, u64 *buddy_pfn)
{
	struct page *buddy;

	*buddy_pfn = pfn ^ (1UL << order);
	if (!zone_spans_pfn(zone, *buddy_pfn))
		return NULL;
	buddy = pfn_to_page(q, *buddy_pfn);
	return (PageBuddy(buddy) || PageGuard(buddy)) && buddy_order(buddy) == order ? buddy : NULL;
}

/*
 * A block whose buddy's buddy is free one order up will soon be joined with
 * it if left alone: such a block goes to the end of its list.
 */
static bool buddy_merge_likely(const struct quire *q, const struct zone *zone, u64 pfn,
			       unsigned int order)
{
	u64 ignored;

	return order < HIGHEST_ORDER - 1 &&
	       find_buddy_page(q, zone, pfn & ~(1UL << order), order + 1, &ignored) != NULL;
}

/* What the running context hopes to see freed in this zone; NULL: nothing. */
static struct capture_control *task_capc(struct quire *q, const struct zone *zone)
{
	const struct quire_context *ctx = current_context(q);
	struct capture_control *capc = ctx->capture_control;

	if (likely(!capc))
		return NULL;
	return !(ctx->flags & PF_KTHREAD) && !capc->page && capc->zone == zone ? capc : NULL;
}

/* Is this the block?  Not a small one for movable pages: another type, once it
 * had taken that, would keep the pageblock. */
static bool compaction_capture(struct capture_control *capc, struct page *page, unsigned int order,
			       int migratetype)
{
	if (order != capc->order || migratetype == MIGRATE_CMA || migratetype == MIGRATE_ISOLATE)
		return false;
	if (order < pageblock_order && migratetype == MIGRATE_MOVABLE)
		return false;
	capc->page = page;
	return true;
}

void __free_one_page(struct quire *q, struct page *page, u64 pfn, struct zone *zone,
		     unsigned int order, int migratetype, unsigned int fpi_flags)
{
	struct capture_control *capc = task_capc(q, zone);
	u64 buddy_pfn;

	if (likely(migratetype != MIGRATE_ISOLATE))
		mod_zone_freepage_state(zone, 1L << order, migratetype);
	while (order < HIGHEST_ORDER) {
		struct page *buddy;

		if (unlikely(capc) && compaction_capture(capc, page, order, migratetype)) {
			materialise(page, order);
			mod_zone_freepage_state(zone, -(1L << order), migratetype);
			return;
		}
		buddy = find_buddy_page(q, zone, pfn, order, &buddy_pfn);
		if (!buddy)
			break;
		/* Above a pageblock's size types could mix: only the three
		 * main ones may. */
		if (unlikely(order >= pageblock_order)) {
			int buddy_mt = pfnblock_migratetype(zone, buddy_pfn);

			if (buddy_mt != migratetype && (!migratetype_is_mergeable(migratetype) ||
							!migratetype_is_mergeable(buddy_mt)))
				break;
		}
		if (unlikely(PageGuard(buddy)))
			clear_page_guard(q, zone, buddy, order, migratetype);
		else
			take_off_free_list(q, buddy, zone, order);
		join_virgin(buddy_pfn < pfn ? buddy : page, buddy_pfn < pfn ? page : buddy, order);
		if (buddy_pfn < pfn) {
			page = buddy;
			pfn = buddy_pfn;
		}
		order++;
	}
	add_to_free_list(page, zone, order, migratetype,
			 (fpi_flags & FPI_TO_TAIL) || buddy_merge_likely(q, zone, pfn, order));
}

void __free_virgin_blocks(struct quire *q, struct zone *zone, unsigned long nr)
{
	if (!zone->virgin_pfn)
		zone->virgin_pfn = ALIGN(zone->zone_start_pfn, MAX_ORDER_NR_PAGES);
	zone->nr_virgin += nr;
	HOT_STORE(&zone->free_area[HIGHEST_ORDER].nr_free,
		  zone->free_area[HIGHEST_ORDER].nr_free + nr);
	mod_zone_page_state(zone, NR_FREE_PAGES, (long)(nr * MAX_ORDER_NR_PAGES));
	refill_virgin(q, zone);
}

void write_virgin_blocks(struct quire *q, struct zone *zone, u64 end)
{
	while (zone->nr_virgin && zone->virgin_pfn < end)
		write_virgin_head(q, zone);
	zone->virgin_pfn = max(zone->virgin_pfn, end);
}

/* ---- taking ----------------------------------------------------------------- */

/* Puts the upper halves of a block of order `high` back until `low` is left. */
static void expand(struct quire *q, struct zone *zone, struct page *page, unsigned int low,
		   unsigned int high, int migratetype)
{
	while (high > low) {
		high--;
		if (unlikely(q->keys & KEY_GUARD_PAGE) &&
		    set_page_guard(q, zone, page + (1UL << high), high, migratetype))
			continue;
		add_to_free_list(page + (1UL << high), zone, high, migratetype, false);
	}
}

/* A virgin block stays one. */
static struct page *rmqueue_smallest(struct quire *q, struct zone *zone, unsigned int order,
				     int migratetype)
{
	for (unsigned int o = order; o < MAX_ORDER; o++) {
		struct free_area *area = &zone->free_area[o];
		struct page *page;

		if (!(area->types & 1u << migratetype))
			continue;
		page = list_first_entry(&area->free_list[migratetype], struct page, lru);
		take_off_free_list(q, page, zone, o);
		split_virgin(q, page, order, o);
		expand(q, zone, page, order, o, migratetype);
		set_pcppage_migratetype(page, migratetype);
		if (unlikely(q->keys & TRACE_KEY(TRACE_MM_PAGE_ALLOC_ZONE_LOCKED)))
			trace_mm_page_alloc_zone_locked(q, page, order, migratetype);
		return page;
	}
	return NULL;
}

struct page *__rmqueue_smallest(struct quire *q, struct zone *zone, unsigned int order,
				int migratetype)
{
	struct page *page = rmqueue_smallest(q, zone, order, migratetype);

	if (page)
		materialise(page, order);
	return page;
}

/* Moves the free blocks in [start, end) of a zone to mt's lists. */
static int move_freepages(struct quire *q, struct zone *zone, u64 start, u64 end, int mt,
			  int *movable)
{
	int moved = 0;

	for (u64 pfn = start; pfn < end;) {
		struct page *page = pfn_to_page(q, pfn);

		if (!PageBuddy(page)) {
			if (movable && PageLRU(compound_head(page)))
				(*movable)++;
			pfn++;
			continue;
		}
		move_to_free_list(q, page, zone, buddy_order(page), mt);
		moved += 1 << buddy_order(page);
		pfn += 1UL << buddy_order(page);
	}
	return moved;
}

int move_freepages_block(struct quire *q, struct zone *zone, struct page *page, int migratetype,
			 int *movable)
{
	u64 pfn = page_to_pfn(q, page), start = ALIGN_DOWN(pfn, pageblock_nr_pages);
	u64 end = start + pageblock_nr_pages;

	if (movable)
		*movable = 0;
	/* A pageblock that hangs over the zone's edge: only what is inside. */
	if (!zone_spans_pfn(zone, start))
		start = pfn;
	if (!zone_spans_pfn(zone, end - 1))
		return 0;
	return move_freepages(q, zone, start, end, migratetype, movable);
}

/* ---- stealing --------------------------------------------------------------- */

/* May a type take a whole pageblock when it steals a block of this order? */
static bool can_steal_fallback(unsigned int order, int start_mt)
{
	return order >= pageblock_order / 2 || start_mt == MIGRATE_RECLAIMABLE ||
	       start_mt == MIGRATE_UNMOVABLE;
}

int find_suitable_fallback(const struct free_area *area, unsigned int order, int mt,
			   bool only_stealable, bool *can_steal)
{
	*can_steal = false;
	if (!area->nr_free)
		return -1;
	for (unsigned int i = 0; i < MIGRATE_PCPTYPES - 1; i++) {
		if (!(area->types & 1u << fallbacks[mt][i]))
			continue;
		*can_steal = can_steal_fallback(order, mt);
		if (*can_steal || !only_stealable)
			return fallbacks[mt][i];
	}
	return -1;
}

/* Raises the watermarks for a while, so that kswapd makes room and the next
 * request need not steal. */
static bool boost_watermark(const struct quire *q, struct zone *zone)
{
	unsigned long max_boost;

	if (!q->page->watermark_boost_factor || pageblock_nr_pages * 4 > zone->managed_pages)
		return false;
	max_boost = zone->_watermark[WMARK_HIGH] * q->page->watermark_boost_factor / 10000;
	if (!max_boost)
		return false;
	max_boost = max(pageblock_nr_pages, max_boost);
	HOT_STORE(&zone->watermark_boost,
		  min(zone->watermark_boost + pageblock_nr_pages, max_boost));
	return true;
}

/* A pageblock's frames go to a type.  Such as do not move hold the kernel's
 * objects, and are used to the last byte: the port is told. */
static void claim_pageblocks(const struct quire *q, struct zone *zone, u64 pfn, u64 nr, int mt)
{
	for (u64 p = pfn; p < pfn + nr; p += pageblock_nr_pages)
		set_pfnblock_migratetype(zone, p, mt);
	if (mt != MIGRATE_MOVABLE && q->port->frames_dense)
		q->port->frames_dense(q->port_ctx, ALIGN_DOWN(pfn, pageblock_nr_pages), nr);
}

static void steal_suitable_fallback(struct quire *q, struct zone *zone, struct page *page,
				    unsigned int alloc_flags, int start_mt, bool whole_block)
{
	unsigned int order = buddy_order(page);
	u64 pfn = page_to_pfn(q, page);
	int old_mt = pfnblock_migratetype(zone, pfn), free_pages, movable, alike = 0;

	if (old_mt == MIGRATE_HIGHATOMIC)
		goto single_page;
	if (order >= pageblock_order) {
		claim_pageblocks(q, zone, pfn, 1UL << order, start_mt);
		goto single_page;
	}
	if (boost_watermark(q, zone) && (alloc_flags & ALLOC_KSWAPD))
		HOT_STORE(&zone->boosted, true);
	if (!whole_block)
		goto single_page;
	free_pages = move_freepages_block(q, zone, page, start_mt, &movable);
	if (!free_pages)
		goto single_page;
	/* Pages in use that fit the new type as well as the old one. */
	if (start_mt == MIGRATE_MOVABLE)
		alike = movable;
	else if (old_mt == MIGRATE_MOVABLE)
		alike = (int)pageblock_nr_pages - (free_pages + movable);
	if (free_pages + alike >= 1 << (pageblock_order - 1))
		claim_pageblocks(q, zone, pfn, pageblock_nr_pages, start_mt);
	return;
single_page:
	move_to_free_list(q, page, zone, order, start_mt);
}

/*
 * Puts a block of another type on start_mt's lists.  The largest there is: it
 * lasts longest.  But a movable request that may not take the pageblock over
 * takes the smallest that will do.
 */
static bool __rmqueue_fallback(struct quire *q, struct zone *zone, unsigned int order, int start_mt,
			       unsigned int alloc_flags)
{
	/* Without mixing only whole pageblocks may change hands. */
	int min_order = (alloc_flags & ALLOC_NOFRAGMENT) && order < pageblock_order
				? pageblock_order
				: (int)order;
	int o, fallback_mt = -1;
	bool can_steal = false;
	struct page *page;

	for (o = HIGHEST_ORDER; o >= min_order; o--) {
		fallback_mt = find_suitable_fallback(&zone->free_area[o], (unsigned int)o, start_mt,
						     false, &can_steal);
		if (fallback_mt >= 0)
			break;
	}
	if (fallback_mt < 0)
		return false;
	if (!can_steal && start_mt == MIGRATE_MOVABLE && o > (int)order) {
		for (o = (int)order; o < MAX_ORDER; o++) {
			fallback_mt = find_suitable_fallback(&zone->free_area[o], (unsigned int)o,
							     start_mt, false, &can_steal);
			if (fallback_mt >= 0)
				break;
		}
	}
	page = list_first_entry(&zone->free_area[o].free_list[fallback_mt], struct page, lru);
	steal_suitable_fallback(q, zone, page, alloc_flags, start_mt, can_steal);
	if (unlikely(q->keys & TRACE_KEY(TRACE_MM_PAGE_ALLOC_EXTFRAG)))
		trace_mm_page_alloc_extfrag(q, page, order, (unsigned int)o, start_mt, fallback_mt);
	return true;
}

struct page *__rmqueue_virgin(struct quire *q, struct zone *zone, unsigned int order,
			      int migratetype, unsigned int alloc_flags)
{
	bool cma = unlikely(zone->cma_pages) && (alloc_flags & ALLOC_CMA);
	struct page *page;

	/* Half of what is free is kept for contiguous areas: theirs first. */
	if (cma &&
	    zone_page_state(zone, NR_FREE_CMA_PAGES) > zone_page_state(zone, NR_FREE_PAGES) / 2) {
		page = rmqueue_smallest(q, zone, order, MIGRATE_CMA);
		if (page)
			return page;
	}
	do {
		page = rmqueue_smallest(q, zone, order, migratetype);
		if (unlikely(!page) && cma)
			page = rmqueue_smallest(q, zone, order, MIGRATE_CMA);
	} while (unlikely(!page) && __rmqueue_fallback(q, zone, order, migratetype, alloc_flags));
	return page;
}

struct page *__rmqueue(struct quire *q, struct zone *zone, unsigned int order, int migratetype,
		       unsigned int alloc_flags)
{
	struct page *page = __rmqueue_virgin(q, zone, order, migratetype, alloc_flags);

	if (likely(page))
		materialise(page, order);
	return page;
}

/*
 * Up to nr single pages off the front of the smallest block that a type has, onto
 * the end of a list; what is left of the block goes back as the aligned blocks that
 * it is made of.  The same pages in the same order as one by one, and the same lists
 * afterwards: as long as a type has nothing smaller, each page is taken from behind
 * the one before.  How many; 0: the type has nothing.
 */
static unsigned int take_run(struct quire *q, struct zone *zone, unsigned int nr, int migratetype,
			     struct list_head *list)
{
	struct list_head *last = list->prev;
	unsigned int order = 0, taken;
	unsigned long virgin;
	struct page *page;

	while (!(zone->free_area[order].types & 1u << migratetype))
		if (++order == MAX_ORDER)
			return 0;
	page = list_first_entry(&zone->free_area[order].free_list[migratetype], struct page, lru);
	take_off_free_list(q, page, zone, order);
	taken = min(nr, 1u << order);
	virgin = page->flags & BIT(PG_virgin);
	if (virgin)
		write_virgin_front(page, order, taken);
	for (struct page *end = page + taken; page < end; page++) {
		page->index = (unsigned long)migratetype; /* set_pcppage_migratetype() */
		__list_link(last, &page->lru);
		last = &page->lru;
	}
	__list_link(last, list);
	/* Behind n pages the next aligned block has as many pages as n's lowest bit. */
	for (unsigned int n = taken, o; n < 1u << order; n += 1u << o, page += 1u << o) {
		o = (unsigned int)__builtin_ctz(n);
		add_to_free_list(page, zone, o, migratetype, false);
	}
	return taken;
}

unsigned int __rmqueue_singles(struct quire *q, struct zone *zone, unsigned int nr, int migratetype,
			       unsigned int alloc_flags, struct list_head *list)
{
	/* Who wants to see each page; and contiguous areas, which are asked in turns. */
	bool one_by_one =
		(q->keys & (KEY_GUARD_PAGE | TRACE_KEY(TRACE_MM_PAGE_ALLOC_ZONE_LOCKED))) ||
		zone->cma_pages;
	unsigned int got = 0;

	while (got < nr) {
		unsigned int run = one_by_one ? 0 : take_run(q, zone, nr - got, migratetype, list);
		struct page *page;

		got += run;
		if (run)
			continue;
		page = __rmqueue(q, zone, 0, migratetype, alloc_flags);
		if (!page)
			break;
		list_add_tail(&page->lru, list);
		if (unlikely(pcppage_migratetype(page) == MIGRATE_CMA))
			mod_zone_page_state(zone, NR_FREE_CMA_PAGES, -1);
		got++;
	}
	return got;
}

/* ---- particular blocks ------------------------------------------------------ */

unsigned long __isolate_free_page(struct quire *q, struct zone *zone, struct page *page,
				  unsigned int order)
{
	u64 pfn = page_to_pfn(q, page);
	int mt = pfnblock_migratetype(zone, pfn);

	if (mt != MIGRATE_ISOLATE) {
		/* As if it were allocated: that the block exists is known. */
		unsigned long mark = zone->_watermark[WMARK_MIN] + (1UL << order);

		if (!zone_watermark_ok(zone, 0, mark, 0, ALLOC_CMA))
			return 0;
		mod_zone_freepage_state(zone, -(1L << order), mt);
	}
	del_page_from_free_list(q, page, zone, order);
	if (order >= pageblock_order - 1) {
		for (u64 p = pfn; p < pfn + (1UL << order); p += pageblock_nr_pages)
			if (migratetype_is_mergeable(pfnblock_migratetype(zone, p)))
				set_pfnblock_migratetype(zone, p, MIGRATE_MOVABLE);
	}
	return 1UL << order;
}

void zone_write_virgin_heads(struct quire *q, struct zone *zone)
{
	if (!HOT_LOAD(&zone->nr_virgin))
		return;
	spin_lock(q, &zone->lock);
	while (zone->nr_virgin)
		write_virgin_head(q, zone);
	spin_unlock(q, &zone->lock);
}

void split_largest_free_block(struct quire *q, struct zone *zone, u64 pfn)
{
	u64 head = ALIGN_DOWN(pfn, MAX_ORDER_NR_PAGES);
	struct page *page = pfn_to_page(q, head);

	if (!zone_spans_pfn(zone, head) || !PageBuddy(page) || buddy_order(page) != HIGHEST_ORDER)
		return;
	del_page_from_free_list(q, page, zone, HIGHEST_ORDER);
	for (u64 half = head; half < head + MAX_ORDER_NR_PAGES; half += pageblock_nr_pages)
		add_to_free_list(pfn_to_page(q, half), zone, pageblock_order,
				 pfnblock_migratetype(zone, half), false);
}

void join_free_pageblock(struct quire *q, struct zone *zone, u64 pfn)
{
	struct page *page = pfn_to_page(q, pfn);
	int mt = pfnblock_migratetype(zone, pfn);

	if (!PageBuddy(page) || buddy_order(page) != pageblock_order || mt == MIGRATE_ISOLATE)
		return;
	del_page_from_free_list(q, page, zone, pageblock_order);
	mod_zone_freepage_state(zone, -(long)pageblock_nr_pages, mt);
	__free_one_page(q, page, pfn, zone, pageblock_order, mt, FPI_NONE);
}

bool pageblock_present(const struct quire *q, const struct zone *zone, u64 pfn, u64 end)
{
	if (pfn < zone->zone_start_pfn || end > zone_end_pfn(zone) ||
	    pfn >= zone->first_deferred_pfn)
		return false;
	return (zone->present_pages == zone->spanned_pages && !q->node->movable_map) ||
	       (zone_has_pfn(q, zone, pfn) &&
		memblock_overlap_bytes(&q->node->memblock->memory, pfn << PAGE_SHIFT,
				       end << PAGE_SHIFT, zone_to_nid(zone)) != 0);
}

void split_page(struct quire *q, struct page *page, unsigned int order)
{
	BUG_ON(q, PageHead(page) || page_ref_count(page) == 0);
	for (unsigned long i = 1; i < 1UL << order; i++)
		set_page_count(page + i, 1);
}

unsigned long zone_hide_free_blocks(struct quire *q, struct zone *zone, unsigned long nr)
{
	unsigned long hidden;

	spin_lock(q, &zone->lock);
	hidden = min(nr, zone->nr_virgin);
	while (zone->nr_virgin > hidden)
		write_virgin_head(q, zone);
	zone->nr_virgin = 0;
	zone->free_area[HIGHEST_ORDER].nr_free -= hidden;
	mod_zone_page_state(zone, NR_FREE_PAGES, -(long)(hidden * MAX_ORDER_NR_PAGES));
	spin_unlock(q, &zone->lock);
	return hidden;
}

void zone_show_free_blocks(struct quire *q, struct zone *zone, unsigned long nr)
{
	spin_lock(q, &zone->lock);
	if (nr)
		__free_virgin_blocks(q, zone, nr);
	spin_unlock(q, &zone->lock);
}

void set_pageblock_migratetype(struct quire *q, struct zone *zone, u64 pfn, int migratetype)
{
	spin_lock(q, &zone->lock);
	if (zone_spans_pfn(zone, pfn))
		set_pfnblock_migratetype(zone, pfn, migratetype);
	spin_unlock(q, &zone->lock);
}
