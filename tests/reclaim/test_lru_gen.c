/* SPDX-License-Identifier: MIT */
/*
 * The multi-generational LRU: its files, the switch, generations and what moves pages
 * between them, tiers and their controller, the promise of min_ttl_ms, and which way it moves the
 * machine.  Each invariant of verify_lru_gen.c is broken, too.
 */
#include "tests/proc/proc_test.h"
#include "tests/verify/break.h"

#include "reclaim/compaction.h"
#include "reclaim/lru_gen.h"
#include "reclaim/migrate.h"

#define ENABLED "/sys/kernel/mm/lru_gen/enabled"
#define MIN_TTL "/sys/kernel/mm/lru_gen/min_ttl_ms"
#define GENS	"/sys/kernel/debug/lru_gen"

static const struct testbox_config with_swap = {.node_mb = {256}, .disk = true, .swap_mb = 256};

static struct lruvec *root_lruvec(struct testbox *t)
{
	return &NODE_DATA(t->q, 0)->__lruvec;
}

static unsigned long event(struct testbox *t, enum vm_event_item item)
{
	return global_vm_event(t->q, item);
}

static unsigned long state(struct testbox *t, enum node_stat_item item)
{
	return global_node_page_state(t->q, item);
}

static void switch_to(struct testbox *t, unsigned int caps)
{
	assert_int_equal(lru_gen_set_caps(t->q, caps), 0);
	assert_int_equal(lru_gen_caps(t->q), caps);
}

static u64 map_anon_mb(struct testbox *t, unsigned long mb)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, mb * MB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static unsigned long touch_mb(struct testbox *t, u64 addr, unsigned long mb, bool write)
{
	struct touch touch = {.addr = addr,
			      .nr_pages = mb * MB_PAGES,
			      .write = write,
			      .kind = CONTENT_KIND_RANDOM,
			      .seed = addr};

	return mmu_touch(t->m, t->task, &touch);
}

static void read_mb(struct testbox *t, struct file *file, unsigned long from, unsigned long mb)
{
	for (unsigned long i = 0; i < mb; i++)
		assert_int_equal(generic_file_read(t->q, file, (from + i) * MB, MB), MB);
}

/* Pages of a generation; those of a seq that is not one are none. */
static unsigned long gen_pages(const struct lruvec *lruvec, unsigned long seq, int type)
{
	unsigned long n = 0;

	for (int zone = 0; zone < MAX_NR_ZONES; zone++)
		n += (unsigned long)lruvec->lrugen->nr_pages[lru_gen_from_seq(seq)][type][zone];
	return n;
}

static unsigned long max_seq(struct testbox *t)
{
	return root_lruvec(t)->lrugen->max_seq;
}

/* "+": one generation more of the root's node 0. */
static void age(struct testbox *t)
{
	assert_int_equal(lru_gen_command(t->q, '+', MEMCG_ROOT_ID, 0, max_seq(t), 60, 1), 0);
}

/* ---- files --------------------------------------------------------------------- */

static void files(struct testbox *t, void *arg)
{
	static const char *const bad[] = {"x", "0x", "-1", "4294967296", "7 7"};
	static const struct {
		const char *written, *read;
	} good[] = {{"y\n", "0x0007\n"}, {"n", "0x0000\n"},   {"0x0005", "0x0005\n"},
		    {"2", "0x0002\n"},	 {"yes", "0x0007\n"}, {"0", "0x0000\n"},
		    {"Y", "0x0007\n"}};
	char *text = slurp(t->q, ENABLED);

	(void)arg;
	/* As Debian 12 boots. */
	assert_string_equal(text, "0x0000\n");
	free(text);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(put(t->q, ENABLED, good[i].written) > 0);
		text = slurp(t->q, ENABLED);
		assert_string_equal(text, good[i].read);
		free(text);
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++)
			assert_int_equal(put(t->q, ENABLED, bad[j]), -EINVAL);
	}
	assert_int_equal(put(t->q, MIN_TTL, "1000\n"), 5);
	assert_int_equal(put(t->q, MIN_TTL, "soon"), -EINVAL);
	text = slurp(t->q, MIN_TTL);
	assert_string_equal(text, "1000\n");
	free(text);
}

static void test_files(void **unused)
{
	(void)unused;
	testbox_once(&(struct testbox_config){0}, files);
}

