/* SPDX-License-Identifier: MIT */
/*
 * A B-tree of ranges: which areas an address space has, and where it has room.
 *
 * A node is four cache lines of ten slots.  A leaf's slots are areas by address,
 * those of the levels above are nodes; beside each slot stand where it ends, by
 * which a search goes down in two lines a level, and its gap: of an area the free
 * bytes right below it, of a node the largest gap in there.  So the highest or the
 * lowest gap of a given length is found in one descent, and no area but the one
 * that is wanted is touched.  Areas also know their neighbours.
 *
 * A full node is cut where the new slot goes, within bounds: areas that come one
 * below the other, as mmap() places them, leave full nodes behind.
 *
 * Invariants: all leaves are at one depth; a node but the root has 3 to 10 slots,
 * a root above leaves 2 or more; end[] rises, and beyond nr it is ~0; end[] and
 * gap[] of a node's slot are the last end and the largest gap in it.
 *
 * Locks: the caller's, mmap_lock for writing; a growing stack holds it for reading
 * and page_table_lock.  Differs from Linux's maple tree: that has leaves of sixteen
 * slots, gaps as slots of their own, and readers without locks; nodes of the same
 * size come from the same slab.
 */
#include "space/vma_tree.h"
#include "space/internal.h"

_Static_assert(sizeof(struct vma_node) == 256, "as Linux's maple_node");

/* How many slots end at or below addr; without branches but one of halves. */
static inline unsigned int slot_of(const struct vma_node *node, u64 addr)
{
	const u64 *end = node->end;
	unsigned int n = 0;

	if (end[VMA_NODE_SLOTS / 2 - 1] <= addr)
		n = VMA_NODE_SLOTS / 2;
	end += n;
	for (unsigned int i = 0; i < VMA_NODE_SLOTS / 2; i++)
		n += end[i] <= addr;
	return n;
}

struct vm_area_struct *vma_tree_find(const struct vma_tree *tree, u64 addr)
{
	const struct vma_node *node = tree->root;
	unsigned int i;

	for (unsigned int level = tree->height; level > 0; level--) {
		i = slot_of(node, addr);
		if (i >= node->nr)
			return NULL;
		node = node->slot[i];
	}
	return (struct vm_area_struct *)node;
}

struct vm_area_struct *vma_tree_last(const struct vma_tree *tree)
{
	const struct vma_node *node = tree->root;

	for (unsigned int level = tree->height; level > 0; level--)
		node = node->slot[node->nr - 1];
	return (struct vm_area_struct *)node;
}

/*
 * The way to the first area that ends above addr, or behind the last one; its slot
 * in the leaf is path->at[0].  It is kept in the tree: whoever changes something
 * looks around there first, so most ways are there already.
 */
static struct vma_path *find_path(struct vma_tree *tree, u64 addr)
{
	struct vma_path *path = &tree->path;
	struct vma_node *node = path->node[0];

	if (!path->valid || addr < path->low || addr >= node->end[node->nr - 1]) {
		node = tree->root;
		path->low = 0;
		for (unsigned int level = tree->height; level-- > 0;) {
			unsigned int i = slot_of(node, addr);

			if (level && i >= node->nr)
				i = (unsigned int)node->nr - 1;
			if (i && level)
				path->low = node->end[i - 1];
			path->node[level] = node;
			path->at[level] = (u8)i;
			if (level)
				node = node->slot[i];
		}
		/* An empty leaf is about to be filled. */
		path->valid = tree->height && path->node[0]->nr;
	}
	if (tree->height)
		path->at[0] = (u8)slot_of(path->node[0], addr);
	return path;
}

struct vm_area_struct *vma_tree_find_prev(struct vma_tree *tree, u64 addr,
					  struct vm_area_struct **prev)
{
	struct vma_path *path = find_path(tree, addr);
	const struct vma_node *leaf = path->node[0];
	struct vm_area_struct *vma = NULL;

	if (tree->height && path->at[0] < leaf->nr)
		vma = leaf->slot[path->at[0]];
	*prev = vma ? vma->vm_prev : vma_tree_last(tree);
	return vma;
}

/* ---- slots of one node ----------------------------------------------------------- */

