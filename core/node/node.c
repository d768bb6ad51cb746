/* SPDX-License-Identifier: MIT */
/*
 * From the configuration to nodes and zones.
 *
 * A node's memory is laid behind the one before, as a PC's firmware does it:
 * page 0 and [636K, 1M) are not memory, nor is the PCI hole below 4 GiB, and
 * what would lie in the hole lies above.  quire_memory_needed() and
 * node_init() make the same ranges with the same code (node_spans()).
 *
 * What boot takes: everything below 1 MiB, as Linux on x86 does; reserved_bytes
 * of each node from its start (on a PC from 16 MiB: the kernel's image); the
 * frames that the memory map would stand in, 64 bytes a page, at the node's
 * top.  The map itself is the port's memory, so these frames are never
 * touched, but no one else gets them either.
 *
 * The first structure, struct node_floor with the boot allocator in it, can't
 * come from the boot allocator: it sits at the top of the first node that has
 * memory and is reserved as soon as there are tables to reserve it in.
 *
 * Zonelists: all zones of a node from high to low, then the next node's.  The
 * next node is the nearest not yet used; of equals, the one after this node in
 * number, not before, without CPUs, and the least often a first choice so far:
 * so nodes that are equally far share the load (Linux: find_next_best_node()).
 *
 * Differs from Linux: CPUs of a node are consecutive; NUMA distances are bytes as
 * in the SLIT.
 */
#include "node/memblock.h"
#include "node/vmstat.h"
#include "base/printk.h"
#include "base/text.h"

#define MIB		(1UL << 20)
#define DMA_END		(16 * MIB)
#define DMA32_END	(1UL << 32)
#define EBDA_START	0x9f000UL
#define MAX_PHYS	(1UL << 46)
#define MAX_SPANS	4
#define MAX_NODE_LOAD	1024 /* Linux's MAX_NUMNODES: distance outweighs load */
#define LOCAL_DISTANCE	10
#define REMOTE_DISTANCE 20

static const char *const zone_names[MAX_NR_ZONES] = {"DMA", "DMA32", "Normal", "Movable", "Device"};

struct span {
	u64 base, end;
};

static void add_span(struct span *out, unsigned int *n, u64 base, u64 end)
{
	if (base < end)
		out[(*n)++] = (struct span){base, end};
}

/* Adds [base, end) without what is never memory below 1 MiB. */
static void add_memory(struct span *out, unsigned int *n, u64 base, u64 end)
{
	add_span(out, n, max(base, PAGE_SIZE), min(end, EBDA_START));
	add_span(out, n, max(base, MIB), end);
}

/*
 * The ranges of node nid, in out; *cursor is the end of the nodes before and
 * becomes this one's.  Their number, or -EINVAL.
 */
static int node_spans(const struct quire_config *cfg, u32 nid, u64 *cursor,
		      struct span out[MAX_SPANS])
{
	u64 left = ALIGN_DOWN(cfg->node[nid].size_bytes, PAGE_SIZE);
	u64 start = cfg->node[nid].start_bytes, hole = cfg->pci_hole_start;
	unsigned int n = 0;

	if (hole && (hole < DMA_END || hole >= DMA32_END || !IS_ALIGNED(hole, PAGE_SIZE)))
		return -EINVAL;
	if (!left)
		return 0;
	if (!start)
		start = *cursor;
	if (start < *cursor || !IS_ALIGNED(start, PAGE_SIZE) || start >= MAX_PHYS ||
	    left >= MAX_PHYS)
		return -EINVAL;
	if (hole && start < hole) {
		u64 low = min(left, hole - start);

		add_memory(out, &n, start, start + low);
		left -= low;
		*cursor = start + low;
		start = DMA32_END;
	} else if (hole && start < DMA32_END) {
		start = DMA32_END;
	}
	if (left) {
		add_memory(out, &n, start, start + left);
		*cursor = start + left;
	}
	return (int)n;
}

/* ---- a given layout --------------------------------------------------------- */

static int check_ranges(const struct quire_range *r, u32 nr, u32 nr_nodes, u64 *end)
{
	for (u32 i = 0; i < nr; i++) {
		if (!r[i].nr_pages || r[i].node >= nr_nodes || r[i].start_pfn < *end ||
		    !r[i].start_pfn || r[i].start_pfn >= MAX_PHYS >> PAGE_SHIFT ||
		    r[i].nr_pages >= MAX_PHYS >> PAGE_SHIFT)
			return -EINVAL;
		*end = r[i].start_pfn + r[i].nr_pages;
	}
	return 0;
}

