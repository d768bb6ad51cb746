/* SPDX-License-Identifier: MIT */
/*
 * The SLAB's caches: layout and colours, the parts of a CPU and of a node,
 * tunables, reaping, and what /proc/slabinfo says (Linux's mm/slab.c).
 *
 * A slab takes the smallest order that leaves an eighth of it unused at most,
 * order 1 at most where that holds an object.  What is left is used to shift the
 * objects of one slab against those of the next (colours).
 *
 * Every two seconds a CPU's array that was not used is cut by a fifth of its
 * limit, and each node gives back a fifth of what it may keep free.
 *
 * Differs from Linux: no index arrays off the slab; the parts of caches are cut
 * from pages (meta.c), not kmalloc'ed.  Locks: slab_alloc.c.
 */
#include "slab/slab_array.h"

#define REAPTIMEOUT_AC	 (2 * NSEC_PER_SEC)
#define REAPTIMEOUT_NODE (4 * NSEC_PER_SEC)

/* ---- layout ---------------------------------------------------------------------- */

/* Objects in a slab of order, and what is left; indices on the slab or not. */
static unsigned int cache_estimate(unsigned int order, size_t size, bool on_slab, size_t *left)
{
	size_t bytes = PAGE_SIZE << order, each = size + (on_slab ? sizeof(freelist_idx_t) : 0);

	*left = bytes % each;
	return (unsigned int)(bytes / each);
}

static bool calculate_slab_order(struct kmem_cache *s, bool objfreelist, size_t *left)
{
	bool found = false;

	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		size_t rest;
		unsigned int num = cache_estimate(order, s->size, !objfreelist, &rest);

		if (!num)
			continue;
		if (num > SLAB_OBJ_MAX_NUM)
			break;
		if (objfreelist && num * sizeof(freelist_idx_t) > s->object_size)
			return false;
		s->objects = num;
		s->order = (u8)order;
		*left = rest;
		found = true;
		if ((s->flags & SLAB_RECLAIM_ACCOUNT) || order >= SLAB_MAX_ORDER ||
		    rest * 8 <= PAGE_SIZE << order)
			break;
	}
	return found;
}

static int lay_out(struct kmem_cache *s)
{
	struct slab_own *own = s->own;
	size_t left = 0;

	s->size = max(ALIGN(s->object_size, s->align), ALIGN(SLAB_OBJ_MIN_SIZE, s->align));
	s->inuse = s->object_size;
	own->objfreelist = !s->ctor && !(s->flags & SLAB_TYPESAFE_BY_RCU) &&
			   calculate_slab_order(s, true, &left);
	if (!own->objfreelist && !calculate_slab_order(s, false, &left))
		return -EINVAL;
	s->min_order = s->order;
	s->min_objects = s->objects;
	s->allocflags = (s->allocflags & ~__GFP_COMP) | (s->order ? __GFP_COMP : 0);
	own->colour_off = max(s->align, 64u);
	own->colour = (unsigned int)min(left / own->colour_off, (size_t)SLAB_OBJ_MAX_NUM);
	return 0;
}

/* ---- arrays ----------------------------------------------------------------------- */

static size_t array_bytes(unsigned int limit)
{
	return sizeof(struct array_cache) + limit * sizeof(void *);
}

static struct array_cache *alloc_array(struct quire *q, unsigned int limit, unsigned int batch)
{
	struct array_cache *ac = slab_meta_alloc(q, array_bytes(limit));

	if (ac) {
		ac->limit = limit;
		ac->batchcount = batch;
	}
	return ac;
}

static void free_array(struct quire *q, struct array_cache *ac)
{
	if (ac)
		slab_meta_free(q, ac, array_bytes(ac->limit));
}

static void free_aliens(struct quire *q, struct slab_node *n)
{
	for (unsigned int nid = 0; n->alien && nid < q->nr_nodes; nid++)
		if (n->alien[nid])
			slab_meta_free(q, n->alien[nid],
				       sizeof(struct alien_cache) +
					       n->alien[nid]->ac.limit * sizeof(void *));
	slab_meta_free(q, n->alien, q->nr_nodes * sizeof(*n->alien));
	n->alien = NULL;
}

