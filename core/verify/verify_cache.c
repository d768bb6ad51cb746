/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the page cache: trees and the pages in them, dirty and
 * writeback marks and counts, dirty lists, extents, dentries, LRUs of unused
 * inodes and dentries.
 */
#include "cache/internal.h"
#include "verify/verify.h"

/* What the trees add up to, a node. */
struct cache_sums {
	unsigned long pages, dirty, writeback, shmem;
	unsigned long shmem_huge;   /* of them in huge pages */
	unsigned long shadow_nodes; /* by the tree node's memory */
};

static void verify_cached_page(struct verify *v, struct inode *inode, unsigned long index,
			       const struct page *page, struct cache_sums *sums)
{
	const struct address_space *m = &inode->i_data;
	struct cache_sums *sum = &sums[page_to_nid(page)];
	unsigned long pfn = (unsigned long)page_to_pfn(v->q, page);
	bool dirty_mark = xa_get_mark(&m->i_pages, index, PAGECACHE_TAG_DIRTY);
	bool writeback_mark = xa_get_mark(&m->i_pages, index, PAGECACHE_TAG_WRITEBACK);

	/* A huge page of shmem stands at each of its places; one of a pool has one. */
	if (page->mapping != m || index - page->index >= compound_nr(page))
		broken(v, "cache: frame 0x%lx is at page %lu of inode %lu and does not say so", pfn,
		       index, inode->i_ino);
	if (page->_refcount < (PageTransHuge(page) ? (int)compound_nr(page) : 1))
		broken(v, "cache: frame 0x%lx of inode %lu is free", pfn, inode->i_ino);
	if (m->hugetlb) /* none of the node's counts knows it: verify_hugetlb.c */
		return;
	if (PageSwapBacked(page) != m->swap_backed)
		broken(v, "cache: frame 0x%lx of inode %lu and swap", pfn, inode->i_ino);
	sum->pages++;
	sum->writeback += PageWriteback(page);
	if (PageWriteback(page) != writeback_mark)
		broken(v, "cache: writeback mark of frame 0x%lx, inode %lu page %lu", pfn,
		       inode->i_ino, index);
	if (m->swap_backed) {
		sum->shmem++;
		sum->shmem_huge += PageHead(page);
		return;
	}
	sum->dirty += PageDirty(page);
	if (page->memcg) {
		page->memcg->seen_dirty += PageDirty(page);
		page->memcg->seen_writeback += PageWriteback(page);
	}
	/* Between dirty and writeback, under the page lock, the mark stays. */
	if (PageDirty(page) ? !dirty_mark : dirty_mark && !PageLocked(page))
		broken(v, "cache: dirty mark of frame 0x%lx, inode %lu page %lu", pfn, inode->i_ino,
		       index);
	if (PageDirty(page) && !(inode->i_state & (I_DIRTY | I_SYNC)))
		broken(v, "cache: frame 0x%lx is dirty, inode %lu is clean", pfn, inode->i_ino);
}

/* A node of shadows alone is counted once, at its first one. */
static void count_shadow_node(struct verify *v, const struct address_space *m, unsigned long index,
			      struct cache_sums *sums)
{
	const struct xa_node *leaf = xa_leaf(&m->i_pages, index);

	if (leaf && !m->swap_backed && leaf->count == leaf->nr_values &&
	    (index & XA_CHUNK_MASK) == (unsigned int)__builtin_ctzl(leaf->marks[XA_PRESENT]))
		sums[page_to_nid(virt_to_page(v->q, leaf))].shadow_nodes++;
}

static void verify_tree(struct verify *v, struct inode *inode, struct cache_sums *sums)
{
	const struct address_space *m = &inode->i_data;
	unsigned long index = 0, pages = 0, values = 0, indices[64];
	void *entries[64];
	unsigned int nr;

	if (!xa_validate(&m->i_pages)) {
		broken(v, "cache: the tree of inode %lu is malformed", inode->i_ino);
		return;
	}
	while ((nr = xa_gang(&m->i_pages, index, ULONG_MAX, entries, indices, 64, XA_PRESENT))) {
		for (unsigned int i = 0; i < nr; i++) {
			if (xa_is_value(entries[i])) {
				values++;
				count_shadow_node(v, m, indices[i], sums);
				continue;
			}
			pages++;
			verify_cached_page(v, inode, indices[i], entries[i], sums);
		}
		index = indices[nr - 1] + 1;
		if (!index)
			break;
	}
	if (pages != m->nrpages || values != m->nrexceptional)
		broken(v, "cache: inode %lu counts %lu pages and %lu values, has %lu and %lu",
		       inode->i_ino, m->nrpages, m->nrexceptional, pages, values);
}

