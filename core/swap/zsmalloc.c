/* SPDX-License-Identifier: MIT */
/*
 * zsmalloc: see zsmalloc.h.  Linux's mm/zsmalloc.c.
 *
 * The idea: 255 size classes 16 bytes apart.  A class takes its objects from
 * chains (zspages) of one to four single frames, as many as leave the least
 * unused behind the last object; an object may begin in one frame and end in
 * the next.  Neighbouring classes whose chains have as many frames and hold as
 * many objects are one class, the largest of them.
 *
 * An object's first word is, while it is free, the number of the next free one
 * (shifted left by one), and while it is in use its handle with bit 0 set; the
 * user's bytes follow.  In a class of one object a frame that word is in the
 * frame's descriptor (index) instead, so that a whole page fits.  A handle is a slab
 * object of one word that says where the object is: the number of the frame in
 * which it begins, and which of the chain's objects it is.
 *
 * A class keeps its chains on lists by how full they are: up to three quarters
 * is almost empty, above it almost full.  Objects are taken from almost full chains
 * first, so that others can run empty and give their frames back.
 *
 * Invariants: objs_inuse and objs_allocated are the sums over a class's chains;
 * a chain's free list has objs_per_zspage - inuse members; pages_allocated is
 * the number of frames, all of type PG_zsmalloc and counted in NR_ZSPAGES.
 *
 * Compaction (zs_compact(), asked for by hand or by the shrinker) takes a chain that is
 * nearly empty and moves its objects into others that have room until it can be given
 * back.  A handle stays, the place in it changes.  Who reads or writes an object pins
 * its chain meanwhile: then none of the chain's objects moves, nor do others come.
 *
 * Locks: pool->lock for all classes (Linux 6.1 has one a class), and the places in
 * handles.  Pins are added under it and dropped without: nobody pinned is seen there.
 * Copying an object's bytes takes none: who has a handle is alone with its object.
 *
 * Unlike Linux: one shrinker for all pools; a chain's frames are not migrated.
 */
#include "base/string.h"
#include "swap/internal.h"

/* An object's place, in the word of its handle. */
#define OBJ_INDEX_BITS 12
#define OBJ_INDEX_MASK ((1UL << OBJ_INDEX_BITS) - 1)

#define OBJ_ALLOCATED 1UL

/* ---- geometry -------------------------------------------------------------- */

static unsigned int size_class_index(size_t size_bytes)
{
	size_t index = 0;

	if (size_bytes > ZS_MIN_ALLOC_SIZE)
		index = DIV_ROUND_UP(size_bytes - ZS_MIN_ALLOC_SIZE, ZS_SIZE_CLASS_DELTA);
	return (unsigned int)min_t(size_t, index, ZS_SIZE_CLASSES - 1);
}

/* The length of chain of which the largest share (in whole per cent) is used;
 * the shortest of those that are equal. */
static unsigned int best_pages_per_zspage(unsigned int class_size)
{
	unsigned int best = 1, best_percent = 0;

	for (unsigned int nr = 1; nr <= ZS_MAX_PAGES_PER_ZSPAGE; nr++) {
		unsigned int bytes = nr * (unsigned int)PAGE_SIZE;
		unsigned int percent = (bytes - bytes % class_size) * 100 / bytes;

		if (percent > best_percent) {
			best_percent = percent;
			best = nr;
		}
	}
	return best;
}

static bool class_is_huge(const struct size_class *class)
{
	return class->objs_per_zspage == 1 && class->pages_per_zspage == 1;
}

static struct page *next_frame(const struct quire *q, const struct page *page)
{
	return page->private ? pfn_to_page(q, page->private) : NULL;
}

/* The frame in which object obj of a chain begins, and where in it. */
static struct page *obj_frame(const struct quire *q, const struct size_class *class,
			      const struct zspage *zspage, unsigned int obj, unsigned int *offset)
{
	unsigned long at = (unsigned long)class->size * obj;
	struct page *page = zspage->first_page;

	for (unsigned long skip = at >> PAGE_SHIFT; skip; skip--)
		page = next_frame(q, page);
	*offset = (unsigned int)(at & (PAGE_SIZE - 1));
	return page;
}

