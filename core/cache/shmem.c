/* SPDX-License-Identifier: MIT */
/*
 * shmem: files whose pages live in memory and go to swap (Linux's shmem.c).
 *
 * The idea: a page that is missing is a page of zeros.  Pages are
 * PG_swapbacked, so they wait on the anonymous LRU lists; when reclaim swaps
 * one out, the swap floor leaves its entry in the tree as a value, and whoever
 * needs the page has it brought back through a_ops->swapin.
 *
 * Where the mount says so (`huge=`, shmem_enabled) what is missing becomes a huge page
 * (shmem_huge.c), if all of its 512 places are empty and there is one.
 *
 * A page that fallocate() made is not up to date before somebody uses it: only then it is
 * cleared, and until then a fallocate() that fails can take it back.
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

void shmem_grow(struct quire *q, struct inode *inode, u64 size)
{
	u64 old = inode->i_size;

	inode->i_size = size;
	if (q->cache->ops.shmem_reacct_size)
		q->cache->ops.shmem_reacct_size(q, &inode->i_data, old);
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

/* ---- how many ---------------------------------------------------------------- */

/*
 * Pages and swap entries that go are found by the next count, not before.  Linux:
 * shmem_inode_acct_block().
 */
bool shmem_acct_block(struct quire *q, struct super_block *sb, unsigned long nr)
{
	unsigned long used = 0;
	struct inode *inode;

	if (likely(!sb->s_max_pages))
		return true;
	if (sb->s_room < nr) {
		spin_lock(q, &sb->lock);
		list_for_each_entry (inode, &sb->s_inodes, i_sb_list)
			used += inode->i_data.nrpages + inode->i_data.nrexceptional;
		spin_unlock(q, &sb->lock);
		if (used + nr > sb->s_max_pages)
			return false;
		sb->s_room = sb->s_max_pages - used;
	}
	sb->s_room -= nr;
	return true;
}

void shmem_unacct_block(struct super_block *sb, unsigned long nr)
{
	if (unlikely(sb->s_max_pages))
		sb->s_room += nr;
}

/* ---- one page ---------------------------------------------------------------- */

/* A page that fallocate() put there is used for the first time.  False: it left. */
static bool instantiate(struct quire *q, struct address_space *m, struct page *head)
{
	bool ours;

	lock_page(q, head);
	ours = head->mapping == m;
	if (ours && !PageUptodate(head)) {
		clear_whole_page(q, head);
		SetPageUptodate(head);
	}
	unlock_page(q, head);
	return ours;
}

/* A small page, zeroed, where there is none: with a reference, unlocked. */
static struct page *shmem_add_page(struct quire *q, struct inode *inode, unsigned long index,
				   enum sgp_type sgp, gfp_t gfp)
{
	struct address_space *m = &inode->i_data;
	struct page *page;
	int err;

	if (!shmem_acct_block(q, inode->i_sb, 1))
		return ERR_PTR(-ENOSPC);
	page = alloc_pages(q, gfp, 0);
	if (!page)
		return ERR_PTR(-ENOMEM);
	if (likely(sgp != SGP_FALLOC)) {
		hot_clear_page(q->hot, page_to_pfn(q, page));
		page->flags |= BIT(PG_uptodate);
	}
	err = add_to_page_cache_lru(q, page, m, index, gfp);
	if (likely(!err)) {
		unlock_page(q, page);
		return page;
	}
	put_page(q, page);
	return ERR_PTR(err);
}

/* Nothing stands at index: a page, huge if it may be. */
static struct page *shmem_add(struct quire *q, struct inode *inode, unsigned long index,
			      enum sgp_type sgp, enum shmem_advice advice, gfp_t gfp)
{
	struct page *page = NULL;

	if (unlikely(shmem_is_huge(q, inode, index, advice, false)))
		page = shmem_add_huge_page(q, inode, index, advice, sgp, gfp);
	if (page)
		return page;
	page = shmem_add_page(q, inode, index, sgp, gfp);
	/* Room may be had from huge pages that reach beyond their file's end. */
	for (int retry = 5; retry && unlikely(PTR_ERR(page) == -ENOSPC); retry--) {
		unsigned long split = shmem_unused_huge_shrink(q, inode->i_sb, 1);

		if (split == SHRINK_STOP)
			break;
		if (split)
			page = shmem_add_page(q, inode, index, sgp, gfp);
	}
	return page;
}

struct page *shmem_getpage(struct quire *q, struct inode *inode, unsigned long index,
			   enum sgp_type sgp, enum shmem_advice advice, gfp_t gfp, bool *major)
{
	struct address_space *m = &inode->i_data;

	for (;;) {
		struct page *page;

		if (index >= inode_pages(inode) && sgp <= SGP_CACHE)
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
		if (likely(page)) {
			if (likely(PageUptodate(page)))
				return page_of_index(page, index);
			if (sgp != SGP_READ && instantiate(q, m, page))
				return page_of_index(page, index);
			put_page(q, page);
			if (sgp == SGP_READ)
				return NULL;
			continue;
		}
		if (sgp <= SGP_NOALLOC)
			return sgp == SGP_READ ? NULL : ERR_PTR(-ENOENT);
		page = shmem_add(q, inode, index, sgp, advice, gfp);
		if (PTR_ERR(page) != -EEXIST)
			return page;
	}
}

struct page *shmem_get_page(struct quire *q, struct inode *inode, unsigned long index, gfp_t gfp,
			    bool *major)
{
	return shmem_getpage(q, inode, index, SGP_CACHE, SHMEM_ADVICE_NONE, gfp, major);
}
