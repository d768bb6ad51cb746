/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking on event counts, with one futex a sleeper.
 *
 * A sleeper enters itself in the instance's list, under the lock that a waker
 * takes to look for it, and looks at wq->seq once more before it sleeps.  The
 * waker has moved seq before it takes the lock, so it finds the sleeper on the
 * list or the sleeper sees the new number.  wq->waiters lets a waker skip all
 * this when no one sleeps: it is raised before seq is looked at, and seq is
 * moved before it is read, both fully ordered.
 *
 * The waker takes a sleeper off the list itself and touches nothing of it once
 * it has set `woken`: the queue may be gone as soon as its owner runs.
 *
 * Once everyone was woken to stop, no one sleeps longer than STOP_POLL_NS: who
 * looked at q->stopping before it was set finds out then.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "port/host/internal.h"

#define STOP_POLL_NS 1000000UL

struct host_sleeper {
	struct quire_wait_queue *wq;
	uint32_t woken;
	bool kernel; /* counted in nr_asleep */
	struct host_sleeper *next, **pprev;
};

static void futex_wait(uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	struct timespec ts = {(time_t)(timeout_ns / NSEC_PER_SEC),
			      (long)(timeout_ns % NSEC_PER_SEC)};

	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns == UINT64_MAX ? NULL : &ts,
		NULL, 0);
}

static void unlink_sleeper(struct host *h, struct host_sleeper *s)
{
	h->nr_asleep -= s->kernel;
	*s->pprev = s->next;
	if (s->next)
		s->next->pprev = s->pprev;
	HOT_SUB(&s->wq->waiters, 1);
}

void host_wait(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns)
{
	struct host *h = ctx;
	struct host_sleeper s = {.wq = wq, .kernel = host_is_kernel_thread};
	uint64_t now = host_clock_ns(), end;

	HOT_ADD(&wq->waiters, 1);
	pthread_mutex_lock(&h->lock);
	if (HOT_LOAD(&wq->seq) != seq) {
		HOT_SUB(&wq->waiters, 1);
		pthread_mutex_unlock(&h->lock);
		return;
	}
	s.next = h->sleepers;
	s.pprev = &h->sleepers;
	if (s.next)
		s.next->pprev = &s.next;
	h->sleepers = &s;
	h->nr_asleep += s.kernel;
	if (h->stopping)
		timeout_ns = min(timeout_ns, STOP_POLL_NS);
	pthread_mutex_unlock(&h->lock);

	end = timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
	while (!HOT_LOAD(&s.woken)) {
		now = host_clock_ns();
		if (now >= end)
			break;
		futex_wait(&s.woken, 0, end == UINT64_MAX ? end : end - now);
	}
	/* Taking the lock also waits for a waker that still holds s. */
	pthread_mutex_lock(&h->lock);
	if (!s.woken)
		unlink_sleeper(h, &s);
	pthread_mutex_unlock(&h->lock);
}

void host_wake(void *ctx, struct quire_wait_queue *wq)
{
	struct host *h = ctx;
	struct host_sleeper *s, *next;

	pthread_mutex_lock(&h->lock);
	if (!wq)
		h->stopping = true;
	for (s = h->sleepers; s; s = next) {
		next = s->next;
		if (wq && s->wq != wq)
			continue;
		unlink_sleeper(h, s);
		HOT_STORE(&s->woken, 1);
		syscall(SYS_futex, &s->woken, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	pthread_mutex_unlock(&h->lock);
}
