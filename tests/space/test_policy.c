/* SPDX-License-Identifier: MIT */
/*
 * NUMA policy reaches all that a task allocates, and is counted; a process has
 * one title, whichever of its threads writes it.
 */
#include "tests/space/space_test.h"

static const struct testbox_config two_nodes = {
	.nr_nodes = 2, .node_mb = {128, 128}, .cpus = 2, .disk = true};

static unsigned long numa(struct testbox *t, unsigned int nid, enum numa_stat_item item)
{
	unsigned long sum = 0;

	for_each_populated_zone_of_node(NODE_DATA(t->q, nid), zone) sum +=
		zone_numa_event(t->q, zone, item);
	return sum;
}

static void interleave(struct testbox *t, void *arg)
{
	struct mempolicy policy = {.mode = MPOL_INTERLEAVE};
	struct inode *inode = new_inode(t->q, t->sb, 2 * MB, false);
	struct file *file = alloc_file(t->q, inode, true);
	unsigned long before[2], hits[2], cached = global_node_page_state(t->q, NR_FILE_PAGES);
	u64 addr;

	(void)arg;
	iput(t->q, inode);
	node_set(&policy.nodes, 0);
	node_set(&policy.nodes, 1);
	assert_int_equal(set_mempolicy(t->q, t->task, &policy), 0);
	for (unsigned int nid = 0; nid < 2; nid++)
		before[nid] = numa(t, nid, NUMA_INTERLEAVE_HIT);
	/* By address for user pages. */
	addr = map_anon(t, t->task, 256);
	touch(t, t->task, addr, 256, 1);
	for (unsigned int nid = 0; nid < 2; nid++) {
		hits[nid] = numa(t, nid, NUMA_INTERLEAVE_HIT) - before[nid];
		assert_in_range(hits[nid], 128, 132); /* page tables come on top */
		before[nid] += hits[nid];
	}
	/* In turn for the page cache. */
	assert_int_equal(generic_file_read(t->q, file, 0, 2 * MB), 2 * MB);
	cached = global_node_page_state(t->q, NR_FILE_PAGES) - cached;
	assert_int_equal(cached, 512);
	for (unsigned int nid = 0; nid < 2; nid++) {
		hits[nid] = numa(t, nid, NUMA_INTERLEAVE_HIT) - before[nid];
		assert_in_range(hits[nid], 250, 280); /* slabs come on top */
	}
	fput(t->q, file);
}

static void test_interleave(void **unused)
{
	(void)unused;
	testbox_once(&two_nodes, interleave);
}

static void titles(struct testbox *t, void *arg)
{
	static const char first[] = "server: idle", second[] = "server: busy with a request";
	struct task *leader = t->task,
		    *thread = copy_process(t->q, leader, CLONE_VM | CLONE_THREAD);
	struct task *child;

	(void)arg;
	assert_false(IS_ERR_OR_NULL(thread));
	assert_int_equal(set_task_cmdline(t->q, leader, first, sizeof(first)), 0);
	assert_int_equal(set_task_cmdline(t->q, thread, second, sizeof(second)), 0);
	assert_string_equal(leader->cmdline, second);
	assert_null(thread->cmdline);
	/* A child of the thread has a copy. */
	child = fork_task(t, thread);
	assert_string_equal(child->cmdline, second);
	assert_ptr_not_equal(child->cmdline, leader->cmdline);
	end_child(t, child);
	do_exit(t->q, thread, 0);
	assert_string_equal(leader->cmdline, second);
}

static void test_titles(void **unused)
{
	(void)unused;
	testbox_once(&two_nodes, titles);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interleave),
		cmocka_unit_test(test_titles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
