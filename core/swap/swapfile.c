/* SPDX-License-Identifier: MIT */
/*
 * Swap areas and their slots (Linux's swapfile.c).
 *
 * An area is a range of pages on a device.  Its map has a byte a slot: how
 * many page-table entries (or entries of shmem trees) name it, SWAP_HAS_CACHE
 * if the swap cache holds a page for it.  More than SWAP_MAP_MAX references
 * (a page swapped out before a parent forked a hundred children) set
 * COUNT_CONTINUED, and the rest is a number in a tree beside the map.  A second
 * map names the control group that a slot is charged to.
 *
 * Finding a free slot never searches the area.  Slots are grouped in clusters
 * of 512; wholly free clusters are on one list, partly free ones on another.
 * Each CPU goes on in the cluster where its last slot was, so that pages swapped
 * out one after the other lie side by side and come back with one read; when
 * that cluster has nothing behind the last slot, the CPU takes the first free
 * cluster, then the first partly free one.  Within a cluster a free byte is
 * looked for eight at a time: 64 steps at the worst.
 *
 * Areas are used by priority; those of equal priority take turns, from which
 * each CPU gets SWAP_BATCH slots at a time (swap_slots.c).
 *
 * When all slots are taken, clusters are searched for slots that only the cache
 * needs.  Each counts its own (cached), so those that have none, nearly all of
 * them, cost nothing: the search was a fifteenth of reclaim.
 *
 * Invariants: cluster->used counts the bytes that are not 0 (the header's slot
 * and those behind the end count as used); inuse_pages and nr_swap_pages follow;
 * a free slot has no group, no shadow, nothing in zswap.
 *
 * Locks: si->lock for map, clusters and counts; it ranks below i_pages_lock of
 * the cache and above zswap's.  Groups are uncharged and shadows dropped after
 * it was released.
 *
 * Unlike Linux: no clusters of huge pages, no discard; docs/differences.md.
 */
#include "base/string.h"
#include "swap/internal.h"
#include "base/printk.h"
#include "vmalloc/vmalloc.h"

/* Clusters searched, each time swap is full, for slots that only the cache needs. */
#define RECLAIM_CLUSTERS 8

static void *count_node_alloc(void *ctx)
{
	struct quire *q = ctx;

	return kmem_cache_alloc(q, q->cache->radix_tree_node_cachep, GFP_NOWAIT | __GFP_NOWARN);
}

static void count_node_free(void *ctx, void *node)
{
	struct quire *q = ctx;

	kmem_cache_free(q, q->cache->radix_tree_node_cachep, node);
}

const struct xa_node_ops swap_node_ops = {count_node_alloc, count_node_free};

/* ---- looking at slots ------------------------------------------------------ */

struct swap_info_struct *swap_info_get(struct quire *q, swp_entry_t entry)
{
	unsigned int type = swp_type(entry);
	unsigned long offset = swp_offset(entry);
	struct swap_info_struct *si = type < MAX_SWAPFILES ? q->swap->info[type] : NULL;

	if (likely(si && si->used && offset && offset < si->max))
		return si;
	pr_err(q, "swap_info_get: Bad swap %s entry %016lx", si ? "offset" : "file", entry.val);
	return NULL;
}

unsigned int __swap_count(const struct swap_info_struct *si, unsigned long offset)
{
	u8 byte = *swap_map_byte(si, offset);
	unsigned int count = byte & SWAP_MAP_BAD;

	if (count == SWAP_MAP_BAD)
		return 0;
	if (byte & COUNT_CONTINUED)
		count += (unsigned int)xa_to_value(xa_load(&si->continuation, offset));
	return count;
}

unsigned int swap_count(struct quire *q, swp_entry_t entry)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	unsigned int count;

	if (!si)
		return 0;
	spin_lock(q, &si->lock);
	count = __swap_count(si, swp_offset(entry));
	spin_unlock(q, &si->lock);
	return count;
}

bool page_swapped(struct quire *q, const struct page *page)
{
	swp_entry_t entry = {page->private};
	const struct swap_info_struct *si;

	if (likely(!PageHead(page)))
		return swap_count(q, entry) != 0;
	/* The slots of a huge page are a cluster's. */
	si = swap_info_get(q, entry);
	return si && HOT_LOAD(&si->cluster_info[swp_offset(entry) / SWAPFILE_CLUSTER].cached) !=
			     SWAPFILE_CLUSTER;
}

