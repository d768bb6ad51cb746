/* SPDX-License-Identifier: MIT */
/*
 * The slab on the host port with threads: objects of caches and of kmalloc()
 * that one thread allocates and another frees, caches made, shrunk and
 * destroyed meanwhile, threads that change their CPU, memory that runs out.
 * Each object carries what its owner wrote at both ends.  Runs under tsan and
 * asan.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <quire/host.h>
#include <quire/page.h>
#include <quire/slab.h>
#include "base/prng.h"
#include "base/quire.h"

#define NR_THREADS 4
#define NR_CACHES  3
#define NR_BOXES   512
#define NR_STEPS   30000

static const size_t cache_size[NR_CACHES] = {24, 192, 1000};

/* An object begins with this; its last byte is the stamp's. */
struct object {
	uint64_t stamp;
	uint32_t size;
	int32_t cache; /* -1: kmalloc */
};

struct shared {
	struct quire *q;
	struct quire_kmem_cache *cache[NR_CACHES];
	struct object *box[NR_BOXES]; /* exchanged atomically */
	pthread_barrier_t start;
	unsigned int failed, refused, foreign;
};

struct worker {
	struct shared *s;
	unsigned int number;
	pthread_t thread;
	struct prng rng;
};

static void report(void *ctx, const char *line)
{
	(void)ctx;
	print_error("verify: %s\n", line);
}

static void complain(struct worker *w, const char *what)
{
	fprintf(stderr, "thread %u: %s\n", w->number, what);
	__atomic_add_fetch(&w->s->failed, 1, __ATOMIC_RELAXED);
}

static struct object *make_object(struct worker *w)
{
	struct shared *s = w->s;
	int cache = (int)prng_below(&w->rng, NR_CACHES + 1) - 1;
	size_t size = cache < 0 ? prng_range(&w->rng, sizeof(struct object) + 1,
					     prng_below(&w->rng, 50) ? 2000 : 40000)
				: cache_size[cache];
	unsigned int flags = (prng_below(&w->rng, 4) ? 0 : QUIRE_ALLOC_ZERO) | QUIRE_ALLOC_NOWAIT;
	struct object *o;

