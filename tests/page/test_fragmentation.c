/* SPDX-License-Identifier: MIT */
/*
 * Memory in pieces: the indices against numbers worked out by hand, when
 * compaction is worth it, how it is put off; the slow path with a hand-made
 * compactor; blocks caught as they come together; huge blocks of all types on
 * one per-CPU list; isolated pageblocks.
 */
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "page/internal.h"
#include "tests/lib/lower.h"

static struct zone *dma32(struct lower *l)
{
	return &NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32];
}

static void test_indices(void **state)
{
	struct zone z;

	(void)state;
	memset(&z, 0, sizeof(z));
	assert_int_equal(fragmentation_index(&z, 3), 0);
	assert_int_equal(unusable_free_index(&z, 3), 1000);
	assert_int_equal(extfrag_for_order(&z, 3), 0);
	z.free_area[0].nr_free = 600;
	z.free_area[1].nr_free = 100;
	z.free_area[4].nr_free = 2;
	/* 600 + 200 + 32 = 832 pages in 702 blocks. */
	assert_int_equal(fragmentation_index(&z, 4), -1000);
	assert_int_equal(fragmentation_index(&z, 9), 1000 - (1000 + 832000 / 512) / 702);
	assert_int_equal(fragmentation_index(&z, 10), 1000 - (1000 + 832000 / 1024) / 702);
	assert_int_equal(unusable_free_index(&z, 1), 600 * 1000 / 832);
	assert_int_equal(unusable_free_index(&z, 9), 1000);
	assert_int_equal(extfrag_for_order(&z, 2), 800 * 100 / 832);
}

/* From Linux 6.1: a zone's line of buddyinfo, and those of both indices (thousandths).
 * The files are read one after another, so zones that did not change meanwhile. */
static const struct {
	unsigned long blocks[MAX_ORDER];
	int index[MAX_ORDER], unusable[MAX_ORDER];
} recorded[] = {
	/* clang-format off */
	{ { 12, 7, 6, 7, 7, 6, 6, 7, 0, 0, 0 },
	  { -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, 869, 926, 955 },
	  { 0, 7, 15, 29, 62, 128, 242, 469, 1000, 1000, 1000 } },
	{ { 271, 141, 140, 139, 136, 136, 137, 133, 0, 0, 0 },
	  { -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, 890, 945, 972 },
	  { 0, 7, 16, 32, 64, 127, 253, 507, 1000, 1000, 1000 } },
	{ { 3, 2, 1, 10, 5, 5, 6, 6, 0, 0, 0 },
	  { -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, 822, 898, 936 },
	  { 0, 2, 4, 7, 61, 115, 223, 482, 1000, 1000, 1000 } },
	{ { 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 3 },
	  { -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000, -1000 },
	  { 0, 0, 0, 0, 0, 0, 8, 25, 58, 58, 193 } },
	/* clang-format on */
};

static void test_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++) {
		struct zone z;

		memset(&z, 0, sizeof(z));
		for (unsigned int o = 0; o < MAX_ORDER; o++)
			z.free_area[o].nr_free = recorded[i].blocks[o];
		for (unsigned int o = 0; o < MAX_ORDER; o++) {
			assert_int_equal(fragmentation_index(&z, o), recorded[i].index[o]);
			assert_int_equal(unusable_free_index(&z, o), recorded[i].unusable[o]);
		}
	}
}

static void test_deferral(void **state)
{
	static struct quire nothing_on;
	struct quire *q = &nothing_on;
	struct zone z;

	(void)state;
	memset(&z, 0, sizeof(z));
	assert_false(compaction_deferred(q, &z, 9));
	/* The more failures, the longer: 2, 4, ... 64 requests. */
	for (unsigned int shift = 1; shift <= 8; shift++) {
		unsigned int n = 0;

		defer_compaction(q, &z, 9);
		assert_false(compaction_restarting(&z, 9));
		while (compaction_deferred(q, &z, 9))
			n++;
		assert_int_equal(n, (1u << min(shift, 6u)) - 1);
	}
	assert_true(compaction_restarting(&z, 9));
	compaction_defer_reset(q, &z, 9, false);
	assert_int_equal(z.compact_order_failed, 10);
	assert_false(compaction_deferred(q, &z, 9));
	defer_compaction(q, &z, 4);
	assert_int_equal(z.compact_order_failed, 4);
	compaction_defer_reset(q, &z, 4, true);
	assert_int_equal(z.compact_defer_shift, 0);
}

