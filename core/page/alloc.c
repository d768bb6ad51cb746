/* SPDX-License-Identifier: MIT */
/*
 * Asking for pages: which zone, how low, and what to do when none will do.
 *
 * The fast path goes along the node's zonelist and takes the first zone that
 * stays above its low watermark.  The slow path wakes kswapd, lowers the bar to
 * the min mark, and then, if the caller may wait, reclaims itself, as long as
 * there is hope that reclaim gets the request over the mark; at last it calls
 * the OOM killer.  Who is above the rules (PF_MEMALLOC: those who free memory
 * when they are given some; the killer's victims) may use the reserves.
 *
 * The floors above do the work behind struct page_pressure_ops.
 *
 * A block of high order may be missing though pages are free.  Then others are
 * moved out of the way (compaction): before reclaim, gently, for blocks that
 * reclaim would hardly bring together (costly ones, and those of pages that do
 * not move, lest they spoil another pageblock); after reclaim for all.  Each
 * failure makes the next try harder, up to what the order is worth.
 *
 * Locks: none of its own.  May sleep only if gfp has __GFP_DIRECT_RECLAIM.
 * Follows Linux 6.1's __alloc_pages_slowpath().
 */
#include "page/internal.h"
#include "page/debug.h"
#include "page/frames.h"
#include "page/trace.h"
#include "base/printk.h"
#include "base/text.h"

#define MAX_RECLAIM_RETRIES 16
#define MAX_COMPACT_RETRIES 16
#define TICK_NS		    (4 * NSEC_PER_MSEC)
#define WARN_INTERVAL_NS    (10 * NSEC_PER_SEC)

static unsigned long wmark_pages(const struct zone *zone, unsigned int alloc_flags)
{
	return HOT_LOAD(&zone->_watermark[alloc_flags & ALLOC_WMARK_MASK]) +
	       HOT_LOAD(&zone->watermark_boost);
}

void prep_compound_page(struct page *page, unsigned int order)
{
	/* As in free_pages_prepare(): who walks the memory map reads these words. */
	HOT_STORE(&page->flags, page->flags | BIT(PG_head));
	for (unsigned long i = 1; i < 1UL << order; i++)
		page[i].compound_head = (unsigned long)page | 1;
	page[1].compound_dtor = COMPOUND_PAGE_DTOR;
	page[1].compound_order = (u8)order;
	page[1].compound_mapcount = -1;
	HOT_STORE(&page[1].compound_pincount, 0);
	HOT_STORE(&page[1].compound_nr, 1u << order);
}

/* Of a single page, when nobody wants to know. */
static inline void prep_single_page(struct quire *q, struct page *page, gfp_t gfp)
{
	page->private = 0;
	HOT_STORE(&page->_refcount, 1);
	if (gfp & __GFP_ZERO)
		hot_clear_page(q->hot, page_to_pfn(q, page));
}

void prep_new_page(struct quire *q, struct page *page, unsigned int order, gfp_t gfp)
{
	if (unlikely(q->keys & KEYS_PAGE_DEBUG))
		post_alloc_debug(q, page, order, gfp);
	page->private = 0;
	HOT_STORE(&page->_refcount, 1);
	if (gfp & __GFP_ZERO) {
		u64 pfn = page_to_pfn(q, page);

		for (unsigned long i = 0; i < 1UL << order; i++)
			hot_clear_page(q->hot, pfn + i);
	}
	if (order && (gfp & __GFP_COMP))
		prep_compound_page(page, order);
}

/* From the buddy lists: orders without per-CPU lists, or when those are busy. */
static struct page *rmqueue_buddy(struct quire *q, struct zone *preferred, struct zone *zone,
				  unsigned int order, int migratetype, unsigned int alloc_flags)
{
	struct page *page = NULL;

	spin_lock(q, &zone->lock);
	if (order && (alloc_flags & ALLOC_HARDER))
		page = __rmqueue_smallest(q, zone, order, MIGRATE_HIGHATOMIC);
	if (!page)
		page = __rmqueue(q, zone, order, migratetype, alloc_flags);
	if (page)
		mod_zone_freepage_state(zone, -(1L << order), pcppage_migratetype(page));
	spin_unlock(q, &zone->lock);
	if (page) {
		count_vm_events(q, (enum vm_event_item)(PGALLOC_DMA + zone->zone_idx),
				1UL << order);
		zone_statistics(q, preferred, zone, 1);
	}
	return page;
}

