/* SPDX-License-Identifier: MIT */
/*
 * Files through the page cache: reads, writes and truncation against a naive
 * model; readahead; what happens when memory or the device fails; and the
 * verifier's view.
 */
#include "tests/lib/testlib.h"
#include "cache/internal.h"

#define MAX_PAGES 300

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.node_mb = {128}, .disk = true});
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = box();

	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* The last reference of a file that has no name any more. */
static void remove_file(struct testbox *t, struct file *file)
{
	file->f_inode->i_nlink = 0;
	fput(t->q, file);
}

static u64 page_content(struct testbox *t, struct inode *inode, unsigned long index)
{
	struct page *page = find_get_page(t->q, &inode->i_data, index);
	u64 content;

	assert_non_null(page);
	assert_true(PageUptodate(page));
	content = t->q->hot->content[page_to_pfn(t->q, page)];
	put_page(t->q, page);
	return content;
}

/* ---- the naive model ------------------------------------------------------- */

struct naive {
	struct file *file;
	u64 size, valid, version;
	u64 content[MAX_PAGES];
};

static void naive_init(struct testbox *t, struct naive *n, u64 size)
{
	n->file = testbox_file(t, t->sb, size);
	n->size = n->valid = size;
	n->version = 0;
	for (unsigned long i = 0; i < DIV_ROUND_UP(size, PAGE_SIZE); i++)
		n->content[i] = model_disk_content(t->m, t->dev, inode_block(n->file->f_inode, i));
}

static void naive_write(struct naive *n, u64 pos, u64 len)
{
	u64 ino = n->file->f_inode->i_ino;

	n->version++;
	for (u64 i = DIV_ROUND_UP(n->valid, PAGE_SIZE); i < pos / PAGE_SIZE; i++)
		n->content[i] = 0;
	for (u64 i = pos / PAGE_SIZE; i <= (pos + len - 1) / PAGE_SIZE; i++)
		n->content[i] = CONTENT(CONTENT_SAME, file_page_content(ino, i, n->version));
	n->size = max(n->size, pos + len);
	n->valid = max(n->valid, pos + len);
}

static void naive_truncate(struct naive *n, u64 size)
{
	n->size = size;
	n->valid = min(n->valid, size);
	for (u64 i = DIV_ROUND_UP(n->valid, PAGE_SIZE); i < MAX_PAGES; i++)
		n->content[i] = 0;
}

static void check_read(struct testbox *t, struct naive *n, u64 pos, u64 len)
{
	u64 want = pos >= n->size ? 0 : min(len, n->size - pos);

	assert_int_equal(generic_file_read(t->q, n->file, pos, len), want);
	for (u64 i = pos / PAGE_SIZE; want && i <= (pos + want - 1) / PAGE_SIZE; i++)
		assert_int_equal(page_content(t, n->file->f_inode, i), n->content[i]);
}

static void property(struct testbox *t, void *arg)
{
	struct naive files[3];

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		naive_init(t, &files[i], prng_below(&t->rng, MAX_PAGES / 2 * PAGE_SIZE));
	for (int round = 0; round < 1500; round++) {
		struct naive *n = &files[prng_below(&t->rng, ARRAY_SIZE(files))];
		u64 pos = prng_below(&t->rng, MAX_PAGES * PAGE_SIZE);
		u64 len = 1 + prng_below(&t->rng, MAX_PAGES * PAGE_SIZE - pos);

		if (prng_below(&t->rng, 2))
			len = 1 + prng_below(&t->rng, min(len, 5 * PAGE_SIZE));
		switch (prng_below(&t->rng, 10)) {
		case 0:
		case 1:
		case 2:
			assert_int_equal(generic_file_write(t->q, n->file, pos, len), len);
			naive_write(n, pos, len);
			break;
		case 3:
			truncate_setsize(t->q, n->file->f_inode, pos);
			naive_truncate(n, pos);
			break;
		case 4:
			assert_int_equal(vfs_fsync(t->q, n->file), 0);
			break;
		case 5:
			drop_pagecache(t->q);
			break;
		case 6:
			sleep_ns(t->q, prng_below(&t->rng, 20 * NSEC_PER_SEC));
			break;
		default:
			check_read(t, n, pos, len);
		}
		assert_int_equal(n->file->f_inode->i_size, n->size);
		if (round % 100 == 0)
			testbox_verify(t);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		check_read(t, &files[i], 0, files[i].size);
		remove_file(t, files[i].file);
	}
	assert_int_equal(t->sb->nr_inodes, 1);
}

