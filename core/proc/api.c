/* SPDX-License-Identifier: MIT */
/*
 * /proc and /sys for an embedder: include/quire/proc.h over the tree.
 *
 * A path is walked part by part; links are not followed.
 */
#include <quire/proc.h>

#include "proc/internal.h"

#define NAME_MAX_BYTES 255

/* The next part of a path into name; false at its end, or for a part that is
 * too long to be a name. */
static bool next_part(const char **path, char name[NAME_MAX_BYTES + 1])
{
	size_t n = 0;

	while (**path == '/')
		(*path)++;
	while (**path && **path != '/') {
		if (n == NAME_MAX_BYTES)
			return false;
		name[n++] = *(*path)++;
	}
	name[n] = '\0';
	return n != 0;
}

static struct proc_entry entry_at(struct quire *q, const char *path)
{
	char name[NAME_MAX_BYTES + 1];
	struct proc_entry e = {0};

	if (*path != '/' || !next_part(&path, name))
		return e;
	if (str_eq(name, "proc"))
		e = proc_root();
	else if (str_eq(name, "sys"))
		e = sysfs_root();
	while (e.kind == PROC_DIR && next_part(&path, name))
		e = proc_lookup(q, e, name);
	while (*path == '/')
		path++;
	/* Something is left: a part below what is no directory. */
	return *path ? (struct proc_entry){0} : e;
}

static int file_at(struct quire *q, const char *path, struct proc_entry *e)
{
	*e = entry_at(q, path);
	if (e->kind == PROC_NONE)
		return -ENOENT;
	return e->kind == PROC_DIR ? -EISDIR : 0;
}

int64_t quire_proc_read(struct quire *q, const char *path, char *buf, size_t cap_bytes)
{
	struct proc_entry e;
	struct text t;
	int err = file_at(q, path, &e);

	text_init(&t, buf, cap_bytes);
	if (!err)
		err = proc_read(q, e, &t);
	return err ? err : (int64_t)t.len;
}

int64_t quire_proc_write(struct quire *q, const char *path, const char *text, size_t len_bytes)
{
	struct proc_entry e;
	int err = file_at(q, path, &e);

	return err ? err : proc_write(q, e, text, len_bytes);
}
