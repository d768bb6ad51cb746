/* SPDX-License-Identifier: MIT */
/*
 * swapoff()'s way through the address spaces: every entry that names the area
 * becomes the page again (unuse_mm() of Linux's swapfile.c).
 *
 * Locks: a space is kept by mm_users as it is searched, under mmap_lock for
 * reading; page_table_lock over an entry.  Pages are read without it, and the
 * entry looked at again.
 */
#include "space/internal.h"

/* The page, locked and up to date, takes the entry's place: as if it had been
 * read long ago, not written. */
static void unuse_pte(struct quire *q, struct vm_area_struct *vma, u64 addr, pte_t *ptep,
		      pte_t orig, struct page *page)
{
	struct mm_struct *mm = vma->vm_mm;

	spin_lock(q, &mm->page_table_lock);
	if (*ptep != orig) {
		spin_unlock(q, &mm->page_table_lock);
		return;
	}
	get_page(page);
	add_mm_counter(mm, MM_SWAPENTS, -1);
	add_mm_counter(mm, MM_ANONPAGES, 1);
	page_add_anon_rmap(q, page, vma, addr);
	set_pte(q, ptep,
		pte_keep_soft_bits(
			mk_pte(page_to_pfn(q, page), vm_page_prot(vma) & ~_PAGE_ACCESSED), orig));
	spin_unlock(q, &mm->page_table_lock);
	swap_free(q, pte_to_swp_entry(orig));
}

static int unuse_entry(struct quire *q, struct vm_area_struct *vma, u64 addr, pte_t *ptep,
		       pte_t orig)
{
	struct swap_fault fault = {
		.readahead_info = &vma->swap_readahead_info,
		.addr = addr,
		.start = vma->vm_start,
		.end = vma->vm_end,
		.ptep = ptep,
	};
	swp_entry_t entry = pte_to_swp_entry(orig);
	struct page *page = lookup_swap_cache(q, entry, &fault), *head;
	bool major;
	int err = 0;

	if (!page)
		page = swapin_readahead(q, entry, GFP_HIGHUSER_MOVABLE, &fault, &major);
	if (!page) /* gone meanwhile, or no memory */
		return HOT_LOAD(ptep) == orig && swap_count(q, entry) ? -ENOMEM : 0;
	head = compound_head(page);
	lock_page(q, head);
	wait_on_page_writeback(q, head);
	if (head == compound_head(page) && PageSwapCache(head) && page->private == entry.val) {
		if (PageUptodate(head))
			unuse_pte(q, vma, addr, ptep, orig, page);
		else
			err = -EIO;
	}
	unlock_page(q, head);
	put_page(q, page);
	return err;
}

static int unuse_vma(struct quire *q, struct vm_area_struct *vma, unsigned int type)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 addr = vma->vm_start;
	pte_t *pmdp;

	while ((pmdp = next_pmd(q, mm->pgd_pfn, &addr, vma->vm_end)) != NULL) {
		u64 stop = pmd_addr_end(addr, vma->vm_end);

		for (; addr < stop && pmd_table(*pmdp); addr += PAGE_SIZE) {
			pte_t *ptep = pte_offset(q, *pmdp, addr), pte = HOT_LOAD(ptep);
			int err;

			if (!pte_in_swap(pte) || swp_type(pte_to_swp_entry(pte)) != type)
				continue;
			err = unuse_entry(q, vma, addr, ptep, pte);
			if (err)
				return err;
		}
		addr = stop;
		cond_resched(q);
	}
	return 0;
}

static int unuse_mm(struct quire *q, struct mm_struct *mm, unsigned int type)
{
	int err = 0;

	if (!get_mm_counter(mm, MM_SWAPENTS))
		return 0;
	down_read(q, &mm->mmap_lock);
	for (struct vm_area_struct *vma = find_vma(mm, 0); vma && !err; vma = vma->vm_next)
		if (vma->anon_vma)
			err = unuse_vma(q, vma, type);
	up_read(q, &mm->mmap_lock);
	return err;
}

/* The next space that has users, with one more; NULL: no more. */
static struct mm_struct *next_mm(struct quire *q, struct mm_struct *prev)
{
	struct list_head *mms = &q->space->mms, *at;
	struct mm_struct *found = NULL;

	spin_lock(q, &q->space->tasklist_lock);
	for (at = prev ? prev->mm_list.next : mms->next; at != mms && !found; at = at->next) {
		struct mm_struct *mm = list_entry(at, struct mm_struct, mm_list);

		if (HOT_LOAD(&mm->mm_users)) {
			mmget(mm);
			found = mm;
		}
	}
	spin_unlock(q, &q->space->tasklist_lock);
	if (prev)
		mmput(q, prev);
	return found;
}

int unuse_mms(struct quire *q, unsigned int type)
{
	struct task *task = current_task(q);
	struct mm_struct *mm = NULL;
	int err = 0;

	while ((mm = next_mm(q, mm))) {
		err = unuse_mm(q, mm, type);
		if (err || (task && fatal_signal_pending(task))) {
			mmput(q, mm);
			return err;
		}
	}
	return 0;
}

void set_oom_origin(struct quire *q, bool origin)
{
	struct task *task = current_task(q);

	if (task)
		task->signal->oom_flag_origin = origin;
}
