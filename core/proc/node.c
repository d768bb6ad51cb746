/* SPDX-License-Identifier: MIT */
/*
 * /sys/devices/system: NUMA nodes with their memory and CPUs, and CPUs with
 * their topology.  One socket a node, one thread a core; all CPUs are online.
 */
#include "proc/internal.h"
#include "reclaim/compaction.h"

/* ---- nodes ------------------------------------------------------------------ */

enum node_mask_kind { MASK_ONLINE, MASK_CPU, MASK_MEMORY, MASK_NORMAL, MASK_INITIATOR };

static bool node_in_mask(const struct quire *q, unsigned int nid, enum node_mask_kind kind)
{
	const struct pglist_data *pgdat = NODE_DATA(q, nid);

	switch (kind) {
	case MASK_ONLINE:
		return true;
	case MASK_CPU:
		return pgdat->nr_cpus != 0;
	case MASK_MEMORY:
		return pgdat->node_present_pages != 0;
	case MASK_NORMAL: /* any zone up to Normal */
		for (unsigned int z = 0; z <= ZONE_NORMAL; z++)
			if (pgdat->node_zones[z].present_pages)
				return true;
		return false;
	case MASK_INITIATOR:
		break;
	}
	return false;
}

static int show_node_mask(struct quire *q, __unused const struct proc_entry *e,
			  const struct proc_def *def, struct text *t)
{
	nodemask_t mask = {{0}};

	for_each_node (q, nid)
		if (node_in_mask(q, nid, def->val))
			node_set(&mask, nid);
	put_bit_list(t, mask.bits, QUIRE_MAX_NODES);
	text_putc(t, '\n');
	return 0;
}

static int show_distance(struct quire *q, const struct proc_entry *e,
			 __unused const struct proc_def *def, struct text *t)
{
	for_each_node (q, nid)
		text_printf(t, nid ? " %u" : "%u", node_distance(q, e->arg, nid));
	text_putc(t, '\n');
	return 0;
}

/* def->val: 1 as a list, 0 as a mask. */
static int show_node_cpus(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			  struct text *t)
{
	if (def->val)
		put_cpu_list(q, t, (int)e->arg);
	else
		put_cpu_mask(q, t, (int)e->arg);
	text_putc(t, '\n');
	return 0;
}

static s64 store_compact(struct quire *q, const struct proc_entry *e,
			 __unused const struct proc_def *def, const struct proc_input *in)
{
	lru_add_drain_all(q);
	compact_node(q, e->arg);
	return (s64)in->len;
}

/* Links between a node and its CPUs: arg is the node, tid the CPU. */
static int show_cpu_link(__unused struct quire *q, const struct proc_entry *e,
			 __unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "../../cpu/cpu%d", e->tid);
	return 0;
}

static int show_node_link(__unused struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	text_printf(t, "../../node/node%u", e->arg);
	return 0;
}

/* The table's first line stands for every link; it is never shown itself. */
static const struct proc_def node_defs[] = {
	DEF_LINK("", show_cpu_link),
	DEF_RW("compact", 0200, NULL, store_compact),
	DEF_VAL("cpulist", 0444, show_node_cpus, NULL, 1),
	DEF_VAL("cpumap", 0444, show_node_cpus, NULL, 0),
	DEF_FILE("distance", 0444, show_distance),
	DEF_DIR("hugepages", DIR_NODE_HUGE),
	DEF_FILE("meminfo", 0444, show_node_meminfo),
	DEF_FILE("numastat", 0444, show_node_numastat),
	DEF_FILE("vmstat", 0444, show_node_vmstat),
};

static bool is_named(__unused struct quire *q, __unused const struct proc_entry *dir,
		     const struct proc_def *def)
{
	return def->name[0] != '\0';
}

static struct proc_entry link_entry(enum proc_dir_id dir, u32 node, int cpu)
{
	return (struct proc_entry){.kind = PROC_LINK,
				   .mode = 0777,
				   .id = (u16)((unsigned int)dir << 8),
				   .tid = cpu,
				   .arg = node};
}

static struct proc_entry node_child(struct quire *q, const struct proc_entry *dir, const char *name)
{
	const struct pglist_data *pgdat = NODE_DATA(q, dir->arg);
	long cpu = proc_number_behind(name, "cpu");