static void verify_extents(struct verify *v, const struct inode *inode)
{
	const struct disk_extent *e;
	unsigned long next = inode->i_fixed_pages;

	list_for_each_entry (e, &inode->i_extents, list) {
		if (e->index != next || !e->nr)
			broken(v, "cache: extents of inode %lu have a gap at page %lu",
			       inode->i_ino, next);
		if (inode->i_sb->nr_blocks && e->start + e->nr > inode->i_sb->nr_blocks)
			broken(v, "cache: inode %lu lies beyond the device's end", inode->i_ino);
		next = (unsigned long)e->index + e->nr;
	}
}

static void verify_inode(struct verify *v, struct inode *inode, struct cache_sums *sums)
{
	bool listed = !list_empty(&inode->i_io_list);
	bool dirty = (inode->i_state & I_DIRTY) && !(inode->i_state & (I_SYNC | I_FREEING));

	verify_tree(v, inode, sums);
	verify_extents(v, inode);
	if (inode->i_sb->bdi && listed != dirty)
		broken(v, "cache: inode %lu is %s the dirty list, state 0x%x", inode->i_ino,
		       listed ? "on" : "not on", inode->i_state);
	/* What nobody uses, needs writing or holds pages must be in reach of
	 * the shrinker. */
	if (!inode->i_count && inode->i_nlink && !inode->i_state && !inode->i_data.nrpages &&
	    list_empty(&inode->i_lru))
		broken(v, "cache: inode %lu is unused and not on the LRU", inode->i_ino);
}

/* ---- dentries -------------------------------------------------------------- */

/* The dentry after d in a walk of the tree: children first. */
static struct dentry *next_dentry(const struct dentry *root, struct dentry *d)
{
	if (!list_empty(&d->d_children))
		return list_first_entry(&d->d_children, struct dentry, d_sibling);
	while (d != root) {
		if (d->d_sibling.next != &d->d_parent->d_children)
			return list_next_entry(d, d_sibling);
		d = d->d_parent;
	}
	return NULL;
}

static void verify_dentries(struct verify *v, const struct super_block *sb)
{
	unsigned long nr = 0, hashed = 0, in_table = 0;

	for (struct dentry *d = sb->s_root; d; d = next_dentry(sb->s_root, d)) {
		nr++;
		hashed += !list_empty(&d->d_hash);
		if (d->d_sb != sb || !list_validate(&d->d_children)) {
			broken(v, "cache: dentry \"%s\" has lost its place", d->name);
			return;
		}
		if (d->d_count < list_count_nodes(&d->d_children))
			broken(v, "cache: dentry \"%s\" has more children than references",
			       d->name);
		if (!d->d_count && (list_empty(&d->d_hash) || list_empty(&d->d_lru)))
			broken(v, "cache: dentry \"%s\" is unused and out of reach", d->name);
		if (d->d_inode && !d->d_inode->i_count)
			broken(v, "cache: dentry \"%s\" has an inode without references", d->name);
	}
	for (unsigned int i = 0; i < sb->dentry_hash_size; i++)
		in_table += list_count_nodes(&sb->dentry_hash[i]);
	if (nr != sb->nr_dentries || hashed != in_table)
		broken(v,
		       "cache: %lu dentries counted, %lu in the tree; %lu hashed, %lu in the table",
		       sb->nr_dentries, nr, hashed, in_table);
}

/* ---- a file system, all ---------------------------------------------------- */

/* Unused inodes or dentries of a node that a group pays for, the root: nobody. */
static unsigned long verify_lru_of(struct verify *v, const struct list_lru *lru,
				   struct mem_cgroup *memcg, unsigned int nid)
{
	const struct list_lru_one *one = list_lru_of(lru, memcg, nid);
	const struct list_head *item;

	if (!one)
		return 0;
	if (!list_validate(&one->list) || list_count_nodes(&one->list) != one->nr_items) {
		broken(v, "cache: LRUs of unused inodes and dentries of node %u", nid);
		return one->nr_items;
	}
	list_for_each (item, &one->list)
		if (mem_cgroup_from_slab_obj(v->q, item) != (memcg->parent ? memcg : NULL) ||
		    page_to_nid(virt_to_page(v->q, item)) != nid)
			broken(v, "cache: an unused object is on another's list, of node %u", nid);
	return one->nr_items;
}

