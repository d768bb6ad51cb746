/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks and their order.
 *
 * Every lock has a rank; a context may take a lock only if its rank is above
 * that of every spinlock it holds.  Debug builds (QUIRE_DEBUG) keep the held
 * locks in the context and check; release builds pay nothing.  Two locks of
 * one rank are taken in the order that spin_lock_nested()'s caller answers
 * for (zones by number, mm's by parent and child).
 *
 * The order is this enum, outermost first.
 */
#ifndef QUIRE_BASE_LOCK_H
#define QUIRE_BASE_LOCK_H

#include "base/hot.h"

struct quire;

enum lock_rank {
	LOCK_NONE,
	LOCK_TASKLIST,	  /* the list of tasks */
	LOCK_LRU_GEN_MM,  /* address spaces of a group */
	LOCK_GROUP_TREE,  /* hierarchy of control groups */
	LOCK_SB_INODES,	  /* inodes and dentries of a super block, their LRU */
	LOCK_I_MMAP,	  /* VMAs that map a file */
	LOCK_ANON_VMA,	  /* VMAs that may map pages of an anon_vma */
	LOCK_PAGE_TABLE,  /* entries of an address space */
	LOCK_INODE,	  /* one inode's state */
	LOCK_WB_LIST,	  /* dirty inodes of a device (unmapping dirties pages) */
	LOCK_I_PAGES,	  /* the page tree of a mapping, the swap cache */
	LOCK_INODE_LRU,	  /* unused inodes and dentries of a super block */
	LOCK_CACHE_POOL,  /* reserves of tree nodes and bios */
	LOCK_SWAP_SLOTS,  /* a CPU's slots at hand */
	LOCK_SWAP_INFO,	  /* one swap area's map */
	LOCK_ZSWAP_TREE,  /* entries of one area in zswap */
	LOCK_ZSWAP_LRU,	  /* zswap's order of eviction */
	LOCK_ZRAM,	  /* some slots of a zram device, and its blocks */
	LOCK_ZSPOOLS,	  /* the list of zsmalloc's pools */
	LOCK_ZSPOOL,	  /* size classes of zsmalloc */
	LOCK_THP_SPLIT,	  /* huge pages that are to be split */
	LOCK_KHUGEPAGED,  /* address spaces that khugepaged scans */
	LOCK_HUGETLB,	  /* pools of huge pages */
	LOCK_LRU_BATCH,	  /* a CPU's batch of LRU additions */
	LOCK_LRU,	  /* lists of a node (all its lruvecs) */
	LOCK_VMALLOC,	  /* vmap areas */
	LOCK_SHRINKER,	  /* the list of shrinkers */
	LOCK_SLAB_LIST,	  /* the list of caches */
	LOCK_SLAB_CPU,	  /* a cache's slab of one CPU */
	LOCK_SLAB_NODE,	  /* a cache's partial list of one node */
	LOCK_FRAMES,	  /* a node's maps of pageblocks */
	LOCK_PCP,	  /* a CPU's page lists */
	LOCK_ZONE,	  /* free areas of a zone */
	LOCK_MEMCG_STOCK, /* a CPU's charges at hand */
	LOCK_OBJCG,	  /* who pays for objects, a group */
	LOCK_PSI,	  /* stall times of a group */
	LOCK_STACKS,	  /* the depot of call chains */
	LOCK_TRACE,	  /* a CPU's ring of events */
	LOCK_PRINTK,	  /* the log */
	NR_LOCK_RANKS,
};

struct spinlock {
	struct hot_lock raw;
#ifdef QUIRE_DEBUG
	u8 rank;
#endif
};

/* For the static parts of structures; rank is an enum lock_rank. */
static inline void spin_lock_init(struct spinlock *lock, enum lock_rank rank)
{
	lock->raw = (struct hot_lock)HOT_LOCK_INIT;
#ifdef QUIRE_DEBUG
	lock->rank = (u8)rank;
#else
	(void)rank;
#endif
}

#ifdef QUIRE_DEBUG
/* base/lock.c: panic with both locks' ranks if the order is wrong. */
void lock_check_acquire(struct quire *q, const struct spinlock *lock, bool nested);
void lock_check_release(struct quire *q, const struct spinlock *lock);
/*
 * A point where another CPU may go on first, of a port that explores interleavings
 * (q->explore; the model's model_explore()): around every lock, and where
 * explore_point() stands.  With a lock: others go on until it is free.
 */
void lock_explore(struct quire *q, struct spinlock *lock);
#else
static inline void lock_explore(struct quire *q, struct spinlock *lock)
{
	(void)q;
	(void)lock;
}
static inline void lock_check_acquire(struct quire *q, const struct spinlock *lock, bool nested)
{
	(void)q;
	(void)lock;
	(void)nested;
}
static inline void lock_check_release(struct quire *q, const struct spinlock *lock)
{
	(void)q;
	(void)lock;
}
#endif

static inline void spin_lock(struct quire *q, struct spinlock *lock)
{
	lock_explore(q, lock);
	lock_check_acquire(q, lock, false);
	hot_lock(&lock->raw);
}

/* A second lock of the rank already held; the caller answers for the order. */
static inline void spin_lock_nested(struct quire *q, struct spinlock *lock)
{
	lock_explore(q, lock);
	lock_check_acquire(q, lock, true);
	hot_lock(&lock->raw);
}

/* A lock that is only tried may be taken against the order: it can't wait. */
static inline bool spin_trylock(struct quire *q, struct spinlock *lock)
{
	lock_explore(q, NULL);
	if (!hot_trylock(&lock->raw))
		return false;
	lock_check_acquire(q, lock, true);
	return true;
}

static inline void spin_unlock(struct quire *q, struct spinlock *lock)
{
	lock_check_release(q, lock);
	hot_unlock(&lock->raw);
	lock_explore(q, NULL);
}

/* Between two steps that others may see between. */
static inline void explore_point(struct quire *q)
{
	lock_explore(q, NULL);
}

static inline bool spin_is_locked(struct spinlock *lock)
{
	return hot_is_locked(&lock->raw);
}

#endif
