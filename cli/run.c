/* SPDX-License-Identifier: MIT */
/*
 * quire run: a scenario from its first instant to its last, with a line of
 * progress, and the story at the end.  quire check: the file alone.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "machine/machine.h"

static const char run_help[] =
	"usage: quire run [OPTIONS] SPEC\n\n"
	"Boots the machine of a scenario, or goes on with a saved one, runs it to its end and\n"
	"tells what happened.\n\n"
	"  --until TIME    stop at a time of the night (02:58) or after a time (3h)\n"
	"  --save FILE     write the machine itself at its end, or at the time of --at; FILE is\n"
	"                  a SPEC, for the same build of quire\n"
	"  --at TIME       save it then, and go on\n"
	"  --seed N        another seed than the file's\n"
	"  --events FILE   write the event log, one line an event\n"
	"  --json FILE     write events, samples and kills as data\n"
	"  --record        and in it nodes, slabs and a map of memory, for `quire report`\n"
	"  --trace FILE    write counters and events for Perfetto or chrome://tracing\n"
	"  --metrics FILE  write the state at the end as OpenMetrics\n"
	"  --tree DIR      write /proc and /sys as they are at the end\n"
	"  --verify        prove the machine consistent at the end\n"
	"  --quiet         no progress, no story\n\n"
	"Examples:\n"
	"  quire run examples/three-am.yaml\n"
	"  quire run --until 02:58 --tree /tmp/before examples/three-am.yaml\n"
	"  quire run --until 02:58 --save before.quire examples/three-am.yaml\n"
	"  quire run before.quire\n";

static const char check_help[] = "usage: quire check SCENARIO...\n\n"
				 "Reads scenario files and reports every fault; runs nothing.\n\n"
				 "Example:\n  quire check examples/three-am.yaml\n";

struct run_options {
	const char *path, *until, *at, *save, *events, *json, *tree, *trace, *metrics;
	unsigned long long seed;
	bool has_seed, verify, quiet, record;
	double booted; /* how long that took */
};

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* One line, redrawn; where there is no terminal, a line a tenth of the way. */
void cli_progress(struct machine *m, u64 ns, void *ctx)
{
	int *tenth = ctx;
	u64 length = machine_length(m);
	unsigned int done = (unsigned int)(ns * 40 / length);
	unsigned long free = global_zone_page_state(machine_quire(m), NR_FREE_PAGES) >> 8;
	const struct event *events;
	size_t nr = machine_events(m, &events);
	char clock[16];

	machine_clock_text(m, ns, clock);
	if (isatty(2)) {
		fprintf(stderr, "\r\033[K%.5s [%.*s%*s] %6lu MB free  %.50s", clock, (int)done,
			"########################################", (int)(40 - done), "", free,
			nr ? events[nr - 1].text : "");
	} else if ((int)(ns * 10 / length) > *tenth) {
		*tenth = (int)(ns * 10 / length);
		fprintf(stderr, "%.5s  %d%%  %lu MB free\n", clock, *tenth * 10, free);
	}
}

void cli_progress_clear(void)
{
	if (isatty(2))
		fprintf(stderr, "\r\033[K");
}

static void print_broken(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "quire: broken: %s\n", line);
}

static bool write_file(struct machine *m, const char *path,
		       void (*write)(struct machine *m, FILE *f))
{
	FILE *f = fopen(path, "w");

	if (f)
		write(m, f);
	if (f && !ferror(f) && !fclose(f))
		return true;
	fprintf(stderr, "quire: %s: can't be written: %s\n", path, strerror(errno));
	return false;
}

static int finish(struct machine *m, const struct run_options *o)
{
	u64 broken = 0;

	if (o->events && !write_file(m, o->events, machine_write_events))
		return 1;
	if (o->json && !write_file(m, o->json, machine_write_json))
		return 1;
	if (o->trace && !write_file(m, o->trace, machine_write_trace))
		return 1;
	if (o->metrics && !write_file(m, o->metrics, machine_write_metrics))
		return 1;
	if (o->tree && machine_dump_tree(m, o->tree, stderr))
		return 1;
	if (o->verify)
		broken = quire_verify(machine_quire(m), print_broken, NULL);
	if (o->verify && !broken)
		fprintf(stderr, "quire: verified: all structures are consistent\n");
	return broken ? 1 : 0;
}

/* A time of the night; false after a message. */
static bool instant(const char *option, const char *text, const struct scenario *s, u64 *ns)
{
	if (!text || (s && scenario_instant(s, text, ns)))
		return true;
	fprintf(stderr, "quire: %s %s: neither a time of the night nor a time after its start\n",
		option, text);
	return false;
}

