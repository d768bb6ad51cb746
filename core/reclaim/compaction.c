/* SPDX-License-Identifier: MIT */
/*
 * Compacting a zone (Linux 6.1's compaction.c).
 *
 * The idea: two scanners work towards each other.  The one from below collects
 * pages that can be moved, the one from above free pages to move them to, so
 * that the zone's lower end becomes free in large blocks.  A run ends when a
 * block of the wanted order is free, or the scanners meet.
 *
 * Where the scanners stopped is kept in the zone, and the next run goes on
 * there; pageblocks that were of no use are marked (pageblock_skip) and passed
 * over until kswapd, going to sleep, clears the marks.  A run by an allocation
 * catches the block it frees before anybody else can have it (capture).
 *
 * How hard: asynchronous runs wait for nothing and stop at the first pageblock
 * that could not be cleared; synchronous ones wait for locks; the hardest
 * ignores all marks and goes through the whole zone.
 *
 * Locks: none here; the scanners take theirs.
 */
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "page/trace.h"

#define COMPACTION_HPAGE_ORDER HPAGE_PMD_ORDER

bool compact_fatal_signal(struct quire *q)
{
	struct task *task = current_task(q);

	return task && fatal_signal_pending(task);
}

/* ---- marks and positions --------------------------------------------------------- */

static void reset_cached_positions(struct zone *zone)
{
	zone->compact_cached_migrate_pfn[0] = zone->zone_start_pfn;
	zone->compact_cached_migrate_pfn[1] = zone->zone_start_pfn;
	zone->compact_cached_free_pfn = pageblock_start_pfn(zone_end_pfn(zone) - 1);
}

/*
 * Clears the mark of the pageblock at pfn if it seems of use: as a source it has
 * pages on the LRU, as a target free ones.  With both asked, one without mark
 * will do.  Every eighth frame is looked at.
 */
static bool reset_isolation_pfn(struct quire *q, struct zone *zone, u64 pfn, bool source,
				bool target)
{
	u64 start = max(pageblock_start_pfn(pfn), zone->zone_start_pfn);
	u64 end = min(pageblock_end_pfn(pfn), zone_end_pfn(zone));

	if (!pageblock_present(q, zone, start, end) ||
	    pageblock_skip_persistent(pfn_to_page(q, pfn)))
		return false;
	if (source && target && !pageblock_skip(zone, pfn))
		return true;
	if (!source && target && !is_migrate_movable(pfnblock_migratetype(zone, pfn)))
		return false;
	for (u64 p = start; p < end; p += 1UL << PAGE_ALLOC_COSTLY_ORDER) {
		const struct page *page = pfn_to_page(q, p);

		if ((source && PageLRU(page)) || (target && PageBuddy(page))) {
			set_pageblock_skip(zone, pfn, false);
			return true;
		}
	}
	return false;
}

static void __reset_isolation_suitable(struct quire *q, struct zone *zone)
{
	u64 migrate_pfn = zone->zone_start_pfn, free_pfn = zone_end_pfn(zone) - 1;
	u64 reset_migrate = free_pfn, reset_free = migrate_pfn;
	bool source_set = false, free_set = false;

	if (!zone->compact_blockskip_flush)
		return;
	zone->compact_blockskip_flush = false;
	for (; migrate_pfn < free_pfn;
	     migrate_pfn += pageblock_nr_pages, free_pfn -= pageblock_nr_pages) {
		cond_resched(q);
		if (reset_isolation_pfn(q, zone, migrate_pfn, true, source_set) &&
		    migrate_pfn < reset_migrate) {
			source_set = true;
			reset_migrate = migrate_pfn;
			zone->compact_init_migrate_pfn = reset_migrate;
			zone->compact_cached_migrate_pfn[0] = reset_migrate;
			zone->compact_cached_migrate_pfn[1] = reset_migrate;
		}
		if (reset_isolation_pfn(q, zone, free_pfn, free_set, true) &&
		    free_pfn > reset_free) {
			free_set = true;
			reset_free = free_pfn;
			zone->compact_init_free_pfn = reset_free;
			zone->compact_cached_free_pfn = reset_free;
		}
	}
	/* Nothing: the scanners meet at once. */
	if (reset_migrate >= reset_free) {
		zone->compact_cached_migrate_pfn[0] = migrate_pfn;
		zone->compact_cached_migrate_pfn[1] = migrate_pfn;
		zone->compact_cached_free_pfn = free_pfn;
	}
}

void reset_isolation_suitable(struct quire *q, struct pglist_data *pgdat)
{
	for_each_populated_zone_of_node(pgdat, zone) __reset_isolation_suitable(q, zone);
}

