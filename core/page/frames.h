/* SPDX-License-Identifier: MIT */
/*
 * Frames: pages for an embedder, without locks and without descriptors.
 *
 * struct page is 64 bytes, a million of them is more than any cache holds, and a
 * buddy allocator that keeps its lists there touches three for each page that it
 * joins.  The kernel's own pages need theirs anyway.  Pages that an embedder asks
 * for (page/api.c) do not: he knows his pages himself, and all that the allocator
 * must know fits in a byte and a bit a page.  So his pages come from here, where
 * the port has lists of the CPU's own (HOT_PERCPU) and room for these arrays
 * (quire_memory.frames):
 *
 *	state		a byte a frame: who has the block that begins there, its
 *			order, its migrate type.  0 at all other frames.
 *	pageblock_map	512 bits a pageblock: which pages are free
 *	per-CPU lists	of blocks, by node, migrate type and order 0 .. 9
 *
 * From above: a block is popped from the CPU's list of its kind, and its byte set;
 * freeing looks at the byte, which must say that this very block is in use,
 * clears it and pushes.  No lock, no atomic, two or three lines of cache that are
 * the CPU's own.  A list that is empty is filled, one that is full is halved,
 * under the node's lock, from and to the maps.
 *
 * The maps' pageblocks come from the buddy allocator below, whole, by Linux's rules
 * for a request of order 9 (watermarks, migrate types, stealing of whole
 * pageblocks), and go back when they are whole again; two of each node and type
 * stay at hand.  So small blocks of one type fill one pageblock before they
 * begin another: first the one whose largest free run is the smallest that will
 * do.  When there is neither a run nor a pageblock, the CPUs' lists are emptied
 * first; then a block is taken from another type's pageblock (nr_fallbacks
 * counts it), which changes its type if it is half free; and then the request goes
 * the way of the kernel's own (__alloc_pages(), with kswapd, reclaim and
 * other nodes).  The other way round a kernel request that would fail takes a
 * block from the maps (frames_lend()).
 *
 * Descriptors of pages here are not written or read.  If a pageblock was virgin when it
 * came (buddy.c) it stays so and goes back so, with its first one alone; with several
 * nodes all are written once, for page_to_nid().
 *
 * A block in use that frames have no list for, order 10 or one from the buddy's
 * own remnants, has a byte too (FRAME_BUDDY): so ownership is checked alike.
 *
 * Invariants (verify_frames.c): a page of a map is free, or part of exactly one
 * block that is in use, lent, or on one CPU's list; nr_free and largest are the
 * map's; a map is on the list of its type and largest run; free pages have a zero
 * byte.  Pageblocks here are one allocated block of order 9 to the buddy.
 *
 * Misuse is found before anything has changed: a wrong byte is reported by
 * bad_page() and the page stays as it was.  Two threads that free one page in the
 * same instant both see it in use; then the map, where it arrives twice, says so.
 *
 * Locks: frame_node.lock (LOCK_FRAMES); zone->lock is never taken within.
 *
 * Differs from Linux: all of it, and only on ports with HOT_PERCPU; the model's
 * and the kernel's own pages know nothing of this.  Events and NUMA counts come from the lists' words.
 */
#ifndef QUIRE_PAGE_FRAMES_H
#define QUIRE_PAGE_FRAMES_H

#include "page/alloc.h"
#include "page/pageblock_map.h"

/* A frame's byte: whose block begins here, its type and its order. */
#define FRAME_OWNER	  0xc0u
#define FRAME_NONE	  0x00u
#define FRAME_LENT	  0x40u /* the kernel's, from a map */
#define FRAME_USED	  0x80u /* the embedder's, from a map */
#define FRAME_BUDDY	  0xc0u /* the embedder's, from the buddy */
#define FRAME_ORDER	  0x0fu
#define FRAME_TYPE_BITS	  0x30u
#define FRAME_TYPE(state) (((state) >> 4) & 3u)

/* A bit of q->keys that is no switch (base/trace.h has those): embedders' pages have
 * descriptors here, or there are several nodes, and page/api.c has more to do. */
#define KEY_SLOW_FRAMES (1UL << 62)

#define FRAME_LIST_MAX 512 /* entries of any list */

struct frame_list {
	u32 off; /* in a slot's region; 0: none */
	u32 cap; /* entries at most; 0: none */
};

/* A kind of block: migrate type and order, the low bits of its frame's byte; and
 * where its list is found. */
#define FRAME_KIND(type, order) ((type) << 4 | (order))
#define FRAME_KIND_BITS		6

