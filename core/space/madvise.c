/* SPDX-License-Identifier: MIT */
/*
 * madvise(): what a process says of its memory (Linux's madvise.c).
 *
 *	DONTNEED	pages go at once
 *	FREE		anonymous pages may go unless they are written again: clean,
 *			not PG_swapbacked, on the inactive file list (lazily freed)
 *	COLD		to the inactive list, not counted as used
 *	PAGEOUT		reclaimed now
 *	WILLNEED	read in, from the file or from swap
 *	POPULATE_*	faulted in
 *	HUGEPAGE, NOHUGEPAGE, COLLAPSE	transparent huge pages
 *	REMOVE		a hole in the file: its pages go, for everybody
 *	NORMAL, RANDOM, SEQUENTIAL, DONTFORK, DOFORK, WIPEONFORK, KEEPONFORK,
 *	DONTDUMP, DODUMP	flags of the area
 *
 * COLD, PAGEOUT and FREE leave pages alone that others map too; a huge page that
 * the range covers in part is split for them.
 *
 * Locks: mmap_lock, for writing where areas change; page_table_lock for entries.
 */
#include "space/hugetlb.h"
#include "space/userfault.h"

/* What is done to each page of a range. */
struct advice {
	int behavior;
	struct list_head pages; /* PAGEOUT: isolated, each with a reference */
};

/* The end wraps round, or len does as it is rounded up. */
static bool bad_range(u64 start, u64 len)
{
	return !IS_ALIGNED(start, PAGE_SIZE) || PAGE_ALIGN(len) < len ||
	       start + PAGE_ALIGN(len) < start;
}

/* ---- one page -------------------------------------------------------------------- */

/* Off its list for reclaim, with a reference; under page_table_lock. */
static void isolate_for_pageout(struct quire *q, struct page *page, struct list_head *pages)
{
	struct pglist_data *pgdat = page_pgdat(q, page);

	if (!get_page_unless_zero(page))
		return;
	spin_lock(q, &pgdat->lru_lock);
	if (!PageLRU(page) || PageUnevictable(page)) {
		spin_unlock(q, &pgdat->lru_lock);
		(void)put_page_testzero(page); /* mapped, so not the last */
		return;
	}
	del_page_from_lru_list(q, page_lruvec(q, page), page);
	ClearPageLRU(page);
	SetPageIsolated(page);
	spin_unlock(q, &pgdat->lru_lock);
	list_add(&page->lru, pages);
}

/* The page loses what keeps it: under page_table_lock. */
static void make_cold(struct quire *q, struct advice *a, struct page *page)
{
	ClearPageReferenced(page);
	if (a->behavior == MADV_COLD)
		deactivate_page(q, page);
	else
		isolate_for_pageout(q, page, &a->pages);
}

/* MADV_FREE of a page that nobody else maps; false: it is kept as it is. */
static bool may_free_lazily(struct quire *q, struct page *page)
{
	bool ok = true;

	if (!PageSwapCache(page) && !PageDirty(page))
		return true;
	if (!trylock_page(page))
		return false;
	if (PageSwapCache(page))
		ok = try_to_free_swap(q, page);
	if (ok)
		ClearPageDirty(page);
	unlock_page(q, page);
	return ok;
}

/* One present entry of level 1 or 2, of a page that is the head or single. */
static void advise_present(struct quire *q, struct advice *a, struct vm_area_struct *vma, u64 addr,
			   pte_t *ptep)
{
	pte_t pte = *ptep, clear = _PAGE_ACCESSED;
	struct page *page = pfn_to_page(q, pte_pfn(pte));

	if (a->behavior == MADV_FREE) {
		if (!PageAnon(page) || !may_free_lazily(q, page))
			return;
		clear |= _PAGE_DIRTY;
	}
	if (pte & clear) {
		set_pte(q, ptep, pte & ~clear);
		flush_tlb(q, vma->vm_mm, addr, addr + (pmd_leaf(pte) ? PMD_SIZE : PAGE_SIZE));
	}
	if (a->behavior == MADV_FREE)
		mark_page_lazyfree(q, page);
	else
		make_cold(q, a, page);
}

