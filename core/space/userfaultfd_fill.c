/* SPDX-License-Identifier: MIT */
/*
 * Pages that the holder of a userfaultfd context brings: copies, zeros, or what the file
 * has already (Linux's userfaultfd.c in mm/).
 *
 * A private area gets a page of its own; a shared one a page in the file, which all who
 * map it see, mapped here at once.  CONTINUE only maps what the file has.  Nothing that
 * is there is overwritten (-EEXIST) but a marker, whose protection stays.
 *
 * Locks: mmap_lock for reading over each page; the source is read before.
 */
#include "space/hugetlb.h"
#include "space/userfault.h"

enum fill { FILL_COPY, FILL_ZERO, FILL_CONTINUE };

struct filler {
	struct userfaultfd_ctx *ctx;
	enum fill how;
	bool wp;
	u64 dst, len;
};

/* The area that holds the whole range and is registered; mmap_lock is held. */
static struct vm_area_struct *dst_area(const struct filler *f)
{
	struct vm_area_struct *vma = find_vma(f->ctx->mm, f->dst);

	if (!vma || vma->vm_start > f->dst || vma->vm_end < f->dst + f->len || !vma->uffd)
		return NULL;
	return vma;
}

static bool past_end(const struct vm_fault *vmf)
{
	const struct address_space *mapping = vma_mapping(vmf->vma);

	return mapping && linear_page_index(vmf->vma, vmf->addr) >=
				  DIV_ROUND_UP(mapping->host->i_size, PAGE_SIZE);
}

/* Under the lock, if the entry is empty or a marker; else -EEXIST. */
static int lock_empty(struct quire *q, struct vm_fault *vmf)
{
	spin_lock(q, &vmf->mm->page_table_lock);
	if (past_end(vmf)) {
		spin_unlock(q, &vmf->mm->page_table_lock);
		return -EFAULT;
	}
	vmf->orig = *vmf->ptep;
	if (pte_none(vmf->orig) || pte_is_marker(vmf->orig))
		return 0;
	spin_unlock(q, &vmf->mm->page_table_lock);
	return -EEXIST;
}

static u64 fill_prot(const struct filler *f, const struct vm_fault *vmf, bool may_write)
{
	u64 prot = (vm_page_prot(vmf->vma) & ~_PAGE_RW) | _PAGE_MKDIRTY;

	if (f->wp)
		return prot | _PAGE_UFFD_WP;
	return may_write && (vmf->vma->vm_flags & VM_WRITE) ? prot | _PAGE_RW : prot;
}

/* A page of the process's own; src NULL: the zero page. */
static int fill_private(struct quire *q, const struct filler *f, struct vm_fault *vmf,
			struct page *src)
{
	struct page *page = NULL;
	int err;

	if (anon_vma_prepare(q, vmf->vma))
		return -ENOMEM;
	if (src) {
		page = new_user_page(q, vmf, 0);
		if (!page)
			return -ENOMEM;
		hot_copy_page(q->hot, page_to_pfn(q, page), page_to_pfn(q, src));
	}
	err = lock_empty(q, vmf);
	if (err) {
		if (page)
			put_page(q, page);
		return err;
	}
	if (page)
		map_new_anon(q, vmf, page, fill_prot(f, vmf, true));
	else
		set_pte(q, vmf->ptep,
			mk_pte(page_to_pfn(q, q->space->zero_page),
			       (vm_page_prot(vmf->vma) & ~_PAGE_RW) | _PAGE_SPECIAL));
	pte_unlock(q, vmf);
	if (page)
		mlock_if_wanted(q, vmf, page);
	return 0;
}

/* A page of the file is mapped; its reference becomes the entry's. */
static int map_shared(struct quire *q, const struct filler *f, struct vm_fault *vmf,
		      struct page *page)
{
	int err;

	lock_page(q, page);
	err = page->mapping == vma_mapping(vmf->vma) ? lock_empty(q, vmf) : -EFAULT;
	if (!err) {
		page_add_file_rmap(q, page);
		add_mm_counter(vmf->mm, mm_counter(page), 1);
		set_pte(q, vmf->ptep,
			mk_pte(page_to_pfn(q, page),
			       fill_prot(f, vmf, vmf->vma->vm_flags & VM_SHARED)));
		pte_unlock(q, vmf);
		mlock_if_wanted(q, vmf, page);
	}
	unlock_page(q, page);
	if (err)
		put_page(q, page);
	return err;
}

static int fill_shared(struct quire *q, const struct filler *f, struct vm_fault *vmf,
		       struct page *src)
{
	struct address_space *mapping = vma_mapping(vmf->vma);
	unsigned long index = linear_page_index(vmf->vma, vmf->addr);
	bool major = false;
	struct page *page;

	if (past_end(vmf))
		return -EFAULT;
	page = find_get_page(q, mapping, index);
	if (f->how != FILL_CONTINUE) {
		if (page && !xa_is_value(page))
			put_page(q, page);
		if (page)
			return -EEXIST;
	} else if (!page) {
		return -EFAULT;
	} else if (!xa_is_value(page)) {
		put_page(q, page);
	}
	page = shmem_get_page(q, mapping->host, index, GFP_HIGHUSER_MOVABLE, &major);
	if (IS_ERR(page))
		return PTR_ERR(page) == -EFAULT ? -EFAULT : -ENOMEM;
	if (f->how == FILL_COPY) {
		lock_page(q, page);
		hot_copy_page(q->hot, page_to_pfn(q, page), page_to_pfn(q, src));
		(void)set_page_dirty(q, page);
		unlock_page(q, page);
	}
	return map_shared(q, f, vmf, page);
}

