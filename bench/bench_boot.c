/* SPDX-License-Identifier: MIT */
/*
 * How long the 128 GB machine takes to boot, and what it costs the host: the
 * best of five boots, and the growth of the resident set.
 */
#include "bench/bench.h"
#include "port/model/model.h"

#include <stdlib.h>
#include <unistd.h>

static double resident_mib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size = 0, resident = 0;

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static struct model *boot(unsigned int nodes, u64 node_bytes, unsigned int cpus)
{
	struct quire_config *cfg = calloc(1, sizeof(*cfg));
	struct model *m;
	char err[256];

	if (!cfg)
		exit(1);
	cfg->nr_nodes = nodes;
	cfg->pci_hole_start = 3UL << 30;
	cfg->seed = 1;
	for (unsigned int n = 0; n < nodes; n++)
		cfg->node[n] =
			(struct quire_node_config){.size_bytes = node_bytes, .nr_cpus = cpus};
	m = model_create(cfg, err, sizeof(err));
	free(cfg);
	if (!m) {
		fprintf(stderr, "bench_boot: %s\n", err);
		exit(1);
	}
	/* Up: the threads that boot started have come to rest. */
	model_run_until(m, NSEC_PER_MSEC);
	return m;
}

int main(void)
{
	double best = 1e30, best_end = 1e30, mib = 0;

	for (int i = 0; i < 5; i++) {
		double before = resident_mib(), start = bench_now_ns(), up;
		struct model *m = boot(4, 32UL << 30, 16);

		up = bench_now_ns();
		mib = resident_mib() - before;
		model_destroy(m);
		if (up - start < best)
			best = up - start;
		if (bench_now_ns() - up < best_end)
			best_end = bench_now_ns() - up;
	}
	bench_report("boot_128g", best / 1e9, "s", NULL, 0, 0.2, 0);
	bench_report("boot_128g_host_memory", mib, "MiB", "all descriptors", 2048, 256, 0);
	bench_report("destroy_128g", best_end / 1e9, "s", NULL, 0, 0.2, 0);
	return 0;
}
