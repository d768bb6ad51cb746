/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black trees, with Linux's names.
 *
 * The idea: the node lives inside the object and the tree never compares; the
 * caller walks down with its own comparison, hangs the node in with
 * rb_link_node() and lets rb_insert_color() restore the balance.  rb_add() and
 * rb_find() do the walk for those who can spare an indirect call.
 *
 * Invariants: the root is black; a red node has no red child; each path from a
 * node down to a missing child passes the same number of black nodes.  So
 * height <= 2 log2(n + 1).  rb_validate() checks them.
 *
 * An augmented tree keeps in each object a digest of its subtree (such as the
 * largest end of an interval).  Before rb_insert_augmented() the caller brings
 * the digests on the path from the new node to the root up to date; rotations
 * and removals are then reported through struct rb_augment_callbacks.
 *
 * The colour sits in bit 0 of the parent's address, so nodes are aligned to 8.
 * Locks: the caller's.  Unlike Linux's, children can be named by direction
 * (rb_child[0] is rb_left), so each case is written once, not twice.
 */
#ifndef QUIRE_BASE_RBTREE_H
#define QUIRE_BASE_RBTREE_H

#include "base/types.h"

struct rb_node {
	unsigned long __rb_parent_color;
	union {
		struct {
			struct rb_node *rb_left, *rb_right;
		};
		struct rb_node *rb_child[2];
	};
} __attribute__((aligned(sizeof(long))));

struct rb_root {
	struct rb_node *rb_node;
};

/* A tree that also remembers its first node. */
struct rb_root_cached {
	struct rb_root rb_root;
	struct rb_node *rb_leftmost;
};

/*
 * propagate: recompute the digests of node and its ancestors, up to but not
 *	including stop; may end early where a digest does not change.
 * copy: new takes old's place in the tree and its digest.
 * rotate: new, a child of old, has become old's parent; new's digest is what
 *	old's was, old's is recomputed from its children.
 */
struct rb_augment_callbacks {
	void (*propagate)(struct rb_node *node, struct rb_node *stop);
	void (*copy)(struct rb_node *old, struct rb_node *new);
	void (*rotate)(struct rb_node *old, struct rb_node *new);
};

#define RB_RED	 0UL
#define RB_BLACK 1UL

#define RB_ROOT	       ((struct rb_root){NULL})
#define RB_ROOT_CACHED ((struct rb_root_cached){{NULL}, NULL})

#define RB_EMPTY_ROOT(root) ((root)->rb_node == NULL)

/* A node that is in no tree points at itself, if RB_CLEAR_NODE() was asked. */
#define RB_EMPTY_NODE(node) ((node)->__rb_parent_color == (unsigned long)(node))
#define RB_CLEAR_NODE(node) ((node)->__rb_parent_color = (unsigned long)(node))

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

#define rb_entry_safe(ptr, type, member)                                      \
	({                                                                    \
		__typeof__(ptr) __res_ptr = (ptr);                            \
		__res_ptr ? rb_entry(__res_ptr, type, member) : (type *)NULL; \
	})

static inline struct rb_node *rb_parent(const struct rb_node *node)
{
	return (struct rb_node *)(node->__rb_parent_color & ~3UL);
}

static inline bool rb_is_black(const struct rb_node *node)
{
	return node->__rb_parent_color & RB_BLACK;
}

static inline bool rb_is_red(const struct rb_node *node)
{
	return !rb_is_black(node);
}

/* Neighbours in order; NULL at the ends.  rb_next() and rb_prev() are
 * amortised constant over a walk. */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

/* Children before parents: to free a whole tree without rebalancing it. */
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);

/* Rebalances after rb_link_node(). */
void rb_insert_color(struct rb_node *node, struct rb_root *root);
/* Removes node; its fields are left as they were. */
void rb_erase(struct rb_node *node, struct rb_root *root);
/* new takes victim's place; it must compare as victim did. */
void rb_replace_node(struct rb_node *victim, struct rb_node *new, struct rb_root *root);

void rb_insert_augmented(struct rb_node *node, struct rb_root *root,
			 const struct rb_augment_callbacks *augment);
void rb_erase_augmented(struct rb_node *node, struct rb_root *root,
			const struct rb_augment_callbacks *augment);

/* True if colours, black heights and parents are right.  Terminates on any
 * corruption whose pointers can be followed. */
bool __must_check rb_validate(const struct rb_root *root);
/* The same, and the remembered first node is the first. */
bool __must_check rb_validate_cached(const struct rb_root_cached *root);

/* Hangs node, red and childless, at *link, which is parent's empty child (or
 * the root's pointer, with parent NULL). */
static inline void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->__rb_parent_color = (unsigned long)parent | RB_RED;
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}

static inline struct rb_node *rb_first_cached(const struct rb_root_cached *root)
{
	return root->rb_leftmost;
}

