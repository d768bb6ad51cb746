/* SPDX-License-Identifier: MIT */
/*
 * The lower floors alone: see lower.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "base/printk.h"
#include "node/memblock.h"
#include "page/cma.h"
#include "page/hugetlb.h"
#include "tests/lib/lower.h"
#include "vmalloc/vmalloc.h"

static uint64_t port_clock(void *ctx)
{
	return ((struct lower *)ctx)->now;
}

static void port_wait(void *ctx, struct quire_wait_queue *wq, uint32_t seq, uint64_t timeout_ns)
{
	struct lower *l = ctx;

	/* Nobody else runs: only time can end a wait. */
	(void)wq;
	(void)seq;
	if (timeout_ns == UINT64_MAX)
		fail_msg("waits for ever");
	l->now += timeout_ns;
}

static void port_wake(void *ctx, struct quire_wait_queue *wq)
{
	(void)ctx;
	(void)wq;
}

static void port_log(void *ctx, int level, uint64_t time_ns, const char *text, size_t len)
{
	struct lower *l = ctx;

	(void)time_ns;
	if (level > KERN_ERR)
		return;
	if (l->log) {
		int n = snprintf(l->log + l->log_len, l->log_cap - l->log_len, "%.*s\n", (int)len,
				 text);

		l->log_len = min(l->log_len + (size_t)n, l->log_cap - 1);
	} else {
		print_message("%.*s\n", (int)len, text);
	}
}

static unsigned int port_stack_save(void *ctx, uintptr_t *entries, unsigned int nr)
{
	struct lower *l = ctx;
	unsigned int n = 0;

	for (; n < nr && n < ARRAY_SIZE(l->stack) && l->stack[n]; n++)
		entries[n] = l->stack[n];
	return n;
}

static bool port_guard_frames(void *ctx, uint64_t pfn, uint64_t nr, bool guard)
{
	struct lower *l = ctx;

	return l->guards && !mprotect(l->q->physmap + (pfn << PAGE_SHIFT), nr << PAGE_SHIFT,
				      guard ? PROT_NONE : PROT_READ | PROT_WRITE);
}

static void port_symbol(void *ctx, uintptr_t entry, char *buf, size_t cap)
{
	(void)ctx;
	snprintf(buf, cap, entry < 100 ? "step_%lu+0x10/0x20" : "caller+0x1/0x2",
		 (unsigned long)entry);
}

static __attribute__((noreturn)) void port_panic(void *ctx, const char *message)
{
	struct lower *l = ctx;

	snprintf(l->panic, sizeof(l->panic), "%s", message);
	if (l->panic_expected)
		longjmp(l->panic_to, 1);
	fprintf(stderr, "panic: %s\n", message);
	abort();
}

static const struct quire_port_ops port_ops = {
	.clock = port_clock,
	.wait = port_wait,
	.wake = port_wake,
	.log = port_log,
	.guard_frames = port_guard_frames,
	.stack_save = port_stack_save,
	.symbol = port_symbol,
	.panic = port_panic,
};

static bool fail_alloc(struct quire *q, gfp_t gfp, unsigned int order, void *ctx)
{
	struct lower *l = ctx;

	(void)q;
	(void)gfp;
	(void)order;
	if (l->fail_after < 0)
		return false;
	if (l->fail_after-- > 0)
		return false;
	l->fail_after = 0;
	l->nr_failed++;
	return true;
}

static void *reserve(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(mem != MAP_FAILED);
	return mem;
}

static void boot_floors(struct quire *q)
{
	size_t log_bytes = printk_ring_size(1 << 16);
	void *log;

	assert_int_equal(node_init(q), 0);
	log = memblock_alloc(q, log_bytes, PAGE_SIZE, 0);
	assert_non_null(log);
	printk_init(q, log, log_bytes);
	assert_int_equal(page_init_early(q), 0);
	memblock_free_all(q);
	cma_activate_areas(q);
	hugetlb_init_late(q);
	assert_int_equal(slab_init(q), 0);
	assert_int_equal(vmalloc_init(q), 0);
	assert_int_equal(group_init(q), 0);
	q->group->charge_batch = 1; /* tests count pages one by one */
}

