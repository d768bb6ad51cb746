/* SPDX-License-Identifier: MIT */
/*
 * Lists of the running CPU's own, without locks and without atomics.
 *
 * A restartable sequence is a few instructions that end in one store.  If the
 * kernel takes the CPU away from the thread, moves it or sends it a signal in
 * between, it lets the thread begin again; so whoever comes to the last store
 * has had the CPU for himself all along.  glibc 2.35 and later register each
 * thread with the kernel (__rseq_offset, __rseq_size); a pair costs two
 * nanoseconds, where one uncontended atomic exchange costs up to sixteen.
 *
 * What it holds.  Each slot (a CPU) has a region of PERCPU_REGION bytes, all
 * alike.  A client takes some bytes of them all at one offset, as with Linux's
 * alloc_percpu(), and keeps lists there: a word, and behind it the entries, of
 * 4 bytes (pop32, push32; those of 8 are below):
 *
 *	u32 off = hot_percpu_alloc(hot, PERCPU_LIST_BYTES(cap, sizeof(u32)));
 *
 *	if (!hot_percpu_pop32(hot, off, &v))	  none there: get some, and
 *		hot_percpu_push_many32(hot, off, cap, batch, n);
 *	if (!hot_percpu_push32(hot, off, cap, v)) full: take some off by
 *		n = hot_percpu_pop_many32(hot, off, batch, n, false);
 *
 * A list is last in, first out.  The low 16 bits of its word are the entries
 * there; the rest counts what was popped singly or, if asked for, by
 * hot_percpu_pop_many32(): so counting costs nothing.  Who refills and drains
 * counts that himself, and knows the pushes too:
 *	pushes = pops + entries there - refilled + drained.
 *
 * Between two calls the thread may be on another CPU: nothing may be concluded
 * from one about the next.  All functions may fail at any time (the CPU's slot
 * is stopped, its number is beyond the table, nothing was registered), and the
 * caller then works on what lies below, with a lock.  hot_percpu_alloc() gives 0
 * where there are none; at offset 0 every call fails, so it needs no check.
 *
 * Other CPUs' lists.  A slot is stopped: its entry in the table is taken away,
 * and membarrier() restarts whoever was in the middle; from then on every call
 * there fails, and the lists are the caller's until he lets them go:
 *
 *	for (slot = 0; slot < hot_percpu_slots(hot); slot++) {
 *		char *region = hot_percpu_stop(hot, slot);
 *		... percpu_list(region, off) ...
 *		hot_percpu_resume(hot, slot);
 *	}
 *
 * hot_percpu_stop() takes a mutex that hot_percpu_resume() gives back, so call it
 * without spinlocks held; it costs a system call, 350 ns.  hot_percpu_word()
 * reads a count without stopping anyone, and so at any time: who empties a stopped
 * list changes its word by an atomic store (HOT_STORE).  Before hot_percpu_free()
 * all lists of the client must have been emptied so.
 *
 * Lists of 8 bytes, pointers, are stacks (<quire/host_stack.h>): hot_stack_pop(),
 * _push() and so on.  They are faster: all that a sequence needs is in one line of the
 * client's, no table is asked, and what is popped is not counted.  So such a
 * list is stopped alone, by its word: hot_stack_stop() changes it for one that is
 * neither empty nor has room, restarts whoever was in the middle, and does both
 * again if one of them stored his own word last.
 *
 * Where there is no rseq (an old glibc, GLIBC_TUNABLES=glibc.pthread.rseq=0, another
 * processor, a kernel without membarrier for it) a slot is a thread's instead
 * of a CPU's: it says in busy that it is at work, and who stops it waits for
 * that; membarrier() again spares it the fence.  The slot of a thread that ends
 * goes to the next that comes, with what is on its lists.
 *
 * tsan does not see what assembly does; where it runs, push and pop tell it that
 * one happened before the other.
 */
#ifndef QUIRE_HOST_RSEQ_H
#define QUIRE_HOST_RSEQ_H

#include <quire/host_stack.h>

