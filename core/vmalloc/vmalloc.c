/* SPDX-License-Identifier: MIT */
/*
 * vmalloc (Linux's vmalloc.c).
 *
 * Every address of the vmalloc area is in one vmap_area: in the tree of free
 * ones or in the tree of busy ones.  The free tree is augmented with the
 * largest size below each node, so the lowest range that is large enough is
 * found in one walk down.  A range is cut from the low end of a free area, so
 * taking one never needs another object; giving one back merges it with its
 * free neighbours.
 *
 * Invariants (verify_vmalloc.c): the two trees together tile the area; no two
 * free areas touch; each page of a busy area but its guard page is mapped by
 * the kernel's tables to the frame in pages[], and no other entry exists.
 *
 * Locks: LOCK_VMALLOC for the trees; map_lock (sleeps) for the tables, which
 * may need memory.  Differs from Linux: a freed range is unmapped and may be
 * reused at once instead of being collected and purged lazily; pages[] is
 * always kmalloc'ed; frames are mapped by 4 KiB entries only.
 */
#include "vmalloc/vmap.h"

static inline u64 va_size(const struct vmap_area *va)
{
	return va->va_end - va->va_start;
}

RB_DECLARE_CALLBACKS_MAX(static, free_augment, struct vmap_area, rb_node, u64, subtree_max_size,
			 va_size);

_Static_assert(sizeof(struct vmap_area) <= SLAB_SIZE_vmap_area, "Linux's size");

/* ---- the trees: under v->lock ----------------------------------------------- */

static void insert_busy(struct vmalloc_floor *v, struct vmap_area *va)
{
	struct rb_node **link = &v->busy.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = &parent->rb_child[va->va_start >
					 rb_entry(parent, struct vmap_area, rb_node)->va_start];
	}
	rb_link_node(&va->rb_node, parent, link);
	rb_insert_color(&va->rb_node, &v->busy);
}

static struct vmap_area *find_busy(struct vmalloc_floor *v, u64 addr)
{
	struct rb_node *node = v->busy.rb_node;

	while (node) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);

		if (addr < va->va_start)
			node = node->rb_left;
		else if (addr >= va->va_end)
			node = node->rb_right;
		else
			return va;
	}
	return NULL;
}

static u64 subtree_max(const struct rb_node *node)
{
	return node ? rb_entry(node, struct vmap_area, rb_node)->subtree_max_size : 0;
}

/* The lowest free area of at least size bytes. */
static struct vmap_area *find_lowest_free(struct vmalloc_floor *v, u64 size)
{
	struct rb_node *node = v->free.rb_node;

	if (subtree_max(node) < size)
		return NULL;
	for (;;) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);

		if (subtree_max(node->rb_left) >= size)
			node = node->rb_left;
		else if (va_size(va) >= size)
			return va;
		else
			node = node->rb_right;
	}
}

/* Gives va the lowest free range of size bytes; false if there is none.
 * *spare is a free area that was used up, for the caller to free. */
static bool take_range(struct vmalloc_floor *v, struct vmap_area *va, u64 size,
		       struct vmap_area **spare)
{
	struct vmap_area *from = find_lowest_free(v, size);

	*spare = NULL;
	if (!from)
		return false;
	va->va_start = from->va_start;
	va->va_end = from->va_start + size;
	if (va_size(from) == size) {
		rb_erase_augmented(&from->rb_node, &v->free, &free_augment);
		*spare = from;
	} else {
		from->va_start += size;
		free_augment.propagate(&from->rb_node, NULL);
	}
	insert_busy(v, va);
	return true;
}

/* Puts va, in no tree, among the free ones, merged with its neighbours; up to
 * two objects become spare. */
