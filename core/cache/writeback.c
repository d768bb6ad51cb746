/* SPDX-License-Identifier: MIT */
/*
 * Writeback: dirty pages go to their device (Linux's fs-writeback.c and
 * mpage.c).
 *
 * The idea: a device has one list of dirty inodes, ordered by when they became
 * dirty, and one thread, the flusher, which takes inodes from its front:
 * while there are more dirty pages than the background threshold; every
 * dirty_writeback_interval those dirty for longer than dirty_expire_interval;
 * and all when reclaim asks.  Pages that are neighbours on the device go out
 * in one bio.
 *
 * Invariants: an inode is on its device's list if and only if it has I_DIRTY
 * and neither I_SYNC nor I_FREEING.  bdi->nr_writeback is the number of pages
 * in bios under way; it is bounded, so that a slow device makes its flusher
 * wait rather than all of memory.
 *
 * Locks: bdi->wb_lock the list and I_SYNC; a page is locked while it goes from
 * dirty to writeback.  No lock is held while a bio is submitted.
 */
#include "base/text.h"
#include "cache/internal.h"

#define MAX_WRITEBACK_PAGES 1024
/* Pages in flight of one device (64 bios): what Linux's request queue holds. */
#define BDI_INFLIGHT	   (64UL * QUIRE_BIO_MAX_PAGES)
#define BANDWIDTH_INTERVAL (200 * NSEC_PER_MSEC)
#define BANDWIDTH_PERIOD   (3 * NSEC_PER_SEC)

/* ---- the device's speed ---------------------------------------------------- */

static void bdi_writeback_begin(struct quire *q, struct backing_dev *bdi, unsigned int nr)
{
	/* Idle time says nothing about the device: measure from here. */
	if (!bdi->nr_writeback) {
		bdi->bw_time = quire_clock(q);
		bdi->written_stamp = bdi->nr_written;
	}
	(void)HOT_ADD(&bdi->nr_writeback, nr);
}

void bdi_writeback_done(struct quire *q, struct backing_dev *bdi, unsigned int nr)
{
	u64 now = quire_clock(q), elapsed = now - bdi->bw_time, bw;

	(void)HOT_ADD(&bdi->nr_written, nr);
	(void)HOT_SUB(&bdi->nr_writeback, nr);
	if (elapsed >= BANDWIDTH_INTERVAL) {
		bw = (bdi->nr_written - bdi->written_stamp) * (NSEC_PER_SEC / 1000) /
		     (elapsed / 1000);
		/* A running mean over the period. */
		if (elapsed < BANDWIDTH_PERIOD)
			bw = (bw * (elapsed >> 20) +
			      bdi->write_bandwidth * ((BANDWIDTH_PERIOD - elapsed) >> 20)) /
			     (BANDWIDTH_PERIOD >> 20);
		bdi->write_bandwidth = max(bw, (u64)1);
		bdi->bw_time = now;
		bdi->written_stamp = bdi->nr_written;
	}
	wake_up(q, &bdi->progress);
}

/* ---- pages of one file ----------------------------------------------------- */

static void write_end_io(struct quire *q, struct quire_bio *bio)
{
	struct backing_dev *bdi = bio->private;

	if (unlikely(bio->error) && HOT_ADD(&bdi->nr_errors, 1) <= 10)
		pr_err(q, "Buffer I/O error on dev %s, logical block %llu, lost async page write",
		       bdi->name, (unsigned long long)bio->page_offset);
	for (unsigned int i = 0; i < bio->nr_pages; i++) {
		struct page *page = pfn_to_page(q, bio->pfn[i]);

		if (unlikely(bio->error)) {
			SetPageError(page);
			if (page->mapping)
				page->mapping->wb_err = bio->error;
		}
		end_page_writeback(q, page);
	}
	bdi_writeback_done(q, bdi, bio->nr_pages);
	bio_put(q, bio);
}

