/* SPDX-License-Identifier: MIT */
/*
 * Small ranges for a short time (Linux's vm_map_ram()): taking one from the tree
 * and flushing for it would cost more than what it is used for.
 *
 * Each CPU has a block of 4 MiB of addresses and hands out its pages in order,
 * rounded up to a power of two.  A page of a block is handed out once: what is
 * freed is unmapped and "dirty", and when all of the block is dirty the block
 * goes to be purged with the other ranges.  So addresses are never used again
 * before all CPUs have forgotten them.
 *
 * Lock: LOCK_VMALLOC for the blocks.
 */
#include "vmalloc/vmap.h"

static unsigned int rounded(unsigned int nr)
{
	return (unsigned int)roundup_pow_of_two(nr);
}

static struct vmap_block *new_vmap_block(struct quire *q, gfp_t gfp, int nid)
{
	struct vmap_block *vb = kzalloc(q, sizeof(*vb), gfp);

	if (!vb)
		return NULL;
	vb->va = alloc_vmap_area(q, VMAP_BBMAP_BITS * PAGE_SIZE, VMAP_BBMAP_BITS * PAGE_SIZE, gfp,
				 nid);
	if (!vb->va) {
		kfree(q, vb);
		return NULL;
	}
	vb->va->flags = VMAP_RAM;
	vb->free = VMAP_BBMAP_BITS;
	vb->cpu = smp_processor_id(q);
	vb->queued = true;
	spin_lock(q, &q->vmalloc->lock);
	list_add(&vb->list, &q->vmalloc->blocks);
	spin_unlock(q, &q->vmalloc->lock);
	return vb;
}

/* nr pages of a block of this CPU's; 0: none has room. */
static u64 take_from_block(struct quire *q, unsigned int nr)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_block *vb;
	u64 addr = 0;

	spin_lock(q, &v->lock);
	list_for_each_entry (vb, &v->blocks, list) {
		unsigned int at = VMAP_BBMAP_BITS - vb->free;

		if (!vb->queued || vb->cpu != smp_processor_id(q) || vb->free < rounded(nr))
			continue;
		for (unsigned int i = 0; i < nr; i++)
			__set_bit(at + i, vb->mapped);
		addr = vb->va->va_start + at * PAGE_SIZE;
		vb->free -= rounded(nr);
		if (!vb->free)
			vb->queued = false;
		break;
	}
	spin_unlock(q, &v->lock);
	return addr;
}

static struct vmap_block *find_block(struct vmalloc_floor *v, u64 addr)
{
	struct vmap_block *vb;

	list_for_each_entry (vb, &v->blocks, list)
		if (addr >= vb->va->va_start && addr < vb->va->va_end)
			return vb;
	return NULL;
}

static void free_in_block(struct quire *q, u64 addr, unsigned int nr)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_block *vb;
	unsigned int at;
	bool done;

	spin_lock(q, &v->lock);
	vb = find_block(v, addr);
	BUG_ON(q, !vb);
	at = (unsigned int)((addr - vb->va->va_start) >> PAGE_SHIFT);
	for (unsigned int i = 0; i < nr; i++) {
		BUG_ON(q, !test_bit(at + i, vb->mapped)); /* not mapped, or not so many */
		__clear_bit(at + i, vb->mapped);
	}
	vb->dirty += rounded(nr);
	/* The rest of one that is otherwise dirty is not worth keeping. */
	done = vb->dirty + (vb->queued ? 0 : vb->free) == VMAP_BBMAP_BITS;
	if (done)
		list_del(&vb->list);
	spin_unlock(q, &v->lock);
	if (!done)
		return;
	free_vmap_area_lazy(q, vb->va);
	kfree(q, vb);
}

u64 vm_map_ram(struct quire *q, struct page **pages, unsigned int nr, int nid)
{
	u64 addr;

	if (!nr)
		return 0;
	if (nr > VMAP_MAX_ALLOC)
		return vmap(q, pages, nr, GFP_KERNEL, "vm_map_ram");
	addr = take_from_block(q, nr);
	if (!addr) {
		if (!new_vmap_block(q, GFP_KERNEL, nid))
			return 0;
		addr = take_from_block(q, nr);
	}
	if (addr && !vmap_pages_range(q, addr, pages, nr, 0, GFP_KERNEL)) {
		free_in_block(q, addr, nr);
		return 0;
	}
	return addr;
}

void vm_unmap_ram(struct quire *q, u64 addr, unsigned int nr)
{
	if (nr > VMAP_MAX_ALLOC) {
		vunmap(q, addr);
		return;
	}
	vunmap_range(q, addr, nr);
	free_in_block(q, addr, nr);
}

/* Blocks of which nothing is mapped, whatever is left of them (Linux's
 * purge_fragmented_blocks()). */
void vm_unmap_aliases(struct quire *q)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_block *vb, *found;

	do {
		found = NULL;
		spin_lock(q, &v->lock);
		list_for_each_entry (vb, &v->blocks, list)
			if (vb->dirty && vb->free + vb->dirty == VMAP_BBMAP_BITS)
				found = vb;
		if (found)
			list_del(&found->list);
		spin_unlock(q, &v->lock);
		if (found) {
			free_vmap_area_lazy(q, found->va);
			kfree(q, found);
		}
	} while (found);
	(void)purge_vmap_area_lazy(q);
}
