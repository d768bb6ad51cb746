/* SPDX-License-Identifier: MIT */
/*
 * SysV shared memory: segments with keys (Linux's ipc/shm.c).
 *
 * A segment is a shmem file; attaching maps it.  How many are attached is how many areas
 * map the file: nothing is counted twice.  One that is to be removed goes with its last
 * area: who unmaps asks for it (space floor's shm_detached).
 *
 * Locks: shm->lock over the table; files are put outside it.
 *
 * Differs from Linux: no segments of huge pages (SHM_HUGETLB: -EINVAL), one IPC
 * namespace, no limits but the number of segments; ids count up and don't come again.
 */
#include "syscall/syscall.h"
#include "base/string.h"

#define SHMMNI	    4096
#define SHMMAX	    (ULONG_MAX - (1UL << 24))
#define IPC_PRIVATE 0
#define IPC_RMID    0
#define IPC_SET	    1
#define IPC_STAT    2
#define IPC_INFO    3
#define SHM_LOCK    11
#define SHM_UNLOCK  12
#define SHM_STAT    13
#define SHM_INFO    14
#define SHM_DEST    01000u
#define SHM_LOCKED  02000u

struct shmid_kernel {
	struct list_head link; /* by id */
	int id, key;
	unsigned int mode, uid, gid, cuid, cgid;
	u64 bytes;
	struct file *file;
	int cpid, lpid;
	s64 atime, dtime, ctime; /* s */
};

/* struct shmid64_ds of x86-64. */
struct shmid64 {
	int key;
	unsigned int uid, gid, cuid, cgid, mode;
	u16 pad1, seq, pad2, pad3;
	u64 unused1, unused2;
	u64 segsz;
	s64 atime, dtime, ctime;
	int cpid, lpid;
	u64 nattch, unused4, unused5;
};

static s64 now_s(struct quire *q)
{
	return (s64)(quire_clock(q) / NSEC_PER_SEC);
}

static unsigned long nr_attached(struct quire *q, const struct shmid_kernel *seg)
{
	struct address_space *m = &seg->file->f_inode->i_data;
	unsigned long n = 0;
	struct list_head *at;

	spin_lock(q, &m->i_mmap_lock);
	list_for_each (at, &m->i_mmap)
		n++;
	spin_unlock(q, &m->i_mmap_lock);
	return n;
}

static struct shmid_kernel *find_id(struct quire *q, int id)
{
	struct shmid_kernel *seg;

	list_for_each_entry (seg, &q->space->shm.segments, link)
		if (seg->id == id)
			return seg;
	return NULL;
}

static struct shmid_kernel *find_key(struct quire *q, int key)
{
	struct shmid_kernel *seg;

	list_for_each_entry (seg, &q->space->shm.segments, link)
		if (seg->key == key && key != IPC_PRIVATE && !(seg->mode & SHM_DEST))
			return seg;
	return NULL;
}

static void destroy(struct quire *q, struct shmid_kernel *seg)
{
	list_del(&seg->link);
	q->space->shm.nr--;
	q->space->shm.nr_dest -= (seg->mode & SHM_DEST) != 0;
	fput(q, seg->file);
	kfree(q, seg);
}

/* Segments that were to go with their last area. */
static void reap_segments(struct quire *q)
{
	struct shmid_kernel *seg, *next;

	list_for_each_entry_safe (seg, next, &q->space->shm.segments, link)
		if ((seg->mode & SHM_DEST) && !nr_attached(q, seg))
			destroy(q, seg);
}

/* Mode bits asked for (0444, 0222) against the segment's. */
static bool permits(const struct syscall *c, const struct shmid_kernel *seg, unsigned int want)
{
	unsigned int granted = seg->mode;

	if (c->task->uid == seg->cuid || c->task->uid == seg->uid)
		granted >>= 6;
	else if (c->task->gid == seg->cgid || c->task->gid == seg->gid)
		granted >>= 3;
	want = (want >> 6 | want >> 3 | want) & 7;
	return capable(c) || !(want & ~granted & 7);
}

static s64 new_segment(struct syscall *c, int key, u64 bytes, unsigned int flags)
{
	struct shm_floor *shm = &c->q->space->shm;
	struct shmid_kernel *seg;

	if (!bytes || bytes > SHMMAX || (flags & SHM_HUGETLB))
		return -EINVAL;
	if (PAGE_ALIGN(bytes) < bytes || shm->nr >= SHMMNI)
		return -ENOSPC;
	seg = kzalloc(c->q, sizeof(*seg), GFP_KERNEL_ACCOUNT);
	if (!seg)
		return -ENOMEM;
	/* vm_could_promise() asks as Linux's shmem_acct_size() does. */
	if (!(flags & SHM_NORESERVE) && !vm_could_promise(c->q, PAGE_ALIGN(bytes) >> PAGE_SHIFT)) {
		kfree(c->q, seg);
		return -ENOMEM;
	}
	seg->file = shmem_file_setup(c->q, "SYSV", bytes);
	if (IS_ERR_OR_NULL(seg->file)) {
		kfree(c->q, seg);
		return -ENOMEM;
	}
	seg->file->writable = true;
	seg->id = shm->next_id++;
	seg->key = key;
	seg->mode = flags & 0777;
	seg->uid = seg->cuid = c->task->uid;
	seg->gid = seg->cgid = c->task->gid;
	seg->bytes = bytes;
	seg->cpid = c->task->tgid;
	seg->ctime = now_s(c->q);
	list_add_tail(&seg->link, &shm->segments);
	shm->nr++;
	return seg->id;
}

