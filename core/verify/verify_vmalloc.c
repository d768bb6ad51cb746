/* SPDX-License-Identifier: MIT */
/*
 * vmalloc's invariants: busy and free ranges tile the area, free ones never
 * touch, the augmented tree tells the truth, each page of a range is mapped to
 * the frame in its array and nothing else is mapped, and the counters agree.
 */
#include "verify/verify.h"
#include "vmalloc/vmap.h"

struct vmap_counts {
	unsigned long own, mapped; /* pages of vmalloc's; all that entries map */
};

static void check_busy(struct verify *v, struct vmap_area *va, struct vmap_counts *nr)
{
	struct quire *q = v->q;
	struct vmap_vm *vm = va->vm;

	if (va->flags & VMAP_RAM)
		return;
	if (!vm) {
		broken(v, "vmalloc: the range at 0x%lx has no area", va->va_start);
		return;
	}
	if (vm->vm.addr != va->va_start || vm->vm.size != va->va_end - va->va_start ||
	    vm->vm.size != (vm->vm.nr_pages + 1UL) * PAGE_SIZE) {
		broken(v, "vmalloc: the range at 0x%lx is not its area's", va->va_start);
		return;
	}
	nr->mapped += vm->vm.nr_pages;
	if (vm->vm.flags & VM_ALLOC)
		nr->own += vm->vm.nr_pages;
	for (unsigned int i = 0; i < vm->vm.nr_pages; i++) {
		void *p = vmalloc_page_address(q, vm->vm.addr + i * PAGE_SIZE);

		if (p != page_address(q, vm->pages[i]))
			broken(v,
			       "vmalloc: page %u of the range at 0x%lx is not mapped to its frame",
			       i, va->va_start);
		/* What vmap() maps is its caller's. */
		if (!(vm->vm.flags & VM_ALLOC))
			continue;
		if (!PageType(vm->pages[i], PG_vmalloc) || page_ref_count(vm->pages[i]) != 1)
			broken(v,
			       "vmalloc: frame 0x%lx of the range at 0x%lx is not vmalloc's alone",
			       page_to_pfn(q, vm->pages[i]), va->va_start);
	}
}

/* Ranges that wait, without order: their sum must be the gaps between the others. */
static u64 check_waiting(struct verify *v)
{
	struct vmalloc_floor *f = v->q->vmalloc;
	unsigned long pages = 0;

	for (struct vmap_area *va = f->purge; va; va = va->next_purge)
		pages += (va->va_end - va->va_start) >> PAGE_SHIFT;
	if (pages != f->nr_lazy)
		broken(v, "vmalloc: %lu pages are counted as waiting, there are %lu", f->nr_lazy,
		       pages);
	return (u64)pages << PAGE_SHIFT;
}

/* Both trees in one pass by address. */
static void check_tiling(struct verify *v, struct vmap_counts *nr)
{
	struct vmalloc_floor *f = v->q->vmalloc;
	struct rb_node *busy = rb_first(&f->busy), *free = rb_first(&f->free);
	u64 at = VMALLOC_START, gaps = 0, waiting = check_waiting(v);
	bool was_free = false;

	while (busy || free) {
		struct vmap_area *b = rb_entry_safe(busy, struct vmap_area, rb_node);
		struct vmap_area *e = rb_entry_safe(free, struct vmap_area, rb_node);
		bool take_free = e && (!b || e->va_start < b->va_start);
		struct vmap_area *va = take_free ? e : b;

		if (va->va_start < at || va->va_end <= va->va_start) {
			broken(v, "vmalloc: a range begins at 0x%lx where 0x%lx was due",
			       va->va_start, at);
			return;
		}
		gaps += va->va_start - at;
		if (take_free && was_free && va->va_start == at)
			broken(v, "vmalloc: two free ranges touch at 0x%lx", va->va_start);
		was_free = take_free;
		at = va->va_end;
		if (take_free) {
			free = rb_next(free);
		} else {
			check_busy(v, va, nr);
			busy = rb_next(busy);
		}
	}
	if (at > VMALLOC_END + 1)
		broken(v, "vmalloc: the ranges end at 0x%lx", at);
	else if (gaps + (VMALLOC_END + 1 - at) != waiting)
		broken(v, "vmalloc: 0x%lx bytes are in no range, 0x%lx wait",
		       gaps + (VMALLOC_END + 1 - at), waiting);
}

/* The blocks of vm_map_ram(): each a busy range, its pages accounted for. */
static void check_blocks(struct verify *v, struct vmap_counts *nr)
{
	struct vmalloc_floor *f = v->q->vmalloc;
	struct vmap_block *vb;

	list_for_each_entry (vb, &f->blocks, list) {
		unsigned int mapped = 0;

		for (unsigned int i = 0; i < VMAP_BBMAP_BITS; i++)
			mapped += test_bit(i, vb->mapped);
		if (mapped + vb->free + vb->dirty > VMAP_BBMAP_BITS)
			broken(v,
			       "vmalloc: the block at 0x%lx has %u pages mapped, %u free, %u dirty",
			       vb->va->va_start, mapped, vb->free, vb->dirty);
		nr->mapped += mapped;
	}
}

static void check_augmented(struct verify *v)
{
	struct vmalloc_floor *f = v->q->vmalloc;

	if (!rb_validate(&f->busy) || !rb_validate(&f->free))
		broken(v, "vmalloc: a tree of ranges is not balanced");
	for (struct rb_node *node = rb_first(&f->free); node; node = rb_next(node)) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);
		u64 most = va->va_end - va->va_start;

		for (unsigned int i = 0; i < 2; i++)
			if (node->rb_child[i])
				most = max(most,
					   rb_entry(node->rb_child[i], struct vmap_area, rb_node)
						   ->subtree_max_size);
		if (most != va->subtree_max_size)
			broken(v,
			       "vmalloc: the largest free range at and below 0x%lx is 0x%lx, not "
			       "0x%lx",
			       va->va_start, most, va->subtree_max_size);
	}
}

/* Entries of the lowest tables, and tables with themselves. */
static unsigned long count_entries(struct quire *q, u64 pfn, int level, unsigned long *tables)
{
	pte_t *entries = pt_entries(q, pfn);
	unsigned long nr = 0;

	(*tables)++;
	for (unsigned int i = 0; i < PTRS_PER_TABLE; i++) {
		if (pte_none(entries[i]))
			continue;
		if (level == 2 && pmd_leaf(entries[i]))
			nr += PTRS_PER_TABLE;
		else
			nr += level == 1 ? 1
					 : count_entries(q, pte_pfn(entries[i]), level - 1, tables);
	}
	return nr;
}

void verify_vmalloc(struct verify *v)
{
	struct vmalloc_floor *f = v->q->vmalloc;
	struct vmap_counts nr = {0};
	unsigned long tables = 0, mapped;

	check_augmented(v);
	check_tiling(v, &nr);
	check_blocks(v, &nr);
	mapped = count_entries(v->q, f->root_pfn, v->q->page->pt_levels, &tables);
	if (nr.own != f->nr_pages)
		broken(v, "vmalloc: %lu pages are counted, the ranges have %lu", f->nr_pages,
		       nr.own);
	if (mapped != nr.mapped)
		broken(v, "vmalloc: %lu entries map %lu pages", mapped, nr.mapped);
	if (tables != f->nr_tables)
		broken(v, "vmalloc: %lu page tables are counted, there are %lu", f->nr_tables,
		       tables);
}