struct mem_cgroup *swap_memcg(struct quire *q, swp_entry_t entry)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	unsigned int id = si ? *swap_memcg_id(si, swp_offset(entry)) : 0;

	return id ? mem_cgroup_from_id(q, id) : NULL;
}

/* ---- taking slots ---------------------------------------------------------- */

/* The bytes of one cluster lie in one page of the map. */
static u8 *cluster_map(const struct swap_info_struct *si, unsigned int cluster)
{
	return swap_map_byte(si, (unsigned long)cluster * SWAPFILE_CLUSTER);
}

/* The first byte that is `value` from slot `from` on; SWAPFILE_CLUSTER if none
 * is.  Eight slots at a time: full areas are searched a lot. */
static unsigned int find_slot(const u8 *map, unsigned int from, u8 value)
{
	const u64 ones = 0x0101010101010101UL;

	for (; from < SWAPFILE_CLUSTER && from % sizeof(u64); from++)
		if (map[from] == value)
			return from;
	for (; from < SWAPFILE_CLUSTER; from += sizeof(u64)) {
		u64 word, zero;

		memcpy(&word, map + from, sizeof(word));
		word ^= ones * value;
		zero = (word - ones) & ~word & (ones << 7);
		if (zero)
			return from + (unsigned int)__builtin_ctzl(zero) / 8;
	}
	return SWAPFILE_CLUSTER;
}

/* Every change of a slot in use goes through here: it keeps cluster->cached. */
static void set_slot(struct swap_info_struct *si, unsigned long offset, u8 *byte, u8 now)
{
	struct swap_cluster_info *ci = &si->cluster_info[offset / SWAPFILE_CLUSTER];

	ci->cached = (u16)(ci->cached + (now == SWAP_HAS_CACHE) - (*byte == SWAP_HAS_CACHE));
	*byte = now;
}

static void cluster_inc(struct swap_info_struct *si, struct swap_cluster_info *ci)
{
	if (ci->used++ == 0)
		list_move_tail(&ci->list, &si->nonfull_clusters);
	if (ci->used == SWAPFILE_CLUSTER)
		list_del_init(&ci->list);
}

static void cluster_dec(struct swap_info_struct *si, struct swap_cluster_info *ci)
{
	if (ci->used == SWAPFILE_CLUSTER)
		list_add_tail(&ci->list, &si->nonfull_clusters);
	if (--ci->used == 0)
		list_move_tail(&ci->list, &si->free_clusters);
}

/* The cluster a CPU goes on in when it is through with its own. */
static struct swap_cluster_info *next_cluster(struct swap_info_struct *si)
{
	struct swap_cluster_info *ci;

	if (!list_empty(&si->free_clusters))
		return list_first_entry(&si->free_clusters, struct swap_cluster_info, list);
	ci = list_first_entry_or_null(&si->nonfull_clusters, struct swap_cluster_info, list);
	/* The next CPU that asks gets another. */
	if (ci)
		list_move_tail(&ci->list, &si->nonfull_clusters);
	return ci;
}

/* Takes a slot for the cache; 0 if all are taken.  si->lock is held. */
static unsigned long scan_swap_map(struct quire *q, struct swap_info_struct *si)
{
	struct percpu_cluster *pc = &si->percpu_cluster[smp_processor_id(q)];
	unsigned int slot = SWAPFILE_CLUSTER;
	struct swap_cluster_info *ci;
	unsigned long offset;

	if (pc->index < si->nr_clusters && si->cluster_info[pc->index].used < SWAPFILE_CLUSTER)
		slot = find_slot(cluster_map(si, pc->index), pc->next, 0);
	if (slot == SWAPFILE_CLUSTER) {
		ci = next_cluster(si);
		if (!ci)
			return 0;
		pc->index = (unsigned int)(ci - si->cluster_info);
		slot = find_slot(cluster_map(si, pc->index), 0, 0);
		BUG_ON(q, slot == SWAPFILE_CLUSTER);
	}
	offset = (unsigned long)pc->index * SWAPFILE_CLUSTER + slot;
	set_slot(si, offset, swap_map_byte(si, offset), SWAP_HAS_CACHE);
	cluster_inc(si, &si->cluster_info[pc->index]);
	pc->next = slot + 1;
	si->inuse_pages++;
	return offset;
}

/* The area whose turn it is; its next turn comes behind those of its priority.
 * NULL if all are full. */
static struct swap_info_struct *pick_area(struct quire *q)
{
	struct swap_floor *swap = q->swap;
	struct swap_info_struct *si, *next;
	bool found = false;

