/* SPDX-License-Identifier: MIT */
/*
 * Where a node's ZONE_MOVABLE begins (find_zone_movable_pfns_for_nodes() of Linux
 * 6.1's page_alloc.c): kernelcore=, movablecore= and movable_node.
 *
 * kernelcore says how much memory the kernel may use for what can't be moved; it
 * is shared out evenly among the nodes that have memory, and what a node has above
 * its share is movable.  What lies below the highest zone is the kernel's in any
 * case and counts.  A node that has less than its share uses it all up, and the
 * others share the rest: hence the rounds.  movablecore says the same from the
 * other end.  With movable_node the nodes that may be taken away at run time are
 * movable as a whole and the sizes do not count.
 *
 * The zone begins at a multiple of the largest block.
 */
#include "node/memblock.h"

#define DMA_END_PFN   ((16UL << 20) >> PAGE_SHIFT)
#define DMA32_END_PFN ((1UL << 32) >> PAGE_SHIFT)

struct movable_plan {
	struct quire *q;
	const struct memblock_type *memory;
	u64 *start;		  /* [nr_nodes]: what is wanted; 0: no such zone yet */
	u64 usable_start;	  /* of the zone that movable memory is taken from */
	unsigned long kernelcore; /* pages still to be found */
};

/* The first frame of the highest zone that has memory. */
static u64 lowest_usable_pfn(const struct memblock_type *memory)
{
	const struct memblock_region *last = &memory->regions[memory->cnt - 1];
	u64 end = (last->base + last->size) >> PAGE_SHIFT;

	return end > DMA32_END_PFN ? DMA32_END_PFN : end > DMA_END_PFN ? DMA_END_PFN : 0;
}

static unsigned long total_pages(const struct memblock_type *memory)
{
	unsigned long pages = 0;

	for (unsigned int i = 0; i < memory->cnt; i++)
		pages += memory->regions[i].size >> PAGE_SHIFT;
	return pages;
}

/* Pages that the kernel is to have, 0: no limit. */
static unsigned long required_kernelcore(const struct quire_config *cfg, unsigned long total)
{
	unsigned long kernel = cfg->kernelcore_bytes >> PAGE_SHIFT;
	unsigned long movable = cfg->movablecore_bytes >> PAGE_SHIFT;

	if (cfg->kernelcore_percent)
		kernel = total * 100UL * cfg->kernelcore_percent / 10000UL;
	if (cfg->movablecore_percent)
		movable = total * 100UL * cfg->movablecore_percent / 10000UL;
	if (movable) {
		movable = min(ALIGN(movable, MAX_ORDER_NR_PAGES), total);
		kernel = max(kernel, total - movable);
	}
	return kernel >= total ? 0 : kernel;
}

/* A node's share, or what there is of it. */
static void take_share(struct movable_plan *p, unsigned int nid, unsigned long share)
{
	for (unsigned int i = 0; i < p->memory->cnt && share; i++) {
		const struct memblock_region *r = &p->memory->regions[i];
		u64 start = max(r->base >> PAGE_SHIFT, p->start[nid]);
		u64 end = (r->base + r->size) >> PAGE_SHIFT;
		unsigned long pages;

		if (r->nid != nid || start >= end)
			continue;
		/* The lower zones are the kernel's anyway. */
		if (start < p->usable_start) {
			pages = min(end, p->usable_start) - start;
			share -= min(pages, share);
			p->kernelcore -= min(pages, p->kernelcore);
			p->start[nid] = min(end, p->usable_start);
			if (end <= p->usable_start)
				continue;
			start = p->usable_start;
		}
		pages = min(end - start, share);
		p->start[nid] = start + pages;
		p->kernelcore -= min(pages, p->kernelcore);
		share -= pages;
	}
}

static unsigned int nodes_with_memory(const struct movable_plan *p)
{
	unsigned int nr = 0;

	for_each_node (p->q, nid)
		nr += memblock_overlap_bytes(p->memory, 0, ~0UL, nid) != 0;
	return nr;
}

static void share_kernelcore(struct movable_plan *p)
{
	unsigned int usable = nodes_with_memory(p);

	do {
		unsigned long share = p->kernelcore / usable;

		for_each_node (p->q, nid) {
			if (!memblock_overlap_bytes(p->memory, 0, ~0UL, nid))
				continue;
			if (p->kernelcore < share)
				share = p->kernelcore / usable;
			take_share(p, nid, share);
		}
	} while (--usable && p->kernelcore > usable);
}

/* Nodes that may be taken away. */
static void whole_nodes(struct movable_plan *p)
{
	for (unsigned int i = 0; i < p->memory->cnt; i++) {
		const struct memblock_region *r = &p->memory->regions[i];
		u64 *start = &p->start[r->nid];

		if (p->q->cfg.node[r->nid].hotpluggable &&
		    (!*start || *start > r->base >> PAGE_SHIFT))
			*start = r->base >> PAGE_SHIFT;
	}
}

/* Up to a whole block; none if that is beyond the node's end. */
static void round_starts(struct movable_plan *p)
{
	for_each_node (p->q, nid) {
		u64 end = 0;

		for (unsigned int i = 0; i < p->memory->cnt; i++)
			if (p->memory->regions[i].nid == nid)
				end = (p->memory->regions[i].base + p->memory->regions[i].size) >>
				      PAGE_SHIFT;
		p->start[nid] = ALIGN(p->start[nid], MAX_ORDER_NR_PAGES);
		if (p->start[nid] >= end)
			p->start[nid] = 0;
	}
}

void find_zone_movable_pfns(struct quire *q, u64 start[QUIRE_MAX_NODES])
{
	struct movable_plan p = {.q = q, .memory = &q->node->memblock->memory, .start = start};
	unsigned long total = total_pages(p.memory);

	memset(start, 0, q->nr_nodes * sizeof(start[0]));
	if (q->cfg.movable_node) {
		whole_nodes(&p);
	} else {
		p.kernelcore = required_kernelcore(&q->cfg, total);
		if (!p.kernelcore)
			return;
		p.usable_start = lowest_usable_pfn(p.memory);
		share_kernelcore(&p);
	}
	round_starts(&p);
}
