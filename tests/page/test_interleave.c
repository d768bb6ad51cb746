/* SPDX-License-Identifier: MIT */
/*
 * Two virtual CPUs at the page allocator, their turns decided by a seed: pages that
 * one takes the other gives back, lists are drained, memory is compacted, areas are
 * emptied and switches are thrown in between.  Whoever holds a page has it alone,
 * and all of them come back.
 *
 * First they change where the code says so; then at any lock (model_explore()), with
 * a process whose pages, small, huge and of a pool, are moved about meanwhile.
 */
#include "tests/space/thp_test.h"
#include "page/debug.h"
#include "page/trace.h"
#include "page/hugetlb.h"
#include "reclaim/compaction.h"
#include "reclaim/numa.h"
#include "space/mempolicy.h"

#define NR_SLOTS    96
#define NR_STEPS    1500
#define NR_SEEDS    12
#define NR_EXPLORED 6 /* QUIRE_SEED=N begins elsewhere */
#define HUGE_BYTES  (2UL << 20)

struct slot {
	struct page *page;
	unsigned int order;
	bool busy; /* somebody is at it: between two of his turns */
};

struct race {
	struct testbox *t;
	struct prng rng; /* of both: whose turn it was decides what comes next */
	struct slot slot[NR_SLOTS];
	unsigned int running, steps;
	bool explored;
	struct mm_struct *mm; /* of the process, while it runs; NULL: nobody explores */
	unsigned long failed;
};

/* A while goes by in the middle of things: the other may have his turn. */
static void turn(struct race *r)
{
	/* Where CPUs stand still for a us at most, what they do must be as close. */
	charge_ns(r->t->q, prng_below(&r->rng, 4) * (r->explored ? 200 : NSEC_PER_MSEC));
	cond_resched(r->t->q);
}

static void stamp(struct race *r, const struct slot *s, bool check)
{
	struct quire *q = r->t->q;
	u64 pfn = page_to_pfn(q, s->page), mark = (u64)(s - r->slot) + 1;

	for (u64 p = pfn; p < pfn + (1UL << s->order); p++) {
		unsigned long value = 0;

		if (!check)
			hot_fill_page(q->hot, p, mark);
		else if (!hot_page_same_filled(q->hot, p, &value) || value != mark)
			fail_msg("frame %#lx was somebody else's too", (unsigned long)p);
	}
}

static void take_or_give(struct race *r, struct slot *s)
{
	static const gfp_t gfps[] = {GFP_KERNEL, GFP_HIGHUSER_MOVABLE,
				     GFP_KERNEL | __GFP_RECLAIMABLE, GFP_ATOMIC};
	struct quire *q = r->t->q;

	if (s->busy)
		return;
	s->busy = true;
	turn(r);
	if (s->page) {
		stamp(r, s, true);
		__free_pages(q, s->page, s->order);
		s->page = NULL;
	} else {
		s->order =
			prng_below(&r->rng, 8) ? prng_below(&r->rng, 4) : prng_below(&r->rng, 11);
		s->page = alloc_pages_node(q, prng_below(&r->rng, 2),
					   gfps[prng_below(&r->rng, 4)] | __GFP_NOWARN, s->order);
		if (s->page)
			stamp(r, s, false);
		r->failed += !s->page;
	}
	turn(r);
	s->busy = false;
}

static void move_things(struct race *r)
{
	struct quire *q = r->t->q;
	struct zone *zone = &NODE_DATA(q, prng_below(&r->rng, 2))->node_zones[ZONE_DMA32];
	nodemask_t from = {{1UL << prng_below(&r->rng, 2)}}, to = {{3 ^ from.bits[0]}};
	u64 blocks = zone->spanned_pages >> pageblock_order, start;
	struct mm_struct *mm = r->mm;

	switch (prng_below(&r->rng, 3)) {
	case 0:
		if (!mm)
			return;
		mmget(mm);
		(void)do_migrate_pages(q, mm, &from, &to, MPOL_MF_MOVE_ALL);
		mmput(q, mm);
		break;
	case 1:
		(void)set_max_huge_pages(q, default_hstate(q), prng_below(&r->rng, 6), NUMA_NO_NODE,
					 NULL);
		break;
	default:
		start = ALIGN(zone->zone_start_pfn, HPAGES) +
			prng_below(&r->rng, blocks - 2) * HPAGES;
		if (!alloc_contig_range(q, zone, start, start + HPAGES, MIGRATE_MOVABLE)) {
			turn(r);
			free_contig_range(q, start, HPAGES);
		}
	}
}

static void something_else(struct race *r)
{
	struct quire *q = r->t->q;
	struct zone *zone = &NODE_DATA(q, prng_below(&r->rng, 2))->node_zones[ZONE_DMA32];
	struct page *page;
	unsigned long nr;

	if (r->explored && prng_below(&r->rng, 2)) {
		move_things(r);
		return;
	}
	switch (prng_below(&r->rng, 6)) {
	case 0:
		drain_all_pages(q, NULL);
		break;
	case 1:
		compact_node(q, zone_to_nid(zone));
		break;
	case 2:
		nr = 1 + prng_below(&r->rng, 600);
		page = cma_alloc(q, &q->page->cma->areas[0], nr, 0, true);
		turn(r);
		if (page)
			assert_true(cma_release(q, &q->page->cma->areas[0], page, nr));
		break;
	case 3:
		assert_int_equal(page_owner_enable(q, !(q->keys & KEY_PAGE_OWNER)), 0);
		break;
	case 4:
		setup_per_zone_wmarks(q);
		break;
	default:
		(void)trace_set_event(q, TRACE_MM_PAGE_FREE, prng_below(&r->rng, 2));
	}
}

