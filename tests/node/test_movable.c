/* SPDX-License-Identifier: MIT */
/*
 * Where ZONE_MOVABLE begins: kernelcore=, movablecore=, movable_node; nodes
 * without memory or without CPUs, holes, distances that decide who is next; huge
 * pages and contiguous areas of boot memory.
 */
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "node/memblock.h"
#include "page/cma.h"
#include "page/hugetlb.h"
#include "tests/lib/lower.h"

#define MB	   (1UL << 20)
#define GB	   (1UL << 30)
#define PFN(bytes) ((bytes) >> PAGE_SHIFT)

static struct quire_config two_nodes(u64 first, u64 second)
{
	struct quire_config cfg = {.nr_nodes = 2, .seed = 1, .pci_hole_start = 3 * GB};

	cfg.node[0].size_bytes = first;
	cfg.node[1].size_bytes = second;
	cfg.node[0].nr_cpus = cfg.node[1].nr_cpus = 1;
	return cfg;
}

static unsigned long movable_pages(const struct lower *l, unsigned int nid)
{
	return NODE_DATA(l->q, nid)->node_zones[ZONE_MOVABLE].present_pages;
}

static unsigned long kernel_pages(const struct lower *l, unsigned int nid)
{
	return NODE_DATA(l->q, nid)->node_present_pages - movable_pages(l, nid);
}

/* Each node has half of it, and the rest is movable. */
static void test_kernelcore(__unused void **state)
{
	struct quire_config cfg = two_nodes(4 * GB, 4 * GB);
	struct lower *l;
	struct page *page;

	cfg.kernelcore_bytes = 7 * GB;
	l = lower_boot_config(cfg);
	/* Node 0 has 3 GiB below the hole, which count, and 1 GiB above. */
	assert_in_range(kernel_pages(l, 0), PFN(3500 * MB), PFN(3590 * MB));
	assert_in_range(kernel_pages(l, 1), PFN(3500 * MB), PFN(3590 * MB));
	assert_int_equal(NODE_DATA(l->q, 1)->node_zones[ZONE_MOVABLE].zone_start_pfn %
				 MAX_ORDER_NR_PAGES,
			 0);
	page = alloc_pages_node(l->q, 1, GFP_HIGHUSER_MOVABLE, 0);
	assert_int_equal(page_zonenum(page), ZONE_MOVABLE);
	__free_pages(l->q, page, 0);
	page = alloc_pages_node(l->q, 1, GFP_KERNEL, 0);
	assert_int_equal(page_zonenum(page), ZONE_NORMAL);
	__free_pages(l->q, page, 0);
	assert_true(lower_log_has(l, "Movable zone start for Node 1: "));
	lower_end(l);
}

/* A node that has not its share leaves the rest to the others. */
static void test_small_node(__unused void **state)
{
	struct quire_config cfg = two_nodes(512 * MB, 4 * GB);
	struct lower *l;

	cfg.kernelcore_bytes = 3 * GB;
	l = lower_boot_config(cfg);
	assert_int_equal(movable_pages(l, 0), 0);
	/* Node 1's own zones below 4 GiB are the kernel's: 2.5 GiB of it. */
	assert_in_range(kernel_pages(l, 1), PFN(2550 * MB), PFN(2570 * MB));
	lower_end(l);
}

static void test_movablecore(__unused void **state)
{
	struct quire_config cfg = two_nodes(4 * GB, 4 * GB);
	unsigned long all;
	struct lower *l;

	cfg.movablecore_percent = 25;
	l = lower_boot_config(cfg);
	all = NODE_DATA(l->q, 0)->node_present_pages + NODE_DATA(l->q, 1)->node_present_pages;
	assert_in_range(movable_pages(l, 0) + movable_pages(l, 1), all / 4 - 4096, all / 4 + 4096);
	lower_end(l);
	/* More than there is, or all of it for the kernel: no such zone. */
	cfg.movablecore_percent = 0;
	cfg.kernelcore_bytes = 100 * GB;
	l = lower_boot_config(cfg);
	assert_int_equal(movable_pages(l, 0) + movable_pages(l, 1), 0);
	lower_end(l);
}

