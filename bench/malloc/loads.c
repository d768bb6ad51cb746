/* SPDX-License-Identifier: MIT */
/*
 * Loads for a malloc, of the kinds that papers describe, written anew:
 *
 *	pair SIZE	a malloc and a free, again and again
 *	some SIZE	16 at a time	many SIZE	256 in flight
 *	random SIZE	a million live, freed in random order
 *	remote SIZE	allocated by one thread, freed by another
 *	cfrac		many tiny, short-lived numbers
 *	espresso	sets of 8 to 500 bytes, some grown, some long-lived
 *	larson		a server: threads replace random objects of the others'
 *	xmalloc		producers and consumers, by queues of batches
 *	mstress		threads with graphs of objects, a part of which outlives them
 *	alloc-test	random sizes and slots, a tree of 2^16 live objects
 *	glibc-simple	one thread, sizes as glibc's benchtests/bench-malloc-simple
 *	glibc-thread	the same with threads
 *	rptest		random sizes to 8 KiB; objects cross threads
 *	scratch		threads write objects that another one made
 *
 * Prints "NS KB": CPU time of all threads for one allocation with its free, and
 * the peak of the resident memory.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/malloc/queue.h"

#define THREADS 2

static void *(*volatile do_malloc)(size_t) = malloc;
static void (*volatile do_free)(void *) = free;
static size_t size = 64;
static uint64_t seed_of = 1;

static double pair(void)
{
	const unsigned int times = 10000000;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++)
		free(do_malloc(size));
	return (cpu_ns() - start) / times;
}

static double batch(unsigned int n)
{
	void *p[256];
	const unsigned int times = 8000000 / n;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		for (unsigned int k = 0; k < n; k++)
			p[k] = do_malloc(size);
		for (unsigned int k = 0; k < n; k++)
			do_free(p[k]);
	}
	return (cpu_ns() - start) / ((double)times * n);
}

static double some(void)
{
	return batch(16);
}

static double many(void)
{
	return batch(256);
}

/* Only the frees count; once before, so that memory was touched. */
static double random_frees(void)
{
	const unsigned int nr = 1000000;
	void **p = malloc(nr * sizeof(*p));
	double start = 0, sum = 0;
	uint64_t s = 1;

	for (int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < nr; i++) {
			p[i] = do_malloc(size);
			*(char *)p[i] = 1;
		}
		shuffle(p, nr, &s);
		start = cpu_ns();
		for (unsigned int i = 0; i < nr; i++)
			do_free(p[i]);
		if (round)
			sum += cpu_ns() - start;
	}
	free(p);
	return sum / 3 / nr;
}

/* ---- from thread to thread ------------------------------------------------------ */

static void *make_one(void *ctx)
{
	(void)ctx;
	return do_malloc(size);
}

static void *make_mixed(void *seed)
{
	return do_malloc(16 + rnd(seed) % 240);
}

static double remote(void)
{
	return queue_run(make_one, do_free, NULL, 16000);
}

static double xmalloc(void)
{
	uint64_t s = 1;

	return queue_run(make_mixed, do_free, &s, 16000);
}

/* ---- threads with slots -------------------------------------------------------- */

#define SLOTS 4096
static char *shared[THREADS * SLOTS];
static unsigned int nr_ops;
static size_t most;
static unsigned int foreign; /* of 16: how often the slot is any thread's */

static void *replace(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	uint64_t s = me * 7919 + seed_of;

	for (unsigned int i = 0; i < nr_ops; i++) {
		unsigned int at = rnd(&s) % 16 < foreign ? rnd(&s) % (THREADS * SLOTS)
							 : me * SLOTS + rnd(&s) % SLOTS;
		char *p = do_malloc(8 + rnd(&s) % most);

		p[0] = 1;
		do_free(__atomic_exchange_n(&shared[at], p, __ATOMIC_ACQ_REL));
	}
	return NULL;
}

static double slots(unsigned int threads, unsigned int rounds, unsigned int ops, size_t bytes,
		    unsigned int shared_of_16)
{
	double start = cpu_ns(), ns;

	nr_ops = ops;
	most = bytes;
	foreign = shared_of_16;
	for (unsigned int r = 0; r < rounds; r++) {
		pthread_t t[THREADS];

		for (uintptr_t i = 0; i < threads; i++)
			pthread_create(&t[i], NULL, replace, (void *)i);
		for (unsigned int i = 0; i < threads; i++)
			pthread_join(t[i], NULL);
	}
	ns = cpu_ns() - start;
	return ns / ((double)rounds * threads * ops);
}

static double larson(void)
{
	return slots(THREADS, 20, 100000, 500, 8);
}

static double mstress(void)
{
	return slots(THREADS, 40, 40000, 2000, 2);
}

static double rptest(void)
{
	return slots(THREADS, 4, 400000, 8000, 4);
}

