/* SPDX-License-Identifier: MIT */
/*
 * Control groups' writeback: a group's own dirty limits hold its writers back and nobody
 * else; files go over to the group that writes most of them; a removed group's go to
 * its parent; what memory.stat says of dirty pages.
 */
#include "tests/verify/break.h"
#include "tests/proc/proc_test.h"
#include "cache/internal.h"

#define DISK_MB 20UL /* a second */

struct box {
	struct testbox *t;
	struct backing_dev *bdi;
	struct mem_cgroup *a, *b;
};

static struct mem_cgroup *group(struct testbox *t, struct mem_cgroup *parent, const char *name,
				unsigned long mb)
{
	struct mem_cgroup *memcg = mem_cgroup_create(t->q, parent, name);

	assert_false(IS_ERR(memcg));
	if (mb)
		mem_cgroup_set_max(t->q, memcg, (long)(mb * MB_PAGES));
	return memcg;
}

static void on_slow_disk(void (*fn)(struct testbox *t, void *arg))
{
	struct testbox *t = testbox_new(&(struct testbox_config){.node_mb = {512}, .disk = true});
	struct model_disk_config slow = {.name = "sda",
					 .size_bytes = 4UL << 30,
					 .read_latency_ns = NSEC_PER_MSEC,
					 .write_latency_ns = NSEC_PER_MSEC,
					 .bandwidth = DISK_MB << 20,
					 .queue_depth = 4};
	struct box b = {.t = t};

	b.bdi = bdi_register(t->q, model_add_disk(t->m, &slow), "sda");
	assert_non_null(b.bdi);
	t->sb = sget(t->q, b.bdi, t->q->cache->ext4_inode_cachep);
	assert_non_null(t->sb);
	b.a = group(t, NULL, "a", 64);
	b.b = group(t, NULL, "b", 64);
	testbox_run(t, fn, &b);
	testbox_verify(t);
	testbox_free(t);
}

static void write_mb(struct testbox *t, struct file *file, unsigned long at, unsigned long mb)
{
	assert_int_equal(generic_file_write(t->q, file, at * MB, mb * MB), mb * MB);
}

static void enter(struct testbox *t, struct mem_cgroup *memcg)
{
	assert_int_equal(task_set_memcg(t->q, t->task, memcg), 0);
}

static struct mem_cgroup *owner(const struct file *file)
{
	return inode_to_wb(file->f_inode)->memcg;
}

/* ---- limits ---------------------------------------------------------------------- */

/* A fifth of 64 MB may be dirty there; of the machine it is a hundred. */
static void own_limit(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct file *file = testbox_file(t, t->sb, 0), *other = testbox_file(t, t->sb, 0);
	unsigned long most = 0;
	u64 start, group_ns, root_ns;

	enter(t, b->a);
	for (unsigned long i = 0; i < 40; i++) {
		unsigned long dirty;

		write_mb(t, file, i, 1);
		dirty = (unsigned long)(memcg_page_state(t->q, b->a, NR_FILE_DIRTY) +
					memcg_page_state(t->q, b->a, NR_WRITEBACK));
		assert_true(dirty <= 64 * MB_PAGES / 5 + 128);
		most = max(most, dirty);
	}
	assert_ptr_equal(owner(file), b->a);
	assert_true(most > 64 * MB_PAGES / 10);
	start = quire_clock(t->q);
	write_mb(t, file, 40, 4);
	group_ns = quire_clock(t->q) - start;
	/* Beside it, on the same disk, nobody waits. */
	enter(t, NULL);
	start = quire_clock(t->q);
	write_mb(t, other, 0, 4);
	root_ns = quire_clock(t->q) - start;
	print_message("# dirty at most %lu kB of the group; 4 MB: %lu ms in it, %lu ms outside\n",
		      most * 4, (unsigned long)(group_ns / NSEC_PER_MSEC),
		      (unsigned long)(root_ns / NSEC_PER_MSEC));
	assert_true(group_ns > 4 * NSEC_PER_SEC / DISK_MB / 2);
	assert_true(root_ns < 20 * NSEC_PER_MSEC);
	assert_ptr_equal(owner(other), NULL);
	fput(t->q, file);
	fput(t->q, other);
}

static void test_own_limit(__unused void **state)
{
	on_slow_disk(own_limit);
}

/* Bytes are the machine's: a group has the part of them that it has of the machine.  And a
 * smaller memory.max is felt at once. */
