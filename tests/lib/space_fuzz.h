/* SPDX-License-Identifier: MIT */
/*
 * Bytes as memory system calls of one process: for the fuzzer (fuzz/fuzz_space.c) and
 * the short test of it in tests/space/.
 */
#ifndef QUIRE_SPACE_FUZZ_H
#define QUIRE_SPACE_FUZZ_H

#include "port/model/model.h"

/* The running task makes the calls; how many there were.  Any answer is right that
 * leaves the machine consistent. */
unsigned int space_fuzz(struct model *m, struct task *task, const u8 *data, size_t size);

#endif