static void submit_write(struct quire *q, struct backing_dev *bdi, struct quire_bio **biop)
{
	struct quire_bio *bio = *biop;

	if (!bio)
		return;
	*biop = NULL;
	/* Waiting comes before counting: a wait for oneself would be long. */
	if (bdi->nr_writeback >= BDI_INFLIGHT)
		wait_event(q, &bdi->progress, bdi->nr_writeback < BDI_INFLIGHT);
	bdi_writeback_begin(q, bdi, bio->nr_pages);
	submit_bio(q, bdi, bio);
}

/* Adds a page, under writeback now, to *biop or to a new bio; a block nobody
 * gave it has nothing to be written. */
static void write_page_to_bio(struct quire *q, struct inode *inode, struct page *page,
			      struct quire_bio **biop)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	u64 block = inode_block(inode, page->index);
	struct quire_bio *bio = *biop;

	if (unlikely(block == NO_BLOCK)) {
		end_page_writeback(q, page);
		return;
	}
	if (bio &&
	    (bio->nr_pages == QUIRE_BIO_MAX_PAGES || bio->page_offset + bio->nr_pages != block)) {
		submit_write(q, bdi, biop);
		bio = NULL;
	}
	if (!bio) {
		bio = *biop = bio_alloc(q, GFP_NOIO);
		bio->op = QUIRE_BIO_WRITE;
		bio->page_offset = block;
		bio->end_io = write_end_io;
		bio->private = bdi;
	}
	bio->pfn[bio->nr_pages++] = page_to_pfn(q, page);
}

/* One page of a gang: true if it was put into the bio. */
static bool write_one_page(struct quire *q, struct inode *inode, struct page *page,
			   struct quire_bio **biop, bool sync)
{
	/* Whoever holds the lock may wait for pages that our bio holds. */
	if (!trylock_page(page)) {
		submit_write(q, inode->i_sb->bdi, biop);
		lock_page(q, page);
	}
	if (page->mapping != &inode->i_data || !PageDirty(page))
		goto unlock;
	if (PageWriteback(page)) {
		if (!sync)
			goto unlock;
		submit_write(q, inode->i_sb->bdi, biop);
		wait_on_page_writeback(q, page);
	}
	if (!clear_page_dirty_for_io(q, page))
		goto unlock;
	set_page_writeback(q, page);
	unlock_page(q, page);
	write_page_to_bio(q, inode, page, biop);
	return true;
unlock:
	unlock_page(q, page);
	return false;
}

int do_writepages(struct quire *q, struct inode *inode, struct writeback_control *wbc)
{
	struct address_space *m = &inode->i_data;
	unsigned long index = wbc->sync ? 0 : inode->writeback_index;
	unsigned long end = ULONG_MAX;
	struct quire_bio *bio = NULL;
	struct page *pages[QUIRE_BIO_MAX_PAGES];
	unsigned long indices[QUIRE_BIO_MAX_PAGES];
	bool wrapped = index == 0;

	for (;;) {
		unsigned int nr;

		spin_lock(q, &m->i_pages_lock);
		nr = xa_gang(&m->i_pages, index, end, (void **)pages, indices, QUIRE_BIO_MAX_PAGES,
			     PAGECACHE_TAG_DIRTY);
		for (unsigned int i = 0; i < nr; i++)
			get_page(pages[i]);
		spin_unlock(q, &m->i_pages_lock);
		if (!nr) {
			/* From where the last round stopped to the end, then
			 * what lies before. */
			if (wrapped || !index)
				break;
			wrapped = true;
			end = index - 1;
			index = 0;
			continue;
		}
		for (unsigned int i = 0; i < nr; i++) {
			if ((wbc->sync || wbc->nr_to_write > 0) &&
			    write_one_page(q, inode, pages[i], &bio, wbc->sync)) {
				wbc->nr_to_write--;
				wbc->written++;
			}
		}
		index = indices[nr - 1] + 1;
		release_pages(q, pages, nr);
		if ((!wbc->sync && wbc->nr_to_write <= 0) || !index)
			break;
		cond_resched(q);
	}
	inode->writeback_index = xa_marked(&m->i_pages, PAGECACHE_TAG_DIRTY) ? index : 0;
	submit_write(q, inode->i_sb->bdi, &bio);
	return 0;
}

