/* SPDX-License-Identifier: MIT */
/*
 * Aging by page tables: what every address space of a group used since the last
 * generation (walk_mm() and iterate_mm_list() of Linux's multi-generational LRU).
 *
 * The idea: to find what was used by following each page's reverse map touches memory all
 * over; tables have 512 entries side by side.  So before a generation is made, the group's address
 * spaces are walked, and pages whose entry has its accessed bit set become young.  What
 * need not be looked at is passed over: address spaces that did not run since, areas that
 * cannot be aged, tables that no access went through (the accessed bit of their own
 * entry), tables that had next to nothing young last time (the filter, lru_gen_rmap.c).
 *
 * Several may walk one lruvec at a time, each another address space; the last to end makes
 * the generation.
 *
 * Promotions are counted in the walk and told to the lruvec in batches of 4,096 pages:
 * lru_lock is taken once a batch.
 *
 * Invariant: a walk has nothing batched while it may sleep.
 *
 * Locks: mm->mmap_lock for reading, tried only; page_table_lock over the entries of one
 * table; lru_gen_mm_list.lock for where the walk stands.
 *
 * Differs from Linux: a page's dirty bit stays in its entry until it is unmapped.
 */
#include "base/string.h"
#include "reclaim/lru_gen.h"
#include "space/hugetlb.h"
#include "space/mm.h"

/* ---- batches ------------------------------------------------------------------------- */

static void update_batch_size(struct lru_gen_mm_walk *walk, const struct page *page, int old_gen,
			      int new_gen)
{
	int type = page_is_file_lru(page) ? LRU_GEN_FILE : LRU_GEN_ANON;
	unsigned int zone = page_zonenum(page);
	int nr = (int)compound_nr(page);

	walk->batched += nr;
	walk->nr_pages[old_gen][type][zone] -= nr;
	walk->nr_pages[new_gen][type][zone] += nr;
}

/* lru_lock is held. */
static void reset_batch_size(struct lruvec *lruvec, struct lru_gen_mm_walk *walk)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;

	walk->batched = 0;
	for (unsigned int gen = 0; gen < MAX_NR_GENS; gen++) {
		int active = lru_gen_is_active(lrugen, gen) ? LRU_ACTIVE : 0;

		for (int type = 0; type < ANON_AND_FILE; type++) {
			for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
				long delta = walk->nr_pages[gen][type][zone];

				if (!delta)
					continue;
				walk->nr_pages[gen][type][zone] = 0;
				HOT_STORE(&lrugen->nr_pages[gen][type][zone],
					  lrugen->nr_pages[gen][type][zone] + delta);
				update_lru_size(lruvec, type * LRU_FILE + active, zone, delta);
			}
		}
	}
}

static void flush_batch(struct quire *q, struct lru_gen_mm_walk *walk)
{
	struct lruvec *lruvec = walk->lruvec;

	if (!walk->batched)
		return;
	spin_lock(q, &lruvec->pgdat->lru_lock);
	reset_batch_size(lruvec, walk);
	spin_unlock(q, &lruvec->pgdat->lru_lock);
}

struct lru_gen_mm_walk *set_mm_walk(struct quire *q, struct pglist_data *pgdat)
{
	struct quire_context *context = current_context(q);

	if (pgdat && current_is_kswapd(q))
		context->mm_walk = q->reclaim->lru_gen->kswapd_walk[pgdat->node_id];
	else if (!pgdat && !context->mm_walk)
		context->mm_walk = kzalloc(q, sizeof(struct lru_gen_mm_walk),
					   __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN);
	return current_context(q)->mm_walk;
}

void clear_mm_walk(struct quire *q)
{
	struct quire_context *context = current_context(q);
	struct lru_gen_mm_walk *walk = context->mm_walk;

	if (!walk)
		return;
	flush_batch(q, walk);
	context->mm_walk = NULL;
	if (!current_is_kswapd(q))
		kfree(q, walk);
}

/* ---- one address space ----------------------------------------------------------------- */

static bool should_skip_vma(const struct vm_area_struct *vma, const struct lru_gen_mm_walk *walk)
{
	const struct address_space *mapping;

	if (!(vma->vm_flags & (VM_READ | VM_WRITE | VM_EXEC)) || is_vm_hugetlb_page(vma))
		return true;
	if (vma->vm_flags & (VM_LOCKED | VM_PFNMAP | VM_SEQ_READ | VM_RAND_READ))
		return true;
	if (!vma->vm_file)
		return !walk->can_swap;
	mapping = &vma->vm_file->f_inode->i_data;
	if (mapping->unevictable)
		return true;
	/* Shared memory is swapped, too: it has no file to be read from again. */
	return mapping->swap_backed && !walk->can_swap;
}

/* A page that an entry says was used; the bit is taken. */
static void promote_young(struct quire *q, struct lru_gen_mm_walk *walk, pte_t *ptep)
{
	unsigned int gen = lru_gen_from_seq(walk->max_seq);
	struct page *page = lru_gen_pte_page(q, walk->lruvec, *ptep, walk->can_swap);
	int old_gen;

	if (!page)
		return;
	(void)HOT_AND(ptep, ~_PAGE_ACCESSED);
	walk->mm_stats[MM_LEAF_YOUNG]++;
	charge_ns(q, q->cost.isolate_page);
	old_gen = page_update_gen(page, gen);
	if (old_gen >= 0 && old_gen != (int)gen)
		update_batch_size(walk, page, old_gen, (int)gen);
}

