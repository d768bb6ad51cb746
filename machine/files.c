/* SPDX-License-Identifier: MIT */
/*
 * The trees of files on the machine's disks.
 *
 * A tree of n files in d directories lies on its disk one file after another;
 * where a file is, and its inode number, follow from its number, so nothing is
 * kept for files that nobody looks at.  Opening one does what the kernel does:
 * the directory's dentry, the file's dentry, and their inodes come into memory
 * if they are not there, and stay in the caches until the shrinkers take them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/internal.h"

struct fileset *fileset_find(struct machine *m, const char *name)
{
	for (u32 i = 0; i < m->scenario->files_count; i++)
		if (!strcmp(m->filesets[i].spec->name, name))
			return &m->filesets[i];
	return NULL;
}

static u32 disk_number(const struct scenario *s, const char *name)
{
	u32 i = 0;

	while (strcmp(s->disks[i].name, name))
		i++;
	return i;
}

static u64 file_pages(const struct fileset *fs)
{
	return DIV_ROUND_UP(fs->spec->size.v, PAGE_SIZE);
}

/* The child of parent, made with the given place on the disk if it is not in
 * memory; a reference for the caller, or NULL. */
static struct dentry *lookup(struct machine *m, struct fileset *fs, struct dentry *parent,
			     const char *name, unsigned long ino, u64 disk_start, u64 size,
			     bool is_dir)
{
	struct dentry *d = d_lookup(m->q, parent, name);
	struct inode *inode;

	if (d)
		return d;
	inode = iget(m->q, fs->sb, ino, disk_start, size, is_dir);
	if (IS_ERR_OR_NULL(inode))
		return NULL;
	d = d_alloc(m->q, parent, name, inode);
	iput(m->q, inode);
	return IS_ERR(d) ? NULL : d;
}

static struct dentry *directory_of(struct machine *m, struct fileset *fs, u32 number)
{
	u32 dir = number % fs->spec->directories;
	char name[24];

	snprintf(name, sizeof(name), "d%u", dir);
	return lookup(m, fs, fs->root, name, fs->ino_base + dir, 0, PAGE_SIZE, true);
}

static struct dentry *file_dentry(struct machine *m, struct fileset *fs, u32 number)
{
	struct dentry *dir = directory_of(m, fs, number), *d;
	char name[24];

	if (!dir)
		return NULL;
	snprintf(name, sizeof(name), "f%u", number);
	d = lookup(m, fs, dir, name, fs->ino_base + fs->spec->directories + number,
		   fs->disk_start + number * file_pages(fs), fs->spec->size.v, false);
	dput(m->q, dir);
	return d;
}

bool fileset_walk(struct machine *m, struct fileset *fs, u32 number)
{
	struct dentry *d = file_dentry(m, fs, number % fs->spec->count);

	if (!d)
		return false;
	charge_ns(m->q, 400);
	dput(m->q, d);
	return true;
}

struct file *fileset_open(struct machine *m, struct fileset *fs, u32 number, bool writable)
{
	struct dentry *d = file_dentry(m, fs, number % fs->spec->count);
	struct file *file;

	if (!d)
		return NULL;
	file = alloc_file(m->q, d->d_inode, writable);
	dput(m->q, d);
	return IS_ERR(file) ? NULL : file;
}

/* Lays the trees out on their disks and makes their roots; in a fiber. */
int files_setup(struct machine *m)
{
	const struct scenario *s = m->scenario;
	unsigned long ino = 1000;

	for (u32 i = 0; i < s->files_count; i++) {
		struct fileset *fs = &m->filesets[i];
		u32 disk = disk_number(s, s->files[i].disk);
		struct inode *dir;

		*fs = (struct fileset){.spec = &s->files[i], .sb = m->sb[disk]};
		fs->disk_start = m->disk_used[disk];
		fs->ino_base = ino;
		ino += fs->spec->directories + fs->spec->count;
		m->disk_used[disk] += fs->spec->count * file_pages(fs);
		if (m->disk_used[disk] > m->disk_end[disk]) {
			fprintf(m->err, "%s: files[%u]: \"%s\" does not fit on disk %s\n", s->path,
				i, fs->spec->name, s->disks[disk].name);
			return -ENOSPC;
		}
		dir = new_inode(m->q, fs->sb, PAGE_SIZE, true);
		if (IS_ERR_OR_NULL(dir))
			return -ENOMEM;
		fs->root = d_alloc(m->q, fs->sb->s_root, fs->spec->name, dir);
		iput(m->q, dir);
		if (IS_ERR_OR_NULL(fs->root))
			return -ENOMEM;
	}
	/* What is made later lies behind the trees and before the swap. */
	for (u32 i = 0; i < s->disks_count; i++) {
		m->sb[i]->next_block = m->disk_used[i];
		m->sb[i]->nr_blocks = m->disk_end[i];
	}
	return 0;
}

struct file *program_open(struct machine *m, const char *name, u64 size)
{
	struct dentry *d = d_lookup(m->q, m->program_sb->s_root, name);
	struct inode *inode;
	struct file *file;

	if (!d) {
		inode = new_inode(m->q, m->program_sb, size, false);
		if (IS_ERR_OR_NULL(inode))
			return NULL;
		d = d_alloc(m->q, m->program_sb->s_root, name, inode);
		iput(m->q, inode);
		if (IS_ERR_OR_NULL(d))
			return NULL;
	}
	file = alloc_file(m->q, d->d_inode, false);
	dput(m->q, d);
	return IS_ERR(file) ? NULL : file;
}
