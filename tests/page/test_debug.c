/* SPDX-License-Identifier: MIT */
/*
 * The debugging of pages: owners, the pattern in free pages, guard pages; and
 * misuse, each kind of which gives its report and corrupts nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <quire/page.h>

#include "base/text.h"
#include "page/debug.h"
#include "page/internal.h"
#include "tests/lib/lower.h"

static const char *who;
static int who_pid;

static const char *task_comm(struct quire *q, int *pid, int *tgid)
{
	(void)q;
	*pid = *tgid = who_pid;
	return who;
}

static struct lower *boot(void)
{
	struct lower *l = lower_boot(2, 64, 1);

	l->q->page->panic_on_bad_page = false;
	l->q->page->ops.task_comm = task_comm;
	who = "alice";
	who_pid = 7;
	return l;
}

static unsigned long nr_free(struct quire *q)
{
	drain_all_pages(q, NULL);
	return global_zone_page_state(q, NR_FREE_PAGES);
}

static void test_owner(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct page *early = alloc_pages_node(q, 0, GFP_KERNEL, 0), *page;
	unsigned long before;
	const struct page_ext *ext;
	char buf[1024];
	struct text t;

	assert_null(page_ext_find(q, page_to_pfn(q, early)));
	/* The depot of call chains, once it is there, stays. */
	l->stack[0] = 0x1000;
	assert_int_equal(page_owner_enable(q, true), 0);
	__free_pages(q, alloc_pages_node(q, 0, GFP_KERNEL, 0), 0);
	assert_int_equal(page_owner_enable(q, false), 0);
	before = nr_free(q);
	assert_int_equal(page_owner_enable(q, true), 0);
	l->now = 5000;
	page = alloc_pages_node(q, 1, GFP_KERNEL | __GFP_COMP, 2);
	ext = page_ext_find(q, page_to_pfn(q, page) + 3);
	assert_non_null(ext);
	assert_true(ext->allocated && ext->order == 2 && ext->pid == 7);
	text_init(&t, buf, sizeof(buf));
	page_owner_to_text(q, &t, page_to_pfn(q, page), ext);
	assert_non_null(strstr(buf,
			       "Page allocated via order 2, mask 0x40cc0(GFP_KERNEL|__GFP_COMP), "
			       "pid 7, tgid 7 (alice), ts 5000 ns, free_ts 0 ns\nPFN "));
	assert_non_null(strstr(buf, " type Unmovable Block "));
	assert_non_null(strstr(buf, "(head|node=1|zone=1|lastcpupid=0x1fffff)\n "));
	/* What was there before has no owner. */
	ext = page_ext_find(q, page_to_pfn(q, early));
	assert_true(!ext || !ext->known);
	l->now = 9000;
	who_pid = 8;
	__free_pages(q, page, 2);
	ext = page_ext_find(q, page_to_pfn(q, page));
	assert_true(!ext->allocated && ext->freed && ext->free_pid == 8);
	assert_int_equal(ext->free_ts_ns, 9000);
	__free_pages(q, early, 0);
	/* Off: all that it took comes back. */
	assert_int_equal(page_owner_enable(q, false), 0);
	assert_null(page_ext_find(q, page_to_pfn(q, page)));
	assert_int_equal(nr_free(q), before + 1); /* early went */
	lower_end(l);
}

/* Nothing of it can be had: then nothing is known, and nothing else fails. */
static void test_no_memory(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;

	l->fail_after = 0;
	assert_int_equal(page_owner_enable(q, true), -ENOMEM);
	for (long nth = 1; nth < 12; nth++) {
		struct page *page;

		l->fail_after = -1;
		assert_int_equal(page_owner_enable(q, true), 0);
		assert_int_equal(page_poison_enable(q, true), 0);
		/* The page's own allocation is the first. */
		l->fail_after = nth;
		page = alloc_pages_node(q, 0, GFP_KERNEL, 3);
		assert_non_null(page);
		__free_pages(q, page, 3);
		l->fail_after = -1;
		assert_int_equal(lower_verify(l), 0);
		assert_int_equal(page_owner_enable(q, false), 0);
		assert_int_equal(page_poison_enable(q, false), 0);
	}
	assert_true(l->nr_failed > 5);
	lower_end(l);
}