	if (cache < 0)
		o = quire_kmalloc(s->q, size, flags);
	else if (prng_below(&w->rng, 4))
		o = quire_kmem_cache_alloc(s->q, s->cache[cache], flags);
	else
		o = quire_kmem_cache_alloc_node(s->q, s->cache[cache], flags,
						(int)prng_below(&w->rng, s->q->nr_nodes));
	if (!o) {
		__atomic_add_fetch(&s->refused, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	if (flags & QUIRE_ALLOC_ZERO)
		for (size_t i = 0; i < size; i++)
			if (((char *)o)[i]) {
				complain(w, "bytes that should be zero are not");
				break;
			}
	*o = (struct object){(uint64_t)w->number << 56 | prng_below(&w->rng, 1UL << 56),
			     (uint32_t)size, cache};
	((uint8_t *)o)[size - 1] = (uint8_t)o->stamp;
	return o;
}

static void free_object(struct worker *w, struct object *o)
{
	struct shared *s = w->s;

	if (((uint8_t *)o)[o->size - 1] != (uint8_t)o->stamp || o->cache >= NR_CACHES ||
	    o->size < sizeof(*o) || o->stamp >> 56 >= NR_THREADS) {
		complain(w, "someone wrote an object that was not his");
		return;
	}
	if (o->stamp >> 56 != w->number)
		__atomic_add_fetch(&s->foreign, 1, __ATOMIC_RELAXED);
	if (o->cache >= 0) {
		quire_kmem_cache_free(s->q, s->cache[o->cache], o);
		return;
	}
	if (quire_ksize(s->q, o) < o->size)
		complain(w, "ksize() is less than what was asked for");
	quire_kfree(s->q, o);
}

/* A cache of the thread's own comes and goes. */
static void own_cache(struct worker *w)
{
	struct quire *q = w->s->q;
	struct quire_kmem_cache *c;
	void *objects[20];
	char name[32];

	snprintf(name, sizeof(name), "own-%u", w->number);
	c = quire_kmem_cache_create(q, name, 100 + w->number * 40, 64);
	if (!c)
		return;
	for (unsigned int i = 0; i < 20; i++)
		objects[i] = quire_kmem_cache_alloc(q, c, QUIRE_ALLOC_NOWAIT);
	if (objects[0] && quire_kmem_cache_destroy(q, c) != -EBUSY)
		complain(w, "a cache in use was destroyed");
	for (unsigned int i = 0; i < 20; i++)
		quire_kmem_cache_free(q, c, objects[i]);
	if (quire_kmem_cache_destroy(q, c))
		complain(w, "an empty cache was not destroyed");
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct shared *s = w->s;

	pthread_barrier_wait(&s->start);
	for (unsigned int i = 0; i < NR_STEPS; i++) {
		struct object *o = prng_below(&w->rng, 3) ? make_object(w) : NULL;
		unsigned int slot = (unsigned int)prng_below(&w->rng, NR_BOXES);

		o = __atomic_exchange_n(&s->box[slot], o, __ATOMIC_ACQ_REL);
		if (o)
			free_object(w, o);
		switch (prng_below(&w->rng, 2000)) {
		case 0:
			quire_kmem_cache_shrink(s->q, s->cache[prng_below(&w->rng, NR_CACHES)]);
			break;
		case 1:
			own_cache(w);
			break;
		case 2:
			quire_host_set_cpu(s->q, (unsigned int)prng_below(&w->rng, s->q->nr_cpus));
			break;
		default:
			break;
		}
	}
	return NULL;
}

static struct quire *create(unsigned int nodes, uint64_t mib, unsigned int cpus)
{
	struct quire_config *cfg = calloc(1, sizeof(*cfg));
	struct quire *q;
	int error = 0;

	cfg->nr_nodes = nodes;
	for (unsigned int i = 0; i < nodes; i++) {
		cfg->node[i].size_bytes = mib << 20;
		cfg->node[i].nr_cpus = cpus;
	}
	q = quire_host_create(cfg, 0, &error);
	free(cfg);
	if (!q)
		fail_msg("no instance: %d", error);
	return q;
}

/*
 * Takes pages until none is given.  A refusal may only be due to a watermark
 * that was raised for a moment, against fragmentation: kswapd lowers it again.
 */
static unsigned long take_all(struct quire *q, struct page **held)
{
	unsigned long nr = 0;

	for (unsigned int refused = 0; refused < 10; refused++) {
		while ((held[nr] = quire_alloc_pages(q, 0, 0, QUIRE_ALLOC_NOWAIT)) != NULL) {
			nr++;
			refused = 0;
		}
		sleep_ns(q, 2 * NSEC_PER_MSEC);
	}
	/* Who may wait gets no more: there is nothing to reclaim and nobody to
	 * kill, so the request fails in the end. */
	while ((held[nr] = quire_alloc_pages(q, 0, 0, 0)) != NULL)
		nr++;
	return nr;
}

static struct shared run_threads(unsigned int nodes, uint64_t mib, unsigned int cpus,
				 bool leave_nothing)
{
	struct shared *s = calloc(1, sizeof(*s)), result;
	struct worker w[NR_THREADS] = {0};
	struct page **held = calloc(mib << 8, sizeof(struct page *));
	struct quire *q = s->q = create(nodes, mib, cpus);
	unsigned long nr = 0;
	uint64_t before;

	for (unsigned int i = 0; i < NR_CACHES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "shared-%u", i);
		s->cache[i] = quire_kmem_cache_create(q, name, cache_size[i], 0);
		assert_non_null(s->cache[i]);
	}
	quire_drain_pages(q);
	before = quire_nr_free_pages(q, -1);
	if (leave_nothing)
		nr = take_all(q, held);
	pthread_barrier_init(&s->start, NULL, NR_THREADS);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		w[i].s = s;
		w[i].number = i;
		prng_seed(&w[i].rng, 100 + i);
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	quire_host_quiesce(q);
	assert_int_equal(quire_verify(q, report, NULL), 0);
	for (unsigned int i = 0; i < NR_BOXES; i++)
		if (s->box[i])
			free_object(&w[0], s->box[i]);
	for (unsigned int i = 0; i < NR_CACHES; i++)
		assert_int_equal(quire_kmem_cache_destroy(q, s->cache[i]), 0);
	while (nr)
		quire_free_pages(q, held[--nr], 0);
	quire_drain_pages(q);
	/* What stays are empty slabs of kmalloc's caches. */
	assert_in_range(quire_nr_free_pages(q, -1), before - 512, before + 64);
	quire_host_quiesce(q);
	assert_int_equal(quire_verify(q, report, NULL), 0);
	assert_int_equal(s->failed, 0);
	quire_host_destroy(q);
	pthread_barrier_destroy(&s->start);
	result = *s;
	free(held);
	free(s);
	return result;
}

static void test_cpu_each(void **state)
{
	struct shared s = run_threads(2, 64, NR_THREADS / 2, false);

	(void)state;
	assert_int_equal(s.refused, 0);
	assert_true(s.foreign > 0);
}

/* One CPU for all: its lists and slabs are shared. */
static void test_shared_cpu(void **state)
{
	struct shared s = run_threads(1, 64, 1, false);

	(void)state;
	assert_int_equal(s.refused, 0);
	assert_true(s.foreign > 0);
}

/* Hardly any memory: allocations fail, and nothing is lost. */
static void test_exhaustion(void **state)
{
	struct shared s = run_threads(1, 32, 2, true);

	(void)state;
	assert_true(s.refused > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu_each),
		cmocka_unit_test(test_shared_cpu),
		cmocka_unit_test(test_exhaustion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
