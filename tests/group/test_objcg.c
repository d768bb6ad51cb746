/* SPDX-License-Identifier: MIT */
/*
 * Objects charged to control groups: to the byte, by whom, against limits, after
 * their group is gone; with each implementation of the slab that charges, at random,
 * and every invariant broken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/prng.h"
#include "base/text.h"
#include "group/objcg.h"
#include "slab/memcg.h"
#include "tests/lib/lower.h"

static struct mem_cgroup *current_group;

static struct mem_cgroup *get_current_group(struct quire *q)
{
	(void)q;
	return current_group;
}

static struct lower *boot(int slab, const char *slub_debug)
{
	struct quire_config cfg = {
		.nr_nodes = 2,
		.node = {{.size_bytes = 48ULL << 20, .nr_cpus = 2},
			 {.size_bytes = 48ULL << 20, .nr_cpus = 2}},
		.slab = slab,
		.slub_debug = slub_debug,
		.seed = 1,
	};
	struct lower *l = lower_boot_config(cfg);

	current_group = NULL;
	l->q->group->ops.current_memcg = get_current_group;
	l->q->group->charge_batch = 1; /* pages one by one */
	return l;
}

static long kmem(struct lower *l, struct mem_cgroup *memcg)
{
	return memcg_page_state(l->q, memcg, MEMCG_KMEM);
}

/* Twice: who lets go of a payer's last object has its pages at hand. */
static void drain_all(struct lower *l)
{
	drain_all_stock(l->q, l->q->group->root);
	drain_all_stock(l->q, l->q->group->root);
}

static unsigned long stat_of(struct lower *l, struct mem_cgroup *memcg, const char *name)
{
	char buf[4096], key[64];
	struct text t;
	const char *at;

	text_init(&t, buf, sizeof(buf));
	memory_stat_format(l->q, memcg, &t);
	text_format(key, sizeof(key), "\n%s ", name);
	at = strstr(buf, key);
	assert_non_null(at);
	return strtoul(at + strlen(key), NULL, 10);
}

/* ---- to the byte ----------------------------------------------------------------- */

static void charge_some(int slab, const char *slub_debug)
{
	struct lower *l = boot(slab, slub_debug);
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a");
	struct kmem_cache *s = kmem_cache_create(q, "paid", 152, 0, SLAB_ACCOUNT, NULL);
	void *objects[100];
	unsigned long bytes;

	/* The root's are nobody's. */
	objects[0] = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_int_equal(kmem(l, a), 0);
	kmem_cache_free(q, s, objects[0]);
	current_group = a;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	bytes = ARRAY_SIZE(objects) * obj_full_size(s);
	assert_int_equal(kmem(l, a), (bytes + PAGE_SIZE - 1) / PAGE_SIZE);
	assert_int_equal(a->memory.usage, kmem(l, a));
	assert_int_equal(stat_of(l, a, "kernel"), (unsigned long)kmem(l, a) * PAGE_SIZE);
	/* What memory.stat was not told yet is less than a page and an object. */
	assert_true(stat_of(l, a, "slab_unreclaimable") + PAGE_SIZE + s->size > bytes);
	assert_int_equal(lower_verify(l), 0);
	drain_all_stock(q, a);
	assert_int_equal(stat_of(l, a, "slab_unreclaimable"), bytes);
	assert_int_equal(stat_of(l, a, "slab"), bytes);
	/* Freed by another: it is still a's to get back. */
	current_group = NULL;
	l->ctx.cpu = 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++)
		kmem_cache_free(q, s, objects[i]);
	drain_all_stock(q, a);
	assert_int_equal(stat_of(l, a, "slab_unreclaimable"), 0);
	assert_int_equal(kmem(l, a), 0);
	assert_int_equal(a->memory.usage, 0);
	assert_int_equal(a->objcg->refs, 1);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_bytes(void **state)
{
	(void)state;
	charge_some(QUIRE_SLUB, NULL);
	charge_some(QUIRE_SLAB, NULL);
	charge_some(QUIRE_SLUB, "FZPU");
}

