/* SPDX-License-Identifier: MIT */
/*
 * Caches beyond alloc and free: merging, bulk calls, what may be copied to
 * users, grace periods, and what is made of kmalloc().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "slab/impl.h"
#include "tests/lib/lower.h"

static struct lower *boot_merging(void)
{
	struct quire_config cfg = {.nr_nodes = 1, .seed = 1, .slab_merge = true};

	cfg.node[0].size_bytes = 64 << 20;
	cfg.node[0].nr_cpus = 2;
	return lower_boot_config(cfg);
}

static void count(struct quire *q, struct kmem_cache *s, void *ctx)
{
	(void)q;
	(void)s;
	++*(unsigned int *)ctx;
}

static void ctor(void *object)
{
	memset(object, 1, 8);
}

static void test_merging(void **state)
{
	struct lower *l = boot_merging();
	struct quire *q = l->q;
	struct kmem_cache *a, *b, *c;
	unsigned int nr = 0, nr_after = 0;
	char id[32];
	void *p;

	(void)state;
	slab_for_each_cache(q, count, &nr);
	a = kmem_cache_create(q, "a", 1000, 0, 0, NULL);
	b = kmem_cache_create(q, "b", 1000, 8, 0, NULL);
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_ptr_equal(find_kmem_cache(q, "b"), a);
	assert_int_equal(a->refcount, 2);
	/* A name is taken, whoever's it is. */
	assert_null(kmem_cache_create(q, "b", 500, 0, 0, NULL));
	/* Not of these: another kind, a constructor, too large, copied to users. */
	c = kmem_cache_create(q, "c", 1000, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	assert_ptr_not_equal(c, a);
	slab_unique_id(c, id, sizeof(id));
	assert_string_equal(id, ":a-0001000");
	assert_int_equal(kmem_cache_destroy(q, c), 0);
	c = kmem_cache_create(q, "c", 1000, 0, 0, ctor);
	assert_ptr_not_equal(c, a);
	assert_int_equal(kmem_cache_destroy(q, c), 0);
	c = kmem_cache_create(q, "c", 1008, 0, 0, NULL);
	assert_ptr_not_equal(c, a);
	assert_int_equal(kmem_cache_destroy(q, c), 0);
	c = kmem_cache_create(q, "c", 1000, 0, SLAB_NO_MERGE, NULL);
	assert_ptr_not_equal(c, a);
	assert_int_equal(kmem_cache_destroy(q, c), 0);
	c = kmem_cache_create_usercopy(q, "c", 1000, 0, 0, 8, 16, NULL);
	assert_ptr_not_equal(c, a);
	assert_int_equal(kmem_cache_destroy(q, c), 0);
	/* A little smaller fits. */
	c = kmem_cache_create(q, "c", 996, 0, 0, NULL);
	assert_ptr_equal(c, a);
	slab_unique_id(a, id, sizeof(id));
	assert_string_equal(id, ":0001000");
	p = kmem_cache_zalloc(q, b, GFP_KERNEL);
	assert_int_equal(kmem_cache_destroy(q, b), 0);
	assert_int_equal(kmem_cache_destroy(q, c), 0);
	assert_int_equal(kmem_cache_destroy(q, a), -EBUSY);
	kmem_cache_free(q, a, p);
	assert_int_equal(kmem_cache_destroy(q, a), 0);
	assert_null(find_kmem_cache(q, "b"));
	slab_for_each_cache(q, count, &nr_after);
	assert_int_equal(nr, nr_after);
	lower_end(l);
}

