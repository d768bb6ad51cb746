/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator against a naive model, and its invariants broken one by
 * one.
 *
 * The model is an array: for each frame the number of the allocation that has
 * it, or 0.  Which block comes is the allocator's to choose; that it was free,
 * aligned and of the right zone is checked, and once the per-CPU lists are
 * drained the free blocks of each order must be exactly those of the one way
 * in which a set of free frames falls into the largest possible buddies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "node/memblock.h"
#include "page/internal.h"
#include "tests/lib/lower.h"

#define NR_SLOTS 3000

struct naive {
	struct lower *l;
	struct quire *q;
	struct prng rng;
	u32 *owner; /* by frame: 0 free, slot + 1, or NOT_OURS */
	struct {
		struct page *page;
		unsigned int order;
	} slot[NR_SLOTS];
	unsigned long nr_free;
};

#define NOT_OURS 0xffffffffu

static u64 seed(void)
{
	const char *env = getenv("QUIRE_SEED");
	u64 value = env ? strtoull(env, NULL, 0) : 20230211;

	print_message("# QUIRE_SEED=%lu\n", (unsigned long)value);
	return value;
}

/* The frames that the zones have free right now. */
static void naive_init(struct naive *n, struct lower *l)
{
	struct quire *q = l->q;

	memset(n, 0, sizeof(*n));
	n->l = l;
	n->q = q;
	prng_seed(&n->rng, seed());
	n->owner = calloc(q->max_pfn, sizeof(*n->owner));
	memset(n->owner, 0xff, q->max_pfn * sizeof(*n->owner));
	drain_all_pages(q, NULL);
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), z)
		{
			struct memblock_region gap;
			struct page *page;
			u64 from = 0;

			for (unsigned int o = 0; o < MAX_ORDER; o++)
				for (int mt = 0; mt < MIGRATE_TYPES; mt++)
					list_for_each_entry (page, &z->free_area[o].free_list[mt],
							     lru)
						memset(&n->owner[page_to_pfn(q, page)], 0,
						       sizeof(u32) << o);
			/* And what no one has touched yet. */
			while (memblock_next_free(q->node->memblock, from, &gap)) {
				u64 end = min((gap.base + gap.size) >> PAGE_SHIFT, zone_end_pfn(z));
				u64 pfn = max(DIV_ROUND_UP(gap.base, PAGE_SIZE), z->virgin_pfn);

				from = gap.base + gap.size;
				for (pfn = ALIGN(pfn, MAX_ORDER_NR_PAGES);
				     gap.nid == nid && pfn + MAX_ORDER_NR_PAGES <= end;
				     pfn += MAX_ORDER_NR_PAGES)
					memset(&n->owner[pfn], 0, sizeof(u32) * MAX_ORDER_NR_PAGES);
			}
			n->nr_free += zone_page_state(z, NR_FREE_PAGES);
		}
	}
	for (u64 pfn = 0, sum = 0; pfn <= q->max_pfn; pfn++) {
		if (pfn == q->max_pfn)
			assert_int_equal(sum, n->nr_free);
		else
			sum += n->owner[pfn] == 0;
	}
}

static void naive_alloc(struct naive *n, unsigned int i, unsigned int order, gfp_t gfp)
{
	unsigned int nid = (unsigned int)prng_below(&n->rng, n->q->nr_nodes);
	struct page *page = alloc_pages_node(n->q, nid, gfp, order);
	u64 pfn;

	if (!page)
		return;
	pfn = page_to_pfn(n->q, page);
	assert_true(IS_ALIGNED(pfn, 1UL << order));
	assert_true(zone_spans_pfn(page_zone(n->q, page), pfn));
	assert_true(page_zonenum(page) <= gfp_zone(gfp));
	assert_int_equal(page_ref_count(page), 1);
	assert_int_equal(compound_order(page), order && (gfp & __GFP_COMP) ? order : 0);
	if (gfp & __GFP_THISNODE)
		assert_int_equal(page_to_nid(page), nid);
	for (unsigned long k = 0; k < 1UL << order; k++) {
		assert_int_equal(n->owner[pfn + k], 0);
		n->owner[pfn + k] = i + 1;
		if (k && (gfp & __GFP_COMP)) {
			assert_true(PageTail(page + k));
			assert_ptr_equal(compound_head(page + k), page);
		}
	}
	n->slot[i].page = page;
	n->slot[i].order = order;
	n->nr_free -= 1UL << order;
}

