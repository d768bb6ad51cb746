/* SPDX-License-Identifier: MIT */
/*
 * NUMA policies of tasks and areas (Linux's mempolicy.h), and which nodes a control
 * group may use at all (cpuset.h).
 */
#ifndef QUIRE_SPACE_MEMPOLICY_H
#define QUIRE_SPACE_MEMPOLICY_H

#include "space/sched.h"

/*
 * Checks a policy whose nodes are what the user asked for, and computes from them
 * and the task's cpuset the nodes that it means.  -EINVAL: no such mode or flags,
 * nodes where none belong, or none of them may be used.
 */
int mpol_check(struct quire *q, const struct task *task, struct mempolicy *pol);
/* The policy follows the nodes that are allowed. */
void mpol_rebind(struct quire *q, struct mempolicy *pol, const nodemask_t *old,
		 const nodemask_t *new);
/* Those of all areas; takes mmap_lock. */
void mpol_rebind_mm(struct quire *q, struct mm_struct *mm, const nodemask_t *old,
		    const nodemask_t *new);

/*
 * mbind() without what moves pages (reclaim/numa.c has it whole): areas of the range
 * have this policy from now on.  -EINVAL, -EFAULT (holes), -ENOMEM.  Takes mmap_lock.
 */
int mbind_range(struct quire *q, struct task *task, u64 start, u64 len,
		const struct mempolicy *policy);
/*
 * Areas that are bound to nodes, or prefer several: where their requests begin.
 * -EINVAL, -ENOENT (no area has a policy), -EOPNOTSUPP (one has another kind; those
 * before it are done), -ENOMEM.
 */
int set_mempolicy_home_node(struct quire *q, struct task *task, u64 start, u64 len,
			    unsigned int node, unsigned int flags);

/* An area's policy, or its task's; NULL: neither. */
const struct mempolicy *get_vma_policy(const struct task *task, const struct vm_area_struct *vma);
struct mempolicy *mpol_new(struct quire *q, const struct mempolicy *pol); /* one reference */
void mpol_get(struct mempolicy *pol);					  /* NULL is allowed */
void mpol_put(struct quire *q, struct mempolicy *pol);
bool mpol_equal(const struct mempolicy *a, const struct mempolicy *b);
bool mpol_interleaves(const struct mempolicy *pol);
/* The nodes that a request of the policy is bound to; NULL: it is not. */
const nodemask_t *mpol_bind_mask(const struct quire *q, gfp_t gfp, const struct mempolicy *pol);
/* The node of one set that has the place that nid has in the other. */
unsigned int node_remap(const struct quire *q, unsigned int nid, const nodemask_t *from,
			const nodemask_t *to);

/* ---- cpusets (space/cpuset.c) ------------------------------------------------ */

/* cpuset.mems of a group (empty: its parent's hold).  -ENOMEM. */
int cpuset_set_mems(struct quire *q, struct mem_cgroup *memcg, const nodemask_t *mems);
/* What was set; empty if nothing was. */
void cpuset_mems(struct quire *q, const struct mem_cgroup *memcg, nodemask_t *mems);
/* What holds: cpuset.mems.effective. */
void cpuset_effective_mems(struct quire *q, const struct mem_cgroup *memcg, nodemask_t *mems);
void cpuset_mems_allowed(struct quire *q, const struct task *task, nodemask_t *mems);
/* The page floor's questions: the running task's nodes (NULL: all), and whether a
 * request may use a zone. */
const nodemask_t *cpuset_current_mems(struct quire *q);
bool cpuset_zone_allowed(struct quire *q, const struct zone *zone, gfp_t gfp);

#endif
