/* SPDX-License-Identifier: MIT */
/*
 * The zones of a captured machine.
 *
 * Before boot: the spans, the ranges that are memory, and the ranges that never
 * reach the allocator.  zoneinfo counts the last two and does not say where
 * they lie.  A hole below 1 MiB is the PC's; any other hole is put at its
 * zone's end, where the PCI hole is.  Reserved pages are put between the free
 * blocks: what was free is planned first, and of what is left so many pages are
 * reserved as the zone has more than it manages.  So a zone that is nearly all
 * free, whose blocks must lie between just these pages, comes out right.
 *
 * After boot: free blocks are taken away, those of the highest order out of
 * reach without touching them and the others one by one, so that all that is
 * built meanwhile comes out of what was in use.  At the end what is still free
 * is held (the kernel's image of it: drivers, vmalloc, per-CPU memory, huge
 * pages: pages in use that no counter of the capture names), and the free
 * blocks are given back into a zone that has none, so nothing joins them.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_build.h"
#include "port/model/keep.h"
#include "node/memblock.h"

#define LOW_END	     256  /* frames: 1 MiB */
#define BOOT_POOL    2048 /* pages in one piece for boot's own */
#define MAX_RUNS     200  /* reserved ranges a zone, where small ones may serve */
#define MAX_RANGES   (4 * QUIRE_MAX_NODES * MAX_NR_ZONES)
#define MAX_RESERVED 900

static bool fault(struct build *b, const struct cap_zone *z, const char *what)
{
	fprintf(b->err, "%s: /proc/zoneinfo: node %u, zone %d: %s\n", b->file->name, z->nid,
		(int)z->idx, what);
	return false;
}

/* ---- memory ----------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	u64 x = ((const struct quire_range *)a)->start_pfn;
	u64 y = ((const struct quire_range *)b)->start_pfn;

	return x < y ? -1 : x > y;
}

static void add_range(struct quire_range *ranges, u32 *nr, u64 start, u64 end, unsigned int nid)
{
	if (start < end)
		ranges[(*nr)++] = (struct quire_range){start, end - start, nid};
}

/* What of a zone is memory. */
static void zone_memory(const struct cap_zone *z, u64 range[2][2])
{
	u64 start = z->start_pfn, hole = z->spanned - z->present;

	range[0][0] = range[0][1] = 0;
	range[1][0] = start;
	range[1][1] = start + z->present;
	if (hole && start < LOW_END && start + z->spanned > LOW_END && start + hole < LOW_END) {
		range[0][0] = start;
		range[0][1] = LOW_END - hole;
		range[1][0] = LOW_END;
		range[1][1] = start + z->spanned;
	}
}

/* ---- deferred memory --------------------------------------------------------- */

/* How many pages of a zone may be deferred: those that it has and does not
 * manage, but for what boot needs and a ragged end. */
static unsigned long deferred_room(const struct cap_zone *z)
{
	unsigned long keep = BOOT_POOL + MAX_ORDER_NR_PAGES, lack = z->present - z->managed;

	return z->idx == ZONE_NORMAL && z->start_pfn >= LOW_END && lack > keep ? lack - keep : 0;
}

/*
 * MemTotal counts what zones will get late, the zones do not manage it yet: it
 * is of the highest nodes' Normal zones, whose ends Linux defers.  Nothing is
 * deferred when the numbers do not allow it.
 */
static void share_deferred(struct build *b)
{
	unsigned long total = 0, managed = 0, room = 0;

	for (unsigned int i = 0; i < b->cm->nr_zones; i++) {
		managed += b->cm->zones[i].managed;
		room += deferred_room(&b->cm->zones[i]);
	}
	if (!cap_meminfo(b->cm, "MemTotal", &total) || total / 4 <= managed ||
	    total / 4 - managed > room)
		return;
	total = total / 4 - managed;
	for (unsigned int i = b->cm->nr_zones; i-- > 0;) {
		b->zones[i].deferred = min(total, deferred_room(&b->cm->zones[i]));
		total -= b->zones[i].deferred;
	}
}

