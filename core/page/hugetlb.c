/* SPDX-License-Identifier: MIT */
/*
 * Pools of huge pages (the pool half of Linux's hugetlb.c; mappings are in
 * space/hugetlb.c).
 *
 * The idea: a page of a pool is a compound page with a destructor of its own.
 * The last reference brings it back to its node's free list, not to the buddy,
 * unless the node has surplus pages: then it goes for good.  A free page has no
 * references.  Growing and shrinking go round the nodes, one page each, and
 * begin where the last round ended.
 *
 * Invariants (verify_hugetlb.c): nr = free + in use; resv <= free; sums over the
 * nodes are the totals; the free lists hold the free pages of their node.
 *
 * Locks: resize_lock (sleeping) around a change of size; the floor's lock over
 * counts and lists; it is dropped for every call of the buddy.
 *
 * Pages of pools that are moved, dissolved or demoted are in hugetlb_move.c.
 *
 * Differs from Linux: no vmemmap optimisation (off by default in Debian); pages go
 * back to the buddy at once, not by a work queue.
 */
#include "node/memblock.h"
#include "page/hugetlb_pool.h"
#include "page/internal.h"
#include "base/printk.h"

/* ---- sizes and nodes -------------------------------------------------------- */

struct hstate *size_to_hstate(struct quire *q, u64 bytes)
{
	for_each_hstate(q, h) if (huge_page_size(h) == bytes) return h;
	return NULL;
}

struct hstate *page_hstate(struct quire *q, const struct page *head)
{
	return size_to_hstate(q, PAGE_SIZE << compound_order(head));
}

unsigned long hugetlb_total_pages(const struct quire *q)
{
	unsigned long n = 0;

	for_each_hstate(q, h) n += h->nr_huge_pages * pages_per_huge_page(h);
	return n;
}

static bool node_allowed(const struct quire *q, unsigned int nid, const nodemask_t *mask)
{
	return mask ? node_isset(mask, nid) : NODE_DATA(q, nid)->node_present_pages != 0;
}

static unsigned int next_node_allowed(const struct quire *q, unsigned int nid,
				      const nodemask_t *mask)
{
	for (unsigned int i = 0; i < q->nr_nodes; i++) {
		nid = nid + 1 < q->nr_nodes ? nid + 1 : 0;
		if (node_allowed(q, nid, mask))
			break;
	}
	return nid;
}

/* Whose turn it is; the next one's comes after. */
static unsigned int take_turn(const struct quire *q, unsigned int *next, const nodemask_t *mask)
{
	unsigned int nid = *next;

	if (nid >= q->nr_nodes || !node_allowed(q, nid, mask))
		nid = next_node_allowed(q, nid, mask);
	*next = next_node_allowed(q, nid, mask);
	return nid;
}

static unsigned int nodes_weight(const struct quire *q, const nodemask_t *mask)
{
	unsigned int n = 0;

	for_each_node (q, nid)
		n += node_allowed(q, nid, mask);
	return n;
}

static unsigned long persistent_huge_pages(const struct hstate *h)
{
	return h->nr_huge_pages - h->surplus_huge_pages;
}

/* ---- to and from the buddy -------------------------------------------------- */

/* All of a range of one zone: what is in use there is moved away, if somebody can
 * do that.  Pages of pools are not worth it.  Linux: pfn_range_valid_contig(). */
static bool take_contig_range(struct quire *q, struct zone *zone, u64 pfn, unsigned long nr)
{
	if (take_free_range(q, pfn, nr))
		return true;
	if (!q->page->ops.alloc_contig_range || zone_run_end(q, zone, pfn, pfn + nr) != pfn + nr ||
	    pfn + nr > zone->first_deferred_pfn)
		return false;
	for (u64 at = pfn; at < pfn + nr; at += pageblock_nr_pages)
		if (PageHuge(pfn_to_page(q, at)))
			return false;
	return !q->page->ops.alloc_contig_range(q, zone, pfn, pfn + nr, MIGRATE_MOVABLE);
}

struct page *alloc_contig_pages(struct quire *q, unsigned long nr_pages, unsigned int nid,
				const nodemask_t *nodes)
{
	struct zonelist *zonelist = &NODE_DATA(q, nid)->node_zonelists[ZONELIST_FALLBACK];
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, zonelist, ZONE_NORMAL, nodes)
	{
		u64 pfn = ALIGN(zone->zone_start_pfn, nr_pages);

		for (; pfn + nr_pages <= zone_end_pfn(zone); pfn += nr_pages)
			if (take_contig_range(q, zone, pfn, nr_pages))
				return pfn_to_page(q, pfn);
	}
	return NULL;
}

