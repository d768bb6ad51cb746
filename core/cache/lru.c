/* SPDX-License-Identifier: MIT */
/*
 * LRU lists and the batches before them.
 *
 * The idea: pages in use wait on five lists of their lruvec to be aged.  What
 * changes a list often (a new page, a page used twice) first goes into a
 * batch of the running CPU, which keeps a reference to it; the batch is
 * carried out under one acquisition of lru_lock when it has PAGEVEC_SIZE
 * pages, or when someone drains it.
 *
 * Invariants: a page is on the list page_lru() names if and only if PG_lru is
 * set; lruvec->nr, nr_zone, the node's and the zone's counters and the group's
 * are exact sums over the lists.  A batched page may have been freed by
 * everyone else: its last reference then goes with the batch.
 *
 * Locks: the batch's lock for taking pages in and out; pgdat->lru_lock for
 * lists and counters.  Neither is held while references are dropped, because
 * freeing uncharges.
 *
 * Differs from Linux: the unevictable list is a real list, and a page that
 * several locked VMAs map is not counted for each (docs/differences.md).
 */
#include "cache/internal.h"

static inline long page_nr(const struct page *page)
{
	return 1L << compound_order(page);
}

/* What was put on one list, of one zone, in a row: counted once. */
struct lru_run {
	struct lruvec *lruvec;
	enum lru_list lru;
	unsigned int zone;
	long nr;
};

static inline void lru_run_end(struct lru_run *run)
{
	if (run->nr)
		update_lru_size(run->lruvec, (int)run->lru, run->zone, run->nr);
	run->nr = 0;
}

static inline void lru_run_add(struct lru_run *run, struct lruvec *lruvec, struct page *page)
{
	enum lru_list lru;
	unsigned int zone;

	if (unlikely(lruvec->lrugen != NULL) && lru_gen_add_page(lruvec, page, false))
		return;
	lru = page_lru(page);
	zone = page_zonenum(page);
	list_add(&page->lru, &lruvec->lists[lru]);
	if (unlikely(run->lruvec != lruvec || run->lru != lru || run->zone != zone)) {
		lru_run_end(run);
		*run = (struct lru_run){lruvec, lru, zone, 0};
	}
	run->nr += page_nr(page);
}

void add_page_to_lru_list(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	enum lru_list lru;

	(void)q;
	if (unlikely(lruvec->lrugen != NULL) && lru_gen_add_page(lruvec, page, false))
		return;
	lru = page_lru(page);
	list_add(&page->lru, &lruvec->lists[lru]);
	update_lru_size(lruvec, (int)lru, page_zonenum(page), page_nr(page));
}

void add_page_to_lru_list_tail(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	enum lru_list lru;

	(void)q;
	if (unlikely(lruvec->lrugen != NULL) && lru_gen_add_page(lruvec, page, true))
		return;
	lru = page_lru(page);
	list_add_tail(&page->lru, &lruvec->lists[lru]);
	update_lru_size(lruvec, (int)lru, page_zonenum(page), page_nr(page));
}

void del_page_from_lru_list(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	(void)q;
	if (unlikely(page->flags & LRU_GEN_MASK)) {
		lru_gen_del_page(lruvec, page, false);
		return;
	}
	__list_del_entry(&page->lru);
	update_lru_size(lruvec, (int)page_lru(page), page_zonenum(page), -page_nr(page));
}

/* ---- what a batch does to each page, under lru_lock ------------------------ */

static inline void lru_add_fn(struct quire *q, struct lruvec *lruvec, struct page *page,
			      struct lru_run *run)
{
	bool was_unevictable;

	if (unlikely(PageLRU(page)))
		return;
	was_unevictable = PageUnevictable(page);
	if (likely(page_evictable(page))) {
		if (unlikely(was_unevictable)) {
			ClearPageUnevictable(page);
			count_vm_events(q, UNEVICTABLE_PGRESCUED, (unsigned long)page_nr(page));
		}
	} else {
		ClearPageActive(page);
		SetPageUnevictable(page);
		if (!was_unevictable)
			count_vm_events(q, UNEVICTABLE_PGCULLED, (unsigned long)page_nr(page));
	}
	SetPageLRU(page);
	lru_run_add(run, lruvec, page);
}

