/* SPDX-License-Identifier: MIT */
/* The subcommands; each takes its own argv and returns the exit status: 0,
 * 1 (it did not work out) or 2 (the call or its input was wrong). */
#ifndef QUIRE_CLI_CLI_H
#define QUIRE_CLI_CLI_H

#define QUIRE_VERSION "0.1"

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_capture(int argc, char **argv);

#endif
