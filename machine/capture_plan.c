/* SPDX-License-Identifier: MIT */
/*
 * A capture counts a zone's free blocks; where they lie it does not say.  Here
 * they get places, such that the buddy allocator, once all else is in use,
 * holds exactly these blocks: no two of one order are buddies.
 *
 * The idea is the buddy allocator's own.  Usable frames are regions of 2^n
 * pages.  A block takes a region of its order whole, or the lower half of a
 * larger one that is split down to its size; the half next to it must then not
 * become a free block whole, though smaller ones may lie in it.  High orders go
 * first, small regions before large ones, so that a zone that is nearly all
 * free, and must be cut just so, still comes out.
 *
 * A pageblock has one migrate type: the first block below its order that is
 * placed in it decides, and its other regions are then that type's alone.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_plan.h"
#include "port/model/keep.h"

bool plan_init(struct plan *p, u64 start, u64 end)
{
	u64 blocks = (end >> pageblock_order) - (start >> pageblock_order) + 1;

	*p = (struct plan){.start = start, .end = end};
	p->pageblock = keep_malloc(blocks);
	if (!p->pageblock)
		return false;
	memset(p->pageblock, PLAN_ANY, blocks);
	return true;
}

void plan_free(struct plan *p)
{
	keep_free(p->regions);
	keep_free(p->pageblock);
	keep_free(p->blocks);
	*p = (struct plan){0};
}

static u8 *pageblock_of(const struct plan *p, u64 pfn)
{
	return &p->pageblock[(pfn >> pageblock_order) - (p->start >> pageblock_order)];
}

/* ---- regions ---------------------------------------------------------------- */

static unsigned int class_of(const struct plan *p, u64 pfn, unsigned int order)
{
	return order >= pageblock_order ? PLAN_ANY : *pageblock_of(p, pfn);
}

static void push(struct plan *p, u64 pfn, unsigned int order, bool not_whole)
{
	u32 *list = &p->lists[class_of(p, pfn, order)][order][not_whole], i = p->spare;

	if (i) {
		p->spare = p->regions[i - 1].next;
	} else {
		if (p->nr_regions == p->cap_regions) {
			u32 cap = p->cap_regions ? 2 * p->cap_regions : 1024;
			struct plan_region *more = keep_realloc(p->regions, cap * sizeof(*more));

			if (!more) {
				p->failed = true;
				return;
			}
			p->regions = more;
			p->cap_regions = cap;
		}
		i = ++p->nr_regions;
	}
	p->regions[i - 1] = (struct plan_region){pfn, *list, (u8)order};
	*list = i;
}

/* Takes a region that a type may use; false: there is none on this list. */
static bool pop(struct plan *p, unsigned int class, unsigned int order, bool not_whole, int mt,
		u64 *pfn)
{
	u32 *list = &p->lists[class][order][not_whole];

	while (*list) {
		u32 i = *list;
		unsigned int now = class_of(p, p->regions[i - 1].pfn, order);

		*pfn = p->regions[i - 1].pfn;
		*list = p->regions[i - 1].next;
		p->regions[i - 1].next = p->spare;
		p->spare = i;
		if (now == PLAN_ANY || (int)now == mt)
			return true;
		/* Its pageblock was given to a type meanwhile. */
		push(p, *pfn, order, not_whole);
	}
	return false;
}

static bool take(struct plan *p, unsigned int order, bool not_whole, int mt, u64 *pfn)
{
	return pop(p, (unsigned int)mt, order, not_whole, mt, pfn) ||
	       pop(p, PLAN_ANY, order, not_whole, mt, pfn);
}

void plan_add_region(struct plan *p, u64 pfn, unsigned int order, bool not_whole)
{
	push(p, pfn, order, not_whole);
}

void plan_add_range(struct plan *p, u64 start, u64 end)
{
	while (start < end) {
		unsigned int order = start ? (unsigned int)__builtin_ctzl(start) : MAX_ORDER - 1;

		order = min(order, (unsigned int)MAX_ORDER - 1);
		while (start + (1UL << order) > end)
			order--;
		push(p, start, order, false);
		start += 1UL << order;
	}
}