static void test_property(void **state)
{
	(void)state;
	run(property);
}

/* ---- readahead ------------------------------------------------------------- */

static void readahead(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 1000 * PAGE_SIZE);
	struct inode *inode = file->f_inode;
	unsigned long pgpgin = global_vm_event(t->q, PGPGIN), ios;

	(void)arg;
	for (unsigned long i = 0; i < 1000; i++)
		assert_int_equal(generic_file_read(t->q, file, i * PAGE_SIZE, PAGE_SIZE),
				 PAGE_SIZE);
	assert_int_equal(inode->i_data.nrpages, 1000);
	assert_int_equal(t->bdi->pages_read, 1000);
	assert_int_equal(global_vm_event(t->q, PGPGIN) - pgpgin, 1000 * SECTORS_PER_PAGE);
	/* Windows of 32 pages, but for the first few. */
	assert_in_range(t->bdi->ios_read, 1000 / 32, 1000 / 32 + 6);
	assert_int_equal(file->f_ra.size, 32);
	ios = t->bdi->ios_read;
	assert_int_equal(generic_file_read(t->q, file, 0, 2000 * PAGE_SIZE), 1000 * PAGE_SIZE);
	assert_int_equal(t->bdi->ios_read, ios);
	/* Twice used: the second read activates. */
	lru_add_drain_all(t->q);
	assert_true(global_node_page_state(t->q, NR_ACTIVE_FILE) >= 1000);
	assert_true(global_node_page_state(t->q, NR_FILE_PAGES) >= 1000);
	remove_file(t, file);
}

static void random_reads(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 4000 * PAGE_SIZE);
	bool major = false, reading = false;
	struct page *page;

	(void)arg;
	/* Here and there: only what was asked for. */
	for (unsigned long i = 1; i < 40; i++)
		(void)generic_file_read(t->q, file, i * 97 * PAGE_SIZE, 1);
	assert_int_equal(t->bdi->pages_read, 39);
	/* A fault brings what lies around it. */
	page = filemap_get_page(t->q, &file->f_inode->i_data, 3950, GFP_HIGHUSER_MOVABLE, &major,
				&reading);
	assert_false(IS_ERR(page));
	assert_true(major && reading);
	put_page(t->q, page);
	assert_int_equal(t->bdi->pages_read, 39 + 32);
	major = reading = false;
	page = filemap_get_page(t->q, &file->f_inode->i_data, 3945, GFP_HIGHUSER_MOVABLE, &major,
				&reading);
	assert_false(IS_ERR(page) || major || reading);
	put_page(t->q, page);
	assert_int_equal(PTR_ERR(filemap_get_page(t->q, &file->f_inode->i_data, 4000,
						  GFP_HIGHUSER_MOVABLE, &major, &reading)),
			 -EFAULT);
	remove_file(t, file);
}

/* As Linux: a new reader behind what another read goes on with that stream, one
 * large request may be as large as the device's transfers, and faults that miss
 * a hundred times more often than they hit read one page each. */
static void windows(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 8000 * PAGE_SIZE), *other;
	struct quire *q = t->q;
	bool major = false, reading = false;
	unsigned long read;

	(void)arg;
	(void)generic_file_read(q, file, 0, 64 * PAGE_SIZE);
	read = t->bdi->pages_read;
	other = alloc_file(q, file->f_inode, false);
	assert_non_null(other);
	(void)generic_file_read(q, other, (u64)read * PAGE_SIZE, 16 * PAGE_SIZE);
	/* All of the window is history: 32 pages; the page at its end is marked. */
	assert_int_equal(other->f_ra.start, read);
	assert_int_equal(other->f_ra.size, 32);
	assert_int_equal(other->f_ra.async_size, 1);
	assert_int_equal(t->bdi->pages_read, read + 32);
	fput(q, other);
	read = t->bdi->pages_read;
	(void)generic_file_read(q, file, 2000 * PAGE_SIZE, 1000 * PAGE_SIZE);
	assert_in_range(t->bdi->pages_read - read, 1000, 1000 + 320);
	for (unsigned long i = 0; i < 101; i++) {
		struct page *page = filemap_get_page(q, &file->f_inode->i_data, 4000 + 33 * i,
						     GFP_HIGHUSER_MOVABLE, &major, &reading);

		assert_false(IS_ERR(page));
		put_page(q, page);
		read = i == 99 ? t->bdi->pages_read : read;
	}
	assert_int_equal(t->bdi->pages_read - read, 1);
	remove_file(t, file);
}

