/* SPDX-License-Identifier: MIT */
/*
 * Address spaces, in work of the model per second of the host: anonymous faults,
 * touches of mapped pages in order and at random over 32 GB, the latter beside a chase
 * through an array as large as their page tables, giving the pages back, a fork of those
 * 32 GB, and mmap+munmap among a hundred thousand areas.
 *
 * The first faults of a machine are measured apart, beside the host's own: they touch
 * memory of the host for the first time (80 bytes a page), and what that costs is
 * the host's affair, or its hypervisor's.
 *
 * The chase: each slot of the array names the next, in one random cycle, so that a
 * step waits for memory as the walk to a page-table entry does.  Both sides draw
 * their pages beforehand or by the same generator, so only memory is compared.
 */
#include "bench/bench.h"
#include "bench/process.h"

#include <stdlib.h>
#include <sys/mman.h>

#define AREA_BYTES   (32UL << 30)
#define PAGES	     (AREA_BYTES >> PAGE_SHIFT)
#define TOUCHES	     (1UL << 22)
#define AREAS	     100000UL
#define HOST_BYTES   (256UL << 20)
#define PAIRS	     200000UL
#define ROUNDS	     5
#define RW	     (PROT_READ | PROT_WRITE)
#define PRIVATE_ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct run {
	struct model *m;
	double first, fault, unmap, touch, touch_write, random, chase, fork, exit_child, pair,
		pair_random, find;
};

static void die(const char *why)
{
	fprintf(stderr, "bench_space: %s\n", why);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

/* ns a step through a random cycle of as many words as there are entries. */
static double chase_ns(u64 *array)
{
	u64 at = 0;
	double start = bench_now_ns();

	for (unsigned long i = 0; i < TOUCHES; i++)
		at = array[at];
	start = bench_now_ns() - start;
	if (at == ~0UL)
		die("the chase left its array");
	return start / (double)TOUCHES;
}

static u64 *chase_array(struct prng *rng)
{
	size_t bytes = PAGES * sizeof(u64);
	u64 *a = mmap(NULL, bytes, RW, PRIVATE_ANON, -1, 0);

	if (a == MAP_FAILED)
		die("no memory");
	for (unsigned long i = 0; i < PAGES; i++)
		a[i] = i;
	for (unsigned long i = PAGES - 1; i; i--) { /* Sattolo: one cycle */
		unsigned long j = prng_below(rng, i);
		u64 t = a[i];

		a[i] = a[j];
		a[j] = t;
	}
	return a;
}

static double touch_all(struct run *r, struct task *task, struct touch *t)
{
	double start = bench_now_ns();

	if (mmu_touch(r->m, task, t) != t->nr_pages)
		die("the process died");
	return (bench_now_ns() - start) / (double)t->nr_pages;
}

/* The host's own fault, huge pages off: ns a page. */
static double host_fault_ns(void)
{
	char *p = mmap(NULL, HOST_BYTES, RW, PRIVATE_ANON, -1, 0);
	double start;

	if (p == MAP_FAILED)
		die("no memory");
	(void)madvise(p, HOST_BYTES, MADV_NOHUGEPAGE);
	start = bench_now_ns();
	for (unsigned long i = 0; i < HOST_BYTES; i += PAGE_SIZE)
		((volatile char *)p)[i] = 1;
	start = bench_now_ns() - start;
	munmap(p, HOST_BYTES);
	return start / (double)(HOST_BYTES >> PAGE_SHIFT);
}

static void map_area(struct quire *q, struct task *task, struct touch *t)
{
	t->addr = do_mmap(q, task->mm, 0, AREA_BYTES, RW, PRIVATE_ANON, NULL, 0);
	if (IS_ERR_VALUE(t->addr))
		die("no address space");
}

/* Faults on memory that nobody has used, then on what was given back. */
static void bench_faults(struct run *r, struct quire *q, struct task *task, struct touch *t)
{
	double again[ROUNDS], unmap[ROUNDS];

	map_area(q, task, t);
	r->first = touch_all(r, task, t);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double start = bench_now_ns();

		if (do_munmap(q, task->mm, t->addr, AREA_BYTES))
			die("munmap failed");
		unmap[i] = (bench_now_ns() - start) / (double)PAGES;
		map_area(q, task, t);
		again[i] = touch_all(r, task, t);
	}
	r->unmap = median(unmap, ROUNDS);
	r->fault = median(again, ROUNDS);
}

static void bench_touches(struct run *r, struct task *task, struct touch *t)
{
	double seq[ROUNDS], write[ROUNDS], random[ROUNDS], chase[ROUNDS];
	struct prng rng;
	u64 *array;

	prng_seed(&rng, 5);
	array = chase_array(&rng);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		double start;

		t->write = true;
		write[i] = touch_all(r, task, t);
		t->write = false;
		seq[i] = touch_all(r, task, t);
		chase[i] = chase_ns(array);
		start = bench_now_ns();
		if (mmu_touch_random(r->m, task, t, TOUCHES, &rng) != TOUCHES)
			die("the process died");
		random[i] = (bench_now_ns() - start) / (double)TOUCHES;
	}
	munmap(array, PAGES * sizeof(u64));
	r->touch = median(seq, ROUNDS);
	r->touch_write = median(write, ROUNDS);
	r->random = median(random, ROUNDS);
	r->chase = median(chase, ROUNDS);
}

