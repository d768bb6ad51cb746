/* SPDX-License-Identifier: MIT */
/*
 * /proc/vmstat, and a node's vmstat and numastat.
 *
 * Names and order are those of node/vmstat_items.h.  Events are summed over
 * the CPUs once for the whole file, CPU by CPU, so each counter is read once.
 * Huge pages are counted in pages and shown in units of 2 MiB, transfers are
 * counted in sectors and shown in KiB, both as Linux does.
 */
#include "page/cma.h"
#include "proc/internal.h"

static void put_item(struct text *t, const char *name, unsigned long v)
{
	text_puts(t, name);
	text_putc(t, ' ');
	put_dec(t, v, 0);
	text_putc(t, '\n');
}

static bool counted_in_huge_pages(enum node_stat_item item)
{
	return item == NR_ANON_THPS || item == NR_FILE_THPS || item == NR_SHMEM_THPS ||
	       item == NR_SHMEM_PMDMAPPED || item == NR_FILE_PMDMAPPED;
}

static void put_node_items(struct text *t, const long sums[NR_VM_NODE_STAT_ITEMS])
{
	for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++) {
		unsigned long v = sums[i] < 0 ? 0 : (unsigned long)sums[i];

		put_item(t, node_stat_names[i],
			 counted_in_huge_pages(i) ? v / HUGE_PAGES_A_PMD : v);
	}
}

static void add_zones(struct quire *q, struct pglist_data *pgdat, long zones[NR_VM_ZONE_STAT_ITEMS],
		      unsigned long numa[NR_VM_NUMA_EVENT_ITEMS])
{
	for_each_populated_zone_of_node(pgdat, zone)
	{
		for (unsigned int i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++)
			zones[i] += HOT_LOAD(&zone->vm_stat[i]);
		for (unsigned int i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
			numa[i] += zone_numa_event(q, zone, i);
	}
}

static void put_zone_items(struct text *t, const long zones[NR_VM_ZONE_STAT_ITEMS],
			   const unsigned long numa[NR_VM_NUMA_EVENT_ITEMS])
{
	for (unsigned int i = 0; i < NR_VM_ZONE_STAT_ITEMS; i++)
		put_item(t, zone_stat_names[i], zones[i] < 0 ? 0 : (unsigned long)zones[i]);
	for (unsigned int i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++)
		put_item(t, numa_stat_names[i], numa[i]);
}

static void put_cma_events(struct text *t, const struct cma_floor *floor)
{
	unsigned long succeeded = 0, failed = 0;

	for (unsigned int i = 0; i < floor->nr; i++) {
		succeeded += HOT_LOAD(&floor->areas[i].nr_succeeded);
		failed += HOT_LOAD(&floor->areas[i].nr_failed);
	}
	put_item(t, "cma_alloc_success", succeeded);
	put_item(t, "cma_alloc_fail", failed);
}

static void put_events(struct quire *q, struct text *t)
{
	unsigned long sums[NR_VM_EVENT_ITEMS] = {0};

	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		for (unsigned int i = 0; i < NR_VM_EVENT_ITEMS; i++)
			sums[i] += HOT_LOAD(&q->node->events[cpu][i]);
	for (unsigned int i = 0; q->node->more_events && i < NR_VM_EVENT_ITEMS; i++)
		sums[i] += q->node->more_events(q, (enum vm_event_item)i);
	sums[PGPGIN] /= 2;
	sums[PGPGOUT] /= 2;
	for (unsigned int i = 0; i < NR_VM_EVENT_ITEMS; i++) {
		put_item(t, vm_event_names[i], sums[i]);
		if (i == HTLB_BUDDY_PGALLOC_FAIL && q->page->cma)
			put_cma_events(t, q->page->cma);
	}
}

int show_vmstat(struct quire *q, __unused const struct proc_entry *e,
		__unused const struct proc_def *def, struct text *t)
{
	long zones[NR_VM_ZONE_STAT_ITEMS] = {0}, nodes[NR_VM_NODE_STAT_ITEMS] = {0};
	unsigned long numa[NR_VM_NUMA_EVENT_ITEMS] = {0}, background, dirty;

	for_each_node (q, nid) {
		add_zones(q, NODE_DATA(q, nid), zones, numa);
		for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
			nodes[i] += HOT_LOAD(&NODE_DATA(q, nid)->vm_stat[i]);
	}
	put_zone_items(t, zones, numa);
	put_node_items(t, nodes);
	global_dirty_limits(q, &background, &dirty);
	put_item(t, "nr_dirty_threshold", dirty);
	put_item(t, "nr_dirty_background_threshold", background);
	put_events(q, t);
	put_lit(t, "nr_unstable 0\n");
	return 0;
}

int show_node_vmstat(struct quire *q, const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	long zones[NR_VM_ZONE_STAT_ITEMS] = {0};
	unsigned long numa[NR_VM_NUMA_EVENT_ITEMS] = {0};
	long nodes[NR_VM_NODE_STAT_ITEMS];

	add_zones(q, NODE_DATA(q, e->arg), zones, numa);
	for (unsigned int i = 0; i < NR_VM_NODE_STAT_ITEMS; i++)
		nodes[i] = HOT_LOAD(&NODE_DATA(q, e->arg)->vm_stat[i]);
	put_zone_items(t, zones, numa);
	put_node_items(t, nodes);
	return 0;
}

int show_node_numastat(struct quire *q, const struct proc_entry *e,
		       __unused const struct proc_def *def, struct text *t)
{
	static const char *const names[NR_VM_NUMA_EVENT_ITEMS] = {"numa_hit",	  "numa_miss",
								  "numa_foreign", "interleave_hit",
								  "local_node",	  "other_node"};

	for (unsigned int i = 0; i < NR_VM_NUMA_EVENT_ITEMS; i++) {
		unsigned long sum = 0;

		for_each_populated_zone_of_node(NODE_DATA(q, e->arg), zone) sum +=
			zone_numa_event(q, zone, i);
		put_item(t, names[i], sum);
	}
	return 0;
}
