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
#include "base/printk.h"
#include "base/string.h"
#include "slab/debug.h"
#include "slab/kfence.h"
#include "slab/memcg.h"
#include "slab/sheaf_alloc.h"
#include "slab/slab_array.h"
#include "slab/slob.h"

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
			struct kmem_cache *s =
				create_cache(q, kmalloc_names[type][index], size, align,
					     kmalloc_flags[type] | SLAB_KMALLOC, NULL);

			if (!s)
				return -ENOMEM;
			s->usersize = size;
#if HOT_PERCPU
			sheaf_setup(q, s);
#endif
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
	if (unlikely(gfp & __GFP_ACCOUNT) && memcg_kmem_enabled(q) &&
	    q->slab->memcg_ops->charge_pages(q, page, gfp)) {
		__free_pages(q, page, order);
		return NULL;
	}
	mod_node_page_state(page_pgdat(q, page), NR_SLAB_UNRECLAIMABLE, 1L << order);
	(void)HOT_ADD(&q->slab->large_pages[page_to_nid(page)], 1UL << order);
	object = page_address(q, page);
	if (gfp & __GFP_ZERO)
		memset(object, 0, size);
	return object;
}

/* What was never kmalloc'ed: reported where anything is debugged. */
static void bad_kfree(struct quire *q, const void *object)
{
	BUG_ON(q, !q->slab->debug_flags); /* not from kmalloc */
	(void)HOT_ADD(&q->slab->nr_reports, 1);
	pr_err(q, "object pointer: 0x%016lx", slab_kaddr(q, object));
	slab_dump_stack(q);
}

static void kfree_large(struct quire *q, struct page *page, const void *object)
{
	unsigned int order = compound_order(page);

	if (unlikely(!order || page_has_dtor(page, TRANSHUGE_PAGE_DTOR))) {
		bad_kfree(q, object);
		return;
	}
	mod_node_page_state(page_pgdat(q, page), NR_SLAB_UNRECLAIMABLE, -(1L << order));
	(void)HOT_SUB(&q->slab->large_pages[page_to_nid(page)], 1UL << order);
	if (unlikely(page->memcg))
		q->slab->memcg_ops->uncharge_pages(q, page);
	__free_pages(q, page, order);
}

static inline void *__do_kmalloc_node(struct quire *q, size_t size, gfp_t gfp, int nid,
				      unsigned long caller)
{
	struct kmem_cache *s;

	if (unlikely(size > KMALLOC_MAX_CACHE_SIZE))
		return kmalloc_large(q, size, gfp, nid);
	if (unlikely(!size))
		return ZERO_SIZE_PTR;
	s = kmalloc_slab(q, size, gfp);
	if (unlikely(HOT_LOAD(&s->flags) & SLAB_HOOKED))
		return slab_alloc_hooked(q, s, gfp, nid, size, caller);
	return kmem_cache_alloc_node(q, s, gfp, nid);
}

void *kmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid)
{
	return __do_kmalloc_node(q, size_bytes, gfp, nid, _RET_IP_);
}

void *kmalloc(struct quire *q, size_t size_bytes, gfp_t gfp)
{
	return __do_kmalloc_node(q, size_bytes, gfp, -1, _RET_IP_);
}

void *kzalloc(struct quire *q, size_t size_bytes, gfp_t gfp)
{
	return __do_kmalloc_node(q, size_bytes, gfp | __GFP_ZERO, -1, _RET_IP_);
}

/* A frame's descriptor, if the address lies in memory at all. */
static bool is_frame(const struct quire *q, const void *object)
{
	return (const char *)object >= q->physmap && virt_to_pfn(q, object) < q->max_pfn;
}

void kfree(struct quire *q, const void *object)
{
	struct page *page;
	struct kmem_cache *s;

	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return;
#if HOT_PERCPU
	s = sheaved_cache_of(q, object);
	if (likely(s)) {
		sheaf_free(q, s, (void *)(unsigned long)object);
		return;
	}
#endif
	if (unlikely(HOT_LOAD(&q->slab->debug_flags)) && !is_frame(q, object)) {
		bad_kfree(q, object);
		return;
	}
	page = virt_to_slab(q, object);
	if (unlikely(!PageSlab(page))) {
		kfree_large(q, page, object);
		return;
	}
	s = page->slab_cache;
	if (unlikely(HOT_LOAD(&s->flags) & SLAB_HOOKED))
		slab_free_hooked(q, s, page, (void *)(unsigned long)object, _RET_IP_);
	else
		kmem_cache_free(q, s, (void *)(unsigned long)object);
}

