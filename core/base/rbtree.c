/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees: balance, order, validation.  See rbtree.h.
 *
 * The balancing follows Cormen et al., chapter 13, without a sentinel.  Left
 * and right are the numbers 0 and 1, so of each pair of mirrored cases only
 * one is written.  The plain and augmented variants are one inline body; for
 * the plain one the compiler sees callbacks that do nothing.
 */
#include "base/rbtree.h"

#define rb_template static inline __attribute__((always_inline))

static inline void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->__rb_parent_color = (node->__rb_parent_color & RB_BLACK) | (unsigned long)parent;
}

static inline void set_black(struct rb_node *node)
{
	node->__rb_parent_color |= RB_BLACK;
}

static inline void set_red(struct rb_node *node)
{
	node->__rb_parent_color &= ~RB_BLACK;
}

static inline bool black_or_none(const struct rb_node *node)
{
	return !node || rb_is_black(node);
}

/* Which child of its parent node is; where both are missing, the right one,
 * which is as good. */
static inline int side_of(const struct rb_node *node, const struct rb_node *parent)
{
	return parent->rb_child[1] == node;
}

/* Whatever pointed at old, below parent or at the root, points at new. */
static inline void change_child(struct rb_node *old, struct rb_node *new, struct rb_node *parent,
				struct rb_root *root)
{
	if (parent)
		parent->rb_child[side_of(old, parent)] = new;
	else
		root->rb_node = new;
}

static void no_propagate(struct rb_node *node __unused, struct rb_node *stop __unused)
{
}

static void no_copy(struct rb_node *old __unused, struct rb_node *new __unused)
{
}

static void no_rotate(struct rb_node *old __unused, struct rb_node *new __unused)
{
}

static const struct rb_augment_callbacks no_augment = {
	.propagate = no_propagate,
	.copy = no_copy,
	.rotate = no_rotate,
};

/* Turns top towards side: its child on the other side comes up in its place.
 * Colours stay with the nodes. */
rb_template void rotate(struct rb_node *top, int side, struct rb_root *root,
			const struct rb_augment_callbacks *augment)
{
	struct rb_node *up = top->rb_child[!side];
	struct rb_node *between = up->rb_child[side];
	struct rb_node *parent = rb_parent(top);

	top->rb_child[!side] = between;
	if (between)
		set_parent(between, top);
	up->rb_child[side] = top;
	set_parent(up, parent);
	change_child(top, up, parent, root);
	set_parent(top, up);
	augment->rotate(top, up);
}

/* node is red; perhaps so is its parent, and nothing else is wrong. */
rb_template void insert_fixup(struct rb_node *node, struct rb_root *root,
			      const struct rb_augment_callbacks *augment)
{
	for (;;) {
		struct rb_node *parent = rb_parent(node), *grand, *uncle;
		int side;

		if (!parent) {
			set_black(node);
			return;
		}
		if (rb_is_black(parent))
			return;
		grand = rb_parent(parent); /* a red node is not the root */
		side = side_of(parent, grand);
		uncle = grand->rb_child[!side];
		if (!black_or_none(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			node = grand;
			continue;
		}
		if (node == parent->rb_child[!side]) {
			rotate(parent, side, root, augment);
			parent = node;
		}
		set_black(parent);
		set_red(grand);
		rotate(grand, !side, root, augment);
		return;
	}
}

/* The paths through node (which may be missing), a child of parent, are one
 * black node short. */
rb_template void erase_fixup(struct rb_node *node, struct rb_node *parent, struct rb_root *root,
			     const struct rb_augment_callbacks *augment)
{
	while (parent && black_or_none(node)) {
		int side = side_of(node, parent);
		struct rb_node *sibling = parent->rb_child[!side];

		if (rb_is_red(sibling)) {
			set_black(sibling);
			set_red(parent);
			rotate(parent, side, root, augment);
			sibling = parent->rb_child[!side];
		}
		if (black_or_none(sibling->rb_left) && black_or_none(sibling->rb_right)) {
			set_red(sibling);
			node = parent;
			parent = rb_parent(node);
			continue;
		}
		if (black_or_none(sibling->rb_child[!side])) {
			set_black(sibling->rb_child[side]);
			set_red(sibling);
			rotate(sibling, !side, root, augment);
			sibling = parent->rb_child[!side];
		}
		if (rb_is_black(parent))
			set_black(sibling);
		else
			set_red(sibling);
		set_black(parent);
		set_black(sibling->rb_child[!side]);
		rotate(parent, side, root, augment);
		return;
	}
	if (node)
		set_black(node);
}

/* node has two children: its successor leaves its own place and takes node's,
 * colour included.  Returns the parent of the gap; *gap is what fills it and
 * *lost_black whether a black node went from there. */
rb_template struct rb_node *swap_in_successor(struct rb_node *node, struct rb_root *root,
					      struct rb_node **gap, bool *lost_black,
					      const struct rb_augment_callbacks *augment)
{
	struct rb_node *next = node->rb_right, *parent;

	while (next->rb_left)
		next = next->rb_left;
	*gap = next->rb_right;
	*lost_black = rb_is_black(next);
	if (next == node->rb_right) {
		parent = next;
	} else {
		parent = rb_parent(next);
		parent->rb_left = *gap;
		if (*gap)
			set_parent(*gap, parent);
		next->rb_right = node->rb_right;
		set_parent(next->rb_right, next);
	}
	next->rb_left = node->rb_left;
	set_parent(next->rb_left, next);
	next->__rb_parent_color = node->__rb_parent_color;
	change_child(node, next, rb_parent(node), root);

	augment->copy(node, next);
	if (parent != next)
		augment->propagate(parent, next);
	augment->propagate(next, NULL);
	return parent;
}

rb_template void erase(struct rb_node *node, struct rb_root *root,
		       const struct rb_augment_callbacks *augment)
{
	struct rb_node *parent, *gap;
	bool lost_black;

	if (node->rb_left && node->rb_right) {
		parent = swap_in_successor(node, root, &gap, &lost_black, augment);
	} else {
		gap = node->rb_left ? node->rb_left : node->rb_right;
		parent = rb_parent(node);
		lost_black = rb_is_black(node);
		if (gap)
			set_parent(gap, parent);
		change_child(node, gap, parent, root);
		if (parent)
			augment->propagate(parent, NULL);
	}
	if (lost_black)
		erase_fixup(gap, parent, root, augment);
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	insert_fixup(node, root, &no_augment);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	erase(node, root, &no_augment);
}

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment)
{
	insert_fixup(node, root, augment);
}

