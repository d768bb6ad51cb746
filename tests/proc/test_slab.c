/* SPDX-License-Identifier: MIT */
/*
 * /sys/kernel/slab with merged and with debugged caches, what is written there,
 * /sys/kernel/debug/slab and KFENCE's files, on a whole machine.
 */
#include "base/text.h"
#include "proc_test.h"
#include "slab/kfence.h"
#include "slab/slub.h"

static void check_text(struct quire *q, const char *path, const char *want)
{
	char *got = slurp(q, path);

	if (strcmp(got, want) != 0)
		fail_msg("%s is \"%s\", not \"%s\"", path, got, want);
	free(got);
}

static void test_attributes(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){0});
	struct quire *q = t->q;

	(void)state;
	check_text(q, "/sys/kernel/slab/dentry/object_size", "192\n");
	check_text(q, "/sys/kernel/slab/dentry/aliases", "0\n");
	check_text(q, "/sys/kernel/slab/dentry/reclaim_account", "1\n");
	check_text(q, "/sys/kernel/slab/kmalloc-64/usersize", "64\n");
	check_text(q, "/sys/kernel/slab/kmalloc-64/cpu_partial", "120\n");
	check_text(q, "/sys/kernel/slab/dentry/ctor", "");
	/* Nothing is debugged. */
	check_text(q, "/sys/kernel/slab/dentry/sanity_checks", "0\n");
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/validate", "1"), -EINVAL);
	assert_int_equal(entry_at(q, "/sys/kernel/debug/kfence").kind, PROC_NONE);
	/* Knobs. */
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/cpu_partial", "30\n"), 3);
	check_text(q, "/sys/kernel/slab/dentry/cpu_partial", "30\n");
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/cpu_partial", "x"), -EINVAL);
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/cpu_partial", "-1"), -EINVAL);
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/min_partial", "100"), 3);
	check_text(q, "/sys/kernel/slab/dentry/min_partial", "10\n");
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/shrink", "1"), 1);
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/shrink", "2"), -EINVAL);
	assert_int_equal(put(q, "/sys/kernel/slab/dentry/failslab", "1"), 1);
	check_text(q, "/sys/kernel/slab/dentry/failslab", "1\n");
	/* The layout can't change below objects. */
	assert_int_equal(put(q, "/sys/kernel/slab/kmalloc-64/red_zone", "1"), -EBUSY);
	assert_int_equal(put(q, "/sys/kernel/slab/dquot/red_zone", "1"), 1);
	assert_int_equal(put(q, "/sys/kernel/slab/dquot/sanity_checks", "1"), 1);
	check_text(q, "/sys/kernel/slab/dquot/red_zone", "1\n");
	assert_int_equal(put(q, "/sys/kernel/slab/dquot/validate", "1"), 1);
	assert_int_equal(put(q, "/sys/kernel/slab/dquot/cpu_partial", "1"), -EINVAL);
	assert_int_equal(put_as(q, "/sys/kernel/slab/dquot/red_zone", 1000, "0"), -EACCES);
	testbox_verify(t);
	testbox_free(t);
}

/* The SLAB's tunables are written to slabinfo; SLUB has none. */
static void test_tunables(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.slab = QUIRE_SLAB});
	struct quire *q = t->q;
	struct slabinfo info;
	char *got;

	(void)state;
	assert_int_equal(put(q, "/proc/slabinfo", "dentry 32 16 4\n"), 15);
	get_slabinfo(q, find_kmem_cache(q, "dentry"), &info);
	assert_int_equal(info.limit, 32);
	assert_int_equal(info.batchcount, 16);
	assert_int_equal(info.shared, 4);
	got = slurp(q, "/proc/slabinfo");
	assert_non_null(strstr(got, ": tunables   32   16    4 : slabdata"));
	free(got);
	/* As Linux: what makes no sense is swallowed, what is no line is not. */
	assert_int_equal(put(q, "/proc/slabinfo", "dentry 16 32 4"), 14);
	assert_int_equal(put(q, "/proc/slabinfo", "dentry 0 0 0"), 12);
	assert_int_equal(put(q, "/proc/slabinfo", "dentry 16 8"), -EINVAL);
	assert_int_equal(put(q, "/proc/slabinfo", "dentry"), -EINVAL);
	assert_int_equal(put(q, "/proc/slabinfo", "dentry a b c"), -EINVAL);
	assert_int_equal(put(q, "/proc/slabinfo", "nothing 16 8 0"), -EINVAL);
	assert_int_equal(put_as(q, "/proc/slabinfo", 1000, "dentry 16 8 0"), -EACCES);
	get_slabinfo(q, find_kmem_cache(q, "dentry"), &info);
	assert_int_equal(info.limit, 32);
	testbox_verify(t);
	testbox_free(t);
	t = testbox_new(&(struct testbox_config){0});
	assert_int_equal(put(t->q, "/proc/slabinfo", "dentry 32 16 4"), -EIO);
	testbox_free(t);
}

