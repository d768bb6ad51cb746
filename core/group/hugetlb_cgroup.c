/* SPDX-License-Identifier: MIT */
/*
 * The hugetlb controller: see hugetlb_cgroup.h.
 *
 * The idea: counters as those of memory, two a pool.  A page that is charged keeps a
 * pointer to its payer, in its third tail, and one whose promise was paid for by the
 * fault itself, as mmap() promised nothing, another in its fourth; promises of mappings
 * are kept with the maps of promises (space/hugetlb_resv.c).  Each of these, and each
 * child, holds a reference.
 *
 * Invariants (verify_hugetlb.c): a counter equals what pages and promises point to the
 * group and those below it.
 *
 * Locks: the pools' over the list, references and the pages' pointers.
 *
 * Differs from Linux: the root has no structure.  Pages of a node are counted when the
 * file is read.
 */
#include "group/hugetlb_cgroup.h"
#include "group/objcg.h"

static struct spinlock *lock_of(struct quire *q)
{
	return &q->page->hugetlb->lock;
}

/* Under the lock. */
static void put_locked(struct quire *q, struct hugetlb_cgroup *cg)
{
	while (cg && !--cg->refs) {
		struct hugetlb_cgroup *parent = cg->parent;

		list_del(&cg->list);
		kfree(q, cg);
		cg = parent;
	}
}

void hugetlb_cgroup_get(struct quire *q, struct hugetlb_cgroup *cg)
{
	if (!cg)
		return;
	spin_lock(q, lock_of(q));
	cg->refs++;
	spin_unlock(q, lock_of(q));
}

void hugetlb_cgroup_put(struct quire *q, struct hugetlb_cgroup *cg)
{
	if (!cg)
		return;
	spin_lock(q, lock_of(q));
	put_locked(q, cg);
	spin_unlock(q, lock_of(q));
}

/* ---- groups that have it ------------------------------------------------------- */

int hugetlb_cgroup_online(struct quire *q, struct mem_cgroup *memcg)
{
	struct hugetlb_cgroup *cg, *parent = memcg->parent->hugetlb;

	if (!memcg->parent->hugetlb_subtree || memcg->hugetlb)
		return 0;
	cg = kzalloc(q, sizeof(*cg), GFP_KERNEL);
	if (!cg)
		return -ENOMEM;
	cg->parent = parent;
	cg->refs = 1;
	for_each_hstate(q, h)
	{
		unsigned int i = hstate_index(q, h);

		cg->usage[i].parent = parent ? &parent->usage[i] : NULL;
		cg->rsvd[i].parent = parent ? &parent->rsvd[i] : NULL;
		cg->usage[i].max = cg->rsvd[i].max = hugetlb_cgroup_no_limit(h);
	}
	spin_lock(q, lock_of(q));
	if (parent)
		parent->refs++;
	list_add_tail(&cg->list, &q->group->hugetlb_cgroups);
	spin_unlock(q, lock_of(q));
	memcg->hugetlb = cg;
	return 0;
}

/* Under the lock: the pages that a group pays for are its parent's. */
static void reparent_pages(struct quire *q, struct hugetlb_cgroup *cg)
{
	for_each_hstate(q, h)
	{
		struct page *page;

		list_for_each_entry (page, &h->hugepage_activelist, lru) {
			if (hugetlb_page_cgroup(page, false) != cg)
				continue;
			page_counter_cancel(&cg->usage[hstate_index(q, h)],
					    cg->usage[hstate_index(q, h)].parent,
					    (long)pages_per_huge_page(h));
			hugetlb_set_page_cgroup(page, false, cg->parent);
			if (cg->parent)
				cg->parent->refs++;
			cg->refs--; /* never the last: the group's own is left */
		}
	}
}

void hugetlb_cgroup_offline(struct quire *q, struct mem_cgroup *memcg)
{
	struct hugetlb_cgroup *cg = memcg->hugetlb;

	if (!cg)
		return;
	spin_lock(q, lock_of(q));
	memcg->hugetlb = NULL;
	cg->offline = true;
	reparent_pages(q, cg);
	put_locked(q, cg);
	spin_unlock(q, lock_of(q));
}

/* The child after prev (NULL: the first) that is there still, or NULL. */
static struct mem_cgroup *next_child(struct mem_cgroup *memcg, struct mem_cgroup *prev)
{
	struct list_head *at = prev ? prev->sibling.next : memcg->children.next;

	for (; at != &memcg->children; at = at->next) {
		struct mem_cgroup *child = list_entry(at, struct mem_cgroup, sibling);

		if (!child->offline)
			return child;
	}
	return NULL;
}

static void take_from_children(struct quire *q, struct mem_cgroup *memcg)
{
	memcg->hugetlb_subtree = false;
	for (struct mem_cgroup *c = next_child(memcg, NULL); c; c = next_child(memcg, c))
		hugetlb_cgroup_offline(q, c);
}

