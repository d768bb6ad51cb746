/* SPDX-License-Identifier: MIT */
/*
 * Debugged caches beside the suite of misuses: the text of a report, which
 * caches slub_debug= means, flags set at run time, who holds objects, shuffled
 * and scrambled free lists, and the verifier's invariants of debugged slabs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "slab/debug.h"
#include "slab/impl.h"
#include "tests/lib/lower.h"

static char log_text[1 << 17];

static struct lower *boot(struct quire_config cfg)
{
	struct lower *l;

	cfg.nr_nodes = cfg.nr_nodes ? cfg.nr_nodes : 1;
	cfg.seed = cfg.seed ? cfg.seed : 1;
	for (unsigned int i = 0; i < cfg.nr_nodes; i++) {
		cfg.node[i].size_bytes = 48 << 20;
		cfg.node[i].nr_cpus = 2;
	}
	l = lower_boot_config(cfg);
	l->log = log_text;
	l->log_cap = sizeof(log_text);
	log_text[0] = '\0';
	return l;
}

static void clear_log(struct lower *l)
{
	l->log_len = 0;
	log_text[0] = '\0';
}

static void expect(const char *text)
{
	if (!strstr(log_text, text))
		fail_msg("no \"%s\" in:\n%s", text, log_text);
}

/* Line by line as Linux 6.1 has it; addresses are the direct map's. */
static void test_report(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "FZPU"});
	struct quire *q = l->q;
	char *p, want[4096];
	unsigned long at, slab;

	(void)state;
	l->stack[0] = 3;
	l->stack[1] = 4;
	p = kmalloc(q, 64, GFP_KERNEL);
	memset(p, 0x11, 64);
	l->now = 40 * NSEC_PER_MSEC;
	p[64] = 'x';
	at = slab_kaddr(q, p);
	slab = at & ~4095UL;
	kfree(q, p);
	snprintf(want, sizeof(want),
		 "=============================================================================\n"
		 "BUG kmalloc-64 (Not tainted): Right Redzone overwritten\n"
		 "-----------------------------------------------------------------------------\n"
		 "\n"
		 "0x%016lx-0x%016lx @offset=%lu. First byte 0x78 instead of 0xcc\n"
		 "Allocated in caller+0x1/0x2 age=10 cpu=0 pid=0\n"
		 "\tstep_3+0x10/0x20\n"
		 "\tstep_4+0x10/0x20\n"
		 "Slab 0x%016lx objects=",
		 at + 64, at + 64, at + 64 - slab, VMEMMAP_BASE + virt_to_pfn(q, p) * 64);
	if (strncmp(log_text, want, strlen(want)) != 0)
		fail_msg("wanted:\n%s\ngot:\n%s", want, log_text);
	snprintf(want, sizeof(want),
		 "Object   %016lx: 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11 11  "
		 "................\n",
		 at);
	expect(want);
	snprintf(want, sizeof(want), "Redzone  %016lx: 78 cc cc cc cc cc cc cc", at + 64);
	expect(want);
	snprintf(want, sizeof(want),
		 "FIX kmalloc-64: Restoring Right Redzone 0x%016lx-0x%016lx=0xcc\n", at + 64,
		 at + 64);
	expect(want);
	expect("Comm: swapper Not tainted 6.1.0-quire\nCall Trace:\n <TASK>\n step_3+0x10/0x20\n");
	snprintf(want, sizeof(want), "FIX kmalloc-64: Object at 0x%016lx not freed\n", at);
	expect(want);
	/* It was mended: the second time the object is freed. */
	clear_log(l);
	kfree(q, p);
	assert_string_equal(log_text, "");
	/* And a second free says who freed it before. */
	l->now = 44 * NSEC_PER_MSEC;
	kfree(q, p);
	expect("BUG kmalloc-64 (Not tainted): Object already free");
	expect("Freed in caller+0x1/0x2 age=1 cpu=0 pid=0\n\tstep_3+0x10/0x20\n");
	lower_end(l);
}

