/* SPDX-License-Identifier: MIT */
/*
 * Sheaves: what the common case (sheaf_alloc.h) leaves to do.  The idea and the
 * locks are in sheaf.h.
 *
 * An allocation that finds the CPU's array empty takes a batch: a full sheaf of
 * the barn, or objects of partial slabs, or of a new one, the first by address
 * on top.  A free that finds it full takes a batch off, the youngest, into a
 * sheaf for the barn; if that has enough of them, back to the slabs, all under
 * one lock, each slab's descriptor asked for well before it is needed.
 *
 * Sheaves and large bitmaps are objects of caches without sheaves.
 */
#include "base/bitmap.h"
#include "slab/impl.h"
#include "slab/sheaf_alloc.h"

#if HOT_PERCPU

/* ---- memory for sheaves and bitmaps ------------------------------------------ */

static unsigned int mem_class(size_t bytes)
{
	return bytes <= 64 ? 0 : ilog2(bytes - 1) + 1 - 6;
}

static void *sheaf_mem(struct quire *q, size_t bytes)
{
	unsigned int class = mem_class(bytes);

	return class < NR_SHEAF_SIZES ? kmem_cache_alloc(q, q->slab->sheaf_caches[class],
							 GFP_NOWAIT | __GFP_NOWARN)
				      : NULL;
}

static void sheaf_mem_free(struct quire *q, void *mem, size_t bytes)
{
	kmem_cache_free(q, q->slab->sheaf_caches[mem_class(bytes)], mem);
}

int sheaf_init(struct quire *q)
{
	static const char *const names[NR_SHEAF_SIZES] = {"sheaf-64",  "sheaf-128", "sheaf-256",
							  "sheaf-512", "sheaf-1k",  "sheaf-2k"};

	if (!q->hot->slab_ids || q->nr_nodes != 1 || q->slab->impl != &slub_impl)
		return 0;
	for (unsigned int i = 0; i < NR_SHEAF_SIZES; i++) {
		q->slab->sheaf_caches[i] =
			create_cache(q, names[i], 64u << i, 64, SLAB_NO_MERGE, NULL);
		if (!q->slab->sheaf_caches[i])
			return -ENOMEM;
	}
	/* Where there are no lists, caches are as any others. */
	q->slab->sheaf_base =
		hot_percpu_alloc(q->hot, (size_t)(NR_SHEAVED_CACHES + 1) << SHEAF_SHIFT);
	return 0;
}

static size_t sheaf_bytes(const struct kmem_cache *s)
{
	return sizeof(struct slab_sheaf) + s->sheaves.batch * sizeof(void *);
}

static size_t bits_bytes(unsigned int objects)
{
	return BITS_TO_LONGS(objects) * sizeof(unsigned long);
}

/* ---- caches ------------------------------------------------------------------ */

static bool may_have_sheaves(struct quire *q, const struct kmem_cache *s)
{
	return q->slab->sheaf_base && !cache_has_sheaves(s) && q->slab->impl == &slub_impl &&
	       !s->random_seq && !s->ctor &&
	       !(s->flags &
		 (SLAB_TYPESAFE_BY_RCU | SLAB_ACCOUNT | SLAB_DEBUG_FLAGS | SLAB_FAILSLAB)) &&
	       s->objects <= 64u << 7 && (u64)(PAGE_SIZE << s->order) * s->size <= 1UL << 32;
}

