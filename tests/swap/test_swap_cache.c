/* SPDX-License-Identifier: MIT */
/*
 * The swap cache and its I/O: out and back with the content, who holds which
 * reference, counters, readahead's window, slots that only the cache needs,
 * shadows, failing I/O and failing allocations; its invariants, broken.
 */
#include "tests/swap/swaptest.h"

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.swap_mb = 8});
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box();

	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void round_trip(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	u64 content = CONTENT(CONTENT_KIND_HEAP, 4711);
	struct page *page = new_page(q, content);
	unsigned long files = global_node_page_state(q, NR_FILE_PAGES);
	swp_entry_t entry;
	bool major;

	(void)arg;
	assert_true(add_to_swap(q, page));
	entry.val = page->private;
	/* Ours and the cache's. */
	assert_int_equal(page_ref_count(page), 2);
	assert_int_equal(global_node_page_state(q, NR_SWAPCACHE), 1);
	assert_int_equal(global_node_page_state(q, NR_FILE_PAGES), files + 1);
	assert_int_equal(swap_count(q, entry), 0);
	assert_int_equal(swap_duplicate(q, entry), 0);
	assert_false(try_to_free_swap(q, page));
	assert_int_equal(swap_writepage(q, page), 0);
	assert_true(PageWriteback(page) && !PageLocked(page));
	assert_int_equal(global_node_page_state(q, NR_WRITEBACK), 1);
	wait_on_page_writeback(q, page);
	assert_int_equal(global_node_page_state(q, NR_WRITEBACK), 0);
	assert_int_equal(global_vm_event(q, PSWPOUT), 1);
	lock_page(q, page);
	remove_page(q, page, NULL);
	assert_int_equal(swap_used(q), 1);
	assert_int_equal(global_node_page_state(q, NR_SWAPCACHE), 0);

	assert_int_equal(swap_in(q, entry, &major), content);
	assert_true(major);
	assert_int_equal(global_vm_event(q, PSWPIN), 1);
	/* Now from the cache. */
	page = swapin_readahead(q, entry, GFP_KERNEL, NULL, &major);
	assert_false(major);
	lru_add_drain_all(q);
	assert_int_equal(page_ref_count(page), 2);
	assert_true(PageSwapBacked(page) && PageLRU(page));
	swap_free(q, entry);
	assert_int_equal(swap_used(q), 1);
	lock_page(q, page);
	assert_true(try_to_free_swap(q, page));
	assert_true(PageDirty(page) && !PageSwapCache(page));
	assert_int_equal(page_ref_count(page), 1);
	assert_int_equal(swap_used(q), 0);
	drop_page(q, page);
}

static void test_round_trip(void **state)
{
	(void)state;
	run(round_trip);
}

/* The last entry goes while the page is cached: page and slot go too. */
static void free_with_cache(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	swp_entry_t e = swap_out(q, 1, NULL);
	struct page *page;
	bool major;

	(void)arg;
	(void)swap_in(q, e, &major);
	/* Someone has it locked: it stays. */
	page = lookup_swap_cache(q, e, NULL);
	lock_page(q, page);
	free_swap_and_cache(q, e);
	assert_int_equal(swap_used(q), 1);
	unlock_page(q, page);
	assert_true(try_to_reclaim_swap(q, e));
	assert_int_equal(swap_used(q), 0);
	put_page(q, page);

	e = swap_out(q, 2, NULL);
	(void)swap_in(q, e, &major);
	free_swap_and_cache(q, e);
	assert_int_equal(swap_used(q), 0);
	assert_int_equal(global_node_page_state(q, NR_SWAPCACHE), 0);
}

static void test_free_with_cache(void **state)
{
	(void)state;
	run(free_with_cache);
}

static void shadows(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct address_space *m = &q->swap->info[0]->cache;
	swp_entry_t e = swap_out(q, 1, xa_mk_value(99));
	bool major;

	(void)arg;
	assert_int_equal(m->nrexceptional, 1);
	assert_null(lookup_swap_cache(q, e, NULL));
	(void)swap_in(q, e, &major);
	assert_int_equal(m->nrexceptional, 0);
	free_swap_and_cache(q, e);
	e = swap_out(q, 1, xa_mk_value(98));
	swap_free(q, e);
	/* A free slot has none. */
	assert_int_equal(m->nrexceptional, 0);
	assert_true(xa_empty(&m->i_pages));
}

static void test_shadows(void **state)
{
	(void)state;
	run(shadows);
}

