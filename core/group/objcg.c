/* SPDX-License-Identifier: MIT */
/*
 * Objects are charged in bytes (Linux's obj_cgroup_charge() and what is around it).
 *
 * Groups are charged pages, so a page is charged for an object and what is left of it
 * stays at hand: with the CPU that took it, for the next object of that payer, or,
 * when the CPU takes another payer's, with the payer itself.  Bytes of freed objects
 * come back the same way, and whole pages of them go back to the CPU's pages at hand
 * (charge.c).  The group's counts of slab bytes are changed a page's worth at a time,
 * too, so memory.stat is up to a page a CPU behind.
 *
 * Invariant: a payer's pages are the bytes of its objects, what stocks hold for it and
 * its own rest.  core/verify checks it object by object.
 *
 * Locks: a stock's own; LOCK_OBJCG the lists of payers, and the moves to a parent.
 *
 * Differs from Linux: references are counted in one word, not a CPU.
 */
#include "group/objcg.h"
#include "slab/memcg.h"

static void account_kmem(struct mem_cgroup *memcg, long nr)
{
	(void)HOT_ADD(&memcg->vmstats[MEMCG_KMEM], nr);
}

static struct memcg_stock *this_cpu_stock(struct quire *q)
{
	return &q->group->stock[smp_processor_id(q)];
}

/* ---- pages of a payer --------------------------------------------------------- */

static int charge_pages(struct quire *q, struct obj_cgroup *objcg, gfp_t gfp, long nr)
{
	struct mem_cgroup *memcg = HOT_LOAD(&objcg->memcg);
	int err;

	/* It may be removed while we sleep. */
	mem_cgroup_get(memcg);
	err = try_charge(q, memcg, nr, gfp);
	if (!err) {
		spin_lock(q, &q->group->objcg_lock);
		page_counter_cancel(&memcg->memory, &objcg->memcg->memory, nr);
		account_kmem(objcg->memcg, nr);
		objcg->nr_pages += nr;
		spin_unlock(q, &q->group->objcg_lock);
	}
	mem_cgroup_put(q, memcg);
	return err;
}

/* Under the stock's lock, as refill_stock_locked(). */
static struct mem_cgroup *uncharge_pages(struct quire *q, struct memcg_stock *stock,
					 struct obj_cgroup *objcg, long nr)
{
	struct mem_cgroup *memcg;

	spin_lock(q, &q->group->objcg_lock);
	memcg = objcg->memcg;
	account_kmem(memcg, -nr);
	objcg->nr_pages -= nr;
	spin_unlock(q, &q->group->objcg_lock);
	return refill_stock_locked(stock, memcg, nr);
}

static void release_objcg(struct quire *q, struct obj_cgroup *objcg)
{
	struct memcg_stock *stock = this_cpu_stock(q);
	long nr = objcg->nr_charged_bytes >> PAGE_SHIFT;
	struct mem_cgroup *put = NULL;

	if (nr) {
		spin_lock(q, &stock->lock);
		put = uncharge_pages(q, stock, objcg, nr);
		spin_unlock(q, &stock->lock);
	}
	VM_BUG_ON(q, objcg->nr_pages);
	spin_lock(q, &q->group->objcg_lock);
	list_del(&objcg->list);
	spin_unlock(q, &q->group->objcg_lock);
	mem_cgroup_put(q, put);
	kfree(q, objcg);
}

void obj_cgroup_put(struct quire *q, struct obj_cgroup *objcg)
{
	if (objcg && !HOT_SUB(&objcg->refs, 1))
		release_objcg(q, objcg);
}

/* ---- bytes at hand ------------------------------------------------------------ */

static void flush_state(struct memcg_stock *stock)
{
	struct mem_cgroup *memcg = HOT_LOAD(&stock->objcg->memcg);

	if (!stock->pgdat)
		return; /* none were counted */
	mod_memcg_lruvec_state(memcg, stock->pgdat, NR_SLAB_RECLAIMABLE,
			       stock->nr_slab_reclaimable_b);
	mod_memcg_lruvec_state(memcg, stock->pgdat, NR_SLAB_UNRECLAIMABLE,
			       stock->nr_slab_unreclaimable_b);
	stock->nr_slab_reclaimable_b = stock->nr_slab_unreclaimable_b = 0;
}

struct obj_cgroup *drain_obj_stock(struct quire *q, struct memcg_stock *stock,
				   struct mem_cgroup **put)
{
	struct obj_cgroup *old = stock->objcg;

	*put = NULL;
	if (!old)
		return NULL;
	if (stock->nr_bytes >> PAGE_SHIFT)
		*put = uncharge_pages(q, stock, old, stock->nr_bytes >> PAGE_SHIFT);
	(void)HOT_ADD(&old->nr_charged_bytes, stock->nr_bytes & (PAGE_SIZE - 1));
	stock->nr_bytes = 0;
	flush_state(stock);
	stock->objcg = NULL;
	stock->pgdat = NULL;
	return old;
}