static void test_kmalloc(void **state)
{
	struct lower *l = boot(QUIRE_SLUB, NULL);
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a");
	struct kmem_cache *plain = kmem_cache_create(q, "plain", 64, 0, 0, NULL);
	void *small, *rcl, *large, *object;

	(void)state;
	current_group = a;
	/* Who does not ask is not charged. */
	object = kmalloc(q, 100, GFP_KERNEL);
	assert_int_equal(a->memory.usage, 0);
	kfree(q, object);
	small = kmalloc(q, 100, GFP_KERNEL_ACCOUNT);
	assert_string_equal(virt_to_slab(q, small)->slab_cache->name, "kmalloc-cg-128");
	assert_int_equal(a->memory.usage, 1);
	rcl = kmalloc(q, 100, GFP_KERNEL_ACCOUNT | __GFP_RECLAIMABLE);
	assert_string_equal(virt_to_slab(q, rcl)->slab_cache->name, "kmalloc-rcl-128");
	object = kmem_cache_alloc(q, plain, GFP_KERNEL_ACCOUNT);
	drain_all_stock(q, a);
	assert_int_equal(stat_of(l, a, "slab"), 136 + 136 + 72);
	assert_int_equal(stat_of(l, a, "slab_reclaimable"), 136);
	/* Above the caches: whole pages. */
	large = kmalloc(q, 5 * PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	assert_int_equal(kmem(l, a), 1 + 8);
	assert_int_equal(lower_verify(l), 0);
	kfree(q, large);
	kfree(q, small);
	kfree(q, rcl);
	kmem_cache_free(q, plain, object);
	drain_all_stock(q, a);
	assert_int_equal(a->memory.usage, 0);
	/* Somebody else may be asked to pay. */
	current_group = NULL;
	assert_null(set_active_memcg(q, a));
	small = kmalloc(q, 100, GFP_KERNEL_ACCOUNT);
	assert_ptr_equal(set_active_memcg(q, NULL), a);
	assert_int_equal(a->memory.usage, 1);
	kfree(q, small);
	lower_end(l);
}

/* ---- limits, failures -------------------------------------------------------------- */

static void test_limit(void **state)
{
	struct lower *l = boot(QUIRE_SLUB, NULL);
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a");
	struct kmem_cache *s = kmem_cache_create(q, "paid", 1016, 0, SLAB_ACCOUNT, NULL);
	void *objects[64];
	int nr = 0;

	(void)state;
	mem_cgroup_set_max(q, a, 8);
	current_group = a;
	while ((objects[nr] = kmem_cache_alloc(q, s, GFP_KERNEL | __GFP_NORETRY)))
		nr++;
	/* 1,024 bytes each, to the last byte of eight pages. */
	assert_int_equal(nr, 32);
	assert_int_equal(a->memory.usage, 8);
	assert_true(a->events[MEMCG_MAX] > 0);
	/* Others are not held back; what may not fail passes. */
	current_group = NULL;
	kmem_cache_free(q, s, kmem_cache_alloc(q, s, GFP_KERNEL));
	current_group = a;
	objects[nr++] = kmem_cache_alloc(q, s, GFP_ATOMIC | __GFP_NOFAIL);
	assert_int_equal(a->memory.usage, 9);
	assert_int_equal(lower_verify(l), 0);
	kmem_cache_free_bulk(q, s, (size_t)nr, objects);
	/* Without pages there is no object, and no charge. */
	drain_all_stock(q, a);
	(void)kmem_cache_shrink(q, s);
	l->fail_after = 0;
	assert_null(kmem_cache_alloc(q, s, GFP_KERNEL | __GFP_NORETRY));
	l->fail_after = -1;
	drain_all_stock(q, a);
	assert_int_equal(a->memory.usage, 0);
	assert_int_equal(a->objcg->refs, 1);
	lower_end(l);
}

/* Each page allocation behind a charged object fails in turn: there is an object or
 * none, and the accounts are right. */
static void test_failures(void **state)
{
	struct lower *l = boot(QUIRE_SLUB, NULL);
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a");

	(void)state;
	current_group = a;
	for (long n = 0; n < 6; n++) {
		struct kmem_cache *s = kmem_cache_create(q, "paid", 2000, 0, SLAB_ACCOUNT, NULL);
		void *object;

		l->fail_after = n;
		object = kmem_cache_alloc(q, s, GFP_NOWAIT);
		l->fail_after = -1;
		assert_int_equal(lower_verify(l), 0);
		if (object)
			kmem_cache_free(q, s, object);
		assert_int_equal(kmem_cache_destroy(q, s), 0);
	}
	drain_all_stock(q, a);
	assert_int_equal(a->memory.usage, 0);
	lower_end(l);
}

/* ---- the group goes, its objects stay ---------------------------------------------- */

static void test_reparent(void **state)
{
	struct lower *l = boot(QUIRE_SLUB, NULL);
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");
	struct mem_cgroup *c = mem_cgroup_create(q, b, "c");
	struct kmem_cache *s = kmem_cache_create(q, "paid", 1000, 0, SLAB_ACCOUNT, NULL);
	void *objects[20];

	(void)state;
	current_group = c;
	for (unsigned int i = 0; i < 20; i++)
		objects[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_int_equal(c->memory.usage, 5);
	assert_int_equal(mem_cgroup_remove(q, c), 0);
	/* Nothing holds it: c is gone, and b pays. */
	assert_int_equal(q->group->nr_groups, 3);
	assert_int_equal(b->memory.usage, 5);
	assert_int_equal(lower_verify(l), 0);
	current_group = b;
	kmem_cache_free(q, s, objects[0]);
	objects[0] = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_int_equal(mem_cgroup_remove(q, b), 0);
	assert_int_equal(q->group->nr_groups, 2);
	drain_all_stock(q, q->group->root);
	assert_int_equal(stat_of(l, a, "slab"), 20 * obj_full_size(s));
	assert_int_equal(kmem(l, a), a->memory.usage);
	assert_int_equal(lower_verify(l), 0);
	assert_int_equal(mem_cgroup_remove(q, a), 0);
	assert_int_equal(q->group->nr_groups, 1);
	current_group = NULL;
	if (lower_verify(l))
		fail_msg("%s", l->report);
	kmem_cache_free_bulk(q, s, 20, objects);
	drain_all(l);
	assert_int_equal(q->group->root->memory.usage, 0);
	assert_true(list_empty(&q->group->root->objcgs));
	lower_end(l);
}

/* ---- at random --------------------------------------------------------------------- */

#define LIVE 600

static struct live {
	void *object;
	struct kmem_cache *s; /* NULL: kmalloc'ed */
	unsigned char fill;
	size_t bytes;
} live[LIVE];

static void make(struct lower *l, struct prng *r, struct kmem_cache **caches, struct live *o)
{
	unsigned int kind = (unsigned int)prng_below(r, 4);

	o->s = kind < 3 ? caches[kind] : NULL;
	o->bytes = o->s ? kmem_cache_size(o->s) : 1 + prng_below(r, 3 * PAGE_SIZE);
	o->object = o->s ? kmem_cache_alloc(l->q, o->s, GFP_KERNEL | __GFP_NORETRY)
			 : kmalloc(l->q, o->bytes, GFP_KERNEL_ACCOUNT | __GFP_NORETRY);
	o->fill = (unsigned char)prng_below(r, 256);
	if (o->object)
		memset(o->object, o->fill, o->bytes);
}

static void unmake(struct lower *l, struct live *o)
{
	for (size_t i = 0; i < o->bytes; i++)
		assert_int_equal(((unsigned char *)o->object)[i], o->fill);
	if (o->s)
		kmem_cache_free(l->q, o->s, o->object);
	else
		kfree(l->q, o->object);
	o->object = NULL;
}

static void random_run(u64 seed, int slab, const char *slub_debug)
{
	struct lower *l = boot(slab, slub_debug);
	struct quire *q = l->q;
	struct mem_cgroup *groups[6] = {};
	struct kmem_cache *caches[] = {
		kmem_cache_create(q, "paid-40", 40, 0, SLAB_ACCOUNT, NULL),
		kmem_cache_create(q, "paid-700", 700, 0, SLAB_ACCOUNT | SLAB_RECLAIM_ACCOUNT, NULL),
		kmem_cache_create(q, "paid-rcu", 200, 0, SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU, NULL),
	};
	struct prng r;
	unsigned int names = 0;

	prng_seed(&r, seed);
	q->group->charge_batch = 1 + (unsigned int)prng_below(&r, 64);
	memset(live, 0, sizeof(live));
	for (unsigned int op = 0; op < 12000; op++) {
		struct live *o = &live[prng_below(&r, LIVE)];
		struct mem_cgroup **g = &groups[prng_below(&r, 6)];

		l->ctx.cpu = (unsigned int)prng_below(&r, 4);
		current_group = *g;
		if (o->object)
			unmake(l, o);
		else
			make(l, &r, caches, o);
		if (prng_below(&r, 40))
			continue;
		current_group = NULL;
		if (!*g) {
			struct mem_cgroup *parent = groups[prng_below(&r, 6)];
			char name[16];

			text_format(name, sizeof(name), "g%u", names++);
			*g = mem_cgroup_create(q, parent, name);
			assert_false(IS_ERR(*g));
			if (!prng_below(&r, 3))
				mem_cgroup_set_max(q, *g, 40);
		} else if (!mem_cgroup_remove(q, *g)) {
			*g = NULL;
		}
		if (!prng_below(&r, 4) && lower_verify(l))
			fail_msg("seed %lu, operation %u:\n%s", seed, op, l->report);
	}
	current_group = NULL;
	for (unsigned int i = 0; i < LIVE; i++)
		if (live[i].object)
			unmake(l, &live[i]);
	/* A payer that lives keeps what is left of its pages. */
	for (unsigned int round = 0; round < 6; round++)
		for (unsigned int i = 0; i < 6; i++)
			if (groups[i] && !mem_cgroup_remove(q, groups[i]))
				groups[i] = NULL;
	drain_all(l);
	assert_int_equal(q->group->root->memory.usage, 0);
	lower_end(l);
}

static void test_random(void **state)
{
	const char *from_env = getenv("QUIRE_TEST_SEED");
	u64 seed = from_env ? strtoull(from_env, NULL, 0) : 20261123;

	(void)state;
	print_message("seed %lu\n", seed);
	random_run(seed, QUIRE_SLUB, NULL);
	random_run(seed + 1, QUIRE_SLAB, NULL);
	random_run(seed + 2, QUIRE_SLUB, "FZPU");
}

/* ---- broken on purpose --------------------------------------------------------------- */

static void test_broken(void **state)
{
	struct lower *l = boot(QUIRE_SLUB, NULL);
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"),
			  *b = mem_cgroup_create(q, NULL, "b");
	void *object;
	struct obj_cgroup **vec;

	(void)state;
	current_group = a;
	object = kmalloc(q, 100, GFP_KERNEL_ACCOUNT);
	vec = slab_objcgs(virt_to_slab(q, object));
	while (!*vec)
		vec++;
	BREAK(l, *vec, (struct obj_cgroup *)q, "is charged to nobody");
	BREAK(l, *vec, NULL, "\"a\" is charged 1 pages for 3960 bytes of objects");
	BREAK(l, *vec, b->objcg, "\"b\" is charged 0 pages for 136 bytes of objects");
	BREAK(l, a->objcg->nr_pages, 2, "\"a\" is charged 2 pages for 4096 bytes of objects");
	BREAK(l, a->objcg->memcg, b, "has a payer that pays through another");
	BREAK(l, a->objcg, NULL, "\"a\" lacks its payer for objects");
	kfree(q, object);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	 cmocka_unit_test(test_kmalloc),
		cmocka_unit_test(test_limit),	 cmocka_unit_test(test_failures),
		cmocka_unit_test(test_reparent), cmocka_unit_test(test_random),
		cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests_name("objcg", tests, NULL, NULL);
}
