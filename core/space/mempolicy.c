/* SPDX-License-Identifier: MIT */
/*
 * NUMA policy: on which node memory comes to lie (Linux's mempolicy.c).
 *
 *	default, local	the node the task runs on
 *	preferred	one node first, then by distance
 *	preferred-many	a set's nodes first, without reclaim, then by distance
 *	bind		only the nodes of a set, the nearest first
 *	interleave	a set's nodes in turn: by address for user pages, so that
 *			a page comes to lie where it lay before it was swapped
 *			out, and by a counter for the kernel's
 *	weighted interleave  the same, each node as often as it weighs (6.9's, for
 *			machines that say so)
 *
 * A task has a policy, and an area may have one of its own (mbind()), which then
 * holds for what is allocated there.  The first node of bind and preferred-many is
 * the nearest to the CPU, or the area's home node.
 *
 * An area's policy is an object that areas share; it never changes, another takes
 * its place.  Nodes are what the user asked for and the task's cpuset allows; when
 * that changes they are computed anew: from the nodes asked for (static), from
 * their numbers among those allowed (relative), or from the place of each among
 * those that were allowed before.
 *
 * Locks: mmap_lock for writing to change an area's policy.
 */
#include "space/internal.h"
#include "space/mempolicy.h"

/* ---- sets of nodes ---------------------------------------------------------- */

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

/* The number of a node among those of a set. */
static unsigned int node_ord(const struct quire *q, const nodemask_t *nodes, unsigned int node)
{
	unsigned int n = 0;

	for_each_node (q, nid)
		n += nid < node && node_isset(nodes, nid);
	return n;
}

unsigned int node_remap(const struct quire *q, unsigned int nid, const nodemask_t *from,
			const nodemask_t *to)
{
	unsigned int weight = nodes_weight(q, to);

	if (!weight || !node_isset(from, nid))
		return nid;
	return nth_node(q, to, node_ord(q, from, nid) % weight);
}

static nodemask_t nodes_and(const nodemask_t *a, const nodemask_t *b)
{
	nodemask_t r;

	for (size_t i = 0; i < ARRAY_SIZE(r.bits); i++)
		r.bits[i] = a->bits[i] & b->bits[i];
	return r;
}

static bool nodes_equal(const nodemask_t *a, const nodemask_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Nodes that have memory, of those the task's cpuset allows. */
static nodemask_t allowed_memory(struct quire *q, const struct task *task)
{
	nodemask_t memory = {{0}}, mems;

	for_each_node (q, nid)
		if (NODE_DATA(q, nid)->node_present_pages)
			node_set(&memory, nid);
	cpuset_mems_allowed(q, task, &mems);
	return nodes_and(&memory, &mems);
}

/* ---- making one ------------------------------------------------------------- */

static bool wants_nodes(unsigned int mode)
{
	return mode == MPOL_BIND || mode == MPOL_INTERLEAVE || mode == MPOL_PREFERRED_MANY ||
	       mode == MPOL_WEIGHTED_INTERLEAVE;
}

/* The nodes of a policy, now that these are allowed. */
static nodemask_t effective_nodes(struct quire *q, const struct mempolicy *pol,
				  const nodemask_t *allowed)
{
	nodemask_t nodes = {{0}};
	unsigned int weight = nodes_weight(q, allowed);

	if (!(pol->flags & MPOL_F_RELATIVE_NODES))
		return nodes_and(&pol->user_nodes, allowed);
	for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++)
		if (weight && node_isset(&pol->user_nodes, nid))
			node_set(&nodes, nth_node(q, allowed, nid % weight));
	return nodes;
}

int mpol_check(struct quire *q, const struct task *task, struct mempolicy *pol)
{
	nodemask_t allowed = allowed_memory(q, task);
	unsigned int weight = nodes_weight(q, &pol->nodes);

	if (pol->mode > MPOL_WEIGHTED_INTERLEAVE ||
	    (pol->mode == MPOL_WEIGHTED_INTERLEAVE && !q->cfg.weighted_interleave) ||
	    (pol->flags & ~(MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)) ||
	    pol->flags == (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES))
		return -EINVAL;
	if (pol->mode == MPOL_PREFERRED)
		return pol->preferred >= q->nr_nodes ? -EINVAL : 0;
	if (!wants_nodes(pol->mode))
		return weight || pol->flags ? -EINVAL : 0;
	pol->user_nodes = pol->nodes;
	pol->nodes = effective_nodes(q, pol, &allowed);
	return nodes_weight(q, &pol->nodes) ? 0 : -EINVAL;
}