static struct page *alloc_gigantic(struct quire *q, const struct hstate *h, unsigned int nid)
{
	nodemask_t only = {{0}};
	struct page *page;

	node_set(&only, nid);
	drain_all_pages(q, NULL);
	page = alloc_contig_pages(q, pages_per_huge_page(h), nid, &only);
	if (!page)
		return NULL;
	prep_compound_page(page, h->order);
	for (unsigned long i = 1; i < pages_per_huge_page(h); i++)
		set_page_count(page + i, 0);
	return page;
}

/* A new page that no list has yet, without references; *noretry: the nodes where
 * trying hard was in vain. */
struct page *hugetlb_alloc_fresh(struct quire *q, struct hstate *h, unsigned int nid, bool thisnode,
				 const nodemask_t *nodes, nodemask_t *noretry)
{
	gfp_t gfp =
		GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOWARN | (thisnode ? __GFP_THISNODE : 0);
	bool hard = !noretry || !node_isset(noretry, nid);
	struct page *page;

	if (hstate_is_gigantic(h)) {
		page = alloc_gigantic(q, h, nid);
	} else {
		page = __alloc_pages(q, gfp | (hard ? __GFP_RETRY_MAYFAIL : 0), h->order, nid,
				     nodes);
		count_vm_event(q, page ? HTLB_BUDDY_PGALLOC : HTLB_BUDDY_PGALLOC_FAIL);
		if (noretry && page && !hard)
			noretry->bits[nid / BITS_PER_LONG] &= ~(1UL << nid % BITS_PER_LONG);
		if (noretry && !page && hard)
			node_set(noretry, nid);
	}
	if (!page)
		return NULL;
	set_page_count(page, 0);
	page->private = 0;
	page->mapping = NULL;
	hugetlb_clear_owners(page);
	page[1].compound_dtor = HUGETLB_PAGE_DTOR;
	return page;
}

/* Under the lock: the page is one of the pool's, in use. */
void hugetlb_add_to_pool(struct hstate *h, struct page *page)
{
	h->nr_huge_pages++;
	h->nr_huge_pages_node[page_to_nid(page)]++;
	list_add(&page->lru, &h->hugepage_activelist);
}

void hugetlb_enqueue(struct hstate *h, struct page *page)
{
	list_move(&page->lru, &h->hugepage_freelists[page_to_nid(page)]);
	h->free_huge_pages++;
	h->free_huge_pages_node[page_to_nid(page)]++;
}

/* Under the lock: the page is no more of the pool's. */
void hugetlb_remove_from_pool(struct hstate *h, struct page *page, bool is_free, bool surplus)
{
	unsigned int nid = page_to_nid(page);

	list_del(&page->lru);
	if (is_free) {
		h->free_huge_pages--;
		h->free_huge_pages_node[nid]--;
	}
	if (surplus) {
		h->surplus_huge_pages--;
		h->surplus_huge_pages_node[nid]--;
	}
	h->nr_huge_pages--;
	h->nr_huge_pages_node[nid]--;
}

/* Back to the buddy. */
void hugetlb_free_to_buddy(struct quire *q, const struct hstate *h, struct page *page)
{
	unsigned long nr = pages_per_huge_page(h);

	page->private = 0;
	page->mapping = NULL;
	page[1].compound_dtor = COMPOUND_PAGE_DTOR;
	if (!hstate_is_gigantic(h)) {
		free_unref_page(q, page, h->order);
		return;
	}
	page->flags &= ~BIT(PG_head);
	for (unsigned long i = 1; i < nr; i++)
		page[i].compound_head = 0;
	page[1].mapping = NULL;
	for (unsigned long i = 0; i < nr; i++)
		free_unref_page(q, page + i, 0);
}