static unsigned int flags_of(const char *debug, const char *cache)
{
	struct lower *l = boot((struct quire_config){.slub_debug = debug});
	unsigned int flags =
		find_kmem_cache(l->q, cache)->flags & (SLAB_DEBUG_FLAGS | SLAB_FAILSLAB);

	lower_end(l);
	return flags;
}

static void test_parameter(void **state)
{
	const unsigned int all = SLAB_DEBUG_FLAGS & ~SLAB_TRACE;

	(void)state;
	assert_int_equal(flags_of(NULL, "dentry"), 0);
	assert_int_equal(flags_of("", "dentry"), all);
	assert_int_equal(flags_of("-", "dentry"), 0);
	assert_int_equal(flags_of("FZ", "dentry"), SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE);
	assert_int_equal(flags_of("p", "kmalloc-64"), SLAB_POISON);
	assert_int_equal(flags_of("P,dentry", "kmalloc-64"), 0);
	assert_int_equal(flags_of("P,dentry", "dentry"), SLAB_POISON);
	assert_int_equal(flags_of(",dentry", "dentry"), all);
	assert_int_equal(flags_of("U,kmalloc-*", "kmalloc-rcl-96"), SLAB_STORE_USER);
	assert_int_equal(flags_of("U,kmalloc-6", "kmalloc-64"), 0);
	assert_int_equal(flags_of("F;-,dentry,names_*", "names_cache"), 0);
	assert_int_equal(flags_of("F;-,dentry,names_*", "filp"), SLAB_CONSISTENCY_CHECKS);
	assert_int_equal(flags_of("A,filp;ZU,pid", "filp"), SLAB_FAILSLAB);
	/* Not where the slab would get larger. */
	assert_int_equal(flags_of("FZPUO", "kmalloc-4k"), 0);
	assert_int_equal(flags_of("FZPUO", "kmalloc-32"), all);
	/* The first two are made before debugging works. */
	assert_int_equal(flags_of("", "kmem_cache_node"), 0);
}

static void test_at_run_time(void **state)
{
	struct lower *l = boot((struct quire_config){0});
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "mine", 100, 0, 0, NULL);
	unsigned int size = s->size, objects = s->objects;
	char *p = kmem_cache_alloc(q, s, GFP_KERNEL);

	(void)state;
	/* Not while it has objects. */
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_RED_ZONE, true), -EBUSY);
	kmem_cache_free(q, s, p);
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_RED_ZONE, true), 0);
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_CONSISTENCY_CHECKS, true), 0);
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_STORE_USER, true), 0);
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_STORE_USER, true), 0);
	assert_true(s->size > size && s->full);
	assert_int_equal(set_cpu_partial(s, 10), -EINVAL);
	p = kmem_cache_alloc(q, s, GFP_KERNEL);
	p[100] = 1;
	assert_int_equal(validate_slab_cache(q, s), 1);
	assert_int_equal(validate_slab_cache(q, s), 0);
	kmem_cache_free(q, s, p);
	assert_int_equal(kmem_cache_set_debug(q, s, SLAB_DEBUG_FLAGS, false), 0);
	assert_int_equal(s->size, size);
	assert_int_equal(s->objects, objects);
	assert_false(s->flags & SLAB_HOOKED);
	assert_int_equal(set_cpu_partial(s, 10), 0);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static unsigned int constructed;
static void ctor(void *object)
{
	constructed++;
	memset(object, 0x77, 50);
}

