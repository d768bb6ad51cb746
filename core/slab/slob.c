/* SPDX-License-Identifier: MIT */
/*
 * The SLOB: a simple list of blocks, for machines of a few MiB (Linux's
 * mm/slob.c until 6.3; K&R's allocator in pages).
 *
 * Objects of all caches share pages.  There are three lists of pages that have
 * room, for objects below 256 bytes, below 1024 and the rest; the first free
 * block that fits is cut.  A page's free blocks are linked by address: a block's
 * first unit of two bytes holds its size, the second the place of the next; one
 * of a single unit holds the place alone, negated.  kmalloc() puts the size in
 * front; what does not fit into a page is pages of its own.
 *
 * In struct page: freelist the first free block, inuse the free units, frozen
 * whether the page is on a list, objects 0: not a page of blocks.  slab_cache is
 * the floor's stand-in, so that a free finds the way here.
 *
 * Lock: one, slob->lock.
 */
#include "slab/slob.h"
#include "slab/slab_array.h"

#define SLOB_UNIT	((size_t)2)
#define SLOB_UNITS(b)	(((b) + SLOB_UNIT - 1) / SLOB_UNIT)
#define SLOB_PAGE_UNITS (PAGE_SIZE / SLOB_UNIT)
#define SLOB_HEADER	8u /* before what kmalloc() returns: the size */
#define SLOB_BREAK1	256
#define SLOB_BREAK2	1024

/* ---- blocks ------------------------------------------------------------------------ */

static s16 *page_start(const s16 *b)
{
	return (s16 *)((uintptr_t)b & PAGE_MASK);
}

static unsigned int slob_units(const s16 *b)
{
	return b[0] > 0 ? (unsigned int)b[0] : 1;
}

/* The next free block, or the end of the page. */
static s16 *slob_next(const s16 *b)
{
	return page_start(b) + (b[0] > 0 ? b[1] : -b[0]);
}

static bool slob_last(const s16 *b)
{
	return slob_next(b) == page_start(b) + SLOB_PAGE_UNITS ||
	       !((uintptr_t)slob_next(b) & ~PAGE_MASK);
}

static void set_slob(s16 *b, unsigned int units, const s16 *next)
{
	s16 offset = (s16)(next ? next - page_start(b) : (long)SLOB_PAGE_UNITS);

	if (units > 1) {
		b[0] = (s16)units;
		b[1] = offset;
	} else {
		b[0] = (s16)-offset;
	}
}

/* Cuts size bytes, so that what lies offset bytes behind the start is aligned. */
static void *slob_page_alloc(struct page *page, size_t size, size_t align, size_t offset)
{
	unsigned int units = (unsigned int)SLOB_UNITS(size);
	s16 *prev = NULL;

	for (s16 *cur = page->freelist; cur;) {
		unsigned int avail = slob_units(cur), delta;
		s16 *next = slob_last(cur) ? NULL : slob_next(cur), *at = cur;

		at = (s16 *)(ALIGN((uintptr_t)cur + offset, align) - offset);
		delta = (unsigned int)(at - cur);
		if (avail >= units + delta) {
			if (delta) { /* the head stays free */
				set_slob(at, avail - delta, next);
				set_slob(cur, delta, at);
				prev = cur;
				cur = at;
				avail -= delta;
			}
			if (avail > units) {
				set_slob(cur + units, avail - units, next);
				next = cur + units;
			}
			if (prev)
				set_slob(prev, slob_units(prev), next);
			else
				page->freelist = next;
			page->inuse = (u16)(page->inuse - units);
			return cur;
		}
		prev = cur;
		cur = next;
	}
	return NULL;
}

/* Puts a block back in its place, joined with its neighbours. */
static void slob_page_free(struct page *page, s16 *b, unsigned int units)
{
	s16 *prev = NULL, *next = page->freelist;

	page->inuse = (u16)(page->inuse + units);
	while (next && next < b) {
		prev = next;
		next = slob_last(next) ? NULL : slob_next(next);
	}
	if (next && b + units == next) {
		units += slob_units(next);
		next = slob_last(next) ? NULL : slob_next(next);
	}
	set_slob(b, units, next);
	if (prev && prev + slob_units(prev) == b)
		set_slob(prev, slob_units(prev) + units, next);
	else if (prev)
		set_slob(prev, slob_units(prev), b);
	else
		page->freelist = b;
}

/* ---- pages ------------------------------------------------------------------------- */

static struct page *slob_new_pages(struct quire *q, gfp_t gfp, unsigned int order, int nid)
{
	gfp_t page_gfp = (gfp & ~(__GFP_ZERO | __GFP_ACCOUNT | __GFP_RECLAIMABLE)) |
			 (order ? __GFP_COMP : 0);
	struct page *page = nid < 0 ? alloc_pages(q, page_gfp, order)
				    : alloc_pages_node(q, (unsigned int)nid, page_gfp, order);

