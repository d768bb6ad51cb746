/* SPDX-License-Identifier: MIT */
/*
 * zram: pages of a block device kept compressed (Linux's zram_drv.c).
 *
 * The idea: what is written to the device is compressed into an object of zsmalloc's,
 * and a table says for each page of the device where that is.  A page filled with one
 * word is that word in the table; one that does not compress to about four fifths has a
 * frame for itself, uncompressed.  A read of what was never written is zeros.  As a
 * swap device it is synchronous: a transfer is over when submit_bio() returns, so
 * swap reads past its cache and without readahead; and a slot that swap frees is freed
 * here at once (slot_free_notify), for nobody else would.
 *
 * The pool may be limited (mem_limit): what would exceed it fails, as a device
 * with a bad block would, and swap keeps the page.  Pages may be sent on to a
 * backing device (zram_wb.c).
 *
 * Invariants: pages_stored, same_pages, huge_pages, bd_count and compr_data_size are the
 * table's sums; as many objects in the pool as entries with a handle.
 *
 * Locks: an entry's is one of ZRAM_LOCKS by its index, below swap's area lock and above
 * the pool's; a CPU's buffer is taken before it.  init_lock: what changes the
 * whole device.
 *
 * Differs from Linux: the page is decompressed with its entry's lock held, as there,
 * but the lock is shared by others; frames of the pool do not migrate.
 */
#include "base/printk.h"
#include "base/string.h"
#include "base/text.h"
#include "swap/zram_internal.h"
#include "vmalloc/vmalloc.h"

#define SECTORS_PER_PAGE 8UL

struct spinlock *zram_lock(struct zram *z, unsigned long index)
{
	return &z->locks[index % ZRAM_LOCKS];
}

/* ---- an entry --------------------------------------------------------------- */

/* Somebody reads or writes it. */
static void zram_accessed(struct quire *q, struct zram_table_entry *e)
{
	e->flags &= ~(u32)ZRAM_IDLE;
	e->ac_time = q->port->clock(q->port_ctx);
}

void zram_free_page(struct quire *q, struct zram *z, unsigned long index)
{
	struct zram_table_entry *e = zram_entry(z, index);

	if (e->flags & ZRAM_HUGE)
		(void)HOT_SUB(&z->stats.huge_pages, 1);
	if (e->flags & ZRAM_WB) {
		zram_free_block(q, z, e->handle);
	} else if (e->flags & ZRAM_SAME) {
		(void)HOT_SUB(&z->stats.same_pages, 1);
	} else if (e->handle) {
		zs_free(q, z->pool, e->handle);
		(void)HOT_SUB(&z->stats.compr_data_size, e->size);
	}
	if (e->handle || (e->flags & ZRAM_SAME))
		(void)HOT_SUB(&z->stats.pages_stored, 1);
	*e = (struct zram_table_entry){.flags = e->flags & ZRAM_UNDER_WB};
}

/* ---- write ------------------------------------------------------------------ */

static void update_used_max(struct zram *z, unsigned long pages)
{
	unsigned long most = HOT_LOAD(&z->stats.max_used_pages);

	while (pages > most && !HOT_CMPXCHG(&z->stats.max_used_pages, most, pages))
		most = HOT_LOAD(&z->stats.max_used_pages);
}

/* Room for a compressed page, with the CPU's buffer held: *strm is NULL if it had to be
 * given back for that, so that the page must be compressed again. */
static unsigned long alloc_object(struct quire *q, struct zram *z, size_t size,
				  struct zcomp_strm **strm)
{
	unsigned long handle =
		zs_malloc(q, z->pool, size, __GFP_KSWAPD_RECLAIM | __GFP_NOWARN | __GFP_NORETRY);

	if (handle != (unsigned long)-ENOMEM)
		return handle;
	zcomp_stream_put(q, *strm);
	*strm = NULL;
	(void)HOT_ADD(&z->stats.writestall, 1);
	return zs_malloc(q, z->pool, size, GFP_NOIO);
}

