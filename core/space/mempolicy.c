/* SPDX-License-Identifier: MIT */
/*
 * The NUMA policy of a task: on which node its memory comes to lie (Linux's
 * mempolicy.c; policies of single areas are not kept).
 *
 *	default, local	the node the task runs on
 *	preferred	one node first, then by distance
 *	bind		only the nodes of a set, the nearest first
 *	interleave	a set's nodes in turn: by address for user pages, so that
 *			a page comes to lie where it lay before it was swapped
 *			out, and by a counter for the kernel's
 */
#include "space/internal.h"

static unsigned int nodes_weight(const struct quire *q, const nodemask_t *nodes)
{
	unsigned int n = 0;

	for_each_node (q, nid)
		n += node_isset(nodes, nid);
	return n;
}

static unsigned int nth_node(const struct quire *q, const nodemask_t *nodes, unsigned long n)
{
	for_each_node (q, nid)
		if (node_isset(nodes, nid) && n-- == 0)
			return nid;
	return 0;
}

unsigned int interleave_nid(const struct quire *q, const struct mempolicy *pol, unsigned long n)
{
	return nth_node(q, &pol->nodes, n % nodes_weight(q, &pol->nodes));
}

int set_mempolicy(struct quire *q, struct task *task, const struct mempolicy *policy)
{
	bool wants_nodes = policy->mode == MPOL_BIND || policy->mode == MPOL_INTERLEAVE;

	if (policy->mode > MPOL_LOCAL || (wants_nodes && !nodes_weight(q, &policy->nodes)) ||
	    (policy->mode == MPOL_PREFERRED && policy->preferred >= q->nr_nodes))
		return -EINVAL;
	task->policy = *policy;
	task->policy.il_next = 0;
	return 0;
}

static struct page *alloc_interleaved(struct quire *q, const struct mempolicy *pol,
				      struct vm_area_struct *vma, u64 addr, gfp_t gfp,
				      unsigned int order)
{
	unsigned int weight = nodes_weight(q, &pol->nodes);
	unsigned long n = linear_page_index(vma, addr) >> order;
	unsigned int nid = nth_node(q, &pol->nodes, n % weight);
	struct page *page = __alloc_pages(q, gfp, order, nid, NULL);

	if (page && page_to_nid(page) == nid)
		count_numa_interleave(q, page);
	return page;
}

/*
 * A huge page of a far node is worth less than small ones of the near: first
 * only the near one is asked, without reclaim, and others only for who would
 * have waited for it.  Linux: vma_alloc_folio().
 */
struct page *alloc_huge_user_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
				  u64 addr, gfp_t gfp)
{
	const struct mempolicy *pol = task ? &task->policy : NULL;
	unsigned int nid = numa_node_id(q);
	const nodemask_t *nodes = NULL;
	struct page *page;

	if (pol && pol->mode == MPOL_INTERLEAVE)
		return alloc_interleaved(q, pol, vma, addr, gfp, HPAGE_PMD_ORDER);
	if (pol && pol->mode == MPOL_PREFERRED)
		nid = pol->preferred;
	if (pol && pol->mode == MPOL_BIND)
		nodes = &pol->nodes;
	if (nodes && !node_isset(nodes, nid))
		return __alloc_pages(q, gfp, HPAGE_PMD_ORDER, nid, nodes);
	page = __alloc_pages(q, gfp | __GFP_THISNODE | __GFP_NORETRY, HPAGE_PMD_ORDER, nid, NULL);
	if (!page && (gfp & __GFP_DIRECT_RECLAIM))
		page = __alloc_pages(q, gfp, HPAGE_PMD_ORDER, nid, nodes);
	return page;
}

/* A frame for a user's page; without __GFP_ZERO its content is whatever was there. */
struct page *alloc_user_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
			     u64 addr, gfp_t gfp)
{
	const struct mempolicy *pol = task ? &task->policy : NULL;

	if (likely(!pol || pol->mode == MPOL_DEFAULT || pol->mode == MPOL_LOCAL))
		return __alloc_pages(q, gfp, 0, numa_node_id(q), NULL);
	if (pol->mode == MPOL_INTERLEAVE)
		return alloc_interleaved(q, pol, vma, addr, gfp, 0);
	if (pol->mode == MPOL_BIND)
		return __alloc_pages(q, gfp, 0, numa_node_id(q), &pol->nodes);
	return __alloc_pages(q, gfp, 0, pol->preferred, NULL);
}

/* The page floor asks for the running task's policy. */
unsigned int mempolicy_node(struct quire *q, const nodemask_t **nodemask)
{
	struct task *task = current_task(q);

	*nodemask = NULL;
	if (!task)
		return numa_node_id(q);
	switch (task->policy.mode) {
	case MPOL_PREFERRED:
		return task->policy.preferred;
	case MPOL_BIND:
		*nodemask = &task->policy.nodes;
		return numa_node_id(q);
	case MPOL_INTERLEAVE:
		return MEMPOLICY_INTERLEAVED |
		       nth_node(q, &task->policy.nodes,
				task->policy.il_next++ % nodes_weight(q, &task->policy.nodes));
	default:
		return numa_node_id(q);
	}
}
