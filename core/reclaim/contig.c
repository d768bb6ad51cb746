/* SPDX-License-Identifier: MIT */
/*
 * A long range of frames is emptied and taken (Linux's alloc_contig_range() and
 * the moving half of offline_pages()).
 *
 * The range's pageblocks are isolated, so that what is free there stays free;
 * the pages in use are moved elsewhere; when all is free it is taken off the
 * lists as single pages and the pageblocks are movable again.
 *
 * Locks: those of the scanners and of page/isolation.c.
 */
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "page/hugetlb.h"

#define MAX_TRIES 5

/* Free pages of pools that were moved from, and have come back to their pool: it gets
 * others for them, or is smaller from now on. */
static int dissolve_range(struct quire *q, u64 start, u64 end, bool offline)
{
	LIST_HEAD(list);
	int err = 0;

	if (offline)
		return dissolve_free_huge_pages(q, start, end);
	for (u64 pfn = start; pfn < end && !err; pfn++) {
		struct page *page = pfn_to_page(q, pfn);

		if (PageHuge(page) && !page_ref_count(compound_head(page)))
			err = isolate_or_dissolve_huge_page(q, page, &list);
	}
	putback_movable_pages(q, &list);
	return err;
}

static int move_range(struct quire *q, struct zone *zone, u64 start, u64 end,
		      const nodemask_t *targets)
{
	struct compact_control cc = {
		.order = -1,
		.zone = zone,
		.mode = MIGRATE_SYNC,
		.ignore_skip_hint = true,
		.no_set_skip_hint = true,
		.alloc_contig = true,
		.offline = targets != NULL,
		.gfp_mask = GFP_KERNEL,
	};
	struct migration_target_control mtc = {
		.gfp = GFP_USER | __GFP_MOVABLE | __GFP_RETRY_MAYFAIL,
		.nmask = targets,
	};
	int err = 0, tries = 0;
	u64 pfn = start;

	INIT_LIST_HEAD(&cc.migratepages);
	INIT_LIST_HEAD(&cc.freepages);
	lru_add_drain_all(q);
	while ((pfn < end || !list_empty(&cc.migratepages)) && !err) {
		if (compact_fatal_signal(q) || q->stopping) {
			err = -EINTR;
			break;
		}
		if (list_empty(&cc.migratepages)) {
			cc.nr_migratepages = 0;
			err = isolate_migratepages_range(q, &cc, pfn, end);
			if (err && err != -EAGAIN)
				break;
			pfn = err ? pfn : min(cc.migrate_pfn, end);
			err = 0;
			tries = 0;
			/* The rest has nothing that could be moved. */
			if (list_empty(&cc.migratepages) && pfn >= end)
				break;
		} else if (++tries == MAX_TRIES) {
			err = -EBUSY;
			break;
		}
		if (migrate_pages(q, &cc.migratepages, alloc_migration_target, NULL, &mtc, cc.mode,
				  NULL) == -ENOMEM)
			err = -ENOMEM;
	}
	putback_movable_pages(q, &cc.migratepages);
	if (!err)
		err = dissolve_range(q, start, end, targets != NULL);
	lru_add_drain_all(q);
	drain_all_pages(q, zone);
	return err == -ENOMEM ? -EBUSY : err;
}

int migrate_contig_range(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	return move_range(q, zone, start, end, NULL);
}

/* Where the free block begins that has the frame in it. */
static u64 block_start_of(struct quire *q, u64 pfn)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		u64 head = ALIGN_DOWN(pfn, 1UL << order);
		const struct page *page = pfn_to_page(q, head);

		if (PageBuddy(page))
			return head + (1UL << buddy_order(page)) > pfn ? head : pfn;
	}
	return pfn;
}

/* All of the range is free: off the lists with it, and back with what free blocks
 * at both ends had more. */
static int take_range(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	struct compact_control cc = {.order = -1, .zone = zone, .mode = MIGRATE_SYNC};
	u64 outer_start = block_start_of(q, start), outer_end;

	INIT_LIST_HEAD(&cc.freepages);
	if (!test_pages_isolated(q, zone, outer_start, end))
		return -EBUSY;
	outer_end = isolate_freepages_range(q, &cc, outer_start, end);
	if (!outer_end) {
		release_freepages(q, &cc.freepages);
		return -EBUSY;
	}
	free_contig_range(q, outer_start, start - outer_start);
	free_contig_range(q, end, outer_end - end);
	return 0;
}

int alloc_contig_range_to(struct quire *q, struct zone *zone, u64 start, u64 end, int migratetype,
			  const nodemask_t *targets)
{
	u64 first = pageblock_start_pfn(start), last = ALIGN(end, pageblock_nr_pages);
	int err;

	if (start >= end)
		return -EINVAL;
	err = start_isolate_page_range(q, zone, first, last, migratetype);
	if (err)
		return err;
	drain_all_pages(q, zone);
	/* Whatever did not move may be free by now: the test tells. */
	err = move_range(q, zone, start, end, targets);
	if (err != -EINTR)
		err = take_range(q, zone, start, end);
	undo_isolate_page_range(q, zone, first, last, migratetype);
	return err;
}

int alloc_contig_range(struct quire *q, struct zone *zone, u64 start, u64 end, int migratetype)
{
	return alloc_contig_range_to(q, zone, start, end, migratetype, NULL);
}

void free_contig_range(struct quire *q, u64 start, unsigned long nr_pages)
{
	for (u64 pfn = start; pfn < start + nr_pages; pfn++)
		__free_pages(q, pfn_to_page(q, pfn), 0);
}
