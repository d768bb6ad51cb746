/* SPDX-License-Identifier: MIT */
/*
 * Pages follow their policy: mbind() with what moves pages, migrate_pages(), and a
 * cpuset whose nodes change (the moving half of Linux's mempolicy.c and cpuset.c).
 *
 * Pages in the wrong place are taken off the LRU area by area, moved as compaction
 * moves them, and what does not move is put back: to be moved is a wish.  With
 * MPOL_MF_STRICT it is an error.
 *
 * move_pages() and the faults of automatic balancing (space/numa_balancing.c) move one
 * page at a time to one node.
 *
 * Locks: mmap_lock for reading over the walk.  May sleep.
 */
#include "reclaim/migrate.h"
#include "reclaim/internal.h"
#include "reclaim/numa.h"
#include "space/hugetlb.h"
#include "space/huge_mm.h"
#include "space/mempolicy.h"

struct placement {
	struct mm_struct *mm;
	struct task *task;
	struct vm_area_struct *vma; /* mbind: whose policy places it */
	const nodemask_t *from, *to;
	unsigned int flags; /* MPOL_MF_* */
	unsigned long misplaced, isolated;
	struct list_head pages;
};

/* Does the page lie where it may?  For mbind on the nodes of the area's policy, in
 * whatever order; else: is it on a node that is to be left? */
static bool well_placed(const struct placement *p, const struct page *page)
{
	unsigned int nid = page_to_nid(page);
	const struct mempolicy *pol;

	if (p->from)
		return !node_isset(p->from, nid) || node_isset(p->to, nid);
	pol = get_vma_policy(p->task, p->vma);
	if (pol->mode == MPOL_BIND || pol->mode == MPOL_PREFERRED_MANY || mpol_interleaves(pol))
		return node_isset(&pol->nodes, nid);
	return pol->mode != MPOL_PREFERRED || nid == pol->preferred;
}

/* One entry, of a page or of a huge one of nr pages; page_table_lock is held. */
static void look_at_entry(struct quire *q, struct placement *p, pte_t pte, unsigned long nr)
{
	bool move = p->flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL);
	struct page *page, *head;

	if (pte_none(pte) || pte_is_swap(pte) || pte_special(pte))
		return;
	page = pfn_to_page(q, pte_pfn(pte));
	head = compound_head(page);
	if (well_placed(p, head))
		return;
	p->misplaced += nr;
	if (!move || (!(p->flags & MPOL_MF_MOVE_ALL) && page_mapcount(page) > 1))
		return;
	if (PageHuge(head)) {
		p->isolated += !hugetlb_isolate(q, head, &p->pages);
		return;
	}
	get_page(head);
	/* One that is mapped page by page comes here for each. */
	if (!isolate_lru_page(q, head)) {
		list_add_tail(&head->lru, &p->pages);
		p->isolated++;
	}
	put_page(q, head);
}

/* The pages of a pool in an area. */
static void look_at_hugetlb(struct quire *q, struct placement *p, u64 start, u64 end)
{
	const struct hstate *h = hstate_vma(p->vma);

	spin_lock(q, &p->mm->page_table_lock);
	for (u64 addr = ALIGN_DOWN(start, huge_page_size(h)); addr < end;
	     addr += huge_page_size(h)) {
		const pte_t *ptep = hugetlb_pte(q, p->vma, addr);

		if (ptep)
			look_at_entry(q, p, *ptep, pages_per_huge_page(h));
	}
	spin_unlock(q, &p->mm->page_table_lock);
}

static void look_at_area(struct quire *q, struct placement *p, u64 addr, u64 end)
{
	pte_t *pmdp;

	while ((pmdp = next_pmd(q, p->mm->pgd_pfn, &addr, end)) != NULL) {
		u64 stop = pmd_addr_end(addr, end);

		spin_lock(q, &p->mm->page_table_lock);
		if (pmd_leaf(*pmdp))
			look_at_entry(q, p, *pmdp, HPAGE_PMD_NR);
		for (u64 at = addr; at < stop && pmd_table(*pmdp); at += PAGE_SIZE)
			look_at_entry(q, p, *pte_offset(q, *pmdp, at), 1);
		spin_unlock(q, &p->mm->page_table_lock);
		addr = stop;
	}
}

