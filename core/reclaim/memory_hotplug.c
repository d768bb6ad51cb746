/* SPDX-License-Identifier: MIT */
/*
 * Blocks of memory go offline and come back: see memory_hotplug.h.
 *
 * Going: the block's pageblocks are isolated, its pages moved elsewhere and what
 * is free taken (contig.c); then boot memory, zone and node forget the frames, and
 * the marks are computed from what is left, as at boot.  Coming back is the same
 * the other way round.
 *
 * Differs from Linux: a zone's span stays when a block at its end goes, and a
 * block can come back only to a zone that spans it, so online_movable needs a
 * ZONE_MOVABLE of boot (movablecore=).  No node goes wholly.
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

/* The zone all of whose block it is; NULL: none. */
static struct zone *zone_of_block(struct quire *q, unsigned int nid, unsigned int block)
{
	for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
	{
		if (zone_spans_pfn(zone, FIRST(block)) &&
		    zone_spans_pfn(zone, FIRST(block) + BLOCK_PAGES - 1))
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

int memory_block_offline(struct quire *q, unsigned int block)
{
	u64 start = FIRST(block), end = start + BLOCK_PAGES;
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
	/* Pages in our batches are on no list and would count as unmovable. */
	lru_add_drain_all(q);
	err = alloc_contig_range(q, zone, start, end);
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

int memory_block_online(struct quire *q, unsigned int block, enum mmop how)
{
	struct zone *zone = NULL;
	int err;

	if (!is_offline(q, block))
		return -EINVAL;
	for (unsigned int nid = 0; nid < q->nr_nodes && !zone; nid++)
		zone = zone_of_block(q, nid, block);
	if (!zone || (how == MMOP_ONLINE_MOVABLE && zone->zone_idx != ZONE_MOVABLE) ||
	    (how == MMOP_ONLINE_KERNEL && zone->zone_idx == ZONE_MOVABLE))
		return -EINVAL;
	err = online_range(q, zone, FIRST(block), BLOCK_PAGES);
	if (err)
		return err;
	set_offline(q, block, false);
	pr_info(q, "Built %u zonelists, mobility grouping on.  Total pages: %lu", q->nr_nodes,
		nr_free_buffer_pages(q));
	recompute(q);
	return 0;
}
