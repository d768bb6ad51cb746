/* SPDX-License-Identifier: MIT */
/*
 * What other kernels' killers do (the rules at work on a machine), and the
 * cases that all have: memory that two processes share, tasks that are dying
 * already, victims of before, settings, constraints, groups.
 */
#include "oom/internal.h"
#include "oom/rules.h"
#include "space/mempolicy.h"
#include "tests/oom/oom_box.h"

static void lines_absent(struct box *b, const char *text)
{
	if (strstr(b->log, text))
		fail_msg("the log has \"%s\"", text);
}

/* ---- who dies ------------------------------------------------------------------ */

static void adopt(struct testbox *t, void *arg)
{
	struct proc *p = arg; /* p[1] and p[2] become children of p[0] */

	(void)t;
	for (int i = 1; i <= 2; i++) {
		list_del(&p[i].task->sibling);
		p[i].task->parent = p[0].task;
		list_add_tail(&p[i].task->sibling, &p[0].task->children);
	}
}

/* A parent of 90 MB with children of 20 and 40; who dies when a fourth wants 100? */
static void check_child(const char *kernel, int victim)
{
	struct box *b = box_new_kernel(0, kernel);
	struct proc p[] = {
		{.name = "parent", .mb = 90},
		{.name = "small", .mb = 15},
		{.name = "large", .mb = 30},
		{.name = "asks", .mb = 120, .adj = -500, .start_after = 2 * NSEC_PER_SEC}};

	for (int i = 0; i < 4; i++)
		start(b, &p[i]);
	testbox_call(b->t, adopt, p);
	testbox_pass(b->t, 3 * NSEC_PER_SEC);
	assert_true(p[victim].killed);
	for (int i = 0; i < victim; i++)
		assert_false(p[i].killed);
	if (victim == 2) {
		find_line(b, "Out of memory: Kill process ");
		find_line(b, "Killed process ");
		assert_non_null(strstr(b->log, " (parent) score "));
		assert_non_null(strstr(b->log, " or sacrifice child\n"));
	} else if (victim == 1) {
		find_line(b, "Out of memory: kill process ");
		assert_non_null(strstr(b->log, " or a child\n"));
	} else {
		lines_absent(b, "ill process ");
		find_line(b, "Out of memory: Killed process ");
	}
	finish(b, p, 4);
	box_free(b);
}

static void test_children(void **unused)
{
	(void)unused;
	check_child("6.1", 0);
	check_child("5.1", 0);
	check_child("5.0", 2);
	check_child("3.10", 2);
	check_child("2.6.36", 2);
	check_child("2.6.32", 1);
}

/* Points of a process by the machine's kernel. */
static long points_of(const char *kernel, bool root, long *tables)
{
	struct box *b = box_new_kernel(0, kernel);
	struct proc p = {.name = "A", .mb = 40};
	struct quire *q = b->t->q;
	long points;

	start(b, &p);
	testbox_pass(b->t, NSEC_PER_SEC);
	p.task->uid = root ? 0 : 1000;
	points = oom_badness(q, p.task, q->node->totalram_pages);
	*tables = points - (long)get_mm_rss(p.task->mm);
	finish(b, &p, 1);
	box_free(b);
	return points;
}

static void test_badness_by_kernel(void **unused)
{
	long tables, pte, pmd, all, user;

	(void)unused;
	user = points_of("3.5", false, &pte);
	/* 40 MB, text, stack: at least 20 tables of PTEs, fewer of the others. */
	assert_true(pte >= 20 && pte < 40);
	points_of("4.0", false, &pmd);
	points_of("4.15", false, &all);
	assert_true(pte < pmd && pmd < all);
	assert_true(all - pte <= 6);
	assert_true(points_of("3.13", true, &tables) < user - 1500); /* 3 % of 256 MB */
	assert_true(points_of("3.14", true, &tables) < user - 300);  /* 3 % of its own */
	assert_true(points_of("3.14", true, &tables) > user - 400);
	assert_true(points_of("4.16", true, &tables) < user);
	assert_int_equal(points_of("4.17", true, &tables), points_of("6.1", false, &tables));
	assert_true(points_of("2.6.36", false, &tables) < 1000);
	assert_true(points_of("2.6.32", false, &tables) > points_of("2.6.32", true, &tables) * 15);
}

