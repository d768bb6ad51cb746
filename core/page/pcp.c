/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU page lists: a few pages of each CPU's own before the zone's lock.
 *
 * Each CPU has, for each zone, a list for each (order 0..3, migrate type) and
 * one of huge blocks, whatever their type.  A request takes the list's first page, the one
 * freed last and so the warmest; an empty list is filled with a batch under
 * one hold of zone->lock.  A freed page goes to the front; when the lists hold
 * more than `high` pages, the coldest of some go back to the buddy.
 *
 * Sizes are Linux's: batch is 1/4096 of the zone, between 1 and 63; high is
 * the low watermark shared by the node's CPUs, at least four batches, or a
 * fraction of the zone if the operator says so.
 *
 * A page here has no references, its migrate type in index, and is on one
 * list.  count is the pages on all lists.  pcp->lock guards them; it is taken
 * with trylock on the hot paths and the zone's lists are used if another
 * holds it (only drain_all_pages() and a thread that was moved off its CPU
 * do).  pcp->lock ranks above zone->lock.
 */
#include "page/internal.h"
#include "page/frames.h"
#include "page/debug.h"
#include "page/trace.h"

/* The list of huge blocks, of all types, comes after the small orders'. */
#define PCP_HUGE_INDEX (NR_PCP_LISTS - 1)

static unsigned int order_to_pindex(int migratetype, unsigned int order)
{
	if (order > PAGE_ALLOC_COSTLY_ORDER)
		return PCP_HUGE_INDEX;
	return MIGRATE_PCPTYPES * order + (unsigned int)migratetype;
}

static unsigned int pindex_to_order(unsigned int pindex)
{
	return pindex == PCP_HUGE_INDEX ? pageblock_order : pindex / MIGRATE_PCPTYPES;
}

/* ---- sizes ------------------------------------------------------------------ */

static int zone_batchsize(const struct zone *zone)
{
	/* A thousandth of the zone, at most 1 MiB; then a quarter of it, as a
	 * power of two less one: numbers that share no factors with caches. */
	unsigned long batch = min(zone->managed_pages >> 10, (1UL << 20) / PAGE_SIZE) / 4;

	batch = max(batch, 1UL);
	batch = (1UL << ilog2(batch + batch / 2)) - 1;
	return (int)max(batch, 1UL);
}

static int zone_highsize(const struct quire *q, const struct zone *zone, int batch)
{
	unsigned int fraction = q->page->percpu_pagelist_high_fraction;
	unsigned int cpus = zone->zone_pgdat->nr_cpus;
	unsigned long total = fraction ? zone->managed_pages / fraction : low_wmark_pages(zone);
	unsigned long high = total / (cpus ? cpus : q->nr_cpus);

	return (int)max(high, (unsigned long)batch << 2);
}

void zone_pcp_update(struct quire *q, struct zone *zone)
{
	int batch = zone_batchsize(zone), high = zone_highsize(q, zone, batch);

	if (zone->pageset_high == high && zone->pageset_batch == batch)
		return;
	zone->pageset_high = high;
	zone->pageset_batch = batch;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		HOT_STORE(&zone->pageset[cpu].batch, batch);
		HOT_STORE(&zone->pageset[cpu].high, high);
	}
}

void init_pagesets(struct quire *q, struct zone *zone)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct per_cpu_pages *pcp = &zone->pageset[cpu];

		spin_lock_init(&pcp->lock, LOCK_PCP);
		pcp->batch = 1;
		for (unsigned int i = 0; i < NR_PCP_LISTS; i++)
			INIT_LIST_HEAD(&pcp->lists[i]);
	}
}

/* ---- counting --------------------------------------------------------------- */

static void count_numa(struct quire *q, struct zone *zone, enum numa_stat_item item,
		       unsigned long nr)
{
	HOT_ADD(&zone->pageset[smp_processor_id(q)].numa_event[item], nr);
}

void zone_statistics(struct quire *q, struct zone *preferred, struct zone *zone, unsigned long nr)
{
	unsigned int nid = zone_to_nid(zone);

	if (nid == zone_to_nid(preferred)) {
		count_numa(q, zone, NUMA_HIT, nr);
	} else {
		count_numa(q, zone, NUMA_MISS, nr);
		count_numa(q, preferred, NUMA_FOREIGN, nr);
	}
	count_numa(q, zone, nid == numa_node_id(q) ? NUMA_LOCAL : NUMA_OTHER, nr);
}

void count_numa_interleave(struct quire *q, const struct page *page)
{
	count_numa(q, page_zone(q, page), NUMA_INTERLEAVE_HIT, 1);
}

