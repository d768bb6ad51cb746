/* SPDX-License-Identifier: MIT */
/*
 * Moving a page of a hugetlb pool (Linux 6.1's unmap_and_move_huge_page()).
 *
 * It is like moving any other page, but that it is on no LRU list, its areas hang at its
 * file, and the page it moves to is of a pool too: hugetlb_alloc_nodemask().  When it has
 * moved, the old one goes back to its pool, or to the buddy if the new one was temporary.
 *
 * Locks: the old page's, the file's fault_mutex, the new page's.
 */
#include "reclaim/migrate.h"
#include "reclaim/internal.h"
#include "space/hugetlb.h"

/* Both are locked, and nobody faults. */
static int move_locked(struct quire *q, struct hugetlbfs_inode *file, struct page *page,
		       struct page *new)
{
	bool was_mapped = compound_mapcount(page) != 0;
	int err = -EAGAIN;

	if (was_mapped)
		hugetlb_try_to_migrate(q, file, page);
	if (!compound_mapcount(page))
		err = hugetlb_move_page(q, file, new, page);
	if (was_mapped)
		hugetlb_remove_migration_ptes(q, file, page, err ? page : new);
	return err;
}

static bool hold_off_faults(struct quire *q, struct hugetlbfs_inode *file, enum migrate_mode mode)
{
	if (mode != MIGRATE_SYNC)
		return mutex_trylock(q, &file->fault_mutex);
	mutex_lock(q, &file->fault_mutex);
	return true;
}

static int move_page(struct quire *q, struct page *page, struct page *new, bool force,
		     enum migrate_mode mode)
{
	struct hugetlbfs_inode *file;
	int err = -EAGAIN;

	if (!lock_for_migration(q, page, force && mode == MIGRATE_SYNC, mode))
		return -EAGAIN;
	file = hugetlb_pin_file(q, page);
	if (file && hold_off_faults(q, file, mode)) {
		if (trylock_page(new)) {
			err = move_locked(q, file, page, new);
			unlock_page(q, new);
		}
		mutex_unlock(q, &file->fault_mutex);
	}
	unlock_page(q, page);
	if (file)
		hugetlb_unpin_file(q, file);
	return err;
}

int unmap_and_move_huge_page(struct quire *q, struct page *page, new_page_t *get_new_page,
			     free_page_t *put_new_page, void *ctx, bool force,
			     enum migrate_mode mode, struct list_head *failed)
{
	struct page *new;
	int err;

	/* Everyone else let go of it. */
	if (page_ref_count(page) == 1) {
		hugetlb_putback(q, page);
		return 0;
	}
	new = get_new_page(q, page, ctx);
	if (!new)
		return -ENOMEM;
	err = move_page(q, page, new, force, mode);
	if (!err) {
		hugetlb_move_state(q, page, new);
		hugetlb_putback(q, page);
		hugetlb_activate(q, new);
		return 0;
	}
	if (err != -EAGAIN)
		list_move_tail(&page->lru, failed);
	if (put_new_page)
		put_new_page(q, new, ctx);
	else
		put_page(q, new);
	return err;
}
