/* SPDX-License-Identifier: MIT */
/*
 * Where files lie on their device: extents.
 *
 * The idea: an extent is a run of device pages with its record, a slab object
 * that lives as long as the extent: in an inode's list while used, in its
 * super block's list of that size class while free.  So giving an extent back
 * never allocates.  Sizes are rounded up to classes, four to each doubling,
 * and a file that grows gets extents as large as it is, so a file has few
 * (tens for terabytes) and sequential pages lie in long runs.
 *
 * Locks: sb->lock for the free lists and next_block; an inode's list changes
 * only through its writer and truncation.
 *
 * Differs from Linux: this stands where ext4's allocator does; it keeps no
 * metadata on the device.
 */
#include "cache/internal.h"

/* The smallest class size of at least nr pages: 1..8, then 10 12 14 16 20 ... */
static unsigned long class_round(unsigned long nr)
{
	unsigned int shift;

	if (nr <= 8)
		return nr;
	shift = ilog2(nr) - 2;
	return ALIGN(nr, 1UL << shift);
}

/* The number of a class size; sizes are below 2^31 pages. */
static unsigned int class_index(unsigned long size)
{
	unsigned int log;

	if (size <= 8)
		return (unsigned int)size - 1;
	log = ilog2(size);
	/* The four classes from 2^log on begin behind those of 2^(log-1). */
	return 7 + (log - 3) * 4 + (unsigned int)((size >> (log - 2)) & 3);
}

u64 inode_block(const struct inode *inode, unsigned long index)
{
	const struct disk_extent *e;

	if (index < inode->i_fixed_pages)
		return inode->i_fixed_block + index;
	/* The last are the largest: most pages are found at once. */
	list_for_each_entry_reverse (e, &inode->i_extents, list)
		if (index >= e->index)
			return index - e->index < e->nr ? e->start + (index - e->index) : NO_BLOCK;
	return NO_BLOCK;
}

static struct disk_extent *take_free_extent(struct super_block *sb, unsigned long size)
{
	for (unsigned int c = class_index(size); c < EXTENT_CLASSES; c++) {
		struct disk_extent *e =
			list_first_entry_or_null(&sb->free_extents[c], struct disk_extent, list);

		if (e) {
			list_del(&e->list);
			return e;
		}
	}
	return NULL;
}

/* An extent of at least nr pages. ERR_PTR(-ENOMEM, -ENOSPC). */
static struct disk_extent *alloc_extent(struct quire *q, struct super_block *sb, unsigned long nr)
{
	unsigned long size = class_round(nr);
	struct disk_extent *e, *fresh = NULL;

	for (;;) {
		bool full;

		spin_lock(q, &sb->lock);
		/* What was used before comes first, if it fits exactly. */
		e = list_first_entry_or_null(&sb->free_extents[class_index(size)],
					     struct disk_extent, list);
		if (e)
			list_del(&e->list);
		full = sb->nr_blocks && sb->next_block + size > sb->nr_blocks;
		if (!e && full)
			e = take_free_extent(sb, size);
		if (!e && !full && fresh) {
			e = fresh;
			fresh = NULL;
			e->start = sb->next_block;
			e->nr = (u32)size;
			sb->next_block += size;
		}
		spin_unlock(q, &sb->lock);
		if (e || full || fresh)
			break;
		fresh = kmalloc(q, sizeof(*fresh), GFP_KERNEL);
		if (!fresh)
			return ERR_PTR(-ENOMEM);
	}
	if (fresh)
		kfree(q, fresh);
	return e ? e : ERR_PTR(-ENOSPC);
}

int inode_extend(struct quire *q, struct inode *inode, unsigned long nr_pages)
{
	const struct disk_extent *last =
		list_last_entry_or_null(&inode->i_extents, struct disk_extent, list);
	unsigned long have = last ? (unsigned long)last->index + last->nr : inode->i_fixed_pages;
	struct disk_extent *e;

	if (!inode->i_sb->bdi || nr_pages <= have)
		return 0;
	if (nr_pages >= 1UL << 30)
		return -EFBIG;
	/* Room to grow, and if there is none, what is needed. */
	e = alloc_extent(q, inode->i_sb, max(nr_pages - have, have));
	if (PTR_ERR(e) == -ENOSPC && nr_pages - have < have)
		e = alloc_extent(q, inode->i_sb, nr_pages - have);
	if (IS_ERR(e))
		return (int)PTR_ERR(e);
	e->index = (u32)have;
	if (!have)
		inode->disk_start = e->start;
	list_add_tail(&e->list, &inode->i_extents);
	return 0;
}

/* Gives back the extents that lie wholly at or behind page from. */
void inode_free_extents(struct quire *q, struct inode *inode, unsigned long from)
{
	struct super_block *sb = inode->i_sb;
	struct disk_extent *e;

	spin_lock(q, &sb->lock);
	while ((e = list_last_entry_or_null(&inode->i_extents, struct disk_extent, list)) &&
	       e->index >= from)
		list_move(&e->list, &sb->free_extents[class_index(e->nr)]);
	spin_unlock(q, &sb->lock);
}
