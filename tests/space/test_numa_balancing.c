/* SPDX-License-Identifier: MIT */
/*
 * Automatic NUMA balancing: what a task uses comes to the node it runs on, what
 * several use stays, and the counters say so.  move_pages().
 */
#include "thp_test.h"
#include "page/hugetlb.h"
#include "reclaim/numa.h"

#define PAGES 4000UL

static const struct testbox_config two_nodes = {
	.nr_nodes = 2, .node_mb = {192, 192}, .cpus = 2, .swap_mb = 64};

static unsigned long on_node(struct testbox *t, struct task *task, u64 a, unsigned long n,
			     unsigned int nid)
{
	unsigned long sum = 0;

	for (unsigned long i = 0; i < n; i++) {
		u64 addr = a + (i << PAGE_SHIFT);
		const pte_t *ptep = pmd_of(t, task, addr);

		if (ptep && pmd_table(*ptep))
			ptep = pte_offset(t->q, *ptep, addr);
		sum += ptep && !pte_none(*ptep) && pte_present(*ptep) &&
		       page_to_nid(compound_head(pfn_to_page(t->q, pte_pfn(*ptep)))) == nid;
	}
	return sum;
}

/* Memory of the node that the task does not run on, though its policy is the default. */
static u64 far_memory(struct testbox *t, unsigned long n)
{
	struct mempolicy far = {.mode = MPOL_PREFERRED, .preferred = !numa_node_id(t->q)};
	struct mempolicy none = {.mode = MPOL_DEFAULT};
	u64 a = map_huge(t, t->task, DIV_ROUND_UP(n, HPAGES));

	assert_int_equal(set_mempolicy(t->q, t->task, &far), 0);
	touch(t, t->task, a, n, 7);
	lru_add_drain_all(t->q);
	assert_int_equal(on_node(t, t->task, a, n, far.preferred), n);
	assert_int_equal(set_mempolicy(t->q, t->task, &none), 0);
	return a;
}

/* Uses it for seconds of the virtual CPU. */
static void use(struct testbox *t, u64 a, unsigned long n, unsigned int seconds)
{
	struct touch what = {.addr = a,
			     .nr_pages = n,
			     .stride = 1,
			     .write = true,
			     .kind = CONTENT_SAME,
			     .seed = 9};
	u64 end = t->task->utime + t->task->stime + seconds * NSEC_PER_SEC;

	what.work_ns = 100000;
	while (t->task->utime + t->task->stime < end)
		assert_int_equal(mmu_touch(t->m, t->task, &what), n);
}

static void follows(struct testbox *t, __unused void *arg)
{
	unsigned int here = numa_node_id(t->q);
	u64 a = far_memory(t, PAGES);

	t->task->node = (int)here;
	/* Off: it stays where it is. */
	use(t, a, PAGES, 3);
	assert_int_equal(on_node(t, t->task, a, PAGES, !here), PAGES);
	assert_int_equal(event(t, NUMA_PTE_UPDATES), 0);
	t->q->space->numa.enabled = 1;
	use(t, a, PAGES, 12);
	assert_int_equal(on_node(t, t->task, a, PAGES, here), PAGES);
	assert_true(event(t, NUMA_PTE_UPDATES) >= PAGES);
	assert_true(event(t, NUMA_HINT_FAULTS) >= PAGES);
	assert_true(event(t, NUMA_PAGE_MIGRATE) >= PAGES);
	for (unsigned long i = 0; i < PAGES; i += 7)
		assert_int_equal(peek(t, t->task, a + (i << PAGE_SHIFT)), CONTENT(CONTENT_SAME, 9));
	testbox_verify(t);
}

static void test_follows(__unused void **state)
{
	testbox_once(&two_nodes, follows);
}

/* A policy says where memory is to lie: balancing leaves it alone. */
static void bound(struct testbox *t, __unused void *arg)
{
	struct mempolicy pol = {.mode = MPOL_BIND};
	unsigned int here = numa_node_id(t->q);
	u64 a = far_memory(t, PAGES);

	node_set(&pol.nodes, !here);
	t->task->node = (int)here;
	assert_int_equal(do_mbind(t->q, t->task, a, PAGES << PAGE_SHIFT, &pol, 0), 0);
	t->q->space->numa.enabled = 1;
	use(t, a, PAGES, 6);
	assert_int_equal(on_node(t, t->task, a, PAGES, !here), PAGES);
}