static int layout_memory_needed(const struct quire_config *cfg, uint64_t *max_pfn)
{
	const struct quire_layout *l = cfg->layout;
	u64 end = 0, reserved_end = 0;
	int err = check_ranges(l->memory, l->nr_memory, cfg->nr_nodes, &end);

	if (!err)
		err = check_ranges(l->reserved, l->nr_reserved, cfg->nr_nodes, &reserved_end);
	*max_pfn = end;
	return err || !end || reserved_end > end || end > MAX_PHYS >> PAGE_SHIFT ? -EINVAL : 0;
}

/* The longest reserved range of each node is what boot allocates from; the
 * floor's own state sits at the top of the first. */
static int layout_memblock(struct quire *q, u64 bytes)
{
	const struct quire_layout *l = q->cfg.layout;
	const struct quire_range *pool[QUIRE_MAX_NODES] = {NULL}, *home = NULL;
	struct memblock *mb;
	int err = 0;

	for (u32 i = 0; i < l->nr_reserved; i++) {
		const struct quire_range *r = &l->reserved[i];

		if (!pool[r->node] || pool[r->node]->nr_pages < r->nr_pages)
			pool[r->node] = r;
	}
	for_each_node (q, nid)
		if (!home && pool[nid] && pool[nid]->nr_pages << PAGE_SHIFT > bytes)
			home = pool[nid];
	if (!home)
		return -ENOMEM;
	q->node = (struct node_floor *)(q->physmap +
					((home->start_pfn + home->nr_pages) << PAGE_SHIFT) - bytes);
	mb = q->node->memblock = (struct memblock *)(q->node + 1);
	for (u32 i = 0; i < l->nr_memory && !err; i++)
		err = memblock_add(q, l->memory[i].start_pfn << PAGE_SHIFT,
				   l->memory[i].nr_pages << PAGE_SHIFT, l->memory[i].node);
	for (u32 i = 0; i < l->nr_reserved && !err; i++)
		err = memblock_reserve(q, l->reserved[i].start_pfn << PAGE_SHIFT,
				       l->reserved[i].nr_pages << PAGE_SHIFT, l->reserved[i].node);
	for_each_node (q, nid) {
		if (!pool[nid])
			continue;
		mb->pool[nid] = (struct memblock_region){pool[nid]->start_pfn << PAGE_SHIFT,
							 pool[nid]->nr_pages << PAGE_SHIFT, nid};
		if (pool[nid] == home)
			mb->pool[nid].size -= bytes;
	}
	return err ? -ENOMEM : 0;
}

/* The span of a zone; false: the layout does not name it. */
static bool layout_zone(const struct quire *q, unsigned int nid, unsigned int idx, u64 *base,
			u64 *end)
{
	const struct quire_layout *l = q->cfg.layout;

	for (u32 i = 0; i < l->nr_zones; i++) {
		if (l->zones[i].node != nid || l->zones[i].zone != idx)
			continue;
		*base = l->zones[i].start_pfn << PAGE_SHIFT;
		*end = *base + (l->zones[i].nr_pages << PAGE_SHIFT);
		return *base < *end;
	}
	return false;
}

/* Where a zone's deferred memory begins: behind all its free pages but the last
 * `deferred`.  0: it has not so many, or the place is within a block of the
 * highest order. */
static u64 find_first_deferred_pfn(const struct memblock *mb, const struct zone *z, u64 deferred)
{
	u64 start = z->zone_start_pfn << PAGE_SHIFT, end = zone_end_pfn(z) << PAGE_SHIFT;
	u64 at_once = 0, from = 0, pfn = 0;
	struct memblock_region gap;

	for (int pass = 0; pass < 2 && !pfn; pass++) {
		for (from = start; memblock_next_free(mb, from, &gap) && gap.base < end && !pfn;
		     from = gap.base + gap.size) {
			u64 pages = (min(gap.base + gap.size, end) - gap.base) >> PAGE_SHIFT;

			if (gap.nid != zone_to_nid(z))
				continue;
			if (!pass)
				at_once += pages;
			else if (pages > at_once)
				pfn = (gap.base >> PAGE_SHIFT) + at_once;
			else
				at_once -= pages;
		}
		if (!pass && at_once < deferred)
			return 0;
		at_once -= pass ? 0 : deferred;
	}
	return IS_ALIGNED(pfn, MAX_ORDER_NR_PAGES) ? pfn : 0;
}

