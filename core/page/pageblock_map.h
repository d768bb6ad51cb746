/* SPDX-License-Identifier: MIT */
/*
 * A pageblock's free pages as 512 bits: the small orders of a buddy allocator
 * without lists and without descriptors.
 *
 * A block of order n is a run of 2^n set bits at a multiple of 2^n.  Whether two
 * buddies are free is one comparison of bits in one word, so they are joined by
 * being there: nothing is taken off a list, nothing is written but the bits that
 * change.  2 MiB of memory cost one line of cache, 4 GiB 128 KiB.
 *
 * Taking prefers a run whose buddy is in use, so that larger runs stay whole,
 * and then the lowest.  Blocks never straddle: orders up to 6 lie in one word, 7
 * to 9 are whole words.
 *
 * Nothing here knows of zones or locks; the owner (page/frames.h) has the lock.
 */
#ifndef QUIRE_PAGE_PAGEBLOCK_MAP_H
#define QUIRE_PAGE_PAGEBLOCK_MAP_H

#include "base/types.h"

#define PBMAP_ORDERS 10 /* 0 .. 9: the whole pageblock */
#define PBMAP_WORDS  8
#define PBMAP_PAGES  512u
#define PBMAP_FULL   (-1) /* largest: nothing is free */

struct pageblock_map {
	u64 free[PBMAP_WORDS]; /* bit set: the page is free */
	u32 next, prev;	       /* on its owner's list: numbers of pageblocks, plus 1 */
	u16 nr_free;
	u16 nid;
	signed char largest; /* order of the largest free run; PBMAP_FULL */
	u8 type;	     /* migrate type */
	bool owned;	     /* it is the owner's; else the rest means nothing */
} __attribute__((aligned(64)));

/* All free, or (nothing) all in use. */
void pbmap_fill(struct pageblock_map *map, bool free);

/*
 * Takes up to nr free runs of an order out and writes their first pages' numbers,
 * base plus the place in the pageblock.  How many there were.
 */
unsigned int pbmap_take(struct pageblock_map *map, unsigned int order, u32 base, u32 *to,
			unsigned int nr);

/* Gives a run back: the order of the largest run that it is part of now, or -1
 * if some page of it is free already; then nothing has changed. */
int pbmap_put(struct pageblock_map *map, unsigned int index, unsigned int order);

/* The same for the first pages of several single ones that are all of this pageblock:
 * how many.  If the next one is, too, it is free already. */
unsigned int pbmap_put_pages(struct pageblock_map *map, const u32 *pages, unsigned int nr);

/* The order of the largest free run, by looking; PBMAP_FULL. */
int pbmap_largest(const struct pageblock_map *map);

/* Free runs of each order, as a buddy allocator would count its blocks: each page
 * in the largest run that it is part of.  Adds to nr[PBMAP_ORDERS]. */
void pbmap_count(const struct pageblock_map *map, unsigned long *nr);

static inline bool pbmap_is_free(const struct pageblock_map *map, unsigned int index)
{
	return (map->free[index / 64] >> (index % 64)) & 1;
}

#endif
