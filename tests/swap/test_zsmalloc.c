/* SPDX-License-Identifier: MIT */
/*
 * zsmalloc: Linux's size classes; random sizes and contents against a copy;
 * limits; failing allocations; its invariants, broken.
 */
#include "tests/swap/swaptest.h"

#define NR_OBJS 3000

struct object {
	unsigned long handle;
	u16 len;
	u64 seed;
};

static void fill_bytes(u8 *buf, size_t len, u64 seed)
{
	for (size_t i = 0; i < len; i += 8) {
		u64 word = prng_splitmix64(&seed);

		memcpy(buf + i, &word, min(len - i, (size_t)8));
	}
}

static void check_object(struct quire *q, struct zs_pool *pool, const struct object *o)
{
	u8 want[PAGE_SIZE], got[PAGE_SIZE];

	fill_bytes(want, o->len, o->seed);
	zs_obj_read(q, pool, o->handle, got, o->len);
	assert_memory_equal(want, got, o->len);
}

/* The pool of zswap, which the verifier knows. */
static struct zs_pool *the_pool(struct testbox *t)
{
	assert_int_equal(zswap_set_zpool(t->q, "zsmalloc"), 0);
	return t->q->swap->zswap->pool;
}

static void random_objects(struct testbox *t, void *arg)
{
	static struct object objs[NR_OBJS];
	struct zs_pool *pool = the_pool(t);
	unsigned long bytes = 0, nr = 0;
	struct quire *q = t->q;
	u8 buf[PAGE_SIZE];

	(void)arg;
	memset(objs, 0, sizeof(objs));
	for (int i = 0; i < 40000; i++) {
		struct object *o = &objs[prng_below(&t->rng, NR_OBJS)];

		if (o->handle) {
			check_object(q, pool, o);
			zs_free(q, pool, o->handle);
			o->handle = 0;
			bytes -= o->len;
			nr--;
			continue;
		}
		/* In the second half frees outweigh, so chains run empty. */
		if (i > 20000 && prng_below(&t->rng, 4))
			continue;
		o->len = (u16)prng_range(&t->rng, 1, PAGE_SIZE);
		o->seed = prng_u64(&t->rng);
		o->handle = zs_malloc(q, pool, o->len, GFP_KERNEL);
		assert_false(zs_is_err(o->handle));
		fill_bytes(buf, o->len, o->seed);
		zs_obj_write(q, pool, o->handle, buf, o->len);
		bytes += o->len;
		nr++;
		assert_true(zs_get_total_pages(pool) * PAGE_SIZE >= bytes);
		if (i == 20000) {
			unsigned long inuse = 0;

			/* Tightly packed: less than a quarter is lost. */
			assert_true(zs_get_total_pages(pool) * PAGE_SIZE < bytes + bytes / 4);
			for (unsigned int c = 0; c < ZS_SIZE_CLASSES; c++)
				if (pool->size_class[c]->index == c)
					inuse += pool->size_class[c]->objs_inuse;
			assert_int_equal(inuse, nr);
		}
	}
	for (int i = 0; i < NR_OBJS; i++) {
		if (!objs[i].handle)
			continue;
		check_object(q, pool, &objs[i]);
		zs_free(q, pool, objs[i].handle);
	}
	assert_int_equal(zs_get_total_pages(pool), 0);
	assert_int_equal(global_zone_page_state(q, NR_ZSPAGES), 0);
}

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.swap_mb = 8});
}

