/* SPDX-License-Identifier: MIT */
/*
 * Many objects at a time (Linux's kmem_cache_alloc_bulk() and _free_bulk()).
 *
 * As long as the CPU's slab has free objects they are taken under one lock; the
 * rest comes one by one.  Frees into the CPU's slab go the same way.
 */
#include "slab/sheaf_alloc.h"

/* What the CPU's free list has, up to nr. */
static size_t take_from_cpu(struct quire *q, struct kmem_cache *s, size_t nr, void **objects)
{
	struct kmem_cache_cpu *c = this_cpu_slab(q, s);
	size_t got = 0;

	spin_lock(q, &c->lock);
	while (got < nr && c->freelist) {
		objects[got++] = c->freelist;
		c->freelist = get_freepointer(s, c->freelist);
	}
	spin_unlock(q, &c->lock);
	return got;
}

int kmem_cache_alloc_bulk(struct quire *q, struct kmem_cache *s, gfp_t gfp, size_t nr,
			  void **objects)
{
	bool hooked = HOT_LOAD(&s->flags) & SLAB_HOOKED;
	size_t got = 0;

#if HOT_PERCPU
	if (cache_has_sheaves(s) && !hooked) {
		if (!sheaf_alloc_bulk(q, s, gfp, nr, objects))
			return 0;
		for (size_t i = 0; (gfp & __GFP_ZERO) && i < nr; i++)
			memset(objects[i], 0, s->object_size);
		return (int)nr;
	}
#endif
	while (got < nr) {
		size_t before = got;

		if (!hooked)
			got += take_from_cpu(q, s, nr - got, objects + got);
		if (got < nr) {
			objects[got] = kmem_cache_alloc(q, s, gfp & ~__GFP_ZERO);
			if (!objects[got]) {
				kmem_cache_free_bulk(q, s, got, objects);
				return 0;
			}
			got++;
		}
		if (gfp & __GFP_ZERO)
			for (size_t i = before; i < got; i++)
				memset(objects[i], 0, s->object_size);
	}
	return (int)nr;
}

/* Those from *at on that lie in the CPU's slab. */
static size_t give_to_cpu(struct quire *q, struct kmem_cache *s, size_t at, size_t nr,
			  void **objects)
{
	struct kmem_cache_cpu *c = this_cpu_slab(q, s);

	spin_lock(q, &c->lock);
	for (; at < nr && c->slab && virt_to_slab(q, objects[at]) == c->slab; at++) {
		BUG_ON(q, objects[at] == c->freelist); /* freed twice */
		set_freepointer(s, objects[at], c->freelist);
		c->freelist = objects[at];
	}
	spin_unlock(q, &c->lock);
	return at;
}

#if HOT_PERCPU
/* Those of the cache's slabs run by run; what is KFENCE's, or nobody's, by itself. */
static void free_to_sheaves(struct quire *q, struct kmem_cache *s, size_t nr, void **objects)
{
	for (size_t i = 0, from; i < nr; i++) {
		for (from = i; i < nr && is_sheaved_object(s, objects[i]); i++)
			;
		sheaf_free_bulk(q, s, i - from, objects + from);
		if (i < nr)
			kmem_cache_free(q, s, objects[i]);
	}
}
#endif

void kmem_cache_free_bulk(struct quire *q, struct kmem_cache *s, size_t nr, void **objects)
{
#if HOT_PERCPU
	if (s && cache_has_sheaves(s)) {
		free_to_sheaves(q, s, nr, objects);
		return;
	}
#endif
	for (size_t i = 0; i < nr;) {
		if (!s) {
			kfree(q, objects[i++]);
			continue;
		}
		if (!(HOT_LOAD(&s->flags) & SLAB_HOOKED)) {
			i = give_to_cpu(q, s, i, nr, objects);
			if (i == nr)
				break;
		}
		kmem_cache_free(q, s, objects[i++]);
	}
}
