/* SPDX-License-Identifier: MIT */
/*
 * Faults of every kind, with each allocation that they make failing in turn: nomem.h.
 */
#include "nomem.h"

/* ---- the fault ------------------------------------------------------------------- */

static bool is_there(struct nomem *n)
{
	const pte_t *ptep = pt_walk(n->t->q, n->task->mm->pgd_pfn, n->a, 2);

	if (ptep && pmd_table(*ptep))
		ptep = pte_offset(n->t->q, *ptep, n->a);
	return ptep && (*ptep & _PAGE_PRESENT) && (!n->write || pte_write(*ptep));
}

/* As the processor does: again until the access can be made. */
static long fault(struct nomem *n)
{
	for (unsigned int i = 0; i < 4 && !is_there(n); i++) {
		unsigned int ret =
			handle_user_fault(n->t->q, n->task, n->a, n->write ? FAULT_FLAG_WRITE : 0);

		if (ret & VM_FAULT_OOM)
			return -ENOMEM;
		assert_int_equal(ret & (VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV), 0);
	}
	assert_true(is_there(n));
	return 0;
}

static void reads_zero(struct nomem *n)
{
	assert_int_equal(peek(n->t, n->task, n->a), 0);
}

static void reads_5(struct nomem *n)
{
	assert_int_equal(peek(n->t, n->task, n->a), CONTENT(CONTENT_SAME, 5));
	touch(n->t, n->task, n->a, 1, 0);
}

/* Ours is written, the other's stays. */
static void child_keeps_5(struct nomem *n)
{
	reads_5(n);
	touch(n->t, n->task, n->a, 1, 6);
	assert_int_equal(peek(n->t, n->child, n->a), CONTENT(CONTENT_SAME, 5));
}

static void file_reads(struct nomem *n)
{
	u64 seen = ~0UL;
	struct touch what = {.addr = n->a, .nr_pages = 1, .seen = &seen};

	assert_int_equal(mmu_touch(n->t->m, n->task, &what), 1);
	assert_true(PageUptodate(page_at(n->t, n->task, n->a)));
}

/* ---- anonymous ------------------------------------------------------------------- */

static void anon_area(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, PG(8), RW, ANON, NULL);
}

static void arm_anon_write(struct nomem *n)
{
	anon_area(n);
	n->write = true;
}

static void arm_zero_write(struct nomem *n)
{
	anon_area(n);
	touch(n->t, n->task, n->a, 8, 0);
	n->write = true;
}

static void arm_locked(struct nomem *n)
{
	anon_area(n);
	assert_int_equal(do_mlock2(n->t->q, n->task->mm, n->a, PG(8), MLOCK_ONFAULT), 0);
	n->write = true;
}

static void arm_stack(struct nomem *n)
{
	n->a = nomem_map(n, PLACE + PMD_SIZE, PG(2), RW, ANON | MAP_GROWSDOWN, NULL);
	/* Without an anon_vma it could not grow: that is a SIGSEGV, in Linux too. */
	touch(n->t, n->task, n->a, 1, 5);
	n->a -= PG(50);
	n->write = true;
}

static void arm_cow(struct nomem *n)
{
	anon_area(n);
	touch(n->t, n->task, n->a, 8, 5);
	n->child = fork_task(n->t, n->task);
	n->write = true;
}

static void arm_reuse(struct nomem *n)
{
	arm_cow(n);
	end_child(n->t, n->child);
	n->child = NULL;
}

/* ---- swap ------------------------------------------------------------------------ */

/* What was written out is in the swap cache still: it is to be read. */
static void uncache(struct nomem *n, swp_entry_t entry)
{
	struct page *page = swap_cache_find(n->t->q, entry);

	if (!page)
		return;
	wait_on_page_writeback(n->t->q, page);
	lock_page(n->t->q, page);
	delete_from_swap_cache(n->t->q, page);
	unlock_page(n->t->q, page);
	put_page(n->t->q, page);
}

static void arm_swap(struct nomem *n)
{
	anon_area(n);
	touch(n->t, n->task, n->a, 8, 5);
	for (unsigned int i = 0; i < 8 && pte_present(*pte_of(n->t, n->task, n->a)); i++) {
		assert_int_equal(do_madvise(n->t->q, n->task->mm, n->a, PG(8), MADV_PAGEOUT), 0);
		model_sleep(n->t->m, 10 * NSEC_PER_MSEC);
	}
	assert_true(pte_is_swap(*pte_of(n->t, n->task, n->a)));
	uncache(n, pte_to_swp_entry(*pte_of(n->t, n->task, n->a)));
}

static void arm_swap_write(struct nomem *n)
{
	arm_swap(n);
	n->write = true;
}

static void arm_swap_shared(struct nomem *n)
{
	arm_swap_write(n);
	n->child = fork_task(n->t, n->task);
}

static void child_finds_5(struct nomem *n)
{
	reads_5(n);
	touch(n->t, n->task, n->a, 1, 6);
	touch(n->t, n->child, n->a, 1, 0);
	assert_int_equal(peek(n->t, n->child, n->a), CONTENT(CONTENT_SAME, 5));
}

