/* SPDX-License-Identifier: MIT */
/*
 * The OOM killer on a machine of 256 MB: who is chosen, what dies with it, what
 * the log says.
 */
#include "tests/oom/oom_box.h"

/* ---- points ---------------------------------------------------------------------- */

static void test_badness(void **unused)
{
	struct box *b = box_new(0);
	struct proc p[] = {{.name = "A", .mb = 20}, {.name = "B", .mb = 40}};
	struct quire *q = b->t->q;
	unsigned long total = q->node->totalram_pages;
	struct mm_struct *mm;
	long points, score;

	(void)unused;
	start(b, &p[0]);
	start(b, &p[1]);
	testbox_pass(b->t, 3 * NSEC_PER_SEC);
	mm = p[1].task->mm;
	points = oom_badness(q, p[1].task, total);
	assert_int_equal(points, get_mm_rss(mm) + get_mm_counter(mm, MM_SWAPENTS) +
					 (unsigned long)mm->pgtables_bytes / PAGE_SIZE);
	assert_true(points > 40 * (long)MB_PAGES);
	assert_true(oom_badness(q, p[0].task, total) < points);
	score = oom_score(q, p[1].task);
	assert_int_equal(score, (1000 + points * 1000 / (long)total) * 2 / 3);
	p[1].task->signal->oom_score_adj = 500;
	assert_int_equal(oom_badness(q, p[1].task, total), points + 500 * (long)(total / 1000));
	assert_true(oom_score(q, p[1].task) > score);
	p[1].task->signal->oom_score_adj = -1000;
	assert_true(oom_badness(q, p[1].task, total) == LONG_MIN);
	assert_int_equal(oom_score(q, p[1].task), 0);
	p[1].task->signal->oom_score_adj = -999;
	assert_true(oom_badness(q, p[1].task, total) < 0);
	assert_true(oom_badness(q, q->space->init_task, total) == LONG_MIN);
	assert_true(oom_badness(q, NODE_DATA(q, 0)->kswapd, total) == LONG_MIN);
	finish(b, p, 2);
	box_free(b);
}

/* ---- who --------------------------------------------------------------------------- */