/* For each other node with memory an array of 12, as Linux. */
static int alloc_aliens(struct quire *q, struct kmem_cache *s, struct slab_node *n,
			unsigned int self)
{
	const unsigned int limit = 12;

	n->alien = slab_meta_alloc(q, q->nr_nodes * sizeof(*n->alien));
	if (!n->alien)
		return -ENOMEM;
	for_each_node (q, nid) {
		struct alien_cache *alien;

		if (nid == self || !s->own->node[nid])
			continue;
		alien = slab_meta_alloc(q, sizeof(*alien) + limit * sizeof(void *));
		if (!alien)
			return -ENOMEM;
		spin_lock_init(&alien->lock, LOCK_SLAB_CPU);
		alien->ac.limit = limit;
		alien->ac.batchcount = 0xbaadf00d & 0xff;
		n->alien[nid] = alien;
	}
	return 0;
}

/* Empties all arrays of a cache into its slabs. */
static void drain_cpu_caches(struct quire *q, struct kmem_cache *s)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct list_head discard = LIST_HEAD_INIT(discard);
		struct kmem_cache_cpu *c = &s->cpu_slab[cpu];
		struct array_cache *ac;

		spin_lock(q, &c->lock);
		ac = cpu_array(c);
		while (ac && ac->avail) {
			void *object = ac->entry[ac->avail - 1];
			struct slab_node *n = s->own->node[page_to_nid(virt_to_slab(q, object))];

			spin_lock(q, &n->list_lock);
			slab_free_block(q, s, n, &object, 1, &discard);
			spin_unlock(q, &n->list_lock);
			ac->avail--;
		}
		spin_unlock(q, &c->lock);
		slab_destroy_list(q, s, &discard);
	}
	/* Objects of other nodes go into those nodes' shared arrays. */
	for_each_node (q, nid)
		if (s->own->node[nid])
			slab_drain_alien(q, s, s->own->node[nid]);
	for_each_node (q, nid) {
		struct list_head discard = LIST_HEAD_INIT(discard);
		struct slab_node *n = s->own->node[nid];

		if (!n)
			continue;
		spin_lock(q, &n->list_lock);
		if (n->shared) {
			slab_free_block(q, s, n, n->shared->entry, n->shared->avail, &discard);
			n->shared->avail = 0;
		}
		spin_unlock(q, &n->list_lock);
		slab_destroy_list(q, s, &discard);
	}
}

static void set_free_limit(struct quire *q, struct kmem_cache *s, unsigned int nid)
{
	s->own->node[nid]->free_limit =
		(1 + q->cfg.node[nid].nr_cpus) * s->own->batchcount + s->objects;
}

/* A node's shared array is batchcount x shared long. */
static int set_shared(struct quire *q, struct kmem_cache *s, struct slab_node *n)
{
	struct array_cache *ac = NULL, *old;

	if (s->own->shared) {
		ac = alloc_array(q, s->own->shared * s->own->batchcount, s->own->batchcount);
		if (!ac)
			return -ENOMEM;
	}
	spin_lock(q, &n->list_lock);
	old = n->shared;
	n->shared = ac;
	spin_unlock(q, &n->list_lock);
	free_array(q, old);
	return 0;
}

int slab_tune(struct quire *q, struct kmem_cache *s, unsigned int limit, unsigned int batchcount,
	      unsigned int shared)
{
	struct slab_own *own = s->own;

	if (q->slab->impl != &slab_impl || !limit || !batchcount || batchcount > limit ||
	    limit > 4096 || shared > 64)
		return -EINVAL;
	drain_cpu_caches(q, s);
	own->limit = limit;
	own->batchcount = batchcount;
	own->shared = shared;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct kmem_cache_cpu *c = &s->cpu_slab[cpu];
		struct array_cache *ac = alloc_array(q, limit, batchcount), *old;
		struct list_head discard = LIST_HEAD_INIT(discard);

		if (!ac)
			return -ENOMEM;
		spin_lock(q, &c->lock);
		old = cpu_array(c);
		c->freelist = ac;
		spin_unlock(q, &c->lock);
		/* What came while we drained. */
		for (unsigned int i = 0; old && i < old->avail; i++)
			slab_impl_free(q, s, virt_to_slab(q, old->entry[i]), old->entry[i]);
		free_array(q, old);
	}
	for_each_node (q, nid) {
		if (!own->node[nid])
			continue;
		if (set_shared(q, s, own->node[nid]))
			return -ENOMEM;
		set_free_limit(q, s, nid);
	}
	return 0;
}

/* ---- a cache's parts ----------------------------------------------------------------- */

