/* SPDX-License-Identifier: MIT */
/*
 * zsmalloc: an allocator for objects of odd sizes up to a page, packed tightly
 * into chains of single frames (Linux's zsmalloc.c).  zswap keeps compressed
 * pages in it.
 *
 * An object has a handle, not an address: it may straddle two frames that do
 * not lie side by side, so it is written and read by copying; and compaction may
 * move it, whenever nobody has it mapped.
 */
#ifndef QUIRE_SWAP_ZSMALLOC_H
#define QUIRE_SWAP_ZSMALLOC_H

#include "slab/shrinker.h"
#include "slab/slab.h"

#define ZS_MAX_PAGES_PER_ZSPAGE 4
#define ZS_HANDLE_SIZE		sizeof(unsigned long)
#define ZS_MIN_ALLOC_SIZE	32
#define ZS_MAX_ALLOC_SIZE	PAGE_SIZE
#define ZS_SIZE_CLASS_DELTA	16
#define ZS_SIZE_CLASSES		255

_Static_assert(ZS_SIZE_CLASSES == (ZS_MAX_ALLOC_SIZE - ZS_MIN_ALLOC_SIZE) / ZS_SIZE_CLASS_DELTA + 1,
	       "Linux's 255 size classes");

/* How full a chain is: its list in the class. */
enum fullness_group { ZS_EMPTY, ZS_ALMOST_EMPTY, ZS_ALMOST_FULL, ZS_FULL, NR_ZS_FULLNESS };

/* A chain of frames that holds objects of one class.  Frames: zspage points
 * here, private is the next one's number (0: the last). */
struct zspage {
	struct list_head list;
	struct page *first_page;
	unsigned int inuse;   /* objects */
	unsigned int freeobj; /* first free one; objs_per_zspage: none */
	unsigned int pins;    /* objects that somebody reads or writes: none may move */
	u16 class_index;
	u8 fullness;
};
#define SLAB_SIZE_zspage 56 /* Linux 6.1's */
_Static_assert(sizeof(struct zspage) <= SLAB_SIZE_zspage, "a zspage fits Linux's object");

struct size_class {
	struct list_head fullness_list[NR_ZS_FULLNESS]; /* fuller ones first */
	unsigned int size;				/* bytes, with the handle */
	unsigned int index;				/* the largest class merged into this one */
	unsigned int pages_per_zspage, objs_per_zspage;
	unsigned long nr_zspages[NR_ZS_FULLNESS];
	unsigned long objs_inuse, objs_allocated;
};

struct zs_pool {
	char name[16];
	struct list_head list;				/* of swap_floor.zs.pools */
	struct spinlock lock;				/* LOCK_ZSPOOL */
	struct size_class *size_class[ZS_SIZE_CLASSES]; /* merged classes are shared */
	struct kmem_cache *handle_cachep, *zspage_cachep;
	unsigned long pages_allocated;
	unsigned long pages_compacted; /* frames that compaction gave back, ever */
	/* The smallest object that gets a frame, or a large part of one, to itself. */
	size_t huge_class_size;
	size_t bytes_kept; /* of an object, at the most: see zcomp.h */
};

/* All pools, and the shrinker that compacts them when memory is short. */
struct zs_floor {
	struct list_head pools;
	struct spinlock lock; /* LOCK_ZSPOOLS: the list */
	struct shrinker shrinker;
	bool registered;
	/* Of all pools, while there is one: a cache's name is its own. */
	struct kmem_cache *handle_cachep, *zspage_cachep;
	unsigned int nr_users;
};
void zs_init(struct zs_floor *zs);

struct zs_pool *zs_create_pool(struct quire *q, const char *name); /* NULL: no memory */
/* Of a pool without objects. */
void zs_destroy_pool(struct quire *q, struct zs_pool *pool);

/* size_bytes, 1 .. ZS_MAX_ALLOC_SIZE: a handle, or a negative error to be
 * tested with zs_is_err(): -ENOSPC (too large), -ENOMEM.  Sleeps if gfp may. */
unsigned long zs_malloc(struct quire *q, struct zs_pool *pool, size_t size_bytes, gfp_t gfp);
void zs_free(struct quire *q, struct zs_pool *pool, unsigned long handle);

static inline bool zs_is_err(unsigned long handle)
{
	return handle >= (unsigned long)-MAX_ERRNO;
}

/* The first len bytes of an object. */
void zs_obj_write(struct quire *q, struct zs_pool *pool, unsigned long handle, const void *src,
		  size_t len);
void zs_obj_read(struct quire *q, struct zs_pool *pool, unsigned long handle, void *dst,
		 size_t len);

/* The same to look at: where they lie, or a copy in buf if they lie in two frames.
 * Good until zs_obj_unmap(), to which *pin is given; the object may not be freed before. */
const void *zs_obj_map(struct quire *q, struct zs_pool *pool, unsigned long handle, void *buf,
		       size_t len, struct zspage **pin);
void zs_obj_unmap(struct zspage *pin);
/* The frame of an object of PAGE_SIZE bytes, which it has for itself: it never moves. */
u64 zs_obj_pfn(struct quire *q, struct zs_pool *pool, unsigned long handle);

/*
 * Moves objects from chains that are nearly empty to those that are nearly full, and
 * gives the emptied ones back: how many frames.  Does not sleep.
 */
unsigned long zs_compact(struct quire *q, struct zs_pool *pool);
/* How many frames that could give back, at the most. */
unsigned long zs_compactable(const struct zs_pool *pool);
/* The same of one class. */
unsigned long zs_can_compact(const struct size_class *class);

/* Whoever will map objects soon: from handle to bytes it is a chain of misses, which are
 * waited for together if each is begun some objects ahead of the next.  size_bytes is
 * what was asked for, len what will be looked at. */
enum zs_prefetch { ZS_PREFETCH_HANDLE, ZS_PREFETCH_FRAME, ZS_PREFETCH_BYTES };
void zs_obj_prefetch(struct quire *q, struct zs_pool *pool, unsigned long handle,
		     enum zs_prefetch what, size_t size_bytes, size_t len);

static inline unsigned long zs_get_total_pages(const struct zs_pool *pool)
{
	return HOT_LOAD(&pool->pages_allocated);
}

/* For the verifier. */
/* Where an object begins: its frame and its number in the chain. */
void zs_handle_location(unsigned long handle, u64 *pfn, unsigned int *obj);
/* The first word of object obj: its handle | 1, or (next free) << 1; *pfn: the
 * frame in which it begins. */
unsigned long zs_obj_header(struct quire *q, const struct size_class *class,
			    const struct zspage *zspage, unsigned int obj, u64 *pfn);

#endif
