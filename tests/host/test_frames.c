/* SPDX-License-Identifier: MIT */
/*
 * Embedders' pages (core/page/frames.h) on the host port: random operations
 * against a table that knows whose each frame is; misuse, each with its report and
 * nothing changed; memory that runs out; blocks lent to the kernel; counts; fork;
 * each invariant broken on purpose.  All of it a second time where slots are
 * threads'.  QUIRE_LONG=1: a hundred times as many random operations.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <quire/host.h>
#include <quire/page.h>
#include "base/prng.h"
#include "page/debug.h"
#include "page/frames.h"
#include "port/host/internal.h"

#define NR_BLOCKS 3000
#define FREE_ALL  0xffffffffu

static const unsigned int types[] = {0, QUIRE_ALLOC_MOVABLE, QUIRE_ALLOC_RECLAIMABLE};

static struct quire *create(unsigned int nodes, uint64_t mib)
{
	static struct quire_config cfg;
	struct quire *q;

	cfg = (struct quire_config){.nr_nodes = nodes};
	for (unsigned int i = 0; i < nodes; i++) {
		cfg.node[i].size_bytes = mib << 20;
		cfg.node[i].nr_cpus = 1;
	}
	q = quire_host_create(&cfg, QUIRE_HOST_LOG, NULL);
	assert_non_null(q);
	q->page->panic_on_bad_page = false;
	return q;
}

static const char *expected;
static bool seen;

static void report(void *ctx, const char *line)
{
	FILE *f =
		getenv("QUIRE_VERIFY_REPORTS") ? fopen(getenv("QUIRE_VERIFY_REPORTS"), "a") : NULL;

	(void)ctx;
	if (!expected)
		print_error("verify: %s\n", line);
	else if (strstr(line, expected))
		seen = true;
	if (f) {
		fprintf(f, "%s\n", line);
		fclose(f);
	}
}

static void verify(struct quire *q)
{
	quire_host_quiesce(q);
	assert_int_equal(quire_verify(q, report, NULL), 0);
}

static void verify_reports(struct quire *q, const char *text)
{
	expected = text;
	seen = false;
	quire_host_quiesce(q);
	assert_true(quire_verify(q, report, NULL) > 0);
	expected = NULL;
	if (!seen)
		fail_msg("nothing said: %s", text);
}

/* ---- at random ---------------------------------------------------------------- */

struct block {
	struct page *page;
	unsigned int order;
};

struct world {
	struct quire *q;
	struct block block[NR_BLOCKS];
	uint16_t *owner; /* by frame: block + 1 */
	struct prng rng;
};

static void claim(struct world *w, unsigned int i)
{
	uint64_t pfn = page_to_pfn(w->q, w->block[i].page);

	assert_true(pfn < w->q->max_pfn && !(pfn & ((1UL << w->block[i].order) - 1)));
	for (unsigned int p = 0; p < 1u << w->block[i].order; p++) {
		assert_int_equal(w->owner[pfn + p], 0);
		w->owner[pfn + p] = (uint16_t)(i + 1);
	}
}

static void disclaim(struct world *w, unsigned int i)
{
	uint64_t pfn = page_to_pfn(w->q, w->block[i].page);

	for (unsigned int p = 0; p < 1u << w->block[i].order; p++)
		w->owner[pfn + p] = 0;
	w->block[i].page = NULL;
}

static void step_one(struct world *w, unsigned int i)
{
	struct block *b = &w->block[i];
	unsigned int r = (unsigned int)prng_below(&w->rng, 100);

	if (b->page) {
		struct page *page = b->page;

		disclaim(w, i);
		quire_free_pages(w->q, page, b->order);
		return;
	}
	b->order = (unsigned int)prng_below(&w->rng, r < 80 ? 2 : r < 99 ? 5 : 11);
	b->page = quire_alloc_pages(w->q, b->order, QUIRE_NODE_HERE,
				    types[prng_below(&w->rng, 3)] | QUIRE_ALLOC_NOWAIT);
	if (b->page)
		claim(w, i);
}

