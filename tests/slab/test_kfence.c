/* SPDX-License-Identifier: MIT */
/*
 * KFENCE: every kind of error with its report, with guard pages that trap and
 * without; the pool's life; what it costs nobody between samples.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/text.h"
#include "slab/kfence.h"
#include "slab/kfence_report.h"
#include "tests/lib/lower.h"

static char log_text[1 << 17];
static struct quire *trapped;
static bool trap_is_write;
static unsigned int nr_traps;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)context;
	nr_traps++;
	if (!kfence_handle_page_fault(trapped, info->si_addr, trap_is_write)) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
}

static struct lower *boot(bool guards, unsigned int objects, const char *debug)
{
	struct quire_config cfg = {.nr_nodes = 1,
				   .seed = 7,
				   .kfence_sample_ms = 100,
				   .kfence_objects = objects,
				   .slub_debug = debug};
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct lower *l;

	cfg.node[0].size_bytes = 32 << 20;
	cfg.node[0].nr_cpus = 1;
	l = lower_boot_guarded(cfg, guards);
	l->log = log_text;
	l->log_cap = sizeof(log_text);
	l->stack[0] = 1;
	l->stack[1] = 2;
	log_text[0] = '\0';
	trapped = l->q;
	nr_traps = 0;
	assert_int_equal(sigaction(SIGSEGV, &action, NULL), 0);
	return l;
}

static unsigned long bugs(struct quire *q)
{
	struct kfence_stats stats;

	assert_true(kfence_get_stats(q, &stats));
	return stats.bugs;
}

/* A guarded object of size bytes at its page's end (or start). */
static char *sampled(struct quire *q, size_t size, bool at_end)
{
	for (unsigned int i = 0; i < 100; i++) {
		char *p;

		kfence_open_gate(q);
		p = kmalloc(q, size, GFP_KERNEL);
		assert_true(page_is_kfence(q, virt_to_page(q, p)));
		if (((uintptr_t)p % PAGE_SIZE != 0) == at_end)
			return p;
		kfree(q, p);
	}
	fail_msg("never at that end");
	return NULL;
}

static void expect(const char *text)
{
	if (!strstr(log_text, text))
		fail_msg("no \"%s\" in:\n%s", text, log_text);
}

static void test_traps(void **state)
{
	struct lower *l = boot(true, 0, NULL);
	struct quire *q = l->q;
	volatile char *p;

	(void)state;
	p = sampled(q, 32, false);
	trap_is_write = false;
	(void)p[-1];
	assert_int_equal(nr_traps, 1);
	expect("BUG: KFENCE: out-of-bounds read in step_1+0x10/0x20");
	expect("(1B left of kfence-#");
	expect("size=32, cache=kmalloc-32");
	expect("allocated by task 0 on cpu 0 at 0.000000s:");
	kfree(q, (char *)p);
	p = sampled(q, 64, true);
	trap_is_write = true;
	p[64] = 1;
	assert_int_equal(nr_traps, 2);
	expect("BUG: KFENCE: out-of-bounds write in");
	expect("(0B right of kfence-#");
	log_text[0] = '\0';
	l->log_len = 0;
	kfree(q, (char *)p);
	l->now = 5 * NSEC_PER_SEC;
	p[3] = 1;
	assert_int_equal(nr_traps, 3);
	expect("BUG: KFENCE: use-after-free write in");
	expect("Use-after-free write at 0xffff8880");
	expect("freed by task 0 on cpu 0 at 0.000000s:");
	assert_int_equal(bugs(q), 3);
	/* Not its own. */
	assert_false(kfence_handle_page_fault(q, q->physmap, false));
	lower_end(l);
}

/* What needs no trap: canaries, bad frees. */
static void errors_found_at_free(bool guards)
{
	struct lower *l = boot(guards, 0, NULL);
	struct quire *q = l->q;
	char *p = sampled(q, 40, true);
	struct kmem_cache *s;

	p[-1] = 'x';
	kfree(q, p);
	expect("BUG: KFENCE: memory corruption in");
	expect("Corrupted memory at 0xffff8880");
	expect("[ 0x78 ");
	assert_int_equal(bugs(q), 1);
	kfree(q, p);
	expect("BUG: KFENCE: invalid free in");
	p = sampled(q, 40, false);
	kfree(q, p + 8);
	assert_int_equal(bugs(q), 3);
	p[40] = 'x';
	kfree(q, p);
	assert_int_equal(bugs(q), 4);
	/* Of another cache. */
	s = kmem_cache_create(q, "mine", 100, 0, 0, NULL);
	kfence_open_gate(q);
	p = kmem_cache_alloc(q, s, GFP_KERNEL);
	assert_true(page_is_kfence(q, virt_to_page(q, p)));
	assert_int_equal(kmem_cache_destroy(q, s), -EBUSY);
	expect("kmem_cache_destroy mine: Slab cache still has objects");
	kmem_cache_free(q, find_kmem_cache(q, "dentry"), p);
	expect("Wrong slab cache. dentry but object is from mine");
	assert_int_equal(kmem_cache_destroy(q, s), 0);
	lower_end(l);
}