/* A page as an object: its handle and size, or an error. */
static int store_object(struct quire *q, struct zram *z, struct page *page,
			struct zram_table_entry *new)
{
	unsigned long handle = 0, had = 0;
	struct zcomp_strm *strm;
	unsigned long pages;
	size_t size, got = 0;

	for (;;) {
		strm = zcomp_stream_get(q, &z->comp);
		size = zcomp_compress(q, &z->comp, strm, page);
		if (!size) {
			zcomp_stream_put(q, strm);
			pr_err(q, "zram: Compression failed! err=%d", -EINVAL);
			if (had)
				zs_free(q, z->pool, had);
			return -EINVAL;
		}
		if (size >= z->pool->huge_class_size)
			size = PAGE_SIZE;
		/* The page may have changed while memory was waited for. */
		if (had && got != size) {
			zs_free(q, z->pool, had);
			had = 0;
		}
		handle = had ? had : alloc_object(q, z, size, &strm);
		if (zs_is_err(handle)) {
			if (strm)
				zcomp_stream_put(q, strm);
			return -ENOMEM;
		}
		if (strm || size == PAGE_SIZE)
			break;
		had = handle;
		got = size;
	}
	pages = zs_get_total_pages(z->pool);
	update_used_max(z, pages);
	if (z->limit_pages && pages > z->limit_pages) {
		if (strm)
			zcomp_stream_put(q, strm);
		zs_free(q, z->pool, handle);
		return -ENOMEM;
	}
	if (size == PAGE_SIZE) {
		charge_ns(q, q->cost.copy_page);
		hot_copy_page(q->hot, zs_obj_pfn(q, z->pool, handle), page_to_pfn(q, page));
	} else {
		zs_obj_write(q, z->pool, handle, strm->buf, zcomp_kept(q, size));
	}
	if (strm)
		zcomp_stream_put(q, strm);
	*new = (struct zram_table_entry){
		.handle = handle, .size = (u32)size, .flags = size == PAGE_SIZE ? ZRAM_HUGE : 0};
	return 0;
}

static int zram_write_page(struct quire *q, struct zram *z, struct page *page, unsigned long index)
{
	struct zram_table_entry new = {0}, *e = zram_entry(z, index);
	struct spinlock *lock = zram_lock(z, index);
	int err;

	if (hot_page_same_filled(q->hot, page_to_pfn(q, page), &new.handle)) {
		new.flags = ZRAM_SAME;
		(void)HOT_ADD(&z->stats.same_pages, 1);
	} else {
		err = store_object(q, z, page, &new);
		if (err)
			return err;
		(void)HOT_ADD(&z->stats.compr_data_size, new.size);
	}
	if (new.flags & ZRAM_HUGE) {
		(void)HOT_ADD(&z->stats.huge_pages, 1);
		(void)HOT_ADD(&z->stats.huge_pages_since, 1);
	}
	(void)HOT_ADD(&z->stats.pages_stored, 1);
	spin_lock(q, lock);
	zram_free_page(q, z, index);
	new.flags |= e->flags;
	*e = new;
	zram_accessed(q, e);
	spin_unlock(q, lock);
	return 0;
}

/* ---- read ------------------------------------------------------------------- */

static int read_object(struct quire *q, struct zram *z, const struct zram_table_entry *e,
		       struct zcomp_strm *strm, struct page *page)
{
	struct zspage *pin;
	const void *src;
	int err;

	if (e->size == PAGE_SIZE) {
		charge_ns(q, q->cost.copy_page);
		hot_copy_page(q->hot, page_to_pfn(q, page), zs_obj_pfn(q, z->pool, e->handle));
		return 0;
	}
	src = zs_obj_map(q, z->pool, e->handle, strm->buf, zcomp_kept(q, e->size), &pin);
	err = q->port->decompress(q->port_ctx, src, e->size, page_to_pfn(q, page));
	zs_obj_unmap(pin);
	return err;
}

