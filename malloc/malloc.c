/* SPDX-License-Identifier: MIT */
/*
 * malloc(3), all of it: the common cases here, and what each function promises.
 *
 * malloc() of up to 1 KiB looks its class up in a table and takes the last object
 * of the running CPU's array; free() finds the class by the frame, in an array of
 * a byte a frame, and puts the object there.  Until the heap is there the arrays'
 * tables are empty, so the first call takes the slow way like any that finds an
 * array empty.
 */
#define _GNU_SOURCE
#include <string.h>

#include "malloc/internal.h"

void *API(malloc)(size_t size);
void API(free)(void *p);
void *API(calloc)(size_t n, size_t size);
void *API(realloc)(void *p, size_t size);
void *API(reallocarray)(void *p, size_t n, size_t size);
void *API(memalign)(size_t align, size_t size);
void *API(aligned_alloc)(size_t align, size_t size);
int API(posix_memalign)(void **p, size_t align, size_t size);
void *API(valloc)(size_t size);
void *API(pvalloc)(size_t size);
size_t API(malloc_usable_size)(void *p);

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* ---- the slow ways ------------------------------------------------------------ */

/* An object of a class, in none of this CPU's arrays. */
static void *class_alloc(unsigned int class)
{
	void *p;

	heap_enter();
	p = kmem_cache_alloc(&heap.q, heap.caches[class],
			     GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
	heap_leave();
	return p;
}

/* size bytes at a multiple of align, a power of two.  *zeroed: they should read
 * as zero, and whether they do. */
static void *slow_alloc(size_t size, size_t align, bool *zeroed)
{
	void *p = NULL;

	if (unlikely(size > PTRDIFF_MAX))
		return no_memory();
	if (unlikely(!heap_ready())) {
		*zeroed = true;
		p = inner_alloc(size, align);
		return p ? p : no_memory();
	}
	size += !size;
	if (size <= MAX_CLASS_BYTES && align <= PAGE_SIZE) {
		unsigned int class = heap_class(size);

		/* Objects lie at multiples of their size from a page on. */
		while (class < NR_CLASSES && heap_class_bytes[class] % align)
			class ++;
		if (class < NR_CLASSES) {
			*zeroed = false;
			p = class_alloc(class);
			if (p)
				return p;
		}
	}
	p = large_alloc(size, align, zeroed);
	return p ? p : no_memory();
}

static __attribute__((noinline)) void *malloc_slow(size_t size)
{
	bool zeroed = false;

	return slow_alloc(size, size <= 8 ? 8 : MIN_ALIGN, &zeroed);
}

static __attribute__((noinline)) void free_slow(void *p)
{
	int saved = errno;
	struct kmem_cache *s;

	if (!p || inner_owns(p))
		return;
	s = heap_owns(p) ? sheaved_cache_of(&heap.q, p) : NULL;
	if (s) {
		heap_enter();
		sheaf_free(&heap.q, s, p);
		heap_leave();
		trim_if_due();
	} else {
		large_free(p);
	}
	errno = saved;
}

/* What p's memory holds. */
static size_t size_of(const void *p)
{
	if (heap_owns(p)) {
		u8 id = *hot_slab_id(&heap.host.hot, virt_to_pfn(&heap.q, p));

		if (likely(id))
			return heap_class_bytes[heap.id_class[id]];
	}
	return inner_owns(p) ? inner_size(p) : large_size(p);
}

/* ---- malloc(3) ---------------------------------------------------------------- */

EXPORT void *API(malloc)(size_t size)
{
	u64 object;

	if (likely(size <= 1024) && heap_try_pop(heap.id_small[(size + 7) / 8], &object))
		return (void *)object;
	if (size <= MAX_CLASS_BYTES && size > 1024 &&
	    heap_try_pop(heap.id_large[(size + 255) / 256], &object))
		return (void *)object;
	return malloc_slow(size);
}

EXPORT void API(free)(void *p)
{
	u64 page = (u64)p >> PAGE_SHIFT;

	/* The id by the address itself: one step less until the list is known. */
	if (likely(page - heap.first_page < heap.stacks.nr_frames) &&
	    heap_try_push(*(const u8 *)(heap.ids_at + page), p))
		return;
	free_slow(p);
}

EXPORT void *API(calloc)(size_t n, size_t size)
{
	size_t bytes;
	bool zeroed = true;
	u64 object;
	void *p;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return no_memory();
	if (likely(bytes <= 1024) && heap_try_pop(heap.id_small[(bytes + 7) / 8], &object))
		return memset((void *)object, 0, bytes);
	p = slow_alloc(bytes, bytes <= 8 ? 8 : MIN_ALIGN, &zeroed);
	return p && !zeroed ? memset(p, 0, bytes) : p;
}

EXPORT void *API(realloc)(void *p, size_t size)
{
	size_t have;
	void *new;

	if (!p)
		return API(malloc)(size);
	if (!size) {
		API(free)(p);
		return NULL;
	}
	have = size_of(p);
	/* Enough, and not so much that it would pay to move. */
	if (have <= MAX_CLASS_BYTES && size <= have && size >= have / 2)
		return p;
	if (have > MAX_CLASS_BYTES && !inner_owns(p)) {
		new = large_resize(p, size);
		if (new)
			return new;
	}
	new = API(malloc)(size);
	if (!new)
		return NULL;
	memcpy(new, p, min(have, size));
	API(free)(p);
	return new;
}

EXPORT void *API(reallocarray)(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return no_memory();
	return API(realloc)(p, bytes);
}

/* ---- aligned ------------------------------------------------------------------ */

static void *aligned(size_t align, size_t size)
{
	bool zeroed = false;

	if (align <= MIN_ALIGN)
		return API(malloc)(size <= 8 && align > 8 ? 16 : size);
	if (align > 1UL << 40)
		return no_memory();
	return slow_alloc(size, align, &zeroed);
}

EXPORT void *API(memalign)(size_t align, size_t size)
{
	if (align > PTRDIFF_MAX) {
		errno = EINVAL;
		return NULL;
	}
	/* As glibc: the next power of two. */
	return aligned(roundup_pow_of_two(align), size);
}

EXPORT void *API(aligned_alloc)(size_t align, size_t size)
{
	if (!is_power_of_2(align)) {
		errno = EINVAL;
		return NULL;
	}
	return aligned(align, size);
}

EXPORT int API(posix_memalign)(void **p, size_t align, size_t size)
{
	int saved = errno;
	void *mem;

	if (!is_power_of_2(align) || align % sizeof(void *))
		return EINVAL;
	mem = aligned(align, size);
	errno = saved;
	if (!mem)
		return ENOMEM;
	*p = mem;
	return 0;
}

EXPORT void *API(valloc)(size_t size)
{
	return aligned(PAGE_SIZE, size);
}

EXPORT void *API(pvalloc)(size_t size)
{
	if (unlikely(size > PTRDIFF_MAX))
		return no_memory();
	return aligned(PAGE_SIZE, max(PAGE_ALIGN(size), PAGE_SIZE));
}

EXPORT size_t API(malloc_usable_size)(void *p)
{
	return p ? size_of(p) : 0;
}
