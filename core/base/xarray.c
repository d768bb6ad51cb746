/* SPDX-License-Identifier: MIT */
/*
 * The sparse array: storing, erasing, marks, searches.  See xarray.h.
 *
 * A store first counts the nodes it will need and allocates them all; from
 * then on nothing can fail.  Erasing frees the nodes that it empties, then
 * takes levels off the top for as long as only the root's slot 0 is in use.
 */
#include "base/xarray.h"

/* Shifts 0, 6, ... 60. */
#define XA_LEVELS 11
/* A root raised over all levels, and a second path down from it. */
#define XA_STORE_MAX (2 * XA_LEVELS - 1)

static inline unsigned slot_of(const struct xa_node *node, unsigned long index)
{
	return (index >> node->shift) & XA_CHUNK_MASK;
}

static inline void *node_entry(const struct xa_node *node)
{
	return (void *)((unsigned long)node + 2);
}

/* The shift of the lowest root that reaches index. */
static unsigned shift_for(unsigned long index)
{
	return index ? ilog2(index) / XA_CHUNK_SHIFT * XA_CHUNK_SHIFT : 0;
}

static void free_node(struct xarray *xa, struct xa_node *node)
{
	xa->ops->free(xa->ctx, node);
}

/* How many nodes must be made before index has a leaf. */
static unsigned nodes_needed(const struct xarray *xa, unsigned long index)
{
	unsigned top = shift_for(index), below = top / XA_CHUNK_SHIFT;
	const struct xa_node *node;

	if (!xa->xa_head)
		return 1 + below;
	/* The entry at 0 gets a path of its own. */
	if (!xa_is_node(xa->xa_head))
		return 1 + below + below;
	node = xa_to_node(xa->xa_head);
	if (top > node->shift)
		return (top - node->shift) / XA_CHUNK_SHIFT + below;
	while (node->shift) {
		const void *entry = node->slots[slot_of(node, index)];

		if (!entry)
			break;
		node = xa_to_node(entry);
	}
	return node->shift / XA_CHUNK_SHIFT;
}

/* All or nothing. */
static bool alloc_nodes(struct xarray *xa, struct xa_node **pool, unsigned nr)
{
	unsigned i;

	for (i = 0; i < nr; i++) {
		pool[i] = xa->ops->alloc(xa->ctx);
		if (!pool[i])
			break;
		memset(pool[i], 0, sizeof(*pool[i]));
		INIT_LIST_HEAD(&pool[i]->private_list);
	}
	if (i == nr)
		return true;
	while (i--)
		free_node(xa, pool[i]);
	return false;
}

/* Hangs child, marks and all, into an empty slot of parent. */
static void adopt(struct xa_node *parent, unsigned slot, struct xa_node *child)
{
	unsigned m;

	child->parent = parent;
	child->offset = (u8)slot;
	parent->slots[slot] = node_entry(child);
	parent->count++;
	parent->marks[XA_PRESENT] |= BIT(slot);
	for (m = 0; m < XA_MAX_MARKS; m++)
		if (child->marks[m])
			parent->marks[m] |= BIT(slot);
}

static void *leaf_store(struct xa_node *leaf, unsigned long index, void *entry)
{
	unsigned slot = index & XA_CHUNK_MASK;
	void *old = leaf->slots[slot];

	leaf->slots[slot] = entry;
	if (!old) {
		leaf->count++;
		leaf->marks[XA_PRESENT] |= BIT(slot);
	}
	leaf->nr_values = (u8)(leaf->nr_values + xa_is_value(entry) - xa_is_value(old));
	return old;
}

/* Makes index's leaf out of the nodes in pool, exactly nodes_needed() many. */
static struct xa_node *make_leaf(struct xarray *xa, unsigned long index, struct xa_node **pool)
{
	unsigned top = shift_for(index);
	struct xa_node *node, *up;

