/* SPDX-License-Identifier: MIT */
/*
 * The stack depot: call chains are many and mostly the same, so each is kept
 * once and named by a number of 32 bits (Linux's lib/stackdepot.c).
 *
 * Records lie one after the other in blocks of 16 KiB that are never freed; a
 * handle is block number and offset.  A table of 1,024 chains finds one by the
 * hash of its addresses.  Hash order has no influence but on speed.
 *
 * Lock: depot->lock; blocks are allocated before it is taken, without sleeping.
 */
#include "slab/debug.h"

#define DEPOT_ORDER	 2
#define DEPOT_BYTES	 (PAGE_SIZE << DEPOT_ORDER)
#define DEPOT_MAX_BLOCKS 1024
#define DEPOT_HASH_SIZE	 1024
#define DEPOT_ALIGN	 8

struct stack_record {
	struct stack_record *next; /* of the chain */
	u32 hash, handle, nr;
	u32 pad;
	uintptr_t entries[];
};

struct stack_depot {
	struct spinlock lock;
	unsigned int nr_blocks;
	size_t used; /* of the last block */
	char *blocks[DEPOT_MAX_BLOCKS];
	struct stack_record *table[DEPOT_HASH_SIZE];
};

int stack_depot_init(struct quire *q)
{
	unsigned int order = get_order(sizeof(struct stack_depot));
	struct page *page;
	struct stack_depot *d;

	if (q->slab->depot || !q->port->stack_save)
		return 0;
	page = alloc_pages(q, GFP_KERNEL | __GFP_COMP, order);
	if (!page)
		return -ENOMEM;
	d = page_address(q, page);
	memset(d, 0, sizeof(*d));
	spin_lock_init(&d->lock, LOCK_STACKS);
	d->used = DEPOT_BYTES;
	q->slab->depot = d;
	return 0;
}

static u32 hash_entries(const uintptr_t *entries, unsigned int nr)
{
	u64 h = nr;

	for (unsigned int i = 0; i < nr; i++)
		h = (h ^ entries[i]) * 0x9e3779b97f4a7c15UL;
	return (u32)(h >> 32);
}

static struct stack_record *find_record(struct stack_depot *d, u32 hash, const uintptr_t *entries,
					unsigned int nr)
{
	struct stack_record *r = d->table[hash % DEPOT_HASH_SIZE];

	for (; r; r = r->next)
		if (r->hash == hash && r->nr == nr &&
		    !memcmp(r->entries, entries, nr * sizeof(*entries)))
			return r;
	return NULL;
}

/* Under the lock; *block becomes NULL when it was needed. */
static struct stack_record *add_record(struct stack_depot *d, u32 hash, const uintptr_t *entries,
				       unsigned int nr, char **block)
{
	size_t bytes = ALIGN(sizeof(struct stack_record) + nr * sizeof(*entries), DEPOT_ALIGN);
	struct stack_record *r;

	if (d->used + bytes > DEPOT_BYTES) {
		if (!*block || d->nr_blocks == DEPOT_MAX_BLOCKS)
			return NULL;
		d->blocks[d->nr_blocks++] = *block;
		*block = NULL;
		d->used = 0;
	}
	r = (struct stack_record *)(d->blocks[d->nr_blocks - 1] + d->used);
	r->hash = hash;
	r->nr = nr;
	r->handle = d->nr_blocks << 16 | (u32)(d->used / DEPOT_ALIGN);
	d->used += bytes;
	memcpy(r->entries, entries, nr * sizeof(*entries));
	r->next = d->table[hash % DEPOT_HASH_SIZE];
	d->table[hash % DEPOT_HASH_SIZE] = r;
	return r;
}

u32 stack_depot_save(struct quire *q, const uintptr_t *entries, unsigned int nr)
{
	struct stack_depot *d = q->slab->depot;
	u32 hash, handle;
	struct stack_record *r;
	struct page *page = NULL;
	char *block = NULL;

	if (!d || !nr)
		return 0;
	nr = min(nr, (unsigned int)TRACK_ADDRS_COUNT);
	hash = hash_entries(entries, nr);
	/* Room for one record more, got before the lock. */
	if (HOT_LOAD(&d->used) + sizeof(struct stack_record) + TRACK_ADDRS_COUNT * 8 >
	    DEPOT_BYTES) {
		page = alloc_pages(q, GFP_NOWAIT | __GFP_NOWARN | __GFP_COMP, DEPOT_ORDER);
		block = page ? page_address(q, page) : NULL;
	}
	spin_lock(q, &d->lock);
	r = find_record(d, hash, entries, nr);
	if (!r)
		r = add_record(d, hash, entries, nr, &block);
	handle = r ? r->handle : 0;
	spin_unlock(q, &d->lock);
	if (block)
		__free_pages(q, page, DEPOT_ORDER);
	return handle;
}

unsigned int stack_depot_fetch(struct quire *q, u32 handle, const uintptr_t **entries)
{
	struct stack_depot *d = q->slab->depot;
	unsigned int block = handle >> 16;
	size_t off = (size_t)(handle & 0xffff) * DEPOT_ALIGN;
	struct stack_record *r;

	/* A handle may have been overwritten with the object's metadata. */
	if (!d || !block || block > d->nr_blocks || off + sizeof(*r) > DEPOT_BYTES)
		return 0;
	r = (struct stack_record *)(d->blocks[block - 1] + off);
	if (r->handle != handle || r->nr > TRACK_ADDRS_COUNT)
		return 0;
	*entries = r->entries;
	return r->nr;
}

u32 stack_depot_here(struct quire *q)
{
	uintptr_t entries[TRACK_ADDRS_COUNT];

	if (!q->slab->depot)
		return 0;
	return stack_depot_save(q, entries,
				q->port->stack_save(q->port_ctx, entries, TRACK_ADDRS_COUNT));
}
