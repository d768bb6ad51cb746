/* SPDX-License-Identifier: MIT */
/*
 * Making, merging and unmaking caches.
 *
 * With merging on (Linux's slab_merge) a cache that asks for about the size of
 * one that exists, and for the same kind of memory, is that one under a further
 * name (struct slab_alias); it lives until each of its owners has let go.
 * Debian's kernels do not merge, so it is off unless the embedder asks.
 *
 * A cache with live objects is not destroyed: they are named in the log.
 *
 * Locks: floor->list_lock guards the lists of caches and aliases.  Caches are
 * made and destroyed rarely; their fields do not change in between.
 */
#include "base/printk.h"
#include "base/string.h"
#include "base/text.h"
#include "slab/debug.h"
#include "slab/impl.h"
#include "slab/kfence.h"
#include "slab/rcu.h"

/* What keeps a cache for itself, and what both must want alike. */
#define SLAB_NEVER_MERGE                                                                     \
	(SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE | SLAB_TYPESAFE_BY_RCU | \
	 SLAB_NOLEAKTRACE | SLAB_FAILSLAB | SLAB_NO_MERGE)
#define SLAB_MERGE_SAME (SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_ACCOUNT)

/* ---- the lists ---------------------------------------------------------------- */

static void add_to_list(struct quire *q, struct kmem_cache *s)
{
	spin_lock(q, &q->slab->list_lock);
	list_add(&s->list, &q->slab->caches);
	spin_unlock(q, &q->slab->list_lock);
}

static struct slab_alias *find_alias(struct quire *q, const char *name)
{
	struct slab_alias *a;

	list_for_each_entry (a, &q->slab->aliases, list)
		if (str_eq(a->name, name))
			return a;
	return NULL;
}

struct kmem_cache *find_kmem_cache(struct quire *q, const char *name)
{
	struct kmem_cache *s, *found = NULL;
	struct slab_alias *a;

	spin_lock(q, &q->slab->list_lock);
	list_for_each_entry (s, &q->slab->caches, list) {
		if (str_eq(s->name, name)) {
			found = s;
			break;
		}
	}
	a = found ? NULL : find_alias(q, name);
	if (a)
		found = a->s;
	spin_unlock(q, &q->slab->list_lock);
	return found;
}

/* ---- merging ------------------------------------------------------------------ */

bool slab_unmergeable(struct quire *q, const struct kmem_cache *s)
{
	return !q->cfg.slab_merge || (s->flags & SLAB_NEVER_MERGE) || s->ctor || s->usersize ||
	       s->refcount < 0;
}

static struct kmem_cache *find_mergeable(struct quire *q, const char *name, unsigned int size,
					 unsigned int align, unsigned int flags,
					 void (*ctor)(void *))
{
	struct kmem_cache *s;

	if (!q->cfg.slab_merge || ctor)
		return NULL;
	flags = kmem_cache_debug_flags(q, name, flags, size);
	if (flags & SLAB_NEVER_MERGE)
		return NULL;
	size = ALIGN(size, (unsigned int)sizeof(void *));
	align = calculate_alignment(flags, align, size);
	size = ALIGN(size, align);
	/* Newest first, as Linux's list is not: it looks from its tail. */
	list_for_each_entry (s, &q->slab->caches, list) {
		if (slab_unmergeable(q, s) || size > s->size)
			continue;
		if ((flags & SLAB_MERGE_SAME) != (s->flags & SLAB_MERGE_SAME))
			continue;
		/* Its objects must suit, and waste less than a word each. */
		if ((s->size & ~(align - 1)) != s->size || s->size - size >= sizeof(void *))
			continue;
		return s;
	}
	return NULL;
}

/* name becomes one more name of s. */
static struct kmem_cache *add_alias(struct quire *q, struct kmem_cache *s, const char *name,
				    unsigned int size)
{
	size_t len = str_len(name) + 1;
	struct slab_alias *a = kmalloc(q, sizeof(*a) + len, GFP_KERNEL);

	if (!a)
		return NULL;
	a->s = s;
	a->unclaimed = false;
	memcpy(a->name, name, len);
	spin_lock(q, &q->slab->list_lock);
	list_add(&a->list, &q->slab->aliases);
	s->refcount++;
	/* Clearing an object clears it for the largest of its owners. */
	s->object_size = max(s->object_size, size);
	s->inuse = max(s->inuse, ALIGN(size, (unsigned int)sizeof(void *)));
	spin_unlock(q, &q->slab->list_lock);
	return s;
}

