/* SPDX-License-Identifier: MIT */
/* quire explain [FILE]: what the OOM reports of a log mean. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "explain/explain.h"

static const char explain_help[] =
	"usage: quire explain [--all] [--adj WHO=N]... [--json] [FILE...]\n\n"
	"Reads kernel logs (dmesg, journalctl -k, syslog, a container's log, a pasted mail, also\n"
	"compressed by gzip; - or nothing: standard input) and says of the last report of the\n"
	"OOM killer or of a failed page allocation what happened, who died and why, by what\n"
	"margin, and what would help.\n\n"
	"  --all          every report, not the last of each file\n"
	"  --last         the last one, as without it\n"
	"  --adj WHO=N    who would have died if processes named WHO, or the one with that pid,\n"
	"                 had had this oom_score_adj\n"
	"  --no-model     do not build the machine of the report to ask its killer\n"
	"  --json         as data: one array\n"
	"  --help         this\n\n"
	"examples:\n"
	"  dmesg | quire explain\n"
	"  journalctl -k -b -1 | quire explain --all\n"
	"  quire explain /var/log/kern.log --adj java=-500 --json\n\n"
	"exit status: 0, or 1 if there is no report, or 2 if a file cannot be read\n";

#define MAX_ADJS 64

struct explain_options {
	bool json, all, no_model;
	const char *adj[MAX_ADJS];
	int nr_adj;
	unsigned long nr; /* explained so far */
};

static bool apply_adjs(struct explanation *e, const struct explain_options *o)
{
	for (int i = 0; i < o->nr_adj; i++) {
		const char *eq = strrchr(o->adj[i], '=');
		char who[128];

		snprintf(who, sizeof(who), "%.*s", (int)(eq - o->adj[i]), o->adj[i]);
		if (!explain_what_if(e, who, strtol(eq + 1, NULL, 10)))
			fprintf(stderr, "quire: --adj %s: the report has no process %s\n",
				o->adj[i], who);
	}
	return true;
}

/* of: how many the log has; nth: which of them this is. */
static bool show(struct explain_options *o, const struct report *r, unsigned long nth,
		 unsigned long of)
{
	struct explanation e;

	if (!explain(&e, r)) {
		fputs("quire: explain: out of memory\n", stderr);
		return false;
	}
	e.nth = nth;
	e.of = of;
	apply_adjs(&e, o);
	if (!o->no_model)
		explain_model(&e);
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

struct watch {
	const char *path;
	unsigned long reports;
};

static void progress(void *ctx, unsigned long bytes)
{
	const struct watch *w = ctx;

	if (isatty(2))
		fprintf(stderr, "\r\033[K%s: %lu MB read, %lu report%s", w->path, bytes >> 20,
			w->reports, w->reports == 1 ? "" : "s");
}

/* Reports with a beginning are better to have than the kills that the kernel
 * prints without one when there are many. */
static bool better(const struct report *r, const struct report *than)
{
	bool whole = *r->invoker || r->nr_tasks, was = *than->invoker || than->nr_tasks;

	return whole || !was;
}

static bool explain_log(struct explain_options *o, struct report_reader *reader, struct watch *w)
{
	struct report last = {0};
	const struct report *r;
	unsigned long nth = 0;
	bool ok = true;

	while (ok && (r = report_next(reader))) {
		w->reports++;
		if (o->all) {
			ok = show(o, r, w->reports, 0);
		} else if (!nth || better(r, &last)) {
			nth = w->reports;
			report_keep(reader, &last);
		}
	}
	if (isatty(2) && w->reports)
		fprintf(stderr, "\r\033[K");
	if (ok && nth)
		ok = show(o, &last, nth, w->reports);
	report_release(&last);
	return ok;
}

static int explain_file(struct explain_options *o, const char *path)
{
	bool standard = !strcmp(path, "-");
	const char *why;
	FILE *f = open_log(path, &why);
	struct watch w = {.path = standard ? "standard input" : path};
	struct report_reader *reader;
	bool ok;

	if (!f) {
		fprintf(stderr, "quire: %s: %s\n", w.path, why);
		return 2;
	}
	reader = report_reader_new(f);
	if (reader)
		report_on_progress(reader, progress, &w);
	ok = reader && explain_log(o, reader, &w);
	if (ferror(f)) {
		fprintf(stderr, "quire: %s: %s\n", w.path,
			errno == EBADMSG ? "damaged gzip data" : strerror(errno));
		ok = false;
	}
	report_reader_free(reader);
	fclose(f);
	return ok ? 0 : 2;
}

static bool parse_adj(struct explain_options *o, const char *text)
{
	const char *eq = strrchr(text, '=');
	char *end = NULL;
	long n = eq ? strtol(eq + 1, &end, 10) : 0;

	if (!eq || eq == text || end == eq + 1 || *end || n < -1000 || n > 1000 ||
	    o->nr_adj == MAX_ADJS) {
		fprintf(stderr,
			"quire: --adj %s: write NAME=N or PID=N, N from -1000 to 1000, at most %d "
			"times\n",
			text, MAX_ADJS);
		return false;
	}
	o->adj[o->nr_adj++] = text;
	return true;
}

int cmd_explain(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"last", no_argument, NULL, 'l'},
						{"all", no_argument, NULL, 'a'},
						{"adj", required_argument, NULL, 'd'},
						{"no-model", no_argument, NULL, 'n'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct explain_options o = {0};
	int c, status = 0;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			o.json = true;
			break;
		case 'a':
			o.all = true;
			break;
		case 'l':
			o.all = false;
			break;
		case 'n':
			o.no_model = true;
			break;
		case 'd':
			if (!parse_adj(&o, optarg))
				return 2;
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
