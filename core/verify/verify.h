/* SPDX-License-Identifier: MIT */
/*
 * quire_verify(): proves that everything is consistent.  Each floor has a file
 * here with its invariants; each broken one is one line through broken().
 * Read-only; nothing else may run meanwhile.
 */
#ifndef QUIRE_VERIFY_VERIFY_H
#define QUIRE_VERIFY_VERIFY_H

#include "proc/proc.h"

struct verify {
	struct quire *q;
	u64 nr_broken;
	void (*report)(void *ctx, const char *line);
	void *ctx;
};

/* One broken invariant: "page: frame 0x1234 is on two lists". */
void broken(struct verify *v, const char *fmt, ...) __printf(2, 3);

/*
 * Walks of the memory map skip the blocks that nobody has touched since boot,
 * whose descriptors were never written, and those between zones.  The first frame from pfn on that is
 * not in one; cheap enough to ask for each frame.
 */
u64 __next_touched_pfn(const struct quire *q, u64 pfn);
static inline u64 next_touched_pfn(const struct quire *q, u64 pfn)
{
	return pfn & ((1UL << (MAX_ORDER - 1)) - 1) ? pfn : __next_touched_pfn(q, pfn);
}

void verify_node(struct verify *v);   /* zones, boot memory, the map's bounds */
void verify_buddy(struct verify *v);  /* free lists, per-CPU lists, counts; each frame one owner */
void verify_frames(struct verify *v); /* embedders' pages: maps, bytes, lists of CPUs */
void verify_slab(struct verify *v);
#if HOT_PERCPU
/* A slab of a cache with sheaves; then the CPUs' arrays and the barn. */
void verify_sheaf_slab(struct verify *v, struct kmem_cache *s, struct page *page);
void verify_sheaves(struct verify *v, struct kmem_cache *s);
#endif
/* verify_slab()'s part for SLAB and SLOB: a page of the map; the lists, whose slabs
 * it counts. */
void verify_slab_old(struct verify *v, struct page *page);
unsigned long verify_slab_lists(struct verify *v);
void verify_vmalloc(struct verify *v);
void verify_group(struct verify *v);	  /* charges equal the pages that carry them */
void verify_lru(struct verify *v);	  /* lists and statistics */
void verify_cache(struct verify *v);	  /* trees, dirty counts, inodes, dentries */
void verify_swap(struct verify *v);	  /* swap map = entries + cache */
void verify_compressed(struct verify *v); /* zswap, zram; zsmalloc and zbud below them */
void verify_space(struct verify *v);	  /* VMAs, tables, map counts, rmaps, rss */
/* verify_lru()'s part for a lruvec's generations, whose pages it adds to nr[list][zone];
 * and for lists of address spaces. */
bool is_page_link(const struct quire *q, const struct list_head *p);
void verify_lru_gen(struct verify *v, struct lruvec *lruvec, unsigned long nr[][MAX_NR_ZONES]);
void verify_lru_gen_mms(struct verify *v);
void verify_tasks(struct verify *v);
void verify_hugetlb(struct verify *v);

#endif
