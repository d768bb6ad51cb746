/* SPDX-License-Identifier: MIT */
/*
 * zswap (Linux's zswap.c): a page on its way to swap is compressed and kept in
 * memory; the device sees only what does not compress, what finds the pool full,
 * and the coldest pages that are written back to make room.
 *
 * An entry stands for one slot's content: an object of the compressed length in
 * zbud or zsmalloc, or, for a page filled with one word, that word (length 0).  Entries
 * are in a tree an area by slot, and, those with an object, in one list by age:
 * stored or loaded last at the front.  zcomp.h says what is compressed, and how.
 *
 * The group of a page pays for the compressed bytes as for an object of the kernel's,
 * and memory.zswap.max is what it may have.
 *
 * The pool takes max_pool_percent of memory.  When it is full, pages are turned
 * away until it has sunk to accept_threshold_percent of that, and the shrinker
 * thread is asked for room: it brings a cold entry's page into the swap cache,
 * decompresses it there and writes it to its slot.  With zbud (Debian 12's) it
 * empties one frame each time it is asked, as Linux 6.1 does; with zsmalloc, which
 * could not evict then, it goes on until the pool may take pages again, by one
 * list of entries, as Linux 6.5 and later.
 *
 * Since Linux 6.8 reclaim may write cold entries back before the pool is full:
 * shrinker_enabled, which 6.1 does not have and is off.  Pages that were loaded
 * lately protect as many entries; the protection halves as new ones come.
 *
 * An entry that was loaded stays until its slot is freed or written anew, as in
 * Linux 6.1: a clean page can be dropped again without storing.
 *
 * Invariants: stored_pages is the number of entries; compressed_bytes the sum
 * of their lengths; as many zsmalloc objects as entries of length > 0; no
 * entry for a free slot.
 *
 * Locks: the tree's lock covers refcounts too; below it lru_lock, then the
 * pool's.  Compression runs without spinlocks, on the CPU's buffer, under its
 * mutex.
 *
 * Differs from Linux 6.1: the tree is an xarray, as since 6.8: a million entries
 * are four levels of nodes and not twenty of entries; the compressor is the port's;
 * shrinker_enabled knows one list and not one a group.
 */
#include "base/printk.h"
#include "base/string.h"
#include "group/objcg.h"
#include "swap/internal.h"

/* Failures in a row after which the shrinker sleeps (MAX_RECLAIM_RETRIES). */
#define SHRINK_RETRIES 16
/* Frames that zbud tries in one go. */
#define ZBUD_RETRIES 8

/* ---- the pool: zbud or zsmalloc ---------------------------------------------- */

/* What stands before an object in zbud: whose it is, for eviction. */
struct zswap_header {
	swp_entry_t swpentry;
};

static unsigned long zpool_pages(const struct zswap_floor *z)
{
	if (z->zbud)
		return HOT_LOAD(&z->zbud->pages_nr);
	return z->pool ? zs_get_total_pages(z->pool) : 0;
}

static unsigned long zpool_malloc(struct quire *q, struct zswap_floor *z, size_t len)
{
	/* No sleep: the page is locked, and this may be the reclaim that memory waits for. */
	const gfp_t gfp = __GFP_NORETRY | __GFP_NOWARN | __GFP_KSWAPD_RECLAIM;

	if (z->zbud)
		return zbud_alloc(q, z->zbud, sizeof(struct zswap_header) + len, gfp);
	return zs_malloc(q, z->pool, len, gfp);
}

static void zpool_free(struct quire *q, struct zswap_floor *z, unsigned long handle)
{
	if (z->zbud)
		zbud_free(q, z->zbud, handle);
	else
		zs_free(q, z->pool, handle);
}

static void zpool_write(struct quire *q, struct zswap_floor *z, const struct zswap_entry *entry,
			const void *src, size_t len)
{
	if (z->zbud) {
		struct zswap_header *zhdr = zbud_map(q, entry->handle);

		zhdr->swpentry = entry->swpentry;
		memcpy(zhdr + 1, src, len);
	} else {
		zs_obj_write(q, z->pool, entry->handle, src, len);
	}
}

