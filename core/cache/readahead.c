/* SPDX-License-Identifier: MIT */
/*
 * Readahead: which pages to bring in together (Linux's readahead.c).
 *
 * The idea: a reader that goes on where it stopped will go on.  Its window is
 * [start, start + size); the page at start + size - async_size carries
 * PG_readahead, and when the reader comes to it, the next window, twice as
 * large up to ra_pages, is started while the reader still has pages ahead.  A
 * lone read somewhere brings only what it asked for.  A fault brings the
 * ra_pages around it.
 *
 * Pages enter the cache locked; the end of their bio marks them up to date and
 * unlocks them.  Neighbours on the device share a bio of up to
 * QUIRE_BIO_MAX_PAGES pages.
 *
 * A reader without a window that comes behind cached pages may go on with a stream:
 * then it gets one (try_context_readahead()).
 *
 * Differs from Linux: faults share one window an inode.
 */
#include "cache/internal.h"

/* Readers can wait for the pages one by one if these don't come: no hard try. */
#define RA_GFP(gfp) ((gfp) | __GFP_NORETRY | __GFP_NOWARN)

static void read_end_io(struct quire *q, struct quire_bio *bio)
{
	for (unsigned int i = 0; i < bio->nr_pages; i++) {
		struct page *page = pfn_to_page(q, bio->pfn[i]);

		if (likely(!bio->error))
			SetPageUptodate(page);
		else
			SetPageError(page);
		unlock_page(q, page);
	}
	bio_put(q, bio);
}

static void submit_read(struct quire *q, struct backing_dev *bdi, struct quire_bio **biop)
{
	struct quire_bio *bio = *biop;

	*biop = NULL;
	if (bio)
		submit_bio(q, bdi, bio);
}

/* Adds a locked page to *biop, or to a new bio after starting that one. */
static int read_page_into_bio(struct quire *q, struct inode *inode, struct page *page,
			      struct quire_bio **biop, gfp_t gfp)
{
	struct backing_dev *bdi = inode->i_sb->bdi;
	u64 block = bdi ? inode_block(inode, page->index) : NO_BLOCK;
	struct quire_bio *bio = *biop;

	/* A hole, or beyond what was ever written: zeros, without I/O. */
	if (unlikely(block == NO_BLOCK || (u64)page->index << PAGE_SHIFT >= inode->i_valid)) {
		hot_clear_page(q->hot, page_to_pfn(q, page));
		SetPageUptodate(page);
		unlock_page(q, page);
		return 0;
	}
	if (bio &&
	    (bio->nr_pages == QUIRE_BIO_MAX_PAGES || bio->page_offset + bio->nr_pages != block)) {
		submit_read(q, bdi, biop);
		bio = NULL;
	}
	if (!bio) {
		bio = bio_alloc(q, gfp);
		if (!bio)
			return -ENOMEM;
		*biop = bio;
		bio->op = QUIRE_BIO_READ;
		bio->page_offset = block;
		bio->end_io = read_end_io;
	}
	bio->pfn[bio->nr_pages++] = page_to_pfn(q, page);
	return 0;
}

/*
 * Brings pages [index, index + nr) in as far as they are missing; the page
 * `lookahead` before the end gets PG_readahead.  Ends early when memory does.
 */
static void page_cache_ra_unbounded(struct quire *q, struct address_space *m, unsigned long index,
				    unsigned long nr, unsigned long lookahead, gfp_t gfp)
{
	unsigned long end = index + nr, mark = lookahead <= nr ? end - lookahead : ULONG_MAX;
	struct quire_context *context = current_context(q);
	unsigned int nofs = context->flags & PF_MEMALLOC_NOFS;
	struct inode *inode = m->host;
	struct quire_bio *bio = NULL;

	/* Reclaim for these pages must not wait for the file system: they are
	 * locked. */
	context->flags |= PF_MEMALLOC_NOFS;
	for (; index < end; index++) {
		void *entry;
		struct page *page;
		int err;

		spin_lock(q, &m->i_pages_lock);
		entry = xa_load(&m->i_pages, index);
		spin_unlock(q, &m->i_pages_lock);
		if (entry && !xa_is_value(entry))
			continue;
		page = alloc_pages(q, RA_GFP(gfp), 0);
		if (!page)
			break;
		/* Its only reference becomes the cache's; the lock keeps it. */
		err = filemap_add_new(q, page, m, index, RA_GFP(gfp));
		if (unlikely(err)) {
			put_page(q, page);
			if (err == -EEXIST)
				continue;
			break;
		}
		if (index == mark)
			SetPageReadahead(page);
		if (unlikely(read_page_into_bio(q, inode, page, &bio, gfp))) {
			unlock_page(q, page);
			break;
		}
	}
	if (bio)
		submit_read(q, inode->i_sb->bdi, &bio);
	context->flags = (context->flags & ~(unsigned int)PF_MEMALLOC_NOFS) | nofs;
}

