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
 * A charge takes 64 pages at once if it can, and the CPU keeps what is left over at
 * hand for the next: memory.current is that much higher than what is used.
 *
 * Above memory.high a charge only takes note; on its way back to its program the
 * task reclaims what it charged, and if that does not bring the group down it sleeps,
 * quadratically longer the further the group is above, two seconds at most.
 *
 * Locks: a stock's own; counters are atomic.
 */
#include "group/objcg.h"

#define MAX_CHARGE_RETRIES 16

void memcg_memory_event(struct mem_cgroup *memcg, enum memcg_event event)
{
	(void)HOT_ADD(&memcg->events_local[event], 1);
	for (; memcg; memcg = memcg->parent)
		(void)HOT_ADD(&memcg->events[event], 1);
}

void page_counter_cancel(struct page_counter *from, const struct page_counter *until, long nr)
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
struct page_counter *page_counter_try_charge(struct page_counter *counter, long nr)
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

/* ---- what a CPU has at hand ------------------------------------------------- */

static bool consume_stock(struct quire *q, struct mem_cgroup *memcg, long nr)
{
	struct memcg_stock *stock = &q->group->stock[smp_processor_id(q)];
	bool ok;

	if (HOT_LOAD(&stock->cached) != memcg || nr > stock->nr_pages)
		return false;
	spin_lock(q, &stock->lock);
	ok = stock->cached == memcg && stock->nr_pages >= nr;
	if (ok)
		stock->nr_pages -= nr;
	spin_unlock(q, &stock->lock);
	return ok;
}

/* Empties a stock; under its lock.  The group's reference is the caller's then. */
static struct mem_cgroup *drain_stock(struct memcg_stock *stock)
{
	struct mem_cgroup *old = stock->cached;

	if (old && stock->nr_pages)
		page_counter_cancel(&old->memory, NULL, stock->nr_pages);
	stock->nr_pages = 0;
	stock->cached = NULL;
	return old;
}

struct mem_cgroup *refill_stock_locked(struct memcg_stock *stock, struct mem_cgroup *memcg, long nr)
{
	struct mem_cgroup *old = NULL;

	if (stock->cached != memcg) {
		old = drain_stock(stock);
		mem_cgroup_get(memcg);
		stock->cached = memcg;
	}
	stock->nr_pages += nr;
	if (stock->nr_pages > MEMCG_CHARGE_BATCH) {
		page_counter_cancel(&memcg->memory, NULL, stock->nr_pages);
		stock->nr_pages = 0;
	}
	return old;
}

static void refill_stock(struct quire *q, struct mem_cgroup *memcg, long nr)
{
	struct memcg_stock *stock = &q->group->stock[smp_processor_id(q)];
	struct mem_cgroup *old;

	spin_lock(q, &stock->lock);
	old = refill_stock_locked(stock, memcg, nr);
	spin_unlock(q, &stock->lock);
	mem_cgroup_put(q, old);
}

static bool is_below(const struct mem_cgroup *memcg, const struct mem_cgroup *root)
{
	while (memcg && memcg != root)
		memcg = memcg->parent;
	return memcg != NULL;
}

void drain_all_stock(struct quire *q, struct mem_cgroup *root)
{
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct memcg_stock *stock = &q->group->stock[cpu];
		struct mem_cgroup *old = NULL, *put = NULL;
		struct obj_cgroup *objcg = NULL;

		if (!HOT_LOAD(&stock->cached) && !HOT_LOAD(&stock->objcg))
			continue;
		spin_lock(q, &stock->lock);
		if (stock->objcg && is_below(stock->objcg->memcg, root))
			objcg = drain_obj_stock(q, stock, &put);
		if (is_below(stock->cached, root))
			old = drain_stock(stock);
		spin_unlock(q, &stock->lock);
		mem_cgroup_put(q, put);
		mem_cgroup_put(q, old);
		obj_cgroup_put(q, objcg);
	}
}

/* ---- above memory.high -------------------------------------------------------- */

#define JIFFY_NS		     (4 * NSEC_PER_MSEC)
#define HZ			     250
#define MEMCG_MAX_HIGH_DELAY_JIFFIES (2UL * HZ)
#define MEMCG_DELAY_PRECISION_SHIFT  20
#define MEMCG_DELAY_SCALING_SHIFT    14

