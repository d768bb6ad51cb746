/* SPDX-License-Identifier: MIT */
/*
 * Several virtual CPUs at one mapped file, their turns decided by a seed at every lock
 * (model_explore()): one process reads and writes it through a private and a shared
 * mapping and forks, while others cut it, let it grow, write it back and take its pages
 * away.
 *
 * Once a cut is done nothing beyond it is mapped, not even copies that were under way.
 * A page of the private mapping has what was written to it last, if the file was not cut
 * below it since.
 *
 *	QUIRE_SEED=N	begins elsewhere
 */
#include "thp_test.h"

#define NR_SEEDS 4
#define NR_STEPS 1500
#define PAGES	 24UL
#define PG(n)	 ((u64)(n) << PAGE_SHIFT)

struct cutter {
	struct testbox *t;
	struct prng rng; /* of all: whose turn it was decides what comes next */
	struct task *task;
	struct file *file;
	u64 private, shared;
	unsigned int running;
	bool ready, over;
	unsigned long cuts[PAGES]; /* of each page: how often it went */
	unsigned long refused, forks;
};

static struct cutter race;

static u64 pages_of(const struct cutter *c)
{
	return c->file->f_inode->i_size >> PAGE_SHIFT;
}

/* The program handles its SIGBUS. */
static void calm(struct task *task)
{
	assert_true(fatal_signal_pending(task));
	task->sigkill_pending = false;
	task->signal->group_exit = false;
}

static bool touch_one(struct cutter *c, struct task *task, u64 addr, u64 seed, u64 *seen)
{
	struct touch what = {.addr = addr,
			     .nr_pages = 1,
			     .write = seed != 0,
			     .kind = CONTENT_SAME,
			     .seed = seed,
			     .seen = seen};

	if (mmu_touch(c->t->m, task, &what) == 1)
		return true;
	calm(task);
	c->refused++;
	return false;
}

static void fork_and_touch(struct cutter *c)
{
	struct task *child = fork_task(c->t, c->task);

	for (int k = 0; k < 10; k++) {
		u64 at = PG(prng_below(&c->rng, PAGES));

		(void)touch_one(c, child, (prng_below(&c->rng, 2) ? c->private : c->shared) + at,
				prng_below(&c->rng, 2) * 77, NULL);
	}
	end_child(c->t, child);
	c->forks++;
}

static void process(void *arg)
{
	static u64 now[PAGES];
	static unsigned long cuts[PAGES];
	struct cutter *c = arg;
	struct mm_struct *mm = c->task->mm;

	memset(now, 0, sizeof(now));
	c->private = do_mmap(c->t->q, mm, 0, PG(PAGES), RW, MAP_PRIVATE, c->file, 0);
	c->shared = do_mmap(c->t->q, mm, 0, PG(PAGES), RW, MAP_SHARED, c->file, 0);
	assert_false(IS_ERR_VALUE(c->private) || IS_ERR_VALUE(c->shared));
	c->ready = true;
	for (unsigned int step = 0; step < NR_STEPS; step++) {
		unsigned long i = prng_below(&c->rng, PAGES), before = c->cuts[i];
		u64 value = 1 + prng_below(&c->rng, 1000), seen = 0;

		switch (prng_below(&c->rng, 4)) {
		case 0:
			(void)touch_one(c, c->task, c->shared + PG(i), value, NULL);
			break;
		case 1:
			if (touch_one(c, c->task, c->private + PG(i), value, NULL)) {
				now[i] = CONTENT(CONTENT_SAME, value);
				cuts[i] = before;
			} else {
				now[i] = 0;
			}
			break;
		default:
			if (!touch_one(c, c->task, c->private + PG(i), 0, &seen))
				now[i] = 0;
			else if (now[i] && cuts[i] == c->cuts[i])
				assert_int_equal(seen, now[i]);
		}
		if (!prng_below(&c->rng, 60))
			fork_and_touch(c);
		if (!prng_below(&c->rng, 10))
			model_sleep(c->t->m, prng_below(&c->rng, 20000));
	}
	c->over = true;
	while (c->running > 1)
		model_sleep(c->t->m, NSEC_PER_MSEC);
	do_exit(c->t->q, c->task, 0);
	c->running--;
}

