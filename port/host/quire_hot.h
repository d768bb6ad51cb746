/* SPDX-License-Identifier: MIT */
/*
 * The host's hot seam: real memory, real threads.  Locks spin with a pause
 * and then give the processor away, atomics are the compiler's, a frame's
 * content is its bytes.  The contract is in core/base/hot.h.
 */
#ifndef QUIRE_HOT_H
#define QUIRE_HOT_H

#include <stdbool.h>
#include <stdint.h>

#include "port/host/rseq.h"

struct quire_context;

struct quire_hot {
	char *physmap;
	uint64_t id; /* no two instances of a process ever have the same */
	struct host_percpu percpu;
	uint8_t *slab_ids; /* hot_slab_id(); NULL: there are no sheaves */
	uint64_t nr_frames;
	/* A slab with sheaves took frames, or gave them up; NULL: nobody asks. */
	void (*frames_changed)(struct quire_hot *hot, uint64_t pfn, uint64_t nr, bool used);
};

/*
 * The context that the calling thread used last, and whose it is: nearly
 * always the one it needs now.  Ids and not addresses tell instances apart, so
 * one that was destroyed can't be taken for its successor.
 */
struct quire_host_last {
	uint64_t id;
	struct quire_context *context;
	uint32_t slot; /* of lists, if a slot is a thread's */
};
extern __thread struct quire_host_last quire_host_last;

/* The calling thread's context of an instance, made on first use. */
struct quire_context *quire_host_attach(struct quire_hot *hot);

/* Let another thread run while a lock is held by one that does not. */
void quire_host_relax(void);

static inline struct quire_context *hot_current(struct quire_hot *hot)
{
	if (__builtin_expect(quire_host_last.id == hot->id, 1))
		return quire_host_last.context;
	return quire_host_attach(hot);
}

static inline void hot_charge(struct quire_hot *hot, uint64_t ns)
{
	(void)hot;
	(void)ns;
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
	return !__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE);
}

static inline void hot_lock(struct hot_lock *lock)
{
	unsigned int spins = 0;

	while (!hot_trylock(lock)) {
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED)) {
			if (++spins > 100)
				quire_host_relax();
			else
				__builtin_ia32_pause();
		}
	}
}

