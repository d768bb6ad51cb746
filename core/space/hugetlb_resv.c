/* SPDX-License-Identifier: MIT */
/*
 * Promises of huge pages: maps of regions, and pages that are taken by them (the rest of
 * the mapping half of Linux's hugetlb.c).
 *
 * The idea: mmap() promises the pages of a mapping, so that no fault of it fails for
 * lack of them.  A file's map has the pages that are promised to it or that it has,
 * whoever maps it shared; one that is cut out again was promised to nobody.  A private
 * mapping's map has the pages whose promise it has used up.  Regions are put by before
 * anything changes (resv_map_prealloc()), so that changing a map can't fail.
 *
 * Three have a say: the mount's subpool, which may be full, or have pages of its own;
 * the pool, which has pages or has not; and the task's control group.
 *
 * Invariants (verify_hugetlb.c): promises of the pool = those of the subpools that
 * nobody has claimed + pages in files' maps that the files have not + pages of private
 * areas that are not in their maps.
 *
 * Locks: a file's map its fault_mutex; a private one's mmap_lock and fault_mutex.
 *
 * Differs from Linux: a page that comes out of a subpool's own takes the pool's promise
 * for it along whoever needs it (as Linux does since 6.14).
 */
#include "space/hugetlb.h"
#include "space/mempolicy.h"

/* ---- maps ------------------------------------------------------------------------ */

struct resv_map *resv_map_alloc(struct quire *q)
{
	struct resv_map *map = kzalloc(q, sizeof(*map), GFP_KERNEL);

	if (!map)
		return NULL;
	map->refs = 1;
	INIT_LIST_HEAD(&map->regions);
	INIT_LIST_HEAD(&map->cache);
	return map;
}

int resv_map_prealloc(struct quire *q, struct resv_map *map, unsigned int n)
{
	while (map->nr_cache < n) {
		struct file_region *rg = kmalloc(q, sizeof(*rg), GFP_KERNEL);

		if (!rg)
			return -ENOMEM;
		list_add(&rg->link, &map->cache);
		map->nr_cache++;
	}
	return 0;
}

static struct file_region *take_region(struct quire *q, struct resv_map *map, unsigned long from,
				       unsigned long to, struct hugetlb_cgroup *cg)
{
	struct file_region *rg = list_first_entry(&map->cache, struct file_region, link);

	VM_BUG_ON(q, !map->nr_cache);
	list_del(&rg->link);
	map->nr_cache--;
	*rg = (struct file_region){.from = from, .to = to, .cg = cg};
	hugetlb_cgroup_get(q, cg);
	return rg;
}

static void free_region(struct quire *q, struct file_region *rg)
{
	list_del(&rg->link);
	hugetlb_cgroup_put(q, rg->cg);
	kfree(q, rg);
}

void resv_map_put(struct quire *q, struct resv_map *map, const struct hstate *h)
{
	if (HOT_SUB(&map->refs, 1))
		return;
	(void)region_del(q, map, h, 0, ULONG_MAX);
	while (!list_empty(&map->cache)) {
		struct file_region *rg = list_first_entry(&map->cache, struct file_region, link);

		list_del(&rg->link);
		kfree(q, rg);
	}
	hugetlb_cgroup_put(q, map->cg);
	kfree(q, map);
}

unsigned long region_count(const struct resv_map *map, unsigned long from, unsigned long to)
{
	const struct file_region *rg;
	unsigned long n = 0;

	list_for_each_entry (rg, &map->regions, link) {
		if (rg->from >= to)
			break;
		if (rg->to > from)
			n += min(rg->to, to) - max(rg->from, from);
	}
	return n;
}

unsigned int region_gaps(const struct resv_map *map, unsigned long from, unsigned long to)
{
	const struct file_region *rg;
	unsigned int gaps = 0;

	list_for_each_entry (rg, &map->regions, link) {
		if (rg->from >= to || from >= to)
			break;
		if (rg->to <= from)
			continue;
		gaps += rg->from > from;
		from = rg->to;
	}
	return gaps + (from < to);
}

/* Neighbours that touch and have one payer become one. */
static void coalesce(struct quire *q, struct resv_map *map)
{
	struct file_region *rg, *next;

	list_for_each_entry_safe (rg, next, &map->regions, link) {
		if (&next->link == &map->regions)
			break;
		if (rg->to != next->from || rg->cg != next->cg)
			continue;
		next->from = rg->from;
		free_region(q, rg);
	}
}

