/* SPDX-License-Identifier: MIT */
/*
 * The tree itself: from a path's parts to places, from places to text.
 *
 * The idea: every directory is a table (struct proc_dir), every place a small
 * value that names its table's line, so a lookup compares names, a read is one
 * indirect call, and nothing is cached or allocated.  What a file is about (a
 * process, a node, a group) travels in the place: pid, tid, arg.
 *
 * Invariants: an entry that lookup or readdir returned stays meaningful when
 * what it is about goes away: reading it then says -ENOENT.  A text that could
 * not grow is -ENOMEM, never cut short in silence.
 *
 * Locks: none here; each file takes what it needs.  Rendering never sleeps, so
 * the model may be read between two events.  Writing may sleep.
 *
 * Differs from Linux: a file is rendered whole at every read.
 */
#include "proc/internal.h"

static const struct proc_dir proc_empty_dir;

static const struct proc_dir *const dirs[NR_PROC_DIRS] = {
	[DIR_PROC] = &proc_root_dir,
	[DIR_PID] = &proc_pid_dir,
	[DIR_TASK] = &proc_task_dir,
	[DIR_TID] = &proc_tid_dir,
	[DIR_EMPTY] = &proc_empty_dir,
	[DIR_PRESSURE] = &proc_pressure_dir,
	[DIR_NET] = &proc_net_dir,
	[DIR_SYSCTL] = &proc_sysctl_dir,
	[DIR_SYSCTL_VM] = &proc_sysctl_vm_dir,
	[DIR_SYSCTL_KERNEL] = &proc_sysctl_kernel_dir,
	[DIR_SYSCTL_RANDOM] = &proc_sysctl_random_dir,
	[DIR_SYSCTL_FS] = &proc_sysctl_fs_dir,
	[DIR_SYSFS] = &sysfs_root_dir,
	[DIR_DEVICES] = &sysfs_devices_dir,
	[DIR_DEV_SYSTEM] = &sysfs_dev_system_dir,
	[DIR_NODES] = &sysfs_nodes_dir,
	[DIR_NODE] = &sysfs_node_dir,
	[DIR_NODE_HUGE] = &sysfs_node_huge_dir,
	[DIR_NODE_HUGE_2M] = &sysfs_node_huge_2m_dir,
	[DIR_NODE_HUGE_1G] = &sysfs_node_huge_1g_dir,
	[DIR_CPUS] = &sysfs_cpus_dir,
	[DIR_CPU] = &sysfs_cpu_dir,
	[DIR_TOPOLOGY] = &sysfs_topology_dir,
	[DIR_MEMORY_BLOCKS] = &sysfs_memory_blocks_dir,
	[DIR_MEMORY_BLOCK] = &sysfs_memory_block_dir,
	[DIR_KERNEL] = &sysfs_kernel_dir,
	[DIR_MM] = &sysfs_mm_dir,
	[DIR_THP] = &sysfs_thp_dir,
	[DIR_KHUGEPAGED] = &sysfs_khugepaged_dir,
	[DIR_HUGE] = &sysfs_huge_dir,
	[DIR_HUGE_2M] = &sysfs_huge_2m_dir,
	[DIR_HUGE_1G] = &sysfs_huge_1g_dir,
	[DIR_MM_SWAP] = &sysfs_mm_swap_dir,
	[DIR_MM_NUMA] = &sysfs_mm_numa_dir,
	[DIR_KSM] = &sysfs_ksm_dir,
	[DIR_LRU_GEN] = &sysfs_lru_gen_dir,
	[DIR_DEBUG] = &sysfs_debug_dir,
	[DIR_DEBUG_ZSWAP] = &sysfs_debug_zswap_dir,
	[DIR_DEBUG_BDIS] = &sysfs_bdis_dir,
	[DIR_DEBUG_BDI] = &sysfs_debug_bdi_dir,
	[DIR_CLASS] = &sysfs_class_dir,
	[DIR_CLASS_BDI] = &sysfs_bdis_dir,
	[DIR_BLOCKS] = &sysfs_blocks_dir,
	[DIR_BLOCK_DEV] = &sysfs_block_dev_dir,
	[DIR_ZS_POOLS] = &sysfs_zs_pools_dir,
	[DIR_ZS_POOL] = &sysfs_zs_pool_dir,
	[DIR_BDI] = &sysfs_bdi_dir,
	[DIR_EXTFRAG] = &sysfs_extfrag_dir,
	[DIR_SLABS] = &sysfs_slabs_dir,
	[DIR_SLAB] = &sysfs_slab_dir,
	[DIR_DEBUG_SLABS] = &sysfs_debug_slabs_dir,
	[DIR_DEBUG_SLAB] = &sysfs_debug_slab_dir,
	[DIR_DEBUG_KFENCE] = &sysfs_debug_kfence_dir,
	[DIR_MODULE_KFENCE] = &sysfs_module_kfence_dir,
	[DIR_KFENCE_PARAMS] = &sysfs_kfence_params_dir,
	[DIR_MODULES] = &sysfs_modules_dir,
	[DIR_MODULE_ZSWAP] = &sysfs_module_zswap_dir,
	[DIR_ZSWAP_PARAMS] = &sysfs_zswap_params_dir,
	[DIR_MM_MEMPOLICY] = &sysfs_mm_mempolicy_dir,
	[DIR_MM_WEIGHTED] = &sysfs_mm_weighted_dir,
	[DIR_DEBUG_CMA] = &sysfs_debug_cma_dir,
	[DIR_CMA_AREA] = &sysfs_cma_area_dir,
	[DIR_MM_CMA] = &sysfs_mm_cma_dir,
	[DIR_MM_CMA_AREA] = &sysfs_mm_cma_area_dir,
	[DIR_TRACING] = &sysfs_tracing_dir,
	[DIR_TRACE_EVENTS] = &sysfs_trace_events_dir,
	[DIR_TRACE_KMEM] = &sysfs_trace_kmem_dir,
	[DIR_TRACE_COMPACTION] = &sysfs_trace_compaction_dir,
	[DIR_TRACE_EVENT] = &sysfs_trace_event_dir,
	[DIR_FS] = &sysfs_fs_dir,
	[DIR_CGROUP] = &cgroup_dir,
};