	if (!page)
		return NULL;
	page->slab_cache = q->slab->slob->cache;
	page->objects = 0;
	page->frozen = 0;
	page->inuse = 0;
	page->freelist = NULL;
	INIT_LIST_HEAD(&page->lru);
	SetPageSlab(page);
	mod_node_page_state(page_pgdat(q, page), NR_SLAB_UNRECLAIMABLE, 1L << order);
	return page;
}

static void slob_free_pages(struct quire *q, struct page *page)
{
	free_slab_pages(q, q->slab->slob->cache, page);
}

static struct list_head *slob_list(struct slob *slob, size_t size)
{
	return &slob->free[size < SLOB_BREAK1 ? 0 : size < SLOB_BREAK2 ? 1 : 2];
}

static void *slob_alloc(struct quire *q, size_t size, size_t align, size_t offset, gfp_t gfp,
			int nid)
{
	struct slob *slob = q->slab->slob;
	struct list_head *list = slob_list(slob, size);
	struct page *page;
	void *b = NULL;

	spin_lock(q, &slob->lock);
	list_for_each_entry (page, list, lru) {
		if ((nid >= 0 && page_to_nid(page) != (unsigned int)nid) ||
		    page->inuse < SLOB_UNITS(size))
			continue;
		b = slob_page_alloc(page, size, align, offset);
		if (!b)
			continue;
		if (!page->inuse) {
			list_del_init(&page->lru);
			page->frozen = 0;
		} else {
			/* The next search begins where this one ended. */
			list_del(list);
			list_add_tail(list, &page->lru);
		}
		break;
	}
	spin_unlock(q, &slob->lock);
	if (b)
		return b;
	page = slob_new_pages(q, gfp, 0, nid);
	if (!page)
		return NULL;
	spin_lock(q, &slob->lock);
	page->objects = 1;
	page->inuse = SLOB_PAGE_UNITS;
	page->freelist = page_address(q, page);
	set_slob(page->freelist, SLOB_PAGE_UNITS, NULL);
	b = slob_page_alloc(page, size, align, offset);
	if (page->inuse) {
		page->frozen = 1;
		list_add(&page->lru, list);
	}
	spin_unlock(q, &slob->lock);
	return b;
}

static void slob_free(struct quire *q, struct page *page, void *block, size_t size)
{
	struct slob *slob = q->slab->slob;
	bool empty;

	spin_lock(q, &slob->lock);
	slob_page_free(page, block, (unsigned int)SLOB_UNITS(size));
	empty = page->inuse == SLOB_PAGE_UNITS;
	if (empty && page->frozen) {
		list_del_init(&page->lru);
	} else if (!empty && !page->frozen) {
		page->frozen = 1;
		list_add(&page->lru, slob_list(slob, size));
	}
	spin_unlock(q, &slob->lock);
	if (empty)
		slob_free_pages(q, page);
}

/* ---- the interface ------------------------------------------------------------------- */

static void *slob_kmalloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked)
{
	size_t align = is_power_of_2(asked) ? max(asked, (size_t)SLOB_HEADER) : SLOB_HEADER;
	char *b;

	if (asked + SLOB_HEADER > PAGE_SIZE || align >= PAGE_SIZE || (s->flags & SLAB_CACHE_DMA)) {
		struct page *page = slob_new_pages(q, gfp | s->allocflags, get_order(asked), nid);

		return page ? page_address(q, page) : NULL;
	}
	b = slob_alloc(q, asked + SLOB_HEADER, align, SLOB_HEADER, gfp, nid);
	if (!b)
		return NULL;
	*(u32 *)b = (u32)asked;
	return b + SLOB_HEADER;
}

static void *slob_impl_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
			     size_t asked)
{
	void *b;

	if (nid >= 0 && !node_has_memory(q, (unsigned int)nid))
		nid = -1;
	if (s->flags & SLAB_KMALLOC)
		return slob_kmalloc(q, s, gfp, nid, asked);
	if (s->size < PAGE_SIZE) {
		b = slob_alloc(q, s->size, s->align, 0, gfp, nid);
	} else {
		struct page *page = slob_new_pages(q, gfp, get_order(s->size), nid);

		b = page ? page_address(q, page) : NULL;
	}
	if (b)
		(void)HOT_ADD(&s->live, 1);
	if (b && s->ctor)
		s->ctor(b);
	return b;
}

struct slob_rcu {
	struct rcu_head head;
	size_t size;
};

static void free_by_rcu(struct quire *q, struct rcu_head *head)
{
	size_t size = ((struct slob_rcu *)head)->size;

	slob_free(q, virt_to_page(q, head), (char *)head + sizeof(struct slob_rcu) - size, size);
}

