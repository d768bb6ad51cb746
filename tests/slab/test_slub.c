/* SPDX-License-Identifier: MIT */
/*
 * SLUB: Linux's numbers, objects and their bytes, what a CPU and a node keep,
 * memory that runs out, and every invariant broken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "slab/mempool.h"
#include "slab/slub.h"
#include "tests/lib/lower.h"

/* From /proc/slabinfo of Linux 6.1 with 1, 4 and 8 CPUs: bytes of an object,
 * then objects and pages of a slab. */
static const struct {
	unsigned int size;
	struct {
		unsigned int objects, pages;
	} by_cpus[3];
} linux_slabs[] = {
	/* clang-format off */
	{ 8, { { 512, 1 }, { 512, 1 }, { 512, 1 } } },
	{ 16, { { 256, 1 }, { 256, 1 }, { 256, 1 } } },
	{ 24, { { 170, 1 }, { 170, 1 }, { 170, 1 } } },
	{ 32, { { 128, 1 }, { 128, 1 }, { 128, 1 } } },
	{ 40, { { 102, 1 }, { 102, 1 }, { 102, 1 } } },
	{ 48, { { 85, 1 }, { 85, 1 }, { 85, 1 } } },
	{ 56, { { 73, 1 }, { 73, 1 }, { 73, 1 } } },
	{ 64, { { 64, 1 }, { 64, 1 }, { 64, 1 } } },
	{ 72, { { 56, 1 }, { 56, 1 }, { 56, 1 } } },
	{ 80, { { 51, 1 }, { 51, 1 }, { 51, 1 } } },
	{ 88, { { 46, 1 }, { 46, 1 }, { 46, 1 } } },
	{ 96, { { 42, 1 }, { 42, 1 }, { 42, 1 } } },
	{ 104, { { 39, 1 }, { 39, 1 }, { 39, 1 } } },
	{ 112, { { 36, 1 }, { 36, 1 }, { 36, 1 } } },
	{ 120, { { 34, 1 }, { 34, 1 }, { 34, 1 } } },
	{ 128, { { 32, 1 }, { 32, 1 }, { 32, 1 } } },
	{ 136, { { 30, 1 }, { 30, 1 }, { 30, 1 } } },
	{ 152, { { 26, 1 }, { 26, 1 }, { 26, 1 } } },
	{ 184, { { 22, 1 }, { 22, 1 }, { 22, 1 } } },
	{ 192, { { 21, 1 }, { 21, 1 }, { 21, 1 } } },
	{ 200, { { 20, 1 }, { 20, 1 }, { 20, 1 } } },
	{ 216, { { 18, 1 }, { 18, 1 }, { 37, 2 } } },
	{ 256, { { 16, 1 }, { 16, 1 }, { 32, 2 } } },
	{ 272, { { 15, 1 }, { 30, 2 }, { 30, 2 } } },
	{ 312, { { 13, 1 }, { 26, 2 }, { 26, 2 } } },
	{ 320, { { 12, 1 }, { 25, 2 }, { 25, 2 } } },
	{ 384, { { 10, 1 }, { 21, 2 }, { 21, 2 } } },
	{ 416, { { 19, 2 }, { 19, 2 }, { 39, 4 } } },
	{ 432, { { 9, 1 }, { 18, 2 }, { 37, 4 } } },
	{ 512, { { 8, 1 }, { 16, 2 }, { 32, 4 } } },
	{ 576, { { 14, 2 }, { 28, 4 }, { 28, 4 } } },
	{ 584, { { 14, 2 }, { 28, 4 }, { 28, 4 } } },
	{ 624, { { 13, 2 }, { 26, 4 }, { 26, 4 } } },
	{ 640, { { 12, 2 }, { 25, 4 }, { 25, 4 } } },
	{ 664, { { 12, 2 }, { 24, 4 }, { 24, 4 } } },
	{ 704, { { 11, 2 }, { 23, 4 }, { 23, 4 } } },
	{ 712, { { 11, 2 }, { 23, 4 }, { 23, 4 } } },
	{ 768, { { 10, 2 }, { 21, 4 }, { 21, 4 } } },
	{ 784, { { 10, 2 }, { 20, 4 }, { 20, 4 } } },
	{ 832, { { 19, 4 }, { 19, 4 }, { 39, 8 } } },
	{ 960, { { 8, 2 }, { 17, 4 }, { 34, 8 } } },
	{ 968, { { 8, 2 }, { 16, 4 }, { 33, 8 } } },
	{ 1024, { { 8, 2 }, { 16, 4 }, { 32, 8 } } },
	{ 1088, { { 15, 4 }, { 30, 8 }, { 30, 8 } } },
	{ 1152, { { 14, 4 }, { 28, 8 }, { 28, 8 } } },
	{ 1192, { { 13, 4 }, { 27, 8 }, { 27, 8 } } },
	{ 1216, { { 13, 4 }, { 26, 8 }, { 26, 8 } } },
	{ 1232, { { 13, 4 }, { 26, 8 }, { 26, 8 } } },
	{ 1344, { { 12, 4 }, { 24, 8 }, { 24, 8 } } },
	{ 1360, { { 12, 4 }, { 24, 8 }, { 24, 8 } } },
	{ 1600, { { 10, 4 }, { 20, 8 }, { 20, 8 } } },
	{ 1984, { { 8, 4 }, { 16, 8 }, { 16, 8 } } },
	{ 2048, { { 8, 4 }, { 16, 8 }, { 16, 8 } } },
	{ 2112, { { 15, 8 }, { 15, 8 }, { 15, 8 } } },
	{ 2176, { { 15, 8 }, { 15, 8 }, { 15, 8 } } },
	{ 2304, { { 14, 8 }, { 14, 8 }, { 14, 8 } } },
	{ 2496, { { 13, 8 }, { 13, 8 }, { 13, 8 } } },
	{ 2888, { { 11, 8 }, { 11, 8 }, { 11, 8 } } },
	{ 3240, { { 10, 8 }, { 10, 8 }, { 10, 8 } } },
	{ 4096, { { 8, 8 }, { 8, 8 }, { 8, 8 } } },
	{ 4480, { { 7, 8 }, { 7, 8 }, { 7, 8 } } },
	{ 8192, { { 4, 8 }, { 4, 8 }, { 4, 8 } } },
	{ 8448, { { 3, 8 }, { 3, 8 }, { 3, 8 } } },
	/* clang-format on */
};

