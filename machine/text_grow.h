/* SPDX-License-Identifier: MIT */
/* A struct text in the host's memory. */
#ifndef QUIRE_MACHINE_TEXT_GROW_H
#define QUIRE_MACHINE_TEXT_GROW_H

#include "base/text.h"

/* A file of /proc is no larger than this. */
#define MAX_TEXT_BYTES (256UL << 20)

/* grow() of a text whose buffer is malloc'ed (or NULL): false when it would be
 * over MAX_TEXT_BYTES or the host has no memory. */
bool text_grow(struct text *t, size_t need);

#endif