static void verify_lrus(struct verify *v, const struct super_block *sb)
{
	unsigned long inodes = 0, dentries = 0;

	for (struct mem_cgroup *memcg = mem_cgroup_iter(v->q, NULL, NULL); memcg;
	     memcg = mem_cgroup_iter(v->q, NULL, memcg)) {
		for_each_node (v->q, nid) {
			inodes += verify_lru_of(v, &sb->s_inode_lru, memcg, nid);
			dentries += verify_lru_of(v, &sb->s_dentry_lru, memcg, nid);
		}
	}
	if (inodes != sb->nr_inode_lru || dentries != sb->nr_dentry_lru)
		broken(v, "cache: %lu unused inodes counted, %lu on LRUs; %lu dentries, %lu",
		       sb->nr_inode_lru, inodes, sb->nr_dentry_lru, dentries);
}

/* What its pages add to the sums is its writeback's. */
static void count_in_wb(struct verify *v, struct inode *inode, struct cache_sums *sums)
{
	unsigned long dirty = 0, writeback = 0;

	for_each_node (v->q, nid) {
		dirty -= sums[nid].dirty;
		writeback -= sums[nid].writeback;
	}
	verify_inode(v, inode, sums);
	if (!inode->i_sb->bdi)
		return;
	for_each_node (v->q, nid) {
		dirty += sums[nid].dirty;
		writeback += sums[nid].writeback;
	}
	inode_to_wb(inode)->seen_dirty += dirty;
	inode_to_wb(inode)->seen_writeback += writeback;
}

static void verify_sb(struct verify *v, struct super_block *sb, struct cache_sums *sums)
{
	struct inode *inode;
	unsigned long nr = 0;

	if (list_count_nodes(&sb->s_shrinklist) != sb->s_shrinklist_len)
		broken(v, "cache: %lu files counted that end within a huge page, %lu on the list",
		       sb->s_shrinklist_len, (unsigned long)list_count_nodes(&sb->s_shrinklist));
	list_for_each_entry (inode, &sb->s_inodes, i_sb_list) {
		nr++;
		if (inode->i_sb != sb) {
			broken(v, "cache: inode %lu is on another's list", inode->i_ino);
			return;
		}
		count_in_wb(v, inode, sums);
	}
	if (nr != sb->nr_inodes)
		broken(v, "cache: %lu inodes counted, %lu on the list", sb->nr_inodes, nr);
	verify_lrus(v, sb);
	verify_dentries(v, sb);
}

static void verify_owner(struct verify *v, const struct bdi_writeback *wb,
			 const struct list_head *list)
{
	const struct inode *inode;

	list_for_each_entry (inode, list, i_io_list)
		if (inode_to_wb(inode) != wb)
			broken(v, "cache: inode %lu is on another group's dirty list",
			       inode->i_ino);
}

/* A group's writeback on a device. */
static void verify_wb(struct verify *v, const struct bdi_writeback *wb)
{
	const struct backing_dev *bdi = wb->bdi;
	const struct inode *inode;
	u64 last = 0;

	if (!list_validate(&wb->b_dirty) || !list_validate(&wb->b_io) ||
	    !list_validate(&wb->b_more_io)) {
		broken(v, "cache: dirty list of %s is malformed", bdi->name);
		return;
	}
	if (wb->seen_dirty != wb->nr_reclaimable || wb->seen_writeback != wb->nr_writeback)
		broken(v,
		       "cache: %s counts %lu dirty and %lu written pages, its files have %lu and "
		       "%lu",
		       bdi->name, wb->nr_reclaimable, wb->nr_writeback, wb->seen_dirty,
		       wb->seen_writeback);
	verify_owner(v, wb, &wb->b_dirty);
	verify_owner(v, wb, &wb->b_io);
	verify_owner(v, wb, &wb->b_more_io);
	list_for_each_entry (inode, &wb->b_dirty, i_io_list) {
		if (inode->dirtied_when < last)
			broken(v, "cache: dirty list of %s is out of order at inode %lu", bdi->name,
			       inode->i_ino);
		last = inode->dirtied_when;
	}
}

/* Files' nodes of shadows are all listed; the others listed are swap caches'. */
static void verify_shadow_nodes(struct verify *v, struct pglist_data *pgdat,
				const struct cache_sums *sum)
{
	struct list_head *list = &v->q->cache->shadow_nodes[pgdat->node_id];
	long listed = 0, counted = pgdat->vm_stat[WORKINGSET_NODES];
	struct xa_node *node;

	list_for_each_entry (node, list, private_list) {
		listed++;
		if (node->count != node->nr_values)
			broken(v, "cache: a listed tree node has %u entries, %u of them shadows",
			       node->count, node->nr_values);
	}
	if (listed != counted || listed < (long)sum->shadow_nodes)
		broken(v,
		       "cache: workingset_nodes of node %u is %ld, %ld are listed, files have %lu",
		       pgdat->node_id, counted, listed, sum->shadow_nodes);
}

