/* SPDX-License-Identifier: MIT */
/*
 * A machine as a file: the memory it lives in (keep.h), page by page, and back.
 *
 *	save_write(path, root, err)	between two steps of the model, from no fiber
 *	save_is(path)
 *	root = save_map(path, err)	in another process: the same pointer
 *
 * A file is read only by the very build that wrote it: it is full of addresses
 * of that program's code.  Like a program, it is to be taken from those one
 * trusts.
 */
#ifndef QUIRE_MODEL_SAVE_H
#define QUIRE_MODEL_SAVE_H

#include <stdbool.h>
#include <stdio.h>

/* False after a message on err. */
bool save_write(const char *path, void *root, FILE *err);
bool save_is(const char *path);
/* Maps it; pages come as they are touched.  NULL after a message on err. */
void *save_map(const char *path, FILE *err);

#endif
