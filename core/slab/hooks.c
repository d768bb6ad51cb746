/* SPDX-License-Identifier: MIT */
/*
 * What happens to objects of caches with SLAB_HOOKED, beside being handed out
 * and taken back: fault points, charging, the sampling guard, debugging, and the
 * implementations other than SLUB.  The fast path tests the one flag.
 *
 * No locks of its own.
 */
#include "base/printk.h"
#include "slab/debug.h"
#include "slab/impl.h"
#include "slab/kfence.h"
#include "slab/kfence_report.h"
#include "slab/memcg.h"

void slab_update_hooked(struct quire *q, struct kmem_cache *s)
{
	struct slab_floor *f = q->slab;
	bool hooked = (s->flags & (SLAB_DEBUG_FLAGS | SLAB_FAILSLAB)) || f->impl != &slub_impl ||
		      (memcg_kmem_enabled(q) && (s->flags & (SLAB_ACCOUNT | SLAB_ACCOUNTED))) ||
		      kfence_gate_is_open(q);
	unsigned int flags = hooked ? s->flags | SLAB_HOOKED : s->flags & ~SLAB_HOOKED;

	/* Read by those who allocate and free meanwhile: either is right. */
	HOT_STORE(&s->flags, flags);
#if HOT_PERCPU
	/* The fast path reads no flags; it just finds nothing to take. */
	HOT_STORE(&s->fast.take, hooked ? 0 : s->fast.room);
#endif
}

static void *alloc_behind_hooks(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
				size_t asked, unsigned long caller, bool charged)
{
	if (unlikely(kfence_gate_is_open(q)) && !charged) {
		void *object = kfence_alloc(q, s, asked, gfp, caller);

		if (object)
			return object;
	}
	if (q->slab->impl != &slub_impl)
		return q->slab->impl->alloc(q, s, gfp, nid, asked);
	if (kmem_cache_debug(s))
		return slab_alloc_debug(q, s, gfp, nid, asked, caller);
	return slub_alloc(q, s, gfp, nid);
}

static size_t ksize_of_new(struct quire *q, struct kmem_cache *s, void *object, size_t asked)
{
	if (page_is_kfence(q, virt_to_page(q, object)))
		return kfence_ksize(q, object);
	if (q->slab->impl == &slob_impl)
		return asked;
	return min(slab_asked_size(s, object), (size_t)s->object_size);
}

void *slab_alloc_hooked(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked,
			unsigned long caller)
{
	struct slab_floor *f = q->slab;
	struct obj_cgroup *objcg;
	void *object;

	if ((s->flags & SLAB_FAILSLAB) && f->fail_slab && !(gfp & __GFP_NOFAIL) &&
	    f->fail_slab(q, s, gfp, f->fail_slab_ctx))
		return NULL;
	if (!memcg_slab_pre_alloc_hook(q, s, gfp, &objcg))
		return NULL;
	object = alloc_behind_hooks(q, s, gfp, nid, asked, caller, objcg != NULL);
	/* All of it, but not what kmalloc() rounded up: that is a red zone. */
	if ((gfp & __GFP_ZERO) && object)
		memset(object, 0, ksize_of_new(q, s, object, asked));
	if (objcg)
		memcg_slab_post_alloc_hook(q, s, objcg, object, gfp);
	return object;
}

void slab_free_hooked(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
		      unsigned long caller)
{
	if (page_is_kfence(q, page)) {
		kfence_free(q, page, object, caller);
		return;
	}
	if (HOT_LOAD(&page->memcg))
		memcg_slab_free_hook(q, s, page, object);
	if (q->slab->impl != &slub_impl)
		q->slab->impl->free(q, s, page, object);
	else if (kmem_cache_debug(s))
		slab_free_debug(q, s, page, object, caller);
	else
		slub_free(q, s, page, object);
}

/* Caches that check what they are given report; the others stop the machine. */
struct kmem_cache *cache_from_obj(struct quire *q, struct kmem_cache *s, struct page *page,
				  void *object)
{
	struct kmem_cache *true_cache = PageSlab(page) ? page->slab_cache : NULL;

	/* The SLOB's pages hold objects of all caches. */
	if (q->slab->impl == &slob_impl && true_cache)
		return s;
	if (true_cache && page_is_kfence(q, page)) {
		if (kfence_cache_of(q, page) == s)
			return true_cache;
		true_cache = kfence_cache_of(q, page);
		pr_err(q, "cache_from_obj: Wrong slab cache. %s but object is from %s", s->name,
		       true_cache ? true_cache->name : "<destroyed>");
		(void)HOT_ADD(&q->slab->nr_reports, 1);
		return page->slab_cache;
	}
	BUG_ON(q, !(s->flags & SLAB_CONSISTENCY_CHECKS) &&
			  !(true_cache && (true_cache->flags & SLAB_CONSISTENCY_CHECKS)));
	(void)HOT_ADD(&q->slab->nr_reports, 1);
	if (!true_cache) {
		pr_err(q, "virt_to_cache: Object is not a Slab page!");
		slab_dump_stack(q);
		return NULL;
	}
	pr_err(q, "cache_from_obj: Wrong slab cache. %s but object is from %s", s->name,
	       true_cache->name);
	print_tracking(q, true_cache, object);
	slab_dump_stack(q);
	/* As Linux does: it goes where it belongs. */
	return true_cache;
}