static void naive_free(struct naive *n, unsigned int i)
{
	u64 pfn = page_to_pfn(n->q, n->slot[i].page);

	for (unsigned long k = 0; k < 1UL << n->slot[i].order; k++) {
		assert_int_equal(n->owner[pfn + k], i + 1);
		n->owner[pfn + k] = 0;
	}
	__free_pages(n->q, n->slot[i].page, n->slot[i].order);
	n->nr_free += 1UL << n->slot[i].order;
	n->slot[i].page = NULL;
}

/* Counts the blocks that the free frames of [pfn, pfn + 2^order) make. */
static bool count_blocks(const struct naive *n, const struct zone *z, u64 pfn, unsigned int order,
			 unsigned long *blocks)
{
	bool low, high;

	if (!order) {
		bool is_free = zone_spans_pfn(z, pfn) && n->owner[pfn] == 0;

		blocks[0] += is_free;
		return is_free;
	}
	low = count_blocks(n, z, pfn, order - 1, blocks);
	high = count_blocks(n, z, pfn + (1UL << (order - 1)), order - 1, blocks);
	if (!low || !high)
		return false;
	blocks[order - 1] -= 2;
	blocks[order]++;
	return true;
}

static void naive_check(struct naive *n)
{
	struct quire *q = n->q;
	unsigned long sum = 0;

	drain_all_pages(q, NULL);
	if (lower_verify(n->l))
		fail_msg("%s", n->l->report);
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), z)
		{
			unsigned long blocks[MAX_ORDER] = {0};

			for (u64 pfn = ALIGN_DOWN(z->zone_start_pfn, MAX_ORDER_NR_PAGES);
			     pfn < zone_end_pfn(z); pfn += MAX_ORDER_NR_PAGES)
				count_blocks(n, z, pfn, MAX_ORDER - 1, blocks);
			for (unsigned int o = 0; o < MAX_ORDER; o++)
				assert_int_equal(z->free_area[o].nr_free, blocks[o]);
			sum += zone_page_state(z, NR_FREE_PAGES);
		}
	}
	assert_int_equal(sum, n->nr_free);
}

static gfp_t random_gfp(struct naive *n)
{
	static const gfp_t kinds[] = {GFP_KERNEL,
				      GFP_HIGHUSER_MOVABLE,
				      GFP_KERNEL | __GFP_RECLAIMABLE,
				      GFP_NOWAIT,
				      GFP_KERNEL | __GFP_DMA,
				      GFP_KERNEL | __GFP_DMA32,
				      GFP_KERNEL | __GFP_THISNODE};
	gfp_t gfp = kinds[prng_below(&n->rng, ARRAY_SIZE(kinds))] | __GFP_NOWARN;

	return prng_below(&n->rng, 2) ? gfp | __GFP_COMP : gfp;
}

