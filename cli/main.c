/* SPDX-License-Identifier: MIT */
/* The quire command: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *what;
} commands[] = {
	{"run", cmd_run, "run a scenario to its end and tell the story"},
	{"whatif", cmd_whatif, "the same night with other settings, side by side"},
	{"sweep", cmd_sweep, "many variants of a night, on all processors"},
	{"top", cmd_top, "a machine in the terminal, as it runs"},
	{"report", cmd_report, "a night as one page"},
	{"boot", cmd_boot, "run a command where /proc, /sys and /dev/kmsg are a model's"},
	{"explain", cmd_explain, "say what an OOM report in a kernel log means"},
	{"who", cmd_who, "the order in which processes would be killed"},
	{"check", cmd_check, "check a scenario file and say what is wrong with it"},
	{"oracle", cmd_oracle, "run a scenario of the real kernel on the model, and compare"},
	{"capture", cmd_capture, "read this machine's memory into a file that can be booted"},
	{"attach", cmd_attach, "run a command that sees a process's heap in /proc/slabinfo"},
};

static int usage(FILE *f)
{
	fprintf(f, "usage: quire COMMAND ...\n\n"
		   "Linux's memory manager, and a machine to try it on.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(f, "  %-9s %s\n", commands[i].name, commands[i].what);
	fprintf(f,
		"\n`quire COMMAND --help` has the options and examples; quire(1) has all of it.\n");
	return f == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return usage(stdout);
	if (!strcmp(argv[1], "--version")) {
		printf("quire %s\n", QUIRE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].main(argc - 1, argv + 1);
	fprintf(stderr, "quire: there is no command \"%s\"; `quire help` lists them\n", argv[1]);
	return 2;
}
