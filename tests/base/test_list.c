/* SPDX-License-Identifier: MIT */
/*
 * Lists and hash chains against arrays: random operations, and after each the
 * list, walked both ways, holds what the array holds.  A broken link is seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/prng.h"

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

#define NR_OBJECTS 40
#define NR_LISTS   3
#define NR_STEPS   30000

/* Over-aligned, so that a walk that forms a member of the head shows in UBSan. */
struct object {
	int id;
	struct list_head link;
} __attribute__((aligned(64)));

struct model {
	int ids[NR_OBJECTS];
	int n;
};

static struct object objects[NR_OBJECTS];
static struct list_head lists[NR_LISTS];
static struct model models[NR_LISTS];
static int where[NR_OBJECTS]; /* the list an object is on, or -1 */

static void model_insert(int list, int at, int id)
{
	struct model *m = &models[list];

	memmove(&m->ids[at + 1], &m->ids[at], (size_t)(m->n - at) * sizeof(int));
	m->ids[at] = id;
	m->n++;
	where[id] = list;
}

static int model_find(int list, int id)
{
	int i = 0;

	while (models[list].ids[i] != id)
		i++;
	return i;
}

static void model_remove(int id)
{
	struct model *m = &models[where[id]];
	int at = model_find(where[id], id);

	m->n--;
	memmove(&m->ids[at], &m->ids[at + 1], (size_t)(m->n - at) * sizeof(int));
	where[id] = -1;
}

static void check_list(int list)
{
	struct list_head *head = &lists[list], *p;
	struct model *m = &models[list];
	struct object *o, *n;
	int i = 0;

	assert_true(list_validate(head));
	assert_int_equal(list_empty(head), m->n == 0);
	assert_int_equal(list_is_singular(head), m->n == 1);
	assert_int_equal(list_count_nodes(head), m->n);
	list_for_each_entry (o, head, link)
		assert_int_equal(o->id, m->ids[i++]);
	assert_int_equal(i, m->n);
	list_for_each_entry_reverse (o, head, link)
		assert_int_equal(o->id, m->ids[--i]);
	assert_int_equal(i, 0);
	list_for_each (p, head)
		assert_int_equal(list_entry(p, struct object, link)->id, m->ids[i++]);
	list_for_each_prev(p, head)
		assert_int_equal(list_entry(p, struct object, link)->id, m->ids[--i]);
	assert_int_equal(i, 0);
	list_for_each_entry_safe (o, n, head, link)
		assert_int_equal(o->id, m->ids[i++]);
	list_for_each_entry_safe_reverse (o, n, head, link)
		assert_int_equal(o->id, m->ids[--i]);
	o = list_first_entry_or_null(head, struct object, link);
	assert_int_equal(o ? o->id : -1, m->n ? m->ids[0] : -1);
	n = list_last_entry_or_null(head, struct object, link);
	assert_int_equal(n ? n->id : -1, m->n ? m->ids[m->n - 1] : -1);
	if (!o)
		return;
	assert_true(list_is_first(&o->link, head) && list_is_last(&n->link, head));
	assert_true(list_is_first(&n->link, head) == (m->n == 1));
	i = 1;
	list_for_each_entry_continue(o, head, link) assert_int_equal(o->id, m->ids[i++]);
	assert_int_equal(i, m->n);
}

static void splice(int from, int to)
{
	int tail = (int)prng_below(&rng, 2), init = (int)prng_below(&rng, 2), at = 0;

	if (tail) {
		at = models[to].n;
		if (init)
			list_splice_tail_init(&lists[from], &lists[to]);
		else
			list_splice_tail(&lists[from], &lists[to]);
	} else if (init) {
		list_splice_init(&lists[from], &lists[to]);
	} else {
		list_splice(&lists[from], &lists[to]);
	}
	if (init)
		assert_true(list_empty(&lists[from]));
	INIT_LIST_HEAD(&lists[from]);
	while (models[from].n) {
		int id = models[from].ids[0];

		model_remove(id);
		model_insert(to, at++, id);
	}
}

/* Cuts at a random place, or at the head, onto an empty list. */
static void cut(int from, int to)
{
	int upto = (int)prng_below(&rng, (u64)models[from].n + 1), i;

	if (models[to].n)
		return;
	list_cut_position(&lists[to], &lists[from],
			  upto ? &objects[models[from].ids[upto - 1]].link : &lists[from]);
	for (i = 0; i < upto; i++) {
		int id = models[from].ids[0];

		model_remove(id);
		model_insert(to, i, id);
	}
}

