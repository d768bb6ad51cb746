/* SPDX-License-Identifier: MIT */
/*
 * Debugging of caches: what is checked when, and objects of debugged caches on
 * their way in and out (Linux's slub.c under CONFIG_SLUB_DEBUG).
 *
 * A debugged cache has no CPU slabs: each object is taken from and given back
 * to the node's lists under the node's lock, with the checks that its flags ask
 * for, so its slabs are never frozen.  With SLAB_STORE_USER full slabs are on
 * s->full, so that all objects can be found.  What is found wrong is reported,
 * mended where that can be done, and the machine goes on: an object that was
 * freed wrongly is not freed, a slab that can't be trusted is taken out.
 *
 * Locks: kmem_cache_node.list_lock, for all of a slab and the bytes around its
 * objects.
 */
#include "slab/debug.h"
#include "slab/sheaf_alloc.h"
#include "base/printk.h"

/* ---- where things are --------------------------------------------------------- */

static bool check_valid_pointer(struct quire *q, const struct kmem_cache *s, struct page *page,
				const void *object)
{
	const char *start = page_address(q, page);
	const char *p;

	if (!object)
		return true;
	p = (const char *)object - s->red_left_pad;
	return p >= start && p < start + (size_t)page->objects * s->size &&
	       (size_t)(p - start) % s->size == 0;
}

static unsigned int *asked_size_at(const struct kmem_cache *s, const void *object)
{
	return (unsigned int *)(get_track(s, object, TRACK_ALLOC) + 2);
}

size_t slab_asked_size(const struct kmem_cache *s, const void *object)
{
	return slub_debug_orig_size(s) ? *asked_size_at(s, object) : s->object_size;
}

/* ---- patterns ----------------------------------------------------------------- */

static void init_object(const struct kmem_cache *s, void *object, int val)
{
	char *p = object;
	size_t poisoned = s->object_size;

	if (s->flags & SLAB_RED_ZONE) {
		memset(p - s->red_left_pad, val, s->red_left_pad);
		/* What kmalloc() rounded a request up by is a red zone, too. */
		if (slub_debug_orig_size(s) && val == SLUB_RED_ACTIVE)
			poisoned = *asked_size_at(s, object);
	}
	if (s->flags & __OBJECT_POISON) {
		memset(p, POISON_FREE, s->object_size - 1);
		p[s->object_size - 1] = (char)POISON_END;
	}
	if (s->flags & SLAB_RED_ZONE)
		memset(p + poisoned, val, s->inuse - poisoned);
}

void slab_set_asked_size(struct quire *q, struct kmem_cache *s, void *object, size_t asked)
{
	struct kmem_cache_node *n = slab_node(s, virt_to_slab(q, object));

	spin_lock(q, &n->list_lock);
	*asked_size_at(s, object) = (unsigned int)asked;
	if (s->flags & SLAB_RED_ZONE)
		memset((char *)object + asked, SLUB_RED_ACTIVE, s->inuse - asked);
	spin_unlock(q, &n->list_lock);
}

static void set_track(struct quire *q, struct kmem_cache *s, void *object, enum track_item item,
		      unsigned long addr, u32 handle)
{
	struct track *t = get_track(s, object, item);
	const char *comm;

	*t = (struct track){.addr = addr,
			    .handle = handle,
			    .cpu = (int)smp_processor_id(q),
			    .when = quire_clock(q)};
	if (q->slab->task_ops.current_task)
		q->slab->task_ops.current_task(q, &t->pid, &comm);
}

void setup_slab_debug(struct quire *q, struct kmem_cache *s, struct page *page)
{
	if (s->flags & SLAB_POISON)
		memset(page_address(q, page), POISON_INUSE, PAGE_SIZE << compound_order(page));
}

void setup_object(__unused struct quire *q, struct kmem_cache *s, __unused struct page *page,
		  void *object)
{
	if (s->flags & (SLAB_STORE_USER | SLAB_RED_ZONE | __OBJECT_POISON)) {
		if (slub_debug_orig_size(s))
			*asked_size_at(s, object) = s->object_size;
		init_object(s, object, SLUB_RED_INACTIVE);
		if (s->flags & SLAB_STORE_USER)
			memset(get_track(s, object, TRACK_ALLOC), 0, 2 * sizeof(struct track));
	}
	if (s->ctor)
		s->ctor(object);
}

