/* SPDX-License-Identifier: MIT */
/*
 * The page allocator's invariants: each frame has one owner.
 *
 * Two walks that must agree.  The first goes along the lists: free areas and
 * per-CPU lists, each entry what an entry of that list must be, the counts
 * those of the lists.  The second goes through the frames of each zone: a free
 * block is skipped as a whole and counted; what boot took is passed over; all
 * else is a page in use, a tail, or on a per-CPU list.  If both walks find the
 * same number of free blocks of each order, then no block is on two lists or
 * on none, and no two overlap (an overlapped one is skipped by the second walk
 * and missed in the count).
 *
 * A free block costs one descriptor, a virgin one none, so an empty machine of
 * 128 GB is walked in no time, a full one in that of one pass over the map.
 * Who owns a page in use is the upper floors' to prove.
 */
#include "node/memblock.h"
#include "page/debug.h"
#include "page/frames.h"
#include "page/internal.h"
#include "verify/verify.h"

struct zone_walk {
	struct zone *zone;
	unsigned int nid;
	unsigned long blocks[MAX_ORDER]; /* found on the lists */
	unsigned long found[MAX_ORDER];	 /* found among the frames */
	unsigned long pcp_pages;	 /* on per-CPU lists */
	unsigned long idle_pages;	 /* frames without references that are not free */
	unsigned long virgin;		 /* free blocks that are on no list yet */
};

static bool in_zone(const struct zone_walk *w, const struct page *page)
{
	return page_zonenum(page) == w->zone->zone_idx && page_to_nid(page) == w->nid;
}

static void check_free_block(struct verify *v, struct zone_walk *w, const struct page *page,
			     unsigned int order)
{
	u64 pfn = page_to_pfn(v->q, page);

	if (!PageBuddy(page))
		broken(v, "page: frame %#lx is on a free list but not marked free", pfn);
	else if (buddy_order(page) != order)
		broken(v, "page: frame %#lx is on the list of order %u but says %u", pfn, order,
		       buddy_order(page));
	if (!in_zone(w, page) || !zone_spans_pfn(w->zone, pfn))
		broken(v, "page: frame %#lx is on a list of node %u zone %s, where it is not", pfn,
		       w->nid, w->zone->name);
	if (!IS_ALIGNED(pfn, 1UL << order))
		broken(v, "page: free block %#lx is not aligned to its order %u", pfn, order);
	if (page->_refcount)
		broken(v, "page: free block %#lx has %d references", pfn, page->_refcount);
	if ((page->flags & BIT(PG_virgin)) && order < VIRGIN_ORDER)
		broken(v, "page: virgin block %#lx of order %u", pfn, order);
}

/* Isolated blocks are on isolated lists, and no others are. */
static void check_block_type(struct verify *v, struct zone_walk *w, const struct page *page, int mt)
{
	u64 pfn = page_to_pfn(v->q, page);

	if (!zone_spans_pfn(w->zone, pfn))
		return;
	if ((mt == MIGRATE_ISOLATE) != (pfnblock_migratetype(w->zone, pfn) == MIGRATE_ISOLATE) ||
	    (mt == MIGRATE_CMA) != (pfnblock_migratetype(w->zone, pfn) == MIGRATE_CMA))
		broken(v, "page: free block %#lx is on the %s list, its pageblock is %s", pfn,
		       migratetype_names[mt],
		       migratetype_names[pfnblock_migratetype(w->zone, pfn)]);
}

static void verify_free_lists(struct verify *v, struct zone_walk *w)
{
	unsigned long pages = 0, isolated = 0, cma = 0;

	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		struct free_area *area = &w->zone->free_area[order];
		unsigned long nr;

		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct page *page;

			if (!list_validate(&area->free_list[mt])) {
				broken(v, "page: node %u zone %s: list of order %u, %s is torn",
				       w->nid, w->zone->name, order, migratetype_names[mt]);
				continue;
			}
			if (list_empty(&area->free_list[mt]) != !(area->types & 1u << mt))
				broken(v,
				       "page: node %u zone %s: types of order %u are %#x, %s is "
				       "wrong",
				       w->nid, w->zone->name, order, area->types,
				       migratetype_names[mt]);
			list_for_each_entry (page, &area->free_list[mt], lru) {
				check_free_block(v, w, page, order);
				check_block_type(v, w, page, mt);
				w->blocks[order]++;
				isolated += mt == MIGRATE_ISOLATE ? 1UL << order : 0;
				cma += mt == MIGRATE_CMA ? 1UL << order : 0;
			}
		}
		nr = w->blocks[order] + (order == MAX_ORDER - 1 ? w->zone->nr_virgin : 0);
		if (area->nr_free != nr)
			broken(v,
			       "page: node %u zone %s: nr_free of order %u is %lu, lists have %lu",
			       w->nid, w->zone->name, order, area->nr_free, nr);
		pages += nr << order;
	}
	if (w->zone->vm_stat[NR_FREE_CMA_PAGES] != (long)cma)
		broken(v, "page: node %u zone %s: nr_free_cma is %ld, lists have %lu", w->nid,
		       w->zone->name, w->zone->vm_stat[NR_FREE_CMA_PAGES], cma);
	/* Nobody can have those of isolated pageblocks. */
	if (w->zone->vm_stat[NR_FREE_PAGES] != (long)(pages - isolated))
		broken(v, "page: node %u zone %s: nr_free_pages is %ld, lists have %lu", w->nid,
		       w->zone->name, w->zone->vm_stat[NR_FREE_PAGES], pages - isolated);
}

