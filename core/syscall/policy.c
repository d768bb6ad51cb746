/* SPDX-License-Identifier: MIT */
/*
 * NUMA calls: sets of nodes as the user has them, modes with flags among them.
 *
 * A set is as many bits as maxnode says, less one, in words; bits of nodes that cannot
 * be must be zero from the kernel's 1024 on, those between are of nodes that are not there.
 */
#include "syscall/syscall.h"

#define MAX_NUMNODES	    1024
#define MPOL_MODE_FLAGS	    (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES)
#define MPOL_F_NODE	    1u
#define MPOL_F_ADDR	    2u
#define MPOL_F_MEMS_ALLOWED 4u

/* Linux's get_nodes(). */
static int get_nodes(const struct syscall *c, nodemask_t *nodes, u64 from, unsigned long maxnode)
{
	unsigned int nr;

	*nodes = (nodemask_t){{0}};
	if (!--maxnode || !from)
		return 0;
	if (maxnode > PAGE_SIZE * 8)
		return -EINVAL;
	nr = (unsigned int)DIV_ROUND_UP(maxnode, BITS_PER_LONG);
	for (unsigned int i = 0; i < nr; i++) {
		unsigned long word;

		if (get_user(c, &word, from + i * sizeof(word), sizeof(word)))
			return -EFAULT;
		if (i == nr - 1 && maxnode % BITS_PER_LONG)
			word &= (1UL << maxnode % BITS_PER_LONG) - 1;
		if (i >= MAX_NUMNODES / BITS_PER_LONG && word)
			return -EINVAL;
		if (i < ARRAY_SIZE(nodes->bits))
			nodes->bits[i] = word;
	}
	return 0;
}

static int put_nodes(const struct syscall *c, u64 to, unsigned long maxnode,
		     const nodemask_t *nodes)
{
	unsigned int nr = (unsigned int)DIV_ROUND_UP(maxnode - 1, BITS_PER_LONG);

	for (unsigned int i = 0; i < nr; i++) {
		unsigned long word = i < ARRAY_SIZE(nodes->bits) ? nodes->bits[i] : 0;

		if (put_user(c, to + i * sizeof(word), &word, sizeof(word)))
			return -EFAULT;
	}
	return 0;
}

static bool nodes_empty(const nodemask_t *nodes)
{
	unsigned long any = 0;

	for (size_t i = 0; i < ARRAY_SIZE(nodes->bits); i++)
		any |= nodes->bits[i];
	return !any;
}

/* Nodes that have memory and the task's cpuset allows. */
static void allowed_nodes(struct syscall *c, const struct task *task, nodemask_t *nodes)
{
	nodemask_t mems;

	*nodes = (nodemask_t){{0}};
	cpuset_mems_allowed(c->q, task, &mems);
	for_each_node (c->q, nid)
		if (NODE_DATA(c->q, nid)->node_present_pages && node_isset(&mems, nid))
			node_set(nodes, nid);
}

/* A policy by its mode with flags and the nodes asked for.  Linux: sanitize_mpol_flags()
 * and mpol_new(). */
static int make_policy(struct syscall *c, struct mempolicy *pol, int mode, const nodemask_t *nodes)
{
	unsigned int flags = (unsigned int)mode & MPOL_MODE_FLAGS;
	nodemask_t allowed;

	mode &= ~(int)MPOL_MODE_FLAGS;
	if (mode < 0 || mode > MPOL_WEIGHTED_INTERLEAVE || flags == MPOL_MODE_FLAGS)
		return -EINVAL;
	*pol = (struct mempolicy){
		.mode = (u8)mode, .flags = (u16)flags, .nodes = *nodes, .user_nodes = *nodes};
	if (mode == MPOL_DEFAULT)
		return nodes_empty(nodes) ? 0 : -EINVAL;
	if (mode != MPOL_PREFERRED)
		return 0;
	if (nodes_empty(nodes)) {
		pol->mode = MPOL_LOCAL;
		return flags ? -EINVAL : 0;
	}
	/* The first that may be used; sets of one that follow a cpuset keep their flags. */
	allowed_nodes(c, c->task, &allowed);
	for_each_node (c->q, nid) {
		if (!node_isset(nodes, nid) || !node_isset(&allowed, nid))
			continue;
		pol->preferred = nid;
		return 0;
	}
	return -EINVAL;
}