/* The first word of an object: in its bytes, or in the descriptor of its frame. */
static unsigned long *obj_word(const struct quire *q, const struct size_class *class,
			       const struct zspage *zspage, unsigned int obj, u64 *pfn)
{
	unsigned int offset;
	struct page *page = obj_frame(q, class, zspage, obj, &offset);

	*pfn = page_to_pfn(q, page);
	if (class_is_huge(class))
		return &page->index;
	return (unsigned long *)((char *)page_address(q, page) + offset);
}

unsigned long zs_obj_header(struct quire *q, const struct size_class *class,
			    const struct zspage *zspage, unsigned int obj, u64 *pfn)
{
	return *obj_word(q, class, zspage, obj, pfn);
}

void zs_handle_location(unsigned long handle, u64 *pfn, unsigned int *obj)
{
	unsigned long place = *(const unsigned long *)handle;

	*pfn = place >> OBJ_INDEX_BITS;
	*obj = (unsigned int)(place & OBJ_INDEX_MASK);
}

/* ---- lists by fullness ----------------------------------------------------- */

static enum fullness_group get_fullness(const struct size_class *class, unsigned int inuse)
{
	if (inuse == 0)
		return ZS_EMPTY;
	if (inuse == class->objs_per_zspage)
		return ZS_FULL;
	if (inuse <= 3 * class->objs_per_zspage / 4)
		return ZS_ALMOST_EMPTY;
	return ZS_ALMOST_FULL;
}

static void insert_zspage(struct size_class *class, struct zspage *zspage,
			  enum fullness_group fullness)
{
	struct list_head *head = &class->fullness_list[fullness];
	struct zspage *first = list_first_entry_or_null(head, struct zspage, list);

	/* Fuller ones near the front: they are the first to be taken from. */
	if (first && zspage->inuse < first->inuse)
		list_add(&zspage->list, &first->list);
	else
		list_add(&zspage->list, head);
	zspage->fullness = (u8)fullness;
	class->nr_zspages[fullness]++;
}

static void remove_zspage(struct size_class *class, struct zspage *zspage)
{
	list_del_init(&zspage->list);
	class->nr_zspages[zspage->fullness]--;
}

/* Puts a chain on the list that its count asks for. */
static void fix_fullness_group(struct size_class *class, struct zspage *zspage)
{
	enum fullness_group fullness = get_fullness(class, zspage->inuse);

	if (fullness == zspage->fullness)
		return;
	remove_zspage(class, zspage);
	insert_zspage(class, zspage, fullness);
}

/* ---- chains ---------------------------------------------------------------- */

static void free_frame(struct quire *q, struct page *page)
{
	page->private = 0;
	page->index = 0;
	page->zspage = NULL;
	__ClearPageType(page, PG_zsmalloc);
	mod_zone_page_state(page_zone(q, page), NR_ZSPAGES, -1);
	__free_pages(q, page, 0);
}

static void free_zspage(struct quire *q, struct zs_pool *pool, struct zspage *zspage)
{
	struct page *page = zspage->first_page;

	while (page) {
		struct page *next = next_frame(q, page);

		free_frame(q, page);
		page = next;
	}
	kmem_cache_free(q, pool->zspage_cachep, zspage);
}

/* Links all objects of a new chain into its free list. */
static void init_zspage(struct quire *q, const struct size_class *class, struct zspage *zspage)
{
	u64 pfn;

	for (unsigned int obj = 0; obj < class->objs_per_zspage; obj++)
		*obj_word(q, class, zspage, obj, &pfn) = (unsigned long)(obj + 1) << 1;
	zspage->freeobj = 0;
}