static struct page *rmqueue(struct quire *q, struct zone *preferred, struct zone *zone,
			    const struct alloc_context *ac, unsigned int order,
			    unsigned int alloc_flags)
{
	struct page *page = NULL;

	if (likely(pcp_allowed_order(order)))
		page = rmqueue_pcplist(q, preferred, zone, order, ac->migratetype, alloc_flags);
	if (unlikely(!page))
		page = rmqueue_buddy(q, preferred, zone, order, ac->migratetype, alloc_flags);
	if (unlikely(HOT_LOAD(&zone->boosted)) && (alloc_flags & ALLOC_KSWAPD)) {
		HOT_STORE(&zone->boosted, false);
		if (q->page->ops.wakeup_kswapd)
			q->page->ops.wakeup_kswapd(q, zone, 0, 0, (int)zone->zone_idx);
	}
	return page;
}

/* Nodes farther than that are no neighbours (on x86). */
#define RECLAIM_DISTANCE 30

/* A zone that is near enough (node_reclaim_distance) is low: is it not, after a
 * little reclaim there?  By default nobody does that. */
static bool reclaimed_here(struct quire *q, gfp_t gfp, unsigned int order, unsigned int alloc_flags,
			   const struct alloc_context *ac, struct zone *zone)
{
	if (!q->page->ops.node_reclaim || node_distance(q, zone_to_nid(ac->preferred_zoneref->zone),
							zone_to_nid(zone)) > RECLAIM_DISTANCE)
		return false;
	return q->page->ops.node_reclaim(q, zone->zone_pgdat, gfp, order) &&
	       zone_watermark_ok(zone, order, wmark_pages(zone, alloc_flags), ac->highest_zoneidx,
				 alloc_flags);
}

/* Walks the zonelist once; *alloc_flags may lose ALLOC_NOFRAGMENT: then the
 * walk starts again. */
static struct page *try_zonelist(struct quire *q, gfp_t gfp, unsigned int order,
				 unsigned int *alloc_flags, const struct alloc_context *ac)
{
	struct zone *preferred = ac->preferred_zoneref->zone, *zone;
	struct pglist_data *dirty_pgdat = NULL;
	struct zoneref *z;

	for (z = ac->preferred_zoneref; (zone = z->zone) != NULL;
	     z = next_zones_zonelist(z + 1, ac->highest_zoneidx, ac->nodemask)) {
		struct page *page;

		if (unlikely(*alloc_flags & ALLOC_CPUSET) && q->page->ops.zone_allowed &&
		    !q->page->ops.zone_allowed(q, zone, gfp))
			continue;
		if (unlikely(ac->spread_dirty_pages) && q->page->ops.node_dirty_ok) {
			if (dirty_pgdat == zone->zone_pgdat)
				continue;
			if (!q->page->ops.node_dirty_ok(q, zone->zone_pgdat)) {
				dirty_pgdat = zone->zone_pgdat;
				continue;
			}
		}
		/* Better mix types than go to a remote node. */
		if ((*alloc_flags & ALLOC_NOFRAGMENT) && zone != preferred &&
		    zone_to_nid(zone) != zone_to_nid(preferred))
			break;
		if (!zone_watermark_fast(zone, order, wmark_pages(zone, *alloc_flags),
					 ac->highest_zoneidx, *alloc_flags, gfp) &&
		    !(deferred_pages_enabled(q) && deferred_grow_zone(q, zone, order)) &&
		    !(*alloc_flags & ALLOC_NO_WATERMARKS) &&
		    !reclaimed_here(q, gfp, order, *alloc_flags, ac, zone))
			continue;
		do
			page = rmqueue(q, preferred, zone, ac, order, *alloc_flags);
		while (unlikely(!page) && deferred_pages_enabled(q) &&
		       deferred_grow_zone(q, zone, order));
		if (likely(page)) {
			prep_new_page(q, page, order, gfp);
			if (unlikely(order && (*alloc_flags & ALLOC_HARDER)))
				reserve_highatomic_pageblock(q, page, zone);
			return page;
		}
	}
	return NULL;
}

