/* SPDX-License-Identifier: MIT */
/*
 * A model's life: its memory is reserved address space, its instance boots in
 * it, and at the end everything goes, fibers that still sleep too.
 *
 * Three regions read as zero until written and cost the host only what was
 * touched: physmap (frames with real bytes), vmemmap (64 bytes a frame) and
 * the contents (8 bytes a frame).
 */
#include "port/model/internal.h"
#include "base/string.h"
#include "port/model/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* How much virtual time and how many events the end of an instance may take. */
#define FINISH_NS     (10 * NSEC_PER_SEC)
#define FINISH_EVENTS 1000000

#define HUGE_BYTES (2UL << 20)

/* Arrays by frame number fill densely, since free memory is handed out in
 * order: huge pages there save half a million faults of the host while a
 * 128 GB machine fills (5 of 45 s of the night), at 2 MB for each 128 MB of it
 * that is touched.  Frames themselves are touched sparsely. */
static void prefer_huge_pages(void *p, size_t bytes)
{
	(void)madvise(p, bytes, MADV_HUGEPAGE);
	keep_mark(p, 0, true);
}

void *model_reserve(size_t bytes)
{
	size_t len = ALIGN(bytes ? bytes : PAGE_SIZE, PAGE_SIZE);
	/* A pageblock of the machine is to be a huge page of the host. */
	void *p = keep_map(len, len >= HUGE_BYTES ? HUGE_BYTES : PAGE_SIZE);

	/* Touched sparsely: a huge page would be 2 MB for one descriptor. */
	if (p)
		(void)madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

void model_release(void *p, size_t bytes)
{
	if (p)
		keep_unmap(p, bytes ? bytes : PAGE_SIZE);
}

/* What can't be seen from quire_init()'s error, in words. */
static bool check_config(const struct quire_config *cfg, char *err, size_t cap)
{
	unsigned int cpus = 0;

	if (!cfg->nr_nodes || cfg->nr_nodes > QUIRE_MAX_NODES) {
		snprintf(err, cap, "a machine has 1 to %d nodes, not %u", QUIRE_MAX_NODES,
			 cfg->nr_nodes);
		return false;
	}
	for (u32 i = 0; i < cfg->nr_nodes; i++)
		cpus += cfg->node[i].nr_cpus;
	if (!cpus || cpus > QUIRE_MAX_CPUS) {
		snprintf(err, cap, "a machine has 1 to %d CPUs, not %u", QUIRE_MAX_CPUS, cpus);
		return false;
	}
	return true;
}

static bool reserve_memory(struct model *m, struct quire_config *cfg, char *err, size_t cap)
{
	u64 max_pfn;

	if (quire_memory_needed(cfg, &max_pfn)) {
		snprintf(err, cap, "impossible sizes of nodes");
		return false;
	}
	m->physmap_bytes = max_pfn << PAGE_SHIFT;
	m->vmemmap_bytes = max_pfn * sizeof(struct page);
	m->content_bytes = max_pfn * sizeof(u64);
	m->physmap = model_reserve(m->physmap_bytes);
	m->vmemmap = model_reserve(m->vmemmap_bytes);
	m->hot.content = model_reserve(m->content_bytes);
	if (m->vmemmap && m->hot.content) {
		prefer_huge_pages(m->vmemmap, m->vmemmap_bytes);
		prefer_huge_pages(m->hot.content, m->content_bytes);
	}
	if (!m->physmap || !m->vmemmap || !m->hot.content) {
		snprintf(err, cap,
			 "the host refuses %lu MiB of address space (see ulimit -v and "
			 "vm.overcommit_memory)",
			 (unsigned long)(m->physmap_bytes >> 20));
		return false;
	}
	if (cfg->real_bytes)
		m->hot.bytes = m->physmap;
	cfg->memory = (struct quire_memory){
		.physmap = m->physmap, .vmemmap = m->vmemmap, .max_pfn = max_pfn};
	return true;
}

static void free_model(struct model *m)
{
	prefault_stop(m);
	watch_detach(m);
	sched_destroy(m);
	model_free_disks(m);
	mmu_destroy(m->mmu);
	model_release(m->physmap, m->physmap_bytes);
	model_release(m->vmemmap, m->vmemmap_bytes);
	model_release(m->hot.content, m->content_bytes);
	keep_free(m->lengths.lz4_state);
	keep_free(m->lengths.lzo_state);
	keep_free(m->q);
	keep_free(m);
}

struct model *model_create(struct quire_config *cfg, char *err, size_t cap)
{
	struct model *m;
	int rc;

	if (!check_config(cfg, err, cap))
		return NULL;
	m = keep_calloc(1, sizeof(*m));
	if (!m || !sched_init(m, cfg) || !(m->q = keep_calloc(1, quire_sizeof())) ||
	    !(m->lengths.lz4_state = keep_malloc(content_lz4_state_bytes())) ||
	    !(m->lengths.lzo_state = keep_malloc(content_lzo_state_bytes()))) {
		snprintf(err, cap, "the host has no memory for the model");
		goto fail;
	}
	if (!cfg->local_ns)
		cfg->local_ns = 70;
	if (!cfg->remote_ns)
		cfg->remote_ns = 130;
	if (!reserve_memory(m, cfg, err, cap))
		goto fail;
	m->ops = model_port_ops;
	if (cfg->real_bytes)
		m->ops.compressed_bytes_kept = 0; /* all */
	cfg->port = &m->ops;
	cfg->port_ctx = m;
	cfg->hot = &m->hot;
	rc = quire_init(m->q, cfg);
	if (rc) {
		snprintf(err, cap, "the machine does not boot: error %d%s", rc,
			 rc == -ENOMEM ? " (its memory cannot hold its own structures)" : "");
		goto fail;
	}
	m->mmu = mmu_create(m);
	if (!m->mmu || !watch_attach(m)) {
		snprintf(err, cap, "the host has no memory for the model's TLBs");
		goto fail;
	}
	/* The clock starts when the machine is up. */
	m->hot.charged_ns = 0;
	m->clock_last = m->now = 0;
	prefault_start(m);
	return m;
fail:
	if (m)
		free_model(m);
	return NULL;
}

static void finish(void *arg)
{
	quire_finish(arg);
}

void model_destroy(struct model *m)
{
	u64 deadline = m->now + FINISH_NS;
	bool done = false;
	struct fiber *f;

	/* Processes stop where they are; kernel threads end in order. */
	m->finishing = true;
	m->on_log = NULL;
	f = m->panicked ? NULL : sched_spawn(m, "finish", finish, m->q, NULL, -1, false);
	if (f) {
		f->call = true;
		f->done = &done;
		for (unsigned int n = 0; n < FINISH_EVENTS && !done; n++)
			if (m->now > deadline || !model_step(m))
				break;
	}
	free_model(m);
}

struct quire *model_quire(struct model *m)
{
	return m->q;
}

u64 model_now(struct model *m)
{
	return m->running ? sched_clock(m) : m->now;
}

struct fiber *model_spawn(struct model *m, const char *name, void (*fn)(void *arg), void *arg,
			  struct task *task, int node)
{
	bool kthread = !task;
	struct fiber *f;

	/* Before the space floor stands, a thread makes its task when it first
	 * runs (sched.c). */
	if (kthread && m->q->space && m->q->space->kthreadd) {
		task = create_kthread_task(m->q, name);
		if (IS_ERR_OR_NULL(task))
			return NULL;
		task->node = node;
	}
	f = sched_spawn(m, name, fn, arg, task, node, kthread);
	if (!f && kthread && task)
		do_exit(m->q, task, 0);
	return f;
}

void model_call(struct model *m, struct task *task, void (*fn)(void *arg), void *arg)
{
	bool done = false;
	struct fiber *f;

	if (m->running)
		model_panic(m, "model_call() from inside a fiber");
	if (!task && m->q->space)
		task = m->q->space->init_task;
	f = sched_spawn(m, "call", fn, arg, task, -1, false);
	if (!f)
		model_panic(m, "the host has no memory for a stack");
	f->call = true;
	f->done = &done;
	while (!done && !m->panicked)
		if (!model_step(m) && !m->panicked)
			model_panic(m, "deadlock: a call waits, and nothing is left to run");
	/* init has no fiber of its own: it waits for its children again. */
	if (task && task == m->q->space->init_task)
		task->state = TASK_INTERRUPTIBLE;
}

void model_on_log(struct model *m,
		  void (*fn)(void *ctx, int level, u64 time_ns, const char *text, size_t len),
		  void *ctx)
{
	m->on_log = fn;
	m->on_log_ctx = ctx;
}

void model_on_panic(struct model *m, void (*fn)(void *ctx, const char *message), void *ctx)
{
	m->on_panic = fn;
	m->on_panic_ctx = ctx;
}

void model_fail_io(struct model *m, bool (*fn)(void *ctx, const struct quire_bio *bio), void *ctx)
{
	m->fail_io = fn;
	m->fail_io_ctx = ctx;
}

void model_fail_compress(struct model *m, bool (*fn)(void *ctx, u64 pfn), void *ctx)
{
	m->fail_compress = fn;
	m->fail_compress_ctx = ctx;
}
