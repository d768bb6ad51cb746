/* SPDX-License-Identifier: MIT */
/*
 * What reclaim tells others: that kswapd is at work on a zone, that writeback
 * which reclaimers wait for ends; and who counts as stalled.
 */
#include "tests/lib/testlib.h"

#define MB	 (1UL << 20)
#define MB_PAGES (MB >> PAGE_SHIFT)

static const struct testbox_config small = {
	.nr_nodes = 1, .node_mb = {256}, .cpus = 2, .disk = true};

/* ---- kswapd is at work ------------------------------------------------------------ */

struct witness {
	unsigned int active, idle;
};
static struct witness witness;

static unsigned long look(struct quire *q, struct shrinker *s, struct shrink_control *sc)
{
	struct zone *zone = &NODE_DATA(q, sc->nid)->node_zones[ZONE_DMA32];

	(void)s;
	if (!(current_context(q)->flags & PF_KSWAPD))
		return 0;
	if (zone->reclaim_active)
		witness.active++;
	else
		witness.idle++;
	return 0;
}

static unsigned long scan_nothing(struct quire *q, struct shrinker *s, struct shrink_control *sc)
{
	(void)q;
	(void)s;
	(void)sc;
	return SHRINK_STOP;
}

static void read_much(struct testbox *t, void *arg)
{
	struct shrinker *s = arg;
	struct file *file = testbox_file(t, t->sb, 400 * MB);

	register_shrinker(t->q, s);
	for (unsigned long i = 0; i < 400; i++)
		assert_int_equal(generic_file_read(t->q, file, i * MB, MB), MB);
	fput(t->q, file);
	unregister_shrinker(t->q, s);
}

static void test_kswapd_marks_zones(void **unused)
{
	struct testbox *t = testbox_new(&small);
	struct shrinker s = {.count_objects = look, .scan_objects = scan_nothing, .seeks = 2};

	(void)unused;
	witness = (struct witness){0};
	testbox_run(t, read_much, &s);
	testbox_pass(t, NSEC_PER_SEC);
	assert_true(witness.active > 0);
	assert_int_equal(witness.idle, 0);
	for_each_zone_of_node(NODE_DATA(t->q, 0), zone) assert_false(zone->reclaim_active);
	testbox_verify(t);
	testbox_free(t);
}

/* ---- writeback that is waited for -------------------------------------------------- */

static void write_some(struct testbox *t, void *arg)
{
	struct file *file = testbox_file(t, t->sb, 1 * MB);

	(void)arg;
	assert_int_equal(generic_file_write(t->q, file, 0, 4 * MB), 4 * MB);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	fput(t->q, file);
}

static void test_throttled_writeback(void **unused)
{
	struct testbox *t = testbox_new(&small);
	struct pglist_data *pgdat = NODE_DATA(t->q, 0);
	struct quire_wait_queue *wq = &pgdat->reclaim_wait[VMSCAN_THROTTLE_WRITEBACK];
	u32 seq = wq->seq;

	(void)unused;
	testbox_run(t, write_some, NULL);
	assert_int_equal(node_page_state(pgdat, NR_THROTTLED_WRITTEN), 0);
	assert_int_equal(wq->seq, seq);
	/* Two reclaimers wait: woken when 64 pages were written. */
	pgdat->nr_writeback_throttled = 2;
	pgdat->nr_reclaim_start = node_page_state(pgdat, NR_THROTTLED_WRITTEN);
	testbox_run(t, write_some, NULL);
	assert_int_equal(node_page_state(pgdat, NR_THROTTLED_WRITTEN), 4 * MB_PAGES);
	assert_int_equal(wq->seq - seq, 4 * MB_PAGES - 64);
	pgdat->nr_writeback_throttled = 0;
	testbox_verify(t);
	testbox_free(t);
}

/* ---- nodes of shadows ------------------------------------------------------------------ */

static void evict_and_return(struct testbox *t, void *arg)
{
	struct pglist_data *pgdat = NODE_DATA(t->q, 0);
	struct file *file = testbox_file(t, t->sb, 400 * MB);
	struct xa_node *node;
	unsigned long nodes;

	(void)arg;
	for (unsigned long i = 0; i < 400; i++)
		assert_int_equal(generic_file_read(t->q, file, i * MB, MB), MB);
	/* Some 150 MB were evicted, 64 pages a node; one or two are mixed. */
	nodes = node_page_state(pgdat, WORKINGSET_NODES);
	assert_in_range(nodes, file->f_inode->i_data.nrexceptional / 64 - 40,
			file->f_inode->i_data.nrexceptional / 64);
	testbox_verify(t);
	node = list_first_entry(&t->q->cache->shadow_nodes[0], struct xa_node, private_list);
	list_del_init(&node->private_list);
	testbox_verify_reports(t, "workingset_nodes of node");
	list_add(&node->private_list, &t->q->cache->shadow_nodes[0]);
	node->nr_values--;
	testbox_verify_reports(t, "a listed tree node has");
	node->nr_values++;
	/* A page that comes back takes its node off. */
	assert_int_equal(generic_file_read(t->q, file, 0, PAGE_SIZE), PAGE_SIZE);
	assert_true(node_page_state(pgdat, WORKINGSET_NODES) < nodes);
	truncate_setsize(t->q, file->f_inode, 0);
	assert_int_equal(node_page_state(pgdat, WORKINGSET_NODES), 0);
	fput(t->q, file);
}

