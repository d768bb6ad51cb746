/* SPDX-License-Identifier: MIT */
/*
 * Huge pages in use move to other frames: transparent ones mapped whole, in parts and
 * both ways, in the swap cache, locked, with nowhere to go; pages of pools, private and
 * shared; by mbind(), migrate_pages(), for contiguous ranges and when memory goes away.
 * What others see in between (migration entries) is looked at too.
 */
#include <string.h>

#include "proc/proc.h"
#include "reclaim/compaction.h"
#include "reclaim/memory_hotplug.h"
#include "reclaim/numa.h"
#include "space/hugetlb.h"
#include "tests/reclaim/huge_test.h"

#include <quire/proc.h>

/* Moves an isolated page to a node; how many did not. */
static int move_one(struct testbox *t, struct page *page, unsigned int nid)
{
	nodemask_t to = {{1UL << nid}};
	struct migration_target_control mtc = {.gfp = GFP_HIGHUSER_MOVABLE, .nmask = &to};
	LIST_HEAD(pages);
	int err;

	lru_add_drain_all(t->q);
	if (PageHuge(page)) {
		assert_int_equal(hugetlb_isolate(t->q, page, &pages), 0);
	} else {
		assert_int_equal(isolate_lru_page(t->q, page), 0);
		list_add(&page->lru, &pages);
	}
	err = migrate_pages(t->q, &pages, alloc_migration_target, NULL, &mtc, MIGRATE_SYNC, NULL);
	putback_movable_pages(t->q, &pages);
	lru_add_drain_all(t->q);
	testbox_verify(t);
	return err;
}

/* ---- transparent ones ------------------------------------------------------------ */

static void run_whole(struct testbox *t, __unused void *arg)
{
	unsigned long ok = event(t, PGMIGRATE_SUCCESS);
	u64 a = map_huge(t, t->task, 1);
	struct task *child;
	struct page *page;

	touch(t, t->task, a, HPAGES, 7);
	child = fork_task(t, t->task);
	SetPageReferenced(huge_at(t, t->task, a));
	assert_int_equal(move_one(t, huge_at(t, t->task, a), 1), 0);
	page = huge_at(t, t->task, a);
	assert_int_equal(page_to_nid(page), 1);
	assert_ptr_equal(huge_at(t, child, a), page);
	assert_true(PageTransHuge(page) && PageLRU(page) && PageReferenced(page));
	assert_int_equal(compound_mapcount(page), 2);
	assert_int_equal(page_ref_count(page), 2);
	assert_false(pte_write(*pmd_of(t, t->task, a)));
	assert_int_equal(event(t, THP_MIGRATION_SUCCESS), 1);
	assert_int_equal(event(t, PGMIGRATE_SUCCESS), ok + HPAGES);
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_ANON_THPS), HPAGES);
	holds(t, t->task, a, HPAGES, 7);
	end_child(t, child);
	touch(t, t->task, a, HPAGES, 8);
	assert_int_equal(move_one(t, page, 0), 0);
	assert_true(pte_write(*pmd_of(t, t->task, a)) && pte_dirty(*pmd_of(t, t->task, a)));
	holds(t, t->task, a, HPAGES, 8);
}

/* One space maps it whole, the other page by page and not all of it. */
static void run_both_ways(struct testbox *t, __unused void *arg)
{
	u64 a = map_huge(t, t->task, 1);
	struct task *child;
	struct page *page;

	touch(t, t->task, a, HPAGES, 5);
	child = fork_task(t, t->task);
	assert_int_equal(do_munmap(t->q, child->mm, a + 100 * PAGE_SIZE, 12 * PAGE_SIZE), 0);
	page = huge_at(t, t->task, a);
	assert_true(PageDoubleMap(page));
	assert_int_equal(page_mapcount(page + 99), 2);
	assert_int_equal(page_mapcount(page + 100), 1);
	assert_int_equal(move_one(t, page, 1), 0);
	page = huge_at(t, t->task, a);
	assert_int_equal(page_to_nid(page), 1);
	assert_true(PageDoubleMap(page));
	assert_int_equal(page_mapcount(page + 99), 2);
	assert_int_equal(page_mapcount(page + 100), 1);
	assert_ptr_equal(page_at(t, child, a + 112 * PAGE_SIZE), page + 112);
	holds(t, t->task, a, HPAGES, 5);
	holds(t, child, a, 100, 5);
	/* Mapped in parts only. */
	split_huge_pmd(t->q, find_vma(t->task->mm, a), pmd_of(t, t->task, a), a);
	assert_int_equal(move_one(t, page, 0), 0);
	page = page_at(t, t->task, a);
	assert_true(PageTransHuge(page) && !PageDoubleMap(page));
	assert_int_equal(page_mapcount(page + 99), 2);
	assert_int_equal(page_mapcount(page + 100), 1);
	holds(t, t->task, a, HPAGES, 5);
	end_child(t, child);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, PMD_SIZE), 0);
}

