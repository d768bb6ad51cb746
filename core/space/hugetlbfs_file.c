/* SPDX-License-Identifier: MIT */
/*
 * Files of hugetlbfs: their pages, size and holes (the other half of Linux's
 * fs/hugetlbfs/inode.c).
 *
 * The idea: a page that leaves the file is unmapped from all areas first, under the
 * file's fault_mutex, so no fault brings it back; then the file's reference goes, and
 * with it the promise that the page kept.  What lies beyond a hole or a cut was promised
 * to nobody from then on: a fault there takes what the pool has left.
 *
 * Invariants: nrpages huge pages are in the tree, each with the file's reference and in
 * the file's map of promises (verify_hugetlb.c).
 *
 * Locks: fault_mutex, i_mmap_lock, i_pages_lock.
 */
#include "space/hugetlbfs.h"

struct page *hugetlb_find_page(struct quire *q, struct hugetlbfs_inode *inode, unsigned long idx)
{
	struct address_space *m = &inode->vfs_inode.i_data;
	struct page *page;

	spin_lock(q, &m->i_pages_lock);
	page = xa_load(&m->i_pages, idx);
	if (page)
		get_page(page);
	spin_unlock(q, &m->i_pages_lock);
	return page;
}

int hugetlb_add_to_page_cache(struct quire *q, struct hugetlbfs_inode *inode, struct page *page,
			      unsigned long idx)
{
	struct address_space *m = &inode->vfs_inode.i_data;
	void *old;

	page->index = idx;
	page->mapping = m;
	for (int tries = 0;; tries++) {
		spin_lock(q, &m->i_pages_lock);
		old = xa_store(&m->i_pages, idx, page);
		if (!IS_ERR(old))
			m->nrpages++;
		spin_unlock(q, &m->i_pages_lock);
		if (!IS_ERR(old) || tries == 4 || radix_tree_preload(q, GFP_KERNEL))
			break;
	}
	if (IS_ERR(old)) {
		page->mapping = NULL;
		return -ENOMEM;
	}
	BUG_ON(q, old);
	get_page(page);
	region_add(q, inode->resv, idx, idx + 1, NULL);
	hugetlb_commit(page);
	return 0;
}

/* The file's page at idx goes; it is mapped nowhere. */
static void remove_page(struct quire *q, struct hugetlbfs_inode *inode, struct page *page)
{
	struct address_space *m = &inode->vfs_inode.i_data;

	spin_lock(q, &m->i_pages_lock);
	(void)xa_erase(&m->i_pages, page->index);
	m->nrpages--;
	spin_unlock(q, &m->i_pages_lock);
	/* Nobody looks for the file through its page from now on. */
	spin_lock(q, &q->page->hugetlb->lock);
	page->mapping = NULL;
	spin_unlock(q, &q->page->hugetlb->lock);
	put_page(q, page);
}

/* With fault_mutex: pages [from, to) leave the file; how many there were. */
static unsigned long remove_pages(struct quire *q, struct hugetlbfs_inode *inode,
				  unsigned long from, unsigned long to)
{
	struct address_space *m = &inode->vfs_inode.i_data;
	unsigned long idx = from, freed = 0;
	struct page *page;

	for (;;) {
		spin_lock(q, &m->i_pages_lock);
		page = from < to ? xa_find(&m->i_pages, &idx, to - 1, XA_PRESENT) : NULL;
		spin_unlock(q, &m->i_pages_lock);
		if (!page)
			return freed;
		remove_page(q, inode, page);
		freed++;
	}
}

int hugetlbfs_truncate(struct quire *q, struct inode *vfs_inode, u64 size)
{
	struct hugetlbfs_inode *inode = HUGETLBFS_I(vfs_inode);
	unsigned long from = size >> huge_page_shift(inode->h), freed;

	if (!IS_ALIGNED(size, huge_page_size(inode->h)))
		return -EINVAL;
	if (size >= LONG_MAX)
		return -EFBIG;
	mutex_lock(q, &inode->fault_mutex);
	/* A region may be cut, never in two: its end goes. */
	vfs_inode->i_size = size;
	hugetlb_unmap_file(q, inode, from, ULONG_MAX);
	freed = remove_pages(q, inode, from, ULONG_MAX);
	hugetlb_unreserve_pages(q, inode, from, ULONG_MAX, freed);
	mutex_unlock(q, &inode->fault_mutex);
	return 0;
}

