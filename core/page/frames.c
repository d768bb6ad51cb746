/* SPDX-License-Identifier: MIT */
/*
 * Behind the CPUs' lists of frames: the maps of pageblocks, where those come
 * from and go to, and the lists' filling and emptying.  See frames.h.
 *
 * A map is found by its pageblock's number.  Those with free pages are on lists
 * by type and by the order of their largest free run, the fuller half of them in
 * front: a request takes from the first of the smallest order that will do, so
 * that nearly full pageblocks fill up and nearly empty ones become whole.
 *
 * Locks: frame_node.lock for maps, lists and counts of a node.  Slots of CPUs are
 * stopped before it is taken, pageblocks go to the buddy after it is released.
 */
#include "page/frames.h"

#if HOT_PERCPU

#include "page/debug.h"
#include "page/internal.h"

#define KEEP_WHOLE 2   /* pageblocks of a node and type */
#define BATCH_MAX  256 /* blocks under one hold of the lock */
#define GIVE_MAX   (BATCH_MAX + KEEP_WHOLE)

/* From whom a type takes single blocks: as the buddy's pageblocks are stolen. */
static const u8 other_types[MIGRATE_PCPTYPES][MIGRATE_PCPTYPES - 1] = {
	[MIGRATE_UNMOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE},
	[MIGRATE_MOVABLE] = {MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE},
	[MIGRATE_RECLAIMABLE] = {MIGRATE_UNMOVABLE, MIGRATE_MOVABLE},
};

/* ---- lists of maps ----------------------------------------------------------- */

static void link_map(struct frame_floor *f, struct frame_node *node, struct pageblock_map *map)
{
	unsigned int type = map->type, order = (unsigned int)map->largest;
	u32 nr = (u32)(map - f->map) + 1, *head = &node->head[type][order];
	u32 *tail = &node->tail[type][order];

	if (order == PBMAP_ORDERS - 1)
		node->nr_whole[type]++;
	node->nonempty[type] |= 1u << order;
	if (!*head) {
		map->next = map->prev = 0;
		*head = *tail = nr;
	} else if (map->nr_free < PBMAP_PAGES / 2) {
		map->prev = 0;
		map->next = *head;
		f->map[*head - 1].prev = nr;
		*head = nr;
	} else {
		map->next = 0;
		map->prev = *tail;
		f->map[*tail - 1].next = nr;
		*tail = nr;
	}
}

/* order: the largest run it was linked by. */
static void unlink_map(struct frame_floor *f, struct frame_node *node, struct pageblock_map *map,
		       int order)
{
	unsigned int type = map->type;

	if (order == PBMAP_FULL)
		return;
	if (order == PBMAP_ORDERS - 1)
		node->nr_whole[type]--;
	if (map->prev)
		f->map[map->prev - 1].next = map->next;
	else
		node->head[type][order] = map->next;
	if (map->next)
		f->map[map->next - 1].prev = map->prev;
	else
		node->tail[type][order] = map->prev;
	if (!node->head[type][order])
		node->nonempty[type] &= ~(1u << order);
}

static void relink_map(struct frame_floor *f, struct frame_node *node, struct pageblock_map *map,
		       int was)
{
	if (map->largest == was)
		return;
	unlink_map(f, node, map, was);
	if (map->largest != PBMAP_FULL)
		link_map(f, node, map);
}

/* ---- taking and giving back, under the lock ------------------------------------ */

static unsigned int take_from(struct frame_floor *f, struct frame_node *node,
			      struct pageblock_map *map, unsigned int order, u32 *to,
			      unsigned int nr)
{
	int was = map->largest;
	unsigned int n = pbmap_take(map, order, (u32)(map - f->map) << pageblock_order, to, nr);

	node->nr_free -= (unsigned long)n << order;
	relink_map(f, node, map, was);
	return n;
}

/* Up to nr blocks from pageblocks of a type. */
static unsigned int take_blocks(struct frame_floor *f, struct frame_node *node, unsigned int order,
				unsigned int type, u32 *to, unsigned int nr)
{
	unsigned int n = 0;

	while (n < nr) {
		u32 orders = node->nonempty[type] >> order << order;

		if (!orders)
			break;
		n += take_from(f, node, &f->map[node->head[type][__builtin_ctz(orders)] - 1], order,
			       to + n, nr - n);
	}
	return n;
}

/* One block from another type's pageblock, from the largest run there is; if half
 * the pageblock is free, all of it changes its type. */
