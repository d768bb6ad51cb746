/* SPDX-License-Identifier: MIT */
/*
 * Whose writeback a file is: control groups' own (Linux's cgroup writeback, of
 * fs-writeback.c, backing-dev.c and memcontrol.c).
 *
 * The idea: a device has a writeback (struct bdi_writeback) for each group that
 * dirtied pages of it, with dirty lists, a bandwidth and a rate of its own, and a group
 * has a domain: of the memory that it may have a part may be dirty, so a writer in
 * a small container is held back by the container's limit and nobody else is.  A
 * file belongs to one of them, to that of the first who dirtied it.
 *
 * Pages, though, are their first user's.  Each round of writeback counts whose
 * pages it wrote: the owner's, those of the winner of the round before, and by
 * Boyer and Moore's vote those of whoever else has most.  Who wins takes a slot or
 * several of the file's history, by the time that the round took; once more than
 * half of the last sixteen are not the owner's, the file goes over to the winner.
 * Until then the group that is held back for its own pages asks that the
 * writebacks which hold them are run (mem_cgroup_flush_foreign()).
 *
 * Invariants: inode->i_wb is of the inode's device; wb->nr_reclaimable and
 * nr_writeback count the pages of its inodes, an inode on a dirty list is on its own
 * writeback's.  A writeback never leaves its device: a removed group's is emptied (its
 * files go to the parent's) and waits for the next group.
 *
 * Locks: bdi->wb_lock the lists of writebacks and inode->i_wb, which is changed under
 * i_pages_lock too, so that under either it stays; pool_lock a group's list of its writebacks
 * on all devices.
 *
 * Differs from Linux: a switch is done at once and not by a worker after a grace
 * period, as is the one of a removed group's files; groups have no blkcg apart.
 */
#include "base/math.h"
#include "cache/internal.h"

/* Of foreign rounds: times are in 1/8192 s, a round's is folded in by an eighth, one
 * shorter than an eighth of the mean does not count; sixteen slots of 1/8 s. */
#define WB_FRN_TIME_SHIFT     13
#define WB_FRN_TIME_AVG_SHIFT 3
#define WB_FRN_TIME_CUT_DIV   8
#define WB_FRN_TIME_PERIOD    (2UL << WB_FRN_TIME_SHIFT)
#define WB_FRN_HIST_SLOTS     16
#define WB_FRN_HIST_UNIT      (WB_FRN_TIME_PERIOD / WB_FRN_HIST_SLOTS)
#define WB_FRN_HIST_THR_SLOTS (WB_FRN_HIST_SLOTS / 2)
#define WB_FRN_HIST_MAX_SLOTS (WB_FRN_HIST_THR_SLOTS / 2 + 1)

static unsigned int id_of(const struct mem_cgroup *memcg)
{
	return memcg ? memcg->id : MEMCG_ROOT_ID;
}

/* Its pages carry no group, and it has no domain beside the machine's. */
static struct mem_cgroup *root_is_null(struct mem_cgroup *memcg)
{
	return memcg && memcg->parent ? memcg : NULL;
}

/* ---- writebacks --------------------------------------------------------------- */

static bool is_idle(const struct bdi_writeback *wb)
{
	return !wb->nr_inflight && !wb->nr_reclaimable && !wb->nr_writeback && !wb->running &&
	       !wb_has_dirty_io(wb);
}

void wb_init(struct bdi_writeback *wb, struct backing_dev *bdi)
{
	*wb = (struct bdi_writeback){.bdi = bdi};
	INIT_LIST_HEAD(&wb->bdi_node);
	INIT_LIST_HEAD(&wb->memcg_node);
	INIT_LIST_HEAD(&wb->b_dirty);
	INIT_LIST_HEAD(&wb->b_io);
	INIT_LIST_HEAD(&wb->b_more_io);
	wb_init_estimates(wb);
}

struct bdi_writeback *wb_find(const struct backing_dev *bdi, const struct mem_cgroup *memcg)
{
	struct bdi_writeback *wb;

