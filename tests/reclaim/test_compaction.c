/* SPDX-License-Identifier: MIT */
/*
 * Compaction: memory full of holes gives large blocks again, for an allocation
 * (caught as they come together), for the operator, in the background; what
 * does not move is left alone; failures put it off; contents stay what they
 * were.  And particular ranges are emptied.
 */
#include "tests/space/space_test.h"
#include "page/internal.h"
#include "reclaim/compaction.h"
#include "reclaim/internal.h"

#define FILL_MB 180

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.node_mb = {256}, .cpus = 1, .disk = true});
}

static unsigned long event(struct testbox *t, enum vm_event_item item)
{
	return global_vm_event(t->q, item);
}

static struct zone *dma32(struct testbox *t)
{
	return &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32];
}

/*
 * Fills memory and frees every second page: free memory is single pages.  Those
 * with even numbers: the free scanner's stride grows from 1 to 2, 4, .. 32 where
 * it finds nothing, and then sees no others (Linux's does so too).
 */
static u64 make_holes(struct testbox *t, unsigned long mb)
{
	unsigned long n = mb * MB >> PAGE_SHIFT;
	u64 a = map_anon(t, t->task, n + 1);

	touch(t, t->task, a, n + 1, 1);
	if (page_to_pfn(t->q, page_at(t, t->task, a + n / 2 * PAGE_SIZE)) & 1)
		a += PAGE_SIZE;
	for (unsigned long i = 0; i < n; i += 2)
		assert_int_equal(madvise_dontneed(t->q, t->task->mm, a + i * PAGE_SIZE, PAGE_SIZE),
				 0);
	lru_add_drain_all(t->q);
	drain_all_pages(t->q, NULL);
	return a;
}

static void check_contents(struct testbox *t, u64 a, unsigned long mb)
{
	unsigned long n = mb * MB >> PAGE_SHIFT;
	u64 want = peek(t, t->task, a + PAGE_SIZE);

	for (unsigned long i = 1; i < n; i += 2)
		assert_int_equal(CONTENT_KIND(peek(t, t->task, a + i * PAGE_SIZE)),
				 CONTENT_KIND(want));
}

/* All blocks of the order that can be had without waiting. */
static void take_blocks(struct testbox *t, unsigned int order, struct list_head *list)
{
	struct page *page;

	while ((page = alloc_pages_node(t->q, 0, (GFP_TRANSHUGE_LIGHT & ~__GFP_COMP), order)))
		list_add(&page->lru, list);
}

static void give_blocks(struct testbox *t, unsigned int order, struct list_head *list)
{
	while (!list_empty(list)) {
		struct page *page = list_first_entry(list, struct page, lru);

		list_del(&page->lru);
		__free_pages(t->q, page, order);
	}
}

static void run_direct(struct testbox *t, void *arg)
{
	u64 a = make_holes(t, FILL_MB);
	struct page *pages[16];
	LIST_HEAD(whole);

	(void)arg;
	take_blocks(t, 9, &whole);
	assert_int_equal(event(t, COMPACTSTALL), 0);
	for (int i = 0; i < 16; i++) {
		pages[i] = alloc_pages_node(t->q, 0, GFP_TRANSHUGE | __GFP_NORETRY, 9);
		assert_non_null(pages[i]);
		assert_int_equal(compound_order(pages[i]), 9);
	}
	testbox_verify(t);
	assert_int_equal(event(t, COMPACTSTALL), event(t, COMPACTSUCCESS) + event(t, COMPACTFAIL));
	assert_int_equal(event(t, COMPACTSUCCESS), 16);
	assert_true(event(t, PGMIGRATE_SUCCESS) >= 16 * 200);
	assert_true(event(t, COMPACTISOLATED) >= 2 * event(t, PGMIGRATE_SUCCESS));
	assert_int_equal(event(t, PGSCAN_DIRECT), 0);
	check_contents(t, a, FILL_MB);
	for (int i = 0; i < 16; i++)
		__free_pages(t->q, pages[i], 9);
	give_blocks(t, 9, &whole);
	assert_null(current_context(t->q)->capture_control);
}