static void give_range(struct vmalloc_floor *v, struct vmap_area *va, struct vmap_area *spare[2])
{
	struct rb_node **link = &v->free.rb_node, *parent = NULL, *node;
	struct vmap_area *next = NULL, *prev = NULL;

	spare[0] = spare[1] = NULL;
	while (*link) {
		struct vmap_area *at = rb_entry(*link, struct vmap_area, rb_node);
		bool right = va->va_start > at->va_start;

		parent = *link;
		link = &parent->rb_child[right];
		if (right)
			prev = at;
		else
			next = at;
	}
	if (prev && prev->va_end == va->va_start) {
		prev->va_end = va->va_end;
		spare[0] = va;
		va = prev;
		if (next && next->va_start == va->va_end) {
			rb_erase_augmented(&next->rb_node, &v->free, &free_augment);
			va->va_end = next->va_end;
			spare[1] = next;
		}
	} else if (next && next->va_start == va->va_end) {
		next->va_start = va->va_start;
		spare[0] = va;
		va = next;
	} else {
		va->subtree_max_size = va_size(va);
		rb_link_node(&va->rb_node, parent, link);
		for (node = parent; node; node = rb_parent(node)) {
			struct vmap_area *up = rb_entry(node, struct vmap_area, rb_node);

			up->subtree_max_size = max(up->subtree_max_size, va_size(va));
		}
		rb_insert_augmented(&va->rb_node, &v->free, &free_augment);
		return;
	}
	free_augment.propagate(&va->rb_node, NULL);
}

static void free_range(struct quire *q, struct vmap_area *va)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *spare[2];

	spin_lock(q, &v->lock);
	give_range(v, va, spare);
	spin_unlock(q, &v->lock);
	for (unsigned int i = 0; i < 2; i++)
		if (spare[i])
			kmem_cache_free(q, v->vmap_area_cachep, spare[i]);
}

static struct vmap_area *alloc_range(struct quire *q, u64 size, gfp_t gfp, int nid)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *va, *spare;
	bool found;

	va = kmem_cache_alloc_node(q, v->vmap_area_cachep, gfp & ~__GFP_ZERO, nid);
	if (!va)
		return NULL;
	spin_lock(q, &v->lock);
	found = take_range(v, va, size, &spare);
	spin_unlock(q, &v->lock);
	if (spare)
		kmem_cache_free(q, v->vmap_area_cachep, spare);
	if (found)
		return va;
	kmem_cache_free(q, v->vmap_area_cachep, va);
	return NULL;
}

/* ---- frames and tables ------------------------------------------------------ */

static void free_frames(struct quire *q, struct vmap_vm *vm)
{
	for (unsigned int i = 0; i < vm->vm.nr_pages; i++) {
		__ClearPageType(vm->pages[i], PG_vmalloc);
		__free_pages(q, vm->pages[i], 0);
	}
	(void)HOT_SUB(&q->vmalloc->nr_pages, vm->vm.nr_pages);
}

/* Fills pages[]; false, with nothing kept, if there is not enough. */
static bool alloc_frames(struct quire *q, struct vmap_vm *vm, unsigned int nr, gfp_t gfp, int nid)
{
	gfp_t page_gfp = gfp & ~__GFP_ZERO;

	vm->vm.nr_pages = 0;
	while (vm->vm.nr_pages < nr) {
		struct page *page = nid < 0 ? alloc_pages(q, page_gfp, 0)
					    : alloc_pages_node(q, (unsigned int)nid, page_gfp, 0);

		if (!page) {
			free_frames(q, vm);
			return false;
		}
		__SetPageType(page, PG_vmalloc);
		if (gfp & __GFP_ZERO)
			memset(page_address(q, page), 0, PAGE_SIZE);
		(void)HOT_ADD(&q->vmalloc->nr_pages, 1);
		vm->pages[vm->vm.nr_pages++] = page;
	}
	return true;
}

static void unmap_range(struct quire *q, u64 addr, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		pte_t *pte = pt_walk(q, q->vmalloc->root_pfn, addr + i * PAGE_SIZE, 1);

		if (pte && !pte_none(*pte))
			set_pte(q, pte, 0);
	}
}

static bool map_range(struct quire *q, struct vmap_vm *vm, gfp_t gfp)
{
	struct vmalloc_floor *v = q->vmalloc;
	pte_t *pte = NULL;
	unsigned int i;

	mutex_lock(q, &v->map_lock);
	for (i = 0; i < vm->vm.nr_pages; i++) {
		u64 addr = vm->vm.addr + i * PAGE_SIZE;
		unsigned int made = 0;

		/* One walk a table, not one a page. */
		if (!pte || !pt_index(addr, 1))
			pte = pt_walk_alloc(q, v->root_pfn, addr, 1, gfp & ~__GFP_ZERO, &made);
		else
			pte++;
		v->nr_tables += made;
		if (!pte)
			break;
		set_pte(q, pte,
			mk_pte(page_to_pfn(q, vm->pages[i]), _PAGE_PRESENT | _PAGE_RW |
								     _PAGE_GLOBAL | _PAGE_ACCESSED |
								     _PAGE_DIRTY | _PAGE_NX));
	}
	if (i < vm->vm.nr_pages)
		unmap_range(q, vm->vm.addr, i);
	mutex_unlock(q, &v->map_lock);
	return i == vm->vm.nr_pages;
}

