/* SPDX-License-Identifier: MIT */
/*
 * Pages of hugetlb mappings on their way to other frames: the part of migration.c for
 * them, whose areas hang at a file and not at an anon_vma.
 *
 * The file of a page that moves is held (hugetlb_pin_file()), and no fault of the file
 * runs meanwhile (fault_mutex).  So migration entries are met only by who does not
 * fault: an area that goes, is copied by fork or protected otherwise, or is read in
 * /proc; and by faults after the mutex was had, which find the entries replaced.
 *
 * Invariant: page->mapping of a page in use leads to its file, with PAGE_MAPPING_ANON
 * for a private one; it is cleared before the file goes, whose end
 * waits for the pools' lock once.
 *
 * Locks: fault_mutex; the file's lock over its areas; page_table_lock over an entry.
 */
#include "space/hugetlb.h"

struct hugetlbfs_inode *hugetlb_pin_file(struct quire *q, const struct page *page)
{
	struct hugetlbfs_inode *file = NULL;
	unsigned long mapping;
	unsigned int count;

	spin_lock(q, &q->page->hugetlb->lock);
	mapping = (unsigned long)page->mapping;
	/* The file of a private page is there as long as an area maps it. */
	if (mapping && (!(mapping & PAGE_MAPPING_ANON) || compound_mapcount(page)))
		file = HUGETLBFS_I(
			((const struct address_space *)(mapping & ~PAGE_MAPPING_ANON))->host);
	do {
		count = file ? HOT_LOAD(&file->vfs_inode.i_count) : 0;
	} while (count && !HOT_CMPXCHG(&file->vfs_inode.i_count, count, count + 1));
	spin_unlock(q, &q->page->hugetlb->lock);
	return count ? file : NULL;
}

void hugetlb_unpin_file(struct quire *q, struct hugetlbfs_inode *file)
{
	iput(q, &file->vfs_inode);
}

/* fn sees the entry for a page's place in every area that may map it. */
static void for_each_entry(struct quire *q, struct hugetlbfs_inode *file, unsigned long idx,
			   void (*fn)(struct quire *q, struct vm_area_struct *vma, u64 addr,
				      pte_t *ptep, struct page *old, struct page *new),
			   struct page *old, struct page *new)
{
	struct address_space *mapping = &file->vfs_inode.i_data;
	struct vm_area_struct *vma;

	spin_lock(q, &mapping->i_mmap_lock);
	list_for_each_entry (vma, &mapping->i_mmap, shared_node) {
		struct mm_struct *mm = vma->vm_mm;
		pte_t *ptep;
		u64 addr;

		if (idx < hugetlb_index(vma, vma->vm_start) ||
		    idx >= hugetlb_index(vma, vma->vm_end))
			continue;
		addr = vma->vm_start +
		       ((idx << huge_page_shift(file->h)) - (vma->vm_pgoff << PAGE_SHIFT));
		spin_lock(q, &mm->page_table_lock);
		ptep = hugetlb_pte(q, vma, addr);
		if (ptep && !pte_none(*ptep))
			fn(q, vma, addr, ptep, old, new);
		spin_unlock(q, &mm->page_table_lock);
	}
	spin_unlock(q, &mapping->i_mmap_lock);
}

static void replace_one(struct quire *q, struct vm_area_struct *vma, u64 addr, pte_t *ptep,
			struct page *old, __unused struct page *new)
{
	if (!pte_present(*ptep) || pte_pfn(*ptep) != page_to_pfn(q, old))
		return;
	set_pte(q, ptep, migration_pte(*ptep));
	flush_tlb(q, vma->vm_mm, addr, addr + huge_page_size(hstate_vma(vma)));
	(void)HOT_SUB(&old[1].compound_mapcount, 1);
	put_page(q, old); /* never the last: the caller has one */
}

void hugetlb_try_to_migrate(struct quire *q, struct hugetlbfs_inode *file, struct page *page)
{
	for_each_entry(q, file, page->index, replace_one, page, NULL);
}

static void restore_one(struct quire *q, struct vm_area_struct *vma, __unused u64 addr, pte_t *ptep,
			struct page *old, struct page *new)
{
	if (!pte_is_migration(*ptep) || migration_entry_page(q, *ptep) != old)
		return;
	get_page(new);
	(void)HOT_ADD(&new[1].compound_mapcount, 1);
	set_pte(q, ptep, migrated_pte(*ptep, vma, page_to_pfn(q, new), true) | _PAGE_PSE);
}

void hugetlb_remove_migration_ptes(struct quire *q, struct hugetlbfs_inode *file, struct page *old,
				   struct page *new)
{
	for_each_entry(q, file, new->index, restore_one, old, new);
}

int hugetlb_move_page(struct quire *q, struct hugetlbfs_inode *file, struct page *new,
		      struct page *old)
{
	unsigned long nr = pages_per_huge_page(file->h);
	u64 to = page_to_pfn(q, new), from = page_to_pfn(q, old);
	struct address_space *m = &file->vfs_inode.i_data;
	bool in_file = xa_load(&m->i_pages, old->index) == old;

	/* Ours, and the file's, which is the new page's from now on. */
	if (!HOT_CMPXCHG(&old->_refcount, 1 + in_file, 1))
		return -EAGAIN;
	new->index = old->index;
	if (in_file) {
		get_page(new);
		/* Its place in the tree is there: this can't fail. */
		spin_lock(q, &m->i_pages_lock);
		BUG_ON(q, xa_store(&m->i_pages, old->index, new) != old);
		spin_unlock(q, &m->i_pages_lock);
	}
	for (unsigned long i = 0; i < nr; i++)
		hot_copy_page(q->hot, to + i, from + i);
	charge_ns(q, nr * q->cost.hugetlb_page);
	new->flags |= old->flags &(BIT(PG_uptodate) | BIT(PG_dirty) | BIT(PG_referenced));
	spin_lock(q, &q->page->hugetlb->lock);
	new->mapping = old->mapping;
	old->mapping = NULL;
	spin_unlock(q, &q->page->hugetlb->lock);
	return 0;
}
