/* SPDX-License-Identifier: MIT */
/*
 * Control groups: the tree, charges, limits with a reclaim and a killer that
 * the test plays, pressure, and every invariant broken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "tests/lib/lower.h"

/* ---- a reclaim and a killer: they free pages that the test charged ------------ */

#define MAX_PAGES 4096

static struct {
	struct page *pages[MAX_PAGES]; /* charged; reclaim frees from the end */
	unsigned int nr;
	unsigned int reclaimable; /* how many of them reclaim may free */
	unsigned int nr_reclaims, nr_kills;
	unsigned int kill_frees;
	struct mem_cgroup *current, *reclaimed, *killed;
} fake;

static void free_last(struct quire *q)
{
	struct page *page = fake.pages[--fake.nr];
	unsigned int order = compound_order(page);

	mem_cgroup_uncharge(q, page);
	__free_pages(q, page, order);
}

static unsigned long fake_reclaim(struct quire *q, struct mem_cgroup *memcg, unsigned long nr_pages,
				  gfp_t gfp)
{
	unsigned long freed = 0;

	(void)gfp;
	fake.nr_reclaims++;
	fake.reclaimed = memcg;
	while (freed < nr_pages && fake.reclaimable && fake.nr) {
		fake.reclaimable--;
		free_last(q);
		freed++;
	}
	return freed;
}

static bool fake_oom(struct quire *q, struct mem_cgroup *memcg, gfp_t gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	fake.nr_kills++;
	fake.killed = memcg;
	if (!fake.kill_frees)
		return false;
	for (unsigned int i = 0; i < fake.kill_frees && fake.nr; i++)
		free_last(q);
	return true;
}

static struct mem_cgroup *fake_current(struct quire *q)
{
	(void)q;
	return fake.current;
}

static struct lower *boot(void)
{
	struct lower *l = lower_boot(2, 96, 2);

	memset(&fake, 0, sizeof(fake));
	l->q->group->ops = (struct group_pressure_ops){
		.try_to_free_mem_cgroup_pages = fake_reclaim,
		.mem_cgroup_out_of_memory = fake_oom,
		.current_memcg = fake_current,
	};
	return l;
}

static int charge_order(struct lower *l, struct mem_cgroup *memcg, gfp_t gfp, unsigned int order)
{
	struct page *page = alloc_pages(l->q, GFP_KERNEL | (order ? __GFP_COMP : 0), order);
	int err;

	assert_non_null(page);
	err = mem_cgroup_charge(l->q, page, memcg, gfp);
	if (err) {
		assert_null(page->memcg);
		__free_pages(l->q, page, order);
	} else {
		fake.pages[fake.nr++] = page;
	}
	return err;
}

static int charge(struct lower *l, struct mem_cgroup *memcg, unsigned int nr)
{
	int err = 0;

	while (nr-- && !err)
		err = charge_order(l, memcg, GFP_KERNEL, 0);
	return err;
}

static void free_all(struct lower *l)
{
	while (fake.nr)
		free_last(l->q);
}

/* ---- the tree ------------------------------------------------------------------ */