static void unmap_locked(struct quire *q, struct vmap_vm *vm)
{
	mutex_lock(q, &q->vmalloc->map_lock);
	unmap_range(q, vm->vm.addr, vm->vm.nr_pages);
	mutex_unlock(q, &q->vmalloc->map_lock);
}

/* ---- the interface ---------------------------------------------------------- */

u64 vmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid, const char *caller)
{
	size_t nr = DIV_ROUND_UP(size_bytes, PAGE_SIZE);
	u64 size = (nr + 1) * PAGE_SIZE; /* the guard page */
	struct vmap_vm *vm;
	struct vmap_area *va;

	if (!nr || nr > q->max_pfn)
		return 0;
	vm = kmalloc_node(q, sizeof(*vm), gfp & ~__GFP_ZERO, nid);
	if (!vm)
		return 0;
	va = alloc_range(q, size, gfp, nid);
	if (!va)
		goto free_vm;
	vm->pages = kmalloc_node(q, nr * sizeof(struct page *), gfp & ~__GFP_ZERO, nid);
	if (!vm->pages)
		goto free_va;
	vm->vm = (struct vm_struct){.addr = va->va_start, .size = size, .caller = caller};
	if (!alloc_frames(q, vm, (unsigned int)nr, gfp, nid))
		goto free_array;
	if (!map_range(q, vm, gfp))
		goto free_frames;
	spin_lock(q, &q->vmalloc->lock);
	va->vm = vm;
	spin_unlock(q, &q->vmalloc->lock);
	return vm->vm.addr;

free_frames:
	free_frames(q, vm);
free_array:
	kfree(q, vm->pages);
free_va:
	spin_lock(q, &q->vmalloc->lock);
	rb_erase(&va->rb_node, &q->vmalloc->busy);
	spin_unlock(q, &q->vmalloc->lock);
	free_range(q, va);
free_vm:
	kfree(q, vm);
	return 0;
}

void vfree(struct quire *q, u64 addr)
{
	struct vmalloc_floor *v = q->vmalloc;
	struct vmap_area *va;
	struct vmap_vm *vm;

	if (!addr)
		return;
	spin_lock(q, &v->lock);
	va = find_busy(v, addr);
	BUG_ON(q, !va || va->va_start != addr || !va->vm); /* not from vmalloc */
	vm = va->vm;
	va->vm = NULL;
	spin_unlock(q, &v->lock);
	/* The range stays taken until nothing is mapped there any more. */
	unmap_locked(q, vm);
	spin_lock(q, &v->lock);
	rb_erase(&va->rb_node, &v->busy);
	spin_unlock(q, &v->lock);
	free_range(q, va);
	free_frames(q, vm);
	kfree(q, vm->pages);
	kfree(q, vm);
}

void *vmalloc_page_address(struct quire *q, u64 addr)
{
	pte_t *pte = pt_walk(q, q->vmalloc->root_pfn, addr, 1);

	if (!pte || !pte_present(*pte))
		return NULL;
	return (char *)pfn_to_virt(q, pte_pfn(*pte)) + (addr & ~PAGE_MASK);
}

unsigned long vmalloc_nr_pages(const struct quire *q)
{
	return HOT_LOAD(&q->vmalloc->nr_pages);
}

void vmalloc_for_each(struct quire *q, void (*fn)(const struct vm_struct *vm, void *ctx), void *ctx)
{
	struct vmalloc_floor *v = q->vmalloc;

	spin_lock(q, &v->lock);
	for (struct rb_node *node = rb_first(&v->busy); node; node = rb_next(node)) {
		struct vmap_area *va = rb_entry(node, struct vmap_area, rb_node);

		if (va->vm)
			fn(&va->vm->vm, ctx);
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
	v->root_pfn = page_to_pfn(q, root);
	v->nr_tables = 1;
	all->va_start = VMALLOC_START;
	all->va_end = VMALLOC_END + 1;
	give_range(v, all, spare);
	q->vmalloc = v;
	return 0;
}
