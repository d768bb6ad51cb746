/* SPDX-License-Identifier: MIT */
/*
 * Free blocks by order: /proc/buddyinfo, /proc/pagetypeinfo and the two
 * indices of fragmentation below /sys/kernel/debug/extfrag.
 *
 * pagetypeinfo counts the lists themselves, so it shows what is there and not
 * what a counter says; like Linux it stops at 100,000 blocks of a list, which
 * it holds the zone's lock for.  Zones without memory are left out.
 */
#include "page/debug.h"
#include "page/frames.h"
#include "page/pageblock.h"
#include "proc/internal.h"

#define TYPE_COUNT_MAX 100000UL

/* A type's name; NULL for CMA where there is none: as builds of Linux without it. */
static const char *type_name(const struct quire *q, unsigned int mt)
{
	return mt == MIGRATE_CMA && !q->page->cma ? NULL : migratetype_names[mt];
}

int show_buddyinfo(struct quire *q, __unused const struct proc_entry *e,
		   __unused const struct proc_def *def, struct text *t)
{
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			unsigned long nr[MAX_ORDER] = {0};

			text_printf(t, "Node %u, zone %8s ", nid, zone->name);
			frames_count_blocks(q, zone, -1, nr);
			for (unsigned int order = 0; order < MAX_ORDER; order++) {
				put_dec(t, nr[order] + HOT_LOAD(&zone->free_area[order].nr_free),
					6);
				text_putc(t, ' ');
			}
			text_putc(t, '\n');
		}
	}
	return 0;
}

/* ---- pagetypeinfo ----------------------------------------------------------- */

static unsigned long count_list(const struct list_head *head)
{
	unsigned long n = 0;

	for (const struct list_head *p = head->next; p != head && n < TYPE_COUNT_MAX; p = p->next)
		n++;
	return n;
}

static void put_zone_types(struct quire *q, struct text *t, struct zone *zone)
{
	unsigned long count[MIGRATE_TYPES][MAX_ORDER];

	spin_lock(q, &zone->lock);
	for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++)
		for (unsigned int order = 0; order < MAX_ORDER; order++)
			count[mt][order] = count_list(&zone->free_area[order].free_list[mt]);
	/* Boot's ranges that no one asked for yet are blocks, but on no list. */
	count[MIGRATE_MOVABLE][MAX_ORDER - 1] += zone->nr_virgin;
	spin_unlock(q, &zone->lock);
	for (int mt = 0; mt < MIGRATE_PCPTYPES; mt++)
		frames_count_blocks(q, zone, mt, count[mt]);
	for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++) {
		if (!type_name(q, mt))
			continue;
		text_printf(t, "Node %4u, zone %8s, type %12s ", zone_to_nid(zone), zone->name,
			    type_name(q, mt));
		for (unsigned int order = 0; order < MAX_ORDER; order++) {
			if (count[mt][order] >= TYPE_COUNT_MAX)
				text_putc(t, '>');
			put_dec(t, count[mt][order], 6);
			text_putc(t, ' ');
		}
		text_putc(t, '\n');
	}
}

static void count_blocks(const struct quire *q, const struct zone *zone,
			 unsigned long count[MIGRATE_TYPES])
{
	const struct memblock_type *memory = &q->node->memblock->memory;
	unsigned int r = 0;

	memset(count, 0, MIGRATE_TYPES * sizeof(count[0]));
	for (u64 pfn = zone->zone_start_pfn; pfn < zone->first_deferred_pfn;
	     pfn += pageblock_nr_pages) {
		u64 addr = pfn << PAGE_SHIFT;

		/* Holes, and other nodes' memory, have no type. */
		while (r < memory->cnt && memory->regions[r].base + memory->regions[r].size <= addr)
			r++;
		if (r < memory->cnt && addr >= ALIGN_DOWN(memory->regions[r].base, PMD_SIZE) &&
		    memory->regions[r].nid == zone_to_nid(zone) && zone_has_pfn(q, zone, pfn))
			count[pfnblock_migratetype(zone, pfn)]++;
	}
}

static void put_block_types(struct quire *q, struct text *t, struct pglist_data *pgdat)
{
	put_lit(t, "\nNumber of blocks type  ");
	for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++)
		if (type_name(q, mt))
			text_printf(t, "%12s ", type_name(q, mt));
	text_putc(t, '\n');
	for_each_populated_zone_of_node(pgdat, zone)
	{
		unsigned long count[MIGRATE_TYPES];

		count_blocks(q, zone, count);
		text_printf(t, "Node %u, zone %8s ", pgdat->node_id, zone->name);
		for (unsigned int mt = 0; mt < MIGRATE_TYPES; mt++) {
			if (!type_name(q, mt))
				continue;
			put_dec(t, count[mt], 12);
			text_putc(t, ' ');
		}
		text_putc(t, '\n');
	}
}

int show_pagetypeinfo(struct quire *q, __unused const struct proc_entry *e,
		      __unused const struct proc_def *def, struct text *t)
{
	for_each_node (q, nid) {
		struct pglist_data *pgdat = NODE_DATA(q, nid);

		if (!pgdat->node_present_pages)
			continue;
		text_printf(t, "Page block order: %d\nPages per block:  %lu\n\n", pageblock_order,
			    pageblock_nr_pages);
		text_printf(t, "%-43s ", "Free pages count per migrate type at order");
		for (unsigned int order = 0; order < MAX_ORDER; order++)
			text_printf(t, "%6u ", order);
		text_putc(t, '\n');
		for_each_populated_zone_of_node(pgdat, zone) put_zone_types(q, t, zone);
		put_block_types(q, t, pgdat);
	}
	return 0;
}

/* ---- extfrag ---------------------------------------------------------------- */

static void put_index(struct text *t, const struct zone *zone, unsigned int order, bool unusable)
{
	int index = unusable ? unusable_free_index(zone, order) : fragmentation_index(zone, order);
	int whole = index / 1000;

	text_printf(t, unusable ? "%d.%03d " : "%2d.%03d ", whole, index < 0 ? 0 : index % 1000);
}

int show_extfrag(struct quire *q, __unused const struct proc_entry *e, const struct proc_def *def,
		 struct text *t)
{
	for_each_node (q, nid) {
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone)
		{
			text_printf(t, "Node %u, zone %8s ", nid, zone->name);
			for (unsigned int order = 0; order < MAX_ORDER; order++)
				put_index(t, zone, order, def->val);
			text_putc(t, '\n');
		}
	}
	return 0;
}