static void arm_zswap(struct nomem *n)
{
	zswap_params(n->t->q)->enabled = true;
	arm_swap_write(n);
	zswap_params(n->t->q)->enabled = false;
}

/* ---- files ----------------------------------------------------------------------- */

static void arm_file(struct nomem *n)
{
	nomem_file(n, 64, PROT_READ, MAP_PRIVATE);
}

static void cached(struct nomem *n)
{
	assert_int_equal(generic_file_read(n->t->q, n->file, 0, PG(64)), PG(64));
}

static void arm_around(struct nomem *n)
{
	arm_file(n);
	cached(n);
}

static void around(struct nomem *n)
{
	file_reads(n);
	assert_true(pte_present(*pte_of(n->t, n->task, n->a + PG(15))));
}

static void arm_private_write(struct nomem *n)
{
	nomem_file(n, 64, RW, MAP_PRIVATE);
	n->write = true;
}

static void arm_private_write_cached(struct nomem *n)
{
	arm_private_write(n);
	cached(n);
}

static void arm_private_write_read(struct nomem *n)
{
	arm_private_write_cached(n);
	touch(n->t, n->task, n->a, 64, 0);
}

static void is_anon(struct nomem *n)
{
	assert_true(PageAnon(page_at(n->t, n->task, n->a)));
}

static void arm_shared_write(struct nomem *n)
{
	nomem_file(n, 64, RW, MAP_SHARED);
	n->write = true;
}

static void arm_shared_write_read(struct nomem *n)
{
	arm_shared_write(n);
	touch(n->t, n->task, n->a, 64, 0);
}

static void is_dirty(struct nomem *n)
{
	struct page *page = page_at(n->t, n->task, n->a);

	assert_true(!PageAnon(page) && PageDirty(page));
	touch(n->t, n->task, n->a, 1, 7);
}

static void arm_shmem(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, PG(64), RW, MAP_SHARED | MAP_ANONYMOUS, NULL);
	n->write = true;
}

static void arm_shmem_read(struct nomem *n)
{
	arm_shmem(n);
	n->write = false;
}

static void arm_shmem_swap(struct nomem *n)
{
	void *entry;

	arm_shmem(n);
	touch(n->t, n->task, n->a, 1, 5);
	for (unsigned int i = 0;
	     i < 8 && pte_of(n->t, n->task, n->a) && !pte_none(*pte_of(n->t, n->task, n->a)); i++) {
		assert_int_equal(do_madvise(n->t->q, n->task->mm, n->a, PG(1), MADV_PAGEOUT), 0);
		model_sleep(n->t->m, 10 * NSEC_PER_MSEC);
	}
	assert_true(pte_none(*pte_of(n->t, n->task, n->a)));
	entry = xa_load(&vma_mapping(find_vma(n->task->mm, n->a))->i_pages, 0);
	assert_true(xa_is_value(entry));
	uncache(n, (swp_entry_t){xa_to_value(entry)});
}

/* ---- huge pages ------------------------------------------------------------------ */

static void arm_huge(struct nomem *n)
{
	thp_on(n->t);
	n->a = nomem_map(n, PLACE, 2 * PMD_SIZE, RW, ANON, NULL);
	n->write = true;
}

static void arm_huge_zero(struct nomem *n)
{
	arm_huge(n);
	n->write = false;
}

static void arm_huge_zero_write(struct nomem *n)
{
	arm_huge(n);
	touch(n->t, n->task, n->a, 1, 0);
	assert_true(is_huge(n->t, n->task, n->a));
}

static void arm_huge_cow(struct nomem *n)
{
	arm_huge(n);
	touch(n->t, n->task, n->a, HPAGES, 5);
	assert_true(is_huge(n->t, n->task, n->a));
	n->child = fork_task(n->t, n->task);
}

static void huge_off(struct nomem *n)
{
	n->t->q->space->huge->flags = 0;
}

static void huge_child_keeps_5(struct nomem *n)
{
	child_keeps_5(n);
	huge_off(n);
}

/* ---- pools ----------------------------------------------------------------------- */

static void arm_pool(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, 2 * PMD_SIZE, RW, ANON | MAP_HUGETLB, NULL);
	n->write = true;
}

static void arm_pool_shared(struct nomem *n)
{
	n->a = nomem_map(n, PLACE, 2 * PMD_SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB,
			 NULL);
	n->write = true;
}

static void arm_pool_cow(struct nomem *n)
{
	arm_pool(n);
	touch(n->t, n->task, n->a, 1, 5);
	n->child = fork_task(n->t, n->task);
}

static void writes_6(struct nomem *n)
{
	touch(n->t, n->task, n->a, 1, 6);
	assert_int_equal(peek(n->t, n->task, n->a), CONTENT(CONTENT_SAME, 6));
}

static void pool_child_keeps_5(struct nomem *n)
{
	writes_6(n);
	assert_int_equal(peek(n->t, n->child, n->a), CONTENT(CONTENT_SAME, 5));
}

/* ---- others ---------------------------------------------------------------------- */

