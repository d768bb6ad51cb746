/* SPDX-License-Identifier: MIT */
/*
 * Counting: what a zone, a node, a control group's part of a node or the
 * machine has.  State counters are exact at every instant (Linux lets them
 * drift by a threshold a CPU; docs/differences.md); events are kept a CPU and
 * summed when read.
 */
#ifndef QUIRE_NODE_VMSTAT_H
#define QUIRE_NODE_VMSTAT_H

#include "node/mmzone.h"

static inline void mod_zone_page_state(struct zone *zone, enum zone_stat_item item, long delta)
{
	(void)HOT_ADD(&zone->vm_stat[item], delta);
}

static inline unsigned long zone_page_state(const struct zone *zone, enum zone_stat_item item)
{
	long n = HOT_LOAD(&zone->vm_stat[item]);

	return n < 0 ? 0 : (unsigned long)n;
}

static inline void mod_node_page_state(struct pglist_data *pgdat, enum node_stat_item item,
				       long delta)
{
	(void)HOT_ADD(&pgdat->vm_stat[item], delta);
}

static inline unsigned long node_page_state(const struct pglist_data *pgdat,
					    enum node_stat_item item)
{
	long n = HOT_LOAD(&pgdat->vm_stat[item]);

	return n < 0 ? 0 : (unsigned long)n;
}

/* Sums over all zones, all nodes. */
unsigned long global_zone_page_state(const struct quire *q, enum zone_stat_item item);
unsigned long global_node_page_state(const struct quire *q, enum node_stat_item item);
unsigned long global_vm_event(const struct quire *q, enum vm_event_item item);
unsigned long zone_numa_event(const struct quire *q, const struct zone *zone,
			      enum numa_stat_item item);
/* vm.numa_stat: off, they are 0 and nothing is counted. */
void numa_stat_enable(struct quire *q, bool on);

static inline void count_vm_events(struct quire *q, enum vm_event_item item, unsigned long n)
{
	(void)HOT_ADD(&q->node->events[smp_processor_id(q)][item], n);
}

static inline void count_vm_event(struct quire *q, enum vm_event_item item)
{
	count_vm_events(q, item, 1);
}

/* The name that /proc gives an item. */
extern const char *const zone_stat_names[NR_VM_ZONE_STAT_ITEMS];
extern const char *const numa_stat_names[NR_VM_NUMA_EVENT_ITEMS];
extern const char *const node_stat_names[NR_VM_NODE_STAT_ITEMS];
extern const char *const vm_event_names[NR_VM_EVENT_ITEMS];

#endif
