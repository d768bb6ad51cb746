/* SPDX-License-Identifier: MIT */
/* The schema and its checker: inside machine/ only. */
#ifndef QUIRE_MACHINE_SCENARIO_SCHEMA_H
#define QUIRE_MACHINE_SCENARIO_SCHEMA_H

#include <cyaml/cyaml.h>
#include <yaml.h>

#include "machine/scenario.h"

extern const cyaml_schema_value_t scenario_schema;

/*
 * A YAML document held against the schema.  Each fault is one line on err:
 * file, line, path, what is wrong, what would be right.  lint_line() gives the
 * line of a place ("nodes[0].memory"), or of the nearest one above it.
 */
struct lint {
	const char *path;
	FILE *err;
	unsigned int faults;
	yaml_document_t doc;
};

bool lint_open(struct lint *l, const char *path, FILE *err);
void lint_close(struct lint *l);
void lint_schema(struct lint *l);
unsigned int lint_line(struct lint *l, const char *place);
void lint_fault(struct lint *l, const char *place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