static void test_movable_node(__unused void **state)
{
	struct quire_config cfg = two_nodes(2 * GB, 4 * GB);
	struct lower *l;
	struct page *page;

	cfg.movable_node = true;
	cfg.node[1].hotpluggable = true;
	cfg.kernelcore_bytes = GB; /* does not count */
	l = lower_boot_config(cfg);
	assert_int_equal(movable_pages(l, 0), 0);
	assert_int_equal(kernel_pages(l, 1), 0);
	/* What can't be moved is had elsewhere. */
	page = alloc_pages_node(l->q, 1, GFP_KERNEL, 0);
	assert_int_equal(page_to_nid(page), 0);
	__free_pages(l->q, page, 0);
	lower_end(l);
}

/* CPUs only, memory only, neither, and a table of distances. */
static void test_odd_nodes(__unused void **state)
{
	struct quire_config cfg = {.nr_nodes = 4, .seed = 1};
	static const u8 distance[4][4] = {
		{10, 40, 30, 20}, {40, 10, 20, 30}, {30, 20, 10, 40}, {20, 30, 40, 10}};
	struct zoneref *z;
	struct lower *l;
	struct page *page;

	cfg.node[0].nr_cpus = 2;
	cfg.node[1].size_bytes = 64 * MB;
	cfg.node[2].size_bytes = 64 * MB;
	cfg.node[2].nr_cpus = 1;
	cfg.node[2].start_bytes = GB; /* a hole before it */
	for (unsigned int a = 0; a < 4; a++)
		memcpy(cfg.distance[a], distance[a], 4);
	l = lower_boot_config(cfg);
	assert_int_equal(NODE_DATA(l->q, 0)->node_present_pages, 0);
	assert_int_equal(NODE_DATA(l->q, 3)->node_present_pages, 0);
	/* From node 0 the nearest with memory is 2, from 3 it is 1. */
	z = NODE_DATA(l->q, 0)->node_zonelists[ZONELIST_FALLBACK].zonerefs;
	assert_int_equal(zone_to_nid(z->zone), 2);
	z = NODE_DATA(l->q, 3)->node_zonelists[ZONELIST_FALLBACK].zonerefs;
	assert_int_equal(zone_to_nid(z->zone), 1);
	page = alloc_pages_node(l->q, 0, GFP_KERNEL, 0);
	assert_int_equal(page_to_nid(page), 2);
	__free_pages(l->q, page, 0);
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_THISNODE | __GFP_NOWARN, 0));
	lower_end(l);
}

/* 1 GiB each from boot memory, 2 MiB from the buddy. */
static void test_boot_pools(__unused void **state)
{
	struct quire_config cfg = two_nodes(2 * GB, 6 * GB);
	struct hstate *giant, *h;
	struct lower *l;

	cfg.node[1].hugepages_1g = 2;
	cfg.node[0].hugepages_2m = 8;
	cfg.node[1].hugepages_2m = 3;
	l = lower_boot_config(cfg);
	giant = &l->q->page->hugetlb->hstates[0];
	h = default_hstate(l->q);
	assert_int_equal(giant->nr_huge_pages, 2);
	assert_int_equal(giant->free_huge_pages_node[1], 2);
	assert_int_equal(giant->max_huge_pages, 2);
	assert_int_equal(h->nr_huge_pages_node[0], 8);
	assert_int_equal(h->nr_huge_pages_node[1], 3);
	assert_int_equal(hugetlb_total_pages(l->q), (2UL << GIGANTIC_ORDER) + 11 * 512);
	assert_true(
		lower_log_has(l, "HugeTLB: registered 1.00 GiB page size, pre-allocated 2 pages"));
	if (lower_verify(l))
		fail_msg("%s", l->report);
	/* They can be given back, and are memory like any other then. */
	assert_int_equal(set_max_huge_pages(l->q, giant, 1, NUMA_NO_NODE, NULL), 0);
	assert_int_equal(giant->nr_huge_pages, 1);
	drain_all_pages(l->q, NULL);
	lower_end(l);
	/* More than fits: as many as there is room for, and the log says so. */
	cfg.node[1].hugepages_1g = 20;
	cfg.node[0].hugepages_2m = cfg.node[1].hugepages_2m = 0;
	l = lower_boot_config(cfg);
	giant = &l->q->page->hugetlb->hstates[0];
	assert_in_range(giant->nr_huge_pages, 3, 5);
	assert_true(lower_log_has(l, "allocating 20 of page size 1.00 GiB failed node1.  Only"));
	lower_end(l);
}

