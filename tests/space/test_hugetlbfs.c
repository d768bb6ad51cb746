/* SPDX-License-Identifier: MIT */
/*
 * hugetlbfs: mounts and their options, files and their names, what processes share
 * through them, size, holes, mounts' limits and own pages, files without names,
 * mremap; each with every allocation failing in turn; broken invariants.
 */
#include "tests/space/hugetlb_test.h"

#define CREAT HUGETLBFS_O_CREAT

static const struct testbox_config half_gig = {.node_mb = {512}};

static struct hugetlbfs_sb_info *mount_it(struct testbox *t, const char *options)
{
	struct hugetlbfs_sb_info *sbi = hugetlbfs_mount(t->q, "/huge", options);

	assert_false(IS_ERR(sbi));
	return sbi;
}

static struct file *open_it(struct testbox *t, struct hugetlbfs_sb_info *sbi, const char *name)
{
	struct file *file = hugetlbfs_open(t->q, sbi, name, CREAT, 0644);

	assert_false(IS_ERR_OR_NULL(file));
	return file;
}

static u64 map_file(struct testbox *t, struct task *task, struct file *file, unsigned long n,
		    int flags)
{
	return do_mmap(t->q, task->mm, 0, n * HUGE, RW, flags, file, 0);
}

static void end_mount(struct testbox *t, struct hugetlbfs_sb_info *sbi)
{
	assert_int_equal(hugetlbfs_umount(t->q, sbi), 0);
	testbox_verify(t);
}

/* ---- mounts ---------------------------------------------------------------------- */

static void options_fn(struct testbox *t, __unused void *arg)
{
	static const char *const bad[] = {
		"pagesize=4M", "pagesize=x",	      "size=",	     "size", "what=1", "mode=9",
		"uid=-1",      "size=2M,min_size=4M", "nr_inodes=5%"};
	struct hugetlbfs_sb_info *sbi;
	char path[32];

	resize(t, 10);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (PTR_ERR(hugetlbfs_mount(t->q, "/huge", bad[i])) != -EINVAL)
			fail_msg("option \"%s\" was taken", bad[i]);
	assert_int_equal(PTR_ERR(hugetlbfs_mount(t->q, "huge", NULL)), -EINVAL);
	sbi = mount_it(t, NULL);
	assert_int_equal(PTR_ERR(hugetlbfs_mount(t->q, "/huge", NULL)), -EBUSY);
	expect(t, proc_root(), "mounts",
	       "\nhugetlbfs /huge hugetlbfs rw,relatime,pagesize=2M 0 0\n");
	end_mount(t, sbi);
	assert_null(hugetlbfs_find(t->q, "/huge"));
	sbi = mount_it(t, "uid=7,gid=8,mode=1777,nr_inodes=1k,size=50%,min_size=2M");
	counts(t, 10, 10, 1, 0);
	expect(t, proc_root(), "mounts",
	       "rw,relatime,uid=7,gid=8,mode=1777,nr_inodes=1024,pagesize=2M,size=10485760,"
	       "min_size=2097152 0 0\n");
	snprintf(path, sizeof(path), "%d/mountinfo", t->task->pid);
	expect(t, proc_root(), path, " - hugetlbfs hugetlbfs rw,uid=7,");
	end_mount(t, sbi);
	counts(t, 10, 10, 0, 0);
	sbi = mount_it(t, "pagesize=1G");
	assert_int_equal(sbi->h->order, GIGANTIC_ORDER);
	expect(t, proc_root(), "mounts", "rw,relatime,pagesize=1024M 0 0\n");
	end_mount(t, sbi);
	/* More of its own than there is. */
	assert_int_equal(PTR_ERR(hugetlbfs_mount(t->q, "/huge", "min_size=22M")), -ENOMEM);
	counts(t, 10, 10, 0, 0);
}

static void test_options(__unused void **state)
{
	in_box(options_fn, &half_gig);
}

