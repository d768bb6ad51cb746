/* SPDX-License-Identifier: MIT */
/*
 * A process that has more memory than the machine: faults, reclaim, swap and
 * zswap together.  What it wrote it reads again; forked, it shares its slots;
 * when it ends, swap is empty.
 */
#include "tests/swap/swaptest.h"

#define NR_PAGES (160UL << (20 - PAGE_SHIFT))

/* Pages of the area that are in memory, and that are in swap. */
static void count_pages(struct quire *q, const struct mm_struct *mm, u64 addr,
			unsigned long *present, unsigned long *swapped)
{
	*present = *swapped = 0;
	for (unsigned long i = 0; i < NR_PAGES; i++) {
		const pte_t *pte = pt_walk(q, mm->pgd_pfn, addr + (i << PAGE_SHIFT), 1);

		assert_non_null(pte);
		*present += pte_present(*pte);
		*swapped += pte_is_swap(*pte);
	}
}

static void too_much(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	u64 addr = do_mmap(q, t->task->mm, 0, NR_PAGES << PAGE_SHIFT, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	struct touch touch = {.addr = addr,
			      .nr_pages = NR_PAGES,
			      .stride = 1,
			      .write = true,
			      .kind = CONTENT_KIND_TEXT,
			      .seed = 1};
	unsigned long present, swapped;
	struct task *child;

	(void)arg;
	assert_false(IS_ERR_VALUE(addr));
	assert_int_equal(mmu_touch(t->m, t->task, &touch), NR_PAGES);
	assert_true(swap_used(q) > 0);
	assert_true(get_mm_counter(t->task->mm, MM_SWAPENTS) > 0);
	count_pages(q, t->task->mm, addr, &present, &swapped);
	assert_int_equal(present + swapped, NR_PAGES);
	/* The stack may be out, too; each slot in use has an entry, or a cached page. */
	assert_in_range(get_mm_counter(t->task->mm, MM_SWAPENTS), swapped, swapped + 64);
	assert_true(swap_used(q) >= swapped);
	testbox_verify(t);
	child = copy_process(q, t->task, 0);
	assert_false(IS_ERR(child));
	testbox_verify(t);
	touch.write = false;
	assert_int_equal(mmu_touch(t->m, t->task, &touch), NR_PAGES);
	do_exit(q, child, 0);
	testbox_verify(t);
}

static void swapping(bool zswap)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {128}, .swap_mb = 256});

	zswap_params(t->q)->enabled = zswap;
	testbox_run(t, too_much, NULL);
	testbox_pass(t, NSEC_PER_SEC);
	assert_true(global_vm_event(t->q, zswap ? ZSWPOUT : PSWPOUT) > 0);
	assert_true(global_vm_event(t->q, zswap ? ZSWPIN : PSWPIN) > 0);
	/* What is left is init's: its stack may be out. */
	assert_in_range(zswap_stats(t->q)->stored_pages, 0,
			get_mm_counter(t->q->space->init_task->mm, MM_SWAPENTS));
	assert_true(swap_used(t->q) < 100);
	testbox_verify(t);
	testbox_free(t);
}

static void test_swap(void **state)
{
	(void)state;
	swapping(false);
}

static void test_zswap(void **state)
{
	(void)state;
	swapping(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swap),
		cmocka_unit_test(test_zswap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
