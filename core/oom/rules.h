/* SPDX-License-Identifier: MIT */
/*
 * The rules of Linux's OOM killer, kernel by kernel, from 2.6.32 on: what
 * counts, who is chosen, what happens then.  docs/oom-rules.md lists each with
 * the change that made it.
 */
#ifndef QUIRE_OOM_RULES_H
#define QUIRE_OOM_RULES_H

#include "base/types.h"

/* A kernel as a number: 601 is 6.1, 310 is 3.10, 232 is 2.6.32. */
#define OOM_RULES_FIRST 232
#define OOM_RULES_6_1	601

enum oom_root_bonus {
	OOM_ROOT_NONE,
	OOM_ROOT_QUARTER, /* a quarter, and a quarter of that */
	OOM_ROOT_30,	  /* 30 thousandths of all memory */
	OOM_ROOT_PERCENT, /* 3 % of the task's own points */
};

enum oom_pgtables {
	OOM_PGTABLES_NONE,
	OOM_PGTABLES_PTE,     /* tables of the lowest level, by number */
	OOM_PGTABLES_PTE_PMD, /* of the two lowest */
	OOM_PGTABLES_BYTES,   /* all but the root, by their bytes */
};

enum oom_child { OOM_CHILD_NONE, OOM_CHILD_FIRST, OOM_CHILD_WORST };

enum oom_scale {
	OOM_SCALE_POINTS, /* oom_score is what badness is */
	OOM_SCALE_1000,	  /* badness as thousandths of memory */
	OOM_SCALE_2000,	  /* ... shifted and squeezed into 0 .. 2000 */
};

struct oom_rules {
	unsigned int since;
	/* badness */
	bool heuristic;	  /* by address space, age and niceness: not to be had from a report */
	bool thousandths; /* points are thousandths of all memory, not pages; 0 .. 1000 */
	enum oom_pgtables pgtables;
	bool at_least_one; /* nobody eligible has less than 1 */
	enum oom_root_bonus root;
	enum oom_scale scale; /* of /proc/PID/oom_score */
	/* choice */
	bool last_of_equals;
	enum oom_child child;	   /* who dies in the place of its parent */
	bool skips_vfork;	   /* not who borrows its parent's memory until it executes */
	bool policy_kills_current; /* a policy's nodes are full: whoever asks dies */
	/* the kill */
	bool reaper;
	bool reaper_waits;    /* two seconds */
	bool oom_group;	      /* memory.oom.group */
	bool sysrq_may_panic; /* panic_on_oom counts for SysRq f as well */
	bool dump_tasks;      /* vm.oom_dump_tasks is 1 at boot */
	bool names_deadlock; /* nobody to kill: two lines instead of one, and groups have them too */
	/* oom_score_adj */
	bool adj_floor;	 /* without privilege: down to what privilege last set */
	bool adj_shared; /* written for one, it counts for all with its memory */
};

/*
 * The rules of a kernel, by its number (0: 6.1, later ones: theirs).
 * backported: Red Hat's 2.6.32, which has those of 2.6.36 and page tables.
 */
const struct oom_rules *oom_rules_of(unsigned int version, bool backported);

/* The same by what uname says; 6.1's if that is no kernel's. */
const struct oom_rules *oom_rules_of_release(const char *release);

/* What counts; amounts in pages. */
struct oom_points_of {
	long rss, swapents, pgtables; /* pgtables: as the rules want them counted */
	long adj;		      /* oom_score_adj, -1000 .. 1000 */
	bool root;
	/* Before 2.6.36: */
	long total_vm, children_vm; /* of children with memory of their own: half, and 1 each */
	long cpu_s, run_s;	    /* seconds of CPU; since it started */
	bool niced;
};

/*
 * Linux's oom_badness(): points of a task when totalpages were to be had;
 * LONG_MIN: never (oom_score_adj -1000).
 */
long oom_rules_points(const struct oom_rules *rules, const struct oom_points_of *task,
		      unsigned long totalpages);

/* What /proc/PID/oom_score says of points. */
long oom_rules_score(const struct oom_rules *rules, long points, unsigned long totalpages);

/* Points of one step of oom_score_adj; 0: there is too little memory to tell. */
long oom_rules_step(const struct oom_rules *rules, unsigned long totalpages);
/*
 * The largest oom_score_adj with which a task that has adj, and margin points
 * more than another, would have fewer; step as above, not 0.  May be below
 * -1000: then none has.
 */
long oom_rules_outlived_adj(long adj, long margin, long step);

/* "3.10", "2.6.32", "6.1.0-13-amd64" as a number; 0: not a kernel's. */
unsigned int oom_rules_version(const char *text);

#endif
