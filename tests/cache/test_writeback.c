/* SPDX-License-Identifier: MIT */
/*
 * Dirty pages: the limits, background writeback, aging, throttling, fsync and
 * sync, writeback asked for by reclaim; devices' shares, a stalled one.
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
	struct file *old = testbox_file(t, t->sb, 0), *new = testbox_file(t, t->sb, 0);

	(void)arg;
	/* A device that wrote nothing lately has no share of the threshold: what is dirty
	 * goes with the flusher's next round, after 5 s. */
	write_pages(t, old, 0, 100);
	sleep_ns(t->q, 4 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 100);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 0);
	/* From now on it has had all for an age. */
	t->bdi->wb.completions.events = t->q->cache->wb.events = 1UL << 40;
	write_pages(t, old, 0, 100);
	assert_int_equal(global_node_page_state(t->q, NR_DIRTIED), 200);
	sleep_ns(t->q, 20 * NSEC_PER_SEC);
	write_pages(t, new, 0, 50);
	assert_int_equal(nr_dirty(t), 150);
	sleep_ns(t->q, 17 * NSEC_PER_SEC);
	/* Expired after 30 s, seen by the next round of 5 s. */
	assert_int_equal(nr_dirty(t), 50);
	assert_int_equal(global_node_page_state(t->q, NR_WRITTEN), 200);
	assert_int_equal(t->bdi->pages_write, 200);
	assert_int_equal(t->bdi->ios_write, 4);
	sleep_ns(t->q, 20 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 0);
	assert_true(list_empty(&t->bdi->wb.b_dirty));
	/* A page redirtied later is as old as that. */
	write_pages(t, old, 3, 1);
	sleep_ns(t->q, 29 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 1);
	sleep_ns(t->q, 8 * NSEC_PER_SEC);
	assert_int_equal(nr_dirty(t), 0);
	assert_int_equal(global_vm_event(t->q, PGPGOUT), 251 * SECTORS_PER_PAGE);
	fput(t->q, old);
	fput(t->q, new);
}

static void background(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 0);
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
	file = testbox_file(t, sb, 0);
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
	/* The estimate, a mean over 4 s, has come from 100 MB/s to near 20. */
	assert_in_range(bdi->wb.write_bandwidth, MB_PAGES(19), MB_PAGES(45));
	fput(t->q, file);
}

