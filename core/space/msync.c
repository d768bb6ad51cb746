/* SPDX-License-Identifier: MIT */
/*
 * msync() and remap_file_pages(): what a process asks of the files that it maps
 * (Linux's msync.c, and the emulation in mmap.c).
 *
 * Locks: mmap_lock, for reading; it is dropped while a file is written.
 */
#include "space/internal.h"

/* The pages of a shared area reach the disk; mmap_lock is held before and after. */
static int sync_area(struct quire *q, struct mm_struct *mm, struct file *file)
{
	int err = 0;

	(void)HOT_ADD(&file->f_count, 1);
	up_read(q, &mm->mmap_lock);
	if (!file->f_inode->i_data.swap_backed)
		err = vfs_fsync(q, file);
	fput(q, file);
	down_read(q, &mm->mmap_lock);
	return err;
}

int do_msync(struct quire *q, struct mm_struct *mm, u64 start, u64 len, int flags)
{
	u64 end = start + PAGE_ALIGN(len);
	int err = 0, hole = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & ~PAGE_MASK) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	if (end < start)
		return -ENOMEM;
	down_read(q, &mm->mmap_lock);
	while (start < end && !err) {
		const struct vm_area_struct *vma = find_vma(mm, start);

		if (!vma || vma->vm_start >= end || (vma->vm_start > start && flags == MS_ASYNC)) {
			err = -ENOMEM;
			break;
		}
		if (vma->vm_start > start)
			hole = -ENOMEM;
		if ((flags & MS_INVALIDATE) && (vma->vm_flags & VM_LOCKED)) {
			err = -EBUSY;
			break;
		}
		start = vma->vm_end;
		if ((flags & MS_SYNC) && vma->vm_file && (vma->vm_flags & VM_SHARED))
			err = sync_area(q, mm, vma->vm_file);
	}
	up_read(q, &mm->mmap_lock);
	return err ? err : hole;
}

/* Is the range one file's, mapped shared in one piece or in adjacent equal ones? */
static struct vm_area_struct *shared_range(struct mm_struct *mm, u64 start, u64 end)
{
	struct vm_area_struct *first = find_vma(mm, start), *vma = first;

	if (!first || first->vm_start > start || !(first->vm_flags & VM_SHARED) || !first->vm_file)
		return NULL;
	for (; vma->vm_end < end; vma = vma->vm_next)
		if (!vma->vm_next || vma->vm_next->vm_start != vma->vm_end ||
		    vma->vm_next->vm_file != first->vm_file ||
		    vma->vm_next->vm_flags != first->vm_flags)
			return NULL;
	return first;
}

int do_remap_file_pages(struct quire *q, struct mm_struct *mm, u64 start, u64 size,
			unsigned long prot, unsigned long pgoff, unsigned long flags)
{
	int prots = 0, map = MAP_SHARED | MAP_FIXED | MAP_POPULATE | (int)(flags & MAP_NONBLOCK);
	const struct vm_area_struct *vma;
	struct file *file = NULL;
	u64 ret;

	start &= PAGE_MASK;
	size &= PAGE_MASK;
	if (prot || start + size <= start || pgoff + (size >> PAGE_SHIFT) < pgoff)
		return -EINVAL;
	down_read(q, &mm->mmap_lock);
	vma = shared_range(mm, start, start + size);
	if (vma) {
		file = vma->vm_file;
		(void)HOT_ADD(&file->f_count, 1);
		prots = (vma->vm_flags & VM_READ ? PROT_READ : 0) |
			(vma->vm_flags & VM_WRITE ? PROT_WRITE : 0) |
			(vma->vm_flags & VM_EXEC ? PROT_EXEC : 0);
		if (vma->vm_flags & VM_LOCKED)
			map |= MAP_LOCKED;
	}
	up_read(q, &mm->mmap_lock);
	if (!file)
		return -EINVAL;
	ret = do_mmap(q, mm, start, size, prots, map, file, pgoff);
	fput(q, file);
	return IS_ERR_VALUE(ret) ? (int)ret : 0;
}
