/* SPDX-License-Identifier: MIT */
/* The subcommands; each takes its own argv and returns the exit status: 0,
 * 1 (it did not work out) or 2 (the call or its input was wrong). */
#ifndef QUIRE_CLI_CLI_H
#define QUIRE_CLI_CLI_H

#include <stdio.h>

#include "machine/machine.h"

#define QUIRE_VERSION "0.1"

int cmd_run(int argc, char **argv);
int cmd_whatif(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_oracle(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_who(int argc, char **argv);
int cmd_capture(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_boot(int argc, char **argv); /* or the status of the command it ran */

/* Of quire oracle: cli/oracle_compare.c. */
int cmd_oracle_compare(int argc, char **argv);
int cmd_oracle_fidelity(int argc, char **argv);
int cmd_oracle_questions(int argc, char **argv);

/* A log for reading, also one that gzip has compressed; "-" is standard input.  NULL:
 * *why says why it can't be, or what makes text of it.  Read errors with errno
 * EBADMSG are damage of the compressed data. */
FILE *open_log(const char *path, const char **why);

/* One line on stderr while a machine runs, for machine_run_until(); ctx is an
 * int, 0 at first.  progress_clear() takes it away. */
void cli_progress(struct machine *m, u64 ns, void *ctx);
void cli_progress_clear(void);

#endif
