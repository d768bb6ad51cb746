/* SPDX-License-Identifier: MIT */
/*
 * The swap cache (Linux's swap_state.c): pages that have a slot.
 *
 * A page enters it on its way out, before it is unmapped, and on its way in,
 * before it is read; so all who know the entry meet at one page.  It is an
 * address_space an area, indexed by slot.  A cached page has PG_swapcache, its
 * entry in page->private, and the cache holds one reference.  A huge page has
 * 512 slots in a row, each of which leads to its head, and each of its pages
 * its own entry in private; the cache holds 512 references.  Where reclaim
 * took a page out, a shadow (a value) stays for as long as the slot is in use.
 *
 * Readahead: a fault reads the pages around its own.  On devices that do not
 * seek these are its neighbours by address, as far as the page table has entries
 * for them, and each area remembers its last fault; as soon as there is one
 * that seeks, and for shmem, they are the aligned window of slots, which were
 * swapped out together.  The window follows success (__swapin_nr_pages()).
 *
 * A device that reads in the time of a fault (pmem) needs neither readahead nor,
 * for an entry that one page table names, the cache: swapin_synchronous().
 *
 * Invariants: a slot has SWAP_HAS_CACHE if and only if the tree has a page for it (or one
 * is between the two, under i_pages_lock or before its page has been made);
 * nrpages pages, nrexceptional shadows; NR_SWAPCACHE is the sum of nrpages.
 *
 * Locks: i_pages_lock the tree, above si->lock; the page lock membership of
 * one page and its I/O.
 *
 * Unlike Linux: one tree an area, not one for each 64 MiB.
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

/*
 * The same for a huge page, 512 slots from entry on; nobody knows them yet.
 * -ENOMEM leaves none in the tree.
 */
static int add_huge_to_swap_cache(struct quire *q, struct page *head, swp_entry_t entry)
{
	struct address_space *m = swap_address_space(q, entry);
	unsigned long nr = compound_nr(head), i = 0, tried = nr;
	int err = 0;

	spin_lock(q, &m->i_pages_lock);
	while (i < nr && !err) {
		void *old = xa_store(&m->i_pages, swp_offset(entry) + i, head);

		if (!IS_ERR(old)) {
			m->nrexceptional -= old != NULL;
			head[i].private = entry.val + i;
			i++;
			continue;
		}
		spin_unlock(q, &m->i_pages_lock);
		err = tried == i ? -ENOMEM : 0;
		tried = i;
		if (!err && radix_tree_preload(q, __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN))
			err = -ENOMEM;
		spin_lock(q, &m->i_pages_lock);
	}
	if (err) {
		while (i--) {
			(void)xa_erase(&m->i_pages, swp_offset(entry) + i);
			head[i].private = 0;
		}
	} else {
		(void)HOT_ADD(&head->_refcount, (int)nr);
		SetPageSwapCache(head);
		m->nrpages += nr;
		mod_lruvec_page_state(q, head, NR_FILE_PAGES, (long)nr);
		mod_lruvec_page_state(q, head, NR_SWAPCACHE, (long)nr);
	}
	spin_unlock(q, &m->i_pages_lock);
	return err;
}

bool add_to_swap(struct quire *q, struct page *page)
{
	swp_entry_t entry;
	void *shadow;
	int err;

	BUG_ON(q, !PageLocked(page));
	if (PageSwapCache(page))
		return true;
	entry = get_swap_page(q, page);
	if (!entry.val)
		return false;
	if (unlikely(PageHead(page)))
		err = add_huge_to_swap_cache(q, page, entry);
	else
		err = add_to_swap_cache(q, page, entry, &shadow);
	if (err) {
		put_swap_pages(q, entry, compound_nr(page));
		return false;
	}
	/* Its content is nowhere else yet. */
	SetPageDirty(page);
	return true;
}

