/* SPDX-License-Identifier: MIT */
/*
 * How the objects of a cache are laid out, and how many pages a slab has.
 *
 * calculate_order() is Linux's rule, which shows in /proc/slabinfo: enough
 * objects that CPUs seldom come for a new slab (4 for each bit of the number of
 * CPUs, and 4 more), and no more than a sixteenth of the slab wasted; where
 * that can't be had at order 3, an eighth, a quarter, then fewer objects.
 *
 * With debugging an object has more than its owner asked for (Linux's layout):
 *
 *	red_left_pad	0xbb while free, 0xcc while in use
 *	object_size	the owner's; 0x6b ... 0xa5 while free and poisoned
 *	... inuse	red zone: 0xbb or 0xcc; without one 0x5a
 *	offset		the link, where it can't lie within the object
 *	2 tracks	who allocated, who freed; of kmalloc the size asked for
 *	... size	0x5a
 *
 * s->flags and the sizes change only while a cache has no slabs.
 */
#include "slab/debug.h"
#include "base/string.h"

/* The smallest order from that of min_objects on that wastes at most 1/fraction. */
static unsigned int slab_order(unsigned int size, unsigned int min_objects, unsigned int max_order,
			       unsigned int fraction)
{
	unsigned int order = get_order((unsigned long)min_objects * size);

	if (PAGE_SIZE / size > SLUB_MAX_OBJECTS)
		return get_order((unsigned long)size * SLUB_MAX_OBJECTS) - 1;
	while (order <= max_order) {
		unsigned long bytes = PAGE_SIZE << order;

		if (bytes % size <= bytes / fraction)
			break;
		order++;
	}
	return order;
}

/* The order of the slabs of a cache, or -EINVAL: no order is large enough. */
int calculate_order(unsigned int size, unsigned int nr_cpus)
{
	unsigned int most = (unsigned int)((PAGE_SIZE << SLUB_MAX_ORDER) / size);
	unsigned int objects = min(4 * (ilog2(nr_cpus) + 2), most), order;

	for (; objects > 1; objects--) {
		for (unsigned int fraction = 16; fraction >= 4; fraction /= 2) {
			order = slab_order(size, objects, SLUB_MAX_ORDER, fraction);
			if (order <= SLUB_MAX_ORDER)
				return (int)order;
		}
	}
	/* One object a slab, whatever it wastes. */
	order = get_order(size);
	return order < MAX_ORDER ? (int)order : -EINVAL;
}

