/* SPDX-License-Identifier: MIT */
/*
 * Splitting a huge page into 512, and the queue of those that wait for it
 * (the second part of Linux's huge_memory.c).
 *
 * A page whose entries were cut (huge_memory.c) is still one page, and lives
 * as long as any of its 512 is used.  When some of them are not mapped any
 * more it goes onto its node's deferred_split queue; a shrinker splits what
 * is there when memory is short, and pages that nobody maps come free.
 * Reclaim splits a page that it can't swap out whole.
 *
 * The split: all entries of level 2 are cut, so that each page knows its own
 * map count; then the head's references are frozen, if they are just those
 * that are known (entries, swap cache, the caller's), and dealt out.
 *
 * A huge page of a file is unmapped everywhere instead; its places in the file's tree
 * become its parts', and those behind the file's end leave the tree.
 *
 * Locks: the page lock and the anon_vma root's over all of it; the tree, the
 * queue's lock and lru_lock inside.
 *
 * Differs from Linux: entries are not replaced by migration entries
 * meanwhile.  The model switches only where code waits, and this does not.  A
 * group has no queue of its own.
 */
#include "space/internal.h"

/* What a tail takes over of its head's flags. */
#define SPLIT_FLAGS                                                                            \
	(BIT(PG_referenced) | BIT(PG_swapbacked) | BIT(PG_swapcache) | BIT(PG_mlocked) |       \
	 BIT(PG_uptodate) | BIT(PG_active) | BIT(PG_workingset) | BIT(PG_locked) |             \
	 BIT(PG_unevictable) | BIT(PG_dirty) | BIT(PG_lru) | BIT(PG_isolated) | LRU_GEN_MASK | \
	 LRU_REFS_MASK)

static struct deferred_split *deferred_split_queue(const struct quire *q, const struct page *head)
{
	return &q->space->huge->split[page_to_nid(head)];
}

/* A new huge page: its kind, and that it is on no queue. */
void prep_transhuge_page(struct page *page)
{
	INIT_LIST_HEAD(&page[2].deferred_list);
	page[1].compound_dtor = TRANSHUGE_PAGE_DTOR;
}

/* ---- the queue ------------------------------------------------------------------- */

void deferred_split_huge_page(struct quire *q, struct page *head)
{
	struct deferred_split *ds = deferred_split_queue(q, head);

	/* Reclaim is unmapping it, to write it out or to split it itself. */
	if (PageSwapCache(head) || !list_empty(&head[2].deferred_list))
		return;
	spin_lock(q, &ds->lock);
	if (list_empty(&head[2].deferred_list)) {
		count_vm_event(q, THP_DEFERRED_SPLIT_PAGE);
		list_add_tail(&head[2].deferred_list, &ds->queue);
		ds->len++;
	}
	spin_unlock(q, &ds->lock);
}

/* Under the queue's lock. */
static void unqueue(struct deferred_split *ds, struct page *head)
{
	if (list_empty(&head[2].deferred_list))
		return;
	ds->len--;
	list_del_init(&head[2].deferred_list);
}

/* The last reference to a huge page is gone. */
static bool free_transhuge_page(struct quire *q, struct page *head)
{
	struct deferred_split *ds = deferred_split_queue(q, head);

	if (!list_empty(&head[2].deferred_list)) {
		spin_lock(q, &ds->lock);
		unqueue(ds, head);
		spin_unlock(q, &ds->lock);
	}
	return false;
}

static unsigned long deferred_split_count(struct quire *q, __unused struct shrinker *s,
					  struct shrink_control *sc)
{
	return HOT_LOAD(&q->space->huge->split[sc->nid].len);
}

/* Takes up to nr pages off the queue, each with a reference. */
static void take_queued(struct quire *q, struct deferred_split *ds, unsigned long nr,
			struct list_head *taken)
{
	spin_lock(q, &ds->lock);
	while (nr && !list_empty(&ds->queue)) {
		struct page *tail = list_first_entry(&ds->queue, struct page, deferred_list);
		struct page *head = compound_head(tail);

		if (get_page_unless_zero(head))
			list_move(&tail->deferred_list, taken);
		else
			unqueue(ds, head); /* it is being freed */
		nr--;
	}
	spin_unlock(q, &ds->lock);
}

