/* SPDX-License-Identifier: MIT */
/*
 * What becomes of an isolated page: freed, written out, or kept
 * (shrink_page_list() of Linux's vmscan.c).
 *
 * A page goes through these gates in order; each may send it back, to the
 * inactive list (keep) or to the active one (activate):
 *
 *	lock		someone works on it			keep
 *	writeback	marked PG_reclaim, so that the end of its I/O
 *			brings it to the list's tail		activate
 *	references	used since it was last looked at	activate or keep
 *	demotion	a slower node has room			moves there
 *	swap		an anonymous page gets a slot		no slot: activate
 *			(a huge page 512; if there are none it is split, and its
 *			pages join the list, as a huge page of shmem always is)
 *	unmap		all page-table entries go		still mapped: activate
 *	dirty		file pages are the flushers', but when the tail is
 *			full of them kswapd writes; swap pages are written here
 *	buffers		buffer_heads go				activate
 *	lazily freed	(MADV_FREE) and not written since: gone	written: activate
 *	removal		off its tree, a shadow in its place	someone has it: keep
 *
 * "Activate" for a page under writeback is no reward: it gets it out of the
 * way until PG_reclaim brings it back.
 *
 * Invariant: a page is freed only after its reference count was frozen from
 * exactly two, ours and the tree's (512 for a huge page), to zero, under the tree's lock: nobody can
 * find it any more.
 *
 * Locks: PG_locked for each page in turn (only tried), then i_pages_lock.
 *
 * Differs from Linux's: only groups whose dirty pages have a throttle (cgroup v2), so no reclaimer
 * waits for one page's writeback.
 */
#include "reclaim/internal.h"

enum page_references { PAGEREF_RECLAIM, PAGEREF_RECLAIM_CLEAN, PAGEREF_KEEP, PAGEREF_ACTIVATE };
enum pageout_result { PAGE_KEEP, PAGE_ACTIVATE, PAGE_SUCCESS };
enum verdict { PAGE_FREE, PAGE_PUT_BACK, PAGE_PUT_BACK_UNLOCKED, PAGE_TO_ACTIVE, PAGE_DEMOTE };

/* The tree that a locked page is in: a file's, a swap area's or none. */
static struct address_space *page_mapping(struct quire *q, const struct page *page)
{
	if (PageSwapCache(page))
		return swap_address_space(q, (swp_entry_t){page->private});
	return PageAnon(page) ? NULL : page->mapping;
}

/*
 * Use-once: a page that was used just once (a stream through a file) goes when
 * its turn comes; a second use within one turn of the list activates it.
 */
static enum page_references page_check_references(struct quire *q, struct page *page,
						  const struct scan_control *sc)
{
	unsigned long vm_flags = 0;
	int referenced_ptes = page_referenced(q, page, sc->target_mem_cgroup, &vm_flags);
	bool referenced_page = TestClearPageReferenced(page);

	if (vm_flags & VM_LOCKED)
		return PAGEREF_ACTIVATE;
	if (referenced_ptes) {
		/*
		 * Every mapped page comes with its accessed bit set by the
		 * fault that brought it in, so one is not yet a sign of use:
		 * it gets another round and this mark.
		 */
		SetPageReferenced(page);
		if (referenced_page || referenced_ptes > 1)
			return PAGEREF_ACTIVATE;
		if ((vm_flags & VM_EXEC) && page_is_file_lru(page))
			return PAGEREF_ACTIVATE;
		return PAGEREF_KEEP;
	}
	/* Read through read(): may go while it is clean, not worth a write. */
	if (referenced_page && page_is_file_lru(page))
		return PAGEREF_RECLAIM_CLEAN;
	return PAGEREF_RECLAIM;
}

/* A page in a tree that nobody else has: our reference and the tree's. */
static int freeable_refs(const struct page *page)
{
	return 1 + (int)compound_nr(page);
}

/* References beyond ours, the tree's and the buffers'? */
static bool is_page_cache_freeable(const struct page *page)
{
	return page_ref_count(page) - (PagePrivate(page) && !PageSwapCache(page)) ==
	       freeable_refs(page);
}

/* MADV_FREE: content that nobody asked to keep. */
static bool page_is_lazyfree(const struct page *page)
{
	return PageAnon(page) && !PageSwapBacked(page);
}

