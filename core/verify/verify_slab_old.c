/* SPDX-License-Identifier: MIT */
/*
 * The invariants of SLAB and SLOB.  SLAB: each slab is on the list that its
 * count of objects says, its free indices are each there once, and the node's
 * counters are what the lists hold.  SLOB: a page's free blocks are in order,
 * apart, and as many units as the page says; it is on a list if it has any.
 */
#include "slab/slab_array.h"
#include "slab/slob.h"
#include "verify/verify.h"

/* The free indices of a slab: each below the number of objects, once. */
static bool indices_are_good(struct page *page)
{
	const freelist_idx_t *free = page->freelist;
	DECLARE_BITMAP(map, SLAB_OBJ_MAX_NUM + 1);

	bitmap_zero(map, SLAB_OBJ_MAX_NUM + 1);
	for (unsigned int i = page->inuse; i < page->objects; i++) {
		if (!free || free[i] >= page->objects || test_bit(free[i], map))
			return false;
		__set_bit(free[i], map);
	}
	return true;
}

struct slab_counts {
	unsigned long slabs, free_slabs, free_objects;
};

static void check_list(struct verify *v, struct kmem_cache *s, unsigned int nid,
		       struct list_head *list, const char *name, struct slab_counts *counts)
{
	struct page *page;

	list_for_each_entry (page, list, lru) {
		const char *is = !page->inuse			? "free"
				 : page->inuse == page->objects ? "full"
								: "partial";

		if (!PageSlab(page) || page->slab_cache != s || page_to_nid(page) != nid) {
			broken(v, "slab: %s: a page on node %u's list of %s slabs is not its slab",
			       s->name, nid, name);
			return;
		}
		if (is[0] != name[0] || is[1] != name[1])
			broken(v, "slab: %s: slab 0x%lx is %s, on node %u's list of %s ones",
			       s->name, page_to_pfn(v->q, page), is, nid, name);
		if (!indices_are_good(page))
			broken(v, "slab: %s: the free indices of slab 0x%lx are not right", s->name,
			       page_to_pfn(v->q, page));
		counts->slabs++;
		counts->free_slabs += !page->inuse;
		counts->free_objects += (unsigned long)page->objects - page->inuse;
	}
}

static unsigned long check_slab_cache(struct verify *v, struct kmem_cache *s, unsigned int nid)
{
	struct slab_node *n = s->own->node[nid];
	struct slab_counts counts = {0};

	check_list(v, s, nid, &n->partial, "partial", &counts);
	check_list(v, s, nid, &n->full, "full", &counts);
	check_list(v, s, nid, &n->free, "free", &counts);
	if (counts.slabs != n->total_slabs || counts.free_slabs != n->free_slabs)
		broken(v, "slab: %s: node %u counts %lu slabs, %lu free, and has %lu, %lu", s->name,
		       nid, n->total_slabs, n->free_slabs, counts.slabs, counts.free_slabs);
	if (counts.free_objects != n->free_objects)
		broken(v, "slab: %s: node %u counts %lu free objects and has %lu", s->name, nid,
		       n->free_objects, counts.free_objects);
	return counts.slabs;
}

static void check_slob_page(struct verify *v, struct page *page)
{
	long units;

	if (!page->objects)
		return;
	units = slob_count_free(v->q, page);
	if (units != page->inuse)
		broken(v, "slab: slob page 0x%lx counts %u free units and has %ld",
		       page_to_pfn(v->q, page), page->inuse, units);
	if ((page->frozen != 0) != (page->inuse != 0))
		broken(v, "slab: slob page 0x%lx with %u free units is%s on a list",
		       page_to_pfn(v->q, page), page->inuse, page->frozen ? "" : " not");
}

void verify_slab_old(struct verify *v, struct page *page)
{
	struct quire *q = v->q;

	if (q->slab->slob && page->slab_cache == q->slab->slob->cache)
		check_slob_page(v, page);
}

unsigned long verify_slab_lists(struct verify *v)
{
	struct quire *q = v->q;
	struct kmem_cache *s;
	unsigned long slabs = 0;

	list_for_each_entry (s, &q->slab->caches, list)
		for_each_node (q, nid)
			if (s->own && s->own->node[nid])
				slabs += check_slab_cache(v, s, nid);
	return slabs;
}
