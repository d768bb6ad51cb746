/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys and the writable files of /sys: values at boot are the recorded
 * kernel's, good writes take effect, bad ones are refused and change nothing.
 */
#include "tests/proc/proc_test.h"
#include "space/huge_mm.h"

#define VM "/proc/sys/vm/"

static const struct testbox_config box = {
	.nr_nodes = 2, .node_mb = {256, 256}, .cpus = 2, .disk = true, .swap_mb = 64};

static void test_defaults(__unused void **state)
{
	static const struct {
		const char *name, *text;
	} defaults[] = {
		{"admin_reserve_kbytes", "8192\n"},
		{"compact_unevictable_allowed", "1\n"},
		{"compaction_proactiveness", "20\n"},
		{"dirty_background_bytes", "0\n"},
		{"dirty_background_ratio", "10\n"},
		{"dirty_bytes", "0\n"},
		{"dirty_expire_centisecs", "3000\n"},
		{"dirty_ratio", "20\n"},
		{"dirty_writeback_centisecs", "500\n"},
		{"dirtytime_expire_seconds", "43200\n"},
		{"extfrag_threshold", "500\n"},
		{"laptop_mode", "0\n"},
		{"lowmem_reserve_ratio", "256\t256\t32\t0\t0\n"},
		{"max_map_count", "65530\n"},
		{"min_slab_ratio", "5\n"},
		{"min_unmapped_ratio", "1\n"},
		{"mmap_min_addr", "65536\n"},
		{"mmap_rnd_bits", "28\n"},
		{"numa_zonelist_order", "Node\n"},
		{"oom_dump_tasks", "1\n"},
		{"oom_kill_allocating_task", "0\n"},
		{"overcommit_kbytes", "0\n"},
		{"overcommit_memory", "0\n"},
		{"overcommit_ratio", "50\n"},
		{"page-cluster", "3\n"},
		{"page_lock_unfairness", "5\n"},
		{"panic_on_oom", "0\n"},
		{"percpu_pagelist_high_fraction", "0\n"},
		{"stat_interval", "1\n"},
		{"swappiness", "60\n"},
		{"vfs_cache_pressure", "100\n"},
		{"watermark_boost_factor", "15000\n"},
		{"watermark_scale_factor", "10\n"},
		{"zone_reclaim_mode", "0\n"},
	};
	struct testbox *t = testbox_new(&box);
	char path[96];

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		snprintf(path, sizeof(path), VM "%s", defaults[i].name);
		assert_text(t->q, path, defaults[i].text);
	}
	testbox_free(t);
}

