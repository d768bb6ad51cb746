/* SPDX-License-Identifier: MIT */
/*
 * The model's hot seam.  One host thread runs everything, so locks are a word
 * that tells whether someone slept with a lock held, atomics are plain memory
 * operations, and a frame's content is a descriptor of 8 bytes in an array
 * beside the memory map.  The contract is in core/base/hot.h.
 */
#ifndef QUIRE_HOT_H
#define QUIRE_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quire_context;

/*
 * What a frame holds: kind in the top byte, then a seed that makes one
 * content differ from another of its kind.  0 is a page of zeros; kind
 * CONTENT_SAME a page filled with one word (the low 56 bits).  See
 * port/model/content.h for the kinds and the bytes they stand for.
 */
#define CONTENT_KIND(c)	    ((unsigned int)((c) >> 56))
#define CONTENT(kind, seed) (((uint64_t)(kind) << 56) | ((uint64_t)(seed) & ((1UL << 56) - 1)))
#define CONTENT_SAME	    1u

struct quire_hot {
	struct quire_context *current;
	uint64_t charged_ns; /* CPU time worked since the running fiber was last charged */
	uint64_t *content;   /* by frame number */
	uint8_t *bytes;	     /* all frames, with real bytes switched on; or NULL */
};

static inline struct quire_context *hot_current(struct quire_hot *hot)
{
	return hot->current;
}

static inline void hot_charge(struct quire_hot *hot, uint64_t ns)
{
	hot->charged_ns += ns;
}

struct hot_lock {
	uint32_t held;
};
#define HOT_LOCK_INIT \
	{             \
		0     \
	}

static inline bool hot_trylock(struct hot_lock *lock)
{
	if (lock->held)
		return false;
	lock->held = 1;
	return true;
}

static inline void hot_lock(struct hot_lock *lock)
{
	/* A fiber that slept with a spinlock held: no other can ever free it. */
	if (__builtin_expect(!hot_trylock(lock), 0))
		__builtin_trap();
}

static inline void hot_unlock(struct hot_lock *lock)
{
	lock->held = 0;
}

static inline bool hot_is_locked(struct hot_lock *lock)
{
	return lock->held != 0;
}

#define HOT_LOAD(p)	(*(p))
#define HOT_STORE(p, v) ((void)(*(p) = (v)))
#define HOT_ADD(p, v)	(*(p) += (v))
#define HOT_SUB(p, v)	(*(p) -= (v))
#define HOT_OR(p, v)                               \
	({                                         \
		__typeof__(*(p)) __hot_old = *(p); \
		*(p) |= (v);                       \
		__hot_old;                         \
	})
#define HOT_AND(p, v)                              \
	({                                         \
		__typeof__(*(p)) __hot_old = *(p); \
		*(p) &= (v);                       \
		__hot_old;                         \
	})
#define HOT_CMPXCHG(p, old, new)               \
	({                                     \
		bool __hot_ok = *(p) == (old); \
		if (__hot_ok)                  \
			*(p) = (new);          \
		__hot_ok;                      \
	})

/* ---- with real bytes, what the descriptors say is done to the frames as well ----- */

#define HOT_PAGE_SIZE 4096u

static inline void *hot_page_bytes(const struct quire_hot *hot, uint64_t pfn)
{
	return hot->bytes + pfn * HOT_PAGE_SIZE;
}

static inline void hot_fill_bytes(struct quire_hot *hot, uint64_t pfn, unsigned long value)
{
	unsigned long *word = hot_page_bytes(hot, pfn);

	for (unsigned int i = 0; i < HOT_PAGE_SIZE / sizeof(*word); i++)
		word[i] = value;
}

static inline void hot_clear_page(struct quire_hot *hot, uint64_t pfn)
{
	hot->content[pfn] = 0;
	if (__builtin_expect(hot->bytes != NULL, 0))
		hot_fill_bytes(hot, pfn, 0);
}

static inline void hot_copy_page(struct quire_hot *hot, uint64_t dst_pfn, uint64_t src_pfn)
{
	hot->content[dst_pfn] = hot->content[src_pfn];
	if (__builtin_expect(hot->bytes != NULL, 0))
		__builtin_memcpy(hot_page_bytes(hot, dst_pfn), hot_page_bytes(hot, src_pfn),
				 HOT_PAGE_SIZE);
}

static inline void hot_fill_page(struct quire_hot *hot, uint64_t pfn, unsigned long value)
{
	hot->content[pfn] = value ? CONTENT(CONTENT_SAME, value) : 0;
	if (__builtin_expect(hot->bytes != NULL, 0))
		hot_fill_bytes(hot, pfn, value);
}

static inline bool hot_same_bytes(const struct quire_hot *hot, uint64_t pfn, unsigned long *value)
{
	const unsigned long *word = hot_page_bytes(hot, pfn);

	for (unsigned int i = 1; i < HOT_PAGE_SIZE / sizeof(*word); i++)
		if (word[i] != word[0])
			return false;
	*value = word[0];
	return true;
}

static inline bool hot_page_same_filled(struct quire_hot *hot, uint64_t pfn, unsigned long *value)
{
	uint64_t c = hot->content[pfn];

	if (__builtin_expect(hot->bytes != NULL, 0))
		return hot_same_bytes(hot, pfn, value);
	if (c && CONTENT_KIND(c) != CONTENT_SAME)
		return false;
	*value = c & ((1UL << 56) - 1);
	return true;
}

/* The lists of the core are as fast here: one thread runs everything. */
#define HOT_PERCPU 0

#endif
