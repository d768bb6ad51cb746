/* SPDX-License-Identifier: MIT */
/*
 * Writes /proc and /sys out as files: for machines without FUSE, for tests
 * that compare two runs, and for anyone who wants to keep an instant.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/internal.h"
#include "machine/text_grow.h"

#define MAX_DEPTH 16

struct dump {
	struct quire *q;
	int dirfd; /* the directory being filled */
	unsigned int depth;
	struct text t;
	const char *failed; /* what could not be written */
	int error;
};

static bool fail(struct dump *d, const char *name)
{
	d->error = errno;
	d->failed = name;
	return false;
}

static bool dump_file(struct dump *d, const char *name)
{
	size_t done = 0;
	int fd = openat(d->dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return fail(d, name);
	while (done < d->t.len) {
		ssize_t n = write(fd, d->t.buf + done, d->t.len - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	close(fd);
	return done == d->t.len || fail(d, name);
}

static bool dump_entry(void *ctx, const char *name, struct proc_entry e);

static bool dump_dir(struct dump *d, const char *name, struct proc_entry e)
{
	int parent = d->dirfd;

	if (d->depth == MAX_DEPTH)
		return true;
	if (mkdirat(parent, name, 0755) && errno != EEXIST)
		return fail(d, name);
	d->dirfd = openat(parent, name, O_RDONLY | O_DIRECTORY);
	if (d->dirfd < 0) {
		d->dirfd = parent;
		return fail(d, name);
	}
	d->depth++;
	proc_readdir(d->q, e, dump_entry, d);
	d->depth--;
	close(d->dirfd);
	d->dirfd = parent;
	return !d->failed;
}

static bool dump_entry(void *ctx, const char *name, struct proc_entry e)
{
	struct dump *d = ctx;

	if (e.kind == PROC_DIR)
		return dump_dir(d, name, e);
	d->t.len = 0;
	d->t.overflow = false;
	/* Unreadable (write-only) files stay empty, as cat shows them; links of
	 * kernel threads lead nowhere. */
	if (proc_read(d->q, e, &d->t)) {
		if (e.kind == PROC_LINK)
			return true;
		d->t.len = 0;
	}
	if (e.kind == PROC_FILE)
		return dump_file(d, name);
	/* A link that leads nowhere can't be made: a task without a program has
	 * an exe that readlink() refuses. */
	if (!d->t.len)
		return true;
	text_putc(&d->t, '\0');
	unlinkat(d->dirfd, name, 0);
	return !symlinkat(d->t.buf, d->dirfd, name) || fail(d, name);
}

int machine_dump_tree(struct machine *m, const char *dir, FILE *err)
{
	struct dump d = {.q = m->q, .dirfd = AT_FDCWD};

	text_init(&d.t, NULL, 0);
	d.t.grow = text_grow;
	if (mkdir(dir, 0755) && errno != EEXIST) {
		fprintf(err, "%s: can't be made: %s\n", dir, strerror(errno));
		return -1;
	}
	d.dirfd = open(dir, O_RDONLY | O_DIRECTORY);
	if (d.dirfd < 0) {
		fprintf(err, "%s: can't be opened: %s\n", dir, strerror(errno));
		return -1;
	}
	if (dump_dir(&d, "proc", proc_root()))
		dump_dir(&d, "sys", sysfs_root());
	close(d.dirfd);
	free(d.t.buf);
	if (!d.failed)
		return 0;
	fprintf(err, "%s: %s can't be written: %s\n", dir, d.failed, strerror(d.error));
	return -1;
}