static unsigned long deferred_split_scan(struct quire *q, __unused struct shrinker *s,
					 struct shrink_control *sc)
{
	struct deferred_split *ds = &q->space->huge->split[sc->nid];
	struct page *tail, *n;
	unsigned long split = 0;
	LIST_HEAD(list);

	take_queued(q, ds, sc->nr_to_scan, &list);
	list_for_each_entry_safe (tail, n, &list, deferred_list) {
		struct page *head = compound_head(tail);

		if (trylock_page(head)) {
			/* Off the list when it succeeds. */
			if (!split_huge_page(q, head))
				split++;
			unlock_page(q, head);
		}
		put_page(q, head);
	}
	spin_lock(q, &ds->lock);
	list_splice_tail(&list, &ds->queue);
	spin_unlock(q, &ds->lock);
	if (!split && list_empty(&ds->queue))
		return SHRINK_STOP;
	return split;
}

int deferred_split_init(struct quire *q)
{
	struct huge_floor *h = q->space->huge;

	for_each_node (q, nid) {
		spin_lock_init(&h->split[nid].lock, LOCK_THP_SPLIT);
		INIT_LIST_HEAD(&h->split[nid].queue);
	}
	h->split_shrinker = (struct shrinker){.count_objects = deferred_split_count,
					      .scan_objects = deferred_split_scan,
					      .seeks = DEFAULT_SEEKS,
					      .name = "thp-deferred_split"};
	register_shrinker(q, &h->split_shrinker);
	q->page->compound_dtor[TRANSHUGE_PAGE_DTOR] = free_transhuge_page;
	return 0;
}

/* ---- the split ------------------------------------------------------------------- */

/* A tree's references: the swap cache's, or a file's. */
static int extra_pins(const struct page *head)
{
	return PageSwapCache(head) || !PageAnon(head) ? (int)HPAGE_PMD_NR : 0;
}

bool can_split_huge_page(const struct page *head)
{
	return total_mapcount(head) == page_ref_count(head) - extra_pins(head) - 1;
}

/* Page i becomes a page of its own; its head's lists are locked. */
static void split_tail(struct page *head, unsigned int i, bool cached, struct list_head *list)
{
	struct page *tail = head + i;

	tail->flags = (tail->flags & ~((BIT(NR_PAGEFLAGS) - 1) | LRU_REFS_MASK)) |
		      (head->flags & SPLIT_FLAGS);
	tail->mapping = head->mapping;
	tail->index = head->index + i;
	tail->memcg = head->memcg;
	if (!PageSwapCache(head))
		tail->private = 0;
	/* Its entries', the tree's, and ours; on list the list's. */
	HOT_STORE(&tail->_refcount, tail->_mapcount + 1 + cached + 1 + (list ? 1 : 0));
	if (list)
		list_add_tail(&tail->lru, list);
	else
		list_add_tail(&tail->lru, &head->lru);
}

/* The tree that a huge page is in, and where its head is there; NULL: none. */
static struct address_space *split_mapping(struct quire *q, const struct page *head,
					   unsigned long *index)
{
	swp_entry_t entry = {head->private};

	*index = PageSwapCache(head) ? swp_offset(entry) : head->index;
	if (PageSwapCache(head))
		return swap_address_space(q, entry);
	return PageAnon(head) ? NULL : head->mapping;
}

/* Of a file, pages from index end on: out of the tree, under its lock. */
static void drop_behind(struct quire *q, struct page *head, unsigned long end)
{
	for (long i = HPAGE_PMD_NR - 1; i >= 1 && head[i].index >= end; i--) {
		ClearPageDirty(head + i);
		__delete_from_page_cache(q, head + i, NULL);
		BUG_ON(q, put_page_testzero(head + i));
	}
}

