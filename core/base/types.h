/* SPDX-License-Identifier: MIT */
/*
 * The words that every floor uses: fixed-width integers, sizes of a page,
 * container_of, errors.  Freestanding: nothing here comes from libc.
 */
#ifndef QUIRE_BASE_TYPES_H
#define QUIRE_BASE_TYPES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* A GFP mask; see page/gfp.h. */
typedef unsigned int gfp_t;

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define ARRAY_SIZE(a)	    (sizeof(a) / sizeof((a)[0]))
#define likely(x)	    __builtin_expect(!!(x), 1)
#define unlikely(x)	    __builtin_expect(!!(x), 0)
#define ALIGN(x, a)	    (((x) + ((__typeof__(x))(a)-1)) & ~((__typeof__(x))(a)-1))
#define ALIGN_DOWN(x, a)    ((x) & ~((__typeof__(x))(a)-1))
#define IS_ALIGNED(x, a)    (((x) & ((__typeof__(x))(a)-1)) == 0)
#define PAGE_ALIGN(x)	    ALIGN(x, PAGE_SIZE)
#define DIV_ROUND_UP(n, d)  (((n) + (d)-1) / (d))
#define BITS_PER_LONG	    64
#define BIT(n)		    (1UL << (n))
#define __must_check	    __attribute__((warn_unused_result))
#define __printf(a, b)	    __attribute__((format(printf, a, b)))
#define __unused	    __attribute__((unused))
#define __cacheline_aligned __attribute__((aligned(64)))

#define min(a, b)                                      \
	({                                             \
		__typeof__(a) __min_a = (a);           \
		__typeof__(b) __min_b = (b);           \
		__min_a < __min_b ? __min_a : __min_b; \
	})
#define max(a, b)                                      \
	({                                             \
		__typeof__(a) __max_a = (a);           \
		__typeof__(b) __max_b = (b);           \
		__max_a > __max_b ? __max_a : __max_b; \
	})
#define min_t(t, a, b)	 min((t)(a), (t)(b))
#define max_t(t, a, b)	 max((t)(a), (t)(b))
#define clamp(v, lo, hi) min(max(v, lo), hi)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* log2 of an unsigned long; undefined for 0.  ilog2(1) == 0. */
static inline unsigned ilog2(unsigned long v)
{
	return 63u - (unsigned)__builtin_clzl(v);
}

static inline bool is_power_of_2(unsigned long v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

static inline unsigned long roundup_pow_of_two(unsigned long v)
{
	return v <= 1 ? 1 : 1UL << (ilog2(v - 1) + 1);
}

/* The smallest order whose block holds size_bytes. */
static inline unsigned get_order(unsigned long size_bytes)
{
	return size_bytes <= PAGE_SIZE ? 0 : ilog2((size_bytes - 1) >> PAGE_SHIFT) + 1;
}

/* What the compiler may call even in a freestanding program; the port's
 * environment provides them. */
void *memset(void *s, int c, size_t n);
void *memcpy(void *restrict d, const void *restrict s, size_t n);
void *memmove(void *d, const void *s, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#include "base/errno.h"

/* The largest r with r * r <= x. */
static inline unsigned long int_sqrt(unsigned long x)
{
	unsigned long root = 0, bit = x ? 1UL << (ilog2(x) & ~1u) : 0;

	for (; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root = (root >> 1) + bit;
		} else {
			root >>= 1;
		}
	}
	return root;
}

#endif
