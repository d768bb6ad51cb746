/* SPDX-License-Identifier: MIT */
/*
 * Settings that are tried on a picture of a machine:
 *
 *	NAME.oom_score_adj=N, PID.oom_score_adj=N
 *	/GROUP.memory.max=512M, or max
 *	vm.panic_on_oom=N, vm.oom_kill_allocating_task=N
 */
#ifndef QUIRE_EXPLAIN_WHAT_IF_H
#define QUIRE_EXPLAIN_WHAT_IF_H

#include "explain/who.h"

#define WHAT_IF_MAX 64

struct what_if_change {
	char text[256]; /* as given */
	long pid;	/* of a process that is changed (the first of its name); 0: none */
	char group[WHO_GROUP_MAX];
	size_t rank_before, rank_after; /* from 1; 0: exempt */
};

struct what_if {
	struct what_if_change changes[WHAT_IF_MAX];
	size_t nr;
	long before, after; /* pid of whom the kernel takes first; 0: nobody */
	char before_name[64], after_name[64];
};

/* Applies the settings to w, which is ranked before and after for a group (NULL:
 * the machine) with a limit.  False after a message on err. */
bool what_if_apply(struct what_if *wi, struct who *w, const char *const *settings, size_t n,
		   const char *group, long limit_kb, FILE *err);
void what_if_say(const struct what_if *wi, struct who *w, FILE *to);
void what_if_json(const struct what_if *wi, FILE *to);

#endif
