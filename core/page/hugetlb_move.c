/* SPDX-License-Identifier: MIT */
/*
 * Pages of pools that are moved, dissolved or demoted (the rest of Linux's hugetlb.c).
 *
 * The idea: who empties a range of memory meets pages of pools.  One in use is
 * isolated: off the pool's list, and moved like any other page in use
 * (reclaim/migrate_hugetlb.c).  It moves to a free page of the pool; if there is none to
 * spare, to a temporary one, which then stays while the old one, temporary in its turn,
 * goes to the buddy.  A free page is replaced by a new one, or, when its memory goes
 * away for good, leaves the pool.
 *
 * Demotion cuts free pages of a pool into pages of the next smaller one.
 *
 * Invariants: an isolated page is on no list of the pool's, counts among its pages in
 * use and in nr_isolated; it has a reference of who isolated it.
 *
 * Locks: the floor's; resize_lock around a demotion.
 *
 * Differs from Linux: free pages in isolated pageblocks are not moved to, as since 6.14.
 */
#include "page/hugetlb_pool.h"
#include "page/internal.h"

/* ---- in use ----------------------------------------------------------------- */

int hugetlb_isolate(struct quire *q, struct page *head, struct list_head *list)
{
	int err = -EBUSY;

	spin_lock(q, &q->page->hugetlb->lock);
	if (page_has_dtor(head, HUGETLB_PAGE_DTOR) && (head->private & BIT(HPG_migratable)) &&
	    get_page_unless_zero(head)) {
		head->private &= ~BIT(HPG_migratable);
		list_move_tail(&head->lru, list);
		page_hstate(q, head)->nr_isolated++;
		err = 0;
	}
	spin_unlock(q, &q->page->hugetlb->lock);
	return err;
}

static void drop_reference(struct quire *q, struct page *head)
{
	if (put_page_testzero(head))
		(void)q->page->compound_dtor[HUGETLB_PAGE_DTOR](q, head);
}

void hugetlb_putback(struct quire *q, struct page *head)
{
	struct hstate *h = page_hstate(q, head);

	spin_lock(q, &q->page->hugetlb->lock);
	h->nr_isolated--;
	head->private |= BIT(HPG_migratable);
	list_move_tail(&head->lru, &h->hugepage_activelist);
	spin_unlock(q, &q->page->hugetlb->lock);
	drop_reference(q, head);
}

void hugetlb_activate(struct quire *q, struct page *head)
{
	spin_lock(q, &q->page->hugetlb->lock);
	head->private |= BIT(HPG_migratable);
	spin_unlock(q, &q->page->hugetlb->lock);
	drop_reference(q, head);
}

/* Under the lock: a free page that nobody was promised, in memory that stays. */
static struct page *take_free_page(struct quire *q, struct hstate *h, unsigned int nid,
				   const nodemask_t *nodes)
{
	struct page *page = NULL;

	if (h->free_huge_pages <= h->resv_huge_pages)
		return NULL;
	for (unsigned long i = h->free_huge_pages; i; i--) {
		page = hugetlb_dequeue(q, h, nid, nodes);
		if (!page || get_pageblock_migratetype(q, page) != MIGRATE_ISOLATE)
			return page;
		/* To the list's end: the others are looked at before it comes again. */
		hugetlb_enqueue(h, page);
		list_move_tail(&page->lru, &h->hugepage_freelists[page_to_nid(page)]);
	}
	return NULL;
}

