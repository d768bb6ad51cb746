/* SPDX-License-Identifier: MIT */
/*
 * Asking for pages: per-CPU lists, NUMA counts, the slow path with hand-made
 * pressure ops, the reserves, failing, and page tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/printk.h"
#include "page/internal.h"
#include "page/pgtable.h"
#include "tests/lib/lower.h"

/* Takes order-0 pages until there are none; returns their number. */
static unsigned long take_all(struct quire *q, gfp_t gfp, unsigned int nid, struct list_head *pages)
{
	unsigned long nr = 0;
	struct page *page;

	while ((page = alloc_pages_node(q, nid, gfp | __GFP_NOWARN, 0)) != NULL) {
		list_add(&page->lru, pages);
		nr++;
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

static void test_pcp(void **state)
{
	struct lower *l = lower_boot(1, 256, 2);
	struct quire *q = l->q;
	struct zone *z = &NODE_DATA(q, 0)->node_zones[ZONE_DMA32];
	struct per_cpu_pages *pcp = &z->pageset[0];
	struct page *page, *again;
	LIST_HEAD(pages);

	(void)state;
	drain_all_pages(q, NULL);
	assert_int_equal(pcp->count, 0);
	page = alloc_pages_node(q, 0, GFP_KERNEL, 0);
	assert_int_equal(pcp->count, pcp->batch - 1);
	/* The page freed last is the one given next. */
	__free_pages(q, page, 0);
	again = alloc_pages_node(q, 0, GFP_KERNEL, 0);
	assert_ptr_equal(page, again);
	__free_pages(q, again, 0);
	/* Another CPU has lists of its own. */
	l->ctx.cpu = 1;
	again = alloc_pages_node(q, 0, GFP_KERNEL, 0);
	assert_ptr_not_equal(page, again);
	__free_pages(q, again, 0);
	/* However many are freed, no more than high stay. */
	for (int i = 0; i < 5000; i++)
		list_add(&alloc_pages_node(q, 0, GFP_KERNEL, 0)->lru, &pages);
	while (!list_empty(&pages)) {
		page = list_first_entry(&pages, struct page, lru);
		list_del(&page->lru);
		__free_pages(q, page, 0);
		assert_in_range(z->pageset[1].count, 0, z->pageset[1].high);
	}
	/* While kswapd works on the zone, four batches. */
	z->reclaim_active = true;
	page = alloc_pages_node(q, 0, GFP_KERNEL, 0);
	__free_pages(q, page, 0);
	for (int i = 0; i < 100; i++) {
		page = alloc_pages_node(q, 0, GFP_KERNEL, 3);
		__free_pages(q, page, 3);
	}
	assert_in_range(z->pageset[1].count, 0, 4 * z->pageset[1].batch + 8);
	z->reclaim_active = false;
	drain_all_pages(q, z);
	assert_int_equal(z->pageset[0].count + z->pageset[1].count, 0);
	lower_end(l);
}

static unsigned long numa(struct quire *q, unsigned int nid, enum numa_stat_item item)
{
	unsigned long sum = 0;

	for_each_populated_zone_of_node(NODE_DATA(q, nid), z) sum += zone_numa_event(q, z, item);
	return sum;
}

static void test_numa_counts(void **state)
{
	struct lower *l = lower_boot(2, 64, 1);
	struct quire *q = l->q;
	unsigned long hit = numa(q, 1, NUMA_HIT), other = numa(q, 1, NUMA_OTHER), local, foreign,
		      miss;
	unsigned long nr0, nr1;
	LIST_HEAD(pages);

	(void)state;
	l->ctx.cpu = 0;
	/* CPU 0 asks for node 1 and gets it. */
	nr1 = take_all(q, GFP_KERNEL | __GFP_THISNODE, 1, &pages);
	assert_int_equal(numa(q, 1, NUMA_HIT) - hit, nr1);
	assert_int_equal(numa(q, 1, NUMA_OTHER) - other, nr1);
	/* Node 1 is full: node 0 serves. */
	local = numa(q, 0, NUMA_LOCAL);
	miss = numa(q, 0, NUMA_MISS);
	foreign = numa(q, 1, NUMA_FOREIGN);
	nr0 = take_all(q, GFP_KERNEL, 1, &pages);
	assert_true(nr0 > 1000);
	assert_int_equal(numa(q, 0, NUMA_MISS) - miss, nr0);
	assert_int_equal(numa(q, 1, NUMA_FOREIGN) - foreign, nr0);
	assert_int_equal(numa(q, 0, NUMA_LOCAL) - local, nr0);
	give_all(q, &pages);
	lower_end(l);
}

/* ---- pressure ops that note what they were asked ---------------------------- */

static struct {
	unsigned int kswapd, reclaim, oom;
	unsigned long reclaimable; /* pages of the hoard that reclaim may free */
	struct list_head hoard;
	bool kill_frees; /* the killer's victim gives its pages up */
	bool victim;
	bool memalloc_in_reclaim;
} ops_log;

static void op_wakeup_kswapd(struct quire *q, struct zone *zone, gfp_t gfp, unsigned int order,
			     int highest_zoneidx)
{
	(void)q;
	(void)zone;
	(void)gfp;
	(void)order;
	(void)highest_zoneidx;
	ops_log.kswapd++;
}

static unsigned long free_hoard(struct quire *q, unsigned long nr)
{
	unsigned long freed = 0;

	for (; freed < nr && !list_empty(&ops_log.hoard); freed++) {
		struct page *page = list_first_entry(&ops_log.hoard, struct page, lru);

		list_del(&page->lru);
		__free_pages(q, page, 0);
	}
	return freed;
}

static unsigned long op_try_to_free_pages(struct quire *q, struct alloc_context *ac)
{
	unsigned long freed = free_hoard(q, min(ops_log.reclaimable, 32UL));

	(void)ac;
	ops_log.reclaim++;
	ops_log.memalloc_in_reclaim = current_context(q)->flags & PF_MEMALLOC;
	ops_log.reclaimable -= freed;
	return freed;
}

static bool op_out_of_memory(struct quire *q, struct alloc_context *ac)
{
	(void)ac;
	ops_log.oom++;
	if (ops_log.kill_frees)
		free_hoard(q, 1000);
	return ops_log.kill_frees;
}

static bool op_is_victim(struct quire *q)
{
	(void)q;
	return ops_log.victim;
}

static struct lower *boot_with_ops(void)
{
	struct lower *l = lower_boot(1, 64, 1);

	memset(&ops_log, 0, sizeof(ops_log));
	INIT_LIST_HEAD(&ops_log.hoard);
	/* Stealing would raise the marks, and no kswapd lowers them here. */
	l->q->page->watermark_boost_factor = 0;
	take_all(l->q, GFP_KERNEL, 0, &ops_log.hoard);
	l->q->page->ops = (struct page_pressure_ops){
		.wakeup_kswapd = op_wakeup_kswapd,
		.try_to_free_pages = op_try_to_free_pages,
		.out_of_memory = op_out_of_memory,
		.task_is_oom_victim = op_is_victim,
	};
	return l;
}

static void end_with_ops(struct lower *l)
{
	give_all(l->q, &ops_log.hoard);
	lower_end(l);
}

static void test_direct_reclaim(void **state)
{
	struct lower *l = boot_with_ops();
	struct page *page;

	(void)state;
	/* Who may not wait fails, having woken kswapd. */
	assert_null(alloc_pages_node(l->q, 0, GFP_NOWAIT | __GFP_NOWARN, 0));
	assert_int_equal(ops_log.reclaim, 0);
	assert_true(ops_log.kswapd > 0);
	/* Who may, reclaims, as one who frees memory. */
	ops_log.reclaimable = 500;
	page = alloc_pages_node(l->q, 0, GFP_KERNEL, 0);
	assert_non_null(page);
	assert_true(ops_log.reclaim > 0 && ops_log.oom == 0);
	assert_true(ops_log.memalloc_in_reclaim);
	assert_int_equal(l->ctx.flags & PF_MEMALLOC, 0);
	__free_pages(l->q, page, 0);
	end_with_ops(l);
}

static void test_out_of_memory(void **state)
{
	struct lower *l = boot_with_ops();
	struct page *page;

	(void)state;
	/* The killer finds no one: the request fails. */
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOWARN, 0));
	assert_int_equal(ops_log.oom, 1);
	/* Not called for these at all. */
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY, 0));
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL, 0));
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOWARN, 6));
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOWARN | __GFP_DMA32, 0));
	assert_int_equal(ops_log.oom, 1);
	/* It kills, and the memory is there. */
	ops_log.kill_frees = true;
	page = alloc_pages_node(l->q, 0, GFP_KERNEL, 0);
	assert_non_null(page);
	assert_int_equal(ops_log.oom, 2);
	__free_pages(l->q, page, 0);
	end_with_ops(l);
}

