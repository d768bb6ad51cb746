/* SPDX-License-Identifier: MIT */
/*
 * The slab as seen from above: kmem_cache and kmalloc (SLUB).
 *
 * An object lives in the frames of its slab, its address is the direct map's.
 * Each cache has a slab for each CPU, whose free objects that CPU hands out,
 * a short list of partial slabs a CPU, and a partial list a node.
 */
#ifndef QUIRE_SLAB_SLAB_H
#define QUIRE_SLAB_SLAB_H

#include "page/alloc.h"
#include "slab/sizes.h"

struct kmem_cache;

/* Linux's values. */
#define SLAB_CONSISTENCY_CHECKS 0x00000100u /* F: metadata is checked at alloc and free */
#define SLAB_RED_ZONE		0x00000400u /* Z: bytes around each object that nobody may write */
#define SLAB_POISON		0x00000800u /* P: free objects hold a pattern */
#define SLAB_KMALLOC		0x00001000u /* one of kmalloc's: the size asked for is kept, too */
#define SLAB_HWCACHE_ALIGN	0x00002000u
#define SLAB_CACHE_DMA		0x00004000u
#define SLAB_CACHE_DMA32	0x00008000u
#define SLAB_STORE_USER		0x00010000u /* U: who allocated and who freed, with stacks */
#define SLAB_RECLAIM_ACCOUNT	0x00020000u
#define SLAB_PANIC		0x00040000u /* no memory for the cache: the machine stops */
#define SLAB_TYPESAFE_BY_RCU	0x00080000u /* slabs are given back a grace period late */
#define SLAB_TRACE		0x00200000u /* T: each alloc and free is logged */
#define SLAB_NOLEAKTRACE	0x00800000u
#define SLAB_NO_MERGE		0x01000000u
#define SLAB_FAILSLAB		0x02000000u /* A: the fault point fail_slab applies */
#define SLAB_ACCOUNT		0x04000000u
#define SLAB_TEMPORARY		SLAB_RECLAIM_ACCOUNT
/* Quire's own: a cache whose objects do not take the fast path, because it is
 * debugged, accounted, sampled now, or not SLUB's.  The fast path's only test. */
#define SLAB_HOOKED	0x10000000u
#define SLAB_ACCOUNTED	0x20000000u /* some of its objects were charged by __GFP_ACCOUNT */
#define __OBJECT_POISON 0x80000000u /* free objects are filled, not only red-zoned */
#define SLAB_DEBUG_FLAGS \
	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE)

#define ARCH_KMALLOC_MINALIGN  8
#define KMALLOC_MAX_CACHE_SIZE (PAGE_SIZE * 2)

/* Makes kmem_cache's own caches, then kmalloc's. 0 or -ENOMEM. */
int slab_init(struct quire *q);

/*
 * A cache of objects of size_bytes, aligned to align (0: natural).  ctor, if
 * not NULL, runs once for each object when its slab is made; as in Linux the
 * link of free objects then lies behind the object, so it grows by 8 bytes.
 * NULL when there is no memory, or a cache of that name has an owner.  A cache
 * of the boot table (slab/boot_caches.c) becomes its owner's when that asks for
 * it by name: so /proc/slabinfo keeps Linux's order.  May sleep.
 */
struct kmem_cache *kmem_cache_create(struct quire *q, const char *name, unsigned int size_bytes,
				     unsigned int align, unsigned int flags, void (*ctor)(void *));
/* The same with the only part of an object that may be copied to and from users:
 * [useroffset, useroffset + usersize). */
struct kmem_cache *kmem_cache_create_usercopy(struct quire *q, const char *name,
					      unsigned int size_bytes, unsigned int align,
					      unsigned int flags, unsigned int useroffset,
					      unsigned int usersize, void (*ctor)(void *));
/* Drops a reference (merged caches have several); the last ends the cache.
 * -EBUSY while objects are in use: each is named in the log.  Waits for a grace
 * period if it is SLAB_TYPESAFE_BY_RCU. */
int kmem_cache_destroy(struct quire *q, struct kmem_cache *s);
/* Frees empty slabs; returns the number of pages given back. */
unsigned long kmem_cache_shrink(struct quire *q, struct kmem_cache *s);

