/* SPDX-License-Identifier: MIT */
/*
 * Blocks of memory go offline and come back: see memory_hotplug.h.
 *
 * Going: the block's pageblocks are isolated, its pages moved elsewhere and what
 * is free taken (contig.c); then boot memory, zone and node forget the frames, and
 * the marks are computed from what is left, as at boot.  Coming back is the same
 * the other way round.
 *
 * Which zone it comes to is Linux's rule (zone_for_block()): as movable memory
 * ZONE_MOVABLE, which may begin its life so, within what another zone spans; as the
 * kernel's the zone that spans it, or ZONE_NORMAL.
 *
 * Differs from Linux: no node goes wholly; no movable_node, no auto-movable policy.
 *
 * Locks: none of its own; who writes to sysfs is alone in the model.
 */
#include "reclaim/memory_hotplug.h"

#include "base/printk.h"
#include "cache/lru.h"
#include "node/memblock.h"
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "space/huge_mm.h"

#define BLOCK_PAGES  PAGES_PER_SECTION
#define BLOCK_BYTES  (BLOCK_PAGES << PAGE_SHIFT)
#define FIRST(block) ((u64)(block)*BLOCK_PAGES)

unsigned int nr_memory_blocks(const struct quire *q)
{
	return (unsigned int)DIV_ROUND_UP(q->max_pfn, BLOCK_PAGES);
}

/* How much of a block is memory, and whose the first of it is. */
static u64 present_bytes(const struct quire *q, unsigned int block, unsigned int *nid)
{
	const struct memblock_type *memory = &q->node->memblock->memory;
	u64 base = FIRST(block) << PAGE_SHIFT, sum = 0;

	for_each_node (q, n) {
		u64 bytes = memblock_overlap_bytes(memory, base, base + BLOCK_BYTES, n);

		if (bytes && !sum)
			*nid = n;
		sum += bytes;
	}
	return sum;
}

/* Offline are those that a zone spans, that are not there and have a bit. */
static bool is_offline(const struct quire *q, unsigned int block)
{
	const unsigned long *map = q->reclaim->offline_blocks;

	return map && block < nr_memory_blocks(q) &&
	       (map[block / BITS_PER_LONG] >> (block % BITS_PER_LONG)) & 1;
}

enum memory_block_state memory_block_state(const struct quire *q, unsigned int block)
{
	unsigned int nid = 0;

	if (is_offline(q, block))
		return MEM_OFFLINE;
	return block < nr_memory_blocks(q) && present_bytes(q, block, &nid) ? MEM_ONLINE
									    : MEM_ABSENT;
}

/* The zone that has all of an online block; NULL: none. */
static struct zone *zone_of_block(struct quire *q, unsigned int nid, unsigned int block)
{
	for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
	{
		if (zone_has_pfn(q, zone, FIRST(block)) &&
		    zone_has_pfn(q, zone, FIRST(block) + BLOCK_PAGES - 1))
			return zone;
	}
	return NULL;
}

/* init_per_zone_wmark_min() and what khugepaged makes of it. */
static void recompute(struct quire *q)
{
	init_per_zone_wmark_min(q);
	if (hugepage_flags_enabled(q->space->huge) && q->space->huge->khugepaged.running)
		set_recommended_min_free_kbytes(q);
}

static void set_offline(struct quire *q, unsigned int block, bool offline)
{
	unsigned long *word = &q->reclaim->offline_blocks[block / BITS_PER_LONG];
	unsigned long bit = 1UL << (block % BITS_PER_LONG);

	*word = offline ? *word | bit : *word & ~bit;
}

/* Where its pages go: to other nodes if there are any, whatever binds them. */
static nodemask_t other_nodes(const struct quire *q, unsigned int nid)
{
	nodemask_t mask = {{0}};
	bool any = false;

	for_each_node (q, n) {
		if (n == nid || !NODE_DATA(q, n)->node_present_pages)
			continue;
		node_set(&mask, n);
		any = true;
	}
	if (!any)
		node_set(&mask, nid);
	return mask;
}

int memory_block_offline(struct quire *q, unsigned int block)
{
	u64 start = FIRST(block), end = start + BLOCK_PAGES;
	nodemask_t targets;
	unsigned int nid = 0;
	struct zone *zone;
	int err;

	if (memory_block_state(q, block) != MEM_ONLINE ||
	    present_bytes(q, block, &nid) != BLOCK_BYTES)
		return -EINVAL;
	zone = zone_of_block(q, nid, block);
	if (!zone)
		return -EINVAL;
	if (!q->reclaim->offline_blocks) {
		size_t words = DIV_ROUND_UP(nr_memory_blocks(q), BITS_PER_LONG);

		q->reclaim->offline_blocks = kzalloc(q, words * sizeof(unsigned long), GFP_KERNEL);
		if (!q->reclaim->offline_blocks)
			return -ENOMEM;
	}
	targets = other_nodes(q, nid);
	/* Pages in our batches are on no list and would count as unmovable. */
	lru_add_drain_all(q);
	err = alloc_contig_range_to(q, zone, start, end, MIGRATE_MOVABLE, &targets);
	if (err)
		return err;
	err = offline_range(q, zone, start, BLOCK_PAGES);
	if (err) {
		free_contig_range(q, start, BLOCK_PAGES);
		return err;
	}
	set_offline(q, block, true);
	recompute(q);
	pr_info(q, "Offlined Pages %lu", BLOCK_PAGES);
	return 0;
}

