/* SPDX-License-Identifier: MIT */
/*
 * Automatic NUMA balancing (space/numa_balancing.c): kernel.numa_balancing.
 */
#ifndef QUIRE_SPACE_NUMA_BALANCING_H
#define QUIRE_SPACE_NUMA_BALANCING_H

#include "node/page.h"

struct task;
struct mm_struct;
struct vm_area_struct;
struct vm_fault;

struct numa_balancing {
	unsigned int enabled; /* kernel.numa_balancing: 0 or 1 */
	/* /sys/kernel/debug/sched/numa_balancing/, at what Linux has them. */
	unsigned int scan_delay_ms, scan_period_min_ms, scan_period_max_ms, scan_size_mb;
	/* The page, of which the caller's reference is used up, goes to another node;
	 * false: it stays.  NULL: nobody can. */
	bool (*migrate_misplaced_page)(struct quire *q, struct page *page,
				       const struct vm_area_struct *vma, unsigned int nid);
	int *last_pid;		      /* [nr_cpus]: who was seen there last; NULL until one was */
	unsigned long nr_tasks_moved; /* to their preferred node */
	unsigned long nr_groups;      /* of tasks that share pages */
};

/* Faults are counted by where the page is, and by where its user runs. */
enum numa_stat { NUMA_MEM, NUMA_CPU, NR_NUMA_STATS };

enum { LOCALITY_REMOTE, LOCALITY_LOCAL, LOCALITY_FAILED, NR_LOCALITIES };

typedef unsigned long numa_faults_t[NR_NUMA_STATS][QUIRE_MAX_NODES][2]; /* private: 1 */

/* Tasks that share pages: space/numa_group.c. */
struct numa_group {
	int gid; /* pid of who made it */
	unsigned int nr_tasks, active_nodes;
	unsigned long total_faults, max_faults_cpu;
	numa_faults_t faults;
};

/* What a task's hints have told; made when it first looks. */
struct task_numa {
	u64 node_stamp; /* ns of its CPU time that count as looked at */
	u64 placement_retry, migrate_retry;
	u64 placed_at, placed_ran; /* at the last placement: ns, and ns of its CPU time */
	unsigned int scan_period;  /* ms */
	int scan_seq, preferred_nid;
	struct numa_group *group; /* or NULL: it shares nothing yet */
	unsigned long total_faults;
	unsigned long locality[NR_LOCALITIES];
	numa_faults_t faults, buffer; /* of all passes, halved each; of this one */
};

/* Who faulted on a page last: a CPU and part of a pid, in bits of page->flags that
 * nothing else uses; 0: nobody since it was allocated. */
#define LAST_CPUPID_SHIFT    24
#define LAST_CPUPID_PID_BITS 8
#define LAST_CPUPID_CPU_BITS 13
#define LAST_CPUPID_MASK     (BIT(1 + LAST_CPUPID_PID_BITS + LAST_CPUPID_CPU_BITS) - 1)

_Static_assert(NR_PAGEFLAGS <= LAST_CPUPID_SHIFT, "apart from the flags");
_Static_assert(LAST_CPUPID_SHIFT + 1 + LAST_CPUPID_PID_BITS + LAST_CPUPID_CPU_BITS <=
		       LRU_REFS_PGOFF,
	       "apart from the generation");

static inline unsigned int page_cpupid_last(const struct page *page)
{
	return (unsigned int)(page->flags >> LAST_CPUPID_SHIFT & LAST_CPUPID_MASK);
}
static inline void page_set_cpupid(struct page *page, unsigned int cpupid)
{
	(void)HOT_AND(&page->flags, ~(LAST_CPUPID_MASK << LAST_CPUPID_SHIFT));
	(void)HOT_OR(&page->flags, (unsigned long)cpupid << LAST_CPUPID_SHIFT);
}

/* Was it this task that used the page last? */
bool cpupid_match_pid(const struct task *task, unsigned int cpupid);

/* ---- groups: space/numa_group.c -------------------------------------------------- */

/* A page of task was used by another last: they may come into one group.  shared: it is
 * shared by right, not by a fork. */
void task_numa_group(struct quire *q, struct task *task, unsigned int cpupid, bool shared);
void numa_group_count_active_nodes(struct quire *q, struct numa_group *ng);
bool numa_is_active_node(const struct numa_group *ng, unsigned int nid);
/* Should a page that several of the group use move? */
bool numa_group_wants_page(const struct numa_group *ng, unsigned int from, unsigned int to);
/* The running task is to run on the node it prefers, if there is room. */
void numa_migrate_preferred(struct quire *q, struct task *task);

/* ---- the task -------------------------------------------------------------------- */

void numa_balancing_init(struct quire *q);
/*
 * The running task used a slice of its CPU: is it time to look at some of its memory?
 * Then some of its entries are made to fault.  Outside of all locks; may sleep.
 * Linux: task_tick_numa(), task_numa_work().
 */
void task_numa_tick(struct quire *q, struct task *task);
/* Entries of [start, end) of an area become hints: how many did. */
unsigned long change_prot_numa(struct quire *q, struct vm_area_struct *vma, u64 start, u64 end);
/* A fault on a hint, of level 1 or 2 (Linux: do_numa_page(), do_huge_pmd_numa_page()). */
unsigned int do_numa_page(struct quire *q, struct vm_fault *vmf);
void task_numa_free(struct quire *q, struct task *task);

#endif
