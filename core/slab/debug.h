/* SPDX-License-Identifier: MIT */
/*
 * Debugging of caches: the patterns, what is kept of who used an object, and
 * how reports are written.  The checks are debug.c's, the texts report.c's.
 */
#ifndef QUIRE_SLAB_DEBUG_H
#define QUIRE_SLAB_DEBUG_H

#include "slab/slub.h"

#define SLUB_RED_INACTIVE 0xbb
#define SLUB_RED_ACTIVE	  0xcc
#define POISON_INUSE	  0x5a /* metadata's padding, the rest of a slab */
#define POISON_FREE	  0x6b
#define POISON_END	  0xa5

#define TRACK_ADDRS_COUNT 16

enum track_item { TRACK_ALLOC, TRACK_FREE };

/* Who allocated or freed an object. */
struct track {
	unsigned long addr; /* the caller */
	u32 handle;	    /* of its stack in the depot; 0: none */
	int cpu;
	int pid;
	u64 when; /* ns */
};

_Static_assert(sizeof(struct track) == 32, "Linux's size");

static inline bool slub_debug_orig_size(const struct kmem_cache *s)
{
	return (s->flags & (SLAB_STORE_USER | SLAB_KMALLOC)) == (SLAB_STORE_USER | SLAB_KMALLOC);
}

static inline bool freeptr_outside_object(const struct kmem_cache *s)
{
	return s->offset >= s->inuse;
}

/* Where the link, or without one the object, ends: the tracks begin there. */
static inline unsigned int get_info_end(const struct kmem_cache *s)
{
	return freeptr_outside_object(s) ? s->inuse + (unsigned int)sizeof(void *) : s->inuse;
}

static inline struct track *get_track(const struct kmem_cache *s, const void *object,
				      enum track_item item)
{
	return (struct track *)((char *)(unsigned long)object + get_info_end(s)) + item;
}

/* Bytes of an object with all that lies behind it, but for the red zone before the next. */
static inline unsigned int size_from_object(const struct kmem_cache *s)
{
	return s->size - s->red_left_pad;
}

/* Where the kernel sees it: the direct map of x86-64 without KASLR. */
#define PAGE_OFFSET_BASE 0xffff888000000000UL
#define VMEMMAP_BASE	 0xffffea0000000000UL
static inline unsigned long slab_kaddr(const struct quire *q, const void *p)
{
	return p ? PAGE_OFFSET_BASE + (unsigned long)((const char *)p - q->physmap) : 0;
}

/* slab/report.c: the log's lines, as Linux 6.1 writes them. */
void slab_bug(struct quire *q, const char *name, const char *fmt, ...) __printf(3, 4);
void slab_fix(struct quire *q, const struct kmem_cache *s, const char *fmt, ...) __printf(3, 4);
void slab_err(struct quire *q, struct kmem_cache *s, struct page *page, const char *fmt, ...)
	__printf(4, 5);
void object_err(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
		const char *reason);
void print_trailer(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
void print_tracking(struct quire *q, struct kmem_cache *s, void *object);
void print_section(struct quire *q, const char *title, const void *from, size_t len);
void print_slab_info(struct quire *q, const struct page *page);
void slab_dump_stack(struct quire *q);
void slab_symbol(struct quire *q, unsigned long entry, char *buf, size_t cap);
void print_stack_handle(struct quire *q, u32 handle);

/* slab/traces.c: who allocated (or freed last) the objects of a cache, most first,
 * as /sys/kernel/debug/slab/X/alloc_traces shows.  0 or -ENOMEM. */
struct text;
int slab_show_traces(struct quire *q, struct kmem_cache *s, enum track_item item, struct text *t);

/* slab/stack_depot.c: each call chain once, named by a number. */
int stack_depot_init(struct quire *q);
u32 stack_depot_save(struct quire *q, const uintptr_t *entries, unsigned int nr);
unsigned int stack_depot_fetch(struct quire *q, u32 handle, const uintptr_t **entries);
/* The running call chain; 0: the port knows none. */
u32 stack_depot_here(struct quire *q);

#endif
