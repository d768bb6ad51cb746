/* SPDX-License-Identifier: MIT */
/*
 * What hugetlb.c and hugetlb_move.c share: pages go into a pool and leave it.  "Locked"
 * means the floor's lock.
 */
#ifndef QUIRE_PAGE_HUGETLB_POOL_H
#define QUIRE_PAGE_HUGETLB_POOL_H

#include "page/hugetlb.h"

/* A new page that no list has yet, without references; *noretry: the nodes where
 * trying hard was in vain. */
struct page *hugetlb_alloc_fresh(struct quire *q, struct hstate *h, unsigned int nid, bool thisnode,
				 const nodemask_t *nodes, nodemask_t *noretry);
/* Back to the buddy. */
void hugetlb_free_to_buddy(struct quire *q, const struct hstate *h, struct page *page);

/* Locked: the page is one of the pool's, in use; it is free; it is no more. */
void hugetlb_add_to_pool(struct hstate *h, struct page *page);
void hugetlb_enqueue(struct hstate *h, struct page *page);
void hugetlb_remove_from_pool(struct hstate *h, struct page *page, bool is_free, bool surplus);
/* Locked: a free page of the nearest node that has one; NULL: none. */
struct page *hugetlb_dequeue(struct quire *q, struct hstate *h, unsigned int nid,
			     const nodemask_t *nodes);

#endif
