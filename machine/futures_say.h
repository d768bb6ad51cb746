/* SPDX-License-Identifier: MIT */
/* Futures for people: side by side, and a sentence each. */
#ifndef QUIRE_MACHINE_FUTURES_SAY_H
#define QUIRE_MACHINE_FUTURES_SAY_H

#include "machine/futures.h"

/* How the futures lie in futures.v: `stride` variants to each, the first as the
 * input says, the others with the plausible extremes of what it does not say. */
struct futures_view {
	const struct futures *f;
	size_t stride;
	bool colour;
};

/* Columns: futures; rows: what came of them. */
void futures_side_by_side(const struct futures_view *w, FILE *out);
/* A row each, for many: the changes, kills, the first, stalls, faults, swap. */
void futures_table(const struct futures_view *w, FILE *out);
/* A sentence on each but the first: does it help, and why. */
void futures_sentences(const struct futures_view *w, FILE *out);
/* One such sentence; free() it. */
char *future_sentence(const struct futures *f, size_t base, size_t i);
void futures_json(const struct futures_view *w, FILE *out);

#endif
