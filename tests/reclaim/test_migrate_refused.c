/* SPDX-License-Identifier: MIT */
/*
 * Huge pages that are to move when there is no memory to move them to: each page that is
 * asked for is refused in turn.  They hold what they held, wherever they are then.
 */
#include "proc/proc.h"
#include "reclaim/compaction.h"
#include "reclaim/numa.h"
#include "tests/reclaim/huge_test.h"

/* Two transparent ones, one of them mapped both ways by a child, and two of the pool. */
struct kinds {
	u64 thp, own, shared;
	struct task *child;
};

static void make_kinds(struct testbox *t, struct kinds *k)
{
	k->thp = map_huge(t, t->task, 2);
	touch(t, t->task, k->thp, 2 * HPAGES, 7);
	k->own = map_pool(t, 1, HUGEMAP, 8);
	k->shared = map_pool(t, 1, SHARED, 9);
	k->child = fork_task(t, t->task);
	touch(t, k->child, k->shared, HPAGES, 9);
	assert_int_equal(do_munmap(t->q, k->child->mm, k->thp + 5 * PAGE_SIZE, 7 * PAGE_SIZE), 0);
	lru_add_drain_all(t->q);
}

/* Both have what they had, wherever it is now; then all of it goes. */
static void check_kinds(struct testbox *t, struct kinds *k)
{
	struct task *tasks[2] = {t->task, k->child};

	testbox_verify(t);
	assert_int_equal(global_node_page_state(t->q, NR_ISOLATED_ANON), 0);
	for (unsigned int i = 0; i < 2; i++) {
		holds(t, tasks[i], k->thp, i ? 5 : HPAGES, 7);
		holds(t, tasks[i], k->thp + 12 * PAGE_SIZE, 2 * HPAGES - 12, 7);
		holds(t, tasks[i], k->own, HPAGES, 8);
		holds(t, tasks[i], k->shared, HPAGES, 9);
	}
	end_child(t, k->child);
	assert_int_equal(do_munmap(t->q, t->task->mm, k->thp, 2 * PMD_SIZE), 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, k->own, HUGE), 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, k->shared, HUGE), 0);
	assert_int_equal(pool(t)->free_huge_pages, pool(t)->nr_huge_pages);
	testbox_verify(t);
}

/* Which requests for pages are refused: the nth, and all for huge ones or only it. */
struct refusal {
	unsigned long nth, seen, refused;
	bool all_huge;
};

static bool refuse(__unused struct quire *q, __unused gfp_t gfp, unsigned int order, void *ctx)
{
	struct refusal *r = ctx;
	bool no = r->all_huge && order == HPAGE_PMD_ORDER;

	if (!no)
		no = ++r->seen == r->nth;
	r->refused += no;
	return no;
}

/* All of them to the other node. */
static int move_kinds(struct testbox *t, struct refusal *r)
{
	nodemask_t from = {{1}}, to = {{2}};
	int left;

	assert_int_equal(do_migrate_pages(t->q, t->task->mm, &to, &from, MPOL_MF_MOVE_ALL), 0);
	lru_add_drain_all(t->q);
	set_fail_alloc(t->q, refuse, r);
	left = do_migrate_pages(t->q, t->task->mm, &from, &to, MPOL_MF_MOVE_ALL);
	set_fail_alloc(t->q, NULL, NULL);
	return left;
}

/* Each page that moving asks for is refused in turn; then every huge one, and of the
 * small ones that are asked for instead one after another. */
static void run_refused(struct testbox *t, __unused void *arg)
{
	struct refusal r = {.nth = 0, .refused = 1};
	unsigned long stayed = 0;
	struct kinds k;

	resize(t, 2);
	while (r.refused) {
		r = (struct refusal){.nth = r.nth + 1};
		make_kinds(t, &k);
		stayed += move_kinds(t, &r) != 0;
		check_kinds(t, &k);
	}
	/* Each of the four was refused its page; those of the pool stay then. */
	assert_in_range(r.nth, 5, 20);
	assert_true(stayed >= 2);
	for (unsigned long n = 0; n < 1100; n += n < 4 ? 1 : n < 504 ? 100 : n < 516 ? 4 : 250) {
		r = (struct refusal){.nth = n, .all_huge = true};
		make_kinds(t, &k);
		assert_true(move_kinds(t, &r) > 0);
		assert_true(r.refused >= 2);
		check_kinds(t, &k);
	}
	resize(t, 0);
}

/* A range is wanted, and each page that this takes is refused in turn. */
static void run_contig_refused(struct testbox *t, __unused void *arg)
{
	struct zone *zone = &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32];
	u64 nr = 32 * HPAGES, at = nr;
	unsigned int failed = 0;
	struct full f;

	fill(t, &f);
	for (unsigned long n = 1; n < 12; n++) {
		struct refusal r = {.nth = n};
		struct found was = {0};
		int err;

		for (u64 i = at; i + nr < zone_end_pfn(zone); i += HPAGES) {
			was = look(t, i, i + nr);
			at = i;
			if (was.thp && was.used && was.free)
				break;
		}
		assert_true(was.thp || was.used || was.free);
		set_fail_alloc(t->q, refuse, &r);
		err = alloc_contig_range(t->q, zone, at, at + nr, MIGRATE_MOVABLE);
		set_fail_alloc(t->q, NULL, NULL);
		assert_true(!err || err == -EBUSY || err == -ENOMEM);
		failed += err != 0;
		testbox_verify(t);
		assert_int_equal(pool(t)->nr_huge_pages, ROUNDS * 12);
		assert_int_equal(global_node_page_state(t->q, NR_ISOLATED_ANON), 0);
		if (!err)
			free_contig_range(t->q, at, nr);
		testbox_verify(t);
	}
	assert_true(failed);
	check_and_empty(t, &f);
}

TEST(refused, two_nodes)
TEST(contig_refused, one_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_contig_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
