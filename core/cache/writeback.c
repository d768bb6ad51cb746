/* SPDX-License-Identifier: MIT */
/*
 * Writing a file's dirty pages out (Linux's mpage.c, and of fs-writeback.c what
 * waits: fsync, sync).
 *
 * The idea: pages that are neighbours on the device go out in one bio.  flusher.c
 * says which inodes' turn it is.
 *
 * Invariant: bdi->nr_inflight is the number of pages in bios under way; it is
 * bounded, so that a slow device makes its flusher wait rather than all of memory.
 *
 * Locks: a page is locked while it goes from dirty to writeback.  No lock is held
 * while a bio is submitted.
 */
#include "cache/internal.h"

/* Pages in flight of one device (64 bios): what Linux's request queue holds. */
#define BDI_INFLIGHT (64UL * QUIRE_BIO_MAX_PAGES)

/* ---- pages of one file ----------------------------------------------------- */

static void write_end_io(struct quire *q, struct quire_bio *bio)
{
	struct bdi_writeback *wb = bio->private;
	struct backing_dev *bdi = wb->bdi;

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
	wb_writeback_done(q, wb, bio->nr_pages);
	bio_put(q, bio);
}

static void submit_write(struct quire *q, const struct inode *inode, struct quire_bio **biop)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	struct quire_bio *bio = *biop;

	if (!bio)
		return;
	*biop = NULL;
	/* Waiting comes before counting: a wait for oneself would be long. */
	if (bdi->nr_inflight >= BDI_INFLIGHT)
		wait_event(q, &bdi->progress, bdi->nr_inflight < BDI_INFLIGHT);
	bio->private = inode_to_wb(inode);
	wb_writeback_begin(q, bio->private, bio->nr_pages);
	submit_bio(q, bdi, bio);
}

/* Adds a page, under writeback now, to *biop or to a new bio; a block nobody
 * gave it has nothing to be written. */
static void write_page_to_bio(struct quire *q, struct inode *inode, struct page *page,
			      struct quire_bio **biop)
{
	u64 block = inode_block(inode, page->index);
	struct quire_bio *bio = *biop;

	if (unlikely(block == NO_BLOCK)) {
		end_page_writeback(q, page);
		return;
	}
	if (bio &&
	    (bio->nr_pages == QUIRE_BIO_MAX_PAGES || bio->page_offset + bio->nr_pages != block)) {
		submit_write(q, inode, biop);
		bio = NULL;
	}
	if (!bio) {
		bio = *biop = bio_alloc(q, GFP_NOIO);
		bio->op = QUIRE_BIO_WRITE;
		bio->page_offset = block;
		bio->end_io = write_end_io;
	}
	bio->pfn[bio->nr_pages++] = page_to_pfn(q, page);
}

/* One page of a gang: true if it was put into the bio. */
static bool write_one_page(struct quire *q, struct inode *inode, struct page *page,
			   struct quire_bio **biop, struct writeback_control *wbc)
{
	/* Whoever holds the lock may wait for pages that our bio holds. */
	if (!trylock_page(page)) {
		submit_write(q, inode, biop);
		lock_page(q, page);
	}
	if (page->mapping != &inode->i_data || !PageDirty(page))
		goto unlock;
	if (PageWriteback(page)) {
		if (!wbc->sync)
			goto unlock;
		submit_write(q, inode, biop);
		wait_on_page_writeback(q, page);
	}
	if (!clear_page_dirty_for_io(q, page))
		goto unlock;
	set_page_writeback(q, page);
	unlock_page(q, page);
	wbc_account_cgroup_owner(q, wbc, page);
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
			    write_one_page(q, inode, pages[i], &bio, wbc)) {
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
	submit_write(q, inode, &bio);
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
	submit_write(q, inode, &bio);
	return 0;
}

const struct address_space_operations file_aops = {
	.writepage = file_writepage,
};

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
	struct writeback_control wbc = {.nr_to_write = LONG_MAX, .sync = true};

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
