/* SPDX-License-Identifier: MIT */
/*
 * Objects handed out and taken back (Linux's slub.c).
 *
 * The common case touches one line of the CPU's and the object: take the head
 * of c->freelist, or put an object of c->slab back there.  When the CPU's slab
 * has nothing left, the next comes from, in this order: what others freed into
 * it meanwhile; the CPU's partial slabs; the node's partial list (several at
 * once, up to half of what a CPU may keep); other nodes' lists; the page
 * allocator.  A free into a slab that is nobody's makes a full slab one of the
 * CPU's partial slabs; when the CPU has too many they all go to their nodes,
 * and a node keeps no more than min_partial slabs that are empty.
 *
 * Locks and invariants: slub.h.  Pages are allocated and freed with no lock of
 * ours held, since both may take long.  Differs from Linux: slabs are changed
 * under the node's lock instead of by a double-word compare-and-exchange, a
 * new slab's free objects are in order of address unless the machine was made
 * with shuffled free lists (shuffle.c), and other nodes' partial slabs are always tried (Linux: 977 times in 1,000).
 */
#include "slab/memcg.h"
#include "slab/sheaf_alloc.h"

/* What an allocation may ask of the pages beneath. */
#define SLAB_GFP_MASK                                                                            \
	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS | __GFP_NOWARN | __GFP_RETRY_MAYFAIL | \
	 __GFP_NOFAIL | __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC | __GFP_ATOMIC |       \
	 __GFP_HARDWALL | __GFP_THISNODE)

/* ---- slabs ------------------------------------------------------------------ */

static struct page *alloc_slab_page(struct quire *q, gfp_t gfp, int nid, unsigned int order)
{
	return nid < 0 ? alloc_pages(q, gfp, order)
		       : alloc_pages_node(q, (unsigned int)nid, gfp, order);
}

/* The preferred order, lightly; then the smallest that holds an object. */
static struct page *allocate_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid)
{
	gfp_t light;
	struct page *page;

	gfp = (gfp & SLAB_GFP_MASK) | s->allocflags;
	light = (gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
	if ((light & __GFP_DIRECT_RECLAIM) && s->order > s->min_order)
		light = (light | __GFP_NOMEMALLOC) & ~__GFP_RECLAIM;
	page = alloc_slab_page(q, light, nid, s->order);
	if (likely(page)) {
		page->objects = (u16)s->objects;
		return page;
	}
	page = alloc_slab_page(q, gfp, nid, s->min_order);
	if (page)
		page->objects = (u16)s->min_objects;
	return page;
}

/* The free objects of a new slab, in order of address. */
static void link_slab(struct quire *q, struct kmem_cache *s, struct page *page)
{
	char *object = (char *)page_address(q, page) + s->red_left_pad;
	unsigned int nr = page->objects;

	page->freelist = object;
	for (unsigned int i = 0; i < nr; i++, object += s->size) {
		if (unlikely(s->ctor || kmem_cache_debug(s)))
			setup_object(q, s, page, object);
		set_freepointer(s, object, i + 1 < nr ? object + s->size : NULL);
	}
}

struct page *new_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct page *page;

	if (unlikely(s->flags & SLAB_TYPESAFE_BY_RCU))
		(void)rcu_poll(q);
	page = allocate_slab(q, s, gfp, nid);
	if (unlikely(!page))
		return NULL;
#if HOT_PERCPU
	if (cache_has_sheaves(s) && unlikely(!sheaf_slab_init(q, s, page))) {
		page->freelist = NULL;
		page->private = 0;
		__free_pages(q, page, compound_order(page));
		return NULL;
	}
#endif
	HOT_STORE(&page->slab_cache, s); /* list_slab_objects() may look */
	page->inuse = 0;
	page->frozen = 0;
	INIT_LIST_HEAD(&page->lru);
	SetPageSlab(page);
	if (kmem_cache_debug(s))
		setup_slab_debug(q, s, page);
	if (unlikely(s->random_seq))
		shuffle_slab(q, s, page);
	else if (!cache_has_sheaves(s))
		link_slab(q, s, page);
	mod_node_page_state(page_pgdat(q, page), cache_vmstat_idx(s), 1L << compound_order(page));
	(void)HOT_ADD(&slab_node(s, page)->nr_slabs, 1);
	(void)HOT_ADD(&slab_node(s, page)->total_objects, page->objects);
	memcg_account_slab(q, s, page, gfp);
	return page;
}