static void test_orders_are_linux(void **state)
{
	static const unsigned int cpus[3] = {1, 4, 8};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(linux_slabs); i++) {
		for (unsigned int c = 0; c < 3; c++) {
			unsigned int size = linux_slabs[i].size;
			int order = calculate_order(size, cpus[c]);

			assert_int_equal(1u << order, linux_slabs[i].by_cpus[c].pages);
			assert_int_equal((PAGE_SIZE << order) / size,
					 linux_slabs[i].by_cpus[c].objects);
		}
	}
	assert_true(calculate_order(PAGE_SIZE << MAX_ORDER, 1) < 0);
	assert_int_equal(calculate_order(PAGE_SIZE << (MAX_ORDER - 1), 1), MAX_ORDER - 1);
}

struct names {
	unsigned int nr;
	const char *first, *last;
};

static void count_cache(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct names *names = ctx;
	struct slabinfo info;

	get_slabinfo(q, s, &info);
	assert_true(info.active_objs <= info.num_objs);
	if (!names->nr++)
		names->first = info.name;
	names->last = info.name;
}

static void test_boot_caches(void **state)
{
	struct lower *l = lower_boot(2, 64, 2);
	struct names names = {0};
	struct slabinfo info;
	struct kmem_cache *s;

	(void)state;
	slab_for_each_cache(l->q, count_cache, &names);
	assert_true(names.nr > 140);
	assert_string_equal(names.first, "ext4_fc_dentry_update");
	assert_string_equal(names.last, "kmem_cache");
	/* As many objects as there are caches, each with its nodes. */
	s = find_kmem_cache(l->q, "kmem_cache");
	assert_int_equal(kmem_cache_objects_in_use(l->q, s), names.nr);
	get_slabinfo(l->q, s, &info);
	assert_int_equal(info.objsize, 256);
	s = find_kmem_cache(l->q, "kmem_cache_node");
	assert_int_equal(kmem_cache_objects_in_use(l->q, s), names.nr * 2);
	get_slabinfo(l->q, s, &info);
	assert_int_equal(info.objsize, 64);
	assert_non_null(find_kmem_cache(l->q, "TCP"));
	assert_non_null(find_kmem_cache(l->q, "dma-kmalloc-96"));
	assert_null(find_kmem_cache(l->q, "none"));
	lower_end(l);
}

