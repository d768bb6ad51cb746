/* SPDX-License-Identifier: MIT */
/*
 * The invariants of embedders' pages (page/frames.h): each page of a map has one
 * owner, and the map says what is free.
 *
 * First the maps are walked: counts against bits, places on lists against largest
 * runs, bytes against bits.  What is neither free nor part of a block in use or lent
 * is idle: on a CPU's list, or lost.  Then the CPUs' lists: each block there must be
 * idle, and all of them together as many pages as are: so none is there twice, and
 * none is lost.
 */
#include "page/frames.h"
#include "page/internal.h"
#include "verify/verify.h"

#if HOT_PERCPU

struct frame_walk {
	struct frame_node *node;
	unsigned int nid;
	unsigned long maps, free, lent, idle, linked;
	u32 whole[MIGRATE_PCPTYPES];
};

/* Pages of a map's block that begins at index; bytes within must be zero. */
static unsigned int check_block(struct verify *v, struct frame_walk *w,
				const struct pageblock_map *map, u64 first, unsigned int index)
{
	const u8 *state = &v->q->frames->state[first];
	unsigned int order = state[index] & FRAME_ORDER, nr = 1u << order;

	if (order >= PBMAP_ORDERS || index & (nr - 1)) {
		broken(v, "frames: block %#lx in use has order %u", first + index, order);
		return 1;
	}
	for (unsigned int i = 0; i < nr; i++)
		if (pbmap_is_free(map, index + i) || (i && state[index + i]))
			broken(v, "frames: frame %#lx of block %#lx in use is free or another's",
			       first + index + i, first + index);
	if ((state[index] & FRAME_OWNER) == FRAME_LENT)
		w->lent += nr;
	else if ((state[index] & FRAME_OWNER) != FRAME_USED)
		broken(v, "frames: block %#lx in a map is the buddy's", first + index);
	return nr;
}

static void check_map(struct verify *v, struct frame_walk *w, u64 number)
{
	const struct pageblock_map *map = &v->q->frames->map[number];
	u64 first = number << pageblock_order;
	unsigned int free = 0;

	w->maps++;
	for (unsigned int i = 0; i < PBMAP_PAGES;) {
		if (pbmap_is_free(map, i)) {
			if (v->q->frames->state[first + i])
				broken(v, "frames: frame %#lx is free and in use", first + i);
			free++;
			i++;
		} else if (v->q->frames->state[first + i]) {
			i += check_block(v, w, map, first, i);
		} else {
			w->idle++;
			i++;
		}
	}
	w->free += free;
	if (map->nr_free != free || map->largest != pbmap_largest(map))
		broken(v,
		       "frames: pageblock of frame %#lx counts %u free, runs of order %d: it has "
		       "%u, %d",
		       first, map->nr_free, map->largest, free, pbmap_largest(map));
	if (map->type >= MIGRATE_PCPTYPES || page_ref_count(pfn_to_page(v->q, first)) < 1)
		broken(v, "frames: pageblock of frame %#lx is of type %u or nobody's", first,
		       map->type);
	else if (map->largest == PBMAP_ORDERS - 1)
		w->whole[map->type]++;
	w->linked += map->largest != PBMAP_FULL;
}

static void check_lists(struct verify *v, struct frame_walk *w)
{
	const struct frame_floor *f = v->q->frames;
	unsigned long linked = 0;

	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
		for (unsigned int order = 0; order < PBMAP_ORDERS; order++) {
			u32 prev = 0;

			for (u32 nr = w->node->head[type][order]; nr && linked <= w->linked;
			     nr = f->map[nr - 1].next) {
				const struct pageblock_map *map = &f->map[nr - 1];

				if (!map->owned || map->type != type ||
				    map->largest != (int)order || map->prev != prev)
					broken(v,
					       "frames: pageblock of frame %#lx is on the list of "
					       "type %u, order %u",
					       (u64)(nr - 1) << pageblock_order, type, order);
				prev = nr;
				linked++;
			}
			if (w->node->tail[type][order] != prev &&
			    w->node->nonempty[type] & 1u << order)
				broken(v,
				       "frames: node %u: list of type %u, order %u ends elsewhere",
				       w->nid, type, order);
			if (!w->node->head[type][order] != !(w->node->nonempty[type] & 1u << order))
				broken(v, "frames: node %u: orders of type %u are %#x", w->nid,
				       type, w->node->nonempty[type]);
		}
		if (w->node->nr_whole[type] != w->whole[type])
			broken(v, "frames: node %u counts %u whole pageblocks of type %u, has %u",
			       w->nid, w->node->nr_whole[type], type, w->whole[type]);
	}
	if (linked != w->linked)
		broken(v, "frames: node %u: %lu pageblocks have free pages, %lu are on lists",
		       w->nid, w->linked, linked);
}

