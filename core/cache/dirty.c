/* SPDX-License-Identifier: MIT */
/*
 * Dirty pages: counting them, and holding back who makes too many (Linux's
 * page-writeback.c).
 *
 * The idea: of the memory that could hold dirty pages, dirty_background_ratio
 * per cent may be dirty before the flushers write, and dirty_ratio per cent at
 * most.  Half way between the two a task that dirties pages begins to be
 * slowed: it sleeps as long as the device needs to write what it dirtied, a
 * share of the device's bandwidth that is full at the setpoint, half-way again
 * to the limit, and falls to nothing at the limit.
 *
 * Invariants: NR_FILE_DIRTY counts pages of files (not of shmem, nor
 * anonymous) with PG_dirty; NR_ZONE_WRITE_PENDING those and pages with
 * PG_writeback.  A page of a file with PG_dirty has the DIRTY mark in its
 * tree, its inode I_DIRTY_PAGES.
 *
 * Locks: i_pages_lock for the mark with the count; bdi->wb_lock for the list.
 *
 * Differs from Linux: one domain (no writeback groups, no share of the limit a
 * device); pages_dirtied is counted an inode, not a task.
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
		first = list_empty(&bdi->b_dirty);
		list_add_tail(&inode->i_io_list, &bdi->b_dirty);
	}
	spin_unlock(q, &bdi->wb_lock);
	/* The flusher sleeps without a limit while there is nothing to age. */
	if (first)
		wake_up(q, &bdi->flusher_wait);
}

static void account_dirty(struct quire *q, struct page *page, long delta)
{
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
		account_dirty(q, page, 1);
		mod_node_page_state(page_pgdat(q, page), NR_DIRTIED, 1);
		if (m->host->i_sb->bdi)
			(void)HOT_ADD(&m->host->i_sb->bdi->nr_dirtied, 1);
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
	account_dirty(q, page, -1);
	return true;
}

void cancel_dirty_page(struct quire *q, struct page *page)
{
	struct address_space *m = page_file_mapping(page);

	if (TestClearPageDirty(page) && m && !m->swap_backed)
		account_dirty(q, page, -1);
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

bool over_background_thresh(struct quire *q)
{
	unsigned long bg, thresh;

	global_dirty_limits(q, &bg, &thresh);
	return global_node_page_state(q, NR_FILE_DIRTY) > bg;
}

void wakeup_flushers(struct quire *q)
{
	struct backing_dev *bdi;

	list_for_each_entry (bdi, &q->cache->bdis, list) {
		if (list_empty(&bdi->b_dirty))
			continue;
		HOT_STORE(&bdi->flusher_wanted, true);
		wake_up(q, &bdi->flusher_wait);
	}
}

/* ---- throttling ------------------------------------------------------------ */

#define MAX_PAUSE (200 * NSEC_PER_MSEC)
/* Shorter pauses are not worth a sleep: they are left out. */
#define MIN_PAUSE (1 * NSEC_PER_MSEC)

/* What part of its share a dirtier gets, in 1/1024: 1 at the setpoint, 2 at
 * freerun, 0 at the limit, along a cubic. */
static u64 pos_ratio(unsigned long freerun, unsigned long limit, unsigned long dirty)
{
	s64 setpoint = (s64)(freerun + limit) / 2;
	s64 x;

	if (dirty >= limit)
		return 0;
	x = (setpoint - (s64)dirty) * 1024 / ((s64)limit - setpoint + 1);
	x = 1024 + x * x / 1024 * x / 1024;
	return x < 0 ? 0 : (u64)min(x, (s64)2048);
}

/* How many pages may be dirtied between two looks at the limits. */
static unsigned int dirty_poll_interval(struct quire *q)
{
	unsigned long bg, thresh;
	unsigned long dirty = global_node_page_state(q, NR_FILE_DIRTY);

	global_dirty_limits(q, &bg, &thresh);
	return thresh > dirty ? 1u << (ilog2(thresh - dirty) / 2) : 1;
}

static void balance_dirty_pages(struct quire *q, struct backing_dev *bdi, unsigned int dirtied)
{
	while (!q->stopping && !fatal_signal(q)) {
		unsigned long nr_dirty = global_node_page_state(q, NR_FILE_DIRTY);
		unsigned long dirty = nr_dirty + global_node_page_state(q, NR_WRITEBACK);
		unsigned long bg, thresh, freerun;
		u64 rate, pause = MAX_PAUSE;

		global_dirty_limits(q, &bg, &thresh);
		freerun = (bg + thresh) / 2;
		if (nr_dirty > bg)
			wake_up(q, &bdi->flusher_wait);
		if (dirty <= freerun)
			break;
		if (!bdi->has_flusher) {
			struct writeback_control wbc = {.nr_to_write = 1024,
							.dirtied_before = UINT64_MAX};

			if (!writeback_sb_inodes(q, bdi, &wbc) && !bdi->nr_writeback)
				break;
		}
		rate = bdi->write_bandwidth * pos_ratio(freerun, thresh, dirty) / 1024 /
		       (bdi->nr_throttled + 1);
		if (rate)
			pause = min((u64)dirtied * NSEC_PER_SEC / rate, MAX_PAUSE);
		if (rate && pause < MIN_PAUSE)
			break;
		(void)HOT_ADD(&bdi->nr_throttled, 1);
		psi_stall_enter(q, PSI_IO);
		sleep_ns(q, pause);
		psi_stall_leave(q, PSI_IO);
		(void)HOT_SUB(&bdi->nr_throttled, 1);
		/* It has paid for its pages. */
		if (rate)
			break;
	}
}

void balance_dirty_pages_ratelimited(struct quire *q, struct address_space *m, unsigned int nr)
{
	struct inode *inode = m->host;
	unsigned int dirtied = HOT_ADD(&inode->i_nr_dirtied, nr);

	if (!inode->i_sb->bdi || (dirtied < 16 && dirtied != nr))
		return;
	if (dirtied < dirty_poll_interval(q))
		return;
	HOT_STORE(&inode->i_nr_dirtied, 0);
	balance_dirty_pages(q, inode->i_sb->bdi, dirtied);
}