static void test_bounds(__unused void **state)
{
	static const struct {
		const char *name, *text;
		int result; /* 0: the length */
	} writes[] = {
		{"swappiness", "10\n", 0},
		{"swappiness", " 200 ", 0},
		{"swappiness", "0x20\n", 0},
		{"swappiness", "201", -EINVAL},
		{"swappiness", "-1", -EINVAL},
		{"swappiness", "ten", -EINVAL},
		{"swappiness", "10x", -EINVAL},
		{"swappiness", "\n", -EINVAL},
		{"swappiness", "99999999999999999999", -EINVAL},
		{"panic_on_oom", "2", 0},
		{"panic_on_oom", "3", -EINVAL},
		{"overcommit_memory", "2", 0},
		{"overcommit_memory", "3", -EINVAL},
		{"dirty_ratio", "101", -EINVAL},
		{"dirty_bytes", "8191", -EINVAL},
		{"dirty_bytes", "8192", 0},
		{"dirty_background_bytes", "0", -EINVAL},
		{"watermark_scale_factor", "0", -EINVAL},
		{"watermark_scale_factor", "3000", 0},
		{"watermark_scale_factor", "3001", -EINVAL},
		{"percpu_pagelist_high_fraction", "7", -EINVAL},
		{"percpu_pagelist_high_fraction", "8", 0},
		{"percpu_pagelist_high_fraction", "0", 0},
		{"page-cluster", "32", -EINVAL},
		{"page-cluster", "0", 0},
		{"max_map_count", "-1", -EINVAL},
		{"drop_caches", "0", -EINVAL},
		{"drop_caches", "5", -EINVAL},
		{"numa_zonelist_order", "zone", -EINVAL},
		{"numa_zonelist_order", "node", 0},
		{"mmap_rnd_bits", "27", -EINVAL},
	};
	struct testbox *t = testbox_new(&box);

	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		s64 want = writes[i].result ? writes[i].result : (s64)strlen(writes[i].text), got;
		char path[96], *before = NULL, *after;
		struct proc_entry e;

		snprintf(path, sizeof(path), VM "%s", writes[i].name);
		e = entry_at(t->q, path);
		if (e.mode & 0444)
			before = slurp(t->q, path);
		got = put(t->q, path, writes[i].text);
		if (got != want)
			fail_msg("%s < %s: %ld, not %ld", path, writes[i].text, got, want);
		if (want < 0 && before) {
			after = slurp(t->q, path);
			assert_string_equal(before, after);
			free(after);
		}
		free(before);
	}
	assert_int_equal(t->q->reclaim->swappiness, 0x20);
	assert_int_equal(put_as(t->q, VM "swappiness", 1000, "10"), -EACCES);
	assert_int_equal(put(t->q, VM "swappiness", ""), 0);
	testbox_verify(t);
	testbox_free(t);
}

/* Huge pages: each word, what the marks become, numbers in their limits. */
static void thp_settings(struct quire *q)
{
#define THP "/sys/kernel/mm/transparent_hugepage/"
	unsigned long min_free = q->page->min_free_kbytes;

	assert_text(q, THP "enabled", "always madvise [never]\n");
	assert_text(q, THP "defrag", "always defer defer+madvise madvise [never]\n");
	assert_int_equal(put(q, THP "enabled", "madvise\n"), 8);
	assert_text(q, THP "enabled", "always [madvise] never\n");
	assert_true(q->page->min_free_kbytes > min_free);
	assert_int_equal(put(q, THP "enabled", "sometimes"), -EINVAL);
	assert_int_equal(put(q, THP "defrag", "defer+madvise"), 13);
	assert_text(q, THP "defrag", "always defer [defer+madvise] madvise never\n");
	assert_int_equal(put(q, THP "use_zero_page", "2"), -EINVAL);
	assert_int_equal(put(q, THP "use_zero_page", "1"), 1);
	assert_text(q, THP "use_zero_page", "1\n");
	assert_text(q, THP "khugepaged/pages_to_scan", "4096\n");
	assert_text(q, THP "khugepaged/scan_sleep_millisecs", "10000\n");
	assert_text(q, THP "khugepaged/max_ptes_swap", "64\n");
	assert_int_equal(put(q, THP "khugepaged/pages_to_scan", "0"), -EINVAL);
	assert_int_equal(put(q, THP "khugepaged/max_ptes_none", "512"), -EINVAL);
	assert_int_equal(put(q, THP "khugepaged/max_ptes_none", "0"), 1);
	assert_int_equal(q->space->huge->khugepaged.max_ptes_none, 0);
	assert_int_equal(put(q, THP "enabled", "never\n"), 6);
	/* Of shmem: a word for the mount, and two that hold for all. */
	assert_text(q, THP "shmem_enabled", "always within_size advise [never] deny force\n");
	assert_int_equal(put(q, THP "shmem_enabled", "within_size\n"), 12);
	assert_int_equal(q->cache->shm_sb->s_huge, SHMEM_HUGE_WITHIN_SIZE);
	assert_int_equal(put(q, THP "shmem_enabled", "force"), 5);
	assert_text(q, THP "shmem_enabled", "always within_size advise never deny [force]\n");
	assert_int_equal(q->cache->shm_sb->s_huge, SHMEM_HUGE_WITHIN_SIZE);
	assert_int_equal(put(q, THP "shmem_enabled", "sometimes"), -EINVAL);
	assert_int_equal(put(q, THP "shmem_enabled", "never"), 5);
	/* A number that somebody wrote stays as it was raised. */
	assert_true(q->page->user_min_free_kbytes && q->page->min_free_kbytes > min_free);
#undef THP
}