static void debug_files(struct testbox *t, void *arg)
{
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, NULL, "web");
	char *text = slurp(t->q, GENS), *section, want[64], line[128];
	unsigned long seq, ms, anon, file;
	u64 addr;

	(void)arg;
	/* Never switched on: as old as the machine, and empty. */
	assert_int_equal(strncmp(text, "memcg     1 /\n node     0\n          0 ", 37), 0);
	free(text);
	switch_to(t, 7);
	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
	addr = map_anon_mb(t, 4);
	assert_int_equal(touch_mb(t, addr, 4, true), 4 * MB_PAGES);
	lru_add_drain_all(t->q);
	sleep_ns(t->q, NSEC_PER_SEC);
	text = slurp(t->q, GENS);
	snprintf(want, sizeof(want), "memcg %5u /web\n node     0\n", memcg->id);
	section = strstr(text, want);
	assert_non_null(section);
	/* Four generations, of which the youngest has what was touched. */
	section = strstr(section, "\n          3 ");
	assert_non_null(section);
	assert_int_equal(sscanf(section, "%lu %lu %lu %lu", &seq, &ms, &anon, &file), 4);
	assert_int_equal(seq, 3);
	assert_true(ms >= 1000 && ms < 2000);
	assert_int_equal(anon, 4 * MB_PAGES);
	assert_int_equal(file, 0);
	free(text);
	/* Orders. */
	snprintf(line, sizeof(line), "+ %u 0 3 60 1\n", memcg->id);
	assert_int_equal(put(t->q, GENS, line), (s64)strlen(line));
	assert_int_equal(memcg->lruvec[0]->lrugen->max_seq, 4);
	assert_int_equal(put(t->q, GENS, line), (s64)strlen(line)); /* there is one: done */
	assert_int_equal(memcg->lruvec[0]->lrugen->max_seq, 4);
	snprintf(line, sizeof(line), "+ %u 0 4 60 1;+ %u 0 5 60 1", memcg->id, memcg->id);
	assert_int_equal(put(t->q, GENS, line), (s64)strlen(line));
	assert_int_equal(memcg->lruvec[0]->lrugen->max_seq, 6);
	snprintf(line, sizeof(line), "+ %u 0 9 60 1", memcg->id);
	assert_int_equal(put(t->q, GENS, line), -EINVAL); /* not yet */
	snprintf(line, sizeof(line), "- %u 0 5", memcg->id);
	assert_int_equal(put(t->q, GENS, line), -EINVAL); /* two have to stay */
	snprintf(line, sizeof(line), "+ %u 0 6 60 0", memcg->id);
	assert_int_equal(put(t->q, GENS, line), -ERANGE); /* as many as may be */
	assert_int_equal(put(t->q, GENS, "+ 1 7 3"), -EINVAL);
	assert_int_equal(put(t->q, GENS, "+ 777 0 3"), -EINVAL);
	assert_int_equal(put(t->q, GENS, "* 1 0 3"), -EINVAL);
	assert_int_equal(put(t->q, GENS, "+ 1 0"), -EINVAL);
	assert_int_equal(put(t->q, GENS, "+ 1 0 3 201"), -EINVAL);
	assert_int_equal(put(t->q, GENS, "+ 1 0 3 20 1 x"), -EINVAL);
	text = slurp(t->q, GENS "_full");
	assert_non_null(strstr(text, "0R          0T"));
	assert_non_null(strstr(text, "0r          0e          0p"));
	/* The walks looked at tables, and found young entries the first time. */
	assert_non_null(strstr(text, "L "));
	assert_int_equal(memcg->lruvec[0]->lrugen->mm_state.stats[0][MM_LEAF_YOUNG] >= 4 * MB_PAGES,
			 1);
	free(text);
	assert_int_equal(task_set_memcg(t->q, t->task, NULL), 0);
}

static void test_debug_files(void **unused)
{
	(void)unused;
	testbox_once(&(struct testbox_config){0}, debug_files);
}

/* ---- the switch ---------------------------------------------------------------- */

