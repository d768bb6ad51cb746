/* SPDX-License-Identifier: MIT */
/*
 * One machine and the copies that are made of it.
 *
 * A process stands for the variants whose futures are one so far.  At a gate
 * they are divided by the settings that are read there: there is a copy for each
 * part but the last, which the process goes on as itself.  Copies are made by
 * fork(2), also in the midst of a fiber: memory, stacks and all go on as they are.
 *
 * A process that runs holds one of the tokens in a pipe, so no more run than there
 * are processors.  One that has made copies lends them its own, in a pipe that only
 * they and theirs can read, and goes on when all of them have begun: what is begun is
 * ended before a brother of it begins, and for each token only a chain of waiting
 * ones holds memory.  A machine of 128 GB holds 5 GB; ten that wait at their kills
 * would be more than a host has.  Who goes on last mostly finds its pages its own
 * again: nothing is copied for it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/capture.h"
#include "machine/futures.h"
#include "machine/internal.h"

#define STEPS 64 /* in one message: below PIPE_BUF */

#define MAX_POOLS 64  /* one for each division: gates, and kills */
#define REAP_MS	  500 /* how soon a copy is missed that died with its token */

struct trunk {
	struct futures *f;
	const struct future_pipes *pipes;
	int pool[MAX_POOLS][2]; /* of tokens: everybody's, then those of its forebears */
	unsigned int nr_pools;
	unsigned int mine;	      /* the pool that its token is from */
	unsigned int first_lent;      /* its own pools, for its copies, are those from here on */
	unsigned int from[MAX_POOLS]; /* what is in a pool of its own is from there */
	bool ok;		      /* and so were its copies */
	struct scenario *scenario;
	struct machine *m;
	size_t *v; /* the variants that this process stands for */
	size_t nr;
	FILE *quiet;
};

static bool put_token(const struct trunk *t, unsigned int pool)
{
	return write(t->pool[pool][1], "+", 1) == 1;
}

static void reap(struct trunk *t, int flags)
{
	int status;

	while (waitpid(-1, &status, flags) > 0) {
		t->ok &= WIFEXITED(status) && !WEXITSTATUS(status);
		/* It may have had the token: the others are not to wait for ever. */
		if (WIFSIGNALED(status) && t->nr_pools > t->first_lent)
			t->ok &= put_token(t, t->nr_pools - 1);
	}
}

/* What was lent goes back when all that could borrow it are gone. */
__attribute__((noreturn)) static void leave(struct trunk *t, bool ok)
{
	fflush(NULL);
	t->ok &= ok;
	t->ok &= put_token(t, t->mine);
	reap(t, 0);
	while (t->nr_pools > t->first_lent)
		t->ok &= put_token(t, t->from[--t->nr_pools]);
	_exit(t->ok ? 0 : 1);
}

/* The nearest first.  Others may be quicker to read what was there: then again. */
static void take_token(struct trunk *t)
{
	struct pollfd fds[MAX_POOLS];
	char c;

	for (;;) {
		for (unsigned int i = t->nr_pools; i-- > 0;) {
			if (read(t->pool[i][0], &c, 1) == 1) {
				t->mine = i;
				return;
			}
			if (errno != EAGAIN && errno != EINTR)
				_exit(1);
			fds[i] = (struct pollfd){.fd = t->pool[i][0], .events = POLLIN};
		}
		poll(fds, t->nr_pools, REAP_MS);
		reap(t, WNOHANG);
	}
}

/* A pool for the copies, with the token of who made them. */
static bool lend_token(struct trunk *t)
{
	int *p = t->pool[t->nr_pools];

	if (t->nr_pools == MAX_POOLS || pipe2(p, O_CLOEXEC) || fcntl(p[0], F_SETFL, O_NONBLOCK) ||
	    write(p[1], "+", 1) != 1)
		return false;
	t->from[t->nr_pools++] = t->mine;
	return true;
}

static void tell(struct machine *m, u64 now, void *ctx)
{
	struct trunk *t = ctx;
	struct future_step step[STEPS] = {0};

	(void)m;
	for (size_t i = 0; i < t->nr; i += STEPS) {
		size_t n = min_t(size_t, t->nr - i, STEPS);

		for (size_t j = 0; j < n; j++)
			step[j] = (struct future_step){.variant = (u32)t->v[i + j], .now = now};
		if (write(t->pipes->progress[1], step, n * sizeof(step[0])) < 0)
			return;
	}
}

/* ---- division -------------------------------------------------------------------------------- */

static void keep_part(struct trunk *t, const size_t *part, size_t p)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nr; i++)
		if (part[i] == p)
			t->v[n++] = t->v[i];
	t->nr = n;
}

/* The end of a pipe that each copy holds until it begins, or dies. */
static void wait_for_begun(struct trunk *t, int fd)
{
	struct pollfd begun = {.fd = fd, .events = POLLIN};

	while (poll(&begun, 1, REAP_MS) <= 0 || !(begun.revents & POLLHUP))
		reap(t, WNOHANG);
	close(fd);
}