/* ---- checks ------------------------------------------------------------------- */

/* Under list_lock.  False, reported and mended, if a byte is not value. */
static bool check_bytes_and_report(struct quire *q, struct kmem_cache *s, struct page *page,
				   void *object, const char *what, void *from, unsigned int value,
				   size_t bytes)
{
	unsigned char *start = from, *fault = start, *end = start + bytes;

	while (fault < end && *fault == value)
		fault++;
	if (likely(fault == end))
		return true;
	while (end > fault && end[-1] == value)
		end--;
	slab_bug(q, s->name, "%s overwritten", what);
	pr_err(q, "0x%016lx-0x%016lx @offset=%lu. First byte 0x%x instead of 0x%x",
	       slab_kaddr(q, fault), slab_kaddr(q, end - 1),
	       (unsigned long)(fault - (unsigned char *)page_address(q, page)), *fault, value);
	print_trailer(q, s, page, object);
	slab_fix(q, s, "Restoring %s 0x%016lx-0x%016lx=0x%x", what, slab_kaddr(q, fault),
		 slab_kaddr(q, end - 1), value);
	memset(fault, (int)value, (size_t)(end - fault));
	return false;
}

static bool check_red_zones(struct quire *q, struct kmem_cache *s, struct page *page, char *p,
			    unsigned int val)
{
	size_t asked = s->object_size;

	if (!check_bytes_and_report(q, s, page, p, "Left Redzone", p - s->red_left_pad, val,
				    s->red_left_pad) ||
	    !check_bytes_and_report(q, s, page, p, "Right Redzone", p + s->object_size, val,
				    s->inuse - s->object_size))
		return false;
	if (!slub_debug_orig_size(s) || val != SLUB_RED_ACTIVE)
		return true;
	asked = min((size_t)*asked_size_at(s, p), asked);
	return check_bytes_and_report(q, s, page, p, "kmalloc Redzone", p + asked, val,
				      s->object_size - asked);
}

static bool check_pad_bytes(struct quire *q, struct kmem_cache *s, struct page *page, char *p)
{
	unsigned int off = get_info_end(s);

	if (s->flags & SLAB_STORE_USER)
		off += 2 * (unsigned int)sizeof(struct track);
	if (slub_debug_orig_size(s))
		off += (unsigned int)sizeof(unsigned int);
	return size_from_object(s) == off ||
	       check_bytes_and_report(q, s, page, p, "Object padding", p + off, POISON_INUSE,
				      size_from_object(s) - off);
}

/* An object that should be in use (SLUB_RED_ACTIVE) or free. */
static bool check_object(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
			 unsigned int val)
{
	char *p = object;

	if (s->flags & SLAB_RED_ZONE) {
		if (!check_red_zones(q, s, page, p, val))
			return false;
	} else if ((s->flags & SLAB_POISON) && s->object_size < s->inuse) {
		(void)check_bytes_and_report(q, s, page, p, "Alignment padding", p + s->object_size,
					     POISON_INUSE, s->inuse - s->object_size);
	}
	if (s->flags & SLAB_POISON) {
		if (val != SLUB_RED_ACTIVE && (s->flags & __OBJECT_POISON) &&
		    (!check_bytes_and_report(q, s, page, p, "Poison", p, POISON_FREE,
					     s->object_size - 1) ||
		     !check_bytes_and_report(q, s, page, p, "End Poison", p + s->object_size - 1,
					     POISON_END, 1)))
			return false;
		(void)check_pad_bytes(q, s, page, p);
	}
	/* While it is in use its owner's bytes are where the link would be. */
	if (!freeptr_outside_object(s) && val == SLUB_RED_ACTIVE)
		return true;
	if (!check_valid_pointer(q, s, page, get_freepointer(s, p))) {
		object_err(q, s, page, p, "Freepointer corrupt");
		set_freepointer(s, p, NULL);
		return false;
	}
	return true;
}

