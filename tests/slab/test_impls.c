/* SPDX-License-Identifier: MIT */
/*
 * SLUB, SLAB and SLOB behind one interface: the same random operations with
 * contents checked, memory that runs out at each point, constructors, nodes,
 * destruction; then what each has of its own, and each invariant broken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "slab/slab_array.h"
#include "slab/slob.h"
#include "tests/lib/lower.h"

#define NR_IMPLS 3

static struct lower *boot(int impl, unsigned int nodes, unsigned int cpus)
{
	struct quire_config cfg = {.nr_nodes = nodes, .seed = 1};

	for (unsigned int i = 0; i < nodes; i++) {
		cfg.node[i].size_bytes = 96 << 20;
		cfg.node[i].nr_cpus = cpus;
	}
	cfg.slab = impl;
	return lower_boot_config(cfg);
}

struct live {
	unsigned char *p;
	unsigned int size, cache;
	unsigned char fill;
};

static void check(const struct live *o)
{
	for (unsigned int b = 0; b < o->size; b++)
		if (o->p[b] != o->fill)
			fail_msg("byte %u of %u is 0x%x, not 0x%x", b, o->size, o->p[b], o->fill);
}

static void run_random(int impl, u64 seed)
{
	static const unsigned int sizes[] = {8, 24, 100, 192, 640, 1152, 4096, 0};
	struct lower *l = boot(impl, 2, 2);
	struct quire *q = l->q;
	struct kmem_cache *caches[ARRAY_SIZE(sizes)] = {NULL};
	struct live *live = calloc(2000, sizeof(*live));
	unsigned int nr = 0, per[ARRAY_SIZE(sizes)] = {0};
	struct prng rng;

	prng_seed(&rng, seed);
	for (unsigned int i = 0; sizes[i]; i++) {
		char name[32];

		snprintf(name, sizeof(name), "random-%u", sizes[i]);
		caches[i] = kmem_cache_create(q, name, sizes[i], i == 3 ? 64 : 0,
					      i == 4 ? SLAB_TYPESAFE_BY_RCU : 0, NULL);
		assert_non_null(caches[i]);
	}
	for (unsigned int step = 0; step < 30000; step++) {
		bool grow = step / 4000 % 2 == 0;

		l->ctx.cpu = (unsigned int)prng_below(&rng, q->nr_cpus);
		if (step % 3000 == 2999) {
			if (impl == QUIRE_SLAB)
				slab_cache_reap(q, l->ctx.cpu);
			l->now += 5 * NSEC_PER_SEC;
			if (lower_verify(l))
				fail_msg("%d: step %u:\n%s", impl, step, l->report);
		}
		if (nr < 2000 && prng_below(&rng, 100) < (grow ? 60 : 40)) {
			struct live *o = &live[nr];
			int nid = prng_below(&rng, 4) ? -1 : (int)prng_below(&rng, 2);
			bool zero = prng_below(&rng, 4) == 0;
			gfp_t gfp = GFP_KERNEL | (zero ? __GFP_ZERO : 0);

			o->cache = (unsigned int)prng_below(&rng, ARRAY_SIZE(sizes));
			o->size = sizes[o->cache];
			l->fail_after = prng_below(&rng, 20) ? -1 : 0;
			if (o->size) {
				o->p = kmem_cache_alloc_node(q, caches[o->cache], gfp, nid);
			} else {
				o->size = (unsigned int)prng_range(
					&rng, 1, prng_below(&rng, 9) ? 400 : 20000);
				o->p = kmalloc_node(q, o->size, gfp, nid);
			}
			if (!o->p)
				assert_int_equal(l->fail_after, 0);
			l->fail_after = -1;
			if (!o->p)
				continue;
			o->fill = 0;
			if (zero)
				check(o);
			assert_true((uintptr_t)o->p % (o->cache == 3 ? 64 : 8) == 0);
			o->fill = (unsigned char)prng_u64(&rng);
			memset(o->p, o->fill, o->size);
			per[o->cache]++;
			nr++;
		} else if (nr) {
			unsigned int i = (unsigned int)prng_below(&rng, nr);

			check(&live[i]);
			if (caches[live[i].cache]) {
				kmem_cache_free(q, caches[live[i].cache], live[i].p);
			} else {
				assert_true(ksize(q, live[i].p) >= live[i].size);
				kfree(q, live[i].p);
			}
			per[live[i].cache]--;
			live[i] = live[--nr];
		}
	}
	for (unsigned int i = 0; sizes[i]; i++)
		assert_int_equal(kmem_cache_objects_in_use(q, caches[i]), per[i]);
	while (nr--) {
		check(&live[nr]);
		if (caches[live[nr].cache])
			kmem_cache_free(q, caches[live[nr].cache], live[nr].p);
		else
			kfree(q, live[nr].p);
	}
	for (unsigned int i = 0; sizes[i]; i++)
		assert_int_equal(kmem_cache_destroy(q, caches[i]), 0);
	free(live);
	lower_end(l);
}

static void test_random(void **state)
{
	const char *given = getenv("SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20261123;

	(void)state;
	print_message("seed %lu\n", seed);
	for (int impl = 0; impl < NR_IMPLS; impl++)
		run_random(impl, seed + (u64)impl);
}

static unsigned int nr_ctor;
static void ctor(void *object)
{
	nr_ctor++;
	memset(object, 0x3c, 60);
}

static void test_constructed(void **state)
{
	(void)state;
	for (int impl = 0; impl < NR_IMPLS; impl++) {
		struct lower *l = boot(impl, 1, 1);
		struct kmem_cache *s = kmem_cache_create(l->q, "c", 60, 0, 0, ctor);
		unsigned char *p[200];

		for (unsigned int round = 0; round < 3; round++) {
			for (unsigned int i = 0; i < 200; i++) {
				p[i] = kmem_cache_alloc(l->q, s, GFP_KERNEL);
				for (unsigned int b = 0; b < 60; b++)
					assert_int_equal(p[i][b], 0x3c);
			}
			for (unsigned int i = 0; i < 200; i++)
				kmem_cache_free(l->q, s, p[i]);
		}
		assert_int_equal(kmem_cache_destroy(l->q, s), 0);
		lower_end(l);
	}
}

/* Each page allocation fails in turn. */
static void test_no_memory(void **state)
{
	(void)state;
	for (int impl = 0; impl < NR_IMPLS; impl++) {
		struct lower *l = boot(impl, 2, 2);
		bool worked = false;

		for (long n = 0; n < 60 && !worked; n++) {
			struct kmem_cache *s;
			void *p = NULL, *k = NULL;
			char name[32];

			snprintf(name, sizeof(name), "c%ld", n);
			l->fail_after = n;
			s = kmem_cache_create(l->q, name, 3000, 0, 0, NULL);
			if (s)
				p = kmem_cache_alloc(l->q, s, GFP_KERNEL);
			if (p)
				k = kmalloc(l->q, 40000, GFP_KERNEL);
			worked = k != NULL;
			l->fail_after = -1;
			kfree(l->q, k);
			if (p)
				kmem_cache_free(l->q, s, p);
			if (s)
				assert_int_equal(kmem_cache_destroy(l->q, s), 0);
			if (lower_verify(l))
				fail_msg("%d: after %ld:\n%s", impl, n, l->report);
		}
		assert_true(worked);
		lower_end(l);
	}
}