unsigned int calculate_alignment(unsigned int flags, unsigned int align, unsigned int size)
{
	if (flags & SLAB_HWCACHE_ALIGN) {
		unsigned int line = 64;

		/* Small objects share a line, as many as fit. */
		while (size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return ALIGN(max(align, (unsigned int)ARCH_KMALLOC_MINALIGN), (unsigned int)sizeof(void *));
}

/* How many slabs a CPU keeps partial: Linux counts objects and takes slabs as
 * half full. */
static void calculate_cpu_partial(struct kmem_cache *s)
{
	unsigned int objects = 120;

	if (kmem_cache_debug(s))
		objects = 0;
	else if (s->size >= PAGE_SIZE)
		objects = 6;
	else if (s->size >= 1024)
		objects = 24;
	else if (s->size >= 256)
		objects = 52;
	(void)set_cpu_partial(s, objects);
}

int set_cpu_partial(struct kmem_cache *s, unsigned int objects)
{
	if (objects && kmem_cache_debug(s))
		return -EINVAL;
	s->cpu_partial = objects;
	s->cpu_partial_slabs = DIV_ROUND_UP(objects * 2, s->objects);
	return 0;
}

/* Where the configuration knows how the cache is cut, that holds. */
static void apply_layout(struct quire *q, struct kmem_cache *s)
{
	const struct quire_slab_layout *l = q->cfg.slabs;
	unsigned int link = s->offset >= s->object_size ? (unsigned int)sizeof(void *) : 0;

	for (u32 i = 0; i < q->cfg.nr_slabs; i++, l++) {
		if (!str_eq(l->name, s->name))
			continue;
		if (!is_power_of_2(l->pages) || l->pages >= MAX_ORDER_NR_PAGES ||
		    l->size_bytes < sizeof(void *) + link || l->size_bytes % sizeof(void *) ||
		    !l->objects || l->objects > SLUB_MAX_OBJECTS ||
		    (u64)l->objects * l->size_bytes > (u64)l->pages << PAGE_SHIFT)
			return;
		s->size = l->size_bytes;
		s->object_size = min(s->object_size, s->size - link);
		s->offset = link ? s->size - link
				 : ALIGN_DOWN(s->object_size / 2, (unsigned int)sizeof(void *));
		s->order = (u8)ilog2(l->pages);
		s->objects = l->objects;
		return;
	}
}

/* ---- slub_debug= -------------------------------------------------------------- */

static bool glob_match(const char *pattern, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++, name++) {
		/* As Linux: a star ends the pattern. */
		if (pattern[i] == '*')
			return true;
		if (pattern[i] != *name)
			return false;
	}
	return !*name;
}

/* One block "FZPU,kmalloc-*,dentry": its flags, and whether it names name. */
static unsigned int parse_debug_block(const char *p, const char *end, const char *name, bool *named,
				      bool *global, bool *small_only)
{
	unsigned int flags = 0;
	bool any = false;

	*named = *global = false;
	for (; p < end && *p != ','; p++) {
		any = true;
		switch (*p | 0x20) {
		case '-':
			flags = 0;
			break;
		case 'f':
			flags |= SLAB_CONSISTENCY_CHECKS;
			break;
		case 'z':
			flags |= SLAB_RED_ZONE;
			break;
		case 'p':
			flags |= SLAB_POISON;
			break;
		case 'u':
			flags |= SLAB_STORE_USER;
			break;
		case 't':
			flags |= SLAB_TRACE;
			break;
		case 'a':
			flags |= SLAB_FAILSLAB;
			break;
		case 'o':
			*small_only = true;
			break;
		default:
			break; /* unknown letters are skipped */
		}
	}
	if (!any)
		flags = SLAB_DEBUG_FLAGS & ~SLAB_TRACE;
	*global = p == end;
	while (p < end) {
		const char *word = ++p;

		while (p < end && *p != ',')
			p++;
		if (glob_match(word, (size_t)(p - word), name))
			*named = true;
	}
	return flags;
}

unsigned int kmem_cache_debug_flags(struct quire *q, const char *name, unsigned int flags,
				    unsigned int object_size)
{
	const char *p = q->cfg.slub_debug;
	unsigned int all = 0;
	bool small_only = false;

	if (!p || q->cfg.slab != QUIRE_SLUB)
		return flags;
	for (;;) {
		const char *end = p;
		bool named, global;
		unsigned int block;

		while (*end && *end != ';')
			end++;
		block = parse_debug_block(p, end, name, &named, &global, &small_only);
		if (named)
			return flags | block;
		if (global)
			all |= block;
		if (!*end)
			break;
		p = end + 1;
	}
	/* 'O': not where it would take slabs of a higher order. */
	if (small_only && get_order(object_size + 3 * sizeof(void *) + 2 * sizeof(struct track)) >
				  get_order(object_size))
		return flags;
	return flags | all;
}

/* ---- objects ------------------------------------------------------------------ */

/* What lies behind the object: the link if it must, and what debugging keeps. */
static unsigned int add_metadata(struct kmem_cache *s, unsigned int size)
{
	unsigned int flags = s->flags, word = sizeof(void *);

	/* An object that ends where the next begins gets a red zone of its own. */
	if ((flags & SLAB_RED_ZONE) && size == s->object_size)
		size += word;
	s->inuse = size;
	if (s->ctor || (flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON)) ||
	    ((flags & SLAB_RED_ZONE) && s->object_size < word) || slub_debug_orig_size(s)) {
		/* The object's content must outlive its being free. */
		s->offset = size;
		size += word;
	} else {
		/* Away from both ends, where a neighbour's overrun would hit it. */
		s->offset = ALIGN_DOWN(s->object_size / 2, word);
	}
	if (flags & SLAB_STORE_USER) {
		size += 2 * (unsigned int)sizeof(struct track);
		if (flags & SLAB_KMALLOC)
			size += sizeof(unsigned int);
	}
	s->red_left_pad = 0;
	if (flags & SLAB_RED_ZONE) {
		size += word;
		s->red_left_pad = ALIGN(word, s->align);
		size += s->red_left_pad;
	}
	return size;
}

