/* SPDX-License-Identifier: MIT */
/*
 * Inodes: their life, and the list of those that nobody uses (Linux's
 * inode.c).
 *
 * The idea: an inode without references stays as long as it has a link, so
 * that its pages stay cached.  Reclaim takes the pages; when the last is gone
 * the inode goes onto its super block's LRU, from which the shrinker takes it
 * after a second chance (I_REFERENCED).
 *
 * Invariants: an inode on the LRU was unused, clean and without pages when it
 * was put there; the shrinker takes those for which that changed off the list
 * lazily.  I_FREEING is set once and never cleared.
 *
 * Locks: sb->lock the list of all inodes; sb->s_lru_lock the LRU and the
 * decision to free; bdi->wb_lock the dirty list.
 *
 * Differs from Linux: there is no directory on the device to find a file by
 * again.  An inode of new_inode() that the shrinker takes is a file that nobody
 * names any more, and its blocks are free; one of iget() lies where the
 * embedder says and can be had again.
 */
#include "cache/internal.h"

_Static_assert(sizeof(struct inode) <= SLAB_SIZE_inode_cache, "struct inode is its object's head");

static struct inode *alloc_inode(struct quire *q, struct super_block *sb, u64 size_bytes,
				 bool is_dir)
{
	struct inode *inode = kmem_cache_alloc(q, sb->inode_cachep, GFP_KERNEL_ACCOUNT);

	if (!inode)
		return NULL;
	if (list_lru_prepare(q, &sb->s_inode_lru, &sb->s_lru_lock, inode)) {
		kmem_cache_free(q, sb->inode_cachep, inode);
		return NULL;
	}
	memset(inode, 0, sizeof(*inode));
	address_space_init(q, &inode->i_data, inode);
	inode->i_data.a_ops = sb->bdi ? &file_aops : NULL;
	inode->i_sb = sb;
	inode->i_size = inode->i_valid = size_bytes;
	inode->i_count = 1;
	inode->i_nlink = 1;
	inode->is_dir = is_dir;
	inode->i_ra.prev_pos = UINT64_MAX;
	INIT_LIST_HEAD(&inode->i_extents);
	INIT_LIST_HEAD(&inode->i_lru);
	INIT_LIST_HEAD(&inode->i_shrinklist);
	INIT_LIST_HEAD(&inode->i_io_list);
	return inode;
}

struct inode *new_inode(struct quire *q, struct super_block *sb, u64 size_bytes, bool is_dir)
{
	struct inode *inode = alloc_inode(q, sb, size_bytes, is_dir);
	int err;

	if (!inode)
		return ERR_PTR(-ENOMEM);
	err = inode_extend(q, inode, inode_pages(inode));
	if (err) {
		kmem_cache_free(q, sb->inode_cachep, inode);
		return ERR_PTR(err);
	}
	spin_lock(q, &sb->lock);
	inode->i_ino = ++sb->next_ino;
	sb->nr_inodes++;
	list_add_tail(&inode->i_sb_list, &sb->s_inodes);
	spin_unlock(q, &sb->lock);
	return inode;
}

/* Under sb->lock: the inode of a number with a reference, or NULL; *link and
 * *parent are where it would go.  One that is being freed does not count. */
static struct inode *find_inode(struct quire *q, struct super_block *sb, unsigned long ino,
				struct rb_node ***link, struct rb_node **parent)
{
	struct rb_node **p = &sb->s_by_ino.rb_node;

	*parent = NULL;
	while (*p) {
		struct inode *inode = rb_entry(*p, struct inode, i_ino_node);
		bool alive;

		*parent = *p;
		if (ino == inode->i_ino) {
			spin_lock(q, &sb->s_lru_lock);
			alive = !(inode->i_state & I_FREEING);
			if (alive)
				ihold(inode);
			spin_unlock(q, &sb->s_lru_lock);
			if (alive)
				return inode;
		}
		p = ino < inode->i_ino ? &(*p)->rb_left : &(*p)->rb_right;
	}
	*link = p;
	return NULL;
}

struct inode *iget(struct quire *q, struct super_block *sb, unsigned long ino, u64 disk_start,
		   u64 size_bytes, bool is_dir)
{
	struct rb_node **link, *parent;
	struct inode *inode, *fresh;

	spin_lock(q, &sb->lock);
	inode = find_inode(q, sb, ino, &link, &parent);
	spin_unlock(q, &sb->lock);
	if (inode)
		return inode;
	fresh = alloc_inode(q, sb, size_bytes, is_dir);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->i_ino = ino;
	fresh->i_fixed_block = disk_start;
	fresh->i_fixed_pages = inode_pages(fresh);
	spin_lock(q, &sb->lock);
	inode = find_inode(q, sb, ino, &link, &parent);
	if (!inode) {
		rb_link_node(&fresh->i_ino_node, parent, link);
		rb_insert_color(&fresh->i_ino_node, &sb->s_by_ino);
		sb->nr_inodes++;
		list_add_tail(&fresh->i_sb_list, &sb->s_inodes);
	}
	spin_unlock(q, &sb->lock);
	if (!inode)
		return fresh;
	/* Another was faster while this one slept for memory. */
	kmem_cache_free(q, sb->inode_cachep, fresh);
	return inode;
}

void ihold(struct inode *inode)
{
	(void)HOT_ADD(&inode->i_count, 1);
}