void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment)
{
	erase(node, root, augment);
}

void rb_replace_node(struct rb_node *victim, struct rb_node *new, struct rb_root *root)
{
	*new = *victim;
	if (new->rb_left)
		set_parent(new->rb_left, new);
	if (new->rb_right)
		set_parent(new->rb_right, new);
	change_child(victim, new, rb_parent(victim), root);
}

/* As far down as it goes on one side. */
static struct rb_node *outermost(struct rb_node *node, int side)
{
	if (node)
		while (node->rb_child[side])
			node = node->rb_child[side];
	return node;
}

static inline struct rb_node *neighbour(const struct rb_node *node, int side)
{
	struct rb_node *parent;

	if (node->rb_child[side])
		return outermost(node->rb_child[side], !side);
	while ((parent = rb_parent(node)) && node == parent->rb_child[side])
		node = parent;
	return parent;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return outermost(root->rb_node, 0);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return outermost(root->rb_node, 1);
}

struct rb_node *rb_next(const struct rb_node *node)
{
	return neighbour(node, 1);
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	return neighbour(node, 0);
}

/* The first leaf below node, keeping left. */
static struct rb_node *first_leaf(struct rb_node *node)
{
	while (node && (node->rb_left || node->rb_right))
		node = node->rb_left ? node->rb_left : node->rb_right;
	return node;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return first_leaf(root->rb_node);
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *parent = rb_parent(node);

	if (parent && node == parent->rb_left && parent->rb_right)
		return first_leaf(parent->rb_right);
	return parent;
}

/* node's children are its own, two, and not red below red. */
static bool children_sane(const struct rb_node *node)
{
	int side;

	if (node->rb_left && node->rb_left == node->rb_right)
		return false;
	for (side = 0; side < 2; side++) {
		const struct rb_node *child = node->rb_child[side];

		if (!child)
			continue;
		if ((child->__rb_parent_color & ~RB_BLACK) != (unsigned long)node)
			return false;
		if (rb_is_red(node) && rb_is_red(child))
			return false;
	}
	return true;
}

bool rb_validate(const struct rb_root *root)
{
	const struct rb_node *node = root->rb_node, *parent;
	long blacks = 1, height = -1;

	if (!node)
		return true;
	if (node->__rb_parent_color != RB_BLACK)
		return false;
	/*
	 * Down before up, and down only to children that name their parent: so
	 * each node is entered once, and climbing retraces the way.
	 */
	for (;;) {
		if (!children_sane(node))
			return false;
		if (!node->rb_left || !node->rb_right) {
			if (height >= 0 && height != blacks)
				return false;
			height = blacks;
		}
		if (node->rb_left || node->rb_right) {
			node = node->rb_left ? node->rb_left : node->rb_right;
			blacks += rb_is_black(node);
			continue;
		}
		for (;;) {
			parent = rb_parent(node);
			if (!parent)
				return true;
			blacks -= rb_is_black(node);
			if (node == parent->rb_left && parent->rb_right)
				break;
			node = parent;
		}
		node = parent->rb_right;
		blacks += rb_is_black(node);
	}
}

bool rb_validate_cached(const struct rb_root_cached *root)
{
	return rb_validate(&root->rb_root) && root->rb_leftmost == rb_first(&root->rb_root);
}
