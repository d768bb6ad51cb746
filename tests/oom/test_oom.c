/* SPDX-License-Identifier: MIT */
/*
 * The OOM killer on a machine of 256 MB: who is chosen, what dies with it, what
 * the log says.
 */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB	 (1UL << 20)
#define MB_PAGES (MB >> PAGE_SHIFT)
#define LOG_MAX	 (1UL << 20)

struct box {
	struct testbox *t;
	char *log;
	size_t log_len;
	struct proc *first;
	jmp_buf panicked;
};

/* A process that touches mb, and then sits there until it is killed or told. */
struct proc {
	struct box *b;
	const char *name;
	unsigned long mb;
	int adj;
	struct mem_cgroup *memcg;
	bool no_fiber; /* nobody runs it: killed, it stays */
	struct task *task;
	bool release, killed, done, started;
	u64 start_after;
};

static void collect(void *ctx, int level, u64 time_ns, const char *text, size_t len)
{
	struct box *b = ctx;

	(void)level;
	(void)time_ns;
	if (b->log_len + len + 2 > LOG_MAX)
		return;
	memcpy(b->log + b->log_len, text, len);
	b->log_len += len;
	b->log[b->log_len++] = '\n';
	b->log[b->log_len] = '\0';
}

static struct box *box_new(unsigned int swap_mb)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->log = calloc(1, LOG_MAX);
	b->t = testbox_new(&(struct testbox_config){
		.nr_nodes = 1, .node_mb = {256}, .cpus = 4, .disk = true, .swap_mb = swap_mb});
	model_on_log(b->t->m, collect, b);
	return b;
}

static void box_free(struct box *b)
{
	testbox_free(b->t);
	free(b->log);
	free(b);
}

static unsigned long touch_anon(struct testbox *t, struct task *task, u64 addr, unsigned long mb)
{
	struct touch touch = {.addr = addr,
			      .nr_pages = mb * MB_PAGES,
			      .stride = 1,
			      .write = true,
			      .kind = CONTENT_KIND_RANDOM,
			      .seed = 7};

	return mmu_touch(t->m, task, &touch);
}

static void proc_main(void *arg)
{
	struct proc *p = arg;
	struct testbox *t = p->b->t;
	u64 addr;

	if (p->start_after)
		sleep_ns(t->q, p->start_after);
	p->started = true;
	addr = do_mmap(t->q, p->task->mm, 0, p->mb * MB, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, NULL, 0);
	if (!IS_ERR_VALUE(addr))
		touch_anon(t, p->task, addr, p->mb);
	while (!p->release && !t->q->stopping && !fatal_signal_pending(p->task))
		sleep_ns(t->q, 10 * NSEC_PER_MSEC);
	p->killed = fatal_signal_pending(p->task);
	p->done = true;
	do_exit(t->q, p->task, p->killed ? SIGKILL : 0);
}

static void start_proc(struct testbox *t, void *arg)
{
	struct proc *p = arg;
	size_t len = strlen(p->name) + 1;

	p->task = copy_process(t->q, NULL, 0);
	assert_false(IS_ERR_OR_NULL(p->task));
	assert_int_equal(exec_mmap(t->q, p->task, p->name, p->name, (unsigned int)len), 0);
	p->task->signal->oom_score_adj = (short)p->adj;
	if (p->memcg)
		assert_int_equal(task_set_memcg(t->q, p->task, p->memcg), 0);
	get_task(p->task);
	if (!p->no_fiber)
		assert_non_null(model_spawn(t->m, p->name, proc_main, p, p->task, -1));
}

static void start(struct box *b, struct proc *p)
{
	p->b = b;
	testbox_call(b->t, start_proc, p);
}

static void drop_task(struct testbox *t, void *arg)
{
	put_task(t->q, ((struct proc *)arg)->task);
}

/* Lets the rest end, and forgets them. */
static void finish(struct box *b, struct proc *procs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		procs[i].release = true;
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	for (size_t i = 0; i < n; i++) {
		assert_true(procs[i].done || procs[i].no_fiber);
		testbox_call(b->t, drop_task, &procs[i]);
	}
	testbox_verify(b->t);
}

static unsigned long kills(struct box *b)
{
	return global_vm_event(b->t->q, OOM_KILL);
}

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

static const char *find_line(struct box *b, const char *prefix)
{
	const char *at = b->log;

	while (*at) {
		if (!strncmp(at, prefix, strlen(prefix)))
			return at;
		at = strchr(at, '\n');
		if (!at)
			break;
		at++;
	}
	if (getenv("QUIRE_LOG"))
		print_error("%s", b->log);
	fail_msg("the log has no line that begins with \"%s\"", prefix);
	return NULL;
}

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

static void make_group(struct testbox *t, void *arg)
{
	struct mem_cgroup **memcg = arg;

	*memcg = mem_cgroup_create(t->q, NULL, "box");
	assert_false(IS_ERR_OR_NULL(*memcg));
}

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

static void fill_other(struct testbox *t, void *arg)
{
	struct proc *p = arg;
	u64 addr = do_mmap(t->q, p->task->mm, 0, p->mb * MB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
}

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

static struct box *panic_box;
static char panic_message[256];

static void __attribute__((noreturn)) panic_to_test(void *ctx, const char *message)
{
	(void)ctx;
	snprintf(panic_message, sizeof(panic_message), "%s", message);
	/* The machine stops for good: the process sleeps for ever. */
	for (;;) {
		current_context(panic_box->t->q)->nr_held = 0;
		sleep_ns(panic_box->t->q, 3600 * NSEC_PER_SEC);
	}
}

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
