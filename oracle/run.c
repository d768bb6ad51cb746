/* SPDX-License-Identifier: MIT */
/*
 * Performs a scenario on the model, as the guest program does on Linux: the
 * driver is process 1, each process of the scenario a task with a fiber that
 * waits for commands.
 *
 * The driver waits for an answer or for the death of who should give it.  Who
 * dies with nobody waiting is found by reap(): at the next snapshot, sleep or
 * round of a loop, so "@@dead" lines come in the order of discovery.
 *
 * The same file gives the same bytes: time is the model's, and nothing of the
 * host comes in.
 */
#include "oracle/run.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "oracle/image.h"
#include "oracle/internal.h"

#define SIGTERM_NUMBER 15

void outf(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(r->out, fmt, ap);
	va_end(ap);
}

static unsigned long long now(struct run *r)
{
	return model_now(r->m);
}

void run_ok(struct run *r, int err)
{
	outf(r, "@@ok %d ns=%llu err=%d\n", r->line, now(r), err);
}

/* ---- the crew ------------------------------------------------------------------- */

/* The last one of that name: a name may be given again. */
struct worker *find_worker(struct run *r, const char *name)
{
	for (u32 i = r->nr_workers; i-- > 0;)
		if (!strcmp(r->workers[i]->name, name))
			return r->workers[i];
	return NULL;
}

static void bury(struct run *r, struct worker *w)
{
	wait_event(r->q, &r->driver, w->exited);
	w->alive = w->pending = false;
	if (w->signal == SIGKILL)
		r->nr_dead++;
	put_task(r->q, w->task);
	w->task = NULL;
	outf(r, "@@dead %s pid=%d sig=%d ns=%llu\n", w->name, w->pid, w->signal, now(r));
}

void reap(struct run *r)
{
	for (u32 i = 0; i < r->nr_workers; i++)
		if (r->workers[i]->alive && r->workers[i]->exited)
			bury(r, r->workers[i]);
}

void collect(struct run *r, struct worker *w)
{
	if (!w->pending)
		return;
	wait_event(r->q, &r->driver, w->answered || w->exited);
	if (!w->answered) {
		outf(r, "@@ok %d ns=%llu proc=%s died\n", w->line, now(r), w->name);
		bury(r, w);
		return;
	}
	w->pending = w->answered = false;
	outf(r, "@@ok %d ns=%llu proc=%s err=%d took=%llu minflt=%ld majflt=%ld val=%llu\n",
	     w->line, now(r), w->name, w->reply.err, (unsigned long long)w->reply.ns,
	     w->reply.minflt, w->reply.majflt, (unsigned long long)w->reply.val);
}

static void wake_worker(struct run *r, struct worker *w)
{
	w->told = true;
	wake_up(r->q, &w->wake);
}

static void tell(struct run *r, struct worker *w, const struct oracle_cmd *c, int slot)
{
	collect(r, w);
	if (!w->alive)
		return;
	w->line = r->line;
	if (w->exited) {
		bury(r, w);
		return;
	}
	w->cmd = *c;
	w->slot = slot;
	w->pending = true;
	wake_worker(r, w);
	if (!c->async)
		collect(r, w);
}

static struct worker *new_worker(struct run *r, const char *name)
{
	struct worker *w = r->nr_workers < ORACLE_MAX_PROCS ? calloc(1, sizeof(*w)) : NULL;

	if (!w)
		return NULL;
	w->run = r;
	strncpy(w->name, name, sizeof(w->name) - 1);
	r->newborn = w;
	return w;
}

static void drop_newborn(struct run *r)
{
	free(r->newborn);
	r->newborn = NULL;
}

/* The task that was made for it gets its fiber; false: no memory. */
static bool enlist(struct run *r, struct worker *w, struct task *task)
{
	w->task = task;
	w->pid = task->pid;
	set_task_comm(task, w->name);
	get_task(task);
	w->alive = true;
	r->newborn = NULL;
	r->workers[r->nr_workers++] = w;
	if (model_spawn(r->m, w->name, worker_main, w, task, task->node))
		return true;
	w->exited = true;
	return false;
}

static void born(struct run *r, const struct worker *w)
{
	if (w)
		outf(r, "@@ok %d ns=%llu pid=%d\n", r->line, now(r), w->pid);
	else
		run_ok(r, -ENOMEM);
}