static void switching(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 40 * MB);
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, NULL, "a"), *late;
	unsigned long before[NR_LRU_LISTS], all = 0;
	u64 addr = map_anon_mb(t, 20);

	(void)arg;
	read_mb(t, file, 0, 40);
	read_mb(t, file, 0, 10); /* twice: active */
	assert_int_equal(touch_mb(t, addr, 10, true), 10 * MB_PAGES);
	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
	assert_int_equal(touch_mb(t, addr + 10 * MB, 10, true), 10 * MB_PAGES);
	assert_int_equal(do_mlock(t->q, t->task->mm, addr, MB, true), 0);
	lru_add_drain_all(t->q);
	for_each_lru (lru)
		before[lru] = state(t, NR_INACTIVE_ANON + (enum node_stat_item)lru);
	assert_true(before[LRU_ACTIVE_FILE] >= 9 * MB_PAGES);
	switch_to(t, 7);
	testbox_verify(t);
	for_each_evictable_lru(lru)
	{
		assert_true(list_empty(&root_lruvec(t)->lists[lru]));
		assert_true(list_empty(&memcg->lruvec[0]->lists[lru]));
	}
	/* File pages that were active are young, the rest is not; of anonymous ones all are young
	 * enough to stay; locked pages stay where they are. */
	for (int lru = LRU_INACTIVE_FILE; lru < NR_LRU_LISTS; lru++)
		assert_int_equal(state(t, NR_INACTIVE_ANON + (enum node_stat_item)lru),
				 before[lru]);
	assert_int_equal(state(t, NR_INACTIVE_ANON), 0);
	assert_int_equal(state(t, NR_ACTIVE_ANON),
			 before[LRU_INACTIVE_ANON] + before[LRU_ACTIVE_ANON]);
	assert_int_equal(gen_pages(root_lruvec(t), 3, LRU_GEN_FILE), before[LRU_ACTIVE_FILE]);
	assert_int_equal(gen_pages(root_lruvec(t), 1, LRU_GEN_FILE), before[LRU_INACTIVE_FILE]);
	for (unsigned long seq = 0; seq <= 3; seq++)
		all += gen_pages(memcg->lruvec[0], seq, LRU_GEN_ANON);
	assert_true(all >= 10 * MB_PAGES - 16);
	/* A group that comes now has generations, and its processes are listed. */
	late = mem_cgroup_create(t->q, memcg, "b");
	assert_false(IS_ERR(late));
	assert_non_null(late->lruvec[0]->lrugen);
	assert_int_equal(task_set_memcg(t->q, t->task, late), 0);
	testbox_verify(t);
	switch_to(t, 0);
	testbox_verify(t);
	for (int lru = LRU_INACTIVE_FILE; lru < NR_LRU_LISTS; lru++)
		assert_int_equal(state(t, NR_INACTIVE_ANON + (enum node_stat_item)lru),
				 before[lru]);
	/* Again: the same generations. */
	switch_to(t, 1);
	testbox_verify(t);
	assert_int_equal(task_set_memcg(t->q, t->task, NULL), 0);
	assert_int_equal(mem_cgroup_remove(t->q, late), 0);
	fput(t->q, file);
}

static void test_switching(void **unused)
{
	(void)unused;
	testbox_once(&with_swap, switching);
}

static void no_memory(struct testbox *t, void *arg)
{
	(void)arg;
	testbox_fail_all_allocs(t);
	/* What the slab has at hand may be enough. */
	assert_in_range(-lru_gen_set_caps(t->q, 7), 0, ENOMEM);
	testbox_fail_alloc(t, 0);
	testbox_verify(t);
	switch_to(t, 7);
	/* Groups without generations keep the classic lists. */
	for (unsigned int i = 0; i < 12; i++) {
		char name[16];
		struct mem_cgroup *memcg;

		snprintf(name, sizeof(name), "g%u", i);
		testbox_fail_alloc(t, i + 1);
		memcg = mem_cgroup_create(t->q, NULL, name);
		testbox_fail_alloc(t, 0);
		if (IS_ERR(memcg))
			continue;
		assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
		assert_int_equal(touch_mb(t, map_anon_mb(t, 1), 1, true), MB_PAGES);
		testbox_verify(t);
	}
	assert_int_equal(task_set_memcg(t->q, t->task, NULL), 0);
}

static void test_no_memory(void **unused)
{
	(void)unused;
	testbox_once(&(struct testbox_config){0}, no_memory);
}

/* ---- generations ---------------------------------------------------------------- */

/* Beyond what the TLB holds, so that uses set accessed bits. */
#define PART_MB 16UL

