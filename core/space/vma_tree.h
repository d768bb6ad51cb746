/* SPDX-License-Identifier: MIT */
/*
 * The tree of an address space's areas: a B-tree of ranges (space/vma_tree.c).
 */
#ifndef QUIRE_SPACE_VMA_TREE_H
#define QUIRE_SPACE_VMA_TREE_H

#include "base/quire.h"

struct mm_struct;
struct vm_area_struct;

#define VMA_NODE_SLOTS	10
#define VMA_NODE_MIN	3  /* but in the root */
#define VMA_TREE_LEVELS 22 /* 3^22 areas are more than an int counts */

/* As large as Linux's maple_node, and of its slab. */
struct vma_node {
	u64 end[VMA_NODE_SLOTS];    /* of what lies in each slot; ~0 where there is none */
	void *slot[VMA_NODE_SLOTS]; /* areas, or nodes of the level below */
	u64 gap[VMA_NODE_SLOTS];    /* the largest free range right below an area in there */
	u64 nr;
	struct vma_node *next_spare;
};

/* The way from the root to a slot of a leaf, by level: 0 is the leaf. */
struct vma_path {
	struct vma_node *node[VMA_TREE_LEVELS];
	u64 low; /* where the area before the leaf's first one ends */
	bool valid;
	u8 at[VMA_TREE_LEVELS];
};

struct vma_tree {
	struct vma_node *root; /* NULL: no areas */
	struct vma_node *spare;
	unsigned int height, nr_spare;
	struct vma_path path; /* of who was here last to change something */
};

/* The first area that ends above addr; NULL. */
struct vm_area_struct *vma_tree_find(const struct vma_tree *tree, u64 addr);
/* The same for who holds mmap_lock for writing; *prev is the one before it. */
struct vm_area_struct *vma_tree_find_prev(struct vma_tree *tree, u64 addr,
					  struct vm_area_struct **prev);
struct vm_area_struct *vma_tree_last(const struct vma_tree *tree);
/*
 * Nodes for an insertion at addr (and, with more, as many as so many others could
 * take) are put by, so that it can't fail.  -ENOMEM.  What is left over goes with
 * vma_tree_release().  May sleep.
 */
int vma_tree_reserve(struct quire *q, struct vma_tree *tree, u64 addr,
		     unsigned int more) __must_check;
void vma_tree_release(struct quire *q, struct vma_tree *tree);
/* Puts an area in its place, and into the list of its neighbours. */
void vma_tree_insert(struct quire *q, struct vma_tree *tree, struct vm_area_struct *vma);
void vma_tree_erase(struct quire *q, struct vma_tree *tree, struct vm_area_struct *vma);
/* New bounds within the free space around an area. */
void vma_tree_set_range(struct vma_tree *tree, struct vm_area_struct *vma, u64 start, u64 end);
/* The highest, or the lowest, len free bytes in [low, high) below some area; 0. */
u64 vma_tree_gap_down(const struct vma_tree *tree, u64 len, u64 low, u64 high);
u64 vma_tree_gap_up(const struct vma_tree *tree, u64 len, u64 low, u64 high);

#endif
