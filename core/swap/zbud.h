/* SPDX-License-Identifier: MIT */
/*
 * zbud: an allocator that puts two compressed pages into a frame, one at each
 * end (Linux's zbud.c).  It wastes more than zsmalloc and is simple: a frame can
 * be given back by moving out two objects, so it can evict.
 */
#ifndef QUIRE_SWAP_ZBUD_H
#define QUIRE_SWAP_ZBUD_H

#include "slab/slab.h"

#define ZBUD_CHUNK_SHIFT (PAGE_SHIFT - 6)
#define ZBUD_CHUNK_SIZE	 (1UL << ZBUD_CHUNK_SHIFT)
#define ZBUD_HEADER_SIZE ZBUD_CHUNK_SIZE
#define ZBUD_NCHUNKS	 ((unsigned int)((PAGE_SIZE - ZBUD_HEADER_SIZE) >> ZBUD_CHUNK_SHIFT))

/* The first chunk of each frame. */
struct zbud_header {
	struct list_head buddy; /* of frames with as many free chunks, or of full ones */
	struct list_head lru;	/* by when an object came last, newest first */
	unsigned int first_chunks, last_chunks; /* 0: no such object */
	bool under_reclaim;
};

struct zbud_pool {
	struct spinlock lock;		/* LOCK_ZSPOOL */
	struct list_head unbuddied[64]; /* by free chunks; [0]: full ones */
	struct list_head lru;
	struct list_head reclaiming; /* by buddy: off the other lists while they are emptied */
	unsigned long pages_nr;
};

struct zbud_pool *zbud_create_pool(struct quire *q); /* NULL: no memory */
void zbud_destroy_pool(struct quire *q, struct zbud_pool *pool);

/* A handle, or a negative error: -ENOSPC (too large for a frame's half and its
 * header), -ENOMEM. */
unsigned long zbud_alloc(struct quire *q, struct zbud_pool *pool, size_t size_bytes, gfp_t gfp);
void zbud_free(struct quire *q, struct zbud_pool *pool, unsigned long handle);
/* An object's bytes; they stay where they are while it lives. */
void *zbud_map(struct quire *q, unsigned long handle);

/*
 * Empties the frame that was used longest ago: evict() is called, without a
 * lock, for each of its objects and returns 0 if it freed it.  After `retries`
 * frames that would not go: -EAGAIN; -ENOENT: there is none.
 */
int zbud_reclaim_page(struct quire *q, struct zbud_pool *pool, unsigned int retries,
		      int (*evict)(struct quire *q, unsigned long handle));

#endif
