/* SPDX-License-Identifier: MIT */
/*
 * quire_kmem_cache_alloc() and _free() without the call, for caches of instances that
 * quire_host_create() made, and of no others: what they do is the same, at a third
 * less time.  A program is to be linked with the library whose headers these are.
 *
 *	#include <quire/host_slab.h>
 *
 *	struct conn *conn = quire_host_cache_alloc(q, c, 0);
 *	quire_host_cache_free(q, c, conn);
 */
#ifndef QUIRE_HOST_SLAB_H
#define QUIRE_HOST_SLAB_H

#include <quire/host_stack.h>
#include <quire/slab.h>

/* tsan does not see what assembly does; the library's functions tell it. */
#if defined(__SANITIZE_THREAD__)
#define QUIRE_HOST_INLINE 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QUIRE_HOST_INLINE 0
#endif
#endif
#ifndef QUIRE_HOST_INLINE
#define QUIRE_HOST_INLINE 1
#endif

/* As quire_kmem_cache_alloc(). */
static inline __attribute__((always_inline, warn_unused_result)) void *
quire_host_cache_alloc(struct quire *q, struct quire_kmem_cache *cache, unsigned int flags)
{
	const struct quire_host_stack *s = (const struct quire_host_stack *)(const void *)cache;
	uint64_t object;

	if (QUIRE_HOST_INLINE && !(flags & QUIRE_ALLOC_ZERO) &&
	    __builtin_expect(quire_host_stack_pop(s, &s->take, &object), 1))
		return (void *)object;
	return quire_kmem_cache_alloc(q, cache, flags);
}

/* As quire_kmem_cache_free(). */
static inline __attribute__((always_inline)) void
quire_host_cache_free(struct quire *q, struct quire_kmem_cache *cache, void *object)
{
	const struct quire_host_stack *s = (const struct quire_host_stack *)(const void *)cache;

	if (QUIRE_HOST_INLINE && __builtin_expect(quire_host_stack_owns(s, object), 1) &&
	    __builtin_expect(quire_host_stack_push(s, &s->room, (uint64_t)object), 1))
		return;
	quire_kmem_cache_free(q, cache, object);
}

#endif