/* ---- coming ---------------------------------------------------------------------- */

static bool zone_intersects(const struct zone *zone, u64 pfn)
{
	return zone->spanned_pages && pfn < zone_end_pfn(zone) &&
	       pfn + BLOCK_PAGES > zone->zone_start_pfn;
}

/* Linux: default_kernel_zone_for_pfn(). */
static struct zone *kernel_zone_for_block(struct pglist_data *pgdat, u64 pfn)
{
	for (unsigned int idx = 0; idx <= ZONE_NORMAL; idx++)
		if (zone_intersects(&pgdat->node_zones[idx], pfn))
			return &pgdat->node_zones[idx];
	return &pgdat->node_zones[ZONE_NORMAL];
}

/* Linux: zone_for_pfn_range(), with its policy contig-zones. */
static struct zone *zone_for_block(struct pglist_data *pgdat, u64 pfn, enum mmop how)
{
	struct zone *kernel = kernel_zone_for_block(pgdat, pfn);
	struct zone *movable = &pgdat->node_zones[ZONE_MOVABLE];

	if (how == MMOP_ONLINE_MOVABLE)
		return movable;
	if (how == MMOP_ONLINE && zone_intersects(movable, pfn) && !zone_intersects(kernel, pfn))
		return movable;
	return kernel;
}

static struct pglist_data *node_of_block(struct quire *q, u64 pfn)
{
	for_each_node (q, nid) {
		struct pglist_data *pgdat = NODE_DATA(q, nid);

		if (pfn >= pgdat->node_start_pfn &&
		    pfn < pgdat->node_start_pfn + pgdat->node_spanned_pages)
			return pgdat;
	}
	return NULL;
}

static void mark_movable(struct quire *q, u64 pfn, u64 end, bool movable)
{
	for (u64 block = pfn / MAX_ORDER_NR_PAGES; block < end / MAX_ORDER_NR_PAGES; block++) {
		unsigned long *word = &q->node->movable_map[block / BITS_PER_LONG];
		unsigned long bit = 1UL << (block % BITS_PER_LONG);

		*word = movable ? *word | bit : *word & ~bit;
	}
}

/* From now on zones may overlap: what boot gave ZONE_MOVABLE is its. */
static int make_movable_map(struct quire *q)
{
	size_t words = DIV_ROUND_UP(q->max_pfn / MAX_ORDER_NR_PAGES + 1, BITS_PER_LONG);

	if (q->node->movable_map)
		return 0;
	q->node->movable_map = kzalloc(q, words * sizeof(unsigned long), GFP_KERNEL);
	if (!q->node->movable_map)
		return -ENOMEM;
	for_each_node (q, nid) {
		struct zone *zone = &NODE_DATA(q, nid)->node_zones[ZONE_MOVABLE];

		if (zone->spanned_pages)
			mark_movable(q, zone->zone_start_pfn,
				     ALIGN(zone_end_pfn(zone), MAX_ORDER_NR_PAGES), true);
	}
	return 0;
}

/* A zone that will span the block has lists and room for its pageblocks' types. */
static int prepare_zone(struct quire *q, struct zone *zone, u64 pfn)
{
	unsigned long blocks;
	u8 *type, *skip;
	u64 base;

	if (!zone->pageset) {
		struct per_cpu_pages *sets =
			kzalloc(q, q->nr_cpus * sizeof(*zone->pageset), GFP_KERNEL);

		if (!sets)
			return -ENOMEM;
		zone_take_pagesets(q, zone, sets);
	}
	blocks = zone_wants_blocks(zone, pfn, BLOCK_PAGES, &base);
	if (!blocks)
		return 0;
	type = kzalloc(q, blocks, GFP_KERNEL);
	skip = kzalloc(q, blocks, GFP_KERNEL);
	if (!type || !skip) {
		kfree(q, type);
		kfree(q, skip);
		return -ENOMEM;
	}
	if (zone_take_blocks(zone, &type, &skip, base, blocks, q)) {
		kfree(q, type);
		kfree(q, skip);
	}
	return 0;
}

int memory_block_online(struct quire *q, unsigned int block, enum mmop how)
{
	u64 pfn = FIRST(block);
	struct pglist_data *pgdat;
	struct zone *zone;
	bool movable;
	int err;

	if (!is_offline(q, block))
		return -EINVAL;
	pgdat = node_of_block(q, pfn);
	if (!pgdat)
		return -EINVAL;
	zone = zone_for_block(pgdat, pfn, how);
	movable = zone->zone_idx == ZONE_MOVABLE;
	err = make_movable_map(q);
	if (!err)
		err = prepare_zone(q, zone, pfn);
	if (err)
		return err;
	mark_movable(q, pfn, pfn + BLOCK_PAGES, movable);
	err = online_range(q, zone, pfn, BLOCK_PAGES);
	if (err)
		return err;
	set_offline(q, block, false);
	recompute(q);
	return 0;
}