/* Costly blocks that reclaim and compaction can't bring together. */
static void run_pinned(struct testbox *t, void *arg)
{
	u64 a = make_holes(t, FILL_MB);
	unsigned long n = FILL_MB * MB >> PAGE_SHIFT;
	struct zone *z = dma32(t);
	LIST_HEAD(whole);

	(void)arg;
	for (unsigned long i = 1; i < n; i += 2)
		get_page(page_at(t, t->task, a + i * PAGE_SIZE));
	take_blocks(t, 9, &whole);
	assert_null(alloc_pages_node(t->q, 0, GFP_TRANSHUGE | __GFP_RETRY_MAYFAIL, 9));
	testbox_verify(t);
	assert_true(event(t, COMPACTFAIL) > 0);
	assert_int_equal(event(t, COMPACTSUCCESS), 0);
	assert_true(z->compact_defer_shift > 0);
	/* From a zone that never had success all orders stay away. */
	assert_int_equal(z->compact_order_failed, 0);
	assert_true(compaction_deferred(t->q, z, 9));
	compaction_defer_reset(t->q, z, 8, false);
	assert_false(compaction_deferred(t->q, z, 8));
	z->compact_considered = 0;
	assert_true(compaction_deferred(t->q, z, 9));
	for (unsigned long i = 1; i < n; i += 2)
		put_page(t->q, page_at(t, t->task, a + i * PAGE_SIZE));
	give_blocks(t, 9, &whole);
	/* The operator does not ask what failed before. */
	compact_nodes(t->q);
	testbox_verify(t);
	take_blocks(t, 9, &whole);
	give_blocks(t, 9, &whole);
	check_contents(t, a, FILL_MB);
}

static void run_operator(struct testbox *t, void *arg)
{
	u64 a = make_holes(t, FILL_MB);
	unsigned long before = extfrag_for_order(dma32(t), 9);

	(void)arg;
	assert_true(fragmentation_index(dma32(t), 10) != 0);
	compact_nodes(t->q);
	testbox_verify(t);
	assert_true(before > 20);
	assert_true(extfrag_for_order(dma32(t), 9) < 8);
	assert_true(unusable_free_index(dma32(t), 9) < 80);
	check_contents(t, a, FILL_MB);
	/* Again: there is nothing left to do. */
	before = event(t, PGMIGRATE_SUCCESS);
	compact_node(t->q, 0);
	assert_true(event(t, PGMIGRATE_SUCCESS) - before < 2000);
}

/* An allocation that can't wait leaves it to kswapd, who frees some, and then to
 * kcompactd. */
static void run_kcompactd(struct testbox *t, void *arg)
{
	struct inode *inode = new_inode(t->q, t->sb, 32 * MB, false);
	struct file *file = alloc_file(t->q, inode, true);
	u64 a = make_holes(t, FILL_MB);
	LIST_HEAD(whole);

	(void)arg;
	iput(t->q, inode);
	t->q->reclaim->compaction_proactiveness = 0;
	assert_int_equal(generic_file_read(t->q, file, 0, 32 * MB), 32 * MB);
	take_blocks(t, 9, &whole);
	assert_null(alloc_pages_node(t->q, 0, GFP_NOWAIT | __GFP_NOWARN | __GFP_COMP, 9));
	model_sleep(t->m, NSEC_PER_SEC);
	assert_int_equal(event(t, KCOMPACTD_WAKE), 1);
	assert_true(event(t, PGSTEAL_KSWAPD) >= 2 << 9);
	assert_true(event(t, KCOMPACTD_MIGRATE_SCANNED) > 0);
	assert_true(event(t, KCOMPACTD_FREE_SCANNED) > 0);
	assert_true(dma32(t)->free_area[9].nr_free + dma32(t)->free_area[10].nr_free > 0);
	testbox_verify(t);
	give_blocks(t, 9, &whole);
	check_contents(t, a, FILL_MB);
	fput(t->q, file);
}

