/* SPDX-License-Identifier: MIT */
/*
 * Pages in use move to other frames: anonymous ones, shared by a family and in
 * the swap cache, files' with and without buffers, shared memory, locked ones,
 * from node to node; contents, entries, flags and counts go along.  What is in
 * between (migration entries) is looked at too, and a fault there waits.
 */
#include "tests/space/space_test.h"
#include "reclaim/migrate.h"
#include "reclaim/internal.h"

static struct testbox *box(unsigned int nodes)
{
	return testbox_new(
		&(struct testbox_config){.nr_nodes = nodes, .swap_mb = 64, .disk = true});
}

static struct page *target_on(struct quire *q, struct page *page, void *ctx)
{
	(void)page;
	return __alloc_pages(q, GFP_HIGHUSER_MOVABLE | __GFP_THISNODE, 0, *(unsigned int *)ctx,
			     NULL);
}

/* Moves the pages that map [addr, addr + n) to a node; how many did not. */
static int move_to(struct testbox *t, struct task *task, u64 addr, unsigned long n,
		   unsigned int nid, enum migrate_mode mode)
{
	LIST_HEAD(pages);
	int err;

	lru_add_drain_all(t->q);
	for (unsigned long i = 0; i < n; i++) {
		struct page *page = page_at(t, task, addr + i * PAGE_SIZE);

		assert_int_equal(isolate_lru_page(t->q, page), 0);
		list_add_tail(&page->lru, &pages);
	}
	err = migrate_pages(t->q, &pages, target_on, NULL, &nid, mode, NULL);
	putback_movable_pages(t->q, &pages);
	lru_add_drain_all(t->q);
	return err;
}

static unsigned long event(struct testbox *t, enum vm_event_item item)
{
	return global_vm_event(t->q, item);
}

static void run_anon(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 64);
	unsigned long before, ok = event(t, PGMIGRATE_SUCCESS);
	struct task *child;
	struct page *page;

	(void)arg;
	touch(t, t->task, a, 64, 7);
	child = fork_task(t, t->task);
	touch(t, child, a, 8, 9); /* copies; the other 56 are shared */
	before = rss(t->task, MM_ANONPAGES);
	page = page_at(t, t->task, a + 10 * PAGE_SIZE);
	SetPageReferenced(page);
	assert_int_equal(move_to(t, t->task, a, 64, 1, MIGRATE_ASYNC), 0);
	testbox_verify(t);
	assert_int_equal(event(t, PGMIGRATE_SUCCESS), ok + 64);
	for (u64 i = 0; i < 64; i++) {
		page = page_at(t, t->task, a + i * PAGE_SIZE);
		assert_int_equal(page_to_nid(page), 1);
		assert_true(PageLRU(page) && PageAnon(page) && PageUptodate(page));
		assert_int_equal(page_mapcount(page), i < 8 ? 1 : 2);
		assert_int_equal(CONTENT_KIND(peek(t, t->task, a + i * PAGE_SIZE)), CONTENT_SAME);
		if (i >= 8) {
			assert_ptr_equal(page, page_at(t, child, a + i * PAGE_SIZE));
			assert_false(pte_write(*pte_of(t, t->task, a + i * PAGE_SIZE)));
		}
	}
	assert_true(PageReferenced(page_at(t, t->task, a + 10 * PAGE_SIZE)));
	assert_int_equal(rss(t->task, MM_ANONPAGES), before);
	end_child(t, child);
	/* Alone again: writable entries come back writable, or fault once. */
	touch(t, t->task, a, 64, 11);
	assert_int_equal(move_to(t, t->task, a, 64, 0, MIGRATE_SYNC), 0);
	assert_true(pte_write(*pte_of(t, t->task, a)));
	assert_true(pte_dirty(*pte_of(t, t->task, a)));
	testbox_verify(t);
}