static void test_random(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_call(t, random_objects, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* Values that a kernel 6.1 shows in /sys/kernel/debug/zsmalloc/zswap1/classes. */
static void test_classes(void **state)
{
	static const struct {
		unsigned int size, objs, pages;
	} linux_61[] = {
		{32, 128, 1}, {48, 256, 3}, {64, 64, 1},  {96, 128, 3}, {128, 32, 1}, {176, 93, 4},
		{192, 64, 3}, {2048, 2, 1}, {2720, 3, 2}, {3264, 5, 4}, {4096, 1, 1},
	};
	struct testbox *t = box();
	struct zs_pool *pool = the_pool(t);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(linux_61); i++) {
		const struct size_class *c =
			pool->size_class[(linux_61[i].size - ZS_MIN_ALLOC_SIZE) /
					 ZS_SIZE_CLASS_DELTA];

		assert_int_equal(c->size, linux_61[i].size);
		assert_int_equal(c->objs_per_zspage, linux_61[i].objs);
		assert_int_equal(c->pages_per_zspage, linux_61[i].pages);
	}
	testbox_verify(t);
	testbox_free(t);
}

/* Half of the objects go, at random; compaction gives back nearly half of the frames, the
 * others are what they were.  What is mapped does not move. */
static void compaction(struct testbox *t, void *arg)
{
	static struct object objs[NR_OBJS];
	struct zs_pool *pool = the_pool(t);
	unsigned long before, least, freed;
	struct quire *q = t->q;
	struct zspage *pin;
	const void *mapped;
	u8 buf[PAGE_SIZE];

	(void)arg;
	pool->bytes_kept = PAGE_SIZE; /* the model keeps 8 of a compressed page */
	for (unsigned int i = 0; i < NR_OBJS; i++) {
		struct object *o = &objs[i];

		o->len = (u16)prng_range(&t->rng, 100, 2000);
		o->seed = i + 1;
		o->handle = zs_malloc(q, pool, o->len, GFP_KERNEL);
		assert_false(zs_is_err(o->handle));
		fill_bytes(buf, o->len, o->seed);
		zs_obj_write(q, pool, o->handle, buf, o->len);
	}
	assert_int_equal(zs_compact(q, pool), 0);
	before = zs_get_total_pages(pool);
	for (unsigned int i = 1; i < NR_OBJS; i++) {
		if (prng_below(&t->rng, 2)) {
			zs_free(q, pool, objs[i].handle);
			objs[i].handle = 0;
		}
	}
	least = zs_get_total_pages(pool) - zs_compactable(pool);
	mapped = zs_obj_map(q, pool, objs[0].handle, buf, objs[0].len, &pin);
	freed = zs_compact(q, pool);
	assert_true(freed > before / 4 && pool->pages_compacted == freed);
	/* All that could go, but for the chain that is pinned. */
	assert_in_range(zs_get_total_pages(pool), least, least + ZS_MAX_PAGES_PER_ZSPAGE);
	if (mapped != buf) {
		u8 want[PAGE_SIZE];

		fill_bytes(want, objs[0].len, objs[0].seed);
		assert_memory_equal(mapped, want, objs[0].len);
	}
	zs_obj_unmap(pin);
	(void)zs_compact(q, pool);
	assert_int_equal(zs_get_total_pages(pool), least);
	for (unsigned int i = 0; i < NR_OBJS; i++) {
		if (!objs[i].handle)
			continue;
		check_object(q, pool, &objs[i]);
		zs_free(q, pool, objs[i].handle);
	}
	assert_int_equal(zs_get_total_pages(pool), 0);
}

static void test_compaction(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_call(t, compaction, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void limits(struct testbox *t, void *arg)
{
	struct zs_pool *pool = the_pool(t);
	unsigned int failed = 0;
	unsigned long h, missed = 1;

	(void)arg;
	assert_int_equal((long)zs_malloc(t->q, pool, 0, GFP_KERNEL), -ENOSPC);
	assert_int_equal((long)zs_malloc(t->q, pool, PAGE_SIZE + 1, GFP_KERNEL), -ENOSPC);
	/* Of a class of four frames, each may be the one that is missing; the
	 * slab has its objects in hand. */
	zs_free(t->q, pool, zs_malloc(t->q, pool, 1, GFP_KERNEL));
	for (unsigned long n = 1; n < 20; n++) {
		testbox_fail_alloc(t, n);
		h = zs_malloc(t->q, pool, 3264 - ZS_HANDLE_SIZE, GFP_KERNEL);
		missed = t->failed;
		testbox_fail_alloc(t, 0);
		t->failed = 0;
		if (!zs_is_err(h)) {
			assert_int_equal(zs_get_total_pages(pool), 4);
			zs_free(t->q, pool, h);
		} else {
			assert_int_equal((long)h, -ENOMEM);
			failed++;
		}
		assert_int_equal(zs_get_total_pages(pool), 0);
		if (!missed)
			break;
	}
	assert_true(failed >= 4 && !missed);
}

static void test_limits(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_call(t, limits, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void one_object(struct testbox *t, void *arg)
{
	*(unsigned long *)arg = zs_malloc(t->q, the_pool(t), 64 - ZS_HANDLE_SIZE, GFP_KERNEL);
	assert_false(zs_is_err(*(unsigned long *)arg));
}

static void free_object(struct testbox *t, void *arg)
{
	zs_free(t->q, the_pool(t), *(unsigned long *)arg);
}

static void test_verify(void **state)
{
	struct testbox *t = box();
	struct zs_pool *pool = the_pool(t);
	struct size_class *c = pool->size_class[(64 - ZS_MIN_ALLOC_SIZE) / ZS_SIZE_CLASS_DELTA];
	struct zspage *z;
	unsigned long handle, word;

	(void)state;
	testbox_call(t, one_object, &handle);
	/* No entry of zswap owns it. */
	testbox_verify_reports(t, "0 compressed entries, 0 on the LRU list, 1 objects");
	z = list_first_entry(&c->fullness_list[ZS_ALMOST_EMPTY], struct zspage, list);
	pool->pages_allocated++;
	testbox_verify_reports(t, "zsmalloc: 1 frames, counted 2");
	pool->pages_allocated--;
	c->objs_inuse++;
	testbox_verify_reports(t, "objects in use, counted 2 of");
	c->objs_inuse--;
	testbox_verify_reports(t, "the entries' handles are not those of the objects");
	z->inuse++;
	testbox_verify_reports(t, "1 in use,");
	z->inuse--;
	c->nr_zspages[ZS_FULL]++;
	testbox_verify_reports(t, "0 chains on list 3, counted 1");
	c->nr_zspages[ZS_FULL]--;
	list_move(&z->list, &c->fullness_list[ZS_FULL]);
	testbox_verify_reports(t, "a chain is on the wrong list");
	list_move(&z->list, &c->fullness_list[ZS_ALMOST_EMPTY]);
	word = *(unsigned long *)handle;
	*(unsigned long *)handle = word + 1;
	testbox_verify_reports(t, "handle leads elsewhere");
	*(unsigned long *)handle = word;
	__ClearPageType(z->first_page, PG_zsmalloc);
	testbox_verify_reports(t, "is not of type zsmalloc");
	__SetPageType(z->first_page, PG_zsmalloc);
	mod_zone_page_state(page_zone(t->q, z->first_page), NR_ZSPAGES, 1);
	testbox_verify_reports(t, "nr_zspages says 2");
	mod_zone_page_state(page_zone(t->q, z->first_page), NR_ZSPAGES, -1);
	testbox_call(t, free_object, &handle);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	   cmocka_unit_test(test_classes),
		cmocka_unit_test(test_compaction), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
