/* SPDX-License-Identifier: MIT */
/*
 * What the files of proc/ share: the tables that the tree is made of, and the
 * small formats that many files have in common.
 *
 * A directory is a struct proc_dir: a table of names, and for children that
 * come and go (processes, nodes, caches, groups) a lookup and a readdir.  A
 * place in the tree is a struct proc_entry by value: a directory's id is its
 * number in enum proc_dir_id, a file's is that of its directory and its index
 * in the table.  Nothing is allocated, for no file.
 */
#ifndef QUIRE_PROC_INTERNAL_H
#define QUIRE_PROC_INTERNAL_H

#include "base/string.h"
#include "node/memblock.h"
#include "proc/proc.h"

enum proc_dir_id {
	DIR_NONE,
	/* /proc */
	DIR_PROC,
	DIR_PID,
	DIR_TASK,
	DIR_TID,
	DIR_EMPTY,
	DIR_PRESSURE,
	DIR_NET,
	DIR_SYSCTL,
	DIR_SYSCTL_VM,
	DIR_SYSCTL_KERNEL,
	DIR_SYSCTL_RANDOM,
	DIR_SYSCTL_FS,
	/* /sys */
	DIR_SYSFS,
	DIR_DEVICES,
	DIR_DEV_SYSTEM,
	DIR_NODES,
	DIR_NODE,
	DIR_NODE_HUGE,
	DIR_NODE_HUGE_2M,
	DIR_NODE_HUGE_1G,
	DIR_CPUS,
	DIR_CPU,
	DIR_TOPOLOGY,
	DIR_MEMORY_BLOCKS,
	DIR_MEMORY_BLOCK,
	DIR_KERNEL,
	DIR_MM,
	DIR_THP,
	DIR_KHUGEPAGED,
	DIR_HUGE,
	DIR_HUGE_2M,
	DIR_HUGE_1G,
	DIR_MM_SWAP,
	DIR_MM_NUMA,
	DIR_KSM,
	DIR_LRU_GEN,
	DIR_DEBUG,
	DIR_DEBUG_ZSWAP,
	DIR_DEBUG_BDIS,
	DIR_DEBUG_BDI,
	DIR_CLASS,
	DIR_CLASS_BDI,
	DIR_BLOCKS,
	DIR_BLOCK_DEV,
	DIR_ZS_POOLS,
	DIR_ZS_POOL,
	DIR_BDI,
	DIR_DEBUG_SLABS,
	DIR_DEBUG_SLAB,
	DIR_DEBUG_KFENCE,
	DIR_EXTFRAG,
	DIR_SLABS,
	DIR_SLAB,
	DIR_MODULES,
	DIR_MODULE_ZSWAP,
	DIR_MODULE_KFENCE,
	DIR_KFENCE_PARAMS,
	DIR_ZSWAP_PARAMS,
	DIR_MM_MEMPOLICY,
	DIR_MM_WEIGHTED,
	DIR_DEBUG_CMA,
	DIR_CMA_AREA,
	DIR_MM_CMA,
	DIR_MM_CMA_AREA,
	DIR_TRACING,
	DIR_TRACE_EVENTS,
	DIR_TRACE_KMEM,
	DIR_TRACE_COMPACTION,
	DIR_TRACE_EVENT,
	DIR_FS,
	DIR_CGROUP,
	NR_PROC_DIRS,
};

/* What a write brings. */
struct proc_input {
	const char *buf;
	size_t len;
	unsigned int uid; /* the writer's */
};

struct proc_def;
typedef int (*proc_show_fn)(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			    struct text *t);
/* The length, or a negative error. */
typedef s64 (*proc_store_fn)(struct quire *q, const struct proc_entry *e,
			     const struct proc_def *def, const struct proc_input *in);

typedef s64 (*proc_read_fn)(struct quire *q, const struct proc_entry *e, u64 offset, void *buf,
			    size_t len);

struct proc_def {
	const char *name;
	u8 kind;	   /* enum proc_kind */
	u8 dir;		   /* of a directory: its enum proc_dir_id */
	u16 mode;	   /* permission bits */
	proc_show_fn show; /* a file's text, or a link's target */
	/* Of a file that is no text: what lies at a place of it. */
	proc_read_fn read;
	proc_store_fn store;
	const void *data; /* show's and store's own */
	u32 val;
};

#define DEF_DIR(name_, dir_)                                                   \
	{                                                                      \
		.name = (name_), .kind = PROC_DIR, .dir = (dir_), .mode = 0555 \
	}
#define DEF_FILE(name_, mode_, show_)                                                \
	{                                                                            \
		.name = (name_), .kind = PROC_FILE, .mode = (mode_), .show = (show_) \
	}
