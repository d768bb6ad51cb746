/* SPDX-License-Identifier: MIT */
/*
 * Dirty pages: the limits, background writeback, aging, throttling, fsync and
 * sync, writeback asked for by reclaim.
 */
#include "tests/lib/testlib.h"
#include "cache/internal.h"

#define MB_PAGES(mb) ((u64)(mb) << (20 - PAGE_SHIFT))

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {256}, .disk = true});

	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static struct file *make_file(struct testbox *t, struct super_block *sb)
{
	struct inode *inode = new_inode(t->q, sb, 0, false);
	struct file *file;

	assert_false(IS_ERR(inode));
	file = alloc_file(t->q, inode, true);
	assert_non_null(file);
	iput(t->q, inode);
	return file;
}

static void write_pages(struct testbox *t, struct file *file, u64 index, u64 nr)
{
	assert_int_equal(generic_file_write(t->q, file, index * PAGE_SIZE, nr * PAGE_SIZE),
			 nr * PAGE_SIZE);
}

static unsigned long nr_dirty(struct testbox *t)
{
	return global_node_page_state(t->q, NR_FILE_DIRTY);
}

static void limits(struct testbox *t, void *arg)
{
	struct cache_floor *c = t->q->cache;
	unsigned long bg, thresh, available;

	(void)arg;
	available = global_zone_page_state(t->q, NR_FREE_PAGES);
	available -= min(available, t->q->node->totalreserve_pages);
	available += global_node_page_state(t->q, NR_INACTIVE_FILE) +
		     global_node_page_state(t->q, NR_ACTIVE_FILE) + 1;
	global_dirty_limits(t->q, &bg, &thresh);
	assert_int_equal(bg, available * (10 * 4096 / 100) / 4096);
	assert_int_equal(thresh, available * (20 * 4096 / 100) / 4096);
	/* A background above the limit is half of it. */
	c->dirty_background_ratio = 50;
	global_dirty_limits(t->q, &bg, &thresh);
	assert_int_equal(bg, thresh / 2);
	c->dirty_bytes = 1000001;
	c->dirty_background_bytes = 4097;
	global_dirty_limits(t->q, &bg, &thresh);
	assert_int_equal(thresh, 245);
	assert_int_equal(bg, 2);
}

/* Nothing but time makes a few pages go. */
static void ages(struct testbox *t, void *arg)
{
	struct file *old = make_file(t, t->sb), *new = make_file(t, t->sb);

	(void)arg;
	write_pages(t, old, 0, 100);
	assert_int_equal(global_node_page_state(t->q, NR_DIRTIED), 100);
	sleep_ns(t->q, 20 * NSEC_PER_SEC);
	write_pages(t, new, 0, 50);
	assert_int_equal(nr_dirty(t), 150);
	sleep_ns(t->q, 17 * NSEC_PER_SEC);
	/* Expired after 30 s, seen by the next round of 5 s. */
	assert_int_equal(nr_dirty(t), 50);
	assert_int_equal(global_node_page_state(t->q, NR_WRITTEN), 100);
	assert_int_equal(t->bdi->pages_write, 100);
	assert_int_equal(t->bdi->ios_write, 2);
	sleep_ns(t->q, 20 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 0);
	assert_true(list_empty(&t->bdi->b_dirty));
	/* A page redirtied later is as old as that. */
	write_pages(t, old, 3, 1);
	sleep_ns(t->q, 29 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 1);
	sleep_ns(t->q, 8 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 0);
	assert_int_equal(global_vm_event(t->q, PGPGOUT), 151 * SECTORS_PER_PAGE);
	fput(t->q, old);
	fput(t->q, new);
}

static void background(struct testbox *t, void *arg)
{
	struct file *file = make_file(t, t->sb);
	unsigned long bg, thresh;

	(void)arg;
	global_dirty_limits(t->q, &bg, &thresh);
	write_pages(t, file, 0, bg - 200);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), bg - 200);
	/* Over it: the flusher writes until under it, not all. */
	write_pages(t, file, bg - 200, 3000);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_in_range(nr_dirty(t), 1, bg);
	/* Reclaim asks: all goes. */
	wakeup_flushers(t->q);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 0);
	fput(t->q, file);
}