/* An object's bytes where they lie, or in buf; until zpool_unmap(). */
static const void *zpool_map(struct quire *q, struct zswap_floor *z, unsigned long handle,
			     void *buf, size_t len, struct zspage **pin)
{
	*pin = NULL;
	if (z->zbud)
		return (struct zswap_header *)zbud_map(q, handle) + 1;
	return zs_obj_map(q, z->pool, handle, buf, len, pin);
}

static void zpool_unmap(struct zspage *pin)
{
	if (pin)
		zs_obj_unmap(pin);
}

struct zswap_stats *zswap_stats(struct quire *q)
{
	struct zswap_floor *z = q->swap->zswap;

	z->stats.pool_total_size = zpool_pages(z) << PAGE_SHIFT;
	return &z->stats;
}

struct zswap_params *zswap_params(struct quire *q)
{
	return &q->swap->zswap->params;
}

static bool zswap_is_full(const struct quire *q)
{
	const struct zswap_floor *z = q->swap->zswap;

	return q->node->totalram_pages * z->params.max_pool_percent / 100 < zpool_pages(z);
}

static bool zswap_can_accept(const struct quire *q)
{
	const struct zswap_floor *z = q->swap->zswap;

	return q->node->totalram_pages * z->params.accept_threshold_percent / 100 *
		       z->params.max_pool_percent / 100 >
	       zpool_pages(z);
}

/* ---- entries --------------------------------------------------------------- */

static struct zswap_entry *zswap_search(struct zswap_tree *tree, swp_entry_t swpentry)
{
	return xa_load(&tree->entries, swp_offset(swpentry));
}

/* Drops a reference; the last one frees the entry.  Tree lock held. */
static void zswap_entry_put(struct quire *q, struct zswap_entry *entry)
{
	struct zswap_floor *z = q->swap->zswap;

	if (--entry->refcount)
		return;
	if (entry->length) {
		if (!z->zbud) {
			spin_lock(q, &z->lru_lock);
			list_del_init(&entry->lru);
			z->nr_lru--;
			spin_unlock(q, &z->lru_lock);
		}
		zpool_free(q, z, entry->handle);
		(void)HOT_SUB(&z->stats.compressed_bytes, entry->length);
	} else {
		(void)HOT_SUB(&z->stats.same_filled_pages, 1);
	}
	if (entry->objcg) {
		obj_cgroup_uncharge_zswap(q, entry->objcg, entry->length);
		obj_cgroup_put(q, entry->objcg);
	}
	(void)HOT_SUB(&z->stats.stored_pages, 1);
	kmem_cache_free(q, q->swap->zswap_entry_cachep, entry);
}

/* Takes an entry out of its tree, with the tree's reference. */
static void zswap_erase(struct quire *q, struct zswap_tree *tree, struct zswap_entry *entry)
{
	(void)xa_erase(&tree->entries, swp_offset(entry->swpentry));
	zswap_entry_put(q, entry);
}

void zswap_invalidate(struct quire *q, struct swap_info_struct *si, unsigned long offset)
{
	struct zswap_tree *tree = si->zswap;
	struct zswap_entry *entry;

	if (!tree || xa_empty(&tree->entries))
		return;
	spin_lock(q, &tree->lock);
	entry = zswap_search(tree, swp_entry(si->type, offset));
	if (entry)
		zswap_erase(q, tree, entry);
	spin_unlock(q, &tree->lock);
}

/* ---- compression ----------------------------------------------------------- */

/* Compresses a page into a new object of the entry's: false if that was not
 * possible, and counted why. */
