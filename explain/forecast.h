/* SPDX-License-Identifier: MIT */
/*
 * When: from pictures of one machine taken one after another, how fast memory
 * goes, who takes it, when each watermark and the end is reached, and who dies
 * then.
 *
 *	struct forecast f;
 *	forecast(&f, pictures, n);	struct who [n], oldest first; read by
 *					who_read() or who_read_capture()
 *	f.end.seconds			to the end, after the last picture
 *	f.victim->name
 *	forecast_free(&f);
 *
 * With one picture there is no growth to be seen: half of what each process holds
 * is taken to have come evenly since it started (the interval: a tenth to all),
 * and f.assumed says so.
 */
#ifndef QUIRE_EXPLAIN_FORECAST_H
#define QUIRE_EXPLAIN_FORECAST_H

#include "explain/who.h"

#define FORECAST_MAX   4096 /* pictures */
#define FORECAST_NEVER 1e18

/* A slope with its interval (95 %), kB a second. */
struct rate {
	double kb_s, low, high;
};

/* An instant, seconds after the last picture: 0 if it is past, FORECAST_NEVER. */
struct instant {
	double seconds, low, high;
};

struct forecast_process {
	const struct who_process *p; /* in the last picture */
	struct rate rate;	     /* of what its death would free */
	long points_at_end;
};

/* A control group that will be full. */
struct forecast_group {
	const struct who_group *g;
	struct rate rate;
	long left_kb; /* to its limit, its page cache and its swap included */
	struct instant end;
	const struct who_process *victim; /* NULL: nobody may be killed */
};

struct forecast {
	struct who *last; /* the picture that processes point into */
	size_t nr_pictures;
	double span; /* seconds from the first to the last */
	bool assumed;
	long left_kb;	   /* to the end: above the marks, reclaimable, swap */
	struct rate taken; /* by which that shrinks */
	struct rate free_taken;
	struct instant high, low, min; /* kswapd may rest; it wakes; requests reclaim themselves */
	struct instant end;	       /* the killer */
	struct forecast_process *processes; /* the fastest first */
	size_t nr;
	const struct who_process *victim, *next; /* of the end; NULL: nobody, or no end */
	long victim_points, next_points;
	struct forecast_group *groups; /* the first first */
	size_t nr_groups;
};

/* False: out of memory, or no picture. */
bool forecast(struct forecast *f, struct who *pictures, size_t n);
void forecast_free(struct forecast *f);
void forecast_say(const struct forecast *f, size_t rows, FILE *to);
void forecast_json(const struct forecast *f, FILE *to);

#endif
