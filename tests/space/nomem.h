/* SPDX-License-Identifier: MIT */
/*
 * Something is done with memory that fails: of all allocations that it makes, of pages
 * and of the slab's objects, the first, then the second, and so on until none is left
 * to fail.  Each time it either does without, or fails and leaves the process, and its
 * child if it has one, as they were: areas, entries of the tables, contents, map
 * counts, counters and promises.  Then it is done once more, with memory, and must
 * succeed.  In the end no object of any cache is left over.
 *
 *	static const struct scene scenes[] = {
 *		{"what it is", arm, act, check, at_least},
 *	};
 *	nomem_run(t, scenes, ARRAY_SIZE(scenes));
 */
#ifndef QUIRE_NOMEM_H
#define QUIRE_NOMEM_H

#include <stdlib.h>
#include <string.h>

#include "page/hugetlb.h"
#include "reclaim/numa.h"
#include "slab/slub.h"
#include "space/mempolicy.h"
#include "space/userfaultfd.h"
#include "thp_test.h"

#define PLACE	   0x200000000000UL /* an area there needs tables of its own */
#define ELSEWHERE  0x210000000000UL
#define PG(n)	   ((u64)(n) << PAGE_SHIFT)
#define MAX_TRIES  400
#define NR_OBJECTS 200 /* caches */

struct nomem;

#define SCENE_AREA_MAY_GROW 1u /* a stack, before the page fails */
#define SCENE_LOCKS	    2u /* mlock(): areas are locked before pages come, and stay so */
#define SCENE_COMES_IN	    4u /* a page is read back before its copy fails, and stays */

struct scene {
	const char *name;
	void (*arm)(struct nomem *n);	/* before each try */
	long (*act)(struct nomem *n);	/* negative: failed for want of memory */
	void (*check)(struct nomem *n); /* it was done; or NULL */
	unsigned int at_least;		/* so many allocations can fail */
	unsigned int flags;
};

struct looks {
	u64 areas, entries, child_areas, child_entries;
	long rss[NR_MM_COUNTERS], child_rss[NR_MM_COUNTERS];
	unsigned long total_vm, locked_vm, data_vm, stack_vm, exec_vm, brk;
	long committed, hugetlb_usage;
	unsigned long pool_free, pool_promised, faults, processes;
	int map_count;
};

struct nomem {
	struct testbox *t;
	struct task *task, *child;
	u64 a; /* the area, or the address */
	bool write;
	struct file *file;
	struct userfaultfd_ctx *uffd;
	struct task *made; /* by act() */
	u64 got;	   /* an address that it gave */
	/* The fault points. */
	unsigned long allocs, fail_at, failed;
};

/* ---- what fails ------------------------------------------------------------------ */

static bool nomem_hit(struct nomem *n)
{
	if (!n->fail_at || current_task(n->t->q) != n->task || ++n->allocs != n->fail_at)
		return false;
	n->failed++;
	return true;
}

static bool nomem_page(__unused struct quire *q, __unused gfp_t gfp, __unused unsigned int order,
		       void *ctx)
{
	return nomem_hit(ctx);
}

static bool nomem_object(__unused struct quire *q, __unused struct kmem_cache *s,
			 __unused gfp_t gfp, void *ctx)
{
	return nomem_hit(ctx);
}

static void nomem_fail(struct nomem *n, unsigned long nth)
{
	n->allocs = n->failed = 0;
	n->fail_at = nth;
	set_fail_alloc(n->t->q, nth ? nomem_page : NULL, n);
	n->t->q->slab->fail_slab = nth ? nomem_object : NULL;
	n->t->q->slab->fail_slab_ctx = n;
}

/* ---- what is compared ------------------------------------------------------------ */

static void mix(u64 *hash, u64 value)
{
	u64 x = *hash ^ value;

	*hash = prng_splitmix64(&x);
}

/* An entry of level 1, or what one of a huge page would be cut into. */
static void look_at_entry(struct quire *q, u64 *hash, u64 addr, pte_t pte)
{
	/* Written through copies: fork takes the right to write away, and a fault gives
	 * it back.  That is not lost with the fork. */
	u64 bits = pte & ~(_PAGE_ACCESSED | _PAGE_RW | _PAGE_PSE);

	if (pte_none(pte))
		return;
	mix(hash, addr);
	/* Zeros are zeros. */
	mix(hash, pte_special(pte) ? bits & ~PTE_PFN_MASK : bits);
	if (!pte_present(pte) || pte_special(pte))
		return;
	mix(hash, q->hot->content[pte_pfn(pte)]);
	mix(hash, (u64)page_mapcount(pfn_to_page(q, pte_pfn(pte))));
}

