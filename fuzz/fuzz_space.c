/* SPDX-License-Identifier: MIT */
/* Any bytes as memory system calls of a process; then everything is proved consistent. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/space_fuzz.h"
#include "verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct model *m;
	struct task *task;
	const uint8_t *data;
	size_t size;
};

static void make_task(void *arg)
{
	struct run *r = arg;
	struct quire *q = model_quire(r->m);

	r->task = copy_process(q, NULL, 0);
	if (IS_ERR_OR_NULL(r->task) || exec_mmap(q, r->task, "fuzz", "fuzz", 5))
		abort();
}

static void run_calls(void *arg)
{
	struct run *r = arg;

	(void)space_fuzz(r->m, r->task, r->data, r->size);
	do_exit(model_quire(r->m), r->task, 0);
}

static void say(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "broken: %s\n", line);
}

static struct model *new_model(void)
{
	static struct quire_config cfg = {.nr_nodes = 2, .pci_hole_start = 3UL << 30, .seed = 1};
	struct model *m;
	char err[256];

	for (unsigned int n = 0; n < 2; n++)
		cfg.node[n] = (struct quire_node_config){.size_bytes = 256UL << 20, .nr_cpus = 2};
	m = model_create(&cfg, err, sizeof(err));
	if (!m) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model *m;
	struct run r = {.data = data, .size = size};

	if (!m)
		m = new_model();
	r.m = m;
	model_call(m, NULL, make_task, &r);
	model_call(m, r.task, run_calls, &r);
	if (quire_verify(model_quire(m), say, NULL))
		abort();
	return 0;
}
