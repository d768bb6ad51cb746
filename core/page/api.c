/* SPDX-License-Identifier: MIT */
/*
 * Pages for an embedder: include/quire/page.h over the allocator.
 *
 * Where the port has room for it they are frames without descriptors
 * (page/frames.h), and here is the fast path to those: what is inlined in the two
 * functions that everything is measured by.  Blocks from the buddy, all of them
 * elsewhere, are compound above a single page, so a wrong order at the free is
 * seen there too.  __GFP_ZERO clears contents as the port defines them; here the bytes
 * are what the caller sees, so they are cleared as bytes.
 */
#include <quire/page.h>
#include "page/debug.h"
#include "page/frames.h"
#include "base/printk.h"

/* From the kernel's allocator, with descriptors. */
static struct page *alloc_from_buddy(struct quire *q, unsigned int order, unsigned int nid,
				     unsigned int flags)
{
	gfp_t gfp = flags & QUIRE_ALLOC_NOWAIT ? GFP_NOWAIT : GFP_KERNEL;
	struct page *page;

	gfp |= __GFP_NOWARN | (order ? __GFP_COMP : 0);
	if (flags & QUIRE_ALLOC_MOVABLE)
		gfp |= __GFP_MOVABLE;
	else if (flags & QUIRE_ALLOC_RECLAIMABLE)
		gfp |= __GFP_RECLAIMABLE;
	if (flags & QUIRE_ALLOC_THISNODE)
		gfp |= __GFP_THISNODE;
	page = alloc_pages_node(q, nid, gfp, order);
	if (page && q->frames)
		HOT_STORE(&q->frames->state[page_to_pfn(q, page)], (u8)(FRAME_BUDDY | order));
	return page;
}

static void free_to_buddy(struct quire *q, struct page *page, unsigned int order)
{
	if (unlikely(page_ref_count(page) != 1 || compound_order(page) != order)) {
		bad_page(q, page,
			 page_ref_count(page) <= 0 ? "freed, but it is free"
			 : PageTail(page)	   ? "freed, but it is not a block's first page"
			 : compound_order(page) != order
				 ? "freed with another order than it was allocated with"
				 : "freed, but others refer to it");
		return;
	}
	if (q->frames)
		HOT_STORE(&q->frames->state[page_to_pfn(q, page)], 0);
	__free_pages(q, page, order);
}

static inline unsigned int node_of_request(struct quire *q, int node)
{
	return node == QUIRE_NODE_HERE ? numa_node_id(q) : (unsigned int)node;
}

#if HOT_PERCPU

/* Movable wins. */
static inline unsigned int kind_of_request(unsigned int flags, unsigned int order)
{
	unsigned int type = flags & QUIRE_ALLOC_MOVABLE	      ? MIGRATE_MOVABLE
			    : flags & QUIRE_ALLOC_RECLAIMABLE ? MIGRATE_RECLAIMABLE
							      : MIGRATE_UNMOVABLE;

	return FRAME_KIND(type, order);
}

/* The same if at most one of the two flags is set; for both it is a kind that no
 * list is of. */
static inline u64 kind_of_plain_request(unsigned int flags, unsigned int order)
{
	_Static_assert(QUIRE_ALLOC_MOVABLE << 2 == FRAME_KIND(MIGRATE_MOVABLE, 0) &&
			       QUIRE_ALLOC_RECLAIMABLE << 2 == FRAME_KIND(MIGRATE_RECLAIMABLE, 0),
		       "flags are types");
	return order + ((flags & (QUIRE_ALLOC_MOVABLE | QUIRE_ALLOC_RECLAIMABLE)) << 2);
}

/* Are embedders' pages frames, and is nothing switched on that wants to see them? */
static inline bool frames_serve(const struct quire *q)
{
	return likely(q->frames && !(q->keys & KEYS_PAGE_ALLOC));
}

