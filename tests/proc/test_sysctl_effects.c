/* SPDX-License-Identifier: MIT */
/*
 * vm.*: what a setting does, not only what it says.  Each is written through /proc/sys and
 * its effect is seen where docs/sysctl.md says it is felt.  (Elsewhere: swappiness, min_free_kbytes,
 * dirty_ratio in reclaim/test_direction.c; zone_reclaim_mode, min_unmapped_ratio, min_slab_ratio
 * in test_node_reclaim.c; oom_*, panic_on_oom in oom/; the pools of huge pages in
 * space/test_hugetlb.c; compaction's in reclaim/test_compaction.c.)
 */
#include "tests/proc/proc_test.h"
#include "tests/space/space_test.h"
#include "cache/internal.h"
#include "space/userfaultfd.h"
#include "syscall/syscall.h"

#include <sys/syscall.h>

#define VM "/proc/sys/vm/"

static const struct testbox_config box = {
	.nr_nodes = 2, .node_mb = {128, 128}, .cpus = 2, .disk = true, .swap_mb = 64};

static void set(struct testbox *t, const char *name, long value)
{
	char path[64], text[24];

	snprintf(path, sizeof(path), VM "%s", name);
	snprintf(text, sizeof(text), "%ld", value);
	assert_int_equal(put(t->q, path, text), strlen(text));
}

static u64 try_map(struct testbox *t, struct task *task, u64 bytes)
{
	return do_mmap(t->q, task->mm, 0, bytes, RW, ANON, NULL, 0);
}

/* ---- what may be mapped --------------------------------------------------------- */

/* The largest that overcommit_memory 2 lets a user map, in MB. */
static unsigned long most_mb(struct testbox *t, struct task *task)
{
	unsigned long lo = 0, hi = 1024;

	while (lo + 1 < hi) {
		unsigned long mb = (lo + hi) / 2;
		u64 addr = try_map(t, task, mb * MB);

		if (IS_ERR_VALUE(addr)) {
			hi = mb;
		} else {
			lo = mb;
			assert_int_equal(do_munmap(t->q, task->mm, addr, mb * MB), 0);
		}
	}
	return lo;
}

static void overcommit(struct testbox *t, __unused void *arg)
{
	struct task *user = fork_task(t, t->task);
	unsigned long half, all, root;

	user->uid = 1000;
	/* 0: what is absurd is refused; 1: nothing is. */
	assert_true(IS_ERR_VALUE(try_map(t, user, 4096 * MB)));
	set(t, "overcommit_memory", 1);
	assert_false(IS_ERR_VALUE(try_map(t, user, 4096 * MB)));
	set(t, "overcommit_memory", 2);
	assert_true(IS_ERR_VALUE(try_map(t, user, MB)));
	end_child(t, user);
	user = fork_task(t, t->task);
	user->uid = 1000;
	set(t, "admin_reserve_kbytes", 0);
	set(t, "user_reserve_kbytes", 0);
	half = most_mb(t, user);
	set(t, "overcommit_ratio", 100);
	all = most_mb(t, user);
	assert_in_range(all - half, 110, 130);
	set(t, "overcommit_kbytes", 100 << 10);
	assert_in_range(most_mb(t, user), 150, 164); /* with swap */
	set(t, "overcommit_ratio", 100);
	/* Root may have what is kept for it, a user not. */
	set(t, "admin_reserve_kbytes", 50 << 10);
	user->uid = 0;
	root = most_mb(t, user);
	user->uid = 1000;
	assert_int_equal(root, all);
	assert_in_range(all - most_mb(t, user), 49, 51);
	end_child(t, user);
}

static void areas(struct testbox *t, __unused void *arg)
{
	struct task *user = fork_task(t, t->task);
	u64 addr = map_anon(t, user, 20);

	/* Each hole makes two of one. */
	set(t, "max_map_count", user->mm->map_count + 1);
	assert_int_equal(do_munmap(t->q, user->mm, addr + PAGE_SIZE, PAGE_SIZE), 0);
	assert_int_equal(do_munmap(t->q, user->mm, addr + 3 * PAGE_SIZE, PAGE_SIZE), -ENOMEM);
	set(t, "max_map_count", 65530);
	assert_int_equal(do_munmap(t->q, user->mm, addr + 3 * PAGE_SIZE, PAGE_SIZE), 0);
	/* Low addresses. */
	user->uid = 1000;
	assert_int_equal(
		(s64)do_mmap(t->q, user->mm, 4096, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0),
		-EPERM);
	set(t, "mmap_min_addr", 4096);
	assert_int_equal(do_mmap(t->q, user->mm, 4096, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0),
			 4096);
	set(t, "mmap_min_addr", 1 << 20);
	assert_int_equal(
		(s64)do_mmap(t->q, user->mm, 65536, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0),
		-EPERM);
	assert_true(do_mmap(t->q, user->mm, 65536, PAGE_SIZE, RW, ANON, NULL, 0) >= 1 << 20);
	user->uid = 0;
	assert_int_equal(do_mmap(t->q, user->mm, 65536, PAGE_SIZE, RW, ANON | MAP_FIXED, NULL, 0),
			 65536);
	end_child(t, user);
}

