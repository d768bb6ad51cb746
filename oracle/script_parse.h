/* SPDX-License-Identifier: MIT */
/* What the files that read a scenario share. */
#ifndef QUIRE_ORACLE_SCRIPT_PARSE_H
#define QUIRE_ORACLE_SCRIPT_PARSE_H

#include "oracle/script.h"

struct parser {
	struct oracle_script *s;
	const char *path;
	FILE *err;
	int line;
	unsigned int errors;
	char *next_word;	/* room for words */
	const char **next_rest; /* room for rest words */
	u32 open[ORACLE_MAX_DEPTH];
	u32 depth;
	const char *procs[ORACLE_MAX_LINES];
	u32 nr_procs;
};

/* One error of the present line: what is wrong, and what would be right. */
void script_wrong(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Numbers of a line; false after an error that names them what. */
bool script_number(struct parser *p, const char *what, const char *s, u64 max, u64 *out);
bool script_size(struct parser *p, const char *what, const char *s, u64 *out);
bool script_positive(struct parser *p, const char *what, u64 v);

/* script_vm.c: a line "#vm KEY=VALUE ...", and what no such line said. */
bool parse_vm(struct parser *p, char **word, u32 n);
bool complete_vm(struct parser *p);

#endif