static int init_deferred(struct quire *q, struct zone *z)
{
	const struct quire_layout *l = q->cfg.layout;

	z->first_deferred_pfn = zone_end_pfn(z);
	for (u32 i = 0; l && i < l->nr_zones; i++) {
		if (l->zones[i].node != zone_to_nid(z) || l->zones[i].zone != z->zone_idx ||
		    !l->zones[i].deferred_pages)
			continue;
		z->first_deferred_pfn =
			find_first_deferred_pfn(q->node->memblock, z, l->zones[i].deferred_pages);
		return z->first_deferred_pfn ? 0 : -EINVAL;
	}
	return 0;
}

/* ---- nodes and zones -------------------------------------------------------- */

int quire_memory_needed(const struct quire_config *cfg, uint64_t *max_pfn)
{
	struct span spans[MAX_SPANS];
	bool any = false;
	u64 cursor = 0;

	if (!cfg->nr_nodes || cfg->nr_nodes > QUIRE_MAX_NODES)
		return -EINVAL;
	if (cfg->layout)
		return layout_memory_needed(cfg, max_pfn);
	for (u32 nid = 0; nid < cfg->nr_nodes; nid++) {
		int n = node_spans(cfg, nid, &cursor, spans);

		if (n < 0)
			return n;
		any |= n > 0;
	}
	*max_pfn = cursor >> PAGE_SHIFT;
	return any ? 0 : -EINVAL;
}

/* Places the floor's state and the boot allocator's at the top of the first
 * node with memory, and tells the boot allocator what exists. */
static int init_memblock(struct quire *q)
{
	u64 bytes = PAGE_ALIGN(sizeof(struct node_floor) + sizeof(struct memblock)), base = 0;
	struct span spans[MAX_SPANS];
	unsigned int home = 0;
	u64 cursor = 0;
	int err = 0;

	if (q->cfg.layout)
		return layout_memblock(q, bytes);
	for_each_node (q, nid) {
		int n = node_spans(&q->cfg, nid, &cursor, spans);

		for (int i = 0; i < n && !q->node; i++) {
			if (i + 1 < n || spans[i].end - spans[i].base < bytes)
				continue;
			base = spans[i].end - bytes;
			home = nid;
			q->node = (struct node_floor *)(q->physmap + base);
			q->node->memblock = (struct memblock *)(q->node + 1);
		}
	}
	if (!q->node)
		return -ENOMEM;
	cursor = 0;
	for_each_node (q, nid) {
		int n = node_spans(&q->cfg, nid, &cursor, spans);

		for (int i = 0; i < n && !err; i++)
			err = memblock_add(q, spans[i].base, spans[i].end - spans[i].base, nid);
	}
	return err ? -ENOMEM : memblock_reserve(q, base, bytes, home);
}

/* Takes nr bytes of the node, from its start upwards. */
static int reserve_upwards(struct quire *q, unsigned int nid, u64 from, u64 nr)
{
	struct memblock_region gap;

	while (nr && memblock_next_free(q->node->memblock, from, &gap)) {
		if (gap.nid == nid) {
			u64 size = min(gap.size, nr);

			if (memblock_reserve(q, gap.base, size, nid))
				return -ENOMEM;
			nr -= size;
		}
		from = gap.base + gap.size;
	}
	return nr ? -ENOMEM : 0;
}

/* What firmware, the kernel's image and the memory map take of a node. */
static int reserve_boot(struct quire *q, unsigned int nid)
{
	struct memblock *mb = q->node->memblock;
	u64 pages = memblock_overlap_bytes(&mb->memory, 0, MAX_PHYS, nid) >> PAGE_SHIFT;
	u64 low = memblock_overlap_bytes(&mb->memory, 0, MIB, nid);
	u64 map = PAGE_ALIGN(pages * sizeof(struct page));
	int err = 0;

	if (low)
		err = memblock_reserve(q, PAGE_SIZE, EBDA_START - PAGE_SIZE, nid);
	if (!err)
		err = reserve_upwards(q, nid, low ? DMA_END : 0,
				      PAGE_ALIGN(q->cfg.node[nid].reserved_bytes));
	if (!err && map && !memblock_phys_alloc(q, map, map < 2 * MIB ? PAGE_SIZE : 2 * MIB, nid))
		err = -ENOMEM;
	return err;
}

