/* SPDX-License-Identifier: MIT */
/*
 * Pages on the host port beside what the process would do without Quire, in
 * one run: one page through mmap() and munmap(), touched once, and through
 * quire_alloc_pages() and quire_free_pages(), touched once.  Then cases of our
 * own: batches larger than the per-CPU lists, huge blocks, two threads.
 * Rounds alternate; medians of ns for one allocation with its free.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <quire/host.h>
#include <quire/page.h>
#include "bench/bench.h"

#define ROUNDS 11
#define TIMES  200000u
#define BATCH  20000u

static struct page *pages[BATCH];

static double mmap_pair(struct quire *q)
{
	double start = bench_now_ns();

	(void)q;
	for (unsigned int i = 0; i < TIMES / 10; i++) {
		char *p = mmap(NULL, QUIRE_PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			exit(1);
		*(volatile char *)p = 1;
		munmap(p, QUIRE_PAGE_SIZE);
	}
	return (bench_now_ns() - start) / (TIMES / 10);
}

static void pairs(struct quire *q, unsigned int order, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++) {
		struct page *p = quire_alloc_pages(q, order, QUIRE_NODE_HERE, 0);

		if (!p)
			exit(1);
		*(volatile char *)quire_page_address(q, p) = 1;
		quire_free_pages(q, p, order);
	}
}

static double order0_pair(struct quire *q)
{
	double start = bench_now_ns();

	pairs(q, 0, TIMES);
	return (bench_now_ns() - start) / TIMES;
}

static double order9_pair(struct quire *q)
{
	double start = bench_now_ns();

	pairs(q, 9, TIMES / 100);
	return (bench_now_ns() - start) / (TIMES / 100);
}

static double order0_batch(struct quire *q)
{
	double start = bench_now_ns();

	for (unsigned int i = 0; i < BATCH; i++)
		if (!(pages[i] = quire_alloc_pages(q, 0, QUIRE_NODE_HERE, QUIRE_ALLOC_MOVABLE)))
			exit(1);
	for (unsigned int i = 0; i < BATCH; i++)
		quire_free_pages(q, pages[i], 0);
	return (bench_now_ns() - start) / BATCH;
}

static void *pairs_thread(void *arg)
{
	pairs(arg, 0, TIMES);
	return NULL;
}

/* Two threads at once, each on a CPU of its own. */
static double order0_two(struct quire *q)
{
	double start = bench_now_ns();
	pthread_t thread;

	if (pthread_create(&thread, NULL, pairs_thread, q))
		exit(1);
	pairs(q, 0, TIMES);
	pthread_join(thread, NULL);
	return (bench_now_ns() - start) / TIMES;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

int main(void)
{
	static double (*const measure[])(struct quire *) = {mmap_pair, order0_pair, order9_pair,
							    order0_batch, order0_two};
	static double ns[sizeof(measure) / sizeof(measure[0])][ROUNDS];
	static struct quire_config cfg = {.nr_nodes = 1};
	struct quire *q;
	double floor;

	cfg.node[0].size_bytes = 1UL << 30;
	cfg.node[0].nr_cpus = 4;
	q = quire_host_create(&cfg, 0, NULL);
	if (!q)
		return 1;
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < sizeof(measure) / sizeof(measure[0]); i++)
			ns[i][round] = measure[i](q);
	floor = median(ns[0]);
	bench_report("page: alloc+free, order 0", median(ns[1]), "ns", "mmap+munmap", floor, 100,
		     0);
	bench_report("page: alloc+free, order 9", median(ns[2]), "ns", "mmap+munmap, 4 KiB", floor,
		     0, 0);
	bench_report("page: 20,000 pages, then freed", median(ns[3]), "ns", "mmap+munmap", floor,
		     200, 0);
	bench_report("page: alloc+free, order 0, two threads", median(ns[4]), "ns", "mmap+munmap",
		     floor, 150, 0);
	quire_host_destroy(q);
	return 0;
}