struct page *hugetlb_alloc_nodemask(struct quire *q, struct hstate *h, unsigned int nid,
				    const nodemask_t *nodes, bool thisnode)
{
	nodemask_t only = {{0}};
	struct page *page;

	if (thisnode) {
		node_set(&only, nid);
		nodes = &only;
	}
	spin_lock(q, &q->page->hugetlb->lock);
	page = take_free_page(q, h, nid, nodes);
	if (page)
		set_page_count(page, 1);
	spin_unlock(q, &q->page->hugetlb->lock);
	if (page || hstate_is_gigantic(h))
		return page;
	page = hugetlb_alloc_fresh(q, h, nid, thisnode, nodes, NULL);
	if (!page)
		return NULL;
	spin_lock(q, &q->page->hugetlb->lock);
	hugetlb_add_to_pool(h, page);
	page->private |= BIT(HPG_temporary);
	set_page_count(page, 1);
	spin_unlock(q, &q->page->hugetlb->lock);
	return page;
}

void hugetlb_move_state(struct quire *q, struct page *old, struct page *new)
{
	unsigned int from = page_to_nid(old), to = page_to_nid(new);
	struct hstate *h = page_hstate(q, old);

	spin_lock(q, &q->page->hugetlb->lock);
	for (unsigned int i = 1; i <= 3; i++) {
		new[i].private = old[i].private;
		old[i].private = 0;
	}
	if (new->private &BIT(HPG_temporary)) {
		new->private &= ~BIT(HPG_temporary);
		old->private |= BIT(HPG_temporary);
		if (from != to && h->surplus_huge_pages_node[from]) {
			h->surplus_huge_pages_node[from]--;
			h->surplus_huge_pages_node[to]++;
		}
	}
	spin_unlock(q, &q->page->hugetlb->lock);
}

/* ---- free ------------------------------------------------------------------- */

/* A free page's memory is wanted: the pool gets a new one for it.  If somebody takes
 * the page meanwhile, it is isolated. */
static int alloc_and_dissolve(struct quire *q, struct hstate *h, struct page *head,
			      struct list_head *list)
{
	struct page *new = hugetlb_alloc_fresh(q, h, page_to_nid(head), true, NULL, NULL);
	int err = 0;

	if (!new)
		return -ENOMEM;
	spin_lock(q, &q->page->hugetlb->lock);
	if (page_has_dtor(head, HUGETLB_PAGE_DTOR) && !page_ref_count(head)) {
		hugetlb_remove_from_pool(h, head, true, false);
		hugetlb_add_to_pool(h, new);
		hugetlb_enqueue(h, new);
		new = head;
	} else if (page_has_dtor(head, HUGETLB_PAGE_DTOR)) {
		err = -EBUSY;
	}
	spin_unlock(q, &q->page->hugetlb->lock);
	hugetlb_free_to_buddy(q, h, new);
	return err ? hugetlb_isolate(q, head, list) : 0;
}

int isolate_or_dissolve_huge_page(struct quire *q, struct page *page, struct list_head *list)
{
	struct page *head = compound_head(page);
	struct hstate *h;
	bool is_free;

	spin_lock(q, &q->page->hugetlb->lock);
	h = page_has_dtor(head, HUGETLB_PAGE_DTOR) ? page_hstate(q, head) : NULL;
	is_free = h && !page_ref_count(head);
	spin_unlock(q, &q->page->hugetlb->lock);
	if (!h)
		return 0;
	if (hstate_is_gigantic(h))
		return -ENOMEM;
	return is_free ? alloc_and_dissolve(q, h, head, list) : hugetlb_isolate(q, head, list);
}

static int dissolve_free_huge_page(struct quire *q, struct page *head)
{
	struct hstate *h = NULL;
	int err = 0;

	spin_lock(q, &q->page->hugetlb->lock);
	if (page_has_dtor(head, HUGETLB_PAGE_DTOR)) {
		h = page_hstate(q, head);
		if (page_ref_count(head) || h->free_huge_pages <= h->resv_huge_pages)
			err = -EBUSY;
		if (!err) {
			hugetlb_remove_from_pool(h, head, true, false);
			h->max_huge_pages--;
		}
	}
	spin_unlock(q, &q->page->hugetlb->lock);
	if (h && !err)
		hugetlb_free_to_buddy(q, h, head);
	return err;
}