static void test_tree(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b, *c, *m;
	char buf[64];
	struct text t;
	const char *order[] = {"", "a", "b", "c", "d"};
	unsigned int i = 0;

	(void)state;
	b = mem_cgroup_create(q, a, "b");
	c = mem_cgroup_create(q, b, "c");
	assert_false(IS_ERR(mem_cgroup_create(q, NULL, "d")));
	assert_int_equal(PTR_ERR(mem_cgroup_create(q, NULL, "a")), -EEXIST);
	assert_int_equal(PTR_ERR(mem_cgroup_create(q, NULL, "")), -EINVAL);
	assert_int_equal(PTR_ERR(mem_cgroup_create(q, NULL, "x/y")), -EINVAL);
	assert_ptr_equal(mem_cgroup_find(q, "/a/b/c"), c);
	assert_ptr_equal(mem_cgroup_find(q, "a//b/"), b);
	assert_ptr_equal(mem_cgroup_find(q, "/"), q->group->root);
	assert_null(mem_cgroup_find(q, "/a/c"));
	assert_null(mem_cgroup_find(q, "/a/bb"));
	text_init(&t, buf, sizeof(buf));
	mem_cgroup_path(q, c, &t);
	assert_string_equal(buf, "/a/b/c");
	text_init(&t, buf, sizeof(buf));
	mem_cgroup_path(q, NULL, &t);
	assert_string_equal(buf, "/");
	for (m = mem_cgroup_iter(q, NULL, NULL); m; m = mem_cgroup_iter(q, NULL, m))
		assert_string_equal(m->name, order[i++]);
	assert_int_equal(i, 5);
	i = 1;
	for (m = mem_cgroup_iter(q, a, NULL); m; m = mem_cgroup_iter(q, a, m))
		assert_string_equal(m->name, order[i++]);
	assert_int_equal(i, 4);
	assert_ptr_equal(mem_cgroup_from_id(q, c->id), c);
	assert_int_equal(q->group->root->id, MEMCG_ROOT_ID);
	assert_null(mem_cgroup_from_id(q, 0));
	assert_null(mem_cgroup_from_id(q, 65536));
	assert_int_equal(mem_cgroup_remove(q, a), -EBUSY);
	assert_int_equal(mem_cgroup_remove(q, q->group->root), -EINVAL);
	mem_cgroup_attach_task(q, c);
	assert_int_equal(mem_cgroup_remove(q, c), -EBUSY);
	mem_cgroup_detach_task(q, c);
	assert_int_equal(mem_cgroup_remove(q, c), 0);
	assert_int_equal(mem_cgroup_remove(q, b), 0);
	assert_int_equal(mem_cgroup_remove(q, a), 0);
	assert_int_equal(q->group->nr_groups, 2);
	lower_end(l);
}

static void test_offline(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a");
	struct mem_cgroup *b = mem_cgroup_create(q, a, "b"), *again;
	unsigned int id = b->id;

	(void)state;
	assert_int_equal(charge(l, b, 3), 0);
	assert_int_equal(mem_cgroup_try_charge_swap(q, b, 2), 0);
	count_memcg_events(q, b, PGFAULT, 5);
	assert_int_equal(mem_cgroup_remove(q, b), 0);
	assert_int_equal(mem_cgroup_remove(q, a), 0);
	assert_int_equal(mem_cgroup_remove(q, a), -EINVAL);
	/* They live on for their charges, and can be walked, but not found. */
	assert_int_equal(q->group->nr_groups, 3);
	assert_null(mem_cgroup_find(q, "/a"));
	assert_ptr_equal(mem_cgroup_from_id(q, id), b);
	assert_int_equal(lower_verify(l), 0);
	again = mem_cgroup_create(q, NULL, "a");
	assert_ptr_equal(mem_cgroup_find(q, "/a"), again);
	free_all(l);
	mem_cgroup_uncharge_swap(q, id, 2);
	assert_int_equal(lower_verify(l), 0);
	/* The next who comes along reaps both, and uses their memory. */
	assert_int_equal(mem_cgroup_remove(q, again), 0);
	assert_int_equal(q->group->nr_groups, 1);
	assert_null(mem_cgroup_from_id(q, id));
	assert_int_equal(q->group->root->vmevents[PGFAULT], 5);
	/* A walker with a stale pointer comes to an end. */
	assert_null(mem_cgroup_iter(q, NULL, b));
	assert_false(IS_ERR(mem_cgroup_create(q, NULL, "c")));
	lower_end(l);
}

static void test_many_groups(void **state)
{
	struct lower *l = boot();

	(void)state;
	for (unsigned int i = 0; i < 600; i++) {
		char name[16];
		struct mem_cgroup *memcg;

		text_format(name, sizeof(name), "g%u", i);
		memcg = mem_cgroup_create(l->q, NULL, name);
		assert_false(IS_ERR(memcg));
		assert_int_equal(memcg->id, i + 2);
	}
	/* Ids are used again. */
	assert_int_equal(mem_cgroup_remove(l->q, mem_cgroup_from_id(l->q, 300)), 0);
	assert_int_equal(mem_cgroup_create(l->q, NULL, "x")->id, 300);
	lower_end(l);
}

