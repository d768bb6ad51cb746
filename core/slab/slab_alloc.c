/* SPDX-License-Identifier: MIT */
/*
 * The SLAB hands out and takes back (Linux's mm/slab.c).
 *
 * An object comes from the CPU's array.  An empty array is filled with a batch
 * from the node's shared array, else from the node's slabs, partial ones first;
 * else a new slab is made.  A free goes to the CPU's array; a full one gives a
 * batch back, to the shared array if that has room.  An object of another node
 * goes into the alien array of that node, and home in batches.
 *
 * Locks: kmem_cache_cpu.lock for a CPU's array, alien_cache.lock, then the
 * node's list_lock for its lists, its slabs and the shared array.
 */
#include "slab/memcg.h"
#include "slab/slab_array.h"

/* ---- slabs ---------------------------------------------------------------------- */

static freelist_idx_t *freelist_of(struct page *page)
{
	return page->freelist;
}

/* Colours take turns, so that first objects of slabs lie in different cache lines. */
static unsigned int next_colour(struct quire *q, struct kmem_cache *s, struct slab_node *n)
{
	unsigned int colour;

	spin_lock(q, &n->list_lock);
	colour = n->colour_next;
	n->colour_next = colour + 1 < s->own->colour ? colour + 1 : 0;
	spin_unlock(q, &n->list_lock);
	return colour;
}

static struct page *cache_grow(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid)
{
	gfp_t page_gfp = (gfp & ~(__GFP_ZERO | __GFP_ACCOUNT | __GFP_RECLAIMABLE | __GFP_COMP)) |
			 s->allocflags;
	unsigned int node = nid < 0 ? numa_node_id(q) : (unsigned int)nid;
	struct page *page = alloc_pages_node(q, node, page_gfp, s->order);
	size_t bytes = PAGE_SIZE << s->order;

	if (!page)
		return NULL;
	page->slab_cache = s;
	page->objects = (u16)s->objects;
	page->inuse = 0;
	page->frozen = (u8)next_colour(q, s, s->own->node[page_to_nid(page)]);
	INIT_LIST_HEAD(&page->lru);
	SetPageSlab(page);
	/* The indices: in the object that goes last, or at the slab's end. */
	page->freelist = s->own->objfreelist ? slab_index_to_obj(q, s, page, s->objects - 1)
					     : (char *)page_address(q, page) + bytes - s->objects;
	for (unsigned int i = 0; i < s->objects; i++) {
		if (s->ctor)
			s->ctor(slab_index_to_obj(q, s, page, i));
		freelist_of(page)[i] = (freelist_idx_t)i;
	}
	mod_node_page_state(page_pgdat(q, page), cache_vmstat_idx(s), 1L << s->order);
	memcg_account_slab(q, s, page, gfp);
	return page;
}

static void *slab_get_obj(struct quire *q, struct kmem_cache *s, struct page *page)
{
	unsigned int i = freelist_of(page)[page->inuse++];

	/* The last one held the indices. */
	if (page->inuse == page->objects && s->own->objfreelist)
		page->freelist = NULL;
	return slab_index_to_obj(q, s, page, i);
}

static void slab_put_obj(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	size_t i = (size_t)((char *)object - slab_start(q, s, page)) / s->size;

	BUG_ON(q, i >= page->objects || !page->inuse);
	page->inuse--;
	if (!page->freelist)
		page->freelist = object;
	freelist_of(page)[page->inuse] = (freelist_idx_t)i;
}

/* Puts a slab on the list that it belongs on; under list_lock. */
static void place_slab(struct slab_node *n, struct page *page, bool tail)
{
	struct list_head *list = !page->inuse			? &n->free
				 : page->inuse == page->objects ? &n->full
								: &n->partial;

	if (tail)
		list_add_tail(&page->lru, list);
	else
		list_add(&page->lru, list);
}

/* Under list_lock: up to nr objects of a slab, which is on no list. */
static unsigned int alloc_block(struct quire *q, struct kmem_cache *s, struct page *page,
				void **objects, unsigned int nr)
{
	unsigned int got = 0;

	while (got < nr && page->inuse < page->objects)
		objects[got++] = slab_get_obj(q, s, page);
	return got;
}

/* The same from all slabs of a node. */
static unsigned int alloc_from_node(struct quire *q, struct kmem_cache *s, struct slab_node *n,
				    void **objects, unsigned int nr)
{
	unsigned int got = 0;

	while (got < nr) {
		struct list_head *list = !list_empty(&n->partial) ? &n->partial : &n->free;
		unsigned int more;
		struct page *page;

		if (list_empty(list))
			break;
		page = list_first_entry(list, struct page, lru);
		list_del_init(&page->lru);
		if (!page->inuse) {
			n->free_slabs--;
			n->free_touched = true;
		}
		more = alloc_block(q, s, page, objects + got, nr - got);
		n->free_objects -= more;
		got += more;
		place_slab(n, page, false);
	}
	return got;
}

