/* SPDX-License-Identifier: MIT */
/*
 * What the swap tests share: pages that stand in for anonymous ones, taken in
 * and out of swap by the steps that reclaim and a fault take.  The entries such
 * a page leaves behind are in no page table, so quire_verify() is asked when
 * all have been freed; the tests on shmem pages may ask at any time.
 */
#ifndef QUIRE_SWAPTEST_H
#define QUIRE_SWAPTEST_H

#include "tests/lib/testlib.h"
#include "swap/internal.h"
#include "base/xarray.h"

/* A new page with a content, up to date, with one reference, locked. */
static inline struct page *new_page(struct quire *q, u64 content)
{
	struct page *page = alloc_pages(q, GFP_HIGHUSER_MOVABLE, 0);

	assert_non_null(page);
	assert_true(trylock_page(page));
	SetPageSwapBacked(page);
	SetPageUptodate(page);
	q->hot->content[page_to_pfn(q, page)] = content;
	return page;
}

static inline u64 page_content(struct quire *q, const struct page *page)
{
	return q->hot->content[page_to_pfn(q, page)];
}

/* Drops a page that is in no cache. */
static inline void drop_page(struct quire *q, struct page *page)
{
	unlock_page(q, page);
	ClearPageDirty(page);
	put_page(q, page);
}

/* __remove_mapping() of a locked page of the swap cache, and its end. */
static inline void remove_page(struct quire *q, struct page *page, void *shadow)
{
	swp_entry_t entry = {page->private};
	struct address_space *m = swap_address_space(q, entry);

	assert_int_equal(page_ref_count(page), 2);
	spin_lock(q, &m->i_pages_lock);
	__delete_from_swap_cache(q, page, entry, shadow);
	spin_unlock(q, &m->i_pages_lock);
	put_swap_page(q, entry);
	assert_false(put_page_testzero(page));
	drop_page(q, page);
}

/* The whole way out: slot, one entry, write, removal. */
static inline swp_entry_t swap_out(struct quire *q, u64 content, void *shadow)
{
	struct page *page = new_page(q, content);
	swp_entry_t entry;

	assert_true(add_to_swap(q, page));
	assert_true(PageSwapCache(page) && PageDirty(page));
	entry.val = page->private;
	assert_int_equal(swap_duplicate(q, entry), 0);
	assert_int_equal(swap_writepage(q, page), 0);
	lock_page(q, page);
	wait_on_page_writeback(q, page);
	assert_false(PageDirty(page));
	remove_page(q, page, shadow);
	return entry;
}

/* And back: the content; the page stays in the cache. */
static inline u64 swap_in(struct quire *q, swp_entry_t entry, bool *major)
{
	struct page *page = swapin_readahead(q, entry, GFP_HIGHUSER_MOVABLE, NULL, major);
	u64 content;

	assert_non_null(page);
	lock_page(q, page);
	assert_true(PageUptodate(page) && PageSwapCache(page));
	content = page_content(q, page);
	unlock_page(q, page);
	put_page(q, page);
	return content;
}

/* A shmem page of a content, written out by its own writepage(). */
static inline void shmem_fill(struct quire *q, struct inode *inode, unsigned long index,
			      u64 content)
{
	struct page *page;
	bool major;

	page = shmem_get_page(q, inode, index, GFP_HIGHUSER_MOVABLE, &major);
	assert_false(IS_ERR(page));
	lock_page(q, page);
	q->hot->content[page_to_pfn(q, page)] = content;
	(void)set_page_dirty(q, page);
	unlock_page(q, page);
	put_page(q, page);
}

/* Reclaim's steps for one shmem page: true if it left memory. */
static inline bool shmem_evict(struct quire *q, struct inode *inode, unsigned long index)
{
	struct page *page = find_get_page(q, &inode->i_data, index);
	swp_entry_t entry;

	if (!page)
		return false;
	lru_add_drain_all(q);
	lock_page(q, page);
	ClearPageDirty(page);
	if (q->cache->shmem_aops->writepage(q, page)) {
		unlock_page(q, page);
		put_page(q, page);
		return false;
	}
	lock_page(q, page);
	wait_on_page_writeback(q, page);
	entry.val = page->private;
	if (!PageDirty(page) && PageSwapCache(page) && page_ref_count(page) == 2) {
		struct address_space *m = swap_address_space(q, entry);

		spin_lock(q, &m->i_pages_lock);
		__delete_from_swap_cache(q, page, entry, NULL);
		spin_unlock(q, &m->i_pages_lock);
		put_swap_page(q, entry);
		assert_false(put_page_testzero(page));
	}
	unlock_page(q, page);
	put_page(q, page);
	return true;
}

static inline u64 shmem_read(struct quire *q, struct inode *inode, unsigned long index)
{
	bool major;
	struct page *page = shmem_get_page(q, inode, index, GFP_HIGHUSER_MOVABLE, &major);
	u64 content;

	assert_false(IS_ERR(page));
	lock_page(q, page);
	assert_true(PageUptodate(page));
	content = page_content(q, page);
	unlock_page(q, page);
	put_page(q, page);
	return content;
}

static inline unsigned long swap_used(const struct quire *q)
{
	return q->swap->total_swap_pages - (unsigned long)q->swap->nr_swap_pages;
}

#endif