/* A device of 20 MB/s: who writes 120 MB through 256 MB of memory must wait. */
static void throttling(struct testbox *t, void *arg)
{
	struct model_disk_config slow = {.name = "sda",
					 .size_bytes = 1UL << 30,
					 .read_latency_ns = NSEC_PER_MSEC,
					 .write_latency_ns = NSEC_PER_MSEC,
					 .bandwidth = 20 << 20,
					 .queue_depth = 4};
	struct backing_dev *bdi = bdi_register(t->q, model_add_disk(t->m, &slow), "sda");
	unsigned long bg, thresh, most = 0;
	struct super_block *sb;
	struct file *file;
	u64 start, took;

	(void)arg;
	assert_non_null(bdi);
	sb = sget(t->q, bdi, t->q->cache->ext4_inode_cachep);
	assert_non_null(sb);
	file = make_file(t, sb);
	start = quire_clock(t->q);
	for (u64 i = 0; i < MB_PAGES(120); i += 64) {
		unsigned long dirty;

		write_pages(t, file, i, 64);
		dirty = nr_dirty(t) + global_node_page_state(t->q, NR_WRITEBACK);
		global_dirty_limits(t->q, &bg, &thresh);
		assert_true(dirty <= thresh + 128);
		most = max(most, dirty);
	}
	took = quire_clock(t->q) - start;
	assert_true(most > (bg + thresh) / 2);
	/* What is not dirty any more passed the wire, at its speed. */
	assert_true(took >= (120 - 60) * NSEC_PER_SEC / 20);
	assert_true(took <= 120 * NSEC_PER_SEC / 20 + NSEC_PER_SEC);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_int_equal(nr_dirty(t), 0);
	/* The estimate, a mean over 3 s, has come from 100 MB/s to near 20. */
	assert_in_range(bdi->write_bandwidth, MB_PAGES(19), MB_PAGES(36));
	fput(t->q, file);
}

static void syncs(struct testbox *t, void *arg)
{
	struct file *a = make_file(t, t->sb), *b = make_file(t, t->sb);

	(void)arg;
	write_pages(t, a, 0, 200);
	write_pages(t, b, 0, 100);
	assert_int_equal(vfs_fsync(t->q, a), 0);
	assert_int_equal(nr_dirty(t), 100);
	assert_int_equal(global_node_page_state(t->q, NR_WRITEBACK), 0);
	/* What a device holds after fsync is what was written. */
	for (unsigned long i = 0; i < 200; i++)
		assert_int_equal(model_disk_content(t->m, t->dev, inode_block(a->f_inode, i)),
				 CONTENT(CONTENT_SAME, file_page_content(a->f_inode->i_ino, i, 1)));
	sync_filesystems(t->q);
	assert_int_equal(nr_dirty(t), 0);
	assert_int_equal(global_node_page_state(t->q, NR_WRITEBACK), 0);
	assert_int_equal(global_node_page_state(t->q, NR_WRITTEN), 300);
	/* A page dirtied while it is written is written again. */
	write_pages(t, a, 0, 1);
	assert_int_equal(vfs_fsync(t->q, a), 0);
	assert_int_equal(global_node_page_state(t->q, NR_WRITTEN), 301);
	fput(t->q, a);
	fput(t->q, b);
}

/* One page, as reclaim writes it; it comes to the inactive list's tail. */
static void pageout(struct testbox *t, void *arg)
{
	struct file *file = make_file(t, t->sb);
	struct address_space *m = &file->f_inode->i_data;
	unsigned long rotated = global_vm_event(t->q, PGROTATED);
	struct page *page;

	(void)arg;
	write_pages(t, file, 0, 40);
	lru_add_drain_all(t->q);
	page = find_get_page(t->q, m, 20);
	lock_page(t->q, page);
	SetPageReclaim(page);
	assert_int_equal(m->a_ops->writepage(t->q, page), 0);
	assert_true(PageWriteback(page) && !PageDirty(page) && !PageLocked(page));
	assert_int_equal(nr_dirty(t), 39);
	assert_false(try_to_free_buffers(t->q, page));
	wait_on_page_writeback(t->q, page);
	lru_add_drain_all(t->q);
	assert_int_equal(global_vm_event(t->q, PGROTATED), rotated + 1);
	assert_true(NODE_DATA(t->q, 0)->__lruvec.lists[LRU_INACTIVE_FILE].prev == &page->lru);
	lock_page(t->q, page);
	assert_true(try_to_free_buffers(t->q, page));
	unlock_page(t->q, page);
	put_page(t->q, page);
	/* Truncation while dirty: nothing is written, nothing is left. */
	truncate_setsize(t->q, file->f_inode, 0);
	assert_int_equal(nr_dirty(t), 0);
	assert_int_equal(m->nrpages, 0);
	fput(t->q, file);
}

#define TEST(name)                            \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run(name);                    \
	}
TEST(limits)
TEST(ages)
TEST(background)
TEST(throttling)
TEST(syncs)
TEST(pageout)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_ages),
		cmocka_unit_test(test_background), cmocka_unit_test(test_throttling),
		cmocka_unit_test(test_syncs),	   cmocka_unit_test(test_pageout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