void slab_free_block(struct quire *q, struct kmem_cache *s, struct slab_node *n, void **objects,
		     unsigned int nr, struct list_head *discard)
{
	n->free_objects += nr;
	for (unsigned int i = 0; i < nr; i++) {
		struct page *page = virt_to_slab(q, objects[i]);

		list_del_init(&page->lru);
		slab_put_obj(q, s, page, objects[i]);
		if (!page->inuse)
			n->free_slabs++;
		place_slab(n, page, page->inuse != 0);
	}
	while (n->free_objects > n->free_limit && !list_empty(&n->free)) {
		struct page *page = list_last_entry(&n->free, struct page, lru);

		list_move(&page->lru, discard);
		n->free_slabs--;
		n->total_slabs--;
		n->free_objects -= page->objects;
	}
}

void slab_destroy_list(struct quire *q, struct kmem_cache *s, struct list_head *discard)
{
	while (!list_empty(discard)) {
		struct page *page = list_first_entry(discard, struct page, lru);

		list_del_init(&page->lru);
		if (s->flags & SLAB_TYPESAFE_BY_RCU)
			free_slab_by_rcu(q, page);
		else
			free_slab_pages(q, s, page);
	}
}

unsigned long slab_drain_freelist(struct quire *q, struct kmem_cache *s, struct slab_node *n,
				  unsigned long most)
{
	struct list_head discard = LIST_HEAD_INIT(discard);
	unsigned long nr = 0;

	spin_lock(q, &n->list_lock);
	while (nr < most && !list_empty(&n->free)) {
		struct page *page = list_last_entry(&n->free, struct page, lru);

		list_move(&page->lru, &discard);
		n->free_slabs--;
		n->total_slabs--;
		n->free_objects -= page->objects;
		nr++;
	}
	spin_unlock(q, &n->list_lock);
	slab_destroy_list(q, s, &discard);
	return nr << s->order;
}

/* ---- allocation ------------------------------------------------------------------- */

/* Moves up to nr objects from one array to another; how many. */
static unsigned int transfer_objects(struct array_cache *to, struct array_cache *from,
				     unsigned int nr)
{
	nr = min(nr, from->avail);
	nr = min(nr, to->limit - to->avail);
	memcpy(to->entry + to->avail, from->entry + from->avail - nr, nr * sizeof(void *));
	from->avail -= nr;
	to->avail += nr;
	return nr;
}

/* Fills a CPU's empty array from its node; under the CPU's lock. */
static void refill(struct quire *q, struct kmem_cache *s, struct array_cache *ac,
		   struct slab_node *n)
{
	unsigned int batch = ac->batchcount;

	/* Who comes seldom does not get much. */
	if (!ac->touched)
		batch = min(batch, (unsigned int)BATCHREFILL_LIMIT);
	spin_lock(q, &n->list_lock);
	if (n->shared && transfer_objects(ac, n->shared, batch))
		n->shared->touched = true;
	else
		ac->avail += alloc_from_node(q, s, n, ac->entry + ac->avail, batch);
	spin_unlock(q, &n->list_lock);
}

/* A new slab: one object for the caller, the rest for its node. */
static void *alloc_from_new_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid)
{
	struct page *page = cache_grow(q, s, gfp, nid);
	struct slab_node *n;
	void *object = NULL;

	if (!page)
		return NULL;
	n = s->own->node[page_to_nid(page)];
	spin_lock(q, &n->list_lock);
	(void)alloc_block(q, s, page, &object, 1);
	n->total_slabs++;
	n->free_objects += page->objects - 1u;
	place_slab(n, page, true);
	spin_unlock(q, &n->list_lock);
	return object;
}

static void *alloc_from_other_node(struct quire *q, struct kmem_cache *s, gfp_t gfp,
				   unsigned int nid)
{
	struct slab_node *n = s->own->node[nid];
	void *object = NULL;

	spin_lock(q, &n->list_lock);
	(void)alloc_from_node(q, s, n, &object, 1);
	spin_unlock(q, &n->list_lock);
	return object ? object : alloc_from_new_slab(q, s, gfp, (int)nid);
}

/* The nodes that have free objects, nearest first (Linux's fallback_alloc()). */
static void *fallback_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp)
{
	void *object = alloc_from_new_slab(q, s, gfp, -1);

	for (unsigned int nid = 0; nid < q->nr_nodes && !object; nid++) {
		struct slab_node *n = s->own->node[nid];

		if (!n)
			continue;
		spin_lock(q, &n->list_lock);
		(void)alloc_from_node(q, s, n, &object, 1);
		spin_unlock(q, &n->list_lock);
	}
	return object;
}

