/* SPDX-License-Identifier: MIT */
/*
 * Mappings of huge pages (the mapping half of Linux's hugetlb.c).
 *
 * mmap() promises the pages: it fails with -ENOMEM if the pool can't keep the
 * promise.  A fault takes a page and uses the promise up; without one (a child
 * after fork, MAP_NORESERVE) it takes what is promised to nobody, and there is
 * SIGBUS when there is none.  A page is mapped by one entry of level 2 (2 MiB)
 * or 3 (1 GiB) and counted in its compound_mapcount alone.
 *
 * A private page that is shared since fork is copied for whoever writes.  The
 * one who was promised the page must not fail then: if the pool is empty, the
 * page is taken from its children, who get SIGBUS when they come back for it.
 *
 * Invariants: resv of the pool = promises not used up, of all owners' areas and
 * shared files; mm->hugetlb_usage = frames of the entries (verify_hugetlb.c,
 * verify_space.c).
 *
 * Locks: mmap_lock; the file's fault_mutex over a fault; page_table_lock over an
 * entry.
 *
 * Differs from Linux: the reverse map is the file's list of areas, private pages
 * have no anon_vma; promises are bitmaps, not lists of regions; no tables shared
 * between processes.
 */
#include "base/bitmap.h"
#include "base/printk.h"
#include "space/hugetlb.h"
#include "space/mempolicy.h"

#define UNMAP_BATCH	64
#define MAP_HUGE_SHIFT	26
#define MAP_HUGE_MASK	0x3f
#define BITS_WORDS(nr)	DIV_ROUND_UP(nr, BITS_PER_LONG)
#define KEEP_ON_PROTECT (PTE_PFN_MASK | _PAGE_PSE | _PAGE_DIRTY | _PAGE_ACCESSED)

static bool bit_is_set(const unsigned long *map, unsigned long n)
{
	return (map[n / BITS_PER_LONG] >> n % BITS_PER_LONG) & 1;
}

static void bit_set(unsigned long *map, unsigned long n)
{
	map[n / BITS_PER_LONG] |= 1UL << n % BITS_PER_LONG;
}

struct hstate *hstate_of_mmap(struct quire *q, int flags)
{
	unsigned int log = (unsigned int)flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;

	return log ? size_to_hstate(q, 1UL << log) : default_hstate(q);
}

/* ---- files and promises ---------------------------------------------------------- */

static const nodemask_t *allowed_nodes(struct quire *q)
{
	const struct task *task = current_task(q);

	return task && task->policy.mode == MPOL_BIND ? &task->policy.nodes : NULL;
}

/* Nobody looks for the file through its page from now on. */
static void put_file_page(struct quire *q, struct page *page)
{
	spin_lock(q, &q->page->hugetlb->lock);
	page->mapping = NULL;
	spin_unlock(q, &q->page->hugetlb->lock);
	put_page(q, page);
}

static void free_hugetlb_file(struct quire *q, struct hugetlb_file *file)
{
	long unused = 0;

	for (unsigned long i = 0; file->shared && i < file->nr; i++) {
		unused += bit_is_set(file->reserved, i) && !file->pages[i];
		if (file->pages[i])
			put_file_page(q, file->pages[i]);
	}
	if (unused)
		(void)hugetlb_acct_memory(q, file->h, -unused, NULL);
	kfree(q, file->reserved);
	kfree(q, file->pages);
	kfree(q, file);
}

static struct hugetlb_file *alloc_hugetlb_file(struct quire *q, struct hstate *h, unsigned long nr,
					       bool shared)
{
	struct hugetlb_file *file = kzalloc(q, sizeof(*file), GFP_KERNEL);

	if (!file)
		return NULL;
	file->h = h;
	file->nr = nr;
	INIT_LIST_HEAD(&file->vmas);
	spin_lock_init(&file->lock, LOCK_I_MMAP);
	mutex_init(&file->fault_mutex);
	if (shared) {
		file->reserved = kzalloc(q, BITS_WORDS(nr) * sizeof(long), GFP_KERNEL);
		file->pages = kzalloc(q, nr * sizeof(*file->pages), GFP_KERNEL);
		if (!file->reserved || !file->pages) {
			free_hugetlb_file(q, file);
			return NULL;
		}
	}
	file->shared = shared;
	return file;
}

static int attach(struct quire *q, struct vm_area_struct *vma, struct hugetlb_file *file,
		  struct hugetlb_resv *resv)
{
	struct hugetlb_vma *hv = kzalloc(q, sizeof(*hv), GFP_KERNEL);