static void verify_node_counts(struct verify *v, struct pglist_data *pgdat,
			       const struct cache_sums *sum)
{
	const long *stat = pgdat->vm_stat;
	long pending = 0;

	if (stat[NR_FILE_PAGES] != (long)sum->pages + stat[NR_SWAPCACHE])
		broken(v, "cache: nr_file_pages of node %u is %ld, trees have %lu, swap cache %ld",
		       pgdat->node_id, stat[NR_FILE_PAGES], sum->pages, stat[NR_SWAPCACHE]);
	if (stat[NR_SHMEM] != (long)sum->shmem)
		broken(v, "cache: nr_shmem of node %u is %ld, trees have %lu", pgdat->node_id,
		       stat[NR_SHMEM], sum->shmem);
	if (stat[NR_SHMEM_THPS] != (long)sum->shmem_huge)
		broken(v, "cache: nr_shmem_hugepages of node %u is %ld pages, trees have %lu",
		       pgdat->node_id, stat[NR_SHMEM_THPS], sum->shmem_huge);
	if (stat[NR_FILE_DIRTY] != (long)sum->dirty)
		broken(v, "cache: nr_dirty of node %u is %ld, trees have %lu", pgdat->node_id,
		       stat[NR_FILE_DIRTY], sum->dirty);
	/* Pages of the swap cache are written too. */
	if (stat[NR_WRITEBACK] < (long)sum->writeback)
		broken(v, "cache: nr_writeback of node %u is %ld, trees have %lu", pgdat->node_id,
		       stat[NR_WRITEBACK], sum->writeback);
	for_each_zone_of_node(pgdat, zone) pending += zone->vm_stat[NR_ZONE_WRITE_PENDING];
	if (pending != stat[NR_FILE_DIRTY] + stat[NR_WRITEBACK])
		broken(v,
		       "cache: nr_zone_write_pending of node %u is %ld, dirty %ld, writeback %ld",
		       pgdat->node_id, pending, stat[NR_FILE_DIRTY], stat[NR_WRITEBACK]);
}

/* What memory.stat shows of a group without its descendants. */
static void verify_group_counts(struct verify *v, const struct mem_cgroup *memcg)
{
	long dirty = 0, writeback = 0;

	for_each_node (v->q, nid) {
		dirty += memcg->lruvec[nid]->stat[NR_FILE_DIRTY];
		writeback += memcg->lruvec[nid]->stat[NR_WRITEBACK];
	}
	/* Pages of the swap cache are written too. */
	if (dirty != (long)memcg->seen_dirty || writeback < (long)memcg->seen_writeback)
		broken(v, "cache: group %u has file_dirty %ld, file_writeback %ld, files %lu, %lu",
		       memcg->id, dirty, writeback, memcg->seen_dirty, memcg->seen_writeback);
}

void verify_cache(struct verify *v)
{
	struct quire *q = v->q;
	struct cache_sums sums[QUIRE_MAX_NODES] = {{0}};
	struct backing_dev *bdi;
	struct bdi_writeback *wb;
	struct super_block *sb;
	struct mem_cgroup *memcg;

	list_for_each_entry (bdi, &q->cache->bdis, list)
		list_for_each_entry (wb, &bdi->wbs, bdi_node)
			wb->seen_dirty = wb->seen_writeback = 0;
	for (memcg = mem_cgroup_iter(q, NULL, NULL); memcg; memcg = mem_cgroup_iter(q, NULL, memcg))
		memcg->seen_dirty = memcg->seen_writeback = 0;
	list_for_each_entry (sb, &q->cache->super_blocks, list)
		verify_sb(v, sb, sums);
	for (memcg = mem_cgroup_iter(q, NULL, NULL); memcg; memcg = mem_cgroup_iter(q, NULL, memcg))
		if (memcg->parent)
			verify_group_counts(v, memcg);
	list_for_each_entry (bdi, &q->cache->bdis, list)
		list_for_each_entry (wb, &bdi->wbs, bdi_node)
			verify_wb(v, wb);
	for_each_node (q, nid) {
		verify_node_counts(v, NODE_DATA(q, nid), &sums[nid]);
		verify_shadow_nodes(v, NODE_DATA(q, nid), &sums[nid]);
	}
}