/* The entries of one table in [addr, end) of an area. */
static void walk_ptes(struct quire *q, struct lru_gen_mm_walk *walk, pte_t pmd, u64 addr, u64 end)
{
	pte_t *ptep = pte_offset(q, pmd, addr);

	charge_ns(q, ((end - addr) >> PAGE_SHIFT) * q->cost.scan_pte);
	for (; addr < end; addr += PAGE_SIZE, ptep++) {
		walk->mm_stats[MM_LEAF_TOTAL]++;
		if (!pte_present(*ptep))
			continue;
		if (pte_young(*ptep))
			promote_young(q, walk, ptep);
		else
			walk->mm_stats[MM_LEAF_OLD]++;
	}
}

/* One entry of level 2 that leads to a table, and all areas that are in it from addr on. */
static void walk_table(struct quire *q, struct lru_gen_mm_walk *walk, struct vm_area_struct *vma,
		       pte_t *pmdp, u64 addr)
{
	u64 end = (addr & PMD_MASK) + PMD_SIZE;
	unsigned long total = walk->mm_stats[MM_LEAF_TOTAL];
	unsigned long young = walk->mm_stats[MM_LEAF_YOUNG];

	walk->mm_stats[MM_NONLEAF_TOTAL]++;
	if (lru_gen_has_cap(q, LRU_GEN_NONLEAF_YOUNG)) {
		if (!pte_young(*pmdp))
			return;
		(void)HOT_AND(pmdp, ~_PAGE_ACCESSED);
	}
	if (!walk->force_scan && !test_bloom_filter(q, walk->lruvec, walk->max_seq, pmdp))
		return;
	walk->mm_stats[MM_NONLEAF_FOUND]++;
	for (; vma && vma->vm_start < end; vma = vma_next(vma)) {
		u64 from = max(addr, vma->vm_start);

		if (!should_skip_vma(vma, walk))
			walk_ptes(q, walk, *pmdp, from, min(end, vma->vm_end));
	}
	total = walk->mm_stats[MM_LEAF_TOTAL] - total;
	young = walk->mm_stats[MM_LEAF_YOUNG] - young;
	if (!suitable_to_scan((unsigned int)total, (unsigned int)young))
		return;
	walk->mm_stats[MM_NONLEAF_ADDED]++;
	update_bloom_filter(q, walk->lruvec, walk->max_seq + 1, pmdp);
}

/* From walk->next_addr on, until the end (true) or until a batch is full. */
static bool walk_range(struct quire *q, struct mm_struct *mm, struct lru_gen_mm_walk *walk)
{
	struct vm_area_struct *vma = find_vma(mm, walk->next_addr);
	u64 addr = walk->next_addr;

	while (vma && walk->batched < MAX_LRU_BATCH) {
		pte_t *pmdp;

		addr = max(addr, vma->vm_start);
		if (should_skip_vma(vma, walk)) {
			addr = vma->vm_end;
			vma = vma_next(vma);
			continue;
		}
		spin_lock(q, &mm->page_table_lock);
		pmdp = next_pmd(q, mm->pgd_pfn, &addr, vma->vm_end);
		if (pmdp && pmd_leaf(*pmdp)) {
			walk->mm_stats[MM_LEAF_TOTAL]++;
			if (pte_young(*pmdp) && !pte_special(*pmdp))
				promote_young(q, walk, pmdp);
			else
				walk->mm_stats[MM_LEAF_OLD]++;
		} else if (pmdp && pmd_table(*pmdp)) {
			walk_table(q, walk, vma, pmdp, addr);
		}
		spin_unlock(q, &mm->page_table_lock);
		addr = pmdp ? (addr & PMD_MASK) + PMD_SIZE : vma->vm_end;
		while (vma && vma->vm_end <= addr)
			vma = vma_next(vma);
	}
	walk->next_addr = addr;
	return !vma;
}

static void walk_mm(struct quire *q, struct mm_struct *mm, struct lru_gen_mm_walk *walk)
{
	struct lru_gen_struct *lrugen = walk->lruvec->lrugen;
	bool done = false;

	walk->next_addr = 0;
	/* Somebody else may have made the generation meanwhile. */
	while (!done && walk->max_seq == HOT_LOAD(&lrugen->max_seq) && !q->stopping) {
		/* Who reclaims may hold it himself, for writing. */
		if (!down_read_trylock(q, &mm->mmap_lock))
			return;
		done = walk_range(q, mm, walk);
		up_read(q, &mm->mmap_lock);
		flush_batch(q, walk);
		cond_resched(q);
	}
}

/* ---- all of a group -------------------------------------------------------------------- */

