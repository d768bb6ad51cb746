/* SPDX-License-Identifier: MIT */
/*
 * What the tests of transparent huge pages share.
 */
#ifndef QUIRE_THP_TEST_H
#define QUIRE_THP_TEST_H

#include "tests/verify/break.h"

#define HPAGES 512UL

/* As Linux has it from 512 MiB on, without the thread unless it is asked for. */
static inline __unused void thp_on(struct testbox *t)
{
	t->q->space->huge->flags = BIT(TRANSPARENT_HUGEPAGE_FLAG) |
				   BIT(TRANSPARENT_HUGEPAGE_DEFRAG_REQ_MADV_FLAG) |
				   BIT(TRANSPARENT_HUGEPAGE_DEFRAG_KHUGEPAGED_FLAG) |
				   BIT(TRANSPARENT_HUGEPAGE_USE_ZERO_PAGE_FLAG);
}

/* An area that holds n whole huge pages; where the first would be. */
static inline __unused u64 map_huge(struct testbox *t, struct task *task, unsigned long n)
{
	return ALIGN(map_anon(t, task, (n + 1) * HPAGES), PMD_SIZE);
}

static inline __unused pte_t *pmd_of(struct testbox *t, struct task *task, u64 addr)
{
	return pt_walk(t->q, task->mm->pgd_pfn, addr, 2);
}

static inline __unused bool is_huge(struct testbox *t, struct task *task, u64 addr)
{
	pte_t *pmdp = pmd_of(t, task, addr);

	return pmdp && pmd_leaf(*pmdp);
}

static inline __unused struct page *huge_at(struct testbox *t, struct task *task, u64 addr)
{
	assert_true(is_huge(t, task, addr));
	return pfn_to_page(t->q, pte_pfn(*pmd_of(t, task, addr)));
}

/* Anonymous pages without the one that exec left on the stack. */
static inline __unused unsigned long anon(struct task *task)
{
	return rss(task, MM_ANONPAGES) - 1;
}

static inline __unused unsigned long event(struct testbox *t, enum vm_event_item item)
{
	return global_vm_event(t->q, item);
}

#endif
