/* SPDX-License-Identifier: MIT */
/*
 * Who would be killed, and in which order, if memory ended now.
 *
 *	struct who w;
 *	who_read(&w, NULL, stderr);		or who_read_capture()
 *	who_set_adj(&w, "java", -500);		what if
 *	who_rank(&w, "/kubepods");		NULL: the whole machine
 *	who_say(&w, 10, stdout);
 *	who_free(&w);
 *
 * Several such pictures of one machine, taken one after another, say when:
 * explain/forecast.h.
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
	long rss_file;		  /* of rss: what reclaim can take; 0 if not known */
	long adj;
	double started; /* s after boot; negative: not known */
	bool what_if;	/* adj was set by who_set_adj() */
	long points;	/* after who_rank(); LONG_MIN: never */
};

/* A control group that a process is in, or an ancestor of one; kB. */
struct who_group {
	char path[WHO_GROUP_MAX];
	long max, current, swap_max, swap_current; /* -1: no limit, not known */
	long file;				   /* page cache that reclaim can take */
	long inactive_file;
	long pressure;	/* memory.pressure, full avg10, hundredths of a percent; -1 */
	bool oom_group; /* memory.oom.group */
	bool what_if;	/* max was set by who_set_max() */
};

/* Where memory was, kB; -1: not known. */
struct who_memory {
	double seconds; /* since boot */
	long free;
	/* Sums over zones of mark and lowmem_reserve: what a request of a
	 * process finds kept from it. */
	long min, low, high;
	long file;	 /* page cache on the LRU lists, which reclaim can take */
	long slab;	 /* reclaimable */
	long anon;	 /* anonymous and shmem, on the LRU lists: what can be swapped */
	long swap_free;	 /* counted less where zswap keeps pages in memory */
	long psi_full10; /* /proc/pressure/memory, hundredths of a percent */
};

struct capture;
struct who {
	struct who_process *processes; /* after who_rank(): in order of death */
	size_t nr, cap;
	size_t nr_candidates; /* of who_rank(): the first ones */
	struct who_group *groups;
	size_t nr_groups, cap_groups;
	struct who_memory memory;
	long memory_kb, swap_kb, available_kb;
	char kernel[96];
	bool allocating_task, panic; /* vm.oom_kill_allocating_task, vm.panic_on_oom */
	const struct oom_rules *rules;
	char group[WHO_GROUP_MAX];		/* of who_rank() */
	long limit_kb, swap_limit_kb, usage_kb; /* of the group; -1: no limit, not known */
	long total_pages;
	/* Where it was read: below a directory, or from a capture (which must live
	 * until the groups have been looked at). */
	char root[256];
	const struct capture *capture;
};

struct cap_machine;

/*
 * Reads root/proc (NULL or "": this machine): three small files of a process,
 * and of the machine what who_memory holds.  false after a message on err.
 */
bool who_read(struct who *w, const char *root, FILE *err);
bool who_read_capture(struct who *w, const struct cap_machine *cm, FILE *err);
/* The limits of all groups of the processes, and of those above them. */
bool who_read_groups(struct who *w);
void who_free(struct who *w);

/* The text of one file of the machine into buf, as a string; its length, or -1. */
long who_file(const struct who *w, const char *path, char *buf, size_t cap);
/* From the texts of /proc/meminfo and /proc/zoneinfo; for who_read() and for
 * whoever has the texts from elsewhere. */
bool who_take_meminfo(struct who *w, const char *text);
bool who_take_zoneinfo(struct who *w, const char *text);
/* A process with these names, all else 0; NULL: out of memory. */
struct who_process *who_add(struct who *w, long pid, const char *name);
const struct who_group *who_group_of(const struct who *w, const char *path);
/* Is group the ancestor or below it? */
bool who_is_below(const char *group, const char *ancestor);

/* As if the processes of a name, or the one of a number, had this
 * oom_score_adj; how many they are. */
size_t who_set_adj(struct who *w, const char *who, long adj);
/* As if a group had this limit; false: nobody is in it. */
bool who_set_max(struct who *w, const char *group, long max_kb);

/* Points and order, of the machine or of a control group and those below it,
 * whose limit is limit_kb if that is not negative. */
void who_rank(struct who *w, const char *group, long limit_kb);

void who_say(const struct who *w, size_t rows, FILE *f);
/* Of each control group with a limit: who would die if that were hit, and by what
 * margin. */
void who_say_groups(struct who *w, FILE *f);
void who_json(const struct who *w, FILE *f);
/* The same without the brace at its end: more may follow. */
void who_json_open(const struct who *w, FILE *f);

#endif
