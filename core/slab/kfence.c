/* SPDX-License-Identifier: MIT */
/*
 * KFENCE's pool (Linux's mm/kfence/core.c).
 *
 * The pool is one block of pages: a guard page, then for each object its page
 * and a guard page behind it.  An object lies at either end of its page, by
 * chance; the rest of the page holds canary bytes, which are checked when it is
 * freed.  The page of a free object is guarded, too.  Guarding is the port's
 * (guard_frames()); where it can't, guard pages hold canaries, and a free page
 * poison, that are checked when the object is freed or taken.
 *
 * A thread opens the gate each sample interval: every cache gets SLAB_HOOKED,
 * so that the next allocation, of whatever cache, comes here; it shuts the gate
 * and takes the flags away again.  So the fast path pays nothing between
 * samples.  Freed objects go to the tail of the free list: they stay free, and
 * guarded, as long as can be.  When the pool is over three quarters full, call
 * sites that already have an object are left out.
 *
 * Pages of the pool are PG_slab with slab_cache = a cache of KFENCE's own, so a
 * free finds them by the check that every free makes.
 *
 * Lock: kfence->lock for lists and states; reports are made outside of it.
 */
#include "slab/kfence.h"
#include "base/text.h"
#include "slab/kfence_report.h"

#define KFENCE_NUM_OBJECTS 255
#define KFENCE_COVERED	   512

static inline struct kfence *kf_of(const struct quire *q)
{
	return q->slab->kfence;
}

/* ---- the pool ------------------------------------------------------------------ */

char *kfence_page(const struct kfence *kf, unsigned int i)
{
	return kf->pool + (size_t)(2 * (i + 1)) * PAGE_SIZE;
}

/* The object whose page holds addr, or the nearest: -1 outside of the pool. */
static long object_index(const struct kfence *kf, const void *addr)
{
	size_t page = (size_t)((const char *)addr - kf->pool) / PAGE_SIZE;

	if ((const char *)addr < kf->pool || page < 1 || page >= 2UL * (kf->nr + 1))
		return -1;
	return page < 2 ? 0 : (long)min(page / 2 - 1, (size_t)kf->nr - 1);
}

static void guard(struct quire *q, const void *page, bool on)
{
	struct kfence *kf = kf_of(q);

	if (kf->guards)
		(void)q->port->guard_frames(q->port_ctx, virt_to_pfn(q, page), 1, on);
}

static u8 canary(const void *p)
{
	return (u8)(0xaa ^ ((unsigned long)p & 7));
}

static void set_canary(char *from, const char *to)
{
	for (; from < to; from++)
		*from = (char)canary(from);
}

/* The first byte of [from, to) that is not what was put there, or NULL. */
static const char *broken_canary(const char *from, const char *to)
{
	for (; from < to; from++)
		if ((u8)*from != canary(from))
			return from;
	return NULL;
}

bool __page_is_kfence(const struct quire *q, const struct page *page)
{
	return page->slab_cache == kf_of(q)->cache;
}

static void init_pool(struct quire *q, struct kfence *kf)
{
	for (unsigned int i = 0; i < 2 * (kf->nr + 1); i++) {
		char *p = kf->pool + (size_t)i * PAGE_SIZE;
		struct page *page = virt_to_page(q, p);
		bool holds = i >= 2 && i % 2 == 0;

		set_page_count(page, 1);
		if (holds) {
			page->slab_cache = kf->cache;
			page->objects = 1;
			SetPageSlab(page);
			memset(p, POISON_FREE, PAGE_SIZE);
		} else {
			set_canary(p, p + PAGE_SIZE);
		}
	}
	for (unsigned int i = 0; i < 2 * (kf->nr + 1) && kf->guards; i++)
		guard(q, kf->pool + (size_t)i * PAGE_SIZE, true);
	for (unsigned int i = 0; i < kf->nr; i++)
		list_add_tail(&kf->meta[i].list, &kf->freelist);
}

static void sample_thread(struct quire *q, __unused void *arg)
{
	struct kfence *kf = kf_of(q);

	while (!q->stopping) {
		u64 ms = HOT_LOAD(&kf->sample_ms);

		wait_on(q, &kf->wait, HOT_LOAD(&kf->wait.seq),
			ms ? ms * NSEC_PER_MSEC : MAX_SCHEDULE_TIMEOUT);
		if (!q->stopping && HOT_LOAD(&kf->sample_ms))
			kfence_open_gate(q);
	}
}