/* ---- places ----------------------------------------------------------------- */

#define ID_DIR(id)	((id) >> 8)
#define ID_INDEX(id)	((id)&0xffu)
#define FILE_ID(dir, i) ((u16)((unsigned int)(dir) << 8 | (i)))

struct proc_entry proc_entry_of(enum proc_dir_id dir, int pid, u32 arg)
{
	return (struct proc_entry){
		.kind = PROC_DIR, .mode = 0555, .id = (u16)dir, .pid = pid, .arg = arg};
}

struct proc_entry proc_root(void)
{
	return proc_entry_of(DIR_PROC, 0, 0);
}

struct proc_entry sysfs_root(void)
{
	return proc_entry_of(DIR_SYSFS, 0, 0);
}

/* The child in line i of a directory's table. */
static struct proc_entry child_of(const struct proc_entry *dir, unsigned int i)
{
	const struct proc_def *def = &dirs[dir->id]->defs[i];
	struct proc_entry e = *dir;

	e.kind = def->kind;
	e.mode = def->mode;
	e.id = def->kind == PROC_DIR ? def->dir : FILE_ID(dir->id, i);
	return e;
}

static bool is_visible(struct quire *q, const struct proc_entry *dir, unsigned int i)
{
	const struct proc_dir *table = dirs[dir->id];

	return !table->visible || table->visible(q, dir, &table->defs[i]);
}

static bool is_dir(const struct proc_entry *e)
{
	return e->kind == PROC_DIR && e->id > DIR_NONE && e->id < NR_PROC_DIRS;
}

struct proc_entry proc_lookup(struct quire *q, struct proc_entry dir, const char *name)
{
	const struct proc_dir *table;

	if (!is_dir(&dir))
		return (struct proc_entry){0};
	table = dirs[dir.id];
	/* Numbers, above all PIDs, are never in a table. */
	if (table->nr_defs && !(name[0] >= '0' && name[0] <= '9')) {
		for (unsigned int i = 0; i < table->nr_defs; i++)
			if (table->defs[i].name[0] == name[0] &&
			    str_eq(table->defs[i].name, name) && is_visible(q, &dir, i))
				return child_of(&dir, i);
	}
	if (table->lookup)
		return table->lookup(q, &dir, name);
	return (struct proc_entry){0};
}

