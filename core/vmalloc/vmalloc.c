/* SPDX-License-Identifier: MIT */
/*
 * vmalloc (Linux's vmalloc.c): frames for a range of addresses, and the kernel's
 * page tables.  The ranges are vmap_area.c's, small ones vmap_block.c's.
 *
 * vmalloc_huge() takes blocks of 2 MiB where it can get them and maps each with
 * one entry; vmap() maps pages that the caller has.
 *
 * Invariants (verify_vmalloc.c): busy, free and waiting ranges tile the area; no
 * two free areas touch; each page of a busy area but its guard page is mapped by
 * the kernel's tables to the frame in pages[], and no other entry exists.
 *
 * Locks: map_lock (sleeps) for the tables, which may need memory; LOCK_VMALLOC
 * when the busy tree is walked.  Differs from Linux: pages[] is always
 * kmalloc'ed.
 */
#include "vmalloc/vmap.h"

#define PROT_KERNEL \
	(_PAGE_PRESENT | _PAGE_RW | _PAGE_GLOBAL | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_NX)

_Static_assert(sizeof(struct vmap_area) <= SLAB_SIZE_vmap_area, "Linux's size");

/* ---- frames and tables ------------------------------------------------------ */

static void free_frames(struct quire *q, struct vmap_vm *vm)
{
	for (unsigned int i = 0; i < vm->vm.nr_pages; i++) {
		__ClearPageType(vm->pages[i], PG_vmalloc);
		__free_pages(q, vm->pages[i], 0);
	}
	(void)HOT_SUB(&q->vmalloc->nr_pages, vm->vm.nr_pages);
}

/* 2^order frames behind one another; each is a page of its own. */
static struct page *alloc_block(struct quire *q, unsigned int order, gfp_t gfp, int nid)
{
	gfp_t page_gfp = gfp & ~__GFP_ZERO;
	struct page *page;