int hugetlb_cgroup_enable(struct quire *q, struct mem_cgroup *memcg)
{
	int err = 0;

	if (memcg->hugetlb_subtree)
		return 0;
	if (memcg->parent && !memcg->parent->hugetlb_subtree)
		return -ENOENT;
	memcg->hugetlb_subtree = true;
	for (struct mem_cgroup *c = next_child(memcg, NULL); c && !err; c = next_child(memcg, c))
		err = hugetlb_cgroup_online(q, c);
	if (err)
		take_from_children(q, memcg);
	return err;
}

int hugetlb_cgroup_disable(struct quire *q, struct mem_cgroup *memcg)
{
	for (struct mem_cgroup *c = next_child(memcg, NULL); c; c = next_child(memcg, c))
		if (c->hugetlb_subtree)
			return -EBUSY;
	if (memcg->hugetlb_subtree)
		take_from_children(q, memcg);
	return 0;
}

/* ---- charges ------------------------------------------------------------------- */

/* Under the lock: who pays for the running task, with a reference. */
static struct hugetlb_cgroup *payer(struct quire *q)
{
	struct mem_cgroup *memcg =
		q->group->ops.current_memcg ? q->group->ops.current_memcg(q) : NULL;

	while (memcg && !memcg->hugetlb)
		memcg = memcg->parent;
	if (!memcg)
		return NULL;
	memcg->hugetlb->refs++;
	return memcg->hugetlb;
}

int hugetlb_cgroup_charge(struct quire *q, const struct hstate *h, long frames, bool rsvd,
			  struct hugetlb_cgroup **res)
{
	unsigned int idx = hstate_index(q, h);
	struct hugetlb_cgroup *cg;

	*res = NULL;
	if (likely(list_empty(&q->group->hugetlb_cgroups)))
		return 0;
	spin_lock(q, lock_of(q));
	cg = payer(q);
	spin_unlock(q, lock_of(q));
	if (!cg)
		return 0;
	*res = cg;
	if (!page_counter_try_charge(hugetlb_cgroup_counter(cg, idx, rsvd), frames))
		return 0;
	/* hugetlb.events counts refused promises too. */
	(void)HOT_ADD(&cg->events_local[idx], 1);
	for (struct hugetlb_cgroup *c = cg; c; c = c->parent)
		(void)HOT_ADD(&c->events[idx], 1);
	hugetlb_cgroup_put(q, cg);
	*res = NULL;
	return -ENOMEM;
}

void hugetlb_cgroup_uncharge(struct quire *q, const struct hstate *h, long frames, bool rsvd,
			     struct hugetlb_cgroup *cg)
{
	if (!cg)
		return;
	page_counter_cancel(hugetlb_cgroup_counter(cg, hstate_index(q, h), rsvd), NULL, frames);
	hugetlb_cgroup_put(q, cg);
}

/* The page is given back; under the lock. */
static void uncharge_page(struct quire *q, struct page *head)
{
	const struct hstate *h = page_hstate(q, head);

	for (unsigned int rsvd = 0; rsvd < 2; rsvd++) {
		struct hugetlb_cgroup *cg = hugetlb_page_cgroup(head, rsvd);

		if (!cg)
			continue;
		page_counter_cancel(hugetlb_cgroup_counter(cg, hstate_index(q, h), rsvd), NULL,
				    (long)pages_per_huge_page(h));
		hugetlb_set_page_cgroup(head, rsvd, NULL);
		put_locked(q, cg);
	}
}

/* ---- what the files say -------------------------------------------------------- */

int hugetlb_cgroup_set_max(struct hugetlb_cgroup *cg, const struct hstate *h, bool rsvd,
			   long frames)
{
	long nr = min(frames, hugetlb_cgroup_no_limit(h));
	struct page_counter *c;

	/* The index is the pool's place, as hstate_index() has it: largest first. */
	c = hugetlb_cgroup_counter(cg, h->order == GIGANTIC_ORDER ? 0 : 1, rsvd);
	nr = ALIGN_DOWN(nr, (long)pages_per_huge_page(h));
	if (HOT_LOAD(&c->usage) > nr)
		return -EBUSY;
	HOT_STORE(&c->max, nr);
	return 0;
}

static bool is_below(const struct hugetlb_cgroup *cg, const struct hugetlb_cgroup *top)
{
	while (cg && cg != top)
		cg = cg->parent;
	return cg != NULL;
}

unsigned long hugetlb_cgroup_node_pages(struct quire *q, const struct hugetlb_cgroup *cg,
					const struct hstate *h, unsigned int nid)
{
	const struct page *page;
	unsigned long n = 0;

	spin_lock(q, lock_of(q));
	list_for_each_entry (page, &h->hugepage_activelist, lru)
		n += page_to_nid(page) == nid && is_below(hugetlb_page_cgroup(page, false), cg);
	spin_unlock(q, lock_of(q));
	return n;
}

void hugetlb_cgroup_init(struct quire *q, struct group_floor *g)
{
	INIT_LIST_HEAD(&g->hugetlb_cgroups);
	q->page->ops.hugetlb_uncharge = uncharge_page;
}