	spin_lock(q, &swap->avail_lock);
	list_for_each_entry (si, &swap->avail, avail_list) {
		if (si->writeok && HOT_LOAD(&si->inuse_pages) < si->pages) {
			found = true;
			break;
		}
	}
	if (found) {
		struct list_head *behind = &si->avail_list;

		next = si;
		list_for_each_entry_continue(next, &swap->avail, avail_list)
		{
			if (next->prio != si->prio)
				break;
			behind = &next->avail_list;
		}
		if (behind != &si->avail_list)
			list_move(&si->avail_list, behind);
	}
	spin_unlock(q, &swap->avail_lock);
	return found ? si : NULL;
}

unsigned int get_swap_pages(struct quire *q, unsigned int nr, swp_entry_t *entries)
{
	unsigned int n = 0;

	/* An area may fill up between the choice and its lock. */
	for (unsigned int tries = 0; !n && tries <= q->swap->nr_swapfiles; tries++) {
		struct swap_info_struct *si = pick_area(q);
		unsigned long offset;

		if (!si)
			break;
		spin_lock(q, &si->lock);
		while (n < nr && si->writeok && (offset = scan_swap_map(q, si)))
			entries[n++] = swp_entry(si->type, offset);
		spin_unlock(q, &si->lock);
	}
	(void)HOT_SUB(&q->swap->nr_swap_pages, (long)n);
	return n;
}

/*
 * All 512 slots of a free cluster, for a huge page: the first slot, 0 if there
 * is none.  Not in files and on disks that seek.  Linux: swap_alloc_cluster().
 */
static swp_entry_t alloc_swap_cluster(struct quire *q)
{
	for (unsigned int tries = 0; tries < max(q->swap->nr_swapfiles, 1u); tries++) {
		struct swap_info_struct *si = pick_area(q);
		struct swap_cluster_info *ci;
		unsigned long first = 0;

		if (!si || si->is_file || si->bdi->rotational)
			continue;
		spin_lock(q, &si->lock);
		if (si->writeok && !list_empty(&si->free_clusters)) {
			ci = list_first_entry(&si->free_clusters, struct swap_cluster_info, list);
			first = (unsigned long)(ci - si->cluster_info) * SWAPFILE_CLUSTER;
			for (unsigned long i = first; i < first + SWAPFILE_CLUSTER; i++) {
				set_slot(si, i, swap_map_byte(si, i), SWAP_HAS_CACHE);
				cluster_inc(si, ci);
			}
			si->inuse_pages += SWAPFILE_CLUSTER;
		}
		spin_unlock(q, &si->lock);
		if (first) {
			(void)HOT_SUB(&q->swap->nr_swap_pages, (long)SWAPFILE_CLUSTER);
			return swp_entry(si->type, first);
		}
	}
	return (swp_entry_t){0};
}

/*
 * All slots are taken: some may be held by the cache alone, for pages that came
 * back and were not written since.  Looks at a few clusters of an area, going on
 * where the last search ended; how many slots it freed.
 */
static unsigned int reclaim_cached_slots(struct quire *q, struct swap_info_struct *si)
{
	unsigned int nr_freed = 0;

	for (unsigned int i = 0; i < RECLAIM_CLUSTERS && i < si->nr_clusters && !nr_freed; i++) {
		unsigned int cluster = si->reclaim_cluster++ % (unsigned int)si->nr_clusters;
		const u8 *map = cluster_map(si, cluster);

		if (!HOT_LOAD(&si->cluster_info[cluster].cached))
			continue;
		for (unsigned int slot = find_slot(map, 0, SWAP_HAS_CACHE); slot < SWAPFILE_CLUSTER;
		     slot = find_slot(map, slot + 1, SWAP_HAS_CACHE)) {
			unsigned long offset = (unsigned long)cluster * SWAPFILE_CLUSTER + slot;
			long nr = try_to_reclaim_swap(q, swp_entry(si->type, offset));

			/* A huge page has the whole cluster, and keeps it: asked for
			 * each of its slots it would look at all of them each time. */
			if (nr < -1)
				break;
			nr_freed += nr > 0;
		}
	}
	return nr_freed;
}

