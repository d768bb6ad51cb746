/* SPDX-License-Identifier: MIT */
/*
 * Who holds the objects of a cache: its tracks, gathered by caller and call
 * chain (Linux's slab_debugfs).  A leak is the line whose count grows and whose
 * objects are old.
 *
 * The table has room for 512 places; what does not fit is counted in the last.
 *
 * Locks: each node's list_lock while its slabs are looked at.
 */
#include "base/text.h"
#include "slab/debug.h"

#define MAX_LOCATIONS 512
#define NS_PER_JIFFY  (4 * NSEC_PER_MSEC)

struct location {
	unsigned long addr, count, waste;
	u32 handle;
	int min_pid, max_pid;
	u64 sum_age, min_age, max_age; /* jiffies */
	u64 nodes;
	unsigned long cpus[QUIRE_MAX_CPUS / BITS_PER_LONG];
};

struct locations {
	unsigned int nr;
	struct location loc[MAX_LOCATIONS];
};

static struct location *find_location(struct locations *l, const struct track *track, size_t waste)
{
	for (unsigned int i = 0; i < l->nr; i++)
		if (l->loc[i].addr == track->addr && l->loc[i].handle == track->handle &&
		    l->loc[i].waste == waste)
			return &l->loc[i];
	if (l->nr < MAX_LOCATIONS)
		l->loc[l->nr++] = (struct location){.addr = track->addr,
						    .handle = track->handle,
						    .waste = waste,
						    .min_pid = INT_MAX,
						    .min_age = UINT64_MAX};
	return &l->loc[l->nr - 1];
}

static void add_object(struct quire *q, struct kmem_cache *s, struct locations *l, void *object,
		       enum track_item item, unsigned int nid)
{
	const struct track *track = get_track(s, object, item);
	size_t asked = slab_asked_size(s, object);
	struct location *loc = find_location(
		l, track,
		item == TRACK_ALLOC ? s->object_size - min(asked, (size_t)s->object_size) : 0);
	u64 age = (quire_clock(q) - track->when) / NS_PER_JIFFY;

	loc->count++;
	loc->sum_age += age;
	loc->min_age = min(loc->min_age, age);
	loc->max_age = max(loc->max_age, age);
	loc->min_pid = min(loc->min_pid, track->pid);
	loc->max_pid = max(loc->max_pid, track->pid);
	if ((unsigned int)track->cpu < QUIRE_MAX_CPUS)
		__set_bit((unsigned int)track->cpu, loc->cpus);
	loc->nodes |= 1UL << nid;
}

static void add_slab(struct quire *q, struct kmem_cache *s, struct locations *l, struct page *page,
		     enum track_item item)
{
	char *start = page_address(q, page), *p = start + s->red_left_pad;
	DECLARE_BITMAP(map, SLAB_MAX_CHECKED);

	bitmap_zero(map, SLAB_MAX_CHECKED);
	for (void *fp = page->freelist; fp; fp = get_freepointer(s, fp))
		__set_bit((size_t)((char *)fp - start) / s->size, map);
	for (unsigned int i = 0; i < page->objects; i++, p += s->size)
		if (!test_bit(i, map))
			add_object(q, s, l, p, item, page_to_nid(page));
}

static void put_bits(struct text *t, const char *what, const unsigned long *map, unsigned int nbits)
{
	const char *sep = what;

	for (unsigned int i = 0; i < nbits; i++) {
		unsigned int from = i;

		if (!test_bit(i, map))
			continue;
		while (i + 1 < nbits && test_bit(i + 1, map))
			i++;
		text_printf(t, "%s%u", sep, from);
		if (i > from)
			text_printf(t, "-%u", i);
		sep = ",";
	}
}

static void put_location(struct quire *q, const struct location *l, struct text *t)
{
	const uintptr_t *entries;
	unsigned int nr = stack_depot_fetch(q, l->handle, &entries);
	unsigned long nodes = l->nodes;
	char name[128];

	if (l->addr)
		slab_symbol(q, l->addr, name, sizeof(name));
	text_printf(t, "%7lu %s", l->count, l->addr ? name : "<not-available>");
	if (l->waste)
		text_printf(t, " waste=%lu/%lu", l->count * l->waste, l->waste);
	if (l->sum_age != l->min_age)
		text_printf(t, " age=%lu/%lu/%lu", l->min_age, l->sum_age / l->count, l->max_age);
	else
		text_printf(t, " age=%lu", l->min_age);
	text_printf(t, " pid=%d", l->min_pid);
	if (l->min_pid != l->max_pid)
		text_printf(t, "-%d", l->max_pid);
	if (q->nr_cpus > 1)
		put_bits(t, " cpus=", l->cpus, QUIRE_MAX_CPUS);
	if (q->nr_nodes > 1)
		put_bits(t, " nodes=", &nodes, QUIRE_MAX_NODES);
	text_putc(t, '\n');
	for (unsigned int i = 0; i < nr; i++) {
		slab_symbol(q, entries[i], name, sizeof(name));
		text_printf(t, "        %s\n", name);
	}
	if (nr)
		text_putc(t, '\n');
}

/* The most first; they are few. */
static void put_by_count(struct quire *q, struct locations *l, struct text *t)
{
	for (unsigned int n = 0; n < l->nr; n++) {
		struct location *most = NULL;

		for (unsigned int i = 0; i < l->nr; i++)
			if (l->loc[i].count && (!most || l->loc[i].count > most->count))
				most = &l->loc[i];
		put_location(q, most, t);
		most->count = 0;
	}
}

int slab_show_traces(struct quire *q, struct kmem_cache *s, enum track_item item, struct text *t)
{
	unsigned int order = get_order(sizeof(struct locations));
	struct page *room, *page;
	struct locations *l;

	if (!(s->flags & SLAB_STORE_USER) || !s->full)
		return -EINVAL;
	room = alloc_pages(q, GFP_NOWAIT | __GFP_NOWARN, order);
	if (!room)
		return -ENOMEM;
	l = page_address(q, room);
	l->nr = 0;
	for_each_node (q, nid) {
		struct kmem_cache_node *n = s->node[nid];

		if (!n || !HOT_LOAD(&n->nr_slabs))
			continue;
		spin_lock(q, &n->list_lock);
		list_for_each_entry (page, &n->partial, lru)
			add_slab(q, s, l, page, item);
		list_for_each_entry (page, &s->full[nid], lru)
			add_slab(q, s, l, page, item);
		spin_unlock(q, &n->list_lock);
	}
	if (!l->nr)
		text_puts(t, "No data\n");
	put_by_count(q, l, t);
	__free_pages(q, room, order);
	return 0;
}
