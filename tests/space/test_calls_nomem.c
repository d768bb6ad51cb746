/* SPDX-License-Identifier: MIT */
/*
 * Calls that change an address space, or make one, with each allocation that they make
 * failing in turn: nomem.h.
 */
#include "nomem.h"

#define MID  PG(8) /* areas are cut here */
#define AREA PG(32)

static long of_addr(struct nomem *n, u64 addr)
{
	n->got = addr;
	return IS_ERR_VALUE(addr) ? (long)addr : 0;
}

static void one_area(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, AREA, RW, ANON, NULL);
	touch(n->t, n->task, n->a, 32, 5);
}

static void reads_5(struct nomem *n)
{
	for (unsigned int i = 0; i < 32; i++)
		assert_int_equal(peek(n->t, n->task, n->a + PG(i)), CONTENT(CONTENT_SAME, 5));
}

static void forked_area(struct nomem *n)
{
	one_area(n);
	n->child = fork_task(n->t, n->task);
}

/* ---- processes ------------------------------------------------------------------- */

/* One of everything. */
static void full_space(struct nomem *n)
{
	struct quire *q = n->t->q;
	struct mm_struct *mm = n->task->mm;
	struct mempolicy bind = {.mode = MPOL_BIND, .nodes = {{2}}};

	nomem_file(n, 64, RW, MAP_PRIVATE);
	touch(n->t, n->task, n->a, 20, 5);
	(void)nomem_map(n, PLACE + PG(100), PG(8), RW, MAP_SHARED, n->file);
	touch(n->t, n->task, PLACE + PG(100), 8, 6);
	(void)nomem_map(n, PLACE + PG(200), PG(8), RW, MAP_SHARED | MAP_ANONYMOUS, NULL);
	touch(n->t, n->task, PLACE + PG(200), 8, 7);
	(void)nomem_map(n, PLACE + PMD_SIZE, PG(8), RW, ANON, NULL);
	touch(n->t, n->task, PLACE + PMD_SIZE, 8, 8);
	assert_int_equal(do_madvise(q, mm, PLACE + PMD_SIZE, PG(8), MADV_PAGEOUT), 0);
	(void)nomem_map(n, PLACE + 2 * PMD_SIZE, 2 * PMD_SIZE, RW, ANON | MAP_HUGETLB, NULL);
	touch(n->t, n->task, PLACE + 2 * PMD_SIZE, 1, 9);
	thp_on(n->t);
	(void)nomem_map(n, PLACE + 4 * PMD_SIZE, 2 * PMD_SIZE, RW, ANON, NULL);
	touch(n->t, n->task, PLACE + 4 * PMD_SIZE, 1, 10);
	(void)nomem_map(n, PLACE + 8 * PMD_SIZE, PG(8), RW, ANON, NULL);
	assert_int_equal(do_mbind(q, n->task, PLACE + 8 * PMD_SIZE, PG(4), &bind, 0), 0);
	assert_int_equal(do_mlock(q, mm, PLACE + 8 * PMD_SIZE, PG(2), true), 0);
	(void)nomem_map(n, PLACE + 9 * PMD_SIZE, PG(8), RW, ANON, NULL);
	touch(n->t, n->task, PLACE + 9 * PMD_SIZE, 8, 11);
	assert_int_equal(do_madvise(q, mm, PLACE + 9 * PMD_SIZE, PG(4), MADV_WIPEONFORK), 0);
}

static long do_fork(struct nomem *n)
{
	struct task *child = copy_process(n->t->q, n->task, 0);

	if (IS_ERR(child))
		return PTR_ERR(child);
	n->made = child;
	return 0;
}

static void child_has_all(struct nomem *n)
{
	static const u64 offset[] = {0, PG(200), 2 * PMD_SIZE, 4 * PMD_SIZE},
			 value[] = {5, 7, 9, 10};

	n->t->q->space->huge->flags = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(offset); i++) {
		touch(n->t, n->made, PLACE + offset[i], 1, 0);
		assert_int_equal(peek(n->t, n->made, PLACE + offset[i]),
				 CONTENT(CONTENT_SAME, value[i]));
		touch(n->t, n->task, PLACE + offset[i], 1, 0);
		assert_int_equal(peek(n->t, n->task, PLACE + offset[i]),
				 CONTENT(CONTENT_SAME, value[i]));
	}
}

