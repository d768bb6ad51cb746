/* SPDX-License-Identifier: MIT */
/*
 * hugetlbfs: mounts, inodes and names (half of Linux's fs/hugetlbfs/inode.c; what files
 * can do is in hugetlbfs_file.c).
 *
 * The idea: an inode of hugetlbfs is an inode of the page cache whose tree holds huge
 * pages by their number among huge ones.  They are on no LRU list and in none of the
 * nodes' counts, and leave with the file.  A mount has pages of one pool, and may have a
 * subpool: a limit, and pages of its own.  Names pin their files, as in ramfs, so
 * nothing of it is ever shrunk.  Each pool has one mount more that nobody sees, for files
 * without names; it is made when the first one is.
 *
 * Locks: as the page cache's; mounting is one at a time (the caller's).
 *
 * Differs from Linux: all files of a mount are in its root; no links, no directories, no
 * seals; owner and mode are kept, and nobody asks for them.
 */
#include "base/string.h"
#include "base/text.h"
#include "space/hugetlbfs.h"

#define HUGETLBFS_INODE_BYTES 664
#define FIRST_MINOR	      48 /* of 0:N in /proc/PID/maps: behind those of other mounts */
#define INTERNAL_MINOR	      15
#define MAX_NAME	      255

_Static_assert(sizeof(struct hugetlbfs_inode) <= HUGETLBFS_INODE_BYTES,
	       "struct hugetlbfs_inode is its object's head");

struct hugetlbfs_floor *hugetlbfs_get(struct quire *q)
{
	struct hugetlbfs_floor *fl = q->space->hugetlbfs;

	if (fl)
		return fl;
	fl = kzalloc(q, sizeof(*fl), GFP_KERNEL);
	if (!fl)
		return NULL;
	INIT_LIST_HEAD(&fl->mounts);
	fl->next_minor = FIRST_MINOR;
	fl->inode_cachep = find_kmem_cache(q, "hugetlbfs_inode_cache");
	if (!fl->inode_cachep)
		fl->inode_cachep = kmem_cache_create(q, "hugetlbfs_inode_cache",
						     HUGETLBFS_INODE_BYTES, 0, SLAB_ACCOUNT, NULL);
	if (!fl->inode_cachep) {
		kfree(q, fl);
		return NULL;
	}
	q->space->hugetlbfs = fl;
	return fl;
}

/* ---- inodes ---------------------------------------------------------------------- */

static void give_inode_back(struct hugetlbfs_sb_info *sbi)
{
	if (sbi->free_inodes >= 0)
		(void)HOT_ADD(&sbi->free_inodes, 1);
}

static bool take_inode(struct hugetlbfs_sb_info *sbi)
{
	if (sbi->free_inodes < 0)
		return true;
	if (!sbi->free_inodes)
		return false;
	(void)HOT_SUB(&sbi->free_inodes, 1);
	return true;
}

/* Nobody can reach it: its pages go, and what it was promised. */
static void hugetlbfs_evict_inode(struct quire *q, struct inode *inode)
{
	struct hugetlbfs_inode *hi = HUGETLBFS_I(inode);

	if (inode->is_dir)
		return;
	(void)hugetlbfs_truncate(q, inode, 0);
	/* Who looks for the file of a page that he holds has found none, or has it. */
	spin_lock(q, &q->page->hugetlb->lock);
	spin_unlock(q, &q->page->hugetlb->lock);
	resv_map_put(q, hi->resv, hi->h);
	kfree(q, hi->name);
	give_inode_back(hi->sbi);
}

static const struct super_operations hugetlbfs_ops = {
	.evict_inode = hugetlbfs_evict_inode,
	.few_names = true,
};