static bool may_enter_fs(const struct page *page, gfp_t gfp)
{
	if (gfp & __GFP_FS)
		return true;
	return PageSwapCache(page) && (gfp & __GFP_IO);
}

/* Starts writing one locked, dirty, unmapped page.  PAGE_SUCCESS: unlocked. */
static enum pageout_result pageout(struct quire *q, struct page *page,
				   struct address_space *mapping)
{
	int res;

	if (!mapping || !is_page_cache_freeable(page))
		return PAGE_KEEP;
	if (!PageSwapCache(page) && (!mapping->a_ops || !mapping->a_ops->writepage))
		return PAGE_ACTIVATE;
	SetPageReclaim(page);
	res = PageSwapCache(page) ? swap_writepage(q, page) : mapping->a_ops->writepage(q, page);
	if (res == AOP_WRITEPAGE_ACTIVATE) {
		ClearPageReclaim(page);
		return PAGE_ACTIVATE;
	}
	/* Written at once (into zswap), or failed: nothing will rotate it. */
	if (!PageWriteback(page))
		ClearPageReclaim(page);
	mod_node_page_state(page_pgdat(q, page), NR_VMSCAN_WRITE, 1);
	return PAGE_SUCCESS;
}

/* To 0 in one step, or nothing: from then on the page is ours alone. */
static bool page_ref_freeze(struct page *page, int count)
{
	return HOT_CMPXCHG(&page->_refcount, count, 0);
}

/*
 * Takes a locked page off its tree, leaving a shadow; afterwards its count is
 * 0.  False if somebody has it, or it was dirtied meanwhile.
 */
static bool __remove_mapping(struct quire *q, struct address_space *mapping, struct page *page,
			     struct mem_cgroup *target)
{
	void *shadow;

	spin_lock(q, &mapping->i_pages_lock);
	if (!page_ref_freeze(page, freeable_refs(page))) {
		spin_unlock(q, &mapping->i_pages_lock);
		return false;
	}
	/* In this order: a reader who dropped its reference dirtied first. */
	if (PageDirty(page)) {
		set_page_count(page, freeable_refs(page));
		spin_unlock(q, &mapping->i_pages_lock);
		return false;
	}
	if (PageSwapCache(page)) {
		swp_entry_t entry = {page->private};

		shadow = workingset_eviction(q, page, target);
		__delete_from_swap_cache(q, page, entry, shadow);
		spin_unlock(q, &mapping->i_pages_lock);
		put_swap_pages(q, entry, compound_nr(page));
		return true;
	}
	/* A shmem page that has no slot leaves nothing to come back to. */
	shadow = page_is_file_lru(page) ? workingset_eviction(q, page, target) : NULL;
	__delete_from_page_cache(q, page, shadow);
	spin_unlock(q, &mapping->i_pages_lock);
	return true;
}

/* Writeback: see the head comment.  True if the page is to be kept away. */
static bool handle_writeback(struct quire *q, struct page *page, struct reclaim_stat *stat)
{
	if (!PageWriteback(page))
		return false;
	/* Went round the whole list and still is not written: kswapd is to
	 * wait for the device (shrink_node() does). */
	if (current_is_kswapd(q) && PageReclaim(page) &&
	    (HOT_LOAD(&page_pgdat(q, page)->flags) & PGDAT_WRITEBACK)) {
		stat->nr_immediate++;
		return true;
	}
	SetPageReclaim(page);
	stat->nr_writeback++;
	return true;
}

static void count_dirty(const struct page *page, struct reclaim_stat *stat)
{
	/* Anonymous pages are not the flushers': no reason to wait for them. */
	bool file = page_is_file_lru(page) && !PageAnon(page);
	bool dirty = file && PageDirty(page), writeback = file && PageWriteback(page);

	stat->nr_dirty += dirty || writeback;
	stat->nr_unqueued_dirty += dirty && !writeback;
	stat->nr_congested += writeback && PageReclaim(page);
}