static void run_swapcache(struct testbox *t, __unused void *arg)
{
	u64 a = map_huge(t, t->task, 1);
	struct page *page;

	touch(t, t->task, a, HPAGES, 3);
	lru_add_drain_all(t->q);
	page = huge_at(t, t->task, a);
	lock_page(t->q, page);
	assert_true(add_to_swap(t->q, page));
	unlock_page(t->q, page);
	assert_true(PageTransHuge(page) && PageSwapCache(page));
	assert_int_equal(move_one(t, page, 1), 0);
	page = huge_at(t, t->task, a);
	assert_true(PageSwapCache(page) && PageDirty(page));
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_SWAPCACHE), HPAGES);
	/* Its pages still know their slots: each is found there after a split. */
	get_page(page);
	lock_page(t->q, page);
	assert_int_equal(split_huge_page(t->q, page), 0);
	unlock_page(t->q, page);
	put_page(t->q, page);
	testbox_verify(t);
	holds(t, t->task, a, HPAGES, 3);
}

static void run_mlocked(struct testbox *t, __unused void *arg)
{
	u64 a = map_huge(t, t->task, 1);
	struct page *page;

	touch(t, t->task, a, 1, 3);
	assert_int_equal(do_mlock(t->q, t->task->mm, a, PMD_SIZE, true), 0);
	assert_int_equal(move_one(t, huge_at(t, t->task, a), 1), 0);
	page = huge_at(t, t->task, a);
	assert_true(PageMlocked(page) && PageUnevictable(page));
	assert_int_equal(node_page_state(NODE_DATA(t->q, 1), NR_UNEVICTABLE), HPAGES);
	assert_int_equal(do_mlock(t->q, t->task->mm, a, PMD_SIZE, false), 0);
}

static bool fail_huge(__unused struct quire *q, __unused gfp_t gfp, unsigned int order,
		      __unused void *ctx)
{
	return order == HPAGE_PMD_ORDER;
}

/* There is no huge page to move to: it is split, and its pages move. */
static void run_split(struct testbox *t, __unused void *arg)
{
	u64 a = map_huge(t, t->task, 1);
	unsigned long moved = 0;

	touch(t, t->task, a, HPAGES, 6);
	t->q->page->fail_alloc = fail_huge;
	assert_int_equal(move_one(t, huge_at(t, t->task, a), 1), 0);
	t->q->page->fail_alloc = NULL;
	assert_false(is_huge(t, t->task, a));
	for (u64 i = 0; i < HPAGES; i++)
		moved += page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE)) == 1;
	assert_int_equal(moved, HPAGES);
	assert_int_equal(event(t, THP_MIGRATION_SPLIT), 1);
	assert_int_equal(event(t, THP_MIGRATION_FAIL), 1);
	holds(t, t->task, a, HPAGES, 6);
	assert_int_equal(global_node_page_state(t->q, NR_ISOLATED_ANON), 0);
}

/* Somebody has a reference: it stays, as it was. */
static void run_pinned(struct testbox *t, __unused void *arg)
{
	u64 a = map_huge(t, t->task, 1);
	struct page *page;

	touch(t, t->task, a, HPAGES, 4);
	page = huge_at(t, t->task, a);
	get_page(page);
	assert_int_equal(move_one(t, page, 1), 1);
	assert_ptr_equal(huge_at(t, t->task, a), page);
	assert_true(pte_write(*pmd_of(t, t->task, a)));
	assert_int_equal(event(t, THP_MIGRATION_FAIL), 1);
	put_page(t->q, page);
	holds(t, t->task, a, HPAGES, 4);
}

/* ---- in between ------------------------------------------------------------------ */