static struct page *get_page_from_freelist(struct quire *q, gfp_t gfp, unsigned int order,
					   unsigned int alloc_flags, const struct alloc_context *ac)
{
	struct page *page;

	page = try_zonelist(q, gfp, order, &alloc_flags, ac);
	if (unlikely(!page) && (alloc_flags & ALLOC_NOFRAGMENT)) {
		alloc_flags &= ~ALLOC_NOFRAGMENT;
		page = try_zonelist(q, gfp, order, &alloc_flags, ac);
	}
	return page;
}

/* ---- the slow path ---------------------------------------------------------- */

/* What the rounds of one request remember. */
struct slowpath {
	unsigned int alloc_flags;
	int no_progress_loops, compaction_retries;
	enum compact_priority compact_priority;
	enum compact_result compact_result;
};

static void wake_all_kswapds(struct quire *q, gfp_t gfp, const struct alloc_context *ac)
{
	struct pglist_data *last = NULL;
	struct zone *zone;

	if (!q->page->ops.wakeup_kswapd)
		return;
	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask)
	{
		if (zone->zone_pgdat == last)
			continue;
		last = zone->zone_pgdat;
		q->page->ops.wakeup_kswapd(q, zone, gfp, ac->order, ac->highest_zoneidx);
	}
}

/* Frames of a contiguous reserve are for what can be moved out again. */
static unsigned int gfp_to_alloc_flags_cma(gfp_t gfp)
{
	return gfp_migratetype(gfp) == MIGRATE_MOVABLE ? ALLOC_CMA : 0;
}

static unsigned int gfp_to_alloc_flags(gfp_t gfp)
{
	unsigned int alloc_flags = ALLOC_WMARK_MIN | (gfp & (__GFP_HIGH | __GFP_KSWAPD_RECLAIM));

	_Static_assert(__GFP_HIGH == ALLOC_HIGH && __GFP_KSWAPD_RECLAIM == ALLOC_KSWAPD,
		       "these flags are passed on as they are");
	if ((gfp & __GFP_ATOMIC) && !(gfp & __GFP_NOMEMALLOC))
		alloc_flags |= ALLOC_HARDER;
	return alloc_flags | gfp_to_alloc_flags_cma(gfp);
}

/* Policy and cpuset bind whoever can wait. */
static unsigned int cpuset_flag(const struct quire *q)
{
	return unlikely(q->keys & KEY_CPUSETS) ? ALLOC_CPUSET : 0;
}

static bool is_oom_victim(struct quire *q)
{
	return q->page->ops.task_is_oom_victim && q->page->ops.task_is_oom_victim(q);
}

/* The rights of those who free memory, or die. */
static unsigned int reserve_flags(struct quire *q, gfp_t gfp)
{
	if (gfp & __GFP_NOMEMALLOC)
		return 0;
	if ((gfp & __GFP_MEMALLOC) || (current_context(q)->flags & PF_MEMALLOC))
		return ALLOC_NO_WATERMARKS;
	return is_oom_victim(q) ? ALLOC_OOM : 0;
}

static unsigned long zone_reclaimable_pages(struct quire *q, struct zone *zone)
{
	if (q->page->ops.zone_reclaimable_pages)
		return q->page->ops.zone_reclaimable_pages(q, zone);
	return zone_page_state(zone, NR_ZONE_INACTIVE_FILE) +
	       zone_page_state(zone, NR_ZONE_ACTIVE_FILE);
}

/*
 * Is it worth reclaiming again?  Only while progress is made or the pages that
 * could still be reclaimed would lift some zone over its min mark.
 */