static bool count_links(void *ctx, const char *name, struct proc_entry e)
{
	(void)name;
	*(unsigned int *)ctx += e.kind == PROC_LINK;
	return true;
}

static void test_links(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.slab_merge = true});
	struct quire *q = t->q;
	unsigned int links = 0;
	char buf[64];
	struct text text;
	struct proc_entry e = entry_at(q, "/sys/kernel/slab/dentry");

	(void)state;
	assert_int_equal(e.kind, PROC_LINK);
	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(q, e, &text), 0);
	assert_string_equal(buf, ":aA-0000192");
	check_text(q, "/sys/kernel/slab/:aA-0000192/slab_size", "192\n");
	proc_readdir(q, entry_at(q, "/sys/kernel/slab"), count_links, &links);
	assert_true(links > 60);
	/* What is kmalloc's is its own. */
	assert_int_equal(entry_at(q, "/sys/kernel/slab/kmalloc-192").kind, PROC_DIR);
	assert_int_equal(entry_at(q, "/sys/kernel/slab/none").kind, PROC_NONE);
	testbox_verify(t);
	testbox_free(t);
}

static void test_debugged_machine(void **state)
{
	struct testbox *t = testbox_new(
		&(struct testbox_config){.slub_debug = "FZPU", .disk = true, .swap_mb = 16});
	struct quire *q = t->q;
	char *s;

	(void)state;
	assert_int_equal(put(q, "/sys/kernel/slab/kmalloc-64/validate", "1"), 1);
	check_text(q, "/sys/kernel/slab/kmalloc-64/store_user", "1\n");
	s = slurp(q, "/sys/kernel/debug/slab/task_struct/alloc_traces");
	assert_non_null(strstr(s, " age="));
	free(s);
	assert_int_equal(entry_at(q, "/sys/kernel/debug/slab/kmem_cache").kind, PROC_NONE);
	assert_int_equal(q->slab->nr_reports, 0);
	testbox_verify(t);
	testbox_free(t);
}

static void wait_a_second(struct testbox *t, void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < 20; i++) {
		void *p = kmalloc(t->q, 100, GFP_KERNEL);

		sleep_ns(t->q, 100 * NSEC_PER_MSEC);
		kfree(t->q, p);
	}
}

static void test_kfence(void **state)
{
	struct testbox *t = testbox_new(&(struct testbox_config){.kfence_sample_ms = 100});
	struct quire *q = t->q;
	char *s;

	(void)state;
	testbox_run(t, wait_a_second, NULL);
	s = slurp(q, "/sys/kernel/debug/kfence/stats");
	assert_non_null(strstr(s, "enabled: 1\n"));
	assert_true(field(s, "total allocations:") >= 10);
	assert_int_equal(field(s, "total bugs:"), 0);
	free(s);
	s = slurp(q, "/sys/kernel/debug/kfence/objects");
	assert_non_null(strstr(s, "kfence-#0: 0xffff888"));
	free(s);
	check_text(q, "/sys/module/kfence/parameters/sample_interval", "100\n");
	assert_int_equal(put(q, "/sys/module/kfence/parameters/sample_interval", "0"), 1);
	s = slurp(q, "/sys/kernel/debug/kfence/stats");
	assert_non_null(strstr(s, "enabled: 0\n"));
	free(s);
	testbox_verify(t);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attributes), cmocka_unit_test(test_tunables),
		cmocka_unit_test(test_links),	   cmocka_unit_test(test_debugged_machine),
		cmocka_unit_test(test_kfence),
	};

	return cmocka_run_group_tests_name("slab in sysfs", tests, NULL, NULL);
}