static void test_found_at_free(void **state)
{
	(void)state;
	errors_found_at_free(false);
	errors_found_at_free(true);
}

/* Where the port can't guard pages, what was written there is found. */
static void test_without_traps(void **state)
{
	struct lower *l = boot(false, 2, NULL);
	struct quire *q = l->q;
	char *p = sampled(q, 64, true);

	(void)state;
	p[64 + 100] = 1;
	kfree(q, p);
	assert_int_equal(bugs(q), 1);
	p[5] = 1;
	for (unsigned int i = 0; i < 4; i++)
		kfree(q, sampled(q, 64, true));
	assert_int_equal(bugs(q), 2);
	expect("BUG: KFENCE: use-after-free write in");
	lower_end(l);
}

static void test_pool(void **state)
{
	struct lower *l = boot(true, 4, NULL);
	struct quire *q = l->q;
	struct kmem_cache *s = find_kmem_cache(q, "kmalloc-64");
	struct kfence_stats stats;
	char *p[8], shown[4096];
	struct text t;

	(void)state;
	/* Nothing is sampled, and no cache is hooked, until the gate opens. */
	assert_false(s->flags & SLAB_HOOKED);
	p[0] = kmalloc(q, 64, GFP_KERNEL);
	assert_false(page_is_kfence(q, virt_to_page(q, p[0])));
	kfree(q, p[0]);
	kfence_open_gate(q);
	assert_true(s->flags & SLAB_HOOKED);
	p[0] = kzalloc(q, 64, GFP_KERNEL);
	assert_true(page_is_kfence(q, virt_to_page(q, p[0])));
	assert_false(s->flags & SLAB_HOOKED);
	assert_int_equal(ksize(q, p[0]), 64);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(p[0][i], 0);
	/* One call site does not get more than three quarters and one. */
	for (unsigned int i = 1; i < 8; i++) {
		kfence_open_gate(q);
		p[i] = kmalloc(q, 64, GFP_KERNEL);
		assert_non_null(p[i]);
	}
	assert_true(kfence_get_stats(q, &stats));
	assert_int_equal(stats.nr_objects, 4);
	assert_int_equal(stats.nr_allocated, 4);
	assert_int_equal(stats.skipped, 4);
	assert_int_equal(stats.sample_interval_ms, 100);
	text_init(&t, shown, sizeof(shown));
	kfence_show_objects(q, &t);
	assert_non_null(strstr(shown, "size=64, cache=kmalloc-64 (allocated)"));
	assert_int_equal(lower_verify(l), 0);
	for (unsigned int i = 0; i < 8; i++)
		kfree(q, p[i]);
	assert_true(kfence_get_stats(q, &stats));
	assert_int_equal(stats.nr_allocated, 0);
	assert_int_equal(stats.bugs, 0);
	/* Too large, or of a zone: as always. */
	kfence_open_gate(q);
	p[0] = kmalloc(q, 8000, GFP_KERNEL);
	assert_false(page_is_kfence(q, virt_to_page(q, p[0])));
	kfree(q, p[0]);
	assert_int_equal(kfence_set_interval(q, 0), 0);
	lower_end(l);
	l = lower_boot(1, 32, 1);
	kfence_open_gate(l->q);
	assert_int_equal(kfence_set_interval(l->q, 1), -EINVAL);
	assert_false(kfence_get_stats(l->q, &stats));
	lower_end(l);
}

/* An object moves out of the pool when it grows; with slub_debug beside. */
static void test_krealloc(void **state)
{
	struct lower *l = boot(true, 0, "");
	struct quire *q = l->q;
	char *p = sampled(q, 50, true);

	(void)state;
	memset(p, 7, 50);
	p = krealloc(q, p, 51, GFP_KERNEL);
	assert_false(page_is_kfence(q, virt_to_page(q, p)));
	for (unsigned int i = 0; i < 50; i++)
		assert_int_equal(p[i], 7);
	kfree(q, p);
	assert_int_equal(q->slab->nr_reports, 0);
	lower_end(l);
}

static void test_no_memory(void **state)
{
	struct quire_config cfg = {.nr_nodes = 1, .kfence_sample_ms = 1};
	struct lower *l = lower_boot(1, 32, 1);

	(void)state;
	l->q->cfg.kfence_sample_ms = cfg.kfence_sample_ms;
	for (long n = 0; n < 2; n++) {
		l->fail_after = n;
		assert_int_equal(kfence_init(l->q), -ENOMEM);
		l->fail_after = -1;
		assert_null(l->q->slab->kfence);
	}
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_traps),	      cmocka_unit_test(test_found_at_free),
		cmocka_unit_test(test_without_traps), cmocka_unit_test(test_pool),
		cmocka_unit_test(test_krealloc),      cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("kfence", tests, NULL, NULL);
}
