/* SPDX-License-Identifier: MIT */
/*
 * fallocate() of shmem files: pages that are there before they are used, and holes where
 * pages were (Linux's shmem_fallocate()).
 *
 * Pages that are made here are not up to date: nobody has used them yet.  When the rest
 * can't be had, those are taken back, and what was there before stays.
 *
 * Locks: none of its own; pages are looked at again under their locks.
 */
#include "cache/internal.h"

static int punch_hole(struct quire *q, struct inode *inode, u64 offset, u64 len)
{
	struct address_space *m = &inode->i_data;
	unsigned long start = (unsigned long)DIV_ROUND_UP(offset, PAGE_SIZE);
	unsigned long end = (unsigned long)((offset + len) >> PAGE_SHIFT);

	if (start >= end)
		return 0;
	/* Private copies are their owners': they stay. */
	if (q->cache->ops.unmap_mapping_range && !list_empty(&m->i_mmap))
		q->cache->ops.unmap_mapping_range(q, m, start, end - start, false);
	truncate_inode_pages_range(q, m, start, end - 1);
	return 0;
}

/* Takes back what was made and not used of [start, end). */
static void undo(struct quire *q, struct address_space *m, unsigned long start, unsigned long end)
{
	while (start < end) {
		struct page *head = find_get_page(q, m, start);
		unsigned long next = start + 1;

		if (head) {
			next = head->index + compound_nr(head);
			if (!PageUptodate(head) && head->index >= start && next <= end)
				truncate_inode_pages_range(q, m, head->index, next - 1);
			put_page(q, head);
		}
		start = next;
	}
}

int shmem_fallocate(struct quire *q, struct file *file, int mode, u64 offset, u64 len)
{
	struct inode *inode = file->f_inode;
	unsigned long start = (unsigned long)(offset >> PAGE_SHIFT), index = start, end, was;
	u64 last = offset + len;
	int err = 0;

	if (!inode->i_data.swap_backed || (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)))
		return -EOPNOTSUPP;
	if (!len || last < offset || mode == FALLOC_FL_PUNCH_HOLE)
		return mode == FALLOC_FL_PUNCH_HOLE && len ? -EOPNOTSUPP : -EINVAL;
	if (mode & FALLOC_FL_PUNCH_HOLE)
		return punch_hole(q, inode, offset, len);
	end = (unsigned long)DIV_ROUND_UP(last, PAGE_SIZE);
	if (inode->i_sb->s_max_pages && end - start > inode->i_sb->s_max_pages)
		return -ENOSPC;
	/* A split must not drop what is promised behind the file's end. */
	was = inode->fallocend;
	inode->fallocend = max(was, end);
	while (index < end) {
		struct page *page = ERR_PTR(-EINTR);
		bool major = false;

		if (!fatal_signal(q))
			page = shmem_getpage(q, inode, index, SGP_FALLOC, SHMEM_ADVICE_NONE,
					     GFP_HIGHUSER_MOVABLE, &major);
		if (IS_ERR(page)) {
			err = (int)PTR_ERR(page);
			inode->fallocend = was;
			undo(q, &inode->i_data, start, index);
			return err;
		}
		page = compound_head(page);
		index = page->index + compound_nr(page);
		/* So that it is swapped, not dropped. */
		(void)set_page_dirty(q, page);
		put_page(q, page);
		cond_resched(q);
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && last > inode->i_size)
		shmem_grow(q, inode, last);
	return 0;
}
