/* SPDX-License-Identifier: MIT */
/*
 * What tests of huge pages of pools share: sizes of pools, counts, files of /proc.
 */
#ifndef QUIRE_TESTS_HUGETLB_H
#define QUIRE_TESTS_HUGETLB_H

#include <stdio.h>
#include <string.h>

#include "proc/proc.h"
#include "space/hugetlbfs.h"
#include "tests/verify/break.h"

#define HUGE	(2UL << 20)
#define HUGEMAP (ANON | MAP_HUGETLB)
#define SHARED	(MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB)
#define GIGA	(HUGEMAP | 30 << 26)

static inline struct hstate *pool(struct testbox *t)
{
	return default_hstate(t->q);
}

static inline void resize(struct testbox *t, unsigned long n)
{
	assert_int_equal(set_max_huge_pages(t->q, pool(t), n, NUMA_NO_NODE, NULL), 0);
}

static inline void counts(struct testbox *t, unsigned long nr, unsigned long free,
			  unsigned long resv, unsigned long surplus)
{
	assert_int_equal(pool(t)->nr_huge_pages, nr);
	assert_int_equal(pool(t)->free_huge_pages, free);
	assert_int_equal(pool(t)->resv_huge_pages, resv);
	assert_int_equal(pool(t)->surplus_huge_pages, surplus);
	testbox_verify(t);
}

static inline bool touch_one(struct testbox *t, struct task *task, u64 addr, u64 seed)
{
	struct touch what = {.addr = addr,
			     .nr_pages = 1,
			     .stride = 1,
			     .write = seed != 0,
			     .kind = CONTENT_SAME,
			     .seed = seed};

	return mmu_touch(t->m, task, &what) == 1;
}

static inline void in_box(void (*fn)(struct testbox *t, void *arg),
			  const struct testbox_config *cfg)
{
	struct testbox *t = testbox_new(cfg);
	unsigned long before;

	assert_non_null(t);
	before = free_frames(t);
	testbox_run(t, fn, NULL);
	resize(t, 0);
	assert_int_equal(set_overcommit_huge_pages(t->q, pool(t), 0), 0);
	counts(t, 0, 0, 0, 0);
	/* Caches of the slab may have grown; pages of pools are all back. */
	assert_true(free_frames(t) + 256 > before);
	testbox_verify(t);
	testbox_free(t);
}

static const struct testbox_config one_node = {.node_mb = {256}};

static inline struct proc_entry find(struct testbox *t, struct proc_entry e, const char *path)
{
	char part[64];

	while (*path) {
		size_t n = 0;

		while (path[n] && path[n] != '/')
			n++;
		memcpy(part, path, n);
		part[n] = '\0';
		e = proc_lookup(t->q, e, part);
		path += n + (path[n] == '/');
	}
	return e;
}

static inline const char *text_of(struct testbox *t, struct proc_entry e)
{
	static char buf[65536];
	struct text text;

	text_init(&text, buf, sizeof(buf));
	assert_int_equal(proc_read(t->q, e, &text), 0);
	return buf;
}

static inline void expect(struct testbox *t, struct proc_entry root, const char *path,
			  const char *part)
{
	const char *text = text_of(t, find(t, root, path));

	if (!strstr(text, part))
		fail_msg("%s lacks \"%s\":\n%s", path, part, text);
}

static inline s64 write_to(struct testbox *t, struct proc_entry root, const char *path,
			   const char *what)
{
	return proc_write(t->q, find(t, root, path), what, strlen(what));
}

#endif