static bool should_reclaim_retry(struct quire *q, struct alloc_context *ac,
				 unsigned int alloc_flags, bool progress, int *no_progress_loops)
{
	struct zone *zone;
	bool ret = false;

	if (progress && ac->order <= PAGE_ALLOC_COSTLY_ORDER)
		*no_progress_loops = 0;
	else
		(*no_progress_loops)++;
	if (*no_progress_loops > MAX_RECLAIM_RETRIES)
		return unreserve_highatomic_pageblock(q, ac, true);
	for_each_zone_zonelist_nodemask(zone, z, ac->zonelist, ac->highest_zoneidx, ac->nodemask)
	{
		unsigned long available =
			zone_reclaimable_pages(q, zone) + zone_page_state(zone, NR_FREE_PAGES);

		if (__zone_watermark_ok(zone, ac->order, min_wmark_pages(zone), ac->highest_zoneidx,
					alloc_flags, (long)available)) {
			ret = true;
			break;
		}
	}
	/* A worker that spins here would keep others from the work that frees. */
	if (current_context(q)->flags & PF_WQ_WORKER)
		sleep_ns(q, TICK_NS);
	else
		cond_resched(q);
	return ret;
}

/* Without compaction: a small block may come together as long as pages are
 * freed and there are any. */
static bool no_compaction_retry(const struct alloc_context *ac, unsigned int alloc_flags)
{
	struct zone *zone;

	if (ac->order > PAGE_ALLOC_COSTLY_ORDER)
		return false;
	for_each_zone_zonelist_nodemask(
		zone, z, ac->zonelist, ac->highest_zoneidx,
		ac->nodemask) if (zone_watermark_ok(zone, 0, min_wmark_pages(zone),
						    ac->highest_zoneidx, alloc_flags)) return true;
	return false;
}

/* Reclaim made progress: is there hope that compaction will, this time? */
static bool should_compact_retry(struct quire *q, struct alloc_context *ac, struct slowpath *s)
{
	bool costly = ac->order > PAGE_ALLOC_COSTLY_ORDER;
	int max_retries = costly ? MAX_COMPACT_RETRIES / 4 : MAX_COMPACT_RETRIES;

	if (!ac->order)
		return false;
	if (!q->page->ops.try_to_compact_pages)
		return no_compaction_retry(ac, s->alloc_flags);
	if (q->page->ops.task_is_dying && q->page->ops.task_is_dying(q))
		return false;
	switch (s->compact_result) {
	case COMPACT_SKIPPED:
		/* Too few pages to move others to: reclaim can help that. */
		return compaction_zonelist_suitable(q, ac, s->alloc_flags);
	case COMPACT_COMPLETE:
	case COMPACT_DEFERRED:
	case COMPACT_CONTENDED:
	case COMPACT_PARTIAL_SKIPPED:
		/* It failed or did not try in earnest: harder. */
		break;
	default:
		if (s->compact_result == COMPACT_SUCCESS)
			s->compaction_retries++;
		if (s->compaction_retries <= max_retries)
			return true;
		break;
	}
	if (s->compact_priority <= (costly ? MIN_COMPACT_COSTLY_PRIORITY : MIN_COMPACT_PRIORITY))
		return false;
	s->compact_priority--;
	s->compaction_retries = 0;
	return true;
}

static struct page *direct_compact(struct quire *q, gfp_t gfp, struct alloc_context *ac,
				   struct slowpath *s, enum compact_priority prio)
{
	struct quire_context *ctx = current_context(q);
	unsigned int memalloc = ctx->flags & PF_MEMALLOC;
	struct page *page = NULL;