/* leftmost: whether the walk down only ever went left. */
static inline void rb_insert_color_cached(struct rb_node *node, struct rb_root_cached *root,
					  bool leftmost)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_color(node, &root->rb_root);
}

static inline void rb_insert_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
					      bool leftmost,
					      const struct rb_augment_callbacks *augment)
{
	if (leftmost)
		root->rb_leftmost = node;
	rb_insert_augmented(node, &root->rb_root, augment);
}

static inline void rb_erase_cached(struct rb_node *node, struct rb_root_cached *root)
{
	if (root->rb_leftmost == node)
		root->rb_leftmost = rb_next(node);
	rb_erase(node, &root->rb_root);
}

static inline void rb_erase_augmented_cached(struct rb_node *node, struct rb_root_cached *root,
					     const struct rb_augment_callbacks *augment)
{
	if (root->rb_leftmost == node)
		root->rb_leftmost = rb_next(node);
	rb_erase_augmented(node, &root->rb_root, augment);
}

static inline void rb_replace_node_cached(struct rb_node *victim, struct rb_node *new,
					  struct rb_root_cached *root)
{
	if (root->rb_leftmost == victim)
		root->rb_leftmost = new;
	rb_replace_node(victim, new, &root->rb_root);
}

/* Adds node after all nodes that it is not less than: equals keep the order in
 * which they came. */
static inline void rb_add(struct rb_node *node, struct rb_root *root,
			  bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->rb_child[!less(node, parent)];
	}
	rb_link_node(node, parent, link);
	rb_insert_color(node, root);
}

/* As rb_add(); returns whether node is now the first. */
static inline bool rb_add_cached(struct rb_node *node, struct rb_root_cached *root,
				 bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &root->rb_root.rb_node, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		bool right = !less(node, *link);

		parent = *link;
		link = &parent->rb_child[right];
		if (right)
			leftmost = false;
	}
	rb_link_node(node, parent, link);
	rb_insert_color_cached(node, root, leftmost);
	return leftmost;
}

/* Any node for which cmp(key, node) is 0, or NULL. */
static inline struct rb_node *rb_find(const void *key, const struct rb_root *root,
				      int (*cmp)(const void *key, const struct rb_node *))
{
	struct rb_node *node = root->rb_node;

	while (node) {
		int c = cmp(key, node);

		if (c == 0)
			return node;
		node = node->rb_child[c > 0];
	}
	return NULL;
}

/* The body may free pos; the tree is not fit for use afterwards. */
#define rbtree_postorder_for_each_entry_safe(pos, n, root, field)                               \
	for (pos = rb_entry_safe(rb_first_postorder(root), __typeof__(*pos), field);            \
	     pos &&                                                                             \
	     ((n = rb_entry_safe(rb_next_postorder(&pos->field), __typeof__(*pos), field)), 1); \
	     pos = n)

/*
 * Defines `linkage const struct rb_augment_callbacks name` for objects of type
 * whose rb_node is field and whose digest is digest.  compute(object, exit)
 * recomputes the digest from the object and its children; it returns true if
 * exit is set and nothing changed.
 */
#define RB_DECLARE_CALLBACKS(linkage, name, type, field, digest, compute)                \
	static void name##_propagate(struct rb_node *node, struct rb_node *stop)         \
	{                                                                                \
		for (; node != stop; node = rb_parent(node))                             \
			if (compute(rb_entry(node, type, field), true))                  \
				break;                                                   \
	}                                                                                \
	static void name##_copy(struct rb_node *old, struct rb_node *new)                \
	{                                                                                \
		rb_entry(new, type, field)->digest = rb_entry(old, type, field)->digest; \
	}                                                                                \
	static void name##_rotate(struct rb_node *old, struct rb_node *new)              \
	{                                                                                \
		name##_copy(old, new);                                                   \
		compute(rb_entry(old, type, field), false);                              \
	}                                                                                \
	linkage const struct rb_augment_callbacks name = {                               \
		.propagate = name##_propagate,                                           \
		.copy = name##_copy,                                                     \
		.rotate = name##_rotate,                                                 \
	}

/* The same for the commonest digest, the maximum of value(object) over the
 * subtree. */
#define RB_DECLARE_CALLBACKS_MAX(linkage, name, type, field, digest_type, digest, value) \
	static inline bool name##_compute_max(type *obj, bool exit)                      \
	{                                                                                \
		digest_type top = value(obj);                                            \
		int i;                                                                   \
		for (i = 0; i < 2; i++) {                                                \
			struct rb_node *sub = obj->field.rb_child[i];                    \
			if (sub && rb_entry(sub, type, field)->digest > top)             \
				top = rb_entry(sub, type, field)->digest;                \
		}                                                                        \
		if (exit && obj->digest == top)                                          \
			return true;                                                     \
		obj->digest = top;                                                       \
		return false;                                                            \
	}                                                                                \
	RB_DECLARE_CALLBACKS(linkage, name, type, field, digest, name##_compute_max)

#endif