static struct page *begin(struct testbox *t, u64 a)
{
	struct page *page;

	lru_add_drain_all(t->q);
	page = huge_at(t, t->task, a);
	get_page(page);
	lock_page(t->q, page);
	assert_true(try_to_migrate(t->q, page));
	assert_true(pte_is_migration(*pmd_of(t, t->task, a)));
	return page;
}

static void end(struct testbox *t, struct page *page)
{
	remove_migration_ptes(t->q, page, page);
	unlock_page(t->q, page);
	put_page(t->q, page);
	testbox_verify(t);
}

static char *read_file(struct testbox *t, const char *name)
{
	static char buf[1 << 16];
	char path[64];
	s64 n;

	(void)text_format(path, sizeof(path), "/proc/%d/%s", t->task->pid, name);
	n = quire_proc_read(t->q, path, buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = 0;
	return buf;
}

static void run_entries(struct testbox *t, __unused void *arg)
{
	u64 a = map_huge(t, t->task, 1);
	unsigned long pages;
	struct task *child;
	struct page *page;

	touch(t, t->task, a, HPAGES, 2);
	pages = anon(t->task);
	page = begin(t, a);
	assert_int_equal(total_mapcount(page), 0);
	assert_int_equal(anon(t->task), pages);
	assert_non_null(strstr(read_file(t, "smaps"), "AnonHugePages:      2048 kB"));
	testbox_verify(t);
	/* A fork copies the entry, and neither may write afterwards. */
	child = fork_task(t, t->task);
	assert_int_equal(rss(child, MM_ANONPAGES), rss(t->task, MM_ANONPAGES));
	testbox_verify(t);
	end(t, page);
	assert_int_equal(compound_mapcount(page), 2);
	assert_false(pte_write(*pmd_of(t, t->task, a)));
	/* A part is unmapped in one space: there the entry is cut into 512. */
	page = begin(t, a);
	assert_int_equal(do_munmap(t->q, child->mm, a, 5 * PAGE_SIZE), 0);
	assert_true(pte_is_migration(*pte_of(t, child, a + 5 * PAGE_SIZE)));
	assert_ptr_equal(migration_entry_page(t->q, *pte_of(t, child, a + 5 * PAGE_SIZE)),
			 page + 5);
	testbox_verify(t);
	end(t, page);
	assert_int_equal(page_mapcount(page), 1);
	assert_int_equal(page_mapcount(page + 5), 2);
	holds(t, child, a + 5 * PAGE_SIZE, HPAGES - 5, 2);
	end_child(t, child);
	/* It may no more be written. */
	touch(t, t->task, a, HPAGES, 9);
	page = begin(t, a);
	assert_int_equal(do_mprotect(t->q, t->task->mm, a, PMD_SIZE, PROT_READ), 0);
	end(t, page);
	assert_false(pte_write(*pmd_of(t, t->task, a)));
	/* All of it is unmapped. */
	page = begin(t, a);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, PMD_SIZE), 0);
	assert_int_equal(anon(t->task), 0);
	testbox_verify(t);
	remove_migration_ptes(t->q, page, page);
	unlock_page(t->q, page);
	assert_int_equal(page_ref_count(page), 1);
	put_page(t->q, page);
}

struct waiter {
	struct testbox *t;
	struct task *task;
	u64 addr;
	bool done;
};

static void fault_there(void *arg)
{
	struct waiter *w = arg;

	touch(w->t, w->task, w->addr, 1, 99);
	w->done = true;
}

static void run_wait(struct testbox *t, __unused void *arg)
{
	struct waiter w = {.t = t, .task = t->task, .addr = map_huge(t, t->task, 1)};
	struct page *page;

	touch(t, t->task, w.addr, HPAGES, 1);
	page = begin(t, w.addr);
	assert_non_null(model_spawn(t->m, "waiter", fault_there, &w, t->task, -1));
	model_sleep(t->m, 10 * NSEC_PER_MSEC);
	assert_false(w.done);
	end(t, page);
	model_sleep(t->m, 10 * NSEC_PER_MSEC);
	assert_true(w.done);
}

/* ---- pools ----------------------------------------------------------------------- */

static struct page *hugetlb_at(struct testbox *t, struct task *task, u64 a)
{
	const pte_t *ptep = hugetlb_pte(t->q, find_vma(task->mm, a), a);

