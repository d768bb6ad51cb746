/* SPDX-License-Identifier: MIT */
/*
 * mremap(): an area is cut, grows where it lies, or moves with its pages (Linux's
 * mremap.c).
 *
 * Moving makes a second area first, chained to the same reverse maps, so that a
 * page can be found at either place; then entries go over, whole tables where both
 * places allow it; then the old area goes, or with DONTUNMAP stays empty.  All that
 * can fail comes before the first entry moves but the new tables; when one of those
 * can't be had, what has moved goes back, and that needs no memory.
 *
 * Locks: mmap_lock for writing; each table's entries move under both areas' reverse
 * map lock and page_table_lock, so a reverse walk never misses one.
 *
 * Pages of pools move entry by entry (hugetlb.c), and the area's promises with them.
 */
#include "space/hugetlb.h"
#include "space/mempolicy.h"
#include "space/userfault.h"

struct remap {
	u64 addr, old_len, new_len, new_addr;
	int flags;
	struct uffd_event *uffd;    /* to be told of the move */
	u64 locked_from, locked_to; /* to be brought in once mmap_lock is dropped */
};

/* ---- entries --------------------------------------------------------------------- */

struct pte_move {
	struct vm_area_struct *from, *to;
	u64 old, new, end; /* end: of the old range */
};

/* A table or a huge page that lies whole in both ranges goes as one entry. */
static bool move_pmd(struct quire *q, struct pte_move *m, pte_t *from, pte_t *to)
{
	struct page *table = NULL;

	if (((m->old | m->new) & ~PMD_MASK) || m->end - m->old < PMD_SIZE || !pte_none(*to))
		return false;
	if (pmd_huge(*from) && !m->from->vm_file)
		table = pgtable_trans_huge_withdraw(q, from);
	/* A table goes as it is; what maps or stands for pages is new where it is now. */
	set_pte(q, to, table ? pte_mksoft_dirty(*from) : *from);
	set_pte(q, from, 0);
	if (table)
		pgtable_trans_huge_deposit(q, to, table);
	return true;
}

static void move_ptes(struct quire *q, pte_t *from, pte_t *to, unsigned int n)
{
	for (; n; n--, from++, to++) {
		pte_t pte = *from;

		if (pte_none(pte))
			continue;
		set_pte(q, from, 0);
		set_pte(q, to, pte_mksoft_dirty(pte));
	}
}

/* One entry of level 2's worth, or less: how far it came; 0: no memory. */
static u64 move_some(struct quire *q, struct pte_move *m, pte_t *from)
{
	struct mm_struct *mm = m->from->vm_mm;
	u64 n = min(pmd_addr_end(m->old, m->end) - m->old,
		    pmd_addr_end(m->new, ULONG_MAX & PMD_MASK) - m->new);
	bool whole = false, gone = false;
	unsigned int made = 0;
	pte_t *to;

	to = pt_walk_alloc(q, mm->pgd_pfn, m->new, 2, GFP_KERNEL, &made);
	if (to) {
		vma_rmap_lock(q, m->from);
		spin_lock(q, &mm->page_table_lock);
		whole = move_pmd(q, m, from, to);
		if (!whole && pmd_huge(*from))
			__split_huge_pmd_locked(q, m->from, from, m->old & PMD_MASK);
		gone = !whole && !pmd_table(*from); /* of a file: nothing is left of it */
		spin_unlock(q, &mm->page_table_lock);
		vma_rmap_unlock(q, m->from);
	}
	if (to && !whole && !gone)
		to = pt_walk_alloc(q, mm->pgd_pfn, m->new, 1, GFP_KERNEL, &made);
	(void)HOT_ADD(&mm->pgtables_bytes, (long)made * (long)PAGE_SIZE);
	if (gone)
		return n;
	if (!to || whole)
		return whole ? PMD_SIZE : 0;
	vma_rmap_lock(q, m->from);
	spin_lock(q, &mm->page_table_lock);
	move_ptes(q, pte_offset(q, *from, m->old), to, (unsigned int)(n >> PAGE_SHIFT));
	spin_unlock(q, &mm->page_table_lock);
	vma_rmap_unlock(q, m->from);
	return n;
}