	if (!hv)
		return -ENOMEM;
	hv->file = file;
	hv->resv = resv;
	if (resv)
		(void)HOT_ADD(&resv->refs, 1);
	spin_lock(q, &file->lock);
	spin_lock(q, &q->page->hugetlb->lock);
	file->refs++;
	spin_unlock(q, &q->page->hugetlb->lock);
	/* Who finds the area through the file needs it whole. */
	vma->hugetlb = hv;
	list_add_tail(&vma->shared_node, &file->vmas);
	spin_unlock(q, &file->lock);
	return 0;
}

int hugetlb_file_mmap(struct quire *q, struct vm_area_struct *vma, struct hstate *h)
{
	unsigned long nr = (vma->vm_end - vma->vm_start) >> huge_page_shift(h);
	bool shared = vma->vm_flags & VM_SHARED, promise = !(vma->vm_flags & VM_NORESERVE);
	struct hugetlb_file *file = alloc_hugetlb_file(q, h, nr, shared);
	struct hugetlb_resv *resv = NULL;

	if (!file)
		return -ENOMEM;
	if (promise && !shared) {
		resv = kzalloc(q, sizeof(*resv) + BITS_WORDS(nr) * sizeof(long), GFP_KERNEL);
		if (!resv)
			goto fail;
	}
	if (promise && hugetlb_acct_memory(q, h, (long)nr, allowed_nodes(q)))
		goto fail;
	if (attach(q, vma, file, resv)) {
		if (promise)
			(void)hugetlb_acct_memory(q, h, -(long)nr, NULL);
		goto fail;
	}
	for (unsigned long i = 0; promise && shared && i < nr; i++)
		bit_set(file->reserved, i);
	return 0;
fail:
	kfree(q, resv);
	free_hugetlb_file(q, file);
	return -ENOMEM;
}

int hugetlb_vm_open(struct quire *q, struct vm_area_struct *vma, const struct vm_area_struct *orig,
		    bool fork)
{
	int err;

	vma->hugetlb = NULL;
	err = attach(q, vma, orig->hugetlb->file, fork ? NULL : orig->hugetlb->resv);
	if (!err && !fork)
		vma->hugetlb->unmapped = orig->hugetlb->unmapped;
	return err;
}

void hugetlb_unpin_file(struct quire *q, struct hugetlb_file *file)
{
	bool last;

	spin_lock(q, &q->page->hugetlb->lock);
	last = --file->refs == 0;
	spin_unlock(q, &q->page->hugetlb->lock);
	if (last)
		free_hugetlb_file(q, file);
}

void hugetlb_vm_close(struct quire *q, struct vm_area_struct *vma)
{
	struct hugetlb_vma *hv = vma->hugetlb;
	struct hugetlb_file *file;
	unsigned long end;
	long unused = 0;

	if (!hv)
		return;
	file = hv->file;
	if (hv->resv) {
		end = hugetlb_index(vma, vma->vm_end);
		for (unsigned long i = hugetlb_index(vma, vma->vm_start); i < end; i++)
			unused += !bit_is_set(hv->resv->used, i);
		if (HOT_SUB(&hv->resv->refs, 1) == 0)
			kfree(q, hv->resv);
	}
	spin_lock(q, &file->lock);
	list_del_init(&vma->shared_node);
	vma->hugetlb = NULL;
	spin_unlock(q, &file->lock);
	if (unused)
		(void)hugetlb_acct_memory(q, file->h, -unused, NULL);
	kfree(q, hv);
	hugetlb_unpin_file(q, file);
}

/* Was a page promised to the area at this place, and not had yet? */
static bool has_promise(const struct hugetlb_vma *hv, unsigned long idx)
{
	if (hv->file->shared)
		return bit_is_set(hv->file->reserved, idx);
	return hv->resv && !bit_is_set(hv->resv->used, idx);
}

static void use_promise(const struct hugetlb_vma *hv, unsigned long idx, struct page *page)
{
	if (hv->file->shared)
		bit_set(hv->file->reserved, idx);
	else if (hv->resv)
		bit_set(hv->resv->used, idx);
	hugetlb_commit(page);
}

/* ---- faults ---------------------------------------------------------------------- */

