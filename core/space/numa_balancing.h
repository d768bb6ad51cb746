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
};

/* Who faulted on a page last: a CPU and part of a pid, in bits of page->flags that
 * nothing else uses; 0: nobody since it was allocated. */
#define LAST_CPUPID_SHIFT    24
#define LAST_CPUPID_PID_BITS 8
#define LAST_CPUPID_CPU_BITS 13
#define LAST_CPUPID_MASK     (BIT(1 + LAST_CPUPID_PID_BITS + LAST_CPUPID_CPU_BITS) - 1)

_Static_assert(NR_PAGEFLAGS <= LAST_CPUPID_SHIFT, "apart from the flags");
_Static_assert(LAST_CPUPID_SHIFT + 1 + LAST_CPUPID_PID_BITS + LAST_CPUPID_CPU_BITS <=
		       PAGE_ZONE_SHIFT,
	       "apart from the zone");

static inline unsigned int page_cpupid_last(const struct page *page)
{
	return (unsigned int)(page->flags >> LAST_CPUPID_SHIFT & LAST_CPUPID_MASK);
}
static inline void page_set_cpupid(struct page *page, unsigned int cpupid)
{
	(void)HOT_AND(&page->flags, ~(LAST_CPUPID_MASK << LAST_CPUPID_SHIFT));
	(void)HOT_OR(&page->flags, (unsigned long)cpupid << LAST_CPUPID_SHIFT);
}

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