/* The same, as far as the file goes; the mark moves with a cut end. */
static void do_page_cache_ra(struct quire *q, struct address_space *m, unsigned long index,
			     unsigned long nr, unsigned long lookahead, gfp_t gfp)
{
	unsigned long size = inode_pages(m->host);

	if (index < size)
		page_cache_ra_unbounded(q, m, index, min(nr, size - index), lookahead, gfp);
}

static unsigned int ra_max(const struct address_space *m)
{
	const struct backing_dev *bdi = m->host->i_sb->bdi;

	return bdi ? bdi->ra_pages : 0;
}

/* The first window of a reader that asks for req pages at once. */
static unsigned int init_ra_size(unsigned long req, unsigned long max_pages)
{
	unsigned long size = roundup_pow_of_two(req);

	if (size <= max_pages / 32)
		return (unsigned int)size * 4;
	if (size <= max_pages / 4)
		return (unsigned int)size * 2;
	return (unsigned int)max_pages;
}

static unsigned int next_ra_size(unsigned int cur, unsigned long max_pages)
{
	if (cur < max_pages / 16)
		return cur * 4;
	return cur <= max_pages / 2 ? cur * 2 : (unsigned int)max_pages;
}

static bool page_cached(struct quire *q, struct address_space *m, unsigned long index)
{
	void *entry;

	spin_lock(q, &m->i_pages_lock);
	entry = xa_load(&m->i_pages, index);
	spin_unlock(q, &m->i_pages_lock);
	return entry && !xa_is_value(entry);
}

/* The first page from index on that is missing, at most max pages further. */
static unsigned long page_cache_next_miss(struct quire *q, struct address_space *m,
					  unsigned long index, unsigned long max)
{
	for (; max && page_cached(q, m, index); max--)
		index++;
	return index;
}

/* A reader without a window, behind pages that a stream may have left: there is
 * one if they are more than it asks for. */
static bool try_context_readahead(struct quire *q, struct address_space *m,
				  struct file_ra_state *ra, unsigned long index, unsigned long req,
				  unsigned long max)
{
	unsigned long size = 0;

	while (size < max && size < index && page_cached(q, m, index - 1 - size))
		size++;
	if (size <= req)
		return false;
	/* From the file's start on: a whole file is being read. */
	if (size >= index)
		size *= 2;
	ra->start = index;
	ra->size = (unsigned int)min(size + req, max);
	ra->async_size = 1;
	return true;
}

/*
 * What comes of a miss at index (page NULL) or of coming to a marked page: see
 * the head of this file.  Linux: ondemand_readahead().
 */
static void ondemand_readahead(struct quire *q, struct address_space *m, struct file_ra_state *ra,
			       struct page *page, unsigned long index, unsigned long req, gfp_t gfp)
{
	const struct backing_dev *bdi = m->host->i_sb->bdi;
	unsigned long max_pages = ra_max(m);