#define DEF_RW(name_, mode_, show_, store_)                                           \
	{                                                                             \
		.name = (name_), .kind = PROC_FILE, .mode = (mode_), .show = (show_), \
		.store = (store_)                                                     \
	}
#define DEF_VAL(name_, mode_, show_, store_, val_)                                    \
	{                                                                             \
		.name = (name_), .kind = PROC_FILE, .mode = (mode_), .show = (show_), \
		.store = (store_), .val = (val_)                                      \
	}
#define DEF_LINK(name_, show_)                                                    \
	{                                                                         \
		.name = (name_), .kind = PROC_LINK, .mode = 0777, .show = (show_) \
	}
/* A file whose text never changes. */
#define DEF_TEXT(name_, mode_, text_)                                                   \
	{                                                                               \
		.name = (name_), .kind = PROC_FILE, .mode = (mode_), .show = show_text, \
		.data = (text_)                                                         \
	}

/* A setting that can only be what it is: what Linux says when it is off. */
s64 store_fixed_choice(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
		       const struct proc_input *in);
#define DEF_FIXED(name_, text_)                                                      \
	{                                                                            \
		.name = (name_), .kind = PROC_FILE, .mode = 0644, .show = show_text, \
		.store = store_fixed_choice, .data = (text_)                         \
	}

/* Where readdir puts what it finds. */
struct proc_filler {
	bool (*fn)(void *ctx, const char *name, struct proc_entry e);
	void *ctx;
	bool stopped;
};

struct proc_dir {
	const struct proc_def *defs;
	unsigned int nr_defs;
	/* Whether a child of the table is there; NULL: all are. */
	bool (*visible)(struct quire *q, const struct proc_entry *dir, const struct proc_def *def);
	struct proc_entry (*lookup)(struct quire *q, const struct proc_entry *dir,
				    const char *name);
	void (*readdir)(struct quire *q, const struct proc_entry *dir, struct proc_filler *f);
};

#define PROC_DIR_TABLE(name_, defs_) \
	const struct proc_dir name_ = {.defs = (defs_), .nr_defs = ARRAY_SIZE(defs_)}

extern const struct proc_dir proc_root_dir, proc_pid_dir, proc_task_dir, proc_tid_dir,
	proc_pressure_dir, proc_net_dir, proc_sysctl_dir, proc_sysctl_vm_dir,
	proc_sysctl_kernel_dir, proc_sysctl_random_dir, proc_sysctl_fs_dir;
extern const struct proc_dir sysfs_root_dir, sysfs_devices_dir, sysfs_dev_system_dir,
	sysfs_kernel_dir, sysfs_mm_dir, sysfs_thp_dir, sysfs_khugepaged_dir, sysfs_huge_dir,
	sysfs_huge_2m_dir, sysfs_huge_1g_dir, sysfs_mm_swap_dir, sysfs_mm_numa_dir, sysfs_ksm_dir,
	sysfs_lru_gen_dir, sysfs_debug_dir, sysfs_debug_zswap_dir, sysfs_extfrag_dir,
	sysfs_slabs_dir, sysfs_slab_dir, sysfs_debug_slabs_dir, sysfs_debug_slab_dir,
	sysfs_debug_kfence_dir, sysfs_module_kfence_dir, sysfs_kfence_params_dir, sysfs_modules_dir,
	sysfs_module_zswap_dir, sysfs_zswap_params_dir, sysfs_fs_dir, sysfs_nodes_dir,
	sysfs_node_dir, sysfs_node_huge_dir, sysfs_node_huge_2m_dir, sysfs_node_huge_1g_dir,
	sysfs_cpus_dir, sysfs_cpu_dir, sysfs_topology_dir, sysfs_memory_blocks_dir,
	sysfs_memory_block_dir, sysfs_tracing_dir, sysfs_trace_events_dir, sysfs_trace_kmem_dir,
	sysfs_trace_compaction_dir, sysfs_trace_event_dir, sysfs_debug_cma_dir, sysfs_cma_area_dir,
	sysfs_mm_cma_dir, sysfs_mm_cma_area_dir, sysfs_mm_mempolicy_dir, sysfs_mm_weighted_dir,
	sysfs_class_dir, sysfs_bdis_dir, sysfs_bdi_dir, sysfs_debug_bdi_dir, sysfs_blocks_dir,
	sysfs_block_dev_dir, sysfs_zs_pools_dir, sysfs_zs_pool_dir, cgroup_dir;

/* All disks are of the block extended major. */
#define BLKEXT_MAJOR	  259
#define BLKEXT_MAJOR_TEXT "259"
/* zram's is given out when its module is loaded: the first that is free, from above. */
#define ZRAM_MAJOR	254
#define ZRAM_MAJOR_TEXT "254"
/* A device's number, as 259:0. */
void put_devt(struct text *t, const struct backing_dev *bdi);
/* How many pages it is known to have (devices.c). */
u64 device_pages(const struct quire *q, const struct backing_dev *bdi);

