/* SPDX-License-Identifier: MIT */
/*
 * Load for a machine that was built from a capture, whose processes sleep: one
 * of them, or the one that holds most, grows.
 */
#ifndef QUIRE_MACHINE_CAPTURE_LOAD_H
#define QUIRE_MACHINE_CAPTURE_LOAD_H

#include "machine/machine.h"

/* "NAME=4M/s" or "4M/s" (the largest); name points into text.  False: neither. */
bool growth_parse(const char *text, char name[TASK_COMM_LEN], u64 *bytes_a_second);
/* name "": the process that holds most; its name is put there.  From a fiber;
 * false: there is no such process, or no memory. */
bool growth_start(struct machine *m, char name[TASK_COMM_LEN], u64 bytes_a_second);

#endif