/* Each right reaches further down than the one before. */
static void test_reserves(void **state)
{
	struct lower *l = boot_with_ops();
	struct zone *z = &NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32];
	unsigned long left, next;

	(void)state;
	drain_all_pages(l->q, NULL);
	take_all(l->q, GFP_NOWAIT, 0, &ops_log.hoard);
	left = zone_page_state(z, NR_FREE_PAGES);
	assert_in_range(left, 1, z->_watermark[WMARK_MIN]);
	take_all(l->q, GFP_ATOMIC, 0, &ops_log.hoard);
	next = zone_page_state(z, NR_FREE_PAGES);
	assert_true(next < left);
	left = next;
	ops_log.victim = true;
	take_all(l->q, GFP_NOWAIT | __GFP_NOMEMALLOC, 0, &ops_log.hoard);
	assert_int_equal(zone_page_state(z, NR_FREE_PAGES), left);
	ops_log.victim = false;
	l->ctx.flags |= PF_MEMALLOC;
	take_all(l->q, GFP_KERNEL, 0, &ops_log.hoard);
	l->ctx.flags &= ~(unsigned int)PF_MEMALLOC;
	assert_int_equal(zone_page_state(z, NR_FREE_PAGES), 0);
	assert_int_equal(ops_log.reclaim, 0);
	end_with_ops(l);
}

