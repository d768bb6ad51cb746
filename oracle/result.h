/* SPDX-License-Identifier: MIT */
/*
 * What a run of a scenario said: the out.txt that the guest writes under the
 * real kernel and that the interpreter writes on the model, read into
 * snapshots.  Nothing of the text is trusted: sizes and counts are bounded,
 * numbers are clamped to ORACLE_NUM_MAX, so that sums and products of a few of
 * them are defined.
 *
 * Texts are slices of one buffer that the result owns; a file's text ends with
 * NUL instead of its last newline.
 */
#ifndef QUIRE_ORACLE_RESULT_H
#define QUIRE_ORACLE_RESULT_H

#include "base/types.h"

#define ORACLE_TEXT_MAX	  (256UL << 20) /* of an out.txt, unpacked */
#define ORACLE_SNAPS_MAX  4096
#define ORACLE_NUM_MAX	  (1ULL << 48)
#define ORACLE_NR_ZONES	  5  /* of a node: DMA, DMA32, Normal, Movable, Device */
#define ORACLE_NAME_MAX	  32 /* of a process, as the kernel keeps it */
#define ORACLE_KNOWN_PROC 256

struct oracle_file {
	const char *path, *text;
};

struct oracle_proc {
	const char *name, *values; /* "VmRSS=123 ..." */
	u64 touched;		   /* pages that `touch ... next` had touched by then */
};

struct oracle_snap {
	const char *label;
	u64 ns;
	unsigned int occurrence; /* of this label before it: a loop may repeat it */
	size_t nr_steps;	 /* that were run before it */
	struct oracle_file *files;
	size_t nr_files;
	struct oracle_proc *procs;
	size_t nr_procs;
};

struct oracle_step {
	unsigned int line;
	const char *text;
};

/* A process that was found dead; round counts from 1 in the loop it died in. */
struct oracle_death {
	const char *name;
	int pid, sig;
	unsigned long round;
	bool in_loop;
};

struct oracle_loop {
	unsigned int line;
	unsigned long rounds;
	unsigned int deaths; /* by signal 9, while it ran */
};

struct oracle_result {
	char *buffer;
	size_t size;
	bool finished;
	const char *log; /* the kernel's; "" if there is none */
	struct oracle_snap *snaps;
	size_t nr_snaps;
	struct oracle_file *files; /* outside of snapshots */
	size_t nr_files;
	struct oracle_step *steps;
	size_t nr_steps;
	struct oracle_death *deaths;
	size_t nr_deaths;
	struct oracle_loop *loops;
	size_t nr_loops;
	unsigned int nr_bad, nr_failed; /* commands not understood; with err= other than 0 */
};

/* Reads a file, plain or gzip'ed.  False: why says what is wrong with it. */
bool oracle_result_read(struct oracle_result *r, const char *path, char *why, size_t why_size);
/* The same from a buffer that malloc() gave, with a byte to spare behind
 * `size`; it belongs to the result even if this fails. */
bool oracle_result_parse(struct oracle_result *r, char *buffer, size_t size, char *why,
			 size_t why_size);
void oracle_result_free(struct oracle_result *r);

/* The snapshot with this label, the occurrence-th (from 0); NULL: none. */
const struct oracle_snap *oracle_snap_find(const struct oracle_result *r, const char *label,
					   unsigned int occurrence);
const struct oracle_proc *oracle_proc_find(const struct oracle_snap *s, const char *name);
/* The text of a file, NULL if the snapshot does not have it. */
const char *oracle_file_text(const struct oracle_snap *s, const char *path);

/* ---- the formats of the files (oracle/files.c) ------------------------------ */

/* A decimal number at *p, clamped; leaves *p behind it.  False: none there. */
bool oracle_number(const char **p, u64 *v);
/* The line of a text (NULL: none) behind p's. */
const char *oracle_next_line(const char *p);
/* The value in a file of one number. */
bool oracle_num(const struct oracle_snap *s, const char *path, u64 *v);
/* "NAME 123", "NAME:  123 kB" in a text of such lines. */
bool oracle_field(const char *text, const char *name, u64 *v);
bool oracle_vmstat(const struct oracle_snap *s, const char *name, u64 *v);
bool oracle_meminfo(const struct oracle_snap *s, const char *name, u64 *v);
/* "KEY=123" of a process; negative values for oom_score_adj. */
bool oracle_proc_value(const struct oracle_proc *p, const char *key, s64 *v);

struct oracle_zone {
	unsigned int node, type; /* type: 0 DMA .. 4 Device */
	char name[12];
	u64 free, boost, min, low, high; /* the marks without the boost */
	u64 spanned, present, managed, start_pfn;
	u64 protection[ORACLE_NR_ZONES];
	u64 pcp_count;	      /* pages on the lists of all CPUs */
	unsigned int nr_cpus; /* with a list of pages; the first one's: */
	u64 pcp_high, pcp_batch;
	bool pcp_same; /* all CPUs have the same high and batch */
	u64 threshold;
	bool has_threshold;
};

/* The zones of /proc/zoneinfo in its order: how many, at most max. */
size_t oracle_zones(const struct oracle_snap *s, struct oracle_zone *zones, size_t max);

struct oracle_slab {
	char name[48];
	u64 active, objects, size, per_slab, pages;
};

/* The line of /proc/slabinfo at *p (begin with its text); false: no more. */
bool oracle_slab_next(const char **p, struct oracle_slab *slab);

struct oracle_task {
	int pid;
	u64 rss, swap, page_table_bytes;
	s64 adj;
	char name[ORACLE_NAME_MAX];
};

/* A kill as the log tells it. */
struct oracle_kill {
	char victim[ORACLE_NAME_MAX], constraint[32];
	int pid;
	bool group;	 /* of a control group that was full */
	bool allocating; /* whoever asked, by vm.oom_kill_allocating_task */
	u64 total_swap_kb;
	struct oracle_task tasks[ORACLE_KNOWN_PROC];
	size_t nr_tasks;
};

/* The next kill of a log from *p on; false: no more. */
bool oracle_kill_next(const char **p, struct oracle_kill *k);

#endif
