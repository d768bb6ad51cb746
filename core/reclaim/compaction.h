/* SPDX-License-Identifier: MIT */
/*
 * Compaction (Linux's compaction.c): free memory that lies in pieces is put
 * together by moving pages in use.
 *
 *	compaction.c		a zone: when, how far; whom for
 *	  compact_migrate.c	upwards from the zone's start: pages to move
 *	  compact_free.c	downwards from its end: where to
 *	kcompactd.c		the same in the background, a thread a node
 *	contig.c		one particular range is emptied
 */
#ifndef QUIRE_RECLAIM_COMPACTION_H
#define QUIRE_RECLAIM_COMPACTION_H

#include "page/cma.h"
#include "reclaim/migrate.h"

#define COMPACT_CLUSTER_MAX SWAP_CLUSTER_MAX

struct compact_control {
	struct list_head freepages;    /* single pages to move to */
	struct list_head migratepages; /* pages to be moved */
	unsigned int nr_freepages, nr_migratepages;
	u64 free_pfn, migrate_pfn; /* where the scanners are */
	u64 fast_start_pfn;	   /* lowest that the fast search found; UINT64_MAX: was used */
	struct zone *zone;
	unsigned long total_migrate_scanned, total_free_scanned;
	unsigned int fast_search_fail; /* in a row */
	int search_order;	       /* where the free lists are searched next */
	gfp_t gfp_mask;
	int order; /* -1: the operator's wish, the whole zone */
	int migratetype;
	unsigned int alloc_flags;
	int highest_zoneidx;
	enum migrate_mode mode;
	bool ignore_skip_hint, no_set_skip_hint, ignore_block_suitable;
	bool direct_compaction, proactive_compaction, alloc_contig;
	bool offline;	 /* with alloc_contig: the range goes away for good */
	bool whole_zone; /* the run covers it all */
	bool rescan;	 /* the pageblock is gone through to its end this time */
	bool contended;	 /* give up: a fatal signal */
};

enum isolate_migrate { ISOLATE_ABORT, ISOLATE_NONE, ISOLATE_SUCCESS };

static inline u64 block_start_pfn(u64 pfn, int order)
{
	return ALIGN_DOWN(pfn, 1UL << order);
}

static inline u64 block_end_pfn(u64 pfn, int order)
{
	return ALIGN(pfn + 1, 1UL << order);
}

/* How many entries of free lists a fast search looks at: fewer, the more
 * often it failed. */
static inline unsigned int freelist_scan_limit(const struct compact_control *cc)
{
	unsigned int shift = min_t(unsigned int, cc->fast_search_fail, BITS_PER_LONG - 1);

	return (unsigned int)(COMPACT_CLUSTER_MAX >> shift) + 1;
}

static inline bool compact_isolation_suitable(const struct compact_control *cc, u64 pfn)
{
	return cc->ignore_skip_hint || !pageblock_skip(cc->zone, pfn);
}

/* Is it part of a huge page, which will not go away soon? */
static inline bool pageblock_skip_persistent(const struct page *page)
{
	return PageCompound(page) && compound_order(compound_head(page)) >= pageblock_order;
}

bool compact_fatal_signal(struct quire *q);

/* compact_migrate.c: one pageblock's worth of pages to move. */
enum isolate_migrate isolate_migratepages(struct quire *q, struct compact_control *cc);
/* All of [start, end): 0, -EAGAIN, -EINTR. */
int isolate_migratepages_range(struct quire *q, struct compact_control *cc, u64 start, u64 end);

/* compact_free.c: the new_page_t and free_page_t of compaction. */
struct page *compaction_alloc(struct quire *q, struct page *page, void *ctx);
void compaction_free(struct quire *q, struct page *page, void *ctx);
/* Gives what was not used back; the highest frame of it, 0: none. */
u64 release_freepages(struct quire *q, struct list_head *freepages);
/* [start, end), all free, as single pages on a list: 0 if some was not, or where the
 * last block ends, which may be beyond. */
u64 isolate_freepages_range(struct quire *q, struct compact_control *cc, u64 start, u64 end);

/* compaction.c */
enum compact_result compact_zone(struct quire *q, struct compact_control *cc,
				 struct capture_control *capc);
enum compact_result try_to_compact_pages(struct quire *q, struct alloc_context *ac,
					 enum compact_priority prio, struct page **capture);
/* The operator's wish: a node, all nodes. */
void compact_node(struct quire *q, unsigned int nid);
void compact_nodes(struct quire *q);
/* kswapd is through: pageblocks that were of no use may be by now. */
void reset_isolation_suitable(struct quire *q, struct pglist_data *pgdat);
/* How fragmented a node is, and from where on it is too much, of 100. */
unsigned int fragmentation_score_node(const struct pglist_data *pgdat);
unsigned int fragmentation_score_wmark(const struct quire *q, bool low);
unsigned int fragmentation_score_zone(const struct zone *zone);

/* kcompactd.c */
int kcompactd_run(struct quire *q, unsigned int nid);
void wakeup_kcompactd(struct quire *q, struct pglist_data *pgdat, int order, int highest_zoneidx);
/* The operator changed vm.compaction_proactiveness. */
void compaction_proactiveness_changed(struct quire *q);

/*
 * contig.c: takes the frames [start, end) of one zone for the caller: pages in use
 * there are moved away.  Each page then has one reference, order 0.  The pageblocks
 * around are of migratetype afterwards: MIGRATE_MOVABLE, or MIGRATE_CMA for a
 * contiguous area, which nobody else may ask of.  0, -EBUSY (something does not
 * move), -EINVAL, -EINTR.  May sleep.  free_contig_range() gives pages back.
 */
int alloc_contig_range(struct quire *q, struct zone *zone, u64 start, u64 end, int migratetype);
/* The same with the nodes that pages may move to; NULL: any. */
int alloc_contig_range_to(struct quire *q, struct zone *zone, u64 start, u64 end, int migratetype,
			  const nodemask_t *targets);
void free_contig_range(struct quire *q, u64 start, unsigned long nr_pages);
/* Moves all that is in use in a range that is isolated already; 0 or -EBUSY. */
int migrate_contig_range(struct quire *q, struct zone *zone, u64 start, u64 end);

/*
 * cma.c: count pages of a contiguous area, aligned to 2^align pages, each with one
 * reference; NULL: the area has no such range that can be emptied.  May sleep.
 * cma_release() gives back what cma_alloc() gave, all or a part; false: it is not the
 * area's.
 */
struct page *cma_alloc(struct quire *q, struct cma *cma, unsigned long count, unsigned int align,
		       bool no_warn);
bool cma_release(struct quire *q, struct cma *cma, const struct page *pages, unsigned long count);

#endif