	if (xa_is_node(xa->xa_head)) {
		node = xa_to_node(xa->xa_head);
	} else {
		node = *pool++;
		if (xa->xa_head) {
			unsigned m;

			leaf_store(node, 0, xa->xa_head);
			for (m = 0; m < XA_MAX_MARKS; m++)
				node->marks[m] = (xa->xa_marks >> m) & 1;
		} else {
			node->shift = (u8)top;
		}
	}
	while (node->shift < top) {
		up = *pool++;
		up->shift = (u8)(node->shift + XA_CHUNK_SHIFT);
		adopt(up, 0, node);
		node = up;
	}
	xa->xa_head = node_entry(node);
	while (node->shift) {
		unsigned slot = slot_of(node, index);

		if (!node->slots[slot]) {
			struct xa_node *child = *pool++;

			child->shift = (u8)(node->shift - XA_CHUNK_SHIFT);
			adopt(node, slot, child);
		}
		node = xa_to_node(node->slots[slot]);
	}
	return node;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry)
{
	struct xa_node *pool[XA_STORE_MAX];
	struct xa_node *leaf;

	if (!entry)
		return xa_erase(xa, index);
	if (unlikely(xa_is_node(entry) || IS_ERR(entry)))
		return ERR_PTR(-EINVAL);
	leaf = xa_leaf(xa, index);
	if (likely(leaf))
		return leaf_store(leaf, index, entry);
	if (index == 0 && !xa_is_node(xa->xa_head)) {
		void *old = xa->xa_head;

		xa->xa_head = entry;
		return old;
	}
	if (!alloc_nodes(xa, pool, nodes_needed(xa, index)))
		return ERR_PTR(-ENOMEM);
	return leaf_store(make_leaf(xa, index, pool), index, entry);
}

/* Clears one bit of one mark, and upwards for as long as it was the last. */
static void node_clear_mark(struct xarray *xa, struct xa_node *node, unsigned slot, xa_mark_t mark)
{
	if (!(node->marks[mark] & BIT(slot)))
		return;
	for (;;) {
		node->marks[mark] &= ~BIT(slot);
		if (node->marks[mark])
			return;
		if (!node->parent)
			break;
		slot = node->offset;
		node = node->parent;
	}
	xa->xa_marks &= ~(1U << mark);
}

/* Frees node if it is empty, then its parent if that is empty now, and so on. */
static void prune(struct xarray *xa, struct xa_node *node)
{
	while (node && !node->count) {
		struct xa_node *parent = node->parent;

		if (parent) {
			parent->slots[node->offset] = NULL;
			parent->marks[XA_PRESENT] &= ~BIT(node->offset);
			parent->count--;
		} else {
			xa->xa_head = NULL;
		}
		free_node(xa, node);
		node = parent;
	}
}

/* Takes off roots that only lead to their slot 0. */
static void shrink(struct xarray *xa)
{
	while (xa_is_node(xa->xa_head)) {
		struct xa_node *root = xa_to_node(xa->xa_head);

		if (root->marks[XA_PRESENT] != BIT(0))
			break;
		xa->xa_head = root->slots[0];
		if (xa_is_node(xa->xa_head))
			xa_to_node(xa->xa_head)->parent = NULL;
		free_node(xa, root);
	}
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct xa_node *leaf = xa_leaf(xa, index);
	unsigned slot = index & XA_CHUNK_MASK, m;
	void *old;

	if (!leaf) {
		if (index || xa_is_node(xa->xa_head))
			return NULL;
		old = xa->xa_head;
		xa->xa_head = NULL;
		xa->xa_marks = 0;
		return old;
	}
	old = leaf->slots[slot];
	if (!old)
		return NULL;
	for (m = 0; m < XA_MAX_MARKS; m++)
		node_clear_mark(xa, leaf, slot, m);
	leaf->slots[slot] = NULL;
	leaf->marks[XA_PRESENT] &= ~BIT(slot);
	leaf->count--;
	leaf->nr_values = (u8)(leaf->nr_values - xa_is_value(old));
	prune(xa, leaf);
	shrink(xa);
	return old;
}

