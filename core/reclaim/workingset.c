/* SPDX-License-Identifier: MIT */
/*
 * The working set: which evicted pages should not have been.
 *
 * The idea (Johannes Weiner, Linux's workingset.c): a page that is evicted
 * leaves a shadow behind in its tree slot.  The shadow holds the reading of
 * its lruvec's clock, nonresident_age, which ticks with each eviction and each
 * activation.  When the page is read again, the ticks since then are its
 * refault distance: how many more slots the inactive list would have needed
 * for it to survive.  Were the active pages that many or more, the page is as
 * much in use as they are, so it becomes active at once and has to fight it
 * out with them.
 *
 *	shadow, 63 bits:  | eviction clock 40 | group 16 | node 6 | workingset 1 |
 *
 * The workingset bit says that the page had been active before it was evicted:
 * its return is thrashing, and counts as cost of reclaiming its kind.
 *
 * Invariants: clocks never go back.  A group's clock also ticks its parents'.
 *
 * With the multi-generational LRU a shadow holds its token instead of the clock's reading
 * (lru_gen_tier.c); one that the other policy left is misread, and counts once at most.
 *
 * Locks: clocks and counters are atomic; costs under lru_lock.
 *
 * Differs from Linux's: nothing shrinks tree nodes that hold only shadows;
 * they go with their inode (docs/differences.md).
 */
#include "reclaim/lru_gen.h"

#define WORKINGSET_BITS 1
#define NODE_BITS	6
#define MEMCG_BITS	16
#define EVICTION_SHIFT	(WORKINGSET_BITS + NODE_BITS + MEMCG_BITS)
#define EVICTION_MASK	((1UL << (63 - EVICTION_SHIFT)) - 1)

_Static_assert(1 << NODE_BITS >= QUIRE_MAX_NODES, "a shadow holds every node's number");

struct shadow {
	u64 eviction;
	unsigned int memcg_id, nid;
	bool workingset;
};

static void *pack_shadow(struct shadow s)
{
	unsigned long v = s.eviction & EVICTION_MASK;

	v = (v << MEMCG_BITS) | (s.memcg_id & ((1u << MEMCG_BITS) - 1));
	v = (v << NODE_BITS) | s.nid;
	v = (v << WORKINGSET_BITS) | s.workingset;
	return xa_mk_value(v);
}

static struct shadow unpack_shadow(const void *entry)
{
	unsigned long v = xa_to_value(entry);

	return (struct shadow){
		.workingset = v & 1,
		.nid = (v >> WORKINGSET_BITS) & ((1u << NODE_BITS) - 1),
		.memcg_id = (v >> (WORKINGSET_BITS + NODE_BITS)) & ((1u << MEMCG_BITS) - 1),
		.eviction = v >> EVICTION_SHIFT,
	};
}

void workingset_age_nonresident(struct quire *q, struct lruvec *lruvec, unsigned long nr_pages)
{
	for (; lruvec; lruvec = parent_lruvec(q, lruvec))
		(void)HOT_ADD(&lruvec->nonresident_age, nr_pages);
}

/*
 * The shadow of a page that is about to leave.  The clock is that of the
 * reclaim's target: a group's own reclaim ages its pages among themselves.
 */
void *workingset_eviction(struct quire *q, struct page *page, struct mem_cgroup *target)
{
	struct mem_cgroup *memcg = memcg_or_root(q, target);
	struct lruvec *lruvec;
	u64 eviction;

	if (lru_gen_enabled(q))
		return pack_shadow((struct shadow){
			.eviction = lru_gen_eviction(q, page),
			.memcg_id = page->memcg ? page->memcg->id : 0,
			.nid = page_to_nid(page),
			.workingset = page_lru_refs(page) != 0,
		});
	lruvec = mem_cgroup_lruvec(q, memcg, page_pgdat(q, page));
	eviction = HOT_LOAD(&lruvec->nonresident_age);
	workingset_age_nonresident(q, lruvec, 1);
	return pack_shadow((struct shadow){
		.eviction = eviction,
		.memcg_id = memcg ? memcg->id : 0,
		.nid = page_to_nid(page),
		.workingset = PageWorkingset(page),
	});
}

