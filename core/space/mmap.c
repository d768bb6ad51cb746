/* SPDX-License-Identifier: MIT */
/*
 * mmap, munmap, brk, the stack's growth, and how much memory may be
 * promised (Linux's mmap.c, util.c).
 *
 * Each call takes mmap_lock for writing, makes what can fail first, and leaves
 * areas and counts as they were when it does fail.
 *
 * Promises: writable private areas are VM_ACCOUNT and counted in
 * vm_committed_as when they come to be; vm_enough_memory() decides by
 * overcommit_memory: 0 refuses what is plainly too much, 1 nothing, 2 what
 * exceeds CommitLimit.
 */
#include "space/hugetlbfs.h"
#include "space/userfault.h"

/* ---- promises -------------------------------------------------------------------- */

unsigned long vm_commit_limit(const struct quire *q)
{
	const struct space_floor *sp = q->space;
	unsigned long allowed = sp->overcommit_kbytes >> (PAGE_SHIFT - 10);

	if (!allowed)
		allowed = (q->node->totalram_pages - hugetlb_total_pages(q)) *
			  (unsigned long)sp->overcommit_ratio / 100;
	return allowed + q->swap->total_swap_pages;
}

static bool promise_fits(const struct quire *q, const struct mm_struct *mm, unsigned long pages)
{
	const struct space_floor *sp = q->space;
	long allowed;

	if (sp->overcommit_memory == 1)
		return true;
	if (sp->overcommit_memory == 0)
		return pages <= q->node->totalram_pages + q->swap->total_swap_pages;
	allowed = (long)vm_commit_limit(q);
	/* Kept for root, which may use it. */
	if (mm && mm->owner && mm->owner->uid)
		allowed -= (long)(sp->admin_reserve_kbytes >> (PAGE_SHIFT - 10));
	if (mm)
		allowed -=
			(long)min(mm->total_vm / 32, sp->user_reserve_kbytes >> (PAGE_SHIFT - 10));
	return sp->vm_committed_as + (long)pages < allowed;
}

/* Promises pages to an address space: 0 or -ENOMEM. */
int vm_enough_memory(struct quire *q, const struct mm_struct *mm, unsigned long pages)
{
	if (!promise_fits(q, mm, pages))
		return -ENOMEM;
	(void)HOT_ADD(&q->space->vm_committed_as, (long)pages);
	return 0;
}

bool vm_could_promise(struct quire *q, unsigned long pages)
{
	const struct task *task = current_task(q);

	return promise_fits(q, task ? task->mm : NULL, pages);
}

void vm_unacct_memory(struct quire *q, unsigned long pages)
{
	(void)HOT_SUB(&q->space->vm_committed_as, (long)pages);
}

/* Linux's accountable_mapping(): private and writable; pools answer for themselves. */
bool vma_accountable(const struct quire *q, unsigned long flags)
{
	if (flags & VM_HUGETLB)
		return false;
	if ((flags & VM_NORESERVE) && q->space->overcommit_memory != 2)
		return false;
	return (flags & (VM_SHARED | VM_WRITE)) == VM_WRITE;
}

void vm_stat_account(struct mm_struct *mm, unsigned long flags, long pages)
{
	mm->total_vm += (unsigned long)pages;
	if ((flags & (VM_EXEC | VM_WRITE | VM_STACK)) == VM_EXEC)
		mm->exec_vm += (unsigned long)pages;
	else if (flags & VM_STACK)
		mm->stack_vm += (unsigned long)pages;
	else if ((flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE)
		mm->data_vm += (unsigned long)pages;
	if (flags & VM_LOCKED)
		mm->locked_vm += (unsigned long)pages;
}

/* ---- limits of the process --------------------------------------------------------- */

/* Linux's is_data_mapping(). */
bool is_data_mapping(unsigned long flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) == VM_WRITE;
}

