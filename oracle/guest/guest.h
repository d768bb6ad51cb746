/* SPDX-License-Identifier: MIT */
/*
 * The guest program of the oracle: process 1 of the machine under test.
 *
 * It performs a scenario with real processes (workers) and writes what the
 * kernel says into the memory of a PCI device that the host shares.  No disk,
 * terminal or guest memory takes part in bringing results out, so a snapshot
 * disturbs the measured system as little as can be.
 *
 *   main.c     the device, the beginning and the end
 *   output.c   text to the host; small files read and written
 *   worker.c   what a worker does when it is told
 *   crew.c     workers as process 1 sees them: starting, telling, burying
 *   snapshot.c snapshots, captures, page flags, the log
 *   system.c   commands to the machine: swap, mounts, groups, tracing
 *   script.c   reads the scenario and runs it
 */
#ifndef ORACLE_GUEST_H
#define ORACLE_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PAGE 4096UL

/*
 * The shared memory: the script as text, then a head, then the output.
 * run.py has the same numbers.
 */
#define SCRIPT_MAX (64 * 1024 - 64)
#define OUT_BASE   (64 * 1024)
#define OUT_MAGIC  0x656c6361726f21ULL

enum { STATE_FINISHED = 1, STATE_OVERFLOW = 2 };

struct bar_head {
	uint64_t magic, len, state;
};

/* ---- output.c ---- */

void output_init(char *bar, size_t size);
void output_finish(void);
void out(const char *p, size_t n);
void outf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
unsigned long long now(void);
int put(const char *path, const char *val);
long slurp(const char *path, char *buf, size_t cap);
void dump(const char *path);
void dump_dir(const char *dir);
/* Names in a directory, sorted, at most 128 of less than 64 bytes. */
int list_dir(const char *dir, bool dirs, char names[128][64]);

/* ---- worker.c ---- */

enum worker_op {
	OP_MMAP,
	OP_TOUCH,
	OP_DONTNEED,
	OP_UNMAP,
	OP_MADVISE,
	OP_MLOCK,
	OP_MUNLOCK,
	OP_READ,
	OP_WRITE,
	OP_FSYNC,
	OP_UNLINK,
	OP_FILES,
	OP_FORK,
	OP_EXIT,
};

enum fill { FILL_WORD, FILL_ZERO, FILL_RAND, FILL_SAME };

enum {
	F_WRITE = 1,
	F_FILE = 2,
	F_SHARED = 4,
	F_THP = 8,
	F_NOTHP = 16,
	F_POPULATE = 32,
	F_HUGETLB = 64,
	F_RANDOM = 128,
};

enum files_op { FILES_CREATE, FILES_STAT, FILES_UNLINK };

/* One message to a worker; path is a file, a directory or, of a fork, the name. */
struct cmd {
	int op, map, flags, fill, pct;
	uint64_t off, len, stride, piece, seed, chunk;
	char path[96];
};

struct reply {
	int err;
	long minflt, majflt;
	uint64_t ns, val;
};

/* Never returns: takes commands from the socket until it is told to end. */
void worker_main(int fd) __attribute__((noreturn));

/* ---- crew.c ---- */

#define MAX_PROCS 64
#define MAX_MAPS  16

struct proc {
	char name[32];
	pid_t pid;
	int fd, alive, pending, line;
	char map[MAX_MAPS][16];
	uint64_t cursor[MAX_MAPS]; /* where "next" is in each mapping */
};

extern struct proc procs[MAX_PROCS];
extern int nr_procs, nr_dead, line_now;

struct proc *find_proc(const char *name);
int find_map(struct proc *p, const char *name, bool create);
struct proc *crew_spawn(char **word, int n);
struct proc *crew_fork(struct proc *p, char **word, int n);
void bury(struct proc *p);
void reap(void);
void collect(struct proc *p);
void tell(struct proc *p, struct cmd *c, bool wait);

/* ---- snapshot.c ---- */

void snap(const char *label, bool lite);
void snap_vmstat(const char *label);
void capture(const char *label);
void dump_pageflags(const char *label);
void dump_dmesg(void);
void remember_group(const char *name);

/* ---- system.c ---- */

/* Does a command of the machine: 0 or -errno, or NOT_MINE. */
#define NOT_MINE 1
#define DONE	 2 /* it has printed its own answer, or has none */
int system_command(char **word, int n);

/* ---- script.c ---- */

void script_run(char *text);
uint64_t size_of(const char *s);
const char *option(char **word, int n, const char *key);
bool has_word(char **word, int n, const char *w);

#endif
