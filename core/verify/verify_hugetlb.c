/* SPDX-License-Identifier: MIT */
/*
 * Invariants of the pools of huge pages: counts equal lists, node by node; a free
 * page has no user, a page in use has; what is promised equals what areas, files and
 * mounts may still claim; mounts' and control groups' counts equal the pages and
 * promises that are theirs.
 */
#include "space/hugetlb.h"
#include "verify/verify.h"

struct pool_walk {
	unsigned long nr, free, restore;
	unsigned int nr_node[QUIRE_MAX_NODES], free_node[QUIRE_MAX_NODES];
};

static void check_page(struct verify *v, const struct hstate *h, const struct page *page,
		       bool is_free)
{
	u64 pfn = page_to_pfn(v->q, page);

	if (!page_has_dtor(page, HUGETLB_PAGE_DTOR) || compound_order(page) != h->order)
		broken(v, "hugetlb: frame 0x%lx is in the pool of %lu kB and is no such page", pfn,
		       huge_page_size(h) >> 10);
	else if (is_free && (page_ref_count(page) || compound_mapcount(page)))
		broken(v, "hugetlb: page 0x%lx is free and has users", pfn);
	else if (!is_free && page_ref_count(page) < compound_mapcount(page))
		broken(v, "hugetlb: page 0x%lx has fewer references than mappings", pfn);
}

static void walk_lists(struct verify *v, const struct hstate *h, struct pool_walk *w)
{
	struct page *page;

	if (list_validate(&h->hugepage_activelist)) {
		list_for_each_entry (page, &h->hugepage_activelist, lru) {
			check_page(v, h, page, false);
			w->nr++;
			w->nr_node[page_to_nid(page)]++;
			w->restore += page->private & BIT(HPG_restore_reserve);
		}
	} else {
		broken(v, "hugetlb: the used pages of %lu kB are not a list",
		       huge_page_size(h) >> 10);
	}
	for_each_node (v->q, nid) {
		if (!list_validate(&h->hugepage_freelists[nid])) {
			broken(v, "hugetlb: the free pages of %lu kB of node %u are not a list",
			       huge_page_size(h) >> 10, nid);
			continue;
		}
		list_for_each_entry (page, &h->hugepage_freelists[nid], lru) {
			check_page(v, h, page, true);
			if (page_to_nid(page) != nid)
				broken(v, "hugetlb: page 0x%lx is on node %u's list",
				       page_to_pfn(v->q, page), nid);
			w->nr++;
			w->free++;
			w->nr_node[page_to_nid(page)]++;
			w->free_node[nid]++;
		}
	}
}

/* ---- promises -------------------------------------------------------------------- */

struct promises {
	const struct hstate *h;
	unsigned long claims;  /* what areas and files may still claim */
	unsigned long subpool; /* what mounts have of their own */
};

/* What a map's regions owe to groups, and whether they are in order. */
static void check_map(struct verify *v, const struct resv_map *map, const struct hstate *h,
		      const char *whose, unsigned long number)
{
	const struct file_region *rg;
	unsigned long end = 0;

	if (!list_validate(&map->regions) || !list_validate(&map->cache) ||
	    list_count_nodes(&map->cache) != map->nr_cache) {
		broken(v, "hugetlb: the map of promises of %s %lu is malformed", whose, number);
		return;
	}
	list_for_each_entry (rg, &map->regions, link) {
		if (rg->from >= rg->to || rg->from < end)
			broken(v, "hugetlb: promises of %s %lu overlap at page %lu", whose, number,
			       rg->from);
		end = rg->to;
		if (rg->cg)
			rg->cg->seen_rsvd[hstate_index(v->q, h)] +=
				(long)((rg->to - rg->from) << h->order);
	}
}

/* What the area may claim. */
static unsigned long promised_to_area(struct verify *v, const struct vm_area_struct *vma)
{
	unsigned long from = hugetlb_index(vma, vma->vm_start),
		      to = hugetlb_index(vma, vma->vm_end);
	const struct resv_map *map = vma->hugetlb ? vma->hugetlb->resv : NULL;

	if (!map)
		return 0;
	check_map(v, map, hstate_vma(vma), "area", vma->vm_start);
	if (map->cg)
		map->cg->seen_rsvd[hstate_index(v->q, hstate_vma(vma))] +=
			(long)((to - from) << hstate_vma(vma)->order);
	return to - from - region_count(map, from, to);
}