static void names_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi = mount_it(t, "nr_inodes=3");
	struct hugetlbfs_statfs st;
	struct file *a, *b, *again;

	assert_int_equal(PTR_ERR(hugetlbfs_open(t->q, sbi, "a", 0, 0)), -ENOENT);
	assert_int_equal(PTR_ERR(hugetlbfs_open(t->q, sbi, "a/b", CREAT, 0)), -EINVAL);
	a = open_it(t, sbi, "a");
	again = open_it(t, sbi, "a");
	assert_ptr_equal(a->f_inode, again->f_inode);
	assert_int_equal(PTR_ERR(hugetlbfs_open(t->q, sbi, "a", CREAT | HUGETLBFS_O_EXCL, 0)),
			 -EEXIST);
	b = open_it(t, sbi, "b");
	assert_int_equal(PTR_ERR(hugetlbfs_open(t->q, sbi, "c", CREAT, 0)), -ENOSPC);
	testbox_verify(t);
	assert_int_equal(hugetlbfs_umount(t->q, sbi), -EBUSY);
	fput(t->q, again);
	fput(t->q, a);
	assert_int_equal(hugetlbfs_umount(t->q, sbi), -EBUSY);
	assert_int_equal(hugetlbfs_unlink(t->q, sbi, "b"), 0);
	assert_int_equal(hugetlbfs_unlink(t->q, sbi, "b"), -ENOENT);
	assert_int_equal(hugetlbfs_umount(t->q, sbi), -EBUSY); /* still open */
	fput(t->q, b);
	b = open_it(t, sbi, "b"); /* another one */
	assert_int_equal(generic_file_write(t->q, b, 0, PAGE_SIZE), -EINVAL);
	fput(t->q, b);
	hugetlbfs_statfs(t->q, sbi, &st);
	assert_int_equal(st.f_type, HUGETLBFS_MAGIC);
	assert_int_equal(st.f_bsize, HUGE);
	assert_int_equal(st.f_blocks, 0);
	end_mount(t, sbi); /* with two files that nobody has open */
}

static void test_names(__unused void **state)
{
	in_box(names_fn, &half_gig);
}

/* ---- files ----------------------------------------------------------------------- */

static void share_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi = mount_it(t, NULL);
	struct file *file = open_it(t, sbi, "data"), *ro;
	struct task *child = fork_task(t, t->task);
	char path[32];
	u64 here, there, mine;

	resize(t, 6);
	ro = shmem_file_setup(t->q, "x", HUGE);
	assert_int_equal(map_file(t, t->task, ro, 1, MAP_SHARED | MAP_HUGETLB), (u64)-EINVAL);
	fput(t->q, ro);
	here = map_file(t, t->task, file, 3, MAP_SHARED);
	assert_false(IS_ERR_VALUE(here));
	assert_int_equal(file->f_inode->i_size, 3 * HUGE);
	counts(t, 6, 6, 3, 0);
	there = map_file(t, child, file, 3, MAP_SHARED);
	counts(t, 6, 6, 3, 0); /* promised once */
	assert_true(touch_one(t, t->task, here + PAGE_SIZE, 5));
	assert_true(touch_one(t, child, there + PAGE_SIZE, 0));
	assert_int_equal(peek(t, child, there + PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
	counts(t, 6, 5, 2, 0);
	snprintf(path, sizeof(path), "%d/smaps", t->task->pid);
	expect(t, proc_root(), path, " /huge/data\n");
	expect(t, proc_root(), path, "Shared_Hugetlb:     2048 kB\n");
	expect(t, proc_root(), path, "KernelPageSize:     2048 kB\n");
	snprintf(path, sizeof(path), "%d/numa_maps", t->task->pid);
	expect(t, proc_root(), path, " file=/huge/data huge dirty=1");
	/* A private mapping sees the file until it writes. */
	mine = map_file(t, child, file, 3, MAP_PRIVATE);
	counts(t, 6, 5, 5, 0);
	assert_true(touch_one(t, child, mine + PAGE_SIZE, 0));
	assert_int_equal(peek(t, child, mine + PAGE_SIZE), CONTENT(CONTENT_SAME, 5));
	counts(t, 6, 5, 5, 0);
	assert_true(touch_one(t, child, mine + PAGE_SIZE, 6));
	assert_true(touch_one(t, t->task, here + PAGE_SIZE, 7));
	assert_int_equal(peek(t, child, mine + PAGE_SIZE), CONTENT(CONTENT_SAME, 6));
	assert_int_equal(peek(t, child, there + PAGE_SIZE), CONTENT(CONTENT_SAME, 7));
	counts(t, 6, 4, 4, 0);
	/* It writes a page of the file without having read it. */
	assert_true(touch_one(t, t->task, here + HUGE, 8));
	assert_true(touch_one(t, child, mine + HUGE + PAGE_SIZE, 9));
	assert_int_equal(peek(t, child, mine + HUGE), CONTENT(CONTENT_SAME, 8));
	counts(t, 6, 2, 2, 0);
	assert_int_equal(generic_file_read(t->q, file, HUGE, 5 * HUGE), 2 * HUGE);
	end_child(t, child);
	counts(t, 6, 4, 1, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, here, 3 * HUGE), 0);
	counts(t, 6, 4, 1, 0); /* the file has its pages, and its promise */
	fput(t->q, file);
	ro = hugetlbfs_open(t->q, sbi, "data", HUGETLBFS_O_RDONLY, 0);
	assert_int_equal(map_file(t, t->task, ro, 1, MAP_SHARED), (u64)-EACCES);
	here = do_mmap(t->q, t->task->mm, 0, HUGE, PROT_READ, MAP_SHARED, ro, 512);
	assert_true(touch_one(t, t->task, here, 0));
	assert_int_equal(peek(t, t->task, here), CONTENT(CONTENT_SAME, 8));
	assert_int_equal(do_mmap(t->q, t->task->mm, 0, HUGE, PROT_READ, MAP_SHARED, ro, 1),
			 (u64)-EINVAL);
	assert_int_equal(do_munmap(t->q, t->task->mm, here, HUGE), 0);
	fput(t->q, ro);
	end_mount(t, sbi);
	counts(t, 6, 6, 0, 0);
}