void sheaf_setup(struct quire *q, struct kmem_cache *s)
{
	struct cache_sheaves *sh = &s->sheaves;
	unsigned int id = 0;

	if (!may_have_sheaves(q, s))
		return;
	spin_lock(q, &q->slab->list_lock);
	for (unsigned int i = 1; i <= NR_SHEAVED_CACHES && !id; i++)
		if (!q->slab->sheaved[i])
			id = i;
	if (id)
		q->slab->sheaved[id] = s;
	spin_unlock(q, &q->slab->list_lock);
	if (!id)
		return;
	*sh = (struct cache_sheaves){.recip = (u32)DIV_ROUND_UP(1UL << 32, (unsigned long)s->size)};
	spin_lock_init(&sh->barn.lock, LOCK_SLAB_NODE);
	sh->cap = clamp(SHEAF_BYTES / s->size, 8u, SHEAF_MAX);
	sh->batch = sh->cap / 2;
	sh->barn.max = clamp(BARN_BYTES / (sh->batch * s->size), 2u, 32u);
	s->fast = hot_stack(q->hot, q->slab->sheaf_base + (id << SHEAF_SHIFT), sh->cap);
	s->fast.id = (u8)id;
	/* KFENCE's gate may be open; it opens and shuts under this lock. */
	spin_lock(q, &q->slab->list_lock);
	slab_update_hooked(q, s);
	spin_unlock(q, &q->slab->list_lock);
}

void sheaf_remove(struct quire *q, struct kmem_cache *s)
{
	struct cache_sheaves *sh = &s->sheaves;
	struct slab_sheaf *sheaf;

	if (!cache_has_sheaves(s))
		return;
	sheaf_flush(q, s);
	while ((sheaf = sh->barn.empty) != NULL) {
		sh->barn.empty = sheaf->next;
		sheaf_mem_free(q, sheaf, sheaf_bytes(s));
	}
	spin_lock(q, &q->slab->list_lock);
	q->slab->sheaved[s->fast.id] = NULL;
	spin_unlock(q, &q->slab->list_lock);
	s->fast = (struct quire_host_stack){.id = NO_SHEAVES};
}

/* ---- slabs ------------------------------------------------------------------- */

/* The slab's frames become the cache's of that number. */
static void set_frames(struct quire *q, struct page *page, u8 id)
{
	u64 pfn = page_to_pfn(q, page), nr = 1UL << compound_order(page);

	memset(hot_slab_id(q->hot, pfn), id, nr);
	if (q->hot->frames_changed)
		q->hot->frames_changed(q->hot, pfn, nr, id != 0);
}

bool sheaf_slab_init(struct quire *q, struct kmem_cache *s, struct page *page)
{
	unsigned int nr = page->objects;
	unsigned long *bits;

	if (nr > BITS_PER_LONG) {
		page->freelist = sheaf_mem(q, bits_bytes(nr));
		if (!page->freelist)
			return false;
	}
	bits = slab_bits(page);
	for (unsigned int i = 0; i < nr; i += BITS_PER_LONG)
		bits[i / BITS_PER_LONG] =
			nr - i >= BITS_PER_LONG ? ~0UL : BITMAP_LAST_WORD_MASK(nr - i);
	set_frames(q, page, s->fast.id);
	if (compound_order(page) != s->order)
		HOT_STORE(&s->sheaves.two_orders, true);
	return true;
}

void sheaf_slab_free(struct quire *q, struct kmem_cache *s, struct page *page)
{
	(void)s;
	if (page->objects > BITS_PER_LONG)
		sheaf_mem_free(q, page->freelist, bits_bytes(page->objects));
	page->freelist = NULL;
	set_frames(q, page, 0);
}

/* The slab of an object.  Slabs of the usual order lie at multiples of their size,
 * so no tail's descriptor is asked. */
static inline struct page *object_slab(struct quire *q, struct kmem_cache *s, const void *object)
{
	u64 pfn = virt_to_pfn(q, object);

	if (unlikely(HOT_LOAD(&s->sheaves.two_orders)))
		return virt_to_slab(q, object);
	return pfn_to_page(q, pfn & ~((1UL << s->order) - 1));
}

static inline unsigned int object_index(struct quire *q, struct kmem_cache *s,
					const struct page *page, const void *object)
{
	u64 offset = (u64)((const char *)object - (const char *)page_address(q, page));
	unsigned int index = (unsigned int)(offset * s->sheaves.recip >> 32);

	BUG_ON(q, index >= page->objects || (u64)index * s->size != offset); /* not an object */
	return index;
}

