/* SPDX-License-Identifier: MIT */
/*
 * Names: a table of mounts, and from there the dentry cache, as open(2) goes.
 *
 * The root is a tmpfs, as the kernel's initramfs is; the data disk has an ext4
 * with two files, of which the kernel knows no more than where they lie.
 */
#include <stdlib.h>
#include <string.h>

#include "oracle/internal.h"

#define MAX_PATH 128

static const struct mount *mount_of(struct run *r, const char *path, const char **rest)
{
	const struct mount *best = NULL;
	size_t longest = 0;

	for (u32 i = 0; i < r->nr_mounts; i++) {
		const struct mount *m = &r->mounts[i];
		size_t len = strlen(m->at);

		if (strncmp(path, m->at, len) || (path[len] && path[len] != '/'))
			continue;
		if (!best || len >= longest) { /* the last of one place hides the others */
			best = m;
			longest = len;
		}
	}
	*rest = path + longest;
	return best;
}

static struct inode *make_inode(struct run *r, const struct mount *m, bool is_dir)
{
	struct inode *inode = new_inode(r->q, m->sb, 0, is_dir);

	if (IS_ERR_OR_NULL(inode) || !m->tmpfs)
		return inode;
	inode->i_data.swap_backed = true;
	inode->i_data.a_ops = r->q->cache->shmem_aops;
	return inode;
}

/* The child of parent (a negative one counts as none), or NULL. */
static struct dentry *lookup(struct run *r, struct dentry *parent, const char *name)
{
	struct dentry *d = d_lookup(r->q, parent, name);

	if (d && !d->d_inode) {
		dput(r->q, d);
		return NULL;
	}
	return d;
}

/*
 * The directory of a path, with a reference, and the last name of it in name;
 * ERR_PTR(-ENOENT) where a directory is missing.
 */
static struct dentry *walk(struct run *r, const char *path, const struct mount **mount,
			   char name[MAX_PATH])
{
	const char *rest;
	struct dentry *d, *next;

	*mount = mount_of(r, path, &rest);
	if (!*mount)
		return ERR_PTR(-ENOENT);
	d = (*mount)->sb->s_root;
	d->d_count++;
	for (;;) {
		size_t len;

		rest += strspn(rest, "/");
		len = strcspn(rest, "/");
		if (len >= MAX_PATH)
			break;
		memcpy(name, rest, len);
		name[len] = 0;
		rest += len;
		if (!rest[strspn(rest, "/")])
			return d;
		next = lookup(r, d, name);
		dput(r->q, d);
		d = next;
		if (!d)
			return ERR_PTR(-ENOENT);
	}
	dput(r->q, d);
	return ERR_PTR(-ENOENT);
}

static struct dentry *create(struct run *r, const struct mount *m, struct dentry *parent,
			     const char *name, bool is_dir)
{
	struct inode *inode = make_inode(r, m, is_dir);
	struct dentry *negative, *d;

	if (IS_ERR_OR_NULL(inode))
		return inode ? (struct dentry *)inode : ERR_PTR(-ENOMEM);
	negative = d_lookup(r->q, parent, name);
	if (negative) {
		d_delete(r->q, negative);
		dput(r->q, negative);
	}
	d = d_alloc(r->q, parent, name, inode);
	if (d && m->tmpfs)
		d->d_count++; /* pinned: it is on no disk */
	iput(r->q, inode);
	return d ? d : ERR_PTR(-ENOMEM);
}

struct file *files_open(struct run *r, const char *path, bool writable, bool may_create)
{
	const struct mount *m;
	char name[MAX_PATH];
	struct dentry *dir = walk(r, path, &m, name), *d;
	struct file *file;

	if (IS_ERR(dir))
		return (struct file *)dir;
	d = *name ? lookup(r, dir, name) : NULL;
	if (!d && *name && may_create)
		d = create(r, m, dir, name, false);
	dput(r->q, dir);
	if (!d)
		return ERR_PTR(*name ? -ENOENT : -EISDIR);
	if (IS_ERR(d))
		return (struct file *)d;
	file = d->d_inode->is_dir ? ERR_PTR(-EISDIR) : alloc_file(r->q, d->d_inode, writable);
	dput(r->q, d);
	return file ? file : ERR_PTR(-ENOMEM);
}

int files_mkdir(struct run *r, const char *path)
{
	const struct mount *m;
	char name[MAX_PATH];
	struct dentry *dir = walk(r, path, &m, name), *d;

	if (IS_ERR(dir))
		return (int)PTR_ERR(dir);
	d = *name ? lookup(r, dir, name) : dir->d_sb->s_root;
	if (d && d != dir->d_sb->s_root)
		dput(r->q, d);
	if (d) {
		dput(r->q, dir);
		return -EEXIST;
	}
	d = create(r, m, dir, name, true);
	dput(r->q, dir);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	dput(r->q, d);
	return 0;
}

int files_stat(struct run *r, const char *path)
{
	const struct mount *m;
	char name[MAX_PATH];
	struct dentry *dir = walk(r, path, &m, name), *d;
	int err = 0;

	if (IS_ERR(dir))
		return (int)PTR_ERR(dir);
	d = *name ? d_lookup(r->q, dir, name) : NULL;
	if (*name && !d) {
		/* A name that is not there is cached as well. */
		d = d_alloc(r->q, dir, name, NULL);
		err = -ENOENT;
	} else if (d && !d->d_inode) {
		err = -ENOENT;
	}
	if (d)
		dput(r->q, d);
	dput(r->q, dir);
	return err;
}

int files_unlink(struct run *r, const char *path)
{
	const struct mount *m;
	char name[MAX_PATH];
	struct dentry *dir = walk(r, path, &m, name), *d;

	if (IS_ERR(dir))
		return (int)PTR_ERR(dir);
	d = *name ? lookup(r, dir, name) : NULL;
	dput(r->q, dir);
	if (!d)
		return -ENOENT;
	if (d->d_inode->is_dir) {
		dput(r->q, d);
		return -EISDIR;
	}
	d_delete(r->q, d);
	if (m->tmpfs)
		dput(r->q, d); /* the pin */
	dput(r->q, d);
	return 0;
}

int files_mount(struct run *r, const char *at, struct super_block *sb, bool tmpfs)
{
	struct mount *m = &r->mounts[r->nr_mounts];

	if (!sb)
		return -ENOMEM;
	if (r->nr_mounts == ORACLE_MAX_MOUNTS)
		return -ENOSPC;
	snprintf(m->at, sizeof(m->at), "%s", at);
	for (size_t len = strlen(m->at); len && m->at[len - 1] == '/'; len--)
		m->at[len - 1] = 0;
	m->sb = sb;
	m->tmpfs = tmpfs;
	r->nr_mounts++;
	return 0;
}

int files_init(struct run *r)
{
	return files_mount(r, "", r->q->cache->shm_sb, true);
}
