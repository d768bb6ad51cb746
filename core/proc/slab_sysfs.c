/* SPDX-License-Identifier: MIT */
/*
 * /sys/kernel/slab, /sys/kernel/debug/slab and KFENCE's files.
 *
 * A directory below /sys/kernel/slab is named by its cache's place, counted
 * from the oldest cache on: new caches come at the list's head, so places stay
 * while caches come.  Where like caches are merged, a cache that may be merged
 * into has a directory ":A-0000192" and its names are links to it, as Linux's.
 *
 * Only SLUB has these directories; under SLAB and SLOB they are empty.
 */
#include "proc/internal.h"
#include "slab/debug.h"
#include "slab/impl.h"
#include "slab/kfence.h"

static struct kmem_cache *cache_at(struct quire *q, u32 place)
{
	struct kmem_cache *s;

	list_for_each_entry_reverse (s, &q->slab->caches, list)
		if (!place--)
			return s;
	return NULL;
}

#define SLAB_ID_LEN 32

/* The name of a cache's directory. */
static const char *slab_dir_name(struct quire *q, const struct kmem_cache *s, char buf[SLAB_ID_LEN])
{
	if (slab_unmergeable(q, s))
		return s->name;
	slab_unique_id(s, buf, SLAB_ID_LEN);
	return buf;
}

static struct proc_entry slab_link(u32 place)
{
	return (struct proc_entry){
		.kind = PROC_LINK, .mode = 0777, .id = (u16)(DIR_SLABS << 8), .arg = place};
}

/* A link's text: the directory of the cache at its place. */
static int show_slab_link(struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	struct kmem_cache *s = cache_at(q, e->arg);
	char buf[SLAB_ID_LEN];

	if (!s)
		return -ENOENT;
	text_puts(t, slab_dir_name(q, s, buf));
	return 0;
}

/* Calls fn(ctx, name, entry) for each name below /sys/kernel/slab until it says stop. */
static void for_each_slab_name(struct quire *q,
			       bool (*fn)(void *ctx, const char *name, struct proc_entry e),
			       void *ctx)
{
	struct kmem_cache *s;
	struct slab_alias *a;
	u32 place = 0;

	if (q->slab->impl != &slub_impl)
		return;
	list_for_each_entry_reverse (s, &q->slab->caches, list) {
		char buf[SLAB_ID_LEN];
		const char *name = slab_dir_name(q, s, buf);

		if (!fn(ctx, name, proc_entry_of(DIR_SLAB, 0, place)))
			return;
		if (name == buf && !fn(ctx, s->name, slab_link(place)))
			return;
		if (s->refcount > 1)
			list_for_each_entry (a, &q->slab->aliases, list)
				if (a->s == s && !fn(ctx, a->name, slab_link(place)))
					return;
		place++;
	}
}

struct slab_find {
	const char *name;
	struct proc_entry found;
};

static bool is_it(void *ctx, const char *name, struct proc_entry e)
{
	struct slab_find *find = ctx;

	if (!str_eq(name, find->name))
		return true;
	find->found = e;
	return false;
}

static struct proc_entry slabs_lookup(struct quire *q, __unused const struct proc_entry *dir,
				      const char *name)
{
	struct slab_find find = {.name = name};

	for_each_slab_name(q, is_it, &find);
	return find.found;
}

static bool fill_it(void *ctx, const char *name, struct proc_entry e)
{
	return proc_fill(ctx, name, e);
}

static void slabs_readdir(struct quire *q, __unused const struct proc_entry *dir,
			  struct proc_filler *f)
{
	for_each_slab_name(q, fill_it, f);
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
	VALUE_ALIASES,
	VALUE_USERSIZE,
	VALUE_FLAG, /* and the flag's bits above */
};

