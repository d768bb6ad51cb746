/* SPDX-License-Identifier: MIT */
/*
 * Several virtual CPUs at one address space, their turns decided by a seed at every
 * lock (model_explore()): one thread faults, writes and forks while another unmaps
 * and gives up the same pages, and a third flow of control takes them away: swaps
 * them out, collapses and splits huge pages, makes hints, moves them to other nodes.
 *
 * Each page has what was written last, or zeros if it was given up since; a child
 * has what its parent had as it forked.
 *
 *	QUIRE_SEED=N	begins elsewhere
 */
#include "thp_test.h"
#include "reclaim/compaction.h"
#include "reclaim/numa.h"

#define NR_SEEDS 5
#define NR_STEPS 700
#define PAGES	 (2 * HPAGES)

struct twins {
	struct testbox *t;
	struct prng rng; /* of all: whose turn it was decides what comes next */
	struct task *one, *two;
	struct mm_struct *mm;
	u64 a;
	unsigned int running;
	bool ready, over;
	u64 now[PAGES];
	bool maybe_zero[PAGES];
	u8 zapping[PAGES]; /* somebody is at it now */
};

static struct twins race;

static u64 random_page(struct twins *r, unsigned long *n)
{
	unsigned long first = prng_below(&r->rng, PAGES);

	if (prng_below(&r->rng, 4) == 0) {
		first = ALIGN_DOWN(first, HPAGES);
		*n = HPAGES;
	} else {
		*n = 1 + prng_below(&r->rng, min(PAGES - first, 40UL));
	}
	return first;
}

/* ---- writes, reads, forks -------------------------------------------------------- */

static void write_one(struct twins *r, unsigned long i, u64 value)
{
	bool zapped = r->zapping[i] != 0;

	r->maybe_zero[i] = zapped;
	touch(r->t, r->one, r->a + i * PAGE_SIZE, 1, value);
	r->now[i] = CONTENT(CONTENT_SAME, value);
}

static void read_one(struct twins *r, struct task *task, unsigned long i, u64 now, bool maybe_zero)
{
	u64 seen = ~0UL;
	struct touch what = {.addr = r->a + i * PAGE_SIZE, .nr_pages = 1, .seen = &seen};

	assert_int_equal(mmu_touch(r->t->m, task, &what), 1);
	if (seen || !(maybe_zero || (task == r->one && r->maybe_zero[i])))
		assert_int_equal(seen, now);
}

static void fork_and_look(struct twins *r)
{
	static u64 now[PAGES];
	static bool maybe_zero[PAGES];
	struct task *child;

	memcpy(now, r->now, sizeof(now));
	child = fork_task(r->t, r->one);
	/* Nobody else writes; what was given up by now may be gone in the child. */
	memcpy(maybe_zero, r->maybe_zero, sizeof(maybe_zero));
	for (int k = 0; k < 30; k++) {
		unsigned long i = prng_below(&r->rng, PAGES);

		read_one(r, child, i, now[i], maybe_zero[i]);
		if (k % 4 == 0)
			write_one(r, i, 1 + prng_below(&r->rng, 1000));
	}
	end_child(r->t, child);
}

static void thread_one(void *arg)
{
	struct twins *r = arg;

	r->a = map_huge(r->t, r->one, PAGES / HPAGES);
	r->mm = r->one->mm;
	r->ready = true;
	for (unsigned int step = 0; step < NR_STEPS; step++) {
		unsigned long i = prng_below(&r->rng, PAGES);

		if (prng_below(&r->rng, 2))
			write_one(r, i, 1 + prng_below(&r->rng, 1000));
		else
			read_one(r, r->one, i, r->now[i], false);
		if (!prng_below(&r->rng, 40))
			fork_and_look(r);
		if (!prng_below(&r->rng, 20))
			model_sleep(r->t->m, prng_below(&r->rng, 100000));
	}
	r->over = true;
	while (r->running > 1)
		model_sleep(r->t->m, NSEC_PER_MSEC);
	for (unsigned long i = 0; i < PAGES; i++)
		read_one(r, r->one, i, r->now[i], false);
	do_exit(r->t->q, r->one, 0);
	r->running--;
}

/* ---- takes away ------------------------------------------------------------------ */

static void wait_for_memory(const struct twins *r)
{
	while (!r->ready)
		model_sleep(r->t->m, 1000);
}

