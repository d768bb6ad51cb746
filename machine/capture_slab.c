/* SPDX-License-Identifier: MIT */
/*
 * The slab caches of a captured machine: the same names in the same order, the
 * same cut of slabs, the same numbers of objects.
 *
 * How a cache cuts its pages is given before boot (quire_config's slabs), so
 * the caches of the floors have the captured sizes too, as far as our
 * structures fit.  At the end each cache is topped up: objects are allocated
 * until it has as many slabs, then freed, never the last of a slab, until as
 * many are in use.  Which objects shared a slab, nobody knows.
 *
 * What the kernel has beyond its caches in unreclaimable slab is kmalloc above
 * 8 KiB, and becomes that.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/capture_build.h"
#include "slab/slub.h"
#include "swap/zsmalloc.h"
#include "vmalloc/vmalloc.h"
#include "port/model/keep.h"

/* What an object must hold at least, in caches that Quire itself uses. */
static const struct {
	const char *name;
	size_t bytes;
} own_caches[] = {
	{"task_struct", sizeof(struct task)},
	{"mm_struct", sizeof(struct mm_struct)},
	{"vm_area_struct", sizeof(struct vm_area_struct)},
	{"anon_vma", sizeof(struct anon_vma)},
	{"anon_vma_chain", sizeof(struct anon_vma_chain)},
	{"signal_cache", sizeof(struct signal_struct)},
	{"inode_cache", sizeof(struct inode)},
	{"ext4_inode_cache", sizeof(struct inode)},
	{"shmem_inode_cache", sizeof(struct inode)},
	{"dentry", sizeof(struct dentry)},
	{"filp", sizeof(struct file)},
	{"buffer_head", sizeof(struct buffer_head)},
	{"kmem_cache_node", sizeof(struct kmem_cache_node)},
	/* Private to their floors: as large as Linux 6.1's, or not at all. */
	{"radix_tree_node", SLAB_SIZE_radix_tree_node},
	{"vmap_area", SLAB_SIZE_vmap_area},
	{"sighand_cache", 64},
	{"files_cache", 64},
	{"fs_cache", 32},
	{"cred_jar", 64},
	{"pid", 64},
	{"bio-256", 256},
	{"bio-192", 192},
	{"zswap_entry", 64},
	{"zs_handle", 8},
	{"zspage", 112},
};

/* kmalloc-1k, dma-kmalloc-96: the size that the name promises. */
static size_t kmalloc_size(const char *name)
{
	const char *p = strstr(name, "kmalloc-");
	char *end;
	size_t n;

	if (!p)
		return 0;
	p += 8;
	while (*p && (*p < '0' || *p > '9'))
		p++;
	n = strtoul(p, &end, 10);
	return *end == 'k' ? n << 10 : *end == 'M' ? n << 20 : n;
}

static size_t least_size(const struct build *b, const char *name)
{
	if (!strcmp(name, "kmem_cache"))
		return offsetof(struct kmem_cache, node) + b->cm->nr_nodes * sizeof(void *);
	for (size_t i = 0; i < ARRAY_SIZE(own_caches); i++)
		if (!strcmp(name, own_caches[i].name))
			return own_caches[i].bytes;
	return max(kmalloc_size(name), sizeof(void *));
}

bool build_slab_layout(struct build *b)
{
	u32 n = 0;

	b->slabs = keep_calloc(b->cm->nr_slabs + 1, sizeof(*b->slabs));
	if (!b->slabs)
		return false;
	for (unsigned int i = 0; i < b->cm->nr_slabs; i++) {
		const struct cap_slab *s = &b->cm->slabs[i];

		if (s->objsize < least_size(b, s->name))
			continue;
		b->slabs[n++] =
			(struct quire_slab_layout){s->name, s->objsize, s->objects, s->pages};
	}
	b->m->cfg.slabs = b->slabs;
	b->m->cfg.nr_slabs = n;
	return true;
}

static void flush(struct build *b, struct kmem_cache *s)
{
	for (unsigned int cpu = 0; cpu < b->q->nr_cpus; cpu++)
		flush_cpu_slab(b->q, s, cpu);
}

/* Frees objects until `keep` of nr are left, none of them the last of its slab
 * as long as that is possible. */
