/* SPDX-License-Identifier: MIT */
/*
 * Without FUSE: the tree of one instant as files, in a tmpfs of the
 * namespace, laid out as the server's root is: proc, sys and kmsg.
 *
 * /proc/self and /proc/thread-self lead into /proc/.host, where the real /proc
 * is mounted, so programs find themselves; so do links of the numbers that the
 * namespace gives out first, for ps looks itself up by number.  Nothing can be
 * written.
 *
 * kmsg: dmesg takes a record from each read(2) of 8,191 bytes, so that is what
 * each takes here; the rest is a line of spaces, which it takes for fields that
 * it does not know.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "procfs/internal.h"

#define DMESG_READ    8191
#define LINKED_GUESTS 4096

static int fill_kmsg(struct quire *q, int dirfd)
{
	int fd = openat(dirfd, "kmsg", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char text[1001], line[KMSG_RECORD_MAX];
	struct printk_record rec;
	bool ok = fd >= 0;

	for (u64 seq = 0; ok && printk_read(q, seq, &rec, text, sizeof(text)); seq = rec.seq + 1) {
		size_t n = kmsg_format(&rec, line, sizeof(line));

		memset(line + n, ' ', DMESG_READ - n);
		line[DMESG_READ - 1] = '\n';
		ok = write(fd, line, DMESG_READ) == DMESG_READ;
	}
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

struct owners {
	int dirfd;
	bool failed;
};

/* Whose a process is, ps sees by its directory's owner. */
static bool give_to_owner(void *ctx, const char *name, struct proc_entry e)
{
	struct owners *o = ctx;
	char path[32];

	if (!e.pid || (!e.uid && !e.gid))
		return true;
	snprintf(path, sizeof(path), "proc/%.16s", name);
	o->failed |= fchownat(o->dirfd, path, e.uid, e.gid, AT_SYMLINK_NOFOLLOW) != 0;
	return true;
}

static bool link_guests(int dirfd, long first)
{
	char name[32], target[32];

	for (long pid = first; pid < first + LINKED_GUESTS; pid++) {
		snprintf(name, sizeof(name), "proc/%ld", pid);
		snprintf(target, sizeof(target), ".host/%ld", pid);
		/* The model's own processes are there before. */
		if (symlinkat(target, dirfd, name) && errno != EEXIST)
			return false;
	}
	return true;
}

int tree_fill(struct machine *m, int dirfd, long first, FILE *err)
{
	struct owners o = {dirfd, false};
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	if (machine_dump_tree(m, path, err))
		return -1;
	if (!geteuid())
		proc_readdir(machine_quire(m), proc_root(), give_to_owner, &o);
	if (o.failed || !link_guests(dirfd, first) || fill_kmsg(machine_quire(m), dirfd) ||
	    mkdirat(dirfd, "proc/.host", 0555) || symlinkat(".host/self", dirfd, "proc/self") ||
	    symlinkat(".host/thread-self", dirfd, "proc/thread-self")) {
		fprintf(err, "quire: the tree can't be written: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}