static struct zspage *alloc_zspage(struct quire *q, struct zs_pool *pool,
				   const struct size_class *class, gfp_t gfp)
{
	struct zspage *zspage =
		kmem_cache_zalloc(q, pool->zspage_cachep, gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE));
	struct page *last = NULL;

	if (!zspage)
		return NULL;
	INIT_LIST_HEAD(&zspage->list);
	zspage->class_index = (u16) class->index;
	for (unsigned int i = 0; i < class->pages_per_zspage; i++) {
		struct page *page = alloc_pages(q, gfp, 0);

		if (!page) {
			free_zspage(q, pool, zspage);
			return NULL;
		}
		page->zspage = zspage;
		page->private = 0;
		__SetPageType(page, PG_zsmalloc);
		mod_zone_page_state(page_zone(q, page), NR_ZSPAGES, 1);
		if (last)
			last->private = page_to_pfn(q, page);
		else
			zspage->first_page = page;
		last = page;
	}
	init_zspage(q, class, zspage);
	return zspage;
}

/* A chain with room, fuller ones first. */
static struct zspage *find_get_zspage(struct size_class *class)
{
	struct zspage *zspage = list_first_entry_or_null(&class->fullness_list[ZS_ALMOST_FULL],
							 struct zspage, list);

	if (!zspage)
		zspage = list_first_entry_or_null(&class->fullness_list[ZS_ALMOST_EMPTY],
						  struct zspage, list);
	return zspage;
}

/* ---- objects --------------------------------------------------------------- */

static void obj_malloc(struct quire *q, struct size_class *class, struct zspage *zspage,
		       unsigned long handle)
{
	unsigned int obj = zspage->freeobj;
	unsigned long *word;
	u64 pfn;

	word = obj_word(q, class, zspage, obj, &pfn);
	zspage->freeobj = (unsigned int)(*word >> 1);
	*word = handle | OBJ_ALLOCATED;
	*(unsigned long *)handle = (pfn << OBJ_INDEX_BITS) | obj;
	zspage->inuse++;
	class->objs_inuse++;
}

unsigned long zs_malloc(struct quire *q, struct zs_pool *pool, size_t size_bytes, gfp_t gfp)
{
	struct zspage *zspage, *new;
	struct size_class *class;
	unsigned long *handle;

	if (!size_bytes || size_bytes > ZS_MAX_ALLOC_SIZE)
		return (unsigned long)-ENOSPC;
	handle = kmem_cache_alloc(q, pool->handle_cachep, gfp & ~(__GFP_HIGHMEM | __GFP_MOVABLE));
	if (!handle)
		return (unsigned long)-ENOMEM;
	class = pool->size_class[size_class_index(size_bytes + ZS_HANDLE_SIZE)];
	spin_lock(q, &pool->lock);
	zspage = find_get_zspage(class);
	if (zspage) {
		obj_malloc(q, class, zspage, (unsigned long)handle);
		fix_fullness_group(class, zspage);
		spin_unlock(q, &pool->lock);
		return (unsigned long)handle;
	}
	spin_unlock(q, &pool->lock);

	new = alloc_zspage(q, pool, class, gfp);
	if (!new) {
		kmem_cache_free(q, pool->handle_cachep, handle);
		return (unsigned long)-ENOMEM;
	}
	spin_lock(q, &pool->lock);
	obj_malloc(q, class, new, (unsigned long)handle);
	insert_zspage(class, new, get_fullness(class, new->inuse));
	class->objs_allocated += class->objs_per_zspage;
	pool->pages_allocated += class->pages_per_zspage;
	spin_unlock(q, &pool->lock);
	return (unsigned long)handle;
}

/* The chain, the class and the number of a handle's object. */
static struct zspage *handle_object(struct quire *q, struct zs_pool *pool, unsigned long handle,
				    struct size_class **class, unsigned int *obj)
{
	struct zspage *zspage;
	struct page *page;
	u64 pfn;

	zs_handle_location(handle, &pfn, obj);
	page = pfn_to_page(q, pfn);
	BUG_ON(q, !PageType(page, PG_zsmalloc));
	zspage = page->zspage;
	*class = pool->size_class[zspage->class_index];
	return zspage;
}

/* Back on its chain's free list. */
static void obj_free(struct quire *q, struct size_class *class, struct zspage *zspage,
		     unsigned int obj, unsigned long handle)
{
	u64 pfn;
	unsigned long *word = obj_word(q, class, zspage, obj, &pfn);

	BUG_ON(q, *word != (handle | OBJ_ALLOCATED));
	*word = (unsigned long)zspage->freeobj << 1;
	zspage->freeobj = obj;
	zspage->inuse--;
	class->objs_inuse--;
}