static void run_against_naive(unsigned int nodes, unsigned int mib, unsigned int steps)
{
	struct lower *l = lower_boot(nodes, mib, 2);
	struct naive *n = malloc(sizeof(*n));
	unsigned int before[MAX_ORDER] = {0}, after[MAX_ORDER] = {0};

	naive_init(n, l);
	for_each_node (l->q, nid)
		for_each_populated_zone_of_node(NODE_DATA(l->q, nid), z) for (unsigned int o = 0;
									      o < MAX_ORDER; o++)
			before[o] += (unsigned int)z->free_area[o].nr_free;
	for (unsigned int step = 0; step < steps; step++) {
		unsigned int i = (unsigned int)prng_below(&n->rng, NR_SLOTS);
		/* Mostly small, now and then huge; phases of growth and decay. */
		bool grow = step / 8192 % 3 != 2;
		unsigned int order =
			(unsigned int)prng_below(&n->rng, prng_below(&n->rng, 8) ? 3 : MAX_ORDER);

		l->ctx.cpu = (unsigned int)prng_below(&n->rng, l->q->nr_cpus);
		if (n->slot[i].page)
			naive_free(n, i);
		else if (grow)
			naive_alloc(n, i, order, random_gfp(n));
		if (step % 8192 == 8191)
			naive_check(n);
	}
	for (unsigned int i = 0; i < NR_SLOTS; i++)
		if (n->slot[i].page)
			naive_free(n, i);
	naive_check(n);
	for_each_node (l->q, nid)
		for_each_populated_zone_of_node(NODE_DATA(l->q, nid), z) for (unsigned int o = 0;
									      o < MAX_ORDER; o++)
			after[o] += (unsigned int)z->free_area[o].nr_free;
	assert_memory_equal(before, after, sizeof(before));
	free(n->owner);
	free(n);
	lower_end(l);
}

/* QUIRE_LONG=1: ten million operations in all. */
static unsigned int longer(void)
{
	return getenv("QUIRE_LONG") ? 60 : 1;
}

static void test_naive_one_node(void **state)
{
	(void)state;
	run_against_naive(1, 64, 120000 * longer());
}

static void test_naive_nodes(void **state)
{
	(void)state;
	/* Nodes that end inside a block of the highest order. */
	run_against_naive(3, 33, 60000 * longer());
}

/* The next block off a machine's lists, or the next free; as the other machine's. */
static void same_step(struct lower *l, struct page **slot, u64 draw)
{
	gfp_t gfp = draw & 1 ? GFP_HIGHUSER_MOVABLE : draw & 2 ? GFP_KERNEL : GFP_ATOMIC;
	unsigned int order = (draw >> 2 & 7) == 7 ? (unsigned int)(draw >> 5) % MAX_ORDER : 0;
	u32 *kept = (u32 *)&slot[1]; /* its order */

	if (*slot)
		__free_pages(l->q, *slot, *kept);
	*slot = draw >> 9 & 3 ? alloc_pages_node(l->q, (draw >> 11) % 2, gfp | __GFP_NOWARN, order)
			      : NULL;
	*kept = order;
}

/*
 * A CPU's list is filled with runs of pages off a block; with guard pages (of which
 * there are to be none here) they are taken one by one.  Two machines, one of each
 * kind, hand out the same pages at every step, from blocks nobody has touched and from
 * such as came back.
 */
static void test_runs_as_one_by_one(void **state)
{
	struct lower *runs = lower_boot(2, 40, 2), *single = lower_boot(2, 40, 2);
	static struct page *slots[2][4000][2];
	struct prng rng;

	(void)state;
	(void)HOT_OR(&single->q->keys, KEY_GUARD_PAGE);
	prng_seed(&rng, seed());
	memset(slots, 0, sizeof(slots));
	for (unsigned long i = 0; i < 60000 * longer(); i++) {
		unsigned int at = (unsigned int)prng_below(&rng, 4000);
		u64 draw = prng_u64(&rng);
		struct page *a, *b;

		/* More and more, then less and less. */
		if (i / 15000 % 2)
			draw &= ~(3UL << 9);
		runs->ctx.cpu = single->ctx.cpu = (unsigned int)(draw >> 40) % 2;
		same_step(runs, slots[0][at], draw);
		same_step(single, slots[1][at], draw);
		a = slots[0][at][0];
		b = slots[1][at][0];
		assert_int_equal(!a, !b);
		if (a)
			assert_int_equal(page_to_pfn(runs->q, a), page_to_pfn(single->q, b));
	}
	for (unsigned int at = 0; at < 4000; at++) {
		same_step(runs, slots[0][at], 0);
		same_step(single, slots[1][at], 0);
	}
	(void)HOT_AND(&single->q->keys, ~KEY_GUARD_PAGE);
	lower_end(runs);
	lower_end(single);
}

