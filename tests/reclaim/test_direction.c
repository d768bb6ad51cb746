/* SPDX-License-Identifier: MIT */
/*
 * Which way the settings move the machine: one run with a value, one with
 * another, everything else the same.
 *
 *	vm.swappiness up		more goes to swap
 *	vm.min_free_kbytes up		kswapd wakes with more free
 *	zswap on			the swap device's writes at most halve
 *	memory.low			a group keeps its pages
 *	vm.dirty_ratio down		writers' pauses are shorter
 */
#include "tests/lib/testlib.h"

#define MB	 (1UL << 20)
#define MB_PAGES (MB >> PAGE_SHIFT)

struct run {
	/* What is set. */
	int swappiness;
	unsigned long min_free_kbytes, dirty_ratio, low_mb;
	bool zswap;
	/* What came of it. */
	unsigned long swapped, free_at_wake, kept;
	u64 longest_ns;
};

static void do_run(struct run *r, void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.node_mb = {256}, .disk = true, .swap_mb = 256});

	if (r->swappiness)
		t->q->reclaim->swappiness = r->swappiness;
	if (r->min_free_kbytes) {
		t->q->page->min_free_kbytes = r->min_free_kbytes;
		setup_per_zone_wmarks(t->q);
	}
	if (r->dirty_ratio) {
		t->q->cache->dirty_ratio = (unsigned int)r->dirty_ratio;
		t->q->cache->dirty_background_ratio = (unsigned int)r->dirty_ratio / 2;
		writeback_set_ratelimit(t->q);
	}
	zswap_params(t->q)->enabled = r->zswap;
	zswap_params(t->q)->max_pool_percent = 50;
	testbox_run(t, fn, r);
	testbox_verify(t);
	testbox_free(t);
}

static u64 map_anon(struct testbox *t, unsigned long mb)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, mb * MB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static void write_anon(struct testbox *t, u64 addr, unsigned long mb, unsigned int kind)
{
	struct touch touch = {.addr = addr,
			      .nr_pages = mb * MB_PAGES,
			      .stride = 1,
			      .write = true,
			      .kind = kind,
			      .seed = addr};

	assert_int_equal(mmu_touch(t->m, t->task, &touch), touch.nr_pages);
}

/* ---- swappiness ----------------------------------------------------------------- */

static void anon_and_cache(struct testbox *t, void *arg)
{
	struct run *r = arg;
	struct file *file = testbox_file(t, t->sb, 150 * MB);

	write_anon(t, map_anon(t, 120), 120, CONTENT_KIND_RANDOM);
	for (int i = 0; i < 6; i++)
		assert_int_equal(generic_file_read(t->q, file, 0, 150 * MB), 150 * MB);
	r->swapped = global_vm_event(t->q, PSWPOUT);
	fput(t->q, file);
}

static void test_swappiness(void **state)
{
	struct run low = {.swappiness = 10}, middle = {.swappiness = 60},
		   high = {.swappiness = 180};

	(void)state;
	do_run(&low, anon_and_cache);
	do_run(&middle, anon_and_cache);
	do_run(&high, anon_and_cache);
	print_message("# swapped: %lu, %lu, %lu\n", low.swapped, middle.swapped, high.swapped);
	assert_true(low.swapped < middle.swapped && middle.swapped < high.swapped);
}

/* ---- min_free_kbytes --------------------------------------------------------------- */

static void until_kswapd(struct testbox *t, void *arg)
{
	struct run *r = arg;
	u64 addr = map_anon(t, 300);

	for (unsigned long mb = 0; !global_vm_event(t->q, PAGEOUTRUN); mb++) {
		r->free_at_wake = global_zone_page_state(t->q, NR_FREE_PAGES);
		write_anon(t, addr + mb * MB, 1, CONTENT_KIND_HEAP);
	}
}

static void test_min_free_kbytes(void **state)
{
	struct run little = {0}, much = {.min_free_kbytes = 32768};

	(void)state;
	do_run(&little, until_kswapd);
	do_run(&much, until_kswapd);
	print_message("# free when kswapd woke: %lu, %lu pages\n", little.free_at_wake,
		      much.free_at_wake);
	assert_true(much.free_at_wake > little.free_at_wake + 2048);
}

