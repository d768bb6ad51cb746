/* SPDX-License-Identifier: MIT */
/*
 * Grace periods of two phases (Linux's srcu.c, made small).
 *
 * A reader counts itself in and out under the index that is current when it
 * begins.  A grace period waits until nobody is in under the other index (a
 * reader that had read the index but not counted yet may have been left there by
 * the flip before), flips the index, and waits until nobody is in under the one
 * that was current: whoever was reading when it began is then done.
 *
 * Callbacks wait on `next` until a grace period starts, on `wait` until it ends.
 * Nobody waits for them: each call that brings one looks whether the period can
 * go on, so no thread is needed.  synchronize_rcu() sleeps a tick at a time.
 *
 * Lock: rcu->lock for the lists and the phase; callbacks run without it.
 */
#include "slab/rcu.h"
#include "slab/slub.h"

#define RCU_TICK_NS (4 * NSEC_PER_MSEC)

enum rcu_phase { RCU_IDLE, RCU_WAIT_OLD, RCU_WAIT_CURRENT };

static void init_list(struct rcu_list *l)
{
	l->first = NULL;
	l->tail = &l->first;
	l->nr = 0;
}

/* All of from goes behind to. */
static void move_list(struct rcu_list *to, struct rcu_list *from)
{
	if (!from->first)
		return;
	*to->tail = from->first;
	to->tail = from->tail;
	to->nr += from->nr;
	init_list(from);
}

void slab_rcu_init(struct slab_rcu *r)
{
	spin_lock_init(&r->lock, LOCK_SLAB_NODE);
	init_list(&r->next);
	init_list(&r->wait);
}

unsigned int rcu_read_lock(struct quire *q)
{
	struct slab_rcu *r = &q->slab->rcu;
	unsigned int idx = HOT_LOAD(&r->idx);

	(void)HOT_ADD(&r->readers[idx], 1);
	return idx;
}

void rcu_read_unlock(struct quire *q, unsigned int idx)
{
	VM_BUG_ON(q, q->slab->rcu.readers[idx] <= 0);
	(void)HOT_SUB(&q->slab->rcu.readers[idx], 1);
}

/* Goes on as far as the readers let it; what may run is moved to done. */
static void advance(struct slab_rcu *r, struct rcu_list *done)
{
	for (;;) {
		switch (r->phase) {
		case RCU_IDLE:
			if (!r->next.first)
				return;
			move_list(&r->wait, &r->next);
			r->started++;
			r->phase = RCU_WAIT_OLD;
			break;
		case RCU_WAIT_OLD:
			if (HOT_LOAD(&r->readers[!r->idx]))
				return;
			HOT_STORE(&r->idx, !r->idx);
			/* Full order between the flip and the look that follows. */
			(void)HOT_ADD(&r->readers[0], 0);
			r->phase = RCU_WAIT_CURRENT;
			break;
		default:
			if (HOT_LOAD(&r->readers[!r->idx]))
				return;
			r->completed++;
			r->phase = RCU_IDLE;
			move_list(done, &r->wait);
			break;
		}
	}
}

static void kfree_late(struct quire *q, struct rcu_head *head, size_t offset)
{
	kfree(q, (char *)head - offset);
}

unsigned long rcu_poll(struct quire *q)
{
	struct slab_rcu *r = &q->slab->rcu;
	struct rcu_list done;
	struct rcu_head *head;

	init_list(&done);
	spin_lock(q, &r->lock);
	advance(r, &done);
	if (done.first)
		r->nr_running++;
	spin_unlock(q, &r->lock);
	if (!done.first)
		return 0;
	head = done.first;
	while (head) {
		struct rcu_head *next = head->next;

		/* An offset where a function would be: kfree_rcu(). */
		if ((uintptr_t)head->func < PAGE_SIZE)
			kfree_late(q, head, (size_t)(uintptr_t)head->func);
		else
			head->func(q, head);
		head = next;
	}
	spin_lock(q, &r->lock);
	r->nr_running--;
	spin_unlock(q, &r->lock);
	return done.nr;
}

static void enqueue(struct quire *q, struct rcu_head *head)
{
	struct slab_rcu *r = &q->slab->rcu;

	head->next = NULL;
	spin_lock(q, &r->lock);
	*r->next.tail = head;
	r->next.tail = &head->next;
	r->next.nr++;
	spin_unlock(q, &r->lock);
}

void call_rcu(struct quire *q, struct rcu_head *head,
	      void (*func)(struct quire *q, struct rcu_head *head))
{
	head->func = func;
	enqueue(q, head);
	(void)rcu_poll(q);
}

void call_rcu_lazy(struct quire *q, struct rcu_head *head,
		   void (*func)(struct quire *q, struct rcu_head *head))
{
	head->func = func;
	enqueue(q, head);
}

void kfree_call_rcu(struct quire *q, struct rcu_head *head, size_t offset)
{
	BUG_ON(q, offset >= PAGE_SIZE);
	head->func = (void (*)(struct quire *, struct rcu_head *))(uintptr_t)offset;
	enqueue(q, head);
	(void)rcu_poll(q);
}

unsigned long rcu_pending(struct quire *q)
{
	struct slab_rcu *r = &q->slab->rcu;
	unsigned long nr;

	spin_lock(q, &r->lock);
	nr = r->next.nr + r->wait.nr;
	spin_unlock(q, &r->lock);
	return nr;
}

struct rcu_waiter {
	struct rcu_head head;
	u32 done;
};

static void wake_waiter(__unused struct quire *q, struct rcu_head *head)
{
	HOT_STORE(&container_of(head, struct rcu_waiter, head)->done, 1u);
}

void synchronize_rcu(struct quire *q)
{
	struct rcu_waiter w = {.done = 0};

	call_rcu(q, &w.head, wake_waiter);
	while (!HOT_LOAD(&w.done)) {
		if (!rcu_poll(q))
			sleep_ns(q, RCU_TICK_NS);
	}
}

void rcu_barrier(struct quire *q)
{
	struct slab_rcu *r = &q->slab->rcu;

	/* Callbacks are done in the order in which they were given. */
	synchronize_rcu(q);
	while (HOT_LOAD(&r->nr_running))
		sleep_ns(q, RCU_TICK_NS);
}