static void test_bound(__unused void **state)
{
	testbox_once(&two_nodes, bound);
}

/* Hints by hand: each state of an entry, and what the fault makes of it. */
static void hints(struct testbox *t, __unused void *arg)
{
	struct mm_struct *mm = t->task->mm;
	struct vm_area_struct *vma;
	struct task *child;
	u64 a = far_memory(t, 64);

	vma = find_vma(mm, a);
	t->q->space->numa.enabled = 1;
	assert_int_equal(change_prot_numa(t->q, vma, a, a + 64 * PAGE_SIZE), 64);
	assert_int_equal(change_prot_numa(t->q, vma, a, a + 64 * PAGE_SIZE), 0);
	testbox_verify(t);
	/* The pages are mapped and counted all the while; a child copies hints. */
	child = fork_task(t, t->task);
	testbox_verify(t);
	touch(t, child, a, 64, 0);
	assert_int_equal(peek(t, child, a), CONTENT(CONTENT_SAME, 7));
	touch(t, child, a, 32, 8);
	touch(t, t->task, a, 64, 0);
	assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 7));
	/* A page that moves for one of them loses the hints of both. */
	assert_in_range(event(t, NUMA_HINT_FAULTS), 64, 128);
	/* Shared since the fork: no hints any more until one of them has its own. */
	assert_int_equal(change_prot_numa(t->q, vma, a + 32 * PAGE_SIZE, a + 64 * PAGE_SIZE), 0);
	end_child(t, child);
	/* Protection, unmapping and swap of hints. */
	touch(t, t->task, a, 64, 5);
	lru_add_drain_all(t->q);
	(void)change_prot_numa(t->q, vma, a, a + 64 * PAGE_SIZE);
	assert_int_equal(do_mprotect(t->q, mm, a, 16 * PAGE_SIZE, PROT_READ), 0);
	assert_int_equal(do_madvise(t->q, mm, a + 16 * PAGE_SIZE, 16 * PAGE_SIZE, MADV_PAGEOUT), 0);
	assert_int_equal(do_munmap(t->q, mm, a + 32 * PAGE_SIZE, 16 * PAGE_SIZE), 0);
	testbox_verify(t);
	touch(t, t->task, a, 32, 0);
	for (unsigned long i = 0; i < 32; i++)
		assert_int_equal(peek(t, t->task, a + (i << PAGE_SHIFT)), CONTENT(CONTENT_SAME, 5));
	testbox_verify(t);
}

static void test_hints(__unused void **state)
{
	testbox_once(&two_nodes, hints);
}

/* A huge page gets one hint, counted as 512; its data stay. */
static void huge_hint(struct testbox *t, __unused void *arg)
{
	struct vm_area_struct *vma;
	u64 a;

	thp_on(t);
	a = far_memory(t, 2 * HPAGES);
	vma = find_vma(t->task->mm, a);
	assert_true(is_huge(t, t->task, a));
	t->q->space->numa.enabled = 1;
	assert_int_equal(change_prot_numa(t->q, vma, a, a + 2 * PMD_SIZE), 2 * HPAGES);
	assert_int_equal(event(t, NUMA_HUGE_PTE_UPDATES), 2);
	testbox_verify(t);
	touch(t, t->task, a, 1, 0);
	assert_int_equal(event(t, NUMA_HINT_FAULTS), 1);
	touch(t, t->task, a, 2 * HPAGES, 0);
	assert_int_equal(event(t, NUMA_HINT_FAULTS), 2);
	assert_int_equal(peek(t, t->task, a + 5 * PAGE_SIZE), CONTENT(CONTENT_SAME, 7));
	touch(t, t->task, a, 2 * HPAGES, 6);
	testbox_verify(t);
	/* Cut while it is a hint. */
	(void)change_prot_numa(t->q, vma, a, a + 2 * PMD_SIZE);
	assert_int_equal(madvise_dontneed(t->q, t->task->mm, a, PAGE_SIZE), 0);
	touch(t, t->task, a, HPAGES, 0);
	assert_int_equal(peek(t, t->task, a), 0);
	assert_int_equal(peek(t, t->task, a + PAGE_SIZE), CONTENT(CONTENT_SAME, 6));
	testbox_verify(t);
}

static void test_huge_hint(__unused void **state)
{
	testbox_once(&two_nodes, huge_hint);
}

