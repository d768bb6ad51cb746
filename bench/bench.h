/* SPDX-License-Identifier: MIT */
/*
 * How a benchmark says what it measured: one JSON object a line.  bench/run.sh
 * gathers them into build/bench.json.
 */
#ifndef QUIRE_BENCH_H
#define QUIRE_BENCH_H

#include <stdio.h>
#include <time.h>

static inline double bench_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/*
 * goal: the value may not be above it (below it, if more is better); 0: none.
 * peer: what it was measured beside in the same run, or NULL; ratio_goal: how many
 * times as much the value may be; 0: no matter.
 */
static inline void bench_report_ratio(const char *name, double value, const char *unit,
				      const char *peer, double peer_value, double goal,
				      int more_is_better, double ratio_goal)
{
	int met = goal == 0 || (more_is_better ? value >= goal : value <= goal);
	double ratio = peer_value ? value / peer_value : 0;

	printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",", name, value, unit);
	if (peer)
		printf("\"peer\":\"%s\",\"peer_value\":%.6g,\"ratio\":%.4g,", peer, peer_value,
		       ratio);
	else
		printf("\"peer\":null,\"peer_value\":null,\"ratio\":null,");
	if (ratio_goal)
		printf("\"ratio_goal\":%.4g,\"ratio_met\":%s,", ratio_goal,
		       ratio <= ratio_goal ? "true" : "false");
	if (goal)
		printf("\"goal\":%.6g,\"met\":%s}\n", goal, met ? "true" : "false");
	else
		printf("\"goal\":null,\"met\":null}\n");
}

static inline void bench_report(const char *name, double value, const char *unit, const char *peer,
				double peer_value, double goal, int more_is_better)
{
	bench_report_ratio(name, value, unit, peer, peer_value, goal, more_is_better, 0);
}

#endif
