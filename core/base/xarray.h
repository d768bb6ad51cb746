/* SPDX-License-Identifier: MIT */
/*
 * A sparse array of pointers indexed by an unsigned long, with Linux's names:
 * the page cache and the swap cache are kept in it.
 *
 * The idea: a radix tree of nodes of 64 slots, just as high as the largest
 * index needs.  An array that holds only index 0 has no node at all: the entry
 * is in xa_head.  Besides its slots a node has four bitmaps of 64 bits: three
 * marks (dirty, under writeback, to be written), and one for presence, which
 * is searched like a mark.
 *
 * What a slot may hold, by its two low bits:
 *	00	a pointer of the caller's (NULL: nothing)
 *	x1	a value of 63 bits: xa_mk_value()
 *	10	a node; never seen by the caller
 *
 * Invariants (xa_validate()): presence bits are the non-empty slots, and count
 * is their number; nr_values counts the values in a leaf; a mark's bit in an
 * upper node is set if and only if the child has that mark somewhere; no node
 * is empty; the root is needed (something other than its slot 0 is in use).
 *
 * A mark belongs to the index: it outlives replacement by another entry, and
 * goes when the index is erased.
 *
 * Locks: the caller's, for writers and readers.  Differs from Linux's: no
 * multi-index entries, no RCU, and nodes carry a presence bitmap where Linux's
 * have a pointer back to the array; the size is the same, 576 bytes.
 */
#ifndef QUIRE_BASE_XARRAY_H
#define QUIRE_BASE_XARRAY_H

#include "base/list.h"
#include "base/types.h"

#define XA_CHUNK_SHIFT 6
#define XA_CHUNK_SIZE  (1UL << XA_CHUNK_SHIFT)
#define XA_CHUNK_MASK  (XA_CHUNK_SIZE - 1)

typedef unsigned int xa_mark_t;

#define XA_MARK_0    0U
#define XA_MARK_1    1U
#define XA_MARK_2    2U
#define XA_MAX_MARKS 3U
/* In a search: any entry, marked or not. */
#define XA_PRESENT 3U

/*
 * Where nodes come from.  alloc returns sizeof(struct xa_node) bytes aligned
 * to 8, of any content, or NULL.  free takes one back; a node that its user
 * has linked on private_list is still linked then, and free unlinks it.
 */
struct xa_node_ops {
	void *(*alloc)(void *ctx);
	void (*free)(void *ctx, void *node);
};

struct xa_node {
	u8 shift;     /* of the index, for this node's slots: 0 in a leaf */
	u8 offset;    /* this node's slot in its parent */
	u8 count;     /* slots in use */
	u8 nr_values; /* of which values; 0 in upper nodes */
	struct xa_node *parent;
	struct list_head private_list; /* the array's user's (workingset); empty at first */
	void *slots[XA_CHUNK_SIZE];
	unsigned long marks[XA_MAX_MARKS + 1]; /* the last is presence */
};

_Static_assert(sizeof(struct xa_node) == 576, "a node is as large as Linux's radix_tree_node");

struct xarray {
	void *xa_head;	       /* NULL, the entry at index 0, or the root node */
	unsigned int xa_marks; /* bit m: mark m is somewhere in the array */
	const struct xa_node_ops *ops;
	void *ctx;
};

static inline void *xa_mk_value(unsigned long v)
{
	return (void *)((v << 1) | 1);
}

