/* SPDX-License-Identifier: MIT */
/*
 * The ground floor's invariants: boot memory's tables, what zones and nodes
 * say of themselves against those tables, zonelists, and which CPU is where.
 *
 * All is computed anew from the boot tables, which nothing changes once the
 * buddy owns memory.
 */
#include "node/memblock.h"
#include "verify/verify.h"

static void verify_table(struct verify *v, const struct memblock_type *type, const char *name)
{
	for (unsigned int i = 0; i < type->cnt; i++) {
		const struct memblock_region *r = &type->regions[i];

		if (!r->size || r->nid >= v->q->nr_nodes)
			broken(v, "node: %s range %u is empty or of no node", name, i);
		if (r->base + r->size > v->q->max_pfn << PAGE_SHIFT)
			broken(v, "node: %s range %u ends beyond the memory map", name, i);
		if (i && r[-1].base + r[-1].size > r->base)
			broken(v, "node: %s ranges %u and %u overlap or are out of order", name,
			       i - 1, i);
	}
}

/* Whole free pages of a node in [start, end) when boot ended. */
static unsigned long boot_free_pages(const struct memblock *mb, unsigned int nid, u64 start,
				     u64 end)
{
	struct memblock_region gap;
	unsigned long sum = 0;
	u64 from = 0;

	while (memblock_next_free(mb, from, &gap)) {
		u64 lo = max(start, DIV_ROUND_UP(gap.base, PAGE_SIZE));
		u64 hi = min(end, (gap.base + gap.size) >> PAGE_SHIFT);

		if (gap.nid == nid && lo < hi)
			sum += hi - lo;
		from = gap.base + gap.size;
	}
	return sum;
}

/* What of [start, end) is the zone's: present, and free when boot ended. */
static void count_zone(const struct quire *q, const struct zone *z, u64 start, u64 end,
		       unsigned long *present, unsigned long *left)
{
	const struct memblock *mb = q->node->memblock;
	unsigned int nid = zone_to_nid(z);

	*present = *left = 0;
	for (u64 next; start < end; start = next) {
		next = zone_run_end(q, z, start, end);
		if (!zone_has_pfn(q, z, start))
			continue;
		*present += memblock_overlap_bytes(&mb->memory, start << PAGE_SHIFT,
						   next << PAGE_SHIFT, nid) >>
			    PAGE_SHIFT;
		*left += boot_free_pages(mb, nid, start, next);
	}
}

static void verify_zone(struct verify *v, const struct zone *z)
{
	const struct memblock *mb = v->q->node->memblock;
	unsigned int nid = zone_to_nid(z);
	u64 start = z->zone_start_pfn, end = zone_end_pfn(z);
	unsigned long present, left, deferred, none;

	count_zone(v->q, z, start, end, &present, &left);
	if (z->present_pages != present)
		broken(v, "node: node %u zone %s says %lu pages are present, boot memory %lu", nid,
		       z->name, z->present_pages, present);
	if (z->present_pages > z->spanned_pages ||
	    z->managed_pages + z->deferred_pages > z->present_pages)
		broken(v, "node: node %u zone %s: managed <= present <= spanned does not hold", nid,
		       z->name);
	if (z->first_deferred_pfn < start || z->first_deferred_pfn > end)
		broken(v, "node: node %u zone %s: its deferred memory begins outside", nid,
		       z->name);
	end = min(end, z->first_deferred_pfn);
	count_zone(v->q, z, start, end, &none, &left);
	count_zone(v->q, z, end, zone_end_pfn(z), &none, &deferred);
	if (mb->closed && z->managed_pages != left)
		broken(v, "node: node %u zone %s manages %lu pages, boot left %lu", nid, z->name,
		       z->managed_pages, left);
	if (mb->closed && z->deferred_pages != deferred)
		broken(v, "node: node %u zone %s has %lu deferred pages, boot left %lu", nid,
		       z->name, z->deferred_pages, deferred);
	if (z->_watermark[WMARK_MIN] > z->_watermark[WMARK_LOW] ||
	    z->_watermark[WMARK_LOW] > z->_watermark[WMARK_HIGH])
		broken(v, "node: node %u zone %s: watermarks are out of order", nid, z->name);
}

