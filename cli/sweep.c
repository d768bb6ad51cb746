/* SPDX-License-Identifier: MIT */
/*
 * quire sweep: a grid or a list of variants of one night, on all processors,
 * resumable; or its jobs as lines for those who have more than one computer.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/futures.h"
#include "machine/grid.h"

static const char help[] =
	"usage: quire sweep [OPTIONS] --set NAME=VALUE,VALUE,... [--set ...] -o DIR SPEC\n"
	"       quire sweep [OPTIONS] --list FILE -o DIR SPEC\n\n"
	"Runs every combination of the values (or every line of FILE: settings apart by blanks)\n"
	"and prints one table.  Each result is a file in DIR; what is there is not run again, so\n"
	"a sweep that was stopped goes on where it was.  Variants share what they have in common:\n"
	"they part where the first of their settings is looked at.\n\n"
	"  --set NAME=V,V   one axis of the grid (in numa, write + for a comma: bind:0+1)\n"
	"  --list FILE      the variants, one a line; # begins a comment\n"
	"  -o DIR           where the results are\n"
	"  --until TIME     stop each there (02:58, 3h)\n"
	"  --seed N         another seed than the file's\n"
	"  --jobs N         variants that run at once (a processor each)\n"
	"  --job N          only the variants that boot machine N\n"
	"  --list-jobs      a command line for each job, for GNU parallel and the like\n"
	"  --slurm          a script for sbatch: the jobs as an array\n"
	"  --gather         run nothing: the table of what is there\n"
	"  --json           the results as data\n"
	"  --quiet          no progress\n\n"
	"Examples:\n"
	"  quire sweep examples/three-am.yaml --set vm.swappiness=0,60,200 \\\n"
	"      --set ledgerd/oom_score_adj=0,500,1000 -o /tmp/night\n"
	"  quire sweep ... -o /net/night --list-jobs | parallel -S a,b\n"
	"  quire sweep ... -o /net/night --slurm | sbatch\n"
	"  quire sweep ... -o /net/night --gather\n";

struct sweep_options {
	struct futures_cli c;
	const char *axis[GRID_AXES];
	size_t nr_axes;
	const char *list;
	bool list_jobs, slurm, gather;
	char **argv; /* as it was called */
	int argc;
};

/* ---- variants --------------------------------------------------------------------------------- */

static bool add_variant(void *ctx, const char *settings)
{
	struct sweep_options *o = ctx;

	return futures_add_text(&o->c, settings);
}

static bool add_list(struct sweep_options *o)
{
	FILE *f = fopen(o->list, "r");
	bool ok = f && list_each(f, o->list, add_variant, o, stderr);

	if (!f)
		fprintf(stderr, "quire: %s: can't be opened: %s\n", o->list, strerror(errno));
	else
		fclose(f);
	return ok;
}

static bool add_variants(struct sweep_options *o)
{
	return o->list ? add_list(o) : grid_each(o->axis, o->nr_axes, add_variant, o, stderr);
}

/* ---- jobs for others ------------------------------------------------------------------------------ */

/* The call itself, without the option that asked for jobs. */
static void print_call(const struct sweep_options *o, FILE *out)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	shell_quote(n > 0 ? self : "quire", out);
	fputs(" sweep", out);
	for (int i = 1; i < o->argc; i++) {
		if (!strcmp(o->argv[i], "--list-jobs") || !strcmp(o->argv[i], "--slurm"))
			continue;
		fputc(' ', out);
		shell_quote(o->argv[i], out);
	}
}

static void print_jobs(const struct sweep_options *o)
{
	size_t nr = futures_nr_jobs(&o->c.f);

	if (o->slurm) {
		printf("#!/bin/sh\n#SBATCH --job-name=quire-sweep\n#SBATCH --array=0-%zu\n"
		       "#SBATCH --cpus-per-task=1\n#SBATCH --mem=8G\nexec ",
		       nr - 1);
		print_call(o, stdout);
		printf(" --quiet --jobs 1 --job \"$SLURM_ARRAY_TASK_ID\" >/dev/null\n");
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		print_call(o, stdout);
		printf(" --quiet --jobs 1 --job %zu\n", i);
	}
}

