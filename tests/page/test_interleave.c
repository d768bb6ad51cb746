/* SPDX-License-Identifier: MIT */
/*
 * Two virtual CPUs at the page allocator, their turns decided by a seed: pages that
 * one takes the other gives back, lists are drained, memory is compacted, areas are
 * emptied and switches are thrown in between.  Whoever holds a page has it alone,
 * and all of them come back.
 */
#include "tests/lib/testlib.h"
#include "page/debug.h"
#include "page/trace.h"
#include "reclaim/compaction.h"

#define NR_SLOTS 96
#define NR_STEPS 1500
#define NR_SEEDS 12

struct slot {
	struct page *page;
	unsigned int order;
	bool busy; /* somebody is at it: between two of his turns */
};

struct race {
	struct testbox *t;
	struct prng rng; /* of both: whose turn it was decides what comes next */
	struct slot slot[NR_SLOTS];
	unsigned int running;
	unsigned long failed;
};

/* A while goes by in the middle of things: the other may have his turn. */
static void turn(struct race *r)
{
	charge_ns(r->t->q, prng_below(&r->rng, 4) * NSEC_PER_MSEC);
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

static void something_else(struct race *r)
{
	struct quire *q = r->t->q;
	struct zone *zone = &NODE_DATA(q, prng_below(&r->rng, 2))->node_zones[ZONE_DMA32];
	struct page *page;
	unsigned long nr;

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
	for (unsigned int i = 0; i < NR_STEPS; i++) {
		take_or_give(r, &r->slot[prng_below(&r->rng, NR_SLOTS)]);
		if (!prng_below(&r->rng, 40))
			something_else(r);
		turn(r);
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
	drain_all_pages(t->q, NULL);
}

static void test_two_cpus(__unused void **state)
{
	u64 first = testbox_seed(1);

	for (u64 seed = first; seed < first + NR_SEEDS; seed++) {
		struct race r = {.running = 2};

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
