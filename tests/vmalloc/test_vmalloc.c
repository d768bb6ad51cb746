/* SPDX-License-Identifier: MIT */
/*
 * vmalloc: places, bytes, what failing leaves behind, random ranges beside a
 * naive model, and every invariant broken once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/lower.h"
#include "vmalloc/vmap.h"

static void test_first_ranges(void **state)
{
	struct lower *l = lower_boot(2, 64, 1);
	struct quire *q = l->q;
	u64 a = vmalloc_node(q, 4 * PAGE_SIZE, GFP_KERNEL, -1, "a");
	u64 b = vmalloc_node(q, 1, GFP_KERNEL | __GFP_ZERO, 1, "b"), c;
	char *byte;

	(void)state;
	assert_int_equal(a, VMALLOC_START);
	/* Behind a and its guard page. */
	assert_int_equal(b, a + 5 * PAGE_SIZE);
	assert_int_equal(vmalloc_nr_pages(q), 5);
	assert_null(vmalloc_page_address(q, a + 4 * PAGE_SIZE));
	byte = vmalloc_page_address(q, b + 100);
	assert_int_equal(*byte, 0);
	assert_int_equal(page_to_nid(virt_to_page(q, byte)), 1);
	assert_int_equal((uintptr_t)byte % PAGE_SIZE, 100);
	/* Not used again before all CPUs have forgotten it. */
	vfree(q, a);
	c = vmalloc_node(q, PAGE_SIZE, GFP_KERNEL, -1, "c");
	assert_int_equal(c, b + 2 * PAGE_SIZE);
	vfree(q, c);
	assert_int_equal(purge_vmap_area_lazy(q), 7);
	/* The lowest hole that is large enough. */
	c = vmalloc_node(q, 5 * PAGE_SIZE, GFP_KERNEL, -1, "c");
	assert_int_equal(c, b + 2 * PAGE_SIZE);
	a = vmalloc_node(q, 2 * PAGE_SIZE, GFP_KERNEL, -1, "a");
	assert_int_equal(a, VMALLOC_START);
	assert_int_equal(lower_verify(l), 0);
	assert_int_equal(vmalloc_node(q, 0, GFP_KERNEL, -1, "none"), 0);
	assert_int_equal(vmalloc_node(q, 1UL << 40, GFP_KERNEL, -1, "too much"), 0);
	vfree(q, 0);
	vfree(q, b);
	vfree(q, a);
	vfree(q, c);
	assert_int_equal(vmalloc_nr_pages(q), 0);
	assert_null(rb_first(&q->vmalloc->busy));
	assert_int_equal(lower_verify(l), 0);
	(void)purge_vmap_area_lazy(q);
	/* All merged again. */
	assert_ptr_equal(rb_first(&q->vmalloc->free), rb_last(&q->vmalloc->free));
	lower_end(l);
}

struct seen {
	unsigned int nr;
	u64 last;
	unsigned long pages;
};

static void see(const struct vm_struct *vm, void *ctx)
{
	struct seen *seen = ctx;

	assert_true(vm->addr > seen->last);
	assert_string_equal(vm->caller, "stack");
	seen->last = vm->addr;
	seen->pages += vm->nr_pages;
	seen->nr++;
}

static void test_for_each(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct seen seen = {0};
	u64 addr[10];

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		addr[i] = vmalloc_node(l->q, 16384, GFP_KERNEL, -1, "stack");
	vmalloc_for_each(l->q, see, &seen);
	assert_int_equal(seen.nr, 10);
	assert_int_equal(seen.pages, 40);
	for (unsigned int i = 0; i < 10; i++)
		vfree(l->q, addr[i]);
	lower_end(l);
}

static void test_no_memory(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	bool worked = false;

	(void)state;
	/* Each allocation in turn fails; a new table is needed each time. */
	for (long n = 0; n < 40 && !worked; n++) {
		unsigned long pages = vmalloc_nr_pages(q);
		u64 addr;

		l->fail_after = n;
		addr = vmalloc_node(q, 20 * PAGE_SIZE, GFP_KERNEL, -1, "fails");
		worked = addr != 0;
		l->fail_after = -1;
		if (addr)
			vfree(q, addr);
		assert_int_equal(vmalloc_nr_pages(q), pages);
		if (lower_verify(l))
			fail_msg("after %ld:\n%s", n, l->report);
	}
	assert_true(worked);
	assert_true(l->nr_failed > 20);
	lower_end(l);
}

struct range {
	u64 addr;
	unsigned int pages;
	unsigned char pattern;
};