/* Two equals: until 5.2 the first of the list, then the last. */
static void test_equals(void **unused)
{
	static const char *const kernels[] = {"5.2", "5.3"};

	(void)unused;
	for (int k = 0; k < 2; k++) {
		struct box *b = box_new_kernel(0, kernels[k]);
		struct proc p[] = {{.name = "A", .mb = 10}, {.name = "B", .mb = 10}};
		struct quire *q = b->t->q;
		struct task *chosen = NULL;

		start(b, &p[0]);
		start(b, &p[1]);
		testbox_pass(b->t, NSEC_PER_SEC);
		assert_int_equal(oom_badness(q, p[0].task, 1000), oom_badness(q, p[1].task, 1000));
		testbox_call(b->t, pick, &chosen);
		assert_ptr_equal(chosen, p[k].task);
		finish(b, p, 2);
		box_free(b);
	}
}

/* Whoever is chosen is not protected and nobody has more; raising a task's
 * oom_score_adj never lowers its rank. */
static void test_choice_properties(void **unused)
{
	enum { NR = 24 };
	static const char *const kernels[] = {"6.1", "3.10", "2.6.36"};
	char names[NR][16];

	(void)unused;
	for (size_t k = 0; k < ARRAY_SIZE(kernels); k++) {
		struct box *b = box_new_kernel(0, kernels[k]);
		struct quire *q = b->t->q;
		struct proc p[NR] = {0};
		unsigned long total = q->node->totalram_pages;

		for (int i = 0; i < NR; i++) {
			snprintf(names[i], sizeof(names[i]), "p%d", i);
			p[i].name = names[i];
			p[i].mb = 1 + prng_below(&b->t->rng, 6);
			start(b, &p[i]);
		}
		testbox_pass(b->t, 2 * NSEC_PER_SEC);
		for (int round = 0; round < 50; round++) {
			struct signal_struct *raised;
			struct task *chosen = NULL;
			long before, most = LONG_MIN;
			int rank[2] = {0}, r;

			for (int i = 0; i < NR; i++)
				p[i].task->signal->oom_score_adj =
					(short)(prng_below(&b->t->rng, 4)
							? (int)prng_below(&b->t->rng, 2001) - 1000
							: -1000);
			testbox_call(b->t, pick, &chosen);
			for (int i = 0; i < NR; i++)
				most = max(most, oom_badness(q, p[i].task, total));
			if (most == LONG_MIN) {
				assert_null(chosen);
				continue;
			}
			assert_true(chosen->signal->oom_score_adj > -1000);
			assert_int_equal(oom_badness(q, chosen, total), most);
			r = (int)prng_below(&b->t->rng, NR);
			raised = p[r].task->signal;
			for (int n = 0; n < 2; n++) {
				before = oom_badness(q, p[r].task, total);
				for (int i = 0; i < NR; i++)
					rank[n] += oom_badness(q, p[i].task, total) > before;
				raised->oom_score_adj += (short)prng_below(
					&b->t->rng, (u64)(1001 - raised->oom_score_adj));
			}
			assert_true(rank[1] <= rank[0]);
		}
		finish(b, p, NR);
		box_free(b);
	}
}

/* ---- memory that is shared ------------------------------------------------------- */

static void clone_vm(struct testbox *t, void *arg)
{
	struct proc *p = arg; /* p[1] shares p[0]'s memory, and is no thread of it */

	p[1].task = copy_process(t->q, p[0].task, CLONE_VM);
	assert_false(IS_ERR_OR_NULL(p[1].task));
	p[1].b = p[0].b;
	set_task_comm(p[1].task, p[1].name);
	get_task(p[1].task);
	assert_non_null(model_spawn(t->m, p[1].name, proc_main, &p[1], p[1].task, -1));
}