bool proc_fill(struct proc_filler *f, const char *name, struct proc_entry e)
{
	if (!f->stopped && !f->fn(f->ctx, name, e))
		f->stopped = true;
	return !f->stopped;
}

void proc_readdir(struct quire *q, struct proc_entry dir,
		  bool (*fn)(void *ctx, const char *name, struct proc_entry e), void *ctx)
{
	struct proc_filler f = {fn, ctx, false};
	const struct proc_dir *table;

	if (!is_dir(&dir))
		return;
	table = dirs[dir.id];
	for (unsigned int i = 0; i < table->nr_defs; i++)
		if (is_visible(q, &dir, i) &&
		    !proc_fill(&f, table->defs[i].name, child_of(&dir, i)))
			return;
	if (table->readdir)
		table->readdir(q, &dir, &f);
}

long proc_number_behind(const char *name, const char *prefix)
{
	unsigned long n;

	if (!str_starts(name, prefix))
		return -1;
	name += str_len(prefix);
	/* As printed: no sign, no leading zero, no newline. */
	if (*name < '0' || *name > '9' || (*name == '0' && name[1]))
		return -1;
	for (const char *p = name; *p; p++)
		if (*p < '0' || *p > '9')
			return -1;
	if (parse_ulong(name, str_len(name), 10, &n) || n > INT_MAX)
		return -1;
	return (long)n;
}

/* ---- text ------------------------------------------------------------------- */

static const struct proc_def *def_of(const struct proc_entry *e)
{
	unsigned int dir = ID_DIR(e->id), i = ID_INDEX(e->id);

	if ((e->kind != PROC_FILE && e->kind != PROC_LINK) || dir >= NR_PROC_DIRS || !dirs[dir] ||
	    i >= dirs[dir]->nr_defs)
		return NULL;
	return &dirs[dir]->defs[i];
}

int proc_read(struct quire *q, struct proc_entry file, struct text *t)
{
	const struct proc_def *def = def_of(&file);
	int err;

	if (def && def->read)
		return 0; /* no text: proc_read_at() */
	if (!def || !def->show)
		return -EINVAL;
	err = def->show(q, &file, def, t);
	if (!err && t->overflow)
		err = -ENOMEM;
	return err;
}

bool proc_is_binary(struct proc_entry file)
{
	const struct proc_def *def = def_of(&file);

	return def && def->read;
}

s64 proc_read_at(struct quire *q, struct proc_entry file, u64 offset, void *buf, size_t len)
{
	const struct proc_def *def = def_of(&file);

	return def && def->read ? def->read(q, &file, offset, buf, len) : -EINVAL;
}

s64 proc_write_as(struct quire *q, struct proc_entry file, unsigned int uid, const char *buf,
		  size_t len)
{
	const struct proc_def *def = def_of(&file);
	struct proc_input in = {buf, len, uid};

	if (!def || file.kind != PROC_FILE || !def->store)
		return uid ? -EACCES : -EINVAL;
	if (uid && !(uid == file.uid ? file.mode & 0200 : file.mode & 0002))
		return -EACCES;
	if (!len)
		return 0;
	return def->store(q, &file, def, &in);
}

s64 proc_write(struct quire *q, struct proc_entry file, const char *buf, size_t len)
{
	return proc_write_as(q, file, 0, buf, len);
}

struct proc_entry proc_at(struct quire *q, u16 id, int pid, int tid, u32 arg)
{
	unsigned int dir = ID_DIR(id) ? ID_DIR(id) : id;
	struct proc_entry e = {.pid = pid, .tid = tid, .arg = arg};
	struct proc_entry process = {.pid = pid};
	struct task *task;

