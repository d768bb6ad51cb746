/* SPDX-License-Identifier: MIT */
/*
 * Around a page that eviction met: which of its neighbours were used, too; and the
 * filters that tell aging where to look (lru_gen_look_around() and the Bloom filters of
 * Linux's multi-generational LRU).
 *
 * The idea: to follow a page's reverse map to an entry costs much, to look at the
 * entries beside it next to nothing, and what was used together lies together.  So when
 * eviction meets an entry with its accessed bit set, up to 64 entries around it are looked at,
 * and the pages of those that were used become young.  If there are many, the
 * table goes into the filter of the generation's walk, which then looks at the whole of
 * it: the two ways of aging tell each other where it pays.
 *
 * kswapd makes what it found young at once; others leave a few pages to the CPU's batch of
 * activations.
 *
 * A filter is 32,768 bits; two bits of a hash of an entry's physical address say that it is in.
 * There is one for the walk that makes the next generation and one, filled meanwhile, for
 * the walk after that.  A filter that there was no memory for has everything.
 *
 * Differs from Linux: kswapd does not count what it promotes in a batch of its own, for it may sleep
 * before the batch is told.
 *
 * Locks: page_table_lock is held by who looks around; lru_lock within it.  Filters' bits are
 * set without a lock.
 */
#include "base/bitmap.h"
#include "base/string.h"
#include "reclaim/lru_gen.h"
#include "space/mm.h"

/* ---- filters ------------------------------------------------------------------------- */

#define FILTER_BITS BIT(BLOOM_FILTER_SHIFT)

/* Two numbers of an entry of level 2, by where it lies in memory. */
static void filter_keys(const struct quire *q, const pte_t *pmdp, unsigned int keys[2])
{
	u64 at = (u64)((const char *)pmdp - q->physmap);
	unsigned int hash =
		(unsigned int)((at * 0x61c8864680b583ebUL) >> (64 - 2 * BLOOM_FILTER_SHIFT));

	keys[0] = hash & (FILTER_BITS - 1);
	keys[1] = hash >> BLOOM_FILTER_SHIFT;
}

static bool filter_bit(const unsigned long *filter, unsigned int key)
{
	return (HOT_LOAD(&filter[key / BITS_PER_LONG]) >> (key % BITS_PER_LONG)) & 1;
}

void reset_bloom_filter(struct quire *q, struct lruvec *lruvec, unsigned long seq)
{
	unsigned long **filter = &lruvec->lrugen->mm_state.filters[seq % NR_BLOOM_FILTERS];

	if (*filter)
		memset(*filter, 0, FILTER_BITS / 8);
	else
		HOT_STORE(filter, kzalloc(q, FILTER_BITS / 8,
					  __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN));
}

void update_bloom_filter(struct quire *q, struct lruvec *lruvec, unsigned long seq,
			 const pte_t *pmdp)
{
	unsigned long *filter = HOT_LOAD(&lruvec->lrugen->mm_state.filters[seq % NR_BLOOM_FILTERS]);
	unsigned int keys[2];

	if (!filter)
		return;
	filter_keys(q, pmdp, keys);
	for (int i = 0; i < 2; i++)
		if (!filter_bit(filter, keys[i]))
			(void)HOT_OR(&filter[keys[i] / BITS_PER_LONG],
				     BIT(keys[i] % BITS_PER_LONG));
}

bool test_bloom_filter(struct quire *q, struct lruvec *lruvec, unsigned long seq, const pte_t *pmdp)
{
	const unsigned long *filter =
		HOT_LOAD(&lruvec->lrugen->mm_state.filters[seq % NR_BLOOM_FILTERS]);
	unsigned int keys[2];

	if (!filter)
		return true;
	filter_keys(q, pmdp, keys);
	return filter_bit(filter, keys[0]) && filter_bit(filter, keys[1]);
}

/* Is at least one entry of each line of the cache young, on average? */
bool suitable_to_scan(unsigned int total, unsigned int young)
{
	return young * (64 / sizeof(pte_t)) >= total;
}

/* ---- one page ------------------------------------------------------------------------ */

struct page *lru_gen_pte_page(struct quire *q, const struct lruvec *lruvec, pte_t pte,
			      bool can_swap)
{
	struct page *page;

	if (!pte_present(pte) || pte_special(pte))
		return NULL;
	page = compound_head(pfn_to_page(q, pte_pfn(pte)));
	if (page_to_nid(page) != lruvec->pgdat->node_id || page->memcg != lruvec->memcg)
		return NULL;
	/* Areas of files may have anonymous pages, copied on write. */
	return page_is_file_lru(page) || can_swap ? page : NULL;
}

