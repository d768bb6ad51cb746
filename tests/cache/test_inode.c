/* SPDX-License-Identifier: MIT */
/*
 * Inodes, dentries, open files and extents: their references, what the
 * shrinker takes and what it leaves, a full device, failing allocations.
 */
#include "tests/lib/testlib.h"
#include "cache/internal.h"
#include "base/text.h"
#include "reclaim/vmscan.h"

#define NR_FILES 500

static void run(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {128}, .disk = true});

	testbox_call(t, fn, NULL);
	testbox_verify(t);
	testbox_free(t);
}

static struct inode *make_inode(struct testbox *t, u64 nr_pages)
{
	struct inode *inode = new_inode(t->q, t->sb, nr_pages * PAGE_SIZE, false);

	assert_false(IS_ERR(inode));
	return inode;
}

/* A file with a name in dir: the dentry, with a reference. */
static struct dentry *create(struct testbox *t, struct dentry *dir, const char *name, u64 nr_pages)
{
	struct inode *inode = make_inode(t, nr_pages);
	struct dentry *d = d_alloc(t->q, dir, name, inode);

	assert_non_null(d);
	iput(t->q, inode);
	return d;
}

static void names(struct testbox *t, void *arg)
{
	static const char long_name[] = "a-name-that-does-not-fit-into-the-dentry-itself.txt";
	struct dentry *root = t->sb->s_root, *dir = create(t, root, "dir", 0), *d, *again;

	(void)arg;
	d = create(t, dir, "file", 3);
	assert_int_equal(d->d_count, 1);
	assert_int_equal(d->d_inode->i_count, 1);
	assert_int_equal(dir->d_count, 2);
	again = d_lookup(t->q, dir, "file");
	assert_ptr_equal(again, d);
	assert_int_equal(d->d_count, 2);
	assert_null(d_lookup(t->q, root, "file"));
	assert_null(d_lookup(t->q, dir, "fil"));
	dput(t->q, again);
	dput(t->q, d);
	assert_int_equal(t->sb->nr_dentry_lru, 1);
	/* It stays, and is found. */
	assert_ptr_equal(d_lookup(t->q, dir, "file"), d);
	testbox_verify(t);
	d_delete(t->q, d);
	assert_null(d_lookup(t->q, dir, "file"));
	dput(t->q, d);
	assert_int_equal(t->sb->nr_dentries, 2);
	assert_int_equal(t->sb->nr_inodes, 2);
	d = create(t, dir, long_name, 1);
	assert_string_equal(d->name, long_name);
	assert_ptr_not_equal(d->name, d->d_iname);
	dput(t->q, dir);
	/* A name without a file. */
	again = d_alloc(t->q, dir, "nothing", NULL);
	assert_non_null(again);
	assert_null(again->d_inode);
	dput(t->q, again);
	dput(t->q, d);
}

static void deleted_while_open(struct testbox *t, void *arg)
{
	struct dentry *d = create(t, t->sb->s_root, "log", 0);
	struct file *file = alloc_file(t->q, d->d_inode, true);

	(void)arg;
	assert_non_null(file);
	assert_int_equal(generic_file_write(t->q, file, 0, 5 * PAGE_SIZE), 5 * PAGE_SIZE);
	d_delete(t->q, d);
	dput(t->q, d);
	assert_int_equal(t->sb->nr_inodes, 2);
	assert_int_equal(generic_file_read(t->q, file, 0, 9 * PAGE_SIZE), 5 * PAGE_SIZE);
	fput(t->q, file);
	assert_int_equal(t->sb->nr_inodes, 1);
	assert_int_equal(global_node_page_state(t->q, NR_FILE_DIRTY), 0);
	assert_true(list_empty(&t->bdi->wb.b_dirty));
}

static unsigned long shrink(struct testbox *t, unsigned long nr, gfp_t gfp)
{
	struct shrinker *s = &t->sb->shrinker;
	struct shrink_control sc = {.gfp = gfp, .nid = 0, .nr_to_scan = nr};

	return s->scan_objects(t->q, s, &sc);
}