	s->compact_result = COMPACT_SKIPPED;
	if (!ac->order || !q->page->ops.try_to_compact_pages)
		return NULL;
	ac->alloc_flags = s->alloc_flags;
	ctx->flags |= PF_MEMALLOC;
	s->compact_result = q->page->ops.try_to_compact_pages(q, ac, prio, &page);
	ctx = current_context(q);
	ctx->flags = (ctx->flags & ~(unsigned int)PF_MEMALLOC) | memalloc;
	if (s->compact_result == COMPACT_SKIPPED)
		return NULL;
	count_vm_event(q, COMPACTSTALL);
	if (page)
		prep_new_page(q, page, ac->order, gfp);
	else
		page = get_page_from_freelist(q, gfp, ac->order, s->alloc_flags, ac);
	if (page) {
		struct zone *zone = page_zone(q, page);

		zone->compact_blockskip_flush = false;
		compaction_defer_reset(q, zone, (int)ac->order, true);
		count_vm_event(q, COMPACTSUCCESS);
		return page;
	}
	count_vm_event(q, COMPACTFAIL);
	cond_resched(q);
	return NULL;
}

static struct page *direct_reclaim(struct quire *q, gfp_t gfp, unsigned int alloc_flags,
				   struct alloc_context *ac, unsigned long *progress)
{
	struct quire_context *ctx = current_context(q);
	unsigned int memalloc = ctx->flags & PF_MEMALLOC;
	struct page *page;

	*progress = 0;
	if (!q->page->ops.try_to_free_pages)
		return NULL;
	ctx->flags |= PF_MEMALLOC;
	*progress = q->page->ops.try_to_free_pages(q, ac);
	ctx = current_context(q);
	ctx->flags = (ctx->flags & ~(unsigned int)PF_MEMALLOC) | memalloc;
	if (!*progress)
		return NULL;
	page = get_page_from_freelist(q, gfp, ac->order, alloc_flags, ac);
	if (page)
		return page;
	/* What was reclaimed may sit on other CPUs' lists, or be reserved. */
	unreserve_highatomic_pageblock(q, ac, false);
	drain_all_pages(q, NULL);
	return get_page_from_freelist(q, gfp, ac->order, alloc_flags, ac);
}

static struct page *alloc_pages_may_oom(struct quire *q, gfp_t gfp, struct alloc_context *ac,
					unsigned long *progress)
{
	struct page *page;

	*progress = 0;
	/* Someone else may have killed meanwhile: look once more, with a bar so
	 * high that it only passes if much was freed. */
	page = get_page_from_freelist(q, (gfp | __GFP_HARDWALL) & ~__GFP_DIRECT_RECLAIM, ac->order,
				      ALLOC_WMARK_HIGH | cpuset_flag(q), ac);
	if (page || ac->order > PAGE_ALLOC_COSTLY_ORDER ||
	    (gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)))
		return page;
	/* Killing frees little that a request for low zones could take. */
	if (ac->highest_zoneidx < ZONE_NORMAL)
		return NULL;
	if (!q->page->ops.out_of_memory)
		return NULL;
	if (q->page->ops.out_of_memory(q, ac) || (gfp & __GFP_NOFAIL)) {
		*progress = 1;
		if (gfp & __GFP_NOFAIL)
			page = get_page_from_freelist(q, gfp, ac->order, ALLOC_NO_WATERMARKS, ac);
	}
	return page;
}

/* The log's "page allocation failure", at most one in ten seconds. */
static void warn_alloc(struct quire *q, gfp_t gfp, unsigned int order, const nodemask_t *nodemask)
{
	struct page_floor *floor = q->page;
	char flags[256], nodes[256], allowed[256];
	int pid, tgid;
	const char *comm = page_current(q, &pid, &tgid);
	u64 now = quire_clock(q) + 1, last = HOT_LOAD(&floor->last_warning_ns);
	struct text t;

	if (gfp & __GFP_NOWARN)
		return;
	/* Of several who come at once, one speaks. */
	if ((last && now < last + WARN_INTERVAL_NS) ||
	    !HOT_CMPXCHG(&floor->last_warning_ns, last, now))
		return;
	text_init(&t, flags, sizeof(flags));
	gfp_to_text(&t, gfp);
	text_init(&t, nodes, sizeof(nodes));
	if (nodemask)
		nodemask_to_text(q, &t, nodemask);
	else
		text_puts(&t, "(null)");
	text_init(&t, allowed, sizeof(allowed));
	nodemask_to_text(q, &t, NULL);
	pr_warn(q,
		"%s: page allocation failure: order:%u, mode:%#x(%s), "
		"nodemask=%s,cpuset=/,mems_allowed=%s",
		comm, order, gfp, flags, nodes, allowed);
	pr_warn(q, "CPU: %u PID: %d Comm: %s Not tainted %s #1", smp_processor_id(q), pid, comm,
		q->cfg.version);
	if (floor->ops.show_mem)
		floor->ops.show_mem(q, nodemask);
}