/* ---- ranges ---------------------------------------------------------------------- */

/* A page of a huge one that is mapped page by page, and by this space alone: it
 * is split.  Drops page_table_lock meanwhile. */
static bool split_for_advice(struct quire *q, struct mm_struct *mm, struct page *page)
{
	struct page *head = compound_head(page);
	bool split = false;

	if (page_mapcount(page) != 1 || !trylock_page(head))
		return false;
	get_page(head);
	spin_unlock(q, &mm->page_table_lock);
	split = !split_huge_page(q, head);
	unlock_page(q, head);
	put_page(q, head);
	spin_lock(q, &mm->page_table_lock);
	return split;
}

/* A huge entry: as a whole if the range covers it and the page is ours alone,
 * else it is split.  True: done with it. */
static bool advise_huge(struct quire *q, struct advice *a, struct vm_area_struct *vma, pte_t *pmdp,
			u64 addr, u64 stop)
{
	pte_t pmd = *pmdp;
	struct page *page;

	if (pte_special(pmd))
		return true;
	page = pfn_to_page(q, pte_pfn(pmd));
	if (total_mapcount(page) != 1)
		return true;
	if (stop - addr == PMD_SIZE) {
		advise_present(q, a, vma, addr, pmdp);
		return true;
	}
	return !split_for_advice(q, vma->vm_mm, page) || pmd_leaf(*pmdp);
}

/* The entries of one table; page_table_lock is held. */
static void advise_table(struct quire *q, struct advice *a, struct vm_area_struct *vma, pte_t *pmdp,
			 u64 addr, u64 stop)
{
	struct task *task = current_task(q);
	struct mm_struct *mm = vma->vm_mm;
	long nr_swap = 0;

	for (; addr < stop && pmd_table(*pmdp); addr += PAGE_SIZE) {
		pte_t *ptep = pte_offset(q, *pmdp, addr);
		struct page *page;

		if (pte_none(*ptep))
			continue;
		if (!pte_present(*ptep)) {
			if (a->behavior == MADV_FREE && pte_in_swap(*ptep)) {
				free_swap_and_cache(q, pte_to_swp_entry(*ptep));
				set_pte(q, ptep, 0);
				nr_swap--;
			}
			continue;
		}
		if (pte_special(*ptep))
			continue;
		page = pfn_to_page(q, pte_pfn(*ptep));
		if (PageCompound(page)) {
			if (!split_for_advice(q, mm, page))
				break;
			addr -= PAGE_SIZE; /* once more */
			continue;
		}
		if (page_mapcount(page) == 1)
			advise_present(q, a, vma, addr, ptep);
	}
	if (!nr_swap)
		return;
	if (task && task->mm == mm)
		sync_mm_rss(task);
	add_mm_counter(mm, MM_SWAPENTS, nr_swap);
}