static void thin_out(struct build *b, struct kmem_cache *s, void **objs, unsigned long nr,
		     unsigned long keep)
{
	struct page *last = NULL;
	unsigned long kept = 0;

	for (unsigned long i = 0; i < nr && kept < keep; i++) {
		struct page *slab = virt_to_slab(b->q, objs[i]);

		if (slab == last)
			continue;
		last = slab;
		/* Marked by its lowest bit: it stays. */
		objs[i] = (void *)((unsigned long)objs[i] | 1);
		kept++;
	}
	for (unsigned long i = 0; i < nr; i++) {
		if ((unsigned long)objs[i] & 1)
			continue;
		if (kept < keep)
			kept++;
		else
			kmem_cache_free(b->q, s, objs[i]);
	}
}

static void fill_cache(struct build *b, const struct cap_slab *cap, struct kmem_cache *s)
{
	enum node_stat_item item = cache_vmstat_idx(s);
	struct slabinfo info;
	unsigned long nr, used, n = 0, want = cap->num_slabs * (u64)s->objects;
	void **objs;

	flush(b, s);
	get_slabinfo(b->q, s, &info);
	used = info.active_objs;
	nr = want > used ? want - used : 0;
	objs = nr ? keep_malloc(nr * sizeof(*objs)) : NULL;
	if (!objs)
		return;
	while (n < nr) {
		unsigned int nid = b->q->nr_nodes > 1 ? build_poorest_node(b, item) : 0;
		unsigned long end = min(n + s->objects, nr);

		while (n < end && (objs[n] = kmem_cache_alloc_node(b->q, s, GFP_KERNEL, (int)nid)))
			n++;
		if (n < end) {
			b->short_pages += ((nr - n) / s->objects) << s->order;
			break;
		}
	}
	thin_out(b, s, objs, n, cap->active_objs > used ? cap->active_objs - used : 0);
	flush(b, s);
	keep_free(objs);
}

static void fill_large(struct build *b)
{
	for_each_node (b->q, nid) {
		long lack = build_node_lack(b, nid, NR_SLAB_UNRECLAIMABLE);

		for (unsigned int order = MAX_ORDER - 1; order > 1 && lack > 0;) {
			if (lack < 1L << order ||
			    !kmalloc_node(b->q, PAGE_SIZE << order, GFP_KERNEL, (int)nid)) {
				order--;
				continue;
			}
			lack -= 1L << order;
		}
	}
}

/* Caches in the captured order: the list's head is the first line. */
static void sort_caches(struct build *b)
{
	for (unsigned int i = b->cm->nr_slabs; i-- > 0;) {
		struct kmem_cache *s = find_kmem_cache(b->q, b->cm->slabs[i].name);

		if (s)
			list_move(&s->list, &b->q->slab->caches);
	}
}

/* Caches of the boot table that this machine does not have. */
static void drop_others(struct build *b)
{
	struct kmem_cache *s, *next;

	list_for_each_entry_safe (s, next, &b->q->slab->caches, list) {
		bool known = false;

		for (unsigned int i = 0; i < b->cm->nr_slabs && !known; i++)
			known = !strcmp(b->cm->slabs[i].name, s->name);
		if (!known && s->unclaimed && b->cm->nr_slabs)
			(void)kmem_cache_destroy(b->q, s);
	}
}

void build_slabs(struct build *b)
{
	struct quire *q = b->q;
	unsigned long used_kb, pages = vmalloc_nr_pages(q);

	if (cap_meminfo(b->cm, "VmallocUsed", &used_kb) && used_kb >> 2 > pages &&
	    used_kb < 1UL << 34)
		(void)!vmalloc_node(q, ((used_kb >> 2) - pages) << PAGE_SHIFT, GFP_KERNEL, -1,
				    "captured");
	drop_others(b);
	/* First all that are missing, for making one takes objects of others. */
	for (unsigned int i = b->cm->nr_slabs; i-- > 0;) {
		const struct cap_slab *cap = &b->cm->slabs[i];

		if (!find_kmem_cache(q, cap->name))
			(void)!kmem_cache_create(q, cap->name, cap->objsize, 0,
						 cap->reclaimable ? SLAB_RECLAIM_ACCOUNT : 0, NULL);
	}
	for (unsigned int i = 0; i < b->cm->nr_slabs; i++) {
		struct kmem_cache *s = find_kmem_cache(q, b->cm->slabs[i].name);

		if (s)
			fill_cache(b, &b->cm->slabs[i], s);
	}
	fill_large(b);
	sort_caches(b);
}
