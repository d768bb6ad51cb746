/* SPDX-License-Identifier: MIT */
/*
 * Pools of huge pages: 2 MiB and 1 GiB, taken from the buddy allocator ahead of
 * need and given to nobody but hugetlb mappings (Linux's hugetlb.c).
 *
 * A pool counts, of its pages in all (nr), those that nobody uses (free), those
 * of the free that mappings have been promised (resv), and those above what the
 * administrator asked for (surplus), which go back as soon as they are free.
 */
#ifndef QUIRE_PAGE_HUGETLB_H
#define QUIRE_PAGE_HUGETLB_H

#include "base/wait.h"
#include "page/pgtable.h"

#define HUGE_MAX_HSTATE 2
#define GIGANTIC_ORDER	18
#define PUD_SHIFT	30
#define NUMA_NO_NODE	(-1)

/* Bits of the head's private. */
enum {
	HPG_restore_reserve,
	HPG_temporary,	/* goes to the buddy when it is freed: another has taken its place */
	HPG_migratable, /* a mapping has it, and nobody is moving it */
};

struct hstate {
	struct mutex resize_lock; /* one change of the pool's size at a time */
	unsigned int order;
	unsigned int demote_order; /* what its pages can be cut into; 0: nothing */
	unsigned int next_nid_to_alloc, next_nid_to_free;
	unsigned long max_huge_pages; /* what was asked for and could be had */
	unsigned long nr_huge_pages, free_huge_pages, resv_huge_pages, surplus_huge_pages;
	unsigned long nr_overcommit_huge_pages;
	unsigned long nr_isolated; /* off all lists: they are being moved */
	struct list_head hugepage_activelist;
	struct list_head hugepage_freelists[QUIRE_MAX_NODES];
	unsigned int nr_huge_pages_node[QUIRE_MAX_NODES], free_huge_pages_node[QUIRE_MAX_NODES],
		surplus_huge_pages_node[QUIRE_MAX_NODES];
};

/*
 * A part of a pool for one mount of hugetlbfs: it may be limited, and may have pages
 * that are promised to it from its mounting on (hugetlb_subpool.c).  Linux:
 * struct hugepage_subpool.
 */
struct hugepage_subpool {
	struct hstate *h;
	long max_hpages;  /* -1: no limit */
	long used_hpages; /* with a limit: pages promised or in use */
	long min_hpages;  /* -1: none are its own */
	long rsv_hpages;  /* of these, promised by the pool and not claimed yet */
};

struct hugetlb_floor {
	struct spinlock lock;			/* LOCK_HUGETLB: all that hstates count and list */
	struct hstate hstates[HUGE_MAX_HSTATE]; /* 1 GiB, 2 MiB, in Linux's order */
	struct list_head boot_pages; /* of 1 GiB, from boot memory; until there are pools */
};

static inline struct hstate *default_hstate(const struct quire *q)
{
	return &q->page->hugetlb->hstates[1];
}

#define for_each_hstate(q, h)                                \
	for (struct hstate *h = (q)->page->hugetlb->hstates; \
	     h < (q)->page->hugetlb->hstates + HUGE_MAX_HSTATE; h++)

static inline unsigned long huge_page_size(const struct hstate *h)
{
	return PAGE_SIZE << h->order;
}
static inline unsigned int huge_page_shift(const struct hstate *h)
{
	return h->order + PAGE_SHIFT;
}
static inline unsigned long pages_per_huge_page(const struct hstate *h)
{
	return 1UL << h->order;
}
static inline bool hstate_is_gigantic(const struct hstate *h)
{
	return h->order >= MAX_ORDER;
}

/* The pool of a size; NULL: there is none. */
struct hstate *size_to_hstate(struct quire *q, u64 bytes);
struct hstate *page_hstate(struct quire *q, const struct page *head);

/* The page floor's part at boot: empty pools, and boot memory for pages of 1 GiB that
 * the configuration asks for.  Once the buddy has memory: the pools' first pages. */
int hugetlb_init(struct quire *q);
void hugetlb_init_late(struct quire *q);

/*
 * Makes the pool (nid < 0) or its part of a node as large as asked, as far as
 * memory allows, or as small as what is in use or promised allows.  Pages are
 * taken from, and given back to, the nodes of the mask in turn (NULL: all that
 * have memory).  May sleep, reclaim and compact.  Linux: set_max_huge_pages().
 */
int set_max_huge_pages(struct quire *q, struct hstate *h, unsigned long count, int nid,
		       const nodemask_t *nodes_allowed);
/* nr_overcommit_hugepages; -EINVAL for gigantic pages. */
int set_overcommit_huge_pages(struct quire *q, struct hstate *h, unsigned long count);