static void syncs(struct testbox *t, void *arg)
{
	struct file *a = testbox_file(t, t->sb, 0), *b = testbox_file(t, t->sb, 0);

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
	struct file *file = testbox_file(t, t->sb, 0);
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

/* ---- two devices ------------------------------------------------------------- */

struct writer {
	struct testbox *t;
	struct file *file;
	u64 written, until; /* pages; ns */
	bool done;
};

/* A disk of 200 MB/s with a file system. */
static struct super_block *add_disk(struct testbox *t, const char *name, struct backing_dev **bdi,
				    unsigned int *dev)
{
	struct model_disk_config cfg = {.name = name,
					.size_bytes = 4UL << 30,
					.read_latency_ns = 100 * NSEC_PER_USEC,
					.write_latency_ns = 100 * NSEC_PER_USEC,
					.bandwidth = 200 << 20,
					.queue_depth = 32};
	struct super_block *sb;

	*dev = model_add_disk(t->m, &cfg);
	*bdi = bdi_register(t->q, *dev, name);
	assert_non_null(*bdi);
	sb = sget(t->q, *bdi, t->q->cache->ext4_inode_cachep);
	assert_non_null(sb);
	return sb;
}

/* Over and over the same 100 MB: new dirty pages all the time. */
static void write_on(void *arg)
{
	struct writer *w = arg;
	u64 at = 0;

	while (quire_clock(w->t->q) < w->until) {
		s64 n = generic_file_write(w->t->q, w->file, at * PAGE_SIZE, 16 * PAGE_SIZE);

		if (n <= 0)
			break;
		w->written += (u64)n / PAGE_SIZE;
		at = (at + 16) % MB_PAGES(100);
	}
	w->done = true;
}

/* Pages that a writer to the sound disk gets done in 10 s, after 10 more. */
static u64 sound_writer(struct testbox *t, u64 stall_ns, bool strict, struct writer *ill,
			struct backing_dev **ill_bdi)
{
	struct backing_dev *bdi;
	unsigned int dev, ill_dev;
	struct super_block *sb = add_disk(t, "sda", &bdi, &dev);
	struct super_block *ill_sb = add_disk(t, "sdb", ill_bdi, &ill_dev);
	u64 now = quire_clock(t->q), before;
	struct writer sound = {
		.t = t, .file = testbox_file(t, sb, 0), .until = now + 20 * NSEC_PER_SEC};

	bdi->strict_limit = (*ill_bdi)->strict_limit = strict;
	*ill = (struct writer){.t = t, .file = testbox_file(t, ill_sb, 0), .until = sound.until};
	assert_non_null(model_spawn(t->m, "sound", write_on, &sound, NULL, -1));
	if (stall_ns) {
		assert_non_null(model_spawn(t->m, "ill", write_on, ill, NULL, -1));
		sleep_ns(t->q, NSEC_PER_SEC);
		model_disk_set_faults(t->m, ill_dev,
				      &(struct model_disk_faults){.stalled_until = now + stall_ns});
		sleep_ns(t->q, 9 * NSEC_PER_SEC);
	} else {
		sleep_ns(t->q, 10 * NSEC_PER_SEC);
	}
	before = sound.written;
	ill->written = 0;
	sleep_ns(t->q, 9 * NSEC_PER_SEC);
	before = sound.written - before;
	while (!sound.done || (stall_ns && !ill->done))
		sleep_ns(t->q, NSEC_PER_SEC);
	fput(t->q, sound.file);
	fput(t->q, ill->file);
	return before;
}

static u64 alone_pages;

static void alone(struct testbox *t, void *arg)
{
	struct backing_dev *bdi;
	struct writer none;

	(void)arg;
	alone_pages = sound_writer(t, 0, false, &none, &bdi);
	/* Its disk's speed, or a little less. */
	assert_in_range(alone_pages, MB_PAGES(200) * 9 * 8 / 10, MB_PAGES(200) * 9 * 12 / 10);
}

/* A stalled disk stalls its writers, and nobody else, where shares are limits: that of
 * the other is all of it after some seconds. */
static void stalled(struct testbox *t, void *arg)
{
	struct backing_dev *bdi;
	struct writer ill;
	u64 pages;

	(void)arg;
	pages = sound_writer(t, 30 * NSEC_PER_SEC, true, &ill, &bdi);
	print_message("# alone %lu, beside a stalled disk %lu; its own writer %lu, asleep %lu ms\n",
		      (unsigned long)alone_pages, (unsigned long)pages, (unsigned long)ill.written,
		      (unsigned long)bdi->throttled_ticks * 4);
	assert_true(pages * 10 >= alone_pages * 8);
	/* A few pages between pauses of 200 ms, and no more. */
	assert_in_range(ill.written, 0, 4000);
	assert_true(bdi->throttled_ticks * 4 >= 5000);
}

/* As Linux is without that: the stalled disk's pages take all that may be dirty, and
 * others go on with the little that counts as nothing. */
static void stalled_takes_all(struct testbox *t, void *arg)
{
	struct backing_dev *bdi;
	struct writer ill;
	u64 pages;

	(void)arg;
	pages = sound_writer(t, 30 * NSEC_PER_SEC, false, &ill, &bdi);
	print_message("# alone %lu, beside a stalled disk %lu; its own writer %lu\n",
		      (unsigned long)alone_pages, (unsigned long)pages, (unsigned long)ill.written);
	assert_in_range(pages, 9 * 200, alone_pages);
	assert_true(ill.written * 10 < pages);
}

/* Shares of the limit go by what the devices write. */
static void shares(struct testbox *t, void *arg)
{
	struct backing_dev *fast, *slow;
	unsigned int dev, slow_dev;
	struct super_block *sb = add_disk(t, "sda", &fast, &dev),
			   *slow_sb = add_disk(t, "sdb", &slow, &slow_dev);
	u64 now = quire_clock(t->q);
	struct writer a = {.t = t,
			   .file = testbox_file(t, sb, 0),
			   .until = now + 20 * NSEC_PER_SEC},
		      b = {.t = t, .file = testbox_file(t, slow_sb, 0), .until = a.until};
	unsigned long bg, thresh;

	(void)arg;
	model_disk_set_faults(t->m, slow_dev, &(struct model_disk_faults){.slow_times = 4000});
	assert_non_null(model_spawn(t->m, "a", write_on, &a, NULL, -1));
	assert_non_null(model_spawn(t->m, "b", write_on, &b, NULL, -1));
	sleep_ns(t->q, 18 * NSEC_PER_SEC);
	global_dirty_limits(t->q, &bg, &thresh);
	print_message(
		"# pages a second %lu and %lu, shares %lu and %lu of %lu, written %lu and %lu\n",
		(unsigned long)fast->wb.avg_write_bandwidth,
		(unsigned long)slow->wb.avg_write_bandwidth,
		wb_calc_thresh(t->q, &fast->wb, thresh), wb_calc_thresh(t->q, &slow->wb, thresh),
		thresh, (unsigned long)a.written, (unsigned long)b.written);
	assert_true(fast->wb.avg_write_bandwidth > 2 * slow->wb.avg_write_bandwidth);
	assert_true(wb_calc_thresh(t->q, &fast->wb, thresh) >
		    2 * wb_calc_thresh(t->q, &slow->wb, thresh));
	assert_true(wb_calc_thresh(t->q, &fast->wb, thresh) +
			    wb_calc_thresh(t->q, &slow->wb, thresh) <=
		    thresh);
	assert_true(a.written > 2 * b.written);
	/* No more than it may have, and as much as it must. */
	fast->max_ratio = 10;
	assert_in_range(wb_calc_thresh(t->q, &fast->wb, thresh), 0, thresh / 10);
	fast->max_ratio = 100;
	while (!a.done || !b.done)
		sleep_ns(t->q, NSEC_PER_SEC);
	fput(t->q, a.file);
	fput(t->q, b.file);
}

/* A large file takes turns with a small one that came after it. */
static void turns(struct testbox *t, void *arg)
{
	struct file *large = testbox_file(t, t->sb, 0), *small = testbox_file(t, t->sb, 0);
	struct wb_work work = {.nr_pages = 3000, .dirtied_before = UINT64_MAX};

	(void)arg;
	t->q->cache->wb.dirty_limit = 8;
	write_pages(t, large, 0, 5000);
	sleep_ns(t->q, NSEC_PER_MSEC);
	write_pages(t, small, 0, 10);
	assert_true(wb_writeback(t->q, &t->bdi->wb, &work) >= 2048);
	assert_false(xa_marked(&small->f_inode->i_data.i_pages, PAGECACHE_TAG_DIRTY));
	assert_true(xa_marked(&large->f_inode->i_data.i_pages, PAGECACHE_TAG_DIRTY));
	assert_true(wb_has_dirty_io(&t->bdi->wb));
	t->bdi->wb.nr_reclaimable++;
	testbox_verify_reports(t, "nvme0n1 counts");
	t->bdi->wb.nr_reclaimable--;
	sync_filesystems(t->q);
	assert_false(wb_has_dirty_io(&t->bdi->wb));
	fput(t->q, large);
	fput(t->q, small);
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
TEST(alone)
TEST(stalled)
TEST(stalled_takes_all)
TEST(shares)
TEST(turns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_throttling),
		cmocka_unit_test(test_syncs),
		cmocka_unit_test(test_pageout),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_stalled),
		cmocka_unit_test(test_stalled_takes_all),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