swp_entry_t get_swap_page(struct quire *q, struct page *page)
{
	struct mem_cgroup *memcg = page->memcg;
	unsigned long nr = compound_nr(page);
	swp_entry_t entry = nr > 1 ? alloc_swap_cluster(q) : folio_alloc_swap(q);

	for (unsigned int i = 0; !entry.val && nr == 1 && i < q->swap->nr_swapfiles; i++)
		if (q->swap->info[i]->used && reclaim_cached_slots(q, q->swap->info[i]))
			entry = folio_alloc_swap(q);
	if (!memcg)
		return entry;
	if (!entry.val) {
		memcg_memory_event(memcg, MEMCG_SWAP_FAIL);
		return entry;
	}
	if (mem_cgroup_try_charge_swap(q, memcg, nr)) {
		put_swap_pages(q, entry, nr);
		return (swp_entry_t){0};
	}
	for (unsigned long i = 0; i < nr; i++)
		*swap_memcg_id(q->swap->info[swp_type(entry)], swp_offset(entry) + i) =
			(u16)memcg->id;
	return entry;
}

/* ---- counting references --------------------------------------------------- */

int swap_duplicate(struct quire *q, swp_entry_t entry)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	unsigned long offset = swp_offset(entry);
	int err = 0;
	u8 *byte;

	if (!si)
		return -EINVAL;
	spin_lock(q, &si->lock);
	byte = swap_map_byte(si, offset);
	if (!*byte || (*byte & SWAP_MAP_BAD) == SWAP_MAP_BAD) {
		err = -EINVAL;
	} else if ((*byte & SWAP_MAP_BAD) < SWAP_MAP_MAX) {
		set_slot(si, offset, byte, (u8)(*byte + 1));
	} else {
		unsigned long more = xa_to_value(xa_load(&si->continuation, offset));
		void *old = xa_store(&si->continuation, offset, xa_mk_value(more + 1));

		if (IS_ERR(old))
			err = -ENOMEM;
		else
			*byte |= COUNT_CONTINUED;
	}
	spin_unlock(q, &si->lock);
	return err;
}

static void uncount_one(struct quire *q, struct swap_info_struct *si, unsigned long offset,
			u8 *byte)
{
	unsigned long more;
	void *old;

	BUG_ON(q, !(*byte & SWAP_MAP_BAD) || (*byte & SWAP_MAP_BAD) == SWAP_MAP_BAD);
	if (!(*byte & COUNT_CONTINUED)) {
		set_slot(si, offset, byte, (u8)(*byte - 1));
		return;
	}
	more = xa_to_value(xa_load(&si->continuation, offset));
	if (more > 1) {
		/* Replacing allocates nothing. */
		old = xa_store(&si->continuation, offset, xa_mk_value(more - 1));
		BUG_ON(q, IS_ERR(old));
	} else {
		(void)xa_erase(&si->continuation, offset);
		*byte &= (u8)~COUNT_CONTINUED;
	}
}

/* A slot is free: all that hung on it goes. */
static void free_entry(struct quire *q, swp_entry_t entry)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	unsigned long offset = swp_offset(entry);
	unsigned int memcg_id;
	u8 *byte;

	spin_lock(q, &si->lock);
	byte = swap_map_byte(si, offset);
	BUG_ON(q, *byte != SWAP_HAS_CACHE);
	set_slot(si, offset, byte, 0);
	memcg_id = *swap_memcg_id(si, offset);
	*swap_memcg_id(si, offset) = 0;
	zswap_invalidate(q, si, offset);
	if (unlikely(si->bdi->slot_free_notify))
		si->bdi->slot_free_notify(q, si->bdi, si->dev_start + offset);
	cluster_dec(si, &si->cluster_info[offset / SWAPFILE_CLUSTER]);
	si->inuse_pages--;
	(void)HOT_ADD(&q->swap->nr_swap_pages, 1);
	spin_unlock(q, &si->lock);
	if (memcg_id)
		mem_cgroup_uncharge_swap(q, memcg_id, 1);
	clear_shadow_from_swap_cache(q, si, offset);
}

void swapcache_free_entries(struct quire *q, const swp_entry_t *entries, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		free_entry(q, entries[i]);
}

/* One reference goes, or the cache's hold.  What is left in the slot's byte; a
 * slot that nobody needs keeps SWAP_HAS_CACHE until it is given back. */