/* By the policy of the area that the page is in. */
static struct page *new_by_policy(struct quire *q, struct page *page, void *ctx)
{
	const struct placement *p = ctx;
	struct vm_area_struct *vma = p->vma;
	unsigned long index = max(page->index, vma->vm_pgoff);
	u64 addr = vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);
	const nodemask_t *nodes;
	unsigned int nid;

	if (PageHuge(page)) {
		addr = (page->index << huge_page_shift(hstate_vma(vma))) -
		       (vma->vm_pgoff << PAGE_SHIFT) + vma->vm_start;
		nid = huge_node(q, p->task, vma, addr, &nodes);
		return hugetlb_alloc_nodemask(q, hstate_vma(vma), nid, nodes, false);
	}
	if (!PageTransHuge(page))
		return alloc_user_page(q, p->task, vma, addr, GFP_HIGHUSER_MOVABLE);
	page = alloc_huge_user_page(q, p->task, vma, addr, GFP_TRANSHUGE);
	if (page)
		prep_transhuge_page(page);
	return page;
}

/* On the node that has the old one's place in the new set. */
static struct page *new_by_nodes(struct quire *q, struct page *page, void *ctx)
{
	const struct placement *p = ctx;
	unsigned int nid = node_remap(q, page_to_nid(page), p->from, p->to);

	if (PageHuge(page))
		return hugetlb_alloc_nodemask(q, page_hstate(q, page), nid, p->to, false);
	if (!PageTransHuge(page))
		return __alloc_pages(q, GFP_HIGHUSER_MOVABLE, 0, nid, p->to);
	page = __alloc_pages(q, GFP_TRANSHUGE, HPAGE_PMD_ORDER, nid, p->to);
	if (page)
		prep_transhuge_page(page);
	return page;
}

/* One area's pages in [start, end); how many stay in the wrong place. */
static unsigned long place_area(struct quire *q, struct placement *p, u64 start, u64 end)
{
	unsigned int moved = 0;

	INIT_LIST_HEAD(&p->pages);
	p->misplaced = p->isolated = 0;
	if (p->vma->vm_flags & VM_HUGETLB)
		look_at_hugetlb(q, p, start, end);
	else
		look_at_area(q, p, start, end);
	if (p->isolated) {
		(void)migrate_pages(q, &p->pages, p->from ? new_by_nodes : new_by_policy, NULL, p,
				    MIGRATE_SYNC, &moved);
		putback_movable_pages(q, &p->pages);
	}
	cond_resched(q);
	return p->misplaced > moved ? p->misplaced - moved : 0;
}

static unsigned long place_range(struct quire *q, struct placement *p, u64 start, u64 end)
{
	unsigned long left = 0;

	lru_add_drain_all(q);
	down_read(q, &p->mm->mmap_lock);
	for (struct vm_area_struct *vma = find_vma(p->mm, start); vma && vma->vm_start < end;
	     vma = vma_next(vma)) {
		if (vma->vm_flags & VM_PFNMAP) /* nobody's */
			continue;
		p->vma = vma;
		left += place_area(q, p, max(start, vma->vm_start), min(end, vma->vm_end));
	}
	up_read(q, &p->mm->mmap_lock);
	return left;
}

