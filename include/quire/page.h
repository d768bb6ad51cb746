/* SPDX-License-Identifier: MIT */
/*
 * Pages: blocks of 2^order frames of 4 KiB from an instance's memory, from the
 * node you want, through lists of the running CPU's own.
 *
 *	struct page *p = quire_alloc_pages(q, 1, 0, QUIRE_ALLOC_ZERO);	 two pages
 *	char *bytes = quire_page_address(q, p);
 *	...
 *	quire_free_pages(q, p, 1);
 *
 * All functions may be called from any thread at once on the host port.
 */
#ifndef QUIRE_PAGE_H
#define QUIRE_PAGE_H

#include <stddef.h>
#include <stdint.h>

struct quire;
struct page;

#define QUIRE_PAGE_SIZE 4096u
#define QUIRE_MAX_ORDER 10 /* the largest block: 4 MiB */

#define QUIRE_ALLOC_ZERO   0x1u /* bytes read as 0 */
#define QUIRE_ALLOC_NOWAIT 0x2u /* never sleep: fail where memory would have to be reclaimed */

/* What will become of a block: kinds are kept apart, so that memory whose
 * pages go together comes back in large pieces. */
#define QUIRE_ALLOC_MOVABLE	0x4u  /* short-lived, or can be moved */
#define QUIRE_ALLOC_RECLAIMABLE 0x8u  /* a cache: can be dropped */
#define QUIRE_ALLOC_THISNODE	0x10u /* fail rather than take another node's memory */

#define QUIRE_NODE_HERE (-1) /* the node of the CPU that the caller runs on */

/*
 * 2^order pages in a row, aligned to their size, from node or, if that is
 * short, from the nearest that is not.  NULL when there is no memory, or order
 * or node are out of range.  Sleeps only without QUIRE_ALLOC_NOWAIT, and only
 * where floors above reclaim memory.  Linux: alloc_pages_node().
 */
struct page *quire_alloc_pages(struct quire *q, unsigned int order, int node, unsigned int flags)
	__attribute__((warn_unused_result));

/* Gives them back; order is that of the allocation.  A page that is free
 * already, a wrong order, a page that is not the first of its block or not of this
 * instance is reported in the log ("Bad page state"), and nothing is changed; in
 * debug builds it stops the machine (port->panic).  Never sleeps.  Linux:
 * __free_pages(). */
void quire_free_pages(struct quire *q, struct page *page, unsigned int order);

/*
 * Many single pages at once: up to nr are written to pages[], in no order; returns
 * how many there were.  A few come from the CPU's own list, more straight from
 * whole pageblocks, at a fraction of what as many calls cost.  node and flags are
 * as above.  Linux: alloc_pages_bulk_array_node().
 */
size_t quire_alloc_pages_bulk(struct quire *q, int node, unsigned int flags, size_t nr,
			      struct page **pages);
/* Gives nr single pages back, however they were allocated.  Never sleeps. */
void quire_free_pages_bulk(struct quire *q, size_t nr, struct page *const *pages);

/* Where the block's bytes are (page is its first page); and the first page of the
 * block that holds an address of the instance's memory.  Never sleep.  Linux:
 * page_address(), virt_to_head_page(). */
void *quire_page_address(struct quire *q, const struct page *page);
struct page *quire_page_of(struct quire *q, const void *address);

/* The node that a page's memory belongs to.  Linux: page_to_nid(). */
unsigned int quire_page_node(const struct page *page);

/* Free pages of 4 KiB of a node (-1: of all; 0 for a node there is not), those on
 * CPUs' lists not counted; and the pages that the instance manages, free or not.
 * Never sleep.  Linux: NR_FREE_PAGES, managed_pages. */
uint64_t quire_nr_free_pages(struct quire *q, int node);
uint64_t quire_nr_total_pages(struct quire *q, int node);

/* Free blocks of an order, as /proc/buddyinfo counts them: a block is counted by the
 * largest order it is part of, but those of order 10 as two of order 9 if order is
 * 9.  Never sleeps. */
uint64_t quire_nr_free_blocks(struct quire *q, int node, unsigned int order);

/* Gives the pages on CPUs' lists back to the nodes' free areas, where they
 * join into larger blocks.  Never sleeps.  Linux: drain_all_pages(). */
void quire_drain_pages(struct quire *q);

/*
 * The debugging of pages, switched on and off at any time: flags is what is to be on
 * from now on, of
 *
 *	QUIRE_DEBUG_OWNER	who allocated a page and who freed it, when and how: named
 *				in reports of misuse, and for all pages in use by
 *				quire_proc_read(q, "/sys/kernel/debug/page_owner", ...)
 *	QUIRE_DEBUG_POISON	free pages hold a pattern, and the log says which bytes of
 *				a page were written to after it was freed
 *
 * While either is on, pages come from the allocator with descriptors and cost some
 * hundred nanoseconds more.  0, -EINVAL, or -ENOMEM (then what could be switched is).
 * May sleep.  Linux: page_owner=on, page_poison=1.
 */
#define QUIRE_DEBUG_OWNER  0x1u
#define QUIRE_DEBUG_POISON 0x2u
int quire_page_debug(struct quire *q, unsigned int flags);

#endif
