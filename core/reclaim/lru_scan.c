/* SPDX-License-Identifier: MIT */
/*
 * One LRU list: taking pages off its tail, putting them back, and the two
 * ways in which lists are shrunk (the middle part of Linux's vmscan.c).
 *
 * The idea: a batch of pages (SWAP_CLUSTER_MAX) is isolated under lru_lock:
 * off the list, PG_lru cleared, a reference held.  Everything dear (rmap
 * walks, I/O) happens to the batch without the lock.  What was not freed goes
 * back where its flags now say.
 *
 * An inactive list is shrunk by freeing (shrink_page_list()).  An active list
 * is shrunk by deactivation: its old pages go to the inactive list whatever
 * their accessed bits say, which only starts them anew; there a second use
 * brings them back.  Just executable file pages that were used stay active.
 *
 * Invariant: an isolated page is counted in NR_ISOLATED_ANON or _FILE of its
 * node, by the list that it was taken from.
 *
 * Lock: pgdat->lru_lock.
 */
#include "reclaim/internal.h"

unsigned long lruvec_lru_size(const struct lruvec *lruvec, int lru, int zone_idx)
{
	unsigned long size = 0;

	for (int zid = 0; zid <= zone_idx && zid < MAX_NR_ZONES; zid++)
		size += lruvec->nr_zone[lru][zid];
	return size;
}

/* What one group has on this node. */
static unsigned long memcg_state(const struct lruvec *lruvec, enum node_stat_item item)
{
	long n;

	if (item <= NR_UNEVICTABLE)
		return lruvec->nr[item - NR_INACTIVE_ANON];
	n = HOT_LOAD(&lruvec->stat[item]);
	return n < 0 ? 0 : (unsigned long)n;
}

/* A lruvec's counter, with those of the groups below. */
unsigned long lruvec_page_state(struct quire *q, struct lruvec *lruvec, enum node_stat_item item)
{
	struct mem_cgroup *root = lruvec->memcg, *memcg;
	unsigned long sum = 0;

	if (!root)
		return node_page_state(lruvec->pgdat, item);
	if (list_empty(&root->children))
		return memcg_state(lruvec, item);
	for (memcg = mem_cgroup_iter(q, root, NULL); memcg; memcg = mem_cgroup_iter(q, root, memcg))
		sum += memcg_state(mem_cgroup_lruvec(q, memcg, lruvec->pgdat), item);
	return sum;
}

/*
 * Is the inactive list too short beside the active one?  Up to 1 GiB half and
 * half; then a smaller share does, as the square root of ten times the size in
 * GiB: 1:3 at 1 GiB, 1:10 at 10 GiB, 1:32 at 100 GiB.
 */
bool inactive_is_low(struct quire *q, struct lruvec *lruvec, int inactive_lru)
{
	enum node_stat_item item = (enum node_stat_item)(NR_INACTIVE_ANON + inactive_lru);
	unsigned long inactive = lruvec_page_state(q, lruvec, item);
	unsigned long active = lruvec_page_state(q, lruvec, item + LRU_ACTIVE);
	unsigned long gb = (inactive + active) >> (30 - PAGE_SHIFT);
	unsigned long ratio = gb ? int_sqrt(10 * gb) : 1;

	return inactive * ratio < active;
}

static bool isolate_page(struct quire *q, struct lruvec *lruvec, struct page *page,
			 const struct scan_control *sc)
{
	if (!sc->may_unmap && page_mapped(page))
		return false;
	if (!get_page_unless_zero(page))
		return false;
	del_page_from_lru_list(q, lruvec, page);
	ClearPageLRU(page);
	SetPageIsolated(page);
	return true;
}

/*
 * Takes up to nr_to_scan pages off the tail of a list, oldest last on dst; a
 * huge page counts as 512, and is taken as a whole.
 * Pages of zones above reclaim_idx do not count: they are passed over, and go
 * to the list's head so that the next scan need not pass them again.
 */