/* ---- taking ----------------------------------------------------------------- */

/* Fills a list with up to count blocks; returns how many came. */
static int rmqueue_bulk(struct quire *q, struct zone *zone, unsigned int order, int count,
			struct list_head *list, int migratetype, unsigned int alloc_flags)
{
	int got = 0;

	spin_lock(q, &zone->lock);
	if (!order)
		got = (int)__rmqueue_singles(q, zone, (unsigned int)count, migratetype, alloc_flags,
					     list);
	for (; order && got < count; got++) {
		struct page *page = __rmqueue(q, zone, order, migratetype, alloc_flags);

		if (unlikely(!page))
			break;
		list_add_tail(&page->lru, list);
		if (unlikely(pcppage_migratetype(page) == MIGRATE_CMA))
			mod_zone_page_state(zone, NR_FREE_CMA_PAGES, -(1L << order));
	}
	mod_zone_page_state(zone, NR_FREE_PAGES, -((long)got << order));
	spin_unlock(q, &zone->lock);
	return got;
}

/* Counts a block from one of the CPU's lists. */
static inline void count_pcp_alloc(struct quire *q, struct zone *preferred, struct zone *zone,
				   struct per_cpu_pages *pcp, unsigned int cpu, unsigned int order)
{
	(void)HOT_ADD(&q->node->events[cpu][PGALLOC_DMA + zone->zone_idx], 1UL << order);
	if (likely(zone->zone_pgdat == preferred->zone_pgdat &&
		   zone_to_nid(zone) == cpu_to_node(q, cpu))) {
		/* zone_statistics() of what comes from where it should. */
		(void)HOT_ADD(&pcp->numa_event[NUMA_HIT], 1UL);
		(void)HOT_ADD(&pcp->numa_event[NUMA_LOCAL], 1UL);
	} else {
		zone_statistics(q, preferred, zone, 1);
	}
}

/* Off a list that is not empty, under its lock. */
static inline struct page *pcplist_take(struct per_cpu_pages *pcp, struct list_head *list,
					unsigned int order)
{
	struct page *page = list_first_entry(list, struct page, lru);

	list_del(&page->lru);
	/* The next that this CPU will write. */
	__builtin_prefetch(list->next, 1);
	(void)HOT_SUB(&pcp->count, 1 << order);
	return page;
}

struct page *pcplist_pop(struct quire *q, struct zone *zone, int migratetype)
{
	unsigned int cpu = smp_processor_id(q);
	struct per_cpu_pages *pcp = &zone->pageset[cpu];
	struct list_head *list = &pcp->lists[order_to_pindex(migratetype, 0)];
	struct page *page = NULL;

	if (unlikely(!spin_trylock(q, &pcp->lock)))
		return NULL;
	if (likely(!list_empty(list))) {
		pcp->free_factor >>= 1;
		page = pcplist_take(pcp, list, 0);
	}
	spin_unlock(q, &pcp->lock);
	if (likely(page))
		count_pcp_alloc(q, zone, zone, pcp, cpu, 0);
	return page;
}

struct page *rmqueue_pcplist(struct quire *q, struct zone *preferred, struct zone *zone,
			     unsigned int order, int migratetype, unsigned int alloc_flags)
{
	unsigned int cpu = smp_processor_id(q);
	struct per_cpu_pages *pcp = &zone->pageset[cpu];
	struct list_head *list = &pcp->lists[order_to_pindex(migratetype, order)];
	struct page *page = NULL;

	if (unlikely(!spin_trylock(q, &pcp->lock)))
		return NULL;
	/* Each allocation tells the frees that pages are wanted here. */
	pcp->free_factor >>= 1;
	if (list_empty(list)) {
		int batch = HOT_LOAD(&pcp->batch);

		if (batch > 1)
			batch = max(batch >> order, 2);
		HOT_ADD(&pcp->count,
			rmqueue_bulk(q, zone, order, batch, list, migratetype, alloc_flags)
				<< order);
	}
	if (!list_empty(list))
		page = pcplist_take(pcp, list, order);
	spin_unlock(q, &pcp->lock);
	if (page)
		count_pcp_alloc(q, preferred, zone, pcp, cpu, order);
	return page;
}

/* ---- giving back ------------------------------------------------------------ */

/*
 * Gives count pages back, a block of each list in turn so that no type is
 * emptied before the others; begins with pindex, the list that grew.
 */
static void free_pcppages_bulk(struct quire *q, struct zone *zone, int count,
			       struct per_cpu_pages *pcp, unsigned int pindex)
{
	unsigned int lowest = 0, highest = NR_PCP_LISTS - 1;
	int left = min(pcp->count, count), given = 0;

