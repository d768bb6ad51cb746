/* SPDX-License-Identifier: MIT */
/*
 * shmem: files whose pages live in memory and go to swap (Linux's shmem.c).
 *
 * The idea: a page that is missing is a page of zeros.  Pages are
 * PG_swapbacked, so they wait on the anonymous LRU lists; when reclaim swaps
 * one out, the swap floor leaves its entry in the tree as a value, and whoever
 * needs the page has it brought back through a_ops->swapin.
 *
 * Invariant: nrexceptional of such a mapping counts swap entries (it has no
 * shadows).
 *
 * Locks: i_pages_lock; the page lock against swap-out.
 */
#include "cache/internal.h"

struct file *shmem_file_setup(struct quire *q, const char *name, u64 size_bytes)
{
	struct inode *inode = new_inode(q, q->cache->shm_sb, size_bytes, false);
	struct file *file;

	(void)name;
	if (IS_ERR(inode))
		return (struct file *)inode;
	/* No name: it ends with its last reference. */
	inode->i_nlink = 0;
	inode->i_data.swap_backed = true;
	inode->i_data.a_ops = q->cache->shmem_aops;
	file = alloc_file(q, inode, true);
	iput(q, inode);
	return file ? file : ERR_PTR(-ENOMEM);
}

/* A swap entry stands at index: the page, with a reference, unlocked. */
static struct page *shmem_swapin(struct quire *q, struct address_space *m, unsigned long index,
				 void *value, gfp_t gfp, bool *major)
{
	const struct address_space_operations *ops = q->cache->shmem_aops;
	struct page *page;

	if (!ops || !ops->swapin)
		return ERR_PTR(-EIO);
	page = ops->swapin(q, m, index, (swp_entry_t){xa_to_value(value)}, gfp, major);
	if (!IS_ERR(page))
		unlock_page(q, page);
	return page;
}

/*
 * One page more of a file system with a limit: false if that is reached.  Pages
 * and swap entries that go are found by the next count, not before.  Linux:
 * shmem_inode_acct_block().
 */
static bool shmem_acct_block(struct quire *q, struct super_block *sb)
{
	unsigned long used = 0;
	struct inode *inode;

	if (likely(!sb->s_max_pages))
		return true;
	if (!sb->s_room) {
		spin_lock(q, &sb->lock);
		list_for_each_entry (inode, &sb->s_inodes, i_sb_list)
			used += inode->i_data.nrpages + inode->i_data.nrexceptional;
		spin_unlock(q, &sb->lock);
		if (used >= sb->s_max_pages)
			return false;
		sb->s_room = sb->s_max_pages - used;
	}
	sb->s_room--;
	return true;
}

struct page *shmem_get_page(struct quire *q, struct inode *inode, unsigned long index, gfp_t gfp,
			    bool *major)
{
	struct address_space *m = &inode->i_data;

	for (;;) {
		struct page *page;
		int err;

		if (index >= inode_pages(inode))
			return ERR_PTR(-EFAULT);
		spin_lock(q, &m->i_pages_lock);
		page = xa_load(&m->i_pages, index);
		if (page && !xa_is_value(page))
			get_page(page);
		spin_unlock(q, &m->i_pages_lock);
		if (xa_is_value(page)) {
			page = shmem_swapin(q, m, index, page, gfp, major);
			/* Somebody else was faster. */
			if (PTR_ERR(page) == -EEXIST || PTR_ERR(page) == -EAGAIN)
				continue;
			return page;
		}
		if (likely(page))
			return page;
		if (!shmem_acct_block(q, inode->i_sb))
			return ERR_PTR(-ENOSPC);
		page = alloc_pages(q, gfp, 0);
		if (!page)
			return ERR_PTR(-ENOMEM);
		hot_clear_page(q->hot, page_to_pfn(q, page));
		page->flags |= BIT(PG_uptodate);
		err = add_to_page_cache_lru(q, page, m, index, gfp);
		if (likely(!err)) {
			unlock_page(q, page);
			return page;
		}
		put_page(q, page);
		if (err != -EEXIST)
			return ERR_PTR(err);
	}
}
