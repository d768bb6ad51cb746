/* SPDX-License-Identifier: MIT */
/*
 * Writing through the page cache (Linux's generic_perform_write() with ext4's
 * write_begin and write_end).
 *
 * Each page is found or made, locked, given a buffer head, overwritten and
 * dirtied; blocks on the device are taken before the first page is, so a full
 * device is an error here and not at writeback.  A page of which only a part
 * is written is read first, unless the rest of it was never written.
 *
 * A write's content is a word made of the file, the place and the number of
 * the write (file_page_content()), so that tests can tell writes apart.
 */
#include "cache/internal.h"

#define WRITE_GFP (GFP_HIGHUSER_MOVABLE | __GFP_WRITE)

/* The page at index, locked, with a reference; made if missing (*fresh). */
static struct page *grab_cache_page(struct quire *q, struct address_space *m, unsigned long index)
{
	for (;;) {
		struct page *page = find_get_page(q, m, index);
		int err;

		if (page) {
			lock_page(q, page);
			if (likely(page->mapping == m))
				return page;
			unlock_page(q, page);
			put_page(q, page);
			continue;
		}
		page = alloc_pages(q, WRITE_GFP, 0);
		if (!page)
			return ERR_PTR(-ENOMEM);
		err = add_to_page_cache_lru(q, page, m, index, WRITE_GFP);
		if (likely(!err))
			return page;
		put_page(q, page);
		if (err != -EEXIST)
			return ERR_PTR(err);
	}
}

/* What of the page the write does not cover is brought in. The page is locked
 * before and after; -EAGAIN: it left meanwhile (and is unlocked). */
static int read_around_write(struct quire *q, struct address_space *m, struct page *page)
{
	int err = filemap_read_page(q, m, page, GFP_NOFS);

	if (err)
		return err;
	lock_page(q, page);
	if (page->mapping != m) {
		unlock_page(q, page);
		return -EAGAIN;
	}
	return PageUptodate(page) ? 0 : -EIO;
}

static struct page *write_begin(struct quire *q, struct inode *inode, unsigned long index,
				bool whole)
{
	struct address_space *m = &inode->i_data;

	for (;;) {
		struct page *page = grab_cache_page(q, m, index);
		int err;

		if (IS_ERR(page))
			return page;
		err = create_empty_buffers(q, page, inode_block(inode, index));
		if (!err && !whole && !PageUptodate(page)) {
			err = read_around_write(q, m, page);
			if (err == -EAGAIN) {
				put_page(q, page);
				continue;
			}
		}
		if (likely(!err))
			return page;
		unlock_page(q, page);
		put_page(q, page);
		return ERR_PTR(err);
	}
}

static struct page *shmem_write_begin(struct quire *q, struct inode *inode, unsigned long index)
{
	for (;;) {
		bool major = false;
		struct page *page = shmem_getpage(q, inode, index, SGP_WRITE, SHMEM_ADVICE_NONE,
						  GFP_HIGHUSER_MOVABLE, &major),
			    *head;

		if (IS_ERR(page))
			return page;
		head = compound_head(page);
		lock_page(q, head);
		if (head->mapping == &inode->i_data && head == compound_head(page))
			return page;
		unlock_page(q, head);
		put_page(q, page);
	}
}

/* Overwrites [pos, next) of one page, with zeros if the file never had it. */
static int write_page(struct quire *q, struct inode *inode, u64 pos, u64 next, bool zero)
{
	struct address_space *m = &inode->i_data;
	unsigned long index = (unsigned long)(pos >> PAGE_SHIFT);
	bool whole = pos % PAGE_SIZE == 0 && (next % PAGE_SIZE == 0 || next >= inode->i_size);
	struct page *page = m->swap_backed ? shmem_write_begin(q, inode, index)
					   : write_begin(q, inode, index, whole);

	if (IS_ERR(page))
		return (int)PTR_ERR(page);
	charge_ns(q, q->cost.copy_page * (next - pos) / PAGE_SIZE);
	if (zero)
		hot_clear_page(q->hot, page_to_pfn(q, page));
	else
		hot_fill_page(q->hot, page_to_pfn(q, page),
			      file_page_content(inode->i_ino, index, inode->i_version));
	SetPageUptodate(compound_head(page));
	(void)set_page_dirty(q, page);
	if (next > inode->i_size) {
		inode->i_size = next;
		mark_inode_dirty(q, inode, I_DIRTY_INODE);
	}
	inode->i_valid = max(inode->i_valid, next);
	unlock_page(q, compound_head(page));
	put_page(q, page);
	return 0;
}

s64 generic_file_write(struct quire *q, struct file *file, u64 pos, u64 length)
{
	struct inode *inode = file->f_inode;
	struct address_space *m = &inode->i_data;
	u64 start = pos, end = pos + length;
	int err;

	if (!file->writable)
		return -EACCES;
	/* Files of huge pages are written through mappings. */
	if (unlikely(m->hugetlb))
		return -EINVAL;
	if (end < pos)
		return -EFBIG;
	if (!length)
		return 0;
	err = inode_extend(q, inode, (unsigned long)DIV_ROUND_UP(end, PAGE_SIZE));
	if (err)
		return err;
	inode->i_version++;
	if (m->swap_backed) {
		/* shmem's pages exist up to its size only. */
		if (end > inode->i_size)
			shmem_grow(q, inode, end);
	} else {
		/* What lies between the last write's end and this one is zeros. */
		pos = min(pos, (u64)PAGE_ALIGN(inode->i_valid));
	}
	while (pos < end) {
		u64 next = ALIGN_DOWN(pos, PAGE_SIZE) + PAGE_SIZE;
		bool zero = next <= start;

		err = write_page(q, inode, pos, min(next, end), zero);
		if (err)
			return pos > start ? (s64)(pos - start) : err;
		pos = min(next, end);
		/* Not the start of the page where the write begins within one. */
		if (pos < start && start - pos < PAGE_SIZE)
			pos = start;
		mem_cgroup_handle_over_high(q);
		if (!m->swap_backed)
			balance_dirty_pages_ratelimited(q, m);
		if (unlikely(next / PAGE_SIZE % 64 == 0))
			cond_resched(q);
		if (unlikely(next / PAGE_SIZE % 16 == 0) && fatal_signal(q))
			break;
	}
	return pos > start ? (s64)(pos - start) : -EINTR;
}
