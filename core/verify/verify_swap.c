/* SPDX-License-Identifier: MIT */
/*
 * Swap's invariants: the map's counts are the entries in page tables and shmem
 * trees, SWAP_HAS_CACHE is a page in the cache, clusters and totals follow from
 * the map, groups are charged for the slots that name them.
 *
 * The count of a slot is compared without a table of counts: with H a hash of
 * 64 bits, the sum of H(entry) over all entries found must equal the sum of
 * count * H(slot) over the map.  Where it does not, the range of slots is
 * halved until the slot is found.
 */
#include "verify/verify.h"
#include "swap/internal.h"

static u64 hash(u64 v)
{
	return prng_splitmix64(&v);
}

/* ---- entries found --------------------------------------------------------- */

/* Entries of slots [first, last]: how many, and the sum of their hashes. */
struct found {
	struct quire *q;
	u64 first, last; /* as swp_entry_t.val */
	u64 nr, sum;
	u64 nr_bad, bad; /* naming no slot; one of them */
};

static void found_entry(struct found *f, swp_entry_t entry)
{
	unsigned int type = swp_type(entry);
	const struct swap_info_struct *si = type < MAX_SWAPFILES ? f->q->swap->info[type] : NULL;

	if (!si || !swp_offset(entry) || swp_offset(entry) >= si->max) {
		f->nr_bad++;
		f->bad = entry.val;
		return;
	}
	if (entry.val < f->first || entry.val > f->last)
		return;
	f->nr++;
	f->sum += hash(entry.val);
}

static void walk_table(struct found *f, u64 table_pfn, int level)
{
	const pte_t *entries = pt_entries(f->q, table_pfn);
	unsigned long left = pfn_to_page(f->q, table_pfn)->private;

	for (unsigned int i = 0; i < PTRS_PER_TABLE && left; i++) {
		pte_t pte = entries[i];

		if (pte_none(pte))
			continue;
		left--;
		if (level > 1) {
			if (pte_present(pte) && !(pte & _PAGE_PSE))
				walk_table(f, pte_pfn(pte), level - 1);
		} else if (pte_in_swap(pte)) {
			found_entry(f, pte_to_swp_entry(pte));
		}
	}
}

static void find_in_tables(struct found *f)
{
	struct mm_struct *mm;

	if (!f->q->space)
		return;
	/* Also those whose tasks are gone and that are being torn down. */
	list_for_each_entry (mm, &f->q->space->mms, mm_list)
		if (get_mm_counter(mm, MM_SWAPENTS))
			walk_table(f, mm->pgd_pfn, f->q->page->pt_levels);
}

static void find_in_shmem(struct found *f)
{
	struct super_block *sb;
	struct inode *inode;

	list_for_each_entry (sb, &f->q->cache->super_blocks, list) {
		list_for_each_entry (inode, &sb->s_inodes, i_sb_list) {
			struct address_space *m = &inode->i_data;
			unsigned long index;
			void *entry;

			if (!m->swap_backed || !m->nrexceptional)
				continue;
			xa_for_each (&m->i_pages, index, entry)
				if (xa_is_value(entry))
					found_entry(f, (swp_entry_t){xa_to_value(entry)});
		}
	}
}

static struct found find_entries(struct quire *q, u64 first, u64 last)
{
	struct found f = {.q = q, .first = first, .last = last};

	find_in_tables(&f);
	find_in_shmem(&f);
	return f;
}

/* What the map says of slots [first, last] of an area. */
static void map_entries(const struct swap_info_struct *si, unsigned long first, unsigned long last,
			u64 *nr, u64 *sum)
{
	*nr = *sum = 0;
	for (unsigned long offset = first; offset <= last; offset++) {
		unsigned int count = __swap_count(si, offset);

		if (!count)
			continue;
		*nr += count;
		*sum += count * hash(swp_entry(si->type, offset).val);
	}
}

static void verify_counts(struct verify *v, const struct swap_info_struct *si)
{
	unsigned long first = 1, last = si->max - 1;
	struct found f;
	u64 nr, sum;

	map_entries(si, first, last, &nr, &sum);
	f = find_entries(v->q, swp_entry(si->type, first).val, swp_entry(si->type, last).val);
	if (f.nr_bad)
		broken(v, "swap: %lu entries name no slot, such as %lx", f.nr_bad, f.bad);
	if (f.nr == nr && f.sum == sum)
		return;
	while (first < last) {
		unsigned long mid = first + (last - first) / 2;

		map_entries(si, first, mid, &nr, &sum);
		f = find_entries(v->q, swp_entry(si->type, first).val,
				 swp_entry(si->type, mid).val);
		if (f.nr != nr || f.sum != sum)
			last = mid;
		else
			first = mid + 1;
	}
	map_entries(si, first, first, &nr, &sum);
	f = find_entries(v->q, swp_entry(si->type, first).val, swp_entry(si->type, first).val);
	broken(v, "swap: area %u slot %lu: swap_map counts %lu entries, %lu were found", si->type,
	       first, nr, f.nr);
}