static void bulk_move(int list, int to)
{
	int n = models[list].n, first, last, i, ids[NR_OBJECTS];

	if (!n || list == to)
		return;
	first = (int)prng_below(&rng, (u64)n);
	last = (int)prng_range(&rng, (u64)first, (u64)n - 1);
	memcpy(ids, models[list].ids, sizeof(ids));
	list_bulk_move_tail(&lists[to], &objects[ids[first]].link, &objects[ids[last]].link);
	for (i = first; i <= last; i++) {
		model_remove(ids[i]);
		model_insert(to, models[to].n, ids[i]);
	}
}

static void replace(int old, int new)
{
	int list = where[old], at;

	if (list < 0 || where[new] >= 0)
		return;
	list_replace(&objects[old].link, &objects[new].link);
	at = model_find(list, old);
	model_remove(old);
	model_insert(list, at, new);
}

static void move(int id, int to, bool tail)
{
	if (where[id] < 0)
		return;
	if (tail)
		list_move_tail(&objects[id].link, &lists[to]);
	else
		list_move(&objects[id].link, &lists[to]);
	model_remove(id);
	model_insert(to, tail ? models[to].n : 0, id);
}

static void rotate(int list, bool to_front)
{
	struct model *m = &models[list];
	int front = m->n ? m->ids[prng_below(&rng, (u64)m->n)] : -1;

	if (!to_front || front < 0) {
		list_rotate_left(&lists[list]);
		front = m->n ? m->ids[m->n > 1] : -1;
	} else {
		list_rotate_to_front(&objects[front].link, &lists[list]);
	}
	while (m->n && m->ids[0] != front) {
		int id = m->ids[0];

		model_remove(id);
		model_insert(list, m->n, id);
	}
}

static void add_or_remove(int id, int list)
{
	if (where[id] >= 0) {
		model_remove(id);
		if (prng_below(&rng, 2)) {
			list_del(&objects[id].link);
			assert_ptr_equal(objects[id].link.next, LIST_POISON1);
			assert_ptr_equal(objects[id].link.prev, LIST_POISON2);
		} else {
			list_del_init(&objects[id].link);
			assert_true(list_empty(&objects[id].link));
		}
	} else if (prng_below(&rng, 2)) {
		list_add(&objects[id].link, &lists[list]);
		model_insert(list, 0, id);
	} else {
		list_add_tail(&objects[id].link, &lists[list]);
		model_insert(list, models[list].n, id);
	}
}

static void reset(void)
{
	int i;

	for (i = 0; i < NR_OBJECTS; i++) {
		objects[i].id = i;
		where[i] = -1;
	}
	for (i = 0; i < NR_LISTS; i++) {
		INIT_LIST_HEAD(&lists[i]);
		models[i].n = 0;
	}
}

static void test_list_model(void **state __unused)
{
	int step, i;

	reset();
	for (step = 0; step < NR_STEPS; step++) {
		int id = (int)prng_below(&rng, NR_OBJECTS),
		    other = (int)prng_below(&rng, NR_OBJECTS);
		int a = (int)prng_below(&rng, NR_LISTS), b = (a + 1) % NR_LISTS;

		switch (prng_below(&rng, 16)) {
		case 0:
			splice(a, b);
			break;
		case 1:
			cut(a, b);
			break;
		case 2:
			bulk_move(a, b);
			break;
		case 3:
			replace(id, other);
			break;
		case 4:
		case 5:
			move(id, a, prng_below(&rng, 2));
			break;
		case 6:
			rotate(a, prng_below(&rng, 2));
			break;
		default:
			add_or_remove(id, a);
		}
		for (i = 0; i < NR_LISTS; i++)
			check_list(i);
	}
}

/* Each walk that allows it loses every other entry on the way. */
static void test_safe_walks(void **state __unused)
{
	struct list_head *p, *q;
	struct object *o, *n;
	int i;

	reset();
	for (i = 0; i < 8; i++)
		list_add_tail(&objects[i].link, &lists[0]);
	list_for_each_entry_safe (o, n, &lists[0], link)
		if (o->id % 2)
			list_del(&o->link);
	list_for_each_entry_safe_reverse (o, n, &lists[0], link)
		if (o->id % 4)
			list_del(&o->link);
	assert_true(list_validate(&lists[0]));
	assert_int_equal(list_count_nodes(&lists[0]), 2);
	list_replace_init(&lists[0], &lists[1]);
	assert_true(list_empty(&lists[0]) && list_validate(&lists[1]));
	list_for_each_safe (p, q, &lists[1])
		list_del(p);
	assert_true(list_empty(&lists[1]));
	list_replace_init(&lists[1], &lists[0]);
	assert_true(list_empty(&lists[0]));
}