static u8 swap_entry_free(struct quire *q, swp_entry_t entry, bool cache)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	unsigned long offset = swp_offset(entry);
	u8 *byte, left;

	if (!si)
		return 0xff;
	spin_lock(q, &si->lock);
	byte = swap_map_byte(si, offset);
	if (cache) {
		BUG_ON(q, !(*byte & SWAP_HAS_CACHE));
		left = *byte & (u8)~SWAP_HAS_CACHE;
		if (left)
			set_slot(si, offset, byte, left);
	} else {
		uncount_one(q, si, offset, byte);
		left = *byte;
		if (!left)
			set_slot(si, offset, byte, SWAP_HAS_CACHE);
	}
	spin_unlock(q, &si->lock);
	if (!left)
		free_swap_slot(q, entry);
	return left;
}

void swap_free(struct quire *q, swp_entry_t entry)
{
	(void)swap_entry_free(q, entry, false);
}

void put_swap_page(struct quire *q, swp_entry_t entry)
{
	(void)swap_entry_free(q, entry, true);
}

void put_swap_pages(struct quire *q, swp_entry_t entry, unsigned long nr)
{
	for (unsigned long i = 0; i < nr; i++)
		put_swap_page(q, (swp_entry_t){entry.val + i});
}

void free_swap_and_cache(struct quire *q, swp_entry_t entry)
{
	if (swap_entry_free(q, entry, false) == SWAP_HAS_CACHE)
		(void)try_to_reclaim_swap(q, entry);
}

int swapcache_prepare(struct quire *q, swp_entry_t entry)
{
	struct swap_info_struct *si = swap_info_get(q, entry);
	int err = 0;
	u8 *byte;

	if (!si)
		return -ENOENT;
	spin_lock(q, &si->lock);
	byte = swap_map_byte(si, swp_offset(entry));
	if (!(*byte & SWAP_MAP_BAD) || (*byte & SWAP_MAP_BAD) == SWAP_MAP_BAD)
		err = -ENOENT;
	else if (*byte & SWAP_HAS_CACHE)
		err = -EEXIST;
	else
		*byte |= SWAP_HAS_CACHE;
	spin_unlock(q, &si->lock);
	return err;
}

/* ---- areas ----------------------------------------------------------------- */

void **alloc_map(struct quire *q, unsigned long size_bytes, u64 *vaddr, const char *caller)
{
	unsigned long nr_pages = DIV_ROUND_UP(size_bytes, PAGE_SIZE);
	void **pages = kmalloc(q, nr_pages * sizeof(*pages), GFP_KERNEL);

	if (!pages)
		return NULL;
	*vaddr = vmalloc_node(q, size_bytes, GFP_KERNEL | __GFP_ZERO, -1, caller);
	if (!*vaddr) {
		kfree(q, pages);
		return NULL;
	}
	for (unsigned long i = 0; i < nr_pages; i++)
		pages[i] = vmalloc_page_address(q, *vaddr + (i << PAGE_SHIFT));
	return pages;
}

void free_swap_maps(struct quire *q, struct swap_info_struct *si)
{
	if (si->map_pages)
		vfree(q, si->map_vaddr);
	if (si->memcg_pages)
		vfree(q, si->memcg_vaddr);
	kfree(q, si->map_pages);
	kfree(q, si->memcg_pages);
	kfree(q, si->cluster_info);
	kfree(q, si->percpu_cluster);
	si->map_pages = NULL;
	si->memcg_pages = NULL;
	si->cluster_info = NULL;
	si->percpu_cluster = NULL;
}

/* A place among the areas: one that was switched off, or a new one. */
static struct swap_info_struct *alloc_area(struct quire *q)
{
	struct swap_info_struct *si;

	for (unsigned int i = 0; i < q->swap->nr_swapfiles; i++) {
		si = q->swap->info[i];
		if (!si->used) {
			*si = (struct swap_info_struct){.type = i};
			return si;
		}
	}
	if (q->swap->nr_swapfiles == MAX_SWAPFILES)
		return ERR_PTR(-ENOSPC);
	si = kzalloc(q, sizeof(*si), GFP_KERNEL);
	if (!si)
		return ERR_PTR(-ENOMEM);
	si->type = q->swap->nr_swapfiles;
	q->swap->info[q->swap->nr_swapfiles++] = si;
	return si;
}

static bool alloc_area_maps(struct quire *q, struct swap_info_struct *si)
{
	/* Whole clusters, so that the last one can be searched as any other. */
	unsigned long nr_slots = si->nr_clusters * SWAPFILE_CLUSTER;

	si->cluster_info = kzalloc(q, si->nr_clusters * sizeof(*si->cluster_info), GFP_KERNEL);
	si->percpu_cluster = kzalloc(q, q->nr_cpus * sizeof(*si->percpu_cluster), GFP_KERNEL);
	if (!si->cluster_info || !si->percpu_cluster)
		return false;
	si->map_pages = (u8 **)alloc_map(q, nr_slots, &si->map_vaddr, "swapon");
	if (!si->map_pages)
		return false;
	si->memcg_pages = (u16 **)alloc_map(q, nr_slots * sizeof(u16), &si->memcg_vaddr, "swapon");
	return si->memcg_pages != NULL;
}

