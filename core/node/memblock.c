/* SPDX-License-Identifier: MIT */
/*
 * Boot memory: see memblock.h.
 *
 * The idea: two sorted tables of ranges, what exists and what is taken.  What
 * is in the first and not in the second is free.  An allocation takes the
 * highest place of its node that fits, as Linux's does, so what boot leaves is
 * in few and large pieces with the low zones untouched.
 *
 * Invariants: the ranges of a table are sorted by base and do not overlap;
 * neighbours that touch belong to different nodes.
 *
 * Memory is given back only late (memblock_free()), and the port promises that frames read as
 * zero until first written: so what memblock_alloc() returns is zero without
 * being written.  Boot is one flow of control: no locks.
 *
 * Linux grows its tables; ours have a fixed size (MEMBLOCK_REGIONS).
 */
#include "node/memblock.h"

static u64 region_end(const struct memblock_region *r)
{
	return r->base + r->size;
}

/* Adds [base, base + size) and melts it with ranges of the node it touches. */
static int memblock_insert(struct memblock_type *type, u64 base, u64 size, unsigned int nid)
{
	struct memblock_region *r = type->regions;
	u64 end = base + size;
	unsigned int first, last;

	if (!size)
		return 0;
	for (first = 0; first < type->cnt; first++)
		if (region_end(&r[first]) > base ||
		    (region_end(&r[first]) == base && r[first].nid == nid))
			break;
	for (last = first; last < type->cnt; last++)
		if (r[last].base > end || (r[last].base == end && r[last].nid != nid))
			break;
	/* [first, last) is what the new range swallows. */
	if (first == last) {
		if (type->cnt == MEMBLOCK_REGIONS)
			return -ENOSPC;
		memmove(&r[first + 1], &r[first], (type->cnt - first) * sizeof(*r));
		type->cnt++;
	} else {
		base = min(base, r[first].base);
		end = max(end, region_end(&r[last - 1]));
		memmove(&r[first + 1], &r[last], (type->cnt - last) * sizeof(*r));
		type->cnt -= last - first - 1;
	}
	r[first] = (struct memblock_region){base, end - base, nid};
	return 0;
}

int memblock_add(struct quire *q, u64 base, u64 size, unsigned int nid)
{
	return memblock_insert(&q->node->memblock->memory, base, size, nid);
}

int memblock_reserve(struct quire *q, u64 base, u64 size, unsigned int nid)
{
	return memblock_insert(&q->node->memblock->reserved, base, size, nid);
}

/* Takes [base, base + size) out of a table; what is left of a range on both
 * sides stays. */
static void memblock_cut(struct quire *q, struct memblock_type *type, u64 base, u64 size)
{
	u64 end = base + size;

	for (unsigned int i = 0; i < type->cnt;) {
		struct memblock_region *r = &type->regions[i], old = *r;

		if (old.base >= end || region_end(&old) <= base) {
			i++;
			continue;
		}
		type->cnt--;
		memmove(r, r + 1, (type->cnt - i) * sizeof(*r));
		if (old.base < base)
			BUG_ON(q, memblock_insert(type, old.base, base - old.base, old.nid));
		if (region_end(&old) > end)
			BUG_ON(q, memblock_insert(type, end, region_end(&old) - end, old.nid));
	}
}

void memblock_free(struct quire *q, u64 base, u64 size)
{
	memblock_cut(q, &q->node->memblock->reserved, base, size);
}

int memblock_remove(struct quire *q, u64 base, u64 size)
{
	if (q->node->memblock->memory.cnt == MEMBLOCK_REGIONS)
		return -ENOSPC;
	memblock_cut(q, &q->node->memblock->memory, base, size);
	return 0;
}

/* The highest taken range that overlaps [base, end), or NULL. */
static const struct memblock_region *overlap(const struct memblock_type *type, u64 base, u64 end)
{
	unsigned int i = type->cnt;

	while (i-- > 0) {
		const struct memblock_region *r = &type->regions[i];

		if (r->base < end && region_end(r) > base)
			return r;
		if (region_end(r) <= base)
			break;
	}
	return NULL;
}

