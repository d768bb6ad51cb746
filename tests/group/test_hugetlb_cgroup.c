/* SPDX-License-Identifier: MIT */
/*
 * The hugetlb controller: who has it, what it charges at a fault and at mmap(), what it
 * refuses, what becomes of a removed group's pages; its files; broken invariants.
 */
#include "tests/space/hugetlb_test.h"

static const struct testbox_config two_nodes = {.nr_nodes = 2, .node_mb = {192, 192}};

static struct mem_cgroup *group(struct testbox *t, const char *parent, const char *name)
{
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, mem_cgroup_find(t->q, parent), name);

	assert_false(IS_ERR_OR_NULL(memcg));
	return memcg;
}

static u64 map(struct testbox *t, struct task *task, unsigned long n, int flags)
{
	return do_mmap(t->q, task->mm, 0, n * HUGE, RW, flags, NULL, 0);
}

static void into(struct testbox *t, struct mem_cgroup *memcg)
{
	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
}

static void says(struct testbox *t, const char *path, const char *text)
{
	char full[128];
	const char *got;

	snprintf(full, sizeof(full), "fs/cgroup/%s", path);
	got = text_of(t, find(t, sysfs_root(), full));
	if (strcmp(got, text))
		fail_msg("%s says %s, not %s", path, got, text);
}

static s64 put(struct testbox *t, const char *path, const char *text)
{
	char full[128];

	snprintf(full, sizeof(full), "fs/cgroup/%s", path);
	return write_to(t, sysfs_root(), full, text);
}

static bool there(struct testbox *t, const char *dir, const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "fs/cgroup/%s", dir);
	return proc_lookup(t->q, find(t, sysfs_root(), full), name).kind != PROC_NONE;
}

/* ---- who has it ------------------------------------------------------------------ */

static void enable_fn(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *a = group(t, "/", "a"), *b;

	says(t, "cgroup.controllers", "cpuset io memory hugetlb\n");
	says(t, "a/cgroup.controllers", "cpuset io memory\n");
	assert_false(there(t, "a", "hugetlb.2MB.max"));
	assert_int_equal(put(t, "a/cgroup.subtree_control", "+hugetlb\n"), -ENOENT);
	assert_int_equal(put(t, "cgroup.subtree_control", "+pigs\n"), -EINVAL);
	assert_int_equal(put(t, "cgroup.subtree_control", "+memory +hugetlb\n"), 17);
	says(t, "cgroup.subtree_control", "cpuset io memory hugetlb\n");
	says(t, "a/cgroup.controllers", "cpuset io memory hugetlb\n");
	assert_true(there(t, "a", "hugetlb.2MB.max"));
	assert_false(there(t, "", "hugetlb.2MB.max"));
	says(t, "a/hugetlb.2MB.max", "max\n");
	says(t, "a/hugetlb.1GB.rsvd.max", "max\n");
	says(t, "a/hugetlb.2MB.events", "max 0\n");
	says(t, "a/hugetlb.2MB.numa_stat", "total=0 N0=0 N1=0\n");
	assert_int_equal(put(t, "a/cgroup.subtree_control", "+hugetlb\n"), 9);
	b = group(t, "/a", "b");
	assert_non_null(b->hugetlb);
	assert_ptr_equal(b->hugetlb->parent, a->hugetlb);
	assert_int_equal(put(t, "cgroup.subtree_control", "-hugetlb\n"), -EBUSY);
	assert_int_equal(put(t, "a/cgroup.subtree_control", "-hugetlb\n"), 9);
	assert_null(b->hugetlb);
	assert_int_equal(put(t, "a/hugetlb.2MB.max", "5M\n"), 3);
	says(t, "a/hugetlb.2MB.max", "4194304\n"); /* whole pages */
	assert_int_equal(put(t, "a/hugetlb.2MB.max", "x\n"), -EINVAL);
	assert_int_equal(mem_cgroup_remove(t->q, b), 0);
	assert_int_equal(mem_cgroup_remove(t->q, a), 0);
	assert_true(list_empty(&t->q->group->hugetlb_cgroups));
}

static void test_enable(__unused void **state)
{
	in_box(enable_fn, &two_nodes);
}

/* ---- charges --------------------------------------------------------------------- */

