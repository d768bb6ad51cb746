/* SPDX-License-Identifier: MIT */
/*
 * Mappings of huge pages (the mapping half of Linux's hugetlb.c).
 *
 * mmap() promises the pages (hugetlb_resv.c): it fails with -ENOMEM if the promise
 * can't be kept.  A fault takes a page and uses the promise up; without one (a child
 * after fork, MAP_NORESERVE) it takes what is promised to nobody, and there is SIGBUS
 * when there is none.  A page is mapped by one entry of level 2 (2 MiB) or 3 (1 GiB) and
 * counted in its compound_mapcount alone.
 *
 * A shared area, and a private one that reads, maps the file's own page.  A private page
 * that is shared since fork, or is the file's, is copied for whoever writes.  The one who
 * was promised the page must not fail then: if the pool is empty, the page is taken
 * from its children, who get SIGBUS when they come back for it.
 *
 * Invariants: mm->hugetlb_usage = frames of the entries (verify_space.c).
 *
 * Locks: mmap_lock; the file's fault_mutex over a fault; i_mmap_lock over the areas of
 * the file; page_table_lock over an entry.
 *
 * Differs from Linux: private pages have no anon_vma, the reverse map is the file's list
 * of areas; no tables shared between processes.
 */
#include "base/printk.h"
#include "space/hugetlb.h"
#include "space/mempolicy.h"

#define UNMAP_BATCH	64
#define MAP_HUGE_SHIFT	26
#define MAP_HUGE_MASK	0x3f
#define KEEP_ON_PROTECT (PTE_PFN_MASK | _PAGE_PSE | _PAGE_DIRTY | _PAGE_ACCESSED)

struct hstate *hstate_of_mmap(struct quire *q, int flags)
{
	unsigned int log = (unsigned int)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

	return log ? size_to_hstate(q, 1UL << log) : default_hstate(q);
}

/* ---- areas ----------------------------------------------------------------------- */

int hugetlb_file_mmap(struct quire *q, struct vm_area_struct *vma)
{
	struct hugetlbfs_inode *inode = hugetlb_inode(vma);
	unsigned long from = hugetlb_index(vma, vma->vm_start),
		      to = hugetlb_index(vma, vma->vm_end);
	struct hugetlb_vma *hv = kzalloc(q, sizeof(*hv), GFP_KERNEL);
	int err;

	if (!hv)
		return -ENOMEM;
	vma->hugetlb = hv;
	err = hugetlb_reserve_pages(q, inode, from, to, vma, vma->vm_flags);
	if (err) {
		vma->hugetlb = NULL;
		kfree(q, hv);
		return err;
	}
	/* What may be written is there. */
	if (vma->vm_flags & VM_WRITE)
		inode->vfs_inode.i_size =
			max(inode->vfs_inode.i_size, (u64)to << huge_page_shift(inode->h));
	return 0;
}

int hugetlb_vm_open(struct quire *q, struct vm_area_struct *vma, const struct vm_area_struct *orig,
		    bool fork)
{
	struct hugetlb_vma *hv = kzalloc(q, sizeof(*hv), GFP_KERNEL);

	vma->hugetlb = hv;
	if (!hv)
		return -ENOMEM;
	if (fork)
		return 0;
	hv->resv = orig->hugetlb->resv;
	hv->unmapped = orig->hugetlb->unmapped;
	if (hv->resv)
		(void)HOT_ADD(&hv->resv->refs, 1);
	return 0;
}

void hugetlb_vm_close(struct quire *q, struct vm_area_struct *vma)
{
	struct address_space *mapping = vma_mapping(vma);
	struct hugetlb_vma *hv = vma->hugetlb;

	if (!hv)
		return;
	hugetlb_vm_unreserve(q, vma);
	/* Who finds the area through the file looks at it under this lock. */
	spin_lock(q, &mapping->i_mmap_lock);
	vma->hugetlb = NULL;
	spin_unlock(q, &mapping->i_mmap_lock);
	kfree(q, hv);
}

void hugetlb_vm_moved(struct quire *q, struct vm_area_struct *vma)
{
	struct resv_map *map = vma->hugetlb->resv;

	vma->hugetlb->resv = NULL;
	if (map)
		resv_map_put(q, map, hstate_vma(vma));
}

/* ---- faults ---------------------------------------------------------------------- */