/* Without being asked, where the operator wants much of it. */
static void run_proactive(struct testbox *t, void *arg)
{
	u64 a = make_holes(t, FILL_MB);
	unsigned int before = fragmentation_score_node(NODE_DATA(t->q, 0));

	(void)arg;
	assert_int_equal(event(t, KCOMPACTD_WAKE), 0);
	t->q->reclaim->compaction_proactiveness = 95;
	compaction_proactiveness_changed(t->q);
	model_sleep(t->m, 3 * NSEC_PER_SEC);
	assert_true(before > fragmentation_score_wmark(t->q, false));
	assert_true(fragmentation_score_node(NODE_DATA(t->q, 0)) <=
		    fragmentation_score_wmark(t->q, false));
	assert_int_equal(event(t, KCOMPACTD_WAKE), 0);
	testbox_verify(t);
	check_contents(t, a, FILL_MB);
}

static void run_mlocked(struct testbox *t, void *arg)
{
	u64 a = make_holes(t, FILL_MB);
	u64 pfn[1024], moved = 0;

	(void)arg;
	/* Of the pages that are lowest. */
	for (u64 i = 0; i < 1024; i++) {
		u64 at = a + (FILL_MB * MB / 2) + (2 * i + 1) * PAGE_SIZE;

		assert_int_equal(do_mlock(t->q, t->task->mm, at, PAGE_SIZE, true), 0);
		pfn[i] = page_to_pfn(t->q, page_at(t, t->task, at));
	}
	for (unsigned int allowed = 0; allowed < 2; allowed++) {
		t->q->reclaim->compact_unevictable_allowed = allowed;
		compact_nodes(t->q);
		testbox_verify(t);
		for (u64 i = 0; i < 1024; i++) {
			u64 at = a + (FILL_MB * MB / 2) + (2 * i + 1) * PAGE_SIZE;

			moved += pfn[i] != page_to_pfn(t->q, page_at(t, t->task, at));
		}
		assert_true(allowed == (moved > 0));
	}
	assert_int_equal(do_mlock(t->q, t->task->mm, a, FILL_MB * MB, false), 0);
}

/* A range in the middle of what is in use. */
static void run_contig(struct testbox *t, void *arg)
{
	u64 a = make_holes(t, FILL_MB), start = 8192 * 4 * PAGE_SIZE >> PAGE_SHIFT;
	struct zone *z = dma32(t);
	unsigned long n = FILL_MB * MB >> PAGE_SHIFT, pinned = 0;
	struct page *page = NULL;

	(void)arg;
	assert_int_equal(alloc_contig_range(t->q, z, start, start, MIGRATE_MOVABLE), -EINVAL);
	assert_int_equal(alloc_contig_range(t->q, z, start, start + 4096, MIGRATE_MOVABLE), 0);
	testbox_verify(t);
	for (u64 pfn = start; pfn < start + 4096; pfn++)
		assert_int_equal(page_ref_count(pfn_to_page(t->q, pfn)), 1);
	assert_int_equal(z->nr_isolate_pageblock, 0);
	check_contents(t, a, FILL_MB);
	free_contig_range(t->q, start, 4096);
	drain_all_pages(t->q, NULL);
	testbox_verify(t);
	/* A few frames in the middle of a pageblock: the rest of what was free
	 * around them goes back. */
	assert_int_equal(alloc_contig_range(t->q, z, start + 700, start + 705, MIGRATE_MOVABLE), 0);
	assert_int_equal(page_ref_count(pfn_to_page(t->q, start + 704)), 1);
	assert_int_equal(z->nr_isolate_pageblock, 0);
	testbox_verify(t);
	free_contig_range(t->q, start + 700, 5);
	drain_all_pages(t->q, NULL);
	testbox_verify(t);
	/* What is pinned does not move: all is as it was. */
	for (unsigned long i = 1; i < n && !page; i += 2) {
		struct page *p = page_at(t, t->task, a + i * PAGE_SIZE);

		if (page_to_pfn(t->q, p) < z->zone_start_pfn + 8192)
			continue;
		page = p;
		get_page(page);
		pinned = page_to_pfn(t->q, p);
	}
	start = ALIGN_DOWN(pinned, MAX_ORDER_NR_PAGES);
	assert_int_equal(alloc_contig_range(t->q, z, start, start + 1024, MIGRATE_MOVABLE), -EBUSY);
	put_page(t->q, page);
	assert_int_equal(z->nr_isolate_pageblock, 0);
	testbox_verify(t);
	/* What is isolated is not handed out, nor counted as free. */
	start = ALIGN(z->zone_start_pfn, MAX_ORDER_NR_PAGES) + 20 * MAX_ORDER_NR_PAGES;
	if (!start_isolate_page_range(t->q, z, start, start + 1024, MIGRATE_MOVABLE)) {
		assert_int_equal(
			start_isolate_page_range(t->q, z, start, start + 1024, MIGRATE_MOVABLE),
			-EBUSY);
		assert_int_equal(z->nr_isolate_pageblock, 2);
		testbox_verify(t);
		z->nr_isolate_pageblock = 3;
		testbox_verify_reports(t, "pageblocks are isolated, it counts");
		z->nr_isolate_pageblock = 2;
		assert_int_equal(migrate_contig_range(t->q, z, start, start + 1024), 0);
		assert_true(test_pages_isolated(t->q, z, start, start + 1024));
		testbox_verify(t);
		set_pfnblock_migratetype(z, start, MIGRATE_MOVABLE);
		testbox_verify_reports(t, "list, its pageblock is");
		set_pfnblock_migratetype(z, start, MIGRATE_ISOLATE);
		undo_isolate_page_range(t->q, z, start, start + 1024, MIGRATE_MOVABLE);
		testbox_verify(t);
	}
}