/* So many areas of a pool that the child's tree must grow for one of them. */
static void many_pools(struct nomem *n)
{
	for (unsigned int i = 0; i < 40; i++)
		(void)nomem_map(n, PLACE + 2 * i * PMD_SIZE, PMD_SIZE, RW,
				(i & 1 ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_HUGETLB |
					MAP_NORESERVE,
				NULL);
}

static long do_thread(struct nomem *n)
{
	struct task *thread = copy_process(n->t->q, n->task, CLONE_VM | CLONE_THREAD);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	do_exit(n->t->q, thread, 0);
	return 0;
}

static long do_exec(struct nomem *n)
{
	return exec_mmap(n->t->q, n->child, "other", "other\0-x", 9);
}

static long do_exec_file(struct nomem *n)
{
	return exec_mmap_file(n->t->q, n->child, "other", "other\0-x", 9, n->file, PG(16));
}

static void file_and_child(struct nomem *n)
{
	nomem_file(n, 32, RW, MAP_PRIVATE);
	n->child = fork_task(n->t, n->task);
}

static void is_other(struct nomem *n)
{
	assert_string_equal(n->child->comm, "other");
	assert_true(find_vma(n->child->mm, PLACE)->vm_start > PLACE);
	touch(n->t, n->child, n->child->mm->start_data, 2, 3);
}

static long do_title(struct nomem *n)
{
	return set_task_cmdline(n->t->q, n->task, "title", 6);
}

/* ---- mmap ------------------------------------------------------------------------ */

static long mmap_with(struct nomem *n, int prot, int flags, struct file *file)
{
	return of_addr(n, do_mmap(n->t->q, n->task->mm, 0, PG(4), prot, flags, file, 0));
}

static long mmap_anon(struct nomem *n)
{
	return mmap_with(n, PROT_READ | PROT_EXEC, ANON, NULL);
}

static long mmap_shared(struct nomem *n)
{
	return mmap_with(n, RW, MAP_SHARED | MAP_ANONYMOUS, NULL);
}

static void with_file(struct nomem *n)
{
	nomem_file(n, 32, RW, MAP_PRIVATE);
}

static long mmap_file(struct nomem *n)
{
	return mmap_with(n, RW, MAP_PRIVATE, n->file);
}

static long mmap_shared_file(struct nomem *n)
{
	return mmap_with(n, RW, MAP_SHARED, n->file);
}

static void mapped(struct nomem *n)
{
	touch(n->t, n->task, n->got, 4, 0);
}

static long mmap_pool(struct nomem *n)
{
	long ret = of_addr(
		n, do_mmap(n->t->q, n->task->mm, 0, 2 * PMD_SIZE, RW, ANON | MAP_HUGETLB, NULL, 0));

	n->a = n->got;
	n->got = 0;
	return ret;
}

static long mmap_pool_shared(struct nomem *n)
{
	long ret = of_addr(n, do_mmap(n->t->q, n->task->mm, 0, 2 * PMD_SIZE, RW,
				      MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, NULL, 0));

	n->a = n->got;
	n->got = 0;
	return ret;
}

static void pool_mapped(struct nomem *n)
{
	touch(n->t, n->task, n->a, 1, 3);
	assert_int_equal(do_munmap(n->t->q, n->task->mm, n->a, 2 * PMD_SIZE), 0);
}

/* A window of so many areas that the tree must grow. */
static void many_areas(struct nomem *n)
{
	for (unsigned int i = 0; i < 40; i++)
		(void)nomem_map(n, PLACE + PG(2 * i), PG(1), RW, ANON, NULL);
}

static long fill_gaps(struct nomem *n)
{
	u64 addr = PLACE + PG(1);

	addr = do_mmap(n->t->q, n->task->mm, addr, PG(1), PROT_READ, ANON | MAP_FIXED, NULL, 0);
	return IS_ERR_VALUE(addr) ? (long)addr : 0;
}

/* Far more splits than a leaf of the tree holds. */
static long protect_all(struct nomem *n)
{
	for (unsigned int i = 0; i < 32; i += 2) {
		int err = do_mprotect(n->t->q, n->task->mm, n->a + PG(i), PG(1), PROT_READ);

		/* What was done before it failed is undone by hand. */
		if (err) {
			assert_int_equal(do_mprotect(n->t->q, n->task->mm, n->a, PG(32), RW), 0);
			return err;
		}
	}
	return 0;
}

/* ---- cutting --------------------------------------------------------------------- */

static long munmap_middle(struct nomem *n)
{
	return do_munmap(n->t->q, n->task->mm, n->a + MID, PG(4));
}

static void hole(struct nomem *n)
{
	const struct vm_area_struct *vma = find_vma(n->task->mm, n->a);

	assert_int_equal(vma->vm_end, n->a + MID);
	assert_int_equal(vma->vm_next->vm_start, n->a + MID + PG(4));
}

static long mprotect_middle(struct nomem *n)
{
	return do_mprotect(n->t->q, n->task->mm, n->a + MID, PG(4), PROT_READ);
}

static void huge_area(struct nomem *n)
{
	thp_on(n->t);
	n->a = nomem_map(n, PLACE, 2 * PMD_SIZE, RW, ANON, NULL);
	touch(n->t, n->task, n->a, 1024, 5);
	n->t->q->space->huge->flags = 0;
	assert_true(is_huge(n->t, n->task, n->a));
}

static void pool_area(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, 3 * PMD_SIZE, RW, ANON | MAP_HUGETLB, NULL);
	touch(n->t, n->task, n->a, 1, 5);
}

