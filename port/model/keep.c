/* SPDX-License-Identifier: MIT */
/*
 * The heap and the address space of machines (keep.h).
 *
 * The heap hands memory out in order and takes it back into lists by size:
 * multiples of 16 up to 1 KB, then four sizes to each power of two.  Each block
 * has a head of 16 bytes.  Fresh memory is the host's zeros.  All that the heap
 * knows lies in itself, so a heap that was mapped from a file goes on as it was.
 *
 * Regions follow one another and their addresses are not used again; there are
 * millions of times more than a machine takes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "port/model/keep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define HEAP_MAGIC  0x7175697265686561UL
#define BLOCK_MAGIC 0x6b656570u
#define SMALL_MAX   1024UL
#define NR_SMALL    (SMALL_MAX / 16)
#define PAGE	    4096UL

struct block {
	uint32_t magic, class;
	uint64_t bytes; /* asked for */
};

static bool heap_there;

static void *map_at(char *at, size_t bytes)
{
	char *p = mmap(at, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* A kernel that does not know the flag takes the address for a wish. */
	if (p != at) {
		munmap(p, bytes);
		return NULL;
	}
	return p;
}

struct keep_heap *keep_heap(void)
{
	return heap_there ? (struct keep_heap *)KEEP_BASE : NULL;
}

static struct keep_heap *heap_get(void)
{
	struct keep_heap *h = (struct keep_heap *)KEEP_BASE;

	if (heap_there)
		return h;
	if (!map_at((char *)h, KEEP_HEAP))
		return NULL;
	heap_there = true;
	*h = (struct keep_heap){.magic = HEAP_MAGIC,
				.next = (char *)(KEEP_BASE + KEEP_TABLE),
				.next_region = (char *)(KEEP_BASE + KEEP_HEAP)};
	return h;
}

bool keep_leave(void)
{
	struct keep_heap *h = keep_heap();

	if (!h)
		return true;
	if (h->nr_live || h->nr_regions)
		return false;
	munmap(h, KEEP_HEAP);
	heap_there = false;
	return true;
}

void keep_adopt(void)
{
	heap_there = true;
}

/* ---- the heap ------------------------------------------------------------------- */

#ifdef KEEP_ASAN

void *keep_malloc(size_t bytes)
{
	return malloc(bytes);
}

void *keep_calloc(size_t n, size_t bytes)
{
	return calloc(n, bytes);
}

void *keep_realloc(void *p, size_t bytes)
{
	return realloc(p, bytes);
}

void keep_free(void *p)
{
	free(p);
}

#else

static uint32_t class_of(size_t bytes, size_t *size)
{
	unsigned int shift;
	size_t step;

	if (bytes <= SMALL_MAX) {
		*size = bytes ? (bytes + 15) & ~15UL : 16;
		return (uint32_t)(*size / 16 - 1);
	}
	/* 2^shift < bytes <= 2^(shift + 1), in four steps. */
	shift = 63 - (unsigned int)__builtin_clzl(bytes - 1);
	step = ((bytes - 1) >> (shift - 2)) & 3;
	*size = (step + 5) << (shift - 2);
	return (uint32_t)(NR_SMALL + (shift - 10) * 4 + step);
}

static bool is_ours(const void *p)
{
	return heap_there && (uintptr_t)p >= KEEP_BASE && (uintptr_t)p < KEEP_BASE + KEEP_HEAP;
}

static struct block *block_of(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (b->magic != BLOCK_MAGIC)
		abort(); /* freed twice, or never handed out */
	return b;
}

/* fresh: the host's zeros. */
static void *allocate(size_t bytes, bool *fresh)
{
	struct keep_heap *h = heap_get();
	struct block *b;
	uint32_t class;
	size_t size;

	if (!h || bytes > KEEP_HEAP / 2)
		return NULL;
	class = class_of(bytes, &size);
	b = h->free[class];
	*fresh = !b;
	if (b) {
		h->free[class] = *(void **)(b + 1);
	} else {
		if (size + sizeof(*b) > (size_t)((char *)KEEP_BASE + KEEP_HEAP - h->next))
			return NULL;
		b = (struct block *)h->next;
		h->next += size + sizeof(*b);
	}
	*b = (struct block){BLOCK_MAGIC, class, bytes};
	h->nr_live++;
	return b + 1;
}

void *keep_malloc(size_t bytes)
{
	bool fresh;

	return allocate(bytes, &fresh);
}

void *keep_calloc(size_t n, size_t bytes)
{
	bool fresh;
	size_t all;
	void *p;

	if (__builtin_mul_overflow(n, bytes, &all))
		return NULL;
	p = allocate(all, &fresh);
	if (p && !fresh)
		memset(p, 0, all);
	return p;
}

void keep_free(void *p)
{
	struct keep_heap *h = (struct keep_heap *)KEEP_BASE;
	struct block *b;

	if (!is_ours(p)) {
		free(p);
		return;
	}
	b = block_of(p);
	b->magic = 0;
	*(void **)p = h->free[b->class];
	h->free[b->class] = b;
	h->nr_live--;
}

void *keep_realloc(void *p, size_t bytes)
{
	struct block *b;
	size_t size;
	void *to;

	if (!p)
		return keep_malloc(bytes);
	if (!is_ours(p))
		return realloc(p, bytes);
	b = block_of(p);
	if (class_of(bytes, &size) == b->class) {
		b->bytes = bytes;
		return p;
	}
	to = keep_malloc(bytes);
	if (!to)
		return NULL;
	memcpy(to, p, b->bytes < bytes ? b->bytes : bytes);
	keep_free(p);
	return to;
}

#endif

char *keep_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = keep_malloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

/* ---- regions --------------------------------------------------------------------- */

static struct keep_region *region_find(void *p)
{
	struct keep_heap *h = keep_heap();

	for (size_t i = h ? h->nr_regions : 0; i-- > 0;)
		if (h->region[i].at == p)
			return &h->region[i];
	return NULL;
}

/* Anywhere: a machine that can't be saved is better than none. */
static void *map_anywhere(struct keep_heap *h, size_t bytes, size_t align)
{
	size_t spare = align > PAGE ? align : 0, head;
	char *p = mmap(NULL, bytes + spare, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (spare) {
		head = (size_t) - (uintptr_t)p % align;
		if (head)
			munmap(p, head);
		p += head;
		if (spare - head)
			munmap(p + bytes, spare - head);
	}
	if (h)
		h->elsewhere++;
	return p;
}

void *keep_map(size_t bytes, size_t align)
{
	struct keep_heap *h = heap_get();
	char *at;

	bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
	if (!h)
		return map_anywhere(NULL, bytes, align);
	at = (char *)(((uintptr_t)h->next_region + align - 1) & ~(align - 1));
	if (h->nr_regions == KEEP_REGIONS || bytes > KEEP_LIMIT - (uintptr_t)at ||
	    !map_at(at, bytes))
		return map_anywhere(h, bytes, align);
	h->region[h->nr_regions++] = (struct keep_region){.at = at, .bytes = bytes};
	h->next_region = at + bytes;
	return at;
}

void keep_unmap(void *p, size_t bytes)
{
	struct keep_region *r = region_find(p);
	struct keep_heap *h = keep_heap();

	munmap(p, (bytes + PAGE - 1) & ~(PAGE - 1));
	if (r)
		*r = h->region[--h->nr_regions];
	else if (h && h->elsewhere)
		h->elsewhere--;
}

void keep_mark(void *p, size_t guard, bool huge)
{
	struct keep_region *r = region_find(p);

	if (!r)
		return;
	r->guard = guard;
	r->huge = huge;
}
