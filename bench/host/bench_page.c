/* SPDX-License-Identifier: MIT */
/*
 * Pages on the host port beside the floor: what a thread pays for a stack of frame
 * numbers of its own, last in, first out, of one size, without any ownership.  No
 * allocator that checks anything can be cheaper.
 *
 * All figures are CPU time, of the thread that works, pinned; rounds of floor and
 * case alternate, and medians are reported in ns: for an allocation with its free
 * (pair), for one of the two (bulk, random free), for a step that is either (mixed).
 *
 *	bench_page [rounds [part of a case's name]]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <quire/host.h>
#include <quire/page.h>
#include "bench/bench.h"
#include "base/printk.h"
#include "node/memblock.h"
#include "page/frames.h"
#include "port/host/internal.h"

#define MAX_ROUNDS 101
#define PAIRS	   1000000u
#define MILLION	   1000000u
#define GIB	   (1UL << 30)

static unsigned int rounds = 11;
static const char *only = ""; /* cases whose names have it */
static struct quire *q;
static struct page **pages;
static uint32_t *shuffled, *numbers;
static uint64_t rng = 88172645463325252UL;

static uint64_t random64(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	return rng ^= rng << 17;
}

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void pin(unsigned int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

static struct quire *create(uint64_t bytes)
{
	static struct quire_config cfg = {.nr_nodes = 1};
	struct quire *made;

	cfg.node[0].size_bytes = bytes;
	cfg.node[0].nr_cpus = 4;
	made = quire_host_create(&cfg, 0, NULL);
	if (!made) {
		fprintf(stderr, "bench_page: no instance\n");
		exit(1);
	}
	return made;
}

static void *need(void *p)
{
	if (!p) {
		fprintf(stderr, "bench_page: no memory\n");
		exit(1);
	}
	return p;
}

/* ---- the floor --------------------------------------------------------------- */

static __thread struct {
	uint32_t *slot, count, room;
} stack;

static __attribute__((noinline)) uint32_t floor_alloc(void)
{
	return stack.count ? stack.slot[--stack.count] : UINT32_MAX;
}

static __attribute__((noinline)) void floor_free(uint32_t number)
{
	if (stack.count < stack.room)
		stack.slot[stack.count++] = number;
}

static void floor_init(uint32_t room)
{
	stack.slot = need(malloc(room * sizeof(uint32_t)));
	stack.room = room;
	stack.count = 0;
	for (uint32_t i = 0; i < room; i++)
		floor_free(room - 1 - i);
}

static double floor_pair(void)
{
	double start = cpu_ns();

	for (unsigned int i = 0; i < PAIRS; i++)
		floor_free(floor_alloc());
	return (cpu_ns() - start) / PAIRS;
}

static double floor_bulk_alloc(void)
{
	double start = cpu_ns();

	for (unsigned int i = 0; i < MILLION; i++)
		numbers[i] = floor_alloc();
	return (cpu_ns() - start) / MILLION;
}

static double floor_bulk_free(void)
{
	double start = cpu_ns();

	for (unsigned int i = 0; i < MILLION; i++)
		floor_free(numbers[i]);
	return (cpu_ns() - start) / MILLION;
}

/* ---- pairs ------------------------------------------------------------------- */

static double pair(unsigned int order)
{
	double start = cpu_ns();

	for (unsigned int i = 0; i < PAIRS; i++)
		quire_free_pages(q, need(quire_alloc_pages(q, order, QUIRE_NODE_HERE, 0)), order);
	return (cpu_ns() - start) / PAIRS;
}

static double pair0(void)
{
	return pair(0);
}

static double pair3(void)
{
	return pair(3);
}

static double pair9(void)
{
	return pair(9);
}

static pthread_barrier_t barrier;

struct two {
	double (*pairs)(void);
	double there;
};

static void *pairs_there(void *arg)
{
	struct two *two = arg;

	pin(1);
	floor_init(16);
	two->pairs();
	pthread_barrier_wait(&barrier);
	two->there = two->pairs();
	free(stack.slot);
	return NULL;
}

/* Two at once, each on a CPU of its own: the slower one's. */
static double both(double (*pairs)(void))
{
	struct two two = {.pairs = pairs};
	pthread_t thread;
	double here;

	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, pairs_there, &two))
		exit(1);
	pthread_barrier_wait(&barrier);
	here = pairs();
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	return here > two.there ? here : two.there;
}