static void lru_activate_fn(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	unsigned long nr = (unsigned long)page_nr(page);

	if (!PageLRU(page) || PageActive(page) || PageUnevictable(page))
		return;
	del_page_from_lru_list(q, lruvec, page);
	SetPageActive(page);
	add_page_to_lru_list(q, lruvec, page);
	count_vm_events(q, PGACTIVATE, nr);
	count_memcg_events(q, lruvec->memcg, PGACTIVATE, nr);
}

/* A page's generation does not show in PG_active. */
static bool may_deactivate(const struct quire *q, const struct page *page)
{
	return PageLRU(page) && (PageActive(page) || lru_gen_enabled(q)) && !PageUnevictable(page);
}

static void lru_deactivate_fn(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	unsigned long nr = (unsigned long)page_nr(page);

	if (!may_deactivate(q, page))
		return;
	del_page_from_lru_list(q, lruvec, page);
	ClearPageActive(page);
	ClearPageReferenced(page);
	add_page_to_lru_list(q, lruvec, page);
	count_vm_events(q, PGDEACTIVATE, nr);
	count_memcg_events(q, lruvec->memcg, PGDEACTIVATE, nr);
}

static bool may_lazyfree(const struct page *page)
{
	return PageLRU(page) && PageAnon(page) && PageSwapBacked(page) && !PageSwapCache(page) &&
	       !PageUnevictable(page);
}

/* Lazily freed pages wait with those of files: clean ones go without I/O. */
static void lru_lazyfree_fn(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	unsigned long nr = (unsigned long)page_nr(page);

	if (!may_lazyfree(page))
		return;
	del_page_from_lru_list(q, lruvec, page);
	ClearPageActive(page);
	ClearPageReferenced(page);
	ClearPageSwapBacked(page);
	add_page_to_lru_list(q, lruvec, page);
	count_vm_events(q, PGLAZYFREE, nr);
	count_memcg_events(q, lruvec->memcg, PGLAZYFREE, nr);
}

static void lru_rotate_fn(struct quire *q, struct lruvec *lruvec, struct page *page)
{
	if (!PageLRU(page) || PageUnevictable(page))
		return;
	del_page_from_lru_list(q, lruvec, page);
	ClearPageActive(page);
	add_page_to_lru_list_tail(q, lruvec, page);
	count_vm_events(q, PGROTATED, (unsigned long)page_nr(page));
}

static void lru_move_pages(struct quire *q, enum lru_batch_kind kind, struct page **pages,
			   unsigned int nr)
{
	static void (*const fn[])(struct quire *, struct lruvec *, struct page *) = {
		[BATCH_ACTIVATE] = lru_activate_fn,
		[BATCH_DEACTIVATE] = lru_deactivate_fn,
		[BATCH_LAZYFREE] = lru_lazyfree_fn,
		[BATCH_ROTATE] = lru_rotate_fn,
	};
	struct pglist_data *locked = NULL;
	struct lru_run run = {0};

	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = pages[i];
		struct pglist_data *pgdat = page_pgdat(q, page);
		struct lruvec *lruvec = mem_cgroup_lruvec(q, page->memcg, pgdat);

		if (unlikely(pgdat != locked)) {
			lru_run_end(&run);
			if (locked)
				spin_unlock(q, &locked->lru_lock);
			spin_lock(q, &pgdat->lru_lock);
			locked = pgdat;
		}
		if (likely(kind == BATCH_ADD))
			lru_add_fn(q, lruvec, page, &run);
		else
			fn[kind](q, lruvec, page);
	}
	lru_run_end(&run);
	if (locked)
		spin_unlock(q, &locked->lru_lock);
	release_pages(q, pages, nr);
}

/* ---- batches --------------------------------------------------------------- */

/* Carries a batch out; its lock is held and given up. */
static __attribute__((noinline)) void lru_batch_flush(struct quire *q, struct lru_batch *b,
						      enum lru_batch_kind kind)
{
	struct page *pages[PAGEVEC_SIZE];
	unsigned int nr = b->nr[kind];

	memcpy(pages, b->pages[kind], nr * sizeof(*pages));
	b->nr[kind] = 0;
	spin_unlock(q, &b->lock);
	lru_move_pages(q, kind, pages, nr);
}

static inline void lru_batch_add(struct quire *q, enum lru_batch_kind kind, struct page *page)
{
	struct lru_batch *b = &q->cache->lru_batch[smp_processor_id(q)];
	unsigned int nr;

	get_page(page);
	spin_lock(q, &b->lock);
	nr = b->nr[kind];
	b->pages[kind][nr++] = page;
	b->nr[kind] = nr;
	/* Large pages are not kept waiting: they'd hold much memory. */
	if (likely(nr < PAGEVEC_SIZE && !PageHead(page)))
		spin_unlock(q, &b->lock);
	else
		lru_batch_flush(q, b, kind);
}

