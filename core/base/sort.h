/* SPDX-License-Identifier: MIT */
/*
 * Sorting in place.
 *
 * Heap sort: O(n log n) compares in the worst case, no memory, no recursion.
 * The order in which elements are compared and moved depends on nothing but
 * their number and what cmp says, so a run is repeatable.  It is not stable:
 * where equal elements can be told apart, cmp has to break the tie.
 */
#ifndef QUIRE_BASE_SORT_H
#define QUIRE_BASE_SORT_H

#include "base/types.h"

/*
 * Sorts n elements of size bytes from base on.  cmp(a, b, ctx) is negative,
 * zero or positive as a goes before, with or after b.
 */
void sort(void *base, size_t n, size_t size, int (*cmp)(const void *a, const void *b, void *ctx),
	  void *ctx);

#endif
