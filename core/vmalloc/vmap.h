/* SPDX-License-Identifier: MIT */
/*
 * vmalloc's own structures, for the files of vmalloc/ and the verifier.
 */
#ifndef QUIRE_VMALLOC_VMAP_H
#define QUIRE_VMALLOC_VMAP_H

#include "base/bitmap.h"
#include "base/rbtree.h"
#include "slab/slab.h"
#include "vmalloc/vmalloc.h"

/* One vmalloc'ed range; kmalloc'ed. */
struct vmap_vm {
	struct vm_struct vm;
	struct page **pages; /* [vm.nr_pages] */
};

#define VMAP_RAM 0x1 /* a block of vm_map_ram()'s */

/* A range of addresses: busy, free, or waiting to be purged. */
struct vmap_area {
	u64 va_start, va_end;
	struct rb_node rb_node; /* by va_start */
	union {
		u64 subtree_max_size;	      /* free: the largest in its subtree, bytes */
		struct vmap_vm *new_vm;	      /* busy: its structure, seen or not */
		struct vmap_area *next_purge; /* waiting */
	};
	struct vmap_vm *vm; /* busy: NULL while it is being made or unmade */
	unsigned long flags;
};

#define VMAP_BBMAP_BITS 1024 /* pages of a block */
#define VMAP_MAX_ALLOC	64   /* pages that come from blocks */

/* A range of 4 MiB that one CPU hands out in small pieces, each page once. */
struct vmap_block {
	struct list_head list; /* all of them */
	struct vmap_area *va;
	unsigned int cpu;
	unsigned int free, dirty; /* pages not handed out yet; handed out and freed */
	bool queued;		  /* its CPU takes from it */
	unsigned long mapped[VMAP_BBMAP_BITS / BITS_PER_LONG];
};

struct vmalloc_floor {
	struct spinlock lock;
	struct rb_root busy, free;
	struct vmap_area *purge; /* freed ranges, chained by next_purge */
	unsigned long nr_lazy;	 /* pages of those */
	unsigned long nr_flushes;
	struct list_head blocks; /* of vm_map_ram(), newest first */
	struct mutex map_lock;
	u64 root_pfn; /* of the kernel's page tables */
	unsigned long nr_tables;
	unsigned long nr_pages; /* frames of all ranges */
	struct kmem_cache *vmap_area_cachep;
};

/* vmalloc/vmap_area.c; insert_busy(), find_busy() and give_range() under v->lock. */
void insert_busy(struct vmalloc_floor *v, struct vmap_area *va);
struct vmap_area *find_busy(struct vmalloc_floor *v, u64 addr);
void give_range(struct vmalloc_floor *v, struct vmap_area *va, struct vmap_area *spare[2]);
struct vmap_area *alloc_vmap_area(struct quire *q, u64 size, u64 align, gfp_t gfp, int nid);
void free_vmap_area_lazy(struct quire *q, struct vmap_area *va);
void free_vmap_area_unused(struct quire *q, struct vmap_area *va);

/* vmalloc/vmalloc.c: entries for nr pages, of blocks of 2^order; false: no memory
 * for tables, nothing is mapped. */
bool vmap_pages_range(struct quire *q, u64 start, struct page **pages, unsigned int nr,
		      unsigned int order, gfp_t gfp);
void vunmap_range(struct quire *q, u64 addr, unsigned int nr);

#endif
