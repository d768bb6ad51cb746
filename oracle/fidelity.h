/* SPDX-License-Identifier: MIT */
/* All recorded scenarios beside the model: docs/fidelity.md, its full table,
 * and the list of what agrees and must go on agreeing. */
#ifndef QUIRE_ORACLE_FIDELITY_H
#define QUIRE_ORACLE_FIDELITY_H

#include "oracle/compare.h"

struct oracle_case {
	char name[96];
	char failed[160]; /* why there is no comparison, or "" */
	struct oracle_comparison c;
};

/* The document; `notes` is appended if it can be read, table names the full one. */
void oracle_write_fidelity(FILE *f, const char *kernel, const struct oracle_case *cases, size_t nr,
			   const char *notes, const char *table);
/* Every row of every scenario, gzip'ed, columns apart by tabs. */
bool oracle_write_rows(const char *path, const struct oracle_case *cases, size_t nr);

/* The list of agreeing exact quantities and victims.  Says on `out` what it has
 * and the cases do not agree on any more, and returns how many those are; with
 * `update`, writes the list back with what is new. */
unsigned int oracle_check_agrees(const char *path, const struct oracle_case *cases, size_t nr,
				 bool update, FILE *out);

#endif
