/* SPDX-License-Identifier: MIT */
/*
 * Watermarks, reserves and sizes of per-CPU lists against numbers recorded
 * from the real kernel: zones are told that they manage as many pages as the
 * kernel's did, and each setting must give the kernel's numbers exactly.
 */
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "page/internal.h"
#include "tests/lib/lower.h"
#include "tests/page/oracle_marks.h"

static struct zone *zone_of(struct quire *q, const struct recorded_zone *r)
{
	return &NODE_DATA(q, r->node)->node_zones[r->idx];
}

#define for_each_recorded(r, s)                         \
	for (const struct recorded_zone *r = (s)->zone; \
	     r < (s)->zone + ARRAY_SIZE((s)->zone) && r->managed; r++)

static void check_state(struct quire *q, const struct recorded_state *s)
{
	q->page->min_free_kbytes = s->min_free_kbytes;
	q->page->watermark_scale_factor = s->scale_factor;
	q->page->percpu_pagelist_high_fraction = s->high_fraction;
	q->page->lowmem_reserve_ratio[ZONE_DMA] = s->reserve_ratio[0];
	q->page->lowmem_reserve_ratio[ZONE_DMA32] = s->reserve_ratio[1];
	setup_per_zone_wmarks(q);
	setup_per_zone_lowmem_reserve(q);
	for_each_recorded(r, s)
	{
		struct zone *z = zone_of(q, r);

		for (int w = WMARK_MIN; w <= WMARK_HIGH; w++)
			assert_int_equal(z->_watermark[w], r->marks[w]);
		assert_int_equal(z->_watermark[WMARK_PROMO],
				 2 * r->marks[WMARK_HIGH] - r->marks[WMARK_LOW]);
		for (int j = 0; j < 3; j++)
			assert_int_equal(z->lowmem_reserve[ZONE_DMA32 + j], r->reserve[j]);
		assert_int_equal(z->pageset[0].batch, r->batch);
		assert_int_equal(z->pageset[0].high, r->high);
	}
}

static void check_machine(const struct recorded_machine *m)
{
	const struct recorded_state *boot = &m->state[0], *never = &m->state[1],
				    *always = &m->state[2];
	struct lower *l = lower_boot(m->nodes, m->mib, m->cpus);
	unsigned long managed[QUIRE_MAX_NODES][MAX_NR_ZONES];
	struct quire *q = l->q;

	print_message("# %s\n", m->name);
	for_each_node (q, nid)
		for_each_zone_of_node(NODE_DATA(q, nid), z) managed[nid][z->zone_idx] =
			z->managed_pages;
	for_each_recorded(r, boot)
	{
		assert_true(zone_of(q, r)->present_pages);
		zone_of(q, r)->managed_pages = r->managed;
		zone_of(q, r)->_watermark[WMARK_HIGH] = r->marks[WMARK_HIGH];
	}
	/* Huge pages off: computed with the marks then in force. */
	calculate_min_free_kbytes(q);
	assert_int_equal(q->page->min_free_kbytes, never->min_free_kbytes);
	check_state(q, never);
	/* On: khugepaged asks for more. */
	set_recommended_min_free_kbytes(q);
	assert_int_equal(q->page->min_free_kbytes, always->min_free_kbytes);
	for (size_t i = 2; i < ARRAY_SIZE(m->state); i++)
		check_state(q, &m->state[i]);
	for_each_node (q, nid)
		for_each_zone_of_node(NODE_DATA(q, nid), z) z->managed_pages =
			managed[nid][z->zone_idx];
	lower_end(l);
}

static void test_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(recorded); i++)
		check_machine(&recorded[i]);
}

/* A user's min_free_kbytes is not lowered by the formula, but raised. */
static void test_user_min_free(void **state)
{
	struct lower *l = lower_boot(1, 512, 1);
	struct quire *q = l->q;
	unsigned long formula;

	(void)state;
	calculate_min_free_kbytes(q);
	formula = q->page->min_free_kbytes;
	q->page->user_min_free_kbytes = (long)formula + 5000;
	q->page->min_free_kbytes = formula + 5000;
	calculate_min_free_kbytes(q);
	assert_int_equal(q->page->min_free_kbytes, formula + 5000);
	q->page->min_free_kbytes = formula - 100;
	q->page->user_min_free_kbytes = (long)formula - 100;
	calculate_min_free_kbytes(q);
	assert_int_equal(q->page->min_free_kbytes, formula);
	lower_end(l);
}

/* Boot memory given back late: managed follows at once, the marks with the next
 * knob, and the pages can be had. */
