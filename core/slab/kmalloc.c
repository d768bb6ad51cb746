/* SPDX-License-Identifier: MIT */
/*
 * kmalloc: one set of caches a kind of memory, in sizes 8 to 8192, the powers
 * of two with 96 and 192 between them (Linux's slab_common.c).  A request goes
 * to the smallest that holds it; above 8 KiB it is a block of pages, found
 * again by its compound head and counted as unreclaimable slab, as in Linux.
 *
 * The kinds: normal; for what is charged to a control group (__GFP_ACCOUNT);
 * for what a shrinker can free (__GFP_RECLAIMABLE), so that such objects share
 * pages with their like; and below 16 MiB (__GFP_DMA).
 *
 * No locks of its own.
 */
#include "slab/slub.h"

#define KMALLOC_NAMES(prefix)                                                                    \
	{                                                                                        \
		NULL, prefix "-96", prefix "-192", prefix "-8", prefix "-16", prefix "-32",      \
			prefix "-64", prefix "-128", prefix "-256", prefix "-512", prefix "-1k", \
			prefix "-2k", prefix "-4k", prefix "-8k"                                 \
	}

static const char *const kmalloc_names[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1] = {
	[KMALLOC_NORMAL] = KMALLOC_NAMES("kmalloc"),
	[KMALLOC_CGROUP] = KMALLOC_NAMES("kmalloc-cg"),
	[KMALLOC_RECLAIM] = KMALLOC_NAMES("kmalloc-rcl"),
	[KMALLOC_DMA] = KMALLOC_NAMES("dma-kmalloc"),
};

static const unsigned int kmalloc_flags[NR_KMALLOC_TYPES] = {
	[KMALLOC_CGROUP] = SLAB_ACCOUNT,
	[KMALLOC_RECLAIM] = SLAB_RECLAIM_ACCOUNT,
	[KMALLOC_DMA] = SLAB_CACHE_DMA,
};

/* By (size - 1) / 8, up to 192 bytes. */
static const u8 size_index[24] = {
	3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1, 7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2,
};

/* Order of creation: by size, 96 behind 64 and 192 behind 128. */
static const u8 creation_order[] = {3, 4, 5, 6, 1, 7, 2, 8, 9, 10, 11, 12, 13};

static unsigned int kmalloc_index_size(unsigned int index)
{
	return index == 1 ? 96 : index == 2 ? 192 : 1u << index;
}

int create_kmalloc_caches(struct quire *q)
{
	for (unsigned int type = 0; type < NR_KMALLOC_TYPES; type++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(creation_order); i++) {
			unsigned int index = creation_order[i], size = kmalloc_index_size(index);
			unsigned int align = is_power_of_2(size) ? size : 0;
			struct kmem_cache *s = create_cache(q, kmalloc_names[type][index], size,
							    align, kmalloc_flags[type], NULL);

			if (!s)
				return -ENOMEM;
			q->slab->kmalloc_caches[type][index] = s;
		}
	}
	return 0;
}

static inline enum kmalloc_cache_type kmalloc_type(gfp_t gfp)
{
	if (likely(!(gfp & (__GFP_DMA | __GFP_RECLAIMABLE | __GFP_ACCOUNT))))
		return KMALLOC_NORMAL;
	if (gfp & __GFP_DMA)
		return KMALLOC_DMA;
	return gfp & __GFP_RECLAIMABLE ? KMALLOC_RECLAIM : KMALLOC_CGROUP;
}

static inline struct kmem_cache *kmalloc_slab(struct quire *q, size_t size, gfp_t gfp)
{
	unsigned int index = size <= 192 ? size_index[(size - 1) / 8] : ilog2(size - 1) + 1;

	return q->slab->kmalloc_caches[kmalloc_type(gfp)][index];
}

static void *kmalloc_large(struct quire *q, size_t size, gfp_t gfp, int nid)
{
	unsigned int order = get_order(size);
	gfp_t page_gfp = (gfp | __GFP_COMP) & ~(__GFP_ZERO | __GFP_ACCOUNT | __GFP_RECLAIMABLE);
	struct page *page;
	void *object;

	if (order >= MAX_ORDER)
		return NULL;
	page = nid < 0 ? alloc_pages(q, page_gfp, order)
		       : alloc_pages_node(q, (unsigned int)nid, page_gfp, order);
	if (!page)
		return NULL;
	mod_node_page_state(page_pgdat(q, page), NR_SLAB_UNRECLAIMABLE, 1L << order);
	(void)HOT_ADD(&q->slab->large_pages[page_to_nid(page)], 1UL << order);
	object = page_address(q, page);
	if (gfp & __GFP_ZERO)
		memset(object, 0, size);
	return object;
}

static void kfree_large(struct quire *q, struct page *page)
{
	unsigned int order = compound_order(page);

	BUG_ON(q, !order); /* not from kmalloc */
	mod_node_page_state(page_pgdat(q, page), NR_SLAB_UNRECLAIMABLE, -(1L << order));
	(void)HOT_SUB(&q->slab->large_pages[page_to_nid(page)], 1UL << order);
	__free_pages(q, page, order);
}

void *kmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid)
{
	if (unlikely(size_bytes > KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_large(q, size_bytes, gfp, nid);
	if (unlikely(!size_bytes))
		return ZERO_SIZE_PTR;
	return kmem_cache_alloc_node(q, kmalloc_slab(q, size_bytes, gfp), gfp, nid);
}

void *kmalloc(struct quire *q, size_t size_bytes, gfp_t gfp)
{
	return kmalloc_node(q, size_bytes, gfp, -1);
}

void *kzalloc(struct quire *q, size_t size_bytes, gfp_t gfp)
{
	return kmalloc_node(q, size_bytes, gfp | __GFP_ZERO, -1);
}

void kfree(struct quire *q, const void *object)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return;
	page = virt_to_slab(q, object);
	if (likely(PageSlab(page)))
		kmem_cache_free(q, page->slab_cache, (void *)(unsigned long)object);
	else
		kfree_large(q, page);
}

size_t ksize(struct quire *q, const void *object)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return 0;
	page = virt_to_slab(q, object);
	return PageSlab(page) ? page->slab_cache->object_size : PAGE_SIZE << compound_order(page);
}
