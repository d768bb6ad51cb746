/* SPDX-License-Identifier: MIT */
/*
 * What the tests of proc/ share: files by path, read into a growing buffer,
 * and small parsers that know nothing of how the text was made.
 */
#ifndef QUIRE_PROC_TEST_H
#define QUIRE_PROC_TEST_H

#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB	 (1UL << 20)
#define MB_PAGES (MB >> PAGE_SHIFT)

static __unused bool grow_heap(struct text *t, size_t need)
{
	char *buf = realloc(t->buf, need * 2);

	if (!buf)
		return false;
	t->buf = buf;
	t->cap = need * 2;
	return true;
}

/* The entry at "/proc/..." or "/sys/...". */
static __unused struct proc_entry entry_at(struct quire *q, const char *path)
{
	struct proc_entry e = strncmp(path, "/sys", 4) ? proc_root() : sysfs_root();
	char name[256];

	path = strchr(path + 1, '/');
	while (path && *path == '/') {
		size_t n = strcspn(path + 1, "/");

		snprintf(name, sizeof(name), "%.*s", (int)n, path + 1);
		e = proc_lookup(q, e, name);
		path += 1 + n;
	}
	return e;
}

/* A file's text, to be freed; fails the test if it can't be read. */
static __unused char *slurp(struct quire *q, const char *path)
{
	struct proc_entry e = entry_at(q, path);
	struct text t;
	int err;

	text_init(&t, malloc(4096), 4096);
	t.grow = grow_heap;
	err = proc_read(q, e, &t);
	if (err)
		fail_msg("%s: error %d (kind %u)", path, err, e.kind);
	return t.buf;
}

/* What a write to a path returns, as a user; uid 0 is root. */
s64 proc_write_as(struct quire *q, struct proc_entry file, unsigned int uid, const char *buf,
		  size_t len);

static __unused s64 put_as(struct quire *q, const char *path, unsigned int uid, const char *s)
{
	return proc_write_as(q, entry_at(q, path), uid, s, strlen(s));
}

static __unused s64 put(struct quire *q, const char *path, const char *s)
{
	return proc_write(q, entry_at(q, path), s, strlen(s));
}

/* The number behind "label" at a line's start; fails if there is no such line. */
static __unused unsigned long field(const char *text, const char *label)
{
	size_t n = strlen(label);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		if (*p == '\n')
			p++;
		if (!strncmp(p, label, n) && (p[n] == ' ' || p[n] == ':' || p[n] == '\t'))
			return strtoul(p + n + strspn(p + n, ": \t"), NULL, 10);
	}
	fail_msg("no line %s", label);
	return 0;
}

/* The same of a file. */
static __unused unsigned long file_field(struct quire *q, const char *path, const char *label)
{
	char *text = slurp(q, path);
	unsigned long v = field(text, label);

	free(text);
	return v;
}

static __unused void assert_text(struct quire *q, const char *path, const char *expected)
{
	char *text = slurp(q, path);

	assert_string_equal(text, expected);
	free(text);
}

/* First words of lines, in order, against a list separated by spaces. */
static __unused void assert_names(const char *text, const char *names)
{
	const char *p = text, *want = names;

	while (*want) {
		size_t n = strcspn(want, " "), have = strcspn(p, ": \t\n");

		if (have != n || strncmp(p, want, n))
			fail_msg("expected %.*s, found %.*s", (int)n, want, (int)have, p);
		want += n + (want[n] == ' ');
		p = strchr(p, '\n');
		assert_non_null(p);
		p++;
	}
	if (*p)
		fail_msg("more lines than expected: %.40s", p);
}

#endif