static void verify_pcp(struct verify *v, struct zone_walk *w, unsigned int cpu)
{
	struct per_cpu_pages *pcp = &w->zone->pageset[cpu];
	unsigned long pages = 0;
	struct page *page;

	for (unsigned int i = 0; i < NR_PCP_LISTS; i++) {
		unsigned int order = i == NR_PCP_LISTS - 1 ? pageblock_order : i / MIGRATE_PCPTYPES;

		if (!list_validate(&pcp->lists[i])) {
			broken(v, "page: node %u zone %s: a page list of CPU %u is torn", w->nid,
			       w->zone->name, cpu);
			continue;
		}
		list_for_each_entry (page, &pcp->lists[i], lru) {
			u64 pfn = page_to_pfn(v->q, page);

			if (page->_refcount || page_has_type(page) || !in_zone(w, page))
				broken(v, "page: frame %#lx is on a list of CPU %u and elsewhere",
				       pfn, cpu);
			pages += 1UL << order;
		}
	}
	if (pcp->count != (int)pages)
		broken(v, "page: node %u zone %s: CPU %u counts %d pages, its lists have %lu",
		       w->nid, w->zone->name, cpu, pcp->count, pages);
	w->pcp_pages += pages;
}

/* A free block among the frames: its buddy must not be free too. */
static void check_buddies(struct verify *v, struct zone_walk *w, const struct page *page, u64 pfn)
{
	unsigned int order = buddy_order(page);
	u64 bpfn = pfn ^ (1UL << order);
	const struct page *buddy = pfn_to_page(v->q, bpfn);

	if (order >= MAX_ORDER - 1 || bpfn < pfn || !zone_spans_pfn(w->zone, bpfn) ||
	    !PageBuddy(buddy) || buddy_order(buddy) != order || !in_zone(w, buddy))
		return;
	/* Pageblocks one of which is reserved are not joined. */
	if (order >= pageblock_order && (pfnblock_migratetype(w->zone, pfn) >= MIGRATE_PCPTYPES ||
					 pfnblock_migratetype(w->zone, bpfn) >= MIGRATE_PCPTYPES))
		return;
	broken(v, "page: free blocks %#lx and %#lx of order %u are buddies", pfn, bpfn, order);
}

/* One frame (or block) that the buddy once owned; returns how many frames. */
static unsigned long check_frame(struct verify *v, struct zone_walk *w, u64 pfn)
{
	const struct page *page = pfn_to_page(v->q, pfn);

	if (IS_ALIGNED(pfn, pageblock_nr_pages) && frames_own(v->q, pfn))
		return pageblock_nr_pages; /* verify_frames.c's */
	if (PageBuddy(page)) {
		if (buddy_order(page) >= MAX_ORDER) {
			broken(v, "page: free block %#lx of order %u", pfn, buddy_order(page));
			return 1;
		}
		w->found[buddy_order(page)]++;
		check_buddies(v, w, page, pfn);
		return 1UL << buddy_order(page);
	}
	if (PageGuard(page)) {
		if (buddy_order(page) >= MAX_ORDER / 2 + 1)
			broken(v, "page: guard page %#lx of order %u", pfn, buddy_order(page));
		return 1UL << (buddy_order(page) & 15);
	}
	if (unlikely(!in_zone(w, page)))
		broken(v, "page: frame %#lx says it is in node %u zone %u", pfn, page_to_nid(page),
		       page_zonenum(page));
	/* verify_hugetlb.c's; free ones have no references.  Tails are not asked:
	 * where they lead may be broken. */
	if (PageHead(page) && PageHuge(page))
		return 1UL << page[1].compound_order;
	if (page->_refcount > 0) {
		if (!PageHead(page))
			return 1;
		if (page[1].compound_order == 0 || page[1].compound_order >= MAX_ORDER ||
		    page[1].compound_head != ((unsigned long)page | 1)) {
			broken(v, "page: compound page %#lx has no proper tail", pfn);
			return 1;
		}
		return 1UL << page[1].compound_order;
	}
	if (page->_refcount < 0)
		broken(v, "page: frame %#lx has %d references", pfn, page->_refcount);
	else if (page->_mapcount >= 0)
		broken(v, "page: frame %#lx is mapped but no one keeps it", pfn);
	w->idle_pages++;
	return 1;
}

/* A block that no one has touched since boot: it is on no list. */
static bool is_virgin(const struct zone *zone, u64 pfn, u64 end)
{
	return pfn >= zone->virgin_pfn && IS_ALIGNED(pfn, MAX_ORDER_NR_PAGES) &&
	       pfn + MAX_ORDER_NR_PAGES <= end;
}

