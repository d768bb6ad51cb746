/* SPDX-License-Identifier: MIT */
/*
 * Sheaves on the host port: each invariant of core/verify/verify_sheaf.c broken on
 * purpose and reported; every object is somewhere, once, through random single and
 * bulk calls by threads; freed objects are found by shrinking; misuse stops the
 * machine; debugging takes a cache's sheaves away, and gives them back; KFENCE sees
 * what never leaves an array.
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
#include <quire/host_slab.h>
#include "base/prng.h"
#include "slab/kfence.h"
#include "slab/sheaf_alloc.h"

#define SIZE 48

static struct quire *q;
static struct kmem_cache *s;

static int setup(void **state)
{
	struct quire_config cfg = {.nr_nodes = 1};

	(void)state;
	cfg.node[0].size_bytes = 64UL << 20;
	cfg.node[0].nr_cpus = 2;
	q = quire_host_create(&cfg, 0, NULL);
	s = q ? kmem_cache_create(q, "sheaved", SIZE, 0, 0, NULL) : NULL;
	return s && cache_has_sheaves(s) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	quire_host_destroy(q);
	return 0;
}

struct seen {
	const char *expected;
	bool found;
};

static void collect(void *ctx, const char *line)
{
	struct seen *seen = ctx;
	const char *path = getenv("QUIRE_VERIFY_REPORTS");
	FILE *f;

	if (!strstr(line, seen->expected))
		return;
	seen->found = true;
	/* For tests/test-verify-covered.sh. */
	f = path ? fopen(path, "a") : NULL;
	if (f) {
		fprintf(f, "%s\n", line);
		fclose(f);
	}
}

static void show(void *ctx, const char *line)
{
	(void)ctx;
	print_error("%s\n", line);
}

static void all_well(void)
{
	quire_host_quiesce(q);
	assert_int_equal(quire_verify(q, show, NULL), 0);
}

static void reports(const char *expected)
{
	struct seen seen = {.expected = expected};

	quire_host_quiesce(q);
	assert_true(quire_verify(q, collect, &seen) > 0);
	if (!seen.found)
		fail_msg("not reported: %s", expected);
}

#define BREAK(lvalue, value, expected)             \
	do {                                       \
		__typeof__(lvalue) was = (lvalue); \
		(lvalue) = (value);                \
		reports(expected);                 \
		(lvalue) = was;                    \
		all_well();                        \
	} while (0)

/* The array that the caller works on. */
static struct percpu_list *some_list(void)
{
	for (u32 slot = 0; slot < hot_percpu_slots(q->hot); slot++) {
		struct percpu_list *l = hot_stack_list(&s->fast, slot);

		if (percpu_count(l->word) > 2)
			return l;
	}
	fail_msg("no CPU has objects");
	return NULL;
}

static void test_broken(void **state)
{
	void *objects[1000];
	struct percpu_list *l;
	struct page *page;
	u64 pfn;

	(void)state;
	assert_int_equal(kmem_cache_alloc_bulk(q, s, GFP_KERNEL, 1000, objects), 1000);
	kmem_cache_free_bulk(q, s, 1000, objects);
	all_well();
	l = some_list();
	page = virt_to_slab(q, (void *)l->u64[0]);
	pfn = page_to_pfn(q, page);
	assert_true(page->objects > 64 && page->objects % 64);
	BREAK(s->sheaves.nr_free, s->sheaves.nr_free + 1, "free objects of slabs and has");
	BREAK(page->inuse, page->inuse + 1, "the bitmap of slab");
	BREAK(slab_bits(page)[page->objects / 64], slab_bits(page)[page->objects / 64] | 1UL << 63,
	      "beyond its end");
	BREAK(*hot_slab_id(q->hot, pfn), 0, "is marked as cache");
	BREAK(l->u64[0], l->u64[0] + 8, "what is none of its objects");
	BREAK(l->u64[0], (u64)&objects, "what is none of its objects");
	BREAK(l->u64[1], l->u64[0], "a sheaf holds a free object");
	assert_true(s->sheaves.barn.nr_full > 0);
	BREAK(s->sheaves.barn.nr_full, s->sheaves.barn.nr_full + 1, "sheaves and has");
	BREAK(s->sheaves.barn.full->objects[0], s->sheaves.barn.full->objects[1],
	      "a sheaf holds a free object");
}

static void test_counts(void **state)
{
	void *objects[700];
	struct slabinfo info;

	(void)state;
	for (int i = 0; i < 700; i++)
		assert_non_null(objects[i] = kmem_cache_alloc(q, s, GFP_KERNEL));
	assert_int_equal(kmem_cache_objects_in_use(q, s), 700);
	get_slabinfo(q, s, &info);
	assert_true(info.active_objs >= 700 && info.active_objs <= info.num_objs);
	kmem_cache_free_bulk(q, s, 700, objects);
	assert_int_equal(kmem_cache_objects_in_use(q, s), 0);
	assert_true(kmem_cache_shrink(q, s) > 0);
	get_slabinfo(q, s, &info);
	assert_int_equal(info.num_slabs, 0);
	all_well();
}