static bool compress_page(struct quire *q, struct page *page, struct zswap_entry *entry)
{
	struct zswap_floor *z = q->swap->zswap;
	struct zcomp_strm *strm = zcomp_stream_get(q, &z->comp);
	size_t length = zcomp_compress(q, &z->comp, strm, page);
	/* 0: the compressor failed; Linux 6.1 does not count that. */
	unsigned long handle = length ? zpool_malloc(q, z, length) : (unsigned long)-EINVAL;

	if (!zs_is_err(handle)) {
		entry->handle = handle;
		zpool_write(q, z, entry, strm->buf, zcomp_kept(q, length));
	}
	zcomp_stream_put(q, strm);
	if (handle == (unsigned long)-ENOSPC)
		(void)HOT_ADD(&z->stats.reject_compress_poor, 1);
	else if (handle == (unsigned long)-ENOMEM)
		(void)HOT_ADD(&z->stats.reject_alloc_fail, 1);
	if (zs_is_err(handle))
		return false;
	entry->length = (u16)length;
	return true;
}

static int decompress_page(struct quire *q, const struct zswap_entry *entry, struct page *page)
{
	struct zswap_floor *z = q->swap->zswap;
	struct zcomp_strm *strm;
	struct zspage *pin;
	const void *src;
	int err;

	if (!entry->length) {
		hot_fill_page(q->hot, page_to_pfn(q, page), entry->value);
		return 0;
	}
	strm = zcomp_stream_get(q, &z->comp);
	src = zpool_map(q, z, entry->handle, strm->buf, zcomp_kept(q, entry->length), &pin);
	err = q->port->decompress(q->port_ctx, src, entry->length, page_to_pfn(q, page));
	zpool_unmap(pin);
	zcomp_stream_put(q, strm);
	return err ? -EIO : 0;
}

/* ---- store and load -------------------------------------------------------- */

static void ask_shrinker(struct quire *q, struct zswap_floor *z)
{
	z->shrink_wanted = true;
	wake_up(q, &z->shrink_wait);
}

/* May the pool take a page of a payer?  Asks the shrinker for room when it is full. */
static bool pool_accepts(struct quire *q, struct obj_cgroup *objcg)
{
	struct zswap_floor *z = q->swap->zswap;

	if (objcg && !obj_cgroup_may_zswap(q, objcg)) {
		ask_shrinker(q, z);
		return false;
	}
	if (zswap_is_full(q)) {
		(void)HOT_ADD(&z->stats.pool_limit_hit, 1);
		z->pool_reached_full = true;
		ask_shrinker(q, z);
		return false;
	}
	if (!z->pool_reached_full)
		return true;
	if (!zswap_can_accept(q))
		return false;
	z->pool_reached_full = false;
	return true;
}

/* Fills an entry with the page's content. */
static bool fill_entry(struct quire *q, struct page *page, struct zswap_entry *entry)
{
	const struct zswap_params *params = &q->swap->zswap->params;
	unsigned long value;

	if (params->same_filled_pages_enabled &&
	    hot_page_same_filled(q->hot, page_to_pfn(q, page), &value)) {
		entry->value = value;
		entry->length = 0;
		return true;
	}
	return params->non_same_filled_pages_enabled && compress_page(q, page, entry);
}

/* False: no memory for the tree. */
static bool insert_entry(struct quire *q, struct zswap_tree *tree, struct zswap_entry *entry)
{
	struct zswap_floor *z = q->swap->zswap;
	struct zswap_entry *old;

	spin_lock(q, &tree->lock);
	old = xa_store(&tree->entries, swp_offset(entry->swpentry), entry);
	if (IS_ERR(old)) {
		spin_unlock(q, &tree->lock);
		(void)HOT_ADD(&z->stats.reject_alloc_fail, 1);
		return false;
	}
	if (old) {
		(void)HOT_ADD(&z->stats.duplicate_entry, 1);
		zswap_entry_put(q, old);
	}
	(void)HOT_ADD(&z->stats.stored_pages, 1);
	if (entry->length) {
		(void)HOT_ADD(&z->stats.compressed_bytes, entry->length);
		if (!z->zbud) {
			spin_lock(q, &z->lru_lock);
			list_add(&entry->lru, &z->lru);
			z->nr_lru++;
			/* Few of many need protection: it fades as others come. */
			if (z->nr_protected > z->nr_lru / 4)
				z->nr_protected /= 2;
			spin_unlock(q, &z->lru_lock);
		}
	} else {
		(void)HOT_ADD(&z->stats.same_filled_pages, 1);
	}
	spin_unlock(q, &tree->lock);
	return true;
}

