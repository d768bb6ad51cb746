/* SPDX-License-Identifier: MIT */
/*
 * The swap cache (Linux's swap_state.c): pages that have a slot.
 *
 * A page enters it on its way out, before it is unmapped, and on its way in,
 * before it is read; so all who know the entry meet at one page.  It is an
 * address_space an area, indexed by slot.  A cached page has PG_swapcache, its
 * entry in page->private, and the cache holds one reference.  Where reclaim
 * took a page out, a shadow (a value) stays for as long as the slot is in use.
 *
 * Readahead: a fault reads the aligned window of slots around its own, if
 * entries name them: they were swapped out together.  The window follows
 * success, as in Linux: two slots and the hits since the last fault, rounded up to a
 * power of two, at most 2^page_cluster, never less than half of the last one.
 *
 * Invariants: a slot has SWAP_HAS_CACHE if and only if the tree has a page for it (or one
 * is between the two, under i_pages_lock or before its page has been made);
 * nrpages pages, nrexceptional shadows; NR_SWAPCACHE is the sum of nrpages.
 *
 * Locks: i_pages_lock the tree, above si->lock; the page lock membership of
 * one page and its I/O.
 *
 * Unlike Linux: one tree an area, not one for each 64 MiB; readahead follows
 * slots, never virtual addresses.
 */
#include "swap/internal.h"

#define SWAP_RA_MAX_ORDER 6 /* a bio holds that many pages */

_Static_assert(1U << SWAP_RA_MAX_ORDER == QUIRE_BIO_MAX_PAGES, "a window fits one bio");

static const struct address_space_operations swap_aops = {
	.writepage = swap_writepage,
};

void swap_cache_init(struct quire *q, struct swap_info_struct *si)
{
	address_space_init(q, &si->cache, NULL);
	si->cache.a_ops = &swap_aops;
	si->cache.swap_backed = true;
}

struct address_space *swap_address_space(struct quire *q, swp_entry_t entry)
{
	return &q->swap->info[swp_type(entry)]->cache;
}

/* ---- in and out ------------------------------------------------------------ */

/* Under i_pages_lock.  As add_to_swap_cache(). */
static int __add_to_swap_cache(struct quire *q, struct address_space *m, struct page *page,
			       swp_entry_t entry, void **shadow)
{
	void *old = xa_store(&m->i_pages, swp_offset(entry), page);

	*shadow = NULL;
	if (IS_ERR(old))
		return -ENOMEM;
	if (old) {
		BUG_ON(q, !xa_is_value(old));
		m->nrexceptional--;
		*shadow = old;
	}
	if (old || m->nrexceptional)
		workingset_update_node(q, m, swp_offset(entry));
	get_page(page);
	SetPageSwapCache(page);
	page->private = entry.val;
	m->nrpages++;
	mod_lruvec_page_state(q, page, NR_FILE_PAGES, 1);
	mod_lruvec_page_state(q, page, NR_SWAPCACHE, 1);
	return 0;
}

int add_to_swap_cache(struct quire *q, struct page *page, swp_entry_t entry, void **shadow)
{
	struct address_space *m = swap_address_space(q, entry);
	int err;

	BUG_ON(q, !PageLocked(page) || PageSwapCache(page));
	for (int tries = 0;; tries++) {
		spin_lock(q, &m->i_pages_lock);
		err = __add_to_swap_cache(q, m, page, entry, shadow);
		spin_unlock(q, &m->i_pages_lock);
		if (err != -ENOMEM || tries == 1)
			return err;
		/* Reclaim calls this: it may dip into reserves, but not to the bottom. */
		if (radix_tree_preload(q, __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN))
			return -ENOMEM;
	}
}

bool add_to_swap(struct quire *q, struct page *page)
{
	swp_entry_t entry;
	void *shadow;

	BUG_ON(q, !PageLocked(page));
	if (PageSwapCache(page))
		return true;
	if (PageHead(page))
		return false;
	entry = get_swap_page(q, page);
	if (!entry.val)
		return false;
	if (add_to_swap_cache(q, page, entry, &shadow)) {
		put_swap_page(q, entry);
		return false;
	}
	/* Its content is nowhere else yet. */
	SetPageDirty(page);
	return true;
}