/* The last reference to a page of a pool is gone. */
static bool free_huge_page(struct quire *q, struct page *page)
{
	struct hstate *h = page_hstate(q, page);
	unsigned int nid = page_to_nid(page);
	struct hugepage_subpool *spool = hugetlb_page_subpool(page);
	bool surplus, temporary, restore = page->private & BIT(HPG_restore_reserve);

	/* A subpool that has fewer than its own now keeps the promise for this one. */
	if (!restore && spool && !hugepage_subpool_put_pages(q, spool, 1))
		restore = true;
	spin_lock(q, &q->page->hugetlb->lock);
	temporary = page->private & BIT(HPG_temporary);
	if (restore)
		h->resv_huge_pages++;
	if (page[2].private || page[3].private)
		q->page->ops.hugetlb_uncharge(q, page);
	hugetlb_clear_owners(page);
	page->private = 0;
	page->mapping = NULL;
	page->index = 0;
	page->flags &= PAGE_PLACE_MASK | BIT(PG_head);
	surplus = !temporary && h->surplus_huge_pages_node[nid];
	if (surplus || temporary)
		hugetlb_remove_from_pool(h, page, false, surplus);
	else
		hugetlb_enqueue(h, page);
	spin_unlock(q, &q->page->hugetlb->lock);
	if (surplus || temporary)
		hugetlb_free_to_buddy(q, h, page);
	return true;
}

/* One more page for the pool, from the node whose turn it is or the next that
 * has one. */
static bool alloc_pool_huge_page(struct quire *q, struct hstate *h, const nodemask_t *allowed,
				 nodemask_t *noretry)
{
	struct page *page = NULL;

	for (unsigned int n = nodes_weight(q, allowed); n && !page; n--)
		page = hugetlb_alloc_fresh(q, h, take_turn(q, &h->next_nid_to_alloc, allowed), true,
					   allowed, noretry);
	if (!page)
		return false;
	spin_lock(q, &q->page->hugetlb->lock);
	hugetlb_add_to_pool(h, page);
	spin_unlock(q, &q->page->hugetlb->lock);
	(void)free_huge_page(q, page);
	return true;
}

/* Under the lock: takes a free page of the node whose turn it is out of the
 * pool; surplus: only where there are surplus pages. */
static struct page *remove_pool_huge_page(struct quire *q, struct hstate *h,
					  const nodemask_t *allowed, bool surplus)
{
	for (unsigned int n = nodes_weight(q, allowed); n; n--) {
		unsigned int nid = take_turn(q, &h->next_nid_to_free, allowed);
		struct page *page;

		if ((surplus && !h->surplus_huge_pages_node[nid]) ||
		    list_empty(&h->hugepage_freelists[nid]))
			continue;
		page = list_first_entry(&h->hugepage_freelists[nid], struct page, lru);
		hugetlb_remove_from_pool(h, page, true, surplus);
		return page;
	}
	return NULL;
}

/* Under the lock: one page becomes surplus, or ceases to be, where one can. */
static bool adjust_pool_surplus(struct quire *q, struct hstate *h, const nodemask_t *allowed,
				int delta)
{
	unsigned int *next = delta < 0 ? &h->next_nid_to_alloc : &h->next_nid_to_free;

	for (unsigned int n = nodes_weight(q, allowed); n; n--) {
		unsigned int nid = take_turn(q, next, allowed);

		if (delta < 0 ? !h->surplus_huge_pages_node[nid]
			      : h->surplus_huge_pages_node[nid] >= h->nr_huge_pages_node[nid])
			continue;
		h->surplus_huge_pages += (unsigned long)(long)delta;
		h->surplus_huge_pages_node[nid] += (unsigned int)delta;
		return true;
	}
	return false;
}

/* ---- the pool's size -------------------------------------------------------- */

static void grow_pool(struct quire *q, struct hstate *h, unsigned long count,
		      const nodemask_t *allowed)
{
	struct spinlock *lock = &q->page->hugetlb->lock;
	nodemask_t noretry = {{0}};

	spin_lock(q, lock);
	while (h->surplus_huge_pages && count > persistent_huge_pages(h))
		if (!adjust_pool_surplus(q, h, allowed, -1))
			break;
	while (count > persistent_huge_pages(h)) {
		bool got;

		spin_unlock(q, lock);
		cond_resched(q);
		got = alloc_pool_huge_page(q, h, allowed, &noretry);
		spin_lock(q, lock);
		if (!got || (q->page->ops.task_is_dying && q->page->ops.task_is_dying(q)))
			break;
	}
	spin_unlock(q, lock);
}