	if (!memcg || !memcg->cgwb)
		return NULL;
	list_for_each_entry (wb, &memcg->cgwb->wbs, memcg_node)
		if (wb->bdi == bdi)
			return wb;
	return NULL;
}

/* Under wb_lock: one that a removed group left, or NULL. */
static struct bdi_writeback *take_spare(struct backing_dev *bdi)
{
	struct bdi_writeback *wb;

	list_for_each_entry (wb, &bdi->wbs, bdi_node) {
		if (wb == &bdi->wb || wb->memcg || !is_idle(wb))
			continue;
		list_del(&wb->bdi_node);
		wb_init(wb, bdi);
		return wb;
	}
	return NULL;
}

static void give_wb(struct quire *q, struct bdi_writeback *wb, struct mem_cgroup *memcg)
{
	HOT_STORE(&wb->memcg, memcg);
	list_add_tail(&wb->bdi_node, &wb->bdi->wbs);
	spin_lock(q, &q->cache->pool_lock);
	list_add_tail(&wb->memcg_node, &memcg->cgwb->wbs);
	spin_unlock(q, &q->cache->pool_lock);
}

/* What a new one needs, got without locks. */
struct wb_stock {
	struct memcg_writeback *cgwb;
	struct bdi_writeback *wb;
};

static bool stock_up(struct quire *q, struct wb_stock *stock, gfp_t gfp)
{
	/* Who does without has the root's: no hard trying. */
	gfp |= __GFP_NOWARN;
	stock->cgwb = kzalloc(q, sizeof(*stock->cgwb), gfp);
	stock->wb = kmalloc(q, sizeof(*stock->wb), gfp);
	return stock->cgwb && stock->wb;
}

/* Under wb_lock: the group's, made of the stock if that is there; NULL: it has none. */
static struct bdi_writeback *wb_of_group(struct quire *q, struct backing_dev *bdi,
					 struct mem_cgroup *memcg, struct wb_stock *stock)
{
	struct bdi_writeback *wb = wb_find(bdi, memcg);

	if (wb)
		return wb;
	spin_lock(q, &q->cache->pool_lock);
	if (!memcg->cgwb && stock->cgwb) {
		INIT_LIST_HEAD(&stock->cgwb->wbs);
		stock->cgwb->domain.events = 1;
		stock->cgwb->domain.limit_time = quire_clock(q) / (NSEC_PER_SEC / 250);
		HOT_STORE(&memcg->cgwb, stock->cgwb);
		stock->cgwb = NULL;
	}
	spin_unlock(q, &q->cache->pool_lock);
	if (!memcg->cgwb)
		return NULL;
	wb = take_spare(bdi);
	if (!wb && stock->wb) {
		wb = stock->wb;
		stock->wb = NULL;
		wb_init(wb, bdi);
	}
	if (wb)
		give_wb(q, wb, memcg);
	return wb;
}

/* As below, and with inode not NULL it is the inode's from now on. */
static struct bdi_writeback *get_and_attach(struct quire *q, struct backing_dev *bdi,
					    struct mem_cgroup *memcg, gfp_t gfp,
					    struct inode *inode)
{
	struct bdi_writeback *wb = &bdi->wb;
	struct wb_stock stock = {NULL, NULL};

	memcg = root_is_null(memcg);
	if (memcg && !wb_find(bdi, memcg) && !HOT_LOAD(&memcg->offline))
		(void)stock_up(q, &stock, gfp);
	spin_lock(q, &bdi->wb_lock);
	/* A group that is being removed gets none any more. */
	while (memcg && memcg->offline)
		memcg = root_is_null(memcg->parent);
	if (memcg) {
		wb = wb_of_group(q, bdi, memcg, &stock);
		if (!wb)
			wb = &bdi->wb;
	}
	if (inode && !inode->i_wb) {
		spin_lock(q, &inode->i_data.i_pages_lock);
		HOT_STORE(&inode->i_wb, wb);
		spin_unlock(q, &inode->i_data.i_pages_lock);
	}
	spin_unlock(q, &bdi->wb_lock);
	kfree(q, stock.cgwb);
	kfree(q, stock.wb);
	return wb;
}

