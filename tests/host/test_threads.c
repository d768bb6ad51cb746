/* SPDX-License-Identifier: MIT */
/*
 * The host port with threads: each takes and gives pages and objects at random,
 * writes what it owns and finds it unchanged, and hands some to the others.
 * At the end everything is back and the instance is consistent.  Runs under
 * tsan and asan.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include <quire/host.h>
#include <quire/page.h>
#include <quire/slab.h>
#include "base/prng.h"
#include "base/quire.h"

#define NR_THREADS 4
#define NR_SLOTS   200
#define NR_STEPS   20000

struct block {
	struct page *page;
	unsigned int order;
	uint64_t stamp;
};

struct shared {
	struct quire *q;
	struct quire_kmem_cache *cache;
	pthread_mutex_t lock;
	struct block box; /* one thread puts, another takes */
	unsigned int failed;
};

struct worker {
	struct shared *s;
	unsigned int number;
	pthread_t thread;
	struct prng rng;
	struct block block[NR_SLOTS];
	uint64_t *object[NR_SLOTS];
};

static void report(void *ctx, const char *line)
{
	(void)ctx;
	print_error("verify: %s\n", line);
}

static void verify(struct quire *q)
{
	quire_host_quiesce(q);
	assert_int_equal(quire_verify(q, report, NULL), 0);
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
	q = quire_host_create(cfg, getenv("QUIRE_LOG") ? QUIRE_HOST_LOG : 0, &error);
	free(cfg);
	if (!q)
		fail_msg("no instance: %d", error);
	return q;
}

/* The words at both ends of a block say whose it is. */
static void stamp(struct quire *q, struct block *b, uint64_t value)
{
	uint64_t *words = quire_page_address(q, b->page);

	b->stamp = value;
	words[0] = words[(QUIRE_PAGE_SIZE << b->order) / 8 - 1] = value;
}

static bool stamped(struct quire *q, const struct block *b)
{
	const uint64_t *words = quire_page_address(q, b->page);

	return words[0] == b->stamp && words[(QUIRE_PAGE_SIZE << b->order) / 8 - 1] == b->stamp;
}

static void complain(struct worker *w, const char *what)
{
	fprintf(stderr, "thread %u: %s\n", w->number, what);
	__atomic_add_fetch(&w->s->failed, 1, __ATOMIC_RELAXED);
}

static void step_page(struct worker *w, struct block *b)
{
	struct quire *q = w->s->q;

	if (b->page) {
		if (!stamped(q, b))
			complain(w, "someone wrote my pages");
		quire_free_pages(q, b->page, b->order);
		b->page = NULL;
		return;
	}
	b->order = (unsigned int)prng_below(&w->rng, prng_below(&w->rng, 10) ? 3 : 9);
	b->page = quire_alloc_pages(q, b->order, QUIRE_NODE_HERE,
				    prng_below(&w->rng, 2) ? QUIRE_ALLOC_MOVABLE
							   : QUIRE_ALLOC_NOWAIT);
	if (b->page)
		stamp(q, b, prng_u64(&w->rng));
}

static void step_object(struct worker *w, uint64_t **object)
{
	struct quire *q = w->s->q;

	if (*object) {
		if (**object != (uint64_t)(uintptr_t)object)
			complain(w, "someone wrote my object");
		quire_kmem_cache_free(q, w->s->cache, *object);
		*object = NULL;
		return;
	}
	*object = quire_kmem_cache_alloc(q, w->s->cache, 0);
	if (*object)
		**object = (uint64_t)(uintptr_t)object;
}

/* Leaves a block for another thread and takes what was left. */
static void step_exchange(struct worker *w, struct block *b)
{
	struct block other;

	pthread_mutex_lock(&w->s->lock);
	other = w->s->box;
	w->s->box = *b;
	*b = other;
	pthread_mutex_unlock(&w->s->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < NR_STEPS; i++) {
		unsigned int slot = (unsigned int)prng_below(&w->rng, NR_SLOTS);

		switch (prng_below(&w->rng, 8)) {
		case 0:
			step_exchange(w, &w->block[slot]);
			break;
		case 1 ... 3:
			step_object(w, &w->object[slot]);
			break;
		default:
			step_page(w, &w->block[slot]);
		}
		if (i % 1000 == 999 && w->number == 0)
			quire_drain_pages(w->s->q);
	}
	for (unsigned int i = 0; i < NR_SLOTS; i++) {
		if (w->block[i].page)
			step_page(w, &w->block[i]);
		if (w->object[i])
			step_object(w, &w->object[i]);
	}
	return NULL;
}