static void test_no_memory(void **state)
{
	struct lower *l = boot();
	bool worked = false;

	(void)state;
	for (long n = 0; n < 12 && !worked; n++) {
		struct mem_cgroup *memcg;

		/* What the caches still have goes first. */
		l->fail_after = 0;
		while (kmalloc(l->q, sizeof(struct mem_cgroup) + 16, GFP_KERNEL_ACCOUNT) ||
		       kmalloc(l->q, sizeof(struct lruvec), GFP_KERNEL_ACCOUNT) ||
		       kmalloc(l->q, 6, GFP_KERNEL))
			;
		l->fail_after = n;
		memcg = mem_cgroup_create(l->q, NULL, "fails");
		l->fail_after = -1;
		worked = !IS_ERR(memcg);
		if (!worked)
			assert_int_equal(PTR_ERR(memcg), -ENOMEM);
		assert_int_equal(lower_verify(l), 0);
	}
	assert_true(worked);
	assert_true(l->nr_failed > 0);
	lower_end(l);
}

/* ---- charges -------------------------------------------------------------------- */

static void test_charge(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");

	(void)state;
	assert_int_equal(charge(l, NULL, 5), 0);
	assert_int_equal(charge(l, q->group->root, 5), 0);
	assert_int_equal(q->group->root->memory.usage, 0);
	assert_int_equal(charge(l, a, 3), 0);
	assert_int_equal(charge(l, b, 4), 0);
	assert_int_equal(charge_order(l, b, GFP_KERNEL, 9), 0);
	assert_int_equal(b->memory.usage, 516);
	assert_int_equal(a->memory.usage, 519);
	assert_int_equal(q->group->root->memory.usage, 519);
	assert_int_equal(b->css_refs, 517);
	mod_lruvec_page_state(q, fake.pages[fake.nr - 1], NR_ANON_MAPPED, 512);
	assert_int_equal(memcg_page_state(q, a, NR_ANON_MAPPED), 512);
	mod_lruvec_page_state(q, fake.pages[fake.nr - 1], NR_ANON_MAPPED, -512);
	assert_int_equal(lower_verify(l), 0);
	free_all(l);
	assert_int_equal(a->memory.usage, 0);
	assert_int_equal(a->memory.watermark, 519);
	lower_end(l);
}

static void test_max(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");

	(void)state;
	mem_cgroup_set_max(q, a, 10);
	assert_int_equal(mem_cgroup_margin(b), 10);
	assert_int_equal(charge(l, b, 10), 0);
	assert_int_equal(fake.nr_reclaims, 0);
	/* Over the limit of the ancestor: that one reclaims. */
	fake.reclaimable = 5;
	assert_int_equal(charge(l, b, 3), 0);
	assert_ptr_equal(fake.reclaimed, a);
	assert_int_equal(fake.nr_reclaims, 3);
	assert_int_equal(a->events[MEMCG_MAX], 3);
	assert_int_equal(b->events[MEMCG_MAX], 0);
	assert_int_equal(a->memory.usage, 10);
	/* Nothing reclaimable: what CPUs have at hand goes, 16 more tries, then the killer. */
	fake.reclaimable = 0;
	fake.nr_reclaims = 0;
	fake.kill_frees = 4;
	assert_int_equal(charge(l, b, 1), 0);
	assert_int_equal(fake.nr_reclaims, 18);
	assert_int_equal(fake.nr_kills, 1);
	assert_ptr_equal(fake.killed, a);
	assert_int_equal(a->events[MEMCG_OOM], 1);
	assert_int_equal(a->memory.usage, 7);
	/* Nothing to kill either. */
	fake.kill_frees = 0;
	assert_int_equal(charge(l, b, 4), -ENOMEM);
	assert_int_equal(a->memory.usage, 10);
	assert_int_equal(b->memory.usage, 10);
	/* Who may not wait fails at once; who may not fail passes. */
	fake.nr_reclaims = 0;
	assert_int_equal(charge_order(l, b, GFP_NOWAIT, 0), -ENOMEM);
	assert_int_equal(fake.nr_reclaims, 0);
	assert_int_equal(charge_order(l, b, GFP_KERNEL | __GFP_NOFAIL, 0), 0);
	assert_int_equal(charge_order(l, b, GFP_ATOMIC, 0), 0);
	l->ctx.flags = PF_MEMALLOC;
	assert_int_equal(charge_order(l, b, GFP_KERNEL, 0), 0);
	l->ctx.flags = 0;
	assert_int_equal(a->memory.usage, 13);
	/* A costly order does not kill. */
	fake.nr_kills = 0;
	assert_int_equal(charge_order(l, b, GFP_KERNEL, 9), -ENOMEM);
	assert_int_equal(fake.nr_kills, 0);
	assert_int_equal(lower_verify(l), 0);
	/* A lower limit reclaims and kills. */
	fake.reclaimable = 3;
	fake.kill_frees = 5;
	mem_cgroup_set_max(q, a, 2);
	assert_true(a->memory.usage <= 2);
	assert_int_equal(fake.nr_kills, 2);
	free_all(l);
	lower_end(l);
}

