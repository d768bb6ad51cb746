/* SPDX-License-Identifier: MIT */
/*
 * memory.stat: what a group's memory is used for, line by line, in Linux's order
 * and units (memory_stat_format() of memcontrol.c).  The file under /sys/fs/cgroup
 * shows it, and so does the killer's report of a group.
 *
 * The root is charged nothing; its lines are the machine's counters.  memory.numa_stat has
 * those of the lines that are counted a node, node by node.
 *
 * No locks: counters are read as they are.
 */
#include "base/text.h"
#include "group/memcontrol.h"

/* What a line counts: an item of the nodes', or one of these, in bytes. */
enum {
	STAT_KERNEL = MEMCG_NR_STAT,
	STAT_SLAB,
	STAT_NONE, /* Quire charges nothing of the kind to a group */
};

static const struct {
	const char *name;
	u16 item;
	u16 unit; /* bytes of one */
} stat_lines[] = {
	{"anon", NR_ANON_MAPPED, PAGE_SIZE},
	{"file", NR_FILE_PAGES, PAGE_SIZE},
	{"kernel", STAT_KERNEL, 1},
	{"kernel_stack", NR_KERNEL_STACK_KB, 1024},
	{"pagetables", NR_PAGETABLE, PAGE_SIZE},
	{"sec_pagetables", NR_SECONDARY_PAGETABLE, PAGE_SIZE},
	{"percpu", STAT_NONE, 1},
	{"sock", STAT_NONE, 1},
	{"vmalloc", STAT_NONE, 1},
	{"shmem", NR_SHMEM, PAGE_SIZE},
	{"zswap", MEMCG_ZSWAP_B, 1},
	{"zswapped", MEMCG_ZSWAPPED, PAGE_SIZE},
	{"file_mapped", NR_FILE_MAPPED, PAGE_SIZE},
	{"file_dirty", NR_FILE_DIRTY, PAGE_SIZE},
	{"file_writeback", NR_WRITEBACK, PAGE_SIZE},
	{"swapcached", NR_SWAPCACHE, PAGE_SIZE},
	{"anon_thp", NR_ANON_THPS, PAGE_SIZE},
	{"file_thp", NR_FILE_THPS, PAGE_SIZE},
	{"shmem_thp", NR_SHMEM_THPS, PAGE_SIZE},
	{"inactive_anon", NR_INACTIVE_ANON, PAGE_SIZE},
	{"active_anon", NR_ACTIVE_ANON, PAGE_SIZE},
	{"inactive_file", NR_INACTIVE_FILE, PAGE_SIZE},
	{"active_file", NR_ACTIVE_FILE, PAGE_SIZE},
	{"unevictable", NR_UNEVICTABLE, PAGE_SIZE},
	{"slab_reclaimable", NR_SLAB_RECLAIMABLE, 1},
	{"slab_unreclaimable", NR_SLAB_UNRECLAIMABLE, 1},
	{"slab", STAT_SLAB, 1},
	{"workingset_refault_anon", WORKINGSET_REFAULT_ANON, 1},
	{"workingset_refault_file", WORKINGSET_REFAULT_FILE, 1},
	{"workingset_activate_anon", WORKINGSET_ACTIVATE_ANON, 1},
	{"workingset_activate_file", WORKINGSET_ACTIVATE_FILE, 1},
	{"workingset_restore_anon", WORKINGSET_RESTORE_ANON, 1},
	{"workingset_restore_file", WORKINGSET_RESTORE_FILE, 1},
	{"workingset_nodereclaim", WORKINGSET_NODERECLAIM, 1},
};

static const u16 event_lines[] = {
	PGSCAN_KSWAPD, PGSCAN_DIRECT, PGSTEAL_KSWAPD, PGSTEAL_DIRECT,  PGFAULT,
	PGMAJFAULT,    PGREFILL,      PGACTIVATE,     PGDEACTIVATE,    PGLAZYFREE,
	PGLAZYFREED,   ZSWPIN,	      ZSWPOUT,	      THP_FAULT_ALLOC, THP_COLLAPSE_ALLOC,
};

