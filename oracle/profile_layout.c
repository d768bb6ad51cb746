/* SPDX-License-Identifier: MIT */
/*
 * From bytes that the early boot took to ranges of pages: see
 * profile_layout.h.
 *
 * A page is reserved if any byte of it is.  What goes to the buddy late is
 * reserved in small pieces of its own, so that it is never the longest range
 * of a node: that one is where the instance keeps its own boot structures.
 */
#include "oracle/profile_layout.h"

#include <stdlib.h>

#define PIECE	  256UL /* pages */
#define DMA_END	  (16UL << 20 >> PAGE_SHIFT)
#define DMA32_END (1UL << 32 >> PAGE_SHIFT)
#define MAX_END	  (1UL << 46 >> PAGE_SHIFT)

static bool put(struct quire_range *r, u32 *nr, u64 start, u64 end, u32 nid)
{
	if (start >= end)
		return true;
	if (*nr && r[*nr - 1].start_pfn + r[*nr - 1].nr_pages > start)
		start = r[*nr - 1].start_pfn + r[*nr - 1].nr_pages;
	if (start >= end)
		return true;
	if (*nr == LAYOUT_RANGES)
		return false;
	r[(*nr)++] = (struct quire_range){start, end - start, nid};
	return true;
}

static int by_start(const void *a, const void *b)
{
	u64 x = ((const struct quire_range *)a)->start_pfn;
	u64 y = ((const struct quire_range *)b)->start_pfn;

	return x < y ? -1 : x > y;
}

/* [start, end) without the ranges that go back, which come in pieces. */
static bool put_reserved(struct profile_layout *l, const struct quire_range *back, u32 nr_back,
			 u64 start, u64 end, u32 nid)
{
	bool ok = true;

	for (u32 i = 0; i < nr_back && ok; i++) {
		u64 lo = back[i].start_pfn, hi = lo + back[i].nr_pages;

		if (hi <= start || lo >= end)
			continue;
		ok = put(l->reserved, &l->layout.nr_reserved, start, lo, nid);
		hi = min(hi, end);
		/* node: not 0 if it goes back before the marks. */
		for (u64 at = max(lo, start); at < hi && !back[i].node && ok; at += PIECE)
			ok = put(l->reserved, &l->layout.nr_reserved, at, min(at + PIECE, hi), nid);
		start = max(start, hi);
	}
	return ok && put(l->reserved, &l->layout.nr_reserved, start, end, nid);
}

static bool make_ranges(struct profile_layout *l, const struct early_kernel *k)
{
	const struct early *e = &l->early;
	struct quire_range back[8];
	u32 nr = 0;

	for (u32 i = 0; i < l->nr_late; i++) {
		back[nr] = l->late[i];
		back[nr++].node = 0;
	}
	back[nr++] =
		(struct quire_range){k->alternatives.base >> PAGE_SHIFT,
				     (k->alternatives.end - k->alternatives.base) >> PAGE_SHIFT, 1};
	qsort(back, nr, sizeof(*back), by_start);
	for (u32 i = 0; i < e->nr_memory; i++) {
		u64 start = e->memory[i].base >> PAGE_SHIFT, end = e->memory[i].end >> PAGE_SHIFT;
		u32 nid = e->memory[i].nid;

		if (!put(l->memory, &l->layout.nr_memory, start, end, nid))
			return false;
		for (u32 j = 0; j < e->nr_reserved; j++) {
			u64 lo = max(start, e->reserved[j].base >> PAGE_SHIFT);
			u64 hi = min(end, DIV_ROUND_UP(e->reserved[j].end, PAGE_SIZE));

			if (lo < hi && !put_reserved(l, back, nr, lo, hi, nid))
				return false;
		}
	}
	return true;
}

/* Reserved ranges that touch become one, but for the pieces. */
static void melt(struct profile_layout *l)
{
	u32 out = 0;

	for (u32 i = 1; i < l->layout.nr_reserved; i++) {
		struct quire_range *to = &l->reserved[out], *r = &l->reserved[i];
		bool piece = false;

		for (u32 j = 0; j < l->nr_late; j++) {
			u64 lo = l->late[j].start_pfn, hi = lo + l->late[j].nr_pages;

			piece |= r->start_pfn >= lo && r->start_pfn < hi;
			piece |= to->start_pfn >= lo && to->start_pfn < hi;
		}
		if (!piece && to->start_pfn + to->nr_pages == r->start_pfn && to->node == r->node)
			to->nr_pages += r->nr_pages;
		else
			l->reserved[++out] = *r;
	}
	l->layout.nr_reserved = out + 1;
}

static void make_zones(struct profile_layout *l, u32 nr_nodes)
{
	static const u64 bound[4] = {0, DMA_END, DMA32_END, MAX_END};

	for (u32 nid = 0; nid < nr_nodes; nid++) {
		u64 start = MAX_END, end = 0;

		for (u32 i = 0; i < l->layout.nr_memory; i++) {
			if (l->memory[i].node != nid)
				continue;
			start = min(start, l->memory[i].start_pfn);
			end = max(end, l->memory[i].start_pfn + l->memory[i].nr_pages);
		}
		for (u32 z = 0; z < 3; z++) {
			u64 lo = max(start, bound[z]), hi = min(end, bound[z + 1]);

			if (lo < hi)
				l->zones[l->layout.nr_zones++] =
					(struct quire_zone_span){nid, z, lo, hi - lo, 0};
		}
	}
}

struct profile_layout *profile_layout_make(const struct early_machine *m,
					   const struct early_kernel *k)
{
	struct profile_layout *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	if (!early_boot(m, k, &l->early))
		goto fail;
	l->late[l->nr_late++] =
		(struct quire_range){l->early.initrd.base >> PAGE_SHIFT,
				     (l->early.initrd.end - l->early.initrd.base) >> PAGE_SHIFT, 0};
	for (size_t i = 0; i < ARRAY_SIZE(k->after_marks); i++)
		l->late[l->nr_late++] = (struct quire_range){
			k->after_marks[i].base >> PAGE_SHIFT,
			(k->after_marks[i].end - k->after_marks[i].base) >> PAGE_SHIFT, 0};
	if (!make_ranges(l, k))
		goto fail;
	melt(l);
	make_zones(l, m->nr_nodes);
	l->layout.memory = l->memory;
	l->layout.reserved = l->reserved;
	l->layout.zones = l->zones;
	return l;
fail:
	free(l);
	return NULL;
}
