/* SPDX-License-Identifier: MIT */
/*
 * Moving pages in use to other frames (Linux 6.1's migrate.c).
 *
 * The idea: a page that is off its LRU list and locked loses its page-table
 * entries to migration entries (space/migration.c).  If then nobody refers to
 * it but its tree, its buffers and we, the new frame takes its place in the
 * tree, gets its content, its flags and its group's charge, goes on the LRU
 * list, and the migration entries become entries of the new frame.  The old one
 * is freed with the last reference, ours.
 *
 * Whoever holds a reference (a read in progress, a batch of the LRU) makes the
 * move fail for now: it is tried ten times, from the third pass on waiting for
 * locks if the mode allows.
 *
 * Invariants: the references of a page in a tree are frozen, to 0, while it is
 * exchanged, so nobody can find one of the two and miss the other.  A page
 * counts in NR_ISOLATED_* of its node from isolate to putback or success.
 *
 * Locks: the old page's lock, then the new one's; i_pages_lock over the
 * exchange; lru_lock to isolate.
 *
 * A transparent huge page moves as a whole, to another; where there is none it is
 * split, and its pages move one by one in a last round.  Pages of hugetlb pools are
 * moved by migrate_hugetlb.c.
 */
#include "reclaim/migrate.h"
#include "page/debug.h"
#include "page/hugetlb.h"
#include "reclaim/compaction.h"
#include "reclaim/internal.h"
#include "space/huge_mm.h"

#define MAX_PASSES 10

/* ---- lists ----------------------------------------------------------------------- */

static enum node_stat_item isolated_item(const struct page *page)
{
	return page_is_file_lru(page) ? NR_ISOLATED_FILE : NR_ISOLATED_ANON;
}

int isolate_lru_page(struct quire *q, struct page *page)
{
	struct pglist_data *pgdat = page_pgdat(q, page);
	int err = -EBUSY;

	spin_lock(q, &pgdat->lru_lock);
	if (PageLRU(page)) {
		get_page(page);
		del_page_from_lru_list(q, page_lruvec(q, page), page);
		ClearPageLRU(page);
		SetPageIsolated(page);
		mod_node_page_state(pgdat, isolated_item(page), (long)compound_nr(page));
		err = 0;
	}
	spin_unlock(q, &pgdat->lru_lock);
	return err;
}

void putback_movable_pages(struct quire *q, struct list_head *list)
{
	while (!list_empty(list)) {
		struct page *page = list_first_entry(list, struct page, lru);

		if (PageHuge(page)) {
			hugetlb_putback(q, page);
			continue;
		}
		list_del(&page->lru);
		mod_node_page_state(page_pgdat(q, page), isolated_item(page),
				    -(long)compound_nr(page));
		ClearPageIsolated(page);
		lru_cache_add(q, page);
		put_page(q, page);
	}
}

/* ---- one page for another -------------------------------------------------------- */

static struct address_space *migration_mapping(struct quire *q, const struct page *page)
{
	if (PageSwapCache(page))
		return swap_address_space(q, (swp_entry_t){page->private});
	return PageAnon(page) ? NULL : page->mapping;
}

static bool has_buffers(const struct page *page)
{
	return PagePrivate(page) && !PageSwapCache(page);
}

/* What a page in a tree counts for moves along to another node or zone. */
static void move_tree_counts(struct quire *q, struct page *new, struct page *old, bool dirty_file)
{
	struct pglist_data *from = page_pgdat(q, old), *to = page_pgdat(q, new);
	long nr = (long)compound_nr(old);

	if (dirty_file && page_zone(q, old) != page_zone(q, new)) {
		mod_zone_page_state(page_zone(q, old), NR_ZONE_WRITE_PENDING, -1);
		mod_zone_page_state(page_zone(q, new), NR_ZONE_WRITE_PENDING, 1);
	}
	if (from == to)
		return;
	mod_node_page_state(from, NR_FILE_PAGES, -nr);
	mod_node_page_state(to, NR_FILE_PAGES, nr);
	if (PageSwapCache(new)) {
		mod_node_page_state(from, NR_SWAPCACHE, -nr);
		mod_node_page_state(to, NR_SWAPCACHE, nr);
	} else if (PageSwapBacked(new)) {
		mod_node_page_state(from, NR_SHMEM, -nr);
		mod_node_page_state(to, NR_SHMEM, nr);
		if (nr > 1) {
			mod_node_page_state(from, NR_SHMEM_THPS, -nr);
			mod_node_page_state(to, NR_SHMEM_THPS, nr);
		}
	}
	if (dirty_file) {
		mod_node_page_state(from, NR_FILE_DIRTY, -1);
		mod_node_page_state(to, NR_FILE_DIRTY, 1);
	}
}