static void test_share(__unused void **state)
{
	in_box(share_fn, &half_gig);
}

static void size_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi = mount_it(t, NULL);
	struct file *file = open_it(t, sbi, "f");
	struct inode *inode = file->f_inode;
	u64 addr, private;

	resize(t, 8);
	addr = map_file(t, t->task, file, 4, MAP_SHARED);
	private = map_file(t, t->task, file, 4, MAP_PRIVATE);
	for (unsigned long i = 0; i < 3; i++)
		assert_true(touch_one(t, t->task, addr + i * HUGE, 1 + i));
	assert_true(touch_one(t, t->task, private + HUGE, 9));
	counts(t, 8, 4, 4, 0);
	assert_int_equal(hugetlbfs_truncate(t->q, inode, HUGE + PAGE_SIZE), -EINVAL);
	assert_int_equal(hugetlbfs_truncate(t->q, inode, HUGE), 0);
	/* Two pages of the file, a promise of it and a private copy went; the private
	 * area's other promises stay. */
	counts(t, 8, 7, 3, 0);
	assert_int_equal(hugetlbfs_truncate(t->q, inode, 4 * HUGE), 0);
	assert_true(touch_one(t, t->task, addr + HUGE, 0)); /* promised to nobody */
	assert_int_equal(peek(t, t->task, addr + HUGE), 0);
	counts(t, 8, 6, 3, 0);
	assert_int_equal(hugetlbfs_truncate(t->q, inode, HUGE), 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, private, 4 * HUGE), 0);
	counts(t, 8, 7, 0, 0);
	fput(t->q, file);
	assert_false(touch_one(t, t->task, addr + HUGE, 1));
	assert_int_equal(t->task->signal->exit_code, SIGBUS);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 4 * HUGE), 0);
	assert_int_equal(hugetlbfs_umount(t->q, sbi), 0);
}

static void test_size(__unused void **state)
{
	in_box(size_fn, &half_gig);
}