/* The rest of zswap_store(): true if an entry was made.  It has the payer's reference. */
static bool store_page(struct quire *q, struct page *page, struct zswap_tree *tree,
		       struct obj_cgroup *objcg)
{
	struct zswap_floor *z = q->swap->zswap;
	/* Reclaim may use the reserves for it: the page it stands for goes. */
	struct zswap_entry *entry = kmem_cache_alloc(q, q->swap->zswap_entry_cachep, GFP_KERNEL);

	if (!entry) {
		(void)HOT_ADD(&z->stats.reject_kmemcache_fail, 1);
		return false;
	}
	*entry = (struct zswap_entry){.swpentry = {page->private}, .refcount = 1, .objcg = objcg};
	INIT_LIST_HEAD(&entry->lru);
	if (!fill_entry(q, page, entry)) {
		kmem_cache_free(q, q->swap->zswap_entry_cachep, entry);
		return false;
	}
	if (objcg)
		obj_cgroup_charge_zswap(q, objcg, entry->length);
	if (!insert_entry(q, tree, entry)) {
		if (objcg)
			obj_cgroup_uncharge_zswap(q, objcg, entry->length);
		if (entry->length)
			zpool_free(q, z, entry->handle);
		kmem_cache_free(q, q->swap->zswap_entry_cachep, entry);
		return false;
	}
	return true;
}

bool zswap_store(struct quire *q, struct page *page)
{
	swp_entry_t swpentry = {page->private};
	struct swap_info_struct *si = q->swap->info[swp_type(swpentry)];
	struct zswap_floor *z = q->swap->zswap;
	struct obj_cgroup *objcg;

	/* Whatever becomes of this store, what was there is old. */
	zswap_invalidate(q, si, swp_offset(swpentry));
	if (!z->params.enabled || !si->zswap || !(z->pool || z->zbud))
		return false;
	objcg = get_obj_cgroup_from_page(page);
	if (!pool_accepts(q, objcg) || !store_page(q, page, si->zswap, objcg)) {
		obj_cgroup_put(q, objcg);
		return false;
	}
	count_vm_event(q, ZSWPOUT);
	count_memcg_events(q, page->memcg, ZSWPOUT, 1);
	return true;
}

/*
 * Readahead loads one slot after the other.  A load waits for the entry, its handle, the
 * frame's descriptor, the chain and the bytes, each of which names the next: so what the
 * next four loads will need is begun now, of each the step whose address is known by
 * now.  Under the tree's lock.
 */
static void zswap_prefetch_next(struct quire *q, struct zswap_tree *tree, unsigned long offset)
{
	const struct xa_node *leaf = xa_leaf(&tree->entries, offset);
	struct zswap_floor *z = q->swap->zswap;
	bool in_order = tree->next == offset;

	tree->next = offset + 1;
	if (!in_order || !leaf || z->zbud)
		return;
	for (unsigned int ahead = 1; ahead <= 4; ahead++) {
		unsigned int slot = (unsigned int)(offset & XA_CHUNK_MASK) + ahead;
		const struct zswap_entry *entry = slot <= XA_CHUNK_MASK ? leaf->slots[slot] : NULL;

		if (!entry)
			break;
		if (ahead == 4)
			__builtin_prefetch(entry);
		else if (entry->length)
			zs_obj_prefetch(q, z->pool, entry->handle,
					(enum zs_prefetch)(ZS_PREFETCH_BYTES - (ahead - 1)),
					entry->length, zcomp_kept(q, entry->length));
	}
}

