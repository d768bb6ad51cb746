/* SPDX-License-Identifier: MIT */
/*
 * Dirty pages: counting them, and how many there may be (the first half of
 * Linux's page-writeback.c; balance.c is the other).
 *
 * The idea: of the memory that could hold dirty pages, dirty_background_ratio
 * per cent may be dirty before the flushers write, and dirty_ratio per cent at
 * most.  Of that each device has the share that it had of the pages written
 * lately.
 *
 * Invariants: NR_FILE_DIRTY counts pages of files (not of shmem, nor
 * anonymous) with PG_dirty; NR_ZONE_WRITE_PENDING those and pages with
 * PG_writeback; bdi->nr_reclaimable the dirty ones of a device, bdi->nr_writeback
 * its files' pages with PG_writeback.  A page of a file with PG_dirty has the
 * DIRTY mark in its tree, its inode I_DIRTY_PAGES.
 *
 * Locks: i_pages_lock for the mark with the count; bdi->wb_lock for the lists.
 */
#include "cache/internal.h"

/* ---- counting -------------------------------------------------------------- */

void mark_inode_dirty(struct quire *q, struct inode *inode, unsigned int what)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	bool first = false;

	if (!bdi || (HOT_LOAD(&inode->i_state) & what) == what)
		return;
	spin_lock(q, &bdi->wb_lock);
	/* One that is being written is put back by its writer. */
	if (!(HOT_OR(&inode->i_state, what) & (I_DIRTY | I_SYNC | I_FREEING))) {
		inode->dirtied_when = quire_clock(q);
		first = !wb_has_dirty_io(bdi);
		/* The clock of dirty_writeback_interval starts now. */
		if (first)
			bdi->last_old_flush = inode->dirtied_when;
		list_add_tail(&inode->i_io_list, &bdi->b_dirty);
	}
	spin_unlock(q, &bdi->wb_lock);
	/* The flusher sleeps without a limit while there is nothing to age. */
	if (first)
		wake_up(q, &bdi->flusher_wait);
}

static void account_dirty(struct quire *q, struct page *page, const struct address_space *m,
			  long delta)
{
	struct backing_dev *bdi = m->host->i_sb->bdi;

	if (likely(bdi))
		(void)HOT_ADD(&bdi->nr_reclaimable, (unsigned long)delta);
	mod_lruvec_page_state(q, page, NR_FILE_DIRTY, delta);
	mod_zone_page_state(page_zone(q, page), NR_ZONE_WRITE_PENDING, delta);
}

bool set_page_dirty(struct quire *q, struct page *page)
{
	struct address_space *m;

	page = compound_head(page);
	m = page_file_mapping(page);
	if (PageReclaim(page))
		ClearPageReclaim(page);
	if (TestSetPageDirty(page))
		return false;
	if (!m || m->swap_backed)
		return true;
	spin_lock(q, &m->i_pages_lock);
	if (likely(page->mapping == m)) {
		account_dirty(q, page, m, 1);
		mod_node_page_state(page_pgdat(q, page), NR_DIRTIED, 1);
		if (m->host->i_sb->bdi)
			(void)HOT_ADD(&m->host->i_sb->bdi->nr_dirtied, 1);
		current_context(q)->nr_dirtied++;
		(void)HOT_ADD(&q->cache->wb.cpu[smp_processor_id(q)].dirtied, 1);
		xa_set_mark(&m->i_pages, page->index, PAGECACHE_TAG_DIRTY);
	}
	spin_unlock(q, &m->i_pages_lock);
	mark_inode_dirty(q, m->host, I_DIRTY_PAGES);
	return true;
}

bool clear_page_dirty_for_io(struct quire *q, struct page *page)
{
	struct address_space *m = page_file_mapping(page);

	if (!m || m->swap_backed)
		return TestClearPageDirty(page);
	/* What mappings wrote since counts too; and the next write through
	 * them must fault, to be seen. */
	if (page_mapped(page) && q->cache->ops.page_mkclean && q->cache->ops.page_mkclean(q, page))
		(void)set_page_dirty(q, page);
	if (!TestClearPageDirty(page))
		return false;
	account_dirty(q, page, m, -1);
	return true;
}

void cancel_dirty_page(struct quire *q, struct page *page)
{
	struct address_space *m = page_file_mapping(page);

	if (TestClearPageDirty(page) && m && !m->swap_backed)
		account_dirty(q, page, m, -1);
}

/* ---- limits ---------------------------------------------------------------- */

/* Pages that could be dirty: free ones beyond the reserves, and files'. */
static unsigned long global_dirtyable_memory(struct quire *q)
{
	unsigned long x = si_mem_free(q);

	x -= min(x, q->node->totalreserve_pages);
	x += global_node_page_state(q, NR_INACTIVE_FILE);
	x += global_node_page_state(q, NR_ACTIVE_FILE);
	return x + 1;
}

void global_dirty_limits(struct quire *q, unsigned long *background, unsigned long *dirty)
{
	const struct cache_floor *c = q->cache;
	unsigned long available = global_dirtyable_memory(q), bg, thresh;
	/* Linux counts ratios in 1/PAGE_SIZE, rounded down. */
	unsigned long ratio = c->dirty_ratio * PAGE_SIZE / 100;
	unsigned long bg_ratio = c->dirty_background_ratio * PAGE_SIZE / 100;

	thresh = c->dirty_bytes ? DIV_ROUND_UP(c->dirty_bytes, PAGE_SIZE)
				: ratio * available / PAGE_SIZE;
	bg = c->dirty_background_bytes ? DIV_ROUND_UP(c->dirty_background_bytes, PAGE_SIZE)
				       : bg_ratio * available / PAGE_SIZE;
	if (bg >= thresh)
		bg = thresh / 2;
	if (current_context(q)->flags & PF_LOCAL_THROTTLE) {
		bg += bg / 4 + thresh / 32;
		thresh += thresh / 4 + thresh / 32;
	}
	*background = bg;
	*dirty = thresh;
}

void wakeup_flushers(struct quire *q)
{
	struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list) {
		if (!wb_has_dirty_io(bdi))
			continue;
		HOT_STORE(&bdi->flusher_wanted, true);
		wake_up(q, &bdi->flusher_wait);
	}
}
