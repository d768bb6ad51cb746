/* SPDX-License-Identifier: MIT */
/*
 * What the files of the runner share.
 *
 *   run.c         the script: loops, processes as the guest's process 1 sees them
 *   run_worker.c  what a process does when it is told
 *   run_system.c  commands to the machine
 *   image.c       the guest program's own memory
 *   run_files.c   names: mounts, directories, files
 *   snap.c        files of /proc and /sys, processes, snapshots
 *   snap_capture.c captures, the physical layout
 *
 * Process 1 (the driver) and each worker is a task of the model with a fiber
 * of its own; they talk by wait queues, as the guest's do by sockets.
 */
#ifndef ORACLE_INTERNAL_H
#define ORACLE_INTERNAL_H

#include <stdio.h>

#include "oracle/profile.h"
#include "oracle/script.h"
#include "proc/proc.h"

#define ORACLE_MAX_GROUPS 16
#define ORACLE_MAX_MOUNTS 16
#define ORACLE_MAX_DISKS  (ORACLE_MAX_SWAPS + 1)

struct run;

/* A worker's answer, as the guest's. */
struct reply {
	int err;
	long minflt, majflt;
	u64 ns, val;
};

struct mapping {
	char name[16]; /* empty: none; the driver's */
	u64 cursor;    /* where "next" is; the driver's */
	u64 addr, len; /* the worker's; 0: not mapped */
};

struct worker {
	struct run *run;
	char name[32];
	int pid;
	struct task *task; /* a reference is held until it is buried */
	bool alive;	   /* not yet buried */
	bool pending;	   /* an answer is to be collected */
	int line;	   /* of the command that is pending */
	struct mapping map[ORACLE_MAX_MAPS];
	struct quire_wait_queue wake;
	/* What it is to do: a copy, for offset and mapping are as they were. */
	struct oracle_cmd cmd;
	int slot; /* of cmd.map */
	bool told, answered, exited;
	bool forked;		  /* by another worker */
	struct mem_cgroup *memcg; /* it was spawned into; NULL */
	const struct oracle_cmd *spawn;
	bool begun;
	int signal; /* that it ended by */
	struct reply reply;
	struct worker *child; /* of a fork */
};

struct oracle_disk {
	char name[16]; /* "swap0" */
	char path[48]; /* "/dev/pmem0" */
	unsigned int dev;
	u64 bytes;
	struct backing_dev *bdi;
	bool on; /* swap: an area of the name it had then */
	char area[48];
};

struct mount {
	char at[96];
	struct super_block *sb;
	bool tmpfs;
};

struct run {
	const struct oracle_script *script;
	struct profile profile;
	struct model *m;
	struct quire *q;
	FILE *out;
	int line; /* as the guest counts: with the rig's device lines */
	int line_base;
	struct worker *workers[ORACLE_MAX_PROCS];
	u32 nr_workers;
	struct worker *newborn;		/* not yet among them; NULL */
	u32 nr_dead;			/* by SIGKILL */
	struct quire_wait_queue driver; /* woken by answers and deaths */
	char groups[ORACLE_MAX_GROUPS][32];
	u32 nr_groups;
	struct oracle_disk disks[ORACLE_MAX_DISKS];
	u32 nr_disks;
	struct mount mounts[ORACLE_MAX_MOUNTS];
	u32 nr_mounts;
	u32 nr_delays;
	bool delay_stuck; /* one failed: so will all */
	u64 groups_open; /* from when on tasks may move into groups again */
	bool later;	 /* a snapshot was taken already */
	bool failed, panicked;
	struct text scratch; /* a file's text; grows */
};

/* run.c */
void outf(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void run_ok(struct run *r, int err);
void collect(struct run *r, struct worker *w);
void reap(struct run *r);
struct worker *find_worker(struct run *r, const char *name);

/* cost.c */
void cost_init(struct run *r);
u32 cost_of_fill(const struct oracle_cmd *c);

/* run_worker.c */
void worker_main(void *worker);
/* What a worker makes of itself before its first command: its processor, policy, score. */
void worker_become(struct worker *w, struct task *task);
void worker_score(const struct worker *w, const struct oracle_cmd *c);
/* It moves into its group. */
void worker_join(struct worker *w);

/* run_system.c: true if the command is the machine's own. */
bool system_command(struct run *r, const struct oracle_cmd *c);
int system_disks(struct run *r);

/* run_files.c */
int files_init(struct run *r);
int files_mount(struct run *r, const char *at, struct super_block *sb, bool tmpfs);
/* An open file of the path, made if wanted; ERR_PTR. */
struct file *files_open(struct run *r, const char *path, bool writable, bool create);
int files_mkdir(struct run *r, const char *path);
int files_unlink(struct run *r, const char *path);
int files_stat(struct run *r, const char *path);

/* snap.c */
/* The text of a file of /proc, /sys or /cg in r->scratch: its length, or a
 * negative error. */
s64 proc_slurp(struct run *r, const char *path);
int proc_put(struct run *r, const char *path, const char *value);
struct proc_entry proc_place(struct run *r, const char *path);
void dump(struct run *r, const char *path);
void dump_dir(struct run *r, const char *dir);
void dump_dmesg(struct run *r);
void snap(struct run *r, const char *label, bool lite);
void snap_vmstat(struct run *r, const char *label);
/* Names in a directory, sorted: how many, at most 128. */
u32 list_dir(struct run *r, const char *dir, bool dirs, char names[128][64]);

/* snap_capture.c */
void capture(struct run *r, const char *label);
void dump_pageflags(struct run *r, const char *label);

#endif
