/* SPDX-License-Identifier: MIT */
/*
 * A report of the OOM killer or of a failed page allocation, as data.
 *
 * Amounts are in kB where the kernel prints kB and in pages where it prints
 * pages; -1 says that the report did not have the number.
 */
#ifndef QUIRE_EXPLAIN_REPORT_H
#define QUIRE_EXPLAIN_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define REPORT_MAX_TASKS  200000
#define REPORT_MAX_ZONES  512
#define REPORT_MAX_ORDERS 20
#define REPORT_MAX_KILLS  64
#define REPORT_MAX_SLABS  32
#define REPORT_NAME	  64
#define REPORT_GROUP	  512

enum report_kind { REPORT_OOM, REPORT_MEMCG_OOM, REPORT_ALLOC_FAILURE };

struct report_task {
	long pid, tgid, uid;
	long total_vm, rss, swapents; /* pages; swapents -1: not in this kernel's table */
	long pgtables;		      /* pages; -1 */
	long adj;		      /* -1000 .. 1000 */
	char name[REPORT_NAME];
};

struct report_zone {
	int node;					    /* -1: not said */
	char name[16];					    /* "DMA32" */
	long free, boost, min, low, high, managed, present; /* kB */
	long active_anon, inactive_anon, active_file, inactive_file, unevictable, free_cma;
	long slab_reclaimable, slab_unreclaimable; /* old kernels have them here */
	int all_unreclaimable;			   /* 1, 0, -1 */
	long reserve[8];			   /* lowmem_reserve, pages */
	int nr_reserve;
	long blocks[REPORT_MAX_ORDERS]; /* free blocks by order */
	unsigned int cma_only;		/* orders whose blocks are all of CMA, a bit each */
	int nr_orders;
};

/* Mem-Info's sums, in pages. */
enum report_sum {
	SUM_ACTIVE_ANON,
	SUM_INACTIVE_ANON,
	SUM_ACTIVE_FILE,
	SUM_INACTIVE_FILE,
	SUM_UNEVICTABLE,
	SUM_DIRTY,
	SUM_WRITEBACK,
	SUM_SLAB_RECLAIMABLE,
	SUM_SLAB_UNRECLAIMABLE,
	SUM_MAPPED,
	SUM_SHMEM,
	SUM_PAGETABLES,
	SUM_FREE,
	SUM_FREE_CMA,
	NR_SUMS,
};

struct report_slab {
	char name[REPORT_NAME];
	long used_kb, total_kb;
};

struct report_kill {
	long pid;
	char name[REPORT_NAME];
	long anon_kb, file_kb, shmem_kb, total_vm_kb; /* -1 */
	long score;				      /* old kernels: "score 362"; -1 */
	bool chosen; /* "Kill process": who had most; a child may have died for it */
	bool group;  /* with its group (memory.oom.group) */
};

struct report {
	enum report_kind kind;
	unsigned long line; /* where it begins in the file */
	double seconds;
	char invoker[REPORT_NAME];
	unsigned long gfp_mask;
	char gfp_names[256];
	int order;
	long invoker_adj;
	char kernel[96];     /* "5.4.0-rc4"; empty: not said */
	char constraint[32]; /* "CONSTRAINT_MEMCG" or empty */
	char nodemask[64], cpuset[REPORT_GROUP], mems_allowed[128];
	char oom_group[REPORT_GROUP]; /* whose limit was hit */
	char task_group[REPORT_GROUP];
	long usage_kb, limit_kb, failcnt;  /* the group's memory */
	long swap_usage_kb, swap_limit_kb; /* its swap, or memory+swap */
	bool memsw;			   /* ... which of them: control groups of version 1 */
	long kmem_usage_kb, kmem_limit_kb; /* version 1: the kernel's part of it */
	/* What the group's statistics say, kB. */
	long stat_anon_kb, stat_file_kb, stat_shmem_kb, stat_slab_kb, stat_kernel_kb;
	long sum[NR_SUMS];
	long pagecache, swapcache; /* pages */
	long swap_free_kb, swap_total_kb;
	long ram, reserved, highmem, hwpoisoned; /* pages */
	long hugetlb_kb, page_kb;		 /* page_kb: 4, or 64 on some */
	struct report_zone *zones;
	size_t nr_zones;
	struct report_task *tasks;
	size_t nr_tasks, cap_tasks;
	bool task_table; /* its heading was there */
	struct report_kill kills[REPORT_MAX_KILLS];
	size_t nr_kills;
	struct report_slab slabs[REPORT_MAX_SLABS];
	size_t nr_slabs;
	bool panic;	 /* the machine stopped instead */
	bool nobody;	 /* "no killable processes" */
	bool ended;	 /* its last line was seen, so nothing is cut off */
	bool lost_tasks; /* more than REPORT_MAX_TASKS */
};

/*
 * Reads reports from a log, one after another; false at the end of the log.
 * The report is the reader's until the next call.
 */
struct report_reader;
struct report_reader *report_reader_new(FILE *file);
const struct report *report_next(struct report_reader *reader);
void report_reader_free(struct report_reader *reader);
/* The report that report_next() gave becomes *to's own, beside the reader; what
 * *to had before (or zeroes) goes to the reader.  report_release() in the end. */
void report_keep(struct report_reader *reader, struct report *to);
void report_release(struct report *r);
/* Called each 32 MB that have been read. */
void report_on_progress(struct report_reader *reader, void (*fn)(void *ctx, unsigned long bytes),
			void *ctx);

/* "5.4.0-rc4" as 504, as the rules count; 0 if it is not known. */
int report_kernel_version(const struct report *r);

#endif