/* How many bytes' entries moved: all, or fewer for lack of memory. */
static u64 move_page_tables(struct quire *q, struct vm_area_struct *from, u64 old,
			    struct vm_area_struct *to, u64 new, u64 len)
{
	struct pte_move m = {from, to, old, new, old + len};
	struct mm_struct *mm = from->vm_mm;
	u64 moved;
	pte_t *pmdp;

	if (is_vm_hugetlb_page(from))
		return move_hugetlb_page_tables(q, from, old, to, new, len);
	for (;;) {
		u64 at = m.old;

		pmdp = next_pmd(q, mm->pgd_pfn, &at, m.end);
		if (!pmdp)
			break;
		m.new += at - m.old;
		m.old = at;
		moved = move_some(q, &m, pmdp);
		if (!moved) {
			len = m.old - old;
			break;
		}
		m.old += moved;
		m.new += moved;
	}
	flush_tlb(q, mm, old, m.end);
	return len;
}

/* ---- areas ----------------------------------------------------------------------- */

/* A second area for what is to lie at new_addr, linked; NULL: no memory. */
static struct vm_area_struct *copy_vma(struct quire *q, struct vm_area_struct *vma,
				       const struct remap *r)
{
	struct mm_struct *mm = vma->vm_mm;
	struct vm_area_struct *new;

	if (vma_tree_reserve(q, &mm->mm_mt, r->new_addr, 0))
		return NULL;
	new = vm_area_dup(q, vma);
	if (!new || anon_vma_clone(q, new, vma) ||
	    (is_vm_hugetlb_page(vma) && hugetlb_vm_open(q, new, vma, false))) {
		if (new)
			vm_area_free(q, new);
		vma_tree_release(q, &mm->mm_mt);
		return NULL;
	}
	new->vm_start = r->new_addr;
	new->vm_end = r->new_addr + r->new_len;
	new->vm_pgoff = linear_page_index(vma, r->addr);
	/* What was never written has no page that knows its place. */
	if (!vma->vm_file && !vma->anon_vma)
		new->vm_pgoff = r->new_addr >> PAGE_SHIFT;
	if (new->uffd && !(new->uffd->features &UFFD_FEATURE_EVENT_REMAP)) {
		new->vm_flags &= ~(u32)VM_UFFD_FLAGS;
		new->uffd = NULL;
	}
	vma_link(q, mm, new);
	vm_stat_account(mm, new->vm_flags, (long)vma_pages(new));
	return new;
}

/* The area goes again, with no page in it. */
static void drop_copy(struct quire *q, struct vm_area_struct *vma)
{
	struct mm_struct *mm = vma->vm_mm;

	vm_stat_account(mm, vma->vm_flags, -(long)vma_pages(vma));
	unlink_anon_vmas(q, vma);
	if (is_vm_hugetlb_page(vma)) {
		hugetlb_vm_moved(q, vma);
		hugetlb_vm_close(q, vma);
	}
	vma_unlink(q, mm, vma);
	vm_area_free(q, vma);
}

static void note_locked(struct remap *r, const struct vm_area_struct *vma, u64 from, u64 to)
{
	if ((vma->vm_flags & (VM_LOCKED | VM_LOCKONFAULT)) != VM_LOCKED)
		return;
	r->locked_from = from;
	r->locked_to = to;
}