static void test_high_and_swap(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");

	(void)state;
	mem_cgroup_set_high(q, a, 10);
	fake.reclaimable = 32;
	assert_int_equal(charge(l, b, 10), 0);
	assert_int_equal(a->events[MEMCG_HIGH], 0);
	/* Noted at the charge, paid for on the way back to the program. */
	assert_int_equal(charge(l, b, 1), 0);
	assert_int_equal(a->events[MEMCG_HIGH], 0);
	fake.current = b;
	mem_cgroup_handle_over_high(q);
	fake.current = NULL;
	assert_int_equal(a->events[MEMCG_HIGH], 1);
	assert_int_equal(fake.nr_reclaims, 1);
	assert_true(a->memory.usage <= 10);
	fake.reclaimable = 0;
	assert_int_equal(charge(l, b, 20), 0); /* never fails for high */
	fake.reclaimable = 100;
	mem_cgroup_set_high(q, a, 4);
	assert_true(a->memory.usage <= 4);

	mem_cgroup_set_swap_max(a, 5);
	assert_int_equal(mem_cgroup_try_charge_swap(q, b, 5), 0);
	assert_int_equal(mem_cgroup_try_charge_swap(q, b, 1), -ENOMEM);
	assert_int_equal(b->events[MEMCG_SWAP_MAX], 1);
	assert_int_equal(a->events[MEMCG_SWAP_FAIL], 1);
	assert_int_equal(a->events_local[MEMCG_SWAP_FAIL], 0);
	assert_int_equal(mem_cgroup_try_charge_swap(q, NULL, 1), 0);
	assert_int_equal(lower_verify(l), 0);
	mem_cgroup_uncharge_swap(q, b->id, 5);
	mem_cgroup_uncharge_swap(q, 0, 5);
	mem_cgroup_uncharge_swap(q, MEMCG_ROOT_ID, 5);
	assert_int_equal(a->swap.usage, 0);
	free_all(l);
	lower_end(l);
}