static void pool_area_shared(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, 3 * PMD_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB,
			 NULL);
	touch(n->t, n->task, n->a, 1, 5);
}

static long munmap_pool_middle(struct nomem *n)
{
	return do_munmap(n->t->q, n->task->mm, n->a + PMD_SIZE, PMD_SIZE);
}

static long mprotect_pool_middle(struct nomem *n)
{
	return do_mprotect(n->t->q, n->task->mm, n->a + PMD_SIZE, PMD_SIZE, PROT_READ);
}

/* A shrinking heap, and one that grows. */
static void heap(struct nomem *n)
{
	struct mm_struct *mm = n->task->mm;

	assert_int_equal(do_brk(n->t->q, mm, mm->start_brk), mm->start_brk);
}

static long grow_heap(struct nomem *n)
{
	struct mm_struct *mm = n->task->mm;

	return do_brk(n->t->q, mm, mm->start_brk + PG(8)) == mm->start_brk + PG(8) ? 0 : -ENOMEM;
}

static void heap_ends(struct nomem *n)
{
	struct mm_struct *mm = n->task->mm;

	touch(n->t, n->task, mm->start_brk, 8, 3);
	heap(n);
}

/* ---- mremap ---------------------------------------------------------------------- */

static long remap(struct nomem *n, u64 old, u64 new, int flags, u64 to)
{
	u64 addr = do_mremap(n->t->q, n->task->mm, n->a, old, new, flags, to);

	if (IS_ERR_VALUE(addr))
		return (long)addr;
	n->a = addr;
	return 0;
}

static long mremap_fixed(struct nomem *n)
{
	return remap(n, AREA, AREA, MREMAP_MAYMOVE | MREMAP_FIXED, ELSEWHERE + PG(3));
}

static long mremap_part(struct nomem *n)
{
	n->a += MID;
	if (remap(n, PG(8), PG(8), MREMAP_MAYMOVE | MREMAP_FIXED, ELSEWHERE)) {
		n->a -= MID;
		return -ENOMEM;
	}
	return 0;
}

static void part_moved(struct nomem *n)
{
	assert_int_equal(n->a, ELSEWHERE);
	assert_int_equal(peek(n->t, n->task, n->a), CONTENT(CONTENT_SAME, 5));
	assert_int_equal(peek(n->t, n->task, PLACE), CONTENT(CONTENT_SAME, 5));
}

static long mremap_stays(struct nomem *n)
{
	return remap(n, AREA, AREA, MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, ELSEWHERE);
}

static void area_and_wall(struct nomem *n)
{
	one_area(n);
	(void)nomem_map(n, n->a + AREA, PG(1), PROT_READ, ANON, NULL);
}

static long mremap_grow(struct nomem *n)
{
	return remap(n, AREA, AREA + PG(8), MREMAP_MAYMOVE, 0);
}

static void grown(struct nomem *n)
{
	reads_5(n);
	touch(n->t, n->task, n->a + AREA, 8, 3);
	assert_int_equal(do_munmap(n->t->q, n->task->mm, n->a, AREA + PG(8)), 0);
}

static long mremap_huge(struct nomem *n)
{
	return remap(n, 2 * PMD_SIZE, 2 * PMD_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     ELSEWHERE + PG(1));
}