/* ---- fallocate() ----------------------------------------------------------------- */

/* Bytes of the page at idx, [from, to) of it, are zeros, if it is there. */
static void zero_part(struct quire *q, struct hugetlbfs_inode *inode, u64 from, u64 to)
{
	unsigned long idx = from >> huge_page_shift(inode->h);
	struct page *page = from < to ? hugetlb_find_page(q, inode, idx) : NULL;
	u64 base = (u64)idx << huge_page_shift(inode->h);

	if (!page)
		return;
	for (u64 at = PAGE_ALIGN(from); at + PAGE_SIZE <= to; at += PAGE_SIZE)
		hot_clear_page(q->hot, page_to_pfn(q, page) + ((at - base) >> PAGE_SHIFT));
	put_page(q, page);
}

static int punch_hole(struct quire *q, struct hugetlbfs_inode *inode, u64 offset, u64 len)
{
	u64 size = huge_page_size(inode->h), end = offset + len;
	unsigned long from, to;
	int err = 0;

	end = min(end, inode->vfs_inode.i_size);
	from = (unsigned long)(ALIGN(offset, size) >> huge_page_shift(inode->h));
	to = (unsigned long)(end >> huge_page_shift(inode->h));
	mutex_lock(q, &inode->fault_mutex);
	zero_part(q, inode, offset, min(end, (u64)ALIGN(offset, size)));
	if (end >= ALIGN(offset, size))
		zero_part(q, inode, ALIGN_DOWN(end, size), end);
	/* Private copies too. */
	if (from < to)
		hugetlb_unmap_file(q, inode, from, to);
	/* One by one: the promises of pages that are not there stay. */
	for (unsigned long idx = from; idx < to && !err; idx++) {
		struct page *page = hugetlb_find_page(q, inode, idx);

		if (!page)
			continue;
		err = resv_map_prealloc(q, inode->resv, 1);
		if (!err) {
			remove_page(q, inode, page);
			hugetlb_unreserve_pages(q, inode, idx, idx + 1, 1);
		}
		put_page(q, page);
	}
	mutex_unlock(q, &inode->fault_mutex);
	return err;
}

/* The page at idx is there from now on. */
static int fill_hole(struct quire *q, struct hugetlbfs_inode *inode, unsigned long idx)
{
	struct page *page = hugetlb_find_page(q, inode, idx);
	bool promised;

	if (page) {
		put_page(q, page);
		return 0;
	}
	if (resv_map_prealloc(q, inode->resv, 1))
		return -ENOMEM;
	promised = region_count(inode->resv, idx, idx + 1);
	page = alloc_huge_page(q, current_task(q), inode, NULL, idx, promised);
	if (IS_ERR(page))
		return PTR_ERR(page);
	hugetlb_fill_page(q, inode->h, page, NULL);
	if (hugetlb_add_to_page_cache(q, inode, page, idx)) {
		hugetlb_free_unused(q, page, promised);
		return -ENOMEM;
	}
	hugetlb_activate(q, page);
	return 0;
}

int hugetlbfs_fallocate(struct quire *q, struct file *file, int mode, u64 offset, u64 len)
{
	struct hugetlbfs_inode *inode = HUGETLBFS_I(file->f_inode);
	u64 size = huge_page_size(inode->h), end = offset + len;
	int err = 0;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!len || offset >= LONG_MAX || len >= LONG_MAX)
		return -EINVAL;
	if (end >= LONG_MAX)
		return -EFBIG;
	if (!file->writable)
		return -EBADF;
	if (mode & FALLOC_FL_PUNCH_HOLE)
		return punch_hole(q, inode, offset, len);
	for (u64 at = ALIGN_DOWN(offset, size); at < end && !err; at += size) {
		if (q->page->ops.task_is_dying && q->page->ops.task_is_dying(q)) {
			err = -EINTR;
			break;
		}
		mutex_lock(q, &inode->fault_mutex);
		err = fill_hole(q, inode, (unsigned long)(at >> huge_page_shift(inode->h)));
		mutex_unlock(q, &inode->fault_mutex);
		cond_resched(q);
	}
	if (!err && !(mode & FALLOC_FL_KEEP_SIZE))
		inode->vfs_inode.i_size = max(inode->vfs_inode.i_size, end);
	return err;
}