/* What a change of a stock leaves over, to be put when its lock is not held. */
struct leftover {
	struct obj_cgroup *objcg;
	struct mem_cgroup *memcg[2];
};

static void put_leftover(struct quire *q, const struct leftover *left)
{
	obj_cgroup_put(q, left->objcg);
	mem_cgroup_put(q, left->memcg[0]);
	mem_cgroup_put(q, left->memcg[1]);
}

/* Under the stock's lock: it is objcg's.  True if it was another's. */
static bool switch_stock(struct quire *q, struct memcg_stock *stock, struct obj_cgroup *objcg,
			 struct leftover *left)
{
	unsigned int bytes;

	if (likely(stock->objcg == objcg))
		return false;
	left->objcg = drain_obj_stock(q, stock, &left->memcg[0]);
	(void)HOT_ADD(&objcg->refs, 1);
	do
		bytes = HOT_LOAD(&objcg->nr_charged_bytes);
	while (bytes && !HOT_CMPXCHG(&objcg->nr_charged_bytes, bytes, 0));
	stock->objcg = objcg;
	stock->nr_bytes = bytes;
	return true;
}

static bool consume_obj_stock(struct quire *q, struct obj_cgroup *objcg, size_t bytes)
{
	struct memcg_stock *stock = this_cpu_stock(q);
	bool ok;

	spin_lock(q, &stock->lock);
	ok = stock->objcg == objcg && stock->nr_bytes >= bytes;
	if (ok)
		stock->nr_bytes -= (unsigned int)bytes;
	spin_unlock(q, &stock->lock);
	return ok;
}

static void refill_obj_stock(struct quire *q, struct obj_cgroup *objcg, size_t bytes,
			     bool allow_uncharge)
{
	struct memcg_stock *stock = this_cpu_stock(q);
	struct leftover left = {};

	spin_lock(q, &stock->lock);
	if (switch_stock(q, stock, objcg, &left))
		allow_uncharge = true;
	stock->nr_bytes += (unsigned int)bytes;
	if (allow_uncharge && stock->nr_bytes > PAGE_SIZE) {
		left.memcg[1] =
			uncharge_pages(q, stock, objcg, (long)(stock->nr_bytes >> PAGE_SHIFT));
		stock->nr_bytes &= PAGE_SIZE - 1;
	}
	spin_unlock(q, &stock->lock);
	put_leftover(q, &left);
}

/* ---- what the slab asks for: see slab/memcg.h --------------------------------- */

static struct obj_cgroup *get_obj_cgroup(struct mem_cgroup *memcg)
{
	/* One that is being removed has none any more. */
	for (; memcg && memcg->parent; memcg = memcg->parent) {
		struct obj_cgroup *objcg = HOT_LOAD(&memcg->objcg);

		if (likely(objcg)) {
			(void)HOT_ADD(&objcg->refs, 1);
			return objcg;
		}
	}
	return NULL;
}

static struct obj_cgroup *get_obj_cgroup_from_current(struct quire *q)
{
	struct mem_cgroup *memcg = current_context(q)->active_memcg;

	if (!memcg && q->group->ops.current_memcg)
		memcg = q->group->ops.current_memcg(q);
	return get_obj_cgroup(memcg);
}

