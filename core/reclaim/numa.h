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
/*
 * move_pages(): each of nr addresses of a space to the node given for it; status[i]
 * becomes the node it is on then, or -ENOENT (nothing is there), -EFAULT (no area, or the
 * zero page), -EACCES (others map it too, and flags are not MPOL_MF_MOVE_ALL), -EBUSY.
 * nodes NULL: only asks.  How many did not move for lack of time or memory; or -EINVAL,
 * -EPERM (MOVE_ALL is user 0's), and, with those before it done, -ENODEV (no such node),
 * -EACCES (one that the process's cpuset does not have).  May sleep.
 */
long do_move_pages(struct quire *q, struct mm_struct *mm, unsigned long nr, const u64 *addrs,
		   const int *nodes, int *status, unsigned int flags);
/* A hint's page to the node where it was used: struct numa_balancing. */
bool migrate_misplaced_page(struct quire *q, struct page *page, const struct vm_area_struct *vma,
			    unsigned int nid);
/* cpuset.mems: the group's policies and pages follow.  -ENOMEM. */
int cpuset_change_mems(struct quire *q, struct mem_cgroup *memcg, const nodemask_t *mems);

#endif
