/* SPDX-License-Identifier: MIT */
/*
 * Aging: a new generation, when one is due, and what kswapd has to do with it (the first
 * half of Linux's multi-generational LRU in vmscan.c).
 *
 * The idea: max_seq counts generations made.  To make one, all that was used since the last is
 * brought into the youngest (lru_gen_walk.c), and max_seq becomes one more: what
 * was the youngest is the second.  min_seq of anonymous and of file pages follow as eviction
 * empties the oldest; when there are four and a fifth is to be made, the oldest is
 * joined with the next.
 *
 * Aging is lazy: three generations are ideal.  With two eviction stands still, so another is due;
 * with three it is due if the youngest has more than half of all pages, or the
 * oldest that may go less than a quarter.
 *
 * kswapd ages every group before it evicts.  With min_ttl_ms it also promises that what
 * was used in the last so many ms stays in memory: when every group's oldest generation
 * is younger than that there is no other way left than the OOM killer.
 *
 * Invariants: min_seq[] + 1 <= max_seq <= min_seq[] + 3; min_seq[anon] <= min_seq[file] while
 * there is swap; the oldest generation of a kind has no page whose flags name one older.
 *
 * Lock: pgdat->lru_lock for sequence numbers.
 */
#include "reclaim/lru_gen.h"

int lru_gen_swappiness(struct quire *q, const struct lruvec *lruvec, const struct scan_control *sc)
{
	const struct mem_cgroup *memcg = lruvec->memcg;

	if (!can_demote(q, lruvec->pgdat->node_id, sc)) {
		if (!has_swap_for(q, memcg) || HOT_LOAD(&q->swap->nr_swap_pages) < MIN_LRU_BATCH)
			return 0;
		for (; memcg && memcg != q->group->root; memcg = memcg->parent)
			if (memcg->swap.max - HOT_LOAD(&memcg->swap.usage) < MIN_LRU_BATCH)
				return 0;
	}
	return q->reclaim->swappiness;
}

/* ---- the oldest ------------------------------------------------------------------------ */

unsigned int page_inc_gen(struct lruvec *lruvec, struct page *page, bool reclaiming)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	int type = page_is_file_lru(page) ? LRU_GEN_FILE : LRU_GEN_ANON;
	unsigned int old_gen = lru_gen_from_seq(lrugen->min_seq[type]);
	unsigned int new_gen = (old_gen + 1) % MAX_NR_GENS;
	unsigned long old, new;

	do {
		unsigned int gen;

		old = HOT_LOAD(&page->flags);
		gen = (unsigned int)((old & LRU_GEN_MASK) >> LRU_GEN_PGOFF) - 1;
		/* A walk was here first. */
		if (gen < MAX_NR_GENS && gen != old_gen)
			return gen;
		new = (old & ~(LRU_GEN_MASK | LRU_REFS_MASK | LRU_REFS_FLAGS)) |
		      ((new_gen + 1UL) << LRU_GEN_PGOFF);
		/* The end of its writeback will bring it back to the tail. */
		if (reclaiming)
			new |= BIT(PG_reclaim);
	} while (!HOT_CMPXCHG(&page->flags, old, new));
	lru_gen_update_size(lruvec, page, (int)old_gen, (int)new_gen);
	return new_gen;
}

/* There are as many generations of a type as may be: the oldest goes into the next.  False:
 * it has so many pages that others should have the lock first. */
static bool inc_min_seq(struct lruvec *lruvec, int type, bool can_swap)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned int old_gen = lru_gen_from_seq(lrugen->min_seq[type]);
	int remaining = MAX_LRU_BATCH;

	/* Without swap nobody wants them: they may as well become the youngest. */
	for (int zone = 0; (type == LRU_GEN_FILE || can_swap) && zone < MAX_NR_ZONES; zone++) {
		struct list_head *head = &lrugen->lists[old_gen][type][zone];

		while (!list_empty(head)) {
			struct page *page = lru_to_page(head);
			unsigned int gen = page_inc_gen(lruvec, page, false);

			list_move_tail(&page->lru, &lrugen->lists[gen][type][zone]);
			if (!--remaining)
				return false;
		}
	}
	lru_gen_carry_over(lrugen, type);
	HOT_STORE(&lrugen->min_seq[type], lrugen->min_seq[type] + 1);
	return true;
}

static bool gen_is_empty(const struct lru_gen_struct *lrugen, unsigned int gen, int type)
{
	for (int zone = 0; zone < MAX_NR_ZONES; zone++)
		if (!list_empty(&lrugen->lists[gen][type][zone]))
			return false;
	return true;
}