/* A model beside it: which part was touched before which generation. */
static void generations(struct testbox *t, void *arg)
{
	enum { PARTS = 4, ROUNDS = 24 };
	unsigned long young_at[PARTS], pages = PART_MB * MB_PAGES;
	struct lruvec *lruvec = root_lruvec(t);
	u64 addr, left = t->seed;
	const unsigned int *caps = arg;

	switch_to(t, *caps);
	addr = map_anon_mb(t, PARTS * PART_MB);
	/* Tables of their own. */
	addr = ALIGN(addr, PMD_SIZE);
	for (unsigned int i = 0; i < PARTS; i++) {
		if (i < PARTS - 1)
			assert_int_equal(touch_mb(t, addr + i * PART_MB * MB, PART_MB, true),
					 pages);
		young_at[i] = max_seq(t);
	}
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned long used = prng_below(&t->rng, 1 << (PARTS - 1)), now;

		for (unsigned int i = 0; i < PARTS - 1; i++) {
			if (!(used >> i & 1))
				continue;
			assert_int_equal(touch_mb(t, addr + i * PART_MB * MB, PART_MB, false),
					 pages);
			young_at[i] = max_seq(t);
		}
		age(t);
		testbox_verify(t);
		now = max_seq(t);
		/* Of each generation at least what the model says; others' pages are few. */
		for (unsigned long back = 0; back < MAX_NR_GENS; back++) {
			unsigned long want = 0, got = gen_pages(lruvec, now - back, LRU_GEN_ANON);

			for (unsigned int i = 0; i < PARTS - 1; i++)
				want += min(now - young_at[i], MAX_NR_GENS - 1) == back ? pages : 0;
			if (got < want || got > want + MB_PAGES)
				fail_msg(
					"seed %lu round %u: generation -%lu has %lu pages, not %lu",
					(unsigned long)left, round, back, got, want);
		}
		assert_int_equal(get_nr_gens(lruvec->lrugen, LRU_GEN_ANON), MAX_NR_GENS);
	}
}

static void test_generations(void **unused)
{
	static unsigned int caps[] = {7, 3};

	(void)unused;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		struct testbox *t = testbox_new(&with_swap);

		testbox_run(t, generations, &caps[i]);
		testbox_verify(t);
		testbox_free(t);
	}
}

/* Without walks accessed bits are found as eviction meets the page, and around it. */
static void looking_around(struct testbox *t, void *arg)
{
	u64 addr;
	unsigned long faults, out;

	(void)arg;
	switch_to(t, 1);
	addr = ALIGN(map_anon_mb(t, 64), PMD_SIZE);
	assert_int_equal(touch_mb(t, addr, 32, true), 32 * MB_PAGES);
	for (int i = 0; i < 3; i++)
		age(t);
	/* What the writes left is found, all is young again; then half of it is used. */
	assert_int_equal(lru_gen_command(t->q, '-', MEMCG_ROOT_ID, 0, max_seq(t) - 3, 200, 64), 0);
	assert_true(gen_pages(root_lruvec(t), max_seq(t), LRU_GEN_ANON) >= 31 * MB_PAGES);
	assert_int_equal(touch_mb(t, addr, 16, false), 16 * MB_PAGES);
	for (int i = 0; i < 3; i++)
		age(t);
	faults = event(t, PGMAJFAULT);
	out = event(t, PSWPOUT);
	assert_int_equal(lru_gen_command(t->q, '-', MEMCG_ROOT_ID, 0, max_seq(t) - 3, 200, ~0UL),
			 0);
	testbox_verify(t);
	out = event(t, PSWPOUT) - out;
	assert_int_equal(touch_mb(t, addr, 16, false), 16 * MB_PAGES);
	print_message("# out: %lu pages, of those used %lu came back\n", out,
		      event(t, PGMAJFAULT) - faults);
	assert_true(out >= 14 * MB_PAGES);
	assert_true(event(t, PGMAJFAULT) - faults < MB_PAGES);
}

static void test_looking_around(void **unused)
{
	(void)unused;
	testbox_once(&with_swap, looking_around);
}

/* cold grows old, hot is used in each generation. */
static void age_beside(struct testbox *t, u64 hot)
{
	for (int i = 0; i < 3; i++) {
		assert_int_equal(touch_mb(t, hot, 32, true), 32 * MB_PAGES);
		age(t);
	}
}

static void evict_oldest(struct testbox *t, unsigned long nr)
{
	assert_int_equal(lru_gen_command(t->q, '-', MEMCG_ROOT_ID, 0, max_seq(t) - 3, 200, nr), 0);
	testbox_verify(t);
}