/* The boot table merges too, and its owners find their caches. */
static void test_boot_table_merges(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	unsigned int nr = 0, merged = 0;
	struct kmem_cache *dentry, *pid;

	(void)state;
	slab_for_each_cache(l->q, count, &nr);
	lower_end(l);
	l = boot_merging();
	slab_for_each_cache(l->q, count, &merged);
	assert_true(merged + 20 < nr);
	dentry = kmem_cache_create(l->q, "dentry", 192, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	assert_non_null(dentry);
	pid = kmem_cache_create(l->q, "pid", 128, 0, SLAB_HWCACHE_ALIGN, NULL);
	assert_non_null(pid);
	assert_true(kmem_cache_size(pid) >= 128);
	assert_non_null(find_kmem_cache(l->q, "TCP"));
	lower_end(l);
}

static void test_bulk(void **state)
{
	struct lower *l = lower_boot(2, 64, 2);
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "bulk", 200, 0, 0, NULL);
	void *p[300];

	(void)state;
	for (unsigned int n = 0; n <= 300; n += n < 20 ? 1 : 70) {
		assert_int_equal(kmem_cache_alloc_bulk(q, s, GFP_KERNEL | __GFP_ZERO, n, p), n);
		for (unsigned int i = 0; i < n; i++) {
			for (unsigned int b = 0; b < 200; b++)
				assert_int_equal(((char *)p[i])[b], 0);
			memset(p[i], (int)i, 200);
		}
		assert_int_equal(kmem_cache_objects_in_use(q, s), n);
		for (unsigned int i = 0; i < n; i++)
			assert_int_equal(*(unsigned char *)p[i], i & 255);
		l->ctx.cpu = n % 4;
		kmem_cache_free_bulk(q, n & 1 ? s : NULL, n, p);
		assert_int_equal(kmem_cache_objects_in_use(q, s), 0);
		l->ctx.cpu = 0;
	}
	/* All or nothing. */
	(void)kmem_cache_shrink(q, s);
	l->fail_after = 2;
	assert_int_equal(kmem_cache_alloc_bulk(q, s, GFP_KERNEL, 300, p), 0);
	l->fail_after = -1;
	assert_int_equal(kmem_cache_objects_in_use(q, s), 0);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_usercopy(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create_usercopy(q, "copied", 100, 0, 0, 20, 30, NULL);
	char *p = kmem_cache_alloc(q, s, GFP_KERNEL), *k = kmalloc(q, 100, GFP_KERNEL), *big;

	(void)state;
	assert_null(kmem_cache_create_usercopy(q, "x", 100, 0, 0, 80, 30, NULL));
	assert_true(check_heap_object(q, p + 20, 30));
	assert_true(check_heap_object(q, p + 49, 1));
	assert_false(check_heap_object(q, p + 19, 2));
	assert_false(check_heap_object(q, p + 20, 31));
	assert_false(check_heap_object(q, p, 1));
	assert_true(check_heap_object(q, k, 128));
	assert_false(check_heap_object(q, k, 129));
	big = kmalloc(q, 20000, GFP_KERNEL);
	assert_true(check_heap_object(q, big + 100, 32768 - 100));
	assert_false(check_heap_object(q, big + 100, 32768));
	assert_false(check_heap_object(q, q, 1));
	kfree(q, big);
	kfree(q, k);
	kmem_cache_free(q, s, p);
	lower_end(l);
}

static unsigned int nr_called;
static void called(struct quire *q, struct rcu_head *head)
{
	(void)q;
	(void)head;
	nr_called++;
}

static void test_grace_periods(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	struct rcu_head a, b, c;
	unsigned int idx, idx2;

	(void)state;
	nr_called = 0;
	call_rcu(q, &a, called);
	assert_int_equal(nr_called, 1);
	idx = rcu_read_lock(q);
	call_rcu(q, &a, called);
	assert_int_equal(nr_called, 1);
	/* Who begins to read later does not hold it up. */
	idx2 = rcu_read_lock(q);
	call_rcu(q, &b, called);
	rcu_read_unlock(q, idx);
	(void)rcu_poll(q);
	assert_int_equal(nr_called, 2);
	assert_int_equal(rcu_pending(q), 1);
	rcu_read_unlock(q, idx2);
	call_rcu(q, &c, called);
	assert_int_equal(nr_called, 4);
	assert_int_equal(rcu_pending(q), 0);
	synchronize_rcu(q);
	rcu_barrier(q);
	lower_end(l);
}

struct late {
	long data[4];
	struct rcu_head rcu;
};

static void test_freed_late(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "typesafe", 500, 0, SLAB_TYPESAFE_BY_RCU, ctor);
	struct late *late = kmalloc(q, sizeof(*late), GFP_KERNEL);
	unsigned long slabs, before = global_node_page_state(q, NR_SLAB_UNRECLAIMABLE);
	unsigned int idx;
	void *p[100];

	(void)state;
	idx = rcu_read_lock(q);
	late->data[0] = 7;
	kfree_rcu(q, late, rcu);
	assert_int_equal(late->data[0], 7);
	for (unsigned int i = 0; i < 100; i++)
		p[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	slabs = s->node[0]->nr_slabs;
	for (unsigned int i = 0; i < 100; i++)
		kmem_cache_free(q, s, p[i]);
	assert_true(kmem_cache_shrink(q, s) > 0);
	/* Its slabs are gone from the cache, and still what they were. */
	assert_int_equal(s->node[0]->nr_slabs, 0);
	assert_true(global_node_page_state(q, NR_SLAB_UNRECLAIMABLE) >= before + slabs);
	assert_ptr_equal(virt_to_slab(q, p[0])->slab_cache, s);
	assert_int_equal(*(char *)p[50], 1);
	assert_int_equal(lower_verify(l), 0);
	rcu_read_unlock(q, idx);
	assert_true(rcu_poll(q) > 1);
	assert_int_equal(global_node_page_state(q, NR_SLAB_UNRECLAIMABLE), before);
	assert_false(PageSlab(virt_to_page(q, p[0])));
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_kmalloc_family(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	char *p, *text;

	(void)state;
	p = krealloc(q, NULL, 10, GFP_KERNEL);
	memcpy(p, "123456789", 10);
	assert_ptr_equal(krealloc(q, p, 16, GFP_KERNEL), p);
	p = krealloc(q, p, 17, GFP_KERNEL);
	assert_string_equal(p, "123456789");
	/* No memory: the old one stays. */
	l->fail_after = 0;
	assert_null(krealloc(q, p, 100000, GFP_KERNEL));
	l->fail_after = -1;
	assert_string_equal(p, "123456789");
	p = krealloc(q, p, 20000, GFP_KERNEL);
	assert_string_equal(p, "123456789");
	text = kstrdup(q, p, GFP_KERNEL);
	assert_string_equal(text, p);
	assert_ptr_equal(krealloc(q, p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	kfree_sensitive(q, text);
	kfree_sensitive(q, NULL);
	assert_int_equal(text[0] & 0, 0);
	assert_null(kstrdup(q, NULL, GFP_KERNEL));
	p = kcalloc(q, 10, 100, GFP_KERNEL);
	for (unsigned int i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	kfree(q, p);
	assert_null(kmalloc_array(q, SIZE_MAX / 2, 3, GFP_KERNEL));
	assert_int_equal(kmalloc_size_roundup(q, 0), 0);
	assert_int_equal(kmalloc_size_roundup(q, 65), 96);
	assert_int_equal(kmalloc_size_roundup(q, 8192), 8192);
	assert_int_equal(kmalloc_size_roundup(q, 8193), 16384);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merging),	       cmocka_unit_test(test_boot_table_merges),
		cmocka_unit_test(test_bulk),	       cmocka_unit_test(test_usercopy),
		cmocka_unit_test(test_grace_periods),  cmocka_unit_test(test_freed_late),
		cmocka_unit_test(test_kmalloc_family),
	};

	return cmocka_run_group_tests_name("caches", tests, NULL, NULL);
}
