/* SPDX-License-Identifier: MIT */
/*
 * Nothing is lost: processes write and read at random, twice as much memory as the machine
 * has, through zswap and two swap devices, of which one may be a zram, while transfers
 * fail, compression fails, swap is full, zram's memory is, zsmalloc compacts, and an
 * area is switched off and on.
 *
 * Each process remembers what it wrote last to each of its pages.  What it reads is that,
 * or it dies of SIGBUS and a read of a device had failed.  Whoever dies, of that or by the
 * OOM killer, is started anew.  The invariants are looked at all the while.
 *
 * With real bytes the model's MMU compares all of a page at each access, and stops the
 * machine if one is not what was written last.  Without, each page is its descriptor.
 *
 * QUIRE_LONG=1: a hundred times as many operations (make check-long).
 */
#include "tests/lib/testlib.h"
#include "reclaim/lru_gen.h"
#include "swap/zram.h"

#include <stdlib.h>

#define NR_PROCS 6
#define NODE_MB	 48u
#define SWAP_MB	 40u
#define EXTRA_MB 24u
#define PAGES	 4096UL /* of a process: 16 MB; 96 MB all together */
#define WORK_NS	 5000u	/* between two accesses: time must pass, too */

struct lossbox {
	struct testbox *t;
	unsigned long ops, max_ops; /* of all */
	unsigned long reads, writes, sigbus, killed, oom_kills, read_errors, write_errors,
		bad_compress;
	unsigned long offs, off_failed, verified;
	/* Of 1,000 transfers and compressions. */
	unsigned int fail_read, fail_write, fail_compress;
	struct backing_dev *extra;
	struct zram *zram; /* is the extra area; or NULL */
	unsigned long zram_failed, compacted;
	struct prng rng;
	unsigned int running;
	bool extra_on, stop;
	bool gens; /* the policy of reclaim changes, too */
	struct proc {
		struct lossbox *box;
		struct task *task;
		struct prng rng;
		u64 *wrote; /* by page; 0: nothing yet */
		u64 addr, version;
		bool ended;
	} proc[NR_PROCS];
};

/* ---- a process -------------------------------------------------------------------- */

/* Killed: for memory, or because a device had failed to read. */
static void note_death(const struct proc *p)
{
	if (global_vm_event(p->box->t->q, OOM_KILL) > p->box->oom_kills) {
		p->box->oom_kills++;
		return;
	}
	assert_true(p->box->read_errors > p->box->sigbus);
	p->box->sigbus++;
}

/* False: the process is to end. */
static bool write_one(struct proc *p, unsigned long page)
{
	static const unsigned int kinds[] = {CONTENT_KIND_TEXT, CONTENT_KIND_HEAP,
					     CONTENT_KIND_HEAP, CONTENT_KIND_RANDOM, CONTENT_SAME};
	struct touch touch = {.addr = p->addr + page * PAGE_SIZE,
			      .nr_pages = 1,
			      .write = true,
			      .work_ns = WORK_NS,
			      .kind = kinds[prng_below(&p->rng, ARRAY_SIZE(kinds))],
			      .seed = ((u64)(p - p->box->proc) + 1) << 44 | ++p->version << 20};
	u64 vpn = touch.addr >> PAGE_SHIFT;
	if (mmu_touch(p->box->t->m, p->task, &touch) != 1) {
		/* The old page was to be read first. */
		note_death(p);
		return false;
	}
	p->wrote[page] = touch.kind == CONTENT_SAME ? CONTENT(CONTENT_SAME, touch.seed)
						    : CONTENT(touch.kind, touch.seed + vpn);
	p->box->writes++;
	return true;
}

static bool read_one(struct proc *p, unsigned long page)
{
	struct touch touch = {
		.addr = p->addr + page * PAGE_SIZE, .nr_pages = 1, .work_ns = WORK_NS};
	u64 got;

	do {
		if (mmu_touch(p->box->t->m, p->task, &touch) != 1) {
			note_death(p);
			return false;
		}
		/* It may have lost the processor, and the page, behind the touch. */
	} while (!mmu_peek(p->box->t->m, p->task, touch.addr, &got));
	if (got != p->wrote[page])
		fail_msg("page %lu: read %lx, written last %lx", page, (unsigned long)got,
			 (unsigned long)p->wrote[page]);
	p->box->reads++;
	return true;
}