static void look_at_space(struct quire *q, struct mm_struct *mm, bool locks, u64 *areas,
			  u64 *entries)
{
	*areas = *entries = 1;
	for_each_vma (mm, vma) {
		u64 addr = vma->vm_start;
		pte_t *pmdp;

		mix(areas, vma->vm_start);
		mix(areas, vma->vm_end);
		mix(areas, vma->vm_flags & ~(locks ? VM_LOCKED | VM_LOCKONFAULT : 0));
		mix(areas, vma->vm_pgoff);
		mix(areas, vma->vm_file ? vma->vm_file->f_inode->i_ino : 0);
		mix(areas, vma->vm_policy ? 1 + vma->vm_policy->mode : 0);
		while ((pmdp = next_pmd(q, mm->pgd_pfn, &addr, vma->vm_end)) != NULL) {
			u64 stop = pmd_addr_end(addr, vma->vm_end);

			for (; addr < stop; addr += PAGE_SIZE)
				look_at_entry(q, entries, addr,
					      pmd_huge(*pmdp) ? *pmdp + (addr & ~PMD_MASK)
							      : *pte_offset(q, *pmdp, addr));
		}
	}
}

static void look(struct nomem *n, struct looks *l, unsigned int flags)
{
	struct quire *q = n->t->q;
	struct mm_struct *mm = n->task->mm;
	const struct hstate *h = default_hstate(q);

	lru_add_drain_all(q);
	memset(l, 0, sizeof(*l));
	look_at_space(q, mm, flags & SCENE_LOCKS, &l->areas, &l->entries);
	for (int i = 0; i < NR_MM_COUNTERS; i++)
		l->rss[i] = (long)mm_counter_exact(q, mm, i);
	if (n->child) {
		look_at_space(q, n->child->mm, false, &l->child_areas, &l->child_entries);
		for (int i = 0; i < NR_MM_COUNTERS; i++)
			l->child_rss[i] = (long)mm_counter_exact(q, n->child->mm, i);
	}
	l->total_vm = mm->total_vm;
	l->locked_vm = flags & SCENE_LOCKS ? 0 : mm->locked_vm;
	l->data_vm = mm->data_vm;
	l->stack_vm = mm->stack_vm;
	l->exec_vm = mm->exec_vm;
	l->brk = mm->brk;
	l->map_count = mm->map_count;
	l->committed = q->space->vm_committed_as;
	l->hugetlb_usage = mm->hugetlb_usage;
	l->pool_free = h->free_huge_pages;
	l->pool_promised = h->resv_huge_pages;
	l->faults = n->task->min_flt + n->task->maj_flt;
	l->processes = q->space->nr_threads;
	if (flags & SCENE_AREA_MAY_GROW) {
		l->areas = l->total_vm = l->stack_vm = 0;
		l->committed = 0;
	}
	if (flags & SCENE_COMES_IN) {
		l->entries = l->faults = 0;
		memset(l->rss, 0, sizeof(l->rss));
	}
}

static void same(const char *scene, unsigned long nth, const struct looks *was,
		 const struct looks *is)
{
#define SAME(field)                                                                          \
	if (memcmp(&was->field, &is->field, sizeof(was->field)))                             \
	fail_msg("%s: after allocation %lu failed " #field " is not what it was (%ld, %ld)", \
		 scene, nth, *(const long *)&was->field, *(const long *)&is->field)
	SAME(areas);
	SAME(map_count);
	SAME(total_vm);
	SAME(locked_vm);
	SAME(data_vm);
	SAME(stack_vm);
	SAME(exec_vm);
	SAME(brk);
	SAME(committed);
	SAME(rss);
	SAME(entries);
	SAME(child_areas);
	SAME(child_entries);
	SAME(child_rss);
	SAME(hugetlb_usage);
	SAME(pool_free);
	SAME(pool_promised);
	SAME(faults);
	SAME(processes);
#undef SAME
}

/* ---- objects --------------------------------------------------------------------- */

struct objects {
	unsigned int nr;
	struct kmem_cache *cache[NR_OBJECTS];
	unsigned long in_use[NR_OBJECTS];
};

static void count_one(struct quire *q, struct kmem_cache *s, void *ctx)
{
	struct objects *o = ctx;

	assert_true(o->nr < NR_OBJECTS);
	o->cache[o->nr] = s;
	o->in_use[o->nr++] = kmem_cache_objects_in_use(q, s);
}

/* Objects that stay for reasons of their own: trees of the page cache and its pages'
 * bookkeeping, what a bio or a reserve took, a stack that is unmapped later. */
