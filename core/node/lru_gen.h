/* SPDX-License-Identifier: MIT */
/*
 * Multi-generational LRU: the shapes (Linux's part of mmzone.h, CONFIG_LRU_GEN).
 *
 * The idea (Yu Zhao): pages are sorted by generation, the time in which they were
 * used last, instead of onto two lists.  A lruvec has up to four generations,
 * numbered without end: max_seq is the youngest, min_seq[] the oldest that has pages
 * of its kind.  Aging makes a new generation (max_seq + 1) and brings into the
 * youngest what the page tables say was used; eviction takes the oldest.
 *
 *	page->flags, 3 bits	generation: seq % 4 + 1; 0: on none
 *	page->flags, 2 bits	uses through file descriptors, with PG_referenced
 *				(the first) and PG_workingset (the second)
 *
 * The tier of a page is the logarithm of those uses: 0 for one use or none, then 1, 2
 * (3 and 4 uses), 3.  Uses by read() do not move a page to another generation; eviction
 * looks at its tier, and how often pages of that tier came back, and protects those that
 * come back more often than pages of tier 0 do.
 *
 * The two youngest generations are what counters call active, the others inactive.
 *
 * What is here is allocated when the policy is first switched on: machines that never do
 * have a NULL pointer a lruvec.
 *
 * Locks: pgdat->lru_lock for lists, sizes and sequence numbers, which are read without;
 * a page's generation changes to a younger one without it, by compare and exchange:
 * so a page may lie on the list of an older generation than its flags name until eviction
 * comes to it.  lru_gen_mm_list.lock for the lists of address spaces.
 */
#ifndef QUIRE_NODE_LRU_GEN_H
#define QUIRE_NODE_LRU_GEN_H

#include "node/mmzone.h"

#define MIN_NR_GENS  2UL
#define MAX_NR_GENS  4UL
#define MAX_NR_TIERS 4U
#define NR_HIST_GENS 1 /* CONFIG_LRU_GEN_STATS is off: counts of the oldest generation only */

/* How many pages are taken, and looked at, in one go. */
#define MIN_LRU_BATCH 64
#define MAX_LRU_BATCH (MIN_LRU_BATCH * 64)

enum { LRU_GEN_ANON, LRU_GEN_FILE, ANON_AND_FILE };

/* Bits of /sys/kernel/mm/lru_gen/enabled. */
enum {
	LRU_GEN_CORE,	 /* the policy itself */
	LRU_GEN_MM_WALK, /* aging looks through page tables, not only at what eviction meets */
	LRU_GEN_NONLEAF_YOUNG, /* ... and passes over tables that no access went through */
	NR_LRU_GEN_CAPS
};
#define LRU_GEN_ALL_CAPS (BIT(NR_LRU_GEN_CAPS) - 1)

enum {
	MM_LEAF_TOTAL, /* entries of pages */
	MM_LEAF_OLD,
	MM_LEAF_YOUNG,
	MM_NONLEAF_TOTAL, /* entries of tables */
	MM_NONLEAF_FOUND, /* that the filter had */
	MM_NONLEAF_ADDED, /* and that go into the next */
	NR_MM_STATS
};

#define NR_BLOOM_FILTERS   2
#define BLOOM_FILTER_SHIFT 15

/* The aging of one lruvec: where its walk of address spaces stands. */
struct lru_gen_mm_state {
	unsigned long seq;	       /* generations whose walk is complete */
	struct list_head *head, *tail; /* where the walk goes on; where the last one ended */
	struct quire_wait_queue wait;  /* for the end of somebody else's walk */
	int nr_walkers;
	unsigned long *filters[NR_BLOOM_FILTERS]; /* tables worth a look: this walk's, the next's */
	unsigned long stats[NR_HIST_GENS][NR_MM_STATS];
};

/* Address spaces of a group. */
struct lru_gen_mm_list {
	struct spinlock lock; /* LOCK_LRU_GEN_MM */
	struct list_head fifo;
};

/* What an address space has of it. */
struct lru_gen_mm {
	struct list_head list; /* next NULL: on none */
	struct mem_cgroup *memcg;
	unsigned long bitmap; /* a bit a node: it ran since that node's last walk */
};

struct lru_gen_struct {
	unsigned long max_seq, min_seq[ANON_AND_FILE];
	u64 timestamps[MAX_NR_GENS]; /* ns: when the generation began */
	struct list_head lists[MAX_NR_GENS][ANON_AND_FILE][MAX_NR_ZONES];
	/* By flags, not by list; below 0 for a moment when a walker's batch is due. */
	long nr_pages[MAX_NR_GENS][ANON_AND_FILE][MAX_NR_ZONES];
	/* Of each tier: moving averages, and counts since the oldest generation changed. */
	unsigned long avg_refaulted[ANON_AND_FILE][MAX_NR_TIERS];
	unsigned long avg_total[ANON_AND_FILE][MAX_NR_TIERS];
	unsigned long protected[NR_HIST_GENS][ANON_AND_FILE][MAX_NR_TIERS - 1];
	unsigned long evicted[NR_HIST_GENS][ANON_AND_FILE][MAX_NR_TIERS];
	unsigned long refaulted[NR_HIST_GENS][ANON_AND_FILE][MAX_NR_TIERS];
	bool enabled;
	struct lru_gen_mm_state mm_state;
	struct lru_gen_mm_list mm_list; /* the group's; that of its first node is used */
};

/* One walk of page tables, or of reverse maps by kswapd. */
struct lru_gen_mm_walk {
	struct lruvec *lruvec;
	unsigned long max_seq;
	u64 next_addr;						/* of the address space at hand */
	int nr_pages[MAX_NR_GENS][ANON_AND_FILE][MAX_NR_ZONES]; /* promoted, not yet told */
	unsigned long mm_stats[NR_MM_STATS];
	int batched; /* pages in nr_pages */
	bool can_swap, force_scan;
};

static inline unsigned int lru_gen_from_seq(unsigned long seq)
{
	return (unsigned int)(seq % MAX_NR_GENS);
}

static inline unsigned int lru_hist_from_seq(unsigned long seq)
{
	return (unsigned int)(seq % NR_HIST_GENS);
}

/* Of the two youngest? */
static inline bool lru_gen_is_active(const struct lru_gen_struct *lrugen, unsigned int gen)
{
	unsigned long max_seq = HOT_LOAD(&lrugen->max_seq);

	return gen == lru_gen_from_seq(max_seq) || gen == lru_gen_from_seq(max_seq - 1);
}

static inline unsigned long get_nr_gens(const struct lru_gen_struct *lrugen, int type)
{
	return lrugen->max_seq - lrugen->min_seq[type] + 1;
}

/* -1: on no generation's list. */
static inline int page_lru_gen(const struct page *page)
{
	return (int)((HOT_LOAD(&page->flags) & LRU_GEN_MASK) >> LRU_GEN_PGOFF) - 1;
}

/* Uses beyond PG_referenced: 0 after one or none. */
static inline unsigned int page_lru_refs(const struct page *page)
{
	unsigned long flags = HOT_LOAD(&page->flags);

	return (unsigned int)((flags & LRU_REFS_MASK) >> LRU_REFS_PGOFF) +
	       ((flags & BIT(PG_workingset)) != 0);
}

/* 0, 1, 2, 2, 3. */
static inline unsigned int lru_tier_from_refs(unsigned int refs)
{
	unsigned int tier = 0;

	while (1U << tier < refs + 1)
		tier++;
	return tier;
}

static inline bool lru_gen_enabled(const struct quire *q)
{
	return unlikely(q->keys & KEY_LRU_GEN);
}

#endif
