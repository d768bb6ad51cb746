/* SPDX-License-Identifier: MIT */
/*
 * Pages that are kept compressed: zswap's entries and zram's tables agree with their
 * counts, with the objects in zsmalloc and zbud, and these with classes and frames.
 *
 * The objects of a pool are counted, and each handle of an entry must lead to an object
 * that names it: so they are the same.
 */
#include "verify/verify.h"
#include "swap/zram.h"

/* ---- zsmalloc --------------------------------------------------------------- */

static u64 hash(u64 v)
{
	return prng_splitmix64(&v);
}

/* What is in a pool, or in all: frames, objects, and the sum of their handles' hashes. */
struct pool_sum {
	unsigned long frames, objs;
	u64 handles;
};

/* One chain: its objects by their words, its free list, its frames. */
static void verify_zspage(struct verify *v, const struct size_class *class,
			  const struct zspage *zspage, struct pool_sum *sum)
{
	unsigned int used = 0, nr_free = 0, nr = 0;
	struct quire *q = v->q;
	u64 pfn;

	for (const struct page *page = zspage->first_page; page && nr <= class->pages_per_zspage;
	     page = page->private ? pfn_to_page(q, page->private) : NULL, nr++)
		if (!PageType(page, PG_zsmalloc) || page->zspage != zspage)
			broken(v,
			       "zsmalloc: frame 0x%lx is not of type zsmalloc, or another chain's",
			       page_to_pfn(q, page));
	sum->frames += nr;
	if (nr != class->pages_per_zspage) {
		broken(v, "zsmalloc: class %u: a chain of %u frames", class->index, nr);
		return;
	}
	for (unsigned int obj = 0; obj < class->objs_per_zspage; obj++) {
		unsigned long word = zs_obj_header(q, class, zspage, obj, &pfn);
		unsigned int at;
		u64 at_pfn;

		if (!(word & 1))
			continue;
		used++;
		sum->handles += hash(word & ~1UL);
		zs_handle_location(word & ~1UL, &at_pfn, &at);
		if (at_pfn != pfn || at != obj)
			broken(v, "zsmalloc: class %u: an object's handle leads elsewhere",
			       class->index);
	}
	for (unsigned int obj = zspage->freeobj;
	     obj < class->objs_per_zspage && nr_free <= class->objs_per_zspage; nr_free++)
		obj = (unsigned int)(zs_obj_header(q, class, zspage, obj, &pfn) >> 1);
	if (used != zspage->inuse || nr_free != class->objs_per_zspage - used)
		broken(v,
		       "zsmalloc: class %u: a chain of %u objects: %u in use, %u free, counted %u",
		       class->index, class->objs_per_zspage, used, nr_free, zspage->inuse);
}

static enum fullness_group expected_fullness(const struct size_class *class, unsigned int inuse)
{
	if (!inuse)
		return ZS_EMPTY;
	if (inuse == class->objs_per_zspage)
		return ZS_FULL;
	return inuse > 3 * class->objs_per_zspage / 4 ? ZS_ALMOST_FULL : ZS_ALMOST_EMPTY;
}

static void verify_class(struct verify *v, const struct size_class *class, struct pool_sum *sum)
{
	unsigned long inuse = 0, allocated = 0;

	for (unsigned int f = 0; f < NR_ZS_FULLNESS; f++) {
		unsigned long nr = 0;
		struct zspage *zspage;

		list_for_each_entry (zspage, &class->fullness_list[f], list) {
			verify_zspage(v, class, zspage, sum);
			nr++;
			inuse += zspage->inuse;
			allocated += class->objs_per_zspage;
			if (zspage->fullness != f || expected_fullness(class, zspage->inuse) != f)
				broken(v, "zsmalloc: class %u: a chain is on the wrong list",
				       class->index);
		}
		if (nr != class->nr_zspages[f])
			broken(v, "zsmalloc: class %u: %lu chains on list %u, counted %lu",
			       class->index, nr, f, class->nr_zspages[f]);
	}
	if (inuse != class->objs_inuse || allocated != class->objs_allocated)
		broken(v, "zsmalloc: class %u: %lu of %lu objects in use, counted %lu of %lu",
		       class->index, inuse, allocated, class->objs_inuse, class->objs_allocated);
	sum->objs += inuse;
}