static unsigned int take_other(struct frame_floor *f, struct frame_node *node, unsigned int order,
			       unsigned int type, u32 *to)
{
	for (unsigned int i = 0; i < MIGRATE_PCPTYPES - 1; i++) {
		unsigned int other = other_types[type][i];
		u32 orders = node->nonempty[other] >> order << order;
		struct pageblock_map *map;

		if (!orders)
			continue;
		map = &f->map[node->head[other][31 - __builtin_clz(orders)] - 1];
		if (map->nr_free >= PBMAP_PAGES / 2) {
			unlink_map(f, node, map, map->largest);
			map->type = (u8)type;
			set_pfnblock_migratetype(node->zone, (u64)(map - f->map) << pageblock_order,
						 (int)type);
			link_map(f, node, map);
		}
		node->nr_fallbacks++;
		return take_from(f, node, map, order, to, 1);
	}
	return 0;
}

static void put_block(struct quire *q, struct frame_node *node, u32 pfn, unsigned int order)
{
	struct frame_floor *f = q->frames;
	struct pageblock_map *map = &f->map[pfn >> pageblock_order];
	int was = map->largest;

	if (unlikely(!map->owned || pbmap_put(map, pfn & (PBMAP_PAGES - 1), order) < 0)) {
		if (map->owned)
			materialise(pfn_to_page(q, ALIGN_DOWN(pfn, PBMAP_PAGES)), pageblock_order);
		bad_page(q, pfn_to_page(q, pfn), "freed twice at once");
		return;
	}
	node->nr_free += 1UL << order;
	relink_map(f, node, map, was);
}

/* Whole pageblocks that are too many: off the maps' lists, into *give. */
static unsigned int collect_whole(struct frame_floor *f, struct frame_node *node, unsigned int keep,
				  u32 *give, unsigned int nr)
{
	unsigned int n = 0;

	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
		while (node->nr_whole[type] > keep && n < nr) {
			u32 number = node->tail[type][PBMAP_ORDERS - 1] - 1;
			struct pageblock_map *map = &f->map[number];

			unlink_map(f, node, map, map->largest);
			HOT_STORE(&map->owned, false);
			node->nr_free -= PBMAP_PAGES;
			node->nr_maps--;
			give[n++] = number;
		}
	}
	return n;
}

/* ---- the buddy below --------------------------------------------------------- */

static void give_pageblocks(struct quire *q, struct zone *zone, const u32 *give, unsigned int nr)
{
	if (!nr)
		return;
	spin_lock(q, &zone->lock);
	for (unsigned int i = 0; i < nr; i++) {
		u64 pfn = (u64)give[i] << pageblock_order;
		struct page *page = pfn_to_page(q, pfn);

		set_page_count(page, 0);
		__free_one_page(q, page, pfn, zone, pageblock_order,
				pfnblock_migratetype(zone, pfn), FPI_NONE);
	}
	spin_unlock(q, &zone->lock);
}

/* May the zone give a pageblock away?  Below its low mark kswapd is told. */
static bool pageblock_to_spare(struct quire *q, struct zone *zone)
{
	int idx = (int)zone->zone_idx;

	if (zone_watermark_ok(zone, pageblock_order, low_wmark_pages(zone), idx, ALLOC_WMARK_LOW))
		return true;
	if (q->page->ops.wakeup_kswapd)
		q->page->ops.wakeup_kswapd(q, zone, GFP_KERNEL, 0, idx);
	return zone_watermark_ok(zone, pageblock_order, min_wmark_pages(zone), idx,
				 ALLOC_WMARK_MIN);
}

/* A whole pageblock from the buddy; the map that has it is linked, and the lock
 * held again. */
static bool add_pageblock(struct quire *q, struct frame_node *node, unsigned int type)
{
	struct zone *zone = node->zone;
	struct pageblock_map *map;
	struct page *page = NULL;

	spin_unlock(q, &node->lock);
	if (pageblock_to_spare(q, zone)) {
		spin_lock(q, &zone->lock);
		page = __rmqueue_virgin(q, zone, pageblock_order, (int)type, ALLOC_KSWAPD);
		if (page) {
			u64 pfn = page_to_pfn(q, page);

			/* A descriptor of zeros says node 0: with one node that is true. */
			if (q->nr_nodes > 1)
				materialise(page, pageblock_order);

			mod_zone_page_state(zone, NR_FREE_PAGES, -(long)pageblock_nr_pages);
			set_page_count(page, 1);
			if (migratetype_is_mergeable(pfnblock_migratetype(zone, pfn)))
				set_pfnblock_migratetype(zone, pfn, (int)type);
		}
		spin_unlock(q, &zone->lock);
	}
	spin_lock(q, &node->lock);
	if (!page)
		return false;
	map = &q->frames->map[page_to_pfn(q, page) >> pageblock_order];
	pbmap_fill(map, true);
	map->type = (u8)type;
	map->nid = (u16)node->nid;
	HOT_STORE(&map->owned, true);
	node->nr_free += PBMAP_PAGES;
	node->nr_maps++;
	link_map(q->frames, node, map);
	return true;
}

