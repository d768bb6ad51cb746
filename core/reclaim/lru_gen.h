/* SPDX-License-Identifier: MIT */
/*
 * What the files of the multi-generational LRU share, and what the rest of reclaim and
 * /sys ask of it.  The idea and the shapes are in node/lru_gen.h.
 *
 *	lru_gen.c	switching on and off; orders from /sys/kernel/debug/lru_gen
 *	lru_gen_age.c	a new generation; when one is due; kswapd's part
 *	  lru_gen_walk.c	page tables: which pages were used
 *	  lru_gen_rmap.c	the same around a page that eviction met; filters of tables
 *	lru_gen_evict.c	the oldest generation: sorting, isolating, freeing
 *	  lru_gen_tier.c	refaults of each tier: what is protected
 */
#ifndef QUIRE_RECLAIM_LRU_GEN_H
#define QUIRE_RECLAIM_LRU_GEN_H

#include "group/lru_gen.h"
#include "reclaim/internal.h"

/* Settings, and what kswapds work with; made when the first is written. */
struct lru_gen_control {
	struct mutex lock; /* one switches at a time */
	unsigned int min_ttl_ms, caps;
	struct lru_gen_mm_walk *kswapd_walk[QUIRE_MAX_NODES]; /* NULL: no memory for it */
};

static inline bool lru_gen_has_cap(const struct quire *q, unsigned int cap)
{
	const struct lru_gen_control *control = q->reclaim->lru_gen;

	return control && (HOT_LOAD(&control->caps) & BIT(cap));
}

/* lru_gen.c */
unsigned int lru_gen_caps(const struct quire *q);
unsigned int lru_gen_min_ttl_ms(const struct quire *q);
/* Pages go from the lists of one policy to those of the other.  0 or -ENOMEM; may sleep. */
int lru_gen_set_caps(struct quire *q, unsigned int caps);
int lru_gen_set_min_ttl_ms(struct quire *q, unsigned int ms);
/*
 * An order: '+' makes generation seq + 1 of a lruvec by aging, '-' evicts generations up
 * to seq.  swappiness -1: the setting's; opt: of '+' whether to look at every table
 * (default yes), of '-' how many pages at most.  0, -EINVAL, -ERANGE (there are as many generations as
 * may be), -EINTR, -ENOMEM.  May sleep.
 */
int lru_gen_command(struct quire *q, char cmd, unsigned int memcg_id, unsigned int nid,
		    unsigned long seq, int swappiness, unsigned long opt);
struct lruvec *lru_gen_lruvec(struct quire *q, struct mem_cgroup *memcg, unsigned int nid);

/* lru_gen_age.c */
int lru_gen_swappiness(struct quire *q, const struct lruvec *lruvec, const struct scan_control *sc);
bool lru_gen_try_to_inc_min_seq(struct lruvec *lruvec, bool can_swap);
bool lru_gen_try_to_inc_max_seq(struct quire *q, struct lruvec *lruvec, unsigned long max_seq,
				const struct scan_control *sc, bool can_swap, bool force_scan);
/* Pages that a scan at this priority looks at; 0: leave the lruvec alone. */
unsigned long lru_gen_nr_to_scan(struct quire *q, struct lruvec *lruvec,
				 const struct scan_control *sc, bool can_swap, bool *need_aging);
void lru_gen_age_node(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc);
/* To the next generation; lru_lock is held.  Which it is now: another if it was promoted. */
unsigned int page_inc_gen(struct lruvec *lruvec, struct page *page, bool reclaiming);

/* lru_gen_walk.c: true if the caller is the last of the walkers, and may make the generation. */
bool lru_gen_walk_mms(struct quire *q, struct lruvec *lruvec, unsigned long max_seq, bool can_swap,
		      bool force_scan);
/* The walk that the running context has at hand: kswapd's own, with pgdat; without, one
 * that is made.  NULL: none, or no memory for it. */
struct lru_gen_mm_walk *set_mm_walk(struct quire *q, struct pglist_data *pgdat);
void clear_mm_walk(struct quire *q);

/* lru_gen_rmap.c */
/* The page, or its head, that an entry maps if it is the lruvec's to age; else NULL. */
struct page *lru_gen_pte_page(struct quire *q, const struct lruvec *lruvec, pte_t pte,
			      bool can_swap);
/* A page was used: what its generation was; -1: somebody has isolated it, and is told. */
int page_update_gen(struct page *page, unsigned int gen);
bool suitable_to_scan(unsigned int total, unsigned int young);
void reset_bloom_filter(struct quire *q, struct lruvec *lruvec, unsigned long seq);
void update_bloom_filter(struct quire *q, struct lruvec *lruvec, unsigned long seq,
			 const pte_t *pmdp);
bool test_bloom_filter(struct quire *q, struct lruvec *lruvec, unsigned long seq,
		       const pte_t *pmdp);
void lru_gen_look_around(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
			 pte_t *ptep);

/* lru_gen_evict.c */
void lru_gen_shrink_lruvec(struct quire *q, struct lruvec *lruvec, struct scan_control *sc);
/* Pages looked at; 0: there is nothing to be had. */
unsigned long lru_gen_evict_pages(struct quire *q, struct lruvec *lruvec, struct scan_control *sc,
				  int swappiness, bool *need_swapping);

/* lru_gen_tier.c */
/* The highest tier of a type that may go; which type goes, too. */
int lru_gen_tier_idx(const struct lru_gen_struct *lrugen, int type);
int lru_gen_type_to_scan(const struct lru_gen_struct *lrugen, int swappiness, int *tier_idx);
/* The oldest generation of a type is to be another: its counts go into the averages. */
void lru_gen_carry_over(struct lru_gen_struct *lrugen, int type);
/* The token of a page that goes, for its shadow; and one that comes back. */
u64 lru_gen_eviction(struct quire *q, struct page *page);
bool lru_gen_refault(struct quire *q, struct page *page, u64 token, u64 token_mask,
		     bool workingset);

#endif