static void take_identity(struct page *new, struct page *old)
{
	new->index = old->index;
	new->mapping = old->mapping;
	if (PageSwapBacked(old))
		SetPageSwapBacked(new);
}

/* The new page stands where the old one did: 0, or -EAGAIN while somebody else
 * has a reference. */
static int migrate_page_move_mapping(struct quire *q, struct address_space *mapping,
				     struct page *new, struct page *old)
{
	int nr = (int)compound_nr(old), expected = 1 + nr + has_buffers(old);
	unsigned long index;
	bool dirty;

	if (!mapping) {
		if (page_ref_count(old) != 1)
			return -EAGAIN;
		take_identity(new, old);
		return 0;
	}
	index = PageSwapCache(old) ? swp_offset((swp_entry_t){old->private}) : old->index;
	spin_lock(q, &mapping->i_pages_lock);
	if (!HOT_CMPXCHG(&old->_refcount, expected, 0)) {
		spin_unlock(q, &mapping->i_pages_lock);
		return -EAGAIN;
	}
	take_identity(new, old);
	set_page_count(new, page_ref_count(new) + nr);
	if (PageSwapCache(old)) {
		SetPageSwapCache(new);
		for (int i = 0; i < nr; i++)
			new[i].private = old[i].private;
	}
	dirty = TestClearPageDirty(old);
	if (dirty)
		SetPageDirty(new);
	for (int i = 0; i < nr; i++)
		BUG_ON(q, xa_store(&mapping->i_pages, index + (unsigned long)i, new) != old);
	/* Without the tree's references, which are the new page's now. */
	set_page_count(old, expected - nr);
	move_tree_counts(q, new, old, dirty && !mapping->swap_backed);
	spin_unlock(q, &mapping->i_pages_lock);
	return 0;
}

/* Buffers belong to the new page, with the reference they hold. */
static void move_buffers(struct quire *q, struct page *new, struct page *old)
{
	struct buffer_head *bh = (struct buffer_head *)old->private;

	bh->b_page = new;
	new->private = old->private;
	SetPagePrivate(new);
	get_page(new);
	old->private = 0;
	ClearPagePrivate(old);
	put_page(q, old);
}

static void move_mlocked(struct quire *q, struct page *new, struct page *old)
{
	long nr = (long)compound_nr(old);

	if (!TestClearPageMlocked(old))
		return;
	mod_zone_page_state(page_zone(q, old), NR_MLOCK, -nr);
	count_vm_event(q, UNEVICTABLE_PGSTRANDED);
	SetPageMlocked(new);
	mod_zone_page_state(page_zone(q, new), NR_MLOCK, nr);
	count_vm_event(q, UNEVICTABLE_PGMLOCKED);
}

static void move_flags(struct quire *q, struct page *new, struct page *old)
{
	static const enum pageflags kept[] = {PG_error,	     PG_referenced,   PG_uptodate,
					      PG_workingset, PG_mappedtodisk, PG_dirty,
					      PG_readahead};

	for (unsigned int i = 0; i < ARRAY_SIZE(kept); i++)
		if (PageFlag(old, kept[i]))
			SetPageFlag(new, kept[i]);
	move_mlocked(q, new, old);
	if (TestClearPageActive(old))
		SetPageActive(new);
	else if (TestClearPageUnevictable(old))
		SetPageUnevictable(new);
	if (PageSwapCache(old)) {
		ClearPageSwapCache(old);
		for (unsigned long i = 0; i < compound_nr(old); i++)
			old[i].private = 0;
	}
	/* Else each move would look like the first use of the page. */
	if (unlikely(page_cpupid_last(old)))
		page_set_cpupid(new, page_cpupid_last(old));
	/* The charge goes along: its group counts as many pages as before. */
	new->memcg = old->memcg;
	old->memcg = NULL;
}

/* Place, content and state; 0 or -EAGAIN. */
static int move_to_new_page(struct quire *q, struct page *new, struct page *old)
{
	struct address_space *mapping = migration_mapping(q, old);
	int err = migrate_page_move_mapping(q, mapping, new, old);
	u64 nr = compound_nr(old);

	if (err)
		return err;
	if (has_buffers(old))
		move_buffers(q, new, old);
	for (u64 i = 0; i < nr; i++)
		hot_copy_page(q->hot, page_to_pfn(q, new) + i, page_to_pfn(q, old) + i);
	charge_ns(q, q->cost.migrate_page + (nr - 1) * q->cost.huge_copy);
	move_flags(q, new, old);
	/* Whoever still looks at it must see that it is no file's page. */
	if (!PageAnon(old))
		old->mapping = NULL;
	return 0;
}

/* ---- one page -------------------------------------------------------------------- */