static void limit_follows(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct file *file = testbox_file(t, t->sb, 0);
	unsigned long before;
	u64 start;

	assert_int_equal(put(t->q, "/proc/sys/vm/dirty_bytes", "50000000\n"), 9);
	enter(t, b->a);
	write_mb(t, file, 0, 30);
	/* 50 MB of about 480 are a ninth, of 64 MB 7. */
	before = (unsigned long)memcg_page_state(t->q, b->a, NR_FILE_DIRTY);
	assert_true(before < 9 * MB_PAGES);
	mem_cgroup_set_max(t->q, b->a, 16 * MB_PAGES);
	assert_int_equal(b->a->cgwb->domain.dirty_limit, 0);
	start = quire_clock(t->q);
	write_mb(t, file, 30, 8);
	assert_true(quire_clock(t->q) - start > 8 * NSEC_PER_SEC / DISK_MB / 2);
	assert_true(memcg_page_state(t->q, b->a, NR_FILE_DIRTY) < 3 * (long)MB_PAGES);
	fput(t->q, file);
}

static void test_limit_follows(__unused void **state)
{
	on_slow_disk(limit_follows);
}

/* ---- two groups at once ----------------------------------------------------------- */

struct writer {
	struct testbox *t;
	struct file *file;
	u64 until;
	unsigned long written;
	bool done;
};

static void write_on(void *arg)
{
	struct writer *w = arg;

	for (unsigned long at = 0; quire_clock(w->t->q) < w->until; at = (at + 1) % 40) {
		if (generic_file_write(w->t->q, w->file, at * MB, MB) <= 0)
			break;
		w->written++;
	}
	w->done = true;
}

/* Both are above their background thresholds all the time: the flusher takes turns. */
static void taking_turns(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct writer w[2];

	for (int i = 0; i < 2; i++) {
		struct task *task = fork_task(t, t->task);

		w[i] = (struct writer){.t = t,
				       .file = testbox_file(t, t->sb, 0),
				       .until = quire_clock(t->q) + 20 * NSEC_PER_SEC};
		assert_int_equal(task_set_memcg(t->q, task, i ? b->b : b->a), 0);
		assert_non_null(model_spawn(t->m, "writer", write_on, &w[i], task, -1));
	}
	while (!w[0].done || !w[1].done)
		sleep_ns(t->q, NSEC_PER_SEC);
	print_message("# MB written: %lu and %lu\n", w[0].written, w[1].written);
	/* Together what the disk does; neither less than a third of the other. */
	assert_true(w[0].written + w[1].written > 20 * DISK_MB * 8 / 10);
	assert_true(w[0].written < 3 * w[1].written && w[1].written < 3 * w[0].written);
	assert_ptr_equal(owner(w[0].file), b->a);
	assert_ptr_equal(owner(w[1].file), b->b);
	fput(t->q, w[0].file);
	fput(t->q, w[1].file);
}

static void test_taking_turns(__unused void **state)
{
	on_slow_disk(taking_turns);
}

/* ---- whose file it is --------------------------------------------------------------- */

static void changes_hands(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct file *file = testbox_file(t, t->sb, 0);
	unsigned int rounds;

	enter(t, b->a);
	write_mb(t, file, 0, 4);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_ptr_equal(owner(file), b->a);
	enter(t, b->b);
	for (rounds = 0; rounds < 30 && owner(file) == b->a; rounds++) {
		write_mb(t, file, 4 + 2 * rounds, 2);
		/* Its pages are in another's file: that one is written for it. */
		assert_ptr_equal(b->b->cgwb->foreign[0].bdi, b->bdi);
		assert_int_equal(b->b->cgwb->foreign[0].memcg_id, b->a->id);
		testbox_verify(t);
		assert_int_equal(vfs_fsync(t->q, file), 0);
	}
	print_message("# the file went over after %u rounds\n", rounds);
	/* More than half of the last two seconds of writing. */
	assert_in_range(rounds, 3, 29);
	assert_ptr_equal(owner(file), b->b);
	/* With dirty pages on its list too. */
	write_mb(t, file, 0, 2);
	assert_int_equal(memcg_page_state(t->q, b->b, NR_FILE_DIRTY), 0);
	assert_true(inode_to_wb(file->f_inode)->nr_reclaimable >= 2 * MB_PAGES);
	fput(t->q, file);
}

static void test_changes_hands(__unused void **state)
{
	on_slow_disk(changes_hands);
}