/* ---- misuse ----------------------------------------------------------------- */

static void test_double_free(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	unsigned long before;
	struct page *page;
	char line[64];

	assert_int_equal(page_owner_enable(q, true), 0);
	page = quire_alloc_pages(q, 0, 0, 0);
	who = "bob";
	who_pid = 9;
	quire_free_pages(q, page, 0);
	before = nr_free(q);
	assert_false(lower_log_has(l, "Bad page state"));
	who = "carol";
	quire_free_pages(q, page, 0);
	snprintf(line, sizeof(line), "BUG: Bad page state in process carol  pfn:%05lx",
		 (unsigned long)page_to_pfn(q, page));
	assert_true(lower_log_has(l, line));
	assert_true(lower_log_has(l, "page dumped because: freed, but it is free"));
	assert_true(lower_log_has(l, "page_owner tracks the page as freed"));
	assert_true(lower_log_has(l, "page last allocated via order 0, migratetype Unmovable"));
	assert_true(lower_log_has(l, "pid 7, tgid 7 (alice)"));
	assert_true(lower_log_has(l, "page last free pid 9 tgid 9"));
	assert_int_equal(nr_free(q), before);
	assert_int_equal(lower_verify(l), 0);
	/* The kernel's own way: nothing but the count tells. */
	__free_pages(q, page, 0);
	assert_true(lower_log_has(l, "VM_BUG_ON_PAGE(page_ref_count(page) == 0)"));
	assert_int_equal(page_ref_count(page), 0);
	assert_int_equal(nr_free(q), before);
	assert_int_equal(page_owner_enable(q, false), 0);
	lower_end(l);
}

static void test_misuse(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct page *page = quire_alloc_pages(q, 3, 1, QUIRE_ALLOC_ZERO);
	unsigned long before = nr_free(q);

	assert_non_null(page);
	quire_free_pages(q, page, 2);
	assert_true(lower_log_has(l, "freed with another order than it was allocated with"));
	quire_free_pages(q, page + 1, 3);
	assert_true(lower_log_has(l, "page dumped because: freed, but"));
	get_page(page);
	quire_free_pages(q, page, 3);
	assert_true(lower_log_has(l, "freed, but others refer to it"));
	assert_true(put_page_testzero(page) == false);
	assert_int_equal(page_ref_count(page), 1);
	assert_int_equal(nr_free(q), before);
	quire_free_pages(q, page, 3);
	assert_int_equal(nr_free(q), before + 8);
	/* Bad orders and nodes that are not there. */
	assert_null(quire_alloc_pages(q, QUIRE_MAX_ORDER + 1, 0, 0));
	assert_null(quire_alloc_pages(q, 0, 2, 0));
	assert_null(quire_alloc_pages(q, 0, -2, 0));
	assert_int_equal(quire_nr_free_pages(q, 5), 0);
	assert_int_equal(nr_free(q), before + 8);
	lower_end(l);
}

