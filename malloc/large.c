/* SPDX-License-Identifier: MIT */
/*
 * What is too large for a slab: blocks of pages up to 4 MiB, and mappings.
 *
 * A block is a compound page, found again by its first frame's descriptor.  A
 * mapping has a header right in front of what the caller got, which says where
 * it begins, how long it is, and, as a check, that it is one.
 *
 * Memory that has to read as zero is better mapped from 256 KiB on: the system
 * gives it page by page, zeroed, as it is touched.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "malloc/internal.h"

#define MAPPING_MAGIC 0x5175697265216d70UL

struct mapping {
	char *start;
	size_t bytes; /* of the whole mapping */
	u64 magic;
	u64 pad;
};

static struct mapping *mapping_of(const void *p)
{
	struct mapping *m = (struct mapping *)(unsigned long)p - 1;

	if (unlikely((u64)p % MIN_ALIGN || m->magic != (MAPPING_MAGIC ^ (u64)m)))
		heap_die("free(): invalid pointer");
	return m;
}

static void *map(size_t size, size_t align)
{
	size_t front = max(align, sizeof(struct mapping)), bytes;
	struct mapping *m;
	char *start, *p;

	if (size > PTRDIFF_MAX - front - PAGE_SIZE)
		return NULL;
	bytes = PAGE_ALIGN(size + front + (align > PAGE_SIZE ? align : 0));
	start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		return NULL;
	p = (char *)ALIGN((u64)start + sizeof(struct mapping), align);
	m = (struct mapping *)p - 1;
	*m = (struct mapping){.start = start, .bytes = bytes, .magic = MAPPING_MAGIC ^ (u64)m};
	(void)HOT_ADD(&heap.mapped_bytes, bytes);
	(void)HOT_ADD(&heap.nr_mapped, 1);
	return p;
}

static void *block(size_t size, size_t align)
{
	unsigned int order = get_order(max(size, align));
	struct quire *q = &heap.q;
	struct page *page;

	heap_enter();
	page = alloc_pages(q, GFP_KERNEL | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY, order);
	heap_leave();
	if (!page)
		return NULL;
	(void)HOT_ADD(&heap.block_bytes, PAGE_SIZE << order);
	trim_frames(q->hot, page_to_pfn(q, page), 1UL << order, true);
	return page_address(q, page);
}

void *large_alloc(size_t size, size_t align, bool *zeroed)
{
	void *p;

	if (max(size, align) <= MAX_BLOCK_BYTES && !(*zeroed && size >= 256 << 10)) {
		p = block(max(size, PAGE_SIZE + 1), align);
		if (p) {
			*zeroed = false;
			return p;
		}
	}
	*zeroed = true;
	return map(size, align);
}

/* A block's first page; NULL after a message is not needed: it dies. */
static struct page *block_page(const void *p)
{
	struct quire *q = &heap.q;
	struct page *page = virt_to_page(q, p);

	if (unlikely((u64)p % PAGE_SIZE || !PageHead(page) || PageSlab(page) ||
		     page_ref_count(page) != 1))
		heap_die("free(): invalid pointer");
	return page;
}

void large_free(void *p)
{
	struct quire *q = &heap.q;

	if (heap_owns(p)) {
		struct page *page = block_page(p);
		unsigned int order = compound_order(page);

		(void)HOT_SUB(&heap.block_bytes, PAGE_SIZE << order);
		trim_frames(q->hot, page_to_pfn(q, page), 1UL << order, false);
		heap_enter();
		__free_pages(q, page, order);
		heap_leave();
		trim_if_due();
	} else {
		struct mapping *m = mapping_of(p);

		(void)HOT_SUB(&heap.mapped_bytes, m->bytes);
		(void)HOT_SUB(&heap.nr_mapped, 1);
		munmap(m->start, m->bytes);
	}
}

size_t large_size(const void *p)
{
	struct mapping *m;

	if (heap_owns(p))
		return PAGE_SIZE << compound_order(block_page(p));
	m = mapping_of(p);
	return (size_t)(m->start + m->bytes - (const char *)p);
}

void *large_resize(void *p, size_t size)
{
	size_t have = large_size(p), front, bytes;
	struct mapping *m;
	char *start;

	if (heap_owns(p)) {
		/* Less than half would waste a block. */
		return size <= have && size > have / 2 ? p : NULL;
	}
	m = mapping_of(p);
	front = (size_t)((char *)p - m->start);
	if (size > PTRDIFF_MAX - front - PAGE_SIZE || size <= MAX_BLOCK_BYTES / 2)
		return NULL;
	bytes = PAGE_ALIGN(front + size);
	if (bytes == m->bytes)
		return p;
	start = mremap(m->start, m->bytes, bytes, MREMAP_MAYMOVE);
	if (start == MAP_FAILED)
		return NULL;
	m = (struct mapping *)(start + front) - 1;
	(void)HOT_ADD(&heap.mapped_bytes, bytes - m->bytes);
	*m = (struct mapping){.start = start, .bytes = bytes, .magic = MAPPING_MAGIC ^ (u64)m};
	return start + front;
}
