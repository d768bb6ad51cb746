/* SPDX-License-Identifier: MIT */
/*
 * shmem: pages of zeros on demand, swapped out and back, truncated in memory
 * and in swap, without memory.
 */
#include "tests/lib/testlib.h"
#include "cache/internal.h"

#define NR_PAGES 200

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {128}, .swap_mb = 64});

	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static struct file *setup(struct testbox *t)
{
	struct file *file = shmem_file_setup(t->q, "dev/zero", NR_PAGES * PAGE_SIZE);

	assert_false(IS_ERR_OR_NULL(file));
	return file;
}

static struct page *get(struct testbox *t, struct file *file, unsigned long index, bool *major)
{
	struct page *page;

	*major = false;
	page = shmem_get_page(t->q, file->f_inode, index, GFP_HIGHUSER_MOVABLE, major);
	assert_false(IS_ERR_OR_NULL(page));
	assert_true(PageUptodate(page) && PageSwapBacked(page));
	return page;
}

/* As reclaim does it. */
static void swap_out(struct testbox *t, struct file *file, unsigned long index)
{
	struct address_space *m = &file->f_inode->i_data;
	struct page *page = find_get_page(t->q, m, index);

	assert_non_null(page);
	lock_page(t->q, page);
	(void)set_page_dirty(t->q, page);
	assert_int_equal(m->a_ops->writepage(t->q, page), 0);
	wait_on_page_writeback(t->q, page);
	assert_null(find_get_page(t->q, m, index));
	put_page(t->q, page);
}

static void zeros(struct testbox *t, void *arg)
{
	unsigned long before = global_node_page_state(t->q, NR_SHMEM);
	struct file *file = setup(t);
	bool major;

	(void)arg;
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		struct page *page = get(t, file, i, &major);

		assert_false(major);
		assert_int_equal(t->q->hot->content[page_to_pfn(t->q, page)], 0);
		put_page(t->q, page);
	}
	assert_int_equal(global_node_page_state(t->q, NR_SHMEM), before + NR_PAGES);
	lru_add_drain_all(t->q);
	assert_true(global_node_page_state(t->q, NR_INACTIVE_ANON) >= NR_PAGES);
	assert_int_equal(PTR_ERR(shmem_get_page(t->q, file->f_inode, NR_PAGES, GFP_HIGHUSER_MOVABLE,
						&major)),
			 -EFAULT);
	assert_int_equal(generic_file_write(t->q, file, 3 * PAGE_SIZE, 2 * PAGE_SIZE),
			 2 * PAGE_SIZE);
	assert_int_equal(generic_file_read(t->q, file, 0, 1UL << 30), NR_PAGES * PAGE_SIZE);
	/* Never dirty in the sense of files. */
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 0);
	testbox_verify(t);
	fput(t->q, file);
	assert_int_equal(global_node_page_state(t->q, NR_SHMEM), before);
}

static void swaps(struct testbox *t, void *arg)
{
	struct file *file = setup(t);
	struct inode *inode = file->f_inode;
	long slots = t->q->swap->nr_swap_pages;
	bool major;

	(void)arg;
	assert_int_equal(generic_file_write(t->q, file, 0, NR_PAGES * PAGE_SIZE),
			 NR_PAGES * PAGE_SIZE);
	lru_add_drain_all(t->q);
	for (unsigned long i = 0; i < NR_PAGES; i += 2)
		swap_out(t, file, i);
	assert_int_equal(inode->i_data.nrexceptional, NR_PAGES / 2);
	assert_int_equal(t->q->swap->nr_swap_pages, slots - NR_PAGES / 2);
	testbox_verify(t);
	for (unsigned long i = 0; i < NR_PAGES / 2; i++) {
		struct page *page = get(t, file, i, &major);

		assert_false(major); /* written, but in the swap cache still */
		assert_int_equal(t->q->hot->content[page_to_pfn(t->q, page)],
				 CONTENT(CONTENT_SAME,
					 file_page_content(inode->i_ino, i, inode->i_version)));
		put_page(t->q, page);
	}
	testbox_verify(t);
	/* The other half goes with its file, from swap. */
	truncate_setsize(t->q, inode, 10 * PAGE_SIZE);
	assert_int_equal(inode->i_data.nrexceptional, 0);
	fput(t->q, file);
	assert_int_equal(t->q->swap->nr_swap_pages, slots);
}

static void no_memory(struct testbox *t, void *arg)
{
	struct file *file = setup(t);
	bool major = false;

	(void)arg;
	testbox_fail_all_allocs(t);
	assert_int_equal(
		PTR_ERR(shmem_get_page(t->q, file->f_inode, 0, GFP_HIGHUSER_MOVABLE, &major)),
		-ENOMEM);
	assert_int_equal(generic_file_write(t->q, file, 0, PAGE_SIZE), -ENOMEM);
	/* A hole is read without one. */
	assert_int_equal(generic_file_read(t->q, file, 0, PAGE_SIZE), PAGE_SIZE);
	testbox_fail_alloc(t, 0);
	assert_int_equal(file->f_inode->i_data.nrpages, 0);
	fput(t->q, file);
}

#define TEST(name)                            \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run(name);                    \
	}
TEST(zeros)
TEST(swaps)
TEST(no_memory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_swaps),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