static void init_lruvec(struct pglist_data *pgdat)
{
	for_each_lru (lru)
		INIT_LIST_HEAD(&pgdat->__lruvec.lists[lru]);
	pgdat->__lruvec.pgdat = pgdat;
	spin_lock_init(&pgdat->lru_lock, LOCK_LRU);
}

/* The span of a zone by the sizes; movable: the first frame of ZONE_MOVABLE or 0.
 * False: the node has none. */
static bool zone_span(const struct pglist_data *pgdat, unsigned int idx, u64 movable, u64 *base,
		      u64 *end)
{
	static const u64 zone_end[ZONE_NORMAL + 1] = {DMA_END, DMA32_END, MAX_PHYS};
	u64 node_end = (pgdat->node_start_pfn + pgdat->node_spanned_pages) << PAGE_SHIFT;

	movable <<= PAGE_SHIFT;
	if (idx == ZONE_MOVABLE) {
		*base = movable;
		*end = node_end;
		return movable != 0;
	}
	if (idx > ZONE_NORMAL)
		return false;
	*base = max(idx ? zone_end[idx - 1] : 0, pgdat->node_start_pfn << PAGE_SHIFT);
	*end = min(zone_end[idx], node_end);
	if (movable)
		*end = min(*end, movable);
	return *base < *end;
}

static int init_zones(struct quire *q, struct pglist_data *pgdat, u64 movable)
{
	struct memblock *mb = q->node->memblock;
	int err = 0;

	for (unsigned int idx = 0; idx < MAX_NR_ZONES; idx++) {
		struct zone *z = &pgdat->node_zones[idx];
		u64 base, end;

		z->zone_idx = idx;
		z->name = zone_names[idx];
		z->zone_pgdat = pgdat;
		spin_lock_init(&z->lock, LOCK_ZONE);
		if (q->cfg.layout) {
			if (!layout_zone(q, pgdat->node_id, idx, &base, &end))
				continue;
		} else {
			if (!zone_span(pgdat, idx, movable, &base, &end))
				continue;
		}
		z->zone_start_pfn = base >> PAGE_SHIFT;
		z->spanned_pages = (end - base) >> PAGE_SHIFT;
		z->present_pages = memblock_overlap_bytes(&mb->memory, base, end, pgdat->node_id) >>
				   PAGE_SHIFT;
		pgdat->node_present_pages += z->present_pages;
		err = err ? err : init_deferred(q, z);
	}
	return err;
}

static int init_node(struct quire *q, unsigned int nid, unsigned int first_cpu, u64 movable)
{
	struct memblock *mb = q->node->memblock;
	struct pglist_data *pgdat = memblock_alloc(q, sizeof(*pgdat), 64, nid);

	if (!pgdat)
		return -ENOMEM;
	NODE_DATA(q, nid) = pgdat;
	pgdat->node_id = nid;
	pgdat->first_cpu = first_cpu;
	pgdat->nr_cpus = q->cfg.node[nid].nr_cpus;
	pgdat->kswapd_highest_zoneidx = MAX_NR_ZONES;
	for (unsigned int i = 0; i < mb->memory.cnt; i++) {
		const struct memblock_region *r = &mb->memory.regions[i];

		if (r->nid != nid)
			continue;
		if (!pgdat->node_spanned_pages)
			pgdat->node_start_pfn = r->base >> PAGE_SHIFT;
		pgdat->node_spanned_pages =
			((r->base + r->size) >> PAGE_SHIFT) - pgdat->node_start_pfn;
	}
	init_lruvec(pgdat);
	return init_zones(q, pgdat, movable);
}

static int init_cpus(struct quire *q)
{
	struct node_floor *node = q->node;
	unsigned int cpu = 0;

	node->cpu_to_node = memblock_alloc(q, q->nr_cpus * sizeof(u16), 64, 0);
	node->events = memblock_alloc(q, q->nr_cpus * sizeof(*node->events), 64, 0);
	if (!node->cpu_to_node || !node->events)
		return -ENOMEM;
	for_each_node (q, nid)
		for (u32 i = 0; i < q->cfg.node[nid].nr_cpus; i++)
			node->cpu_to_node[cpu++] = (u16)nid;
	return 0;
}

static void init_distances(struct quire *q)
{
	for_each_node (q, a) {
		for_each_node (q, b) {
			u8 d = q->cfg.distance[a][b];

			q->node->distance[a][b] = d ? d : a == b ? LOCAL_DISTANCE : REMOTE_DISTANCE;
		}
	}
}

