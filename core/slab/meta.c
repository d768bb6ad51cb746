/* SPDX-License-Identifier: MIT */
/*
 * Memory for the parts of SLAB's caches, which exist before kmalloc() does (and
 * make it work): cut from pages, by powers of two from 64 bytes on, reused by
 * size and never given back; larger than a page, pages.
 *
 * Lock: floor->full_lock.
 */
#include "slab/slab_array.h"

#define META_SHIFT 6

static unsigned int meta_class(size_t bytes)
{
	return bytes <= 1u << META_SHIFT ? 0 : ilog2(bytes - 1) + 1 - META_SHIFT;
}

void *slab_meta_alloc(struct quire *q, size_t bytes)
{
	unsigned int class = meta_class(bytes);
	size_t size = (size_t)1 << (class + META_SHIFT);
	struct slab_floor *f = q->slab;
	struct page *page;
	char *p = NULL;

	if (size >= PAGE_SIZE) {
		page = alloc_pages(q, GFP_KERNEL, get_order(size));
		p = page ? page_address(q, page) : NULL;
	} else {
		spin_lock(q, &f->full_lock);
		p = f->meta_free[class];
		if (p)
			f->meta_free[class] = *(void **)p;
		spin_unlock(q, &f->full_lock);
		if (!p) {
			page = alloc_pages(q, GFP_KERNEL, 0);
			p = page ? page_address(q, page) : NULL;
			for (size_t at = size; p && at < PAGE_SIZE; at += size)
				slab_meta_free(q, p + at, bytes);
		}
	}
	if (p)
		memset(p, 0, size);
	return p;
}

void slab_meta_free(struct quire *q, void *p, size_t bytes)
{
	unsigned int class = meta_class(bytes);

	if (!p)
		return;
	if ((size_t)1 << (class + META_SHIFT) >= PAGE_SIZE) {
		__free_pages(q, virt_to_page(q, p), get_order((size_t)1 << (class + META_SHIFT)));
		return;
	}
	spin_lock(q, &q->slab->full_lock);
	*(void **)p = q->slab->meta_free[class];
	q->slab->meta_free[class] = p;
	spin_unlock(q, &q->slab->full_lock);
}
