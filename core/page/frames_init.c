/* SPDX-License-Identifier: MIT */
/*
 * Frames that are seldom: boot, blocks lent to the kernel, whose block a frame
 * is in, and counting.  See frames.h.
 *
 * A lent block has written descriptors, and the kernel may take it apart
 * (split_page()) and give its pages back one by one: the byte of its first frame
 * is divided then as the block is.
 *
 * How long the lists may be: a CPU keeps at most a 64th part of a node's memory,
 * shared by all CPUs, on any list, and not more than pays: 512 single pages, 8
 * huge blocks.  On small machines large blocks have no lists.
 */
#include "page/frames.h"

#if HOT_PERCPU

#include "page/internal.h"
#include "base/printk.h"

static const u16 list_most[PBMAP_ORDERS] = {FRAME_LIST_MAX, 128, 48, 24, 16, 16, 8, 8, 8, 8};

static size_t maps_bytes(u64 max_pfn)
{
	return DIV_ROUND_UP(max_pfn, PBMAP_PAGES) * sizeof(struct pageblock_map);
}

size_t frames_bytes(u64 max_pfn)
{
	return maps_bytes(max_pfn) + max_pfn;
}

/* The highest zone for anything; embedders have no use for others. */
static struct zone *zone_of_node(struct pglist_data *pgdat)
{
	for (int idx = ZONE_NORMAL; idx >= 0; idx--)
		if (pgdat->node_zones[idx].managed_pages)
			return &pgdat->node_zones[idx];
	return NULL;
}

static int init_node(struct quire *q, struct zone *zone, unsigned int nid)
{
	/* Where slots are threads' there are many, few of which are in use. */
	unsigned long slots = clamp(hot_percpu_slots(q->hot), 1u, 32u);
	unsigned long share = zone->managed_pages / (64 * slots);
	size_t bytes = ALIGN(sizeof(struct frame_node), 64UL);
	unsigned int order = 0;
	struct frame_node *node;
	struct page *page;

	while (PAGE_SIZE << order < bytes)
		order++;
	page = alloc_pages_node(q, nid, GFP_KERNEL, order);
	if (!page)
		return -ENOMEM;
	node = page_address(q, page);
	memset(node, 0, sizeof(*node));
	spin_lock_init(&node->lock, LOCK_FRAMES);
	node->zone = zone;
	node->nid = nid;
	for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
		for (order = 0; order < PBMAP_ORDERS; order++) {
			u32 cap = (u32)min(share >> order, (unsigned long)list_most[order]);

			struct frame_list *list =
				frame_list(q->frames, nid, FRAME_KIND(type, order));

			if (cap)
				list->off = hot_percpu_alloc(q->hot,
							     PERCPU_LIST_BYTES(cap, sizeof(u32)));
			list->cap = list->off ? cap : 0;
		}
	}
	q->frames->node[nid] = node;
	return 0;
}

int frames_init(struct quire *q)
{
	char *room = q->cfg.memory.frames;
	size_t bytes = sizeof(struct frame_floor) +
		       (q->nr_nodes << FRAME_KIND_BITS) * sizeof(struct frame_list);
	unsigned int order = 0;
	struct page *page;
	int err = 0;

	if (!room || q->max_pfn > UINT32_MAX)
		return 0;
	while (PAGE_SIZE << order < bytes)
		order++;
	page = alloc_pages_node(q, 0, GFP_KERNEL, order);
	if (!page)
		return -ENOMEM;
	q->frames = page_address(q, page);
	memset(q->frames, 0, bytes);
	q->frames->map = (struct pageblock_map *)room;
	q->frames->state = (u8 *)room + maps_bytes(q->max_pfn);
	for_each_node (q, nid) {
		struct zone *zone = zone_of_node(NODE_DATA(q, nid));

		if (zone && !err)
			err = init_node(q, zone, nid);
	}
	if (q->nr_nodes == 1 && !err && hot_percpu_of_cpus(q->hot))
		(void)HOT_AND(&q->keys, ~KEY_SLOW_FRAMES);
	q->node->more_events = frames_events;
	q->node->more_numa_events = frames_numa_events;
	return err;
}