static unsigned long promised_to_file(struct verify *v, struct hugetlbfs_inode *hi)
{
	struct address_space *m = &hi->vfs_inode.i_data;
	unsigned long index, all, pages = 0;
	struct page *page;

	check_map(v, hi->resv, hi->h, "file", hi->vfs_inode.i_ino);
	all = region_count(hi->resv, 0, ULONG_MAX);
	xa_for_each_range(&m->i_pages, index, page, 0, ULONG_MAX)
	{
		pages++;
		if (!region_count(hi->resv, index, index + 1))
			broken(v, "hugetlb: page %lu of file %lu is in no region", index,
			       hi->vfs_inode.i_ino);
		if (!page_has_dtor(page, HUGETLB_PAGE_DTOR) || compound_order(page) != hi->h->order)
			broken(v, "hugetlb: page %lu of file %lu is of no such pool", index,
			       hi->vfs_inode.i_ino);
	}
	return all - min(all, pages);
}

static long pages_of_subpool(const struct hugepage_subpool *spool)
{
	const struct page *page;
	long n = 0;

	list_for_each_entry (page, &spool->h->hugepage_activelist, lru)
		n += hugetlb_page_subpool(page) == spool &&
		     !(page->private & BIT(HPG_restore_reserve));
	return n;
}

/* A mount's files, and its part of the pool. */
static void check_mount(struct verify *v, const struct hugetlbfs_sb_info *sbi, struct promises *p)
{
	const struct hugepage_subpool *spool = sbi->spool;
	unsigned long claims = 0;
	struct mm_struct *mm;
	struct inode *inode;
	long used;

	if (sbi->h != p->h)
		return;
	list_for_each_entry (inode, &sbi->sb->s_inodes, i_sb_list)
		if (!inode->is_dir)
			claims += promised_to_file(v, HUGETLBFS_I(inode));
	list_for_each_entry (mm, &v->q->space->mms, mm_list)
		for (struct vm_area_struct *vma = vma_tree_find(&mm->mm_mt, 0); vma;
		     vma = vma->vm_next)
			if (is_vm_hugetlb_page(vma) && hugetlb_inode(vma)->sbi == sbi)
				claims += promised_to_area(v, vma);
	p->claims += claims;
	if (sbi->max_inodes != -1 &&
	    (unsigned long)(sbi->max_inodes - sbi->free_inodes) != sbi->sb->nr_inodes)
		broken(v, "hugetlb: mount %s counts %ld free inodes of %ld, it has %lu",
		       sbi->dir ? sbi->dir : "none", sbi->free_inodes, sbi->max_inodes,
		       sbi->sb->nr_inodes);
	if (!spool)
		return;
	p->subpool += (unsigned long)spool->rsv_hpages;
	if (spool->rsv_hpages < 0 || spool->rsv_hpages > max(spool->min_hpages, 0L))
		broken(v, "hugetlb: mount %s has %ld pages of its own left, of %ld", sbi->dir,
		       spool->rsv_hpages, spool->min_hpages);
	used = (long)claims + pages_of_subpool(spool);
	/* Whose pages are on the way nobody counts. */
	if (spool->max_hpages != -1 && spool->used_hpages != used && !p->h->nr_isolated)
		broken(v, "hugetlb: mount %s counts %ld pages, its files have %ld", sbi->dir,
		       spool->used_hpages, used);
}

static void check_promises(struct verify *v, const struct hstate *h, unsigned long restore)
{
	struct promises p = {.h = h};
	struct hugetlbfs_sb_info *sbi;

	if (v->q->space->hugetlbfs)
		list_for_each_entry (sbi, &v->q->space->hugetlbfs->mounts, list)
			check_mount(v, sbi, &p);
	/* A fault has taken a page and not used its promise up yet. */
	if (p.claims + p.subpool != h->resv_huge_pages + restore)
		broken(v, "hugetlb: %lu pages of %lu kB are promised, areas may claim %lu",
		       h->resv_huge_pages + restore, huge_page_size(h) >> 10, p.claims + p.subpool);
}