static unsigned long isolate_lru_pages(struct quire *q, unsigned long nr_to_scan,
				       struct lruvec *lruvec, struct list_head *dst,
				       unsigned long *nr_scanned, const struct scan_control *sc,
				       int lru)
{
	struct list_head *src = &lruvec->lists[lru];
	unsigned long skipped[MAX_NR_ZONES] = {0};
	unsigned long nr_taken = 0, scan = 0, total = 0;
	LIST_HEAD(pages_skipped);

	while (scan < nr_to_scan && !list_empty(src)) {
		struct page *page = lru_to_page(src);
		unsigned long nr = compound_nr(page);
		int zid = (int)page_zonenum(page);

		/* The next one is a cache miss away: begin it now. */
		__builtin_prefetch(list_entry(page->lru.prev, struct page, lru), 1);
		total += nr;
		if (zid > sc->reclaim_idx) {
			list_move(&page->lru, &pages_skipped);
			skipped[zid] += nr;
			continue;
		}
		scan += nr;
		if (isolate_page(q, lruvec, page, sc)) {
			list_add(&page->lru, dst);
			nr_taken += nr;
		} else {
			list_move(&page->lru, src);
		}
	}
	list_splice(&pages_skipped, src);
	for (int zid = 0; zid < MAX_NR_ZONES; zid++)
		if (skipped[zid])
			count_vm_events(q, (enum vm_event_item)(PGSCAN_SKIP_DMA + zid),
					skipped[zid]);
	charge_ns(q, total * q->cost.isolate_page);
	*nr_scanned = total;
	return nr_taken;
}

/*
 * Puts isolated pages back where their flags say and drops reclaim's
 * reference, all under lru_lock; those whose last reference that was are left
 * on list for the caller, who frees them without the lock.  Returns the pages
 * put back.
 *
 * PG_lru comes before our reference goes: whoever drops the last one after us
 * then finds the flag, and waits for the lock to take the page off its list.
 */
unsigned long move_pages_to_lru(struct quire *q, struct pglist_data *pgdat, struct list_head *list)
{
	unsigned long nr_moved = 0;
	LIST_HEAD(to_free);

	while (!list_empty(list)) {
		struct page *page = lru_to_page(list);
		struct lruvec *lruvec = page_lruvec(q, page);

		VM_BUG_ON(q, lruvec->pgdat != pgdat);
		list_del(&page->lru);
		ClearPageIsolated(page);
		if (!page_evictable(page)) {
			ClearPageActive(page);
			SetPageUnevictable(page);
			count_vm_event(q, UNEVICTABLE_PGCULLED);
		}
		SetPageLRU(page);
		if (put_page_testzero(page)) {
			ClearPageLRU(page);
			list_add(&page->lru, &to_free);
			continue;
		}
		add_page_to_lru_list(q, lruvec, page);
		nr_moved += compound_nr(page);
		if (PageActive(page))
			workingset_age_nonresident(q, lruvec, compound_nr(page));
	}
	list_splice(&to_free, list);
	return nr_moved;
}

/* Pages without a reference left. */
void free_pages_list(struct quire *q, struct list_head *list)
{
	while (!list_empty(list)) {
		struct page *page = lru_to_page(list);

		list_del(&page->lru);
		free_unreferenced_page(q, page);
	}
}

/*
 * Are so many pages of the node in reclaimers' hands that one more would find
 * only scraps?  Then it waits: with everything isolated the machine would look
 * as though it had nothing left.
 */
static bool too_many_isolated(struct quire *q, struct pglist_data *pgdat, bool file,
			      const struct scan_control *sc)
{
	unsigned long inactive = node_page_state(pgdat, file ? NR_INACTIVE_FILE : NR_INACTIVE_ANON);
	unsigned long isolated = node_page_state(pgdat, file ? NR_ISOLATED_FILE : NR_ISOLATED_ANON);
	struct quire_wait_queue *wq = &pgdat->reclaim_wait[VMSCAN_THROTTLE_ISOLATED];

	if (current_is_kswapd(q))
		return false;
	/* Callers who may hold file-system locks are let through first. */
	if ((sc->gfp_mask & (__GFP_IO | __GFP_FS)) == (__GFP_IO | __GFP_FS))
		inactive >>= 3;
	if (isolated > inactive)
		return true;
	if (HOT_LOAD(&wq->waiters))
		wake_up(q, wq);
	return false;
}