/* The oldest generation goes, and nothing else. */
static void evicting(struct testbox *t, void *arg)
{
	const unsigned long pages = 32 * MB_PAGES;
	unsigned long faults;
	u64 cold, hot;

	(void)arg;
	switch_to(t, 7);
	cold = ALIGN(map_anon_mb(t, 36), PMD_SIZE);
	hot = ALIGN(map_anon_mb(t, 36), PMD_SIZE);
	assert_int_equal(touch_mb(t, cold, 32, true), pages);
	age_beside(t, hot);
	assert_true(gen_pages(root_lruvec(t), max_seq(t) - 3, LRU_GEN_ANON) >= pages);
	/* A part of it; what comes back while the rest is the oldest still is a refault. */
	evict_oldest(t, 2048);
	assert_in_range(event(t, PSWPOUT), 2048, 4096); /* some are being written */
	assert_int_equal(touch_mb(t, cold, 32, false), pages);
	assert_in_range(state(t, WORKINGSET_REFAULT_ANON), 1900, 4096);
	/* Mapped pages have no tiers: that it was in use is told by workingset_restore. */
	assert_int_equal(state(t, WORKINGSET_RESTORE_ANON), state(t, WORKINGSET_REFAULT_ANON));
	/* All of it. */
	age_beside(t, hot);
	evict_oldest(t, ~0UL);
	assert_in_range(mm_counter_exact(t->q, t->task->mm, MM_SWAPENTS), pages - 64, pages + 512);
	faults = event(t, PGMAJFAULT);
	assert_int_equal(touch_mb(t, hot, 32, true), pages);
	assert_int_equal(event(t, PGMAJFAULT), faults);
	assert_int_equal(touch_mb(t, cold, 32, false), pages);
	assert_true(event(t, PGMAJFAULT) > faults);
}

static void test_evicting(void **unused)
{
	(void)unused;
	testbox_once(&with_swap, evicting);
}

/* ---- tiers --------------------------------------------------------------------- */

static void tiers(struct testbox *t, void *arg)
{
	static const unsigned int tier_of[] = {0, 0, 1, 2, 2, 3, 3, 3};
	struct page *page = alloc_pages(t->q, GFP_HIGHUSER_MOVABLE, 0);
	struct lruvec *lruvec = root_lruvec(t);

	(void)arg;
	switch_to(t, 7);
	assert_non_null(page);
	lru_cache_add(t->q, page);
	lru_add_drain_all(t->q);
	for (size_t uses = 0; uses < ARRAY_SIZE(tier_of); uses++) {
		assert_int_equal(lru_tier_from_refs(page_lru_refs(page)), tier_of[uses]);
		assert_int_equal(page_lru_gen(page),
				 lru_gen_from_seq(lruvec->lrugen->min_seq[LRU_GEN_FILE] + 1));
		mark_page_accessed(t->q, page);
	}
	assert_false(PageActive(page));
	/* Off and on again: uses stay, the generation is lost. */
	assert_int_equal(isolate_lru_page(t->q, page), 0);
	assert_int_equal(page_lru_gen(page), -1);
	assert_int_equal(lru_tier_from_refs(page_lru_refs(page)), 3);
	testbox_verify(t);
	{
		LIST_HEAD(list);

		list_add(&page->lru, &list);
		putback_movable_pages(t->q, &list);
		lru_add_drain_all(t->q);
	}
	/* Activation is the youngest generation's. */
	activate_page(t->q, page);
	lru_add_drain_all(t->q);
	assert_int_equal(page_lru_gen(page), lru_gen_from_seq(max_seq(t)));
	deactivate_page(t->q, page);
	lru_add_drain_all(t->q);
	assert_int_equal(page_lru_gen(page),
			 lru_gen_from_seq(lruvec->lrugen->min_seq[LRU_GEN_FILE] + 1));
	put_page(t->q, page);
}

static void test_tiers(void **unused)
{
	(void)unused;
	testbox_once(&(struct testbox_config){0}, tiers);
}

