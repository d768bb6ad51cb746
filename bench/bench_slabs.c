/* SPDX-License-Identifier: MIT */
/*
 * SLUB, SLAB and SLOB on the same work, one after the other on machines of the
 * model: how long a pair of alloc and free takes, how much memory objects of
 * mixed sizes need, and how much stays when three quarters are freed again.
 * docs/slab.md has a table of it.
 */
#include "bench/bench.h"
#include "port/model/model.h"
#include "slab/impl.h"

#include <stdlib.h>

#define PAIRS	(1u << 20)
#define FLIGHT	256
#define OBJECTS 60000u
#define ROUNDS	5

static const char *const names[] = {"SLUB", "SLAB", "SLOB"};

struct result {
	double pair, flight, kmalloc; /* ns for an alloc with its free */
	double full, runs, scattered; /* bytes of pages for a byte that is asked for */
};

struct job {
	struct quire *q;
	struct result r;
};

static unsigned long slab_bytes(struct quire *q)
{
	return (global_node_page_state(q, NR_SLAB_UNRECLAIMABLE) +
		global_node_page_state(q, NR_SLAB_RECLAIMABLE))
	       << PAGE_SHIFT;
}

static double best(double (*fn)(struct job *j, struct kmem_cache *s), struct job *j,
		   struct kmem_cache *s)
{
	double least = 1e9;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		double ns = fn(j, s);

		least = ns < least ? ns : least;
	}
	return least;
}

static double pairs(struct job *j, struct kmem_cache *s)
{
	double start = bench_now_ns();

	for (unsigned int i = 0; i < PAIRS; i++) {
		void *volatile p = kmem_cache_alloc(j->q, s, GFP_KERNEL);

		kmem_cache_free(j->q, s, p);
	}
	return (bench_now_ns() - start) / PAIRS;
}

static double in_flight(struct job *j, struct kmem_cache *s)
{
	static void *volatile p[FLIGHT];
	double start = bench_now_ns();

	for (unsigned int i = 0; i < PAIRS / FLIGHT; i++) {
		for (unsigned int o = 0; o < FLIGHT; o++)
			p[o] = kmem_cache_alloc(j->q, s, GFP_KERNEL);
		for (unsigned int o = 0; o < FLIGHT; o++)
			kmem_cache_free(j->q, s, p[o * 77 % FLIGHT]);
	}
	return (bench_now_ns() - start) / PAIRS;
}

static double kmallocs(struct job *j, struct kmem_cache *s)
{
	static void *volatile p[FLIGHT];
	double start = bench_now_ns();

	(void)s;
	for (unsigned int i = 0; i < PAIRS / FLIGHT / 4; i++) {
		for (unsigned int o = 0; o < FLIGHT; o++)
			p[o] = kmalloc(j->q, 16 + (o * 37 % 500), GFP_KERNEL);
		for (unsigned int o = 0; o < FLIGHT; o++)
			kfree(j->q, p[o * 77 % FLIGHT]);
	}
	return (bench_now_ns() - start) / (PAIRS / 4);
}

/* Mixed sizes, small ones most; then three of four go, in runs or one by one. */
static void measure_memory(struct job *j)
{
	void **p = malloc(OBJECTS * sizeof(*p));
	unsigned short *size = malloc(OBJECTS * sizeof(*size));
	struct kmem_cache *s;

	if (!p || !size)
		exit(1);
	for (unsigned int way = 0; way < 2; way++) {
		unsigned long before = slab_bytes(j->q), asked = 0, kept = 0;
		struct prng rng;

		prng_seed(&rng, 7);
		for (unsigned int i = 0; i < OBJECTS; i++) {
			size[i] = (unsigned short)(8 + prng_below(&rng, 1 + prng_below(&rng, 800)));
			asked += size[i];
			p[i] = kmalloc(j->q, size[i], GFP_KERNEL);
			if (!p[i])
				exit(1);
		}
		j->r.full = (double)(slab_bytes(j->q) - before) / (double)asked;
		for (unsigned int i = 0; i < OBJECTS; i++) {
			bool keep = way ? i % 4 == 0 : i / 1000 % 4 == 0;

			if (keep)
				kept += size[i];
			else
				kfree(j->q, p[i]);
		}
		/* What a quiet machine does in the end. */
		list_for_each_entry (s, &j->q->slab->caches, list)
			(void)kmem_cache_shrink(j->q, s);
		*(way ? &j->r.scattered : &j->r.runs) =
			(double)(slab_bytes(j->q) - before) / (double)kept;
		for (unsigned int i = 0; i < OBJECTS; i++)
			if (way ? i % 4 == 0 : i / 1000 % 4 == 0)
				kfree(j->q, p[i]);
	}
	free(size);
	free(p);
}

static void work(void *arg)
{
	struct job *j = arg;
	struct kmem_cache *s = kmem_cache_create(j->q, "bench", 192, 0, 0, NULL);

	if (!s)
		exit(1);
	j->r.pair = best(pairs, j, s);
	j->r.flight = best(in_flight, j, s);
	j->r.kmalloc = best(kmallocs, j, NULL);
	measure_memory(j);
}

static void report(const char *what, const char *unit, const double v[3])
{
	for (unsigned int i = 0; i < 3; i++) {
		char name[96];

		snprintf(name, sizeof(name), "%s: %s", names[i], what);
		bench_report(name, v[i], unit, i ? "SLUB" : NULL, v[0], 0, 0);
	}
}

int main(void)
{
	struct job job[3];

	for (unsigned int i = 0; i < 3; i++) {
		struct quire_config *cfg = calloc(1, sizeof(*cfg));
		struct model *m;
		char err[256];

		if (!cfg)
			return 1;
		cfg->nr_nodes = 1;
		cfg->seed = 1;
		cfg->slab = i;
		cfg->node[0] = (struct quire_node_config){.size_bytes = 1UL << 30, .nr_cpus = 2};
		m = model_create(cfg, err, sizeof(err));
		free(cfg);
		if (!m) {
			fprintf(stderr, "bench_slabs: %s\n", err);
			return 1;
		}
		job[i] = (struct job){.q = model_quire(m)};
		model_call(m, NULL, work, &job[i]);
		model_destroy(m);
	}
#define ALL(field) ((const double[3]){job[0].r.field, job[1].r.field, job[2].r.field})
	report("192 B, one at a time", "ns", ALL(pair));
	report("192 B, 256 in flight", "ns", ALL(flight));
	report("kmalloc of mixed sizes", "ns", ALL(kmalloc));
	report("mixed sizes, memory a byte", "ratio", ALL(full));
	report("three quarters freed in runs", "ratio", ALL(runs));
	report("three quarters freed one by one", "ratio", ALL(scattered));
	return 0;
}
