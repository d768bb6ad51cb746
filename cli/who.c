/* SPDX-License-Identifier: MIT */
/* quire who: in which order processes would be killed, and when. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "explain/daemons.h"
#include "explain/forecast.h"
#include "explain/what_if.h"
#include "machine/capture.h"
#include "machine/units.h"

static const char who_help[] =
	"usage: quire who [OPTIONS] [CAPTURE... | SCENARIO]\n\n"
	"The order in which the kernel would kill if memory ended now, with the margin of each\n"
	"over the next: on this machine, in a capture, or in a scenario at a time of its night.\n"
	"Several captures of one machine, --watch and a scenario say when, too: how fast memory\n"
	"goes, who takes it, when each watermark and the end is reached, and who dies then.\n\n"
	"  --group PATH   if the limit of this control group were hit, as "
	"/system.slice/app.service\n"
	"  --max SIZE     ... and the limit were SIZE, as 512M\n"
	"  --groups       of each control group with a limit: who dies if that is hit\n"
	"  --set WHAT     as if a setting were another; may be given more than once:\n"
	"                 NAME.oom_score_adj=N  PID.oom_score_adj=N  /GROUP.memory.max=SIZE\n"
	"                 vm.panic_on_oom=N  vm.oom_kill_allocating_task=N\n"
	"  --adj WHO=N    the same as --set WHO.oom_score_adj=N\n"
	"  --watch[=S]    look each S seconds (10), and say when; until interrupted, or\n"
	"  --count N      ... N times\n"
	"  --when         with one capture: as if half of all had come evenly since the start\n"
	"  --at TIME      of a scenario: at a time of its night (02:58), or after a time (3h)\n"
	"  --earlyoom[=MEM,SWAP]          what earlyoom would do: percents, 10,10\n"
	"  --systemd-oomd[=SWAP,PRESSURE] what systemd-oomd would do: percents, 90,60\n"
	"  --kubelet[=SIZE]               what the kubelet would evict: available memory, 100M\n"
	"  --all          everybody, not the first twenty\n"
	"  --json         as data\n"
	"  --root DIR     read DIR/proc and DIR/sys\n"
	"  --help         this\n\n"
	"examples:\n"
	"  quire who\n"
	"  quire who --set postgres.oom_score_adj=-500\n"
	"  quire who --watch=30 --earlyoom\n"
	"  quire who monday.capture tuesday.capture\n"
	"  quire who --at 02:58 examples/three-am.yaml\n";

#define PICTURES_MAX 64 /* --watch keeps the last ones */
#define NS_SEC	     1000000000ULL

struct who_options {
	const char *group, *root, *at;
	const char *set[WHAT_IF_MAX];
	char *owned[WHAT_IF_MAX]; /* of --adj */
	size_t nr_set;
	struct daemon_options daemons;
	double every;
	long max_kb, count;
	bool all, json, watch, when, groups;
};

/* What one picture was made of. */
struct picture {
	struct capture *file;
	struct cap_machine *cm;
};

/* The order and what is asked beside it, of the last of n pictures. */
static bool report(const struct who_options *o, struct who *pictures, size_t n)
{
	struct who *w = &pictures[n - 1];
	struct daemon_verdict verdicts[DAEMONS_MAX];
	size_t nr_verdicts, rows = o->all ? 0 : 20;
	bool when = n > 1 || o->when, ok = true;
	struct forecast f = {0};
	struct what_if wi;

	if (!what_if_apply(&wi, w, o->set, o->nr_set, o->group, o->max_kb, stderr))
		return false;
	if (when)
		ok = forecast(&f, pictures, n);
	who_rank(w, o->group, o->max_kb);
	nr_verdicts = daemons_judge(w, ok && when ? &f : NULL, &o->daemons, verdicts);
	if (o->json) {
		who_json_open(w, stdout);
		printf(", \"what_if\": ");
		what_if_json(&wi, stdout);
		printf(", \"daemons\": ");
		daemons_json(verdicts, nr_verdicts, stdout);
		printf(", \"forecast\": ");
		if (ok && when)
			forecast_json(&f, stdout);
		else
			printf("null");
		printf("}\n");
	} else {
		who_say(w, rows, stdout);
		if (o->groups)
			who_say_groups(w, stdout);
		what_if_say(&wi, w, stdout);
		daemons_say(verdicts, nr_verdicts, stdout);
		if (ok && when) {
			printf("\nWhen\n\n");
			forecast_say(&f, rows, stdout);
		}
	}
	forecast_free(&f);
	fflush(stdout);
	return ok;
}

static int finish(const struct who_options *o, struct who *pictures, size_t n, bool ok)
{
	int status = ok && n && report(o, pictures, n) ? 0 : 2;

	if (!status && !pictures[n - 1].nr_candidates)
		status = 1;
	for (size_t i = 0; i < n; i++)
		who_free(&pictures[i]);
	return status;
}

