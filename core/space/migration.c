/* SPDX-License-Identifier: MIT */
/*
 * Migration entries: what stands in the page tables while a page moves (the
 * parts of Linux's rmap.c and migrate.c that deal with them).
 *
 * try_to_migrate() puts in place of each entry of a page one that is not
 * present and names the frame, with what the entry allowed (write) and the
 * hardware had noted (accessed, dirty).  Nobody can use the page then; who
 * faults there waits for its lock.  When its content lies elsewhere,
 * remove_migration_ptes() makes entries of the new frame, or of the old one if
 * it stayed.  The address spaces' counts of resident pages do not change.
 *
 * A huge page that is mapped whole leaves one such entry of level 2, with the table
 * that is put by for it; one that is mapped page by page an entry for each, which
 * names that page.  Pages of hugetlb are in hugetlb_migration.c.
 *
 * Invariant: while an entry names a frame, that frame's page is locked.
 *
 * Locks: as for the walks in rmap.c.  A fork in the meantime copies migration
 * entries, so all areas are looked through at the end.
 */
#include "space/internal.h"

struct page *migration_entry_page(const struct quire *q, pte_t pte)
{
	return pfn_to_page(q, swp_offset(pte_to_swp_entry(pte)) & SWP_MIG_PFN_MASK);
}

pte_t make_readable_migration_pte(pte_t pte)
{
	swp_entry_t entry = pte_to_swp_entry(pte);

	return pte_keep_soft_bits(
		swp_entry_to_pte(swp_entry(SWP_MIGRATION_READ, swp_offset(entry))), pte);
}

/* What stands for a present entry while its page moves. */
pte_t migration_pte(pte_t pte)
{
	unsigned long offset = pte_pfn(pte);

	if (pte_young(pte))
		offset |= SWP_MIG_YOUNG;
	if (pte_dirty(pte))
		offset |= SWP_MIG_DIRTY;
	return pte_keep_soft_bits(
		swp_entry_to_pte(swp_entry(
			pte_write(pte) ? SWP_MIGRATION_WRITE : SWP_MIGRATION_READ, offset)),
		pte);
}

/* The entry of page i of a huge page whose entry pmd is cut while it moves. */
pte_t migration_pte_of_part(pte_t pmd, unsigned int i)
{
	swp_entry_t entry = pte_to_swp_entry(pmd);

	return pte_keep_soft_bits(
		swp_entry_to_pte(swp_entry(swp_type(entry), swp_offset(entry) + i)), pmd);
}

/* The present entry of a page that has moved, or not, from what stood for it. */
pte_t migrated_pte(pte_t migration, const struct vm_area_struct *vma, u64 pfn, bool dirty)
{
	swp_entry_t entry = pte_to_swp_entry(migration);
	pte_t pte = mk_pte(pfn, vm_page_prot(vma) & ~(_PAGE_ACCESSED | _PAGE_RW));

	if (swp_offset(entry) & SWP_MIG_YOUNG)
		pte |= _PAGE_ACCESSED;
	if ((swp_offset(entry) & SWP_MIG_DIRTY) && dirty)
		pte |= _PAGE_DIRTY;
	/* The area may have lost the right meanwhile. */
	if (swp_type(entry) == SWP_MIGRATION_WRITE && (vma->vm_flags & VM_WRITE))
		pte |= _PAGE_RW;
	return pte_keep_soft_bits(pte, migration);
}

/* Who comes to a page's address in each area that may map it; false ends. */
struct migration_walk {
	bool (*one)(struct quire *q, struct migration_walk *walk, struct vm_area_struct *vma,
		    u64 addr, pte_t *ptep, bool huge);
	struct page *old, *new;
	int left; /* entries to be replaced */
	bool dirty;
};

static bool visit(struct quire *q, struct migration_walk *walk, unsigned long index,
		  struct vm_area_struct *vma)
{
	u64 addr = vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);
	struct mm_struct *mm = vma->vm_mm;
	bool go_on = true;
	pte_t *ptep;

	if (index < vma->vm_pgoff || addr >= vma->vm_end)
		return true;
	spin_lock(q, &mm->page_table_lock);
	ptep = pt_walk(q, mm->pgd_pfn, addr, 1);
	if (ptep && !pte_none(*ptep))
		go_on = walk->one(q, walk, vma, addr, ptep, false);
	spin_unlock(q, &mm->page_table_lock);
	return go_on;
}

/* The same of a huge page: entries of both levels. */
static bool visit_huge(struct quire *q, struct migration_walk *walk, unsigned long index,
		       struct vm_area_struct *vma)
{
	unsigned long first = max(index, vma->vm_pgoff);
	unsigned long last =
		min(index + (unsigned long)HPAGE_PMD_NR, vma->vm_pgoff + vma_pages(vma));
	u64 addr = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT);
	u64 end = vma->vm_start + ((last - vma->vm_pgoff) << PAGE_SHIFT);
	struct mm_struct *mm = vma->vm_mm;
	bool go_on = true;
	pte_t *pmdp;

	if (first >= last)
		return true;
	spin_lock(q, &mm->page_table_lock);
	while (go_on && (pmdp = next_pmd(q, mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);
		pte_t *ptep;

		if (pmd_huge(*pmdp)) {
			go_on = walk->one(q, walk, vma, addr & PMD_MASK, pmdp, true);
			addr = stop;
			continue;
		}
		for (ptep = pte_offset(q, *pmdp, addr); addr < stop && go_on;
		     addr += PAGE_SIZE, ptep++)
			if (!pte_none(*ptep))
				go_on = walk->one(q, walk, vma, addr, ptep, false);
	}
	spin_unlock(q, &mm->page_table_lock);
	return go_on;
}