/* Types are kept apart while there is room, and steal when there is none. */
static void test_migratetypes(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct zone *z = &NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32];
	struct page *pages[64];

	(void)state;
	for (int i = 0; i < 64; i++) {
		pages[i] = alloc_pages_node(l->q, 0, i & 1 ? GFP_HIGHUSER_MOVABLE : GFP_KERNEL, 0);
		assert_non_null(pages[i]);
		assert_ptr_equal(page_zone(l->q, pages[i]), z);
		assert_int_equal(get_pageblock_migratetype(l->q, pages[i]),
				 i & 1 ? MIGRATE_MOVABLE : MIGRATE_UNMOVABLE);
	}
	for (int i = 0; i < 64; i++)
		__free_pages(l->q, pages[i], 0);
	lower_end(l);
}

/* A harder high-order request leaves a pageblock reserved; need takes it back. */
static void test_highatomic(void **state)
{
	struct lower *l = lower_boot(1, 128, 1);
	struct zone *z = &NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32];
	struct alloc_context ac = {.zonelist = &NODE_DATA(l->q, 0)->node_zonelists[0],
				   .highest_zoneidx = ZONE_NORMAL,
				   .migratetype = MIGRATE_MOVABLE};
	struct page *page = alloc_pages_node(l->q, 0, GFP_KERNEL, 2);

	(void)state;
	assert_non_null(page);
	reserve_highatomic_pageblock(l->q, page, z);
	assert_int_equal(z->nr_reserved_highatomic, pageblock_nr_pages);
	assert_int_equal(get_pageblock_migratetype(l->q, page), MIGRATE_HIGHATOMIC);
	assert_int_equal(lower_verify(l), 0);
	__free_pages(l->q, page, 2);
	drain_all_pages(l->q, NULL);
	assert_int_equal(lower_verify(l), 0);
	assert_false(unreserve_highatomic_pageblock(l->q, &ac, false)); /* the last one stays */
	assert_true(unreserve_highatomic_pageblock(l->q, &ac, true));
	assert_int_equal(z->nr_reserved_highatomic, 0);
	lower_end(l);
}

static void test_split_page(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page = alloc_pages_node(l->q, 0, GFP_KERNEL, 4);

	(void)state;
	split_page(l->q, page, 4);
	for (int i = 15; i >= 0; i--) {
		assert_int_equal(page_ref_count(page + i), 1);
		__free_pages(l->q, page + i, 0);
	}
	lower_end(l);
}

/* Someone else's reference: the others of the block go, the first page stays. */
static void test_shared_reference(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page = alloc_pages_node(l->q, 0, GFP_KERNEL, 3);
	unsigned long before;

	(void)state;
	drain_all_pages(l->q, NULL);
	before = global_zone_page_state(l->q, NR_FREE_PAGES);
	get_page(page);
	__free_pages(l->q, page, 3);
	drain_all_pages(l->q, NULL);
	assert_int_equal(global_zone_page_state(l->q, NR_FREE_PAGES), before + 7);
	__free_pages(l->q, page, 0);
	lower_end(l);
}

static void test_take_free_range(void **state)
{
	struct lower *l = lower_boot(2, 128, 1);
	struct quire *q = l->q;
	struct zone *z = &NODE_DATA(q, 1)->node_zones[ZONE_DMA32];
	unsigned long before;
	u64 pfn = z->zone_start_pfn + 5 * MAX_ORDER_NR_PAGES + 100;

	(void)state;
	drain_all_pages(q, NULL);
	before = zone_page_state(z, NR_FREE_PAGES);
	/* In the middle of what no one has touched. */
	assert_true(take_free_range(q, pfn, 1500));
	assert_int_equal(zone_page_state(z, NR_FREE_PAGES), before - 1500);
	assert_int_equal(lower_verify(l), 0);
	/* Not twice, nor what overlaps it, nor what boot took. */
	assert_false(take_free_range(q, pfn, 1500));
	assert_false(take_free_range(q, pfn + 1400, 200));
	assert_false(take_free_range(q, 1, 1));
	assert_false(take_free_range(q, zone_end_pfn(z) - 1, 2));
	assert_int_equal(zone_page_state(z, NR_FREE_PAGES), before - 1500);
	for (u64 i = 0; i < 1500; i++)
		__free_pages(q, pfn_to_page(q, pfn + i), 0);
	drain_all_pages(q, NULL);
	assert_int_equal(zone_page_state(z, NR_FREE_PAGES), before);
	lower_end(l);
}

