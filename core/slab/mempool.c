/* SPDX-License-Identifier: MIT */
/*
 * Mempools (Linux's mempool.c): see mempool.h.
 *
 * Allocation asks the cache first, without waiting for reclaim and without the
 * reserves, since the pool is the caller's reserve; then the pool; then it
 * sleeps until an object comes back.  A free fills the pool before the cache.
 *
 * Lock: pool->lock guards elements and curr_nr; nothing is taken under it.
 */
#include "slab/mempool.h"

struct mempool *mempool_create(struct quire *q, unsigned int min_nr, struct kmem_cache *cache)
{
	size_t bytes = sizeof(struct mempool) + min_nr * sizeof(void *);
	struct mempool *pool = kzalloc(q, bytes, GFP_KERNEL);

	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock, LOCK_SLAB_LIST);
	pool->min_nr = min_nr;
	pool->cache = cache;
	while (pool->curr_nr < min_nr) {
		void *object = kmem_cache_alloc(q, cache, GFP_KERNEL);

		if (!object) {
			mempool_destroy(q, pool);
			return NULL;
		}
		pool->elements[pool->curr_nr++] = object;
	}
	return pool;
}

void mempool_destroy(struct quire *q, struct mempool *pool)
{
	while (pool->curr_nr)
		kmem_cache_free(q, pool->cache, pool->elements[--pool->curr_nr]);
	kfree(q, pool);
}

static void *take_element(struct quire *q, struct mempool *pool)
{
	void *object = NULL;

	spin_lock(q, &pool->lock);
	if (pool->curr_nr)
		object = pool->elements[--pool->curr_nr];
	spin_unlock(q, &pool->lock);
	return object;
}

void *mempool_alloc(struct quire *q, struct mempool *pool, gfp_t gfp)
{
	gfp_t light = (gfp | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN) &
		      ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
	void *object;

	for (;;) {
		u32 seq = HOT_LOAD(&pool->wait.seq);

		object = kmem_cache_alloc(q, pool->cache, light);
		if (!object)
			object = take_element(q, pool);
		if (object || !gfpflags_allow_blocking(gfp))
			return object;
		/* Memory may also come from elsewhere: look again now and then. */
		wait_on(q, &pool->wait, seq, 5 * NSEC_PER_SEC);
	}
}

void mempool_free(struct quire *q, struct mempool *pool, void *object)
{
	spin_lock(q, &pool->lock);
	if (pool->curr_nr < pool->min_nr) {
		pool->elements[pool->curr_nr++] = object;
		object = NULL;
	}
	spin_unlock(q, &pool->lock);
	if (object)
		kmem_cache_free(q, pool->cache, object);
	else
		wake_up(q, &pool->wait);
}