static u64 largest_gap(const struct vma_node *node)
{
	u64 gap = 0;

	for (unsigned int i = 0; i < node->nr; i++)
		gap = max(gap, node->gap[i]);
	return gap;
}

static void move_slots(struct vma_node *to, unsigned int at, const struct vma_node *from,
		       unsigned int first, unsigned int n)
{
	memmove(to->end + at, from->end + first, n * sizeof(to->end[0]));
	memmove(to->slot + at, from->slot + first, n * sizeof(to->slot[0]));
	memmove(to->gap + at, from->gap + first, n * sizeof(to->gap[0]));
}

static void set_nr(struct vma_node *node, unsigned int nr)
{
	node->nr = nr;
	for (unsigned int i = nr; i < VMA_NODE_SLOTS; i++)
		node->end[i] = ~0UL;
}

static void put_slot(struct vma_node *node, unsigned int at, u64 end, u64 gap, void *slot)
{
	move_slots(node, at + 1, node, at, (unsigned int)node->nr - at);
	node->end[at] = end;
	node->gap[at] = gap;
	node->slot[at] = slot;
	node->nr++;
}

static void take_slot(struct vma_node *node, unsigned int at)
{
	move_slots(node, at, node, at + 1, (unsigned int)node->nr - at - 1);
	set_nr(node, (unsigned int)node->nr - 1);
}

/* What the slot of a node above says of it. */
static void sum_up(struct vma_node *above, unsigned int at, const struct vma_node *node)
{
	above->end[at] = node->end[node->nr - 1];
	above->gap[at] = largest_gap(node);
}

/* A node of this level changed: those above are told, as far as it matters. */
static void update_above(const struct vma_tree *tree, struct vma_path *path, unsigned int level)
{
	for (; level + 1 < tree->height; level++) {
		struct vma_node *above = path->node[level + 1];
		unsigned int at = path->at[level + 1];
		u64 end = above->end[at], gap = above->gap[at];

		sum_up(above, at, path->node[level]);
		if (above->end[at] == end && above->gap[at] == gap)
			break;
	}
}

/* ---- nodes ----------------------------------------------------------------------- */

static struct vma_node *take_spare(struct quire *q, struct vma_tree *tree)
{
	struct vma_node *node = tree->spare;

	BUG_ON(q, !node);
	tree->spare = node->next_spare;
	tree->nr_spare--;
	node->next_spare = NULL;
	set_nr(node, 0);
	return node;
}

static void free_node(struct quire *q, struct vma_node *node)
{
	kmem_cache_free(q, q->space->maple_node_cachep, node);
}

int vma_tree_reserve(struct quire *q, struct vma_tree *tree, u64 addr, unsigned int more)
{
	unsigned int level = 0, need = more * (tree->height + 2);
	const struct vma_path *path = find_path(tree, addr);

	while (level < tree->height && path->node[level]->nr == VMA_NODE_SLOTS)
		level++;
	need += level + (level == tree->height); /* a new root */
	while (tree->nr_spare < need) {
		struct vma_node *node =
			kmem_cache_alloc(q, q->space->maple_node_cachep, GFP_KERNEL);

		if (!node) {
			vma_tree_release(q, tree);
			return -ENOMEM;
		}
		node->next_spare = tree->spare;
		tree->spare = node;
		tree->nr_spare++;
	}
	return 0;
}

void vma_tree_release(struct quire *q, struct vma_tree *tree)
{
	while (unlikely(tree->spare)) {
		struct vma_node *node = tree->spare;

		tree->spare = node->next_spare;
		tree->nr_spare--;
		free_node(q, node);
	}
}

/* ---- insertion ------------------------------------------------------------------- */

static void grow_root(struct quire *q, struct vma_tree *tree, struct vma_path *path)
{
	struct vma_node *root = take_spare(q, tree);

	if (tree->root) {
		put_slot(root, 0, 0, 0, tree->root);
		sum_up(root, 0, tree->root);
	}
	tree->root = root;
	path->node[tree->height] = root;
	path->at[tree->height] = 0;
	path->valid = false;
	tree->height++;
}

