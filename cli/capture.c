/* SPDX-License-Identifier: MIT */
/* quire capture: this machine's memory in one file, for `quire boot`. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "machine/capture.h"

static const char help[] =
	"usage: quire capture [OPTIONS]\n\n"
	"Reads what this machine says about its memory (zones, free blocks, slabs,\n"
	"processes, swap, settings) into one file that `quire boot FILE` builds a\n"
	"machine from.  Run it as root: some of the files are root's alone.\n\n"
	"  -o, --output FILE  where to write; default: standard output\n"
	"  --mask-names       processes and control groups without their names and arguments\n"
	"  --root DIR         read DIR/proc and DIR/sys, a tree copied from a machine\n"
	"  --every SECONDS    several captures, one after another, into FILE.1, FILE.2 ...\n"
	"  --count N          ... so many (2); `quire who FILE.*` says when memory ends\n"
	"  --check FILE       build the machine of a capture and compare its files with\n"
	"                     the captured ones, field by field\n"
	"  --verbose          with --check: fields that are the same too\n\n"
	"Examples:\n"
	"  sudo quire capture -o now.capture\n"
	"  quire boot now.capture -- free -h\n"
	"  sudo quire capture --every 60 --count 5 -o now && quire who now.*\n"
	"  quire capture --check now.capture\n";

static void print_broken(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "quire: broken: %s\n", line);
}

static int check(const char *path, bool verbose)
{
	struct capture *c = capture_load(path, stderr);
	struct cap_machine *cm = c ? capture_parse(c, stderr) : NULL;
	struct machine *m = cm ? machine_boot_capture(path, stderr) : NULL;
	struct cap_tally t;
	u64 broken;

	if (!m) {
		cap_machine_free(cm);
		capture_free(c);
		return cm ? 1 : 2;
	}
	t = capture_compare(m, cm, stdout, verbose);
	broken = quire_verify(machine_quire(m), print_broken, NULL);
	printf("%lu fields are the same, %lu near, %lu different, %lu cannot be known\n", t.same,
	       t.near, t.different, t.unknowable);
	machine_destroy(m);
	cap_machine_free(cm);
	capture_free(c);
	return broken || t.different ? 1 : 0;
}

/* FILE.1, FILE.2 ...: pictures of one machine, for `quire who`. */
static int capture_series(struct capture_options *o, double every, long count)
{
	const char *base = o->out;
	struct capture_counts n;
	char path[4096];

	if (!base || every < 0.01 || every > 86400 || count < 0 || count > 4096) {
		fputs("quire: a series needs -o FILE and --every SECONDS, and has up to 4096 "
		      "captures\n",
		      stderr);
		return 2;
	}
	count = count ? count : 2;
	for (long i = 1; i <= count; i++) {
		if (i > 1)
			usleep((useconds_t)(every * 1e6));
		snprintf(path, sizeof(path), "%s.%0*ld", base,
			 count > 99  ? 4
			 : count > 9 ? 2
				     : 1,
			 i);
		o->out = path;
		if (capture_write(o, &n, stderr))
			return 1;
	}
	fprintf(stderr, "quire: %ld captures, %s the last; `quire who %s.*` looks at them\n", count,
		path, base);
	return 0;
}

int cmd_capture(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"mask-names", no_argument, NULL, 'm'},
		{"root", required_argument, NULL, 'r'},
		{"check", required_argument, NULL, 'c'},
		{"every", required_argument, NULL, 'e'},
		{"count", required_argument, NULL, 'n'},
		{"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct capture_options o = {0};
	struct capture_counts n;
	const char *checked = NULL;
	double every = 0;
	long count = 0;
	bool verbose = false;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			o.out = optarg;
			break;
		case 'm':
			o.mask_names = true;
			break;
		case 'r':
			o.root = optarg;
			break;
		case 'c':
			checked = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case 'e':
			every = atof(optarg);
			break;
		case 'n':
			count = atol(optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs(help, stderr);
			return 2;
		}
	}
	if (optind != argc) {
		fputs(help, stderr);
		return 2;
	}
	if (checked)
		return check(checked, verbose);
	if (!o.out && isatty(1)) {
		fprintf(stderr, "quire: a capture is long; name a file with -o FILE\n");
		return 2;
	}
	if (every > 0 || count > 0)
		return capture_series(&o, every, count);
	if (capture_write(&o, &n, stderr))
		return 1;
	fprintf(stderr, "quire: %lu files of %lu processes and the machine, %lu KiB", n.files,
		n.processes, n.bytes >> 10);
	if (n.missing)
		fprintf(stderr, "; %lu could not be read%s (lines \"@@missing\")", n.missing,
			geteuid() ? ": run it as root" : "");
	fputc('\n', stderr);
	return 0;
}
