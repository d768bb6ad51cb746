/* SPDX-License-Identifier: MIT */
/*
 * The slab's invariants: each slab belongs to a cache that exists; its free
 * objects are objects of it, each free once; they and those in use are all it
 * has; it is where slub.h says it is; and the counters are what they count.
 *
 * Full slabs are on no list, so slabs are found by walking the memory map,
 * passing over free blocks.
 */
#include "slab/impl.h"
#include "slab/kfence.h"
#include "slab/sheaf_alloc.h"
#include "verify/verify.h"

static bool cache_exists(struct quire *q, const struct kmem_cache *s)
{
	struct kmem_cache *c;

	list_for_each_entry (c, &q->slab->caches, list)
		if (c == s)
			return true;
	return false;
}

/* Marks the objects of a free list in map; how many, or -1 if it is broken. */
static long check_freelist(struct verify *v, struct kmem_cache *s, struct page *page,
			   void *freelist, unsigned long *map, const char *which)
{
	char *start = page_address(v->q, page);
	u64 pfn = page_to_pfn(v->q, page);
	long nr = 0;

	for (char *object = freelist; object; object = get_freepointer(s, object)) {
		size_t off = (size_t)(object - start) - s->red_left_pad;

		if (object < start + s->red_left_pad || off >= (size_t)page->objects * s->size ||
		    off % s->size) {
			broken(v, "slab: %s: the %s of slab 0x%lx leads outside its objects",
			       s->name, which, pfn);
			return -1;
		}
		if (off / s->size >= SLAB_MAX_CHECKED)
			return -1;
		if (test_bit(off / s->size, map)) {
			broken(v, "slab: %s: object %lu of slab 0x%lx is free twice", s->name,
			       off / s->size, pfn);
			return -1;
		}
		__set_bit(off / s->size, map);
		nr++;
	}
	return nr;
}

/* A CPU's free objects, if page is its slab. */
static void *cpu_freelist(struct quire *q, struct kmem_cache *s, const struct page *page)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		if (s->cpu_slab[cpu].slab == page)
			return s->cpu_slab[cpu].freelist;
	return NULL;
}

static void check_slab(struct verify *v, struct page *page)
{
	DECLARE_BITMAP(map, SLAB_MAX_CHECKED);
	struct kmem_cache *s = page->slab_cache;
	u64 pfn = page_to_pfn(v->q, page);
	long nr;

	bitmap_zero(map, SLAB_MAX_CHECKED);
	if (!page->objects ||
	    (unsigned long)page->objects * s->size > PAGE_SIZE << compound_order(page)) {
		broken(v, "slab: %s: slab 0x%lx can't have %u objects", s->name, pfn,
		       page->objects);
		return;
	}
#if HOT_PERCPU
	if (cache_has_sheaves(s)) {
		verify_sheaf_slab(v, s, page);
		return;
	}
#endif
	nr = check_freelist(v, s, page, page->freelist, map, "free list");
	if (nr >= 0 && (unsigned long)nr + page->inuse != page->objects)
		broken(v, "slab: %s: slab 0x%lx has %u objects, but %u in use and %ld free",
		       s->name, pfn, page->objects, page->inuse, nr);
	if (page->frozen)
		check_freelist(v, s, page, cpu_freelist(v->q, s, page), map, "CPU's free list");
}

/* Some of its objects are free, and no CPU has them. */
static bool has_free_objects(const struct kmem_cache *s, const struct page *page)
{
	return cache_has_sheaves(s) ? page->inuse < page->objects : page->freelist != NULL;
}

/* Every slab in the map; pages[]: a node's unreclaimable and reclaimable ones. */
static void walk_map(struct verify *v, unsigned long *pages, unsigned long *waiting)
{
	struct quire *q = v->q;
	u64 pfn = 0;

	while ((pfn = next_touched_pfn(q, pfn)) < q->max_pfn) {
		struct page *page = pfn_to_page(q, pfn);
		struct kmem_cache *s;

		if (PageBuddy(page)) {
			pfn += 1UL << page->private;
			continue;
		}
		pfn++;
		if (!PageSlab(page))
			continue;
		pfn += (1UL << compound_order(page)) - 1;
		s = page->slab_cache;
		if (page_is_kfence(q, page))
			continue;
		if (q->slab->impl != &slub_impl) {
			verify_slab_old(v, page);
			pages[page_to_nid(page) * 2 + (s->flags & SLAB_RECLAIM_ACCOUNT ? 1 : 0)] +=
				1UL << compound_order(page);
			(*waiting)++;
			continue;
		}
		if (!cache_exists(q, s)) {
			broken(v, "slab: slab 0x%lx belongs to no cache", page_to_pfn(q, page));
			continue;
		}
		pages[page_to_nid(page) * 2 + (s->flags & SLAB_RECLAIM_ACCOUNT ? 1 : 0)] +=
			1UL << compound_order(page);
		if (page->frozen == SLAB_WAITS_FOR_RCU) {
			(*waiting)++;
			continue;
		}
		check_slab(v, page);
		/* An unfrozen slab is on its node's list if and only if it has
		 * free objects: check_node() compares the numbers. */
		if (!page->frozen && has_free_objects(s, page))
			s->node[page_to_nid(page)]->seen_partial++;
		s->node[page_to_nid(page)]->seen_slabs++;
		s->node[page_to_nid(page)]->seen_objects += page->objects;
	}
}

