/* SPDX-License-Identifier: MIT */
/*
 * Huge pages of shmem in address spaces: where they are mapped whole, and how such a mapping
 * goes (do_set_pmd() of Linux's memory.c, and the parts of huge_memory.c and shmem.c that
 * are for files).
 *
 * Which files have huge pages is the cache's to say (cache/shmem_huge.c).  A fault where
 * level 2 has nothing maps one whole if the area holds it whole, at an address that is
 * to 2 MiB what its place in the file is; mmap() chooses addresses so.  Other faults, and all
 * where there is a table already, map single pages of it.
 *
 * Unlike an anonymous page's, an entry of level 2 for a file has no table put by: when
 * a part of it is to be unmapped, protected otherwise or copied on write, the entry just goes,
 * and the next fault finds the page in the cache.
 *
 * Counting is as of anonymous huge pages (node/page.h): compound_mapcount for entries of
 * level 2, each page's _mapcount for the others, PG_double_map while there are both.
 * Linux 6.1 counts an entry of level 2 in all 512 too, and calls the page double mapped
 * once there was one of level 1; nothing that is shown differs.
 *
 * Locks: the page lock while it is mapped; page_table_lock for the entry.
 */
#include "space/internal.h"
#include "space/mempolicy.h"

/* ---- policy ---------------------------------------------------------------------- */

enum shmem_advice shmem_vma_advice(const struct vm_area_struct *vma)
{
	if ((vma->vm_flags & VM_NOHUGEPAGE) || (vma->vm_mm->flags & BIT(MMF_DISABLE_THP)))
		return SHMEM_ADVICE_NOHUGE;
	return vma->vm_flags & VM_HUGEPAGE ? SHMEM_ADVICE_HUGE : SHMEM_ADVICE_NONE;
}

bool shmem_huge_enabled(const struct quire *q, const struct vm_area_struct *vma, bool force)
{
	return shmem_is_huge(q, vma->vm_file->f_inode, vma->vm_pgoff, shmem_vma_advice(vma), force);
}

/* The mask for a huge page where one for a small page is given: no more zones, no harder. */
static gfp_t limit_gfp_mask(gfp_t huge, gfp_t limit)
{
	const gfp_t allow = __GFP_IO | __GFP_FS | __GFP_RECLAIM;
	const gfp_t deny = __GFP_NOWARN | __GFP_NORETRY;
	const gfp_t zones = __GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM | __GFP_MOVABLE;

	return (huge & ~(allow | zones)) | (limit & (zones | deny)) | (huge & limit & allow);
}

static struct page *shmem_alloc_huge_page(struct quire *q, const struct inode *inode,
					  unsigned long index, bool advised, gfp_t limit)
{
	gfp_t gfp = limit_gfp_mask(thp_gfp_mask(q, advised), limit);
	/* Interleaving begins elsewhere in each file. */
	struct vm_area_struct where = {.vm_pgoff = index + inode->i_ino};
	struct page *page = alloc_huge_user_page(q, current_task(q), &where, 0, gfp);

	if (page)
		prep_transhuge_page(page);
	return page;
}

/* ---- faults ---------------------------------------------------------------------- */

/* Is the page at index a huge one, or would it become one? */
static bool huge_wanted(struct quire *q, const struct vm_fault *vmf, struct address_space *m,
			unsigned long index)
{
	struct page *page;
	bool huge = false;

	if (index >= DIV_ROUND_UP(m->host->i_size, PAGE_SIZE))
		return false;
	spin_lock(q, &m->i_pages_lock);
	page = xa_load(&m->i_pages, index);
	if (page && !xa_is_value(page))
		huge = PageTransHuge(page);
	spin_unlock(q, &m->i_pages_lock);
	return page ? huge : shmem_is_huge(q, m->host, index, shmem_vma_advice(vmf->vma), false);
}

/* Under the lock, the page being locked: its entry. */
static void set_file_pmd(struct quire *q, struct vm_fault *vmf, struct page *head)
{
	u64 prot = vmf->write ? write_prot(vmf) : vm_page_prot(vmf->vma);

	page_add_moved_huge_rmap(q, head);
	add_mm_counter(vmf->mm, mm_counter(head), HPAGE_PMD_NR);
	set_pte(q, vmf->ptep, mk_pte(page_to_pfn(q, head), prot | _PAGE_PSE));
	count_vm_event(q, THP_FILE_MAPPED);
}

