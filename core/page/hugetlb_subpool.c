/* SPDX-License-Identifier: MIT */
/*
 * Parts of a pool for mounts of hugetlbfs (Linux's struct hugepage_subpool).
 *
 * The idea: a mount with size= may use so many pages and no more; used_hpages counts
 * what is promised to its files or in use by them.  A mount with min_size= has so many
 * promised by the pool as long as it stands.  Who wants pages of it asks here first: as
 * many as it has left of its own need no further promise of the pool; and who gives
 * pages back fills that up first.
 *
 * Invariants (verify_hugetlb.c): rsv <= min; used = promises + pages in use; the pool's
 * promises include rsv of all subpools.
 *
 * Locks: the floor's.  Making them and their end are hugetlbfs's (space/hugetlbfs.c).
 *
 * Differs from Linux: what the pool could not promise is taken back as it was got (Linux
 * loses count of min_size then, until 6.16).
 */
#include "page/hugetlb_pool.h"

long hugepage_subpool_get_pages(struct quire *q, struct hugepage_subpool *spool, long delta)
{
	long from_pool = delta;

	if (!spool)
		return delta;
	spin_lock(q, &q->page->hugetlb->lock);
	if (spool->max_hpages != -1) {
		if (spool->used_hpages + delta > spool->max_hpages) {
			from_pool = -ENOMEM;
			goto unlock;
		}
		spool->used_hpages += delta;
	}
	if (spool->min_hpages != -1) {
		long own = min(delta, spool->rsv_hpages);

		spool->rsv_hpages -= own;
		from_pool = delta - own;
	}
unlock:
	spin_unlock(q, &q->page->hugetlb->lock);
	return from_pool;
}

long hugepage_subpool_put_pages(struct quire *q, struct hugepage_subpool *spool, long delta)
{
	long to_pool = delta;

	if (!spool)
		return delta;
	spin_lock(q, &q->page->hugetlb->lock);
	if (spool->max_hpages != -1)
		spool->used_hpages -= delta;
	if (spool->min_hpages != -1 && spool->used_hpages < spool->min_hpages) {
		long own = min(delta, spool->min_hpages - spool->rsv_hpages);

		spool->rsv_hpages += own;
		to_pool = delta - own;
	}
	spin_unlock(q, &q->page->hugetlb->lock);
	return to_pool;
}

void hugepage_subpool_unget_pages(struct quire *q, struct hugepage_subpool *spool, long delta,
				  long from_pool)
{
	if (!spool)
		return;
	spin_lock(q, &q->page->hugetlb->lock);
	if (spool->max_hpages != -1)
		spool->used_hpages -= delta;
	spool->rsv_hpages += delta - from_pool;
	spin_unlock(q, &q->page->hugetlb->lock);
}
