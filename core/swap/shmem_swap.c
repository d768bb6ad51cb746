/* SPDX-License-Identifier: MIT */
/*
 * Shmem pages in swap (the swap half of Linux's shmem.c).
 *
 * A page of a shmem file that goes out moves from the file's tree into the
 * swap cache; the tree keeps the swap entry as a value in its place, which
 * counts as one reference to the slot.  On the way back it moves the other way.
 * A page is never in both trees, except for the moment in which it moves, under
 * its lock.  Huge pages are split before they come here.
 *
 * The value in a tree is the entry itself: shmem trees hold no shadows; those
 * of their pages are in the swap cache.
 *
 * Locks: the page's lock, then i_pages_lock of one tree at a time.
 */
#include "swap/internal.h"

static int shmem_writepage(struct quire *q, struct page *page)
{
	struct address_space *m = page->mapping;
	swp_entry_t entry;
	void *shadow;

	BUG_ON(q, !PageLocked(page) || page_mapped(page) || PageHead(page));
	if (m->unevictable)
		goto redirty;
	/* Made by fallocate(), and never used. */
	if (unlikely(!PageUptodate(page))) {
		hot_clear_page(q->hot, page_to_pfn(q, page));
		SetPageUptodate(page);
	}
	entry = get_swap_page(q, page);
	if (!entry.val)
		goto redirty;
	if (add_to_swap_cache(q, page, entry, &shadow)) {
		put_swap_page(q, entry);
		goto redirty;
	}
	BUG_ON(q, swap_duplicate(q, entry));
	spin_lock(q, &m->i_pages_lock);
	__delete_from_page_cache(q, page, xa_mk_value(entry.val));
	spin_unlock(q, &m->i_pages_lock);
	/* The file's reference. */
	BUG_ON(q, put_page_testzero(page));
	return swap_writepage(q, page);
redirty:
	(void)set_page_dirty(q, page);
	return AOP_WRITEPAGE_ACTIVATE;
}

/* Puts a page, locked and up to date, where its entry is in a file's tree:
 * -EEXIST if the entry is not there any more. */
static int replace_entry(struct quire *q, struct address_space *m, unsigned long index,
			 swp_entry_t entry, struct page *page)
{
	void *old;

	spin_lock(q, &m->i_pages_lock);
	if (xa_load(&m->i_pages, index) != xa_mk_value(entry.val)) {
		spin_unlock(q, &m->i_pages_lock);
		return -EEXIST;
	}
	get_page(page);
	page->mapping = m;
	page->index = index;
	old = xa_store(&m->i_pages, index, page);
	BUG_ON(q, old != xa_mk_value(entry.val));
	m->nrexceptional--;
	m->nrpages++;
	mod_lruvec_page_state(q, page, NR_FILE_PAGES, 1);
	mod_lruvec_page_state(q, page, NR_SHMEM, 1);
	spin_unlock(q, &m->i_pages_lock);
	return 0;
}

static struct page *shmem_swapin(struct quire *q, struct address_space *m, unsigned long index,
				 swp_entry_t entry, gfp_t gfp, bool *major)
{
	struct page *page;
	bool was_read;
	int err;

	/* Someone else may have brought it in, and freed the slot, by now. */
	if (xa_load(&m->i_pages, index) != xa_mk_value(entry.val))
		return ERR_PTR(-EEXIST);
	page = swapin_readahead(q, entry, gfp, NULL, &was_read);
	if (was_read)
		*major = true;
	if (!page) {
		bool gone = xa_load(&m->i_pages, index) != xa_mk_value(entry.val);

		return ERR_PTR(gone ? -EEXIST : -ENOMEM);
	}
	lock_page(q, page);
	if (!PageSwapCache(page) || page->private != entry.val) {
		err = -EEXIST;
	} else if (!PageUptodate(page)) {
		err = -EIO;
	} else {
		wait_on_page_writeback(q, page);
		err = replace_entry(q, m, index, entry, page);
	}
	if (err) {
		unlock_page(q, page);
		put_page(q, page);
		return ERR_PTR(err);
	}
	delete_from_swap_cache(q, page);
	(void)set_page_dirty(q, page);
	swap_free(q, entry);
	return page;
}

#define UNUSE_BATCH 16

/* The entries of an area among those of one file, from *index on. */
static unsigned int find_swap_entries(struct quire *q, struct address_space *m, unsigned int type,
				      unsigned long *index, unsigned long *found)
{
	unsigned int n = 0;
	unsigned long at;
	void *value;

	spin_lock(q, &m->i_pages_lock);
	xa_for_each_range(&m->i_pages, at, value, *index, ULONG_MAX)
	{
		if (!xa_is_value(value) || swp_type((swp_entry_t){xa_to_value(value)}) != type)
			continue;
		found[n++] = at;
		*index = at + 1;
		if (n == UNUSE_BATCH)
			break;
	}
	spin_unlock(q, &m->i_pages_lock);
	return n;
}

static int shmem_unuse_inode(struct quire *q, struct inode *inode, unsigned int type)
{
	unsigned long found[UNUSE_BATCH], index = 0;
	unsigned int n;

	while ((n = find_swap_entries(q, &inode->i_data, type, &index, found))) {
		for (unsigned int i = 0; i < n; i++) {
			struct page *page;
			bool major;

			page = shmem_get_page(q, inode, found[i], GFP_HIGHUSER_MOVABLE, &major);
			if (!IS_ERR(page))
				put_page(q, page);
			else if (PTR_ERR(page) != -EFAULT) /* cut off meanwhile */
				return (int)PTR_ERR(page);
		}
		if (n < UNUSE_BATCH)
			break;
	}
	return 0;
}

int shmem_unuse(struct quire *q, unsigned int type)
{
	struct super_block *sb;
	int err;

	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		struct inode *inode = NULL;

		while ((inode = sb_next_inode(q, sb, inode))) {
			if (!inode->i_data.swap_backed || !HOT_LOAD(&inode->i_data.nrexceptional))
				continue;
			err = shmem_unuse_inode(q, inode, type);
			if (err) {
				iput(q, inode);
				return err;
			}
			cond_resched(q);
		}
	}
	return 0;
}

const struct address_space_operations shmem_aops = {
	.writepage = shmem_writepage,
	.swapin = shmem_swapin,
	.free_swap = free_swap_and_cache,
};
