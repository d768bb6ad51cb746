/* SPDX-License-Identifier: MIT */
/*
 * Arrays of bits, with Linux's names.
 *
 * The idea: bit n is bit n % 64 of word n / 64, and everything goes a word at
 * a time.  Searches return the size they were given when they find nothing.
 *
 * Invariant: bits beyond a bitmap's size in its last word may hold anything:
 * no function here reads them as members.  bitmap_zero(), bitmap_fill() and
 * the word-wise operations write whole words, so they may change them.
 *
 * Locks: the caller's.  Only the non-atomic forms (two underscores) exist, so
 * that no one takes them for the atomic ones that Linux calls set_bit() and
 * clear_bit().
 */
#ifndef QUIRE_BASE_BITMAP_H
#define QUIRE_BASE_BITMAP_H

#include "base/types.h"

#define BITS_TO_LONGS(nbits) DIV_ROUND_UP((unsigned long)(nbits), (unsigned long)BITS_PER_LONG)
#define BIT_WORD(n)	     ((unsigned long)(n) / BITS_PER_LONG)
#define BIT_MASK(n)	     (1UL << ((unsigned long)(n) % BITS_PER_LONG))

#define DECLARE_BITMAP(name, nbits) unsigned long name[BITS_TO_LONGS(nbits)]

/* The bits of a word from n % 64 on, and the first n of a bitmap's last word
 * (all of them where the bitmap ends with the word). */
#define BITMAP_FIRST_WORD_MASK(n) (~0UL << ((unsigned long)(n) % BITS_PER_LONG))
#define BITMAP_LAST_WORD_MASK(n)  (~0UL >> (-(unsigned long)(n) % BITS_PER_LONG))

static inline bool test_bit(unsigned long n, const unsigned long *map)
{
	return (map[BIT_WORD(n)] >> (n % BITS_PER_LONG)) & 1;
}

static inline void __set_bit(unsigned long n, unsigned long *map)
{
	map[BIT_WORD(n)] |= BIT_MASK(n);
}

static inline void __clear_bit(unsigned long n, unsigned long *map)
{
	map[BIT_WORD(n)] &= ~BIT_MASK(n);
}

static inline void __change_bit(unsigned long n, unsigned long *map)
{
	map[BIT_WORD(n)] ^= BIT_MASK(n);
}

static inline void __assign_bit(unsigned long n, unsigned long *map, bool value)
{
	if (value)
		__set_bit(n, map);
	else
		__clear_bit(n, map);
}

/* These return what the bit was. */
static inline bool __test_and_set_bit(unsigned long n, unsigned long *map)
{
	bool was = test_bit(n, map);

	__set_bit(n, map);
	return was;
}

static inline bool __test_and_clear_bit(unsigned long n, unsigned long *map)
{
	bool was = test_bit(n, map);

	__clear_bit(n, map);
	return was;
}

/* The first bit from start on that differs from those of flip (0 or ~0). */
static inline unsigned long __find_bit(const unsigned long *map, unsigned long nbits,
				       unsigned long start, unsigned long flip)
{
	unsigned long w, word;

	if (start >= nbits)
		return nbits;
	w = BIT_WORD(start);
	word = (map[w] ^ flip) & BITMAP_FIRST_WORD_MASK(start);
	while (!word) {
		if (++w >= BITS_TO_LONGS(nbits))
			return nbits;
		word = map[w] ^ flip;
	}
	return min(w * BITS_PER_LONG + (unsigned long)__builtin_ctzl(word), nbits);
}

static inline unsigned long find_next_bit(const unsigned long *map, unsigned long nbits,
					  unsigned long start)
{
	return __find_bit(map, nbits, start, 0);
}

static inline unsigned long find_next_zero_bit(const unsigned long *map, unsigned long nbits,
					       unsigned long start)
{
	return __find_bit(map, nbits, start, ~0UL);
}

static inline unsigned long find_first_bit(const unsigned long *map, unsigned long nbits)
{
	return __find_bit(map, nbits, 0, 0);
}

static inline unsigned long find_first_zero_bit(const unsigned long *map, unsigned long nbits)
{
	return __find_bit(map, nbits, 0, ~0UL);
}

/* The highest bit that is set, or nbits. */
static inline unsigned long find_last_bit(const unsigned long *map, unsigned long nbits)
{
	unsigned long w = BITS_TO_LONGS(nbits), word, mask = BITMAP_LAST_WORD_MASK(nbits);

	while (w--) {
		word = map[w] & mask;
		if (word)
			return w * BITS_PER_LONG + ilog2(word);
		mask = ~0UL;
	}
	return nbits;
}

