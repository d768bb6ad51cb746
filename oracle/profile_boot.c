/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own memory after boot.
 *
 * A floor of an instance has a handful of objects; a booted Debian has a
 * thousand directories of sysfs and tracefs, fifty threads, modules, hash
 * tables.  They are made here as what they are: objects of their slabs, tasks,
 * vmalloc areas, pages.  How many is in the table below: seen once, at the
 * `boot` snapshot of one machine (512 MiB, one CPU), and what more CPUs, nodes
 * and memory add, seen on others.  Sizes that follow from memory are computed.
 */
#include "oracle/profile_boot.h"

#include <stdio.h>

#include "cache/lru.h"
#include "base/string.h"
#include "space/huge_mm.h"
#include "vmalloc/vmalloc.h"

/*
 * Numbers of Debian's 6.1.0-56-amd64 with the rig's command line and modules.
 *   tasks: KernelStack of meminfo / 16 kB on 512 MiB with one CPU; a second
 *     node brings kswapd and kcompactd, a CPU ten threads (smp=2, 3, 4, 8).
 *   modules: VmallocUsed less stacks and hash tables, as above.
 *   numa: what VmallocUsed has more on machines of two nodes.
 *   pages: MemTotal less all that meminfo names, less modules and hash tables
 *     (ftrace says 159 of them in the log), and 66 that are free in the model
 *     (free pages with those on CPUs' lists, after settle, on 512 MiB and 1 GiB).
 *   kmalloc: nr_slab_* less what the caches of slabinfo have: blocks above 8 KiB.
 *   pcpu: Percpu of meminfo less the 62 pages a CPU that boot took.
 *   last_pid: the first process of a scenario is 116.
 */
static const struct {
	unsigned int tasks, tasks_node, tasks_cpu, tasks_thp;
	unsigned long modules, numa, pages, kmalloc, pcpu_cpu;
	unsigned int last_pid;
} facts = {
	.tasks = 46,
	.tasks_node = 2,
	.tasks_cpu = 10,
	.tasks_thp = 1,
	.modules = 2211,
	.numa = 532,
	.pages = 279 + 66,
	.kmalloc = 401,
	.pcpu_cpu = 3,
	.last_pid = 115,
};

#define THP_MIN_PAGES (512UL << (20 - PAGE_SHIFT))

static const char *const thread_names[] = {
	"rcu_gp",	"rcu_par_gp",	   "slub_flushwq",    "netns",		 "kworker/0:0H",
	"mm_percpu_wq", "rcu_tasks_kthre", "rcu_tasks_rude_", "rcu_tasks_trace", "ksoftirqd/0",
	"rcu_preempt",	"migration/0",	   "cpuhp/0",	      "kdevtmpfs",	 "inet_frag_wq",
	"kauditd",	"khungtaskd",	   "oom_reaper",      "writeback",	 "kcompactd0",
	"ksmd",		"kintegrityd",	   "kblockd",	      "blkcg_punt_bio",	 "tpm_dev_wq",
	"edac-poller",	"devfreq_wq",	   "kworker/0:1H",    "kthrotld",	 "acpi_thermal_pm",
	"mld",		"ipv6_addrconf",   "kstrp",	      "zswap-shrink",	 "kworker/u2:0",
	"kworker/u2:1", "kworker/0:0",	   "kworker/0:1",     "kworker/0:2",	 "kworker/u2:2",
};
static const char *const cpu_names[] = {
	"cpuhp/%u",	"migration/%u",	 "ksoftirqd/%u", "kworker/%u:0", "kworker/%u:0H",
	"kworker/%u:1", "kworker/%u:1H", "kworker/%u:2", "kworker/%u:3", "kworker/%u:4",
};

/* ---- threads ------------------------------------------------------------------- */

static int thread(struct quire *q, const char *name, unsigned int cpu, int node)
{
	struct task *task = create_kthread_task(q, name);

	if (IS_ERR(task))
		return (int)PTR_ERR(task);
	task->state = TASK_INTERRUPTIBLE;
	task->cpu = cpu;
	task->node = node;
	return 0;
}

