/* SPDX-License-Identifier: MIT */
/*
 * The floor's start, devices, file systems and open files; and the shrinker of
 * a file system's unused dentries and inodes (Linux's super.c, file_table.c,
 * backing-dev.c).
 */
#include "base/string.h"
#include "cache/internal.h"

/* ---- the shrinker ---------------------------------------------------------- */

/* Unused objects of a node that a group pays for. */
static unsigned long lru_count(struct quire *q, struct super_block *sb, struct list_lru *lru,
			       const struct shrink_control *sc)
{
	struct list_lru_one *one;
	unsigned long nr;

	spin_lock(q, &sb->s_lru_lock);
	one = list_lru_of(lru, sc->memcg, sc->nid);
	nr = one ? one->nr_items : 0;
	spin_unlock(q, &sb->s_lru_lock);
	return nr;
}

static unsigned long super_cache_count(struct quire *q, struct shrinker *s,
				       struct shrink_control *sc)
{
	struct super_block *sb = s->ctx;
	unsigned long total =
		lru_count(q, sb, &sb->s_dentry_lru, sc) + lru_count(q, sb, &sb->s_inode_lru, sc);

	total += HOT_LOAD(&sb->s_shrinklist_len);
	if (!total)
		return SHRINK_EMPTY;
	return total * q->cache->vfs_cache_pressure / 100;
}

static unsigned long super_cache_scan(struct quire *q, struct shrinker *s,
				      struct shrink_control *sc)
{
	struct super_block *sb = s->ctx;
	unsigned long dentries, inodes, total, freed, huge = HOT_LOAD(&sb->s_shrinklist_len), split;

	/* Whoever holds a file system's locks may be the one who allocates. */
	if (!(sc->gfp & __GFP_FS))
		return SHRINK_STOP;
	dentries = lru_count(q, sb, &sb->s_dentry_lru, sc);
	inodes = lru_count(q, sb, &sb->s_inode_lru, sc);
	total = dentries + inodes + huge + 1;
	huge = sc->nr_to_scan * huge / total;
	dentries = sc->nr_to_scan * dentries / total;
	inodes = sc->nr_to_scan * inodes / total;
	/* Dentries first: they keep inodes. */
	freed = prune_dcache_sb(q, sb, sc, dentries + 1);
	freed += prune_icache_sb(q, sb, sc, inodes + 1);
	if (unlikely(huge)) {
		split = shmem_unused_huge_shrink(q, sb, huge + 1);
		freed += split == SHRINK_STOP ? 0 : split;
	}
	return freed;
}

/* What a group's share of the shrinker put off, NULL: it has no objects. */
static long *super_cache_deferred(struct quire *q, struct shrinker *s, struct shrink_control *sc)
{
	struct super_block *sb = s->ctx;
	struct list_lru_one *one;

	spin_lock(q, &sb->s_lru_lock);
	one = list_lru_of(&sb->s_dentry_lru, sc->memcg, sc->nid);
	if (!one)
		one = list_lru_of(&sb->s_inode_lru, sc->memcg, sc->nid);
	spin_unlock(q, &sb->s_lru_lock);
	return one ? &one->nr_deferred : NULL;
}

/* A group is removed, and its objects are its parent's. */
static void reparent_list_lrus(struct quire *q, struct mem_cgroup *memcg)
{
	struct super_block *sb;

	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		struct list_lru_one *dentries, *inodes;

		spin_lock(q, &sb->s_lru_lock);
		dentries = list_lru_reparent(q, &sb->s_dentry_lru, memcg);
		inodes = list_lru_reparent(q, &sb->s_inode_lru, memcg);
		spin_unlock(q, &sb->s_lru_lock);
		kfree(q, dentries);
		kfree(q, inodes);
	}
}

/* ---- devices and file systems ---------------------------------------------- */

struct backing_dev *bdi_register(struct quire *q, unsigned int dev, const char *name)
{
	struct backing_dev *bdi = kzalloc(q, sizeof(*bdi), GFP_KERNEL);
	char *copy = kmalloc(q, str_len(name) + 1, GFP_KERNEL);