static void fallocate_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi = mount_it(t, NULL);
	struct file *file = open_it(t, sbi, "f");
	int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	u64 addr;

	resize(t, 6);
	assert_int_equal(hugetlbfs_fallocate(t->q, file, 8, 0, HUGE), -EOPNOTSUPP);
	assert_int_equal(hugetlbfs_fallocate(t->q, file, FALLOC_FL_PUNCH_HOLE, 0, HUGE),
			 -EOPNOTSUPP);
	assert_int_equal(hugetlbfs_fallocate(t->q, file, 0, 0, 0), -EINVAL);
	assert_int_equal(hugetlbfs_fallocate(t->q, file, 0, HUGE, 3 * HUGE), 0);
	assert_int_equal(file->f_inode->i_size, 4 * HUGE);
	counts(t, 6, 3, 0, 0);
	assert_int_equal(hugetlbfs_fallocate(t->q, file, 1, 4 * HUGE, HUGE), 0);
	assert_int_equal(file->f_inode->i_size, 4 * HUGE);
	addr = map_file(t, t->task, file, 4, MAP_SHARED);
	counts(t, 6, 2, 1, 0); /* three are there */
	for (unsigned long i = 0; i < 4; i++)
		assert_true(touch_one(t, t->task, addr + i * HUGE + PAGE_SIZE, 5 + i));
	counts(t, 6, 1, 0, 0);
	/* The second goes, the first's end and the third's beginning are zeros. */
	assert_int_equal(hugetlbfs_fallocate(t->q, file, punch, PAGE_SIZE, 2 * HUGE + PAGE_SIZE),
			 0);
	counts(t, 6, 2, 0, 0);
	assert_int_equal(peek(t, t->task, addr + PAGE_SIZE), 0);
	assert_int_equal(peek(t, t->task, addr + 2 * HUGE + PAGE_SIZE), 0);
	assert_int_equal(peek(t, t->task, addr + 3 * HUGE + PAGE_SIZE), CONTENT(CONTENT_SAME, 8));
	assert_true(touch_one(t, t->task, addr + HUGE, 0)); /* of what the pool has left */
	assert_int_equal(peek(t, t->task, addr + HUGE), 0);
	counts(t, 6, 1, 0, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 4 * HUGE), 0);
	assert_int_equal(hugetlbfs_fallocate(t->q, file, 0, 0, 9 * HUGE), -ENOSPC);
	counts(t, 6, 0, 0, 0);
	fput(t->q, file);
	end_mount(t, sbi);
	counts(t, 6, 6, 0, 0);
}

static void test_fallocate(__unused void **state)
{
	in_box(fallocate_fn, &half_gig);
}

/* ---- subpools -------------------------------------------------------------------- */

static void limit_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi = mount_it(t, "size=6M");
	struct file *file = open_it(t, sbi, "f");
	struct hugetlbfs_statfs st;
	u64 addr, more;

	resize(t, 8);
	assert_int_equal(map_file(t, t->task, file, 4, MAP_SHARED), (u64)-ENOMEM);
	counts(t, 8, 8, 0, 0);
	addr = map_file(t, t->task, file, 2, MAP_SHARED);
	assert_true(touch_one(t, t->task, addr, 1));
	counts(t, 8, 7, 1, 0);
	hugetlbfs_statfs(t->q, sbi, &st);
	assert_int_equal(st.f_blocks, 3);
	assert_int_equal(st.f_bavail, 1);
	assert_int_equal(map_file(t, t->task, file, 2, MAP_PRIVATE), (u64)-ENOMEM);
	more = map_file(t, t->task, file, 2, MAP_PRIVATE | MAP_NORESERVE);
	assert_true(touch_one(t, t->task, more, 2));
	counts(t, 8, 6, 1, 0);
	/* The pool has pages, the mount has not. */
	assert_false(touch_one(t, t->task, more + HUGE, 2));
	assert_int_equal(t->task->signal->exit_code, SIGBUS);
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, t->task->mm, more, 2 * HUGE), 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
	fput(t->q, file);
	end_mount(t, sbi);
	counts(t, 8, 8, 0, 0);
}

static void test_limit(__unused void **state)
{
	in_box(limit_fn, &half_gig);
}

static void own_pages_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi;
	struct file *file;
	u64 addr, loose;

	resize(t, 4);
	sbi = mount_it(t, "min_size=6M,size=8M");
	file = open_it(t, sbi, "f");
	counts(t, 4, 4, 3, 0);
	/* Others may have one. */
	assert_int_equal(do_mmap(t->q, t->task->mm, 0, 2 * HUGE, RW, HUGEMAP, NULL, 0),
			 (u64)-ENOMEM);
	addr = map_file(t, t->task, file, 2, MAP_SHARED);
	counts(t, 4, 4, 3, 0); /* of its own */
	assert_true(touch_one(t, t->task, addr, 1));
	counts(t, 4, 3, 2, 0);
	loose = map_file(t, t->task, file, 2, MAP_PRIVATE | MAP_NORESERVE);
	assert_true(touch_one(t, t->task, loose, 3));
	counts(t, 4, 2, 1, 0); /* the last of its own */
	assert_true(touch_one(t, t->task, loose + HUGE, 3));
	counts(t, 4, 1, 1, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, loose, 2 * HUGE), 0);
	testbox_verify(t);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
	fput(t->q, file);
	testbox_verify(t);
	end_mount(t, sbi);
	counts(t, 4, 4, 0, 0);
}

static void test_own_pages(__unused void **state)
{
	in_box(own_pages_fn, &half_gig);
}

/* ---- without names, and moved ------------------------------------------------------ */

