/* SPDX-License-Identifier: MIT */
/*
 * Dentries: names of files, by parent and name (Linux's dcache.c).
 *
 * The idea: a hash table a super block finds a name; a dentry holds a
 * reference on its parent and its inode.  One that nobody uses stays in the
 * table and goes onto the super block's LRU; used again there, it gets a
 * second chance (d_referenced).  The shrinker takes the oldest, and with a
 * last child its parents too.
 *
 * Invariants: a dentry with d_count 0 is in the hash table and on the LRU
 * (the shrinker takes used ones off lazily, so the converse does not hold).
 * d_count is the number of users and of children.
 *
 * Locks: sb->lock the table, the tree and the counts; sb->s_lru_lock the LRU.
 *
 * Differs from Linux: a deleted name leaves no negative dentry; negative ones
 * are made by d_alloc() without an inode.
 */
#include "base/string.h"
#include "cache/internal.h"

_Static_assert(sizeof(struct dentry) <= SLAB_SIZE_dentry, "struct dentry is its object's head");

/* One bucket for 512 frames of memory, as far as blocks of 1 MiB go. */
int dentry_hash_init(struct quire *q, struct super_block *sb)
{
	unsigned long size = roundup_pow_of_two(q->node->totalram_pages / 512);

	/* Few names: one page is enough. */
	if (sb->s_op && sb->s_op->few_names)
		size = 0;
	for (size = clamp(size, 64UL, 262144UL); size >= 64; size /= 2) {
		sb->dentry_hash =
			kmalloc(q, size * sizeof(struct list_head), GFP_KERNEL | __GFP_NOWARN);
		if (sb->dentry_hash)
			break;
	}
	if (!sb->dentry_hash)
		return -ENOMEM;
	sb->dentry_hash_size = (unsigned int)size;
	for (unsigned long i = 0; i < size; i++)
		INIT_LIST_HEAD(&sb->dentry_hash[i]);
	return 0;
}

static u32 d_name_hash(const struct dentry *parent, const char *name)
{
	u64 h = parent->d_inode ? parent->d_inode->i_ino : 0;

	for (; *name; name++)
		h = (h ^ (u8)*name) * 0x100000001b3ULL;
	return (u32)(h * 0x9e3779b97f4a7c15ULL >> 32);
}

static struct list_head *d_bucket(const struct super_block *sb, u32 hash)
{
	return &sb->dentry_hash[hash & (sb->dentry_hash_size - 1)];
}

static struct dentry *dentry_make(struct quire *q, struct super_block *sb, const char *name,
				  struct inode *inode)
{
	struct dentry *d = kmem_cache_alloc(q, q->cache->dentry_cachep, GFP_KERNEL_ACCOUNT);
	size_t len = str_len(name);

	if (!d)
		return NULL;
	if (list_lru_prepare(q, &sb->s_dentry_lru, &sb->s_lru_lock, d)) {
		kmem_cache_free(q, q->cache->dentry_cachep, d);
		return NULL;
	}
	memset(d, 0, sizeof(*d));
	if (len < sizeof(d->d_iname)) {
		memcpy(d->d_iname, name, len + 1);
		d->name = d->d_iname;
	} else {
		char *copy = kmalloc(q, len + 1, GFP_KERNEL_ACCOUNT);

		if (!copy) {
			kmem_cache_free(q, q->cache->dentry_cachep, d);
			return NULL;
		}
		memcpy(copy, name, len + 1);
		d->name = copy;
	}
	d->d_sb = sb;
	d->d_inode = inode;
	d->d_count = 1;
	INIT_LIST_HEAD(&d->d_children);
	INIT_LIST_HEAD(&d->d_sibling);
	INIT_LIST_HEAD(&d->d_lru);
	INIT_LIST_HEAD(&d->d_hash);
	if (inode)
		ihold(inode);
	return d;
}

struct dentry *d_alloc_root(struct quire *q, struct super_block *sb, struct inode *inode)
{
	struct dentry *d = dentry_make(q, sb, "/", inode);

	if (d)
		sb->nr_dentries++;
	return d;
}

struct dentry *d_alloc(struct quire *q, struct dentry *parent, const char *name,
		       struct inode *inode)
{
	struct super_block *sb = parent->d_sb;
	struct dentry *d = dentry_make(q, sb, name, inode);

	if (!d)
		return NULL;
	spin_lock(q, &sb->lock);
	d->d_parent = parent;
	parent->d_count++;
	list_add_tail(&d->d_sibling, &parent->d_children);
	d->d_name_hash = d_name_hash(parent, name);
	list_add(&d->d_hash, d_bucket(sb, d->d_name_hash));
	sb->nr_dentries++;
	spin_unlock(q, &sb->lock);
	return d;
}

