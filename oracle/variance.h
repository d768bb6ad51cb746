/* SPDX-License-Identifier: MIT */
/* How far the kernel moves by itself: oracle/results/variance.txt, which
 * oracle/variance.py writes from several seeds and processor modes. */
#ifndef QUIRE_ORACLE_VARIANCE_H
#define QUIRE_ORACLE_VARIANCE_H

#include "base/types.h"

/* Runs that differ in nothing but chance: other seeds of the recorded machine, or
 * threaded runs, which have two processors. */
enum oracle_runs { ORACLE_SEEDS, ORACLE_THREADED, ORACLE_NR_RUNS };

struct oracle_span {
	s64 low, high;
	bool has;
};

struct oracle_range {
	const char *label, *counter;
	s64 low, high; /* over all recorded runs, other seeds and threaded ones too */
	struct oracle_span span[ORACLE_NR_RUNS];
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
/* The same within runs of one kind. */
bool oracle_variance_span(const struct oracle_variance *v, const char *label, const char *counter,
			  enum oracle_runs runs, struct oracle_span *span);

#endif
