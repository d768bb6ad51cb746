/* SPDX-License-Identifier: MIT */
/*
 * The slab beside glibc's malloc, in one run: alloc and free of one object, of
 * 256 in the order of allocation, and of 256 in another order.  Rounds of the
 * two alternate; medians of ns for one alloc with its free, one JSON line a
 * case.  The lower floors are booted on the host's memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/printk.h"
#include "node/memblock.h"
#include "slab/slab.h"

#define ROUNDS	21
#define OBJECTS 256
#define TIMES	(1u << 20)

static uint64_t now_ns(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void port_wake(void *ctx, struct quire_wait_queue *wq)
{
	(void)ctx;
	(void)wq;
}

static void port_log(void *ctx, int level, uint64_t time_ns, const char *text, size_t len)
{
	(void)ctx;
	(void)time_ns;
	if (level <= KERN_ERR)
		fprintf(stderr, "%.*s\n", (int)len, text);
}

static __attribute__((noreturn)) void port_panic(void *ctx, const char *message)
{
	(void)ctx;
	fprintf(stderr, "panic: %s\n", message);
	abort();
}

static const struct quire_port_ops ops = {
	.clock = now_ns, .wake = port_wake, .log = port_log, .panic = port_panic};

static void die(const char *what)
{
	fprintf(stderr, "bench_slab: %s\n", what);
	exit(1);
}

static void *reserve(size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED)
		die("no address space");
	return mem;
}

static struct quire *boot(void)
{
	static struct quire q;
	static struct quire_context context;
	static struct quire_hot hot;
	struct quire_config cfg = {
		.nr_nodes = 1,
		.node = {{.size_bytes = 512UL << 20, .nr_cpus = 2}},
		.port = &ops,
		.hot = &hot,
	};
	size_t log_bytes = printk_ring_size(1 << 16);
	void *log;

	if (quire_memory_needed(&cfg, &cfg.memory.max_pfn))
		die("bad configuration");
	/* The one thread works without the host port's instance. */
	quire_host_last = (struct quire_host_last){hot.id, &context};
	hot.physmap = reserve(cfg.memory.max_pfn << PAGE_SHIFT);
	q = (struct quire){.hot = &hot,
			   .mem_map = reserve(cfg.memory.max_pfn * sizeof(struct page)),
			   .physmap = hot.physmap,
			   .max_pfn = cfg.memory.max_pfn,
			   .port = &ops,
			   .nr_nodes = 1,
			   .nr_cpus = 2,
			   .cfg = cfg};
	q.cfg.version = "bench";
	if (node_init(&q))
		die("node_init");
	log = memblock_alloc(&q, log_bytes, PAGE_SIZE, 0);
	printk_init(&q, log, log_bytes);
	if (page_init_early(&q))
		die("page_init_early");
	memblock_free_all(&q);
	if (slab_init(&q))
		die("slab_init");
	return &q;
}

struct way {
	struct quire *q;
	struct kmem_cache *s; /* NULL: malloc */
	size_t size;
};

/* Behind a pointer for both, so that neither is inlined or left out. */
static void *get(const struct way *w)
{
	return w->s ? kmem_cache_alloc(w->q, w->s, GFP_KERNEL) : malloc(w->size);
}

static void put(const struct way *w, void *object)
{
	if (w->s)
		kmem_cache_free(w->q, w->s, object);
	else
		free(object);
}

/* ns for an alloc with its free: kind 0 one at a time, 1 in order, 2 not. */
static double run(const struct way *w, unsigned int kind)
{
	static void *volatile objects[OBJECTS];
	uint64_t start = now_ns(NULL);

	if (kind == 0) {
		for (unsigned int i = 0; i < TIMES; i++) {
			objects[0] = get(w);
			put(w, objects[0]);
		}
		return (double)(now_ns(NULL) - start) / TIMES;
	}
	for (unsigned int i = 0; i < TIMES / OBJECTS; i++) {
		for (unsigned int o = 0; o < OBJECTS; o++)
			objects[o] = get(w);
		for (unsigned int o = 0; o < OBJECTS; o++)
			put(w, objects[kind == 1 ? o : o * 77 % OBJECTS]);
	}
	return (double)(now_ns(NULL) - start) / TIMES;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

int main(void)
{
	static const unsigned int sizes[] = {64, 192, 1024};
	static const char *const kinds[] = {"one", "256 in order", "256 shuffled"};
	const double goal = 1.0;
	struct quire *q = boot();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (unsigned int kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
			char name[32];
			double ours[ROUNDS], theirs[ROUNDS], a, b;
			struct way slab = {.q = q}, libc = {.size = sizes[i]};

			snprintf(name, sizeof(name), "bench-%u-%u", sizes[i], kind);
			slab.s = kmem_cache_create(q, name, sizes[i], 0, 0, NULL);
			if (!slab.s)
				die("kmem_cache_create");
			for (unsigned int r = 0; r < ROUNDS; r++) {
				ours[r] = run(&slab, kind);
				theirs[r] = run(&libc, kind);
			}
			a = median(ours);
			b = median(theirs);
			printf("{\"name\": \"slab alloc+free %u B, %s\", \"value\": %.2f, "
			       "\"unit\": \"ns\", "
			       "\"peer\": \"glibc malloc+free\", \"peer_value\": %.2f, \"ratio\": "
			       "%.2f, "
			       "\"goal\": %.1f, \"met\": %s}\n",
			       sizes[i], kinds[kind], a, b, a / b, goal,
			       a / b <= goal ? "true" : "false");
		}
	}
	return 0;
}
