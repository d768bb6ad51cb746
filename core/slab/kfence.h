/* SPDX-License-Identifier: MIT */
/*
 * KFENCE: a guard cheap enough to leave on.  Now and then one allocation gets a
 * page of its own between two pages that nobody may touch; a program that runs
 * long enough shows its overruns and uses after free there (Linux's mm/kfence).
 */
#ifndef QUIRE_SLAB_KFENCE_H
#define QUIRE_SLAB_KFENCE_H

#include "slab/slub.h"

struct kfence_stats {
	unsigned int nr_objects;   /* that there are */
	unsigned int nr_allocated; /* now */
	unsigned long allocs, frees, bugs, skipped;
	u64 sample_interval_ms;
};

/* The pool and its thread, if the configuration asks for it.  0 or -ENOMEM. */
int kfence_init(struct quire *q);
/* The next allocation of whatever cache is guarded: what the thread does. */
void kfence_open_gate(struct quire *q);
/* Writes /sys/module/kfence/parameters/sample_interval: 0 turns it off.  -EINVAL
 * where there is no pool. */
int kfence_set_interval(struct quire *q, u64 ms);
bool kfence_get_stats(struct quire *q, struct kfence_stats *stats);

/* A guarded object of size bytes, or NULL: not this time. */
void *kfence_alloc(struct quire *q, struct kmem_cache *s, size_t size, gfp_t gfp,
		   unsigned long caller);
void kfence_free(struct quire *q, struct page *page, void *object, unsigned long caller);
/* The cache whose object a guarded page holds or held last. */
struct kmem_cache *kfence_cache_of(struct quire *q, const struct page *page);
size_t kfence_ksize(struct quire *q, const void *object);
/* Guarded objects in use of a cache; if there are none it is forgotten. */
unsigned long kfence_shutdown_cache(struct quire *q, struct kmem_cache *s);

/*
 * A port's trap handler: somebody touched addr (of the physmap), which is
 * guarded.  Reports it and lets the page be used, so that he can go on.  False:
 * not KFENCE's.  Linux: kfence_handle_page_fault().
 */
bool kfence_handle_page_fault(struct quire *q, const void *addr, bool is_write);

bool __page_is_kfence(const struct quire *q, const struct page *page);
/* An object page of the pool. */
static inline bool page_is_kfence(const struct quire *q, const struct page *page)
{
	return unlikely(q->slab->kfence != NULL) && __page_is_kfence(q, page);
}

struct text;
/* /sys/kernel/debug/kfence/objects. */
void kfence_show_objects(struct quire *q, struct text *t);

#endif