/* The gate of dirty pages.  PAGE_FREE: go on, it is clean. */
static enum verdict shrink_dirty_page(struct quire *q, struct page *page,
				      struct address_space *mapping,
				      enum page_references references,
				      const struct scan_control *sc, struct reclaim_stat *stat)
{
	struct pglist_data *pgdat = page_pgdat(q, page);

	/*
	 * Single pages written from here are random I/O and need much stack:
	 * only kswapd, only when the flushers do not keep up, and only pages
	 * that come round a second time.
	 */
	if (page_is_file_lru(page) && (!current_is_kswapd(q) || !PageReclaim(page) ||
				       !(HOT_LOAD(&pgdat->flags) & PGDAT_DIRTY))) {
		mod_node_page_state(pgdat, NR_VMSCAN_IMMEDIATE, 1);
		SetPageReclaim(page);
		return PAGE_TO_ACTIVE;
	}
	if (references == PAGEREF_RECLAIM_CLEAN || !may_enter_fs(page, sc->gfp_mask) ||
	    !sc->may_writepage)
		return PAGE_PUT_BACK;
	switch (pageout(q, page, mapping)) {
	case PAGE_KEEP:
		return PAGE_PUT_BACK;
	case PAGE_ACTIVATE:
		return PAGE_TO_ACTIVE;
	case PAGE_SUCCESS:
		stat->nr_pageout++;
		if (PageWriteback(page) || PageDirty(page) || !trylock_page(page))
			return PAGE_PUT_BACK_UNLOCKED;
		/* Written in no time.  A second look, as the lock was off. */
		if (PageDirty(page) || PageWriteback(page))
			return PAGE_PUT_BACK;
		return PAGE_FREE;
	}
	return PAGE_FREE;
}

/*
 * Slots for an anonymous page; a huge one that finds no free cluster, or that
 * is mapped in parts only, is split: its other pages go on page_list.  False:
 * no slot, or it can't be split.
 */
static bool give_slots(struct quire *q, struct page *page, struct list_head *page_list)
{
	if (likely(!PageHead(page)))
		return add_to_swap(q, page);
	if (!can_split_huge_page(page))
		return false;
	/* Parts may be nobody's, and come free without I/O. */
	if (!compound_mapcount(page) && split_huge_page_to_list(q, page, page_list))
		return false;
	if (add_to_swap(q, page))
		return true;
	if (!PageHead(page) || split_huge_page_to_list(q, page, page_list))
		return false;
	count_vm_event(q, THP_SWPOUT_FALLBACK);
	return add_to_swap(q, page);
}

/* A lazily freed page that nobody maps any more and has not been written. */
static enum verdict discard_lazyfree(struct quire *q, struct page *page)
{
	if (!page_ref_freeze(page, 1))
		return PAGE_PUT_BACK;
	count_vm_events(q, PGLAZYFREED, compound_nr(page));
	count_memcg_events(q, page->memcg, PGLAZYFREED, compound_nr(page));
	return PAGE_FREE;
}

/* One isolated page, locked by the caller: through the gates. */
static enum verdict shrink_one_page(struct quire *q, struct page *page, struct scan_control *sc,
				    struct reclaim_stat *stat, struct list_head *page_list)
{
	enum page_references references;
	struct address_space *mapping;
	enum verdict verdict;

	if (!page_evictable(page))
		return PAGE_TO_ACTIVE;
	if (!sc->may_unmap && page_mapped(page))
		return PAGE_PUT_BACK;
	count_dirty(page, stat);
	/* A walk of page tables wanted it young, and found it isolated. */
	if (lru_gen_enabled(q) && page_mapped(page) && PageReferenced(page))
		return PAGE_PUT_BACK;
	if (handle_writeback(q, page, stat))
		return PAGE_TO_ACTIVE;
	references = page_check_references(q, page, sc);
	if (references == PAGEREF_ACTIVATE)
		return PAGE_TO_ACTIVE;
	if (references == PAGEREF_KEEP)
		return PAGE_PUT_BACK;
	if (unlikely(stat->demote))
		return PAGE_DEMOTE;
	if (PageAnon(page) && PageSwapBacked(page) && !PageSwapCache(page)) {
		if (!(sc->gfp_mask & __GFP_IO))
			return PAGE_PUT_BACK;
		if (!give_slots(q, page, page_list))
			return PAGE_TO_ACTIVE;
	} else if (unlikely(PageHead(page)) && PageSwapBacked(page) && !PageAnon(page)) {
		/* Of shmem: its pages are written one by one, and join the list for that. */
		if (split_huge_page_to_list(q, page, page_list))
			return PAGE_PUT_BACK;
	}
	if (page_mapped(page) && !try_to_unmap(q, page))
		return PAGE_TO_ACTIVE;
	if (page_is_lazyfree(page))
		return discard_lazyfree(q, page);
	mapping = page_mapping(q, page);
	if (PageDirty(page)) {
		verdict = shrink_dirty_page(q, page, mapping, references, sc, stat);
		if (verdict != PAGE_FREE)
			return verdict;
		mapping = page_mapping(q, page);
	}
	if (PagePrivate(page) && !PageSwapCache(page) && !try_to_free_buffers(q, page))
		return PAGE_TO_ACTIVE;
	if (!mapping || !__remove_mapping(q, mapping, page, sc->target_mem_cgroup))
		return PAGE_PUT_BACK;
	return PAGE_FREE;
}

