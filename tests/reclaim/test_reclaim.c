/* SPDX-License-Identifier: MIT */
/*
 * Reclaim on a machine of 256 MB: what goes first, who does it, when it stops.
 */
#include "tests/lib/testlib.h"

#define MB	 (1UL << 20)
#define MB_PAGES (MB >> PAGE_SHIFT)

static const struct testbox_config small = {
	.nr_nodes = 1, .node_mb = {256}, .cpus = 2, .disk = true};
static const struct testbox_config with_swap = {
	.nr_nodes = 1, .node_mb = {256}, .cpus = 2, .disk = true, .swap_mb = 256};

static unsigned long event(struct testbox *t, enum vm_event_item item)
{
	return global_vm_event(t->q, item);
}

static unsigned long state(struct testbox *t, enum node_stat_item item)
{
	return global_node_page_state(t->q, item);
}

static void read_file(struct testbox *t, struct file *file, unsigned long from_mb, unsigned long mb)
{
	for (unsigned long i = 0; i < mb; i++)
		assert_int_equal(generic_file_read(t->q, file, (from_mb + i) * MB, MB), MB);
}

static u64 map_anon(struct testbox *t, unsigned long mb)
{
	u64 addr = do_mmap(t->q, t->task->mm, 0, mb * MB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	return addr;
}

static unsigned long touch(struct testbox *t, u64 addr, unsigned long mb, bool write)
{
	struct touch touch = {.addr = addr,
			      .nr_pages = mb * MB_PAGES,
			      .stride = 1,
			      .write = write,
			      .kind = CONTENT_KIND_RANDOM,
			      .seed = addr};

	return mmu_touch(t->m, current_task(t->q), &touch);
}

/* ---- clean cache first --------------------------------------------------------- */

static void cache_then_anon(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 400 * MB);
	struct mm_struct *mm = t->task->mm;
	unsigned long cached;
	u64 addr;

	(void)arg;
	read_file(t, file, 0, 400);
	assert_true(event(t, PAGEOUTRUN) > 0);
	assert_true(event(t, PGSTEAL_KSWAPD) > 0);
	cached = state(t, NR_FILE_PAGES);
	assert_true(cached > 150 * MB_PAGES);

	addr = map_anon(t, 120);
	assert_int_equal(touch(t, addr, 120, true), 120 * MB_PAGES);
	/* All of it is there, and the cache made room. */
	assert_true(mm_counter_exact(t->q, mm, MM_ANONPAGES) >= 120 * MB_PAGES);
	assert_true(state(t, NR_FILE_PAGES) + 100 * MB_PAGES < cached);
	assert_int_equal(event(t, OOM_KILL), 0);
	assert_int_equal(event(t, PSWPOUT), 0);
	assert_int_equal(event(t, PGSCAN_ANON), 0);
	assert_int_equal(event(t, PGSCAN_ANON) + event(t, PGSCAN_FILE),
			 event(t, PGSCAN_KSWAPD) + event(t, PGSCAN_DIRECT));
	assert_int_equal(event(t, PGSTEAL_ANON) + event(t, PGSTEAL_FILE),
			 event(t, PGSTEAL_KSWAPD) + event(t, PGSTEAL_DIRECT));
	fput(t->q, file);
}

static void test_clean_cache_goes_first(void **unused)
{
	struct testbox *t = testbox_new(&small);

	(void)unused;
	testbox_run(t, cache_then_anon, NULL);
	testbox_verify(t);
	assert_int_equal(state(t, NR_ISOLATED_FILE) + state(t, NR_ISOLATED_ANON), 0);
	testbox_free(t);
}

/* ---- kswapd -------------------------------------------------------------------- */

static void fill_cache(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 400 * MB);

	(void)arg;
	read_file(t, file, 0, 400);
	fput(t->q, file);
}

static void test_kswapd_wakes_and_sleeps(void **unused)
{
	struct testbox *t = testbox_new(&small);
	struct pglist_data *pgdat = NODE_DATA(t->q, 0);
	unsigned long runs;

	(void)unused;
	testbox_pass(t, NSEC_PER_SEC);
	assert_true(pgdat->has_kswapd);
	assert_true(pgdat->kswapd_asleep);
	assert_int_equal(event(t, PAGEOUTRUN), 0);
	assert_non_null(pgdat->kswapd);
	assert_string_equal(pgdat->kswapd->comm, "kswapd0");

	testbox_run(t, fill_cache, NULL);
	runs = event(t, PAGEOUTRUN);
	assert_true(runs > 0);
	testbox_pass(t, NSEC_PER_SEC);
	assert_true(pgdat->kswapd_asleep);
	/* kcompactd may have left free pages on a CPU's lists. */
	drain_all_pages(t->q, NULL);
	assert_true(pgdat_balanced(pgdat, 0, MAX_NR_ZONES - 1));
	assert_int_equal(pgdat->kswapd_failures, 0);
	/* Nobody asks for memory: it stays asleep. */
	runs = event(t, PAGEOUTRUN);
	testbox_pass(t, 10 * NSEC_PER_SEC);
	assert_int_equal(event(t, PAGEOUTRUN), runs);
	testbox_verify(t);
	testbox_free(t);
}

