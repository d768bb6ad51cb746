/* SPDX-License-Identifier: MIT */
/*
 * SLUB's own structures, for the files of slab/ and for the verifier.
 *
 * A slab is a block of pages cut into objects.  Its descriptor is the first
 * page's struct page: slab_cache, freelist (free objects that no CPU took),
 * objects, inuse (objects that are not on freelist) and frozen.
 *
 * Where a slab is:
 *	frozen, a CPU's slab	c->slab; the CPU's free objects are c->freelist
 *				and count as in use; others' frees go to
 *				page->freelist
 *	frozen, CPU partial	c->partial, chained by slab_next(); has free objects
 *	not frozen, partial	on node->partial
 *	not frozen, full	on no list; the first free finds it by address
 *
 * Locks: kmem_cache_cpu.lock guards that CPU's fields; kmem_cache_node's
 * list_lock guards the partial list and page->freelist, inuse and frozen of
 * every slab of that cache on that node (Linux changes these with one 16-byte
 * compare-and-exchange instead).  Order: list of caches, CPU, node, pages.
 */
#ifndef QUIRE_SLAB_SLUB_H
#define QUIRE_SLAB_SLUB_H

#include "base/bitmap.h"
#include "slab/shrinker.h"
#include "slab/slab.h"

#define SLUB_MAX_ORDER	   PAGE_ALLOC_COSTLY_ORDER
#define SLUB_MIN_PARTIAL   5
#define SLUB_MAX_PARTIAL   10
#define SLUB_MAX_OBJECTS   32767u
#define SHRINK_PROMOTE_MAX 32
#define SLAB_MAX_CHECKED   4096 /* objects of a slab that the verifier can tell apart */

#define KMALLOC_SHIFT_LOW  3
#define KMALLOC_SHIFT_HIGH (PAGE_SHIFT + 1)
/* Index 1 is 96 bytes, 2 is 192; else 2^index. */
enum kmalloc_cache_type {
	KMALLOC_NORMAL,
	KMALLOC_CGROUP,
	KMALLOC_RECLAIM,
	KMALLOC_DMA,
	NR_KMALLOC_TYPES,
};

/* What kmalloc(0) returns: not NULL, and nothing may be stored there. */
#define ZERO_SIZE_PTR	    ((void *)16)
#define ZERO_OR_NULL_PTR(p) ((unsigned long)(p) <= (unsigned long)ZERO_SIZE_PTR)

struct kmem_cache_cpu {
	void *freelist;		 /* free objects of slab, this CPU's alone */
	struct page *slab;	 /* NULL: none */
	struct page *partial;	 /* chained by slab_next() */
	unsigned int nr_partial; /* slabs on partial */
	struct spinlock lock;
} __cacheline_aligned;

struct kmem_cache_node {
	struct spinlock list_lock;
	struct list_head partial;
	unsigned long nr_partial;
	unsigned long nr_slabs;	     /* all, wherever they are */
	unsigned long total_objects; /* in them */
	/* The verifier's scratch: what it found. */
	u32 seen_slabs, seen_objects, seen_partial;
};

struct kmem_cache {
	struct kmem_cache_cpu *cpu_slab; /* [nr_cpus] */
	unsigned int flags;		 /* SLAB_* */
	unsigned int size;		 /* bytes from one object to the next */
	unsigned int object_size;	 /* bytes that the owner asked for */
	unsigned int offset;		 /* of the link in a free object */
	unsigned int align;
	unsigned int objects, min_objects; /* of a slab; of one of min_order */
	u8 order, min_order;
	bool unclaimed;	 /* of the boot table, and no floor has asked for it yet */
	bool owned_name; /* kmalloc'ed */
	gfp_t allocflags;
	unsigned int cpu_partial_slabs; /* the most that a CPU keeps */
	unsigned long min_partial;	/* empty slabs that a node keeps */
	void (*ctor)(void *);
	const char *name;
	struct list_head list;
	struct kmem_cache_node *node[]; /* [nr_nodes]; NULL: a node without memory */
};

struct slab_floor {
	struct list_head caches; /* newest first */
	struct spinlock list_lock;
	struct kmem_cache *kmem_cache, *kmem_cache_node;
	struct kmem_cache *kmalloc_caches[NR_KMALLOC_TYPES][KMALLOC_SHIFT_HIGH + 1];
	unsigned long large_pages[QUIRE_MAX_NODES]; /* of kmalloc above its caches */
	struct list_head shrinkers;
	struct spinlock shrinker_lock;
	/* Per-CPU parts: sets of nr_cpus, cut from pages; freed ones are chained. */
	void *pcpu_free;
	char *pcpu_next, *pcpu_end;
	unsigned long pcpu_pages;
};

static inline struct kmem_cache_cpu *this_cpu_slab(struct quire *q, struct kmem_cache *s)
{
	return &s->cpu_slab[smp_processor_id(q)];
}

static inline void *get_freepointer(const struct kmem_cache *s, const void *object)
{
	return *(void *const *)((const char *)object + s->offset);
}

static inline void set_freepointer(const struct kmem_cache *s, void *object, void *next)
{
	*(void **)((char *)object + s->offset) = next;
}

/*
 * The first page of the slab, or of kmalloc's block, that holds an address.  A
 * slab's first page is told by its flag, for the word that leads from a tail to
 * its head is a list link there, and others may be changing it.
 */
static inline struct page *virt_to_slab(const struct quire *q, const void *object)
{
	struct page *page = virt_to_page(q, object);

	return HOT_LOAD(&page->flags) & (BIT(PG_slab) | BIT(PG_head)) ? page : compound_head(page);
}

/* The slab behind a page of a CPU's partial chain; lru is free meanwhile. */
static inline struct page *slab_next(const struct page *page)
{
	return (struct page *)page->lru.next;
}

static inline void set_slab_next(struct page *page, struct page *next)
{
	page->lru.next = (struct list_head *)next;
}

static inline enum node_stat_item cache_vmstat_idx(const struct kmem_cache *s)
{
	return s->flags & SLAB_RECLAIM_ACCOUNT ? NR_SLAB_RECLAIMABLE : NR_SLAB_UNRECLAIMABLE;
}

/* slab/cache.c */
int calculate_order(unsigned int size, unsigned int nr_cpus);
/* A cache on the list of caches; name is static text. NULL: no memory. */
struct kmem_cache *create_cache(struct quire *q, const char *name, unsigned int size,
				unsigned int align, unsigned int flags, void (*ctor)(void *));

/* slab/slub.c */
/* A slab with all its objects free, counted, on no list.  May sleep. */
struct page *new_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid);
void discard_slab(struct quire *q, struct kmem_cache *s, struct page *page);
void add_partial(struct kmem_cache_node *n, struct page *page, bool tail);
/* Gives back what one CPU holds of a cache. */
void flush_cpu_slab(struct quire *q, struct kmem_cache *s, unsigned int cpu);

/* slab/kmalloc.c, slab/boot_caches.c */
int create_kmalloc_caches(struct quire *q);
int create_boot_caches(struct quire *q);

#endif
