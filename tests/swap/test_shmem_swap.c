/* SPDX-License-Identifier: MIT */
/*
 * Shmem pages through swap: round trip, truncation of what is out, two readers
 * at once, no slot, no memory, failing reads; and a group's limit of swap.
 */
#include "tests/swap/swaptest.h"

struct sbox {
	struct testbox *t;
	struct quire *q;
	struct file *file;
	struct inode *inode;
	struct mem_cgroup *memcg;
};

static void open_file(struct testbox *t, void *arg)
{
	struct sbox *s = arg;

	s->file = shmem_file_setup(t->q, "test", 64UL << 20);
	assert_false(IS_ERR(s->file));
	s->inode = s->file->f_inode;
}

static void close_file(struct testbox *t, void *arg)
{
	struct sbox *s = arg;

	fput(t->q, s->file);
}

static struct sbox sbox_new(void)
{
	struct sbox s = {.t = testbox_new(&(struct testbox_config){.swap_mb = 8})};

	s.q = s.t->q;
	testbox_call(s.t, open_file, &s);
	return s;
}

static void sbox_end(struct sbox *s)
{
	testbox_verify(s->t);
	testbox_call(s->t, close_file, s);
	assert_int_equal(swap_used(s->q), 0);
	testbox_verify(s->t);
	testbox_free(s->t);
}

static void out_and_back(struct testbox *t, void *arg)
{
	unsigned long shmem = global_node_page_state(t->q, NR_SHMEM);
	struct sbox *s = arg;
	struct quire *q = t->q;

	for (unsigned long i = 0; i < 500; i++)
		shmem_fill(q, s->inode, i, CONTENT(CONTENT_KIND_HEAP, i));
	assert_int_equal(global_node_page_state(q, NR_SHMEM), shmem + 500);
	for (unsigned long i = 0; i < 500; i++)
		assert_true(shmem_evict(q, s->inode, i));
	assert_int_equal(global_node_page_state(q, NR_SHMEM), shmem);
	assert_int_equal(s->inode->i_data.nrpages, 0);
	assert_int_equal(s->inode->i_data.nrexceptional, 500);
	assert_int_equal(swap_used(q), 500);
	for (unsigned long i = 0; i < 200; i++)
		assert_int_equal(shmem_read(q, s->inode, i), CONTENT(CONTENT_KIND_HEAP, i));
	assert_int_equal(s->inode->i_data.nrpages, 200);
	assert_int_equal(swap_used(q), 300);
	assert_true(global_vm_event(q, SWAP_RA_HIT) > 50);
}

/* Only a page that is read from the device is a major fault. */
static void major_or_not(struct testbox *t, void *arg)
{
	struct sbox *s = arg;
	bool major = false;
	struct page *page;

	t->q->swap->page_cluster = 0;
	shmem_fill(t->q, s->inode, 3, 42);
	assert_true(shmem_evict(t->q, s->inode, 3));
	page = shmem_get_page(t->q, s->inode, 3, GFP_HIGHUSER_MOVABLE, &major);
	assert_false(IS_ERR(page));
	assert_true(major);
	/* On its way out, and still in the swap cache. */
	lock_page(t->q, page);
	ClearPageDirty(page);
	assert_int_equal(t->q->cache->shmem_aops->writepage(t->q, page), 0);
	put_page(t->q, page);
	major = false;
	page = shmem_get_page(t->q, s->inode, 3, GFP_HIGHUSER_MOVABLE, &major);
	assert_false(IS_ERR(page));
	assert_false(major);
	put_page(t->q, page);
}

static void test_major(void **state)
{
	struct sbox s = sbox_new();

	(void)state;
	testbox_call(s.t, major_or_not, &s);
	sbox_end(&s);
}

static void shrink_file(struct testbox *t, void *arg)
{
	struct sbox *s = arg;

	truncate_setsize(t->q, s->inode, 100 << PAGE_SHIFT);
	assert_int_equal(s->inode->i_data.nrexceptional, 0);
	assert_int_equal(s->inode->i_data.nrpages, 100);
	assert_int_equal(swap_used(t->q), 0);
}

static void test_out_and_back(void **state)
{
	struct sbox s = sbox_new();

	(void)state;
	testbox_call(s.t, out_and_back, &s);
	testbox_verify(s.t);
	testbox_call(s.t, shrink_file, &s);
	sbox_end(&s);
}

/* ---- two at once ----------------------------------------------------------- */

static void one_out(struct testbox *t, void *arg)
{
	struct sbox *s = arg;

	shmem_fill(t->q, s->inode, 7, 42);
	assert_true(shmem_evict(t->q, s->inode, 7));
}

static void reader(void *arg)
{
	struct sbox *s = arg;

	assert_int_equal(shmem_read(s->q, s->inode, 7), 42);
	s->file->f_pos++;
}

