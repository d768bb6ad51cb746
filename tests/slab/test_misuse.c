/* SPDX-License-Identifier: MIT */
/*
 * 116 misuses of objects, by class, on machines booted with slub_debug (all
 * checks).  Each runs on a machine of its own; it is caught if the slab reports
 * it, by the time the object is freed, the cache validated or destroyed, or the
 * bytes are checked where they leave the program.  Nothing may be caught of a
 * program that does the same without the misuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "slab/debug.h"
#include "tests/lib/lower.h"

enum class {
	OVERFLOW,
	UNDERFLOW,
	UAF_WRITE,
	UAF_READ,
	DOUBLE_FREE,
	INVALID_FREE,
	WRONG_CACHE,
	UNINITIALISED,
	LEAK,
	NR_CLASSES
};

static const char *const class_names[NR_CLASSES] = {
	"overflow",
	"underflow",
	"use after free (write)",
	"use after free (read)",
	"double free",
	"invalid free",
	"wrong cache",
	"uninitialised",
	"leak",
};

struct box {
	struct lower *l;
	struct quire *q;
	struct kmem_cache *s, *other;
};

/* a and b are the case's own: a size (0 .. of kmem_cache, negative: kmalloc) and
 * an offset.  bad: do the misuse, not only what is around it. */
struct misuse {
	enum class class;
	void (*fn)(struct box *box, long a, long b, bool bad);
	long a, b;
	const char *text; /* that the report must contain */
};

/* An object of a bytes, all written: of the box's cache, or kmalloc'ed (a < 0). */
static unsigned char *get(struct box *box, long a)
{
	size_t size = (size_t)(a < 0 ? -a : a);
	unsigned char *p;

	if (a < 0) {
		p = kmalloc(box->q, size, GFP_KERNEL);
	} else {
		if (!box->s)
			box->s =
				kmem_cache_create(box->q, "victim", (unsigned int)size, 0, 0, NULL);
		p = kmem_cache_alloc(box->q, box->s, GFP_KERNEL);
	}
	assert_non_null(p);
	memset(p, 0x11, size);
	return p;
}

static void put(struct box *box, void *p)
{
	kfree(box->q, p);
}

/* Writes at offset b behind the end, frees. */
static void overflow(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a), *next = get(box, a);

	if (bad)
		p[(a < 0 ? -a : a) + b] = 'x';
	put(box, p);
	put(box, next);
}

/* The same, found while the object is in use. */
static void overflow_live(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a);
	struct kmem_cache *s = virt_to_slab(box->q, p)->slab_cache;

	if (bad)
		memset(p + (a < 0 ? -a : a), 0, (size_t)b);
	(void)validate_slab_cache(box->q, s);
	put(box, p);
}

static void underflow(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a);

	if (bad)
		p[-b] = 'x';
	put(box, p);
}

/* Writes at b into a free object, then allocates until it comes again. */
static void uaf_write(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a);

	put(box, p);
	if (bad)
		p[b] = 'x';
	put(box, get(box, a));
}

/* Found by validation; also when the slab goes. */
static void uaf_write_idle(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a), *keep = get(box, a);
	struct kmem_cache *s = virt_to_slab(box->q, p)->slab_cache;

	put(box, p);
	if (bad)
		p[b] ^= 1;
	if (b & 1)
		(void)validate_slab_cache(box->q, s);
	put(box, keep);
	(void)kmem_cache_shrink(box->q, s);
}

/* Reads; what is read is used where bytes leave the program if b is 1. */
static void uaf_read(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a);
	volatile unsigned char sink;

	if (!bad)
		sink = p[0];
	put(box, p);
	if (bad) {
		sink = p[0];
		if (b)
			(void)kmem_check_memory(box->q, p, 4);
	}
	(void)sink;
}

/* b others are freed in between; on another CPU if b is odd. */
static void double_free(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a), *others[8];

	for (long i = 0; i < b; i++)
		others[i] = get(box, a);
	put(box, p);
	for (long i = 0; i < b; i++)
		put(box, others[i]);
	box->l->ctx.cpu = b & 1;
	if (bad)
		put(box, p);
}

static void double_free_bulk(struct box *box, long a, long b, bool bad)
{
	void *p[4];

	for (int i = 0; i < 4; i++)
		p[i] = get(box, a);
	if (bad)
		p[b] = p[b - 1];
	kmem_cache_free_bulk(box->q, a < 0 ? NULL : box->s, 4, p);
}

struct late {
	struct rcu_head rcu;
	char data[64];
};

static void double_free_rcu(struct box *box, long a, long b, bool bad)
{
	struct late *p = kmalloc(box->q, sizeof(*p), GFP_KERNEL);

	(void)a;
	(void)b;
	kfree_rcu(box->q, p, rcu);
	rcu_barrier(box->q);
	if (bad)
		kfree(box->q, p);
}