	assert_true(ptep && pte_present(*ptep));
	return pfn_to_page(t->q, pte_pfn(*ptep));
}

static void run_pool(struct testbox *t, __unused void *arg)
{
	struct hstate *h = pool(t);
	struct task *child;
	struct page *page;
	u64 a, b;

	resize(t, 4);
	a = map_pool(t, 2, HUGEMAP, 5);
	b = map_pool(t, 2, SHARED, 6);
	child = fork_task(t, t->task);
	touch(t, child, b, 2 * HPAGES, 6);
	/* No page of the pool is free: it gets a temporary one. */
	for (u64 i = 0; i < 2; i++) {
		assert_int_equal(move_one(t, hugetlb_at(t, t->task, a + i * HUGE), i), 0);
		assert_int_equal(page_to_nid(hugetlb_at(t, t->task, a + i * HUGE)), i);
		assert_ptr_equal(hugetlb_at(t, t->task, a + i * HUGE),
				 hugetlb_at(t, child, a + i * HUGE));
		assert_int_equal(move_one(t, hugetlb_at(t, t->task, b + i * HUGE), 1), 0);
		assert_ptr_equal(hugetlb_at(t, t->task, b + i * HUGE),
				 hugetlb_at(t, child, b + i * HUGE));
	}
	assert_int_equal(h->nr_huge_pages, 4);
	assert_int_equal(h->free_huge_pages, 0);
	assert_int_equal(h->nr_huge_pages_node[1], 3);
	assert_int_equal(h->surplus_huge_pages, 0);
	holds(t, t->task, a, 2 * HPAGES, 5);
	holds(t, child, a, 2 * HPAGES, 5);
	holds(t, t->task, b, 2 * HPAGES, 6);
	end_child(t, child);
	touch(t, t->task, a, HPAGES, 8);
	/* With one free it moves there, and the old one is free. */
	assert_int_equal(set_max_huge_pages(t->q, h, 2, 0, NULL), 0);
	page = hugetlb_at(t, t->task, b);
	assert_int_equal(page_to_nid(page), 1);
	assert_int_equal(h->free_huge_pages, 1);
	assert_int_equal(move_one(t, page, 0), 0);
	assert_int_equal(h->nr_huge_pages, 5);
	assert_int_equal(h->free_huge_pages_node[1], 1);
	/* Pinned: it stays. */
	page = hugetlb_at(t, t->task, a);
	get_page(page);
	assert_int_equal(move_one(t, page, 1 - page_to_nid(page)), 1);
	assert_ptr_equal(hugetlb_at(t, t->task, a), page);
	put_page(t->q, page);
	holds(t, t->task, a, HPAGES, 8);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, 2 * HUGE), 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, b, 2 * HUGE), 0);
	assert_int_equal(h->free_huge_pages, 5);
	testbox_verify(t);
	resize(t, 0);
}

static void run_pool_entries(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_inode *file;
	struct task *child;
	struct page *page;
	u64 a;

	resize(t, 2);
	a = map_pool(t, 1, HUGEMAP, 5);
	page = hugetlb_at(t, t->task, a);
	get_page(page);
	lock_page(t->q, page);
	file = hugetlb_pin_file(t->q, page);
	assert_non_null(file);
	hugetlb_try_to_migrate(t->q, file, page);
	assert_int_equal(compound_mapcount(page), 0);
	testbox_verify(t);
	(void)read_file(t, "smaps");
	(void)read_file(t, "numa_maps");
	child = fork_task(t, t->task);
	assert_int_equal(child->mm->hugetlb_usage, HPAGES);
	testbox_verify(t);
	assert_int_equal(do_mprotect(t->q, t->task->mm, a, HUGE, PROT_READ), 0);
	end_child(t, child);
	testbox_verify(t);
	hugetlb_remove_migration_ptes(t->q, file, page, page);
	assert_int_equal(compound_mapcount(page), 1);
	assert_false(pte_write(*hugetlb_pte(t->q, find_vma(t->task->mm, a), a)));
	/* Its area goes while it moves, and with it its file. */
	hugetlb_try_to_migrate(t->q, file, page);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, HUGE), 0);
	assert_int_equal(t->task->mm->hugetlb_usage, 0);
	hugetlb_remove_migration_ptes(t->q, file, page, page);
	hugetlb_unpin_file(t->q, file);
	unlock_page(t->q, page);
	assert_int_equal(page_ref_count(page), 1);
	page->mapping = NULL;
	put_page(t->q, page);
	assert_int_equal(pool(t)->free_huge_pages, 2);
	resize(t, 0);
}