/* Debugging is for caches without sheaves. */
static void test_debug(void **state)
{
	void *p = kmem_cache_alloc(q, s, GFP_KERNEL);

	(void)state;
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_RED_ZONE, true), -EBUSY);
	assert_true(cache_has_sheaves(s));
	kmem_cache_free(q, s, p);
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_RED_ZONE, true), 0);
	assert_false(cache_has_sheaves(s));
	p = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_non_null(p);
	kmem_cache_free(q, s, p);
	all_well();
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_RED_ZONE, false), 0);
	assert_true(cache_has_sheaves(s));
	p = kmem_cache_alloc(q, s, GFP_KERNEL);
	kmem_cache_free(q, s, p);
	all_well();
}

/* Each thread's objects carry its pattern; some are freed by another. */
static u64 *boxes[256];

static void *churn(void *arg)
{
	void *bulk[40];
	struct prng rng;

	prng_seed(&rng, (u64)arg);
	for (unsigned int i = 0; i < 20000; i++) {
		size_t nr = 1 + prng_below(&rng, 40);
		u64 *p = kmem_cache_alloc(q, s, GFP_KERNEL);

		p[0] = p[SIZE / 8 - 1] = (u64)p;
		p = __atomic_exchange_n(&boxes[prng_below(&rng, 256)], p, __ATOMIC_ACQ_REL);
		if (p) {
			if (p[0] != (u64)p || p[SIZE / 8 - 1] != (u64)p)
				abort();
			kmem_cache_free(q, s, p);
		}
		if (i % 16)
			continue;
		if (kmem_cache_alloc_bulk(q, s, GFP_KERNEL, nr, bulk) != (int)nr)
			abort();
		for (size_t k = 0; k < nr; k++)
			memset(bulk[k], (int)k, SIZE);
		for (size_t k = 0; k < nr; k++)
			if (((char *)bulk[k])[SIZE - 1] != (char)k)
				abort();
		kmem_cache_free_bulk(q, s, nr, bulk);
		if (i % 1024 == 0)
			(void)kmem_cache_shrink(q, s);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[4];

	(void)state;
	for (u64 i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, churn, (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	all_well();
	for (int i = 0; i < 256; i++)
		if (boxes[i])
			kmem_cache_free(q, s, boxes[i]);
	assert_int_equal(kmem_cache_objects_in_use(q, s), 0);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	all_well();
}

static int setup_kfence(void **state)
{
	struct quire_config cfg = {.nr_nodes = 1, .kfence_sample_ms = 3600000};

	(void)state;
	cfg.node[0].size_bytes = 64UL << 20;
	cfg.node[0].nr_cpus = 2;
	q = quire_host_create(&cfg, 0, NULL);
	s = q ? kmem_cache_create(q, "sheaved", SIZE, 0, 0, NULL) : NULL;
	return s && cache_has_sheaves(s) ? 0 : -1;
}

static bool is_sampled(void *object)
{
	return page_is_kfence(q, virt_to_page(q, object));
}

static unsigned long samples(void)
{
	struct kfence_stats stats;

	assert_true(kfence_get_stats(q, &stats));
	return stats.allocs;
}

/* A full array does not hide a loop from KFENCE: the gate empties it, for one. */
static void test_sampled(void **state)
{
	struct quire_kmem_cache *c = (struct quire_kmem_cache *)s;
	void *p[8], *bulk[4];

	(void)state;
	for (int i = 0; i < 8; i++)
		p[i] = quire_host_cache_alloc(q, c, 0);
	for (int i = 0; i < 8; i++)
		quire_host_cache_free(q, c, p[i]);
	kfence_open_gate(q);
	p[0] = quire_host_cache_alloc(q, c, 0);
	p[1] = quire_host_cache_alloc(q, c, 0);
	assert_true(is_sampled(p[0]));
	assert_false(is_sampled(p[1]));
	kfence_open_gate(q);
	p[2] = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_true(is_sampled(p[2]));
	kfence_open_gate(q);
	p[3] = kmalloc(q, 100, GFP_KERNEL);
	assert_true(is_sampled(p[3]));
	kfree(q, p[3]);
	kfence_open_gate(q);
	assert_int_equal(kmem_cache_alloc_bulk(q, s, GFP_KERNEL, 4, bulk), 4);
	assert_true(is_sampled(bulk[0]) && !is_sampled(bulk[3]));
	kmem_cache_free_bulk(q, s, 4, bulk);
	for (int i = 0; i < 3; i++)
		quire_host_cache_free(q, c, p[i]);
	/* By time, and nothing but a hot pair runs. */
	assert_int_equal(kfence_set_interval(q, 1), 0);
	for (u64 before = samples(); samples() < before + 5;) {
		for (int i = 0; i < 10000; i++)
			quire_host_cache_free(q, c, quire_host_cache_alloc(q, c, 0));
	}
	assert_int_equal(kfence_set_interval(q, 0), 0);
	all_well();
	assert_int_equal(kmem_cache_objects_in_use(q, s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_debug, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sampled, setup_kfence, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
