/* SPDX-License-Identifier: MIT */
/*
 * Reverse maps: accessed bits found and cleared, pages unmapped into swap and
 * brought back, with families of address spaces around them; the reaper.
 */
#include "tests/space/space_test.h"

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.swap_mb = 64, .disk = true});
}

static void run_referenced(struct testbox *t, void *arg)
{
	struct task *child;
	unsigned long flags;
	struct page *page;
	u64 a = map_anon(t, t->task, 4);

	(void)arg;
	touch(t, t->task, a, 4, 1);
	page = page_at(t, t->task, a);
	assert_int_equal(page_referenced(t->q, page, NULL, &flags), 1);
	assert_true(flags & VM_WRITE);
	assert_int_equal(page_referenced(t->q, page, NULL, &flags), 0);
	child = fork_task(t, t->task);
	touch(t, child, a, 1, 0);
	touch(t, t->task, a, 1, 0);
	assert_int_equal(page_referenced(t->q, page, NULL, &flags), 2);
	assert_int_equal(page_referenced(t->q, page, NULL, &flags), 0);
	end_child(t, child);
	testbox_verify(t);
}

static void test_referenced(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_referenced, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_file_rmap(struct testbox *t, void *arg)
{
	struct inode *inode = new_inode(t->q, t->sb, 64 << PAGE_SHIFT, false);
	struct file *file = alloc_file(t->q, inode, true);
	struct task *child[5];
	struct page *page;
	unsigned long flags;
	u64 a = do_mmap(t->q, t->task->mm, 0, 64 << PAGE_SHIFT, RW, MAP_SHARED, file, 0);

	(void)arg;
	iput(t->q, inode);
	touch(t, t->task, a, 64, 0);
	for (int i = 0; i < 5; i++) {
		child[i] = fork_task(t, t->task);
		touch(t, child[i], a + 3 * PAGE_SIZE, 1, i == 2 ? 9 : 0);
	}
	page = page_at(t, t->task, a + 3 * PAGE_SIZE);
	assert_int_equal(page_mapcount(page), 6);
	assert_int_equal(page_referenced(t->q, page, NULL, &flags), 6);
	testbox_verify(t);
	get_page(page);
	lock_page(t->q, page);
	assert_true(try_to_unmap(t->q, page));
	assert_int_equal(page_mapcount(page), 0);
	assert_true(PageDirty(page));
	unlock_page(t->q, page);
	put_page(t->q, page);
	testbox_verify(t);
	for (int i = 0; i < 5; i++)
		end_child(t, child[i]);
	fput(t->q, file);
}

static void test_file_rmap(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_file_rmap, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* As reclaim does, step by step: to swap, out of memory, and back. */
static void swap_out(struct testbox *t, struct page *page)
{
	unsigned long flags;

	(void)page_referenced(t->q, page, NULL, &flags);
	get_page(page);
	lock_page(t->q, page);
	assert_true(add_to_swap(t->q, page));
	assert_true(try_to_unmap(t->q, page));
	assert_true(PageDirty(page));
	unlock_page(t->q, page);
	put_page(t->q, page);
}

static void run_swap(struct testbox *t, void *arg)
{
	struct task *task = t->task, *child;
	u64 a = map_anon(t, task, 32);
	unsigned long anon, pages;
	struct page *page;

	(void)arg;
	touch(t, task, a, 32, 21);
	anon = rss(task, MM_ANONPAGES);
	lru_add_drain_all(t->q);
	for (unsigned int i = 0; i < 8; i++)
		swap_out(t, page_at(t, task, a + i * PAGE_SIZE));
	assert_int_equal(rss(task, MM_ANONPAGES), anon - 8);
	assert_int_equal(rss(task, MM_SWAPENTS), 8);
	assert_int_equal(task->mm->hiwater_rss, get_mm_rss(task->mm) + 8);
	testbox_verify(t);
	/* Still in the swap cache: a minor fault; a write gets it for itself. */
	pages = task->maj_flt;
	touch(t, task, a, 1, 0);
	assert_int_equal(peek(t, task, a), CONTENT(CONTENT_SAME, 21));
	page = page_at(t, task, a);
	assert_true(PageSwapCache(page));
	touch(t, task, a, 1, 22);
	assert_false(PageSwapCache(page));
	assert_ptr_equal(page_at(t, task, a), page);
	touch(t, task, a + PAGE_SIZE, 1, 23);
	assert_int_equal(task->maj_flt, pages);
	assert_int_equal(rss(task, MM_SWAPENTS), 6);
	testbox_verify(t);
	/* Fork counts the entries once more; each side reads its own. */
	child = fork_task(t, task);
	assert_int_equal(rss(child, MM_SWAPENTS), 6);
	testbox_verify(t);
	touch(t, child, a + 4 * PAGE_SIZE, 1, 30);
	assert_int_equal(peek(t, child, a + 4 * PAGE_SIZE), CONTENT(CONTENT_SAME, 30));
	touch(t, task, a + 4 * PAGE_SIZE, 1, 0);
	assert_int_equal(peek(t, task, a + 4 * PAGE_SIZE), CONTENT(CONTENT_SAME, 21));
	touch(t, child, a + 5 * PAGE_SIZE, 1, 0);
	touch(t, task, a + 5 * PAGE_SIZE, 1, 0);
	assert_ptr_equal(page_at(t, task, a + 5 * PAGE_SIZE), page_at(t, child, a + 5 * PAGE_SIZE));
	touch(t, task, a + 5 * PAGE_SIZE, 1, 31);
	assert_int_equal(peek(t, child, a + 5 * PAGE_SIZE), CONTENT(CONTENT_SAME, 21));
	testbox_verify(t);
	end_child(t, child);
	/* The rest goes with the mapping. */
	assert_int_equal(do_munmap(t->q, task->mm, a, 32 << PAGE_SHIFT), 0);
	assert_int_equal(rss(task, MM_SWAPENTS), 0);
	testbox_verify(t);
}

static void test_swap(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_swap, NULL);
	testbox_verify(t);
	assert_int_equal(t->q->swap->nr_swap_pages, (long)t->q->swap->total_swap_pages);
	testbox_free(t);
}

/* More than fits: reclaim swaps for real, contents must survive. */
static void run_pressure(struct testbox *t, void *arg)
{
	unsigned long n = t->q->node->totalram_pages + (24UL << (20 - PAGE_SHIFT));
	u64 a;

	(void)arg;
	t->q->space->overcommit_memory = 1;
	a = map_anon(t, t->task, n);
	for (unsigned long i = 0; i < n; i += 64)
		touch(t, t->task, a + (i << PAGE_SHIFT), min(64UL, n - i), i / 64 + 1);
	assert_true(rss(t->task, MM_SWAPENTS) > 0);
	testbox_verify(t);
	for (unsigned long i = 0; i < n; i += 97) {
		touch(t, t->task, a + (i << PAGE_SHIFT), 1, 0);
		assert_int_equal(peek(t, t->task, a + (i << PAGE_SHIFT)),
				 CONTENT(CONTENT_SAME, i / 64 + 1));
	}
	assert_true(t->task->maj_flt > 0);
	testbox_verify(t);
}

static void test_pressure(void **state)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.node_mb = {64}, .swap_mb = 128, .disk = true});

	(void)state;
	testbox_run(t, run_pressure, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* Pmem: a fault reads its own page, past the swap cache, whose slot is free then;
 * what is written out is free at once. */
static void run_pmem(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	unsigned long in, major = t->task->maj_flt;

	run_pressure(t, arg);
	assert_int_equal(global_vm_event(q, PSWPIN), t->task->maj_flt - major);
	assert_int_equal(global_vm_event(q, SWAP_RA), 0);
	assert_int_equal(global_node_page_state(q, NR_SWAPCACHE), 0);
	assert_int_equal(global_node_page_state(q, NR_WRITEBACK), 0);
	in = q->swap->total_swap_pages - (unsigned long)q->swap->nr_swap_pages;
	assert_int_equal(rss(t->task, MM_SWAPENTS), in);
}

static void test_pmem(void **state)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.node_mb = {64}, .swap_mb = 128, .swap_pmem = true});

	(void)state;
	testbox_run(t, run_pmem, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_reaper(struct testbox *t, void *arg)
{
	struct task *task = fork_task(t, t->task);
	u64 a = map_anon(t, task, 512);
	u64 s = do_mmap(t->q, task->mm, 0, 64 << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS, NULL,
			0);

	(void)arg;
	touch(t, task, a, 512, 2);
	touch(t, task, s, 64, 2);
	down_write(t->q, &task->mm->mmap_lock);
	assert_false(oom_reap_mm(t->q, task->mm));
	up_write(t->q, &task->mm->mmap_lock);
	assert_true(oom_reap_mm(t->q, task->mm));
	assert_int_equal(rss(task, MM_ANONPAGES), 0);
	assert_int_equal(rss(task, MM_SHMEMPAGES), 64);
	testbox_verify(t);
	assert_int_equal(handle_user_fault(t->q, task, a, FAULT_FLAG_WRITE), VM_FAULT_SIGBUS);
	end_child(t, task);
}

static void test_reaper(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_reaper, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_policy(struct testbox *t, void *arg)
{
	struct mempolicy pol = {.mode = MPOL_INTERLEAVE};
	u64 a = map_anon(t, t->task, 400);
	unsigned int on[4] = {0};

	(void)arg;
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), -EINVAL);
	node_set(&pol.nodes, 1);
	node_set(&pol.nodes, 3);
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	touch(t, t->task, a, 100, 1);
	for (unsigned int i = 0; i < 100; i++)
		on[page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE))]++;
	assert_int_equal(on[1], 50);
	assert_int_equal(on[3], 50);
	pol.mode = MPOL_BIND;
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	touch(t, t->task, a + 100 * PAGE_SIZE, 100, 1);
	for (unsigned int i = 100; i < 200; i++)
		assert_true(page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE)) % 2 == 1);
	pol = (struct mempolicy){.mode = MPOL_PREFERRED, .preferred = 2};
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	touch(t, t->task, a + 200 * PAGE_SIZE, 100, 1);
	for (unsigned int i = 200; i < 300; i++)
		assert_int_equal(page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE)), 2);
	pol.mode = MPOL_DEFAULT;
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	touch(t, t->task, a + 300 * PAGE_SIZE, 1, 1);
	assert_int_equal(page_to_nid(page_at(t, t->task, a + 300 * PAGE_SIZE)), numa_node_id(t->q));
	testbox_verify(t);
}

static void test_policy(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){.nr_nodes = 4}, run_policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_referenced), cmocka_unit_test(test_file_rmap),
		cmocka_unit_test(test_swap),	   cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_pmem),	   cmocka_unit_test(test_reaper),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