void region_add(struct quire *q, struct resv_map *map, unsigned long from, unsigned long to,
		struct hugetlb_cgroup *cg)
{
	struct file_region *rg;

	list_for_each_entry (rg, &map->regions, link) {
		if (from >= to || rg->from >= to)
			break;
		if (rg->to <= from)
			continue;
		if (rg->from > from)
			list_add_tail(&take_region(q, map, from, rg->from, cg)->link, &rg->link);
		from = rg->to;
	}
	if (from < to)
		list_add_tail(&take_region(q, map, from, to, cg)->link, &rg->link);
	coalesce(q, map);
}

static void uncharge_region(struct quire *q, const struct hstate *h, const struct file_region *rg,
			    unsigned long nr)
{
	if (!rg->cg)
		return;
	hugetlb_cgroup_get(q, rg->cg);
	hugetlb_cgroup_uncharge(q, h, (long)(nr << h->order), true, rg->cg);
}

unsigned long region_del(struct quire *q, struct resv_map *map, const struct hstate *h,
			 unsigned long from, unsigned long to)
{
	struct file_region *rg, *next;
	unsigned long n = 0;

	list_for_each_entry_safe (rg, next, &map->regions, link) {
		unsigned long start = max(rg->from, from), end = min(rg->to, to);

		if (start >= end)
			continue;
		n += end - start;
		uncharge_region(q, h, rg, end - start);
		if (start > rg->from && end < rg->to)
			list_add(&take_region(q, map, end, rg->to, rg->cg)->link, &rg->link);
		if (start > rg->from)
			rg->to = start;
		else if (end < rg->to)
			rg->from = end;
		else
			free_region(q, rg);
	}
	return n;
}

/* ---- promises -------------------------------------------------------------------- */

static const nodemask_t *allowed_nodes(struct quire *q)
{
	const struct task *task = current_task(q);

	return task && task->policy.mode == MPOL_BIND ? &task->policy.nodes : NULL;
}

/* nr pages: of the subpool, the pool and the group.  *cg: who pays, with a reference. */
static int promise(struct quire *q, struct hugetlbfs_inode *inode, unsigned long nr,
		   struct hugetlb_cgroup **cg)
{
	struct hugepage_subpool *spool = inode->sbi->spool;
	long frames = (long)(nr << inode->h->order), from_pool;

	if (hugetlb_cgroup_charge(q, inode->h, frames, true, cg))
		return -ENOMEM;
	from_pool = hugepage_subpool_get_pages(q, spool, (long)nr);
	if (from_pool >= 0 && !hugetlb_acct_memory(q, inode->h, from_pool, allowed_nodes(q)))
		return 0;
	if (from_pool >= 0)
		hugepage_subpool_unget_pages(q, spool, (long)nr, from_pool);
	hugetlb_cgroup_uncharge(q, inode->h, frames, true, *cg);
	return -ENOMEM;
}

static void unpromise(struct quire *q, struct hugetlbfs_inode *inode, unsigned long nr)
{
	long to_pool = hugepage_subpool_put_pages(q, inode->sbi->spool, (long)nr);

	(void)hugetlb_acct_memory(q, inode->h, -to_pool, NULL);
}

static int reserve_private(struct quire *q, struct hugetlbfs_inode *inode, unsigned long nr,
			   struct vm_area_struct *vma)
{
	struct resv_map *map = resv_map_alloc(q);

	if (!map)
		return -ENOMEM;
	if (promise(q, inode, nr, &map->cg)) {
		map->cg = NULL;
		resv_map_put(q, map, inode->h);
		return -ENOMEM;
	}
	vma->hugetlb->resv = map;
	return 0;
}

int hugetlb_reserve_pages(struct quire *q, struct hugetlbfs_inode *inode, unsigned long from,
			  unsigned long to, struct vm_area_struct *vma, unsigned long vm_flags)
{
	struct hugetlb_cgroup *cg;
	unsigned long nr;
	int err;

	if (from > to)
		return -ENOMEM;
	if (vm_flags & VM_NORESERVE)
		return 0;
	if (vma && !(vma->vm_flags & VM_MAYSHARE))
		return reserve_private(q, inode, to - from, vma);
	mutex_lock(q, &inode->fault_mutex);
	nr = to - from - region_count(inode->resv, from, to);
	err = resv_map_prealloc(q, inode->resv, region_gaps(inode->resv, from, to));
	if (!err)
		err = promise(q, inode, nr, &cg);
	if (!err) {
		region_add(q, inode->resv, from, to, cg);
		hugetlb_cgroup_put(q, cg);
	}
	mutex_unlock(q, &inode->fault_mutex);
	return err;
}