unsigned int huge_node(struct quire *q, const struct task *task, const struct vm_area_struct *vma,
		       u64 haddr, const nodemask_t **nodes)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);

	*nodes = NULL;
	if (pol && pol->mode == MPOL_BIND)
		*nodes = &pol->nodes;
	else if (pol && pol->mode == MPOL_PREFERRED)
		return pol->preferred;
	else if (mpol_interleaves(pol))
		return interleave_nid(q, pol, hugetlb_index(vma, haddr));
	return numa_node_id(q);
}

/* By the task's policy; NULL: none left. */
static struct page *new_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
			     u64 haddr, bool reserved)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);
	struct hstate *h = hstate_vma(vma);
	const nodemask_t *nodes;
	unsigned int nid = huge_node(q, task, vma, haddr, &nodes);

	if (pol && pol->mode == MPOL_PREFERRED_MANY) {
		struct page *page = hugetlb_alloc(q, h, nid, &pol->nodes, reserved);

		if (page)
			return page;
	}
	return hugetlb_alloc(q, h, nid, nodes, reserved);
}

static void fill_page(struct quire *q, const struct hstate *h, struct page *page,
		      const struct page *from)
{
	u64 pfn = page_to_pfn(q, page);

	for (unsigned long i = 0; i < pages_per_huge_page(h); i++) {
		if (from)
			hot_copy_page(q->hot, pfn + i, page_to_pfn(q, from) + i);
		else
			hot_clear_page(q->hot, pfn + i);
	}
	charge_ns(q, pages_per_huge_page(h) * q->cost.hugetlb_page);
}

static void map_page(struct quire *q, struct vm_area_struct *vma, pte_t *ptep, struct page *page,
		     u64 prot)
{
	(void)HOT_ADD(&page[1].compound_mapcount, 1);
	set_pte(q, ptep, mk_pte(page_to_pfn(q, page), prot | _PAGE_PSE));
	(void)HOT_ADD(&vma->vm_mm->hugetlb_usage, (long)pages_per_huge_page(hstate_vma(vma)));
}

/* The page of a shared mapping or a new one, with a reference for the entry;
 * NULL: none left. */
static struct page *find_or_alloc(struct quire *q, struct task *task, struct vm_area_struct *vma,
				  u64 haddr)
{
	const struct hugetlb_vma *hv = vma->hugetlb;
	unsigned long idx = hugetlb_index(vma, haddr);
	struct page *page;

	if (hv->file->shared && hv->file->pages[idx]) {
		get_page(hv->file->pages[idx]);
		return hv->file->pages[idx];
	}
	page = new_page(q, task, vma, haddr, has_promise(hv, idx));
	if (!page)
		return NULL;
	fill_page(q, hv->file->h, page, NULL);
	page->flags |= BIT(PG_uptodate);
	page->index = idx;
	if (hv->file->shared) {
		get_page(page);
		use_promise(hv, idx, page);
		hv->file->pages[idx] = page;
		page->mapping = (struct address_space *)hv->file;
	} else {
		page->mapping =
			(struct address_space *)((unsigned long)hv->file | PAGE_MAPPING_ANON);
	}
	return page;
}

static unsigned int hugetlb_no_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
				    u64 haddr, pte_t *ptep, bool write)
{
	struct hugetlb_vma *hv = vma->hugetlb;
	u64 prot = vm_page_prot(vma);
	struct page *page;

	if (hv->unmapped) {
		pr_warn(q, "PID %d killed due to inadequate hugepage pool", task ? task->pid : 0);
		return VM_FAULT_SIGBUS;
	}
	page = find_or_alloc(q, task, vma, haddr);
	if (!page)
		return VM_FAULT_SIGBUS;
	if (write)
		prot |= _PAGE_RW | _PAGE_DIRTY;
	spin_lock(q, &vma->vm_mm->page_table_lock);
	if (!pte_none(*ptep)) {
		spin_unlock(q, &vma->vm_mm->page_table_lock);
		put_page(q, page);
		return 0;
	}
	if (!hv->file->shared)
		use_promise(hv, hugetlb_index(vma, haddr), page);
	map_page(q, vma, ptep, page, prot);
	spin_unlock(q, &vma->vm_mm->page_table_lock);
	get_page(page);
	hugetlb_activate(q, page);
	return 0;
}