int kfence_init(struct quire *q)
{
	unsigned int nr = q->cfg.kfence_objects ? q->cfg.kfence_objects : KFENCE_NUM_OBJECTS;
	unsigned int order, meta_order;
	size_t meta_bytes;
	struct page *pool, *meta;
	struct kfence *kf;

	if (!q->cfg.kfence_sample_ms || q->cfg.slab == QUIRE_SLOB)
		return 0;
	nr = min(nr, (1u << (MAX_ORDER - 2)) - 1);
	order = get_order(2UL * (nr + 1) * PAGE_SIZE);
	meta_bytes = sizeof(*kf) + nr * sizeof(struct kfence_metadata);
	meta_order = get_order(meta_bytes + sizeof(struct kmem_cache));
	pool = alloc_pages(q, GFP_KERNEL, order);
	meta = alloc_pages(q, GFP_KERNEL, meta_order);
	if (!pool || !meta) {
		if (pool)
			__free_pages(q, pool, order);
		if (meta)
			__free_pages(q, meta, meta_order);
		return -ENOMEM;
	}
	split_page(q, pool, order);
	kf = page_address(q, meta);
	memset(kf, 0, meta_bytes + sizeof(struct kmem_cache));
	kf->cache = (struct kmem_cache *)((char *)kf + meta_bytes);
	spin_lock_init(&kf->lock, LOCK_SLAB_CPU);
	INIT_LIST_HEAD(&kf->freelist);
	kf->nr = nr;
	kf->pool = page_address(q, pool);
	kf->cache->name = "kfence";
	kf->cache->flags = SLAB_HOOKED | SLAB_NO_MERGE;
	kf->cache->size = kf->cache->object_size = kf->cache->inuse = PAGE_SIZE;
	kf->cache->usersize = PAGE_SIZE;
	kf->cache->objects = 1;
	kf->cache->refcount = -1;
#if HOT_PERCPU
	kf->cache->fast.id = NO_SHEAVES;
#endif
	kf->sample_ms = q->cfg.kfence_sample_ms;
	/* Is it any use to ask? */
	kf->guards = q->port->guard_frames &&
		     q->port->guard_frames(q->port_ctx, page_to_pfn(q, pool), 1, true) &&
		     q->port->guard_frames(q->port_ctx, page_to_pfn(q, pool), 1, false);
	q->slab->kfence = kf;
	init_pool(q, kf);
	return kthread_run(q, "kfence", sample_thread, NULL, -1);
}

/* ---- the gate -------------------------------------------------------------------- */

/* Every cache's flag, as the gate says. */
static void hook_all(struct quire *q)
{
	struct kmem_cache *s;

	spin_lock(q, &q->slab->list_lock);
	list_for_each_entry (s, &q->slab->caches, list)
		slab_update_hooked(q, s);
	spin_unlock(q, &q->slab->list_lock);
}

bool kfence_gate_is_open(const struct quire *q)
{
	return kf_of(q) && HOT_LOAD(&kf_of(q)->gate);
}

void kfence_open_gate(struct quire *q)
{
	struct kfence *kf = kf_of(q);

	if (!kf)
		return;
	HOT_STORE(&kf->gate, 1u);
	hook_all(q);
}

int kfence_set_interval(struct quire *q, u64 ms)
{
	struct kfence *kf = kf_of(q);

	if (!kf || ms > UINT32_MAX)
		return -EINVAL;
	HOT_STORE(&kf->sample_ms, ms);
	wake_up(q, &kf->wait);
	return 0;
}

/* ---- objects --------------------------------------------------------------------- */

static void record_track(struct quire *q, struct kfence_track *t, unsigned long caller)
{
	const char *comm;

	*t = (struct kfence_track){.addr = caller,
				   .handle = stack_depot_here(q),
				   .cpu = smp_processor_id(q),
				   .ns = quire_clock(q)};
	if (q->slab->task_ops.current_task)
		q->slab->task_ops.current_task(q, &t->pid, &comm);
}