/*
 * Where deferred memory begins, and with what is reserved behind it the zone's
 * end.  It is whole sections from there on if the zone has enough pages that
 * are reserved, else whole blocks.
 */
static u64 deferred_start(const struct build_zone *bz, u64 end)
{
	const struct cap_zone *z = bz->cap;
	u64 need = z->start_pfn + z->managed + BOOT_POOL, latest = end - bz->deferred;
	u64 first = ALIGN(need, PAGES_PER_SECTION);

	if (!bz->deferred)
		return end;
	return first <= latest ? first : ALIGN_DOWN(latest, MAX_ORDER_NR_PAGES);
}

/* ---- free and reserved ------------------------------------------------------- */

/* Frames of a zone that free blocks may use, before boot. */
static bool plan_zone(struct plan *p, const struct cap_zone *z, u64 deferred_start)
{
	u64 range[2][2];

	if (!plan_init(p, z->start_pfn, z->start_pfn + z->spanned))
		return false;
	p->may_split = !z->has_blocks;
	zone_memory(z, range);
	plan_add_range(p, range[0][0], range[0][1]);
	plan_add_range(p, range[1][0], min(range[1][1], deferred_start));
	plan_place_all(p, ((struct cap_zone *)(unsigned long)z)->typed);
	return !p->failed;
}