	if (!bdi || !copy) {
		if (bdi)
			kfree(q, bdi);
		if (copy)
			kfree(q, copy);
		return NULL;
	}
	memcpy(copy, name, str_len(name) + 1);
	bdi->dev = dev;
	bdi->name = copy;
	bdi->ra_pages = RA_MAX_PAGES;
	bdi->io_pages = RA_MAX_IO_PAGES;
	bdi->max_ratio = 100;
	spin_lock_init(&bdi->wb_lock, LOCK_WB_LIST);
	INIT_LIST_HEAD(&bdi->wbs);
	wb_init(&bdi->wb, bdi);
	list_add_tail(&bdi->wb.bdi_node, &bdi->wbs);
	list_add_tail(&bdi->list, &q->cache->bdis);
	bdi_start_flusher(q, bdi);
	return bdi;
}

struct super_block *sget(struct quire *q, struct backing_dev *bdi, struct kmem_cache *inode_cachep)
{
	return sget_ops(q, bdi, inode_cachep, NULL);
}

struct super_block *sget_ops(struct quire *q, struct backing_dev *bdi,
			     struct kmem_cache *inode_cachep, const struct super_operations *ops)
{
	struct super_block *sb;
	struct inode *root;

	if (kmem_cache_size(inode_cachep) < sizeof(struct inode))
		return NULL;
	sb = kzalloc(q, sizeof(*sb), GFP_KERNEL);
	if (!sb)
		return NULL;
	sb->bdi = bdi;
	sb->inode_cachep = inode_cachep;
	sb->s_op = ops;
	spin_lock_init(&sb->lock, LOCK_SB_INODES);
	spin_lock_init(&sb->s_lru_lock, LOCK_INODE_LRU);
	INIT_LIST_HEAD(&sb->s_inodes);
	list_lru_init(q, &sb->s_inode_lru);
	list_lru_init(q, &sb->s_dentry_lru);
	for (size_t i = 0; i < EXTENT_CLASSES; i++)
		INIT_LIST_HEAD(&sb->free_extents[i]);
	if (dentry_hash_init(q, sb))
		goto free_sb;
	root = new_inode(q, sb, 0, true);
	if (IS_ERR(root))
		goto free_hash;
	sb->s_root = d_alloc_root(q, sb, root);
	if (!sb->s_root)
		goto free_root;
	iput(q, root);
	sb->shrinker = (struct shrinker){
		.count_objects = super_cache_count,
		.scan_objects = super_cache_scan,
		.memcg_deferred = super_cache_deferred,
		.batch = 1024,
		.seeks = DEFAULT_SEEKS,
		.name = "sb",
		.ctx = sb,
	};
	INIT_LIST_HEAD(&sb->s_shrinklist);
	register_shrinker(q, &sb->shrinker);
	list_add_tail(&sb->list, &q->cache->super_blocks);
	return sb;
free_root:
	root->i_nlink = 0;
	iput(q, root);
free_hash:
	kfree(q, sb->dentry_hash);
free_sb:
	kfree(q, sb);
	return NULL;
}

int kill_sb(struct quire *q, struct super_block *sb)
{
	struct inode *root = sb->s_root->d_inode;
	bool busy;

	spin_lock(q, &sb->lock);
	busy = sb->nr_inodes != 1 || sb->s_root->d_count != 1;
	spin_unlock(q, &sb->lock);
	if (busy)
		return -EBUSY;
	unregister_shrinker(q, &sb->shrinker);
	list_del(&sb->list);
	root->i_nlink = 0;
	dput(q, sb->s_root);
	list_lru_destroy(q, &sb->s_inode_lru);
	list_lru_destroy(q, &sb->s_dentry_lru);
	kfree(q, sb->dentry_hash);
	kfree(q, sb);
	return 0;
}

/* ---- open files ------------------------------------------------------------ */

struct file *alloc_file(struct quire *q, struct inode *inode, bool writable)
{
	struct file *file = kmem_cache_alloc(q, q->cache->filp_cachep, GFP_KERNEL_ACCOUNT);

	if (!file)
		return NULL;
	*file = (struct file){
		.f_inode = inode,
		.f_count = 1,
		.writable = writable,
		.f_ra = {.prev_pos = UINT64_MAX},
	};
	ihold(inode);
	return file;
}