static size_t own_bytes(struct quire *q)
{
	return sizeof(struct slab_own) + q->nr_nodes * sizeof(struct slab_node *);
}

static void slab_impl_destroy(struct quire *q, struct kmem_cache *s)
{
	if (s->cpu_slab) {
		for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
			free_array(q, cpu_array(&s->cpu_slab[cpu]));
		free_cpu_slabs(q, s->cpu_slab);
	}
	for_each_node (q, nid) {
		struct slab_node *n = s->own ? s->own->node[nid] : NULL;

		if (!n)
			continue;
		free_array(q, n->shared);
		free_aliens(q, n);
		slab_meta_free(q, n, sizeof(*n));
	}
	slab_meta_free(q, s->own, own_bytes(q));
	s->own = NULL;
	s->cpu_slab = NULL;
}

static int alloc_nodes(struct quire *q, struct kmem_cache *s)
{
	for_each_node (q, nid) {
		struct slab_node *n;

		if (!node_has_memory(q, nid))
			continue;
		n = slab_meta_alloc(q, sizeof(*n));
		if (!n)
			return -ENOMEM;
		spin_lock_init(&n->list_lock, LOCK_SLAB_NODE);
		INIT_LIST_HEAD(&n->partial);
		INIT_LIST_HEAD(&n->full);
		INIT_LIST_HEAD(&n->free);
		s->own->node[nid] = n;
	}
	for_each_node (q, nid)
		if (q->nr_nodes > 1 && s->own->node[nid] &&
		    alloc_aliens(q, s, s->own->node[nid], nid))
			return -ENOMEM;
	return 0;
}

/* By the size of its objects: Linux's enable_cpucache(). */
static unsigned int array_limit(const struct kmem_cache *s)
{
	if (s->size > 131072)
		return 1;
	if (s->size > PAGE_SIZE)
		return 8;
	if (s->size > 1024)
		return 24;
	return s->size > 256 ? 54 : 120;
}

static int slab_impl_create(struct quire *q, struct kmem_cache *s)
{
	unsigned int limit;
	int err = -ENOMEM;

	s->own = slab_meta_alloc(q, own_bytes(q));
	if (!s->own)
		return -ENOMEM;
	if (lay_out(s))
		goto free;
	s->cpu_slab = alloc_cpu_slabs(q);
	if (!s->cpu_slab || alloc_nodes(q, s))
		goto free;
	limit = array_limit(s);
	err = slab_tune(q, s, limit, (limit + 1) / 2,
			s->size <= PAGE_SIZE && q->nr_cpus > 1 ? 8 : 0);
	if (!err)
		return 0;
free:
	slab_impl_destroy(q, s);
	return err;
}

static int slab_impl_relayout(struct quire *q, struct kmem_cache *s)
{
	unsigned int limit = array_limit(s);
	int err = lay_out(s);

	return err ? err
		   : slab_tune(q, s, limit, (limit + 1) / 2,
			       s->size <= PAGE_SIZE && q->nr_cpus > 1 ? 8 : 0);
}

int slab_boot(struct quire *q, struct kmem_cache *boot_cache, unsigned int cache_bytes)
{
	int err = calculate_sizes(q, boot_cache, cache_bytes, 0, SLAB_HWCACHE_ALIGN, NULL);

	if (!err)
		err = slab_impl_create(q, boot_cache);
	if (err)
		return err;
	boot_cache->flags |= SLAB_HOOKED;
	list_add(&boot_cache->list, &q->slab->caches);
	q->slab->kmem_cache = boot_cache;
	return 0;
}

/* ---- reaping ----------------------------------------------------------------------- */

static void drain_array(struct quire *q, struct kmem_cache *s, struct slab_node *n,
			struct array_cache *ac, struct list_head *discard)
{
	unsigned int nr;

	if (!ac || !ac->avail)
		return;
	if (ac->touched) {
		ac->touched = false;
		return;
	}
	nr = min((ac->limit + 4) / 5, (ac->avail + 1) / 2);
	slab_free_block(q, s, n, ac->entry, nr, discard);
	ac->avail -= nr;
	memmove(ac->entry, ac->entry + nr, ac->avail * sizeof(void *));
}

