/* SPDX-License-Identifier: MIT */
/*
 * The judge: the model's out.txt beside the kernel's, quantity by quantity,
 * with a verdict for each.
 *
 * A quantity is judged by one of three bars:
 *   exact    what the kernel derives from other numbers must be the same number
 *   deaths   who is killed, in which order, and in which round of its loop
 *   amounts  within a tolerance of the kernel's number; where the kernel's own
 *	      runs (other seeds, other processor modes) lie further apart, their
 *	      span is the bar
 * What nobody asked for is shown (kind "more") and not judged; what is 0 on both
 * sides is left out, so that an idle machine does not count as agreement.
 */
#ifndef QUIRE_ORACLE_COMPARE_H
#define QUIRE_ORACLE_COMPARE_H

#include <stdio.h>

#include "oracle/result.h"
#include "oracle/variance.h"

enum oracle_kind { ORACLE_EXACT, ORACLE_DEATHS, ORACLE_AMOUNTS, ORACLE_MORE, ORACLE_NR_KINDS };

enum oracle_verdict {
	ORACLE_AGREES,
	ORACLE_AGREES_RANGE, /* outside the tolerance, among the kernel's own runs */
	ORACLE_DIFFERS,
	ORACLE_MISSING, /* the model does not have it */
	ORACLE_NOT_JUDGED,
};

extern const char *const oracle_kind_names[ORACLE_NR_KINDS];
extern const char *const oracle_verdict_names[];

struct oracle_row {
	char snap[40]; /* label, "#N" behind it when it repeats; "" of the run */
	char quantity[48];
	enum oracle_kind kind;
	enum oracle_verdict verdict;
	char kernel[56], model[56], difference[32], bar[40];
	double off; /* the distance in bars: above 1 it differs */
};

struct oracle_comparison {
	struct oracle_row *rows;
	size_t nr;
	unsigned int judged[ORACLE_NR_KINDS], agreed[ORACLE_NR_KINDS];
};

/* Compares; the variance may be NULL.  False: the host has no memory. */
bool oracle_compare(struct oracle_comparison *c, const struct oracle_result *kernel,
		    const struct oracle_result *model, const struct oracle_variance *v);
void oracle_comparison_free(struct oracle_comparison *c);

/* A table for people: what differs, or all rows. */
void oracle_print_table(FILE *f, const struct oracle_comparison *c, bool all);
void oracle_print_json(FILE *f, const char *name, const char *kernel,
		       const struct oracle_comparison *c);
/* "123 of 130 quantities agree (94.6 %): exact ..., deaths ..., amounts ..." */
void oracle_print_share(FILE *f, const unsigned int *judged, const unsigned int *agreed);

/* ---- inside (oracle/compare*.c) ---------------------------------------------- */

struct compare {
	struct oracle_comparison *c;
	const struct oracle_result *kernel, *model;
	const struct oracle_variance *v;
	const struct oracle_snap *ks, *ms; /* ms may be NULL */
	const struct oracle_snap *k0, *m0; /* the first ones */
	const char *label;		   /* of the row */
	bool no_memory;
};

/* Adds a row with these texts; NULL when there is no memory. */
struct oracle_row *compare_row(struct compare *c, enum oracle_kind kind, const char *quantity,
			       const char *kernel, const char *model, const char *difference,
			       const char *bar, enum oracle_verdict verdict);
/* An exact row of two numbers. */
void compare_equal(struct compare *c, enum oracle_kind kind, const char *quantity, u64 kernel,
		   bool has_model, u64 model);
void compare_exact_snap(struct compare *c);
void compare_exact_run(struct compare *c);
void compare_deaths(struct compare *c);
void compare_amounts(struct compare *c);

#endif
