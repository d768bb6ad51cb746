/* SPDX-License-Identifier: MIT */
/*
 * The parent of all futures: sorts variants by the machine they boot, starts a
 * process for each such machine, at most as many as may run, listens to how far
 * they are, and reads the results that they leave as files.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine/capture.h"
#include "machine/futures.h"

bool futures_add(struct futures *f, const struct scenario *s, const char *const *settings,
		 size_t nr, FILE *err)
{
	struct variant *v = realloc(f->v, (f->nr + 1) * sizeof(*v));
	size_t len = 0;
	FILE *label;
	bool ok = true;

	if (!v)
		return false;
	f->v = v;
	v = &v[f->nr];
	*v = (struct variant){0};
	label = open_memstream(&v->label, &len);
	for (size_t i = 0; i < nr && ok; i++) {
		ok = setting_add(&v->set, settings[i], s, err);
		if (label)
			fprintf(label, "%s%s", i ? " " : "", settings[i]);
	}
	if (label && !nr)
		fputs("as it is", label);
	if (label)
		fclose(label);
	for (size_t i = 0; i < v->set.nr && ok && f->has_at; i++) {
		ok = setting_is_live(&v->set.v[i]);
		if (!ok)
			fprintf(err,
				"quire: %s: can't be changed while the machine runs; leave --at "
				"away\n",
				v->set.v[i].text);
	}
	if (ok && v->label) {
		f->nr++;
		return true;
	}
	setting_list_free(&v->set);
	free(v->label);
	return false;
}

void futures_free(struct futures *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		setting_list_free(&f->v[i].set);
		free(f->v[i].label);
		outcome_free(&f->v[i].outcome);
	}
	free(f->v);
	free(f->work);
	f->v = NULL;
	f->work = NULL;
	f->nr = 0;
}

static char *trunk_key(const struct futures *f, size_t i)
{
	return f->has_at ? strdup("") : setting_key(&f->v[i].set, GATE_BOOT);
}

size_t futures_trunk(const struct futures *f, size_t i)
{
	char *mine = trunk_key(f, i);
	size_t trunk = i;

	for (size_t j = 0; j < i; j++) {
		char *key = trunk_key(f, j);
		bool same = mine && key && !strcmp(key, mine);

		free(key);
		if (same) {
			trunk = j;
			break;
		}
	}
	free(mine);
	return trunk;
}

size_t futures_job(const struct futures *f, size_t i)
{
	size_t trunk = futures_trunk(f, i), job = 0;

	for (size_t j = 0; j < trunk; j++)
		job += futures_trunk(f, j) == j;
	return job;
}

size_t futures_nr_jobs(const struct futures *f)
{
	size_t nr = 0;

	for (size_t j = 0; j < f->nr; j++)
		nr += futures_trunk(f, j) == j;
	return nr;
}

static bool is_wanted(const struct futures *f, size_t i)
{
	return f->only < 0 || futures_job(f, i) == (size_t)f->only;
}

/* ---- the input ----------------------------------------------------------------------------- */

/* Applied to a copy of the scenario, so that all that is wrong is said first. */
static bool check_variant(struct futures *f, const struct variant *v, FILE *err)
{
	struct scenario *s = scenario_load(f->path, err);
	bool ok = s != NULL;

	for (size_t i = 0; i < v->set.nr && ok; i++)
		ok = setting_apply(&v->set.v[i], s, err);
	if (ok && !f->length)
		f->length = f->until ? f->until : s->length.v;
	scenario_free(s);
	return ok;
}

static bool check_input(struct futures *f, FILE *err)
{
	if (f->saved) {
		f->length = f->until ? f->until : machine_length(f->saved);
		if (machine_now(f->saved) <= f->at && f->at < f->length)
			return true;
		fprintf(err, "quire: %s: the instant is not between its own and the end\n",
			f->path);
		return false;
	}
	if (capture_is(f->path)) {
		f->length = f->until ? f->until : 3600000000000ULL;
		return true;
	}
	for (size_t i = 0; i < f->nr; i++)
		if (!check_variant(f, &f->v[i], err))
			return false;
	if (!f->has_at || f->at < f->length)
		return true;
	fprintf(err, "quire: the instant is not before the end\n");
	return false;
}