void hugetlb_fill_page(struct quire *q, const struct hstate *h, struct page *page,
		       const struct page *from)
{
	u64 pfn = page_to_pfn(q, page);

	for (unsigned long i = 0; i < pages_per_huge_page(h); i++) {
		if (from)
			hot_copy_page(q->hot, pfn + i, page_to_pfn(q, from) + i);
		else
			hot_clear_page(q->hot, pfn + i);
	}
	page->flags |= BIT(PG_uptodate);
	charge_ns(q, pages_per_huge_page(h) * q->cost.hugetlb_page);
}

static void map_page(struct quire *q, struct vm_area_struct *vma, pte_t *ptep, struct page *page,
		     u64 prot)
{
	(void)HOT_ADD(&page[1].compound_mapcount, 1);
	set_pte(q, ptep, mk_pte(page_to_pfn(q, page), prot | _PAGE_PSE));
	(void)HOT_ADD(&vma->vm_mm->hugetlb_usage, (long)pages_per_huge_page(hstate_vma(vma)));
}

/* A private page's place: the file and the number in it, which no tree knows. */
static void set_private(struct page *page, struct hugetlbfs_inode *inode, unsigned long idx)
{
	page->index = idx;
	page->mapping = (struct address_space *)((unsigned long)&inode->vfs_inode.i_data |
						 PAGE_MAPPING_ANON);
}

/* The promise for a private page is used up; the region was put by. */
static void use_promise(struct quire *q, struct vm_area_struct *vma, unsigned long idx,
			struct page *page)
{
	struct resv_map *map = vma->hugetlb->resv;

	if (map)
		region_add(q, map, idx, idx + 1, NULL);
	hugetlb_commit(page);
}

/* A fault's page: the file's, or a new one, with a reference for the entry. */
struct found_page {
	struct page *page;
	bool private; /* ours: not the file's */
	bool promised;
};

static unsigned int find_or_alloc(struct quire *q, struct task *task, struct vm_area_struct *vma,
				  unsigned long idx, struct found_page *f)
{
	struct hugetlbfs_inode *inode = hugetlb_inode(vma);
	bool shared = vma->vm_flags & VM_MAYSHARE;
	struct resv_map *map = shared ? inode->resv : vma->hugetlb->resv;

	f->private = false;
	f->page = hugetlb_find_page(q, inode, idx);
	if (f->page)
		return 0;
	if (idx >= inode->vfs_inode.i_size >> huge_page_shift(inode->h))
		return VM_FAULT_SIGBUS;
	if (map && resv_map_prealloc(q, map, 1))
		return VM_FAULT_OOM;
	f->promised = hugetlb_has_promise(vma, idx);
	f->page = alloc_huge_page(q, task, inode, vma, idx, f->promised);
	if (IS_ERR(f->page))
		return VM_FAULT_SIGBUS;
	hugetlb_fill_page(q, inode->h, f->page, NULL);
	if (!shared) {
		f->private = true;
		set_private(f->page, inode, idx);
		return 0;
	}
	if (!hugetlb_add_to_page_cache(q, inode, f->page, idx))
		return 0;
	hugetlb_free_unused(q, f->page, f->promised);
	return VM_FAULT_OOM;
}

static unsigned int hugetlb_wp(struct quire *q, struct task *task, struct vm_area_struct *vma,
			       u64 haddr, pte_t *ptep, pte_t orig);

static unsigned int hugetlb_no_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
				    u64 haddr, pte_t *ptep, bool write)
{
	unsigned long idx = hugetlb_index(vma, haddr);
	struct hugetlb_vma *hv = vma->hugetlb;
	struct mm_struct *mm = vma->vm_mm;
	struct found_page f = {0};
	unsigned int ret;
	u64 prot;

	if (hv->unmapped) {
		pr_warn(q, "PID %d killed due to inadequate hugepage pool", task ? task->pid : 0);
		return VM_FAULT_SIGBUS;
	}
	ret = find_or_alloc(q, task, vma, idx, &f);
	if (ret)
		return ret;
	prot = vm_page_prot(vma);
	if (write && (f.private || (vma->vm_flags & VM_SHARED)))
		prot |= _PAGE_RW | _PAGE_DIRTY;
	spin_lock(q, &mm->page_table_lock);
	if (!pte_none(*ptep)) {
		spin_unlock(q, &mm->page_table_lock);
		if (f.private)
			hugetlb_free_unused(q, f.page, f.promised);
		else
			put_page(q, f.page);
		return 0;
	}
	map_page(q, vma, ptep, f.page, prot);
	spin_unlock(q, &mm->page_table_lock);
	if (f.private)
		use_promise(q, vma, idx, f.page);
	get_page(f.page);
	hugetlb_activate(q, f.page);
	if (write && !(prot & _PAGE_RW))
		return hugetlb_wp(q, task, vma, haddr, ptep, *ptep);
	return 0;
}

