/* SPDX-License-Identifier: MIT */
/*
 * The invariants of caches with sheaves (slab/sheaf.h): a slab's bitmap and its
 * count of objects in use are all it has; its frames carry the cache's number;
 * the free objects of slabs are as many as the cache counts; and each pointer of
 * a CPU's array or of the barn leads to an object that is in use, once.
 *
 * To find the same pointer twice, the objects that arrays hold are marked free
 * in the bitmaps meanwhile, and in use again afterwards.
 */
#include "base/bitmap.h"
#include "slab/sheaf_alloc.h"
#include "verify/verify.h"

#if HOT_PERCPU

static unsigned int popcount(const unsigned long *bits, unsigned int nr)
{
	unsigned int sum = 0;

	for (unsigned int w = 0; w < BITS_TO_LONGS(nr); w++)
		sum += (unsigned int)__builtin_popcountl(bits[w]);
	return sum;
}

void verify_sheaf_slab(struct verify *v, struct kmem_cache *s, struct page *page)
{
	unsigned long *bits = slab_bits(page);
	u64 pfn = page_to_pfn(v->q, page);
	unsigned int nr = popcount(bits, page->objects);
	unsigned long over = page->objects % BITS_PER_LONG;

	if (over && bits[page->objects / BITS_PER_LONG] & ~BITMAP_LAST_WORD_MASK(over))
		broken(v, "slab: %s: slab 0x%lx has free objects beyond its end", s->name, pfn);
	if (nr + page->inuse != page->objects)
		broken(v, "slab: %s: the bitmap of slab 0x%lx of %u objects has %u free beside %u",
		       s->name, pfn, page->objects, nr, page->inuse);
	for (unsigned long i = 0; i < 1UL << compound_order(page); i++)
		if (*hot_slab_id(v->q->hot, pfn + i) != s->fast.id) {
			broken(v, "slab: %s: frame 0x%lx is marked as cache %u's", s->name, pfn + i,
			       *hot_slab_id(v->q->hot, pfn + i));
			break;
		}
	s->sheaves.seen_free += nr;
}

/* The place of an object's bit: its slab (NULL: it is no object) and index. */
static struct page *find_object(struct verify *v, struct kmem_cache *s, const void *object,
				unsigned int *index)
{
	struct quire *q = v->q;
	size_t offset;
	struct page *page;

	if (sheaved_cache_of(q, object) != s)
		return NULL;
	page = virt_to_slab(q, object);
	if (!PageSlab(page) || page->slab_cache != s)
		return NULL;
	offset = (size_t)((const char *)object - (const char *)page_address(q, page));
	*index = (unsigned int)(offset / s->size);
	return offset % s->size || *index >= page->objects ? NULL : page;
}

/* Marks (or unmarks) nr objects as free; the first that can't be ends it.  How
 * many were. */
static unsigned long mark(struct verify *v, struct kmem_cache *s, u64 *objects, unsigned long nr,
			  bool free)
{
	unsigned int index = 0;

	for (unsigned long i = 0; i < nr; i++) {
		struct page *page = find_object(v, s, (void *)objects[i], &index);

		if (free && !page) {
			broken(v, "slab: %s: a sheaf holds what is none of its objects", s->name);
			return i;
		}
		if (free && test_bit(index, slab_bits(page))) {
			broken(v, "slab: %s: a sheaf holds a free object", s->name);
			return i;
		}
		__assign_bit(index, slab_bits(page), free);
	}
	return nr;
}

void verify_sheaves(struct verify *v, struct kmem_cache *s)
{
	struct quire_hot *hot = v->q->hot;
	struct cache_sheaves *sh = &s->sheaves;
	u32 slots = hot_percpu_slots(hot), slot = 0, nr_full = 0, at = 0;
	struct slab_sheaf *sheaf;
	unsigned long marked = 0;
	bool good = true;

	if (sh->seen_free != sh->nr_free)
		broken(v, "slab: %s: counts %lu free objects of slabs and has %lu", s->name,
		       sh->nr_free, sh->seen_free);
	/* Arrays, then the barn; the last one may be marked in part. */
	for (; slot < slots && good; slot++) {
		struct percpu_list *list = hot_stack_list(&s->fast, slot);

		marked = mark(v, s, list->u64, percpu_count(list->word), true);
		good = marked == percpu_count(list->word);
	}
	for (sheaf = sh->barn.full; sheaf && good; sheaf = sheaf->next, nr_full++) {
		marked = mark(v, s, (u64 *)sheaf->objects, sheaf->size, true);
		good = marked == sheaf->size;
	}
	if (good && nr_full != sh->barn.nr_full)
		broken(v, "slab: %s: counts %u sheaves and has %u", s->name, sh->barn.nr_full,
		       nr_full);
	for (u32 i = 0; i < slot; i++) {
		struct percpu_list *list = hot_stack_list(&s->fast, i);
		bool last = !good && !nr_full && i == slot - 1;

		mark(v, s, list->u64, last ? marked : percpu_count(list->word), false);
	}
	for (sheaf = sh->barn.full; at < nr_full; sheaf = sheaf->next)
		mark(v, s, (u64 *)sheaf->objects, ++at == nr_full && !good ? marked : sheaf->size,
		     false);
}

#endif