/* What a node's maps and lists have; all of it under lock. */
struct frame_node {
	struct spinlock lock;
	u32 head[MIGRATE_PCPTYPES][PBMAP_ORDERS]; /* maps by largest run: number + 1 */
	u32 tail[MIGRATE_PCPTYPES][PBMAP_ORDERS];
	u32 nonempty[MIGRATE_PCPTYPES]; /* bit o: head[][o] is not 0 */
	u32 nr_whole[MIGRATE_PCPTYPES]; /* maps of which all is free */
	unsigned long nr_maps;
	unsigned long nr_free;			  /* pages, in maps */
	unsigned long nr_lent;			  /* pages, the kernel's */
	unsigned long nr_remote;		  /* blocks asked for from another node's CPU */
	long net[MIGRATE_PCPTYPES][PBMAP_ORDERS]; /* blocks put on lists, less those taken off */
	/* Blocks that came from or went to the maps directly. */
	unsigned long direct_allocs[PBMAP_ORDERS], direct_frees[PBMAP_ORDERS];
	unsigned long nr_fallbacks; /* blocks from another type's pageblock */
	struct zone *zone;	    /* whose pageblocks they are: the node's highest */
	unsigned int nid;
};

struct frame_floor {
	u8 *state;		   /* by frame */
	struct pageblock_map *map; /* by pageblock: pfn / 512 */
	struct frame_node *node[QUIRE_MAX_NODES];
	struct frame_list list[]; /* by node and kind: frame_list() */
};

#if HOT_PERCPU

static inline struct frame_list *frame_list(struct frame_floor *f, unsigned int nid,
					    unsigned int kind)
{
	return &f->list[nid << FRAME_KIND_BITS | kind];
}

/* Boot, once the buddy owns memory.  Without room from the port: nothing. */
int frames_init(struct quire *q);

/* Bytes of quire_memory.frames. */
size_t frames_bytes(u64 max_pfn);

/* What the lists did not have: a block's first frame, or 0. */
u32 frames_alloc_slow(struct quire *q, unsigned int order, unsigned int nid, unsigned int type);
/* What they had no room for. */
void frames_free_slow(struct quire *q, u32 pfn, unsigned int order, unsigned int nid,
		      unsigned int type);
/* The same, straight to the maps. */
void frames_put(struct quire *q, u32 pfn, unsigned int order);
/* Single pages, many at once, from lists and maps: how many came. */
unsigned int frames_alloc_bulk(struct quire *q, unsigned int nid, unsigned int type,
			       unsigned int nr, struct page **pages);
void frames_free_bulk(struct quire *q, const u32 *pfns, unsigned int nr);

/* Empties the CPUs' lists of a node's (-1: all) and gives whole pageblocks back. */
void frames_drain(struct quire *q, int nid);

/* Has a slot anything on a node's lists?  As it was a moment ago. */
bool frames_slot_used(const struct quire *q, unsigned int nid, u32 slot);

/* A block for the kernel when the buddy has none; its descriptors are written.  And
 * back: true if it came from here. */
struct page *frames_lend(struct quire *q, unsigned int order, unsigned int nid, int migratetype);
bool frames_return(struct quire *q, struct page *page, unsigned int order);

/* Is the frame in one of the maps' pageblocks?  Read without a lock. */
static inline bool frames_own(const struct quire *q, u64 pfn)
{
	return q->frames && HOT_LOAD(&q->frames->map[pfn / PBMAP_PAGES].owned);
}

/* The first frame of the block in use that has this one; UINT64_MAX: none. */
u64 frames_head(const struct quire *q, u64 pfn);

/* Writes what descriptors around a frame are not: it will be reported. */
void frames_write_descriptors(struct quire *q, u64 pfn);

/* Free pages in maps; node -1: of all. */
unsigned long frames_nr_free(const struct quire *q, int nid);
/* Free blocks of each order in maps of a zone, of one type (-1: of all), added to
 * nr[MAX_ORDER]. */
void frames_count_blocks(const struct quire *q, const struct zone *zone, int type,
			 unsigned long *nr);
/* What is counted here and not where Linux does: node_floor's more_events. */
unsigned long frames_events(const struct quire *q, enum vm_event_item item);
unsigned long frames_numa_events(const struct quire *q, const struct zone *zone,
				 enum numa_stat_item item);

#else

static inline size_t frames_bytes(u64 max_pfn)
{
	(void)max_pfn;
	return 0;
}
static inline int frames_init(struct quire *q)
{
	(void)q;
	return 0;
}
static inline void frames_drain(struct quire *q, int nid)
{
	(void)q;
	(void)nid;
}
static inline struct page *frames_lend(struct quire *q, unsigned int order, unsigned int nid,
				       int migratetype)
{
	(void)q;
	(void)order;
	(void)nid;
	(void)migratetype;
	return NULL;
}
static inline bool frames_return(struct quire *q, struct page *page, unsigned int order)
{
	(void)q;
	(void)page;
	(void)order;
	return false;
}
static inline bool frames_own(const struct quire *q, u64 pfn)
{
	(void)q;
	(void)pfn;
	return false;
}
static inline unsigned long frames_nr_free(const struct quire *q, int nid)
{
	(void)q;
	(void)nid;
	return 0;
}
static inline void frames_count_blocks(const struct quire *q, const struct zone *zone, int type,
				       unsigned long *nr)
{
	(void)q;
	(void)zone;
	(void)type;
	(void)nr;
}

#endif
#endif