/* ---- groups ---------------------------------------------------------------------- */

/* Two processes, one on each node at first, that write to the same shared pages. */
#define SHARED_PAGES 1500UL

struct sharer {
	struct testbox *t;
	struct task *task;
	u64 a;
	unsigned int seconds, node; /* where it ran in the end */
	int gid;
	unsigned int members;
	bool done;
};

static void sharer_main(void *arg)
{
	struct sharer *s = arg;
	struct prng rng;
	struct touch what = {.addr = s->a,
			     .nr_pages = SHARED_PAGES,
			     .write = true,
			     .kind = CONTENT_SAME,
			     .seed = 9,
			     .work_ns = 100000};
	u64 end = s->seconds * NSEC_PER_SEC;

	prng_seed(&rng, (u64)s->task->pid);
	while (s->task->utime + s->task->stime < end)
		assert_int_equal(mmu_touch_random(s->t->m, s->task, &what, 1000, &rng), 1000);
	s->node = numa_node_id(s->t->q);
	s->gid = s->task->numa && s->task->numa->group ? s->task->numa->group->gid : -1;
	s->members = s->gid > 0 ? s->task->numa->group->nr_tasks : 0;
	s->done = true;
	/* All have looked before one leaves. */
	model_sleep(s->t->m, 20 * NSEC_PER_SEC);
	do_exit(s->t->q, s->task, 0);
}

struct sharers {
	struct sharer one, two;
	int pinned; /* the second: to that node; -1: nobody is */
	bool threads;
};

static void start_sharers(struct testbox *t, void *arg)
{
	struct sharers *s = arg;
	struct task *one = copy_process(t->q, NULL, 0), *two;
	u64 a;

	assert_false(IS_ERR_OR_NULL(one));
	assert_int_equal(exec_mmap(t->q, one, "one", "one", 4), 0);
	a = do_mmap(t->q, one->mm, 0, SHARED_PAGES << PAGE_SHIFT, RW,
		    s->threads ? ANON : MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	assert_false(IS_ERR_VALUE(a));
	two = copy_process(t->q, one, s->threads ? CLONE_VM | CLONE_THREAD : 0);
	assert_false(IS_ERR_OR_NULL(two));
	s->one = (struct sharer){.t = t, .task = one, .a = a, .seconds = 30};
	s->two = (struct sharer){.t = t, .task = two, .a = a, .seconds = 30};
	two->node = s->pinned;
	t->q->space->numa.enabled = 1;
	assert_non_null(model_spawn(t->m, "one", sharer_main, &s->one, one, -1));
	assert_non_null(model_spawn(t->m, "two", sharer_main, &s->two, two, -1));
}

static unsigned long groups_in_use(struct testbox *t)
{
	return t->q->space->numa.nr_groups;
}

static void share(struct sharers *s)
{
	struct testbox *t = testbox_new(&two_nodes);

	testbox_call(t, start_sharers, s);
	for (unsigned int i = 0; i < 600 && !(s->one.done && s->two.done); i++)
		testbox_pass(t, NSEC_PER_SEC / 5);
	assert_true(s->one.done && s->two.done);
	testbox_verify(t);
	assert_int_equal(groups_in_use(t), 1);
	testbox_pass(t, 40 * NSEC_PER_SEC);
	testbox_verify(t);
	assert_int_equal(groups_in_use(t), 0); /* gone with its last member */
	testbox_free(t);
}

static void test_group(__unused void **state)
{
	struct sharers processes = {.pinned = -1}, threads = {.pinned = -1, .threads = true},
		       bound = {.pinned = 0};

	/* They end on one node, in one group. */
	share(&processes);
	assert_true(processes.one.gid > 0);
	assert_int_equal(processes.one.gid, processes.two.gid);
	assert_int_equal(processes.one.members, 2);
	assert_int_equal(processes.one.node, processes.two.node);
	share(&threads);
	assert_int_equal(threads.one.gid, threads.two.gid);
	assert_int_equal(threads.one.node, threads.two.node);
	/* Who is bound stays. */
	share(&bound);
	assert_int_equal(bound.two.node, 0);
}

static void moving(struct testbox *t, __unused void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 a = map_anon(t, t->task, 8), addrs[5];
	int nodes[5], status[5];
	struct task *child;

	touch(t, t->task, a, 4, 3);
	for (int i = 0; i < 5; i++) {
		addrs[i] = a + ((u64)i << PAGE_SHIFT);
		nodes[i] = i % 2;
	}
	assert_int_equal(do_move_pages(t->q, mm, 5, addrs, nodes, status, MPOL_MF_MOVE), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(status[i], i % 2);
		assert_int_equal(page_to_nid(page_at(t, t->task, addrs[i])), i % 2);
		assert_int_equal(peek(t, t->task, addrs[i]), CONTENT(CONTENT_SAME, 3));
	}
	assert_int_equal(status[4], -ENOENT);
	/* Only asked. */
	assert_int_equal(do_move_pages(t->q, mm, 5, addrs, NULL, status, 0), 0);
	assert_int_equal(status[3], 1);
	nodes[1] = 0;
	addrs[2] = 0x1000;
	touch(t, t->task, addrs[4], 1, 0);
	child = fork_task(t, t->task);
	assert_int_equal(do_move_pages(t->q, mm, 5, addrs, nodes, status, MPOL_MF_MOVE), 0);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], -EACCES);
	assert_int_equal(status[2], -EFAULT);
	assert_int_equal(status[4], -EFAULT); /* the zero page */
	/* A node that is not there ends it; what came before is done. */
	nodes[1] = 7;
	status[0] = status[1] = 99;
	assert_int_equal(do_move_pages(t->q, mm, 2, addrs, nodes, status, MPOL_MF_MOVE), -ENODEV);
	assert_int_equal(status[0], 0);
	assert_int_equal(status[1], 99);
	nodes[1] = 0;
	assert_int_equal(do_move_pages(t->q, mm, 2, addrs, nodes, status, MPOL_MF_MOVE_ALL), 0);
	assert_int_equal(status[1], 0);
	assert_int_equal(page_to_nid(page_at(t, child, addrs[1])), 0);
	assert_int_equal(do_move_pages(t->q, mm, 1, addrs, nodes, status, 64), -EINVAL);
	end_child(t, child);
}

