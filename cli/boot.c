/* SPDX-License-Identifier: MIT */
/*
 * quire boot: a machine at an instant of its night, and a command beside it
 * that takes it for the one it runs on.
 *
 * The namespaces are made first, while this process is small; then the machine
 * boots and runs to the instant; then the command starts.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "machine/capture.h"
#include "machine/units.h"
#include "procfs/procfs.h"

static const char boot_help[] =
	"usage: quire boot [OPTIONS] SPEC [-- COMMAND...]\n\n"
	"Boots the machine of SPEC, a scenario, a capture or a saved machine, and runs COMMAND\n"
	"(your shell, if none) where /proc, /sys and /dev/kmsg are that machine's.  It stands at\n"
	"the instant after its processes have started, or that of the save.\n\n"
	"  --at TIME        run it to a time of the night (02:58) or for a time (3h) first\n"
	"  --end            run it to its end first\n"
	"  --before-kill[=TIME]  run it to a time (1m) before its first kill, or the first\n"
	"                   after --at\n"
	"  --live[=SPEED]   let it run on beside the command, SPEED times as fast as the\n"
	"                   clock on the wall (1)\n"
	"  --save FILE      write the machine as it is when COMMAND has ended; FILE is a SPEC\n"
	"  --seed N         another seed than the file's\n"
	"  --no-fuse        write the tree out as files: one instant, read-only\n"
	"  --quiet          no line of progress\n\n"
	"The exit status is COMMAND's (128 + n if signal n ended it); 2 if SPEC or an\n"
	"option is wrong, 1 if the machine or the namespaces could not be made.\n\n"
	"Examples:\n"
	"  quire boot examples/three-am.yaml\n"
	"  quire boot examples/three-am.yaml -- numactl --hardware\n"
	"  quire boot --at 02:58 examples/three-am.yaml -- free -h\n"
	"  quire boot --end examples/three-am.yaml -- sh -c 'dmesg | grep \"Out of memory\"'\n"
	"  quire boot --before-kill=30s examples/three-am.yaml -- top\n"
	"  quire boot now.capture -- ps aux\n"
	"  quire boot --at 01:30 --live=60 examples/three-am.yaml -- top\n";

struct boot_options {
	struct procfs_options procfs;
	const char *path, *at, *save;
	unsigned long long seed;
	bool has_seed, end, quiet, before_kill;
	u64 back; /* ns before the kill */
};

/* What a machine is made of: a scenario, a capture of a real one, or a saved one. */
struct spec {
	const char *path;
	struct scenario *scenario; /* NULL: a capture, or saved */
	struct machine *restored;
};

static int not_an_instant(const char *text)
{
	fprintf(stderr,
		"quire: --at %s: neither a time of the night, as 02:58, nor a time after its "
		"start, as 3h\n",
		text);
	return 2;
}

/* A saved machine has its scenario, and goes on from its instant. */
static int spec_restore(struct spec *spec, const struct boot_options *o, u64 *at)
{
	const struct scenario *s;

	if (o->has_seed) {
		fputs("quire: a saved machine has its seed; leave --seed away\n", stderr);
		return 2;
	}
	spec->restored = machine_restore(o->path, stderr);
	if (!spec->restored)
		return 1;
	s = machine_scenario(spec->restored);
	if (!o->at)
		return 0;
	if (!s || !scenario_instant(s, o->at, at))
		return not_an_instant(o->at);
	if (*at >= machine_now(spec->restored))
		return 0;
	fprintf(stderr, "quire: --at %s: %s was saved later\n", o->at, o->path);
	return 2;
}

/* 0, or the exit status after a message. */
static int spec_load(struct spec *spec, const struct boot_options *o, u64 *at)
{
	*spec = (struct spec){.path = o->path};
	*at = 0;
	if (machine_is_saved(o->path))
		return spec_restore(spec, o, at);
	if (capture_is(o->path)) {
		if (!o->at && !o->end && !o->has_seed && !o->before_kill)
			return 0;
		fprintf(stderr,
			"quire: %s is a capture: it is one instant; leave --at, --end and --seed "
			"away\n",
			o->path);
		return 2;
	}
	spec->scenario = scenario_load(o->path, stderr);
	if (!spec->scenario)
		return 2;
	if (o->has_seed)
		spec->scenario->seed = o->seed;
	if (!o->at || scenario_instant(spec->scenario, o->at, at))
		return 0;
	scenario_free(spec->scenario);
	return not_an_instant(o->at);
}

static struct machine *spec_boot(const struct spec *spec)
{
	if (spec->restored)
		return spec->restored;
	return spec->scenario ? machine_boot(spec->scenario, stderr)
			      : machine_boot_capture(spec->path, stderr);
}

static bool run_before_kill(struct machine *m, const struct boot_options *o)
{
	u64 kill, end = machine_length(m);
	char clock[16];
	int tenth = 0;

	if (!machine_run_before_kill(m, o->back, end, &kill, o->quiet ? NULL : cli_progress,
				     &tenth)) {
		fprintf(stderr, "quire: the machine could not be copied\n");
		return false;
	}
	if (!o->quiet)
		cli_progress_clear();
	machine_clock_text(m, kill, clock);
	if (kill == end)
		fprintf(stderr, "quire: nobody is killed up to %s\n", clock);
	else if (!o->quiet)
		fprintf(stderr, "quire: the next kill will be at %s\n", clock);
	return true;
}

