/* SPDX-License-Identifier: MIT */
/* What quire whatif and quire sweep share. */
#ifndef QUIRE_CLI_FUTURES_H
#define QUIRE_CLI_FUTURES_H

#include "machine/futures_say.h"

struct futures_cli {
	struct futures f;
	/* NULL: a capture.  A saved machine's belongs to the machine. */
	const struct scenario *scenario;
	struct scenario *loaded;
	const char *at, *until;
	bool json, quiet;
};

/* Options that both have: true if c was one of them; *ok is false after a message. */
bool futures_option(struct futures_cli *o, int c, const char *arg, bool *ok);
#define FUTURES_OPTIONS                                                                   \
	{"until", required_argument, NULL, 'u'}, {"seed", required_argument, NULL, 's'},  \
		{"jobs", required_argument, NULL, 'j'}, {"json", no_argument, NULL, 'J'}, \
	{                                                                                 \
		"quiet", no_argument, NULL, 'q'                                           \
	}
/* Loads the spec and understands its times; 0, or the exit status after a message. */
int futures_open(struct futures_cli *o, const char *path);
void futures_close(struct futures_cli *o);
/* Runs them with a bar of progress on a terminal. */
int futures_show_run(struct futures_cli *o);
/* One variant of settings apart by blanks or `;`; "" is the machine as it is. */
bool futures_add_text(struct futures_cli *o, const char *text);

#endif
