/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the page allocator that test_buddy.c does not break: blocks of
 * impossible sizes and places, and a CPU's page that someone uses.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "node/memblock.h"
#include "page/internal.h"
#include "tests/lib/lower.h"

/* The last free block before memory that boot took, below order 10. */
static struct page *last_block(struct quire *q)
{
	struct memblock_region gap;
	u64 from = 0;

	while (memblock_next_free(q->node->memblock, from, &gap)) {
		u64 end = (gap.base + gap.size) >> PAGE_SHIFT;

		from = gap.base + gap.size;
		for (unsigned int order = 0; order < MAX_ORDER - 1; order++) {
			struct page *page = pfn_to_page(q, end - (1UL << order));

			if (IS_ALIGNED(end, 1UL << order) && PageBuddy(page) &&
			    buddy_order(page) == order)
				return page;
		}
	}
	fail_msg("no free block ends where boot memory begins");
	return NULL;
}

static void test_sizes(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page = last_block(l->q);

	(void)state;
	BREAK(l, page->private, page->private + 1, "reaches beyond frame");
	BREAK(l, page->private, MAX_ORDER, "of order 11");
	lower_end(l);
}

/* The upper half of a block, alone on the list of blocks twice its size. */
static void test_alignment(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *low = alloc_pages(l->q, GFP_KERNEL, 3), *high = low + 4;
	struct zone *zone = page_zone(l->q, low);
	struct list_head *list;

	(void)state;
	split_page(l->q, low, 3);
	for (unsigned int i = 4; i < 8; i++)
		__free_pages(l->q, low + i, 0);
	drain_all_pages(l->q, NULL);
	assert_true(PageBuddy(high) && buddy_order(high) == 2);
	list = high->lru.prev;
	list_move(&high->lru, &zone->free_area[3].free_list[MIGRATE_UNMOVABLE]);
	lower_expect_broken(l, "is not aligned to its order 3");
	list_move(&high->lru, list);
	assert_int_equal(lower_verify(l), 0);
	for (unsigned int i = 0; i < 4; i++)
		__free_pages(l->q, low + i, 0);
	lower_end(l);
}

static void test_cpu_lists(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct page *page = alloc_pages(l->q, GFP_KERNEL, 0);

	(void)state;
	assert_non_null(page);
	__free_pages(l->q, page, 0);
	BREAK(l, page->_refcount, 1, "frames without owner");
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_cpu_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
