/* SPDX-License-Identifier: MIT */
/*
 * Captures: what a running machine says about its memory, in one file, and the
 * model that is built from it.  docs/capture.md describes the file and what
 * cannot be known.
 *
 *	quire-capture 1
 *	@@file /proc/meminfo 1475
 *	MemTotal:       24684092 kB
 *	...
 *	@@list /proc/1/task 2
 *	1
 *	@@missing /proc/slabinfo Permission denied
 *	@@end 812
 *
 * A record is a line with a path and a length, that many bytes, and a newline.
 * The last line counts the records, so a file that was cut off is noticed.
 */
#ifndef QUIRE_MACHINE_CAPTURE_H
#define QUIRE_MACHINE_CAPTURE_H

#include <stdbool.h>
#include <stdio.h>

#include "machine/machine.h"

#define CAPTURE_MAGIC	    "quire-capture 1"
#define CAPTURE_FILE_MAX    (16UL << 20) /* bytes of one record */
#define CAPTURE_TOTAL_MAX   (1UL << 30)
#define CAPTURE_RECORDS_MAX 4000000UL
#define CAPTURE_PATH_MAX    512
#define CAPTURE_PID_MAX	    (1 << 22)

struct capture_options {
	const char *root; /* read below this directory; NULL: this machine */
	const char *out;  /* NULL: standard output */
	bool mask_names;
};

struct capture_counts {
	unsigned long files, processes, missing, bytes;
};

/* capture.c: reads the machine.  0, or -1 after a message on err. */
int capture_write(const struct capture_options *o, struct capture_counts *counts, FILE *err);

/* ---- a capture as a file ----------------------------------------------------- */

struct capture_record {
	const char *path; /* NUL-terminated */
	const char *text; /* NUL-terminated; NULL: missing */
	size_t len;
	size_t line; /* of the capture: where the text begins */
};

struct capture {
	const char *name; /* of the file */
	char *bytes;
	size_t len;
	struct capture_record *records; /* sorted by path */
	size_t nr_records;
};

/* Is the file a capture, by its first line? */
bool capture_is(const char *path);
/* NULL after one message on err: file, line, what is wrong, how to mend it. */
struct capture *capture_load(const char *path, FILE *err);
void capture_free(struct capture *c);
/* The record of a path; NULL: there is none, or the file was missing. */
const struct capture_record *capture_find(const struct capture *c, const char *path);
/* The records from the first whose path begins with prefix; how many. */
size_t capture_prefix(const struct capture *c, const char *prefix,
		      const struct capture_record **first);

/* ---- what it says ------------------------------------------------------------ */

struct cap_zone {
	unsigned int nid;
	enum zone_type idx;
	u64 start_pfn;
	unsigned long spanned, present, managed, free;
	unsigned long mark[NR_WMARK], boost; /* marks without the boost */
	bool has_promo;
	long protection[MAX_NR_ZONES];
	long stat[NR_VM_ZONE_STAT_ITEMS];
	unsigned long numa[NR_VM_NUMA_EVENT_ITEMS];
	unsigned long pcp_pages;		       /* on CPUs' lists */
	unsigned long blocks[MAX_ORDER];	       /* buddyinfo */
	unsigned long typed[MIGRATE_TYPES][MAX_ORDER]; /* pagetypeinfo; else all movable */
	unsigned long pageblocks[MIGRATE_TYPES];
	bool has_blocks, has_types;
	bool capped; /* a number of pagetypeinfo is a lower bound (">100000") */
};

struct cap_node {
	bool exists;
	unsigned int nr_cpus;
	bool has_stat;
	long stat[NR_VM_NODE_STAT_ITEMS];
	u8 distance[QUIRE_MAX_NODES];
};

struct cap_slab {
	char *name;
	unsigned long active_objs, num_objs, num_slabs;
	unsigned int objsize, objects, pages;
	bool reclaimable;
};

struct cap_swap {
	char *name;
	bool is_file;
	unsigned long size_kb, used_kb;
	int prio;
};

struct cap_process {
	int pid, ppid;
	char comm[TASK_COMM_LEN];
	const char *cmdline; /* NUL between arguments */
	unsigned int cmdline_len;
	char state;
	unsigned int uid, gid, nr_threads;
	const struct capture_record *tids; /* NULL: not known */
	bool kthread;
	int oom_score_adj;
	long oom_score;
	const char *cgroup; /* path of the unified hierarchy, or NULL; cgroup_len bytes */
	size_t cgroup_len;
	/* KiB of status */
	unsigned long vm_peak, vm_size, vm_lck, vm_hwm, vm_rss, rss_anon, rss_file, rss_shmem,
		vm_data, vm_stk, vm_exe, vm_lib, vm_pte, vm_swap;
	unsigned long pss_anon; /* of smaps_rollup; ~0: not known */
	unsigned long min_flt, maj_flt, cmin_flt, cmaj_flt, utime, stime, starttime; /* ticks */
	int nice, rt_priority, processor;
	unsigned long nvcsw, nivcsw;
};

struct cap_value {
	const char *name; /* name_len bytes */
	size_t name_len;
	unsigned long v;
};

struct cap_machine {
	const struct capture *file;
	unsigned int nr_nodes; /* highest + 1 */
	struct cap_node node[QUIRE_MAX_NODES];
	struct cap_zone *zones;
	unsigned int nr_zones;
	struct cap_slab *slabs; /* in the file's order */
	unsigned int nr_slabs;
	struct cap_swap *swaps;
	unsigned int nr_swaps;
	struct cap_process *processes; /* by pid */
	unsigned int nr_processes;
	struct cap_value *meminfo, *vmstat;
	unsigned int nr_meminfo, nr_vmstat;
	unsigned long *events; /* [NR_VM_EVENT_ITEMS]; ~0: not said */
	u64 uptime_ns;
	s64 btime;
	char release[64];
	char hostname[65];
};

/* capture_parse.c: NULL after one message a fault on err. */
struct cap_machine *capture_parse(const struct capture *c, FILE *err);
void cap_machine_free(struct cap_machine *cm);
/* A line of meminfo in KiB (HugePages_: a count), of vmstat; false: no line. */
bool cap_meminfo(const struct cap_machine *cm, const char *name, unsigned long *v);
bool cap_vmstat(const struct cap_machine *cm, const char *name, unsigned long *v);

/* ---- the machine ------------------------------------------------------------- */

/*
 * Builds and starts the machine of a capture; machine_scenario() of it is NULL.
 * NULL after a message on err.
 */
struct machine *machine_boot_capture(const char *path, FILE *err);

/* capture_compare.c: what the model's files say against the capture's. */
enum cap_verdict {
	CAP_SAME,
	CAP_NEAR, /* within what docs/capture.md allows for the field */
	CAP_DIFFERENT,
	CAP_UNKNOWABLE, /* the model has nothing of the kind, or nobody can know */
};
struct cap_tally {
	unsigned long same, near, different, unknowable;
};
/* Field by field; lines on out (NULL: only count) for all but CAP_SAME, or for
 * all with verbose. */
struct cap_tally capture_compare(struct machine *m, const struct cap_machine *cm, FILE *out,
				 bool verbose);

#endif
