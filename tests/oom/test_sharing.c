/* SPDX-License-Identifier: MIT */
/*
 * Who shares an address space: threads, one of which may outlive the leader,
 * children of vfork(), init.
 */
#include "oom/internal.h"
#include "tests/proc/proc_test.h"
#include "tests/oom/oom_box.h"

/* p[1] is a thread, or another process with the memory, of p[0] (NULL: of init). */
struct sharer {
	struct proc *p;
	struct task *parent;
	unsigned int flags;
};

static void share(struct testbox *t, void *arg)
{
	struct sharer *s = arg;

	s->p[1].task = copy_process(t->q, s->parent ? s->parent : s->p[0].task, s->flags);
	assert_false(IS_ERR_OR_NULL(s->p[1].task));
	s->p[1].b = s->p[0].b;
	set_task_comm(s->p[1].task, s->p[1].name);
	get_task(s->p[1].task);
	assert_non_null(model_spawn(t->m, s->p[1].name, proc_main, &s->p[1], s->p[1].task, -1));
}

/* A process of two threads is one victim: one kill, one line of the table, both
 * die; so too when its leader has gone and the thread alone has the memory. */
static void check_threads(bool leader_ends)
{
	struct box *b = box_new(0);
	struct proc p[] = {
		{.name = "leader", .mb = 60},
		{.name = "worker", .mb = 60},
		{.name = "asks", .mb = 150, .adj = -500, .start_after = 2 * NSEC_PER_SEC}};
	struct sharer s = {p, NULL, CLONE_VM | CLONE_THREAD};
	char line[64];
	int nr = 0;

	start(b, &p[0]);
	testbox_call(b->t, share, &s);
	start(b, &p[2]);
	testbox_pass(b->t, NSEC_PER_SEC);
	p[0].release = leader_ends;
	testbox_pass(b->t, 5 * NSEC_PER_SEC);
	assert_int_equal(kills(b), 1);
	assert_int_equal(p[0].killed, !leader_ends);
	assert_true(p[1].killed);
	assert_false(p[2].killed);
	snprintf(line, sizeof(line),
		 "Out of memory: Killed process %d (%s) total-vm:", p[leader_ends].task->pid,
		 p[leader_ends].name);
	find_line(b, line);
	snprintf(line, sizeof(line), " %5d ", p[0].task->tgid);
	for (const char *at = strstr(b->log, "Tasks state"); (at = strstr(at, line)); at++)
		nr++;
	assert_int_equal(nr, 1);
	finish(b, p, 3);
	box_free(b);
}

static void write_adj(struct box *b, int pid, const char *adj)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	assert_int_equal(put(b->t->q, path, adj), strlen(adj));
}

static void test_threads(void **unused)
{
	(void)unused;
	check_threads(false);
	check_threads(true);
}

static void execute(struct testbox *t, void *arg)
{
	assert_int_equal(exec_mmap(t->q, ((struct proc *)arg)->task, "new", "new", 4), 0);
}

/* Between vfork() and exec() the parent is the one to choose, since 4.8. */
static void check_vfork(const char *kernel, bool skipped)
{
	struct box *b = box_new_kernel(0, kernel);
	struct proc p[] = {{.name = "parent", .mb = 30}, {.name = "child", .mb = 1}};
	struct sharer s = {p, NULL, CLONE_VM | CLONE_VFORK};
	struct quire *q = b->t->q;
	struct task *chosen = NULL;

	start(b, &p[0]);
	testbox_pass(b->t, NSEC_PER_SEC);
	testbox_call(b->t, share, &s);
	testbox_pass(b->t, NSEC_PER_SEC);
	assert_int_equal(oom_badness(q, p[1].task, 10000) == LONG_MIN, skipped);
	testbox_call(b->t, pick, &chosen);
	/* Of equals the first was chosen before 5.3. */
	assert_ptr_equal(chosen, p[0].task);
	testbox_call(b->t, execute, &p[1]);
	assert_false(p[1].task->in_vfork);
	assert_true(oom_badness(q, p[1].task, 10000) > 0);
	finish(b, p, 2);
	box_free(b);
}

