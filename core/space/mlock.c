/* SPDX-License-Identifier: MIT */
/*
 * mlock(), mlock2(), mlockall() and back (Linux's mlock.c).
 *
 * An area is VM_LOCKED, and so is each page of it that is there: off the LRU lists
 * that reclaim looks at.  With VM_LOCKONFAULT pages are not brought in for that, but
 * stay once they came.  How much a process may lock is RLIMIT_MEMLOCK; user 0 stands
 * for CAP_IPC_LOCK.
 *
 * Locks: mmap_lock for writing; page_table_lock for entries.
 */
#include "space/internal.h"

#define VM_LOCKED_MASK (VM_LOCKED | VM_LOCKONFAULT)

static void mlock_entry(struct quire *q, pte_t pte, bool lock)
{
	struct page *page;

	if (pte_none(pte) || !pte_present(pte) || pte_special(pte))
		return;
	page = pfn_to_page(q, pte_pfn(pte));
	/* A huge page that is mapped page by page is let be. */
	if (PageCompound(page) && !pmd_leaf(pte))
		return;
	if (lock && !PageMlocked(page))
		mlock_page(q, page);
	else if (!lock && PageMlocked(page))
		munlock_page(q, page);
}

/* mlock: entries that exist now become, or cease to be, unevictable. */
void mlock_present(struct quire *q, struct vm_area_struct *vma, bool lock)
{
	u64 addr = vma->vm_start;
	pte_t *pmdp;

	spin_lock(q, &vma->vm_mm->page_table_lock);
	while ((pmdp = next_pmd(q, vma->vm_mm->pgd_pfn, &addr, vma->vm_end)) != NULL) {
		u64 stop = pmd_addr_end(addr, vma->vm_end);
		pte_t *ptep;

		if (unlikely(pmd_huge(*pmdp))) {
			mlock_entry(q, *pmdp, lock);
			addr = stop;
			continue;
		}
		for (ptep = pte_offset(q, *pmdp, addr); addr < stop; addr += PAGE_SIZE, ptep++)
			mlock_entry(q, *ptep & ~_PAGE_PSE, lock);
	}
	spin_unlock(q, &vma->vm_mm->page_table_lock);
}

/* Pages of the range that are locked already: they are not counted twice. */
static unsigned long locked_in_range(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long pages = 0;

	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		if (vma->vm_flags & VM_LOCKED)
			pages += (min(end, vma->vm_end) - max(start, vma->vm_start)) >> PAGE_SHIFT;
	return pages;
}

/* Linux's mlock_fixup(): what never leaves, or is nobody's, is passed over. */
static int lock_area(struct quire *q, struct mm_struct *mm, struct vm_area_struct **areap,
		     u64 start, u64 end, unsigned long set)
{
	if ((*areap)->vm_flags & (VM_PFNMAP | VM_HUGETLB))
		return 0;
	return change_area(q, mm, areap, start, end, ((*areap)->vm_flags & ~VM_LOCKED_MASK) | set);
}

/* set: the flags that areas have then. */
static int lock_range(struct quire *q, struct mm_struct *mm, u64 start, u64 len, unsigned long set)
{
	u64 limit = mm_rlimit(mm, RLIMIT_MEMLOCK) >> PAGE_SHIFT, end;
	int err = -ENOMEM;

	/* Whole pages around the range, unlike the others' calls. */
	len = PAGE_ALIGN(len + (start & ~PAGE_MASK));
	start &= PAGE_MASK;
	end = start + len;
	if (set && !can_do_mlock(mm))
		return -EPERM;
	lru_add_drain(q); /* what is still in our batch can be moved */
	down_write(q, &mm->mmap_lock);
	if (!set || mm_may_lock_all(mm) ||
	    mm->locked_vm + (len >> PAGE_SHIFT) - locked_in_range(mm, start, end) <= limit)
		err = end < start ? -EINVAL : change_areas(q, mm, start, end, lock_area, set);
	up_write(q, &mm->mmap_lock);
	if (!err && set == VM_LOCKED) {
		/* POSIX wants it so; what was locked stays. */
		err = populate_range(q, mm, start, end);
		if (err)
			err = err == -ENOMEM ? -EAGAIN : -ENOMEM;
	}
	return err;
}

int do_mlock2(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return lock_range(q, mm, start, len, flags & MLOCK_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED);
}

int do_mlock(struct quire *q, struct mm_struct *mm, u64 start, u64 len, bool lock)
{
	return lock_range(q, mm, start, len, lock ? VM_LOCKED : 0);
}

/* Area by area: what can't be brought in is passed over. */
static void populate_all(struct quire *q, struct mm_struct *mm)
{
	u64 start = 0, end = 0;

	for (;;) {
		struct vm_area_struct *vma;

		down_read(q, &mm->mmap_lock);
		vma = find_vma(mm, end);
		if (vma) {
			start = vma->vm_start;
			end = vma->vm_end;
		}
		up_read(q, &mm->mmap_lock);
		if (!vma)
			return;
		(void)populate_range(q, mm, start, end);
	}
}

int do_mlockall(struct quire *q, struct mm_struct *mm, int flags)
{
	unsigned long mask = flags & MCL_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED;
	unsigned long set = flags & MCL_CURRENT ? mask : 0;
	int err = 0;

	if ((flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (flags && !can_do_mlock(mm))
		return -EPERM;
	lru_add_drain(q);
	down_write(q, &mm->mmap_lock);
	if (set && !mm_may_lock_all(mm) &&
	    mm->total_vm > mm_rlimit(mm, RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		err = -ENOMEM;
	if (!err)
		mm->def_flags = flags & MCL_FUTURE ? mask : 0;
	if (!err && (!flags || set)) {
		struct vm_area_struct *vma = find_vma(mm, 0);

		/* Errors leave areas as they are; nobody hears of them. */
		while (vma) {
			(void)lock_area(q, mm, &vma, vma->vm_start, vma->vm_end, set);
			vma = vma->vm_next;
		}
	}
	up_write(q, &mm->mmap_lock);
	if (!err && set == VM_LOCKED)
		populate_all(q, mm);
	return err;
}
