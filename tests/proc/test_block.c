/* SPDX-License-Identifier: MIT */
/*
 * The files of /sys/block/zramN as Linux's are written and read; those of a group's zswap;
 * the classes of a pool.
 */
#include "tests/proc/proc_test.h"
#include "swap/zram.h"

#define Z "/sys/block/zram0/"

static const struct testbox_config box = {
	.nr_nodes = 1, .node_mb = {256}, .cpus = 2, .disk = true, .swap_mb = 64};

static void assert_contains(struct quire *q, const char *path, const char *part)
{
	char *text = slurp(q, path);

	if (!strstr(text, part))
		fail_msg("%s lacks \"%s\":\n%s", path, part, text);
	free(text);
}

static void zram_files(struct testbox *t, __unused void *arg)
{
	struct zram *z = zram_add(t->q);

	assert_false(IS_ERR(z));
	assert_text(t->q, Z "initstate", "0\n");
	assert_text(t->q, Z "comp_algorithm", "lzo [lzo-rle] lz4 zstd \n");
	assert_int_equal(put(t->q, Z "comp_algorithm", "gzip\n"), -EINVAL);
	assert_int_equal(put(t->q, Z "comp_algorithm", "zstd\n"), 5);
	assert_text(t->q, Z "comp_algorithm", "lzo lzo-rle lz4 [zstd] \n");
	assert_int_equal(put(t->q, Z "disksize", "0"), -EINVAL);
	assert_int_equal(put(t->q, Z "compact", "1"), -EINVAL);
	assert_int_equal(put(t->q, Z "idle", "all"), -EINVAL);
	assert_int_equal(put(t->q, Z "disksize", "16M\n"), 4);
	assert_text(t->q, Z "disksize", "16777216\n");
	assert_text(t->q, Z "size", "32768\n");
	assert_text(t->q, Z "dev", "254:0\n");
	assert_text(t->q, Z "initstate", "1\n");
	assert_int_equal(put(t->q, Z "disksize", "32M\n"), -EBUSY);
	assert_int_equal(put(t->q, Z "comp_algorithm", "lzo"), -EBUSY);
	assert_text(t->q, Z "max_comp_streams", "2\n");
	assert_int_equal(put(t->q, Z "max_comp_streams", "8"), 1);
	assert_int_equal(put(t->q, Z "mem_limit", "5000"), 4);
	assert_int_equal(z->limit_pages, 2);
	assert_text(
		t->q, Z "mm_stat",
		"       0        0        0     8192        0        0        0        0        "
		"0\n");
	assert_text(t->q, Z "io_stat", "       0        0        0        0\n");
	assert_text(t->q, Z "bd_stat", "       0        0        0\n");
	assert_text(t->q, Z "debug_stat", "version: 1\n       0        0\n");
	assert_int_equal(put(t->q, Z "mem_used_max", "1"), -EINVAL);
	assert_int_equal(put(t->q, Z "mem_used_max", "0"), 1);
	assert_text(t->q, Z "backing_dev", "none\n");
	assert_int_equal(put(t->q, Z "backing_dev", "/dev/sdz"), -EBUSY);
	assert_int_equal(put(t->q, Z "writeback", "idle"), -ENODEV);
	assert_int_equal(put(t->q, Z "writeback", "soon"), -EINVAL);
	assert_int_equal(put(t->q, Z "writeback_limit", "7"), 1);
	assert_text(t->q, Z "writeback_limit", "7\n");
	assert_int_equal(put(t->q, Z "writeback_limit_enable", "1"), 1);
	assert_text(t->q, Z "writeback_limit_enable", "1\n");
	assert_int_equal(put(t->q, Z "idle", "all"), 3);
	assert_int_equal(put(t->q, Z "compact", "1"), 1);
	assert_int_equal(put(t->q, Z "reset", "0"), -EINVAL);
	assert_int_equal(put(t->q, Z "reset", "1"), 1);
	assert_text(t->q, Z "disksize", "0\n");
	/* A disk has no such files. */
	assert_int_equal(entry_at(t->q, "/sys/block/zram0/disksize").kind, PROC_FILE);
	assert_int_equal(entry_at(t->q, "/sys/block/zram1").kind, PROC_NONE);
	assert_int_equal(proc_lookup(t->q,
				     proc_lookup(t->q, entry_at(t->q, "/sys/block"), t->bdi->name),
				     "disksize")
				 .kind,
			 PROC_NONE);
}

static void classes(struct testbox *t, __unused void *arg)
{
	unsigned long handle;

	assert_int_equal(put(t->q, "/sys/module/zswap/parameters/zpool", "z3fold"), -ENOENT);
	assert_int_equal(put(t->q, "/sys/module/zswap/parameters/zpool", "zsmalloc"), 8);
	assert_text(t->q, "/sys/module/zswap/parameters/shrinker_enabled", "N\n");
	handle = zs_malloc(t->q, t->q->swap->zswap->pool, 64 - ZS_HANDLE_SIZE, GFP_KERNEL);
	assert_contains(t->q, "/sys/kernel/debug/zsmalloc/zswap1/classes",
			" class  size almost_full almost_empty obj_allocated   obj_used pages_used "
			"pages_per_zspage freeable\n");
	assert_contains(
		t->q, "/sys/kernel/debug/zsmalloc/zswap1/classes",
		"\n     2    64           0            1            64          1          1"
		"                1        0\n");
	assert_contains(
		t->q, "/sys/kernel/debug/zsmalloc/zswap1/classes",
		"\n\n Total                 0            1            64          1          1"
		"                         0\n");
	zs_free(t->q, t->q->swap->zswap->pool, handle);
}

static void group_files(struct testbox *t, __unused void *arg)
{
	assert_false(IS_ERR(mem_cgroup_create(t->q, t->q->group->root, "g")));
	assert_text(t->q, "/sys/fs/cgroup/g/memory.zswap.current", "0\n");
	assert_text(t->q, "/sys/fs/cgroup/g/memory.zswap.max", "max\n");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/g/memory.zswap.max", "1M\n"), 3);
	assert_text(t->q, "/sys/fs/cgroup/g/memory.zswap.max", "1048576\n");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/g/memory.zswap.current", "1"), -EINVAL);
	assert_int_equal(entry_at(t->q, "/sys/fs/cgroup/memory.zswap.max").kind, PROC_NONE);
}

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&box);

	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static void test_zram(__unused void **state)
{
	run(zram_files);
}

static void test_classes(__unused void **state)
{
	run(classes);
}

static void test_group(__unused void **state)
{
	run(group_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zram),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
