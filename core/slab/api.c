/* SPDX-License-Identifier: MIT */
/*
 * The slab as an embedder sees it (include/quire/slab.h): thin, with checked
 * arguments, over the functions that the other floors use.
 */
#include <quire/slab.h>

#include "slab/kfence.h"
#include "slab/sheaf_alloc.h"

static gfp_t to_gfp(unsigned int flags)
{
	return (flags & QUIRE_ALLOC_NOWAIT ? GFP_NOWAIT | __GFP_NOWARN : GFP_KERNEL) |
	       (flags & QUIRE_ALLOC_ZERO ? __GFP_ZERO : 0);
}

static struct kmem_cache *to_cache(struct quire_kmem_cache *cache)
{
	return (struct kmem_cache *)cache;
}

struct quire_kmem_cache *quire_kmem_cache_create(struct quire *q, const char *name,
						 size_t size_bytes, size_t align)
{
	if (!size_bytes || size_bytes > PAGE_SIZE << (MAX_ORDER - 1) || align > PAGE_SIZE)
		return NULL;
	/* The names of the boot table are the kernel's. */
	if (find_kmem_cache(q, name))
		return NULL;
	return (struct quire_kmem_cache *)kmem_cache_create(q, name, (unsigned int)size_bytes,
							    (unsigned int)align, 0, NULL);
}

int quire_kmem_cache_destroy(struct quire *q, struct quire_kmem_cache *cache)
{
	return kmem_cache_destroy(q, to_cache(cache));
}

unsigned long quire_kmem_cache_shrink(struct quire *q, struct quire_kmem_cache *cache)
{
	return kmem_cache_shrink(q, to_cache(cache));
}

static __attribute__((noinline)) void *alloc_slow(struct quire *q, struct quire_kmem_cache *cache,
						  unsigned int flags)
{
	return kmem_cache_alloc(q, to_cache(cache), to_gfp(flags));
}

void *quire_kmem_cache_alloc(struct quire *q, struct quire_kmem_cache *cache, unsigned int flags)
{
#if HOT_PERCPU
	u64 object;

	if (likely(!(flags & QUIRE_ALLOC_ZERO)) &&
	    likely(hot_stack_try_pop(&to_cache(cache)->fast, &object)))
		return (void *)object;
#endif
	return alloc_slow(q, cache, flags);
}

void *quire_kmem_cache_alloc_node(struct quire *q, struct quire_kmem_cache *cache,
				  unsigned int flags, int nid)
{
	if (nid >= (int)q->nr_nodes)
		return NULL;
	return kmem_cache_alloc_node(q, to_cache(cache), to_gfp(flags), nid);
}

static __attribute__((noinline)) void free_slow(struct quire *q, struct quire_kmem_cache *cache,
						void *object)
{
	if (object)
		kmem_cache_free(q, to_cache(cache), object);
}

void quire_kmem_cache_free(struct quire *q, struct quire_kmem_cache *cache, void *object)
{
#if HOT_PERCPU
	struct kmem_cache *s = to_cache(cache);

	if (likely(is_sheaved_object(s, object)) &&
	    likely(hot_stack_try_push(&s->fast, (u64)object)))
		return;
#endif
	free_slow(q, cache, object);
}

void *quire_kmalloc(struct quire *q, size_t size_bytes, unsigned int flags)
{
	return kmalloc(q, size_bytes, to_gfp(flags));
}

void quire_kfree(struct quire *q, const void *object)
{
	kfree(q, object);
}

size_t quire_ksize(struct quire *q, const void *object)
{
	return ksize(q, object);
}

bool quire_kfence_handle_fault(struct quire *q, const void *addr, bool is_write)
{
	return kfence_handle_page_fault(q, addr, is_write);
}
