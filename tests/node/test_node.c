/* SPDX-License-Identifier: MIT */
/*
 * From a configuration to nodes, zones and zonelists: against shapes of real
 * machines; boot memory against a naive bitmap; the floor's invariants broken
 * one by one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "node/memblock.h"
#include "node/vmstat.h"
#include "page/internal.h"
#include "tests/lib/lower.h"

#define GIB (1UL << 30)

/* Impossible configurations, and what possible ones need. */
static void test_memory_needed(void **state)
{
	struct quire_config cfg = {.nr_nodes = 1};
	u64 max_pfn;

	(void)state;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), -EINVAL); /* no memory */
	cfg.node[0].size_bytes = 2 * GIB;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), 0);
	assert_int_equal(max_pfn, 2 * GIB >> PAGE_SHIFT);
	/* What would lie in the hole lies above 4 GiB. */
	cfg.node[0].size_bytes = 16 * GIB;
	cfg.pci_hole_start = 3 * GIB;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), 0);
	assert_int_equal(max_pfn, 17 * GIB >> PAGE_SHIFT);
	cfg.pci_hole_start = 5 * GIB;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), -EINVAL);
	cfg.pci_hole_start = 3 * GIB + 1;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), -EINVAL);
	cfg.pci_hole_start = 0;
	cfg.nr_nodes = 2;
	cfg.node[1] = (struct quire_node_config){.size_bytes = GIB, .start_bytes = 8 * GIB};
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), -EINVAL); /* inside node 0 */
	cfg.node[1].start_bytes = 32 * GIB;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), 0);
	assert_int_equal(max_pfn, 33 * GIB >> PAGE_SHIFT);
	cfg.node[1].size_bytes = 1UL << 60;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), -EINVAL);
	cfg.nr_nodes = QUIRE_MAX_NODES + 1;
	assert_int_equal(quire_memory_needed(&cfg, &max_pfn), -EINVAL);
}

/* A PC of 6 GiB without a hole: Linux's DMA zone to the page. */
static void test_zones(void **state)
{
	struct lower *l = lower_boot(1, 6144, 1);
	struct zone *z = NODE_DATA(l->q, 0)->node_zones;

	(void)state;
	assert_int_equal(z[ZONE_DMA].zone_start_pfn, 1);
	assert_int_equal(z[ZONE_DMA].spanned_pages, 4095);
	assert_int_equal(z[ZONE_DMA].present_pages, 3998);
	assert_int_equal(z[ZONE_DMA].managed_pages, 3840);
	assert_int_equal(z[ZONE_DMA32].zone_start_pfn, 4096);
	assert_int_equal(z[ZONE_DMA32].spanned_pages, 1044480);
	assert_int_equal(z[ZONE_NORMAL].zone_start_pfn, 1048576);
	assert_int_equal(z[ZONE_NORMAL].spanned_pages, 524288);
	/* The memory map, 64 bytes a page, is taken of Normal. */
	assert_true(z[ZONE_NORMAL].present_pages - z[ZONE_NORMAL].managed_pages >=
		    6 * GIB / PAGE_SIZE * 64 / PAGE_SIZE - 97);
	assert_int_equal(z[ZONE_MOVABLE].present_pages, 0);
	lower_end(l);
}

/* The nodes of a zonelist, as "0 1 2 3". */
static const char *fallback_order(struct quire *q, unsigned int nid, char *buf, size_t cap)
{
	unsigned int last = QUIRE_MAX_NODES;
	size_t len = 0;

	buf[0] = 0;
	for (struct zoneref *z = NODE_DATA(q, nid)->node_zonelists[0].zonerefs; z->zone; z++) {
		if (zone_to_nid(z->zone) != last)
			len += (size_t)snprintf(buf + len, cap - len, len ? " %u" : "%u",
						zone_to_nid(z->zone));
		last = zone_to_nid(z->zone);
	}
	return buf;
}

/* What Linux's log says of four equal nodes. */
static void test_fallback_order(void **state)
{
	static const char *const linux_says[] = {"0 1 2 3", "1 2 3 0", "2 3 0 1", "3 0 1 2"};
	struct lower *l = lower_boot(4, 64, 2);
	char buf[64];

	(void)state;
	for (unsigned int nid = 0; nid < 4; nid++)
		assert_string_equal(fallback_order(l->q, nid, buf, sizeof(buf)), linux_says[nid]);
	for (unsigned int cpu = 0; cpu < 8; cpu++)
		assert_int_equal(cpu_to_node(l->q, cpu), cpu / 2);
	lower_end(l);
}