#if defined(__x86_64__) && defined(__linux__)
#define HOST_RSEQ 1
/* glibc's; an older one has none. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
#else
#define HOST_RSEQ 0
#endif

#if defined(__SANITIZE_THREAD__)
#define HOST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOST_TSAN 1
#endif
#endif
#ifdef HOST_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define host_tsan_acquire(p)  __tsan_acquire((p)->regions)
#define host_tsan_release(p)  __tsan_release((p)->regions)
#define stack_tsan_acquire(s) __tsan_acquire((s)->lists)
#define stack_tsan_release(s) __tsan_release((s)->lists)
#else
#define HOST_TSAN	      0
#define host_tsan_acquire(p)  ((void)(p))
#define host_tsan_release(p)  ((void)(p))
#define stack_tsan_acquire(s) ((void)(s))
#define stack_tsan_release(s) ((void)(s))
#endif

#define PERCPU_REGION	  (1u << QUIRE_CPU_SHIFT)
#define PERCPU_COUNT_MASK 0xffffu /* entries of a list, at most */
#define PERCPU_NO_SLOT	  UINT32_MAX

/* Bytes of a list of so many entries. */
#define PERCPU_LIST_BYTES(cap, entry) ((sizeof(uint64_t) + (size_t)(cap) * (entry) + 63) & ~63UL)

struct percpu_busy {
	uint32_t busy; /* the thread whose slot it is works on its lists */
	uint32_t used; /* some thread has it */
} __attribute__((aligned(64)));

/* In struct quire_hot.  All zero: there are no lists, every call fails. */
struct host_percpu {
	char **table;	  /* by slot: its region, NULL while stopped */
	uint32_t nr_rseq; /* slots, if a slot is a CPU's; else 0: all sequences fail */
	uint32_t nr;	  /* slots */
	bool rseq;	  /* a slot is a CPU's, else a thread's */
	bool fenced;	  /* a thread's, and membarrier() is missing: busy needs a fence */
	int64_t rseq_offset;
	struct percpu_busy *busy; /* by slot, if a thread's */
	char *regions;		  /* slot 0's; others follow */
};

/* A list as memory: of a stopped slot, or to be read without promise. */
struct percpu_list {
	uint64_t word;
	union { /* as long as its owner made it */
		struct {
			struct {
			} pad32;
			uint32_t u32[];
		};
		struct {
			struct {
			} pad64;
			uint64_t u64[];
		};
	};
};

static inline struct percpu_list *percpu_list(char *region, uint32_t off)
{
	return (struct percpu_list *)(region + off);
}

static inline uint32_t percpu_count(uint64_t word)
{
	return word & PERCPU_COUNT_MASK;
}

static inline uint64_t percpu_pops(uint64_t word)
{
	return word >> 16;
}

/* ---- a CPU's slot: restartable sequences ------------------------------------- */

#if HOST_RSEQ

/*
 * Label 3 describes the sequence from 1 to 2, and 4 is where the kernel sends
 * who was interrupted there: back to 0, which sets it up again.  %[list] becomes
 * the list's address and %[word] its word.  As little as possible is in registers,
 * so that the functions around need not save any.  An offset of 0 is no struct
 * rseq's but the thread's own control block: it must not be written to.  RSEQ_CHECK
 * sees to that; the "sure" ones leave it to their callers.
 */
#define RSEQ_CHECK                   \
	"testq %[word], %[word]\n\t" \
	"jz %l[out]\n\t"
#define RSEQ_SURE ""
/* Where the offset is: in a register or in memory. */
#define RSEQ_OFF_REGISTER "addq %[off], %[list]\n\t"
#define RSEQ_OFF_MEMORY             \
	"movl %[off], %k[word]\n\t" \
	"addq %[word], %[list]\n\t"