void __delete_from_swap_cache(struct quire *q, struct page *page, swp_entry_t entry, void *shadow)
{
	struct address_space *m = swap_address_space(q, entry);
	unsigned long offset = swp_offset(entry);
	void *old;

	BUG_ON(q, !PageSwapCache(page) || PageWriteback(page) || page->private != entry.val);
	/* In place of another entry, so no node is needed. */
	old = shadow ? xa_store(&m->i_pages, offset, shadow) : xa_erase(&m->i_pages, offset);
	BUG_ON(q, old != page);
	ClearPageSwapCache(page);
	page->private = 0;
	m->nrpages--;
	if (shadow)
		m->nrexceptional++;
	if (m->nrexceptional)
		workingset_update_node(q, m, offset);
	mod_lruvec_page_state(q, page, NR_FILE_PAGES, -1);
	mod_lruvec_page_state(q, page, NR_SWAPCACHE, -1);
}

void delete_from_swap_cache(struct quire *q, struct page *page)
{
	swp_entry_t entry = {page->private};
	struct address_space *m = swap_address_space(q, entry);

	BUG_ON(q, !PageLocked(page));
	spin_lock(q, &m->i_pages_lock);
	__delete_from_swap_cache(q, page, entry, NULL);
	spin_unlock(q, &m->i_pages_lock);
	put_swap_page(q, entry);
	BUG_ON(q, put_page_testzero(page));
}

void clear_shadow_from_swap_cache(struct quire *q, struct swap_info_struct *si,
				  unsigned long offset)
{
	struct address_space *m = &si->cache;

	if (!HOT_LOAD(&m->nrexceptional))
		return;
	spin_lock(q, &m->i_pages_lock);
	/* By now the slot may have a new page. */
	if (xa_is_value(xa_load(&m->i_pages, offset))) {
		(void)xa_erase(&m->i_pages, offset);
		workingset_update_node(q, m, offset);
		m->nrexceptional--;
	}
	spin_unlock(q, &m->i_pages_lock);
}

bool try_to_free_swap(struct quire *q, struct page *page)
{
	if (!PageSwapCache(page) || PageWriteback(page))
		return false;
	if (swap_count(q, (swp_entry_t){page->private}))
		return false;
	delete_from_swap_cache(q, page);
	/* The copy in the slot is gone: this one must not be dropped. */
	SetPageDirty(page);
	return true;
}

/* The cached page with a reference, or NULL. */
static struct page *swap_cache_get(struct quire *q, swp_entry_t entry)
{
	struct address_space *m = swap_address_space(q, entry);
	struct page *page;

	spin_lock(q, &m->i_pages_lock);
	page = xa_load(&m->i_pages, swp_offset(entry));
	if (xa_is_value(page))
		page = NULL;
	if (page)
		get_page(page);
	spin_unlock(q, &m->i_pages_lock);
	return page;
}

bool try_to_reclaim_swap(struct quire *q, swp_entry_t entry)
{
	struct page *page = swap_cache_get(q, entry);
	bool freed = false;

	if (!page)
		return false;
	/* A page that is busy keeps its slot; reclaim takes it later. */
	if (trylock_page(page)) {
		if (PageSwapCache(page) && page->private == entry.val &&
		    (!page_mapped(page) || vm_swap_full(q)))
			freed = try_to_free_swap(q, page);
		unlock_page(q, page);
	}
	put_page(q, page);
	return freed;
}

struct page *lookup_swap_cache(struct quire *q, swp_entry_t entry)
{
	struct page *page = swap_info_get(q, entry) ? swap_cache_get(q, entry) : NULL;

	if (page && PageReadahead(page) && TestClearPageReadahead(page)) {
		count_vm_event(q, SWAP_RA_HIT);
		(void)HOT_ADD(&q->swap->ra_hits, 1);
	}
	return page;
}

/* ---- reading --------------------------------------------------------------- */

/* A locked page for an entry's content, charged to whom the slot is charged;
 * NULL: no memory, or the group's limit. */
static struct page *alloc_swapin_page(struct quire *q, swp_entry_t entry, gfp_t gfp)
{
	struct page *page = alloc_pages(q, gfp, 0);
	struct mem_cgroup *memcg;

	if (!page)
		return NULL;
	memcg = swap_memcg(q, entry);
	if ((!memcg || memcg->offline) && q->group->ops.current_memcg)
		memcg = q->group->ops.current_memcg(q);
	if (memcg && mem_cgroup_charge(q, page, memcg, gfp)) {
		put_page(q, page);
		return NULL;
	}
	BUG_ON(q, !trylock_page(page));
	SetPageSwapBacked(page);
	return page;
}

