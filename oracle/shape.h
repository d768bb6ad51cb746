/* SPDX-License-Identifier: MIT */
/* The scenario of a recorded result: results/NAME@TAG/ is NAME on the machine
 * that its run.json describes. */
#ifndef QUIRE_ORACLE_SHAPE_H
#define QUIRE_ORACLE_SHAPE_H

#include "base/types.h"

/* The text of DIR/scenarios/NAME.txt; for NAME@TAG its "#vm" lines are those of
 * DIR/results/NAME@TAG/KERNEL/run.json (in as many lines as before, so that
 * line numbers stay).  malloc'ed; NULL after a reason in why. */
char *oracle_scenario_text(const char *dir, const char *name, const char *kernel, char *why,
			   size_t size);

#endif
