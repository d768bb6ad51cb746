/* SPDX-License-Identifier: MIT */
/*
 * Moving pages in use to other frames (Linux's migrate.c): compaction's and
 * isolation's tool.
 */
#ifndef QUIRE_RECLAIM_MIGRATE_H
#define QUIRE_RECLAIM_MIGRATE_H

#include "space/sched.h"

/* How long it may take.  ASYNC never waits; SYNC_LIGHT waits for a page's lock
 * but not for the device; SYNC for that too. */
enum migrate_mode { MIGRATE_ASYNC, MIGRATE_SYNC_LIGHT, MIGRATE_SYNC };

/* A frame for a page to move to, with one reference; NULL: no more. */
typedef struct page *new_page_t(struct quire *q, struct page *page, void *ctx);
/* It was not needed; NULL: put_page(). */
typedef void free_page_t(struct quire *q, struct page *page, void *ctx);

/* Takes a page with a reference of the caller's off its LRU list: 0, with one
 * more reference, in NR_ISOLATED_*; -EBUSY: it is on none. */
int isolate_lru_page(struct quire *q, struct page *page);
/* Isolated pages go back to their lists; empties the list. */
void putback_movable_pages(struct quire *q, struct list_head *list);

/*
 * Moves isolated pages, up to ten passes.  Those that moved are freed; the
 * others are left on the list.  Huge pages count by their pages in *succeeded, and as
 * one each among those that did not move.  0: all moved; their number else, or -ENOMEM
 * when there was no frame to move to.  *succeeded (NULL: nobody asks) is how
 * many moved.  May sleep, unless ASYNC.
 */
int migrate_pages(struct quire *q, struct list_head *from, new_page_t *get_new_page,
		  free_page_t *put_new_page, void *ctx, enum migrate_mode mode,
		  unsigned int *succeeded);

/* For migrate_hugetlb.c: a page's lock, as far as the mode lets us wait for it. */
bool lock_for_migration(struct quire *q, struct page *page, bool force, enum migrate_mode mode);
/* One page of a pool, as migrate_pages() tries it: 0, -EAGAIN (it stays on its list),
 * -ENOMEM. */
int unmap_and_move_huge_page(struct quire *q, struct page *page, new_page_t *get_new_page,
			     free_page_t *put_new_page, void *ctx, bool force,
			     enum migrate_mode mode, struct list_head *failed);

/* What alloc_migration_target() may give. */
struct migration_target_control {
	gfp_t gfp;
	const nodemask_t *nmask; /* NULL: any node, the nearest first */
};

/* A new_page_t that asks the allocator: nearby, movable; ctx: as above, or NULL. */
struct page *alloc_migration_target(struct quire *q, struct page *page, void *ctx);

#endif