int dissolve_free_huge_pages(struct quire *q, u64 start_pfn, u64 end_pfn)
{
	int err = 0;

	for (u64 pfn = start_pfn; pfn < end_pfn && !err; pfn += pageblock_nr_pages) {
		struct page *page = pfn_to_page(q, pfn);

		if (PageHuge(page))
			err = dissolve_free_huge_page(q, compound_head(page));
	}
	return err;
}

/* ---- demotion --------------------------------------------------------------- */

/* A page that is off its pool becomes many of the smaller one's, all free. */
static void cut_page(struct quire *q, struct hstate *h, struct hstate *target, struct page *page)
{
	unsigned long nr = pages_per_huge_page(h), step = pages_per_huge_page(target);

	page->flags &= PAGE_PLACE_MASK;
	for (unsigned long i = 1; i < nr; i++)
		page[i].compound_head = 0;
	page[1].mapping = NULL;
	for (unsigned long i = 0; i < nr; i += step) {
		struct page *part = page + i;

		set_page_count(part, 0);
		prep_compound_page(part, target->order);
		part->private = 0;
		part->mapping = NULL;
		hugetlb_clear_owners(part);
		part[1].compound_dtor = HUGETLB_PAGE_DTOR;
		spin_lock(q, &q->page->hugetlb->lock);
		hugetlb_add_to_pool(target, part);
		hugetlb_enqueue(target, part);
		spin_unlock(q, &q->page->hugetlb->lock);
		cond_resched(q);
	}
	spin_lock(q, &q->page->hugetlb->lock);
	target->max_huge_pages += nr / step;
	spin_unlock(q, &q->page->hugetlb->lock);
}

/* Under the lock: a free page that is promised to nobody leaves its pool. */
static struct page *take_for_demotion(struct quire *q, struct hstate *h, int nid)
{
	for_each_node (q, n) {
		struct page *page;

		if ((nid >= 0 && n != (unsigned int)nid) || list_empty(&h->hugepage_freelists[n]))
			continue;
		page = list_first_entry(&h->hugepage_freelists[n], struct page, lru);
		hugetlb_remove_from_pool(h, page, true, false);
		h->max_huge_pages--;
		return page;
	}
	return NULL;
}

int demote_huge_pages(struct quire *q, struct hstate *h, unsigned long nr, int nid)
{
	struct hstate *target;
	int err = 0;

	mutex_lock(q, &h->resize_lock);
	target = size_to_hstate(q, PAGE_SIZE << h->demote_order);
	if (!h->demote_order || !target)
		err = -EINVAL;
	/* Of two pools at once the larger one's is taken first. */
	if (!err)
		mutex_lock(q, &target->resize_lock);
	while (nr && !err) {
		unsigned long available;
		struct page *page = NULL;

		spin_lock(q, &q->page->hugetlb->lock);
		available = nid >= 0 ? h->free_huge_pages_node[nid] : h->free_huge_pages;
		if (h->free_huge_pages <= h->resv_huge_pages || available <= h->resv_huge_pages)
			nr = 0;
		else
			page = take_for_demotion(q, h, nid);
		if (nr && !page)
			err = -EBUSY;
		spin_unlock(q, &q->page->hugetlb->lock);
		if (page) {
			cut_page(q, h, target, page);
			nr--;
		}
	}
	if (target && h->demote_order)
		mutex_unlock(q, &target->resize_lock);
	mutex_unlock(q, &h->resize_lock);
	return err;
}

int set_demote_size(struct quire *q, struct hstate *h, u64 bytes)
{
	const struct hstate *target = size_to_hstate(q, bytes);

	if (!target || target->order < HPAGE_PMD_ORDER || target->order >= h->order)
		return -EINVAL;
	mutex_lock(q, &h->resize_lock);
	h->demote_order = target->order;
	mutex_unlock(q, &h->resize_lock);
	return 0;
}
