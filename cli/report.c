/* SPDX-License-Identifier: MIT */
/*
 * quire report: a night as one page, with its script and style inside.
 *
 * The script is built from report/ by `make report-assets` (npm, esbuild) into
 * build/report/, beside this program; the page is a frame around it and the
 * run's JSON.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "machine/page.h"

static const char help[] =
	"usage: quire report [OPTIONS] RUN [OTHER...]\n\n"
	"Makes one page of a night that `quire run --record --json RUN` or `quire whatif -o DIR`\n"
	"(DIR/NNNN.night.json) wrote: kills with their margins, memory over time, pressure, swap,\n"
	"nodes, a map of physical memory, slab.  The page needs no network.  OTHER nights are\n"
	"drawn beside it.\n\n"
	"  -o FILE    where to write; default: RUN with .html\n\n"
	"The page's script must have been built once: `make report-assets` (it needs npm).\n\n"
	"Examples:\n"
	"  quire run --quiet --record --json night.json examples/three-am.yaml\n"
	"  quire report night.json -o night.html\n"
	"  quire report w/0000.night.json w/0001.night.json -o whatif.html\n";

/* A whole file; NULL after a message. */
static char *slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	long size = -1;

	if (f && !fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0 && !fseek(f, 0, SEEK_SET))
		text = malloc((size_t)size + 1);
	if (text) {
		text[fread(text, 1, (size_t)size, f)] = 0;
	} else {
		fprintf(stderr, "quire: %s: can't be read: %s\n", path, strerror(errno));
	}
	if (f)
		fclose(f);
	return text;
}

/* A part of the page: $QUIRE_REPORT/NAME, or beside the program. */
static char *part(const char *name)
{
	const char *dir = getenv("QUIRE_REPORT");
	char self[4096], *path = NULL, *slash, *text = NULL;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	if (asprintf(&path, dir ? "%s/%s" : "%s/report/%s", dir ? dir : self, name) < 0)
		return NULL;
	if (access(path, R_OK))
		fprintf(stderr,
			"quire: %s is not there: the page's script is not built; run `make "
			"report-assets` once (it needs npm and its registry)\n",
			path);
	else
		text = slurp(path);
	free(path);
	return text;
}

static bool write_page(const json_t *runs, FILE *out)
{
	char *js = part("report.js"), *css = js ? part("report.css") : NULL;
	bool ok = js && css && page_write(runs, js, css, out);

	free(js);
	free(css);
	return ok;
}

static int report(char *const *paths, int nr, const char *to)
{
	json_t *runs = json_array();
	char *own = NULL;
	FILE *out;
	bool ok = true;

	for (int i = 0; i < nr && ok; i++) {
		json_t *run = page_load_run(paths[i], stderr);

		ok = run && !json_array_append_new(runs, run);
	}
	if (!ok) {
		json_decref(runs);
		return 2;
	}
	if (!to) {
		size_t len = strlen(paths[0]);

		len -= len > 5 && !strcmp(paths[0] + len - 5, ".json") ? 5 : 0;
		if (asprintf(&own, "%.*s.html", (int)len, paths[0]) < 0)
			own = NULL;
		to = own;
	}
	out = to ? fopen(to, "w") : NULL;
	ok = out && write_page(runs, out);
	if (!out)
		fprintf(stderr, "quire: %s: can't be written: %s\n", to, strerror(errno));
	if (out && fclose(out))
		ok = false;
	if (out && !ok)
		unlink(to);
	json_decref(runs);
	free(own);
	return ok ? 0 : 1;
}

int cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *to = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'o':
			to = optarg;
			break;
		default:
			fputs("quire: `quire report --help` has the options\n", stderr);
			return 2;
		}
	}
	if (optind >= argc) {
		fputs("quire: report needs a RUN; make one with quire run --record --json RUN "
		      "SPEC\n",
		      stderr);
		return 2;
	}
	return report(argv + optind, argc - optind, to);
}