void xa_delete_node(struct xarray *xa, struct xa_node *leaf)
{
	unsigned long present = leaf->marks[XA_PRESENT], base = 0;
	const struct xa_node *node;

	for (node = leaf; node->parent; node = node->parent)
		base |= (unsigned long)node->offset << node->parent->shift;
	/* The leaf may go, or shrink into the head, before the last one. */
	for (; present; present &= present - 1)
		xa_erase(xa, base + (unsigned)__builtin_ctzl(present));
}

void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	struct xa_node *node = xa_leaf(xa, index);
	unsigned slot = index & XA_CHUNK_MASK;

	if (!xa_load(xa, index))
		return;
	while (node && !(node->marks[mark] & BIT(slot))) {
		node->marks[mark] |= BIT(slot);
		slot = node->offset;
		node = node->parent;
	}
	xa->xa_marks |= 1U << mark;
}

void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	struct xa_node *leaf = xa_leaf(xa, index);

	if (leaf)
		node_clear_mark(xa, leaf, index & XA_CHUNK_MASK, mark);
	else if (index == 0 && !xa_is_node(xa->xa_head))
		xa->xa_marks &= ~(1U << mark);
}

bool xa_get_mark(const struct xarray *xa, unsigned long index, xa_mark_t mark)
{
	const struct xa_node *leaf = xa_leaf(xa, index);

	if (leaf)
		return (leaf->marks[mark] >> (index & XA_CHUNK_MASK)) & 1;
	return index == 0 && xa->xa_head && !xa_is_node(xa->xa_head) && xa_marked(xa, mark);
}

/*
 * The leaf and index of the first match in [*index, max] below the root, or
 * NULL.  Where a node has no bit from the present slot on, the search goes on
 * at the parent's next slot; where a bit is further right, index jumps to it.
 */
static const struct xa_node *find_leaf(const struct xa_node *node, unsigned long *index,
				       unsigned long max, xa_mark_t filter)
{
	unsigned long i = *index;
	unsigned offset;

	if (i >> node->shift >= XA_CHUNK_SIZE)
		return NULL;
	while (i <= max) {
		unsigned slot = slot_of(node, i);
		unsigned long bits = node->marks[filter] >> slot;

		if (bits) {
			unsigned skip = (unsigned)__builtin_ctzl(bits);

			if (skip) {
				i = ((i >> node->shift) + skip) << node->shift;
				if (i > max)
					return NULL;
			}
			if (!node->shift) {
				*index = i;
				return node;
			}
			node = xa_to_node(node->slots[slot + skip]);
			continue;
		}
		do {
			offset = node->offset;
			node = node->parent;
			if (!node)
				return NULL;
		} while (offset == XA_CHUNK_MASK);
		i = ((i >> node->shift) + 1) << node->shift;
		if (!i) /* past the last index there is */
			return NULL;
	}
	return NULL;
}

void *xa_find(const struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter)
{
	const struct xa_node *leaf;

	if (!xa_is_node(xa->xa_head))
		return *index == 0 && xa_marked(xa, filter) ? xa->xa_head : NULL;
	leaf = find_leaf(xa_to_node(xa->xa_head), index, max, filter);
	return leaf ? leaf->slots[*index & XA_CHUNK_MASK] : NULL;
}

void *xa_find_after(const struct xarray *xa, unsigned long *index, unsigned long max,
		    xa_mark_t filter)
{
	unsigned long next = *index + 1;
	void *entry;

	if (!next)
		return NULL;
	entry = xa_find(xa, &next, max, filter);
	if (entry)
		*index = next;
	return entry;
}

