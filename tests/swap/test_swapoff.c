/* SPDX-License-Identifier: MIT */
/*
 * swapoff(): private pages, those shared since a fork, shmem and what zswap holds
 * come back whole; the area can be used again; failures leave it on.
 */
#include <string.h>

#include "swap/internal.h"
#include "tests/verify/break.h"

#define PAGES 600UL

static const char *area_name(struct testbox *t)
{
	return t->q->swap->info[0]->name;
}

static void fill(struct testbox *t, struct task *task, u64 addr, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		touch(t, task, addr + i * PAGE_SIZE, 1, 100 + i);
}

static void check(struct testbox *t, struct task *task, u64 addr, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++) {
		touch(t, task, addr + i * PAGE_SIZE, 1, 0);
		assert_int_equal(peek(t, task, addr + i * PAGE_SIZE),
				 CONTENT(CONTENT_SAME, 100 + i));
	}
}

static void page_out(struct testbox *t, struct task *task, u64 addr, unsigned long n)
{
	for (int i = 0; i < 3; i++) {
		lru_add_drain_all(t->q);
		assert_int_equal(do_madvise(t->q, task->mm, addr, n * PAGE_SIZE, MADV_PAGEOUT), 0);
		sleep_ns(t->q, NSEC_PER_SEC);
	}
}

static u64 map_shared(struct testbox *t, struct task *task, unsigned long n)
{
	u64 addr = do_mmap(t->q, task->mm, 0, n << PAGE_SHIFT, RW, MAP_SHARED | MAP_ANONYMOUS, NULL,
			   0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static void off_fn(struct testbox *t, __unused void *arg)
{
	struct swap_floor *swap = t->q->swap;
	struct backing_dev *bdi = swap->info[0]->bdi;
	u64 addr = map_anon(t, t->task, PAGES), shm = map_shared(t, t->task, PAGES);
	unsigned long slots = swap->info[0]->max;
	struct task *child;
	char name[64];

	memcpy(name, area_name(t), sizeof(name));
	fill(t, t->task, addr, PAGES);
	fill(t, t->task, shm, PAGES);
	page_out(t, t->task, addr, PAGES);
	page_out(t, t->task, shm, PAGES);
	assert_true(rss(t->task, MM_SWAPENTS) > PAGES / 2);
	child = fork_task(t, t->task);
	assert_int_equal(rss(child, MM_SWAPENTS), rss(t->task, MM_SWAPENTS));
	testbox_verify(t);
	assert_int_equal(swapoff(t->q, "/dev/none"), -EINVAL);
	assert_int_equal(swapoff(t->q, name), 0);
	testbox_verify(t);
	assert_int_equal(rss(t->task, MM_SWAPENTS), 0);
	assert_int_equal(rss(child, MM_SWAPENTS), 0);
	assert_int_equal(swap->total_swap_pages, 0);
	assert_int_equal(swap->nr_swap_pages, 0);
	assert_int_equal(swapoff(t->q, name), -EINVAL);
	check(t, t->task, addr, PAGES);
	check(t, t->task, shm, PAGES);
	check(t, child, addr, PAGES);
	end_child(t, child);
	/* On again, in the same place. */
	assert_int_equal(swapon(t->q, bdi, 0, slots, -1, name, false), 0);
	assert_int_equal(swap->nr_swapfiles, 1);
	assert_int_equal(swap->info[0]->prio, -2);
	page_out(t, t->task, addr, PAGES);
	assert_true(rss(t->task, MM_SWAPENTS) > PAGES / 2);
	testbox_verify(t);
	check(t, t->task, addr, PAGES);
}

/* pmem: what goes out is out at once; else it waits in the swap cache. */
static void run(void (*fn)(struct testbox *t, void *arg), bool zswap, bool pmem)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.node_mb = {64}, .swap_mb = 64, .swap_pmem = pmem});

	assert_non_null(t);
	zswap_params(t->q)->enabled = zswap;
	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void test_off(__unused void **state)
{
	run(off_fn, false, false);
	run(off_fn, false, true);
}

static void test_zswap(__unused void **state)
{
	run(off_fn, true, true);
}

/* Memory runs out on the way: the area is in use again, and all is well. */
static void no_memory_fn(struct testbox *t, __unused void *arg)
{
	u64 addr = map_anon(t, t->task, PAGES);
	unsigned long swapped;

	fill(t, t->task, addr, PAGES);
	page_out(t, t->task, addr, PAGES);
	swapped = rss(t->task, MM_SWAPENTS);
	assert_true(swapped > PAGES / 2);
	testbox_fail_all_allocs(t);
	assert_int_equal(swapoff(t->q, area_name(t)), -ENOMEM);
	testbox_fail_alloc(t, 0);
	testbox_verify(t);
	assert_true(t->q->swap->info[0]->writeok);
	assert_true(t->q->swap->total_swap_pages > 0);
	check(t, t->task, addr, PAGES);
	/* More than could be promised. */
	t->q->space->overcommit_memory = 2;
	t->q->space->overcommit_ratio = 0;
	assert_int_equal(swapoff(t->q, area_name(t)), -ENOMEM);
	t->q->space->overcommit_memory = 0;
	t->q->space->overcommit_ratio = 50;
	testbox_verify(t);
}

static void test_no_memory(__unused void **state)
{
	run(no_memory_fn, false, true);
}

static void break_fn(struct testbox *t, __unused void *arg)
{
	struct swap_info_struct *si = t->q->swap->info[0];

	assert_int_equal(swapoff(t->q, area_name(t)), 0);
	testbox_verify(t);
	BREAK(t, si->map_pages, (u8 **)&si, "swap: area 0 is off and not empty");
	BREAK(t, t->q->swap->nr_swapfiles, 2, "swap: 1 areas");
}

static void test_break(__unused void **state)
{
	run(break_fn, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_zswap),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