static unsigned long count(struct testbox *t)
{
	struct shrinker *s = &t->sb->shrinker;
	struct shrink_control sc = {.gfp = GFP_KERNEL, .nid = 0};

	return s->count_objects(t->q, s, &sc);
}

static void shrinker(struct testbox *t, void *arg)
{
	struct dentry *dir = create(t, t->sb->s_root, "d", 0), *kept = NULL;
	struct file *file;
	char name[32];

	(void)arg;
	assert_int_equal(count(t), SHRINK_EMPTY);
	for (int i = 0; i < NR_FILES; i++) {
		struct dentry *d;

		text_format(name, sizeof(name), "f%d", i);
		d = create(t, dir, name, 1);
		/* Every second one has a page. */
		if (i % 2) {
			file = alloc_file(t->q, d->d_inode, false);
			assert_non_null(file);
			assert_int_equal(generic_file_read(t->q, file, 0, 1), 1);
			fput(t->q, file);
		}
		if (i == 7)
			kept = d;
		else
			dput(t->q, d);
	}
	assert_int_equal(t->sb->nr_dentry_lru, NR_FILES - 1);
	assert_int_equal(count(t), NR_FILES - 1);
	t->q->cache->vfs_cache_pressure = 50;
	assert_int_equal(count(t), (NR_FILES - 1) / 2);
	t->q->cache->vfs_cache_pressure = 100;
	assert_int_equal(shrink(t, 100, GFP_NOFS), SHRINK_STOP);
	/* Used again: a second chance. */
	dput(t->q, d_lookup(t->q, dir, "f0"));
	for (int i = 0; i < 10; i++)
		(void)shrink(t, 10, GFP_KERNEL);
	testbox_verify(t);
	assert_null(d_lookup(t->q, dir, "f1"));
	kept->d_referenced = true;
	assert_ptr_equal(d_lookup(t->q, dir, "f7"), kept);
	dput(t->q, kept);
	for (int i = 0; i < 200; i++)
		(void)shrink(t, 100, GFP_KERNEL);
	testbox_verify(t);
	/* What is left: the root and d, the file kept; and those with pages. */
	assert_int_equal(t->sb->nr_dentries, 3);
	assert_int_equal(t->sb->nr_inodes, 2 + NR_FILES / 2);
	assert_int_equal(t->sb->nr_inode_lru, 0);
	/* Their last pages go: then they are in the shrinker's reach. */
	drop_pagecache(t->q);
	assert_int_equal(t->sb->nr_inode_lru, NR_FILES / 2 - 1);
	testbox_verify(t);
	for (int i = 0; i < 200; i++)
		(void)shrink(t, 100, GFP_KERNEL);
	assert_int_equal(t->sb->nr_inodes, 3);
	dput(t->q, kept);
	dput(t->q, dir);
	/* Parents go with their last child. */
	for (int i = 0; i < 10; i++)
		(void)shrink(t, 100, GFP_KERNEL);
	assert_int_equal(t->sb->nr_dentries, 1);
	drop_pagecache(t->q);
	for (int i = 0; i < 10; i++)
		(void)shrink(t, 100, GFP_KERNEL);
	assert_int_equal(t->sb->nr_inodes, 1);
	assert_int_equal(count(t), SHRINK_EMPTY);
}

