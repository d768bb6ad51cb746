/* SPDX-License-Identifier: MIT */
/*
 * What the files of reclaim share among themselves.
 *
 *	direct.c		try_to_free_pages() and a group's reclaim: priorities
 *	kswapd.c		the same, in the background, a thread a node
 *	  vmscan.c		shrink_node(): groups, how much of which list
 *	    lru_scan.c		one list: isolate, put back, age
 *	      shrink_page_list.c	the isolated pages, one by one
 *	    shrink_slab.c	caches of objects
 *	lru_gen*.c		the multi-generational LRU, in place of vmscan.c's and lru_scan.c's lists
 *	workingset.c		what comes back too soon
 *
 * Lock: pgdat->lru_lock, held only while pages go on and off the lists.
 */
#ifndef QUIRE_RECLAIM_INTERNAL_H
#define QUIRE_RECLAIM_INTERNAL_H

#include "reclaim/vmscan.h"

/* CPU time of a scanned page, for ports that charge it. */

/* What shrink_page_list() saw, for throttling and balance. */
struct reclaim_stat {
	unsigned int nr_dirty, nr_unqueued_dirty, nr_congested, nr_writeback, nr_immediate;
	unsigned int nr_pageout;
	unsigned int nr_activate[2]; /* anon, file */
	bool demote;		     /* a first pass moves them to a slower node */
};

static inline bool cgroup_reclaim(const struct scan_control *sc)
{
	return sc->target_mem_cgroup != NULL;
}

static inline bool current_is_kswapd(struct quire *q)
{
	return (current_context(q)->flags & PF_KSWAPD) != 0;
}

/* The root group's pages carry NULL, and so do its lruvecs. */
static inline struct mem_cgroup *memcg_or_root(const struct quire *q, struct mem_cgroup *memcg)
{
	return memcg == q->group->root ? NULL : memcg;
}

static inline struct lruvec *target_lruvec(struct quire *q, const struct scan_control *sc,
					   struct pglist_data *pgdat)
{
	return mem_cgroup_lruvec(q, memcg_or_root(q, sc->target_mem_cgroup), pgdat);
}

/* NULL after the root's. */
static inline struct lruvec *parent_lruvec(struct quire *q, struct lruvec *lruvec)
{
	if (!lruvec->memcg)
		return NULL;
	return mem_cgroup_lruvec(q, memcg_or_root(q, lruvec->memcg->parent), lruvec->pgdat);
}

/* Take one page off or back on its list; lru_lock held. */
static inline struct page *lru_to_page(struct list_head *head)
{
	return list_entry(head->prev, struct page, lru);
}

/* shrink_page_list.c: pages freed; what stays is left on the list. */
unsigned long shrink_page_list(struct quire *q, struct list_head *page_list,
			       struct scan_control *sc, struct reclaim_stat *stat);

/* lru_scan.c */
unsigned long lruvec_lru_size(const struct lruvec *lruvec, int lru, int zone_idx);
unsigned long lruvec_page_state(struct quire *q, struct lruvec *lruvec, enum node_stat_item item);
bool inactive_is_low(struct quire *q, struct lruvec *lruvec, int inactive_lru);
unsigned long shrink_inactive_list(struct quire *q, unsigned long nr_to_scan, struct lruvec *lruvec,
				   struct scan_control *sc, int lru);
unsigned long reclaim_pages(struct quire *q, struct list_head *pages);
unsigned long move_pages_to_lru(struct quire *q, struct pglist_data *pgdat, struct list_head *list);
void free_pages_list(struct quire *q, struct list_head *list);
void count_reclaim(struct quire *q, const struct lruvec *lruvec, const struct scan_control *sc,
		   enum vm_event_item by, enum vm_event_item kind, unsigned long nr);
void shrink_active_list(struct quire *q, unsigned long nr_to_scan, struct lruvec *lruvec,
			struct scan_control *sc, int lru);

/* vmscan.c */
void shrink_node(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc);
bool has_swap_for(const struct quire *q, const struct mem_cgroup *memcg);
bool can_reclaim_anon_pages(const struct quire *q, const struct mem_cgroup *memcg, unsigned int nid,
			    const struct scan_control *sc);
bool can_age_anon_pages(const struct quire *q, unsigned int nid);
void snapshot_refaults(struct quire *q, struct mem_cgroup *memcg, struct pglist_data *pgdat);

/* demote.c */
int next_demotion_node(const struct quire *q, unsigned int nid);
bool can_demote(const struct quire *q, unsigned int nid, const struct scan_control *sc);
/* Isolated pages of a node move to the tier below; what does not is left on the list. How many moved. */
unsigned long demote_page_list(struct quire *q, struct list_head *pages, unsigned int nid);

/* throttle.c */
void reclaim_throttle(struct quire *q, struct pglist_data *pgdat,
		      enum vmscan_throttle_state reason);
bool allow_direct_reclaim(struct quire *q, struct pglist_data *pgdat);
/* True if the caller is being killed and need not reclaim. */
bool throttle_direct_reclaim(struct quire *q, gfp_t gfp, struct zonelist *zonelist,
			     const nodemask_t *nodemask);

/* node_reclaim.c: true if it tried. */
bool node_reclaim(struct quire *q, struct pglist_data *pgdat, gfp_t gfp, unsigned int order);

/* kswapd.c */
int kswapd_run(struct quire *q, unsigned int nid);
void wakeup_kswapd(struct quire *q, struct zone *zone, gfp_t gfp, unsigned int order,
		   int highest_zoneidx);

/* direct.c */
gfp_t current_gfp_context(struct quire *q, gfp_t gfp);
unsigned long try_to_free_pages(struct quire *q, struct alloc_context *ac);
unsigned long try_to_free_mem_cgroup_pages(struct quire *q, struct mem_cgroup *memcg,
					   unsigned long nr_pages, gfp_t gfp);

/* workingset.c */
void *workingset_eviction(struct quire *q, struct page *page, struct mem_cgroup *target);
void workingset_refault(struct quire *q, struct page *page, void *shadow);
void workingset_activation(struct quire *q, struct page *page);
void workingset_age_nonresident(struct quire *q, struct lruvec *lruvec, unsigned long nr_pages);
void lru_note_cost(struct quire *q, struct lruvec *lruvec, bool file, unsigned int nr_pages);

#endif