void hugetlb_unreserve_pages(struct quire *q, struct hugetlbfs_inode *inode, unsigned long from,
			     unsigned long to, unsigned long freed)
{
	unsigned long had = region_del(q, inode->resv, inode->h, from, to);

	unpromise(q, inode, had - freed);
}

void hugetlb_vm_unreserve(struct quire *q, struct vm_area_struct *vma)
{
	struct hugetlbfs_inode *inode = hugetlb_inode(vma);
	unsigned long from = hugetlb_index(vma, vma->vm_start),
		      to = hugetlb_index(vma, vma->vm_end);
	struct resv_map *map = vma->hugetlb->resv;

	if (!map)
		return;
	if (map->cg) {
		hugetlb_cgroup_get(q, map->cg);
		hugetlb_cgroup_uncharge(q, inode->h, (long)((to - from) << inode->h->order), true,
					map->cg);
	}
	unpromise(q, inode, to - from - region_count(map, from, to));
	vma->hugetlb->resv = NULL;
	resv_map_put(q, map, inode->h);
}

bool hugetlb_has_promise(const struct vm_area_struct *vma, unsigned long idx)
{
	if (vma->vm_flags & VM_MAYSHARE)
		return region_count(hugetlb_inode(vma)->resv, idx, idx + 1);
	return vma->hugetlb->resv && !region_count(vma->hugetlb->resv, idx, idx + 1);
}

/* ---- pages ----------------------------------------------------------------------- */

unsigned int huge_node(struct quire *q, const struct task *task, const struct vm_area_struct *vma,
		       u64 haddr, const nodemask_t **nodes)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);

	*nodes = NULL;
	if (pol && pol->mode == MPOL_BIND)
		*nodes = &pol->nodes;
	else if (pol && pol->mode == MPOL_PREFERRED)
		return pol->preferred;
	else if (vma && mpol_interleaves(pol))
		return interleave_nid(q, pol, hugetlb_index(vma, haddr));
	return numa_node_id(q);
}

/* By the task's policy; NULL: none left. */
static struct page *new_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
			     struct hstate *h, unsigned long idx, bool reserved)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);
	u64 haddr =
		vma ? vma->vm_start + (idx << huge_page_shift(h)) - (vma->vm_pgoff << PAGE_SHIFT)
		    : 0;
	const nodemask_t *nodes;
	unsigned int nid = huge_node(q, task, vma, haddr, &nodes);

	if (!vma && mpol_interleaves(pol))
		nid = interleave_nid(q, pol, idx);
	if (pol && pol->mode == MPOL_PREFERRED_MANY) {
		struct page *page = hugetlb_alloc(q, h, nid, &pol->nodes, reserved);

		if (page)
			return page;
	}
	return hugetlb_alloc(q, h, nid, nodes, reserved);
}

struct page *alloc_huge_page(struct quire *q, struct task *task, struct hugetlbfs_inode *inode,
			     struct vm_area_struct *vma, unsigned long idx, bool promised)
{
	struct hugepage_subpool *spool = inode->sbi->spool;
	struct hugetlb_cgroup *cg = NULL, *rsvd = NULL;
	struct hstate *h = inode->h;
	long frames = (long)pages_per_huge_page(h), from_pool = 0;
	struct page *page = NULL;

	if (!promised) {
		from_pool = hugepage_subpool_get_pages(q, spool, 1);
		if (from_pool < 0)
			return ERR_PTR(-ENOSPC);
		if (hugetlb_cgroup_charge(q, h, frames, true, &rsvd))
			goto fail;
	}
	if (!hugetlb_cgroup_charge(q, h, frames, false, &cg))
		page = new_page(q, task, vma, h, idx, !from_pool);
	if (page) {
		hugetlb_set_page_subpool(page, spool);
		hugetlb_set_page_cgroup(page, false, cg);
		hugetlb_set_page_cgroup(page, true, rsvd);
		return page;
	}
	hugetlb_cgroup_uncharge(q, h, frames, false, cg);
	hugetlb_cgroup_uncharge(q, h, frames, true, rsvd);
fail:
	if (!promised)
		hugepage_subpool_unget_pages(q, spool, 1, from_pool);
	return ERR_PTR(-ENOSPC);
}

void hugetlb_free_unused(struct quire *q, struct page *page, bool promised)
{
	/* What it had of the subpool's own goes back there. */
	if (!promised)
		hugetlb_commit(page);
	put_page(q, page);
}