	/* One large request may be as large as the device takes. */
	if (req > max_pages && bdi->io_pages > max_pages)
		max_pages = min(req, (unsigned long)bdi->io_pages);
	if (index &&
	    (index == ra->start + ra->size - ra->async_size || index == ra->start + ra->size)) {
		ra->start += ra->size;
		ra->size = next_ra_size(ra->size, max_pages);
		ra->async_size = ra->size;
	} else if (index && page) {
		/* A mark of another reader's: on from where its pages end. */
		unsigned long start = page_cache_next_miss(q, m, index + 1, max_pages);

		if (start - index > max_pages)
			return;
		ra->start = start;
		ra->size = next_ra_size((unsigned int)(start - index + req), max_pages);
		ra->async_size = ra->size;
	} else if (!index || req > max_pages || index - (ra->prev_pos >> PAGE_SHIFT) <= 1) {
		ra->start = index;
		ra->size = init_ra_size(req, max_pages);
		ra->async_size = ra->size > req ? ra->size - (unsigned int)req : ra->size;
	} else if (!try_context_readahead(q, m, ra, index, req, max_pages)) {
		/* A lone read somewhere: no more than that. */
		do_page_cache_ra(q, m, index, req, 0, gfp);
		return;
	}
	/* Would the first page read be the mark?  Then take two windows at once. */
	if (index == ra->start && ra->size == ra->async_size) {
		unsigned int add = next_ra_size(ra->size, max_pages);

		if (ra->size + add <= max_pages) {
			ra->async_size = add;
			ra->size += add;
		} else {
			ra->size = (unsigned int)max_pages;
			ra->async_size = (unsigned int)max_pages >> 1;
		}
	}
	do_page_cache_ra(q, m, ra->start, ra->size, ra->async_size, gfp);
}

/* Starts reading nr pages that are not cached, whatever the reader does. */
void force_page_cache_readahead(struct quire *q, struct file *file, unsigned long index,
				unsigned long nr)
{
	struct address_space *m = &file->f_inode->i_data;
	unsigned long piece = (2UL << 20) >> PAGE_SHIFT;

	if (m->swap_backed || !file->f_inode->i_sb || !file->f_inode->i_sb->bdi)
		return;
	for (; nr; index += min(nr, piece), nr -= min(nr, piece))
		do_page_cache_ra(q, m, index, min(nr, piece), 0, GFP_HIGHUSER_MOVABLE);
}

void page_cache_sync_ra(struct quire *q, struct address_space *m, struct file_ra_state *ra,
			unsigned long index, unsigned long req, gfp_t gfp)
{
	if (ra_max(m))
		ondemand_readahead(q, m, ra, NULL, index, req, gfp);
}

void page_cache_async_ra(struct quire *q, struct address_space *m, struct file_ra_state *ra,
			 struct page *page, unsigned long index, unsigned long req, gfp_t gfp)
{
	if (!ra_max(m) || PageWriteback(page))
		return;
	ClearPageReadahead(page);
	ondemand_readahead(q, m, ra, page, index, req, gfp);
}

/* So many more misses than hits, and reading around them is given up. */
#define MMAP_LOTSAMISS 100

void page_cache_around_ra(struct quire *q, struct address_space *m, unsigned long index, gfp_t gfp)
{
	struct file_ra_state *ra = &m->host->i_ra;
	unsigned int max_pages = ra_max(m);

	if (!max_pages)
		return;
	if (ra->mmap_miss < MMAP_LOTSAMISS * 10)
		ra->mmap_miss++;
	if (ra->mmap_miss > MMAP_LOTSAMISS)
		return;
	ra->start = index > max_pages / 2 ? index - max_pages / 2 : 0;
	ra->size = max_pages;
	ra->async_size = max_pages / 4;
	do_page_cache_ra(q, m, ra->start, ra->size, ra->async_size, gfp);
}

bool page_cache_fault_hit(struct quire *q, struct address_space *m, struct page *page,
			  unsigned long index, gfp_t gfp)
{
	struct file_ra_state *ra = &m->host->i_ra;

	if (ra->mmap_miss)
		ra->mmap_miss--;
	if (likely(!PageReadahead(page)))
		return false;
	page_cache_async_ra(q, m, ra, page, index, ra_max(m), gfp);
	return true;
}

int filemap_read_page(struct quire *q, struct address_space *m, struct page *page, gfp_t gfp)
{
	struct quire_bio *bio = NULL;
	int err;

	ClearPageError(page);
	err = read_page_into_bio(q, m->host, page, &bio, gfp);
	if (bio)
		submit_read(q, m->host->i_sb->bdi, &bio);
	return err;
}

struct page *filemap_create_page(struct quire *q, struct address_space *m, unsigned long index,
				 gfp_t gfp)
{
	struct page *page = alloc_pages(q, gfp, 0);
	int err;

	if (!page)
		return ERR_PTR(-ENOMEM);
	err = add_to_page_cache_lru(q, page, m, index, gfp);
	if (!err) {
		err = filemap_read_page(q, m, page, gfp);
		if (!err)
			return page;
		unlock_page(q, page);
	}
	put_page(q, page);
	return ERR_PTR(err);
}