static double alloc_test(void)
{
	static char *p[1 << 16];
	const unsigned int times = 4000000;
	uint64_t s = 1;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		unsigned int at = rnd(&s) & 0xffff;

		if (p[at]) {
			do_free(p[at]);
			p[at] = NULL;
		} else {
			size_t bytes = (size_t)1 << rnd(&s) % 11;

			bytes += rnd(&s) % bytes;
			p[at] = do_malloc(bytes);
			p[at][0] = p[at][bytes - 1] = 1;
		}
	}
	return (cpu_ns() - start) / (times / 2.0);
}

/* ---- programs ------------------------------------------------------------------ */

/* Numbers of a few words that live for some steps; a product frees its factors. */
static double cfrac(void)
{
	static uint32_t *num[64];
	const unsigned int times = 6000000;
	uint64_t s = 1;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		unsigned int at = rnd(&s) % 64;
		uint32_t words = 2 + rnd(&s) % 8, *n = do_malloc(words * 4);

		n[0] = words;
		for (uint32_t w = 1; w < words; w++)
			n[w] = num[at] ? num[at][w % num[at][0]] * 31 + w : w;
		do_free(num[at]);
		num[at] = n;
	}
	return (cpu_ns() - start) / times;
}

static double espresso(void)
{
	static struct {
		unsigned char *p;
		size_t bytes;
	} set[2000];
	const unsigned int times = 3000000;
	uint64_t s = 1;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		/* A few long-lived sets, many that go at once. */
		unsigned int at = rnd(&s) % 8 ? rnd(&s) % 50 : rnd(&s) % 2000;
		size_t bytes = rnd(&s) % 4 ? 8 + rnd(&s) % 64 : 8 + rnd(&s) % 500;

		if (set[at].p && rnd(&s) % 16 == 0) {
			set[at].p = realloc(set[at].p, bytes);
		} else {
			do_free(set[at].p);
			set[at].p = do_malloc(bytes);
			memset(set[at].p, 0, bytes);
		}
		set[at].bytes = bytes;
		set[at].p[bytes / 2] |= 1;
	}
	return (cpu_ns() - start) / times;
}

static unsigned int simple_ops = 1600;

/* As glibc's: 16 blocks of each of many sizes, freed in order and backwards. */
static void *simple(void *arg)
{
	void *p[1600];

	(void)arg;
	for (int round = 0; round < 1200; round++) {
		size_t bytes = 16 + (size_t)(round % 64) * 16;

		for (unsigned int i = 0; i < simple_ops; i++)
			p[i] = do_malloc(bytes);
		for (unsigned int i = 0; i < simple_ops; i++)
			do_free(p[round & 1 ? i : simple_ops - 1 - i]);
	}
	return NULL;
}

static double glibc_simple(void)
{
	double start = cpu_ns();

	simple(NULL);
	return (cpu_ns() - start) / (1200.0 * simple_ops);
}

static double glibc_thread(void)
{
	pthread_t t[THREADS];
	double start = cpu_ns();

	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, simple, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	return (cpu_ns() - start) / (1200.0 * simple_ops * THREADS);
}

/* Each thread frees the object it was given, and then makes and writes its own:
 * if those share lines, the threads fight for them. */
static void *scribble(void *arg)
{
	do_free(arg);
	for (int i = 0; i < 4000; i++) {
		volatile char *p = do_malloc(8);

		for (int k = 0; k < 1000; k++)
			p[k % 8]++;
		do_free((void *)(uintptr_t)p);
	}
	return NULL;
}

static double scratch(void)
{
	double start = cpu_ns();

	for (int round = 0; round < 20; round++) {
		pthread_t t[THREADS];
		void *p[THREADS];

		for (int i = 0; i < THREADS; i++)
			p[i] = do_malloc(8);
		for (int i = 0; i < THREADS; i++)
			pthread_create(&t[i], NULL, scribble, p[i]);
		for (int i = 0; i < THREADS; i++)
			pthread_join(t[i], NULL);
	}
	return (cpu_ns() - start) / (20 * 4000.0 * THREADS);
}

static const struct {
	const char *name;
	double (*run)(void);
} loads[] = {
	{"pair", pair},
	{"some", some},
	{"many", many},
	{"random", random_frees},
	{"remote", remote},
	{"cfrac", cfrac},
	{"espresso", espresso},
	{"larson", larson},
	{"xmalloc", xmalloc},
	{"mstress", mstress},
	{"alloc-test", alloc_test},
	{"glibc-simple", glibc_simple},
	{"glibc-thread", glibc_thread},
	{"rptest", rptest},
	{"scratch", scratch},
};

int main(int argc, char **argv)
{
	struct rusage usage;

	if (argc > 2)
		size = strtoul(argv[2], NULL, 10);
	for (size_t i = 0; argc > 1 && i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(argv[1], loads[i].name))
			continue;
		double ns = loads[i].run();

		getrusage(RUSAGE_SELF, &usage);
		printf("%.3f %ld\n", ns, usage.ru_maxrss);
		return 0;
	}
	fprintf(stderr, "usage: loads LOAD [BYTES]\n");
	return 2;
}
