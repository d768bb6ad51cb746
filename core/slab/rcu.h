/* SPDX-License-Identifier: MIT */
/*
 * Read-copy-update for what the slab frees late: readers, grace periods, and
 * work that is done after one.  The shape is SRCU's (a count of readers for each
 * of two indices), so it asks nothing of the port: a reader may even sleep.
 */
#ifndef QUIRE_SLAB_RCU_H
#define QUIRE_SLAB_RCU_H

#include "slab/slab.h"

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct quire *q, struct rcu_head *head);
};

struct rcu_list {
	struct rcu_head *first, **tail;
	unsigned long nr;
};

struct slab_rcu {
	struct spinlock lock;
	unsigned int idx; /* under which readers count themselves in */
	unsigned int phase;
	unsigned int nr_running; /* batches of callbacks that run now */
	long readers[2];
	unsigned long started, completed; /* grace periods */
	struct rcu_list next, wait;
};

void slab_rcu_init(struct slab_rcu *r);

/* What rcu_read_lock() returns is handed to rcu_read_unlock(). */
unsigned int rcu_read_lock(struct quire *q) __must_check;
void rcu_read_unlock(struct quire *q, unsigned int idx);

/* func(head) when all that read now are done.  It may run at once, within this
 * call, or within any later one of this file or of a slab that needs memory;
 * so func takes no locks but the slab's. */
void call_rcu(struct quire *q, struct rcu_head *head,
	      void (*func)(struct quire *q, struct rcu_head *head));
/* The same, and nothing is done now: for who holds locks of the slab. */
void call_rcu_lazy(struct quire *q, struct rcu_head *head,
		   void (*func)(struct quire *q, struct rcu_head *head));
/* kfree() of the object that holds head at offset (below 4096), then. */
void kfree_call_rcu(struct quire *q, struct rcu_head *head, size_t offset);
#define kfree_rcu(q, ptr, member) \
	kfree_call_rcu(q, &(ptr)->member, __builtin_offsetof(__typeof__(*(ptr)), member))
/* Does what is due now; returns how many callbacks ran.  Does not wait. */
unsigned long rcu_poll(struct quire *q);
/* Waits until all readers of now are done; until all callbacks given until now
 * have run.  Not by a reader. */
void synchronize_rcu(struct quire *q);
void rcu_barrier(struct quire *q);
/* Callbacks that wait. */
unsigned long rcu_pending(struct quire *q);

/* slab/slub.c: a slab of a cache with SLAB_TYPESAFE_BY_RCU goes. */
void free_slab_by_rcu(struct quire *q, struct page *page);
/* Such a slab waits in the memory map with this in page->frozen. */
#define SLAB_WAITS_FOR_RCU 2

#endif