struct bdi_writeback *wb_get_create(struct quire *q, struct backing_dev *bdi,
				    struct mem_cgroup *memcg, gfp_t gfp)
{
	struct bdi_writeback *wb;

	if (likely(!root_is_null(memcg)))
		return &bdi->wb;
	wb = wb_find(bdi, memcg);
	return wb ? wb : get_and_attach(q, bdi, memcg, gfp, NULL);
}

void inode_attach_wb(struct quire *q, struct inode *inode, struct mem_cgroup *memcg)
{
	struct backing_dev *bdi = inode->i_sb->bdi;

	if (unlikely(bdi && !HOT_LOAD(&inode->i_wb)))
		(void)get_and_attach(q, bdi, memcg, GFP_NOWAIT, inode);
}

/* ---- an inode goes to another one ------------------------------------------------ */

/* Under i_pages_lock: its pages with a mark; with dirty, those whose flag says so too. */
static unsigned long count_marked(const struct address_space *m, unsigned int mark, bool dirty)
{
	void *pages[QUIRE_BIO_MAX_PAGES];
	unsigned long indices[QUIRE_BIO_MAX_PAGES], index = 0, sum = 0;
	unsigned int nr;

	do {
		nr = xa_gang(&m->i_pages, index, ULONG_MAX, pages, indices, QUIRE_BIO_MAX_PAGES,
			     mark);
		for (unsigned int i = 0; i < nr; i++)
			sum += !dirty || PageDirty((const struct page *)pages[i]);
		if (nr)
			index = indices[nr - 1] + 1;
	} while (nr && index);
	return sum;
}

/* Into b_dirty, which is in the order of dirtied_when. */
static void insert_dirty(struct bdi_writeback *wb, struct inode *inode)
{
	struct list_head *at = wb->b_dirty.prev;

	while (at != &wb->b_dirty &&
	       list_entry(at, struct inode, i_io_list)->dirtied_when > inode->dirtied_when)
		at = at->prev;
	list_add(&inode->i_io_list, at);
}

static void move_counts(struct inode *inode, struct bdi_writeback *old, struct bdi_writeback *wb)
{
	struct address_space *m = &inode->i_data;
	unsigned long dirty = count_marked(m, PAGECACHE_TAG_DIRTY, true);
	unsigned long writeback = count_marked(m, PAGECACHE_TAG_WRITEBACK, false);

	(void)HOT_SUB(&old->nr_reclaimable, dirty);
	(void)HOT_ADD(&wb->nr_reclaimable, dirty);
	(void)HOT_SUB(&old->nr_writeback, writeback);
	(void)HOT_ADD(&wb->nr_writeback, writeback);
}

/* Under wb_lock. */
static void switch_wb(struct quire *q, struct inode *inode, struct bdi_writeback *wb)
{
	struct bdi_writeback *old = inode_to_wb(inode);

	if (old == wb)
		return;
	spin_lock(q, &inode->i_data.i_pages_lock);
	move_counts(inode, old, wb);
	HOT_STORE(&inode->i_wb, wb);
	inode->i_wb_frn_winner = inode->i_wb_frn_avg_time = inode->i_wb_frn_history = 0;
	spin_unlock(q, &inode->i_data.i_pages_lock);
	if (list_empty(&inode->i_io_list))
		return;
	list_del(&inode->i_io_list);
	if (!wb_has_dirty_io(wb))
		wb->last_old_flush = quire_clock(q);
	insert_dirty(wb, inode);
}

static void inode_switch_wbs(struct quire *q, struct inode *inode, unsigned int id)
{
	struct mem_cgroup *memcg = mem_cgroup_from_id(q, id);
	struct backing_dev *bdi = inode->i_sb->bdi;
	struct bdi_writeback *wb;

	if (!memcg || memcg->offline)
		return;
	wb = wb_get_create(q, bdi, memcg, GFP_NOWAIT);
	/* No memory for it: the next round tries again. */
	if (wb->memcg != root_is_null(memcg))
		return;
	spin_lock(q, &bdi->wb_lock);
	if (wb->memcg == root_is_null(memcg))
		switch_wb(q, inode, wb);
	spin_unlock(q, &bdi->wb_lock);
	wake_up(q, &bdi->flusher_wait);
}