bool lower_log_has(struct lower *l, const char *text)
{
	struct printk_record rec;
	char buf[1100];

	for (u64 seq = 0; printk_read(l->q, seq, &rec, buf, sizeof(buf)); seq = rec.seq + 1)
		if (strstr(rec.text, text))
			return true;
	return false;
}

struct lower *lower_boot(unsigned int nodes, unsigned int mib, unsigned int cpus)
{
	struct quire_config cfg = {.nr_nodes = nodes, .seed = 1};

	for (unsigned int i = 0; i < nodes; i++) {
		cfg.node[i].size_bytes = (u64)mib << 20;
		cfg.node[i].nr_cpus = cpus;
	}
	return lower_boot_config(cfg);
}

struct lower *lower_boot_config(struct quire_config cfg)
{
	return lower_boot_guarded(cfg, false);
}

struct lower *lower_boot_guarded(struct quire_config cfg, bool guards)
{
	struct lower *l = calloc(1, sizeof(*l));
	unsigned int cpus = 0;
	struct quire *q;

	for (unsigned int i = 0; i < cfg.nr_nodes; i++)
		cpus += cfg.node[i].nr_cpus;
	assert_int_equal(quire_memory_needed(&cfg, &cfg.memory.max_pfn), 0);
	l->physmap_bytes = cfg.memory.max_pfn << PAGE_SHIFT;
	l->vmemmap_bytes = cfg.memory.max_pfn * sizeof(struct page);
	l->content_bytes = cfg.memory.max_pfn * sizeof(u64);
	l->hot.content = reserve(l->content_bytes);
	l->hot.current = &l->ctx;
	l->fail_after = -1;
	l->guards = guards;
	q = l->q = calloc(1, sizeof(*q));
	*q = (struct quire){
		.hot = &l->hot,
		.mem_map = reserve(l->vmemmap_bytes),
		.physmap = reserve(l->physmap_bytes),
		.max_pfn = cfg.memory.max_pfn,
		.port = &port_ops,
		.port_ctx = l,
		.nr_nodes = cfg.nr_nodes,
		.nr_cpus = cpus,
		.cfg = cfg,
	};
	q->cfg.version = "6.1.0-quire";
	prng_seed(&q->prng, cfg.seed);
	boot_floors(q);
	set_fail_alloc(q, fail_alloc, l);
	return l;
}

static void collect(void *ctx, const char *line)
{
	struct lower *l = ctx;
	size_t len = strlen(l->report);

	snprintf(l->report + len, sizeof(l->report) - len, "%s\n", line);
}

u64 lower_verify(struct lower *l)
{
	l->report[0] = '\0';
	return quire_verify(l->q, collect, l);
}

/* The lines that were expected, for test-verify-covered.sh. */
static void record_expected(struct lower *l, const char *text)
{
	const char *path = getenv("QUIRE_VERIFY_REPORTS");
	FILE *f = path ? fopen(path, "a") : NULL;
	char *rest = l->report, *line;

	if (!f)
		return;
	while ((line = strsep(&rest, "\n")) != NULL)
		if (strstr(line, text))
			fprintf(f, "%s\n", line);
	fclose(f);
}

void lower_expect_broken(struct lower *l, const char *text)
{
	u64 nr = lower_verify(l);

	if (!nr || !strstr(l->report, text))
		fail_msg("verify did not say \"%s\" but (%lu):\n%s", text, nr, l->report);
	record_expected(l, text);
}

void lower_end(struct lower *l)
{
	u64 nr = lower_verify(l);

	if (nr)
		fail_msg("%lu broken:\n%s", nr, l->report);
	lower_abandon(l);
}

void lower_abandon(struct lower *l)
{
	munmap(l->q->physmap, l->physmap_bytes);
	munmap(l->q->mem_map, l->vmemmap_bytes);
	munmap(l->hot.content, l->content_bytes);
	free(l->q);
	free(l);
}