#define for_each_set_bit(bit, map, nbits)                     \
	for (bit = find_first_bit(map, nbits); bit < (nbits); \
	     bit = find_next_bit(map, nbits, bit + 1))

#define for_each_clear_bit(bit, map, nbits)                        \
	for (bit = find_first_zero_bit(map, nbits); bit < (nbits); \
	     bit = find_next_zero_bit(map, nbits, bit + 1))

static inline void bitmap_zero(unsigned long *map, unsigned long nbits)
{
	memset(map, 0, BITS_TO_LONGS(nbits) * sizeof(long));
}

static inline void bitmap_fill(unsigned long *map, unsigned long nbits)
{
	memset(map, 0xff, BITS_TO_LONGS(nbits) * sizeof(long));
}

static inline void bitmap_copy(unsigned long *dst, const unsigned long *src, unsigned long nbits)
{
	memmove(dst, src, BITS_TO_LONGS(nbits) * sizeof(long));
}

/* Sets or clears nr bits from start on. */
static inline void __bitmap_range(unsigned long *map, unsigned long start, unsigned long nr,
				  bool value)
{
	unsigned long end = start + nr;

	while (start < end) {
		unsigned long w = BIT_WORD(start), mask = BITMAP_FIRST_WORD_MASK(start);
		unsigned long next = (w + 1) * BITS_PER_LONG;

		if (next > end)
			mask &= BITMAP_LAST_WORD_MASK(end);
		if (value)
			map[w] |= mask;
		else
			map[w] &= ~mask;
		start = next;
	}
}

static inline void bitmap_set(unsigned long *map, unsigned long start, unsigned long nr)
{
	__bitmap_range(map, start, nr, true);
}

static inline void bitmap_clear(unsigned long *map, unsigned long start, unsigned long nr)
{
	__bitmap_range(map, start, nr, false);
}

/* The word at w with what lies beyond the bitmap's end taken away. */
static inline unsigned long __bitmap_word(const unsigned long *map, unsigned long nbits,
					  unsigned long w)
{
	return w + 1 == BITS_TO_LONGS(nbits) ? map[w] & BITMAP_LAST_WORD_MASK(nbits) : map[w];
}

/* How many bits are set. */
static inline unsigned long bitmap_weight(const unsigned long *map, unsigned long nbits)
{
	unsigned long w, weight = 0;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		weight += (unsigned long)__builtin_popcountl(__bitmap_word(map, nbits, w));
	return weight;
}

static inline bool bitmap_empty(const unsigned long *map, unsigned long nbits)
{
	return find_first_bit(map, nbits) >= nbits;
}

static inline bool bitmap_full(const unsigned long *map, unsigned long nbits)
{
	return find_first_zero_bit(map, nbits) >= nbits;
}

static inline bool bitmap_equal(const unsigned long *a, const unsigned long *b, unsigned long nbits)
{
	unsigned long w;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		if (__bitmap_word(a, nbits, w) != __bitmap_word(b, nbits, w))
			return false;
	return true;
}

static inline bool bitmap_intersects(const unsigned long *a, const unsigned long *b,
				     unsigned long nbits)
{
	unsigned long w;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		if (__bitmap_word(a, nbits, w) & b[w])
			return true;
	return false;
}

/* Whether each bit of a is in b. */
static inline bool bitmap_subset(const unsigned long *a, const unsigned long *b,
				 unsigned long nbits)
{
	unsigned long w;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		if (__bitmap_word(a, nbits, w) & ~b[w])
			return false;
	return true;
}

/* dst = a and b; returns whether anything is left. */
static inline bool bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b,
			      unsigned long nbits)
{
	unsigned long w;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		dst[w] = a[w] & b[w];
	return !bitmap_empty(dst, nbits);
}

static inline void bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b,
			     unsigned long nbits)
{
	unsigned long w;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		dst[w] = a[w] | b[w];
}

/* dst = a without b; returns whether anything is left. */
static inline bool bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b,
				 unsigned long nbits)
{
	unsigned long w;

	for (w = 0; w < BITS_TO_LONGS(nbits); w++)
		dst[w] = a[w] & ~b[w];
	return !bitmap_empty(dst, nbits);
}

#endif
