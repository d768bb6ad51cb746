/* SPDX-License-Identifier: MIT */
/*
 * What the tests of space/ share: short names for the calls they make most.
 */
#ifndef QUIRE_SPACE_TEST_H
#define QUIRE_SPACE_TEST_H

#include "tests/lib/testlib.h"
#include "space/internal.h"

#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MB   (1UL << 20)

/* A private anonymous area of n pages. */
static inline __unused u64 map_anon(struct testbox *t, struct task *task, unsigned long n)
{
	u64 addr = do_mmap(t->q, task->mm, 0, n << PAGE_SHIFT, RW, ANON, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

/* Touches n pages; every one must be reached.  seed: what a write leaves. */
static inline __unused void touch(struct testbox *t, struct task *task, u64 addr, unsigned long n,
				  u64 seed)
{
	struct touch what = {.addr = addr,
			     .nr_pages = n,
			     .stride = 1,
			     .write = seed != 0,
			     .kind = CONTENT_SAME,
			     .seed = seed};

	assert_int_equal(mmu_touch(t->m, task, &what), n);
}

static inline __unused u64 peek(struct testbox *t, struct task *task, u64 addr)
{
	u64 content = ~0UL;

	assert_true(mmu_peek(t->m, task, addr, &content));
	return content;
}

static inline __unused pte_t *pte_of(struct testbox *t, struct task *task, u64 addr)
{
	return pt_walk(t->q, task->mm->pgd_pfn, addr, 1);
}

static inline __unused struct page *page_at(struct testbox *t, struct task *task, u64 addr)
{
	pte_t *ptep = pte_of(t, task, addr);

	assert_non_null(ptep);
	assert_true(!pte_none(*ptep) && pte_present(*ptep));
	return pfn_to_page(t->q, pte_pfn(*ptep));
}

static inline __unused unsigned long rss(struct task *task, int member)
{
	sync_mm_rss(task);
	return get_mm_counter(task->mm, member);
}

/* Frames that are neither free nor in a CPU's list, after all batches went. */
static inline __unused unsigned long free_frames(struct testbox *t)
{
	lru_add_drain_all(t->q);
	drain_all_pages(t->q, NULL);
	return global_zone_page_state(t->q, NR_FREE_PAGES);
}

static inline __unused struct task *fork_task(struct testbox *t, struct task *parent)
{
	struct task *child = copy_process(t->q, parent, 0);

	assert_false(IS_ERR_OR_NULL(child));
	return child;
}

/* A child that nobody runs ends and is collected. */
static inline __unused void end_child(struct testbox *t, struct task *child)
{
	bool init = child->parent == t->q->space->init_task;

	do_exit(t->q, child, 0);
	if (!init)
		release_task(t->q, child);
}

#endif