/* Three grow together until one has to go: which? */
static void check_victim(unsigned int swap_mb, const int adj[3], const unsigned long mb[3],
			 int victim)
{
	struct box *b = box_new(swap_mb);
	struct proc p[3] = {{.name = "A"}, {.name = "B"}, {.name = "C"}};

	for (int i = 0; i < 3; i++) {
		p[i].adj = adj[i];
		p[i].mb = mb[i];
		/* The last one asks for too much. */
		p[i].start_after = i == 2 ? 2 * NSEC_PER_SEC : 0;
		start(b, &p[i]);
	}
	testbox_pass(b->t, 30 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	assert_int_equal(b->t->q->oom->nr_kills, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(p[i].killed, i == victim);
	finish(b, p, 3);
	box_free(b);
}

static void test_largest_goes(void **unused)
{
	(void)unused;
	check_victim(0, (int[]){0, 0, 0}, (unsigned long[]){120, 30, 100}, 0);
}

static void test_largest_goes_with_swap(void **unused)
{
	(void)unused;
	check_victim(64, (int[]){0, 0, 0}, (unsigned long[]){150, 30, 150}, 0);
}

static void test_adj_500_goes_first(void **unused)
{
	(void)unused;
	check_victim(0, (int[]){0, 500, 0}, (unsigned long[]){90, 60, 100}, 1);
}

static void test_adj_never(void **unused)
{
	(void)unused;
	check_victim(0, (int[]){-1000, 0, 0}, (unsigned long[]){110, 80, 100}, 1);
}

static void test_adj_last(void **unused)
{
	(void)unused;
	check_victim(0, (int[]){-999, 0, -998}, (unsigned long[]){120, 50, 110}, 1);
}

/* ---- the report --------------------------------------------------------------------- */

static void check_node_lines(struct box *b)
{
	unsigned long n[8], free_kb, total, part, sum = 0;
	const char *line, *at;
	char types[8];
	int used;

	line = find_line(b, "Node 0 active_anon:");
	assert_int_equal(sscanf(line, "Node 0 active_anon:%lukB inactive_anon:%lukB", &n[0], &n[1]),
			 2);
	assert_true(n[0] + n[1] > 150 * 1024);
	assert_non_null(strstr(line, " all_unreclaimable? "));
	line = find_line(b, "Node 0 DMA32 free:");
	assert_int_equal(sscanf(line,
				"Node 0 DMA32 free:%lukB boost:%lukB min:%lukB low:%lukB "
				"high:%lukB reserved_highatomic:%luKB",
				&free_kb, &n[1], &n[2], &n[3], &n[4], &n[5]),
			 6);
	assert_true(n[2] < n[3] && n[3] < n[4]);
	/* The blocks of each order add up to the line's end. */
	line = find_line(b, "Node 0 DMA32: ");
	at = line + strlen("Node 0 DMA32: ");
	for (int order = 0; order < MAX_ORDER; order++) {
		assert_int_equal(sscanf(at, "%lu*%lukB %n", &n[0], &part, &used), 2);
		assert_int_equal(part, 4UL << order);
		sum += n[0] * part;
		at += used;
		if (n[0]) {
			assert_int_equal(sscanf(at, "(%7[UMEHCI]) %n", types, &used), 1);
			at += used;
		}
	}
	assert_int_equal(sscanf(at, "= %lukB", &total), 1);
	assert_int_equal(total, sum);
	find_line(b, "Node 0 hugepages_total=0 hugepages_free=0 hugepages_surp=0 "
		     "hugepages_size=2048kB");
	find_line(b, "lowmem_reserve[]: 0 ");
}

static void check_tasks(struct box *b, const struct proc *p, size_t n)
{
	find_line(b, "Tasks state (memory values in pages):");
	find_line(b, "[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents "
		     "oom_score_adj name");
	for (size_t i = 0; i < n; i++) {
		unsigned long vm, rss, pgtables, swap;
		int pid, tgid, adj;
		unsigned int uid;
		char prefix[32], comm[20];

		snprintf(prefix, sizeof(prefix), "[%7d] ", p[i].task->pid);
		assert_int_equal(sscanf(find_line(b, prefix), "[%d] %u %d %lu %lu %lu %lu %d %19s",
					&pid, &uid, &tgid, &vm, &rss, &pgtables, &swap, &adj, comm),
				 9);
		assert_int_equal(adj, p[i].adj);
		assert_string_equal(comm, p[i].name);
		assert_true(rss > 1000 && vm >= rss && pgtables % 4096 == 0 && pgtables > 0);
	}
}

static void test_report(void **unused)
{
	struct box *b = box_new(0);
	struct proc p[] = {{.name = "A", .mb = 90},
			   {.name = "B", .mb = 60, .adj = 300},
			   {.name = "C", .mb = 100, .start_after = 2 * NSEC_PER_SEC}};
	unsigned int gfp;
	char line[256];
	const char *at;
	int order, adj;

	(void)unused;
	for (int i = 0; i < 3; i++)
		start(b, &p[i]);
	testbox_pass(b->t, 30 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	at = find_line(b, "C invoked oom-killer: gfp_mask=0x");
	assert_int_equal(sscanf(at,
				"C invoked oom-killer: gfp_mask=%x(%63[A-Z_|]), order=%d, "
				"oom_score_adj=%d",
				&gfp, line, &order, &adj),
			 4);
	assert_int_equal(gfp, 0x140dca);
	assert_string_equal(line, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO");
	assert_int_equal(order, 0);
	assert_int_equal(adj, 0);
	find_line(b, "CPU: ");
	find_line(b, "Mem-Info:");
	check_node_lines(b);
	find_line(b, "Free swap  = 0kB");
	find_line(b, "Total swap = 0kB");
	find_line(b, "0 pages HighMem/MovableOnly");
	check_tasks(b, p, 3);
	snprintf(line, sizeof(line),
		 "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,"
		 "global_oom,task_memcg=/,task=B,pid=%d,uid=0\n",
		 p[1].task->pid);
	find_line(b, line);
	snprintf(line, sizeof(line),
		 "Out of memory: Killed process %d (B) total-vm:", p[1].task->pid);
	assert_non_null(strstr(find_line(b, line), "oom_score_adj:300\n"));
	finish(b, p, 3);
	box_free(b);
}

/* ---- groups --------------------------------------------------------------------------- */

static void check_group_kill(bool oom_group)
{
	struct box *b = box_new(0);
	struct mem_cgroup *memcg = NULL;
	struct proc p[] = {{.name = "out", .mb = 120},
			   {.name = "in1", .mb = 20},
			   {.name = "in2", .mb = 80, .start_after = NSEC_PER_SEC}};

	testbox_call(b->t, make_group, &memcg);
	mem_cgroup_set_max(b->t->q, memcg, 64 * MB_PAGES);
	memcg->oom_group = oom_group;
	p[1].memcg = p[2].memcg = memcg;
	for (int i = 0; i < 3; i++)
		start(b, &p[i]);
	testbox_pass(b->t, 20 * NSEC_PER_SEC);
	assert_false(p[0].killed);
	assert_int_equal(p[1].killed, oom_group);
	assert_true(p[2].killed);
	/* As on Linux the first of them is killed, and counted, twice. */
	assert_int_equal(memcg->events[MEMCG_OOM_KILL], oom_group ? 3 : 1);
	assert_int_equal(memcg->events[MEMCG_OOM_GROUP_KILL], oom_group);
	assert_true(memcg->events[MEMCG_OOM] >= 1);
	find_line(b, "memory: usage 65536kB, limit 65536kB, failcnt ");
	find_line(b, "Memory cgroup stats for /box:");
	find_line(b, "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,"
		     "oom_memcg=/box,task_memcg=/box,task=in2,pid=");
	find_line(b, "Memory cgroup out of memory: Killed process ");
	if (oom_group)
		find_line(b, "Tasks in /box are going to be killed due to memory.oom.group set");
	finish(b, p, 3);
	box_free(b);
}

static void test_group_kills_inside(void **unused)
{
	(void)unused;
	check_group_kill(false);
}

static void test_oom_group(void **unused)
{
	(void)unused;
	check_group_kill(true);
}

/* ---- the reaper ---------------------------------------------------------------------- */

static void test_reaper_frees(void **unused)
{
	struct box *b = box_new(0);
	/* Nobody runs "stuck": it can't die of its signal. */
	struct proc p[] = {{.name = "stuck", .mb = 100, .no_fiber = true},
			   {.name = "C", .mb = 200, .adj = -500}};
	char line[128];

	(void)unused;
	start(b, &p[0]);
	testbox_call(b->t, fill_other, &p[0]);
	assert_true(mm_counter_exact(b->t->q, p[0].task->mm, MM_ANONPAGES) >= 100 * MB_PAGES);
	start(b, &p[1]);
	testbox_pass(b->t, 60 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	assert_false(p[1].killed);
	assert_true(mm_counter_exact(b->t->q, p[1].task->mm, MM_ANONPAGES) >= 200 * MB_PAGES);
	assert_int_equal(mm_counter_exact(b->t->q, p[0].task->mm, MM_ANONPAGES), 0);
	snprintf(line, sizeof(line),
		 "oom_reaper: reaped process %d (stuck), now anon-rss:0kB, file-rss:0kB, "
		 "shmem-rss:0kB\n",
		 p[0].task->pid);
	find_line(b, line);
	finish(b, p, 2);
	box_free(b);
}

/* ---- nobody to kill ------------------------------------------------------------------- */

static void check_panic(int panic_on_oom, int adj, const char *expected)
{
	struct box *b = box_new(0);
	struct quire_port_ops ops = *b->t->q->port;
	struct proc p = {.name = "A", .mb = 400, .adj = adj};

	ops.panic = panic_to_test;
	b->t->q->port = &ops;
	b->t->q->oom->sysctl_panic_on_oom = panic_on_oom;
	panic_box = b;
	panic_message[0] = '\0';
	start(b, &p);
	testbox_pass(b->t, 60 * NSEC_PER_SEC);
	assert_string_equal(panic_message, expected);
	assert_int_equal(kills(b), 0);
	find_line(b, "Mem-Info:");
	testbox_verify(b->t);
	box_free(b);
}

static void test_nobody_to_kill(void **unused)
{
	(void)unused;
	check_panic(0, -1000, "System is deadlocked on memory");
}

static void test_panic_on_oom(void **unused)
{
	(void)unused;
	check_panic(1, 0, "Out of memory: system-wide panic_on_oom is enabled");
}

/* ---- the one that asks ----------------------------------------------------------------- */

static void test_kill_allocating_task(void **unused)
{
	struct box *b = box_new(0);
	struct proc p[] = {{.name = "big", .mb = 150},
			   {.name = "asks", .mb = 120, .start_after = 2 * NSEC_PER_SEC}};

	(void)unused;
	b->t->q->oom->sysctl_oom_kill_allocating_task = 1;
	start(b, &p[0]);
	start(b, &p[1]);
	testbox_pass(b->t, 30 * NSEC_PER_SEC);
	assert_false(p[0].killed);
	assert_true(p[1].killed);
	find_line(b, "Out of memory (oom_kill_allocating_task): Killed process ");
	finish(b, p, 2);
	box_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_badness),
		cmocka_unit_test(test_largest_goes),
		cmocka_unit_test(test_largest_goes_with_swap),
		cmocka_unit_test(test_adj_500_goes_first),
		cmocka_unit_test(test_adj_never),
		cmocka_unit_test(test_adj_last),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_group_kills_inside),
		cmocka_unit_test(test_oom_group),
		cmocka_unit_test(test_reaper_frees),
		cmocka_unit_test(test_nobody_to_kill),
		cmocka_unit_test(test_panic_on_oom),
		cmocka_unit_test(test_kill_allocating_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