/* The place of a page of the file in an area; false: not there. */
static bool addr_in_area(const struct vm_area_struct *vma, unsigned long idx, u64 *addr)
{
	if (!vma->hugetlb || idx < hugetlb_index(vma, vma->vm_start) ||
	    idx >= hugetlb_index(vma, vma->vm_end))
		return false;
	*addr = vma->vm_start +
		((idx << huge_page_shift(hstate_vma(vma))) - (vma->vm_pgoff << PAGE_SHIFT));
	return true;
}

/* The owner's copy could not be had: the page is taken from its children. */
static void unmap_ref_private(struct quire *q, struct vm_area_struct *vma, u64 haddr,
			      const struct page *page)
{
	struct address_space *mapping = vma_mapping(vma);
	u64 size = huge_page_size(hstate_vma(vma)), addr;
	struct vm_area_struct *other;

	spin_lock(q, &mapping->i_mmap_lock);
	list_for_each_entry (other, &mapping->i_mmap, shared_node) {
		if (other == vma || (other->vm_flags & VM_MAYSHARE) ||
		    !addr_in_area(other, hugetlb_index(vma, haddr), &addr) || other->hugetlb->resv)
			continue;
		hugetlb_unmap_range(q, other, addr, addr + size, page);
	}
	spin_unlock(q, &mapping->i_mmap_lock);
}

/* Puts a copy into a private area in the old page's place; false: that has gone. */
static bool put_copy(struct quire *q, struct vm_area_struct *vma, u64 haddr, pte_t *ptep,
		     pte_t orig, struct page *copy)
{
	struct page *old = pfn_to_page(q, pte_pfn(orig));
	struct mm_struct *mm = vma->vm_mm;
	struct hstate *h = hstate_vma(vma);

	spin_lock(q, &mm->page_table_lock);
	if (pte_none(*ptep) || pte_pfn(*ptep) != pte_pfn(orig)) {
		spin_unlock(q, &mm->page_table_lock);
		return false;
	}
	(void)HOT_SUB(&mm->hugetlb_usage, (long)pages_per_huge_page(h));
	(void)HOT_SUB(&old[1].compound_mapcount, 1);
	map_page(q, vma, ptep, copy, vm_page_prot(vma) | _PAGE_RW | _PAGE_DIRTY);
	flush_tlb(q, mm, haddr, haddr + huge_page_size(h));
	get_page(copy);
	spin_unlock(q, &mm->page_table_lock);
	return true;
}

/* A private area writes a page that others have too: a copy of its own. */
static unsigned int copy_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
			      u64 haddr, pte_t *ptep, pte_t orig)
{
	struct hugetlbfs_inode *inode = hugetlb_inode(vma);
	struct page *old = pfn_to_page(q, pte_pfn(orig)), *copy;
	unsigned long idx = hugetlb_index(vma, haddr);
	struct resv_map *map = vma->hugetlb->resv;
	/* An owner's promise was used up by the page that it shares now; not if that is
	 * the file's. */
	bool promised = hugetlb_has_promise(vma, idx);

	if (map && resv_map_prealloc(q, map, 1))
		return VM_FAULT_OOM;
	copy = alloc_huge_page(q, task, inode, vma, idx, promised);
	if (IS_ERR(copy))
		return VM_FAULT_SIGBUS;
	hugetlb_fill_page(q, inode->h, copy, old);
	set_private(copy, inode, idx);
	if (!put_copy(q, vma, haddr, ptep, orig, copy)) {
		hugetlb_free_unused(q, copy, promised);
		return 0;
	}
	use_promise(q, vma, idx, copy);
	hugetlb_activate(q, copy);
	put_page(q, old); /* the entry's */
	return 0;
}

static bool is_ours_alone(const struct page *page)
{
	return PageAnon(page) && compound_mapcount(page) == 1;
}