void __delete_from_swap_cache(struct quire *q, struct page *page, swp_entry_t entry, void *shadow)
{
	struct address_space *m = swap_address_space(q, entry);
	unsigned long offset = swp_offset(entry), nr = compound_nr(page);
	void *old;

	BUG_ON(q, !PageSwapCache(page) || PageWriteback(page) || page->private != entry.val);
	for (unsigned long i = 0; i < nr; i++) {
		/* In place of another entry, so no node is needed. */
		old = shadow ? xa_store(&m->i_pages, offset + i, shadow)
			     : xa_erase(&m->i_pages, offset + i);
		BUG_ON(q, old != page);
		page[i].private = 0;
	}
	ClearPageSwapCache(page);
	m->nrpages -= nr;
	if (shadow)
		m->nrexceptional += nr;
	mod_lruvec_page_state(q, page, NR_FILE_PAGES, -(long)nr);
	mod_lruvec_page_state(q, page, NR_SWAPCACHE, -(long)nr);
}

void delete_from_swap_cache(struct quire *q, struct page *page)
{
	swp_entry_t entry = {page->private};
	struct address_space *m = swap_address_space(q, entry);

	BUG_ON(q, !PageLocked(page));
	spin_lock(q, &m->i_pages_lock);
	__delete_from_swap_cache(q, page, entry, NULL);
	spin_unlock(q, &m->i_pages_lock);
	put_swap_pages(q, entry, compound_nr(page));
	BUG_ON(q, HOT_SUB(&page->_refcount, (int)compound_nr(page)) <= 0);
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
		m->nrexceptional--;
	}
	spin_unlock(q, &m->i_pages_lock);
}

bool try_to_free_swap(struct quire *q, struct page *page)
{
	if (!PageSwapCache(page) || PageWriteback(page))
		return false;
	if (page_swapped(q, page))
		return false;
	delete_from_swap_cache(q, page);
	/* The copy in the slot is gone: this one must not be dropped. */
	SetPageDirty(page);
	return true;
}

/* The page of a slot, of a huge page one of the 512. */
static struct page *slot_page(struct page *page, unsigned long offset)
{
	if (likely(!PageHead(page)))
		return page;
	return page + (offset - swp_offset((swp_entry_t){page->private}));
}

/* The cached page with a reference, or NULL. */
struct page *swap_cache_get(struct quire *q, swp_entry_t entry)
{
	struct address_space *m = swap_address_space(q, entry);
	struct page *page;

	spin_lock(q, &m->i_pages_lock);
	page = xa_load(&m->i_pages, swp_offset(entry));
	if (xa_is_value(page))
		page = NULL;
	if (page) {
		get_page(page);
		page = slot_page(page, swp_offset(entry));
	}
	spin_unlock(q, &m->i_pages_lock);
	return page;
}

long try_to_reclaim_swap(struct quire *q, swp_entry_t entry)
{
	struct page *page = swap_cache_get(q, entry), *head;
	bool freed = false;
	long nr;

	if (!page)
		return 0;
	/* A page that is busy keeps its slots; reclaim takes it later. */
	head = compound_head(page);
	nr = (long)compound_nr(head);
	if (trylock_page(head)) {
		if (PageSwapCache(head) && page->private == entry.val &&
		    (!page_mapped(head) || vm_swap_full(q)))
			freed = try_to_free_swap(q, head);
		unlock_page(q, head);
	}
	put_page(q, page);
	return freed ? nr : -nr;
}

/* An area's memory of its last fault: the low 22 bits of the page's number, the
 * logarithm of the window and 1 (0: none), hits; 0: none yet, as if four pages had
 * been wanted. */
struct ra_info {
	u32 page;
	unsigned int win, hits;
};

#define RA_PAGE_BITS 22
#define RA_PAGE_MASK ((1u << RA_PAGE_BITS) - 1)
#define RA_HITS_MAX  63u
#define RA_ORDER_MAX 5

static struct ra_info read_ra_info(const struct swap_fault *fault)
{
	u32 v = HOT_LOAD(fault->readahead_info);
	unsigned int log = (v >> 6) & 15;

	if (!v)
		return (struct ra_info){.hits = 4};
	return (struct ra_info){
		.page = v >> 10,
		.win = log ? 1u << (log - 1) : 0,
		.hits = v & RA_HITS_MAX,
	};
}

