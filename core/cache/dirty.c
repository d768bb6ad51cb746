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
 * PG_writeback; wb->nr_reclaimable the dirty ones of a writeback's files, wb->nr_writeback
 * those with PG_writeback.  A page of a file with PG_dirty has the
 * DIRTY mark in its tree, its inode I_DIRTY_PAGES.
 *
 * Locks: i_pages_lock for the mark with the count; bdi->wb_lock for the lists.
 */
#include "cache/internal.h"

/* ---- counting -------------------------------------------------------------- */

void mark_inode_dirty(struct quire *q, struct inode *inode, unsigned int what)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	struct bdi_writeback *wb;
	bool first = false;

	if (!bdi || (HOT_LOAD(&inode->i_state) & what) == what)
		return;
	inode_attach_wb(q, inode, current_memcg(q));
	spin_lock(q, &bdi->wb_lock);
	wb = inode_to_wb(inode);
	/* One that is being written is put back by its writer. */
	if (!(HOT_OR(&inode->i_state, what) & (I_DIRTY | I_SYNC | I_FREEING))) {
		inode->dirtied_when = quire_clock(q);
		first = !wb_has_dirty_io(wb);
		/* The clock of dirty_writeback_interval starts now. */
		if (first)
			wb->last_old_flush = inode->dirtied_when;
		list_add_tail(&inode->i_io_list, &wb->b_dirty);
	}
	spin_unlock(q, &bdi->wb_lock);
	/* The flusher sleeps without a limit while there is nothing to age. */
	if (first)
		wake_up(q, &bdi->flusher_wait);
}

/* Under i_pages_lock: the inode stays with its writeback, and a page is dirty if it is
 * counted there. */
static void account_dirty(struct quire *q, struct page *page, const struct address_space *m,
			  long delta)
{
	if (likely(m->host->i_sb->bdi))
		(void)HOT_ADD(&inode_to_wb(m->host)->nr_reclaimable, (unsigned long)delta);
	mod_lruvec_page_state(q, page, NR_FILE_DIRTY, delta);
	mod_zone_page_state(page_zone(q, page), NR_ZONE_WRITE_PENDING, delta);
}

static void count_dirtied(struct quire *q, struct page *page, struct bdi_writeback *wb)
{
	(void)HOT_ADD(&wb->nr_dirtied, 1);
	if (unlikely(page->memcg != wb->memcg))
		mem_cgroup_track_foreign_dirty(q, page, wb);
}

bool set_page_dirty(struct quire *q, struct page *page)
{
	struct address_space *m;

	page = compound_head(page);
	m = page_file_mapping(page);
	if (PageReclaim(page))
		ClearPageReclaim(page);
	if (!m || m->swap_backed)
		return !TestSetPageDirty(page);
	if (PageDirty(page))
		return false;
	inode_attach_wb(q, m->host, page->memcg);
	spin_lock(q, &m->i_pages_lock);
	if (unlikely(TestSetPageDirty(page))) {
		spin_unlock(q, &m->i_pages_lock);
		return false;
	}
	if (likely(page->mapping == m)) {
		account_dirty(q, page, m, 1);
		mod_node_page_state(page_pgdat(q, page), NR_DIRTIED, 1);
		if (m->host->i_sb->bdi)
			count_dirtied(q, page, inode_to_wb(m->host));
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
	bool was;

	if (!m || m->swap_backed)
		return TestClearPageDirty(page);
	/* What mappings wrote since counts too; and the next write through
	 * them must fault, to be seen. */
	if (page_mapped(page) && q->cache->ops.page_mkclean && q->cache->ops.page_mkclean(q, page))
		(void)set_page_dirty(q, page);
	spin_lock(q, &m->i_pages_lock);
	was = TestClearPageDirty(page);
	if (was)
		account_dirty(q, page, m, -1);
	spin_unlock(q, &m->i_pages_lock);
	return was;
}

void cancel_dirty_page(struct quire *q, struct page *page)
{
	struct address_space *m = page_file_mapping(page);

	if (TestClearPageDirty(page) && m && !m->swap_backed)
		account_dirty(q, page, m, -1);
}

/* ---- limits ---------------------------------------------------------------- */

/* Pages that could be dirty: free ones beyond the reserves, and files'. */
unsigned long global_dirtyable_memory(struct quire *q)
{
	unsigned long x = si_mem_free(q);

	x -= min(x, q->node->totalreserve_pages);
	x += global_node_page_state(q, NR_INACTIVE_FILE);
	x += global_node_page_state(q, NR_ACTIVE_FILE);
	return x + 1;
}

void domain_dirty_limits(struct quire *q, unsigned long avail, unsigned long global_avail,
			 unsigned long *background, unsigned long *dirty)
{
	const struct cache_floor *c = q->cache;
	unsigned long bytes = c->dirty_bytes, bg_bytes = c->dirty_background_bytes, bg, thresh;
	/* Linux counts ratios in 1/PAGE_SIZE, rounded down. */
	unsigned long ratio = c->dirty_ratio * PAGE_SIZE / 100;
	unsigned long bg_ratio = c->dirty_background_ratio * PAGE_SIZE / 100;

	/* Bytes are the machine's: of a group it is the part that they are of the machine. */
	if (global_avail) {
		if (bytes)
			ratio = min(DIV_ROUND_UP(bytes, global_avail), PAGE_SIZE);
		if (bg_bytes)
			bg_ratio = min(DIV_ROUND_UP(bg_bytes, global_avail), PAGE_SIZE);
		bytes = bg_bytes = 0;
	}
	thresh = bytes ? DIV_ROUND_UP(bytes, PAGE_SIZE) : ratio * avail / PAGE_SIZE;
	bg = bg_bytes ? DIV_ROUND_UP(bg_bytes, PAGE_SIZE) : bg_ratio * avail / PAGE_SIZE;
	if (bg >= thresh)
		bg = thresh / 2;
	if (current_context(q)->flags & PF_LOCAL_THROTTLE) {
		bg += bg / 4 + thresh / 32;
		thresh += thresh / 4 + thresh / 32;
	}
	*background = bg;
	*dirty = thresh;
}

void global_dirty_limits(struct quire *q, unsigned long *background, unsigned long *dirty)
{
	domain_dirty_limits(q, global_dirtyable_memory(q), 0, background, dirty);
}

void wakeup_flushers(struct quire *q)
{
	struct backing_dev *bdi;
	struct bdi_writeback *wb;

	list_for_each_entry (bdi, &q->cache->bdis, list) {
		bool any = false;

		list_for_each_entry (wb, &bdi->wbs, bdi_node) {
			if (!wb_has_dirty_io(wb))
				continue;
			HOT_STORE(&wb->flusher_wanted, true);
			any = true;
		}
		if (any)
			wake_up(q, &bdi->flusher_wait);
	}
}
