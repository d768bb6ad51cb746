/* SPDX-License-Identifier: MIT */
/*
 * The page allocator: Linux's page_alloc.c seen from above.
 *
 * Its slow path calls upward (kswapd, direct reclaim, the OOM killer) through
 * one table that those floors fill at boot; without them an allocation that
 * finds nothing fails.
 */
#ifndef QUIRE_PAGE_ALLOC_H
#define QUIRE_PAGE_ALLOC_H

#include "node/vmstat.h"
#include "page/gfp.h"

/* What a failing allocation wanted: handed to the killer. */
struct alloc_context {
	gfp_t gfp;
	unsigned int order;
	unsigned int preferred_nid;
	int highest_zoneidx;
	int migratetype;
	const nodemask_t *nodemask; /* NULL: all */
	struct zonelist *zonelist;
	struct zoneref *preferred_zoneref; /* the first that may be used */
	unsigned int alloc_flags;
	bool spread_dirty_pages; /* __GFP_WRITE: pass nodes over that have too many dirty pages */
};

/* How hard to compact, the hardest first, and what came of it, from bad to good. */
enum compact_priority {
	COMPACT_PRIO_SYNC_FULL,
	MIN_COMPACT_PRIORITY = COMPACT_PRIO_SYNC_FULL,
	COMPACT_PRIO_SYNC_LIGHT,
	MIN_COMPACT_COSTLY_PRIORITY = COMPACT_PRIO_SYNC_LIGHT,
	DEF_COMPACT_PRIORITY = COMPACT_PRIO_SYNC_LIGHT,
	COMPACT_PRIO_ASYNC,
	INIT_COMPACT_PRIORITY = COMPACT_PRIO_ASYNC,
};

enum compact_result {
	COMPACT_NOT_SUITABLE_ZONE, /* it is short of memory, not fragmented */
	COMPACT_SKIPPED,	   /* not enough free pages to move others to */
	COMPACT_DEFERRED,	   /* it failed a short while ago */
	COMPACT_NO_SUITABLE_PAGE,  /* none yet */
	COMPACT_CONTINUE,
	COMPACT_COMPLETE,	 /* the whole zone was gone through, in vain */
	COMPACT_PARTIAL_SKIPPED, /* the rest of it was */
	COMPACT_CONTENDED,	 /* given up: a lock, a signal */
	COMPACT_SUCCESS,
};

/* Ored into mempolicy_node()'s answer: count the page as interleaved. */
#define MEMPOLICY_INTERLEAVED 0x10000u
/* The mask is where to look first, without reclaim; then anywhere. */
#define MEMPOLICY_PREFERRED_MANY 0x20000u

struct page_pressure_ops {
	void (*wakeup_kswapd)(struct quire *q, struct zone *zone, gfp_t gfp, unsigned int order,
			      int highest_zoneidx);
	/* Pages reclaimed; may sleep. */
	unsigned long (*try_to_free_pages)(struct quire *q, struct alloc_context *ac);
	/* True if something was killed or is dying: try again. */
	bool (*out_of_memory)(struct quire *q, struct alloc_context *ac);
	/* The caller is being killed: it may use reserves and should not wait. */
	bool (*task_is_dying)(struct quire *q);
	bool (*task_is_oom_victim)(struct quire *q);
	/* NUMA policy of the running task: the node and the mask (NULL: all). */
	unsigned int (*mempolicy_node)(struct quire *q, const nodemask_t **nodemask);
	/* Where KEY_CPUSETS is on: the nodes that the running task may use (NULL:
	 * all), and whether a request of its may use a zone. */
	const nodemask_t *(*mems_allowed)(struct quire *q);
	bool (*zone_allowed)(struct quire *q, const struct zone *zone, gfp_t gfp);
	/* "warn_alloc": prints Mem-Info beneath a page allocation failure. */
	void (*show_mem)(struct quire *q, const nodemask_t *nodemask);
	/* The running task's name and numbers, for reports; NULL: "swapper/0". */
	const char *(*task_comm)(struct quire *q, int *pid, int *tgid);
	/* Pages of a zone that reclaim could get at; NULL: its file pages. */
	unsigned long (*zone_reclaimable_pages)(struct quire *q, struct zone *zone);
	/* Reclaims a little of a near node before memory of a far one is taken; true
	 * if it tried (vm.zone_reclaim_mode).  NULL: nobody can. */
	bool (*node_reclaim)(struct quire *q, struct pglist_data *pgdat, gfp_t gfp,
			     unsigned int order);
	/* Compacts the zones that the request may use; may sleep.  *capture: a
	 * block that was freed for it, without references.  NULL: nobody can. */
	enum compact_result (*try_to_compact_pages)(struct quire *q, struct alloc_context *ac,
						    enum compact_priority prio,
						    struct page **capture);
	/* Takes [start, end) of a zone for the caller: what is in use there is moved
	 * away (reclaim/contig.c); may sleep.  NULL: nobody can. */
	int (*alloc_contig_range)(struct quire *q, struct zone *zone, u64 start, u64 end,
				  int migratetype);
	/* Call chains, for page owners: the one that led here as a number (0: not
	 * known), its entries, and what there must be before.  NULL: none are kept. */
	u32 (*stack_here)(struct quire *q);
	unsigned int (*stack_fetch)(struct quire *q, u32 handle, const uintptr_t **entries);
	int (*stack_init)(struct quire *q);
	/* A page table's page is charged to the running task's group (0 or
	 * -ENOMEM), and its charge taken back.  NULL: no groups. */
	int (*charge_table)(struct quire *q, struct page *page, gfp_t gfp, bool counted);
	void (*uncharge_table)(struct quire *q, struct page *page, bool counted);
	/* A page of a pool is given back: its control groups pay for it no more.  Under
	 * the pools' lock; called only for pages that were charged. */
	void (*hugetlb_uncharge)(struct quire *q, struct page *head);
	/* May the node take more pages that will be dirty?  NULL: yes. */
	bool (*node_dirty_ok)(struct quire *q, struct pglist_data *pgdat);
};

