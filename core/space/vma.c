/* SPDX-License-Identifier: MIT */
/*
 * The areas of an address space: made, cut, joined, taken away.  They are kept in
 * a B-tree (vma_tree.c) that knows the gaps between them.
 *
 * Invariants: areas are ordered and apart; an area's gap is vm_start_gap(vma) - end
 * of the one below (0 if a stack's guard reaches into it).
 *
 * Locks: mmap_lock for writing; growing a stack holds it for reading and
 * page_table_lock.  Changes of an area's bounds also hold its reverse map's
 * lock, so a walker there sees the old or the new bounds.
 */
#include "space/hugetlb.h"
#include "space/mempolicy.h"

_Static_assert(sizeof(struct vm_area_struct) <= SLAB_SIZE_vm_area_struct, "fits Linux's size");

struct vm_area_struct *vm_area_alloc(struct quire *q, struct mm_struct *mm)
{
	struct vm_area_struct *vma = kmem_cache_zalloc(q, q->space->vma_cachep, GFP_KERNEL);

	if (!vma)
		return NULL;
	vma->vm_mm = mm;
	INIT_LIST_HEAD(&vma->anon_vma_chain);
	INIT_LIST_HEAD(&vma->shared_node);
	return vma;
}

/* A copy without anon_vma chains and not linked; it holds the file. */
struct vm_area_struct *vm_area_dup(struct quire *q, const struct vm_area_struct *orig)
{
	struct vm_area_struct *vma = kmem_cache_alloc(q, q->space->vma_cachep, GFP_KERNEL);

	if (!vma)
		return NULL;
	*vma = *orig;
	INIT_LIST_HEAD(&vma->anon_vma_chain);
	INIT_LIST_HEAD(&vma->shared_node);
	if (vma->vm_file)
		(void)HOT_ADD(&vma->vm_file->f_count, 1);
	mpol_get(vma->vm_policy);
	return vma;
}

void vm_area_free(struct quire *q, struct vm_area_struct *vma)
{
	struct file *file = vma->vm_file;

	mpol_put(q, vma->vm_policy);
	kmem_cache_free(q, q->space->vma_cachep, vma);
	if (file)
		fput(q, file);
}

struct vm_area_struct *find_vma(struct mm_struct *mm, u64 addr)
{
	struct vm_area_struct *vma = mm->mmap_cache;

	if (likely(vma && vma->vm_start <= addr && addr < vma->vm_end))
		return vma;
	vma = vma_tree_find(&mm->mm_mt, addr);
	if (vma && vma->vm_start <= addr)
		mm->mmap_cache = vma;
	return vma;
}

struct vm_area_struct *vma_next(struct vm_area_struct *vma)
{
	return vma->vm_next;
}

/* The highest len free bytes within [low, high), or 0. */
u64 unmapped_area_topdown(struct mm_struct *mm, u64 len, u64 low, u64 high)
{
	const struct vm_area_struct *last = vma_tree_last(&mm->mm_mt);

	if (len > high || high - len < low)
		return 0;
	if (max(last ? last->vm_end : 0, low) <= high - len)
		return high - len;
	return vma_tree_gap_down(&mm->mm_mt, len, low, high);
}

/* The lowest. */
u64 unmapped_area(struct mm_struct *mm, u64 len, u64 low, u64 high)
{
	const struct vm_area_struct *last = vma_tree_last(&mm->mm_mt);
	u64 addr;

	if (len > high || high - len < low)
		return 0;
	addr = vma_tree_gap_up(&mm->mm_mt, len, low, high);
	if (addr)
		return addr;
	addr = max(last ? last->vm_end : 0, low);
	return addr <= high - len ? addr : 0;
}

/* ---- reverse map's locks ------------------------------------------------------ */

void vma_rmap_lock(struct quire *q, struct vm_area_struct *vma)
{
	if (vma->vm_file)
		spin_lock(q, &vma_mapping(vma)->i_mmap_lock);
	if (vma->anon_vma)
		spin_lock(q, &vma->anon_vma->root->lock);
}

void vma_rmap_unlock(struct quire *q, struct vm_area_struct *vma)
{
	if (vma->anon_vma)
		spin_unlock(q, &vma->anon_vma->root->lock);
	if (vma->vm_file)
		spin_unlock(q, &vma_mapping(vma)->i_mmap_lock);
}