static void process_main(void *arg)
{
	struct proc *p = arg;
	struct lossbox *box = p->box;
	bool alive = true;

	p->addr = do_mmap(box->t->q, p->task->mm, 0, PAGES << PAGE_SHIFT, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	alive = !IS_ERR_VALUE(p->addr);
	while (alive && !box->stop) {
		unsigned long page = prng_below(&p->rng, PAGES);

		/* Most of the work is in a part that wanders. */
		if (prng_below(&p->rng, 4))
			page = (page / 4 + p->version / 4096 * 64) % PAGES;
		alive = prng_below(&p->rng, 5) < 2 ? write_one(p, page) : read_one(p, page);
		box->ops++;
	}
	/* All is well now: every page, from wherever it is. */
	for (unsigned long page = 0; alive && page < PAGES; page++)
		alive = read_one(p, page);
	if (!alive)
		box->killed++;
	p->ended = true;
	do_exit(box->t->q, p->task, 0);
}

static void start_process(struct testbox *t, void *arg)
{
	struct proc *p = arg;

	memset(p->wrote, 0, PAGES * sizeof(*p->wrote));
	p->ended = false;
	p->task = copy_process(t->q, NULL, 0);
	if (IS_ERR_OR_NULL(p->task) || exec_mmap(t->q, p->task, "lost", "lost", 5)) {
		if (!IS_ERR_OR_NULL(p->task))
			do_exit(t->q, p->task, 0);
		p->ended = true; /* no memory just now: the next time */
		return;
	}
	assert_non_null(model_spawn(t->m, "lost", process_main, p, p->task, -1));
}

/* ---- what goes wrong ---------------------------------------------------------------- */

static bool fail_io(void *ctx, const struct quire_bio *bio)
{
	struct lossbox *box = ctx;
	bool write = bio->op == QUIRE_BIO_WRITE;

	if (prng_below(&box->rng, 1000) >= (write ? box->fail_write : box->fail_read))
		return false;
	if (write)
		box->write_errors++;
	else
		box->read_errors++;
	return true;
}

static bool fail_compress(void *ctx, u64 pfn)
{
	struct lossbox *box = ctx;

	(void)pfn;
	if (prng_below(&box->rng, 1000) >= box->fail_compress)
		return false;
	box->bad_compress++;
	return true;
}

static void switch_extra(struct testbox *t, void *arg)
{
	struct lossbox *box = arg;
	unsigned long pages = (unsigned long)EXTRA_MB << (20 - PAGE_SHIFT);
	int err;

	if (!box->extra_on) {
		int on = swapon(t->q, box->extra, 0, pages, 5, "/dev/sdx", false);

		assert_true(!on || on == -ENOMEM);
		box->extra_on = !on;
		return;
	}
	err = swapoff(t->q, "/dev/sdx");
	box->extra_on = err != 0;
	box->offs++;
	box->off_failed += err != 0;
}

/* One change; the areas' switch runs beside the processes. */
static void mischief(struct testbox *t, void *arg)
{
	struct lossbox *box = arg;
	struct zswap_params *z = zswap_params(t->q);

	if (box->zram) {
		/* A limit of the pool comes and goes; chains are emptied. */
		box->zram->limit_pages = prng_below(&box->rng, 3) ? 0 : 256;
		if (box->zram->initialized)
			box->compacted += zs_compact(t->q, box->zram->pool);
	}
	if (t->q->swap->zswap->pool)
		box->compacted += zs_compact(t->q, t->q->swap->zswap->pool);
	z->shrinker_enabled = prng_below(&box->rng, 2);
	switch (prng_below(&box->rng, 8)) {
	case 0:
		box->fail_read = prng_below(&box->rng, 3) ? 100 : 0;
		break;
	case 1:
		box->fail_write = prng_below(&box->rng, 2) ? 0 : 100;
		break;
	case 2:
		box->fail_compress = prng_below(&box->rng, 4) ? 300 : 0;
		break;
	case 3:
		z->max_pool_percent = (unsigned int)prng_range(&box->rng, 1, 30);
		break;
	case 4:
		z->enabled = prng_below(&box->rng, 8) != 0;
		break;
	case 5:
	case 6:
		switch_extra(t, box);
		break;
	default:
		box->fail_read = box->fail_write = 0;
		if (box->gens)
			assert_int_equal(
				lru_gen_set_caps(t->q, (unsigned int)prng_below(&box->rng, 8)), 0);
	}
}

/* ---- the test ------------------------------------------------------------------------ */

static void setup_fn(struct testbox *t, void *arg)
{
	struct lossbox *box = arg;
	struct model_disk_config disk = {.name = "sdx",
					 .size_bytes = (u64)EXTRA_MB << 20,
					 .read_latency_ns = 100 * NSEC_PER_USEC,
					 .write_latency_ns = 100 * NSEC_PER_USEC,
					 .bandwidth = 500 << 20,
					 .queue_depth = 16};

	if (box->zram) {
		box->zram = zram_add(t->q);
		assert_false(IS_ERR(box->zram));
		assert_int_equal(zram_set_disksize(t->q, box->zram, (u64)EXTRA_MB << 20), 0);
		box->extra = box->zram->bdi;
	} else {
		box->extra = bdi_register(t->q, model_add_disk(t->m, &disk), "sdx");
	}
	assert_non_null(box->extra);
	zswap_params(t->q)->enabled = true;
	switch_extra(t, box);
	model_fail_io(t->m, fail_io, box);
	model_fail_compress(t->m, fail_compress, box);
}

static void run_on(struct lossbox *box)
{
	struct testbox *t = box->t;

	for (unsigned int round = 0; box->ops < box->max_ops; round++) {
		for (size_t i = 0; i < NR_PROCS; i++)
			if (box->proc[i].ended)
				testbox_call(t, start_process, &box->proc[i]);
		testbox_pass(t, prng_range(&box->rng, 50, 2000) * NSEC_PER_USEC);
		testbox_call(t, mischief, box);
		if (round % 64 == 0) {
			testbox_verify(t);
			box->verified++;
		}
	}
	box->fail_read = box->fail_write = box->fail_compress = 0;
	box->stop = true;
	for (size_t i = 0; i < NR_PROCS; i++)
		while (!box->proc[i].ended)
			testbox_pass(t, 100 * NSEC_PER_MSEC);
}

static void real_bytes(struct quire_config *cfg)
{
	cfg->real_bytes = true;
}

struct variant {
	const char *zpool;
	unsigned long ops;
	bool zram, bytes, gens;
};

static void nothing_lost(const struct variant *v)
{
	const char *zpool = v->zpool;
	unsigned long ops = v->ops;
	struct lossbox *box = calloc(1, sizeof(*box));
	struct testbox *t =
		testbox_new(&(struct testbox_config){.node_mb = {NODE_MB},
						     .swap_mb = SWAP_MB,
						     .swap_slots = true,
						     .tune = v->bytes ? real_bytes : NULL});

	assert_non_null(box);
	box->t = t;
	box->gens = v->gens;
	/* setup_fn() makes one. */
	box->zram = v->zram ? (void *)box : NULL;
	/* It begins with a little of everything. */
	box->fail_read = 50;
	box->fail_write = 50;
	box->fail_compress = 100;
	box->max_ops = getenv("QUIRE_LONG") ? 100 * ops : ops;
	prng_seed(&box->rng, t->seed);
	assert_int_equal(zswap_set_zpool(t->q, zpool), 0);
	for (size_t i = 0; i < NR_PROCS; i++) {
		box->proc[i].box = box;
		box->proc[i].ended = true;
		box->proc[i].wrote = calloc(PAGES, sizeof(u64));
		assert_non_null(box->proc[i].wrote);
		prng_seed(&box->proc[i].rng, t->seed * 100 + i);
	}
	testbox_call(t, setup_fn, box);
	run_on(box);
	testbox_verify(t);
	print_message(
		"# %s: %lu operations (%lu read, %lu written), out %ld pages, zswap %ld: SIGBUS "
		"%lu, "
		"%lu deaths; failed: reads %lu, writes %lu, compressions %lu, swapoff %lu of %lu; "
		"%lu frames compacted\n",
		zpool, box->ops, box->reads, box->writes, (long)global_vm_event(t->q, PSWPOUT),
		(long)global_vm_event(t->q, ZSWPOUT), box->sigbus, box->killed, box->read_errors,
		box->write_errors, box->bad_compress, box->off_failed, box->offs, box->compacted);
	/* It was as bad as it was meant to be. */
	assert_true(global_vm_event(t->q, PSWPOUT) && global_vm_event(t->q, ZSWPOUT));
	assert_true(box->read_errors && box->write_errors + box->bad_compress);
	assert_true(box->offs > box->off_failed && box->reads > box->ops / 4);
	if (!v->bytes)
		assert_true(box->sigbus);
	if (v->zram)
		assert_true(box->zram->stats.notify_free && box->zram->stats.failed_writes);
	if (!t->q->swap->zswap->zbud)
		assert_true(box->compacted);
	/* Freed slots that CPUs still have at hand keep their content. */
	assert_in_range(zswap_stats(t->q)->stored_pages, 0, 64 * t->q->nr_cpus);
	for (size_t i = 0; i < NR_PROCS; i++)
		free(box->proc[i].wrote);
	testbox_free(t);
	free(box);
}

static void test_zbud(void **state)
{
	(void)state;
	nothing_lost(&(struct variant){"zbud", 200000, false, false, false});
}

static void test_zsmalloc(void **state)
{
	(void)state;
	nothing_lost(&(struct variant){"zsmalloc", 200000, false, false, false});
}

/* A zram takes what zswap does not, before the disk. */
static void test_zram(void **state)
{
	(void)state;
	nothing_lost(&(struct variant){"zsmalloc", 200000, true, false, false});
}

static void test_bytes(void **state)
{
	(void)state;
	nothing_lost(&(struct variant){"zsmalloc", 200000, true, true, false});
}

/* Generations, switched on and off in the middle. */
static void test_lru_gen(void **state)
{
	(void)state;
	nothing_lost(&(struct variant){.zpool = "zsmalloc", .ops = 200000, .gens = true});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zbud),	cmocka_unit_test(test_zsmalloc),
		cmocka_unit_test(test_lru_gen), cmocka_unit_test(test_zram),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