static void layout(struct testbox *t, __unused void *arg)
{
	u64 before = map_anon(t, t->task, 1), after;
	struct mm_struct *mm;

	assert_true(before > TASK_SIZE / 2);
	set(t, "legacy_va_layout", 1);
	/* Who runs already keeps its own, a program that starts has the other. */
	assert_true(map_anon(t, t->task, 1) > TASK_SIZE / 2);
	mm = mm_alloc(t->q);
	assert_non_null(mm);
	after = get_unmapped_area(t->q, mm, 0, PAGE_SIZE, 0, PAGE_SIZE);
	assert_in_range(after, TASK_SIZE / 3, TASK_SIZE / 3 + 2 * PAGE_SIZE);
	mmput(t->q, mm);
}

static void userfault(struct testbox *t, __unused void *arg)
{
	const struct quire_syscall_ops ops = {0};
	const uint64_t args[6] = {0}, user_mode_only[6] = {UFFD_USER_MODE_ONLY};

	t->task->uid = 1000;
	assert_int_equal(quire_syscall(t->q, t->task->pid, SYS_userfaultfd, args, &ops), -EPERM);
	assert_true(quire_syscall(t->q, t->task->pid, SYS_userfaultfd, user_mode_only, &ops) >= 0);
	set(t, "unprivileged_userfaultfd", 1);
	assert_true(quire_syscall(t->q, t->task->pid, SYS_userfaultfd, args, &ops) >= 0);
	t->task->uid = 0;
}

/* ---- counters --------------------------------------------------------------------- */

static void numa_counters(struct testbox *t, __unused void *arg)
{
	unsigned long before = file_field(t->q, "/proc/vmstat", "numa_hit");

	assert_true(before > 0);
	set(t, "numa_stat", 0);
	touch(t, t->task, map_anon(t, t->task, 100), 100, 1);
	assert_int_equal(file_field(t->q, "/proc/vmstat", "numa_hit"), 0);
	assert_int_equal(file_field(t->q, "/sys/devices/system/node/node0/numastat", "numa_hit"),
			 0);
	set(t, "numa_stat", 1);
	assert_in_range(file_field(t->q, "/proc/vmstat", "numa_hit"), 0, 20);
	touch(t, t->task, map_anon(t, t->task, 100), 100, 1);
	assert_in_range(file_field(t->q, "/proc/vmstat", "numa_hit"), 100, 140);
}

/* ---- dirty pages -------------------------------------------------------------------- */

static unsigned long dirty(struct testbox *t)
{
	return global_node_page_state(t->q, NR_FILE_DIRTY);
}

static void write_pages(struct testbox *t, struct file *file, unsigned long nr)
{
	assert_int_equal(generic_file_write(t->q, file, 0, nr * PAGE_SIZE), nr * PAGE_SIZE);
}

/* The device had all of what was written lately, so that shares do not blur it. */
static struct file *used_device(struct testbox *t)
{
	t->bdi->wb.completions.events = t->q->cache->wb.events = 1UL << 40;
	return testbox_file(t, t->sb, 0);
}

static void background(struct testbox *t, __unused void *arg)
{
	struct file *file = used_device(t);

	write_pages(t, file, 1000);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_int_equal(dirty(t), 1000);
	set(t, "dirty_background_bytes", 100 * (long)PAGE_SIZE);
	write_pages(t, file, 1001);
	sleep_ns(t->q, 6 * NSEC_PER_SEC);
	assert_in_range(dirty(t), 0, 100);
	fput(t->q, file);
}

static void ages(struct testbox *t, __unused void *arg)
{
	struct file *file = used_device(t);

	set(t, "dirty_expire_centisecs", 200);
	set(t, "dirty_writeback_centisecs", 100);
	write_pages(t, file, 100);
	sleep_ns(t->q, 3 * NSEC_PER_SEC / 2);
	assert_int_equal(dirty(t), 100);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_int_equal(dirty(t), 0);
	/* 0: nobody looks how old they are. */
	set(t, "dirty_writeback_centisecs", 0);
	write_pages(t, file, 100);
	sleep_ns(t->q, 100 * NSEC_PER_SEC);
	assert_int_equal(dirty(t), 100);
	fput(t->q, file);
}

/* laptop_mode: the disk sleeps until the limit is near. */
static void laptop(struct testbox *t, __unused void *arg)
{
	unsigned long bg, thresh;
	struct file *file = used_device(t);

	set(t, "laptop_mode", 5);
	global_dirty_limits(t->q, &bg, &thresh);
	write_pages(t, file, bg + (thresh - bg) / 4);
	sleep_ns(t->q, 2 * NSEC_PER_SEC);
	assert_true(dirty(t) > bg);
	set(t, "laptop_mode", 0);
	assert_int_equal(generic_file_write(t->q, file, (bg + (thresh - bg) / 4) * PAGE_SIZE,
					    600 * PAGE_SIZE),
			 600 * PAGE_SIZE);
	sleep_ns(t->q, 6 * NSEC_PER_SEC);
	assert_true(dirty(t) <= bg);
	fput(t->q, file);
}