static void test_claim_and_destroy(void **state)
{
	struct lower *l = lower_boot(1, 64, 2);
	struct quire *q = l->q;
	struct kmem_cache *s = find_kmem_cache(q, "dentry"), *mine;
	char name[] = "mine";
	void *object;

	(void)state;
	assert_ptr_equal(kmem_cache_create(q, "dentry", 192, 0, 0, NULL), s);
	assert_true(s->flags & SLAB_RECLAIM_ACCOUNT);
	/* It has an owner now. */
	assert_null(kmem_cache_create(q, "dentry", 192, 0, 0, NULL));
	assert_null(kmem_cache_create(q, "x", 0, 0, 0, NULL));
	assert_null(kmem_cache_create(q, "x", 64, 24, 0, NULL));
	mine = kmem_cache_create(q, name, 100, 64, 0, NULL);
	assert_non_null(mine);
	name[0] = 'x';
	assert_ptr_equal(find_kmem_cache(q, "mine"), mine);
	assert_int_equal(mine->size, 128);
	assert_int_equal(kmem_cache_size(mine), 100);
	object = kmem_cache_alloc(q, mine, GFP_KERNEL);
	assert_true(IS_ALIGNED((uintptr_t)object - (uintptr_t)q->physmap, 64));
	assert_int_equal(kmem_cache_destroy(q, mine), -EBUSY);
	kmem_cache_free(q, mine, object);
	assert_int_equal(kmem_cache_destroy(q, mine), 0);
	assert_null(find_kmem_cache(q, "mine"));
	lower_end(l);
}

static unsigned int nr_ctor;
static void ctor(void *object)
{
	nr_ctor++;
	memset(object, 0x5a, 40);
}

static void test_ctor(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct kmem_cache *s = kmem_cache_create(l->q, "ctor", 40, 0, 0, ctor);
	char want[40], *object;

	(void)state;
	nr_ctor = 0;
	assert_int_equal(s->size, 48);
	memset(want, 0x5a, sizeof(want));
	for (int i = 0; i < 3; i++) {
		/* What was constructed outlives being free. */
		object = kmem_cache_alloc(l->q, s, GFP_KERNEL);
		assert_memory_equal(object, want, sizeof(want));
		kmem_cache_free(l->q, s, object);
	}
	assert_int_equal(nr_ctor, s->objects);
	lower_end(l);
}

static void test_nodes(void **state)
{
	struct lower *l = lower_boot(4, 64, 1);
	struct kmem_cache *s = find_kmem_cache(l->q, "TCP");
	void *objects[4][40];

	(void)state;
	for (int i = 0; i < 40; i++) {
		for (int nid = 0; nid < 4; nid++) {
			objects[nid][i] = kmem_cache_alloc_node(l->q, s, GFP_KERNEL, nid);
			assert_int_equal(page_to_nid(virt_to_page(l->q, objects[nid][i])), nid);
		}
	}
	assert_int_equal(lower_verify(l), 0);
	/* Where the CPU is, when no node is asked for. */
	l->ctx.cpu = 3;
	kmem_cache_free(l->q, s, objects[3][0]);
	objects[3][0] = kmem_cache_alloc(l->q, s, GFP_KERNEL);
	assert_int_equal(page_to_nid(virt_to_page(l->q, objects[3][0])), 3);
	for (int i = 0; i < 40; i++)
		for (int nid = 0; nid < 4; nid++)
			kmem_cache_free(l->q, s, objects[nid][i]);
	kmem_cache_shrink(l->q, s);
	for_each_node (l->q, nid)
		assert_int_equal(s->node[nid]->nr_slabs, 0);
	lower_end(l);
}