/* What a slab has behind its last object. */
static void slab_pad_check(struct quire *q, struct kmem_cache *s, struct page *page)
{
	unsigned char *start = page_address(q, page), *fault, *end;
	size_t length = PAGE_SIZE << compound_order(page), rest;

	rest = length - (size_t)page->objects * s->size;
	if (!(s->flags & SLAB_POISON) || !rest)
		return;
	end = start + length;
	fault = end - rest;
	while (fault < end && *fault == POISON_INUSE)
		fault++;
	if (fault == end)
		return;
	while (end > fault && end[-1] == POISON_INUSE)
		end--;
	slab_err(q, s, page, "Padding overwritten. 0x%016lx-0x%016lx @offset=%lu",
		 slab_kaddr(q, fault), slab_kaddr(q, end - 1), (unsigned long)(fault - start));
	print_section(q, "Padding ", start + length - rest, rest);
	slab_fix(q, s, "Restoring slab padding 0x%016lx-0x%016lx=0x%x", slab_kaddr(q, fault),
		 slab_kaddr(q, end - 1), POISON_INUSE);
	memset(fault, POISON_INUSE, (size_t)(end - fault));
}

static bool check_slab(struct quire *q, struct kmem_cache *s, struct page *page)
{
	unsigned long most = (PAGE_SIZE << compound_order(page)) / s->size;

	if (!PageSlab(page)) {
		slab_err(q, s, page, "Not a valid slab page");
		return false;
	}
	if (page->objects > most) {
		slab_err(q, s, page, "objects %u > max %lu", page->objects, most);
		return false;
	}
	if (page->inuse > page->objects) {
		slab_err(q, s, page, "inuse %u > max %u", page->inuse, page->objects);
		return false;
	}
	slab_pad_check(q, s, page);
	return true;
}

/* Is the object (NULL: none) on its slab's free list?  Mends what it can't follow. */
static bool on_freelist(struct quire *q, struct kmem_cache *s, struct page *page, void *search)
{
	void *object = NULL, *fp = page->freelist;
	unsigned int nr = 0;

	while (fp && nr <= page->objects) {
		if (fp == search)
			return true;
		if (!check_valid_pointer(q, s, page, fp)) {
			if (object) {
				object_err(q, s, page, object, "Freechain corrupt");
				set_freepointer(s, object, NULL);
				break;
			}
			slab_err(q, s, page, "Freepointer corrupt");
			page->freelist = NULL;
			page->inuse = page->objects;
			slab_fix(q, s, "Freelist cleared");
			return false;
		}
		object = fp;
		fp = get_freepointer(s, object);
		nr++;
	}
	if (page->inuse != page->objects - nr) {
		slab_err(q, s, page, "Wrong object count. Counter is %u but counted were %u",
			 page->inuse, page->objects - nr);
		page->inuse = (u16)(page->objects - min(nr, (unsigned int)page->objects));
		slab_fix(q, s, "Object count adjusted");
	}
	return search == NULL;
}

/* ---- full slabs ---------------------------------------------------------------- */

struct list_head *alloc_full_lists(struct quire *q)
{
	struct slab_floor *f = q->slab;
	struct list_head *full = NULL;
	struct page *page = NULL;

	/* From pages: the first caches need them before kmalloc() works. */
	for (;;) {
		spin_lock(q, &f->full_lock);
		if (page) {
			f->full_next = page_address(q, page);
			f->full_end = f->full_next + PAGE_SIZE / sizeof(*full);
		}
		if (f->full_free) {
			full = f->full_free;
			f->full_free = full->next;
		} else if (f->full_end - f->full_next >= (long)q->nr_nodes) {
			full = f->full_next;
			f->full_next += q->nr_nodes;
		}
		spin_unlock(q, &f->full_lock);
		if (full)
			break;
		page = alloc_pages(q, GFP_KERNEL, 0);
		if (!page)
			return NULL;
	}
	for_each_node (q, nid)
		INIT_LIST_HEAD(&full[nid]);
	return full;
}

void free_full_lists(struct quire *q, struct list_head *full)
{
	if (!full)
		return;
	spin_lock(q, &q->slab->full_lock);
	full->next = q->slab->full_free;
	q->slab->full_free = full;
	spin_unlock(q, &q->slab->full_lock);
}

