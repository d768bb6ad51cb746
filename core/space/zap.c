/* SPDX-License-Identifier: MIT */
/*
 * Taking mappings away: munmap, exit, MADV_DONTNEED, truncation (Linux's
 * zap_pte_range() and mmu_gather).
 *
 * Entries are cleared under page_table_lock and their frames collected in a
 * batch; the lock is dropped, translations are flushed, and only then the
 * frames are let go.  What the hardware noted (dirty, accessed) travels in the
 * low bits of the collected pointers, because marking a page dirty may take
 * locks that rank below page_table_lock.
 *
 * At each point where it may yield, counters agree with the tables.
 */
#include "space/hugetlb.h"

#define ZAP_BATCH 64
#define ZAP_DIRTY 1UL
#define ZAP_YOUNG 2UL

struct zap {
	struct mm_struct *mm;
	u64 start, end; /* what has been cleared since the last flush */
	bool truncate;	/* the content is being thrown away */
	bool keep_wp;	/* the area stays: markers do, and protected pages leave some */
	bool keep_cows; /* private copies stay */
	bool stale;	/* translations of what was cleared may be about */
	unsigned int nr;
	long rss[NR_MM_COUNTERS];
	unsigned long pages[ZAP_BATCH];
};

/* A page that only the swap cache still wants goes from there too. */
void free_swap_cache(struct quire *q, struct page *page)
{
	if (PageSwapCache(page) && !page_mapped(page) && trylock_page(page)) {
		(void)try_to_free_swap(q, page);
		unlock_page(q, page);
	}
}

static void zap_flush(struct quire *q, struct zap *zap)
{
	struct page *pages[ZAP_BATCH];
	unsigned int nr_last = 0;

	if (zap->stale)
		flush_tlb(q, zap->mm, zap->start, zap->end);
	zap->stale = false;
	zap->start = zap->end;
	if (!zap->nr)
		return;
	for (unsigned int i = 0; i < zap->nr; i++) {
		struct page *page = (struct page *)(zap->pages[i] & ~(ZAP_DIRTY | ZAP_YOUNG));

		if (zap->pages[i] & ZAP_DIRTY)
			(void)set_page_dirty(q, page);
		if (zap->pages[i] & ZAP_YOUNG)
			mark_page_accessed(q, page);
		if (PageSwapCache(page))
			free_swap_cache(q, page);
		nr_last += page_ref_count(page) == 1;
		pages[i] = page;
	}
	charge_ns(q, (u64)zap->nr * q->cost.zap_page + (u64)nr_last * q->cost.zap_free);
	release_pages(q, pages, zap->nr);
	zap->nr = 0;
}

/* Linux: add_mm_rss_vec(), after each table. */
static void zap_sync_rss(struct quire *q, struct zap *zap)
{
	struct task *task = current_task(q);

	if (task && task->mm == zap->mm)
		sync_mm_rss(task);
	for (int i = 0; i < NR_MM_COUNTERS; i++) {
		if (zap->rss[i])
			add_mm_counter(zap->mm, i, zap->rss[i]);
		zap->rss[i] = 0;
	}
}

static void zap_present(struct quire *q, struct zap *zap, struct vm_area_struct *vma, pte_t pte)
{
	struct page *page;
	unsigned long bits = 0;

	if (pte_special(pte))
		return;
	page = pfn_to_page(q, pte_pfn(pte));
	if (!PageAnon(page)) {
		/* Truncation throws the content away. */
		if (pte_dirty(pte) && !zap->truncate)
			bits |= ZAP_DIRTY;
		if (pte_young(pte) && !(vma->vm_flags & VM_SEQ_READ))
			bits |= ZAP_YOUNG;
	}
	zap->rss[mm_counter(page)]--;
	page_remove_rmap(q, page);
	page = compound_head(page);
	if (unlikely(vma->vm_flags & VM_LOCKED) && PageMlocked(page) && !PageHead(page))
		munlock_page(q, page);
	zap->pages[zap->nr++] = (unsigned long)page | bits;
}