/* What a CPU keeps, what a node keeps, and what goes back. */
static void test_partial_lists(void **state)
{
	struct lower *l = lower_boot(1, 128, 2);
	struct kmem_cache *s = kmem_cache_create(l->q, "k", 1024, 0, 0, NULL);
	unsigned int per = s->objects, nr = per * 100;
	void **objects = calloc(nr, sizeof(*objects));
	struct slabinfo info;

	(void)state;
	for (unsigned int i = 0; i < nr; i++)
		objects[i] = kmem_cache_alloc(l->q, s, GFP_KERNEL);
	get_slabinfo(l->q, s, &info);
	assert_int_equal(info.num_slabs, 100);
	assert_int_equal(info.num_objs, nr);
	assert_int_equal(s->node[0]->nr_partial, 0);
	/* One object of each: full slabs become this CPU's, then the node's. */
	for (unsigned int i = 0; i < nr; i += per)
		kmem_cache_free(l->q, s, objects[i]);
	assert_true(s->cpu_slab[0].nr_partial <= s->cpu_partial_slabs);
	assert_true(s->node[0]->nr_partial >= 100 - s->cpu_partial_slabs - 1);
	assert_int_equal(kmem_cache_objects_in_use(l->q, s), nr - 100);
	get_slabinfo(l->q, s, &info);
	assert_true(info.active_objs > nr - 100); /* Linux's way of counting */
	assert_int_equal(lower_verify(l), 0);
	/* Another CPU finds them on the node's list: no new slab. */
	l->ctx.cpu = 1;
	for (unsigned int i = 0; i < 50 * per; i += per)
		objects[i] = kmem_cache_alloc(l->q, s, GFP_KERNEL);
	get_slabinfo(l->q, s, &info);
	assert_int_equal(info.num_slabs, 100);
	for (unsigned int i = 0; i < nr; i++)
		if (i % per || i < 50 * per)
			kmem_cache_free(l->q, s, objects[i]);
	get_slabinfo(l->q, s, &info);
	assert_in_range(info.num_slabs, 1, s->min_partial + 2 * s->cpu_partial_slabs + 2);
	assert_int_equal(kmem_cache_objects_in_use(l->q, s), 0);
	assert_true(kmem_cache_shrink(l->q, s) > 0);
	get_slabinfo(l->q, s, &info);
	assert_int_equal(info.num_slabs, 0);
	free(objects);
	lower_end(l);
}

static void test_kmalloc(void **state)
{
	struct lower *l = lower_boot(1, 128, 2);
	struct quire *q = l->q;
	static const gfp_t kinds[] = {GFP_KERNEL, GFP_KERNEL_ACCOUNT,
				      GFP_KERNEL | __GFP_RECLAIMABLE, GFP_KERNEL | __GFP_DMA};
	static const char *const caches[] = {"kmalloc-96", "kmalloc-cg-96", "kmalloc-rcl-96",
					     "dma-kmalloc-96"};
	unsigned long before;
	char *p;

	(void)state;
	for (size_t size = 1; size <= KMALLOC_MAX_CACHE_SIZE; size += size < 300 ? 1 : 97) {
		size_t room;

		p = kmalloc(q, size, GFP_KERNEL);
		room = ksize(q, p);
		assert_true(room >= size && (room < 2 * size || room == 8));
		memset(p, 0xaa, room);
		kfree(q, p);
	}
	for (unsigned int i = 0; i < 4; i++) {
		p = kmalloc(q, 70, kinds[i]);
		assert_string_equal(virt_to_page(q, p)->slab_cache->name, caches[i]);
		if (kinds[i] & __GFP_DMA)
			assert_true(virt_to_pfn(q, p) < (16 << 20) / PAGE_SIZE);
		kfree(q, p);
	}
	p = kzalloc(q, 100, GFP_KERNEL);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(p[i], 0);
	kfree(q, p);
	/* Pages. */
	before = global_node_page_state(q, NR_SLAB_UNRECLAIMABLE);
	p = kzalloc(q, 9000, GFP_KERNEL);
	assert_int_equal(ksize(q, p), 16384);
	assert_int_equal(global_node_page_state(q, NR_SLAB_UNRECLAIMABLE), before + 4);
	assert_int_equal(p[8999], 0);
	assert_int_equal(lower_verify(l), 0);
	kfree(q, p);
	assert_int_equal(global_node_page_state(q, NR_SLAB_UNRECLAIMABLE), before);
	assert_null(kmalloc(q, (PAGE_SIZE << (MAX_ORDER - 1)) + 1, GFP_KERNEL));
	assert_non_null(kmalloc(q, 0, GFP_KERNEL));
	assert_int_equal(ksize(q, ZERO_SIZE_PTR), 0);
	kfree(q, ZERO_SIZE_PTR);
	kfree(q, NULL);
	lower_end(l);
}

