/* SPDX-License-Identifier: MIT */
/*
 * The page lock and waiting for writeback (the second half of Linux's
 * filemap.c).
 *
 * The idea: PG_locked and PG_writeback are bits that someone may sleep on.
 * Sleepers of all pages share a small table of event counts, by frame number;
 * a wake-up there may concern another page, so each sleeper looks again.
 * PG_waiters says that someone may sleep: a page without it is unlocked by
 * clearing one bit.
 *
 * Invariant: who sleeps set PG_waiters after it read the event count and
 * before it looked at the bit; who clears the bit looks at PG_waiters
 * afterwards.  So no wake-up is lost.
 */
#include "cache/internal.h"

static struct quire_wait_queue *page_waitqueue(struct quire *q, const struct page *page)
{
	u64 pfn = page_to_pfn(q, page);

	return &q->cache->page_wait[(pfn * 0x9e3779b97f4a7c15ULL) >> 56];
}

/* Until flag is clear; with lock, until we have set it. */
static void wait_on_page_flag(struct quire *q, struct page *page, enum pageflags flag, bool lock)
{
	struct quire_wait_queue *wq = page_waitqueue(q, page);
	/* A page that was thrown out too early and is read again: a stall of
	 * memory, not only of I/O. */
	bool thrashing = flag == PG_locked && !PageUptodate(page) && PageWorkingset(page);

	psi_stall_enter(q, PSI_IO);
	if (thrashing)
		psi_stall_enter(q, PSI_MEM);
	for (;;) {
		u32 seq = HOT_LOAD(&wq->seq);

		SetPageFlag(page, PG_waiters);
		if (lock ? !TestSetPageFlag(page, flag) : !PageFlag(page, flag))
			break;
		wait_on(q, wq, seq, MAX_SCHEDULE_TIMEOUT);
	}
	if (thrashing)
		psi_stall_leave(q, PSI_MEM);
	psi_stall_leave(q, PSI_IO);
}

static void wake_up_page(struct quire *q, struct page *page)
{
	ClearPageFlag(page, PG_waiters);
	wake_up(q, page_waitqueue(q, page));
}

bool trylock_page(struct page *page)
{
	return !TestSetPageLocked(page);
}

void lock_page(struct quire *q, struct page *page)
{
	if (unlikely(!trylock_page(page)))
		wait_on_page_flag(q, page, PG_locked, true);
}

void unlock_page(struct quire *q, struct page *page)
{
	unsigned long old = HOT_AND(&page->flags, ~BIT(PG_locked));

	VM_BUG_ON(q, !(old & BIT(PG_locked)));
	if (unlikely(old & BIT(PG_waiters)))
		wake_up_page(q, page);
}

void wait_on_page_locked(struct quire *q, struct page *page)
{
	while (PageLocked(page))
		wait_on_page_flag(q, page, PG_locked, false);
}

void wait_on_page_writeback(struct quire *q, struct page *page)
{
	while (PageWriteback(page))
		wait_on_page_flag(q, page, PG_writeback, false);
}

void set_page_writeback(struct quire *q, struct page *page)
{
	struct address_space *m = page_file_mapping(page);
	long nr = (long)compound_nr(page);

	if (TestSetPageWriteback(page))
		return;
	mod_lruvec_page_state(q, page, NR_WRITEBACK, nr);
	mod_zone_page_state(page_zone(q, page), NR_ZONE_WRITE_PENDING, nr);
	if (!m)
		return;
	spin_lock(q, &m->i_pages_lock);
	if (m->host->i_sb->bdi)
		(void)HOT_ADD(&inode_to_wb(m->host)->nr_writeback, 1);
	xa_set_mark(&m->i_pages, page->index, PAGECACHE_TAG_WRITEBACK);
	if (!PageDirty(page))
		xa_clear_mark(&m->i_pages, page->index, PAGECACHE_TAG_DIRTY);
	xa_clear_mark(&m->i_pages, page->index, PAGECACHE_TAG_TOWRITE);
	spin_unlock(q, &m->i_pages_lock);
}

/* Reclaimers of the node wait for its writeback: what ends now is counted, and
 * they go on when each has got a batch.  Linux: __acct_reclaim_writeback(). */
static void acct_reclaim_writeback(struct quire *q, struct page *page)
{
	struct pglist_data *pgdat = page_pgdat(q, page);
	unsigned int nr_throttled = HOT_LOAD(&pgdat->nr_writeback_throttled);
	struct quire_wait_queue *wq = &pgdat->reclaim_wait[VMSCAN_THROTTLE_WRITEBACK];

	if (likely(!nr_throttled))
		return;
	mod_node_page_state(pgdat, NR_THROTTLED_WRITTEN, (long)compound_nr(page));
	if (node_page_state(pgdat, NR_THROTTLED_WRITTEN) - HOT_LOAD(&pgdat->nr_reclaim_start) >
	    SWAP_CLUSTER_MAX * nr_throttled)
		wake_up(q, wq);
}

void end_page_writeback(struct quire *q, struct page *page)
{
	struct address_space *m = page_file_mapping(page);
	long nr = (long)compound_nr(page);
	unsigned long old;

	/* Waiters may free the page as soon as the bit is clear. */
	get_page(page);
	if (PageReclaim(page)) {
		ClearPageReclaim(page);
		rotate_reclaimable_page(q, page);
	}
	if (m) {
		spin_lock(q, &m->i_pages_lock);
		if (m->host->i_sb->bdi)
			(void)HOT_SUB(&inode_to_wb(m->host)->nr_writeback, 1);
		xa_clear_mark(&m->i_pages, page->index, PAGECACHE_TAG_WRITEBACK);
		spin_unlock(q, &m->i_pages_lock);
	}
	mod_lruvec_page_state(q, page, NR_WRITEBACK, -nr);
	mod_zone_page_state(page_zone(q, page), NR_ZONE_WRITE_PENDING, -nr);
	mod_lruvec_page_state(q, page, NR_WRITTEN, nr);
	old = HOT_AND(&page->flags, ~BIT(PG_writeback));
	VM_BUG_ON(q, !(old & BIT(PG_writeback)));
	if (old & BIT(PG_waiters))
		wake_up_page(q, page);
	acct_reclaim_writeback(q, page);
	put_page(q, page);
}