struct hugetlb_floor;
struct trace_floor;
struct page_debug;
struct cma_floor;

/* Set by sysctl; the floor's state. */
struct page_floor {
	struct page_pressure_ops ops;
	struct hugetlb_floor *hugetlb; /* page/hugetlb.h */
	int pt_levels;		       /* of page tables: 4 or 5 */
	/* What the last reference to a compound page of a kind does first, by
	 * compound_dtor; NULL: nothing.  True: the page is taken care of, it is
	 * not to be freed. */
	bool (*compound_dtor[NR_COMPOUND_DTORS])(struct quire *q, struct page *head);
	unsigned long min_free_kbytes;
	long user_min_free_kbytes;	     /* what was last written there; -1: nothing yet */
	unsigned int watermark_scale_factor; /* 10 = 0.1 % */
	unsigned int watermark_boost_factor;
	unsigned int extfrag_threshold; /* compact where the index of fragmentation is above */
	unsigned int lowmem_reserve_ratio[MAX_NR_ZONES];
	unsigned int percpu_pagelist_high_fraction;
	bool deferred_pages; /* some zone has some: see deferred_pages_enabled() */
	/* Fault point: when set and true, the allocation fails at once (not
	 * those with __GFP_NOFAIL).  By set_fail_alloc(). */
	bool (*fail_alloc)(struct quire *q, gfp_t gfp, unsigned int order, void *ctx);
	void *fail_ctx;
	u64 last_warning_ns;		/* of "page allocation failure": one in 10 s; 0: none yet */
	struct cpuset *cpusets;		/* space/cpuset.c's */
	struct kmem_cache *mpol_cachep; /* space/mempolicy.c's, once an area has a policy */
	u8 il_weight[QUIRE_MAX_NODES];	/* of weighted interleave; 0: 1 */
	struct cma_floor *cma;		/* page/cma.h; NULL: there are no areas */
	struct trace_floor *trace;	/* page/trace.h; NULL: nothing was ever recorded */
	struct page_debug *debug;	/* page/debug.h; NULL: it was never switched on */
	/* A page that is not as it should be is reported, left where it is and
	 * forgotten, as in Linux; or the machine stops (debug builds). */
	bool panic_on_bad_page;
	unsigned int nr_bad_shown, nr_bad_unshown; /* in the minute that began then: */
	u64 bad_page_resume_ns;
};

/* Sets the fault point of all page allocations, embedders' too; fn NULL: none. */
static inline void
set_fail_alloc(struct quire *q,
	       bool (*fn)(struct quire *q, gfp_t gfp, unsigned int order, void *ctx), void *ctx)
{
	q->page->fail_ctx = ctx;
	q->page->fail_alloc = fn;
	(void)HOT_OR(&q->keys, KEY_FAIL_ALLOC);
	if (!fn)
		(void)HOT_AND(&q->keys, ~KEY_FAIL_ALLOC);
}