/* A few in a row, which must all be empty or all single pages. */
static void step_bulk(struct world *w, unsigned int i)
{
	struct page *pages[32];
	unsigned int n = 1 + (unsigned int)prng_below(&w->rng, 32), got = 0;

	for (unsigned int k = 0; k < n && i + k < NR_BLOCKS; k++) {
		struct block *b = &w->block[i + k];

		if (b->page && b->order)
			continue;
		if (b->page) {
			pages[got++] = b->page;
			disclaim(w, i + k);
		}
	}
	quire_free_pages_bulk(w->q, got, pages);
	got = (unsigned int)quire_alloc_pages_bulk(w->q, QUIRE_NODE_HERE,
						   types[prng_below(&w->rng, 3)], n, pages);
	for (unsigned int k = 0; k < NR_BLOCKS && got; k++) {
		struct block *b = &w->block[(i + k) % NR_BLOCKS];

		if (b->page)
			continue;
		*b = (struct block){pages[--got], 0};
		claim(w, (i + k) % NR_BLOCKS);
	}
	quire_free_pages_bulk(w->q, got, pages);
}

static void random_operations(unsigned int nodes, uint64_t mib, unsigned long steps, uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t before;

	print_message("seed %lu\n", seed);
	w->q = create(nodes, mib);
	w->owner = calloc(w->q->max_pfn, sizeof(*w->owner));
	prng_seed(&w->rng, seed);
	quire_drain_pages(w->q);
	before = quire_nr_free_pages(w->q, -1);
	for (unsigned long s = 0; s < steps; s++) {
		unsigned int i = (unsigned int)prng_below(&w->rng, NR_BLOCKS);

		if (prng_below(&w->rng, 20))
			step_one(w, i);
		else
			step_bulk(w, i);
		if (!prng_below(&w->rng, 3000))
			quire_drain_pages(w->q);
		if (s % (steps / 8) == 0)
			verify(w->q);
	}
	for (unsigned int i = 0; i < NR_BLOCKS; i++) {
		struct block *b = &w->block[i];
		struct page *page = b->page;
		char *at;

		if (!page)
			continue;
		at = quire_page_address(w->q, page);
		assert_ptr_equal(quire_page_of(w->q, at + (QUIRE_PAGE_SIZE << b->order) - 1), page);
		disclaim(w, i);
		quire_free_pages(w->q, page, b->order);
	}
	quire_drain_pages(w->q);
	assert_int_equal(quire_nr_free_pages(w->q, -1), before);
	verify(w->q);
	quire_host_destroy(w->q);
	free(w->owner);
	free(w);
}

static void test_random(void **state)
{
	unsigned long steps = getenv("QUIRE_LONG") ? 5000000 : HOST_TSAN ? 3000 : 50000;

	(void)state;
	random_operations(1, 256, steps, 4711);
	random_operations(1, 24, steps, 4712); /* it runs out all the time */
	random_operations(3, 16, steps, 4713);
}

/* ---- misuse -------------------------------------------------------------------- */

/* A free that must be reported so, and change nothing. */
static void misuse(struct quire *q, struct page *page, unsigned int order, const char *text)
{
	uint64_t before = quire_nr_free_pages(q, -1);
	FILE *log = tmpfile();
	char line[512];
	int was = dup(2);
	bool said = false;

	fflush(stderr);
	dup2(fileno(log), 2);
	quire_free_pages(q, page, order);
	fflush(stderr);
	dup2(was, 2);
	close(was);
	rewind(log);
	while (fgets(line, sizeof(line), log))
		said = said || strstr(line, text);
	fclose(log);
	if (!said)
		fail_msg("not in the log: %s", text);
	assert_int_equal(quire_nr_free_pages(q, -1), before);
	verify(q);
}