/* RLIMIT_AS and RLIMIT_DATA allow pages more of such an area. */
bool may_expand_vm(const struct mm_struct *mm, unsigned long flags, unsigned long pages)
{
	u64 data = mm_rlimit(mm, RLIMIT_DATA);

	if (mm->total_vm + pages > mm_rlimit(mm, RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	if (!is_data_mapping(flags) || mm->data_vm + pages <= data >> PAGE_SHIFT)
		return true;
	/* Linux, for valgrind: 0 means that only the hard limit counts. */
	return !data && mm->owner &&
	       mm->data_vm + pages <= mm->owner->signal->rlim[RLIMIT_DATA].rlim_max >> PAGE_SHIFT;
}

/* RLIMIT_MEMLOCK allows len bytes more of such an area: 0 or -EAGAIN. */
int mlock_future_check(const struct mm_struct *mm, unsigned long flags, u64 len)
{
	u64 pages = mm->locked_vm + (len >> PAGE_SHIFT);

	if (!(flags & VM_LOCKED) || mm_may_lock_all(mm))
		return 0;
	return pages > mm_rlimit(mm, RLIMIT_MEMLOCK) >> PAGE_SHIFT ? -EAGAIN : 0;
}

/* ---- munmap ---------------------------------------------------------------------- */

/*
 * Cuts areas so that [*first, end) begins and ends between areas; *first is what
 * find_vma(start) says, before and after.  When the middle is to go, only what is
 * left counts against max_map_count.  -ENOMEM: all is as it was.
 */
int split_at_ends(struct quire *q, struct mm_struct *mm, struct vm_area_struct **first, u64 start,
		  u64 end, bool removing)
{
	struct vm_area_struct *vma = *first, *last = vma;
	bool below = vma && vma->vm_start < start, above;
	int cuts, err = 0;

	if (vma && vma->vm_end < end)
		last = find_vma(mm, end);
	above = last && last->vm_start < end && last->vm_end > end;
	cuts = removing ? below && above && vma == last : below + above;
	if (mm->map_count + cuts > q->space->max_map_count)
		return -ENOMEM;
	if (below)
		err = split_vma(q, mm, vma, start, true);
	if (!err && above) {
		err = split_vma(q, mm, last, end, true);
		if (!err && vma == last)
			*first = last->vm_prev;
		if (err && below)
			unsplit_vma(q, mm, vma);
	}
	return err;
}

/* An area that stands by itself goes with all it maps. */
static void remove_vma(struct quire *q, struct mm_struct *mm, struct vm_area_struct *vma)
{
	unmap_page_range(q, vma, vma->vm_start, vma->vm_end);
	if (vma->vm_flags & VM_ACCOUNT)
		vm_unacct_memory(q, vma_pages(vma));
	update_hiwater_vm(mm);
	vm_stat_account(mm, vma->vm_flags, -(long)vma_pages(vma));
	unlink_anon_vmas(q, vma);
	if (is_vm_hugetlb_page(vma))
		hugetlb_vm_close(q, vma);
	vma_unlink(q, mm, vma);
	vm_area_free(q, vma);
}

void mmap_write_unlock(struct quire *q, struct mm_struct *mm)
{
	struct uffd_event *unmaps = mm->uffd_unmaps;

	mm->uffd_unmaps = NULL;
	up_write(q, &mm->mmap_lock);
	userfaultfd_events_complete(q, unmaps);
	if (unlikely(q->space->shm.nr_dest))
		q->space->shm.reap(q);
}

/* mmap_lock is held for writing, to be dropped by mmap_write_unlock(). */
int munmap_locked(struct quire *q, struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start), *next;
	int err;

	if (!vma || vma->vm_start >= end || start >= end)
		return 0;
	err = split_at_ends(q, mm, &vma, start, end, true);
	if (!err)
		err = userfaultfd_unmap_prep(q, mm, start, end);
	if (err)
		return err;
	for (; vma && vma->vm_start < end; vma = next) {
		next = vma->vm_next;
		remove_vma(q, mm, vma);
	}
	free_pgtables(q, mm, start, end);
	return 0;
}

static bool bad_range(const struct mm_struct *mm, u64 start, u64 len)
{
	return !IS_ALIGNED(start, PAGE_SIZE) || !len || start >= mm->task_size ||
	       PAGE_ALIGN(len) > mm->task_size - start;
}

int do_munmap(struct quire *q, struct mm_struct *mm, u64 start, u64 len)
{
	int err;

	if (bad_range(mm, start, len))
		return -EINVAL;
	down_write(q, &mm->mmap_lock);
	err = munmap_locked(q, mm, start, start + PAGE_ALIGN(len));
	mmap_write_unlock(q, mm);
	return err;
}

/* The last user is gone: everything goes. */
void exit_mmap(struct quire *q, struct mm_struct *mm)
{
	struct vm_area_struct *vma, *next;

	down_write(q, &mm->mmap_lock); /* the reaper may be at it */
	for (vma = find_vma(mm, 0); vma; vma = next) {
		next = vma->vm_next;
		remove_vma(q, mm, vma);
	}
	free_pgtables(q, mm, 0, mm->task_size);
	(void)HOT_OR(&mm->flags, BIT(MMF_OOM_SKIP));
	mmap_write_unlock(q, mm);
}

/* ---- mmap ------------------------------------------------------------------------ */

/* Nobody but root has anything below vm.mmap_min_addr; who says nothing, nothing below 64 KB
 * either (CONFIG_LSM_MMAP_MIN_ADDR). */
static u64 least_address(const struct quire *q)
{
	return PAGE_ALIGN(max(HOT_LOAD(&q->space->mmap_min_addr), MMAP_MIN_ADDR));
}

u64 get_unmapped_area(const struct quire *q, struct mm_struct *mm, u64 addr, u64 len, int flags,
		      u64 align)
{
	/* Above the lower half of a space of 47 bits only who asks for it. */
	u64 room = len + align - PAGE_SIZE, high = TASK_SIZE, least = least_address(q);
	struct vm_area_struct *vma;

	if (len > mm->task_size || room > mm->task_size)
		return (u64)-ENOMEM;
	if (flags & MAP_FIXED) {
		if (!IS_ALIGNED(addr, align))
			return (u64)-EINVAL;
		if (addr > mm->task_size - len)
			return (u64)-ENOMEM;
		return addr < q->space->mmap_min_addr && mm->owner && mm->owner->uid ? (u64)-EPERM
										     : addr;
	}
	addr = ALIGN(addr, align);
	if (addr >= least && addr <= mm->task_size - len && !(flags & MAP_32BIT)) {
		vma = find_vma(mm, addr);
		if ((!vma || addr + len <= vm_start_gap(vma)))
			return addr;
	}
	if (flags & MAP_32BIT) {
		addr = unmapped_area(mm, room, MAP_32BIT_START, MAP_32BIT_END);
		return addr ? ALIGN(addr, align) : (u64)-ENOMEM;
	}
	if (addr > TASK_SIZE)
		high = mm->task_size;
	addr = mm->legacy_va
		       ? 0
		       : unmapped_area_topdown(mm, room, least, mm->mmap_base + (high - TASK_SIZE));
	if (addr)
		return ALIGN_DOWN(addr + align - PAGE_SIZE, align);
	/* From below, above what a program of old would leave to brk(). */
	addr = unmapped_area(mm, room, TASK_UNMAPPED_BASE, high);
	return addr ? ALIGN(addr, align) : (u64)-ENOMEM;
}

static long calc_vm_flags(const struct quire *q, int prot, int flags, const struct file *file)
{
	long vm = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;

	vm |= (prot & PROT_READ ? VM_READ : 0) | (prot & PROT_WRITE ? VM_WRITE : 0) |
	      (prot & PROT_EXEC ? VM_EXEC : 0);
	if (flags & MAP_LOCKED)
		vm |= VM_LOCKED;
	if (flags & MAP_GROWSDOWN)
		vm |= VM_GROWSDOWN;
	if ((flags & MAP_NORESERVE) && q->space->overcommit_memory != 2)
		vm |= VM_NORESERVE;
	/* What grows is anonymous and private. */
	if ((flags & MAP_GROWSDOWN) && (file || (flags & MAP_SHARED)))
		return -EINVAL;
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (!file)
			return -EINVAL;
		if (flags & ~MAP_KNOWN_FLAGS) /* MAP_SYNC too: no file here is on a DAX device */
			return -EOPNOTSUPP;
		__attribute__((fallthrough));
	case MAP_SHARED:
		vm |= VM_SHARED | VM_MAYSHARE;
		if (file && !file->writable) {
			if (prot & PROT_WRITE)
				return -EACCES;
			vm &= ~(long)(VM_MAYWRITE | VM_SHARED);
		}
		return vm;
	case MAP_PRIVATE:
		return vm;
	default:
		return -EINVAL;
	}
}