static double pair_two(void)
{
	return both(pair0);
}

static double floor_two(void)
{
	return both(floor_pair);
}

/* ---- a million --------------------------------------------------------------- */

static double bulk_alloc(void)
{
	double start = cpu_ns();

	for (unsigned int i = 0; i < MILLION; i++)
		pages[i] = need(quire_alloc_pages(q, 0, QUIRE_NODE_HERE, QUIRE_ALLOC_MOVABLE));
	return (cpu_ns() - start) / MILLION;
}

static double bulk_free(void)
{
	double start = cpu_ns();

	for (unsigned int i = 0; i < MILLION; i++)
		quire_free_pages(q, pages[i], 0);
	return (cpu_ns() - start) / MILLION;
}

static double bulk_call(void)
{
	double start = cpu_ns();

	for (size_t i = 0; i < MILLION; i += 1000)
		if (quire_alloc_pages_bulk(q, QUIRE_NODE_HERE, QUIRE_ALLOC_MOVABLE, 1000,
					   pages + i) != 1000)
			exit(1);
	return (cpu_ns() - start) / MILLION;
}

static double bulk_free_call(void)
{
	double start = cpu_ns();

	quire_free_pages_bulk(q, MILLION, pages);
	return (cpu_ns() - start) / MILLION;
}

#define HANDED 100000u

static void *free_there(void *result)
{
	uintptr_t sum = 0;
	double start;

	pin(1);
	/* Their names come over first: how is not the allocator's business. */
	for (unsigned int i = 0; i < HANDED; i++)
		sum += (uintptr_t)pages[i];
	start = cpu_ns() + (sum == 1);
	for (unsigned int i = 0; i < HANDED; i++)
		quire_free_pages(q, pages[i], 0);
	*(double *)result = (cpu_ns() - start) / HANDED;
	return NULL;
}

/* Allocated on this CPU, freed on another: both together. */
static double handed_over(void)
{
	double here, there = 0, start = cpu_ns();
	pthread_t thread;

	for (unsigned int i = 0; i < HANDED; i++)
		pages[i] = need(quire_alloc_pages(q, 0, QUIRE_NODE_HERE, 0));
	here = (cpu_ns() - start) / HANDED;
	if (pthread_create(&thread, NULL, free_there, &there))
		exit(1);
	pthread_join(thread, NULL);
	return here + there;
}

/* ---- mixed ------------------------------------------------------------------- */

/* Per cent of free memory that lies in free blocks of 2 MiB. */
static double in_huge_blocks(void)
{
	double free_pages, huge;

	quire_drain_pages(q);
	free_pages = (double)quire_nr_free_pages(q, -1);
	huge = (double)quire_nr_free_blocks(q, -1, 9);
	return free_pages ? 100 * huge * 512 / free_pages : 0;
}

struct slot {
	struct page *page;
	uint32_t order, type;
};

static const unsigned int types[3] = {0, QUIRE_ALLOC_MOVABLE, QUIRE_ALLOC_RECLAIMABLE};

/* Sizes as programs have them: mostly single pages, some larger, few huge. */
static unsigned int random_order(void)
{
	unsigned int r = (unsigned int)(random64() >> 32) % 1000;

	return r < 800 ? 0 : r < 900 ? 1 : r < 960 ? 2 : r < 999 ? 3 : 9;
}

/*
 * Memory is filled to 90 %, then blocks are freed and others allocated at random,
 * as many of the one as of the other.  ns a step; *failed: requests that got nothing.
 */