/* The highest free place of size bytes in a range of memory; 0: none. */
static u64 find_in_region(const struct memblock *mb, const struct memblock_region *mem, u64 size,
			  u64 align)
{
	u64 end = region_end(mem);

	while (end >= size && ALIGN_DOWN(end - size, align) >= mem->base) {
		u64 base = ALIGN_DOWN(end - size, align);
		const struct memblock_region *taken = overlap(&mb->reserved, base, base + size);

		if (!taken)
			return base;
		end = taken->base;
	}
	return 0;
}

/* The top of a node's pool, which is reserved already; 0: it does not fit. */
static u64 alloc_from_pool(struct memblock_region *pool, u64 size, u64 align)
{
	u64 base;

	if (pool->size < size)
		return 0;
	base = ALIGN_DOWN(region_end(pool) - size, align);
	if (base < pool->base || !base)
		return 0;
	pool->size = base - pool->base;
	return base;
}

u64 memblock_phys_alloc(struct quire *q, u64 size, u64 align, unsigned int nid)
{
	struct memblock *mb = q->node->memblock;
	unsigned int pass, i;
	u64 pooled;

	BUG_ON(q, mb->closed);
	pooled = alloc_from_pool(&mb->pool[nid], size, align);
	for (i = 0; i < q->nr_nodes && !pooled; i++)
		pooled = alloc_from_pool(&mb->pool[i], size, align);
	if (pooled)
		return pooled;
	/* First the node asked for, then any. */
	for (pass = 0; pass < 2; pass++) {
		for (i = mb->memory.cnt; i-- > 0;) {
			const struct memblock_region *mem = &mb->memory.regions[i];
			u64 base;

			if ((mem->nid == nid) != (pass == 0))
				continue;
			base = find_in_region(mb, mem, size, align);
			if (base && memblock_reserve(q, base, size, mem->nid) == 0)
				return base;
		}
	}
	return 0;
}

u64 memblock_phys_alloc_range(struct quire *q, u64 size, u64 align, u64 start, u64 end,
			      unsigned int nid)
{
	struct memblock *mb = q->node->memblock;

	BUG_ON(q, mb->closed);
	for (unsigned int i = mb->memory.cnt; size && i-- > 0;) {
		struct memblock_region mem = mb->memory.regions[i];
		u64 mem_end = min(region_end(&mem), end), base;

		mem.base = max(mem.base, start);
		if (mem.nid != nid || mem.base >= mem_end)
			continue;
		mem.size = mem_end - mem.base;
		base = find_in_region(mb, &mem, size, align);
		if (base && memblock_reserve(q, base, size, nid) == 0)
			return base;
	}
	return 0;
}

void *memblock_alloc(struct quire *q, u64 size_bytes, u64 align, unsigned int nid)
{
	u64 base = memblock_phys_alloc(q, ALIGN(size_bytes, 64), max_t(u64, align, 64), nid);

	return base ? q->physmap + base : NULL;
}

bool memblock_next_free(const struct memblock *mb, u64 from, struct memblock_region *gap)
{
	unsigned int m, r;

	for (m = 0; m < mb->memory.cnt; m++) {
		const struct memblock_region *mem = &mb->memory.regions[m];
		u64 base = max(mem->base, from), end = region_end(mem);

		for (r = 0; r < mb->reserved.cnt && base < end; r++) {
			const struct memblock_region *res = &mb->reserved.regions[r];

			if (region_end(res) <= base)
				continue;
			if (res->base > base) {
				end = min(end, res->base);
				break;
			}
			base = region_end(res);
		}
		if (base < end) {
			*gap = (struct memblock_region){base, end - base, mem->nid};
			return true;
		}
	}
	return false;
}

u64 memblock_overlap_bytes(const struct memblock_type *type, u64 base, u64 end, unsigned int nid)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < type->cnt; i++) {
		const struct memblock_region *r = &type->regions[i];
		u64 lo = max(base, r->base), hi = min(end, region_end(r));

		if (r->nid == nid && lo < hi)
			sum += hi - lo;
	}
	return sum;
}