/* ---- whose pages a round wrote ---------------------------------------------------- */

void wbc_attach_inode(struct writeback_control *wbc, struct inode *inode)
{
	wbc->wb = inode_to_wb(inode);
	wbc->wb_id = id_of(wbc->wb->memcg);
	wbc->wb_lcand_id = inode->i_wb_frn_winner;
	wbc->wb_tcand_id = 0;
	wbc->wb_pages = wbc->wb_lcand_pages = wbc->wb_tcand_pages = 0;
}

void wbc_account_cgroup_owner(struct quire *q, struct writeback_control *wbc,
			      const struct page *page)
{
	unsigned int id = id_of(page->memcg);

	(void)q;
	if (!wbc->wb || (page->memcg && page->memcg->offline))
		return;
	if (likely(id == wbc->wb_id)) {
		wbc->wb_pages++;
		return;
	}
	if (id == wbc->wb_lcand_id)
		wbc->wb_lcand_pages++;
	if (!wbc->wb_tcand_pages)
		wbc->wb_tcand_id = id;
	if (id == wbc->wb_tcand_id)
		wbc->wb_tcand_pages++;
	else
		wbc->wb_tcand_pages--;
}

static unsigned long pick_winner(const struct writeback_control *wbc, unsigned int *id)
{
	if (wbc->wb_pages >= wbc->wb_lcand_pages && wbc->wb_pages >= wbc->wb_tcand_pages) {
		*id = wbc->wb_id;
		return wbc->wb_pages;
	}
	if (wbc->wb_lcand_pages >= wbc->wb_tcand_pages) {
		*id = wbc->wb_lcand_id;
		return wbc->wb_lcand_pages;
	}
	*id = wbc->wb_tcand_id;
	return wbc->wb_tcand_pages;
}

void wbc_detach_inode(struct quire *q, struct writeback_control *wbc, struct inode *inode)
{
	unsigned long avg = inode->i_wb_frn_avg_time, pages, time;
	unsigned int history = inode->i_wb_frn_history, id = 0;
	struct bdi_writeback *wb = wbc->wb;

	wbc->wb = NULL;
	/* It went over to another one meanwhile. */
	if (!wb || wb != inode_to_wb(inode))
		return;
	pages = pick_winner(wbc, &id);
	time = DIV_ROUND_UP(pages << WB_FRN_TIME_SHIFT, (unsigned long)wb->avg_write_bandwidth);
	if (avg)
		avg += (time >> WB_FRN_TIME_AVG_SHIFT) - (avg >> WB_FRN_TIME_AVG_SHIFT);
	else
		avg = time;
	if (time && time >= avg / WB_FRN_TIME_CUT_DIV) {
		unsigned long slots = min(DIV_ROUND_UP(time, WB_FRN_HIST_UNIT),
					  (unsigned long)WB_FRN_HIST_MAX_SLOTS);

		history <<= slots;
		if (id != wbc->wb_id)
			history |= (1U << slots) - 1;
		history &= 0xffffu;
	}
	inode->i_wb_frn_winner = (u16)id;
	inode->i_wb_frn_avg_time = (u16)min(avg, 0xffffUL);
	inode->i_wb_frn_history = (u16)history;
	/* Also when it just lost: whoever wrote last is likely to write on. */
	if (id != wbc->wb_id && hweight32(history) > WB_FRN_HIST_THR_SLOTS)
		inode_switch_wbs(q, inode, id);
}

/* ---- a group's pages in others' files ----------------------------------------------- */