s64 sys_mbind(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[5];
	struct mempolicy pol;
	nodemask_t nodes;
	int err = make_policy(c, &pol, (int)c->arg[2], &(nodemask_t){{0}});

	/* The mode's own errors come before the nodes are looked at. */
	if (err && ((unsigned int)c->arg[2] & ~MPOL_MODE_FLAGS) > MPOL_WEIGHTED_INTERLEAVE)
		return err;
	err = get_nodes(c, &nodes, c->arg[3], c->arg[4]);
	if (err)
		return err;
	if (flags & ~(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(c))
		return -EPERM;
	if (c->arg[0] & ~PAGE_MASK)
		return -EINVAL;
	if ((c->arg[2] & ~(u64)MPOL_MODE_FLAGS) == MPOL_DEFAULT)
		flags &= ~MPOL_MF_STRICT;
	if (c->arg[0] + PAGE_ALIGN(c->arg[1]) < c->arg[0])
		return -EINVAL;
	if (!PAGE_ALIGN(c->arg[1]))
		return 0;
	err = make_policy(c, &pol, (int)c->arg[2], &nodes);
	return err ? err : do_mbind(c->q, c->task, c->arg[0], c->arg[1], &pol, flags);
}

s64 sys_set_mempolicy(struct syscall *c)
{
	struct mempolicy pol;
	nodemask_t nodes;
	int err = get_nodes(c, &nodes, c->arg[1], c->arg[2]);

	if (((unsigned int)c->arg[0] & ~MPOL_MODE_FLAGS) > MPOL_WEIGHTED_INTERLEAVE)
		return -EINVAL;
	if (!err)
		err = make_policy(c, &pol, (int)c->arg[0], &nodes);
	return err ? err : set_mempolicy(c->q, c->task, &pol);
}

s64 sys_set_mempolicy_home_node(struct syscall *c)
{
	return set_mempolicy_home_node(c->q, c->task, c->arg[0], c->arg[1],
				       c->arg[2] > UINT_MAX ? UINT_MAX : (unsigned int)c->arg[2],
				       c->arg[3] ? 1 : 0);
}

/* The node of the page at an address of the caller's, which is brought in for that. */
static int node_of_address(struct syscall *c, u64 addr)
{
	int status = -EFAULT, err;

	err = populate_exactly(c->q, c->task->mm, addr & PAGE_MASK, (addr & PAGE_MASK) + PAGE_SIZE,
			       false);
	if (!err)
		(void)do_move_pages(c->q, c->task->mm, 1, &addr, NULL, &status, 0);
	return err ? err : status;
}

static void policy_nodes(const struct mempolicy *pol, nodemask_t *nodes)
{
	*nodes = (nodemask_t){{0}};
	if (pol->flags & MPOL_MODE_FLAGS)
		*nodes = pol->user_nodes;
	else if (pol->mode == MPOL_PREFERRED)
		node_set(nodes, pol->preferred);
	else if (pol->mode != MPOL_DEFAULT && pol->mode != MPOL_LOCAL)
		*nodes = pol->nodes;
}

s64 sys_get_mempolicy(struct syscall *c)
{
	struct mempolicy pol = c->task->policy;
	unsigned int flags = (unsigned int)c->arg[4];
	nodemask_t nodes;
	int policy;

	if (c->arg[1] && c->arg[2] < c->q->nr_nodes)
		return -EINVAL;
	if (c->arg[4] & ~(u64)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
		return -EINVAL;
	if (flags & MPOL_F_MEMS_ALLOWED) {
		if (flags & (MPOL_F_NODE | MPOL_F_ADDR))
			return -EINVAL;
		policy = 0;
		cpuset_mems_allowed(c->q, c->task, &nodes);
		goto out;
	}
	if (flags & MPOL_F_ADDR) {
		const struct vm_area_struct *vma;

		down_read(c->q, &c->task->mm->mmap_lock);
		vma = find_vma(c->task->mm, c->arg[3]);
		policy = vma && vma->vm_start <= c->arg[3] ? 0 : -EFAULT;
		if (!policy)
			pol = vma->vm_policy ? *vma->vm_policy
					     : (struct mempolicy){.mode = MPOL_DEFAULT};
		up_read(c->q, &c->task->mm->mmap_lock);
		if (policy)
			return policy;
	} else if (c->arg[3]) {
		return -EINVAL;
	}
	policy = pol.mode | pol.flags;
	if (flags & MPOL_F_NODE) {
		if (flags & MPOL_F_ADDR)
			policy = node_of_address(c, c->arg[3]);
		else if (mpol_interleaves(&pol))
			policy = (int)interleave_nid(c->q, &pol, pol.il_next);
		else
			return -EINVAL;
		if (policy < 0)
			return policy;
	}
	policy_nodes(&pol, &nodes);
out:
	if (c->arg[0] && put_user(c, c->arg[0], &policy, sizeof(policy)))
		return -EFAULT;
	return c->arg[1] ? put_nodes(c, c->arg[1], c->arg[2], &nodes) : 0;
}

/* ---- moving ----------------------------------------------------------------------- */

s64 sys_migrate_pages(struct syscall *c)
{
	nodemask_t from, to, allowed;
	struct mm_struct *mm;
	int err = get_nodes(c, &from, c->arg[2], c->arg[1]);
	s64 left;

	if (!err)
		err = get_nodes(c, &to, c->arg[3], c->arg[1]);
	if (err)
		return err;
	mm = mm_of_pid(c, (int)c->arg[0]);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	allowed_nodes(c, c->task, &allowed);
	for (size_t i = 0; i < ARRAY_SIZE(to.bits); i++) {
		if ((to.bits[i] & ~allowed.bits[i]) && !capable(c))
			err = -EPERM;
		to.bits[i] &= allowed.bits[i];
	}
	if (!err && nodes_empty(&to))
		err = -EINVAL;
	left = err ? err
		   : do_migrate_pages(c->q, mm, &from, &to,
				      capable(c) ? MPOL_MF_MOVE_ALL : MPOL_MF_MOVE);
	mmput(c->q, mm);
	return left;
}

#define MOVE_BATCH 32

/* Up to MOVE_BATCH addresses from the first on; a node that cannot be ends it. */
static s64 move_batch(struct syscall *c, struct mm_struct *mm, u64 first, u64 n,
		      const nodemask_t *allowed)
{
	int nodes[MOVE_BATCH], status[MOVE_BATCH];
	u64 addrs[MOVE_BATCH], nr = 0;
	bool move = c->arg[3] != 0;
	int err = 0;
	s64 left = 0;

	for (; nr < n && !err; nr += !err) {
		u64 i = first + nr;

		if (get_user(c, &addrs[nr], c->arg[2] + i * sizeof(u64), sizeof(u64)) ||
		    (move && get_user(c, &nodes[nr], c->arg[3] + i * sizeof(int), sizeof(int))))
			err = -EFAULT;
		else if (move && (nodes[nr] < 0 || nodes[nr] >= (int)c->q->nr_nodes ||
				  !NODE_DATA(c->q, nodes[nr])->node_present_pages))
			err = -ENODEV;
		else if (move && !node_isset(allowed, (unsigned int)nodes[nr]))
			err = -EACCES;
	}
	if (nr)
		left = do_move_pages(c->q, mm, nr, addrs, move ? nodes : NULL, status,
				     (unsigned int)c->arg[5]);
	if (nr && put_user(c, c->arg[4] + first * sizeof(int), status, nr * sizeof(int)))
		return -EFAULT;
	return err ? err : left;
}

s64 sys_move_pages(struct syscall *c)
{
	unsigned int flags = (unsigned int)c->arg[5];
	struct mm_struct *mm;
	nodemask_t allowed;
	s64 ret = 0, left = 0;

	if (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
		return -EINVAL;
	if ((flags & MPOL_MF_MOVE_ALL) && !capable(c))
		return -EPERM;
	mm = mm_of_pid(c, (int)c->arg[0]);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	allowed_nodes(c, c->task, &allowed);
	for (u64 i = 0; i < c->arg[1] && ret >= 0; i += MOVE_BATCH) {
		ret = move_batch(c, mm, i, min(c->arg[1] - i, (u64)MOVE_BATCH), &allowed);
		left += ret;
		if (fatal_signal_pending(c->task))
			ret = -EINTR;
	}
	mmput(c->q, mm);
	return ret < 0 ? ret : left;
}