static void check_node(struct verify *v, struct kmem_cache *s, unsigned int nid)
{
	struct kmem_cache_node *n = s->node[nid];
	unsigned long nr = 0;
	struct page *page;

	if (n->seen_slabs != n->nr_slabs)
		broken(v, "slab: %s: node %u counts %lu slabs and has %u", s->name, nid,
		       n->nr_slabs, n->seen_slabs);
	if (n->seen_objects != n->total_objects)
		broken(v, "slab: %s: node %u counts %lu objects and has %u", s->name, nid,
		       n->total_objects, n->seen_objects);
	list_for_each_entry (page, &n->partial, lru) {
		nr++;
		if (!PageSlab(page) || page->slab_cache != s || page_to_nid(page) != nid) {
			broken(v, "slab: %s: a page on node %u's partial list is not its slab",
			       s->name, nid);
			return;
		}
		if (page->frozen || !has_free_objects(s, page))
			broken(v, "slab: %s: slab 0x%lx on node %u's partial list is %s", s->name,
			       page_to_pfn(v->q, page), nid, page->frozen ? "frozen" : "full");
		if (nr > n->nr_slabs)
			break;
	}
	if (nr == n->nr_partial && n->seen_partial != nr)
		broken(v, "slab: %s: node %u has %u partial slabs and %lu of them on its list",
		       s->name, nid, n->seen_partial, nr);
	if (nr != n->nr_partial)
		broken(v, "slab: %s: node %u counts %lu partial slabs and has %lu", s->name, nid,
		       n->nr_partial, nr);
}

/* With SLAB_STORE_USER full slabs are on a list; the others are all partial. */
static void check_full(struct verify *v, struct kmem_cache *s, unsigned int nid)
{
	struct kmem_cache_node *n = s->node[nid];
	unsigned long nr = 0;
	struct page *page;

	list_for_each_entry (page, &s->full[nid], lru) {
		if (!PageSlab(page) || page->slab_cache != s || page->freelist || page->frozen) {
			broken(v, "slab: %s: a page on node %u's list of full slabs is not one",
			       s->name, nid);
			return;
		}
		if (++nr > n->nr_slabs)
			break;
	}
	if (nr + n->nr_partial != n->nr_slabs)
		broken(v, "slab: %s: node %u has %lu slabs, %lu partial and %lu full", s->name, nid,
		       (unsigned long)n->nr_slabs, (unsigned long)n->nr_partial, nr);
}

static void check_cpu(struct verify *v, struct kmem_cache *s, unsigned int cpu)
{
	struct kmem_cache_cpu *c = &s->cpu_slab[cpu];
	unsigned long nr = 0;

	if (c->slab && (!PageSlab(c->slab) || c->slab->slab_cache != s || !c->slab->frozen))
		broken(v, "slab: %s: CPU %u's slab 0x%lx is not frozen or not its own", s->name,
		       cpu, page_to_pfn(v->q, c->slab));
	if (!c->slab && c->freelist)
		broken(v, "slab: %s: CPU %u has free objects without a slab", s->name, cpu);
	for (struct page *page = c->partial; page && nr <= c->nr_partial; page = slab_next(page)) {
		nr++;
		if (!PageSlab(page) || page->slab_cache != s || !page->frozen || !page->freelist) {
			broken(v, "slab: %s: CPU %u keeps a slab that is not partial and frozen",
			       s->name, cpu);
			return;
		}
	}
	if (nr != c->nr_partial)
		broken(v, "slab: %s: CPU %u counts %u partial slabs and has %lu", s->name, cpu,
		       c->nr_partial, nr);
}

static void reset_seen(struct kmem_cache *s, struct kmem_cache_node *n)
{
#if HOT_PERCPU
	s->sheaves.seen_free = 0;
#else
	(void)s;
#endif
	n->seen_slabs = 0;
	n->seen_objects = 0;
	n->seen_partial = 0;
}

void verify_slab(struct verify *v)
{
	struct quire *q = v->q;
	unsigned long pages[QUIRE_MAX_NODES * 2] = {0};
	unsigned long waiting = 0;
	struct kmem_cache *s;

	list_for_each_entry (s, &q->slab->caches, list)
		for_each_node (q, nid)
			if (s->node[nid])
				reset_seen(s, s->node[nid]);
	walk_map(v, pages, &waiting);
	/* What is not on a list of the SLAB waits, too. */
	if (q->slab->impl == &slab_impl)
		waiting -= verify_slab_lists(v);
	else if (q->slab->impl == &slob_impl)
		waiting = 0;
	if (waiting > rcu_pending(q))
		broken(v, "slab: %lu slabs wait for a grace period, and %lu callbacks", waiting,
		       rcu_pending(q));
	list_for_each_entry (s, &q->slab->caches, list) {
		if (q->slab->impl != &slub_impl)
			break;
#if HOT_PERCPU
		if (cache_has_sheaves(s))
			verify_sheaves(v, s);
#endif
		for_each_node (q, nid)
			if (s->node[nid])
				check_node(v, s, nid);
		if (s->full)
			for_each_node (q, nid)
				if (s->node[nid])
					check_full(v, s, nid);
		for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
			check_cpu(v, s, cpu);
	}
	for_each_node (q, nid) {
		unsigned long unreclaimable = pages[nid * 2] + q->slab->large_pages[nid];
		unsigned long *counted[2] = {&unreclaimable, &pages[nid * 2 + 1]};
		static const enum node_stat_item items[2] = {NR_SLAB_UNRECLAIMABLE,
							     NR_SLAB_RECLAIMABLE};

		for (unsigned int i = 0; i < 2; i++)
			if (node_page_state(NODE_DATA(q, nid), items[i]) != *counted[i])
				broken(v, "slab: node %u counts %lu pages of %s and has %lu", nid,
				       node_page_state(NODE_DATA(q, nid), items[i]),
				       node_stat_names[items[i]], *counted[i]);
	}
}
