/* SPDX-License-Identifier: MIT */
/*
 * The SLAB's own structures (Linux's mm/slab.c until 6.5).
 *
 * A slab's free objects are an array of indices, kept in the last object to be
 * handed out, or behind the objects where those must keep their content.  In
 * struct page: freelist is that array, inuse the objects handed out (to a CPU's
 * array, too), frozen the slab's colour.
 */
#ifndef QUIRE_SLAB_SLAB_ARRAY_H
#define QUIRE_SLAB_SLAB_ARRAY_H

#include "slab/impl.h"

typedef u8 freelist_idx_t;
#define SLAB_OBJ_MAX_NUM  255u
#define SLAB_OBJ_MIN_SIZE 16u
#define SLAB_MAX_ORDER	  1 /* of what need not be larger */
#define BATCHREFILL_LIMIT 16

/* Objects at hand: of a CPU, shared by a node's CPUs, or of another node. */
struct array_cache {
	unsigned int avail, limit, batchcount;
	bool touched; /* used since the reaper looked */
	void *entry[];
};

struct alien_cache {
	struct spinlock lock;
	struct array_cache ac;
};

struct slab_node {
	struct spinlock list_lock;
	struct list_head partial, full, free;
	unsigned long total_slabs, free_slabs, free_objects;
	unsigned int free_limit, colour_next;
	bool free_touched;
	u64 next_reap;		    /* ns */
	struct array_cache *shared; /* under list_lock; NULL: none */
	struct alien_cache **alien; /* [nr_nodes]: objects of those, freed here */
};

struct slab_own {
	unsigned int colour, colour_off; /* how many, and bytes from one to the next */
	unsigned int limit, batchcount, shared;
	bool objfreelist;	  /* the index array lies in a free object */
	struct slab_node *node[]; /* [nr_nodes] */
};

static inline struct array_cache *cpu_array(struct kmem_cache_cpu *c)
{
	return c->freelist;
}

/* Where the objects of a slab begin, SLUB's or the SLAB's. */
static inline char *slab_start(struct quire *q, const struct kmem_cache *s, struct page *page)
{
	return (char *)page_address(q, page) + (s->own ? page->frozen * s->own->colour_off : 0);
}

static inline void *slab_index_to_obj(struct quire *q, const struct kmem_cache *s,
				      struct page *page, unsigned int i)
{
	return slab_start(q, s, page) + (size_t)i * s->size;
}

/* slab/slab_cache.c */
int slab_boot(struct quire *q, struct kmem_cache *boot_cache, unsigned int cache_bytes);
/* /proc/slabinfo is written: 0, -EINVAL, -ENOMEM. */
int slab_tune(struct quire *q, struct kmem_cache *s, unsigned int limit, unsigned int batchcount,
	      unsigned int shared);
/* What a CPU's worker does every two seconds. */
void slab_cache_reap(struct quire *q, unsigned int cpu);
int slab_start_reaper(struct quire *q);

/* slab/slab_alloc.c */
void *slab_impl_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked);
void slab_impl_free(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
/* Under list_lock: objects go back to their slabs; what the node does not want to
 * keep is put on discard. */
void slab_free_block(struct quire *q, struct kmem_cache *s, struct slab_node *n, void **objects,
		     unsigned int nr, struct list_head *discard);
void slab_destroy_list(struct quire *q, struct kmem_cache *s, struct list_head *discard);
/* Empties what other nodes' objects wait in on a node. */
void slab_drain_alien(struct quire *q, struct kmem_cache *s, struct slab_node *n);
/* Gives back up to most slabs that are free. Pages. */
unsigned long slab_drain_freelist(struct quire *q, struct kmem_cache *s, struct slab_node *n,
				  unsigned long most);

/* slab/meta.c: memory for what makes the slab itself: of pages, by powers of two. */
void *slab_meta_alloc(struct quire *q, size_t bytes);
void slab_meta_free(struct quire *q, void *p, size_t bytes);

#endif