static int obj_cgroup_charge(struct quire *q, struct obj_cgroup *objcg, gfp_t gfp, size_t bytes)
{
	size_t rest = bytes & (PAGE_SIZE - 1);
	int err;

	if (likely(consume_obj_stock(q, objcg, bytes)))
		return 0;
	err = charge_pages(q, objcg, gfp, (long)((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT));
	if (!err && rest)
		refill_obj_stock(q, objcg, PAGE_SIZE - rest, false);
	return err;
}

static void obj_cgroup_uncharge(struct quire *q, struct obj_cgroup *objcg, size_t bytes)
{
	refill_obj_stock(q, objcg, bytes, true);
}

static void mod_objcg_state(struct quire *q, struct obj_cgroup *objcg, struct pglist_data *pgdat,
			    enum node_stat_item item, long bytes)
{
	struct memcg_stock *stock = this_cpu_stock(q);
	struct leftover left = {};
	long *at_hand;

	spin_lock(q, &stock->lock);
	if (!switch_stock(q, stock, objcg, &left) && stock->pgdat != pgdat)
		flush_state(stock);
	stock->pgdat = pgdat;
	at_hand = item == NR_SLAB_RECLAIMABLE ? &stock->nr_slab_reclaimable_b
					      : &stock->nr_slab_unreclaimable_b;
	bytes += *at_hand;
	/* The first is kept whatever its size: its opposite may follow. */
	if (*at_hand && (bytes > (long)PAGE_SIZE || bytes < -(long)PAGE_SIZE)) {
		mod_memcg_lruvec_state(objcg->memcg, pgdat, item, bytes);
		bytes = 0;
	}
	*at_hand = bytes;
	spin_unlock(q, &stock->lock);
	put_leftover(q, &left);
}

int mem_cgroup_charge_kmem(struct quire *q, struct page *page, struct mem_cgroup *memcg, gfp_t gfp)
{
	int err = mem_cgroup_charge(q, page, memcg, gfp);

	if (page->memcg)
		account_kmem(page->memcg, 1L << compound_order(page));
	return err;
}

void mem_cgroup_uncharge_kmem(struct quire *q, struct page *page)
{
	if (page->memcg)
		account_kmem(page->memcg, -(1L << compound_order(page)));
	mem_cgroup_uncharge(q, page);
}

static int charge_large(struct quire *q, struct page *page, gfp_t gfp)
{
	struct mem_cgroup *memcg = NULL;

	if (q->group->ops.current_memcg)
		memcg = q->group->ops.current_memcg(q);
	return mem_cgroup_charge_kmem(q, page, memcg, gfp);
}

static const struct slab_memcg_ops slab_ops = {
	.get_current = get_obj_cgroup_from_current,
	.charge = obj_cgroup_charge,
	.uncharge = obj_cgroup_uncharge,
	.put = obj_cgroup_put,
	.mod_state = mod_objcg_state,
	.charge_pages = charge_large,
	.uncharge_pages = mem_cgroup_uncharge_kmem,
};

struct mem_cgroup *mem_cgroup_from_slab_obj(struct quire *q, const void *object)
{
	struct obj_cgroup *objcg = slab_objcg(q, object);
	struct mem_cgroup *memcg = objcg ? HOT_LOAD(&objcg->memcg) : NULL;

	return memcg && memcg->parent ? memcg : NULL;
}

/* ---- zswap --------------------------------------------------------------------- */

struct obj_cgroup *get_obj_cgroup_from_page(struct page *page)
{
	return likely(!page->memcg) ? NULL : get_obj_cgroup(page->memcg);
}

bool obj_cgroup_may_zswap(struct quire *q, struct obj_cgroup *objcg)
{
	for (struct mem_cgroup *memcg = HOT_LOAD(&objcg->memcg); memcg->parent;
	     memcg = memcg->parent) {
		long most = HOT_LOAD(&memcg->zswap_max);

		if (most == PAGE_COUNTER_MAX)
			continue;
		if (!most || memcg_page_state(q, memcg, MEMCG_ZSWAP_B) >> PAGE_SHIFT >= most)
			return false;
	}
	return true;
}

static void mod_zswap_state(struct obj_cgroup *objcg, long bytes, long pages)
{
	struct mem_cgroup *memcg = HOT_LOAD(&objcg->memcg);

	(void)HOT_ADD(&memcg->vmstats[MEMCG_ZSWAP_B], bytes);
	(void)HOT_ADD(&memcg->vmstats[MEMCG_ZSWAPPED], pages);
}

void obj_cgroup_charge_zswap(struct quire *q, struct obj_cgroup *objcg, size_t bytes)
{
	struct quire_context *context = current_context(q);
	unsigned int flags = context->flags;

	/* Reclaim has it set: its charges pass every limit. */
	context->flags |= PF_MEMALLOC;
	if (bytes && obj_cgroup_charge(q, objcg, GFP_KERNEL, bytes))
		BUG_ON(q, true);
	context->flags = (context->flags & ~PF_MEMALLOC) | (flags & PF_MEMALLOC);
	mod_zswap_state(objcg, (long)bytes, 1);
}

void obj_cgroup_uncharge_zswap(struct quire *q, struct obj_cgroup *objcg, size_t bytes)
{
	if (bytes)
		obj_cgroup_uncharge(q, objcg, bytes);
	mod_zswap_state(objcg, -(long)bytes, -1);
}

/* ---- a group comes and goes ---------------------------------------------------- */

int objcg_online(struct quire *q, struct mem_cgroup *memcg)
{
	struct obj_cgroup *objcg = kzalloc(q, sizeof(*objcg), GFP_KERNEL);

	if (!objcg)
		return -ENOMEM;
	objcg->refs = 1;
	objcg->memcg = memcg;
	list_add(&objcg->list, &memcg->objcgs);
	memcg->objcg = objcg;
	slab_enable_memcg(q, &slab_ops);
	return 0;
}

void objcg_offline(struct quire *q, struct mem_cgroup *memcg)
{
	struct mem_cgroup *parent = memcg->parent;
	struct obj_cgroup *own = memcg->objcg, *objcg;

	spin_lock(q, &q->group->objcg_lock);
	memcg->objcg = NULL;
	list_for_each_entry (objcg, &memcg->objcgs, list) {
		page_counter_cancel(&memcg->memory, &parent->memory, objcg->nr_pages);
		account_kmem(memcg, -objcg->nr_pages);
		account_kmem(parent, objcg->nr_pages);
		HOT_STORE(&objcg->memcg, parent);
	}
	list_splice(&memcg->objcgs, &parent->objcgs);
	INIT_LIST_HEAD(&memcg->objcgs);
	spin_unlock(q, &q->group->objcg_lock);
	obj_cgroup_put(q, own);
}