/* A scan or a steal, in all the counters that tell of it. */
void count_reclaim(struct quire *q, const struct lruvec *lruvec, const struct scan_control *sc,
		   enum vm_event_item by, enum vm_event_item kind, unsigned long nr)
{
	if (!cgroup_reclaim(sc))
		count_vm_events(q, by, nr);
	count_memcg_events(q, lruvec->memcg, by, nr);
	count_vm_events(q, kind, nr);
}

unsigned long shrink_inactive_list(struct quire *q, unsigned long nr_to_scan, struct lruvec *lruvec,
				   struct scan_control *sc, int lru)
{
	struct pglist_data *pgdat = lruvec->pgdat;
	bool file = is_file_lru(lru), stalled = false, kswapd = current_is_kswapd(q);
	enum node_stat_item isolated = file ? NR_ISOLATED_FILE : NR_ISOLATED_ANON;
	unsigned long nr_scanned, nr_taken, nr_reclaimed;
	struct reclaim_stat stat = {0};
	struct task *task = current_task(q);
	LIST_HEAD(page_list);

	while (too_many_isolated(q, pgdat, file, sc)) {
		if (stalled)
			return 0;
		stalled = true;
		reclaim_throttle(q, pgdat, VMSCAN_THROTTLE_ISOLATED);
		/* About to die: pretend success, so that it gets out of here. */
		if (task && fatal_signal_pending(task))
			return SWAP_CLUSTER_MAX;
	}
	lru_add_drain(q);

	spin_lock(q, &pgdat->lru_lock);
	nr_taken = isolate_lru_pages(q, nr_to_scan, lruvec, &page_list, &nr_scanned, sc, lru);
	mod_node_page_state(pgdat, isolated, (long)nr_taken);
	count_reclaim(q, lruvec, sc, kswapd ? PGSCAN_KSWAPD : PGSCAN_DIRECT,
		      file ? PGSCAN_FILE : PGSCAN_ANON, nr_scanned);
	spin_unlock(q, &pgdat->lru_lock);
	if (!nr_taken)
		return 0;

	nr_reclaimed = shrink_page_list(q, &page_list, sc, &stat);

	spin_lock(q, &pgdat->lru_lock);
	move_pages_to_lru(q, pgdat, &page_list);
	mod_node_page_state(pgdat, isolated, -(long)nr_taken);
	count_reclaim(q, lruvec, sc, kswapd ? PGSTEAL_KSWAPD : PGSTEAL_DIRECT,
		      file ? PGSTEAL_FILE : PGSTEAL_ANON, nr_reclaimed);
	spin_unlock(q, &pgdat->lru_lock);
	free_pages_list(q, &page_list);
	lru_note_cost(q, lruvec, file, stat.nr_pageout);

	/*
	 * Nothing but dirty pages that nobody writes: writers outrun the
	 * flushers, who need not wait for their timer.
	 */
	if (stat.nr_unqueued_dirty == nr_taken)
		wakeup_flushers(q);
	sc->nr.dirty += stat.nr_dirty;
	sc->nr.congested += stat.nr_congested;
	sc->nr.unqueued_dirty += stat.nr_unqueued_dirty;
	sc->nr.writeback += stat.nr_writeback;
	sc->nr.immediate += stat.nr_immediate;
	sc->nr.taken += (unsigned int)nr_taken;
	if (file)
		sc->nr.file_taken += (unsigned int)nr_taken;
	return nr_reclaimed;
}

