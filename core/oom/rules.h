/* SPDX-License-Identifier: MIT */
/*
 * The rules by which Linux's OOM killer counts, kernel by kernel.
 */
#ifndef QUIRE_OOM_RULES_H
#define QUIRE_OOM_RULES_H

#include "base/types.h"

enum oom_root_bonus {
	OOM_ROOT_NONE,
	OOM_ROOT_30,	  /* 30 thousandths of all memory */
	OOM_ROOT_PERCENT, /* 3 % of the task's own points */
};

struct oom_rules {
	unsigned int since; /* 601 is 6.1; 232 is 2.6.32 */
	bool heuristic;	    /* by address space, age and niceness: not to be had from a report */
	bool thousandths;   /* points are thousandths of all memory, not pages */
	bool pgtables;	    /* page tables count */
	bool at_least_one;  /* nobody eligible has less than 1 */
	bool prefer_child;  /* a child of the chosen dies first */
	bool last_of_equals;
	enum oom_root_bonus root;
};

/*
 * The rules of a kernel, from version (601 is 6.1; 0: the latest).  backported:
 * Red Hat's 2.6.32, which has those of 2.6.36 and page tables.
 */
const struct oom_rules *oom_rules_of(unsigned int version, bool backported);

/* What counts; amounts in pages. */
struct oom_points_of {
	long rss, swapents, pgtables;
	long adj; /* oom_score_adj, -1000 .. 1000 */
	bool root;
};

/*
 * Linux's oom_badness(): points of a task when totalpages were to be had;
 * LONG_MIN: never (oom_score_adj -1000).
 */
long oom_rules_points(const struct oom_rules *rules, const struct oom_points_of *task,
		      unsigned long totalpages);

/* Points of one step of oom_score_adj; 0: there is too little memory to tell. */
long oom_rules_step(const struct oom_rules *rules, unsigned long totalpages);
/*
 * The largest oom_score_adj with which a task that has adj, and margin points
 * more than another, would have fewer; step as above, not 0.  May be below
 * -1000: then none has.
 */
long oom_rules_outlived_adj(long adj, long margin, long step);

#endif