/* Nothing on the lists: kswapd gives up, and sleeps in spite of its duty. */
static void hog_pages(struct testbox *t, void *arg)
{
	struct list_head *list = arg;
	struct page *page;

	for (;;) {
		page = alloc_pages(t->q, GFP_NOWAIT | __GFP_NOWARN, 0);
		if (!page)
			break;
		list_add(&page->lru, list);
	}
	for (int i = 0; i < 40; i++) {
		t->q->page->ops.wakeup_kswapd(t->q, &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32],
					      GFP_KERNEL, 0, ZONE_NORMAL);
		sleep_ns(t->q, NSEC_PER_SEC / 2);
	}
}

static void free_pages_list(struct testbox *t, void *arg)
{
	struct list_head *list = arg;

	while (!list_empty(list)) {
		struct page *page = list_first_entry(list, struct page, lru);

		list_del(&page->lru);
		__free_pages(t->q, page, 0);
	}
}

static void test_kswapd_gives_up(void **unused)
{
	struct testbox *t = testbox_new(&small);
	struct pglist_data *pgdat = NODE_DATA(t->q, 0);
	LIST_HEAD(list);
	unsigned long runs;

	(void)unused;
	testbox_call(t, hog_pages, &list);
	testbox_pass(t, 20 * NSEC_PER_SEC);
	assert_true(pgdat_all_unreclaimable(pgdat));
	assert_true(pgdat->kswapd_asleep);
	runs = event(t, PAGEOUTRUN);
	testbox_pass(t, 20 * NSEC_PER_SEC);
	assert_int_equal(event(t, PAGEOUTRUN), runs);
	testbox_call(t, free_pages_list, &list);
	/* Reclaim that succeeds gives hope again. */
	testbox_run(t, cache_then_anon, NULL);
	assert_false(pgdat_all_unreclaimable(pgdat));
	testbox_verify(t);
	testbox_free(t);
}

/* ---- dirty pages ---------------------------------------------------------------- */

static void write_much(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 1 * MB);
	unsigned long mb = *(unsigned long *)arg;

	for (unsigned long i = 0; i < mb; i++)
		assert_int_equal(generic_file_write(t->q, file, i * MB, MB), MB);
	fput(t->q, file);
}

static void test_dirty_pages_are_written(void **unused)
{
	struct testbox *t = testbox_new(&small);
	unsigned long mb = 600;

	(void)unused;
	testbox_run(t, write_much, &mb);
	assert_true(state(t, NR_WRITTEN) > 300 * MB_PAGES);
	assert_true(event(t, PGSTEAL_FILE) > 300 * MB_PAGES);
	assert_int_equal(event(t, OOM_KILL), 0);
	testbox_pass(t, 60 * NSEC_PER_SEC);
	assert_int_equal(state(t, NR_FILE_DIRTY), 0);
	assert_int_equal(state(t, NR_WRITEBACK), 0);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- swap and swappiness ---------------------------------------------------------- */

/* A file that would fit were it not for idle anonymous pages. */
static void anon_and_cache(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 150 * MB);
	u64 addr = map_anon(t, 120);

	(void)arg;
	assert_int_equal(touch(t, addr, 120, true), 120 * MB_PAGES);
	for (int i = 0; i < 10; i++)
		read_file(t, file, 0, 150);
	fput(t->q, file);
}

static unsigned long swapped_with(int swappiness)
{
	struct testbox *t = testbox_new(&with_swap);
	unsigned long n;

	t->q->reclaim->swappiness = swappiness;
	testbox_run(t, anon_and_cache, NULL);
	n = event(t, PSWPOUT);
	assert_int_equal(event(t, OOM_KILL), 0);
	testbox_verify(t);
	testbox_free(t);
	return n;
}

static void test_swappiness(void **unused)
{
	unsigned long none = swapped_with(0), much = swapped_with(200);

	(void)unused;
	print_message("# swapped out: %lu at 0, %lu at 200\n", none, much);
	assert_int_equal(none, 0);
	assert_true(much > 1000);
}

