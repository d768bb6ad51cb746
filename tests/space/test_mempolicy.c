/* SPDX-License-Identifier: MIT */
/*
 * Memory policies of areas (mbind), those that prefer several nodes or weigh them,
 * home nodes, pages that follow, and cpusets' mems.
 */
#include "tests/space/space_test.h"
#include "group/memcontrol.h"
#include "proc/proc.h"
#include "reclaim/numa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tune(struct quire_config *cfg)
{
	cfg->weighted_interleave = true;
}

static const struct testbox_config box = {
	.nr_nodes = 3, .node_mb = {96, 96, 96}, .cpus = 1, .tune = tune};

static struct mempolicy policy(unsigned int mode, unsigned long nodes)
{
	return (struct mempolicy){.mode = (u8)mode, .nodes = {{nodes}}};
}

/* How many of n pages lie on a node. */
static unsigned long on_node(struct testbox *t, u64 a, unsigned long n, unsigned int nid)
{
	unsigned long found = 0;

	for (unsigned long i = 0; i < n; i++)
		found += page_to_nid(page_at(t, t->task, a + i * PAGE_SIZE)) == nid;
	return found;
}

static int bind(struct testbox *t, u64 a, unsigned long n, struct mempolicy pol, unsigned int flags)
{
	return do_mbind(t->q, t->task, a, n * PAGE_SIZE, &pol, flags);
}

static char *read_file(struct testbox *t, const char *name)
{
	static char buf[8192];
	struct proc_entry e = proc_root();
	char pid[16];
	struct text text;

	snprintf(pid, sizeof(pid), "%d", t->task->pid);
	e = proc_lookup(t->q, proc_lookup(t->q, e, pid), name);
	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, e, &text), 0);
	return buf;
}

static void run_areas(struct testbox *t, void *arg)
{
	struct mempolicy task_pol = policy(MPOL_INTERLEAVE, 3);
	unsigned int home = numa_node_id(t->q);
	struct mm_struct *mm = t->task->mm;
	int areas = mm->map_count;
	u64 a = map_anon(t, t->task, 600);
	unsigned long anon = (unsigned long)areas + 1;

	(void)arg;
	assert_int_equal(mm->map_count, anon);
	/* The middle third is bound, and cut off for it. */
	assert_int_equal(bind(t, a + 200 * PAGE_SIZE, 200, policy(MPOL_BIND, 1 << 2), 0), 0);
	assert_int_equal(mm->map_count, anon + 2);
	touch(t, t->task, a, 600, 1);
	assert_int_equal(on_node(t, a, 200, home), 200);
	assert_int_equal(on_node(t, a + 200 * PAGE_SIZE, 200, 2), 200);
	assert_int_equal(on_node(t, a + 400 * PAGE_SIZE, 200, home), 200);
	assert_non_null(strstr(read_file(t, "numa_maps"), " bind:2 "));
	/* The same again is joined, the task's own policy does not matter there. */
	assert_int_equal(set_mempolicy(t->q, t->task, &task_pol), 0);
	assert_int_equal(bind(t, a, 200, policy(MPOL_BIND, 1 << 2), 0), 0);
	assert_int_equal(mm->map_count, anon + 1);
	assert_int_equal(madvise_dontneed(t->q, mm, a, 600 * PAGE_SIZE), 0);
	touch(t, t->task, a, 600, 1);
	assert_int_equal(on_node(t, a, 400, 2), 400);
	assert_int_equal(on_node(t, a + 400 * PAGE_SIZE, 200, 0), 100);
	/* A child has them too. */
	{
		struct task *child = fork_task(t, t->task);
		struct vm_area_struct *vma = find_vma(child->mm, a);

		assert_non_null(vma->vm_policy);
		assert_ptr_equal(vma->vm_policy, find_vma(mm, a)->vm_policy);
		end_child(t, child);
	}
	/* None again: one area. */
	assert_int_equal(bind(t, a, 600, policy(MPOL_DEFAULT, 0), 0), 0);
	assert_int_equal(mm->map_count, anon);
	/* Refused, and nothing is changed. */
	assert_int_equal(bind(t, a + 1, 1, policy(MPOL_BIND, 1), 0), -EINVAL);
	assert_int_equal(bind(t, a, 1, policy(MPOL_BIND, 0), 0), -EINVAL);
	assert_int_equal(bind(t, a, 1, policy(MPOL_BIND, 1UL << 9), 0), -EINVAL);
	assert_int_equal(bind(t, a, 1, policy(MPOL_LOCAL, 1), 0), -EINVAL);
	assert_int_equal(bind(t, a, 1, policy(77, 1), 0), -EINVAL);
	assert_int_equal(bind(t, a, 1, policy(MPOL_BIND, 1), 99), -EINVAL);
	assert_int_equal(bind(t, a + 1000 * MB, 1, policy(MPOL_BIND, 1), 0), -EFAULT);
	assert_int_equal(bind(t, a, 0, policy(MPOL_BIND, 1), 0), 0);
	assert_int_equal(mm->map_count, anon);
	testbox_verify(t);
}

