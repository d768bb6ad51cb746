/* SPDX-License-Identifier: MIT */
/*
 * Sleeping over the port's event counts: see wait.h.  The sleeping locks keep
 * their state in one word changed by compare-and-exchange, and use the event
 * count only when they must wait.
 */
#include "base/quire.h"
#include "base/wait.h"

void wait_on(struct quire *q, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns)
{
	VM_BUG_ON(q, current_context(q)->nr_held);
	q->port->wait(q->port_ctx, wq, seq, timeout_ns);
}

void wake_up(struct quire *q, struct quire_wait_queue *wq)
{
	HOT_ADD(&wq->seq, 1);
	if (HOT_LOAD(&wq->waiters))
		q->port->wake(q->port_ctx, wq);
}

void sleep_ns(struct quire *q, u64 ns)
{
	struct quire_wait_queue never = {0};

	wait_on(q, &never, 0, ns);
}

void init_rwsem(struct rw_semaphore *sem)
{
	*sem = (struct rw_semaphore){0};
}

void down_read_slow(struct quire *q, struct rw_semaphore *sem)
{
	wait_event(q, &sem->wait, down_read_trylock(q, sem));
}

void down_write(struct quire *q, struct rw_semaphore *sem)
{
	if (HOT_CMPXCHG(&sem->count, 0, -1))
		return;
	HOT_ADD(&sem->writers_waiting, 1);
	wait_event(q, &sem->wait, HOT_CMPXCHG(&sem->count, 0, -1));
	HOT_SUB(&sem->writers_waiting, 1);
}

void up_write(struct quire *q, struct rw_semaphore *sem)
{
	HOT_STORE(&sem->count, 0);
	wake_up(q, &sem->wait);
}

void mutex_init(struct mutex *m)
{
	*m = (struct mutex){0};
}

bool mutex_trylock(struct quire *q, struct mutex *m)
{
	(void)q;
	return HOT_CMPXCHG(&m->held, 0, 1);
}

void mutex_lock(struct quire *q, struct mutex *m)
{
	wait_event(q, &m->wait, HOT_CMPXCHG(&m->held, 0, 1));
}

void mutex_unlock(struct quire *q, struct mutex *m)
{
	HOT_STORE(&m->held, 0);
	wake_up(q, &m->wait);
}
