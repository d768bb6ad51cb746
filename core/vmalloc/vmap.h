/* SPDX-License-Identifier: MIT */
/*
 * vmalloc's own structures, for vmalloc.c and the verifier.
 */
#ifndef QUIRE_VMALLOC_VMAP_H
#define QUIRE_VMALLOC_VMAP_H

#include "base/rbtree.h"
#include "slab/slab.h"
#include "vmalloc/vmalloc.h"

/* One vmalloc'ed range; kmalloc'ed. */
struct vmap_vm {
	struct vm_struct vm;
	struct page **pages; /* [vm.nr_pages] */
};

/* A range of addresses, busy or free. */
struct vmap_area {
	u64 va_start, va_end;
	struct rb_node rb_node; /* by va_start */
	u64 subtree_max_size;	/* free: the largest in its subtree, bytes */
	struct vmap_vm *vm;	/* busy: NULL while it is being made or unmade */
};

struct vmalloc_floor {
	struct spinlock lock;
	struct rb_root busy, free;
	struct mutex map_lock;
	u64 root_pfn; /* of the kernel's page tables */
	unsigned long nr_tables;
	unsigned long nr_pages; /* frames of all ranges */
	struct kmem_cache *vmap_area_cachep;
};

#endif