void free_slab_pages(struct quire *q, struct kmem_cache *s, struct page *page)
{
	unsigned int order = compound_order(page);

	mod_node_page_state(page_pgdat(q, page), cache_vmstat_idx(s), -(1L << order));
	/* Reclaim counts this with the pages it freed itself. */
	current_context(q)->reclaimed_slab += 1UL << order;
	if (unlikely(page->memcg))
		memcg_free_slab_cgroups(q, page);
#if HOT_PERCPU
	if (cache_has_sheaves(s))
		sheaf_slab_free(q, s, page);
#endif
	ClearPageSlab(page);
	HOT_STORE(&page->slab_cache, NULL);
	page->freelist = NULL;
	HOT_STORE(&page->private, 0);
	INIT_LIST_HEAD(&page->lru);
	__free_pages(q, page, order);
}

static void free_rcu_slab(struct quire *q, struct rcu_head *head)
{
	struct page *page = container_of((struct list_head *)head, struct page, lru);

	free_slab_pages(q, page->slab_cache, page);
}

void free_slab_by_rcu(struct quire *q, struct page *page)
{
	page->frozen = SLAB_WAITS_FOR_RCU;
	/* A CPU's lock may be held: what is due is done by who needs a slab. */
	call_rcu_lazy(q, (struct rcu_head *)&page->lru, free_rcu_slab);
}

void discard_slab(struct quire *q, struct kmem_cache *s, struct page *page)
{
	VM_BUG_ON(q, page->inuse);
	if (kmem_cache_debug(s))
		check_discarded_slab(q, s, page);
	(void)HOT_SUB(&slab_node(s, page)->nr_slabs, 1);
	(void)HOT_SUB(&slab_node(s, page)->total_objects, page->objects);
	if (unlikely(s->flags & SLAB_TYPESAFE_BY_RCU))
		free_slab_by_rcu(q, page);
	else
		free_slab_pages(q, s, page);
}

void discard_chain(struct quire *q, struct kmem_cache *s, struct page *page)
{
	while (page) {
		struct page *next = slab_next(page);

		discard_slab(q, s, page);
		page = next;
	}
}

/* Under list_lock, as are all below that take n. */
void add_partial(struct kmem_cache_node *n, struct page *page, bool tail)
{
	HOT_STORE(&n->nr_partial, n->nr_partial + 1);
	if (tail)
		list_add_tail(&page->lru, &n->partial);
	else
		list_add(&page->lru, &n->partial);
}

void remove_partial(struct kmem_cache_node *n, struct page *page)
{
	list_del_init(&page->lru);
	HOT_STORE(&n->nr_partial, n->nr_partial - 1);
}

/*
 * A slab that no CPU holds any more goes where it belongs; true: it is empty
 * and the node has enough of those, so the caller discards it.
 */
static bool unfreeze_slab(struct kmem_cache *s, struct kmem_cache_node *n, struct page *page,
			  bool tail)
{
	page->frozen = 0;
	if (!page->inuse && n->nr_partial >= s->min_partial)
		return true;
	if (page->freelist)
		add_partial(n, page, tail);
	return false;
}

/* ---- what a CPU holds ------------------------------------------------------- */

/* Takes the CPU's slab away from it, with the free objects it had there. */
static struct page *deactivate_slab(struct quire *q, struct kmem_cache *s, struct kmem_cache_cpu *c)
{
	struct page *page = c->slab;
	struct kmem_cache_node *n = slab_node(s, page);
	void *object = c->freelist;
	bool empty;

	spin_lock(q, &n->list_lock);
	while (object) {
		void *next = get_freepointer(s, object);

		set_freepointer(s, object, page->freelist);
		page->freelist = object;
		page->inuse--;
		object = next;
	}
	empty = unfreeze_slab(s, n, page, false);
	spin_unlock(q, &n->list_lock);
	c->freelist = NULL;
	c->slab = NULL;
	if (!empty)
		return NULL;
	set_slab_next(page, NULL);
	return page;
}