#define RSEQ_ENTER_BY(check, add)                                       \
	".pushsection __rseq_cs, \"aw\"\n\t"                            \
	".balign 32\n\t"                                                \
	"3:\n\t"                                                        \
	".long 0, 0\n\t"                                                \
	".quad 1f, 2f - 1f, 4f\n\t"                                     \
	".popsection\n\t"                                               \
	"0:\n\t"                                                        \
	"movq %[rseq], %[word]\n\t" check "leaq 3b(%%rip), %[list]\n\t" \
	"movq %[list], %%fs:8(%[word])\n\t"                             \
	"1:\n\t"                                                        \
	"movl %%fs:4(%[word]), %k[list]\n\t"                            \
	"cmpl %[nr], %k[list]\n\t"                                      \
	"jae %l[out]\n\t"                                               \
	"movq %[table], %[word]\n\t"                                    \
	"movq (%[word], %[list], 8), %[list]\n\t"                       \
	"testq %[list], %[list]\n\t"                                    \
	"jz %l[out]\n\t" add "movq (%[list]), %[word]\n\t"
#define RSEQ_ENTER RSEQ_ENTER_BY(RSEQ_CHECK, RSEQ_OFF_REGISTER)

#define RSEQ_LEAVE                                \
	"movq %[word], (%[list])\n\t"             \
	"2:\n\t"                                  \
	".pushsection __rseq_failure, \"ax\"\n\t" \
	".byte 0x0f, 0xb9, 0x3d\n\t"              \
	".long 0x53053053\n\t"                    \
	"4:\n\t"                                  \
	"jmp 0b\n\t"                              \
	".popsection\n\t"

#define RSEQ_TABLE  [rseq] "m"(p->rseq_offset), [table] "m"(p->table), [nr] "m"(p->nr_rseq)
#define RSEQ_INPUTS RSEQ_TABLE, [off] "r"((uint64_t)off)

static inline __attribute__((always_inline)) bool rseq_pop32(const struct host_percpu *p,
							     uint32_t off, uint32_t *value)
{
	uint64_t list, word;
	uint32_t v; /* the count, then the entry */

	__asm__ __volatile__ goto(RSEQ_ENTER "movzwl %w[word], %k[v]\n\t"
					     "testl %k[v], %k[v]\n\t"
					     "jz %l[out]\n\t"
					     "movl 4(%[list], %q[v], 4), %k[v]\n\t"
					     "addq $0xffff, %[word]\n\t" RSEQ_LEAVE
				  : [list] "=&r"(list), [word] "=&r"(word), [v] "=&r"(v)
				  : RSEQ_INPUTS
				  : "memory", "cc"
				  : out);
	*value = v;
	return true;
out:
	return false;
}

static inline __attribute__((always_inline)) bool
rseq_push32(const struct host_percpu *p, uint32_t off, uint32_t cap, uint32_t v)
{
	uint64_t list, word, count;

	__asm__ __volatile__ goto(RSEQ_ENTER "movzwl %w[word], %k[count]\n\t"
					     "cmpl %[cap], %k[count]\n\t"
					     "jae %l[out]\n\t"
					     "movl %k[v], 8(%[list], %[count], 4)\n\t"
					     "incq %[word]\n\t" RSEQ_LEAVE
				  : [list] "=&r"(list), [word] "=&r"(word), [count] "=&r"(count)
				  : RSEQ_INPUTS, [cap] "rm"(cap), [v] "r"(v)
				  : "memory", "cc"
				  : out);
	return true;
out:
	return false;
}

/* The same where p->rseq is set, with what is known of the list in memory: two
 * registers fewer. */
static inline __attribute__((always_inline)) bool
rseq_sure_pop32(const struct host_percpu *p, const uint32_t *off, uint32_t *value)
{
	uint64_t list, word;
	uint32_t v;

	__asm__ __volatile__ goto(RSEQ_ENTER_BY(RSEQ_SURE, RSEQ_OFF_MEMORY) //
				  "movzwl %w[word], %k[v]\n\t"		    //
				  "testl %k[v], %k[v]\n\t"		    //
				  "jz %l[out]\n\t"			    //
				  "movl 4(%[list], %q[v], 4), %k[v]\n\t"    //
				  "addq $0xffff, %[word]\n\t" RSEQ_LEAVE    //
				  : [list] "=&r"(list), [word] "=&r"(word), [v] "=&r"(v)
				  : RSEQ_TABLE, [off] "m"(*off)
				  : "memory", "cc"
				  : out);
	*value = v;
	return true;
out:
	return false;
}

