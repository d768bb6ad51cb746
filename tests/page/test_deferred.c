/* SPDX-License-Identifier: MIT */
/*
 * Deferred pages: memory that a zone gets when it needs it.
 *
 * One node: a DMA32 zone, and a Normal zone of five sections of which the last
 * three are deferred, but for some reserved pages at the very end.
 */
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "node/memblock.h"
#include "page/internal.h"
#include "tests/lib/lower.h"

#define SECTION	 PAGES_PER_SECTION
#define POOL	 4096
#define TAIL	 500
#define AT_ONCE	 (2 * SECTION - POOL)
#define DEFERRED (3 * SECTION - TAIL)

static const struct quire_range memory[] = {{1024, 6 * SECTION - 1024, 0}};
static const struct quire_range reserved[] = {
	{SECTION, POOL, 0},
	{6 * SECTION - TAIL, TAIL, 0},
};
static const struct quire_zone_span spans[] = {
	{0, ZONE_DMA32, 1024, SECTION - 1024, 0},
	{0, ZONE_NORMAL, SECTION, 5 * SECTION, DEFERRED},
};
static const struct quire_layout layout = {
	memory, reserved, spans, ARRAY_SIZE(memory), ARRAY_SIZE(reserved), ARRAY_SIZE(spans)};

static struct lower *boot(void)
{
	struct quire_config cfg = {.nr_nodes = 1, .seed = 1, .layout = &layout};

	cfg.node[0].nr_cpus = 2;
	return lower_boot_config(cfg);
}

static struct zone *zone_of(struct lower *l, enum zone_type idx)
{
	return &NODE_DATA(l->q, 0)->node_zones[idx];
}

static unsigned long free_of(const struct zone *z)
{
	return zone_page_state(z, NR_FREE_PAGES);
}

static unsigned long take(struct quire *q, unsigned long nr, struct list_head *pages)
{
	for (unsigned long n = 0; n < nr; n++) {
		struct page *page = alloc_pages_node(q, 0, GFP_KERNEL | __GFP_NOWARN, 0);

		if (!page)
			return n;
		list_add(&page->lru, pages);
	}
	return nr;
}

static void give_all(struct quire *q, struct list_head *pages)
{
	while (!list_empty(pages)) {
		struct page *page = list_first_entry(pages, struct page, lru);

		list_del(&page->lru);
		__free_pages(q, page, 0);
	}
}

static void test_counts(void **state)
{
	struct lower *l = boot();
	struct zone *z = zone_of(l, ZONE_NORMAL), *low = zone_of(l, ZONE_DMA32);
	struct quire *q = l->q;

	(void)state;
	assert_true(deferred_pages_enabled(q));
	assert_int_equal(z->present_pages, 5 * SECTION);
	assert_int_equal(z->managed_pages, AT_ONCE);
	assert_int_equal(z->deferred_pages, DEFERRED);
	assert_int_equal(z->first_deferred_pfn, 3 * SECTION);
	assert_int_equal(low->deferred_pages, 0);
	assert_int_equal(q->node->totalram_pages, low->managed_pages + AT_ONCE + DEFERRED);
	assert_int_equal(si_mem_free(q), free_of(low) + free_of(z) + DEFERRED);
	assert_true(si_mem_available(q) > (long)DEFERRED);
	/* Marks and reserves know only what is managed. */
	assert_int_equal(low->lowmem_reserve[ZONE_NORMAL], AT_ONCE / 256);
	assert_int_equal(NODE_DATA(q, 0)->node_present_pages, 6 * SECTION - 1024);
	lower_end(l);
}

/* The zone grows by a section before a lower zone is asked. */
static void test_grows(void **state)
{
	struct lower *l = boot();
	struct zone *z = zone_of(l, ZONE_NORMAL), *low = zone_of(l, ZONE_DMA32);
	unsigned long low_free = free_of(low), total = l->q->node->totalram_pages;
	unsigned long min_mark, taken = 0, free, blocks;
	struct quire *q = l->q;
	LIST_HEAD(pages);

	(void)state;
	drain_all_pages(q, NULL);
	free = free_of(z);
	blocks = z->free_area[MAX_ORDER - 1].nr_free;
	while (z->managed_pages == AT_ONCE && taken < free) {
		/* Not before the zone is low. */
		assert_true(free_of(z) + 63 > low_wmark_pages(z));
		taken += take(q, 1, &pages);
	}
	assert_int_equal(z->managed_pages, AT_ONCE + SECTION);
	assert_int_equal(z->deferred_pages, DEFERRED - SECTION);
	assert_int_equal(z->present_pages, 5 * SECTION);
	assert_int_equal(z->first_deferred_pfn, 4 * SECTION);
	assert_int_equal(free_of(low), low_free);
	assert_int_equal(q->node->totalram_pages, total);
	drain_all_pages(q, NULL);
	assert_int_equal(free_of(z), free + SECTION - taken);
	assert_int_equal(si_mem_free(q), free_of(low) + free_of(z) + z->deferred_pages);
	min_mark = (q->page->min_free_kbytes / 4) * z->managed_pages /
		   (z->managed_pages + low->managed_pages);
	assert_int_equal(min_wmark_pages(z), min_mark);
	assert_int_equal(low->lowmem_reserve[ZONE_NORMAL], z->managed_pages / 256);
	assert_int_equal(lower_verify(l), 0);
	/* What was deferred is as good as any: it joins to whole blocks. */
	give_all(q, &pages);
	drain_all_pages(q, NULL);
	assert_int_equal(z->managed_pages, AT_ONCE + SECTION);
	assert_int_equal(z->free_area[MAX_ORDER - 1].nr_free,
			 blocks + SECTION / MAX_ORDER_NR_PAGES);
	lower_end(l);
}