	/* A block of 2 MiB is worth a try, not a search. */
	if (order)
		page_gfp = (page_gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
	page = nid < 0 ? alloc_pages(q, page_gfp, order)
		       : alloc_pages_node(q, (unsigned int)nid, page_gfp, order);
	if (page && order)
		split_page(q, page, order);
	return page;
}

/* Fills pages[] with blocks of order; false, with nothing kept, if there is not
 * enough. */
static bool alloc_frames(struct quire *q, struct vmap_vm *vm, unsigned int nr, unsigned int order,
			 gfp_t gfp, int nid)
{
	vm->vm.nr_pages = 0;
	vm->vm.page_order = order;
	while (vm->vm.nr_pages < nr) {
		struct page *page = alloc_block(q, order, gfp, nid);

		if (!page) {
			free_frames(q, vm);
			return false;
		}
		if (gfp & __GFP_ZERO)
			memset(page_address(q, page), 0, PAGE_SIZE << order);
		(void)HOT_ADD(&q->vmalloc->nr_pages, 1UL << order);
		for (unsigned int i = 0; i < 1u << order; i++) {
			__SetPageType(page + i, PG_vmalloc);
			vm->pages[vm->vm.nr_pages++] = page + i;
		}
	}
	return true;
}

void vunmap_range(struct quire *q, u64 addr, unsigned int nr)
{
	u64 end = addr + nr * PAGE_SIZE;

	mutex_lock(q, &q->vmalloc->map_lock);
	while (addr < end) {
		pte_t *pmd = pt_walk(q, q->vmalloc->root_pfn, addr, 2);
		pte_t *pte;

		if (pmd && pmd_leaf(*pmd)) {
			set_pte(q, pmd, 0);
			addr += PMD_SIZE;
			continue;
		}
		pte = pt_walk(q, q->vmalloc->root_pfn, addr, 1);
		if (pte && !pte_none(*pte))
			set_pte(q, pte, 0);
		addr += PAGE_SIZE;
	}
	mutex_unlock(q, &q->vmalloc->map_lock);
}

/* A table of level 1 without entries may be where a huge entry is to go. */
static void drop_empty_table(struct quire *q, pte_t *pmd)
{
	struct page *table;

	if (pte_none(*pmd) || pmd_leaf(*pmd))
		return;
	table = pfn_to_page(q, pte_pfn(*pmd));
	if (table->private)
		return;
	set_pte(q, pmd, 0);
	pt_free(q, table);
	q->vmalloc->nr_tables--;
}

bool vmap_pages_range(struct quire *q, u64 start, struct page **pages, unsigned int nr,
		      unsigned int order, gfp_t gfp)
{
	struct vmalloc_floor *v = q->vmalloc;
	pte_t *pte = NULL;
	unsigned int i;

	gfp &= ~__GFP_ZERO;
	mutex_lock(q, &v->map_lock);
	for (i = 0; i < nr; i += 1u << order) {
		u64 addr = start + i * PAGE_SIZE;
		unsigned int made = 0;

		if (order) {
			pte = pt_walk_alloc(q, v->root_pfn, addr, 2, gfp, &made);
			if (pte)
				drop_empty_table(q, pte);
		} else if (!pte || !pt_index(addr, 1)) {
			/* One walk a table, not one a page. */
			pte = pt_walk_alloc(q, v->root_pfn, addr, 1, gfp, &made);
		} else {
			pte++;
		}
		v->nr_tables += made;
		if (!pte)
			break;
		set_pte(q, pte,
			mk_pte(page_to_pfn(q, pages[i]), PROT_KERNEL | (order ? _PAGE_PSE : 0)));
	}
	mutex_unlock(q, &v->map_lock);
	if (i < nr)
		vunmap_range(q, start, i);
	return i >= nr;
}

/* ---- the interface ---------------------------------------------------------- */

/* A range with its structure and room for nr pages in pages[]; NULL: no memory. */
static struct vmap_area *get_vm_area(struct quire *q, unsigned int nr, u64 align,
				     unsigned int flags, gfp_t gfp, int nid, const char *caller)
{
	u64 size = (nr + 1UL) * PAGE_SIZE; /* the guard page */
	struct vmap_vm *vm = kmalloc_node(q, sizeof(*vm), gfp & ~__GFP_ZERO, nid);
	struct vmap_area *va;

	if (!vm)
		return NULL;
	va = alloc_vmap_area(q, size, align, gfp, nid);
	if (!va)
		goto free_vm;
	vm->pages = kmalloc_node(q, nr * sizeof(struct page *), gfp & ~__GFP_ZERO, nid);
	if (!vm->pages)
		goto free_va;
	vm->vm = (struct vm_struct){.addr = va->va_start,
				    .size = size,
				    .caller = caller,
				    .flags = flags,
				    .pages = vm->pages};
	va->new_vm = vm;
	return va;

free_va:
	free_vmap_area_unused(q, va);
free_vm:
	kfree(q, vm);
	return NULL;
}

/* From now on it is seen by who walks the busy tree. */
static u64 show_vm(struct quire *q, struct vmap_area *va)
{
	u64 addr = va->va_start;

	spin_lock(q, &q->vmalloc->lock);
	va->vm = va->new_vm;
	spin_unlock(q, &q->vmalloc->lock);
	return addr;
}

static void drop_vm_area(struct quire *q, struct vmap_area *va, bool was_mapped)
{
	struct vmap_vm *vm = va->new_vm;

	if (was_mapped)
		free_vmap_area_lazy(q, va);
	else
		free_vmap_area_unused(q, va);
	kfree(q, vm->pages);
	kfree(q, vm);
}

static u64 __vmalloc(struct quire *q, unsigned int nr, unsigned int order, gfp_t gfp, int nid,
		     const char *caller)
{
	struct vmap_area *va =
		get_vm_area(q, nr, order ? PMD_SIZE : PAGE_SIZE, VM_ALLOC, gfp, nid, caller);
	struct vmap_vm *vm;

	if (!va)
		return 0;
	vm = va->new_vm;
	if (!alloc_frames(q, vm, nr, order, gfp, nid)) {
		drop_vm_area(q, va, false);
		return 0;
	}
	if (!vmap_pages_range(q, va->va_start, vm->pages, nr, order, gfp)) {
		free_frames(q, vm);
		drop_vm_area(q, va, true);
		return 0;
	}
	return show_vm(q, va);
}

u64 vmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid, const char *caller)
{
	size_t nr = DIV_ROUND_UP(size_bytes, PAGE_SIZE);

	if (!nr || nr > q->max_pfn)
		return 0;
	return __vmalloc(q, (unsigned int)nr, 0, gfp, nid, caller);
}

u64 vmalloc_huge(struct quire *q, size_t size_bytes, gfp_t gfp, const char *caller)
{
	size_t nr = DIV_ROUND_UP(size_bytes, PAGE_SIZE);
	u64 addr = 0;

	if (!nr || nr > q->max_pfn)
		return 0;
	if (size_bytes >= PMD_SIZE)
		addr = __vmalloc(q, (unsigned int)ALIGN(nr, (size_t)HPAGE_PMD_NR), HPAGE_PMD_ORDER,
				 gfp, -1, caller);
	return addr ? addr : __vmalloc(q, (unsigned int)nr, 0, gfp, -1, caller);
}

u64 vmap(struct quire *q, struct page **pages, unsigned int nr, gfp_t gfp, const char *caller)
{
	struct vmap_area *va;

	if (!nr || nr > q->max_pfn)
		return 0;
	va = get_vm_area(q, nr, PAGE_SIZE, VM_MAP, gfp, -1, caller);
	if (!va)
		return 0;
	memcpy(va->new_vm->pages, pages, nr * sizeof(*pages));
	va->new_vm->vm.nr_pages = nr;
	if (!vmap_pages_range(q, va->va_start, pages, nr, 0, gfp)) {
		drop_vm_area(q, va, true);
		return 0;
	}
	return show_vm(q, va);
}