int set_mempolicy(struct quire *q, struct task *task, const struct mempolicy *policy)
{
	struct mempolicy pol = *policy;
	int err = mpol_check(q, task, &pol);

	if (err)
		return err;
	task->policy = pol;
	task->policy.il_next = 0;
	task->policy.il_weight = 0;
	return 0;
}

void mpol_rebind(struct quire *q, struct mempolicy *pol, const nodemask_t *old,
		 const nodemask_t *new)
{
	nodemask_t nodes = {{0}};

	if (pol->mode == MPOL_PREFERRED) {
		pol->preferred = node_remap(q, pol->preferred, old, new);
		return;
	}
	if (!wants_nodes(pol->mode))
		return;
	if (pol->flags) {
		nodes = effective_nodes(q, pol, new);
	} else {
		for_each_node (q, nid)
			if (node_isset(&pol->nodes, nid))
				node_set(&nodes, node_remap(q, nid, old, new));
	}
	if (!nodes_weight(q, &nodes))
		nodes = *new;
	pol->nodes = nodes;
}

/* ---- areas ------------------------------------------------------------------ */

static struct kmem_cache *policy_cache(struct quire *q)
{
	if (!q->page->mpol_cachep)
		q->page->mpol_cachep =
			kmem_cache_create(q, "numa_policy", sizeof(struct mempolicy), 0, 0, NULL);
	return q->page->mpol_cachep;
}

struct mempolicy *mpol_new(struct quire *q, const struct mempolicy *pol)
{
	struct kmem_cache *cache = policy_cache(q);
	struct mempolicy *new = cache ? kmem_cache_alloc(q, cache, GFP_KERNEL) : NULL;

	if (!new)
		return NULL;
	*new = *pol;
	new->refcnt = 1;
	return new;
}

void mpol_get(struct mempolicy *pol)
{
	if (pol)
		(void)HOT_ADD(&pol->refcnt, 1);
}

void mpol_put(struct quire *q, struct mempolicy *pol)
{
	if (pol && !HOT_SUB(&pol->refcnt, 1))
		kmem_cache_free(q, q->page->mpol_cachep, pol);
}

bool mpol_equal(const struct mempolicy *a, const struct mempolicy *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return false;
	return a->mode == b->mode && a->flags == b->flags && a->home == b->home &&
	       a->preferred == b->preferred && nodes_equal(&a->nodes, &b->nodes) &&
	       nodes_equal(&a->user_nodes, &b->user_nodes);
}

/*
 * What is to become of the areas of [start, end), each cut at its edges: choose()
 * says the new policy, with a reference, or an error.  Holes are passed over.
 */
static int change_policies(struct quire *q, struct mm_struct *mm, u64 start, u64 end,
			   struct mempolicy *(*choose)(struct quire *q,
						       const struct vm_area_struct *vma, void *ctx),
			   void *ctx)
{
	struct vm_area_struct *vma = find_vma(mm, start);
	bool below;
	int err = 0;

	while (vma && vma->vm_start < end && !err) {
		struct mempolicy *pol = choose(q, vma, ctx);

		if (IS_ERR(pol))
			return (int)PTR_ERR(pol);
		if (mpol_equal(pol, vma->vm_policy)) {
			mpol_put(q, pol);
			vma = vma->vm_next;
			continue;
		}
		below = vma->vm_start < start;
		if (below)
			err = split_vma(q, mm, vma, start, true);
		if (!err && vma->vm_end > end) {
			err = split_vma(q, mm, vma, end, false);
			if (err && below)
				unsplit_vma(q, mm, vma);
		}
		if (err) {
			mpol_put(q, pol);
			break;
		}
		mpol_put(q, vma->vm_policy);
		vma->vm_policy = pol;
		vma = vma_merge_around(q, mm, vma)->vm_next;
	}
	return err;
}

static struct mempolicy *choose_given(__unused struct quire *q,
				      __unused const struct vm_area_struct *vma, void *ctx)
{
	mpol_get(ctx);
	return ctx;
}

/* Is every page of the range in some area? */
static bool range_mapped(struct mm_struct *mm, u64 start, u64 end)
{
	const struct vm_area_struct *vma = find_vma(mm, start);

	while (vma && vma->vm_start <= start) {
		if (vma->vm_end >= end)
			return true;
		start = vma->vm_end;
		vma = vma->vm_next;
	}
	return false;
}

