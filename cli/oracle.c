/* SPDX-License-Identifier: MIT */
/* quire oracle: scenarios of the real kernel, on the model. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "oracle/run.h"

static const char help[] =
	"usage: quire oracle COMMAND ...\n\n"
	"The real kernel as the judge: the same scenario on Linux and on the model.\n\n"
	"  run FILE [--kernel 6.1] [-o OUT]\n"
	"      performs a scenario on the model, and writes what the kernel would say at\n"
	"      each snapshot to OUT (standard output): the same text as the real one's\n"
	"  compare KERNEL-OUT MODEL-OUT | NAME\n"
	"      what both say side by side, with verdicts\n"
	"  fidelity [-o FILE]\n"
	"      how far the model agrees in all recorded scenarios\n"
	"  questions [QUESTION...]\n"
	"      what settings change, on the kernel and on the model\n\n"
	"oracle/scenarios/README describes the language of scenarios.\n\n"
	"Examples:\n"
	"  quire oracle run oracle/scenarios/b-oom.txt -o b-oom.out\n"
	"  quire oracle compare b-oom\n";

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"kernel", required_argument, NULL, 'k'},
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *kernel = "6.1", *output = NULL;
	struct oracle_script *s;
	FILE *out = stdout;
	int c, status;

	while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			kernel = optarg;
			break;
		case 'o':
			output = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs("quire: `quire oracle --help` has the options\n", stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fputs("quire: oracle run takes one FILE, as oracle/scenarios/b-oom.txt\n", stderr);
		return 2;
	}
	s = oracle_script_load(argv[optind], stderr);
	if (!s)
		return 2;
	if (output && !(out = fopen(output, "w"))) {
		perror(output);
		oracle_script_free(s);
		return 2;
	}
	status = oracle_run(s, kernel, out, stderr);
	if (output && fclose(out)) {
		perror(output);
		status = 1;
	}
	oracle_script_free(s);
	return status;
}

int cmd_oracle(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*main)(int argc, char **argv);
	} commands[] = {
		{"run", run},
		{"compare", cmd_oracle_compare},
		{"fidelity", cmd_oracle_fidelity},
		{"questions", cmd_oracle_questions},
	};

	if (argc < 2) {
		fputs(help, stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		fputs(help, stdout);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].main(argc - 1, argv + 1);
	fprintf(stderr,
		"quire: there is no oracle command \"%s\"; `quire oracle --help` lists them\n",
		argv[1]);
	return 2;
}