static void lru_add_drain_cpu(struct quire *q, unsigned int cpu)
{
	struct lru_batch *b = &q->cache->lru_batch[cpu];

	for (int kind = 0; kind < NR_LRU_BATCHES; kind++) {
		if (!HOT_LOAD(&b->nr[kind]))
			continue;
		spin_lock(q, &b->lock);
		lru_batch_flush(q, b, (enum lru_batch_kind)kind);
	}
}

void lru_add_drain(struct quire *q)
{
	lru_add_drain_cpu(q, smp_processor_id(q));
}

void lru_add_drain_all(struct quire *q)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		lru_add_drain_cpu(q, cpu);
}

/* Mapped right away: the processor has used it, which nobody tells us before the next walk. */
static void lru_cache_add_young(struct quire *q, struct page *page)
{
	const struct quire_context *context = current_context(q);

	if (!PageUnevictable(page) && context->in_lru_fault && !(context->flags & PF_MEMALLOC))
		SetPageActive(page);
}

void lru_cache_add(struct quire *q, struct page *page)
{
	if (lru_gen_enabled(q))
		lru_cache_add_young(q, page);
	lru_batch_add(q, BATCH_ADD, page);
}

/* ---- use ------------------------------------------------------------------- */

void activate_page(struct quire *q, struct page *page)
{
	if (PageLRU(page) && !PageActive(page) && !PageUnevictable(page))
		lru_batch_add(q, BATCH_ACTIVATE, page);
}

void deactivate_page(struct quire *q, struct page *page)
{
	if (may_deactivate(q, page))
		lru_batch_add(q, BATCH_DEACTIVATE, page);
}

void mark_page_lazyfree(struct quire *q, struct page *page)
{
	if (may_lazyfree(page))
		lru_batch_add(q, BATCH_LAZYFREE, page);
}

void rotate_reclaimable_page(struct quire *q, struct page *page)
{
	if (PageLRU(page) && !PageLocked(page) && !PageDirty(page) && !PageUnevictable(page))
		lru_batch_add(q, BATCH_ROTATE, page);
}

/* A page used again before its batch was carried out: it will arrive active. */
static void lru_batch_activate(struct quire *q, struct page *page)
{
	struct lru_batch *b = &q->cache->lru_batch[smp_processor_id(q)];

	spin_lock(q, &b->lock);
	for (unsigned int i = b->nr[BATCH_ADD]; i--;) {
		if (b->pages[BATCH_ADD][i] == page) {
			SetPageActive(page);
			break;
		}
	}
	spin_unlock(q, &b->lock);
}

void mark_page_accessed(struct quire *q, struct page *page)
{
	page = compound_head(page);
	if (lru_gen_enabled(q)) {
		page_inc_refs(page);
		return;
	}
	if (!PageReferenced(page)) {
		SetPageReferenced(page);
	} else if (!PageUnevictable(page) && !PageActive(page)) {
		if (PageLRU(page))
			activate_page(q, page);
		else
			lru_batch_activate(q, page);
		ClearPageReferenced(page);
		if (q->cache->ops.workingset_activation)
			q->cache->ops.workingset_activation(q, page);
	}
}

/* ---- mlock ----------------------------------------------------------------- */

void mlock_page(struct quire *q, struct page *page)
{
	struct pglist_data *pgdat = page_pgdat(q, page);
	long nr = page_nr(page);

	if (TestSetPageMlocked(page))
		return;
	mod_zone_page_state(page_zone(q, page), NR_MLOCK, nr);
	count_vm_events(q, UNEVICTABLE_PGMLOCKED, (unsigned long)nr);
	charge_ns(q, q->cost.mlock_page);
	spin_lock(q, &pgdat->lru_lock);
	/* One that is not on a list yet gets there with PG_mlocked set. */
	if (PageLRU(page) && !PageUnevictable(page)) {
		struct lruvec *lruvec = page_lruvec(q, page);

		del_page_from_lru_list(q, lruvec, page);
		ClearPageActive(page);
		SetPageUnevictable(page);
		add_page_to_lru_list(q, lruvec, page);
		count_vm_events(q, UNEVICTABLE_PGCULLED, (unsigned long)nr);
	}
	spin_unlock(q, &pgdat->lru_lock);
}