static void test_destroy_refuses(void **state)
{
	(void)state;
	for (int impl = 0; impl < NR_IMPLS; impl++) {
		struct lower *l = boot(impl, 1, 1);
		struct kmem_cache *s = kmem_cache_create(l->q, "c", 60, 0, 0, NULL);
		char log_text[4096] = "";
		void *p = kmem_cache_alloc(l->q, s, GFP_KERNEL);

		l->log = log_text;
		l->log_cap = sizeof(log_text);
		assert_int_equal(kmem_cache_destroy(l->q, s), -EBUSY);
		assert_non_null(strstr(log_text, "Slab cache still has objects"));
		kmem_cache_free(l->q, s, p);
		assert_int_equal(kmem_cache_destroy(l->q, s), 0);
		lower_end(l);
	}
}

static void test_slab(void **state)
{
	struct lower *l = boot(QUIRE_SLAB, 2, 2);
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "c", 1000, 0, 0, NULL);
	struct slab_node *n = s->own->node[0];
	unsigned int colours[4] = {0};
	struct slabinfo info;
	void *p[400];

	(void)state;
	/* Linux's numbers for 1000 bytes. */
	get_slabinfo(q, s, &info);
	assert_int_equal(info.limit, 54);
	assert_int_equal(info.batchcount, 27);
	assert_int_equal(info.shared, 8);
	assert_int_equal(info.pages_per_slab, 1);
	assert_int_equal(info.objects_per_slab, 4);
	/* 96 bytes are left of a page: two colours' worth of 64, one step. */
	assert_int_equal(s->own->colour, 1);
	s->own->colour = 3; /* pretend */
	for (unsigned int i = 0; i < 12; i++) {
		p[i] = kmem_cache_alloc_node(q, s, GFP_KERNEL, 0);
		colours[virt_to_slab(q, p[i])->frozen & 3]++;
	}
	s->own->colour = 1;
	assert_true(colours[0] && colours[1]);
	for (unsigned int i = 0; i < 12; i++)
		kmem_cache_free(q, s, p[i]);
	(void)kmem_cache_shrink(q, s);
	/* Freed by the other node's CPU: they wait there, then go home. */
	for (unsigned int i = 0; i < 10; i++)
		p[i] = kmem_cache_alloc_node(q, s, GFP_KERNEL, 1);
	for (unsigned int i = 0; i < 10; i++)
		kmem_cache_free(q, s, p[i]);
	assert_int_equal(n->alien[1]->ac.avail, 10);
	assert_int_equal(kmem_cache_objects_in_use(q, s), 0);
	assert_int_equal(lower_verify(l), 0);
	slab_cache_reap(q, 0);
	assert_int_equal(n->alien[1]->ac.avail, 0);
	/* The shared array: what one CPU frees another gets. */
	for (unsigned int i = 0; i < 400; i++)
		p[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	for (unsigned int i = 0; i < 400; i++)
		kmem_cache_free(q, s, p[i]);
	get_slabinfo(q, s, &info);
	/* 10 are node 1's. */
	assert_int_equal(info.shared_avail, 8 * 27 + 10);
	l->ctx.cpu = 1;
	p[0] = kmem_cache_alloc(q, s, GFP_KERNEL);
	get_slabinfo(q, s, &info);
	assert_int_equal(info.shared_avail, 8 * 27 + 10 - 16);
	kmem_cache_free(q, s, p[0]);
	l->ctx.cpu = 0;
	/* Idle: it shrinks, a fifth at a time. */
	get_slabinfo(q, s, &info);
	for (unsigned int i = 0; i < 60; i++) {
		l->now += 4 * NSEC_PER_SEC;
		for (unsigned int cpu = 0; cpu < 4; cpu++)
			slab_cache_reap(q, cpu);
	}
	get_slabinfo(q, s, &info);
	assert_in_range(info.num_slabs, 0, 2);
	/* Tunables. */
	assert_int_equal(slab_tune(q, s, 16, 8, 0), 0);
	get_slabinfo(q, s, &info);
	assert_int_equal(info.limit, 16);
	assert_int_equal(slab_tune(q, s, 16, 17, 0), -EINVAL);
	assert_int_equal(slab_tune(q, s, 0, 0, 0), -EINVAL);
	l->fail_after = 0;
	assert_int_equal(slab_tune(q, s, 1000, 8, 0), -ENOMEM);
	l->fail_after = -1;
	assert_int_equal(slab_tune(q, s, 16, 8, 2), 0);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_slab_broken(void **state)
{
	struct lower *l = boot(QUIRE_SLAB, 1, 1);
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "c", 1000, 0, 0, NULL);
	struct slab_node *n = s->own->node[0];
	void *p = kmem_cache_alloc(q, s, GFP_KERNEL);
	struct page *page = virt_to_slab(q, p);

	(void)state;
	/* Taken one by one, so that the slab is partial. */
	assert_false(list_empty(&n->partial));
	BREAK(l, n->total_slabs, n->total_slabs + 1, "free, and has");
	BREAK(l, n->free_objects, n->free_objects + 1, "free objects and has");
	BREAK(l, page->inuse, 0, "list of partial ones");
	BREAK(l, ((freelist_idx_t *)page->freelist)[3], 77, "are not right");
	ClearPageSlab(page);
	lower_expect_broken(l, "slabs is not its slab");
	SetPageSlab(page);
	kmem_cache_free(q, s, p);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_slob(void **state)
{
	struct lower *l = boot(QUIRE_SLOB, 1, 1);
	struct quire *q = l->q;
	unsigned long before = global_node_page_state(q, NR_SLAB_UNRECLAIMABLE);
	struct page *page;
	char *a, *b, *c;

	(void)state;
	/* Objects of all caches share a page, behind one another. */
	a = kmem_cache_alloc(q, find_kmem_cache(q, "dentry"), GFP_KERNEL);
	b = kmalloc(q, 100, GFP_KERNEL);
	c = kmem_cache_alloc(q, find_kmem_cache(q, "pid"), GFP_KERNEL);
	assert_ptr_equal(virt_to_page(q, a), virt_to_page(q, b));
	assert_ptr_equal(virt_to_page(q, a), virt_to_page(q, c));
	assert_int_equal(ksize(q, b), 100);
	assert_true(global_node_page_state(q, NR_SLAB_UNRECLAIMABLE) <= before + 1);
	page = virt_to_page(q, a);
	BREAK(l, page->inuse, page->inuse + 1, "free units and has");
	BREAK(l, page->frozen, 0, "is not on a list");
	kfree(q, b);
	/* The hole is filled again: first fit. */
	assert_ptr_equal(kmalloc(q, 90, GFP_KERNEL), b);
	kfree(q, b);
	kmem_cache_free(q, find_kmem_cache(q, "dentry"), a);
	kmem_cache_free(q, find_kmem_cache(q, "pid"), c);
	/* Powers of two are aligned. */
	for (size_t size = 8; size <= 2048; size *= 2) {
		a = kmalloc(q, size, GFP_KERNEL);
		assert_true((uintptr_t)a % size == 0);
		kfree(q, a);
	}
	/* About a page and above: pages. */
	a = kmalloc(q, 4095, GFP_KERNEL);
	assert_int_equal(ksize(q, a), 4096);
	b = kmalloc(q, 5000, GFP_KERNEL);
	assert_int_equal(ksize(q, b), 8192);
	kfree(q, a);
	kfree(q, b);
	assert_int_equal(global_node_page_state(q, NR_SLAB_UNRECLAIMABLE), before);
	lower_end(l);
}

/* All sequences of five requests and frees of three sizes in one page (3^5 x 2^5). */
static void test_slob_exhaustive(void **state)
{
	static const size_t sizes[3] = {2, 6, 1500};
	struct lower *l = boot(QUIRE_SLOB, 1, 1);
	struct quire *q = l->q;

	(void)state;
	for (unsigned int way = 0; way < 243 * 32; way++) {
		unsigned int rest = way / 32;
		char *p[5];

		for (unsigned int i = 0; i < 5; i++, rest /= 3) {
			p[i] = kmalloc(q, sizes[rest % 3], GFP_KERNEL);
			memset(p[i], (int)i + 1, sizes[rest % 3]);
			/* The one before goes at once, or at the end. */
			if (i && (way >> (i - 1) & 1)) {
				kfree(q, p[i - 1]);
				p[i - 1] = NULL;
			}
		}
		rest = way / 32;
		for (unsigned int i = 0; i < 5; i++, rest /= 3) {
			if (!p[i])
				continue;
			for (size_t at = 0; at < sizes[rest % 3]; at++)
				assert_int_equal(p[i][at], i + 1);
			kfree(q, p[i]);
		}
	}
	lower_end(l);
}

/* ---- all short histories of a small cache ------------------------------------------ */

#define NR_STEPS 6

/* What may happen next: a request on either CPU, a free, shrinking. */
enum { GET_0, GET_1, PUT_OLDEST, PUT_NEWEST_1, PUT_MIDDLE, SHRINK, NR_OPS };

struct history {
	struct lower *l;
	struct kmem_cache *s;
	unsigned char *live[NR_STEPS], fill[NR_STEPS];
	unsigned int nr, way;
};

static void object_is(struct history *h, unsigned int i)
{
	for (unsigned int b = 0; b < h->s->object_size; b += b % 64 == 63 ? 64 : 1)
		if (h->live[i][b] != h->fill[i])
			fail_msg("history %u: byte %u of object %u", h->way, b, i);
}

static void put_object(struct history *h, unsigned int i, unsigned int cpu)
{
	if (i >= h->nr)
		return;
	object_is(h, i);
	h->l->ctx.cpu = cpu;
	kmem_cache_free(h->l->q, h->s, h->live[i]);
	h->nr--;
	memmove(&h->live[i], &h->live[i + 1], (h->nr - i) * sizeof(h->live[0]));
	memmove(&h->fill[i], &h->fill[i + 1], h->nr - i);
}

static void get_object(struct history *h, unsigned int cpu, unsigned int step)
{
	h->l->ctx.cpu = cpu;
	h->live[h->nr] = kmem_cache_alloc(h->l->q, h->s, GFP_KERNEL);
	assert_non_null(h->live[h->nr]);
	for (unsigned int i = 0; i < h->nr; i++)
		if (h->live[i] == h->live[h->nr])
			fail_msg("history %u: an object handed out twice", h->way);
	h->fill[h->nr] = (unsigned char)(step + 1);
	memset(h->live[h->nr], h->fill[h->nr], h->s->object_size);
	h->nr++;
}

static void one_step(struct history *h, unsigned int op, unsigned int step)
{
	switch (op) {
	case GET_0:
	case GET_1:
		get_object(h, op == GET_1, step);
		break;
	case PUT_OLDEST:
		put_object(h, 0, 0);
		break;
	case PUT_NEWEST_1:
		put_object(h, h->nr - 1, 1);
		break;
	case PUT_MIDDLE:
		put_object(h, 1, 0);
		break;
	default:
		(void)kmem_cache_shrink(h->l->q, h->s);
	}
}

/*
 * All of them, 6^6, each from an empty cache and back to one, so that the next finds
 * what the one before left: nothing.
 */
static void run_histories(int impl, unsigned int size, unsigned int objects)
{
	struct history h = {.l = boot(impl, 1, 2)};
	struct quire *q = h.l->q;
	struct slabinfo info;
	unsigned int ways = 1;

	h.s = kmem_cache_create(q, "small", size, 0, SLAB_NO_MERGE, NULL);
	if (impl == QUIRE_SLAB)
		assert_int_equal(slab_tune(q, h.s, 2, 1, 1), 0);
	get_slabinfo(q, h.s, &info);
	assert_int_equal(info.objects_per_slab, objects);
	for (unsigned int i = 0; i < NR_STEPS; i++)
		ways *= NR_OPS;
	for (h.way = 0; h.way < ways; h.way++) {
		unsigned int rest = h.way;

		for (unsigned int step = 0; step < NR_STEPS; step++, rest /= NR_OPS)
			one_step(&h, rest % NR_OPS, step);
		assert_int_equal(kmem_cache_objects_in_use(q, h.s), h.nr);
		get_slabinfo(q, h.s, &info);
		assert_true(info.active_objs >= h.nr && info.num_objs >= info.active_objs);
		assert_int_equal(info.num_objs, info.num_slabs * objects);
		if (h.way % 499 == 0 && lower_verify(h.l))
			fail_msg("history %u:\n%s", h.way, h.l->report);
		while (h.nr)
			put_object(&h, h.way % h.nr, h.way & 1);
		(void)kmem_cache_shrink(q, h.s);
		get_slabinfo(q, h.s, &info);
		assert_int_equal(info.num_slabs, 0);
	}
	assert_int_equal(kmem_cache_destroy(q, h.s), 0);
	lower_end(h.l);
}

static void test_histories(void **state)
{
	(void)state;
	run_histories(QUIRE_SLUB, 10000, 3);
	run_histories(QUIRE_SLUB, 13000, 2);
	run_histories(QUIRE_SLAB, 1300, 3);
	run_histories(QUIRE_SLAB, 2000, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	  cmocka_unit_test(test_constructed),
		cmocka_unit_test(test_no_memory), cmocka_unit_test(test_destroy_refuses),
		cmocka_unit_test(test_slab),	  cmocka_unit_test(test_slab_broken),
		cmocka_unit_test(test_slob),	  cmocka_unit_test(test_slob_exhaustive),
		cmocka_unit_test(test_histories),
	};

	return cmocka_run_group_tests_name("SLUB, SLAB and SLOB", tests, NULL, NULL);
}
