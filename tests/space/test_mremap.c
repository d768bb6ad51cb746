/* SPDX-License-Identifier: MIT */
/*
 * mremap() in all its ways, mincore(), mlock2(), limits of a process, and what of
 * madvise() is about forks.
 */
#include "tests/space/space_test.h"

#define PG(n) ((u64)(n) << PAGE_SHIFT)

static void run_mremap(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 16), b, wall;
	unsigned long anon;
	long committed = t->q->space->vm_committed_as;

	(void)arg;
	touch(t, t->task, a, 16, 5);
	anon = rss(t->task, MM_ANONPAGES);
	/* Smaller: the rest goes. */
	assert_int_equal(do_mremap(t->q, mm, a, PG(16), PG(12), 0, 0), a);
	assert_int_equal(rss(t->task, MM_ANONPAGES), anon - 4);
	assert_int_equal(t->q->space->vm_committed_as, committed - 4);
	testbox_verify(t);
	/* Larger where it lies. */
	assert_int_equal(do_mremap(t->q, mm, a, PG(12), PG(16), 0, 0), a);
	assert_int_equal(find_vma(mm, a)->vm_end, a + PG(16));
	touch(t, t->task, a + PG(12), 4, 6);
	/* In the way: only by moving. */
	wall = do_mmap(t->q, mm, a + PG(16), PAGE_SIZE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, NULL,
		       0);
	if (wall != a + PG(16)) { /* something was there before */
		assert_int_equal(wall, (u64)-EEXIST);
	}
	assert_int_equal(do_mremap(t->q, mm, a, PG(16), PG(32), 0, 0), (u64)-ENOMEM);
	b = do_mremap(t->q, mm, a, PG(16), PG(32), MREMAP_MAYMOVE, 0);
	assert_false(IS_ERR_VALUE(b));
	assert_int_not_equal(a, b);
	for (int i = 0; i < 16; i++)
		assert_int_equal(peek(t, t->task, b + PG(i)),
				 CONTENT(CONTENT_SAME, i < 12 ? 5 : 6));
	assert_true(!find_vma(mm, a) || find_vma(mm, a)->vm_start >= a + PG(16));
	assert_int_equal(rss(t->task, MM_ANONPAGES), anon);
	assert_int_equal(t->q->space->vm_committed_as, committed + 16);
	testbox_verify(t);
	/* The middle goes elsewhere, over what is there; the rest stays. */
	a = map_anon(t, t->task, 64);
	touch(t, t->task, a, 64, 9);
	assert_int_equal(do_mremap(t->q, mm, b + PG(4), PG(4), PG(4), MREMAP_MAYMOVE | MREMAP_FIXED,
				   a + PG(8)),
			 a + PG(8));
	assert_int_equal(peek(t, t->task, a + PG(8)), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(peek(t, t->task, a + PG(12)), CONTENT(CONTENT_SAME, 9));
	assert_int_equal(find_vma(mm, b + PG(4))->vm_start, b + PG(8));
	testbox_verify(t);
	/* DONTUNMAP: pages go, the area stays and reads as zeros. */
	wall = do_mremap(t->q, mm, a, PG(8), PG(8), MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	assert_false(IS_ERR_VALUE(wall));
	assert_int_equal(peek(t, t->task, wall), CONTENT(CONTENT_SAME, 9));
	touch(t, t->task, a, 8, 0);
	assert_int_equal(peek(t, t->task, a), 0);
	testbox_verify(t);
}

static void run_mremap_errors(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8);

	(void)arg;
#define FAILS(err, ...) assert_int_equal(do_mremap(t->q, mm, __VA_ARGS__), (u64) - (err))
	FAILS(EINVAL, a, PG(8), 0, 0, 0);
	FAILS(EINVAL, a + 1, PG(8), PG(8), 0, 0);
	FAILS(EINVAL, a, PG(8), PG(8), 8, 0);
	FAILS(EINVAL, a, PG(8), PG(8), MREMAP_FIXED, a);
	FAILS(EINVAL, a, PG(8), PG(9), MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	FAILS(EINVAL, a, PG(8), PG(8), MREMAP_MAYMOVE | MREMAP_FIXED, a + PG(4));
	FAILS(EINVAL, a, PG(8), PG(8), MREMAP_MAYMOVE | MREMAP_FIXED, TASK_SIZE);
	FAILS(EINVAL, a, 0, PG(8), MREMAP_MAYMOVE, 0);
	FAILS(EFAULT, a, PG(9), PG(10), MREMAP_MAYMOVE, 0);
	FAILS(EFAULT, MMAP_MIN_ADDR, PG(1), PG(2), MREMAP_MAYMOVE, 0);
	testbox_verify(t);
}

/* Whole tables and huge pages go as one entry; shared memory is mapped once more. */
static void run_mremap_tables(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = 0x200000000000UL, b = 0x210000000000UL, s, s2;
	pte_t *table;

	(void)arg;
	assert_int_equal(do_mmap(t->q, mm, a, 8 * MB, RW, ANON | MAP_FIXED, NULL, 0), a);
	touch(t, t->task, a, 2048, 3);
	table = pte_of(t, t->task, a + 2 * MB);
	assert_int_equal(do_mremap(t->q, mm, a, 8 * MB, 8 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, b),
			 b);
	assert_ptr_equal(pte_of(t, t->task, b + 2 * MB), table);
	assert_int_equal(peek(t, t->task, b + 7 * MB), CONTENT(CONTENT_SAME, 3));
	testbox_verify(t);
	/* By half a table, with swap and reclaim finding pages at their new place. */
	assert_int_equal(
		do_mremap(t->q, mm, b, 8 * MB, 8 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, a + MB),
		a + MB);
	assert_int_equal(peek(t, t->task, a + MB), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(do_madvise(t->q, mm, a + MB, 8 * MB, MADV_PAGEOUT), 0);
	testbox_verify(t);
	assert_int_equal(
		do_mremap(t->q, mm, a + MB, 8 * MB, 8 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, b), b);
	testbox_verify(t);
	touch(t, t->task, b, 2048, 0);
	assert_int_equal(peek(t, t->task, b + 5 * MB), CONTENT(CONTENT_SAME, 3));
	s = do_mmap(t->q, mm, 0, MB, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	touch(t, t->task, s, 256, 8);
	s2 = do_mremap(t->q, mm, s, 0, MB, MREMAP_MAYMOVE, 0);
	assert_false(IS_ERR_VALUE(s2));
	touch(t, t->task, s2, 256, 0);
	assert_int_equal(peek(t, t->task, s2 + MB / 2), CONTENT(CONTENT_SAME, 8));
	assert_int_equal(peek(t, t->task, s + MB / 2), CONTENT(CONTENT_SAME, 8));
	testbox_verify(t);
}

static void run_mremap_huge(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = 0x200000000000UL, b = 0x210000000000UL;

	(void)arg;
	assert_int_equal(do_mmap(t->q, mm, a, 4 * MB, RW, ANON | MAP_FIXED, NULL, 0), a);
	touch(t, t->task, a, 1024, 3);
	assert_true(pmd_leaf(*pt_walk(t->q, mm->pgd_pfn, a, 2)));
	assert_int_equal(do_mremap(t->q, mm, a, 4 * MB, 4 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, b),
			 b);
	assert_true(pmd_leaf(*pt_walk(t->q, mm->pgd_pfn, b, 2)));
	testbox_verify(t);
	/* Not on a boundary: cut into entries, which go one by one. */
	assert_int_equal(
		do_mremap(t->q, mm, b, 4 * MB, 4 * MB, MREMAP_MAYMOVE | MREMAP_FIXED, a + PG(1)),
		a + PG(1));
	assert_int_equal(peek(t, t->task, a + PG(1000)), CONTENT(CONTENT_SAME, 3));
	testbox_verify(t);
}

static void always_huge(struct quire_config *cfg)
{
	cfg->transparent_hugepage = QUIRE_THP_ALWAYS;
}

/* An allocation that fails, each in turn, leaves all where it was. */
static void run_mremap_fail(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = 0x200000000000UL, b = 0x210000000000UL;
	unsigned long n;

	(void)arg;
	assert_int_equal(do_mmap(t->q, mm, a, 3 * MB, RW, ANON | MAP_FIXED, NULL, 0), a);
	touch(t, t->task, a, 768, 4);
	for (n = 1; n < 20; n++) {
		int count = mm->map_count;
		u64 to;

		testbox_fail_alloc(t, n);
		to = do_mremap(t->q, mm, a, 3 * MB, 3 * MB, MREMAP_MAYMOVE | MREMAP_FIXED,
			       b + PG(1));
		testbox_fail_alloc(t, 0);
		testbox_verify(t);
		if (!IS_ERR_VALUE(to))
			break;
		assert_int_equal(to, (u64)-ENOMEM);
		assert_int_equal(mm->map_count, count);
		assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 4));
		assert_int_equal(peek(t, t->task, a + 2 * MB), CONTENT(CONTENT_SAME, 4));
	}
	assert_in_range(n, 3, 19); /* tables of three levels at the least */
	assert_int_equal(peek(t, t->task, b + PG(1) + 2 * MB), CONTENT(CONTENT_SAME, 4));
}

static void run_mincore(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8), end = find_vma(mm, a)->vm_end;
	u8 vec[16];

	(void)arg;
	touch(t, t->task, a + PG(2), 3, 1);
	memset(vec, 9, sizeof(vec));
	assert_int_equal(do_mincore(t->q, mm, a, PG(8), vec), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(vec[i], i >= 2 && i < 5);
	assert_int_equal(vec[8], 9);
	assert_int_equal(do_madvise(t->q, mm, a + PG(2), PG(1), MADV_PAGEOUT), 0);
	assert_int_equal(do_mincore(t->q, mm, a + PG(2), PG(2), vec), 0);
	assert_int_equal(vec[0], 0);
	assert_int_equal(vec[1], 1);
	assert_int_equal(do_mincore(t->q, mm, a + 1, PG(1), vec), -EINVAL);
	assert_int_equal(do_munmap(t->q, mm, a + PG(6), PG(1)), 0);
	assert_int_equal(do_mincore(t->q, mm, a + PG(4), PG(4), vec), -ENOMEM);
	assert_int_equal(do_mincore(t->q, mm, TASK_SIZE, PG(1), vec), -ENOMEM);
	assert_true(end > a);
	testbox_verify(t);
}

static void run_mlock2(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 32);
	unsigned long anon = rss(t->task, MM_ANONPAGES);

	(void)arg;
	assert_int_equal(do_mlock2(t->q, mm, a, PG(16), 2), -EINVAL);
	assert_int_equal(do_mlock2(t->q, mm, a, PG(16), MLOCK_ONFAULT), 0);
	assert_int_equal(rss(t->task, MM_ANONPAGES), anon);
	assert_int_equal(mm->locked_vm, 16);
	touch(t, t->task, a, 4, 1);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 4);
	testbox_verify(t);
	/* Limits are for users that are not root. */
	t->task->uid = 1000;
	t->task->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = PG(20);
	assert_int_equal(do_mlock(t->q, mm, a, PG(32), true), -ENOMEM);
	assert_int_equal(do_mlock(t->q, mm, a, PG(20), true), 0);
	assert_int_equal(do_mmap(t->q, mm, 0, PG(1), RW, ANON | MAP_LOCKED, NULL, 0), (u64)-EAGAIN);
	assert_int_equal(do_mremap(t->q, mm, a, PG(20), PG(40), MREMAP_MAYMOVE, 0), (u64)-EAGAIN);
	assert_int_equal(do_mlockall(t->q, mm, MCL_CURRENT), -ENOMEM);
	t->task->signal->rlim[RLIMIT_MEMLOCK].rlim_cur = 0;
	assert_int_equal(do_mlock(t->q, mm, a, PG(1), true), -EPERM);
	assert_int_equal(do_mmap(t->q, mm, 0, PG(1), RW, ANON | MAP_LOCKED, NULL, 0), (u64)-EPERM);
	assert_int_equal(do_mlock(t->q, mm, a, PG(32), false), 0);
	t->task->uid = 0;
	assert_int_equal(do_mlockall(t->q, mm, MCL_FUTURE | MCL_ONFAULT), 0);
	a = map_anon(t, t->task, 4);
	assert_true(find_vma(mm, a)->vm_flags & VM_LOCKONFAULT);
	assert_int_equal(do_mlockall(t->q, mm, 0), 0);
	assert_int_equal(global_zone_page_state(t->q, NR_MLOCK), 0);
	testbox_verify(t);
}