static s64 hugetlbfs_read(struct quire *q, struct file *file, u64 pos, u64 length)
{
	struct hugetlbfs_inode *inode = HUGETLBFS_I(file->f_inode);
	u64 end = min(length, inode->vfs_inode.i_size - pos) + pos;

	/* A hole reads as zeros, and stays one. */
	for (u64 at = pos; at < end;) {
		u64 next = ALIGN_DOWN(at, huge_page_size(inode->h)) + huge_page_size(inode->h);
		struct page *page;

		mutex_lock(q, &inode->fault_mutex);
		page = hugetlb_find_page(q, inode, at >> huge_page_shift(inode->h));
		mutex_unlock(q, &inode->fault_mutex);
		next = min(next, end);
		charge_ns(q, q->cost.copy_page * (next - at) / PAGE_SIZE);
		if (page)
			put_page(q, page);
		at = next;
		cond_resched(q);
	}
	return (s64)(end - pos);
}

static const struct address_space_operations hugetlbfs_aops = {
	.read = hugetlbfs_read,
};

/* A file without pages, with a reference for the caller. */
static struct hugetlbfs_inode *new_file(struct quire *q, struct hugetlbfs_sb_info *sbi,
					const char *dir, const char *name, unsigned int mode)
{
	size_t len = str_len(dir) + str_len(name) + 2;
	struct resv_map *resv = resv_map_alloc(q);
	char *copy = kmalloc(q, len, GFP_KERNEL);
	struct hugetlbfs_inode *hi;
	struct inode *inode = NULL;

	if (resv && copy)
		inode = new_inode(q, sbi->sb, 0, false);
	if (IS_ERR_OR_NULL(inode)) {
		if (resv)
			resv_map_put(q, resv, sbi->h);
		kfree(q, copy);
		return NULL;
	}
	(void)text_format(copy, len, "%s/%s", dir, name);
	hi = HUGETLBFS_I(inode);
	hi->sbi = sbi;
	hi->h = sbi->h;
	hi->resv = resv;
	hi->name = copy;
	hi->uid = hi->gid = 0;
	hi->mode = mode;
	mutex_init(&hi->fault_mutex);
	inode->i_data.hugetlb = true;
	inode->i_data.unevictable = true;
	inode->i_data.a_ops = &hugetlbfs_aops;
	return hi;
}

/* ---- mounts ---------------------------------------------------------------------- */

struct hugepage_options {
	struct hstate *h;
	long max_hpages, min_hpages, nr_inodes;
	unsigned int uid, gid, mode;
};

static struct hugepage_subpool *new_subpool(struct quire *q, const struct hugepage_options *o)
{
	struct hugepage_subpool *spool = kzalloc(q, sizeof(*spool), GFP_KERNEL);

	if (!spool)
		return NULL;
	*spool = (struct hugepage_subpool){
		.h = o->h,
		.max_hpages = o->max_hpages,
		.min_hpages = o->min_hpages,
		.rsv_hpages = max(o->min_hpages, 0L),
	};
	if (hugetlb_acct_memory(q, o->h, spool->rsv_hpages, NULL)) {
		kfree(q, spool);
		return NULL;
	}
	return spool;
}

static void free_sb_info(struct quire *q, struct hugetlbfs_sb_info *sbi)
{
	if (sbi->spool)
		(void)hugetlb_acct_memory(q, sbi->h, -sbi->spool->rsv_hpages, NULL);
	kfree(q, sbi->spool);
	kfree(q, sbi->dir);
	kfree(q, sbi);
}

/* dir NULL: of those that nobody sees. */
static struct hugetlbfs_sb_info *mount_one(struct quire *q, struct hugetlbfs_floor *fl,
					   const char *dir, const struct hugepage_options *o)
{
	struct hugetlbfs_sb_info *sbi = kzalloc(q, sizeof(*sbi), GFP_KERNEL);

	if (!sbi)
		return NULL;
	sbi->h = o->h;
	sbi->max_inodes = sbi->free_inodes = o->nr_inodes;
	sbi->uid = o->uid;
	sbi->gid = o->gid;
	sbi->mode = o->mode;
	sbi->minor = dir ? fl->next_minor : INTERNAL_MINOR;
	if (dir) {
		sbi->dir = kmalloc(q, str_len(dir) + 1, GFP_KERNEL);
		if (!sbi->dir)
			goto fail;
		memcpy(sbi->dir, dir, str_len(dir) + 1);
	}
	if (o->max_hpages != -1 || o->min_hpages != -1) {
		sbi->spool = new_subpool(q, o);
		if (!sbi->spool)
			goto fail;
	}
	(void)take_inode(sbi);
	sbi->sb = sget_ops(q, NULL, fl->inode_cachep, &hugetlbfs_ops);
	if (!sbi->sb)
		goto fail;
	sbi->sb->s_fs_info = sbi;
	fl->next_minor += dir != NULL;
	list_add_tail(&sbi->list, &fl->mounts);
	return sbi;
fail:
	free_sb_info(q, sbi);
	return NULL;
}

