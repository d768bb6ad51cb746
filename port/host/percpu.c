/* SPDX-License-Identifier: MIT */
/*
 * What rseq.h needs that is not hot: the slots' regions and who takes which part
 * of them, stopping a slot, and lists where a slot is a thread's.
 *
 * Regions are one reservation of address space, so a slot that nobody uses costs
 * none of the machine's memory.  Offsets are given out from the start on; what
 * comes back is kept by its size (clients' lists are of few sizes).
 *
 * A thread's slot: percpu_enter() says busy, then looks for the region in the
 * table; who stops the slot takes the region away, then waits until it is not
 * busy.  One of the two sees the other, as long as neither's load overtakes its
 * store: membarrier() makes that so for both, so the fast side has no fence.
 *
 * Locks: percpu_lock, for stopping and for offsets.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/host/internal.h"

#define THREAD_SLOTS 256u
#define MOST_CPUS    4096

struct percpu_hole {
	uint32_t off;
	size_t bytes;
	struct percpu_hole *next;
};

bool host_without_rseq;

static int membarrier(int cmd, unsigned int flags, int cpu)
{
	return (int)syscall(SYS_membarrier, cmd, flags, cpu);
}

static bool have_rseq(void)
{
#if HOST_RSEQ
	return !host_without_rseq && &__rseq_size && __rseq_size &&
	       !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
#else
	return false;
#endif
}

static char *reserve(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

int host_percpu_init(struct host *h)
{
	struct host_percpu *p = &h->hot.percpu;
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t nr = THREAD_SLOTS;

	p->rseq = have_rseq();
	if (p->rseq) {
#if HOST_RSEQ
		p->rseq_offset = __rseq_offset;
#endif
		nr = (uint32_t)min(max(cpus, 1L), (long)MOST_CPUS);
	} else {
		p->fenced = HOST_TSAN ||
			    membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0;
	}
	p->regions = reserve((size_t)nr * PERCPU_REGION);
	p->table = calloc(nr, sizeof(*p->table));
	p->busy = aligned_alloc(64, nr * sizeof(*p->busy));
	if (!p->regions || !p->table || !p->busy)
		return -ENOMEM;
	memset(p->busy, 0, nr * sizeof(*p->busy));
	for (uint32_t slot = 0; slot < nr; slot++)
		p->table[slot] = p->regions + (size_t)slot * PERCPU_REGION;
	p->nr = nr;
	p->nr_rseq = p->rseq ? nr : 0;
	h->percpu_end = 64;
	return 0;
}

void host_percpu_destroy(struct host *h)
{
	struct host_percpu *p = &h->hot.percpu;

	while (h->percpu_holes) {
		struct percpu_hole *hole = h->percpu_holes;

		h->percpu_holes = hole->next;
		free(hole);
	}
	if (p->regions)
		munmap(p->regions, (size_t)p->nr * PERCPU_REGION);
	free(p->table);
	free(p->busy);
}

/* ---- offsets ----------------------------------------------------------------- */

uint32_t hot_percpu_alloc(struct quire_hot *hot, size_t bytes)
{
	struct host *h = container_of(hot, struct host, hot);
	uint32_t off = 0;

	if (!hot->percpu.nr)
		return 0;
	bytes = ALIGN(bytes, 64UL);
	pthread_mutex_lock(&h->percpu_lock);
	for (struct percpu_hole **at = &h->percpu_holes; *at; at = &(*at)->next) {
		struct percpu_hole *hole = *at;

		if (hole->bytes != bytes)
			continue;
		off = hole->off;
		*at = hole->next;
		free(hole);
		break;
	}
	if (!off && bytes <= PERCPU_REGION - h->percpu_end) {
		off = h->percpu_end;
		h->percpu_end += (uint32_t)bytes;
	}
	pthread_mutex_unlock(&h->percpu_lock);
	return off;
}

void hot_percpu_free(struct quire_hot *hot, uint32_t off, size_t bytes)
{
	struct host *h = container_of(hot, struct host, hot);
	struct percpu_hole *hole = off ? malloc(sizeof(*hole)) : NULL;

	if (!hole)
		return;
	*hole = (struct percpu_hole){.off = off, .bytes = ALIGN(bytes, 64UL)};
	/* Zero for the next one; what was never written costs no memory. */
	for (uint32_t slot = 0; slot < hot->percpu.nr; slot++) {
		char *region = hot->percpu.regions + (size_t)slot * PERCPU_REGION + off;

		for (size_t i = 0; i < hole->bytes; i += sizeof(uint64_t))
			if (*(uint64_t *)(region + i))
				*(uint64_t *)(region + i) = 0;
	}
	pthread_mutex_lock(&h->percpu_lock);
	hole->next = h->percpu_holes;
	h->percpu_holes = hole;
	pthread_mutex_unlock(&h->percpu_lock);
}