static void reap_cache(struct quire *q, struct kmem_cache *s, unsigned int cpu)
{
	struct slab_node *n = s->own->node[cpu_to_node(q, cpu)];
	struct list_head discard = LIST_HEAD_INIT(discard);
	struct kmem_cache_cpu *c = &s->cpu_slab[cpu];
	bool reap = false;

	if (!n)
		return;
	slab_drain_alien(q, s, n);
	spin_lock(q, &c->lock);
	spin_lock(q, &n->list_lock);
	drain_array(q, s, n, cpu_array(c), &discard);
	if (quire_clock(q) >= n->next_reap) {
		n->next_reap = quire_clock(q) + REAPTIMEOUT_NODE;
		drain_array(q, s, n, n->shared, &discard);
		reap = !n->free_touched;
		n->free_touched = false;
	}
	spin_unlock(q, &n->list_lock);
	spin_unlock(q, &c->lock);
	slab_destroy_list(q, s, &discard);
	if (reap)
		(void)slab_drain_freelist(q, s, n,
					  (n->free_limit + 5 * s->objects - 1) / (5 * s->objects));
}

void slab_cache_reap(struct quire *q, unsigned int cpu)
{
	struct kmem_cache *s;

	list_for_each_entry (s, &q->slab->caches, list)
		reap_cache(q, s, cpu);
}

static void reaper(struct quire *q, __unused void *arg)
{
	while (!q->stopping) {
		sleep_ns(q, REAPTIMEOUT_AC);
		for (unsigned int cpu = 0; cpu < q->nr_cpus && !q->stopping; cpu++)
			slab_cache_reap(q, cpu);
	}
}

int slab_start_reaper(struct quire *q)
{
	return kthread_run(q, "slab_reaper", reaper, NULL, -1);
}

/* ---- what is shown ------------------------------------------------------------------ */

static unsigned long slab_impl_shrink(struct quire *q, struct kmem_cache *s)
{
	unsigned long pages = 0;

	drain_cpu_caches(q, s);
	for_each_node (q, nid)
		if (s->own->node[nid])
			pages += slab_drain_freelist(q, s, s->own->node[nid], ~0UL);
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		(void)rcu_poll(q);
	return pages;
}

static void slab_impl_info(struct quire *q, struct kmem_cache *s, struct slabinfo *info)
{
	unsigned long free = 0, free_slabs = 0;

	*info = (struct slabinfo){
		.name = s->name,
		.objsize = s->size,
		.objects_per_slab = s->objects,
		.pages_per_slab = 1u << s->order,
		.limit = s->own->limit,
		.batchcount = s->own->batchcount,
		.shared = s->own->shared,
	};
	for_each_node (q, nid) {
		struct slab_node *n = s->own->node[nid];

		if (!n)
			continue;
		spin_lock(q, &n->list_lock);
		info->num_slabs += n->total_slabs;
		free_slabs += n->free_slabs;
		free += n->free_objects;
		info->shared_avail += n->shared ? n->shared->avail : 0;
		spin_unlock(q, &n->list_lock);
	}
	info->num_objs = info->num_slabs * s->objects;
	info->active_objs = info->num_objs - free;
	info->active_slabs = info->num_slabs - free_slabs;
}

static unsigned long slab_impl_in_use(struct quire *q, struct kmem_cache *s)
{
	struct slabinfo info;

	slab_impl_info(q, s, &info);
	info.active_objs -= info.shared_avail;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct array_cache *ac = cpu_array(&s->cpu_slab[cpu]);

		info.active_objs -= ac ? HOT_LOAD(&ac->avail) : 0;
	}
	for_each_node (q, nid) {
		struct slab_node *n = s->own->node[nid];

		for (unsigned int other = 0; n && n->alien && other < q->nr_nodes; other++)
			if (n->alien[other])
				info.active_objs -= HOT_LOAD(&n->alien[other]->ac.avail);
	}
	return info.active_objs;
}

static bool slab_impl_has_objects(struct quire *q, struct kmem_cache *s)
{
	for_each_node (q, nid)
		if (s->own->node[nid] && HOT_LOAD(&s->own->node[nid]->total_slabs))
			return true;
	return false;
}

const struct slab_impl slab_impl = {
	.name = "slab",
	.create = slab_impl_create,
	.relayout = slab_impl_relayout,
	.destroy = slab_impl_destroy,
	.has_objects = slab_impl_has_objects,
	.alloc = slab_impl_alloc,
	.free = slab_impl_free,
	.shrink = slab_impl_shrink,
	.info = slab_impl_info,
	.objects_in_use = slab_impl_in_use,
};