static void double_free_krealloc(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a), *moved = krealloc(box->q, p, (size_t)b, GFP_KERNEL);

	if (bad)
		put(box, p);
	put(box, moved);
}

/* Frees an address inside the object. */
static void invalid_inside(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a);

	if (bad)
		put(box, p + b);
	put(box, p);
}

static void invalid_elsewhere(struct box *box, long a, long b, bool bad)
{
	static char outside[64];
	struct page *page = alloc_pages(box->q, GFP_KERNEL, 0);
	unsigned char *p = get(box, -64);
	void *what[] = {
		outside,
		page_address(box->q, page),
		(char *)page_address(box->q, page) + 100,
		(char *)box->q->physmap + (box->q->max_pfn << PAGE_SHIFT),
		box->q->mem_map,
	};

	(void)b;
	if (bad)
		kfree(box->q, what[a]);
	put(box, p);
	__free_pages(box->q, page, 0);
}

/* What lies before and behind a slab's objects. */
static void invalid_metadata(struct box *box, long a, long b, bool bad)
{
	unsigned char *p = get(box, a);
	struct kmem_cache *s = virt_to_slab(box->q, p)->slab_cache;

	if (bad)
		put(box, b ? p + s->size - 8 : p - s->red_left_pad);
	put(box, p);
}

static void wrong_cache(struct box *box, long a, long b, bool bad)
{
	struct kmem_cache *other =
		b ? find_kmem_cache(box->q, b == 1 ? "dentry" : "vm_area_struct")
		  : kmem_cache_create(box->q, "other", (unsigned int)labs(a), 0, 0, NULL);
	unsigned char *p = get(box, a);

	if (bad)
		kmem_cache_free(box->q, other, p);
	else
		put(box, p);
}

/* A run of b bytes in the middle is never written. */
static void uninitialised(struct box *box, long a, long b, bool bad)
{
	size_t size = (size_t)labs(a);
	unsigned char *p = get(box, a);

	put(box, p);
	p = a < 0 ? kmalloc(box->q, size, GFP_KERNEL)
		  : kmem_cache_alloc(box->q, box->s, GFP_KERNEL);
	memset(p, 1, size);
	if (bad) {
		put(box, p);
		p = a < 0 ? kmalloc(box->q, size, GFP_KERNEL)
			  : kmem_cache_alloc(box->q, box->s, GFP_KERNEL);
		memset(p, 1, size / 2);
		if ((size_t)b < size - size / 2)
			memset(p + size / 2 + b, 1, size - size / 2 - (size_t)b);
	}
	(void)kmem_check_memory(box->q, p, size);
	put(box, p);
}

/* b objects are forgotten among 20. */
static void leak(struct box *box, long a, long b, bool bad)
{
	unsigned char *p[20];

	for (int i = 0; i < 20; i++)
		p[i] = get(box, a);
	for (int i = 0; i < 20; i++)
		if (!bad || i >= b)
			put(box, p[i]);
	assert_int_equal(kmem_cache_destroy(box->q, box->s), bad ? -EBUSY : 0);
}

#define RIGHT	"Right Redzone overwritten"
#define KRED	"kmalloc Redzone overwritten"
#define LEFT	"Left Redzone overwritten"
#define DOUBLE	"Object already free"
#define INVALID "Invalid object pointer"

