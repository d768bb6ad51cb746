/* SPDX-License-Identifier: MIT */
/*
 * The server that runs on the model port: a scenario's machine with its
 * processes, disks and clock.
 *
 *	m = machine_boot(scenario, ...);	the instant after all have started
 *	machine_run_until(m, ns);		let the night go on
 *	machine_quire(m)			its state, for proc_*() and verify
 */
#ifndef QUIRE_MACHINE_MACHINE_H
#define QUIRE_MACHINE_MACHINE_H

#include <stdio.h>

#include "machine/scenario.h"
#include "port/model/model.h"
#include "proc/proc.h"

struct machine;

/* Boots and starts all processes.  NULL after a message on err.  The scenario
 * must live as long as the machine. */
struct machine *machine_boot(const struct scenario *s, FILE *err);
void machine_destroy(struct machine *m);
/*
 * To a file at this instant, and back: what goes on from there is what would have
 * gone on here, to the byte.  Not from inside a fiber; only machine_restore() in
 * a process without a machine, of the same build.  False, NULL: after a message
 * on err.  The machine brings its scenario, and both are the process's to its end.
 */
bool machine_save(struct machine *m, const char *path, FILE *err);
bool machine_is_saved(const char *path);
struct machine *machine_restore(const char *path, FILE *err);
struct quire *machine_quire(struct machine *m);
struct model *machine_model(struct machine *m);
const struct scenario *machine_scenario(struct machine *m); /* NULL: from a capture */

/*
 * ns after the scenario's start (the clock at machine_boot()'s return is
 * machine_start_ns() after boot).  progress, if not NULL, is called about
 * every 100 ms of real time.  Stops early when the machine panics; true unless.
 */
bool machine_run_until(struct machine *m, u64 ns,
		       void (*progress)(struct machine *m, u64 ns, void *ctx), void *ctx);
/*
 * Runs it to `back` ns before its next kill (or panic), but not beyond `until`:
 * a copy of the machine (fork(2)) goes ahead and tells where it is, and this one
 * follows.  *kill: the kill's instant; `until` if there was none.  False after
 * a failure of the host; the machine then stands somewhere before.
 */
bool machine_run_before_kill(struct machine *m, u64 back, u64 until, u64 *kill,
			     void (*progress)(struct machine *m, u64 ns, void *ctx), void *ctx);
u64 machine_now(struct machine *m);    /* ns since the scenario's start */
u64 machine_length(struct machine *m); /* ns */
/* "02:58:13" of an instant. */
void machine_clock_text(struct machine *m, u64 ns, char buf[16]);

/* What happened, in order: the machine's event log, byte-identical for one
 * seed. */
enum event_kind {
	EV_BOOT,
	EV_KSWAPD_WAKE, /* first wake of a node's kswapd in a while */
	EV_WATERMARK,	/* free memory of a node fell below low, or min */
	EV_CACHE_LOW,	/* page cache fell below a quarter of its peak */
	EV_ZSWAP_FIRST, /* first page to zswap, to the device */
	EV_SWAP_FIRST,
	EV_SWAP_FULL,
	EV_DIRECT_RECLAIM, /* a task stalled */
	EV_OOM_KILL,
	EV_EXIT,
	EV_PANIC,
	EV_SAMPLE, /* the state once a minute */
};
struct event {
	u64 ns; /* since the scenario's start */
	enum event_kind kind;
	char *text; /* one line */
};
size_t machine_events(struct machine *m, const struct event **events);
/* Writes the log as text, one line an event. */
void machine_write_events(struct machine *m, FILE *f);
/* Events, samples (sizes in bytes) and kills as JSON; byte-identical too. */
void machine_write_json(struct machine *m, FILE *f);
/* From now on: nodes, slabs and a map of memory too, each minute or so, for
 * `quire report`; machine_write_json() has them.  False: no memory. */
bool machine_record(struct machine *m);
/* Counters and events as a trace for Perfetto or chrome://tracing; the state as it
 * stands as OpenMetrics. */
void machine_write_trace(struct machine *m, FILE *f);
void machine_write_metrics(struct machine *m, FILE *f);
/* The night as a story that a person understands. */
void machine_story(struct machine *m, FILE *f, bool colour);
/* Writes all of /proc and /sys below dir, as files. 0 or -1 with a message. */
int machine_dump_tree(struct machine *m, const char *dir, FILE *err);

#endif