static inline __attribute__((always_inline)) bool
rseq_sure_push32(const struct host_percpu *p, const uint32_t *off, const uint32_t *cap, uint32_t v)
{
	uint64_t list, word, count;

	__asm__ __volatile__ goto(RSEQ_ENTER_BY(RSEQ_SURE, RSEQ_OFF_MEMORY) //
				  "movzwl %w[word], %k[count]\n\t"	    //
				  "cmpl %[cap], %k[count]\n\t"		    //
				  "jae %l[out]\n\t"			    //
				  "movl %k[v], 8(%[list], %[count], 4)\n\t" //
				  "incq %[word]\n\t" RSEQ_LEAVE		    //
				  : [list] "=&r"(list), [word] "=&r"(word), [count] "=&r"(count)
				  : RSEQ_TABLE, [off] "m"(*off), [cap] "m"(*cap), [v] "r"(v)
				  : "memory", "cc"
				  : out);
	return true;
out:
	return false;
}

/*
 * Up to nr (not 0) entries at once, in the list's order.  step is what each adds
 * to the word.  The copy may be begun several times; it is made before it counts.
 */
#define RSEQ_COPY(suffix, acc, size)                           \
	"xorl %k[i], %k[i]\n\t"                                \
	"5:\n\t"                                               \
	"mov" suffix " (%[from], %[i], " size "), " acc "\n\t" \
	"mov" suffix " " acc ", (%[to], %[i], " size ")\n\t"   \
	"incl %k[i]\n\t"                                       \
	"cmpl %k[n], %k[i]\n\t"                                \
	"jb 5b\n\t"

static inline uint32_t rseq_pop_many32(const struct host_percpu *p, uint32_t off, uint32_t *to,
				       uint32_t nr, uint64_t step)
{
	uint64_t list, word, n, i, from;

	__asm__ __volatile__ goto(RSEQ_ENTER "movzwl %w[word], %k[i]\n\t"
					     "testl %k[i], %k[i]\n\t"
					     "jz %l[out]\n\t"
					     "movl %[want], %k[n]\n\t"
					     "cmpl %k[i], %k[n]\n\t"
					     "cmova %k[i], %k[n]\n\t"
					     "subl %k[n], %k[i]\n\t"
					     "leaq 8(%[list], %[i], 4), %[from]\n\t"
					     "movq %[n], %[i]\n\t"
					     "imulq %[step], %[i]\n\t"
					     "addq %[i], %[word]\n\t" RSEQ_COPY("l", "%%eax", "4")
						     RSEQ_LEAVE
				  : [list] "=&r"(list), [word] "=&r"(word), [n] "=&r"(n),
				    [i] "=&r"(i), [from] "=&r"(from)
				  : RSEQ_INPUTS, [to] "r"(to), [want] "m"(nr), [step] "m"(step)
				  : "memory", "cc", "rax"
				  : out);
	return (uint32_t)n;
out:
	return 0;
}

static inline uint32_t rseq_push_many32(const struct host_percpu *p, uint32_t off, uint32_t cap,
					const uint32_t *from, uint32_t nr)
{
	uint64_t list, word, n, i, to;

	__asm__ __volatile__ goto(
		RSEQ_ENTER "movzwl %w[word], %k[i]\n\t"
			   "movl %[cap], %k[n]\n\t"
			   "subl %k[i], %k[n]\n\t"
			   "jbe %l[out]\n\t"
			   "cmpl %[want], %k[n]\n\t"
			   "cmova %[want], %k[n]\n\t"
			   "leaq 8(%[list], %[i], 4), %[to]\n\t"
			   "addq %[n], %[word]\n\t" RSEQ_COPY("l", "%%eax", "4") RSEQ_LEAVE
		: [list] "=&r"(list), [word] "=&r"(word), [n] "=&r"(n), [i] "=&r"(i), [to] "=&r"(to)
		: RSEQ_INPUTS, [from] "r"(from), [want] "m"(nr), [cap] "m"(cap)
		: "memory", "cc", "rax"
		: out);
	return (uint32_t)n;
out:
	return 0;
}