static void test_shared_memory(void **unused)
{
	struct box *b = box_new(0);
	struct proc p[] = {{.name = "one", .mb = 120},
			   {.name = "other", .mb = 1},
			   {.name = "asks", .mb = 150, .adj = -500, .start_after = NSEC_PER_SEC}};

	(void)unused;
	start(b, &p[0]);
	testbox_call(b->t, clone_vm, p);
	start(b, &p[2]);
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	assert_true(p[0].killed && p[1].killed);
	assert_false(p[2].killed);
	finish(b, p, 3);
	box_free(b);
}

/* ---- dying already ---------------------------------------------------------------- */

struct two {
	struct box *b;
	struct proc *p;
	struct task *chosen;
	bool ret;
};

static void mark_exiting(struct testbox *t, void *arg)
{
	struct two *w = arg;
	struct oom_control oc = {.gfp_mask = GFP_KERNEL};

	(void)t;
	/* All of it is on the way out: no report, no kill, the reserves. */
	w->p->task->signal->group_exit = true;
	w->ret = out_of_memory(w->b->t->q, &oc);
	w->chosen = oc.chosen;
}

static void test_exiting(void **unused)
{
	struct box *b = box_new(0);
	struct proc p = {.name = "ends", .mb = 50, .no_fiber = true};
	struct two w = {b, &p, NULL, false};

	(void)unused;
	start(b, &p);
	testbox_call(b->t, fill_other, &p);
	testbox_call(b->t, mark_exiting, &w);
	assert_true(w.ret);
	assert_ptr_equal(w.chosen, p.task);
	assert_int_equal(kills(b), 0);
	assert_true(p.task->tif_memdie);
	assert_true(tsk_is_oom_victim(p.task));
	lines_absent(b, "invoked oom-killer");
	/* It is a victim now: nobody else is chosen while it is there. */
	testbox_call(b->t, pick, &w.chosen);
	assert_ptr_equal(w.chosen, OOM_ABORT);
	/* Until the reaper has been: then it has had its chance. */
	testbox_pass(b->t, 3 * NSEC_PER_SEC);
	find_line(b, "oom_reaper: reaped process ");
	testbox_call(b->t, pick, &w.chosen);
	assert_null(w.chosen);
	finish(b, &p, 1);
	box_free(b);
}

/* ---- the reaper ------------------------------------------------------------------- */

/* A victim that nobody runs: when is its memory to be had? */
static void check_reaper(const char *kernel, unsigned long ms)
{
	struct box *b = box_new_kernel(0, kernel);
	struct proc p[] = {{.name = "stuck", .mb = 100, .no_fiber = true},
			   {.name = "C", .mb = 200, .adj = -500}};
	unsigned long i = 0;

	start(b, &p[0]);
	testbox_call(b->t, fill_other, &p[0]);
	start(b, &p[1]);
	while (!kills(b) && i++ < 1000)
		testbox_pass(b->t, 10 * NSEC_PER_MSEC);
	for (i = 0; i < 800 && get_mm_counter(p[0].task->mm, MM_ANONPAGES); i++)
		testbox_pass(b->t, 10 * NSEC_PER_MSEC);
	assert_int_equal(kills(b), 1);
	assert_false(p[1].killed);
	if (ms)
		assert_true(i * 10 + 30 >= ms && i * 10 <= ms + 30);
	else
		assert_int_equal(i, 800);
	if (!ms)
		lines_absent(b, "oom_reaper:");
	/* Those without a reaper wait for ever: they are let out. */
	if (!ms)
		p[0].task->signal->oom_mm->flags |= BIT(MMF_OOM_SKIP);
	finish(b, p, ms ? 2 : 0);
	if (!ms) {
		p[1].release = true;
		testbox_pass(b->t, 5 * NSEC_PER_SEC);
		for (int k = 0; k < 2; k++)
			testbox_call(b->t, drop_task, &p[k]);
	}
	box_free(b);
}

static void test_reaper_by_kernel(void **unused)
{
	(void)unused;
	check_reaper("6.1", 2000);
	check_reaper("5.18", 2000);
	check_reaper("5.17", 20);
	check_reaper("4.6", 20);
	check_reaper("4.5", 0);
}

/* ---- groups ----------------------------------------------------------------------- */

