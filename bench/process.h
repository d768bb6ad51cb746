/* SPDX-License-Identifier: MIT */
/*
 * The process of a benchmark on the model.
 */
#ifndef QUIRE_BENCH_PROCESS_H
#define QUIRE_BENCH_PROCESS_H

#include "port/model/model.h"

#include <stdio.h>
#include <stdlib.h>

struct bench_process {
	struct quire *q;
	struct task *task;
};

/* In a fiber (model_call()), with arg->q set; the benchmark ends if there is no memory. */
static inline void bench_make_process(void *arg)
{
	struct bench_process *p = arg;

	p->task = copy_process(p->q, NULL, 0);
	if (IS_ERR_OR_NULL(p->task) || exec_mmap(p->q, p->task, "bench", "bench", 6)) {
		fprintf(stderr, "bench: no process\n");
		exit(1);
	}
}

#endif