/* From the CPU's list; NULL: it is empty, or there is none. */
static inline __attribute__((always_inline)) struct page *
pop_frame(struct quire *q, unsigned int order, unsigned int nid, unsigned int flags)
{
	unsigned int kind = kind_of_request(flags, order);
	struct frame_floor *f = q->frames;
	u32 pfn;

	if (unlikely(!hot_percpu_pop32(q->hot, frame_list(f, nid, kind)->off, &pfn)))
		return NULL;
	HOT_STORE(&f->state[pfn], (u8)(FRAME_USED | kind));
	return pfn_to_page(q, pfn);
}

/* What lies behind the lists. */
static struct page *refill_frame(struct quire *q, unsigned int order, unsigned int nid,
				 unsigned int flags)
{
	unsigned int kind = kind_of_request(flags, order);
	u32 pfn;

	if (order >= PBMAP_ORDERS || !frames_serve(q) || !q->frames->node[nid])
		return NULL;
	pfn = frames_alloc_slow(q, order, nid, FRAME_TYPE(kind));
	if (!pfn)
		return NULL;
	HOT_STORE(&q->frames->state[pfn], (u8)(FRAME_USED | kind));
	return pfn_to_page(q, pfn);
}

/* A free that was none: says which, and changes nothing. */
static void __attribute__((noinline)) bad_free(struct quire *q, struct page *page, u64 pfn)
{
	u64 head;

	if (pfn >= q->max_pfn) {
		pr_err(q, "BUG: Bad page state: freed, but it is no page of this instance");
		if (q->page->panic_on_bad_page)
			quire_panic(q, "BUG: Bad page state: no page of this instance");
		return;
	}
	head = frames_head(q, pfn);
	frames_write_descriptors(q, pfn);
	bad_page(q, page,
		 head == pfn	      ? "freed with another order than it was allocated with"
		 : head != UINT64_MAX ? "freed, but it is not a block's first page"
		 : !frames_own(q, pfn) && page_ref_count(compound_head(page)) > 0
			 ? "freed, but it is the kernel's"
			 : "freed, but it is free");
}

#endif

/* All that is not the fast path: several nodes, lists that are empty, bytes to be
 * cleared, blocks of the highest order. */
static struct page *__attribute__((noinline))
alloc_pages_slow(struct quire *q, unsigned int order, int node, unsigned int flags)
{
	unsigned int nid = node_of_request(q, node);
	struct page *page = NULL;

	if (order >= MAX_ORDER || nid >= q->nr_nodes)
		return NULL;
#if HOT_PERCPU
	if (order < PBMAP_ORDERS && frames_serve(q))
		page = pop_frame(q, order, nid, flags);
	if (!page)
		page = refill_frame(q, order, nid, flags);
	if (page && node != QUIRE_NODE_HERE && nid != numa_node_id(q))
		HOT_ADD(&q->frames->node[nid]->nr_remote, 1);
#endif
	if (!page)
		page = alloc_from_buddy(q, order, nid, flags);
	if (page && (flags & QUIRE_ALLOC_ZERO))
		memset(page_address(q, page), 0, PAGE_SIZE << order);
	return page;
}

struct page *quire_alloc_pages(struct quire *q, unsigned int order, int node, unsigned int flags)
{
#if HOT_PERCPU
	/* One node, so node is 0 or HERE, which is the same. */
	if (likely(!(q->keys & (KEYS_PAGE_ALLOC | KEY_SLOW_FRAMES)) && order < PBMAP_ORDERS &&
		   (unsigned int)(node + 1) <= 1 && !(flags & QUIRE_ALLOC_ZERO))) {
		u64 kind = kind_of_plain_request(flags, order);
		const struct frame_floor *f = q->frames;
		u32 pfn;

		/* A register fewer: its list's address is no sum that must be kept. */
		__asm__("" : "+r"(kind));

		if (likely(hot_percpu_try_pop32(q->hot, &f->list[kind].off, &pfn))) {
			HOT_STORE(&f->state[pfn], (u8)(FRAME_USED | kind));
			return pfn_to_page(q, pfn);
		}
		return alloc_pages_slow(q, order, 0, flags);
	}
#endif
	return alloc_pages_slow(q, order, node, flags);
}