static void activate_isolated(struct quire *q, struct page *page, struct reclaim_stat *stat)
{
	/* A slot in short supply is worth more than saving a later write. */
	if (PageSwapCache(page) && (PageMlocked(page) || vm_swap_full(q)))
		(void)try_to_free_swap(q, page);
	if (PageMlocked(page))
		return;
	SetPageActive(page);
	stat->nr_activate[page_is_file_lru(page)] += (unsigned int)compound_nr(page);
	count_memcg_events(q, page->memcg, PGACTIVATE, compound_nr(page));
}

/* A page that nobody can find: everything that its use left goes. */
static void release_frozen(struct quire *q, struct page *page)
{
	unlock_page(q, page);
	if (unlikely(PageHead(page))) {
		ClearPageIsolated(page);
		free_unreferenced_page(q, page);
		return;
	}
	if (page->memcg)
		mem_cgroup_uncharge(q, page);
	page->mapping = NULL;
	page->flags &= ~((BIT(NR_PAGEFLAGS) - 1) | LRU_REFS_MASK);
}

unsigned long shrink_page_list(struct quire *q, struct list_head *page_list,
			       struct scan_control *sc, struct reclaim_stat *stat)
{
	unsigned int nid = list_empty(page_list) ? 0 : page_to_nid(lru_to_page(page_list));
	unsigned long nr_reclaimed = 0;
	LIST_HEAD(ret_pages);
	LIST_HEAD(free_pages);
	LIST_HEAD(demote_pages);

	stat->demote = can_demote(q, nid, sc);
retry:
	while (!list_empty(page_list)) {
		struct page *page = lru_to_page(page_list);
		unsigned long nr = compound_nr(page);
		enum verdict verdict;

		cond_resched(q);
		list_del(&page->lru);
		charge_ns(q, q->cost.shrink_page);
		if (!trylock_page(page)) {
			list_add(&page->lru, &ret_pages);
			continue;
		}
		verdict = shrink_one_page(q, page, sc, stat, page_list);
		/* Split: its other pages are counted when their turn comes. */
		if (!PageHead(page))
			nr = 1;
		sc->nr_scanned += nr;
		switch (verdict) {
		case PAGE_FREE:
			nr_reclaimed += nr;
			release_frozen(q, page);
			charge_ns(q, q->cost.steal_page);
			if (nr == 1)
				list_add(&page->lru, &free_pages);
			continue;
		case PAGE_TO_ACTIVE:
			activate_isolated(q, page, stat);
			unlock_page(q, page);
			break;
		case PAGE_PUT_BACK:
			unlock_page(q, page);
			break;
		case PAGE_PUT_BACK_UNLOCKED:
			break;
		case PAGE_DEMOTE:
			unlock_page(q, page);
			list_add(&page->lru, &demote_pages);
			continue;
		}
		list_add(&page->lru, &ret_pages);
	}
	if (unlikely(stat->demote)) {
		nr_reclaimed += demote_page_list(q, &demote_pages, nid);
		stat->demote = false;
		/* What found no room there goes the way of all others. */
		list_splice_init(&demote_pages, page_list);
		goto retry;
	}
	count_vm_events(q, PGACTIVATE, stat->nr_activate[0] + stat->nr_activate[1]);
	if (!list_empty(&free_pages))
		free_unref_page_list(q, &free_pages);
	list_splice(&ret_pages, page_list);
	return nr_reclaimed;
}