static void run_pinned(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 4);
	unsigned long fail = event(t, PGMIGRATE_FAIL);
	struct page *page;
	u64 content;

	(void)arg;
	touch(t, t->task, a, 4, 5);
	content = peek(t, t->task, a);
	page = page_at(t, t->task, a);
	get_page(page);
	assert_int_equal(move_to(t, t->task, a, 4, 1, MIGRATE_SYNC), 1);
	assert_int_equal(event(t, PGMIGRATE_FAIL), fail + 1);
	/* It stayed, mapped as before, and on its list. */
	assert_ptr_equal(page_at(t, t->task, a), page);
	assert_true(pte_write(*pte_of(t, t->task, a)));
	assert_true(peek(t, t->task, a) == content);
	assert_true(PageLRU(page));
	put_page(t->q, page);
	/* Nor is one moved that somebody has locked. */
	assert_true(trylock_page(page));
	assert_int_equal(move_to(t, t->task, a, 1, 1, MIGRATE_ASYNC), 1);
	unlock_page(t->q, page);
	/* No frame to go to. */
	testbox_fail_all_allocs(t);
	assert_int_equal(move_to(t, t->task, a, 4, 1, MIGRATE_SYNC), -ENOMEM);
	testbox_fail_alloc(t, 0);
	testbox_verify(t);
	assert_int_equal(move_to(t, t->task, a, 1, 1, MIGRATE_ASYNC), 0);
	testbox_verify(t);
}

static void run_file(struct testbox *t, void *arg)
{
	struct inode *inode = new_inode(t->q, t->sb, 64 << PAGE_SHIFT, false);
	struct file *file = alloc_file(t->q, inode, true);
	unsigned long dirty;
	struct page *page;
	u64 a = do_mmap(t->q, t->task->mm, 0, 64 << PAGE_SHIFT, RW, MAP_SHARED, file, 0), content;

	(void)arg;
	iput(t->q, inode);
	/* Some with buffers and dirty, some only read, one dirtied by mapping. */
	assert_int_equal(generic_file_write(t->q, file, 0, 8 << PAGE_SHIFT), 8 << PAGE_SHIFT);
	touch(t, t->task, a, 64, 0);
	touch(t, t->task, a + 20 * PAGE_SIZE, 1, 33);
	dirty = global_node_page_state(t->q, NR_FILE_DIRTY);
	assert_int_equal(dirty, 9);
	content = peek(t, t->task, a + 20 * PAGE_SIZE);
	assert_true(PagePrivate(page_at(t, t->task, a)));
	assert_int_equal(move_to(t, t->task, a, 64, 1, MIGRATE_SYNC_LIGHT), 0);
	testbox_verify(t);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_FILE_DIRTY), dirty);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_FILE_MAPPED), 64);
	assert_true(peek(t, t->task, a + 20 * PAGE_SIZE) == content);
	page = find_get_page(t->q, &file->f_inode->i_data, 3);
	assert_int_equal(page_to_nid(page), 1);
	assert_true(PageDirty(page) && PagePrivate(page));
	put_page(t->q, page);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	testbox_verify(t);
	do_munmap(t->q, t->task->mm, a, 64 << PAGE_SHIFT);
	drop_pagecache(t->q);
	fput(t->q, file);
	testbox_verify(t);
}

static void run_shmem(struct testbox *t, void *arg)
{
	struct task *child;
	u64 a = do_mmap(t->q, t->task->mm, 0, 32 << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS,
			NULL, 0);

	(void)arg;
	touch(t, t->task, a, 32, 3);
	child = fork_task(t, t->task);
	touch(t, child, a, 32, 0);
	assert_int_equal(move_to(t, t->task, a, 32, 1, MIGRATE_ASYNC), 0);
	testbox_verify(t);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_SHMEM), 32);
	assert_ptr_equal(page_at(t, t->task, a), page_at(t, child, a));
	assert_int_equal(rss(child, MM_SHMEMPAGES), 32);
	end_child(t, child);
	testbox_verify(t);
}