static void readahead(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	unsigned long window[8];
	swp_entry_t e[64];
	bool major;

	(void)arg;
	for (int i = 0; i < 64; i++)
		e[i] = swap_out(q, CONTENT(CONTENT_KIND_TEXT, i), NULL);
	assert_int_equal(swp_offset(e[63]), swp_offset(e[0]) + 63);
	assert_int_equal(swp_offset(e[0]) % 64, 0);
	for (int i = 0, n = 0; n < 8; i++) {
		unsigned long before = global_vm_event(q, PSWPIN);

		assert_int_equal(swap_in(q, e[i], &major), CONTENT(CONTENT_KIND_TEXT, i));
		if (major)
			window[n++] = global_vm_event(q, PSWPIN) - before;
	}
	/* One; beside the last: an aligned pair, of which one is there; hits: more. */
	assert_int_equal(window[0], 1);
	assert_int_equal(window[1], 1);
	assert_int_equal(window[7], 8);
	assert_int_equal(global_vm_event(q, SWAP_RA), global_vm_event(q, PSWPIN) - 8);
	assert_true(global_vm_event(q, SWAP_RA_HIT) > 8);
	/* Not what nobody names, nor beyond what page_cluster allows. */
	q->swap->page_cluster = 0;
	for (int i = 0; i < 64; i++) {
		unsigned long before = global_vm_event(q, PSWPIN);

		(void)swap_in(q, e[i], &major);
		assert_int_equal(global_vm_event(q, PSWPIN) - before, major);
		free_swap_and_cache(q, e[i]);
	}
	assert_int_equal(swap_used(q), 0);
}

static void test_readahead(void **state)
{
	(void)state;
	run(readahead);
}

/* When all slots are taken, those that only the cache needs are given back. */
static void reclaim_cached(struct testbox *t, void *arg)
{
	unsigned long n = t->q->swap->total_swap_pages;
	struct quire *q = t->q;
	struct page *page = new_page(q, 5), *other;
	bool major;

	(void)arg;
	q->swap->page_cluster = 0;
	for (unsigned long i = 0; i < n; i++)
		(void)swap_out(q, i + 1, NULL);
	assert_false(add_to_swap(q, page));
	for (unsigned long i = 100; i < 110; i++) {
		(void)swap_in(q, swp_entry(0, i), &major);
		swap_free(q, swp_entry(0, i));
	}
	assert_int_equal(q->swap->nr_swap_pages, 0);
	lru_add_drain_all(q);
	assert_true(add_to_swap(q, page));
	assert_true(q->swap->nr_swap_pages > 0);
	assert_true(try_to_free_swap(q, page));
	drop_page(q, page);
	for (unsigned long i = 1; i <= n; i++)
		if (swap_count(q, swp_entry(0, i)))
			free_swap_and_cache(q, swp_entry(0, i));
	other = lookup_swap_cache(q, swp_entry(0, 105), NULL);
	assert_null(other);
	assert_int_equal(swap_used(q), 0);
}

static void test_reclaim_cached(void **state)
{
	(void)state;
	run(reclaim_cached);
}

/* ---- failures -------------------------------------------------------------- */

static bool fail_io(void *ctx, const struct quire_bio *bio)
{
	return bio->op == *(int *)ctx;
}

static void failing_io(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct page *page = new_page(q, CONTENT(CONTENT_KIND_CODE, 1));
	int op = QUIRE_BIO_WRITE;
	swp_entry_t e;
	bool major;

	(void)arg;
	model_fail_io(t->m, fail_io, &op);
	assert_true(add_to_swap(q, page));
	e.val = page->private;
	assert_int_equal(swap_duplicate(q, e), 0);
	SetPageReclaim(page);
	assert_int_equal(swap_writepage(q, page), 0);
	wait_on_page_writeback(q, page);
	/* Its only copy is here still. */
	assert_true(PageDirty(page) && PageError(page) && !PageReclaim(page));
	op = QUIRE_BIO_READ;
	lock_page(q, page);
	assert_int_equal(swap_writepage(q, page), 0);
	lock_page(q, page);
	wait_on_page_writeback(q, page);
	assert_false(PageDirty(page));
	ClearPageError(page);
	remove_page(q, page, NULL);

	page = swapin_readahead(q, e, GFP_KERNEL, NULL, &major);
	lock_page(q, page);
	assert_true(!PageUptodate(page) && PageError(page));
	unlock_page(q, page);
	model_fail_io(t->m, NULL, NULL);
	put_page(q, page);
	free_swap_and_cache(q, e);
	assert_int_equal(swap_used(q), 0);
}