static void each_page(struct quire *q, struct range *r, bool write)
{
	for (unsigned int i = 0; i < r->pages; i++) {
		unsigned char *page = vmalloc_page_address(q, r->addr + i * PAGE_SIZE);

		assert_non_null(page);
		if (write)
			memset(page, r->pattern + (int)i, PAGE_SIZE);
		else
			assert_true(page[0] == (unsigned char)(r->pattern + i) &&
				    !memcmp(page, page + 1, PAGE_SIZE - 1));
	}
}

static void test_random(void **state)
{
	const char *given = getenv("SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20261123;
	struct lower *l = lower_boot(2, 96, 2);
	struct range live[200];
	unsigned int nr = 0;
	struct prng rng;

	(void)state;
	print_message("seed %lu\n", seed);
	prng_seed(&rng, seed);
	for (unsigned int step = 0; step < 5000; step++) {
		if (nr < 200 && prng_below(&rng, 100) < 53) {
			struct range r = {.pages = (unsigned int)prng_range(&rng, 1, 40),
					  .pattern = (unsigned char)prng_u64(&rng)};

			l->fail_after = prng_below(&rng, 10) ? -1 : (long)prng_below(&rng, 20);
			r.addr = vmalloc_node(l->q, r.pages * PAGE_SIZE, GFP_KERNEL, -1, "random");
			l->fail_after = -1;
			if (!r.addr)
				continue;
			for (unsigned int i = 0; i < nr; i++)
				assert_true(r.addr + (r.pages + 1) * PAGE_SIZE <= live[i].addr ||
					    live[i].addr + (live[i].pages + 1) * PAGE_SIZE <=
						    r.addr);
			each_page(l->q, &r, true);
			live[nr++] = r;
		} else if (nr) {
			unsigned int i = (unsigned int)prng_below(&rng, nr);

			each_page(l->q, &live[i], false);
			vfree(l->q, live[i].addr);
			live[i] = live[--nr];
		}
		if (step % 500 == 499 && lower_verify(l))
			fail_msg("step %u:\n%s", step, l->report);
	}
	while (nr)
		vfree(l->q, live[--nr].addr);
	lower_end(l);
}

static void test_bad_free(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	u64 addr = vmalloc_node(l->q, PAGE_SIZE, GFP_KERNEL, -1, "a");

	(void)state;
	assert_true(lower_panics(l, vfree(l->q, addr + PAGE_SIZE)));
	l->ctx.nr_held = 0;
	l->q->vmalloc->lock.raw.held = 0;
	vfree(l->q, addr);
	lower_end(l);
}

static void test_broken(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	struct vmalloc_floor *v = q->vmalloc;
	u64 addr[4];
	struct vmap_area *busy, *free;
	pte_t *pte;

	(void)state;
	for (int i = 0; i < 4; i++)
		addr[i] = vmalloc_node(q, 3 * PAGE_SIZE, GFP_KERNEL, -1, "a");
	vfree(q, addr[1]);
	BREAK(l, v->nr_lazy, v->nr_lazy + 1, "are counted as waiting");
	BREAK(l, v->purge->va_end, v->purge->va_end - PAGE_SIZE, "are in no range");
	(void)purge_vmap_area_lazy(q);
	busy = rb_entry(rb_first(&v->busy), struct vmap_area, rb_node);
	free = rb_entry(rb_first(&v->free), struct vmap_area, rb_node);
	pte = pt_walk(q, v->root_pfn, addr[0], 1);

	BREAK(l, busy->vm, NULL, "has no area");
	BREAK(l, busy->vm->vm.addr, 0, "is not its area's");
	BREAK(l, busy->va_end, busy->va_end + 2 * PAGE_SIZE, "was due");
	BREAK(l, busy->vm->pages[0], busy->vm->pages[1], "is not mapped to its frame");
	BREAK(l, busy->vm->pages[0]->_refcount, 2, "is not vmalloc's alone");
	BREAK(l, busy->vm->pages[0]->page_type, PAGE_TYPE_NONE, "is not vmalloc's alone");
	BREAK(l, free->subtree_max_size, 1UL << 60, "largest free range");
	BREAK(l, free->rb_node.__rb_parent_color, free->rb_node.__rb_parent_color ^ 1,
	      "is not balanced");
	BREAK(l, v->nr_pages, v->nr_pages + 1, "pages are counted");
	BREAK(l, v->nr_tables, v->nr_tables + 1, "page tables are counted");
	set_pte(q, pte + 3, *pte);
	lower_expect_broken(l, "entries map");
	set_pte(q, pte + 3, 0);
	vfree(q, addr[0]);
	vfree(q, addr[2]);
	vfree(q, addr[3]);
	(void)purge_vmap_area_lazy(q);
	/* The area's end, and two free ranges side by side. */
	free = rb_entry(rb_first(&v->free), struct vmap_area, rb_node);
	BREAK(l, free->va_end, free->va_end + PAGE_SIZE, "the ranges end at");
	struct vmap_area *half = kmem_cache_zalloc(q, v->vmap_area_cachep, GFP_KERNEL);
	half->va_end = free->va_end;
	half->va_start = half->va_end - PAGE_SIZE;
	half->subtree_max_size = PAGE_SIZE;
	free->va_end = half->va_start;
	rb_link_node(&half->rb_node, &free->rb_node, &free->rb_node.rb_right);
	rb_insert_color(&half->rb_node, &v->free);
	lower_expect_broken(l, "two free ranges touch");
	rb_erase(&half->rb_node, &v->free);
	free->va_end = half->va_end;
	kmem_cache_free(q, v->vmap_area_cachep, half);
	lower_end(l);
}

/* Many freed ranges are purged together, with one flush. */
static void test_lazy(void **state)
{
	struct lower *l = lower_boot(1, 128, 1);
	struct quire *q = l->q;
	struct vmalloc_floor *v = q->vmalloc;
	/* 32 MiB of addresses may wait on a machine of one CPU. */
	unsigned int nr = (32 << 20 >> PAGE_SHIFT) / 2;

	(void)state;
	for (unsigned int i = 0; i < nr; i++) {
		u64 addr = vmalloc_node(q, PAGE_SIZE, GFP_KERNEL, -1, "a");

		assert_int_equal(addr, VMALLOC_START + i * 2 * PAGE_SIZE);
		vfree(q, addr);
		assert_int_equal(v->nr_lazy, (i + 1) * 2);
	}
	assert_int_equal(v->nr_flushes, 0);
	assert_int_equal(lower_verify(l), 0);
	vfree(q, vmalloc_node(q, PAGE_SIZE, GFP_KERNEL, -1, "a"));
	assert_int_equal(v->nr_flushes, 1);
	assert_int_equal(v->nr_lazy, 0);
	lower_end(l);
}

static void test_huge(void **state)
{
	struct lower *l = lower_boot(1, 128, 1);
	struct quire *q = l->q;
	u64 small = vmalloc_node(q, PAGE_SIZE, GFP_KERNEL, -1, "small"), a, b;
	pte_t *pmd;
	char *p;

	(void)state;
	a = vmalloc_huge(q, 3 * PMD_SIZE - 100, GFP_KERNEL | __GFP_ZERO, "huge");
	assert_true(a && a % PMD_SIZE == 0);
	assert_int_equal(vmalloc_nr_pages(q), 1 + 3 * 512);
	pmd = pt_walk(q, q->vmalloc->root_pfn, a, 2);
	assert_true(pmd && pmd_leaf(*pmd));
	for (u64 off = 0; off < 3 * PMD_SIZE; off += PMD_SIZE / 2 + 4096) {
		p = vmalloc_page_address(q, a + off + 7);
		assert_int_equal(*p, 0);
		*p = (char)(off >> 12);
	}
	for (u64 off = 0; off < 3 * PMD_SIZE; off += PMD_SIZE / 2 + 4096)
		assert_int_equal(*(char *)vmalloc_page_address(q, a + off + 7), (char)(off >> 12));
	assert_int_equal(lower_verify(l), 0);
	/* The addresses before it are not lost. */
	b = vmalloc_node(q, 10 * PAGE_SIZE, GFP_KERNEL, -1, "between");
	assert_true(b > small && b < a);
	vfree(q, a);
	assert_null(vmalloc_page_address(q, a));
	/* Where small pages were mapped before. */
	(void)purge_vmap_area_lazy(q);
	a = vmalloc_node(q, 4 * PMD_SIZE, GFP_KERNEL, -1, "pages");
	vfree(q, a);
	(void)purge_vmap_area_lazy(q);
	a = vmalloc_huge(q, 2 * PMD_SIZE, GFP_KERNEL, "huge");
	assert_true(pmd_leaf(*pt_walk(q, q->vmalloc->root_pfn, a, 2)));
	assert_int_equal(lower_verify(l), 0);
	vfree(q, a);
	/* Below 2 MiB there is no point in it. */
	a = vmalloc_huge(q, PMD_SIZE - 1, GFP_KERNEL, "small");
	assert_false(pmd_leaf(*pt_walk(q, q->vmalloc->root_pfn, a, 2)));
	vfree(q, a);
	/* Without such blocks it is made of pages. */
	l->fail_after = -1;
	for (long n = 0; n < 12; n++) {
		l->fail_after = n;
		a = vmalloc_huge(q, PMD_SIZE, GFP_KERNEL, "huge");
		l->fail_after = -1;
		vfree(q, a);
		assert_int_equal(lower_verify(l), 0);
	}
	assert_int_equal(vmalloc_huge(q, 0, GFP_KERNEL, "none"), 0);
	vfree(q, b);
	vfree(q, small);
	lower_end(l);
}

static void test_vmap(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	struct page *pages[100];
	u64 a, ram[300];

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		pages[i] = alloc_pages(q, GFP_KERNEL, 0);
	a = vmap(q, pages, 100, GFP_KERNEL, "mapped");
	for (unsigned int i = 0; i < 100; i++)
		assert_ptr_equal(vmalloc_page_address(q, a + i * PAGE_SIZE),
				 page_address(q, pages[i]));
	assert_int_equal(vmalloc_nr_pages(q), 0);
	assert_int_equal(lower_verify(l), 0);
	assert_true(lower_panics(l, vfree(q, a)));
	l->ctx.nr_held = 0;
	q->vmalloc->lock.raw.held = 0;
	vunmap(q, a);
	vunmap(q, 0);
	for (long n = 0; n < 6; n++) {
		l->fail_after = n;
		a = vmap(q, pages, 100, GFP_KERNEL, "mapped");
		l->fail_after = -1;
		vunmap(q, a);
		assert_int_equal(lower_verify(l), 0);
	}
	/* Small ranges come from a block, each page of it once. */
	for (unsigned int i = 0; i < 300; i++) {
		ram[i] = vm_map_ram(q, pages, 3, -1);
		assert_ptr_equal(vmalloc_page_address(q, ram[i] + 2 * PAGE_SIZE),
				 page_address(q, pages[2]));
		if (i % 256)
			assert_int_equal(ram[i], ram[i - 1] + 4 * PAGE_SIZE);
	}
	assert_int_equal(lower_verify(l), 0);
	struct vmap_block *vb = list_first_entry(&q->vmalloc->blocks, struct vmap_block, list);
	BREAK(l, vb->free, VMAP_BBMAP_BITS + 1, "pages mapped");
	for (unsigned int i = 0; i < 300; i++)
		vm_unmap_ram(q, ram[i], 3);
	assert_int_equal(lower_verify(l), 0);
	/* The first block is dirty all over and waits; the second goes when asked. */
	assert_int_equal(q->vmalloc->nr_lazy >= VMAP_BBMAP_BITS, 1);
	assert_false(list_empty(&q->vmalloc->blocks));
	vm_unmap_aliases(q);
	assert_true(list_empty(&q->vmalloc->blocks));
	assert_int_equal(q->vmalloc->nr_lazy, 0);
	/* A large one is a range of its own. */
	a = vm_map_ram(q, pages, 100, -1);
	assert_true(list_empty(&q->vmalloc->blocks));
	vm_unmap_ram(q, a, 100);
	for (long n = 0; n < 6; n++) {
		l->fail_after = n;
		a = vm_map_ram(q, pages, 5, -1);
		l->fail_after = -1;
		if (a)
			vm_unmap_ram(q, a, 5);
		assert_int_equal(lower_verify(l), 0);
	}
	for (unsigned int i = 0; i < 100; i++)
		__free_pages(q, pages[i], 0);
	lower_end(l);
}

static bool fail_large(struct quire *q, gfp_t gfp, unsigned int order, void *ctx)
{
	(void)q;
	(void)gfp;
	(void)ctx;
	return order > 0;
}

static void test_kvmalloc(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	struct quire *q = l->q;
	void *p = kvmalloc(q, 100000, GFP_KERNEL);

	(void)state;
	assert_false(is_vmalloc_addr(p));
	kvfree(q, p);
	set_fail_alloc(q, fail_large, q->page->fail_ctx);
	p = kvmalloc(q, 100000, GFP_KERNEL);
	assert_true(is_vmalloc_addr(p));
	assert_int_equal(vmalloc_nr_pages(q), 25);
	kvfree(q, p);
	assert_int_equal(vmalloc_nr_pages(q), 0);
	assert_null(kvmalloc(q, 100000, GFP_NOWAIT));
	kvfree(q, NULL);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_ranges), cmocka_unit_test(test_for_each),
		cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_random),
		cmocka_unit_test(test_bad_free),     cmocka_unit_test(test_broken),
		cmocka_unit_test(test_lazy),	     cmocka_unit_test(test_huge),
		cmocka_unit_test(test_vmap),	     cmocka_unit_test(test_kvmalloc),
	};

	return cmocka_run_group_tests_name("vmalloc", tests, NULL, NULL);
}