/* Debugged caches with constructors hand out constructed objects, too. */
static void test_ctor(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = ""});
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "built", 50, 0, 0, ctor);
	unsigned char *p[60];

	(void)state;
	constructed = 0;
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 60; i++) {
			p[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
			for (unsigned int b = 0; b < 50; b++)
				assert_int_equal(p[i][b], 0x77);
		}
		for (unsigned int i = 0; i < 60; i++)
			kmem_cache_free(q, s, p[i]);
	}
	assert_int_equal(constructed, s->objects * s->node[0]->nr_slabs);
	assert_int_equal(q->slab->nr_reports, 0);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_traces(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "U", .nr_nodes = 2});
	struct quire *q = l->q;
	struct kmem_cache *s = find_kmem_cache(q, "kmalloc-128");
	char shown[4096], *p[10];
	struct text t;

	(void)state;
	l->stack[0] = 5;
	for (unsigned int i = 0; i < 10; i++) {
		l->ctx.cpu = i % 4;
		l->stack[1] = i < 7 ? 6 : 7;
		p[i] = kmalloc(q, i < 7 ? 128 : 100, GFP_KERNEL);
		l->now += 4 * NSEC_PER_MSEC;
	}
	text_init(&t, shown, sizeof(shown));
	assert_int_equal(slab_show_traces(q, s, TRACK_ALLOC, &t), 0);
	assert_non_null(strstr(shown, "      7 caller+0x1/0x2 age=4/7/10 pid=0 cpus=0-3 nodes=0-1\n"
				      "        step_5+0x10/0x20\n"
				      "        step_6+0x10/0x20\n\n"));
	assert_non_null(strstr(shown, "      3 caller+0x1/0x2 waste=84/28 age=1/2/3 pid=0 "
				      "cpus=0-1,3 nodes=0-1\n        step_5+0x10/0x20\n"));
	for (unsigned int i = 0; i < 10; i++)
		kfree(q, p[i]);
	text_init(&t, shown, sizeof(shown));
	assert_int_equal(slab_show_traces(q, s, TRACK_FREE, &t), 0);
	assert_null(strstr(shown, "step_5"));
	l->fail_after = 0;
	assert_int_equal(slab_show_traces(q, s, TRACK_FREE, &t), -ENOMEM);
	l->fail_after = -1;
	assert_int_equal(slab_show_traces(q, q->slab->kmem_cache, TRACK_FREE, &t), -EINVAL);
	lower_end(l);
}

static void test_destroy_names(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "U,mine"});
	struct quire *q = l->q;
	struct kmem_cache *plain = kmem_cache_create(q, "plain", 100, 0, 0, NULL);
	struct kmem_cache *s = kmem_cache_create(q, "mine", 100, 0, 0, NULL);
	char *a = kmem_cache_alloc(q, plain, GFP_KERNEL), *b = kmem_cache_alloc(q, s, GFP_KERNEL);
	char want[128];

	(void)state;
	assert_int_equal(kmem_cache_destroy(q, plain), -EBUSY);
	snprintf(want, sizeof(want), "Object 0x%016lx @offset=", slab_kaddr(q, a));
	expect("BUG plain (Not tainted): Objects remaining in plain on __kmem_cache_shutdown()");
	expect(want);
	expect("kmem_cache_destroy plain: Slab cache still has objects");
	clear_log(l);
	assert_int_equal(kmem_cache_destroy(q, s), -EBUSY);
	expect("Allocated in caller+0x1/0x2 age=0 cpu=0 pid=0");
	kmem_cache_free(q, s, b);
	kmem_cache_free(q, plain, a);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	assert_int_equal(kmem_cache_destroy(q, plain), 0);
	lower_end(l);
}