static void test_no_memory(void **state)
{
	struct lower *l = lower_boot(2, 64, 1);
	struct quire *q = l->q;
	struct kmem_cache *s = find_kmem_cache(q, "names_cache");
	void *object;

	(void)state;
	l->fail_after = 0;
	assert_null(kmem_cache_alloc(q, s, GFP_KERNEL));
	assert_null(kmem_cache_zalloc(q, s, GFP_KERNEL));
	assert_null(kmalloc(q, 10000, GFP_KERNEL));
	assert_true(l->nr_failed >= 4); /* the preferred order, then the smallest */
	l->fail_after = -1;
	assert_int_equal(lower_verify(l), 0);
	/* Making a cache fails at each step, and nothing stays behind. */
	for (long n = 0; n < 4; n++) {
		struct kmem_cache *made;

		for_each_node (q, nid)
			kmem_cache_shrink(q, q->slab->kmem_cache_node);
		kmem_cache_shrink(q, q->slab->kmem_cache);
		l->fail_after = n;
		made = kmem_cache_create(q, "fails", 5000, 0, 0, NULL);
		l->fail_after = -1;
		if (made)
			assert_int_equal(kmem_cache_destroy(q, made), 0);
		assert_int_equal(lower_verify(l), 0);
	}
	/* The memory of one order only: the slab is smaller. */
	l->fail_after = -1;
	object = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_non_null(object);
	kmem_cache_free(q, s, object);
	lower_end(l);
}

static unsigned int largest_order;
static bool fail_large(struct quire *q, gfp_t gfp, unsigned int order, void *ctx)
{
	(void)q;
	(void)gfp;
	(void)ctx;
	return order > largest_order;
}

static void test_smaller_slabs(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct kmem_cache *s = kmem_cache_create(l->q, "small", 700, 0, 0, NULL);
	void *objects[64];

	(void)state;
	assert_true(s->order > s->min_order);
	largest_order = 0;
	set_fail_alloc(l->q, fail_large, l->q->page->fail_ctx);
	for (int i = 0; i < 32; i++)
		assert_non_null(objects[i] = kmem_cache_alloc(l->q, s, GFP_KERNEL));
	assert_int_equal(virt_to_page(l->q, objects[0])->objects, s->min_objects);
	largest_order = MAX_ORDER;
	for (int i = 32; i < 64; i++)
		assert_non_null(objects[i] = kmem_cache_alloc(l->q, s, GFP_KERNEL));
	assert_int_equal(lower_verify(l), 0);
	for (int i = 0; i < 64; i++)
		kmem_cache_free(l->q, s, objects[i]);
	kmem_cache_shrink(l->q, s);
	assert_int_equal(s->node[0]->nr_slabs, 0);
	lower_end(l);
}