/* ---- who moves them -------------------------------------------------------------- */

static void run_policy(struct testbox *t, __unused void *arg)
{
	struct mempolicy pol = {.mode = MPOL_BIND, .nodes = {{2}}};
	nodemask_t from = {{2}}, to = {{1}};
	u64 a = map_huge(t, t->task, 2), b;
	struct task *task = t->task;

	touch(t, task, a, 2 * HPAGES, 7);
	resize(t, 2);
	b = map_pool(t, 2, HUGEMAP, 8);
	assert_int_equal(do_mbind(t->q, task, a, 2 * PMD_SIZE, &pol, MPOL_MF_STRICT),
			 page_to_nid(huge_at(t, task, a)) == 1 ? 0 : -EIO);
	assert_int_equal(do_mbind(t->q, task, a, 2 * PMD_SIZE, &pol, MPOL_MF_MOVE | MPOL_MF_STRICT),
			 0);
	assert_int_equal(do_mbind(t->q, task, b, 2 * HUGE, &pol, MPOL_MF_MOVE | MPOL_MF_STRICT), 0);
	for (u64 i = 0; i < 2; i++) {
		assert_int_equal(page_to_nid(huge_at(t, task, a + i * PMD_SIZE)), 1);
		assert_int_equal(page_to_nid(hugetlb_at(t, task, b + i * HUGE)), 1);
	}
	testbox_verify(t);
	assert_int_equal(do_migrate_pages(t->q, task->mm, &from, &to, MPOL_MF_MOVE_ALL), 0);
	for (u64 i = 0; i < 2; i++) {
		assert_int_equal(page_to_nid(huge_at(t, task, a + i * PMD_SIZE)), 0);
		assert_int_equal(page_to_nid(hugetlb_at(t, task, b + i * HUGE)), 0);
	}
	holds(t, task, a, 2 * HPAGES, 7);
	holds(t, task, b, 2 * HPAGES, 8);
	assert_int_equal(do_munmap(t->q, task->mm, b, 2 * HUGE), 0);
	resize(t, 0);
}

/* A block with huge pages of all kinds in use goes, and free ones of the pool with it. */
static void run_offline(struct testbox *t, __unused void *arg)
{
	unsigned int block = 1;
	struct found was;
	struct full f;

	fill(t, &f);
	was = look(t, block * PAGES_PER_SECTION, (block + 1) * PAGES_PER_SECTION);
	assert_true(was.thp > 5 && was.used && was.free);
	assert_int_equal(memory_block_offline(t->q, block), 0);
	/* Those in use have moved to free ones elsewhere. */
	assert_int_equal(pool(t)->nr_huge_pages, ROUNDS * 12 - was.free - was.used);
	assert_int_equal(pool(t)->max_huge_pages, pool(t)->nr_huge_pages);
	testbox_verify(t);
	assert_int_equal(memory_block_online(t->q, block, MMOP_ONLINE), 0);
	check_and_empty(t, &f);
}

/* A range for somebody: the pool keeps its size. */
static void run_contig(struct testbox *t, __unused void *arg)
{
	struct zone *zone = &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32];
	u64 nr = 64 * HPAGES, at = nr;
	struct found was = {0};
	struct full f;

	fill(t, &f);
	while (!was.thp || !was.used || !was.free) {
		at += HPAGES;
		assert_true(at + nr < zone_end_pfn(zone));
		was = look(t, at, at + nr);
	}
	assert_int_equal(alloc_contig_range(t->q, zone, at, at + nr, MIGRATE_MOVABLE), 0);
	was = look(t, at, at + nr);
	assert_int_equal(was.thp + was.used + was.free, 0);
	assert_int_equal(pool(t)->nr_huge_pages, ROUNDS * 12);
	testbox_verify(t);
	free_contig_range(t->q, at, nr);
	check_and_empty(t, &f);
}

static void cma(struct quire_config *cfg)
{
	cfg->cma_bytes = 32UL << 20;
}