struct kmem_cache *merge_boot_cache(struct quire *q, const char *name, unsigned int size,
				    unsigned int flags)
{
	struct kmem_cache *s = find_mergeable(q, name, size, 0, flags, NULL);

	if (s)
		s = add_alias(q, s, name, size);
	if (s)
		list_first_entry(&q->slab->aliases, struct slab_alias, list)->unclaimed = true;
	return s;
}

void slab_unique_id(const struct kmem_cache *s, char *buf, size_t cap)
{
	struct text t;

	text_init(&t, buf, cap);
	text_putc(&t, ':');
	if (s->flags & SLAB_CACHE_DMA)
		text_putc(&t, 'd');
	if (s->flags & SLAB_CACHE_DMA32)
		text_putc(&t, 'D');
	if (s->flags & SLAB_RECLAIM_ACCOUNT)
		text_putc(&t, 'a');
	if (s->flags & SLAB_CONSISTENCY_CHECKS)
		text_putc(&t, 'F');
	if (s->flags & SLAB_ACCOUNT)
		text_putc(&t, 'A');
	if (t.len > 1)
		text_putc(&t, '-');
	text_printf(&t, "%07u", s->size);
}

/* ---- making ------------------------------------------------------------------- */

struct kmem_cache *create_cache(struct quire *q, const char *name, unsigned int size,
				unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	struct kmem_cache *s = kmem_cache_zalloc(q, q->slab->kmem_cache, GFP_KERNEL);

	if (!s)
		return NULL;
	s->name = name;
	s->refcount = 1;
	s->asked_flags = flags;
	s->asked_align = align;
	flags = kmem_cache_debug_flags(q, name, flags, size);
	if (calculate_sizes(q, s, size, align, flags, ctor))
		goto free_cache;
	if (q->slab->impl->create(q, s))
		goto free_cache;
	(void)HOT_OR(&q->slab->debug_flags, s->flags & SLAB_DEBUG_FLAGS);
	add_to_list(q, s);
	return s;

free_cache:
	kmem_cache_free(q, q->slab->kmem_cache, s);
	if (flags & SLAB_PANIC)
		quire_panic(q, "kmem_cache_create: Failed to create slab '%s'. Error -12", name);
	return NULL;
}

/* SLUB's parts of a cache. */
int slub_create(struct quire *q, struct kmem_cache *s)
{
	if (q->cfg.slab_freelist_hardened)
		s->random = slab_random(q) | 1;
	if ((s->flags & SLAB_STORE_USER) && !s->full) {
		s->full = alloc_full_lists(q);
		if (!s->full)
			return -ENOMEM;
	}
	s->cpu_slab = alloc_cpu_slabs(q);
	if (!s->cpu_slab)
		goto free_full;
	if (init_kmem_cache_nodes(q, s))
		goto free_cpus;
	/* The first caches get theirs when kmalloc() works: slab_init(). */
	if (q->slab->up && init_cache_random_seq(q, s))
		goto free_nodes;
	return 0;

free_nodes:
	free_kmem_cache_nodes(q, s);
free_cpus:
	free_cpu_slabs(q, s->cpu_slab);
free_full:
	free_full_lists(q, s->full);
	s->full = NULL;
	return -ENOMEM;
}

void slub_destroy(struct quire *q, struct kmem_cache *s)
{
	kfree(q, s->random_seq);
	free_kmem_cache_nodes(q, s);
	free_cpu_slabs(q, s->cpu_slab);
	free_full_lists(q, s->full);
}

static void free_cache(struct quire *q, struct kmem_cache *s)
{
#if HOT_PERCPU
	sheaf_remove(q, s);
#endif
	q->slab->impl->destroy(q, s);
	if (s->owned_name)
		kfree(q, s->name);
	kmem_cache_free(q, q->slab->kmem_cache, s);
}

/* A cache of the boot table gets its owner, and that one's layout. */
static struct kmem_cache *claim_cache(struct quire *q, struct kmem_cache *s, unsigned int size,
				      unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	if (!s->unclaimed || s->refcount > 1)
		return NULL;
	if (q->slab->impl->has_objects(q, s))
		return NULL;
	/* What the boot table knows of it stays true. */
	flags |= s->flags & (SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT);
	s->asked_flags = flags;
	s->asked_align = align;
	flags = kmem_cache_debug_flags(q, s->name, flags, size);
	if (calculate_sizes(q, s, size, align, flags, ctor))
		return NULL;
	if (q->slab->impl->relayout && q->slab->impl->relayout(q, s))
		return NULL;
	s->unclaimed = false;
#if HOT_PERCPU
	sheaf_setup(q, s);
#endif
	return s;
}