	if (cpu < (long)pgdat->first_cpu || cpu >= (long)(pgdat->first_cpu + pgdat->nr_cpus))
		return (struct proc_entry){0};
	return link_entry(DIR_NODE, dir->arg, (int)cpu);
}

static void node_children(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	const struct pglist_data *pgdat = NODE_DATA(q, dir->arg);

	for (unsigned int cpu = pgdat->first_cpu; cpu < pgdat->first_cpu + pgdat->nr_cpus; cpu++) {
		char name[16];

		(void)text_format(name, sizeof(name), "cpu%u", cpu);
		if (!proc_fill(f, name, link_entry(DIR_NODE, dir->arg, (int)cpu)))
			return;
	}
}

const struct proc_dir sysfs_node_dir = {
	.defs = node_defs,
	.nr_defs = ARRAY_SIZE(node_defs),
	.visible = is_named,
	.lookup = node_child,
	.readdir = node_children,
};

static struct proc_entry nodes_lookup(struct quire *q, __unused const struct proc_entry *dir,
				      const char *name)
{
	long nid = proc_number_behind(name, "node");

	if (nid < 0 || nid >= (long)q->nr_nodes)
		return (struct proc_entry){0};
	return proc_entry_of(DIR_NODE, 0, (u32)nid);
}

static void nodes_readdir(struct quire *q, __unused const struct proc_entry *dir,
			  struct proc_filler *f)
{
	for_each_node (q, nid) {
		char name[16];

		(void)text_format(name, sizeof(name), "node%u", nid);
		if (!proc_fill(f, name, proc_entry_of(DIR_NODE, 0, nid)))
			return;
	}
}

static const struct proc_def nodes_defs[] = {
	DEF_VAL("has_cpu", 0444, show_node_mask, NULL, MASK_CPU),
	DEF_VAL("has_generic_initiator", 0444, show_node_mask, NULL, MASK_INITIATOR),
	DEF_VAL("has_memory", 0444, show_node_mask, NULL, MASK_MEMORY),
	DEF_VAL("has_normal_memory", 0444, show_node_mask, NULL, MASK_NORMAL),
	DEF_VAL("online", 0444, show_node_mask, NULL, MASK_ONLINE),
	DEF_VAL("possible", 0444, show_node_mask, NULL, MASK_ONLINE),
};

const struct proc_dir sysfs_nodes_dir = {
	.defs = nodes_defs,
	.nr_defs = ARRAY_SIZE(nodes_defs),
	.lookup = nodes_lookup,
	.readdir = nodes_readdir,
};

static const struct proc_def node_huge_defs[] = {
	DEF_DIR("hugepages-1048576kB", DIR_NODE_HUGE_1G),
	DEF_DIR("hugepages-2048kB", DIR_NODE_HUGE_2M),
};
PROC_DIR_TABLE(sysfs_node_huge_dir, node_huge_defs);

/* ---- CPUs ------------------------------------------------------------------- */

static int show_cpus(struct quire *q, __unused const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	put_cpu_list(q, t, -1);
	text_putc(t, '\n');
	return 0;
}

static const struct proc_def cpus_defs[] = {
	DEF_TEXT("isolated", 0444, "\n"),      DEF_TEXT("kernel_max", 0444, "511\n"),
	DEF_TEXT("offline", 0444, "\n"),       DEF_FILE("online", 0444, show_cpus),
	DEF_FILE("possible", 0444, show_cpus), DEF_FILE("present", 0444, show_cpus),
};

static struct proc_entry cpus_lookup(struct quire *q, __unused const struct proc_entry *dir,
				     const char *name)
{
	long cpu = proc_number_behind(name, "cpu");

	if (cpu < 0 || cpu >= (long)q->nr_cpus)
		return (struct proc_entry){0};
	return proc_entry_of(DIR_CPU, 0, (u32)cpu);
}

static void cpus_readdir(struct quire *q, __unused const struct proc_entry *dir,
			 struct proc_filler *f)
{
	for (u32 cpu = 0; cpu < q->nr_cpus; cpu++) {
		char name[16];

		(void)text_format(name, sizeof(name), "cpu%u", cpu);
		if (!proc_fill(f, name, proc_entry_of(DIR_CPU, 0, cpu)))
			return;
	}
}