static void setup_clusters(struct quire *q, struct swap_info_struct *si)
{
	INIT_LIST_HEAD(&si->free_clusters);
	INIT_LIST_HEAD(&si->nonfull_clusters);
	for (unsigned long i = 0; i < si->nr_clusters; i++)
		list_add_tail(&si->cluster_info[i].list, &si->free_clusters);
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		si->percpu_cluster[cpu].index = UINT_MAX;
	*swap_map_byte(si, 0) = SWAP_MAP_BAD;
	cluster_inc(si, &si->cluster_info[0]);
	for (unsigned long i = si->max; i < si->nr_clusters * SWAPFILE_CLUSTER; i++) {
		*swap_map_byte(si, i) = SWAP_MAP_BAD;
		cluster_inc(si, &si->cluster_info[i / SWAPFILE_CLUSTER]);
	}
}

/* Into its place among the others: behind those of its priority. */
void enable_swap_area(struct quire *q, struct swap_info_struct *si)
{
	struct swap_floor *swap = q->swap;
	struct list_head *before = &swap->avail;
	struct swap_info_struct *other;

	spin_lock(q, &swap->avail_lock);
	list_for_each_entry (other, &swap->avail, avail_list) {
		if (other->prio < si->prio) {
			before = &other->avail_list;
			break;
		}
	}
	list_add_tail(&si->avail_list, before);
	swap->total_swap_pages += si->pages;
	si->used = si->writeok = true;
	spin_unlock(q, &swap->avail_lock);
	(void)HOT_ADD(&swap->nr_swap_pages, (long)si->pages);
}

int swapon(struct quire *q, struct backing_dev *bdi, u64 dev_start, unsigned long nr_pages,
	   int prio, const char *name, bool is_file)
{
	struct swap_info_struct *si;
	unsigned long kb;

	if (nr_pages < 2 || nr_pages >= 1UL << SWP_TYPE_SHIFT || nr_pages > UINT_MAX || !bdi)
		return -EINVAL;
	if (bdi->submit_bio && dev_start + nr_pages > bdi->capacity)
		return -EINVAL;
	si = alloc_area(q);
	if (IS_ERR(si))
		return (int)PTR_ERR(si);
	str_lcpy(si->name, name, sizeof(si->name));
	si->is_file = is_file;
	si->bdi = bdi;
	si->dev_start = dev_start;
	si->max = nr_pages;
	si->pages = nr_pages - 1;
	si->nr_clusters = DIV_ROUND_UP(nr_pages, SWAPFILE_CLUSTER);
	spin_lock_init(&si->lock, LOCK_SWAP_INFO);
	xa_init(&si->continuation, &swap_node_ops, q);
	swap_cache_init(q, si);
	if (!alloc_area_maps(q, si) || zswap_swapon(q, si) || enable_swap_slots_cache(q)) {
		zswap_swapoff(q, si);
		free_swap_maps(q, si);
		return -ENOMEM;
	}
	si->prio = prio >= 0 ? prio : --q->swap->least_priority;
	setup_clusters(q, si);
	q->swap->nr_rotational += bdi->rotational;
	bdi->openers++;
	enable_swap_area(q, si);
	kb = si->pages << (PAGE_SHIFT - 10);
	pr_info(q, "Adding %luk swap on %s.  Priority:%d extents:1 across:%luk %s%s", kb, name,
		si->prio, kb, bdi->rotational ? "" : "SS", is_file ? "FS" : "");
	return 0;
}

int swap_init(struct quire *q)
{
	struct swap_floor *swap = kzalloc(q, sizeof(*swap), GFP_KERNEL);

	if (!swap)
		return -ENOMEM;
	swap->least_priority = -1;
	swap->page_cluster = 3;
	INIT_LIST_HEAD(&swap->avail);
	INIT_LIST_HEAD(&swap->zrams);
	zs_init(&swap->zs);
	spin_lock_init(&swap->avail_lock, LOCK_SWAP_INFO);
	q->swap = swap;
	q->cache->shmem_aops = &shmem_aops;
	return zswap_init(q);
}
