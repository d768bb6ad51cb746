/* SPDX-License-Identifier: MIT */
/*
 * Demotion: a machine with a fast node and, without processors, a slower one.  Cold pages
 * of the first go to the second where that is switched on, with what is in them; and
 * when it is full they are reclaimed as ever.
 */
#include "tests/proc/proc_test.h"
#include "reclaim/internal.h"
#include "space/huge_mm.h"

#define SWITCH "/sys/kernel/mm/numa/demotion_enabled"

static void slow_node(struct quire_config *cfg)
{
	cfg->node[1].nr_cpus = 0;
}

static const struct testbox_config two_tiers = {
	.nr_nodes = 2, .node_mb = {128, 256}, .cpus = 2, .swap_mb = 256, .tune = slow_node};

struct usage {
	bool on;
	unsigned long mb, demoted, swapped;
};

static u64 content_at(struct testbox *t, u64 addr)
{
	struct touch touch = {.addr = addr, .nr_pages = 1};
	u64 content;

	do
		assert_int_equal(mmu_touch(t->m, t->task, &touch), 1);
	while (!mmu_peek(t->m, t->task, addr, &content));
	return content;
}

static void bound_to_fast(struct testbox *t, void *arg)
{
	struct usage *u = arg;
	unsigned long pages = u->mb * MB_PAGES;
	struct touch touch = {.nr_pages = pages,
			      .stride = 1,
			      .write = true,
			      .kind = CONTENT_KIND_RANDOM,
			      .seed = 77};

	if (u->on)
		assert_int_equal(put(t->q, SWITCH, "1\n"), 2);
	assert_text(t->q, SWITCH, u->on ? "true\n" : "false\n");
	touch.addr = do_mmap(t->q, t->task->mm, 0, u->mb * MB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	assert_false(IS_ERR_VALUE(touch.addr));
	assert_int_equal(mmu_touch(t->m, t->task, &touch), pages);
	/* Half is used, half grows cold; and memory is wanted of the fast node alone. */
	for (int i = 0; i < 64; i++) {
		struct page *page = alloc_pages_node(t->q, 0, GFP_KERNEL | __GFP_THISNODE, 6);

		if (page)
			__free_pages(t->q, page, 6);
	}
	u->demoted =
		global_vm_event(t->q, PGDEMOTE_KSWAPD) + global_vm_event(t->q, PGDEMOTE_DIRECT);
	u->swapped = global_vm_event(t->q, PSWPOUT);
	for (unsigned long i = 0; i < pages; i += 97)
		assert_int_equal(content_at(t, touch.addr + i * PAGE_SIZE),
				 CONTENT(CONTENT_KIND_RANDOM, 77 + (touch.addr >> PAGE_SHIFT) + i));
}

static struct usage use(bool on, unsigned long mb)
{
	struct testbox *t = testbox_new(&two_tiers);
	struct usage u = {.on = on, .mb = mb};

	assert_int_equal(next_demotion_node(t->q, 0), 1);
	assert_int_equal(next_demotion_node(t->q, 1), -1);
	testbox_run(t, bound_to_fast, &u);
	testbox_verify(t);
	assert_int_equal(global_node_page_state(t->q, NR_ISOLATED_ANON), 0);
	assert_int_equal(global_node_page_state(t->q, NR_ISOLATED_FILE), 0);
	print_message("# demotion %s, %lu MB: %lu pages moved, %lu swapped\n", on ? "on" : "off",
		      mb, u.demoted, u.swapped);
	testbox_free(t);
	return u;
}

static void test_off(__unused void **state)
{
	struct usage u = use(false, 300);

	assert_int_equal(u.demoted, 0);
}

static void test_on(__unused void **state)
{
	struct usage u = use(true, 300);

	assert_true(u.demoted > 32 && !u.swapped);
}

/* More than both have: the slower node swaps. */
static void test_both_full(__unused void **state)
{
	struct usage off = use(false, 450), on = use(true, 450);

	assert_true(off.swapped > 0 && on.swapped > 0 && on.demoted > 0);
}

/* Huge pages move whole, and in parts where there is no room for a whole one. */
static void huge_bound_to_fast(struct testbox *t, void *arg)
{
	t->q->space->huge->flags = BIT(TRANSPARENT_HUGEPAGE_FLAG);
	bound_to_fast(t, arg);
	assert_true(global_vm_event(t->q, THP_FAULT_ALLOC) > 0);
}

static struct testbox *huge_box(struct usage *u)
{
	struct testbox *t = testbox_new(&two_tiers);

	testbox_run(t, huge_bound_to_fast, u);
	testbox_verify(t);
	assert_int_equal(global_node_page_state(t->q, NR_ISOLATED_ANON), 0);
	print_message("# huge, %lu MB: %lu pages moved, %lu huge ones, %lu split\n", u->mb,
		      u->demoted, global_vm_event(t->q, THP_MIGRATION_SUCCESS),
		      global_vm_event(t->q, THP_MIGRATION_SPLIT));
	return t;
}

static void test_huge(__unused void **state)
{
	struct usage u = {.on = true, .mb = 200};
	struct testbox *t = huge_box(&u);

	assert_true(global_vm_event(t->q, THP_MIGRATION_SUCCESS) > 0);
	assert_true(u.demoted >= 512 && !u.swapped);
	testbox_free(t);
	/* The slower node full of other things too. */
	u = (struct usage){.on = true, .mb = 420};
	testbox_free(huge_box(&u));
	assert_true(u.demoted > 0);
}

static void test_switch(__unused void **state)
{
	struct testbox *t = testbox_new(&two_tiers);

	assert_int_equal(put(t->q, SWITCH, "maybe"), -EINVAL);
	assert_int_equal(put(t->q, SWITCH, "on"), 2);
	assert_true(can_demote(t->q, 0, NULL));
	assert_false(can_demote(t->q, 1, NULL));
	assert_false(can_demote(t->q, 0, &(struct scan_control){.no_demotion = true}));
	assert_int_equal(put(t->q, SWITCH, "off"), 3);
	assert_false(can_demote(t->q, 0, NULL));
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),	  cmocka_unit_test(test_on),
		cmocka_unit_test(test_both_full), cmocka_unit_test(test_huge),
		cmocka_unit_test(test_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