const struct proc_dir sysfs_cpus_dir = {
	.defs = cpus_defs,
	.nr_defs = ARRAY_SIZE(cpus_defs),
	.lookup = cpus_lookup,
	.readdir = cpus_readdir,
};

static const struct proc_def cpu_defs[] = {
	DEF_LINK("", show_node_link),
	DEF_TEXT("online", 0444, "1\n"),
	DEF_DIR("topology", DIR_TOPOLOGY),
};

static struct proc_entry cpu_child(struct quire *q, const struct proc_entry *dir, const char *name)
{
	unsigned int nid = cpu_to_node(q, dir->arg);

	if (proc_number_behind(name, "node") != (long)nid)
		return (struct proc_entry){0};
	return link_entry(DIR_CPU, nid, (int)dir->arg);
}

static void cpu_children(struct quire *q, const struct proc_entry *dir, struct proc_filler *f)
{
	unsigned int nid = cpu_to_node(q, dir->arg);
	char name[16];

	(void)text_format(name, sizeof(name), "node%u", nid);
	(void)proc_fill(f, name, link_entry(DIR_CPU, nid, (int)dir->arg));
}

const struct proc_dir sysfs_cpu_dir = {
	.defs = cpu_defs,
	.nr_defs = ARRAY_SIZE(cpu_defs),
	.visible = is_named,
	.lookup = cpu_child,
	.readdir = cpu_children,
};

enum topology_file {
	TOPO_PACKAGE,
	TOPO_CORE,
	TOPO_THREAD_MASK,
	TOPO_THREAD_LIST,
	TOPO_PACKAGE_MASK,
	TOPO_PACKAGE_LIST,
};

static int show_topology(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			 struct text *t)
{
	unsigned long self[QUIRE_MAX_CPUS / BITS_PER_LONG] = {0};
	unsigned int nid = cpu_to_node(q, e->arg);

	self[e->arg / BITS_PER_LONG] = 1UL << e->arg % BITS_PER_LONG;
	switch ((enum topology_file)def->val) {
	case TOPO_PACKAGE:
		put_dec(t, nid, 0);
		break;
	case TOPO_CORE:
		put_dec(t, e->arg - NODE_DATA(q, nid)->first_cpu, 0);
		break;
	case TOPO_THREAD_MASK:
		put_bit_mask(t, self, q->nr_cpus);
		break;
	case TOPO_THREAD_LIST:
		put_dec(t, e->arg, 0);
		break;
	case TOPO_PACKAGE_MASK:
		put_cpu_mask(q, t, (int)nid);
		break;
	case TOPO_PACKAGE_LIST:
		put_cpu_list(q, t, (int)nid);
		break;
	}
	text_putc(t, '\n');
	return 0;
}

#define TOPO(name, what) DEF_VAL(name, 0444, show_topology, NULL, what)

static const struct proc_def topology_defs[] = {
	TOPO("core_cpus", TOPO_THREAD_MASK),
	TOPO("core_cpus_list", TOPO_THREAD_LIST),
	TOPO("core_id", TOPO_CORE),
	TOPO("core_siblings", TOPO_PACKAGE_MASK),
	TOPO("core_siblings_list", TOPO_PACKAGE_LIST),
	TOPO("package_cpus", TOPO_PACKAGE_MASK),
	TOPO("package_cpus_list", TOPO_PACKAGE_LIST),
	TOPO("physical_package_id", TOPO_PACKAGE),
	TOPO("thread_siblings", TOPO_THREAD_MASK),
	TOPO("thread_siblings_list", TOPO_THREAD_LIST),
};
PROC_DIR_TABLE(sysfs_topology_dir, topology_defs);

static const struct proc_def dev_system_defs[] = {
	DEF_DIR("cpu", DIR_CPUS),
	DEF_DIR("memory", DIR_MEMORY_BLOCKS),
	DEF_DIR("node", DIR_NODES),
};
PROC_DIR_TABLE(sysfs_dev_system_dir, dev_system_defs);
