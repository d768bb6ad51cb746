/* SPDX-License-Identifier: MIT */
/*
 * vmalloc: contiguous kernel addresses over frames that are not.  A range of
 * the vmalloc area in a tree, a guard page behind it, the frames from the
 * buddy, mapped by the kernel's own page tables.  The model's core reaches the
 * bytes through vmalloc_page_address(); nothing runs at the address itself.
 */
#ifndef QUIRE_VMALLOC_VMALLOC_H
#define QUIRE_VMALLOC_VMALLOC_H

#include "page/pgtable.h"

#define VMALLOC_START 0xffffc90000000000UL
#define VMALLOC_END   0xffffe8ffffffffffUL

int vmalloc_init(struct quire *q);

/*
 * size_bytes, rounded up to pages, on node nid (-1: any).  Returns the kernel
 * virtual address, or 0.  __GFP_ZERO clears the bytes.  caller names the user in /proc/vmallocinfo (static
 * text).  May sleep.
 */
u64 vmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid,
		 const char *caller) __must_check;
void vfree(struct quire *q, u64 addr);
/* The frame's direct-map address of a byte of a vmalloc'ed range, or NULL. */
void *vmalloc_page_address(struct quire *q, u64 addr);
/* Pages in use by vmalloc (meminfo's VmallocUsed). */
unsigned long vmalloc_nr_pages(const struct quire *q);

/* Pages of the kernel's own page tables, the root with them: they count in
 * NR_PAGETABLE, but belong to no address space. */

/*
 * As vmalloc_node() of zero or more blocks of 2 MiB, each mapped by one entry,
 * where size_bytes is at least that and such blocks are to be had; else of pages.
 */
u64 vmalloc_huge(struct quire *q, size_t size_bytes, gfp_t gfp, const char *caller) __must_check;

/* nr pages of the caller's, one behind the other; vunmap() leaves them his.  The
 * address, or 0.  May sleep. */
u64 vmap(struct quire *q, struct page **pages, unsigned int nr, gfp_t gfp,
	 const char *caller) __must_check;
void vunmap(struct quire *q, u64 addr);

/* The same for a short time: up to 64 pages come from the CPU's own block of
 * addresses.  nr as it was mapped. */
u64 vm_map_ram(struct quire *q, struct page **pages, unsigned int nr, int nid) __must_check;
void vm_unmap_ram(struct quire *q, u64 addr, unsigned int nr);

/* Freed ranges may be used again: one flush for all of them.  Pages; the second
 * also those of blocks of which nothing is mapped. */
unsigned long purge_vmap_area_lazy(struct quire *q);
void vm_unmap_aliases(struct quire *q);

/*
 * kmalloc(), or where that has no block as large vmalloc().  What vmalloc gave
 * lies at kernel addresses that only vmalloc_page_address() leads from.
 */
void *kvmalloc(struct quire *q, size_t size_bytes, gfp_t gfp) __must_check;
void *kvmalloc_node(struct quire *q, size_t size_bytes, gfp_t gfp, int nid) __must_check;
void kvfree(struct quire *q, const void *p);
bool is_vmalloc_addr(const void *p);

#define VM_ALLOC    0x00000002u
#define VM_MAP	    0x00000004u
#define VM_MAP_RAM  0x10000000u /* a block of vm_map_ram()'s */
#define VM_UNPURGED 0x20000000u /* freed, not used again yet */

struct vm_struct {
	u64 addr;
	unsigned long size; /* with the guard page */
	unsigned int nr_pages;
	unsigned int page_order; /* 9: blocks of 2 MiB */
	unsigned int flags;
	const char *caller;
	struct page **pages; /* [nr_pages] */
};
/* In order of address, then those that wait; fn may not call vmalloc. */
void vmalloc_for_each(struct quire *q, void (*fn)(const struct vm_struct *vm, void *ctx),
		      void *ctx);

#endif