/* mmap_lock is held for writing; the range is free.  The file's reference is
 * the caller's; an area takes its own. */
static int mmap_region(struct quire *q, struct mm_struct *mm, u64 addr, u64 len,
		       unsigned long flags, struct file *file, unsigned long pgoff,
		       const char *name)
{
	bool account = vma_accountable(q, flags);
	unsigned long pages = len >> PAGE_SHIFT;
	struct vm_area_struct *vma = NULL;

	if (!may_expand_vm(mm, flags, pages))
		return -ENOMEM;
	/* What is new where something else was must be seen to be. */
	flags |= VM_SOFTDIRTY;
	if (account)
		flags |= VM_ACCOUNT;
	if (account && vm_enough_memory(q, mm, pages))
		return -ENOMEM;
	vma = vma_merge_new(q, mm, addr, addr + len, flags, file, pgoff, name);
	if (vma) {
		vm_stat_account(mm, flags, (long)pages);
		khugepaged_enter_vma(q, vma, flags);
		return 0;
	}
	if (account) /* counted again below: allocation may sleep */
		vm_unacct_memory(q, pages);
	if (vma_tree_reserve(q, &mm->mm_mt, addr, 0))
		return -ENOMEM;
	vma = vm_area_alloc(q, mm);
	if (!vma || (account && vm_enough_memory(q, mm, pages))) {
		if (vma)
			vm_area_free(q, vma);
		vma_tree_release(q, &mm->mm_mt);
		return -ENOMEM;
	}
	vma->vm_start = addr;
	vma->vm_end = addr + len;
	vma->vm_flags = flags;
	vma->vm_pgoff = pgoff;
	vma->name = name;
	vma->vm_file = file;
	if (file)
		(void)HOT_ADD(&file->f_count, 1);
	vma_link(q, mm, vma);
	vm_stat_account(mm, flags, (long)pages);
	khugepaged_enter_vma(q, vma, flags);
	return 0;
}