/* Goes up as long as nodes are full, one level at a time. */
static void insert_slot(struct quire *q, struct vma_tree *tree, struct vma_path *path, u64 end,
			u64 gap, void *slot)
{
	unsigned int level = 0, at = path->at[0];

	for (;; level++) {
		struct vma_node *node = path->node[level], *right;
		unsigned int keep;

		if (node->nr < VMA_NODE_SLOTS) {
			put_slot(node, at, end, gap, slot);
			update_above(tree, path, level);
			return;
		}
		path->valid = false;
		right = take_spare(q, tree);
		keep = clamp(at, (unsigned int)VMA_NODE_MIN,
			     (unsigned int)(VMA_NODE_SLOTS - VMA_NODE_MIN));
		move_slots(right, 0, node, keep, VMA_NODE_SLOTS - keep);
		right->nr = VMA_NODE_SLOTS - keep;
		set_nr(node, keep);
		if (at <= keep)
			put_slot(node, at, end, gap, slot);
		else
			put_slot(right, at - keep, end, gap, slot);
		if (level + 1 == tree->height)
			grow_root(q, tree, path);
		sum_up(path->node[level + 1], path->at[level + 1], node);
		at = path->at[level + 1] + 1;
		end = right->end[right->nr - 1];
		gap = largest_gap(right);
		slot = right;
	}
}

void vma_tree_insert(struct quire *q, struct vma_tree *tree, struct vm_area_struct *vma)
{
	struct vm_area_struct *prev = NULL, *next = NULL;
	struct vma_path *path;
	struct vma_node *leaf;

	if (!tree->root)
		grow_root(q, tree, &tree->path);
	path = find_path(tree, vma->vm_start);
	leaf = path->node[0];
	if (path->at[0] < leaf->nr) {
		next = leaf->slot[path->at[0]];
		prev = next->vm_prev;
	} else if (leaf->nr) {
		prev = leaf->slot[leaf->nr - 1];
	}
	VM_BUG_ON(q, prev && prev->vm_end > vma->vm_start);
	VM_BUG_ON(q, next && next->vm_start < vma->vm_end);
	vma->vm_prev = prev;
	vma->vm_next = next;
	if (prev)
		prev->vm_next = vma;
	if (next) {
		next->vm_prev = vma;
		leaf->gap[path->at[0]] = vma_own_gap(next);
	}
	insert_slot(q, tree, path, vma->vm_end, vma_own_gap(vma), vma);
}

/* ---- removal --------------------------------------------------------------------- */

/* The root has lost a slot: it may have become needless. */
static void shrink_root(struct quire *q, struct vma_tree *tree)
{
	struct vma_node *root = tree->root;

	if (root->nr > 1 || (tree->height == 1 && root->nr))
		return;
	tree->root = tree->height == 1 ? NULL : root->slot[0];
	tree->height--;
	tree->path.valid = false;
	free_node(q, root);
}

/* A node that has too few slots takes some of a neighbour's, or becomes one with
 * it: true, and the node above has a slot less. */
static bool fill_up(struct quire *q, struct vma_path *path, unsigned int level)
{
	struct vma_node *above = path->node[level + 1], *left, *right;
	unsigned int at = path->at[level + 1], total, half, n;

	if (at)
		at--;
	left = above->slot[at];
	right = above->slot[at + 1];
	total = (unsigned int)(left->nr + right->nr);
	if (total <= VMA_NODE_SLOTS - 2) {
		move_slots(left, (unsigned int)left->nr, right, 0, (unsigned int)right->nr);
		left->nr = total;
		free_node(q, right);
		take_slot(above, at + 1);
		sum_up(above, at, left);
		return true;
	}
	half = total / 2;
	if (left->nr < half) {
		n = half - (unsigned int)left->nr;
		move_slots(left, (unsigned int)left->nr, right, 0, n);
		left->nr = half;
		move_slots(right, 0, right, n, (unsigned int)right->nr - n);
		set_nr(right, total - half);
	} else {
		n = (unsigned int)left->nr - half;
		move_slots(right, n, right, 0, (unsigned int)right->nr);
		move_slots(right, 0, left, half, n);
		right->nr = total - half;
		set_nr(left, half);
	}
	sum_up(above, at, left);
	sum_up(above, at + 1, right);
	return false;
}