static double mixed(unsigned int steps, unsigned long *failed, double *huge)
{
	uint64_t total = quire_nr_total_pages(q, -1), used = 0, high = total / 10 * 9;
	struct slot *slots = need(calloc(total, sizeof(*slots)));
	unsigned int *which = need(malloc(steps * sizeof(*which))),
		     *sizes = need(malloc(steps * 4));
	uint64_t nr = 0;
	double start, ns;

	*failed = 0;
	while (used < high) {
		struct slot *s = &slots[nr];

		s->order = random_order();
		s->type = (uint32_t)(random64() >> 33) % 3;
		s->page = quire_alloc_pages(q, s->order, QUIRE_NODE_HERE, types[s->type]);
		if (!s->page)
			break;
		used += 1UL << s->order;
		nr++;
	}
	for (unsigned int i = 0; i < steps; i++) {
		which[i] = (unsigned int)(random64() % nr);
		sizes[i] = random_order();
	}
	start = cpu_ns();
	for (unsigned int i = 0; i < steps; i++) {
		struct slot *s = &slots[which[i]];

		if (i + 8 < steps)
			__builtin_prefetch(&slots[which[i + 8]]);
		if (s->page) {
			quire_free_pages(q, s->page, s->order);
			used -= 1UL << s->order;
			s->page = NULL;
		}
		/* One of another size, as long as there is room below the mark. */
		if (used + (1UL << sizes[i]) > high)
			continue;
		s->order = sizes[i];
		s->page = quire_alloc_pages(q, s->order, QUIRE_NODE_HERE, types[s->type]);
		if (s->page)
			used += 1UL << s->order;
		else
			++*failed;
	}
	ns = (cpu_ns() - start) / steps;
	*huge = in_huge_blocks();
	for (uint64_t i = 0; i < nr; i++)
		if (slots[i].page)
			quire_free_pages(q, slots[i].page, slots[i].order);
	free(slots);
	free(which);
	free(sizes);
	return ns;
}

/*
 * Long-lived blocks that can't be moved among short-lived ones: memory is filled with
 * three of the latter to one of the former, in between, and then half of the
 * short-lived go, so that three quarters or less are in use.  With kinds each says
 * what it is, without all say the same.
 */
static double long_lived(bool with_types)
{
	uint64_t total = quire_nr_total_pages(q, -1), nr = 0, used = 0;
	struct slot *slots = need(calloc(total, sizeof(*slots)));
	double huge;

	while (used < total / 100 * 97) {
		struct slot *s = &slots[nr];

		s->type = nr % 4 != 0;
		s->page = quire_alloc_pages(q, 0, QUIRE_NODE_HERE,
					    with_types ? types[s->type] : QUIRE_ALLOC_MOVABLE);
		if (!s->page)
			break;
		used++;
		nr++;
	}
	/* Short-lived ones go in stretches, as their owners end. */
	for (uint64_t i = 0; i < nr && used > total / 100 * 75; i++) {
		if (!slots[i].type)
			continue;
		quire_free_pages(q, slots[i].page, 0);
		slots[i].page = NULL;
		used--;
	}
	huge = in_huge_blocks();
	for (uint64_t i = 0; i < nr; i++)
		if (slots[i].page)
			quire_free_pages(q, slots[i].page, 0);
	free(slots);
	return huge;
}

/* ---- boot -------------------------------------------------------------------- */

static void *reserve(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return need(mem == MAP_FAILED ? NULL : mem);
}

static void quiet(void *ctx, int level, uint64_t time_ns, const char *text, size_t len)
{
	(void)ctx, (void)level, (void)time_ns, (void)text, (void)len;
}

static void wake_nobody(void *ctx, struct quire_wait_queue *wq)
{
	(void)ctx, (void)wq;
}

static uint64_t no_clock(void *ctx)
{
	(void)ctx;
	return 0;
}

static __attribute__((noreturn)) void port_panic(void *ctx, const char *message)
{
	(void)ctx;
	fprintf(stderr, "panic: %s\n", message);
	abort();
}

/* The lower floors alone, from a configuration to the first page. */
static void boot_frames(struct quire *b, struct quire_hot *hot, const struct quire_config *cfg)
{
	static const struct quire_port_ops ops = {
		.clock = no_clock, .wake = wake_nobody, .log = quiet, .panic = port_panic};
	static struct quire_context context;
	uint64_t max_pfn;
	void *log;

	if (quire_memory_needed(cfg, &max_pfn))
		exit(1);
	hot->physmap = reserve(max_pfn << PAGE_SHIFT);
	*b = (struct quire){.hot = hot,
			    .mem_map = reserve(max_pfn * sizeof(struct page)),
			    .physmap = hot->physmap,
			    .max_pfn = max_pfn,
			    .port = &ops,
			    .nr_nodes = 1,
			    .nr_cpus = 2,
			    .cfg = *cfg};
	b->cfg.version = "bench";
	b->keys = KEY_SLOW_FRAMES;
	b->cfg.memory.frames = reserve(quire_frames_needed(max_pfn));
	quire_host_last = (struct quire_host_last){.id = hot->id, .context = &context};
	if (node_init(b))
		exit(1);
	log = memblock_alloc(b, printk_ring_size(1 << 12), PAGE_SIZE, 0);
	printk_init(b, log, printk_ring_size(1 << 12));
	if (page_init_early(b))
		exit(1);
	memblock_free_all(b);
	if (frames_init(b))
		exit(1);
	(void)need(quire_alloc_pages(b, 0, 0, 0));
}