/* What is in a pool; its frames are added to *all_frames. */
static struct pool_sum verify_zsmalloc(struct verify *v, const struct zs_pool *pool,
				       unsigned long *all_frames)
{
	struct pool_sum sum = {0};

	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i]->index == i)
			verify_class(v, pool->size_class[i], &sum);
	if (sum.frames != pool->pages_allocated)
		broken(v, "zsmalloc: %lu frames, counted %lu", sum.frames, pool->pages_allocated);
	*all_frames += sum.frames;
	return sum;
}

/* ---- zbud, zswap ------------------------------------------------------------- */

/* zbud's frames: their lists, their objects; how many of those. */
static unsigned long verify_zbud(struct verify *v, const struct zbud_pool *pool)
{
	unsigned long nr_frames = 0, nr_objs = 0;
	const struct zbud_header *zhdr;

	for (unsigned int i = 0; i < ARRAY_SIZE(pool->unbuddied); i++) {
		if (!list_validate(&pool->unbuddied[i])) {
			broken(v, "zbud: a list of frames is not linked up");
			return 0;
		}
		list_for_each_entry (zhdr, &pool->unbuddied[i], buddy) {
			unsigned int used = zhdr->first_chunks + zhdr->last_chunks;
			bool full = zhdr->first_chunks && zhdr->last_chunks;

			nr_frames++;
			nr_objs += (zhdr->first_chunks != 0) + (zhdr->last_chunks != 0);
			if (!used || used > ZBUD_NCHUNKS || (full ? 0 : ZBUD_NCHUNKS - used) != i)
				broken(v, "zbud: a frame with %u and %u chunks is on list %u",
				       zhdr->first_chunks, zhdr->last_chunks, i);
		}
	}
	if (nr_frames != list_count_nodes(&pool->lru) ||
	    nr_frames + list_count_nodes(&pool->reclaiming) != pool->pages_nr)
		broken(v, "zbud: %lu frames, %lu on the LRU list, counted %lu", nr_frames,
		       list_count_nodes(&pool->lru), pool->pages_nr);
	list_for_each_entry (zhdr, &pool->reclaiming, buddy)
		nr_objs += (zhdr->first_chunks != 0) + (zhdr->last_chunks != 0);
	return nr_objs;
}

struct zswap_totals {
	u64 nr, same_filled, bytes, handles;
};

static void verify_zswap_tree(struct verify *v, struct swap_info_struct *si, struct zswap_totals *t)
{
	struct zswap_entry *e;
	unsigned long slot;

	if (!xa_validate(&si->zswap->entries))
		broken(v, "zswap: area %u: the tree is not well formed", si->type);
	xa_for_each (&si->zswap->entries, slot, e) {
		unsigned long offset = swp_offset(e->swpentry);

		if (swp_type(e->swpentry) != si->type || offset != slot)
			broken(v, "zswap: area %u: slot %lu is out of order", si->type, offset);
		else if (offset >= si->max || !*swap_map_byte(si, offset))
			broken(v, "zswap: area %u: an entry for slot %lu, which is free", si->type,
			       offset);
		if (e->refcount < 1)
			broken(v, "zswap: area %u: slot %lu has %d references", si->type, offset,
			       e->refcount);
		t->nr++;
		t->bytes += e->length;
		t->handles += e->length ? hash(e->handle) : 0;
		t->same_filled += !e->length;
	}
}

static void verify_zswap(struct verify *v, unsigned long *all_frames)
{
	const struct zswap_floor *z = v->q->swap->zswap;
	struct zswap_totals t = {0};
	unsigned long listed, objs = 0;

	for (unsigned int i = 0; i < MAX_SWAPFILES; i++)
		if (v->q->swap->info[i] && v->q->swap->info[i]->zswap)
			verify_zswap_tree(v, v->q->swap->info[i], &t);
	if (t.nr != z->stats.stored_pages || t.same_filled != z->stats.same_filled_pages)
		broken(v, "zswap: %lu entries, %lu same-filled, counted %lu and %lu", t.nr,
		       t.same_filled, z->stats.stored_pages, z->stats.same_filled_pages);
	if (t.bytes != z->stats.compressed_bytes)
		broken(v, "zswap: entries of %lu bytes, counted %lu", t.bytes,
		       z->stats.compressed_bytes);
	if (!list_validate(&z->lru)) {
		broken(v, "zswap: the LRU list is not linked up");
		return;
	}
	listed = list_count_nodes(&z->lru);
	if (listed != z->nr_lru)
		broken(v, "zswap: %lu entries on the LRU list, counted %lu", listed, z->nr_lru);
	if (z->pool) {
		struct pool_sum sum = verify_zsmalloc(v, z->pool, all_frames);

		objs = sum.objs;
		if (sum.handles != t.handles)
			broken(v, "zswap: the entries' handles are not those of the objects");
	}
	if (z->zbud)
		objs = verify_zbud(v, z->zbud);
	if (listed != (z->zbud ? 0 : t.nr - t.same_filled) || objs != t.nr - t.same_filled)
		broken(v, "zswap: %lu compressed entries, %lu on the LRU list, %lu objects",
		       t.nr - t.same_filled, listed, objs);
}

