/* SPDX-License-Identifier: MIT */
/*
 * Reading through the page cache: read() and faults (Linux's filemap_read()
 * and filemap_fault()).
 *
 * A page that is missing is brought in with its neighbours by readahead; if it
 * still is missing then (memory is short), it alone, with the caller's own GFP
 * mask.  Who needs a page that is being read sleeps on its lock.  A page whose
 * read failed is read once more by each who comes to it; if that fails, -EIO.
 */
#include "cache/internal.h"

#define READ_GFP GFP_HIGHUSER_MOVABLE

int filemap_update_page(struct quire *q, struct address_space *m, struct page *page, gfp_t gfp)
{
	int err;

	lock_page(q, page);
	if (unlikely(page->mapping != m)) {
		unlock_page(q, page);
		return -EAGAIN;
	}
	if (likely(PageUptodate(page))) {
		unlock_page(q, page);
		return 0;
	}
	err = filemap_read_page(q, m, page, gfp);
	if (err) {
		unlock_page(q, page);
		return err;
	}
	lock_page(q, page);
	if (page->mapping != m)
		err = -EAGAIN;
	else if (!PageUptodate(page))
		err = -EIO;
	unlock_page(q, page);
	return err;
}

struct page *filemap_get_page(struct quire *q, struct address_space *m, unsigned long index,
			      gfp_t gfp, bool *major, bool *reading)
{
	struct inode *inode = m->host;

	if (m->swap_backed)
		return shmem_get_page(q, inode, index, gfp, major);
	for (;;) {
		struct page *page;
		int err;

		if (index >= inode_pages(inode))
			return ERR_PTR(-EFAULT);
		page = find_get_page(q, m, index);
		if (likely(page)) {
			*reading |= page_cache_fault_hit(q, m, page, index, gfp);
		} else {
			*major = *reading = true;
			page_cache_around_ra(q, m, index, gfp);
			page = find_get_page(q, m, index);
			if (!page)
				page = filemap_create_page(q, m, index, gfp);
			if (PTR_ERR(page) == -EEXIST)
				continue;
			if (IS_ERR(page))
				return page;
		}
		if (likely(PageUptodate(page)))
			return page;
		err = filemap_update_page(q, m, page, gfp);
		if (likely(!err))
			return page;
		put_page(q, page);
		if (err != -EAGAIN)
			return ERR_PTR(err);
	}
}

/* A page for read(), up to date, with a reference; req pages are wanted from
 * index on. */
static struct page *read_get_page(struct quire *q, struct address_space *m,
				  struct file_ra_state *ra, unsigned long index, unsigned long req)
{
	for (;;) {
		struct page *page = find_get_page(q, m, index);
		int err;

		if (unlikely(!page)) {
			if (fatal_signal(q))
				return ERR_PTR(-EINTR);
			page_cache_sync_ra(q, m, ra, index, req, READ_GFP);
			page = find_get_page(q, m, index);
			if (unlikely(!page)) {
				page = filemap_create_page(q, m, index, READ_GFP);
				if (PTR_ERR(page) == -EEXIST)
					continue;
				if (IS_ERR(page))
					return page;
			}
		}
		if (unlikely(PageReadahead(page)))
			page_cache_async_ra(q, m, ra, page, index, req, READ_GFP);
		if (likely(PageUptodate(page)))
			return page;
		err = filemap_update_page(q, m, page, READ_GFP);
		if (likely(!err))
			return page;
		put_page(q, page);
		if (err != -EAGAIN)
			return ERR_PTR(err);
	}
}

s64 generic_file_read(struct quire *q, struct file *file, u64 pos, u64 length)
{
	struct inode *inode = file->f_inode;
	struct address_space *m = &inode->i_data;
	struct file_ra_state *ra = &file->f_ra;
	u64 end, start = pos;

	if (pos >= inode->i_size || !length)
		return 0;
	if (unlikely(m->hugetlb))
		return m->a_ops->read(q, file, pos, length);
	end = length > inode->i_size - pos ? inode->i_size : pos + length;
	while (pos < end) {
		unsigned long index = (unsigned long)(pos >> PAGE_SHIFT);
		unsigned long last = (unsigned long)((end - 1) >> PAGE_SHIFT);
		u64 next = min(end, ((u64)index + 1) << PAGE_SHIFT);
		struct page *page;
		bool major = false;

		/* The file may be cut while we sleep. */
		if (unlikely(pos >= inode->i_size))
			break;
		/* NULL: a hole of shmem, read as zeros. */
		page = m->swap_backed ? shmem_getpage(q, inode, index, SGP_READ, SHMEM_ADVICE_NONE,
						      READ_GFP, &major)
				      : read_get_page(q, m, ra, index, last - index + 1);
		if (IS_ERR(page))
			return pos > start ? (s64)(pos - start) : PTR_ERR(page);
		charge_ns(q, q->cost.copy_page * (next - pos) / PAGE_SIZE);
		/* Small reads of one page are one use. */
		if (page && index != (ra->prev_pos - 1) >> PAGE_SHIFT)
			mark_page_accessed(q, page);
		if (page)
			put_page(q, page);
		mem_cgroup_handle_over_high(q);
		pos = next;
		ra->prev_pos = pos;
		if (unlikely(index % 64 == 63)) {
			cond_resched(q);
			if (fatal_signal(q))
				break;
		}
	}
	return (s64)(pos - start);
}
