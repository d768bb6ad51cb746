/* SPDX-License-Identifier: MIT */
/*
 * What a process has used, or written, since somebody last asked: the work behind
 * /proc/PID/clear_refs (the clearing half of Linux's task_mmu.c).
 *
 *	1 all, 2 anonymous, 3 of files	accessed bits and PG_referenced go
 *	4				soft-dirty bits go, of entries and areas
 *	5				VmHWM begins anew at VmRSS
 *
 * The idea of soft-dirty: an entry loses the bit together with the right to write, so
 * the next write faults, and that fault sets both again.  A new area is VM_SOFTDIRTY
 * as a whole until the first clearing: nobody can have seen it before.
 *
 * Locks: mmap_lock for writing, as in Linux; page_table_lock for entries.
 *
 * Differs from Linux: two areas that merge are VM_SOFTDIRTY if one was (Linux 6.18
 * does so too; before, the mark of one could be lost).
 */
#include "space/hugetlb.h"

static void clear_young(struct quire *q, pte_t *ptep)
{
	pte_t pte = *ptep;

	if (!pte_present(pte) || pte_special(pte))
		return;
	if (pte_young(pte))
		(void)HOT_AND(ptep, ~_PAGE_ACCESSED);
	ClearPageReferenced(compound_head(pfn_to_page(q, pte_pfn(pte))));
}

static void clear_soft_dirty(struct quire *q, pte_t *ptep)
{
	pte_t pte = *ptep, old = pte;

	if (pte_present(pte))
		pte &= ~_PAGE_RW;
	else if (pte_is_migration(pte))
		pte = make_readable_migration_pte(pte);
	if (!pte_is_marker(pte))
		pte = pte_clear_soft_dirty(pte);
	if (pte != old)
		set_pte(q, ptep, pte);
}

static void clear_area(struct quire *q, struct vm_area_struct *vma,
		       void (*clear)(struct quire *q, pte_t *ptep))
{
	struct mm_struct *mm = vma->vm_mm;
	u64 addr = vma->vm_start;
	pte_t *pmdp;

	while ((pmdp = next_pmd(q, mm->pgd_pfn, &addr, vma->vm_end)) != NULL) {
		u64 stop = pmd_addr_end(addr, vma->vm_end);

		spin_lock(q, &mm->page_table_lock);
		if (pmd_huge(*pmdp)) {
			clear(q, pmdp);
			addr = stop;
		}
		for (; addr < stop; addr += PAGE_SIZE)
			clear(q, pte_offset(q, *pmdp, addr));
		spin_unlock(q, &mm->page_table_lock);
		cond_resched(q);
	}
}

static bool concerns(const struct vm_area_struct *vma, enum clear_refs_type type)
{
	if (vma->vm_flags & (VM_PFNMAP | VM_HUGETLB))
		return false;
	if (type == CLEAR_REFS_ANON)
		return !vma->vm_file;
	return type != CLEAR_REFS_MAPPED || vma->vm_file;
}

int clear_refs(struct quire *q, struct mm_struct *mm, enum clear_refs_type type)
{
	bool soft_dirty = type == CLEAR_REFS_SOFT_DIRTY;

	if (type < CLEAR_REFS_ALL || type > CLEAR_REFS_MM_HIWATER_RSS)
		return -EINVAL;
	down_write(q, &mm->mmap_lock);
	if (type == CLEAR_REFS_MM_HIWATER_RSS) {
		mm->hiwater_rss = get_mm_rss(mm);
		goto out;
	}
	for (struct vm_area_struct *vma = find_vma(mm, 0); vma; vma = vma->vm_next) {
		if (soft_dirty)
			vma->vm_flags &= ~(u32)VM_SOFTDIRTY;
		if (concerns(vma, type))
			clear_area(q, vma, soft_dirty ? clear_soft_dirty : clear_young);
	}
	if (soft_dirty)
		flush_tlb(q, mm, 0, mm->task_size);
out:
	up_write(q, &mm->mmap_lock);
	return 0;
}
