/* SPDX-License-Identifier: MIT */
/*
 * The parts of SLUB's caches (a CPU's, a node's), and the first caches of all.
 *
 * A struct kmem_cache is itself an object of the cache "kmem_cache", and its
 * node parts are objects of "kmem_cache_node".  Those two are first made in
 * the floor's own memory, then moved into objects of themselves (Linux's
 * bootstrap()).  They are never debugged (docs/differences.md).
 *
 * Locks: floor->list_lock guards the pool of per-CPU parts.
 */
#include "slab/debug.h"
#include "slab/impl.h"
#include "slab/kfence.h"
#include "slab/slab_array.h"
#include "slab/slob.h"

/* Linux: N_NORMAL_MEMORY.  Slabs do not move. */
bool node_has_memory(struct quire *q, unsigned int nid)
{
	for_each_zone_of_node(NODE_DATA(q, nid),
			      zone) if (zone->managed_pages &&
					zone->zone_idx != ZONE_MOVABLE) return true;
	return false;
}

/* A set of per-CPU parts; under list_lock only to take one from the pool. */
struct kmem_cache_cpu *alloc_cpu_slabs(struct quire *q)
{
	struct slab_floor *f = q->slab;
	size_t bytes = q->nr_cpus * sizeof(struct kmem_cache_cpu);
	struct kmem_cache_cpu *c = NULL;
	unsigned int order = get_order(bytes);
	struct page *page = NULL;

	for (;;) {
		spin_lock(q, &f->list_lock);
		if (page) {
			f->pcpu_next = page_address(q, page);
			f->pcpu_end = f->pcpu_next + (PAGE_SIZE << order);
			f->pcpu_pages += 1UL << order;
		}
		if (f->pcpu_free) {
			c = f->pcpu_free;
			f->pcpu_free = *(void **)c;
		} else if ((size_t)(f->pcpu_end - f->pcpu_next) >= bytes) {
			c = (struct kmem_cache_cpu *)f->pcpu_next;
			f->pcpu_next += bytes;
		}
		spin_unlock(q, &f->list_lock);
		if (c)
			break;
		page = alloc_pages(q, GFP_KERNEL, order);
		if (!page)
			return NULL;
	}
	memset(c, 0, bytes);
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		spin_lock_init(&c[cpu].lock, LOCK_SLAB_CPU);
	return c;
}

void free_cpu_slabs(struct quire *q, struct kmem_cache_cpu *c)
{
	spin_lock(q, &q->slab->list_lock);
	*(void **)c = q->slab->pcpu_free;
	q->slab->pcpu_free = c;
	spin_unlock(q, &q->slab->list_lock);
}

unsigned long slab_percpu_pages(const struct quire *q)
{
	return q->slab->pcpu_pages;
}

void init_kmem_cache_node(struct kmem_cache_node *n)
{
	*n = (struct kmem_cache_node){0};
	spin_lock_init(&n->list_lock, LOCK_SLAB_NODE);
	INIT_LIST_HEAD(&n->partial);
}

void free_kmem_cache_nodes(struct quire *q, struct kmem_cache *s)
{
	for_each_node (q, nid) {
		if (s->node[nid])
			kmem_cache_free(q, q->slab->kmem_cache_node, s->node[nid]);
		s->node[nid] = NULL;
	}
}

int init_kmem_cache_nodes(struct quire *q, struct kmem_cache *s)
{
	for_each_node (q, nid) {
		struct kmem_cache_node *n;

		if (!node_has_memory(q, nid))
			continue;
		n = kmem_cache_alloc_node(q, q->slab->kmem_cache_node, GFP_KERNEL, (int)nid);
		if (!n) {
			free_kmem_cache_nodes(q, s);
			return -ENOMEM;
		}
		init_kmem_cache_node(n);
		s->node[nid] = n;
	}
	return 0;
}

/* A node part before there is a cache to take it from: the first object of the
 * first slab of kmem_cache_node on that node. */
static int early_kmem_cache_node(struct quire *q, struct kmem_cache *s, unsigned int nid)
{
	gfp_t gfp = GFP_NOWAIT | __GFP_THISNODE | s->allocflags;
	struct page *page = alloc_pages_node(q, nid, gfp, s->order);
	struct kmem_cache_node *n;
	char *start;

	if (!page)
		return -ENOMEM;
	start = page_address(q, page);
	for (unsigned int i = 0; i < s->objects; i++)
		set_freepointer(s, start + i * s->size,
				i + 1 < s->objects ? start + (i + 1) * s->size : NULL);
	n = (struct kmem_cache_node *)start;
	SetPageSlab(page);
	page->slab_cache = s;
	page->objects = (u16)s->objects;
	page->inuse = 1;
	page->frozen = 0;
	page->freelist = get_freepointer(s, start);
	init_kmem_cache_node(n);
	n->nr_slabs = 1;
	n->total_objects = s->objects;
	s->node[nid] = n;
	mod_node_page_state(page_pgdat(q, page), cache_vmstat_idx(s), 1L << s->order);
	add_partial(n, page, false);
	return 0;
}

/* Moves a boot cache into an object of kmem_cache. */
static struct kmem_cache *bootstrap(struct quire *q, struct kmem_cache *boot, size_t bytes)
{
	struct kmem_cache *s = kmem_cache_zalloc(q, q->slab->kmem_cache, GFP_NOWAIT);

	if (!s)
		return NULL;
	/* No CPU may hold a slab that names the old place. */
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		flush_cpu_slab(q, boot, cpu);
	memcpy(s, boot, bytes);
	for_each_node (q, nid) {
		struct page *page;

		if (s->node[nid])
			list_for_each_entry (page, &s->node[nid]->partial, lru)
				page->slab_cache = s;
	}
	list_add(&s->list, &q->slab->caches);
	return s;
}

