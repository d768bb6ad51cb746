/* SPDX-License-Identifier: MIT */
/*
 * Without FUSE: the tree of one instant as files, in a tmpfs of the
 * namespace, laid out as the server's root is: proc, sys and kmsg.
 *
 * /proc/self and /proc/thread-self lead into /proc/.host, where the real /proc
 * is mounted, so programs find themselves.  Nothing can be written, and guests
 * are not listed.
 *
 * kmsg: dmesg reads a record with each read(2) of 8,191 bytes, so that is what
 * each record takes here; the rest is a hole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "procfs/internal.h"

#define DMESG_READ 8191

static int fill_kmsg(struct quire *q, int dirfd)
{
	int fd = openat(dirfd, "kmsg", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char text[1001], line[KMSG_RECORD_MAX];
	struct printk_record rec;
	off_t at = 0;
	bool ok = fd >= 0;

	for (u64 seq = 0; ok && printk_read(q, seq, &rec, text, sizeof(text)); seq = rec.seq + 1) {
		size_t n = kmsg_format(&rec, line, sizeof(line));

		ok = pwrite(fd, line, n, at) == (ssize_t)n;
		at += DMESG_READ;
	}
	ok = ok && !ftruncate(fd, at);
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

int tree_fill(struct machine *m, int dirfd, FILE *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	if (machine_dump_tree(m, path, err))
		return -1;
	if (fill_kmsg(machine_quire(m), dirfd) || mkdirat(dirfd, "proc/.host", 0555) ||
	    symlinkat(".host/self", dirfd, "proc/self") ||
	    symlinkat(".host/thread-self", dirfd, "proc/thread-self")) {
		fprintf(err, "quire: the tree can't be written: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}