static void test_misuse(void **state)
{
	static const unsigned int orders[] = {0, 3, 9, 10};
	struct quire *q = create(1, 256);
	struct page *page, *kernels;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
		unsigned int order = orders[i];

		page = quire_alloc_pages(q, order, QUIRE_NODE_HERE, 0);
		assert_non_null(page);
		misuse(q, page, order + 1, "another order");
		if (order) {
			misuse(q, page, order - 1, "another order");
			misuse(q, page + 1, 0, "not a block's first page");
			misuse(q, page + (1u << (order - 1)), order - 1,
			       "not a block's first page");
		}
		quire_free_pages(q, page, order);
		misuse(q, page, order, order == 10 ? "free" : "it is free");
	}
	/* Orders whose bits are a type's. */
	page = quire_alloc_pages(q, 0, 0, QUIRE_ALLOC_MOVABLE);
	misuse(q, page, 16, "another order");
	misuse(q, page, 0x100, "another order");
	misuse(q, page, 0x80000000, "another order");
	quire_free_pages(q, page, 0);
	page = quire_alloc_pages(q, 0, 0, 0);
	misuse(q, page, 32, "another order");
	misuse(q, (struct page *)((char *)page + 8), 0, "no page of this instance");
	misuse(q, q->mem_map + q->max_pfn, 0, "no page of this instance");
	misuse(q, q->mem_map - 1, 0, "no page of this instance");
	misuse(q, NULL, 0, "no page of this instance");
	quire_free_pages(q, page, 0);
	quire_drain_pages(q);
	misuse(q, page, 0, "it is free");
	misuse(q, q->mem_map + q->max_pfn - 100000 / 4, 0, "it is free");
	kernels = alloc_pages(q, GFP_KERNEL, 0);
	assert_non_null(kernels);
	misuse(q, kernels, 0, "the kernel's");
	__free_pages(q, kernels, 0);
	assert_null(quire_alloc_pages(q, 11, QUIRE_NODE_HERE, 0));
	assert_null(quire_alloc_pages(q, FREE_ALL, QUIRE_NODE_HERE, 0));
	assert_null(quire_alloc_pages(q, 0, 1, 0));
	assert_null(quire_alloc_pages(q, 0, -2, 0));
	assert_int_equal(quire_alloc_pages_bulk(q, 7, 0, 1, &page), 0);
	verify(q);
	/* Two threads that free one page in the same instant: both find its byte. */
	page = quire_alloc_pages(q, 0, 0, 0);
	quire_free_pages(q, page, 0);
	q->frames->state[page_to_pfn(q, page)] = FRAME_USED;
	quire_free_pages(q, page, 0);
	q->page->nr_bad_shown = 0;
	quire_drain_pages(q);
	assert_int_equal(q->page->nr_bad_shown, 1);
	verify(q);
	quire_host_destroy(q);
}

/* ---- allocations that are made to fail ------------------------------------------ */

static bool fail_nth(struct quire *q, gfp_t gfp, unsigned int order, void *ctx)
{
	unsigned int *n = ctx;

	(void)q, (void)gfp, (void)order;
	return !--*n;
}

/* Each of some in turn, also of those that a list would serve. */
static void test_failing(void **state)
{
	static const unsigned int orders[] = {0, 3, 0, 9, 10, 1};
	struct quire *q = create(1, 128);
	struct page *pages[ARRAY_SIZE(orders)];

	(void)state;
	for (unsigned int nth = 0; nth <= ARRAY_SIZE(orders); nth++) {
		uint64_t before = quire_nr_free_pages(q, -1);
		unsigned int left = nth;

		set_fail_alloc(q, nth ? fail_nth : NULL, &left);
		for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++) {
			pages[i] = quire_alloc_pages(q, orders[i], 0, QUIRE_ALLOC_NOWAIT);
			assert_int_equal(pages[i] == NULL, i + 1 == nth);
		}
		set_fail_alloc(q, NULL, NULL);
		for (unsigned int i = 0; i < ARRAY_SIZE(orders); i++)
			if (pages[i])
				quire_free_pages(q, pages[i], orders[i]);
		verify(q);
		quire_drain_pages(q);
		if (nth)
			assert_true(quire_nr_free_pages(q, -1) >= before);
	}
	quire_host_destroy(q);
}

/* ---- memory that runs out ------------------------------------------------------- */