/* The page's lock, as far as the mode lets us wait for it. */
bool lock_for_migration(struct quire *q, struct page *page, bool force, enum migrate_mode mode)
{
	if (trylock_page(page))
		return true;
	/* Who allocates may have locked pages of one read, one after another. */
	if (!force || mode == MIGRATE_ASYNC || (current_context(q)->flags & PF_MEMALLOC))
		return false;
	lock_page(q, page);
	return true;
}

/* Both are locked. */
static int migrate_locked(struct quire *q, struct page *page, struct page *new)
{
	bool was_mapped = false;
	int err = -EAGAIN;

	if (!page->mapping && has_buffers(page)) {
		/* Truncated: its buffers are all that keeps it. */
		(void)try_to_free_buffers(q, page);
		return -EAGAIN;
	}
	if (page_mapped(page)) {
		(void)try_to_migrate(q, page);
		was_mapped = true;
	}
	if (!page_mapped(page))
		err = move_to_new_page(q, new, page);
	if (!err) {
		lru_cache_add(q, new);
		if (was_mapped)
			lru_add_drain(q);
	}
	if (was_mapped)
		remove_migration_ptes(q, page, err ? page : new);
	return err;
}

/* 0, -EAGAIN (again, perhaps), -EBUSY (not today). */
static int __unmap_and_move(struct quire *q, struct page *page, struct page *new, bool force,
			    enum migrate_mode mode)
{
	int err = -EAGAIN;

	if (!lock_for_migration(q, page, force, mode))
		return -EAGAIN;
	if (PageWriteback(page)) {
		if (mode != MIGRATE_SYNC)
			err = -EBUSY;
		if (mode != MIGRATE_SYNC || !force)
			goto out;
		wait_on_page_writeback(q, page);
	}
	if (trylock_page(new)) {
		err = migrate_locked(q, page, new);
		unlock_page(q, new);
	}
out:
	unlock_page(q, page);
	if (!err)
		put_page(q, new); /* whoever uses the page has references */
	return err;
}

/* As above, or -ENOMEM; takes the page off its list unless it is to be tried again,
 * or there was no page to move to.  What can't be moved goes to `failed`. */
static int unmap_and_move(struct quire *q, struct page *page, new_page_t *get_new_page,
			  free_page_t *put_new_page, void *ctx, bool force, enum migrate_mode mode,
			  struct list_head *failed)
{
	struct page *new = NULL;
	int err = 0;

	/* Everyone else let go of it: nothing is left to move. */
	if (page_ref_count(page) == 1) {
		ClearPageActive(page);
		ClearPageUnevictable(page);
	} else {
		new = get_new_page(q, page, ctx);
		if (!new)
			return -ENOMEM;
		new->private = 0;
		err = __unmap_and_move(q, page, new, force, mode);
	}
	if (err != -EAGAIN)
		list_del(&page->lru);
	if (!err) {
		if (unlikely(q->keys & KEY_PAGE_OWNER) && new)
			page_owner_migrated(q, new, page,
					    get_new_page == compaction_alloc ? MR_COMPACTION
									     : MR_CONTIG_RANGE);
		mod_node_page_state(page_pgdat(q, page), isolated_item(page),
				    -(long)compound_nr(page));
		ClearPageIsolated(page);
		put_page(q, page);
		return 0;
	}
	if (err != -EAGAIN)
		list_add_tail(&page->lru, failed);
	if (put_new_page)
		put_new_page(q, new, ctx);
	else
		put_page(q, new);
	return err;
}

/* ---- many ------------------------------------------------------------------------ */

/* What one call of migrate_pages() has done.  Pages of huge ones are counted
 * singly; failures also as what they were. */
struct migrate_stats {
	unsigned int succeeded, failed_pages, failed;
	unsigned int thp_succeeded, thp_failed, thp_split;
	unsigned int retry, retry_pages, thp_retry; /* of this pass */
	bool subpages; /* of huge ones that were split: failures are counted already */
};

/* A huge page for which there is no other becomes small ones.  False: it can't. */
static bool try_split_thp(struct quire *q, struct page *head, struct list_head *split_pages)
{
	int err;

	if (!trylock_page(head))
		return false;
	err = split_huge_page_to_list(q, head, split_pages);
	unlock_page(q, head);
	if (!err)
		list_move_tail(&head->lru, split_pages);
	return !err;
}

/* Counts what became of a page of nr; false: there is no more memory to move to. */
static bool note_result(struct quire *q, struct migrate_stats *st, struct page *page, int err,
			unsigned int nr, bool thp, struct list_head *split_pages)
{
	unsigned int single = !thp && !st->subpages;

	switch (err) {
	case 0:
		st->succeeded += nr;
		st->thp_succeeded += thp;
		return true;
	case -EAGAIN:
		st->thp_retry += thp;
		st->retry += !thp;
		st->retry_pages += nr;
		return true;
	case -ENOMEM:
		st->thp_failed += thp;
		if (thp && try_split_thp(q, page, split_pages)) {
			st->thp_split++;
			return true;
		}
		st->failed += single;
		st->failed_pages += nr + st->retry_pages;
		st->thp_failed += st->thp_retry;
		return false;
	default:
		st->thp_failed += thp;
		st->failed += single;
		st->failed_pages += nr;
		return true;
	}
}