/* Sends a chain of partial slabs to their nodes. */
static void unfreeze_partials(struct quire *q, struct kmem_cache *s, struct page *page)
{
	struct page *empty = NULL;

	while (page) {
		struct page *next = slab_next(page);
		struct kmem_cache_node *n = slab_node(s, page);

		spin_lock(q, &n->list_lock);
		if (unfreeze_slab(s, n, page, true)) {
			set_slab_next(page, empty);
			empty = page;
		}
		spin_unlock(q, &n->list_lock);
		page = next;
	}
	discard_chain(q, s, empty);
}

static struct page *take_cpu_partials(struct kmem_cache_cpu *c)
{
	struct page *page = c->partial;

	c->partial = NULL;
	c->nr_partial = 0;
	return page;
}

/* Under c->lock. */
static void __put_cpu_partial(struct kmem_cache_cpu *c, struct page *page)
{
	set_slab_next(page, c->partial);
	c->partial = page;
	c->nr_partial++;
}

/* A slab, frozen by the caller, becomes one of the CPU's partial slabs. */
static void put_cpu_partial(struct quire *q, struct kmem_cache *s, struct page *page)
{
	struct kmem_cache_cpu *c = this_cpu_slab(q, s);
	struct page *drain = NULL;

	spin_lock(q, &c->lock);
	if (c->nr_partial >= s->cpu_partial_slabs)
		drain = take_cpu_partials(c);
	__put_cpu_partial(c, page);
	spin_unlock(q, &c->lock);
	unfreeze_partials(q, s, drain);
}

void flush_cpu_slab(struct quire *q, struct kmem_cache *s, unsigned int cpu)
{
	struct kmem_cache_cpu *c = &s->cpu_slab[cpu];
	struct page *partial, *empty = NULL;

	spin_lock(q, &c->lock);
	if (c->slab)
		empty = deactivate_slab(q, s, c);
	partial = take_cpu_partials(c);
	spin_unlock(q, &c->lock);
	discard_chain(q, s, empty);
	unfreeze_partials(q, s, partial);
}

/* ---- allocation ------------------------------------------------------------- */

/* What others freed into the CPU's slab; without any the slab is full and the
 * CPU lets go of it. */
static void *get_freelist(struct quire *q, struct kmem_cache *s, struct page *page)
{
	struct kmem_cache_node *n = slab_node(s, page);
	void *freelist;

	spin_lock(q, &n->list_lock);
	freelist = page->freelist;
	page->freelist = NULL;
	page->inuse = page->objects;
	page->frozen = freelist != NULL;
	spin_unlock(q, &n->list_lock);
	return freelist;
}

/* Takes a node's first partial slab as the CPU's, and some more for later. */
static void *get_partial_node(struct quire *q, struct kmem_cache *s, struct kmem_cache_node *n,
			      struct kmem_cache_cpu *c)
{
	void *freelist = NULL;
	unsigned int more = 0;

	/* A glance without the lock; being wrong costs a slab, no more. */
	if (!n || !HOT_LOAD(&n->nr_partial))
		return NULL;
	spin_lock(q, &n->list_lock);
	while (n->nr_partial) {
		struct page *page = list_first_entry(&n->partial, struct page, lru);

		remove_partial(n, page);
		page->frozen = 1;
		if (!freelist) {
			freelist = page->freelist;
			page->freelist = NULL;
			page->inuse = page->objects;
			c->slab = page;
		} else {
			__put_cpu_partial(c, page);
			more++;
		}
		if (more > s->cpu_partial_slabs / 2)
			break;
	}
	spin_unlock(q, &n->list_lock);
	return freelist;
}

/* The node asked for, or the CPU's own and then, nearest first, those that
 * have more than they want to keep. */
static void *get_partial(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
			 struct kmem_cache_cpu *c)
{
	unsigned int local = nid < 0 ? numa_node_id(q) : (unsigned int)nid;
	void *freelist = get_partial_node(q, s, s->node[local], c);
	struct zone *zone;
	int highest;