static void run_limits(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	struct rlimit limit = {.rlim_cur = PG(mm->total_vm + 10), .rlim_max = RLIM_INFINITY}, old;
	u64 stack = STACK_TOP - MB, a, brk = mm->brk;

	(void)arg;
	assert_int_equal(do_prlimit(t->q, t->task, RLIMIT_AS, &limit, &old), 0);
	assert_int_equal(old.rlim_cur, RLIM_INFINITY);
	assert_int_equal(do_mmap(t->q, mm, 0, PG(11), RW, ANON, NULL, 0), (u64)-ENOMEM);
	a = map_anon(t, t->task, 10);
	/* What is replaced does not count twice. */
	assert_int_equal(do_mmap(t->q, mm, a, PG(10), PROT_READ, ANON | MAP_FIXED, NULL, 0), a);
	assert_int_equal(do_mremap(t->q, mm, a, PG(10), PG(11), MREMAP_MAYMOVE, 0), (u64)-ENOMEM);
	assert_int_equal(do_brk(t->q, mm, brk + PG(1)), brk);
	assert_int_equal(handle_user_fault(t->q, t->task, stack, FAULT_FLAG_WRITE),
			 VM_FAULT_SIGSEGV);
	t->task->sigkill_pending = false;
	t->task->signal->group_exit = false;
	assert_int_equal(do_prlimit(t->q, t->task, RLIMIT_AS, &old, NULL), 0);
	/* Data: private and writable. */
	limit.rlim_cur = PG(mm->data_vm + 4);
	assert_int_equal(do_prlimit(t->q, t->task, RLIMIT_DATA, &limit, NULL), 0);
	assert_int_equal(do_mmap(t->q, mm, 0, PG(5), RW, ANON, NULL, 0), (u64)-ENOMEM);
	assert_false(IS_ERR_VALUE(do_mmap(t->q, mm, 0, PG(5), PROT_READ, ANON, NULL, 0)));
	assert_int_equal(do_mprotect(t->q, mm, a, PG(10), RW), -ENOMEM);
	assert_int_equal(do_mprotect(t->q, mm, a, PG(4), RW), 0);
	testbox_verify(t);
	limit = (struct rlimit){2, 1};
	assert_int_equal(do_prlimit(t->q, t->task, RLIMIT_DATA, &limit, NULL), -EINVAL);
	assert_int_equal(do_prlimit(t->q, t->task, RLIM_NLIMITS, NULL, &old), -EINVAL);
	t->task->uid = 1000;
	limit = (struct rlimit){PG(1), PG(1)};
	assert_int_equal(do_prlimit(t->q, t->task, RLIMIT_STACK, &limit, NULL), 0);
	limit.rlim_max = PG(2);
	assert_int_equal(do_prlimit(t->q, t->task, RLIMIT_STACK, &limit, NULL), -EPERM);
	t->task->uid = 0;
}

