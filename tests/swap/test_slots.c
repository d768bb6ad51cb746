/* SPDX-License-Identifier: MIT */
/*
 * Slots: against a naive model, full areas, neighbours, priorities, many
 * references, failing set-up; and each invariant of the map, broken.
 */
#include "tests/swap/swaptest.h"

static struct testbox *small_box(void)
{
	return testbox_new(&(struct testbox_config){.disk = true, .swap_mb = 8});
}

/* ---- random operations against arrays -------------------------------------- */

#define MODEL_SLOTS 2048

struct naive {
	unsigned int count[MODEL_SLOTS];
	bool cache[MODEL_SLOTS];
	unsigned int used;
};

static void check_slot(struct quire *q, const struct naive *n, unsigned int slot)
{
	swp_entry_t e = swp_entry(0, slot);

	assert_int_equal(swap_count(q, e), n->count[slot]);
	assert_int_equal(!(*swap_map_byte(q->swap->info[0], slot) & SWAP_HAS_CACHE),
			 !n->cache[slot]);
}

static void random_ops(struct testbox *t, void *arg)
{
	static struct naive n;
	struct quire *q = t->q;
	struct page *page = new_page(q, 0);

	(void)arg;
	memset(&n, 0, sizeof(n));
	for (unsigned int i = 0; i < 60000; i++) {
		/* Phases of filling and of emptying. */
		bool fill = (i / 6000) % 2 == 0;
		unsigned int slot = (unsigned int)prng_range(&t->rng, 1, MODEL_SLOTS - 1);
		swp_entry_t e = swp_entry(0, slot);

		if (prng_below(&t->rng, 10) < (fill ? 6 : 1)) {
			e = get_swap_page(q, page);
			if (!e.val) {
				assert_int_equal(n.used, MODEL_SLOTS - 1);
				continue;
			}
			slot = (unsigned int)swp_offset(e);
			assert_false(n.count[slot] || n.cache[slot]);
			n.cache[slot] = true;
			n.used++;
		} else if (!n.count[slot] && !n.cache[slot]) {
			assert_int_equal(swap_duplicate(q, e), -EINVAL);
			continue;
		} else if (n.cache[slot] && prng_below(&t->rng, 2)) {
			put_swap_page(q, e);
			n.cache[slot] = false;
			n.used -= !n.count[slot];
		} else if (n.count[slot] && prng_below(&t->rng, fill ? 2 : 8)) {
			swap_free(q, e);
			n.count[slot]--;
			n.used -= !n.count[slot] && !n.cache[slot];
		} else {
			/* Now and then far beyond what the byte holds. */
			unsigned int times = prng_below(&t->rng, 200) ? 1 : 100;

			while (times--) {
				assert_int_equal(swap_duplicate(q, e), 0);
				n.count[slot]++;
			}
		}
		check_slot(q, &n, slot);
		assert_int_equal(swap_used(q), n.used);
	}
	for (unsigned int slot = 1; slot < MODEL_SLOTS; slot++) {
		check_slot(q, &n, slot);
		while (n.count[slot]--)
			swap_free(q, swp_entry(0, slot));
		if (n.cache[slot])
			put_swap_page(q, swp_entry(0, slot));
	}
	assert_int_equal(swap_used(q), 0);
	drop_page(q, page);
}