static void test_vfork(void **unused)
{
	(void)unused;
	check_vfork("6.1", true);
	check_vfork("4.8", true);
	check_vfork("4.7", false);
}

/* Memory that init has as well cannot be taken: the reaper leaves it, the log says
 * so once, init lives, and the next one has to go. */
static void test_shared_with_init(void **unused)
{
	struct box *b = box_new(0);
	struct task *init = b->t->q->space->init_task;
	struct proc p[] = {
		{.name = "unused", .mb = 1, .adj = -1000},
		{.name = "pinned", .mb = 150},
		{.name = "asks", .mb = 120, .adj = -800, .start_after = 2 * NSEC_PER_SEC}};
	struct sharer s = {p, init, CLONE_VM};
	char line[96];
	const char *at;

	(void)unused;
	start(b, &p[0]);
	testbox_call(b->t, share, &s);
	start(b, &p[2]);
	testbox_pass(b->t, 8 * NSEC_PER_SEC);
	assert_true(p[1].killed && p[2].killed);
	assert_int_equal(kills(b), 2);
	assert_int_equal(init->state == EXIT_ZOMBIE || init->sigkill_pending, 0);
	snprintf(line, sizeof(line), "oom killer %d (pinned) has mm pinned by 1 (%s)\n",
		 p[1].task->pid, init->comm);
	at = find_line(b, line);
	assert_null(strstr(at + strlen(line), "has mm pinned by"));
	assert_null(strstr(b->log, "oom_reaper: reaped"));
	finish(b, p, 3);
	box_free(b);
}

/* A thread's own policy makes its process one whose death may help. */
static void test_thread_policy(void **unused)
{
	struct box *b = box_new(0);
	struct proc p[] = {{.name = "leader", .mb = 1}, {.name = "worker", .mb = 1}};
	struct sharer s = {p, NULL, CLONE_VM | CLONE_THREAD};
	nodemask_t near = {0}, far = {0};
	struct oom_control oc = {.nodemask = &far};

	(void)unused;
	node_set(&near, 0);
	node_set(&far, 1);
	start(b, &p[0]);
	testbox_call(b->t, share, &s);
	testbox_pass(b->t, NSEC_PER_SEC);
	p[0].task->policy.mode = p[1].task->policy.mode = MPOL_BIND;
	p[0].task->policy.nodes = p[1].task->policy.nodes = near;
	assert_false(oom_cpuset_eligible(b->t->q, p[0].task, &oc));
	p[1].task->policy.nodes = far;
	assert_true(oom_cpuset_eligible(b->t->q, p[0].task, &oc));
	p[1].task->policy.nodes = near;
	p[0].task->policy.nodes = far;
	assert_true(oom_cpuset_eligible(b->t->q, p[1].task, &oc));
	p[0].task->policy.mode = p[1].task->policy.mode = MPOL_DEFAULT;
	finish(b, p, 2);
	box_free(b);
}

/* An adj reaches who shares the memory, though the leader of the process has gone. */
static void test_adj_without_leader(void **unused)
{
	struct box *b = box_new(0);
	struct proc p[] = {{.name = "leader", .mb = 1},
			   {.name = "worker", .mb = 1},
			   {.name = "other", .mb = 1}};
	struct sharer s = {p, NULL, CLONE_VM | CLONE_THREAD};

	(void)unused;
	start(b, &p[0]);
	testbox_call(b->t, share, &s);
	testbox_pass(b->t, NSEC_PER_SEC);
	/* The third is a process of its own. */
	s = (struct sharer){p + 1, p[0].task, CLONE_VM};
	testbox_call(b->t, share, &s);
	p[0].release = true;
	testbox_pass(b->t, NSEC_PER_SEC);
	assert_null(p[0].task->mm);
	assert_ptr_equal(p[1].task->mm, p[2].task->mm);
	write_adj(b, p[0].task->pid, "300");
	assert_int_equal(p[0].task->signal->oom_score_adj, 300);
	assert_int_equal(p[2].task->signal->oom_score_adj, 300);
	finish(b, p, 3);
	box_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_vfork),
		cmocka_unit_test(test_shared_with_init),
		cmocka_unit_test(test_thread_policy),
		cmocka_unit_test(test_adj_without_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