static const struct misuse suite[] = {
	/* clang-format off */
	{OVERFLOW, overflow, 8, 0, RIGHT}, {OVERFLOW, overflow, 13, 0, RIGHT},
	{OVERFLOW, overflow, 24, 0, RIGHT}, {OVERFLOW, overflow, 64, 0, RIGHT},
	{OVERFLOW, overflow, 100, 3, RIGHT}, {OVERFLOW, overflow, 192, 7, RIGHT},
	{OVERFLOW, overflow, 700, 0, RIGHT}, {OVERFLOW, overflow, 1024, 7, RIGHT},
	{OVERFLOW, overflow, 4096, 0, RIGHT}, {OVERFLOW, overflow, 5000, 0, RIGHT},
	{OVERFLOW, overflow, -8, 0, RIGHT}, {OVERFLOW, overflow, -13, 0, KRED},
	{OVERFLOW, overflow, -60, 0, KRED}, {OVERFLOW, overflow, -64, 0, RIGHT},
	{OVERFLOW, overflow, -65, 0, KRED}, {OVERFLOW, overflow, -100, 27, KRED},
	{OVERFLOW, overflow, -700, 100, KRED}, {OVERFLOW, overflow, -4096, 0, RIGHT},
	{OVERFLOW, overflow, -8000, 1, KRED}, {OVERFLOW, overflow_live, 40, 8, RIGHT},
	{OVERFLOW, overflow_live, 192, 4, RIGHT}, {OVERFLOW, overflow_live, -30, 2, KRED},
	{OVERFLOW, overflow_live, -500, 12, KRED}, {OVERFLOW, overflow, 64, 4000, NULL},

	{UNDERFLOW, underflow, 8, 1, LEFT}, {UNDERFLOW, underflow, 24, 1, LEFT},
	{UNDERFLOW, underflow, 64, 8, LEFT}, {UNDERFLOW, underflow, 100, 1, LEFT},
	{UNDERFLOW, underflow, 700, 4, LEFT}, {UNDERFLOW, underflow, 4096, 1, LEFT},
	{UNDERFLOW, underflow, -8, 1, LEFT}, {UNDERFLOW, underflow, -60, 1, LEFT},
	{UNDERFLOW, underflow, -64, 64, LEFT}, {UNDERFLOW, underflow, -192, 2, LEFT},
	{UNDERFLOW, underflow, -1000, 8, LEFT}, {UNDERFLOW, underflow, -4096, 1, LEFT},

	{UAF_WRITE, uaf_write, 8, 0, "Poison overwritten"},
	{UAF_WRITE, uaf_write, 24, 0, "Poison overwritten"},
	{UAF_WRITE, uaf_write, 64, 32, "Poison overwritten"},
	{UAF_WRITE, uaf_write, 64, 63, "End Poison overwritten"},
	{UAF_WRITE, uaf_write, 100, 50, "Poison overwritten"},
	{UAF_WRITE, uaf_write, 700, 699, "End Poison overwritten"},
	{UAF_WRITE, uaf_write, 4096, 2048, "Poison overwritten"},
	{UAF_WRITE, uaf_write, -8, 4, "Poison overwritten"},
	{UAF_WRITE, uaf_write, -64, 0, "Poison overwritten"},
	{UAF_WRITE, uaf_write, -96, 95, "End Poison overwritten"},
	{UAF_WRITE, uaf_write, -192, 100, "Poison overwritten"},
	{UAF_WRITE, uaf_write, -4096, 1, "Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, 64, 0, "Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, 64, 1, "Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, 200, 102, "Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, 200, 199, "End Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, -32, 6, "Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, -32, 31, "End Poison overwritten"},
	{UAF_WRITE, uaf_write_idle, -1024, 511, "Poison overwritten"},
	{UAF_WRITE, uaf_write, 64, 64, "Redzone overwritten"},

	{UAF_READ, uaf_read, 64, 0, NULL}, {UAF_READ, uaf_read, -64, 0, NULL},
	{UAF_READ, uaf_read, -1000, 0, NULL}, {UAF_READ, uaf_read, 64, 1, "Use of a free object"},
	{UAF_READ, uaf_read, -64, 1, "Use of a free object"},
	{UAF_READ, uaf_read, 700, 1, "Use of a free object"},

	{DOUBLE_FREE, double_free, 8, 0, DOUBLE}, {DOUBLE_FREE, double_free, 64, 0, DOUBLE},
	{DOUBLE_FREE, double_free, 64, 1, DOUBLE}, {DOUBLE_FREE, double_free, 64, 4, DOUBLE},
	{DOUBLE_FREE, double_free, 700, 7, DOUBLE}, {DOUBLE_FREE, double_free, 4096, 1, DOUBLE},
	{DOUBLE_FREE, double_free, -8, 0, DOUBLE}, {DOUBLE_FREE, double_free, -64, 1, DOUBLE},
	{DOUBLE_FREE, double_free, -96, 2, DOUBLE}, {DOUBLE_FREE, double_free, -1024, 5, DOUBLE},
	{DOUBLE_FREE, double_free, -8192, 0, DOUBLE},
	{DOUBLE_FREE, double_free_bulk, 64, 1, DOUBLE},
	{DOUBLE_FREE, double_free_bulk, -64, 3, DOUBLE},
	{DOUBLE_FREE, double_free_rcu, 0, 0, DOUBLE},
	{DOUBLE_FREE, double_free_krealloc, -64, 100, DOUBLE},
	{DOUBLE_FREE, double_free, -9000, 0, "object pointer"},

	{INVALID_FREE, invalid_inside, 64, 8, INVALID}, {INVALID_FREE, invalid_inside, 64, 1, INVALID},
	{INVALID_FREE, invalid_inside, 700, 350, INVALID},
	{INVALID_FREE, invalid_inside, -64, 63, INVALID},
	{INVALID_FREE, invalid_inside, -1024, 512, INVALID},
	{INVALID_FREE, invalid_metadata, 64, 0, INVALID},
	{INVALID_FREE, invalid_metadata, 64, 1, INVALID},
	{INVALID_FREE, invalid_metadata, -128, 0, INVALID},
	{INVALID_FREE, invalid_metadata, -128, 1, INVALID},
	{INVALID_FREE, invalid_elsewhere, 0, 0, "object pointer"},
	{INVALID_FREE, invalid_elsewhere, 1, 0, "object pointer"},
	{INVALID_FREE, invalid_elsewhere, 2, 0, "object pointer"},
	{INVALID_FREE, invalid_elsewhere, 3, 0, "object pointer"},
	{INVALID_FREE, invalid_elsewhere, 4, 0, "object pointer"},

	{WRONG_CACHE, wrong_cache, 64, 0, "Wrong slab cache. other but object is from victim"},
	{WRONG_CACHE, wrong_cache, 192, 0, "Wrong slab cache"},
	{WRONG_CACHE, wrong_cache, 1000, 0, "Wrong slab cache"},
	{WRONG_CACHE, wrong_cache, -64, 0, "Wrong slab cache. other but object is from kmalloc-64"},
	{WRONG_CACHE, wrong_cache, -192, 1, "Wrong slab cache. dentry but"},
	{WRONG_CACHE, wrong_cache, -152, 2, "Wrong slab cache. vm_area_struct but"},
	{WRONG_CACHE, wrong_cache, 192, 1, "Wrong slab cache. dentry but"},
	{WRONG_CACHE, wrong_cache, 152, 2, "Wrong slab cache. vm_area_struct but"},

	{UNINITIALISED, uninitialised, 64, 32, "uninitialised"},
	{UNINITIALISED, uninitialised, 64, 8, "uninitialised"},
	{UNINITIALISED, uninitialised, 700, 4, "uninitialised"},
	{UNINITIALISED, uninitialised, -64, 16, "uninitialised"},
	{UNINITIALISED, uninitialised, -1000, 4, "uninitialised"},
	{UNINITIALISED, uninitialised, 64, 2, NULL},

	{LEAK, leak, 8, 1, "Objects remaining in victim on __kmem_cache_shutdown()"},
	{LEAK, leak, 64, 1, "Objects remaining"}, {LEAK, leak, 64, 7, "Objects remaining"},
	{LEAK, leak, 100, 20, "Objects remaining"}, {LEAK, leak, 192, 3, "Objects remaining"},
	{LEAK, leak, 700, 1, "Objects remaining"}, {LEAK, leak, 1024, 2, "Objects remaining"},
	{LEAK, leak, 2000, 19, "Objects remaining"}, {LEAK, leak, 4096, 1, "Objects remaining"},
	{LEAK, leak, 5000, 5, "Objects remaining"},
	/* clang-format on */
};