s64 sys_shmget(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[2];
	struct shmid_kernel *seg = find_key(c->q, (int)c->arg[0]);

	c->q->space->shm.reap = reap_segments;
	if ((int)c->arg[0] == IPC_PRIVATE)
		return new_segment(c, IPC_PRIVATE, c->arg[1], flags);
	if (!seg)
		return flags & IPC_CREAT ? new_segment(c, (int)c->arg[0], c->arg[1], flags)
					 : -ENOENT;
	if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
		return -EEXIST;
	if (seg->bytes < c->arg[1])
		return -EINVAL;
	return permits(c, seg, flags & 0777) ? seg->id : -EACCES;
}

s64 sys_shmat(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[2];
	u64 addr = c->arg[1], ret;
	int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
		   (flags & SHM_EXEC ? PROT_EXEC : 0);
	struct shmid_kernel *seg;
	int map = MAP_SHARED;

	if ((int)c->arg[0] < 0)
		return -EINVAL;
	if (addr) {
		if (addr & ~PAGE_MASK) {
			if (!(flags & SHM_RND))
				return -EINVAL;
			addr &= PAGE_MASK;
			if (!addr && (flags & SHM_REMAP))
				return -EINVAL;
		}
		map |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	} else if (flags & SHM_REMAP) {
		return -EINVAL;
	}
	seg = find_id(c->q, (int)c->arg[0]);
	if (!seg)
		return -EINVAL;
	if (!permits(c, seg, flags & SHM_RDONLY ? 0444 : 0666))
		return -EACCES;
	ret = do_mmap(c->q, c->task->mm, addr, seg->bytes, prot, map, seg->file, 0);
	if (IS_ERR_VALUE(ret))
		return ret == (u64)-EEXIST ? -EINVAL : (s64)ret;
	seg->lpid = c->task->tgid;
	seg->atime = now_s(c->q);
	return (s64)ret;
}

/* The segment that an area maps; NULL: it is none's. */
static struct shmid_kernel *segment_of(struct quire *q, const struct vm_area_struct *vma)
{
	struct shmid_kernel *seg;

	list_for_each_entry (seg, &q->space->shm.segments, link)
		if (vma->vm_file == seg->file)
			return seg;
	return NULL;
}

/* The attachment that began at addr, in however many areas it is by now. */
s64 sys_shmdt(struct syscall *c)
{
	struct mm_struct *mm = c->task->mm;
	u64 addr = c->arg[0], start, end = 0;
	struct shmid_kernel *seg = NULL;
	struct vm_area_struct *vma;
	s64 ret = -EINVAL;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	down_write(c->q, &mm->mmap_lock);
	for (vma = find_vma(mm, addr); vma && !seg; vma = vma->vm_next)
		if (vma->vm_start - addr == vma->vm_pgoff << PAGE_SHIFT && vma->vm_file)
			seg = segment_of(c->q, vma);
	if (seg) {
		end = addr + PAGE_ALIGN(seg->bytes);
		seg->lpid = c->task->tgid;
		seg->dtime = now_s(c->q);
		ret = 0;
	}
	for (vma = find_vma(mm, addr); !ret && vma && vma->vm_start < end;) {
		start = vma->vm_end;
		if (vma->vm_file == seg->file && vma->vm_start - addr == vma->vm_pgoff
										 << PAGE_SHIFT)
			ret = munmap_locked(c->q, mm, vma->vm_start, vma->vm_end);
		vma = find_vma(mm, start);
	}
	mmap_write_unlock(c->q, mm);
	return ret;
}

static s64 stat_segment(struct syscall *c, const struct shmid_kernel *seg)
{
	struct shmid64 ds = {
		.key = seg->key,
		.uid = seg->uid,
		.gid = seg->gid,
		.cuid = seg->cuid,
		.cgid = seg->cgid,
		.mode = seg->mode,
		.segsz = seg->bytes,
		.atime = seg->atime,
		.dtime = seg->dtime,
		.ctime = seg->ctime,
		.cpid = seg->cpid,
		.lpid = seg->lpid,
		.nattch = nr_attached(c->q, seg),
	};

	if (!permits(c, seg, 0444))
		return -EACCES;
	return put_user(c, c->arg[2], &ds, sizeof(ds));
}

static s64 change_segment(struct syscall *c, struct shmid_kernel *seg, int cmd)
{
	struct shmid64 ds;

	if (cmd == IPC_SET && get_user(c, &ds, c->arg[2], sizeof(ds)))
		return -EFAULT;
	if (!capable(c) && c->task->uid != seg->uid && c->task->uid != seg->cuid)
		return -EPERM;
	if (cmd == IPC_SET) {
		seg->uid = ds.uid;
		seg->gid = ds.gid;
		seg->mode = (seg->mode & ~0777u) | (ds.mode & 0777u);
		seg->ctime = now_s(c->q);
		return 0;
	}
	if (!(seg->mode & SHM_DEST))
		c->q->space->shm.nr_dest++;
	seg->mode |= SHM_DEST;
	seg->key = IPC_PRIVATE;
	if (!nr_attached(c->q, seg))
		destroy(c->q, seg);
	return 0;
}

s64 sys_shmctl(struct syscall *c)
{
	int cmd = (int)c->arg[1];
	struct shmid_kernel *seg;

	if (cmd < 0 || (int)c->arg[0] < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_STAT:
	case IPC_SET:
	case IPC_RMID:
		break;
	default: /* SHM_LOCK, SHM_UNLOCK, IPC_INFO, SHM_INFO, SHM_STAT */
		return -EINVAL;
	}
	seg = find_id(c->q, (int)c->arg[0]);
	if (!seg)
		return -EINVAL;
	return cmd == IPC_STAT ? stat_segment(c, seg) : change_segment(c, seg, cmd);
}