/* A reference, unless its last user is gone. */
static bool mmget_not_zero(struct mm_struct *mm)
{
	unsigned int users;

	do {
		users = HOT_LOAD(&mm->mm_users);
		if (!users)
			return false;
	} while (!HOT_CMPXCHG(&mm->mm_users, users, users + 1));
	return true;
}

static bool should_skip_mm(struct mm_struct *mm, const struct lru_gen_mm_walk *walk)
{
	unsigned long size = 0;
	unsigned long node = BIT(walk->lruvec->pgdat->node_id % BITS_PER_LONG);

	if (!walk->force_scan && !(HOT_LOAD(&mm->lru_gen.bitmap) & node))
		return true;
	(void)HOT_AND(&mm->lru_gen.bitmap, ~node);
	size = get_mm_counter(mm, MM_FILEPAGES);
	if (walk->can_swap)
		size += get_mm_counter(mm, MM_ANONPAGES) + get_mm_counter(mm, MM_SHMEMPAGES);
	return size < MIN_LRU_BATCH || !mmget_not_zero(mm);
}

static void add_stats(struct lru_gen_mm_state *state, struct lru_gen_mm_walk *walk)
{
	unsigned int hist = lru_hist_from_seq(walk->max_seq);

	for (int i = 0; i < NR_MM_STATS; i++) {
		HOT_STORE(&state->stats[hist][i], state->stats[hist][i] + walk->mm_stats[i]);
		walk->mm_stats[i] = 0;
	}
}

/* The next address space that is worth it; mm_list->lock is held. */
static struct mm_struct *next_mm(struct lru_gen_mm_state *state, struct lru_gen_mm_list *mm_list,
				 struct lru_gen_mm_walk *walk)
{
	while (state->head != &mm_list->fifo) {
		struct mm_struct *mm = list_entry(state->head, struct mm_struct, lru_gen.list);

		state->head = state->head->next;
		/* Newer than the last walk: the filters know nothing of it. */
		if (!state->tail || state->tail == &mm->lru_gen.list) {
			state->tail = state->head;
			walk->force_scan = true;
		}
		if (!should_skip_mm(mm, walk))
			return mm;
	}
	return NULL;
}

/* *iter is done with, and becomes the next one; NULL: none is left.  True: and nobody
 * else has one still. */
static bool iterate_mm_list(struct quire *q, struct lru_gen_mm_list *mm_list,
			    struct lru_gen_mm_walk *walk, struct mm_struct **iter)
{
	struct lru_gen_mm_state *state = &walk->lruvec->lrugen->mm_state;
	struct mm_struct *mm = NULL, *before = *iter;
	bool first = false, last = true;

	spin_lock(q, &mm_list->lock);
	if (walk->max_seq <= state->seq) {
		/* The list is through; somebody who comes only now has no part in it. */
		last = before != NULL;
	} else {
		if (!state->nr_walkers) {
			state->head = mm_list->fifo.next;
			first = true;
		}
		mm = next_mm(state, mm_list, walk);
		if (state->head == &mm_list->fifo)
			HOT_STORE(&state->seq, state->seq + 1);
	}
	state->nr_walkers += (mm != NULL) - (before != NULL);
	if (state->nr_walkers)
		last = false;
	if (before || last)
		add_stats(state, walk);
	spin_unlock(q, &mm_list->lock);
	if (mm && first)
		reset_bloom_filter(q, walk->lruvec, walk->max_seq + 1);
	*iter = mm;
	if (before)
		mmput(q, before);
	return last;
}

/* No walk: eviction's looking around is all there is. */
static bool skip_mm_list(struct quire *q, struct lruvec *lruvec, struct lru_gen_mm_list *mm_list,
			 unsigned long max_seq)
{
	struct lru_gen_mm_state *state = &lruvec->lrugen->mm_state;
	bool success = false;

	spin_lock(q, &mm_list->lock);
	if (max_seq > state->seq && !state->nr_walkers) {
		HOT_STORE(&state->seq, state->seq + 1);
		success = true;
	}
	spin_unlock(q, &mm_list->lock);
	return success;
}

bool lru_gen_walk_mms(struct quire *q, struct lruvec *lruvec, unsigned long max_seq, bool can_swap,
		      bool force_scan)
{
	struct lru_gen_mm_list *mm_list = lru_gen_mm_list(q, lruvec->memcg);
	struct lru_gen_mm_walk *walk = NULL;
	struct mm_struct *mm = NULL;
	bool success;

	if (!mm_list || max_seq <= HOT_LOAD(&lruvec->lrugen->mm_state.seq))
		return false;
	if (lru_gen_has_cap(q, LRU_GEN_MM_WALK))
		walk = set_mm_walk(q, NULL);
	if (!walk)
		return skip_mm_list(q, lruvec, mm_list, max_seq);
	flush_batch(q, walk);
	walk->lruvec = lruvec;
	walk->max_seq = max_seq;
	walk->can_swap = can_swap;
	walk->force_scan = force_scan;
	do {
		success = iterate_mm_list(q, mm_list, walk, &mm);
		if (mm)
			walk_mm(q, mm, walk);
		cond_resched(q);
	} while (mm);
	if (!current_is_kswapd(q))
		clear_mm_walk(q);
	return success;
}