void munlock_page(struct quire *q, struct page *page)
{
	struct pglist_data *pgdat = page_pgdat(q, page);
	long nr = page_nr(page);

	if (!TestClearPageMlocked(page))
		return;
	mod_zone_page_state(page_zone(q, page), NR_MLOCK, -nr);
	count_vm_events(q, UNEVICTABLE_PGMUNLOCKED, (unsigned long)nr);
	charge_ns(q, q->cost.munlock_page);
	spin_lock(q, &pgdat->lru_lock);
	if (PageLRU(page) && PageUnevictable(page) && page_evictable(page)) {
		struct lruvec *lruvec = page_lruvec(q, page);

		del_page_from_lru_list(q, lruvec, page);
		ClearPageUnevictable(page);
		add_page_to_lru_list(q, lruvec, page);
		count_vm_events(q, UNEVICTABLE_PGRESCUED, (unsigned long)nr);
	}
	spin_unlock(q, &pgdat->lru_lock);
}

/* ---- the last reference ---------------------------------------------------- */

/* Flags of use that must not outlive the page. */
#define PAGE_USE_FLAGS                                                                    \
	(BIT(PG_referenced) | BIT(PG_uptodate) | BIT(PG_dirty) | BIT(PG_active) |         \
	 BIT(PG_workingset) | BIT(PG_waiters) | BIT(PG_error) | BIT(PG_mappedtodisk) |    \
	 BIT(PG_reclaim) | BIT(PG_swapbacked) | BIT(PG_unevictable) | BIT(PG_readahead) | \
	 LRU_REFS_MASK)

/* A page with no reference left, on no list any more: its other ties. */
static void page_untie(struct quire *q, struct page *page)
{
	if (unlikely(PageMlocked(page))) {
		ClearPageMlocked(page);
		mod_zone_page_state(page_zone(q, page), NR_MLOCK, -page_nr(page));
		count_vm_events(q, UNEVICTABLE_PGCLEARED, (unsigned long)page_nr(page));
	}
	VM_BUG_ON(q, PageLocked(page) || PageWriteback(page) || PagePrivate(page));
	VM_BUG_ON(q, page_mapped(page));
	page->flags &= ~PAGE_USE_FLAGS;
	page->mapping = NULL;
	if (page->memcg)
		mem_cgroup_uncharge(q, page);
}

void free_unreferenced_page(struct quire *q, struct page *page)
{
	if (PageLRU(page)) {
		struct pglist_data *pgdat = page_pgdat(q, page);

		spin_lock(q, &pgdat->lru_lock);
		ClearPageLRU(page);
		del_page_from_lru_list(q, page_lruvec(q, page), page);
		spin_unlock(q, &pgdat->lru_lock);
	}
	if (unlikely(PageHead(page)) && q->page->compound_dtor[page[1].compound_dtor] &&
	    q->page->compound_dtor[page[1].compound_dtor](q, page))
		return;
	page_untie(q, page);
	free_unref_page(q, page, compound_order(page));
}

void put_page(struct quire *q, struct page *page)
{
	page = compound_head(page);
	if (put_page_testzero(page))
		free_unreferenced_page(q, page);
}

void release_pages(struct quire *q, struct page **pages, unsigned int nr)
{
	struct pglist_data *locked = NULL;
	LIST_HEAD(free);

	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = compound_head(pages[i]);
		struct pglist_data *pgdat;

		if (!put_page_testzero(page))
			continue;
		if (unlikely(PageHead(page))) {
			if (locked)
				spin_unlock(q, &locked->lru_lock);
			locked = NULL;
			free_unreferenced_page(q, page);
			continue;
		}
		if (PageLRU(page)) {
			pgdat = page_pgdat(q, page);
			if (pgdat != locked) {
				if (locked)
					spin_unlock(q, &locked->lru_lock);
				spin_lock(q, &pgdat->lru_lock);
				locked = pgdat;
			}
			ClearPageLRU(page);
			del_page_from_lru_list(q, page_lruvec(q, page), page);
		}
		list_add(&page->lru, &free);
	}
	if (locked)
		spin_unlock(q, &locked->lru_lock);
	if (list_empty(&free))
		return;
	/* Uncharging may free a group, whose lock is outside lru_lock. */
	for (struct list_head *p = free.next; p != &free; p = p->next)
		page_untie(q, list_entry(p, struct page, lru));
	free_unref_page_list(q, &free);
}