/* Takes a range away from who has it; flags: what it must be. */
static struct vmap_area *take_vm(struct quire *q, u64 addr, unsigned int flags)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *va;

	spin_lock(q, &v->lock);
	va = find_busy(v, addr);
	BUG_ON(q, !va || va->va_start != addr || !va->vm ||
			  !(va->vm->vm.flags & flags)); /* not from vmalloc */
	va->new_vm = va->vm;
	va->vm = NULL;
	spin_unlock(q, &v->lock);
	return va;
}

void vfree(struct quire *q, u64 addr)
{
	struct vmap_area *va;
	struct vmap_vm *vm;

	if (!addr)
		return;
	va = take_vm(q, addr, VM_ALLOC);
	vm = va->new_vm;
	/* The range stays taken until nothing is mapped there any more. */
	vunmap_range(q, addr, vm->vm.nr_pages);
	free_frames(q, vm);
	drop_vm_area(q, va, true);
}

void vunmap(struct quire *q, u64 addr)
{
	struct vmap_area *va;

	if (!addr)
		return;
	va = take_vm(q, addr, VM_MAP);
	vunmap_range(q, addr, va->new_vm->vm.nr_pages);
	drop_vm_area(q, va, true);
}

void *vmalloc_page_address(struct quire *q, u64 addr)
{
	pte_t *pte = pt_walk(q, q->vmalloc->root_pfn, addr, 2);
	u64 mask = ~PAGE_MASK;

	if (pte && pmd_leaf(*pte))
		mask = PMD_SIZE - 1;
	else
		pte = pt_walk(q, q->vmalloc->root_pfn, addr, 1);
	if (!pte || !pte_present(*pte))
		return NULL;
	return (char *)pfn_to_virt(q, pte_pfn(*pte)) + (addr & mask);
}

unsigned long vmalloc_nr_pages(const struct quire *q)
{
	return HOT_LOAD(&q->vmalloc->nr_pages);
}

/* ---- kvmalloc ----------------------------------------------------------------- */

bool is_vmalloc_addr(const void *p)
{
	return (u64)(uintptr_t)p >= VMALLOC_START && (u64)(uintptr_t)p <= VMALLOC_END;
}

void *kvmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid)
{
	gfp_t kmalloc_gfp = gfp;
	void *p;

	/* Where vmalloc can do it nobody needs to try hard. */
	if (size_bytes > PAGE_SIZE)
		kmalloc_gfp = (gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
	p = kmalloc_node(q, size_bytes, kmalloc_gfp, nid);
	if (p || size_bytes <= PAGE_SIZE || !gfpflags_allow_blocking(gfp))
		return p;
	return (void *)(uintptr_t)vmalloc_node(q, size_bytes, gfp, nid, "kvmalloc_node");
}

void *kvmalloc(struct quire *q, size_t size_bytes, gfp_t gfp)
{
	return kvmalloc_node(q, size_bytes, gfp, -1);
}

void kvfree(struct quire *q, const void *p)
{
	if (is_vmalloc_addr(p))
		vfree(q, (u64)(uintptr_t)p);
	else
		kfree(q, p);
}

/* ---- what is shown --------------------------------------------------------------- */

void vmalloc_for_each(struct quire *q, void (*fn)(const struct vm_struct *vm, void *ctx), void *ctx)
{
	struct vmalloc_floor *v = q->vmalloc;

	spin_lock(q, &v->lock);
	for (struct rb_node *node = rb_first(&v->busy); node; node = rb_next(node)) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);
		struct vm_struct block = {.addr = va->va_start,
					  .size = va->va_end - va->va_start,
					  .flags = VM_MAP_RAM};

		if (va->flags & VMAP_RAM)
			fn(&block, ctx);
		else if (va->vm)
			fn(&va->vm->vm, ctx);
	}
	for (struct vmap_area *va = v->purge; va; va = va->next_purge) {
		struct vm_struct waits = {.addr = va->va_start,
					  .size = va->va_end - va->va_start,
					  .flags = VM_UNPURGED};

		fn(&waits, ctx);
	}
	spin_unlock(q, &v->lock);
}

int vmalloc_init(struct quire *q)
{
	struct vmalloc_floor *v = kzalloc(q, sizeof(*v), GFP_KERNEL);
	struct vmap_area *all, *spare[2];
	struct page *root;

	if (!v)
		return -ENOMEM;
	v->vmap_area_cachep =
		kmem_cache_create(q, "vmap_area", SLAB_SIZE_vmap_area, 0, SLAB_PANIC, NULL);
	if (!v->vmap_area_cachep)
		return -ENOMEM;
	root = pt_alloc_root(q, GFP_KERNEL, true);
	all = kmem_cache_zalloc(q, v->vmap_area_cachep, GFP_KERNEL);
	if (!root || !all)
		return -ENOMEM;
	spin_lock_init(&v->lock, LOCK_VMALLOC);
	mutex_init(&v->map_lock);
	INIT_LIST_HEAD(&v->blocks);
	v->root_pfn = page_to_pfn(q, root);
	v->nr_tables = 1;
	all->va_start = VMALLOC_START;
	all->va_end = VMALLOC_END + 1;
	give_range(v, all, spare);
	q->vmalloc = v;
	return 0;
}