/* The node to fall back to next, or -1. */
static int find_next_best_node(struct quire *q, unsigned int home, nodemask_t *used,
			       const unsigned int *load)
{
	unsigned long best_value = ~0UL;
	int best = -1;

	if (!node_isset(used, home) && NODE_DATA(q, home)->node_present_pages) {
		node_set(used, home);
		return (int)home;
	}
	for_each_node (q, nid) {
		unsigned long value = node_distance(q, home, nid);

		if (node_isset(used, nid) || !NODE_DATA(q, nid)->node_present_pages)
			continue;
		value += nid < home;
		value += NODE_DATA(q, nid)->nr_cpus > 0;
		value = value * MAX_NODE_LOAD + load[nid];
		if (value < best_value) {
			best_value = value;
			best = (int)nid;
		}
	}
	if (best >= 0)
		node_set(used, (unsigned int)best);
	return best;
}

/* Appends a node's zones, highest first. */
static unsigned int add_zonerefs(struct zoneref *refs, unsigned int n, struct pglist_data *pgdat)
{
	for (int idx = MAX_NR_ZONES - 1; idx >= 0; idx--)
		if (pgdat->node_zones[idx].present_pages)
			refs[n++] = (struct zoneref){&pgdat->node_zones[idx], idx};
	return n;
}

/* Fills the lists in place. */
static void build_zonelists(struct quire *q, unsigned int home, unsigned int *load)
{
	struct pglist_data *pgdat = NODE_DATA(q, home);
	struct zoneref *all = pgdat->node_zonelists[ZONELIST_FALLBACK].zonerefs;
	struct zoneref *own = pgdat->node_zonelists[ZONELIST_NOFALLBACK].zonerefs;
	unsigned int prev = home, n = 0;
	nodemask_t used = {{0}};
	int nid;

	while ((nid = find_next_best_node(q, home, &used, load)) >= 0) {
		/* The first node of a new distance takes a share of the load. */
		if (node_distance(q, home, (unsigned int)nid) != node_distance(q, home, prev))
			load[nid]++;
		prev = (unsigned int)nid;
		n = add_zonerefs(all, n, NODE_DATA(q, nid));
	}
	all[n] = (struct zoneref){NULL, 0};
	n = add_zonerefs(own, 0, pgdat);
	own[n] = (struct zoneref){NULL, 0};
}

static int alloc_zonelists(struct quire *q, unsigned int nid)
{
	struct zonelist *lists = NODE_DATA(q, nid)->node_zonelists;
	unsigned int nr = q->nr_nodes * MAX_NR_ZONES + 1;

	lists[ZONELIST_FALLBACK].zonerefs = memblock_alloc(q, nr * sizeof(struct zoneref), 64, nid);
	lists[ZONELIST_NOFALLBACK].zonerefs =
		memblock_alloc(q, (MAX_NR_ZONES + 1) * sizeof(struct zoneref), 64, nid);
	return lists[ZONELIST_FALLBACK].zonerefs && lists[ZONELIST_NOFALLBACK].zonerefs ? 0
											: -ENOMEM;
}

int node_init(struct quire *q)
{
	unsigned int load[QUIRE_MAX_NODES] = {0}, cpu = 0;
	u64 movable[QUIRE_MAX_NODES];
	u64 needed;
	int err = quire_memory_needed(&q->cfg, &needed);

	if (!err && q->max_pfn < needed)
		err = -EINVAL;
	q->max_pfn = needed;
	if (!err)
		err = init_memblock(q);
	for (unsigned int nid = 0; nid < q->nr_nodes && !err && !q->cfg.layout; nid++)
		err = reserve_boot(q, nid);
	if (!err)
		find_zone_movable_pfns(q, movable);
	for (unsigned int nid = 0; nid < q->nr_nodes && !err; nid++) {
		err = init_node(q, nid, cpu, movable[nid]);
		cpu += q->cfg.node[nid].nr_cpus;
	}
	if (!err)
		err = init_cpus(q);
	if (!err)
		init_distances(q);
	for (unsigned int nid = 0; nid < q->nr_nodes && !err; nid++)
		err = alloc_zonelists(q, nid);
	for (unsigned int nid = 0; nid < q->nr_nodes && !err; nid++)
		build_zonelists(q, nid, load);
	return err;
}

