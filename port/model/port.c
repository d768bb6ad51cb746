/* SPDX-License-Identifier: MIT */
/*
 * The model's side of the port: the table of functions that the core calls.
 * Each is a few lines over the scheduler, the disks, the contents and the MMU.
 *
 * Compression is real (LZ4 over the bytes that a frame's descriptor stands
 * for) but what is stored is the descriptor: 8 bytes at dst, of a length that
 * the allocator under zswap must still find room for.
 */
#include "port/model/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* LZ4 on one core of a server: about 0.9 GB/s in, 2.6 GB/s out. */

static u64 port_clock(void *ctx)
{
	return sched_clock(ctx);
}

static void port_wait(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns)
{
	sched_wait(ctx, wq, seq, timeout_ns);
}

static void port_wake(void *ctx, struct quire_wait_queue *wq)
{
	sched_wake(ctx, wq);
}

static void port_yield(void *ctx)
{
	sched_yield_cpu(ctx);
}

static int port_thread_start(void *ctx, const char *name, void (*fn)(void *arg), void *arg,
			     int node)
{
	return model_spawn(ctx, name, fn, arg, NULL, node) ? 0 : -ENOMEM;
}

static void port_submit(void *ctx, struct quire_bio *bio)
{
	model_submit(ctx, bio);
}

/*
 * Page tables and slabs lie in pageblocks of their own, which
 * are used densely: large pages of the host there spare it nearly a
 * million faults of a night, and every walk of tables and trees most of its TLB misses
 * (a nested page walk each, on a virtual host).  Movable blocks stay small:
 * of a user's frame nothing is touched but its descriptor.
 */
static void port_frames_dense(void *ctx, uint64_t pfn, uint64_t nr)
{
	unsigned long pool, before;
	struct model *m = ctx;

	/* zswap's pool is growing: of each of its frames no more is touched than some words,
	 * and the host need not clear 2 MB at a time for them, which on a virtual host that
	 * gave its free memory back costs four times as much as single pages. */
	pool = global_zone_page_state(m->q, NR_ZSPAGES);
	before = m->nr_zspages;
	m->nr_zspages = pool;
	if (m->q->port->compressed_bytes_kept && pool > before + nr / 2)
		return;
	(void)madvise((char *)m->physmap + (pfn << PAGE_SHIFT), nr << PAGE_SHIFT, MADV_HUGEPAGE);
}

/* Work of each beside LZ4's, per cent: as measured on pages of 4 KiB.  LZO's is LZ4's: both
 * are by the table of costs. */
static const unsigned int compress_percent[NR_COMPRESSORS] = {100, 100, 400};
static const unsigned int decompress_percent[NR_COMPRESSORS] = {100, 100, 300};

/* Who compressed it stands above the descriptor's kind. */
#define COMPRESSOR_SHIFT 60

/* Real bytes: the descriptor, then what the compressor makes of them. */
static size_t compress_bytes(struct model *m, unsigned int compressor, u64 pfn, void *dst,
			     size_t cap)
{
	u64 content = m->hot.content[pfn] | (u64)compressor << COMPRESSOR_SHIFT;
	u8 out[2 * PAGE_SIZE];
	size_t len = content_compress(&m->lengths, compressor, hot_page_bytes(&m->hot, pfn), out);

	if (!len || len + sizeof(content) > cap)
		return 0;
	memcpy(dst, &content, sizeof(content));
	memcpy((u8 *)dst + sizeof(content), out, len);
	return sizeof(content) + len;
}

static size_t port_compress(void *ctx, unsigned int compressor, uint64_t pfn, void *dst, size_t cap)
{
	struct model *m = ctx;
	u64 content = m->hot.content[pfn];
	size_t len;

	hot_charge(&m->hot, m->q->cost.compress * compress_percent[compressor] / 100);
	if (m->fail_compress && m->fail_compress(m->fail_compress_ctx, pfn))
		return 0;
	if (unlikely(m->hot.bytes != NULL))
		return compress_bytes(m, compressor, pfn, dst, cap);
	len = content_compressed_len(&m->lengths, compressor, content);
	if (len < sizeof(content) || len > cap)
		return 0;
	content |= (u64)compressor << COMPRESSOR_SHIFT;
	memcpy(dst, &content, sizeof(content));
	return len;
}