/* A shared anonymous mapping's file, promised as a whole. */
static struct file *shared_anon_file(struct quire *q, struct mm_struct *mm, u64 len,
				     unsigned long vm_flags)
{
	if (!(vm_flags & VM_NORESERVE) && !promise_fits(q, mm, len >> PAGE_SHIFT))
		return ERR_PTR(-ENOMEM);
	return shmem_file_setup(q, "dev/zero", len);
}

/* Under mmap_lock: a new area of huge pages gets its promises, or goes again. */
static int map_hugetlb(struct quire *q, struct mm_struct *mm, u64 addr, u64 len)
{
	int err = hugetlb_file_mmap(q, find_vma(mm, addr));

	if (err)
		(void)munmap_locked(q, mm, addr, addr + len);
	return err;
}

/* What is in the way of a fixed area, in pages: RLIMIT_AS does not count it twice. */
static unsigned long pages_in_range(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	unsigned long pages = 0;

	for (; vma && vma->vm_start < end; vma = vma->vm_next)
		pages += (min(end, vma->vm_end) - max(start, vma->vm_start)) >> PAGE_SHIFT;
	return pages;
}

/* Under mmap_lock: where it lies, or an error.  What is in the way of MAP_FIXED has
 * gone, once all that can be refused was asked. */
