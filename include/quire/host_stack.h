/* SPDX-License-Identifier: MIT */
/*
 * The fast path of a cache of objects on the host port: a stack of pointers for
 * each CPU, and a restartable sequence that takes the running CPU's last one or
 * puts one there.  No lock, no atomic, no call.  <quire/host_slab.h> has the
 * functions for programs; port/host/rseq.h says what a restartable sequence is.
 *
 * All that it reads lies in the cache's first line, one step from the cache, and
 * where a CPU's stack is takes arithmetic and no table: a processor forwards what
 * it has just stored to the next load in no time at all if it knows both addresses
 * early, and in two nanoseconds if it must first follow three pointers.
 *
 * A stack is a word, which says how many entries there are, and the entries behind
 * it.  A word of QUIRE_STACK_STOPPED is more than any has: then push and pop fail.
 */
#ifndef QUIRE_HOST_STACK_H
#define QUIRE_HOST_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUIRE_STACK_STOPPED 0xffffu
#define QUIRE_CPU_SHIFT	    23 /* bytes from a CPU's stack to the next one's: 8 MiB */

/* Read only: the slab's, first in a cache.  All zero: push and pop fail. */
struct quire_host_stack {
	int64_t rseq_offset; /* of the thread's struct rseq; 0: there is none */
	char *lists;	     /* CPU 0's stack */
	uint32_t nr_cpus;
	uint32_t room;	   /* entries, at most */
	uint32_t take;	   /* the same, or 0: each allocation shall take the slow way */
	uint32_t off;	   /* of the stack in a CPU's region */
	char *physmap;	   /* frame 0 */
	uint8_t *slab_ids; /* by frame: whose slab it is */
	uint64_t nr_frames;
	uint8_t id; /* this cache's, there */
};

/* Is it an object of the cache's slabs? */
static inline __attribute__((always_inline)) bool
quire_host_stack_owns(const struct quire_host_stack *s, const void *object)
{
	uint64_t pfn = (uint64_t)((const char *)object - s->physmap) >> 12;

	return __builtin_expect(pfn < s->nr_frames, 1) && s->slab_ids[pfn] == s->id;
}

#if defined(__x86_64__) && defined(__linux__)

/*
 * Label 3 describes the sequence from 1 to 2, and 4 is where the kernel sends
 * who was interrupted there: back to 0, which sets it up again.  %[list] becomes the
 * stack's address.  An offset of 0 is no struct rseq's but the thread's own control
 * block: it must not be written to.
 */
#define QUIRE_STACK_ENTER                    \
	".pushsection __rseq_cs, \"aw\"\n\t" \
	".balign 32\n\t"                     \
	"3:\n\t"                             \
	".long 0, 0\n\t"                     \
	".quad 1f, 2f - 1f, 4f\n\t"          \
	".popsection\n\t"                    \
	"0:\n\t"                             \
	"movq %[rseq], %[word]\n\t"          \
	"testq %[word], %[word]\n\t"         \
	"jz %l[out]\n\t"                     \
	"leaq 3b(%%rip), %[list]\n\t"        \
	"movq %[list], %%fs:8(%[word])\n\t"  \
	"1:\n\t"                             \
	"movl %%fs:4(%[word]), %k[list]\n\t" \
	"cmpl %[nr], %k[list]\n\t"           \
	"jae %l[out]\n\t"                    \
	"shlq %[shift], %[list]\n\t"         \
	"addq %[lists], %[list]\n\t"

#define QUIRE_STACK_LEAVE                         \
	"2:\n\t"                                  \
	".pushsection __rseq_failure, \"ax\"\n\t" \
	".byte 0x0f, 0xb9, 0x3d\n\t"              \
	".long 0x53053053\n\t"                    \
	"4:\n\t"                                  \
	"jmp 0b\n\t"                              \
	".popsection\n\t"

#define QUIRE_STACK_INPUTS                                                       \
	[rseq] "m"(s->rseq_offset), [lists] "m"(s->lists), [nr] "m"(s->nr_cpus), \
		[shift] "i"(QUIRE_CPU_SHIFT)