void shrink_active_list(struct quire *q, unsigned long nr_to_scan, struct lruvec *lruvec,
			struct scan_control *sc, int lru)
{
	struct pglist_data *pgdat = lruvec->pgdat;
	bool file = is_file_lru(lru);
	enum node_stat_item isolated = file ? NR_ISOLATED_FILE : NR_ISOLATED_ANON;
	unsigned long nr_taken, nr_scanned, nr_deactivate;
	LIST_HEAD(l_hold);
	LIST_HEAD(l_active);
	LIST_HEAD(l_inactive);

	lru_add_drain(q);
	spin_lock(q, &pgdat->lru_lock);
	nr_taken = isolate_lru_pages(q, nr_to_scan, lruvec, &l_hold, &nr_scanned, sc, lru);
	mod_node_page_state(pgdat, isolated, (long)nr_taken);
	if (!cgroup_reclaim(sc))
		count_vm_events(q, PGREFILL, nr_scanned);
	count_memcg_events(q, lruvec->memcg, PGREFILL, nr_scanned);
	spin_unlock(q, &pgdat->lru_lock);

	while (!list_empty(&l_hold)) {
		struct page *page = lru_to_page(&l_hold);
		unsigned long vm_flags = 0;

		cond_resched(q);
		charge_ns(q, q->cost.age_page);
		list_del(&page->lru);
		if (!page_evictable(page)) {
			list_add(&page->lru, &l_active);
			continue;
		}
		/*
		 * The accessed bits are taken (and cleared) so that the
		 * inactive list sees only newer uses.  Program text that was
		 * used stays: losing it makes every process of it stall.
		 */
		if (page_referenced(q, page, sc->target_mem_cgroup, &vm_flags) &&
		    (vm_flags & VM_EXEC) && page_is_file_lru(page)) {
			list_add(&page->lru, &l_active);
			continue;
		}
		ClearPageActive(page);
		SetPageWorkingset(page);
		list_add(&page->lru, &l_inactive);
	}

	spin_lock(q, &pgdat->lru_lock);
	move_pages_to_lru(q, pgdat, &l_active);
	nr_deactivate = move_pages_to_lru(q, pgdat, &l_inactive);
	count_vm_events(q, PGDEACTIVATE, nr_deactivate);
	count_memcg_events(q, lruvec->memcg, PGDEACTIVATE, nr_deactivate);
	mod_node_page_state(pgdat, isolated, -(long)nr_taken);
	spin_unlock(q, &pgdat->lru_lock);
	free_pages_list(q, &l_active);
	free_pages_list(q, &l_inactive);
}

/*
 * MADV_PAGEOUT: pages that somebody isolated are reclaimed, those of a node at
 * once; what stays goes back to its list.  Not counted as stolen.  May sleep.
 */
unsigned long reclaim_pages(struct quire *q, struct list_head *pages)
{
	struct quire_context *context = current_context(q);
	unsigned int memalloc = context->flags & PF_MEMALLOC;
	unsigned long nr_reclaimed = 0;

	context->flags |= PF_MEMALLOC;
	while (!list_empty(pages)) {
		struct pglist_data *pgdat = page_pgdat(q, lru_to_page(pages));
		struct scan_control sc = {.gfp_mask = GFP_KERNEL,
					  .may_writepage = true,
					  .may_unmap = true,
					  .may_swap = true,
					  .no_demotion = true};
		struct reclaim_stat stat = {0};
		struct page *page, *next;
		LIST_HEAD(node_pages);

		list_for_each_entry_safe (page, next, pages, lru)
			if (page_pgdat(q, page) == pgdat)
				list_move_tail(&page->lru, &node_pages);
		nr_reclaimed += shrink_page_list(q, &node_pages, &sc, &stat);
		spin_lock(q, &pgdat->lru_lock);
		move_pages_to_lru(q, pgdat, &node_pages);
		spin_unlock(q, &pgdat->lru_lock);
		free_pages_list(q, &node_pages);
	}
	context = current_context(q);
	context->flags = (context->flags & ~(unsigned int)PF_MEMALLOC) | memalloc;
	return nr_reclaimed;
}