static void test_list_validate_sees(void **state __unused)
{
	struct list_head *saved, *link;
	int i;

	reset();
	for (i = 0; i < 6; i++)
		list_add_tail(&objects[i].link, &lists[0]);
	link = &objects[3].link;
	saved = link->prev;
	link->prev = &objects[0].link;
	assert_false(list_validate(&lists[0]));
	link->prev = saved;
	saved = link->next;
	link->next = &objects[1].link; /* a loop that leaves the head out */
	assert_false(list_validate(&lists[0]));
	link->next = NULL;
	assert_false(list_validate(&lists[0]));
	link->next = saved;
	assert_true(list_validate(&lists[0]));
}

struct hobject {
	int id;
	struct hlist_node node;
};

static struct hobject hobjects[NR_OBJECTS];

static void check_chain(const struct hlist_head *head, const struct model *m)
{
	struct hobject *o;
	struct hlist_node *p, *n;
	int i = 0;

	assert_true(hlist_validate(head));
	assert_int_equal(hlist_empty(head), m->n == 0);
	hlist_for_each_entry (o, head, node)
		assert_int_equal(o->id, m->ids[i++]);
	assert_int_equal(i, m->n);
	i = 0;
	hlist_for_each(p, head) i++;
	assert_int_equal(i, m->n);
	hlist_for_each_safe(p, n, head) i--;
	hlist_for_each_entry_safe (o, n, head, node)
		assert_int_equal(o->id, m->ids[i++]);
	assert_int_equal(i, m->n);
}

static void test_hlist_model(void **state __unused)
{
	struct hlist_head heads[2] = {HLIST_HEAD_INIT, HLIST_HEAD_INIT};
	int step, i, at = 0;

	reset();
	for (i = 0; i < NR_OBJECTS; i++) {
		hobjects[i].id = i;
		INIT_HLIST_NODE(&hobjects[i].node);
	}
	for (step = 0; step < NR_STEPS; step++) {
		int id = (int)prng_below(&rng, NR_OBJECTS), n = models[0].n;
		struct hlist_node *node = &hobjects[id].node, *near = NULL;

		if (where[id] >= 0) {
			model_remove(id);
			if (prng_below(&rng, 2)) {
				hlist_del(node);
				assert_ptr_equal(node->next, LIST_POISON1);
				INIT_HLIST_NODE(node);
			} else {
				hlist_del_init(node);
				assert_true(hlist_unhashed(node));
			}
			hlist_del_init(node);
		} else {
			if (n) {
				at = (int)prng_below(&rng, (u64)n);
				near = &hobjects[models[0].ids[at]].node;
			}
			switch (near ? prng_below(&rng, 3) : 0) {
			case 0:
				hlist_add_head(node, &heads[step & 1]);
				model_insert(0, 0, id);
				break;
			case 1:
				hlist_add_before(node, near);
				model_insert(0, at, id);
				break;
			default:
				hlist_add_behind(node, near);
				model_insert(0, at + 1, id);
			}
		}
		check_chain(&heads[step & 1], &models[0]);
		hlist_move_list(&heads[step & 1], &heads[~step & 1]);
		check_chain(&heads[~step & 1], &models[0]);
		assert_true(hlist_empty(&heads[step & 1]));
	}
}

static void test_hlist_validate_sees(void **state __unused)
{
	HLIST_HEAD(head);
	int i;

	for (i = 0; i < 4; i++)
		hlist_add_head(&hobjects[i].node, &head);
	assert_true(hlist_validate(&head));
	hobjects[0].node.next = &hobjects[2].node; /* the last leads back */
	assert_false(hlist_validate(&head));
	hobjects[0].node.next = NULL;
	hobjects[1].node.pprev = &head.first;
	assert_false(hlist_validate(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_model),	    cmocka_unit_test(test_safe_walks),
		cmocka_unit_test(test_list_validate_sees),  cmocka_unit_test(test_hlist_model),
		cmocka_unit_test(test_hlist_validate_sees),
	};

	seed_rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