static void test_areas(__unused void **state)
{
	testbox_once(&box, run_areas);
}

/* What is there already is moved, and keeps what it holds. */
static void run_move(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 512), was;
	nodemask_t from = {{1 << 1}}, to = {{1 << 2}};

	(void)arg;
	touch(t, t->task, a, 512, 7);
	was = peek(t, t->task, a);
	assert_int_equal(bind(t, a, 512, policy(MPOL_BIND, 1 << 1), MPOL_MF_STRICT), -EIO);
	assert_int_equal(bind(t, a, 512, policy(MPOL_BIND, 1 << 1), MPOL_MF_MOVE | MPOL_MF_STRICT),
			 0);
	assert_int_equal(on_node(t, a, 512, 1), 512);
	assert_int_equal(peek(t, t->task, a), was);
	testbox_verify(t);
	assert_int_equal(do_migrate_pages(t->q, t->task->mm, &from, &to, MPOL_MF_MOVE), 0);
	assert_int_equal(on_node(t, a, 512, 2), 512);
	/* What lies on one of its nodes lies well, whichever is next. */
	assert_int_equal(bind(t, a, 512, policy(MPOL_INTERLEAVE, 7), MPOL_MF_MOVE), 0);
	assert_int_equal(on_node(t, a, 512, 2), 512);
	assert_int_equal(bind(t, a, 512, policy(MPOL_INTERLEAVE, 3), MPOL_MF_MOVE), 0);
	assert_int_equal(on_node(t, a, 512, 0), 256);
	assert_int_equal(on_node(t, a, 512, 1), 256);
	assert_int_equal(peek(t, t->task, a), was);
	testbox_verify(t);
}

static void test_move(__unused void **state)
{
	testbox_once(&box, run_move);
}

static void run_kinds(struct testbox *t, void *arg)
{
	unsigned int near = numa_node_id(t->q), away = near == 2 ? 1 : 2;
	struct mempolicy pol;
	unsigned long n;
	u64 a;

	(void)arg;
	/* Several preferred: those first, then anywhere. */
	a = map_anon(t, t->task, 30000);
	assert_int_equal(bind(t, a, 30000, policy(MPOL_PREFERRED_MANY, 1UL << away), 0), 0);
	touch(t, t->task, a, 30000, 1);
	n = on_node(t, a, 30000, away);
	assert_in_range(n, 15000, 29999);
	assert_non_null(strstr(read_file(t, "numa_maps"), " prefer (many):"));
	assert_int_equal(do_munmap(t->q, t->task->mm, a, 30000 * PAGE_SIZE), 0);
	/* A home node is where it begins. */
	a = map_anon(t, t->task, 100);
	assert_int_equal(set_mempolicy_home_node(t->q, t->task, a, 100 * PAGE_SIZE, away, 0),
			 -ENOENT);
	assert_int_equal(bind(t, a, 100, policy(MPOL_BIND, 7), 0), 0);
	assert_int_equal(set_mempolicy_home_node(t->q, t->task, a, 100 * PAGE_SIZE, away, 1),
			 -EINVAL);
	assert_int_equal(set_mempolicy_home_node(t->q, t->task, a, 100 * PAGE_SIZE, 9, 0), -EINVAL);
	assert_int_equal(set_mempolicy_home_node(t->q, t->task, a, 100 * PAGE_SIZE, away, 0), 0);
	touch(t, t->task, a, 100, 1);
	assert_int_equal(on_node(t, a, 100, away), 100);
	assert_int_equal(bind(t, a, 50, policy(MPOL_INTERLEAVE, 7), 0), 0);
	assert_int_equal(set_mempolicy_home_node(t->q, t->task, a, 100 * PAGE_SIZE, 0, 0),
			 -EOPNOTSUPP);
	assert_int_equal(do_munmap(t->q, t->task->mm, a, 100 * PAGE_SIZE), 0);
	/* Weights: 3 to 1, in turn by address. */
	t->q->page->il_weight[0] = 3;
	a = map_anon(t, t->task, 400);
	assert_int_equal(bind(t, a, 400, policy(MPOL_WEIGHTED_INTERLEAVE, 3), 0), 0);
	touch(t, t->task, a, 400, 1);
	assert_int_equal(on_node(t, a, 400, 0), 300);
	assert_int_equal(on_node(t, a, 400, 1), 100);
	/* And for the kernel's. */
	pol = policy(MPOL_WEIGHTED_INTERLEAVE, 3);
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	n = 0;
	for (unsigned int i = 0; i < 40; i++) {
		struct page *page = alloc_pages(t->q, GFP_KERNEL, 0);

		n += page_to_nid(page) == 0;
		__free_pages(t->q, page, 0);
	}
	assert_int_equal(n, 30);
	/* Relative and static nodes, both at once. */
	pol = policy(MPOL_BIND, 1UL << 4);
	pol.flags = MPOL_F_RELATIVE_NODES;
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	assert_int_equal(t->task->policy.nodes.bits[0], 1 << 1);
	pol.flags |= MPOL_F_STATIC_NODES;
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), -EINVAL);
}