static void run_mmap_flags(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8);

	(void)arg;
#define MMAP(addr, len, flags) do_mmap(t->q, mm, addr, len, RW, flags, NULL, 0)
	assert_int_equal(MMAP(a + PG(7), PG(2), ANON | MAP_FIXED_NOREPLACE), (u64)-EEXIST);
	assert_int_equal(MMAP(a - PG(64), PG(2), ANON | MAP_FIXED_NOREPLACE), a - PG(64));
	assert_int_equal(MMAP(0, PG(1), MAP_ANONYMOUS | MAP_SHARED_VALIDATE), (u64)-EINVAL);
	assert_int_equal(MMAP(0, PG(1), MAP_ANONYMOUS | MAP_SHARED | MAP_GROWSDOWN), (u64)-EINVAL);
	assert_int_equal(MMAP(0, ~0UL, ANON), (u64)-ENOMEM);
	a = MMAP(0, PG(3), ANON | MAP_32BIT);
	assert_int_equal(a, MAP_32BIT_START);
	assert_int_equal(MMAP(0, PG(3), ANON | MAP_32BIT), a + PG(3));
	assert_int_equal(MMAP(0, 2UL << 30, ANON | MAP_32BIT), (u64)-ENOMEM);
	t->task->uid = 1000;
	assert_int_equal(MMAP(PG(1), PG(1), ANON | MAP_FIXED), (u64)-EPERM);
	t->task->uid = 0;
	assert_int_equal(MMAP(PG(1), PG(1), ANON | MAP_FIXED), PG(1));
	assert_int_equal(do_mprotect(t->q, mm, a, PG(1), 64), -EINVAL);
	assert_int_equal(do_mprotect(t->q, mm, a, PG(1), RW | PROT_GROWSDOWN), -EINVAL);
	assert_int_equal(do_mprotect(t->q, mm, STACK_TOP - PG(1), PG(1), RW | PROT_GROWSDOWN), 0);
	testbox_verify(t);
}