/* Up to the end, and to a file on the way or there. */
static bool run_and_save(struct machine *m, const struct run_options *o, u64 at, u64 until)
{
	void (*progress)(struct machine *, u64, void *) = o->quiet ? NULL : cli_progress;
	int tenth = 0;

	if (o->save && o->at) {
		machine_run_until(m, at, progress, &tenth);
		if (!machine_save(m, o->save, stderr))
			return false;
	}
	machine_run_until(m, until, progress, &tenth);
	if (!o->quiet)
		cli_progress_clear();
	return !o->save || o->at || machine_save(m, o->save, stderr);
}

static int run_machine(struct machine *m, const struct run_options *o)
{
	double began = seconds();
	u64 at = 0, until = machine_length(m);
	bool saved;

	if (!instant("--until", o->until, machine_scenario(m), &until) ||
	    !instant("--at", o->at, machine_scenario(m), &at))
		return 2;
	if (o->record && !machine_record(m))
		fputs("quire: no memory to record with\n", stderr);
	saved = run_and_save(m, o, at, until);
	if (!o->quiet) {
		machine_story(m, stdout, isatty(1) && !getenv("NO_COLOR"));
		printf("\n(booted in %.2f s, ran in %.1f s)\n", o->booted, seconds() - began);
	}
	return finish(m, o) || !saved;
}

static int run(struct run_options *o)
{
	struct scenario *s = NULL;
	double began = seconds();
	struct machine *m;
	int status = 1;

	if (machine_is_saved(o->path)) {
		m = machine_restore(o->path, stderr);
		o->booted = seconds() - began;
		return m ? run_machine(m, o) : 1;
	}
	s = scenario_load(o->path, stderr);
	if (!s)
		return 2;
	if (o->has_seed)
		s->seed = o->seed;
	m = machine_boot(s, stderr);
	o->booted = seconds() - began;
	if (m)
		status = run_machine(m, o);
	machine_destroy(m);
	scenario_free(s);
	return status;
}

static bool consistent(const struct run_options *o)
{
	if (o->at && !o->save) {
		fputs("quire: run --at is the time of --save; to stop there, --until\n", stderr);
		return false;
	}
	if (o->has_seed && machine_is_saved(o->path)) {
		fputs("quire: a saved machine has its seed; leave --seed away\n", stderr);
		return false;
	}
	return true;
}

int cmd_run(int argc, char **argv)
{
	static const struct option options[] = {
		{"until", required_argument, NULL, 'u'},  {"at", required_argument, NULL, 'a'},
		{"save", required_argument, NULL, 'S'},	  {"seed", required_argument, NULL, 's'},
		{"events", required_argument, NULL, 'e'}, {"json", required_argument, NULL, 'j'},
		{"tree", required_argument, NULL, 't'},	  {"record", no_argument, NULL, 'r'},
		{"trace", required_argument, NULL, 'T'},  {"metrics", required_argument, NULL, 'm'},
		{"verify", no_argument, NULL, 'v'},	  {"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},	  {0},
	};
	struct run_options o = {0};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'u':
			o.until = optarg;
			break;
		case 'a':
			o.at = optarg;
			break;
		case 'S':
			o.save = optarg;
			break;
		case 's':
			o.seed = strtoull(optarg, &end, 0);
			o.has_seed = true;
			if (*end || end == optarg) {
				fprintf(stderr, "quire: --seed %s: not a number\n", optarg);
				return 2;
			}
			break;
		case 'e':
			o.events = optarg;
			break;
		case 'j':
			o.json = optarg;
			break;
		case 't':
			o.tree = optarg;
			break;
		case 'T':
			o.trace = optarg;
			break;
		case 'm':
			o.metrics = optarg;
			break;
		case 'r':
			o.record = true;
			break;
		case 'v':
			o.verify = true;
			break;
		case 'q':
			o.quiet = true;
			break;
		case 'h':
			fputs(run_help, stdout);
			return 0;
		default:
			fputs(run_help, stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(run_help, stderr);
		return 2;
	}
	o.path = argv[optind];
	return consistent(&o) ? run(&o) : 2;
}

int cmd_check(int argc, char **argv)
{
	int status = 0;

	if (argc < 2 || !strcmp(argv[1], "--help")) {
		fputs(check_help, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	for (int i = 1; i < argc; i++) {
		struct scenario *s = scenario_load(argv[i], stderr);

		if (!s) {
			status = 2;
			continue;
		}
		printf("%s: fine: %s, %u kinds of process\n", argv[i], s->name, s->processes_count);
		scenario_free(s);
	}
	return status;
}