/* part[i] says which part variant t->v[i] goes to; parts are 0 to nr_parts - 1.
 * Returns in the process of each part; the last one's is the caller's. */
static void divide(struct trunk *t, const size_t *part, size_t nr_parts)
{
	int begun[2];

	if (nr_parts < 2)
		return;
	if (!lend_token(t) || pipe2(begun, O_CLOEXEC))
		leave(t, false);
	fflush(NULL);
	for (size_t p = 0; p + 1 < nr_parts; p++) {
		pid_t pid = fork();

		if (pid) {
			t->ok &= pid > 0;
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(begun[0]);
		model_forked(t->m->model);
		t->ok = true;
		t->first_lent = t->nr_pools;
		keep_part(t, part, p);
		take_token(t);
		close(begun[1]);
		return;
	}
	close(begun[1]);
	keep_part(t, part, nr_parts - 1);
	wait_for_begun(t, begun[0]);
	take_token(t);
}

/* Numbers variants by a text each; frees the texts; how many there are. */
static size_t number_parts(char **key, size_t nr, size_t *part)
{
	size_t parts = 0;

	for (size_t i = 0; i < nr; i++) {
		part[i] = parts;
		for (size_t j = 0; j < i; j++)
			if (key[i] && key[j] && !strcmp(key[i], key[j])) {
				part[i] = part[j];
				break;
			}
		parts += part[i] == parts;
	}
	for (size_t i = 0; i < nr; i++)
		free(key[i]);
	return parts;
}

static void divide_by_gate(struct trunk *t, enum setting_gate gate)
{
	char **key = calloc(t->nr, sizeof(*key));
	size_t *part = calloc(t->nr, sizeof(*part));

	if (!key || !part)
		leave(t, false);
	for (size_t i = 0; i < t->nr; i++)
		key[i] = setting_key(&t->f->v[t->v[i]].set, gate);
	divide(t, part, number_parts(key, t->nr, part));
	free(key);
	free(part);
}

/* The settings of the first variant stand for all of this process. */
static void apply_gate(struct trunk *t, enum setting_gate gate)
{
	const struct setting_list *set = &t->f->v[t->v[0]].set;

	for (size_t i = 0; i < set->nr; i++) {
		if (set->v[i].gate != gate)
			continue;
		/* For those who start later, too. */
		if (t->scenario)
			setting_apply(&set->v[i], t->scenario, t->quiet);
		setting_apply_live(&set->v[i], t->m, t->quiet);
	}
}

static void on_reclaim(void *ctx)
{
	struct trunk *t = ctx;

	model_on_reclaim(t->m->model, NULL, NULL);
	divide_by_gate(t, GATE_RECLAIM);
	apply_gate(t, GATE_RECLAIM);
}

/* ---- the killer --------------------------------------------------------------------------------- */

struct adj {
	struct task *task;
	short adj, least;
};

static struct adj *save_adj(struct quire *q, size_t *nr)
{
	struct adj *saved = calloc(q->space->nr_processes + 64, sizeof(*saved));
	struct task *p;

	*nr = 0;
	for_each_process(q, p) if (saved && *nr < q->space->nr_processes + 64) saved[(*nr)++] =
		(struct adj){p, p->signal->oom_score_adj, p->signal->oom_score_adj_min};
	return saved;
}

static void restore_adj(const struct adj *saved, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		saved[i].task->signal->oom_score_adj = saved[i].adj;
		saved[i].task->signal->oom_score_adj_min = saved[i].least;
	}
}

/* Only who would die counts, where nothing but scores differs. */
static bool is_score(const struct setting *set)
{
	return set->gate == GATE_KILL && (set->kind == SET_GROUP_ADJ || set->kind == SET_PROCESS);
}

static bool groups_die_whole(const struct scenario *s)
{
	for (u32 i = 0; s && i < s->cgroups_count; i++)
		if (s->cgroups[i].oom_group)
			return true;
	return false;
}

/* What the killer would do with the settings of a variant, as a text. */
static char *verdict(struct trunk *t, const struct variant *v, const struct oom_control *asked)
{
	struct quire *q = t->m->q;
	struct oom_control oc = *asked;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < v->set.nr; i++) {
		const struct setting *set = &v->set.v[i];

		if (is_score(set) && !groups_die_whole(t->scenario))
			setting_apply_live(set, t->m, t->quiet);
		else if (set->gate == GATE_KILL)
			fprintf(f, "%s ", set->text);
	}
	oc.constraint = constrained_alloc(q, &oc);
	if (oc.constraint != CONSTRAINT_MEMORY_POLICY)
		oc.nodemask = NULL;
	select_bad_process(q, &oc);
	fprintf(f, "%d", !oc.chosen ? 0 : oc.chosen == OOM_ABORT ? -1 : oc.chosen->pid);
	if (oc.chosen && oc.chosen != OOM_ABORT)
		put_task(q, oc.chosen);
	fclose(f);
	return text;
}