/* ---- when to stop ---------------------------------------------------------------- */

unsigned int fragmentation_score_zone(const struct zone *zone)
{
	return extfrag_for_order(zone, COMPACTION_HPAGE_ORDER);
}

unsigned int fragmentation_score_node(const struct pglist_data *pgdat)
{
	unsigned long score = 0;

	for (int zid = 0; zid < MAX_NR_ZONES; zid++) {
		const struct zone *zone = &pgdat->node_zones[zid];

		if (zone->present_pages)
			score += zone->present_pages * fragmentation_score_zone(zone) /
				 (pgdat->node_present_pages + 1);
	}
	return (unsigned int)score;
}

unsigned int fragmentation_score_wmark(const struct quire *q, bool low)
{
	unsigned int wmark_low = max(100U - q->reclaim->compaction_proactiveness, 5U);

	return low ? wmark_low : min(wmark_low + 10, 100U);
}

static bool compact_scanners_met(const struct compact_control *cc)
{
	return cc->free_pfn >> pageblock_order <= cc->migrate_pfn >> pageblock_order;
}

static enum compact_result scanners_met(struct compact_control *cc)
{
	reset_cached_positions(cc->zone);
	/* kswapd, not we, shall clear the marks: when an allocation failed. */
	if (cc->direct_compaction)
		cc->zone->compact_blockskip_flush = true;
	return cc->whole_zone ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED;
}

/* Is there a block for the request, of its type or to be stolen with good
 * conscience? */
static bool block_is_free(const struct compact_control *cc)
{
	for (unsigned int order = (unsigned int)cc->order; order < MAX_ORDER; order++) {
		const struct free_area *area = &cc->zone->free_area[order];
		bool can_steal;

		if (HOT_LOAD(&area->types) & 1u << cc->migratetype)
			return true;
		if (cc->migratetype == MIGRATE_MOVABLE &&
		    HOT_LOAD(&area->types) & 1u << MIGRATE_CMA)
			return true;
		if (find_suitable_fallback(area, order, cc->migratetype, true, &can_steal) >= 0)
			return true;
	}
	return false;
}

static bool tracing(const struct quire *q, enum trace_event event)
{
	return unlikely(q->keys & TRACE_KEY(event)) != 0;
}

/* COMPACT_CONTINUE, COMPACT_NO_SUITABLE_PAGE (the same), or how it ended. */
static enum compact_result __compact_finished(struct quire *q, struct compact_control *cc)
{
	struct pglist_data *pgdat = cc->zone->zone_pgdat;
	enum compact_result ret = COMPACT_CONTINUE;

	if (compact_scanners_met(cc))
		return scanners_met(cc);
	if (cc->proactive_compaction) {
		if (pgdat->has_kswapd && !HOT_LOAD(&pgdat->kswapd_asleep))
			return COMPACT_PARTIAL_SKIPPED;
		if (fragmentation_score_zone(cc->zone) <= fragmentation_score_wmark(q, true))
			ret = COMPACT_SUCCESS;
	} else if (cc->order < 0) {
		return q->stopping ? COMPACT_CONTENDED : COMPACT_CONTINUE;
	} else {
		/* A pageblock that was begun is done with: the next request
		 * need not steal another. */
		if (!pageblock_aligned(cc->migrate_pfn))
			return COMPACT_CONTINUE;
		if (block_is_free(cc))
			return COMPACT_SUCCESS;
		ret = COMPACT_NO_SUITABLE_PAGE;
	}
	if (cc->contended || compact_fatal_signal(q) || q->stopping)
		ret = COMPACT_CONTENDED;
	return ret;
}

static enum compact_result compact_finished(struct quire *q, struct compact_control *cc)
{
	enum compact_result ret = __compact_finished(q, cc);

	if (tracing(q, TRACE_MM_COMPACTION_FINISHED))
		trace_mm_compaction_status(q, TRACE_MM_COMPACTION_FINISHED, cc->zone, cc->order,
					   ret);
	return ret == COMPACT_NO_SUITABLE_PAGE ? COMPACT_CONTINUE : ret;
}

/* ---- a run ----------------------------------------------------------------------- */