static void spawn(struct run *r, const struct oracle_cmd *c)
{
	struct worker *w = new_worker(r, c->proc);
	struct task *task = w ? copy_process(r->q, r->q->space->init_task, 0) : NULL;
	struct mem_cgroup *memcg = NULL;
	char path[64];

	if (IS_ERR_OR_NULL(task)) {
		drop_newborn(r);
		born(r, NULL);
		return;
	}
	if (c->cg) {
		snprintf(path, sizeof(path), "/%s", c->cg);
		memcg = mem_cgroup_find(r->q, path);
	}
	w->memcg = memcg;
	w->spawn = c;
	w->pid = task->pid;
	/* Who has to wait for its group does the rest after that. */
	if (!memcg)
		worker_become(w, task);
	(void)enlist(r, w, task);
	image_forked(r);
	born(r, w);
}

/* The parent makes the child itself; the child has its mappings' names. */
static void fork_worker(struct run *r, struct worker *w, const struct oracle_cmd *c)
{
	struct worker *child = new_worker(r, c->other);

	collect(r, w);
	if (!child || !w->alive) {
		drop_newborn(r);
		born(r, NULL);
		return;
	}
	w->cmd = *c;
	w->child = child;
	w->reply.err = 0;
	wake_worker(r, w);
	wait_event(r->q, &r->driver, w->answered || w->exited);
	w->child = NULL;
	if (!w->answered || w->reply.err || !child->task) {
		w->answered = false;
		drop_newborn(r);
		born(r, NULL);
		return;
	}
	w->answered = false;
	memcpy(child->map, w->map, sizeof(child->map));
	child->forked = true;
	(void)enlist(r, child, child->task);
	worker_score(child, c);
	/* The parent's answer wakes process 1 after the child has begun. */
	wait_event(r->q, &r->driver, child->begun || child->exited);
	born(r, child);
}

static void end_worker(struct run *r, struct worker *w, const struct oracle_cmd *c)
{
	collect(r, w);
	if (!w->alive)
		return;
	w->cmd = *c;
	w->signal = c->op == OP_KILL ? SIGTERM_NUMBER : 0;
	wake_worker(r, w);
	bury(r, w);
	run_ok(r, 0);
}

/* ---- commands ------------------------------------------------------------------- */

static void bad(struct run *r, const struct oracle_cmd *c)
{
	outf(r, "@@bad %d %s\n", r->line, c->text);
}

static int find_map(struct worker *w, const char *name)
{
	for (int i = 0; i < ORACLE_MAX_MAPS; i++)
		if (!strcmp(w->map[i].name, name))
			return i;
	return -1;
}

static int make_map(struct worker *w, const char *name)
{
	int slot = find_map(w, name);

	for (int i = 0; i < ORACLE_MAX_MAPS && slot < 0; i++) {
		if (!w->map[i].name[0]) {
			strncpy(w->map[i].name, name, sizeof(w->map[i].name) - 1);
			slot = i;
		}
	}
	if (slot >= 0)
		w->map[slot].cursor = 0;
	return slot;
}

static void worker_command(struct run *r, const struct oracle_cmd *script_cmd)
{
	struct oracle_cmd c = *script_cmd;
	struct worker *w = find_worker(r, c.proc);
	char path[64], value[24];
	int slot = -1;

	if (!w) {
		bad(r, &c);
		return;
	}
	if (!w->alive) {
		outf(r, "@@ok %d ns=%llu proc=%s skipped\n", r->line, now(r), w->name);
		return;
	}
	switch (c.op) {
	case OP_KILL:
	case OP_EXIT:
		end_worker(r, w, &c);
		return;
	case OP_FORK:
		fork_worker(r, w, &c);
		return;
	case OP_OOM_SCORE_ADJ:
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", w->pid);
		snprintf(value, sizeof(value), "%lld", (long long)c.number);
		run_ok(r, proc_put(r, path, value));
		return;
	default:
		break;
	}
	if (c.map) {
		slot = c.op == OP_MMAP ? make_map(w, c.map) : find_map(w, c.map);
		if (slot < 0) {
			bad(r, &c);
			return;
		}
	}
	if (c.op == OP_TOUCH && c.next) {
		c.off = w->map[slot].cursor;
		w->map[slot].cursor += c.len;
	}
	if (c.op == OP_FREE && !c.ranged)
		w->map[slot].name[0] = 0;
	tell(r, w, &c, slot);
}

