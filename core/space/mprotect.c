/* SPDX-License-Identifier: MIT */
/*
 * mprotect, and what else changes the flags of areas: mlock, madvise (Linux's
 * mprotect.c).
 *
 * A call goes through its range area by area, cutting at its ends.  Each area is
 * changed whole or not at all; what an error leaves behind is what Linux's leaves.
 *
 * Locks: mmap_lock for writing; page_table_lock for entries.
 */
#include "space/hugetlb.h"

/* ---- mprotect, and what else changes flags ---------------------------------------------------- */

/* One entry of either level. */
static void change_entry(struct quire *q, const struct vm_area_struct *vma, pte_t *ptep, u64 keep,
			 u64 prot)
{
	if (!pte_none(*ptep) && pte_present(*ptep))
		set_pte(q, ptep, (*ptep & keep) | (prot & ~_PAGE_ACCESSED));
	else if (unlikely(pte_is_migration(*ptep)) && !(vma->vm_flags & VM_WRITE))
		set_pte(q, ptep, make_readable_migration_pte(*ptep));
}

/* Present entries of a range get the area's new protection.  Writing becomes
 * possible again through a fault, as in Linux. */
static void change_protection(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	u64 prot = vm_page_prot(vma), addr = start;
	u64 keep = PTE_PFN_MASK | _PAGE_MKDIRTY | _PAGE_ACCESSED | _PAGE_SPECIAL | _PAGE_UFFD_WP;
	pte_t *pmdp;

	if (is_vm_hugetlb_page(vma)) {
		hugetlb_change_protection(q, vma, start, end);
		return;
	}
	spin_lock(q, &vma->vm_mm->page_table_lock);
	if (vma->vm_flags & VM_WRITE)
		keep |= _PAGE_RW; /* what could be written still can */
	while ((pmdp = next_pmd(q, vma->vm_mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);
		pte_t *ptep;

		if (unlikely(pmd_huge(*pmdp))) { /* areas end where huge pages do */
			change_entry(q, vma, pmdp, keep | _PAGE_PSE, prot);
			addr = stop;
			continue;
		}
		for (ptep = pte_offset(q, *pmdp, addr); addr < stop; addr += PAGE_SIZE, ptep++)
			change_entry(q, vma, ptep, keep, prot);
	}
	flush_tlb(q, vma->vm_mm, start, end);
	spin_unlock(q, &vma->vm_mm->page_table_lock);
}

/* A whole area takes new flags, with what hangs on them. */
int set_vma_flags(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma,
		  unsigned long flags)
{
	unsigned long old = vma->vm_flags;

	/* What is of a pool never leaves: it is not locked, nor counted as such. */
	if (is_vm_hugetlb_page(vma))
		flags &= ~VM_LOCKED;
	if (is_data_mapping(flags) && !is_data_mapping(old) &&
	    !may_expand_vm(mm, flags, vma_pages(vma)) && may_expand_vm(mm, old, vma_pages(vma)))
		return -ENOMEM;
	if ((flags & VM_WRITE) && !(old & VM_ACCOUNT) && vma_accountable(q, flags)) {
		if (vm_enough_memory(q, mm, vma_pages(vma)))
			return -ENOMEM;
		flags |= VM_ACCOUNT;
	}
	vm_stat_account(mm, old, -(long)vma_pages(vma));
	vm_stat_account(mm, flags, (long)vma_pages(vma));
	vma->vm_flags = flags;
	if ((old ^ flags) & VM_ACCESS_FLAGS)
		change_protection(q, vma, vma->vm_start, vma->vm_end);
	if ((old ^ flags) & VM_LOCKED)
		mlock_present(q, vma, flags & VM_LOCKED);
	return 0;
}

/*
 * One area's part [start, end) of a range takes new flags, cut off from the rest if
 * need be; *areap is the area that has it then, joined with what fits.  An error
 * leaves it as it was.
 */
int change_area(struct quire *q, struct mm_struct *mm, struct vm_area_struct **areap, u64 start,
		u64 end, unsigned long flags)
{
	struct vm_area_struct *vma = *areap;
	int err;

	if (flags == vma->vm_flags)
		return 0;
	err = split_at_ends(q, mm, &vma, start, end, false);
	if (err)
		return err;
	err = set_vma_flags(q, mm, vma, flags);
	*areap = vma_merge_around(q, mm, vma);
	return err;
}

/*
 * mprotect() and mlock(): area by area from below; the first error ends it, a hole is
 * one (-ENOMEM), and what was done before stays done, as in Linux.
 */
int change_areas(struct quire *q, struct mm_struct *mm, u64 start, u64 end,
		 int (*one)(struct quire *q, struct mm_struct *mm, struct vm_area_struct **areap,
			    u64 start, u64 end, unsigned long set),
		 unsigned long set)
{
	int err;

	while (start < end) {
		struct vm_area_struct *vma = find_vma(mm, start);
		u64 stop;

		if (!vma || vma->vm_start > start)
			return -ENOMEM;
		stop = min(end, vma->vm_end);
		err = one(q, mm, &vma, start, stop, set);
		if (err)
			return err;
		start = stop;
	}
	return 0;
}

/* Linux's mprotect_fixup(), and what do_mprotect_pkey() asks before it. */
static int protect_area(struct quire *q, struct mm_struct *mm, struct vm_area_struct **areap,
			u64 start, u64 end, unsigned long set)
{
	unsigned long flags = ((*areap)->vm_flags & ~VM_ACCESS_FLAGS) | set;

	/* VM_MAYREAD and its like are four bits above. */
	if ((flags & ~(flags >> 4)) & VM_ACCESS_FLAGS)
		return -EACCES;
	return change_area(q, mm, areap, start, end, flags);
}

/* The area where a range with PROT_GROWSDOWN begins, or where `start` lies. */
static int first_protected(struct mm_struct *mm, u64 *start, u64 end, bool grows)
{
	const struct vm_area_struct *vma = find_vma(mm, *start);

	if (!vma)
		return -ENOMEM;
	if (!grows)
		return vma->vm_start > *start ? -ENOMEM : 0;
	if (vma->vm_start >= end)
		return -ENOMEM;
	*start = vma->vm_start;
	return vma->vm_flags & VM_GROWSDOWN ? 0 : -EINVAL;
}

int do_mprotect(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int prot)
{
	unsigned long set = (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
			    (prot & PROT_EXEC ? VM_EXEC : 0);
	int grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), err;
	u64 end = start + PAGE_ALIGN(len);

	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(start, PAGE_SIZE))
		return -EINVAL;
	if (!len)
		return 0;
	if (end <= start)
		return -ENOMEM;
	if ((prot & ~grows) & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	down_write(q, &mm->mmap_lock);
	err = first_protected(mm, &start, end, grows & PROT_GROWSDOWN);
	if (!err && (grows & PROT_GROWSUP)) /* no area of x86's grows up */
		err = -EINVAL;
	if (!err)
		err = change_areas(q, mm, start, end, protect_area, set);
	up_write(q, &mm->mmap_lock);
	return err;
}

/* Can't the area be so?  -EINVAL. */
static int may_advise(const struct vm_area_struct *vma, unsigned long clear, unsigned long set)
{
	if (set == VM_WIPEONFORK && (vma->vm_file || (vma->vm_flags & VM_SHARED)))
		return -EINVAL;
	if (clear == VM_DONTDUMP && (vma->vm_flags & VM_PFNMAP))
		return -EINVAL;
	return 0;
}

/*
 * madvise() that changes flags of areas only: all there are, holes are told of at the
 * end (-ENOMEM); the first area that can't be so ends it.
 */
int madvise_flags(struct quire *q, struct mm_struct *mm, u64 start, u64 end, unsigned long clear,
		  unsigned long set)
{
	int err = 0, hole = 0;

	down_write(q, &mm->mmap_lock);
	while (start < end && !err) {
		struct vm_area_struct *vma = find_vma(mm, start);
		u64 stop;

		if (!vma || vma->vm_start > start)
			hole = -ENOMEM;
		if (!vma || vma->vm_start >= end)
			break;
		start = max(start, vma->vm_start);
		stop = min(end, vma->vm_end);
		err = may_advise(vma, clear, set);
		if (!err)
			err = change_area(q, mm, &vma, start, stop, (vma->vm_flags & ~clear) | set);
		if (err == -ENOMEM)
			err = -EAGAIN; /* as Linux says it of an advice */
		if (!err && set == VM_HUGEPAGE)
			khugepaged_enter_vma(q, vma, vma->vm_flags);
		start = stop;
	}
	up_write(q, &mm->mmap_lock);
	return err ? err : hole;
}