static void anon_beyond_memory(struct testbox *t, void *arg)
{
	u64 addr = map_anon(t, 350);
	struct mm_struct *mm = t->task->mm;

	(void)arg;
	assert_int_equal(touch(t, addr, 350, true), 350 * MB_PAGES);
	assert_true(get_mm_counter(mm, MM_SWAPENTS) > 100 * MB_PAGES);
	assert_true(event(t, PSWPOUT) > 100 * MB_PAGES);
	/* And back: what was written is what is read. */
	assert_int_equal(touch(t, addr, 350, false), 350 * MB_PAGES);
	assert_true(event(t, PSWPIN) > 0);
	assert_true(event(t, PGMAJFAULT) > 0);
	assert_int_equal(event(t, OOM_KILL), 0);
}

static void test_anon_goes_to_swap(void **unused)
{
	struct testbox *t = testbox_new(&with_swap);
	unsigned long in_use;

	(void)unused;
	testbox_run(t, anon_beyond_memory, NULL);
	assert_true(t->q->reclaim->stall_ns > 0 || event(t, PGSTEAL_DIRECT) == 0);
	/* What is left of swap is in the swap cache, for reclaim to find, but for
	 * a page or two of init. */
	in_use = t->q->swap->total_swap_pages - (unsigned long)t->q->swap->nr_swap_pages;
	assert_in_range(in_use, state(t, NR_SWAPCACHE), state(t, NR_SWAPCACHE) + 4);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- the working set ------------------------------------------------------------- */

static void thrash(struct testbox *t, void *arg)
{
	struct file *old = testbox_file(t, t->sb, 90 * MB), *new = testbox_file(t, t->sb, 170 * MB);

	(void)arg;
	/* One file is established: read twice, its pages are active. */
	for (int i = 0; i < 3; i++)
		read_file(t, old, 0, 90);
	assert_true(state(t, NR_ACTIVE_FILE) > 80 * MB_PAGES);
	assert_int_equal(state(t, WORKINGSET_REFAULT_FILE), 0);
	/* Another does not quite fit beside it, and comes back again and
	 * again: it has to win. */
	for (int i = 0; i < 8; i++)
		read_file(t, new, 0, 170);
	assert_true(state(t, WORKINGSET_REFAULT_FILE) > 0);
	assert_true(state(t, WORKINGSET_ACTIVATE_FILE) > 0);
	assert_true(state(t, WORKINGSET_ACTIVATE_FILE) <= state(t, WORKINGSET_REFAULT_FILE));
	assert_int_equal(state(t, WORKINGSET_REFAULT_ANON), 0);
	assert_true(new->f_inode->i_data.nrpages > 150 * MB_PAGES);
	assert_true(old->f_inode->i_data.nrpages < 85 * MB_PAGES);
	fput(t->q, old);
	fput(t->q, new);
}

static void test_refaults_activate(void **unused)
{
	(void)unused;
	testbox_once(&small, thrash);
}

/* ---- groups ---------------------------------------------------------------------- */

static void in_group(struct testbox *t, void *arg)
{
	struct mem_cgroup *memcg = arg;
	u64 addr;

	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
	addr = map_anon(t, 80);
	assert_int_equal(touch(t, addr, 80, true), 80 * MB_PAGES);
	assert_true(memcg->memory.usage <= memcg->memory.max);
	assert_true(memcg->swap.usage >= (long)(45 * MB_PAGES));
	assert_true(memcg_vm_event(t->q, memcg, PGSTEAL_DIRECT) >= 45 * MB_PAGES);
	/* The machine had no need to reclaim. */
	assert_int_equal(event(t, PGSCAN_DIRECT) + event(t, PGSCAN_KSWAPD), 0);
	assert_int_equal(event(t, ALLOCSTALL_NORMAL) + event(t, ALLOCSTALL_MOVABLE), 0);
}

static void make_group(struct testbox *t, void *arg)
{
	struct mem_cgroup **memcg = arg;

	*memcg = mem_cgroup_create(t->q, NULL, "box");
	assert_false(IS_ERR_OR_NULL(*memcg));
}

static void test_group_limit_reclaims_inside(void **unused)
{
	struct testbox *t = testbox_new(&with_swap);
	struct mem_cgroup *memcg = NULL;

	(void)unused;
	testbox_call(t, make_group, &memcg);
	mem_cgroup_set_max(t->q, memcg, 32 * MB_PAGES);
	testbox_run(t, in_group, memcg);
	assert_int_equal(memcg->events[MEMCG_OOM_KILL], 0);
	testbox_verify(t);
	testbox_free(t);
}

static void in_protected_group(struct testbox *t, void *arg)
{
	struct mem_cgroup *memcg = arg;
	struct file *file = testbox_file(t, t->sb, 50 * MB),
		    *stream = testbox_file(t, t->sb, 600 * MB);

	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
	read_file(t, file, 0, 50);
	assert_int_equal(task_set_memcg(t->q, t->task, NULL), 0);
	read_file(t, stream, 0, 600);
	fput(t->q, file);
	fput(t->q, stream);
}

static unsigned long protected_left(long min_pages)
{
	struct testbox *t = testbox_new(&small);
	struct mem_cgroup *memcg = NULL;
	unsigned long left;

	testbox_call(t, make_group, &memcg);
	mem_cgroup_set_min(memcg, min_pages);
	testbox_run(t, in_protected_group, memcg);
	left = (unsigned long)memcg_page_state(t->q, memcg, NR_FILE_PAGES);
	testbox_verify(t);
	testbox_free(t);
	return left;
}

static void test_memory_min_protects(void **unused)
{
	(void)unused;
	assert_true(protected_left(64 * MB_PAGES) >= 49 * MB_PAGES);
	assert_true(protected_left(0) < 25 * MB_PAGES);
}

/* ---- slab ------------------------------------------------------------------------ */

static void make_dentries(struct testbox *t, void *arg)
{
	(void)arg;
	for (int i = 0; i < 3000; i++) {
		struct inode *inode = new_inode(t->q, t->sb, 0, false);
		struct dentry *dentry;
		char name[32];

		assert_false(IS_ERR_OR_NULL(inode));
		text_format(name, sizeof(name), "file%d", i);
		dentry = d_alloc(t->q, t->sb->s_root, name, inode);
		assert_non_null(dentry);
		dput(t->q, dentry);
		iput(t->q, inode);
	}
}

static void drop(struct testbox *t, void *arg)
{
	(void)arg;
	drop_slab(t->q);
}

static void test_drop_slab(void **unused)
{
	struct testbox *t = testbox_new(&small);
	unsigned long before;

	(void)unused;
	testbox_run(t, make_dentries, NULL);
	before = t->sb->nr_dentries;
	assert_true(before >= 3000);
	testbox_call(t, drop, NULL);
	assert_true(t->sb->nr_dentries < before / 10);
	assert_true(event(t, SLABS_SCANNED) >= 3000);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- everything at once, looked at all the time ---------------------------------- */

struct worker {
	struct testbox *t;
	struct task *task;
	struct mem_cgroup *memcg;
	struct prng rng;
	unsigned int kind;
	bool done;
};

static void worker_step(struct worker *w, struct file *file, u64 addr, unsigned long mb)
{
	struct testbox *t = w->t;
	u64 pos = prng_below(&w->rng, 100) * MB;

	switch (prng_below(&w->rng, 3)) {
	case 0:
		(void)generic_file_read(t->q, file, pos, MB);
		break;
	case 1:
		(void)generic_file_write(t->q, file, pos, 64 << 10);
		break;
	default:
		(void)mmu_touch(t->m, w->task,
				&(struct touch){.addr = addr + prng_below(&w->rng, mb) * MB,
						.nr_pages = MB_PAGES,
						.stride = 1,
						.write = prng_below(&w->rng, 2) != 0,
						.kind = CONTENT_KIND_HEAP,
						.seed = pos});
	}
}

static void worker_main(void *arg)
{
	struct worker *w = arg;
	struct testbox *t = w->t;
	bool shared = w->kind == 1;
	struct file *file = testbox_file(t, t->sb, 100 * MB);
	u64 addr = do_mmap(t->q, w->task->mm, 0, 90 * MB, PROT_READ | PROT_WRITE,
			   (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
	for (int i = 0; i < 400 && !fatal_signal_pending(w->task); i++)
		worker_step(w, file, addr, 90);
	fput(t->q, file);
	w->done = true;
	do_exit(t->q, w->task, 0);
}

static void start_worker(struct testbox *t, void *arg)
{
	struct worker *w = arg;

	w->task = copy_process(t->q, NULL, 0);
	assert_false(IS_ERR_OR_NULL(w->task));
	assert_int_equal(exec_mmap(t->q, w->task, "worker", "worker", 7), 0);
	if (w->memcg)
		assert_int_equal(task_set_memcg(t->q, w->task, w->memcg), 0);
	assert_non_null(model_spawn(t->m, "worker", worker_main, w, w->task, -1));
}

static void run_workers(bool zswap, u64 seed)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.nr_nodes = 2,
								 .node_mb = {128, 128},
								 .cpus = 2,
								 .disk = true,
								 .swap_mb = 300,
								 .seed = seed});
	struct worker w[4] = {{0}};
	struct mem_cgroup *memcg = NULL;
	unsigned int done = 0;

	zswap_params(t->q)->enabled = zswap;
	testbox_call(t, make_group, &memcg);
	mem_cgroup_set_max(t->q, memcg, 40 * MB_PAGES);
	for (unsigned int i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct worker){.t = t, .kind = i, .memcg = i == 2 ? memcg : NULL};
		prng_seed(&w[i].rng, t->seed + i);
		testbox_call(t, start_worker, &w[i]);
	}
	for (int i = 0; i < 4000 && done < ARRAY_SIZE(w); i++) {
		testbox_pass(t, 20 * NSEC_PER_MSEC);
		if (i < 100 || i % 20 == 0)
			testbox_verify(t);
		done = 0;
		for (unsigned int j = 0; j < ARRAY_SIZE(w); j++)
			done += w[j].done;
	}
	assert_int_equal(done, ARRAY_SIZE(w));
	assert_true(event(t, PGSTEAL_ANON) > 0 && event(t, PGSTEAL_FILE) > 0);
	assert_true(zswap ? event(t, ZSWPOUT) > 0 : event(t, PSWPOUT) > 0);
	/* A group's own reclaim counts by kind, not by who did it. */
	assert_true(event(t, PGSTEAL_ANON) + event(t, PGSTEAL_FILE) >
		    event(t, PGSTEAL_KSWAPD) + event(t, PGSTEAL_DIRECT));
	testbox_verify(t);
	testbox_free(t);
}