static u64 move_vma(struct quire *q, struct vm_area_struct *vma, struct remap *r)
{
	struct mm_struct *mm = vma->vm_mm;
	u64 len = min(r->old_len, r->new_len), moved;
	bool stays = r->flags & MREMAP_DONTUNMAP;
	unsigned long pages = r->new_len >> PAGE_SHIFT, account = 0;
	struct vm_area_struct *new;

	if (mm->map_count >= q->space->max_map_count - 3)
		return (u64)-ENOMEM;
	if (vma->vm_flags & VM_ACCOUNT)
		account = stays || !r->old_len ? pages : (r->new_len - len) >> PAGE_SHIFT;
	if (account && vm_enough_memory(q, mm, account))
		return (u64)-ENOMEM;
	/* The part that moves becomes an area of its own; so its end can't fail. */
	if (r->old_len && !stays &&
	    split_at_ends(q, mm, &vma, r->addr, r->addr + r->old_len, false))
		goto fail;
	new = copy_vma(q, vma, r);
	if (!new)
		goto fail_merge;
	moved = move_page_tables(q, vma, r->addr, new, r->new_addr, len);
	if (moved < len) {
		/* Each table that is needed is still there. */
		(void)move_page_tables(q, new, r->new_addr, vma, r->addr, moved);
		drop_copy(q, new);
		free_pgtables(q, mm, r->new_addr, r->new_addr + r->new_len);
		goto fail_merge;
	}
	/* The old area gives back what it was promised, which the new one has now. */
	if (is_vm_hugetlb_page(vma))
		hugetlb_vm_moved(q, vma);
	if ((vma->vm_flags & VM_ACCOUNT) && r->old_len && !stays)
		(void)HOT_ADD(&q->space->vm_committed_as, (long)(r->old_len >> PAGE_SHIFT));
	if (stays && (vma->vm_flags & VM_LOCKED)) {
		vm_stat_account(mm, vma->vm_flags, -(long)vma_pages(vma));
		vma->vm_flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
		vm_stat_account(mm, vma->vm_flags, (long)vma_pages(vma));
	} else if (r->old_len && !stays) {
		(void)munmap_locked(q, mm, r->addr, r->addr + r->old_len);
	}
	if (new->uffd) {
		uffd_event_prepare(r->uffd, new->uffd, UFFD_EVENT_REMAP);
		r->uffd->msg.arg.remap.from = r->addr;
		r->uffd->msg.arg.remap.to = r->new_addr;
		r->uffd->msg.arg.remap.len = r->old_len;
	}
	note_locked(r, new, r->new_addr, r->new_addr + r->new_len);
	(void)vma_merge_around(q, mm, new);
	return r->new_addr;
fail_merge:
	(void)vma_merge_around(q, mm, vma);
fail:
	if (account)
		vm_unacct_memory(q, account);
	return (u64)-ENOMEM;
}

/* What may become larger, or lie elsewhere: 0 or an error.  Linux: vma_to_resize(). */
static int check_resize(struct mm_struct *mm, const struct vm_area_struct *vma,
			const struct remap *r)
{
	u64 grow = r->new_len - min(r->old_len, r->new_len);
	int err;

	if (!vma || vma->vm_start > r->addr)
		return -EFAULT;
	if (!r->old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && (vma->vm_flags & (VM_PFNMAP | VM_HUGETLB)))
		return -EINVAL;
	if (r->old_len > vma->vm_end - r->addr)
		return -EFAULT;
	if (r->new_len == r->old_len)
		return 0;
	if (linear_page_index(vma, r->addr) + (r->new_len >> PAGE_SHIFT) <
	    linear_page_index(vma, r->addr))
		return -EINVAL;
	if (vma->vm_flags & VM_PFNMAP)
		return -EFAULT;
	err = mlock_future_check(mm, vma->vm_flags, grow);
	if (err)
		return err;
	return may_expand_vm(mm, vma->vm_flags, grow >> PAGE_SHIFT) ? 0 : -ENOMEM;
}

/* To a place that is given (FIXED), or away from where something stays behind. */
static u64 remap_to(struct quire *q, struct mm_struct *mm, struct remap *r)
{
	struct vm_area_struct *vma;
	int err;

	if (!IS_ALIGNED(r->new_addr, PAGE_SIZE) || r->new_len > mm->task_size ||
	    r->new_addr > mm->task_size - r->new_len)
		return (u64)-EINVAL;
	if (r->addr + r->old_len > r->new_addr && r->new_addr + r->new_len > r->addr)
		return (u64)-EINVAL;
	if (mm->map_count + 2 >= q->space->max_map_count - 3)
		return (u64)-ENOMEM;
	/* Asked before anything goes, unlike in Linux. */
	err = check_resize(mm, find_vma(mm, r->addr), r);
	if (err)
		return (u64)err;
	if ((r->flags & MREMAP_DONTUNMAP) &&
	    !may_expand_vm(mm, find_vma(mm, r->addr)->vm_flags, r->old_len >> PAGE_SHIFT))
		return (u64)-ENOMEM;
	if (r->flags & MREMAP_FIXED) {
		r->new_addr =
			get_unmapped_area(q, mm, r->new_addr, r->new_len, MAP_FIXED, PAGE_SIZE);
		if (!IS_ERR_VALUE(r->new_addr))
			err = munmap_locked(q, mm, r->new_addr, r->new_addr + r->new_len);
	} else {
		r->new_addr = get_unmapped_area(q, mm, r->new_addr, r->new_len, 0, PAGE_SIZE);
	}
	if (err || IS_ERR_VALUE(r->new_addr))
		return err ? (u64)err : r->new_addr;
	if (r->old_len > r->new_len) {
		err = munmap_locked(q, mm, r->addr + r->new_len, r->addr + r->old_len);
		if (err)
			return (u64)err;
		r->old_len = r->new_len;
	}
	vma = find_vma(mm, r->addr);
	return move_vma(q, vma, r);
}