/* ---- stopping ---------------------------------------------------------------- */

/* After it whoever was in a sequence on the CPU has left it or begins anew. */
static void restart_cpu(uint32_t cpu)
{
	while (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU,
			  (int)cpu)) {
		/* The child of a fork may have to register again. */
		if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0))
			abort();
	}
}

static void wait_for_thread(const struct host_percpu *p, uint32_t slot)
{
	while (!p->fenced && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
		if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
			abort();
	while (__atomic_load_n(&p->busy[slot].busy, __ATOMIC_SEQ_CST))
		sched_yield();
}

char *hot_percpu_stop(struct quire_hot *hot, uint32_t slot)
{
	struct host *h = container_of(hot, struct host, hot);
	struct host_percpu *p = &hot->percpu;

	pthread_mutex_lock(&h->percpu_lock);
	__atomic_store_n(&p->table[slot], NULL, __ATOMIC_SEQ_CST);
	if (p->rseq)
		restart_cpu(slot);
	else
		wait_for_thread(p, slot);
	host_tsan_acquire(p);
	return p->regions + (size_t)slot * PERCPU_REGION;
}

void hot_percpu_resume(struct quire_hot *hot, uint32_t slot)
{
	struct host *h = container_of(hot, struct host, hot);
	struct host_percpu *p = &hot->percpu;

	host_tsan_release(p);
	__atomic_store_n(&p->table[slot], p->regions + (size_t)slot * PERCPU_REGION,
			 __ATOMIC_RELEASE);
	pthread_mutex_unlock(&h->percpu_lock);
}

/*
 * A CPU's stack is stopped by its word.  Who is in the middle of a sequence there may
 * store his own over it, and has left by the time that restart_cpu() returns: then
 * that one is the list's word, and it is stopped again.
 */
struct percpu_list *hot_stack_stop(struct quire_hot *hot, const struct quire_host_stack *s,
				   uint32_t slot, uint32_t *nr)
{
	struct percpu_list *list = hot_stack_list(s, slot);

	if (!hot->percpu.rseq) {
		(void)hot_percpu_stop(hot, slot);
		*nr = percpu_count(list->word);
		return list;
	}
	pthread_mutex_lock(&container_of(hot, struct host, hot)->percpu_lock);
	do {
		*nr = percpu_count(__atomic_exchange_n(&list->word, (uint64_t)QUIRE_STACK_STOPPED,
						       __ATOMIC_SEQ_CST));
		restart_cpu(slot);
	} while (__atomic_load_n(&list->word, __ATOMIC_SEQ_CST) != QUIRE_STACK_STOPPED);
	stack_tsan_acquire(s);
	return list;
}

void hot_stack_resume(struct quire_hot *hot, const struct quire_host_stack *s, uint32_t slot,
		      uint32_t nr)
{
	stack_tsan_release(s);
	__atomic_store_n(&hot_stack_list(s, slot)->word, nr, __ATOMIC_RELEASE);
	if (hot->percpu.rseq)
		pthread_mutex_unlock(&container_of(hot, struct host, hot)->percpu_lock);
	else
		hot_percpu_resume(hot, slot);
}

/* ---- a thread's slot --------------------------------------------------------- */

uint32_t host_percpu_take_slot(struct host *h)
{
	struct host_percpu *p = &h->hot.percpu;

	for (uint32_t slot = 0; !p->rseq && slot < p->nr; slot++) {
		if (p->busy[slot].used)
			continue;
		p->busy[slot].used = 1;
		return slot;
	}
	return PERCPU_NO_SLOT;
}

void host_percpu_give_slot(struct host *h, uint32_t slot)
{
	if (slot != PERCPU_NO_SLOT)
		h->hot.percpu.busy[slot].used = 0;
}

/* The calling thread's list, which no one stops until leave(); or NULL. */
static struct percpu_list *enter(struct quire_hot *hot, uint32_t off, uint32_t *slot)
{
	const struct host_percpu *p = &hot->percpu;
	char *region;

	if (!off || !p->nr)
		return NULL;
	(void)hot_current(hot);
	*slot = quire_host_last.slot;
	if (*slot >= p->nr)
		return NULL;
	/* Who stops the slot fences for both, if he can. */
	if (p->fenced) {
		__atomic_exchange_n(&p->busy[*slot].busy, 1, __ATOMIC_SEQ_CST);
	} else {
		__atomic_store_n(&p->busy[*slot].busy, 1, __ATOMIC_RELAXED);
		__asm__ __volatile__("" ::: "memory");
	}
	region = __atomic_load_n(&p->table[*slot], __ATOMIC_SEQ_CST);
	if (!region) {
		__atomic_store_n(&p->busy[*slot].busy, 0, __ATOMIC_RELEASE);
		return NULL;
	}
	return percpu_list(region, off);
}

static void leave(struct quire_hot *hot, uint32_t slot, struct percpu_list *list, uint64_t word)
{
	__atomic_store_n(&list->word, word, __ATOMIC_RELAXED);
	__atomic_store_n(&hot->percpu.busy[slot].busy, 0, __ATOMIC_RELEASE);
}

bool quire_host_pop32(struct quire_hot *hot, uint32_t off, uint32_t *value)
{
	uint32_t slot = 0;
	struct percpu_list *list = enter(hot, off, &slot);
	uint64_t word = list ? list->word : 0;
	uint32_t count = percpu_count(word);

	if (count)
		*value = list->u32[count - 1];
	if (list)
		leave(hot, slot, list, count ? word + 0xffff : word);
	return count != 0;
}

bool quire_host_push32(struct quire_hot *hot, uint32_t off, uint32_t cap, uint32_t value)
{
	uint32_t slot = 0;
	struct percpu_list *list = enter(hot, off, &slot);
	uint64_t word = list ? list->word : 0;
	uint32_t count = percpu_count(word);
	bool room = list && count < cap;

	if (room)
		list->u32[count] = value;
	if (list)
		leave(hot, slot, list, word + room);
	return room;
}

uint32_t quire_host_pop_many32(struct quire_hot *hot, uint32_t off, uint32_t *to, uint32_t nr,
			       bool count)
{
	uint32_t slot = 0;
	struct percpu_list *list = enter(hot, off, &slot);

	if (!list)
		return 0;
	nr = min(nr, percpu_count(list->word));
	memcpy(to, &list->u32[percpu_count(list->word) - nr], nr * sizeof(*to));
	leave(hot, slot, list, count ? list->word + nr * 0xffffUL : list->word - nr);
	return nr;
}

uint32_t quire_host_push_many32(struct quire_hot *hot, uint32_t off, uint32_t cap,
				const uint32_t *from, uint32_t nr)
{
	uint32_t slot = 0;
	struct percpu_list *list = enter(hot, off, &slot);
	uint32_t there = list ? percpu_count(list->word) : 0;

	if (!list)
		return 0;
	nr = min(nr, cap > there ? cap - there : 0);
	memcpy(&list->u32[there], from, nr * sizeof(*from));
	leave(hot, slot, list, list->word + nr);
	return nr;
}

bool quire_host_stack_pop_slot(struct quire_hot *hot, const struct quire_host_stack *s,
			       uint64_t *value)
{
	return quire_host_stack_pop_many_slot(hot, s, value, 1) != 0;
}

bool quire_host_stack_push_slot(struct quire_hot *hot, const struct quire_host_stack *s,
				uint64_t value)
{
	return quire_host_stack_push_many_slot(hot, s, &value, 1) != 0;
}

uint32_t quire_host_stack_pop_many_slot(struct quire_hot *hot, const struct quire_host_stack *s,
					uint64_t *to, uint32_t nr)
{
	uint32_t slot = 0;
	struct percpu_list *list = enter(hot, s->off, &slot);

	if (!list)
		return 0;
	nr = min(nr, percpu_count(list->word));
	memcpy(to, &list->u64[percpu_count(list->word) - nr], nr * sizeof(*to));
	leave(hot, slot, list, list->word - nr);
	return nr;
}

uint32_t quire_host_stack_push_many_slot(struct quire_hot *hot, const struct quire_host_stack *s,
					 const uint64_t *from, uint32_t nr)
{
	uint32_t slot = 0;
	struct percpu_list *list = enter(hot, s->off, &slot);
	uint32_t there = list ? percpu_count(list->word) : 0;

	if (!list)
		return 0;
	nr = min(nr, s->room > there ? s->room - there : 0);
	memcpy(&list->u64[there], from, nr * sizeof(*from));
	leave(hot, slot, list, list->word + nr);
	return nr;
}