int mbind_range(struct quire *q, struct task *task, u64 start, u64 len,
		const struct mempolicy *policy)
{
	u64 end = start + PAGE_ALIGN(len);
	struct mempolicy pol = *policy, *new = NULL;
	struct mm_struct *mm = task->mm;
	int err;

	if (!IS_ALIGNED(start, PAGE_SIZE) || end < start)
		return -EINVAL;
	err = mpol_check(q, task, &pol);
	if (err || start == end)
		return err;
	if (pol.mode != MPOL_DEFAULT) {
		new = mpol_new(q, &pol);
		if (!new)
			return -ENOMEM;
	}
	down_write(q, &mm->mmap_lock);
	err = range_mapped(mm, start, end) ? change_policies(q, mm, start, end, choose_given, new)
					   : -EFAULT;
	up_write(q, &mm->mmap_lock);
	mpol_put(q, new);
	return err;
}

struct home {
	unsigned int node;
	bool any;
};

static struct mempolicy *choose_home(struct quire *q, const struct vm_area_struct *vma, void *ctx)
{
	struct home *home = ctx;
	struct mempolicy *new;

	if (!vma->vm_policy)
		return NULL;
	if (vma->vm_policy->mode != MPOL_BIND && vma->vm_policy->mode != MPOL_PREFERRED_MANY)
		return ERR_PTR(-EOPNOTSUPP);
	home->any = true;
	new = mpol_new(q, vma->vm_policy);
	if (!new)
		return ERR_PTR(-ENOMEM);
	new->home = (u16)(home->node + 1);
	return new;
}

int set_mempolicy_home_node(struct quire *q, struct task *task, u64 start, u64 len,
			    unsigned int node, unsigned int flags)
{
	u64 end = start + PAGE_ALIGN(len);
	struct home home = {.node = node};
	int err;

	if (!IS_ALIGNED(start, PAGE_SIZE) || flags || node >= q->nr_nodes || end < start)
		return -EINVAL;
	if (start == end)
		return 0;
	down_write(q, &task->mm->mmap_lock);
	err = change_policies(q, task->mm, start, end, choose_home, &home);
	up_write(q, &task->mm->mmap_lock);
	return err ? err : home.any ? 0 : -ENOENT;
}

struct rebind {
	const nodemask_t *old, *new;
};

static struct mempolicy *choose_rebound(struct quire *q, const struct vm_area_struct *vma,
					void *ctx)
{
	const struct rebind *r = ctx;
	struct mempolicy pol, *new;

	if (!vma->vm_policy)
		return NULL;
	pol = *vma->vm_policy;
	mpol_rebind(q, &pol, r->old, r->new);
	new = mpol_new(q, &pol);
	return new ? new : ERR_PTR(-ENOMEM);
}

void mpol_rebind_mm(struct quire *q, struct mm_struct *mm, const nodemask_t *old,
		    const nodemask_t *new)
{
	struct rebind r = {old, new};

	down_write(q, &mm->mmap_lock);
	(void)change_policies(q, mm, 0, TASK_SIZE, choose_rebound, &r);
	up_write(q, &mm->mmap_lock);
}

const struct mempolicy *get_vma_policy(const struct task *task, const struct vm_area_struct *vma)
{
	if (unlikely(vma && vma->vm_policy))
		return vma->vm_policy;
	return task ? &task->policy : NULL;
}

/* ---- allocating ------------------------------------------------------------- */

static unsigned int node_weight_of(const struct quire *q, unsigned int nid)
{
	return q->page->il_weight[nid] ? q->page->il_weight[nid] : 1;
}

static unsigned int weighted_nid(const struct quire *q, const nodemask_t *nodes, unsigned long n)
{
	unsigned long total = 0;

	for_each_node (q, nid)
		total += node_isset(nodes, nid) ? node_weight_of(q, nid) : 0;
	n %= total;
	for_each_node (q, nid) {
		if (!node_isset(nodes, nid))
			continue;
		if (n < node_weight_of(q, nid))
			return nid;
		n -= node_weight_of(q, nid);
	}
	return 0;
}

unsigned int interleave_nid(const struct quire *q, const struct mempolicy *pol, unsigned long n)
{
	if (pol->mode == MPOL_WEIGHTED_INTERLEAVE)
		return weighted_nid(q, &pol->nodes, n);
	return nth_node(q, &pol->nodes, n % nodes_weight(q, &pol->nodes));
}

bool mpol_interleaves(const struct mempolicy *pol)
{
	return pol && (pol->mode == MPOL_INTERLEAVE || pol->mode == MPOL_WEIGHTED_INTERLEAVE);
}

/* Where a request begins that is for a set of nodes. */
static unsigned int home_node(struct quire *q, const struct mempolicy *pol)
{
	return pol->home ? pol->home - 1u : numa_node_id(q);
}