static void removed(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct file *file = testbox_file(t, t->sb, 0);
	struct mem_cgroup *parent = group(t, NULL, "parent", 0), *child, *next;
	const struct bdi_writeback *wb;

	child = group(t, parent, "child", 0);
	enter(t, child);
	write_mb(t, file, 0, 2);
	wb = inode_to_wb(file->f_inode);
	assert_ptr_equal(wb->memcg, child);
	enter(t, NULL);
	assert_int_equal(mem_cgroup_remove(t->q, child), 0);
	assert_ptr_equal(owner(file), parent);
	assert_int_equal(wb->nr_reclaimable, 0);
	testbox_verify(t);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_int_equal(inode_to_wb(file->f_inode)->nr_reclaimable, 0);
	/* What it left is the next group's. */
	next = group(t, NULL, "next", 0);
	enter(t, next);
	file->f_inode->i_nlink = 0;
	fput(t->q, file);
	file = testbox_file(t, t->sb, 0);
	write_mb(t, file, 0, 1);
	assert_ptr_equal(inode_to_wb(file->f_inode), wb);
	assert_ptr_equal(wb->memcg, next);
	enter(t, b->a);
	fput(t->q, file);
}

static void test_removed(__unused void **state)
{
	on_slow_disk(removed);
}

/* Without memory for it the root's writeback does. */
static void no_memory(struct testbox *t, void *arg)
{
	struct box *b = arg;

	for (unsigned long n = 0; n < 12; n++) {
		struct file *file = testbox_file(t, t->sb, 0);
		struct mem_cgroup *memcg;
		char name[16];
		s64 done;

		snprintf(name, sizeof(name), "n%lu", n);
		memcg = group(t, b->b, name, 0);
		enter(t, memcg);
		testbox_fail_alloc(t, n);
		done = generic_file_write(t->q, file, 0, 16 * PAGE_SIZE);
		testbox_fail_alloc(t, 0);
		assert_true(done == -ENOMEM || (done > 0 && done <= 16 * (s64)PAGE_SIZE));
		assert_true(done <= 0 || !owner(file) || owner(file) == memcg);
		testbox_verify(t);
		enter(t, NULL);
		fput(t->q, file);
	}
}

static void test_no_memory(__unused void **state)
{
	on_slow_disk(no_memory);
}

/* ---- what is shown -------------------------------------------------------------------- */

static void shown(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct file *file = testbox_file(t, t->sb, 8 * MB);
	char *text;

	enter(t, b->a);
	write_mb(t, file, 0, 3);
	assert_int_equal(file_field(t->q, "/sys/fs/cgroup/a/memory.stat", "file_dirty"), 3 * MB);
	text = slurp(t->q, "/sys/fs/cgroup/a/memory.numa_stat");
	assert_non_null(strstr(text, "file_dirty N0=3145728\n"));
	free(text);
	assert_int_equal(vfs_fsync(t->q, file), 0);
	assert_int_equal(file_field(t->q, "/sys/fs/cgroup/a/memory.stat", "file_dirty"), 0);
	assert_int_equal(file_field(t->q, "/sys/fs/cgroup/a/memory.stat", "file_writeback"), 0);
	assert_int_equal(generic_file_read(t->q, file, 4 * MB, MB), MB);
	text = slurp(t->q, "/sys/fs/cgroup/a/io.stat");
	assert_non_null(strstr(text, " wbytes=3145728 "));
	assert_non_null(strstr(text, ":"));
	assert_null(strstr(text, " rbytes=0 "));
	free(text);
	text = slurp(t->q, "/sys/fs/cgroup/b/io.stat");
	assert_string_equal(text, "");
	free(text);
	assert_true(file_field(t->q, "/sys/fs/cgroup/a/cpu.stat", "usage_usec") > 0);
	assert_int_equal(file_field(t->q, "/sys/fs/cgroup/b/cpu.stat", "usage_usec"), 0);
	assert_true(file_field(t->q, "/sys/fs/cgroup/cpu.stat", "usage_usec") >=
		    file_field(t->q, "/sys/fs/cgroup/a/cpu.stat", "usage_usec"));
	fput(t->q, file);
}

static void test_shown(__unused void **state)
{
	on_slow_disk(shown);
}

static void broken_ones(struct testbox *t, void *arg)
{
	struct box *b = arg;
	struct file *file = testbox_file(t, t->sb, 0);
	struct bdi_writeback *wb;

	enter(t, b->a);
	write_mb(t, file, 0, 1);
	wb = inode_to_wb(file->f_inode);
	BREAK(t, file->f_inode->i_wb, &b->bdi->wb, "is on another group's dirty list");
	BREAK(t, wb->nr_reclaimable, 7, "sda counts 7 dirty");
	BREAK(t, b->a->lruvec[0]->stat[NR_FILE_DIRTY], 7, "has file_dirty 7");
	fput(t->q, file);
}

static void test_broken(__unused void **state)
{
	on_slow_disk(broken_ones);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_limit),    cmocka_unit_test(test_limit_follows),
		cmocka_unit_test(test_taking_turns), cmocka_unit_test(test_changes_hands),
		cmocka_unit_test(test_removed),	     cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_shown),	     cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
