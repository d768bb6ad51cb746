/* SPDX-License-Identifier: MIT */
/*
 * What an input leaves open: how hot pages are, and how well they compress.
 * Where that is much of the memory, futures are run with the plausible extremes.
 */
#ifndef QUIRE_MACHINE_UNCERTAIN_H
#define QUIRE_MACHINE_UNCERTAIN_H

#include "machine/scenario.h"

struct uncertain {
	uint64_t total;	  /* memory of the machine */
	uint64_t hot;	  /* bytes that are touched, nobody says how unevenly */
	uint64_t content; /* bytes of which nobody says what they hold */
	char hot_names[96], content_names[96];
};

void uncertain_find(const struct scenario *s, struct uncertain *u);
/* Is it a tenth of the machine's memory? */
bool uncertain_matters(const struct uncertain *u);
/* The settings of the two extremes: easy and hard on memory. */
extern const char *const uncertain_easy, *const uncertain_hard;
/* What is open, and what to measure. */
void uncertain_say(const struct uncertain *u, FILE *out);

#endif