static void shrink_pool(struct quire *q, struct hstate *h, unsigned long count,
			const nodemask_t *allowed)
{
	struct spinlock *lock = &q->page->hugetlb->lock;
	unsigned long least;
	LIST_HEAD(gone);

	spin_lock(q, lock);
	least = max(count, h->resv_huge_pages + h->nr_huge_pages - h->free_huge_pages);
	while (least < persistent_huge_pages(h)) {
		struct page *page = remove_pool_huge_page(q, h, allowed, false);

		if (!page)
			break;
		list_add(&page->lru, &gone);
	}
	spin_unlock(q, lock);
	while (!list_empty(&gone)) {
		struct page *page = list_first_entry(&gone, struct page, lru);

		list_del(&page->lru);
		hugetlb_free_to_buddy(q, h, page);
		cond_resched(q);
	}
	spin_lock(q, lock);
	while (count < persistent_huge_pages(h))
		if (!adjust_pool_surplus(q, h, allowed, 1))
			break;
	spin_unlock(q, lock);
}

int set_max_huge_pages(struct quire *q, struct hstate *h, unsigned long count, int nid,
		       const nodemask_t *nodes_allowed)
{
	nodemask_t only = {{0}};

	mutex_lock(q, &h->resize_lock);
	if (nid >= 0) {
		unsigned long asked = count;

		node_set(&only, (unsigned int)nid);
		nodes_allowed = &only;
		count += h->nr_huge_pages - h->nr_huge_pages_node[nid];
		if (count < asked)
			count = ULONG_MAX;
	}
	if (count > persistent_huge_pages(h))
		grow_pool(q, h, count, nodes_allowed);
	else
		shrink_pool(q, h, count, nodes_allowed);
	spin_lock(q, &q->page->hugetlb->lock);
	h->max_huge_pages = persistent_huge_pages(h);
	spin_unlock(q, &q->page->hugetlb->lock);
	mutex_unlock(q, &h->resize_lock);
	return 0;
}

int set_overcommit_huge_pages(struct quire *q, struct hstate *h, unsigned long count)
{
	if (hstate_is_gigantic(h))
		return -EINVAL;
	spin_lock(q, &q->page->hugetlb->lock);
	h->nr_overcommit_huge_pages = count;
	spin_unlock(q, &q->page->hugetlb->lock);
	return 0;
}

/* ---- promises --------------------------------------------------------------- */

/* One page above what the pool has, in use and without references; NULL: not
 * allowed, or no memory.  Takes the lock. */
static struct page *alloc_surplus(struct quire *q, struct hstate *h, unsigned int nid,
				  const nodemask_t *nodes)
{
	struct spinlock *lock = &q->page->hugetlb->lock;
	struct page *page;
	bool allowed;

	if (hstate_is_gigantic(h))
		return NULL;
	spin_lock(q, lock);
	allowed = h->surplus_huge_pages < h->nr_overcommit_huge_pages;
	spin_unlock(q, lock);
	if (!allowed)
		return NULL;
	page = hugetlb_alloc_fresh(q, h, nid, false, nodes, NULL);
	if (!page)
		return NULL;
	spin_lock(q, lock);
	hugetlb_add_to_pool(h, page);
	/* The limit may have been reached meanwhile: then the page is the pool's
	 * for a moment, and goes as the surplus one it is. */
	h->surplus_huge_pages++;
	h->surplus_huge_pages_node[page_to_nid(page)]++;
	allowed = h->surplus_huge_pages <= h->nr_overcommit_huge_pages;
	spin_unlock(q, lock);
	if (allowed)
		return page;
	(void)free_huge_page(q, page);
	return NULL;
}

/* Makes sure of as many free pages as will be promised.  The lock is held; it is
 * dropped for the buddy. */
static int gather_surplus_pages(struct quire *q, struct hstate *h, long delta)
{
	struct spinlock *lock = &q->page->hugetlb->lock;
	long needed = (long)h->resv_huge_pages + delta - (long)h->free_huge_pages;
	long got = 0;
	LIST_HEAD(surplus);
	struct page *page;
	int err = 0;

	while (needed > got && !err) {
		spin_unlock(q, lock);
		for (page = NULL; got < needed; got++) {
			page = alloc_surplus(q, h, numa_node_id(q), NULL);
			if (!page)
				break;
			spin_lock(q, lock);
			list_move(&page->lru, &surplus);
			spin_unlock(q, lock);
			cond_resched(q);
		}
		spin_lock(q, lock);
		/* Others may have given or taken pages since. */
		needed = (long)h->resv_huge_pages + delta - (long)h->free_huge_pages;
		if (got < needed && !page)
			err = -ENOMEM;
	}
	if (!err)
		h->resv_huge_pages += (unsigned long)delta;
	while (!list_empty(&surplus)) {
		page = list_first_entry(&surplus, struct page, lru);
		if (!err && needed-- > 0) {
			hugetlb_enqueue(h, page);
			continue;
		}
		list_move(&page->lru, &h->hugepage_activelist);
		spin_unlock(q, lock);
		(void)free_huge_page(q, page);
		spin_lock(q, lock);
	}
	return err;
}