static void test_exhaustion(void **state)
{
	struct quire *q = create(1, 64);
	uint64_t total = quire_nr_total_pages(q, -1), nr = 0, before;
	struct page **pages = calloc(total, sizeof(*pages)), *lent, *block;

	(void)state;
	quire_drain_pages(q);
	before = quire_nr_free_pages(q, -1);
	while ((pages[nr] = quire_alloc_pages(q, 0, QUIRE_NODE_HERE,
					      types[nr / 1000 % 3] | QUIRE_ALLOC_NOWAIT)))
		nr++;
	assert_true(nr > before * 9 / 10);
	assert_true(q->frames->node[0]->nr_maps > 20);
	verify(q);
	/* What was freed at random serves the kernel when the buddy has nothing. */
	while ((block = alloc_pages(q, GFP_ATOMIC | __GFP_NOWARN, 0)) != NULL &&
	       !q->frames->node[0]->nr_lent)
		pages[nr++] = block;
	if (block) {
		assert_true(frames_own(q, page_to_pfn(q, block)));
		__free_pages(q, block, 0);
	}
	assert_int_equal(q->frames->node[0]->nr_lent, 0);
	for (unsigned int i = 0; i < 64; i++) {
		quire_free_pages(q, pages[i], 0);
		pages[i] = NULL;
	}
	quire_drain_pages(q);
	lent = frames_lend(q, 2, 0, MIGRATE_UNMOVABLE);
	assert_non_null(lent);
	assert_int_equal(q->frames->node[0]->nr_lent, 4);
	verify(q);
	/* Taken apart and given back page by page. */
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(frames_return(q, lent + (i ^ 1), 0));
		verify(q);
	}
	assert_int_equal(q->frames->node[0]->nr_lent, 0);
	for (uint64_t i = 0; i < nr; i++) {
		u8 byte = pages[i] ? q->frames->state[page_to_pfn(q, pages[i])] : 0;

		if (!pages[i])
			continue;
		if (byte)
			quire_free_pages(q, pages[i], 0);
		else
			__free_pages(q, pages[i], 0);
	}
	quire_drain_pages(q);
	assert_int_equal(quire_nr_free_pages(q, -1), before);
	verify(q);
	/* A request that another type's pageblock must serve. */
	for (nr = 0; (pages[nr] = quire_alloc_pages(q, 9, 0, QUIRE_ALLOC_NOWAIT)) != NULL;)
		nr++;
	assert_true(nr > 10);
	quire_free_pages(q, pages[--nr], 9);
	block = quire_alloc_pages(q, 0, 0, QUIRE_ALLOC_MOVABLE | QUIRE_ALLOC_NOWAIT);
	assert_non_null(block);
	quire_free_pages(q, block, 0);
	while (nr)
		quire_free_pages(q, pages[--nr], 9);
	quire_drain_pages(q);
	assert_int_equal(quire_nr_free_pages(q, -1), before);
	verify(q);
	free(pages);
	quire_host_destroy(q);
}

/* ---- counts, fork, threads --------------------------------------------------------- */

/* Has a frame's descriptor ever been written to? */
static bool written(struct quire *q, uint64_t pfn)
{
	static const struct page zero;

	return memcmp(pfn_to_page(q, pfn), &zero, sizeof(zero)) != 0;
}

/*
 * Embedders' pages come and go, and of their descriptors only the first of each
 * pageblock is written; the kernel's have theirs, of pageblocks that were
 * embedders' before and of those that lend.
 */
static void test_descriptors(void **state)
{
	static struct page *pages[60000];
	struct quire *q = create(1, 512);
	struct page *huge, *kernels = NULL;
	unsigned int n = 0, touched = 0;

	(void)state;
	while (n < 60000 && (pages[n] = quire_alloc_pages(q, 0, 0, QUIRE_ALLOC_MOVABLE)) != NULL)
		n++;
	assert_int_equal(n, 60000);
	huge = quire_alloc_pages(q, 9, 0, 0);
	assert_non_null(huge);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(quire_page_node(pages[i]), 0);
		touched += written(q, page_to_pfn(q, pages[i]));
	}
	for (unsigned int i = 1; i < 512; i++)
		assert_false(written(q, page_to_pfn(q, huge) + i));
	/* Some pageblocks had kernel's pages before, at boot. */
	assert_true(touched < n / 512 + 1 + 2048);
	quire_free_pages(q, huge, 9);
	for (unsigned int i = 0; i < n; i++)
		quire_free_pages(q, pages[i], 0);
	verify(q);
	quire_drain_pages(q);
	verify(q);
	/* Now the kernel takes it all, and gives it back. */
	for (struct page *page; (page = alloc_pages_node(q, 0, GFP_NOWAIT | __GFP_NOWARN, 3));) {
		for (unsigned int i = 0; i < 8; i++)
			assert_true(written(q, page_to_pfn(q, page) + i));
		page->private = (unsigned long)kernels;
		kernels = page;
	}
	verify(q);
	while (kernels) {
		struct page *next = (struct page *)kernels->private;

		kernels->private = 0;
		__free_pages(q, kernels, 3);
		kernels = next;
	}
	verify(q);
	quire_host_destroy(q);
}