static void fault_fn(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *a, *b;
	u64 addr;

	resize(t, 10);
	assert_int_equal(put(t, "cgroup.subtree_control", "+hugetlb"), 8);
	a = group(t, "/", "a");
	assert_int_equal(put(t, "a/cgroup.subtree_control", "+hugetlb"), 8);
	b = group(t, "/a", "b");
	into(t, b);
	assert_int_equal(put(t, "a/hugetlb.2MB.max", "6M"), 2);
	addr = map(t, t->task, 5, HUGEMAP);
	says(t, "a/hugetlb.2MB.current", "0\n");
	says(t, "a/b/hugetlb.2MB.rsvd.current", "10485760\n");
	for (unsigned long i = 0; i < 3; i++)
		assert_true(touch_one(t, t->task, addr + i * HUGE, 1));
	says(t, "a/hugetlb.2MB.current", "6291456\n");
	says(t, "a/b/hugetlb.2MB.numa_stat", "total=6291456 N0=6291456 N1=0\n");
	assert_int_equal(put(t, "a/hugetlb.2MB.max", "2M"), -EBUSY);
	counts(t, 10, 7, 2, 0);
	/* Its promise does not help: SIGBUS. */
	assert_false(touch_one(t, t->task, addr + 3 * HUGE, 1));
	assert_int_equal(t->task->signal->exit_code, SIGBUS);
	says(t, "a/hugetlb.2MB.events", "max 1\n");
	says(t, "a/b/hugetlb.2MB.events", "max 1\n");
	says(t, "a/b/hugetlb.2MB.events.local", "max 1\n");
	says(t, "a/hugetlb.2MB.events.local", "max 0\n");
	counts(t, 10, 7, 2, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr + HUGE, HUGE), 0);
	says(t, "a/b/hugetlb.2MB.current", "4194304\n");
	says(t, "a/b/hugetlb.2MB.rsvd.current", "8388608\n");
	testbox_verify(t);
	/* The group goes: its pages are its parent's, its promises its own. */
	into(t, NULL);
	assert_int_equal(mem_cgroup_remove(t->q, b), 0);
	says(t, "a/hugetlb.2MB.current", "4194304\n");
	says(t, "a/hugetlb.2MB.rsvd.current", "8388608\n");
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 5 * HUGE), 0);
	says(t, "a/hugetlb.2MB.current", "0\n");
	says(t, "a/hugetlb.2MB.rsvd.current", "0\n");
	assert_int_equal(mem_cgroup_remove(t->q, a), 0);
	assert_true(list_empty(&t->q->group->hugetlb_cgroups));
	counts(t, 10, 10, 0, 0);
}

static void test_fault(__unused void **state)
{
	in_box(fault_fn, &two_nodes);
}