static void advise_range(struct quire *q, struct advice *a, struct vm_area_struct *vma, u64 addr,
			 u64 end)
{
	struct mm_struct *mm = vma->vm_mm;
	pte_t *pmdp;

	lru_add_drain(q);
	while ((pmdp = next_pmd(q, mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);

		spin_lock(q, &mm->page_table_lock);
		if (!pmd_leaf(*pmdp) || !advise_huge(q, a, vma, pmdp, addr, stop))
			advise_table(q, a, vma, pmdp, addr, stop);
		spin_unlock(q, &mm->page_table_lock);
		charge_ns(q, ((stop - addr) >> PAGE_SHIFT) * q->cost.madvise_page);
		if (!list_empty(&a->pages) && q->space->reclaim_pages)
			(void)q->space->reclaim_pages(q, &a->pages);
		addr = stop;
		cond_resched(q);
	}
}

/* Swapped pages are read, cached ones of a file brought in; nothing is mapped. */
static void willneed(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	struct mm_struct *mm = vma->vm_mm;
	pte_t *pmdp;

	if (vma->vm_file) {
		unsigned long first = linear_page_index(vma, start);

		force_page_cache_readahead(q, vma->vm_file, first, (end - start) >> PAGE_SHIFT);
		return;
	}
	while ((pmdp = next_pmd(q, mm->pgd_pfn, &start, end)) != NULL) {
		u64 stop = pmd_addr_end(start, end);

		for (; start < stop && pmd_table(*pmdp); start += PAGE_SIZE) {
			pte_t pte = HOT_LOAD(pte_offset(q, *pmdp, start));

			if (pte_in_swap(pte))
				swap_willneed(q, pte_to_swp_entry(pte));
		}
		start = stop;
	}
}

/* Pages of a pool go as a whole: a start within one is wrong, an end is cut. */
static bool dontneed_fits(const struct vm_area_struct *vma, u64 start, u64 *end)
{
	u64 size;

	if (!is_vm_hugetlb_page(vma))
		return true;
	size = huge_page_size(hstate_vma(vma));
	*end = ALIGN_DOWN(*end, size);
	return IS_ALIGNED(start, size);
}

/* One area's part of the range; mmap_lock is held for reading. */
static int advise_area(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
		       int behavior)
{
	struct advice a = {.behavior = behavior};

	INIT_LIST_HEAD(&a.pages);
	switch (behavior) {
	case MADV_WILLNEED:
		willneed(q, vma, start, end);
		return 0;
	case MADV_DONTNEED:
		if (vma->vm_flags & VM_LOCKED)
			return -EINVAL;
		__attribute__((fallthrough));
	case MADV_DONTNEED_LOCKED:
		if ((vma->vm_flags & VM_PFNMAP) || !dontneed_fits(vma, start, &end))
			return -EINVAL;
		zap_page_range(q, vma, start, end);
		return 0;
	case MADV_FREE:
		if (vma->vm_file || (vma->vm_flags & VM_HUGETLB))
			return -EINVAL;
		break;
	default:
		if (vma->vm_flags & (VM_LOCKED | VM_HUGETLB))
			return -EINVAL;
	}
	advise_range(q, &a, vma, start, end);
	return 0;
}

/* An advice whose pages go, and that the area can take. */
static bool takes_away(const struct vm_area_struct *vma, int behavior)
{
	switch (behavior) {
	case MADV_DONTNEED:
		return !(vma->vm_flags & (VM_LOCKED | VM_PFNMAP));
	case MADV_FREE:
		return !vma->vm_file;
	default:
		return behavior == MADV_DONTNEED_LOCKED;
	}
}

static int advise_pages(struct quire *q, struct mm_struct *mm, u64 start, u64 end, int behavior)
{
	struct vm_area_struct *vma;
	int err = 0, hole = 0;

	down_read(q, &mm->mmap_lock);
	for (vma = find_vma(mm, start); start < end && vma && vma->vm_start < end && !err;
	     vma = vma->vm_next) {
		if (vma->vm_start > start)
			hole = -ENOMEM; /* the rest is done all the same */
		start = max(start, vma->vm_start);
		if (unlikely(vma->uffd) && takes_away(vma, behavior) &&
		    !userfaultfd_remove(q, vma, start, min(end, vma->vm_end))) {
			vma = find_vma(mm, start);
			if (!vma || vma->vm_start > start) {
				err = -ENOMEM;
				break;
			}
		}
		err = advise_area(q, vma, start, min(end, vma->vm_end), behavior);
		start = vma->vm_end;
	}
	if (start < end)
		hole = -ENOMEM;
	up_read(q, &mm->mmap_lock);
	return err ? err : hole;
}

/* REMOVE: a hole in the file, for everybody.  mmap_lock is held for reading, and dropped
 * meanwhile; the file may go with its area then. */
static int remove_range(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma,
			u64 start, u64 end)
{
	struct file *file = vma->vm_file;
	u64 offset = start - vma->vm_start + ((u64)vma->vm_pgoff << PAGE_SHIFT);
	int err;

	if ((vma->vm_flags & (VM_LOCKED | VM_HUGETLB)) || !file)
		return -EINVAL;
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	(void)HOT_ADD(&file->f_count, 1);
	if (unlikely(vma->uffd))
		(void)userfaultfd_remove(q, vma, start, end);
	up_read(q, &mm->mmap_lock);
	err = shmem_fallocate(q, file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
			      end - start);
	fput(q, file);
	down_read(q, &mm->mmap_lock);
	return err;
}

static int remove_pages(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma;
	int err = 0, hole = 0;

	down_read(q, &mm->mmap_lock);
	while (start < end && !err) {
		u64 stop;

		vma = find_vma(mm, start);
		if (!vma || vma->vm_start >= end)
			break;
		if (vma->vm_start > start)
			hole = -ENOMEM;
		start = max(start, vma->vm_start);
		stop = min(end, vma->vm_end);
		err = remove_range(q, mm, vma, start, stop);
		start = stop;
	}
	up_read(q, &mm->mmap_lock);
	if (start < end && !err)
		hole = -ENOMEM;
	return err ? err : hole;
}

/* POPULATE: every page, area by area; holes are told of at the end. */
static int populate(struct quire *q, struct mm_struct *mm, u64 start, u64 end, bool write)
{
	int err = 0, hole = 0;

	while (start < end && !err) {
		const struct vm_area_struct *vma;
		u64 stop = end;

		down_read(q, &mm->mmap_lock);
		vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start)
			hole = -ENOMEM;
		start = vma ? max(start, vma->vm_start) : end;
		if (start < end) {
			stop = min(end, vma->vm_end);
			if ((vma->vm_flags & VM_PFNMAP) ||
			    !(vma->vm_flags & (write ? VM_WRITE : VM_READ)))
				err = -EINVAL;
		}
		up_read(q, &mm->mmap_lock);
		if (!err && start < end)
			err = populate_exactly(q, mm, start, stop, write);
		start = stop;
	}
	return err ? err : hole;
}

