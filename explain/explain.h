/* SPDX-License-Identifier: MIT */
/*
 * What a report means: who had how many points, why there was no memory, what
 * to do.
 *
 *	struct explanation e;
 *	explain(&e, report);	false: no memory
 *	explain_say(&e, stdout);
 *	explain_free(&e);
 */
#ifndef QUIRE_EXPLAIN_EXPLAIN_H
#define QUIRE_EXPLAIN_EXPLAIN_H

#include "explain/report.h"
#include "oom/rules.h"

struct ranked {
	const struct report_task *task;
	long points; /* LONG_MIN: may not be killed */
};

/* Do the points name the one who died? */
enum agreement {
	AGREE,
	AGREE_TIE,    /* others have as many */
	AGREE_THREAD, /* the log names a thread of it */
	AGREE_CHILD,  /* it was chosen, and a child died for it, as those kernels do */
	UNDECIDABLE,  /* the report lacks what is needed */
	DISAGREE,
};

struct finding {
	char code[32]; /* "swap-full" */
	char text[512];
};

#define MAX_FINDINGS 12
#define MAX_HOLDERS  10

struct holder {
	const char *what;
	long kb;
};

struct explanation {
	const struct report *r;
	const struct oom_rules *rules;
	long total_pages;    /* what could be had, as the killer counts; 0: unknown */
	long memory_kb;	     /* the machine's memory, or the group's limit; 0: unknown */
	struct ranked *rank; /* by points, the most first */
	size_t nr_rank;
	const struct report_kill *kill; /* who died; NULL */
	size_t victim;			/* index in rank; nr_rank: not in the table */
	size_t ties;			/* others with as many points */
	enum agreement agreement;
	char agreement_why[256];
	struct holder holders[MAX_HOLDERS];
	size_t nr_holders;
	struct finding causes[MAX_FINDINGS], advice[MAX_FINDINGS];
	size_t nr_causes, nr_advice;
};

bool explain(struct explanation *e, const struct report *r);
void explain_free(struct explanation *e);

/* Parts of explain(), in this order. */
bool explain_rank(struct explanation *e);
void explain_why(struct explanation *e);

/* The next in line who may be killed; NULL: nobody. */
const struct ranked *explain_next(const struct explanation *e);
/* The largest oom_score_adj with which the victim would have lived; false:
 * none, or there is nobody else. */
bool explain_saving_adj(const struct explanation *e, long *adj);

const char *agreement_name(enum agreement a);
void explain_say(const struct explanation *e, FILE *f);
void explain_json(const struct explanation *e, FILE *f);

#endif
