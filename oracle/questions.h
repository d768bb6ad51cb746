/* SPDX-License-Identifier: MIT */
/*
 * What operators ask: what does this setting change, and by how much?  Pairs of
 * scenarios, without and with one change, whose numbers the kernel and the model
 * both have: the model's change must have the kernel's sign, and its size within
 * 20 % (oracle/questions.txt).  Where the kernel's own seeds do not agree on the
 * sign, any change between theirs is the kernel's.
 */
#ifndef QUIRE_ORACLE_QUESTIONS_H
#define QUIRE_ORACLE_QUESTIONS_H

#include <stdio.h>

#include "oracle/result.h"
#include "oracle/variance.h"

#define ORACLE_QUESTIONS_MAX 64
#define ORACLE_MEASURES_MAX  8

struct oracle_question {
	char name[32], without[48], with[48];
	char measure[ORACLE_MEASURES_MAX][64];
	unsigned int nr_measures;
};

/* A measure on one side: a number, or a name (who was killed). */
struct oracle_answer {
	bool has;
	s64 number;
	char name[ORACLE_NAME_MAX]; /* "": a number */
};

struct oracle_change {
	struct oracle_answer kernel[2], model[2]; /* without, with */
	s64 kernel_change, model_change;
	struct oracle_span own; /* changes between the kernel's own seeds */
	bool sign, size;	/* agree */
	bool by_own;		/* they do as the model's change is one of those */
};

/* Reads the list; how many, or -1 after a message with the line on err. */
int oracle_questions_read(const char *path, struct oracle_question *q, int max, FILE *err);
/* The measure of a run: "round:1", "victim:1", "COUNTER@LABEL", "PROCESS.FIELD@LABEL". */
struct oracle_answer oracle_measure(const struct oracle_result *r, const char *measure);
/* Fills c->own of a counter by what the kernel's seeds without and with the change
 * say; neither of them other runs: nothing. */
void oracle_own_changes(struct oracle_change *c, const char *measure,
			const struct oracle_variance *without, const struct oracle_variance *with);
/* Fills the verdict of a change whose answers are there. */
void oracle_judge_change(struct oracle_change *c, const char *measure);

#endif