	if (dir == DIR_NONE || dir >= NR_PROC_DIRS || !dirs[dir])
		return (struct proc_entry){0};
	if (pid) {
		task = proc_get_task(q, &process);
		if (!task)
			return (struct proc_entry){0};
		e.uid = task->uid;
		e.gid = task->gid;
		put_task(q, task);
	}
	e.id = (u16)dir;
	e.kind = PROC_DIR;
	e.mode = 0555;
	if (!ID_DIR(id))
		return e;
	/* Below a CPU or a node, tid is the other's number: a link's. */
	if (ID_INDEX(id) >= dirs[dir]->nr_defs || dirs[dir]->defs[ID_INDEX(id)].kind == PROC_DIR)
		return (struct proc_entry){0};
	return child_of(&e, ID_INDEX(id));
}

int show_text(__unused struct quire *q, __unused const struct proc_entry *e,
	      const struct proc_def *def, struct text *t)
{
	text_puts(t, def->data);
	return 0;
}

/* ---- boot ------------------------------------------------------------------- */

/* A text in the slab: rendered once, kept. */
static int keep_text(struct quire *q, void (*render)(struct quire *q, struct text *t), char **buf,
		     size_t *len)
{
	struct text t;
	char scratch[1024];

	text_init(&t, scratch, sizeof(scratch));
	render(q, &t);
	*buf = kmalloc(q, t.len + 1, GFP_KERNEL);
	if (!*buf)
		return -ENOMEM;
	memcpy(*buf, scratch, t.len + 1);
	*len = t.len;
	return 0;
}

static void render_cpus_allowed(struct quire *q, struct text *t)
{
	put_lit(t, "Cpus_allowed:\t");
	put_cpu_mask(q, t, -1);
	put_lit(t, "\nCpus_allowed_list:\t");
	put_cpu_list(q, t, -1);
	text_putc(t, '\n');
}

static void render_mems_allowed(struct quire *q, struct text *t)
{
	/* Debian's kernel is built for 1,024 nodes and prints all of them. */
	unsigned long mems[1024 / BITS_PER_LONG] = {0};

	memcpy(mems, q->proc->mems, sizeof(q->proc->mems));
	put_lit(t, "Mems_allowed:\t");
	put_bit_mask(t, mems, 1024);
	put_lit(t, "\nMems_allowed_list:\t");
	put_bit_list(t, mems, 1024);
	text_putc(t, '\n');
}

int proc_init(struct quire *q)
{
	static const int misc[NR_PROC_MISC] = {
		[MISC_DIRTYTIME_EXPIRE] = 43200,    [MISC_MMAP_RND_BITS] = 28,
		[MISC_MMAP_RND_COMPAT_BITS] = 8,    [MISC_NUMA_STAT] = 1,
		[MISC_PAGE_LOCK_UNFAIRNESS] = 5,    [MISC_STAT_INTERVAL] = 1,
		[MISC_MEMORY_FAILURE_RECOVERY] = 1, [MISC_SYSRQ] = 438,
		[MISC_RANDOMIZE_VA_SPACE] = 2,	    [MISC_DMESG_RESTRICT] = 1,
		[MISC_PERF_PARANOID] = 3,
	};
	struct proc_floor *proc = kzalloc(q, sizeof(*proc), GFP_KERNEL);
	u64 seed = q->cfg.seed ^ 0x70726f63;

	if (!proc)
		return -ENOMEM;
	q->proc = proc;
	INIT_LIST_HEAD(&proc->cma_taken);
	memcpy(proc->misc, misc, sizeof(misc));
	(void)str_lcpy(proc->hostname, q->cfg.hostname, sizeof(proc->hostname));
	(void)str_lcpy(proc->domainname, "(none)", sizeof(proc->domainname));
	/* Numbers of their own, so that reading one disturbs nothing else. */
	prng_seed(&proc->uuid_rng, prng_splitmix64(&seed));
	for (unsigned int i = 0; i < sizeof(proc->boot_id); i++)
		proc->boot_id[i] = (u8)(prng_splitmix64(&seed) >> 32);
	for_each_node (q, nid)
		if (NODE_DATA(q, nid)->node_present_pages)
			proc->mems[nid / BITS_PER_LONG] |= 1UL << nid % BITS_PER_LONG;
	if (keep_text(q, render_cpus_allowed, &proc->cpus_text, &proc->cpus_len) ||
	    keep_text(q, render_mems_allowed, &proc->mems_text, &proc->mems_len))
		return -ENOMEM;
	return 0;
}
