/* SPDX-License-Identifier: MIT */
/*
 * The page cache's tree: pages of a file by index (the first half of Linux's
 * filemap.c).
 *
 * Invariants: a page in the tree has page->mapping == the mapping and
 * page->index == its place, and one reference for the cache; nrpages counts
 * them, nrexceptional counts values (shadows of pages that reclaim took, or
 * swap entries of shmem).  NR_FILE_PAGES counts pages of all trees (the swap
 * floor adds its own), NR_SHMEM those of swap-backed ones.  A huge page of shmem
 * stands at each of its 512 places, with as many references.
 *
 * Locks: i_pages_lock for every change.  Tree nodes are allocated under it
 * without sleeping; when that fails the lock is dropped, nodes are put into
 * the floor's pool with the caller's GFP mask, and the store is tried again.
 *
 * Differs from Linux: the pool is the machine's, not the CPU's; the insertion
 * stores first and takes the store back if the place was in use, which saves
 * the second walk that a look before would cost.
 */
#include "cache/internal.h"

/* ---- nodes ----------------------------------------------------------------- */

/* As many as one store can need. */
#define NODE_POOL_SIZE 12

static void *node_alloc(struct quire *q, gfp_t account)
{
	struct cache_floor *c = q->cache;
	struct xa_node *node =
		kmem_cache_alloc(q, c->radix_tree_node_cachep, GFP_NOWAIT | __GFP_NOWARN | account);

	if (likely(node))
		return node;
	spin_lock(q, &c->pool_lock);
	if (c->nr_node_pool) {
		node = list_first_entry(&c->node_pool, struct xa_node, private_list);
		list_del(&node->private_list);
		c->nr_node_pool--;
	}
	spin_unlock(q, &c->pool_lock);
	return node;
}

static void *radix_tree_node_alloc(void *ctx)
{
	return node_alloc(ctx, 0);
}

/* A file's: whoever adds the page pays for the node. */
static void *file_node_alloc(void *ctx)
{
	return node_alloc(ctx, __GFP_ACCOUNT);
}

/* Nodes that hold only shadows are listed by their memory's node. */
static void list_shadow_node(struct quire *q, struct xa_node *node, bool add)
{
	struct cache_floor *c = q->cache;
	struct pglist_data *pgdat = page_pgdat(q, virt_to_page(q, node));

	spin_lock(q, &c->pool_lock);
	if (add)
		list_add_tail(&node->private_list, &c->shadow_nodes[pgdat->node_id]);
	else
		list_del_init(&node->private_list);
	spin_unlock(q, &c->pool_lock);
	mod_node_page_state(pgdat, WORKINGSET_NODES, add ? 1 : -1);
}

void workingset_update_node(struct quire *q, struct address_space *m, unsigned long index)
{
	struct xa_node *leaf;
	bool only_shadows;

	/* Entries of shmem's trees lead to swap: they are no shadows; those of
	 * the swap cache go with their slots. */
	if (m->swap_backed)
		return;
	leaf = xa_leaf(&m->i_pages, index);
	if (!leaf)
		return;
	only_shadows = leaf->count == leaf->nr_values;
	if (only_shadows == list_empty(&leaf->private_list))
		list_shadow_node(q, leaf, only_shadows);
}

static void radix_tree_node_free(void *ctx, void *ptr)
{
	struct quire *q = ctx;
	struct xa_node *node = ptr;

	if (unlikely(!list_empty(&node->private_list)))
		list_shadow_node(q, node, false);
	kmem_cache_free(q, q->cache->radix_tree_node_cachep, node);
}

const struct xa_node_ops radix_tree_node_ops = {
	.alloc = radix_tree_node_alloc,
	.free = radix_tree_node_free,
};

static const struct xa_node_ops file_node_ops = {
	.alloc = file_node_alloc,
	.free = radix_tree_node_free,
};

int radix_tree_preload(struct quire *q, gfp_t gfp)
{
	struct cache_floor *c = q->cache;

	while (HOT_LOAD(&c->nr_node_pool) < NODE_POOL_SIZE) {
		struct xa_node *node =
			kmem_cache_alloc(q, c->radix_tree_node_cachep,
					 gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_WRITE));

		/* What is there may do; the store will tell. */
		if (!node)
			return HOT_LOAD(&c->nr_node_pool) ? 0 : -ENOMEM;
		spin_lock(q, &c->pool_lock);
		list_add(&node->private_list, &c->node_pool);
		c->nr_node_pool++;
		spin_unlock(q, &c->pool_lock);
	}
	return 0;
}

void address_space_init(struct quire *q, struct address_space *m, struct inode *host)
{
	*m = (struct address_space){.host = host};
	xa_init(&m->i_pages, host ? &file_node_ops : &radix_tree_node_ops, q);
	spin_lock_init(&m->i_pages_lock, LOCK_I_PAGES);
	spin_lock_init(&m->i_mmap_lock, LOCK_I_MMAP);
	INIT_LIST_HEAD(&m->i_mmap);
}