static inline unsigned long xa_to_value(const void *entry)
{
	return (unsigned long)entry >> 1;
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

static inline bool xa_is_node(const void *entry)
{
	return ((unsigned long)entry & 3) == 2;
}

static inline struct xa_node *xa_to_node(const void *entry)
{
	return (struct xa_node *)((unsigned long)entry - 2);
}

static inline void xa_init(struct xarray *xa, const struct xa_node_ops *ops, void *ctx)
{
	xa->xa_head = NULL;
	xa->xa_marks = 0;
	xa->ops = ops;
	xa->ctx = ctx;
}

static inline bool xa_empty(const struct xarray *xa)
{
	return xa->xa_head == NULL;
}

/* Whether any entry has the mark. */
static inline bool xa_marked(const struct xarray *xa, xa_mark_t mark)
{
	return mark == XA_PRESENT ? !xa_empty(xa) : (xa->xa_marks >> mark) & 1;
}

/*
 * The leaf whose slots include index, whether or not that slot is in use; NULL
 * if there is none (xa_head may still hold index 0).
 */
static inline struct xa_node *xa_leaf(const struct xarray *xa, unsigned long index)
{
	const void *entry = xa->xa_head;
	struct xa_node *node;
	unsigned shift;

	if (!xa_is_node(entry))
		return NULL;
	node = xa_to_node(entry);
	shift = node->shift;
	if (unlikely(index >> shift >= XA_CHUNK_SIZE))
		return NULL;
	while (shift) {
		entry = node->slots[(index >> shift) & XA_CHUNK_MASK];
		if (!entry)
			return NULL;
		node = xa_to_node(entry);
		shift -= XA_CHUNK_SHIFT;
	}
	return node;
}

/* The entry at index, or NULL. */
static inline void *xa_load(const struct xarray *xa, unsigned long index)
{
	const struct xa_node *leaf = xa_leaf(xa, index);

	if (likely(leaf))
		return leaf->slots[index & XA_CHUNK_MASK];
	return index || xa_is_node(xa->xa_head) ? NULL : xa->xa_head;
}

/*
 * Puts entry at index and returns what was there.  NULL erases.  Returns
 * ERR_PTR(-ENOMEM) if a node could not be had, with nothing changed, and
 * ERR_PTR(-EINVAL) for an entry that cannot be told from a node or an error.
 * Replacing an entry and erasing one never allocate.
 */
void *__must_check xa_store(struct xarray *xa, unsigned long index, void *entry);

/* Empties index and returns what was there; cannot fail. */
void *xa_erase(struct xarray *xa, unsigned long index);

/* Erases every entry of a leaf, and so frees it. */
void xa_delete_node(struct xarray *xa, struct xa_node *leaf);

/* On an index that holds nothing these do nothing, or return false. */
void xa_set_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
void xa_clear_mark(struct xarray *xa, unsigned long index, xa_mark_t mark);
bool xa_get_mark(const struct xarray *xa, unsigned long index, xa_mark_t mark);

/*
 * The first entry from *index (after *index) up to and including max that has
 * the mark, or any for XA_PRESENT.  *index becomes its index; when there is
 * none, NULL comes back and *index stays.
 */
void *xa_find(const struct xarray *xa, unsigned long *index, unsigned long max, xa_mark_t filter);
void *xa_find_after(const struct xarray *xa, unsigned long *index, unsigned long max,
		    xa_mark_t filter);

/*
 * Up to n entries from start up to and including max_index, in order, into
 * out[], and their indices into indices[] unless that is NULL.  Returns how
 * many.
 */
unsigned xa_gang(const struct xarray *xa, unsigned long start, unsigned long max_index, void **out,
		 unsigned long *indices, unsigned n, xa_mark_t filter);

/* Frees all nodes; the array is empty afterwards, and fit for use. */
void xa_destroy(struct xarray *xa);

/* True if the invariants above hold. */
bool __must_check xa_validate(const struct xarray *xa);

/* The walks; index is an unsigned long, and the body may store and erase. */
#define __xa_for_each(xa, index, entry, start, last, filter)                    \
	for (index = (start), entry = xa_find(xa, &index, last, filter); entry; \
	     entry = xa_find_after(xa, &index, last, filter))

#define xa_for_each_range(xa, index, entry, start, last) \
	__xa_for_each(xa, index, entry, start, last, XA_PRESENT)
#define xa_for_each_start(xa, index, entry, start) \
	__xa_for_each(xa, index, entry, start, ULONG_MAX, XA_PRESENT)
#define xa_for_each(xa, index, entry) __xa_for_each(xa, index, entry, 0, ULONG_MAX, XA_PRESENT)
#define xa_for_each_marked(xa, index, entry, filter) \
	__xa_for_each(xa, index, entry, 0, ULONG_MAX, filter)

#endif