/* Stealing a small block raises the marks and calls kswapd. */
static void test_boost(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct zone *z = &NODE_DATA(l->q, 0)->node_zones[ZONE_DMA32];
	LIST_HEAD(pages);

	(void)state;
	memset(&ops_log, 0, sizeof(ops_log));
	l->q->page->ops.wakeup_kswapd = op_wakeup_kswapd;
	take_all(l->q, GFP_NOWAIT & ~__GFP_KSWAPD_RECLAIM, 0, &pages);
	assert_int_equal(ops_log.kswapd, 0);
	give_all(l->q, &pages);
	z->watermark_boost = 0;
	for (int i = 0; i < 40000 && !z->watermark_boost; i++) {
		struct page *page = alloc_pages_node(
			l->q, 0, i & 1 ? GFP_HIGHUSER_MOVABLE : GFP_KERNEL | __GFP_NOWARN, 0);

		if (!page)
			break;
		list_add(&page->lru, &pages);
	}
	assert_in_range(z->watermark_boost, pageblock_nr_pages,
			max(pageblock_nr_pages, z->_watermark[WMARK_HIGH] * 3 / 2));
	assert_true(ops_log.kswapd > 0);
	assert_false(z->boosted);
	give_all(l->q, &pages);
	lower_end(l);
}

