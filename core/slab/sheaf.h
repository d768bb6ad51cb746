/* SPDX-License-Identifier: MIT */
/*
 * Sheaves: arrays of pointers to free objects, before SLUB's slabs (Linux 6.18),
 * on ports that have lists of the running CPU's own (HOT_PERCPU).
 *
 * An allocation takes the last pointer of the CPU's array, a free puts one there:
 * neither touches the object, its slab or its descriptor.  Arrays are filled and
 * emptied in batches.  A full batch goes to the cache's barn, where another CPU
 * finds it; beyond that to the slabs.
 *
 * State is kept off the object, too: a slab of such a cache says in a bitmap
 * which of its objects are free, not in a list through them.  The bitmap is the
 * descriptor's word `freelist` itself for up to 64 objects, and else an object
 * of a small cache that this word points to.  So memory that nobody used yet is
 * never touched, and a million random frees touch a small, dense array.
 *
 * Which cache a frame belongs to is a byte in an array by frame number
 * (hot_slab_id), so kfree() and the check that an object is of the cache that it
 * is freed to touch no descriptor.
 *
 * A cache has sheaves (s->fast.id is its number) unless it is debugged, shuffled or given back
 * a grace period late, or the machine has several nodes: their objects are to
 * be told apart, which needs the descriptor.  Then it is a cache as any other.
 * An object of an array or a barn counts as in use in its slab.
 *
 * Locks: barn.lock guards the barn; the node's list_lock the bitmaps, `inuse`, the
 * partial list and nr_free.  Neither is taken with the other held.
 */
#ifndef QUIRE_SLAB_SHEAF_H
#define QUIRE_SLAB_SHEAF_H

#include "base/lock.h"
#include "base/types.h"

#if HOT_PERCPU

struct kmem_cache;
struct page;
struct quire;
struct slabinfo;

#define SHEAF_MAX	  508u	       /* entries of a CPU's array at most */
#define SHEAF_SHIFT	  12	       /* bytes from one array to the next, by sheaf_id */
#define SHEAF_BYTES	  (32u << 10)  /* of objects, about, in a CPU's array */
#define BARN_BYTES	  (256u << 10) /* of objects, about, in a barn */
#define NR_SHEAVED_CACHES 254u
#define NO_SHEAVES	  255u /* in place of their number: no frame has it */
#define NR_SHEAF_SIZES	  6u   /* 64 bytes to 2 KiB: sheaves and bitmaps */

struct slab_sheaf {
	struct slab_sheaf *next;
	u32 size; /* objects in it */
	void *objects[];
};

struct slab_barn {
	struct spinlock lock;
	u32 nr_full, nr_empty, max; /* max: of each */
	struct slab_sheaf *full, *empty;
};

/* Part of struct kmem_cache. */
struct cache_sheaves {
	u32 cap;		 /* entries of a CPU's array */
	u32 batch;		 /* what goes at once: half of it */
	u32 recip;		 /* 2^32 / size, rounded up: divides offsets */
	bool two_orders;	 /* some slabs are smaller: memory was short */
	unsigned long nr_free;	 /* objects of slabs */
	unsigned long seen_free; /* the verifier: what it found */
	struct slab_barn barn;
};

/* Gives a cache without slabs sheaves, if it may have some.  Never fails. */
void sheaf_setup(struct quire *q, struct kmem_cache *s);
/* Takes them away again: all objects are in slabs. */
void sheaf_remove(struct quire *q, struct kmem_cache *s);
/* The caches that sheaves and bitmaps are made from. 0 or -ENOMEM. */
int sheaf_init(struct quire *q);

/* When the CPU's array is empty, or full. */
void *sheaf_alloc_slow(struct quire *q, struct kmem_cache *s, gfp_t gfp);
void sheaf_free_slow(struct quire *q, struct kmem_cache *s, void *object);
/* nr objects or none; and back. */
bool sheaf_alloc_bulk(struct quire *q, struct kmem_cache *s, gfp_t gfp, size_t nr, void **p);
void sheaf_free_bulk(struct quire *q, struct kmem_cache *s, size_t nr, void **p);
/* Brings what CPUs and the barn hold back to the slabs. */
void sheaf_flush(struct quire *q, struct kmem_cache *s);
/* Objects in arrays and the barn; exact while nobody allocates. */
unsigned long sheaf_count(struct quire *q, struct kmem_cache *s);

/* A new slab's bitmap, all free; false: no memory.  And its end. */
bool sheaf_slab_init(struct quire *q, struct kmem_cache *s, struct page *page);
void sheaf_slab_free(struct quire *q, struct kmem_cache *s, struct page *page);

#endif
#endif