/* In the swap cache, mapped and not. */
static void run_swapcache(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 8), content;
	struct page *page;
	LIST_HEAD(pages);
	unsigned int nid = 1;

	(void)arg;
	touch(t, t->task, a, 8, 17);
	lru_add_drain_all(t->q);
	for (u64 i = 0; i < 8; i++) {
		page = page_at(t, t->task, a + i * PAGE_SIZE);
		get_page(page);
		lock_page(t->q, page);
		assert_true(add_to_swap(t->q, page));
		if (i >= 4)
			assert_true(try_to_unmap(t->q, page));
		unlock_page(t->q, page);
		if (i >= 4) {
			assert_int_equal(isolate_lru_page(t->q, page), 0);
			list_add_tail(&page->lru, &pages);
		}
		put_page(t->q, page);
	}
	content = peek(t, t->task, a);
	assert_int_equal(move_to(t, t->task, a, 4, 1, MIGRATE_SYNC), 0);
	assert_int_equal(migrate_pages(t->q, &pages, target_on, NULL, &nid, MIGRATE_SYNC, NULL), 0);
	testbox_verify(t);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_SWAPCACHE), 8);
	assert_true(PageSwapCache(page_at(t, t->task, a)));
	touch(t, t->task, a, 8, 0); /* minor faults only */
	assert_true(peek(t, t->task, a) == content);
	for (u64 i = 0; i < 8; i++)
		assert_int_equal(page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE)), 1);
	testbox_verify(t);
}

static void run_mlocked(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 8);

	(void)arg;
	assert_int_equal(do_mlock(t->q, t->task->mm, a, 8 << PAGE_SHIFT, true), 0);
	assert_int_equal(move_to(t, t->task, a, 8, 1, MIGRATE_SYNC), 0);
	testbox_verify(t);
	assert_true(PageMlocked(page_at(t, t->task, a)));
	assert_true(PageUnevictable(page_at(t, t->task, a)));
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_UNEVICTABLE), 8);
	assert_int_equal(do_mlock(t->q, t->task->mm, a, 8 << PAGE_SHIFT, false), 0);
	testbox_verify(t);
}

/* A page that is on its way: what others see of it. */
static void run_entries(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 4);
	struct task *child;
	unsigned long anon;
	struct page *page;

	(void)arg;
	touch(t, t->task, a, 4, 1);
	anon = rss(t->task, MM_ANONPAGES);
	lru_add_drain_all(t->q);
	page = page_at(t, t->task, a);
	get_page(page);
	lock_page(t->q, page);
	assert_true(try_to_migrate(t->q, page));
	assert_int_equal(page_mapcount(page), 0);
	assert_true(pte_is_migration(*pte_of(t, t->task, a)));
	assert_ptr_equal(migration_entry_page(t->q, *pte_of(t, t->task, a)), page);
	assert_int_equal(rss(t->task, MM_ANONPAGES), anon);
	assert_int_equal(rss(t->task, MM_SWAPENTS), 0);
	testbox_verify(t);
	/* A fork copies the entry, and neither may write afterwards. */
	child = fork_task(t, t->task);
	assert_int_equal(rss(child, MM_ANONPAGES), anon);
	testbox_verify(t);
	remove_migration_ptes(t->q, page, page);
	unlock_page(t->q, page);
	assert_int_equal(page_mapcount(page), 2);
	assert_false(pte_write(*pte_of(t, t->task, a)));
	assert_true(pte_young(*pte_of(t, t->task, a)) && pte_dirty(*pte_of(t, t->task, a)));
	testbox_verify(t);
	/* Unmapped in the meantime. */
	lock_page(t->q, page);
	assert_true(try_to_migrate(t->q, page));
	end_child(t, child);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, PAGE_SIZE), 0);
	remove_migration_ptes(t->q, page, page);
	unlock_page(t->q, page);
	assert_int_equal(page_ref_count(page), 1);
	put_page(t->q, page);
	/* An entry that waits for nobody is found out. */
	page = page_at(t, t->task, a + PAGE_SIZE);
	get_page(page);
	lock_page(t->q, page);
	assert_true(try_to_migrate(t->q, page));
	unlock_page(t->q, page);
	testbox_verify_reports(t, "waits for a page that nobody moves");
	lock_page(t->q, page);
	remove_migration_ptes(t->q, page, page);
	unlock_page(t->q, page);
	put_page(t->q, page);
	testbox_verify(t);
}