/* Settings that no floor reads: kept so that what is written is read back. */
enum proc_misc {
	MISC_COMPACT_MEMORY,
	MISC_DIRTYTIME_EXPIRE,
	MISC_HUGETLB_SHM_GROUP,
	MISC_MEMORY_FAILURE_EARLY_KILL,
	MISC_MEMORY_FAILURE_RECOVERY,
	MISC_MMAP_RND_BITS,
	MISC_MMAP_RND_COMPAT_BITS,
	MISC_NUMA_STAT,
	MISC_PAGE_LOCK_UNFAIRNESS,
	MISC_STAT_INTERVAL,
	MISC_PANIC,
	MISC_PANIC_ON_OOPS,
	MISC_SYSRQ,
	MISC_RANDOMIZE_VA_SPACE,
	MISC_KPTR_RESTRICT,
	MISC_DMESG_RESTRICT,
	MISC_PERF_PARANOID,
	NR_PROC_MISC,
};

#define HOSTNAME_MAX	 64
#define HUGE_PAGES_A_PMD 512

struct proc_floor {
	int misc[NR_PROC_MISC];
	char hostname[HOSTNAME_MAX + 1], domainname[HOSTNAME_MAX + 1];
	u8 boot_id[16];
	struct prng uuid_rng;
	unsigned long mems[QUIRE_MAX_NODES / BITS_PER_LONG]; /* nodes with memory */
	/* What each status ends with: the same for all but pinned tasks. */
	char *cpus_text, *mems_text;
	size_t cpus_len, mems_len;
	struct list_head cma_taken; /* by who writes to debug/cma/AREA/alloc: page_debug.c */
};

/* ---- tree.c ----------------------------------------------------------------- */

struct proc_entry proc_entry_of(enum proc_dir_id dir, int pid, u32 arg);
bool proc_fill(struct proc_filler *f, const char *name, struct proc_entry e);
int show_text(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
	      struct text *t);
/* "node12" with prefix "node": 12; -1 if name is nothing of the kind. */
long proc_number_behind(const char *name, const char *prefix);

/* bdi.c: the device whose number the entry's arg is; NULL: gone. */
struct backing_dev *proc_bdi_of(struct quire *q, const struct proc_entry *e);

/* ---- format.c --------------------------------------------------------------- */

/* "" makes it fail to compile for what is no literal. */
#define put_lit(t, lit) text_put(t, "" lit, sizeof(lit) - 1)
/* Decimal, right-aligned in width columns. */
void put_dec(struct text *t, unsigned long v, unsigned int width);
/* "label" and 8 columns and " kB\n": the lines of meminfo and status. */
void put_kb(struct text *t, const char *label, size_t len, unsigned long kb);
#define put_kb_line(t, label, kb) put_kb(t, label, sizeof(label) - 1, kb)
static inline unsigned long pages_to_kb(unsigned long pages)
{
	return pages << (PAGE_SHIFT - 10);
}
/* Bitmaps as "0-3,8" and as comma-separated hexadecimal words, highest first. */
void put_bit_list(struct text *t, const unsigned long *map, unsigned int nbits);
void put_bit_mask(struct text *t, const unsigned long *map, unsigned int nbits);
/* The same for the CPUs of a node, or of all (nid < 0). */
void put_cpu_list(struct quire *q, struct text *t, int nid);
void put_cpu_mask(struct quire *q, struct text *t, int nid);
/* A line of a pressure file's two. */
void put_psi(struct quire *q, struct text *t, struct psi_group *psi, enum psi_res res);

/* What was written, without white space around it, NUL-terminated in buf:
 * -EINVAL if it does not fit. */
int proc_word(const struct proc_input *in, char *buf, size_t cap);
/* One number within limits, in any base: it, or a negative error. */
s64 proc_number(const struct proc_input *in, unsigned long lowest, unsigned long highest);
/* The next number of a list as sysctls are written: base by its prefix.
 * False: nothing more.  *err is -EINVAL for what is no number. */
struct proc_cursor {
	const char *p;
	size_t left;
};
bool proc_next_long(struct proc_cursor *c, long *v, int *err);
/* One integer and nothing else, as sysfs takes it. */
int proc_one_long(const struct proc_input *in, long *v);

/* ---- files ------------------------------------------------------------------ */

#define PROC_SHOW(name)                                                                   \
	int name(struct quire *q, const struct proc_entry *e, const struct proc_def *def, \
		 struct text *t)
#define PROC_STORE(name)                                                                  \
	s64 name(struct quire *q, const struct proc_entry *e, const struct proc_def *def, \
		 const struct proc_input *in)