static void run_forks(struct testbox *t, void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 4), b = map_anon(t, t->task, 4), s;
	struct task *child;

	(void)arg;
	b = do_mmap(t->q, mm, 0x300000000000UL, PG(4), RW, ANON, NULL, 0);
	touch(t, t->task, a, 4, 1);
	touch(t, t->task, b, 4, 2);
	assert_int_equal(do_madvise(t->q, mm, a, PG(4), MADV_WIPEONFORK), 0);
	assert_int_equal(do_madvise(t->q, mm, b, PG(4), MADV_DONTFORK), 0);
	s = do_mmap(t->q, mm, 0, PG(1), RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	assert_int_equal(do_madvise(t->q, mm, s, PG(1), MADV_WIPEONFORK), -EINVAL);
	assert_int_equal(do_madvise(t->q, mm, s, PG(1), MADV_DONTDUMP), 0);
	child = fork_task(t, t->task);
	testbox_verify(t);
	touch(t, child, a, 4, 0);
	assert_int_equal(peek(t, child, a), 0);
	assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 1));
	assert_true(!find_vma(child->mm, b) || find_vma(child->mm, b)->vm_start >= b + PG(4));
	end_child(t, child);
	assert_int_equal(do_madvise(t->q, mm, a, PG(4), MADV_KEEPONFORK), 0);
	child = fork_task(t, t->task);
	assert_int_equal(peek(t, child, a), CONTENT(CONTENT_SAME, 1));
	end_child(t, child);
	/* POPULATE: reading maps, writing makes pages; errors are told. */
	s = do_mmap(t->q, mm, 0, PG(4), PROT_READ, ANON, NULL, 0);
	assert_int_equal(do_madvise(t->q, mm, s, PG(4), MADV_POPULATE_WRITE), -EINVAL);
	assert_int_equal(do_madvise(t->q, mm, s, PG(4), MADV_POPULATE_READ), 0);
	assert_ptr_equal(page_at(t, t->task, s), t->q->space->zero_page);
	s = map_anon(t, t->task, 4);
	assert_int_equal(do_madvise(t->q, mm, s, PG(4), MADV_POPULATE_WRITE), 0);
	assert_ptr_not_equal(page_at(t, t->task, s), t->q->space->zero_page);
	assert_int_equal(do_mlock(t->q, mm, s, PG(4), true), 0);
	assert_int_equal(do_madvise(t->q, mm, s, PG(4), MADV_DONTNEED), -EINVAL);
	assert_int_equal(do_madvise(t->q, mm, s, PG(4), MADV_DONTNEED_LOCKED), 0);
	assert_int_equal(do_madvise(t->q, mm, s, PG(4), 12 /* MERGEABLE */), -EINVAL);
	testbox_verify(t);
}