/* Anything goes: blocks of all orders come and go in a full machine. */
static void run_random(struct testbox *t, void *arg)
{
	static const gfp_t gfps[] = {GFP_KERNEL,
				     GFP_TRANSHUGE,
				     GFP_TRANSHUGE | __GFP_NORETRY,
				     GFP_KERNEL | __GFP_RECLAIMABLE,
				     GFP_NOWAIT,
				     GFP_KERNEL | __GFP_RETRY_MAYFAIL};
	u64 a = make_holes(t, 150);
	unsigned long n = 150 * MB >> PAGE_SHIFT;
	struct {
		struct page *page;
		unsigned int order;
	} slot[64] = {{NULL, 0}};

	(void)arg;
	for (int step = 0; step < 1500; step++) {
		unsigned int i = (unsigned int)prng_below(&t->rng, 64);
		u64 at = a + prng_below(&t->rng, n - 64) * PAGE_SIZE;

		if (slot[i].page) {
			__free_pages(t->q, slot[i].page, slot[i].order);
			slot[i].page = NULL;
		} else {
			slot[i].order = (unsigned int)prng_below(&t->rng, MAX_ORDER);
			slot[i].page =
				alloc_pages_node(t->q, 0,
						 gfps[prng_below(&t->rng, ARRAY_SIZE(gfps))] |
							 __GFP_NOWARN | __GFP_COMP,
						 slot[i].order);
		}
		if (step % 3 == 0)
			touch(t, t->task, at, 8, 1);
		else if (step % 3 == 1)
			(void)madvise_dontneed(t->q, t->task->mm, at, 8 * PAGE_SIZE);
		if (step % 500 == 250)
			compact_nodes(t->q);
		if (step % 300 == 299)
			testbox_verify(t);
	}
	for (int i = 0; i < 64; i++)
		if (slot[i].page)
			__free_pages(t->q, slot[i].page, slot[i].order);
}

static void run_in_box(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box();

	testbox_run(t, fn, NULL);
	testbox_verify(t);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 0), NR_ISOLATED_ANON), 0);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 0), NR_ISOLATED_FILE), 0);
	testbox_free(t);
}

#define IN_BOX(name)                          \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_in_box(run_##name);       \
	}
IN_BOX(direct)
IN_BOX(pinned)
IN_BOX(operator)
IN_BOX(kcompactd)
IN_BOX(proactive)
IN_BOX(mlocked)
IN_BOX(contig)
IN_BOX(random)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_direct),	  cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_operator),  cmocka_unit_test(test_kcompactd),
		cmocka_unit_test(test_proactive), cmocka_unit_test(test_mlocked),
		cmocka_unit_test(test_contig),	  cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
