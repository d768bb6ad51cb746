/* SPDX-License-Identifier: MIT */
/*
 * What the loads of bench/malloc/ share: CPU time, an order by chance, and batches of
 * objects that go from the thread that makes them to the one that frees them, and
 * back empty.
 */
#ifndef QUIRE_BENCH_MALLOC_QUEUE_H
#define QUIRE_BENCH_MALLOC_QUEUE_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define BATCH 256

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t change;
	void **batch[16];
	unsigned int in, out;
};

static struct queue full = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};
static struct queue empty = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static inline void queue_put(struct queue *q, void **batch)
{
	pthread_mutex_lock(&q->lock);
	while (q->in - q->out == 16)
		pthread_cond_wait(&q->change, &q->lock);
	q->batch[q->in++ % 16] = batch;
	pthread_cond_broadcast(&q->change);
	pthread_mutex_unlock(&q->lock);
}

static inline void **queue_get(struct queue *q)
{
	void **batch;

	pthread_mutex_lock(&q->lock);
	while (q->in == q->out)
		pthread_cond_wait(&q->change, &q->lock);
	batch = q->batch[q->out++ % 16];
	pthread_cond_broadcast(&q->change);
	pthread_mutex_unlock(&q->lock);
	return batch;
}

/* CPU time of all threads. */
static inline double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static inline uint32_t rnd(uint64_t *s)
{
	*s = *s * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*s >> 33);
}

static inline void shuffle(void **p, unsigned int nr, uint64_t *s)
{
	for (unsigned int i = nr - 1; i; i--) {
		unsigned int j = rnd(s) % (i + 1);
		void *x = p[i];

		p[i] = p[j];
		p[j] = x;
	}
}

/*
 * ns for an object that make() makes, writes and a thread frees with release(), a
 * batch at a time.
 */
static void (*queue_release)(void *object);

static inline void *queue_consume(void *arg)
{
	void **b;

	(void)arg;
	while ((b = queue_get(&full)) != NULL) {
		for (unsigned int i = 0; i < BATCH; i++)
			queue_release(b[i]);
		queue_put(&empty, b);
	}
	return NULL;
}

static inline double queue_run(void *(*make)(void *ctx), void (*release)(void *object), void *ctx,
			       unsigned int batches)
{
	static void *store[8][BATCH];
	pthread_t t;
	double start;

	queue_release = release;
	for (int i = 0; i < 8; i++)
		queue_put(&empty, store[i]);
	if (pthread_create(&t, NULL, queue_consume, NULL))
		return 0;
	start = cpu_ns();
	for (unsigned int n = 0; n < batches; n++) {
		void **b = queue_get(&empty);

		for (unsigned int i = 0; i < BATCH; i++)
			*(char *)(b[i] = make(ctx)) = 1;
		queue_put(&full, b);
	}
	queue_put(&full, NULL);
	pthread_join(t, NULL);
	return (cpu_ns() - start) / ((double)batches * BATCH);
}

#endif
