/* SPDX-License-Identifier: MIT */
/* quire who [SPEC]: in which order processes would be killed. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "explain/who.h"
#include "machine/capture.h"
#include "machine/units.h"

static const char who_help[] =
	"usage: quire who [--group PATH] [--max SIZE] [--adj WHO=N]... [--all] [--json] "
	"[CAPTURE]\n\n"
	"The order in which the kernel would kill if memory ended now, with the margin of each\n"
	"over the next: on this machine, or in a capture. In a modelled machine run it there:\n"
	"quire boot SPEC -- quire who.\n\n"
	"  --group PATH   if the limit of this control group were hit, as "
	"/system.slice/app.service\n"
	"  --max SIZE     ... and the limit were SIZE, as 512M\n"
	"  --adj WHO=N    as if processes named WHO, or the one with that pid, had this "
	"oom_score_adj\n"
	"  --all          everybody, not the first twenty\n"
	"  --json         as data\n"
	"  --root DIR     read DIR/proc and DIR/sys\n"
	"  --help         this\n\n"
	"examples:\n"
	"  quire who\n"
	"  quire who --adj postgres=-500\n"
	"  quire who --group /kubepods.slice --json\n";

#define MAX_ADJS 64

struct who_options {
	const char *group, *root;
	const char *adj[MAX_ADJS];
	int nr_adj;
	long max_kb;
	bool all, json;
};

static bool apply_adj(struct who *w, const char *text)
{
	const char *eq = strrchr(text, '=');
	char who[128], *end;
	long adj;

	adj = eq ? strtol(eq + 1, &end, 10) : 0;
	if (!eq || eq == text || *end || end == eq + 1 || adj < -1000 || adj > 1000) {
		fprintf(stderr, "quire: --adj %s: write NAME=N or PID=N, N from -1000 to 1000\n",
			text);
		return false;
	}
	snprintf(who, sizeof(who), "%.*s", (int)(eq - text), text);
	if (!who_set_adj(w, who, adj)) {
		fprintf(stderr, "quire: --adj %s: there is no process %s\n", text, who);
		return false;
	}
	return true;
}

static int who(const struct who_options *o, const char *path)
{
	struct cap_machine *cm = NULL;
	struct capture *c = NULL;
	int status = 2;
	struct who w;
	bool ok;

	if (path) {
		c = capture_load(path, stderr);
		cm = c ? capture_parse(c, stderr) : NULL;
		ok = cm && who_read_capture(&w, cm, stderr);
	} else {
		ok = who_read(&w, o->root ? o->root : "", stderr);
	}
	if (ok) {
		for (int i = 0; ok && i < o->nr_adj; i++)
			ok = apply_adj(&w, o->adj[i]);
		if (ok) {
			who_rank(&w, o->group, o->max_kb);
			if (o->json)
				who_json(&w, stdout);
			else
				who_say(&w, o->all ? 0 : 20, stdout);
			status = w.nr_candidates ? 0 : 1;
		}
		who_free(&w);
	}
	if (cm)
		cap_machine_free(cm);
	if (c)
		capture_free(c);
	return status;
}

int cmd_who(int argc, char **argv)
{
	static const struct option options[] = {
		{"group", required_argument, NULL, 'g'}, {"max", required_argument, NULL, 'm'},
		{"adj", required_argument, NULL, 'a'},	 {"all", no_argument, NULL, 'A'},
		{"json", no_argument, NULL, 'j'},	 {"root", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},	 {0}};
	struct who_options o = {.max_kb = -1};
	uint64_t bytes;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'g':
			o.group = optarg;
			break;
		case 'm':
			if (!parse_size(optarg, &bytes)) {
				fprintf(stderr, "quire: --max %s: not a size; write 512M\n",
					optarg);
				return 2;
			}
			o.max_kb = (long)(bytes >> 10);
			break;
		case 'a':
			if (o.nr_adj == MAX_ADJS) {
				fputs("quire: --adj: too many\n", stderr);
				return 2;
			}
			o.adj[o.nr_adj++] = optarg;
			break;
		case 'A':
			o.all = true;
			break;
		case 'j':
			o.json = true;
			break;
		case 'r':
			o.root = optarg;
			break;
		case 'h':
			fputs(who_help, stdout);
			return 0;
		default:
			fputs("quire: `quire who --help` has the options\n", stderr);
			return 2;
		}
	}
	if (o.max_kb >= 0 && !o.group) {
		fputs("quire: --max needs --group: whose limit is it?\n", stderr);
		return 2;
	}
	if (argc - optind > 1) {
		fputs("quire: who takes one capture\n", stderr);
		return 2;
	}
	return who(&o, optind < argc ? argv[optind] : NULL);
}