/* The areas are found through `page`, which may be the old or the new one. */
static void walk_areas(struct quire *q, struct migration_walk *walk, const struct page *page)
{
	bool (*visit_area)(struct quire * q, struct migration_walk * walk, unsigned long index,
			   struct vm_area_struct *vma) = PageHead(page) ? visit_huge : visit;

	if (PageAnon(page)) {
		struct anon_vma *av = page_anon_vma(page);
		struct anon_vma_chain *avc;

		spin_lock(q, &av->root->lock);
		list_for_each_entry (avc, &av->chains, same_anon_vma)
			if (!visit_area(q, walk, page->index, avc->vma))
				break;
		spin_unlock(q, &av->root->lock);
	} else if (page->mapping) {
		struct address_space *mapping = page->mapping;
		struct vm_area_struct *vma;

		spin_lock(q, &mapping->i_mmap_lock);
		list_for_each_entry (vma, &mapping->i_mmap, shared_node)
			if (!visit_area(q, walk, page->index, vma))
				break;
		spin_unlock(q, &mapping->i_mmap_lock);
	}
}

/* ---- away ------------------------------------------------------------------------ */

static bool replace_one(struct quire *q, struct migration_walk *walk, struct vm_area_struct *vma,
			u64 addr, pte_t *ptep, bool huge)
{
	struct mm_struct *mm = vma->vm_mm;
	struct page *page = walk->old;
	pte_t pte = *ptep;

	if (!pte_present(pte) || pte_special(pte) ||
	    pte_pfn(pte) - page_to_pfn(q, page) >= compound_nr(page))
		return true;
	update_hiwater_rss(mm);
	set_pte(q, ptep, migration_pte(pte));
	flush_tlb(q, mm, addr, addr + (huge ? PMD_SIZE : PAGE_SIZE));
	walk->dirty |= pte_dirty(pte);
	if (huge)
		page_remove_huge_rmap(q, page);
	else
		page_remove_rmap(q, pfn_to_page(q, pte_pfn(pte)));
	put_page(q, page); /* never the last: the caller has one */
	return --walk->left > 0;
}

/*
 * Replaces all entries of a locked page; true if none maps it any more.  What
 * they say of the page being dirty goes to it.
 */
bool try_to_migrate(struct quire *q, struct page *page)
{
	struct migration_walk walk = {
		.one = replace_one, .old = page, .left = total_mapcount(page)};

	if (walk.left > 0)
		walk_areas(q, &walk, page);
	if (walk.dirty) {
		if (PageAnon(page))
			SetPageDirty(page);
		else
			(void)set_page_dirty(q, page);
	}
	return !page_mapped(page);
}

/* ---- and back -------------------------------------------------------------------- */

static bool restore_one(struct quire *q, struct migration_walk *walk, struct vm_area_struct *vma,
			__unused u64 addr, pte_t *ptep, bool huge)
{
	struct page *head = walk->new, *new;
	u64 part;

	if (!pte_is_migration(*ptep))
		return true;
	part = page_to_pfn(q, migration_entry_page(q, *ptep)) - page_to_pfn(q, walk->old);
	if (part >= compound_nr(walk->old))
		return true;
	new = head + part;
	get_page(head);
	if (huge)
		page_add_moved_huge_rmap(q, head);
	else
		page_add_moved_rmap(q, new);
	set_pte(q, ptep,
		migrated_pte(*ptep, vma, page_to_pfn(q, new), PageDirty(head)) |
			(huge ? _PAGE_PSE : 0));
	if (unlikely(vma->vm_flags & VM_LOCKED) && !PageMlocked(head) && (huge || !PageHead(head)))
		mlock_page(q, head);
	return true;
}

/* Entries that wait for `old` get `new`: the page that has its content now (old
 * itself if it did not move).  Both are locked. */
void remove_migration_ptes(struct quire *q, struct page *old, struct page *new)
{
	struct migration_walk walk = {.one = restore_one, .old = old, .new = new};

	walk_areas(q, &walk, new);
}

/* A fault met a migration entry: until the page has moved.  The entry may be
 * gone by now; whoever faulted looks again. */
void migration_entry_wait(struct quire *q, struct mm_struct *mm, pte_t *ptep)
{
	struct page *page;

	spin_lock(q, &mm->page_table_lock);
	if (pte_none(*ptep) || !pte_is_migration(*ptep)) {
		spin_unlock(q, &mm->page_table_lock);
		return;
	}
	/* It is locked, and whoever moves it has a reference: it is there. */
	page = compound_head(migration_entry_page(q, *ptep));
	get_page(page);
	spin_unlock(q, &mm->page_table_lock);
	wait_on_page_locked(q, page);
	put_page(q, page);
}