static void find_preferred(struct alloc_context *ac)
{
	ac->preferred_zoneref =
		next_zones_zonelist(ac->zonelist->zonerefs, ac->highest_zoneidx, ac->nodemask);
}

/* One round of the slow path: a page, or NULL and *again says whether another
 * round may help. */
static struct page *slow_round(struct quire *q, gfp_t gfp, struct alloc_context *ac,
			       struct slowpath *s, bool *again)
{
	unsigned int order = ac->order, rights = reserve_flags(q, gfp);
	bool costly = order > PAGE_ALLOC_COSTLY_ORDER;
	unsigned long progress;
	struct page *page;

	*again = false;
	/* It must not go to sleep for as long as we are in need. */
	if (s->alloc_flags & ALLOC_KSWAPD)
		wake_all_kswapds(q, gfp, ac);
	/* Without ALLOC_WMARK_MASK's bits: the reserves have no mark. */
	if (rights)
		s->alloc_flags =
			rights | gfp_to_alloc_flags_cma(gfp) | (s->alloc_flags & ALLOC_KSWAPD);
	/* Policy binds neither those who are to free memory nor those who can't
	 * wait. */
	if (rights || (gfp & __GFP_ATOMIC)) {
		ac->nodemask = NULL;
		find_preferred(ac);
	}
	ac->alloc_flags = s->alloc_flags;
	page = get_page_from_freelist(q, gfp, order, s->alloc_flags, ac);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM) || (current_context(q)->flags & PF_MEMALLOC))
		return page;
	charge_ns(q, q->cost.slow_round);
	page = direct_reclaim(q, gfp, s->alloc_flags, ac, &progress);
	if (!page)
		page = direct_compact(q, gfp, ac, s, s->compact_priority);
	/* Costly blocks are tried for again only if the caller insists, and pages
	 * may be moved for it. */
	if (page || (gfp & __GFP_NORETRY) ||
	    (costly && !((gfp & __GFP_RETRY_MAYFAIL) && (gfp & __GFP_IO))))
		return page;
	if (should_reclaim_retry(q, ac, s->alloc_flags, progress > 0, &s->no_progress_loops) ||
	    (progress && (gfp & __GFP_IO) && should_compact_retry(q, ac, s))) {
		*again = true;
		return NULL;
	}
	page = alloc_pages_may_oom(q, gfp, ac, &progress);
	if (page)
		return page;
	/* A victim that got nothing even from the reserves gives up. */
	if (is_oom_victim(q) && ((s->alloc_flags & ALLOC_OOM) || (gfp & __GFP_NOMEMALLOC)))
		return NULL;
	if (progress)
		s->no_progress_loops = 0;
	*again = progress > 0;
	return NULL;
}

/*
 * Before the rounds: the lower mark alone may do, and then gentle compaction.
 * *give_up: a costly request that would rather fail than wait, and compaction
 * has no chance (a huge page that a fault would like to have).
 */
static struct page *slow_start(struct quire *q, gfp_t gfp, struct alloc_context *ac,
			       struct slowpath *s, bool *give_up)
{
	bool costly = ac->order > PAGE_ALLOC_COSTLY_ORDER;
	struct page *page;

	*give_up = false;
	if (s->alloc_flags & ALLOC_KSWAPD)
		wake_all_kswapds(q, gfp, ac);
	page = get_page_from_freelist(q, gfp, ac->order, s->alloc_flags, ac);
	if (page || !(gfp & __GFP_DIRECT_RECLAIM) || !(gfp & __GFP_IO) ||
	    !(costly || (ac->order && ac->migratetype != MIGRATE_MOVABLE)) || reserve_flags(q, gfp))
		return page;
	page = direct_compact(q, gfp, ac, s, INIT_COMPACT_PRIORITY);
	if (page || !costly || !(gfp & __GFP_NORETRY))
		return page;
	*give_up = s->compact_result == COMPACT_SKIPPED || s->compact_result == COMPACT_DEFERRED;
	s->compact_priority = INIT_COMPACT_PRIORITY;
	return NULL;
}