static int who_captures(const struct who_options *o, char **paths, size_t nr)
{
	struct who *pictures = calloc(nr, sizeof(*pictures));
	struct picture *from = calloc(nr, sizeof(*from));
	bool ok = pictures && from;
	int status;
	size_t n = 0;

	for (; ok && n < nr; n += ok) {
		from[n].file = capture_load(paths[n], stderr);
		from[n].cm = from[n].file ? capture_parse(from[n].file, stderr) : NULL;
		ok = from[n].cm && who_read_capture(&pictures[n], from[n].cm, stderr);
		if (ok && n && pictures[n].memory.seconds <= pictures[n - 1].memory.seconds) {
			fprintf(stderr, "quire: %s is not later than %s: give the oldest first\n",
				paths[n], paths[n - 1]);
			who_free(&pictures[n]);
			ok = false;
		}
	}
	status = finish(o, pictures, n, ok);
	for (size_t i = 0; from && i < nr; i++) {
		cap_machine_free(from[i].cm);
		capture_free(from[i].file);
	}
	free(from);
	free(pictures);
	return status;
}

/* Looks again and again; the pictures of the last hour or so are kept. */
static int who_watch(const struct who_options *o)
{
	struct who *pictures = calloc(PICTURES_MAX, sizeof(*pictures));
	bool ok = pictures != NULL;
	size_t n = 0;

	for (long i = 0; ok && (o->count <= 0 || i < o->count); i++) {
		if (i)
			usleep((useconds_t)(o->every * 1e6));
		if (n == PICTURES_MAX) {
			who_free(&pictures[0]);
			memmove(pictures, pictures + 1, --n * sizeof(*pictures));
		}
		ok = who_read(&pictures[n], o->root, stderr) && who_read_groups(&pictures[n]);
		n += ok;
		if (ok && n > 1) {
			if (isatty(1) && !o->json)
				printf("\033[H\033[2J");
			ok = report(o, pictures, n);
		} else if (ok && isatty(2)) {
			fprintf(stderr, "quire: looking again in %.0f s\n", o->every);
		}
	}
	for (size_t i = 0; i < n; i++)
		who_free(&pictures[i]);
	free(pictures);
	return ok ? 0 : 2;
}

static void remove_tree(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	if (system(command))
		fprintf(stderr, "quire: %s is left behind\n", dir);
}

/* The machine of a scenario, a minute before and at the instant. */
static int who_scenario(const struct who_options *o, const char *path)
{
	struct machine *m = machine_is_saved(path) ? machine_restore(path, stderr) : NULL;
	struct scenario *loaded = m ? NULL : scenario_load(path, stderr);
	const struct scenario *s = m ? machine_scenario(m) : loaded;
	char dir[] = "/tmp/quire-who.XXXXXX";
	struct who pictures[2];
	u64 at = m ? machine_now(m) : 0, step = 60 * NS_SEC;
	bool ok = s != NULL;
	size_t n = 0;
	int status;

	if (ok && o->at && !scenario_instant(s, o->at, &at)) {
		fprintf(stderr,
			"quire: --at %s: neither a time of the night nor a time after its start\n",
			o->at);
		scenario_free(loaded);
		return 2;
	}
	ok = ok && mkdtemp(dir);
	if (loaded)
		m = ok ? machine_boot(loaded, stderr) : NULL;
	ok = m != NULL;
	for (int i = 0; ok && i < 2; i++) {
		u64 to = i ? at : at > step ? at - step : 0;

		if (!i && (!at || to < machine_now(m)))
			continue;
		if (to > machine_now(m))
			machine_run_until(m, to, NULL, NULL);
		ok = !machine_dump_tree(m, dir, stderr) && who_read(&pictures[n], dir, stderr);
		n += ok;
		ok = ok && who_read_groups(&pictures[n - 1]);
		remove_tree(dir);
	}
	status = finish(o, pictures, n, ok);
	if (loaded) {
		machine_destroy(m);
		scenario_free(loaded);
	}
	return status;
}

static int who_here(const struct who_options *o)
{
	struct who w;

	if (!who_read(&w, o->root, stderr))
		return 2;
	return finish(o, &w, 1, true);
}

/* ---- options ------------------------------------------------------------------- */

static bool add_set(struct who_options *o, const char *text)
{
	if (o->nr_set == WHAT_IF_MAX) {
		fputs("quire: --set: too many\n", stderr);
		return false;
	}
	o->set[o->nr_set++] = text;
	return true;
}

static bool add_adj(struct who_options *o, const char *text)
{
	const char *eq = strrchr(text, '=');
	size_t size = strlen(text) + 32;
	char *set;

	if (!eq || eq == text || !eq[1]) {
		fprintf(stderr, "quire: --adj %s: write NAME=N or PID=N\n", text);
		return false;
	}
	set = o->nr_set < WHAT_IF_MAX ? malloc(size) : NULL;
	if (!set)
		return false;
	snprintf(set, size, "%.*s.oom_score_adj%s", (int)(eq - text), text, eq);
	o->owned[o->nr_set] = set;
	return add_set(o, set);
}