/*
 * Promises delta pages (or takes the promise of -delta back); pages that lack are
 * had from the buddy as far as overcommitting is allowed.  allowed: pages of the
 * nodes that the asking task may use.  0 or -ENOMEM.  May sleep.
 */
int hugetlb_acct_memory(struct quire *q, struct hstate *h, long delta, const nodemask_t *allowed);

/*
 * A page of the pool for a fault: from node nid on, within nodes (NULL: all).
 * reserved: the mapping was promised one.  Else only what is promised to nobody,
 * or a surplus page.  NULL: none left.  The page has one reference.
 */
struct page *hugetlb_alloc(struct quire *q, struct hstate *h, unsigned int nid,
			   const nodemask_t *nodes, bool reserved);
/* The page is part of a mapping now: when it is freed its promise is used up. */
static inline void hugetlb_commit(struct page *head)
{
	head->private &= ~BIT(HPG_restore_reserve);
}

/* delta pages are to be used: how many of them the pool must still promise, as the
 * subpool has none of its own left; -ENOMEM: above its limit.  spool may be NULL. */
long hugepage_subpool_get_pages(struct quire *q, struct hugepage_subpool *spool, long delta);
/* They are not: how many promises the pool may take back. */
long hugepage_subpool_put_pages(struct quire *q, struct hugepage_subpool *spool, long delta);
/* Takes a get back, of which the pool was to promise some and could not. */
void hugepage_subpool_unget_pages(struct quire *q, struct hugepage_subpool *spool, long delta,
				  long from_pool);

/* Who has a part in a page in use is kept in its first tails: its subpool, the control
 * group that pays for it and the one that paid for its promise. */
static inline struct hugepage_subpool *hugetlb_page_subpool(const struct page *head)
{
	return (struct hugepage_subpool *)head[1].private;
}
static inline void hugetlb_set_page_subpool(struct page *head, struct hugepage_subpool *spool)
{
	head[1].private = (unsigned long)spool;
}
static inline void *hugetlb_page_cgroup(const struct page *head, bool rsvd)
{
	return (void *)head[rsvd ? 3 : 2].private;
}
static inline void hugetlb_set_page_cgroup(struct page *head, bool rsvd, void *cg)
{
	head[rsvd ? 3 : 2].private = (unsigned long)cg;
}
static inline void hugetlb_clear_owners(struct page *head)
{
	head[1].private = head[2].private = head[3].private = 0;
}

/* Frames in all pools: not for anything else (CommitLimit, meminfo). */
unsigned long hugetlb_total_pages(const struct quire *q);

/*
 * Pages of pools that move (hugetlb_move.c).
 *
 * hugetlb_isolate() takes one in use off its list, onto the caller's, with a reference:
 * 0 or -EBUSY; hugetlb_putback() the other way round.  hugetlb_alloc_nodemask() gives
 * another to move to: a free one of the pool, or one that takes its place.
 * hugetlb_move_state() makes that so; hugetlb_activate() drops the caller's reference.
 */
int hugetlb_isolate(struct quire *q, struct page *head, struct list_head *list);
void hugetlb_putback(struct quire *q, struct page *head);
struct page *hugetlb_alloc_nodemask(struct quire *q, struct hstate *h, unsigned int nid,
				    const nodemask_t *nodes, bool thisnode);
void hugetlb_move_state(struct quire *q, struct page *old, struct page *new);
void hugetlb_activate(struct quire *q, struct page *head);
/*
 * A page of a pool is in the way of a range that is to be free: one in use goes on the
 * list, for a free one the pool gets another.  0, -EBUSY, -ENOMEM.  May sleep.
 */
int isolate_or_dissolve_huge_page(struct quire *q, struct page *page, struct list_head *list);
/* The same when memory goes away: free pages leave the pool for good.  -EBUSY: one is in
 * use, or promised. */
int dissolve_free_huge_pages(struct quire *q, u64 start_pfn, u64 end_pfn);
/* Cuts up to nr free pages into those of another pool (nid < 0: of any node).  0, -EINVAL
 * (they can't be), -EBUSY, -ENOMEM.  May sleep. */
int demote_huge_pages(struct quire *q, struct hstate *h, unsigned long nr, int nid);
/* demote_size: 0 or -EINVAL. */
int set_demote_size(struct quire *q, struct hstate *h, u64 bytes);

/* 2^order contiguous frames above the buddy's orders: the first, each with one
 * reference; NULL: there are none.  What is in use there is moved, where the port has
 * the floors for that.  May sleep. */
struct page *alloc_contig_pages(struct quire *q, unsigned long nr_pages, unsigned int nid,
				const nodemask_t *nodes);

#endif
