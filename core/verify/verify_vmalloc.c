/* SPDX-License-Identifier: MIT */
/*
 * vmalloc's invariants: busy and free ranges tile the area, free ones never
 * touch, the augmented tree tells the truth, each page of a range is mapped to
 * the frame in its array and nothing else is mapped, and the counters agree.
 */
#include "verify/verify.h"
#include "vmalloc/vmap.h"

static void check_busy(struct verify *v, struct vmap_area *va, unsigned long *nr_pages)
{
	struct quire *q = v->q;
	struct vmap_vm *vm = va->vm;

	if (!vm) {
		broken(v, "vmalloc: the range at 0x%lx has no area", va->va_start);
		return;
	}
	if (vm->vm.addr != va->va_start || vm->vm.size != va->va_end - va->va_start ||
	    vm->vm.size != (vm->vm.nr_pages + 1UL) * PAGE_SIZE) {
		broken(v, "vmalloc: the range at 0x%lx is not its area's", va->va_start);
		return;
	}
	*nr_pages += vm->vm.nr_pages;
	for (unsigned int i = 0; i < vm->vm.nr_pages; i++) {
		pte_t *pte = pt_walk(q, q->vmalloc->root_pfn, vm->vm.addr + i * PAGE_SIZE, 1);

		if (!pte || !pte_present(*pte) || pte_pfn(*pte) != page_to_pfn(q, vm->pages[i]))
			broken(v,
			       "vmalloc: page %u of the range at 0x%lx is not mapped to its frame",
			       i, va->va_start);
		if (!PageType(vm->pages[i], PG_vmalloc) || page_ref_count(vm->pages[i]) != 1)
			broken(v,
			       "vmalloc: frame 0x%lx of the range at 0x%lx is not vmalloc's alone",
			       page_to_pfn(q, vm->pages[i]), va->va_start);
	}
}

/* Both trees in one pass by address. */
static void check_tiling(struct verify *v, unsigned long *nr_pages)
{
	struct vmalloc_floor *f = v->q->vmalloc;
	struct rb_node *busy = rb_first(&f->busy), *free = rb_first(&f->free);
	u64 at = VMALLOC_START;
	bool was_free = false;

	while (busy || free) {
		struct vmap_area *b = rb_entry_safe(busy, struct vmap_area, rb_node);
		struct vmap_area *e = rb_entry_safe(free, struct vmap_area, rb_node);
		bool take_free = e && (!b || e->va_start < b->va_start);
		struct vmap_area *va = take_free ? e : b;

		if (va->va_start != at || va->va_end <= va->va_start) {
			broken(v, "vmalloc: a range begins at 0x%lx where 0x%lx was due",
			       va->va_start, at);
			return;
		}
		if (take_free && was_free)
			broken(v, "vmalloc: two free ranges touch at 0x%lx", va->va_start);
		was_free = take_free;
		at = va->va_end;
		if (take_free) {
			free = rb_next(free);
		} else {
			check_busy(v, va, nr_pages);
			busy = rb_next(busy);
		}
	}
	if (at != VMALLOC_END + 1)
		broken(v, "vmalloc: the ranges end at 0x%lx", at);
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
		nr += level == 1 ? 1 : count_entries(q, pte_pfn(entries[i]), level - 1, tables);
	}
	return nr;
}

void verify_vmalloc(struct verify *v)
{
	struct vmalloc_floor *f = v->q->vmalloc;
	unsigned long nr_pages = 0, tables = 0, mapped;

	check_augmented(v);
	check_tiling(v, &nr_pages);
	mapped = count_entries(v->q, f->root_pfn, PT_LEVELS, &tables);
	if (nr_pages != f->nr_pages)
		broken(v, "vmalloc: %lu pages are counted, the ranges have %lu", f->nr_pages,
		       nr_pages);
	if (mapped != nr_pages)
		broken(v, "vmalloc: %lu entries map %lu pages", mapped, nr_pages);
	if (tables != f->nr_tables)
		broken(v, "vmalloc: %lu page tables are counted, there are %lu", f->nr_tables,
		       tables);
}