/* ---- areas ----------------------------------------------------------------- */

struct slot_totals {
	u64 group_hash; /* of the groups named */
	u64 held_hash;	/* of the slots that a CPU has at hand */
	unsigned long inuse, in_cache;
};

static void verify_slot(struct verify *v, struct swap_info_struct *si, unsigned long offset,
			struct slot_totals *t)
{
	const struct page *page = xa_load(&si->cache.i_pages, offset);
	unsigned long more = xa_to_value(xa_load(&si->continuation, offset));
	u8 byte = *swap_map_byte(si, offset);
	const struct page *head;
	u16 id = *swap_memcg_id(si, offset);

	if (!byte) {
		if (id)
			broken(v, "swap: area %u slot %lu is free but charged to group %u",
			       si->type, offset, id);
		if (page)
			broken(v, "swap: area %u slot %lu is free but in the cache's tree",
			       si->type, offset);
		return;
	}
	t->inuse++;
	if (id)
		t->group_hash += hash(id);
	if (!(byte & COUNT_CONTINUED) != !more || (more && (byte & SWAP_MAP_BAD) != SWAP_MAP_MAX))
		broken(v, "swap: area %u slot %lu: byte %x, continued by %lu", si->type, offset,
		       byte, more);
	if (xa_is_value(page))
		page = NULL;
	/* No page and nobody's entry: it must be one of a CPU's. */
	if (byte == SWAP_HAS_CACHE && !page) {
		t->held_hash += hash(swp_entry(si->type, offset).val);
		return;
	}
	if (!(byte & SWAP_HAS_CACHE) != !page) {
		broken(v, "swap: area %u slot %lu: SWAP_HAS_CACHE is %s, a page is %s", si->type,
		       offset, byte & SWAP_HAS_CACHE ? "set" : "clear",
		       page ? "cached" : "not cached");
		return;
	}
	if (!page)
		return;
	t->in_cache++;
	if (unlikely(PageHead(page))) /* each of its slots leads to the head */
		page += offset - swp_offset((swp_entry_t){page->private});
	head = compound_head(page);
	if (!PageSwapCache(head) || page->private != swp_entry(si->type, offset).val)
		broken(v, "swap: area %u slot %lu: the cached page's flag or entry is wrong",
		       si->type, offset);
	if (page_ref_count(head) < (int)compound_nr(head) + page_mapcount(page))
		broken(v, "swap: area %u slot %lu: page mapped %d times has %d references",
		       si->type, offset, page_mapcount(page), page_ref_count(head));
}

static void verify_clusters(struct verify *v, struct swap_info_struct *si)
{
	unsigned long listed = 0, expect = 0;
	struct swap_cluster_info *ci;

	for (unsigned long c = 0; c < si->nr_clusters; c++) {
		unsigned int used = 0, cached = 0;

		for (unsigned long i = 0; i < SWAPFILE_CLUSTER; i++) {
			u8 byte = *swap_map_byte(si, c * SWAPFILE_CLUSTER + i);

			used += byte != 0;
			cached += byte == SWAP_HAS_CACHE;
		}
		if (cached != si->cluster_info[c].cached)
			broken(v, "swap: area %u cluster %lu: %u slots only cached, counted %u",
			       si->type, c, cached, si->cluster_info[c].cached);
		if (used != si->cluster_info[c].used)
			broken(v, "swap: area %u cluster %lu: %u slots used, counted %u", si->type,
			       c, used, si->cluster_info[c].used);
		expect += used < SWAPFILE_CLUSTER;
	}
	if (!list_validate(&si->free_clusters) || !list_validate(&si->nonfull_clusters)) {
		broken(v, "swap: area %u: a list of clusters is not linked up", si->type);
		return;
	}
	list_for_each_entry (ci, &si->free_clusters, list) {
		listed++;
		if (ci->used)
			broken(v, "swap: area %u cluster %ld is used and on the free list",
			       si->type, (long)(ci - si->cluster_info));
	}
	list_for_each_entry (ci, &si->nonfull_clusters, list) {
		listed++;
		if (!ci->used || ci->used == SWAPFILE_CLUSTER)
			broken(v, "swap: area %u cluster %ld with %u used is on the nonfull list",
			       si->type, (long)(ci - si->cluster_info), ci->used);
	}
	if (listed != expect)
		broken(v, "swap: area %u: %lu clusters have room, %lu are listed", si->type, expect,
		       listed);
}