static void test_failure(void **state)
{
	struct lower *l = boot_with_ops();
	struct printk_record rec;
	char buf[1024];
	bool seen = false;
	struct page *page;

	(void)state;
	assert_null(alloc_pages_node(l->q, 0, GFP_NOWAIT | __GFP_COMP, 4));
	for (u64 seq = 0; printk_read(l->q, seq, &rec, buf, sizeof(buf)); seq = rec.seq + 1)
		seen |= strcmp(buf, "swapper/0: page allocation failure: order:4, "
				    "mode:0x40800(GFP_NOWAIT|__GFP_COMP), nodemask=(null),"
				    "cpuset=/,mems_allowed=0") == 0;
	assert_true(seen);
	free_hoard(l->q, 1000);
	/* The fault point; who must not fail does not. */
	l->fail_after = 0;
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL, 0));
	page = alloc_pages_node(l->q, 0, GFP_KERNEL | __GFP_NOFAIL, 0);
	assert_non_null(page);
	__free_pages(l->q, page, 0);
	l->fail_after = -1;
	/* Orders there are not. */
	assert_null(alloc_pages_node(l->q, 0, GFP_KERNEL, MAX_ORDER));
	end_with_ops(l);
}

/* ---- page tables ------------------------------------------------------------ */

static void test_pgtable(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	unsigned long before = global_node_page_state(q, NR_PAGETABLE);
	struct page *root = pt_alloc(q, GFP_KERNEL);
	u64 pfn = page_to_pfn(q, root), addr = 0x7f0012345000;
	unsigned int made = 0;
	pte_t *pte;

	(void)state;
	assert_non_null(root);
	assert_null(pt_walk(q, pfn, addr, 1));
	pte = pt_walk_alloc(q, pfn, addr, 1, GFP_KERNEL, &made);
	assert_non_null(pte);
	assert_int_equal(made, 3);
	assert_int_equal(root->private, 1);
	set_pte(q, pte, mk_pte(0x1234, _PAGE_PRESENT | _PAGE_RW));
	assert_ptr_equal(pt_walk(q, pfn, addr, 1), pte);
	assert_int_equal(pte_pfn(*pt_walk(q, pfn, addr, 1)), 0x1234);
	/* A neighbour needs no new table; a huge entry has none below. */
	assert_non_null(pt_walk_alloc(q, pfn, addr + PAGE_SIZE, 1, GFP_KERNEL, &made));
	assert_int_equal(made, 3);
	set_pte(q, pt_walk_alloc(q, pfn, addr + PMD_SIZE, 2, GFP_KERNEL, &made),
		mk_pte(512, _PAGE_PRESENT | _PAGE_PSE));
	assert_null(pt_walk(q, pfn, addr + PMD_SIZE, 1));
	assert_null(pt_walk_alloc(q, pfn, addr + PMD_SIZE, 1, GFP_KERNEL, &made));
	/* Only what is empty goes. */
	assert_int_equal(pt_free_empty(q, pfn, 0, 1UL << 47), 0);
	set_pte(q, pte, 0);
	assert_int_equal(pt_free_empty(q, pfn, 0, 1UL << 47), 1);
	set_pte(q, pt_walk(q, pfn, addr + PMD_SIZE, 2), 0);
	assert_int_equal(pt_free_empty(q, pfn, 0, 1UL << 47), 2);
	assert_int_equal(root->private, 0);
	/* No memory half-way: what was made stays, and can be freed. */
	for (long n = 0; n < 3; n++) {
		made = 0;
		l->fail_after = n;
		assert_null(pt_walk_alloc(q, pfn, addr, 1, GFP_KERNEL, &made));
		l->fail_after = -1;
		assert_int_equal(made, n);
		assert_int_equal(pt_free_empty(q, pfn, 0, 1UL << 47), n);
	}
	pt_free(q, root);
	assert_int_equal(global_node_page_state(q, NR_PAGETABLE), before);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcp),
		cmocka_unit_test(test_numa_counts),
		cmocka_unit_test(test_direct_reclaim),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_reserves),
		cmocka_unit_test(test_boost),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_pgtable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