/* The controller, fed by hand. */
static void test_controller(void **unused)
{
	static struct lru_gen_struct g;
	int tier = -1;

	(void)unused;
	g.max_seq = 5;
	/* Nothing known: every tier may go, and file pages first. */
	assert_int_equal(lru_gen_tier_idx(&g, LRU_GEN_FILE), 3);
	assert_int_equal(lru_gen_type_to_scan(&g, 60, &tier), LRU_GEN_FILE);
	assert_int_equal(tier, 3);
	/* Few refaults are chance. */
	g.evicted[0][LRU_GEN_FILE][2] = 63;
	g.refaulted[0][LRU_GEN_FILE][2] = 63;
	assert_int_equal(lru_gen_tier_idx(&g, LRU_GEN_FILE), 3);
	/* Half of tier 2 comes back, of tier 0 a tenth: 2 and above are kept. */
	g.evicted[0][LRU_GEN_FILE][0] = 10000;
	g.refaulted[0][LRU_GEN_FILE][0] = 1000;
	g.evicted[0][LRU_GEN_FILE][2] = 2000;
	g.refaulted[0][LRU_GEN_FILE][2] = 1000;
	assert_int_equal(lru_gen_tier_idx(&g, LRU_GEN_FILE), 1);
	/* The same once they were averaged: half of it, and it counts on. */
	lru_gen_carry_over(&g, LRU_GEN_FILE);
	assert_int_equal(g.refaulted[0][LRU_GEN_FILE][2], 0);
	assert_int_equal(g.avg_refaulted[LRU_GEN_FILE][2], 500);
	assert_int_equal(g.avg_total[LRU_GEN_FILE][0], 5000);
	assert_int_equal(lru_gen_tier_idx(&g, LRU_GEN_FILE), 1);
	/* Those that were kept do not come back: the share falls, and they may go again. */
	g.protected[0][LRU_GEN_FILE][1] = 8000;
	assert_int_equal(lru_gen_tier_idx(&g, LRU_GEN_FILE), 3);
	/* File pages come back, anonymous ones do not. */
	memset(&g, 0, sizeof(g));
	g.max_seq = 5;
	g.evicted[0][LRU_GEN_FILE][0] = g.evicted[0][LRU_GEN_ANON][0] = 10000;
	g.refaulted[0][LRU_GEN_FILE][0] = 5000;
	g.refaulted[0][LRU_GEN_ANON][0] = 100;
	assert_int_equal(lru_gen_type_to_scan(&g, 60, &tier), LRU_GEN_ANON);
	/* Unless swapping is very dear: 1 of 200. */
	assert_int_equal(lru_gen_type_to_scan(&g, 2, &tier), LRU_GEN_FILE);
}

/* ---- protection, min_ttl --------------------------------------------------------- */

struct outcome {
	unsigned int caps, ttl_ms;
	unsigned long refaults, read, killed;
	bool mapped;
};

/* A file beyond memory, used in turn: it thrashes.  Promised to stay for a while, it can't. */
static void thrash(struct testbox *t, void *arg)
{
	struct outcome *o = arg;
	struct file *file = testbox_file(t, t->sb, 300 * MB);
	u64 addr;

	switch_to(t, o->caps);
	assert_int_equal(lru_gen_set_min_ttl_ms(t->q, o->ttl_ms), 0);
	addr = do_mmap(t->q, t->task->mm, 0, 300 * MB, PROT_READ, MAP_SHARED, file, 0);
	assert_false(IS_ERR_VALUE(addr));
	fput(t->q, file);
	for (int i = 0; i < 3; i++)
		if (touch_mb(t, addr, 300, false) != 300 * MB_PAGES)
			break;
	o->killed = event(t, OOM_KILL);
}

static void run_outcome(struct outcome *o, const struct testbox_config *cfg,
			void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(cfg);

	testbox_run(t, fn, o);
	testbox_verify(t);
	testbox_free(t);
}

static void test_min_ttl(void **unused)
{
	static const struct testbox_config cfg = {.node_mb = {256}, .disk = true};
	struct outcome without = {.caps = 7}, with = {.caps = 7, .ttl_ms = 600000};

	(void)unused;
	run_outcome(&without, &cfg, thrash);
	run_outcome(&with, &cfg, thrash);
	assert_int_equal(without.killed, 0);
	assert_int_equal(with.killed, 1);
}

/* memory.min holds a group's pages, whatever their generation. */
static void protected(struct testbox *t, void *arg)
{
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, NULL, "db");
	struct file *mine = testbox_file(t, t->sb, 60 * MB),
		    *other = testbox_file(t, t->sb, 400 * MB);

	(void)arg;
	switch_to(t, 7);
	mem_cgroup_set_min(memcg, (long)(80 * MB_PAGES));
	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
	read_mb(t, mine, 0, 60);
	assert_int_equal(task_set_memcg(t->q, t->task, NULL), 0);
	for (int i = 0; i < 2; i++)
		read_mb(t, other, 0, 400);
	assert_true(memcg->memory.usage >= (long)(59 * MB_PAGES));
	/* And its own limit reclaims from it. */
	mem_cgroup_set_min(memcg, 0);
	mem_cgroup_set_max(t->q, memcg, (long)(20 * MB_PAGES));
	assert_true(memcg->memory.usage <= (long)(20 * MB_PAGES));
	assert_int_equal(event(t, OOM_KILL), 0);
	testbox_verify(t);
	fput(t->q, mine);
	fput(t->q, other);
}

