/* SPDX-License-Identifier: MIT */
/*
 * Charging: counters, limits, and what happens when one is met (Linux's
 * page_counter.c and try_charge() of memcontrol.c).
 *
 * A charge goes up the tree; where an ancestor's max would be passed it is
 * taken back all the way, that group is asked to reclaim, and it is tried
 * again; when reclaim brings nothing the killer is called on that group.  A
 * charge never waits for another's, so a counter may for a moment be above its
 * max by what others are about to take back.
 *
 * Locks: none; counters are atomic.  Differs from Linux: pages are charged one
 * by one and exactly, there is no stock of 64 a CPU; a group above its high
 * reclaims in the charge instead of on return to the user, without the delay
 * that Linux adds.
 */
#include "group/memcontrol.h"

#define MAX_CHARGE_RETRIES 16

void memcg_memory_event(struct mem_cgroup *memcg, enum memcg_event event)
{
	(void)HOT_ADD(&memcg->events_local[event], 1);
	for (; memcg; memcg = memcg->parent)
		(void)HOT_ADD(&memcg->events[event], 1);
}

static void page_counter_cancel(struct page_counter *from, const struct page_counter *until,
				long nr)
{
	for (struct page_counter *c = from; c != until; c = c->parent)
		(void)HOT_SUB(&c->usage, nr);
}

static void raise_watermark(struct page_counter *c, long usage)
{
	long seen = HOT_LOAD(&c->watermark);

	while (usage > seen && !HOT_CMPXCHG(&c->watermark, seen, usage))
		seen = HOT_LOAD(&c->watermark);
}

/* Past any limit: for those who may not fail. */
static void page_counter_charge(struct page_counter *counter, long nr)
{
	for (struct page_counter *c = counter; c; c = c->parent)
		raise_watermark(c, HOT_ADD(&c->usage, nr));
}

/* NULL, or the counter whose max was in the way; nothing is charged then. */
static struct page_counter *page_counter_try_charge(struct page_counter *counter, long nr)
{
	for (struct page_counter *c = counter; c; c = c->parent) {
		long usage = HOT_ADD(&c->usage, nr);

		if (unlikely(usage > HOT_LOAD(&c->max))) {
			(void)HOT_ADD(&c->failcnt, 1);
			page_counter_cancel(counter, c->parent, nr);
			return c;
		}
		raise_watermark(c, usage);
	}
	return NULL;
}

long mem_cgroup_margin(const struct mem_cgroup *memcg)
{
	long margin = PAGE_COUNTER_MAX;

	for (const struct page_counter *c = &memcg->memory; c; c = c->parent)
		margin = min(margin, HOT_LOAD(&c->max) - HOT_LOAD(&c->usage));
	return max(margin, 0L);
}

static unsigned long reclaim_from(struct quire *q, struct mem_cgroup *memcg, unsigned long nr_pages,
				  gfp_t gfp)
{
	struct group_pressure_ops *ops = &q->group->ops;
	unsigned long reclaimed;

	if (!ops->try_to_free_mem_cgroup_pages)
		return 0;
	psi_stall_enter(q, PSI_MEM);
	reclaimed = ops->try_to_free_mem_cgroup_pages(q, memcg, nr_pages, gfp);
	psi_stall_leave(q, PSI_MEM);
	return reclaimed;
}

static bool group_out_of_memory(struct quire *q, struct mem_cgroup *memcg, gfp_t gfp,
				unsigned int order)
{
	struct group_pressure_ops *ops = &q->group->ops;

	if (order > PAGE_ALLOC_COSTLY_ORDER)
		return false;
	memcg_memory_event(memcg, MEMCG_OOM);
	return ops->mem_cgroup_out_of_memory && ops->mem_cgroup_out_of_memory(q, memcg, gfp, order);
}

static bool task_is_dying(struct quire *q)
{
	return q->page->ops.task_is_dying && q->page->ops.task_is_dying(q);
}

/* Groups above their high give back what was charged, and more. */
static void reclaim_high(struct quire *q, struct mem_cgroup *memcg, unsigned long nr_pages,
			 gfp_t gfp)
{
	for (; memcg->parent; memcg = memcg->parent) {
		if (likely(HOT_LOAD(&memcg->memory.usage) <= HOT_LOAD(&memcg->memory.high)))
			continue;
		memcg_memory_event(memcg, MEMCG_HIGH);
		reclaim_from(q, memcg, max(nr_pages, 32UL), gfp);
	}
}

/* A group's limit is in the way: true if the charge is worth another try. */
static bool make_room(struct quire *q, struct mem_cgroup *over, unsigned int order, gfp_t gfp,
		      unsigned int *retries, bool *passed_oom)
{
	long nr = 1L << order;
	unsigned long reclaimed;

	memcg_memory_event(over, MEMCG_MAX);
	reclaimed = reclaim_from(q, over, (unsigned long)nr, gfp);
	if (mem_cgroup_margin(over) >= nr)
		return true;
	if (gfp & __GFP_NORETRY)
		return false;
	/* Something went: others took it, so the group is not stuck. */
	if (reclaimed && order <= PAGE_ALLOC_COSTLY_ORDER)
		return true;
	if ((*retries)--)
		return true;
	if ((gfp & __GFP_RETRY_MAYFAIL) || (*passed_oom && task_is_dying(q)))
		return false;
	if (!group_out_of_memory(q, over, gfp, order))
		return false;
	*passed_oom = true;
	*retries = MAX_CHARGE_RETRIES;
	return true;
}

