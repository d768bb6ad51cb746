/* SPDX-License-Identifier: MIT */
/*
 * A scenario of the oracle, read and checked: oracle/scenarios/README is the
 * description of the language.
 *
 * Everything in a file is checked before anything is run; an error names the
 * file, the line, what is wrong and what would be right.  Sizes are bounded as
 * the guest program's are: a file that this accepts runs there as well.
 */
#ifndef ORACLE_SCRIPT_H
#define ORACLE_SCRIPT_H

#include <quire/quire.h>
#include <stdio.h>

#include "base/types.h"

#define ORACLE_MAX_BYTES (64 * 1024 - 64)
#define ORACLE_MAX_LINES 4096
#define ORACLE_MAX_WORDS 40
#define ORACLE_MAX_LINE	 1000
#define ORACLE_MAX_PROCS 64
#define ORACLE_MAX_MAPS	 16
#define ORACLE_MAX_SWAPS 6
#define ORACLE_MAX_DEPTH 16

/* ---- the machine: "#vm" lines ------------------------------------------------- */

struct oracle_node {
	u32 id;
	u64 bytes;
	u32 nr_cpus;
	u16 cpu[QUIRE_MAX_CPUS];
};

struct oracle_vm {
	u64 mem; /* of one node */
	u32 smp;
	/* As QEMU makes them: at least one, by number; each CPU is in one. */
	u32 nr_nodes;
	struct oracle_node node[QUIRE_MAX_NODES];
	u8 distance[QUIRE_MAX_NODES][QUIRE_MAX_NODES]; /* 0: not said */
	u32 nr_swaps;
	u64 swap[ORACLE_MAX_SWAPS];
	bool data;
	bool virtio; /* disks with a latency of their own, not memory */
	u32 nr_append;
	const char *append[ORACLE_MAX_WORDS]; /* words of the kernel's command line */
};

/* ---- commands ------------------------------------------------------------------ */

enum oracle_op {
	/* of a process */
	OP_SPAWN,
	OP_FORK,
	OP_MMAP,
	OP_TOUCH,
	OP_FREE,
	OP_MADVISE,
	OP_MLOCK,
	OP_MUNLOCK,
	OP_FREAD,
	OP_FWRITE,
	OP_FSYNC,
	OP_UNLINK,
	OP_FILES,
	OP_OOM_SCORE_ADJ,
	OP_KILL,
	OP_EXIT,
	/* of the machine */
	OP_DEVICE,
	OP_SETTLE,
	OP_MOUNT,
	OP_SWAPON,
	OP_SWAPOFF,
	OP_DROP_CACHES,
	OP_COMPACT,
	OP_SYNC,
	OP_DELAY,
	OP_SYSCTL,
	OP_WRITE,
	OP_HUGEPAGES,
	OP_CGCREATE,
	OP_CGSET,
	OP_CGMOVE,
	OP_SLEEP,
	OP_WAIT,
	/* results */
	OP_SNAP,
	OP_VMSTAT,
	OP_CAT,
	OP_CAPTURE,
	OP_PAGEFLAGS,
	OP_TRACE,
	OP_TRACEDUMP,
	OP_TRACEOFF,
	OP_DMESG,
	/* of the script itself */
	OP_REPEAT,
	OP_END,
};

enum oracle_fill { FILL_WORD, FILL_ZERO, FILL_RAND, FILL_SAME };

/* The words that may stand anywhere behind a command's places. */
enum oracle_flag {
	FLAG_PRIVATE = 1u << 0,
	FLAG_THP = 1u << 1,
	FLAG_NOTHP = 1u << 2,
	FLAG_POPULATE = 1u << 3,
	FLAG_HUGETLB = 1u << 4,
	FLAG_READ = 1u << 5,
	FLAG_WRITE = 1u << 6,
	FLAG_RANDOM = 1u << 7,
	FLAG_LITE = 1u << 8,
	FLAG_CREATE = 1u << 9,
	FLAG_STAT = 1u << 10,
	FLAG_UNLINK = 1u << 11,
};

/* What a key=value gives; has says which were there. */
enum oracle_key {
	KEY_OOM_SCORE_ADJ,
	KEY_CPU,
	KEY_CG,
	KEY_MEMBIND,
	KEY_PREFER,
	KEY_INTERLEAVE,
	KEY_STRIDE,
	KEY_PIECE,
	KEY_SEED,
	KEY_FILL,
	KEY_CHUNK,
	KEY_FROM,
	KEY_DEV,
	KEY_PRIO,
	KEY_SIZE,
	KEY_NODE,
	KEY_AT,
	NR_ORACLE_KEYS,
};

enum oracle_until { UNTIL_NEVER, UNTIL_DEAD, UNTIL_GONE };

struct oracle_cmd {
	enum oracle_op op;
	int line;
	bool async;				      /* "& " before it */
	const char *text;			      /* the line from its first word on */
	const char *proc, *other, *map, *path, *word; /* other: fork's child */
	u64 off, len;				      /* bytes; files: first number, how many */
	bool next;				      /* touch P MAP next */
	bool ranged;				      /* off and len were given */
	s64 number;				      /* the command's own */
	int read_ms, write_ms;
	unsigned int flags; /* enum oracle_flag */
	unsigned int has;   /* BIT(enum oracle_key) */
	u64 stride, piece, seed, chunk, from;
	s64 oom_score_adj, prio;
	u64 cpu, nodes; /* nodes: node, or interleave's mask */
	enum oracle_fill fill;
	unsigned int percent;
	const char *cg, *dev, *size, *node, *at;
	u32 nr_rest; /* values, events, options */
	const char *const *rest;
	enum oracle_until until;
	u32 end; /* repeat: index of its end */
};

struct oracle_script {
	char *path; /* as given */
	struct oracle_vm vm;
	struct oracle_cmd *cmd;
	u32 nr_cmds;
	char *text;	   /* the file, its lines apart by NUL */
	char *words;	   /* the words of its commands */
	const char **rest; /* what cmd[].rest point into */
};

/* NULL after messages on err, "FILE:LINE: what is wrong: what would be right". */
struct oracle_script *oracle_script_load(const char *path, FILE *err);
/* The same of text in memory (len bytes; NULs are an error); path for messages. */
struct oracle_script *oracle_script_parse(const char *path, const char *text, size_t len,
					  FILE *err);
void oracle_script_free(struct oracle_script *s);

/* How many "device" lines the rig puts before the file: line numbers of the
 * output count them. */
unsigned int oracle_nr_devices(const struct oracle_vm *vm);

/* A number of bytes: "4096", "0x10", "64K", "1M", "2G", "16P" (pages); false if
 * it is none, or beyond 2^56. */
bool oracle_size(const char *s, u64 *bytes);

#endif
