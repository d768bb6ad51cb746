/* SPDX-License-Identifier: MIT */
/*
 * Pages on and off the lists of generations (Linux's lru_gen_add_folio(),
 * lru_gen_del_folio() of mm_inline.h and folio_inc_refs() of swap.c).
 *
 * The idea: the list a page belongs on follows from its flags, as it does for the
 * classic lists, whose functions call these while lruvec->lrugen->enabled.  PG_active is
 * never set while a page is on a generation: it says "youngest" to who puts one there, and
 * "was among the two youngest" to who took one off.
 *
 * Invariant: nr_pages[gen] counts pages by the generation in their flags, and the lruvec's
 * active and inactive sizes are the sums of the two youngest and of the others.
 *
 * Lock: pgdat->lru_lock.
 */
#include "cache/lru.h"

static int page_type(const struct page *page)
{
	return page_is_file_lru(page) ? LRU_GEN_FILE : LRU_GEN_ANON;
}

void lru_gen_update_size(struct lruvec *lruvec, const struct page *page, int old_gen, int new_gen)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	int type = page_type(page), lru = type * LRU_FILE;
	unsigned int zone = page_zonenum(page);
	long nr = (long)compound_nr(page);
	bool was_active = old_gen >= 0 && lru_gen_is_active(lrugen, (unsigned int)old_gen);
	bool is_active = new_gen >= 0 && lru_gen_is_active(lrugen, (unsigned int)new_gen);

	if (old_gen >= 0)
		HOT_STORE(&lrugen->nr_pages[old_gen][type][zone],
			  lrugen->nr_pages[old_gen][type][zone] - nr);
	if (new_gen >= 0)
		HOT_STORE(&lrugen->nr_pages[new_gen][type][zone],
			  lrugen->nr_pages[new_gen][type][zone] + nr);
	if (old_gen >= 0 && new_gen >= 0 && was_active == is_active)
		return;
	if (old_gen >= 0)
		update_lru_size(lruvec, lru + (was_active ? LRU_ACTIVE : 0), zone, -nr);
	if (new_gen >= 0)
		update_lru_size(lruvec, lru + (is_active ? LRU_ACTIVE : 0), zone, nr);
}

/*
 * Where a page begins: used for sure, the youngest; not to be had at once (anonymous and
 * without a slot, or dirty and already met by reclaim), the second youngest; to be evicted
 * next, the oldest; else the second oldest if that is not one of the young ones.
 */
static unsigned long first_seq(const struct lru_gen_struct *lrugen, const struct page *page,
			       bool tail)
{
	int type = page_type(page);

	if (PageActive(page))
		return lrugen->max_seq;
	if ((type == LRU_GEN_ANON && !PageSwapCache(page)) ||
	    (PageReclaim(page) && (PageDirty(page) || PageWriteback(page))))
		return lrugen->max_seq - 1;
	if (tail || lrugen->min_seq[type] + MIN_NR_GENS >= lrugen->max_seq)
		return lrugen->min_seq[type];
	return lrugen->min_seq[type] + 1;
}

/* New bits in place of some: what the flags were. */
static unsigned long set_mask_bits(struct page *page, unsigned long mask, unsigned long bits)
{
	unsigned long old;

	do
		old = HOT_LOAD(&page->flags);
	while (!HOT_CMPXCHG(&page->flags, old, (old & ~mask) | bits));
	return old;
}

bool lru_gen_add_page(struct lruvec *lruvec, struct page *page, bool tail)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	struct list_head *list;
	unsigned int gen;

	if (!lrugen->enabled || PageUnevictable(page))
		return false;
	gen = lru_gen_from_seq(first_seq(lrugen, page, tail));
	(void)set_mask_bits(page, LRU_GEN_MASK | BIT(PG_active), (gen + 1UL) << LRU_GEN_PGOFF);
	lru_gen_update_size(lruvec, page, -1, (int)gen);
	list = &lrugen->lists[gen][page_type(page)][page_zonenum(page)];
	if (tail)
		list_add_tail(&page->lru, list);
	else
		list_add(&page->lru, list);
	return true;
}

void lru_gen_del_page(struct lruvec *lruvec, struct page *page, bool reclaiming)
{
	int gen = page_lru_gen(page);
	bool active = !reclaiming && lru_gen_is_active(lruvec->lrugen, (unsigned int)gen);

	/* A walker may have made it young meanwhile: what it says last counts. */
	gen = (int)((set_mask_bits(page, LRU_GEN_MASK, active ? BIT(PG_active) : 0) &
		     LRU_GEN_MASK) >>
		    LRU_GEN_PGOFF) -
	      1;
	lru_gen_update_size(lruvec, page, gen, -1);
	__list_del_entry(&page->lru);
}

void page_inc_refs(struct page *page)
{
	unsigned long old, refs;

	if (PageUnevictable(page))
		return;
	if (!PageReferenced(page)) {
		SetPageReferenced(page);
		return;
	}
	if (!PageWorkingset(page)) {
		SetPageWorkingset(page);
		return;
	}
	do {
		old = HOT_LOAD(&page->flags);
		refs = old & LRU_REFS_MASK;
		if (refs == LRU_REFS_MASK)
			return;
	} while (!HOT_CMPXCHG(&page->flags, old,
			      (old & ~LRU_REFS_MASK) | (refs + BIT(LRU_REFS_PGOFF))));
}
