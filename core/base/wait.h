/* SPDX-License-Identifier: MIT */
/*
 * Sleeping: event counts over port->wait and port->wake, and the sleeping
 * locks made of them.  wait_event() reads the sequence before it tests the
 * condition, so a wake-up between test and sleep is never lost.
 */
#ifndef QUIRE_BASE_WAIT_H
#define QUIRE_BASE_WAIT_H

#include <quire/port.h>
#include "base/lock.h"

#define NSEC_PER_USEC	     1000UL
#define NSEC_PER_MSEC	     1000000UL
#define NSEC_PER_SEC	     1000000000UL
#define MAX_SCHEDULE_TIMEOUT UINT64_MAX

/* base/wait.c */
void wait_on(struct quire *q, struct quire_wait_queue *wq, u32 seq, u64 timeout_ns);
void wake_up(struct quire *q, struct quire_wait_queue *wq);
/* Sleep for ns of the port's time; nothing wakes it early but q->stopping. */
void sleep_ns(struct quire *q, u64 ns);

#define wait_event(q, wq, cond)                                      \
	do {                                                         \
		u32 __seq = HOT_LOAD(&(wq)->seq);                    \
		while (!(cond)) {                                    \
			wait_on(q, wq, __seq, MAX_SCHEDULE_TIMEOUT); \
			__seq = HOT_LOAD(&(wq)->seq);                \
		}                                                    \
	} while (0)

/* Waits once at most; evaluates to whether the condition holds afterwards. */
#define wait_event_timeout(q, wq, cond, timeout_ns)        \
	({                                                 \
		u32 __seq = HOT_LOAD(&(wq)->seq);          \
		bool __ok = (cond);                        \
		if (!__ok) {                               \
			wait_on(q, wq, __seq, timeout_ns); \
			__ok = (cond);                     \
		}                                          \
		__ok;                                      \
	})

/* Readers or one writer; may sleep.  Fair enough: a waiting writer keeps new
 * readers out.  No spinlock may be held by who takes it. */
struct rw_semaphore {
	int count; /* readers, or -1 */
	unsigned int writers_waiting;
	struct quire_wait_queue wait;
};

void init_rwsem(struct rw_semaphore *sem);
void down_read_slow(struct quire *q, struct rw_semaphore *sem);
static inline bool down_read_trylock(struct quire *q, struct rw_semaphore *sem)
{
	int count = HOT_LOAD(&sem->count);

	(void)q;
	while (count >= 0 && !HOT_LOAD(&sem->writers_waiting)) {
		if (HOT_CMPXCHG(&sem->count, count, count + 1))
			return true;
		count = HOT_LOAD(&sem->count);
	}
	return false;
}
static inline void down_read(struct quire *q, struct rw_semaphore *sem)
{
	if (unlikely(!down_read_trylock(q, sem)))
		down_read_slow(q, sem);
}
static inline void up_read(struct quire *q, struct rw_semaphore *sem)
{
	if (HOT_SUB(&sem->count, 1) == 0)
		wake_up(q, &sem->wait);
}
void down_write(struct quire *q, struct rw_semaphore *sem);
void up_write(struct quire *q, struct rw_semaphore *sem);

/* One holder; may sleep. */
struct mutex {
	u32 held;
	struct quire_wait_queue wait;
};

void mutex_init(struct mutex *m);
void mutex_lock(struct quire *q, struct mutex *m);
bool mutex_trylock(struct quire *q, struct mutex *m);
void mutex_unlock(struct quire *q, struct mutex *m);

#endif