static int port_decompress(void *ctx, const void *src, size_t len, uint64_t pfn)
{
	struct model *m = ctx;
	unsigned int compressor;
	u64 content;

	if (len < sizeof(content))
		return -EINVAL;
	memcpy(&content, src, sizeof(content));
	compressor = (unsigned int)(content >> COMPRESSOR_SHIFT);
	if (compressor >= NR_COMPRESSORS)
		return -EINVAL;
	hot_charge(&m->hot, m->q->cost.decompress * decompress_percent[compressor] / 100);
	content &= (1UL << COMPRESSOR_SHIFT) - 1;
	if (unlikely(m->hot.bytes != NULL)) {
		m->hot.content[pfn] = content;
		return content_decompress(compressor, (const u8 *)src + sizeof(content),
					  len - sizeof(content), hot_page_bytes(&m->hot, pfn));
	}
	if (content_compressed_len(&m->lengths, compressor, content) != len)
		return -EINVAL; /* not what compress() returned */
	m->hot.content[pfn] = content;
	return 0;
}

static int port_find_compressor(void *ctx, const char *name)
{
	int compressor = content_compressor_of(name);

	(void)ctx;
	return compressor < 0 ? -ENOENT : compressor;
}

static void port_tlb_flush(void *ctx, void *mm, uint64_t start, uint64_t end)
{
	/* The kernel's own mappings (no mm) are not in the model's TLB. */
	if (mm)
		mmu_flush(ctx, mm, start, end);
}

static void port_kill(void *ctx, void *task, int sig)
{
	struct task *t = task;

	(void)ctx;
	(void)sig;
	if (t->port_private)
		sched_interrupt(t->port_private);
}

static int port_task_set_node(void *ctx, void *task, unsigned int node)
{
	struct task *t = task;

	return t->port_private ? sched_set_home(ctx, t->port_private, node) : -EINVAL;
}

static void port_cpu_times(void *ctx, unsigned int cpu, uint64_t *user, uint64_t *system)
{
	struct model *m = ctx;

	*user = cpu < m->nr_cpus ? m->cpu[cpu].user_ns : 0;
	*system = model_cpu_busy_ns(m, cpu) - *user;
}

static unsigned int port_load(void *ctx, uint64_t avg[3])
{
	model_loadavg(ctx, avg);
	return model_nr_running(ctx);
}

static void port_log(void *ctx, int level, uint64_t time_ns, const char *text, size_t len)
{
	struct model *m = ctx;

	if (m->on_log)
		m->on_log(m->on_log_ctx, level, time_ns, text, len);
}

__attribute__((noreturn)) static void port_panic(void *ctx, const char *message)
{
	model_panic(ctx, message);
}

void model_panic(struct model *m, const char *message)
{
	u64 us = m->now / 1000;

	fprintf(stderr, "[%5lu.%06lu] Kernel panic - not syncing: %s (in %s)\n",
		(unsigned long)(us / 1000000), (unsigned long)(us % 1000000), message,
		m->running ? m->running->name : "no fiber");
	if (!m->on_panic || !m->running || m->panicked)
		abort();
	m->panicked = true;
	m->on_panic(m->on_panic_ctx, message);
	sched_stop(m);
}

const struct quire_port_ops model_port_ops = {
	.clock = port_clock,
	.wait = port_wait,
	.wake = port_wake,
	.yield = port_yield,
	.thread_start = port_thread_start,
	.submit = port_submit,
	.compress = port_compress,
	.decompress = port_decompress,
	.find_compressor = port_find_compressor,
	.compressed_bytes_kept = sizeof(u64),
	.frames_dense = port_frames_dense,
	.tlb_flush = port_tlb_flush,
	.kill = port_kill,
	.task_set_node = port_task_set_node,
	.cpu_times = port_cpu_times,
	.load = port_load,
	.log = port_log,
	.panic = port_panic,
};
