/* SPDX-License-Identifier: MIT */
/*
 * Runs of bits: see pageblock_map.h.
 *
 * runs(word, n) has a bit where a free run of 2^n begins: a word and itself
 * shifted by 1, 2, 4 .. leave the bits that are followed by enough others, and a
 * mask those at multiples.  Of whole words (orders 6 to 9) so much is free or
 * not, and they are compared with ~0.
 *
 * Invariants: nr_free counts the bits, largest is pbmap_largest().
 */
#include "page/pageblock_map.h"

#define WORD_ORDER 6 /* 64 pages */

/* The places where a run of an order may begin. */
static const u64 places[WORD_ORDER + 1] = {
	~0UL,
	0x5555555555555555UL,
	0x1111111111111111UL,
	0x0101010101010101UL,
	0x0001000100010001UL,
	0x0000000100000001UL,
	1,
};

/* 2^order bits. */
static u64 run_mask(unsigned int order)
{
	return order == WORD_ORDER ? ~0UL : (1UL << (1u << order)) - 1;
}

static u64 runs(u64 word, unsigned int order)
{
	for (unsigned int i = 0; i < order; i++)
		word &= word >> (1u << i);
	return word & places[order];
}

/* Are all the words of a run of order 6 to 9 free? */
static bool words_free(const struct pageblock_map *map, unsigned int word, unsigned int order)
{
	u64 all = ~0UL;

	for (unsigned int i = 0; i < 1u << (order - WORD_ORDER); i++)
		all &= map->free[word + i];
	return all == ~0UL;
}

void pbmap_fill(struct pageblock_map *map, bool free)
{
	for (unsigned int i = 0; i < PBMAP_WORDS; i++)
		map->free[i] = free ? ~0UL : 0;
	map->nr_free = free ? PBMAP_PAGES : 0;
	map->largest = free ? PBMAP_ORDERS - 1 : PBMAP_FULL;
}

/* Takes runs at the places in `from` out of a word. */
static unsigned int take_bits(struct pageblock_map *map, unsigned int word, u64 from,
			      unsigned int order, u32 base, u32 *to, unsigned int nr)
{
	u64 mask = run_mask(order), taken = 0;
	unsigned int n = 0;

	while (from && n < nr) {
		unsigned int bit = (unsigned int)__builtin_ctzl(from);

		from &= from - 1;
		taken |= mask << bit;
		to[n++] = base + word * 64 + bit;
	}
	map->free[word] &= ~taken;
	return n;
}

static unsigned int take_small(struct pageblock_map *map, unsigned int order, u32 base, u32 *to,
			       unsigned int nr)
{
	unsigned int n = 0;

	/* First those whose buddies are in use. */
	for (unsigned int w = 0; w < PBMAP_WORDS && n < nr; w++) {
		u64 all = runs(map->free[w], order);
		u64 pairs = all & (all >> (1u << order)) & places[order + 1];

		n += take_bits(map, w, all & ~(pairs | pairs << (1u << order)), order, base, to + n,
			       nr - n);
	}
	for (unsigned int w = 0; w < PBMAP_WORDS && n < nr; w++)
		n += take_bits(map, w, runs(map->free[w], order), order, base, to + n, nr - n);
	return n;
}

static unsigned int take_words(struct pageblock_map *map, unsigned int order, u32 base, u32 *to,
			       unsigned int nr)
{
	unsigned int words = 1u << (order - WORD_ORDER), n = 0;

	for (unsigned int lonely = 0; lonely < 2; lonely++) {
		for (unsigned int w = 0; w < PBMAP_WORDS && n < nr; w += words) {
			if (!words_free(map, w, order))
				continue;
			if (!lonely && order < PBMAP_ORDERS - 1 &&
			    words_free(map, w & ~words, order + 1))
				continue;
			for (unsigned int i = 0; i < words; i++)
				map->free[w + i] = 0;
			to[n++] = base + w * 64;
		}
	}
	return n;
}

unsigned int pbmap_take(struct pageblock_map *map, unsigned int order, u32 base, u32 *to,
			unsigned int nr)
{
	unsigned int n = order < WORD_ORDER ? take_small(map, order, base, to, nr)
					    : take_words(map, order, base, to, nr);

	map->nr_free = (u16)(map->nr_free - (n << order));
	map->largest = (signed char)pbmap_largest(map);
	return n;
}

