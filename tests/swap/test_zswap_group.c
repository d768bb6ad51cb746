/* SPDX-License-Identifier: MIT */
/*
 * zswap and control groups: the compressed bytes are their group's, memory.zswap.max holds,
 * a group goes while its pages are there; and reclaim's shrinker_enabled.
 */
#include "tests/swap/swaptest.h"
#include "group/objcg.h"
#include <stdlib.h>
#include <string.h>

#define NR_PAGES 40
#define TEXT(n)	 CONTENT(CONTENT_KIND_TEXT, n)

static swp_entry_t swap_out_of(struct testbox *t, struct mem_cgroup *memcg, u64 content)
{
	struct page *page = new_page(t->q, content);
	swp_entry_t entry;

	assert_int_equal(mem_cgroup_charge(t->q, page, memcg, GFP_KERNEL), 0);
	assert_true(add_to_swap(t->q, page));
	entry.val = page->private;
	assert_int_equal(swap_duplicate(t->q, entry), 0);
	assert_int_equal(swap_writepage(t->q, page), 0);
	lock_page(t->q, page);
	wait_on_page_writeback(t->q, page);
	remove_page(t->q, page, NULL);
	return entry;
}

static long zswap_bytes(struct testbox *t, struct mem_cgroup *memcg)
{
	return memcg_page_state(t->q, memcg, MEMCG_ZSWAP_B);
}

static struct mem_cgroup *group(struct testbox *t, struct mem_cgroup *parent, const char *name)
{
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, parent, name);

	assert_false(IS_ERR(memcg));
	return memcg;
}

/* A line of memory.stat. */
static unsigned long stat_of(struct testbox *t, struct mem_cgroup *memcg, const char *name)
{
	static char buf[8192];
	struct text text;
	char *line;

	text_init(&text, buf, sizeof(buf));
	memory_stat_format(t->q, memcg, &text);
	line = strstr(buf, name);
	assert_non_null(line);
	return strtoul(line + strlen(name), NULL, 10);
}

static void run_charges(struct testbox *t, void *arg)
{
	struct mem_cgroup *a = group(t, t->q->group->root, "a"), *b = group(t, a, "b");
	struct zswap_stats *s = zswap_stats(t->q);
	swp_entry_t entry[NR_PAGES];
	struct obj_cgroup *objcg;
	struct zswap_entry *e;
	bool major;

	(void)arg;
	for (unsigned int i = 0; i < NR_PAGES; i++)
		entry[i] = swap_out_of(t, b, i % 4 ? TEXT(i) : CONTENT(CONTENT_SAME, i + 1));
	assert_int_equal(s->stored_pages, NR_PAGES);
	assert_int_equal(zswap_bytes(t, b), s->compressed_bytes);
	assert_int_equal(zswap_bytes(t, a), s->compressed_bytes);
	assert_int_equal(zswap_bytes(t, t->q->group->root), s->compressed_bytes);
	assert_int_equal(memcg_page_state(t->q, b, MEMCG_ZSWAPPED), NR_PAGES);
	assert_int_equal(stat_of(t, b, "\nzswap "), s->compressed_bytes);
	assert_int_equal(stat_of(t, b, "\nzswapped "), NR_PAGES * PAGE_SIZE);
	assert_int_equal(stat_of(t, b, "\nzswpout "), NR_PAGES);
	/* They are pages of its memory, as whole ones. */
	assert_in_range(b->memory.usage, s->compressed_bytes / PAGE_SIZE,
			s->compressed_bytes / PAGE_SIZE + 2);
	/* Entries without a page table are reported, too: only what is looked for counts. */
	b->vmstats[MEMCG_ZSWAPPED] += 3;
	testbox_verify_reports(t, "bytes, of groups; they counted 43");
	b->vmstats[MEMCG_ZSWAPPED] -= 3;
	e = xa_load(&t->q->swap->info[0]->zswap->entries, swp_offset(entry[1]));
	objcg = e->objcg;
	e->objcg = (struct obj_cgroup *)t->q;
	testbox_verify_reports(t, "is charged to nobody");
	e->objcg = objcg;
	for (unsigned int i = 0; i < NR_PAGES / 2; i++) {
		assert_int_equal(swap_in(t->q, entry[i], &major),
				 i % 4 ? TEXT(i) : CONTENT(CONTENT_SAME, i + 1));
		free_swap_and_cache(t->q, entry[i]);
	}
	drain_swap_slots_cache(t->q);
	assert_int_equal(memcg_page_state(t->q, b, MEMCG_ZSWAPPED), NR_PAGES / 2);
	/* The group goes, its parent pays. */
	assert_int_equal(mem_cgroup_remove(t->q, b), 0);
	assert_int_equal(zswap_bytes(t, a), s->compressed_bytes);
	for (unsigned int i = NR_PAGES / 2; i < NR_PAGES; i++)
		free_swap_and_cache(t->q, entry[i]);
	drain_swap_slots_cache(t->q);
	assert_int_equal(zswap_bytes(t, a), 0);
	assert_int_equal(s->stored_pages, 0);
	testbox_verify(t);
	drain_all_stock(t->q, a);
	assert_int_equal(a->memory.usage, 0);
	assert_int_equal(mem_cgroup_remove(t->q, a), 0);
}