/* Deferred frames are nobody's: their descriptors are as boot found them. */
static void check_deferred(struct verify *v, u64 pfn, u64 end)
{
	for (; pfn < end; pfn++) {
		const struct page *page = pfn_to_page(v->q, pfn);

		if (page->flags || page->lru.next || page->lru.prev || page->mapping ||
		    page->index || page->private || page->page_type || page->_refcount ||
		    page->memcg) {
			broken(v, "page: deferred frame %#lx has an owner", pfn);
			return;
		}
	}
}

/* [pfn, end), of which the zone has all or nothing. */
static void check_run(struct verify *v, struct zone_walk *w, u64 pfn, u64 end)
{
	if (!zone_has_pfn(v->q, w->zone, pfn))
		return;
	while (pfn < end) {
		if (is_virgin(w->zone, pfn, end)) {
			w->virgin++;
			pfn += MAX_ORDER_NR_PAGES;
		} else {
			pfn += check_frame(v, w, pfn);
		}
	}
	if (pfn > end)
		broken(v, "page: a block reaches beyond frame %#lx, which boot took", end);
}

static void verify_zone_frames(struct verify *v, struct zone_walk *w)
{
	const struct memblock *mb = v->q->node->memblock;
	struct memblock_region gap;
	u64 from = 0;

	while (memblock_next_free(mb, from, &gap)) {
		u64 pfn = max(w->zone->zone_start_pfn, DIV_ROUND_UP(gap.base, PAGE_SIZE));
		u64 end = min(zone_end_pfn(w->zone), (gap.base + gap.size) >> PAGE_SHIFT);

		from = gap.base + gap.size;
		if (gap.nid != w->nid || pfn >= end)
			continue;
		if (end > w->zone->first_deferred_pfn) {
			check_deferred(v, max(pfn, w->zone->first_deferred_pfn), end);
			end = max(pfn, w->zone->first_deferred_pfn);
		}
		for (u64 next; pfn < end; pfn = next) {
			next = zone_run_end(v->q, w->zone, pfn, end);
			check_run(v, w, pfn, next);
		}
	}
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		if (w->found[order] != w->blocks[order])
			broken(v,
			       "page: node %u zone %s: %lu free blocks of order %u on lists, %lu "
			       "among the frames",
			       w->nid, w->zone->name, w->blocks[order], order, w->found[order]);
	if (w->virgin != w->zone->nr_virgin)
		broken(v, "page: node %u zone %s: %lu virgin blocks, %lu among the frames", w->nid,
		       w->zone->name, w->zone->nr_virgin, w->virgin);
	if (w->pcp_pages > w->idle_pages)
		broken(v,
		       "page: node %u zone %s: %lu pages on CPUs' lists, %lu frames without owner",
		       w->nid, w->zone->name, w->pcp_pages, w->idle_pages);
}

/* The reserve for high-order atomic requests against the pageblocks' types. */
static void verify_pageblocks(struct verify *v, const struct zone_walk *w)
{
	unsigned long reserved = 0, isolated = 0, cma = 0;

	for (u64 pfn = ALIGN_DOWN(w->zone->zone_start_pfn, pageblock_nr_pages);
	     pfn < zone_end_pfn(w->zone); pfn += pageblock_nr_pages) {
		int mt = *pageblock_slot(w->zone, pfn);

		if (mt >= MIGRATE_TYPES)
			broken(v, "page: pageblock of frame %#lx has type %d", pfn, mt);
		reserved += mt == MIGRATE_HIGHATOMIC ? pageblock_nr_pages : 0;
		isolated += mt == MIGRATE_ISOLATE;
		cma += mt == MIGRATE_CMA ? pageblock_nr_pages : 0;
	}
	if (isolated != w->zone->nr_isolate_pageblock)
		broken(v, "page: node %u zone %s: %lu pageblocks are isolated, it counts %lu",
		       w->nid, w->zone->name, isolated, w->zone->nr_isolate_pageblock);
	/* Those that are being taken are isolated for as long. */
	if (cma > w->zone->cma_pages || (!isolated && cma != w->zone->cma_pages))
		broken(v,
		       "page: node %u zone %s: contiguous areas are %lu pages, its pageblocks %lu",
		       w->nid, w->zone->name, w->zone->cma_pages, cma);
	if (reserved != w->zone->nr_reserved_highatomic)
		broken(v,
		       "page: node %u zone %s reserves %lu pages for atomic requests, its "
		       "pageblocks %lu",
		       w->nid, w->zone->name, w->zone->nr_reserved_highatomic, reserved);
}

void verify_buddy(struct verify *v)
{
	struct quire *q = v->q;

	if (!q->page || !q->node->memblock->closed)
		return;
	if (q->page->deferred_pages != (q->node->deferred_pages != 0))
		broken(v, "page: zones may%s grow, there are %lu deferred pages",
		       q->page->deferred_pages ? "" : " not", q->node->deferred_pages);
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			struct zone_walk w = {.zone = zone, .nid = nid};

			verify_free_lists(v, &w);
			for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
				verify_pcp(v, &w, cpu);
			verify_zone_frames(v, &w);
			verify_pageblocks(v, &w);
		}
	}
}
