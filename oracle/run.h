/* SPDX-License-Identifier: MIT */
/* A scenario of the oracle performed on the model. */
#ifndef ORACLE_RUN_H
#define ORACLE_RUN_H

#include "oracle/script.h"

/*
 * Runs it on the machine of its #vm lines under a kernel ("6.1") and writes to
 * out what the guest program would write: oracle/README.md, "The output".  0,
 * or 1 after a message on err; what was written until then stays.
 */
int oracle_run(const struct oracle_script *s, const char *kernel, FILE *out, FILE *err);

#endif
