/* SPDX-License-Identifier: MIT */
/*
 * The multi-generational LRU switched on and off, and its settings and orders (Linux's
 * lru_gen_change_state(), run_cmd()).
 *
 * The idea: the policy is a bit of q->keys that everyone tests who does one thing or
 * the other.  When it changes, each lruvec's pages are taken off the lists of the one policy
 * and put on those of the other, 64 under one acquisition of the lock; pages that are
 * isolated, or wait in a CPU's batch, arrive where they then belong.  So a lruvec may have
 * pages on both for a while, but only reclaim of one kind looks at it.
 *
 * The first time, generations are allocated for every group, and every address space
 * is put on its group's list; both stay when the policy is switched off.
 *
 * Invariants: KEY_LRU_GEN is set only if KEY_LRU_GEN_MMS is; a page with a generation in its
 * flags is on a list of its lruvec's generations, and no other page is.
 *
 * Locks: lru_gen_control.lock, one that switches; lru_lock; tasklist_lock for the list
 * of all address spaces.
 */
#include "reclaim/lru_gen.h"
#include "space/mm.h"

#define NR_MOVED_AT_ONCE 64

/* ---- settings ------------------------------------------------------------------------ */

unsigned int lru_gen_caps(const struct quire *q)
{
	unsigned int caps = q->reclaim->lru_gen ? HOT_LOAD(&q->reclaim->lru_gen->caps) : 0;

	return (caps & ~(unsigned int)BIT(LRU_GEN_CORE)) | lru_gen_enabled(q);
}

unsigned int lru_gen_min_ttl_ms(const struct quire *q)
{
	return q->reclaim->lru_gen ? HOT_LOAD(&q->reclaim->lru_gen->min_ttl_ms) : 0;
}

/* NULL: no memory. */
static struct lru_gen_control *get_control(struct quire *q)
{
	struct lru_gen_control *control = HOT_LOAD(&q->reclaim->lru_gen), *none = NULL;

	if (control)
		return control;
	control = kzalloc(q, sizeof(*control), GFP_KERNEL);
	if (!control)
		return NULL;
	mutex_init(&control->lock);
	if (!HOT_CMPXCHG(&q->reclaim->lru_gen, none, control))
		kfree(q, control);
	return q->reclaim->lru_gen;
}

int lru_gen_set_min_ttl_ms(struct quire *q, unsigned int ms)
{
	struct lru_gen_control *control = get_control(q);

	if (!control)
		return -ENOMEM;
	HOT_STORE(&control->min_ttl_ms, ms);
	return 0;
}

/* ---- the switch ---------------------------------------------------------------------- */

/* From the classic lists; false: that was one batch. */
static bool fill_evictable(struct quire *q, struct lruvec *lruvec)
{
	int remaining = NR_MOVED_AT_ONCE;

	for_each_evictable_lru(lru)
	{
		struct list_head *head = &lruvec->lists[lru];

		while (!list_empty(head)) {
			struct page *page = lru_to_page(head);

			del_page_from_lru_list(q, lruvec, page);
			add_page_to_lru_list(q, lruvec, page);
			if (!--remaining)
				return false;
		}
	}
	return true;
}

static bool drain_list(struct quire *q, struct lruvec *lruvec, struct list_head *head,
		       int *remaining)
{
	while (!list_empty(head)) {
		struct page *page = lru_to_page(head);

		del_page_from_lru_list(q, lruvec, page);
		add_page_to_lru_list(q, lruvec, page);
		if (!--*remaining)
			return false;
	}
	return true;
}

static bool drain_evictable(struct quire *q, struct lruvec *lruvec)
{
	int remaining = NR_MOVED_AT_ONCE;

	for (unsigned int gen = 0; gen < MAX_NR_GENS; gen++)
		for (int type = 0; type < ANON_AND_FILE; type++)
			for (int zone = 0; zone < MAX_NR_ZONES; zone++)
				if (!drain_list(q, lruvec, &lruvec->lrugen->lists[gen][type][zone],
						&remaining))
					return false;
	return true;
}

static void move_lruvec(struct quire *q, struct lruvec *lruvec, bool enabled)
{
	struct spinlock *lock = &lruvec->pgdat->lru_lock;

	if (!lruvec->lrugen)
		return;
	spin_lock(q, lock);
	lruvec->lrugen->enabled = enabled;
	while (!(enabled ? fill_evictable(q, lruvec) : drain_evictable(q, lruvec))) {
		spin_unlock(q, lock);
		cond_resched(q);
		spin_lock(q, lock);
	}
	spin_unlock(q, lock);
}

/* What the first time takes. */
static int make_generations(struct quire *q, struct lru_gen_control *control)
{
	struct mem_cgroup *root = q->group->root, *memcg;
	struct mm_struct *mm;
	int err = lru_gen_init_memcg(q, NULL);

	if (err)
		return err;
	for_each_node (q, nid)
		if (!control->kswapd_walk[nid])
			control->kswapd_walk[nid] =
				kzalloc(q, sizeof(struct lru_gen_mm_walk), GFP_KERNEL);
	(void)HOT_OR(&q->keys, KEY_LRU_GEN_MMS);
	for (memcg = mem_cgroup_iter(q, root, NULL); memcg; memcg = mem_cgroup_iter(q, root, memcg))
		if (memcg != root && !memcg->lruvec[0]->lrugen)
			(void)lru_gen_init_memcg(q, memcg);
	spin_lock(q, &q->space->tasklist_lock);
	list_for_each_entry (mm, &q->space->mms, mm_list)
		if (HOT_LOAD(&mm->mm_users))
			lru_gen_add_mm(q, &mm->lru_gen, mm->memcg);
	spin_unlock(q, &q->space->tasklist_lock);
	return 0;
}

