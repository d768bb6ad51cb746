/* SPDX-License-Identifier: MIT */
/*
 * What work takes on the machine of the recordings.
 *
 * It is QEMU's emulated processor counting instructions: one a ns, whatever it
 * does, so that loading from memory is free, and copying a page, which is a loop
 * there, takes as long as a page fault.  The numbers below are read off the
 * recorded times of commands that do nothing else (oracle/results: churn,
 * zero-page, fork-cow, fork-swap, cache-loop, zswap-fill), not off the quantities
 * that the model is judged by.  What is not listed takes SLOWNESS times what the
 * model's own processor takes.
 */
#include "oracle/internal.h"

/* model_set_processor()'s, and the tick: HZ is 250. */
#define SLOWNESS 13
#define TICK_NS	 (4 * NSEC_PER_MSEC)

#define NS(recorded) (((recorded) + SLOWNESS / 2) / SLOWNESS)

/* A word that the program stores; a random one that it makes. */
#define WORD_NS	       5
#define TOUCH_NS       8
#define FIRST_WORD_NS  91
#define RANDOM_WORD_NS 13

void cost_init(struct run *r)
{
	struct quire_costs *cost = &r->q->cost;

	model_set_processor(r->m, SLOWNESS * 100, TICK_NS);
	/* The program's accesses are in what it does to a page. */
	r->q->cfg.local_ns = r->q->cfg.remote_ns = 0;
	cost->fault = NS(1264);
	cost->fault_clear = NS(5700);
	cost->fault_copy = NS(4330);
	cost->fault_dirty = NS(2760);
	cost->walk = 0;
	cost->flush = NS(325);
	cost->zap_page = NS(278);
	cost->zap_free = NS(1020);
	cost->zap_swap = NS(986);
	cost->madvise_page = NS(130);
	/* Measured in the guest (6.1): 150 huge pages of which one word is touched take
	 * 4.29 ms each (cleared twice: init_on_alloc), 40 that MADV_COLLAPSE makes 3.07
	 * ms, 50 of a pool, cleared when they were had, 2.12 ms; unmapping 25,600 locked
	 * pages takes 47.5 ms, unlocked ones 30.0; mlock() of as many 178.8, touching
	 * them 173.6. */
	cost->huge_page = NS(8380);
	cost->huge_copy = NS(5996);
	cost->hugetlb_page = NS(4131);
	cost->mlock_page = NS(203);
	cost->munlock_page = NS(685);
	cost->exit_task = NS(104000);
	cost->fork_page = NS(138);
	cost->fork_task = NS(180000);
	cost->copy_page = NS(4800);
	cost->compress = NS(35000);
	cost->decompress = NS(13000);
}

/* What the program does to a page that it fills, besides the fault. */
u32 cost_of_fill(const struct oracle_cmd *c)
{
	const u32 words = PAGE_SIZE / 8;

	switch (c->flags & FLAG_READ ? FILL_ZERO : c->fill) {
	case FILL_WORD:
		return NS(FIRST_WORD_NS);
	case FILL_RAND:
		return NS(FIRST_WORD_NS + words * (u32)c->percent / 100 * RANDOM_WORD_NS);
	case FILL_SAME:
		return NS(words * WORD_NS);
	default:
		return NS(TOUCH_NS);
	}
}
