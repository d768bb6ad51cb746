/* SPDX-License-Identifier: MIT */
/*
 * Same seed, same bytes: two runs of a machine under load write the same log,
 * to the nanosecond, wherever the host put their memory.
 */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 12

struct run {
	struct testbox *t;
	struct quire_wait_queue gate;
	char *log;
	size_t len, cap;
	unsigned int left;
};

static void log_bytes(struct run *r, const char *text, size_t len)
{
	if (r->len + len + 1 > r->cap) {
		r->cap = 2 * (r->cap + len + 1);
		r->log = realloc(r->log, r->cap);
		assert_non_null(r->log);
	}
	memcpy(r->log + r->len, text, len);
	r->len += len;
	r->log[r->len] = 0;
}

static void log_line(void *ctx, int level, u64 time_ns, const char *text, size_t len)
{
	char head[64];
	int n = snprintf(head, sizeof(head), "<%d>%lu ", level, (unsigned long)time_ns);

	log_bytes(ctx, head, (size_t)n);
	log_bytes(ctx, text, len);
	log_bytes(ctx, "\n", 1);
}

struct process {
	struct run *r;
	struct task *task;
	unsigned int number;
	struct prng rng;
};

static void process_main(void *arg)
{
	struct process *p = arg;
	struct run *r = p->r;
	struct quire *q = r->t->q;
	char line[160];
	u64 size = 4UL << 20, addr;

	addr = do_mmap(q, p->task->mm, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       NULL, 0);
	assert_false(IS_ERR_VALUE(addr));
	for (unsigned int i = 0; i < 20; i++) {
		struct touch touch = {addr,
				      size >> PAGE_SHIFT,
				      1,
				      prng_below(&p->rng, 2) != 0,
				      (unsigned int)prng_range(&p->rng, 2, 5),
				      prng_u64(&p->rng),
				      0,
				      NULL};
		unsigned long n = mmu_touch_random(r->t->m, p->task, &touch, 100, &p->rng);
		u32 seq = r->gate.seq;
		int len =
			snprintf(line, sizeof(line), "%lu process %u touched %lu rss %lu cpu %u\n",
				 (unsigned long)model_now(r->t->m), p->number, n,
				 get_mm_rss(p->task->mm), smp_processor_id(q));

		log_bytes(r, line, (size_t)len);
		model_compute(r->t->m, prng_below(&p->rng, 3000000));
		if (prng_below(&p->rng, 2))
			wake_up(q, &r->gate);
		else
			model_wait(r->t->m, &r->gate, seq, prng_range(&p->rng, 1000, 9000000));
	}
	do_exit(q, p->task, 0);
	r->left--;
}

static void start_processes(struct testbox *t, void *arg)
{
	struct process *p = arg;

	for (unsigned int i = 0; i < PROCESSES; i++) {
		p[i].task = copy_process(t->q, NULL, 0);
		assert_false(IS_ERR_OR_NULL(p[i].task));
		assert_int_equal(exec_mmap(t->q, p[i].task, "load", "load", 5), 0);
		prng_seed(&p[i].rng, t->seed + i);
		assert_non_null(model_spawn(t->m, "load", process_main, &p[i], p[i].task, -1));
	}
}

static void run(struct run *r, u64 seed)
{
	struct process p[PROCESSES];

	*r = (struct run){.left = PROCESSES};
	r->t = testbox_new(&(struct testbox_config){
		.nr_nodes = 2, .node_mb = {32, 16}, .cpus = 2, .swap_mb = 64, .seed = seed});
	model_on_log(r->t->m, log_line, r);
	for (unsigned int i = 0; i < PROCESSES; i++)
		p[i] = (struct process){.r = r, .number = i};
	testbox_call(r->t, start_processes, p);
	for (unsigned int s = 0; s < 60 && r->left; s++)
		testbox_pass(r->t, NSEC_PER_SEC);
	assert_int_equal(r->left, 0);
	testbox_verify(r->t);
	testbox_free(r->t);
}

static void test_same_seed_same_bytes(void **state)
{
	struct run a, b, c;
	u64 seed = testbox_seed(20);
	void *shift;

	(void)state;
	run(&a, seed);
	/* The host's memory lies elsewhere the second time. */
	shift = malloc(12345);
	run(&b, seed);
	free(shift);
	assert_true(a.len > 1000);
	assert_int_equal(a.len, b.len);
	assert_string_equal(a.log, b.log);
	if (!getenv("QUIRE_SEED")) {
		run(&c, seed + 1);
		assert_string_not_equal(a.log, c.log);
		free(c.log);
	}
	free(a.log);
	free(b.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_seed_same_bytes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
