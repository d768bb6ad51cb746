/* SPDX-License-Identifier: MIT */
/*
 * mincore(): which pages of a range a touch would find in memory (Linux's mincore.c).
 *
 * What is mapped is; what is not may be in the page cache or in the swap cache.  It
 * is a moment's truth: nothing is held, nothing is brought in, and nothing seems used
 * that was not.
 *
 * Locks: mmap_lock for reading.
 */
#include "space/hugetlb.h"

/* A page of a file, or of the swap cache, that is up to date. */
static bool page_is_cached(struct quire *q, struct address_space *mapping, unsigned long index)
{
	struct page *page = find_get_page(q, mapping, index);
	bool uptodate;

	if (!page || xa_is_value(page))
		return false;
	uptodate = PageUptodate(page);
	put_page(q, page);
	return uptodate;
}

static bool swap_is_cached(struct quire *q, swp_entry_t entry)
{
	struct page *page = swap_cache_find(q, entry);
	bool uptodate;

	if (!page)
		return false;
	uptodate = PageUptodate(page);
	put_page(q, page);
	return uptodate;
}

static bool file_page_in_core(struct quire *q, const struct vm_area_struct *vma, u64 addr)
{
	struct address_space *mapping = vma_mapping(vma);
	unsigned long index = linear_page_index(vma, addr);
	void *entry;

	if (!mapping->swap_backed)
		return page_is_cached(q, mapping, index);
	spin_lock(q, &mapping->i_pages_lock);
	entry = xa_load(&mapping->i_pages, index);
	spin_unlock(q, &mapping->i_pages_lock);
	if (entry && xa_is_value(entry))
		return swap_is_cached(q, (swp_entry_t){xa_to_value(entry)});
	return page_is_cached(q, mapping, index);
}

static u8 in_core(struct quire *q, const struct vm_area_struct *vma, u64 addr)
{
	const pte_t *ptep;
	pte_t pte = 0;

	if (is_vm_hugetlb_page(vma)) {
		ptep = hugetlb_pte(q, vma, addr & ~(huge_page_size(hstate_vma(vma)) - 1));
		return ptep && !pte_none(*ptep);
	}
	ptep = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 2);
	if (ptep && pmd_huge(*ptep))
		return 1;
	if (ptep && pmd_table(*ptep))
		pte = HOT_LOAD(pte_offset(q, *ptep, addr));
	if (pte_none(pte) || pte_is_marker(pte))
		return vma->vm_file && file_page_in_core(q, vma, addr);
	if (pte_present(pte) || pte_is_migration(pte))
		return 1;
	return swap_is_cached(q, pte_to_swp_entry(pte));
}

int do_mincore(struct quire *q, struct mm_struct *mm, u64 start, u64 len, u8 *vec)
{
	const struct vm_area_struct *vma = NULL;
	u64 end = start + PAGE_ALIGN(len);
	int err = 0;

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (end < start || end > mm->task_size)
		return -ENOMEM;
	down_read(q, &mm->mmap_lock);
	for (; start < end; start += PAGE_SIZE) {
		if (!vma || vma->vm_end <= start)
			vma = find_vma(mm, start);
		if (!vma || vma->vm_start > start) {
			err = -ENOMEM;
			break;
		}
		*vec++ = in_core(q, vma, start);
	}
	up_read(q, &mm->mmap_lock);
	return err;
}