/* Transparent ones are lent memory of a contiguous area. */
static void run_cma(struct testbox *t, __unused void *arg)
{
	struct cma *area = &t->q->page->cma->areas[0];
	u64 a = map_huge(t, t->task, 230);
	struct page *page;

	touch(t, t->task, a, 230 * HPAGES, 7);
	assert_true(look(t, area->base_pfn, area->base_pfn + area->count).thp > 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, a + 150 * PMD_SIZE, 80 * PMD_SIZE), 0);
	page = cma_alloc(t->q, area, area->count, 0, false);
	assert_non_null(page);
	holds(t, t->task, a, 150 * HPAGES, 7);
	testbox_verify(t);
	assert_true(cma_release(t->q, area, page, area->count));
}

#define GIGA "/sys/kernel/mm/hugepages/hugepages-1048576kB/"

static s64 put(struct testbox *t, const char *path, const char *value)
{
	return quire_proc_write(t->q, path, value, strlen(value));
}

/* 1 GiB at run time from memory in use; and cut into the other pool's pages. */
static void run_gigantic(struct testbox *t, __unused void *arg)
{
	struct hstate *h = size_to_hstate(t->q, 1UL << 30);
	unsigned long n = 2200;
	u64 a = map_huge(t, t->task, n);

	for (u64 i = 0; i < n; i++)
		touch(t, t->task, a + i * PMD_SIZE, 1, 7);
	/* So that it lies all over the place: every second one goes. */
	for (u64 i = 0; i < n; i += 2)
		assert_int_equal(do_munmap(t->q, t->task->mm, a + i * PMD_SIZE, PMD_SIZE), 0);
	assert_int_equal(set_max_huge_pages(t->q, h, 1, NUMA_NO_NODE, NULL), 0);
	assert_int_equal(h->nr_huge_pages, 1);
	assert_true(event(t, THP_MIGRATION_SUCCESS) > 0);
	for (u64 i = 1; i < n; i += 2)
		holds(t, t->task, a + i * PMD_SIZE, 1, 7);
	testbox_verify(t);
	assert_int_equal(put(t, GIGA "demote_size", "1G\n"), -EINVAL);
	assert_int_equal(put(t, GIGA "demote_size", "4kB\n"), -EINVAL);
	assert_int_equal(put(t, GIGA "demote_size", "nonsense\n"), -EINVAL);
	assert_true(put(t, GIGA "demote_size", "2048kB\n") > 0);
	assert_int_equal(demote_huge_pages(t->q, pool(t), 1, NUMA_NO_NODE), -EINVAL);
	assert_int_equal(put(t, GIGA "demote", "-1\n"), -EINVAL);
	assert_true(put(t, GIGA "demote", "1\n") > 0);
	assert_int_equal(h->nr_huge_pages, 0);
	assert_int_equal(pool(t)->nr_huge_pages, 512);
	assert_int_equal(pool(t)->max_huge_pages, 512);
	assert_int_equal(pool(t)->free_huge_pages, 512);
	testbox_verify(t);
	a = map_pool(t, 3, HUGEMAP, 8);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, 3 * HUGE), 0);
	resize(t, 0);
	assert_int_equal(demote_huge_pages(t->q, h, 1, NUMA_NO_NODE), 0);
}

static const struct testbox_config with_cma = {.node_mb = {512}, .tune = cma};
static const struct testbox_config large = {.node_mb = {5120}};

TEST(whole, two_nodes)
TEST(both_ways, two_nodes)
TEST(swapcache, two_nodes)
TEST(mlocked, two_nodes)
TEST(split, two_nodes)
TEST(pinned, two_nodes)
TEST(entries, two_nodes)
TEST(wait, two_nodes)
TEST(pool, two_nodes)
TEST(pool_entries, two_nodes)
TEST(policy, two_nodes)
TEST(offline, one_node)
TEST(contig, one_node)
TEST(cma, with_cma)
TEST(gigantic, large)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	  cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_swapcache), cmocka_unit_test(test_mlocked),
		cmocka_unit_test(test_split),	  cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_entries),	  cmocka_unit_test(test_wait),
		cmocka_unit_test(test_pool),	  cmocka_unit_test(test_pool_entries),
		cmocka_unit_test(test_policy),	  cmocka_unit_test(test_offline),
		cmocka_unit_test(test_contig),	  cmocka_unit_test(test_cma),
		cmocka_unit_test(test_gigantic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