static unsigned int count_of(const char *text)
{
	unsigned int n = 0;

	for (const char *p = log_text; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

/* Objects of several slabs: each that lives is named once, with the chain that took it;
 * none that is free. */
static void test_leak_report(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "U,mine"});
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "mine", 700, 0, 0, NULL);
	unsigned int nr = 0;
	char *p[80], want[160];

	(void)state;
	for (unsigned int i = 0; i < 80; i++) {
		l->stack[0] = 10 + i;
		p[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	}
	for (unsigned int i = 0; i < 80; i++)
		if (i % 7 != 3)
			kmem_cache_free(q, s, p[i]);
	assert_int_equal(kmem_cache_destroy(q, s), -EBUSY);
	for (unsigned int i = 0; i < 80; i++) {
		const char *at;

		snprintf(want, sizeof(want), "Object 0x%016lx @offset=", slab_kaddr(q, p[i]));
		assert_int_equal(count_of(want), i % 7 == 3);
		if (i % 7 != 3)
			continue;
		at = strstr(strstr(log_text, want), "\n") + 1;
		snprintf(want, sizeof(want),
			 "Allocated in caller+0x1/0x2 age=0 cpu=0 pid=0\n\tstep_%u+0x10/0x20\n",
			 10 + i);
		if (strncmp(at, want, strlen(want)))
			fail_msg("wanted:\n%s\ngot:\n%.200s", want, at);
		nr++;
	}
	assert_int_equal(count_of("Allocated in "), nr);
	/* It is as good as before. */
	for (unsigned int i = 3; i < 80; i += 7)
		kmem_cache_free(q, s, p[i]);
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

/* Shuffled: not in order of address, each once, the same for one seed. */
static void test_shuffle(void **state)
{
	void *first[2][32];

	(void)state;
	for (unsigned int run = 0; run < 2; run++) {
		struct lower *l = boot((struct quire_config){.slab_freelist_random = true,
							     .slab_freelist_hardened = true});
		struct quire *q = l->q;
		struct kmem_cache *s = kmem_cache_create(q, "mine", 128, 0, 0, NULL);
		unsigned int in_order = 0;
		void *p[64];

		for (unsigned int i = 0; i < 64; i++) {
			p[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
			for (unsigned int j = 0; j < i; j++)
				assert_ptr_not_equal(p[i], p[j]);
			if (i && p[i] == (char *)p[i - 1] + s->size)
				in_order++;
			if (i < 32)
				first[run][i] = (void *)((char *)p[i] - q->physmap);
		}
		assert_true(in_order < 20);
		assert_int_equal(lower_verify(l), 0);
		if (run) {
			/* A link is not an address, and one that is overwritten leads
			 * nowhere that the writer could choose. */
			kmem_cache_free(q, s, p[0]);
			kmem_cache_free(q, s, p[1]);
			assert_ptr_not_equal(*(void **)((char *)p[1] + s->offset), p[0]);
			assert_ptr_equal(get_freepointer(s, p[1]), p[0]);
			p[0] = kmem_cache_alloc(q, s, GFP_KERNEL);
			p[1] = kmem_cache_alloc(q, s, GFP_KERNEL);
		}
		for (unsigned int i = 0; i < 64; i++)
			kmem_cache_free(q, s, p[i]);
		assert_int_equal(kmem_cache_destroy(q, s), 0);
		lower_end(l);
	}
	assert_memory_equal(first[0], first[1], sizeof(first[0]));
}

static unsigned long nr_fail_slab;
static bool fail_slab(struct quire *q, struct kmem_cache *s, gfp_t gfp, void *ctx)
{
	(void)q;
	(void)s;
	(void)gfp;
	(void)ctx;
	return ++nr_fail_slab % 2;
}

static void test_failslab(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "A,filp"});
	struct quire *q = l->q;
	struct kmem_cache *s = find_kmem_cache(q, "filp");
	void *p;

	(void)state;
	q->slab->fail_slab = fail_slab;
	assert_null(kmem_cache_alloc(q, s, GFP_KERNEL));
	p = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_non_null(p);
	kmem_cache_free(q, s, p);
	p = kmem_cache_alloc(q, s, GFP_KERNEL | __GFP_NOFAIL);
	assert_non_null(p);
	kmem_cache_free(q, s, p);
	p = kmem_cache_alloc(q, find_kmem_cache(q, "dentry"), GFP_KERNEL);
	kfree(q, p);
	assert_int_equal(nr_fail_slab, 2);
	lower_end(l);
}

/* Each page allocation fails in turn; nothing stays behind, nothing is reported. */
static void test_no_memory(void **state)
{
	struct lower *l = boot((struct quire_config){
		.slub_debug = "", .slab_freelist_random = true, .nr_nodes = 2});
	struct quire *q = l->q;
	bool worked = false;

	(void)state;
	l->stack[0] = 1;
	for (long n = 0; n < 50 && !worked; n++) {
		struct kmem_cache *s;
		void *p = NULL;
		char name[32];

		snprintf(name, sizeof(name), "c%ld", n);
		l->stack[1] = (uintptr_t)n + 10;
		l->fail_after = n;
		s = kmem_cache_create(q, name, 3000, 0, 0, NULL);
		if (s)
			p = kmem_cache_alloc(q, s, GFP_KERNEL);
		worked = p != NULL;
		l->fail_after = -1;
		if (p)
			kmem_cache_free(q, s, p);
		if (s)
			assert_int_equal(kmem_cache_destroy(q, s), 0);
		if (lower_verify(l))
			fail_msg("after %ld:\n%s", n, l->report);
	}
	assert_true(worked);
	assert_true(l->nr_failed >= 3);
	assert_int_equal(q->slab->nr_reports, 0);
	lower_end(l);
}