/* The same for stacks of pointers (<quire/host_stack.h>). */
static inline uint32_t stack_pop_many(const struct quire_host_stack *s, uint64_t *to, uint32_t nr)
{
	uint64_t list, word, n, i, from;

	__asm__ __volatile__ goto(
		QUIRE_STACK_ENTER
		"movl (%[list]), %k[word]\n\t"
		"leal -1(%k[word]), %k[i]\n\t"
		"cmpl %[room], %k[i]\n\t"
		"jae %l[out]\n\t"
		"movl %[want], %k[n]\n\t"
		"cmpl %k[word], %k[n]\n\t"
		"cmova %k[word], %k[n]\n\t"
		"subl %k[n], %k[word]\n\t"
		"leaq 8(%[list], %[word], 8), %[from]\n\t" RSEQ_COPY(
			"q", "%%rax", "8") "movl %k[word], (%[list])\n\t" QUIRE_STACK_LEAVE
		: [list] "=&r"(list), [word] "=&r"(word), [n] "=&r"(n), [i] "=&r"(i),
		  [from] "=&r"(from)
		: QUIRE_STACK_INPUTS, [to] "r"(to), [want] "m"(nr), [room] "m"(s->room)
		: "memory", "cc", "rax"
		: out);
	return (uint32_t)n;
out:
	return 0;
}

static inline uint32_t stack_push_many(const struct quire_host_stack *s, const uint64_t *from,
				       uint32_t nr)
{
	uint64_t list, word, n, i, to;

	__asm__ __volatile__ goto(
		QUIRE_STACK_ENTER
		"movl (%[list]), %k[word]\n\t"
		"movl %[room], %k[n]\n\t"
		"subl %k[word], %k[n]\n\t"
		"jbe %l[out]\n\t"
		"cmpl %[want], %k[n]\n\t"
		"cmova %[want], %k[n]\n\t"
		"leaq 8(%[list], %[word], 8), %[to]\n\t"
		"addl %k[n], %k[word]\n\t" RSEQ_COPY(
			"q", "%%rax", "8") "movl %k[word], (%[list])\n\t" QUIRE_STACK_LEAVE
		: [list] "=&r"(list), [word] "=&r"(word), [n] "=&r"(n), [i] "=&r"(i), [to] "=&r"(to)
		: QUIRE_STACK_INPUTS, [from] "r"(from), [want] "m"(nr), [room] "m"(s->room)
		: "memory", "cc", "rax"
		: out);
	return (uint32_t)n;
out:
	return 0;
}

#else /* another processor: p->rseq is never set */

static inline bool rseq_pop32(const struct host_percpu *p, uint32_t off, uint32_t *value)
{
	(void)p, (void)off, (void)value;
	return false;
}

static inline bool rseq_push32(const struct host_percpu *p, uint32_t off, uint32_t cap, uint32_t v)
{
	(void)p, (void)off, (void)cap, (void)v;
	return false;
}

static inline uint32_t rseq_pop_many32(const struct host_percpu *p, uint32_t off, uint32_t *to,
				       uint32_t nr, uint64_t step)
{
	(void)p, (void)off, (void)to, (void)nr, (void)step;
	return 0;
}

static inline uint32_t rseq_push_many32(const struct host_percpu *p, uint32_t off, uint32_t cap,
					const uint32_t *from, uint32_t nr)
{
	(void)p, (void)off, (void)cap, (void)from, (void)nr;
	return 0;
}

static inline uint32_t stack_pop_many(const struct quire_host_stack *s, uint64_t *to, uint32_t nr)
{
	(void)s, (void)to, (void)nr;
	return 0;
}

static inline uint32_t stack_push_many(const struct quire_host_stack *s, const uint64_t *from,
				       uint32_t nr)
{
	(void)s, (void)from, (void)nr;
	return 0;
}

static inline bool rseq_sure_pop32(const struct host_percpu *p, const uint32_t *off,
				   uint32_t *value)
{
	return rseq_pop32(p, *off, value);
}

static inline bool rseq_sure_push32(const struct host_percpu *p, const uint32_t *off,
				    const uint32_t *cap, uint32_t v)
{
	return rseq_push32(p, *off, *cap, v);
}

#endif

#endif