int zram_read_page(struct quire *q, struct zram *z, struct page *page, unsigned long index,
		   bool touch, unsigned long *block)
{
	struct zram_table_entry *e = zram_entry(z, index);
	struct spinlock *lock = zram_lock(z, index);
	struct zcomp_strm *strm = zcomp_stream_get(q, &z->comp);
	int err = 0;

	*block = 0;
	spin_lock(q, lock);
	if (touch)
		zram_accessed(q, e);
	if (e->flags & ZRAM_WB)
		*block = e->handle;
	else if (!e->handle || (e->flags & ZRAM_SAME))
		hot_fill_page(q->hot, page_to_pfn(q, page), e->handle);
	else
		err = read_object(q, z, e, strm, page);
	spin_unlock(q, lock);
	zcomp_stream_put(q, strm);
	if (err)
		pr_err(q, "zram: Decompression failed! err=%d, page=%lu", err, index);
	return err ? -EIO : 0;
}

/* ---- the device ------------------------------------------------------------- */

/* One page of a bio: 0, an error, or 1: the backing device will end it. */
static int zram_transfer(struct quire *q, struct zram *z, struct quire_bio *bio, unsigned int i)
{
	struct page *page = pfn_to_page(q, bio->pfn[i]);
	unsigned long index = (unsigned long)bio->page_offset + i, block;
	int err;

	if (bio->op == QUIRE_BIO_WRITE) {
		err = zram_write_page(q, z, page, index);
		if (err)
			(void)HOT_ADD(&z->stats.failed_writes, 1);
		return err;
	}
	err = zram_read_page(q, z, page, index, true, &block);
	if (!err && block)
		return zram_read_backing(q, z, page, block, bio);
	if (err)
		(void)HOT_ADD(&z->stats.failed_reads, 1);
	return err;
}

void zram_bio_done(struct quire *q, struct quire_bio *bio, int err)
{
	if (err)
		bio->error = -EIO;
	/* What is under way, and the submitter himself. */
	if (!HOT_SUB((unsigned long *)&bio->link[0], 1UL))
		bio->end_io(q, bio);
}

static void zram_submit_bio(struct quire *q, struct backing_dev *bdi, struct quire_bio *bio)
{
	struct zram *z = bdi->private;
	int err = 0;

	bio->error = 0;
	bio->link[0] = (void *)1UL;
	if (!z->initialized || bio->page_offset >= z->nr_pages ||
	    bio->nr_pages > z->nr_pages - bio->page_offset) {
		(void)HOT_ADD(&z->stats.invalid_io, 1);
		err = -EIO;
	}
	for (unsigned int i = 0; i < bio->nr_pages && !err; i++) {
		int ret = zram_transfer(q, z, bio, i);

		err = min(ret, 0);
	}
	zram_bio_done(q, bio, err);
}

void zram_discard(struct quire *q, struct zram *z, unsigned long index, unsigned long nr)
{
	if (!z->initialized || index >= z->nr_pages)
		return;
	nr = min(nr, z->nr_pages - index);
	for (unsigned long i = index; i < index + nr; i++) {
		spin_lock(q, zram_lock(z, i));
		zram_free_page(q, z, i);
		spin_unlock(q, zram_lock(z, i));
		(void)HOT_ADD(&z->stats.notify_free, 1);
	}
}

static void zram_slot_free_notify(struct quire *q, struct backing_dev *bdi, u64 page_offset)
{
	zram_discard(q, bdi->private, (unsigned long)page_offset, 1);
}

/* ---- set-up ----------------------------------------------------------------- */

struct zram *zram_find(struct quire *q, unsigned int id)
{
	struct zram *z;

	list_for_each_entry (z, &q->swap->zrams, list)
		if (z->id == id)
			return z;
	return NULL;
}

struct zram *zram_add(struct quire *q)
{
	struct zram *z = kzalloc(q, sizeof(*z), GFP_KERNEL);