int zswap_load(struct quire *q, struct page *page)
{
	swp_entry_t swpentry = {page->private};
	struct zswap_tree *tree = q->swap->info[swp_type(swpentry)]->zswap;
	struct zswap_floor *z = q->swap->zswap;
	struct zswap_entry *entry;
	int err;

	if (!tree || xa_empty(&tree->entries))
		return -ENOENT;
	spin_lock(q, &tree->lock);
	entry = zswap_search(tree, swpentry);
	if (entry) {
		entry->refcount++;
		zswap_prefetch_next(q, tree, swp_offset(swpentry));
	}
	spin_unlock(q, &tree->lock);
	if (!entry)
		return -ENOENT;

	err = decompress_page(q, entry, page);
	if (!err) {
		count_vm_event(q, ZSWPIN);
		count_memcg_events(q, page->memcg, ZSWPIN, 1);
	}

	spin_lock(q, &tree->lock);
	if (entry->length && !z->zbud) {
		spin_lock(q, &z->lru_lock);
		list_move(&entry->lru, &z->lru);
		z->nr_protected++;
		spin_unlock(q, &z->lru_lock);
	}
	zswap_entry_put(q, entry);
	spin_unlock(q, &tree->lock);
	return err;
}

/* ---- writeback ------------------------------------------------------------- */

/*
 * Writes one entry's page to its slot, through the swap cache; the caller has a
 * reference to the entry.  If the page is there already it is in use, and so
 * not cold.
 */
static int zswap_writeback_entry(struct quire *q, struct zswap_tree *tree,
				 struct zswap_entry *entry)
{
	struct zswap_floor *z = q->swap->zswap;
	struct page *page;
	bool new, same;
	int err;

	page = __read_swap_cache_async(q, entry->swpentry, GFP_KERNEL, &new);
	if (!page)
		return -ENOMEM;
	if (!new) {
		put_page(q, page);
		return -EAGAIN;
	}
	/* The slot may have been freed and taken anew while memory was waited for. */
	spin_lock(q, &tree->lock);
	same = zswap_search(tree, entry->swpentry) == entry;
	spin_unlock(q, &tree->lock);
	err = same ? decompress_page(q, entry, page) : -EAGAIN;
	if (err) {
		delete_from_swap_cache(q, page);
		unlock_page(q, page);
		put_page(q, page);
		return err;
	}
	SetPageUptodate(page);
	/* Nobody asked for it: to the tail of the list once it is written. */
	SetPageReclaim(page);
	err = __swap_writepage(q, page);
	if (err) {
		/* Up to date and clean in the cache; the entry stays, too. */
		ClearPageReclaim(page);
		unlock_page(q, page);
	} else {
		(void)HOT_ADD(&z->stats.written_back_pages, 1);
		spin_lock(q, &tree->lock);
		if (zswap_search(tree, entry->swpentry) == entry)
			zswap_erase(q, tree, entry);
		spin_unlock(q, &tree->lock);
	}
	put_page(q, page);
	return err;
}

/* The entry that zbud wants out of a frame. */
static int zbud_evict(struct quire *q, unsigned long handle)
{
	const struct zswap_header *zhdr = zbud_map(q, handle);
	swp_entry_t swpentry = zhdr->swpentry;
	struct zswap_tree *tree = q->swap->info[swp_type(swpentry)]->zswap;
	struct zswap_entry *entry;
	int err;

	spin_lock(q, &tree->lock);
	entry = zswap_search(tree, swpentry);
	if (!entry || entry->handle != handle || !entry->length) {
		/* Freed meanwhile. */
		spin_unlock(q, &tree->lock);
		return 0;
	}
	entry->refcount++;
	spin_unlock(q, &tree->lock);

	err = zswap_writeback_entry(q, tree, entry);

	spin_lock(q, &tree->lock);
	zswap_entry_put(q, entry);
	spin_unlock(q, &tree->lock);
	return err;
}