/* Boot allocations: apart, inside their node, aligned, and zero. */
static void test_memblock(void **state)
{
	struct lower *l = lower_boot(2, 64, 1);
	struct memblock *mb = l->q->node->memblock;
	struct prng rng;

	(void)state;
	prng_seed(&rng, 7);
	/* After boot the tables are closed; they still work. */
	mb->closed = false;
	memset(&mb->reserved, 0, sizeof(mb->reserved));
	for (int i = 0; i < 300; i++) {
		u64 align = 1UL << prng_range(&rng, 6, 16), size = prng_range(&rng, 1, 200000);
		unsigned int nid = (unsigned int)prng_below(&rng, 2);
		u64 taken = memblock_overlap_bytes(&mb->reserved, 0, ~0UL, 0) +
			    memblock_overlap_bytes(&mb->reserved, 0, ~0UL, 1);
		u64 at = memblock_phys_alloc(l->q, size, align, nid);

		assert_true(at && IS_ALIGNED(at, align));
		assert_int_equal(at >> 26, nid);
		/* It was free: the sum grows by all of it. */
		assert_int_equal(memblock_overlap_bytes(&mb->reserved, 0, ~0UL, 0) +
					 memblock_overlap_bytes(&mb->reserved, 0, ~0UL, 1),
				 taken + size);
		for (unsigned int r = 1; r < mb->reserved.cnt; r++)
			assert_true(mb->reserved.regions[r - 1].base +
					    mb->reserved.regions[r - 1].size <=
				    mb->reserved.regions[r].base);
	}
	/* Too much for a node comes from the other; too much for all does not. */
	assert_int_equal(memblock_phys_alloc(l->q, 40UL << 20, 64, 0) >> 26, 0);
	assert_int_equal(memblock_phys_alloc(l->q, 30UL << 20, 64, 0) >> 26, 1);
	assert_int_equal(memblock_phys_alloc(l->q, 64UL << 20, 64, 0), 0);
	munmap(l->q->physmap, l->physmap_bytes);
	munmap(l->q->mem_map, l->vmemmap_bytes);
	munmap(l->hot.content, l->content_bytes);
	free(l->q);
	free(l);
}

/* Too small a machine says so and does not crash. */
static void test_too_small(void **state)
{
	(void)state;
	for (u64 size = PAGE_SIZE; size <= 4UL << 20; size *= 2) {
		struct quire_context ctx = {0};
		struct quire_hot hot = {.current = &ctx};
		struct quire_config cfg = {.nr_nodes = 1};
		struct quire *q = calloc(1, sizeof(*q));
		u64 max_pfn;

		cfg.node[0] = (struct quire_node_config){
			.size_bytes = size, .nr_cpus = 1, .reserved_bytes = size / 2};
		if (quire_memory_needed(&cfg, &max_pfn)) {
			free(q);
			continue;
		}
		*q = (struct quire){.hot = &hot,
				    .nr_nodes = 1,
				    .nr_cpus = 1,
				    .max_pfn = max_pfn,
				    .cfg = cfg,
				    .physmap = calloc(max_pfn, PAGE_SIZE),
				    .mem_map = calloc(max_pfn, sizeof(struct page))};
		assert_int_equal(node_init(q), -ENOMEM);
		free(q->physmap);
		free(q->mem_map);
		free(q);
	}
}

static void test_names(void **state)
{
	struct lower *l = lower_boot(1, 64, 2);
	unsigned long before = global_vm_event(l->q, PGFAULT);

	(void)state;
	assert_string_equal(zone_stat_names[NR_FREE_PAGES], "nr_free_pages");
	assert_string_equal(node_stat_names[NR_ANON_THPS], "nr_anon_transparent_hugepages");
	assert_string_equal(vm_event_names[PGALLOC_NORMAL], "pgalloc_normal");
	for (int i = 0; i < NR_VM_EVENT_ITEMS; i++)
		assert_non_null(vm_event_names[i]);
	count_vm_event(l->q, PGFAULT);
	l->ctx.cpu = 1;
	count_vm_events(l->q, PGFAULT, 4);
	assert_int_equal(global_vm_event(l->q, PGFAULT), before + 5);
	lower_end(l);
}

static void test_verify(void **state)
{
	struct lower *l = lower_boot(2, 64, 2);
	struct node_floor *node = l->q->node;
	struct memblock *mb = node->memblock;
	struct pglist_data *pgdat = node->pgdat[1];
	struct zone *z = &pgdat->node_zones[ZONE_DMA32];
	struct zoneref *ref = pgdat->node_zonelists[ZONELIST_FALLBACK].zonerefs;

	(void)state;
	BREAK(l, mb->memory.regions[1].base, mb->memory.regions[0].base, "overlap");
	BREAK(l, mb->reserved.regions[0].nid, 7, "of no node");
	BREAK(l, mb->memory.regions[mb->memory.cnt - 1].size, 1UL << 40, "beyond the memory map");
	BREAK(l, z->present_pages, z->present_pages - 1, "are present");
	BREAK(l, z->managed_pages, z->managed_pages + 1, "boot left");
	BREAK(l, z->managed_pages, z->present_pages + 1, "does not hold");
	BREAK(l, z->_watermark[WMARK_LOW], 0, "out of order");
	BREAK(l, pgdat->node_id, 0, "says it is");
	BREAK(l, pgdat->node_present_pages, 5, "its zones");
	BREAK(l, node->totalram_pages, 5, "the machine has 5 pages");
	BREAK(l, node->cpu_to_node[3], 0, "CPU 3");
	BREAK(l, pgdat->first_cpu, 1, "begin at 1");
	BREAK(l, l->q->nr_cpus, 3, "the machine 3");
	BREAK(l, ref[0].zone_idx, ZONE_DMA, "wrong zone");
	BREAK(l, ref[1].zone, NULL, "there are");
	BREAK(l, node->distance[1][1], 99, "after a farther one");
	BREAK(l, ref[1], ref[2], "high zones first");
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_needed),  cmocka_unit_test(test_zones),
		cmocka_unit_test(test_fallback_order), cmocka_unit_test(test_memblock),
		cmocka_unit_test(test_too_small),      cmocka_unit_test(test_names),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
