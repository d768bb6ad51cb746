/* SPDX-License-Identifier: MIT */
/*
 * The MMU: touches fault pages in, set accessed and dirty bits, cost what the
 * frame's node costs, and find their contents again.
 */
#include "reclaim/numa.h"
#include "space/mempolicy.h"
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <string.h>

#define MIB (1UL << 20)

static u64 map(struct testbox *t, u64 bytes)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static pte_t pte_at(struct testbox *t, u64 addr)
{
	pte_t *ptep = pt_walk(t->q, t->task->mm->pgd_pfn, addr, 1);

	return ptep ? *ptep : 0;
}

static void contents(struct testbox *t, void *arg)
{
	u64 addr = map(t, 4 * MIB), content;
	struct touch w = {addr, 1024, 1, true, CONTENT_KIND_TEXT, 77, 0, NULL};
	unsigned long rss, flt = t->task->min_flt;

	(void)arg;
	sync_mm_rss(t->task);
	rss = get_mm_rss(t->task->mm);
	assert_false(mmu_peek(t->m, t->task, addr, &content));
	assert_int_equal(mmu_touch(t->m, t->task, &w), 1024);
	sync_mm_rss(t->task);
	assert_int_equal(get_mm_rss(t->task->mm), rss + 1024);
	assert_true(t->task->min_flt >= flt + 1024);
	for (u64 i = 0; i < 1024; i++) {
		assert_true(mmu_peek(t->m, t->task, addr + (i << PAGE_SHIFT), &content));
		assert_int_equal(content,
				 CONTENT(CONTENT_KIND_TEXT, 77 + (addr >> PAGE_SHIFT) + i));
	}
	/* Every second page gets a word; those between keep what they have. */
	w = (struct touch){addr, 512, 2, true, CONTENT_SAME, 5, 0, NULL};
	flt = t->task->min_flt;
	assert_int_equal(mmu_touch(t->m, t->task, &w), 512);
	assert_int_equal(t->task->min_flt, flt);
	assert_true(mmu_peek(t->m, t->task, addr, &content));
	assert_int_equal(content, CONTENT(CONTENT_SAME, 5));
	assert_true(mmu_peek(t->m, t->task, addr + PAGE_SIZE, &content));
	assert_int_equal(CONTENT_KIND(content), CONTENT_KIND_TEXT);
}

static void bits(struct testbox *t, void *arg)
{
	u64 addr = map(t, MIB);
	struct touch r = {addr, 16, 1, false, 0, 0, 0, NULL},
		     w = {addr, 16, 1, true, CONTENT_KIND_HEAP, 1, 0, NULL};
	pte_t *ptep;

	(void)arg;
	/* A read of untouched memory: the zero page, read-only and clean. */
	assert_int_equal(mmu_touch(t->m, t->task, &r), 16);
	assert_true(pte_young(pte_at(t, addr)));
	assert_false(pte_dirty(pte_at(t, addr)));
	assert_false(pte_write(pte_at(t, addr)));
	assert_true(pte_special(pte_at(t, addr)));
	/* A write breaks it. */
	assert_int_equal(mmu_touch(t->m, t->task, &w), 16);
	assert_true(pte_write(pte_at(t, addr)) && pte_dirty(pte_at(t, addr)));
	assert_false(pte_special(pte_at(t, addr)));
	/* Cleared bits come back, once the TLB has forgotten. */
	ptep = pt_walk(t->q, t->task->mm->pgd_pfn, addr, 1);
	*ptep &= ~(_PAGE_ACCESSED | _PAGE_DIRTY);
	assert_int_equal(mmu_touch(t->m, t->task, &w), 16);
	assert_false(pte_young(*ptep));
	t->q->port->tlb_flush(t->m, t->task->mm, addr, addr + PAGE_SIZE);
	r.nr_pages = 1;
	assert_int_equal(mmu_touch(t->m, t->task, &r), 1);
	assert_true(pte_young(*ptep));
	assert_false(pte_dirty(*ptep));
	assert_int_equal(mmu_touch(t->m, t->task, &w), 16);
	assert_true(pte_dirty(*ptep));
}

static void random_touches(struct testbox *t, void *arg)
{
	u64 addr = map(t, 8 * MIB);
	struct touch w = {addr, 2048, 1, true, CONTENT_KIND_CODE, 3, 0, NULL};

	(void)arg;
	assert_int_equal(mmu_touch_random(t->m, t->task, &w, 20000, &t->rng), 20000);
	/* All but a share of e^-9.8. */
	sync_mm_rss(t->task);
	assert_in_range(get_mm_rss(t->task->mm), 2040, 2200);
}

