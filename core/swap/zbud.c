/* SPDX-License-Identifier: MIT */
/*
 * zbud (Linux's zbud.c).
 *
 * A frame is 64 chunks of 64 bytes: one for the header, and an object of whole
 * chunks at each end of the rest.  Frames with one object are listed by their
 * free chunks, so that a new object finds the frame that it fits best at once;
 * frames with two are on a list of their own.  A handle is a frame's number and
 * which end.
 *
 * Eviction takes the frame whose last object came longest ago.  While it is
 * under reclaim, freeing its objects leaves the frame to the reclaimer.
 *
 * Invariants: each frame is on one of the buddy lists and, unless it is under
 * reclaim, on the LRU; pages_nr counts them; a frame has an object.
 *
 * Lock: pool->lock.  Frames are got and given back without it.
 */
#include "base/string.h"
#include "swap/zbud.h"

enum buddy { FIRST, LAST };

#define NR_UNBUDDIED ((unsigned int)ARRAY_SIZE(((struct zbud_pool *)0)->unbuddied))

static unsigned long encode_handle(struct quire *q, const struct zbud_header *zhdr, enum buddy bud)
{
	return page_to_pfn(q, virt_to_page(q, zhdr)) << 1 | bud;
}

static struct zbud_header *handle_to_header(struct quire *q, unsigned long handle)
{
	return page_address(q, pfn_to_page(q, handle >> 1));
}

void *zbud_map(struct quire *q, unsigned long handle)
{
	struct zbud_header *zhdr = handle_to_header(q, handle);

	if ((handle & 1) == FIRST)
		return (u8 *)zhdr + ZBUD_HEADER_SIZE;
	return (u8 *)zhdr + PAGE_SIZE - ((unsigned long)zhdr->last_chunks << ZBUD_CHUNK_SHIFT);
}

static unsigned int num_free_chunks(const struct zbud_header *zhdr)
{
	return ZBUD_NCHUNKS - zhdr->first_chunks - zhdr->last_chunks;
}

/* To the list that its objects ask for. */
static void list_frame(struct zbud_pool *pool, struct zbud_header *zhdr)
{
	bool full = zhdr->first_chunks && zhdr->last_chunks;

	list_add(&zhdr->buddy, &pool->unbuddied[full ? 0 : num_free_chunks(zhdr)]);
}

struct zbud_pool *zbud_create_pool(struct quire *q)
{
	struct zbud_pool *pool = kzalloc(q, sizeof(*pool), GFP_KERNEL);

	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock, LOCK_ZSPOOL);
	for (unsigned int i = 0; i < NR_UNBUDDIED; i++)
		INIT_LIST_HEAD(&pool->unbuddied[i]);
	INIT_LIST_HEAD(&pool->lru);
	INIT_LIST_HEAD(&pool->reclaiming);
	return pool;
}

void zbud_destroy_pool(struct quire *q, struct zbud_pool *pool)
{
	kfree(q, pool);
}

/* The frame with the fewest free chunks that has enough, off its list. */
static struct zbud_header *find_unbuddied(struct zbud_pool *pool, unsigned int chunks)
{
	for (unsigned int i = chunks; i < NR_UNBUDDIED; i++) {
		struct zbud_header *zhdr =
			list_first_entry_or_null(&pool->unbuddied[i], struct zbud_header, buddy);

		if (zhdr) {
			list_del(&zhdr->buddy);
			return zhdr;
		}
	}
	return NULL;
}

/* Puts an object into a frame that is on no buddy list. */
static unsigned long place(struct quire *q, struct zbud_pool *pool, struct zbud_header *zhdr,
			   unsigned int chunks)
{
	enum buddy bud = zhdr->first_chunks ? LAST : FIRST;

	if (bud == FIRST)
		zhdr->first_chunks = chunks;
	else
		zhdr->last_chunks = chunks;
	list_frame(pool, zhdr);
	list_move(&zhdr->lru, &pool->lru);
	return encode_handle(q, zhdr, bud);
}