static void nameless_fn(struct testbox *t, __unused void *arg)
{
	struct file *shm, *memfd;
	char path[32];
	u64 addr;

	resize(t, 4);
	assert_int_equal(PTR_ERR(hugetlb_file_setup(t->q, "SYSV00000000", 5 * HUGE, 0, pool(t))),
			 -ENOMEM);
	counts(t, 4, 4, 0, 0);
	shm = hugetlb_file_setup(t->q, "SYSV00000000", 3 * HUGE, 0, pool(t));
	assert_false(IS_ERR(shm));
	counts(t, 4, 4, 3, 0);
	addr = map_file(t, t->task, shm, 3, MAP_SHARED);
	counts(t, 4, 4, 3, 0);
	assert_true(touch_one(t, t->task, addr, 1));
	snprintf(path, sizeof(path), "%d/maps", t->task->pid);
	expect(t, proc_root(), path, " /SYSV00000000 (deleted)\n");
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 3 * HUGE), 0);
	counts(t, 4, 3, 2, 0);
	fput(t->q, shm);
	counts(t, 4, 4, 0, 0);
	memfd = hugetlb_file_setup(t->q, "memfd:x", 0, VM_NORESERVE, pool(t));
	assert_int_equal(hugetlbfs_truncate(t->q, memfd->f_inode, 2 * HUGE), 0);
	assert_int_equal(hugetlbfs_fallocate(t->q, memfd, 0, 0, HUGE), 0);
	addr = do_mmap(t->q, t->task->mm, 0, 2 * HUGE, RW, MAP_SHARED | MAP_POPULATE, memfd, 0);
	assert_false(IS_ERR_VALUE(addr));
	counts(t, 4, 2, 0, 0);
	fput(t->q, memfd);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
	counts(t, 4, 4, 0, 0);
	/* Mode 2 does not make promises of what asks for none. */
	t->q->space->overcommit_memory = 2;
	addr = do_mmap(t->q, t->task->mm, 0, 9 * HUGE, RW, HUGEMAP | MAP_NORESERVE, NULL, 0);
	t->q->space->overcommit_memory = 0;
	assert_false(IS_ERR_VALUE(addr));
	counts(t, 4, 4, 0, 0);
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 9 * HUGE), 0);
}

static void test_nameless(__unused void **state)
{
	in_box(nameless_fn, &half_gig);
}

static void move_fn(struct testbox *t, __unused void *arg)
{
	struct mm_struct *mm = t->task->mm;
	u64 to, addr;

	resize(t, 5);
	for (unsigned int shared = 0; shared < 2; shared++) {
		to = 0x40000000;
		addr = do_mmap(t->q, mm, 0, 4 * HUGE, RW, shared ? SHARED : HUGEMAP, NULL, 0);
		assert_true(touch_one(t, t->task, addr + HUGE, 3));
		counts(t, 5, 4, 3, 0);
		assert_int_equal(do_mremap(t->q, mm, addr, 4 * HUGE, 5 * HUGE, 1, 0), (u64)-EINVAL);
		assert_int_equal(do_mremap(t->q, mm, addr, 4 * HUGE, 4 * HUGE,
					   MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE_SIZE),
				 (u64)-EINVAL);
		assert_int_equal(do_mremap(t->q, mm, addr, 4 * HUGE, 4 * HUGE,
					   MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0),
				 (u64)-EINVAL);
		for (unsigned long n = 1; n < 6; n++) {
			u64 got;

			testbox_fail_alloc(t, n);
			got = do_mremap(t->q, mm, addr, 4 * HUGE, 4 * HUGE,
					MREMAP_MAYMOVE | MREMAP_FIXED, to);
			testbox_fail_alloc(t, 0);
			counts(t, 5, 4, 3, 0);
			if (!IS_ERR_VALUE(got)) {
				to = addr;
				addr = got;
			}
			assert_int_equal(peek(t, t->task, addr + HUGE), CONTENT(CONTENT_SAME, 3));
		}
		/* What is promised goes along, and is used there; the middle moves alone. */
		assert_int_equal(do_mremap(t->q, mm, addr + HUGE, 2 * HUGE, HUGE,
					   MREMAP_MAYMOVE | MREMAP_FIXED, to),
				 to);
		counts(t, 5, 4, shared ? 3 : 2, 0);
		assert_int_equal(peek(t, t->task, to), CONTENT(CONTENT_SAME, 3));
		assert_true(touch_one(t, t->task, addr, 4));
		counts(t, 5, 3, shared ? 2 : 1, 0);
		assert_int_equal(do_munmap(t->q, mm, to, HUGE), 0);
		assert_int_equal(do_munmap(t->q, mm, addr, 4 * HUGE), 0);
		counts(t, 5, 5, 0, 0);
	}
}

