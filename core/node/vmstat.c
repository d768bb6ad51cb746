/* SPDX-License-Identifier: MIT */
/*
 * The names of counters, and their sums over zones, nodes and CPUs.
 *
 * State counters are exact, so a sum is only as old as its reading; nothing
 * here takes a lock.
 */
#include "node/vmstat.h"

#define VMSTAT_NAME(item, name) [item] = (name),
const char *const zone_stat_names[NR_VM_ZONE_STAT_ITEMS] = {ZONE_STAT_ITEMS(VMSTAT_NAME)};
const char *const numa_stat_names[NR_VM_NUMA_EVENT_ITEMS] = {NUMA_STAT_ITEMS(VMSTAT_NAME)};
const char *const node_stat_names[NR_VM_NODE_STAT_ITEMS] = {NODE_STAT_ITEMS(VMSTAT_NAME)};
const char *const vm_event_names[NR_VM_EVENT_ITEMS] = {VM_EVENT_ITEMS(VMSTAT_NAME)};

unsigned long global_zone_page_state(const struct quire *q, enum zone_stat_item item)
{
	long sum = 0;

	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid), zone) sum +=
			HOT_LOAD(&zone->vm_stat[item]);
	return sum < 0 ? 0 : (unsigned long)sum;
}

unsigned long global_node_page_state(const struct quire *q, enum node_stat_item item)
{
	long sum = 0;

	for_each_node (q, nid)
		sum += HOT_LOAD(&NODE_DATA(q, nid)->vm_stat[item]);
	return sum < 0 ? 0 : (unsigned long)sum;
}

unsigned long global_vm_event(const struct quire *q, enum vm_event_item item)
{
	unsigned long sum = 0;

	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		sum += HOT_LOAD(&q->node->events[cpu][item]);
	if (q->node->more_events)
		sum += q->node->more_events(q, item);
	return sum;
}

static unsigned long numa_event_ever(const struct quire *q, const struct zone *zone,
				     enum numa_stat_item item)
{
	unsigned long sum = 0;

	for (unsigned int cpu = 0; zone->pageset && cpu < q->nr_cpus; cpu++)
		sum += HOT_LOAD(&zone->pageset[cpu].numa_event[item]);
	if (q->node->more_numa_events)
		sum += q->node->more_numa_events(q, zone, item);
	return sum;
}

unsigned long zone_numa_event(const struct quire *q, const struct zone *zone,
			      enum numa_stat_item item)
{
	if (unlikely(q->node->numa_stat_off))
		return 0;
	return numa_event_ever(q, zone, item) - zone->numa_base[item];
}

void numa_stat_enable(struct quire *q, bool on)
{
	/* What came while it was off is not counted, and what was before is forgotten. */
	for_each_node (q, nid)
		for_each_zone_of_node(NODE_DATA(q, nid), zone) for (int i = 0;
								    on && q->node->numa_stat_off &&
								    i < NR_VM_NUMA_EVENT_ITEMS;
								    i++) zone->numa_base[i] =
			numa_event_ever(q, zone, (enum numa_stat_item)i);
	q->node->numa_stat_off = !on;
}