static u64 place_mapping(struct quire *q, struct mm_struct *mm, u64 addr, u64 len, int flags,
			 unsigned long vm_flags, u64 align)
{
	unsigned long old;
	int err;

	if (mm->map_count > q->space->max_map_count)
		return (u64)-ENOMEM;
	addr = get_unmapped_area(q, mm, addr, len,
				 flags & MAP_FIXED_NOREPLACE ? flags | MAP_FIXED : flags, align);
	if (IS_ERR_VALUE(addr))
		return addr;
	if ((flags & MAP_LOCKED) && !can_do_mlock(mm))
		return (u64)-EPERM;
	err = mlock_future_check(mm, vm_flags, len);
	if (err)
		return (u64)err;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		return addr;
	old = pages_in_range(mm, addr, addr + len);
	if (!old)
		return addr;
	if (flags & MAP_FIXED_NOREPLACE)
		return (u64)-EEXIST;
	if (!may_expand_vm(mm, vm_flags, (len >> PAGE_SHIFT) - min(old, len >> PAGE_SHIFT)))
		return (u64)-ENOMEM;
	err = munmap_locked(q, mm, addr, addr + len);
	return err ? (u64)err : addr;
}

static int mmap_at(struct quire *q, struct mm_struct *mm, u64 addr, u64 len, unsigned long vm_flags,
		   struct file *file, unsigned long pgoff, struct hstate *h)
{
	int err;

	if (!file)
		pgoff = addr >> PAGE_SHIFT;
	err = mmap_region(q, mm, addr, len, vm_flags, file, pgoff, NULL);
	return !err && h ? map_hugetlb(q, mm, addr, len) : err;
}

u64 do_mmap(struct quire *q, struct mm_struct *mm, u64 addr, u64 len, int prot, int flags,
	    struct file *file, unsigned long pgoff)
{
	long vm_flags = calc_vm_flags(q, prot, flags, file);
	struct file *shared = NULL;
	struct hstate *h = NULL;
	u64 align = PAGE_SIZE;
	int err = 0;

	if (file && is_file_hugepages(file))
		h = HUGETLBFS_I(file->f_inode)->h;
	else if (flags & MAP_HUGETLB)
		h = file ? NULL : hstate_of_mmap(q, flags);
	if ((flags & MAP_HUGETLB) && !h)
		return (u64)-EINVAL;
	if (h)
		align = huge_page_size(h);
	if (!len || !IS_ALIGNED(pgoff << PAGE_SHIFT, align))
		return (u64)-EINVAL;
	len = ALIGN(len, align);
	if (!len)
		return (u64)-ENOMEM;
	if (pgoff + (len >> PAGE_SHIFT) < pgoff)
		return (u64)-EOVERFLOW;
	if (vm_flags < 0)
		return (u64)vm_flags;
	if (h)
		vm_flags = (vm_flags | (long)(VM_HUGETLB | VM_DONTEXPAND)) & ~(long)VM_LOCKED;
	else
		vm_flags |= (long)mm->def_flags;
	/* In any mode of overcommitting: pools answer for themselves. */
	if (h && (flags & MAP_NORESERVE))
		vm_flags |= (long)VM_NORESERVE;
	if (!file && (h || (vm_flags & VM_SHARED))) {
		/* The area promises what a file of huge pages need not. */
		shared = file = h ? hugetlb_file_setup(q, "anon_hugepage", len, VM_NORESERVE, h)
				  : shared_anon_file(q, mm, len, (unsigned long)vm_flags);
		if (IS_ERR_OR_NULL(file))
			return (u64)-ENOMEM;
		file->writable = true;
		pgoff = 0;
	}
	down_write(q, &mm->mmap_lock);
	if (file && file->f_inode->i_data.swap_backed)
		addr = shmem_unmapped_area(q, mm, file->f_inode, addr, len, pgoff, flags);
	addr = IS_ERR_VALUE(addr)
		       ? addr
		       : place_mapping(q, mm, addr, len, flags, (unsigned long)vm_flags, align);
	if (!IS_ERR_VALUE(addr))
		err = mmap_at(q, mm, addr, len, (unsigned long)vm_flags, file, pgoff, h);
	mmap_write_unlock(q, mm);
	if (shared)
		fput(q, shared);
	if (err)
		return (u64)err;
	if (!IS_ERR_VALUE(addr) &&
	    ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE ||
	     (vm_flags & (long)(VM_LOCKED | VM_LOCKONFAULT)) == (long)VM_LOCKED))
		(void)populate_range(q, mm, addr, addr + len);
	return addr;
}