/* Digits, K, M, G or T, or %: of the pool's pages. */
static int parse_bytes(const char *s, size_t len, u64 *bytes, bool *percent)
{
	static const char suffixes[] = "KMGT";
	unsigned int shift = 0;
	unsigned long v;

	*percent = len && s[len - 1] == '%';
	if (*percent) {
		len--;
	} else if (len) {
		int upper = s[len - 1] & ~0x20;
		const char *at = upper ? str_chr(suffixes, upper) : NULL;

		if (at) {
			shift = 10 * (unsigned int)(at - suffixes + 1);
			len--;
		}
	}
	if (parse_ulong(s, len, 0, &v) || v > ULONG_MAX >> shift)
		return -EINVAL;
	*bytes = (u64)v << shift;
	return 0;
}

struct raw_size {
	u64 v;
	bool given, percent;
};

static long size_to_hpages(const struct hstate *h, const struct raw_size *r)
{
	if (!r->given)
		return -1;
	if (r->percent)
		return (long)(r->v * h->max_huge_pages / 100);
	return (long)(r->v >> huge_page_shift(h));
}

struct raw_options {
	struct raw_size size, min_size, pagesize;
};

static int parse_number(const char *s, size_t len, int base, unsigned int *out)
{
	unsigned long v;

	if (parse_ulong(s, len, base, &v) || v > UINT_MAX)
		return -EINVAL;
	*out = (unsigned int)v;
	return 0;
}

/* One option, key=value. */
static int parse_option(const char *s, size_t len, struct hugepage_options *o,
			struct raw_options *raw)
{
	const char *eq = mem_chr(s, '=', len);
	size_t key = eq ? (size_t)(eq - s) : len, n = eq ? len - key - 1 : 0;
	struct raw_size *r = NULL;

#define KEY(name) (key == sizeof(name) - 1 && !str_ncmp(s, name, key))
	if (!eq)
		return -EINVAL;
	if (KEY("uid"))
		return parse_number(eq + 1, n, 10, &o->uid);
	if (KEY("gid"))
		return parse_number(eq + 1, n, 10, &o->gid);
	if (KEY("mode")) {
		int err = parse_number(eq + 1, n, 8, &o->mode);

		o->mode &= 01777;
		return err;
	}
	if (KEY("nr_inodes")) {
		u64 v = 0;
		bool percent;
		int err = parse_bytes(eq + 1, n, &v, &percent);

		o->nr_inodes = (long)min(v, (u64)LONG_MAX);
		return err || percent ? -EINVAL : 0;
	}
	if (KEY("size"))
		r = &raw->size;
	else if (KEY("min_size"))
		r = &raw->min_size;
	else if (KEY("pagesize"))
		r = &raw->pagesize;
#undef KEY
	if (!r || parse_bytes(eq + 1, n, &r->v, &r->percent))
		return -EINVAL;
	r->given = true;
	return 0;
}

static int parse_options(struct quire *q, const char *text, struct hugepage_options *o)
{
	struct raw_options raw = {.size = {0}};

	*o = (struct hugepage_options){.h = default_hstate(q), .nr_inodes = -1, .mode = 0755};
	while (text && *text) {
		const char *end = str_chr(text, ',');
		size_t len = end ? (size_t)(end - text) : str_len(text);

		if (len && parse_option(text, len, o, &raw))
			return -EINVAL;
		text += len + (end != NULL);
	}
	if (raw.pagesize.given)
		o->h = raw.pagesize.percent ? NULL : size_to_hstate(q, raw.pagesize.v);
	if (!o->h)
		return -EINVAL;
	o->max_hpages = size_to_hpages(o->h, &raw.size);
	o->min_hpages = size_to_hpages(o->h, &raw.min_size);
	if (o->max_hpages >= 0 && o->min_hpages > o->max_hpages)
		return -EINVAL;
	return 0;
}

