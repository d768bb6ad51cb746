/* SPDX-License-Identifier: MIT */
/*
 * Generations of a group's lruvecs, and the lists of address spaces that their aging
 * walks (Linux's lru_gen_init_lruvec(), lru_gen_add_mm() and its kin).
 *
 * The idea: every address space is on the list of its group, new ones at the end.  The
 * aging of a lruvec walks that list from its beginning to its end once a generation, with
 * as many walkers as come by: mm_state.head is where the next one goes on.  tail is where
 * the walk before ended: address spaces from there on are new, and are looked at whole.
 *
 * Invariants: an address space with users is on exactly one list, that of its group;
 * head and tail of each node's walk are entries of the list, or its end, or NULL (no
 * walk; none yet).  Who leaves the list takes both along to the next entry.
 *
 * Lock: lru_gen_mm_list.lock.
 *
 * Differs from Linux: all of it is made when the policy is first switched on, and the list
 * is kept beside the generations of the group's first node (docs/differences.md).
 */
#include "base/string.h"
#include "group/lru_gen.h"

/* ---- generations ------------------------------------------------------------- */

static void init_lrugen(struct quire *q, struct lru_gen_struct *lrugen)
{
	unsigned long *filters[NR_BLOOM_FILTERS];

	/* A former life's filters are emptied when a walk begins. */
	memcpy(filters, lrugen->mm_state.filters, sizeof(filters));
	memset(lrugen, 0, sizeof(*lrugen));
	memcpy(lrugen->mm_state.filters, filters, sizeof(filters));
	lrugen->max_seq = MIN_NR_GENS + 1;
	lrugen->enabled = lru_gen_enabled(q);
	for (unsigned int gen = 0; gen < MAX_NR_GENS; gen++) {
		lrugen->timestamps[gen] = quire_clock(q);
		for (int type = 0; type < ANON_AND_FILE; type++)
			for (int zone = 0; zone < MAX_NR_ZONES; zone++)
				INIT_LIST_HEAD(&lrugen->lists[gen][type][zone]);
	}
	lrugen->mm_state.seq = MIN_NR_GENS;
	spin_lock_init(&lrugen->mm_list.lock, LOCK_LRU_GEN_MM);
	INIT_LIST_HEAD(&lrugen->mm_list.fifo);
}

int lru_gen_init_memcg(struct quire *q, struct mem_cgroup *memcg)
{
	int err = 0;

	for_each_node (q, nid) {
		struct lruvec *lruvec = mem_cgroup_lruvec(q, memcg, NODE_DATA(q, nid));
		struct lru_gen_struct *lrugen = lruvec->lrugen;

		if (!lrugen)
			lrugen = kmalloc_node(q, sizeof(*lrugen), GFP_KERNEL_ACCOUNT | __GFP_ZERO,
					      (int)nid);
		if (!lrugen) {
			err = -ENOMEM;
			continue;
		}
		init_lrugen(q, lrugen);
		lruvec->lrugen = lrugen;
	}
	return err;
}

/* ---- lists of address spaces --------------------------------------------------- */

struct lru_gen_mm_list *lru_gen_mm_list(struct quire *q, struct mem_cgroup *memcg)
{
	struct lruvec *lruvec = mem_cgroup_lruvec(q, memcg, NODE_DATA(q, 0));

	return lruvec->lrugen ? &lruvec->lrugen->mm_list : NULL;
}

static struct lru_gen_mm_state *mm_state_of(struct quire *q, struct mem_cgroup *memcg,
					    unsigned int nid)
{
	struct lruvec *lruvec = mem_cgroup_lruvec(q, memcg, NODE_DATA(q, nid));

	return lruvec->lrugen ? &lruvec->lrugen->mm_state : NULL;
}

void lru_gen_add_mm(struct quire *q, struct lru_gen_mm *mm, struct mem_cgroup *memcg)
{
	struct lru_gen_mm_list *mm_list = lru_gen_mm_list(q, memcg);

	if (!mm_list || mm->list.next)
		return;
	spin_lock(q, &mm_list->lock);
	mm->memcg = memcg;
	mm->bitmap = ~0UL;
	list_add_tail(&mm->list, &mm_list->fifo);
	for_each_node (q, nid) {
		struct lru_gen_mm_state *state = mm_state_of(q, memcg, nid);

		/* The last walk went to the end: this one is beyond it. */
		if (state && state->tail == &mm_list->fifo)
			state->tail = &mm->list;
	}
	spin_unlock(q, &mm_list->lock);
}

void lru_gen_del_mm(struct quire *q, struct lru_gen_mm *mm)
{
	struct lru_gen_mm_list *mm_list;

	if (likely(!mm->list.next))
		return;
	mm_list = lru_gen_mm_list(q, mm->memcg);
	spin_lock(q, &mm_list->lock);
	for_each_node (q, nid) {
		struct lru_gen_mm_state *state = mm_state_of(q, mm->memcg, nid);

		if (!state)
			continue;
		if (state->tail == &mm->list)
			state->tail = mm->list.next;
		if (state->head != &mm->list)
			continue;
		state->head = mm->list.next;
		/* It was the last one of the walk that is under way. */
		if (state->head == &mm_list->fifo)
			HOT_STORE(&state->seq, state->seq + 1);
	}
	list_del(&mm->list);
	mm->list.next = NULL;
	mm->memcg = NULL;
	spin_unlock(q, &mm_list->lock);
}

void lru_gen_migrate_mm(struct quire *q, struct lru_gen_mm *mm, struct mem_cgroup *memcg)
{
	if (likely(!(q->keys & KEY_LRU_GEN_MMS)))
		return;
	/* It is on none if its old group has no generations. */
	lru_gen_del_mm(q, mm);
	lru_gen_add_mm(q, mm, memcg);
}
