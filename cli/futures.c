/* SPDX-License-Identifier: MIT */
/* Options, progress and input that whatif and sweep share. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/futures.h"
#include "machine/capture.h"
#include "machine/grid.h"

bool futures_option(struct futures_cli *o, int c, const char *arg, bool *ok)
{
	char *end;

	switch (c) {
	case 'u':
		o->until = arg;
		return true;
	case 's':
		o->f.seed = strtoull(arg, &end, 0);
		o->f.has_seed = true;
		*ok = *arg && !*end;
		break;
	case 'j':
		o->f.jobs = (unsigned int)strtoul(arg, &end, 10);
		*ok = *arg && !*end && o->f.jobs && o->f.jobs <= 1024;
		break;
	case 'J':
		o->json = true;
		return true;
	case 'q':
		o->quiet = true;
		return true;
	default:
		return false;
	}
	if (!*ok)
		fprintf(stderr, "quire: \"%s\": not a number\n", arg);
	return true;
}

static int instant(struct futures_cli *o, const char *option, const char *text, u64 *ns)
{
	if (o->scenario && scenario_instant(o->scenario, text, ns))
		return 0;
	if (o->scenario)
		fprintf(stderr,
			"quire: %s %s: neither a time of the night, as 02:58, nor a time after its "
			"start, as 3h\n",
			option, text);
	else
		fprintf(stderr, "quire: %s: a capture is one instant; leave it away\n", option);
	return 2;
}

/* All futures are copies of this machine, from its instant on or a later one. */
static int open_saved(struct futures_cli *o, const char *path)
{
	int status = 0;

	if (o->f.has_seed) {
		fputs("quire: a saved machine has its seed; leave --seed away\n", stderr);
		return 2;
	}
	o->f.saved = machine_restore(path, stderr);
	if (!o->f.saved)
		return 1;
	o->scenario = machine_scenario(o->f.saved);
	o->f.has_at = true;
	o->f.at = machine_now(o->f.saved);
	if (o->at)
		status = instant(o, "--at", o->at, &o->f.at);
	if (!status && o->until)
		status = instant(o, "--until", o->until, &o->f.until);
	return status;
}

int futures_open(struct futures_cli *o, const char *path)
{
	int status = 0;

	o->f.path = path;
	if (machine_is_saved(path))
		return open_saved(o, path);
	if (capture_is(path)) {
		/* Settings are made on the machine as it was captured. */
		o->f.has_at = true;
		return o->at || o->until ? instant(o, o->at ? "--at" : "--until", "", NULL) : 0;
	}
	o->scenario = o->loaded = scenario_load(path, stderr);
	if (!o->scenario)
		return 2;
	if (o->at) {
		status = instant(o, "--at", o->at, &o->f.at);
		o->f.has_at = true;
	}
	if (!status && o->until)
		status = instant(o, "--until", o->until, &o->f.until);
	return status;
}

void futures_close(struct futures_cli *o)
{
	futures_free(&o->f);
	scenario_free(o->loaded);
}

bool futures_add_text(struct futures_cli *o, const char *text)
{
	const char *settings[64];
	char *copy = strdup(text);
	size_t nr = copy ? settings_split(copy, settings, ARRAY_SIZE(settings)) : 0;
	bool ok = copy && nr <= ARRAY_SIZE(settings);

	if (copy && !ok)
		fprintf(stderr, "quire: more than %zu settings at once\n", ARRAY_SIZE(settings));
	ok = ok && futures_add(&o->f, o->scenario, settings, nr, stderr);
	free(copy);
	return ok;
}

/* ---- progress ------------------------------------------------------------------------------- */

struct bar {
	double began;
	int tenth;
};

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void draw_bar(const struct futures *f, void *ctx)
{
	struct bar *b = ctx;
	size_t done = 0;
	double part = 0;

	for (size_t i = 0; i < f->nr; i++) {
		double one = f->v[i].kept ? 1 : (double)f->v[i].now / (double)max(f->length, 1UL);

		part += min(one, 1.0);
		done += one >= 1;
	}
	part /= (double)max(f->nr, 1UL);
	if (isatty(2)) {
		int n = (int)(part * 40);

		fprintf(stderr, "\r\033[K[%.*s%*s] %3.0f%%  %zu of %zu futures, %.0f s", n,
			"########################################", 40 - n, "", part * 100, done,
			f->nr, seconds() - b->began);
	} else if ((int)(part * 10) > b->tenth) {
		b->tenth = (int)(part * 10);
		fprintf(stderr, "%d%%  %zu of %zu futures, %.0f s\n", b->tenth * 10, done, f->nr,
			seconds() - b->began);
	}
}

int futures_show_run(struct futures_cli *o)
{
	struct bar b = {.began = seconds()};
	int status;

	if (!o->quiet) {
		o->f.progress = draw_bar;
		o->f.ctx = &b;
	}
	status = futures_run(&o->f, stderr);
	if (!o->quiet && isatty(2))
		fprintf(stderr, "\r\033[K");
	return status;
}