struct hugetlbfs_sb_info *hugetlbfs_find(struct quire *q, const char *dir)
{
	struct hugetlbfs_floor *fl = q->space->hugetlbfs;
	struct hugetlbfs_sb_info *sbi;

	if (!fl)
		return NULL;
	list_for_each_entry (sbi, &fl->mounts, list)
		if (sbi->dir && str_eq(sbi->dir, dir))
			return sbi;
	return NULL;
}

struct hugetlbfs_sb_info *hugetlbfs_mount(struct quire *q, const char *dir, const char *options)
{
	struct hugetlbfs_floor *fl = hugetlbfs_get(q);
	struct hugetlbfs_sb_info *sbi;
	struct hugepage_options o;
	int err;

	if (!fl)
		return ERR_PTR(-ENOMEM);
	if (!dir || dir[0] != '/' || hugetlbfs_find(q, dir))
		return ERR_PTR(dir && dir[0] == '/' ? -EBUSY : -EINVAL);
	err = parse_options(q, options, &o);
	if (err)
		return ERR_PTR(err);
	sbi = mount_one(q, fl, dir, &o);
	return sbi ? sbi : ERR_PTR(-ENOMEM);
}

/* Does anybody but its name have a file of it? */
static bool is_busy(struct quire *q, struct super_block *sb)
{
	struct inode *inode;
	bool busy = false;

	spin_lock(q, &sb->lock);
	list_for_each_entry (inode, &sb->s_inodes, i_sb_list)
		busy |= inode->i_count != 1 || (!inode->is_dir && !inode->i_nlink);
	spin_unlock(q, &sb->lock);
	return busy;
}

int hugetlbfs_umount(struct quire *q, struct hugetlbfs_sb_info *sbi)
{
	struct dentry *root = sbi->sb->s_root;

	if (is_busy(q, sbi->sb))
		return -EBUSY;
	while (!list_empty(&root->d_children))
		(void)hugetlbfs_unlink(
			q, sbi,
			list_first_entry(&root->d_children, struct dentry, d_sibling)->name);
	if (kill_sb(q, sbi->sb))
		return -EBUSY;
	list_del(&sbi->list);
	free_sb_info(q, sbi);
	return 0;
}

void hugetlbfs_show_options(const struct hugetlbfs_sb_info *sbi, struct text *t)
{
	const struct hugepage_subpool *spool = sbi->spool;
	unsigned int shift = huge_page_shift(sbi->h);

	if (sbi->uid)
		text_printf(t, ",uid=%u", sbi->uid);
	if (sbi->gid)
		text_printf(t, ",gid=%u", sbi->gid);
	if (sbi->mode != 0755)
		text_printf(t, ",mode=%o", sbi->mode);
	if (sbi->max_inodes != -1)
		text_printf(t, ",nr_inodes=%ld", sbi->max_inodes);
	/* Linux has no larger unit. */
	text_printf(t, ",pagesize=%luM", huge_page_size(sbi->h) >> 20);
	if (spool && spool->max_hpages != -1)
		text_printf(t, ",size=%lu", (unsigned long)spool->max_hpages << shift);
	if (spool && spool->min_hpages != -1)
		text_printf(t, ",min_size=%lu", (unsigned long)spool->min_hpages << shift);
}

void hugetlbfs_statfs(struct quire *q, const struct hugetlbfs_sb_info *sbi,
		      struct hugetlbfs_statfs *buf)
{
	const struct hugepage_subpool *spool = sbi->spool;

	*buf = (struct hugetlbfs_statfs){.f_type = HUGETLBFS_MAGIC,
					 .f_bsize = huge_page_size(sbi->h)};
	if (!spool)
		return;
	spin_lock(q, &q->page->hugetlb->lock);
	buf->f_blocks = spool->max_hpages;
	buf->f_bfree = buf->f_bavail = spool->max_hpages - spool->used_hpages;
	spin_unlock(q, &q->page->hugetlb->lock);
	buf->f_files = sbi->max_inodes;
	buf->f_ffree = sbi->free_inodes;
}