static bool open_work(struct futures *f, FILE *err)
{
	const char *tmp = getenv("TMPDIR");

	if (f->dir) {
		f->work = strdup(f->dir);
		if (f->work && (!mkdir(f->work, 0777) || errno == EEXIST))
			return true;
		fprintf(err, "quire: %s: can't be made: %s\n", f->dir, strerror(errno));
		return false;
	}
	if (asprintf(&f->work, "%s/quire-futures.XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
		f->work = NULL;
	if (f->work && mkdtemp(f->work))
		return true;
	fprintf(err, "quire: no folder for the results: %s\n", strerror(errno));
	return false;
}

static void close_work(struct futures *f)
{
	static const char *const suffixes[] = {"json", "night.json", "events"};

	if (f->dir || !f->work)
		return;
	for (size_t i = 0; i < f->nr; i++) {
		for (size_t j = 0; j < ARRAY_SIZE(suffixes); j++) {
			char *path = future_path(f->work, i, suffixes[j]);

			if (path)
				unlink(path);
			free(path);
		}
	}
	rmdir(f->work);
}

/* ---- the processes --------------------------------------------------------------------------- */

struct trunks {
	struct futures *f;
	struct future_pipes pipes;
	size_t *trunk; /* [nr]: of each variant; nr: it is done */
	size_t next;
	unsigned int alive;
	bool failed;
};

static void start_trunk(struct trunks *t)
{
	size_t nr = 0, *mine = calloc(t->f->nr + 1, sizeof(*mine)), trunk;
	pid_t pid;

	while (t->next < t->f->nr && t->trunk[t->next] != t->next)
		t->next++;
	if (t->next == t->f->nr || !mine) {
		free(mine);
		return;
	}
	trunk = t->next++;
	for (size_t i = trunk; i < t->f->nr; i++)
		if (t->trunk[i] == trunk)
			mine[nr++] = i;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(t->pipes.progress[0]);
		future_trunk(t->f, mine, nr, &t->pipes);
	}
	free(mine);
	t->alive += pid > 0;
	t->failed |= pid < 0;
}

static void listen_to(struct trunks *t)
{
	struct pollfd p = {.fd = t->pipes.progress[0], .events = POLLIN};
	struct future_step step[64];
	ssize_t n;

	if (poll(&p, 1, 100) <= 0)
		return;
	n = read(p.fd, step, sizeof(step));
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(step[0]); i++)
		if (step[i].variant < t->f->nr)
			t->f->v[step[i].variant].now = step[i].now;
}

static void reap(struct trunks *t)
{
	int status;

	while (t->alive && waitpid(-1, &status, WNOHANG) > 0) {
		t->alive--;
		t->failed |= !WIFEXITED(status) || WEXITSTATUS(status);
	}
}

static void run_trunks(struct trunks *t)
{
	unsigned int jobs = t->f->jobs;

	for (unsigned int i = 0; i < jobs; i++)
		t->failed |= write(t->pipes.tokens[1], "+", 1) != 1;
	do {
		while (t->alive < jobs && t->next < t->f->nr)
			start_trunk(t);
		listen_to(t);
		reap(t);
		if (t->f->progress)
			t->f->progress(t->f, t->f->ctx);
	} while (t->alive || t->next < t->f->nr);
}

/* Variants that an earlier run finished are taken as they are. */
static void sort_variants(struct trunks *t)
{
	struct futures *f = t->f;

	for (size_t i = 0; i < f->nr; i++) {
		t->trunk[i] = f->nr;
		f->v[i].kept = future_read(f, i);
	}
	for (size_t i = 0; i < f->nr; i++) {
		size_t trunk = futures_trunk(f, i);

		/* The first of those left speaks for the rest. */
		if (!is_wanted(f, i))
			continue;
		for (size_t j = trunk; j < i && !f->v[i].kept; j++)
			if (!f->v[j].kept && futures_trunk(f, j) == trunk) {
				t->trunk[i] = j;
				break;
			}
		if (!f->v[i].kept && t->trunk[i] == f->nr)
			t->trunk[i] = i;
	}
}

int futures_run(struct futures *f, FILE *err)
{
	struct trunks t = {.f = f, .pipes = {{-1, -1}, {-1, -1}}};
	int status = 1;

	if (!f->jobs)
		f->jobs = (unsigned int)max(sysconf(_SC_NPROCESSORS_ONLN), 1L);
	if (!check_input(f, err))
		return 2;
	t.trunk = calloc(f->nr + 1, sizeof(*t.trunk));
	if (!t.trunk || !open_work(f, err)) {
		free(t.trunk);
		return 1;
	}
	sort_variants(&t);
	if (!pipe(t.pipes.tokens) && !pipe(t.pipes.progress) &&
	    !fcntl(t.pipes.tokens[0], F_SETFL, O_NONBLOCK)) {
		run_trunks(&t);
		status = t.failed;
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (t.pipes.tokens[i] >= 0)
			close(t.pipes.tokens[i]);
		if (t.pipes.progress[i] >= 0)
			close(t.pipes.progress[i]);
	}
	for (size_t i = 0; i < f->nr; i++) {
		if (f->v[i].done || future_read(f, i) || !is_wanted(f, i))
			continue;
		fprintf(err, "quire: %s: did not come to its end\n", f->v[i].label);
		status = 1;
	}
	close_work(f);
	free(t.trunk);
	return status;
}
