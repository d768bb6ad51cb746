/* SPDX-License-Identifier: MIT */
/*
 * The flusher: which dirty inode's turn it is (Linux's fs-writeback.c).
 *
 * The idea: a device has one thread, the flusher.  Dirty inodes wait on b_dirty
 * in the order in which they became dirty.  A round takes those that are old
 * enough to b_io and writes some of each (half a second's worth); who has more left goes to b_more_io, and
 * is first in the next round: one large file does not keep the others waiting.  Rounds
 * are run while there are more dirty pages than the background threshold; every
 * dirty_writeback_interval for those dirty longer than dirty_expire_interval;
 * and for all when reclaim asks.
 *
 * Invariants: an inode is on one of its device's three lists if and only if it
 * has I_DIRTY and neither I_SYNC nor I_FREEING.  b_dirty is in the order of
 * dirtied_when.
 *
 * Locks: bdi->wb_lock the lists and I_SYNC.
 */
#include "base/text.h"
#include "cache/internal.h"

#define MIN_WRITEBACK_PAGES 1024L
/* A round gives way to what else the flusher was asked after so long. */
#define ROUND_NS (100 * NSEC_PER_MSEC)

/* ---- inodes ---------------------------------------------------------------- */

/* Takes an inode's dirty state to write it: false if another writes it. */
static bool inode_begin_sync(struct quire *q, struct backing_dev *bdi, struct inode *inode)
{
	bool ok;

	spin_lock(q, &bdi->wb_lock);
	ok = !(inode->i_state & (I_SYNC | I_FREEING));
	if (ok) {
		/* Pages that are dirtied from now on set it again. */
		if (inode->i_state & I_DIRTY)
			list_del_init(&inode->i_io_list);
		(void)HOT_AND(&inode->i_state, ~I_DIRTY);
		(void)HOT_OR(&inode->i_state, I_SYNC);
	}
	spin_unlock(q, &bdi->wb_lock);
	return ok;
}

/* To the end of b_dirty; it is younger then, if it was older than the last one there. */
static void redirty_tail(struct quire *q, struct bdi_writeback *wb, struct inode *inode)
{
	const struct inode *last = list_last_entry_or_null(&wb->b_dirty, struct inode, i_io_list);

	if (last && inode->dirtied_when < last->dirtied_when)
		inode->dirtied_when = quire_clock(q);
	list_add_tail(&inode->i_io_list, &wb->b_dirty);
}

/* Where it goes after its turn; more: that was used up. */
static void inode_end_sync(struct quire *q, struct backing_dev *bdi, struct inode *inode,
			   const struct writeback_control *wbc)
{
	bool tagged = xa_marked(&inode->i_data.i_pages, PAGECACHE_TAG_DIRTY);

	spin_lock(q, &bdi->wb_lock);
	(void)HOT_AND(&inode->i_state, ~I_SYNC);
	if (tagged)
		(void)HOT_OR(&inode->i_state, I_DIRTY_PAGES);
	if (inode->i_state & I_DIRTY) {
		/* All that was dirty when a sync began is written: what is dirty is new. */
		if (wbc->sync)
			inode->dirtied_when = quire_clock(q);
		if (tagged && wbc->nr_to_write <= 0)
			list_add_tail(&inode->i_io_list, &inode_to_wb(inode)->b_more_io);
		else
			redirty_tail(q, inode_to_wb(inode), inode);
	}
	spin_unlock(q, &bdi->wb_lock);
	wake_up(q, &bdi->progress);
}

void writeback_single_inode(struct quire *q, struct inode *inode, struct writeback_control *wbc)
{
	struct backing_dev *bdi = inode->i_sb->bdi;

	if (!inode_begin_sync(q, bdi, inode))
		return;
	wbc_attach_inode(wbc, inode);
	(void)do_writepages(q, inode, wbc);
	inode_end_sync(q, bdi, inode, wbc);
	wbc_detach_inode(q, wbc, inode);
}

/* ---- rounds ---------------------------------------------------------------- */