/*
 * Freezes the head's references if they are all known; then all 512 become pages, and it
 * is off the queue.  All locks are taken before: while the count is 0 nobody may come
 * to drop a reference.  anon_vma is locked, or a file's page mapped nowhere.
 */
static bool __split_huge_page(struct quire *q, struct page *head, struct list_head *list)
{
	struct deferred_split *ds = deferred_split_queue(q, head);
	struct pglist_data *pgdat = page_pgdat(q, head);
	bool of_file = !PageAnon(head), frozen;
	unsigned long index;
	struct address_space *m = split_mapping(q, head, &index);

	if (m)
		spin_lock(q, &m->i_pages_lock);
	spin_lock(q, &ds->lock);
	spin_lock(q, &pgdat->lru_lock);
	frozen = HOT_CMPXCHG(&head->_refcount, total_mapcount(head) + 1 + extra_pins(head), 0);
	if (frozen) {
		unqueue(ds, head);
		BUG_ON(q, PageLRU(head) == (list != NULL));
		if (of_file)
			mod_lruvec_page_state(q, head, NR_SHMEM_THPS, -HPAGE_PMD_NR);
		for (unsigned int i = (unsigned int)HPAGE_PMD_NR - 1; i >= 1; i--) {
			split_tail(head, i, m != NULL, list);
			/* In place of the head: nothing is allocated. */
			if (m)
				BUG_ON(q, xa_store(&m->i_pages, index + i, head + i) != head);
		}
		ClearPageHead(head);
		HOT_STORE(&head->_refcount, head->_mapcount + 1 + (m != NULL) + 1);
	}
	spin_unlock(q, &pgdat->lru_lock);
	spin_unlock(q, &ds->lock);
	if (frozen && of_file)
		drop_behind(q, head, shmem_fallocend(m->host));
	if (m)
		spin_unlock(q, &m->i_pages_lock);
	return frozen;
}

/* A file's: without entries there is nothing to deal out but the tree's references. */
static int split_file_locked(struct quire *q, struct page *head, struct list_head *list)
{
	if (!head->mapping || PageWriteback(head))
		return -EBUSY;
	if (!can_split_huge_page(head))
		return -EAGAIN;
	unmap_file_page(q, head);
	return __split_huge_page(q, head, list) ? 0 : -EAGAIN;
}

static int split_locked(struct quire *q, struct page *head, struct list_head *list)
{
	struct anon_vma *root;
	bool frozen;

	if (!PageAnon(head) && !is_huge_zero_page(q, head))
		return split_file_locked(q, head, list);
	if (is_huge_zero_page(q, head) || PageWriteback(head) || !page_mapped(head))
		return -EBUSY;
	if (!can_split_huge_page(head))
		return -EAGAIN;
	/* Mapped, so areas are chained to it: it can't go. */
	root = page_anon_vma(head)->root;
	spin_lock(q, &root->lock);
	/* Linux unmaps its pages here, which puts it on the queue; it comes off
	 * again if the split succeeds. */
	deferred_split_huge_page(q, head);
	page_split_pmds(q, head);
	frozen = __split_huge_page(q, head, list);
	spin_unlock(q, &root->lock);
	return frozen ? 0 : -EAGAIN;
}

int split_huge_page_to_list(struct quire *q, struct page *head, struct list_head *list)
{
	int err;

	BUG_ON(q, !PageLocked(head) || !PageTransHuge(head));
	err = split_locked(q, head, list);
	count_vm_event(q, err ? THP_SPLIT_PAGE_FAILED : THP_SPLIT_PAGE);
	if (err)
		return err;
	charge_ns(q, q->cost.huge_split);
	for (long i = 1; i < HPAGE_PMD_NR; i++) {
		unlock_page(q, head + i);
		free_swap_cache(q, head + i);
		put_page(q, head + i); /* the last one if nobody maps it */
	}
	return 0;
}