static void test_counts(void **state)
{
	struct quire *q = create(2, 256);
	unsigned long alloc, freed, hits, local, other;
	struct zone *zone = &NODE_DATA(q, 0)->node_zones[ZONE_NORMAL];
	struct page *page[600], *p;

	(void)state;
	quire_host_quiesce(q);
	assert_int_equal(quire_host_set_cpu(q, 0), 0);
	alloc = global_vm_event(q, PGALLOC_NORMAL);
	freed = global_vm_event(q, PGFREE);
	hits = zone_numa_event(q, zone, NUMA_HIT);
	local = zone_numa_event(q, zone, NUMA_LOCAL);
	for (unsigned int i = 0; i < 600; i++)
		page[i] = quire_alloc_pages(q, i % 2 ? 0 : 2, QUIRE_NODE_HERE, 0);
	assert_int_equal(global_vm_event(q, PGALLOC_NORMAL) - alloc, 300 * 5);
	assert_int_equal(zone_numa_event(q, zone, NUMA_HIT) - hits, 600);
	assert_int_equal(zone_numa_event(q, zone, NUMA_LOCAL) - local, 600);
	for (unsigned int i = 0; i < 600; i++) {
		assert_int_equal(quire_page_node(page[i]), 0);
		quire_free_pages(q, page[i], i % 2 ? 0 : 2);
	}
	assert_int_equal(global_vm_event(q, PGFREE) - freed, 300 * 5);
	assert_int_equal(quire_alloc_pages_bulk(q, 0, QUIRE_ALLOC_ZERO, 600, page), 600);
	quire_free_pages_bulk(q, 600, page);
	assert_int_equal(global_vm_event(q, PGALLOC_NORMAL) - alloc, 300 * 5 + 600);
	assert_int_equal(global_vm_event(q, PGFREE) - freed, 300 * 5 + 600);
	other = zone_numa_event(q, &NODE_DATA(q, 1)->node_zones[ZONE_NORMAL], NUMA_OTHER);
	p = quire_alloc_pages(q, 0, 1, 0);
	assert_int_equal(quire_page_node(p), 1);
	assert_int_equal(zone_numa_event(q, &NODE_DATA(q, 1)->node_zones[ZONE_NORMAL], NUMA_OTHER) -
				 other,
			 1);
	quire_free_pages(q, p, 0);
	/* Bytes are 0 when that is asked for, whoever had them before. */
	p = quire_alloc_pages(q, 1, 0, 0);
	memset(quire_page_address(q, p), 0xee, 2 * QUIRE_PAGE_SIZE);
	quire_free_pages(q, p, 1);
	p = quire_alloc_pages(q, 1, 0, QUIRE_ALLOC_ZERO);
	for (unsigned int i = 0; i < 2 * QUIRE_PAGE_SIZE; i++)
		assert_int_equal(((char *)quire_page_address(q, p))[i], 0);
	quire_free_pages(q, p, 1);
	assert_true(quire_nr_free_blocks(q, -1, 9) > 0);
	assert_int_equal(quire_nr_free_blocks(q, -1, 11), 0);
	verify(q);
	quire_host_destroy(q);
}

static void test_fork(void **state)
{
	struct quire *q = create(1, 128);
	struct page *page = quire_alloc_pages(q, 0, QUIRE_NODE_HERE, 0);
	int status = -1;
	pid_t child;

	(void)state;
	strcpy(quire_page_address(q, page), "parent");
	child = fork();
	if (!child) {
		struct page *mine = quire_alloc_pages(q, 0, QUIRE_NODE_HERE, 0);
		bool ok = mine && mine != page && !strcmp(quire_page_address(q, page), "parent");

		strcpy(quire_page_address(q, page), "child");
		quire_free_pages(q, page, 0);
		quire_drain_pages(q);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_string_equal(quire_page_address(q, page), "parent");
	quire_free_pages(q, page, 0);
	verify(q);
	quire_host_destroy(q);
}

#define NR_THREADS 4
#define RING	   256

struct ring {
	struct quire *q;
	struct page *slot[RING]; /* exchanged one by one */
	unsigned int number;
};

/* Allocates, leaves it for others and frees what others left, moving about. */
static void *exchange(void *arg)
{
	static unsigned int numbers;
	struct ring *r = arg;
	struct prng rng;

	prng_seed(&rng, __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED));
	for (unsigned int i = 0; i < 20000; i++) {
		struct page *page =
			quire_alloc_pages(r->q, 0, QUIRE_NODE_HERE, types[prng_below(&rng, 3)]);
		cpu_set_t one;

		if (page)
			*(uint64_t *)quire_page_address(r->q, page) = i;
		page = __atomic_exchange_n(&r->slot[prng_below(&rng, RING)], page,
					   __ATOMIC_ACQ_REL);
		if (page) {
			*(uint64_t *)quire_page_address(r->q, page) += 1;
			quire_free_pages(r->q, page, 0);
		}
		if (!prng_below(&rng, 1000)) {
			CPU_ZERO(&one);
			CPU_SET(prng_below(&rng, 2), &one);
			(void)sched_setaffinity(0, sizeof(one), &one);
		}
		if (!prng_below(&rng, 4000))
			quire_drain_pages(r->q);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct ring r = {.q = create(1, 128)};
	pthread_t thread[NR_THREADS];

	(void)state;
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, exchange, &r), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		pthread_join(thread[i], NULL);
	verify(r.q);
	for (unsigned int i = 0; i < RING; i++)
		if (r.slot[i])
			quire_free_pages(r.q, r.slot[i], 0);
	quire_drain_pages(r.q);
	verify(r.q);
	quire_host_destroy(r.q);
}

