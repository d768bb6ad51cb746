/* SPDX-License-Identifier: MIT */
/*
 * Who would be killed, and in which order, if memory ended now.
 *
 *	struct who w;
 *	who_read(&w, "/", stderr);		or who_read_capture()
 *	who_set_adj(&w, "java", -500);		what if
 *	who_rank(&w, "/kubepods");		NULL: the whole machine
 *	who_say(&w, 10, stdout);
 *	who_free(&w);
 */
#ifndef QUIRE_EXPLAIN_WHO_H
#define QUIRE_EXPLAIN_WHO_H

#include <stdbool.h>
#include <stdio.h>

#include "oom/rules.h"

#define WHO_GROUP_MAX 512

struct who_process {
	long pid, uid;
	char name[64], group[WHO_GROUP_MAX];
	long rss, swap, pgtables; /* pages */
	long adj;
	bool what_if; /* adj was set by who_set_adj() */
	long points;  /* after who_rank(); LONG_MIN: never */
};

struct who {
	struct who_process *processes; /* after who_rank(): in order of death */
	size_t nr, cap;
	size_t nr_candidates; /* of who_rank(): the first ones */
	long memory_kb, swap_kb, available_kb;
	char kernel[96];
	bool allocating_task, panic; /* vm.oom_kill_allocating_task, vm.panic_on_oom */
	const struct oom_rules *rules;
	char group[WHO_GROUP_MAX];		/* of who_rank() */
	long limit_kb, swap_limit_kb, usage_kb; /* of the group; -1: no limit, not known */
	long total_pages;
	char root[256]; /* where it was read; empty: a capture */
};

struct cap_machine;

/*
 * Reads root/proc (root "/": this machine), and nothing else than the three
 * files of a process that count.  false after a message on err.
 */
bool who_read(struct who *w, const char *root, FILE *err);
bool who_read_capture(struct who *w, const struct cap_machine *cm, FILE *err);
void who_free(struct who *w);

/* As if the processes of a name, or the one of a number, had this
 * oom_score_adj; how many they are. */
size_t who_set_adj(struct who *w, const char *who, long adj);

/* Points and order, of the machine or of a control group and those below it,
 * whose limit is limit_kb if that is not negative. */
void who_rank(struct who *w, const char *group, long limit_kb);

void who_say(const struct who *w, size_t rows, FILE *f);
void who_json(const struct who *w, FILE *f);

#endif