static void test_reclaimed_slab(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct kmem_cache *s = find_kmem_cache(l->q, "dentry");
	unsigned long before = global_node_page_state(l->q, NR_SLAB_RECLAIMABLE);
	void *object = kmem_cache_alloc(l->q, s, GFP_KERNEL);

	(void)state;
	assert_int_equal(global_node_page_state(l->q, NR_SLAB_RECLAIMABLE), before + 1);
	kmem_cache_free(l->q, s, object);
	l->ctx.reclaimed_slab = 0;
	kmem_cache_shrink(l->q, s);
	assert_int_equal(l->ctx.reclaimed_slab, 1);
	lower_end(l);
}

static void test_mempool(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct kmem_cache *s = kmem_cache_create(l->q, "pooled", 4096, 0, 0, NULL);
	struct mempool *pool = mempool_create(l->q, 3, s);
	void *objects[3];

	(void)state;
	assert_int_equal(kmem_cache_objects_in_use(l->q, s), 3);
	/* Use up what the slab has, then let nothing more come. */
	void *rest[64];
	unsigned int nr = 0;
	l->fail_after = 0;
	while ((rest[nr] = kmem_cache_alloc(l->q, s, GFP_NOWAIT)))
		nr++;
	for (int i = 0; i < 3; i++)
		assert_non_null(objects[i] = mempool_alloc(l->q, pool, GFP_KERNEL));
	assert_null(mempool_alloc(l->q, pool, GFP_NOWAIT));
	mempool_free(l->q, pool, objects[0]);
	assert_ptr_equal(mempool_alloc(l->q, pool, GFP_KERNEL), objects[0]);
	l->fail_after = -1;
	for (int i = 0; i < 3; i++)
		mempool_free(l->q, pool, objects[i]);
	while (nr)
		kmem_cache_free(l->q, s, rest[--nr]);
	mempool_destroy(l->q, pool);
	assert_int_equal(kmem_cache_objects_in_use(l->q, s), 0);
	lower_end(l);
}

static void test_shrinkers(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct shrinker a = {.name = "a", .nr_deferred = {7}}, b = {.name = "b"};

	(void)state;
	register_shrinker(l->q, &a);
	register_shrinker(l->q, &b);
	assert_int_equal(a.nr_deferred[0], 0);
	assert_ptr_equal(list_first_entry(shrinker_list(l->q), struct shrinker, list), &a);
	unregister_shrinker(l->q, &a);
	assert_ptr_equal(list_first_entry(shrinker_list(l->q), struct shrinker, list), &b);
	unregister_shrinker(l->q, &b);
	assert_true(list_empty(shrinker_list(l->q)));
	lower_end(l);
}

/* ---- random operations beside a naive model ----------------------------------- */

#define MAX_LIVE 3000

struct live {
	unsigned char *object;
	unsigned int cache, size;
	unsigned char pattern;
};

static void fill(struct live *o, struct prng *rng)
{
	o->pattern = (unsigned char)prng_u64(rng);
	memset(o->object, o->pattern, o->size);
}

static void check(const struct live *o)
{
	for (unsigned int i = 0; i < o->size; i++)
		if (o->object[i] != o->pattern)
			fail_msg("byte %u of an object of %u is 0x%x, not 0x%x", i, o->size,
				 o->object[i], o->pattern);
}

static int by_address(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	return x->object < y->object ? -1 : x->object > y->object;
}

static void check_apart(const struct live *live, unsigned int nr)
{
	struct live *sorted = malloc(sizeof(*sorted) * (nr + 1));

	memcpy(sorted, live, sizeof(*sorted) * nr);
	qsort(sorted, nr, sizeof(*sorted), by_address);
	for (unsigned int i = 1; i < nr; i++)
		assert_true(sorted[i - 1].object + sorted[i - 1].size <= sorted[i].object);
	free(sorted);
}