int page_update_gen(struct page *page, unsigned int gen)
{
	unsigned long old, new;

	do {
		old = HOT_LOAD(&page->flags);
		if (!(old & LRU_GEN_MASK))
			new = old | BIT(PG_referenced); /* for shrink_page_list() */
		else
			new = (old & ~(LRU_GEN_MASK | LRU_REFS_MASK | LRU_REFS_FLAGS)) |
			      ((gen + 1UL) << LRU_GEN_PGOFF);
	} while (!HOT_CMPXCHG(&page->flags, old, new));
	return (int)((old & LRU_GEN_MASK) >> LRU_GEN_PGOFF) - 1;
}

/* ---- the neighbours -------------------------------------------------------------------- */

struct look {
	struct lruvec *lruvec;
	const struct lru_gen_mm_walk *walk; /* kswapd's, or NULL */
	pte_t *ptep;			    /* of the first address */
	unsigned int nr, young;
	unsigned int gen; /* what is used belongs there */
	u64 promote;	  /* bit i: the page of entry i does, and is not */
};

/* Up to MIN_LRU_BATCH entries of one table and one area, the one at addr in the middle if possible. */
static void choose_range(struct look *look, const struct vm_area_struct *vma, u64 addr, pte_t *ptep)
{
	const u64 batch = MIN_LRU_BATCH * PAGE_SIZE;
	u64 start = max(addr & PMD_MASK, vma->vm_start);
	u64 end = min((addr & PMD_MASK) + PMD_SIZE, vma->vm_end);

	if (end - start > batch) {
		if (addr - start < batch / 2) {
			end = start + batch;
		} else if (end - addr < batch / 2) {
			start = end - batch;
		} else {
			start = addr - batch / 2;
			end = addr + batch / 2;
		}
	}
	look->ptep = ptep - ((addr - start) >> PAGE_SHIFT);
	look->nr = (unsigned int)((end - start) >> PAGE_SHIFT);
}

static void look_at_entries(struct quire *q, struct look *look)
{
	bool can_swap = !look->walk || look->walk->can_swap;

	for (unsigned int i = 0; i < look->nr; i++) {
		pte_t pte = look->ptep[i];
		struct page *page;
		int gen;

		if (!pte_young(pte))
			continue;
		page = lru_gen_pte_page(q, look->lruvec, pte, can_swap);
		if (!page)
			continue;
		(void)HOT_AND(&look->ptep[i], ~_PAGE_ACCESSED);
		look->young++;
		gen = page_lru_gen(page);
		if (gen < 0)
			SetPageReferenced(page);
		else if (gen != (int)look->gen)
			look->promote |= 1UL << i;
	}
	charge_ns(q, look->nr * (u64)q->cost.scan_pte);
}

/* Those that were found, to the youngest generation. */
static void promote_found(struct quire *q, struct look *look)
{
	struct pglist_data *pgdat = look->lruvec->pgdat;

	spin_lock(q, &pgdat->lru_lock);
	look->gen = lru_gen_from_seq(look->lruvec->lrugen->max_seq);
	for (unsigned int i = 0; i < look->nr; i++) {
		struct page *page;
		int old_gen;

		if (!(look->promote >> i & 1))
			continue;
		page = compound_head(pfn_to_page(q, pte_pfn(look->ptep[i])));
		if (page->memcg != look->lruvec->memcg)
			continue;
		old_gen = page_update_gen(page, look->gen);
		if (old_gen >= 0 && old_gen != (int)look->gen)
			lru_gen_update_size(look->lruvec, page, old_gen, (int)look->gen);
	}
	spin_unlock(q, &pgdat->lru_lock);
}

static unsigned int nr_bits(u64 bits)
{
	unsigned int n = 0;

	for (; bits; bits &= bits - 1)
		n++;
	return n;
}

void lru_gen_look_around(struct quire *q, struct page *page, struct vm_area_struct *vma, u64 addr,
			 pte_t *ptep)
{
	struct lruvec *lruvec = page_lruvec(q, compound_head(page));
	struct look look = {.lruvec = lruvec, .walk = current_context(q)->mm_walk};
	unsigned long max_seq;

	if (!lruvec->lrugen)
		return;
	max_seq = HOT_LOAD(&lruvec->lrugen->max_seq);
	look.gen = lru_gen_from_seq(max_seq);
	choose_range(&look, vma, addr & PAGE_MASK, ptep);
	look_at_entries(q, &look);
	if (suitable_to_scan(look.nr, look.young)) {
		const pte_t *pmdp = pt_walk(q, vma->vm_mm->pgd_pfn, addr, 2);

		if (pmdp)
			update_bloom_filter(q, lruvec, max_seq, pmdp);
	}
	if (!look.walk && nr_bits(look.promote) < PAGEVEC_SIZE) {
		for (unsigned int i = 0; i < look.nr; i++)
			if (look.promote >> i & 1)
				activate_page(q,
					      compound_head(pfn_to_page(q, pte_pfn(look.ptep[i]))));
		return;
	}
	if (look.promote)
		promote_found(q, &look);
}