/* Pages of a pool move, too; and where the cpuset has no memory none does. */
static void moving_huge(struct testbox *t, __unused void *arg)
{
	struct mem_cgroup *g = mem_cgroup_create(t->q, t->q->group->root, "half");
	struct mm_struct *mm = t->task->mm;
	nodemask_t first = {{1}};
	u64 a;
	int node, status;

	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 4, NUMA_NO_NODE, NULL), 0);
	a = do_mmap(t->q, mm, 0, PMD_SIZE, RW, ANON | MAP_HUGETLB, NULL, 0);
	touch(t, t->task, a, 1, 3);
	assert_int_equal(do_move_pages(t->q, mm, 1, &a, NULL, &status, 0), 0);
	for (int i = 0; i < 2; i++) {
		node = !status;
		assert_int_equal(do_move_pages(t->q, mm, 1, &a, &node, &status, MPOL_MF_MOVE), 0);
		assert_int_equal(status, node);
		assert_int_equal(peek(t, t->task, a), CONTENT(CONTENT_SAME, 3));
		testbox_verify(t);
	}
	assert_false(IS_ERR(g));
	assert_int_equal(task_set_memcg(t->q, t->task, g), 0);
	assert_int_equal(cpuset_change_mems(t->q, g, &first), 0);
	node = 1;
	assert_int_equal(do_move_pages(t->q, mm, 1, &a, &node, &status, MPOL_MF_MOVE), -EACCES);
	t->task->uid = 1000;
	node = 0;
	assert_int_equal(do_move_pages(t->q, mm, 1, &a, &node, &status, MPOL_MF_MOVE_ALL), -EPERM);
	t->task->uid = 0;
	assert_int_equal(task_set_memcg(t->q, t->task, t->q->group->root), 0);
	assert_int_equal(do_munmap(t->q, mm, a, PMD_SIZE), 0);
	assert_int_equal(set_max_huge_pages(t->q, default_hstate(t->q), 0, NUMA_NO_NODE, NULL), 0);
}

static void test_move_pages(__unused void **state)
{
	testbox_once(&two_nodes, moving_huge);
	testbox_once(&two_nodes, moving);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows),	   cmocka_unit_test(test_bound),
		cmocka_unit_test(test_hints),	   cmocka_unit_test(test_huge_hint),
		cmocka_unit_test(test_move_pages), cmocka_unit_test(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
