/* SPDX-License-Identifier: MIT */
/*
 * The same loads as bench/malloc/loads.c on a cache of objects, by what a program on
 * the host port uses (<quire/host_slab.h>; called: <quire/slab.h>):
 *
 *	cache pair|called|sampled|sample|some|many|random|remote|bulk|full BYTES
 *
 * Prints CPU time in ns for one allocation with its free (random: for the free);
 * sampled: the pair's time with KFENCE, its thread's too, over that without; sample:
 * for one of its samples; bulk: 16 at a time by one call, ns for one object's
 * allocation and free; full: bytes of slabs for a byte of objects.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <quire/host.h>
#include <quire/host_slab.h>
#include <quire/page.h>
#include <quire/slab.h>
#include "bench/malloc/queue.h"
#include "slab/kfence.h"
#include "slab/slab.h"

static struct quire *q;
static struct quire_kmem_cache *cache;
static void *volatile keep;

static void *get(void)
{
	void *p = quire_host_cache_alloc(q, cache, 0);

	if (!p)
		exit(1);
	return p;
}

static double pair(void)
{
	struct quire_kmem_cache *c = cache;
	const unsigned int times = 10000000;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		void *p = quire_host_cache_alloc(q, c, 0);

		/* Nobody knows what it is. */
		__asm__ __volatile__("" : "+r"(p) : : "memory");
		quire_host_cache_free(q, c, p);
	}
	return (cpu_ns() - start) / times;
}

/* KFENCE on, over KFENCE off, a tenth of a second of pairs in turns. */
static double sampled(void)
{
	double sum[2] = {0, 0};

	for (unsigned int i = 0; i < 20; i++) {
		if (kfence_set_interval(q, i % 2 ? 100 : 0))
			exit(1);
		for (unsigned int k = 0; k < 3; k++)
			sum[i % 2] += pair();
	}
	return sum[1] / sum[0];
}

/*
 * What one sample costs, in ns of all threads' CPU time: at 1 ms there are a hundred
 * times as many as at 100, so that they stand out of what the machine does to any two
 * halves of a run.
 */
static double sample(void)
{
	struct kfence_stats stats;
	unsigned int times[2] = {0, 0};
	double sum[2] = {0, 0};

	for (unsigned int i = 0; i < 40; i++) {
		double start;

		if (kfence_set_interval(q, i % 2))
			exit(1);
		(void)pair(); /* until it is so */
		if (!kfence_get_stats(q, &stats))
			exit(1);
		times[i % 2] -= (unsigned int)stats.allocs;
		start = cpu_ns();
		for (unsigned int k = 0; k < 5; k++)
			(void)pair();
		sum[i % 2] += cpu_ns() - start;
		(void)kfence_get_stats(q, &stats);
		times[i % 2] += (unsigned int)stats.allocs;
	}
	if (times[0] || times[1] < 1000)
		exit(1);
	return (sum[1] - sum[0]) / times[1];
}

/* The same, by the library's functions. */
static double called(void)
{
	const unsigned int times = 10000000;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++)
		quire_kmem_cache_free(q, cache, quire_kmem_cache_alloc(q, cache, 0));
	return (cpu_ns() - start) / times;
}

static double batch(unsigned int n)
{
	struct quire_kmem_cache *c = cache;
	void *p[256];
	const unsigned int times = 8000000 / n;
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		for (unsigned int k = 0; k < n; k++)
			p[k] = quire_host_cache_alloc(q, c, 0);
		for (unsigned int k = 0; k < n; k++)
			quire_host_cache_free(q, c, p[k]);
	}
	return (cpu_ns() - start) / ((double)times * n);
}

static double bulk(void)
{
	struct kmem_cache *s = (struct kmem_cache *)cache;
	const unsigned int times = 500000;
	void *p[16];
	double start = cpu_ns();

	for (unsigned int i = 0; i < times; i++) {
		if (kmem_cache_alloc_bulk(q, s, GFP_KERNEL, 16, p) != 16)
			exit(1);
		kmem_cache_free_bulk(q, s, 16, p);
	}
	return (cpu_ns() - start) / (16.0 * times);
}

static double random_frees(void)
{
	const unsigned int nr = 1000000;
	void **p = malloc(nr * sizeof(*p));
	uint64_t s = 1;
	double sum = 0;

	for (int round = 0; round < 4; round++) {
		double start;

		for (unsigned int i = 0; i < nr; i++)
			*(char *)(p[i] = get()) = 1;
		shuffle(p, nr, &s);
		start = cpu_ns();
		for (unsigned int i = 0; i < nr; i++)
			quire_host_cache_free(q, cache, p[i]);
		if (round)
			sum += cpu_ns() - start;
	}
	free(p);
	return sum / 3 / nr;
}

static void *make(void *ctx)
{
	(void)ctx;
	return get();
}

static void release(void *object)
{
	quire_host_cache_free(q, cache, object);
}

/* Freed on another core. */
static double remote(void)
{
	return queue_run(make, release, NULL, 16000);
}

static double fullness(size_t bytes)
{
	struct slabinfo info;

	for (int i = 0; i < 1000000; i++)
		keep = get();
	get_slabinfo(q, (struct kmem_cache *)cache, &info);
	return (double)info.num_slabs * info.pages_per_slab * 4096 /
	       ((double)info.num_objs * (double)bytes);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
	/* 16 KiB a slab: Linux's rule is content with more waste. */
	struct quire_slab_layout layout = {.name = "bench",
					   .size_bytes = (uint32_t)bytes,
					   .objects = (uint32_t)(16384 / bytes),
					   .pages = 4};
	static struct quire_config cfg = {.nr_nodes = 1};
	double value;

	cfg.node[0].size_bytes = 2UL << 30;
	cfg.node[0].nr_cpus = 2;
	cfg.kfence_sample_ms = strncmp(what, "sample", 6) ? 0 : 100; /* Linux's default */
	cfg.slabs = &layout;
	cfg.nr_slabs = 1;
	q = quire_host_create(&cfg, 0, NULL);
	cache = q ? quire_kmem_cache_create(q, "bench", bytes, 0) : NULL;
	if (!cache)
		return 1;
	if (!strcmp(what, "pair"))
		value = pair();
	else if (!strcmp(what, "sampled"))
		value = sampled();
	else if (!strcmp(what, "sample"))
		value = sample();
	else if (!strcmp(what, "called"))
		value = called();
	else if (!strcmp(what, "some"))
		value = batch(16);
	else if (!strcmp(what, "many"))
		value = batch(256);
	else if (!strcmp(what, "bulk"))
		value = bulk();
	else if (!strcmp(what, "random"))
		value = random_frees();
	else if (!strcmp(what, "remote"))
		value = remote();
	else if (!strcmp(what, "full"))
		value = fullness(bytes);
	else
		return 2;
	printf("%.3f\n", value);
	return 0;
}