static struct page *alloc_pages_slowpath(struct quire *q, gfp_t gfp, struct alloc_context *ac)
{
	struct slowpath s = {.compact_priority = DEF_COMPACT_PRIORITY};
	const nodemask_t *nodemask = ac->nodemask;
	bool again = false, give_up;
	struct page *page;

	if ((gfp & __GFP_DIRECT_RECLAIM) && (gfp & __GFP_ATOMIC))
		gfp &= ~__GFP_ATOMIC;
	s.alloc_flags = gfp_to_alloc_flags(gfp);
	if (!(gfp & __GFP_ATOMIC))
		s.alloc_flags |= cpuset_flag(q);
	find_preferred(ac);
	if (!ac->preferred_zoneref->zone)
		goto fail;
	page = slow_start(q, gfp, ac, &s, &give_up);
	if (page)
		return page;
	do {
		if (!give_up)
			page = slow_round(q, gfp, ac, &s, &again);
		give_up = false;
		if (!page && !again && (gfp & __GFP_NOFAIL)) {
			page = get_page_from_freelist(q, gfp, ac->order, ALLOC_HARDER, ac);
			if (!page && q->stopping)
				break;
			again = true;
			cond_resched(q);
		}
	} while (!page && again);
	if (page)
		return page;
fail:
	/* What embedders' pageblocks have left, where they have their own. */
	page = frames_lend(q, ac->order, ac->preferred_nid, ac->migratetype);
	if (page) {
		prep_new_page(q, page, ac->order, gfp);
		return page;
	}
	warn_alloc(q, gfp, ac->order, nodemask);
	return NULL;
}

/* ---- the fast path ---------------------------------------------------------- */

/* Should an unmovable request rather go to DMA32 than steal in Normal? */
static unsigned int nofragment_flag(const struct quire *q, const struct zone *zone)
{
	if (!zone || zone->zone_idx != ZONE_NORMAL)
		return 0;
	if (q->nr_nodes > 1 && !zone[-1].present_pages)
		return 0;
	return ALLOC_NOFRAGMENT;
}

/*
 * What nearly every request is: a single page, of any node, with nothing switched on
 * that looks at it, the nearest zone above its low mark and a page on the CPU's list.
 * NULL: it is not, nothing was changed, and the long way does whatever is to be done.
 */
static inline struct page *alloc_from_cpu(struct quire *q, gfp_t gfp, unsigned int nid)
{
	const struct pglist_data *pgdat = NODE_DATA(q, nid);
	enum zone_type highest = gfp_zone(gfp);
	const struct zoneref *first =
		pgdat->node_zonelists[gfp & __GFP_THISNODE ? ZONELIST_NOFALLBACK
							   : ZONELIST_FALLBACK]
			.zonerefs;
	struct zone *zone = first->zone;
	struct page *page;

	if (unlikely(!zone || first->zone_idx > (int)highest || HOT_LOAD(&zone->boosted) ||
		     (q->keys & (KEYS_PAGE_ALLOC | KEY_CPUSETS)) || (gfp & __GFP_WRITE) ||
		     zone->cma_pages))
		return NULL;
	/* zone_watermark_fast() of the low mark. */
	if (unlikely(HOT_LOAD(&zone->vm_stat[NR_FREE_PAGES]) -
			     (long)HOT_LOAD(&zone->nr_reserved_highatomic) <=
		     (long)wmark_pages(zone, ALLOC_WMARK_LOW) + zone->lowmem_reserve[highest]))
		return NULL;
	page = pcplist_pop(q, zone, gfp_migratetype(gfp));
	if (likely(page))
		prep_single_page(q, page, gfp);
	return page;
}

