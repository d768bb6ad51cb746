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
	long points;  /* LONG_MIN: may not be killed */
	bool what_if; /* it was given another oom_score_adj: */
	long what_if_adj;
	long what_if_points; /* with that; of the others, points */
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

/* What the killer of the report's machine, built on the model, says. */
enum model_verdict {
	MODEL_NONE, /* nobody was killed */
	MODEL_AGREES,
	MODEL_TIE,
	MODEL_NO_VICTIM, /* the log's is not in its table */
	MODEL_DIFFERS,
	MODEL_FAILED, /* it could not be built */
};

struct explained_model {
	enum model_verdict verdict;
	long pid, points; /* of its victim */
	char name[REPORT_NAME];
	unsigned long scale; /* amounts were divided by it */
	char why[256];
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
	struct finding settings[MAX_FINDINGS]; /* that would have changed the outcome */
	size_t nr_settings;
	struct explained_model model;
	const struct ranked *what_if; /* who would have died, after explain_what_if() */
	unsigned long nth, of;	      /* report of how many in its log; 0: not known */
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

/* As if the processes of a name, or the one of a number, had had this
 * oom_score_adj; how many they are. */
size_t explain_what_if(struct explanation *e, const char *who, long adj);
/* explain/model.c: builds the machine and asks its killer; fills e->model. */
void explain_model(struct explanation *e);

const char *agreement_name(enum agreement a);
void explain_say(const struct explanation *e, FILE *f);
void explain_json(const struct explanation *e, FILE *f);

#endif