void *kmem_cache_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp) __must_check;
void *kmem_cache_alloc_node(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid) __must_check;
void *kmem_cache_zalloc(struct quire *q, struct kmem_cache *s, gfp_t gfp) __must_check;
void kmem_cache_free(struct quire *q, struct kmem_cache *s, void *object);
/* nr objects at once: nr, or 0 and none when there is not enough memory. */
int kmem_cache_alloc_bulk(struct quire *q, struct kmem_cache *s, gfp_t gfp, size_t nr,
			  void **objects) __must_check;
/* s NULL: each of its own cache, kmalloc'ed ones of any kind too. */
void kmem_cache_free_bulk(struct quire *q, struct kmem_cache *s, size_t nr, void **objects);
/*
 * May [ptr, ptr + len) be copied to or from a user?  True if it lies within the
 * part of its object that kmem_cache_create_usercopy() named (all of kmalloc's).
 * Linux: __check_heap_object().
 */
bool check_heap_object(struct quire *q, const void *ptr, size_t len);
/*
 * Says whether the len bytes at ptr may be used as they are: of a debugged cache
 * they must lie within one object in use, and have been written since it was
 * allocated (SLAB_POISON: a run of four bytes of poison was not).  What may not
 * is reported.  For where bytes leave the program.  Linux: kmsan_check_memory(),
 * which knows each byte.
 */
bool kmem_check_memory(struct quire *q, const void *ptr, size_t len);
/* Object size asked for, in bytes. */
unsigned int kmem_cache_size(const struct kmem_cache *s);

/* size_bytes in kmalloc's classes; above 8 KiB whole pages. */
void *kmalloc(struct quire *q, size_t size_bytes, gfp_t gfp) __must_check;
void *kzalloc(struct quire *q, size_t size_bytes, gfp_t gfp) __must_check;
/* On node nid (-1: any). */
void *kmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid) __must_check;
void kfree(struct quire *q, const void *object);
/* Bytes that may be used of it. */
size_t ksize(struct quire *q, const void *object);
/* What kmalloc() would really hand out for size_bytes. */
size_t kmalloc_size_roundup(struct quire *q, size_t size_bytes);
/* Grows or shrinks, content kept; may move.  NULL: no memory, the old one stays.
 * Of NULL: kmalloc(); to 0: kfree(), and ZERO_SIZE_PTR. */
void *krealloc(struct quire *q, const void *object, size_t size_bytes, gfp_t gfp) __must_check;
/* n objects of size_bytes, zeroed by kcalloc(); NULL if the product overflows. */
void *kmalloc_array(struct quire *q, size_t n, size_t size_bytes, gfp_t gfp) __must_check;
void *kcalloc(struct quire *q, size_t n, size_t size_bytes, gfp_t gfp) __must_check;
void *kmemdup(struct quire *q, const void *src, size_t len, gfp_t gfp) __must_check;
char *kstrdup(struct quire *q, const char *text, gfp_t gfp) __must_check;
/* Clears all of it, then frees it. */
void kfree_sensitive(struct quire *q, const void *object);

/* Pages that the caches' per-CPU parts take (meminfo's Percpu). */
unsigned long slab_percpu_pages(const struct quire *q);

/* A line of /proc/slabinfo.  As Linux's SLUB counts: objects of slabs that a
 * CPU holds, free ones too, are active. */
struct slabinfo {
	const char *name;
	unsigned long active_objs, num_objs;
	unsigned int objsize, objects_per_slab, pages_per_slab;
	unsigned long active_slabs, num_slabs;
	/* The SLAB's tunables, and what its shared arrays hold. */
	unsigned int limit, batchcount, shared;
	unsigned long shared_avail;
};
/* Calls fn for each cache, in the order of /proc/slabinfo (newest first). */
void slab_for_each_cache(struct quire *q,
			 void (*fn)(struct quire *q, struct kmem_cache *s, void *ctx), void *ctx);
void get_slabinfo(struct quire *q, struct kmem_cache *s, struct slabinfo *info);
/* Objects handed out and not yet freed, exactly: looks at every CPU's slabs. */
unsigned long kmem_cache_objects_in_use(struct quire *q, struct kmem_cache *s);
/* Finds by name, NULL if there is none. */
struct kmem_cache *find_kmem_cache(struct quire *q, const char *name);

#endif