static void run_threads(unsigned int nodes, unsigned int cpus)
{
	struct quire *q = create(nodes, 64, cpus);
	struct shared s = {.q = q, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct worker *w = calloc(NR_THREADS, sizeof(*w));
	uint64_t before;

	s.cache = quire_kmem_cache_create(q, "test", 72, 0);
	assert_non_null(s.cache);
	quire_drain_pages(q);
	before = quire_nr_free_pages(q, -1);
	for (unsigned int i = 0; i < NR_THREADS; i++) {
		w[i].s = &s;
		w[i].number = i;
		prng_seed(&w[i].rng, i + 1);
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	if (s.box.page)
		quire_free_pages(q, s.box.page, s.box.order);
	assert_int_equal(s.failed, 0);
	assert_int_equal(quire_kmem_cache_destroy(q, s.cache), 0);
	quire_drain_pages(q);
	/* All pages are back but for what the slab keeps for its own. */
	assert_in_range(quire_nr_free_pages(q, -1), before - 64, before + 64);
	verify(q);
	quire_host_destroy(q);
	free(w);
}

static void test_cpu_each(void **state)
{
	(void)state;
	run_threads(2, NR_THREADS / 2);
}

/* Fewer CPUs than threads: lists are shared. */
static void test_shared_cpus(void **state)
{
	(void)state;
	run_threads(1, 1);
}

static void test_pages(void **state)
{
	struct quire *q = create(2, 64, 1);
	struct page *p;
	char *bytes;

	(void)state;
	assert_int_equal(quire_host_set_cpu(q, 2), -EINVAL);
	assert_int_equal(quire_host_set_cpu(q, 1), 0);
	assert_int_equal(quire_host_cpu(q), 1);
	p = quire_alloc_pages(q, 2, QUIRE_NODE_HERE, 0);
	assert_non_null(p);
	assert_int_equal(quire_page_node(p), 1);
	bytes = quire_page_address(q, p);
	assert_int_equal((uintptr_t)bytes % (4 * QUIRE_PAGE_SIZE), 0);
	memset(bytes, 0x5a, 4 * QUIRE_PAGE_SIZE);
	assert_ptr_equal(quire_page_of(q, bytes + 3 * QUIRE_PAGE_SIZE + 17), p);
	quire_free_pages(q, p, 2);
	p = quire_alloc_pages(q, 2, 1, QUIRE_ALLOC_ZERO | QUIRE_ALLOC_THISNODE);
	bytes = quire_page_address(q, p);
	for (unsigned int i = 0; i < 4 * QUIRE_PAGE_SIZE; i++)
		assert_int_equal(bytes[i], 0);
	quire_free_pages(q, p, 2);
	assert_null(quire_alloc_pages(q, QUIRE_MAX_ORDER + 1, 0, 0));
	assert_null(quire_alloc_pages(q, 0, 2, 0));
	assert_true(quire_nr_free_pages(q, 0) + quire_nr_free_pages(q, 1) ==
		    quire_nr_free_pages(q, -1));
	assert_true(quire_nr_total_pages(q, -1) > 2 * 15000);
	verify(q);
	quire_host_destroy(q);
}

/* Instances one after the other and beside each other never meet. */
static void test_instances(void **state)
{
	struct quire *a = create(1, 32, 1), *b = create(1, 32, 2);
	struct page *pa = quire_alloc_pages(a, 0, 0, 0), *pb = quire_alloc_pages(b, 0, 0, 0);

	(void)state;
	assert_int_equal(quire_host_set_cpu(b, 1), 0);
	assert_int_equal(quire_host_cpu(a), 0);
	assert_int_equal(quire_host_cpu(b), 1);
	quire_free_pages(a, pa, 0);
	quire_host_destroy(a);
	quire_free_pages(b, pb, 0);
	a = create(1, 32, 1);
	assert_int_equal(quire_host_cpu(a), 0);
	verify(a);
	verify(b);
	quire_host_destroy(b);
	quire_host_destroy(a);
}

static void test_impossible(void **state)
{
	struct quire_config *cfg = calloc(1, sizeof(*cfg));
	int error = 0;

	(void)state;
	assert_null(quire_host_create(cfg, 0, &error));
	assert_int_equal(error, -EINVAL);
	cfg->nr_nodes = 1;
	cfg->node[0].nr_cpus = 1;
	cfg->node[0].size_bytes = 64 << 10;
	assert_null(quire_host_create(cfg, 0, &error));
	assert_int_equal(error, -ENOMEM);
	free(cfg);
}

/* A memory that is all used says so and goes on. */
static void test_exhaustion(void **state)
{
	struct quire *q = create(1, 32, 1);
	struct page **all = calloc(8192, sizeof(*all));
	unsigned int n = 0;

	(void)state;
	while (n < 8192 && (all[n] = quire_alloc_pages(q, 0, 0, QUIRE_ALLOC_NOWAIT)) != NULL)
		n++;
	assert_in_range(n, 4000, 8191);
	verify(q);
	while (n)
		quire_free_pages(q, all[--n], 0);
	free(all);
	verify(q);
	quire_host_destroy(q);
}

/* Sleepers and wakers: no wake-up is lost. */
struct ping {
	struct quire *q;
	struct quire_wait_queue wait[2];
	uint32_t turn;
};

static void *pong(void *arg)
{
	struct ping *p = arg;

	for (uint32_t i = 0; i < 2000; i++) {
		wait_event(p->q, &p->wait[1], HOT_LOAD(&p->turn) == 2 * i + 1);
		HOT_STORE(&p->turn, 2 * i + 2);
		wake_up(p->q, &p->wait[0]);
	}
	return NULL;
}

static void test_wait(void **state)
{
	struct ping p = {.q = create(1, 32, 2)};
	pthread_t thread;
	uint64_t start;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, pong, &p), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		HOT_STORE(&p.turn, 2 * i + 1);
		wake_up(p.q, &p.wait[1]);
		wait_event(p.q, &p.wait[0], HOT_LOAD(&p.turn) == 2 * i + 2);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	start = quire_clock(p.q);
	sleep_ns(p.q, 20 * NSEC_PER_MSEC);
	assert_true(quire_clock(p.q) - start >= 20 * NSEC_PER_MSEC);
	quire_host_destroy(p.q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),	    cmocka_unit_test(test_instances),
		cmocka_unit_test(test_impossible),  cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_wait),	    cmocka_unit_test(test_cpu_each),
		cmocka_unit_test(test_shared_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