static void test_many_things_at_once(void **unused)
{
	(void)unused;
	run_workers(false, 11);
	run_workers(true, 12);
}

/* ---- failures -------------------------------------------------------------------- */

struct io_fault {
	unsigned int dev;
	unsigned long seen, failed;
};

static bool fail_some_writes(void *ctx, const struct quire_bio *bio)
{
	struct io_fault *f = ctx;

	if (bio->dev != f->dev || bio->op != QUIRE_BIO_WRITE || ++f->seen % 7)
		return false;
	f->failed++;
	return true;
}

/* Pages whose write to swap fails stay in memory; nothing is lost. */
static void survive_io_errors(struct testbox *t, void *arg)
{
	u64 addr = map_anon(t, 300);

	(void)arg;
	assert_int_equal(touch(t, addr, 300, true), 300 * MB_PAGES);
	assert_int_equal(touch(t, addr, 300, false), 300 * MB_PAGES);
}

static void test_failing_swap_writes(void **unused)
{
	struct testbox *t = testbox_new(&with_swap);
	struct io_fault fault = {.dev = t->swap_dev};

	(void)unused;
	model_fail_io(t->m, fail_some_writes, &fault);
	testbox_run(t, survive_io_errors, NULL);
	assert_true(fault.failed > 0);
	assert_int_equal(event(t, OOM_KILL), 0);
	model_fail_io(t->m, NULL, NULL);
	testbox_verify(t);
	testbox_free(t);
}

