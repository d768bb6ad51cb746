/* SPDX-License-Identifier: MIT */
/*
 * Memory for those below the heap: what libc asks for while the heap boots, the
 * host port's tables, and programs whose heap can't be made.  One reservation,
 * taken from the start on; a size in front of each piece; nothing comes back.
 */
#include <sys/mman.h>

#include "malloc/internal.h"

#define INNER_BYTES (64UL << 20)

static char *inner_base;
static u64 inner_used;

bool inner_owns(const void *p)
{
	const char *base = __atomic_load_n(&inner_base, __ATOMIC_ACQUIRE);

	return base && (const char *)p >= base && (const char *)p < base + INNER_BYTES;
}

size_t inner_size(const void *p)
{
	return ((const size_t *)p)[-1];
}

static char *base(void)
{
	char *mem = __atomic_load_n(&inner_base, __ATOMIC_ACQUIRE), *was = NULL;

	if (mem)
		return mem;
	mem = mmap(NULL, INNER_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	if (__atomic_compare_exchange_n(&inner_base, &was, mem, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return mem;
	munmap(mem, INNER_BYTES);
	return was;
}

void *inner_alloc(size_t size, size_t align)
{
	char *mem = base();
	u64 end, at, used;

	align = max(align, (size_t)MIN_ALIGN);
	if (!mem || size > INNER_BYTES || align > INNER_BYTES / 2)
		return NULL;
	used = __atomic_load_n(&inner_used, __ATOMIC_RELAXED);
	do {
		at = ALIGN((u64)mem + used + sizeof(size_t), align) - (u64)mem;
		end = at + size;
		if (end > INNER_BYTES)
			return NULL;
	} while (!__atomic_compare_exchange_n(&inner_used, &used, end, false, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	((size_t *)(mem + at))[-1] = size;
	return mem + at;
}

/* What the host port calls instead of libc's: the build renames them. */
void *quire_inner_malloc(size_t size);
void *quire_inner_calloc(size_t n, size_t size);
void *quire_inner_aligned_alloc(size_t align, size_t size);
void quire_inner_free(void *p);

void *quire_inner_malloc(size_t size)
{
	return inner_alloc(size, MIN_ALIGN);
}

void *quire_inner_calloc(size_t n, size_t size)
{
	return inner_alloc(n * size, MIN_ALIGN);
}

void *quire_inner_aligned_alloc(size_t align, size_t size)
{
	return inner_alloc(size, align);
}

void quire_inner_free(void *p)
{
	(void)p;
}