static void test_shadow_nodes(void **unused)
{
	(void)unused;
	testbox_once(&small, evict_and_return);
}

/* ---- pressure ------------------------------------------------------------------------ */

struct staller {
	struct testbox *t;
	struct mem_cgroup *memcg;
	u64 ns;
	bool compute, done;
};

static void stall(struct testbox *t, void *arg)
{
	struct staller *s = arg;

	if (s->compute) {
		model_compute(t->m, s->ns);
	} else {
		psi_stall_enter(t->q, PSI_MEM);
		psi_stall_enter(t->q, PSI_MEM);
		model_sleep(t->m, s->ns);
		psi_stall_leave(t->q, PSI_MEM);
		psi_stall_leave(t->q, PSI_MEM);
	}
	s->done = true;
}

static void stall_fiber(void *arg)
{
	struct staller *s = arg;

	stall(s->t, s);
	do_exit(s->t->q, current_task(s->t->q), 0);
}

static void start_beside(struct testbox *t, void *arg)
{
	struct staller *s = arg;
	struct task *task = copy_process(t->q, t->q->space->init_task, 0);

	assert_false(IS_ERR_OR_NULL(task));
	assert_non_null(model_spawn(t->m, "beside", stall_fiber, s, task, -1));
}

static u64 total(struct testbox *t, enum psi_state state)
{
	psi_update(t->q, &t->q->group->psi);
	return t->q->group->psi.total[PSI_MEM][state];
}

/* Alone, a task that stalls is a machine that does; beside one that computes
 * it is not. */
static void test_some_and_full(void **unused)
{
	struct testbox *t = testbox_new(&small);
	struct staller one = {.t = t, .ns = NSEC_PER_SEC};
	struct staller other = {.t = t, .ns = 3 * NSEC_PER_SEC, .compute = true};
	u64 some, full;

	(void)unused;
	testbox_run(t, stall, &one);
	some = total(t, PSI_SOME);
	full = total(t, PSI_FULL);
	assert_in_range(some, NSEC_PER_SEC - NSEC_PER_MSEC, NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_in_range(full, NSEC_PER_SEC - NSEC_PER_MSEC, NSEC_PER_SEC + NSEC_PER_MSEC);
	testbox_call(t, start_beside, &other);
	testbox_run(t, stall, &one);
	assert_false(other.done);
	assert_in_range(total(t, PSI_SOME) - some, NSEC_PER_SEC - NSEC_PER_MSEC,
			NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_in_range(total(t, PSI_FULL) - full, 0, NSEC_PER_MSEC);
	testbox_pass(t, 5 * NSEC_PER_SEC);
	assert_true(other.done);
	testbox_verify(t);
	testbox_free(t);
}

/* A task that moves takes its stall along, and what counts it runs. */
static void move_and_stall(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct mem_cgroup *memcg = mem_cgroup_create(q, NULL, "here");

	(void)arg;
	assert_false(IS_ERR_OR_NULL(memcg));
	psi_stall_enter(q, PSI_MEM);
	assert_int_equal(q->group->psi.nr_stalled[PSI_MEM], 1);
	assert_int_equal(memcg->psi.nr_stalled[PSI_MEM], 0);
	assert_int_equal(task_set_memcg(q, t->task, memcg), 0);
	assert_int_equal(memcg->psi.nr_stalled[PSI_MEM], 1);
	assert_int_equal(memcg->psi.nr_running, 1);
	assert_int_equal(memcg->psi.nr_memstall_running, 1);
	assert_int_equal(q->group->psi.nr_stalled[PSI_MEM], 1);
	testbox_verify(t);
	memcg->psi.nr_stalled[PSI_MEM]++;
	testbox_verify_reports(t, "stalls on");
	memcg->psi.nr_stalled[PSI_MEM]--;
	memcg->psi.nr_running++;
	testbox_verify_reports(t, "that run, there are");
	memcg->psi.nr_running--;
	psi_stall_leave(q, PSI_MEM);
	assert_int_equal(memcg->psi.nr_stalled[PSI_MEM], 0);
	assert_int_equal(memcg->psi.nr_memstall_running, 0);
	assert_int_equal(q->group->psi.nr_stalled[PSI_MEM], 0);
}

static void test_moved_task(void **unused)
{
	struct testbox *t = testbox_new(&small);
	struct mem_cgroup *memcg;

	(void)unused;
	testbox_run(t, move_and_stall, NULL);
	memcg = mem_cgroup_find(t->q, "/here");
	assert_non_null(memcg);
	assert_int_equal(memcg->psi.nr_running, 0);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kswapd_marks_zones),
		cmocka_unit_test(test_throttled_writeback),
		cmocka_unit_test(test_shadow_nodes),
		cmocka_unit_test(test_some_and_full),
		cmocka_unit_test(test_moved_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
