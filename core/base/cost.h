/* SPDX-License-Identifier: MIT */
/*
 * What the memory manager's work costs: ns of CPU time that charge_ns() tells a
 * port that has no real processor of.  The defaults are those of a server of
 * these years; who simulates another machine sets what was measured there
 * (q->cost, after quire_init()).
 */
#ifndef QUIRE_BASE_COST_H
#define QUIRE_BASE_COST_H

#include "base/types.h"

struct quire_costs {
	/* Faults. */
	u32 fault;	 /* entry, walk, entry set, exit */
	u32 fault_clear; /* a frame for it: got, cleared or copied, on its list */
	u32 fault_copy;	 /* copying another page into it, beside that */
	u32 fault_dirty; /* the first write to a page of a file: telling its file system */
	u32 fault_map;	 /* one more entry of a fault-around */
	u32 walk;	 /* a TLB miss whose tables are in the caches */
	u32 flush;	 /* of entries of the TLB */
	u32 shootdown;	 /* and for each other CPU that is interrupted for it */
	u32 huge_page;	 /* each page of a huge page that is cleared */
	u32 huge_copy;	 /* or collapsed: copied, the small one freed */
	u32 hugetlb_page;
	u32 huge_split; /* splitting a huge page */
	/* Allocation: a round of the slow path in vain, beside reclaim and compaction;
	 * long enough for a woken kswapd to have its turn. */
	u32 slow_round;
	/* Taking away. */
	u32 zap_page; /* a page's entry */
	u32 zap_free; /* and nobody else has the page: its frame is freed */
	u32 zap_swap; /* a swapped page's entry and slot */
	u32 madvise_page;
	u32 mlock_page, munlock_page; /* on and off the unevictable list */
	u32 exit_task;
	u32 fork_page; /* copying an entry */
	u32 fork_task; /* the rest */
	/* Files. */
	u32 copy_page; /* to or from the program */
	/* Reclaim, compaction. */
	u32 isolate_page;
	u32 shrink_page; /* looked at, its references counted */
	u32 steal_page;	 /* unmapped, off its tree, freed */
	u32 age_page;	 /* on the active list */
	u32 shrink_object;
	u32 scan_pfn;	  /* a frame that compaction looks at */
	u32 migrate_page; /* walk, copy and flush */
	u32 scan_pte;	  /* khugepaged looks at an entry */
	/* zswap. */
	u32 compress, decompress;
};

/* Of huge pages and locked ones: a thirteenth of what was measured on the oracle's
 * machine (oracle/cost.c).  So is a round of the slow path: 15 us there, 6.1 traced in
 * scenario g-hugetlb with compaction deferred. */
#define QUIRE_DEFAULT_COSTS          \
	((struct quire_costs){       \
		.fault = 500,        \
		.fault_clear = 150,  \
		.fault_map = 30,     \
		.walk = 25,          \
		.flush = 200,        \
		.shootdown = 400,    \
		.huge_page = 645,    \
		.huge_copy = 461,    \
		.hugetlb_page = 150, \
		.huge_split = 40000, \
		.slow_round = 1150,  \
		.zap_page = 60,      \
		.madvise_page = 20,  \
		.mlock_page = 15,    \
		.munlock_page = 53,  \
		.exit_task = 30000,  \
		.fork_page = 20,     \
		.fork_task = 50000,  \
		.copy_page = 300,    \
		.isolate_page = 25,  \
		.shrink_page = 80,   \
		.steal_page = 150,   \
		.age_page = 80,      \
		.shrink_object = 80, \
		.scan_pfn = 8,       \
		.migrate_page = 900, \
		.scan_pte = 4,       \
		.compress = 4500,    \
		.decompress = 1500,  \
	})

#endif