/* ---- zram ---------------------------------------------------------------------- */

/* A handle leads to an object of this pool that names it. */
static bool is_object(struct quire *q, const struct zs_pool *pool, unsigned long handle)
{
	const struct zspage *zspage;
	unsigned int obj;
	u64 pfn, at;

	zs_handle_location(handle, &pfn, &obj);
	if (pfn >= q->max_pfn || !PageType(pfn_to_page(q, pfn), PG_zsmalloc))
		return false;
	zspage = pfn_to_page(q, pfn)->zspage;
	return zs_obj_header(q, pool->size_class[zspage->class_index], zspage, obj, &at) ==
		       (handle | 1) &&
	       at == pfn;
}

static void verify_entry(struct verify *v, const struct zram *z, unsigned long index,
			 struct zram_stats *sum, struct pool_sum *in_table)
{
	const struct zram_table_entry *e = zram_entry(z, index);
	bool same = e->flags & ZRAM_SAME, wb = e->flags & ZRAM_WB;

	sum->pages_stored += e->handle || same;
	sum->same_pages += same;
	sum->huge_pages += (e->flags & ZRAM_HUGE) != 0;
	sum->bd_count += wb;
	if (same || !e->handle)
		return;
	if (wb) {
		if (e->handle >= z->nr_blocks ||
		    !(z->bitmap[e->handle / BITS_PER_LONG] & 1UL << e->handle % BITS_PER_LONG))
			broken(v, "zram: %s page %lu is in block %lu, which is free", z->name,
			       index, e->handle);
		return;
	}
	in_table->objs++;
	in_table->handles += hash(e->handle);
	sum->compr_data_size += e->size;
	if (!is_object(v->q, z->pool, e->handle))
		broken(v, "zram: %s page %lu has a handle that leads to no object", z->name, index);
	else if (!(e->flags & ZRAM_HUGE) != (e->size != PAGE_SIZE))
		broken(v, "zram: %s page %lu of %u bytes, huge %d", z->name, index, e->size,
		       (e->flags & ZRAM_HUGE) != 0);
}

static void verify_zram(struct verify *v, const struct zram *z, unsigned long *all_frames)
{
	struct pool_sum in_pool, in_table = {0};
	struct zram_stats sum = {0};

	if (!z->initialized)
		return;
	in_pool = verify_zsmalloc(v, z->pool, all_frames);
	for (unsigned long i = 0; i < z->nr_pages; i++)
		verify_entry(v, z, i, &sum, &in_table);
	if (in_table.objs != in_pool.objs || in_table.handles != in_pool.handles)
		broken(v, "zram: %s has %lu objects, its pool %lu, or others", z->name,
		       in_table.objs, in_pool.objs);
	if (sum.pages_stored != z->stats.pages_stored || sum.same_pages != z->stats.same_pages ||
	    sum.huge_pages != z->stats.huge_pages || sum.bd_count != z->stats.bd_count)
		broken(v,
		       "zram: %s stores %lu pages, %lu same, %lu huge, %lu on its device; "
		       "counted %lu, %lu, %lu, %lu",
		       z->name, sum.pages_stored, sum.same_pages, sum.huge_pages, sum.bd_count,
		       z->stats.pages_stored, z->stats.same_pages, z->stats.huge_pages,
		       z->stats.bd_count);
	if (sum.compr_data_size != z->stats.compr_data_size)
		broken(v, "zram: %s has entries of %lu bytes, counted %lu", z->name,
		       sum.compr_data_size, z->stats.compr_data_size);
}

void verify_compressed(struct verify *v)
{
	unsigned long all_frames = 0;
	const struct zram *z;

	verify_zswap(v, &all_frames);
	list_for_each_entry (z, &v->q->swap->zrams, list)
		verify_zram(v, z, &all_frames);
	if (all_frames != global_zone_page_state(v->q, NR_ZSPAGES))
		broken(v, "zsmalloc: %lu frames, nr_zspages says %lu", all_frames,
		       global_zone_page_state(v->q, NR_ZSPAGES));
}