static void full_device(struct testbox *t, void *arg)
{
	struct inode *a, *b, *inodes[3];
	struct file *file;
	u64 start;

	(void)arg;
	t->sb->nr_blocks = 1000;
	a = make_inode(t, 600);
	assert_int_equal(PTR_ERR(new_inode(t->q, t->sb, 500 * PAGE_SIZE, false)), -ENOSPC);
	b = make_inode(t, 100);
	file = alloc_file(t->q, b, true);
	assert_non_null(file);
	assert_int_equal(generic_file_write(t->q, file, 0, 500 * PAGE_SIZE), -ENOSPC);
	/* It grows until there is nothing left. */
	assert_int_equal(generic_file_write(t->q, file, 0, 250 * PAGE_SIZE), 250 * PAGE_SIZE);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	testbox_verify(t);
	/* What a file leaves is the next one's. */
	start = a->disk_start;
	a->i_nlink = 0;
	iput(t->q, a);
	a = make_inode(t, 600);
	assert_int_equal(a->disk_start, start);
	a->i_nlink = 0;
	iput(t->q, a);
	/* A small file may have a large place, and then a large one has none. */
	inodes[0] = make_inode(t, 80);
	inodes[1] = make_inode(t, 90);
	assert_true(inodes[1]->disk_start == start);
	assert_int_equal(PTR_ERR(new_inode(t->q, t->sb, 600 * PAGE_SIZE, false)), -ENOSPC);
	for (int i = 0; i < 2; i++) {
		inodes[i]->i_nlink = 0;
		iput(t->q, inodes[i]);
	}
	b->i_nlink = 0;
	iput(t->q, b);
	fput(t->q, file);
	/* No two files share a block. */
	for (int i = 0; i < 3; i++)
		inodes[i] = make_inode(t, 90);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < i; j++)
			assert_int_not_equal(inodes[i]->disk_start, inodes[j]->disk_start);
	for (int i = 0; i < 3; i++)
		iput(t->q, inodes[i]);
}

static void no_memory(struct testbox *t, void *arg)
{
	struct dentry *d, *made[600];
	int nr = 0, nr_inodes = 0;
	char name[64];

	(void)arg;
	testbox_fail_all_allocs(t);
	/* The slabs have some objects left. */
	for (; nr < 600; nr++) {
		struct inode *inode = new_inode(t->q, t->sb, PAGE_SIZE, false);

		if (IS_ERR(inode)) {
			assert_int_equal(PTR_ERR(inode), -ENOMEM);
			break;
		}
		nr_inodes++;
		text_format(name, sizeof(name), "a long name so that it is allocated apart %d", nr);
		d = d_alloc(t->q, t->sb->s_root, name, inode);
		iput(t->q, inode);
		if (!d)
			break;
		made[nr] = d;
	}
	assert_in_range(nr, 0, 599);
	testbox_verify(t);
	assert_null(bdi_register(t->q, 5, "none"));
	assert_null(sget(t->q, NULL, t->q->cache->inode_cachep));
	testbox_fail_alloc(t, 0);
	testbox_verify(t);
	while (nr--)
		dput(t->q, made[nr]);
	assert_int_equal(t->sb->nr_inodes, 1 + nr_inodes);
}

static void verifier(struct testbox *t, void *arg)
{
	struct dentry *d = create(t, t->sb->s_root, "x", 1);
	struct inode *inode = d->d_inode;
	struct list_lru_one *lru = &t->sb->s_inode_lru.node[0];

	(void)arg;
	t->sb->nr_dentries++;
	testbox_verify_reports(t, "dentries counted");
	t->sb->nr_dentries--;
	t->sb->s_root->d_count = 0;
	testbox_verify_reports(t, "more children than references");
	t->sb->s_root->d_count = 2;
	d->d_count = 0;
	testbox_verify_reports(t, "out of reach");
	d->d_count = 1;
	inode->i_count = 0;
	testbox_verify_reports(t, "an inode without references");
	testbox_verify_reports(t, "unused and not on the LRU");
	inode->i_count = 1;
	lru->nr_items++;
	testbox_verify_reports(t, "LRUs of unused inodes");
	lru->nr_items--;
	t->sb->nr_inode_lru++;
	testbox_verify_reports(t, "unused inodes counted");
	t->sb->nr_inode_lru--;
	d->d_sb = NULL;
	testbox_verify_reports(t, "has lost its place");
	d->d_sb = t->sb;
	inode->i_sb = t->q->cache->shm_sb;
	testbox_verify_reports(t, "is on another's list");
	inode->i_sb = t->sb;
	dput(t->q, d);
}

