/* SPDX-License-Identifier: MIT */
/*
 * Memory hotplug: a block full of a process's pages goes offline and comes back,
 * also as movable memory in the midst of a zone; what was in it is as it was, zones,
 * marks and MemTotal follow; blocks with holes, with the kernel's pages or without
 * room elsewhere stay.
 */
#include "tests/space/space_test.h"
#include "proc/proc.h"
#include "reclaim/compaction.h"
#include "reclaim/memory_hotplug.h"

#include <quire/proc.h>
#include <string.h>

#define BLOCK "/sys/devices/system/memory/memory2/"

static struct testbox *box(void)
{
	return testbox_new(&(struct testbox_config){.node_mb = {512}, .cpus = 2, .disk = true});
}

static struct zone *dma32(struct testbox *t)
{
	return &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32];
}

static s64 put(struct testbox *t, const char *path, const char *value)
{
	return quire_proc_write(t->q, path, value, strlen(value));
}

static bool reads(struct testbox *t, const char *path, const char *value)
{
	char buf[64] = "";
	s64 n = quire_proc_read(t->q, path, buf, sizeof(buf) - 1);

	return n == (s64)strlen(value) && !strcmp(buf, value);
}

static void run_there_and_back(struct testbox *t, void *arg)
{
	unsigned long n = 300 * MB >> PAGE_SHIFT, present = dma32(t)->present_pages;
	unsigned long managed = dma32(t)->managed_pages, total = t->q->node->totalram_pages;
	unsigned long min = min_wmark_pages(dma32(t)), in_use = 0;
	u64 a = map_anon(t, t->task, n), want;

	(void)arg;
	touch(t, t->task, a, n, 7);
	want = peek(t, t->task, a + 12345 * PAGE_SIZE);
	for (u64 pfn = 2 * PAGES_PER_SECTION; pfn < 3 * PAGES_PER_SECTION; pfn++)
		in_use += page_mapped(pfn_to_page(t->q, pfn));
	assert_true(in_use > 1000);
	assert_true(reads(t, BLOCK "state", "online\n"));
	assert_true(put(t, BLOCK "state", "offline\n") > 0);
	assert_true(reads(t, BLOCK "state", "offline\n"));
	assert_true(reads(t, BLOCK "online", "0\n"));
	assert_int_equal(memory_block_state(t->q, 2), MEM_OFFLINE);
	assert_int_equal(dma32(t)->present_pages, present - PAGES_PER_SECTION);
	assert_int_equal(dma32(t)->managed_pages, managed - PAGES_PER_SECTION);
	assert_int_equal(t->q->node->totalram_pages, total - PAGES_PER_SECTION);
	assert_true(min_wmark_pages(dma32(t)) < min);
	assert_int_equal(mm_counter_exact(t->q, t->task->mm, MM_ANONPAGES), n + 1);
	assert_int_equal(peek(t, t->task, a + 12345 * PAGE_SIZE), want);
	testbox_verify(t);
	/* Twice is no error, as device_offline() has it; other words are. */
	assert_true(put(t, BLOCK "state", "offline") > 0);
	assert_int_equal(put(t, BLOCK "state", "gone"), -EINVAL);
	assert_true(put(t, BLOCK "online", "1") > 0);
	assert_int_equal(dma32(t)->managed_pages, managed);
	assert_int_equal(t->q->node->totalram_pages, total);
	/* min_free_kbytes is computed from what lies above the marks of before. */
	assert_in_range(min_wmark_pages(dma32(t)), min - min / 50, min + min / 50);
	testbox_verify(t);
	/* Its frames are handed out again. */
	touch(t, t->task, map_anon(t, t->task, n / 3), n / 3, 8);
	testbox_verify(t);
}