static void slob_impl_free(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	if (!page->objects) {
		if (s != q->slab->slob->cache)
			(void)HOT_SUB(&s->live, 1);
		slob_free_pages(q, page);
	} else if (s == q->slab->slob->cache || (s->flags & SLAB_KMALLOC)) {
		char *b = (char *)object - SLOB_HEADER;

		slob_free(q, page, b, *(u32 *)b + SLOB_HEADER);
	} else {
		(void)HOT_SUB(&s->live, 1);
		if (s->flags & SLAB_TYPESAFE_BY_RCU) {
			struct slob_rcu *late = (struct slob_rcu *)((char *)object + s->size) - 1;

			late->size = s->size;
			call_rcu(q, &late->head, free_by_rcu);
		} else {
			slob_free(q, page, object, s->size);
		}
	}
}

size_t slob_ksize(struct quire *q, const void *object)
{
	struct page *page = virt_to_slab(q, object);

	if (!page->objects)
		return PAGE_SIZE << compound_order(page);
	return ALIGN(*(const u32 *)((const char *)object - SLOB_HEADER), SLOB_UNIT);
}

static int slob_impl_create(__unused struct quire *q, struct kmem_cache *s)
{
	s->size = ALIGN(s->object_size, max(s->align, (unsigned int)SLOB_UNIT));
	/* Where a freed object waits for its grace period. */
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		s->size = ALIGN(s->size + (unsigned int)sizeof(struct slob_rcu), max(s->align, 8u));
	s->objects = s->min_objects = 1;
	s->order = s->min_order = 0;
	return 0;
}

static void slob_impl_destroy(__unused struct quire *q, __unused struct kmem_cache *s)
{
}

static bool slob_impl_has_objects(__unused struct quire *q, struct kmem_cache *s)
{
	return HOT_LOAD(&s->live) != 0;
}

static unsigned long slob_impl_shrink(__unused struct quire *q, __unused struct kmem_cache *s)
{
	return 0; /* an empty page is given back at once */
}

/* There is no slabinfo of the SLOB in Linux; what a cache has is known all the same. */
static void slob_impl_info(__unused struct quire *q, struct kmem_cache *s, struct slabinfo *info)
{
	*info = (struct slabinfo){
		.name = s->name,
		.objsize = s->size,
		.active_objs = HOT_LOAD(&s->live),
		.num_objs = HOT_LOAD(&s->live),
		.objects_per_slab = 1,
		.pages_per_slab = 1,
	};
}

static unsigned long slob_impl_in_use(__unused struct quire *q, struct kmem_cache *s)
{
	return HOT_LOAD(&s->live);
}

int slob_boot(struct quire *q, struct kmem_cache *boot_cache, unsigned int cache_bytes)
{
	struct slob *slob = slab_meta_alloc(q, sizeof(*slob) + sizeof(struct kmem_cache));

	if (!slob || calculate_sizes(q, boot_cache, cache_bytes, 0, 0, NULL))
		return -ENOMEM;
	spin_lock_init(&slob->lock, LOCK_SLAB_NODE);
	for (unsigned int i = 0; i < ARRAY_SIZE(slob->free); i++)
		INIT_LIST_HEAD(&slob->free[i]);
	slob->cache = (struct kmem_cache *)(slob + 1);
	slob->cache->name = "slob";
	slob->cache->flags = SLAB_HOOKED;
	slob->cache->size = slob->cache->object_size = PAGE_SIZE;
	slob->cache->usersize = PAGE_SIZE;
#if HOT_PERCPU
	slob->cache->fast.id = NO_SHEAVES;
#endif
	q->slab->slob = slob;
	(void)slob_impl_create(q, boot_cache);
	boot_cache->flags |= SLAB_HOOKED;
	list_add(&boot_cache->list, &q->slab->caches);
	q->slab->kmem_cache = boot_cache;
	return 0;
}

/* For the verifier: units in a page's free blocks, or -1: they are not in order. */
long slob_count_free(struct quire *q, struct page *page)
{
	s16 *start = page_address(q, page);
	s16 *end = start, *b = page->freelist;
	long units = 0;

	while (b) {
		if (b < start || b >= start + SLOB_PAGE_UNITS || (b == end && b != start) ||
		    b < end)
			return -1;
		units += slob_units(b);
		end = b + slob_units(b);
		if (end > start + SLOB_PAGE_UNITS)
			return -1;
		b = slob_last(b) ? NULL : slob_next(b);
	}
	return units;
}

const struct slab_impl slob_impl = {
	.name = "slob",
	.create = slob_impl_create,
	.relayout = slob_impl_create,
	.destroy = slob_impl_destroy,
	.has_objects = slob_impl_has_objects,
	.alloc = slob_impl_alloc,
	.free = slob_impl_free,
	.shrink = slob_impl_shrink,
	.info = slob_impl_info,
	.objects_in_use = slob_impl_in_use,
};