/* Of a file's area: does the entry stand for something of its own? */
static bool is_cow(const struct quire *q, pte_t pte)
{
	if (pte_present(pte))
		return !pte_special(pte) && PageAnon(pfn_to_page(q, pte_pfn(pte)));
	return !pte_is_migration(pte) || PageAnon(compound_head(migration_entry_page(q, pte)));
}

/* One table of the last level from *addr to end; stops when the batch is full. */
static void zap_pte_table(struct quire *q, struct zap *zap, struct vm_area_struct *vma,
			  pte_t *table, u64 *addr, u64 end)
{
	unsigned int n = (unsigned int)((end - *addr) >> PAGE_SHIFT);
	unsigned long cleared = 0;
	pte_t *ptep = table;

	spin_lock(q, &zap->mm->page_table_lock);
	for (; n && zap->nr < ZAP_BATCH; n--, ptep++, *addr += PAGE_SIZE) {
		pte_t pte = *ptep, left = 0;

		if (pte_none(pte) || (unlikely(zap->keep_cows) && is_cow(q, pte)))
			continue;
		if (unlikely(zap->keep_wp) && pte_uffd_wp(pte))
			left = make_pte_marker(PTE_MARKER_UFFD_WP);
		HOT_STORE(ptep, left);
		cleared += !left;
		if (likely(pte_present(pte))) {
			zap->stale = true; /* the zero page's too */
			zap_present(q, zap, vma, pte);
		} else if (unlikely(pte_is_marker(pte))) {
			continue;
		} else if (unlikely(pte_is_migration(pte))) {
			/* Its reference went when it began to move. */
			zap->rss[mm_counter(migration_entry_page(q, pte))]--;
		} else {
			zap->rss[MM_SWAPENTS]--;
			charge_ns(q, q->cost.zap_swap);
			free_swap_and_cache(q, pte_to_swp_entry(pte));
		}
	}
	virt_to_page(q, table)->private -= cleared;
	zap->end = *addr;
	zap_sync_rss(q, zap);
	spin_unlock(q, &zap->mm->page_table_lock);
}

/*
 * An entry that maps a huge page: goes as a whole, with the table that was put by
 * for it.  False: only a part is to go, and the entry has been cut for that.  Of a file it
 * goes in any case.
 */
static bool zap_huge_pmd(struct quire *q, struct zap *zap, struct vm_area_struct *vma, pte_t *pmdp,
			 u64 *addr, u64 stop)
{
	struct page *table, *page;
	pte_t pmd;

	spin_lock(q, &zap->mm->page_table_lock);
	pmd = *pmdp;
	if (!pmd_huge(pmd) || stop - *addr != PMD_SIZE) {
		if (pmd_huge(pmd))
			__split_huge_pmd_locked(q, vma, pmdp, *addr & PMD_MASK);
		if (!pmd_table(*pmdp))
			zap->end = *addr = stop;
		spin_unlock(q, &zap->mm->page_table_lock);
		return zap->end == stop;
	}
	if (vma->vm_file) {
		page = zap_file_pmd(q, vma, pmdp);
		zap->stale = true;
		if (page)
			zap->pages[zap->nr++] = (unsigned long)page;
		zap->end = *addr = stop;
		spin_unlock(q, &zap->mm->page_table_lock);
		return true;
	}
	table = pgtable_trans_huge_withdraw(q, pmdp);
	set_pte(q, pmdp, 0);
	zap->stale = true;
	if (unlikely(pte_is_migration(pmd))) {
		add_mm_counter(zap->mm, MM_ANONPAGES, -(long)HPAGE_PMD_NR);
	} else if (!pte_special(pmd)) {
		page = pfn_to_page(q, pte_pfn(pmd));
		add_mm_counter(zap->mm, MM_ANONPAGES, -(long)HPAGE_PMD_NR);
		page_remove_huge_rmap(q, page);
		if (unlikely(vma->vm_flags & VM_LOCKED) && PageMlocked(page))
			munlock_page(q, page);
		zap->pages[zap->nr++] = (unsigned long)page;
	}
	zap->end = *addr = stop;
	(void)HOT_SUB(&zap->mm->pgtables_bytes, (long)PAGE_SIZE);
	spin_unlock(q, &zap->mm->page_table_lock);
	pt_free(q, table);
	return true;
}