static void test_kinds(__unused void **state)
{
	testbox_once(&box, run_kinds);
}

/* Each allocation fails in turn: what was there is there, and all is well. */
static void run_failing(struct testbox *t, void *arg)
{
	u64 a = map_anon(t, t->task, 64);
	int err = -1;

	(void)arg;
	for (unsigned long n = 1; err; n++) {
		testbox_fail_alloc(t, n);
		err = bind(t, a + 16 * PAGE_SIZE, 16, policy(MPOL_BIND, 2), 0);
		assert_true(!err || err == -ENOMEM);
		testbox_fail_alloc(t, 0);
		testbox_verify(t);
		if (!t->failed)
			break;
		assert_true(n < 20);
	}
	assert_int_equal(bind(t, a, 64, policy(MPOL_BIND, 2), 0), 0);
}

static void test_failing(__unused void **state)
{
	testbox_once(&box, run_failing);
}

/* ---- cpusets ----------------------------------------------------------------- */

static s64 write_mems(struct testbox *t, struct mem_cgroup *memcg, const char *file, const char *s)
{
	struct proc_entry e = sysfs_root();

	e = proc_lookup(t->q, proc_lookup(t->q, proc_lookup(t->q, e, "fs"), "cgroup"), memcg->name);
	return proc_write(t->q, proc_lookup(t->q, e, file), s, strlen(s));
}

static void run_cpuset(struct testbox *t, void *arg)
{
	struct mem_cgroup *g = mem_cgroup_create(t->q, t->q->group->root, "part"), *child;
	struct mempolicy pol = policy(MPOL_INTERLEAVE, 7);
	u64 a = map_anon(t, t->task, 300), b;
	nodemask_t mems;
	struct page *page;

	(void)arg;
	assert_false(IS_ERR(g));
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	touch(t, t->task, a, 300, 5);
	assert_int_equal(on_node(t, a, 300, 2), 100);
	assert_int_equal(task_set_memcg(t->q, t->task, g), 0);
	assert_int_equal(write_mems(t, g, "cpuset.mems", "0-x"), -EINVAL);
	assert_int_equal(write_mems(t, g, "cpuset.mems", "7"), -EINVAL);
	/* What is on node 2 goes, the policy follows. */
	assert_int_equal(write_mems(t, g, "cpuset.mems", "0-1\n"), 4);
	assert_int_equal(on_node(t, a, 300, 2), 0);
	assert_int_equal(t->task->policy.nodes.bits[0], 3);
	assert_non_null(strstr(read_file(t, "status"), "\nMems_allowed_list:\t0-1\n"));
	pol = policy(MPOL_DEFAULT, 0);
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), 0);
	pol = policy(MPOL_BIND, 1 << 2);
	assert_int_equal(set_mempolicy(t->q, t->task, &pol), -EINVAL);
	/* More than the two nodes have: the third stays as it is, but for the kernel. */
	b = map_anon(t, t->task, 35000);
	touch(t, t->task, b, 30000, 5);
	assert_int_equal(on_node(t, b, 30000, 2), 0);
	page = __alloc_pages(t->q, GFP_KERNEL, 0, 2, NULL);
	assert_int_not_equal(page_to_nid(page), 2);
	__free_pages(t->q, page, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, b, 35000 * PAGE_SIZE), 0);
	/* A child group has what its parent has; of what it has not, nothing. */
	child = mem_cgroup_create(t->q, g, "below");
	cpuset_effective_mems(t->q, child, &mems);
	assert_int_equal(mems.bits[0], 3);
	mems.bits[0] = 6;
	assert_int_equal(cpuset_set_mems(t->q, child, &mems), 0);
	cpuset_effective_mems(t->q, child, &mems);
	assert_int_equal(mems.bits[0], 2);
	assert_int_equal(mem_cgroup_remove(t->q, child), 0);
	/* A new group in its place knows nothing of it. */
	child = mem_cgroup_create(t->q, g, "again");
	cpuset_effective_mems(t->q, child, &mems);
	assert_int_equal(mems.bits[0], 3);
	assert_int_equal(mem_cgroup_remove(t->q, child), 0);
	assert_int_equal(write_mems(t, g, "cpuset.mems", ""), 0);
	assert_int_equal(write_mems(t, g, "cpuset.mems", "\n"), 1);
	cpuset_effective_mems(t->q, g, &mems);
	assert_int_equal(mems.bits[0], 7);
	assert_int_equal(task_set_memcg(t->q, t->task, t->q->group->root), 0);
	testbox_verify(t);
}

static void test_cpuset(__unused void **state)
{
	testbox_once(&box, run_cpuset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_areas),  cmocka_unit_test(test_move),
		cmocka_unit_test(test_kinds),  cmocka_unit_test(test_failing),
		cmocka_unit_test(test_cpuset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
