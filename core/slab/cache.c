/* SPDX-License-Identifier: MIT */
/*
 * Making and unmaking caches: how objects are laid out, how many pages a slab
 * has, and the first caches of all.
 *
 * A struct kmem_cache is itself an object of the cache "kmem_cache", and its
 * node parts are objects of "kmem_cache_node".  Those two are first made in
 * the floor's own memory, then moved into objects of themselves (Linux's
 * bootstrap()).
 *
 * calculate_order() is Linux's rule, which shows in /proc/slabinfo: enough
 * objects that CPUs seldom come for a new slab (4 for each bit of the number of
 * CPUs, and 4 more), and no more than a sixteenth of the slab wasted; where
 * that can't be had at order 3, an eighth, a quarter, then fewer objects.
 *
 * Locks: floor->list_lock guards the list of caches.  Caches are made and
 * destroyed rarely; their fields do not change in between.
 */
#include "base/string.h"
#include "slab/slub.h"

/* The smallest order from that of min_objects on that wastes at most 1/fraction. */
static unsigned int slab_order(unsigned int size, unsigned int min_objects, unsigned int max_order,
			       unsigned int fraction)
{
	unsigned int order = get_order((unsigned long)min_objects * size);

	if (PAGE_SIZE / size > SLUB_MAX_OBJECTS)
		return get_order((unsigned long)size * SLUB_MAX_OBJECTS) - 1;
	while (order <= max_order) {
		unsigned long bytes = PAGE_SIZE << order;

		if (bytes % size <= bytes / fraction)
			break;
		order++;
	}
	return order;
}

/* The order of the slabs of a cache, or -EINVAL: no order is large enough. */
int calculate_order(unsigned int size, unsigned int nr_cpus)
{
	unsigned int most = (unsigned int)((PAGE_SIZE << SLUB_MAX_ORDER) / size);
	unsigned int objects = min(4 * (ilog2(nr_cpus) + 2), most), order;

	for (; objects > 1; objects--) {
		for (unsigned int fraction = 16; fraction >= 4; fraction /= 2) {
			order = slab_order(size, objects, SLUB_MAX_ORDER, fraction);
			if (order <= SLUB_MAX_ORDER)
				return (int)order;
		}
	}
	/* One object a slab, whatever it wastes. */
	order = get_order(size);
	return order < MAX_ORDER ? (int)order : -EINVAL;
}