static int shorter(const void *a, const void *b)
{
	const struct plan_run *x = a, *y = b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

static void reserve(struct build *b, const struct cap_zone *z, struct plan_run *run,
		    unsigned long *left)
{
	unsigned long n = min(run->nr, *left);

	if (!n || b->layout.nr_reserved >= MAX_RESERVED)
		return;
	add_range(b->reserved, &b->layout.nr_reserved, run->pfn, run->pfn + n, z->nid);
	run->pfn += n;
	run->nr -= n;
	*left -= n;
}

/* Reserves as many pages as the zone has and does not manage. */
static bool reserve_pages(struct build *b, struct build_zone *bz, struct plan *p)
{
	const struct cap_zone *z = bz->cap;
	u64 range[2][2], late;
	struct plan_run *runs;
	unsigned long left;
	size_t n;

	/* Without the range behind it deferred memory would be another. */
	if (b->layout.nr_reserved >= MAX_RESERVED)
		bz->deferred = 0;
	left = z->present - z->managed - bz->deferred;
	zone_memory(z, range);
	late = deferred_start(bz, range[1][1]);
	if (bz->deferred) {
		struct plan_run tail = {.pfn = late + bz->deferred,
					.nr = range[1][1] - late - bz->deferred};

		reserve(b, z, &tail, &left);
	}
	if (!plan_zone(p, z, late))
		return fault(b, z, "the host has no memory for its plan");
	n = plan_left(p, &runs);
	if (n)
		qsort(runs, n, sizeof(*runs), shorter);
	if (n && left) {
		/* First one piece for what boot itself needs. */
		unsigned long pool = min(left, (unsigned long)BOOT_POOL), rest = left - pool;

		reserve(b, z, &runs[n - 1], &pool);
		left = rest + pool;
	}
	if (n <= MAX_RUNS)
		for (size_t i = 0; i < n && left; i++)
			reserve(b, z, &runs[i], &left);
	for (size_t i = n; i-- > 0 && left;)
		reserve(b, z, &runs[i], &left);
	keep_free(runs);
	/* Where the blocks are is kept, and what type their pageblocks have; the
	 * highest order's are found again after boot. */
	plan_forget_regions(p);
	return true;
}

/* Ranges that touch become one; false: two overlap. */
static bool melt(struct quire_range *r, u32 *nr)
{
	u32 out = 0;

	qsort(r, *nr, sizeof(*r), by_start);
	for (u32 i = 1; i < *nr; i++) {
		u64 end = r[out].start_pfn + r[out].nr_pages;

		if (r[i].start_pfn < end)
			return false;
		if (r[i].start_pfn == end && r[i].node == r[out].node)
			r[out].nr_pages += r[i].nr_pages;
		else
			r[++out] = r[i];
	}
	*nr = *nr ? out + 1 : 0;
	return true;
}

bool build_layout(struct build *b)
{
	struct cap_machine *cm = b->cm;
	struct quire_layout *l = &b->layout;

	b->memory = keep_calloc(MAX_RANGES, sizeof(*b->memory));
	b->reserved = keep_calloc(MAX_RESERVED + 1, sizeof(*b->reserved));
	b->spans = keep_calloc(cm->nr_zones, sizeof(*b->spans));
	if (!b->memory || !b->reserved || !b->spans)
		return false;
	for (unsigned int i = 0; i < cm->nr_zones; i++)
		b->zones[i].cap = &cm->zones[i];
	share_deferred(b);
	for (unsigned int i = 0; i < cm->nr_zones; i++) {
		const struct cap_zone *z = &cm->zones[i];
		u64 range[2][2];

		if (!z->present)
			continue;
		zone_memory(z, range);
		add_range(b->memory, &l->nr_memory, range[0][0], range[0][1], z->nid);
		add_range(b->memory, &l->nr_memory, range[1][0], range[1][1], z->nid);
		b->spans[l->nr_zones++] = (struct quire_zone_span){
			z->nid, z->idx, z->start_pfn, z->spanned, b->zones[i].deferred};
		if (!reserve_pages(b, &b->zones[i], &b->zones[i].plan))
			return false;
	}
	if (!l->nr_memory || !melt(b->memory, &l->nr_memory) ||
	    !melt(b->reserved, &l->nr_reserved)) {
		fprintf(b->err,
			"%s: /proc/zoneinfo: zones are empty or overlap; capture the machine "
			"again\n",
			b->file->name);
		return false;
	}
	l->memory = b->memory;
	l->reserved = b->reserved;
	l->zones = b->spans;
	return true;
}

/* ---- free blocks aside ------------------------------------------------------ */

static int by_place(const void *a, const void *b)
{
	u64 x = ((const struct plan_block *)a)->pfn, y = ((const struct plan_block *)b)->pfn;

	return x < y ? -1 : x > y;
}

/* Is there a planned block just here?  The first nr are sorted. */
static bool planned(const struct plan *p, u32 nr, u64 pfn, unsigned int order)
{
	struct plan_block key = {.pfn = pfn};
	const struct plan_block *b = bsearch(&key, p->blocks, nr, sizeof(key), by_place);

	return b && b->order == order;
}

/* All free blocks that are on lists are where more planned ones may lie; one
 * whose buddy is planned must not become free whole. */
static void add_free_blocks(struct quire *q, struct plan *p, struct zone *zone)
{
	struct page *page;

	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			list_for_each_entry (page, &zone->free_area[order].free_list[mt], lru) {
				u64 pfn = page_to_pfn(q, page);

				plan_add_region(p, pfn, order,
						order < MAX_ORDER - 1 &&
							planned(p, p->nr_blocks,
								pfn ^ (1UL << order), order));
			}
		}
	}
}

/* Takes the planned blocks from number `from` on; those that boot took a part
 * of are dropped and counted. */
static void take_blocks(struct build *b, struct plan *p, u32 from,
			unsigned long missing[MIGRATE_TYPES][MAX_ORDER])
{
	u32 out = from;

	for (u32 i = from; i < p->nr_blocks; i++) {
		const struct plan_block *block = &p->blocks[i];

		if (take_free_range(b->q, block->pfn, 1UL << block->order))
			p->blocks[out++] = *block;
		else
			missing[block->mt][block->order]++;
	}
	p->nr_blocks = out;
}

