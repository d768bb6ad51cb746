/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: sequences of calls of malloc(3) beside a shadow of what is live.
 *
 * Each step is four bytes: what, which of 256 places, and a size, mostly small.
 * Every live piece is filled with a pattern of its own and looked at when it is
 * freed or resized; pieces must not overlap, be aligned and as large as they say.
 * At the end all goes back, and the caches count no object in use.
 *
 * Not from the fuzzer, but of its time: what the heap itself hands out is not
 * poisoned, so asan sees the library's own faults and not a caller's.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "malloc/internal.h"

void *quire_malloc_malloc(size_t size);
void quire_malloc_free(void *p);
void *quire_malloc_calloc(size_t n, size_t size);
void *quire_malloc_realloc(void *p, size_t size);
void *quire_malloc_reallocarray(void *p, size_t n, size_t size);
int quire_malloc_posix_memalign(void **p, size_t align, size_t size);
void *quire_malloc_memalign(size_t align, size_t size);
void *quire_malloc_pvalloc(size_t size);
size_t quire_malloc_malloc_usable_size(void *p);
int quire_malloc_malloc_trim(size_t pad);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACES 256

static struct {
	unsigned char *p;
	size_t size;
	unsigned char pattern;
} live[PLACES];

static void check(int at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (live[at].p[i] != live[at].pattern)
			abort();
}

static size_t size_of(const uint8_t *step)
{
	size_t n = step[2] | (size_t)step[3] << 8;

	switch (step[0] >> 5) {
	case 7:
		return n * 97; /* to 6 MiB */
	case 6:
		return n;
	case 5:
		return SIZE_MAX - n; /* never to be had */
	default:
		return n % 700;
	}
}

static void place(int at, void *p, size_t size, size_t align, unsigned char pattern)
{
	live[at].p = p;
	if (!p)
		return;
	if ((uintptr_t)p % align || quire_malloc_malloc_usable_size(p) < size)
		abort();
	for (int i = 0; i < PLACES; i++)
		if (i != at && live[i].p && (unsigned char *)p < live[i].p + live[i].size &&
		    live[i].p < (unsigned char *)p + size)
			abort();
	live[at].size = size;
	live[at].pattern = pattern;
	memset(p, pattern, size);
}

static void release(int at)
{
	if (!live[at].p)
		return;
	check(at, live[at].size);
	quire_malloc_free(live[at].p);
	live[at].p = NULL;
}

static void step(const uint8_t *s, unsigned char pattern)
{
	size_t size = size_of(s), align = (size_t)8 << s[3] % 14;
	int at = s[1];
	void *p = NULL;

	switch (s[0] & 7) {
	case 0:
	case 1:
		release(at);
		place(at, quire_malloc_malloc(size), size, size > 8 ? 16 : 8, pattern);
		break;
	case 2:
		release(at);
		p = quire_malloc_calloc(s[2] % 7, size);
		for (size_t i = 0; p && i < s[2] % 7 * size; i++)
			if (((char *)p)[i])
				abort();
		place(at, p, p ? s[2] % 7 * size : 0, 8, pattern);
		break;
	case 3:
		if (!size)
			size = 1;
		p = quire_malloc_realloc(live[at].p, size);
		if (!p)
			break;
		if (live[at].p) {
			live[at].p = p;
			check(at, live[at].size < size ? live[at].size : size);
		}
		place(at, p, size, size > 8 ? 16 : 8, pattern);
		break;
	case 4:
		release(at);
		if (!quire_malloc_posix_memalign(&p, align, size))
			place(at, p, size, align, pattern);
		break;
	case 5:
		release(at);
		place(at, quire_malloc_memalign(align, size), size, align, pattern);
		break;
	case 6:
		if (s[2] == 0)
			quire_malloc_malloc_trim(s[3] << 12);
		break;
	default:
		release(at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 4 <= size && i < 4 * 2000; i += 4)
		step(data + i, (unsigned char)(i / 4 + 1));
	for (int at = 0; at < PLACES; at++)
		release(at);
	for (unsigned int c = 0; heap_ready() && c < NR_CLASSES; c++)
		if (kmem_cache_objects_in_use(&heap.q, heap.caches[c]))
			abort();
	return 0;
}
