/* SPDX-License-Identifier: MIT */
/*
 * Transfers: bios from a slab, with a reserve, and their way to the port.
 *
 * The idea: writing pages out is how memory is got back, so a bio must be
 * found even when the slab has nothing.  A few are kept aside at boot; who may
 * sleep waits until one of them comes back, and since a started bio always
 * ends, one does.
 *
 * Differs from Linux: no block layer, no request queue; the port is the disk.
 */
#include "cache/internal.h"

#define BIO_RESERVE 8

static struct quire_bio *bio_from_pool(struct quire *q)
{
	struct cache_floor *c = q->cache;
	struct quire_bio *bio = NULL;

	spin_lock(q, &c->pool_lock);
	if (c->nr_bio_pool) {
		bio = (struct quire_bio *)(void *)c->bio_pool.next;
		list_del((struct list_head *)(void *)bio);
		c->nr_bio_pool--;
	}
	spin_unlock(q, &c->pool_lock);
	return bio;
}

static bool bio_to_pool(struct quire *q, struct quire_bio *bio)
{
	struct cache_floor *c = q->cache;
	bool kept;

	spin_lock(q, &c->pool_lock);
	kept = c->nr_bio_pool < BIO_RESERVE;
	if (kept) {
		list_add((struct list_head *)(void *)bio, &c->bio_pool);
		c->nr_bio_pool++;
	}
	spin_unlock(q, &c->pool_lock);
	return kept;
}

int bio_init_pool(struct quire *q)
{
	for (int i = 0; i < BIO_RESERVE; i++) {
		struct quire_bio *bio = kmem_cache_alloc(q, q->cache->bio_cachep, GFP_KERNEL);

		if (!bio)
			return -ENOMEM;
		(void)bio_to_pool(q, bio);
	}
	return 0;
}

struct quire_bio *bio_alloc(struct quire *q, gfp_t gfp)
{
	/* The reserve is there for when this fails: no hard trying. */
	struct quire_bio *bio = kmem_cache_alloc(
		q, q->cache->bio_cachep,
		(gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_IO | __GFP_FS)) | __GFP_NOWARN);

	if (unlikely(!bio)) {
		bio = bio_from_pool(q);
		if (!bio && gfpflags_allow_blocking(gfp))
			wait_event(q, &q->cache->bio_wait, (bio = bio_from_pool(q)) != NULL);
	}
	if (likely(bio))
		memset(bio, 0, offsetof(struct quire_bio, pfn));
	return bio;
}

void bio_put(struct quire *q, struct quire_bio *bio)
{
	if (unlikely(q->cache->nr_bio_pool < BIO_RESERVE) && bio_to_pool(q, bio)) {
		wake_up(q, &q->cache->bio_wait);
		return;
	}
	kmem_cache_free(q, q->cache->bio_cachep, bio);
}

/* Whose transfer it is: of what a page's group wrote, or a task reads; NULL: nobody counts. */
static struct bdi_writeback *bio_wb(struct quire *q, struct backing_dev *bdi,
				    const struct quire_bio *bio)
{
	struct mem_cgroup *memcg;

	if (bio->flags & BIO_RW_PAGE)
		return NULL;
	memcg = bio->op == QUIRE_BIO_READ ? current_memcg(q) : pfn_to_page(q, bio->pfn[0])->memcg;
	return memcg ? wb_get_create(q, bdi, memcg, GFP_NOWAIT) : NULL;
}

void submit_bio(struct quire *q, struct backing_dev *bdi, struct quire_bio *bio)
{
	unsigned long sectors = (unsigned long)bio->nr_pages * SECTORS_PER_PAGE;
	struct bdi_writeback *wb = bio_wb(q, bdi, bio);

	bio->dev = bdi->dev;
	/* A page that the processor copies (Linux's rw_page) is no block I/O. */
	if (bio->flags & BIO_RW_PAGE)
		sectors = 0;
	if (bio->op == QUIRE_BIO_READ) {
		count_vm_events(q, PGPGIN, sectors);
		(void)HOT_ADD(&bdi->ios_read, 1);
		(void)HOT_ADD(&bdi->pages_read, bio->nr_pages);
		if (wb) {
			(void)HOT_ADD(&wb->ios_read, 1);
			(void)HOT_ADD(&wb->pages_read, bio->nr_pages);
		}
	} else {
		count_vm_events(q, PGPGOUT, sectors);
		(void)HOT_ADD(&bdi->ios_write, 1);
		(void)HOT_ADD(&bdi->pages_write, bio->nr_pages);
		if (wb) {
			(void)HOT_ADD(&wb->ios_write, 1);
			(void)HOT_ADD(&wb->pages_write, bio->nr_pages);
		}
	}
	if (unlikely(bdi->submit_bio)) {
		bdi->submit_bio(q, bdi, bio);
	} else if (q->port->submit) {
		q->port->submit(q->port_ctx, bio);
	} else {
		bio->error = -EIO;
		bio->end_io(q, bio);
	}
}