static void dirty_order(struct testbox *t, void *arg)
{
	struct inode *a = make_inode(t, 0), *b = make_inode(t, 0);
	struct list_head *next;

	(void)arg;
	mark_inode_dirty(t->q, a, I_DIRTY_INODE);
	sleep_ns(t->q, NSEC_PER_SEC);
	mark_inode_dirty(t->q, b, I_DIRTY_INODE);
	a->dirtied_when += 10 * NSEC_PER_SEC;
	testbox_verify_reports(t, "out of order");
	a->dirtied_when -= 10 * NSEC_PER_SEC;
	next = a->i_io_list.next;
	a->i_io_list.next = &t->bdi->wb.b_dirty;
	testbox_verify_reports(t, "dirty list of nvme0n1 is malformed");
	a->i_io_list.next = next;
	iput(t->q, a);
	iput(t->q, b);
	/* Dirty, they are not in the shrinker's reach; written, they are. */
	assert_int_equal(t->sb->nr_inode_lru, 0);
	sync_filesystems(t->q);
	assert_int_equal(t->sb->nr_inode_lru, 2);
}

static unsigned long count_of(struct testbox *t, struct mem_cgroup *memcg)
{
	struct shrinker *s = &t->sb->shrinker;
	struct shrink_control sc = {.gfp = GFP_KERNEL, .nid = 0, .memcg = memcg};
	unsigned long n = s->count_objects(t->q, s, &sc);

	return n == SHRINK_EMPTY ? 0 : n;
}

/* 20 unused files that a group pays for. */
static void create_for(struct testbox *t, struct mem_cgroup *memcg, const char *letter)
{
	char name[16];

	(void)set_active_memcg(t->q, memcg);
	for (int i = 0; i < 20; i++) {
		text_format(name, sizeof(name), "%s%d", letter, i);
		dput(t->q, create(t, t->sb->s_root, name, 1));
	}
	(void)set_active_memcg(t->q, NULL);
}

/* A group's shrinking takes what the group pays for; what is left when it is removed is
 * its parent's. */
static void groups(struct testbox *t, void *arg)
{
	struct quire *q = t->q;
	struct mem_cgroup *a = mem_cgroup_create(q, NULL, "a"), *b = mem_cgroup_create(q, a, "b");
	unsigned long before = count_of(t, NULL);
	struct list_lru_one *lru;
	struct list_head *item;

	(void)arg;
	create_for(t, NULL, "r");
	create_for(t, a, "a");
	create_for(t, b, "b");
	assert_int_equal(count_of(t, NULL), before + 20);
	assert_int_equal(count_of(t, a), 20);
	assert_int_equal(count_of(t, b), 20);
	testbox_verify(t);
	for (int i = 0; i < 60; i++)
		(void)shrink_slab(q, GFP_KERNEL, 0, b, 0);
	assert_int_equal(count_of(t, b), 0);
	assert_int_equal(count_of(t, a), 20);
	assert_int_equal(count_of(t, NULL), before + 20);
	assert_null(d_lookup(q, t->sb->s_root, "b3"));
	create_for(t, b, "b");
	/* Somebody's on another's list. */
	lru = list_lru_of(&t->sb->s_dentry_lru, a, 0);
	item = lru->list.next;
	list_move(item, &t->sb->s_dentry_lru.node[0].list);
	t->sb->s_dentry_lru.node[0].nr_items++;
	lru->nr_items--;
	testbox_verify_reports(t, "an unused object is on another's list, of node 0");
	list_move(item, &lru->list);
	t->sb->s_dentry_lru.node[0].nr_items--;
	lru->nr_items++;
	testbox_verify(t);
	/* Both go. */
	assert_int_equal(mem_cgroup_remove(q, b), 0);
	assert_int_equal(count_of(t, a), 40);
	testbox_verify(t);
	assert_int_equal(mem_cgroup_remove(q, a), 0);
	assert_int_equal(count_of(t, NULL), before + 60);
	testbox_verify(t);
	drop_slab(q);
	drop_slab(q);
	assert_int_equal(count_of(t, NULL), 0);
}

#define TEST(name)                            \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		run(name);                    \
	}
TEST(names)
TEST(deleted_while_open)
TEST(shrinker)
TEST(full_device)
TEST(no_memory)
TEST(verifier)
TEST(dirty_order)
TEST(groups)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	    cmocka_unit_test(test_deleted_while_open),
		cmocka_unit_test(test_shrinker),    cmocka_unit_test(test_full_device),
		cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_verifier),
		cmocka_unit_test(test_dirty_order), cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