/* Does the room behind an area hold so much more? */
static bool expandable(const struct mm_struct *mm, const struct vm_area_struct *vma, u64 grow)
{
	u64 end = vma->vm_end + grow;

	return end > vma->vm_end && end <= mm->task_size &&
	       (!vma->vm_next || vma->vm_next->vm_start >= end);
}

static u64 grow_or_move(struct quire *q, struct mm_struct *mm, struct remap *r)
{
	struct vm_area_struct *vma = find_vma(mm, r->addr);
	u64 grow = r->new_len - r->old_len, end;
	int err = check_resize(mm, vma, r);

	if (err)
		return (u64)err;
	end = vma->vm_end;
	if (r->old_len == end - r->addr && expandable(mm, vma, grow)) {
		if ((vma->vm_flags & VM_ACCOUNT) && vm_enough_memory(q, mm, grow >> PAGE_SHIFT))
			return (u64)-ENOMEM;
		vma_set_range(q, vma, vma->vm_start, end + grow, vma->vm_pgoff);
		vm_stat_account(mm, vma->vm_flags, (long)(grow >> PAGE_SHIFT));
		note_locked(r, vma, end, end + grow);
		(void)vma_merge_around(q, mm, vma);
		return r->addr;
	}
	if (!(r->flags & MREMAP_MAYMOVE))
		return (u64)-ENOMEM;
	r->new_addr = get_unmapped_area(q, mm, 0, r->new_len, 0, PAGE_SIZE);
	return IS_ERR_VALUE(r->new_addr) ? r->new_addr : move_vma(q, vma, r);
}

static u64 remap_locked(struct quire *q, struct mm_struct *mm, struct remap *r)
{
	struct vm_area_struct *vma = find_vma(mm, r->addr);
	int err;

	if (!vma || vma->vm_start > r->addr)
		return (u64)-EFAULT;
	if (is_vm_hugetlb_page(vma)) {
		u64 size = huge_page_size(hstate_vma(vma));

		r->old_len = ALIGN(r->old_len, size);
		r->new_len = ALIGN(r->new_len, size);
		if (!IS_ALIGNED(r->addr | r->new_addr, size) || r->new_len > r->old_len)
			return (u64)-EINVAL;
	}
	if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(q, mm, r);
	if (r->old_len < r->new_len || !r->old_len)
		return grow_or_move(q, mm, r);
	if (r->old_len > mm->task_size - r->addr)
		return (u64)-EINVAL;
	err = munmap_locked(q, mm, r->addr + r->new_len, r->addr + r->old_len);
	return err ? (u64)err : r->addr;
}

u64 do_mremap(struct quire *q, struct mm_struct *mm, u64 addr, u64 old_len, u64 new_len, int flags,
	      u64 new_addr)
{
	struct remap r = {.addr = addr,
			  .old_len = PAGE_ALIGN(old_len),
			  .new_len = PAGE_ALIGN(new_len),
			  .new_addr = new_addr,
			  .flags = flags};
	struct uffd_event moved = {.ctx = NULL};
	u64 ret;

	r.uffd = &moved;
	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) ||
	    ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE)) ||
	    ((flags & MREMAP_DONTUNMAP) && old_len != new_len) || !IS_ALIGNED(addr, PAGE_SIZE) ||
	    !r.new_len || r.old_len < old_len)
		return (u64)-EINVAL;
	down_write(q, &mm->mmap_lock);
	ret = remap_locked(q, mm, &r);
	mmap_write_unlock(q, mm);
	if (unlikely(moved.ctx))
		uffd_event_wait(q, &moved);
	if (!IS_ERR_VALUE(ret))
		(void)populate_range(q, mm, r.locked_from, r.locked_to);
	return ret;
}