static u8 *covered_at(struct kfence *kf, unsigned long caller)
{
	return &kf->covered[(caller * 0x9e3779b97f4a7c15UL) >> 55];
}

/* A free object, taken off the list; NULL: none, or the call site has its share. */
static struct kfence_metadata *take_meta(struct quire *q, struct kfence *kf, unsigned long caller)
{
	struct kfence_metadata *m = NULL;

	spin_lock(q, &kf->lock);
	if (list_empty(&kf->freelist) ||
	    (kf->nr_allocated > kf->nr * 3 / 4 && *covered_at(kf, caller))) {
		kf->skipped++;
	} else {
		m = list_first_entry(&kf->freelist, struct kfence_metadata, list);
		list_del_init(&m->list);
		kf->nr_allocated++;
		kf->allocs++;
		m->site = caller;
		if (*covered_at(kf, caller) < 255)
			++*covered_at(kf, caller);
	}
	spin_unlock(q, &kf->lock);
	return m;
}

/* A page that could not be guarded holds what was left there. */
static void check_poison(struct quire *q, struct kfence *kf, unsigned int i)
{
	const char *p = kfence_page(kf, i);

	for (unsigned int at = 0; at < PAGE_SIZE; at++) {
		if ((u8)p[at] == POISON_FREE)
			continue;
		kfence_report(q, p + at, true, KFENCE_ERROR_UAF, &kf->meta[i]);
		return;
	}
}

static void *place_object(struct quire *q, struct kfence *kf, struct kfence_metadata *m,
			  struct kmem_cache *s, size_t size)
{
	unsigned int i = (unsigned int)(m - kf->meta);
	char *page = kfence_page(kf, i), *object = page;

	guard(q, page, false);
	if (!kf->guards && m->state == KFENCE_FREED)
		check_poison(q, kf, i);
	/* At the page's end, as near as its alignment lets it, or at its start. */
	if (slab_random(q) & 1)
		object = page + ALIGN_DOWN(PAGE_SIZE - size, (size_t)max(s->align, 8u));
	m->object = object;
	m->size = size;
	m->cache = s;
	set_canary(page, object);
	set_canary(object + size, page + PAGE_SIZE);
	return object;
}

void *kfence_alloc(struct quire *q, struct kmem_cache *s, size_t size, gfp_t gfp,
		   unsigned long caller)
{
	struct kfence *kf = kf_of(q);
	struct kfence_metadata *m;
	void *object;

	if (!size || size > PAGE_SIZE || (gfp & (__GFP_DMA | __GFP_DMA32 | __GFP_THISNODE)) ||
	    (s->flags & (SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_TYPESAFE_BY_RCU)) ||
	    s == q->slab->kmem_cache || s == q->slab->kmem_cache_node)
		return NULL;
	if (!HOT_CMPXCHG(&kf->gate, 1u, 0u))
		return NULL;
	hook_all(q);
	m = take_meta(q, kf, caller);
	if (!m)
		return NULL;
	object = place_object(q, kf, m, s, size);
	record_track(q, &m->alloc, caller);
	HOT_STORE(&m->state, KFENCE_ALLOCATED);
	if (s->ctor)
		s->ctor(object);
	return object;
}

/* The bytes around an object, and the guard pages where they can't trap. */
static void check_canaries(struct quire *q, struct kfence *kf, struct kfence_metadata *m)
{
	char *page = kfence_page(kf, (unsigned int)(m - kf->meta));
	size_t extra = kf->guards ? 0 : PAGE_SIZE;
	const char *bad = broken_canary(page - extra, m->object);

	if (!bad)
		bad = broken_canary(m->object + m->size, page + PAGE_SIZE + extra);
	if (!bad)
		return;
	kfence_report(q, bad, true, KFENCE_ERROR_CORRUPTION, m);
	set_canary(page - extra, m->object);
	set_canary(m->object + m->size, page + PAGE_SIZE + extra);
}