static int make_first_caches(struct quire *q, struct kmem_cache *boot_cache,
			     struct kmem_cache *boot_node, unsigned int cache_bytes)
{
	struct slab_floor *f = q->slab;

	boot_node->name = "kmem_cache_node";
	boot_cache->name = "kmem_cache";
	/* Never merged into: they are made and unmade with caches. */
	boot_node->refcount = boot_cache->refcount = -1;
	if (calculate_sizes(q, boot_node, sizeof(struct kmem_cache_node), 0, SLAB_HWCACHE_ALIGN,
			    NULL) ||
	    calculate_sizes(q, boot_cache, cache_bytes, 0, SLAB_HWCACHE_ALIGN, NULL))
		return -EINVAL;
	boot_node->cpu_slab = alloc_cpu_slabs(q);
	boot_cache->cpu_slab = alloc_cpu_slabs(q);
	if (!boot_node->cpu_slab || !boot_cache->cpu_slab)
		return -ENOMEM;
	f->kmem_cache_node = boot_node;
	for_each_node (q, nid)
		if (node_has_memory(q, nid) && early_kmem_cache_node(q, boot_node, nid))
			return -ENOMEM;
	if (init_kmem_cache_nodes(q, boot_cache))
		return -ENOMEM;
	f->kmem_cache = boot_cache;
	f->kmem_cache = bootstrap(q, boot_cache, cache_bytes);
	if (!f->kmem_cache)
		return -ENOMEM;
	f->kmem_cache_node = bootstrap(q, boot_node, cache_bytes);
	return f->kmem_cache_node ? 0 : -ENOMEM;
}

_Static_assert(sizeof(struct kmem_cache_node) <= SLAB_SIZE_kmem_cache_node, "Linux's size");

/* What the first caches could not have yet, now that kmalloc() works. */
static int slab_late_init(struct quire *q)
{
	bool slub = q->slab->impl == &slub_impl;
	struct kmem_cache *s;
	int err;

	q->slab->up = true;
	list_for_each_entry (s, &q->slab->caches, list) {
		err = slub ? init_cache_random_seq(q, s) : 0;
		if (err)
			return err;
		if (s != q->slab->kmem_cache && s != q->slab->kmem_cache_node)
			(void)HOT_OR(&q->slab->debug_flags, s->flags & SLAB_DEBUG_FLAGS);
	}
	err = q->slab->impl == &slab_impl ? slab_start_reaper(q) : 0;
	return err ? err : kfence_init(q);
}

static const struct slab_impl *const impls[] = {
	[QUIRE_SLUB] = &slub_impl, [QUIRE_SLAB] = &slab_impl, [QUIRE_SLOB] = &slob_impl};

/* The cache of caches, in mem, which has room for two. */
static int make_first_cache(struct quire *q, char *mem, unsigned int cache_bytes)
{
	struct kmem_cache *boot_cache = (struct kmem_cache *)mem;

	boot_cache->name = "kmem_cache";
	boot_cache->refcount = -1;
	if (q->slab->impl == &slab_impl)
		return slab_boot(q, boot_cache, cache_bytes);
	if (q->slab->impl == &slob_impl)
		return slob_boot(q, boot_cache, cache_bytes);
	return make_first_caches(q, boot_cache, (struct kmem_cache *)(mem + cache_bytes),
				 cache_bytes);
}

int slab_init(struct quire *q)
{
	/* As large as Linux's, unless there are more nodes than fit there. */
	size_t nodes = offsetof(struct kmem_cache, node) + q->nr_nodes * sizeof(void *);
	unsigned int cache_bytes =
		(unsigned int)ALIGN(max(nodes, (size_t)SLAB_SIZE_kmem_cache), 64);
	size_t floor_bytes = ALIGN(sizeof(struct slab_floor), 64);
	size_t bytes = floor_bytes + 2 * cache_bytes;
	unsigned int order = get_order(bytes);
	struct page *page = alloc_pages(q, GFP_NOWAIT, order);
	char *mem;
	int err;

	if (!page)
		return -ENOMEM;
	mem = page_address(q, page);
	memset(mem, 0, PAGE_SIZE << order);
	q->slab = (struct slab_floor *)mem;
	INIT_LIST_HEAD(&q->slab->caches);
	INIT_LIST_HEAD(&q->slab->shrinkers);
	spin_lock_init(&q->slab->list_lock, LOCK_SLAB_LIST);
	spin_lock_init(&q->slab->shrinker_lock, LOCK_SHRINKER);
	spin_lock_init(&q->slab->full_lock, LOCK_SLAB_CPU);
	INIT_LIST_HEAD(&q->slab->aliases);
	q->slab->impl = impls[q->cfg.slab];
	slab_rcu_init(&q->slab->rcu);
	q->page->ops.stack_here = stack_depot_here;
	q->page->ops.stack_fetch = stack_depot_fetch;
	q->page->ops.stack_init = stack_depot_init;
	if ((q->cfg.slub_debug || q->cfg.kfence_sample_ms) && stack_depot_init(q))
		return -ENOMEM;
	err = make_first_cache(q, mem + floor_bytes, cache_bytes);
#if HOT_PERCPU
	if (!err && q->slab->impl == &slub_impl)
		err = sheaf_init(q);
#endif
	if (!err)
		err = create_kmalloc_caches(q);
	if (!err)
		err = create_boot_caches(q);
	if (!err)
		err = slab_late_init(q);
	return err;
}
