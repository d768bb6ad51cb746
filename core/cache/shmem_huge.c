/* SPDX-License-Identifier: MIT */
/*
 * Huge pages of shmem files: which files have them, how one enters the page cache, and
 * what is done about those that reach beyond the end of their file (the second part of
 * Linux's shmem.c).
 *
 *	huge=		what is missing becomes a huge page
 *	never		never
 *	always		always
 *	within_size	if the file reaches to the page's end, or as advise
 *	advise		where madvise(MADV_HUGEPAGE) was said of the area
 *
 * shmem_enabled gives the word for the mount that nobody sees, of memfd, SysV and shared
 * anonymous memory; with "deny" no mount has huge pages, with "force" all have.
 *
 * A huge page stands at each of its 512 places in the tree, as in the swap cache, and
 * has a reference for each.  It is charged whole to whoever came first.  A file that ends
 * within one has paid for more than it has: its inode waits on the mount's shrinklist,
 * from which the mount's shrinker, or a file system that is full, takes it to split that
 * page; what lies behind the end is free then.
 *
 * Invariants: an inode is on the shrinklist only while it lives; s_shrinklist_len is its
 * length; NR_SHMEM_THPS counts the pages of huge ones.
 *
 * Locks: i_pages_lock; s_lru_lock for the shrinklist.
 *
 * Differs from Linux: a tree has no entries of several indices, so a huge page costs eight
 * nodes of it.  Files of disks have no huge pages (as without
 * CONFIG_READ_ONLY_THP_FOR_FS, which Debian leaves out).
 */
#include "cache/internal.h"
#include "page/pgtable.h"

#define HPAGE_NR ((unsigned long)HPAGE_PMD_NR)

/* ---- policy ---------------------------------------------------------------------- */

bool shmem_is_huge(const struct quire *q, const struct inode *inode, unsigned long index,
		   enum shmem_advice advice, bool force)
{
	const enum shmem_huge all = q->cache->shmem_huge;

	if (likely(inode->i_sb->s_huge == SHMEM_HUGE_NEVER && all >= SHMEM_HUGE_NEVER && !force))
		return false;
	if (inode->is_dir || all == SHMEM_HUGE_DENY || advice == SHMEM_ADVICE_NOHUGE)
		return false;
	if (force || all == SHMEM_HUGE_FORCE)
		return true;
	switch (inode->i_sb->s_huge) {
	case SHMEM_HUGE_ALWAYS:
		return true;
	case SHMEM_HUGE_WITHIN_SIZE:
		if (inode_pages(inode) >= ALIGN(index + 1, HPAGE_NR))
			return true;
		__attribute__((fallthrough));
	case SHMEM_HUGE_ADVISE:
		return advice == SHMEM_ADVICE_HUGE;
	default:
		return false;
	}
}

/* ---- into the tree --------------------------------------------------------------- */

void clear_whole_page(struct quire *q, struct page *head)
{
	u64 pfn = page_to_pfn(q, head), nr = compound_nr(head);

	for (u64 i = 0; i < nr; i++)
		hot_clear_page(q->hot, pfn + i);
}

static bool range_is_empty(struct quire *q, struct address_space *m, unsigned long hindex)
{
	unsigned long at = hindex;
	bool empty;

	spin_lock(q, &m->i_pages_lock);
	empty = !xa_find(&m->i_pages, &at, hindex + HPAGE_NR - 1, XA_PRESENT);
	spin_unlock(q, &m->i_pages_lock);
	return empty;
}

/* One attempt: 0, -EEXIST, or -ENOMEM with nothing changed. */
static int store_huge(struct quire *q, struct page *head, struct address_space *m,
		      unsigned long hindex)
{
	unsigned long at = hindex, i = 0;
	int err = 0;

	spin_lock(q, &m->i_pages_lock);
	if (xa_find(&m->i_pages, &at, hindex + HPAGE_NR - 1, XA_PRESENT))
		err = -EEXIST;
	while (!err && i < HPAGE_NR) {
		void *old = xa_store(&m->i_pages, hindex + i, head);

		if (IS_ERR(old))
			err = (int)PTR_ERR(old);
		else
			i++;
	}
	if (err) {
		while (i--)
			(void)xa_erase(&m->i_pages, hindex + i);
	} else {
		(void)HOT_ADD(&head->_refcount, (int)HPAGE_NR);
		head->mapping = m;
		head->index = hindex;
		m->nrpages += HPAGE_NR;
		count_vm_event(q, THP_FILE_ALLOC);
		mod_lruvec_page_state(q, head, NR_SHMEM_THPS, (long)HPAGE_NR);
		mod_lruvec_page_state(q, head, NR_FILE_PAGES, (long)HPAGE_NR);
		mod_lruvec_page_state(q, head, NR_SHMEM, (long)HPAGE_NR);
	}
	spin_unlock(q, &m->i_pages_lock);
	return err;
}

