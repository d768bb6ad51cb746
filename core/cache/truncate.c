/* SPDX-License-Identifier: MIT */
/*
 * Pages leave their file: truncation, which takes all, and invalidation, which
 * takes what nobody needs (Linux's truncate.c).
 *
 * Both work in gangs found under i_pages_lock and held by references; each
 * page is then locked, and looked at again, because it may have left
 * meanwhile.
 *
 * A huge page of shmem goes as a whole.  One that the range cuts is split first; if somebody
 * has it, so that it can't be, its pages within the range become zeros and stay.
 */
#include "cache/internal.h"

#define GANG 32

/* Shadows, or swap entries of shmem, found by a gang look-up. */
static void truncate_value(struct quire *q, struct address_space *m, unsigned long index,
			   void *value)
{
	bool ours;

	spin_lock(q, &m->i_pages_lock);
	ours = xa_load(&m->i_pages, index) == value;
	if (ours) {
		(void)xa_erase(&m->i_pages, index);
		workingset_update_node(q, m, index);
		m->nrexceptional--;
	}
	spin_unlock(q, &m->i_pages_lock);
	if (ours && m->swap_backed && q->cache->shmem_aops && q->cache->shmem_aops->free_swap)
		q->cache->shmem_aops->free_swap(q, (swp_entry_t){xa_to_value(value)});
}

static void truncate_page(struct quire *q, struct address_space *m, struct page *page)
{
	lock_page(q, page);
	wait_on_page_writeback(q, page);
	if (page->mapping == m) {
		if (page_mapped(page) && q->cache->ops.unmap_mapping_range)
			q->cache->ops.unmap_mapping_range(q, m, page->index, compound_nr(page),
							  true);
		spin_lock(q, &m->i_pages_lock);
		cancel_dirty_page(q, page);
		spin_unlock(q, &m->i_pages_lock);
		(void)try_to_free_buffers(q, page);
		spin_lock(q, &m->i_pages_lock);
		__delete_from_page_cache(q, page, NULL);
		spin_unlock(q, &m->i_pages_lock);
		/* The cache's references; the gang still has its own. */
		(void)HOT_SUB(&page->_refcount, (int)compound_nr(page));
	}
	unlock_page(q, page);
}

static unsigned int find_gang(struct quire *q, struct address_space *m, unsigned long start,
			      unsigned long end, void **entries, unsigned long *indices)
{
	unsigned int nr;

	spin_lock(q, &m->i_pages_lock);
	nr = xa_gang(&m->i_pages, start, end, entries, indices, GANG, XA_PRESENT);
	for (unsigned int i = 0; i < nr; i++)
		if (!xa_is_value(entries[i]))
			get_page(entries[i]);
	spin_unlock(q, &m->i_pages_lock);
	return nr;
}

/* The huge page at index, if the range cuts it: split, or else its part is cleared.  The last
 * index that was dealt with. */
static unsigned long truncate_partial_page(struct quire *q, struct address_space *m,
					   unsigned long index, unsigned long start,
					   unsigned long last)
{
	struct page *head = find_get_page(q, m, index);
	unsigned long first, end = index;

	if (!head)
		return end;
	if (!PageHead(head))
		goto put;
	lock_page(q, head);
	first = head->index;
	end = first + compound_nr(head) - 1;
	if (head->mapping == m && PageHead(head) && (first < start || end > last)) {
		wait_on_page_writeback(q, head);
		(void)set_page_dirty(q, head);
		for (unsigned long i = max(first, start); i <= min(end, last); i++)
			hot_clear_page(q->hot, page_to_pfn(q, head + (i - first)));
		(void)q->cache->ops.split_huge_page(q, head);
	}
	unlock_page(q, head);
put:
	put_page(q, head);
	return end;
}

/* A huge page that reaches beyond the range: it could not be split. */
static bool is_cut(const struct page *page, unsigned long start, unsigned long last)
{
	return PageHead(page) &&
	       (page->index < start || page->index + compound_nr(page) - 1 > last);
}

/* Once over the range from start on: did anything go? */
static bool truncate_pass(struct quire *q, struct address_space *m, unsigned long start,
			  unsigned long last)
{
	void *entries[GANG];
	struct page *pages[GANG];
	unsigned long indices[GANG], at = start;
	unsigned int nr, nr_pages;
	bool any = false;

	while (at >= start && at <= last && (nr = find_gang(q, m, at, last, entries, indices))) {
		nr_pages = 0;
		at = indices[nr - 1] + 1;
		for (unsigned int i = 0; i < nr; i++) {
			if (xa_is_value(entries[i])) {
				truncate_value(q, m, indices[i], entries[i]);
				any = true;
				continue;
			}
			pages[nr_pages++] = entries[i];
			/* Once for all the places of a huge one. */
			if (is_cut(entries[i], start, last) || (i && entries[i] == entries[i - 1]))
				continue;
			truncate_page(q, m, entries[i]);
			any = true;
		}
		release_pages(q, pages, nr_pages);
		cond_resched(q);
	}
	return any;
}

