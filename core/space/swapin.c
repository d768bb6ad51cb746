/* SPDX-License-Identifier: MIT */
/*
 * Faults on what was swapped out (the second half of Linux's do_swap_page()).
 *
 * The page is in the swap cache, or is read: with its neighbours through the cache, or
 * for us alone from a device that answers at once.  Under its lock and page_table_lock
 * the entry becomes the page's; a write to one that is ours alone finds it writable, any
 * other goes on as a write to a shared page (memory.c).
 *
 * Locks: mmap_lock for reading; the page's, then page_table_lock.
 */
#include "space/hugetlb.h"

static bool should_try_to_free_swap(const struct quire *q, const struct vm_fault *vmf,
				    const struct page *page)
{
	if (!PageSwapCache(page))
		return false;
	if (vm_swap_full(q) || (vmf->vma->vm_flags & VM_LOCKED) || PageMlocked(page))
		return true;
	/* A write will want it for itself: cache and we are the only ones. */
	return vmf->write && page_ref_count(page) == 2;
}

/* The page of an entry, with a reference, not locked; major if it was not in
 * the swap cache.  *cached: it is in it, not a page of our own. */
static struct page *swapin_page(struct quire *q, struct vm_fault *vmf, swp_entry_t entry,
				bool *cached, unsigned int *ret)
{
	struct swap_fault fault = {
		.readahead_info = &vmf->vma->swap_readahead_info,
		.addr = vmf->addr,
		.start = vmf->vma->vm_start,
		.end = vmf->vma->vm_end,
		.ptep = vmf->ptep,
	};
	struct page *page = lookup_swap_cache(q, entry, &fault);
	bool ours = false, major;

	*cached = true;
	if (page)
		return page;
	page = swapin_synchronous(q, entry, GFP_HIGHUSER_MOVABLE, &ours);
	if (!ours)
		page = swapin_readahead(q, entry, GFP_HIGHUSER_MOVABLE, &fault, &major);
	if (!page)
		return NULL;
	*cached = !ours;
	*ret |= VM_FAULT_MAJOR;
	count_vm_event(q, PGMAJFAULT);
	count_memcg_events(q, vmf->mm->memcg, PGMAJFAULT, 1);
	return page;
}

/* Under the lock, with the page locked: the entry becomes the page's. */
static void map_swapped_page(struct quire *q, struct vm_fault *vmf, struct page *page,
			     swp_entry_t entry)
{
	bool exclusive = swap_count(q, entry) == 1 && !page_mapped(page);
	struct page *head = compound_head(page);
	u64 prot = vm_page_prot(vmf->vma);

	swap_free(q, entry);
	if (should_try_to_free_swap(q, vmf, head))
		(void)try_to_free_swap(q, head);
	add_mm_counter_fast(vmf->task, vmf->mm, MM_ANONPAGES, 1);
	add_mm_counter_fast(vmf->task, vmf->mm, MM_SWAPENTS, -1);
	if (vmf->write && (exclusive || page_ref_count(head) == 1)) {
		prot = write_prot(vmf);
		vmf->write = false;
	}
	page_add_anon_rmap(q, page, vmf->vma, vmf->addr);
	vmf->orig = pte_keep_soft_bits(mk_pte(page_to_pfn(q, page), prot), vmf->orig);
	set_pte(q, vmf->ptep, vmf->orig);
}

unsigned int do_swap_page(struct quire *q, struct vm_fault *vmf)
{
	swp_entry_t entry = pte_to_swp_entry(vmf->orig);
	unsigned int ret = 0;
	struct page *page, *head;
	bool cached;

	if (unlikely(pte_is_migration(vmf->orig))) {
		migration_entry_wait(q, vmf->mm, vmf->ptep);
		return 0;
	}
	/* Its chains come with the entry; only an odd capture lacks them. */
	if (anon_vma_prepare(q, vmf->vma))
		return VM_FAULT_OOM;
	page = swapin_page(q, vmf, entry, &cached, &ret);
	if (!page) /* gone meanwhile, or no memory */
		return HOT_LOAD(vmf->ptep) == vmf->orig ? VM_FAULT_OOM : 0;
	/* It may be one of a huge page that was to be swapped out whole. */
	head = compound_head(page);
	lock_page(q, head);
	if (unlikely(head != compound_head(page)))
		goto out; /* split meanwhile: again */
	if (cached && (!PageSwapCache(head) || page->private != entry.val))
		goto out; /* it was freed or moved on: again */
	if (!PageUptodate(head)) {
		ret |= VM_FAULT_SIGBUS;
		goto out;
	}
	/* A batch's reference would make the page look shared. */
	if (cached && vmf->write && !PageLRU(head))
		lru_add_drain(q);
	if (!pte_lock_same(q, vmf))
		goto out;
	map_swapped_page(q, vmf, page, entry);
	pte_unlock(q, vmf);
	mlock_if_wanted(q, vmf, page);
	unlock_page(q, head);
	if (vmf->write) { /* others may see it: now as any write to a shared page */
		if (pte_lock_same(q, vmf))
			ret |= do_wp_page(q, vmf);
	}
	return ret;
out:
	unlock_page(q, head);
	put_page(q, page);
	return ret;
}

bool swapin_for_collapse(struct quire *q, struct vm_area_struct *vma, u64 addr)
{
	struct vm_fault vmf = {.mm = vma->vm_mm, .vma = vma, .addr = addr};
	unsigned int ret = 0;

	vmf.ptep = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 1);
	if (!vmf.ptep)
		return false;
	vmf.orig = HOT_LOAD(vmf.ptep);
	if (pte_is_swap(vmf.orig))
		ret = do_swap_page(q, &vmf);
	return !(ret & (VM_FAULT_OOM | VM_FAULT_SIGBUS));
}