/* Charged and in the tree: 0, -EEXIST or -ENOMEM. */
static int shmem_add_huge_to_cache(struct quire *q, struct page *head, struct address_space *m,
				   unsigned long hindex, gfp_t gfp)
{
	int err = mem_cgroup_charge(q, head, current_memcg(q), gfp);

	if (err) {
		count_vm_event(q, THP_FILE_FALLBACK);
		count_vm_event(q, THP_FILE_FALLBACK_CHARGE);
		return err;
	}
	head->flags |= BIT(PG_swapbacked);
	for (int tries = 0;; tries++) {
		err = store_huge(q, head, m, hindex);
		if (likely(err != -ENOMEM) || tries == 4 ||
		    radix_tree_preload(q, gfp | __GFP_ACCOUNT))
			break;
	}
	return err;
}

/* The file ends within the page: to be split when memory is short. */
static void shrinklist_add(struct quire *q, struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	spin_lock(q, &sb->s_lru_lock);
	if (list_empty(&inode->i_shrinklist)) {
		list_add_tail(&inode->i_shrinklist, &sb->s_shrinklist);
		sb->s_shrinklist_len++;
	}
	spin_unlock(q, &sb->s_lru_lock);
}

struct page *shmem_add_huge_page(struct quire *q, struct inode *inode, unsigned long index,
				 enum shmem_advice advice, enum sgp_type sgp, gfp_t gfp)
{
	struct address_space *m = &inode->i_data;
	unsigned long hindex = ALIGN_DOWN(index, HPAGE_NR);
	struct page *head = NULL;

	if (!q->cache->ops.alloc_huge_page || !shmem_acct_block(q, inode->i_sb, HPAGE_NR))
		return NULL;
	if (range_is_empty(q, m, hindex)) {
		head = q->cache->ops.alloc_huge_page(q, inode, hindex, advice == SHMEM_ADVICE_HUGE,
						     gfp);
		if (!head)
			count_vm_event(q, THP_FILE_FALLBACK);
	}
	if (head && sgp != SGP_FALLOC) {
		clear_whole_page(q, head);
		head->flags |= BIT(PG_uptodate);
		charge_ns(q, HPAGE_NR * q->cost.huge_page);
	}
	if (head && shmem_add_huge_to_cache(q, head, m, hindex, gfp)) {
		put_page(q, head);
		head = NULL;
	}
	if (!head) {
		shmem_unacct_block(inode->i_sb, HPAGE_NR);
		return NULL;
	}
	lru_cache_add(q, head);
	if (inode_pages(inode) < hindex + HPAGE_NR - 1)
		shrinklist_add(q, inode);
	return head + (index - hindex);
}

/* ---- beyond the end -------------------------------------------------------------- */

unsigned long shmem_fallocend(const struct inode *inode)
{
	return max(inode_pages(inode), inode->fallocend);
}

/* The first that waits, off the list, with a reference; NULL: none. */
static struct inode *shrinklist_take(struct quire *q, struct super_block *sb)
{
	struct inode *inode = NULL;

	spin_lock(q, &sb->s_lru_lock);
	while (!inode && !list_empty(&sb->s_shrinklist)) {
		inode = list_first_entry(&sb->s_shrinklist, struct inode, i_shrinklist);
		list_del_init(&inode->i_shrinklist);
		sb->s_shrinklist_len--;
		if (inode->i_state & I_FREEING)
			inode = NULL;
		else
			ihold(inode);
	}
	spin_unlock(q, &sb->s_lru_lock);
	return inode;
}

/* The page across the end: 1 split, 0 nothing to do, or an error: another time. */
static int split_last(struct quire *q, struct inode *inode)
{
	u64 size = inode->i_size;
	struct page *head;
	int err;

	if (PAGE_ALIGN(size) == ALIGN(size, PMD_SIZE))
		return 0;
	head = find_get_page(q, &inode->i_data,
			     (unsigned long)(ALIGN_DOWN(size, PMD_SIZE) >> PAGE_SHIFT));
	if (!head)
		return 0;
	if (!PageHead(head)) {
		put_page(q, head);
		return 0;
	}
	/* Who reclaims may have it locked, or wait for whoever has. */
	err = -EAGAIN;
	if (trylock_page(head)) {
		err = q->cache->ops.split_huge_page(q, head);
		unlock_page(q, head);
	}
	put_page(q, head);
	return err ? err : 1;
}

unsigned long shmem_unused_huge_shrink(struct quire *q, struct super_block *sb, unsigned long nr)
{
	unsigned long batch = sb->s_shrinklist_len, split = 0;
	struct inode *inode;

	if (!batch || !q->cache->ops.split_huge_page)
		return SHRINK_STOP;
	while (batch-- && split < nr && (inode = shrinklist_take(q, sb)) != NULL) {
		int ret = split_last(q, inode);

		if (ret < 0)
			shrinklist_add(q, inode);
		else
			split += (unsigned long)ret;
		iput(q, inode);
	}
	return split;
}
