/* SPDX-License-Identifier: MIT */
/*
 * Pages follow their policy: mbind() with what moves pages, migrate_pages(), and a
 * cpuset whose nodes change (the moving half of Linux's mempolicy.c and cpuset.c).
 *
 * Pages in the wrong place are taken off the LRU area by area, moved as compaction
 * moves them, and what does not move is put back: to be moved is a wish.  With
 * MPOL_MF_STRICT it is an error.
 *
 * Locks: mmap_lock for reading over the walk.  May sleep.
 */
#include "reclaim/migrate.h"
#include "reclaim/internal.h"
#include "reclaim/numa.h"
#include "space/internal.h"

struct placement {
	struct mm_struct *mm;
	struct task *task;
	struct vm_area_struct *vma; /* mbind: whose policy places it */
	const nodemask_t *from, *to;
	unsigned int flags; /* MPOL_MF_* */
	unsigned long misplaced, isolated;
	struct list_head pages;
};

/* Does the page lie where it may?  For mbind by the area's policy, else: is it on a
 * node that is to be left? */
static bool well_placed(struct quire *q, const struct placement *p, const struct page *page,
			u64 addr)
{
	unsigned int nid = page_to_nid(page);
	const struct mempolicy *pol;

	if (p->from)
		return !node_isset(p->from, nid) || node_isset(p->to, nid);
	pol = get_vma_policy(p->task, p->vma);
	if (mpol_interleaves(pol))
		return nid == interleave_nid(q, pol, linear_page_index(p->vma, addr));
	if (pol->mode == MPOL_BIND || pol->mode == MPOL_PREFERRED_MANY)
		return node_isset(&pol->nodes, nid);
	return pol->mode != MPOL_PREFERRED || nid == pol->preferred;
}

static void look_at_page(struct quire *q, struct placement *p, u64 addr)
{
	const pte_t *ptep = pt_walk(q, p->mm->pgd_pfn, addr, 1);
	struct page *page;

	if (!ptep || pte_none(*ptep) || !pte_present(*ptep))
		return;
	page = pfn_to_page(q, pte_pfn(*ptep));
	if (page == q->space->zero_page || PageCompound(page) || well_placed(q, p, page, addr))
		return;
	p->misplaced++;
	if (!(p->flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) ||
	    (!(p->flags & MPOL_MF_MOVE_ALL) && page_mapcount(page) > 1))
		return;
	get_page(page);
	if (!isolate_lru_page(q, page)) {
		list_add_tail(&page->lru, &p->pages);
		p->isolated++;
	}
	put_page(q, page);
}

/* By the policy of the area that the page is in. */
static struct page *new_by_policy(struct quire *q, struct page *page, void *ctx)
{
	const struct placement *p = ctx;
	u64 addr = p->vma->vm_start + ((page->index - p->vma->vm_pgoff) << PAGE_SHIFT);

	return alloc_user_page(q, p->task, p->vma, addr, GFP_HIGHUSER_MOVABLE);
}

/* On the node that has the old one's place in the new set. */
static struct page *new_by_nodes(struct quire *q, struct page *page, void *ctx)
{
	const struct placement *p = ctx;
	unsigned int nid = node_remap(q, page_to_nid(page), p->from, p->to);

	return __alloc_pages(q, GFP_HIGHUSER_MOVABLE, 0, nid, p->to);
}

/* One area's pages in [start, end); how many stay in the wrong place. */
static unsigned long place_area(struct quire *q, struct placement *p, u64 start, u64 end)
{
	unsigned int moved = 0;

	INIT_LIST_HEAD(&p->pages);
	p->misplaced = p->isolated = 0;
	for (u64 addr = start; addr < end; addr += PAGE_SIZE)
		look_at_page(q, p, addr);
	if (p->isolated) {
		(void)migrate_pages(q, &p->pages, p->from ? new_by_nodes : new_by_policy, NULL, p,
				    MIGRATE_SYNC, &moved);
		putback_movable_pages(q, &p->pages);
	}
	cond_resched(q);
	return p->misplaced - moved;
}

static unsigned long place_range(struct quire *q, struct placement *p, u64 start, u64 end)
{
	unsigned long left = 0;

	lru_add_drain_all(q);
	down_read(q, &p->mm->mmap_lock);
	for (struct vm_area_struct *vma = find_vma(p->mm, start); vma && vma->vm_start < end;
	     vma = vma_next(vma)) {
		/* Pools' pages, and those of nobody, stay where they are. */
		if (vma->vm_flags & (VM_HUGETLB | VM_PFNMAP))
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

	return (long)place_range(q, &p, 0, TASK_SIZE);
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