static void cost(struct testbox *t, void *arg)
{
	u64 addr = map(t, MIB), start;
	struct touch w = {addr, 256, 1, true, CONTENT_KIND_HEAP, 3, 0, NULL};
	unsigned int cpu_node = cpu_to_node(t->q, smp_processor_id(t->q)), node;
	u64 latency;

	(void)arg;
	mmu_touch(t->m, t->task, &w);
	/* Start a fresh quantum, or a yield may move us. */
	sleep_ns(t->q, NSEC_PER_MSEC);
	cpu_node = cpu_to_node(t->q, smp_processor_id(t->q));
	node = page_to_nid(pfn_to_page(t->q, pte_pfn(pte_at(t, addr))));
	latency = node == cpu_node ? 70 : 130;
	mmu_touch(t->m, t->task, &w); /* the TLB is warm */
	start = quire_clock(t->q);
	mmu_touch(t->m, t->task, &w);
	assert_int_equal(quire_clock(t->q) - start, 256 * latency);
}

/* ns that so many random touches take, with the TLB of little use. */
static u64 random_time(struct testbox *t, u64 addr, unsigned long pages)
{
	struct touch w = {addr, pages, 1, false, 0, 0, 0, NULL};
	u64 start;

	sleep_ns(t->q, NSEC_PER_MSEC);
	start = quire_clock(t->q);
	assert_int_equal(mmu_touch_random(t->m, t->task, &w, 4000, &t->rng), 4000);
	return quire_clock(t->q) - start;
}

/* Pages came to the node where the task runs, their tables stayed where they were made. */
static void tables(struct testbox *t, void *arg)
{
	unsigned int here = cpu_to_node(t->q, smp_processor_id(t->q));
	struct mempolicy far = {.mode = MPOL_BIND}, none = {.mode = MPOL_DEFAULT};
	nodemask_t to = {{1UL << here}}, from = {{2UL >> here}};
	unsigned long pages = 8192;
	u64 a = map(t, 34 * MIB), b = map(t, 34 * MIB), near, away;
	struct touch w = {ALIGN(a, 2 * MIB), pages, 1, true, CONTENT_KIND_HEAP, 3, 0, NULL};

	(void)arg;
	mmu_touch(t->m, t->task, &w); /* all of it, and its tables, here */
	node_set(&far.nodes, !here);
	assert_int_equal(set_mempolicy(t->q, t->task, &far), 0);
	w.addr = ALIGN(b, 2 * MIB);
	mmu_touch(t->m, t->task, &w);
	assert_int_equal(set_mempolicy(t->q, t->task, &none), 0);
	assert_int_equal(do_migrate_pages(t->q, t->task->mm, &from, &to, MPOL_MF_MOVE_ALL), 0);
	for (unsigned long i = 0; i < pages; i += 100) {
		assert_int_equal(
			page_to_nid(pfn_to_page(t->q, pte_pfn(pte_at(t, w.addr + i * 4096)))),
			here);
		assert_int_equal(page_to_nid(virt_to_page(t->q, pt_walk(t->q, t->task->mm->pgd_pfn,
									w.addr + i * 4096, 1))),
				 !here);
	}
	near = random_time(t, ALIGN(a, 2 * MIB), pages);
	away = random_time(t, w.addr, pages);
	/* 70 + 25 ns, and 60 more for each walk: most touches need one. */
	assert_in_range(near / 4000, 85, 96);
	assert_in_range((away - near) / 4000, 50, 60);
	/* One after the other eight entries share a line. */
	w.write = false;
	sleep_ns(t->q, NSEC_PER_MSEC);
	away = quire_clock(t->q);
	mmu_touch(t->m, t->task, &w);
	assert_in_range((quire_clock(t->q) - away) / pages, 95 + 60 / 8, 96 + 60 / 8 + 1);
}

static void dies_outside(struct testbox *t, void *arg)
{
	struct touch w = {map(t, MIB), 512, 1, true, CONTENT_KIND_HEAP, 3, 0, NULL};

	/* 1 MiB of 2: the rest is unmapped unless something lies there. */
	(void)arg;
	w.addr = 0x10000;
	assert_int_equal(mmu_touch(t->m, t->task, &w), 0);
	assert_true(fatal_signal_pending(t->task));
}

static void run_one(void (*fn)(struct testbox *t, void *arg), unsigned int nodes)
{
	testbox_once(&(struct testbox_config){.nr_nodes = nodes}, fn);
}

static void test_contents(void **state)
{
	(void)state;
	run_one(contents, 1);
}

static void test_accessed_and_dirty_bits(void **state)
{
	(void)state;
	run_one(bits, 1);
}

static void test_random_touches(void **state)
{
	(void)state;
	run_one(random_touches, 2);
}

static void test_cost_follows_the_node(void **state)
{
	(void)state;
	run_one(cost, 2);
}

static void test_cost_follows_the_tables(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){.nr_nodes = 2, .cpus = 1}, tables);
}

static void test_segmentation_fault(void **state)
{
	(void)state;
	run_one(dies_outside, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_accessed_and_dirty_bits),
		cmocka_unit_test(test_random_touches),
		cmocka_unit_test(test_cost_follows_the_node),
		cmocka_unit_test(test_cost_follows_the_tables),
		cmocka_unit_test(test_segmentation_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