/* Free objects of a slab into p[0 .. want), from the end on, lowest first; how
 * many places of p are left. */
static size_t take_bits(struct quire *q, struct kmem_cache *s, struct page *page, void **p,
			size_t want)
{
	char *base = page_address(q, page);
	unsigned long *bits = slab_bits(page);
	size_t left = want;

	for (unsigned int w = 0; w < BITS_TO_LONGS(page->objects) && left; w++) {
		while (bits[w] && left) {
			unsigned int bit = (unsigned int)__builtin_ctzl(bits[w]);

			bits[w] &= bits[w] - 1;
			p[--left] = base + (size_t)(w * BITS_PER_LONG + bit) * s->size;
		}
	}
	page->inuse = (u16)(page->inuse + (want - left));
	return left;
}

/*
 * Up to nr objects from the slabs into the end of p, lowest address last.  A new
 * slab only until half of them are there.  How many came.
 */
static size_t slabs_alloc(struct quire *q, struct kmem_cache *s, gfp_t gfp, size_t nr, void **p)
{
	struct kmem_cache_node *n = s->node[0];
	size_t left = nr;

	if (HOT_LOAD(&n->nr_partial)) {
		spin_lock(q, &n->list_lock);
		while (left && n->nr_partial) {
			struct page *page = list_first_entry(&n->partial, struct page, lru);

			left = take_bits(q, s, page, p, left);
			if (page->inuse == page->objects)
				remove_partial(n, page);
		}
		s->sheaves.nr_free -= nr - left;
		spin_unlock(q, &n->list_lock);
	}
	while (left > nr / 2) {
		/* What is there already need not be waited for. */
		struct page *page = new_slab(
			q, s, left == nr ? gfp : (gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_NOWARN, 0);

		if (!page)
			break;
		left = take_bits(q, s, page, p, left);
		if (page->inuse == page->objects)
			continue;
		spin_lock(q, &n->list_lock);
		s->sheaves.nr_free += (unsigned long)page->objects - page->inuse;
		add_partial(n, page, false);
		spin_unlock(q, &n->list_lock);
	}
	return nr - left;
}

/* One object back; true: its slab is empty and off the list, to be discarded. */
static inline bool free_bit(struct quire *q, struct kmem_cache *s, struct kmem_cache_node *n,
			    struct page *page, void *object)
{
	unsigned int index = object_index(q, s, page, object);
	unsigned long *bits = slab_bits(page);

	BUG_ON(q, test_bit(index, bits)); /* freed twice */
	__set_bit(index, bits);
	if (page->inuse-- == page->objects)
		add_partial(n, page, true);
	if (page->inuse || n->nr_partial <= s->min_partial)
		return false;
	remove_partial(n, page);
	return true;
}

/* At most SHEAF_MAX of them.  The memory that they need is asked for first, the
 * descriptors, then the bitmaps, so that it comes all at once. */
static void slabs_free(struct quire *q, struct kmem_cache *s, size_t nr, void **p)
{
	struct kmem_cache_node *n = s->node[0];
	struct page *pages[SHEAF_MAX], *empty = NULL;

	for (size_t i = 0; i < nr; i++) {
		pages[i] = object_slab(q, s, p[i]);
		__builtin_prefetch(&pages[i]->freelist, 1);
	}
	for (size_t i = 0; s->objects > BITS_PER_LONG && i < nr; i++)
		__builtin_prefetch(HOT_LOAD(&pages[i]->freelist), 1);
	spin_lock(q, &n->list_lock);
	s->sheaves.nr_free += nr;
	for (size_t i = 0; i < nr; i++) {
		struct page *page = pages[i];

		BUG_ON(q, !PageSlab(page) || page->slab_cache != s); /* of another cache */
		if (free_bit(q, s, n, page, p[i])) {
			s->sheaves.nr_free -= page->objects;
			set_slab_next(page, empty);
			empty = page;
		}
	}
	spin_unlock(q, &n->list_lock);
	discard_chain(q, s, empty);
}

/* ---- the barn ---------------------------------------------------------------- */

static struct slab_sheaf *barn_get(struct quire *q, struct kmem_cache *s, bool full)
{
	struct slab_barn *b = &s->sheaves.barn;
	struct slab_sheaf *sheaf = NULL;

	if (!HOT_LOAD(full ? &b->nr_full : &b->nr_empty))
		return NULL;
	spin_lock(q, &b->lock);
	if (full && b->full) {
		sheaf = b->full;
		b->full = sheaf->next;
		HOT_STORE(&b->nr_full, b->nr_full - 1);
	} else if (!full && b->empty) {
		sheaf = b->empty;
		b->empty = sheaf->next;
		HOT_STORE(&b->nr_empty, b->nr_empty - 1);
	}
	spin_unlock(q, &b->lock);
	return sheaf;
}

/* By its size; false: the barn has enough of them. */
static bool barn_put(struct quire *q, struct kmem_cache *s, struct slab_sheaf *sheaf)
{
	struct slab_barn *b = &s->sheaves.barn;
	bool full = sheaf->size != 0, room;

	spin_lock(q, &b->lock);
	room = (full ? b->nr_full : b->nr_empty) < b->max;
	if (room && full) {
		sheaf->next = b->full;
		b->full = sheaf;
		HOT_STORE(&b->nr_full, b->nr_full + 1);
	} else if (room) {
		sheaf->next = b->empty;
		b->empty = sheaf;
		HOT_STORE(&b->nr_empty, b->nr_empty + 1);
	}
	spin_unlock(q, &b->lock);
	return room;
}

/* A sheaf that is not needed: its objects to the slabs, itself for later. */
static void put_sheaf(struct quire *q, struct kmem_cache *s, struct slab_sheaf *sheaf)
{
	if (barn_put(q, s, sheaf))
		return;
	if (sheaf->size) {
		slabs_free(q, s, sheaf->size, sheaf->objects);
		sheaf->size = 0;
		if (barn_put(q, s, sheaf))
			return;
	}
	sheaf_mem_free(q, sheaf, sheaf_bytes(s));
}

/* ---- an empty array, a full one ---------------------------------------------- */

static void *alloc_from_sheaf(struct quire *q, struct kmem_cache *s, struct slab_sheaf *sheaf)
{
	void *object = sheaf->objects[--sheaf->size];
	u32 moved = hot_stack_push_many(q->hot, &s->fast, (u64 *)sheaf->objects, sheaf->size);

	/* Another thread was quicker, or the CPU is stopped: the rest stays a sheaf. */
	if (unlikely(moved < sheaf->size))
		memmove(sheaf->objects, sheaf->objects + moved,
			(sheaf->size - moved) * sizeof(void *));
	sheaf->size -= moved;
	put_sheaf(q, s, sheaf);
	return object;
}

void *sheaf_alloc_slow(struct quire *q, struct kmem_cache *s, gfp_t gfp)
{
	struct cache_sheaves *sh = &s->sheaves;
	struct slab_sheaf *sheaf = barn_get(q, s, true);
	void *batch[SHEAF_MAX], **p;
	size_t nr;
	u32 moved;

	if (sheaf)
		return alloc_from_sheaf(q, s, sheaf);
	nr = slabs_alloc(q, s, gfp, sh->batch, batch);
	if (!nr)
		return NULL;
	p = batch + sh->batch - nr;
	nr--;
	moved = hot_stack_push_many(q->hot, &s->fast, (u64 *)p, (u32)nr);
	if (unlikely(moved < nr))
		slabs_free(q, s, nr - moved, p + moved);
	return p[nr];
}

void sheaf_free_slow(struct quire *q, struct kmem_cache *s, void *object)
{
	struct cache_sheaves *sh = &s->sheaves;
	struct slab_sheaf *sheaf = NULL;
	void *batch[SHEAF_MAX];
	u32 nr;

	if (HOT_LOAD(&sh->barn.nr_full) < sh->barn.max) {
		sheaf = barn_get(q, s, false);
		if (!sheaf)
			sheaf = sheaf_mem(q, sheaf_bytes(s));
	}
	if (sheaf) {
		sheaf->size =
			hot_stack_pop_many(q->hot, &s->fast, (u64 *)sheaf->objects, sh->batch);
		put_sheaf(q, s, sheaf);
	} else {
		nr = hot_stack_pop_many(q->hot, &s->fast, (u64 *)batch, sh->batch);
		slabs_free(q, s, nr, batch);
	}
	if (!hot_stack_push(q->hot, &s->fast, (u64)object))
		slabs_free(q, s, 1, &object);
}

/* ---- many at once ------------------------------------------------------------ */

bool sheaf_alloc_bulk(struct quire *q, struct kmem_cache *s, gfp_t gfp, size_t nr, void **p)
{
	struct cache_sheaves *sh = &s->sheaves;
	size_t have = 0;

	while (have < nr) {
		u32 want = (u32)min(nr - have, (size_t)PERCPU_COUNT_MASK);

		have += hot_stack_pop_many(q->hot, &s->fast, (u64 *)(p + have), want);
		if (have == nr)
			break;
		if (nr - have > sh->batch) {
			/* Many: straight from the slabs, by the batch. */
			size_t got = slabs_alloc(q, s, gfp, nr - have, p + have);

			if (!got)
				goto undo;
			memmove(p + have, p + nr - got, got * sizeof(*p));
			have += got;
			continue;
		}
		p[have] = sheaf_alloc_slow(q, s, gfp);
		if (!p[have])
			goto undo;
		have++;
	}
	return true;
undo:
	sheaf_free_bulk(q, s, have, p);
	return false;
}

void sheaf_free_bulk(struct quire *q, struct kmem_cache *s, size_t nr, void **p)
{
	struct cache_sheaves *sh = &s->sheaves;

	while (nr) {
		u32 want = (u32)min(nr, (size_t)sh->cap);
		u32 moved = hot_stack_push_many(q->hot, &s->fast, (u64 *)p, want);

		p += moved;
		nr -= moved;
		if (nr) {
			sheaf_free_slow(q, s, *p++);
			nr--;
		}
	}
}

/* ---- all of it --------------------------------------------------------------- */

void sheaf_flush(struct quire *q, struct kmem_cache *s)
{
	struct slab_sheaf *sheaf;
	void *batch[SHEAF_MAX];

	for (u32 slot = 0; slot < hot_percpu_slots(q->hot); slot++) {
		struct percpu_list *list;
		u32 nr;

		if (!hot_stack_count(&s->fast, slot))
			continue;
		list = hot_stack_stop(q->hot, &s->fast, slot, &nr);
		memcpy(batch, list->u64, nr * sizeof(*batch));
		hot_stack_resume(q->hot, &s->fast, slot, 0);
		slabs_free(q, s, nr, batch);
	}
	while ((sheaf = barn_get(q, s, true)) != NULL) {
		slabs_free(q, s, sheaf->size, sheaf->objects);
		sheaf->size = 0;
		put_sheaf(q, s, sheaf);
	}
}

unsigned long sheaf_count(struct quire *q, struct kmem_cache *s)
{
	struct cache_sheaves *sh = &s->sheaves;
	unsigned long nr = 0;

	for (u32 slot = 0; slot < hot_percpu_slots(q->hot); slot++)
		nr += hot_stack_count(&s->fast, slot);
	spin_lock(q, &sh->barn.lock);
	for (struct slab_sheaf *sheaf = sh->barn.full; sheaf; sheaf = sheaf->next)
		nr += sheaf->size;
	spin_unlock(q, &sh->barn.lock);
	return nr;
}

#endif