static void test_effects(__unused void **state)
{
	struct testbox *t = testbox_new(&box);
	struct zone *dma32 = &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32];
	unsigned long low = low_wmark_pages(dma32), min = min_wmark_pages(dma32);

	assert_int_equal(put(t->q, VM "watermark_scale_factor", "500"), 3);
	assert_true(low_wmark_pages(dma32) > low);
	assert_int_equal(min_wmark_pages(dma32), min);
	assert_int_equal(put(t->q, VM "min_free_kbytes", "16384"), 5);
	assert_true(min_wmark_pages(dma32) > min);
	assert_text(t->q, VM "min_free_kbytes", "16384\n");
	assert_int_equal(put(t->q, VM "lowmem_reserve_ratio", "1 2 -3\n"), 7);
	assert_text(t->q, VM "lowmem_reserve_ratio", "1\t2\t0\t0\t0\n");
	/* The last one of a pair that was written is in force. */
	assert_int_equal(put(t->q, VM "dirty_bytes", "1048576"), 7);
	assert_text(t->q, VM "dirty_ratio", "0\n");
	assert_int_equal(put(t->q, VM "dirty_ratio", "30"), 2);
	assert_text(t->q, VM "dirty_bytes", "0\n");
	assert_int_equal(put(t->q, VM "overcommit_kbytes", "4096"), 4);
	assert_text(t->q, VM "overcommit_ratio", "0\n");
	assert_int_equal(vm_commit_limit(t->q), 1024 + t->q->swap->total_swap_pages);
	/* zswap's parameters, and what is not built refuses to go on. */
	assert_int_equal(put(t->q, "/sys/module/zswap/parameters/enabled", "Y"), 1);
	assert_true(zswap_params(t->q)->enabled);
	assert_text(t->q, "/sys/module/zswap/parameters/enabled", "Y\n");
	assert_int_equal(put(t->q, "/sys/module/zswap/parameters/enabled", "?"), -EINVAL);
	assert_int_equal(put(t->q, "/sys/module/zswap/parameters/compressor", "rot13"), -ENOENT);
	assert_int_equal(put(t->q, "/sys/module/zswap/parameters/max_pool_percent", "30\n"), 3);
	assert_int_equal(zswap_params(t->q)->max_pool_percent, 30);
	thp_settings(t->q);
	assert_int_equal(put(t->q, "/sys/kernel/mm/ksm/run", "1"), -EINVAL);
	assert_int_equal(put(t->q, "/proc/sys/kernel/hostname", "db1\n"), 4);
	assert_text(t->q, "/proc/sys/kernel/hostname", "db1\n");
	assert_int_equal(put(t->q, "/proc/sys/kernel/osrelease", "7.0"), -EINVAL);
	testbox_verify(t);
	testbox_free(t);
}

static void drop_inside(struct testbox *t, __unused void *arg)
{
	struct inode *inode = new_inode(t->q, t->sb, 8 * MB, false);
	struct file *file = alloc_file(t->q, inode, false);
	unsigned long cached;

	assert_int_equal(generic_file_read(t->q, file, 0, 8 * MB), 8 * MB);
	cached = file_field(t->q, "/proc/meminfo", "Cached");
	assert_true(cached >= 8192);
	assert_int_equal(put(t->q, VM "drop_caches", "3\n"), 2);
	assert_true(file_field(t->q, "/proc/meminfo", "Cached") + 8192 <= cached);
	assert_int_equal(file_field(t->q, "/proc/vmstat", "drop_pagecache"), 1);
	assert_int_equal(file_field(t->q, "/proc/vmstat", "drop_slab"), 1);
	fput(t->q, file);
	iput(t->q, inode);
}

