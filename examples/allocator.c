/* SPDX-License-Identifier: MIT */
/*
 * Quire as a library: an allocator of pages and objects for a program's own
 * threads, with two NUMA nodes of 256 MiB, that tells how it is as Linux does.
 *
 *	cc -Iinclude examples/allocator.c build/release/libquire.a -lpthread
 *
 * Four threads pass connections (objects) and buffers (pages) through small
 * working sets for a while.  Half way all of them wait while the main thread
 * prints buddyinfo and the cache's line of slabinfo; at the end everything was
 * given back, which quire_verify() and the count of free pages show.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <quire/host.h>
#include <quire/page.h>
#include <quire/proc.h>
#include <quire/slab.h>

#define NR_THREADS 4
#define NR_HELD	   512
#define NR_ROUNDS  100000

struct connection {
	unsigned long id;
	unsigned char state[192];
};

struct worker {
	pthread_t thread;
	unsigned int number;
	unsigned long random, failed, damaged;
};

static struct quire *q;
static struct quire_kmem_cache *connections;
static pthread_barrier_t half_way;

static unsigned long next_random(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

/* A connection comes or goes; its content must be what its owner left. */
static void turn_connection(struct worker *w, struct connection **slot, unsigned long id)
{
	if (*slot) {
		w->damaged += (*slot)->id != id || (*slot)->state[191] != (unsigned char)id;
		quire_kmem_cache_free(q, connections, *slot);
		*slot = NULL;
		return;
	}
	*slot = quire_kmem_cache_alloc(q, connections, 0);
	if (!*slot) {
		w->failed++;
		return;
	}
	(*slot)->id = id;
	memset((*slot)->state, (int)id, sizeof((*slot)->state));
}

/* A buffer of 4 to 32 KiB comes from the worker's own node, or goes. */
static void turn_buffer(struct worker *w, struct page **slot, unsigned int order)
{
	if (*slot) {
		quire_free_pages(q, *slot, order);
		*slot = NULL;
		return;
	}
	*slot = quire_alloc_pages(q, order, QUIRE_NODE_HERE, QUIRE_ALLOC_MOVABLE);
	if (*slot)
		*(unsigned long *)quire_page_address(q, *slot) = w->number;
	else
		w->failed++;
}

static void *work(void *arg)
{
	struct connection *held[NR_HELD] = {0};
	struct page *buffers[NR_HELD] = {0};
	struct worker *w = arg;

	quire_host_set_cpu(q, w->number);
	for (unsigned int round = 0; round < NR_ROUNDS; round++) {
		unsigned int i = next_random(w) % NR_HELD;

		turn_connection(w, &held[i], w->number * NR_HELD + i);
		i = next_random(w) % NR_HELD;
		turn_buffer(w, &buffers[i], i % 4);
		if (round == NR_ROUNDS / 2) {
			pthread_barrier_wait(&half_way); /* everybody is here */
			pthread_barrier_wait(&half_way); /* it was looked at */
		}
	}
	for (unsigned int i = 0; i < NR_HELD; i++) {
		if (held[i])
			turn_connection(w, &held[i], w->number * NR_HELD + i);
		if (buffers[i])
			turn_buffer(w, &buffers[i], i % 4);
	}
	return NULL;
}

/* The lines of a file that contain word. */
static void print_lines(const char *path, const char *word)
{
	static char text[1 << 18];
	int64_t n = quire_proc_read(q, path, text, sizeof(text));

	if (n < 0) {
		fprintf(stderr, "%s: error %ld\n", path, (long)n);
		exit(1);
	}
	printf("$ grep '%s' %s\n", word, path);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strstr(line, word))
			printf("%s\n", line);
}

static void report(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "broken: %s\n", line);
}

static struct quire *create(void)
{
	struct quire_config cfg = {.nr_nodes = 2};
	struct quire *made;
	int error;

	for (unsigned int nid = 0; nid < 2; nid++) {
		cfg.node[nid].size_bytes = 256UL << 20;
		cfg.node[nid].nr_cpus = NR_THREADS / 2;
	}
	made = quire_host_create(&cfg, 0, &error);
	if (!made) {
		fprintf(stderr, "no instance: error %d\n", error);
		exit(1);
	}
	return made;
}

int main(void)
{
	struct worker workers[NR_THREADS] = {0};
	unsigned long failed = 0, damaged = 0;
	uint64_t free_before, broken;

	q = create();
	connections = quire_kmem_cache_create(q, "connection", sizeof(struct connection), 0);
	quire_drain_pages(q);
	free_before = quire_nr_free_pages(q, -1);
	pthread_barrier_init(&half_way, NULL, NR_THREADS + 1);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		workers[i].number = i;
		workers[i].random = i + 1;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	pthread_barrier_wait(&half_way);
	print_lines("/proc/buddyinfo", "Node");
	print_lines("/proc/slabinfo", "connection");
	pthread_barrier_wait(&half_way);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		failed += workers[i].failed;
		damaged += workers[i].damaged;
	}
	quire_kmem_cache_destroy(q, connections);
	quire_drain_pages(q);
	quire_host_quiesce(q);
	broken = quire_verify(q, report, NULL);
	printf("%lu failed, %lu damaged, %lu broken; %lu pages free before, %lu after\n", failed,
	       damaged, (unsigned long)broken, (unsigned long)free_before,
	       (unsigned long)quire_nr_free_pages(q, -1));
	quire_host_destroy(q);
	pthread_barrier_destroy(&half_way);
	return failed || damaged || broken;
}