static void on_oom(void *ctx, const struct oom_control *oc)
{
	struct trunk *t = ctx;
	char **key = calloc(t->nr, sizeof(*key));
	size_t *part = calloc(t->nr, sizeof(*part)), nr;
	struct adj *saved = save_adj(t->m->q, &nr);

	if (!key || !part || !saved)
		leave(t, false);
	for (size_t i = 0; i < t->nr; i++) {
		key[i] = verdict(t, &t->f->v[t->v[i]], oc);
		restore_adj(saved, nr);
	}
	free(saved);
	divide(t, part, number_parts(key, t->nr, part));
	free(key);
	free(part);
	apply_gate(t, GATE_KILL);
}

/* ---- the run ------------------------------------------------------------------------------------- */

/* Do the variants differ in what is read at the gate? */
static bool differ(struct trunk *t, enum setting_gate gate)
{
	char *first = setting_key(&t->f->v[t->v[0]].set, gate);
	bool differs = !first;

	for (size_t i = 1; i < t->nr && !differs; i++) {
		char *key = setting_key(&t->f->v[t->v[i]].set, gate);

		differs = !key || strcmp(key, first) != 0;
		free(key);
	}
	free(first);
	return differs;
}

static bool load(struct trunk *t)
{
	const struct setting_list *set = &t->f->v[t->v[0]].set;

	if (t->f->saved || capture_is(t->f->path))
		return true;
	t->scenario = scenario_load(t->f->path, stderr);
	if (!t->scenario)
		return false;
	if (t->f->has_seed)
		t->scenario->seed = t->f->seed;
	for (size_t i = 0; i < set->nr && !t->f->has_at; i++) {
		enum setting_gate gate = set->v[i].gate;

		if (gate != GATE_BOOT && differ(t, gate))
			continue;
		if (!setting_apply(&set->v[i], t->scenario, stderr))
			return false;
	}
	return true;
}

static void make_live(void *arg)
{
	struct trunk *t = arg;
	const struct setting_list *set = &t->f->v[t->v[0]].set;

	for (size_t i = 0; i < set->nr; i++)
		if (!setting_apply_live(&set->v[i], t->m, stderr))
			leave(t, false);
}

/* At the instant: each list of settings is a machine of its own from here on. */
static void divide_at(struct trunk *t)
{
	char **key = calloc(t->nr, sizeof(*key));
	size_t *part = calloc(t->nr, sizeof(*part));

	if (!key || !part)
		leave(t, false);
	for (size_t i = 0; i < t->nr; i++)
		key[i] = setting_key(&t->f->v[t->v[i]].set, NR_GATES);
	divide(t, part, number_parts(key, t->nr, part));
	free(key);
	free(part);
	if (t->f->v[t->v[0]].set.nr)
		model_call(t->m->model, NULL, make_live, t);
}

void future_trunk(struct futures *f, const size_t *variants, size_t nr,
		  const struct future_pipes *pipes)
{
	struct trunk t = {.f = f, .pipes = pipes, .nr = nr, .ok = true};
	struct outcome o;
	bool ok = true;

	t.v = calloc(nr, sizeof(*t.v));
	t.quiet = fopen("/dev/null", "w");
	if (!t.v || !t.quiet)
		_exit(1);
	memcpy(t.v, variants, nr * sizeof(*variants));
	memcpy(t.pool[t.nr_pools++], pipes->tokens, sizeof(t.pool[0]));
	t.first_lent = t.nr_pools;
	take_token(&t);
	if (!load(&t))
		leave(&t, false);
	if (f->saved)
		model_forked(f->saved->model);
	t.m = f->saved	   ? f->saved
	      : t.scenario ? machine_boot(t.scenario, stderr)
			   : machine_boot_capture(f->path, stderr);
	if (!t.m)
		leave(&t, false);
	if (f->nights && !machine_record(t.m))
		leave(&t, false);
	if (f->has_at) {
		if (f->at > machine_now(t.m))
			machine_run_until(t.m, f->at, tell, &t);
		divide_at(&t);
	} else {
		if (differ(&t, GATE_RECLAIM))
			model_on_reclaim(t.m->model, on_reclaim, &t);
		if (differ(&t, GATE_KILL))
			model_on_oom(t.m->model, on_oom, &t);
	}
	machine_run_until(t.m, f->length, tell, &t);
	if (!outcome_collect(t.m, &o))
		leave(&t, false);
	o.length = f->length;
	for (size_t i = 0; i < t.nr; i++)
		ok &= future_write(f, t.v[i], t.m, &o);
	tell(t.m, f->length, &t);
	leave(&t, ok);
}
