/* SPDX-License-Identifier: MIT */
/*
 * Ranges of the vmalloc area (Linux's vmap_area).
 *
 * Every address of the area is in one vmap_area: free, busy, or waiting to be
 * purged.  The free tree is augmented with the largest size below each node, so
 * the lowest range that is large enough is found in one walk down.  A range is
 * cut from the low end of a free area, so taking one needs another object only
 * where an alignment leaves a head.
 *
 * A freed range is unmapped at once but not used again until all CPUs have
 * forgotten its translations: it waits on v->purge, until so many pages wait
 * that one flush for all of them is worth it, or the area is full.
 *
 * Lock: LOCK_VMALLOC for the trees and the list.
 */
#include "vmalloc/vmap.h"

static inline u64 va_size(const struct vmap_area *va)
{
	return va->va_end - va->va_start;
}

RB_DECLARE_CALLBACKS_MAX(static, free_augment, struct vmap_area, rb_node, u64, subtree_max_size,
			 va_size);

_Static_assert(sizeof(struct vmap_area) <= SLAB_SIZE_vmap_area, "Linux's size");

void insert_busy(struct vmalloc_floor *v, struct vmap_area *va)
{
	struct rb_node **link = &v->busy.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->rb_child[va->va_start >
					 rb_entry(parent, struct vmap_area, rb_node)->va_start];
	}
	rb_link_node(&va->rb_node, parent, link);
	rb_insert_color(&va->rb_node, &v->busy);
}

struct vmap_area *find_busy(struct vmalloc_floor *v, u64 addr)
{
	struct rb_node *node = v->busy.rb_node;

	while (node) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);

		if (addr < va->va_start)
			node = node->rb_left;
		else if (addr >= va->va_end)
			node = node->rb_right;
		else
			return va;
	}
	return NULL;
}

static u64 subtree_max(const struct rb_node *node)
{
	return node ? rb_entry(node, struct vmap_area, rb_node)->subtree_max_size : 0;
}

/* The lowest free area of at least size bytes. */
static struct vmap_area *find_lowest_free(struct vmalloc_floor *v, u64 size)
{
	struct rb_node *node = v->free.rb_node;

	if (subtree_max(node) < size)
		return NULL;
	for (;;) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);

		if (subtree_max(node->rb_left) >= size)
			node = node->rb_left;
		else if (va_size(va) >= size)
			return va;
		else
			node = node->rb_right;
	}
}

/* Where va belongs among the free ones, and its neighbours there. */
static struct rb_node **free_place(struct vmalloc_floor *v, const struct vmap_area *va,
				   struct rb_node **parent, struct vmap_area **prev,
				   struct vmap_area **next)
{
	struct rb_node **link = &v->free.rb_node;

	*parent = NULL;
	*prev = *next = NULL;
	while (*link) {
		struct vmap_area *at = rb_entry(*link, struct vmap_area, rb_node);
		bool right = va->va_start > at->va_start;

		*parent = *link;
		link = &(*parent)->rb_child[right];
		if (right)
			*prev = at;
		else
			*next = at;
	}
	return link;
}

static void link_free(struct vmalloc_floor *v, struct vmap_area *va, struct rb_node *parent,
		      struct rb_node **link)
{
	va->subtree_max_size = va_size(va);
	rb_link_node(&va->rb_node, parent, link);
	for (struct rb_node *node = parent; node; node = rb_parent(node)) {
		struct vmap_area *up = rb_entry(node, struct vmap_area, rb_node);

		up->subtree_max_size = max(up->subtree_max_size, va_size(va));
	}
	rb_insert_augmented(&va->rb_node, &v->free, &free_augment);
}

static void insert_free(struct vmalloc_floor *v, struct vmap_area *va)
{
	struct vmap_area *prev, *next;
	struct rb_node *parent, **link = free_place(v, va, &parent, &prev, &next);

	link_free(v, va, parent, link);
}

/*
 * Gives va the lowest free range of size bytes at a multiple of align (a power of
 * two).  A range that begins inside a free one leaves a head, for which *spare is
 * needed; else *spare becomes a free area that was used up, or NULL.
 */
static bool take_range(struct vmalloc_floor *v, struct vmap_area *va, u64 size, u64 align,
		       struct vmap_area **spare)
{
	struct vmap_area *from =
		find_lowest_free(v, align > PAGE_SIZE ? size + align - PAGE_SIZE : size);
	struct vmap_area *head = *spare;
	u64 start;

	if (!from)
		return false;
	start = ALIGN(from->va_start, align);
	va->va_start = start;
	va->va_end = start + size;
	if (start > from->va_start) {
		u64 end = from->va_end;

		if (va->va_end == end) {
			from->va_end = start;
			free_augment.propagate(&from->rb_node, NULL);
		} else {
			from->va_end = start;
			free_augment.propagate(&from->rb_node, NULL);
			head->va_start = va->va_end;
			head->va_end = end;
			*spare = NULL;
			insert_free(v, head);
		}
	} else if (va_size(from) == size) {
		rb_erase_augmented(&from->rb_node, &v->free, &free_augment);
		if (*spare)
			from->rb_node.rb_right = (struct rb_node *)*spare;
		else
			from->rb_node.rb_right = NULL;
		*spare = from;
		return true;
	} else {
		from->va_start += size;
		free_augment.propagate(&from->rb_node, NULL);
	}
	if (*spare)
		(*spare)->rb_node.rb_right = NULL;
	return true;
}