/* ---- the LRU --------------------------------------------------------------- */

static bool inode_unused(const struct inode *inode)
{
	return !inode->i_count && inode->i_nlink &&
	       !(inode->i_state & (I_DIRTY | I_SYNC | I_FREEING)) && !inode->i_data.nrpages;
}

void inode_add_lru(struct quire *q, struct inode *inode, bool referenced)
{
	struct super_block *sb = inode->i_sb;

	spin_lock(q, &sb->s_lru_lock);
	if (inode_unused(inode)) {
		if (list_empty(&inode->i_lru)) {
			list_lru_add(q, &sb->s_inode_lru, &inode->i_lru);
			sb->nr_inode_lru++;
		} else if (referenced) {
			(void)HOT_OR(&inode->i_state, I_REFERENCED);
		}
	}
	spin_unlock(q, &sb->s_lru_lock);
}

/* Under s_lru_lock. */
static void inode_del_lru(struct quire *q, struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	if (list_empty(&inode->i_lru))
		return;
	list_lru_del(q, &sb->s_inode_lru, &inode->i_lru);
	sb->nr_inode_lru--;
}

/* ---- the end --------------------------------------------------------------- */

/* Nobody can reach the inode any more: I_FREEING is set, it is on no LRU. */
static void evict(struct quire *q, struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	struct backing_dev *bdi = sb->bdi;

	if (bdi) {
		spin_lock(q, &bdi->wb_lock);
		if (!list_empty(&inode->i_io_list))
			list_del_init(&inode->i_io_list);
		spin_unlock(q, &bdi->wb_lock);
	}
	if (unlikely(!list_empty(&inode->i_shrinklist))) {
		spin_lock(q, &sb->s_lru_lock);
		if (!list_empty(&inode->i_shrinklist))
			sb->s_shrinklist_len--;
		list_del_init(&inode->i_shrinklist);
		spin_unlock(q, &sb->s_lru_lock);
	}
	if (sb->s_op && sb->s_op->evict_inode)
		sb->s_op->evict_inode(q, inode);
	else
		truncate_inode_pages(q, &inode->i_data, 0);
	inode_free_extents(q, inode, 0);
	VM_BUG_ON(q, inode->i_data.nrpages || inode->i_data.nrexceptional);
	spin_lock(q, &sb->lock);
	list_del(&inode->i_sb_list);
	sb->nr_inodes--;
	if (inode->i_fixed_pages)
		rb_erase(&inode->i_ino_node, &sb->s_by_ino);
	spin_unlock(q, &sb->lock);
	kmem_cache_free(q, sb->inode_cachep, inode);
}

void iput(struct quire *q, struct inode *inode)
{
	struct super_block *sb;
	bool last;

	if (HOT_SUB(&inode->i_count, 1))
		return;
	if (inode->i_nlink) {
		inode_add_lru(q, inode, true);
		return;
	}
	sb = inode->i_sb;
	/* Its writer holds a reference, so it is not under I_SYNC. */
	spin_lock(q, &sb->s_lru_lock);
	last = !inode->i_count && !(HOT_OR(&inode->i_state, I_FREEING) & I_FREEING);
	if (last)
		inode_del_lru(q, inode);
	spin_unlock(q, &sb->s_lru_lock);
	if (last)
		evict(q, inode);
}

unsigned long prune_icache_sb(struct quire *q, struct super_block *sb,
			      const struct shrink_control *sc, unsigned long nr)
{
	struct list_lru_one *lru;
	struct inode *inode, *next;
	unsigned long freed = 0;
	LIST_HEAD(dispose);

	spin_lock(q, &sb->s_lru_lock);
	lru = list_lru_of(&sb->s_inode_lru, sc->memcg, sc->nid);
	while (lru && nr-- && !list_empty(&lru->list)) {
		inode = list_first_entry(&lru->list, struct inode, i_lru);
		if (!inode_unused(inode)) {
			inode_del_lru(q, inode);
		} else if (inode->i_state & I_REFERENCED) {
			(void)HOT_AND(&inode->i_state, ~I_REFERENCED);
			list_move_tail(&inode->i_lru, &lru->list);
		} else {
			(void)HOT_OR(&inode->i_state, I_FREEING);
			inode_del_lru(q, inode);
			list_add_tail(&inode->i_lru, &dispose);
		}
	}
	spin_unlock(q, &sb->s_lru_lock);
	list_for_each_entry_safe (inode, next, &dispose, i_lru) {
		evict(q, inode);
		freed++;
	}
	return freed;
}

struct inode *sb_next_inode(struct quire *q, struct super_block *sb, struct inode *prev)
{
	struct list_head *p;
	struct inode *inode = NULL;

	spin_lock(q, &sb->lock);
	p = prev ? prev->i_sb_list.next : sb->s_inodes.next;
	spin_lock(q, &sb->s_lru_lock);
	for (; p != &sb->s_inodes && !inode; p = p->next) {
		struct inode *candidate = list_entry(p, struct inode, i_sb_list);

		if (!(candidate->i_state & I_FREEING)) {
			ihold(candidate);
			inode = candidate;
		}
	}
	spin_unlock(q, &sb->s_lru_lock);
	spin_unlock(q, &sb->lock);
	if (prev)
		iput(q, prev);
	return inode;
}