/* An empty chain leaves the counts of its class and pool; it is on no list. */
static void uncount_zspage(struct zs_pool *pool, struct size_class *class)
{
	class->objs_allocated -= class->objs_per_zspage;
	pool->pages_allocated -= class->pages_per_zspage;
}

void zs_free(struct quire *q, struct zs_pool *pool, unsigned long handle)
{
	struct size_class *class;
	struct zspage *zspage;
	unsigned int obj;
	bool empty;

	spin_lock(q, &pool->lock);
	zspage = handle_object(q, pool, handle, &class, &obj);
	obj_free(q, class, zspage, obj, handle);
	empty = !zspage->inuse;
	if (empty) {
		remove_zspage(class, zspage);
		uncount_zspage(pool, class);
	} else {
		fix_fullness_group(class, zspage);
	}
	spin_unlock(q, &pool->lock);
	if (empty)
		free_zspage(q, pool, zspage);
	kmem_cache_free(q, pool->handle_cachep, (void *)handle);
}

/* Where an object's bytes begin: its frame, and the offset there.  The chain is
 * pinned: zs_obj_unmap(). */
static struct page *pin_obj(struct quire *q, struct zs_pool *pool, unsigned long handle, size_t len,
			    unsigned int *offset, struct zspage **pin)
{
	struct size_class *class;
	unsigned int obj;
	u64 pfn;

	spin_lock(q, &pool->lock);
	*pin = handle_object(q, pool, handle, &class, &obj);
	(void)HOT_ADD(&(*pin)->pins, 1);
	zs_handle_location(handle, &pfn, &obj);
	spin_unlock(q, &pool->lock);
	*offset = (unsigned int)((unsigned long)class->size * obj & (PAGE_SIZE - 1));
	if (!class_is_huge(class)) {
		/* 16-byte steps: the word and the byte behind it are in one frame. */
		*offset += ZS_HANDLE_SIZE;
		BUG_ON(q, len > class->size - ZS_HANDLE_SIZE);
	}
	return pfn_to_page(q, pfn);
}

void zs_obj_unmap(struct zspage *pin)
{
	(void)HOT_SUB(&pin->pins, 1);
}

/* Copies between a buffer and an object's bytes, frame by frame. */
static void obj_copy(struct quire *q, struct page *page, unsigned int offset, u8 *buf, size_t len,
		     bool to_obj)
{
	while (len) {
		size_t n = min_t(size_t, len, PAGE_SIZE - offset);
		u8 *bytes = (u8 *)page_address(q, page) + offset;

		if (to_obj)
			memcpy(bytes, buf, n);
		else
			memcpy(buf, bytes, n);
		buf += n;
		len -= n;
		offset = 0;
		page = next_frame(q, page);
	}
}

void zs_obj_write(struct quire *q, struct zs_pool *pool, unsigned long handle, const void *src,
		  size_t len)
{
	struct zspage *pin;
	unsigned int offset;
	struct page *page = pin_obj(q, pool, handle, len, &offset, &pin);

	obj_copy(q, page, offset, (u8 *)src, len, true);
	zs_obj_unmap(pin);
}

void zs_obj_read(struct quire *q, struct zs_pool *pool, unsigned long handle, void *dst, size_t len)
{
	struct zspage *pin;
	unsigned int offset;
	struct page *page = pin_obj(q, pool, handle, len, &offset, &pin);

	obj_copy(q, page, offset, dst, len, false);
	zs_obj_unmap(pin);
}

const void *zs_obj_map(struct quire *q, struct zs_pool *pool, unsigned long handle, void *buf,
		       size_t len, struct zspage **pin)
{
	unsigned int offset;
	struct page *page = pin_obj(q, pool, handle, len, &offset, pin);
	const u8 *bytes = (const u8 *)page_address(q, page) + offset;

	if (offset + len > PAGE_SIZE) {
		obj_copy(q, page, offset, buf, len, false);
		return buf;
	}
	/* Whoever decompresses waits for one line after the other: all at once is
	 * as long as one. */
	for (size_t at = 0; at < len; at += 64)
		__builtin_prefetch(bytes + at);
	return bytes;
}