/* Puts va, in no tree, among the free ones, merged with its neighbours; up to
 * two objects become spare. */
void give_range(struct vmalloc_floor *v, struct vmap_area *va, struct vmap_area *spare[2])
{
	struct vmap_area *next, *prev;
	struct rb_node *parent, **link = free_place(v, va, &parent, &prev, &next);

	spare[0] = spare[1] = NULL;
	if (prev && prev->va_end == va->va_start) {
		prev->va_end = va->va_end;
		spare[0] = va;
		va = prev;
		if (next && next->va_start == va->va_end) {
			rb_erase_augmented(&next->rb_node, &v->free, &free_augment);
			va->va_end = next->va_end;
			spare[1] = next;
		}
	} else if (next && next->va_start == va->va_end) {
		next->va_start = va->va_start;
		spare[0] = va;
		va = next;
	} else {
		link_free(v, va, parent, link);
		return;
	}
	free_augment.propagate(&va->rb_node, NULL);
}

/* ---- ranges that wait to be used again ---------------------------------------- */

/* How many pages may wait: Linux's lazy_max_pages(). */
static unsigned long lazy_max_pages(const struct quire *q)
{
	return (ilog2(q->nr_cpus) + 1) * ((32UL << 20) >> PAGE_SHIFT);
}

unsigned long purge_vmap_area_lazy(struct quire *q)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *list, *next;
	unsigned long nr = 0;
	u64 start = ~0UL, end = 0;

	spin_lock(q, &v->lock);
	list = v->purge;
	v->purge = NULL;
	v->nr_lazy = 0;
	spin_unlock(q, &v->lock);
	if (!list)
		return 0;
	for (struct vmap_area *va = list; va; va = va->next_purge) {
		start = min(start, va->va_start);
		end = max(end, va->va_end);
	}
	/* One flush for all of them. */
	v->nr_flushes++;
	if (q->port->tlb_flush)
		q->port->tlb_flush(q->port_ctx, NULL, start, end);
	for (struct vmap_area *va = list; va; va = next) {
		struct vmap_area *spare[2];

		next = va->next_purge;
		nr += va_size(va) >> PAGE_SHIFT;
		spin_lock(q, &v->lock);
		give_range(v, va, spare);
		spin_unlock(q, &v->lock);
		for (unsigned int i = 0; i < 2; i++)
			if (spare[i])
				kmem_cache_free(q, v->vmap_area_cachep, spare[i]);
	}
	return nr;
}

void free_vmap_area_lazy(struct quire *q, struct vmap_area *va)
{
	struct vmalloc_floor *v = q->vmalloc;
	bool purge;

	spin_lock(q, &v->lock);
	rb_erase(&va->rb_node, &v->busy);
	va->vm = NULL;
	va->next_purge = v->purge;
	v->purge = va;
	v->nr_lazy += va_size(va) >> PAGE_SHIFT;
	purge = v->nr_lazy > lazy_max_pages(q);
	spin_unlock(q, &v->lock);
	if (purge)
		(void)purge_vmap_area_lazy(q);
}

/* Ranges that nothing was ever mapped in need no flush. */
void free_vmap_area_unused(struct quire *q, struct vmap_area *va)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *spare[2];

	spin_lock(q, &v->lock);
	rb_erase(&va->rb_node, &v->busy);
	give_range(v, va, spare);
	spin_unlock(q, &v->lock);
	for (unsigned int i = 0; i < 2; i++)
		if (spare[i])
			kmem_cache_free(q, v->vmap_area_cachep, spare[i]);
}

struct vmap_area *alloc_vmap_area(struct quire *q, u64 size, u64 align, gfp_t gfp, int nid)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *va, *spare = NULL;
	bool found;

	gfp &= ~__GFP_ZERO;
	va = kmem_cache_alloc_node(q, v->vmap_area_cachep, gfp, nid);
	if (!va)
		return NULL;
	va->vm = NULL;
	va->flags = 0;
	if (align > PAGE_SIZE) {
		spare = kmem_cache_alloc_node(q, v->vmap_area_cachep, gfp, nid);
		if (!spare)
			goto free_va;
	}
	for (unsigned int try = 0;; try++) {
		spin_lock(q, &v->lock);
		found = take_range(v, va, size, align, &spare);
		if (found)
			insert_busy(v, va);
		spin_unlock(q, &v->lock);
		/* What waits may be the room that is missing. */
		if (found || try || !purge_vmap_area_lazy(q))
			break;
	}
	while (spare) {
		struct vmap_area *next = found ? (struct vmap_area *)spare->rb_node.rb_right : NULL;

		kmem_cache_free(q, v->vmap_area_cachep, spare);
		spare = next;
	}
	if (found)
		return va;
free_va:
	kmem_cache_free(q, v->vmap_area_cachep, va);
	return NULL;
}
