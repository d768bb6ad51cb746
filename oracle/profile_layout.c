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
#include <string.h>

#define PIECE		256UL /* pages */
#define MAX_ORDER_PAGES 1024UL
#define DMA_END		(16UL << 20 >> PAGE_SHIFT)
#define DMA32_END	(1UL << 32 >> PAGE_SHIFT)
#define MAX_END		(1UL << 46 >> PAGE_SHIFT)

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

/* ---- zones ------------------------------------------------------------------------ */

struct movable {
	u64 start[QUIRE_MAX_NODES]; /* of a node's ZONE_MOVABLE; 0: it has none */
	u64 usable;		    /* kernel memory only lies below */
	u64 core;		    /* kernel memory that is still to be found */
};

/* One node's share of kernel memory, from its lowest pages up. */
static void share_of_node(const struct profile_layout *l, struct movable *v, u32 nid, u64 share)
{
	for (u32 i = 0; i < l->layout.nr_memory && share; i++) {
		u64 end = l->memory[i].start_pfn + l->memory[i].nr_pages, nr;
		u64 start = max(l->memory[i].start_pfn, v->start[nid]);

		if (l->memory[i].node != nid || start >= end)
			continue;
		if (start < v->usable) {
			nr = min(end, v->usable) - start;
			share -= min(nr, share);
			v->core -= min(nr, v->core);
			v->start[nid] = min(end, v->usable);
			start = v->usable;
			if (end <= start)
				continue;
		}
		nr = min(end - start, share);
		v->start[nid] = start + nr;
		v->core -= min(nr, v->core);
		share -= nr;
	}
}

/*
 * find_zone_movable_pfns_for_nodes(): kernel memory is shared out evenly among
 * the nodes; what a small node cannot take is shared out again.  The rest of
 * each, from a whole block of the highest order on, is ZONE_MOVABLE.
 */
static void find_movable(const struct profile_layout *l, const struct early_machine *m,
			 struct movable *v)
{
	u64 total = 0, highest = 0, end[QUIRE_MAX_NODES] = {0};
	u32 nodes = 0;

	memset(v, 0, sizeof(*v));
	for (u32 i = 0; i < l->layout.nr_memory; i++) {
		total += l->memory[i].nr_pages;
		highest = l->memory[i].start_pfn + l->memory[i].nr_pages;
		end[l->memory[i].node] = highest;
	}
	v->core = m->kernelcore >> PAGE_SHIFT;
	if (m->movablecore) {
		u64 movable = min(total, ALIGN(m->movablecore >> PAGE_SHIFT, MAX_ORDER_PAGES));

		v->core = max(v->core, total - movable);
	}
	if (!v->core || v->core >= total) {
		v->core = 0;
		return;
	}
	v->usable = highest > DMA32_END ? DMA32_END : highest > DMA_END ? DMA_END : 0;
	for (u32 i = 0; i < m->nr_nodes; i++)
		nodes += m->bytes[i] != 0;
	for (; nodes && v->core > nodes; nodes--) {
		u64 share = v->core / nodes;

		for (u32 nid = 0; nid < m->nr_nodes; nid++) {
			if (!m->bytes[nid])
				continue;
			if (v->core < share)
				share = v->core / nodes;
			share_of_node(l, v, nid, share);
		}
	}
	for (u32 nid = 0; nid < m->nr_nodes; nid++) {
		v->start[nid] = ALIGN(v->start[nid], MAX_ORDER_PAGES);
		if (v->start[nid] >= end[nid])
			v->start[nid] = 0;
	}
}

static void make_zones(struct profile_layout *l, const struct early_machine *m)
{
	static const u64 bound[4] = {0, DMA_END, DMA32_END, MAX_END};
	struct movable v;

	find_movable(l, m, &v);
	for (u32 nid = 0; nid < m->nr_nodes; nid++) {
		u64 start = MAX_END, end = 0, movable = v.start[nid];

		for (u32 i = 0; i < l->layout.nr_memory; i++) {
			if (l->memory[i].node != nid)
				continue;
			start = min(start, l->memory[i].start_pfn);
			end = max(end, l->memory[i].start_pfn + l->memory[i].nr_pages);
		}
		for (u32 z = 0; z < 4; z++) {
			u64 lo = z < 3 ? max(start, bound[z]) : movable;
			u64 hi = z < 3 ? min(end, bound[z + 1]) : end;

			if (z < 3 && movable)
				hi = min(hi, movable);
			if (lo && lo < hi)
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
	make_zones(l, m);
	l->layout.memory = l->memory;
	l->layout.reserved = l->reserved;
	l->layout.zones = l->zones;
	return l;
fail:
	free(l);
	return NULL;
}