/* A write to a private page that does not allow it: ours alone, or a copy. */
static unsigned int hugetlb_wp(struct quire *q, struct task *task, struct vm_area_struct *vma,
			       u64 haddr, pte_t *ptep, pte_t orig)
{
	struct page *old = pfn_to_page(q, pte_pfn(orig));
	struct mm_struct *mm = vma->vm_mm;
	unsigned int ret = 0;

	get_page(old);
	if (!is_ours_alone(old)) {
		ret = copy_page(q, task, vma, haddr, ptep, orig);
		if (ret != VM_FAULT_SIGBUS || !vma->hugetlb->resv || !PageAnon(old))
			goto out;
		unmap_ref_private(q, vma, haddr, old);
		if (!is_ours_alone(old)) /* others that were promised pages */
			goto out;
		ret = 0;
	}
	spin_lock(q, &mm->page_table_lock);
	if (*ptep == orig)
		set_pte(q, ptep, orig | _PAGE_RW | _PAGE_DIRTY | _PAGE_ACCESSED);
	spin_unlock(q, &mm->page_table_lock);
out:
	put_page(q, old);
	return ret;
}

unsigned int hugetlb_fault(struct quire *q, struct task *task, struct vm_area_struct *vma, u64 addr,
			   bool write)
{
	struct hugetlbfs_inode *inode = hugetlb_inode(vma);
	u64 haddr = ALIGN_DOWN(addr, huge_page_size(inode->h));
	struct mm_struct *mm = vma->vm_mm;
	unsigned int made = 0, ret = 0;
	pte_t *ptep, entry;

	ptep = pt_walk_alloc(q, mm->pgd_pfn, haddr, hugetlb_level(inode->h), GFP_KERNEL, &made);
	if (made)
		(void)HOT_ADD(&mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
	if (!ptep)
		return VM_FAULT_OOM;
	mutex_lock(q, &inode->fault_mutex);
	entry = HOT_LOAD(ptep);
	if (pte_none(entry)) {
		ret = hugetlb_no_page(q, task, vma, haddr, ptep, write);
	} else if (unlikely(pte_is_migration(entry))) {
		migration_entry_wait(q, mm, ptep);
	} else if (write && !pte_write(entry)) {
		if (!(vma->vm_flags & VM_SHARED)) {
			ret = hugetlb_wp(q, task, vma, haddr, ptep, entry);
		} else {
			spin_lock(q, &mm->page_table_lock);
			if (*ptep == entry)
				set_pte(q, ptep, entry | _PAGE_RW | _PAGE_DIRTY | _PAGE_ACCESSED);
			spin_unlock(q, &mm->page_table_lock);
		}
	}
	mutex_unlock(q, &inode->fault_mutex);
	return ret;
}

/* ---- taking away, copying, protecting --------------------------------------------- */

void hugetlb_unmap_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
			 const struct page *only)
{
	struct mm_struct *mm = vma->vm_mm;
	struct page *pages[UNMAP_BATCH];
	u64 size, addr = start;

	if (!vma->hugetlb)
		return;
	size = huge_page_size(hstate_vma(vma));
	while (addr < end) {
		unsigned int nr = 0, moving = 0;
		u64 from = addr;

		spin_lock(q, &mm->page_table_lock);
		for (; addr < end && nr < UNMAP_BATCH; addr += size) {
			pte_t *ptep = hugetlb_pte(q, vma, addr);
			struct page *page;

			if (!ptep || pte_none(*ptep))
				continue;
			if (unlikely(pte_is_migration(*ptep))) {
				/* Its reference went when it began to move. */
				if (!only)
					set_pte(q, ptep, 0);
				moving += !only;
				continue;
			}
			page = pfn_to_page(q, pte_pfn(*ptep));
			if (only && page != only)
				continue;
			if (only)
				vma->hugetlb->unmapped = true;
			set_pte(q, ptep, 0);
			(void)HOT_SUB(&page[1].compound_mapcount, 1);
			pages[nr++] = page;
		}
		(void)HOT_SUB(&mm->hugetlb_usage, (long)((nr + moving) * (size >> PAGE_SHIFT)));
		spin_unlock(q, &mm->page_table_lock);
		if (nr)
			flush_tlb(q, mm, from, addr);
		while (nr)
			put_page(q, pages[--nr]);
	}
}

void hugetlb_unmap_file(struct quire *q, struct hugetlbfs_inode *inode, unsigned long start,
			unsigned long end)
{
	struct address_space *mapping = &inode->vfs_inode.i_data;
	struct vm_area_struct *vma;

	spin_lock(q, &mapping->i_mmap_lock);
	list_for_each_entry (vma, &mapping->i_mmap, shared_node) {
		unsigned long from, to;
		u64 base;

		if (!vma->hugetlb)
			continue;
		from = max(start, hugetlb_index(vma, vma->vm_start));
		to = min(end, hugetlb_index(vma, vma->vm_end));
		base = vma->vm_start - (vma->vm_pgoff << PAGE_SHIFT);
		if (from < to)
			hugetlb_unmap_range(q, vma, base + (from << huge_page_shift(inode->h)),
					    base + (to << huge_page_shift(inode->h)), NULL);
	}
	spin_unlock(q, &mapping->i_mmap_lock);
}