/* a_ops->writepage: one page that reclaim wants written. */
int file_writepage(struct quire *q, struct page *page)
{
	struct inode *inode = page->mapping->host;
	struct quire_bio *bio = NULL;

	if (!inode->i_sb->bdi)
		return AOP_WRITEPAGE_ACTIVATE;
	if (PageWriteback(page) || !clear_page_dirty_for_io(q, page)) {
		unlock_page(q, page);
		return 0;
	}
	set_page_writeback(q, page);
	unlock_page(q, page);
	write_page_to_bio(q, inode, page, &bio);
	submit_write(q, inode->i_sb->bdi, &bio);
	return 0;
}

const struct address_space_operations file_aops = {
	.writepage = file_writepage,
};

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

static void inode_end_sync(struct quire *q, struct backing_dev *bdi, struct inode *inode, bool more)
{
	struct address_space *m = &inode->i_data;

	spin_lock(q, &bdi->wb_lock);
	(void)HOT_AND(&inode->i_state, ~I_SYNC);
	if (xa_marked(&m->i_pages, PAGECACHE_TAG_DIRTY))
		(void)HOT_OR(&inode->i_state, I_DIRTY_PAGES);
	if (inode->i_state & I_DIRTY) {
		/* Out of turn: its age stays, its place is the end of those as
		 * old (the list is by age, so a new age where it got dirty anew). */
		if (!more)
			inode->dirtied_when = quire_clock(q);
		if (more)
			list_add(&inode->i_io_list, &bdi->b_dirty);
		else
			list_add_tail(&inode->i_io_list, &bdi->b_dirty);
	}
	spin_unlock(q, &bdi->wb_lock);
	wake_up(q, &bdi->progress);
}

/* Writes one inode's dirty pages, up to wbc's and the turn's number. */
static void writeback_single_inode(struct quire *q, struct inode *inode,
				   struct writeback_control *wbc)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	long left, turn;

	if (!inode_begin_sync(q, bdi, inode))
		return;
	turn = max_t(long, MAX_WRITEBACK_PAGES, (long)(bdi->write_bandwidth / 2));
	turn = min(turn, wbc->nr_to_write);
	left = wbc->nr_to_write - turn;
	wbc->nr_to_write = turn;
	(void)do_writepages(q, inode, wbc);
	inode_end_sync(q, bdi, inode, !wbc->sync && wbc->nr_to_write <= 0);
	wbc->nr_to_write += left;
}

unsigned long writeback_sb_inodes(struct quire *q, struct backing_dev *bdi,
				  struct writeback_control *wbc)
{
	unsigned long before = wbc->written;

	while (wbc->nr_to_write > 0) {
		unsigned long done = wbc->written;
		struct inode *inode;
		bool stuck;

		spin_lock(q, &bdi->wb_lock);
		inode = list_first_entry_or_null(&bdi->b_dirty, struct inode, i_io_list);
		if (inode && inode->dirtied_when <= wbc->dirtied_before)
			ihold(inode);
		else
			inode = NULL;
		spin_unlock(q, &bdi->wb_lock);
		if (!inode)
			break;
		writeback_single_inode(q, inode, wbc);
		/* All that is left is being written already: not by us. */
		stuck = wbc->written == done && (inode->i_state & I_DIRTY);
		iput(q, inode);
		if (stuck)
			break;
		cond_resched(q);
	}
	return wbc->written - before;
}

/* ---- the flusher ----------------------------------------------------------- */

static void wb_check_background(struct quire *q, struct backing_dev *bdi)
{
	while (!q->stopping && over_background_thresh(q)) {
		struct writeback_control wbc = {.nr_to_write = MAX_WRITEBACK_PAGES,
						.dirtied_before = UINT64_MAX};

		if (!writeback_sb_inodes(q, bdi, &wbc))
			break;
	}
}