/* Pages that a returning page would have had to outlive. */
static unsigned long workingset_size(struct quire *q, struct lruvec *lruvec, bool file)
{
	unsigned long size = lruvec_page_state(q, lruvec, NR_ACTIVE_FILE);

	if (!file)
		size += lruvec_page_state(q, lruvec, NR_INACTIVE_FILE);
	if (has_swap_for(q, lruvec->memcg)) {
		size += lruvec_page_state(q, lruvec, NR_ACTIVE_ANON);
		if (file)
			size += lruvec_page_state(q, lruvec, NR_INACTIVE_ANON);
	}
	return size;
}

/* A page was brought back in and its shadow found; it is locked, charged and
 * not yet on a list. */
void workingset_refault(struct quire *q, struct page *page, void *shadow)
{
	bool file = page_is_file_lru(page);
	struct shadow s = unpack_shadow(shadow);
	struct lruvec *evicted_from, *lruvec = page_lruvec(q, page);
	struct mem_cgroup *memcg = NULL;
	u64 distance;

	if (lru_gen_enabled(q)) {
		/* Generations are the group's and the node's own. */
		if (s.nid == page_to_nid(page) && s.memcg_id == (page->memcg ? page->memcg->id : 0))
			(void)lru_gen_refault(q, page, s.eviction, EVICTION_MASK, s.workingset);
		return;
	}
	/* The group that evicted it may be gone, and with it the clock. */
	if (s.memcg_id) {
		memcg = mem_cgroup_from_id(q, s.memcg_id);
		if (!memcg)
			return;
	}
	if (s.nid >= q->nr_nodes || !NODE_DATA(q, s.nid))
		return;
	evicted_from = mem_cgroup_lruvec(q, memcg_or_root(q, memcg), NODE_DATA(q, s.nid));
	distance = (HOT_LOAD(&evicted_from->nonresident_age) - s.eviction) & EVICTION_MASK;

	mod_lruvec_page_state(q, page, file ? WORKINGSET_REFAULT_FILE : WORKINGSET_REFAULT_ANON, 1);
	if (distance > workingset_size(q, evicted_from, file))
		return;
	SetPageActive(page);
	workingset_age_nonresident(q, lruvec, 1);
	mod_lruvec_page_state(q, page, file ? WORKINGSET_ACTIVATE_FILE : WORKINGSET_ACTIVATE_ANON,
			      1);
	if (s.workingset) {
		SetPageWorkingset(page);
		lru_note_cost(q, lruvec, file, 1);
		mod_lruvec_page_state(q, page,
				      file ? WORKINGSET_RESTORE_FILE : WORKINGSET_RESTORE_ANON, 1);
	}
}

/* A page moved to an active list. */
void workingset_activation(struct quire *q, struct page *page)
{
	workingset_age_nonresident(q, page_lruvec(q, page), 1);
}

/*
 * Reclaim of anonymous or file pages has cost I/O: nr_pages written out, or
 * read back too soon.  Recent cost is what counts, so both are halved once
 * they exceed a quarter of the lists.
 */
void lru_note_cost(struct quire *q, struct lruvec *lruvec, bool file, unsigned int nr_pages)
{
	/* Without a cost too: the lists may have shrunk. */
	for (; lruvec; lruvec = parent_lruvec(q, lruvec)) {
		unsigned long lru_size = 0;

		for (int lru = 0; lru <= LRU_ACTIVE_FILE; lru++)
			lru_size += lruvec_page_state(
				q, lruvec, (enum node_stat_item)(NR_INACTIVE_ANON + lru));
		spin_lock(q, &lruvec->pgdat->lru_lock);
		if (file)
			lruvec->file_cost += nr_pages;
		else
			lruvec->anon_cost += nr_pages;
		if (lruvec->file_cost + lruvec->anon_cost > lru_size / 4) {
			lruvec->file_cost /= 2;
			lruvec->anon_cost /= 2;
		}
		spin_unlock(q, &lruvec->pgdat->lru_lock);
	}
}
