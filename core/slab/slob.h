/* SPDX-License-Identifier: MIT */
/*
 * The SLOB's state, for slob.c and the verifier.
 */
#ifndef QUIRE_SLAB_SLOB_H
#define QUIRE_SLAB_SLOB_H

#include "slab/impl.h"

struct slob {
	struct spinlock lock;
	struct list_head free[3]; /* pages with room: for small, medium and large objects */
	struct kmem_cache *cache; /* what its pages say that they are of */
};

int slob_boot(struct quire *q, struct kmem_cache *boot_cache, unsigned int cache_bytes);
size_t slob_ksize(struct quire *q, const void *object);
long slob_count_free(struct quire *q, struct page *page);

#endif