int zswap_shrink_one(struct quire *q)
{
	struct zswap_floor *z = q->swap->zswap;
	struct zswap_entry *entry;
	struct zswap_tree *tree;
	swp_entry_t swpentry;
	int err = -EAGAIN;

	if (z->zbud)
		return zbud_reclaim_page(q, z->zbud, ZBUD_RETRIES, zbud_evict);
	spin_lock(q, &z->lru_lock);
	entry = list_last_entry_or_null(&z->lru, struct zswap_entry, lru);
	if (!entry) {
		spin_unlock(q, &z->lru_lock);
		return -ENOENT;
	}
	/* To the front: should it fail, the next in line gets its chance. */
	list_move(&entry->lru, &z->lru);
	swpentry = entry->swpentry;
	spin_unlock(q, &z->lru_lock);

	/* Without a lock the entry may have gone: it counts only if it is still there. */
	tree = q->swap->info[swp_type(swpentry)]->zswap;
	spin_lock(q, &tree->lock);
	if (zswap_search(tree, swpentry) != entry) {
		spin_unlock(q, &tree->lock);
		return -EAGAIN;
	}
	entry->refcount++;
	spin_unlock(q, &tree->lock);

	err = zswap_writeback_entry(q, tree, entry);

	spin_lock(q, &tree->lock);
	zswap_entry_put(q, entry);
	spin_unlock(q, &tree->lock);
	return err;
}

void zswap_shrink(struct quire *q)
{
	struct zswap_floor *z = q->swap->zswap;
	unsigned int failures = 0;

	/* Linux 6.1's work: one frame for each time that it was asked. */
	if (z->zbud) {
		if (zswap_shrink_one(q))
			(void)HOT_ADD(&z->stats.reject_reclaim_fail, 1);
		return;
	}
	while (!zswap_can_accept(q) && failures < SHRINK_RETRIES && !q->stopping) {
		int err = zswap_shrink_one(q);

		if (err) {
			(void)HOT_ADD(&z->stats.reject_reclaim_fail, 1);
			if (err != -EAGAIN)
				break;
			failures++;
		}
		cond_resched(q);
	}
}

static void zswap_shrinker(struct quire *q, void *arg)
{
	struct zswap_floor *z = q->swap->zswap;

	(void)arg;
	while (!q->stopping) {
		wait_event(q, &z->shrink_wait, z->shrink_wanted || q->stopping);
		z->shrink_wanted = false;
		zswap_shrink(q);
	}
}

/* ---- shrinker_enabled -------------------------------------------------------- */

/*
 * How many entries reclaim may have written back: those that nothing protects, scaled
 * by what one of them takes, since what compresses well is hardly worth it.
 */
static unsigned long zswap_shrinker_count(struct quire *q, struct shrinker *s,
					  struct shrink_control *sc)
{
	struct zswap_floor *z = q->swap->zswap;
	unsigned long stored = HOT_LOAD(&z->stats.stored_pages), nr = HOT_LOAD(&z->nr_lru);
	unsigned long protected = HOT_LOAD(&z->nr_protected);

	(void)s;
	(void)sc;
	if (!z->params.shrinker_enabled || !stored || nr <= protected)
		return 0;
	return (nr - protected) * zpool_pages(z) / stored;
}

static unsigned long zswap_shrinker_scan(struct quire *q, struct shrinker *s,
					 struct shrink_control *sc)
{
	struct zswap_floor *z = q->swap->zswap;
	unsigned long freed = 0, scanned = 0;

	(void)s;
	if (!z->params.shrinker_enabled)
		return SHRINK_STOP;
	for (; scanned < sc->nr_to_scan && z->nr_lru > z->nr_protected; scanned++) {
		int err = zswap_shrink_one(q);

		freed += !err;
		/* A page in the swap cache is in use: those before it are hotter yet. */
		if (err && err != -EAGAIN)
			break;
	}
	sc->nr_scanned = scanned;
	return freed || scanned ? freed : SHRINK_STOP;
}