static char log_text[1 << 17];

/* Runs one; whether it was reported, and with the text that it should be. */
static bool run(const struct misuse *m, bool bad)
{
	struct quire_config cfg = {.nr_nodes = 1, .seed = 1, .slub_debug = ""};
	struct box box;
	bool caught;

	cfg.node[0].size_bytes = 32 << 20;
	cfg.node[0].nr_cpus = 2;
	box = (struct box){.l = lower_boot_config(cfg)};
	box.q = box.l->q;
	box.l->log = log_text;
	box.l->log_cap = sizeof(log_text);
	box.l->stack[0] = 1;
	log_text[0] = '\0';
	m->fn(&box, m->a, m->b, bad);
	caught = box.q->slab->nr_reports != 0;
	if (!bad && caught)
		fail_msg("%s %ld %ld reported without a misuse:\n%s", class_names[m->class], m->a,
			 m->b, log_text);
	if (bad && caught && m->text && !strstr(log_text, m->text))
		fail_msg("%s %ld %ld: the report does not say \"%s\":\n%s", class_names[m->class],
			 m->a, m->b, m->text, log_text);
	if (bad)
		lower_abandon(box.l);
	else
		lower_end(box.l);
	return caught;
}

static void test_suite(void **state)
{
	unsigned int caught[NR_CLASSES] = {0}, all[NR_CLASSES] = {0}, sum = 0;

	(void)state;
	assert_int_equal(ARRAY_SIZE(suite), 116);
	for (size_t i = 0; i < ARRAY_SIZE(suite); i++) {
		const struct misuse *m = &suite[i];
		bool found = run(m, true);

		all[m->class]++;
		caught[m->class] += found;
		sum += found;
		if (!found)
			print_message("not caught: %s %ld %ld\n", class_names[m->class], m->a,
				      m->b);
		/* What should be found is. */
		assert_true(found || !m->text);
	}
	for (unsigned int c = 0; c < NR_CLASSES; c++)
		print_message("%-24s %2u of %2u\n", class_names[c], caught[c], all[c]);
	print_message("%u of 116 misuses are caught\n", sum);
	assert_true(sum >= 90);
}

static void test_nothing_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(suite); i++)
		assert_false(run(&suite[i], false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),
		cmocka_unit_test(test_nothing_wrong),
	};

	return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