int do_mbind(struct quire *q, struct task *task, u64 start, u64 len, const struct mempolicy *policy,
	     unsigned int flags)
{
	struct placement p = {.mm = task->mm, .task = task, .flags = flags};
	unsigned long left;
	int err;

	if (flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	err = mbind_range(q, task, start, len, policy);
	if (err || !flags || !len)
		return err;
	left = place_range(q, &p, start, start + PAGE_ALIGN(len));
	return left && (flags & MPOL_MF_STRICT) ? -EIO : 0;
}

long do_migrate_pages(struct quire *q, struct mm_struct *mm, const nodemask_t *from,
		      const nodemask_t *to, unsigned int flags)
{
	struct placement p = {.mm = mm, .from = from, .to = to, .flags = flags};

	return (long)place_range(q, &p, 0, mm->task_size);
}

/* ---- one page, one node ------------------------------------------------------ */

/* On that node or nowhere; a huge one for a huge one. */
static struct page *new_on_node(struct quire *q, struct page *page, void *ctx)
{
	gfp_t gfp = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOWARN;
	unsigned int nid = *(const unsigned int *)ctx;
	nodemask_t mask = {{0}};
	struct page *new;

	if (PageHuge(page)) {
		node_set(&mask, nid);
		return hugetlb_alloc_nodemask(q, page_hstate(q, page), nid, &mask, false);
	}
	if (!PageHead(page))
		return __alloc_pages(q, gfp, 0, nid, NULL);
	new = __alloc_pages(q, GFP_TRANSHUGE | __GFP_THISNODE, compound_order(page), nid, NULL);
	if (new)
		prep_transhuge_page(new);
	return new;
}

/* As a hint wants it: what is free there, without any reclaim for it. */
static struct page *new_for_hint(struct quire *q, struct page *page, void *ctx)
{
	gfp_t gfp = (GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOMEMALLOC | __GFP_NORETRY |
		     __GFP_NOWARN) &
		    ~(__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM);
	unsigned int nid = *(const unsigned int *)ctx;
	struct page *new;

	if (!PageHead(page))
		return __alloc_pages(q, gfp, 0, nid, NULL);
	new = __alloc_pages(q, GFP_TRANSHUGE_LIGHT | __GFP_THISNODE, compound_order(page), nid,
			    NULL);
	if (new)
		prep_transhuge_page(new);
	return new;
}

/* Isolated pages, to a node; did they move? */
static bool move_list(struct quire *q, struct list_head *pages, unsigned int nid,
		      new_page_t *get_new, enum migrate_mode mode)
{
	unsigned int moved = 0;

	(void)migrate_pages(q, pages, get_new, NULL, &nid, mode, &moved);
	putback_movable_pages(q, pages);
	return moved != 0;
}

static bool move_one(struct quire *q, struct page *page, unsigned int nid, new_page_t *get_new,
		     enum migrate_mode mode)
{
	LIST_HEAD(pages);

	list_add_tail(&page->lru, &pages);
	return move_list(q, &pages, nid, get_new, mode);
}

/* Would a zone of the node hold so many more above its high mark?  Linux:
 * migrate_balanced_pgdat(). */
static bool has_room(struct quire *q, unsigned int nid, unsigned long nr)
{
	for_each_populated_zone_of_node(
		NODE_DATA(q, nid), zone) if (zone_watermark_ok(zone, 0, high_wmark_pages(zone) + nr,
							       ZONE_MOVABLE, 0)) return true;
	return false;
}

bool migrate_misplaced_page(struct quire *q, struct page *page, const struct vm_area_struct *vma,
			    unsigned int nid)
{
	bool file = page_is_file_lru(page), moved = false;
	unsigned long nr = compound_nr(page);

	/* Libraries that many processes run; what must be written first. */
	if ((file && page_mapcount(page) != 1 && (vma->vm_flags & VM_EXEC)) ||
	    (file && PageDirty(page)) || !has_room(q, nid, nr) || isolate_lru_page(q, page)) {
		put_page(q, page);
		return false;
	}
	put_page(q, page); /* isolating took one */
	moved = move_one(q, page, nid, new_for_hint, MIGRATE_ASYNC);
	if (moved)
		count_vm_events(q, NUMA_PAGE_MIGRATE, nr);
	return moved;
}

/* The page of an address with a reference, of a huge one the head; or an error. */
static struct page *page_of_address(struct quire *q, struct mm_struct *mm, u64 addr)
{
	const struct vm_area_struct *vma = find_vma(mm, addr);
	struct page *page = ERR_PTR(-ENOENT);
	const pte_t *ptep;

	if (!vma || vma->vm_start > addr || (vma->vm_flags & VM_PFNMAP))
		return ERR_PTR(-EFAULT);
	spin_lock(q, &mm->page_table_lock);
	if (vma->vm_flags & VM_HUGETLB)
		ptep = hugetlb_pte(q, vma, addr);
	else
		ptep = pt_walk(q, mm->pgd_pfn, addr, 2);
	if (ptep && !(vma->vm_flags & VM_HUGETLB) && pmd_table(*ptep))
		ptep = pte_offset(q, *ptep, addr);
	if (ptep && !pte_none(*ptep) && pte_present(*ptep)) {
		page = ERR_PTR(-EFAULT); /* the zero page is nobody's */
		if (!pte_special(*ptep)) {
			page = compound_head(pfn_to_page(q, pte_pfn(*ptep)));
			get_page(page);
		}
	}
	spin_unlock(q, &mm->page_table_lock);
	return page;
}

/* Uses the caller's reference up: the node, or an error. */
static int move_to(struct quire *q, struct page *page, unsigned int node, unsigned int flags)
{
	bool there = page_to_nid(page) == node, huge = PageHuge(page);
	LIST_HEAD(pages);
	int err = 0;

	if (!there && total_mapcount(page) > 1 && !(flags & MPOL_MF_MOVE_ALL)) {
		err = -EACCES;
	} else if (!there && huge) {
		err = hugetlb_isolate(q, page, &pages);
	} else if (!there) {
		err = isolate_lru_page(q, page);
		if (!err)
			list_add_tail(&page->lru, &pages);
	}
	put_page(q, page);
	if (err || there)
		return err ? err : (int)node;
	return move_list(q, &pages, node, new_on_node, MIGRATE_SYNC) ? (int)node : -EBUSY;
}

/* May pages of the space go to a node?  Nothing more is done where they may not. */
static int check_target(struct quire *q, const struct mm_struct *mm, int node)
{
	nodemask_t allowed;

	if (node < 0 || (unsigned int)node >= q->nr_nodes)
		return -ENODEV;
	cpuset_effective_mems(q, mm->owner ? mm->owner->memcg : NULL, &allowed);
	return node_isset(&allowed, (unsigned int)node) ? 0 : -EACCES;
}

long do_move_pages(struct quire *q, struct mm_struct *mm, unsigned long nr, const u64 *addrs,
		   const int *nodes, int *status, unsigned int flags)
{
	const struct task *task = current_task(q);
	long left = 0, err = 0;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && task && task->uid)
		return -EPERM;
	lru_add_drain_all(q);
	down_read(q, &mm->mmap_lock);
	for (unsigned long i = 0; i < nr; i++) {
		struct page *page;

		err = nodes ? check_target(q, mm, nodes[i]) : 0;
		if (err)
			break;
		page = page_of_address(q, mm, addrs[i] & PAGE_MASK);
		if (IS_ERR(page)) {
			status[i] = (int)PTR_ERR(page);
			continue;
		}
		if (!nodes) {
			status[i] = (int)page_to_nid(page);
			put_page(q, page);
			continue;
		}
		status[i] = move_to(q, page, (unsigned int)nodes[i], flags);
		left += status[i] == -EBUSY;
	}
	up_read(q, &mm->mmap_lock);
	return err ? err : left;
}