/* One block of a CPU's list. */
static void check_entry(struct verify *v, struct frame_walk *w, u32 slot, u32 pfn,
			unsigned int order)
{
	const struct frame_floor *f = v->q->frames;
	bool ok = pfn < v->q->max_pfn && IS_ALIGNED(pfn, 1UL << order) && frames_own(v->q, pfn) &&
		  f->map[pfn / PBMAP_PAGES].nid == w->nid;

	for (unsigned int i = 0; ok && i < 1u << order; i++)
		ok = !pbmap_is_free(&f->map[pfn / PBMAP_PAGES], (pfn + i) % PBMAP_PAGES) &&
		     !f->state[pfn + i];
	if (!ok)
		broken(v, "frames: block %#x of order %u is on a list of slot %u and elsewhere",
		       pfn, order, slot);
}

/* The lists of a stopped slot; pages on them. */
static unsigned long check_slot(struct verify *v, struct frame_walk *w, u32 slot, char *region)
{
	unsigned long pages = 0;

	for (unsigned int i = 0; i < MIGRATE_PCPTYPES * PBMAP_ORDERS; i++) {
		unsigned int order = i % PBMAP_ORDERS;
		const struct frame_list *list =
			frame_list(v->q->frames, w->nid, FRAME_KIND(i / PBMAP_ORDERS, order));
		const struct percpu_list *l = percpu_list(region, list->off);
		u32 n = list->off ? percpu_count(l->word) : 0;

		if (n > list->cap)
			broken(v, "frames: a list of slot %u has %u blocks, room for %u", slot, n,
			       list->cap);
		for (u32 e = 0; e < min(n, list->cap); e++)
			check_entry(v, w, slot, l->u32[e], order);
		pages += (unsigned long)n << order;
	}
	return pages;
}

static void check_slots(struct verify *v, struct frame_walk *w)
{
	struct quire_hot *hot = v->q->hot;
	unsigned long pages = 0;

	for (u32 slot = 0; slot < hot_percpu_slots(hot); slot++) {
		if (!frames_slot_used(v->q, w->nid, slot))
			continue;
		pages += check_slot(v, w, slot, hot_percpu_stop(hot, slot));
		hot_percpu_resume(hot, slot);
	}
	if (pages != w->idle)
		broken(v, "frames: node %u: %lu pages on CPUs' lists, %lu frames without owner",
		       w->nid, pages, w->idle);
}

void verify_frames(struct verify *v)
{
	struct quire *q = v->q;

	for (unsigned int nid = 0; q->frames && nid < q->nr_nodes; nid++) {
		struct frame_walk w = {.node = q->frames->node[nid], .nid = nid};

		if (!w.node)
			continue;
		for (u64 nr = w.node->zone->zone_start_pfn / PBMAP_PAGES;
		     nr * PBMAP_PAGES < zone_end_pfn(w.node->zone); nr++)
			if (q->frames->map[nr].owned && q->frames->map[nr].nid == nid)
				check_map(v, &w, nr);
		check_lists(v, &w);
		check_slots(v, &w);
		if (w.node->nr_maps != w.maps || w.node->nr_free != w.free ||
		    w.node->nr_lent != w.lent)
			broken(v,
			       "frames: node %u counts %lu pageblocks, %lu pages free, %lu lent; "
			       "it "
			       "has %lu, %lu, %lu",
			       nid, w.node->nr_maps, w.node->nr_free, w.node->nr_lent, w.maps,
			       w.free, w.lent);
	}
}

#else

void verify_frames(struct verify *v)
{
	(void)v;
}

#endif