#if HOT_PERCPU
/* The frame of a descriptor; q->max_pfn or more: it is none of this instance's.  What is
 * no multiple of a descriptor turns its low bits to the top. */
static inline u64 frame_of(const struct quire *q, const struct page *page)
{
	u64 off = (u64)((uintptr_t)page - (uintptr_t)q->mem_map);

	_Static_assert(sizeof(*page) == 64, "6 bits");
	return off >> 6 | off << 58;
}

/* A free that the CPU's list had no room for; the byte is cleared already. */
static void __attribute__((noinline)) free_pages_slow(struct quire *q, u64 pfn, u64 kind)
{
	unsigned int nid = q->frames->map[pfn >> pageblock_order].nid;
	const struct frame_list *list = frame_list(q->frames, nid, (u32)kind);

	if (!hot_percpu_push32(q->hot, list->off, list->cap, (u32)pfn))
		frames_free_slow(q, (u32)pfn, kind & FRAME_ORDER, nid, FRAME_TYPE(kind));
}

/* Not from the fast path: of several nodes, of the buddy's, or no one's. */
static void __attribute__((noinline)) free_pages_other(struct quire *q, u64 pfn, unsigned int order)
{
	/* frame_of()'s other way. */
	struct page *page = (struct page *)((uintptr_t)q->mem_map + (pfn << 6 | pfn >> 58));
	u8 state = q->frames && pfn < q->max_pfn ? HOT_LOAD(&q->frames->state[pfn]) : 0;

	if (!q->frames || state == (FRAME_BUDDY | order)) {
		free_to_buddy(q, page, order);
	} else if ((state & ~FRAME_TYPE_BITS) == (FRAME_USED | order)) {
		HOT_STORE(&q->frames->state[pfn], 0);
		free_pages_slow(q, pfn, state & (FRAME_TYPE_BITS | FRAME_ORDER));
	} else {
		bad_free(q, page, pfn);
	}
}

/*
 * The kind of the embedder's block that a byte tells of, if its order is this one.
 * Branches where a mask would do: what follows must not wait for the byte, which has
 * often only just been written, but go on with what is predicted (the list's address
 * is the longest way through a free).  A compiler that saw through it would have no
 * reason to branch.
 */
static inline __attribute__((always_inline)) bool kind_of_frame(u8 state, u64 order, u64 *kind)
{
	u64 differs = state ^ order;

	if (likely(differs == (FRAME_USED | FRAME_KIND(MIGRATE_UNMOVABLE, 0)))) {
		*kind = order;
		__asm__("" : "+r"(*kind));
		return true;
	}
	if (likely(differs == (FRAME_USED | FRAME_KIND(MIGRATE_MOVABLE, 0)))) {
		*kind = order + FRAME_KIND(MIGRATE_MOVABLE, 0);
		__asm__("" : "+r"(*kind));
		return true;
	}
	if (likely(differs == (FRAME_USED | FRAME_KIND(MIGRATE_RECLAIMABLE, 0)))) {
		*kind = order + FRAME_KIND(MIGRATE_RECLAIMABLE, 0);
		__asm__("" : "+r"(*kind));
		return true;
	}
	return false;
}
#endif

void quire_free_pages(struct quire *q, struct page *page, unsigned int order)
{
#if HOT_PERCPU
	const struct frame_floor *f = q->frames;
	u64 pfn = frame_of(q, page), kind;

	if (unlikely((q->keys & KEY_SLOW_FRAMES) || order >= PBMAP_ORDERS || pfn >= q->max_pfn ||
		     !kind_of_frame(__atomic_load_n(&f->state[pfn], __ATOMIC_RELAXED), order,
				    &kind))) {
		free_pages_other(q, pfn, order);
		return;
	}
	__atomic_store_n(&f->state[pfn], 0, __ATOMIC_RELAXED);
	if (unlikely(!hot_percpu_try_push32(q->hot, &f->list[kind].off, &f->list[kind].cap,
					    (u32)pfn)))
		free_pages_slow(q, pfn, kind);
#else
	free_to_buddy(q, page, order);
#endif
}