/*
 * Free blocks go where they were planned before boot, but for movable ones of
 * the highest order: of those as many as possible are hidden, untouched.  What
 * boot has taken a part of is planned again among what is free.
 */
static void set_zone_aside(struct build *b, struct build_zone *bz)
{
	unsigned long missing[MIGRATE_TYPES][MAX_ORDER] = {{0}},
		      lost[MIGRATE_TYPES][MAX_ORDER] = {{0}};
	unsigned long wanted = bz->cap->typed[MIGRATE_MOVABLE][MAX_ORDER - 1];
	struct zone *zone = bz->zone;
	struct plan *p = &bz->plan;
	u32 nr;

	bz->hidden = zone_hide_free_blocks(b->q, zone, wanted);
	take_blocks(b, p, 0, missing);
	missing[MIGRATE_MOVABLE][MAX_ORDER - 1] = wanted - bz->hidden;
	qsort(p->blocks, p->nr_blocks, sizeof(*p->blocks), by_place);
	add_free_blocks(b->q, p, zone);
	nr = p->nr_blocks;
	plan_place_all(p, missing);
	b->failed |= p->failed;
	take_blocks(b, p, nr, lost);
	bz->unplaced = p->unplaced_pages;
	for (int mt = 0; mt < MIGRATE_TYPES; mt++)
		for (unsigned int order = 0; order < MAX_ORDER; order++)
			bz->unplaced += lost[mt][order] << order;
}

void build_set_free_blocks_aside(struct build *b)
{
	struct quire *q = b->q;

	drain_all_pages(q, NULL);
	for (unsigned int i = 0; i < b->cm->nr_zones; i++)
		if (b->zones[i].cap->present)
			set_zone_aside(b, &b->zones[i]);
	/* What is left is used to its last page, and nobody minds. */
	b->ops = q->page->ops;
	q->page->ops.wakeup_kswapd = NULL;
	q->page->ops.try_to_free_pages = NULL;
	q->page->ops.out_of_memory = NULL;
	q->page->ops.show_mem = NULL;
	q->page->watermark_boost_factor = 0;
	/* A zone that is full now does not grow for it. */
	q->page->deferred_pages = false;
	for_each_node (q, nid) {
		for_each_zone_of_node(NODE_DATA(q, nid), zone)
		{
			memset(zone->_watermark, 0, sizeof(zone->_watermark));
			memset(zone->lowmem_reserve, 0, sizeof(zone->lowmem_reserve));
			zone->watermark_boost = 0;
		}
	}
}

/* ---- and back --------------------------------------------------------------- */

/* Everything that is still free is in use from now on. */
static void hold_rest(struct build *b, struct build_zone *bz)
{
	struct zone *zone = bz->zone;

	for (unsigned int order = MAX_ORDER; order-- > 0;) {
		for (int mt = 0; mt < MIGRATE_TYPES; mt++) {
			struct list_head *list = &zone->free_area[order].free_list[mt];

			while (!list_empty(list)) {
				struct page *page = list_first_entry(list, struct page, lru);

				if (!take_free_range(b->q, page_to_pfn(b->q, page), 1UL << order))
					break;
				bz->held += 1UL << order;
			}
		}
	}
}

/* Types of pageblocks: those of the free blocks in them, and the others so that
 * the counts come out. */
