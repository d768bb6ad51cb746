/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: which physical ranges exist and which are taken, before there
 * is a buddy allocator.  Allocation is top-down within a node, aligned; at the
 * end of boot what is free goes to the buddy (memblock_free_all in page/) and
 * the records stay, so that /proc and the verifier know what boot took.
 */
#ifndef QUIRE_NODE_MEMBLOCK_H
#define QUIRE_NODE_MEMBLOCK_H

#include "node/mmzone.h"

#define MEMBLOCK_REGIONS 1024

struct memblock_region {
	u64 base, size; /* bytes */
	unsigned int nid;
};

struct memblock_type {
	unsigned int cnt;
	struct memblock_region regions[MEMBLOCK_REGIONS]; /* sorted, apart */
};

struct memblock {
	struct memblock_type memory;   /* what exists */
	struct memblock_type reserved; /* what is taken */
	/* What boot allocates from first: a reserved range of each node, where
	 * the configuration says what is reserved (struct quire_layout). */
	struct memblock_region pool[QUIRE_MAX_NODES];
	bool closed;		       /* the buddy owns memory now */
};

/* 0 or -ENOSPC when the table is full.  Neighbours of one node merge. */
int memblock_add(struct quire *q, u64 base, u64 size, unsigned int nid);
int memblock_reserve(struct quire *q, u64 base, u64 size, unsigned int nid);

/* Takes [base, base + size) out of what is reserved, where it is.  Boot memory
 * itself does not use it again: it is for what goes to the buddy late. */
void memblock_free(struct quire *q, u64 base, u64 size);
/* The same of what exists, for memory that goes offline.  -ENOSPC. */
int memblock_remove(struct quire *q, u64 base, u64 size);

/*
 * size_bytes of zeroed memory of node nid (others if it has none), aligned to
 * a power of two: its kernel address, or NULL.  Only before the buddy is up.
 */
void *memblock_alloc(struct quire *q, u64 size_bytes, u64 align, unsigned int nid);
/* The same, as a physical address; 0 when there is no room. */
u64 memblock_phys_alloc(struct quire *q, u64 size, u64 align, unsigned int nid);
/* The same within [start, end) of this node only, and not from a pool.  Linux:
 * memblock_alloc_range_nid(..., exact_nid). */
u64 memblock_phys_alloc_range(struct quire *q, u64 size, u64 align, u64 start, u64 end,
			      unsigned int nid);

/* The first free range that begins at from or later (or contains it: then its
 * rest); false when there is none. */
bool memblock_next_free(const struct memblock *mb, u64 from, struct memblock_region *gap);
/* How many bytes of [base, end) belong to node nid's ranges of a table. */
u64 memblock_overlap_bytes(const struct memblock_type *type, u64 base, u64 end, unsigned int nid);

#endif