/* ---- reclaim, swap ------------------------------------------------------------------- */

/* Pages that one fault brings back from swap. */
static unsigned long swapped_in(struct testbox *t, long cluster)
{
	const unsigned long n = 1024;
	u64 addr = map_anon(t, t->task, n);
	unsigned long before;

	set(t, "page-cluster", cluster);
	touch(t, t->task, addr, n, 7);
	lru_add_drain_all(t->q);
	/* Written first, and then taken out of the swap cache. */
	assert_int_equal(do_madvise(t->q, t->task->mm, addr, n * PAGE_SIZE, MADV_PAGEOUT), 0);
	sleep_ns(t->q, NSEC_PER_SEC);
	(void)put(t->q, "/sys/fs/cgroup/memory.reclaim", "4M");
	sleep_ns(t->q, NSEC_PER_SEC);
	before = global_vm_event(t->q, PSWPIN);
	touch(t, t->task, addr + 512 * PAGE_SIZE, 1, 0);
	sleep_ns(t->q, NSEC_PER_SEC);
	before = global_vm_event(t->q, PSWPIN) - before;
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, n * PAGE_SIZE), 0);
	return before;
}

#define VMA_RA "/sys/kernel/mm/swap/vma_ra_enabled"

static void clusters(struct testbox *t, __unused void *arg)
{
	unsigned long one, eight, by_slot;

	assert_text(t->q, VMA_RA, "true\n");
	assert_int_equal(put(t->q, VMA_RA, "maybe"), -EINVAL);
	one = swapped_in(t, 0);
	eight = swapped_in(t, 3);
	assert_int_equal(put(t->q, VMA_RA, "false"), 5);
	assert_text(t->q, VMA_RA, "false\n");
	by_slot = swapped_in(t, 3);
	print_message("# swapped in by a fault: %lu, %lu, by slot %lu pages\n", one, eight,
		      by_slot);
	assert_int_equal(one, 1);
	assert_true(eight > 1 && by_slot < eight);
	assert_int_equal(global_vm_event(t->q, SWAP_RA) > 0, 1);
}

static unsigned long scanned(struct testbox *t, long pressure)
{
	const struct shrinker *s = &t->sb->shrinker;
	struct shrink_control sc = {.gfp = GFP_KERNEL, .nid = 0};

	set(t, "vfs_cache_pressure", pressure);
	return s->count_objects(t->q, (struct shrinker *)s, &sc);
}

static void vfs_pressure(struct testbox *t, __unused void *arg)
{
	unsigned long usual;

	for (int i = 0; i < 200; i++) {
		struct inode *inode = new_inode(t->q, t->sb, PAGE_SIZE, false);
		struct dentry *d;
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		d = d_alloc(t->q, t->sb->s_root, name, inode);
		assert_non_null(d);
		dput(t->q, d);
		iput(t->q, inode);
	}
	usual = scanned(t, 100);
	assert_true(usual >= 200);
	assert_int_equal(scanned(t, 0), 0);
	assert_int_equal(scanned(t, 300), 3 * usual);
}

/* ---- zones ------------------------------------------------------------------------------ */

static void zones(struct testbox *t, __unused void *arg)
{
	struct zone *zone = &NODE_DATA(t->q, 0)->node_zones[ZONE_DMA32];
	unsigned long low = low_wmark_pages(zone), min = min_wmark_pages(zone);
	long reserve = NODE_DATA(t->q, 0)->node_zones[ZONE_DMA].lowmem_reserve[ZONE_DMA32];
	int high = zone->pageset_high;

	set(t, "watermark_scale_factor", 1000);
	assert_true(low_wmark_pages(zone) - min_wmark_pages(zone) > 4 * (low - min));
	set(t, "percpu_pagelist_high_fraction", 8);
	assert_true(zone->pageset_high > high);
	set(t, "percpu_pagelist_high_fraction", 0);
	assert_int_equal(put(t->q, VM "lowmem_reserve_ratio", "64 64 32 0 0"), 12);
	assert_true(NODE_DATA(t->q, 0)->node_zones[ZONE_DMA].lowmem_reserve[ZONE_DMA32] >
		    3 * reserve);
}

#define TEST_IN(name_)                                  \
	static void test_##name_(__unused void **state) \
	{                                               \
		testbox_once(&box, name_);              \
	}
TEST_IN(overcommit)
TEST_IN(areas)
TEST_IN(layout)
TEST_IN(userfault)
TEST_IN(numa_counters)
TEST_IN(background)
TEST_IN(ages)
TEST_IN(laptop)
TEST_IN(clusters)
TEST_IN(vfs_pressure)
TEST_IN(zones)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_overcommit),    cmocka_unit_test(test_areas),
		cmocka_unit_test(test_layout),	      cmocka_unit_test(test_userfault),
		cmocka_unit_test(test_numa_counters), cmocka_unit_test(test_background),
		cmocka_unit_test(test_ages),	      cmocka_unit_test(test_laptop),
		cmocka_unit_test(test_clusters),      cmocka_unit_test(test_vfs_pressure),
		cmocka_unit_test(test_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
