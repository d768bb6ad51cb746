/* SPDX-License-Identifier: MIT */
/*
 * Areas of userfaultfd: registered, given back, protected against writes.
 *
 * An area that is registered knows its context and carries VM_UFFD_* flags; so it merges
 * only with its like.  Protection is a bit in each entry (uffd-wp) that takes the right
 * to write away; it stays with the page in swap and while it moves.  An entry of a file
 * that is empty, or has to become so, has a marker in its place.
 *
 * Locks: mmap_lock for writing to register; for reading to protect.
 */
#include "space/hugetlb.h"
#include "space/userfault.h"

int uffd_check_range(const struct mm_struct *mm, u64 start, u64 len)
{
	if (!IS_ALIGNED(start | len, PAGE_SIZE) || !len || start < MMAP_MIN_ADDR ||
	    start >= mm->task_size || len > mm->task_size - start)
		return -EINVAL;
	return 0;
}

static bool vma_is_shmem(const struct vm_area_struct *vma)
{
	return vma->vm_file && vma_mapping(vma)->swap_backed;
}

static bool vma_can_userfault(const struct vm_area_struct *vma, unsigned long flags)
{
	if (vma->vm_flags & (VM_HUGETLB | VM_PFNMAP))
		return false;
	if (flags & VM_UFFD_MINOR)
		return vma_is_shmem(vma);
	return !vma->vm_file || vma_is_shmem(vma);
}

/* An area takes a context and flags; it is joined with what fits: the one that remains. */
static struct vm_area_struct *set_area(struct quire *q, struct vm_area_struct *vma,
				       struct userfaultfd_ctx *ctx, unsigned long flags)
{
	vma->uffd = ctx;
	vma->vm_flags = (u32)((vma->vm_flags & ~VM_UFFD_FLAGS) | flags);
	return vma_merge_around(q, vma->vm_mm, vma);
}

void uffd_forget_areas(struct quire *q, struct userfaultfd_ctx *ctx)
{
	struct mm_struct *mm = ctx->mm;

	down_write(q, &mm->mmap_lock);
	for (struct vm_area_struct *vma = find_vma(mm, 0); vma; vma = vma->vm_next)
		if (vma->uffd == ctx)
			vma = set_area(q, vma, NULL, 0);
	up_write(q, &mm->mmap_lock);
}

static int check_areas(struct userfaultfd_ctx *ctx, const struct vm_area_struct *vma, u64 end,
		       unsigned long flags)
{
	if (!vma || vma->vm_start >= end)
		return -EINVAL;
	for (; vma && vma->vm_start < end; vma = vma->vm_next) {
		if (!vma_can_userfault(vma, flags))
			return -EINVAL;
		/* COPY fills holes of files even without PROT_WRITE. */
		if (flags && !(vma->vm_flags & VM_MAYWRITE))
			return -EPERM;
		if (flags && vma->uffd && vma->uffd != ctx)
			return -EBUSY;
	}
	return 0;
}

int userfaultfd_register(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len,
			 unsigned int mode)
{
	struct mm_struct *mm = ctx->mm;
	struct vm_area_struct *vma;
	unsigned long flags = (mode & UFFDIO_REGISTER_MODE_MISSING ? VM_UFFD_MISSING : 0) |
			      (mode & UFFDIO_REGISTER_MODE_WP ? VM_UFFD_WP : 0) |
			      (mode & UFFDIO_REGISTER_MODE_MINOR ? VM_UFFD_MINOR : 0);
	int err;

	if (!mode || mode > 7 || uffd_check_range(mm, start, len))
		return -EINVAL;
	if (!HOT_LOAD(&mm->mm_users))
		return -ENOMEM;
	down_write(q, &mm->mmap_lock);
	vma = find_vma(mm, start);
	err = check_areas(ctx, vma, start + len, flags);
	if (!err)
		err = split_at_ends(q, mm, &vma, start, start + len, false);
	for (; !err && vma && vma->vm_start < start + len; vma = vma->vm_next)
		if (vma->uffd != ctx || (vma->vm_flags & flags) != flags)
			vma = set_area(q, vma, ctx, flags);
	up_write(q, &mm->mmap_lock);
	return err;
}