static void test_there_and_back(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_there_and_back, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void run_refused(struct testbox *t, void *arg)
{
	unsigned long managed = dma32(t)->managed_pages, n = 400 * MB >> PAGE_SHIFT;
	int err;

	(void)arg;
	assert_int_equal(memory_block_offline(t->q, 0), -EINVAL); /* the hole below 1 MiB */
	assert_int_equal(memory_block_offline(t->q, 3), -EBUSY);  /* the memory map */
	assert_int_equal(memory_block_offline(t->q, 99), -EINVAL);
	assert_int_equal(memory_block_online(t->q, 1, MMOP_ONLINE), -EINVAL);
	testbox_verify(t);
	/* There is nowhere to go, and no swap. */
	touch(t, t->task, map_anon(t, t->task, n), n, 3);
	err = memory_block_offline(t->q, 2);
	assert_true(err == -EBUSY || err == -ENOMEM);
	assert_int_equal(memory_block_state(t->q, 2), MEM_ONLINE);
	assert_int_equal(dma32(t)->managed_pages, managed);
	testbox_verify(t);
}

static void test_refused(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_refused, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static struct zone *movable(struct testbox *t)
{
	return &NODE_DATA(t->q, 0)->node_zones[ZONE_MOVABLE];
}

static struct zone *first_choice(struct testbox *t)
{
	return NODE_DATA(t->q, 0)->node_zonelists[ZONELIST_FALLBACK].zonerefs[0].zone;
}

/* A zone that boot did not make, in the midst of another, grows, shrinks, goes. */
static void run_movable(struct testbox *t, void *arg)
{
	unsigned long n = 200 * MB >> PAGE_SHIFT, in_movable = 0, managed = dma32(t)->managed_pages;
	u64 start = dma32(t)->zone_start_pfn, spanned = dma32(t)->spanned_pages, a, want;

	(void)arg;
	assert_int_equal(memory_block_offline(t->q, 2), 0);
	assert_int_equal(memory_block_online(t->q, 2, MMOP_ONLINE_MOVABLE), 0);
	assert_int_equal(movable(t)->zone_start_pfn, 2 * PAGES_PER_SECTION);
	assert_int_equal(movable(t)->managed_pages, PAGES_PER_SECTION);
	assert_int_equal(dma32(t)->managed_pages, managed - PAGES_PER_SECTION);
	assert_int_equal(dma32(t)->spanned_pages, spanned);
	assert_ptr_equal(first_choice(t), movable(t));
	assert_true(min_wmark_pages(movable(t)) > 0 && movable(t)->pageset_batch > 1);
	testbox_verify(t);
	/* What can move goes there first. */
	a = map_anon(t, t->task, n);
	touch(t, t->task, a, n, 9);
	want = peek(t, t->task, a + 777 * PAGE_SIZE);
	for (u64 pfn = 2 * PAGES_PER_SECTION; pfn < 3 * PAGES_PER_SECTION; pfn++)
		in_movable += page_mapped(pfn_to_page(t->q, pfn));
	assert_true(in_movable > PAGES_PER_SECTION / 2);
	testbox_verify(t);
	/* A second block, below the first: the span begins there now. */
	assert_int_equal(memory_block_offline(t->q, 1), 0);
	assert_int_equal(memory_block_online(t->q, 1, MMOP_ONLINE_MOVABLE), 0);
	assert_int_equal(movable(t)->zone_start_pfn, PAGES_PER_SECTION);
	assert_int_equal(movable(t)->spanned_pages, 2 * PAGES_PER_SECTION);
	testbox_verify(t);
	assert_int_equal(memory_block_offline(t->q, 2), 0);
	assert_int_equal(movable(t)->spanned_pages, PAGES_PER_SECTION);
	testbox_verify(t);
	assert_int_equal(memory_block_online(t->q, 2, MMOP_ONLINE_KERNEL), 0);
	assert_int_equal(dma32(t)->managed_pages, managed - PAGES_PER_SECTION);
	assert_int_equal(memory_block_offline(t->q, 1), 0);
	assert_int_equal(movable(t)->spanned_pages, 0);
	assert_int_equal(min_wmark_pages(movable(t)), 0);
	assert_ptr_equal(first_choice(t), dma32(t));
	assert_int_equal(memory_block_online(t->q, 1, MMOP_ONLINE), 0);
	assert_int_equal(dma32(t)->managed_pages, managed);
	assert_int_equal(dma32(t)->zone_start_pfn, start);
	assert_int_equal(peek(t, t->task, a + 777 * PAGE_SIZE), want);
	testbox_verify(t);
}

static void test_movable(void **state)
{
	struct testbox *t = box();

	(void)state;
	testbox_run(t, run_movable, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* What leaves goes to another node, though its own has room. */
static void run_other_node(struct testbox *t, void *arg)
{
	unsigned long n = 250 * MB >> PAGE_SHIFT, in_use = 0, moved = 0;
	u64 a = map_anon(t, t->task, n);

	(void)arg;
	touch(t, t->task, a, n, 7);
	for (u64 pfn = PAGES_PER_SECTION; pfn < 2 * PAGES_PER_SECTION; pfn++)
		in_use += page_mapped(pfn_to_page(t->q, pfn));
	assert_true(in_use > 1000);
	assert_int_equal(memory_block_offline(t->q, 1), 0);
	for (unsigned long i = 0; i < n; i++)
		moved += page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE)) == 1;
	assert_int_equal(moved, in_use);
	testbox_verify(t);
}

static void test_other_node(void **state)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.nr_nodes = 2, .node_mb = {512, 512}, .cpus = 1});

	(void)state;
	testbox_run(t, run_other_node, NULL);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_movable),
		cmocka_unit_test(test_other_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