/* ---- set-up ---------------------------------------------------------------- */

static int create_pool(struct quire *q, struct zswap_floor *z)
{
	if (str_eq(z->params.zpool, "zbud"))
		z->zbud = zbud_create_pool(q);
	else
		z->pool = zs_create_pool(q, "zswap1");
	return z->pool || z->zbud ? 0 : -ENOMEM;
}

int zswap_set_zpool(struct quire *q, const char *name)
{
	static const char *const names[] = {"zbud", "zsmalloc"};
	struct zswap_floor *z = q->swap->zswap;
	const char *old = z->params.zpool;
	bool there = z->pool || z->zbud;
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(name, names[i]))
			z->params.zpool = names[i];
	if (!str_eq(name, z->params.zpool)) {
		pr_err(q, "zswap: zpool %s not available", name);
		return -ENOENT;
	}
	if (old == z->params.zpool || !there)
		return 0;
	if (HOT_LOAD(&z->stats.stored_pages)) {
		z->params.zpool = old;
		return -EBUSY;
	}
	if (z->zbud)
		zbud_destroy_pool(q, z->zbud);
	else
		zs_destroy_pool(q, z->pool);
	z->zbud = NULL;
	z->pool = NULL;
	err = create_pool(q, z);
	return err;
}

int zswap_set_compressor(struct quire *q, const char *name)
{
	struct zswap_floor *z = q->swap->zswap;
	int err = zcomp_set(q, &z->comp, name);

	if (err)
		pr_err(q, "zswap: compressor %s not available", name);
	else
		z->params.compressor = z->comp.name;
	return err;
}

int zswap_swapon(struct quire *q, struct swap_info_struct *si)
{
	struct zswap_floor *z = q->swap->zswap;
	struct zswap_tree *tree;

	if (!q->port->compress || !q->port->decompress)
		return 0;
	/* Pool and buffers, when the first area comes. */
	if (!z->pool && !z->zbud && (zcomp_create_strms(q, &z->comp) || create_pool(q, z)))
		return -ENOMEM;
	if (!z->has_shrinker) {
		if (kthread_run(q, "zswap-shrink", zswap_shrinker, NULL, -1))
			return -ENOMEM;
		register_shrinker(q, &z->shrinker);
		z->has_shrinker = true;
	}
	tree = kzalloc(q, sizeof(*tree), GFP_KERNEL);
	if (!tree)
		return -ENOMEM;
	xa_init(&tree->entries, &swap_node_ops, q);
	spin_lock_init(&tree->lock, LOCK_ZSWAP_TREE);
	si->zswap = tree;
	return 0;
}

void zswap_swapoff(struct quire *q, struct swap_info_struct *si)
{
	kfree(q, si->zswap);
	si->zswap = NULL;
}

int zswap_init(struct quire *q)
{
	struct zswap_floor *z = kzalloc(q, sizeof(*z), GFP_KERNEL);

	if (!z)
		return -ENOMEM;
	q->swap->zswap = z;
	z->params = (struct zswap_params){
		.enabled = false,
		.max_pool_percent = 20,
		.accept_threshold_percent = 90,
		.same_filled_pages_enabled = true,
		.non_same_filled_pages_enabled = true,
		.compressor = "lzo",
		.zpool = "zbud",
	};
	(void)zcomp_set(q, &z->comp, "lzo");
	z->shrinker = (struct shrinker){.count_objects = zswap_shrinker_count,
					.scan_objects = zswap_shrinker_scan,
					.seeks = DEFAULT_SEEKS,
					.name = "mm-zswap"};
	INIT_LIST_HEAD(&z->lru);
	spin_lock_init(&z->lru_lock, LOCK_ZSWAP_LRU);
	q->swap->zswap_entry_cachep =
		kmem_cache_create(q, "zswap_entry", SLAB_SIZE_zswap_entry, 0, 0, NULL);
	return q->swap->zswap_entry_cachep ? 0 : -ENOMEM;
}