static void test_protected(void **unused)
{
	(void)unused;
	testbox_once(&with_swap, protected);
}

/* ---- directions ---------------------------------------------------------------- */

/* A hot file beside a stream through another, three times as large as memory. */
static void hot_beside_stream(struct testbox *t, void *arg)
{
	struct outcome *o = arg;
	struct file *hot = testbox_file(t, t->sb, 100 * MB),
		    *stream = testbox_file(t, t->sb, 800 * MB);
	struct touch touch = {.nr_pages = 100 * MB_PAGES};
	unsigned long before;

	if (o->caps)
		switch_to(t, o->caps);
	if (o->mapped)
		touch.addr = do_mmap(t->q, t->task->mm, 0, 100 * MB, PROT_READ, MAP_SHARED, hot, 0);
	read_mb(t, hot, 0, 100);
	read_mb(t, hot, 0, 100);
	before = t->bdi->pages_read;
	for (unsigned long mb = 0; mb < 800; mb += 40) {
		read_mb(t, stream, mb, 40);
		if (o->mapped)
			assert_int_equal(mmu_touch(t->m, t->task, &touch), touch.nr_pages);
		else
			read_mb(t, hot, 0, 100);
	}
	o->read = t->bdi->pages_read - before - 800 * MB_PAGES;
	o->refaults = state(t, WORKINGSET_REFAULT_FILE);
	fput(t->q, hot);
	fput(t->q, stream);
}

static void test_hot_beside_stream(void **unused)
{
	static const struct testbox_config cfg = {.node_mb = {192}, .disk = true};

	(void)unused;
	for (int mapped = 0; mapped < 2; mapped++) {
		struct outcome classic = {.mapped = mapped}, gen = {.caps = 7, .mapped = mapped};

		run_outcome(&classic, &cfg, hot_beside_stream);
		run_outcome(&gen, &cfg, hot_beside_stream);
		print_message("# hot file %s, read again: classic %lu pages, generations %lu\n",
			      mapped ? "mapped" : "read", classic.read, gen.read);
		assert_true(gen.read <= classic.read + 8 * MB_PAGES);
	}
}

/* Twice as much anonymous memory as fits, a quarter of it hot. */
static void hot_anon(struct testbox *t, void *arg)
{
	struct outcome *o = arg;
	u64 addr;

	if (o->caps)
		switch_to(t, o->caps);
	addr = map_anon_mb(t, 300);
	for (int round = 0; round < 3; round++) {
		for (unsigned long mb = 60; mb < 300; mb += 5) {
			assert_int_equal(touch_mb(t, addr + mb * MB, 5, true), 5 * MB_PAGES);
			assert_int_equal(touch_mb(t, addr, 60, true), 60 * MB_PAGES);
		}
	}
	o->read = event(t, PSWPIN);
	assert_int_equal(event(t, OOM_KILL), 0);
}

static void test_hot_anon(void **unused)
{
	struct outcome classic = {0}, gen = {.caps = 7};

	(void)unused;
	run_outcome(&classic, &with_swap, hot_anon);
	run_outcome(&gen, &with_swap, hot_anon);
	print_message("# swapped in: classic %lu pages, generations %lu\n", classic.read, gen.read);
	assert_true(gen.read <= classic.read + classic.read / 20);
}

/* ---- huge pages, and what else takes pages off their lists ---------------------------- */