void zs_obj_prefetch(struct quire *q, struct zs_pool *pool, unsigned long handle,
		     enum zs_prefetch what, size_t size_bytes, size_t len)
{
	const struct size_class *class =
		pool->size_class[size_class_index(size_bytes + ZS_HANDLE_SIZE)];
	const struct page *page;
	unsigned int obj, at;
	u64 pfn;

	if (what == ZS_PREFETCH_HANDLE) {
		__builtin_prefetch((const void *)handle);
		return;
	}
	/* It may be moved. */
	spin_lock(q, &pool->lock);
	zs_handle_location(handle, &pfn, &obj);
	page = pfn_to_page(q, pfn);
	__builtin_prefetch(&page->zspage);
	if (what == ZS_PREFETCH_FRAME)
		len = 0;
	else
		__builtin_prefetch(page->zspage);
	at = (unsigned int)((unsigned long)class->size * obj & (PAGE_SIZE - 1)) + ZS_HANDLE_SIZE;
	for (; page && len; page = next_frame(q, page), at = 0) {
		size_t n = min_t(size_t, len, PAGE_SIZE - at);
		const u8 *bytes = (const u8 *)page_address(q, page) + at;

		for (size_t i = 0; i < n; i += 64)
			__builtin_prefetch(bytes + i);
		len -= n;
	}
	spin_unlock(q, &pool->lock);
}

u64 zs_obj_pfn(struct quire *q, struct zs_pool *pool, unsigned long handle)
{
	struct zspage *pin;
	unsigned int offset;
	struct page *page = pin_obj(q, pool, handle, PAGE_SIZE, &offset, &pin);

	zs_obj_unmap(pin);
	return page_to_pfn(q, page);
}

/* ---- compaction ------------------------------------------------------------ */

unsigned long zs_can_compact(const struct size_class *class)
{
	unsigned long allocated = HOT_LOAD(&class->objs_allocated);
	unsigned long inuse = HOT_LOAD(&class->objs_inuse);

	if (allocated <= inuse)
		return 0;
	return (allocated - inuse) / class->objs_per_zspage * class->pages_per_zspage;
}

unsigned long zs_compactable(const struct zs_pool *pool)
{
	unsigned long nr = 0;

	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i]->index == i)
			nr += zs_can_compact(pool->size_class[i]);
	return nr;
}

/* Takes a chain off its list: one that is to be emptied, or one to be filled.  NULL:
 * there is none that nobody has pinned. */
static struct zspage *isolate_zspage(struct size_class *class, bool source)
{
	static const u8 order[2][2] = {{ZS_ALMOST_FULL, ZS_ALMOST_EMPTY},
				       {ZS_ALMOST_EMPTY, ZS_ALMOST_FULL}};
	struct zspage *zspage;

	for (unsigned int i = 0; i < 2; i++) {
		list_for_each_entry (zspage, &class->fullness_list[order[source][i]], list) {
			if (HOT_LOAD(&zspage->pins))
				continue;
			remove_zspage(class, zspage);
			return zspage;
		}
	}
	return NULL;
}

static void putback_zspage(struct size_class *class, struct zspage *zspage)
{
	insert_zspage(class, zspage, get_fullness(class, zspage->inuse));
}

/* Copies an object, its first word apart: each piece lies in one frame of both. */
static void zs_object_copy(struct quire *q, const struct zs_pool *pool,
			   const struct size_class *class, const struct zspage *from,
			   unsigned int from_obj, const struct zspage *to, unsigned int to_obj)
{
	size_t left = min(pool->bytes_kept, class->size - ZS_HANDLE_SIZE);
	unsigned int src_at, dst_at;
	struct page *src = obj_frame(q, class, from, from_obj, &src_at);
	struct page *dst = obj_frame(q, class, to, to_obj, &dst_at);

	charge_ns(q, (u64)q->cost.copy_page * class->size >> PAGE_SHIFT);
	for (src_at += ZS_HANDLE_SIZE, dst_at += ZS_HANDLE_SIZE; left;) {
		size_t n = min(left, PAGE_SIZE - max(src_at, dst_at));

		memcpy((u8 *)page_address(q, dst) + dst_at, (u8 *)page_address(q, src) + src_at, n);
		left -= n;
		src_at += (unsigned int)n;
		dst_at += (unsigned int)n;
		if (src_at == PAGE_SIZE) {
			src = next_frame(q, src);
			src_at = 0;
		}
		if (dst_at == PAGE_SIZE) {
			dst = next_frame(q, dst);
			dst_at = 0;
		}
	}
}