const nodemask_t *mpol_bind_mask(const struct quire *q, gfp_t gfp, const struct mempolicy *pol)
{
	bool kernel_memory = false;

	if (pol->mode != MPOL_BIND)
		return NULL;
	if (gfp_zone(gfp) == ZONE_MOVABLE)
		return &pol->nodes;
	/* Nodes of movable memory alone bind only what can be moved. */
	for_each_node (q, nid) {
		const struct pglist_data *pgdat = NODE_DATA(q, nid);

		kernel_memory |=
			node_isset(&pol->nodes, nid) &&
			pgdat->node_present_pages > pgdat->node_zones[ZONE_MOVABLE].present_pages;
	}
	return kernel_memory ? &pol->nodes : NULL;
}

static struct page *alloc_interleaved(struct quire *q, const struct mempolicy *pol,
				      struct vm_area_struct *vma, u64 addr, gfp_t gfp,
				      unsigned int order)
{
	unsigned int nid = interleave_nid(q, pol, linear_page_index(vma, addr) >> order);
	struct page *page = __alloc_pages(q, gfp, order, nid, NULL);

	if (page && page_to_nid(page) == nid)
		count_numa_interleave(q, page);
	return page;
}

/* Its nodes first, as long as none of them must be reclaimed for it. */
static struct page *alloc_preferred_many(struct quire *q, const struct mempolicy *pol, gfp_t gfp,
					 unsigned int order)
{
	gfp_t preferred = (gfp | __GFP_NOWARN) & ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL);
	unsigned int nid = home_node(q, pol);
	struct page *page = __alloc_pages(q, preferred, order, nid, &pol->nodes);

	return page ? page : __alloc_pages(q, gfp, order, nid, NULL);
}

/*
 * A huge page of a far node is worth less than small ones of the near: first
 * only the near one is asked, without reclaim, and others only for who would
 * have waited for it.  Linux: vma_alloc_folio().
 */
struct page *alloc_huge_user_page(struct quire *q, struct task *task, struct vm_area_struct *vma,
				  u64 addr, gfp_t gfp)
{
	const struct mempolicy *pol = get_vma_policy(task, vma);
	unsigned int nid = numa_node_id(q);
	const nodemask_t *nodes = NULL;
	struct page *page;

	if (mpol_interleaves(pol))
		return alloc_interleaved(q, pol, vma, addr, gfp, HPAGE_PMD_ORDER);
	if (pol && pol->mode == MPOL_PREFERRED_MANY)
		return alloc_preferred_many(q, pol, gfp, HPAGE_PMD_ORDER);
	if (pol && pol->mode == MPOL_PREFERRED)
		nid = pol->preferred;
	if (pol && pol->mode == MPOL_BIND) {
		nodes = &pol->nodes;
		nid = home_node(q, pol);
	}
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
	const struct mempolicy *pol = get_vma_policy(task, vma);

	if (likely(!pol || pol->mode == MPOL_DEFAULT || pol->mode == MPOL_LOCAL))
		return __alloc_pages(q, gfp, 0, numa_node_id(q), NULL);
	if (mpol_interleaves(pol))
		return alloc_interleaved(q, pol, vma, addr, gfp, 0);
	if (pol->mode == MPOL_PREFERRED_MANY)
		return alloc_preferred_many(q, pol, gfp, 0);
	if (pol->mode == MPOL_BIND)
		return __alloc_pages(q, gfp, 0, home_node(q, pol), &pol->nodes);
	return __alloc_pages(q, gfp, 0, pol->preferred, NULL);
}

/* Whose turn it is, for what has no address: weighted_interleave_nodes(). */
static unsigned int weighted_turn(struct quire *q, struct mempolicy *pol)
{
	unsigned int nid = nth_node(q, &pol->nodes, pol->il_next % nodes_weight(q, &pol->nodes));

	if (!pol->il_weight)
		pol->il_weight = node_weight_of(q, nid);
	if (!--pol->il_weight)
		pol->il_next++;
	return nid;
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
	case MPOL_PREFERRED_MANY:
		*nodemask = &task->policy.nodes;
		return MEMPOLICY_PREFERRED_MANY | numa_node_id(q);
	case MPOL_BIND:
		*nodemask = mpol_bind_mask(q, GFP_KERNEL, &task->policy);
		return numa_node_id(q);
	case MPOL_INTERLEAVE:
		return MEMPOLICY_INTERLEAVED |
		       nth_node(q, &task->policy.nodes,
				task->policy.il_next++ % nodes_weight(q, &task->policy.nodes));
	case MPOL_WEIGHTED_INTERLEAVE:
		return MEMPOLICY_INTERLEAVED | weighted_turn(q, &task->policy);
	default:
		return numa_node_id(q);
	}
}