static inline void hot_unlock(struct hot_lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

static inline bool hot_is_locked(struct hot_lock *lock)
{
	return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0;
}

#define HOT_LOAD(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define HOT_STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define HOT_ADD(p, v)	__atomic_add_fetch(p, v, __ATOMIC_SEQ_CST)
#define HOT_SUB(p, v)	__atomic_sub_fetch(p, v, __ATOMIC_SEQ_CST)
#define HOT_OR(p, v)	__atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define HOT_AND(p, v)	__atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define HOT_CMPXCHG(p, old, new)                                                         \
	({                                                                               \
		__typeof__(*(p)) __hot_old = (old);                                      \
		__atomic_compare_exchange_n(p, &__hot_old, new, false, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                           \
	})

static inline void hot_fill_page(struct quire_hot *hot, uint64_t pfn, unsigned long value)
{
	unsigned long *word = (unsigned long *)(hot->physmap + (pfn << 12));

	for (unsigned int i = 0; i < 512; i++)
		word[i] = value;
}

static inline void hot_clear_page(struct quire_hot *hot, uint64_t pfn)
{
	__builtin_memset(hot->physmap + (pfn << 12), 0, 4096);
}

static inline void hot_copy_page(struct quire_hot *hot, uint64_t dst_pfn, uint64_t src_pfn)
{
	__builtin_memcpy(hot->physmap + (dst_pfn << 12), hot->physmap + (src_pfn << 12), 4096);
}

static inline bool hot_page_same_filled(struct quire_hot *hot, uint64_t pfn, unsigned long *value)
{
	const unsigned long *word = (unsigned long *)(hot->physmap + (pfn << 12));

	for (unsigned int i = 1; i < 512; i++)
		if (word[i] != word[0])
			return false;
	*value = word[0];
	return true;
}

/* ---- lists of the CPU's own (port/host/rseq.h says how to use them) ----------- */

#define HOT_PERCPU 1

/* percpu.c: the same where a slot is a thread's. */
bool quire_host_pop32(struct quire_hot *hot, uint32_t off, uint32_t *value);
bool quire_host_push32(struct quire_hot *hot, uint32_t off, uint32_t cap, uint32_t value);
uint32_t quire_host_pop_many32(struct quire_hot *hot, uint32_t off, uint32_t *to, uint32_t nr,
			       bool count);
uint32_t quire_host_push_many32(struct quire_hot *hot, uint32_t off, uint32_t cap,
				const uint32_t *from, uint32_t nr);
bool quire_host_stack_pop_slot(struct quire_hot *hot, const struct quire_host_stack *s,
			       uint64_t *value);
bool quire_host_stack_push_slot(struct quire_hot *hot, const struct quire_host_stack *s,
				uint64_t value);
uint32_t quire_host_stack_pop_many_slot(struct quire_hot *hot, const struct quire_host_stack *s,
					uint64_t *to, uint32_t nr);
uint32_t quire_host_stack_push_many_slot(struct quire_hot *hot, const struct quire_host_stack *s,
					 const uint64_t *from, uint32_t nr);

/* Bytes at one offset of each slot, zero; 0: there are none.  And back. */
uint32_t hot_percpu_alloc(struct quire_hot *hot, size_t bytes);
void hot_percpu_free(struct quire_hot *hot, uint32_t off, size_t bytes);
/* Stops a slot: its region, until hot_percpu_resume(). */
char *hot_percpu_stop(struct quire_hot *hot, uint32_t slot);
void hot_percpu_resume(struct quire_hot *hot, uint32_t slot);

static inline uint32_t hot_percpu_slots(const struct quire_hot *hot)
{
	return hot->percpu.nr;
}

/* A slot's region, to be read without promise. */
static inline char *hot_percpu_region(const struct quire_hot *hot, uint32_t slot)
{
	return hot->percpu.regions + (size_t)slot * PERCPU_REGION;
}

/* A list's word as it was a moment ago. */
static inline uint64_t hot_percpu_word(const struct quire_hot *hot, uint32_t slot, uint32_t off)
{
	return __atomic_load_n((const uint64_t *)(hot_percpu_region(hot, slot) + off),
			       __ATOMIC_RELAXED);
}

/*
 * The two below without what is slow: only where a slot is a CPU's
 * (hot_percpu_of_cpus()).  At offset 0 cap must be 0.  Nothing is called, so a
 * function that ends in one of them needs no frame.
 */
static inline bool hot_percpu_of_cpus(const struct quire_hot *hot)
{
	return hot->percpu.rseq;
}

static inline __attribute__((always_inline)) bool
hot_percpu_try_pop32(struct quire_hot *hot, const uint32_t *off, uint32_t *value)
{
	if (__builtin_expect(!rseq_sure_pop32(&hot->percpu, off, value), 0))
		return false;
	host_tsan_acquire(&hot->percpu);
	return true;
}

static inline __attribute__((always_inline)) bool hot_percpu_try_push32(struct quire_hot *hot,
									const uint32_t *off,
									const uint32_t *cap,
									uint32_t value)
{
	host_tsan_release(&hot->percpu);
	return rseq_sure_push32(&hot->percpu, off, cap, value);
}

/* The last one in; false: there is none, or no list. */
static inline __attribute__((always_inline)) bool hot_percpu_pop32(struct quire_hot *hot,
								   uint32_t off, uint32_t *value)
{
	if (__builtin_expect(!rseq_pop32(&hot->percpu, off, value), 0))
		return !hot->percpu.rseq && quire_host_pop32(hot, off, value);
	host_tsan_acquire(&hot->percpu);
	return true;
}

/* False: the list has cap entries already, or there is none. */
static inline __attribute__((always_inline)) bool
hot_percpu_push32(struct quire_hot *hot, uint32_t off, uint32_t cap, uint32_t value)
{
	host_tsan_release(&hot->percpu);
	if (__builtin_expect(off && rseq_push32(&hot->percpu, off, cap, value), 1))
		return true;
	return !hot->percpu.rseq && quire_host_push32(hot, off, cap, value);
}

/* Up to nr of the last ones, oldest first; how many.  count: as pops. */
static inline uint32_t hot_percpu_pop_many32(struct quire_hot *hot, uint32_t off, uint32_t *to,
					     uint32_t nr, bool count)
{
	if (__builtin_expect(!hot->percpu.rseq, 0))
		return quire_host_pop_many32(hot, off, to, nr, count);
	nr = nr ? rseq_pop_many32(&hot->percpu, off, to, nr, count ? 0xffff : UINT64_MAX) : 0;
	host_tsan_acquire(&hot->percpu);
	return nr;
}

/* As many as there is room for; how many. */
static inline uint32_t hot_percpu_push_many32(struct quire_hot *hot, uint32_t off, uint32_t cap,
					      const uint32_t *from, uint32_t nr)
{
	if (__builtin_expect(!hot->percpu.rseq, 0))
		return quire_host_push_many32(hot, off, cap, from, nr);
	host_tsan_release(&hot->percpu);
	return off && nr ? rseq_push_many32(&hot->percpu, off, cap, from, nr) : 0;
}

/* ---- stacks of pointers ------------------------------------------------------- */

/* A client's, at offset off of each region, of room entries at most. */
static inline struct quire_host_stack hot_stack(const struct quire_hot *hot, uint32_t off,
						uint32_t room)
{
	return (struct quire_host_stack){
		.rseq_offset = hot->percpu.nr_rseq ? hot->percpu.rseq_offset : 0,
		.lists = hot->percpu.regions + off,
		.nr_cpus = hot->percpu.nr_rseq,
		.room = room,
		.take = room,
		.off = off,
		.physmap = hot->physmap,
		.slab_ids = hot->slab_ids,
		.nr_frames = hot->nr_frames,
	};
}

static inline struct percpu_list *hot_stack_list(const struct quire_host_stack *s, uint32_t slot)
{
	return (struct percpu_list *)(s->lists + (size_t)slot * PERCPU_REGION);
}

/* The entries there were a moment ago. */
static inline uint32_t hot_stack_count(const struct quire_host_stack *s, uint32_t slot)
{
	uint64_t word = __atomic_load_n(&hot_stack_list(s, slot)->word, __ATOMIC_RELAXED);

	return word == QUIRE_STACK_STOPPED ? 0 : percpu_count(word);
}

/* Stops a slot's list: where it is and *nr, its entries, until hot_stack_resume()
 * says how many there are now. */
struct percpu_list *hot_stack_stop(struct quire_hot *hot, const struct quire_host_stack *s,
				   uint32_t slot, uint32_t *nr);
void hot_stack_resume(struct quire_hot *hot, const struct quire_host_stack *s, uint32_t slot,
		      uint32_t nr);

/* The common case alone: false also where a slot is a thread's, or takes are to go the
 * slow way; and then the slow path asks again with the functions below. */
static inline __attribute__((always_inline)) bool
hot_stack_try_pop(const struct quire_host_stack *s, uint64_t *value)
{
	if (__builtin_expect(!quire_host_stack_pop(s, &s->take, value), 0))
		return false;
	stack_tsan_acquire(s);
	return true;
}

static inline __attribute__((always_inline)) bool
hot_stack_try_push(const struct quire_host_stack *s, uint64_t value)
{
	stack_tsan_release(s);
	return quire_host_stack_push(s, &s->room, value);
}

/* The last one in; false: there is none, or no list. */
static inline bool hot_stack_pop(struct quire_hot *hot, const struct quire_host_stack *s,
				 uint64_t *value)
{
	if (__builtin_expect(!quire_host_stack_pop(s, &s->room, value), 0))
		return !hot->percpu.rseq && quire_host_stack_pop_slot(hot, s, value);
	stack_tsan_acquire(s);
	return true;
}

/* False: the list is full, or there is none. */
static inline bool hot_stack_push(struct quire_hot *hot, const struct quire_host_stack *s,
				  uint64_t value)
{
	if (__builtin_expect(hot_stack_try_push(s, value), 1))
		return true;
	return !hot->percpu.rseq && quire_host_stack_push_slot(hot, s, value);
}

/* Up to nr of the last ones, oldest first; how many. */
static inline uint32_t hot_stack_pop_many(struct quire_hot *hot, const struct quire_host_stack *s,
					  uint64_t *to, uint32_t nr)
{
	if (__builtin_expect(!hot->percpu.rseq, 0))
		return quire_host_stack_pop_many_slot(hot, s, to, nr);
	nr = nr ? stack_pop_many(s, to, nr) : 0;
	stack_tsan_acquire(s);
	return nr;
}

/* As many as there is room for; how many. */
static inline uint32_t hot_stack_push_many(struct quire_hot *hot, const struct quire_host_stack *s,
					   const uint64_t *from, uint32_t nr)
{
	if (__builtin_expect(!hot->percpu.rseq, 0))
		return quire_host_stack_push_many_slot(hot, s, from, nr);
	stack_tsan_release(s);
	return nr ? stack_push_many(s, from, nr) : 0;
}

/* ---- slabs by frame ----------------------------------------------------------- */

/* Which cache's slab a frame is, by core/slab/sheaf.c's number; 0: none's. */
static inline uint8_t *hot_slab_id(const struct quire_hot *hot, uint64_t pfn)
{
	return &hot->slab_ids[pfn];
}

#endif