static void check_oom_group(const char *kernel, bool whole)
{
	struct box *b = box_new_kernel(0, kernel);
	struct mem_cgroup *memcg = NULL;
	struct proc p[] = {{.name = "in1", .mb = 20},
			   {.name = "in2", .mb = 80, .start_after = NSEC_PER_SEC}};

	testbox_call(b->t, make_group, &memcg);
	mem_cgroup_set_max(b->t->q, memcg, 64 * MB_PAGES);
	memcg->oom_group = true;
	p[0].memcg = p[1].memcg = memcg;
	start(b, &p[0]);
	start(b, &p[1]);
	testbox_pass(b->t, 10 * NSEC_PER_SEC);
	assert_true(p[1].killed);
	assert_int_equal(p[0].killed, whole);
	finish(b, p, 2);
	box_free(b);
}

static void test_oom_group_by_kernel(void **unused)
{
	(void)unused;
	check_oom_group("4.19", true);
	check_oom_group("4.18", false);
}

struct nest {
	struct mem_cgroup *top, *low, *beside;
};

static void make_nest(struct testbox *t, void *arg)
{
	struct nest *n = arg;

	n->top = mem_cgroup_create(t->q, NULL, "top");
	assert_false(IS_ERR_OR_NULL(n->top));
	n->low = mem_cgroup_create(t->q, n->top, "low");
	assert_false(IS_ERR_OR_NULL(n->low));
	n->beside = mem_cgroup_create(t->q, n->top, "beside");
	assert_false(IS_ERR_OR_NULL(n->beside));
}

/* The limit of the one above is hit: the largest below it dies, wherever it is;
 * its own group's oom_kill counts, and so does that of those above. */
static void test_nested_groups(void **unused)
{
	struct box *b = box_new(0);
	struct nest n = {0};
	struct proc p[] = {{.name = "out", .mb = 100},
			   {.name = "big", .mb = 50},
			   {.name = "asks", .mb = 30, .start_after = NSEC_PER_SEC}};

	(void)unused;
	testbox_call(b->t, make_nest, &n);
	mem_cgroup_set_max(b->t->q, n.top, 64 * MB_PAGES);
	p[1].memcg = n.low;
	p[2].memcg = n.beside;
	for (int i = 0; i < 3; i++)
		start(b, &p[i]);
	testbox_pass(b->t, 10 * NSEC_PER_SEC);
	assert_true(p[1].killed);
	assert_false(p[0].killed || p[2].killed);
	assert_int_equal(n.low->events[MEMCG_OOM_KILL], 1);
	assert_int_equal(n.beside->events[MEMCG_OOM_KILL], 0);
	assert_int_equal(n.top->events[MEMCG_OOM_KILL], 1);
	assert_true(n.top->events[MEMCG_OOM] >= 1);
	assert_non_null(strstr(b->log, ",oom_memcg=/top,task_memcg=/top/low,task=big,pid="));
	finish(b, p, 3);
	box_free(b);
}

/* All of a group are exempt: the request fails, with its report; the machine
 * goes on. */
static void test_nobody_in_group(void **unused)
{
	struct box *b = box_new(0);
	struct mem_cgroup *memcg = NULL;
	struct proc p = {.name = "A", .mb = 80, .adj = -1000};

	(void)unused;
	testbox_call(b->t, make_group, &memcg);
	mem_cgroup_set_max(b->t->q, memcg, 64 * MB_PAGES);
	p.memcg = memcg;
	start(b, &p);
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 0);
	find_line(b, "Out of memory and no killable processes...");
	lines_absent(b, "deadlocked");
	mem_cgroup_set_max(b->t->q, memcg, 128 * MB_PAGES);
	finish(b, &p, 1);
	box_free(b);
}

/* ---- settings --------------------------------------------------------------------- */

static void stop_machine(struct box *b, struct quire_port_ops *ops)
{
	*ops = *b->t->q->port;
	ops->panic = panic_to_test;
	b->t->q->port = ops;
	panic_box = b;
	panic_message[0] = '\0';
}

