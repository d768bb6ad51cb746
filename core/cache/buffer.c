/* SPDX-License-Identifier: MIT */
/*
 * Buffer heads: what ties a cached page to its block (Linux's buffer.c).
 *
 * A page that was written, by write() or through a mapping, carries one buffer_head
 * of 4 KiB in page->private, with PG_private set and a page reference of its own; it stays
 * until reclaim or truncation take it.  So written files show in slabinfo as
 * on Linux with ext4.
 *
 * Locks: the page lock.
 */
#include "cache/internal.h"

#define BH_Uptodate 0x1u
#define BH_Mapped   0x20u

int create_empty_buffers(struct quire *q, struct page *page, u64 block)
{
	struct mem_cgroup *old;
	struct buffer_head *bh;

	if (PagePrivate(page))
		return 0;
	/* Who has the page pays. */
	old = set_active_memcg(q, page->memcg);
	bh = kmem_cache_alloc(q, q->cache->buffer_head_cachep, GFP_NOFS | __GFP_ACCOUNT);
	set_active_memcg(q, old);
	if (!bh)
		return -ENOMEM;
	*bh = (struct buffer_head){
		.b_page = page,
		.b_blocknr = block,
		.b_state = BH_Uptodate | (block == NO_BLOCK ? 0 : BH_Mapped),
	};
	get_page(page);
	page->private = (unsigned long)bh;
	SetPagePrivate(page);
	return 0;
}

bool block_page_mkwrite(struct quire *q, struct page *page)
{
	struct address_space *m = page->mapping;

	/* Without memory for it the page is written all the same: nothing is lost. */
	if (!m->swap_backed)
		(void)create_empty_buffers(q, page, inode_block(m->host, page->index));
	return set_page_dirty(q, page);
}

bool try_to_free_buffers(struct quire *q, struct page *page)
{
	struct buffer_head *bh;

	if (!PagePrivate(page))
		return true;
	if (PageWriteback(page) || PageDirty(page))
		return false;
	bh = (struct buffer_head *)page->private;
	page->private = 0;
	ClearPagePrivate(page);
	kmem_cache_free(q, q->cache->buffer_head_cachep, bh);
	put_page(q, page);
	return true;
}
