/* SPDX-License-Identifier: MIT */
/*
 * What a touch of memory costs the host: first touches (an anonymous fault
 * with its frame, its LRU list and its page-table entry), touches of mapped
 * pages in order and at random, and giving it all back.  The peer is the host
 * kernel's own first touch of a page, measured in the same run.
 */
#include "bench/bench.h"
#include "bench/process.h"

#include <stdlib.h>
#include <sys/mman.h>

#define AREA_BYTES (8UL << 30)
#define PAGES	   (AREA_BYTES >> PAGE_SHIFT)
#define HOST_BYTES (256UL << 20)

struct run {
	struct model *m;
	double first, again, random, read_again, unmap;
};

/* The host's own fault, huge pages off: ns a page. */
static double host_fault_ns(void)
{
	char *p =
		mmap(NULL, HOST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double start;

	if (p == MAP_FAILED)
		return 0;
	(void)madvise(p, HOST_BYTES, MADV_NOHUGEPAGE);
	start = bench_now_ns();
	for (unsigned long i = 0; i < HOST_BYTES; i += PAGE_SIZE)
		((volatile char *)p)[i] = 1;
	start = bench_now_ns() - start;
	munmap(p, HOST_BYTES);
	return start / (double)(HOST_BYTES >> PAGE_SHIFT);
}

static double touch(struct run *r, struct task *task, struct touch *t)
{
	double start = bench_now_ns();

	if (mmu_touch(r->m, task, t) != t->nr_pages) {
		fprintf(stderr, "bench_fault: the process died\n");
		exit(1);
	}
	return (bench_now_ns() - start) / (double)t->nr_pages;
}

static void process_main(void *arg)
{
	struct run *r = arg;
	struct quire *q = model_quire(r->m);
	struct task *task = current_task(q);
	struct prng rng;
	struct touch t = {.nr_pages = PAGES, .stride = 1, .write = true, .kind = 3, .seed = 9};
	double start;

	t.addr = do_mmap(q, task->mm, 0, AREA_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	if (IS_ERR_VALUE(t.addr))
		exit(1);
	r->first = touch(r, task, &t);
	r->again = touch(r, task, &t);
	t.write = false;
	r->read_again = touch(r, task, &t);
	prng_seed(&rng, 5);
	start = bench_now_ns();
	mmu_touch_random(r->m, task, &t, 1UL << 20, &rng);
	r->random = (bench_now_ns() - start) / (double)(1UL << 20);
	start = bench_now_ns();
	do_munmap(q, task->mm, t.addr, AREA_BYTES);
	r->unmap = (bench_now_ns() - start) / (double)PAGES;
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
	cfg->nr_nodes = 2;
	cfg->pci_hole_start = 3UL << 30;
	cfg->seed = 1;
	for (unsigned int n = 0; n < 2; n++)
		cfg->node[n] = (struct quire_node_config){.size_bytes = 8UL << 30, .nr_cpus = 2};
	r.m = model_create(cfg, err, sizeof(err));
	free(cfg);
	if (!r.m) {
		fprintf(stderr, "bench_fault: %s\n", err);
		return 1;
	}
	process.q = model_quire(r.m);
	model_call(r.m, NULL, bench_make_process, &process);
	host = host_fault_ns();
	model_call(r.m, process.task, process_main, &r);
	bench_report("fault_first_touch", r.first, "ns", "host page fault", host, 200, 0);
	bench_report("touch_mapped_write", r.again, "ns", NULL, 0, 15, 0);
	bench_report("touch_mapped_read", r.read_again, "ns", NULL, 0, 15, 0);
	bench_report("touch_mapped_random", r.random, "ns", NULL, 0, 0, 0);
	bench_report("munmap_page", r.unmap, "ns", NULL, 0, 100, 0);
	model_destroy(r.m);
	return 0;
}
