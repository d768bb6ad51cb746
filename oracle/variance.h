/* SPDX-License-Identifier: MIT */
/* How far the kernel moves by itself: oracle/results/variance.txt, which
 * oracle/variance.py writes from several seeds and processor modes. */
#ifndef QUIRE_ORACLE_VARIANCE_H
#define QUIRE_ORACLE_VARIANCE_H

#include "base/types.h"

struct oracle_range {
	const char *label, *counter;
	s64 low, high; /* over all recorded runs, other seeds and threaded ones too */
};

struct oracle_variance {
	char *buffer;
	struct oracle_range *ranges;
	size_t nr;
};

/* The ranges of one scenario on one kernel; none if the file can't be read. */
void oracle_variance_read(struct oracle_variance *v, const char *path, const char *scenario,
			  const char *kernel);
void oracle_variance_free(struct oracle_variance *v);
/* False: the counter was the same in all runs, or there was one run only. */
bool oracle_variance_find(const struct oracle_variance *v, const char *label, const char *counter,
			  s64 *low, s64 *high);

#endif