/* Random operations on debugged caches: contents are kept, nothing is reported. */
static void test_random(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "FZPU",
						     .nr_nodes = 2,
						     .slab_freelist_random = true,
						     .slab_freelist_hardened = true});
	struct quire *q = l->q;
	struct {
		unsigned char *p;
		unsigned int size;
		unsigned char fill;
	} live[400];
	unsigned int nr = 0;
	struct prng rng;

	(void)state;
	prng_seed(&rng, 20261123);
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int i;

		l->ctx.cpu = (unsigned int)prng_below(&rng, q->nr_cpus);
		if (nr < 400 && prng_below(&rng, 100) < (step / 4000 % 2 ? 40 : 60)) {
			live[nr].size =
				(unsigned int)prng_range(&rng, 1, prng_below(&rng, 8) ? 300 : 9000);
			live[nr].fill = (unsigned char)prng_u64(&rng);
			live[nr].p = kmalloc_node(q, live[nr].size, GFP_KERNEL,
						  (int)prng_below(&rng, 3) - 1);
			assert_non_null(live[nr].p);
			memset(live[nr].p, live[nr].fill, live[nr].size);
			nr++;
			continue;
		}
		if (!nr)
			continue;
		i = (unsigned int)prng_below(&rng, nr);
		for (unsigned int b = 0; b < live[i].size; b++)
			assert_int_equal(live[i].p[b], live[i].fill);
		if (prng_below(&rng, 10) == 0) {
			unsigned int size = (unsigned int)prng_range(&rng, 1, 700);
			unsigned char *p = krealloc(q, live[i].p, size, GFP_KERNEL);

			assert_non_null(p);
			memset(p, live[i].fill, size);
			live[i].p = p;
			live[i].size = size;
		} else {
			kfree(q, live[i].p);
			live[i] = live[--nr];
		}
		if (step % 2000 == 0 && lower_verify(l))
			fail_msg("step %u:\n%s", step, l->report);
	}
	while (nr)
		kfree(q, live[--nr].p);
	assert_int_equal(q->slab->nr_reports, 0);
	lower_end(l);
}

static void test_broken(void **state)
{
	struct lower *l = boot((struct quire_config){.slub_debug = "U"});
	struct quire *q = l->q;
	struct kmem_cache *s = kmem_cache_create(q, "mine", 1000, 0, 0, NULL);
	struct page *full;
	void *p[64];

	(void)state;
	for (unsigned int i = 0; i < 64; i++)
		p[i] = kmem_cache_alloc(q, s, GFP_KERNEL);
	full = list_first_entry(&s->full[0], struct page, lru);
	BREAK(l, full->freelist, p[0], "list of full slabs is not one");
	list_del(&full->lru);
	lower_expect_broken(l, "partial and");
	list_add(&full->lru, &s->full[0]);
	full->frozen = SLAB_WAITS_FOR_RCU;
	lower_expect_broken(l, "wait for a grace period");
	full->frozen = 0;
	for (unsigned int i = 0; i < 64; i++)
		kmem_cache_free(q, s, p[i]);
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report),	    cmocka_unit_test(test_parameter),
		cmocka_unit_test(test_at_run_time), cmocka_unit_test(test_ctor),
		cmocka_unit_test(test_traces),	    cmocka_unit_test(test_destroy_names),
		cmocka_unit_test(test_shuffle),	    cmocka_unit_test(test_failslab),
		cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_random),
		cmocka_unit_test(test_broken),	    cmocka_unit_test(test_leak_report),
	};

	return cmocka_run_group_tests_name("slab debugging", tests, NULL, NULL);
}