static void zap_range(struct quire *q, struct zap *zap, struct vm_area_struct *vma, u64 addr,
		      u64 end, bool may_yield)
{
	pte_t *pmdp;

	zap->start = zap->end = addr;
	while ((pmdp = next_pmd(q, zap->mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);

		if (likely(!pmd_huge(*pmdp)) || !zap_huge_pmd(q, zap, vma, pmdp, &addr, stop))
			zap_pte_table(q, zap, vma, pte_offset(q, *pmdp, addr), &addr, stop);
		if (zap->nr == ZAP_BATCH)
			zap_flush(q, zap);
		if (may_yield && addr == stop)
			cond_resched(q);
	}
	zap_flush(q, zap);
}

/* Protected pages of a file stay so when they come again. */
static bool leaves_markers(const struct vm_area_struct *vma)
{
	return vma->vm_file && (vma->vm_flags & VM_UFFD_WP);
}

static void unmap_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
			bool keep_wp)
{
	struct zap zap = {.mm = vma->vm_mm, .keep_wp = keep_wp};

	update_hiwater_rss(vma->vm_mm);
	if (unlikely(is_vm_hugetlb_page(vma)))
		hugetlb_unmap_range(q, vma, start, end, NULL);
	else
		zap_range(q, &zap, vma, start, end, true);
}

/*
 * Empties [start, end) of an area: entries, frames, swap slots.  The tables
 * stay (free_pgtables()).  The caller holds mmap_lock.  May yield.
 */
void unmap_page_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	unmap_range(q, vma, start, end, false);
}

/* The same of an area that stays. */
void zap_page_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	unmap_range(q, vma, start, end, leaves_markers(vma));
}

/* Gives empty tables of [start, end) back; nobody may be walking there. */
void free_pgtables(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	unsigned int n;

	spin_lock(q, &mm->page_table_lock);
	n = pt_free_empty(q, mm->pgd_pfn, start, end);
	mm->pgtables_bytes -= (long)n * (long)PAGE_SIZE;
	spin_unlock(q, &mm->page_table_lock);
}

/*
 * Truncation: pages [start, start + nr) of a mapping vanish from every address
 * space, with (even_cows) private copies made of them.
 */
void unmap_mapping_range(struct quire *q, struct address_space *mapping, unsigned long start,
			 unsigned long nr, bool even_cows)
{
	unsigned long last = start + nr < start ? ULONG_MAX : start + nr;
	struct vm_area_struct *vma;

	spin_lock(q, &mapping->i_mmap_lock);
	list_for_each_entry (vma, &mapping->i_mmap, shared_node) {
		struct zap zap = {.mm = vma->vm_mm,
				  .truncate = true,
				  .keep_wp = leaves_markers(vma),
				  .keep_cows = !even_cows};
		unsigned long from = max(start, vma->vm_pgoff);
		unsigned long to = min(last, vma->vm_pgoff + vma_pages(vma));

		if (from >= to)
			continue;
		update_hiwater_rss(vma->vm_mm);
		zap_range(q, &zap, vma, vma->vm_start + ((from - vma->vm_pgoff) << PAGE_SHIFT),
			  vma->vm_start + ((to - vma->vm_pgoff) << PAGE_SHIFT), false);
	}
	spin_unlock(q, &mapping->i_mmap_lock);
}
