/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees against a sorted array: plain, cached and augmented trees go
 * through random insertions and removals; after each, order, balance and the
 * digests are right.  Every kind of corruption is seen by rb_validate().
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
#include "base/rbtree.h"

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

#define NR_ITEMS 300
#define NR_STEPS 6000

struct item {
	unsigned long key, weight;
	unsigned long top; /* the largest weight in the subtree */
	struct rb_node rb;
};

static struct item items[NR_ITEMS], spare[NR_ITEMS];
static struct item *model[NR_ITEMS]; /* in order */
static int nr_model;

static inline unsigned long weight_of(const struct item *item)
{
	return item->weight;
}

RB_DECLARE_CALLBACKS_MAX(static, top_callbacks, struct item, rb, unsigned long, top, weight_of);

static struct item *item_of(const struct rb_node *node)
{
	return rb_entry((struct rb_node *)node, struct item, rb);
}

static bool less(struct rb_node *a, const struct rb_node *b)
{
	return item_of(a)->key < item_of(b)->key;
}

static int cmp_key(const void *key, const struct rb_node *node)
{
	unsigned long k = *(const unsigned long *)key;

	return k < item_of(node)->key ? -1 : k > item_of(node)->key;
}

static void model_insert(struct item *item)
{
	int at = nr_model++;

	for (; at > 0 && model[at - 1]->key > item->key; at--)
		model[at] = model[at - 1];
	model[at] = item;
}

static int model_find(const struct item *item)
{
	int at = 0;

	while (at < nr_model && model[at] != item)
		at++;
	return at;
}

static void model_remove(int at)
{
	nr_model--;
	memmove(&model[at], &model[at + 1], (size_t)(nr_model - at) * sizeof(model[0]));
}

/* Inserts as the user of an augmented tree does. */
static void insert_augmented(struct item *item, struct rb_root_cached *root)
{
	struct rb_node **link = &root->rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	item->top = item->weight;
	while (*link) {
		struct item *above = item_of(*link);

		parent = *link;
		above->top = max(above->top, item->weight);
		if (item->key < above->key) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			leftmost = false;
		}
	}
	rb_link_node(&item->rb, parent, link);
	rb_insert_augmented_cached(&item->rb, root, leftmost, &top_callbacks);
}

static void check(const struct rb_root_cached *cached, bool augmented)
{
	const struct rb_root *root = &cached->rb_root;
	struct rb_node *node;
	struct item *item, *next;
	int i = 0, height, limit = 0;

	assert_true(rb_validate_cached(cached));
	assert_int_equal(RB_EMPTY_ROOT(root), nr_model == 0);
	for (node = rb_first(root); node; node = rb_next(node))
		assert_ptr_equal(item_of(node), model[i++]);
	assert_int_equal(i, nr_model);
	for (node = rb_last(root); node; node = rb_prev(node))
		assert_ptr_equal(item_of(node), model[--i]);
	assert_int_equal(i, 0);
	while ((1 << limit) < nr_model + 1)
		limit++;
	rbtree_postorder_for_each_entry_safe(item, next, root, rb)
	{
		unsigned long top = item->weight;

		i++;
		for (height = 0, node = &item->rb; node; node = rb_parent(node))
			height++;
		assert_true(height <= 2 * limit);
		if (item->rb.rb_left)
			top = max(top, item_of(item->rb.rb_left)->top);
		if (item->rb.rb_right)
			top = max(top, item_of(item->rb.rb_right)->top);
		if (augmented)
			assert_int_equal(item->top, top);
	}
	assert_int_equal(i, nr_model);
}

static void run(bool augmented)
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	int step, at, i;
	/* Few keys make many equals; the tide makes trees of all sizes. */
	unsigned long nr_keys = prng_below(&rng, 2) ? 20 : 100000;

	nr_model = 0;
	for (i = 0; i < NR_ITEMS; i++)
		RB_CLEAR_NODE(&items[i].rb);
	for (step = 0; step < NR_STEPS; step++) {
		struct item *item = &items[prng_below(&rng, NR_ITEMS)];
		bool rising = step / 600 % 2 == 0;

		if (RB_EMPTY_NODE(&item->rb) && (rising || prng_below(&rng, 4) == 0)) {
			item->key = prng_below(&rng, nr_keys);
			item->weight = prng_below(&rng, 1000);
			model_insert(item);
			if (augmented)
				insert_augmented(item, &root);
			else
				assert_int_equal(rb_add_cached(&item->rb, &root, less),
						 model[0] == item);
		} else if (!RB_EMPTY_NODE(&item->rb) && (!rising || prng_below(&rng, 4) == 0)) {
			at = model_find(item);
			model_remove(at);
			if (augmented)
				rb_erase_augmented_cached(&item->rb, &root, &top_callbacks);
			else
				rb_erase_cached(&item->rb, &root);
			RB_CLEAR_NODE(&item->rb);
		}
		if (nr_model < 20 || step % 8 == 0)
			check(&root, augmented);
	}
	check(&root, augmented);
}

