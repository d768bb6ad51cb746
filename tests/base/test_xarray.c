/* SPDX-License-Identifier: MIT */
/*
 * The sparse array against a plain table of (index, entry, marks): random
 * stores, erasures and marks at indexes of every magnitude, with allocations
 * that fail; searches, and the exact number of nodes.  Every kind of
 * corruption is seen by xa_validate().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/xarray.h"

static struct prng rng;

/* One seed a run, printed; QUIRE_SEED repeats a run. */
static void seed_rng(void)
{
	const char *env = getenv("QUIRE_SEED");
	u64 seed = env ? strtoull(env, NULL, 0) : (u64)time(NULL) * 1000003u + (u64)clock();

	printf("QUIRE_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	prng_seed(&rng, seed);
}

#define NR_MODEL 120
#define NR_STEPS 12000

struct slot {
	unsigned long index;
	void *entry;
	bool marks[XA_MAX_MARKS];
};

static struct slot model[NR_MODEL]; /* in order of index */
static int nr_model;

struct pool {
	long live;   /* nodes handed out and not yet returned */
	long budget; /* allocations until one fails; negative: never */
};

static struct pool pool;

static void *pool_alloc(void *ctx)
{
	struct pool *p = ctx;
	void *node;

	if (p->budget == 0)
		return NULL;
	p->budget--;
	p->live++;
	node = malloc(sizeof(struct xa_node));
	memset(node, 0x5a, sizeof(struct xa_node));
	return node;
}

static void pool_free(void *ctx, void *node)
{
	struct pool *p = ctx;

	p->live--;
	free(node);
}

static const struct xa_node_ops ops = {.alloc = pool_alloc, .free = pool_free};

static int lower_bound(unsigned long index)
{
	int at = 0;

	while (at < nr_model && model[at].index < index)
		at++;
	return at;
}

static struct slot *lookup(unsigned long index)
{
	int at = lower_bound(index);

	return at < nr_model && model[at].index == index ? &model[at] : NULL;
}

static void model_store(unsigned long index, void *entry)
{
	struct slot *slot = lookup(index);
	int at = lower_bound(index);

	if (slot) {
		slot->entry = entry;
		return;
	}
	memmove(&model[at + 1], &model[at], (size_t)(nr_model - at) * sizeof(model[0]));
	model[at] = (struct slot){.index = index, .entry = entry};
	nr_model++;
}

static void model_erase(unsigned long index)
{
	int at = lower_bound(index);

	nr_model--;
	memmove(&model[at], &model[at + 1], (size_t)(nr_model - at) * sizeof(model[0]));
}

/* Small ones, neighbours of powers of 64, neighbours of each other, the end. */
static unsigned long pick_index(void)
{
	unsigned long around;

	switch (prng_below(&rng, 6)) {
	case 0:
		return prng_below(&rng, 4);
	case 1:
		return prng_below(&rng, 300);
	case 2:
		around = 1UL << (6 * prng_below(&rng, 11));
		return around + prng_below(&rng, 5) - 2;
	case 3:
		return ~0UL - prng_below(&rng, 3);
	case 4:
		return prng_u64(&rng) >> prng_below(&rng, 64);
	default:
		if (!nr_model)
			return 0;
		return model[prng_below(&rng, (u64)nr_model)].index + prng_below(&rng, 3) - 1;
	}
}

static void *pick_entry(void)
{
	static long objects[16];

	if (prng_below(&rng, 3) == 0)
		return xa_mk_value(prng_below(&rng, 1UL << 62));
	return &objects[prng_below(&rng, 16)];
}

/* One node for each distinct prefix, up to the root that the last needs. */
static long expected_nodes(void)
{
	unsigned long last = nr_model ? model[nr_model - 1].index : 0;
	long nodes = 0;
	int shift, i;

	if (!last)
		return 0;
	for (shift = 6;; shift += 6) {
		nodes++;
		for (i = 1; i < nr_model && shift < 64; i++)
			nodes += model[i].index >> shift != model[i - 1].index >> shift;
		if (shift >= 64 || last >> shift == 0)
			return nodes;
	}
}

static bool matches(const struct slot *slot, xa_mark_t filter)
{
	return filter == XA_PRESENT || slot->marks[filter];
}

static void check_all(const struct xarray *xa)
{
	unsigned long index;
	void *entry;
	xa_mark_t m;
	int i = 0;

	assert_true(xa_validate(xa));
	assert_int_equal(pool.live, expected_nodes());
	assert_int_equal(xa_empty(xa), nr_model == 0);
	xa_for_each (xa, index, entry) {
		assert_int_equal(index, model[i].index);
		assert_ptr_equal(entry, model[i].entry);
		assert_ptr_equal(entry, xa_load(xa, index));
		for (m = 0; m < XA_MAX_MARKS; m++)
			assert_int_equal(xa_get_mark(xa, index, m), model[i].marks[m]);
		i++;
	}
	assert_int_equal(i, nr_model);
	for (m = 0; m < XA_MAX_MARKS; m++) {
		i = 0;
		xa_for_each_marked (xa, index, entry, m) {
			while (!model[i].marks[m])
				i++;
			assert_int_equal(index, model[i++].index);
		}
		while (i < nr_model)
			assert_false(model[i++].marks[m]);
	}
}

static void check_search(const struct xarray *xa)
{
	unsigned long from = pick_index(), to = pick_index(), index = from;
	unsigned long indices[NR_MODEL];
	void *out[NR_MODEL], *entry;
	xa_mark_t filter = (xa_mark_t)prng_below(&rng, XA_MAX_MARKS + 1);
	unsigned n = (unsigned)prng_below(&rng, 80), i, found;
	int at = lower_bound(from), first;
	struct slot *slot = lookup(from);
	bool any = false;

	assert_ptr_equal(xa_load(xa, from), slot ? slot->entry : NULL);
	while (at < nr_model && !matches(&model[at], filter))
		at++;
	first = at;
	entry = xa_find(xa, &index, to, filter);
	if (at < nr_model && model[at].index <= to) {
		assert_ptr_equal(entry, model[at].entry);
		assert_int_equal(index, model[at].index);
	} else {
		assert_null(entry);
		assert_int_equal(index, from);
	}
	found = xa_gang(xa, from, to, out, indices, n, filter);
	assert_true(found <= n);
	for (i = 0; i < found; i++) {
		assert_ptr_equal(out[i], model[first].entry);
		assert_int_equal(indices[i], model[first].index);
		assert_true(indices[i] <= to);
		do
			first++;
		while (first < nr_model && !matches(&model[first], filter));
	}
	if (found < n)
		assert_true(first >= nr_model || model[first].index > to);
	if (filter < XA_MAX_MARKS) {
		for (at = 0; at < nr_model; at++)
			any |= model[at].marks[filter];
		assert_int_equal(xa_marked(xa, filter), any);
	}
	at = lower_bound(from);
	xa_for_each_range(xa, index, entry, from, to) assert_int_equal(index, model[at++].index);
	assert_true(at >= nr_model || from > to || model[at].index > to);
}

static void step_store(struct xarray *xa, unsigned long index)
{
	struct slot *slot = lookup(index);
	void *old = slot ? slot->entry : NULL, *entry = pick_entry(), *ret;
	long live = pool.live;

	if (!slot && nr_model == NR_MODEL)
		return;
	pool.budget = prng_below(&rng, 3) ? -1 : (long)prng_below(&rng, 12);
	ret = xa_store(xa, index, entry);
	if (IS_ERR(ret)) {
		assert_int_equal(PTR_ERR(ret), -ENOMEM);
		assert_int_equal(pool.budget, 0);
		assert_null(slot);
		assert_int_equal(pool.live, live);
	} else {
		assert_ptr_equal(ret, old);
		model_store(index, entry);
	}
}

static void step(struct xarray *xa, bool rising)
{
	unsigned long index = pick_index();
	xa_mark_t mark = (xa_mark_t)prng_below(&rng, XA_MAX_MARKS);
	struct slot *slot;

	if (nr_model && prng_below(&rng, 2))
		index = model[prng_below(&rng, (u64)nr_model)].index;
	slot = lookup(index);
	switch (prng_below(&rng, 6)) {
	case 0:
		xa_set_mark(xa, index, mark);
		if (slot)
			slot->marks[mark] = true;
		break;
	case 1:
		xa_clear_mark(xa, index, mark);
		if (slot)
			slot->marks[mark] = false;
		break;
	case 2:
		assert_ptr_equal(prng_below(&rng, 2) ? xa_erase(xa, index)
						     : xa_store(xa, index, NULL),
				 slot ? slot->entry : NULL);
		if (slot)
			model_erase(index);
		break;
	default:
		if (rising || prng_below(&rng, 4) == 0) {
			step_store(xa, index);
			break;
		}
		assert_ptr_equal(xa_erase(xa, index), slot ? slot->entry : NULL);
		if (slot)
			model_erase(index);
	}
}

static void test_model(void **state __unused)
{
	struct xarray xa;
	int i;

	xa_init(&xa, &ops, &pool);
	nr_model = 0;
	for (i = 0; i < NR_STEPS; i++) {
		step(&xa, i / 400 % 3 != 2);
		check_search(&xa);
		if (i % 8 == 0 || nr_model < 6)
			check_all(&xa);
	}
	check_all(&xa);
	while (nr_model) {
		assert_ptr_equal(xa_erase(&xa, model[0].index), model[0].entry);
		model_erase(model[0].index);
	}
	check_all(&xa);
}

/* Fails the 1st, 2nd, ... allocation of one store until it succeeds. */
static void test_store_fails_cleanly(void **state __unused)
{
	static const unsigned long from[] = {0, 1, 64, 1UL << 36, ~0UL};
	static const unsigned long to[] = {1, 63, 64, 4096, 1UL << 40, ~0UL - 64};
	struct xarray xa;
	size_t a, b;
	long fail;

	for (a = 0; a < ARRAY_SIZE(from); a++) {
		for (b = 0; b < ARRAY_SIZE(to); b++) {
			xa_init(&xa, &ops, &pool);
			nr_model = 0;
			pool.budget = -1;
			assert_null(xa_store(&xa, from[a], &xa));
			xa_set_mark(&xa, from[a], XA_MARK_1);
			model_store(from[a], &xa);
			model[0].marks[XA_MARK_1] = true;
			for (fail = 0;; fail++) {
				pool.budget = fail;
				if (!IS_ERR(xa_store(&xa, to[b], &pool)))
					break;
				check_all(&xa);
			}
			assert_int_equal(pool.budget, 0); /* no node too many */
			model_store(to[b], &pool);
			check_all(&xa);
			pool.budget = -1;
			xa_destroy(&xa);
			assert_int_equal(pool.live, 0);
			assert_true(xa_empty(&xa) && xa_validate(&xa));
		}
	}
}

static void test_edges(void **state __unused)
{
	struct xarray xa;
	struct xa_node *leaf;
	unsigned long index;
	void *entry;

	xa_init(&xa, &ops, &pool);
	pool.budget = -1;
	assert_int_equal(PTR_ERR(xa_store(&xa, 5, (void *)0x1002)), -EINVAL);
	assert_int_equal(PTR_ERR(xa_store(&xa, 5, ERR_PTR(-ENOMEM))), -EINVAL);
	assert_true(xa_empty(&xa));
	assert_true(xa_is_value(xa_mk_value(7)) && xa_to_value(xa_mk_value(7)) == 7);

	/* Index 0 alone has no node; marks survive the way in and out of one. */
	assert_null(xa_store(&xa, 0, &xa));
	assert_int_equal(pool.live, 0);
	xa_set_mark(&xa, 0, XA_MARK_2);
	assert_null(xa_store(&xa, 70, xa_mk_value(3)));
	assert_int_equal(pool.live, 3);
	assert_true(xa_get_mark(&xa, 0, XA_MARK_2) && !xa_get_mark(&xa, 70, XA_MARK_2));
	leaf = xa_leaf(&xa, 70);
	assert_int_equal(leaf->nr_values, 1);
	assert_true(list_empty(&leaf->private_list));
	assert_null(xa_store(&xa, 71, &xa));
	xa_delete_node(&xa, leaf);
	assert_int_equal(pool.live, 0);
	assert_true(xa_get_mark(&xa, 0, XA_MARK_2) && xa_validate(&xa));
	assert_null(xa_store(&xa, 1, &xa));
	xa_delete_node(&xa, xa_leaf(&xa, 0));
	assert_true(xa_empty(&xa) && xa_validate(&xa) && pool.live == 0);

	/* The last index there is; erasing while walking. */
	assert_null(xa_store(&xa, ~0UL, &xa));
	index = ~0UL;
	assert_null(xa_find_after(&xa, &index, ~0UL, XA_PRESENT));
	assert_ptr_equal(xa_find(&xa, &index, ~0UL, XA_PRESENT), &xa);
	for (index = 0; index < 500; index += 7)
		assert_null(xa_store(&xa, index, &xa));
	xa_for_each (&xa, index, entry) {
		xa_erase(&xa, index);
		assert_true(xa_validate(&xa));
	}
	assert_true(xa_empty(&xa) && pool.live == 0);
}

#define BREAK(lvalue, value)                         \
	do {                                         \
		__typeof__(lvalue) saved = (lvalue); \
		(lvalue) = (value);                  \
		assert_false(xa_validate(&xa));      \
		(lvalue) = saved;                    \
		assert_true(xa_validate(&xa));       \
	} while (0)

static void test_validate_sees(void **state __unused)
{
	struct xarray xa;
	struct xa_node *leaf, *mid, *root, *other;

	xa_init(&xa, &ops, &pool);
	pool.budget = -1;
	BREAK(xa.xa_marks, 1);
	assert_null(xa_store(&xa, 5000, &xa));
	assert_null(xa_store(&xa, 5001, xa_mk_value(1)));
	assert_null(xa_store(&xa, 9, &xa));
	xa_set_mark(&xa, 5000, XA_MARK_0);
	leaf = xa_leaf(&xa, 5000);
	other = xa_leaf(&xa, 9);
	mid = leaf->parent;
	root = xa_to_node(xa.xa_head);
	BREAK(xa.xa_marks, 0);
	BREAK(xa.xa_marks, 3);
	BREAK(xa.xa_marks, 1 | 8);
	BREAK(leaf->count, 1);
	BREAK(mid->count, 2);
	BREAK(leaf->nr_values, 0);
	BREAK(mid->nr_values, 1);
	BREAK(leaf->parent, root);
	BREAK(root->parent, mid);
	BREAK(leaf->offset, 3);
	BREAK(leaf->shift, 6);
	BREAK(mid->shift, 12);
	BREAK(root->shift, 18);
	BREAK(root->shift, 13);
	BREAK(leaf->marks[XA_PRESENT], 1);
	BREAK(root->marks[XA_PRESENT], 1);
	BREAK(leaf->marks[XA_MARK_0], 0);
	BREAK(leaf->marks[XA_MARK_1], BIT(5000 % 64));
	BREAK(leaf->marks[XA_MARK_0], BIT(0) | BIT(5000 % 64));
	BREAK(mid->marks[XA_MARK_0], 0);
	BREAK(root->marks[XA_MARK_0], 3);
	BREAK(leaf->slots[5000 % 64], NULL);
	BREAK(leaf->slots[0], &xa);
	BREAK(leaf->slots[5000 % 64], (char *)root + 2);
	BREAK(mid->slots[leaf->offset], &xa);
	BREAK(mid->slots[leaf->offset], (char *)other + 2);
	BREAK(xa.xa_head, (void *)((char *)mid + 2));
	xa_destroy(&xa);
	assert_int_equal(pool.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_store_fails_cleanly),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_validate_sees),
	};

	seed_rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
