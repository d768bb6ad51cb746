/* SPDX-License-Identifier: MIT */
/*
 * Areas against a naive model: an array with the protection of each page of a
 * window.  Random mmap, munmap, mprotect, mlock and brk; after each the tree
 * must say the same as the array, and be a proper tree with right gaps.
 */
#include "tests/space/space_test.h"

#define WINDOW	     400 /* pages */
#define WINDOW_START 0x10000000000UL
#define NONE	     0xff

static u8 naive[WINDOW];

static u64 at(unsigned long page)
{
	return WINDOW_START + (page << PAGE_SHIFT);
}

static u8 prot_of(const struct vm_area_struct *vma)
{
	return (u8)((vma->vm_flags & VM_READ ? PROT_READ : 0) |
		    (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
		    (vma->vm_flags & VM_EXEC ? PROT_EXEC : 0));
}

/* exact: neighbours that look alike are one area. */
static void compare(struct mm_struct *mm, bool exact)
{
	unsigned int areas = 0, expected = 0;

	for (unsigned long i = 0; i < WINDOW; i++) {
		struct vm_area_struct *vma = find_vma(mm, at(i));
		bool covered = vma && vma->vm_start <= at(i);

		assert_int_equal(covered, naive[i] != NONE);
		if (covered)
			assert_int_equal(prot_of(vma), naive[i]);
		expected += naive[i] != NONE && (!i || naive[i - 1] != naive[i]);
	}
	for_each_vma (mm, vma)
		areas += vma->vm_start >= at(0) && vma->vm_end <= at(WINDOW);
	if (exact)
		assert_int_equal(areas, expected);
	assert_true(areas >= expected);
}

static void naive_set(unsigned long first, unsigned long n, u8 value)
{
	memset(naive + first, value, n);
}

/* Pages from first on that are mapped. */
static unsigned long naive_mapped(unsigned long first, unsigned long n)
{
	unsigned long i = 0;

	while (i < n && naive[first + i] != NONE)
		i++;
	return i;
}

/* Where a mapping without a wish must come to lie: the highest hole. */
static void check_topdown(struct mm_struct *mm, u64 len, u64 addr)
{
	u64 best = 0, prev_end = MMAP_MIN_ADDR;

	for_each_vma (mm, vma) {
		u64 end = min(vm_start_gap(vma), mm->mmap_base);

		if (end > prev_end && end - prev_end >= len)
			best = end - len;
		prev_end = max(vma->vm_end, MMAP_MIN_ADDR);
	}
	if (mm->mmap_base > prev_end && mm->mmap_base - prev_end >= len)
		best = mm->mmap_base - len;
	assert_int_equal(addr, best);
}

static void random_step(struct testbox *t, struct mm_struct *mm, bool plain)
{
	static const int prots[] = {PROT_READ, RW, PROT_READ | PROT_EXEC, 0};
	unsigned long first = prng_below(&t->rng, WINDOW);
	unsigned long n = 1 + prng_below(&t->rng, min(WINDOW - first, 40UL));
	int prot = prots[prng_below(&t->rng, ARRAY_SIZE(prots))];
	u64 len = n << PAGE_SHIFT;

	switch (prng_below(&t->rng, plain ? 4 : 5)) {
	case 0:
	case 1:
		assert_int_equal(do_mmap(t->q, mm, at(first), len, prot, ANON | MAP_FIXED, NULL, 0),
				 at(first));
		naive_set(first, n, (u8)prot);
		break;
	case 2:
		assert_int_equal(do_munmap(t->q, mm, at(first), len), 0);
		naive_set(first, n, NONE);
		break;
	case 4: {
		unsigned long done = naive_mapped(first, n);
		int err = do_mprotect(t->q, mm, at(first), len, prot);

		/* A hole ends it; what lies below has changed. */
		assert_int_equal(err, done == n ? 0 : -ENOMEM);
		naive_set(first, done, (u8)prot);
		break;
	}
	default: {
		u64 addr = unmapped_area_topdown(mm, len, MMAP_MIN_ADDR, mm->mmap_base);

		check_topdown(mm, len, addr);
	}
	}
}

static void run_property(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	bool plain = arg != NULL;

	memset(naive, NONE, sizeof(naive));
	for (int i = 0; i < 4000; i++) {
		random_step(t, mm, plain);
		/* Some of it is in use, so that entries move with areas. */
		if (i % 7 == 0 && !plain) {
			struct touch w = {.addr = at(prng_below(&t->rng, WINDOW)),
					  .nr_pages = 1,
					  .write = true,
					  .kind = CONTENT_SAME,
					  .seed = 9};
			struct vm_area_struct *vma = find_vma(mm, w.addr);

			if (vma && vma->vm_start <= w.addr && (vma->vm_flags & VM_WRITE))
				assert_int_equal(mmu_touch(t->m, t->task, &w), 1);
		}
		if (i % 20 == 0)
			compare(mm, plain);
		if (i % 500 == 0)
			testbox_verify(t);
	}
}

/* Plain: only mmap and munmap, so that neighbours with equal rights always
 * merge; an area that was writable once, or in use, may be kept apart. */
static void test_property(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	(void)state;
	testbox_run(t, run_property, NULL);
	testbox_run(t, run_property, t);
	testbox_verify(t);
	testbox_free(t);
}

static void run_gaps(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a[64];

	(void)arg;
	for (int i = 0; i < 64; i++) {
		u64 len = (1 + prng_below(&t->rng, 16)) << PAGE_SHIFT;
		u64 expect = unmapped_area_topdown(mm, len, MMAP_MIN_ADDR, mm->mmap_base);

		check_topdown(mm, len, expect);
		/* Different protections, so that they stay apart. */
		a[i] = do_mmap(t->q, mm, 0, len, i % 2 ? PROT_READ : RW, ANON, NULL, 0);
		assert_int_equal(a[i], expect);
		if (i % 3 == 2) {
			assert_int_equal(do_munmap(t->q, mm, a[i - 1], PAGE_SIZE), 0);
			testbox_verify(t);
		}
	}
}

static void test_gaps(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	(void)state;
	testbox_run(t, run_gaps, NULL);
	testbox_free(t);
}

static void run_limits(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 addr;
	int before = mm->map_count;

	(void)arg;
	assert_int_equal(do_mmap(t->q, mm, 0, 0, RW, ANON, NULL, 0), (u64)-EINVAL);
	assert_int_equal(do_mmap(t->q, mm, 0, PAGE_SIZE, RW, MAP_ANONYMOUS, NULL, 0), (u64)-EINVAL);
	assert_int_equal(do_mmap(t->q, mm, 0, 1UL << 47, RW, ANON | MAP_NORESERVE, NULL, 0),
			 (u64)-ENOMEM);
	assert_int_equal(do_munmap(t->q, mm, 123, PAGE_SIZE), -EINVAL);
	t->q->space->max_map_count = before + 2;
	addr = map_anon(t, t->task, 8);
	/* A hole in the middle makes two: allowed once, then no more. */
	assert_int_equal(do_munmap(t->q, mm, addr + PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(mm->map_count, before + 2);
	assert_int_equal(do_munmap(t->q, mm, addr + 3 * PAGE_SIZE, PAGE_SIZE), -ENOMEM);
	/* mmap() may go one beyond, as Linux's. */
	assert_false(IS_ERR_VALUE(do_mmap(t->q, mm, 0, PAGE_SIZE, PROT_READ, ANON, NULL, 0)));
	assert_int_equal(do_mmap(t->q, mm, 0, PAGE_SIZE, 0, ANON, NULL, 0), (u64)-ENOMEM);
	t->q->space->max_map_count = DEFAULT_MAX_MAP_COUNT;
	testbox_verify(t);
}

static void test_limits(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	(void)state;
	testbox_run(t, run_limits, NULL);
	testbox_free(t);
}

static void run_brk(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 start = mm->start_brk;
	struct vm_area_struct *heap;

	(void)arg;
	assert_int_equal(do_brk(t->q, mm, 0), start);
	assert_int_equal(do_brk(t->q, mm, start + 10 * PAGE_SIZE + 5), start + 10 * PAGE_SIZE + 5);
	heap = find_vma(mm, start);
	assert_string_equal(heap->name, "[heap]");
	assert_int_equal(vma_pages(heap), 11);
	touch(t, t->task, start, 11, 7);
	/* More extends the same area. */
	assert_int_equal(do_brk(t->q, mm, start + 20 * PAGE_SIZE), start + 20 * PAGE_SIZE);
	assert_int_equal(vma_pages(find_vma(mm, start)), 20);
	testbox_verify(t);
	assert_int_equal(do_brk(t->q, mm, start + PAGE_SIZE), start + PAGE_SIZE);
	assert_int_equal(vma_pages(find_vma(mm, start)), 1);
	/* Something in the way: the old end comes back. */
	assert_int_equal(
		do_mmap(t->q, mm, start + 16 * PAGE_SIZE, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0),
		start + 16 * PAGE_SIZE);
	assert_int_equal(do_brk(t->q, mm, start + 40 * PAGE_SIZE), start + PAGE_SIZE);
	testbox_verify(t);
}

static void test_brk(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});

	(void)state;
	testbox_run(t, run_brk, NULL);
	testbox_free(t);
}

static void run_overcommit(struct testbox *t, void *arg)
{
	struct space_floor *sp = t->q->space;
	struct mm_struct *mm = t->task->mm;
	u64 ram = t->q->node->totalram_pages << PAGE_SHIFT, addr;
	long before = sp->vm_committed_as;

	(void)arg;
	/* 0: only what is plainly too much is refused. */
	addr = do_mmap(t->q, mm, 0, ram - 16 * MB, RW, ANON, NULL, 0);
	assert_false(IS_ERR_VALUE(addr));
	assert_int_equal(do_mmap(t->q, mm, 0, ram + MB, RW, ANON, NULL, 0), (u64)-ENOMEM);
	assert_int_equal(sp->vm_committed_as - before, (long)((ram - 16 * MB) >> PAGE_SHIFT));
	/* Read-only, shared and NORESERVE are no promises. */
	assert_false(IS_ERR_VALUE(do_mmap(t->q, mm, 0, 2 * ram, PROT_READ, ANON, NULL, 0)));
	assert_false(
		IS_ERR_VALUE(do_mmap(t->q, mm, 0, 2 * ram, RW, ANON | MAP_NORESERVE, NULL, 0)));
	/* But become one when they can be written. */
	assert_int_equal(do_munmap(t->q, mm, addr, ram - 16 * MB), 0);
	assert_int_equal(sp->vm_committed_as, before);
	addr = do_mmap(t->q, mm, 0, MB, PROT_READ, ANON, NULL, 0);
	assert_int_equal(do_mprotect(t->q, mm, addr, MB, RW), 0);
	assert_int_equal(sp->vm_committed_as - before, MB >> PAGE_SHIFT);
	/* 1: anything. */
	sp->overcommit_memory = 1;
	assert_false(IS_ERR_VALUE(do_mmap(t->q, mm, 0, 4 * ram, RW, ANON, NULL, 0)));
	/* 2: CommitLimit. */
	sp->overcommit_memory = 2;
	sp->overcommit_ratio = 50;
	assert_int_equal(vm_commit_limit(t->q), t->q->node->totalram_pages / 2);
	assert_int_equal(do_mmap(t->q, mm, 0, PAGE_SIZE, RW, ANON, NULL, 0), (u64)-ENOMEM);
	sp->overcommit_memory = 0;
	/* Shared anonymous memory counts as a whole, once, while it is mapped. */
	before = sp->vm_committed_as;
	addr = do_mmap(t->q, mm, 0, 2 * MB, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	assert_false(IS_ERR_VALUE(addr));
	assert_int_equal(sp->vm_committed_as - before, 2 * MB >> PAGE_SHIFT);
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, mm, addr, 2 * MB), 0);
	assert_int_equal(sp->vm_committed_as, before);
	testbox_verify(t);
}

static void test_overcommit(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){0}, run_overcommit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_property),   cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_limits),	   cmocka_unit_test(test_brk),
		cmocka_unit_test(test_overcommit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