static void test_protection(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *p = mem_cgroup_create(q, NULL, "p"), *a = mem_cgroup_create(q, p, "a"),
			  *b = mem_cgroup_create(q, p, "b"), *m;

	(void)state;
	assert_int_equal(charge(l, a, 60), 0);
	assert_int_equal(charge(l, b, 20), 0);
	mem_cgroup_set_low(p, 40);
	mem_cgroup_set_low(a, 100);
	mem_cgroup_set_low(b, 20);
	mem_cgroup_set_min(p, 80);
	mem_cgroup_set_min(b, 20);
	q->group->recursive_prot = false;
	for (m = mem_cgroup_iter(q, NULL, NULL); m; m = mem_cgroup_iter(q, NULL, m))
		mem_cgroup_calculate_protection(q, NULL, m);
	/* 60 and 20 are claimed of 40: in proportion. */
	assert_int_equal(p->memory.elow, 40);
	assert_int_equal(a->memory.elow, 30);
	assert_int_equal(b->memory.elow, 10);
	assert_int_equal(b->memory.emin, 20);
	assert_false(mem_cgroup_below_low(a));
	assert_true(mem_cgroup_below_min(b));
	assert_false(mem_cgroup_below_min(a));
	assert_false(mem_cgroup_below_low(q->group->root));
	/* Recursively: p's 80 of min, of which b claims 20, shield a's 60 too. */
	q->group->recursive_prot = true;
	for (m = mem_cgroup_iter(q, NULL, NULL); m; m = mem_cgroup_iter(q, NULL, m))
		mem_cgroup_calculate_protection(q, NULL, m);
	assert_int_equal(a->memory.emin, 60);
	assert_int_equal(b->memory.emin, 20);
	assert_int_equal(a->memory.elow, 30);
	free_all(l);
	lower_end(l);
}

/* Pages come 64 at once; what is left over serves the next charges of this CPU, is
 * given back for another group, when a limit is met, and when the group goes. */
static void test_stock(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"),
			  *b = mem_cgroup_create(q, NULL, "b");

	(void)state;
	q->group->charge_batch = MEMCG_CHARGE_BATCH;
	assert_int_equal(charge(l, a, 1), 0);
	assert_int_equal(a->memory.usage, 64);
	assert_int_equal(lower_verify(l), 0);
	assert_int_equal(charge(l, a, 63), 0);
	assert_int_equal(a->memory.usage, 64);
	assert_int_equal(charge(l, a, 1), 0);
	assert_int_equal(a->memory.usage, 128);
	assert_int_equal(charge(l, b, 1), 0);
	assert_int_equal(a->memory.usage, 65);
	assert_int_equal(b->memory.usage, 64);
	mem_cgroup_set_max(q, b, 10);
	assert_int_equal(b->memory.usage, 1);
	assert_int_equal(fake.nr_reclaims, 0);
	/* 64 do not fit, one does: the limit is met without a reclaim. */
	assert_int_equal(charge(l, b, 9), 0);
	assert_int_equal(b->memory.usage, 10);
	assert_int_equal(b->memory.failcnt, 9);
	assert_int_equal(b->events[MEMCG_MAX], 0);
	assert_int_equal(charge_order(l, b, GFP_NOWAIT, 0), -ENOMEM);
	assert_int_equal(charge(l, a, 1), 0);
	BREAK(l, q->group->stock[0].nr_pages, 5, "\"a\" counts");
	free_all(l);
	assert_int_equal(mem_cgroup_remove(q, a), 0);
	assert_int_equal(mem_cgroup_remove(q, b), 0);
	assert_int_equal(q->group->root->memory.usage, 0);
	assert_int_equal(q->group->nr_groups, 1);
	lower_end(l);
}

/* memory.high: 12 % above it is 0.7 s for 64 pages, as Linux computes it. */
static void test_high_delay(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a");
	u64 before, slept;

	(void)state;
	assert_int_equal(charge(l, a, 1124), 0);
	HOT_STORE(&a->memory.high, 1024);
	l->ctx.memcg_nr_pages_over_high = 64;
	fake.current = a;
	before = quire_clock(q);
	mem_cgroup_handle_over_high(q);
	slept = quire_clock(q) - before;
	fake.current = NULL;
	assert_int_equal(fake.nr_reclaims, 17);
	assert_int_equal(l->ctx.memcg_nr_pages_over_high, 0);
	/* overage 100/1024 of 2^20 = 102400; its square * 250 >> 34: 152 jiffies. */
	assert_int_equal(slept / (4 * NSEC_PER_MSEC), 152);
	free_all(l);
	lower_end(l);
}