static void worker(struct quire *q, void *arg)
{
	struct race *r = arg;

	(void)q;
	for (unsigned int i = 0; i < r->steps; i++) {
		take_or_give(r, &r->slot[prng_below(&r->rng, NR_SLOTS)]);
		if (!prng_below(&r->rng, 40))
			something_else(r);
		turn(r);
	}
	r->running--;
}

/* Goes on by itself: touches, and forks now and then. */
static void process(void *arg)
{
	struct race *r = arg;
	struct task *task = current_task(r->t->q);
	u64 a = map_huge(r->t, task, 3), b = 0;

	r->mm = task->mm;
	for (unsigned int i = 0; i < r->steps; i++) {
		u64 at = a + prng_below(&r->rng, 3 * HPAGES) * PAGE_SIZE;

		touch(r->t, task, at, 1, 1 + at / PAGE_SIZE % 1000);
		if (!prng_below(&r->rng, 30))
			(void)madvise_dontneed(r->t->q, task->mm, at, PAGE_SIZE);
		if (!prng_below(&r->rng, 60))
			end_child(r->t, fork_task(r->t, task));
		if (!prng_below(&r->rng, 50) && !b) {
			b = do_mmap(r->t->q, task->mm, 0, HUGE_BYTES, RW, ANON | MAP_HUGETLB, NULL,
				    0);
			b = IS_ERR_VALUE(b) ? 0 : b;
		} else if (b) {
			touch(r->t, task, b, 1, 77);
			if (!prng_below(&r->rng, 20)) {
				assert_int_equal(do_munmap(r->t->q, task->mm, b, HUGE_BYTES), 0);
				b = 0;
			}
		}
		if (!prng_below(&r->rng, 10))
			turn(r);
	}
	r->mm = NULL;
	for (u64 i = 0; i < 3 * HPAGES; i++) {
		u64 at = a + i * PAGE_SIZE, content = 0;

		if (mmu_peek(r->t->m, task, at, &content) && content)
			assert_int_equal(content, CONTENT(CONTENT_SAME, 1 + at / PAGE_SIZE % 1000));
	}
	r->running--;
}

static void tune(struct quire_config *cfg)
{
	cfg->cma_bytes = 8UL << 20;
}

static void start(struct testbox *t, void *arg)
{
	assert_int_equal(kthread_run(t->q, "one", worker, arg, 0), 0);
	assert_int_equal(kthread_run(t->q, "two", worker, arg, 1), 0);
}

static void finish(struct testbox *t, void *arg)
{
	struct race *r = arg;

	for (struct slot *s = r->slot; s < r->slot + NR_SLOTS; s++) {
		if (!s->page)
			continue;
		stamp(r, s, true);
		__free_pages(t->q, s->page, s->order);
	}
	assert_int_equal(page_owner_enable(t->q, false), 0);
	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 0, NUMA_NO_NODE, NULL), 0);
	drain_all_pages(t->q, NULL);
}

static void test_two_cpus(__unused void **state)
{
	u64 first = testbox_seed(1);

	for (u64 seed = first; seed < first + NR_SEEDS; seed++) {
		struct race r = {.running = 2, .steps = NR_STEPS};

		r.t = testbox_new(&(struct testbox_config){
			.nr_nodes = 2, .node_mb = {64, 64}, .cpus = 1, .seed = seed, .tune = tune});
		prng_seed(&r.rng, seed);
		testbox_call(r.t, start, &r);
		for (unsigned int i = 0; i < 1000 && r.running; i++) {
			testbox_pass(r.t, NSEC_PER_SEC);
			if (i % 10 == 3)
				testbox_verify(r.t);
		}
		assert_int_equal(r.running, 0);
		testbox_call(r.t, finish, &r);
		testbox_verify(r.t);
		testbox_free(r.t);
	}
}

static void start_explored(struct testbox *t, void *arg)
{
	struct race *r = arg;
	struct task *task = fork_task(t, t->q->space->init_task);

	start(t, arg);
	assert_non_null(model_spawn(t->m, "process", process, r, task, -1));
	model_explore(t->m, t->seed, 1 + (unsigned int)prng_below(&r->rng, 6));
}

static void explore_once(u64 seed)
{
	struct race r = {.running = 3, .steps = NR_STEPS, .explored = true};
	struct testbox *t = testbox_new(&(struct testbox_config){
		.nr_nodes = 2, .node_mb = {64, 64}, .cpus = 2, .seed = seed, .tune = tune});

	r.t = t;
	thp_on(t);
	prng_seed(&r.rng, seed);
	testbox_call(t, start_explored, &r);
	for (unsigned int i = 0; i < 1000 && r.running; i++)
		testbox_pass(t, NSEC_PER_SEC);
	assert_int_equal(r.running, 0);
	assert_true(model_nr_stalls(t->m) > 1000 && event(t, PGMIGRATE_SUCCESS) > 500);
	/* All come out of what they were at. */
	model_explore(t->m, 0, 0);
	testbox_pass(t, NSEC_PER_SEC);
	testbox_call(t, finish, &r);
	testbox_verify(t);
	testbox_free(t);
}

static void test_explored(__unused void **state)
{
	u64 first = testbox_seed(1);

	for (u64 seed = first; seed < first + NR_EXPLORED; seed++)
		explore_once(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_cpus),
		cmocka_unit_test(test_explored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