/* Moves objects, from *obj on, until one chain is empty or the other full. */
static void migrate_zspage(struct quire *q, const struct zs_pool *pool, struct size_class *class,
			   struct zspage *from, struct zspage *to, unsigned int *obj)
{
	for (; *obj < class->objs_per_zspage && from->inuse; ++*obj) {
		u64 pfn;
		unsigned long word = zs_obj_header(q, class, from, *obj, &pfn), handle;
		unsigned int free = to->freeobj;

		if (!(word & OBJ_ALLOCATED))
			continue;
		if (to->inuse == class->objs_per_zspage)
			return;
		handle = word & ~OBJ_ALLOCATED;
		obj_malloc(q, class, to, handle); /* the handle leads there now */
		zs_object_copy(q, pool, class, from, *obj, to, free);
		obj_free(q, class, from, *obj, handle);
	}
}

/* One chain of a class less, if there is room for its objects in others; NULL: no. */
static struct zspage *compact_one(struct quire *q, struct zs_pool *pool, struct size_class *class)
{
	struct zspage *from, *to = NULL;
	unsigned int obj = 0;

	if (!zs_can_compact(class))
		return NULL;
	from = isolate_zspage(class, true);
	if (!from)
		return NULL;
	while (from->inuse && (to = isolate_zspage(class, false)) != NULL) {
		migrate_zspage(q, pool, class, from, to, &obj);
		putback_zspage(class, to);
	}
	if (from->inuse) {
		putback_zspage(class, from);
		return NULL;
	}
	uncount_zspage(pool, class);
	return from;
}

unsigned long zs_compact(struct quire *q, struct zs_pool *pool)
{
	unsigned long freed = 0;

	for (unsigned int i = ZS_SIZE_CLASSES; i-- > 0;) {
		struct size_class *class = pool->size_class[i];
		struct zspage *empty;

		if (class->index != i)
			continue;
		do {
			spin_lock(q, &pool->lock);
			empty = compact_one(q, pool, class);
			spin_unlock(q, &pool->lock);
			if (empty) {
				free_zspage(q, pool, empty);
				freed += class->pages_per_zspage;
			}
		} while (empty);
	}
	(void)HOT_ADD(&pool->pages_compacted, freed);
	return freed;
}

static unsigned long zs_shrinker_count(struct quire *q, struct shrinker *s,
				       struct shrink_control *sc)
{
	struct zs_floor *zs = &q->swap->zs;
	unsigned long nr = 0;
	struct zs_pool *pool;

	(void)s;
	(void)sc;
	spin_lock(q, &zs->lock);
	list_for_each_entry (pool, &zs->pools, list)
		nr += zs_compactable(pool);
	spin_unlock(q, &zs->lock);
	return nr;
}

static unsigned long zs_shrinker_scan(struct quire *q, struct shrinker *s,
				      struct shrink_control *sc)
{
	struct zs_floor *zs = &q->swap->zs;
	unsigned long freed = 0;
	struct zs_pool *pool;

	(void)s;
	(void)sc;
	spin_lock(q, &zs->lock);
	list_for_each_entry (pool, &zs->pools, list)
		freed += zs_compact(q, pool);
	spin_unlock(q, &zs->lock);
	return freed ? freed : SHRINK_STOP;
}