/* Both tables are locked. */
static void copy_entry(struct quire *q, struct vm_area_struct *dst, pte_t *to, pte_t *from)
{
	struct page *page;

	if (pte_none(*from))
		return;
	if (unlikely(pte_is_migration(*from))) {
		set_pte(q, from, make_readable_migration_pte(*from));
		set_pte(q, to, *from);
		(void)HOT_ADD(&dst->vm_mm->hugetlb_usage,
			      (long)pages_per_huge_page(hstate_vma(dst)));
		return;
	}
	page = pfn_to_page(q, pte_pfn(*from));
	set_pte(q, from, *from & ~_PAGE_RW);
	get_page(page);
	map_page(q, dst, to, page, *from & ~(PTE_PFN_MASK | _PAGE_ACCESSED));
}

int copy_hugetlb_page_range(struct quire *q, struct vm_area_struct *dst, struct vm_area_struct *src)
{
	const struct hstate *h = hstate_vma(src);
	struct mm_struct *mm = dst->vm_mm;

	/* The file has the pages. */
	if (src->vm_flags & VM_MAYSHARE)
		return 0;
	for (u64 addr = src->vm_start; addr < src->vm_end; addr += huge_page_size(h)) {
		pte_t *from = hugetlb_pte(q, src, addr), *to;
		unsigned int made = 0;

		if (!from || pte_none(*from))
			continue;
		to = pt_walk_alloc(q, mm->pgd_pfn, addr, hugetlb_level(h), GFP_KERNEL, &made);
		mm->pgtables_bytes += (long)made * (long)PAGE_SIZE;
		if (!to)
			return -ENOMEM;
		spin_lock(q, &mm->page_table_lock);
		spin_lock_nested(q, &src->vm_mm->page_table_lock);
		copy_entry(q, dst, to, from);
		spin_unlock(q, &src->vm_mm->page_table_lock);
		spin_unlock(q, &mm->page_table_lock);
	}
	return 0;
}

void hugetlb_change_protection(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end)
{
	u64 keep = KEEP_ON_PROTECT | (vma->vm_flags & VM_WRITE ? _PAGE_RW : 0);
	u64 prot = vm_page_prot(vma) & ~_PAGE_ACCESSED;

	spin_lock(q, &vma->vm_mm->page_table_lock);
	for (u64 addr = start; addr < end; addr += huge_page_size(hstate_vma(vma))) {
		pte_t *ptep = hugetlb_pte(q, vma, addr);

		if (!ptep || pte_none(*ptep))
			continue;
		if (likely(!pte_is_migration(*ptep)))
			set_pte(q, ptep, (*ptep & keep) | prot);
		else if (!(vma->vm_flags & VM_WRITE))
			set_pte(q, ptep, make_readable_migration_pte(*ptep));
	}
	flush_tlb(q, vma->vm_mm, start, end);
	spin_unlock(q, &vma->vm_mm->page_table_lock);
}

u64 move_hugetlb_page_tables(struct quire *q, struct vm_area_struct *from, u64 old,
			     struct vm_area_struct *to, u64 new, u64 len)
{
	const struct hstate *h = hstate_vma(from);
	struct mm_struct *mm = from->vm_mm;
	u64 size = huge_page_size(h), done;

	for (done = 0; done < len; done += size) {
		pte_t *src = hugetlb_pte(q, from, old + done), *dst;
		unsigned int made = 0;

		if (!src || pte_none(*src))
			continue;
		dst = pt_walk_alloc(q, mm->pgd_pfn, new + done, hugetlb_level(h), GFP_KERNEL,
				    &made);
		(void)HOT_ADD(&mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
		if (!dst)
			break;
		vma_rmap_lock(q, to);
		spin_lock(q, &mm->page_table_lock);
		set_pte(q, dst, *src);
		set_pte(q, src, 0);
		spin_unlock(q, &mm->page_table_lock);
		vma_rmap_unlock(q, to);
	}
	flush_tlb(q, mm, old, old + done);
	return done;
}
