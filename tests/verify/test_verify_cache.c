/* SPDX-License-Identifier: MIT */
/*
 * Invariants of cached pages and of the LRU that cache/'s own tests do not
 * break: pages that are free while a tree or a batch has them, and the counts
 * of a group.
 */
#include "tests/verify/break.h"

#include "cache/internal.h"

static void pages(struct testbox *t, void *arg)
{
	struct file *file = shmem_file_setup(t->q, "x", 4 * PAGE_SIZE);
	struct page *page, *fresh = alloc_pages(t->q, GFP_HIGHUSER_MOVABLE, 0);
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, t->q->group->root, "a");
	bool major;

	(void)arg;
	assert_false(IS_ERR(file));
	assert_false(IS_ERR(memcg));
	page = shmem_get_page(t->q, file->f_inode, 1, GFP_HIGHUSER_MOVABLE, &major);
	assert_false(IS_ERR(page));
	lru_add_drain_all(t->q);
	BREAK(t, page->_refcount, 0, "cache: frame 0x");
	put_page(t->q, page);
	SetPageSwapBacked(fresh);
	lru_cache_add(t->q, fresh);
	BREAK(t, fresh->_refcount, 0, "holds a free page");
	lru_add_drain_all(t->q);
	put_page(t->q, fresh);
	BREAK(t, memcg->lruvec[0]->stat[NR_ACTIVE_FILE], -7, "lru: active_file of group");
	assert_int_equal(mem_cgroup_remove(t->q, memcg), 0);
	fput(t->q, file);
}

static void test_pages(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	(void)state;
	testbox_call(t, pages, NULL);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_pages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