/* Flags that an area takes and loses; false: not such an advice. */
static bool advice_flags(int behavior, unsigned long *clear, unsigned long *set)
{
	*clear = *set = 0;
	switch (behavior) {
	case MADV_NORMAL:
		*clear = VM_RAND_READ | VM_SEQ_READ;
		return true;
	case MADV_RANDOM:
		*clear = VM_SEQ_READ;
		*set = VM_RAND_READ;
		return true;
	case MADV_SEQUENTIAL:
		*clear = VM_RAND_READ;
		*set = VM_SEQ_READ;
		return true;
	case MADV_DONTFORK:
		*set = VM_DONTCOPY;
		return true;
	case MADV_DOFORK:
		*clear = VM_DONTCOPY;
		return true;
	case MADV_WIPEONFORK:
		*set = VM_WIPEONFORK;
		return true;
	case MADV_KEEPONFORK:
		*clear = VM_WIPEONFORK;
		return true;
	case MADV_DONTDUMP:
		*set = VM_DONTDUMP;
		return true;
	case MADV_DODUMP:
		*clear = VM_DONTDUMP;
		return true;
	case MADV_HUGEPAGE:
		*clear = VM_NOHUGEPAGE;
		*set = VM_HUGEPAGE;
		return true;
	case MADV_NOHUGEPAGE:
		*clear = VM_HUGEPAGE;
		*set = VM_NOHUGEPAGE;
		return true;
	default:
		return false;
	}
}

int do_madvise(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int behavior)
{
	u64 end = start + PAGE_ALIGN(len);
	unsigned long clear, set;

	if (bad_range(start, len))
		return -EINVAL;
	if (advice_flags(behavior, &clear, &set))
		return start == end ? 0 : madvise_flags(q, mm, start, end, clear, set);
	switch (behavior) {
	case MADV_WILLNEED:
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
	case MADV_COLD:
	case MADV_PAGEOUT:
		return start == end ? 0 : advise_pages(q, mm, start, end, behavior);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return start == end ? 0
				    : populate(q, mm, start, end, behavior == MADV_POPULATE_WRITE);
	case MADV_REMOVE:
		return start == end ? 0 : remove_pages(q, mm, start, end);
	case MADV_COLLAPSE:
		return start == end ? 0 : madvise_collapse(q, mm, start, end);
	default:
		return -EINVAL;
	}
}
