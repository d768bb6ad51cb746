/* SPDX-License-Identifier: MIT */
/*
 * Those who kill before the kernel does: earlyoom, systemd-oomd, the kubelet, by
 * their documented rules and defaults.  Nobody is asked whether they run here.
 */
#ifndef QUIRE_EXPLAIN_DAEMONS_H
#define QUIRE_EXPLAIN_DAEMONS_H

#include "explain/forecast.h"

struct daemon_options {
	bool earlyoom, oomd, kubelet;
	double earlyoom_mem, earlyoom_swap; /* percent: -m 10 -s 10 */
	double oomd_swap, oomd_pressure;    /* percent: SwapUsedLimit 90, pressure limit 60 */
	long kubelet_kb;		    /* memory.available<100Mi */
};

#define DAEMON_DEFAULTS                                                                        \
	{                                                                                      \
		.earlyoom_mem = 10, .earlyoom_swap = 10, .oomd_swap = 90, .oomd_pressure = 60, \
		.kubelet_kb = 100 << 10                                                        \
	}
#define DAEMONS_MAX 3

struct daemon_verdict {
	const char *name;
	bool acts;	/* now */
	double seconds; /* to when, by the forecast; FORECAST_NEVER; -1: without one */
	char rule[256]; /* with the numbers of here */
	char victim[WHO_GROUP_MAX];
	long pid;	  /* of a process; 0: a group or nobody */
	char caveat[160]; /* what could not be seen; may be empty */
};

/* How many verdicts; f may be NULL.  The groups of w must have been read. */
size_t daemons_judge(const struct who *w, const struct forecast *f, const struct daemon_options *o,
		     struct daemon_verdict out[DAEMONS_MAX]);
void daemons_say(const struct daemon_verdict *v, size_t n, FILE *to);
void daemons_json(const struct daemon_verdict *v, size_t n, FILE *to);

#endif
