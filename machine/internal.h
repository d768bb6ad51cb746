/* SPDX-License-Identifier: MIT */
/* Shapes shared by machine/'s own files. */
#ifndef QUIRE_MACHINE_INTERNAL_H
#define QUIRE_MACHINE_INTERNAL_H

#include "machine/machine.h"

#define NS_SEC 1000000000ULL
#define NS_DAY (86400 * NS_SEC)

/* A shared segment: made by the first process that names it. */
struct segment {
	const char *name, *mount; /* "": no file of hugetlbfs */
	struct file *file;
	u64 size;
};

/* A tree of files: what of it is in memory is in the dentry cache; where each
 * file lies on the disk follows from its number. */
struct fileset {
	const struct scn_files *spec;
	struct super_block *sb;
	struct dentry *root;	/* the tree's own directory */
	u64 disk_start;		/* device page of file 0 */
	unsigned long ino_base; /* directories first, then files */
};

/* A part of a process's address space that its work refers to by name. */
struct region {
	const char *name;
	u64 addr;
	unsigned long nr_pages;
	unsigned long next; /* grow: the first page not yet touched */
	unsigned int content;
};

/* What one work item remembers between its turns. */
struct work_state {
	u64 due;  /* model time of the next turn */
	u32 file; /* read, write, walk: where it is */
	u64 pos;
	struct socket *sockets; /* kept open, newest first */
	u32 nr_sockets;
};

struct process {
	struct machine *m;
	const struct scn_process *spec;
	u32 number; /* which of the spec's count */
	struct task *task;
	struct prng rng;
	struct region *regions;
	u32 nr_regions;
	struct process *leader; /* threads: whose regions they use */
	u32 turn, turns;	/* threads take the work in turns */
	struct work_state *work;
	u64 starts; /* model time */
	u64 dies;   /* forked children: model time of their end; 0: never */
	u64 touch;  /* forked children: bytes to touch first */
	bool started;
	struct list_head list;
};

struct machine {
	const struct scenario *scenario;
	struct quire_config cfg;
	struct model *model;
	struct quire *q;
	u64 start_ns;		  /* model time of the scenario's first instant */
	struct backing_dev **bdi; /* [disks_count] */
	struct super_block **sb;
	struct super_block *program_sb; /* programs lie on the first disk; NULL: none */
	u64 *disk_used, *disk_end;	/* pages laid out on each disk, and where its swap begins */
	struct fileset *filesets;
	struct segment *segments;
	u32 nr_segments;
	struct list_head processes;
	u32 nr_starting;
	FILE *err;
	bool failed, panicked;
	struct event_log *log;
	struct record *record; /* record.c; NULL: not asked for */
	void *capture;	       /* of a machine that was built from one: its own */
	void (*capture_free)(void *capture);
};

/* machine.c: an empty machine with a log; NULL: no memory. */
struct machine *machine_alloc(FILE *err);

/* As echo into a file of /proc/sys (vm.swappiness or vm/swappiness), of /sys:
 * bytes written, or a negative error.  From a fiber. */
int machine_sysctl_write(struct machine *m, const char *name, const char *value);
int machine_sysfs_write(struct machine *m, const char *path, const char *value);

/* files.c */
int files_setup(struct machine *m);
/* disks.c */
void disks_setup(struct machine *m);
struct fileset *fileset_find(struct machine *m, const char *name);
/* Looks file `number` up as open(2) does: dentries and inodes come into memory
 * on the way. NULL: no memory. The file is the caller's to fput(). */
struct file *fileset_open(struct machine *m, struct fileset *fs, u32 number, bool writable);
/* The lookup alone, as stat(2) does it: false when there is no memory. */
bool fileset_walk(struct machine *m, struct fileset *fs, u32 number);

/* The program called name, made with its first use. */
struct file *program_open(struct machine *m, const char *name, u64 size);

/* process.c */
/* Makes all processes of the scenario in its order; run by a fiber of init. */
void processes_start(void *machine);
struct region *process_region(struct process *p, const char *name);
/* A child that copies p: work.c's fork. */
bool process_fork(struct process *p, const struct scn_work *w);
void process_free(struct process *p);
/* Its memory policy, by the scenario's words; interleave: over all nodes. */
void process_set_policy(struct quire *q, struct task *task, const char *numa);

/* work.c */
void work_run(struct process *p, const struct scn_work *w, struct work_state *state);
void work_close(struct process *p);  /* sockets */
void work_forget(struct process *p); /* what the host holds of them: the machine is gone */
bool work_is_on(struct machine *m, const struct scn_work *w);
/* Touches the pages of a region; false when the process is being killed. */
bool process_touch(struct process *p, struct region *r, unsigned long first, unsigned long nr,
		   bool write);

/* events.c */
struct event_log *event_log_create(struct machine *m);
void event_log_free(struct event_log *log);
void event_add(struct machine *m, enum event_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Hooks into the killer and the log; the first sample; one more. */
void events_attach(struct machine *m);
void events_begin(struct machine *m);
void events_sample(struct machine *m);

/* record.c */
void record_sample(struct machine *m, u64 ns);
void record_write_json(struct machine *m, FILE *f);
void record_free(struct record *r);

#endif
