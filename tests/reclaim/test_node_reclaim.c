/* SPDX-License-Identifier: MIT */
/*
 * vm.zone_reclaim_mode: page cache of the near node goes before memory of the far
 * one is taken, unless there is too little of it, or it is mapped.
 */
#include "tests/lib/testlib.h"

#define MB	 (1UL << 20)
#define MB_PAGES (MB >> PAGE_SHIFT)

#define CACHE_MB 120
#define ANON_MB	 180

static const struct testbox_config two_nodes = {
	.nr_nodes = 2, .node_mb = {256, 256}, .cpus = 1, .disk = true};

struct trial {
	unsigned int mode, min_unmapped;
	bool mapped;
	unsigned long far; /* anonymous pages on the other node */
	unsigned long stolen, failed;
};

static void fill_cache(struct testbox *t, bool mapped)
{
	struct inode *inode = new_inode(t->q, t->sb, CACHE_MB * MB, false);
	struct touch touch = {.nr_pages = CACHE_MB * MB_PAGES, .stride = 1};
	struct file *file;

	assert_false(IS_ERR_OR_NULL(inode));
	file = alloc_file(t->q, inode, true);
	assert_non_null(file);
	iput(t->q, inode);
	for (unsigned long i = 0; i < CACHE_MB; i++)
		assert_int_equal(generic_file_read(t->q, file, i * MB, MB), MB);
	if (mapped) {
		touch.addr = do_mmap(t->q, t->task->mm, 0, CACHE_MB * MB, PROT_READ, MAP_SHARED,
				     file, 0);
		assert_false(IS_ERR_VALUE(touch.addr));
		assert_int_equal(mmu_touch(t->m, t->task, &touch), touch.nr_pages);
	}
	fput(t->q, file);
}

static void grow(struct testbox *t, void *arg)
{
	struct trial *trial = arg;
	struct touch touch = {.nr_pages = ANON_MB * MB_PAGES,
			      .stride = 1,
			      .write = true,
			      .kind = CONTENT_KIND_RANDOM};
	unsigned int near = numa_node_id(t->q);

	t->q->reclaim->zone_reclaim_mode = trial->mode;
	if (trial->min_unmapped)
		t->q->reclaim->min_unmapped_ratio = trial->min_unmapped;
	fill_cache(t, trial->mapped);
	touch.addr = do_mmap(t->q, t->task->mm, 0, ANON_MB * MB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	assert_false(IS_ERR_VALUE(touch.addr));
	assert_int_equal(mmu_touch(t->m, t->task, &touch), touch.nr_pages);
	trial->far = node_page_state(NODE_DATA(t->q, !near), NR_ANON_MAPPED);
	trial->stolen = global_vm_event(t->q, PGSTEAL_DIRECT);
	trial->failed = global_vm_event(t->q, PGSCAN_ZONE_RECLAIM_FAILED);
}

static void try(struct trial *trial)
{
	struct testbox *t = testbox_new(&two_nodes);

	testbox_run(t, grow, trial);
	testbox_verify(t);
	testbox_free(t);
}

static void test_modes(void **state)
{
	struct trial off = {0}, zone = {.mode = 1}, little = {.mode = 1, .min_unmapped = 60};
	struct trial mapped = {.mode = 1, .mapped = true}, unmap = {.mode = 5, .mapped = true};

	(void)state;
	try(&off);
	assert_int_equal(off.stolen, 0);
	assert_true(off.far > 30 * MB_PAGES);
	/* What is cached goes instead. */
	try(&zone);
	assert_true(zone.stolen > 30 * MB_PAGES);
	assert_true(zone.far < 4 * MB_PAGES);
	/* 120 MB of 256 are less than 60 %: it is left alone. */
	try(&little);
	assert_int_equal(little.stolen, 0);
	assert_true(little.far > 30 * MB_PAGES);
	/* Mapped pages only with RECLAIM_UNMAP (4). */
	try(&mapped);
	assert_true(mapped.far > 30 * MB_PAGES);
	try(&unmap);
	assert_true(unmap.stolen > 30 * MB_PAGES);
	assert_true(unmap.far < mapped.far / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_modes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