void truncate_inode_pages_range(struct quire *q, struct address_space *m, unsigned long start,
				unsigned long last)
{
	if (m->swap_backed && q->cache->ops.split_huge_page) {
		unsigned long done = truncate_partial_page(q, m, start, start, last);

		if (last != ULONG_MAX && last > done)
			(void)truncate_partial_page(q, m, last, start, last);
	}
	while (truncate_pass(q, m, start, last))
		;
}

void truncate_inode_pages(struct quire *q, struct address_space *m, unsigned long start)
{
	truncate_inode_pages_range(q, m, start, ULONG_MAX);
}

/* A clean page that only the cache and the caller hold: out with it. */
static bool invalidate_page(struct quire *q, struct address_space *m, struct page *page)
{
	bool gone = false;

	if (!trylock_page(page))
		return false;
	if (page->mapping != m || PageDirty(page) || PageWriteback(page) || page_mapped(page))
		goto unlock;
	if (!try_to_free_buffers(q, page))
		goto unlock;
	spin_lock(q, &m->i_pages_lock);
	if (page_ref_count(page) == 2 && !PageDirty(page)) {
		__delete_from_page_cache(q, page, NULL);
		(void)HOT_SUB(&page->_refcount, 1);
		gone = true;
	}
	spin_unlock(q, &m->i_pages_lock);
unlock:
	unlock_page(q, page);
	return gone;
}

unsigned long invalidate_mapping_pages(struct quire *q, struct address_space *m,
				       unsigned long start, unsigned long end)
{
	void *entries[GANG];
	struct page *pages[GANG];
	unsigned long indices[GANG], count = 0;
	unsigned int nr, nr_pages;

	while (start <= end && (nr = find_gang(q, m, start, end, entries, indices))) {
		nr_pages = 0;
		for (unsigned int i = 0; i < nr; i++) {
			if (xa_is_value(entries[i])) {
				if (!m->swap_backed)
					truncate_value(q, m, indices[i], entries[i]);
				continue;
			}
			count += invalidate_page(q, m, entries[i]);
			pages[nr_pages++] = entries[i];
		}
		start = indices[nr - 1] + 1;
		release_pages(q, pages, nr_pages);
		if (!start)
			break;
		cond_resched(q);
	}
	return count;
}

/* All pages from start on, also the copies that areas have of them. */
static void unmap_from(struct quire *q, struct address_space *m, unsigned long start)
{
	if (q->cache->ops.unmap_mapping_range && !list_empty(&m->i_mmap))
		q->cache->ops.unmap_mapping_range(q, m, start, ULONG_MAX - start, true);
}

void truncate_setsize(struct quire *q, struct inode *inode, u64 size_bytes)
{
	struct address_space *m = &inode->i_data;
	u64 old = inode->i_size;
	unsigned long start = (unsigned long)DIV_ROUND_UP(size_bytes, PAGE_SIZE);

	inode->i_size = size_bytes;
	if (m->swap_backed && q->cache->ops.shmem_reacct_size)
		q->cache->ops.shmem_reacct_size(q, m, old);
	if (size_bytes < old) {
		inode->fallocend = 0;
		/* Before the pages go, so that no fault brings them back mapped;
		 * each page is looked at again under its lock.  And after, as a fault
		 * that was under way may have left its own copy of one. */
		unmap_from(q, m, start);
		truncate_inode_pages(q, m, start);
		unmap_from(q, m, start);
		inode->i_valid = min(inode->i_valid, size_bytes);
		if (inode->i_sb->bdi)
			inode_free_extents(q, inode, start);
	}
	mark_inode_dirty(q, inode, I_DIRTY_INODE);
}

void drop_pagecache(struct quire *q)
{
	struct super_block *sb;
	struct inode *inode = NULL;

	/* Batches hold references: pages in them would look used. */
	lru_add_drain_all(q);
	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		while ((inode = sb_next_inode(q, sb, inode))) {
			if (inode->i_data.nrpages && !inode->i_data.swap_backed &&
			    !inode->i_data.hugetlb)
				(void)invalidate_mapping_pages(q, &inode->i_data, 0, ULONG_MAX);
			cond_resched(q);
		}
	}
	count_vm_event(q, DROP_PAGECACHE);
}