unsigned int do_huge_file_fault(struct quire *q, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct address_space *m = vma_mapping(vma);
	struct page *page = NULL, *head;
	unsigned int ret;

	if (likely(!m->swap_backed) || (vma->vm_flags & VM_UFFD_FLAGS) ||
	    (vmf->write && !(vma->vm_flags & VM_SHARED)) ||
	    !transhuge_vma_suitable(vma, vmf->addr) ||
	    !huge_wanted(q, vmf, m, linear_page_index(vma, vmf->addr)))
		return VM_FAULT_FALLBACK;
	ret = fault_get_page(q, vmf, &page);
	if (!page)
		return ret;
	head = compound_head(page);
	if (!PageTransHuge(head)) {
		unlock_page(q, head);
		put_page(q, head);
		return VM_FAULT_FALLBACK;
	}
	if (vmf->write)
		(void)set_page_dirty(q, head);
	if (pte_lock_same(q, vmf)) {
		set_file_pmd(q, vmf, head);
		pte_unlock(q, vmf);
		if (unlikely(vma->vm_flags & VM_LOCKED))
			mlock_page(q, head);
		unlock_page(q, head); /* the reference is the entry's now */
		return ret;
	}
	unlock_page(q, head);
	put_page(q, head);
	return ret;
}

/* ---- the entry goes --------------------------------------------------------------- */

struct page *zap_file_pmd(struct quire *q, struct vm_area_struct *vma, pte_t *pmdp)
{
	struct mm_struct *mm = vma->vm_mm;
	pte_t pmd = *pmdp;
	struct page *page;

	set_pte(q, pmdp, 0);
	if (unlikely(pte_is_migration(pmd))) {
		/* Its reference went when it began to move. */
		add_mm_counter(mm, mm_counter(migration_entry_page(q, pmd)), -HPAGE_PMD_NR);
		return NULL;
	}
	page = pfn_to_page(q, pte_pfn(pmd));
	if (pte_dirty(pmd))
		(void)set_page_dirty(q, page);
	add_mm_counter(mm, mm_counter(page), -HPAGE_PMD_NR);
	page_remove_huge_rmap(q, page);
	if (unlikely(vma->vm_flags & VM_LOCKED) && PageMlocked(page))
		munlock_page(q, page);
	return page;
}

/* ---- where ------------------------------------------------------------------------ */

/* Linux: shmem_get_unmapped_area(). */
u64 shmem_unmapped_area(struct quire *q, struct mm_struct *mm, const struct inode *inode, u64 hint,
			u64 len, unsigned long pgoff, int flags)
{
	u64 offset = (pgoff << PAGE_SHIFT) & (PMD_SIZE - 1), wide = len + PMD_SIZE - PAGE_SIZE;
	u64 addr, at;
	const enum shmem_huge all = q->cache->shmem_huge;

	if (likely(inode->i_sb->s_huge == SHMEM_HUGE_NEVER && all != SHMEM_HUGE_FORCE))
		return hint;
	if (all == SHMEM_HUGE_DENY || (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) ||
	    len < PMD_SIZE || wide < len || (offset && offset + len < 2 * PMD_SIZE))
		return hint;
	addr = get_unmapped_area(q, mm, hint, len, flags, PAGE_SIZE);
	if (IS_ERR_VALUE(addr) || addr == hint || (addr & (PMD_SIZE - 1)) == offset)
		return addr;
	at = get_unmapped_area(q, mm, hint, wide, flags, PAGE_SIZE);
	if (IS_ERR_VALUE(at))
		return hint;
	at += (offset - at) & (PMD_SIZE - 1);
	return at > mm->task_size - len ? hint : at;
}

void shmem_huge_init(struct quire *q)
{
	q->cache->ops.alloc_huge_page = shmem_alloc_huge_page;
	q->cache->ops.split_huge_page = split_huge_page;
}