/* ms of CPU time for that. */
static double frames_ready_ms(uint64_t bytes)
{
	static struct quire_config cfg = {.nr_nodes = 1};
	struct quire_hot hot = {.id = UINT64_MAX};
	struct quire *b = need(calloc(1, quire_sizeof()));
	double start, ms;

	cfg.node[0].size_bytes = bytes;
	cfg.node[0].start_bytes = 4 * GIB;
	cfg.node[0].nr_cpus = 2;
	start = cpu_ns();
	boot_frames(b, &hot, &cfg);
	ms = (cpu_ns() - start) / 1e6;
	munmap(hot.physmap, b->max_pfn << PAGE_SHIFT);
	munmap(b->mem_map, b->max_pfn * sizeof(struct page));
	munmap(b->cfg.memory.frames, quire_frames_needed(b->max_pfn));
	free(b);
	quire_host_last = (struct quire_host_last){0};
	return ms;
}

/* ms of CPU time until an instance of so many bytes, with all its floors and
 * threads, hands out its first page. */
static double instance_ready_ms(uint64_t bytes)
{
	double start = cpu_ns(), ms;
	struct quire *was = q;

	q = create(bytes);
	(void)need(quire_alloc_pages(q, 0, QUIRE_NODE_HERE, 0));
	ms = (cpu_ns() - start) / 1e6;
	quire_host_destroy(q);
	q = was;
	return ms;
}

/* ---- the table --------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, rounds, sizeof(*values), compare);
	return values[rounds / 2];
}

/* Both in turn, so often; afterwards undoes each time what measure did. */
static void beside_floor(const char *name, double (*measure)(void), double (*undo)(void),
			 double (*beside)(void), double (*beside_undo)(void), double goal,
			 double ratio_goal)
{
	double ns[MAX_ROUNDS], low[MAX_ROUNDS];

	if (!strstr(name, only))
		return;
	for (unsigned int i = 0; i < rounds; i++) {
		low[i] = beside();
		if (beside_undo)
			beside_undo();
		ns[i] = measure();
		if (undo)
			undo();
	}
	bench_report_ratio(name, median(ns), "ns", "stack of numbers", median(low), goal, 0,
			   ratio_goal);
}

static double bulk_free_alone(void)
{
	bulk_alloc();
	return bulk_free();
}

/* A million are allocated, their names put in another order, and freed. */
static double random_free_alone(void)
{
	bulk_alloc();
	for (unsigned int i = MILLION; i-- > 1;) {
		struct page *page = pages[i];

		pages[i] = pages[shuffled[i]];
		pages[shuffled[i]] = page;
	}
	return bulk_free();
}

static double floor_random_alone(void)
{
	floor_bulk_alloc();
	for (unsigned int i = MILLION; i-- > 1;) {
		uint32_t number = numbers[i];

		numbers[i] = numbers[shuffled[i]];
		numbers[shuffled[i]] = number;
	}
	return floor_bulk_free();
}

static double floor_alloc_half(void)
{
	double ns = floor_bulk_alloc();

	for (unsigned int i = MILLION; i-- > 0;)
		floor_free(numbers[i]);
	return ns;
}

/* Beside Linux's buddy allocator with its per-CPU lists, which is what the kernel's
 * own pages come from: the same steps without frames. */