size_t quire_alloc_pages_bulk(struct quire *q, int node, unsigned int flags, size_t nr,
			      struct page **pages)
{
	size_t n = 0;

#if HOT_PERCPU
	unsigned int nid = node_of_request(q, node);

	if (nid < q->nr_nodes && frames_serve(q) && q->frames->node[nid]) {
		n = frames_alloc_bulk(q, nid, FRAME_TYPE(kind_of_request(flags, 0)), nr, pages);
		if (q->nr_nodes > 1 && nid != numa_node_id(q))
			HOT_ADD(&q->frames->node[nid]->nr_remote, n);
		for (size_t i = 0; flags & QUIRE_ALLOC_ZERO && i < n; i++)
			memset(page_address(q, pages[i]), 0, PAGE_SIZE);
	}
#endif
	while (n < nr && (pages[n] = quire_alloc_pages(q, 0, node, flags)) != NULL)
		n++;
	return n;
}

void quire_free_pages_bulk(struct quire *q, size_t nr, struct page *const *pages)
{
#if HOT_PERCPU
	struct frame_floor *f = q->frames;
	u32 block[256];
	unsigned int n = 0;

	for (size_t i = 0; f && i < nr; i++) {
		u64 pfn = frame_of(q, pages[i]);

		if (unlikely(pfn >= q->max_pfn ||
			     (HOT_LOAD(&f->state[pfn]) & ~FRAME_TYPE_BITS) != FRAME_USED)) {
			quire_free_pages(q, pages[i], 0);
			continue;
		}
		HOT_STORE(&f->state[pfn], 0);
		block[n++] = (u32)pfn;
		if (n == ARRAY_SIZE(block)) {
			frames_free_bulk(q, block, n);
			n = 0;
		}
	}
	if (f) {
		frames_free_bulk(q, block, n);
		return;
	}
#endif
	for (size_t i = 0; i < nr; i++)
		quire_free_pages(q, pages[i], 0);
}

void *quire_page_address(struct quire *q, const struct page *page)
{
	return page_address(q, page);
}

struct page *quire_page_of(struct quire *q, const void *address)
{
	struct page *page = virt_to_page(q, address);
#if HOT_PERCPU
	u64 head = q->frames ? frames_head(q, page_to_pfn(q, page)) : UINT64_MAX;

	if (head != UINT64_MAX)
		return pfn_to_page(q, head);
#endif
	return compound_head(page);
}

unsigned int quire_page_node(const struct page *page)
{
	return page_to_nid(page);
}

uint64_t quire_nr_free_pages(struct quire *q, int node)
{
	unsigned long sum = frames_nr_free(q, node);

	for_each_node (q, nid)
		if (node < 0 || nid == (unsigned int)node)
			for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) sum +=
				zone_page_state(zone, NR_FREE_PAGES);
	return sum;
}

uint64_t quire_nr_total_pages(struct quire *q, int node)
{
	unsigned long sum = 0;

	for_each_node (q, nid)
		if (node < 0 || nid == (unsigned int)node)
			for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) sum +=
				zone->managed_pages;
	return sum;
}

uint64_t quire_nr_free_blocks(struct quire *q, int node, unsigned int order)
{
	unsigned long nr[MAX_ORDER] = {0};

	if (order >= MAX_ORDER)
		return 0;
	for_each_node (q, nid) {
		if (node >= 0 && nid != (unsigned int)node)
			continue;
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			frames_count_blocks(q, zone, -1, nr);
			for (unsigned int o = 0; o < MAX_ORDER; o++)
				nr[o] += HOT_LOAD(&zone->free_area[o].nr_free);
		}
	}
	return order == pageblock_order ? nr[order] + 2 * nr[MAX_ORDER - 1] : nr[order];
}

void quire_drain_pages(struct quire *q)
{
	drain_all_pages(q, NULL);
}
