/* SPDX-License-Identifier: MIT */
/*
 * LRU lists: batches, aging by use, mlock, the last reference; and the
 * verifier's view of them.
 */
#include "tests/lib/testlib.h"
#include "cache/internal.h"

#define NR 100

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.nr_nodes = 1, .node_mb = {64}});
}

static struct page *anon_page(struct testbox *t)
{
	struct page *page = alloc_pages(t->q, GFP_HIGHUSER_MOVABLE, 0);

	assert_non_null(page);
	SetPageSwapBacked(page);
	return page;
}

/* Boot leaves some pages on the lists: counts are from there on. */
static unsigned long base[NR_LRU_LISTS];

static unsigned long on_list(struct testbox *t, int lru)
{
	return NODE_DATA(t->q, 0)->__lruvec.nr[lru] - base[lru];
}

/* Free pages, none of them on a CPU's lists. */
static unsigned long nr_free(struct testbox *t)
{
	drain_all_pages(t->q, NULL);
	return global_zone_page_state(t->q, NR_FREE_PAGES);
}

static void batches(struct testbox *t, void *arg)
{
	struct page *pages[NR];
	unsigned long free = nr_free(t);

	(void)arg;
	for (int i = 0; i < NR; i++) {
		pages[i] = anon_page(t);
		lru_cache_add(t->q, pages[i]);
		assert_int_equal(PageLRU(pages[i]), i % PAGEVEC_SIZE == PAGEVEC_SIZE - 1);
	}
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), NR / PAGEVEC_SIZE * PAGEVEC_SIZE);
	lru_add_drain(t->q);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), NR);
	assert_int_equal(global_node_page_state(t->q, NR_INACTIVE_ANON),
			 base[LRU_INACTIVE_ANON] + NR);
	assert_int_equal(global_zone_page_state(t->q, NR_ZONE_INACTIVE_ANON),
			 base[LRU_INACTIVE_ANON] + NR);
	for (int i = 0; i < NR; i++)
		assert_int_equal(page_ref_count(pages[i]), 1);
	testbox_verify(t);
	release_pages(t->q, pages, NR / 2);
	for (int i = NR / 2; i < NR; i++)
		put_page(t->q, pages[i]);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), 0);
	assert_int_equal(nr_free(t), free);
	/* A page that only its batch holds goes with it. */
	pages[0] = anon_page(t);
	lru_cache_add(t->q, pages[0]);
	put_page(t->q, pages[0]);
	assert_int_equal(page_ref_count(pages[0]), 1);
	lru_add_drain_all(t->q);
	assert_int_equal(nr_free(t), free);
}

static void ages(struct testbox *t, void *arg)
{
	struct page *page = anon_page(t), *other = anon_page(t);
	unsigned long activated = global_vm_event(t->q, PGACTIVATE);

	(void)arg;
	lru_cache_add(t->q, page);
	/* Twice used while it waits in the batch: it arrives active. */
	mark_page_accessed(t->q, page);
	assert_true(PageReferenced(page));
	mark_page_accessed(t->q, page);
	assert_true(PageActive(page) && !PageLRU(page) && !PageReferenced(page));
	lru_cache_add(t->q, other);
	lru_add_drain(t->q);
	assert_int_equal(on_list(t, LRU_ACTIVE_ANON), 1);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), 1);
	/* On the list it takes a batch. */
	mark_page_accessed(t->q, other);
	mark_page_accessed(t->q, other);
	assert_false(PageActive(other));
	lru_add_drain(t->q);
	assert_true(PageActive(other));
	assert_int_equal(global_vm_event(t->q, PGACTIVATE), activated + 1);
	deactivate_page(t->q, page);
	lru_add_drain(t->q);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), 1);
	assert_true(NODE_DATA(t->q, 0)->__lruvec.lists[LRU_INACTIVE_ANON].next == &page->lru);
	deactivate_page(t->q, other);
	lru_add_drain(t->q);
	/* The first went to the tail's side; rotation takes the other there. */
	rotate_reclaimable_page(t->q, other);
	lru_add_drain(t->q);
	assert_true(NODE_DATA(t->q, 0)->__lruvec.lists[LRU_INACTIVE_ANON].prev == &other->lru);
	assert_int_equal(global_vm_event(t->q, PGROTATED), 1);
	testbox_verify(t);
	put_page(t->q, page);
	put_page(t->q, other);
}