/* A slot's gap, after an area below it came, went or changed. */
static void update_gap(struct vma_tree *tree, struct vm_area_struct *vma)
{
	struct vma_path *path = find_path(tree, vma->vm_start);

	path->node[0]->gap[path->at[0]] = vma_own_gap(vma);
	update_above(tree, path, 0);
}

void vma_tree_erase(struct quire *q, struct vma_tree *tree, struct vm_area_struct *vma)
{
	struct vm_area_struct *prev = vma->vm_prev, *next = vma->vm_next;
	struct vma_path *path = find_path(tree, vma->vm_start);
	struct vma_node *leaf = path->node[0];
	unsigned int level = 0, at = path->at[0];

	VM_BUG_ON(q, leaf->slot[at] != vma);
	if (prev)
		prev->vm_next = next;
	if (next)
		next->vm_prev = prev;
	take_slot(leaf, at);
	if (at < leaf->nr) {
		leaf->gap[at] = vma_own_gap(next);
		next = NULL; /* done */
	}
	while (level + 1 < tree->height && path->node[level]->nr < VMA_NODE_MIN) {
		path->valid = false;
		if (!fill_up(q, path, level++))
			break;
	}
	if (level + 1 == tree->height)
		shrink_root(q, tree);
	else
		update_above(tree, path, level);
	if (next)
		update_gap(tree, next);
}

void vma_tree_set_range(struct vma_tree *tree, struct vm_area_struct *vma, u64 start, u64 end)
{
	struct vm_area_struct *next = vma->vm_next;
	struct vma_path *path = find_path(tree, vma->vm_start);
	struct vma_node *leaf = path->node[0];
	unsigned int at = path->at[0];

	vma->vm_start = start;
	vma->vm_end = end;
	leaf->end[at] = end;
	leaf->gap[at] = vma_own_gap(vma);
	if (at + 1 < leaf->nr)
		leaf->gap[at + 1] = vma_own_gap(next);
	update_above(tree, path, 0);
	if (next && at + 1 == leaf->nr)
		update_gap(tree, next);
}

/* ---- gaps ------------------------------------------------------------------------ */

/*
 * below: where the area before the first one of this node ends.  What can't hold
 * len bytes is not entered, nor what lies beyond the bounds.  Calls itself for the
 * levels below, at most tree->height deep.
 */
static u64 gap_down(const struct vma_node *node, unsigned int level, u64 below, u64 len, u64 low,
		    u64 high)
{
	for (unsigned int i = (unsigned int)node->nr; i-- > 0;) {
		u64 from = i ? node->end[i - 1] : below, addr;

		if (node->end[i] <= low)
			return 0;
		if (node->gap[i] < len || from + len > high)
			continue;
		if (level) {
			addr = gap_down(node->slot[i], level - 1, from, len, low, high);
			if (addr)
				return addr;
			continue;
		}
		addr = min(from + node->gap[i], high);
		if (addr >= max(from, low) + len)
			return addr - len;
	}
	return 0;
}

static u64 gap_up(const struct vma_node *node, unsigned int level, u64 below, u64 len, u64 low,
		  u64 high)
{
	for (unsigned int i = 0; i < node->nr; i++) {
		u64 from = i ? node->end[i - 1] : below, addr;

		if (from + len > high)
			return 0;
		if (node->gap[i] < len || node->end[i] <= low)
			continue;
		if (level) {
			addr = gap_up(node->slot[i], level - 1, from, len, low, high);
			if (addr)
				return addr;
			continue;
		}
		addr = max(from, low);
		if (min(from + node->gap[i], high) >= addr + len)
			return addr;
	}
	return 0;
}

u64 vma_tree_gap_down(const struct vma_tree *tree, u64 len, u64 low, u64 high)
{
	return tree->root ? gap_down(tree->root, tree->height - 1, 0, len, low, high) : 0;
}

u64 vma_tree_gap_up(const struct vma_tree *tree, u64 len, u64 low, u64 high)
{
	return tree->root ? gap_up(tree->root, tree->height - 1, 0, len, low, high) : 0;
}