static void write_ra_info(const struct swap_fault *fault, unsigned int win, unsigned int hits)
{
	u32 page = (u32)(fault->addr >> PAGE_SHIFT) & RA_PAGE_MASK;

	HOT_STORE(fault->readahead_info,
		  page << 10 | (win ? (u32)ilog2(win) + 1 : 0) << 6 | min(hits, RA_HITS_MAX));
}

/* Readahead by address, unless some area lies on a disk that seeks. */
static bool swap_use_vma_readahead(const struct quire *q)
{
	return !q->swap->nr_rotational && !HOT_LOAD(&q->swap->vma_ra_disabled);
}

struct page *swap_cache_find(struct quire *q, swp_entry_t entry)
{
	return swap_info_get(q, entry) ? swap_cache_get(q, entry) : NULL;
}

struct page *lookup_swap_cache(struct quire *q, swp_entry_t entry, const struct swap_fault *fault)
{
	struct page *page = swap_cache_find(q, entry);
	bool by_address = fault && swap_use_vma_readahead(q), hit;

	if (!page)
		return NULL;
	hit = PageReadahead(page) && TestClearPageReadahead(page);
	if (by_address) {
		struct ra_info info = read_ra_info(fault);

		write_ra_info(fault, info.win, info.hits + hit);
	}
	if (hit) {
		count_vm_event(q, SWAP_RA_HIT);
		if (!by_address)
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
		cached = slot_page(cached, swp_offset(entry));
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

/*
 * How many pages to read at once, from the hits since the last fault: those and
 * two more, rounded up to a power of two from four on, and never less than half
 * of the last window.  Without hits only a fault beside the last one is a reason
 * to try.
 */
static unsigned int __swapin_nr_pages(unsigned long prev, unsigned long at, unsigned long hits,
				      unsigned int max_pages, unsigned int last)
{
	unsigned int pages = (unsigned int)hits + 2;

	if (hits)
		pages = max_t(unsigned int, (unsigned int)roundup_pow_of_two(pages), 4);
	else if (at != prev + 1 && at + 1 != prev)
		pages = 1;
	pages = min(pages, max_pages);
	return max(pages, last / 2);
}

static unsigned int swapin_nr_pages(struct quire *q, unsigned long offset)
{
	struct swap_floor *swap = q->swap;
	unsigned int max_pages = 1U << min_t(unsigned int, swap->page_cluster, SWAP_RA_MAX_ORDER);
	unsigned int hits = swap->ra_hits, pages;

	if (max_pages == 1)
		return 1;
	swap->ra_hits = 0;
	pages = __swapin_nr_pages(swap->ra_prev_offset, offset, hits, max_pages, swap->ra_last);
	if (!hits)
		swap->ra_prev_offset = offset;
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

void swap_willneed(struct quire *q, swp_entry_t entry)
{
	struct swap_plug plug = {NULL};
	struct page *page;
	bool new;

	page = __read_swap_cache_async(q, entry, GFP_HIGHUSER_MOVABLE, &new);
	if (!page)
		return;
	if (new)
		(void)read_new_page(q, page, &plug);
	put_page(q, page);
	swap_unplug(q, &plug);
}

/* One page of a window; the wanted one is no readahead. */
static void read_ahead_one(struct quire *q, swp_entry_t entry, bool wanted, gfp_t gfp,
			   struct swap_plug *plug)
{
	bool new;
	struct page *page = __read_swap_cache_async(q, entry, gfp, &new);

	if (!page)
		return;
	if (new &&read_new_page(q, page, plug) && !wanted) {
		SetPageReadahead(page);
		count_vm_event(q, SWAP_RA);
	}
	put_page(q, page);
}

/* Linux: swap_cluster_readahead(). */
static void cluster_readahead(struct quire *q, struct swap_info_struct *si, swp_entry_t entry,
			      gfp_t gfp, struct swap_plug *plug)
{
	unsigned long offset = swp_offset(entry), nr = swapin_nr_pages(q, offset);
	unsigned long start = ALIGN_DOWN(offset, nr), end = min(start + nr, si->max);

	if (nr == 1)
		return;
	for (unsigned long i = max(start, 1UL); i < end; i++)
		read_ahead_one(q, swp_entry(si->type, i), i == offset, gfp, plug);
	lru_add_drain(q);
}

/* Linux: swap_vma_readahead(). */
static void vma_readahead(struct quire *q, const struct swap_fault *fault, gfp_t gfp,
			  struct swap_plug *plug)
{
	unsigned int max_win = 1U << min_t(unsigned int, q->swap->page_cluster, RA_ORDER_MAX), win;
	struct ra_info info = read_ra_info(fault);
	u64 page = fault->addr >> PAGE_SHIFT, low = page & RA_PAGE_MASK,
	    table = ALIGN_DOWN(fault->addr, PMD_SIZE), first, last;
	pte_t ptes[1 << RA_ORDER_MAX];
	u64 start, end;

	if (max_win == 1)
		return;
	win = __swapin_nr_pages(info.page, low, info.hits, max_win, info.win);
	write_ra_info(fault, win, 0);
	if (win == 1)
		return;
	/* Upwards, downwards, or both ways. */
	if (low == info.page + 1)
		start = page;
	else if (info.page == low + 1)
		start = page - win + 1;
	else
		start = page - (win - 1) / 2;
	first = max(fault->start, table);
	last = min(fault->end, table + PMD_SIZE);
	end = min(start + win, last >> PAGE_SHIFT);
	start = max(start, first >> PAGE_SHIFT);
	/* The table may change while memory is waited for. */
	for (u64 i = start; i < end; i++)
		ptes[i - start] = HOT_LOAD(fault->ptep + (s64)(i - page));
	for (u64 i = start; i < end; i++)
		if (pte_in_swap(ptes[i - start]))
			read_ahead_one(q, pte_to_swp_entry(ptes[i - start]), i == page, gfp, plug);
	lru_add_drain(q);
}

struct page *swapin_readahead(struct quire *q, swp_entry_t entry, gfp_t gfp,
			      const struct swap_fault *fault, bool *major)
{
	struct page *page = lookup_swap_cache(q, entry, fault);
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
	if (fault && swap_use_vma_readahead(q))
		vma_readahead(q, fault, gfp, &plug);
	else
		cluster_readahead(q, si, entry, gfp, &plug);
	page = __read_swap_cache_async(q, entry, gfp, &new);
	if (page && new && !read_new_page(q, page, &plug)) {
		put_page(q, page);
		page = NULL;
	}
	swap_unplug(q, &plug);
	return page;
}

/* The shadow that reclaim left for an entry, or NULL. */
static void *get_shadow_from_swap_cache(struct quire *q, swp_entry_t entry)
{
	struct address_space *m = swap_address_space(q, entry);
	void *shadow;

	spin_lock(q, &m->i_pages_lock);
	shadow = xa_load(&m->i_pages, swp_offset(entry));
	spin_unlock(q, &m->i_pages_lock);
	return xa_is_value(shadow) ? shadow : NULL;
}

struct page *swapin_synchronous(struct quire *q, swp_entry_t entry, gfp_t gfp, bool *ok)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	struct swap_plug plug = {NULL};
	struct page *page;
	void *shadow;

	*ok = si && si->bdi->synchronous && swap_count(q, entry) == 1;
	if (!*ok)
		return NULL;
	page = alloc_swapin_page(q, entry, gfp);
	if (!page)
		return NULL;
	shadow = get_shadow_from_swap_cache(q, entry);
	if (shadow && q->cache->ops.workingset_refault)
		q->cache->ops.workingset_refault(q, page, shadow);
	lru_cache_add(q, page);
	/* Reading goes by the page's entry. */
	page->private = entry.val;
	if (swap_readpage(q, page, &plug)) {
		SetPageError(page);
		unlock_page(q, page);
	}
	swap_unplug(q, &plug);
	page->private = 0;
	return page;
}