/* ---- pressure ------------------------------------------------------------------- */

static void test_psi(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");
	struct psi_group *psi = &q->group->psi;
	struct psi_task other = {{0}, 0};

	(void)state;
	fake.current = b;
	l->now = 10 * NSEC_PER_SEC;
	psi_stall_enter(q, PSI_MEM);
	l->now += 100 * NSEC_PER_MSEC;
	psi_running(q, NULL, &other, 1); /* another one makes progress: some, not full */
	l->now += 200 * NSEC_PER_MSEC;
	psi_stall_leave(q, PSI_MEM);
	l->now += NSEC_PER_SEC;
	psi_update(q, psi);
	assert_int_equal(psi->total[PSI_MEM][PSI_SOME], 300 * NSEC_PER_MSEC);
	assert_int_equal(psi->total[PSI_MEM][PSI_FULL], 100 * NSEC_PER_MSEC);
	assert_int_equal(psi->total[PSI_IO][PSI_SOME], 0);
	psi_update(q, &b->psi);
	assert_int_equal(b->psi.total[PSI_MEM][PSI_FULL], 300 * NSEC_PER_MSEC);
	assert_int_equal(a->psi.total[PSI_MEM][PSI_SOME], 300 * NSEC_PER_MSEC);
	/* A long steady stall: every average goes to 100 %. */
	psi_running(q, NULL, &other, -1);
	psi_stall_enter(q, PSI_IO);
	l->now += 3600 * NSEC_PER_SEC;
	psi_update(q, psi);
	for (int w = 0; w < 3; w++)
		assert_int_equal(psi->avg[PSI_IO][PSI_SOME][w], 100 * 2048);
	psi_stall_leave(q, PSI_IO);
	/* After 10 s e^-1 of the shortest is left. */
	l->now += 10 * NSEC_PER_SEC;
	psi_update(q, psi);
	assert_in_range(psi->avg[PSI_IO][PSI_SOME][0] / 2048, 36, 45);
	assert_in_range(psi->avg[PSI_IO][PSI_SOME][2] / 2048, 95, 98);
	/* And in the end nothing. */
	l->now += 24 * 3600 * NSEC_PER_SEC;
	psi_update(q, psi);
	for (int w = 0; w < 3; w++)
		assert_int_equal(psi->avg[PSI_IO][PSI_SOME][w], 0);
	assert_int_equal(psi->total[PSI_IO][PSI_SOME], 3600 * NSEC_PER_SEC);
	lower_end(l);
}

/* 2 * HZ + 1 ticks. */
#define PSI_BEAT (501 * 4 * NSEC_PER_MSEC)

/*
 * Linux's arithmetic, written down apart: calc_load() and calc_load_n() of a period's share,
 * cut to a whole per cent, as update_averages() does.
 */
struct psi_model {
	u64 total, avg_total, last_update, next_update;
	unsigned long avg[3];
};

static unsigned long calc_load(unsigned long load, unsigned long exp, unsigned long active)
{
	unsigned long newload = load * exp + active * (2048 - exp);

	if (active >= load)
		newload += 2047;
	return newload / 2048;
}

static void model_update(struct psi_model *m, u64 now)
{
	static const unsigned long exp[3] = {1677, 1981, 2034};
	u64 period = now - m->last_update, sample = min(m->total - m->avg_total, period);
	unsigned long pct = (unsigned long)(sample * 100 / period) * 2048;

	m->avg_total += sample;
	m->last_update = now;
	m->next_update += PSI_BEAT;
	for (int w = 0; w < 3; w++)
		m->avg[w] = calc_load(m->avg[w], exp[w], pct);
}

/* Random stalls of all three resources, against that; and the group of all that waits for a
 * CPU is full, the machine is not. */