int userfaultfd_unregister(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len)
{
	struct mm_struct *mm = ctx->mm;
	struct vm_area_struct *vma;
	int err = uffd_check_range(mm, start, len);

	if (err)
		return err;
	down_write(q, &mm->mmap_lock);
	vma = find_vma(mm, start);
	err = check_areas(ctx, vma, start + len, 0);
	if (!err)
		err = split_at_ends(q, mm, &vma, start, start + len, false);
	for (; !err && vma && vma->vm_start < start + len; vma = vma->vm_next) {
		if (vma->uffd != ctx)
			continue;
		if (vma->vm_flags & VM_UFFD_WP)
			(void)uffd_wp_range(q, vma, vma->vm_start, vma->vm_end, false);
		vma = set_area(q, vma, NULL, 0);
	}
	up_write(q, &mm->mmap_lock);
	/* Who waits there finds out by himself. */
	(void)userfaultfd_wake(q, ctx, start, len);
	return err;
}

/* ---- protection ---------------------------------------------------------------------- */

static pte_t wp_entry(const struct vm_area_struct *vma, pte_t pte, bool protect)
{
	if (pte_none(pte))
		return protect && vma->vm_file ? make_pte_marker(PTE_MARKER_UFFD_WP) : pte;
	if (pte_is_marker(pte))
		return protect ? pte : 0;
	if (!protect)
		return pte_clear_uffd_wp(pte);
	if (pte_is_migration(pte))
		pte = make_readable_migration_pte(pte);
	return pte_mkuffd_wp(pte);
}

/* The entries of one table; page_table_lock is held. */
static void wp_table(struct quire *q, struct vm_area_struct *vma, pte_t *ptep, u64 addr, u64 stop,
		     bool protect)
{
	for (; addr < stop; addr += PAGE_SIZE, ptep++) {
		pte_t new = wp_entry(vma, *ptep, protect);

		if (new != *ptep)
			set_pte(q, ptep, new);
	}
}

/* What level 2 leads to for [addr, stop); files need a table to put markers in. */
static int wp_pmd(struct quire *q, struct vm_area_struct *vma, u64 addr, u64 stop, bool protect)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned int made = 0;
	pte_t *pmdp;

	if (protect && vma->vm_file) {
		const pte_t *ptep = pt_walk_alloc(q, mm->pgd_pfn, addr, 1, GFP_KERNEL, &made);

		(void)HOT_ADD(&mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
		pmdp = pt_walk(q, mm->pgd_pfn, addr, 2);
		if (!ptep && !(pmdp && pmd_huge(*pmdp)))
			return -ENOMEM;
	}
	spin_lock(q, &mm->page_table_lock);
	pmdp = pt_walk(q, mm->pgd_pfn, addr, 2);
	if (pmdp && pmd_huge(*pmdp)) {
		if (stop - addr == PMD_SIZE)
			set_pte(q, pmdp, wp_entry(vma, *pmdp, protect));
		else
			__split_huge_pmd_locked(q, vma, pmdp, addr & PMD_MASK);
	}
	if (pmdp && pmd_table(*pmdp))
		wp_table(q, vma, pte_offset(q, *pmdp, addr), addr, stop, protect);
	spin_unlock(q, &mm->page_table_lock);
	return 0;
}

int uffd_wp_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end, bool protect)
{
	u64 addr = start;
	int err = 0;

	while (addr < end && !err) {
		u64 stop = pmd_addr_end(addr, end);

		err = wp_pmd(q, vma, addr, stop, protect);
		addr = stop;
	}
	flush_tlb(q, vma->vm_mm, start, end);
	return err;
}

int userfaultfd_writeprotect(struct quire *q, struct userfaultfd_ctx *ctx, u64 start, u64 len,
			     unsigned int mode)
{
	bool protect = mode & UFFDIO_WRITEPROTECT_MODE_WP;
	bool dontwake = mode & UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
	struct mm_struct *mm = ctx->mm;
	struct vm_area_struct *vma;
	int err = -ENOENT;

	if (HOT_LOAD(&ctx->mmap_changing))
		return -EAGAIN;
	if (uffd_check_range(mm, start, len) || mode > 3 || (protect && dontwake))
		return -EINVAL;
	if (!HOT_LOAD(&mm->mm_users))
		return -ESRCH;
	down_read(q, &mm->mmap_lock);
	vma = find_vma(mm, start);
	if (vma && vma->vm_start <= start && vma->vm_end >= start + len && vma->uffd &&
	    (vma->vm_flags & VM_UFFD_WP))
		err = uffd_wp_range(q, vma, start, start + len, protect);
	up_read(q, &mm->mmap_lock);
	if (!err && !protect && !dontwake)
		(void)userfaultfd_wake(q, ctx, start, len);
	return err;
}
