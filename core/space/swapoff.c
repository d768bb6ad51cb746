/* SPDX-License-Identifier: MIT */
/*
 * swapoff: every page that an area holds comes back (the part of Linux's
 * swapfile.c that walks address spaces; it is here because page tables are).
 *
 * No more slots are given out; then shmem files, then every address space give
 * up their entries: a page is read into the swap cache if it is not there, and
 * mapped where its entry was.  What only the cache holds then goes.  Since
 * forks and faults go on meanwhile this repeats until nothing is left.
 *
 * Invariant: total_swap_pages and nr_swap_pages do not count an area that is
 * being switched off, except for its slots in use.
 *
 * Locks: mmap_lock for reading, the page's lock, then page_table_lock.
 *
 * Differs from Linux: no readahead into the neighbours of an address's entry;
 * all address spaces are walked, not those on a list of who ever had entries.
 */
#include "base/string.h"
#include "space/huge_mm.h"
#include "space/internal.h"

/* One entry's place: 0, or -ENOMEM. *pte is as it was read. */
static int unuse_pte(struct quire *q, struct vm_area_struct *vma, u64 addr, pte_t *ptep, pte_t pte)
{
	swp_entry_t entry = pte_to_swp_entry(pte);
	struct mm_struct *mm = vma->vm_mm;
	struct page *page, *head;
	bool major, mapped = false;

	page = swapin_readahead(q, entry, GFP_HIGHUSER_MOVABLE, NULL, &major);
	if (!page)
		return HOT_LOAD(ptep) == pte ? -ENOMEM : 0;
	head = compound_head(page);
	lock_page(q, head);
	wait_on_page_writeback(q, head);
	spin_lock(q, &mm->page_table_lock);
	if (*ptep == pte && head == compound_head(page) && PageSwapCache(head) &&
	    page->private == entry.val && PageUptodate(head)) {
		add_mm_counter(mm, MM_ANONPAGES, 1);
		add_mm_counter(mm, MM_SWAPENTS, -1);
		page_add_anon_rmap(q, page, vma, addr);
		set_pte(q, ptep, mk_pte(page_to_pfn(q, page), vm_page_prot(vma)));
		mapped = true;
	}
	spin_unlock(q, &mm->page_table_lock);
	if (mapped)
		swap_free(q, entry);
	(void)try_to_free_swap(q, head);
	unlock_page(q, head);
	if (!mapped) /* else the reference is the entry's */
		put_page(q, page);
	return 0;
}

static int unuse_vma(struct quire *q, struct vm_area_struct *vma, unsigned int type)
{
	u64 addr = vma->vm_start;
	int err = 0;

	while (addr < vma->vm_end && !err) {
		const pte_t *pmd = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 2);
		u64 stop = min((addr + PMD_SIZE) & PMD_MASK, vma->vm_end);
		pte_t *ptep = pmd && pmd_table(*pmd) ? pte_offset(q, *pmd, addr) : NULL;

		for (; ptep && addr < stop && !err; addr += PAGE_SIZE, ptep++) {
			pte_t pte = HOT_LOAD(ptep);

			if (pte_is_swap(pte) && !pte_is_migration(pte) &&
			    swp_type(pte_to_swp_entry(pte)) == type)
				err = unuse_pte(q, vma, addr, ptep, pte);
		}
		addr = stop;
		cond_resched(q);
	}
	return err;
}

static int unuse_mm(struct quire *q, struct mm_struct *mm, unsigned int type)
{
	int err = 0;

	down_read(q, &mm->mmap_lock);
	for_each_vma (mm, vma) {
		if (vma->anon_vma)
			err = unuse_vma(q, vma, type);
		if (err)
			break;
	}
	up_read(q, &mm->mmap_lock);
	return err;
}

/* The address space after prev (NULL: the first) with a use of its own; prev's
 * use is given up. */
static struct mm_struct *next_mm(struct quire *q, struct mm_struct *prev)
{
	struct space_floor *sp = q->space;
	struct list_head *p;
	struct mm_struct *mm = NULL;

	spin_lock(q, &sp->tasklist_lock);
	for (p = prev ? prev->mm_list.next : sp->mms.next; p != &sp->mms && !mm; p = p->next) {
		mm = list_entry(p, struct mm_struct, mm_list);
		if (mm->mm_users)
			mmget(mm);
		else
			mm = NULL;
	}
	spin_unlock(q, &sp->tasklist_lock);
	if (prev)
		mmput(q, prev);
	return mm;
}

static int try_to_unuse(struct quire *q, struct swap_info_struct *si)
{
	int err = 0;

	while (si->inuse_pages && !err) {
		struct mm_struct *mm = NULL;

		err = shmem_unuse(q, si->type);
		while (!err && (mm = next_mm(q, mm)) != NULL)
			err = unuse_mm(q, mm, si->type);
		if (mm)
			mmput(q, mm);
		if (!err)
			swapoff_cache(q, si);
		cond_resched(q);
	}
	return err;
}

int swapoff(struct quire *q, const char *name)
{
	struct swap_info_struct *si = NULL;
	int err;

	for (unsigned int i = 0; i < MAX_SWAPFILES; i++)
		if (q->swap->info[i] && str_eq(q->swap->info[i]->name, name))
			si = q->swap->info[i];
	if (!si)
		return -EINVAL;
	if (vm_enough_memory(q, q->space->init_task->mm, si->pages))
		return -ENOMEM;
	vm_unacct_memory(q, si->pages);
	si = swapoff_begin(q, name);
	if (!si)
		return -EINVAL;
	err = try_to_unuse(q, si);
	swapoff_end(q, si, !err);
	return err;
}