/* ---- names ----------------------------------------------------------------------- */

static struct dentry *create(struct quire *q, struct hugetlbfs_sb_info *sbi, const char *name,
			     unsigned int mode)
{
	const struct task *task = current_task(q);
	struct hugetlbfs_inode *hi;
	struct dentry *d;

	if (!take_inode(sbi))
		return ERR_PTR(-ENOSPC);
	hi = new_file(q, sbi, str_eq(sbi->dir, "/") ? "" : sbi->dir, name, mode);
	if (!hi) {
		give_inode_back(sbi);
		return ERR_PTR(-ENOMEM);
	}
	hi->uid = task ? task->uid : 0;
	hi->gid = task ? task->gid : 0;
	d = d_alloc(q, sbi->sb->s_root, name, &hi->vfs_inode);
	if (!d) {
		hi->vfs_inode.i_nlink = 0;
		iput(q, &hi->vfs_inode);
		return ERR_PTR(-ENOMEM);
	}
	iput(q, &hi->vfs_inode);
	/* The name keeps it: one reference that only unlink() drops. */
	d->d_count++;
	return d;
}

struct file *hugetlbfs_open(struct quire *q, struct hugetlbfs_sb_info *sbi, const char *name,
			    int flags, unsigned int mode)
{
	struct file *file;
	struct dentry *d;

	if (!name || !*name || str_chr(name, '/') || str_len(name) > MAX_NAME)
		return ERR_PTR(-EINVAL);
	d = d_lookup(q, sbi->sb->s_root, name);
	if (d && (flags & HUGETLBFS_O_CREAT) && (flags & HUGETLBFS_O_EXCL)) {
		dput(q, d);
		return ERR_PTR(-EEXIST);
	}
	if (!d && !(flags & HUGETLBFS_O_CREAT))
		return ERR_PTR(-ENOENT);
	if (!d)
		d = create(q, sbi, name, mode);
	if (IS_ERR(d))
		return (struct file *)d;
	file = alloc_file(q, d->d_inode, !(flags & HUGETLBFS_O_RDONLY));
	dput(q, d);
	return file ? file : ERR_PTR(-ENOMEM);
}

int hugetlbfs_unlink(struct quire *q, struct hugetlbfs_sb_info *sbi, const char *name)
{
	struct dentry *d = d_lookup(q, sbi->sb->s_root, name);

	if (!d)
		return -ENOENT;
	d_delete(q, d);
	dput(q, d); /* the name's */
	dput(q, d);
	return 0;
}

/* The mount of a pool for files without names. */
static struct hugetlbfs_sb_info *internal_mount(struct quire *q, struct hstate *h)
{
	struct hugetlbfs_floor *fl = hugetlbfs_get(q);
	struct hugepage_options o = {
		.h = h, .max_hpages = -1, .min_hpages = -1, .nr_inodes = -1, .mode = 0755};
	unsigned int i;

	if (!fl)
		return NULL;
	i = hstate_index(q, h);
	if (!fl->internal[i])
		fl->internal[i] = mount_one(q, fl, NULL, &o);
	return fl->internal[i];
}

struct file *hugetlb_file_setup(struct quire *q, const char *name, u64 size, unsigned long vm_flags,
				struct hstate *h)
{
	struct hugetlbfs_sb_info *sbi = internal_mount(q, h);
	struct hugetlbfs_inode *hi = sbi ? new_file(q, sbi, "", name, 0777) : NULL;
	struct file *file = NULL;

	if (!hi)
		return ERR_PTR(-ENOMEM);
	hi->vfs_inode.i_nlink = 0;
	hi->vfs_inode.i_size = size;
	if (!hugetlb_reserve_pages(q, hi, 0, size >> huge_page_shift(h), NULL, vm_flags))
		file = alloc_file(q, &hi->vfs_inode, true);
	iput(q, &hi->vfs_inode);
	return file ? file : ERR_PTR(-ENOMEM);
}