/* The owner's copy could not be had: the page is taken from its children. */
static void unmap_ref_private(struct quire *q, struct vm_area_struct *vma, u64 haddr,
			      const struct page *page)
{
	struct hugetlb_file *file = vma->hugetlb->file;
	unsigned long idx = hugetlb_index(vma, haddr);
	struct vm_area_struct *other;

	spin_lock(q, &file->lock);
	list_for_each_entry (other, &file->vmas, shared_node) {
		u64 addr;

		if (other == vma || other->hugetlb->resv ||
		    idx < hugetlb_index(other, other->vm_start) ||
		    idx >= hugetlb_index(other, other->vm_end))
			continue;
		addr = other->vm_start +
		       ((idx << huge_page_shift(file->h)) - (other->vm_pgoff << PAGE_SHIFT));
		hugetlb_unmap_range(q, other, addr, addr + huge_page_size(file->h), page);
	}
	spin_unlock(q, &file->lock);
}

/* A write to a private page that does not allow it: ours alone, or a copy. */
static unsigned int hugetlb_wp(struct quire *q, struct task *task, struct vm_area_struct *vma,
			       u64 haddr, pte_t *ptep, pte_t orig)
{
	struct hugetlb_vma *hv = vma->hugetlb;
	struct mm_struct *mm = vma->vm_mm;
	struct page *old = pfn_to_page(q, pte_pfn(orig)), *copy;

	get_page(old);
	while (compound_mapcount(old) != 1) {
		/* An owner's promise was used up by the page that it shares now. */
		copy = new_page(q, task, vma, haddr, false);
		if (copy)
			goto copy;
		if (!hv->resv) {
			put_page(q, old);
			return VM_FAULT_SIGBUS;
		}
		unmap_ref_private(q, vma, haddr, old);
		if (compound_mapcount(old) != 1) { /* others that were promised pages */
			put_page(q, old);
			return VM_FAULT_SIGBUS;
		}
	}
	spin_lock(q, &mm->page_table_lock);
	if (*ptep == orig)
		set_pte(q, ptep, orig | _PAGE_RW | _PAGE_DIRTY | _PAGE_ACCESSED);
	spin_unlock(q, &mm->page_table_lock);
	put_page(q, old);
	return 0;
copy:
	fill_page(q, hv->file->h, copy, old);
	copy->flags |= BIT(PG_uptodate);
	copy->index = old->index;
	copy->mapping = old->mapping;
	spin_lock(q, &mm->page_table_lock);
	if (pte_none(*ptep) || pte_pfn(*ptep) != pte_pfn(orig)) {
		spin_unlock(q, &mm->page_table_lock);
		put_page(q, copy);
		put_page(q, old);
		return 0;
	}
	hugetlb_commit(copy);
	(void)HOT_SUB(&mm->hugetlb_usage, (long)pages_per_huge_page(hv->file->h));
	(void)HOT_SUB(&old[1].compound_mapcount, 1);
	map_page(q, vma, ptep, copy, vm_page_prot(vma) | _PAGE_RW | _PAGE_DIRTY);
	flush_tlb(q, mm, haddr, haddr + huge_page_size(hv->file->h));
	get_page(copy);
	spin_unlock(q, &mm->page_table_lock);
	hugetlb_activate(q, copy);
	put_page(q, old); /* the entry's */
	put_page(q, old);
	return 0;
}

unsigned int hugetlb_fault(struct quire *q, struct task *task, struct vm_area_struct *vma, u64 addr,
			   bool write)
{
	struct hugetlb_file *file = vma->hugetlb->file;
	u64 haddr = ALIGN_DOWN(addr, huge_page_size(file->h));
	struct mm_struct *mm = vma->vm_mm;
	unsigned int made = 0, ret = 0;
	pte_t *ptep, entry;

	ptep = pt_walk_alloc(q, mm->pgd_pfn, haddr, hugetlb_level(file->h), GFP_KERNEL, &made);
	if (made)
		(void)HOT_ADD(&mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
	if (!ptep)
		return VM_FAULT_OOM;
	mutex_lock(q, &file->fault_mutex);
	entry = HOT_LOAD(ptep);
	if (pte_none(entry)) {
		ret = hugetlb_no_page(q, task, vma, haddr, ptep, write);
	} else if (unlikely(pte_is_migration(entry))) {
		migration_entry_wait(q, mm, ptep);
	} else if (write && !pte_write(entry)) {
		if (!file->shared) {
			ret = hugetlb_wp(q, task, vma, haddr, ptep, entry);
		} else {
			spin_lock(q, &mm->page_table_lock);
			if (*ptep == entry)
				set_pte(q, ptep, entry | _PAGE_RW | _PAGE_DIRTY | _PAGE_ACCESSED);
			spin_unlock(q, &mm->page_table_lock);
		}
	}
	mutex_unlock(q, &file->fault_mutex);
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

	if (src->vm_flags & VM_SHARED)
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