static bool may_stay(const struct kmem_cache *s)
{
	static const char *const names[] = {"radix_tree_node", "buffer_head", "bio-",
					    "zs_handle",       "zspage",      "zswap_entry",
					    "biovec",	       "vmap_area"};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(s->name, names[i], strlen(names[i])))
			return true;
	return false;
}

static void count_objects(struct quire *q, struct objects *o)
{
	o->nr = 0;
	slab_for_each_cache(q, count_one, o);
}

static void no_object_left(const char *scene, const struct objects *was, const struct objects *is)
{
	assert_int_equal(was->nr, is->nr);
	for (unsigned int i = 0; i < was->nr; i++)
		if (was->in_use[i] < is->in_use[i] && !may_stay(was->cache[i]))
			fail_msg("%s: %lu objects of %s before, %lu after", scene, was->in_use[i],
				 was->cache[i]->name, is->in_use[i]);
}

/* ---- the loop -------------------------------------------------------------------- */

/* All that a try has made goes. */
static void nomem_disarm(struct nomem *n)
{
	struct testbox *t = n->t;

	if (n->uffd)
		userfaultfd_release(t->q, n->uffd);
	if (n->made)
		end_child(t, n->made);
	if (n->child)
		end_child(t, n->child);
	assert_int_equal(do_munmap(t->q, n->task->mm, PLACE, ELSEWHERE * 2 - PLACE), 0);
	if (n->got && !IS_ERR_VALUE(n->got))
		assert_int_equal(do_munmap(t->q, n->task->mm, n->got, PG(4)), 0);
	if (n->file) {
		n->file->f_inode->i_nlink = 0;
		fput(t->q, n->file);
	}
	*n = (struct nomem){.t = t, .task = n->task};
}

static void nomem_try(struct nomem *n, const struct scene *s, unsigned long nth, bool *done)
{
	struct looks was, is;
	long err;

	s->arm(n);
	look(n, &was, s->flags);
	nomem_fail(n, nth);
	err = s->act(n);
	n->fail_at = 0;
	*done = !n->failed;
	nomem_fail(n, 0);
	if (*done && err)
		fail_msg("%s: %ld though no allocation failed", s->name, err);
	if (err) {
		look(n, &is, s->flags);
		same(s->name, nth, &was, &is);
		testbox_verify(n->t);
		err = s->act(n);
		if (err)
			fail_msg("%s: after allocation %lu failed, again: %ld", s->name, nth, err);
	}
	if (s->check)
		s->check(n);
	testbox_verify(n->t);
	nomem_disarm(n);
}

static __unused void nomem_run(struct testbox *t, const struct scene *scenes, unsigned int nr)
{
	static struct objects was, is;

	for (const struct scene *s = scenes; s < scenes + nr; s++) {
		struct nomem n = {.t = t, .task = t->task};
		unsigned long nth;
		bool done;

		nomem_try(&n, s, ULONG_MAX, &done); /* what is made once and stays */
		count_objects(t->q, &was);
		for (nth = 1, done = false; !done && nth < MAX_TRIES; nth++)
			nomem_try(&n, s, nth, &done);
		if (getenv("QUIRE_NOMEM"))
			print_message("# %s: %lu allocations\n", s->name, nth - 2);
		if (nth - 2 < s->at_least || !done)
			fail_msg("%s: %lu allocations can fail, not %u", s->name, nth - 2,
				 s->at_least);
		count_objects(t->q, &is);
		no_object_left(s->name, &was, &is);
	}
}

/* ---- arms that several use ------------------------------------------------------- */

static __unused u64 nomem_map(struct nomem *n, u64 addr, u64 len, int prot, int flags,
			      struct file *file)
{
	u64 a = do_mmap(n->t->q, n->task->mm, addr, len, prot, flags | MAP_FIXED, file, 0);

	assert_int_equal(a, addr);
	return a;
}

static __unused void nomem_file(struct nomem *n, u64 pages, int prot, int flags)
{
	n->file = testbox_file(n->t, n->t->sb, PG(pages));
	n->a = nomem_map(n, PLACE, PG(pages), prot, flags, n->file);
}

static __unused void nomem_box(struct quire_config *cfg)
{
	cfg->transparent_hugepage = QUIRE_THP_NEVER;
}

static __unused const struct testbox_config nomem_config = {
	.nr_nodes = 2,
	.node_mb = {96, 96},
	.disk = true,
	.swap_mb = 64,
	.slub_debug = "A",
	.tune = nomem_box,
};

#endif