/* ---- lists of CPUs ----------------------------------------------------------- */

static void reverse(u32 *v, unsigned int nr)
{
	for (unsigned int i = 0, j = nr; i + 1 < j; i++) {
		u32 tmp = v[i];

		v[i] = v[--j];
		v[j] = tmp;
	}
}

u32 frames_alloc_slow(struct quire *q, unsigned int order, unsigned int nid, unsigned int type)
{
	struct frame_floor *f = q->frames;
	struct frame_node *node = f->node[nid];
	const struct frame_list *list = frame_list(q->frames, nid, FRAME_KIND(type, order));
	unsigned int n, pushed, want = min(list->cap / 2 + 1, (unsigned int)BATCH_MAX);
	u32 block[BATCH_MAX];

	spin_lock(q, &node->lock);
	n = take_blocks(f, node, order, type, block, want);
	if (!n && add_pageblock(q, node, type))
		n = take_blocks(f, node, order, type, block, want);
	if (unlikely(!n)) {
		spin_unlock(q, &node->lock);
		frames_drain(q, (int)nid);
		spin_lock(q, &node->lock);
		n = take_blocks(f, node, order, type, block, 1);
		if (!n)
			n = take_other(f, node, order, type, block);
		if (!n) {
			spin_unlock(q, &node->lock);
			return 0;
		}
	}
	/* The lowest is the caller's, and the next ones come in order. */
	reverse(block, n);
	node->direct_allocs[order]++;
	pushed = hot_percpu_push_many32(q->hot, list->off, list->cap, block, n - 1);
	node->net[type][order] += pushed;
	for (unsigned int i = pushed; i < n - 1; i++)
		put_block(q, node, block[i], order);
	spin_unlock(q, &node->lock);
	return block[n - 1];
}

/* The map that will be written to when so many others have been. */
#define PUT_AHEAD 8
static inline void prefetch_map(const struct frame_floor *f, u32 pfn)
{
	const struct pageblock_map *map = &f->map[pfn >> pageblock_order];

	__builtin_prefetch(&map->free[pfn / 64 % PBMAP_WORDS], 1);
	__builtin_prefetch(&map->next, 1);
}

static void put_pages(struct quire *q, struct frame_node *node, const u32 *pfns, unsigned int nr)
{
	struct frame_floor *f = q->frames;

	for (unsigned int i = 0; i < nr;) {
		struct pageblock_map *map = &f->map[pfns[i] >> pageblock_order];
		int was = map->largest;
		unsigned int n;

		if (i + PUT_AHEAD < nr)
			prefetch_map(f, pfns[i + PUT_AHEAD]);
		n = likely(map->owned) ? pbmap_put_pages(map, pfns + i, nr - i) : 0;
		if (unlikely(!n)) {
			put_block(q, node, pfns[i++], 0);
			continue;
		}
		node->nr_free += n;
		relink_map(f, node, map, was);
		i += n;
	}
}

static void put_blocks(struct quire *q, struct frame_node *node, const u32 *pfns, unsigned int nr,
		       unsigned int order)
{
	if (!order) {
		put_pages(q, node, pfns, nr);
		return;
	}
	for (unsigned int i = 0; i < nr; i++) {
		if (i + PUT_AHEAD < nr)
			prefetch_map(q->frames, pfns[i + PUT_AHEAD]);
		put_block(q, node, pfns[i], order);
	}
}

void frames_free_slow(struct quire *q, u32 pfn, unsigned int order, unsigned int nid,
		      unsigned int type)
{
	struct frame_node *node = q->frames->node[nid];
	const struct frame_list *list = frame_list(q->frames, nid, FRAME_KIND(type, order));
	u32 block[BATCH_MAX], give[GIVE_MAX];
	unsigned int n, nr_give;

	n = hot_percpu_pop_many32(q->hot, list->off, block,
				  min(list->cap / 2, (unsigned int)BATCH_MAX), false);
	spin_lock(q, &node->lock);
	node->net[type][order] -= n;
	put_blocks(q, node, block, n, order);
	if (!n || !hot_percpu_push32(q->hot, list->off, list->cap, pfn)) {
		node->direct_frees[order]++;
		put_block(q, node, pfn, order);
	}
	nr_give = collect_whole(q->frames, node, KEEP_WHOLE, give, GIVE_MAX);
	spin_unlock(q, &node->lock);
	give_pageblocks(q, node->zone, give, nr_give);
}

