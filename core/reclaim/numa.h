/* SPDX-License-Identifier: MIT */
/*
 * Moving pages to where their policy wants them (reclaim/numa.c).
 */
#ifndef QUIRE_RECLAIM_NUMA_H
#define QUIRE_RECLAIM_NUMA_H

#include "space/mempolicy.h"

#define MPOL_MF_STRICT	 1u
#define MPOL_MF_MOVE	 2u /* pages that nobody else maps */
#define MPOL_MF_MOVE_ALL 4u

/*
 * mbind(): areas of [start, start + len) have this policy from now on; what is there
 * already is moved if flags say so.  -EINVAL, -EFAULT (holes), -ENOMEM, -EIO
 * (MPOL_MF_STRICT: some page lies elsewhere, or did not move).  May sleep.
 */
int do_mbind(struct quire *q, struct task *task, u64 start, u64 len, const struct mempolicy *policy,
	     unsigned int flags);
/* migrate_pages(): what lies on nodes of one set goes to those of another; how many
 * pages did not. */
long do_migrate_pages(struct quire *q, struct mm_struct *mm, const nodemask_t *from,
		      const nodemask_t *to, unsigned int flags);
/* cpuset.mems: the group's policies and pages follow.  -ENOMEM. */
int cpuset_change_mems(struct quire *q, struct mem_cgroup *memcg, const nodemask_t *mems);

#endif
