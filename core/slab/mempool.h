/* SPDX-License-Identifier: MIT */
/*
 * Mempools: a cache with a few objects set aside, so that who must not fail
 * (writing a page out when memory is short) always gets one in the end: an
 * object in use will come back.
 */
#ifndef QUIRE_SLAB_MEMPOOL_H
#define QUIRE_SLAB_MEMPOOL_H

#include "slab/slab.h"

struct mempool {
	struct spinlock lock;
	unsigned int min_nr;  /* objects that it wants to have set aside */
	unsigned int curr_nr; /* and has: elements[0 .. curr_nr) */
	struct kmem_cache *cache;
	struct quire_wait_queue wait; /* woken when an object comes back */
	void *elements[];
};

/* With min_nr objects set aside; NULL: no memory.  May sleep. */
struct mempool *mempool_create(struct quire *q, unsigned int min_nr, struct kmem_cache *cache);
/* All objects must have come back. */
void mempool_destroy(struct quire *q, struct mempool *pool);
/* Never fails if gfp allows to sleep. */
void *mempool_alloc(struct quire *q, struct mempool *pool, gfp_t gfp);
void mempool_free(struct quire *q, struct mempool *pool, void *object);

#endif