/* What panic_on_oom does when a group is at its limit. */
static void check_group_panic(int setting, bool panics)
{
	struct box *b = box_new(0);
	struct mem_cgroup *memcg = NULL;
	struct proc p = {.name = "A", .mb = 80};
	struct quire_port_ops ops;

	stop_machine(b, &ops);
	b->t->q->oom->sysctl_panic_on_oom = setting;
	testbox_call(b->t, make_group, &memcg);
	mem_cgroup_set_max(b->t->q, memcg, 64 * MB_PAGES);
	p.memcg = memcg;
	start(b, &p);
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	assert_string_equal(panic_message,
			    panics ? "Out of memory: compulsory panic_on_oom is enabled" : "");
	assert_int_equal(p.killed, !panics);
	if (!panics)
		finish(b, &p, 1);
	box_free(b);
}

static void test_panic_in_group(void **unused)
{
	(void)unused;
	check_group_panic(0, false);
	check_group_panic(1, false);
	check_group_panic(2, true);
}

static void sysrq(void *arg)
{
	struct quire *q = arg;
	struct oom_control oc = {.gfp_mask = GFP_KERNEL, .order = -1};

	out_of_memory(q, &oc);
}

/* SysRq f: panic_on_oom does not count, since 4.3. */
static void test_sysrq(void **unused)
{
	static const char *const kernels[] = {"4.3", "4.2"};

	(void)unused;
	for (int k = 0; k < 2; k++) {
		struct box *b = box_new_kernel(0, kernels[k]);
		struct proc p = {.name = "A", .mb = 20};
		struct quire_port_ops ops;

		stop_machine(b, &ops);
		b->t->q->oom->sysctl_panic_on_oom = 1;
		start(b, &p);
		testbox_pass(b->t, NSEC_PER_SEC);
		assert_non_null(model_spawn(b->t->m, "sysrq", sysrq, b->t->q, NULL, -1));
		testbox_pass(b->t, NSEC_PER_SEC);
		assert_int_equal(p.killed, !k);
		assert_int_equal(panic_message[0] != '\0', k);
		if (!k)
			finish(b, &p, 1);
		box_free(b);
	}
}

static void check_dump(const char *kernel, int setting, bool dumped)
{
	struct box *b = box_new_kernel(0, kernel);
	struct proc p[] = {{.name = "A", .mb = 150},
			   {.name = "C", .mb = 100, .start_after = NSEC_PER_SEC}};

	if (setting >= 0)
		b->t->q->oom->sysctl_oom_dump_tasks = setting;
	start(b, &p[0]);
	start(b, &p[1]);
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	assert_int_equal(strstr(b->log, "Tasks state (memory values in pages):") != NULL, dumped);
	assert_non_null(strstr(b->log, "Mem-Info:"));
	finish(b, p, 2);
	box_free(b);
}

static void test_dump_tasks(void **unused)
{
	(void)unused;
	check_dump("6.1", -1, true);
	check_dump("6.1", 0, false);
	check_dump("2.6.36", -1, true);
	check_dump("2.6.35", -1, false);
}

static void check_deadlock(const char *kernel, const char *message)
{
	struct box *b = box_new_kernel(0, kernel);
	struct proc p = {.name = "A", .mb = 400, .adj = -1000};
	struct quire_port_ops ops;

	stop_machine(b, &ops);
	start(b, &p);
	testbox_pass(b->t, 30 * NSEC_PER_SEC);
	assert_string_equal(panic_message, message);
	box_free(b);
}

static void test_nobody_by_kernel(void **unused)
{
	(void)unused;
	check_deadlock("4.19", "System is deadlocked on memory");
	check_deadlock("4.18", "Out of memory and no killable processes...");
}

/* ---- constraints ------------------------------------------------------------------ */

static void bind_to(struct testbox *t, void *arg)
{
	struct mempolicy policy = {.mode = MPOL_BIND};

	policy.nodes.bits[0] = strcmp(((struct proc *)arg)->name, "other") ? BIT(1) : BIT(0);
	assert_int_equal(set_mempolicy(t->q, ((struct proc *)arg)->task, &policy), 0);
}

/* Node 1 is full for those who are bound to it; node 0 has room.  The largest is
 * elsewhere, so it lives. */