static int try_charge(struct quire *q, struct mem_cgroup *memcg, unsigned int order, gfp_t gfp)
{
	unsigned int retries = MAX_CHARGE_RETRIES;
	bool passed_oom = false;
	long nr = 1L << order;

	for (;;) {
		struct page_counter *failed = page_counter_try_charge(&memcg->memory, nr);
		struct mem_cgroup *over;

		if (likely(!failed))
			break;
		over = container_of(failed, struct mem_cgroup, memory);
		/* Who frees memory for others, and who must not fail, may pass. */
		if (current_context(q)->flags & PF_MEMALLOC) {
			page_counter_charge(&memcg->memory, nr);
			return 0;
		}
		if (gfpflags_allow_blocking(gfp) &&
		    make_room(q, over, order, gfp, &retries, &passed_oom))
			continue;
		if (!(gfp & (__GFP_NOFAIL | __GFP_HIGH)))
			return -ENOMEM;
		page_counter_charge(&memcg->memory, nr);
		return 0;
	}
	if (gfpflags_allow_blocking(gfp) && !(current_context(q)->flags & PF_MEMALLOC))
		reclaim_high(q, memcg, (unsigned long)nr, gfp);
	return 0;
}

/* Drops nr references; the last one of a removed group makes it reapable. */
static void put_many(struct quire *q, struct mem_cgroup *memcg, unsigned int nr)
{
	if (HOT_SUB(&memcg->css_refs, nr) == 0)
		(void)HOT_ADD(&q->group->nr_unreferenced, 1);
}

int mem_cgroup_charge(struct quire *q, struct page *page, struct mem_cgroup *memcg, gfp_t gfp)
{
	unsigned int order;
	int err;

	if (likely(!memcg || !memcg->parent)) {
		page->memcg = NULL;
		return 0;
	}
	order = compound_order(page);
	/* The reference first: the charge may sleep. */
	(void)HOT_ADD(&memcg->css_refs, 1U << order);
	err = try_charge(q, memcg, order, gfp);
	if (err) {
		page->memcg = NULL;
		put_many(q, memcg, 1U << order);
		return err;
	}
	page->memcg = memcg;
	return 0;
}

void mem_cgroup_get(struct mem_cgroup *memcg)
{
	if (memcg)
		(void)HOT_ADD(&memcg->css_refs, 1);
}

void mem_cgroup_put(struct quire *q, struct mem_cgroup *memcg)
{
	if (memcg)
		put_many(q, memcg, 1);
}

void mem_cgroup_uncharge(struct quire *q, struct page *page)
{
	struct mem_cgroup *memcg = page->memcg;
	unsigned int order;

	if (likely(!memcg))
		return;
	order = compound_order(page);
	page->memcg = NULL;
	page_counter_cancel(&memcg->memory, NULL, 1L << order);
	put_many(q, memcg, 1U << order);
}

int mem_cgroup_try_charge_swap(struct quire *q, struct mem_cgroup *memcg, unsigned long nr_pages)
{
	(void)q;
	if (!memcg || !memcg->parent)
		return 0;
	if (page_counter_try_charge(&memcg->swap, (long)nr_pages)) {
		memcg_memory_event(memcg, MEMCG_SWAP_MAX);
		memcg_memory_event(memcg, MEMCG_SWAP_FAIL);
		return -ENOMEM;
	}
	(void)HOT_ADD(&memcg->css_refs, (unsigned int)nr_pages);
	return 0;
}

void mem_cgroup_uncharge_swap(struct quire *q, unsigned int id, unsigned long nr_pages)
{
	struct mem_cgroup *memcg = mem_cgroup_from_id(q, id);

	if (!memcg || !memcg->parent)
		return;
	page_counter_cancel(&memcg->swap, NULL, (long)nr_pages);
	put_many(q, memcg, (unsigned int)nr_pages);
}

/* ---- limits ----------------------------------------------------------------- */

void mem_cgroup_set_max(struct quire *q, struct mem_cgroup *memcg, long nr_pages)
{
	unsigned int retries = MAX_CHARGE_RETRIES;

	HOT_STORE(&memcg->memory.max, nr_pages);
	for (;;) {
		long over = HOT_LOAD(&memcg->memory.usage) - nr_pages;

		if (over <= 0)
			break;
		if (retries) {
			if (!reclaim_from(q, memcg, (unsigned long)over, GFP_KERNEL))
				retries--;
			continue;
		}
		if (!group_out_of_memory(q, memcg, GFP_KERNEL, 0))
			break;
		/* The victim's memory goes as it dies. */
		cond_resched(q);
	}
}

void mem_cgroup_set_high(struct quire *q, struct mem_cgroup *memcg, long nr_pages)
{
	unsigned int retries = MAX_CHARGE_RETRIES;

	HOT_STORE(&memcg->memory.high, nr_pages);
	while (retries) {
		long over = HOT_LOAD(&memcg->memory.usage) - nr_pages;

		if (over <= 0)
			break;
		if (!reclaim_from(q, memcg, (unsigned long)over, GFP_KERNEL))
			retries--;
	}
}

void mem_cgroup_set_low(struct mem_cgroup *memcg, long nr_pages)
{
	HOT_STORE(&memcg->memory.low, nr_pages);
}

void mem_cgroup_set_min(struct mem_cgroup *memcg, long nr_pages)
{
	HOT_STORE(&memcg->memory.min, nr_pages);
}

void mem_cgroup_set_swap_max(struct mem_cgroup *memcg, long nr_pages)
{
	HOT_STORE(&memcg->swap.max, nr_pages);
}
