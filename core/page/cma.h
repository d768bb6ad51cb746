/* SPDX-License-Identifier: MIT */
/*
 * Contiguous memory areas: ranges of frames that boot sets aside for whoever needs
 * many in a row, and lends to pages that can be moved until then (Linux's cma.c).
 * Taking and giving back is reclaim/contig.c's: what is lent must be moved.
 */
#ifndef QUIRE_PAGE_CMA_H
#define QUIRE_PAGE_CMA_H

#include "page/pageblock.h"

#define MAX_CMA_AREAS (1 + 64)
#define CMA_NAME      16

struct cma {
	u64 base_pfn;
	unsigned long count;	    /* pages */
	unsigned int order_per_bit; /* pages of a bit: 2^order */
	bool active;		    /* it is in its zone */
	char name[CMA_NAME];
	struct spinlock lock;		       /* LOCK_HUGETLB's level: the bitmap */
	unsigned long *bitmap;		       /* boot memory; what is taken */
	unsigned long nr_succeeded, nr_failed; /* pages */
};

struct cma_floor {
	unsigned int nr;
	unsigned long totalcma_pages;
	struct cma areas[MAX_CMA_AREAS];
};

/* The floor's part at boot: the areas of the configuration. */
int cma_init(struct quire *q);
/*
 * Before the buddy has memory: an area of size bytes (rounded up to pageblocks)
 * of node nid (NUMA_NO_NODE: any), aligned to align (0: a pageblock).  0, -EINVAL,
 * -ENOSPC (too many), -ENOMEM.  Linux: cma_declare_contiguous_nid().
 */
int cma_declare_contiguous(struct quire *q, u64 size, u64 align, unsigned int order_per_bit,
			   const char *name, int nid);
/* After: gives the areas' pageblocks to their zones as MIGRATE_CMA. */
void cma_activate_areas(struct quire *q);

unsigned long cma_used_pages(struct quire *q, struct cma *cma);
/* The longest range that is not taken. */
unsigned long cma_maxchunk(struct quire *q, struct cma *cma);
static inline unsigned long totalcma_pages(const struct quire *q)
{
	return q->page->cma ? q->page->cma->totalcma_pages : 0;
}

/* The bits of count pages, aligned to 2^align pages, from bit `from` on: the first,
 * taken, and its page in *pfn; -1: there are none. */
long cma_take_bits(struct quire *q, struct cma *cma, unsigned long count, unsigned int align,
		   unsigned long from, u64 *pfn);
void cma_clear_bits(struct quire *q, struct cma *cma, u64 pfn, unsigned long count);

#endif