static void test_plain(void **state __unused)
{
	run(false);
}

static void test_augmented(void **state __unused)
{
	run(true);
}

static void fill(struct rb_root_cached *root, int n)
{
	int i;

	*root = RB_ROOT_CACHED;
	nr_model = 0;
	for (i = 0; i < n; i++) {
		items[i].key = prng_below(&rng, 100000);
		model_insert(&items[i]);
		rb_add_cached(&items[i].rb, root, less);
	}
}

static void test_find_and_replace(void **state __unused)
{
	struct rb_root_cached root;
	struct rb_root plain = RB_ROOT;
	unsigned long absent = 100001;
	int i;

	fill(&root, NR_ITEMS);
	for (i = 0; i < NR_ITEMS; i++) {
		struct rb_node *found = rb_find(&items[i].key, &root.rb_root, cmp_key);

		assert_non_null(found);
		assert_int_equal(item_of(found)->key, items[i].key);
	}
	assert_null(rb_find(&absent, &root.rb_root, cmp_key));
	for (i = 0; i < NR_ITEMS; i++) {
		spare[i] = items[i];
		model[model_find(&items[i])] = &spare[i];
		rb_replace_node_cached(&items[i].rb, &spare[i].rb, &root);
		memset(&items[i], 0xa5, sizeof(items[i]));
	}
	check(&root, false);
	for (i = 0; i < NR_ITEMS; i++)
		rb_add(&items[i].rb, &plain, less);
	assert_true(rb_validate(&plain));
	/* Equals stay in the order in which they came. */
	for (i = 0; i + 1 < NR_ITEMS; i++)
		assert_ptr_equal(rb_next(&items[i].rb), &items[i + 1].rb);
	for (i = 0; i < NR_ITEMS; i++) {
		rb_erase(&items[i].rb, &plain);
		assert_true(rb_validate(&plain));
	}
	assert_true(RB_EMPTY_ROOT(&plain));
}

/* Breaks each node in each way, one at a time. */
static void test_validate_sees(void **state __unused)
{
	struct rb_root_cached root;
	struct rb_node *node, *first;
	unsigned long saved;
	int i, n;

	for (n = 2; n < 60; n++) {
		fill(&root, n);
		for (i = 0; i < n; i++) {
			node = &items[i].rb;
			saved = node->__rb_parent_color;
			node->__rb_parent_color ^= RB_BLACK;
			assert_false(rb_validate(&root.rb_root));
			node->__rb_parent_color = saved ^ 2;
			assert_false(rb_validate(&root.rb_root));
			node->__rb_parent_color = (saved & 3) | (unsigned long)&items[i ^ 1].rb;
			if (rb_parent(node) != (struct rb_node *)(saved & ~3UL))
				assert_false(rb_validate(&root.rb_root));
			node->__rb_parent_color = saved;
			if (node->rb_left && node->rb_right) {
				struct rb_node *right = node->rb_right;

				node->rb_right = node->rb_left;
				assert_false(rb_validate(&root.rb_root));
				node->rb_right = right;
			}
			if (node->rb_left && rb_is_black(node->rb_left)) {
				struct rb_node *left = node->rb_left;

				node->rb_left = NULL;
				assert_false(rb_validate(&root.rb_root));
				node->rb_left = left;
			}
			if (!node->rb_left) {
				node->rb_left = root.rb_root.rb_node; /* a loop */
				assert_false(rb_validate(&root.rb_root));
				node->rb_left = NULL;
			}
			assert_true(rb_validate_cached(&root));
		}
		first = root.rb_leftmost;
		root.rb_leftmost = rb_next(first);
		assert_false(rb_validate_cached(&root));
	}
}

/* A red below a red whose black heights are right all the same. */
static void test_validate_sees_red_red(void **state __unused)
{
	struct rb_root root = RB_ROOT;
	struct rb_node *r = &items[0].rb, *a = &items[1].rb, *b = &items[2].rb;

	rb_link_node(r, NULL, &root.rb_node);
	r->__rb_parent_color |= RB_BLACK;
	rb_link_node(a, r, &r->rb_left);
	assert_true(rb_validate(&root));
	rb_link_node(b, a, &a->rb_left);
	assert_false(rb_validate(&root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_augmented),
		cmocka_unit_test(test_find_and_replace),
		cmocka_unit_test(test_validate_sees),
		cmocka_unit_test(test_validate_sees_red_red),
	};

	seed_rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
