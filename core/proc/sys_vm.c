/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys/vm: the settings of memory management, with Linux 6.1's names,
 * values, limits and effects.
 *
 * The idea: a setting is a line of a table that says where its value lies (in
 * a floor's state, or in proc's own for those that no floor reads), what it
 * may be, and what is to be done once it changed.  Reading and writing follow
 * Linux's proc_dointvec() and proc_doulongvec_minmax(): white space before a
 * number, base by its prefix, -EINVAL for anything else or out of range.
 *
 * A value and its effect change together under no lock, as in Linux: whoever
 * reads a watermark meanwhile sees the old one or the new.
 */
#include "base/printk.h"
#include "proc/internal.h"
#include "reclaim/compaction.h"

enum sysctl_type { SYSCTL_INT, SYSCTL_UINT, SYSCTL_ULONG };

struct sysctl {
	size_t floor;  /* offset of the floor's pointer in struct quire */
	size_t offset; /* of the value in the floor's state */
	u8 type;
	long lo, hi;
	/* Once the value is written; NULL: nothing.  May refuse: then the old
	 * value comes back. */
	int (*changed)(struct quire *q);
};

#define IN_FLOOR(floor_, member_, type_, lo_, hi_, changed_)                        \
	(&(const struct sysctl){.floor = offsetof(struct quire, floor_),            \
				.offset = offsetof(struct floor_##_floor, member_), \
				.type = (type_),                                    \
				.lo = (lo_),                                        \
				.hi = (hi_),                                        \
				.changed = (changed_)})

static void *sysctl_at(struct quire *q, const struct sysctl *s)
{
	char *floor = *(char **)((char *)q + s->floor);

	return floor + s->offset;
}

static long sysctl_get(struct quire *q, const struct sysctl *s)
{
	void *at = sysctl_at(q, s);

	switch (s->type) {
	case SYSCTL_INT:
		return HOT_LOAD((int *)at);
	case SYSCTL_UINT:
		return (long)HOT_LOAD((unsigned int *)at);
	default:
		return (long)HOT_LOAD((unsigned long *)at);
	}
}

static void sysctl_set(struct quire *q, const struct sysctl *s, long v)
{
	void *at = sysctl_at(q, s);

	switch (s->type) {
	case SYSCTL_INT:
		HOT_STORE((int *)at, (int)v);
		break;
	case SYSCTL_UINT:
		HOT_STORE((unsigned int *)at, (unsigned int)v);
		break;
	default:
		HOT_STORE((unsigned long *)at, (unsigned long)v);
	}
}

static int show_sysctl(struct quire *q, __unused const struct proc_entry *e,
		       const struct proc_def *def, struct text *t)
{
	const struct sysctl *s = def->data;

	if (s->type == SYSCTL_ULONG)
		text_printf(t, "%lu\n", (unsigned long)sysctl_get(q, s));
	else
		text_printf(t, "%ld\n", sysctl_get(q, s));
	return 0;
}

static s64 store_sysctl(struct quire *q, __unused const struct proc_entry *e,
			const struct proc_def *def, const struct proc_input *in)
{
	const struct sysctl *s = def->data;
	struct proc_cursor c = {in->buf, in->len};
	long v, old = sysctl_get(q, s);
	int err;

	if (!proc_next_long(&c, &v, &err) || err)
		return -EINVAL;
	if (s->type == SYSCTL_ULONG && v < 0)
		return (s64)in->len; /* Linux passes over a negative number */
	if (v < s->lo || v > s->hi)
		return -EINVAL;
	sysctl_set(q, s, v);
	if (s->changed) {
		err = s->changed(q);
		if (err) {
			sysctl_set(q, s, old);
			return err;
		}
	}
	return (s64)in->len;
}

/* ---- effects ---------------------------------------------------------------- */

static int min_free_changed(struct quire *q)
{
	q->page->user_min_free_kbytes = (long)q->page->min_free_kbytes;
	setup_per_zone_wmarks(q);
	return 0;
}

static int watermarks_changed(struct quire *q)
{
	setup_per_zone_wmarks(q);
	return 0;
}

#define MIN_PERCPU_PAGELIST_HIGH_FRACTION 8

static int pcp_fraction_changed(struct quire *q)
{
	unsigned int fraction = q->page->percpu_pagelist_high_fraction;

	if (fraction && fraction < MIN_PERCPU_PAGELIST_HIGH_FRACTION)
		return -EINVAL;
	setup_per_zone_pagesets(q);
	return 0;
}

/* A ratio and an amount in bytes exclude each other: the last one written is
 * in force and the other reads 0. */
static int dirty_ratio_changed(struct quire *q)
{
	q->cache->dirty_bytes = 0;
	writeback_set_ratelimit(q);
	return 0;
}

static int dirty_bytes_changed(struct quire *q)
{
	q->cache->dirty_ratio = 0;
	writeback_set_ratelimit(q);
	return 0;
}

static int dirty_background_ratio_changed(struct quire *q)
{
	q->cache->dirty_background_bytes = 0;
	return 0;
}

static int dirty_background_bytes_changed(struct quire *q)
{
	q->cache->dirty_background_ratio = 0;
	return 0;
}

static int flusher_interval_changed(struct quire *q)
{
	wakeup_flushers(q);
	return 0;
}

static int overcommit_ratio_changed(struct quire *q)
{
	q->space->overcommit_kbytes = 0;
	return 0;
}

static int overcommit_kbytes_changed(struct quire *q)
{
	q->space->overcommit_ratio = 0;
	return 0;
}

static int compact_memory(struct quire *q)
{
	compact_nodes(q);
	return 0;
}

static int proactiveness_changed(struct quire *q)
{
	compaction_proactiveness_changed(q);
	return 0;
}

static int numa_stat_changed(struct quire *q)
{
	numa_stat_enable(q, q->proc->misc[MISC_NUMA_STAT]);
	return 0;
}

/* ---- those that are more than a number --------------------------------------- */

static s64 store_drop_caches(struct quire *q, __unused const struct proc_entry *e,
			     __unused const struct proc_def *def, const struct proc_input *in)
{
	struct proc_cursor c = {in->buf, in->len};
	struct task *task = current_task(q);
	long what;
	int err;

	if (!proc_next_long(&c, &what, &err) || err || what < 1 || what > 4)
		return -EINVAL;
	if (what & 1) {
		drop_pagecache(q);
	}
	if (what & 2) {
		drop_slab(q);
		count_vm_event(q, DROP_SLAB);
	}
	if (!(what & 4))
		pr_info(q, "%s (%d): drop_caches: %ld", task ? task->comm : "sh",
			task ? task->pid : 0, what);
	return (s64)in->len;
}

static int show_lowmem_reserve_ratio(struct quire *q, __unused const struct proc_entry *e,
				     __unused const struct proc_def *def, struct text *t)
{
	for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
		text_printf(t, i ? "\t%u" : "%u", q->page->lowmem_reserve_ratio[i]);
	text_putc(t, '\n');
	/* Linux's handler does so on reads, too: what zones manage may have changed. */
	setup_per_zone_lowmem_reserve(q);
	return 0;
}

static s64 store_lowmem_reserve_ratio(struct quire *q, __unused const struct proc_entry *e,
				      __unused const struct proc_def *def,
				      const struct proc_input *in)
{
	struct proc_cursor c = {in->buf, in->len};
	unsigned int ratio[MAX_NR_ZONES];
	unsigned int n = 0;
	long v;
	int err = 0;

	memcpy(ratio, q->page->lowmem_reserve_ratio, sizeof(ratio));
	while (n < MAX_NR_ZONES && proc_next_long(&c, &v, &err) && !err) {
		if (v > INT_MAX || v < INT_MIN)
			return -EINVAL;
		ratio[n++] = v < 1 ? 0 : (unsigned int)v;
	}
	/* What was read before a fault is in force, as in Linux. */
	if (!n)
		return -EINVAL;
	memcpy(q->page->lowmem_reserve_ratio, ratio, sizeof(ratio));
	setup_per_zone_lowmem_reserve(q);
	return err ? err : (s64)in->len;
}

static s64 store_numa_zonelist_order(__unused struct quire *q, __unused const struct proc_entry *e,
				     __unused const struct proc_def *def,
				     const struct proc_input *in)
{
	/* "default" or "node", by the first letter; zone order is gone. */
	char c = (char)(in->buf[0] | 0x20);

	return c == 'd' || c == 'n' ? (s64)in->len : -EINVAL;
}

/* ---- the table -------------------------------------------------------------- */

#define S_DEF(name_, mode_, sysctl_)                                                      \
	{                                                                                 \
		.name = (name_), .kind = PROC_FILE, .mode = (mode_), .show = show_sysctl, \
		.store = store_sysctl, .data = (sysctl_)                                  \
	}
#define S_INT(name, floor, member, lo, hi, changed) \
	S_DEF(name, 0644, IN_FLOOR(floor, member, SYSCTL_INT, lo, hi, changed))
#define S_UINT(name, floor, member, lo, hi, changed) \
	S_DEF(name, 0644, IN_FLOOR(floor, member, SYSCTL_UINT, lo, hi, changed))
#define S_ULONG(name, floor, member, lo, changed) \
	S_DEF(name, 0644, IN_FLOOR(floor, member, SYSCTL_ULONG, lo, LONG_MAX, changed))
#define S_MISC(name, mode, item, lo, hi) \
	S_DEF(name, mode, IN_FLOOR(proc, misc[item], SYSCTL_INT, lo, hi, NULL))

static const struct proc_def vm_defs[] = {
	S_ULONG("admin_reserve_kbytes", space, admin_reserve_kbytes, 0, NULL),
	{.name = "compact_memory",
	 .kind = PROC_FILE,
	 .mode = 0200,
	 .store = store_sysctl,
	 .data = IN_FLOOR(proc, misc[MISC_COMPACT_MEMORY], SYSCTL_INT, INT_MIN, INT_MAX,
			  compact_memory)},
	S_UINT("compact_unevictable_allowed", reclaim, compact_unevictable_allowed, 0, 1, NULL),
	S_UINT("compaction_proactiveness", reclaim, compaction_proactiveness, 0, 100,
	       proactiveness_changed),
	S_ULONG("dirty_background_bytes", cache, dirty_background_bytes, 1,
		dirty_background_bytes_changed),
	S_UINT("dirty_background_ratio", cache, dirty_background_ratio, 0, 100,
	       dirty_background_ratio_changed),
	S_ULONG("dirty_bytes", cache, dirty_bytes, 2 * (long)PAGE_SIZE, dirty_bytes_changed),
	S_UINT("dirty_expire_centisecs", cache, dirty_expire_interval, 0, INT_MAX, NULL),
	S_UINT("dirty_ratio", cache, dirty_ratio, 0, 100, dirty_ratio_changed),
	S_UINT("dirty_writeback_centisecs", cache, dirty_writeback_interval, 0, INT_MAX,
	       flusher_interval_changed),
	S_MISC("dirtytime_expire_seconds", 0644, MISC_DIRTYTIME_EXPIRE, 0, INT_MAX),
	DEF_RW("drop_caches", 0200, NULL, store_drop_caches),
	S_UINT("extfrag_threshold", page, extfrag_threshold, 0, 1000, NULL),
	DEF_TEXT("hugetlb_optimize_vmemmap", 0644, "0\n"),
	S_MISC("hugetlb_shm_group", 0644, MISC_HUGETLB_SHM_GROUP, INT_MIN, INT_MAX),
	S_UINT("laptop_mode", cache, laptop_mode, 0, INT_MAX, NULL),
	S_INT("legacy_va_layout", space, legacy_va_layout, 0, INT_MAX, NULL),
	DEF_RW("lowmem_reserve_ratio", 0644, show_lowmem_reserve_ratio, store_lowmem_reserve_ratio),
	S_INT("max_map_count", space, max_map_count, 0, INT_MAX, NULL),
	S_MISC("memory_failure_early_kill", 0644, MISC_MEMORY_FAILURE_EARLY_KILL, 0, 1),
	S_MISC("memory_failure_recovery", 0644, MISC_MEMORY_FAILURE_RECOVERY, 0, 1),
	S_DEF("min_free_kbytes", 0644,
	      IN_FLOOR(page, min_free_kbytes, SYSCTL_ULONG, 0, INT_MAX, min_free_changed)),
	S_UINT("min_slab_ratio", reclaim, min_slab_ratio, 0, 100, NULL),
	S_UINT("min_unmapped_ratio", reclaim, min_unmapped_ratio, 0, 100, NULL),
	S_ULONG("mmap_min_addr", space, mmap_min_addr, 0, NULL),
	S_MISC("mmap_rnd_bits", 0600, MISC_MMAP_RND_BITS, 28, 32),
	S_MISC("mmap_rnd_compat_bits", 0600, MISC_MMAP_RND_COMPAT_BITS, 8, 16),
	DEF_VAL("nr_hugepages", 0644, show_hugetlb, store_hugetlb, HUGETLB_MAX | HUGETLB_2M),
	DEF_VAL("nr_hugepages_mempolicy", 0644, show_hugetlb, store_hugetlb,
		HUGETLB_MAX | HUGETLB_2M | HUGETLB_POLICY),
	DEF_VAL("nr_overcommit_hugepages", 0644, show_hugetlb, store_hugetlb,
		HUGETLB_OVERCOMMIT | HUGETLB_2M),
	S_DEF("numa_stat", 0644,
	      IN_FLOOR(proc, misc[MISC_NUMA_STAT], SYSCTL_INT, 0, 1, numa_stat_changed)),
	{.name = "numa_zonelist_order",
	 .kind = PROC_FILE,
	 .mode = 0644,
	 .show = show_text,
	 .store = store_numa_zonelist_order,
	 .data = "Node\n"},
	S_INT("oom_dump_tasks", oom, sysctl_oom_dump_tasks, INT_MIN, INT_MAX, NULL),
	S_INT("oom_kill_allocating_task", oom, sysctl_oom_kill_allocating_task, INT_MIN, INT_MAX,
	      NULL),
	S_ULONG("overcommit_kbytes", space, overcommit_kbytes, 0, overcommit_kbytes_changed),
	S_INT("overcommit_memory", space, overcommit_memory, 0, 2, NULL),
	S_INT("overcommit_ratio", space, overcommit_ratio, INT_MIN, INT_MAX,
	      overcommit_ratio_changed),
	S_UINT("page-cluster", swap, page_cluster, 0, 31, NULL),
	S_MISC("page_lock_unfairness", 0644, MISC_PAGE_LOCK_UNFAIRNESS, 0, INT_MAX),
	S_INT("panic_on_oom", oom, sysctl_panic_on_oom, 0, 2, NULL),
	S_UINT("percpu_pagelist_high_fraction", page, percpu_pagelist_high_fraction, 0, INT_MAX,
	       pcp_fraction_changed),
	S_MISC("stat_interval", 0644, MISC_STAT_INTERVAL, 0, INT_MAX),
	DEF_TEXT("stat_refresh", 0600, ""),
	S_INT("swappiness", reclaim, swappiness, 0, 200, NULL),
	S_INT("unprivileged_userfaultfd", space, unprivileged_userfaultfd, 0, 1, NULL),
	S_ULONG("user_reserve_kbytes", space, user_reserve_kbytes, 0, NULL),
	S_UINT("vfs_cache_pressure", cache, vfs_cache_pressure, 0, INT_MAX, NULL),
	S_UINT("watermark_boost_factor", page, watermark_boost_factor, 0, INT_MAX, NULL),
	S_UINT("watermark_scale_factor", page, watermark_scale_factor, 1, 3000, watermarks_changed),
	S_UINT("zone_reclaim_mode", reclaim, zone_reclaim_mode, 0, INT_MAX, NULL),
};
PROC_DIR_TABLE(proc_sysctl_vm_dir, vm_defs);

/* ---- /proc/sys/kernel: the numbers ------------------------------------------- */

#define K_TEXT(name, text) DEF_TEXT(name, 0644, text)

static const struct proc_def kernel_defs[] = {
	K_TEXT("cap_last_cap", "40\n"),
	K_TEXT("core_pattern", "core\n"),
	S_MISC("dmesg_restrict", 0644, MISC_DMESG_RESTRICT, 0, 1),
	DEF_VAL("domainname", 0644, show_name, store_name, NAME_DOMAIN),
	DEF_VAL("hostname", 0644, show_name, store_name, NAME_HOST),
	S_MISC("kptr_restrict", 0644, MISC_KPTR_RESTRICT, 0, 2),
	K_TEXT("msgmax", "8192\n"),
	K_TEXT("msgmnb", "16384\n"),
	DEF_TEXT("ngroups_max", 0444, "65536\n"),
	S_UINT("numa_balancing", space, numa.enabled, 0, 1, NULL),
	DEF_VAL("osrelease", 0444, show_name, NULL, NAME_RELEASE),
	DEF_TEXT("ostype", 0444, "Linux\n"),
	K_TEXT("overflowgid", "65534\n"),
	K_TEXT("overflowuid", "65534\n"),
	S_MISC("panic", 0644, MISC_PANIC, INT_MIN, INT_MAX),
	S_MISC("panic_on_oops", 0644, MISC_PANIC_ON_OOPS, INT_MIN, INT_MAX),
	S_MISC("perf_event_paranoid", 0644, MISC_PERF_PARANOID, -1, 4),
	S_INT("pid_max", space, pid_max, 301, 4 << 20, NULL),
	K_TEXT("printk", "4\t4\t1\t7\n"),
	DEF_DIR("random", DIR_SYSCTL_RANDOM),
	S_MISC("randomize_va_space", 0644, MISC_RANDOMIZE_VA_SPACE, 0, 2),
	K_TEXT("sem", "32000\t1024000000\t500\t32000\n"),
	K_TEXT("shmall", "18446744073692774399\n"),
	K_TEXT("shmmax", "18446744073692774399\n"),
	K_TEXT("shmmni", "4096\n"),
	S_MISC("sysrq", 0644, MISC_SYSRQ, INT_MIN, INT_MAX),
	K_TEXT("tainted", "0\n"),
	S_UINT("threads-max", space, max_threads, 20, 0x3fffffff, NULL),
	DEF_TEXT("version", 0444, "#1 SMP PREEMPT_DYNAMIC\n"),
};
PROC_DIR_TABLE(proc_sysctl_kernel_dir, kernel_defs);
