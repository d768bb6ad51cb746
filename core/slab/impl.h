/* SPDX-License-Identifier: MIT */
/*
 * What an implementation of the slab is to the rest of the floor: SLUB, and the
 * two that it replaced, SLAB and SLOB.  Chosen when a machine is made
 * (quire_config.slab); SLUB's own paths are called directly, the others' behind
 * SLAB_HOOKED.
 */
#ifndef QUIRE_SLAB_IMPL_H
#define QUIRE_SLAB_IMPL_H

#include "slab/slub.h"

struct slab_impl {
	const char *name;
	/* A cache's own parts, when it is laid out.  0 or -ENOMEM. */
	int (*create)(struct quire *q, struct kmem_cache *s);
	/* A cache that has no objects got another size; NULL: nothing to do. */
	int (*relayout)(struct quire *q, struct kmem_cache *s);
	void (*destroy)(struct quire *q, struct kmem_cache *s);
	/* Does it have slabs that hold objects? */
	bool (*has_objects)(struct quire *q, struct kmem_cache *s);
	/* asked: bytes, of kmalloc's caches less than an object. */
	void *(*alloc)(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked);
	void (*free)(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
	/* Gives back what is empty; pages. */
	unsigned long (*shrink)(struct quire *q, struct kmem_cache *s);
	void (*info)(struct quire *q, struct kmem_cache *s, struct slabinfo *info);
	/* Objects handed out, exactly. */
	unsigned long (*objects_in_use)(struct quire *q, struct kmem_cache *s);
};

extern const struct slab_impl slub_impl, slab_impl, slob_impl;

/* slab/cache.c */
int slub_create(struct quire *q, struct kmem_cache *s);
void slub_destroy(struct quire *q, struct kmem_cache *s);
/* One of the boot table, with merging on: NULL if there is nothing like it. */
struct kmem_cache *merge_boot_cache(struct quire *q, const char *name, unsigned int size,
				    unsigned int flags);

/* slab/bootstrap.c */
bool node_has_memory(struct quire *q, unsigned int nid);
struct kmem_cache_cpu *alloc_cpu_slabs(struct quire *q);
void free_cpu_slabs(struct quire *q, struct kmem_cache_cpu *c);
void init_kmem_cache_node(struct kmem_cache_node *n);
int init_kmem_cache_nodes(struct quire *q, struct kmem_cache *s);
void free_kmem_cache_nodes(struct quire *q, struct kmem_cache *s);

/* slab/slabinfo.c */
void slub_info(struct quire *q, struct kmem_cache *s, struct slabinfo *info);
unsigned long slub_objects_in_use(struct quire *q, struct kmem_cache *s);
bool slub_has_objects(struct quire *q, struct kmem_cache *s);

#endif