unsigned long zbud_alloc(struct quire *q, struct zbud_pool *pool, size_t size_bytes, gfp_t gfp)
{
	unsigned int chunks = (unsigned int)DIV_ROUND_UP(size_bytes, ZBUD_CHUNK_SIZE);
	struct zbud_header *zhdr;
	unsigned long handle = 0;
	struct page *page;

	if (!size_bytes || size_bytes > PAGE_SIZE - ZBUD_HEADER_SIZE - ZBUD_CHUNK_SIZE)
		return (unsigned long)-ENOSPC;
	spin_lock(q, &pool->lock);
	zhdr = find_unbuddied(pool, chunks);
	if (zhdr)
		handle = place(q, pool, zhdr, chunks);
	spin_unlock(q, &pool->lock);
	if (handle)
		return handle;

	page = alloc_pages(q, gfp, 0);
	if (!page)
		return (unsigned long)-ENOMEM;
	zhdr = page_address(q, page);
	*zhdr = (struct zbud_header){.first_chunks = 0};
	INIT_LIST_HEAD(&zhdr->buddy);
	INIT_LIST_HEAD(&zhdr->lru);
	spin_lock(q, &pool->lock);
	pool->pages_nr++;
	handle = place(q, pool, zhdr, chunks);
	spin_unlock(q, &pool->lock);
	return handle;
}

void zbud_free(struct quire *q, struct zbud_pool *pool, unsigned long handle)
{
	struct zbud_header *zhdr = handle_to_header(q, handle);
	bool empty = false;

	spin_lock(q, &pool->lock);
	if ((handle & 1) == FIRST)
		zhdr->first_chunks = 0;
	else
		zhdr->last_chunks = 0;
	if (!zhdr->under_reclaim) {
		list_del(&zhdr->buddy);
		empty = !zhdr->first_chunks && !zhdr->last_chunks;
		if (empty) {
			list_del(&zhdr->lru);
			pool->pages_nr--;
		} else {
			list_frame(pool, zhdr);
		}
	}
	spin_unlock(q, &pool->lock);
	if (empty)
		__free_pages(q, virt_to_page(q, zhdr), 0);
}

int zbud_reclaim_page(struct quire *q, struct zbud_pool *pool, unsigned int retries,
		      int (*evict)(struct quire *q, unsigned long handle))
{
	for (unsigned int i = 0; i < retries; i++) {
		unsigned long first = 0, last = 0;
		struct zbud_header *zhdr;
		bool empty;
		int err = 0;

		spin_lock(q, &pool->lock);
		zhdr = list_last_entry_or_null(&pool->lru, struct zbud_header, lru);
		if (!zhdr) {
			spin_unlock(q, &pool->lock);
			return -ENOENT;
		}
		list_del_init(&zhdr->lru);
		list_move(&zhdr->buddy, &pool->reclaiming);
		zhdr->under_reclaim = true;
		if (zhdr->first_chunks)
			first = encode_handle(q, zhdr, FIRST);
		if (zhdr->last_chunks)
			last = encode_handle(q, zhdr, LAST);
		spin_unlock(q, &pool->lock);

		if (first)
			err = evict(q, first);
		if (!err && last)
			(void)evict(q, last);

		spin_lock(q, &pool->lock);
		zhdr->under_reclaim = false;
		list_del(&zhdr->buddy);
		empty = !zhdr->first_chunks && !zhdr->last_chunks;
		if (empty) {
			pool->pages_nr--;
		} else {
			list_frame(pool, zhdr);
			list_add(&zhdr->lru, &pool->lru);
		}
		spin_unlock(q, &pool->lock);
		if (empty) {
			__free_pages(q, virt_to_page(q, zhdr), 0);
			return 0;
		}
	}
	return -EAGAIN;
}
