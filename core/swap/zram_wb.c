/* SPDX-License-Identifier: MIT */
/*
 * zram's backing device (CONFIG_ZRAM_WRITEBACK): pages that are idle, or that do not
 * compress, leave memory for a disk when somebody asks for it.
 *
 * A whole device is taken, a bit a block of it; block 0 is never used, so that a block's
 * number is never 0.  An entry that is written is marked (UNDER_WB, and IDLE as a sign that
 * nobody touched it meanwhile), its page is read into a frame, that frame is written, and
 * if the entry still bears its marks, it gives its object back and names the block.
 *
 * Reads of such a page go to the disk and end when that does.
 *
 * Locks: bitmap_lock the blocks; an entry's for its marks.
 */
#include "base/printk.h"
#include "base/string.h"
#include "swap/zram_internal.h"

/* ---- blocks ------------------------------------------------------------------ */

/* 0: all are taken. */
static unsigned long alloc_block(struct quire *q, struct zram *z)
{
	unsigned long block;

	spin_lock(q, &z->bitmap_lock);
	for (block = 1; block < z->nr_blocks; block++) {
		unsigned long *word = &z->bitmap[block / BITS_PER_LONG], taken = HOT_LOAD(word);

		if (!~taken) {
			block |= BITS_PER_LONG - 1;
			continue;
		}
		if (!(taken & 1UL << block % BITS_PER_LONG)) {
			(void)HOT_OR(word, 1UL << block % BITS_PER_LONG);
			break;
		}
	}
	spin_unlock(q, &z->bitmap_lock);
	if (block >= z->nr_blocks)
		return 0;
	(void)HOT_ADD(&z->stats.bd_count, 1);
	return block;
}

void zram_free_block(struct quire *q, struct zram *z, unsigned long block)
{
	/* An entry's lock is held, of the same rank: the word is changed without. */
	unsigned long old =
		HOT_AND(&z->bitmap[block / BITS_PER_LONG], ~(1UL << block % BITS_PER_LONG));

	BUG_ON(q, !(old & 1UL << block % BITS_PER_LONG));
	(void)HOT_SUB(&z->stats.bd_count, 1);
}

/* ---- transfers --------------------------------------------------------------- */

static struct quire_bio *backing_bio(struct quire *q, struct zram *z, struct page *page,
				     unsigned long block, enum quire_bio_op op)
{
	struct quire_bio *bio = bio_alloc(q, GFP_NOIO);

	if (!bio)
		return NULL;
	bio->op = (uint16_t)op;
	bio->nr_pages = 1;
	bio->page_offset = block;
	bio->pfn[0] = page_to_pfn(q, page);
	bio->dev = z->backing->dev;
	return bio;
}

static void end_backing_read(struct quire *q, struct quire_bio *bio)
{
	struct quire_bio *parent = bio->private;
	int err = bio->error;

	bio_put(q, bio);
	zram_bio_done(q, parent, err);
}

int zram_read_backing(struct quire *q, struct zram *z, struct page *page, unsigned long block,
		      struct quire_bio *parent)
{
	struct quire_bio *bio = backing_bio(q, z, page, block, QUIRE_BIO_READ);

	if (!bio)
		return -ENOMEM;
	(void)HOT_ADD(&z->stats.bd_reads, 1);
	bio->private = parent;
	bio->end_io = end_backing_read;
	(void)HOT_ADD((unsigned long *)&parent->link[0], 1UL);
	submit_bio(q, z->backing, bio);
	return 1;
}

/* A write that is waited for. */
struct backing_write {
	struct quire_wait_queue wait;
	bool done;
	int err;
};

static void end_backing_write(struct quire *q, struct quire_bio *bio)
{
	struct backing_write *w = bio->private;

	w->err = bio->error;
	bio_put(q, bio);
	HOT_STORE(&w->done, true);
	wake_up(q, &w->wait);
}

static int write_block(struct quire *q, struct zram *z, struct page *page, unsigned long block)
{
	struct quire_bio *bio = backing_bio(q, z, page, block, QUIRE_BIO_WRITE);
	struct backing_write w = {.done = false};

	if (!bio)
		return -ENOMEM;
	bio->private = &w;
	bio->end_io = end_backing_write;
	submit_bio(q, z->backing, bio);
	wait_event(q, &w.wait, HOT_LOAD(&w.done));
	return w.err ? -EIO : 0;
}

/* ---- writeback --------------------------------------------------------------- */

/* Marks an entry that is to go: false if it is none. */
static bool begin_writeback(struct quire *q, struct zram *z, unsigned long index, unsigned int mode)
{
	struct zram_table_entry *e = zram_entry(z, index);
	bool take;

	spin_lock(q, zram_lock(z, index));
	take = e->handle && !(e->flags & (ZRAM_WB | ZRAM_SAME | ZRAM_UNDER_WB));
	if (mode & ZRAM_WRITE_IDLE)
		take = take && (e->flags & ZRAM_IDLE);
	if (mode & ZRAM_WRITE_HUGE)
		take = take && (e->flags & ZRAM_HUGE);
	/* IDLE is cleared by whoever touches it. */
	if (take)
		e->flags |= ZRAM_UNDER_WB | ZRAM_IDLE;
	spin_unlock(q, zram_lock(z, index));
	return take;
}