struct migrate_call {
	new_page_t *get_new_page;
	free_page_t *put_new_page;
	void *ctx;
	enum migrate_mode mode;
	struct list_head *from;
	struct list_head failed, split_pages;
	struct migrate_stats st;
};

/* Ten passes at most over the list; false: no memory. */
static bool migrate_passes(struct quire *q, struct migrate_call *c)
{
	struct migrate_stats *st = &c->st;
	bool again = true;

	for (int pass = 0; pass < MAX_PASSES && again; pass++) {
		struct page *page, *next;

		st->retry = st->thp_retry = st->retry_pages = 0;
		list_for_each_entry_safe (page, next, c->from, lru) {
			bool huge = PageHuge(page), thp = !huge && PageTransHuge(page);
			unsigned int nr = (unsigned int)compound_nr(page);
			int err;

			cond_resched(q);
			if (huge)
				err = unmap_and_move_huge_page(q, page, c->get_new_page,
							       c->put_new_page, c->ctx, pass > 2,
							       c->mode, &c->failed);
			else
				err = unmap_and_move(q, page, c->get_new_page, c->put_new_page,
						     c->ctx, pass > 2, c->mode, &c->failed);
			if (!note_result(q, st, page, err, nr, thp, &c->split_pages))
				return false;
		}
		again = st->retry || st->thp_retry;
	}
	st->failed += st->subpages ? 0 : st->retry;
	st->thp_failed += st->thp_retry;
	st->failed_pages += st->retry_pages;
	return true;
}

int migrate_pages(struct quire *q, struct list_head *from, new_page_t *get_new_page,
		  free_page_t *put_new_page, void *ctx, enum migrate_mode mode,
		  unsigned int *succeeded)
{
	struct migrate_call c = {.get_new_page = get_new_page,
				 .put_new_page = put_new_page,
				 .ctx = ctx,
				 .mode = mode,
				 .from = from};
	const struct migrate_stats *st = &c.st;
	int ret = -ENOMEM;

	INIT_LIST_HEAD(&c.failed);
	INIT_LIST_HEAD(&c.split_pages);
	if (migrate_passes(q, &c)) {
		ret = 0;
		if (!list_empty(&c.split_pages)) {
			/* What did not move is not tried again beside them. */
			list_splice_init(from, &c.failed);
			list_splice_init(&c.split_pages, from);
			c.st.subpages = true;
			ret = migrate_passes(q, &c) ? 0 : -ENOMEM;
		}
	}
	list_splice(&c.split_pages, from);
	list_splice(&c.failed, from);
	if (!ret)
		ret = list_empty(from) ? 0 : (int)(st->failed + st->thp_failed);
	count_vm_events(q, PGMIGRATE_SUCCESS, st->succeeded);
	count_vm_events(q, PGMIGRATE_FAIL, st->failed_pages);
	count_vm_events(q, THP_MIGRATION_SUCCESS, st->thp_succeeded);
	count_vm_events(q, THP_MIGRATION_FAIL, st->thp_failed);
	count_vm_events(q, THP_MIGRATION_SPLIT, st->thp_split);
	if (succeeded)
		*succeeded = st->succeeded;
	return ret;
}

struct page *alloc_migration_target(struct quire *q, struct page *page, void *ctx)
{
	const struct migration_target_control *mtc = ctx;
	gfp_t gfp = mtc ? mtc->gfp : GFP_USER | __GFP_MOVABLE | __GFP_RETRY_MAYFAIL;
	const nodemask_t *nodes = mtc ? mtc->nmask : NULL;
	unsigned int order = 0, nid = page_to_nid(page);

	if (PageHuge(page))
		return hugetlb_alloc_nodemask(q, page_hstate(q, page), nid, nodes,
					      gfp & __GFP_THISNODE);
	if (PageTransHuge(page)) {
		gfp &= ~__GFP_RECLAIM;
		gfp |= GFP_TRANSHUGE;
		order = HPAGE_PMD_ORDER;
	}
	/* As ZONE_MOVABLE's pages are had, so that one can move within it. */
	if (page_zonenum(page) == ZONE_MOVABLE)
		gfp |= __GFP_HIGHMEM;
	page = __alloc_pages(q, gfp, order, nid, nodes);
	if (page && order)
		prep_transhuge_page(page);
	return page;
}
