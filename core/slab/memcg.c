/* SPDX-License-Identifier: MIT */
/*
 * Charging objects: see memcg.h.
 *
 * The charge is taken before the object (it may have to reclaim) and given to the
 * object afterwards.  An object that is freed gives back what it was charged, to
 * whom it was charged, wherever the freeing task belongs.
 *
 * Objects are charged when their cache is accounted (SLAB_ACCOUNT) or whoever
 * allocates asks for it (__GFP_ACCOUNT).  A cache that was ever asked has
 * SLAB_ACCOUNTED: its frees look for a charge.
 *
 * Locks: none of its own; page->memcg of a slab is set once by compare and
 * exchange, an entry of the vector belongs to who has the object.
 *
 * Differs from Linux: caches with sheaves (host port) and SLOB's objects are not
 * charged.
 */
#include "slab/memcg.h"
#include "slab/sheaf_alloc.h"
#include "slab/slab_array.h"

static void hook_cache(struct quire *q, struct kmem_cache *s, __unused void *ctx)
{
	slab_update_hooked(q, s);
}

void slab_enable_memcg(struct quire *q, const struct slab_memcg_ops *ops)
{
	if (memcg_kmem_enabled(q))
		return;
	HOT_STORE(&q->slab->memcg_ops, ops);
	slab_for_each_cache(q, hook_cache, NULL);
}

bool memcg_slab_pre_alloc_hook(struct quire *q, struct kmem_cache *s, gfp_t gfp,
			       struct obj_cgroup **objcg)
{
	const struct slab_memcg_ops *ops = HOT_LOAD(&q->slab->memcg_ops);

	*objcg = NULL;
	if (!ops || q->slab->slob || cache_has_sheaves(s) ||
	    !((s->flags & SLAB_ACCOUNT) || (gfp & __GFP_ACCOUNT)))
		return true;
	*objcg = ops->get_current(q);
	if (!*objcg)
		return true;
	if (!(s->flags & (SLAB_ACCOUNT | SLAB_ACCOUNTED))) {
		(void)HOT_OR(&s->flags, SLAB_ACCOUNTED);
		slab_update_hooked(q, s);
	}
	if (!ops->charge(q, *objcg, gfp, obj_full_size(s)))
		return true;
	ops->put(q, *objcg);
	*objcg = NULL;
	return false;
}

/* A slab's vector, made if it must be; NULL: no memory. */
static struct obj_cgroup **get_objcgs(struct quire *q, struct page *page, gfp_t gfp)
{
	struct obj_cgroup **vec = slab_objcgs(page);
	gfp_t vec_gfp = (gfp | __GFP_ZERO) & ~(__GFP_ACCOUNT | __GFP_DMA | __GFP_RECLAIMABLE);

	if (vec)
		return vec;
	vec = kmalloc_node(q, page->objects * sizeof(*vec), vec_gfp, (int)page_to_nid(page));
	if (!vec)
		return NULL;
	if (!HOT_CMPXCHG(&page->memcg, NULL, (struct mem_cgroup *)vec)) {
		kfree(q, vec);
		vec = slab_objcgs(page);
	}
	return vec;
}

void memcg_account_slab(struct quire *q, struct kmem_cache *s, struct page *page, gfp_t gfp)
{
	/* Without one its objects get theirs later, or go uncharged. */
	if (unlikely(memcg_kmem_enabled(q)) && (s->flags & SLAB_ACCOUNT) && !cache_has_sheaves(s))
		(void)get_objcgs(q, page, gfp);
}

static size_t obj_index(struct quire *q, const struct kmem_cache *s, struct page *page,
			const void *object)
{
	return (size_t)((const char *)object - slab_start(q, s, page)) / s->size;
}

struct obj_cgroup *slab_objcg(struct quire *q, const void *object)
{
	struct page *page = virt_to_slab(q, object);
	struct obj_cgroup **vec = PageSlab(page) ? slab_objcgs(page) : NULL;

	return vec ? vec[obj_index(q, page->slab_cache, page, object)] : NULL;
}

void memcg_slab_post_alloc_hook(struct quire *q, struct kmem_cache *s, struct obj_cgroup *objcg,
				void *object, gfp_t gfp)
{
	const struct slab_memcg_ops *ops = q->slab->memcg_ops;
	struct obj_cgroup **vec = NULL;
	struct page *page = NULL;

	if (object) {
		page = virt_to_slab(q, object);
		vec = get_objcgs(q, page, gfp);
	}
	if (!vec) {
		/* As in Linux: the object goes uncharged. */
		ops->uncharge(q, objcg, obj_full_size(s));
		ops->put(q, objcg);
		return;
	}
	vec[obj_index(q, s, page, object)] = objcg;
	ops->mod_state(q, objcg, page_pgdat(q, page), cache_vmstat_idx(s), (long)obj_full_size(s));
}

void memcg_slab_free_hook(struct quire *q, struct kmem_cache *s, struct page *page, void *object)
{
	const struct slab_memcg_ops *ops = q->slab->memcg_ops;
	struct obj_cgroup **vec = slab_objcgs(page), *objcg;
	size_t i;

	if (!vec)
		return;
	i = obj_index(q, s, page, object);
	/* A bad pointer is debugging's business. */
	if (i >= page->objects || !vec[i])
		return;
	objcg = vec[i];
	vec[i] = NULL;
	ops->uncharge(q, objcg, obj_full_size(s));
	ops->mod_state(q, objcg, page_pgdat(q, page), cache_vmstat_idx(s), -(long)obj_full_size(s));
	ops->put(q, objcg);
}

void memcg_free_slab_cgroups(struct quire *q, struct page *page)
{
	struct obj_cgroup **vec = slab_objcgs(page);

	page->memcg = NULL;
	kfree(q, vec);
}
