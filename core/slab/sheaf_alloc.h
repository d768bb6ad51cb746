/* SPDX-License-Identifier: MIT */
/*
 * The fast path: an object from the running CPU's array, and back (sheaf.h).
 */
#ifndef QUIRE_SLAB_SHEAF_ALLOC_H
#define QUIRE_SLAB_SHEAF_ALLOC_H

#include "slab/slub.h"

#if HOT_PERCPU

static inline bool cache_has_sheaves(const struct kmem_cache *s)
{
	return s->fast.id != NO_SHEAVES;
}

/* The common case alone.  NULL: the array is empty, or there is none, or the next
 * allocation is to be sampled (kfence.c): look at the flags. */
static inline void *sheaf_try_pop(const struct kmem_cache *s)
{
	u64 object;

	return likely(hot_stack_try_pop(&s->fast, &object)) ? (void *)object : NULL;
}

static inline void *sheaf_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp)
{
	u64 object;

	return likely(hot_stack_pop(q->hot, &s->fast, &object)) ? (void *)object
								: sheaf_alloc_slow(q, s, gfp);
}

static inline void sheaf_free(struct quire *q, struct kmem_cache *s, void *object)
{
	if (unlikely(!hot_stack_push(q->hot, &s->fast, (u64)object)))
		sheaf_free_slow(q, s, object);
}

/* A slab's free objects. */
static inline unsigned long *slab_bits(struct page *page)
{
	return page->objects > BITS_PER_LONG ? page->freelist : (unsigned long *)&page->freelist;
}

/* The cache with sheaves whose slab an address of the instance's is in, or NULL. */
static inline struct kmem_cache *sheaved_cache_of(struct quire *q, const void *object)
{
	u64 pfn = virt_to_pfn(q, object);

	return pfn < q->hot->nr_frames ? q->slab->sheaved[*hot_slab_id(q->hot, pfn)] : NULL;
}

/* Is it an object of this cache, which has sheaves? */
static inline bool is_sheaved_object(const struct kmem_cache *s, const void *object)
{
	return quire_host_stack_owns(&s->fast, object);
}

#else

static inline bool cache_has_sheaves(const struct kmem_cache *s)
{
	(void)s;
	return false;
}

#endif
#endif