/* ---- the tree -------------------------------------------------------------- */

struct page *find_get_page(struct quire *q, struct address_space *m, unsigned long index)
{
	struct page *page;

	spin_lock(q, &m->i_pages_lock);
	page = xa_load(&m->i_pages, index);
	if (page && likely(!xa_is_value(page)))
		get_page(page);
	else
		page = NULL;
	spin_unlock(q, &m->i_pages_lock);
	return page;
}

/* One attempt: 0 with *shadow set, -ENOMEM or -EEXIST. */
static int page_cache_store(struct quire *q, struct page *page, struct address_space *m,
			    unsigned long index, void **shadow)
{
	void *old;
	int err = 0;

	spin_lock(q, &m->i_pages_lock);
	old = xa_store(&m->i_pages, index, page);
	if (unlikely(IS_ERR(old))) {
		err = (int)PTR_ERR(old);
	} else if (unlikely(old && (!xa_is_value(old) || m->swap_backed))) {
		/* In use: put it back; replacing never fails. */
		(void)!xa_store(&m->i_pages, index, old);
		err = -EEXIST;
	} else {
		*shadow = old;
		if (unlikely(m->nrexceptional))
			workingset_update_node(q, m, index);
		m->nrexceptional -= old != NULL;
		m->nrpages++;
		page->mapping = m;
		page->index = index;
		mod_lruvec_page_state(q, page, NR_FILE_PAGES, 1);
		if (m->swap_backed)
			mod_lruvec_page_state(q, page, NR_SHMEM, 1);
	}
	spin_unlock(q, &m->i_pages_lock);
	return err;
}

int filemap_add_new(struct quire *q, struct page *page, struct address_space *m,
		    unsigned long index, gfp_t gfp)
{
	void *shadow = NULL;
	int err = mem_cgroup_charge(q, page, current_memcg(q), gfp);

	if (unlikely(err))
		return err;
	/* Nobody else has seen the page: plain writes will do. */
	page->flags |= BIT(PG_locked);
	if (m->swap_backed)
		page->flags |= BIT(PG_swapbacked);
	for (int tries = 0;; tries++) {
		err = page_cache_store(q, page, m, index, &shadow);
		if (likely(err != -ENOMEM) || tries == 4 ||
		    radix_tree_preload(q, gfp | __GFP_ACCOUNT))
			break;
	}
	if (unlikely(err)) {
		page->flags &= ~(BIT(PG_locked) | BIT(PG_swapbacked));
		if (page->memcg)
			mem_cgroup_uncharge(q, page);
		return err;
	}
	/* A page that is about to be overwritten was not missed. */
	if (shadow && !(gfp & __GFP_WRITE) && q->cache->ops.workingset_refault)
		q->cache->ops.workingset_refault(q, page, shadow);
	lru_cache_add(q, page);
	return 0;
}

int add_to_page_cache_lru(struct quire *q, struct page *page, struct address_space *m,
			  unsigned long index, gfp_t gfp)
{
	int err;

	get_page(page);
	err = filemap_add_new(q, page, m, index, gfp);
	if (unlikely(err))
		(void)HOT_SUB(&page->_refcount, 1);
	return err;
}

void __delete_from_page_cache(struct quire *q, struct page *page, void *shadow)
{
	struct address_space *m = page->mapping;
	unsigned long index = page->index, nr = compound_nr(page);

	/* Truncated while dirty.  (One of shmem's that goes to swap stays so.) */
	if (unlikely(PageDirty(page)) && !m->swap_backed)
		cancel_dirty_page(q, page);
	if (shadow) {
		/* Marks outlive replacement, and a shadow has none. */
		if (xa_marked(&m->i_pages, PAGECACHE_TAG_DIRTY))
			xa_clear_mark(&m->i_pages, index, PAGECACHE_TAG_DIRTY);
		if (xa_marked(&m->i_pages, PAGECACHE_TAG_TOWRITE))
			xa_clear_mark(&m->i_pages, index, PAGECACHE_TAG_TOWRITE);
		(void)!xa_store(&m->i_pages, index, shadow);
		m->nrexceptional++;
	} else {
		for (unsigned long i = 0; i < nr; i++)
			(void)xa_erase(&m->i_pages, index + i);
	}
	if (m->nrexceptional)
		workingset_update_node(q, m, index);
	m->nrpages -= nr;
	page->mapping = NULL;
	mod_lruvec_page_state(q, page, NR_FILE_PAGES, -(long)nr);
	if (m->swap_backed)
		mod_lruvec_page_state(q, page, NR_SHMEM, -(long)nr);
	if (unlikely(nr > 1))
		mod_lruvec_page_state(q, page, NR_SHMEM_THPS, -(long)nr);
	/* The last page goes: an unused inode may be reclaimed now. */
	if (!m->nrpages && m->host && !m->host->i_count)
		inode_add_lru(q, m->host, false);
}