void *slab_impl_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
		      __unused size_t asked)
{
	struct kmem_cache_cpu *c = this_cpu_slab(q, s);
	unsigned int local = numa_node_id(q);
	struct array_cache *ac;
	void *object = NULL;

	if (nid >= 0 && !s->own->node[nid])
		nid = -1;
	if (nid >= 0 && (unsigned int)nid != local)
		return alloc_from_other_node(q, s, gfp, (unsigned int)nid);
	spin_lock(q, &c->lock);
	ac = cpu_array(c);
	if (ac && !ac->avail && s->own->node[local])
		refill(q, s, ac, s->own->node[local]);
	if (ac && ac->avail) {
		ac->touched = true;
		object = ac->entry[--ac->avail];
	}
	spin_unlock(q, &c->lock);
	if (likely(object))
		return object;
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		(void)rcu_poll(q);
	return fallback_alloc(q, s, gfp);
}

/* ---- freeing ----------------------------------------------------------------------- */

/* A batch of an array goes to the shared array, or to the slabs. */
static void flush_array(struct quire *q, struct kmem_cache *s, struct array_cache *ac,
			struct slab_node *n, unsigned int nr, struct list_head *discard)
{
	spin_lock(q, &n->list_lock);
	nr = min(nr, ac->avail);
	if (n->shared && n->shared->limit > n->shared->avail) {
		/* The oldest: the youngest are still in the CPU's cache. */
		unsigned int room = min(nr, n->shared->limit - n->shared->avail);

		memcpy(n->shared->entry + n->shared->avail, ac->entry, room * sizeof(void *));
		n->shared->avail += room;
		nr = room;
	} else {
		slab_free_block(q, s, n, ac->entry, nr, discard);
	}
	spin_unlock(q, &n->list_lock);
	ac->avail -= nr;
	memmove(ac->entry, ac->entry + nr, ac->avail * sizeof(void *));
}

/* An object of another node: true if it went into that node's alien array. */
static bool free_alien(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	unsigned int nid = page_to_nid(page), local = numa_node_id(q);
	struct list_head discard = LIST_HEAD_INIT(discard);
	struct slab_node *here = s->own->node[local], *home = s->own->node[nid];
	struct alien_cache *alien;

	if (nid == local)
		return false;
	alien = here && here->alien ? here->alien[nid] : NULL;
	if (alien) {
		spin_lock(q, &alien->lock);
		if (alien->ac.avail == alien->ac.limit)
			flush_array(q, s, &alien->ac, home, alien->ac.limit, &discard);
		alien->ac.entry[alien->ac.avail++] = object;
		spin_unlock(q, &alien->lock);
	} else {
		spin_lock(q, &home->list_lock);
		slab_free_block(q, s, home, &object, 1, &discard);
		spin_unlock(q, &home->list_lock);
	}
	slab_destroy_list(q, s, &discard);
	return true;
}

void slab_drain_alien(struct quire *q, struct kmem_cache *s, struct slab_node *n)
{
	struct list_head discard = LIST_HEAD_INIT(discard);

	for (unsigned int nid = 0; n->alien && nid < q->nr_nodes; nid++) {
		struct alien_cache *alien = n->alien[nid];

		if (!alien)
			continue;
		spin_lock(q, &alien->lock);
		while (alien->ac.avail)
			flush_array(q, s, &alien->ac, s->own->node[nid], alien->ac.avail, &discard);
		spin_unlock(q, &alien->lock);
	}
	slab_destroy_list(q, s, &discard);
}

void slab_impl_free(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	struct list_head discard = LIST_HEAD_INIT(discard);
	struct slab_node *n = s->own->node[page_to_nid(page)];
	struct kmem_cache_cpu *c;
	struct array_cache *ac;

	if (q->nr_nodes > 1 && free_alien(q, s, page, object))
		return;
	c = this_cpu_slab(q, s);
	spin_lock(q, &c->lock);
	ac = cpu_array(c);
	if (likely(ac)) {
		if (ac->avail == ac->limit)
			flush_array(q, s, ac, n, ac->batchcount, &discard);
		BUG_ON(q, ac->avail && ac->entry[ac->avail - 1] == object); /* freed twice */
		ac->entry[ac->avail++] = object;
		spin_unlock(q, &c->lock);
	} else {
		spin_unlock(q, &c->lock);
		spin_lock(q, &n->list_lock);
		slab_free_block(q, s, n, &object, 1, &discard);
		spin_unlock(q, &n->list_lock);
	}
	slab_destroy_list(q, s, &discard);
}