size_t ksize(struct quire *q, const void *object)
{
	struct page *page;

	if (unlikely(ZERO_OR_NULL_PTR(object)))
		return 0;
	page = virt_to_slab(q, object);
	if (!PageSlab(page))
		return PAGE_SIZE << compound_order(page);
	if (page_is_kfence(q, page))
		return kfence_ksize(q, object);
	if (unlikely(q->slab->slob))
		return slob_ksize(q, object);
	return slab_asked_size(page->slab_cache, object);
}

/* ---- what is made of these ---------------------------------------------------- */

size_t kmalloc_size_roundup(struct quire *q, size_t size_bytes)
{
	if (!size_bytes)
		return 0;
	if (size_bytes <= KMALLOC_MAX_CACHE_SIZE)
		return kmalloc_slab(q, size_bytes, GFP_KERNEL)->object_size;
	return PAGE_SIZE << get_order(size_bytes);
}

void *krealloc(struct quire *q, const void *object, size_t size_bytes, gfp_t gfp)
{
	void *old = (void *)(unsigned long)object, *new;
	size_t have;

	if (unlikely(!size_bytes)) {
		kfree(q, object);
		return ZERO_SIZE_PTR;
	}
	have = ksize(q, object);
	if (have >= size_bytes) {
		struct page *page = virt_to_slab(q, object);

		/* The rest of what it has may not be used any more. */
		if (PageSlab(page) && slub_debug_orig_size(page->slab_cache))
			slab_set_asked_size(q, page->slab_cache, old, size_bytes);
		return old;
	}
	new = __do_kmalloc_node(q, size_bytes, gfp, -1, _RET_IP_);
	if (!new)
		return NULL;
	if (have)
		memcpy(new, old, have);
	kfree(q, object);
	return new;
}

void *kmalloc_array(struct quire *q, size_t n, size_t size_bytes, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size_bytes, &bytes))
		return NULL;
	return __do_kmalloc_node(q, bytes, gfp, -1, _RET_IP_);
}

void *kcalloc(struct quire *q, size_t n, size_t size_bytes, gfp_t gfp)
{
	return kmalloc_array(q, n, size_bytes, gfp | __GFP_ZERO);
}

void *kmemdup(struct quire *q, const void *src, size_t len, gfp_t gfp)
{
	void *copy = __do_kmalloc_node(q, len, gfp, -1, _RET_IP_);

	if (copy && len)
		memcpy(copy, src, len);
	return copy;
}

char *kstrdup(struct quire *q, const char *text, gfp_t gfp)
{
	return text ? kmemdup(q, text, str_len(text) + 1, gfp) : NULL;
}

void kfree_sensitive(struct quire *q, const void *object)
{
	size_t bytes = ksize(q, object);

	if (bytes) {
		memset((void *)(unsigned long)object, 0, bytes);
		/* The compiler may not see that nobody reads it. */
		__asm__ volatile("" : : "r"(object) : "memory");
	}
	kfree(q, object);
}

bool check_heap_object(struct quire *q, const void *ptr, size_t len)
{
	struct page *page;
	struct kmem_cache *s;
	size_t off;

	if (!is_frame(q, ptr))
		return false;
	page = virt_to_slab(q, ptr);
	if (!PageSlab(page)) {
		const char *start = page_address(q, page);

		off = (size_t)((const char *)ptr - start);
		return len <= (PAGE_SIZE << compound_order(page)) - off;
	}
	s = page->slab_cache;
	if (q->slab->slob)
		return true; /* it does not know whose object it is */
	off = (size_t)((const char *)ptr - slab_start(q, s, page)) % s->size;
	if (off < s->red_left_pad)
		return false;
	off -= s->red_left_pad;
	return off >= s->useroffset && off - s->useroffset <= s->usersize &&
	       len <= s->usersize - (off - s->useroffset);
}
