/* SPDX-License-Identifier: MIT */
/* The guest program in memory: process 1 and its workers. */
#ifndef ORACLE_IMAGE_H
#define ORACLE_IMAGE_H

#include "oracle/internal.h"
#include "port/model/content.h"

/* Process 1 becomes the guest program; in its own fiber. 0 or a negative error. */
int image_exec(struct run *r);
/* Process 1 goes on after a fork: it writes to pages that it now shares. */
void image_forked(struct run *r);
/* A worker goes on after its own fork. */
void image_fork(struct worker *w);
/* A worker's first steps. */
void image_begin(struct worker *w);
/* What a command touches of the worker's own. */
void image_command(struct worker *w, const struct oracle_cmd *c);
/* What it writes when a mapping has been made. */
void image_mapped(struct worker *w);

#endif