/* ---- zswap ----------------------------------------------------------------------- */

static void beyond_memory(struct testbox *t, void *arg)
{
	struct run *r = arg;
	u64 addr = map_anon(t, 330);

	write_anon(t, addr, 330, CONTENT_KIND_HEAP);
	r->swapped = t->swap_bdi->pages_write;
	assert_int_equal(global_vm_event(t->q, OOM_KILL), 0);
}

static void test_zswap(void **state)
{
	struct run without = {0}, with = {.zswap = true};

	(void)state;
	do_run(&without, beyond_memory);
	do_run(&with, beyond_memory);
	print_message("# written to the device: %lu, with zswap %lu\n", without.swapped,
		      with.swapped);
	assert_true(without.swapped > 10000 && with.swapped * 2 <= without.swapped);
}

/* ---- memory.low -------------------------------------------------------------------- */

static void beside_a_group(struct testbox *t, void *arg)
{
	struct run *r = arg;
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, NULL, "db");
	struct file *mine = testbox_file(t, t->sb, 80 * MB),
		    *other = testbox_file(t, t->sb, 400 * MB);

	assert_false(IS_ERR(memcg));
	memcg->memory.low = (long)(r->low_mb * MB_PAGES);
	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
	assert_int_equal(generic_file_read(t->q, mine, 0, 80 * MB), 80 * MB);
	assert_int_equal(task_set_memcg(t->q, t->task, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(generic_file_read(t->q, other, 0, 400 * MB), 400 * MB);
	r->kept = (unsigned long)memcg->memory.usage;
	fput(t->q, mine);
	fput(t->q, other);
}

static void test_memory_low(void **state)
{
	struct run open = {0}, protected = {.low_mb = 100};

	(void)state;
	do_run(&open, beside_a_group);
	do_run(&protected, beside_a_group);
	print_message("# pages left to the group: %lu, protected %lu\n", open.kept, protected.kept);
	assert_true(open.kept < 40 * MB_PAGES);
	assert_true(protected.kept >= 78 * MB_PAGES);
}

/* ---- dirty_ratio ------------------------------------------------------------------- */

/* A program that writes logs and flushes them: how long the longest of both took. */
static void write_and_sync(struct testbox *t, void *arg)
{
	struct run *r = arg;
	struct model_disk_config slow = {.name = "sda",
					 .size_bytes = 1UL << 30,
					 .read_latency_ns = NSEC_PER_MSEC,
					 .write_latency_ns = NSEC_PER_MSEC,
					 .bandwidth = 20 << 20,
					 .queue_depth = 4};
	struct backing_dev *bdi = bdi_register(t->q, model_add_disk(t->m, &slow), "sda");
	struct file *file;

	assert_non_null(bdi);
	t->sb = sget(t->q, bdi, t->q->cache->ext4_inode_cachep);
	assert_non_null(t->sb);
	file = testbox_file(t, t->sb, 1 * MB);
	for (unsigned long i = 0; i < 120; i++) {
		u64 start = quire_clock(t->q);

		assert_int_equal(generic_file_write(t->q, file, i * MB, MB), MB);
		if (i % 30 == 29)
			assert_int_equal(vfs_fsync(t->q, file), 0);
		r->longest_ns = max(r->longest_ns, quire_clock(t->q) - start);
	}
	fput(t->q, file);
}

static void test_dirty_ratio(void **state)
{
	struct run low = {.dirty_ratio = 4}, high = {.dirty_ratio = 60};

	(void)state;
	do_run(&low, write_and_sync);
	do_run(&high, write_and_sync);
	print_message("# longest stall: %lu ms at 4 %%, %lu ms at 60 %%\n",
		      (unsigned long)(low.longest_ns / NSEC_PER_MSEC),
		      (unsigned long)(high.longest_ns / NSEC_PER_MSEC));
	assert_true(low.longest_ns * 2 < high.longest_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swappiness),  cmocka_unit_test(test_min_free_kbytes),
		cmocka_unit_test(test_zswap),	    cmocka_unit_test(test_memory_low),
		cmocka_unit_test(test_dirty_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