	if (freelist || nid >= 0 || q->nr_nodes == 1)
		return freelist;
	highest = gfp_zone(gfp | s->allocflags);
	for_each_zone_zonelist_nodemask(
		zone, z, &NODE_DATA(q, local)->node_zonelists[ZONELIST_FALLBACK], highest, NULL)
	{
		struct kmem_cache_node *n = s->node[zone->zone_pgdat->node_id];

		if (!n || HOT_LOAD(&n->nr_partial) <= s->min_partial)
			continue;
		freelist = get_partial_node(q, s, n, c);
		if (freelist)
			break;
	}
	return freelist;
}

/*
 * A freelist for a CPU that has none that suits: entered with c->lock held and
 * left with it released.  Returns an object, or NULL.
 */
static __attribute__((noinline)) void *___slab_alloc(struct quire *q, struct kmem_cache *s,
						     gfp_t gfp, int nid, struct kmem_cache_cpu *c)
{
	struct page *page, *empty = NULL;
	void *freelist = NULL;

	/* A node without memory can't be insisted on. */
	if (nid >= 0 && !s->node[nid])
		nid = -1;
	do {
		if (c->slab) {
			if (nid >= 0 && page_to_nid(c->slab) != (unsigned int)nid) {
				empty = deactivate_slab(q, s, c);
			} else {
				freelist = c->freelist ? c->freelist : get_freelist(q, s, c->slab);
				if (freelist)
					goto load;
				c->slab = NULL;
			}
		}
		if (c->partial) {
			c->slab = c->partial;
			c->partial = slab_next(c->slab);
			c->nr_partial--;
			INIT_LIST_HEAD(&c->slab->lru);
			discard_chain(q, s, empty);
			empty = NULL;
		}
	} while (c->slab);
	freelist = get_partial(q, s, gfp, nid, c);
	if (freelist)
		goto load;

	spin_unlock(q, &c->lock);
	discard_chain(q, s, empty);
	empty = NULL;
	page = new_slab(q, s, gfp, nid);
	if (unlikely(!page))
		return NULL;
	/* We may have slept: on which CPU are we, and what has it got now? */
	c = this_cpu_slab(q, s);
	spin_lock(q, &c->lock);
	if (c->slab)
		empty = deactivate_slab(q, s, c);
	freelist = page->freelist;
	page->freelist = NULL;
	page->inuse = page->objects;
	page->frozen = 1;
	c->slab = page;
load:
	c->freelist = get_freepointer(s, freelist);
	spin_unlock(q, &c->lock);
	discard_chain(q, s, empty);
	return freelist;
}

void *slub_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct kmem_cache_cpu *c;
	void *object;

#if HOT_PERCPU
	if (cache_has_sheaves(s))
		return sheaf_alloc(q, s, gfp);
#endif
	c = this_cpu_slab(q, s);
	spin_lock(q, &c->lock);
	object = c->freelist;
	if (likely(object && (nid < 0 || page_to_nid(c->slab) == (unsigned int)nid))) {
		c->freelist = get_freepointer(s, object);
		spin_unlock(q, &c->lock);
		return object;
	}
	return ___slab_alloc(q, s, gfp, nid, c);
}

static inline void *slab_alloc_node(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
				    unsigned long caller)
{
	void *object;

#if HOT_PERCPU
	object = sheaf_try_pop(s);
	if (likely(object))
		goto out;
#endif
	if (unlikely((HOT_LOAD(&s->flags) & SLAB_HOOKED) || (gfp & __GFP_ACCOUNT)))
		return slab_alloc_hooked(q, s, gfp, nid, s->object_size, caller);
	object = slub_alloc(q, s, gfp, nid);
#if HOT_PERCPU
out:
#endif
	if (unlikely(gfp & __GFP_ZERO) && object)
		memset(object, 0, s->object_size);
	return object;
}

void *kmem_cache_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp)
{
	return slab_alloc_node(q, s, gfp, -1, _RET_IP_);
}

void *kmem_cache_alloc_node(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid)
{
	return slab_alloc_node(q, s, gfp, nid, _RET_IP_);
}

void *kmem_cache_zalloc(struct quire *q, struct kmem_cache *s, gfp_t gfp)
{
	return slab_alloc_node(q, s, gfp | __GFP_ZERO, -1, _RET_IP_);
}

/* ---- freeing ---------------------------------------------------------------- */