PROC_SHOW(show_meminfo);
PROC_SHOW(show_node_meminfo);
PROC_SHOW(show_vmstat);
PROC_SHOW(show_node_vmstat);
PROC_SHOW(show_node_numastat);
PROC_SHOW(show_zoneinfo);
PROC_SHOW(show_buddyinfo);
PROC_SHOW(show_pagetypeinfo);
PROC_SHOW(show_extfrag); /* def->val: 0 the fragmentation index, 1 unusable */
PROC_SHOW(show_lru_gen); /* def->val: 1 with tiers and walks */
PROC_STORE(store_lru_gen);
PROC_SHOW(show_slabinfo);
PROC_STORE(store_slabinfo);
PROC_SHOW(show_vmallocinfo);
PROC_SHOW(show_swaps);
PROC_SHOW(show_iomem);
PROC_SHOW(show_diskstats);
PROC_SHOW(show_partitions);

/* hugetlb.c; def->val: one of these, the size, and whether the writer's policy
 * says from which nodes.  Of one node in a node's directory. */
enum hugetlb_file_kind {
	HUGETLB_NR,
	HUGETLB_FREE,
	HUGETLB_RESV,
	HUGETLB_SURPLUS,
	HUGETLB_OVERCOMMIT,
	HUGETLB_MAX,
	HUGETLB_DEMOTE,
	HUGETLB_DEMOTE_SIZE,
	HUGETLB_KIND = 0xf,
	HUGETLB_1G = 0,
	HUGETLB_2M = 0x10,
	HUGETLB_POLICY = 0x20,
	HUGETLB_NODE = 0x40,
};
PROC_SHOW(show_hugetlb);
PROC_STORE(store_hugetlb);

/* cgroupfs.c: the group that a directory is, or NULL; "max" or bytes, in pages. */
struct mem_cgroup *cgroup_of(struct quire *q, const struct proc_entry *e);
int cgroup_parse_pages(const struct proc_input *in, long *pages);

/* cgroup_hugetlb.c; def->val: one of these, and the size (HUGETLB_1G, HUGETLB_2M). */
enum cgroup_hugetlb_file {
	CG_HUGETLB_CURRENT,
	CG_HUGETLB_EVENTS,
	CG_HUGETLB_EVENTS_LOCAL,
	CG_HUGETLB_MAX,
	CG_HUGETLB_NUMA_STAT,
	CG_HUGETLB_RSVD_CURRENT,
	CG_HUGETLB_RSVD_MAX,
};
PROC_SHOW(show_cgroup_hugetlb);
PROC_STORE(store_cgroup_hugetlb);
PROC_SHOW(show_cgroup_controllers); /* def->val: 1 those that it hands down */
PROC_STORE(store_subtree_control);

/* sys_kernel.c */
enum proc_name { NAME_HOST, NAME_DOMAIN, NAME_RELEASE };
PROC_SHOW(show_name); /* def->val: enum proc_name */
PROC_STORE(store_name);

PROC_SHOW(show_pid_stat); /* def->val: 1 of a process, 0 of one thread */
PROC_SHOW(show_pid_status);
PROC_SHOW(show_pid_statm);
PROC_SHOW(show_pid_maps);
s64 store_pid_clear_refs(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			 const struct proc_input *in);
s64 read_pid_pagemap(struct quire *q, const struct proc_entry *e, u64 offset, void *buf,
		     size_t len);
PROC_SHOW(show_pid_smaps);
PROC_SHOW(show_pid_smaps_rollup);
PROC_SHOW(show_pid_numa_maps);
PROC_SHOW(show_pid_mounts);
PROC_SHOW(show_pid_mountinfo);

/* The task of an entry with a reference, or NULL. */
struct task *proc_get_task(struct quire *q, const struct proc_entry *e);
/* An address space that stays while it is looked at: NULL if it has none. */
struct mm_struct *proc_get_mm(struct quire *q, struct task *task);
void proc_put_mm(struct quire *q, struct mm_struct *mm);
/* The path of a task's program. */
void put_exe_path(struct text *t, const struct task *task);
/* Path of a group; "/" for NULL. */
void put_memcg_path(struct quire *q, const struct mem_cgroup *memcg, struct text *t);

/* CPU time of one CPU, or of all (cpu < 0), in ns since boot. */
struct cpu_times {
	u64 user, system, idle;
};
struct cpu_times proc_cpu_times(struct quire *q, int cpu);

#define NSEC_PER_TICK (NSEC_PER_SEC / 100)

/* Processes and threads in order of pid: from *pid on, up to n of them; how
 * many were found.  Threads only of tgid, or leaders (tgid 0). */
unsigned int proc_next_pids(struct quire *q, int from, int tgid, int *pids, unsigned int n);

#endif
