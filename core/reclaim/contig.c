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

#define MAX_TRIES 5

int migrate_contig_range(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	struct compact_control cc = {
		.order = -1,
		.zone = zone,
		.mode = MIGRATE_SYNC,
		.ignore_skip_hint = true,
		.no_set_skip_hint = true,
		.alloc_contig = true,
		.gfp_mask = GFP_KERNEL,
	};
	gfp_t gfp = GFP_USER | __GFP_MOVABLE | __GFP_RETRY_MAYFAIL;
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
		if (migrate_pages(q, &cc.migratepages, alloc_migration_target, NULL, &gfp, cc.mode,
				  NULL) == -ENOMEM)
			err = -ENOMEM;
	}
	putback_movable_pages(q, &cc.migratepages);
	lru_add_drain_all(q);
	drain_all_pages(q, zone);
	return err == -ENOMEM ? -EBUSY : err;
}

int alloc_contig_range(struct quire *q, struct zone *zone, u64 start, u64 end)
{
	struct compact_control cc = {.order = -1, .zone = zone, .mode = MIGRATE_SYNC};
	int err = start_isolate_page_range(q, zone, start, end);

	if (err)
		return err;
	INIT_LIST_HEAD(&cc.freepages);
	drain_all_pages(q, zone);
	/* Whatever did not move may be free by now: the test tells. */
	err = migrate_contig_range(q, zone, start, end);
	if (err != -EINTR) {
		err = test_pages_isolated(q, zone, start, end) ? 0 : -EBUSY;
		if (!err && !isolate_freepages_range(q, &cc, start, end)) {
			release_freepages(q, &cc.freepages);
			err = -EBUSY;
		}
	}
	undo_isolate_page_range(q, zone, start, end, MIGRATE_MOVABLE);
	return err;
}

void free_contig_range(struct quire *q, u64 start, unsigned long nr_pages)
{
	for (u64 pfn = start; pfn < start + nr_pages; pfn++)
		__free_pages(q, pfn_to_page(q, pfn), 0);
}
