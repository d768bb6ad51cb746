/* SPDX-License-Identifier: MIT */
/*
 * /proc/slabinfo, /proc/vmallocinfo and /sys/kernel/slab: what the kernel
 * keeps of its own.
 *
 * A directory below /sys/kernel/slab is named by its cache's place, counted
 * from the oldest cache on: new caches come at the list's head, so places stay
 * while caches come.  Linux links caches that were merged to one; Quire merges
 * none, so each name is a directory.
 */
#include "proc/internal.h"
#include "slab/slub.h"
#include "vmalloc/vmalloc.h"

static void put_cache(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct text *t = ctx;
	struct slabinfo info;
	size_t len;

	get_slabinfo(q, s, &info);
	len = str_len(info.name);
	text_put(t, info.name, len);
	if (len < 17)
		text_fill(t, ' ', 17 - len);
	text_putc(t, ' ');
	put_dec(t, info.active_objs, 6);
	text_putc(t, ' ');
	put_dec(t, info.num_objs, 6);
	text_putc(t, ' ');
	put_dec(t, info.objsize, 6);
	text_putc(t, ' ');
	put_dec(t, info.objects_per_slab, 4);
	text_putc(t, ' ');
	put_dec(t, info.pages_per_slab, 4);
	put_lit(t, " : tunables    0    0    0 : slabdata ");
	put_dec(t, info.active_slabs, 6);
	text_putc(t, ' ');
	put_dec(t, info.num_slabs, 6);
	put_lit(t, "      0\n");
}

int show_slabinfo(struct quire *q, __unused const struct proc_entry *e,
		  __unused const struct proc_def *def, struct text *t)
{
	put_lit(t,
		"slabinfo - version: 2.1\n"
		"# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> "
		": tunables <limit> <batchcount> <sharedfactor> "
		": slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each_cache(q, put_cache, t);
	return 0;
}

static void put_vm(const struct vm_struct *vm, void *ctx)
{
	struct text *t = ctx;

	text_printf(t, "0x%016lx-0x%016lx %7lu %s", vm->addr, vm->addr + vm->size, vm->size,
		    vm->caller ? vm->caller : "0");
	if (vm->nr_pages)
		text_printf(t, " pages=%u", vm->nr_pages);
	put_lit(t, " vmalloc\n");
}

int show_vmallocinfo(struct quire *q, __unused const struct proc_entry *e,
		     __unused const struct proc_def *def, struct text *t)
{
	vmalloc_for_each(q, put_vm, t);
	return 0;
}

/* ---- /sys/kernel/slab ------------------------------------------------------- */

static struct kmem_cache *cache_at(struct quire *q, u32 place)
{
	struct kmem_cache *s;

	list_for_each_entry_reverse (s, &q->slab->caches, list)
		if (!place--)
			return s;
	return NULL;
}

static struct proc_entry slabs_lookup(struct quire *q, __unused const struct proc_entry *dir,
				      const char *name)
{
	struct kmem_cache *s;
	u32 place = 0;

	list_for_each_entry_reverse (s, &q->slab->caches, list) {
		if (str_eq(s->name, name))
			return proc_entry_of(DIR_SLAB, 0, place);
		place++;
	}
	return (struct proc_entry){0};
}

static void slabs_readdir(struct quire *q, __unused const struct proc_entry *dir,
			  struct proc_filler *f)
{
	struct kmem_cache *s;
	u32 place = 0;

	list_for_each_entry_reverse (s, &q->slab->caches, list)
		if (!proc_fill(f, s->name, proc_entry_of(DIR_SLAB, 0, place++)))
			return;
}

/* Sums that a node has a part of. */
enum slab_sum {
	SUM_OBJECTS,
	SUM_TOTAL,
	SUM_SLABS,
	SUM_PARTIAL,
	SUM_OBJECTS_PARTIAL,
	SUM_CPU_SLABS
};

static unsigned long node_partial_objects(struct quire *q, struct kmem_cache_node *n)
{
	struct page *page;
	unsigned long used = 0;

	spin_lock(q, &n->list_lock);
	list_for_each_entry (page, &n->partial, lru)
		used += page->inuse;
	spin_unlock(q, &n->list_lock);
	return used;
}

static unsigned long node_partial_free(struct quire *q, struct kmem_cache_node *n)
{
	struct page *page;
	unsigned long free = 0;

	spin_lock(q, &n->list_lock);
	list_for_each_entry (page, &n->partial, lru)
		free += (unsigned long)page->objects - page->inuse;
	spin_unlock(q, &n->list_lock);
	return free;
}

/* Slabs of a node that CPUs hold, those in their partial lists too. */
static unsigned long cpu_slabs_of(struct quire *q, struct kmem_cache *s, unsigned int nid)
{
	unsigned long slabs = 0;

	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		struct kmem_cache_cpu *c = &s->cpu_slab[cpu];

		spin_lock(q, &c->lock);
		if (c->slab && page_to_nid(c->slab) == nid)
			slabs++;
		for (struct page *page = c->partial; page; page = slab_next(page))
			slabs += page_to_nid(page) == nid;
		spin_unlock(q, &c->lock);
	}
	return slabs;
}

static unsigned long slab_sum_of(struct quire *q, struct kmem_cache *s, unsigned int nid,
				 enum slab_sum what)
{
	struct kmem_cache_node *n = s->node[nid];

