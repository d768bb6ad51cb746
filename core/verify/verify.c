/* SPDX-License-Identifier: MIT */
/*
 * quire_verify(): runs every floor's invariants, from the ground up, and hands
 * each broken one to the caller.  A floor that has not been set up (boot failed
 * half-way) is passed over.
 */
#include <stdarg.h>

#include "verify/verify.h"
#include "node/memblock.h"

/* The end of the run of virgin blocks or of deferred frames that starts at pfn;
 * pfn if none does. */
static u64 virgin_end(const struct quire *q, const struct zone *zone, u64 pfn)
{
	struct memblock_region gap;
	u64 end;

	if (pfn >= zone->first_deferred_pfn && pfn < zone_end_pfn(zone))
		return zone_end_pfn(zone);
	if (!zone->nr_virgin || pfn < zone->virgin_pfn || pfn >= zone_end_pfn(zone))
		return pfn;
	if (!memblock_next_free(q->node->memblock, pfn << PAGE_SHIFT, &gap) ||
	    gap.base > pfn << PAGE_SHIFT || gap.nid != zone->zone_pgdat->node_id)
		return pfn;
	end = min((gap.base + gap.size) >> PAGE_SHIFT, zone->first_deferred_pfn);
	return max(pfn, ALIGN_DOWN(end, 1UL << (MAX_ORDER - 1)));
}

/* The block in which the next zone starts, if pfn is in none: what lies between has
 * descriptors (a host's memory starts at 4 GiB, where Normal does), but no owner. */
static u64 hole_end(const struct quire *q, u64 pfn)
{
	u64 next = q->max_pfn;

	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			if (pfn >= zone->zone_start_pfn && pfn < zone_end_pfn(zone))
				return pfn;
			if (zone->zone_start_pfn > pfn)
				next = min(next, zone->zone_start_pfn);
		}
	}
	return max(pfn, ALIGN_DOWN(next, 1UL << (MAX_ORDER - 1)));
}

u64 __next_touched_pfn(const struct quire *q, u64 pfn)
{
	u64 from;

	do {
		from = pfn;
		for_each_node (q, nid)
			for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) pfn =
				virgin_end(q, zone, pfn);
		pfn = hole_end(q, pfn);
	} while (pfn != from);
	return pfn;
}

void broken(struct verify *v, const char *fmt, ...)
{
	char line[256];
	struct text t;
	va_list args;

	v->nr_broken++;
	if (!v->report)
		return;
	text_init(&t, line, sizeof(line));
	va_start(args, fmt);
	text_vprintf(&t, fmt, args);
	va_end(args);
	v->report(v->ctx, line);
}

u64 quire_verify(struct quire *q, void (*report)(void *ctx, const char *line), void *ctx)
{
	struct verify v = {.q = q, .report = report, .ctx = ctx};

	verify_node(&v);
	verify_buddy(&v);
	verify_frames(&v);
	if (q->slab)
		verify_slab(&v);
	if (q->vmalloc)
		verify_vmalloc(&v);
	if (q->group)
		verify_group(&v);
	if (q->cache) {
		verify_lru(&v);
		verify_cache(&v);
	}
	if (q->swap) {
		verify_swap(&v);
		verify_compressed(&v);
	}
	if (q->space) {
		verify_space(&v);
		verify_tasks(&v);
		verify_hugetlb(&v);
	}
	return v.nr_broken;
}
