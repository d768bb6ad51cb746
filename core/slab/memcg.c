/* SPDX-License-Identifier: MIT */
/*
 * Charging objects: see memcg.h.
 *
 * The charge is taken before the object (it may have to reclaim), and given to
 * the object afterwards; the slab's vector is made when its first object is
 * charged.  An object costs its size and the pointer.  An object that is freed
 * gives back what it was charged, to whom it was charged, wherever the freeing
 * task belongs.
 *
 * Locks: none of its own; page->memcg of a slab is set once by compare and
 * exchange, an entry of the vector belongs to who has the object.
 */
#include "slab/memcg.h"
#include "slab/slab_array.h"

static size_t obj_full_size(const struct kmem_cache *s)
{
	return s->size + sizeof(struct obj_cgroup *);
}

static inline struct obj_cgroup **objcgs_of(struct page *page)
{
	return (struct obj_cgroup **)HOT_LOAD(&page->memcg);
}

static size_t obj_index(struct quire *q, const struct kmem_cache *s, struct page *page,
			const void *object)
{
	return (size_t)((const char *)object - slab_start(q, s, page)) / s->size;
}

bool slab_pre_alloc_charge(struct quire *q, struct kmem_cache *s, gfp_t gfp,
			   struct obj_cgroup **objcg)
{
	const struct slab_memcg_ops *ops = q->slab->memcg_ops;

	*objcg = NULL;
	if (!ops || q->slab->slob || !((s->flags & SLAB_ACCOUNT) || (gfp & __GFP_ACCOUNT)))
		return true;
	*objcg = ops->get_current(q);
	if (!*objcg)
		return true;
	if (!ops->charge(q, *objcg, gfp, obj_full_size(s)))
		return true;
	ops->put(q, *objcg);
	*objcg = NULL;
	return false;
}

/* A slab's vector, made if it must be; NULL: no memory. */
static struct obj_cgroup **get_objcgs(struct quire *q, struct page *page, gfp_t gfp)
{
	struct obj_cgroup **vec = objcgs_of(page);
	gfp_t vec_gfp = (gfp | __GFP_ZERO) & ~(__GFP_ACCOUNT | __GFP_DMA | __GFP_RECLAIMABLE);

	if (vec)
		return vec;
	vec = kmalloc_node(q, page->objects * sizeof(*vec), vec_gfp, (int)page_to_nid(page));
	if (!vec)
		return NULL;
	if (!HOT_CMPXCHG(&page->memcg, NULL, (struct mem_cgroup *)vec)) {
		kfree(q, vec);
		vec = objcgs_of(page);
	}
	return vec;
}

void slab_post_alloc_charge(struct quire *q, struct kmem_cache *s, struct obj_cgroup *objcg,
			    void *object, gfp_t gfp)
{
	const struct slab_memcg_ops *ops = q->slab->memcg_ops;
	struct obj_cgroup **vec = NULL;
	struct page *page;

	if (object) {
		page = virt_to_slab(q, object);
		vec = get_objcgs(q, page, gfp);
	}
	if (!vec) {
		/* As Linux: the object goes uncharged. */
		ops->uncharge(q, objcg, obj_full_size(s));
		return;
	}
	vec[obj_index(q, s, page, object)] = objcg;
	ops->mod_state(q, objcg, page_to_nid(page), cache_vmstat_idx(s), (long)obj_full_size(s));
}

void slab_uncharge(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	const struct slab_memcg_ops *ops = q->slab->memcg_ops;
	struct obj_cgroup **vec = objcgs_of(page), *objcg;
	size_t i = obj_index(q, s, page, object);

	if (!vec || i >= page->objects)
		return;
	objcg = vec[i];
	if (!objcg)
		return;
	vec[i] = NULL;
	ops->mod_state(q, objcg, page_to_nid(page), cache_vmstat_idx(s), -(long)obj_full_size(s));
	ops->uncharge(q, objcg, obj_full_size(s));
}

void slab_free_objcgs(struct quire *q, struct page *page)
{
	struct obj_cgroup **vec = objcgs_of(page);

	page->memcg = NULL;
	kfree(q, vec);
}