static void moved(struct testbox *t, void *arg)
{
	u64 addr, huge;
	struct page *head;
	pte_t *pmdp;
	unsigned long faults;

	(void)arg;
	switch_to(t, 7);
	t->q->space->huge->flags |= BIT(TRANSPARENT_HUGEPAGE_FLAG);
	addr = map_anon_mb(t, 20);
	huge = ALIGN(addr, PMD_SIZE);
	assert_int_equal(touch_mb(t, huge, 16, true), 16 * MB_PAGES);
	lru_add_drain_all(t->q);
	pmdp = pt_walk(t->q, t->task->mm->pgd_pfn, huge, 2);
	assert_true(pmdp && pmd_leaf(*pmdp));
	head = pfn_to_page(t->q, pte_pfn(*pmdp));
	age(t);
	assert_int_equal(page_lru_gen(head), lru_gen_from_seq(max_seq(t) - 1));
	/* Split: 512 pages of the same generation. */
	lock_page(t->q, head);
	get_page(head);
	assert_int_equal(split_huge_page(t->q, head), 0);
	unlock_page(t->q, head);
	put_page(t->q, head);
	assert_int_equal(page_lru_gen(head + 77), lru_gen_from_seq(max_seq(t) - 1));
	testbox_verify(t);
	/* Others, to swap and back. */
	age(t);
	age(t);
	faults = event(t, PSWPOUT);
	assert_int_equal(do_madvise(t->q, t->task->mm, huge + 4 * MB, 4 * MB, MADV_PAGEOUT), 0);
	assert_true(event(t, PSWPOUT) - faults >= 1000);
	assert_int_equal(do_madvise(t->q, t->task->mm, huge + 8 * MB, 2 * MB, MADV_COLD), 0);
	assert_int_equal(do_madvise(t->q, t->task->mm, huge + 10 * MB, 2 * MB, MADV_FREE), 0);
	lru_add_drain_all(t->q);
	testbox_verify(t);
	assert_int_equal(touch_mb(t, huge, 16, true), 16 * MB_PAGES);
	compact_nodes(t->q);
	testbox_verify(t);
}

static void test_moved(void **unused)
{
	(void)unused;
	testbox_once(&with_swap, moved);
}

/* ---- broken on purpose ------------------------------------------------------------ */

static void breaking(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 4 * MB);
	struct lruvec *lruvec = root_lruvec(t);
	struct lru_gen_struct *g;
	struct list_head *head = NULL;
	struct page *page;
	unsigned int gen, zone = 0;

	(void)arg;
	switch_to(t, 7);
	read_mb(t, file, 0, 4);
	lru_add_drain_all(t->q);
	testbox_verify(t);
	g = lruvec->lrugen;
	gen = lru_gen_from_seq(g->min_seq[LRU_GEN_FILE] + 1);
	for (unsigned int z = 0; z < MAX_NR_ZONES && !head; z++) {
		if (list_empty(&g->lists[gen][LRU_GEN_FILE][z]))
			continue;
		head = &g->lists[gen][LRU_GEN_FILE][z];
		zone = z;
	}
	assert_non_null(head);
	page = list_first_entry(head, struct page, lru);
	BREAK(t, g->max_seq, g->max_seq + 1, "lru_gen: file generations of node");
	BREAK_LIST(t, head, "is not a list of file pages");
	BREAK_BY(t, SetPageActive(page), ClearPageActive(page), "lru_gen: frame 0x");
	BREAK(t, page->memcg, (struct mem_cgroup *)t, "belongs to another group");
	BREAK(t, page->_refcount, 0, "is free");
	BREAK(t, page->flags, page->flags & ~LRU_GEN_MASK, "says it is of -1");
	BREAK(t, g->nr_pages[gen][LRU_GEN_FILE][zone], 1, "file pages, has");
	BREAK(t, g->enabled, false, "is off, the policy is not");
	BREAK_BY(t, (t->q->keys &= ~KEY_LRU_GEN, g->enabled = false),
		 (t->q->keys |= KEY_LRU_GEN, g->enabled = true),
		 "has pages on lists of the other policy");
	BREAK(t, t->task->mm->lru_gen.memcg, (struct mem_cgroup *)t,
	      "is not on its group's list of address spaces");
	fput(t->q, file);
}

static void test_breaking(void **unused)
{
	(void)unused;
	testbox_once(&with_swap, breaking);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	    cmocka_unit_test(test_debug_files),
		cmocka_unit_test(test_switching),   cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_generations), cmocka_unit_test(test_looking_around),
		cmocka_unit_test(test_evicting),    cmocka_unit_test(test_tiers),
		cmocka_unit_test(test_controller),  cmocka_unit_test(test_min_ttl),
		cmocka_unit_test(test_protected),   cmocka_unit_test(test_hot_beside_stream),
		cmocka_unit_test(test_hot_anon),    cmocka_unit_test(test_moved),
		cmocka_unit_test(test_breaking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