static void arm_uffd(struct nomem *n)
{
	anon_area(n);
	(void)nomem_map(n, ELSEWHERE, PG(1), RW, ANON, NULL);
	touch(n->t, n->task, ELSEWHERE, 1, 5);
	n->uffd = userfaultfd_new(n->t->q, n->task->mm, 0);
	assert_false(IS_ERR(n->uffd));
	assert_int_equal(
		userfaultfd_register(n->t->q, n->uffd, n->a, PG(8), UFFDIO_REGISTER_MODE_MISSING),
		0);
}

static long uffd_copy(struct nomem *n)
{
	s64 ret = userfaultfd_copy(n->t->q, n->uffd, n->a, ELSEWHERE, PG(1), 0);

	return ret == (s64)PG(1) ? 0 : (long)ret;
}

static long uffd_zero(struct nomem *n)
{
	s64 ret = userfaultfd_zeropage(n->t->q, n->uffd, n->a, PG(1), 0);

	return ret == (s64)PG(1) ? 0 : (long)ret;
}

/* A hint, and the page is wanted on the other node. */
static void arm_hint(struct nomem *n)
{
	const struct vm_area_struct *vma;
	unsigned int here = numa_node_id(n->t->q);
	struct mempolicy there = {.mode = MPOL_BIND, .nodes = {{2UL >> here}}};
	const struct mempolicy none = {0};

	anon_area(n);
	assert_int_equal(do_mbind(n->t->q, n->task, n->a, PG(8), &there, 0), 0);
	touch(n->t, n->task, n->a, 8, 5);
	assert_int_equal(do_mbind(n->t->q, n->task, n->a, PG(8), &none, 0), 0);
	assert_int_equal(page_to_nid(page_at(n->t, n->task, n->a)), 1 - here);
	lru_add_drain_all(n->t->q);
	vma = find_vma(n->task->mm, n->a);
	assert_int_equal(
		change_prot_numa(n->t->q, (struct vm_area_struct *)vma, n->a, n->a + PG(8)), 8);
}

static const struct scene scenes[] = {
	{"anonymous, read", anon_area, fault, reads_zero, 3, 0},
	{"anonymous, write", arm_anon_write, fault, NULL, 6, 0},
	{"zero page, write", arm_zero_write, fault, reads_zero, 3, 0},
	{"locked, write", arm_locked, fault, NULL, 6, 0},
	{"stack", arm_stack, fault, NULL, 2, SCENE_AREA_MAY_GROW},
	{"copy on write", arm_cow, fault, child_keeps_5, 1, 0},
	{"reuse", arm_reuse, fault, reads_5, 0, 0},
	{"swap, read", arm_swap, fault, reads_5, 1, 0},
	{"swap, write", arm_swap_write, fault, reads_5, 1, 0},
	{"swap, shared, write", arm_swap_shared, fault, child_finds_5, 3, SCENE_COMES_IN},
	{"zswap", arm_zswap, fault, reads_5, 1, 0},
	{"file, read", arm_file, fault, file_reads, 4, 0},
	{"file, around", arm_around, fault, around, 3, 0},
	{"private file, write", arm_private_write, fault, is_anon, 7, 0},
	{"private file, write, cached", arm_private_write_cached, fault, is_anon, 6, 0},
	{"private file, copy on write", arm_private_write_read, fault, is_anon, 3, 0},
	{"shared file, write", arm_shared_write, fault, is_dirty, 4, 0},
	{"shared file, write after read", arm_shared_write_read, fault, is_dirty, 0, 0},
	{"shmem, read", arm_shmem_read, fault, reads_zero, 4, 0},
	{"shmem, write", arm_shmem, fault, NULL, 4, 0},
	{"shmem in swap", arm_shmem_swap, fault, reads_5, 1, 0},
	{"huge", arm_huge, fault, huge_off, 6, 0},
	{"huge, zero", arm_huge_zero, fault, huge_off, 4, 0},
	{"huge, zero, write", arm_huge_zero_write, fault, huge_off, 1, 0},
	{"huge, copy on write", arm_huge_cow, fault, huge_child_keeps_5, 1, 0},
	{"pool", arm_pool, fault, writes_6, 2, 0},
	{"pool, shared", arm_pool_shared, fault, writes_6, 2, 0},
	{"pool, copy on write", arm_pool_cow, fault, pool_child_keeps_5, 0, 0},
	{"userfaultfd, copy", arm_uffd, uffd_copy, reads_5, 6, 0},
	{"userfaultfd, zeros", arm_uffd, uffd_zero, reads_zero, 3, 0},
	{"hint", arm_hint, fault, reads_5, 1, 0},
};

static void run(struct testbox *t, __unused void *arg)
{
	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 8, NUMA_NO_NODE, NULL), 0);
	t->q->space->numa.enabled = 1;
	nomem_run(t, scenes, ARRAY_SIZE(scenes));
	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 0, NUMA_NO_NODE, NULL), 0);
}

static void test_faults(__unused void **state)
{
	testbox_once(&nomem_config, run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_faults)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