/* The slots of an area that CPUs have at hand, or are to give back. */
static u64 held_slots(const struct quire *q, const struct swap_info_struct *si)
{
	u64 sum = 0;

	for (unsigned int cpu = 0; q->swap->slots && cpu < q->nr_cpus; cpu++) {
		const struct swap_slots_cache *c = &q->swap->slots[cpu];

		for (unsigned int i = c->cur; i < c->cur + c->nr; i++)
			if (swp_type(c->slots[i]) == si->type)
				sum += hash(c->slots[i].val);
		for (unsigned int i = 0; i < c->n_ret; i++)
			if (swp_type(c->slots_ret[i]) == si->type)
				sum += hash(c->slots_ret[i].val);
	}
	return sum;
}

static void verify_area(struct verify *v, struct swap_info_struct *si, u64 *group_hash)
{
	struct slot_totals t = {0};
	unsigned long nr_values = 0, index;
	void *entry;

	if (!xa_validate(&si->cache.i_pages) || !xa_validate(&si->continuation))
		broken(v, "swap: area %u: a tree is not well formed", si->type);
	for (unsigned long offset = 1; offset < si->max; offset++)
		verify_slot(v, si, offset, &t);
	xa_for_each (&si->cache.i_pages, index, entry)
		nr_values += xa_is_value(entry);
	if (t.inuse != si->inuse_pages)
		broken(v, "swap: area %u: %lu slots in use, counted %lu", si->type, t.inuse,
		       si->inuse_pages);
	if (t.in_cache != si->cache.nrpages || nr_values != si->cache.nrexceptional)
		broken(v, "swap: area %u: cache has %lu pages and %lu shadows, counted %lu and %lu",
		       si->type, t.in_cache, nr_values, si->cache.nrpages, si->cache.nrexceptional);
	if (t.held_hash != held_slots(v->q, si))
		broken(v, "swap: area %u: slots with SWAP_HAS_CACHE and no page are not the CPUs'",
		       si->type);
	verify_clusters(v, si);
	verify_counts(v, si);
	*group_hash += t.group_hash;
}

/* Each group's own charge (without its descendants') is the slots that name it. */
static void verify_groups(struct verify *v, u64 slots_hash)
{
	struct quire *q = v->q;
	u64 groups_hash = 0;

	for (unsigned int id = 1; id <= MEMCG_ID_MAX && q->group->ids[id / MEMCG_IDS_A_PIECE];
	     id++) {
		const struct mem_cgroup *memcg = mem_cgroup_from_id(q, id);
		long own;

		if (!memcg || memcg == q->group->root)
			continue;
		own = memcg->swap.usage;
		/* A child that was removed is in no list of children but keeps its charge. */
		for (unsigned int c = 1; c <= MEMCG_ID_MAX && q->group->ids[c / MEMCG_IDS_A_PIECE];
		     c++) {
			const struct mem_cgroup *child = mem_cgroup_from_id(q, c);

			if (child && child->parent == memcg)
				own -= child->swap.usage;
		}
		if (own < 0)
			broken(v, "swap: group %u: its children have more than it", id);
		groups_hash += (u64)own * hash(id);
	}
	if (groups_hash != slots_hash)
		broken(v, "swap: the groups' charges are not the slots that name them");
}

void verify_swap(struct verify *v)
{
	const struct swap_floor *swap = v->q->swap;
	unsigned long total = 0, inuse = 0, cached = 0;
	unsigned int nr = 0;
	u64 group_hash = 0;

	for (unsigned int i = 0; i < MAX_SWAPFILES; i++) {
		struct swap_info_struct *si = swap->info[i];

		if (!si)
			continue;
		nr++;
		/* One that is being switched off has no slots to give. */
		total += si->writeok ? si->pages : 0;
		inuse += si->inuse_pages;
		if (!si->used) {
			if (si->inuse_pages || si->cache.nrpages || si->map_pages || si->zswap)
				broken(v, "swap: area %u is off and not empty", i);
			continue;
		}
		cached += si->cache.nrpages;
		verify_area(v, si, &group_hash);
	}
	if (nr != swap->nr_swapfiles || total != swap->total_swap_pages ||
	    (long)(total - inuse) != swap->nr_swap_pages)
		broken(v, "swap: %u areas, %lu slots, %lu free; counted %u, %lu, %ld", nr, total,
		       total - inuse, swap->nr_swapfiles, swap->total_swap_pages,
		       swap->nr_swap_pages);
	if (cached != global_node_page_state(v->q, NR_SWAPCACHE))
		broken(v, "swap: %lu pages in the caches, nr_swapcached says %lu", cached,
		       global_node_page_state(v->q, NR_SWAPCACHE));
	if (v->q->group->nr_groups > 1)
		verify_groups(v, group_hash);
}