/* Of a page that must not be freed all is left as it is. */
static void test_leak(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct page *page = alloc_pages_node(q, 0, GFP_KERNEL, 1);
	unsigned long before = nr_free(q);

	page[1].memcg = (void *)8;
	__free_pages(q, page, 1);
	assert_true(lower_log_has(l, "page dumped because: page still charged to cgroup"));
	assert_int_equal(nr_free(q), before);
	page[1].memcg = NULL;
	set_page_count(page, 1);
	page->_mapcount = 3;
	__free_pages(q, page, 1);
	assert_true(lower_log_has(l, "nonzero mapcount"));
	page->_mapcount = -1;
	set_page_count(page, 1);
	SetPageLRU(page);
	__free_pages(q, page, 1);
	assert_true(lower_log_has(l, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set"));
	ClearPageLRU(page);
	set_page_count(page, 1);
	free_unref_page(q, page, 1);
	assert_true(lower_log_has(l, "nonzero _refcount"));
	assert_int_equal(nr_free(q), before);
	__free_pages(q, page, 1);
	assert_int_equal(nr_free(q), before + 2);
	/* At most sixty a minute. */
	for (unsigned int i = 0; i < 100; i++)
		bad_page(q, page, "again");
	l->now += 61 * NSEC_PER_SEC;
	bad_page(q, page, "again");
	assert_true(lower_log_has(l, "BUG: Bad page state: 44 messages suppressed"));
	lower_end(l);
}

/* ---- poison ----------------------------------------------------------------- */

/* The page comes out again within a few allocations. */
static void take_again(struct quire *q, struct page *wanted)
{
	struct page *page[64];
	unsigned int n = 0;

	while (n < ARRAY_SIZE(page)) {
		page[n] = alloc_pages_node(q, 0, GFP_KERNEL, 0);
		assert_non_null(page[n]);
		if (page[n++] == wanted)
			break;
	}
	assert_ptr_equal(page[n - 1], wanted);
	while (n--)
		__free_pages(q, page[n], 0);
}

static void test_poison(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct page *page;
	u8 *bytes;

	assert_int_equal(page_poison_enable(q, true), 0);
	page = alloc_pages_node(q, 0, GFP_KERNEL, 0);
	bytes = page_address(q, page);
	memset(bytes, 1, PAGE_SIZE);
	__free_pages(q, page, 0);
	assert_int_equal(bytes[0], PAGE_POISON);
	assert_int_equal(bytes[PAGE_SIZE - 1], PAGE_POISON);
	take_again(q, page);
	assert_false(lower_log_has(l, "pagealloc"));
	bytes[100] ^= 4;
	take_again(q, page);
	assert_true(lower_log_has(l, "pagealloc: single bit error"));
	assert_true(lower_log_has(l, "00000064: ae"));
	assert_true(lower_log_has(l, "page dumped because: pagealloc: corrupted page details"));
	bytes[10] = bytes[12] = 0;
	take_again(q, page);
	assert_true(lower_log_has(l, "pagealloc: memory corruption"));
	assert_true(lower_log_has(l, "0000000a: 00 aa 00"));
	/* Off: what was free stays as it is, and is not looked at. */
	assert_int_equal(quire_page_debug(q, 4), -EINVAL);
	assert_int_equal(quire_page_debug(q, QUIRE_DEBUG_OWNER), 0);
	assert_int_equal(q->keys & ~KEY_FAIL_ALLOC, KEY_PAGE_OWNER);
	assert_int_equal(quire_page_debug(q, 0), 0);
	assert_int_equal(q->keys & ~KEY_FAIL_ALLOC, 0);
	bytes[0] = 0;
	take_again(q, page);
	lower_end(l);
}

/* ---- guard pages ------------------------------------------------------------ */

static void test_guard(__unused void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	unsigned long before = nr_free(q), guarded = 0;
	struct page *page[40], *block;

	assert_int_equal(set_debug_guardpage_minorder(q, 6), -EINVAL);
	assert_int_equal(set_debug_guardpage_minorder(q, 2), 0);
	assert_int_equal(debug_guardpage_minorder(q), 2);
	before = nr_free(q);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++) {
		page[i] = alloc_pages_node(q, 0, GFP_KERNEL, 0);
		assert_non_null(page[i]);
		assert_false(PageGuard(page[i]));
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		guarded += PageGuard(page[i] + 1);
	assert_true(guarded > 0);
	assert_int_equal(lower_verify(l), 0);
	assert_true(nr_free(q) < before - ARRAY_SIZE(page));
	block = NULL;
	for (unsigned int i = 0; i < ARRAY_SIZE(page) && !block; i++)
		block = PageGuard(page[i] + 1) ? page[i] + 1 : NULL;
	block->private = 9;
	lower_expect_broken(l, "guard page");
	block->private = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		__free_pages(q, page[i], 0);
	/* They came back with what they guarded. */
	assert_int_equal(nr_free(q), before);
	assert_int_equal(set_debug_guardpage_minorder(q, 0), 0);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),	    cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_double_free), cmocka_unit_test(test_misuse),
		cmocka_unit_test(test_leak),	    cmocka_unit_test(test_poison),
		cmocka_unit_test(test_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