static void command(struct run *r, const struct oracle_cmd *c)
{
	outf(r, "@@cmd %d ns=%llu %s\n", r->line, now(r), c->text);
	if (c->op == OP_SPAWN)
		spawn(r, c);
	else if (!system_command(r, c))
		worker_command(r, c);
}

static bool met(struct run *r, const struct oracle_cmd *c)
{
	struct worker *w;

	if (c->until == UNTIL_NEVER)
		return false;
	reap(r);
	if (c->until == UNTIL_DEAD)
		return r->nr_dead >= c->len;
	w = find_worker(r, c->word);
	return !w || !w->alive;
}

static void run_commands(struct run *r, u32 from, u32 to)
{
	for (u32 i = from; i < to; i++) {
		const struct oracle_cmd *c = &r->script->cmd[i];
		s64 rounds = 0;

		r->line = r->line_base + c->line;
		if (c->op != OP_REPEAT) {
			command(r, c);
			continue;
		}
		for (; rounds < c->number && !met(r, c); rounds++)
			run_commands(r, i + 1, c->end);
		outf(r, "@@loop %d rounds=%lld ns=%llu\n", r->line_base + c->line,
		     (long long)rounds, now(r));
		i = c->end;
	}
}

/* ---- the whole ------------------------------------------------------------------ */

/* The rig tells the guest of its disks in lines before the scenario's. */
static void tell_devices(struct run *r)
{
	outf(r, "@@start ns=%llu\n", now(r));
	for (u32 i = 0; i < r->nr_disks; i++)
		outf(r, "@@cmd %u ns=%llu device %s %s\n", i + 1, now(r), r->disks[i].name,
		     r->disks[i].path);
	r->line_base = (int)r->nr_disks;
}

static void driver_main(void *run)
{
	struct run *r = run;

	if (system_disks(r) || profile_boot(&r->profile, r->m) || files_init(r) || image_exec(r)) {
		r->failed = true;
		return;
	}
	if (r->profile.start_ns > now(r))
		model_sleep(r->m, r->profile.start_ns - now(r));
	tell_devices(r);
	run_commands(r, 0, r->script->nr_cmds);
	for (u32 i = 0; i < r->nr_workers; i++)
		collect(r, r->workers[i]);
	dump_dmesg(r);
	outf(r, "@@finish ns=%llu\n", now(r));
}

/* The real guest writes no more either: there is no @@finish. */
static void panicked(void *run, const char *message)
{
	struct run *r = run;

	outf(r, "@@panic ns=%llu %s\n", now(r), message);
	dump_dmesg(r);
	r->panicked = true;
}

#ifdef QUIRE_DEBUG
static void tell_broken(void *err, const char *line)
{
	fprintf(err, "quire: broken: %s\n", line);
}
#endif

static void free_run(struct run *r)
{
	if (r->m)
		model_destroy(r->m);
	for (u32 i = 0; i < r->nr_workers; i++)
		free(r->workers[i]);
	drop_newborn(r);
	profile_free(&r->profile);
	free(r->scratch.buf);
	free(r);
}

int oracle_run(const struct oracle_script *s, const char *kernel, FILE *out, FILE *err)
{
	struct run *r = calloc(1, sizeof(*r));
	char message[256] = "";
	int status = 1;

	if (!r)
		return 1;
	r->script = s;
	r->out = out;
	if (profile_build(&s->vm, kernel, &r->profile, err))
		goto out;
	r->m = model_create(&r->profile.cfg, message, sizeof(message));
	if (!r->m) {
		fprintf(err, "%s: the machine can't boot: %s\n", s->path, message);
		goto out;
	}
	r->q = model_quire(r->m);
	/* The guest mounts cgroup2 without memory_recursiveprot. */
	r->q->group->recursive_prot = false;
	cost_init(r);
	model_on_panic(r->m, panicked, r);
	model_call(r->m, NULL, driver_main, r);
	status = r->failed || r->panicked;
#ifdef QUIRE_DEBUG
	if (!r->panicked && quire_verify(r->q, tell_broken, err))
		status = 1;
#endif
	if (r->failed)
		fprintf(err, "%s: the machine is too small for what it starts with\n", s->path);
	if (r->panicked)
		fprintf(err, "%s: the machine panicked: the log at the end says why\n", s->path);
out:
	free_run(r);
	if (fflush(out) || ferror(out)) {
		fprintf(err, "%s: its output can't be written\n", s->path);
		status = 1;
	}
	return status;
}