struct zoneref *next_zones_zonelist(struct zoneref *z, int highest_zoneidx, const nodemask_t *nodes)
{
	while (z->zone && (z->zone_idx > highest_zoneidx ||
			   (nodes && !node_isset(nodes, zone_to_nid(z->zone)))))
		z++;
	return z;
}

static void show_zone_ranges(struct quire *q)
{
	pr_info(q, "Zone ranges:");
	for (unsigned int idx = 0; idx <= ZONE_NORMAL; idx++) {
		u64 lo = ~0UL, hi = 0;

		for_each_node (q, nid) {
			struct zone *z = &NODE_DATA(q, nid)->node_zones[idx];

			if (!z->spanned_pages)
				continue;
			lo = min(lo, z->zone_start_pfn << PAGE_SHIFT);
			hi = max(hi, zone_end_pfn(z) << PAGE_SHIFT);
		}
		if (hi)
			pr_info(q, "  %-8s [mem %#018lx-%#018lx]", zone_names[idx], lo, hi - 1);
		else
			pr_info(q, "  %-8s empty", zone_names[idx]);
	}
	for_each_node (q, nid) {
		const struct zone *z = &NODE_DATA(q, nid)->node_zones[ZONE_MOVABLE];

		if (z->present_pages && !q->cfg.layout)
			pr_info(q, "Movable zone start for Node %u: %#018lx", nid,
				z->zone_start_pfn << PAGE_SHIFT);
	}
}

static void show_fallback_order(struct quire *q)
{
	char line[QUIRE_MAX_NODES * 3 + 1];

	for_each_node (q, nid) {
		struct zoneref *z = NODE_DATA(q, nid)->node_zonelists[ZONELIST_FALLBACK].zonerefs;
		struct text t;

		text_init(&t, line, sizeof(line));
		for (unsigned int last = QUIRE_MAX_NODES; z->zone; z++) {
			if (zone_to_nid(z->zone) != last)
				text_printf(&t, "%u ", zone_to_nid(z->zone));
			last = zone_to_nid(z->zone);
		}
		pr_info(q, "Fallback order for Node %u: %s", nid, line);
	}
}

/* The highest zone below ZONE_MOVABLE that has memory. */
static const char *policy_zone(const struct quire *q)
{
	int idx = ZONE_NORMAL;

	for (; idx > 0; idx--)
		for_each_node (q, nid)
			if (NODE_DATA(q, nid)->node_zones[idx].present_pages)
				return zone_names[idx];
	return zone_names[idx];
}

void build_all_zonelists(struct quire *q)
{
	unsigned int load[QUIRE_MAX_NODES] = {0};
	unsigned long total = 0;

	for_each_node (q, nid) {
		build_zonelists(q, nid, load);
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			unsigned long high = zone->_watermark[WMARK_HIGH] + zone->watermark_boost;

			total += zone->managed_pages - min(high, zone->managed_pages);
		}
	}
	show_fallback_order(q);
	pr_info(q, "Built %u zonelists, mobility grouping on.  Total pages: %lu", q->nr_nodes,
		total);
	pr_info(q, "Policy zone: %s", policy_zone(q));
}

void node_show(struct quire *q)
{
	struct memblock *mb = q->node->memblock;

	show_zone_ranges(q);
	pr_info(q, "Early memory node ranges");
	for (unsigned int i = 0; i < mb->memory.cnt; i++) {
		const struct memblock_region *r = &mb->memory.regions[i];

		pr_info(q, "  node %3u: [mem %#018lx-%#018lx]", r->nid, r->base,
			r->base + r->size - 1);
	}
	show_fallback_order(q);
}

static bool node_is_in(const struct quire *q, unsigned int nid, const nodemask_t *mask)
{
	if (nid >= q->nr_nodes)
		return false;
	return mask ? node_isset(mask, nid) : NODE_DATA(q, nid)->node_present_pages != 0;
}

void nodemask_to_text(const struct quire *q, struct text *t, const nodemask_t *mask)
{
	const char *comma = "";

	for (unsigned int nid = 0; nid < q->nr_nodes; nid++) {
		unsigned int last = nid;

		if (!node_is_in(q, nid, mask))
			continue;
		while (node_is_in(q, last + 1, mask))
			last++;
		text_printf(t, last > nid ? "%s%u-%u" : "%s%u", comma, nid, last);
		comma = ",";
		nid = last;
	}
}