static bool counts_as_shared(const struct vm_area_struct *vma)
{
	return (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
}

/*
 * A shmem file is charged to the commit limit while it is mapped (Linux
 * charges it from its making to its end; nothing else uses one here).  The
 * check was do_mmap()'s.
 */
static void vma_link_file(struct quire *q, struct vm_area_struct *vma)
{
	struct address_space *mapping = vma_mapping(vma);

	spin_lock(q, &mapping->i_mmap_lock);
	if (mapping->swap_backed && list_empty(&mapping->i_mmap) &&
	    !(vma->vm_flags & VM_NORESERVE)) {
		mapping->host->i_promised = PAGE_ALIGN(mapping->host->i_size) >> PAGE_SHIFT;
		(void)HOT_ADD(&q->space->vm_committed_as, (long)mapping->host->i_promised);
	}
	list_add_tail(&vma->shared_node, &mapping->i_mmap);
	mapping->i_mmap_shared += counts_as_shared(vma);
	spin_unlock(q, &mapping->i_mmap_lock);
}

static void vma_unlink_file(struct quire *q, struct vm_area_struct *vma)
{
	struct address_space *mapping = vma_mapping(vma);

	spin_lock(q, &mapping->i_mmap_lock);
	list_del_init(&vma->shared_node);
	mapping->i_mmap_shared -= counts_as_shared(vma);
	if (list_empty(&mapping->i_mmap) && mapping->host->i_promised) {
		vm_unacct_memory(q, mapping->host->i_promised);
		mapping->host->i_promised = 0;
	}
	spin_unlock(q, &mapping->i_mmap_lock);
}

/* ftruncate(): what was promised follows, if there was anything.  Linux refuses to grow
 * one beyond the limit; here that was asked when it was mapped. */
void shmem_reacct_size(struct quire *q, struct address_space *mapping, __unused u64 old)
{
	struct inode *inode = mapping->host;
	unsigned long pages = PAGE_ALIGN(inode->i_size) >> PAGE_SHIFT;

	spin_lock(q, &mapping->i_mmap_lock);
	if (inode->i_promised) {
		(void)HOT_ADD(&q->space->vm_committed_as, (long)pages - (long)inode->i_promised);
		inode->i_promised = pages;
	}
	spin_unlock(q, &mapping->i_mmap_lock);
}

/* ---- link, unlink, bounds ------------------------------------------------------- */

/* The node it may take was put by: vma_tree_reserve(). */
void vma_link(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma)
{
	vma_tree_insert(q, &mm->mm_mt, vma);
	mm->map_count++;
	if (vma->vm_file)
		vma_link_file(q, vma);
}

void vma_unlink(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma)
{
	vma_tree_erase(q, &mm->mm_mt, vma);
	if (mm->mmap_cache == vma)
		mm->mmap_cache = NULL;
	mm->map_count--;
	if (vma->vm_file)
		vma_unlink_file(q, vma);
}

/* New bounds within the free space around the area. */
void vma_set_range(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end,
		   unsigned long pgoff)
{
	vma_rmap_lock(q, vma);
	vma_tree_set_range(&vma->vm_mm->mm_mt, vma, start, end);
	vma->vm_pgoff = pgoff;
	vma_rmap_unlock(q, vma);
}

/*
 * The stack's new start, unless another thread was quicker.  mmap_lock is held
 * for reading only, so page_table_lock keeps two of them apart.  -ENOMEM if the
 * pages can't be promised.
 */
int vma_grow_down(struct quire *q, struct vm_area_struct *vma, u64 addr)
{
	struct mm_struct *mm = vma->vm_mm;
	int err = 0;

	vma_rmap_lock(q, vma);
	spin_lock(q, &mm->page_table_lock);
	if (addr < vma->vm_start) {
		unsigned long grow = (vma->vm_start - addr) >> PAGE_SHIFT;

		/* A stack that was not promised (NORESERVE) gives nothing back either. */
		err = vma->vm_flags & VM_ACCOUNT ? vm_enough_memory(q, mm, grow) : 0;
		if (!err) {
			vma_tree_set_range(&mm->mm_mt, vma, addr, vma->vm_end);
			vma->vm_pgoff -= grow;
			vm_stat_account(mm, vma->vm_flags, (long)grow);
		}
	}
	spin_unlock(q, &mm->page_table_lock);
	vma_rmap_unlock(q, vma);
	return err;
}

/*
 * Cuts an area in two at addr; the new one is the lower or the upper part.
 * -ENOMEM changes nothing.  Linux: __split_vma().
 */
int split_vma(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma, u64 addr,
	      bool new_below)
{
	unsigned long pgoff = linear_page_index(vma, addr);
	struct vm_area_struct *new;
	int err;

	if (is_vm_hugetlb_page(vma) && !IS_ALIGNED(addr, huge_page_size(hstate_vma(vma))))
		return -EINVAL;
	/* An upper part comes before the next area, which may be another leaf's. */
	if (vma_tree_reserve(q, &mm->mm_mt, new_below ? vma->vm_start : vma->vm_end, 0))
		return -ENOMEM;
	new = vm_area_dup(q, vma);
	if (!new) {
		vma_tree_release(q, &mm->mm_mt);
		return -ENOMEM;
	}
	err = anon_vma_clone(q, new, vma);
	if (!err && is_vm_hugetlb_page(vma)) /* then there was nothing to clone */
		err = hugetlb_vm_open(q, new, vma, false);
	if (err) {
		vm_area_free(q, new);
		vma_tree_release(q, &mm->mm_mt);
		return err;
	}
	split_huge_pmd_if_needed(q, vma, addr);
	if (new_below) {
		new->vm_end = addr;
		vma_set_range(q, vma, addr, vma->vm_end, pgoff);
	} else {
		new->vm_start = addr;
		new->vm_pgoff = pgoff;
		vma_set_range(q, vma, vma->vm_start, addr, vma->vm_pgoff);
	}
	vma_link(q, mm, new);
	return 0;
}

/* What split_vma() made below an area becomes its part again: needs no memory, and does
 * not ask whether the two would merge (huge pages of pools and stacks never do). */
void unsplit_vma(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma)
{
	struct vm_area_struct *below = vma->vm_prev;
	u64 start = below->vm_start;
	unsigned long pgoff = below->vm_pgoff;

	vma_unlink(q, mm, below);
	vma_set_range(q, vma, start, vma->vm_end, pgoff);
	unlink_anon_vmas(q, below);
	if (is_vm_hugetlb_page(below)) {
		below->vm_end = start; /* its promises are not its own any more */
		hugetlb_vm_close(q, below);
	}
	vm_area_free(q, below);
}

/* ---- merging -------------------------------------------------------------------- */

static bool may_merge(const struct vm_area_struct *vma, unsigned long flags,
		      const struct file *file, const char *name)
{
	return !((vma->vm_flags ^ flags) & ~VM_SOFTDIRTY) && vma->vm_file == file &&
	       vma->name == name && !(flags & (VM_GROWSDOWN | VM_HUGETLB));
}

/* Linux's is_mergeable_anon_vma(): the same, or one has none and the other has
 * not been forked. */
static bool anon_vmas_merge(const struct vm_area_struct *a, const struct vm_area_struct *b)
{
	if (a->anon_vma == b->anon_vma)
		return true;
	if (!a->anon_vma)
		return list_is_singular(&b->anon_vma_chain);
	return !b->anon_vma && list_is_singular(&a->anon_vma_chain);
}

/* Joins two adjacent areas if they fit; returns the one that remains. */
static struct vm_area_struct *merge_pair(struct quire *q, struct mm_struct *mm,
					 struct vm_area_struct *low, struct vm_area_struct *high)
{
	struct vm_area_struct *keep, *drop;
	u64 start, end;
	unsigned long pgoff;

	if (!low || !high || low->vm_end != high->vm_start ||
	    !may_merge(low, high->vm_flags, high->vm_file, high->name) ||
	    low->vm_pgoff + vma_pages(low) != high->vm_pgoff || !anon_vmas_merge(low, high) ||
	    !mpol_equal(low->vm_policy, high->vm_policy) || low->uffd != high->uffd)
		return NULL;
	/* The one with an anon_vma stays, so nothing need be allocated. */
	keep = low->anon_vma || !high->anon_vma ? low : high;
	drop = keep == low ? high : low;
	keep->vm_flags |= drop->vm_flags & VM_SOFTDIRTY; /* rather too much than lost */
	start = low->vm_start;
	end = high->vm_end;
	pgoff = low->vm_pgoff;
	vma_unlink(q, mm, drop);
	vma_set_range(q, keep, start, end, pgoff);
	unlink_anon_vmas(q, drop);
	vm_area_free(q, drop);
	return keep;
}

struct vm_area_struct *vma_merge_around(struct quire *q, struct mm_struct *mm,
					struct vm_area_struct *vma)
{
	struct vm_area_struct *merged = merge_pair(q, mm, vma->vm_prev, vma);

	if (merged)
		vma = merged;
	/* The one above may have been cut off from what is above it. */
	while ((merged = merge_pair(q, mm, vma, vma->vm_next)) != NULL)
		vma = merged;
	return vma;
}

struct vm_area_struct *vma_merge_new(struct quire *q, struct mm_struct *mm, u64 start, u64 end,
				     unsigned long flags, struct file *file, unsigned long pgoff,
				     const char *name)
{
	struct vm_area_struct *prev, *next = vma_tree_find_prev(&mm->mm_mt, start, &prev), *merged;

	if (prev && prev->vm_end == start && !prev->vm_policy &&
	    may_merge(prev, flags, file, name) && prev->vm_pgoff + vma_pages(prev) == pgoff) {
		vma_set_range(q, prev, prev->vm_start, end, prev->vm_pgoff);
		prev->vm_flags |= flags & VM_SOFTDIRTY;
		merged = merge_pair(q, mm, prev, next);
		return merged ? merged : prev;
	}
	if (next && next->vm_start == end && !next->vm_policy &&
	    may_merge(next, flags, file, name) &&
	    next->vm_pgoff == pgoff + ((end - start) >> PAGE_SHIFT)) {
		vma_set_range(q, next, start, next->vm_end, pgoff);
		next->vm_flags |= flags & VM_SOFTDIRTY;
		return next;
	}
	return NULL;
}