struct page *__alloc_pages(struct quire *q, gfp_t gfp, unsigned int order, unsigned int nid,
			   const nodemask_t *nodemask)
{
	unsigned int pf = current_context(q)->flags, cpuset = 0;
	gfp_t fast_gfp;
	struct alloc_context ac;
	struct page *page;

	if (likely(!order && !nodemask && !q->page->fail_alloc)) {
		page = alloc_from_cpu(q, gfp, nid);
		if (likely(page))
			return page;
	}
	if (unlikely(order >= MAX_ORDER))
		return NULL;
	if (unlikely(pf & (PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS))) {
		gfp &= ~__GFP_FS;
		if (pf & PF_MEMALLOC_NOIO)
			gfp &= ~__GFP_IO;
	}
	if (unlikely(q->page->fail_alloc != NULL) && !(gfp & __GFP_NOFAIL) &&
	    q->page->fail_alloc(q, gfp, order, q->page->fail_ctx))
		return NULL;
	ac = (struct alloc_context){
		.gfp = gfp,
		.order = order,
		.preferred_nid = nid,
		.highest_zoneidx = (int)gfp_zone(gfp),
		.migratetype = gfp_migratetype(gfp),
		.nodemask = nodemask,
		.zonelist = &NODE_DATA(q, nid)
				     ->node_zonelists[gfp & __GFP_THISNODE ? ZONELIST_NOFALLBACK
									   : ZONELIST_FALLBACK],
		.alloc_flags = ALLOC_WMARK_LOW,
		.spread_dirty_pages = (gfp & __GFP_WRITE) != 0,
	};
	fast_gfp = gfp;
	if (unlikely(q->keys & KEY_CPUSETS) && q->page->ops.mems_allowed) {
		/* First of all from the nodes at home, whatever it is for. */
		fast_gfp |= __GFP_HARDWALL;
		if (!nodemask)
			ac.nodemask = q->page->ops.mems_allowed(q);
		else
			cpuset = ALLOC_CPUSET;
	}
	find_preferred(&ac);
	page = get_page_from_freelist(q, fast_gfp, order,
				      ALLOC_WMARK_LOW | cpuset | (gfp & ALLOC_KSWAPD) |
					      gfp_to_alloc_flags_cma(gfp) |
					      nofragment_flag(q, ac.preferred_zoneref->zone),
				      &ac);
	if (unlikely(!page)) {
		ac.spread_dirty_pages = false;
		ac.nodemask = nodemask;
		page = alloc_pages_slowpath(q, gfp, &ac);
	}
	if (unlikely(q->keys & TRACE_KEY(TRACE_MM_PAGE_ALLOC)))
		trace_mm_page_alloc(q, page, order, gfp, ac.migratetype);
	return page;
}

struct page *alloc_pages_node(struct quire *q, unsigned int nid, gfp_t gfp, unsigned int order)
{
	return __alloc_pages(q, gfp, order, nid, NULL);
}

struct page *alloc_pages(struct quire *q, gfp_t gfp, unsigned int order)
{
	const nodemask_t *nodemask = NULL;
	struct page *page;
	unsigned int nid;

	if (!q->page->ops.mempolicy_node || (gfp & __GFP_THISNODE))
		return __alloc_pages(q, gfp, order, numa_node_id(q), NULL);
	nid = q->page->ops.mempolicy_node(q, &nodemask);
	if (unlikely(nid & MEMPOLICY_PREFERRED_MANY)) {
		nid &= ~MEMPOLICY_PREFERRED_MANY;
		page = __alloc_pages(q,
				     (gfp | __GFP_NOWARN) & ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL),
				     order, nid, nodemask);
		return page ? page : __alloc_pages(q, gfp, order, nid, NULL);
	}
	page = __alloc_pages(q, gfp, order, nid & ~MEMPOLICY_INTERLEAVED, nodemask);
	if ((nid & MEMPOLICY_INTERLEAVED) && page &&
	    page_to_nid(page) == (nid & ~MEMPOLICY_INTERLEAVED))
		count_numa_interleave(q, page);
	return page;
}