int calculate_sizes(struct quire *q, struct kmem_cache *s, unsigned int object_size,
		    unsigned int align, unsigned int flags, void (*ctor)(void *))
{
	unsigned int size = ALIGN(object_size, (unsigned int)sizeof(void *));
	int order;

	if (!object_size || object_size > PAGE_SIZE << (MAX_ORDER - 1))
		return -EINVAL;
	if (align && !is_power_of_2(align))
		return -EINVAL;
#if HOT_PERCPU
	s->fast = (struct quire_host_stack){.id = NO_SHEAVES};
#endif
	s->flags = flags;
	if ((flags & SLAB_POISON) && !(flags & SLAB_TYPESAFE_BY_RCU) && !ctor)
		s->flags |= __OBJECT_POISON;
	s->object_size = object_size;
	s->ctor = ctor;
	s->align = calculate_alignment(flags, align, object_size);
	s->size = ALIGN(add_metadata(s, size), s->align);
	order = calculate_order(s->size, q->nr_cpus);
	if (order < 0)
		return order;
	s->order = (u8)order;
	s->objects = min((unsigned int)((PAGE_SIZE << order) / s->size), SLUB_MAX_OBJECTS);
	if (!kmem_cache_debug(s))
		apply_layout(q, s);
	s->min_order = (u8)get_order(s->size);
	s->min_objects =
		min((unsigned int)((PAGE_SIZE << s->min_order) / s->size), SLUB_MAX_OBJECTS);
	s->allocflags = s->order ? __GFP_COMP : 0;
	if (flags & SLAB_CACHE_DMA)
		s->allocflags |= __GFP_DMA;
	if (flags & SLAB_CACHE_DMA32)
		s->allocflags |= __GFP_DMA32;
	if (flags & SLAB_RECLAIM_ACCOUNT)
		s->allocflags |= __GFP_RECLAIMABLE;
	s->min_partial = clamp(ilog2(s->size) / 2, (unsigned int)SLUB_MIN_PARTIAL,
			       (unsigned int)SLUB_MAX_PARTIAL);
	calculate_cpu_partial(s);
	slab_update_hooked(q, s);
	return 0;
}

/* ---- debugging at run time ---------------------------------------------------- */

static bool has_slabs(struct quire *q, struct kmem_cache *s)
{
	(void)kmem_cache_shrink(q, s);
	for_each_node (q, nid)
		if (s->node[nid] && HOT_LOAD(&s->node[nid]->nr_slabs))
			return true;
	return false;
}

int kmem_cache_set_debug(struct quire *q, struct kmem_cache *s, unsigned int flag, bool on)
{
	unsigned int flags = on ? s->flags | flag : s->flags & ~flag;
	unsigned int was = s->flags;
	struct list_head *full = NULL;
	int err;

	if (flags == s->flags || q->cfg.slab != QUIRE_SLUB)
		return flags == s->flags ? 0 : -EINVAL;
	/* Others' objects are in a merged cache, too. */
	if (s->refcount > 1)
		return -EINVAL;
	if (has_slabs(q, s))
		return -EBUSY;
	if ((flags & SLAB_STORE_USER) && !s->full) {
		full = alloc_full_lists(q);
		if (!full)
			return -ENOMEM;
	}
	flags &= ~(__OBJECT_POISON | SLAB_HOOKED);
#if HOT_PERCPU
	sheaf_remove(q, s);
#endif
	err = calculate_sizes(q, s, s->object_size, s->asked_align, flags, s->ctor);
	if (err) {
		free_full_lists(q, full);
		(void)calculate_sizes(q, s, s->object_size, s->asked_align,
				      was & ~(__OBJECT_POISON | SLAB_HOOKED), s->ctor);
		return err;
	}
	if (full)
		s->full = full;
	(void)HOT_OR(&q->slab->debug_flags, s->flags & SLAB_DEBUG_FLAGS);
	if (s->random_seq)
		(void)init_cache_random_seq(q, s);
#if HOT_PERCPU
	sheaf_setup(q, s);
#endif
	return 0;
}