void mem_cgroup_track_foreign_dirty(struct quire *q, struct page *page,
				    const struct bdi_writeback *wb)
{
	struct memcg_writeback *cgwb = page->memcg ? page->memcg->cgwb : NULL;
	u64 now = quire_clock(q), oldest = now;
	unsigned int id = id_of(wb->memcg);
	int place = -1;

	/* It never was held back for its own pages: nobody would look. */
	if (!cgwb)
		return;
	for (int i = 0; i < MEMCG_CGWB_FRN_CNT; i++) {
		if (cgwb->foreign[i].bdi == wb->bdi && cgwb->foreign[i].memcg_id == id) {
			cgwb->foreign[i].at = now;
			return;
		}
		if (cgwb->foreign[i].at < oldest) {
			oldest = cgwb->foreign[i].at;
			place = i;
		}
	}
	if (place < 0)
		return;
	cgwb->foreign[place].bdi = wb->bdi;
	cgwb->foreign[place].memcg_id = id;
	cgwb->foreign[place].at = now;
}

void mem_cgroup_flush_foreign(struct quire *q, struct bdi_writeback *wb)
{
	u64 lately = q->cache->dirty_expire_interval * (NSEC_PER_SEC / 100), now = quire_clock(q);
	struct memcg_writeback *cgwb = wb->memcg ? wb->memcg->cgwb : NULL;

	for (int i = 0; cgwb && i < MEMCG_CGWB_FRN_CNT; i++) {
		struct backing_dev *bdi = cgwb->foreign[i].bdi;
		struct bdi_writeback *other;
		struct mem_cgroup *memcg;

		if (!cgwb->foreign[i].at || now - cgwb->foreign[i].at > lately)
			continue;
		cgwb->foreign[i].at = 0;
		memcg = mem_cgroup_from_id(q, cgwb->foreign[i].memcg_id);
		other = root_is_null(memcg) ? wb_find(bdi, memcg) : &bdi->wb;
		if (!memcg || !other || !wb_has_dirty_io(other))
			continue;
		HOT_STORE(&other->flusher_wanted, true);
		wake_up(q, &bdi->flusher_wait);
	}
}

/* ---- groups come, change and go ------------------------------------------------------- */

static void empty_wb(struct quire *q, struct bdi_writeback *wb, struct bdi_writeback *to)
{
	struct super_block *sb;
	struct inode *inode = NULL;

	list_for_each_entry (sb, &q->cache->super_blocks, list) {
		if (sb->bdi != wb->bdi)
			continue;
		while ((inode = sb_next_inode(q, sb, inode))) {
			spin_lock(q, &wb->bdi->wb_lock);
			if (inode->i_wb == wb)
				switch_wb(q, inode, to);
			spin_unlock(q, &wb->bdi->wb_lock);
		}
	}
}

/* The group is removed: its files are its parent's to write back. */
static void reparent_writeback(struct quire *q, struct mem_cgroup *memcg)
{
	struct memcg_writeback *cgwb = memcg->cgwb;
	struct bdi_writeback *wb;

	if (!cgwb)
		return;
	while ((wb = list_first_entry_or_null(&cgwb->wbs, struct bdi_writeback, memcg_node))) {
		struct backing_dev *bdi = wb->bdi;
		struct bdi_writeback *to = wb_get_create(q, bdi, memcg->parent, GFP_KERNEL);

		spin_lock(q, &bdi->wb_lock);
		spin_lock(q, &q->cache->pool_lock);
		list_del_init(&wb->memcg_node);
		spin_unlock(q, &q->cache->pool_lock);
		HOT_STORE(&wb->memcg, NULL);
		spin_unlock(q, &bdi->wb_lock);
		empty_wb(q, wb, to);
		wake_up(q, &bdi->flusher_wait);
	}
}

/* The limit that follows slowly begins anew at what is allowed now. */
static void limit_changed(struct quire *q, struct mem_cgroup *memcg)
{
	struct memcg_writeback *cgwb = memcg->cgwb;

	if (!cgwb)
		return;
	cgwb->domain.limit_time = quire_clock(q) / (NSEC_PER_SEC / 250);
	cgwb->domain.dirty_limit = 0;
}

void cgwb_init(struct quire *q)
{
	q->group->ops.reparent_writeback = reparent_writeback;
	q->group->ops.limit_changed = limit_changed;
}