/* Into a slab that is not this CPU's. */
static __attribute__((noinline)) void __slab_free(struct quire *q, struct kmem_cache *s,
						  struct page *page, void *object)
{
	struct kmem_cache_node *n = slab_node(s, page);
	bool was_full, freeze = false, empty = false;

	spin_lock(q, &n->list_lock);
	BUG_ON(q, object == page->freelist); /* freed twice */
	was_full = !page->freelist;
	set_freepointer(s, object, page->freelist);
	page->freelist = object;
	page->inuse--;
	if (!page->frozen) {
		if (was_full) {
			/* It is on no list: the CPU keeps it. */
			page->frozen = 1;
			freeze = true;
		} else if (!page->inuse && n->nr_partial >= s->min_partial) {
			remove_partial(n, page);
			empty = true;
		}
	}
	spin_unlock(q, &n->list_lock);
	if (freeze)
		put_cpu_partial(q, s, page);
	else if (empty)
		discard_slab(q, s, page);
}

void slub_free(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	struct kmem_cache_cpu *c;

#if HOT_PERCPU
	if (cache_has_sheaves(s)) {
		sheaf_free(q, s, object);
		return;
	}
#endif
	c = this_cpu_slab(q, s);
	spin_lock(q, &c->lock);
	if (likely(c->slab == page)) {
		BUG_ON(q, object == c->freelist); /* freed twice */
		set_freepointer(s, object, c->freelist);
		c->freelist = object;
		spin_unlock(q, &c->lock);
		return;
	}
	spin_unlock(q, &c->lock);
	__slab_free(q, s, page, object);
}

void kmem_cache_free(struct quire *q, struct kmem_cache *s, void *object)
{
	struct page *page;

#if HOT_PERCPU
	if (likely(is_sheaved_object(s, object))) {
		sheaf_free(q, s, object);
		return;
	}
#endif
	page = virt_to_slab(q, object);
	if (unlikely(page->slab_cache != s)) {
		s = cache_from_obj(q, s, page, object);
		if (!s)
			return;
	}
	if (unlikely(HOT_LOAD(&s->flags) & SLAB_HOOKED))
		slab_free_hooked(q, s, page, object, _RET_IP_);
	else
		slub_free(q, s, page, object);
}

/* ---- shrinking -------------------------------------------------------------- */

/*
 * Puts the fullest partial slabs of a node first, so that the others get a
 * chance to empty, and gives back the empty ones.  Returns pages.
 */
static unsigned long shrink_node(struct quire *q, struct kmem_cache *s, struct kmem_cache_node *n)
{
	struct list_head promote[SHRINK_PROMOTE_MAX];
	struct page *page, *tmp, *empty = NULL;
	unsigned long pages = 0;

	for (unsigned int i = 0; i < SHRINK_PROMOTE_MAX; i++)
		INIT_LIST_HEAD(&promote[i]);
	spin_lock(q, &n->list_lock);
	list_for_each_entry_safe (page, tmp, &n->partial, lru) {
		unsigned int free = page->objects - page->inuse;

		if (!page->inuse) {
			remove_partial(n, page);
#if HOT_PERCPU
			s->sheaves.nr_free -= cache_has_sheaves(s) ? page->objects : 0;
#endif
			set_slab_next(page, empty);
			empty = page;
			pages += 1UL << compound_order(page);
		} else if (free <= SHRINK_PROMOTE_MAX) {
			list_move(&page->lru, &promote[free - 1]);
		}
	}
	for (unsigned int i = SHRINK_PROMOTE_MAX; i-- > 0;)
		list_splice(&promote[i], &n->partial);
	spin_unlock(q, &n->list_lock);
	discard_chain(q, s, empty);
	return pages;
}

unsigned long slub_shrink(struct quire *q, struct kmem_cache *s)
{
	unsigned long pages = 0;

#if HOT_PERCPU
	if (cache_has_sheaves(s))
		sheaf_flush(q, s);
#endif
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		flush_cpu_slab(q, s, cpu);
	for_each_node (q, nid)
		if (s->node[nid])
			pages += shrink_node(q, s, s->node[nid]);
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		(void)rcu_poll(q);
	return pages;
}