static void run_random(u64 seed)
{
	static const unsigned int sizes[] = {8, 24, 104, 192, 640, 1152, 2304, 4096, 0};
	struct lower *l = lower_boot(2, 96, 3);
	struct quire *q = l->q;
	struct kmem_cache *caches[ARRAY_SIZE(sizes)] = {NULL};
	struct live *live = calloc(MAX_LIVE, sizeof(*live));
	unsigned int nr = 0, per_cache[ARRAY_SIZE(sizes)] = {0};
	struct prng rng;

	prng_seed(&rng, seed);
	for (unsigned int i = 0; sizes[i]; i++) {
		char name[32];

		snprintf(name, sizeof(name), "random-%u", sizes[i]);
		caches[i] = kmem_cache_create(q, name, sizes[i], 0, 0, NULL);
	}
	for (unsigned int step = 0; step < 60000; step++) {
		u64 what = prng_below(&rng, 1000);
		/* Tides: it fills and empties. */
		bool grow = (step / 5000) % 2 == 0;

		l->ctx.cpu = (unsigned int)prng_below(&rng, q->nr_cpus);
		if (what < (grow ? 600u : 380u) && nr < MAX_LIVE) {
			struct live *o = &live[nr];
			int nid = prng_below(&rng, 4) ? -1 : (int)prng_below(&rng, 2);

			o->cache = (unsigned int)prng_below(&rng, ARRAY_SIZE(sizes));
			o->size = sizes[o->cache];
			l->fail_after = prng_below(&rng, 20) ? -1 : 0;
			if (o->size) {
				o->object =
					kmem_cache_alloc_node(q, caches[o->cache], GFP_KERNEL, nid);
			} else {
				o->size = (unsigned int)prng_range(
					&rng, 1, prng_below(&rng, 9) ? 500 : 20000);
				o->object = kmalloc_node(q, o->size, GFP_KERNEL, nid);
			}
			if (!o->object)
				assert_int_equal(l->fail_after, 0);
			l->fail_after = -1;
			if (!o->object)
				continue;
			fill(o, &rng);
			per_cache[o->cache]++;
			nr++;
		} else if (what < 990 && nr) {
			unsigned int i = (unsigned int)prng_below(&rng, nr);

			check(&live[i]);
			if (caches[live[i].cache])
				kmem_cache_free(q, caches[live[i].cache], live[i].object);
			else
				kfree(q, live[i].object);
			per_cache[live[i].cache]--;
			live[i] = live[--nr];
		} else if (what < 995) {
			struct kmem_cache *s = caches[prng_below(&rng, ARRAY_SIZE(sizes) - 1)];

			kmem_cache_shrink(q, s);
		}
		if (step % 6000 == 5999) {
			if (lower_verify(l))
				fail_msg("step %u:\n%s", step, l->report);
			check_apart(live, nr);
			for (unsigned int i = 0; caches[i]; i++)
				assert_int_equal(kmem_cache_objects_in_use(q, caches[i]),
						 per_cache[i]);
		}
	}
	while (nr--) {
		check(&live[nr]);
		kfree(q, live[nr].object);
	}
	for (unsigned int i = 0; caches[i]; i++)
		assert_int_equal(kmem_cache_destroy(q, caches[i]), 0);
	free(live);
	lower_end(l);
}