	if (!n)
		return 0;
	switch (what) {
	case SUM_OBJECTS:
		return HOT_LOAD(&n->total_objects) - node_partial_free(q, n);
	case SUM_TOTAL:
		return HOT_LOAD(&n->total_objects);
	case SUM_SLABS:
		return HOT_LOAD(&n->nr_slabs);
	case SUM_PARTIAL:
		return HOT_LOAD(&n->nr_partial);
	case SUM_OBJECTS_PARTIAL:
		return node_partial_objects(q, n);
	case SUM_CPU_SLABS:
		return cpu_slabs_of(q, s, nid);
	}
	return 0;
}

/* "13 N0=8 N1=5" */
static int show_slab_sum(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			 struct text *t)
{
	struct kmem_cache *s = cache_at(q, e->arg);
	unsigned long sum = 0;

	if (!s)
		return -ENOENT;
	for_each_node (q, nid)
		sum += slab_sum_of(q, s, nid, def->val);
	put_dec(t, sum, 0);
	for_each_node (q, nid) {
		unsigned long part = slab_sum_of(q, s, nid, def->val);

		if (part)
			text_printf(t, " N%u=%lu", nid, part);
	}
	text_putc(t, '\n');
	return 0;
}

enum slab_value {
	VALUE_SIZE,
	VALUE_OBJECT_SIZE,
	VALUE_ALIGN,
	VALUE_OBJECTS,
	VALUE_ORDER,
	VALUE_MIN_PARTIAL,
	VALUE_CPU_PARTIAL,
	VALUE_RECLAIM,
	VALUE_DMA,
	VALUE_HWCACHE,
	VALUE_RCU,
};

static unsigned long slab_value_of(const struct kmem_cache *s, enum slab_value what)
{
	switch (what) {
	case VALUE_SIZE:
		return s->size;
	case VALUE_OBJECT_SIZE:
		return s->object_size;
	case VALUE_ALIGN:
		return s->align;
	case VALUE_OBJECTS:
		return s->objects;
	case VALUE_ORDER:
		return s->order;
	case VALUE_MIN_PARTIAL:
		return s->min_partial;
	case VALUE_CPU_PARTIAL:
		return s->cpu_partial_slabs * s->objects / 2;
	case VALUE_RECLAIM:
		return (s->flags & SLAB_RECLAIM_ACCOUNT) != 0;
	case VALUE_DMA:
		return (s->flags & SLAB_CACHE_DMA) != 0;
	case VALUE_HWCACHE:
		return (s->flags & SLAB_HWCACHE_ALIGN) != 0;
	case VALUE_RCU:
		return (s->flags & SLAB_TYPESAFE_BY_RCU) != 0;
	}
	return 0;
}

static int show_slab_value(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			   struct text *t)
{
	struct kmem_cache *s = cache_at(q, e->arg);

	if (!s)
		return -ENOENT;
	put_dec(t, slab_value_of(s, def->val), 0);
	text_putc(t, '\n');
	return 0;
}

static s64 store_slab_shrink(struct quire *q, const struct proc_entry *e,
			     __unused const struct proc_def *def, const struct proc_input *in)
{
	struct kmem_cache *s = cache_at(q, e->arg);

	if (!s)
		return -ENOENT;
	if (in->buf[0] != '1')
		return -EINVAL;
	(void)kmem_cache_shrink(q, s);
	return (s64)in->len;
}

#define SLAB_VALUE(name, what) DEF_VAL(name, 0400, show_slab_value, NULL, what)
#define SLAB_SUM(name, what)   DEF_VAL(name, 0400, show_slab_sum, NULL, what)

static const struct proc_def slab_defs[] = {
	DEF_TEXT("aliases", 0400, "0\n"),
	SLAB_VALUE("align", VALUE_ALIGN),
	SLAB_VALUE("cache_dma", VALUE_DMA),
	SLAB_VALUE("cpu_partial", VALUE_CPU_PARTIAL),
	SLAB_SUM("cpu_slabs", SUM_CPU_SLABS),
	SLAB_VALUE("destroy_by_rcu", VALUE_RCU),
	SLAB_VALUE("hwcache_align", VALUE_HWCACHE),
	SLAB_VALUE("min_partial", VALUE_MIN_PARTIAL),
	SLAB_VALUE("object_size", VALUE_OBJECT_SIZE),
	SLAB_SUM("objects", SUM_OBJECTS),
	SLAB_SUM("objects_partial", SUM_OBJECTS_PARTIAL),
	SLAB_VALUE("objs_per_slab", VALUE_OBJECTS),
	SLAB_VALUE("order", VALUE_ORDER),
	SLAB_SUM("partial", SUM_PARTIAL),
	DEF_TEXT("poison", 0400, "0\n"),
	SLAB_VALUE("reclaim_account", VALUE_RECLAIM),
	DEF_TEXT("red_zone", 0400, "0\n"),
	DEF_TEXT("sanity_checks", 0400, "0\n"),
	DEF_RW("shrink", 0200, NULL, store_slab_shrink),
	SLAB_VALUE("slab_size", VALUE_SIZE),
	SLAB_SUM("slabs", SUM_SLABS),
	DEF_TEXT("store_user", 0400, "0\n"),
	SLAB_SUM("total_objects", SUM_TOTAL),
	DEF_TEXT("trace", 0400, "0\n"),
};
PROC_DIR_TABLE(sysfs_slab_dir, slab_defs);

const struct proc_dir sysfs_slabs_dir = {.lookup = slabs_lookup, .readdir = slabs_readdir};
