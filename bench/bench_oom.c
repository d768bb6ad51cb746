/* SPDX-License-Identifier: MIT */
/*
 * The choice of a victim among ten thousand processes, by the rules of 6.1 and
 * by those of 3.10, which look at page tables.
 */
#include "bench/bench.h"
#include "oom/internal.h"
#include "oom/rules.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>

#define NR_PROCESSES 10000
#define ROUNDS	     31
#define GOAL_MS	     8

/* CPU time: the choice waits for nobody. */
static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	return *(const double *)a < *(const double *)b ? -1 : 1;
}

static void measure(struct testbox *t, const char *name, unsigned int kernel, double goal)
{
	double ms[ROUNDS];

	t->q->oom->rules = oom_rules_of(kernel, false);
	for (int i = 0; i < ROUNDS; i++) {
		struct oom_control oc = {.gfp_mask = GFP_KERNEL};
		double start = cpu_ms();

		constrained_alloc(t->q, &oc);
		select_bad_process(t->q, &oc);
		ms[i] = cpu_ms() - start;
		assert_true(oc.chosen && oc.chosen != OOM_ABORT);
		put_task(t->q, oc.chosen);
	}
	qsort(ms, ROUNDS, sizeof(*ms), by_value);
	bench_report(name, ms[ROUNDS / 2], "ms", NULL, 0, goal, 0);
}

static void inside(struct testbox *t, __unused void *arg)
{
	for (int i = 0; i < NR_PROCESSES; i++) {
		struct task *task = copy_process(t->q, t->task, 0);

		assert_false(IS_ERR(task));
		task->signal->oom_score_adj = (short)prng_below(&t->rng, 500);
	}
	measure(t, "oom: a victim of 10,000 processes", 601, GOAL_MS);
	measure(t, "oom: the same by 3.10's rules", 310, 0);
}

int main(void)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.nr_nodes = 2, .node_mb = {2048, 2048}, .cpus = 4});

	t->q->space->pid_max = 1 << 22;
	t->q->space->max_threads = 4 * NR_PROCESSES;
	testbox_run(t, inside, NULL);
	fflush(stdout);
	return 0;
}