static void test_random(void **state)
{
	const char *given = getenv("SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20261123;

	(void)state;
	for (int i = 0; i < 3; i++) {
		print_message("seed %lu\n", seed + (u64)i);
		run_random(seed + (u64)i);
	}
}

/* ---- what stops the machine, and what the verifier sees ----------------------- */

static void test_bad_frees(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct kmem_cache *a = kmem_cache_create(l->q, "a", 64, 0, 0, NULL);
	struct kmem_cache *b = kmem_cache_create(l->q, "b", 64, 0, 0, NULL);
	void *object = kmem_cache_alloc(l->q, a, GFP_KERNEL);

	(void)state;
	assert_true(lower_panics(l, kmem_cache_free(l->q, b, object)));
	kmem_cache_free(l->q, a, object);
	assert_true(lower_panics(l, kmem_cache_free(l->q, a, object)));
	/* The panic left the CPU's lock held. */
	l->ctx.nr_held = 0;
	a->cpu_slab[0].lock.raw.held = 0;
	lower_end(l);
}

static void test_broken(void **state)
{
	struct lower *l = lower_boot(1, 128, 1);
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "broken", 512, 0, 0, NULL);
	struct kmem_cache_cpu *c = &s->cpu_slab[0];
	struct kmem_cache_node *n = s->node[0];
	unsigned int nr = s->objects * 40;
	void **objects = calloc(nr, sizeof(*objects)), *f;
	struct page *page;

	(void)state;
	for (unsigned int i = 0; i < nr; i++)
		objects[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	for (unsigned int i = 0; i < nr; i++)
		if (i % s->objects < 3)
			kmem_cache_free(q, s, objects[i]);
	/* All three places have slabs now. */
	assert_non_null(c->partial);
	assert_true(n->nr_partial > 2);
	f = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_non_null(c->slab);
	assert_non_null(c->freelist);
	page = list_first_entry(&n->partial, struct page, lru);

	BREAK(l, page->slab_cache, (struct kmem_cache *)objects, "belongs to no cache");
	BREAK(l, page->objects, 0, "can't have 0 objects");
	BREAK(l, page->objects, 9999, "can't have 9999 objects");
	BREAK(l, page->inuse, (u16)(page->inuse + 1), "in use and");
	BREAK(l, page->freelist, (char *)page->freelist + 8, "leads outside");
	BREAK(l, *(void **)((char *)page->freelist + s->offset), page->freelist, "free twice");
	BREAK(l, *(void **)((char *)c->freelist + s->offset), c->freelist, "free twice");
	BREAK(l, c->freelist, page->freelist, "CPU's free list of slab");
	BREAK(l, page->frozen, 1, "partial list is frozen");
	BREAK(l, page->freelist, NULL, "partial list is full");
	BREAK(l, n->nr_slabs, n->nr_slabs + 1, "slabs and has");
	BREAK(l, n->total_objects, n->total_objects - 1, "objects and has");
	BREAK(l, n->nr_partial, n->nr_partial + 1, "partial slabs and has");
	BREAK(l, c->slab->frozen, 0, "is not frozen or not its own");
	BREAK(l, c->slab, NULL, "has free objects without a slab");
	BREAK(l, c->partial->frozen, 0, "that is not partial and frozen");
	BREAK(l, c->nr_partial, c->nr_partial + 1, "CPU 0 counts");
	BREAK(l, NODE_DATA(q, 0)->vm_stat[NR_SLAB_UNRECLAIMABLE],
	      NODE_DATA(q, 0)->vm_stat[NR_SLAB_UNRECLAIMABLE] + 1,
	      "pages of nr_slab_unreclaimable");
	BREAK(l, NODE_DATA(q, 0)->vm_stat[NR_SLAB_RECLAIMABLE],
	      NODE_DATA(q, 0)->vm_stat[NR_SLAB_RECLAIMABLE] + 1, "pages of nr_slab_reclaimable");
	BREAK(l, q->slab->large_pages[0], q->slab->large_pages[0] + 4, "nr_slab_unreclaimable");
	/* A partial slab that is lost. */
	list_del(&page->lru);
	n->nr_partial--;
	lower_expect_broken(l, "of them on its list");
	add_partial(n, page, false);
	/* A page on the list that is no slab of it. */
	ClearPageSlab(page);
	lower_expect_broken(l, "is not its slab");
	SetPageSlab(page);

	kmem_cache_free(q, s, f);
	for (unsigned int i = 0; i < nr; i++)
		if (i % s->objects >= 3)
			kmem_cache_free(q, s, objects[i]);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	free(objects);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders_are_linux),
		cmocka_unit_test(test_boot_caches),
		cmocka_unit_test(test_claim_and_destroy),
		cmocka_unit_test(test_ctor),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_partial_lists),
		cmocka_unit_test(test_kmalloc),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_smaller_slabs),
		cmocka_unit_test(test_reclaimed_slab),
		cmocka_unit_test(test_mempool),
		cmocka_unit_test(test_shrinkers),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_bad_frees),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