/* ---- whose block a frame is in ------------------------------------------------ */

u64 frames_head(const struct quire *q, u64 pfn)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		u64 head = pfn & ~((1UL << order) - 1);
		u8 state = HOT_LOAD(&q->frames->state[head]);

		if (state & FRAME_OWNER)
			return (state & FRAME_ORDER) >= order ? head : UINT64_MAX;
	}
	return UINT64_MAX;
}

void frames_write_descriptors(struct quire *q, u64 pfn)
{
	const struct pageblock_map *map = &q->frames->map[pfn / PBMAP_PAGES];
	struct frame_node *node = frames_own(q, pfn) ? q->frames->node[map->nid] : NULL;

	if (!node) {
		write_free_descriptors(q, pfn);
		return;
	}
	spin_lock(q, &node->lock);
	if (map->owned)
		materialise(pfn_to_page(q, ALIGN_DOWN(pfn, PBMAP_PAGES)), pageblock_order);
	spin_unlock(q, &node->lock);
}

/* ---- blocks lent to the kernel ------------------------------------------------- */

struct page *frames_lend(struct quire *q, unsigned int order, unsigned int nid, int migratetype)
{
	struct frame_node *node = q->frames ? q->frames->node[nid] : NULL;
	struct page *page;
	u32 pfn;

	if (!node || order >= PBMAP_ORDERS || migratetype >= MIGRATE_PCPTYPES)
		return NULL;
	pfn = frames_alloc_slow(q, order, nid, (unsigned int)migratetype);
	if (!pfn)
		return NULL;
	spin_lock(q, &node->lock);
	/* The kernel's pages have neighbours with descriptors. */
	materialise(pfn_to_page(q, ALIGN_DOWN(pfn, PBMAP_PAGES)), pageblock_order);
	HOT_STORE(&q->frames->state[pfn], (u8)(FRAME_LENT | (u32)migratetype << 4 | order));
	node->nr_lent += 1UL << order;
	spin_unlock(q, &node->lock);
	page = pfn_to_page(q, pfn);
	/* The first may be the pageblock's own, which has a reference always. */
	for (unsigned long i = 0; i < 1UL << order; i++) {
		memset(page + i, 0, sizeof(*page));
		init_single_page(page + i, page_place(node->zone));
	}
	set_page_count(page, 1);
	return page;
}

/* The lent block that holds pfn is divided until one of this order begins there. */
static void split_lent(const struct quire *q, u64 pfn, unsigned int order)
{
	u8 *state = q->frames->state;
	u64 head = frames_head(q, pfn);
	u8 type = state[head] & FRAME_TYPE_BITS;

	for (unsigned int o = state[head] & FRAME_ORDER; o > order; o--) {
		u64 half = head + (1UL << (o - 1));

		HOT_STORE(&state[head], (u8)(FRAME_LENT | type | (o - 1)));
		HOT_STORE(&state[half], (u8)(FRAME_LENT | type | (o - 1)));
		if (pfn >= half)
			head = half;
	}
}

bool frames_return(struct quire *q, struct page *page, unsigned int order)
{
	u64 pfn = page_to_pfn(q, page), head;
	struct frame_node *node;
	u32 number = (u32)pfn;
	u8 *state;

	if (likely(!frames_own(q, pfn)))
		return false;
	head = frames_head(q, pfn);
	if (head == UINT64_MAX || (q->frames->state[head] & FRAME_OWNER) != FRAME_LENT)
		return false;
	node = q->frames->node[q->frames->map[pfn >> pageblock_order].nid];
	state = &q->frames->state[pfn];
	spin_lock(q, &node->lock);
	split_lent(q, pfn, order);
	HOT_STORE(state, 0);
	node->nr_lent -= 1UL << order;
	/* The pageblock's first descriptor says that it is in use. */
	if (!(pfn & (PBMAP_PAGES - 1)))
		set_page_count(page, 1);
	spin_unlock(q, &node->lock);
	frames_put(q, number, order);
	return true;
}