/* One page; mmap_lock is held for reading. */
static int fill_page(struct quire *q, const struct filler *f, u64 addr, struct page *src)
{
	struct mm_struct *mm = f->ctx->mm;
	struct vm_area_struct *vma = dst_area(f);
	struct vm_fault vmf = {.mm = mm, .vma = vma, .addr = addr, .write = true};
	unsigned int made = 0;
	const pte_t *pmdp;

	if (HOT_LOAD(&f->ctx->mmap_changing))
		return -EAGAIN;
	if (!vma)
		return -ENOENT;
	if ((f->wp && !(vma->vm_flags & VM_UFFD_WP)) || (f->how == FILL_CONTINUE && !vma->vm_file))
		return -EINVAL;
	vmf.ptep = pt_walk_alloc(q, mm->pgd_pfn, addr, 1, GFP_KERNEL, &made);
	(void)HOT_ADD(&mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
	if (!vmf.ptep) {
		pmdp = pt_walk(q, mm->pgd_pfn, addr, 2);
		return pmdp && pmd_huge(*pmdp) ? -EEXIST : -ENOMEM;
	}
	if (f->how == FILL_CONTINUE || (vma->vm_flags & VM_SHARED))
		return fill_shared(q, f, &vmf, src);
	return fill_private(q, f, &vmf, src);
}

/* The page that the running task sees at addr, with a reference. */
static struct page *source_page(struct quire *q, u64 addr)
{
	struct task *task = current_task(q);
	struct page *page = NULL;
	pte_t pte;

	if (!task || !task->mm)
		return NULL;
	for (int tries = 0; !page && tries < 2; tries++) {
		const pte_t *ptep;

		spin_lock(q, &task->mm->page_table_lock);
		ptep = pt_walk(q, task->mm->pgd_pfn, addr, 2);
		pte = ptep ? *ptep : 0;
		if (pmd_table(pte))
			pte = *pte_offset(q, pte, addr);
		else if (pmd_leaf(pte) && (pte & _PAGE_PRESENT))
			pte += addr & ~PMD_MASK;
		if (pte & _PAGE_PRESENT) {
			page = compound_head(pfn_to_page(q, pte_pfn(pte)));
			get_page(page);
			page = pfn_to_page(q, pte_pfn(pte));
		}
		spin_unlock(q, &task->mm->page_table_lock);
		if (!page && !tries)
			(void)populate_exactly(q, task->mm, addr, addr + PAGE_SIZE, false);
	}
	return page;
}

static s64 fill_range(struct quire *q, struct filler *f, u64 src, unsigned int mode)
{
	struct mm_struct *mm = f->ctx->mm;
	const struct task *task = current_task(q);
	u64 done = 0;
	int err = 0;

	if (HOT_LOAD(&f->ctx->mmap_changing))
		return -EAGAIN;
	if (uffd_check_range(mm, f->dst, f->len))
		return -EINVAL;
	if (!HOT_LOAD(&mm->mm_users))
		return -ESRCH;
	for (; !err && done < f->len; done += err ? 0 : PAGE_SIZE) {
		struct page *page = f->how == FILL_COPY ? source_page(q, src + done) : NULL;

		if (f->how == FILL_COPY && !page) {
			err = -EFAULT;
			break;
		}
		down_read(q, &mm->mmap_lock);
		err = fill_page(q, f, f->dst + done, page);
		up_read(q, &mm->mmap_lock);
		if (page)
			put_page(q, compound_head(page));
		if (!err && task && fatal_signal_pending(task))
			err = -EINTR;
	}
	if (done && !(mode & UFFDIO_MODE_DONTWAKE))
		(void)userfaultfd_wake(q, f->ctx, f->dst, done);
	return done ? (s64)done : err;
}

s64 userfaultfd_copy(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 src, u64 len,
		     unsigned int mode)
{
	struct filler f = {ctx, FILL_COPY, mode & UFFDIO_COPY_MODE_WP, dst, len};

	if (!IS_ALIGNED(src, PAGE_SIZE) || src + len <= src ||
	    (mode & ~(UFFDIO_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP)))
		return -EINVAL;
	return fill_range(q, &f, src, mode);
}

s64 userfaultfd_zeropage(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 len,
			 unsigned int mode)
{
	struct filler f = {ctx, FILL_ZERO, false, dst, len};

	return mode & ~UFFDIO_MODE_DONTWAKE ? -EINVAL : fill_range(q, &f, 0, mode);
}

s64 userfaultfd_continue(struct quire *q, struct userfaultfd_ctx *ctx, u64 dst, u64 len,
			 unsigned int mode)
{
	struct filler f = {ctx, FILL_CONTINUE, false, dst, len};

	return mode & ~UFFDIO_MODE_DONTWAKE ? -EINVAL : fill_range(q, &f, 0, mode);
}