/* Under wb_lock: who had more left, then who is old enough. */
static void queue_io(struct bdi_writeback *wb, u64 dirtied_before)
{
	struct inode *inode;

	list_splice_tail_init(&wb->b_more_io, &wb->b_io);
	while ((inode = list_first_entry_or_null(&wb->b_dirty, struct inode, i_io_list)) &&
	       inode->dirtied_when <= dirtied_before)
		list_move_tail(&inode->i_io_list, &wb->b_io);
}

/* One inode's turn. */
static long writeback_chunk_size(const struct quire *q, const struct bdi_writeback *wb,
				 const struct wb_work *work)
{
	long pages =
		(long)min((unsigned long)wb->avg_write_bandwidth / 2, q->cache->wb.dirty_limit / 8);

	pages = min(pages, work->nr_pages);
	return (pages + MIN_WRITEBACK_PAGES) / MIN_WRITEBACK_PAGES * MIN_WRITEBACK_PAGES;
}

/* Inodes from b_io until a tenth of a second has passed; the progress made: pages
 * written, and inodes that are clean now. */
static unsigned long writeback_inodes(struct quire *q, struct bdi_writeback *wb,
				      struct wb_work *work)
{
	u64 start = quire_clock(q);
	unsigned long progress = 0;

	while (work->nr_pages > 0 && !q->stopping) {
		struct writeback_control wbc = {.nr_to_write = 0};
		struct inode *inode;

		spin_lock(q, &wb->bdi->wb_lock);
		inode = list_first_entry_or_null(&wb->b_io, struct inode, i_io_list);
		if (inode)
			ihold(inode);
		spin_unlock(q, &wb->bdi->wb_lock);
		if (!inode)
			break;
		wbc.nr_to_write = writeback_chunk_size(q, wb, work);
		writeback_single_inode(q, inode, &wbc);
		work->nr_pages -= (long)wbc.written;
		work->written += wbc.written;
		progress += wbc.written + !(inode->i_state & I_DIRTY);
		iput(q, inode);
		if (quire_clock(q) - start > ROUND_NS)
			break;
		cond_resched(q);
	}
	return progress;
}

/* Another group's on the device is to be run: turns are a round long. */
static bool others_wait(const struct bdi_writeback *wb)
{
	const struct bdi_writeback *other;

	if (likely(list_is_singular(&wb->bdi->wbs)))
		return false;
	list_for_each_entry (other, &wb->bdi->wbs, bdi_node)
		if (other != wb && wb_has_dirty_io(other) &&
		    (HOT_LOAD(&other->flusher_wanted) || HOT_LOAD(&other->background_wanted)))
			return true;
	return false;
}

unsigned long wb_writeback(struct quire *q, struct bdi_writeback *wb, struct wb_work *work)
{
	const struct cache_floor *c = q->cache;

	while (work->nr_pages > 0 && !q->stopping) {
		u64 before = work->dirtied_before, now = quire_clock(q);
		u64 expire = c->dirty_expire_interval * (NSEC_PER_SEC / 100);

		/* Others' wishes come first: these never end while pages are dirtied. */
		if ((work->for_background || work->for_kupdate) && HOT_LOAD(&wb->flusher_wanted))
			break;
		if (work->for_background && !wb_over_bg_thresh(q, wb))
			break;
		if ((work->for_background || work->for_kupdate) && work->written &&
		    others_wait(wb)) {
			work->gave_way = true;
			break;
		}
		if (work->for_kupdate && now < expire)
			break;
		if (work->for_kupdate)
			before = now - expire;
		else if (work->for_background)
			before = now;
		spin_lock(q, &wb->bdi->wb_lock);
		if (list_empty(&wb->b_io))
			queue_io(wb, before);
		spin_unlock(q, &wb->bdi->wb_lock);
		/* No progress: what is left is being written by others. */
		if (!writeback_inodes(q, wb, work) && list_empty(&wb->b_more_io))
			break;
	}
	return work->written;
}