/* What must never be freed stops the machine. */
static void test_bad_free(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page = alloc_pages_node(l->q, 0, GFP_KERNEL, 0);

	(void)state;
	page->memcg = (void *)8;
	assert_true(lower_panics(l, __free_pages(l->q, page, 0)));
	assert_non_null(strstr(l->panic, "Bad page state"));
	page->memcg = NULL;
	set_page_count(page, 1);
	SetPageLRU(page);
	assert_true(lower_panics(l, __free_pages(l->q, page, 0)));
	ClearPageLRU(page);
	set_page_count(page, 1);
	page->_mapcount = 0;
	assert_true(lower_panics(l, __free_pages(l->q, page, 0)));
	page->_mapcount = -1;
	/* free_unref_page() is for pages that no one keeps. */
	set_page_count(page, 1);
	assert_true(lower_panics(l, free_unref_page(l->q, page, 0)));
	__free_pages(l->q, page, 0);
	lower_end(l);
}

/* ---- verify ----------------------------------------------------------------- */

/* The first block of some small order that is free. */
/* The first of a list, if its descriptors are all written. */
static struct page *written_block(struct zone *z, unsigned int order)
{
	for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
		struct list_head *list = &z->free_area[order].free_list[mt];
		struct page *page = list_first_entry(list, struct page, lru);

		if (!list_empty(list) && !PageVirgin(page))
			return page;
	}
	return NULL;
}

static struct page *a_free_block(struct quire *q, unsigned int *order)
{
	/* Something must have been split; the CPU's list keeps what comes back. */
	__free_pages(q, alloc_pages_node(q, 0, GFP_KERNEL, 0), 0);
	for_each_populated_zone_of_node(NODE_DATA(q, 0), z)
	{
		for (*order = 1; *order < MAX_ORDER - 1; ++*order) {
			struct page *page = written_block(z, *order);

			if (page)
				return page;
		}
	}
	fail_msg("no free block");
	return NULL;
}

/* After lists were changed by hand. */
static void recount_types(struct free_area *area)
{
	area->types = 0;
	for (int mt = 0; mt < MIGRATE_TYPES; mt++)
		if (!list_empty(&area->free_list[mt]))
			area->types |= 1u << mt;
}

static void test_verify_lists(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct zone *z;
	struct page *page;
	unsigned int order;

	(void)state;
	page = a_free_block(l->q, &order);
	z = page_zone(l->q, page);
	BREAK(l, page->page_type, PAGE_TYPE_NONE, "is on a free list but not marked free");
	BREAK(l, page->private, order - 1, "but says");
	BREAK(l, page->_refcount, 1, "references");
	BREAK(l, page->flags, page->flags ^ (1UL << PAGE_NODE_SHIFT), "where it is not");
	BREAK(l, page->flags, page->flags | BIT(PG_virgin), "virgin block");
	BREAK(l, page->lru.prev, &page->lru, "is torn");
	BREAK(l, z->free_area[order].nr_free, z->free_area[order].nr_free + 1, "nr_free of order");
	BREAK(l, z->free_area[order].types, 0, "is wrong");
	BREAK(l, z->vm_stat[NR_FREE_PAGES], z->vm_stat[NR_FREE_PAGES] - 1, "nr_free_pages is");
	BREAK(l, z->nr_virgin, z->nr_virgin - 1, "virgin blocks");
	BREAK(l, z->nr_reserved_highatomic, 512, "for atomic requests");
	BREAK(l, *pageblock_slot(z, page_to_pfn(l->q, page)), 99, "has type 99");
	/* A block on no list: only the frames know of it. */
	list_del(&page->lru);
	recount_types(&z->free_area[order]);
	z->free_area[order].nr_free--;
	z->vm_stat[NR_FREE_PAGES] -= 1L << order;
	lower_expect_broken(l, "among the frames");
	list_add(&page->lru, &z->free_area[order].free_list[MIGRATE_MOVABLE]);
	recount_types(&z->free_area[order]);
	z->free_area[order].nr_free++;
	z->vm_stat[NR_FREE_PAGES] += 1L << order;
	lower_end(l);
}