static bool has_task(struct quire *q, const char *name)
{
	struct task *p;

	for_each_process(q, p)
	{
		if (str_eq(p->comm, name))
			return true;
	}
	return false;
}

/* Threads until there are as many as the kernel has; the floors' own count. */
static int boot_threads(struct quire *q, bool thp)
{
	unsigned int want =
		facts.tasks + facts.tasks_node * (q->nr_nodes - 1) + (thp ? facts.tasks_thp : 0);
	unsigned int n = 0;
	int err = 0;

	while (q->space->nr_threads < want && !err) {
		const char *name = n < ARRAY_SIZE(thread_names) ? thread_names[n] : "kworker/u2:3";

		if (n >= ARRAY_SIZE(thread_names) || !has_task(q, name))
			err = thread(q, name, 0, -1);
		n++;
	}
	for (unsigned int cpu = 1; cpu < q->nr_cpus; cpu++) {
		for (unsigned int i = 0; i < facts.tasks_cpu && !err; i++) {
			char name[TASK_COMM_LEN];

			snprintf(name, sizeof(name), cpu_names[i], cpu);
			err = thread(q, name, cpu, (int)cpu_to_node(q, cpu));
		}
	}
	if (!err)
		q->space->last_pid = max(q->space->last_pid, (int)facts.last_pid);
	return err;
}

/* ---- tables, modules, pages ---------------------------------------------------- */

struct hash_table {
	u32 bytes, scale;
	u64 limit, least;
	u32 copies; /* tables of the same size in one */
};

/* alloc_large_system_hash() after boot memory: mounts and mount points, IP
 * identifiers, listening ports, established and bound connections, MPTCP
 * tokens, UDP and UDP-Lite. */
static const struct hash_table hash_tables[] = {
	{8, 19, 0, 0, 2},	 {8, 16, 262144, 2048, 1}, {16, 21, 65536, 0, 1},
	{8, 17, 524288, 0, 1},	 {32, 17, 65536, 0, 1},	   {24, 20, 65536, 0, 1},
	{32, 21, 65536, 256, 2},
};

static u64 table_bytes(unsigned long kernel_pages, const struct hash_table *t)
{
	return t->bytes *
	       max(early_hash_entries(kernel_pages, t->bytes, t->scale, t->limit), t->least);
}

/* alloc_pages_exact(): a block whose rest goes back. */
static bool exact_pages(struct quire *q, u64 bytes)
{
	unsigned long pages = DIV_ROUND_UP(bytes, PAGE_SIZE), rest;
	unsigned int order = 0;
	struct page *page;

	while (1UL << order < pages)
		order++;
	page = alloc_pages(q, GFP_KERNEL, order);
	if (!page)
		return false;
	split_page(q, page, order);
	for (rest = pages; rest < 1UL << order; rest++)
		__free_pages(q, page + rest, 0);
	return true;
}

/* From one node the tables lie in a row, with several they are spread. */
static bool table(struct quire *q, const struct early *e, u64 bytes)
{
	if (e->hash_early && bytes <= PAGE_SIZE << (MAX_ORDER - 1))
		return exact_pages(q, bytes);
	return vmalloc_node(q, bytes, GFP_KERNEL, -1, "alloc_large_system_hash") != 0;
}

static bool boot_tables(struct quire *q, const struct early *e)
{
	unsigned long pages = e->nr_kernel_pages;
	u32 cpus = 1;
	bool ok = true;

	while (cpus < q->nr_cpus)
		cpus <<= 1;
	if (!e->hash_early)
		ok = table(q, e, 8 * early_hash_entries(pages, 8, 13, 0)) &&
		     table(q, e, 8 * early_hash_entries(pages, 8, 14, 0));
	for (size_t i = 0; i < ARRAY_SIZE(hash_tables) && ok; i++)
		for (u32 n = 0; n < hash_tables[i].copies && ok; n++)
			ok = table(q, e, table_bytes(pages, &hash_tables[i]));
	return ok && table(q, e, 256UL * cpus * 64) /* futexes */
	       && table(q, e, 65536 * 4);	    /* port perturbation */
}