void fput(struct quire *q, struct file *file)
{
	if (HOT_SUB(&file->f_count, 1))
		return;
	iput(q, file->f_inode);
	kmem_cache_free(q, q->cache->filp_cachep, file);
}

/* ---- boot ------------------------------------------------------------------ */

_Static_assert(sizeof(struct file) <= SLAB_SIZE_filp, "struct file is its object's head");
_Static_assert(sizeof(struct buffer_head) <= SLAB_SIZE_buffer_head, "a buffer_head fits");
_Static_assert(sizeof(struct xa_node) <= SLAB_SIZE_radix_tree_node, "a tree node fits");

static int make_caches(struct quire *q)
{
	struct cache_floor *c = q->cache;
	const unsigned int fs = SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT;
	const struct {
		struct kmem_cache **cachep;
		const char *name;
		unsigned int size, align, flags;
	} caches[] = {
		{&c->radix_tree_node_cachep, "radix_tree_node", SLAB_SIZE_radix_tree_node, 0,
		 SLAB_RECLAIM_ACCOUNT},
		{&c->dentry_cachep, "dentry", SLAB_SIZE_dentry, 0, fs},
		{&c->inode_cachep, "inode_cache", SLAB_SIZE_inode_cache, 0, fs},
		{&c->filp_cachep, "filp", SLAB_SIZE_filp, 0, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT},
		{&c->buffer_head_cachep, "buffer_head", SLAB_SIZE_buffer_head, 0,
		 SLAB_RECLAIM_ACCOUNT},
		{&c->shmem_inode_cachep, "shmem_inode_cache", SLAB_SIZE_shmem_inode_cache, 0,
		 SLAB_ACCOUNT},
		{&c->ext4_inode_cachep, "ext4_inode_cache", SLAB_SIZE_ext4_inode_cache, 0, fs},
		{&c->bio_cachep, "bio-640", sizeof(struct quire_bio), 0, SLAB_HWCACHE_ALIGN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
		*caches[i].cachep = kmem_cache_create(q, caches[i].name, caches[i].size,
						      caches[i].align, caches[i].flags, NULL);
		if (!*caches[i].cachep)
			return -ENOMEM;
	}
	return 0;
}

int cache_init(struct quire *q)
{
	struct cache_floor *c = kzalloc(q, sizeof(*c), GFP_KERNEL);
	int err;

	if (!c)
		return -ENOMEM;
	q->cache = c;
	c->dirty_background_ratio = 10;
	c->dirty_ratio = 20;
	c->dirty_writeback_interval = 500;
	c->dirty_expire_interval = 3000;
	c->vfs_cache_pressure = 100;
	q->group->ops.reparent_list_lrus = reparent_list_lrus;
	cgwb_init(q);
	INIT_LIST_HEAD(&c->bdis);
	INIT_LIST_HEAD(&c->super_blocks);
	INIT_LIST_HEAD(&c->node_pool);
	for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++)
		INIT_LIST_HEAD(&c->shadow_nodes[nid]);
	INIT_LIST_HEAD(&c->bio_pool);
	spin_lock_init(&c->pool_lock, LOCK_CACHE_POOL);
	c->page_wait = kzalloc(q, PAGE_WAIT_TABLE_SIZE * sizeof(*c->page_wait), GFP_KERNEL);
	c->lru_batch = kzalloc(q, q->nr_cpus * sizeof(*c->lru_batch), GFP_KERNEL);
	c->wb.cpu = kzalloc(q, q->nr_cpus * sizeof(*c->wb.cpu), GFP_KERNEL);
	if (!c->page_wait || !c->lru_batch || !c->wb.cpu)
		return -ENOMEM;
	c->wb.events = 1;
	writeback_set_ratelimit(q);
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		spin_lock_init(&c->lru_batch[cpu].lock, LOCK_LRU_BATCH);
	err = make_caches(q);
	if (!err)
		err = bio_init_pool(q);
	if (err)
		return err;
	c->shm_sb = sget(q, NULL, c->shmem_inode_cachep);
	return c->shm_sb ? 0 : -ENOMEM;
}
