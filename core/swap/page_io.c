/* SPDX-License-Identifier: MIT */
/*
 * Swap's pages to and from the device (Linux's page_io.c).
 *
 * A page that goes out is offered to zswap first; what that refuses is one bio.
 * Pages that come in are collected while their slots follow one another and
 * become one bio, as Linux's block layer would merge them.
 *
 * Who holds what: a page being written has PG_writeback and is unlocked; a page
 * being read is locked.  The end of the transfer clears that; it may come from
 * a context that can't sleep.  The cache's reference keeps the page meanwhile,
 * for neither state lets it leave the cache.
 *
 * A failed write leaves the page dirty in the cache, with PG_error; a failed read leaves
 * it not up to date: who faulted on it is killed.
 */
#include "swap/internal.h"
#include "base/printk.h"

static struct swap_info_struct *page_swap_info(struct quire *q, const struct page *page)
{
	return q->swap->info[swp_type((swp_entry_t){page->private})];
}

static void report_error(struct quire *q, const char *what, const struct quire_bio *bio)
{
	pr_err(q, "%s-error on swap-device (%u:0:%lu)", what, bio->dev,
	       (unsigned long)bio->page_offset << (PAGE_SHIFT - 9));
}

static void end_swap_bio_write(struct quire *q, struct quire_bio *bio)
{
	struct page *page = pfn_to_page(q, bio->pfn[0]);

	if (bio->error) {
		SetPageError(page);
		/* The slot's copy is no good, and reclaim must not take this one. */
		SetPageDirty(page);
		ClearPageReclaim(page);
		report_error(q, "Write", bio);
	}
	end_page_writeback(q, page);
	bio_put(q, bio);
}

static void end_swap_bio_read(struct quire *q, struct quire_bio *bio)
{
	if (bio->error)
		report_error(q, "Read", bio);
	for (unsigned int i = 0; i < bio->nr_pages; i++) {
		struct page *page = pfn_to_page(q, bio->pfn[i]);

		if (bio->error)
			SetPageError(page);
		else
			SetPageUptodate(page);
		unlock_page(q, page);
	}
	bio_put(q, bio);
}

static struct quire_bio *swap_bio(struct quire *q, const struct page *page, enum quire_bio_op op,
				  void (*end_io)(struct quire *q, struct quire_bio *bio))
{
	const struct swap_info_struct *si = page_swap_info(q, page);
	struct quire_bio *bio = bio_alloc(q, GFP_NOIO);

	if (!bio)
		return NULL;
	bio->dev = si->bdi->dev;
	bio->op = (uint16_t)op;
	bio->nr_pages = 1;
	bio->error = 0;
	bio->flags = si->bdi->synchronous ? BIO_RW_PAGE : 0;
	bio->page_offset = si->dev_start + swp_offset((swp_entry_t){page->private});
	bio->end_io = end_io;
	bio->private = si->bdi;
	bio->pfn[0] = page_to_pfn(q, page);
	return bio;
}

/*
 * A huge page goes in pieces of QUIRE_BIO_MAX_PAGES; how many are under way is in
 * the third tail's index, which nothing else uses.
 */
static void end_swap_bio_write_huge(struct quire *q, struct quire_bio *bio)
{
	struct page *head = pfn_to_page(q, bio->pfn[0]);

	head = compound_head(head);
	if (bio->error) {
		SetPageError(head);
		SetPageDirty(head);
		ClearPageReclaim(head);
		report_error(q, "Write", bio);
	}
	bio_put(q, bio);
	if (HOT_SUB(&head[3].index, 1UL) == 0)
		end_page_writeback(q, head);
}

static int swap_write_huge(struct quire *q, struct page *head)
{
	unsigned long nr = compound_nr(head);

	count_vm_event(q, THP_SWPOUT);
	count_vm_events(q, PSWPOUT, nr);
	set_page_writeback(q, head);
	HOT_STORE(&head[3].index, DIV_ROUND_UP(nr, QUIRE_BIO_MAX_PAGES));
	unlock_page(q, head);
	for (unsigned long i = 0; i < nr; i += QUIRE_BIO_MAX_PAGES) {
		/* The reserve sees to it that one comes. */
		struct quire_bio *bio =
			swap_bio(q, head + i, QUIRE_BIO_WRITE, end_swap_bio_write_huge);

		BUG_ON(q, !bio);
		bio->nr_pages = (uint16_t)min(nr - i, (unsigned long)QUIRE_BIO_MAX_PAGES);
		for (unsigned int j = 0; j < bio->nr_pages; j++)
			bio->pfn[j] = page_to_pfn(q, head + i + j);
		submit_bio(q, bio->private, bio);
	}
	return 0;
}

/* Is there anything to transfer to? */
static bool has_device(const struct quire *q, const struct swap_info_struct *si)
{
	return q->port->submit || si->bdi->submit_bio;
}

int __swap_writepage(struct quire *q, struct page *page)
{
	struct quire_bio *bio;

	if (!has_device(q, page_swap_info(q, page)))
		return -EIO;
	if (unlikely(PageHead(page)))
		return swap_write_huge(q, page);
	bio = swap_bio(q, page, QUIRE_BIO_WRITE, end_swap_bio_write);
	if (!bio)
		return -ENOMEM;
	count_vm_event(q, PSWPOUT);
	set_page_writeback(q, page);
	unlock_page(q, page);
	submit_bio(q, bio->private, bio);
	return 0;
}

int swap_writepage(struct quire *q, struct page *page)
{
	if (try_to_free_swap(q, page)) {
		unlock_page(q, page);
		return 0;
	}
	ClearPageDirty(page);
	/* zswap takes no huge pages: they go past it. */
	if (!PageHead(page) && zswap_store(q, page)) {
		set_page_writeback(q, page);
		unlock_page(q, page);
		end_page_writeback(q, page);
		return 0;
	}
	if (__swap_writepage(q, page)) {
		SetPageDirty(page);
		return AOP_WRITEPAGE_ACTIVATE;
	}
	return 0;
}

void swap_unplug(struct quire *q, struct swap_plug *plug)
{
	struct quire_bio *bio = plug->bio;

	plug->bio = NULL;
	if (bio)
		submit_bio(q, bio->private, bio);
}

int swap_readpage(struct quire *q, struct page *page, struct swap_plug *plug)
{
	const struct swap_info_struct *si = page_swap_info(q, page);
	u64 block = si->dev_start + swp_offset((swp_entry_t){page->private});
	struct quire_bio *bio = plug->bio;
	int err = zswap_load(q, page);

	if (err != -ENOENT) {
		if (err)
			SetPageError(page);
		else
			SetPageUptodate(page);
		unlock_page(q, page);
		return 0;
	}
	if (!has_device(q, si)) {
		SetPageError(page);
		unlock_page(q, page);
		return 0;
	}
	if (bio && (bio->nr_pages == QUIRE_BIO_MAX_PAGES || (bio->flags & BIO_RW_PAGE) ||
		    bio->private != si->bdi || bio->page_offset + bio->nr_pages != block)) {
		swap_unplug(q, plug);
		bio = NULL;
	}
	if (bio) {
		bio->pfn[bio->nr_pages++] = page_to_pfn(q, page);
	} else {
		bio = swap_bio(q, page, QUIRE_BIO_READ, end_swap_bio_read);
		if (!bio)
			return -ENOMEM;
		plug->bio = bio;
	}
	count_vm_event(q, PSWPIN);
	return 0;
}