void frames_put(struct quire *q, u32 pfn, unsigned int order)
{
	struct frame_node *node = q->frames->node[q->frames->map[pfn >> pageblock_order].nid];
	u32 give[GIVE_MAX];
	unsigned int nr_give;

	spin_lock(q, &node->lock);
	node->direct_frees[order]++;
	put_block(q, node, pfn, order);
	nr_give = collect_whole(q->frames, node, KEEP_WHOLE, give, GIVE_MAX);
	spin_unlock(q, &node->lock);
	give_pageblocks(q, node->zone, give, nr_give);
}

/* A stopped slot's lists of a node go to the maps. */
static void drain_slot(struct quire *q, struct frame_node *node, char *region)
{
	spin_lock(q, &node->lock);
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
		for (unsigned int order = 0; order < PBMAP_ORDERS; order++) {
			u32 off = frame_list(q->frames, node->nid, FRAME_KIND(type, order))->off;
			struct percpu_list *l = percpu_list(region, off);
			u32 n = off ? percpu_count(l->word) : 0;

			if (!n)
				continue;
			put_blocks(q, node, l->u32, n, order);
			/* Others read it (hot_percpu_word()), stopped or not. */
			HOT_STORE(&l->word, l->word - n);
			node->net[type][order] -= n;
		}
	}
	spin_unlock(q, &node->lock);
}

bool frames_slot_used(const struct quire *q, unsigned int nid, u32 slot)
{
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
		for (unsigned int order = 0; order < PBMAP_ORDERS; order++) {
			u32 off = frame_list(q->frames, nid, FRAME_KIND(type, order))->off;

			if (off && percpu_count(hot_percpu_word(q->hot, slot, off)))
				return true;
		}
	}
	return false;
}

void frames_drain(struct quire *q, int nid)
{
	for (unsigned int n = 0; q->frames && n < q->nr_nodes; n++) {
		struct frame_node *node = q->frames->node[n];
		u32 give[GIVE_MAX];
		unsigned int nr;

		if (!node || (nid >= 0 && n != (unsigned int)nid))
			continue;
		for (u32 slot = 0; slot < hot_percpu_slots(q->hot); slot++) {
			if (!frames_slot_used(q, n, slot))
				continue;
			drain_slot(q, node, hot_percpu_stop(q->hot, slot));
			hot_percpu_resume(q->hot, slot);
		}
		do {
			spin_lock(q, &node->lock);
			nr = collect_whole(q->frames, node, 0, give, GIVE_MAX);
			spin_unlock(q, &node->lock);
			give_pageblocks(q, node->zone, give, nr);
		} while (nr == GIVE_MAX);
	}
}

/* ---- many at once ------------------------------------------------------------ */

unsigned int frames_alloc_bulk(struct quire *q, unsigned int nid, unsigned int type,
			       unsigned int nr, struct page **pages)
{
	struct frame_floor *f = q->frames;
	struct frame_node *node = f->node[nid];
	u8 state = (u8)(FRAME_USED | type << 4);
	unsigned int done = 0;

	while (done < nr) {
		unsigned int n, want = min(nr - done, (unsigned int)BATCH_MAX);
		u32 block[BATCH_MAX];

		n = hot_percpu_pop_many32(q->hot, frame_list(f, nid, FRAME_KIND(type, 0))->off,
					  block, done ? 0 : want, true);
		if (!n) {
			spin_lock(q, &node->lock);
			n = take_blocks(f, node, 0, type, block, want);
			if (!n && add_pageblock(q, node, type))
				n = take_blocks(f, node, 0, type, block, want);
			node->direct_allocs[0] += n;
			spin_unlock(q, &node->lock);
		}
		if (!n)
			break;
		for (unsigned int i = 0; i < n; i++) {
			HOT_STORE(&f->state[block[i]], state);
			pages[done++] = pfn_to_page(q, block[i]);
		}
	}
	return done;
}

void frames_free_bulk(struct quire *q, const u32 *pfns, unsigned int nr)
{
	while (nr) {
		struct frame_node *node =
			q->frames->node[q->frames->map[*pfns >> pageblock_order].nid];
		u32 give[GIVE_MAX];
		unsigned int n = 0, nr_give;

		spin_lock(q, &node->lock);
		while (n < min(nr, (unsigned int)BATCH_MAX) &&
		       q->frames->map[pfns[n] >> pageblock_order].nid == node->nid)
			n++;
		put_blocks(q, node, pfns, n, 0);
		node->direct_frees[0] += n;
		nr_give = collect_whole(q->frames, node, KEEP_WHOLE, give, GIVE_MAX);
		spin_unlock(q, &node->lock);
		give_pageblocks(q, node->zone, give, nr_give);
		pfns += n;
		nr -= n;
	}
}

#endif