/* ---- invariants --------------------------------------------------------------------- */

#define BREAK(q, lvalue, value, text)              \
	do {                                       \
		__typeof__(lvalue) __was = lvalue; \
		lvalue = value;                    \
		verify_reports(q, text);           \
		lvalue = __was;                    \
		verify(q);                         \
	} while (0)

/* The list of the calling thread's slot that has something. */
static struct percpu_list *some_list(struct quire *q, unsigned int kind)
{
	u32 off = frame_list(q->frames, 0, kind)->off;

	for (u32 slot = 0; slot < hot_percpu_slots(q->hot); slot++)
		if (percpu_count(hot_percpu_word(q->hot, slot, off)))
			return percpu_list(q->hot->percpu.regions + (size_t)slot * PERCPU_REGION,
					   off);
	fail();
	return NULL;
}

static void test_invariants(void **state)
{
	struct quire *q = create(1, 512);
	struct frame_node *node = q->frames->node[0];
	struct page *page = quire_alloc_pages(q, 3, QUIRE_NODE_HERE, 0);
	u64 pfn = page_to_pfn(q, page);
	struct pageblock_map *map = &q->frames->map[pfn / PBMAP_PAGES];
	u8 *byte = &q->frames->state[pfn];
	struct percpu_list *list = some_list(q, FRAME_KIND(0, 3));
	u32 first = list->u32[0];

	(void)state;
	verify(q);
	BREAK(q, *byte, FRAME_USED | 10, "in use has order 10");
	BREAK(q, byte[1], FRAME_USED, "in use is free or another's");
	BREAK(q, *byte, FRAME_BUDDY | 3, "in a map is the buddy's");
	BREAK(q, *byte, 0, "frames without owner");
	BREAK(q, *byte, FRAME_LENT | 3, "lent; it has");
	BREAK(q, q->frames->state[(pfn | 511) - 1], FRAME_USED, "is free and in use");
	BREAK(q, map->nr_free, 1, "counts 1 free");
	BREAK(q, map->type, 7, "is of type 7 or nobody's");
	BREAK(q, map->prev, 3, "is on the list of type 0, order");
	BREAK(q, node->tail[0][(int)map->largest], 1, "ends elsewhere");
	BREAK(q, node->nonempty[0], 0, "orders of type 0 are");
	BREAK(q, node->nr_whole[1], 9, "counts 9 whole pageblocks of type 1");
	BREAK(q, node->head[0][(int)map->largest], 0, "pageblocks have free pages");
	BREAK(q, list->u32[0], (u32)pfn, "and elsewhere");
	BREAK(q, frame_list(q->frames, 0, FRAME_KIND(0, 3))->cap, 1, "blocks, room for 1");
	BREAK(q, list->word, list->word - 1, "frames without owner");
	BREAK(q, node->nr_free, 3, "counts");
	assert_int_equal(list->u32[0], first);
	quire_free_pages(q, page, 3);
	verify(q);
	quire_host_destroy(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_misuse),	   cmocka_unit_test(test_invariants),
		cmocka_unit_test(test_counts),	   cmocka_unit_test(test_fork),
		cmocka_unit_test(test_exhaustion), cmocka_unit_test(test_random),
		cmocka_unit_test(test_threads),	   cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_failing),
	};
	const struct CMUnitTest races[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_threads),
	};
	int failed = 0;

	for (unsigned int i = 0; i < 2; i++) {
		host_without_rseq = i == 1;
		/* tsan is here for what threads do to each other. */
		failed += HOST_TSAN ? cmocka_run_group_tests(races, NULL, NULL)
				    : cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