/* To the last page, and back; whole blocks too. */
static void test_to_the_end(void **state)
{
	for (unsigned int order = 0; order < MAX_ORDER; order += MAX_ORDER - 1) {
		struct lower *l = boot();
		struct zone *z = zone_of(l, ZONE_NORMAL);
		unsigned long blocks = 0;
		struct quire *q = l->q;
		struct page *page;
		LIST_HEAD(pages);

		while ((page = alloc_pages_node(q, 0, GFP_KERNEL | __GFP_NOWARN, order)) != NULL) {
			list_add(&page->lru, &pages);
			blocks++;
		}
		assert_int_equal(z->deferred_pages, 0);
		assert_int_equal(z->managed_pages, AT_ONCE + DEFERRED);
		assert_int_equal(z->first_deferred_pfn, zone_end_pfn(z));
		assert_false(deferred_pages_enabled(q));
		assert_false(deferred_grow_zone(q, z, 0));
		assert_int_equal(q->node->deferred_pages, 0);
		assert_true(blocks << order > AT_ONCE + DEFERRED - 4096);
		assert_int_equal(lower_verify(l), 0);
		while (!list_empty(&pages)) {
			page = list_first_entry(&pages, struct page, lru);
			list_del(&page->lru);
			__free_pages(q, page, order);
		}
		lower_end(l);
	}
	(void)state;
}

/* No more than asked for: as long as pages are freed nothing grows. */
static void test_no_need(void **state)
{
	struct lower *l = boot();
	struct zone *z = zone_of(l, ZONE_NORMAL);
	LIST_HEAD(pages);

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(take(l->q, AT_ONCE / 2, &pages), AT_ONCE / 2);
		give_all(l->q, &pages);
	}
	assert_int_equal(z->managed_pages, AT_ONCE);
	lower_end(l);
}

static void test_broken(void **state)
{
	struct lower *l = boot();
	struct zone *z = zone_of(l, ZONE_NORMAL);
	struct quire *q = l->q;

	(void)state;
	pfn_to_page(q, 4 * SECTION)->_refcount = 1;
	lower_expect_broken(l, "deferred frame 0x20000 has an owner");
	pfn_to_page(q, 4 * SECTION)->_refcount = 0;
	z->deferred_pages--;
	lower_expect_broken(l, "deferred pages, boot left");
	z->deferred_pages++;
	q->node->deferred_pages++;
	lower_expect_broken(l, "deferred pages, its zones");
	q->node->deferred_pages--;
	q->page->deferred_pages = false;
	lower_expect_broken(l, "zones may not grow");
	q->page->deferred_pages = true;
	z->first_deferred_pfn += 6 * SECTION;
	lower_expect_broken(l, "its deferred memory begins outside");
	z->first_deferred_pfn -= 6 * SECTION;
	z->managed_pages++;
	lower_expect_broken(l, "manages 61441 pages, boot left 61440");
	z->managed_pages--;
	lower_end(l);
}

/* More than the zone has, and a start within a block. */
static void test_impossible(void **state)
{
	static const u64 bad[] = {AT_ONCE + DEFERRED + 1, DEFERRED + 1, DEFERRED - 512};
	size_t bytes = 6 * SECTION * PAGE_SIZE;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct quire_zone_span mine[ARRAY_SIZE(spans)] = {spans[0], spans[1]};
		struct quire_layout wrong = layout;
		struct quire *q = calloc(1, sizeof(*q));

		mine[1].deferred_pages = bad[i];
		wrong.zones = mine;
		*q = (struct quire){.nr_nodes = 1, .nr_cpus = 1, .max_pfn = 6 * SECTION};
		q->cfg = (struct quire_config){.nr_nodes = 1, .layout = &wrong};
		q->cfg.node[0].nr_cpus = 1;
		q->physmap = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(q->physmap != MAP_FAILED);
		assert_int_equal(node_init(q), -EINVAL);
		munmap(q->physmap, bytes);
		free(q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),	   cmocka_unit_test(test_grows),
		cmocka_unit_test(test_to_the_end), cmocka_unit_test(test_no_need),
		cmocka_unit_test(test_broken),	   cmocka_unit_test(test_impossible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