static void test_readahead(void **state)
{
	(void)state;
	run(readahead);
	run(random_reads);
	run(windows);
}

/* ---- failures -------------------------------------------------------------- */

static bool fail_op(void *ctx, const struct quire_bio *bio)
{
	return bio->op == *(unsigned int *)ctx;
}

static void io_errors(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 100 * PAGE_SIZE);
	unsigned int op = QUIRE_BIO_READ;

	(void)arg;
	model_fail_io(t->m, fail_op, &op);
	assert_int_equal(generic_file_read(t->q, file, 0, 10 * PAGE_SIZE), -EIO);
	/* A write of a part needs the rest. */
	assert_int_equal(generic_file_write(t->q, file, 50 * PAGE_SIZE + 7, 1), -EIO);
	assert_int_equal(generic_file_write(t->q, file, 60 * PAGE_SIZE, PAGE_SIZE), PAGE_SIZE);
	model_fail_io(t->m, NULL, NULL);
	assert_int_equal(generic_file_read(t->q, file, 0, 10 * PAGE_SIZE), 10 * PAGE_SIZE);
	assert_int_equal(generic_file_write(t->q, file, 50 * PAGE_SIZE + 7, 1), 1);
	op = QUIRE_BIO_WRITE;
	model_fail_io(t->m, fail_op, &op);
	assert_int_equal(vfs_fsync(t->q, file), -EIO);
	/* Told once; the pages are clean and lost, as on Linux. */
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 0);
	assert_int_equal(global_node_page_state(t->q, NR_WRITEBACK), 0);
	model_fail_io(t->m, NULL, NULL);
	remove_file(t, file);
}

static void no_memory(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 200 * PAGE_SIZE);
	s64 done;

	(void)arg;
	testbox_fail_all_allocs(t);
	drain_all_pages(t->q, NULL);
	assert_int_equal(generic_file_read(t->q, file, 0, PAGE_SIZE), -ENOMEM);
	assert_int_equal(generic_file_write(t->q, file, 0, PAGE_SIZE), -ENOMEM);
	testbox_verify(t);
	testbox_fail_alloc(t, 0);
	/* Each allocation on the way, one after another. */
	for (unsigned long n = 1; n < 80; n++) {
		u64 pos = prng_below(&t->rng, 150) * PAGE_SIZE;

		drop_pagecache(t->q);
		testbox_fail_alloc(t, n);
		done = generic_file_read(t->q, file, pos, 40 * PAGE_SIZE);
		assert_true(done == -ENOMEM || (done > 0 && done <= 40 * (s64)PAGE_SIZE));
		testbox_fail_alloc(t, n);
		done = generic_file_write(t->q, file, pos + 5 * PAGE_SIZE, 40 * PAGE_SIZE);
		assert_true(done == -ENOMEM || (done > 0 && done <= 40 * (s64)PAGE_SIZE));
		testbox_fail_alloc(t, n);
		assert_int_equal(vfs_fsync(t->q, file), 0);
		testbox_fail_alloc(t, 0);
		testbox_verify(t);
	}
	remove_file(t, file);
}

static void test_io_errors(void **state)
{
	(void)state;
	run(io_errors);
}

static void test_no_memory(void **state)
{
	(void)state;
	run(no_memory);
}

/* ---- the tree, by hand ----------------------------------------------------- */

static void tree(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 10 * PAGE_SIZE);
	struct address_space *m = &file->f_inode->i_data;
	struct page *page = alloc_pages(t->q, GFP_HIGHUSER_MOVABLE, 0);
	struct page *other = alloc_pages(t->q, GFP_HIGHUSER_MOVABLE, 0);

	(void)arg;
	assert_non_null(page);
	assert_non_null(other);
	assert_int_equal(add_to_page_cache_lru(t->q, page, m, 3, GFP_KERNEL), 0);
	assert_true(PageLocked(page));
	assert_false(trylock_page(page));
	assert_int_equal(add_to_page_cache_lru(t->q, other, m, 3, GFP_KERNEL), -EEXIST);
	assert_int_equal(page_ref_count(other), 1);
	assert_int_equal(m->nrpages, 1);
	SetPageUptodate(page);
	(void)set_page_dirty(t->q, page);
	assert_false(set_page_dirty(t->q, page));
	unlock_page(t->q, page);
	testbox_verify(t);
	/* Reclaim takes it and leaves a shadow. */
	lock_page(t->q, page);
	assert_true(clear_page_dirty_for_io(t->q, page));
	spin_lock(t->q, &m->i_pages_lock);
	__delete_from_page_cache(t->q, page, xa_mk_value(77));
	spin_unlock(t->q, &m->i_pages_lock);
	unlock_page(t->q, page);
	put_page(t->q, page);
	put_page(t->q, page);
	assert_int_equal(m->nrexceptional, 1);
	assert_null(find_get_page(t->q, m, 3));
	testbox_verify(t);
	/* And a page comes back in its place. */
	assert_int_equal(add_to_page_cache_lru(t->q, other, m, 3, GFP_KERNEL), 0);
	assert_int_equal(m->nrexceptional, 0);
	SetPageUptodate(other);
	unlock_page(t->q, other);
	put_page(t->q, other);
	remove_file(t, file);
}