/* ---- the flusher ----------------------------------------------------------- */

/* Of all dirty pages, the part by its speed among those that have work: of the device among
 * devices, of the group's on it. */
static long split_dirty_pages(struct quire *q, const struct bdi_writeback *wb)
{
	long pages = (long)global_node_page_state(q, NR_FILE_DIRTY);
	const struct backing_dev *bdi;
	const struct bdi_writeback *other;
	u64 all = 0;

	list_for_each_entry (bdi, &q->cache->bdis, list)
		list_for_each_entry (other, &bdi->wbs, bdi_node)
			if (wb_has_dirty_io(other))
				all += other->avg_write_bandwidth;
	if (!all || wb->avg_write_bandwidth >= all)
		return pages;
	return (long)DIV_ROUND_UP((u64)pages * wb->avg_write_bandwidth, all);
}

/* In ns, until old pages are to be looked for; 0: now. */
static u64 until_old_flush(struct quire *q, const struct bdi_writeback *wb)
{
	u64 interval = q->cache->dirty_writeback_interval * (NSEC_PER_SEC / 100);
	u64 passed = quire_clock(q) - wb->last_old_flush;

	if (!interval)
		return MAX_SCHEDULE_TIMEOUT;
	return passed < interval ? interval - passed : 0;
}

static void wb_check_old(struct quire *q, struct bdi_writeback *wb)
{
	struct wb_work work = {.nr_pages = LONG_MAX, .for_kupdate = true};

	wb->last_old_flush = quire_clock(q);
	(void)wb_writeback(q, wb, &work);
	if (work.gave_way)
		wb->last_old_flush = 0;
}

/* Returns when to look again, in ns from now. */
static u64 wb_do_writeback(struct quire *q, struct bdi_writeback *wb)
{
	bool due = !until_old_flush(q, wb);

	HOT_STORE(&wb->running, true);
	if (HOT_LOAD(&wb->flusher_wanted)) {
		struct wb_work all = {.nr_pages = split_dirty_pages(q, wb),
				      .dirtied_before = UINT64_MAX};

		HOT_STORE(&wb->flusher_wanted, false);
		(void)wb_writeback(q, wb, &all);
	}
	if (due || HOT_LOAD(&wb->background_wanted)) {
		struct wb_work background = {.nr_pages = LONG_MAX, .for_background = true};

		HOT_STORE(&wb->background_wanted, false);
		(void)wb_writeback(q, wb, &background);
		if (background.gave_way)
			HOT_STORE(&wb->background_wanted, true);
	}
	if (due)
		wb_check_old(q, wb);
	HOT_STORE(&wb->running, false);
	return until_old_flush(q, wb);
}

static void wb_workfn(struct quire *q, void *arg)
{
	struct backing_dev *bdi = arg;
	struct bdi_writeback *wb;

	current_context(q)->flags |= PF_WQ_WORKER;
	while (!q->stopping) {
		u32 seq = HOT_LOAD(&bdi->flusher_wait.seq);
		u64 timeout = MAX_SCHEDULE_TIMEOUT;

		list_for_each_entry (wb, &bdi->wbs, bdi_node) {
			u64 due = MAX_SCHEDULE_TIMEOUT;

			if (wb_has_dirty_io(wb))
				due = wb_do_writeback(q, wb);
			/* Empty now: the next dirty inode's wake-up starts the clock. */
			if (wb_has_dirty_io(wb))
				timeout = min(timeout, HOT_LOAD(&wb->background_wanted) ? 0 : due);
		}
		if (!q->stopping && timeout)
			wait_on(q, &bdi->flusher_wait, seq, timeout);
	}
}

void bdi_start_flusher(struct quire *q, struct backing_dev *bdi)
{
	char name[48];

	text_format(name, sizeof(name), "kworker/u%u:0-flush-%s", 2 * q->nr_cpus, bdi->name);
	bdi->has_flusher = q->port->thread_start && !kthread_run(q, name, wb_workfn, bdi, -1);
}