static void thread_two(void *arg)
{
	struct twins *r = arg;
	struct quire *q = r->t->q;

	wait_for_memory(r);
	while (!r->over) {
		unsigned long n, first = random_page(r, &n);
		u64 addr = r->a + first * PAGE_SIZE;

		for (unsigned long i = first; i < first + n; i++) {
			r->zapping[i]++;
			r->maybe_zero[i] = true;
		}
		if (prng_below(&r->rng, 2))
			assert_int_equal(madvise_dontneed(q, r->mm, addr, n * PAGE_SIZE), 0);
		else /* unmapped and mapped in one step: a fault finds the one or the other */
			assert_int_equal(do_mmap(q, r->mm, addr, n * PAGE_SIZE, RW,
						 ANON | MAP_FIXED, NULL, 0),
					 addr);
		for (unsigned long i = first; i < first + n; i++)
			r->zapping[i]--;
		model_sleep(r->t->m, prng_below(&r->rng, 50000));
	}
	do_exit(q, r->two, 0);
	r->running--;
}

static void hints(struct twins *r, u64 addr, u64 len)
{
	struct vm_area_struct *vma;

	down_read(r->t->q, &r->mm->mmap_lock);
	vma = find_vma(r->mm, addr);
	(void)change_prot_numa(r->t->q, vma, addr, min(addr + len, vma->vm_end));
	up_read(r->t->q, &r->mm->mmap_lock);
}

static void reclaimer(struct quire *q, void *arg)
{
	struct twins *r = arg;

	wait_for_memory(r);
	while (!r->over) {
		nodemask_t from = {{1UL << prng_below(&r->rng, 2)}}, to = {{3 ^ from.bits[0]}};
		unsigned long n, first = random_page(r, &n);
		u64 addr = r->a + first * PAGE_SIZE, len = n * PAGE_SIZE;

		switch (prng_below(&r->rng, 7)) {
		case 0 ... 2:
			(void)do_madvise(q, r->mm, addr, len, MADV_PAGEOUT);
			break;
		case 3:
			(void)do_madvise(q, r->mm, addr, len, MADV_COLLAPSE);
			break;
		case 4:
			(void)do_migrate_pages(q, r->mm, &from, &to, MPOL_MF_MOVE_ALL);
			break;
		case 5:
			hints(r, addr, len);
			break;
		default:
			compact_node(q, (unsigned int)prng_below(&r->rng, 2));
		}
		model_sleep(r->t->m, prng_below(&r->rng, 50000));
	}
	r->running--;
}

static void start(struct testbox *t, void *arg)
{
	struct twins *r = arg;

	r->one = copy_process(t->q, NULL, 0);
	assert_false(IS_ERR_OR_NULL(r->one));
	assert_int_equal(exec_mmap(t->q, r->one, "twins", "twins", 6), 0);
	r->two = copy_process(t->q, r->one, CLONE_VM | CLONE_THREAD);
	assert_false(IS_ERR_OR_NULL(r->two));
	assert_non_null(model_spawn(t->m, "one", thread_one, r, r->one, -1));
	assert_non_null(model_spawn(t->m, "two", thread_two, r, r->two, -1));
	assert_int_equal(kthread_run(t->q, "reclaimer", reclaimer, r, 1), 0);
	model_explore(t->m, t->seed, 1 + (unsigned int)prng_below(&r->rng, 8));
}

static void explore_once(u64 seed)
{
	struct twins *r = &race;
	struct testbox *t = testbox_new(&(struct testbox_config){
		.nr_nodes = 2, .node_mb = {64, 64}, .cpus = 2, .swap_mb = 64, .seed = seed});

	memset(r, 0, sizeof(*r));
	r->t = t;
	r->running = 3;
	prng_seed(&r->rng, seed);
	thp_on(t);
	t->q->space->numa.enabled = 1;
	zswap_params(t->q)->enabled = seed % 2;
	testbox_call(t, start, r);
	for (unsigned int i = 0; i < 2000 && r->running; i++)
		testbox_pass(t, NSEC_PER_SEC / 10);
	assert_int_equal(r->running, 0);
	assert_true(model_nr_stalls(t->m) > 1000);
	assert_true(event(t, PSWPOUT) + event(t, ZSWPOUT) > 0 && event(t, PGMIGRATE_SUCCESS) > 0);
	model_explore(t->m, 0, 0);
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