static void run_limit(struct testbox *t, void *arg)
{
	struct mem_cgroup *a = group(t, t->q->group->root, "a"), *b = group(t, a, "b");
	struct zswap_stats *s = zswap_stats(t->q);
	swp_entry_t entry[NR_PAGES], others[2];
	unsigned long stored;

	(void)arg;
	a->zswap_max = 4;
	for (unsigned int i = 0; i < NR_PAGES; i++)
		entry[i] = swap_out_of(t, b, TEXT(i));
	stored = s->stored_pages;
	/* The last that it may store may pass the limit. */
	assert_in_range(zswap_bytes(t, b), 4 * PAGE_SIZE, 5 * PAGE_SIZE);
	assert_in_range(stored, 5, NR_PAGES - 5);
	a->zswap_max = PAGE_COUNTER_MAX;
	b->zswap_max = 0;
	swap_free(t->q, swap_out_of(t, b, TEXT(1)));
	assert_int_equal(s->stored_pages, stored);
	/* Others are not held by it. */
	others[0] = swap_out_of(t, a, TEXT(1));
	others[1] = swap_out_of(t, NULL, TEXT(1));
	assert_int_equal(s->stored_pages, stored + 2);
	free_swap_and_cache(t->q, others[0]);
	free_swap_and_cache(t->q, others[1]);
	for (unsigned int i = 0; i < NR_PAGES; i++)
		free_swap_and_cache(t->q, entry[i]);
	drain_swap_slots_cache(t->q);
}

/* Reclaim's calls of it; half of the pool was of use lately. */
static void run_shrinker(struct testbox *t, void *arg)
{
	struct zswap_floor *z = t->q->swap->zswap;
	struct shrinker *s = &z->shrinker;
	struct shrink_control sc = {.nr_to_scan = 10};
	swp_entry_t entry[NR_PAGES];
	unsigned long nr;
	bool major;

	(void)arg;
	for (unsigned int i = 0; i < NR_PAGES; i++)
		entry[i] = swap_out(t->q, TEXT(i), NULL);
	assert_int_equal(s->count_objects(t->q, s, &sc), 0);
	assert_int_equal(s->scan_objects(t->q, s, &sc), SHRINK_STOP);
	z->params.shrinker_enabled = true;
	nr = s->count_objects(t->q, s, &sc);
	/* In proportion to what an entry takes. */
	assert_int_equal(nr, NR_PAGES * zs_get_total_pages(z->pool) / NR_PAGES);
	assert_int_equal(s->scan_objects(t->q, s, &sc), 10);
	assert_int_equal(z->stats.written_back_pages, 10);
	assert_int_equal(z->stats.stored_pages, NR_PAGES - 10);
	for (unsigned int i = NR_PAGES - 25; i < NR_PAGES; i++)
		assert_int_equal(swap_in(t->q, entry[i], &major), TEXT(i));
	assert_int_equal(z->nr_protected, 25);
	sc.nr_to_scan = 100;
	assert_in_range(s->scan_objects(t->q, s, &sc), 1, 5);
	assert_int_equal(z->stats.stored_pages, 25);
	for (unsigned int i = 0; i < NR_PAGES; i++) {
		assert_int_equal(swap_in(t->q, entry[i], &major), TEXT(i));
		free_swap_and_cache(t->q, entry[i]);
	}
	drain_swap_slots_cache(t->q);
}

static void once(const char *zpool, void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&(struct testbox_config){.swap_mb = 16});

	zswap_params(t->q)->enabled = true;
	assert_int_equal(zswap_set_zpool(t->q, zpool), 0);
	testbox_run(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void test_charges(void **state)
{
	(void)state;
	once("zsmalloc", run_charges);
	once("zbud", run_charges);
}

static void test_limit(void **state)
{
	(void)state;
	once("zsmalloc", run_limit);
}

static void test_shrinker(void **state)
{
	(void)state;
	once("zsmalloc", run_shrinker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charges),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_shrinker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
