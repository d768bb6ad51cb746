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
	unsigned int waiting, saved; /* copies that wait below this one; by hand */
	u64 checkpoint;		     /* the instant of the newest */
	u64 goal;		     /* to be run to at once; 0: none */
	struct top_wish *wish;	     /* top_back.c */
	enum top_page page;
	unsigned int scroll;
	char message[80];
};

/* Draws all of it on the screen of ncurses, whatever its size. */
void top_draw(const struct top *t);

/* top_back.c: the past.  Those that go back end this process, and one that waited
 * goes on; that one finds its goal, and top_go_on() runs to it. */
bool top_back_init(struct top *t);
void top_save(struct top *t);
void top_checkpoint(struct top *t); /* one now and then */
void top_back(struct top *t);	    /* to what was saved last */
void top_back_by(struct top *t, u64 ns);
void top_back_to_kill(struct top *t); /* ten seconds before the last one */
void top_go_on(struct top *t);
/* The machine to a file in the current folder. */
void top_write(struct top *t);

#endif
