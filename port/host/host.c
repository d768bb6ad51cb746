/* SPDX-License-Identifier: MIT */
/*
 * The host port: an instance on real memory of this process.
 *
 * Frames and descriptors are two reservations of address space; the kernel
 * below gives memory to what is touched.  The instance's physical addresses
 * begin at 4 GiB, so all its memory is in ZONE_NORMAL: an embedder has no use
 * for zones of devices that reach only 16 MiB, and the reserves that protect
 * them would be lost.  The reservations include what lies below, unused.
 *
 * No disks, no compression: floors that need them see NULL in the table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "node/page.h"
#include "port/host/internal.h"

#define FIRST_ADDRESS (4UL << 30)

uint64_t host_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static uint64_t host_clock(void *ctx)
{
	return host_clock_ns() - ((struct host *)ctx)->boot_ns;
}

static void host_yield(void *ctx)
{
	(void)ctx;
	quire_host_relax();
}

/* Page tables of an instance inside a process are never loaded into an MMU. */
static void host_tlb_flush(void *ctx, void *mm, uint64_t start, uint64_t end)
{
	(void)ctx;
	(void)mm;
	(void)start;
	(void)end;
}

static void host_log(void *ctx, int level, uint64_t time_ns, const char *text, size_t len)
{
	(void)level;
	if (((struct host *)ctx)->flags & QUIRE_HOST_LOG)
		fprintf(stderr, "[%5lu.%06lu] %.*s\n", (unsigned long)(time_ns / NSEC_PER_SEC),
			(unsigned long)(time_ns % NSEC_PER_SEC / NSEC_PER_USEC), (int)len, text);
}

static void __attribute__((noreturn)) host_panic(void *ctx, const char *message)
{
	(void)ctx;
	fprintf(stderr, "quire: panic: %s\n", message);
	abort();
}

const struct quire_port_ops host_port_ops = {
	.clock = host_clock,
	.wait = host_wait,
	.wake = host_wake,
	.yield = host_yield,
	.thread_start = host_thread_start,
	.stack_save = host_stack_save,
	.symbol = host_symbol,
	.guard_frames = host_guard_frames,
	.tlb_flush = host_tlb_flush,
	.log = host_log,
	.panic = host_panic,
};

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void host_free(struct host *h)
{
	if (h->hot.physmap)
		munmap(h->hot.physmap, h->physmap_bytes);
	if (h->vmemmap)
		munmap(h->vmemmap, h->vmemmap_bytes);
	if (h->frames)
		munmap(h->frames, h->frames_bytes);
	if (h->hot.slab_ids)
		munmap(h->hot.slab_ids, h->physmap_bytes >> PAGE_SHIFT);
	host_percpu_destroy(h);
	pthread_mutex_destroy(&h->lock);
	pthread_mutex_destroy(&h->percpu_lock);
	free(h->q);
	free(h);
}

static int host_reserve(struct host *h, struct quire_config *cfg)
{
	int err = quire_memory_needed(cfg, &cfg->memory.max_pfn);

	if (err)
		return err;
	h->physmap_bytes = cfg->memory.max_pfn << PAGE_SHIFT;
	h->vmemmap_bytes = cfg->memory.max_pfn * sizeof(struct page);
	h->frames_bytes = quire_frames_needed(cfg->memory.max_pfn);
	h->frames = reserve(h->frames_bytes);
	h->hot.physmap = reserve(h->physmap_bytes);
	h->vmemmap = reserve(h->vmemmap_bytes);
	h->hot.slab_ids = reserve(cfg->memory.max_pfn);
	h->hot.nr_frames = cfg->memory.max_pfn;
	if (!h->hot.physmap || !h->vmemmap || !h->frames || !h->hot.slab_ids)
		return -ENOMEM;
	err = host_percpu_init(h);
	if (err)
		return err;
	cfg->memory.physmap = h->hot.physmap;
	cfg->memory.vmemmap = h->vmemmap;
	cfg->memory.frames = h->frames;
	cfg->port = &host_port_ops;
	cfg->port_ctx = h;
	cfg->hot = &h->hot;
	return 0;
}

struct quire *quire_host_create(const struct quire_config *config, unsigned int flags, int *error)
{
	static uint64_t last_id;
	struct host *h = calloc(1, sizeof(*h));
	struct quire_config cfg = *config;
	int err = -ENOMEM;

	if (h) {
		h->q = calloc(1, quire_sizeof());
		pthread_mutex_init(&h->lock, NULL);
		pthread_mutex_init(&h->percpu_lock, NULL);
		h->flags = flags;
		h->boot_ns = host_clock_ns();
		h->hot.id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
		if (!cfg.node[0].start_bytes)
			cfg.node[0].start_bytes = FIRST_ADDRESS;
		if (h->q)
			err = host_reserve(h, &cfg);
		if (!err)
			err = quire_init(h->q, &cfg);
		if (!err)
			return h->q;
		/* Kernel threads may be at work already. */
		if (h->q && h->q->port) {
			quire_finish(h->q);
			host_join_threads(h);
		}
		host_detach_all(h);
		host_free(h);
	}
	if (error)
		*error = err;
	return NULL;
}

void quire_host_destroy(struct quire *q)
{
	struct host *h = container_of(q->hot, struct host, hot);

	quire_finish(q);
	host_join_threads(h);
	host_detach_all(h);
	host_free(h);
}