static unsigned long slab_value_of(const struct kmem_cache *s, u32 what)
{
	if (what >= VALUE_FLAG)
		return (s->flags & (what & ~0xffu)) != 0;
	switch ((enum slab_value)what) {
	case VALUE_FLAG:
		break;
	case VALUE_ALIASES:
		return (unsigned long)max(s->refcount - 1, 0);
	case VALUE_USERSIZE:
		return s->usersize;
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
		return s->cpu_partial;
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

/* Writes of a number to a cache's file. */
static s64 store_slab(struct quire *q, const struct proc_entry *e, const struct proc_input *in,
		      int (*set)(struct quire *q, struct kmem_cache *s, unsigned long v, u32 val),
		      u32 val)
{
	struct kmem_cache *s = cache_at(q, e->arg);
	long v;
	int err;

	if (!s)
		return -ENOENT;
	err = proc_one_long(in, &v);
	if (!err && (v < 0 || v > INT_MAX))
		err = -EINVAL;
	if (!err)
		err = set(q, s, (unsigned long)v, val);
	return err ? err : (s64)in->len;
}

#define SLAB_STORE(name, set)                                                                    \
	static s64 name(struct quire *q, const struct proc_entry *e, const struct proc_def *def, \
			const struct proc_input *in)                                             \
	{                                                                                        \
		return store_slab(q, e, in, set, def->val & ~0xffu);                             \
	}

static int do_shrink(struct quire *q, struct kmem_cache *s, unsigned long v, __unused u32 val)
{
	if (v != 1)
		return -EINVAL;
	(void)kmem_cache_shrink(q, s);
	return 0;
}
SLAB_STORE(store_slab_shrink, do_shrink)

static int do_validate(struct quire *q, struct kmem_cache *s, unsigned long v, __unused u32 val)
{
	if (v != 1 || !kmem_cache_debug(s))
		return -EINVAL;
	(void)validate_slab_cache(q, s);
	return 0;
}
SLAB_STORE(store_slab_validate, do_validate)

static int do_min_partial(__unused struct quire *q, struct kmem_cache *s, unsigned long v,
			  __unused u32 val)
{
	s->min_partial = clamp(v, (unsigned long)SLUB_MIN_PARTIAL, (unsigned long)SLUB_MAX_PARTIAL);
	return 0;
}
SLAB_STORE(store_slab_min_partial, do_min_partial)

static int do_cpu_partial(struct quire *q, struct kmem_cache *s, unsigned long v, __unused u32 val)
{
	int err = set_cpu_partial(s, (unsigned int)v);

	if (!err)
		for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
			flush_cpu_slab(q, s, cpu);
	return err;
}
SLAB_STORE(store_slab_cpu_partial, do_cpu_partial)

static int do_debug(struct quire *q, struct kmem_cache *s, unsigned long v, u32 val)
{
	return v > 1 ? -EINVAL : kmem_cache_set_debug(q, s, val, v == 1);
}
SLAB_STORE(store_slab_debug, do_debug)

static int do_failslab(struct quire *q, struct kmem_cache *s, unsigned long v, u32 val)
{
	if (s->refcount > 1 || v > 1)
		return -EINVAL;
	s->flags = v ? s->flags | val : s->flags & ~val;
	slab_update_hooked(q, s);
	return 0;
}
SLAB_STORE(store_slab_failslab, do_failslab)

static int show_slab_ctor(struct quire *q, const struct proc_entry *e,
			  __unused const struct proc_def *def, struct text *t)
{
	struct kmem_cache *s = cache_at(q, e->arg);
	char name[128];

	if (!s)
		return -ENOENT;
	if (!s->ctor)
		return 0;
	slab_symbol(q, (unsigned long)(uintptr_t)s->ctor, name, sizeof(name));
	text_printf(t, "%s\n", name);
	return 0;
}

/* "52(4) C0=26(2) C1=26(2)": objects and slabs on the CPUs' partial lists. */
static int show_slabs_cpu_partial(struct quire *q, const struct proc_entry *e,
				  __unused const struct proc_def *def, struct text *t)
{
	struct kmem_cache *s = cache_at(q, e->arg);
	unsigned long slabs = 0;

	if (!s)
		return -ENOENT;
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++)
		slabs += HOT_LOAD(&s->cpu_slab[cpu].nr_partial);
	/* As Linux: slabs are taken as half full. */
	text_printf(t, "%lu(%lu)", slabs * s->objects / 2, slabs);
	for (unsigned int cpu = 0; cpu < q->nr_cpus; cpu++) {
		unsigned long n = HOT_LOAD(&s->cpu_slab[cpu].nr_partial);

		if (n)
			text_printf(t, " C%u=%lu(%lu)", cpu, n * s->objects / 2, n);
	}
	text_putc(t, '\n');
	return 0;
}

#define SLAB_VALUE(name, what) DEF_VAL(name, 0400, show_slab_value, NULL, what)
#define SLAB_SUM(name, what)   DEF_VAL(name, 0400, show_slab_sum, NULL, what)
/* The flags of debugging lie above the lowest byte. */
#define SLAB_FLAG(name, flag) \
	DEF_VAL(name, 0600, show_slab_value, store_slab_debug, VALUE_FLAG | (flag))

static const struct proc_def slab_defs[] = {
	SLAB_VALUE("aliases", VALUE_ALIASES),
	SLAB_VALUE("align", VALUE_ALIGN),
	SLAB_VALUE("cache_dma", VALUE_DMA),
	DEF_VAL("cpu_partial", 0600, show_slab_value, store_slab_cpu_partial, VALUE_CPU_PARTIAL),
	SLAB_SUM("cpu_slabs", SUM_CPU_SLABS),
	DEF_FILE("ctor", 0400, show_slab_ctor),
	SLAB_VALUE("destroy_by_rcu", VALUE_RCU),
	DEF_VAL("failslab", 0600, show_slab_value, store_slab_failslab, VALUE_FLAG | SLAB_FAILSLAB),
	SLAB_VALUE("hwcache_align", VALUE_HWCACHE),
	DEF_VAL("min_partial", 0600, show_slab_value, store_slab_min_partial, VALUE_MIN_PARTIAL),
	SLAB_VALUE("object_size", VALUE_OBJECT_SIZE),
	SLAB_SUM("objects", SUM_OBJECTS),
	SLAB_SUM("objects_partial", SUM_OBJECTS_PARTIAL),
	SLAB_VALUE("objs_per_slab", VALUE_OBJECTS),
	SLAB_VALUE("order", VALUE_ORDER),
	SLAB_SUM("partial", SUM_PARTIAL),
	SLAB_FLAG("poison", SLAB_POISON),
	SLAB_VALUE("reclaim_account", VALUE_RECLAIM),
	SLAB_FLAG("red_zone", SLAB_RED_ZONE),
	/* Other nodes' slabs are always tried (docs/differences.md). */
	DEF_TEXT("remote_node_defrag_ratio", 0400, "100\n"),
	SLAB_FLAG("sanity_checks", SLAB_CONSISTENCY_CHECKS),
	DEF_RW("shrink", 0200, NULL, store_slab_shrink),
	SLAB_VALUE("slab_size", VALUE_SIZE),
	SLAB_SUM("slabs", SUM_SLABS),
	DEF_FILE("slabs_cpu_partial", 0400, show_slabs_cpu_partial),
	SLAB_FLAG("store_user", SLAB_STORE_USER),
	SLAB_SUM("total_objects", SUM_TOTAL),
	SLAB_FLAG("trace", SLAB_TRACE),
	SLAB_VALUE("usersize", VALUE_USERSIZE),
	DEF_RW("validate", 0200, NULL, store_slab_validate),
};
PROC_DIR_TABLE(sysfs_slab_dir, slab_defs);

/* The one line that links are made of; no child of that name is there. */
static const struct proc_def slabs_defs[] = {DEF_LINK("", show_slab_link)};

static bool never(__unused struct quire *q, __unused const struct proc_entry *dir,
		  __unused const struct proc_def *def)
{
	return false;
}

const struct proc_dir sysfs_slabs_dir = {.defs = slabs_defs,
					 .nr_defs = 1,
					 .visible = never,
					 .lookup = slabs_lookup,
					 .readdir = slabs_readdir};

/* ---- /sys/kernel/debug/slab ---------------------------------------------------- */

static int show_slab_traces(struct quire *q, const struct proc_entry *e, const struct proc_def *def,
			    struct text *t)
{
	struct kmem_cache *s = cache_at(q, e->arg);

	return s ? slab_show_traces(q, s, (enum track_item)def->val, t) : -ENOENT;
}

static const struct proc_def debug_slab_defs[] = {
	DEF_VAL("alloc_traces", 0400, show_slab_traces, NULL, TRACK_ALLOC),
	DEF_VAL("free_traces", 0400, show_slab_traces, NULL, TRACK_FREE),
};
PROC_DIR_TABLE(sysfs_debug_slab_dir, debug_slab_defs);

static struct proc_entry debug_slabs_lookup(struct quire *q, __unused const struct proc_entry *dir,
					    const char *name)
{
	struct kmem_cache *s;
	u32 place = 0;

	list_for_each_entry_reverse (s, &q->slab->caches, list) {
		if ((s->flags & SLAB_STORE_USER) && str_eq(s->name, name))
			return proc_entry_of(DIR_DEBUG_SLAB, 0, place);
		place++;
	}
	return (struct proc_entry){0};
}

static void debug_slabs_readdir(struct quire *q, __unused const struct proc_entry *dir,
				struct proc_filler *f)
{
	struct kmem_cache *s;
	u32 place = 0;

	list_for_each_entry_reverse (s, &q->slab->caches, list) {
		if ((s->flags & SLAB_STORE_USER) &&
		    !proc_fill(f, s->name, proc_entry_of(DIR_DEBUG_SLAB, 0, place)))
			return;
		place++;
	}
}

const struct proc_dir sysfs_debug_slabs_dir = {.lookup = debug_slabs_lookup,
					       .readdir = debug_slabs_readdir};

/* ---- KFENCE ----------------------------------------------------------------------- */

static int show_kfence_stats(struct quire *q, __unused const struct proc_entry *e,
			     __unused const struct proc_def *def, struct text *t)
{
	struct kfence_stats stats;

	if (!kfence_get_stats(q, &stats)) {
		put_lit(t, "enabled: 0\n");
		return 0;
	}
	text_printf(t, "enabled: %d\n", stats.sample_interval_ms != 0);
	text_printf(t, "currently allocated: %u\n", stats.nr_allocated);
	text_printf(t, "total allocations: %lu\n", stats.allocs);
	text_printf(t, "total frees: %lu\n", stats.frees);
	put_lit(t, "zombie allocations: 0\n");
	text_printf(t, "total bugs: %lu\n", stats.bugs);
	put_lit(t, "skipped allocations (incompatible): 0\n");
	text_printf(t, "skipped allocations (capacity): %lu\n", stats.skipped);
	put_lit(t, "skipped allocations (covered): 0\n");
	return 0;
}

static int show_kfence_objects(struct quire *q, __unused const struct proc_entry *e,
			       __unused const struct proc_def *def, struct text *t)
{
	kfence_show_objects(q, t);
	return 0;
}

static const struct proc_def debug_kfence_defs[] = {
	DEF_FILE("objects", 0400, show_kfence_objects),
	DEF_FILE("stats", 0444, show_kfence_stats),
};
PROC_DIR_TABLE(sysfs_debug_kfence_dir, debug_kfence_defs);

static int show_sample_interval(struct quire *q, __unused const struct proc_entry *e,
				__unused const struct proc_def *def, struct text *t)
{
	struct kfence_stats stats = {0};

	(void)kfence_get_stats(q, &stats);
	text_printf(t, "%lu\n", stats.sample_interval_ms);
	return 0;
}

static s64 store_sample_interval(struct quire *q, __unused const struct proc_entry *e,
				 __unused const struct proc_def *def, const struct proc_input *in)
{
	long v;
	int err = proc_one_long(in, &v);

	if (!err)
		err = v < 0 ? -EINVAL : kfence_set_interval(q, (u64)v);
	return err ? err : (s64)in->len;
}

static const struct proc_def kfence_params_defs[] = {
	DEF_RW("sample_interval", 0600, show_sample_interval, store_sample_interval),
};
PROC_DIR_TABLE(sysfs_kfence_params_dir, kfence_params_defs);
static const struct proc_def module_kfence_defs[] = {DEF_DIR("parameters", DIR_KFENCE_PARAMS)};
PROC_DIR_TABLE(sysfs_module_kfence_dir, module_kfence_defs);
