/* SPDX-License-Identifier: MIT */
/* Levenshtein's distance, with bounded lengths: see nearest.h. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "machine/nearest.h"

unsigned int word_distance(const char *a, const char *b)
{
	unsigned int row[64], n = (unsigned int)strlen(b);

	if (n >= 63 || strlen(a) >= 63)
		return 100;
	for (unsigned int j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned int i = 1; *a; a++, i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= n; j++) {
			unsigned int best = diagonal + (*a != b[j - 1]);

			best = best < row[j] + 1 ? best : row[j] + 1;
			best = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

struct nearest nearest_to(const char *wanted)
{
	return (struct nearest){.wanted = wanted, .distance = UINT_MAX};
}

void nearest_offer(struct nearest *n, const char *known)
{
	unsigned int d = word_distance(n->wanted, known);
	size_t len = strlen(n->wanted), shift = strlen(known);

	/* What was left out before it: swappiness for vm.swappiness. */
	if (shift > len && len > 3 && !strcmp(known + (shift - len), n->wanted) &&
	    strchr("./", known[shift - len - 1]))
		d = 1;
	if (d >= n->distance || strlen(known) >= sizeof(n->best))
		return;
	n->distance = d;
	snprintf(n->best, sizeof(n->best), "%s", known);
}

const char *nearest_found(const struct nearest *n)
{
	return n->distance <= 1 + strlen(n->wanted) / 3 ? n->best : NULL;
}
