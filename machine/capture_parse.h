/* SPDX-License-Identifier: MIT */
/*
 * Reading the lines of a capture's files: inside machine/capture_parse*.c only.
 *
 * A struct parser holds the file in hand, the line, and its number in the
 * capture, so that a fault can name the place.
 */
#ifndef QUIRE_MACHINE_CAPTURE_PARSE_H
#define QUIRE_MACHINE_CAPTURE_PARSE_H

#include "machine/capture.h"

#define MAX_ZONES     (QUIRE_MAX_NODES * MAX_NR_ZONES)
#define MAX_SLABS     65536
#define MAX_PROCESSES (1u << 20)
#define MAX_PFN	      (1UL << 34) /* 64 TiB */
#define AGAIN	      "capture the machine again"

struct parser {
	const struct capture *c;
	struct cap_machine *cm;
	FILE *err;
	unsigned int faults;
	/* The file being read. */
	const struct capture_record *r;
	const char *p;		/* the next line */
	const char *line, *end; /* the line in hand, without its newline */
	size_t nr;		/* its number in the capture */
};

/* One fault: the capture's name and line, the file, what is wrong. */
void cap_fault(struct parser *ps, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Begins a file of the capture; false: it is not there. */
bool cap_open(struct parser *ps, const char *path);
/* The next line of it into line and end; false at the end. */
bool cap_next_line(struct parser *ps);
const char *cap_skip_blank(const char *p, const char *end);
/* A number at *p, which moves behind it; false: none, or it does not fit. */
bool cap_take_u64(const char **p, const char *end, u64 *v);
bool cap_take_long(const char **p, const char *end, long *v);
/* Behind the word w and the blanks before it; NULL: the line does not begin so. */
const char *cap_word(const char *p, const char *end, const char *w);
/* The line is `name` and a number. */
bool cap_line_value(const struct parser *ps, const char *name, u64 *v);

/* capture_parse_zones.c: zoneinfo, buddyinfo, pagetypeinfo, and what they say
 * together of each zone's free blocks. */
void cap_parse_zoneinfo(struct parser *ps);
void cap_parse_buddyinfo(struct parser *ps);
void cap_parse_pagetypeinfo(struct parser *ps);
void cap_settle_blocks(struct cap_zone *z);

#endif