/* Groups above their high give back what was charged. */
static unsigned long reclaim_high(struct quire *q, struct mem_cgroup *memcg, unsigned long nr_pages)
{
	unsigned long nr_reclaimed = 0;

	for (; memcg->parent; memcg = memcg->parent) {
		if (likely(HOT_LOAD(&memcg->memory.usage) <= HOT_LOAD(&memcg->memory.high)))
			continue;
		memcg_memory_event(memcg, MEMCG_HIGH);
		nr_reclaimed += reclaim_from(q, memcg, nr_pages, GFP_KERNEL);
	}
	return nr_reclaimed;
}

static u64 calculate_overage(const struct page_counter *c)
{
	u64 usage = (u64)HOT_LOAD(&c->usage), high = (u64)HOT_LOAD(&c->high);

	if (usage <= high)
		return 0;
	return ((usage - high) << MEMCG_DELAY_PRECISION_SHIFT) / max(high, (u64)1);
}

static u64 calculate_high_delay(unsigned int nr_pages, u64 max_overage)
{
	u64 penalty = max_overage * max_overage * HZ;

	penalty >>= MEMCG_DELAY_PRECISION_SHIFT;
	penalty >>= MEMCG_DELAY_SCALING_SHIFT;
	return penalty * nr_pages / MEMCG_CHARGE_BATCH;
}

/* Jiffies to sleep for nr_pages charged: by the ancestor that is furthest above. */
static u64 high_delay(const struct mem_cgroup *memcg, unsigned int nr_pages)
{
	u64 memory = 0, swap = 0;

	for (; memcg->parent; memcg = memcg->parent) {
		memory = max(memory, calculate_overage(&memcg->memory));
		swap = max(swap, calculate_overage(&memcg->swap));
	}
	return min(calculate_high_delay(nr_pages, memory) + calculate_high_delay(nr_pages, swap),
		   MEMCG_MAX_HIGH_DELAY_JIFFIES);
}

void __mem_cgroup_handle_over_high(struct quire *q)
{
	struct quire_context *context = current_context(q);
	struct mem_cgroup *memcg =
		q->group->ops.current_memcg ? q->group->ops.current_memcg(q) : NULL;
	unsigned int nr_pages = context->memcg_nr_pages_over_high, retries = MAX_CHARGE_RETRIES;
	unsigned long to_reclaim = nr_pages, nr_reclaimed;
	u64 penalty;

	context->memcg_nr_pages_over_high = 0;
	if (!memcg || !memcg->parent)
		return;
	for (;;) {
		nr_reclaimed = reclaim_high(q, memcg, to_reclaim);
		penalty = high_delay(memcg, nr_pages);
		/* Not worth a sleep. */
		if (penalty <= HZ / 100)
			return;
		if (!nr_reclaimed && !retries--)
			break;
		to_reclaim = 32;
		if (task_is_dying(q) || q->stopping)
			return;
	}
	psi_stall_enter(q, PSI_MEM);
	sleep_ns(q, penalty * JIFFY_NS);
	psi_stall_leave(q, PSI_MEM);
}

/* Takes note of a charge to a group that is above its high, or below such. */
static void note_over_high(struct quire *q, const struct mem_cgroup *memcg, long batch, gfp_t gfp)
{
	struct quire_context *context = current_context(q);

	for (; memcg; memcg = memcg->parent) {
		if (likely(HOT_LOAD(&memcg->memory.usage) <= HOT_LOAD(&memcg->memory.high) &&
			   HOT_LOAD(&memcg->swap.usage) <= HOT_LOAD(&memcg->swap.high)))
			continue;
		context->memcg_nr_pages_over_high += (unsigned int)batch;
		break;
	}
	if (unlikely(context->memcg_nr_pages_over_high > MEMCG_CHARGE_BATCH) &&
	    !(context->flags & PF_MEMALLOC) && gfpflags_allow_blocking(gfp))
		__mem_cgroup_handle_over_high(q);
}

/* ---- charging ----------------------------------------------------------------- */

struct charge_try {
	unsigned int retries;
	bool passed_oom, drained;
};

/* A group's limit is in the way: true if the charge is worth another try. */
static bool make_room(struct quire *q, struct mem_cgroup *over, long nr, gfp_t gfp,
		      struct charge_try *t)
{
	unsigned int order = get_order((size_t)nr << PAGE_SHIFT);
	unsigned long reclaimed;

	memcg_memory_event(over, MEMCG_MAX);
	reclaimed = reclaim_from(q, over, (unsigned long)nr, gfp);
	if (mem_cgroup_margin(over) >= nr)
		return true;
	if (!t->drained) {
		drain_all_stock(q, over);
		t->drained = true;
		return true;
	}
	if (gfp & __GFP_NORETRY)
		return false;
	/* Something went: others took it, so the group is not stuck. */
	if (reclaimed && order <= PAGE_ALLOC_COSTLY_ORDER)
		return true;
	if (t->retries--)
		return true;
	if ((gfp & __GFP_RETRY_MAYFAIL) || (t->passed_oom && task_is_dying(q)))
		return false;
	if (!group_out_of_memory(q, over, gfp, order))
		return false;
	t->passed_oom = true;
	t->retries = MAX_CHARGE_RETRIES;
	return true;
}