/* Groups count these in bytes. */
static bool is_slab_item(unsigned int item)
{
	return item == NR_SLAB_RECLAIMABLE || item == NR_SLAB_UNRECLAIMABLE;
}

static unsigned long root_value(struct quire *q, unsigned int item)
{
	unsigned long n = global_node_page_state(q, (enum node_stat_item)item);

	return is_slab_item(item) ? n << PAGE_SHIFT : n;
}

static unsigned long stat_value(struct quire *q, struct mem_cgroup *memcg, unsigned int item)
{
	unsigned long bytes;

	if (item == STAT_NONE)
		return 0;
	/* The root counts only what is below it. */
	if (item == MEMCG_ZSWAP_B || item == MEMCG_ZSWAPPED)
		return (unsigned long)memcg_page_state(q, memcg, item);
	if (item < NR_VM_NODE_STAT_ITEMS)
		return memcg->parent ? (unsigned long)memcg_page_state(q, memcg, item)
				     : root_value(q, item);
	if (item == STAT_KERNEL && memcg->parent)
		return (unsigned long)memcg_page_state(q, memcg, MEMCG_KMEM) << PAGE_SHIFT;
	bytes = stat_value(q, memcg, NR_SLAB_RECLAIMABLE) +
		stat_value(q, memcg, NR_SLAB_UNRECLAIMABLE);
	if (item == STAT_KERNEL)
		bytes += (stat_value(q, memcg, NR_KERNEL_STACK_KB) << 10) +
			 ((stat_value(q, memcg, NR_PAGETABLE) +
			   stat_value(q, memcg, NR_SECONDARY_PAGETABLE))
			  << PAGE_SHIFT);
	return bytes;
}

static unsigned long event_value(struct quire *q, struct mem_cgroup *memcg, unsigned int item)
{
	return memcg->parent ? memcg_vm_event(q, memcg, (enum vm_event_item)item)
			     : global_vm_event(q, (enum vm_event_item)item);
}

static void put_line(struct text *t, const char *name, unsigned long v)
{
	text_printf(t, "%s %lu\n", name, v);
}

void memory_stat_format(struct quire *q, struct mem_cgroup *memcg, struct text *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(stat_lines); i++)
		put_line(t, stat_lines[i].name,
			 stat_value(q, memcg, stat_lines[i].item) * stat_lines[i].unit);
	put_line(t, "pgscan",
		 event_value(q, memcg, PGSCAN_KSWAPD) + event_value(q, memcg, PGSCAN_DIRECT));
	put_line(t, "pgsteal",
		 event_value(q, memcg, PGSTEAL_KSWAPD) + event_value(q, memcg, PGSTEAL_DIRECT));
	for (size_t i = 0; i < ARRAY_SIZE(event_lines); i++)
		put_line(t, vm_event_names[event_lines[i]], event_value(q, memcg, event_lines[i]));
}

static unsigned long node_value(struct quire *q, struct mem_cgroup *memcg, unsigned int nid,
				unsigned int item)
{
	long n;

	if (memcg->parent)
		return (unsigned long)memcg_node_state(q, memcg, nid, (enum node_stat_item)item);
	n = node_page_state(NODE_DATA(q, nid), (enum node_stat_item)item);
	return is_slab_item(item) ? (unsigned long)n << PAGE_SHIFT : (unsigned long)n;
}

void memory_numa_stat_format(struct quire *q, struct mem_cgroup *memcg, struct text *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(stat_lines); i++) {
		/* What is not counted a node has no line here. */
		if (stat_lines[i].item >= NR_VM_NODE_STAT_ITEMS)
			continue;
		text_puts(t, stat_lines[i].name);
		for_each_node (q, nid)
			text_printf(t, " N%u=%lu", nid,
				    node_value(q, memcg, nid, stat_lines[i].item) *
					    stat_lines[i].unit);
		text_putc(t, '\n');
	}
}