static void test_move(__unused void **state)
{
	in_box(move_fn, &half_gig);
}

/* ---- failing, breaking ----------------------------------------------------------- */

static void no_memory_fn(struct testbox *t, __unused void *arg)
{
	int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	unsigned long failed = 0;

	resize(t, 6);
	for (unsigned long n = 1; n < 24; n++) {
		struct hugetlbfs_sb_info *sbi;
		struct file *file = NULL;
		u64 addr = (u64)-ENOMEM;

		t->failed = 0;
		testbox_fail_alloc(t, n);
		sbi = hugetlbfs_mount(t->q, "/huge", n & 1 ? "min_size=2M,size=10M" : NULL);
		if (!IS_ERR(sbi))
			file = hugetlbfs_open(t->q, sbi, "f", CREAT, 0);
		if (!IS_ERR_OR_NULL(file)) {
			addr = map_file(t, t->task, file, 2, n & 2 ? MAP_SHARED : MAP_PRIVATE);
			(void)hugetlbfs_fallocate(t->q, file, 0, 0, 3 * HUGE);
		}
		if (!IS_ERR_VALUE(addr)) {
			struct task *child = copy_process(t->q, t->task, 0);

			(void)touch_one(t, t->task, addr, 1);
			if (!IS_ERR_OR_NULL(child))
				end_child(t, child);
			(void)hugetlbfs_fallocate(t->q, file, punch, HUGE, HUGE);
			testbox_fail_alloc(t, 0);
			testbox_verify(t);
			assert_int_equal(do_munmap(t->q, t->task->mm, addr, 2 * HUGE), 0);
		}
		testbox_fail_alloc(t, 0);
		failed += t->failed;
		testbox_verify(t);
		if (!IS_ERR_OR_NULL(file))
			fput(t->q, file);
		if (!IS_ERR(sbi))
			assert_int_equal(hugetlbfs_umount(t->q, sbi), 0);
		counts(t, 6, 6, 0, 0);
	}
	assert_true(failed > 0);
}

static void test_no_memory(__unused void **state)
{
	in_box(no_memory_fn, &half_gig);
}

static void break_fn(struct testbox *t, __unused void *arg)
{
	struct hugetlbfs_sb_info *sbi;
	struct hugetlbfs_inode *hi;
	struct file_region *rg;
	struct file *file;
	struct page *page;
	u64 addr;

	resize(t, 6);
	sbi = mount_it(t, "size=10M,min_size=4M,nr_inodes=9");
	file = open_it(t, sbi, "f");
	hi = HUGETLBFS_I(file->f_inode);
	addr = map_file(t, t->task, file, 3, MAP_SHARED);
	assert_true(touch_one(t, t->task, addr, 1));
	page = hugetlb_find_page(t->q, hi, 0);
	put_page(t->q, page);
	rg = list_first_entry(&hi->resv->regions, struct file_region, link);
	testbox_verify(t);
	BREAK(t, sbi->free_inodes, 3, "counts 3 free inodes of 9");
	BREAK(t, sbi->spool->rsv_hpages, 3, "has 3 pages of its own left, of 2");
	BREAK(t, sbi->spool->used_hpages, 4, "counts 4 pages, its files have 3");
	BREAK(t, rg->from, 1, "page 0 of file");
	BREAK(t, rg->to, 0, "overlap at page 0");
	BREAK(t, hi->resv->nr_cache, 7, "is malformed");
	BREAK(t, page[1].compound_dtor, COMPOUND_PAGE_DTOR, "is of no such pool");
	BREAK(t, page->index, 1, "does not say so");
	assert_int_equal(do_munmap(t->q, t->task->mm, addr, 3 * HUGE), 0);
	fput(t->q, file);
	end_mount(t, sbi);
}

static void test_break(__unused void **state)
{
	in_box(break_fn, &half_gig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),	  cmocka_unit_test(test_names),
		cmocka_unit_test(test_share),	  cmocka_unit_test(test_size),
		cmocka_unit_test(test_fallocate), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_own_pages), cmocka_unit_test(test_nameless),
		cmocka_unit_test(test_move),	  cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