/* Under the lock, which is dropped: promises that nobody will claim go, and
 * with them pages that were had only for them. */
static void return_unused_surplus_pages(struct quire *q, struct hstate *h, unsigned long unused)
{
	unsigned long nr = min(unused, h->surplus_huge_pages);
	LIST_HEAD(gone);

	h->resv_huge_pages -= unused;
	for (; nr && !hstate_is_gigantic(h); nr--) {
		struct page *page = remove_pool_huge_page(q, h, NULL, true);

		if (!page)
			break;
		list_add(&page->lru, &gone);
	}
	spin_unlock(q, &q->page->hugetlb->lock);
	while (!list_empty(&gone)) {
		struct page *page = list_first_entry(&gone, struct page, lru);

		list_del(&page->lru);
		hugetlb_free_to_buddy(q, h, page);
	}
	spin_lock(q, &q->page->hugetlb->lock);
}

int hugetlb_acct_memory(struct quire *q, struct hstate *h, long delta, const nodemask_t *allowed)
{
	unsigned long mine = 0;
	int err = 0;

	if (!delta)
		return 0;
	spin_lock(q, &q->page->hugetlb->lock);
	if (delta > 0)
		err = gather_surplus_pages(q, h, delta);
	for_each_node (q, nid)
		if (!allowed || node_isset(allowed, nid))
			mine += h->free_huge_pages_node[nid];
	if (!err && delta > 0 && (unsigned long)delta > mine) {
		return_unused_surplus_pages(q, h, (unsigned long)delta);
		err = -ENOMEM;
	}
	if (delta < 0)
		return_unused_surplus_pages(q, h, (unsigned long)-delta);
	spin_unlock(q, &q->page->hugetlb->lock);
	return err;
}

/* ---- for faults ------------------------------------------------------------- */

struct page *hugetlb_dequeue(struct quire *q, struct hstate *h, unsigned int nid,
			     const nodemask_t *nodes)
{
	struct zonelist *zonelist = &NODE_DATA(q, nid)->node_zonelists[ZONELIST_FALLBACK];
	int last = NUMA_NO_NODE;
	struct zone *zone;

	for_each_zone_zonelist_nodemask(zone, z, zonelist, ZONE_MOVABLE, nodes)
	{
		unsigned int at = zone_to_nid(zone);
		struct page *page;

		if ((int)at == last)
			continue;
		last = (int)at;
		if (list_empty(&h->hugepage_freelists[at]))
			continue;
		page = list_first_entry(&h->hugepage_freelists[at], struct page, lru);
		list_move(&page->lru, &h->hugepage_activelist);
		h->free_huge_pages--;
		h->free_huge_pages_node[at]--;
		return page;
	}
	return NULL;
}

struct page *hugetlb_alloc(struct quire *q, struct hstate *h, unsigned int nid,
			   const nodemask_t *nodes, bool reserved)
{
	struct spinlock *lock = &q->page->hugetlb->lock;
	struct page *page = NULL;

	spin_lock(q, lock);
	if (reserved || h->free_huge_pages > h->resv_huge_pages)
		page = hugetlb_dequeue(q, h, nid, nodes);
	if (!page) {
		spin_unlock(q, lock);
		page = alloc_surplus(q, h, nid, nodes);
		if (!page)
			return NULL;
		spin_lock(q, lock);
	}
	if (reserved) {
		page->private |= BIT(HPG_restore_reserve);
		h->resv_huge_pages--;
	}
	set_page_count(page, 1);
	spin_unlock(q, lock);
	return page;
}

/* ---- boot ------------------------------------------------------------------- */

/* 1 GiB each of a node's boot memory, as many as are asked for and fit; each
 * begins with its place on the list.  Linux: alloc_bootmem_huge_page(). */