static void shared_area(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, AREA, RW, MAP_SHARED | MAP_ANONYMOUS, NULL);
	touch(n->t, n->task, n->a, 32, 5);
}

/* Of length 0: the same once more. */
static long mremap_again(struct nomem *n)
{
	u64 addr = do_mremap(n->t->q, n->task->mm, n->a, 0, PG(4), MREMAP_MAYMOVE, 0);

	return of_addr(n, addr);
}

static void mapped_twice(struct nomem *n)
{
	touch(n->t, n->task, n->got, 1, 0);
	assert_int_equal(peek(n->t, n->task, n->got), CONTENT(CONTENT_SAME, 5));
}

/* ---- mlock ----------------------------------------------------------------------- */

static void untouched(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, AREA, RW, ANON, NULL);
}

static void locked_area(struct nomem *n)
{
	one_area(n);
	assert_int_equal(do_mlock(n->t->q, n->task->mm, n->a, AREA, true), 0);
}

static long mlock_middle(struct nomem *n)
{
	return do_mlock(n->t->q, n->task->mm, n->a + MID, PG(4), true);
}

static void middle_is_locked(struct nomem *n)
{
	const struct vm_area_struct *vma = find_vma(n->task->mm, n->a + MID);

	assert_int_equal(vma->vm_start, n->a + MID);
	assert_int_equal(vma->vm_end, n->a + MID + PG(4));
	for (unsigned int i = 0; i < 4; i++)
		assert_true(PageMlocked(page_at(n->t, n->task, n->a + MID + PG(i))));
}

static long munlock_middle(struct nomem *n)
{
	return do_mlock(n->t->q, n->task->mm, n->a + MID, PG(4), false);
}

/* -EAGAIN: Linux's __mlock_posix_error_return(). */
static long mlock_untouched(struct nomem *n)
{
	int err = do_mlock(n->t->q, n->task->mm, n->a, AREA, true);

	assert_true(!err || err == -EAGAIN);
	return err;
}

static void all_locked(struct nomem *n)
{
	for (unsigned int i = 0; i < 32; i++)
		assert_true(PageMlocked(page_at(n->t, n->task, n->a + PG(i))));
}

/* ---- madvise, policies, userfaultfd ---------------------------------------------- */

static long advise(struct nomem *n, int what)
{
	return do_madvise(n->t->q, n->task->mm, n->a + MID, PG(4), what);
}

static long dont_fork(struct nomem *n)
{
	return advise(n, MADV_DONTFORK);
}

static long no_huge(struct nomem *n)
{
	return advise(n, MADV_NOHUGEPAGE);
}

static void cut_twice(struct nomem *n)
{
	const struct vm_area_struct *vma = find_vma(n->task->mm, n->a + MID);

	assert_int_equal(vma->vm_start, n->a + MID);
	assert_int_equal(vma->vm_end, n->a + MID + PG(4));
}

static long populate(struct nomem *n)
{
	return do_madvise(n->t->q, n->task->mm, n->a, AREA, MADV_POPULATE_WRITE);
}

static void small_pages(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, PMD_SIZE, RW, ANON, NULL);
	touch(n->t, n->task, n->a, 512, 5);
	lru_add_drain_all(n->t->q);
}

static long collapse(struct nomem *n)
{
	return do_madvise(n->t->q, n->task->mm, n->a, PMD_SIZE, MADV_COLLAPSE);
}

static void collapsed(struct nomem *n)
{
	assert_true(is_huge(n->t, n->task, n->a));
	assert_int_equal(peek(n->t, n->task, n->a + PG(511)), CONTENT(CONTENT_SAME, 5));
}

static long mbind_middle(struct nomem *n)
{
	struct mempolicy bind = {.mode = MPOL_BIND, .nodes = {{2}}};

	return do_mbind(n->t->q, n->task, n->a + MID, PG(4), &bind, 0);
}

static void with_uffd(struct nomem *n)
{
	untouched(n);
	n->uffd = userfaultfd_new(n->t->q, n->task->mm, 0);
	assert_false(IS_ERR(n->uffd));
}

static long uffd_new(struct nomem *n)
{
	struct userfaultfd_ctx *ctx = userfaultfd_new(n->t->q, n->task->mm, 0);

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	n->uffd = ctx;
	return 0;
}

static long uffd_register(struct nomem *n)
{
	return userfaultfd_register(n->t->q, n->uffd, n->a + MID, PG(4),
				    UFFDIO_REGISTER_MODE_MISSING);
}