static int change_state(struct quire *q, struct lru_gen_control *control, bool enabled)
{
	struct mem_cgroup *root = q->group->root, *memcg;
	int err = 0;

	if (enabled == lru_gen_enabled(q))
		return 0;
	if (enabled && !(q->keys & KEY_LRU_GEN_MMS))
		err = make_generations(q, control);
	if (err)
		return err;
	if (enabled)
		(void)HOT_OR(&q->keys, KEY_LRU_GEN);
	else
		(void)HOT_AND(&q->keys, ~KEY_LRU_GEN);
	for (memcg = mem_cgroup_iter(q, root, NULL); memcg;
	     memcg = mem_cgroup_iter(q, root, memcg)) {
		for_each_node (q, nid)
			move_lruvec(
				q, mem_cgroup_lruvec(q, memcg_or_root(q, memcg), NODE_DATA(q, nid)),
				enabled);
		cond_resched(q);
	}
	return 0;
}

int lru_gen_set_caps(struct quire *q, unsigned int caps)
{
	struct lru_gen_control *control = get_control(q);
	int err;

	if (!control)
		return -ENOMEM;
	mutex_lock(q, &control->lock);
	err = change_state(q, control, caps & BIT(LRU_GEN_CORE));
	if (!err)
		HOT_STORE(&control->caps, caps & (unsigned int)LRU_GEN_ALL_CAPS);
	mutex_unlock(q, &control->lock);
	return err;
}

/* ---- orders -------------------------------------------------------------------------- */

struct lruvec *lru_gen_lruvec(struct quire *q, struct mem_cgroup *memcg, unsigned int nid)
{
	struct lruvec *lruvec;

	if (nid >= q->nr_nodes || !NODE_DATA(q, nid))
		return NULL;
	lruvec = mem_cgroup_lruvec(q, memcg_or_root(q, memcg), NODE_DATA(q, nid));
	return lruvec->lrugen ? lruvec : NULL;
}

static int run_aging(struct quire *q, struct lruvec *lruvec, const struct scan_control *sc,
		     unsigned long seq, bool can_swap, bool force_scan)
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;
	unsigned long max_seq = HOT_LOAD(&lrugen->max_seq);

	if (seq != max_seq)
		return seq < max_seq ? 0 : -EINVAL;
	if (!force_scan && HOT_LOAD(&lrugen->min_seq[!can_swap]) + MAX_NR_GENS - 1 <= max_seq)
		return -ERANGE;
	(void)lru_gen_try_to_inc_max_seq(q, lruvec, max_seq, sc, can_swap, force_scan);
	return 0;
}

static int run_eviction(struct quire *q, struct lruvec *lruvec, struct scan_control *sc,
			unsigned long seq, int swappiness, unsigned long nr_to_reclaim)
{
	const struct lru_gen_struct *lrugen = lruvec->lrugen;
	const struct task *task = current_task(q);

	if (seq + MIN_NR_GENS > HOT_LOAD(&lrugen->max_seq))
		return -EINVAL;
	sc->nr_reclaimed = 0;
	while (!(task && fatal_signal_pending(task))) {
		if (seq < HOT_LOAD(&lrugen->min_seq[!swappiness]) ||
		    sc->nr_reclaimed >= nr_to_reclaim || q->stopping ||
		    !lru_gen_evict_pages(q, lruvec, sc, swappiness, NULL))
			return 0;
		cond_resched(q);
	}
	return -EINTR;
}

static int run_command(struct quire *q, char cmd, struct lruvec *lruvec, unsigned long seq,
		       int swappiness, unsigned long opt)
{
	struct scan_control sc = {
		.gfp_mask = GFP_KERNEL,
		.may_writepage = true,
		.may_unmap = true,
		.may_swap = true,
		.reclaim_idx = MAX_NR_ZONES - 1,
	};

	if (swappiness < 0)
		swappiness = lru_gen_swappiness(q, lruvec, &sc);
	else if (swappiness > 200)
		return -EINVAL;
	if (cmd == '+')
		return run_aging(q, lruvec, &sc, seq, swappiness != 0, opt != 0);
	if (cmd == '-')
		return run_eviction(q, lruvec, &sc, seq, swappiness, opt);
	return -EINVAL;
}

int lru_gen_command(struct quire *q, char cmd, unsigned int memcg_id, unsigned int nid,
		    unsigned long seq, int swappiness, unsigned long opt)
{
	struct quire_context *context = current_context(q);
	unsigned int memalloc = context->flags & PF_MEMALLOC;
	struct mem_cgroup *memcg = mem_cgroup_from_id(q, memcg_id);
	struct lruvec *lruvec = memcg ? lru_gen_lruvec(q, memcg, nid) : NULL;
	int err;

	if (!lruvec || !lruvec->lrugen->enabled)
		return -EINVAL;
	mem_cgroup_get(memcg);
	context->flags |= PF_MEMALLOC;
	lru_add_drain(q);
	err = run_command(q, cmd, lruvec, seq, swappiness, opt);
	clear_mm_walk(q);
	context = current_context(q);
	context->flags = (context->flags & ~(unsigned int)PF_MEMALLOC) | memalloc;
	mem_cgroup_put(q, memcg);
	return err;
}