	if (!z)
		return ERR_PTR(-ENOMEM);
	while (zram_find(q, z->id))
		z->id++;
	(void)text_format(z->name, sizeof(z->name), "zram%u", z->id);
	z->bdi = bdi_register(q, BDI_DEV_ZRAM + z->id, z->name);
	if (!z->bdi || !q->port->compress || zcomp_set(q, &z->comp, "lzo-rle")) {
		/* A device that nobody can reach stays: bdis are not taken back. */
		kfree(q, z);
		return ERR_PTR(-ENOMEM);
	}
	z->bdi->private = z;
	z->bdi->submit_bio = zram_submit_bio;
	z->bdi->slot_free_notify = zram_slot_free_notify;
	z->bdi->synchronous = true;
	mutex_init(&z->init_lock);
	for (unsigned int i = 0; i < ZRAM_LOCKS; i++)
		spin_lock_init(&z->locks[i], LOCK_ZRAM);
	spin_lock_init(&z->bitmap_lock, LOCK_ZRAM);
	list_add_tail(&z->list, &q->swap->zrams);
	pr_info(q, "zram: Added device: %s", z->name);
	return z;
}

int zram_set_algorithm(struct quire *q, struct zram *z, const char *name)
{
	int err;

	mutex_lock(q, &z->init_lock);
	if (z->initialized) {
		pr_info(q, "zram: Can't change algorithm for initialized device");
		err = -EBUSY;
	} else {
		/* Linux 6.1 says -EINVAL for a name it does not know. */
		err = zcomp_set(q, &z->comp, name) ? -EINVAL : 0;
	}
	mutex_unlock(q, &z->init_lock);
	return err;
}

static void free_meta(struct quire *q, struct zram *z)
{
	if (z->pool)
		zs_destroy_pool(q, z->pool);
	if (z->table)
		vfree(q, z->table_vaddr);
	kfree(q, z->table);
	zcomp_free_strms(q, &z->comp);
	z->pool = NULL;
	z->table = NULL;
}

static int alloc_meta(struct quire *q, struct zram *z, unsigned long nr_pages)
{
	unsigned long nr = DIV_ROUND_UP(nr_pages, ZRAM_ENTRIES_PER_PAGE);

	z->table = (struct zram_table_entry **)alloc_map(q, nr << PAGE_SHIFT, &z->table_vaddr,
							 "zram_meta_alloc");
	z->pool = zs_create_pool(q, z->name);
	if (z->table && z->pool && !zcomp_create_strms(q, &z->comp))
		return 0;
	free_meta(q, z);
	return -ENOMEM;
}

static void set_capacity(struct quire *q, struct zram *z, unsigned long nr_pages)
{
	pr_info(q, "%s: detected capacity change from %lu to %lu", z->name,
		z->nr_pages * SECTORS_PER_PAGE, nr_pages * SECTORS_PER_PAGE);
	z->nr_pages = nr_pages;
	z->bdi->capacity = nr_pages;
}

int zram_set_disksize(struct quire *q, struct zram *z, u64 bytes)
{
	int err = 0;

	if (!bytes || bytes > (u64)UINT_MAX << PAGE_SHIFT)
		return -EINVAL;
	mutex_lock(q, &z->init_lock);
	if (z->initialized) {
		pr_info(q, "zram: Cannot change disksize for initialized device");
		err = -EBUSY;
	} else {
		bytes = ALIGN(bytes, PAGE_SIZE);
		err = alloc_meta(q, z, (unsigned long)(bytes >> PAGE_SHIFT));
	}
	if (!err) {
		z->disksize = bytes;
		set_capacity(q, z, (unsigned long)(bytes >> PAGE_SHIFT));
		z->initialized = true;
	}
	mutex_unlock(q, &z->init_lock);
	return err;
}

int zram_reset(struct quire *q, struct zram *z)
{
	mutex_lock(q, &z->init_lock);
	if (HOT_LOAD(&z->bdi->openers)) {
		mutex_unlock(q, &z->init_lock);
		return -EBUSY;
	}
	z->limit_pages = 0;
	if (z->initialized) {
		z->initialized = false;
		for (unsigned long i = 0; i < z->nr_pages; i++) {
			zram_free_page(q, z, i);
			cond_resched(q);
		}
		set_capacity(q, z, 0);
		z->disksize = 0;
		free_meta(q, z);
		z->stats = (struct zram_stats){0};
	}
	(void)zcomp_set(q, &z->comp, "lzo-rle");
	zram_drop_backing(q, z);
	mutex_unlock(q, &z->init_lock);
	return 0;
}
