/* SPDX-License-Identifier: MIT */
/*
 * Objects charged to control groups (Linux's obj_cgroup, and memcg_data of a
 * slab).  A slab of an accounted cache has a vector, off the slab, of one
 * pointer an object: who pays for it.  page->memcg of a slab is that vector.
 *
 * The floor of groups lies above: it fills the table of functions here.  What is
 * charged are bytes; groups keep what is left of a page.
 */
#ifndef QUIRE_SLAB_MEMCG_H
#define QUIRE_SLAB_MEMCG_H

#include "slab/slub.h"

struct obj_cgroup;

struct slab_memcg_ops {
	/* Who pays for what the running task allocates, with a reference; NULL:
	 * nobody (the root, a kernel thread). */
	struct obj_cgroup *(*get_current)(struct quire *q);
	/* bytes more: 0 or -ENOMEM.  May reclaim and sleep as gfp says. */
	int (*charge)(struct quire *q, struct obj_cgroup *objcg, gfp_t gfp, size_t bytes);
	/* An object, or one that was not to be had, gives its bytes back. */
	void (*uncharge)(struct quire *q, struct obj_cgroup *objcg, size_t bytes);
	void (*put)(struct quire *q, struct obj_cgroup *objcg);
	/* The group's counter of slab bytes, which memory.stat shows. */
	void (*mod_state)(struct quire *q, struct obj_cgroup *objcg, struct pglist_data *pgdat,
			  enum node_stat_item item, long bytes);
	/* A block of kmalloc's above its caches, as a whole: 0 or -ENOMEM. */
	int (*charge_pages)(struct quire *q, struct page *page, gfp_t gfp);
	void (*uncharge_pages)(struct quire *q, struct page *page);
};

/* From now on objects are charged: the first group beside the root is made. */
void slab_enable_memcg(struct quire *q, const struct slab_memcg_ops *ops);

static inline bool memcg_kmem_enabled(const struct quire *q)
{
	return q->slab->memcg_ops != NULL;
}

/* What an object costs: itself and its pointer in the vector. */
static inline size_t obj_full_size(const struct kmem_cache *s)
{
	return s->size + sizeof(struct obj_cgroup *);
}

static inline struct obj_cgroup **slab_objcgs(const struct page *page)
{
	return (struct obj_cgroup **)HOT_LOAD(&page->memcg);
}

/* *objcg is who pays, NULL: nobody.  False: the group may not have it. */
bool memcg_slab_pre_alloc_hook(struct quire *q, struct kmem_cache *s, gfp_t gfp,
			       struct obj_cgroup **objcg);
/* object NULL: there was none to be had. */
void memcg_slab_post_alloc_hook(struct quire *q, struct kmem_cache *s, struct obj_cgroup *objcg,
				void *object, gfp_t gfp);
void memcg_slab_free_hook(struct quire *q, struct kmem_cache *s, struct page *page, void *object);
/* Who pays for an object, NULL: nobody. */
struct obj_cgroup *slab_objcg(struct quire *q, const void *object);
/* The vector of a slab: made with it if its cache is accounted, or else when its
 * first object is charged. */
void memcg_account_slab(struct quire *q, struct kmem_cache *s, struct page *page, gfp_t gfp);
void memcg_free_slab_cgroups(struct quire *q, struct page *page);

#endif