void kfence_free(struct quire *q, struct page *page, void *object, unsigned long caller)
{
	struct kfence *kf = kf_of(q);
	long i = object_index(kf, page_address(q, page));
	struct kfence_metadata *m = &kf->meta[i];

	spin_lock(q, &kf->lock);
	if (m->state != KFENCE_ALLOCATED || m->object != (char *)object) {
		spin_unlock(q, &kf->lock);
		kfence_report(q, object, false, KFENCE_ERROR_INVALID_FREE, m);
		return;
	}
	HOT_STORE(&m->state, KFENCE_FREED);
	spin_unlock(q, &kf->lock);
	check_canaries(q, kf, m);
	record_track(q, &m->free, caller);
	if (!kf->guards)
		memset(page_address(q, page), POISON_FREE, PAGE_SIZE);
	guard(q, page_address(q, page), true);
	spin_lock(q, &kf->lock);
	list_add_tail(&m->list, &kf->freelist);
	kf->nr_allocated--;
	kf->frees++;
	if (*covered_at(kf, m->site))
		--*covered_at(kf, m->site);
	spin_unlock(q, &kf->lock);
}

struct kmem_cache *kfence_cache_of(struct quire *q, const struct page *page)
{
	struct kfence *kf = kf_of(q);

	return kf->meta[object_index(kf, page_address(q, page))].cache;
}

size_t kfence_ksize(struct quire *q, const void *object)
{
	struct kfence *kf = kf_of(q);

	return kf->meta[object_index(kf, object)].size;
}

unsigned long kfence_shutdown_cache(struct quire *q, struct kmem_cache *s)
{
	struct kfence *kf = kf_of(q);
	unsigned long nr = 0;

	if (!kf)
		return 0;
	for (unsigned int i = 0; i < kf->nr; i++) {
		struct kfence_metadata *m = &kf->meta[i];

		if (m->cache == s && HOT_LOAD(&m->state) == KFENCE_ALLOCATED) {
			nr++;
			kfence_print_object(q, m);
		}
	}
	for (unsigned int i = 0; i < kf->nr && !nr; i++)
		if (kf->meta[i].cache == s)
			kf->meta[i].cache = NULL;
	return nr;
}

/* ---- traps ----------------------------------------------------------------------- */

static long distance(const struct kfence_metadata *m, const char *addr)
{
	return addr < m->object ? m->object - addr : addr - (m->object + m->size);
}

bool kfence_handle_page_fault(struct quire *q, const void *addr, bool is_write)
{
	struct kfence *kf = kf_of(q);
	struct kfence_metadata *m = NULL;
	size_t page;
	long i;

	if (!kf || (const char *)addr < kf->pool ||
	    (const char *)addr >= kf->pool + 2UL * (kf->nr + 1) * PAGE_SIZE)
		return false;
	page = (size_t)((const char *)addr - kf->pool) / PAGE_SIZE;
	guard(q, kf->pool + page * PAGE_SIZE, false);
	if (page % 2 || page < 2) {
		/* A guard page: the nearer of its neighbours was left. */
		for (i = (long)page / 2 - 1; i <= (long)page / 2; i++) {
			struct kfence_metadata *n =
				i >= 0 && i < (long)kf->nr ? &kf->meta[i] : NULL;

			if (n && HOT_LOAD(&n->state) == KFENCE_ALLOCATED &&
			    (!m || distance(n, addr) < distance(m, addr)))
				m = n;
		}
		kfence_report(q, addr, is_write, m ? KFENCE_ERROR_OOB : KFENCE_ERROR_INVALID, m);
		return true;
	}
	m = &kf->meta[object_index(kf, addr)];
	kfence_report(q, addr, is_write,
		      HOT_LOAD(&m->state) == KFENCE_FREED ? KFENCE_ERROR_UAF : KFENCE_ERROR_INVALID,
		      m);
	return true;
}

/* ---- what is shown ----------------------------------------------------------------- */

bool kfence_get_stats(struct quire *q, struct kfence_stats *stats)
{
	struct kfence *kf = kf_of(q);

	if (!kf)
		return false;
	spin_lock(q, &kf->lock);
	*stats = (struct kfence_stats){
		.nr_objects = kf->nr,
		.nr_allocated = kf->nr_allocated,
		.allocs = kf->allocs,
		.frees = kf->frees,
		.bugs = HOT_LOAD(&kf->bugs),
		.skipped = kf->skipped,
		.sample_interval_ms = HOT_LOAD(&kf->sample_ms),
	};
	spin_unlock(q, &kf->lock);
	return true;
}
