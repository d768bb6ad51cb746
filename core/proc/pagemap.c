/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/pagemap: eight bytes for each page of the address space, as binary
 * numbers; the place in the file is the address / 512.
 *
 *	63 present   62 swapped   61 of a file, or shared
 *	57 protected by userfaultfd   56 mapped here only   55 soft-dirty
 *	54..0 the frame; of a swapped page 4..0 the area, 54..5 the slot
 *
 * The file is as long as the address space, so it is read where it is asked for,
 * not rendered.  Frames are shown: who reads is root.
 * And /proc/PID/clear_refs, which takes soft-dirty bits away (space/clear_refs.c).
 */
#include "proc/internal.h"
#include "space/huge_mm.h"
#include "space/hugetlb.h"

#define PM_PFRAME_MASK	  (BIT(55) - 1)
#define PM_SOFT_DIRTY	  BIT(55)
#define PM_MMAP_EXCLUSIVE BIT(56)
#define PM_UFFD_WP	  BIT(57)
#define PM_FILE		  BIT(61)
#define PM_SWAP		  BIT(62)
#define PM_PRESENT	  BIT(63)
#define PM_ENTRY	  sizeof(u64)

/* An entry of any level that maps addr; index: which page of a huge one. */
static u64 entry_of(struct quire *q, pte_t pte, u64 index)
{
	const struct page *page;
	u64 pm = 0;

	if (pte_none(pte))
		return 0;
	if (pte_uffd_wp(pte))
		pm |= PM_UFFD_WP;
	if (!pte_is_marker(pte) && pte_soft_dirty(pte))
		pm |= PM_SOFT_DIRTY;
	if (pte_is_swap(pte)) {
		swp_entry_t entry = pte_to_swp_entry(pte);
		unsigned long offset = swp_offset(entry);

		if (pte_is_migration(pte))
			offset = (offset & SWP_MIG_PFN_MASK) + index;
		pm |= PM_SWAP | ((swp_type(entry) | (u64)offset << 5) & PM_PFRAME_MASK);
		if (!pte_is_migration(pte))
			return pm;
		page = migration_entry_page(q, pte) + index;
	} else {
		pm |= PM_PRESENT | ((pte_pfn(pte) + index) & PM_PFRAME_MASK);
		if (pte_special(pte))
			return pm;
		page = pfn_to_page(q, pte_pfn(pte) + index);
	}
	if (!PageAnon(compound_head((struct page *)page)))
		pm |= PM_FILE;
	return page_mapcount(page) == 1 ? pm | PM_MMAP_EXCLUSIVE : pm;
}

static u64 pagemap_entry(struct quire *q, const struct vm_area_struct *vma, u64 addr)
{
	const pte_t *ptep;

	if (is_vm_hugetlb_page(vma)) {
		u64 size = huge_page_size(hstate_vma(vma));

		ptep = hugetlb_pte(q, vma, addr & ~(size - 1));
		return ptep ? entry_of(q, *ptep, (addr & (size - 1)) >> PAGE_SHIFT) : 0;
	}
	ptep = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 2);
	if (!ptep || pte_none(*ptep))
		return 0;
	if (pmd_huge(*ptep))
		return entry_of(q, *ptep, (addr & ~PMD_MASK) >> PAGE_SHIFT);
	return entry_of(q, HOT_LOAD(pte_offset(q, *ptep, addr)), 0);
}

static size_t fill(struct quire *q, struct mm_struct *mm, u64 addr, u64 *out, size_t n)
{
	const struct vm_area_struct *vma = NULL;
	size_t i;

	for (i = 0; i < n && addr < mm->task_size; i++, addr += PAGE_SIZE) {
		if (!vma || vma->vm_end <= addr)
			vma = find_vma(mm, addr);
		if (!vma) /* nothing above: zeros to the end */
			out[i] = 0;
		else
			out[i] =
				vma->vm_start <= addr
					? pagemap_entry(q, vma, addr) |
						  (vma->vm_flags & VM_SOFTDIRTY ? PM_SOFT_DIRTY : 0)
					: 0;
	}
	return i;
}

s64 read_pid_pagemap(struct quire *q, const struct proc_entry *e, u64 offset, void *buf, size_t len)
{
	struct task *task;
	struct mm_struct *mm;
	size_t n = 0;
	bool locked;

	if (offset % PM_ENTRY || len % PM_ENTRY)
		return -EINVAL;
	task = proc_get_task(q, e);
	if (!task)
		return -ESRCH;
	mm = proc_get_mm(q, task);
	if (mm && offset / PM_ENTRY < mm->task_size >> PAGE_SHIFT) {
		locked = down_read_trylock(q, &mm->mmap_lock);
		n = fill(q, mm, offset / PM_ENTRY << PAGE_SHIFT, buf, len / PM_ENTRY);
		if (locked)
			up_read(q, &mm->mmap_lock);
	}
	if (mm)
		proc_put_mm(q, mm);
	put_task(q, task);
	return (s64)(n * PM_ENTRY);
}

s64 store_pid_clear_refs(struct quire *q, const struct proc_entry *e,
			 __unused const struct proc_def *def, const struct proc_input *in)
{
	struct task *task;
	struct mm_struct *mm;
	long type;
	int err = proc_one_long(in, &type);

	if (err)
		return err;
	if (type < CLEAR_REFS_ALL || type > CLEAR_REFS_MM_HIWATER_RSS)
		return -EINVAL;
	task = proc_get_task(q, e);
	if (!task)
		return -ESRCH;
	mm = task->mm;
	if (mm) {
		mmget(mm);
		err = clear_refs(q, mm, (enum clear_refs_type)type);
		mmput(q, mm);
	}
	put_task(q, task);
	return err ? err : (s64)in->len;
}