static void test_suitable(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct zone *z = dma32(l);
	struct zone copy;

	(void)state;
	assert_int_equal(compaction_suitable(l->q, z, 9, 0, ZONE_NORMAL), COMPACT_SUCCESS);
	assert_int_equal(compaction_suitable(l->q, z, -1, 0, ZONE_NORMAL), COMPACT_CONTINUE);
	/* As if all of it were single pages. */
	copy = *z;
	for (unsigned int o = 1; o < MAX_ORDER; o++)
		copy.free_area[o].nr_free = copy.free_area[o].types = 0;
	copy.free_area[0].nr_free = (unsigned long)copy.vm_stat[NR_FREE_PAGES];
	copy.free_area[0].types = 1u << MIGRATE_MOVABLE;
	assert_int_equal(compaction_suitable(l->q, &copy, 9, 0, ZONE_NORMAL), COMPACT_CONTINUE);
	/* The operator may ask for more than pieces. */
	l->q->page->extfrag_threshold = 1000;
	assert_int_equal(compaction_suitable(l->q, &copy, 9, 0, ZONE_NORMAL), COMPACT_SKIPPED);
	assert_int_equal(compaction_suitable(l->q, &copy, 3, 0, ZONE_NORMAL), COMPACT_CONTINUE);
	l->q->page->extfrag_threshold = 500;
	copy.vm_stat[NR_FREE_PAGES] = (long)(low_wmark_pages(z) + compact_gap(9));
	assert_int_equal(compaction_suitable(l->q, &copy, 9, 0, ZONE_NORMAL), COMPACT_SKIPPED);
	lower_end(l);
}

/* ---- the slow path --------------------------------------------------------------- */

static struct {
	unsigned int calls[3]; /* by priority */
	enum compact_result answer;
	struct page *frees; /* given back by the first call, order 9 */
} compactor;

static enum compact_result fake_compact(struct quire *q, struct alloc_context *ac,
					enum compact_priority prio, struct page **capture)
{
	(void)capture;
	(void)ac;
	assert_true(current_context(q)->flags & PF_MEMALLOC);
	compactor.calls[prio]++;
	if (compactor.frees) {
		__free_pages(q, compactor.frees, 9);
		drain_all_pages(q, NULL);
		compactor.frees = NULL;
	}
	return compactor.answer;
}

static unsigned long fake_reclaim(struct quire *q, struct alloc_context *ac)
{
	(void)q;
	(void)ac;
	return 1;
}

/* What a request costs before it fails. */
static void expect(struct quire *q, gfp_t gfp, unsigned int order, enum compact_result answer,
		   unsigned int async, unsigned int light, unsigned int full)
{
	struct page *page;

	memset(&compactor, 0, sizeof(compactor));
	compactor.answer = answer;
	page = alloc_pages_node(q, 0, gfp | __GFP_NOWARN, order);
	assert_null(page);
	assert_int_equal(compactor.calls[COMPACT_PRIO_ASYNC], async);
	assert_int_equal(compactor.calls[COMPACT_PRIO_SYNC_LIGHT], light);
	assert_int_equal(compactor.calls[COMPACT_PRIO_SYNC_FULL], full);
}