static void registered(struct nomem *n)
{
	with_uffd(n);
	assert_int_equal(
		userfaultfd_register(n->t->q, n->uffd, n->a, AREA, UFFDIO_REGISTER_MODE_MISSING),
		0);
}

static long uffd_unregister(struct nomem *n)
{
	return userfaultfd_unregister(n->t->q, n->uffd, n->a + MID, PG(4));
}

static const struct scene scenes[] = {
	{"fork", full_space, do_fork, child_has_all, 60, 0},
	{"fork, many pools", many_pools, do_fork, NULL, 90, 0},
	{"thread", one_area, do_thread, NULL, 4, 0},
	{"exec", forked_area, do_exec, is_other, 10, 0},
	{"exec of a file", file_and_child, do_exec_file, is_other, 10, 0},
	{"title", one_area, do_title, NULL, 1, 0},
	{"mmap", one_area, mmap_anon, mapped, 1, 0},
	{"mmap, shared", one_area, mmap_shared, mapped, 3, 0},
	{"mmap, file", with_file, mmap_file, mapped, 1, 0},
	{"mmap, shared file", with_file, mmap_shared_file, mapped, 1, 0},
	{"mmap, pool", one_area, mmap_pool, pool_mapped, 4, 0},
	{"mmap, shared pool", one_area, mmap_pool_shared, pool_mapped, 4, 0},
	{"mmap, many areas", many_areas, fill_gaps, NULL, 1, 0},
	{"munmap", one_area, munmap_middle, hole, 2, 0},
	{"munmap after fork", forked_area, munmap_middle, hole, 2, 0},
	{"munmap, huge", huge_area, munmap_middle, hole, 2, 0},
	{"munmap, pool", pool_area, munmap_pool_middle, NULL, 2, 0},
	{"munmap, shared pool", pool_area_shared, munmap_pool_middle, NULL, 2, 0},
	{"mprotect", one_area, mprotect_middle, reads_5, 4, 0},
	{"mprotect after fork", forked_area, mprotect_middle, reads_5, 4, 0},
	{"mprotect, huge", huge_area, mprotect_middle, reads_5, 4, 0},
	{"mprotect, pool", pool_area, mprotect_pool_middle, NULL, 4, 0},
	{"mprotect, often", one_area, protect_all, reads_5, 60, 0},
	{"brk", heap, grow_heap, heap_ends, 1, 0},
	{"mremap", one_area, mremap_fixed, reads_5, 5, 0},
	{"mremap after fork", forked_area, mremap_fixed, reads_5, 5, 0},
	{"mremap of a part", one_area, mremap_part, part_moved, 8, 0},
	{"mremap, dontunmap", one_area, mremap_stays, reads_5, 4, 0},
	{"mremap, grows", area_and_wall, mremap_grow, grown, 3, 0},
	{"mremap, huge", huge_area, mremap_huge, reads_5, 6, 0},
	{"mremap, once more", shared_area, mremap_again, mapped_twice, 1, 0},
	{"mlock", one_area, mlock_middle, middle_is_locked, 4, 0},
	{"mlock, untouched", untouched, mlock_untouched, all_locked, 36,
	 SCENE_LOCKS | SCENE_COMES_IN},
	{"munlock", locked_area, munlock_middle, reads_5, 4, 0},
	{"madvise, dontfork", one_area, dont_fork, cut_twice, 4, 0},
	{"madvise, nohugepage", huge_area, no_huge, cut_twice, 4, 0},
	{"madvise, populate", untouched, populate, NULL, 36, SCENE_COMES_IN},
	{"madvise, collapse", small_pages, collapse, collapsed, 2, 0},
	{"mbind", one_area, mbind_middle, cut_twice, 4, 0},
	{"userfaultfd", untouched, uffd_new, NULL, 1, 0},
	{"userfaultfd, register", with_uffd, uffd_register, cut_twice, 2, 0},
	{"userfaultfd, unregister", registered, uffd_unregister, cut_twice, 2, 0},
};

static void run(struct testbox *t, __unused void *arg)
{
	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 8, NUMA_NO_NODE, NULL), 0);
	nomem_run(t, scenes, ARRAY_SIZE(scenes));
	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 0, NUMA_NO_NODE, NULL), 0);
}

static void test_calls(__unused void **state)
{
	testbox_once(&nomem_config, run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_calls)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
