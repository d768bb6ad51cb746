/* SPDX-License-Identifier: MIT */
/* quire explain [FILE]: what the OOM reports of a log mean. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "explain/explain.h"

static const char explain_help[] =
	"usage: quire explain [--json] [--last] [FILE...]\n\n"
	"Reads kernel logs (dmesg, journalctl -k, syslog, a pasted mail; - or nothing: standard\n"
	"input) and says of each report of the OOM killer or of a failed page allocation what\n"
	"happened, who died and why, by what margin, and what would help.\n\n"
	"  --json   the same as data: one array\n"
	"  --last   only the last report\n"
	"  --help   this\n\n"
	"examples:\n"
	"  dmesg | quire explain\n"
	"  journalctl -k -b -1 | quire explain --last\n"
	"  quire explain /var/log/kern.log --json\n\n"
	"exit status: 0, or 1 if there is no report, or 2 if a file cannot be read\n";

struct explain_options {
	bool json, last;
	unsigned long nr; /* reports so far */
};

static bool show(struct explain_options *o, const struct report *r)
{
	struct explanation e;

	if (!explain(&e, r)) {
		fputs("quire: explain: out of memory\n", stderr);
		return false;
	}
	if (o->json) {
		printf("%s\n", o->nr ? "," : "");
		explain_json(&e, stdout);
	} else {
		printf("%s", o->nr ? "\n----------------------------------------\n\n" : "");
		explain_say(&e, stdout);
	}
	o->nr++;
	explain_free(&e);
	return !ferror(stdout);
}

/* The reports of one log; with --last the log is read twice, so that one report
 * at a time is all that is kept. */
static int explain_file(struct explain_options *o, const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *f = standard ? stdin : fopen(path, "r");
	struct report_reader *reader;
	const struct report *r;
	unsigned long count = 0, nr = 0;
	bool ok = true;

	if (!f) {
		fprintf(stderr, "quire: %s: %s\n", path, strerror(errno));
		return 2;
	}
	if (o->last) {
		reader = report_reader_new(f);
		while (reader && report_next(reader))
			count++;
		report_reader_free(reader);
		if (fseek(f, 0, SEEK_SET)) {
			fprintf(stderr, "quire: %s: --last needs a file, not a pipe\n", path);
			if (!standard)
				fclose(f);
			return 2;
		}
	}
	reader = report_reader_new(f);
	while (reader && ok && (r = report_next(reader)))
		if (!o->last || ++nr == count)
			ok = show(o, r);
	if (ferror(f)) {
		fprintf(stderr, "quire: %s: %s\n", path, strerror(errno));
		ok = false;
	}
	report_reader_free(reader);
	if (!standard)
		fclose(f);
	return ok && reader ? 0 : 2;
}

int cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"last", no_argument, NULL, 'l'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct explain_options o = {0};
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			o.json = true;
			break;
		case 'l':
			o.last = true;
			break;
		case 'h':
			fputs(explain_help, stdout);
			return 0;
		default:
			fputs("quire: `quire explain --help` has the options\n", stderr);
			return 2;
		}
	}
	if (optind == argc && isatty(0))
		fputs("quire: reading a kernel log from the terminal; end it with ^D\n", stderr);
	if (o.json)
		printf("[");
	for (int i = optind; i < argc || i == optind; i++) {
		int err = explain_file(&o, i < argc ? argv[i] : "-");

		status = err ? err : status;
	}
	if (o.json)
		printf("\n]\n");
	if (!status && !o.nr) {
		fputs("quire: no report of the OOM killer, nor of a failed page allocation\n",
		      stderr);
		return 1;
	}
	return status;
}
