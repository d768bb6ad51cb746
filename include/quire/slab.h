/* SPDX-License-Identifier: MIT */
/*
 * Objects of one size, from an instance's own memory: Linux's kmem_cache.
 *
 *	struct quire_kmem_cache *c = quire_kmem_cache_create(q, "conn", 200, 0);
 *	struct conn *conn = quire_kmem_cache_alloc(q, c, 0);
 *	quire_kmem_cache_free(q, c, conn);
 *
 * All functions may be called from any thread at once on the host port.  None
 * of them gives memory back that is still in use, and none keeps a pointer to
 * a name.  Flags are a sum of QUIRE_ALLOC_*.
 */
#ifndef QUIRE_SLAB_H
#define QUIRE_SLAB_H

#include <stddef.h>

struct quire;
struct quire_kmem_cache;

#define QUIRE_ALLOC_ZERO   0x1u /* bytes read as 0 */
#define QUIRE_ALLOC_NOWAIT 0x2u /* never sleep: fail where memory would have to be reclaimed */

/*
 * A cache of objects of size_bytes at addresses that are a multiple of align
 * (a power of two; 0: 8).  NULL: no memory, an impossible size or align, or
 * the name is taken (/proc/slabinfo has them all).  May sleep.  Linux:
 * kmem_cache_create().
 */
struct quire_kmem_cache *quire_kmem_cache_create(struct quire *q, const char *name,
						 size_t size_bytes, size_t align);
/* Ends a cache: 0, or -EBUSY while objects are in use (the cache is as before).
 * Nobody may use it meanwhile.  May sleep.  Linux: kmem_cache_destroy(). */
int quire_kmem_cache_destroy(struct quire *q, struct quire_kmem_cache *cache);
/* Gives empty slabs, those on CPUs' lists too, back to the page allocator;
 * returns how many pages of 4 KiB.  Does not sleep.  Linux: kmem_cache_shrink(). */
unsigned long quire_kmem_cache_shrink(struct quire *q, struct quire_kmem_cache *cache);

/* An object, of any content without QUIRE_ALLOC_ZERO; NULL: no memory.  Sleeps
 * only without QUIRE_ALLOC_NOWAIT.  Linux: kmem_cache_alloc(). */
void *quire_kmem_cache_alloc(struct quire *q, struct quire_kmem_cache *cache, unsigned int flags)
	__attribute__((warn_unused_result));
/* The same from memory of node nid (of others where that has none; -1: of the
 * node that the caller runs on).  NULL also for a node there is not. */
void *quire_kmem_cache_alloc_node(struct quire *q, struct quire_kmem_cache *cache,
				  unsigned int flags, int nid) __attribute__((warn_unused_result));
/* Gives an object back; NULL: nothing.  Stops the machine (port->panic) if object
 * is not of this cache.  Does not sleep.  Linux: kmem_cache_free(). */
void quire_kmem_cache_free(struct quire *q, struct quire_kmem_cache *cache, void *object);

/*
 * For a handler of SIGSEGV in a program whose instance has KFENCE
 * (quire_config.kfence_sample_ms): somebody touched addr.  True: it was a guard
 * page; that was reported in the kernel log, and he may go on.  False: not ours.
 * Linux: kfence_handle_page_fault().
 */
_Bool quire_kfence_handle_fault(struct quire *q, const void *addr, _Bool is_write);

/*
 * size_bytes from the general caches (8 to 8192 bytes; above that whole pages,
 * at most 4 MiB), aligned to 8, powers of two to themselves; or NULL (no memory,
 * too large).  Sleeps only without QUIRE_ALLOC_NOWAIT.  Linux: kmalloc().
 */
void *quire_kmalloc(struct quire *q, size_t size_bytes, unsigned int flags)
	__attribute__((warn_unused_result));
/* Gives it back; NULL: nothing.  Does not sleep.  Linux: kfree(). */
void quire_kfree(struct quire *q, const void *object);
/* How many bytes may be used of what quire_kmalloc() returned: at least what was
 * asked for.  0 for NULL.  Linux: ksize(). */
size_t quire_ksize(struct quire *q, const void *object);

#endif
