/* SPDX-License-Identifier: MIT */
/* Which known word was meant: for messages about words that are unknown. */
#ifndef QUIRE_MACHINE_NEAREST_H
#define QUIRE_MACHINE_NEAREST_H

#include <stddef.h>

/* Letters to change, add or take away to make b of a; 100 where either is over
 * 62 letters long. */
unsigned int word_distance(const char *a, const char *b);

/* The nearest of many, given one after the other. */
struct nearest {
	const char *wanted;
	char best[128];
	unsigned int distance; /* of best; nothing is near: UINT_MAX */
};
struct nearest nearest_to(const char *wanted);
void nearest_offer(struct nearest *n, const char *known);
/* best, or NULL if nothing was near enough to be meant: more than a third of
 * its letters differ. */
const char *nearest_found(const struct nearest *n);

#endif