/* The block has the page: it counts if nobody touched the entry; true if so. */
static bool end_writeback(struct quire *q, struct zram *z, unsigned long index, unsigned long block)
{
	struct zram_table_entry *e = zram_entry(z, index);
	u64 touched = e->ac_time;
	bool good;

	spin_lock(q, zram_lock(z, index));
	good = block && e->handle && (e->flags & ZRAM_IDLE);
	if (good) {
		zram_free_page(q, z, index);
		*e = (struct zram_table_entry){
			.handle = block, .flags = ZRAM_WB, .ac_time = touched};
		(void)HOT_ADD(&z->stats.pages_stored, 1);
	} else {
		e->flags &= ~(u32)(ZRAM_UNDER_WB | ZRAM_IDLE);
	}
	spin_unlock(q, zram_lock(z, index));
	return good;
}

static bool limit_reached(const struct zram *z)
{
	return z->wb_limit_enable && !z->bd_wb_limit;
}

/* Writes what qualifies of [first, last]; 0, or the error of the last that failed. */
static int write_range(struct quire *q, struct zram *z, struct page *page, unsigned int mode,
		       unsigned long first, unsigned long last)
{
	unsigned long block = 0, in_memory;
	int ret = 0, err;

	for (unsigned long i = first; i <= last; i++) {
		cond_resched(q);
		if (limit_reached(z)) {
			ret = -EIO;
			break;
		}
		if (!block)
			block = alloc_block(q, z);
		if (!block) {
			ret = -ENOSPC;
			break;
		}
		if (!begin_writeback(q, z, i, mode))
			continue;
		err = zram_read_page(q, z, page, i, false, &in_memory);
		if (!err)
			err = write_block(q, z, page, block);
		if (err) {
			(void)end_writeback(q, z, i, 0);
			ret = err;
			continue;
		}
		(void)HOT_ADD(&z->stats.bd_writes, 1);
		if (!end_writeback(q, z, i, block))
			continue;
		block = 0;
		if (z->wb_limit_enable && z->bd_wb_limit)
			z->bd_wb_limit--;
	}
	if (block)
		zram_free_block(q, z, block);
	return ret;
}

int zram_writeback(struct quire *q, struct zram *z, unsigned int mode, unsigned long index)
{
	struct page *page;
	int err = -EINVAL;

	mutex_lock(q, &z->init_lock);
	if (z->initialized && !z->backing)
		err = -ENODEV;
	if (z->initialized && z->backing && (!(mode & ZRAM_WRITE_PAGE) || index < z->nr_pages)) {
		page = alloc_pages(q, GFP_KERNEL, 0);
		err = !page		       ? -ENOMEM
		      : mode & ZRAM_WRITE_PAGE ? write_range(q, z, page, 0, index, index)
					       : write_range(q, z, page, mode, 0, z->nr_pages - 1);
		if (page)
			__free_pages(q, page, 0);
	}
	mutex_unlock(q, &z->init_lock);
	return err;
}

int zram_mark_idle(struct quire *q, struct zram *z, u64 age_s)
{
	u64 now = q->port->clock(q->port_ctx);
	int err = -EINVAL;

	mutex_lock(q, &z->init_lock);
	for (unsigned long i = 0; z->initialized && i < z->nr_pages; i++) {
		struct zram_table_entry *e = zram_entry(z, i);

		spin_lock(q, zram_lock(z, i));
		if ((e->handle || (e->flags & ZRAM_SAME)) && !(e->flags & ZRAM_UNDER_WB) &&
		    (!age_s || e->ac_time + age_s * NSEC_PER_SEC <= now))
			e->flags |= ZRAM_IDLE;
		spin_unlock(q, zram_lock(z, i));
		err = 0;
		cond_resched(q);
	}
	mutex_unlock(q, &z->init_lock);
	return err;
}

/* ---- which device ------------------------------------------------------------ */

void zram_drop_backing(struct quire *q, struct zram *z)
{
	if (!z->backing)
		return;
	z->backing->openers--;
	z->backing = NULL;
	kfree(q, z->bitmap);
	z->bitmap = NULL;
	z->nr_blocks = 0;
}

/* Has it files, is it swapped to? */
static bool in_use(struct quire *q, const struct backing_dev *bdi)
{
	const struct super_block *sb;

	list_for_each_entry (sb, &q->cache->super_blocks, list)
		if (sb->bdi == bdi)
			return true;
	return bdi->openers != 0;
}

static struct backing_dev *find_device(struct quire *q, const char *name)
{
	struct backing_dev *bdi;

	if (str_starts(name, "/dev/"))
		name += 5;
	list_for_each_entry (bdi, &q->cache->bdis, list)
		if (bdi->name && str_eq(bdi->name, name))
			return bdi;
	return NULL;
}

int zram_set_backing(struct quire *q, struct zram *z, const char *name)
{
	struct backing_dev *bdi = find_device(q, name);
	unsigned long *bitmap, nr;
	int err = 0;

	mutex_lock(q, &z->init_lock);
	if (z->initialized) {
		pr_info(q, "zram: Can't setup backing device for initialized device");
		err = -EBUSY;
	} else if (str_eq(name, "none")) {
		zram_drop_backing(q, z);
	} else if (!bdi) {
		err = -ENOENT;
	} else if (in_use(q, bdi)) {
		err = -EBUSY;
	} else if (bdi->submit_bio || bdi->capacity < 2) {
		/* Another zram, or one whose size nobody has told. */
		err = -EINVAL;
	} else {
		nr = (unsigned long)bdi->capacity;
		bitmap = kzalloc(q, DIV_ROUND_UP(nr, BITS_PER_LONG) * sizeof(long), GFP_KERNEL);
		err = bitmap ? 0 : -ENOMEM;
		if (bitmap) {
			zram_drop_backing(q, z);
			z->backing = bdi;
			z->bitmap = bitmap;
			z->nr_blocks = nr;
			bdi->openers++;
			pr_info(q, "zram: setup backing device %s", name);
		}
	}
	mutex_unlock(q, &z->init_lock);
	return err;
}