static void test_verify_buddies(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page, *half;
	unsigned int order;
	struct zone *z;

	(void)state;
	page = a_free_block(l->q, &order);
	z = page_zone(l->q, page);
	/* Split it and forget to take either half. */
	list_del(&page->lru);
	half = page + (1UL << (order - 1));
	page->private = half->private = order - 1;
	__SetPageType(half, PG_buddy);
	list_add(&page->lru, &z->free_area[order - 1].free_list[MIGRATE_MOVABLE]);
	list_add(&half->lru, &z->free_area[order - 1].free_list[MIGRATE_MOVABLE]);
	z->free_area[order].nr_free--;
	z->free_area[order - 1].nr_free += 2;
	lower_expect_broken(l, "are buddies");
	list_del(&page->lru);
	list_del(&half->lru);
	__ClearPageType(half, PG_buddy);
	half->private = 0;
	page->private = order;
	list_add(&page->lru, &z->free_area[order].free_list[MIGRATE_MOVABLE]);
	z->free_area[order].nr_free++;
	z->free_area[order - 1].nr_free -= 2;
	recount_types(&z->free_area[order]);
	recount_types(&z->free_area[order - 1]);
	lower_end(l);
}

static void test_verify_frames(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page = alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_COMP, 4), *tail, *single;
	struct per_cpu_pages *pcp;

	(void)state;
	single = alloc_pages_node(l->q, 0, GFP_KERNEL, 0);
	assert_non_null(page);
	assert_non_null(single);
	BREAK(l, page[1].compound_order, 0, "has no proper tail");
	BREAK(l, page[1].compound_head, 1, "has no proper tail");
	BREAK(l, page->flags, page->flags ^ (1UL << PAGE_ZONE_SHIFT), "says it is in");
	BREAK(l, single->_refcount, -1, "has -1 references");
	single->_mapcount = 0;
	BREAK(l, single->_refcount, 0, "is mapped but no one keeps it");
	single->_mapcount = -1;
	/* A page that was just freed is on its CPU's list. */
	tail = alloc_pages_node(l->q, 0, GFP_KERNEL, 0);
	__free_pages(l->q, tail, 0);
	pcp = &page_zone(l->q, tail)->pageset[0];
	BREAK(l, tail->_refcount, 1, "is on a list of CPU 0 and elsewhere");
	BREAK(l, pcp->count, pcp->count + 1, "counts");
	BREAK(l, tail->lru.prev, &tail->lru, "a page list of CPU 0 is torn");
	__free_pages(l->q, single, 0);
	__free_pages(l->q, page, 4);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_naive_one_node),	   cmocka_unit_test(test_naive_nodes),
		cmocka_unit_test(test_runs_as_one_by_one), cmocka_unit_test(test_migratetypes),
		cmocka_unit_test(test_highatomic),	   cmocka_unit_test(test_split_page),
		cmocka_unit_test(test_shared_reference),   cmocka_unit_test(test_take_free_range),
		cmocka_unit_test(test_bad_free),	   cmocka_unit_test(test_verify_lists),
		cmocka_unit_test(test_verify_buddies),	   cmocka_unit_test(test_verify_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