bool lru_gen_try_to_inc_min_seq(struct lruvec *lruvec, bool can_swap)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long min_seq[ANON_AND_FILE] = {lrugen->min_seq[LRU_GEN_ANON],
						lrugen->min_seq[LRU_GEN_FILE]};
	bool success = false;

	for (int type = can_swap ? LRU_GEN_ANON : LRU_GEN_FILE; type < ANON_AND_FILE; type++)
		while (min_seq[type] + MIN_NR_GENS <= lrugen->max_seq &&
		       gen_is_empty(lrugen, lru_gen_from_seq(min_seq[type]), type))
			min_seq[type]++;
	/* Anonymous pages may not run ahead: they are compared with file pages of the same age. */
	if (can_swap) {
		min_seq[LRU_GEN_ANON] = min(min_seq[LRU_GEN_ANON], min_seq[LRU_GEN_FILE]);
		min_seq[LRU_GEN_FILE] = max(min_seq[LRU_GEN_ANON], lrugen->min_seq[LRU_GEN_FILE]);
	}
	for (int type = can_swap ? LRU_GEN_ANON : LRU_GEN_FILE; type < ANON_AND_FILE; type++) {
		if (min_seq[type] == lrugen->min_seq[type])
			continue;
		lru_gen_carry_over(lrugen, type);
		HOT_STORE(&lrugen->min_seq[type], min_seq[type]);
		success = true;
	}
	return success;
}

/* ---- the youngest ---------------------------------------------------------------------- */

/* The third youngest is active no more; what becomes the youngest may have pages already
 * (anonymous ones that nobody could swap). */
static void move_active_sizes(struct lruvec *lruvec)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned int prev = lru_gen_from_seq(lrugen->max_seq - 1);
	unsigned int next = lru_gen_from_seq(lrugen->max_seq + 1);

	for (int type = 0; type < ANON_AND_FILE; type++) {
		for (unsigned int zone = 0; zone < MAX_NR_ZONES; zone++) {
			long delta = lrugen->nr_pages[prev][type][zone] -
				     lrugen->nr_pages[next][type][zone];

			if (!delta)
				continue;
			update_lru_size(lruvec, type * LRU_FILE, zone, delta);
			update_lru_size(lruvec, type * LRU_FILE + LRU_ACTIVE, zone, -delta);
		}
	}
}

static void inc_max_seq(struct quire *q, struct lruvec *lruvec, bool can_swap)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	struct spinlock *lock = &lruvec->pgdat->lru_lock;

	spin_lock(q, lock);
	for (int type = ANON_AND_FILE - 1; type >= 0; type--) {
		while (get_nr_gens(lrugen, type) == MAX_NR_GENS &&
		       !inc_min_seq(lruvec, type, can_swap)) {
			spin_unlock(q, lock);
			cond_resched(q);
			spin_lock(q, lock);
		}
	}
	move_active_sizes(lruvec);
	HOT_STORE(&lrugen->timestamps[lru_gen_from_seq(lrugen->max_seq + 1)], quire_clock(q));
	HOT_STORE(&lrugen->max_seq, lrugen->max_seq + 1);
	spin_unlock(q, lock);
}

static bool fatal_signal_or_end(struct quire *q)
{
	struct task *task = current_task(q);

	return q->stopping || (task && fatal_signal_pending(task));
}

bool lru_gen_try_to_inc_max_seq(struct quire *q, struct lruvec *lruvec, unsigned long max_seq,
				const struct scan_control *sc, bool can_swap, bool force_scan)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	struct quire_wait_queue *wq = &lrugen->mm_state.wait;

	if (!lru_gen_walk_mms(q, lruvec, max_seq, can_swap, force_scan)) {
		/* Others are at it; in need it is worth to wait for them. */
		if (sc->priority <= DEF_PRIORITY - 2)
			(void)wait_event_timeout(q, wq,
						 max_seq < HOT_LOAD(&lrugen->max_seq) ||
							 fatal_signal_or_end(q),
						 NSEC_PER_SEC / 10);
		return max_seq < HOT_LOAD(&lrugen->max_seq);
	}
	inc_max_seq(q, lruvec, can_swap);
	if (HOT_LOAD(&wq->waiters))
		wake_up(q, wq);
	return true;
}

/* ---- when ------------------------------------------------------------------------------ */

static unsigned long gen_size(const struct lru_gen_struct *lrugen, unsigned int gen, int type)
{
	unsigned long size = 0;

	for (int zone = 0; zone < MAX_NR_ZONES; zone++)
		size += (unsigned long)max(HOT_LOAD(&lrugen->nr_pages[gen][type][zone]), 0L);
	return size;
}