/* Reclaim while each n-th allocation fails: readers may see -ENOMEM, and
 * nothing leaks. */
static void read_with_failures(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 300 * MB);
	unsigned long short_reads = 0;

	(void)arg;
	for (unsigned long i = 0; i < 300; i++) {
		testbox_fail_alloc(t, 1 + i % 64);
		short_reads += generic_file_read(t->q, file, i * MB, MB) != MB;
	}
	testbox_fail_alloc(t, 0);
	assert_true(t->failed > 0);
	/* A single failure is made good nearly always: reclaim, a second try. */
	assert_true(short_reads < 150);
	fput(t->q, file);
}

static void test_failing_allocations(void **unused)
{
	(void)unused;
	testbox_once(&small, read_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_cache_goes_first),
		cmocka_unit_test(test_kswapd_wakes_and_sleeps),
		cmocka_unit_test(test_kswapd_gives_up),
		cmocka_unit_test(test_dirty_pages_are_written),
		cmocka_unit_test(test_swappiness),
		cmocka_unit_test(test_anon_goes_to_swap),
		cmocka_unit_test(test_refaults_activate),
		cmocka_unit_test(test_group_limit_reclaims_inside),
		cmocka_unit_test(test_memory_min_protects),
		cmocka_unit_test(test_drop_slab),
		cmocka_unit_test(test_many_things_at_once),
		cmocka_unit_test(test_failing_swap_writes),
		cmocka_unit_test(test_failing_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
