/* SPDX-License-Identifier: MIT */
/*
 * The whole tree: each directory is walked, each file read, each link
 * rendered; what readdir names lookup finds, and the other way round.
 */
#include "tests/proc/proc_test.h"

struct walk {
	struct quire *q;
	char path[512];
	unsigned long files, dirs, links, bytes;
	struct proc_entry dir;
};

/* Files that are not lines of text, or may be empty. */
static bool is_special(const char *path)
{
	static const char *const names[] = {
		"/cmdline",	   "/environ",	    "/wchan",	     "/loginuid",  "/sessionid",
		"/maps",	   "/smaps",	    "/smaps_rollup", "/numa_maps", "/cgroup.procs",
		"/cgroup.threads", "/stat_refresh", "/vmallocinfo",  "/ctor",	   "/page_owner",
		"/set_event",	   "/pagemap",	    "/io.stat"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t len = strlen(path), n = strlen(names[i]);

		if (len >= n && !strcmp(path + len - n, names[i]))
			return true;
	}
	return false;
}

static void check_file(struct walk *w, struct proc_entry e)
{
	struct text t;
	int err;

	text_init(&t, malloc(256), 256);
	t.grow = grow_heap;
	err = proc_read(w->q, e, &t);
	if (!(e.mode & 0444)) {
		assert_int_equal(err, -EINVAL); /* written only */
	} else if (err) {
		fail_msg("%s: error %d", w->path, err);
	} else if (!is_special(w->path)) {
		if (!t.len || t.buf[t.len - 1] != '\n')
			fail_msg("%s does not end in a newline: %s", w->path, t.buf);
		if (memchr(t.buf, 0, t.len))
			fail_msg("%s holds a NUL", w->path);
	}
	w->bytes += t.len;
	w->files++;
	free(t.buf);
}

static void check_link(struct walk *w, struct proc_entry e)
{
	char buf[256];
	struct text t;
	int err;

	text_init(&t, buf, sizeof(buf));
	err = proc_read(w->q, e, &t);
	assert_true(err == 0 || err == -ENOENT); /* exe of kernel threads */
	if (!err)
		assert_true(t.len > 0 && !strchr(buf, '\n'));
	w->links++;
}

static bool same(const struct proc_entry *a, const struct proc_entry *b)
{
	return a->kind == b->kind && a->mode == b->mode && a->id == b->id && a->pid == b->pid &&
	       a->tid == b->tid && a->arg == b->arg && a->uid == b->uid && a->gid == b->gid;
}

static bool visit(void *ctx, const char *name, struct proc_entry e)
{
	struct walk *w = ctx;
	struct proc_entry dir = w->dir, found = proc_lookup(w->q, dir, name);
	size_t len = strlen(w->path);

	assert_true(len + strlen(name) + 2 < sizeof(w->path));
	sprintf(w->path + len, "/%s", name);
	if (!same(&e, &found))
		fail_msg("%s: readdir and lookup differ", w->path);
	found = proc_at(w->q, e.id, e.pid, e.tid, e.arg);
	if (!same(&e, &found))
		fail_msg("%s: proc_at() finds another place", w->path);
	switch (e.kind) {
	case PROC_DIR:
		w->dirs++;
		w->dir = e;
		proc_readdir(w->q, e, visit, w);
		w->dir = dir;
		break;
	case PROC_FILE:
		check_file(w, e);
		break;
	case PROC_LINK:
		check_link(w, e);
		break;
	default:
		fail_msg("%s is nothing", w->path);
	}
	w->path[len] = '\0';
	return true;
}

static struct walk walk_all(struct quire *q)
{
	struct walk w = {.q = q};

	strcpy(w.path, "/proc");
	w.dir = proc_root();
	proc_readdir(q, w.dir, visit, &w);
	strcpy(w.path, "/sys");
	w.dir = sysfs_root();
	proc_readdir(q, w.dir, visit, &w);
	return w;
}

static const struct testbox_config two_nodes = {
	.nr_nodes = 2, .node_mb = {256, 512}, .cpus = 3, .disk = true, .swap_mb = 64};

static void inside(struct testbox *t, __unused void *arg)
{
	struct walk w;

	assert_false(IS_ERR(mem_cgroup_create(t->q, t->q->group->root, "web")));
	assert_false(IS_ERR(mem_cgroup_create(t->q, mem_cgroup_find(t->q, "/web"), "inner")));
	w = walk_all(t->q);
	assert_true(w.files > 1000 && w.dirs > 100 && w.links > 10 && w.bytes > 100000);
}

static void test_whole_tree(__unused void **state)
{
	testbox_once(&two_nodes, inside);
}

static void test_names_that_are_none(__unused void **state)
{
	static const char *const none[] = {
		"/proc/nothing",
		"/proc/0",
		"/proc/-1",
		"/proc/01",
		"/proc/99999999",
		"/proc/4294967297",
		"/proc/1x",
		"/proc/1/nothing",
		"/proc/1/task/2",
		"/proc/meminfo/x",
		"/proc/",
		"/sys/devices/system/node/node2",
		"/sys/devices/system/node/node",
		"/sys/devices/system/node/node0/cpu3",
		"/sys/devices/system/node/node0/",
		"/sys/devices/system/cpu/cpu6",
		"/sys/devices/system/cpu/cpu0/node1",
		"/sys/kernel/slab/nothing",
		"/sys/fs/cgroup/nothing",
		"/sys/fs/cgroup/memory.max",
	};
	struct testbox *t = testbox_new(&two_nodes);

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct proc_entry e = entry_at(t->q, none[i]);

		if (e.kind != PROC_NONE)
			fail_msg("%s exists", none[i]);
		assert_int_equal(proc_write(t->q, e, "1", 1), -EINVAL);
	}
	testbox_free(t);
}

static bool stop_at_once(void *ctx, __unused const char *name, __unused struct proc_entry e)
{
	++*(int *)ctx;
	return false;
}

static void test_readdir_stops(__unused void **state)
{
	static const char *const dirs[] = {"/proc", "/proc/1/task", "/sys/kernel/slab",
					   "/sys/devices/system/node/node0"};
	struct testbox *t = testbox_new(&two_nodes);

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int n = 0;

		proc_readdir(t->q, entry_at(t->q, dirs[i]), stop_at_once, &n);
		assert_int_equal(n, 1);
	}
	testbox_free(t);
}

/* A buffer that ends: the file is refused, not cut. */
static void test_no_room(__unused void **state)
{
	struct testbox *t = testbox_new(&two_nodes);
	struct proc_entry dir = entry_at(t->q, "/proc");
	char buf[20];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, entry_at(t->q, "/proc/vmstat"), &text), -ENOMEM);
	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, entry_at(t->q, "/proc/1/maps"), &text), -ENOMEM);
	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, dir, &text), -EINVAL);
	testbox_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_tree),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_readdir_stops),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