static void locks(struct testbox *t, void *arg)
{
	struct page *page = anon_page(t), *batched = anon_page(t);

	(void)arg;
	lru_cache_add(t->q, page);
	lru_add_drain(t->q);
	mlock_page(t->q, page);
	mlock_page(t->q, page);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 1);
	assert_int_equal(on_list(t, LRU_UNEVICTABLE), 1);
	lru_cache_add(t->q, batched);
	mlock_page(t->q, batched);
	lru_add_drain(t->q);
	assert_int_equal(on_list(t, LRU_UNEVICTABLE), 2);
	assert_int_equal(global_vm_event(t->q, UNEVICTABLE_PGCULLED), 2);
	testbox_verify(t);
	munlock_page(t->q, page);
	assert_int_equal(on_list(t, LRU_UNEVICTABLE), 1);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), 1);
	/* The last reference clears what munlock would have. */
	put_page(t->q, batched);
	put_page(t->q, page);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 0);
	assert_int_equal(global_vm_event(t->q, UNEVICTABLE_PGCLEARED), 1);
}

static void large(struct testbox *t, void *arg)
{
	struct page *page = alloc_pages(t->q, GFP_HIGHUSER_MOVABLE | __GFP_COMP, 9);

	(void)arg;
	assert_non_null(page);
	SetPageSwapBacked(page);
	lru_cache_add(t->q, page);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), 512);
	testbox_verify(t);
	put_page(t->q, page + 5);
	assert_int_equal(on_list(t, LRU_INACTIVE_ANON), 0);
}

/* Each invariant, broken and mended. */
static void verifier(struct testbox *t, void *arg)
{
	struct lruvec *lruvec = &NODE_DATA(t->q, 0)->__lruvec;
	struct page *page = anon_page(t);
	struct list_head *next;

	(void)arg;
	lru_cache_add(t->q, page);
	lru_add_drain_all(t->q);
	SetPageActive(page);
	testbox_verify_reports(t, "lru: frame");
	ClearPageActive(page);
	lruvec->nr[LRU_INACTIVE_ANON]++;
	testbox_verify_reports(t, "lru: inactive_anon of node 0 counts");
	lruvec->nr[LRU_INACTIVE_ANON]--;
	lruvec->nr_zone[LRU_ACTIVE_FILE][ZONE_DMA32]++;
	testbox_verify_reports(t, "lru: active_file of node 0 zone 1 counts");
	lruvec->nr_zone[LRU_ACTIVE_FILE][ZONE_DMA32]--;
	mod_node_page_state(NODE_DATA(t->q, 0), NR_INACTIVE_ANON, 3);
	testbox_verify_reports(t, "lru: nr_inactive_anon of node 0 is");
	mod_node_page_state(NODE_DATA(t->q, 0), NR_INACTIVE_ANON, -3);
	mod_zone_page_state(page_zone(t->q, page), NR_ZONE_INACTIVE_ANON, 1);
	testbox_verify_reports(t, "lru: nr_zone_inactive_anon");
	mod_zone_page_state(page_zone(t->q, page), NR_ZONE_INACTIVE_ANON, -1);
	page->memcg = t->q->group->root;
	testbox_verify_reports(t, "belongs to another group");
	page->memcg = NULL;
	next = page->lru.next;
	page->lru.next = &lruvec->lists[LRU_ACTIVE_FILE];
	testbox_verify_reports(t, "is not a list of pages");
	page->lru.next = next;
	page->_refcount = 0;
	testbox_verify_reports(t, "is free");
	page->_refcount = 1;
	t->q->cache->lru_batch[0].nr[BATCH_ROTATE] = PAGEVEC_SIZE;
	testbox_verify_reports(t, "lru: batch 1 of cpu 0");
	t->q->cache->lru_batch[0].nr[BATCH_ROTATE] = 0;
	put_page(t->q, page);
}

static void begin(struct testbox *t, void *arg)
{
	(void)arg;
	lru_add_drain_all(t->q);
	for_each_lru (lru)
		base[lru] = NODE_DATA(t->q, 0)->__lruvec.nr[lru];
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box();

	testbox_call(t, begin, NULL);
	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void test_batches(void **state)
{
	(void)state;
	run(batches);
}

static void test_ages(void **state)
{
	(void)state;
	run(ages);
}

static void test_mlock(void **state)
{
	(void)state;
	run(locks);
}

static void test_large(void **state)
{
	(void)state;
	run(large);
}

static void test_verifier(void **state)
{
	(void)state;
	run(verifier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches),	 cmocka_unit_test(test_ages),
		cmocka_unit_test(test_mlock),	 cmocka_unit_test(test_large),
		cmocka_unit_test(test_verifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