/* ---- cpusets ----------------------------------------------------------------- */

/* A process of the group or one below whose turn has not come yet. */
static struct task *next_of_group(struct quire *q, const struct mem_cgroup *memcg, int after)
{
	struct task *p, *found = NULL;

	spin_lock(q, &q->space->tasklist_lock);
	for_each_process(q, p)
	{
		const struct mem_cgroup *g = p->memcg;

		while (g && g != memcg)
			g = g->parent;
		if (g && p->pid > after && (!found || p->pid < found->pid))
			found = p;
	}
	if (found)
		get_task(found);
	spin_unlock(q, &q->space->tasklist_lock);
	return found;
}

int cpuset_change_mems(struct quire *q, struct mem_cgroup *memcg, const nodemask_t *mems)
{
	nodemask_t old, new;
	struct task *p;
	int err, pid = 0;

	cpuset_effective_mems(q, memcg, &old);
	err = cpuset_set_mems(q, memcg, mems);
	if (err)
		return err;
	while ((p = next_of_group(q, memcg, pid)) != NULL) {
		struct mm_struct *mm = p->mm;

		pid = p->pid;
		cpuset_effective_mems(q, p->memcg, &new);
		if (memcmp(&old, &new, sizeof(old))) {
			for_each_thread(p, t) mpol_rebind(q, &t->policy, &old, &new);
			if (mm) {
				mmget(mm);
				mpol_rebind_mm(q, mm, &old, &new);
				(void)do_migrate_pages(q, mm, &old, &new, MPOL_MF_MOVE_ALL);
				mmput(q, mm);
			}
		}
		put_task(q, p);
	}
	return 0;
}