/* ---- the call ----------------------------------------------------------------------------------------- */

static int sweep(struct sweep_options *o, const char *path)
{
	struct futures_view view = {.f = &o->c.f, .stride = 1};
	size_t missing = 0;
	int status = futures_open(&o->c, path);

	if (status)
		return status;
	if (!add_variants(o))
		return 2;
	if (o->list_jobs || o->slurm) {
		print_jobs(o);
		return 0;
	}
	if (o->gather) {
		o->c.f.work = strdup(o->c.f.dir);
		for (size_t i = 0; i < o->c.f.nr; i++)
			missing += !future_read(&o->c.f, i);
		status = missing != 0;
	} else {
		status = futures_show_run(&o->c);
		if (status == 2 || o->c.f.only >= 0)
			return status;
	}
	view.colour = isatty(1) && !getenv("NO_COLOR");
	o->c.json ? futures_json(&view, stdout) : futures_table(&view, stdout);
	if (missing)
		fprintf(stderr, "quire: %zu of %zu variants have no result yet\n", missing,
			o->c.f.nr);
	return status;
}

static bool parse(struct sweep_options *o, int c)
{
	bool ok = true;
	char *end;

	if (futures_option(&o->c, c, optarg, &ok))
		return ok;
	switch (c) {
	case 'S':
		if (o->nr_axes == GRID_AXES) {
			fputs("quire: sweep: too many axes\n", stderr);
			return false;
		}
		o->axis[o->nr_axes++] = optarg;
		return true;
	case 'l':
		o->list = optarg;
		return true;
	case 'o':
		o->c.f.dir = optarg;
		return true;
	case 'L':
		o->list_jobs = true;
		return true;
	case 'z':
		o->slurm = true;
		return true;
	case 'g':
		o->gather = true;
		return true;
	case 'n':
		o->c.f.only = strtol(optarg, &end, 10);
		if (*optarg && !*end && o->c.f.only >= 0)
			return true;
		fprintf(stderr, "quire: --job %s: not a number\n", optarg);
		return false;
	default:
		fputs("quire: `quire sweep --help` has the options\n", stderr);
		return false;
	}
}

static const char *complaint(const struct sweep_options *o, int nr_specs)
{
	if (nr_specs != 1)
		return "sweep needs one SPEC, as examples/three-am.yaml";
	if (!o->nr_axes == !o->list)
		return "sweep needs --set NAME=VALUE,VALUE or --list FILE";
	if (!o->c.f.dir)
		return "sweep needs -o DIR, where the results go";
	return NULL;
}

int cmd_sweep(int argc, char **argv)
{
	static const struct option options[] = {FUTURES_OPTIONS,
						{"set", required_argument, NULL, 'S'},
						{"list", required_argument, NULL, 'l'},
						{"output", required_argument, NULL, 'o'},
						{"list-jobs", no_argument, NULL, 'L'},
						{"slurm", no_argument, NULL, 'z'},
						{"gather", no_argument, NULL, 'g'},
						{"job", required_argument, NULL, 'n'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	struct sweep_options o = {.c.f.only = -1, .argc = argc};
	const char *wrong;
	int c, status;

	/* getopt moves words about; the call is printed as it was given. */
	o.argv = calloc((size_t)argc + 1, sizeof(*o.argv));
	if (!o.argv)
		return 1;
	memcpy(o.argv, argv, (size_t)argc * sizeof(*argv));
	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			free(o.argv);
			return 0;
		}
		if (!parse(&o, c)) {
			free(o.argv);
			return 2;
		}
	}
	wrong = complaint(&o, argc - optind);
	if (wrong)
		fprintf(stderr, "quire: %s\n", wrong);
	status = wrong ? 2 : sweep(&o, argv[optind]);
	futures_close(&o.c);
	free(o.argv);
	return status;
}