/* Runs it to the instant asked for; false after a message. */
static bool run_to(struct machine *m, const struct boot_options *o, u64 at)
{
	u64 until = o->end ? machine_length(m) : at;
	char clock[16];
	int tenth = 0;

	if (!until)
		return !o->before_kill || run_before_kill(m, o);
	if (!machine_run_until(m, until, o->quiet ? NULL : cli_progress, &tenth)) {
		machine_clock_text(m, machine_now(m), clock);
		fprintf(stderr, "quire: the machine panicked at %s and stands still\n", clock);
	}
	if (!o->quiet)
		cli_progress_clear();
	return !o->before_kill || run_before_kill(m, o);
}

/* Whoever sits at a terminal is told where they are. */
static void greet(struct machine *m, const struct boot_options *o)
{
	char clock[16];

	if (o->procfs.argv || o->quiet || !isatty(2))
		return;
	machine_clock_text(m, machine_now(m), clock);
	fprintf(stderr,
		"quire: %s at %s%s. /proc, /sys and /dev/kmsg are its own; exit leaves it.\n",
		machine_quire(m)->cfg.hostname, clock, o->procfs.speed > 0 ? ", running" : "");
}

static int boot(const struct boot_options *o)
{
	struct guests *guests;
	struct machine *m;
	struct spec spec;
	u64 at;
	int status = spec_load(&spec, o, &at);

	if (status)
		return status;
	status = 1;
	guests = guests_create(&o->procfs, stderr);
	m = guests ? spec_boot(&spec) : NULL;
	if (m && run_to(m, o, at)) {
		greet(m, o);
		status = procfs_run(guests, m, stderr);
		if (o->save && !machine_save(m, o->save, stderr))
			status = 1;
	}
	guests_destroy(guests);
	if (!spec.restored)
		machine_destroy(m);
	scenario_free(spec.scenario);
	return status;
}

static bool parse_speed(const char *text, double *speed)
{
	char *end;

	*speed = strtod(text, &end);
	if (*end == 'x' && end != text)
		end++;
	return end != text && !*end && *speed >= 0.001 && *speed <= 1e6;
}

static bool parse_option(struct boot_options *o, int c)
{
	char *end;

	switch (c) {
	case 'a':
		o->at = optarg;
		return true;
	case 'e':
		o->end = true;
		return true;
	case 'l':
		o->procfs.speed = 1;
		if (optarg && !parse_speed(optarg, &o->procfs.speed)) {
			fprintf(stderr, "quire: --live=%s: not a speed; write a number, as 60\n",
				optarg);
			return false;
		}
		return true;
	case 'b':
		o->before_kill = true;
		o->back = 60 * 1000000000ULL;
		if (!optarg || parse_duration(optarg, &o->back))
			return true;
		fprintf(stderr, "quire: --before-kill=%s: not a time; write it as 30s or 5m\n",
			optarg);
		return false;
	case 's':
		o->seed = strtoull(optarg, &end, 0);
		o->has_seed = true;
		if (*end || end == optarg) {
			fprintf(stderr, "quire: --seed %s: not a number\n", optarg);
			return false;
		}
		return true;
	case 'S':
		o->save = optarg;
		return true;
	case 'n':
		o->procfs.no_fuse = true;
		return true;
	case 'q':
		o->quiet = true;
		return true;
	default:
		fputs("quire: `quire boot --help` has the options\n", stderr);
		return false;
	}
}

int cmd_boot(int argc, char **argv)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'a'},
		{"end", no_argument, NULL, 'e'},
		{"live", optional_argument, NULL, 'l'},
		{"seed", required_argument, NULL, 's'},
		{"before-kill", optional_argument, NULL, 'b'},
		{"save", required_argument, NULL, 'S'},
		{"no-fuse", no_argument, NULL, 'n'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct boot_options o = {0};
	int c, command = argc;

	/* What follows -- is the command, options and all. */
	for (int i = 1; i < argc && command == argc; i++)
		if (!strcmp(argv[i], "--"))
			command = i;
	while ((c = getopt_long(command, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(boot_help, stdout);
			return 0;
		}
		if (!parse_option(&o, c))
			return 2;
	}
	if (optind + 1 != command) {
		if (optind == command)
			fputs("quire: boot needs a SPEC, as examples/three-am.yaml\n", stderr);
		else
			fprintf(stderr,
				"quire: boot takes one SPEC; write -- before the command: "
				"-- %s\n",
				argv[optind + 1]);
		return 2;
	}
	if (o.at && o.end) {
		fputs("quire: --at and --end: give one of them\n", stderr);
		return 2;
	}
	if (o.procfs.no_fuse && o.procfs.speed > 0) {
		fputs("quire: --live needs FUSE: give --live or --no-fuse\n", stderr);
		return 2;
	}
	o.path = argv[optind];
	if (command + 1 < argc)
		o.procfs.argv = argv + command + 1;
	return boot(&o);
}
