/* SPDX-License-Identifier: MIT */
/*
 * What the files of the malloc share.
 *
 * There is one heap a process: an instance's lower floors (nodes, pages, slab)
 * on reserved address space, booted by the first call.  A request goes
 *
 *	up to 32 KiB	to the cache of its size class (heap_classes[]), by the
 *			running CPU's array of objects (slab/sheaf.h);
 *	up to 4 MiB	to the page allocator: a block of pages;
 *	above		to mmap(), with a header in front (large.c).
 *
 * The common case is in malloc.c and touches no lock, no atomic and no function
 * of the core.  Everything else enters the core through the gate (heap.c), which
 * fork() closes: so the child finds every lock of the core open.
 *
 * Nothing here may call what may call malloc(): no stdio, no pthread key.
 */
#ifndef QUIRE_MALLOC_INTERNAL_H
#define QUIRE_MALLOC_INTERNAL_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "port/host/internal.h"
#include "slab/sheaf_alloc.h"

/* Tests link the functions beside libc's, under names of their own. */
#ifdef QUIRE_MALLOC_PREFIX
#define API(name) quire_malloc_##name
#else
#define API(name) name
#endif
#define EXPORT __attribute__((visibility("default")))

#define NR_CLASSES	41u
#define MAX_CLASS_BYTES 32768u
#define MAX_BLOCK_BYTES (PAGE_SIZE << (MAX_ORDER - 1))
#define MIN_ALIGN	16u

struct heap {
	struct host host; /* its .hot is what the fast path reads */
	struct quire q;
	struct quire_config cfg;
	struct kmem_cache *caches[NR_CLASSES];
	/* What all classes' stacks have in common: id's is at .lists + (id << SHEAF_SHIFT). */
	struct quire_host_stack stacks;
	u64 first_page;	  /* number of frame 0's page, in the address space */
	u64 ids_at;	  /* slab_ids, less that */
	u32 id_room[256]; /* by hot_slab_id(); id 0: what is no object takes the slow way */
	u8 id_class[256], class_id[NR_CLASSES];
	/* The id by size, by 8 bytes and by 256; 0 until the heap is there. */
	u8 id_small[1024 / 8 + 1], id_large[MAX_CLASS_BYTES / 256 + 1];
	char *start; /* where its memory begins, and how much it is */
	u64 bytes;
	int state; /* HEAP_* */
	/* Statistics; changed in slow paths only, atomically. */
	u64 block_bytes, mapped_bytes, nr_mapped;
	u64 given_back; /* pages, ever */
	/* Pages (trim.c). */
	u64 used_pages;	 /* of slabs and blocks */
	u64 peak_pages;	 /* the most that they ever were, about */
	u64 dirty_pages; /* free, but the system has not got them back */
	u64 *dirty;	 /* a bit a frame */
	u64 *gone;	 /* a bit a frame: given back, and not used since */
	u64 regretted;	 /* pages that were given back and then used again */
	u8 *huge;	 /* by 2 MiB: the system was asked for large pages there */
	u64 trim_slack;	 /* mallopt(M_TRIM_THRESHOLD), in pages */
};

enum { HEAP_NONE, HEAP_BOOTING, HEAP_READY, HEAP_FAILED };

extern struct heap heap __attribute__((visibility("hidden")));
extern const u32 heap_class_bytes[NR_CLASSES];

/* The class that holds size bytes, 0 < size <= MAX_CLASS_BYTES. */
extern u8 heap_class_small[1024 / 8 + 1], heap_class_large[MAX_CLASS_BYTES / 256 + 1];
static inline unsigned int heap_class(size_t size)
{
	return size <= 1024 ? heap_class_small[(size + 7) / 8]
			    : heap_class_large[(size + 255) / 256];
}

/* The last object of the running CPU's stack, and back; false: take the slow way. */
static inline __attribute__((always_inline)) bool heap_try_pop(u64 id, u64 *object)
{
	return likely(quire_host_stack_pop_at(&heap.stacks, id << SHEAF_SHIFT, &heap.id_room[id],
					      object));
}

static inline __attribute__((always_inline)) bool heap_try_push(u64 id, void *object)
{
	return likely(quire_host_stack_push_at(&heap.stacks, id << SHEAF_SHIFT, &heap.id_room[id],
					       (u64)object));
}

/* heap.c.  The heap, booted on first use; false: it can't be, or it is this
 * thread that boots it. */
bool heap_ready(void);
/* Every entry to the core lies between these. */
void heap_enter(void);
void heap_leave(void);
/* True if p lies in the heap. */
static inline bool heap_owns(const void *p)
{
	return (u64)((const char *)p - heap.start) < heap.bytes;
}
/* state.c: says where all this lies, for quire attach. */
void heap_publish(void);
void heap_die(const char *message) __attribute__((noreturn));

/* inner.c: for callers below the heap, and while it boots; never given back. */
void *inner_alloc(size_t size, size_t align);
bool inner_owns(const void *p);
size_t inner_size(const void *p);

/* large.c: all with size > 0; align a power of two.  *zeroed: it reads as 0. */
void *large_alloc(size_t size, size_t align, bool *zeroed);
void large_free(void *p);
size_t large_size(const void *p);
/* In place, or moved without a copy; NULL: neither. */
void *large_resize(void *p, size_t size);

/* trim.c */
/* The slab's or a block's frames are in use, or free again. */
void trim_frames(struct quire_hot *hot, u64 pfn, u64 nr, bool used);
/* Gives memory back if too much of it lies idle. */
void trim_if_due(void);
/* All but keep pages of it; true if there was any. */
bool trim_now(u64 keep);

#endif