unsigned xa_gang(const struct xarray *xa, unsigned long start, unsigned long max_index, void **out,
		 unsigned long *indices, unsigned n, xa_mark_t filter)
{
	const struct xa_node *leaf;
	unsigned found = 0;

	if (!n)
		return 0;
	if (!xa_is_node(xa->xa_head)) {
		if (start || !xa_marked(xa, filter))
			return 0;
		out[0] = xa->xa_head;
		if (indices)
			indices[0] = 0;
		return 1;
	}
	while ((leaf = find_leaf(xa_to_node(xa->xa_head), &start, max_index, filter))) {
		unsigned long base = start & ~XA_CHUNK_MASK;
		unsigned long bits = leaf->marks[filter] & (~0UL << (start & XA_CHUNK_MASK));

		for (; bits; bits &= bits - 1) {
			unsigned slot = (unsigned)__builtin_ctzl(bits);

			if (base + slot > max_index)
				return found;
			out[found] = leaf->slots[slot];
			if (indices)
				indices[found] = base + slot;
			if (++found == n)
				return found;
		}
		start = base + XA_CHUNK_SIZE;
		if (!start)
			break;
	}
	return found;
}

void xa_destroy(struct xarray *xa)
{
	struct xa_node *node = xa_is_node(xa->xa_head) ? xa_to_node(xa->xa_head) : NULL;

	/* The presence bits serve as the list of children still to visit. */
	while (node) {
		unsigned long left = node->shift ? node->marks[XA_PRESENT] : 0;
		struct xa_node *parent = node->parent;

		if (left) {
			node->marks[XA_PRESENT] = left & (left - 1);
			node = xa_to_node(node->slots[__builtin_ctzl(left)]);
		} else {
			free_node(xa, node);
			node = parent;
		}
	}
	xa->xa_head = NULL;
	xa->xa_marks = 0;
}

static bool validate_node(const struct xa_node *node);

/* A child that an upper node's slot leads to. */
static bool validate_child(const struct xa_node *node, unsigned slot)
{
	const struct xa_node *child;
	unsigned m;

	if (!xa_is_node(node->slots[slot]))
		return false;
	child = xa_to_node(node->slots[slot]);
	if (child->parent != node || child->offset != slot ||
	    child->shift + XA_CHUNK_SHIFT != node->shift)
		return false;
	for (m = 0; m < XA_MAX_MARKS; m++)
		if (((node->marks[m] >> slot) & 1) != (child->marks[m] != 0))
			return false;
	return validate_node(child);
}

/* Recursion ends: shifts fall strictly, so it is XA_LEVELS deep at most. */
static bool validate_node(const struct xa_node *node)
{
	unsigned long present = 0;
	unsigned slot, m, count = 0, values = 0;

	for (slot = 0; slot < XA_CHUNK_SIZE; slot++) {
		const void *entry = node->slots[slot];

		if (!entry)
			continue;
		present |= BIT(slot);
		count++;
		if (node->shift) {
			if (!validate_child(node, slot))
				return false;
		} else if (xa_is_node(entry)) {
			return false;
		} else {
			values += xa_is_value(entry);
		}
	}
	for (m = 0; m < XA_MAX_MARKS; m++)
		if (node->marks[m] & ~present)
			return false;
	return count && present == node->marks[XA_PRESENT] && count == node->count &&
	       values == node->nr_values;
}

bool xa_validate(const struct xarray *xa)
{
	const struct xa_node *root;
	unsigned m;

	if (xa->xa_marks >> XA_MAX_MARKS)
		return false;
	if (!xa->xa_head)
		return xa->xa_marks == 0;
	if (!xa_is_node(xa->xa_head))
		return true;
	root = xa_to_node(xa->xa_head);
	if (root->parent || root->offset || root->shift % XA_CHUNK_SHIFT ||
	    root->shift > (XA_LEVELS - 1) * XA_CHUNK_SHIFT || root->marks[XA_PRESENT] == BIT(0))
		return false;
	for (m = 0; m < XA_MAX_MARKS; m++)
		if (xa_marked(xa, m) != (root->marks[m] != 0))
			return false;
	return validate_node(root);
}