static unsigned int calculate_alignment(unsigned int flags, unsigned int align, unsigned int size)
{
	if (flags & SLAB_HWCACHE_ALIGN) {
		unsigned int line = 64;

		/* Small objects share a line, as many as fit. */
		while (size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return ALIGN(max(align, (unsigned int)ARCH_KMALLOC_MINALIGN), (unsigned int)sizeof(void *));
}

/* How many slabs a CPU keeps partial: Linux counts objects and takes slabs as
 * half full. */
static unsigned int calculate_cpu_partial(const struct kmem_cache *s)
{
	unsigned int objects = 120;

	if (s->size >= PAGE_SIZE)
		objects = 6;
	else if (s->size >= 1024)
		objects = 24;
	else if (s->size >= 256)
		objects = 52;
	return DIV_ROUND_UP(objects * 2, s->objects);
}

/* Where the configuration knows how the cache is cut, that holds. */
static void apply_layout(struct quire *q, struct kmem_cache *s)
{
	const struct quire_slab_layout *l = q->cfg.slabs;
	unsigned int link = s->offset >= s->object_size ? (unsigned int)sizeof(void *) : 0;

	for (u32 i = 0; i < q->cfg.nr_slabs; i++, l++) {
		if (!str_eq(l->name, s->name))
			continue;
		if (!is_power_of_2(l->pages) || l->pages >= MAX_ORDER_NR_PAGES ||
		    l->size_bytes < sizeof(void *) + link || l->size_bytes % sizeof(void *) ||
		    !l->objects || l->objects > SLUB_MAX_OBJECTS ||
		    (u64)l->objects * l->size_bytes > (u64)l->pages << PAGE_SHIFT)
			return;
		s->size = l->size_bytes;
		s->object_size = min(s->object_size, s->size - link);
		s->offset = link ? s->size - link
				 : ALIGN_DOWN(s->object_size / 2, (unsigned int)sizeof(void *));
		s->order = (u8)ilog2(l->pages);
		s->objects = l->objects;
		return;
	}
}

/* Lays out the objects of a cache. 0 or -EINVAL. */
static int calculate_sizes(struct quire *q, struct kmem_cache *s, unsigned int object_size,
			   unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	unsigned int size = ALIGN(object_size, (unsigned int)sizeof(void *));
	int order;

	if (!object_size || object_size > PAGE_SIZE << (MAX_ORDER - 1))
		return -EINVAL;
	if (align && !is_power_of_2(align))
		return -EINVAL;
	s->flags = flags;
	s->object_size = object_size;
	s->ctor = ctor;
	s->align = calculate_alignment(flags, align, object_size);
	if (ctor || (flags & SLAB_TYPESAFE_BY_RCU)) {
		/* The object's content must outlive its being free. */
		s->offset = size;
		size += (unsigned int)sizeof(void *);
	} else {
		/* Away from both ends, where a neighbour's overrun would hit it. */
		s->offset = ALIGN_DOWN(object_size / 2, (unsigned int)sizeof(void *));
	}
	s->size = ALIGN(size, s->align);
	order = calculate_order(s->size, q->nr_cpus);
	if (order < 0)
		return order;
	s->order = (u8)order;
	s->objects = min((unsigned int)((PAGE_SIZE << order) / s->size), SLUB_MAX_OBJECTS);
	apply_layout(q, s);
	s->min_order = (u8)get_order(s->size);
	s->min_objects =
		min((unsigned int)((PAGE_SIZE << s->min_order) / s->size), SLUB_MAX_OBJECTS);
	s->allocflags = s->order ? __GFP_COMP : 0;
	if (flags & SLAB_CACHE_DMA)
		s->allocflags |= __GFP_DMA;
	if (flags & SLAB_RECLAIM_ACCOUNT)
		s->allocflags |= __GFP_RECLAIMABLE;
	s->min_partial = clamp(ilog2(s->size) / 2, (unsigned int)SLUB_MIN_PARTIAL,
			       (unsigned int)SLUB_MAX_PARTIAL);
	s->cpu_partial_slabs = calculate_cpu_partial(s);
	return 0;
}

/* ---- the parts of a cache --------------------------------------------------- */

static bool node_has_memory(struct quire *q, unsigned int nid)
{
	for_each_zone_of_node(NODE_DATA(q, nid), zone) if (zone->managed_pages) return true;
	return false;
}

/* A set of per-CPU parts; under list_lock only to take one from the pool. */
static struct kmem_cache_cpu *alloc_cpu_slabs(struct quire *q)
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

static void free_cpu_slabs(struct quire *q, struct kmem_cache_cpu *c)
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

static void init_kmem_cache_node(struct kmem_cache_node *n)
{
	*n = (struct kmem_cache_node){0};
	spin_lock_init(&n->list_lock, LOCK_SLAB_NODE);
	INIT_LIST_HEAD(&n->partial);
}

static void free_kmem_cache_nodes(struct quire *q, struct kmem_cache *s)
{
	for_each_node (q, nid) {
		if (s->node[nid])
			kmem_cache_free(q, q->slab->kmem_cache_node, s->node[nid]);
		s->node[nid] = NULL;
	}
}

static int init_kmem_cache_nodes(struct quire *q, struct kmem_cache *s)
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

static void add_to_list(struct quire *q, struct kmem_cache *s)
{
	spin_lock(q, &q->slab->list_lock);
	list_add(&s->list, &q->slab->caches);
	spin_unlock(q, &q->slab->list_lock);
}

struct kmem_cache *create_cache(struct quire *q, const char *name, unsigned int size,
				unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	struct kmem_cache *s = kmem_cache_zalloc(q, q->slab->kmem_cache, GFP_KERNEL);

	if (!s)
		return NULL;
	s->name = name;
	if (calculate_sizes(q, s, size, align, flags, ctor))
		goto free_cache;
	s->cpu_slab = alloc_cpu_slabs(q);
	if (!s->cpu_slab)
		goto free_cache;
	if (init_kmem_cache_nodes(q, s))
		goto free_cpus;
	add_to_list(q, s);
	return s;

free_cpus:
	free_cpu_slabs(q, s->cpu_slab);
free_cache:
	kmem_cache_free(q, q->slab->kmem_cache, s);
	return NULL;
}

static void free_cache(struct quire *q, struct kmem_cache *s)
{
	free_kmem_cache_nodes(q, s);
	free_cpu_slabs(q, s->cpu_slab);
	if (s->owned_name)
		kfree(q, s->name);
	kmem_cache_free(q, q->slab->kmem_cache, s);
}

/* A cache of the boot table gets its owner, and that one's layout. */
static struct kmem_cache *claim_cache(struct quire *q, struct kmem_cache *s, unsigned int size,
				      unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	if (!s->unclaimed)
		return NULL;
	for_each_node (q, nid)
		if (s->node[nid] && s->node[nid]->nr_slabs)
			return NULL;
	/* What the boot table knows of it stays true. */
	flags |= s->flags & SLAB_RECLAIM_ACCOUNT;
	if (calculate_sizes(q, s, size, align, flags, ctor))
		return NULL;
	s->unclaimed = false;
	return s;
}

struct kmem_cache *kmem_cache_create(struct quire *q, const char *name, unsigned int size_bytes,
				     unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	struct kmem_cache *s = find_kmem_cache(q, name);
	size_t len = str_len(name) + 1;
	char *copy;

	if (s)
		return claim_cache(q, s, size_bytes, align, flags, ctor);
	copy = kmalloc(q, len, GFP_KERNEL);
	if (!copy)
		return NULL;
	memcpy(copy, name, len);
	s = create_cache(q, copy, size_bytes, align, flags, ctor);
	if (s)
		s->owned_name = true;
	else
		kfree(q, copy);
	return s;
}

int kmem_cache_destroy(struct quire *q, struct kmem_cache *s)
{
	kmem_cache_shrink(q, s);
	for_each_node (q, nid)
		if (s->node[nid] && HOT_LOAD(&s->node[nid]->nr_slabs))
			return -EBUSY;
	spin_lock(q, &q->slab->list_lock);
	list_del(&s->list);
	spin_unlock(q, &q->slab->list_lock);
	free_cache(q, s);
	return 0;
}

unsigned int kmem_cache_size(const struct kmem_cache *s)
{
	return s->object_size;
}

struct kmem_cache *find_kmem_cache(struct quire *q, const char *name)
{
	struct kmem_cache *s, *found = NULL;

	spin_lock(q, &q->slab->list_lock);
	list_for_each_entry (s, &q->slab->caches, list) {
		if (str_eq(s->name, name)) {
			found = s;
			break;
		}
	}
	spin_unlock(q, &q->slab->list_lock);
	return found;
}

/* ---- boot ------------------------------------------------------------------- */

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
	err = make_first_caches(q, (struct kmem_cache *)(mem + floor_bytes),
				(struct kmem_cache *)(mem + floor_bytes + cache_bytes),
				cache_bytes);
	if (!err)
		err = create_kmalloc_caches(q);
	if (!err)
		err = create_boot_caches(q);
	return err;
}