static void test_mincore(void **state)
{
	(void)state;
	/* On such a disk what is swapped out is so at once. */
	testbox_once(&(struct testbox_config){.swap_mb = 64, .swap_pmem = true}, run_mincore);
}

static void in_box(void (*fn)(struct testbox *t, void *arg))
{
	testbox_once(&(struct testbox_config){.swap_mb = 64}, fn);
}

#define TEST(fn)                            \
	static void test_##fn(void **state) \
	{                                   \
		(void)state;                \
		in_box(run_##fn);           \
	}
TEST(mremap)
TEST(mremap_errors)
TEST(mremap_tables)
TEST(mremap_fail)
TEST(mlock2)
TEST(limits)
TEST(mmap_flags)
TEST(forks)

static void test_mremap_huge(void **state)
{
	(void)state;
	testbox_once(&(struct testbox_config){.node_mb = {1024}, .tune = always_huge},
		     run_mremap_huge);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mremap),	      cmocka_unit_test(test_mremap_errors),
		cmocka_unit_test(test_mremap_tables), cmocka_unit_test(test_mremap_huge),
		cmocka_unit_test(test_mremap_fail),   cmocka_unit_test(test_mincore),
		cmocka_unit_test(test_mlock2),	      cmocka_unit_test(test_limits),
		cmocka_unit_test(test_mmap_flags),    cmocka_unit_test(test_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
