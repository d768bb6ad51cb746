/* SPDX-License-Identifier: MIT */
/*
 * What the killer's tests share: a small machine whose log is kept, and
 * processes that touch memory and sit there.
 */
#ifndef QUIRE_TESTS_OOM_BOX_H
#define QUIRE_TESTS_OOM_BOX_H

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

static __unused void collect(void *ctx, int level, u64 time_ns, const char *text, size_t len)
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

/* A machine of 256 MB with the killer of a kernel (NULL: 6.1). */
static __unused struct box *box_new_kernel(unsigned int swap_mb, const char *kernel)
{
	struct box *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->log = calloc(1, LOG_MAX);
	b->t = testbox_new(&(struct testbox_config){.nr_nodes = 1,
						    .node_mb = {256},
						    .cpus = 4,
						    .disk = true,
						    .swap_mb = swap_mb,
						    .kernel = kernel});
	model_on_log(b->t->m, collect, b);
	return b;
}

static __unused struct box *box_new(unsigned int swap_mb)
{
	return box_new_kernel(swap_mb, NULL);
}

static __unused void box_free(struct box *b)
{
	testbox_free(b->t);
	free(b->log);
	free(b);
}

static __unused unsigned long touch_anon(struct testbox *t, struct task *task, u64 addr,
					 unsigned long mb)
{
	struct touch touch = {.addr = addr,
			      .nr_pages = mb * MB_PAGES,
			      .stride = 1,
			      .write = true,
			      .kind = CONTENT_KIND_RANDOM,
			      .seed = 7};

	return mmu_touch(t->m, task, &touch);
}

static __unused void proc_main(void *arg)
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

static __unused void start_proc(struct testbox *t, void *arg)
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

static __unused void start(struct box *b, struct proc *p)
{
	p->b = b;
	testbox_call(b->t, start_proc, p);
}

static __unused void drop_task(struct testbox *t, void *arg)
{
	put_task(t->q, ((struct proc *)arg)->task);
}

/* Lets the rest end, and forgets them. */
static __unused void finish(struct box *b, struct proc *procs, size_t n)
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

/* Whom the killer would take now, to *(struct task **)arg. */
static __unused void pick(struct testbox *t, void *arg)
{
	struct oom_control oc = {.gfp_mask = GFP_KERNEL};
	struct task **chosen = arg;

	constrained_alloc(t->q, &oc);
	select_bad_process(t->q, &oc);
	*chosen = oc.chosen;
	if (oc.chosen && oc.chosen != OOM_ABORT)
		put_task(t->q, oc.chosen);
}

static __unused unsigned long kills(struct box *b)
{
	return global_vm_event(b->t->q, OOM_KILL);
}

static __unused const char *find_line(struct box *b, const char *prefix)
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

static __unused void make_group(struct testbox *t, void *arg)
{
	struct mem_cgroup **memcg = arg;

	*memcg = mem_cgroup_create(t->q, NULL, "box");
	assert_false(IS_ERR_OR_NULL(*memcg));
}

static __unused void fill_other(struct testbox *t, void *arg)
{
	struct proc *p = arg;
	u64 addr = do_mmap(t->q, p->task->mm, 0, p->mb * MB, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, NULL, 0);

	assert_false(IS_ERR_VALUE(addr));
}

static struct box *panic_box;
static char panic_message[256];

static __unused void __attribute__((noreturn)) panic_to_test(void *ctx, const char *message)
{
	(void)ctx;
	snprintf(panic_message, sizeof(panic_message), "%s", message);
	/* The machine stops for good: the process sleeps for ever. */
	for (;;) {
		current_context(panic_box->t->q)->nr_held = 0;
		sleep_ns(panic_box->t->q, 3600 * NSEC_PER_SEC);
	}
}

#endif