struct waiter {
	struct testbox *t;
	struct task *task;
	u64 addr;
	bool done;
};

static void fault_there(void *arg)
{
	struct waiter *w = arg;

	touch(w->t, w->task, w->addr, 1, 99);
	w->done = true;
}

/* Who faults on a moving page waits until it has moved. */
static void run_wait(struct testbox *t, void *arg)
{
	struct waiter w = {.t = t};
	struct page *page;

	(void)arg;
	w.addr = map_anon(t, t->task, 4);
	touch(t, t->task, w.addr, 4, 1);
	lru_add_drain_all(t->q);
	page = page_at(t, t->task, w.addr);
	w.task = t->task;
	get_page(page);
	lock_page(t->q, page);
	assert_true(try_to_migrate(t->q, page));
	assert_non_null(model_spawn(t->m, "waiter", fault_there, &w, t->task, -1));
	model_sleep(t->m, 10 * NSEC_PER_MSEC);
	assert_false(w.done);
	remove_migration_ptes(t->q, page, page);
	unlock_page(t->q, page);
	model_sleep(t->m, 10 * NSEC_PER_MSEC);
	assert_true(w.done);
	put_page(t->q, page);
}

/* All kinds mixed, moved to and fro, while they are written, forked, dropped. */
static void run_random(struct testbox *t, void *arg)
{
	struct task *child = NULL;
	u64 a = map_anon(t, t->task, 256);
	u64 s = do_mmap(t->q, t->task->mm, 0, 256 << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS,
			NULL, 0);
	unsigned long seed = 1;

	(void)arg;
	touch(t, t->task, a, 256, 1);
	touch(t, t->task, s, 256, 1);
	for (int step = 0; step < 400; step++) {
		u64 base = prng_below(&t->rng, 2) ? a : s;
		u64 at = base + prng_below(&t->rng, 240) * PAGE_SIZE;
		u64 content;

		switch (prng_below(&t->rng, 4)) {
		case 0:
			touch(t, t->task, at, 1 + prng_below(&t->rng, 16), ++seed);
			break;
		case 1:
			if (child)
				end_child(t, child);
			child = child ? NULL : fork_task(t, t->task);
			break;
		default:
			touch(t, t->task, at, 16, 0);
			content = peek(t, t->task, at + 5 * PAGE_SIZE);
			(void)move_to(t, t->task, at, 16, (unsigned int)prng_below(&t->rng, 2),
				      (enum migrate_mode)prng_below(&t->rng, 3));
			assert_true(peek(t, t->task, at + 5 * PAGE_SIZE) == content);
		}
		if (step % 50 == 49)
			testbox_verify(t);
	}
	if (child)
		end_child(t, child);
}

static void run_in_box(unsigned int nodes, void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box(nodes);

	testbox_run(t, fn, NULL);
	testbox_verify(t);
	for_each_node (t->q, nid) {
		assert_int_equal(node_page_state(NODE_DATA(t->q, nid), NR_ISOLATED_ANON), 0);
		assert_int_equal(node_page_state(NODE_DATA(t->q, nid), NR_ISOLATED_FILE), 0);
	}
	testbox_free(t);
}

#define IN_BOX(name)                          \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run_in_box(2, run_##name);    \
	}
IN_BOX(anon)
IN_BOX(pinned)
IN_BOX(file)
IN_BOX(shmem)
IN_BOX(swapcache)
IN_BOX(mlocked)
IN_BOX(entries)
IN_BOX(wait)
IN_BOX(random)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anon),	  cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_file),	  cmocka_unit_test(test_shmem),
		cmocka_unit_test(test_swapcache), cmocka_unit_test(test_mlocked),
		cmocka_unit_test(test_entries),	  cmocka_unit_test(test_wait),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