/*
 * The order of the run of a word that a bit of it, which is set, is part of.  Of all
 * bits that are not set one next to it on either side is in the smallest run of
 * places with it: the two tell, whatever the others are, and no branch depends on
 * what is free.
 */
static unsigned int run_at(u64 word, unsigned int bit)
{
	u64 below = ~word & ((1UL << bit) - 1), above = ~word >> bit;
	unsigned int low = below ? (63 ^ (unsigned int)__builtin_clzl(below)) ^ bit : 64;
	unsigned int high = above ? (bit + (unsigned int)__builtin_ctzl(above)) ^ bit : 64;

	return 31 ^ (unsigned int)__builtin_clz(low < high ? low : high);
}

/* A run of this order was given back: the order of the run that it is part of now. */
static unsigned int joined(struct pageblock_map *map, unsigned int index, unsigned int order)
{
	unsigned int w = index / 64;

	if (order < WORD_ORDER)
		order = run_at(map->free[w], index % 64);
	while (order >= WORD_ORDER && order < PBMAP_ORDERS - 1 &&
	       words_free(map, w & ~((2u << (order - WORD_ORDER)) - 1), order + 1))
		order++;
	if ((int)order > map->largest)
		map->largest = (signed char)order;
	return order;
}

int pbmap_put(struct pageblock_map *map, unsigned int index, unsigned int order)
{
	unsigned int w = index / 64;

	if (order < WORD_ORDER) {
		u64 mask = run_mask(order) << (index % 64);

		if (map->free[w] & mask)
			return -1;
		map->free[w] |= mask;
	} else {
		unsigned int words = 1u << (order - WORD_ORDER);

		for (unsigned int i = 0; i < words; i++)
			if (map->free[w + i])
				return -1;
		for (unsigned int i = 0; i < words; i++)
			map->free[w + i] = ~0UL;
	}
	map->nr_free = (u16)(map->nr_free + (1u << order));
	return (int)joined(map, index, order);
}

unsigned int pbmap_put_pages(struct pageblock_map *map, const u32 *pages, unsigned int nr)
{
	u32 number = *pages / PBMAP_PAGES;
	unsigned int n = 0;

	/* Neighbours are often freed one after the other: a word is written once for all. */
	do {
		u64 *word = &map->free[pages[n] / 64 % PBMAP_WORDS], all = *word;
		u32 which = pages[n] / 64;
		unsigned int was = n;

		do {
			u64 bit = 1UL << (pages[n] % 64);

			if (all & bit)
				break;
			all |= bit;
		} while (++n < nr && pages[n] / 64 == which);
		*word = all;
		if (n == was || (n < nr && pages[n] / 64 == which))
			break;
	} while (n < nr && pages[n] / PBMAP_PAGES == number);
	map->nr_free = (u16)(map->nr_free + n);
	if (n == 1)
		joined(map, *pages % PBMAP_PAGES, 0);
	else if (n)
		map->largest = (signed char)pbmap_largest(map);
	return n;
}

int pbmap_largest(const struct pageblock_map *map)
{
	u64 word[PBMAP_WORDS], any = 0;
	int order = PBMAP_FULL;

	for (unsigned int i = 0; i < PBMAP_WORDS; i++)
		any |= word[i] = map->free[i];
	while (any) {
		if (++order == WORD_ORDER)
			break;
		any = 0;
		for (unsigned int i = 0; i < PBMAP_WORDS; i++) {
			word[i] &= (word[i] >> (1u << order)) & places[order + 1];
			any |= word[i];
		}
	}
	if (order < WORD_ORDER)
		return order;
	for (unsigned int words = 2; words <= PBMAP_WORDS; words *= 2) {
		bool found = false;

		for (unsigned int w = 0; w < PBMAP_WORDS && !found; w += words)
			found = words_free(map, w, (unsigned int)order + 1);
		if (!found)
			break;
		order++;
	}
	return order;
}

void pbmap_count(const struct pageblock_map *map, unsigned long *nr)
{
	for (unsigned int index = 0; index < PBMAP_PAGES;) {
		unsigned int order = 0;

		if (!pbmap_is_free(map, index)) {
			index++;
			continue;
		}
		while (order < PBMAP_ORDERS - 1 && !(index & ((2u << order) - 1))) {
			bool whole = true;

			for (unsigned int i = 1u << order; i < 2u << order && whole; i++)
				whole = pbmap_is_free(map, index + i);
			if (!whole)
				break;
			order++;
		}
		nr[order]++;
		index += 1u << order;
	}
}
