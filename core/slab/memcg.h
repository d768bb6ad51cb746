/* SPDX-License-Identifier: MIT */
/*
 * Objects charged to control groups (Linux's obj_cgroup and memcg_data of a
 * slab).  A slab whose cache is accounted has a vector of one pointer an object:
 * who was charged for it.  The floor of groups, which lies above, fills the
 * table of functions; a charge is in bytes, and groups keep the rest of a page.
 */
#ifndef QUIRE_SLAB_MEMCG_H
#define QUIRE_SLAB_MEMCG_H

#include "slab/slub.h"

struct obj_cgroup;

struct slab_memcg_ops {
	/* Who pays for what the running task allocates, with a reference; NULL:
	 * nobody (the root). */
	struct obj_cgroup *(*get_current)(struct quire *q);
	/* bytes more for objcg: 0 or -ENOMEM.  May reclaim and sleep as gfp says. */
	int (*charge)(struct quire *q, struct obj_cgroup *objcg, gfp_t gfp, size_t bytes);
	/* bytes less, on a page of node nid that counts in item.  Drops the reference
	 * that came with the object. */
	void (*uncharge)(struct quire *q, struct obj_cgroup *objcg, size_t bytes);
	void (*put)(struct quire *q, struct obj_cgroup *objcg);
	/* The counter of slab bytes that memory.stat shows. */
	void (*mod_state)(struct quire *q, struct obj_cgroup *objcg, unsigned int nid,
			  enum node_stat_item item, long bytes);
};

/* slab/memcg.c */
/* False: the group may not have it. */
bool slab_pre_alloc_charge(struct quire *q, struct kmem_cache *s, gfp_t gfp,
			   struct obj_cgroup **objcg);
void slab_post_alloc_charge(struct quire *q, struct kmem_cache *s, struct obj_cgroup *objcg,
			    void *object, gfp_t gfp);
void slab_uncharge(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
/* The vector of a slab that goes. */
void slab_free_objcgs(struct quire *q, struct page *page);

#endif