static void set_types(struct build *b, struct build_zone *bz)
{
	struct zone *zone = bz->zone;
	u64 first = zone->zone_start_pfn >> pageblock_order;
	u64 end = ((zone_end_pfn(zone) - 1) >> pageblock_order) + 1;
	unsigned long left[MIGRATE_TYPES], highatomic = 0;
	const struct memblock *mb = b->q->node->memblock;
	int mt = MIGRATE_UNMOVABLE;

	memcpy(left, bz->cap->pageblocks, sizeof(left));
	for (u64 i = first; i < end; i++) {
		u8 type = bz->plan.pageblock[i - first];

		if (type != PLAN_ANY && left[type])
			left[type]--;
	}
	/* Hidden blocks are movable. */
	left[MIGRATE_MOVABLE] -=
		min(left[MIGRATE_MOVABLE], bz->hidden * MAX_ORDER_NR_PAGES / pageblock_nr_pages);
	for (u64 i = first; i < end; i++) {
		u64 pfn = i << pageblock_order;
		int type = bz->plan.pageblock[i - first];

		if (type == PLAN_ANY) {
			type = MIGRATE_MOVABLE;
			/* Neither hidden blocks nor holes take part. */
			if ((bz->hidden && pfn >= zone->virgin_pfn) ||
			    pfn >= zone->first_deferred_pfn)
				continue;
			if (!memblock_overlap_bytes(&mb->memory, pfn << PAGE_SHIFT,
						    (pfn + pageblock_nr_pages) << PAGE_SHIFT,
						    zone_to_nid(zone)))
				continue;
			while (mt < MIGRATE_TYPES && (mt == MIGRATE_MOVABLE || !left[mt]))
				mt++;
			if (mt < MIGRATE_TYPES && mt != MIGRATE_ISOLATE && mt != MIGRATE_CMA) {
				type = mt;
				left[mt]--;
			}
		}
		set_pageblock_migratetype(b->q, zone, max(pfn, zone->zone_start_pfn), type);
	}
	for (u64 i = first; i < end; i++)
		highatomic += zone->pageblock_type[i - first] == MIGRATE_HIGHATOMIC
				      ? pageblock_nr_pages
				      : 0;
	zone->nr_reserved_highatomic = highatomic;
}

void build_give_free_blocks_back(struct build *b)
{
	struct quire *q = b->q;

	lru_add_drain_all(q);
	drain_all_pages(q, NULL);
	for (unsigned int i = 0; i < b->cm->nr_zones; i++) {
		struct build_zone *bz = &b->zones[i];

		if (!bz->cap->present)
			continue;
		hold_rest(b, bz);
		set_types(b, bz);
		for (u32 j = 0; j < bz->plan.nr_blocks; j++) {
			const struct plan_block *block = &bz->plan.blocks[j];
			struct page *page = pfn_to_page(q, block->pfn);

			for (unsigned long n = 0; n < 1UL << block->order; n++)
				__free_pages(q, page + n, 0);
		}
		drain_all_pages(q, bz->zone);
		zone_show_free_blocks(q, bz->zone, bz->hidden);
		plan_free(&bz->plan);
	}
}

/* ---- marks ------------------------------------------------------------------ */

/* Watermarks and reserves as captured; by the formulas they mostly are so. */
void build_marks(struct build *b)
{
	struct quire *q = b->q;
	unsigned long sum = 0;

	q->page->ops = b->ops;
	q->page->deferred_pages = q->node->deferred_pages != 0;
	setup_per_zone_wmarks(q);
	setup_per_zone_lowmem_reserve(q);
	for (unsigned int i = 0; i < b->cm->nr_zones; i++) {
		const struct cap_zone *cap = &b->cm->zones[i];
		struct zone *zone = &NODE_DATA(q, cap->nid)->node_zones[cap->idx];
		unsigned long most = 0;

		memcpy(zone->_watermark, cap->mark, sizeof(zone->_watermark));
		zone->watermark_boost = cap->boost;
		for (int j = 0; j < MAX_NR_ZONES; j++) {
			zone->lowmem_reserve[j] = cap->protection[j];
			if (j >= (int)cap->idx)
				most = max(most, cap->protection[j] > 0
							 ? (unsigned long)cap->protection[j]
							 : 0UL);
		}
		sum += min(most + high_wmark_pages(zone), zone->managed_pages);
	}
	q->node->totalreserve_pages = sum;
}
