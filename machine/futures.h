/* SPDX-License-Identifier: MIT */
/*
 * Futures: one machine under one load and seed, again and again with other
 * settings, on all processors of the host.
 *
 * A variant is a list of settings.  What variants have in common is run once:
 * those that boot the same machine share its process until the first of their
 * settings is looked at (setting.h: its gate), and there fork(2) makes a copy
 * of the machine for each.  What the OOM killer alone reads makes no copy as
 * long as the killer would take the same process all the same.  The outcome is
 * exactly that of a run of its own.
 *
 * With an instant, all variants are one machine up to it, and their settings are
 * made there as an operator would make them.
 */
#ifndef QUIRE_MACHINE_FUTURES_H
#define QUIRE_MACHINE_FUTURES_H

#include "machine/outcome.h"
#include "machine/setting.h"

struct variant {
	char *label; /* "as it is", or its settings */
	struct setting_list set;
	bool done; /* outcome is there */
	bool kept; /* it was there before: this run did not make it */
	u64 now;   /* how far it is */
	struct outcome outcome;
};

struct futures {
	const char *path; /* a scenario, a capture or a saved machine */
	/* That machine, restored in this process; with has_at.  NULL: none. */
	struct machine *saved;
	u64 at;	   /* with has_at: when settings are made; ns since the start */
	u64 until; /* the end; 0: the scenario's */
	unsigned long long seed;
	bool has_at, has_seed;
	unsigned int jobs; /* at once; 0: a processor each */
	const char
		*dir; /* results, NNNN.json each; NULL: nowhere.  Those there are not run again */
	long only;    /* run only the job of this number (futures_job()); -1: all */
	bool nights;  /* and NNNN.night.json, NNNN.events: the whole night of each */
	/* Called about ten times a second; NULL: nobody. */
	void (*progress)(const struct futures *f, void *ctx);
	void *ctx;
	struct variant *v;
	size_t nr;
	u64 length; /* of each variant's run; set by futures_run() */
	char *work; /* the folder in use: dir, or one of its own */
};

/* A variant with these settings (each NAME=VALUE); false after a line on err. */
bool futures_add(struct futures *f, const struct scenario *s, const char *const *settings,
		 size_t nr, FILE *err);
/* 0; 1 if some variant did not come to its end; 2 if the input is wrong. */
int futures_run(struct futures *f, FILE *err);
void futures_free(struct futures *f);

/* The first variant that boots the same machine as variant i. */
size_t futures_trunk(const struct futures *f, size_t i);
/* Jobs are numbered by the machines that are booted: that of variant i; the number
 * of jobs is one more than the last one's. */
size_t futures_job(const struct futures *f, size_t i);
size_t futures_nr_jobs(const struct futures *f);

/* futures_file.c: results of variants. */
bool future_write(const struct futures *f, size_t i, struct machine *m, const struct outcome *o);
/* True if the result of variant i is there, and is its own. */
bool future_read(struct futures *f, size_t i);
/* DIR/NNNN.SUFFIX; free() it. */
char *future_path(const char *dir, size_t i, const char *suffix);

/* futures_fork.c: runs the variants [nr] of one machine in this process and the
 * copies that it makes.  Does not return. */
struct future_pipes {
	int tokens[2]; /* a byte for each job that may run */
	int progress[2];
};
struct future_step { /* what comes through progress */
	u32 variant, pad;
	u64 now;
};
__attribute__((noreturn)) void future_trunk(struct futures *f, const size_t *variants, size_t nr,
					    const struct future_pipes *pipes);

#endif
