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

#include <lz4.h>
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
 * Page tables, slabs and zswap's pool lie in pageblocks of their own, which
 * are used densely: large pages of the host there spare it nearly a
 * million faults of a night, and every walk of tables and trees most of its TLB misses
 * (a nested page walk each, on a virtual host).  Movable blocks stay small:
 * of a user's frame nothing is touched but its descriptor.
 */
static void port_frames_dense(void *ctx, uint64_t pfn, uint64_t nr)
{
	struct model *m = ctx;

	(void)madvise((char *)m->physmap + (pfn << PAGE_SHIFT), nr << PAGE_SHIFT, MADV_HUGEPAGE);
}

/* Real bytes: the descriptor, then what LZ4 makes of them. */
static size_t compress_bytes(struct model *m, u64 pfn, void *dst, size_t cap)
{
	u64 content = m->hot.content[pfn];
	int len;

	if (cap <= sizeof(content))
		return 0;
	len = LZ4_compress_fast_extState(m->lengths.lz4_state, hot_page_bytes(&m->hot, pfn),
					 (char *)dst + sizeof(content), (int)PAGE_SIZE,
					 (int)(cap - sizeof(content)), 1);
	if (len <= 0)
		return 0;
	memcpy(dst, &content, sizeof(content));
	return sizeof(content) + (size_t)len;
}

static size_t port_compress(void *ctx, uint64_t pfn, void *dst, size_t cap)
{
	struct model *m = ctx;
	u64 content = m->hot.content[pfn];
	size_t len;

	hot_charge(&m->hot, m->q->cost.compress);
	if (m->fail_compress && m->fail_compress(m->fail_compress_ctx, pfn))
		return 0;
	if (unlikely(m->hot.bytes != NULL))
		return compress_bytes(m, pfn, dst, cap);
	len = content_compressed_len(&m->lengths, content);
	if (len < sizeof(content) || len > cap)
		return 0;
	memcpy(dst, &content, sizeof(content));
	return len;
}

static int port_decompress(void *ctx, const void *src, size_t len, uint64_t pfn)
{
	struct model *m = ctx;
	u64 content;

	hot_charge(&m->hot, m->q->cost.decompress);
	if (len < sizeof(content))
		return -EINVAL;
	memcpy(&content, src, sizeof(content));
	if (unlikely(m->hot.bytes != NULL)) {
		int n = LZ4_decompress_safe((const char *)src + sizeof(content),
					    hot_page_bytes(&m->hot, pfn),
					    (int)(len - sizeof(content)), PAGE_SIZE);

		m->hot.content[pfn] = content;
		return n == (int)PAGE_SIZE ? 0 : -EINVAL;
	}
	if (content_compressed_len(&m->lengths, content) != len)
		return -EINVAL; /* not what compress() returned */
	m->hot.content[pfn] = content;
	return 0;
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
	.compressed_bytes_kept = sizeof(u64),
	.frames_dense = port_frames_dense,
	.tlb_flush = port_tlb_flush,
	.kill = port_kill,
	.cpu_times = port_cpu_times,
	.load = port_load,
	.log = port_log,
	.panic = port_panic,
};