static void check_policy(const char *kernel, int victim)
{
	struct box *b = calloc(1, sizeof(*b));
	struct proc p[] = {{.name = "other", .mb = 160},
			   {.name = "bound", .mb = 150},
			   {.name = "asks", .mb = 120, .start_after = 2 * NSEC_PER_SEC}};
	char line[64];

	assert_non_null(b);
	b->log = calloc(1, LOG_MAX);
	b->t = testbox_new(&(struct testbox_config){
		.nr_nodes = 2, .node_mb = {320, 256}, .cpus = 2, .disk = true, .kernel = kernel});
	model_on_log(b->t->m, collect, b);
	/* The machine as a whole has memory: that is for 2 to stop. */
	b->t->q->oom->sysctl_panic_on_oom = 1;
	for (int i = 0; i < 3; i++)
		start(b, &p[i]);
	for (int i = 0; i < 3; i++)
		testbox_call(b->t, bind_to, &p[i]);
	testbox_pass(b->t, 10 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(p[i].killed, i == victim);
	find_line(b, "oom-kill:constraint=CONSTRAINT_MEMORY_POLICY,nodemask=1,cpuset=");
	snprintf(line, sizeof(line), "[%7d] ", p[0].task->pid);
	lines_absent(b, line); /* it is not eligible, so not in the table */
	find_line(b, "Node 1 ");
	if (victim == 2)
		assert_non_null(strstr(b->log, "No available memory (MPOL_BIND): kill process "));
	finish(b, p, 3);
	box_free(b);
}

static void test_policy(void **unused)
{
	(void)unused;
	check_policy("6.1", 1);
	check_policy("2.6.36", 1);
	check_policy("2.6.35", 2);
}

struct bound {
	struct mem_cgroup *memcg;
};

static void set_mems(struct testbox *t, void *arg)
{
	nodemask_t mems = {{0}};

	node_set(&mems, 1);
	assert_int_equal(cpuset_set_mems(t->q, ((struct bound *)arg)->memcg, &mems), 0);
}

/* The same where a group may use one node only: the report names the cpuset.  Who
 * may use that node as well is eligible, so the largest must be protected. */
static void test_cpuset(void **unused)
{
	struct box *b = calloc(1, sizeof(*b));
	struct bound bound = {NULL};
	struct proc p[] = {{.name = "other", .mb = 160, .adj = -900},
			   {.name = "inside", .mb = 150},
			   {.name = "asks", .mb = 120, .start_after = 2 * NSEC_PER_SEC}};

	(void)unused;
	assert_non_null(b);
	b->log = calloc(1, LOG_MAX);
	b->t = testbox_new(&(struct testbox_config){
		.nr_nodes = 2, .node_mb = {320, 256}, .cpus = 2, .disk = true});
	model_on_log(b->t->m, collect, b);
	b->t->q->oom->sysctl_panic_on_oom = 1;
	testbox_call(b->t, make_group, &bound.memcg);
	testbox_call(b->t, set_mems, &bound);
	p[1].memcg = p[2].memcg = bound.memcg;
	for (int i = 0; i < 3; i++)
		start(b, &p[i]);
	testbox_call(b->t, bind_to, &p[0]);
	testbox_pass(b->t, 10 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	assert_true(p[1].killed);
	assert_false(p[0].killed || p[2].killed);
	find_line(b, "oom-kill:constraint=CONSTRAINT_CPUSET,nodemask=(null),cpuset=box,"
		     "mems_allowed=1,global_oom,task_memcg=/box,task=inside,pid=");
	finish(b, p, 3);
	box_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_children),	 cmocka_unit_test(test_badness_by_kernel),
		cmocka_unit_test(test_equals),		 cmocka_unit_test(test_choice_properties),
		cmocka_unit_test(test_shared_memory),	 cmocka_unit_test(test_exiting),
		cmocka_unit_test(test_reaper_by_kernel), cmocka_unit_test(test_oom_group_by_kernel),
		cmocka_unit_test(test_nested_groups),	 cmocka_unit_test(test_nobody_in_group),
		cmocka_unit_test(test_panic_in_group),	 cmocka_unit_test(test_sysrq),
		cmocka_unit_test(test_dump_tasks),	 cmocka_unit_test(test_nobody_by_kernel),
		cmocka_unit_test(test_policy),		 cmocka_unit_test(test_cpuset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