static void start_scanners(struct compact_control *cc)
{
	struct zone *zone = cc->zone;
	u64 start = zone->zone_start_pfn, end = zone_end_pfn(zone);

	cc->fast_start_pfn = 0;
	if (cc->whole_zone) {
		cc->migrate_pfn = start;
		cc->free_pfn = pageblock_start_pfn(end - 1);
		return;
	}
	cc->migrate_pfn = zone->compact_cached_migrate_pfn[cc->mode != MIGRATE_ASYNC];
	cc->free_pfn = zone->compact_cached_free_pfn;
	if (cc->free_pfn < start || cc->free_pfn >= end) {
		cc->free_pfn = pageblock_start_pfn(end - 1);
		zone->compact_cached_free_pfn = cc->free_pfn;
	}
	if (cc->migrate_pfn < start || cc->migrate_pfn >= end) {
		cc->migrate_pfn = start;
		zone->compact_cached_migrate_pfn[0] = start;
		zone->compact_cached_migrate_pfn[1] = start;
	}
	if (cc->migrate_pfn <= zone->compact_init_migrate_pfn)
		cc->whole_zone = true;
}

/* What was moved away lies on this CPU's lists: back with it, so that it can
 * come together. */
static void drain_after_block(struct quire *q, const struct compact_control *cc, u64 *last_migrated)
{
	if (cc->order <= 0 || !*last_migrated ||
	    *last_migrated >= block_start_pfn(cc->migrate_pfn, cc->order))
		return;
	lru_add_drain(q);
	drain_local_pages(q, cc->zone);
	*last_migrated = 0;
}

/* Moves what is isolated.  False: there is nowhere to move it to, give up. */
static bool migrate_isolated(struct quire *q, struct compact_control *cc, u64 *last_migrated)
{
	unsigned int succeeded;
	int err = migrate_pages(q, &cc->migratepages, compaction_alloc, compaction_free, cc,
				cc->mode, &succeeded);

	if (tracing(q, TRACE_MM_COMPACTION_MIGRATEPAGES))
		trace_record(q, TRACE_MM_COMPACTION_MIGRATEPAGES, 0, succeeded,
			     cc->nr_migratepages - succeeded, 0, 0);
	cc->nr_migratepages = 0;
	if (!err)
		return true;
	putback_movable_pages(q, &cc->migratepages);
	if (err == -ENOMEM && !compact_scanners_met(cc))
		return false;
	/* The block is lost: on to the next one. */
	if (cc->direct_compaction && cc->mode == MIGRATE_ASYNC) {
		cc->migrate_pfn = block_end_pfn(cc->migrate_pfn - 1, cc->order);
		*last_migrated = 0;
	}
	return true;
}

/* One round after another until it is finished. */
static enum compact_result compact_rounds(struct quire *q, struct compact_control *cc,
					  const struct capture_control *capc)
{
	struct zone *zone = cc->zone;
	/* Until a pageblock has something to be moved, what async runs have
	 * passed over is nothing for sync ones either. */
	bool update_cached =
		cc->mode == MIGRATE_ASYNC &&
		zone->compact_cached_migrate_pfn[0] == zone->compact_cached_migrate_pfn[1];
	u64 last_migrated = 0;
	enum compact_result ret;

	while ((ret = compact_finished(q, cc)) == COMPACT_CONTINUE) {
		u64 iteration_start = cc->migrate_pfn;

		/* The second time in one pageblock: to its end, and then not again. */
		cc->rescan =
			pageblock_start_pfn(last_migrated) == pageblock_start_pfn(iteration_start);
		switch (isolate_migratepages(q, cc)) {
		case ISOLATE_ABORT:
			putback_movable_pages(q, &cc->migratepages);
			cc->nr_migratepages = 0;
			return COMPACT_CONTENDED;
		case ISOLATE_NONE:
			if (update_cached)
				zone->compact_cached_migrate_pfn[1] =
					zone->compact_cached_migrate_pfn[0];
			break;
		case ISOLATE_SUCCESS:
			update_cached = false;
			last_migrated = iteration_start;
			if (!migrate_isolated(q, cc, &last_migrated))
				return COMPACT_CONTENDED;
			break;
		}
		drain_after_block(q, cc, &last_migrated);
		if (capc && capc->page)
			return COMPACT_SUCCESS;
	}
	return ret;
}

static void trace_run(struct quire *q, enum trace_event event, const struct compact_control *cc,
		      enum compact_result status)
{
	if (tracing(q, event))
		trace_record(q, event, 0, cc->zone->zone_start_pfn, cc->migrate_pfn, cc->free_pfn,
			     zone_end_pfn(cc->zone) | (u64)status << 56 |
				     (u64)(cc->mode != MIGRATE_ASYNC) << 63);
}

enum compact_result compact_zone(struct quire *q, struct compact_control *cc,
				 struct capture_control *capc)
{
	struct zone *zone = cc->zone;
	enum compact_result ret;