/* Returns when to look again, in ns from now. */
static u64 wb_check_old(struct quire *q, struct backing_dev *bdi)
{
	const struct cache_floor *c = q->cache;
	u64 interval = c->dirty_writeback_interval * (NSEC_PER_SEC / 100);
	u64 expire = c->dirty_expire_interval * (NSEC_PER_SEC / 100);
	u64 now = quire_clock(q);

	if (!interval)
		return MAX_SCHEDULE_TIMEOUT;
	if (now - bdi->last_old_flush < interval)
		return interval - (now - bdi->last_old_flush);
	bdi->last_old_flush = now;
	if (now >= expire) {
		struct writeback_control wbc = {.nr_to_write = LONG_MAX,
						.dirtied_before = now - expire};

		(void)writeback_sb_inodes(q, bdi, &wbc);
	}
	return interval;
}

static void wb_workfn(struct quire *q, void *arg)
{
	struct backing_dev *bdi = arg;

	current_context(q)->flags |= PF_WQ_WORKER;
	while (!q->stopping) {
		u32 seq = HOT_LOAD(&bdi->flusher_wait.seq);
		u64 timeout = MAX_SCHEDULE_TIMEOUT;

		if (!list_empty(&bdi->b_dirty)) {
			if (HOT_LOAD(&bdi->flusher_wanted)) {
				struct writeback_control wbc = {
					.nr_to_write =
						(long)global_node_page_state(q, NR_FILE_DIRTY),
					.dirtied_before = UINT64_MAX};

				HOT_STORE(&bdi->flusher_wanted, false);
				(void)writeback_sb_inodes(q, bdi, &wbc);
			}
			wb_check_background(q, bdi);
			timeout = wb_check_old(q, bdi);
		}
		/* Empty now: the next dirty inode's wake-up starts the clock. */
		if (list_empty(&bdi->b_dirty))
			timeout = MAX_SCHEDULE_TIMEOUT;
		if (!q->stopping)
			wait_on(q, &bdi->flusher_wait, seq, timeout);
	}
}

void bdi_start_flusher(struct quire *q, struct backing_dev *bdi)
{
	char name[48];

	text_format(name, sizeof(name), "kworker/u%u:0-flush-%s", 2 * q->nr_cpus, bdi->name);
	bdi->has_flusher = q->port->thread_start && !kthread_run(q, name, wb_workfn, bdi, -1);
}

/* ---- fsync, sync ----------------------------------------------------------- */

int filemap_fdatawait(struct quire *q, struct address_space *m)
{
	unsigned long index = 0;
	int err;

	for (;;) {
		struct page *page;

		spin_lock(q, &m->i_pages_lock);
		page = xa_find(&m->i_pages, &index, ULONG_MAX, PAGECACHE_TAG_WRITEBACK);
		if (page)
			get_page(page);
		spin_unlock(q, &m->i_pages_lock);
		if (!page)
			break;
		wait_on_page_writeback(q, page);
		put_page(q, page);
		if (!++index)
			break;
	}
	err = m->wb_err;
	m->wb_err = 0;
	return err;
}

static void write_inode_now(struct quire *q, struct inode *inode)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	struct writeback_control wbc = {
		.nr_to_write = LONG_MAX, .sync = true, .dirtied_before = UINT64_MAX};

	/* Somebody else's round may have passed our pages already. */
	wait_event(q, &bdi->progress, !(HOT_LOAD(&inode->i_state) & I_SYNC));
	if (inode->i_state & I_DIRTY)
		writeback_single_inode(q, inode, &wbc);
}

int vfs_fsync(struct quire *q, struct file *file)
{
	struct inode *inode = file->f_inode;

	if (!inode->i_sb->bdi)
		return 0;
	write_inode_now(q, inode);
	return filemap_fdatawait(q, &inode->i_data);
}

void sync_filesystems(struct quire *q)
{
	struct super_block *sb;
	struct inode *inode = NULL;

	wakeup_flushers(q);
	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		if (!sb->bdi)
			continue;
		while ((inode = sb_next_inode(q, sb, inode)))
			if (inode->i_state & (I_DIRTY | I_SYNC))
				write_inode_now(q, inode);
		while ((inode = sb_next_inode(q, sb, inode)))
			if (xa_marked(&inode->i_data.i_pages, PAGECACHE_TAG_WRITEBACK)) {
				int err = filemap_fdatawait(q, &inode->i_data);

				/* sync() has nobody to tell; fsync() has. */
				inode->i_data.wb_err = err;
			}
	}
}