static void test_failing_io(void **state)
{
	(void)state;
	run(failing_io);
}

static void failing_allocs(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	swp_entry_t e[600];
	unsigned int refused = 0;
	struct page *page;
	bool major;

	(void)arg;
	/* Scattered slots, so that the tree needs nodes. */
	for (int i = 0; i < 600; i++)
		e[i] = swap_out(q, (u64)i + 1, NULL);
	for (int i = 0; i < 600; i++) {
		testbox_fail_all_allocs(t);
		page = swapin_readahead(q, e[i], GFP_NOWAIT, NULL, &major);
		testbox_fail_alloc(t, 0);
		if (page)
			put_page(q, page);
		else
			refused++;
		assert_int_equal(swap_count(q, e[i]), 1);
		assert_int_equal(swap_in(q, e[i], &major), i + 1);
	}
	assert_true(refused > 0);
	for (int i = 0; i < 600; i++) {
		page = new_page(q, 3);
		free_swap_and_cache(q, e[i]);
		testbox_fail_all_allocs(t);
		if (add_to_swap(q, page))
			assert_true(try_to_free_swap(q, page));
		else
			assert_false(PageSwapCache(page));
		testbox_fail_alloc(t, 0);
		drop_page(q, page);
	}
	assert_int_equal(swap_used(q), 0);
	lru_add_drain_all(q);
}

static void test_failing_allocs(void **state)
{
	(void)state;
	run(failing_allocs);
}

/* Two tasks want the same page at once: one page, one read. */
struct meeting {
	struct quire *q;
	swp_entry_t entry;
	struct page *page[2];
	int nr;
};

static void want(void *arg)
{
	struct meeting *m = arg;
	bool major;

	m->page[m->nr++] = swapin_readahead(m->q, m->entry, GFP_KERNEL, NULL, &major);
}

static void out_one(struct testbox *t, void *arg)
{
	*(swp_entry_t *)arg = swap_out(t->q, 77, NULL);
}

static void after_meeting(struct testbox *t, void *arg)
{
	struct meeting *m = arg;

	assert_int_equal(page_content(t->q, m->page[0]), 77);
	put_page(t->q, m->page[0]);
	put_page(t->q, m->page[1]);
	free_swap_and_cache(t->q, m->entry);
}

static void test_meeting(void **state)
{
	struct testbox *t = box();
	struct meeting m = {.q = t->q};

	(void)state;
	testbox_call(t, out_one, &m.entry);
	assert_non_null(model_spawn(t->m, "a", want, &m, NULL, -1));
	assert_non_null(model_spawn(t->m, "b", want, &m, NULL, -1));
	testbox_pass(t, NSEC_PER_SEC);
	assert_int_equal(m.nr, 2);
	assert_ptr_equal(m.page[0], m.page[1]);
	assert_int_equal(global_vm_event(t->q, PSWPIN), 1);
	testbox_call(t, after_meeting, &m);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- the verifier ---------------------------------------------------------- */

static void cache_one(struct testbox *t, void *arg)
{
	struct page *page = new_page(t->q, 1);

	assert_true(add_to_swap(t->q, page));
	*(struct page **)arg = page;
}

static void uncache(struct testbox *t, void *arg)
{
	assert_true(try_to_free_swap(t->q, arg));
	drop_page(t->q, arg);
}

static void test_verify(void **state)
{
	struct testbox *t = box();
	struct swap_info_struct *si = t->q->swap->info[0];
	struct page *page;

	(void)state;
	testbox_call(t, cache_one, &page);
	page->private ++;
	testbox_verify_reports(t, "the cached page's flag or entry is wrong");
	page->private --;
	*swap_map_byte(si, page->private) = 0;
	testbox_verify_reports(t, "is free but in the cache's tree");
	*swap_map_byte(si, page->private) = SWAP_HAS_CACHE;
	set_page_count(page, 0);
	testbox_verify_reports(t, "page mapped 0 times has 0 references");
	set_page_count(page, 2);
	mod_node_page_state(page_pgdat(t->q, page), NR_SWAPCACHE, 1);
	testbox_verify_reports(t, "1 pages in the caches, nr_swapcached says 2");
	mod_node_page_state(page_pgdat(t->q, page), NR_SWAPCACHE, -1);
	testbox_call(t, uncache, page);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_free_with_cache),
		cmocka_unit_test(test_shadows),	       cmocka_unit_test(test_readahead),
		cmocka_unit_test(test_reclaim_cached), cmocka_unit_test(test_failing_io),
		cmocka_unit_test(test_failing_allocs), cmocka_unit_test(test_meeting),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
