/* SPDX-License-Identifier: MIT */
/*
 * The roof: boots an instance floor by floor, and ends it.
 *
 * Boot order is the order of the floors.  The first two work in boot memory
 * (memblock); memblock_free_all() then gives what is left to the buddy
 * allocator and from there on each floor makes its caches in the slab.
 */
#include "proc/proc.h"
#include "base/printk.h"
#include "node/memblock.h"
#include "page/cma.h"
#include "page/frames.h"
#include "page/hugetlb.h"
#include "vmalloc/vmalloc.h"

#define LOG_BUF_BYTES (1UL << 20)

struct kthread_start {
	struct quire *q;
	void (*fn)(struct quire *q, void *arg);
	void *arg;
};

static void kthread_main(void *arg)
{
	struct kthread_start start = *(struct kthread_start *)arg;
	struct quire *q = start.q;

	kfree(q, arg);
	current_context(q)->flags |= PF_KTHREAD;
	start.fn(q, start.arg);
	HOT_SUB(&q->nr_threads, 1);
	wake_up(q, &q->threads_done);
}

int kthread_run(struct quire *q, const char *name, void (*fn)(struct quire *q, void *arg),
		void *arg, int node)
{
	struct kthread_start *start;
	int err;

	if (!q->port->thread_start)
		return 0;
	start = kmalloc(q, sizeof(*start), GFP_KERNEL);
	if (!start)
		return -ENOMEM;
	*start = (struct kthread_start){q, fn, arg};
	HOT_ADD(&q->nr_threads, 1);
	err = q->port->thread_start(q->port_ctx, name, kthread_main, start, node);
	if (err) {
		HOT_SUB(&q->nr_threads, 1);
		kfree(q, start);
	}
	return err;
}

size_t quire_frames_needed(uint64_t max_pfn)
{
	return frames_bytes(max_pfn);
}

size_t quire_sizeof(void)
{
	return sizeof(struct quire);
}

static int check_config(const struct quire_config *cfg)
{
	unsigned int cpus = 0;

	if (!cfg->nr_nodes || cfg->nr_nodes > QUIRE_MAX_NODES)
		return -EINVAL;
	for (u32 i = 0; i < cfg->nr_nodes; i++)
		cpus += cfg->node[i].nr_cpus;
	if (!cpus || cpus > QUIRE_MAX_CPUS)
		return -EINVAL;
	if (!cfg->port || !cfg->hot || !cfg->memory.physmap || !cfg->memory.vmemmap)
		return -EINVAL;
	return 0;
}

static int init_boot_memory(struct quire *q)
{
	size_t log_bytes = printk_ring_size(LOG_BUF_BYTES);
	void *log;
	int err = node_init(q);

	if (err)
		return err;
	log = memblock_alloc(q, log_bytes, PAGE_SIZE, 0);
	if (!log)
		return -ENOMEM;
	printk_init(q, log, log_bytes);
	pr_info(q, "Linux version %s", q->cfg.version);
	err = page_init_early(q);
	if (err)
		return err;
	memblock_free_all(q);
	cma_activate_areas(q);
	hugetlb_init_late(q);
	return frames_init(q);
}

int quire_init(struct quire *q, const struct quire_config *cfg)
{
	static int (*const floors[])(struct quire *) = {
		init_boot_memory, slab_init,  vmalloc_init, group_init, cache_init,
		swap_init,	  space_init, reclaim_init, oom_init,	proc_init,
	};
	int err = check_config(cfg);

	if (err)
		return err;
	*q = (struct quire){
		.hot = cfg->hot,
		.cost = QUIRE_DEFAULT_COSTS,
		.mem_map = cfg->memory.vmemmap,
		.physmap = cfg->memory.physmap,
		.max_pfn = cfg->memory.max_pfn,
		.port = cfg->port,
		.port_ctx = cfg->port_ctx,
		.nr_nodes = cfg->nr_nodes,
		.keys = HOT_PERCPU ? KEY_SLOW_FRAMES : 0,
		.cfg = *cfg,
	};
	for (u32 i = 0; i < cfg->nr_nodes; i++)
		q->nr_cpus += cfg->node[i].nr_cpus;
	if (!q->cfg.version)
		q->cfg.version = "6.1.0-quire";
	if (!q->cfg.hostname)
		q->cfg.hostname = "quire";
	prng_seed(&q->prng, cfg->seed);
	for (size_t i = 0; i < ARRAY_SIZE(floors) && !err; i++)
		err = floors[i](q);
	return err;
}

void quire_finish(struct quire *q)
{
	q->stopping = true;
	q->port->wake(q->port_ctx, NULL);
	wait_event(q, &q->threads_done, !HOT_LOAD(&q->nr_threads));
}