/* ---- counting ---------------------------------------------------------------- */

unsigned long frames_nr_free(const struct quire *q, int nid)
{
	unsigned long sum = 0;

	for (unsigned int n = 0; q->frames && n < q->nr_nodes; n++)
		if (q->frames->node[n] && (nid < 0 || n == (unsigned int)nid))
			sum += HOT_LOAD(&q->frames->node[n]->nr_free);
	return sum;
}

void frames_count_blocks(const struct quire *q, const struct zone *zone, int type,
			 unsigned long *nr)
{
	const struct frame_node *node = q->frames ? q->frames->node[zone_to_nid(zone)] : NULL;

	if (!node || node->zone != zone || !HOT_LOAD(&node->nr_maps))
		return;
	for (u64 pfn = ALIGN(zone->zone_start_pfn, pageblock_nr_pages); pfn < zone_end_pfn(zone);
	     pfn += pageblock_nr_pages) {
		const struct pageblock_map *map = &q->frames->map[pfn >> pageblock_order];

		if (HOT_LOAD(&map->owned) && (type < 0 || map->type == type))
			pbmap_count(map, nr);
	}
}

/* Blocks that were popped from lists of a kind, on all CPUs; and those there. */
static unsigned long popped(const struct quire *q, const struct frame_list *list, u64 *there)
{
	unsigned long sum = 0;

	*there = 0;
	for (u32 slot = 0; list->off && slot < hot_percpu_slots(q->hot); slot++) {
		u64 word = hot_percpu_word(q->hot, slot, list->off);

		sum += percpu_pops(word);
		*there += percpu_count(word);
	}
	return sum;
}

/* Pages allocated or freed; blocks: each counts once. */
static unsigned long node_events(const struct quire *q, const struct frame_node *node, bool frees,
				 bool blocks)
{
	unsigned long sum = 0;

	for (unsigned int order = 0; order < PBMAP_ORDERS; order++) {
		unsigned long nr = frees ? HOT_LOAD(&node->direct_frees[order])
					 : HOT_LOAD(&node->direct_allocs[order]);

		for (unsigned int type = 0; type < MIGRATE_PCPTYPES; type++) {
			u64 there;

			nr += popped(q, frame_list(q->frames, node->nid, FRAME_KIND(type, order)),
				     &there);
			if (frees)
				nr += there - (u64)HOT_LOAD(&node->net[type][order]);
		}
		sum += blocks ? nr : nr << order;
	}
	return sum;
}

unsigned long frames_events(const struct quire *q, enum vm_event_item item)
{
	unsigned long sum = 0;

	for (unsigned int n = 0; q->frames && n < q->nr_nodes; n++) {
		const struct frame_node *node = q->frames->node[n];

		if (!node)
			continue;
		if (item == PGFREE)
			sum += node_events(q, node, true, false);
		else if (item == PGALLOC_DMA + node->zone->zone_idx)
			sum += node_events(q, node, false, false);
	}
	return sum;
}

unsigned long frames_numa_events(const struct quire *q, const struct zone *zone,
				 enum numa_stat_item item)
{
	const struct frame_node *node = q->frames ? q->frames->node[zone_to_nid(zone)] : NULL;

	if (!node || node->zone != zone)
		return 0;
	if (item == NUMA_HIT)
		return node_events(q, node, false, true);
	if (item == NUMA_OTHER)
		return HOT_LOAD(&node->nr_remote);
	if (item == NUMA_LOCAL)
		return node_events(q, node, false, true) - HOT_LOAD(&node->nr_remote);
	return 0;
}

#endif