/* A name of the boot table that was merged is its owner's to merge again. */
static bool drop_unclaimed_alias(struct quire *q, const char *name)
{
	struct slab_alias *a;

	spin_lock(q, &q->slab->list_lock);
	a = find_alias(q, name);
	if (a && !a->unclaimed) {
		spin_unlock(q, &q->slab->list_lock);
		return false;
	}
	if (a) {
		a->s->refcount--;
		list_del(&a->list);
	}
	spin_unlock(q, &q->slab->list_lock);
	kfree(q, a);
	return true;
}

struct kmem_cache *kmem_cache_create_usercopy(struct quire *q, const char *name,
					      unsigned int size_bytes, unsigned int align,
					      unsigned int flags, unsigned int useroffset,
					      unsigned int usersize, void (*ctor)(void *))
{
	struct kmem_cache *s;
	size_t len = str_len(name) + 1;
	char *copy;

	if (usersize > size_bytes || useroffset > size_bytes - usersize)
		return NULL;
	if (!drop_unclaimed_alias(q, name))
		return NULL;
	s = find_kmem_cache(q, name);
	if (s && !(s->unclaimed && s->refcount > 1)) {
		s = claim_cache(q, s, size_bytes, align, flags, ctor);
		goto out;
	}
	if (s) {
		/* Others were merged into a cache of the boot table: its owner
		 * takes it as it is, if it suits. */
		if (ctor || usersize || size_bytes > s->size)
			return NULL;
		s->unclaimed = false;
		return s;
	}
	if (!usersize) {
		s = find_mergeable(q, name, size_bytes, align, flags, ctor);
		if (s)
			return add_alias(q, s, name, size_bytes);
	}
	copy = kmalloc(q, len, GFP_KERNEL);
	if (!copy)
		return NULL;
	memcpy(copy, name, len);
	s = create_cache(q, copy, size_bytes, align, flags, ctor);
	if (s)
		s->owned_name = true;
	else
		kfree(q, copy);
#if HOT_PERCPU
	if (s)
		sheaf_setup(q, s);
#endif
out:
	if (s) {
		s->useroffset = useroffset;
		s->usersize = usersize;
	}
	return s;
}

struct kmem_cache *kmem_cache_create(struct quire *q, const char *name, unsigned int size_bytes,
				     unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	return kmem_cache_create_usercopy(q, name, size_bytes, align, flags, 0, 0, ctor);
}

/* ---- unmaking ----------------------------------------------------------------- */

unsigned long kmem_cache_shrink(struct quire *q, struct kmem_cache *s)
{
	return q->slab->impl->shrink(q, s);
}

int kmem_cache_destroy(struct quire *q, struct kmem_cache *s)
{
	struct slab_alias *a, *tmp;

	spin_lock(q, &q->slab->list_lock);
	if (s->refcount > 1) {
		s->refcount--;
		spin_unlock(q, &q->slab->list_lock);
		return 0;
	}
	spin_unlock(q, &q->slab->list_lock);
	kmem_cache_shrink(q, s);
	if (kfence_shutdown_cache(q, s) || q->slab->impl->has_objects(q, s)) {
		if (q->slab->impl == &slub_impl)
			(void)list_slab_objects(q, s);
		pr_err(q, "kmem_cache_destroy %s: Slab cache still has objects", s->name);
		return -EBUSY;
	}
	/* Its slabs may still wait for their grace period. */
	if (s->flags & SLAB_TYPESAFE_BY_RCU)
		rcu_barrier(q);
	spin_lock(q, &q->slab->list_lock);
	list_del(&s->list);
	spin_unlock(q, &q->slab->list_lock);
	list_for_each_entry_safe (a, tmp, &q->slab->aliases, list) {
		if (a->s != s)
			continue;
		list_del(&a->list);
		kfree(q, a);
	}
	free_cache(q, s);
	return 0;
}

unsigned int kmem_cache_size(const struct kmem_cache *s)
{
	return s->object_size;
}