static void wait_for_process(struct cutter *c)
{
	while (!c->ready)
		model_sleep(c->t->m, 1000);
}

static void nothing_mapped(struct cutter *c, u64 from)
{
	for (u64 i = from; i < PAGES; i++)
		for (int k = 0; k < 2; k++) {
			pte_t *ptep = pte_of(c->t, c->task, (k ? c->private : c->shared) + PG(i));

			if (ptep && !pte_none(*ptep))
				fail_msg("page %lu of the %s mapping is beyond the end, and there",
					 (unsigned long)i, k ? "private" : "shared");
		}
}

static void cut(__unused struct quire *q, void *arg)
{
	struct cutter *c = arg;

	wait_for_process(c);
	while (!c->over) {
		u64 size = prng_below(&c->rng, PAGES);

		for (u64 i = size; i < PAGES; i++)
			c->cuts[i]++;
		truncate_setsize(c->t->q, c->file->f_inode, PG(size));
		for (u64 i = size; i < PAGES; i++)
			c->cuts[i]++; /* what was written meanwhile may be gone, too */
		nothing_mapped(c, size);
		model_sleep(c->t->m, prng_below(&c->rng, 10000));
		assert_int_equal(pages_of(c), size);
		nothing_mapped(c, size);
		truncate_setsize(c->t->q, c->file->f_inode, PG(PAGES));
		model_sleep(c->t->m, prng_below(&c->rng, 50000));
	}
	c->running--;
}

static void take_away(__unused struct quire *q, void *arg)
{
	struct cutter *c = arg;

	wait_for_process(c);
	while (!c->over) {
		switch (prng_below(&c->rng, 4)) {
		case 0:
			drop_pagecache(c->t->q);
			break;
		case 1:
			(void)vfs_fsync(c->t->q, c->file);
			break;
		default:
			(void)do_madvise(c->t->q, c->task->mm,
					 prng_below(&c->rng, 2) ? c->private : c->shared, PG(PAGES),
					 MADV_PAGEOUT);
		}
		model_sleep(c->t->m, prng_below(&c->rng, 50000));
	}
	c->running--;
}

static void start(struct testbox *t, void *arg)
{
	struct cutter *c = arg;

	c->file = testbox_file(t, t->sb, PG(PAGES));
	c->task = copy_process(t->q, NULL, 0);
	assert_false(IS_ERR_OR_NULL(c->task));
	assert_int_equal(exec_mmap(t->q, c->task, "process", "process", 8), 0);
	assert_non_null(model_spawn(t->m, "process", process, c, c->task, -1));
	assert_int_equal(kthread_run(t->q, "cutter", cut, c, -1), 0);
	assert_int_equal(kthread_run(t->q, "reclaimer", take_away, c, -1), 0);
	model_explore(t->m, t->seed, 1 + (unsigned int)prng_below(&c->rng, 6));
}

static void finish(struct testbox *t, void *arg)
{
	struct cutter *c = arg;

	c->file->f_inode->i_nlink = 0;
	fput(t->q, c->file);
}

static void explore_once(u64 seed)
{
	struct cutter *c = &race;
	struct testbox *t = testbox_new(&(struct testbox_config){
		.node_mb = {96}, .cpus = 4, .disk = true, .swap_mb = 32, .seed = seed});

	memset(c, 0, sizeof(*c));
	c->t = t;
	c->running = 3;
	prng_seed(&c->rng, seed);
	testbox_call(t, start, c);
	for (unsigned int i = 0; i < 2000 && c->running; i++)
		testbox_pass(t, NSEC_PER_SEC / 10);
	assert_int_equal(c->running, 0);
	assert_true(model_nr_stalls(t->m) > 1000 && c->refused > 10 && c->forks > 5);
	model_explore(t->m, 0, 0);
	testbox_call(t, finish, c);
	testbox_pass(t, NSEC_PER_SEC);
	testbox_verify(t);
	testbox_free(t);
}

static void test_explored(__unused void **state)
{
	u64 first = testbox_seed(1);

	for (u64 seed = first; seed < first + NR_SEEDS; seed++)
		explore_once(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_explored)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