/* "A,B" or "A"; what is not given stays. */
static bool two_percents(const char *name, const char *text, double *a, double *b)
{
	char *end = (char *)(uintptr_t)text;

	if (!text)
		return true;
	*a = strtod(text, &end);
	if (end != text && *end == ',')
		*b = strtod(end + 1, &end);
	if (end != text && !*end && *a >= 0 && *a <= 100 && *b >= 0 && *b <= 100)
		return true;
	fprintf(stderr, "quire: --%s=%s: not one or two percents; write 10,5\n", name, text);
	return false;
}

static bool size_option(const char *name, const char *text, long *kb)
{
	uint64_t bytes;

	if (parse_size(text, &bytes)) {
		*kb = (long)(bytes >> 10);
		return true;
	}
	fprintf(stderr, "quire: --%s %s: not a size; write 512M\n", name, text);
	return false;
}

static bool number_option(const char *name, const char *text, double least, double *n)
{
	char *end;

	*n = strtod(text, &end);
	if (end != text && !*end && *n >= least && *n <= 86400)
		return true;
	fprintf(stderr, "quire: --%s %s: not a number from %g on\n", name, text, least);
	return false;
}

static bool take_option(struct who_options *o, int c)
{
	double n;

	switch (c) {
	case 'g':
		o->group = optarg;
		return true;
	case 'm':
		return size_option("max", optarg, &o->max_kb);
	case 'a':
		return add_adj(o, optarg);
	case 's':
		return add_set(o, optarg);
	case 'w':
		o->watch = true;
		return !optarg || number_option("watch", optarg, 0.01, &o->every);
	case 'c':
		if (!number_option("count", optarg, 1, &n))
			return false;
		o->count = (long)n;
		return true;
	case 'W':
		o->when = true;
		return true;
	case 't':
		o->at = optarg;
		return true;
	case 'e':
		o->daemons.earlyoom = true;
		return two_percents("earlyoom", optarg, &o->daemons.earlyoom_mem,
				    &o->daemons.earlyoom_swap);
	case 'o':
		o->daemons.oomd = true;
		return two_percents("systemd-oomd", optarg, &o->daemons.oomd_swap,
				    &o->daemons.oomd_pressure);
	case 'k':
		o->daemons.kubelet = true;
		return !optarg || size_option("kubelet", optarg, &o->daemons.kubelet_kb);
	case 'A':
		o->all = true;
		return true;
	case 'G':
		o->groups = true;
		return true;
	case 'j':
		o->json = true;
		return true;
	case 'r':
		o->root = optarg;
		return true;
	default:
		fputs("quire: `quire who --help` has the options\n", stderr);
		return false;
	}
}

static int dispatch(const struct who_options *o, char **paths, size_t nr)
{
	if (o->max_kb >= 0 && !o->group) {
		fputs("quire: --max needs --group: whose limit is it?\n", stderr);
		return 2;
	}
	if (nr && (o->watch || o->root)) {
		fputs("quire: --watch and --root look at a machine, not at files\n", stderr);
		return 2;
	}
	if (nr > FORECAST_MAX) {
		fprintf(stderr, "quire: more than %d captures\n", FORECAST_MAX);
		return 2;
	}
	if (nr == 1 && !capture_is(paths[0]))
		return who_scenario(o, paths[0]);
	if (o->at) {
		fputs("quire: --at is for a scenario\n", stderr);
		return 2;
	}
	if (nr)
		return who_captures(o, paths, nr);
	return o->watch ? who_watch(o) : who_here(o);
}

int cmd_who(int argc, char **argv)
{
	static const struct option options[] = {{"group", required_argument, NULL, 'g'},
						{"max", required_argument, NULL, 'm'},
						{"adj", required_argument, NULL, 'a'},
						{"set", required_argument, NULL, 's'},
						{"watch", optional_argument, NULL, 'w'},
						{"count", required_argument, NULL, 'c'},
						{"when", no_argument, NULL, 'W'},
						{"at", required_argument, NULL, 't'},
						{"earlyoom", optional_argument, NULL, 'e'},
						{"systemd-oomd", optional_argument, NULL, 'o'},
						{"kubelet", optional_argument, NULL, 'k'},
						{"all", no_argument, NULL, 'A'},
						{"groups", no_argument, NULL, 'G'},
						{"json", no_argument, NULL, 'j'},
						{"root", required_argument, NULL, 'r'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct who_options o = {.max_kb = -1, .every = 10, .daemons = DAEMON_DEFAULTS};
	int c, status = -1;

	while (status < 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(who_help, stdout);
			return 0;
		}
		if (!take_option(&o, c))
			status = 2;
	}
	if (status < 0)
		status = dispatch(&o, argv + optind, (size_t)(argc - optind));
	for (size_t i = 0; i < WHAT_IF_MAX; i++)
		free(o.owned[i]);
	return status;
}