/*
 * Boot: gives memblock's free memory to the buddy allocator, sets up per-CPU
 * lists, watermarks (by Linux's formulas) and reserves.  page_init_early()
 * makes the floor's structures in boot memory.
 */
int page_init_early(struct quire *q);
void memblock_free_all(struct quire *q);

/*
 * Gives frames that boot took to the buddy allocator after all: an initrd that
 * was unpacked, init's code.  Zones manage them and totalram_pages counts them
 * from then on; watermarks and reserves stay as they are until something else
 * computes them anew, as in Linux.  [pfn, pfn + nr) must be reserved boot memory
 * that nobody uses.  Linux: free_reserved_area().
 */
void free_reserved_area(struct quire *q, u64 pfn, unsigned long nr_pages);

/*
 * Memory hotplug, for reclaim/memory_hotplug.c: [pfn, pfn + nr) of one zone, whose
 * pages are all the caller's, is memory no longer; and is memory again, all of it
 * free, also in a zone that did not span it or had no memory at all.  Spans,
 * zonelists and MemTotal follow; marks are not computed anew:
 * init_per_zone_wmark_min() does that.  -ENOSPC: there are too many ranges.
 */
int offline_range(struct quire *q, struct zone *zone, u64 pfn, unsigned long nr_pages);
int online_range(struct quire *q, struct zone *zone, u64 pfn, unsigned long nr_pages);
/*
 * What a zone needs before it may span [pfn, pfn + nr): room for the types of so
 * many pageblocks from *base on (0: it has it).  zone_take_blocks() puts it in:
 * two arrays of zeros; what it had before is in them then, for the caller to free
 * if it is kmalloc's.  The same for per-CPU lists, of a zone that never had any.
 */
unsigned long zone_wants_blocks(const struct zone *zone, u64 pfn, unsigned long nr_pages,
				u64 *base);
bool zone_take_blocks(struct zone *zone, u8 **type, u8 **skip, u64 base, unsigned long blocks,
		      struct quire *q);
void zone_take_pagesets(struct quire *q, struct zone *zone, struct per_cpu_pages *pagesets);

/*
 * Gives a zone the next of its deferred pages: whole sections, until there are
 * 2^order pages more, and sets watermarks and reserves anew.  False when it has
 * none left.  Takes zone->lock.  Linux: deferred_grow_zone().
 */
bool deferred_grow_zone(struct quire *q, struct zone *zone, unsigned int order);

/* May zones grow?  Off once all have grown to their end, and while a machine is
 * built that must not. */
static inline bool deferred_pages_enabled(const struct quire *q)
{
	return HOT_LOAD(&q->page->deferred_pages);
}

/*
 * 2^order pages.  gfp says from where and how hard to try.  The first page's
 * descriptor with a reference count of 1 (compound if __GFP_COMP), or NULL.
 * Sleeps only with __GFP_DIRECT_RECLAIM.  Linux: __alloc_pages().
 *
 * __GFP_ZERO clears the page's content as its user sees it (hot_clear_page()):
 * in the model that is the content descriptor, and the frame's real bytes are
 * as the last owner left them.  Whoever reads real bytes through
 * page_address() in the core (slab, page tables) clears them itself.
 */
struct page *__alloc_pages(struct quire *q, gfp_t gfp, unsigned int order, unsigned int nid,
			   const nodemask_t *nodemask) __must_check;
/* By the running task's memory policy, from the running CPU's node. */
struct page *alloc_pages(struct quire *q, gfp_t gfp, unsigned int order) __must_check;
struct page *alloc_pages_node(struct quire *q, unsigned int nid, gfp_t gfp,
			      unsigned int order) __must_check;

/* Counts a page that interleaving placed where it wanted it. */
void count_numa_interleave(struct quire *q, const struct page *page);

/* Drops the caller's reference and frees when it was the last. */
void __free_pages(struct quire *q, struct page *page, unsigned int order);
/* Frees a page whose reference count is 0 already. */
void free_unref_page(struct quire *q, struct page *page, unsigned int order);
/* The same for a list of order-0 pages linked by lru; empties it. */
void free_unref_page_list(struct quire *q, struct list_head *list);