static void bench_fork(struct run *r, struct quire *q, struct task *task)
{
	double copy[3], away[3];

	for (unsigned int i = 0; i < 3; i++) {
		double start = bench_now_ns();
		struct mm_struct *mm = dup_mm(q, task->mm);

		copy[i] = (bench_now_ns() - start) / (double)PAGES;
		if (!mm)
			die("no memory to fork");
		start = bench_now_ns();
		mmput(q, mm);
		away[i] = (bench_now_ns() - start) / (double)PAGES;
	}
	r->fork = median(copy, 3);
	r->exit_child = median(away, 3);
}

/* A hundred thousand areas that can't merge: a page of each kind in turn. */
static void bench_areas(struct run *r, struct quire *q, struct task *task)
{
	u64 base = 0x100000000000UL, step = 4 << PAGE_SHIFT;
	struct mm_struct *mm = task->mm;
	double pair[ROUNDS], random[ROUNDS], find[ROUNDS];
	unsigned long found = 0;
	struct prng rng;

	prng_seed(&rng, 7);
	q->space->max_map_count = AREAS + 1000;
	for (unsigned long i = 0; i < AREAS; i++) {
		u64 at = base + ((i * 7919) % AREAS) * step; /* in no order */

		if (do_mmap(q, mm, at, PAGE_SIZE, RW, PRIVATE_ANON | MAP_FIXED, NULL, 0) != at)
			die("mmap failed");
	}
	for (unsigned int k = 0; k < ROUNDS; k++) {
		double start = bench_now_ns();

		/* Where the kernel finds room. */
		for (unsigned long i = 0; i < PAIRS; i++) {
			u64 at = do_mmap(q, mm, 0, PAGE_SIZE, RW, PRIVATE_ANON, NULL, 0);

			if (IS_ERR_VALUE(at) || do_munmap(q, mm, at, PAGE_SIZE))
				die("mmap failed");
		}
		pair[k] = (bench_now_ns() - start) / (double)PAIRS;
		start = bench_now_ns();
		/* Among the others. */
		for (unsigned long i = 0; i < PAIRS; i++) {
			u64 at = base + prng_below(&rng, AREAS) * step + (2 << PAGE_SHIFT);

			if (do_mmap(q, mm, at, PAGE_SIZE, RW, PRIVATE_ANON | MAP_FIXED, NULL, 0) !=
				    at ||
			    do_munmap(q, mm, at, PAGE_SIZE))
				die("mmap failed");
		}
		random[k] = (bench_now_ns() - start) / (double)PAIRS;
		start = bench_now_ns();
		for (unsigned long i = 0; i < PAIRS; i++)
			found += find_vma(mm, base + prng_below(&rng, AREAS) * step) != NULL;
		find[k] = (bench_now_ns() - start) / (double)PAIRS;
	}
	if (found != ROUNDS * PAIRS)
		die("an area was lost");
	r->pair = median(pair, ROUNDS);
	r->pair_random = median(random, ROUNDS);
	r->find = median(find, ROUNDS);
}

static void process_main(void *arg)
{
	struct run *r = arg;
	struct quire *q = model_quire(r->m);
	struct task *task = current_task(q);
	struct touch t = {.nr_pages = PAGES, .stride = 1, .write = true, .kind = 3, .seed = 9};

	bench_areas(r, q, task);
	bench_faults(r, q, task, &t);
	bench_touches(r, task, &t);
	bench_fork(r, q, task);
	do_exit(q, task, 0);
}

int main(void)
{
	struct quire_config *cfg = calloc(1, sizeof(*cfg));
	struct run r = {0};
	struct bench_process process;
	char err[256];
	double host;

	if (!cfg)
		return 1;
	cfg->nr_nodes = 1;
	cfg->pci_hole_start = 3UL << 30;
	cfg->seed = 1;
	cfg->node[0] = (struct quire_node_config){.size_bytes = 36UL << 30, .nr_cpus = 2};
	r.m = model_create(cfg, err, sizeof(err));
	free(cfg);
	if (!r.m)
		die(err);
	process.q = model_quire(r.m);
	model_call(r.m, NULL, bench_make_process, &process);
	host = host_fault_ns();
	model_call(r.m, process.task, process_main, &r);
	bench_report("anon_faults_32g", 1e3 / r.fault, "M/s", NULL, 0, 10, 1);
	bench_report("anon_faults_32g_first", r.first, "ns", "host page fault", host, 200, 0);
	bench_report("munmap_page", r.unmap, "ns", NULL, 0, 100, 0);
	bench_report("touch_sequential", 1e3 / r.touch, "M/s", NULL, 0, 100, 1);
	bench_report("touch_sequential_write", 1e3 / r.touch_write, "M/s", NULL, 0, 0, 1);
	bench_report("touch_random_32g", r.random, "ns", "chase through 64 MB", r.chase,
		     2 * r.chase, 0);
	bench_report("mmap_munmap_100k_areas", r.pair, "ns", NULL, 0, 1000, 0);
	bench_report("mmap_munmap_100k_areas_random", r.pair_random, "ns", NULL, 0, 1000, 0);
	bench_report("find_vma_100k_areas", r.find, "ns", NULL, 0, 0, 0);
	bench_report("fork_32g_entries", 1e3 / r.fork, "M/s", NULL, 0, 50, 1);
	bench_report("exit_of_forked_entries", 1e3 / r.exit_child, "M/s", NULL, 0, 0, 1);
	model_destroy(r.m);
	return 0;
}