/* dma_atomic_pool_init(): 128 KiB for each GiB, three times. */
static bool boot_dma_pools(struct quire *q)
{
	static const gfp_t zone[] = {0, __GFP_DMA, __GFP_DMA32};
	unsigned long pages = clamp(q->node->totalram_pages / 8192, 32UL, MAX_ORDER_NR_PAGES);
	unsigned int order = 0;

	while (1UL << order < pages)
		order++;
	for (size_t i = 0; i < ARRAY_SIZE(zone); i++)
		if (!alloc_pages(q, GFP_KERNEL | zone[i], order))
			return false;
	return true;
}

static bool boot_pages(struct quire *q)
{
	unsigned long n = facts.pages + facts.pcpu_cpu * q->nr_cpus;
	unsigned long modules = facts.modules + (q->nr_nodes > 1 ? facts.numa : 0);

	while (n--)
		if (!alloc_pages(q, GFP_KERNEL, 0))
			return false;
	for (n = 0; n < facts.kmalloc; n += 16)
		if (!kmalloc(q, 16 * PAGE_SIZE, GFP_KERNEL))
			return false;
	return vmalloc_node(q, modules << PAGE_SHIFT, GFP_KERNEL, -1, "module") != 0;
}

/* ---- the initramfs -------------------------------------------------------------- */

/* The root is a tmpfs.  Of busybox, which ran the init script, most pages are on
 * the active list; nr_active_anon and nr_inactive_anon of the boot snapshot, less
 * what is the guest program's own. */
#define ROOT_ACTIVE   432
#define ROOT_INACTIVE 53

static bool root_file(struct quire *q, unsigned long pages, bool used)
{
	struct inode *inode = new_inode(q, q->cache->shm_sb, (u64)pages << PAGE_SHIFT, false);

	if (IS_ERR_OR_NULL(inode))
		return false;
	inode->i_data.swap_backed = true;
	inode->i_data.a_ops = q->cache->shmem_aops;
	for (unsigned long i = 0; i < pages; i++) {
		bool major = false;
		struct page *page = shmem_get_page(q, inode, i, GFP_HIGHUSER_MOVABLE, &major);

		if (IS_ERR_OR_NULL(page))
			return false;
		lru_add_drain(q);
		if (used)
			activate_page(q, page);
		put_page(q, page);
	}
	lru_add_drain(q);
	return true; /* its reference stays: the root is never unmounted */
}

/* ---- the whole ------------------------------------------------------------------ */

int boot_kernel(struct quire *q, const struct profile_layout *l)
{
	struct task *init = q->space->init_task;
	struct mempolicy spread = {.mode = MPOL_INTERLEAVE}, local = {.mode = MPOL_DEFAULT};
	bool thp = hugepage_flags_enabled(q->space->huge), ok;
	int err = 0;

	/* hugepage_init(): khugepaged wants more free pages, of what is free now.  If
	 * it is not wanted, min_free_kbytes is computed once more: now there are
	 * marks to take off.  Small machines do neither. */
	if (q->node->totalram_pages >= THP_MIN_PAGES && !q->space->huge->khugepaged.running)
		err = start_stop_khugepaged(q);

	/* Until init runs its allocations go round (numa_policy_init()). */
	for_each_node (q, nid)
		if (NODE_DATA(q, nid)->node_present_pages)
			node_set(&spread.nodes, nid);
	(void)set_mempolicy(q, init, &spread);
	ok = boot_tables(q, &l->early) && boot_dma_pools(q) && boot_pages(q);
	(void)set_mempolicy(q, init, &local);
	/* The initrd is free once it is unpacked, init's code before init runs. */
	for (u32 i = 0; i < l->nr_late; i++)
		free_reserved_area(q, l->late[i].start_pfn, l->late[i].nr_pages);
	if (!ok || !root_file(q, ROOT_ACTIVE, true) || !root_file(q, ROOT_INACTIVE, false))
		return -ENOMEM;
	err = err ? err : boot_threads(q, thp);
	return err ? err : boot_slabs(q);
}