/* ---- places ----------------------------------------------------------------- */

static void add_block(struct plan *p, u64 pfn, unsigned int order, int mt)
{
	if (p->nr_blocks == p->cap_blocks) {
		u32 cap = p->cap_blocks ? 2 * p->cap_blocks : 1024;
		struct plan_block *more = keep_realloc(p->blocks, cap * sizeof(*more));

		if (!more) {
			p->failed = true;
			return;
		}
		p->blocks = more;
		p->cap_blocks = cap;
	}
	p->blocks[p->nr_blocks++] = (struct plan_block){pfn, (u8)order, (u8)mt};
	for (u64 at = pfn; at < pfn + (1UL << order); at += pageblock_nr_pages)
		*pageblock_of(p, at) = (u8)mt;
}

/* The lower end of a region of order `high`; its other parts stay regions. */
static void split(struct plan *p, u64 pfn, unsigned int high, unsigned int order, int mt)
{
	add_block(p, pfn, order, mt);
	while (high > order) {
		high--;
		push(p, pfn + (1UL << high), high, high == order);
	}
}

static bool place_one(struct plan *p, unsigned int order, int mt)
{
	u64 pfn;

	if (take(p, order, false, mt, &pfn)) {
		add_block(p, pfn, order, mt);
		return true;
	}
	for (unsigned int high = order + 1; high < MAX_ORDER; high++) {
		if (take(p, high, true, mt, &pfn) || take(p, high, false, mt, &pfn)) {
			split(p, pfn, high, order, mt);
			return true;
		}
	}
	return false;
}

void plan_place(struct plan *p, unsigned int order, int mt, unsigned long nr)
{
	while (nr && place_one(p, order, mt))
		nr--;
	if (nr && order && p->may_split)
		plan_place(p, order - 1, mt, 2 * nr);
	else
		p->unplaced_pages += nr << order;
}

void plan_place_all(struct plan *p, unsigned long counts[MIGRATE_TYPES][MAX_ORDER])
{
	for (unsigned int order = MAX_ORDER; order-- > 0;)
		for (int mt = 0; mt < MIGRATE_TYPES; mt++)
			plan_place(p, order, mt, counts[mt][order]);
}

void plan_forget_regions(struct plan *p)
{
	u32 out = 0;

	memset(p->lists, 0, sizeof(p->lists));
	p->nr_regions = p->spare = 0;
	p->unplaced_pages = 0;
	for (u32 i = 0; i < p->nr_blocks; i++) {
		const struct plan_block *b = &p->blocks[i];

		if (b->order < MAX_ORDER - 1 || b->mt != MIGRATE_MOVABLE) {
			p->blocks[out++] = *b;
			continue;
		}
		for (u64 at = b->pfn; at < b->pfn + MAX_ORDER_NR_PAGES; at += pageblock_nr_pages)
			*pageblock_of(p, at) = PLAN_ANY;
	}
	p->nr_blocks = out;
}

/* ---- the rest --------------------------------------------------------------- */

static int by_pfn(const void *a, const void *b)
{
	u64 x = ((const struct plan_run *)a)->pfn, y = ((const struct plan_run *)b)->pfn;

	return x < y ? -1 : x > y;
}

size_t plan_left(const struct plan *p, struct plan_run **runs)
{
	struct plan_run *r = keep_calloc(p->nr_regions + 1, sizeof(*r));
	size_t n = 0, out = 0;

	*runs = r;
	if (!r)
		return 0;
	for (unsigned int c = 0; c < PLAN_CLASS; c++)
		for (unsigned int order = 0; order < MAX_ORDER; order++)
			for (unsigned int w = 0; w < 2; w++)
				for (u32 i = p->lists[c][order][w]; i; i = p->regions[i - 1].next)
					r[n++] = (struct plan_run){p->regions[i - 1].pfn,
								   1UL << order};
	if (!n)
		return 0;
	qsort(r, n, sizeof(*r), by_pfn);
	for (size_t i = 1; i < n; i++) {
		if (r[out].pfn + r[out].nr == r[i].pfn)
			r[out].nr += r[i].nr;
		else
			r[++out] = r[i];
	}
	return out + 1;
}
