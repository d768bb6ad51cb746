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
#include "slab/rcu.h"
#include "slab/sheaf.h"
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
#if HOT_PERCPU
	/* The CPUs' arrays; .id: hot_slab_id() of its slabs, or NO_SHEAVES.  First, and all
	 * that the fast path reads (<quire/host_slab.h>). */
	struct quire_host_stack fast;
#endif
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
	unsigned int inuse;	   /* bytes up to the metadata of debugging */
	unsigned int red_left_pad; /* bytes before the object that nobody may write */
	unsigned int useroffset, usersize;
	unsigned int cpu_partial; /* objects, as sysfs shows it */
	int refcount;		  /* owners, of merged caches several; -1: the first two */
	unsigned long live;	  /* SLOB: objects handed out */
	unsigned long random;	  /* what links are scrambled with; 0: plain */
	u16 *random_seq;	  /* [objects]: the order of a new slab's; NULL: by address */
	struct list_head *full;	  /* [nr_nodes]: full slabs, with SLAB_STORE_USER */
	unsigned int asked_flags, asked_align; /* by its owner, before debugging's */
	struct slab_own *own; /* of the SLAB: its arrays and colours (slab_array.h) */
#if HOT_PERCPU
	struct cache_sheaves sheaves;
#endif
	struct kmem_cache_node *node[]; /* [nr_nodes]; NULL: a node without memory */
};

/* A further name of a cache that others were merged into. */
struct slab_alias {
	struct list_head list;
	struct kmem_cache *s;
	bool unclaimed;
	char name[];
};

/* What debugging wants to know of who runs; filled by the floor of tasks. */
struct slab_task_ops {
	void (*current_task)(struct quire *q, int *pid, const char **comm);
};

struct stack_depot;
struct kfence;
struct slob;
struct slab_memcg_ops;

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

	const struct slab_impl *impl;
	bool up;		  /* kmalloc() works */
	struct list_head aliases; /* of merged caches, under list_lock */
	unsigned int debug_flags; /* of any cache: some are debugged */
	unsigned long nr_reports; /* BUG lines written since boot */
	unsigned long nr_shuffles;
	struct spinlock full_lock; /* lists of full slabs are cut from pages, too */
	struct list_head *full_free, *full_next, *full_end;
	struct slab_task_ops task_ops;
	struct stack_depot *depot;
	struct slab_rcu rcu;
	struct kfence *kfence;
	struct slob *slob;
	void *meta_free[6];			/* of the SLAB's parts, by size: slab/meta.c */
	const struct slab_memcg_ops *memcg_ops; /* NULL: objects are not charged */
	/* A fault point for caches with SLAB_FAILSLAB: true makes it fail. */
	bool (*fail_slab)(struct quire *q, struct kmem_cache *s, gfp_t gfp, void *ctx);
	void *fail_slab_ctx;
#if HOT_PERCPU
	struct kmem_cache *sheaf_caches[NR_SHEAF_SIZES];
	u32 sheaf_base; /* of the CPUs' arrays of all caches: hot_percpu_alloc() */
	struct kmem_cache *sheaved[NR_SHEAVED_CACHES + 1]; /* by sheaf_id */
#endif
};

static inline struct kmem_cache_cpu *this_cpu_slab(struct quire *q, struct kmem_cache *s)
{
	return &s->cpu_slab[smp_processor_id(q)];
}

/* With hardening on, a link is scrambled with a secret of its cache and with its
 * own place, so that who overwrites one can't choose where it leads. */
static inline void *freelist_ptr(const struct kmem_cache *s, const void *ptr, const void *at)
{
	if (likely(!s->random))
		return (void *)(unsigned long)ptr;
	return (void *)((unsigned long)ptr ^ s->random ^ __builtin_bswap64((unsigned long)at));
}

static inline void *get_freepointer(const struct kmem_cache *s, const void *object)
{
	const char *at = (const char *)object + s->offset;

	return freelist_ptr(s, *(void *const *)at, at);
}

static inline void set_freepointer(const struct kmem_cache *s, void *object, void *next)
{
	char *at = (char *)object + s->offset;

	*(void **)at = freelist_ptr(s, next, at);
}

static inline bool kmem_cache_debug(const struct kmem_cache *s)
{
	return unlikely(s->flags & SLAB_DEBUG_FLAGS);
}

#define _RET_IP_ ((unsigned long)__builtin_return_address(0))

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

static inline struct kmem_cache_node *slab_node(struct kmem_cache *s, const struct page *page)
{
	return s->node[page_to_nid(page)];
}

