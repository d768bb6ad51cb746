/* SPDX-License-Identifier: MIT */
/*
 * Heap sort.  See sort.h.
 *
 * Floyd's heap, then the largest element again and again moved behind it.  The
 * array is seen as a tree: the children of i are 2i + 1 and 2i + 2.
 */
#include "base/sort.h"

struct heap {
	char *base;
	size_t size; /* of an element */
	int (*cmp)(const void *a, const void *b, void *ctx);
	void *ctx;
};

static inline char *at(const struct heap *heap, size_t i)
{
	return heap->base + i * heap->size;
}

static void swap_elements(const struct heap *heap, size_t i, size_t j)
{
	char *a = at(heap, i), *b = at(heap, j);
	size_t left = heap->size;

	for (; left >= sizeof(u64); left -= sizeof(u64)) {
		u64 x, y;

		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		memcpy(a, &y, sizeof(y));
		memcpy(b, &x, sizeof(x));
		a += sizeof(x);
		b += sizeof(y);
	}
	for (; left; left--) {
		char c = *a;

		*a++ = *b;
		*b++ = c;
	}
}

/* Lets element i sink below larger children, in a heap of n. */
static void sift_down(const struct heap *heap, size_t i, size_t n)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			return;
		if (child + 1 < n && heap->cmp(at(heap, child), at(heap, child + 1), heap->ctx) < 0)
			child++;
		if (heap->cmp(at(heap, i), at(heap, child), heap->ctx) >= 0)
			return;
		swap_elements(heap, i, child);
		i = child;
	}
}

void sort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b, void *ctx),
	  void *ctx)
{
	const struct heap heap = {.base = base, .size = size, .cmp = cmp, .ctx = ctx};
	size_t i;

	if (n < 2)
		return;
	for (i = n / 2; i-- > 0;)
		sift_down(&heap, i, n);
	for (i = n - 1; i > 0; i--) {
		swap_elements(&heap, 0, i);
		sift_down(&heap, 0, i);
	}
}