static void report_mixed(void)
{
	double ns[MAX_ROUNDS], huge[MAX_ROUNDS], buddy_ns[MAX_ROUNDS], buddy_huge[MAX_ROUNDS];
	struct frame_floor *frames = q->frames;
	unsigned long failed = 0, one;

	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t seed = rng;

		q->frames = NULL;
		q->keys |= KEY_SLOW_FRAMES;
		buddy_ns[i] = mixed(MILLION, &one, &buddy_huge[i]);
		q->frames = frames;
		q->keys &= ~KEY_SLOW_FRAMES;
		rng = seed;
		ns[i] = mixed(MILLION, &one, &huge[i]);
		failed += one;
	}
	bench_report("page: mixed, 90 % full, a free and an alloc", median(ns), "ns",
		     "Linux's buddy", median(buddy_ns), 60, 0);
	bench_report("page: mixed: requests that failed", (double)failed, "", NULL, 0, 0, 0);
	bench_report("page: mixed: fallbacks to another type",
		     (double)frames->node[0]->nr_fallbacks, "", NULL, 0, 0, 0);
	bench_report("page: mixed: free memory in 2 MB blocks", median(huge), "%", "Linux's buddy",
		     median(buddy_huge), 96, 1);
}

static void report_ready(const char *name, double (*ready)(uint64_t), uint64_t gib, double goal)
{
	double ms[MAX_ROUNDS];

	if (!strstr(name, only))
		return;
	for (unsigned int i = 0; i < rounds; i++)
		ms[i] = ready(gib * GIB);
	bench_report(name, median(ms), "ms", NULL, 0, goal, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rounds = (unsigned int)atoi(argv[1]);
	if (argc > 2)
		only = argv[2];
	if (rounds < 1 || rounds > MAX_ROUNDS)
		rounds = 11;
	pin(0);
	pages = need(malloc(MILLION * sizeof(*pages)));
	shuffled = need(malloc(MILLION * sizeof(*shuffled)));
	numbers = need(malloc(MILLION * sizeof(*numbers)));
	for (uint32_t i = 0; i < MILLION; i++)
		shuffled[i] = (uint32_t)(random64() % (i + 1));
	floor_init(MILLION);
	q = create(6 * GIB);
	bulk_alloc();
	bulk_free();
	beside_floor("page: pair, order 0", pair0, NULL, floor_pair, NULL, 8, 1.6);
	beside_floor("page: pair, order 3", pair3, NULL, floor_pair, NULL, 8, 1.6);
	beside_floor("page: pair, order 9", pair9, NULL, floor_pair, NULL, 12, 2.4);
	beside_floor("page: pair, order 0, two threads", pair_two, NULL, floor_two, NULL, 10, 0);
	beside_floor("page: a million allocated", bulk_alloc, bulk_free, floor_alloc_half, NULL, 10,
		     0);
	beside_floor("page: a million allocated, 1000 a call", bulk_call, bulk_free_call,
		     floor_alloc_half, NULL, 4, 0);
	beside_floor("page: a million freed in order", bulk_free_alone, NULL, floor_alloc_half,
		     NULL, 0, 0);
	beside_floor("page: a million freed at random", random_free_alone, NULL, floor_random_alone,
		     NULL, 25, 0);
	beside_floor("page: allocated here, freed there", handed_over, NULL, floor_pair, NULL, 15,
		     0);
	quire_host_destroy(q);
	/* As on a system whose libc registers no restartable sequences. */
	host_without_rseq = true;
	q = create(6 * GIB);
	beside_floor("page: pair, order 0, lists of threads", pair0, NULL, floor_pair, NULL, 0, 0);
	host_without_rseq = false;
	quire_host_destroy(q);
	q = create(8 * GIB);
	if (!*only || strstr("page: mixed", only))
		report_mixed();
	if (!*only || strstr("page: 75 % full", only))
		bench_report("page: 75 % full: free memory in 2 MB blocks", long_lived(true), "%",
			     "without types", long_lived(false), 95, 1);
	quire_host_destroy(q);
	report_ready("page: 16 GiB of frames ready", frames_ready_ms, 16, 0.1);
	report_ready("page: 128 GiB of frames ready", frames_ready_ms, 128, 1);
	report_ready("page: 2 TiB of frames ready", frames_ready_ms, 2048, 10);
	report_ready("page: an instance of 128 GiB ready", instance_ready_ms, 128, 0);
	return 0;
}
