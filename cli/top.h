/* SPDX-License-Identifier: MIT */
/* The terminal view: what top.c keeps and top_view.c draws. */
#ifndef QUIRE_CLI_TOP_H
#define QUIRE_CLI_TOP_H

#include "machine/machine.h"

enum top_page { TOP_PROCESSES, TOP_ZONES, TOP_SLAB, TOP_LRU, TOP_LOG, TOP_HELP, NR_TOP_PAGES };

struct top {
	struct machine *m;
	u64 end;
	double speed; /* simulated seconds a second */
	bool paused, quit;
	unsigned int saved; /* machines that wait below this one */
	enum top_page page;
	unsigned int scroll;
	char message[80];
};

/* Draws all of it on the screen of ncurses, whatever its size. */
void top_draw(const struct top *t);

#endif