static void add_full(struct kmem_cache *s, struct page *page)
{
	if (s->full)
		list_add(&page->lru, &s->full[page_to_nid(page)]);
}

static void remove_full(struct kmem_cache *s, struct page *page)
{
	if (s->full)
		list_del_init(&page->lru);
}

/* ---- allocation ----------------------------------------------------------------- */

static void trace_object(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
			 bool alloc)
{
	if (!(s->flags & SLAB_TRACE))
		return;
	pr_info(q, "TRACE %s %s 0x%016lx inuse=%d fp=0x%016lx", s->name, alloc ? "alloc" : "free",
		slab_kaddr(q, object), page->inuse, slab_kaddr(q, page->freelist));
	if (!alloc)
		print_section(q, "Object   ", object, s->object_size);
}

/*
 * Takes an object out of a slab; under list_lock.  NULL: the slab can't be
 * trusted, and all its objects count as used from now on.
 */
static void *take_object(struct quire *q, struct kmem_cache *s, struct page *page, size_t asked,
			 unsigned long caller, u32 handle)
{
	void *object = page->freelist;
	bool good = true;

	if (s->flags & SLAB_CONSISTENCY_CHECKS) {
		good = check_slab(q, s, page);
		if (good && !check_valid_pointer(q, s, page, object)) {
			slab_err(q, s, page, "Freelist Pointer check fails");
			good = false;
		}
		good = good && check_object(q, s, page, object, SLUB_RED_INACTIVE);
	}
	if (!good) {
		if (PageSlab(page)) {
			slab_fix(q, s, "Marking all objects used");
			page->inuse = page->objects;
			page->freelist = NULL;
		}
		return NULL;
	}
	page->freelist = get_freepointer(s, object);
	page->inuse++;
	if (s->flags & SLAB_STORE_USER)
		set_track(q, s, object, TRACK_ALLOC, caller, handle);
	if (slub_debug_orig_size(s))
		*asked_size_at(s, object) = (unsigned int)min(asked, (size_t)s->object_size);
	trace_object(q, s, page, object, true);
	if (s->flags & (SLAB_RED_ZONE | __OBJECT_POISON))
		init_object(s, object, SLUB_RED_ACTIVE);
	return object;
}

static void *alloc_single_from_partial(struct quire *q, struct kmem_cache *s,
				       struct kmem_cache_node *n, size_t asked,
				       unsigned long caller, u32 handle)
{
	void *object = NULL;

	if (!n || !HOT_LOAD(&n->nr_partial))
		return NULL;
	spin_lock(q, &n->list_lock);
	while (!object && n->nr_partial) {
		struct page *page = list_first_entry(&n->partial, struct page, lru);

		object = take_object(q, s, page, asked, caller, handle);
		if (!page->freelist) {
			remove_partial(n, page);
			add_full(s, page);
		}
	}
	spin_unlock(q, &n->list_lock);
	return object;
}

static void *alloc_single_from_new_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid,
					size_t asked, unsigned long caller, u32 handle)
{
	struct page *page = new_slab(q, s, gfp, nid);
	struct kmem_cache_node *n;
	void *object;

	if (!page)
		return NULL;
	n = slab_node(s, page);
	spin_lock(q, &n->list_lock);
	object = take_object(q, s, page, asked, caller, handle);
	if (page->freelist)
		add_partial(n, page, false);
	else
		add_full(s, page);
	spin_unlock(q, &n->list_lock);
	return object;
}

void *slab_alloc_debug(struct quire *q, struct kmem_cache *s, gfp_t gfp, int nid, size_t asked,
		       unsigned long caller)
{
	u32 handle = s->flags & SLAB_STORE_USER ? stack_depot_here(q) : 0;
	unsigned int local = nid < 0 ? numa_node_id(q) : (unsigned int)nid;
	void *object;

	if (nid >= 0 && !s->node[nid])
		nid = -1;
	object = alloc_single_from_partial(q, s, s->node[local], asked, caller, handle);
	if (!object && nid < 0)
		for_each_node (q, other)
			if (!object && other != local && s->node[other] &&
			    HOT_LOAD(&s->node[other]->nr_partial) > s->min_partial)
				object = alloc_single_from_partial(q, s, s->node[other], asked,
								   caller, handle);
	if (!object)
		object = alloc_single_from_new_slab(q, s, gfp, nid, asked, caller, handle);
	return object;
}

