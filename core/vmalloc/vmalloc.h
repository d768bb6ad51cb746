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

struct vm_struct {
	u64 addr;
	unsigned long size; /* with the guard page */
	unsigned int nr_pages;
	const char *caller;
};
/* In order of address; fn may not call vmalloc. */
void vmalloc_for_each(struct quire *q, void (*fn)(const struct vm_struct *vm, void *ctx),
		      void *ctx);

#endif