struct dentry *d_lookup(struct quire *q, struct dentry *parent, const char *name)
{
	struct super_block *sb = parent->d_sb;
	u32 hash = d_name_hash(parent, name);
	struct dentry *d, *found = NULL;

	spin_lock(q, &sb->lock);
	list_for_each_entry (d, d_bucket(sb, hash), d_hash) {
		if (d->d_name_hash == hash && d->d_parent == parent && str_eq(d->name, name)) {
			d->d_count++;
			found = d;
			break;
		}
	}
	spin_unlock(q, &sb->lock);
	return found;
}

/* ---- the LRU --------------------------------------------------------------- */

static void d_lru_add(struct quire *q, struct dentry *d)
{
	struct super_block *sb = d->d_sb;

	spin_lock(q, &sb->s_lru_lock);
	if (!list_empty(&d->d_lru)) {
		d->d_referenced = true;
	} else {
		list_lru_add(q, &sb->s_dentry_lru, &d->d_lru);
		sb->nr_dentry_lru++;
	}
	spin_unlock(q, &sb->s_lru_lock);
}

/* Under s_lru_lock. */
static void __d_lru_del(struct quire *q, struct dentry *d)
{
	if (list_empty(&d->d_lru))
		return;
	list_lru_del(q, &d->d_sb->s_dentry_lru, &d->d_lru);
	d->d_sb->nr_dentry_lru--;
}

/* ---- the end --------------------------------------------------------------- */

/* Under sb->lock: takes a dentry that nobody uses out of everything. */
static void d_unlink_all(struct quire *q, struct dentry *d)
{
	struct super_block *sb = d->d_sb;

	list_del_init(&d->d_hash);
	list_del_init(&d->d_sibling);
	spin_lock(q, &sb->s_lru_lock);
	__d_lru_del(q, d);
	spin_unlock(q, &sb->s_lru_lock);
	sb->nr_dentries--;
}

static void d_free(struct quire *q, struct dentry *d)
{
	if (d->d_inode)
		iput(q, d->d_inode);
	if (d->name != d->d_iname)
		kfree(q, d->name);
	kmem_cache_free(q, q->cache->dentry_cachep, d);
}

/*
 * Drops a reference; a dentry whose last went stays if it has a name and
 * pruning is not what this is about, else it is freed and its parent loses a
 * reference in turn.  Returns how many were freed.
 */
static unsigned long d_drop_ref(struct quire *q, struct dentry *d, bool pruning)
{
	unsigned long freed = 0;

	while (d) {
		struct super_block *sb = d->d_sb;
		struct dentry *parent = d->d_parent;

		spin_lock(q, &sb->lock);
		if (--d->d_count) {
			spin_unlock(q, &sb->lock);
			break;
		}
		if (!pruning && !list_empty(&d->d_hash)) {
			d_lru_add(q, d);
			spin_unlock(q, &sb->lock);
			break;
		}
		d_unlink_all(q, d);
		spin_unlock(q, &sb->lock);
		d_free(q, d);
		freed++;
		d = parent;
	}
	return freed;
}

void dput(struct quire *q, struct dentry *dentry)
{
	(void)d_drop_ref(q, dentry, false);
}

void d_delete(struct quire *q, struct dentry *dentry)
{
	struct super_block *sb = dentry->d_sb;

	spin_lock(q, &sb->lock);
	list_del_init(&dentry->d_hash);
	if (dentry->d_inode && dentry->d_inode->i_nlink)
		dentry->d_inode->i_nlink--;
	spin_unlock(q, &sb->lock);
}

unsigned long prune_dcache_sb(struct quire *q, struct super_block *sb,
			      const struct shrink_control *sc, unsigned long nr)
{
	unsigned long freed = 0;

	while (nr--) {
		struct dentry *d = NULL, *victim = NULL;
		struct list_lru_one *lru;

		spin_lock(q, &sb->lock);
		spin_lock(q, &sb->s_lru_lock);
		/* Each time: the group may go while we sleep. */
		lru = list_lru_of(&sb->s_dentry_lru, sc->memcg, sc->nid);
		if (lru)
			d = list_first_entry_or_null(&lru->list, struct dentry, d_lru);
		if (d && d->d_count) {
			__d_lru_del(q, d);
		} else if (d && d->d_referenced) {
			d->d_referenced = false;
			list_move_tail(&d->d_lru, &lru->list);
		} else if (d) {
			/* A reference of ours, which is then dropped. */
			d->d_count++;
			victim = d;
		}
		spin_unlock(q, &sb->s_lru_lock);
		spin_unlock(q, &sb->lock);
		if (!d)
			break;
		if (victim)
			freed += d_drop_ref(q, victim, true);
	}
	return freed;
}