	spin_lock(q, &zone->lock);
	while (left > 0) {
		struct list_head *list;
		unsigned int order;
		bool isolated = zone->nr_isolate_pageblock != 0;

		while (list_empty(list = &pcp->lists[pindex])) {
			if (pindex == highest)
				highest--;
			else if (pindex == lowest)
				lowest++;
			if (++pindex > highest)
				pindex = lowest;
		}
		order = pindex_to_order(pindex);
		do {
			struct page *page = list_last_entry(list, struct page, lru);
			u64 pfn = page_to_pfn(q, page);

			list_del(&page->lru);
			left -= 1 << order;
			given += 1 << order;
			if (unlikely(q->keys & TRACE_KEY(TRACE_MM_PAGE_PCPU_DRAIN)))
				trace_mm_page_pcpu_drain(q, page, order, pcppage_migratetype(page));
			/* Its pageblock may have been isolated meanwhile. */
			__free_one_page(q, page, pfn, zone, order,
					unlikely(isolated) ? pfnblock_migratetype(zone, pfn)
							   : pcppage_migratetype(page),
					FPI_NONE);
		} while (left > 0 && !list_empty(list));
		if (++pindex > highest)
			pindex = lowest;
	}
	HOT_SUB(&pcp->count, given);
	spin_unlock(q, &zone->lock);
}

/* How many pages to give back when the lists are too long: more each time a
 * free follows a free. */
static int nr_pcp_free(struct per_cpu_pages *pcp, int high, int batch, bool free_high)
{
	int most = high - batch, nr = batch << pcp->free_factor;

	if (unlikely(free_high))
		return pcp->count;
	if (unlikely(high < batch))
		return 1;
	if (nr < most)
		pcp->free_factor++;
	return min(max(nr, batch), most);
}

static int nr_pcp_high(const struct per_cpu_pages *pcp, const struct zone *zone, bool free_high)
{
	int high = HOT_LOAD(&pcp->high);

	if (unlikely(!high || free_high))
		return 0;
	/* Memory is short: keep little back. */
	if (unlikely(HOT_LOAD(&zone->reclaim_active)))
		return min(pcp->batch << 2, high);
	return high;
}

static void free_unref_page_commit(struct quire *q, struct zone *zone, struct per_cpu_pages *pcp,
				   struct page *page, int migratetype, unsigned int order)
{
	unsigned int pindex = order_to_pindex(migratetype, order);
	bool free_high;
	int high;

	list_add(&page->lru, &pcp->lists[pindex]);
	HOT_ADD(&pcp->count, 1 << order);
	/* Consecutive frees of small blocks: most likely they can be joined. */
	free_high = pcp->free_factor && order && order <= PAGE_ALLOC_COSTLY_ORDER;
	high = nr_pcp_high(pcp, zone, free_high);
	if (unlikely(pcp->count >= high)) {
		int batch = HOT_LOAD(&pcp->batch);

		free_pcppages_bulk(q, zone, nr_pcp_free(pcp, high, batch, free_high), pcp, pindex);
	}
}

/* Straight to the buddy. */
static void free_one_page(struct quire *q, struct zone *zone, struct page *page, u64 pfn,
			  unsigned int order, int migratetype)
{
	spin_lock(q, &zone->lock);
	/* It was read without the lock: the pageblock may be isolated now, or be no
	 * more. */
	if (unlikely(zone->nr_isolate_pageblock || migratetype == MIGRATE_ISOLATE))
		migratetype = pfnblock_migratetype(zone, pfn);
	__free_one_page(q, page, pfn, zone, order, migratetype, FPI_NONE);
	spin_unlock(q, &zone->lock);
}

/* What is wrong with a page that comes back: Linux's page_bad_reason(). */
static const char *page_bad_reason(const struct page *page)
{
	const char *reason = NULL;

	if (page->_mapcount != -1)
		reason = "nonzero mapcount";
	if (page->_refcount)
		reason = "nonzero _refcount";
	if (page->flags & PAGE_FLAGS_CHECK_AT_FREE)
		reason = "PAGE_FLAGS_CHECK_AT_FREE flag(s) set";
	if (page->memcg)
		reason = "page still charged to cgroup";
	return reason;
}

/* 0, or 1 for a page that must not be given to anybody again. */
static int check_free_page(struct quire *q, const struct page *page)
{
	if (likely(!((page->_refcount | (page->_mapcount + 1)) ||
		     (page->flags & PAGE_FLAGS_CHECK_AT_FREE) || page->memcg)))
		return 0;
	bad_page(q, page, page_bad_reason(page));
	return 1;
}

