/* SPDX-License-Identifier: MIT */
/*
 * Tiers: which pages that were read more than once are worth keeping, learnt from those
 * that came back (the controller of Linux's multi-generational LRU).
 *
 * The idea: pages of the oldest generation fall into tiers by how often they were used through
 * file descriptors (node/lru_gen.h).  For each tier evictions and refaults are
 * counted.  A tier whose share of refaults is higher than that of tier 0 had better not
 * been evicted: eviction moves its pages to the next generation instead.  The same compares
 * anonymous with file pages, weighed by swappiness.  So the set point is what the coldest pages do,
 * and nothing has to be tuned.
 *
 * A count lives while the oldest generation of its kind stays the same, and is then averaged into
 * those before with half the weight.  A page that comes back counts
 * only if its generation is still the oldest: later it would have been evicted in any case.
 *
 *	token of a shadow:	| min_seq | uses beyond the second, 2 bits |
 *	and its workingset bit:	there was a second use
 *
 * Locks: counts are atomic; averages change under lru_lock and are read without.
 */
#include "reclaim/lru_gen.h"

struct ctrl_pos {
	unsigned long refaulted, total;
	unsigned long gain;
};

static struct ctrl_pos read_ctrl_pos(const struct lru_gen_struct *lrugen, int type,
				     unsigned int tier, unsigned long gain)
{
	unsigned int hist = lru_hist_from_seq(lrugen->min_seq[type]);
	struct ctrl_pos pos = {
		.refaulted = lrugen->avg_refaulted[type][tier] +
			     HOT_LOAD(&lrugen->refaulted[hist][type][tier]),
		.total = lrugen->avg_total[type][tier] +
			 HOT_LOAD(&lrugen->evicted[hist][type][tier]),
		.gain = gain,
	};

	if (tier)
		pos.total += lrugen->protected[hist][type][tier - 1];
	return pos;
}

/* Is the share of refaults at pv no higher than at sp, the set point, or of no account? */
static bool positive_ctrl_err(const struct ctrl_pos *sp, const struct ctrl_pos *pv)
{
	return pv->refaulted < MIN_LRU_BATCH ||
	       pv->refaulted * (sp->total + MIN_LRU_BATCH) * sp->gain <=
		       (sp->refaulted + 1) * pv->total * pv->gain;
}

/* The tiers of a type that come back no more often than sp. */
static int last_tier(const struct lru_gen_struct *lrugen, int type, const struct ctrl_pos *sp,
		     unsigned long gain)
{
	unsigned int tier;

	for (tier = 1; tier < MAX_NR_TIERS; tier++) {
		struct ctrl_pos pv = read_ctrl_pos(lrugen, type, tier, gain);

		if (!positive_ctrl_err(sp, &pv))
			break;
	}
	return (int)tier - 1;
}

/* Twice the gain leaves room for chance: a tier is twice as often used as the one below. */
int lru_gen_tier_idx(const struct lru_gen_struct *lrugen, int type)
{
	struct ctrl_pos sp = read_ctrl_pos(lrugen, type, 0, 1);

	return last_tier(lrugen, type, &sp, 2);
}

int lru_gen_type_to_scan(const struct lru_gen_struct *lrugen, int swappiness, int *tier_idx)
{
	unsigned long gain[ANON_AND_FILE] = {(unsigned long)swappiness,
					     (unsigned long)(200 - swappiness)};
	struct ctrl_pos anon = read_ctrl_pos(lrugen, LRU_GEN_ANON, 0, gain[LRU_GEN_ANON]);
	struct ctrl_pos file = read_ctrl_pos(lrugen, LRU_GEN_FILE, 0, gain[LRU_GEN_FILE]);
	int type = positive_ctrl_err(&anon, &file) ? LRU_GEN_FILE : LRU_GEN_ANON;
	/* Higher tiers have to be no worse than tier 0 of the other kind. */
	const struct ctrl_pos *other = type == LRU_GEN_FILE ? &anon : &file;

	*tier_idx = last_tier(lrugen, type, other, gain[type]);
	return type;
}

void lru_gen_carry_over(struct lru_gen_struct *lrugen, int type)
{
	unsigned int hist = lru_hist_from_seq(lrugen->min_seq[type]);

	for (unsigned int tier = 0; tier < MAX_NR_TIERS; tier++) {
		unsigned long sum = lrugen->avg_refaulted[type][tier] +
				    HOT_LOAD(&lrugen->refaulted[hist][type][tier]);

		HOT_STORE(&lrugen->avg_refaulted[type][tier], sum / 2);
		sum = lrugen->avg_total[type][tier] + HOT_LOAD(&lrugen->evicted[hist][type][tier]);
		if (tier)
			sum += lrugen->protected[hist][type][tier - 1];
		HOT_STORE(&lrugen->avg_total[type][tier], sum / 2);
		HOT_STORE(&lrugen->refaulted[hist][type][tier], 0UL);
		HOT_STORE(&lrugen->evicted[hist][type][tier], 0UL);
		if (tier)
			HOT_STORE(&lrugen->protected[hist][type][tier - 1], 0UL);
	}
}

/* ---- what goes, and comes back -------------------------------------------------------- */

u64 lru_gen_eviction(struct quire *q, struct page *page)
{
	struct lru_gen_struct *lrugen = page_lruvec(q, page)->lrugen;
	int type = page_is_file_lru(page) ? LRU_GEN_FILE : LRU_GEN_ANON;
	unsigned int refs = page_lru_refs(page), tier = lru_tier_from_refs(refs);
	unsigned long min_seq;

	if (!lrugen)
		return 0;
	min_seq = HOT_LOAD(&lrugen->min_seq[type]);
	(void)HOT_ADD(&lrugen->evicted[lru_hist_from_seq(min_seq)][type][tier], compound_nr(page));
	return min_seq << LRU_REFS_WIDTH | (refs ? refs - 1 : 0);
}

/* True: it counts, and if it was used often, or is being used, as thrashing. */
bool lru_gen_refault(struct quire *q, struct page *page, u64 token, u64 token_mask, bool workingset)
{
	struct lru_gen_struct *lrugen = page_lruvec(q, page)->lrugen;
	int type = page_is_file_lru(page) ? LRU_GEN_FILE : LRU_GEN_ANON;
	unsigned int refs = (unsigned int)(token & (BIT(LRU_REFS_WIDTH) - 1)) + workingset;
	unsigned long min_seq;
	long nr = (long)compound_nr(page);

	if (!lrugen)
		return false;
	min_seq = HOT_LOAD(&lrugen->min_seq[type]);
	if (token >> LRU_REFS_WIDTH != (min_seq & (token_mask >> LRU_REFS_WIDTH)))
		return false;
	(void)HOT_ADD(
		&lrugen->refaulted[lru_hist_from_seq(min_seq)][type][lru_tier_from_refs(refs)],
		(unsigned long)nr);
	mod_lruvec_page_state(q, page, WORKINGSET_REFAULT_ANON + (enum node_stat_item)type, nr);
	/* Uses through page tables have no tier; and one use more and it would have been kept. */
	if (current_context(q)->in_lru_fault || refs >= BIT(LRU_REFS_WIDTH) - 1) {
		(void)HOT_OR(&page->flags, LRU_REFS_MASK | BIT(PG_workingset));
		mod_lruvec_page_state(q, page, WORKINGSET_RESTORE_ANON + (enum node_stat_item)type,
				      nr);
	}
	return true;
}