static void promise_fn(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *a, *b;
	u64 addr, loose;
	struct file *file;

	resize(t, 10);
	assert_int_equal(put(t, "cgroup.subtree_control", "+hugetlb"), 8);
	a = group(t, "/", "a");
	b = group(t, "/", "b");
	assert_int_equal(put(t, "a/hugetlb.2MB.rsvd.max", "8M"), 2);
	into(t, a);
	assert_int_equal(map(t, t->task, 5, HUGEMAP), (u64)-ENOMEM);
	assert_int_equal(map(t, t->task, 5, SHARED), (u64)-ENOMEM);
	says(t, "a/hugetlb.2MB.events.local", "max 2\n");
	counts(t, 10, 10, 0, 0);
	file = hugetlb_file_setup(t->q, "f", 6 * HUGE, VM_NORESERVE, pool(t));
	addr = do_mmap(t->q, t->task->mm, 0, 3 * HUGE, RW, MAP_SHARED, file, 0);
	says(t, "a/hugetlb.2MB.rsvd.current", "6291456\n");
	/* What is promised already is another's; the rest is b's. */
	into(t, b);
	loose = do_mmap(t->q, t->task->mm, 0, 4 * HUGE, RW, MAP_SHARED, file, 512);
	says(t, "a/hugetlb.2MB.rsvd.current", "6291456\n");
	says(t, "b/hugetlb.2MB.rsvd.current", "4194304\n");
	assert_true(touch_one(t, t->task, addr, 1));
	says(t, "b/hugetlb.2MB.current", "2097152\n");
	testbox_verify(t);
	assert_int_equal(hugetlbfs_truncate(t->q, file->f_inode, 2 * HUGE), 0);
	says(t, "a/hugetlb.2MB.rsvd.current", "4194304\n");
	says(t, "b/hugetlb.2MB.rsvd.current", "0\n");
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, t->task->mm, loose, 4 * HUGE), 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 3 * HUGE), 0);
	fput(t->q, file);
	says(t, "a/hugetlb.2MB.rsvd.current", "0\n");
	/* Nothing was promised: the fault pays for that too. */
	assert_int_equal(put(t, "b/hugetlb.2MB.rsvd.max", "2M"), 2);
	loose = map(t, t->task, 2, HUGEMAP | MAP_NORESERVE);
	assert_true(touch_one(t, t->task, loose, 1));
	says(t, "b/hugetlb.2MB.rsvd.current", "2097152\n");
	testbox_verify(t);
	assert_false(touch_one(t, t->task, loose + HUGE, 1));
	assert_int_equal(t->task->signal->exit_code, SIGBUS);
	assert_int_equal(do_munmap(t->q, t->task->mm, loose, 2 * HUGE), 0);
	says(t, "b/hugetlb.2MB.rsvd.current", "0\n");
	into(t, NULL);
	assert_int_equal(mem_cgroup_remove(t->q, a), 0);
	assert_int_equal(mem_cgroup_remove(t->q, b), 0);
	counts(t, 10, 10, 0, 0);
}

static void test_promise(__unused void **state)
{
	in_box(promise_fn, &two_nodes);
}

/* ---- failing, breaking ----------------------------------------------------------- */

static void no_memory_fn(struct testbox *t, __unused void *arg)
{
	resize(t, 6);
	for (unsigned long n = 1; n < 12; n++) {
		struct mem_cgroup *a, *b;
		u64 addr;

		testbox_fail_alloc(t, n);
		a = mem_cgroup_create(t->q, NULL, "a");
		(void)put(t, "cgroup.subtree_control", "+hugetlb");
		b = mem_cgroup_create(t->q, NULL, "b");
		if (!IS_ERR(a))
			into(t, a);
		addr = map(t, t->task, 2, n & 1 ? SHARED : HUGEMAP);
		if (!IS_ERR_VALUE(addr)) {
			(void)touch_one(t, t->task, addr, 1);
			testbox_verify(t);
			assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
		}
		testbox_fail_alloc(t, 0);
		into(t, NULL);
		if (!IS_ERR(a))
			assert_int_equal(mem_cgroup_remove(t->q, a), 0);
		if (!IS_ERR(b))
			assert_int_equal(mem_cgroup_remove(t->q, b), 0);
		assert_int_equal(put(t, "cgroup.subtree_control", "-hugetlb"), 8);
		counts(t, 6, 6, 0, 0);
		assert_true(list_empty(&t->q->group->hugetlb_cgroups));
	}
}

static void test_no_memory(__unused void **state)
{
	in_box(no_memory_fn, &two_nodes);
}

static void break_fn(struct testbox *t, __unused void *arg)
{
	struct page_counter *c;
	struct mem_cgroup *a;
	u64 addr;

	resize(t, 4);
	assert_int_equal(put(t, "cgroup.subtree_control", "+hugetlb"), 8);
	a = group(t, "/", "a");
	into(t, a);
	addr = map(t, t->task, 2, HUGEMAP);
	assert_true(touch_one(t, t->task, addr, 1));
	c = hugetlb_cgroup_counter(a->hugetlb, 1, false);
	BREAK(t, c->usage, 511, "a group is charged 511 frames of 2048 kB, its pages have 512");
	c = hugetlb_cgroup_counter(a->hugetlb, 1, true);
	BREAK(t, c->usage, 512, "pays for promises of 512 frames of 2048 kB, not of 1024");
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
	into(t, NULL);
	assert_int_equal(mem_cgroup_remove(t->q, a), 0);
}

static void test_break(__unused void **state)
{
	in_box(break_fn, &two_nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable),	cmocka_unit_test(test_fault),
		cmocka_unit_test(test_promise), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
