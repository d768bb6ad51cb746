/* SPDX-License-Identifier: MIT */
/*
 * hugetlbfs: a file system whose files are huge pages (Linux's fs/hugetlbfs/inode.c).
 */
#ifndef QUIRE_SPACE_HUGETLBFS_H
#define QUIRE_SPACE_HUGETLBFS_H

#include "space/hugetlb.h"

#define HUGETLBFS_MAGIC 0x958458f6u

#define HUGETLBFS_O_CREAT  0x01 /* the file need not be there */
#define HUGETLBFS_O_EXCL   0x02 /* and may not */
#define HUGETLBFS_O_RDONLY 0x04 /* shared mappings of it can't be written */

/* statfs(): -1 where there is no limit, as Linux has it. */
struct hugetlbfs_statfs {
	u64 f_type, f_bsize;
	s64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
};

/*
 * Mounts it at dir (kept as text: there is no tree of mounts).  options as mount(8) takes
 * them: pagesize=, size= and min_size= (bytes with K, M, G, or per cent of the pool),
 * nr_inodes=, uid=, gid=, mode= (octal); NULL or "": the default pool's pages, no limits.
 * ERR_PTR(-EINVAL): an unknown option or value, no such pool, min_size above size;
 * -ENOMEM: no memory, or min_size can't be promised; -EBUSY: dir has one already.
 * May sleep.
 */
struct hugetlbfs_sb_info *hugetlbfs_mount(struct quire *q, const char *dir, const char *options);
/* -EBUSY: a file is open or mapped.  Its files are gone else.  May sleep. */
int hugetlbfs_umount(struct quire *q, struct hugetlbfs_sb_info *sbi);
struct hugetlbfs_sb_info *hugetlbfs_find(struct quire *q, const char *dir);
/* Its own options as /proc/mounts shows them, each behind a comma. */
struct text;
void hugetlbfs_show_options(const struct hugetlbfs_sb_info *sbi, struct text *t);
void hugetlbfs_statfs(struct quire *q, const struct hugetlbfs_sb_info *sbi,
		      struct hugetlbfs_statfs *buf);

/* A file of the mount, by its name.  ERR_PTR(-ENOENT, -EEXIST, -ENOSPC (inodes), -EINVAL
 * (not a name), -EACCES, -ENOMEM).  May sleep. */
struct file *hugetlbfs_open(struct quire *q, struct hugetlbfs_sb_info *sbi, const char *name,
			    int flags, unsigned int mode);
/* The name goes, the file with its last user.  -ENOENT. */
int hugetlbfs_unlink(struct quire *q, struct hugetlbfs_sb_info *sbi, const char *name);
/* ftruncate(): -EINVAL if size is not whole pages.  What is cut off is unmapped. */
int hugetlbfs_truncate(struct quire *q, struct inode *inode, u64 size);
/*
 * fallocate(): pages are there from now on (-ENOSPC, -ENOMEM, -EINTR), or with PUNCH_HOLE
 * the whole ones of the range are not, and the range of others is zeros, by 4 KiB.
 * -EOPNOTSUPP: other modes.  May sleep.
 */
int hugetlbfs_fallocate(struct quire *q, struct file *file, int mode, u64 offset, u64 len);

/*
 * A file without a name: of MAP_HUGETLB, SHM_HUGETLB and MFD_HUGETLB.  name: as
 * /proc/PID/maps shows it, before " (deleted)".  Its pages are promised at once unless
 * vm_flags has VM_NORESERVE.  ERR_PTR(-ENOMEM).  May sleep.
 */
struct file *hugetlb_file_setup(struct quire *q, const char *name, u64 size, unsigned long vm_flags,
				struct hstate *h);

#endif
