/* SPDX-License-Identifier: MIT */
/*
 * What the caches hold, for /proc/slabinfo and the verifier.
 *
 * As in Linux, slabinfo counts as free only objects of slabs on the nodes'
 * partial lists: those of slabs that a CPU holds are active, and so are all
 * slabs.  kmem_cache_objects_in_use() is exact instead.
 *
 * Locks: each list's own, one at a time.
 */
#include "slab/impl.h"
#include "slab/sheaf_alloc.h"

void slab_for_each_cache(struct quire *q,
			 void (*fn)(struct quire *q, struct kmem_cache *s, void *ctx), void *ctx)
{
	struct kmem_cache *s;

	/* fn may allocate, so the list is not locked: it only grows at its head. */
	list_for_each_entry (s, &q->slab->caches, list)
		fn(q, s, ctx);
}

static unsigned long count_node_free(struct quire *q, struct kmem_cache_node *n)
{
	unsigned long free = 0;
	struct page *page;

	spin_lock(q, &n->list_lock);
	list_for_each_entry (page, &n->partial, lru)
		free += (unsigned long)page->objects - page->inuse;
	spin_unlock(q, &n->list_lock);
	return free;
}

/* Of slabs that no CPU holds. */
static unsigned long count_free(struct quire *q, struct kmem_cache *s, struct kmem_cache_node *n)
{
#if HOT_PERCPU
	if (cache_has_sheaves(s))
		return HOT_LOAD(&s->sheaves.nr_free);
#endif
	(void)s;
	return count_node_free(q, n);
}

void get_slabinfo(struct quire *q, struct kmem_cache *s, struct slabinfo *info)
{
	q->slab->impl->info(q, s, info);
}

unsigned long kmem_cache_objects_in_use(struct quire *q, struct kmem_cache *s)
{
	return q->slab->impl->objects_in_use(q, s);
}

void slub_info(struct quire *q, struct kmem_cache *s, struct slabinfo *info)
{
	unsigned long free = 0;

	*info = (struct slabinfo){
		.name = s->name,
		.objsize = s->size,
		.objects_per_slab = s->objects,
		.pages_per_slab = 1u << s->order,
	};
	for_each_node (q, nid) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n)
			continue;
		info->num_slabs += HOT_LOAD(&n->nr_slabs);
		info->num_objs += HOT_LOAD(&n->total_objects);
		free += count_free(q, s, n);
	}
	info->active_objs = info->num_objs - free;
	info->active_slabs = info->num_slabs;
}

/* Free objects that a CPU holds. */
static unsigned long count_cpu_free(struct quire *q, struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	unsigned long free = 0;
	struct page *page;

	spin_lock(q, &c->lock);
	for (void *object = c->freelist; object; object = get_freepointer(s, object))
		free++;
	if (c->slab)
		free += (unsigned long)c->slab->objects - c->slab->inuse;
	for (page = c->partial; page; page = slab_next(page))
		free += (unsigned long)page->objects - page->inuse;
	spin_unlock(q, &c->lock);
	return free;
}

unsigned long slub_objects_in_use(struct quire *q, struct kmem_cache *s)
{
	struct slabinfo info;

	slub_info(q, s, &info);
#if HOT_PERCPU
	if (cache_has_sheaves(s))
		return info.active_objs - sheaf_count(q, s);
#endif
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		info.active_objs -= count_cpu_free(q, s, &s->cpu_slab[cpu]);
	return info.active_objs;
}

bool slub_has_objects(struct quire *q, struct kmem_cache *s)
{
	for_each_node (q, nid)
		if (s->node[nid] && HOT_LOAD(&s->node[nid]->nr_slabs))
			return true;
	return false;
}

static void *slub_impl_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
			     __unused size_t asked)
{
	return slub_alloc(q, s, gfp, nid);
}

const struct slab_impl slub_impl = {
	.name = "slub",
	.create = slub_create,
	.destroy = slub_destroy,
	.has_objects = slub_has_objects,
	.alloc = slub_impl_alloc,
	.free = slub_free,
	.shrink = slub_shrink,
	.info = slub_info,
	.objects_in_use = slub_objects_in_use,
};
