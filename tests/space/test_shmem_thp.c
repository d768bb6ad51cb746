/* SPDX-License-Identifier: MIT */
/*
 * Huge pages of shmem: which files have them, mapping, parts that go, holes, splitting and
 * swap, fallocate(), moving, and invariants broken on purpose.
 */
#include "thp_test.h"
#include "cache/internal.h"
#include "reclaim/numa.h"

static void in(const struct testbox_config *cfg, void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(cfg);

	thp_on(t);
	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static const struct testbox_config plain = {0}, swapping = {.swap_mb = 64},
				   two_nodes = {.nr_nodes = 2};

static void set_huge(struct testbox *t, enum shmem_huge huge)
{
	t->q->cache->shmem_huge = huge;
	if (huge >= SHMEM_HUGE_NEVER)
		t->q->cache->shm_sb->s_huge = huge;
}

/* n huge pages' worth of a new file, mapped shared. */
static u64 map_file(struct testbox *t, struct task *task, unsigned long n, struct file **file)
{
	u64 a;

	*file = shmem_file_setup(t->q, "x", n * PMD_SIZE);
	assert_false(IS_ERR_OR_NULL(*file));
	a = do_mmap(t->q, task->mm, 0, n * PMD_SIZE, RW, MAP_SHARED, *file, 0);
	assert_false(IS_ERR_VALUE(a));
	return a;
}

static u64 map_it(struct testbox *t, struct task *task, unsigned long n, struct file **file)
{
	u64 a;

	set_huge(t, SHMEM_HUGE_ALWAYS);
	a = map_file(t, task, n, file);
	assert_true(IS_ALIGNED(a, PMD_SIZE));
	return a;
}

static unsigned long pages(struct testbox *t, enum node_stat_item item)
{
	return global_node_page_state(t->q, item);
}

/* ---- mapping --------------------------------------------------------------------- */

static void do_fault(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task, *child;
	unsigned long tables, free = free_frames(t);
	struct file *file;
	struct page *page;
	u64 a = map_it(t, task, 2, &file);

	tables = (unsigned long)task->mm->pgtables_bytes;
	touch(t, task, a + 5 * PAGE_SIZE, 1, 7);
	assert_true(is_huge(t, task, a));
	page = huge_at(t, task, a);
	assert_int_equal(event(t, THP_FILE_ALLOC), 1);
	assert_int_equal(event(t, THP_FILE_MAPPED), 1);
	assert_int_equal(event(t, THP_FAULT_ALLOC), 0);
	assert_int_equal(rss(task, MM_SHMEMPAGES), HPAGES);
	assert_int_equal(pages(t, NR_SHMEM), HPAGES);
	assert_int_equal(pages(t, NR_SHMEM_THPS), HPAGES);
	assert_int_equal(pages(t, NR_SHMEM_PMDMAPPED), HPAGES);
	assert_int_equal(pages(t, NR_FILE_MAPPED), HPAGES);
	assert_int_equal(pages(t, NR_ANON_THPS), 0);
	assert_int_equal(page_ref_count(page), HPAGES + 1);
	assert_true(PageDirty(page) && PageLRU(page) && PageSwapBacked(page));
	assert_int_equal(peek(t, task, a), 0);
	assert_int_equal(peek(t, task, a + 5 * PAGE_SIZE), CONTENT(CONTENT_SAME, 7));
	testbox_verify(t);
	/* No table is put by for it, and a child finds it by itself. */
	child = fork_task(t, task);
	assert_true(!pmd_of(t, child, a) || pte_none(*pmd_of(t, child, a)));
	touch(t, child, a + 6 * PAGE_SIZE, 1, 8);
	assert_ptr_equal(huge_at(t, child, a), page);
	assert_int_equal(compound_mapcount(page), 2);
	assert_int_equal(peek(t, task, a + 6 * PAGE_SIZE), CONTENT(CONTENT_SAME, 8));
	testbox_verify(t);
	end_child(t, child);
	assert_int_equal(do_munmap(t->q, task->mm, a, 2 * PMD_SIZE), 0);
	assert_int_equal(rss(task, MM_SHMEMPAGES), 0);
	assert_int_equal(pages(t, NR_SHMEM_PMDMAPPED), 0);
	assert_int_equal(pages(t, NR_SHMEM_THPS), HPAGES);
	assert_true((unsigned long)task->mm->pgtables_bytes <= tables);
	testbox_verify(t);
	fput(t->q, file);
	assert_int_equal(pages(t, NR_SHMEM_THPS), 0);
	assert_int_equal(pages(t, NR_SHMEM), 0);
	assert_true(free_frames(t) + 100 >= free); /* slabs of what is new */
}

static void test_fault(__unused void **state)
{
	in(&plain, do_fault);
}

/* Is the first page of a new file huge?  written: by write(), without an area. */
static bool gets_huge(struct testbox *t, u64 size, unsigned long flags, bool written)
{
	struct file *file = shmem_file_setup(t->q, "x", size);
	struct page *page;
	bool huge;
	u64 a;

	if (written) {
		assert_int_equal(generic_file_write(t->q, file, 0, PAGE_SIZE), PAGE_SIZE);
	} else {
		a = do_mmap(t->q, t->task->mm, 0, 2 * PMD_SIZE, RW, MAP_SHARED, file, 0);
		find_vma(t->task->mm, a)->vm_flags |= (u32)flags;
		touch(t, t->task, a, 1, 1);
		assert_int_equal(do_munmap(t->q, t->task->mm, a, 2 * PMD_SIZE), 0);
	}
	page = find_get_page(t->q, &file->f_inode->i_data, 0);
	huge = PageTransHuge(page);
	put_page(t->q, page);
	testbox_verify(t);
	fput(t->q, file);
	return huge;
}

static void do_policy(struct testbox *t, __unused void *arg)
{
	assert_false(gets_huge(t, PMD_SIZE, VM_HUGEPAGE, false));
	set_huge(t, SHMEM_HUGE_ALWAYS);
	assert_true(gets_huge(t, PMD_SIZE, 0, false));
	assert_true(gets_huge(t, PAGE_SIZE, 0, true));
	assert_false(gets_huge(t, PMD_SIZE, VM_NOHUGEPAGE, false));
	set_huge(t, SHMEM_HUGE_WITHIN_SIZE);
	assert_true(gets_huge(t, PMD_SIZE, 0, false));
	assert_false(gets_huge(t, PMD_SIZE - PAGE_SIZE, 0, true));
	assert_true(gets_huge(t, PMD_SIZE - PAGE_SIZE, VM_HUGEPAGE, false));
	set_huge(t, SHMEM_HUGE_ADVISE);
	assert_false(gets_huge(t, PMD_SIZE, 0, false));
	assert_true(gets_huge(t, PMD_SIZE, VM_HUGEPAGE, false));
	set_huge(t, SHMEM_HUGE_DENY); /* the mount's word stays */
	assert_false(gets_huge(t, PMD_SIZE, VM_HUGEPAGE, false));
	set_huge(t, SHMEM_HUGE_FORCE);
	assert_true(gets_huge(t, PAGE_SIZE, 0, true));
	assert_false(gets_huge(t, PMD_SIZE, VM_NOHUGEPAGE, false));
}

static void do_fallback(struct testbox *t, __unused void *arg)
{
	set_huge(t, SHMEM_HUGE_ALWAYS);
	/* The inode and the file come first; none to be had: a small one. */
	for (unsigned long n = 1; n < 12; n++) {
		struct file *file;
		u64 a = map_it(t, t->task, 1, &file);

		testbox_fail_alloc(t, n);
		touch(t, t->task, a, 2, 3);
		testbox_fail_alloc(t, 0);
		assert_int_equal(peek(t, t->task, a + PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
		assert_int_equal(do_munmap(t->q, t->task->mm, a, PMD_SIZE), 0);
		testbox_verify(t);
		fput(t->q, file);
	}
	assert_true(event(t, THP_FILE_FALLBACK) > 0);
	assert_true(event(t, THP_FILE_ALLOC) > 0);
	/* A page is there already: not huge, and nothing is counted. */
	{
		unsigned long fallback = event(t, THP_FILE_FALLBACK);
		struct file *file;
		u64 a;

		set_huge(t, SHMEM_HUGE_NEVER);
		a = map_file(t, t->task, 1, &file);
		touch(t, t->task, a + PAGE_SIZE, 1, 1);
		set_huge(t, SHMEM_HUGE_ALWAYS);
		touch(t, t->task, a, 1, 1);
		assert_false(is_huge(t, t->task, a));
		assert_int_equal(event(t, THP_FILE_FALLBACK), fallback);
		fput(t->q, file);
	}
}

static void test_policy(__unused void **state)
{
	in(&plain, do_policy);
	in(&plain, do_fallback);
}

/* ---- parts ----------------------------------------------------------------------- */

static void do_parts(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct file *file;
	u64 a = map_it(t, task, 3, &file), priv;
	struct page *page;

	touch(t, task, a, 3 * HPAGES, 3);
	page = huge_at(t, task, a);
	/* A part unmapped: the entry goes, the page stays, pages come one by one. */
	assert_int_equal(do_munmap(t->q, task->mm, a, 100 * PAGE_SIZE), 0);
	assert_true(PageTransHuge(page));
	assert_int_equal(event(t, THP_SPLIT_PMD), 1);
	assert_int_equal(event(t, THP_DEFERRED_SPLIT_PAGE), 0);
	assert_int_equal(rss(task, MM_SHMEMPAGES), 2 * HPAGES);
	touch(t, task, a + 200 * PAGE_SIZE, 1, 4);
	assert_false(is_huge(t, task, a + 200 * PAGE_SIZE));
	assert_int_equal(page_mapcount(page + 200), 1);
	assert_int_equal(peek(t, task, a + 200 * PAGE_SIZE), CONTENT(CONTENT_SAME, 4));
	testbox_verify(t);
	/* A part protected otherwise. */
	assert_int_equal(do_mprotect(t->q, task->mm, a + PMD_SIZE, 7 * PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(event(t, THP_SPLIT_PMD), 2);
	touch(t, task, a + PMD_SIZE, 1, 0);
	touch(t, task, a + PMD_SIZE + 9 * PAGE_SIZE, 1, 5);
	assert_int_equal(do_mprotect(t->q, task->mm, a + PMD_SIZE, 7 * PAGE_SIZE, RW), 0);
	touch(t, task, a + PMD_SIZE, 1, 6);
	testbox_verify(t);
	/* Privately mapped, both ways at once; a write copies one page. */
	priv = do_mmap(t->q, task->mm, 0, 3 * PMD_SIZE, RW, MAP_PRIVATE, file, 0);
	assert_true(IS_ALIGNED(priv, PMD_SIZE));
	touch(t, task, priv, 1, 0);
	assert_ptr_equal(huge_at(t, task, priv), page);
	assert_true(PageDoubleMap(page));
	testbox_verify(t);
	touch(t, task, priv, 1, 9);
	assert_false(is_huge(t, task, priv));
	assert_int_equal(peek(t, task, priv), CONTENT(CONTENT_SAME, 9));
	touch(t, task, priv + 200 * PAGE_SIZE, 1, 0);
	assert_int_equal(peek(t, task, priv + 200 * PAGE_SIZE), CONTENT(CONTENT_SAME, 4));
	end_child(t, fork_task(t, task));
	testbox_verify(t);
	/* Moved, whole and to a place where it can't be. */
	touch(t, task, a + 2 * PMD_SIZE, 1, 8);
	assert_true(is_huge(t, task, a + 2 * PMD_SIZE));
	{
		u64 to = do_mmap(t->q, task->mm, 0, 3 * PMD_SIZE, RW, ANON, NULL, 0), at;

		assert_int_equal(do_munmap(t->q, task->mm, to, 3 * PMD_SIZE), 0);
		at = do_mremap(t->q, task->mm, a + 2 * PMD_SIZE, PMD_SIZE, PMD_SIZE,
			       MREMAP_MAYMOVE | MREMAP_FIXED, ALIGN(to, PMD_SIZE));
		assert_true(is_huge(t, task, at));
		testbox_verify(t);
		at = do_mremap(t->q, task->mm, at, PMD_SIZE, PMD_SIZE,
			       MREMAP_MAYMOVE | MREMAP_FIXED, at + PMD_SIZE + PAGE_SIZE);
		assert_false(IS_ERR_VALUE(at));
		touch(t, task, at, 1, 0);
		assert_int_equal(peek(t, task, at), CONTENT(CONTENT_SAME, 8));
	}
	testbox_verify(t);
	fput(t->q, file);
}

static void test_parts(__unused void **state)
{
	in(&plain, do_parts);
}

/* ---- holes ----------------------------------------------------------------------- */

static void do_holes(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct file *file;
	u64 a = map_it(t, task, 3, &file), priv;

	touch(t, task, a, 3 * HPAGES, 3);
	priv = do_mmap(t->q, task->mm, 0, 3 * PMD_SIZE, RW, MAP_PRIVATE, file, 0);
	touch(t, task, priv + 12 * PAGE_SIZE, 1, 5);
	/* A hole in the middle of one splits it. */
	assert_int_equal(
		do_madvise(t->q, task->mm, a + 10 * PAGE_SIZE, 20 * PAGE_SIZE, MADV_REMOVE), 0);
	assert_int_equal(event(t, THP_SPLIT_PAGE), 1);
	assert_int_equal(pages(t, NR_SHMEM_THPS), 2 * HPAGES);
	assert_int_equal(pages(t, NR_SHMEM), 3 * HPAGES - 20);
	testbox_verify(t);
	touch(t, task, a + 9 * PAGE_SIZE, 3, 0);
	assert_int_equal(peek(t, task, a + 9 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(peek(t, task, a + 10 * PAGE_SIZE), 0);
	assert_int_equal(peek(t, task, priv + 12 * PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
	/* One over a whole one takes it. */
	assert_int_equal(shmem_fallocate(t->q, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					 PMD_SIZE, PMD_SIZE),
			 0);
	assert_int_equal(event(t, THP_SPLIT_PAGE), 1);
	assert_int_equal(pages(t, NR_SHMEM_THPS), HPAGES);
	testbox_verify(t);
	/* A file that is cut within one. */
	truncate_setsize(t->q, file->f_inode, 2 * PMD_SIZE + 5 * PAGE_SIZE);
	assert_int_equal(event(t, THP_SPLIT_PAGE), 2);
	assert_int_equal(pages(t, NR_SHMEM_THPS), 0);
	testbox_verify(t);
	touch(t, task, a + 2 * PMD_SIZE, 5, 0);
	assert_int_equal(peek(t, task, a + 2 * PMD_SIZE + 4 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	/* Errors. */
	assert_int_equal(do_madvise(t->q, task->mm, priv, PAGE_SIZE, MADV_REMOVE), -EACCES);
	priv = map_anon(t, task, 1);
	assert_int_equal(do_madvise(t->q, task->mm, priv, PAGE_SIZE, MADV_REMOVE), -EINVAL);
	assert_int_equal(do_mlock(t->q, task->mm, a, PAGE_SIZE, true), 0);
	assert_int_equal(do_madvise(t->q, task->mm, a, PAGE_SIZE, MADV_REMOVE), -EINVAL);
	testbox_verify(t);
	fput(t->q, file);
}

/* Somebody has the page: it stays, with zeros in the hole. */
static void do_busy(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct file *file;
	u64 a = map_it(t, task, 1, &file);
	struct page *page;

	touch(t, task, a, HPAGES, 3);
	page = huge_at(t, task, a);
	get_page(page);
	assert_int_equal(do_madvise(t->q, task->mm, a + PAGE_SIZE, PAGE_SIZE, MADV_REMOVE), 0);
	assert_int_equal(event(t, THP_SPLIT_PAGE_FAILED), 1);
	touch(t, task, a, 2, 0);
	assert_int_equal(peek(t, task, a), CONTENT(CONTENT_SAME, 3));
	assert_int_equal(peek(t, task, a + PAGE_SIZE), 0);
	put_page(t->q, page);
	testbox_verify(t);
	/* A locked area's page is split all the same. */
	assert_int_equal(do_mlock(t->q, task->mm, a, PMD_SIZE, true), 0);
	assert_true(PageMlocked(page));
	get_page(page);
	lock_page(t->q, page);
	assert_int_equal(split_huge_page(t->q, page), 0);
	unlock_page(t->q, page);
	put_page(t->q, page);
	testbox_verify(t);
	touch(t, task, a, HPAGES, 0);
	assert_int_equal(peek(t, task, a + 2 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	testbox_verify(t);
	fput(t->q, file);
}

/* A file that ends within a huge page pays for it until memory is short, or the mount full. */
static void do_shrinklist(struct testbox *t, __unused void *arg)
{
	struct super_block *sb = t->q->cache->shm_sb;
	struct file *file, *other;

	set_huge(t, SHMEM_HUGE_ALWAYS);
	file = shmem_file_setup(t->q, "x", PAGE_SIZE);
	assert_int_equal(generic_file_write(t->q, file, 0, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(pages(t, NR_SHMEM), HPAGES);
	assert_int_equal(sb->s_shrinklist_len, 1);
	BREAK(t, sb->s_shrinklist_len, 2, "files counted that end within a huge page");
	sb->s_max_pages = HPAGES;
	other = shmem_file_setup(t->q, "y", PAGE_SIZE);
	assert_int_equal(generic_file_write(t->q, other, 0, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(event(t, THP_SPLIT_PAGE), 1);
	assert_int_equal(pages(t, NR_SHMEM), 2);
	assert_int_equal(sb->s_shrinklist_len, 0);
	sb->s_max_pages = 0;
	testbox_verify(t);
	fput(t->q, file);
	fput(t->q, other);
	/* And it leaves the list with its file. */
	file = shmem_file_setup(t->q, "x", PAGE_SIZE);
	assert_int_equal(generic_file_write(t->q, file, 0, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(sb->s_shrinklist_len, 1);
	fput(t->q, file);
	assert_int_equal(sb->s_shrinklist_len, 0);
}

static void do_fallocate(struct testbox *t, __unused void *arg)
{
	struct super_block *sb = t->q->cache->shm_sb;
	struct file *file = shmem_file_setup(t->q, "x", 0);
	u64 a;

	assert_int_equal(shmem_fallocate(t->q, file, 0x10, 0, PAGE_SIZE), -EOPNOTSUPP);
	assert_int_equal(shmem_fallocate(t->q, file, FALLOC_FL_PUNCH_HOLE, 0, PAGE_SIZE),
			 -EOPNOTSUPP);
	assert_int_equal(shmem_fallocate(t->q, file, 0, 0, 0), -EINVAL);
	/* All or nothing. */
	assert_int_equal(generic_file_write(t->q, file, 0, PAGE_SIZE), PAGE_SIZE);
	sb->s_max_pages = 20;
	assert_int_equal(shmem_fallocate(t->q, file, 0, 0, 21 * PAGE_SIZE), -ENOSPC);
	{
		struct file *other = shmem_file_setup(t->q, "y", 5 * PAGE_SIZE);

		assert_int_equal(generic_file_write(t->q, other, 0, 5 * PAGE_SIZE), 5 * PAGE_SIZE);
		assert_int_equal(shmem_fallocate(t->q, file, 0, 0, 20 * PAGE_SIZE), -ENOSPC);
		assert_int_equal(pages(t, NR_SHMEM), 6);
		fput(t->q, other);
	}
	sb->s_max_pages = 0;
	testbox_verify(t);
	assert_int_equal(shmem_fallocate(t->q, file, FALLOC_FL_KEEP_SIZE, 0, 30 * PAGE_SIZE), 0);
	assert_int_equal(file->f_inode->i_size, PAGE_SIZE);
	assert_int_equal(shmem_fallocate(t->q, file, 0, 0, 20 * PAGE_SIZE), 0);
	assert_int_equal(file->f_inode->i_size, 20 * PAGE_SIZE);
	assert_int_equal(pages(t, NR_SHMEM), 30);
	testbox_verify(t);
	/* Reading makes none, and finds zeros; touching clears. */
	assert_int_equal(generic_file_read(t->q, file, 0, 20 * PAGE_SIZE), 20 * PAGE_SIZE);
	a = do_mmap(t->q, t->task->mm, 0, 20 * PAGE_SIZE, RW, MAP_SHARED, file, 0);
	touch(t, t->task, a + PAGE_SIZE, 19, 0);
	assert_int_equal(peek(t, t->task, a + 3 * PAGE_SIZE), 0);
	assert_int_equal(pages(t, NR_SHMEM), 30);
	testbox_verify(t);
	/* What was promised behind the end outlives a split. */
	set_huge(t, SHMEM_HUGE_ALWAYS);
	fput(t->q, file);
	file = shmem_file_setup(t->q, "x", PAGE_SIZE);
	assert_int_equal(shmem_fallocate(t->q, file, FALLOC_FL_KEEP_SIZE, 0, 9 * PAGE_SIZE), 0);
	assert_int_equal(pages(t, NR_SHMEM_THPS), HPAGES);
	assert_int_equal(shmem_unused_huge_shrink(t->q, sb, 1), 1);
	assert_int_equal(pages(t, NR_SHMEM), 30 + 9);
	testbox_verify(t);
	fput(t->q, file);
}

static void test_holes(__unused void **state)
{
	in(&plain, do_holes);
	in(&plain, do_busy);
	in(&plain, do_shrinklist);
	in(&plain, do_fallocate);
}

/* ---- out and elsewhere -------------------------------------------------------------- */

static void do_swap(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct file *file;
	u64 a = map_it(t, task, 2, &file);

	for (u64 i = 0; i < 2 * HPAGES; i++)
		touch(t, task, a + i * PAGE_SIZE, 1, i + 1);
	assert_int_equal(do_madvise(t->q, task->mm, a, PMD_SIZE, MADV_PAGEOUT), 0);
	assert_int_equal(event(t, THP_SPLIT_PAGE), 1);
	assert_int_equal(event(t, THP_SWPOUT), 0);
	assert_int_equal(pages(t, NR_SHMEM_THPS), HPAGES);
	assert_true(file->f_inode->i_data.nrexceptional > HPAGES / 2);
	testbox_verify(t);
	for (u64 i = 0; i < 2 * HPAGES; i++) {
		touch(t, task, a + i * PAGE_SIZE, 1, 0);
		assert_int_equal(peek(t, task, a + i * PAGE_SIZE), CONTENT(CONTENT_SAME, i + 1));
	}
	assert_true(event(t, PSWPOUT) >= HPAGES / 2);
	testbox_verify(t);
	fput(t->q, file);
}

static void do_migrate(struct testbox *t, __unused void *arg)
{
	nodemask_t from = {{0}}, to = {{0}};
	struct task *task = t->task;
	struct file *file;
	u64 a = map_it(t, task, 1, &file);
	unsigned int nid;

	touch(t, task, a, HPAGES, 3);
	nid = page_to_nid(huge_at(t, task, a));
	node_set(&from, nid);
	node_set(&to, !nid);
	assert_true(do_migrate_pages(t->q, task->mm, &from, &to, MPOL_MF_MOVE_ALL) >= 0);
	assert_true(is_huge(t, task, a));
	assert_int_equal(page_to_nid(huge_at(t, task, a)), !nid);
	assert_int_equal(node_page_state(NODE_DATA(t->q, !nid), NR_SHMEM_THPS), HPAGES);
	assert_int_equal(node_page_state(NODE_DATA(t->q, !nid), NR_SHMEM_PMDMAPPED), HPAGES);
	assert_int_equal(event(t, THP_MIGRATION_SUCCESS), 1);
	assert_int_equal(peek(t, task, a + 77 * PAGE_SIZE), CONTENT(CONTENT_SAME, 3));
	testbox_verify(t);
	fput(t->q, file);
}

static void do_group(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *cg = mem_cgroup_create(t->q, t->q->group->root, "g");
	struct task *task = t->task;
	unsigned long before;
	struct file *file;
	u64 a;

	assert_int_equal(task_set_memcg(t->q, task, cg), 0);
	a = map_it(t, task, 2, &file);
	before = (unsigned long)cg->memory.usage;
	touch(t, task, a, 1, 3);
	assert_true((unsigned long)cg->memory.usage >= before + HPAGES);
	assert_int_equal(memcg_page_state(t->q, cg, NR_SHMEM_THPS), HPAGES);
	assert_int_equal(memcg_page_state(t->q, cg, NR_SHMEM), HPAGES);
	testbox_verify(t);
	/* A limit that one more would pass: small pages come. */
	mem_cgroup_set_max(t->q, cg, cg->memory.usage + 100);
	t->q->space->huge->flags |= BIT(TRANSPARENT_HUGEPAGE_DEFRAG_DIRECT_FLAG);
	touch(t, task, a + PMD_SIZE, 1, 1);
	assert_false(is_huge(t, task, a + PMD_SIZE));
	assert_int_equal(event(t, THP_FILE_FALLBACK), 1);
	assert_int_equal(event(t, THP_FILE_FALLBACK_CHARGE), 1);
	testbox_verify(t);
	fput(t->q, file);
	assert_int_equal(do_munmap(t->q, task->mm, a, 2 * PMD_SIZE), 0);
	assert_int_equal(memcg_page_state(t->q, cg, NR_SHMEM_THPS), 0);
	testbox_verify(t);
}

static void test_elsewhere(__unused void **state)
{
	in(&swapping, do_swap);
	in(&two_nodes, do_migrate);
	in(&plain, do_group);
}

/* ---- invariants ------------------------------------------------------------------- */

static void do_break(struct testbox *t, __unused void *arg)
{
	struct task *task = t->task;
	struct pglist_data *pgdat;
	struct file *file;
	struct page *page;
	u64 a = map_it(t, task, 1, &file);
	pte_t *pmdp;

	touch(t, task, a, 1, 3);
	page = huge_at(t, task, a);
	pgdat = page_pgdat(t->q, page);
	pmdp = pmd_of(t, task, a);
	BREAK_BY(t, mod_node_page_state(pgdat, NR_SHMEM_PMDMAPPED, 1),
		 mod_node_page_state(pgdat, NR_SHMEM_PMDMAPPED, -1),
		 "frames of shmem mapped by huge entries");
	BREAK_BY(t, mod_node_page_state(pgdat, NR_SHMEM_THPS, 1),
		 mod_node_page_state(pgdat, NR_SHMEM_THPS, -1), "nr_shmem_hugepages of node");
	BREAK(t, page->mapping, &t->q->cache->shm_sb->s_root->d_inode->i_data,
	      "maps a page of another file");
	BREAK(t, page->index, page->index + 1, "whose index leads elsewhere");
	BREAK(t, *pmdp, 0, "entries");
	fput(t->q, file);
}

static void test_break(__unused void **state)
{
	in(&plain, do_break);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fault),	  cmocka_unit_test(test_policy),
		cmocka_unit_test(test_parts),	  cmocka_unit_test(test_holes),
		cmocka_unit_test(test_elsewhere), cmocka_unit_test(test_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
