/* SPDX-License-Identifier: MIT */
/*
 * What the host pays for /proc: what `ps aux` reads of each of a thousand
 * processes, and the files that monitors read every second.
 */
#include "bench/bench.h"
#include "tests/lib/testlib.h"

#define NR_PROCESSES 1000
#define ROUNDS	     20

struct measure {
	struct quire *q;
	struct text t;
	unsigned long nr;
};

static void read_child(struct measure *m, struct proc_entry dir, const char *name)
{
	m->t.len = 0;
	assert_int_equal(proc_read(m->q, proc_lookup(m->q, dir, name), &m->t), 0);
}

static bool read_process(void *ctx, __unused const char *name, struct proc_entry e)
{
	struct measure *m = ctx;

	if (!e.pid)
		return true;
	read_child(m, e, "stat");
	read_child(m, e, "status");
	read_child(m, e, "cmdline");
	m->nr++;
	return true;
}

static void measure_file(struct measure *m, const char *name)
{
	char label[64];
	double start = bench_now_ns();

	for (int i = 0; i < ROUNDS; i++)
		read_child(m, proc_root(), name);
	snprintf(label, sizeof(label), "proc_%s", name);
	bench_report(label, (bench_now_ns() - start) / ROUNDS / 1000, "us", NULL, 0, 0, 0);
}

static void inside(struct testbox *t, __unused void *arg)
{
	static char buf[8 << 20];
	struct measure m = {.q = t->q};
	double start;

	text_init(&m.t, buf, sizeof(buf));
	for (int i = 0; i < NR_PROCESSES; i++)
		assert_false(IS_ERR(copy_process(t->q, t->task, 0)));
	start = bench_now_ns();
	for (int i = 0; i < ROUNDS; i++)
		proc_readdir(t->q, proc_root(), read_process, &m);
	bench_report("proc_ps_per_process", (bench_now_ns() - start) / (double)m.nr / 1000, "us",
		     NULL, 0, 5, 0);
	measure_file(&m, "meminfo");
	measure_file(&m, "vmstat");
	measure_file(&m, "zoneinfo");
	measure_file(&m, "slabinfo");
	measure_file(&m, "stat");
}

int main(void)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.nr_nodes = 2, .node_mb = {512, 512}, .cpus = 12});

	testbox_run(t, inside, NULL);
	fflush(stdout);
	return 0;
}