/* Grows or shrinks the heap; the new end, or the old one when it can't. */
u64 do_brk(struct quire *q, struct mm_struct *mm, u64 brk)
{
	u64 old, new = PAGE_ALIGN(brk), from = 0, to = 0;
	struct vm_area_struct *next;
	int err = 0;

	down_write(q, &mm->mmap_lock);
	old = PAGE_ALIGN(mm->brk);
	if (brk < mm->start_brk || brk > mm->task_size || new > mm->task_size)
		goto out;
	/* Heap and data together; Linux's check_data_rlimit(). */
	if (brk - mm->start_brk + (mm->end_data - mm->start_data) > mm_rlimit(mm, RLIMIT_DATA))
		goto out;
	if (new < old) {
		err = munmap_locked(q, mm, new, old);
	} else if (new > old) {
		next = find_vma(mm, old);
		if (next && new + PAGE_SIZE > vm_start_gap(next))
			goto out;
		if (mm->map_count > q->space->max_map_count ||
		    mlock_future_check(mm, mm->def_flags, new - old))
			goto out;
		err = mmap_region(q, mm, old, new - old,
				  VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC |
					  mm->def_flags,
				  NULL, old >> PAGE_SHIFT, "[heap]");
	}
	if (!err)
		mm->brk = brk;
	if (!err && new > old && (mm->def_flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED) {
		from = old;
		to = new;
	}
out:
	brk = mm->brk;
	mmap_write_unlock(q, mm);
	(void)populate_range(q, mm, from, to);
	return brk;
}

/* ---- the stack ------------------------------------------------------------------- */

/*
 * A fault below the stack: it grows down to addr, if its limit, the guard of
 * 256 pages to what lies below and the promises allow.  mmap_lock is held for
 * reading, so page_table_lock keeps two threads apart.  Linux:
 * expand_downwards(), acct_stack_growth().
 */
int expand_stack(struct quire *q, struct task *task, struct vm_area_struct *vma, u64 addr)
{
	struct vm_area_struct *prev = vma->vm_prev;

	addr &= PAGE_MASK;
	if (!(vma->vm_flags & VM_GROWSDOWN) || addr < MMAP_MIN_ADDR)
		return -ENOMEM;
	if (vma->vm_end - addr > task->signal->rlim[RLIMIT_STACK].rlim_cur)
		return -ENOMEM;
	if (vma->vm_start > addr &&
	    (!may_expand_vm(vma->vm_mm, vma->vm_flags, (vma->vm_start - addr) >> PAGE_SHIFT) ||
	     mlock_future_check(vma->vm_mm, vma->vm_flags, vma->vm_start - addr)))
		return -ENOMEM;
	if (prev && !(prev->vm_flags & VM_GROWSDOWN) && (prev->vm_flags & VM_ACCESS_FLAGS) &&
	    addr - prev->vm_end < STACK_GUARD_GAP)
		return -ENOMEM;
	if (prev && prev->vm_end > addr)
		return -ENOMEM;
	if (anon_vma_prepare(q, vma))
		return -ENOMEM;
	return vma_grow_down(q, vma, addr);
}