static void discard_page(struct quire *q, struct page *page)
{
	unlock_page(q, page);
	ClearPageSwapBacked(page);
	put_page(q, page);
}

struct page *__read_swap_cache_async(struct quire *q, swp_entry_t entry, gfp_t gfp, bool *new)
{
	struct address_space *m = swap_address_space(q, entry);
	struct page *page, *cached;
	void *shadow = NULL;
	int err, tries = 0;

	*new = false;
	page = swap_cache_get(q, entry);
	if (page || !swap_count(q, entry))
		return page;
	page = alloc_swapin_page(q, entry, gfp);
	if (!page)
		return NULL;
retry:
	spin_lock(q, &m->i_pages_lock);
	cached = xa_load(&m->i_pages, swp_offset(entry));
	if (cached && !xa_is_value(cached)) {
		/* Someone else was faster. */
		get_page(cached);
		spin_unlock(q, &m->i_pages_lock);
		discard_page(q, page);
		return cached;
	}
	err = swapcache_prepare(q, entry);
	if (!err)
		err = __add_to_swap_cache(q, m, page, entry, &shadow);
	spin_unlock(q, &m->i_pages_lock);
	if (err) {
		/* -EEXIST: reclaim is between its tree and its slot: as good as gone. */
		if (err == -ENOMEM)
			put_swap_page(q, entry);
		if (err == -ENOMEM && !tries++ && !radix_tree_preload(q, gfp))
			goto retry;
		if (err == -EEXIST) {
			cond_resched(q);
			goto retry;
		}
		discard_page(q, page);
		return NULL;
	}
	if (shadow && q->cache->ops.workingset_refault)
		q->cache->ops.workingset_refault(q, page, shadow);
	lru_cache_add(q, page);
	*new = true;
	return page;
}

/* How many slots to read at once: see the head of this file. */
static unsigned int swapin_nr_pages(struct quire *q, unsigned long offset)
{
	struct swap_floor *swap = q->swap;
	unsigned int max_pages = 1U << min_t(unsigned int, swap->page_cluster, SWAP_RA_MAX_ORDER);
	unsigned int hits = swap->ra_hits, pages;

	if (max_pages == 1)
		return 1;
	swap->ra_hits = 0;
	if (hits) {
		pages = max_t(unsigned int, (unsigned int)roundup_pow_of_two(hits + 2), 4);
	} else {
		/* Nothing that was read ahead was wanted: only a fault beside the
		 * last one is a reason to try. */
		bool beside =
			offset == swap->ra_prev_offset + 1 || offset + 1 == swap->ra_prev_offset;

		pages = beside ? 2 : 1;
		swap->ra_prev_offset = offset;
	}
	pages = min(pages, max_pages);
	pages = max(pages, swap->ra_last / 2);
	swap->ra_last = pages;
	return pages;
}

/* Begins to read a new page, or takes it out again when that is not possible. */
static bool read_new_page(struct quire *q, struct page *page, struct swap_plug *plug)
{
	if (!swap_readpage(q, page, plug))
		return true;
	delete_from_swap_cache(q, page);
	unlock_page(q, page);
	return false;
}

struct page *swapin_readahead(struct quire *q, swp_entry_t entry, gfp_t gfp, bool *major)
{
	struct page *page = lookup_swap_cache(q, entry);
	unsigned long offset = swp_offset(entry), nr, start, end;
	struct swap_plug plug = {NULL};
	struct swap_info_struct *si;
	bool new;

	*major = false;
	if (page)
		return page;
	si = swap_info_get(q, entry);
	if (!si)
		return NULL;
	*major = true;
	nr = swapin_nr_pages(q, offset);
	start = ALIGN_DOWN(offset, nr);
	end = min(start + nr, si->max);
	for (unsigned long i = max(start, 1UL); i < end; i++) {
		if (i == offset)
			continue;
		page = __read_swap_cache_async(q, swp_entry(si->type, i), gfp, &new);
		if (!page)
			continue;
		if (new) {
			SetPageReadahead(page);
			if (read_new_page(q, page, &plug))
				count_vm_event(q, SWAP_RA);
		}
		put_page(q, page);
	}
	page = __read_swap_cache_async(q, entry, gfp, &new);
	if (page && new && !read_new_page(q, page, &plug)) {
		put_page(q, page);
		page = NULL;
	}
	swap_unplug(q, &plug);
	return page;
}