static void test_psi_formula(void **state)
{
	static const enum psi_res all[] = {PSI_IO, PSI_MEM, PSI_CPU};
	const char *given = getenv("SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20261124;
	struct lower *l = boot();
	struct psi_group *psi = &l->q->group->psi;
	struct psi_model model[3] = {{0}};
	struct prng rng;

	(void)state;
	print_message("seed %lu\n", seed);
	prng_seed(&rng, seed);
	psi_update(l->q, psi);
	for (int r = 0; r < 3; r++) {
		model[r].last_update = l->now;
		model[r].next_update = psi->avg_next_update;
		model[r].total = model[r].avg_total = psi->total[all[r]][PSI_SOME];
	}
	assert_int_equal(psi->avg_next_update % PSI_BEAT, model[0].last_update % PSI_BEAT);
	for (int step = 0; step < 4000; step++) {
		u64 ns = prng_range(&rng, NSEC_PER_MSEC, 300 * NSEC_PER_MSEC), until = l->now + ns;

		while (l->now < until) {
			u64 to = min(until, model[0].next_update);

			for (int r = 0; r < 3; r++)
				model[r].total += psi->nr_stalled[all[r]] ? to - l->now : 0;
			l->now = to;
			for (int r = 0; r < 3 && to == model[r].next_update; r++)
				model_update(&model[r], to);
		}
		psi_update(l->q, psi);
		for (int r = 0; r < 3; r++) {
			assert_int_equal(psi->total[all[r]][PSI_SOME], model[r].total);
			assert_memory_equal(psi->avg[all[r]][PSI_SOME], model[r].avg,
					    sizeof(model[r].avg));
			if (prng_below(&rng, 4))
				continue;
			psi->nr_stalled[all[r]] = prng_below(&rng, 2) ? 1 : 0;
		}
		assert_int_equal(psi->total[PSI_CPU][PSI_FULL], 0);
	}
	for (int r = 0; r < 3; r++)
		psi->nr_stalled[all[r]] = 0;
	lower_end(l);
}

static void test_psi_cpu_full(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"),
			  *b = mem_cgroup_create(q, NULL, "b");
	struct psi_task in_a = {{0}, 0}, in_b = {{0}, 0};

	(void)state;
	psi_running(q, a, &in_a, 1);
	psi_running(q, b, &in_b, 1);
	psi_queued(q, a, &in_a, 1); /* b's task has the CPU */
	l->now += 10 * NSEC_PER_MSEC;
	psi_queued(q, a, &in_a, -1);
	psi_update(q, &b->psi);
	assert_int_equal(a->psi.total[PSI_CPU][PSI_FULL], 10 * NSEC_PER_MSEC);
	assert_int_equal(b->psi.total[PSI_CPU][PSI_SOME], 0);
	assert_int_equal(q->group->psi.total[PSI_CPU][PSI_SOME], 10 * NSEC_PER_MSEC);
	assert_int_equal(q->group->psi.total[PSI_CPU][PSI_FULL], 0);
	psi_running(q, a, &in_a, -1);
	psi_running(q, b, &in_b, -1);
	lower_end(l);
}

/* Updating often or once comes to the same. */
static void test_psi_is_exact(void **state)
{
	struct lower *l = boot();
	struct psi_group once, often;
	u64 start = l->now;

	(void)state;
	psi_init(l->q, &once);
	psi_init(l->q, &often);
	once.nr_stalled[PSI_MEM] = often.nr_stalled[PSI_MEM] = 1;
	for (unsigned int i = 1; i <= 1000; i++) {
		l->now = start + i * 77 * NSEC_PER_MSEC;
		psi_update(l->q, &often);
	}
	psi_update(l->q, &once);
	assert_memory_equal(once.avg, often.avg, sizeof(once.avg));
	assert_memory_equal(once.total, often.total, sizeof(once.total));
	assert_int_equal(once.avg_next_update, often.avg_next_update);
	/* Idle times are passed over in one step, to the same beat. */
	once.nr_stalled[PSI_MEM] = 0;
	for (unsigned int i = 0; i < 3; i++) {
		l->now += 7 * 3600 * NSEC_PER_SEC + NSEC_PER_SEC / 3;
		psi_update(l->q, &once);
		assert_in_range(once.avg_next_update, l->now + 1, l->now + PSI_BEAT);
		assert_int_equal((once.avg_next_update - start) % PSI_BEAT, 0);
	}
	lower_end(l);
}

/* ---- random ---------------------------------------------------------------------- */

static void test_random(void **state)
{
	const char *given = getenv("SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20261123;
	struct lower *l = boot();
	struct quire *q = l->q;
	struct prng rng;
	unsigned int nr_made = 0;

	(void)state;
	print_message("seed %lu\n", seed);
	prng_seed(&rng, seed);
	for (unsigned int step = 0; step < 20000; step++) {
		struct mem_cgroup *memcg =
			mem_cgroup_from_id(q, 1 + (unsigned int)prng_below(&rng, 40));
		u64 what = prng_below(&rng, 100);

		if (!memcg)
			memcg = q->group->root;
		if (what < 3 && q->group->nr_groups < 30 && !memcg->offline) {
			char name[16];

			text_format(name, sizeof(name), "g%u", nr_made++);
			assert_false(IS_ERR(mem_cgroup_create(q, memcg, name)));
		} else if (what < 6) {
			(void)mem_cgroup_remove(q, memcg);
		} else if (what < 8) {
			mem_cgroup_set_max(q, memcg, (long)prng_range(&rng, 50, 2000));
			fake.kill_frees = (unsigned int)prng_below(&rng, 3);
		} else if (what < 60 && fake.nr < MAX_PAGES) {
			fake.reclaimable = (unsigned int)prng_below(&rng, 3);
			(void)charge_order(l, memcg, GFP_KERNEL, prng_below(&rng, 20) ? 0 : 3);
		} else if (fake.nr) {
			unsigned int i = (unsigned int)prng_below(&rng, fake.nr);
			struct page *page = fake.pages[i];

			fake.pages[i] = fake.pages[fake.nr - 1];
			fake.pages[fake.nr - 1] = page;
			free_last(q);
		}
		if (step % 2000 == 1999 && lower_verify(l))
			fail_msg("step %u:\n%s", step, l->report);
	}
	free_all(l);
	lower_end(l);
}

static void test_broken(void **state)
{
	struct lower *l = boot();
	struct quire *q = l->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");

	(void)state;
	assert_int_equal(charge(l, b, 4), 0);
	BREAK(l, fake.pages[0]->memcg, (struct mem_cgroup *)q, "group that does not exist");
	BREAK(l, fake.pages[0]->memcg, NULL, "\"b\" counts 4 pages, 3 carry it");
	BREAK(l, fake.pages[0]->memcg, a, "\"b\" counts 4 pages, 3 carry it");
	BREAK(l, a->memory.usage, 5, "\"a\" counts 5 pages, 4 carry it");
	BREAK(l, b->css_refs, 4, "\"b\" has 4 references for 5");
	BREAK(l, b->swap.usage, 3, "has 3 swap slots less");
	BREAK(l, q->group->nr_groups, 4, "groups are counted");
	BREAK(l, b->id, a->id, "does not lead to b");
	/* Removed with a task in it. */
	mem_cgroup_attach_task(q, b);
	BREAK(l, b->offline, true, "is removed and has 1 tasks");
	mem_cgroup_detach_task(q, b);
	list_move(&b->sibling, &q->group->root->children);
	lower_expect_broken(l, "wrong place of the tree");
	list_move(&b->sibling, &a->children);
	free_all(l);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	      cmocka_unit_test(test_offline),
		cmocka_unit_test(test_many_groups),   cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_charge),	      cmocka_unit_test(test_max),
		cmocka_unit_test(test_high_and_swap), cmocka_unit_test(test_stock),
		cmocka_unit_test(test_high_delay),    cmocka_unit_test(test_protection),
		cmocka_unit_test(test_psi),	      cmocka_unit_test(test_psi_is_exact),
		cmocka_unit_test(test_psi_formula),   cmocka_unit_test(test_psi_cpu_full),
		cmocka_unit_test(test_random),	      cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
