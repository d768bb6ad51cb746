/* SPDX-License-Identifier: MIT */
/*
 * What the kernel printed, out of whatever keeps it.
 */
#ifndef QUIRE_EXPLAIN_LOG_H
#define QUIRE_EXPLAIN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define LOG_LINE_MAX 16384 /* longer ones are cut */

/* A message without what dmesg, syslog, journald and mailers put before it. */
struct log_message {
	size_t len;
	unsigned long line;	 /* of the file, from 1: where it begins */
	bool stamped;		 /* it had the kernel's time: [ 1.234567] */
	double seconds;		 /* that time; 0 without one */
	char text[LOG_LINE_MAX]; /* last, so that a short one is copied fast */
};

struct log {
	FILE *file;
	unsigned long line;
	bool have_next, eof;
	struct log_message next;
	unsigned long binary; /* bytes that no log has */
	/* The line in hand is JSON: within a string, whose key this is. */
	bool in_json, in_string, wanted, begins;
	char key[32];
	/* Told each time that much more has been read; NULL: nobody. */
	void (*progress)(void *ctx, unsigned long bytes);
	void *progress_ctx;
	unsigned long bytes, progress_at;
	size_t at, have;
	char buf[65536]; /* last */
};

void log_init(struct log *log, FILE *file);

/*
 * The next message; false at the end.  Lines without the kernel's time that
 * follow one that has it belong to it, as mailers and the kernel itself break
 * messages; at most LOG_LINE_MAX bytes of it are kept.
 */
bool log_read(struct log *log, struct log_message *msg);

/* Strips what stands before the kernel's own text; for tests. */
const char *log_strip(const char *line, bool *stamped, double *seconds);

#endif