/* Gives the per-CPU lists back: of one zone, or of all (NULL). */
void drain_all_pages(struct quire *q, struct zone *zone);
/* This CPU's, of one zone. */
void drain_local_pages(struct quire *q, struct zone *zone);

/* Recomputes watermarks, reserves and pcp sizes from min_free_kbytes, the
 * scale factor and lowmem_reserve_ratio; called by sysctls. */
void setup_per_zone_wmarks(struct quire *q);
void setup_per_zone_lowmem_reserve(struct quire *q);
unsigned int calculate_normal_threshold(const struct quire *q, const struct zone *zone);
/* The sizes of per-CPU lists alone: percpu_pagelist_high_fraction changed. */
void setup_per_zone_pagesets(struct quire *q);
void calculate_min_free_kbytes(struct quire *q);
/* min_free_kbytes, marks and reserves from what zones manage now. */
void init_per_zone_wmark_min(struct quire *q);
/* Huge pages on demand want pageblocks free: raises min_free_kbytes as
 * khugepaged does when it starts, and with it the watermarks. */
void set_recommended_min_free_kbytes(struct quire *q);

static inline unsigned long min_wmark_pages(const struct zone *z)
{
	return HOT_LOAD(&z->_watermark[WMARK_MIN]) + HOT_LOAD(&z->watermark_boost);
}
static inline unsigned long low_wmark_pages(const struct zone *z)
{
	return HOT_LOAD(&z->_watermark[WMARK_LOW]) + HOT_LOAD(&z->watermark_boost);
}
static inline unsigned long high_wmark_pages(const struct zone *z)
{
	return HOT_LOAD(&z->_watermark[WMARK_HIGH]) + HOT_LOAD(&z->watermark_boost);
}

#define ALLOC_WMARK_MIN	    WMARK_MIN
#define ALLOC_WMARK_LOW	    WMARK_LOW
#define ALLOC_WMARK_HIGH    WMARK_HIGH
#define ALLOC_NO_WATERMARKS 0x04
#define ALLOC_WMARK_MASK    (ALLOC_NO_WATERMARKS - 1)
#define ALLOC_OOM	    0x08
#define ALLOC_HARDER	    0x10
#define ALLOC_HIGH	    0x20
#define ALLOC_CPUSET	    0x40 /* within the task's cpuset */
#define ALLOC_CMA	    0x80
#define ALLOC_NOFRAGMENT    0x100 /* don't mix migrate types, rather take a lower zone */
#define ALLOC_KSWAPD	    0x800

/* Would the zone stay above mark after 2^order pages?  Linux's
 * __zone_watermark_ok(). */
bool zone_watermark_ok(const struct zone *z, unsigned int order, unsigned long mark,
		       int highest_zoneidx, unsigned int alloc_flags);

/* MemFree (freeram of Linux's si_meminfo()), in pages: deferred ones are free. */
unsigned long si_mem_free(const struct quire *q);
/* MemAvailable by Linux's si_mem_available(), in pages. */
long si_mem_available(const struct quire *q);
unsigned long nr_free_buffer_pages(const struct quire *q);

/* The same, were so many pages free. */
bool __zone_watermark_ok(const struct zone *z, unsigned int order, unsigned long mark,
			 int highest_zoneidx, unsigned int alloc_flags, long free_pages);

/* Migrate type of the pageblock that holds a page. */
int get_pageblock_migratetype(const struct quire *q, const struct page *page);

/* Split a non-compound block into single pages, each with its reference. */
void split_page(struct quire *q, struct page *page, unsigned int order);

/*
 * Take one particular free range out of the buddy lists (a machine built from
 * a capture gives its free blocks their shape with it): false if it was not
 * wholly free.  The pages come back with reference count 1, order 0.
 */
bool take_free_range(struct quire *q, u64 pfn, unsigned long nr_pages);

/*
 * For the same machine: up to nr free blocks of the highest order, the last
 * that nothing has touched since boot, are out of reach and out of all counts
 * until they are shown again; all other blocks are on lists then, each with a
 * written descriptor.  Returns how many it hid.
 */
unsigned long zone_hide_free_blocks(struct quire *q, struct zone *zone, unsigned long nr);
void zone_show_free_blocks(struct quire *q, struct zone *zone, unsigned long nr);

/* The type of the pageblock that holds a frame; no page of it may be free. */
void set_pageblock_migratetype(struct quire *q, struct zone *zone, u64 pfn, int migratetype);

#endif
