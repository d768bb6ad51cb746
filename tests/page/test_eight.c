/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator on a machine of eight pages: every sequence of a few
 * allocations and frees there is, against eight bits.
 *
 * All of a machine's memory is taken but one block of order 3.  A block can be had if
 * and only if an aligned run of its size is free; which one is the allocator's choice;
 * and after each step the free blocks are those of the one way in which the free
 * pages fall into the largest buddies.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "page/internal.h"
#include "tests/lib/lower.h"

#define PAGES  8u
#define ORDERS 4u
#define DEPTH  6u
#define HELD   DEPTH

struct eight {
	struct lower *l;
	struct zone *zone;
	u64 base;
	unsigned int used; /* a bit a page */
	struct {
		struct page *page;
		unsigned int order;
	} held[HELD];
	unsigned int nr_held;
	unsigned long sequences;
};

/* Of this kind only: so that stealing does not mix in. */
#define TYPE MIGRATE_MOVABLE

static unsigned int mask(unsigned int first, unsigned int order)
{
	return ((1u << (1u << order)) - 1) << first;
}

static bool could_be_had(const struct eight *e, unsigned int order)
{
	for (unsigned int i = 0; i < PAGES; i += 1u << order)
		if (!(e->used & mask(i, order)))
			return true;
	return false;
}

/* Counts the blocks that the free pages make. */
static bool count_blocks(const struct eight *e, unsigned int first, unsigned int order,
			 unsigned long *blocks)
{
	bool low, high;

	if (!order) {
		blocks[0] += !(e->used & mask(first, 0));
		return !(e->used & mask(first, 0));
	}
	low = count_blocks(e, first, order - 1, blocks);
	high = count_blocks(e, first + (1u << (order - 1)), order - 1, blocks);
	if (!low || !high)
		return false;
	blocks[order - 1] -= 2;
	blocks[order]++;
	return true;
}

static void check(const struct eight *e)
{
	unsigned long blocks[ORDERS] = {0};

	(void)count_blocks(e, 0, ORDERS - 1, blocks);
	for (unsigned int order = 0; order < ORDERS; order++)
		assert_int_equal(e->zone->free_area[order].nr_free, blocks[order]);
}

static void take(struct eight *e, unsigned int order)
{
	struct quire *q = e->l->q;
	struct page *page;
	u64 at;

	spin_lock(q, &e->zone->lock);
	page = __rmqueue_smallest(q, e->zone, order, TYPE);
	spin_unlock(q, &e->zone->lock);
	assert_int_equal(page != NULL, could_be_had(e, order));
	if (!page)
		return;
	at = page_to_pfn(q, page) - e->base;
	assert_true(at < PAGES && IS_ALIGNED(at, 1u << order));
	assert_false(e->used & mask((unsigned int)at, order));
	e->used |= mask((unsigned int)at, order);
	e->held[e->nr_held].page = page;
	e->held[e->nr_held++].order = order;
}

static void give(struct eight *e, unsigned int i)
{
	struct quire *q = e->l->q;
	struct page *page = e->held[i].page;
	u64 pfn = page_to_pfn(q, page);

	spin_lock(q, &e->zone->lock);
	__free_one_page(q, page, pfn, e->zone, e->held[i].order, TYPE, FPI_NONE);
	spin_unlock(q, &e->zone->lock);
	e->used &= ~mask((unsigned int)(pfn - e->base), e->held[i].order);
	e->held[i] = e->held[--e->nr_held];
}

/* The steps of a sequence, in base 10: orders 0 to 3, then the blocks that are held.
 * False: the last step is none, so nothing that begins like this is. */
static bool run(struct eight *e, const unsigned int *steps, unsigned int nr)
{
	bool ok = true;

	for (unsigned int i = 0; i < nr && ok; i++) {
		if (steps[i] < ORDERS)
			take(e, steps[i]);
		else if (steps[i] - ORDERS < e->nr_held)
			give(e, steps[i] - ORDERS);
		else
			ok = false;
		check(e);
	}
	while (e->nr_held)
		give(e, e->nr_held - 1);
	check(e);
	e->sequences += ok;
	return ok;
}

static void every(struct eight *e, unsigned int *steps, unsigned int nr)
{
	for (steps[nr] = 0; steps[nr] < ORDERS + HELD; steps[nr]++)
		if (run(e, steps, nr + 1) && nr + 1 < DEPTH)
			every(e, steps, nr + 1);
}

/* Takes all that the machine has. */
static struct page *take_all(struct quire *q)
{
	struct page *all = NULL, *page;

	for (unsigned int order = MAX_ORDER; order-- > 0;) {
		for_each_node (q, nid) {
			while ((page = __alloc_pages(
					q, GFP_HIGHUSER_MOVABLE | __GFP_MEMALLOC | __GFP_NOWARN,
					order, nid, NULL))) {
				page->private = (unsigned long)all;
				page->index = order;
				all = page;
			}
		}
	}
	drain_all_pages(q, NULL);
	return all;
}

static void test_every_sequence(__unused void **state)
{
	struct eight e = {.l = lower_boot(1, 8, 1)};
	struct quire *q = e.l->q;
	struct page *all = take_all(q);
	unsigned int steps[DEPTH];

	assert_non_null(all);
	/* The first that was taken last of a large order: eight pages of it come back. */
	while (all->index < ORDERS)
		all = (struct page *)all->private;
	e.zone = page_zone(q, all);
	e.base = page_to_pfn(q, all);
	for (unsigned int o = 0; o < MAX_ORDER; o++)
		assert_int_equal(e.zone->free_area[o].nr_free, 0);
	spin_lock(q, &e.zone->lock);
	set_page_count(all, 0);
	__free_one_page(q, all, e.base, e.zone, ORDERS - 1, TYPE, FPI_NONE);
	spin_unlock(q, &e.zone->lock);
	check(&e);
	every(&e, steps, 0);
	/* 4, each followed by 4 and one or none to be given back, ... */
	assert_true(e.sequences > 10000);
	print_message("%lu sequences\n", e.sequences);
	lower_abandon(e.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