/* slab/cache.c, slab/layout.c */
int calculate_order(unsigned int size, unsigned int nr_cpus);
/* Lays out the objects of a cache. 0 or -EINVAL. */
int calculate_sizes(struct quire *q, struct kmem_cache *s, unsigned int object_size,
		    unsigned int align, unsigned int flags, void (*ctor)(void *));
unsigned int calculate_alignment(unsigned int flags, unsigned int align, unsigned int size);
/* The flags of debugging that slub_debug= asks for. */
unsigned int kmem_cache_debug_flags(struct quire *q, const char *name, unsigned int flags,
				    unsigned int object_size);
/* What sysfs writes: 0, -EINVAL. */
int set_cpu_partial(struct kmem_cache *s, unsigned int objects);
/* Sets or clears one of SLAB_DEBUG_FLAGS; those that change the layout only while
 * the cache has no slabs: 0, -EBUSY. */
int kmem_cache_set_debug(struct quire *q, struct kmem_cache *s, unsigned int flag, bool on);
/* A cache on the list of caches; name is static text. NULL: no memory. */
struct kmem_cache *create_cache(struct quire *q, const char *name, unsigned int size,
				unsigned int align, unsigned int flags, void (*ctor)(void *));
bool slab_unmergeable(struct quire *q, const struct kmem_cache *s);
/* ":A-0000192": the directory of a cache that others may be merged into; its
 * names are links to it. */
void slab_unique_id(const struct kmem_cache *s, char *buf, size_t cap);

/* slab/slub.c */
/* A slab with all its objects free, counted, on no list.  May sleep. */
struct page *new_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid);
void discard_slab(struct quire *q, struct kmem_cache *s, struct page *page);
/* The end of discard_slab(), behind the grace period. */
void free_slab_pages(struct quire *q, struct kmem_cache *s, struct page *page);
void add_partial(struct kmem_cache_node *n, struct page *page, bool tail);
void remove_partial(struct kmem_cache_node *n, struct page *page);
/* Discards a chain made with set_slab_next(). */
void discard_chain(struct quire *q, struct kmem_cache *s, struct page *page);
/* Gives back what one CPU holds of a cache. */
void flush_cpu_slab(struct quire *q, struct kmem_cache *s, unsigned int cpu);
/* SLUB's own allocation and free, behind all hooks. */
void *slub_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid);
void slub_free(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
/* Empty slabs of the nodes go; returns pages. */
unsigned long slub_shrink(struct quire *q, struct kmem_cache *s);

/* slab/hooks.c: what SLAB_HOOKED leads to. */
void *slab_alloc_hooked(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked,
			unsigned long caller);
void slab_free_hooked(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
		      unsigned long caller);
/* An object that is freed to s and whose page is not s's: its true cache, or NULL:
 * not to be freed.  Stops the machine where nothing is debugged. */
struct kmem_cache *cache_from_obj(struct quire *q, struct kmem_cache *s, struct page *page,
				  void *object);
/* Sets SLAB_HOOKED by what the cache needs now. */
void slab_update_hooked(struct quire *q, struct kmem_cache *s);

/* slab/shuffle.c */
unsigned long slab_random(struct quire *q);
/* The order in which a new slab's objects are linked; 0 or -ENOMEM. */
int init_cache_random_seq(struct quire *q, struct kmem_cache *s);
/* Links a new slab's objects in that order, from a random one on. */
void shuffle_slab(struct quire *q, struct kmem_cache *s, struct page *page);

/* slab/debug.c */
void setup_slab_debug(struct quire *q, struct kmem_cache *s, struct page *page);
void setup_object(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
void check_discarded_slab(struct quire *q, struct kmem_cache *s, struct page *page);
void *slab_alloc_debug(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked,
		       unsigned long caller);
void slab_free_debug(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
		     unsigned long caller);
/* Checks each object of a cache; how many reports that made. */
unsigned long validate_slab_cache(struct quire *q, struct kmem_cache *s);
struct list_head *alloc_full_lists(struct quire *q);
void free_full_lists(struct quire *q, struct list_head *full);
/* The size that was asked for of a kmalloc'ed object that is tracked. */
size_t slab_asked_size(const struct kmem_cache *s, const void *object);
void slab_set_asked_size(struct quire *q, struct kmem_cache *s, void *object, size_t asked);
/* Names the objects in use of a cache that was to end; how many. */
unsigned long list_slab_objects(struct quire *q, struct kmem_cache *s);

/* slab/kmalloc.c, slab/boot_caches.c */
int create_kmalloc_caches(struct quire *q);
int create_boot_caches(struct quire *q);

#endif