static void test_tree(void **state)
{
	(void)state;
	run(tree);
}

static void verifier(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 100 * PAGE_SIZE);
	struct inode *inode = file->f_inode;
	struct address_space *m = &inode->i_data;
	struct pglist_data *pgdat = NODE_DATA(t->q, 0);
	struct disk_extent *e;
	struct page *page;

	(void)arg;
	assert_int_equal(generic_file_write(t->q, file, 0, 10 * PAGE_SIZE), 10 * PAGE_SIZE);
	lru_add_drain_all(t->q);
	page = find_get_page(t->q, m, 5);
	page->index = 6;
	testbox_verify_reports(t, "does not say so");
	page->index = 5;
	m->nrpages++;
	testbox_verify_reports(t, "counts 11 pages");
	m->nrpages--;
	m->nrexceptional++;
	testbox_verify_reports(t, "and 1 values");
	m->nrexceptional--;
	xa_clear_mark(&m->i_pages, 5, PAGECACHE_TAG_DIRTY);
	testbox_verify_reports(t, "dirty mark");
	xa_set_mark(&m->i_pages, 5, PAGECACHE_TAG_DIRTY);
	xa_set_mark(&m->i_pages, 5, PAGECACHE_TAG_WRITEBACK);
	testbox_verify_reports(t, "writeback mark");
	xa_clear_mark(&m->i_pages, 5, PAGECACHE_TAG_WRITEBACK);
	m->i_pages.xa_marks ^= 1;
	testbox_verify_reports(t, "is malformed");
	m->i_pages.xa_marks ^= 1;
	m->swap_backed = true;
	testbox_verify_reports(t, "and swap");
	m->swap_backed = false;
	mod_node_page_state(pgdat, NR_FILE_PAGES, 1);
	testbox_verify_reports(t, "nr_file_pages");
	mod_node_page_state(pgdat, NR_FILE_PAGES, -1);
	mod_node_page_state(pgdat, NR_SHMEM, 1);
	testbox_verify_reports(t, "nr_shmem");
	mod_node_page_state(pgdat, NR_SHMEM, -1);
	mod_node_page_state(pgdat, NR_FILE_DIRTY, 1);
	testbox_verify_reports(t, "nr_dirty");
	testbox_verify_reports(t, "nr_zone_write_pending");
	mod_node_page_state(pgdat, NR_FILE_DIRTY, -1);
	mod_node_page_state(pgdat, NR_WRITEBACK, -1);
	testbox_verify_reports(t, "nr_writeback");
	mod_node_page_state(pgdat, NR_WRITEBACK, 1);
	inode->i_state |= I_SYNC;
	testbox_verify_reports(t, "is on the dirty list");
	inode->i_state &= ~(I_SYNC | I_DIRTY);
	testbox_verify_reports(t, "is dirty, inode");
	inode->i_state |= I_DIRTY;
	e = list_first_entry(&inode->i_extents, struct disk_extent, list);
	e->index++;
	testbox_verify_reports(t, "have a gap");
	e->index--;
	t->sb->nr_blocks = 1;
	testbox_verify_reports(t, "beyond the device's end");
	t->sb->nr_blocks = 0;
	t->sb->nr_inodes++;
	testbox_verify_reports(t, "inodes counted");
	t->sb->nr_inodes--;
	put_page(t->q, page);
	testbox_verify(t);
	remove_file(t, file);
}

static void test_verifier(void **state)
{
	(void)state;
	run(verifier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	  cmocka_unit_test(test_readahead),
		cmocka_unit_test(test_io_errors), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_verifier),  cmocka_unit_test(test_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