static void reserve_boot_pages(struct quire *q, struct hugetlb_floor *floor, unsigned int nid)
{
	u64 size = PAGE_SIZE << GIGANTIC_ORDER;

	for (u32 i = 0; i < q->cfg.node[nid].hugepages_1g; i++) {
		u64 base = memblock_phys_alloc_range(q, size, size, 0, ~0UL, nid);

		if (!base) {
			pr_warn(q,
				"HugeTLB: allocating %u of page size 1.00 GiB failed node%u.  "
				"Only allocated %u hugepages.",
				q->cfg.node[nid].hugepages_1g, nid, i);
			return;
		}
		list_add_tail((struct list_head *)(q->physmap + base), &floor->boot_pages);
	}
}

int hugetlb_init(struct quire *q)
{
	static const unsigned int orders[HUGE_MAX_HSTATE] = {GIGANTIC_ORDER, HPAGE_PMD_ORDER};
	struct hugetlb_floor *floor = memblock_alloc(q, sizeof(*floor), 64, 0);

	if (!floor)
		return -ENOMEM;
	spin_lock_init(&floor->lock, LOCK_HUGETLB);
	for (unsigned int i = 0; i < HUGE_MAX_HSTATE; i++) {
		struct hstate *h = &floor->hstates[i];

		mutex_init(&h->resize_lock);
		h->order = orders[i];
		if (h->order > HPAGE_PMD_ORDER)
			h->demote_order = HPAGE_PMD_ORDER;
		INIT_LIST_HEAD(&h->hugepage_activelist);
		for (unsigned int nid = 0; nid < QUIRE_MAX_NODES; nid++)
			INIT_LIST_HEAD(&h->hugepage_freelists[nid]);
	}
	q->page->hugetlb = floor;
	q->page->compound_dtor[HUGETLB_PAGE_DTOR] = free_huge_page;
	INIT_LIST_HEAD(&floor->boot_pages);
	for_each_node (q, nid)
		reserve_boot_pages(q, floor, nid);
	return 0;
}

/* A page of boot memory becomes one of the pool, free. */
static void add_boot_page(struct quire *q, struct hstate *h, u64 pfn)
{
	unsigned long nr = pages_per_huge_page(h);
	struct page *page = pfn_to_page(q, pfn);
	struct zone *zone = NULL;

	for_each_node (q, nid)
		for_each_populated_zone_of_node(NODE_DATA(q, nid),
						z) if (zone_spans_pfn(z, pfn) &&
						       zone_spans_pfn(z, pfn + nr - 1)) zone = z;
	/* In two zones at once: it stays boot's. */
	if (!zone || pfn + nr > zone->first_deferred_pfn)
		return;
	spin_lock(q, &zone->lock);
	write_virgin_blocks(q, zone, ALIGN(pfn + nr, MAX_ORDER_NR_PAGES));
	memblock_free(q, pfn << PAGE_SHIFT, nr << PAGE_SHIFT);
	zone->managed_pages += nr;
	spin_unlock(q, &zone->lock);
	q->node->totalram_pages += nr;
	for (unsigned long i = 0; i < nr; i++)
		init_single_page(page + i, page_place(zone));
	prep_compound_page(page, h->order);
	hugetlb_clear_owners(page);
	page[1].compound_dtor = HUGETLB_PAGE_DTOR;
	spin_lock(q, &q->page->hugetlb->lock);
	hugetlb_add_to_pool(h, page);
	hugetlb_enqueue(h, page);
	h->max_huge_pages++;
	spin_unlock(q, &q->page->hugetlb->lock);
}

void hugetlb_init_late(struct quire *q)
{
	struct hugetlb_floor *floor = q->page->hugetlb;
	struct hstate *giant = &floor->hstates[0], *h = default_hstate(q);
	bool any = !list_empty(&floor->boot_pages);

	while (!list_empty(&floor->boot_pages)) {
		struct list_head *head = floor->boot_pages.next;

		list_del(head);
		add_boot_page(q, giant, virt_to_pfn(q, head));
	}
	for_each_node (q, nid) {
		unsigned int wanted = q->cfg.node[nid].hugepages_2m;

		if (wanted)
			(void)set_max_huge_pages(q, h, wanted, (int)nid, NULL);
		any |= wanted != 0;
	}
	if (!any)
		return;
	init_per_zone_wmark_min(q);
	pr_info(q, "HugeTLB: registered 1.00 GiB page size, pre-allocated %lu pages",
		giant->nr_huge_pages);
	pr_info(q, "HugeTLB: registered 2.00 MiB page size, pre-allocated %lu pages",
		h->nr_huge_pages);
}