/* place: what is still to be added to the stack's address. */
#define QUIRE_STACK_POP(place, ...)                                                      \
	uint64_t list, word, v;                                                          \
                                                                                         \
	__asm__ __volatile__ goto(QUIRE_STACK_ENTER place                                \
				  "movl (%[list]), %k[word]\n\t"                         \
				  "subl $1, %k[word]\n\t"                                \
				  "cmpl %[most], %k[word]\n\t"                           \
				  "jae %l[out]\n\t"                                      \
				  "movq 8(%[list], %[word], 8), %[v]\n\t"                \
				  "movl %k[word], (%[list])\n\t" QUIRE_STACK_LEAVE       \
				  : [list] "=&r"(list), [word] "=&r"(word), [v] "=&r"(v) \
				  : QUIRE_STACK_INPUTS, [most] "m"(*most)__VA_ARGS__     \
				  : "memory", "cc"                                       \
				  : out);                                                \
	*value = v;                                                                      \
	return true;                                                                     \
	out:                                                                             \
	return false

#define QUIRE_STACK_PUSH(place, ...)                                                     \
	uint64_t list, word;                                                             \
                                                                                         \
	__asm__ __volatile__ goto(                                                       \
		QUIRE_STACK_ENTER place "movl (%[list]), %k[word]\n\t"                   \
					"cmpl %[room], %k[word]\n\t"                     \
					"jae %l[out]\n\t"                                \
					"addl $1, %k[word]\n\t"                          \
					"movq %[v], (%[list], %[word], 8)\n\t"           \
					"movl %k[word], (%[list])\n\t" QUIRE_STACK_LEAVE \
		: [list] "=&r"(list), [word] "=&r"(word)                                 \
		: QUIRE_STACK_INPUTS, [room] "m"(*room), [v] "r"(value)__VA_ARGS__       \
		: "memory", "cc"                                                         \
		: out);                                                                  \
	return true;                                                                     \
	out:                                                                             \
	return false

/* The last one in; false: there is none, or more than *most, or it can't be had now.
 * most: &s->take, and &s->room for who was sent the slow way already. */
static inline __attribute__((always_inline)) bool
quire_host_stack_pop(const struct quire_host_stack *s, const uint32_t *most, uint64_t *value)
{
	QUIRE_STACK_POP("", );
}

/* False: there are *room already, or it can't be had now. */
static inline __attribute__((always_inline)) bool
quire_host_stack_push(const struct quire_host_stack *s, const uint32_t *room, uint64_t value)
{
	QUIRE_STACK_PUSH("", );
}

/* The same of a stack that lies at bytes behind this one.  at may be known late: it is
 * added last. */
static inline __attribute__((always_inline)) bool
quire_host_stack_pop_at(const struct quire_host_stack *s, uint64_t at, const uint32_t *most,
			uint64_t *value)
{
	QUIRE_STACK_POP("addq %[at], %[list]\n\t", , [at] "r"(at));
}

static inline __attribute__((always_inline)) bool
quire_host_stack_push_at(const struct quire_host_stack *s, uint64_t at, const uint32_t *room,
			 uint64_t value)
{
	QUIRE_STACK_PUSH("addq %[at], %[list]\n\t", , [at] "r"(at));
}

#else

static inline bool quire_host_stack_pop(const struct quire_host_stack *s, const uint32_t *most,
					uint64_t *value)
{
	(void)s, (void)most, (void)value;
	return false;
}

static inline bool quire_host_stack_push(const struct quire_host_stack *s, const uint32_t *room,
					 uint64_t value)
{
	(void)s, (void)room, (void)value;
	return false;
}

static inline bool quire_host_stack_pop_at(const struct quire_host_stack *s, uint64_t at,
					   const uint32_t *most, uint64_t *value)
{
	(void)at;
	return quire_host_stack_pop(s, most, value);
}

static inline bool quire_host_stack_push_at(const struct quire_host_stack *s, uint64_t at,
					    const uint32_t *room, uint64_t value)
{
	(void)at;
	return quire_host_stack_push(s, room, value);
}

#endif

#endif