void zs_init(struct zs_floor *zs)
{
	INIT_LIST_HEAD(&zs->pools);
	spin_lock_init(&zs->lock, LOCK_ZSPOOLS);
	zs->shrinker = (struct shrinker){.count_objects = zs_shrinker_count,
					 .scan_objects = zs_shrinker_scan,
					 .seeks = DEFAULT_SEEKS,
					 .name = "mm-zspool"};
}

/* ---- pools ----------------------------------------------------------------- */

static bool create_classes(struct quire *q, struct zs_pool *pool)
{
	struct size_class *prev = NULL;

	for (unsigned int i = ZS_SIZE_CLASSES; i-- > 0;) {
		unsigned int size = ZS_MIN_ALLOC_SIZE + i * ZS_SIZE_CLASS_DELTA;
		unsigned int nr_pages = best_pages_per_zspage(size);
		unsigned int nr_objs = nr_pages * (unsigned int)PAGE_SIZE / size;

		if (!prev || prev->pages_per_zspage != nr_pages ||
		    prev->objs_per_zspage != nr_objs) {
			prev = kzalloc(q, sizeof(*prev), GFP_KERNEL);
			if (!prev)
				return false;
			prev->size = size;
			prev->index = i;
			prev->pages_per_zspage = nr_pages;
			prev->objs_per_zspage = nr_objs;
			/* Linux: zs_huge_class_size(). */
			if (nr_pages != 1 && nr_objs != 1 && !pool->huge_class_size)
				pool->huge_class_size = size - (ZS_HANDLE_SIZE - 1);
			for (int f = 0; f < NR_ZS_FULLNESS; f++)
				INIT_LIST_HEAD(&prev->fullness_list[f]);
		}
		pool->size_class[i] = prev;
	}
	return true;
}

/* The caches that all pools take from; the last one's end is theirs. */
static bool get_caches(struct quire *q, struct zs_floor *zs)
{
	zs->nr_users++;
	if (!zs->handle_cachep)
		zs->handle_cachep = kmem_cache_create(q, "zs_handle", ZS_HANDLE_SIZE, 0, 0, NULL);
	if (!zs->zspage_cachep)
		zs->zspage_cachep = kmem_cache_create(q, "zspage", SLAB_SIZE_zspage, 0, 0, NULL);
	return zs->handle_cachep && zs->zspage_cachep;
}

static void put_caches(struct quire *q, struct zs_floor *zs)
{
	if (--zs->nr_users)
		return;
	if (zs->handle_cachep)
		(void)kmem_cache_destroy(q, zs->handle_cachep);
	if (zs->zspage_cachep)
		(void)kmem_cache_destroy(q, zs->zspage_cachep);
	zs->handle_cachep = zs->zspage_cachep = NULL;
}

void zs_destroy_pool(struct quire *q, struct zs_pool *pool)
{
	struct zs_floor *zs = &q->swap->zs;

	spin_lock(q, &zs->lock);
	list_del_init(&pool->list);
	spin_unlock(q, &zs->lock);
	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i] && pool->size_class[i]->index == i)
			kfree(q, pool->size_class[i]);
	put_caches(q, zs);
	kfree(q, pool);
}

struct zs_pool *zs_create_pool(struct quire *q, const char *name)
{
	struct zs_pool *pool = kzalloc(q, sizeof(*pool), GFP_KERNEL);
	struct zs_floor *zs = &q->swap->zs;

	if (!pool)
		return NULL;
	(void)str_lcpy(pool->name, name, sizeof(pool->name));
	INIT_LIST_HEAD(&pool->list);
	pool->bytes_kept = zcomp_kept(q, PAGE_SIZE);
	spin_lock_init(&pool->lock, LOCK_ZSPOOL);
	if (!get_caches(q, zs) || !create_classes(q, pool)) {
		zs_destroy_pool(q, pool);
		return NULL;
	}
	pool->handle_cachep = zs->handle_cachep;
	pool->zspage_cachep = zs->zspage_cachep;
	spin_lock(q, &zs->lock);
	list_add_tail(&pool->list, &zs->pools);
	spin_unlock(q, &zs->lock);
	/* It stays: reclaim may be walking the shrinkers. */
	if (!zs->registered)
		register_shrinker(q, &zs->shrinker);
	zs->registered = true;
	return pool;
}