static void test_two_readers(void **state)
{
	struct sbox s = sbox_new();

	(void)state;
	testbox_call(s.t, one_out, &s);
	for (int i = 0; i < 4; i++)
		assert_non_null(model_spawn(s.t->m, "reader", reader, &s, NULL, -1));
	testbox_pass(s.t, NSEC_PER_SEC);
	assert_int_equal(s.file->f_pos, 4);
	assert_int_equal(global_vm_event(s.q, PSWPIN), 1);
	sbox_end(&s);
}

/* ---- failures -------------------------------------------------------------- */

static bool fail_read(void *ctx, const struct quire_bio *bio)
{
	(void)ctx;
	return bio->op == QUIRE_BIO_READ;
}

static void failures(struct testbox *t, void *arg)
{
	struct sbox *s = arg;
	struct quire *q = t->q;
	struct page *page;
	bool major;

	shmem_fill(q, s->inode, 0, 11);
	assert_true(shmem_evict(q, s->inode, 0));
	model_fail_io(t->m, fail_read, NULL);
	page = shmem_get_page(q, s->inode, 0, GFP_KERNEL, &major);
	assert_int_equal(PTR_ERR(page), -EIO);
	model_fail_io(t->m, NULL, NULL);
	/* The entry is where it was. */
	assert_int_equal(s->inode->i_data.nrexceptional, 1);

	/* Swap fills up: the page that finds no slot stays, dirty. */
	for (unsigned long i = 1; i < 2047; i++) {
		shmem_fill(q, s->inode, i, i);
		assert_true(shmem_evict(q, s->inode, i));
	}
	assert_int_equal(q->swap->nr_swap_pages, 0);
	shmem_fill(q, s->inode, 5000, 5);
	assert_false(shmem_evict(q, s->inode, 5000));
	page = find_get_page(q, &s->inode->i_data, 5000);
	assert_true(PageDirty(page) && !PageSwapCache(page) && page->mapping == &s->inode->i_data);
	put_page(q, page);
	for (unsigned long i = 1; i < 2047; i++)
		assert_int_equal(shmem_read(q, s->inode, i), i);
}

static void test_failures(void **state)
{
	struct sbox s = sbox_new();

	(void)state;
	testbox_call(s.t, failures, &s);
	testbox_verify(s.t);
	sbox_end(&s);
}

/* ---- groups ---------------------------------------------------------------- */

/* A page that is charged to the group; its way out charges the group's swap. */
static void group_swap(struct testbox *t, void *arg)
{
	struct sbox *s = arg;
	struct quire *q = t->q;
	struct mem_cgroup *memcg = mem_cgroup_create(q, q->group->root, "web");
	struct page *page[4];
	swp_entry_t e;
	bool major;

	assert_false(IS_ERR(memcg));
	s->memcg = memcg;
	mem_cgroup_set_swap_max(memcg, 2);
	for (int i = 0; i < 4; i++) {
		page[i] = new_page(q, (u64)i + 1);
		assert_int_equal(mem_cgroup_charge(q, page[i], memcg, GFP_KERNEL), 0);
		assert_int_equal(add_to_swap(q, page[i]), i < 2);
	}
	assert_int_equal(memcg->swap.usage, 2);
	assert_int_equal(swap_used(q), 2);
	assert_true(memcg->events[MEMCG_SWAP_MAX] + memcg->events[MEMCG_SWAP_FAIL] > 0);
	e.val = page[0]->private;
	assert_int_equal(swap_duplicate(q, e), 0);
	assert_int_equal(swap_writepage(q, page[0]), 0);
	lock_page(q, page[0]);
	wait_on_page_writeback(q, page[0]);
	remove_page(q, page[0], NULL);
	assert_int_equal(memcg->memory.usage, 3);
	assert_int_equal(memcg->swap.usage, 2);
	/* Back: the page is the group's again, and the slot's charge stays with the slot. */
	assert_int_equal(swap_in(q, e, &major), 1);
	assert_int_equal(memcg->memory.usage, 4);
	assert_int_equal(memcg->swap.usage, 2);
	lru_add_drain_all(q);
	free_swap_and_cache(q, e);
	assert_int_equal(memcg->swap.usage, 1);
	assert_int_equal(memcg->memory.usage, 3);
	assert_true(try_to_free_swap(q, page[1]));
	assert_int_equal(memcg->swap.usage, 0);
	for (int i = 1; i < 4; i++)
		drop_page(q, page[i]);
}

static void test_group(void **state)
{
	struct sbox s = sbox_new();

	(void)state;
	testbox_call(s.t, group_swap, &s);
	testbox_verify(s.t);
	s.memcg->swap.usage++;
	s.q->group->root->swap.usage++;
	testbox_verify_reports(s.t, "the groups' charges are not the slots that name them");
	s.memcg->swap.usage--;
	s.q->group->root->swap.usage--;
	sbox_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_major),	    cmocka_unit_test(test_out_and_back),
		cmocka_unit_test(test_two_readers), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