/* ---- freeing --------------------------------------------------------------------- */

/* Under list_lock: may the object be freed? */
static bool free_consistency_checks(struct quire *q, struct kmem_cache *s, struct page *page,
				    void *object)
{
	if (!check_slab(q, s, page))
		return false;
	if (!check_valid_pointer(q, s, page, object) || !object) {
		slab_err(q, s, page, "Invalid object pointer 0x%016lx", slab_kaddr(q, object));
		return false;
	}
	if (on_freelist(q, s, page, object)) {
		object_err(q, s, page, object, "Object already free");
		return false;
	}
	return check_object(q, s, page, object, SLUB_RED_ACTIVE);
}

void slab_free_debug(struct quire *q, struct kmem_cache *s, struct page *page, void *object,
		     unsigned long caller)
{
	u32 handle = s->flags & SLAB_STORE_USER ? stack_depot_here(q) : 0;
	struct kmem_cache_node *n = slab_node(s, page);
	bool empty = false;

	spin_lock(q, &n->list_lock);
	if ((s->flags & SLAB_CONSISTENCY_CHECKS) && !free_consistency_checks(q, s, page, object)) {
		slab_fix(q, s, "Object at 0x%016lx not freed", slab_kaddr(q, object));
		goto out;
	}
	if (s->flags & SLAB_STORE_USER)
		set_track(q, s, object, TRACK_FREE, caller, handle);
	trace_object(q, s, page, object, false);
	if (s->flags & (SLAB_RED_ZONE | __OBJECT_POISON))
		init_object(s, object, SLUB_RED_INACTIVE);
	set_freepointer(s, object, page->freelist);
	if (!page->freelist) {
		remove_full(s, page);
		add_partial(n, page, true);
	}
	page->freelist = object;
	page->inuse--;
	if (!page->inuse && n->nr_partial > s->min_partial) {
		remove_partial(n, page);
		empty = true;
	}
out:
	spin_unlock(q, &n->list_lock);
	if (empty)
		discard_slab(q, s, page);
}

/* ---- whole slabs ----------------------------------------------------------------- */

void check_discarded_slab(struct quire *q, struct kmem_cache *s, struct page *page)
{
	char *p = (char *)page_address(q, page) + s->red_left_pad;

	if (!(s->flags & SLAB_CONSISTENCY_CHECKS))
		return;
	slab_pad_check(q, s, page);
	for (unsigned int i = 0; i < page->objects; i++, p += s->size)
		(void)check_object(q, s, page, p, SLUB_RED_INACTIVE);
}

static void mark_free(struct quire *q, struct kmem_cache *s, struct page *page, unsigned long *map)
{
	char *start = page_address(q, page);
	unsigned int nr = 0;

	bitmap_zero(map, SLAB_MAX_CHECKED);
#if HOT_PERCPU
	if (cache_has_sheaves(s)) {
		for (unsigned int i = 0; i < page->objects && i < SLAB_MAX_CHECKED; i++)
			__assign_bit(i, map, test_bit(i, slab_bits(page)));
		return;
	}
#endif
	for (void *p = page->freelist;
	     p && check_valid_pointer(q, s, page, p) && nr++ <= page->objects;
	     p = get_freepointer(s, p))
		__set_bit((size_t)((char *)p - start) / s->size, map);
}

static void validate_slab(struct quire *q, struct kmem_cache *s, struct page *page,
			  unsigned long *map)
{
	char *p = (char *)page_address(q, page) + s->red_left_pad;

	if (!check_slab(q, s, page) || !on_freelist(q, s, page, NULL))
		return;
	mark_free(q, s, page, map);
	for (unsigned int i = 0; i < page->objects; i++, p += s->size)
		if (!check_object(q, s, page, p,
				  test_bit(i, map) ? SLUB_RED_INACTIVE : SLUB_RED_ACTIVE))
			break;
}