/* Takes a page's former life off its descriptors.  False: something is wrong with
 * it, which was said; it is nobody's from now on.  The page is the caller's, but
 * who walks the memory map may look at its flags and whose slab it is (slab's
 * list_slab_objects()), so these words change at once. */
static bool free_pages_prepare(struct quire *q, struct page *page, unsigned int order)
{
	int bad = check_free_page(q, page);

	if (unlikely(order)) {
		bool compound = PageHead(page);

		for (unsigned long i = 1; i < 1UL << order; i++) {
			struct page *tail = page + i;

			bad += check_free_page(q, tail);
			if (compound)
				tail->lru.next = tail->lru.prev = NULL;
			HOT_STORE(&tail->mapping, NULL);
			tail->private = 0;
			HOT_STORE(&tail->flags, tail->flags & PAGE_PLACE_MASK);
		}
	} else if (unlikely(PageHead(page))) {
		bad_page(q, page, "a compound page freed as a single one");
		bad++;
	}
	if (unlikely(bad))
		return false;
	if (unlikely(q->keys & KEYS_PAGE_FREE))
		free_prepare_debug(q, page, order);
	HOT_STORE(&page->mapping, NULL);
	HOT_STORE(&page->private, 0);
	HOT_STORE(&page->flags, page->flags & PAGE_PLACE_MASK);
	return true;
}

void free_unref_page(struct quire *q, struct page *page, unsigned int order)
{
	struct zone *zone = page_zone(q, page);
	u64 pfn = page_to_pfn(q, page);
	struct per_cpu_pages *pcp;
	int migratetype;

	if (unlikely(!free_pages_prepare(q, page, order)))
		return;
	if (frames_return(q, page, order))
		return;
	count_vm_events(q, PGFREE, 1UL << order);
	migratetype = pfnblock_migratetype(zone, pfn);
	set_pcppage_migratetype(page, migratetype);
	if (unlikely(!pcp_allowed_order(order) || migratetype == MIGRATE_ISOLATE)) {
		free_one_page(q, zone, page, pfn, order, migratetype);
		return;
	}
	pcp = &zone->pageset[smp_processor_id(q)];
	if (unlikely(!spin_trylock(q, &pcp->lock))) {
		free_one_page(q, zone, page, pfn, order, migratetype);
		return;
	}
	/* Pages of reserved blocks wait on the movable list, and go back to
	 * their own: index remembers it. */
	if (unlikely(migratetype >= MIGRATE_PCPTYPES))
		migratetype = MIGRATE_MOVABLE;
	free_unref_page_commit(q, zone, pcp, page, migratetype, order);
	spin_unlock(q, &pcp->lock);
}

void free_unref_page_list(struct quire *q, struct list_head *list)
{
	while (!list_empty(list)) {
		struct page *page = list_first_entry(list, struct page, lru);

		list_del(&page->lru);
		if (unlikely(q->keys & TRACE_KEY(TRACE_MM_PAGE_FREE_BATCHED)))
			trace_mm_page_free_batched(q, page);
		free_unref_page(q, page, 0);
	}
}

void __free_pages(struct quire *q, struct page *page, unsigned int order)
{
	bool compound = PageHead(page);

	if (likely(put_page_testzero(page))) {
		free_unref_page(q, page, order);
	} else if (unlikely(page_ref_count(page) < 0)) {
		/* Nobody had it: Linux's VM_BUG_ON_PAGE in put_page_testzero(). */
		set_page_count(page, 0);
		bad_page(q, page, "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	} else if (!compound) {
		/* Someone still holds the first page: the others go now, it
		 * goes with the last reference, as one page. */
		while (order-- > 0)
			free_unref_page(q, page + (1UL << order), order);
	}
}

void drain_local_pages(struct quire *q, struct zone *zone)
{
	struct per_cpu_pages *pcp = &zone->pageset[smp_processor_id(q)];

	if (!HOT_LOAD(&pcp->count))
		return;
	spin_lock(q, &pcp->lock);
	free_pcppages_bulk(q, zone, pcp->count, pcp, 0);
	spin_unlock(q, &pcp->lock);
}

void drain_all_pages(struct quire *q, struct zone *only)
{
	frames_drain(q, only ? (int)zone_to_nid(only) : -1);
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			if (only && zone != only)
				continue;
			for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
				struct per_cpu_pages *pcp = &zone->pageset[cpu];

				if (!HOT_LOAD(&pcp->count))
					continue;
				spin_lock(q, &pcp->lock);
				free_pcppages_bulk(q, zone, pcp->count, pcp, 0);
				spin_unlock(q, &pcp->lock);
			}
		}
	}
}