static void cgroup_inside(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *web = mem_cgroup_create(t->q, t->q->group->root, "web");
	struct touch touch = {
		.nr_pages = MB_PAGES, .stride = 1, .write = true, .kind = CONTENT_KIND_HEAP};
	char pid[16], path[64], *text;
	unsigned long usage;

	assert_false(IS_ERR(web));
	snprintf(pid, sizeof(pid), "%d\n", t->task->pid);
	assert_text(t->q, "/sys/fs/cgroup/web/cgroup.procs", "");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/cgroup.procs", pid), strlen(pid));
	assert_text(t->q, "/sys/fs/cgroup/web/cgroup.procs", pid);
	snprintf(path, sizeof(path), "/proc/%d/cgroup", t->task->pid);
	assert_text(t->q, path, "0::/web\n");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/cgroup.procs", "99999"), -ESRCH);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/cgroup.procs", "x"), -EINVAL);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/cgroup.procs", "2"), -EINVAL);

	touch.addr = do_mmap(t->q, t->task->mm, 0, MB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	assert_int_equal(mmu_touch(t->m, t->task, &touch), MB_PAGES);
	usage = (unsigned long)web->memory.usage * PAGE_SIZE;
	text = slurp(t->q, "/sys/fs/cgroup/web/memory.current");
	assert_int_equal(strtoul(text, NULL, 10), usage);
	free(text);
	assert_true(usage >= MB);
	assert_int_equal(file_field(t->q, "/sys/fs/cgroup/web/memory.stat", "anon"), MB);
	assert_int_equal(file_field(t->q, "/sys/fs/cgroup/web/cgroup.events", "populated"), 1);

	assert_text(t->q, "/sys/fs/cgroup/web/memory.max", "max\n");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.max", "128M\n"), 5);
	assert_text(t->q, "/sys/fs/cgroup/web/memory.max", "134217728\n");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.max", "max"), 3);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.max", "much"), -EINVAL);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.low", "4097"), 4);
	assert_text(t->q, "/sys/fs/cgroup/web/memory.low", "4096\n");
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.oom.group", "1"), 1);
	assert_true(web->oom_group);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.oom.group", "2"), -EINVAL);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/web/memory.current", "0"), -EINVAL);
	assert_int_equal(put(t->q, "/sys/fs/cgroup/cgroup.procs", pid), strlen(pid));
	assert_text(t->q, path, "0::/\n");
}

static void test_in(void (*fn)(struct testbox *t, void *arg))
{
	testbox_once(&box, fn);
}

static void test_drop_caches(__unused void **state)
{
	test_in(drop_inside);
}

static void test_cgroup(__unused void **state)
{
	test_in(cgroup_inside);
}

static void test_nodes(__unused void **state)
{
	struct testbox *t = testbox_new(&box);

	assert_text(t->q, "/sys/devices/system/node/online", "0-1\n");
	assert_text(t->q, "/sys/devices/system/node/has_memory", "0-1\n");
	assert_text(t->q, "/sys/devices/system/node/has_generic_initiator", "\n");
	assert_text(t->q, "/sys/devices/system/node/node0/distance", "10 20\n");
	assert_text(t->q, "/sys/devices/system/node/node1/distance", "20 10\n");
	assert_text(t->q, "/sys/devices/system/node/node1/cpulist", "2-3\n");
	assert_text(t->q, "/sys/devices/system/node/node1/cpumap", "c\n");
	assert_text(t->q, "/sys/devices/system/node/node1/cpu3", "../../cpu/cpu3");
	assert_text(t->q, "/sys/devices/system/cpu/possible", "0-3\n");
	assert_text(t->q, "/sys/devices/system/cpu/cpu2/node1", "../../node/node1");
	assert_text(t->q, "/sys/devices/system/cpu/cpu2/topology/core_siblings_list", "2-3\n");
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_effects),	 cmocka_unit_test(test_drop_caches),
		cmocka_unit_test(test_cgroup),	 cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