unsigned long validate_slab_cache(struct quire *q, struct kmem_cache *s)
{
	DECLARE_BITMAP(map, SLAB_MAX_CHECKED);
	unsigned long before = HOT_LOAD(&q->slab->nr_reports);
	struct page *page;

	if (!kmem_cache_debug(s))
		return 0;
	for_each_node (q, nid) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n)
			continue;
		spin_lock(q, &n->list_lock);
		list_for_each_entry (page, &n->partial, lru)
			validate_slab(q, s, page, map);
		if (s->full)
			list_for_each_entry (page, &s->full[nid], lru)
				validate_slab(q, s, page, map);
		spin_unlock(q, &n->list_lock);
	}
	return HOT_LOAD(&q->slab->nr_reports) - before;
}

/* ---- what the owner may use -------------------------------------------------------- */

/* Why the bytes may not be used as they are; NULL: they may.  Under list_lock. */
static const char *why_not(struct quire *q, struct kmem_cache *s, struct page *page, char *object,
			   const char *p, size_t len)
{
	size_t end = slab_asked_size(s, object), off = (size_t)(p - object), run = 0;

	for (void *fp = page->freelist; fp && check_valid_pointer(q, s, page, fp);
	     fp = get_freepointer(s, fp))
		if (fp == object)
			return "Use of a free object";
	if (p < object || off > end || len > end - off)
		return "Use beyond the object";
	if (!(s->flags & __OBJECT_POISON))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		run = (unsigned char)p[i] == POISON_FREE ? run + 1 : 0;
		if (run == min(len, (size_t)4))
			return "Use of uninitialised bytes";
	}
	return NULL;
}

bool kmem_check_memory(struct quire *q, const void *ptr, size_t len)
{
	struct page *page = virt_to_slab(q, ptr);
	struct kmem_cache *s;
	const char *why;
	char *start, *object;

	if (!PageSlab(page) || !kmem_cache_debug(page->slab_cache))
		return true;
	s = page->slab_cache;
	start = page_address(q, page);
	object = start + (size_t)((const char *)ptr - start) / s->size * s->size + s->red_left_pad;
	spin_lock(q, &slab_node(s, page)->list_lock);
	why = why_not(q, s, page, object, ptr, len);
	if (why)
		object_err(q, s, page, object, why);
	spin_unlock(q, &slab_node(s, page)->list_lock);
	return !why;
}

static unsigned long list_slab(struct quire *q, struct kmem_cache *s, struct page *page,
			       unsigned long *map)
{
	char *start = page_address(q, page), *p = start + s->red_left_pad;
	unsigned long nr = 0;

	slab_err(q, s, page, "Objects remaining in %s on __kmem_cache_shutdown()", s->name);
	mark_free(q, s, page, map);
	for (unsigned int i = 0; i < page->objects; i++, p += s->size) {
		if (test_bit(i, map))
			continue;
		nr++;
		pr_err(q, "Object 0x%016lx @offset=%lu", slab_kaddr(q, p),
		       (unsigned long)(p - start));
		print_tracking(q, s, p);
	}
	return nr;
}

/*
 * Full slabs are on no list, so they are looked for in the memory map.  No lock
 * keeps other caches' slabs and other pages as they are meanwhile, so only two
 * words are read of a page until it is known to be s's: both change at once, and
 * no other page has s there.  s's own slabs stay, as who destroys it says that
 * nobody uses it; only those that wait for RCU, with no object in use, may go
 * just then: so whose it is is asked again.
 */
unsigned long list_slab_objects(struct quire *q, struct kmem_cache *s)
{
	DECLARE_BITMAP(map, SLAB_MAX_CHECKED);
	unsigned long nr = 0;

	for_each_node (q, nid) {
		for_each_zone_of_node(NODE_DATA(q, nid), zone)
		{
			u64 end = zone->zone_start_pfn + zone->spanned_pages;

			for (u64 pfn = zone->zone_start_pfn; pfn < end; pfn++) {
				struct page *page = pfn_to_page(q, pfn);

				if (PageSlab(page) && HOT_LOAD(&page->slab_cache) == s &&
				    HOT_LOAD(&page->inuse) && HOT_LOAD(&page->slab_cache) == s)
					nr += list_slab(q, s, page, map);
			}
		}
	}
	return nr;
}