/* ---- contiguous areas ------------------------------------------------------- */

static unsigned long free_cma(const struct lower *l)
{
	return global_zone_page_state(l->q, NR_FREE_CMA_PAGES);
}

static void test_cma(__unused void **state)
{
	struct quire_config cfg = {.nr_nodes = 2, .seed = 1, .cma_bytes = 15 * MB};
	struct page *page, *list = NULL;
	unsigned long taken = 0;
	struct cma *cma;
	struct lower *l;
	u64 pfn;

	cfg.node[0] = cfg.node[1] = (struct quire_node_config){.size_bytes = 64 * MB, .nr_cpus = 1};
	cfg.node[0].cma_bytes = 8 * MB;
	l = lower_boot_config(cfg);
	assert_int_equal(l->q->page->cma->nr, 2);
	assert_int_equal(totalcma_pages(l->q), PFN(24 * MB));
	assert_int_equal(free_cma(l), PFN(24 * MB));
	cma = &l->q->page->cma->areas[1];
	assert_string_equal(cma->name, "pernuma0");
	assert_int_equal(cma->count, PFN(8 * MB));
	/* Only what can be moved is served from there: the kernel runs dry first. */
	while ((page = alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOWARN, 0)) != NULL) {
		assert_int_not_equal(get_pageblock_migratetype(l->q, page), MIGRATE_CMA);
		page->lru.next = (void *)list;
		list = page;
		taken++;
	}
	assert_int_equal(free_cma(l), PFN(24 * MB));
	page = alloc_pages_node(l->q, 0, GFP_HIGHUSER_MOVABLE | __GFP_NOWARN, 0);
	assert_non_null(page);
	assert_int_equal(get_pageblock_migratetype(l->q, page), MIGRATE_CMA);
	assert_true(free_cma(l) < PFN(24 * MB));
	assert_int_equal(lower_verify(l), 0);
	__free_pages(l->q, page, 0);
	drain_all_pages(l->q, NULL);
	assert_int_equal(free_cma(l), PFN(24 * MB));
	while (list) {
		page = list;
		list = (void *)page->lru.next;
		__free_pages(l->q, page, 0);
	}
	assert_true(taken > PFN(60 * MB));
	/* The bitmap: ranges apart, aligned as frames, none when it is full. */
	assert_int_equal(cma_take_bits(l->q, cma, 3, 0, 0, &pfn), 0);
	assert_int_equal(cma_take_bits(l->q, cma, 4, 3, 0, &pfn), 8);
	assert_int_equal(cma_take_bits(l->q, cma, 4, 0, 0, &pfn), 3);
	assert_int_equal(cma_used_pages(l->q, cma), 11);
	assert_int_equal(cma_maxchunk(l->q, cma), PFN(8 * MB) - 12);
	assert_int_equal(cma_take_bits(l->q, cma, PFN(8 * MB), 0, 0, &pfn), -1);
	cma_clear_bits(l->q, cma, cma->base_pfn, 12);
	assert_int_equal(cma_used_pages(l->q, cma), 0);
	BREAK(l, NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32].vm_stat[NR_FREE_CMA_PAGES], 7,
	      "nr_free_cma is");
	BREAK(l, NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32].cma_pages, 7, "contiguous areas are");
	lower_end(l);
	/* What is too much, or too many. */
	cfg.cma_bytes = GB;
	assert_int_equal(cma_declare_contiguous(NULL, 0, 0, 0, "", 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernelcore),  cmocka_unit_test(test_small_node),
		cmocka_unit_test(test_movablecore), cmocka_unit_test(test_movable_node),
		cmocka_unit_test(test_odd_nodes),   cmocka_unit_test(test_boot_pools),
		cmocka_unit_test(test_cma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