/* *nr_to_scan: what a scan at this priority would look at. */
static bool should_run_aging(const struct lruvec *lruvec, const struct scan_control *sc,
			     bool can_swap, unsigned long *nr_to_scan)
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long max_seq = HOT_LOAD(&lrugen->max_seq), old = 0, young = 0, total = 0;
	unsigned long oldest = HOT_LOAD(&lrugen->min_seq[!can_swap]);

	for (int type = !can_swap; type < ANON_AND_FILE; type++) {
		for (unsigned long seq = HOT_LOAD(&lrugen->min_seq[type]); seq <= max_seq; seq++) {
			unsigned long size = gen_size(lrugen, lru_gen_from_seq(seq), type);

			total += size;
			if (seq == max_seq)
				young += size;
			else if (seq + MIN_NR_GENS == max_seq)
				old += size;
		}
	}
	/* Of a removed group everything is to go. */
	*nr_to_scan = lruvec->memcg && lruvec->memcg->offline ? total : total >> sc->priority;
	if (oldest + MIN_NR_GENS != max_seq)
		return oldest + MIN_NR_GENS > max_seq;
	return young * MIN_NR_GENS > total || old * (MIN_NR_GENS + 2) < total;
}

unsigned long lru_gen_nr_to_scan(struct quire *q, struct lruvec *lruvec,
				 const struct scan_control *sc, bool can_swap, bool *need_aging)
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long max_seq = HOT_LOAD(&lrugen->max_seq), nr_to_scan;
	unsigned long oldest = HOT_LOAD(&lrugen->min_seq[!can_swap]);

	/* Who reclaims for itself has no protection from itself. */
	if (lruvec->memcg != sc->target_mem_cgroup &&
	    (mem_cgroup_below_min(lruvec->memcg) ||
	     (mem_cgroup_below_low(lruvec->memcg) && !sc->memcg_low_reclaim)))
		return 0;
	*need_aging = should_run_aging(lruvec, sc, can_swap, &nr_to_scan);
	if (!*need_aging)
		return nr_to_scan;
	/* At first it takes what is there. */
	if (sc->priority != DEF_PRIORITY) {
		/* lru_gen_age_node() does kswapd's. */
		if (current_is_kswapd(q))
			return 0;
		if (lru_gen_try_to_inc_max_seq(q, lruvec, max_seq, sc, can_swap, false))
			return nr_to_scan;
	}
	return oldest + MIN_NR_GENS <= max_seq ? nr_to_scan : 0;
}

/* True: the lruvec has what is older than min_ttl, and was aged if that was due. */
static bool age_lruvec(struct quire *q, struct lruvec *lruvec, const struct scan_control *sc,
		       u64 min_ttl)
{
	struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long nr_to_scan, max_seq = HOT_LOAD(&lrugen->max_seq);
	bool can_swap = lru_gen_swappiness(q, lruvec, sc) != 0, need_aging;

	if (lruvec->memcg)
		mem_cgroup_calculate_protection(q, NULL, lruvec->memcg);
	if (mem_cgroup_below_min(lruvec->memcg))
		return false;
	need_aging = should_run_aging(lruvec, sc, can_swap, &nr_to_scan);
	if (min_ttl) {
		unsigned int gen = lru_gen_from_seq(HOT_LOAD(&lrugen->min_seq[LRU_GEN_FILE]));

		if (quire_clock(q) < HOT_LOAD(&lrugen->timestamps[gen]) + min_ttl)
			return false;
		/* So small that it would be no help. */
		if (!nr_to_scan && sc->priority != DEF_PRIORITY)
			return false;
	}
	if (need_aging)
		(void)lru_gen_try_to_inc_max_seq(q, lruvec, max_seq, sc, can_swap, false);
	return true;
}

/* The working set of the last min_ttl does not fit: somebody has to go. */
static void kill_for_ttl(struct quire *q, const struct scan_control *sc)
{
	struct alloc_context ac = {.gfp = sc->gfp_mask};

	if (q->page->ops.out_of_memory)
		(void)q->page->ops.out_of_memory(q, &ac);
}

void lru_gen_age_node(struct quire *q, struct pglist_data *pgdat, struct scan_control *sc)
{
	u64 min_ttl = (u64)lru_gen_min_ttl_ms(q) * (NSEC_PER_SEC / 1000);
	struct mem_cgroup *root = q->group->root, *memcg;
	bool success = false;

	sc->last_reclaimed = sc->nr_reclaimed;
	/* Eviction got enough and had generations left: it need not be asked each time. */
	if (!sc->memcgs_need_aging) {
		sc->memcgs_need_aging = true;
		return;
	}
	(void)set_mm_walk(q, pgdat);
	for (memcg = mem_cgroup_iter(q, root, NULL); memcg;
	     memcg = mem_cgroup_iter(q, root, memcg)) {
		struct lruvec *lruvec = mem_cgroup_lruvec(q, memcg_or_root(q, memcg), pgdat);

		if (lruvec->lrugen && age_lruvec(q, lruvec, sc, min_ttl))
			success = true;
		cond_resched(q);
	}
	clear_mm_walk(q);
	/* Reclaim for a block is no sign of need. */
	if (!success && min_ttl && !sc->order)
		kill_for_ttl(q, sc);
}