static void test_slow_path(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	struct page *pages[64], *page;
	unsigned int n = 0;

	(void)state;
	while ((page = alloc_pages_node(q, 0, GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOWARN, 9)))
		pages[n++] = page;
	q->page->ops.try_to_compact_pages = fake_compact;
	q->page->ops.try_to_free_pages = fake_reclaim;
	/* A huge page that a fault would like to have: one gentle try, and if
	 * that was not even made, no more. */
	expect(q, GFP_TRANSHUGE | __GFP_NORETRY, 9, COMPACT_DEFERRED, 1, 0, 0);
	expect(q, GFP_TRANSHUGE | __GFP_NORETRY, 9, COMPACT_SKIPPED, 1, 0, 0);
	expect(q, GFP_TRANSHUGE | __GFP_NORETRY, 9, COMPACT_COMPLETE, 2, 0, 0);
	/* One that insists: harder, as far as a costly block is worth. */
	expect(q, GFP_TRANSHUGE, 9, COMPACT_COMPLETE, 1, 1, 0);
	assert_true(global_vm_event(q, COMPACTFAIL) > 0);
	assert_int_equal(global_vm_event(q, COMPACTSUCCESS), 0);
	/* Without I/O nothing can be moved; without waiting nothing is tried. */
	expect(q, GFP_NOIO, 9, COMPACT_COMPLETE, 0, 1, 0);
	expect(q, GFP_NOWAIT, 9, COMPACT_COMPLETE, 0, 0, 0);
	/* Success. */
	memset(&compactor, 0, sizeof(compactor));
	compactor.answer = COMPACT_SUCCESS;
	compactor.frees = pages[--n];
	pages[n] = alloc_pages_node(q, 0, GFP_TRANSHUGE | __GFP_NORETRY, 9);
	assert_non_null(pages[n]);
	assert_int_equal(compactor.calls[COMPACT_PRIO_ASYNC], 1);
	assert_int_equal(global_vm_event(q, COMPACTSUCCESS), 1);
	for (unsigned int i = 0; i <= n; i++)
		__free_pages(q, pages[i], 9);
	lower_end(l);
}

/* Whoever compacts gets the block, and the counts know it. */
static void test_capture(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct capture_control capc = {.zone = dma32(l), .order = 9};
	struct page *page = alloc_pages_node(l->q, 0, GFP_HIGHUSER_MOVABLE, 9);
	unsigned long before;

	(void)state;
	split_page(l->q, page, 9);
	drain_all_pages(l->q, NULL);
	before = zone_page_state(dma32(l), NR_FREE_PAGES);
	current_context(l->q)->capture_control = &capc;
	for (unsigned int i = 0; i < 512; i++)
		__free_pages(l->q, page + i, 0);
	drain_all_pages(l->q, NULL);
	current_context(l->q)->capture_control = NULL;
	assert_ptr_equal(capc.page, page);
	assert_int_equal(zone_page_state(dma32(l), NR_FREE_PAGES), before);
	prep_new_page(l->q, page, 9, __GFP_COMP);
	assert_int_equal(lower_verify(l), 0);
	__free_pages(l->q, page, 9);
	drain_all_pages(l->q, NULL);
	assert_int_equal(zone_page_state(dma32(l), NR_FREE_PAGES), before + 512);
	/* Not what is smaller than a pageblock and movable. */
	capc = (struct capture_control){.zone = dma32(l), .order = 3};
	page = alloc_pages_node(l->q, 0, GFP_HIGHUSER_MOVABLE, 0);
	current_context(l->q)->capture_control = &capc;
	__free_pages(l->q, page, 0);
	drain_all_pages(l->q, NULL);
	current_context(l->q)->capture_control = NULL;
	assert_null(capc.page);
	lower_end(l);
}

/* A huge block that was freed goes to whoever asks next, of any type. */
static void test_huge_list(void **state)
{
	struct lower *l = lower_boot(1, 256, 1);
	struct per_cpu_pages *pcp = &dma32(l)->pageset[0];
	struct page *page, *again;

	(void)state;
	drain_all_pages(l->q, NULL);
	page = alloc_pages_node(l->q, 0, GFP_HIGHUSER_MOVABLE, 9);
	assert_int_equal(pcp->count, 512);
	again = alloc_pages_node(l->q, 0, GFP_KERNEL, 9);
	assert_int_equal(pcp->count, 0);
	__free_pages(l->q, page, 9);
	__free_pages(l->q, again, 9);
	assert_int_equal(lower_verify(l), 0);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indices),	  cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_deferral),  cmocka_unit_test(test_suitable),
		cmocka_unit_test(test_slow_path), cmocka_unit_test(test_capture),
		cmocka_unit_test(test_huge_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
