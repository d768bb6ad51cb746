/* SPDX-License-Identifier: MIT */
/*
 * /proc/zoneinfo: every zone of every node, those without memory too.
 *
 * The node's own counters stand with its first populated zone.  Zones' lists
 * of CPUs are read without their locks, as Linux does: each number is right,
 * together they may be of two instants.
 */
#include "proc/internal.h"

static struct zone *first_populated_zone(struct pglist_data *pgdat)
{
	for_each_populated_zone_of_node(pgdat, zone) return zone;
	return NULL;
}

/* "\n      nr_free_pages 3584": the name in 12 columns. */
static void put_stat(struct text *t, const char *name, unsigned long v)
{
	size_t len = str_len(name);

	put_lit(t, "\n      ");
	text_put(t, name, len);
	if (len < 12)
		text_fill(t, ' ', 12 - len);
	text_putc(t, ' ');
	put_dec(t, v, 0);
}

static void put_node_stats(struct text *t, struct pglist_data *pgdat)
{
	put_lit(t, "\n  per-node stats");
	for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++) {
		unsigned long v = node_page_state(pgdat, i);

		if (i == NR_ANON_THPS || i == NR_FILE_THPS || i == NR_SHMEM_THPS ||
		    i == NR_SHMEM_PMDMAPPED || i == NR_FILE_PMDMAPPED)
			v /= HUGE_PAGES_A_PMD;
		put_stat(t, node_stat_names[i], v);
	}
}

static void put_marks(struct text *t, const struct zone *zone)
{
	text_printf(t,
		    "\n  pages free     %lu"
		    "\n        boost    %lu"
		    "\n        min      %lu"
		    "\n        low      %lu"
		    "\n        high     %lu"
		    "\n        spanned  %lu"
		    "\n        present  %lu"
		    "\n        managed  %lu"
		    "\n        cma      %lu",
		    zone_page_state(zone, NR_FREE_PAGES), zone->watermark_boost,
		    min_wmark_pages(zone), low_wmark_pages(zone), high_wmark_pages(zone),
		    zone->spanned_pages, zone->present_pages, zone->managed_pages, zone->cma_pages);
	text_printf(t, "\n        protection: (%ld", zone->lowmem_reserve[0]);
	for (unsigned int i = 1; i < MAX_NR_ZONES; i++)
		text_printf(t, ", %ld", zone->lowmem_reserve[i]);
	text_putc(t, ')');
}

/* The threshold of a zone's counters.  Zones with a percpu_drift_mark (those
 * where a sum may hide that a mark was passed, and all once a second CPU came up
 * before there were marks) follow kswapd's sleep, the others are as last computed
 * (set_pgdat_percpu_threshold(), refresh_zone_stat_thresholds()). */
static unsigned int stat_threshold(const struct quire *q, const struct zone *zone)
{
	unsigned long step = zone->_watermark[WMARK_LOW] - zone->_watermark[WMARK_MIN];
	unsigned int threshold = zone->stat_threshold;

	if ((q->nr_cpus > 1 || threshold > step) && HOT_LOAD(&zone->zone_pgdat->stat_pressure))
		return (unsigned int)clamp(step / q->nr_cpus, 1UL, 125UL);
	return threshold;
}

static void put_pagesets(struct quire *q, struct text *t, const struct zone *zone)
{
	unsigned int threshold = stat_threshold(q, zone);

	put_lit(t, "\n  pagesets");
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		const struct per_cpu_pages *pcp = &zone->pageset[cpu];

		text_printf(t,
			    "\n    cpu: %u"
			    "\n              count: %d"
			    "\n              high:  %d"
			    "\n              batch: %d"
			    "\n  vm stats threshold: %u",
			    cpu, HOT_LOAD(&pcp->count), HOT_LOAD(&pcp->high), HOT_LOAD(&pcp->batch),
			    threshold);
	}
}

static void put_zone(struct quire *q, struct text *t, struct pglist_data *pgdat,
		     const struct zone *zone)
{
	text_printf(t, "Node %u, zone %8s", pgdat->node_id, zone->name);
	if (zone == first_populated_zone(pgdat))
		put_node_stats(t, pgdat);
	put_marks(t, zone);
	if (!zone->present_pages) {
		text_putc(t, '\n');
		return;
	}
	for (unsigned int i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++)
		put_stat(t, zone_stat_names[i], zone_page_state(zone, i));
	for (unsigned int i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
		put_stat(t, numa_stat_names[i], zone_numa_event(q, zone, i));
	put_pagesets(q, t, zone);
	text_printf(t, "\n  node_unreclaimable:  %u\n  start_pfn:           %lu\n",
		    pgdat->kswapd_failures >= MAX_RECLAIM_RETRIES, zone->zone_start_pfn);
}

int show_zoneinfo(struct quire *q, __unused const struct proc_entry *e,
		  __unused const struct proc_def *def, struct text *t)
{
	for_each_node (q, nid)
		for_each_zone_of_node(NODE_DATA(q, nid), zone)
			put_zone(q, t, NODE_DATA(q, nid), zone);
	return 0;
}