/* Each populated zone once, nearer nodes first, a node's higher zones first. */
static void verify_zonelist(struct verify *v, unsigned int home)
{
	const struct zoneref *z = NODE_DATA(v->q, home)->node_zonelists[ZONELIST_FALLBACK].zonerefs;
	unsigned int populated = 0, listed = 0, distance = 0, prev_nid = QUIRE_MAX_NODES;
	unsigned int seen[QUIRE_MAX_NODES] = {0};
	int prev_idx = 0;

	for_each_node (v->q, nid)
		for_each_populated_zone_of_node(NODE_DATA(v->q, nid), zone) populated++;
	for (; z->zone && listed <= populated; z++, listed++) {
		unsigned int nid = zone_to_nid(z->zone);

		if (z->zone_idx != (int)z->zone->zone_idx || !z->zone->present_pages)
			broken(v, "node: zonelist of node %u names an empty or a wrong zone", home);
		if (nid == prev_nid ? z->zone_idx >= prev_idx : seen[nid]++ != 0)
			broken(v, "node: zonelist of node %u is not node by node, high zones first",
			       home);
		if (node_distance(v->q, home, nid) < distance)
			broken(v, "node: zonelist of node %u has node %u after a farther one", home,
			       nid);
		distance = node_distance(v->q, home, nid);
		prev_nid = nid;
		prev_idx = z->zone_idx;
	}
	if (listed != populated)
		broken(v, "node: zonelist of node %u has %u zones, there are %u", home, listed,
		       populated);
}

static void verify_cpus(struct verify *v)
{
	unsigned int cpu = 0;

	for_each_node (v->q, nid) {
		const struct pglist_data *pgdat = NODE_DATA(v->q, nid);

		if (pgdat->nr_cpus && pgdat->first_cpu != cpu)
			broken(v, "node: CPUs of node %u begin at %u and not %u", nid,
			       pgdat->first_cpu, cpu);
		for (unsigned int i = 0; i < pgdat->nr_cpus; i++, cpu++)
			if (cpu < v->q->nr_cpus && cpu_to_node(v->q, cpu) != nid)
				broken(v, "node: CPU %u is said to be on node %u, it is on %u", cpu,
				       cpu_to_node(v->q, cpu), nid);
	}
	if (cpu != v->q->nr_cpus)
		broken(v, "node: nodes have %u CPUs, the machine %u", cpu, v->q->nr_cpus);
}

void verify_node(struct verify *v)
{
	struct node_floor *node = v->q->node;
	unsigned long total = 0, deferred = 0;

	if (!node || !node->memblock)
		return;
	verify_table(v, &node->memblock->memory, "memory");
	verify_table(v, &node->memblock->reserved, "reserved");
	for_each_node (v->q, nid) {
		struct pglist_data *pgdat = NODE_DATA(v->q, nid);
		unsigned long present = 0;

		if (pgdat->node_id != nid)
			broken(v, "node: node %u says it is %u", nid, pgdat->node_id);
		for_each_zone_of_node(pgdat, zone)
		{
			verify_zone(v, zone);
			present += zone->present_pages;
			total += zone->managed_pages + zone->deferred_pages;
			deferred += zone->deferred_pages;
		}
		if (pgdat->node_present_pages != present)
			broken(v, "node: node %u has %lu pages, its zones %lu", nid,
			       pgdat->node_present_pages, present);
		verify_zonelist(v, nid);
	}
	if (node->totalram_pages != total)
		broken(v, "node: the machine has %lu pages, its zones %lu", node->totalram_pages,
		       total);
	if (node->deferred_pages != deferred)
		broken(v, "node: the machine has %lu deferred pages, its zones %lu",
		       node->deferred_pages, deferred);
	verify_cpus(v);
}
