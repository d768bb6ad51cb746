/* SPDX-License-Identifier: MIT */
/*
 * The harness of the tests that run on the model: see testlib.h.
 */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

u64 testbox_seed(u64 fallback)
{
	const char *env = getenv("QUIRE_SEED");
	u64 seed = env ? strtoull(env, NULL, 0) : fallback ? fallback : 1;

	print_message("# QUIRE_SEED=%lu\n", (unsigned long)seed);
	return seed;
}

double testbox_host_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void log_line(void *ctx, int level, u64 time_ns, const char *text, size_t len)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "[%5lu.%06lu] %.*s\n", (unsigned long)(time_ns / NSEC_PER_SEC),
		(unsigned long)(time_ns % NSEC_PER_SEC / 1000), (int)len, text);
}

struct call {
	struct testbox *t;
	void (*fn)(struct testbox *t, void *arg);
	void *arg;
	bool process;
};

static void call_main(void *arg)
{
	struct call *c = arg;

	c->fn(c->t, c->arg);
	if (c->process)
		do_exit(c->t->q, current_task(c->t->q), 0);
}

void testbox_once(const struct testbox_config *cfg, void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(cfg);

	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

void testbox_call(struct testbox *t, void (*fn)(struct testbox *t, void *arg), void *arg)
{
	struct call c = {t, fn, arg, false};

	model_call(t->m, NULL, call_main, &c);
}

static void make_process(struct testbox *t, void *arg)
{
	static const char cmdline[] = "test";

	(void)arg;
	t->task = copy_process(t->q, NULL, 0);
	assert_false(IS_ERR_OR_NULL(t->task));
	assert_int_equal(exec_mmap(t->q, t->task, "test", cmdline, sizeof(cmdline)), 0);
}

void testbox_run(struct testbox *t, void (*fn)(struct testbox *t, void *arg), void *arg)
{
	struct call c = {t, fn, arg, true};

	testbox_call(t, make_process, NULL);
	model_call(t->m, t->task, call_main, &c);
	t->task = NULL;
}

void testbox_pass(struct testbox *t, u64 ns)
{
	model_run_until(t->m, model_now(t->m) + ns);
}

static void add_disks(struct testbox *t, void *arg)
{
	const struct testbox_config *cfg = arg;
	struct model_disk_config disk = {
		.size_bytes = 64UL << 30,
		.read_latency_ns = 80 * NSEC_PER_USEC,
		.write_latency_ns = 20 * NSEC_PER_USEC,
		.bandwidth = 3UL << 30,
		.queue_depth = 64,
	};

	if (cfg->disk) {
		disk.name = "nvme0n1";
		t->dev = model_add_disk(t->m, &disk);
		t->bdi = bdi_register(t->q, t->dev, "nvme0n1");
		assert_non_null(t->bdi);
		t->sb = sget(t->q, t->bdi, t->q->cache->ext4_inode_cachep);
		assert_non_null(t->sb);
	}
	if (cfg->swap_mb) {
		unsigned long pages = (unsigned long)cfg->swap_mb << (20 - PAGE_SHIFT);

		disk.name = "nvme1n1";
		disk.size_bytes = (u64)cfg->swap_mb << 20;
		if (cfg->swap_pmem) {
			disk.synchronous = true;
			disk.read_latency_ns = disk.write_latency_ns = NSEC_PER_USEC;
		}
		t->swap_dev = model_add_disk(t->m, &disk);
		t->swap_bdi = bdi_register(t->q, t->swap_dev, "nvme1n1");
		assert_non_null(t->swap_bdi);
		t->swap_bdi->synchronous = cfg->swap_pmem;
		assert_int_equal(swapon(t->q, t->swap_bdi, 0, pages, -1, "/dev/nvme1n1", false), 0);
		/* Most tests count slots one by one. */
		t->q->swap->slot_cache_enabled = cfg->swap_slots;
	}
}

struct testbox *testbox_new(const struct testbox_config *cfg)
{
	struct testbox *t = calloc(1, sizeof(*t));
	bool sized = false;
	char err[256];

	assert_non_null(t);
	t->seed = testbox_seed(cfg->seed);
	prng_seed(&t->rng, t->seed);
	t->cfg.nr_nodes = cfg->nr_nodes ? cfg->nr_nodes : 1;
	for (size_t i = 0; i < ARRAY_SIZE(cfg->node_mb); i++)
		sized |= cfg->node_mb[i] != 0;
	for (unsigned int i = 0; i < t->cfg.nr_nodes; i++) {
		unsigned int mb = i < ARRAY_SIZE(cfg->node_mb) ? cfg->node_mb[i] : 0;

		t->cfg.node[i] = (struct quire_node_config){
			.size_bytes = (u64)(sized ? mb : 256) << 20,
			.nr_cpus = cfg->cpus ? cfg->cpus : 2,
			.reserved_bytes = (u64)cfg->reserved_mb << 20,
		};
	}
	t->cfg.pci_hole_start = 3UL << 30;
	t->cfg.seed = t->seed;
	t->cfg.boot_time = 1700000000;
	t->cfg.version = cfg->kernel;
	t->cfg.slab = cfg->slab;
	t->cfg.slub_debug = cfg->slub_debug;
	t->cfg.slab_merge = cfg->slab_merge;
	t->cfg.kfence_sample_ms = cfg->kfence_sample_ms;
	if (cfg->tune)
		cfg->tune(&t->cfg);
	t->m = model_create(&t->cfg, err, sizeof(err));
	if (!t->m)
		fail_msg("the model does not boot: %s", err);
	t->q = model_quire(t->m);
	if (getenv("QUIRE_LOG"))
		model_on_log(t->m, log_line, NULL);
	t->q->group->charge_batch = cfg->charge_batch ? cfg->charge_batch : 1;
	if (cfg->disk || cfg->swap_mb)
		testbox_call(t, add_disks, (void *)cfg);
	return t;
}

void testbox_free(struct testbox *t)
{
	testbox_fail_alloc(t, 0);
	model_destroy(t->m);
	free(t);
}

static void report_line(void *ctx, const char *line)
{
	(void)ctx;
	print_error("verify: %s\n", line);
}

void testbox_verify(struct testbox *t)
{
	assert_int_equal(quire_verify(t->q, report_line, NULL), 0);
}

struct search {
	const char *expected;
	bool found;
	FILE *record; /* of the lines that were expected, for test-verify-covered.sh */
};

static void search_line(void *ctx, const char *line)
{
	struct search *s = ctx;

	if (!strstr(line, s->expected))
		return;
	s->found = true;
	if (s->record)
		fprintf(s->record, "%s\n", line);
}

void testbox_verify_reports(struct testbox *t, const char *expected)
{
	const char *record = getenv("QUIRE_VERIFY_REPORTS");
	struct search s = {expected, false, record ? fopen(record, "a") : NULL};
	u64 n = quire_verify(t->q, search_line, &s);

	if (s.record)
		fclose(s.record);
	if (s.found)
		return;
	n = quire_verify(t->q, report_line, NULL);
	fail_msg("quire_verify() reported %lu faults, none of them \"%s\"", (unsigned long)n,
		 expected);
}

static bool fail_nth(struct quire *q, gfp_t gfp, unsigned int order, void *ctx)
{
	struct testbox *t = ctx;

	(void)q;
	(void)gfp;
	(void)order;
	if (++t->allocs != t->fail_at && t->fail_at != ULONG_MAX)
		return false;
	t->failed++;
	return true;
}

void testbox_fail_alloc(struct testbox *t, unsigned long n)
{
	t->allocs = 0;
	t->fail_at = n;
	set_fail_alloc(t->q, n ? fail_nth : NULL, t);
}

void testbox_fail_all_allocs(struct testbox *t)
{
	testbox_fail_alloc(t, ULONG_MAX);
}

struct file *testbox_file(struct testbox *t, struct super_block *sb, u64 size_bytes)
{
	struct inode *inode = new_inode(t->q, sb, size_bytes, false);
	struct file *file;

	assert_false(IS_ERR_OR_NULL(inode));
	file = alloc_file(t->q, inode, true);
	assert_non_null(file);
	iput(t->q, inode);
	return file;
}