/* ---- control groups -------------------------------------------------------------- */

/* Pages' payers: their pointers are added up. */
static void sum_charges(struct verify *v, const struct hstate *h)
{
	unsigned int i = hstate_index(v->q, h);
	const struct page *page;

	list_for_each_entry (page, &h->hugepage_activelist, lru) {
		struct hugetlb_cgroup *cg = hugetlb_page_cgroup(page, false);

		if (cg)
			cg->seen[i] += (long)pages_per_huge_page(h);
		cg = hugetlb_page_cgroup(page, true);
		if (cg)
			cg->seen_rsvd[i] += (long)pages_per_huge_page(h);
	}
}

static void check_group(struct verify *v, struct hugetlb_cgroup *cg, const struct hstate *h)
{
	unsigned int i = hstate_index(v->q, h);

	if (cg->usage[i].usage != cg->seen[i] && !h->nr_isolated)
		broken(v, "hugetlb: a group is charged %ld frames of %lu kB, its pages have %ld",
		       cg->usage[i].usage, huge_page_size(h) >> 10, cg->seen[i]);
	if (cg->rsvd[i].usage != cg->seen_rsvd[i] && !h->nr_isolated)
		broken(v, "hugetlb: a group pays for promises of %ld frames of %lu kB, not of %ld",
		       cg->rsvd[i].usage, huge_page_size(h) >> 10, cg->seen_rsvd[i]);
}

/* Children come after their parents: from the end, each adds itself to its parent. */
static void check_groups(struct verify *v)
{
	struct hugetlb_cgroup *cg;

	list_for_each_entry_reverse (cg, &v->q->group->hugetlb_cgroups, list) {
		for_each_hstate(v->q, h) check_group(v, cg, h);
		for (unsigned int i = 0; i < HUGE_MAX_HSTATE && cg->parent; i++) {
			cg->parent->seen[i] += cg->seen[i];
			cg->parent->seen_rsvd[i] += cg->seen_rsvd[i];
		}
	}
	list_for_each_entry (cg, &v->q->group->hugetlb_cgroups, list) {
		memset(cg->seen, 0, sizeof(cg->seen));
		memset(cg->seen_rsvd, 0, sizeof(cg->seen_rsvd));
	}
}

void verify_hugetlb(struct verify *v)
{
	for_each_hstate(v->q, h)
	{
		struct pool_walk w = {0};
		unsigned long surplus = 0, kb = huge_page_size(h) >> 10;

		walk_lists(v, h, &w);
		w.nr += h->nr_isolated;
		if (w.nr != h->nr_huge_pages || w.free != h->free_huge_pages)
			broken(v, "hugetlb: %lu pages of %lu kB, %lu free; its lists have %lu, %lu",
			       h->nr_huge_pages, kb, h->free_huge_pages, w.nr, w.free);
		for_each_node (v->q, nid) {
			surplus += h->surplus_huge_pages_node[nid];
			/* Whose pages are on the way nobody counts. */
			if ((w.nr_node[nid] != h->nr_huge_pages_node[nid] && !h->nr_isolated) ||
			    w.free_node[nid] != h->free_huge_pages_node[nid])
				broken(v,
				       "hugetlb: node %u counts %u pages of %lu kB, %u free; its "
				       "lists have %u, %u",
				       nid, h->nr_huge_pages_node[nid], kb,
				       h->free_huge_pages_node[nid], w.nr_node[nid],
				       w.free_node[nid]);
		}
		if (surplus != h->surplus_huge_pages || surplus > h->nr_huge_pages)
			broken(v, "hugetlb: %lu surplus pages of %lu kB, nodes count %lu",
			       h->surplus_huge_pages, kb, surplus);
		if (h->resv_huge_pages > h->free_huge_pages)
			broken(v, "hugetlb: %lu pages of %lu kB are promised, %lu are free",
			       h->resv_huge_pages, kb, h->free_huge_pages);
		check_promises(v, h, w.restore);
		sum_charges(v, h);
	}
	check_groups(v);
}