int try_charge(struct quire *q, struct mem_cgroup *memcg, long nr, gfp_t gfp)
{
	long batch = max(nr, (long)q->group->charge_batch);
	struct charge_try t = {.retries = MAX_CHARGE_RETRIES};

	for (;;) {
		struct page_counter *failed;
		struct mem_cgroup *over;

		if (likely(consume_stock(q, memcg, nr)))
			return 0;
		failed = page_counter_try_charge(&memcg->memory, batch);
		if (likely(!failed))
			break;
		over = container_of(failed, struct mem_cgroup, memory);
		if (batch > nr) {
			batch = nr;
			continue;
		}
		/* Who frees memory for others, and who must not fail, may pass. */
		if (current_context(q)->flags & PF_MEMALLOC) {
			memcg_memory_event(over, MEMCG_MAX);
			page_counter_charge(&memcg->memory, nr);
			return 0;
		}
		if (gfpflags_allow_blocking(gfp) && make_room(q, over, nr, gfp, &t))
			continue;
		if (!(gfp & (__GFP_NOFAIL | __GFP_HIGH)))
			return -ENOMEM;
		if (!gfpflags_allow_blocking(gfp))
			memcg_memory_event(over, MEMCG_MAX);
		page_counter_charge(&memcg->memory, nr);
		return 0;
	}
	if (batch > nr)
		refill_stock(q, memcg, batch - nr);
	note_over_high(q, memcg, batch, gfp);
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
	err = try_charge(q, memcg, 1L << order, gfp);
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

/* A page of the kernel's own, for the running task: a page table.  0 or -ENOMEM. */
static int kmem_charge_table(struct quire *q, struct page *page, gfp_t gfp, bool counted)
{
	struct mem_cgroup *memcg =
		q->group->ops.current_memcg ? q->group->ops.current_memcg(q) : NULL;
	int err = mem_cgroup_charge_kmem(q, page, memcg, gfp);

	if (page->memcg && counted)
		mod_memcg_lruvec_state(page->memcg, page_pgdat(q, page), NR_PAGETABLE, 1);
	return err;
}

static void kmem_uncharge_table(struct quire *q, struct page *page, bool counted)
{
	if (counted)
		mod_memcg_lruvec_state(page->memcg, page_pgdat(q, page), NR_PAGETABLE, -1);
	mem_cgroup_uncharge_kmem(q, page);
}

int charge_init(struct quire *q, struct group_floor *g)
{
	g->charge_batch = MEMCG_CHARGE_BATCH;
	g->stock = kzalloc(q, q->nr_cpus * sizeof(*g->stock), GFP_KERNEL);
	if (!g->stock)
		return -ENOMEM;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		spin_lock_init(&g->stock[cpu].lock, LOCK_MEMCG_STOCK);
	q->page->ops.charge_table = kmem_charge_table;
	q->page->ops.uncharge_table = kmem_uncharge_table;
	return 0;
}

/* ---- limits ----------------------------------------------------------------- */

static void tell_limit_changed(struct quire *q, struct mem_cgroup *memcg)
{
	if (q->group->ops.limit_changed)
		q->group->ops.limit_changed(q, memcg);
}

void mem_cgroup_set_max(struct quire *q, struct mem_cgroup *memcg, long nr_pages)
{
	unsigned int retries = MAX_CHARGE_RETRIES;
	bool drained = false;

	HOT_STORE(&memcg->memory.max, nr_pages);
	tell_limit_changed(q, memcg);
	for (;;) {
		long over = HOT_LOAD(&memcg->memory.usage) - nr_pages;

		if (over <= 0)
			break;
		if (!drained) {
			drain_all_stock(q, memcg);
			drained = true;
			continue;
		}
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
	bool drained = false;

	HOT_STORE(&memcg->memory.high, nr_pages);
	tell_limit_changed(q, memcg);
	for (;;) {
		long over = HOT_LOAD(&memcg->memory.usage) - nr_pages;

		if (over <= 0)
			break;
		if (!drained) {
			drain_all_stock(q, memcg);
			drained = true;
			continue;
		}
		if (!reclaim_from(q, memcg, (unsigned long)over, GFP_KERNEL) && !retries--)
			break;
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
