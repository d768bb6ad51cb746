/* SPDX-License-Identifier: MIT */
/*
 * LRU lists: where pages in use wait to be aged (Linux's swap.c and
 * mm_inline.h).
 *
 * A page is on one list of its lruvec while PG_lru is set; which one follows
 * from PG_active, PG_swapbacked and PG_unevictable.  Additions are collected in
 * a batch a CPU (15 pages) that holds a reference, so lru_lock is taken once a
 * batch.  Reclaim takes pages off (isolates): PG_lru cleared, PG_isolated set.
 */
#ifndef QUIRE_CACHE_LRU_H
#define QUIRE_CACHE_LRU_H

#include "group/memcontrol.h"
#include "node/lru_gen.h"
#include "page/pgtable.h"

#define PAGEVEC_SIZE	 15
#define SWAP_CLUSTER_MAX 32UL /* pages that reclaim takes at a time */

static inline bool page_is_file_lru(const struct page *page)
{
	return !PageSwapBacked(page);
}

/* The list a page with these flags belongs on. */
static inline enum lru_list page_lru(const struct page *page)
{
	if (PageUnevictable(page))
		return LRU_UNEVICTABLE;
	return (enum lru_list)((page_is_file_lru(page) ? LRU_FILE : 0) +
			       (PageActive(page) ? LRU_ACTIVE : 0));
}

/* Under lru_lock: link or unlink and count in lruvec, node, zone and group. */
void add_page_to_lru_list(struct quire *q, struct lruvec *lruvec, struct page *page);
void add_page_to_lru_list_tail(struct quire *q, struct lruvec *lruvec, struct page *page);
void del_page_from_lru_list(struct quire *q, struct lruvec *lruvec, struct page *page);

/* Pages come on a list, or go: what is counted of it.  lru_lock is held. */
static inline void update_lru_size(struct lruvec *lruvec, int lru, unsigned int zone, long nr)
{
	lruvec->nr[lru] += (unsigned long)nr;
	lruvec->nr_zone[lru][zone] += (unsigned long)nr;
	mod_node_page_state(lruvec->pgdat, (enum node_stat_item)(NR_INACTIVE_ANON + lru), nr);
	mod_zone_page_state(&lruvec->pgdat->node_zones[zone],
			    (enum zone_stat_item)(NR_ZONE_INACTIVE_ANON + lru), nr);
	if (lruvec->memcg)
		(void)HOT_ADD(&lruvec->stat[NR_INACTIVE_ANON + lru], nr);
}

/*
 * Generations (cache/lru_gen.c), under lru_lock.  The page's comes from its flags: false
 * if it is for the classic lists.  tail: to be evicted next.
 */
bool lru_gen_add_page(struct lruvec *lruvec, struct page *page, bool tail);
/* Off its generation; reclaiming: what was young does not get PG_active. */
void lru_gen_del_page(struct lruvec *lruvec, struct page *page, bool reclaiming);
/* The counts of a page that goes from one generation to another; -1: none. */
void lru_gen_update_size(struct lruvec *lruvec, const struct page *page, int old_gen, int new_gen);
/* One use more through a file descriptor. */
void page_inc_refs(struct page *page);

/* A new page in use: through the CPU's batch (takes a reference until then). */
void lru_cache_add(struct quire *q, struct page *page);
/* Empties the batches of this CPU, or of all. */
void lru_add_drain(struct quire *q);
void lru_add_drain_all(struct quire *q);
/* A page was used: referenced, then active (Linux's two steps). */
void mark_page_accessed(struct quire *q, struct page *page);
/* To the active list, or to the inactive tail (PG_reclaim after writeback). */
void activate_page(struct quire *q, struct page *page);
void deactivate_page(struct quire *q, struct page *page);
/* An anonymous page may go unless it is written again (MADV_FREE). */
void mark_page_lazyfree(struct quire *q, struct page *page);
void rotate_reclaimable_page(struct quire *q, struct page *page);
void mlock_page(struct quire *q, struct page *page);
void munlock_page(struct quire *q, struct page *page);

/* Drops a reference; the last one takes the page off its list, uncharges it
 * and frees it. */
void put_page(struct quire *q, struct page *page);
/* What the last put_page() does.  Linux: __folio_put(). */
void free_unreferenced_page(struct quire *q, struct page *page);
/* The same for many; the array is the caller's. */
void release_pages(struct quire *q, struct page **pages, unsigned int nr);

#endif