static void test_free_reserved(void **state)
{
	struct quire_config cfg = {
		.nr_nodes = 1,
		.node[0] = {.size_bytes = 512UL << 20, .nr_cpus = 1, .reserved_bytes = 24UL << 20}};
	struct lower *l = lower_boot_config(cfg);
	struct quire *q = l->q;
	struct zone *zone = &NODE_DATA(q, 0)->node_zones[ZONE_DMA32];
	unsigned long managed = zone->managed_pages, total = q->node->totalram_pages;
	unsigned long free, low = low_wmark_pages(zone), nr = 0;
	struct page *page;

	(void)state;
	drain_all_pages(q, NULL);
	free = zone_page_state(zone, NR_FREE_PAGES);
	/* The image's 24 MiB lie at 16 MiB: a part with whole blocks in it, two odd
	 * ends, one page by itself. */
	free_reserved_area(q, 0x1003, 0x13f9);
	free_reserved_area(q, 0x2700, 0x100);
	free_reserved_area(q, 0x2600, 1);
	nr = 0x13f9 + 0x100 + 1;
	drain_all_pages(q, NULL);
	assert_int_equal(zone->managed_pages, managed + nr);
	assert_int_equal(q->node->totalram_pages, total + nr);
	assert_int_equal(zone_page_state(zone, NR_FREE_PAGES), free + nr);
	assert_int_equal(low_wmark_pages(zone), low);
	assert_int_equal(lower_verify(l), 0);
	/* What was given back is handed out, what stayed is not. */
	for (free = 0; (page = __alloc_pages(q, GFP_KERNEL, 0, 0, NULL));) {
		u64 pfn = page_to_pfn(q, page);

		if (pfn < 0x1000 || pfn >= 0x2800)
			continue;
		assert_true((pfn >= 0x1003 && pfn < 0x23fc) || pfn == 0x2600 || pfn >= 0x2700);
		free++;
	}
	assert_true(free + min_wmark_pages(zone) >= nr && free <= nr);
	lower_end(l);
}

/* __zone_watermark_ok() on a zone made up for it. */
static void test_watermark_ok(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct zone *z = &NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32];

	(void)state;
	z->lowmem_reserve[ZONE_NORMAL] = 50;
	/* Order 0: more than mark + reserve. */
	assert_false(__zone_watermark_ok(z, 0, 100, ZONE_NORMAL, 0, 150));
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_NORMAL, 0, 151));
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, 0, 101));
	assert_false(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, 0, 100));
	/* ALLOC_HIGH takes half, ALLOC_HARDER a quarter of what is left, a
	 * victim half of it. */
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HIGH, 51));
	assert_false(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HIGH, 50));
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HARDER, 76));
	assert_false(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HARDER, 75));
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_OOM, 51));
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HIGH | ALLOC_HARDER, 39));
	assert_false(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HIGH | ALLOC_HARDER, 38));
	/* Order n: the block's other pages can't be had twice, and there must
	 * be a block. */
	assert_true(__zone_watermark_ok(z, 3, 100, ZONE_DMA32, 0, 108));
	assert_false(__zone_watermark_ok(z, 3, 100, ZONE_DMA32, 0, 107));
	/* Pages reserved for atomic requests are not others'. */
	z->nr_reserved_highatomic = 10;
	assert_false(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, 0, 110));
	assert_true(__zone_watermark_ok(z, 0, 100, ZONE_DMA32, ALLOC_HARDER, 110));
	z->nr_reserved_highatomic = 0;
	setup_per_zone_lowmem_reserve(l->q);
	lower_end(l);
}

static void test_mem_available(void **state)
{
	struct lower *l = lower_boot(1, 512, 1);
	struct quire *q = l->q;
	struct pglist_data *pgdat = NODE_DATA(q, 0);
	long base = si_mem_available(q), low = 0;

	(void)state;
	for_each_populated_zone_of_node(pgdat, z) low += (long)low_wmark_pages(z);
	assert_true(base > 0 && base < (long)q->node->totalram_pages);
	/* Half of little, all but the low marks of much. */
	mod_node_page_state(pgdat, NR_INACTIVE_FILE, 100);
	assert_int_equal(si_mem_available(q), base + 50);
	mod_node_page_state(pgdat, NR_INACTIVE_FILE, 99900);
	assert_int_equal(si_mem_available(q), base + 100000 - low);
	mod_node_page_state(pgdat, NR_INACTIVE_FILE, -100000);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),      cmocka_unit_test(test_user_min_free),
		cmocka_unit_test(test_free_reserved), cmocka_unit_test(test_watermark_ok),
		cmocka_unit_test(test_mem_available),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