	cc->total_migrate_scanned = cc->total_free_scanned = 0;
	cc->nr_migratepages = cc->nr_freepages = 0;
	INIT_LIST_HEAD(&cc->freepages);
	INIT_LIST_HEAD(&cc->migratepages);
	cc->migratetype = gfp_migratetype(cc->gfp_mask);
	ret = compaction_suitable(q, zone, cc->order, cc->alloc_flags, cc->highest_zoneidx);
	if (ret != COMPACT_CONTINUE)
		return ret;
	zone_write_virgin_heads(q, zone);
	if (compaction_restarting(zone, cc->order))
		__reset_isolation_suitable(q, zone);
	start_scanners(cc);
	trace_run(q, TRACE_MM_COMPACTION_BEGIN, cc, COMPACT_CONTINUE);
	lru_add_drain(q);
	ret = compact_rounds(q, cc, capc);
	if (cc->nr_freepages) {
		u64 free_pfn = pageblock_start_pfn(release_freepages(q, &cc->freepages));

		/* The next run begins above what we gave back. */
		cc->nr_freepages = 0;
		if (free_pfn > zone->compact_cached_free_pfn)
			zone->compact_cached_free_pfn = free_pfn;
	}
	count_vm_events(q, COMPACTMIGRATE_SCANNED, cc->total_migrate_scanned);
	count_vm_events(q, COMPACTFREE_SCANNED, cc->total_free_scanned);
	trace_run(q, TRACE_MM_COMPACTION_END, cc, ret);
	return ret;
}

/* ---- for an allocation ----------------------------------------------------------- */

static enum compact_result compact_zone_order(struct quire *q, struct zone *zone,
					      struct alloc_context *ac, enum compact_priority prio,
					      struct page **capture)
{
	struct compact_control cc = {
		.order = (int)ac->order,
		.search_order = (int)ac->order,
		.gfp_mask = ac->gfp,
		.zone = zone,
		.mode = prio == COMPACT_PRIO_ASYNC ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT,
		.alloc_flags = ac->alloc_flags,
		.highest_zoneidx = ac->highest_zoneidx,
		.direct_compaction = true,
		.whole_zone = prio == MIN_COMPACT_PRIORITY,
		.ignore_skip_hint = prio == MIN_COMPACT_PRIORITY,
		.ignore_block_suitable = prio == MIN_COMPACT_PRIORITY,
	};
	struct capture_control capc = {.zone = zone, .order = ac->order};
	enum compact_result ret;

	current_context(q)->capture_control = &capc;
	ret = compact_zone(q, &cc, &capc);
	current_context(q)->capture_control = NULL;
	*capture = capc.page;
	return capc.page ? COMPACT_SUCCESS : ret;
}

enum compact_result try_to_compact_pages(struct quire *q, struct alloc_context *ac,
					 enum compact_priority prio, struct page **capture)
{
	enum compact_result rc = COMPACT_SKIPPED;
	int order = (int)ac->order;
	struct zone *zone;

	/* Moving pages may need I/O. */
	if (!(ac->gfp & __GFP_IO))
		return COMPACT_SKIPPED;
	if (tracing(q, TRACE_MM_COMPACTION_TRY_TO_COMPACT_PAGES))
		trace_record(q, TRACE_MM_COMPACTION_TRY_TO_COMPACT_PAGES, 0, (u64)order, ac->gfp,
			     prio, 0);
	psi_stall_enter(q, PSI_MEM);
	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask)
	{
		enum compact_result status;

		if (prio > MIN_COMPACT_PRIORITY && compaction_deferred(q, zone, order)) {
			rc = max_t(enum compact_result, rc, COMPACT_DEFERRED);
			continue;
		}
		status = compact_zone_order(q, zone, ac, prio, capture);
		rc = max(rc, status);
		if (status == COMPACT_SUCCESS) {
			/* Whether the allocation succeeds is yet to be seen. */
			compaction_defer_reset(q, zone, order, false);
			break;
		}
		if (prio != COMPACT_PRIO_ASYNC &&
		    (status == COMPACT_COMPLETE || status == COMPACT_PARTIAL_SKIPPED))
			defer_compaction(q, zone, order);
		if (compact_fatal_signal(q))
			break;
	}
	psi_stall_leave(q, PSI_MEM);
	return rc;
}

/* ---- for the operator ------------------------------------------------------------ */

void compact_node(struct quire *q, unsigned int nid)
{
	for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
	{
		struct compact_control cc = {
			.order = -1,
			.zone = zone,
			.mode = MIGRATE_SYNC,
			.ignore_skip_hint = true,
			.whole_zone = true,
			.gfp_mask = GFP_KERNEL,
		};

		(void)compact_zone(q, &cc, NULL);
	}
}

void compact_nodes(struct quire *q)
{
	lru_add_drain_all(q);
	for_each_node (q, nid)
		compact_node(q, nid);
}