static void test_random(void **state)
{
	struct testbox *t = small_box();

	(void)state;
	testbox_call(t, random_ops, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- full, neighbours ------------------------------------------------------ */

static void fill_up(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct page *page = new_page(q, 0);
	unsigned long n = q->swap->total_swap_pages, jumps = 0, last = 0;
	swp_entry_t e, again;

	(void)arg;
	assert_int_equal(n, 2047);
	for (unsigned long i = 0; i < n; i++) {
		e = get_swap_page(q, page);
		assert_int_not_equal(e.val, 0);
		jumps += swp_offset(e) != last + 1;
		last = swp_offset(e);
	}
	/* One CPU: pages in a row lie side by side, but for one step a cluster. */
	assert_true(jumps <= 4);
	assert_int_equal(get_swap_page(q, page).val, 0);
	assert_int_equal(q->swap->nr_swap_pages, 0);
	assert_false(add_to_swap(q, page));
	assert_false(PageSwapCache(page));
	for (int i = 0; i < 200; i++) {
		e = swp_entry(0, prng_range(&t->rng, 1, n));
		put_swap_page(q, e);
		again = get_swap_page(q, page);
		assert_int_equal(again.val, e.val);
	}
	for (unsigned long i = 1; i <= n; i++)
		put_swap_page(q, swp_entry(0, i));
	drop_page(q, page);
}

static void test_full(void **state)
{
	struct testbox *t = small_box();

	(void)state;
	testbox_call(t, fill_up, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- several areas --------------------------------------------------------- */

static void priorities(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct page *page = new_page(q, 0);
	unsigned int turns[4] = {0}, changes = 0, last = 99;

	(void)arg;
	assert_int_equal(q->swap->info[0]->prio, -2);
	assert_int_equal(swapon(q, t->bdi, 1 << 20, 512, -1, "/swap1", true), 0);
	assert_int_equal(q->swap->info[1]->prio, -3);
	assert_int_equal(swapon(q, t->bdi, 2 << 20, 1025, 5, "/swap2", true), 0);
	assert_int_equal(swapon(q, t->bdi, 3 << 20, 1025, 5, "/swap3", true), 0);
	assert_int_equal(swapon(q, t->bdi, 0, 1, 5, "/none", true), -EINVAL);
	assert_int_equal(q->swap->total_swap_pages, 2047 + 511 + 1024 + 1024);
	/* The two of priority 5 first, in turns, then 0, then 1. */
	for (int i = 0; i < 2048; i++) {
		unsigned int type = swp_type(get_swap_page(q, page));

		turns[type]++;
		changes += type != last;
		last = type;
	}
	assert_int_equal(turns[2], 1024);
	assert_int_equal(turns[3], 1024);
	assert_int_equal(changes, 2048);
	for (int i = 0; i < 2047; i++)
		assert_int_equal(swp_type(get_swap_page(q, page)), 0);
	assert_int_equal(swp_type(get_swap_page(q, page)), 1);
	put_swap_page(q, swp_entry(2, 77));
	assert_int_equal(get_swap_page(q, page).val, swp_entry(2, 77).val);

	for (unsigned int i = 0; i < 4; i++)
		for (unsigned long o = 1; o < q->swap->info[i]->max; o++)
			if (*swap_map_byte(q->swap->info[i], o))
				put_swap_page(q, swp_entry(i, o));
	for (unsigned int i = 4; i < MAX_SWAPFILES; i++)
		assert_int_equal(swapon(q, t->bdi, 4 << 20, 2, 0, "/small", true), 0);
	assert_int_equal(swapon(q, t->bdi, 4 << 20, 2, 0, "/one too many", true), -ENOSPC);
	drop_page(q, page);
}

static void test_priorities(void **state)
{
	struct testbox *t = small_box();

	(void)state;
	testbox_call(t, priorities, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void failing_swapon(struct testbox *t, void *arg)
{
	unsigned long missed = 1;
	unsigned int failed = 0, done = 0;

	(void)arg;
	for (unsigned long n = 1; n < 500 && missed; n++) {
		int err;

		testbox_fail_alloc(t, n);
		/* Large enough that the maps and arrays need pages of their own. */
		err = swapon(t->q, t->bdi, 1 << 20, 100000, -1, "/swap1", true);
		missed = t->failed;
		testbox_fail_alloc(t, 0);
		t->failed = 0;
		assert_true(!err || err == -ENOMEM);
		failed += err != 0;
		done += !err;
	}
	/* Where it was done for all that, the slab had made do with less. */
	assert_true(failed > 20 && !missed);
	assert_int_equal(t->q->swap->nr_swapfiles, 1 + done);
}

static void test_failing_swapon(void **state)
{
	struct testbox *t = small_box();

	(void)state;
	testbox_call(t, failing_swapon, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- entries that are none ------------------------------------------------- */

static void bad_entries(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	const swp_entry_t bad[] = {swp_entry(0, 0), swp_entry(0, 2048), swp_entry(7, 1)};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(swap_duplicate(q, bad[i]), -EINVAL);
		assert_int_equal(swap_count(q, bad[i]), 0);
		swap_free(q, bad[i]);
		free_swap_and_cache(q, bad[i]);
		assert_null(lookup_swap_cache(q, bad[i], NULL));
	}
}

static void test_bad_entries(void **state)
{
	struct testbox *t = small_box();

	(void)state;
	testbox_call(t, bad_entries, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- slots at hand ---------------------------------------------------------- */

/* As Linux: 64 come at once, 64 go back at once, and when fewer than 128 a CPU are
 * left (the box has 2) they all go back and come one by one. */
static void slots_at_hand(struct testbox *t, void *arg)
{
	static swp_entry_t got[2048];
	struct quire *q = t->q;
	struct page *page = new_page(q, 0);
	unsigned int n = 0;

	(void)arg;
	got[n++] = get_swap_page(q, page);
	assert_int_equal(swap_used(q), SWAP_SLOTS_CACHE_SIZE);
	while (n < SWAP_SLOTS_CACHE_SIZE)
		got[n++] = get_swap_page(q, page);
	assert_int_equal(swap_used(q), SWAP_SLOTS_CACHE_SIZE);
	for (unsigned int i = 0; i < SWAP_SLOTS_CACHE_SIZE; i++)
		put_swap_page(q, got[i]);
	assert_int_equal(swap_used(q), SWAP_SLOTS_CACHE_SIZE);
	testbox_verify(t);
	for (n = 0; (got[n] = get_swap_page(q, page)).val; n++)
		;
	assert_int_equal(swap_used(q), 2047);
	assert_int_equal(n, 2047);
	assert_false(q->swap->slot_cache_active);
	/* No cache, no delay. */
	put_swap_page(q, got[0]);
	assert_int_equal(swap_used(q), 2046);
	for (unsigned int i = 1; i < n; i++)
		put_swap_page(q, got[i]);
	assert_int_equal(swap_used(q), 0);
	assert_true(get_swap_page(q, page).val != 0);
	assert_true(q->swap->slot_cache_active);
	drain_swap_slots_cache(q);
	assert_int_equal(swap_used(q), 1);
	drop_page(q, page);
}

static void test_slots_at_hand(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){
		.disk = true, .swap_mb = 8, .swap_slots = true, .cpus = 2});

	(void)state;
	testbox_call(t, slots_at_hand, NULL);
	testbox_free(t);
}

/* ---- the verifier ---------------------------------------------------------- */

static void test_verify(void **state)
{
	struct testbox *t = small_box();
	struct swap_info_struct *si = t->q->swap->info[0];

	(void)state;
	testbox_verify(t);
	si->inuse_pages++;
	testbox_verify_reports(t, "0 slots in use, counted 1");
	si->inuse_pages--;
	t->q->swap->nr_swap_pages--;
	testbox_verify_reports(t, "2047 free; counted");
	t->q->swap->nr_swap_pages++;
	si->cluster_info[2].used++;
	testbox_verify_reports(t, "cluster 2: 0 slots used, counted 1");
	testbox_verify_reports(t, "cluster 2 is used and on the free list");
	si->cluster_info[2].used--;
	si->cluster_info[2].cached++;
	testbox_verify_reports(t, "cluster 2: 0 slots only cached, counted 1");
	si->cluster_info[2].cached--;
	*swap_map_byte(si, 1234) = 3;
	testbox_verify_reports(t, "area 0 slot 1234: swap_map counts 3 entries, 0 were found");
	*swap_map_byte(si, 1234) = SWAP_HAS_CACHE;
	testbox_verify_reports(t, "slots with SWAP_HAS_CACHE and no page are not the CPUs'");
	*swap_map_byte(si, 1234) = SWAP_HAS_CACHE | 1;
	testbox_verify_reports(t, "slot 1234: SWAP_HAS_CACHE is set, a page is not cached");
	*swap_map_byte(si, 1234) = COUNT_CONTINUED;
	testbox_verify_reports(t, "slot 1234: byte 80, continued by 0");
	*swap_map_byte(si, 1234) = 0;
	*swap_memcg_id(si, 99) = 7;
	testbox_verify_reports(t, "slot 99 is free but charged to group 7");
	*swap_memcg_id(si, 99) = 0;
	si->cache.nrpages++;
	testbox_verify_reports(t, "cache has 0 pages and 0 shadows, counted 1 and 0");
	si->cache.nrpages--;
	list_del_init(&si->cluster_info[3].list);
	testbox_verify_reports(t, "4 clusters have room, 3 are listed");
	list_add_tail(&si->cluster_info[3].list, &si->free_clusters);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	    cmocka_unit_test(test_full),
		cmocka_unit_test(test_priorities),  cmocka_unit_test(test_failing_swapon),
		cmocka_unit_test(test_bad_entries), cmocka_unit_test(test_slots_at_hand),
		cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
