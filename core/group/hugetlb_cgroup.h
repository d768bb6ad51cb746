/* SPDX-License-Identifier: MIT */
/*
 * The hugetlb controller of control groups (Linux's hugetlb_cgroup.c): how many pages
 * of each pool a group may use, and how many its mappings may be promised.
 *
 * A group has it if its parent hands it down ("+hugetlb" in cgroup.subtree_control).
 * Pages are charged at the fault that takes them, promises by mmap(); who is over its
 * limit gets SIGBUS, or -ENOMEM from mmap(): nothing can be reclaimed.
 *
 * Lock: the pools' (LOCK_HUGETLB) over the list and references; counters are atomic.
 */
#ifndef QUIRE_GROUP_HUGETLB_CGROUP_H
#define QUIRE_GROUP_HUGETLB_CGROUP_H

#include "group/memcontrol.h"
#include "page/hugetlb.h"

/* Kept while its group is there, and for what is charged to it after that. */
struct hugetlb_cgroup {
	struct list_head list;	       /* group_floor.hugetlb_cgroups */
	struct hugetlb_cgroup *parent; /* NULL: the root is above, which counts nothing */
	unsigned int refs;	       /* its group, children, pages, promises */
	bool offline;
	/* In frames, of each pool: in use, and promised. */
	struct page_counter usage[HUGE_MAX_HSTATE], rsvd[HUGE_MAX_HSTATE];
	unsigned long events[HUGE_MAX_HSTATE];			/* at the limit, with those below */
	unsigned long events_local[HUGE_MAX_HSTATE];		/* its own limit's */
	long seen[HUGE_MAX_HSTATE], seen_rsvd[HUGE_MAX_HSTATE]; /* the verifier's scratch */
};

static inline struct page_counter *hugetlb_cgroup_counter(struct hugetlb_cgroup *cg,
							  unsigned int idx, bool rsvd)
{
	return rsvd ? &cg->rsvd[idx] : &cg->usage[idx];
}
static inline unsigned int hstate_index(const struct quire *q, const struct hstate *h)
{
	return (unsigned int)(h - q->page->hugetlb->hstates);
}
/* What no limit looks like: whole pages. */
static inline long hugetlb_cgroup_no_limit(const struct hstate *h)
{
	return ALIGN_DOWN(PAGE_COUNTER_MAX, (long)pages_per_huge_page(h));
}

/* cgroup.subtree_control: children of the group have the controller from now on, or no
 * more.  -ENOENT (it has not itself), -EBUSY (a child hands it down), -ENOMEM. */
int hugetlb_cgroup_enable(struct quire *q, struct mem_cgroup *memcg);
int hugetlb_cgroup_disable(struct quire *q, struct mem_cgroup *memcg);
/* A group comes to be below one that hands the controller down (0 or -ENOMEM), and goes:
 * its pages are its parent's, its promises stay its own until they end. */
int hugetlb_cgroup_online(struct quire *q, struct mem_cgroup *memcg);
void hugetlb_cgroup_offline(struct quire *q, struct mem_cgroup *memcg);

/*
 * Charges frames of a pool, or promises of them, to the running task's group: 0, with
 * *cg and a reference (NULL: no group pays), or -ENOMEM: over a limit, an event.
 */
int hugetlb_cgroup_charge(struct quire *q, const struct hstate *h, long frames, bool rsvd,
			  struct hugetlb_cgroup **cg);
/* Takes frames back, with the reference; cg may be NULL. */
void hugetlb_cgroup_uncharge(struct quire *q, const struct hstate *h, long frames, bool rsvd,
			     struct hugetlb_cgroup *cg);
void hugetlb_cgroup_get(struct quire *q, struct hugetlb_cgroup *cg);
void hugetlb_cgroup_put(struct quire *q, struct hugetlb_cgroup *cg);
/* hugetlb.<size>.max and .rsvd.max: -EBUSY if more is in use. */
int hugetlb_cgroup_set_max(struct hugetlb_cgroup *cg, const struct hstate *h, bool rsvd,
			   long frames);
/* Pages of a pool's node that are charged to a group or those below it. */
unsigned long hugetlb_cgroup_node_pages(struct quire *q, const struct hugetlb_cgroup *cg,
					const struct hstate *h, unsigned int nid);
/* group_init()'s part of it. */
void hugetlb_cgroup_init(struct quire *q, struct group_floor *g);

#endif
