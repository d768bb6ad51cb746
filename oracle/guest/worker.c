/* SPDX-License-Identifier: MIT */
/*
 * A worker: a process that does one command at a time and answers.
 *
 * Its memory is what the scenario measures, so it allocates nothing of its own:
 * its buffers are static and small.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest.h"

static char iobuf[64 * 1024] __attribute__((aligned(4096)));
static struct {
	char *p;
	size_t len;
} maps[MAX_MAPS];

/* ---- contents --------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* A page's content follows from the seed and its number alone. */
static void fill_page(uint64_t *p, const struct cmd *c, uint64_t page)
{
	uint64_t s = mix(c->seed * 0x9e3779b97f4a7c15ULL + page + 1) | 1;

	switch (c->fill) {
	case FILL_WORD:
		p[0] = s;
		break;
	case FILL_ZERO:
		p[0] = 0;
		break;
	case FILL_SAME:
		for (int i = 0; i < 512; i++)
			p[i] = c->seed;
		break;
	case FILL_RAND:
		for (int i = 0, n = 512 * c->pct / 100; i < n; i++) {
			s ^= s << 13;
			s ^= s >> 7;
			s ^= s << 17;
			p[i] = s;
		}
		if (!c->pct)
			p[0] = 0;
		break;
	}
}

/* ---- mappings --------------------------------------------------------------- */

static int open_sized(const struct cmd *c)
{
	int fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size < c->len &&
	    ftruncate(fd, c->len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* A place of 2 MiB alignment, so that the number of huge pages is defined. */
static char *aligned_place(size_t len)
{
	size_t al = 2UL << 20;
	char *w =
		mmap(NULL, len + al, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (w == MAP_FAILED)
		return NULL;
	munmap(w, len + al);
	return (char *)(((uintptr_t)w + al - 1) & ~(al - 1));
}

static int do_mmap(struct cmd *c, struct reply *r)
{
	int fl = c->flags & F_SHARED ? MAP_SHARED : MAP_PRIVATE, fd = -1, err;
	char *at = NULL, *p;

	if (c->flags & F_FILE) {
		fd = open_sized(c);
		if (fd < 0)
			return fd;
	} else {
		fl |= MAP_ANONYMOUS;
	}
	if (c->flags & F_POPULATE)
		fl |= MAP_POPULATE;
	if (c->flags & F_HUGETLB) {
		fl |= MAP_HUGETLB;
	} else {
		fl |= MAP_NORESERVE | MAP_FIXED;
		at = aligned_place(c->len);
		if (!at)
			return -errno;
	}
	p = mmap(at, c->len, PROT_READ | PROT_WRITE, fl, fd, c->off);
	err = -errno;
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return err;
	if (c->flags & F_THP)
		madvise(p, c->len, MADV_HUGEPAGE);
	if (c->flags & F_NOTHP)
		madvise(p, c->len, MADV_NOHUGEPAGE);
	maps[c->map].p = p;
	maps[c->map].len = c->len;
	r->val = (uintptr_t)p;
	return 0;
}

static void touch_one(char *p, const struct cmd *c, uint64_t off)
{
	if (c->flags & F_WRITE)
		fill_page((uint64_t *)(p + off), c, off / PAGE);
	else
		(void)*(volatile uint64_t *)(p + off);
}

static int do_touch(struct cmd *c, struct reply *r)
{
	char *p = maps[c->map].p;
	uint64_t end = c->off + c->len, count = (c->len + c->stride - 1) / c->stride;

	if (!p)
		return -EINVAL;
	if (end > maps[c->map].len)
		end = maps[c->map].len;
	if (c->flags & F_RANDOM) {
		uint64_t x = c->seed * 2 + 1;

		for (; r->val < count; r->val++) {
			uint64_t off;

			x = mix(x + 0x9e3779b97f4a7c15ULL);
			off = c->off + x % count * c->stride;
			if (off < end)
				touch_one(p, c, off);
		}
		return 0;
	}
	for (uint64_t off = c->off; off < end; off += c->stride, r->val++)
		touch_one(p, c, off);
	return 0;
}

/* MADV_DONTNEED on PIECE bytes out of every STRIDE. */
static int do_dontneed(struct cmd *c, struct reply *r)
{
	char *p = maps[c->map].p;
	uint64_t end = c->off + c->len;

	if (!p)
		return -EINVAL;
	if (end > maps[c->map].len)
		end = maps[c->map].len;
	for (uint64_t off = c->off; off < end; off += c->stride) {
		if (madvise(p + off, c->piece, MADV_DONTNEED))
			return -errno;
		r->val += c->piece / PAGE;
	}
	return 0;
}

/* What takes a range of a mapping, the whole without a length. */
static int do_range(struct cmd *c)
{
	char *p = maps[c->map].p;
	size_t len = c->len ? c->len : maps[c->map].len;

	if (!p)
		return -EINVAL;
	switch (c->op) {
	case OP_UNMAP:
		if (munmap(p, maps[c->map].len))
			return -errno;
		maps[c->map].p = NULL;
		return 0;
	case OP_MADVISE:
		return madvise(p + c->off, len, c->pct) ? -errno : 0;
	case OP_MLOCK:
		return mlock(p + c->off, len) ? -errno : 0;
	default:
		return munlock(p + c->off, len) ? -errno : 0;
	}
}

/* ---- files ------------------------------------------------------------------ */

static int do_io(struct cmd *c, struct reply *r)
{
	bool w = c->op == OP_WRITE;
	int fd = open(c->path, (w ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0600), err = 0;
	uint64_t chunk = c->chunk < sizeof(iobuf) ? c->chunk : sizeof(iobuf);

	if (fd < 0)
		return -errno;
	for (uint64_t o = 0; o < c->len; o += chunk) {
		ssize_t n;

		for (uint64_t q = 0; w && q < chunk; q += PAGE)
			fill_page((uint64_t *)(iobuf + q), c, (c->off + o + q) / PAGE);
		n = w ? pwrite(fd, iobuf, chunk, c->off + o) : pread(fd, iobuf, chunk, c->off + o);
		if (n < 0)
			err = -errno;
		if (n <= 0)
			break;
		r->val += n;
	}
	close(fd);
	return err;
}

static int do_fsync(struct cmd *c)
{
	int fd = open(c->path, O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

/* Many small files: the kernel's caches of names and inodes. */
static int do_files(struct cmd *c, struct reply *r)
{
	char path[128];
	struct stat st;

	if (c->pct == FILES_CREATE && mkdir(c->path, 0755) && errno != EEXIST)
		return -errno;
	for (uint64_t i = c->off; i < c->off + c->len; i++) {
		int fd, ok = 0;

		snprintf(path, sizeof(path), "%s/f%llu", c->path, (unsigned long long)i);
		switch (c->pct) {
		case FILES_CREATE:
			fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
			if (fd < 0)
				return -errno;
			close(fd);
			break;
		case FILES_STAT: /* a name that is not there is cached as well */
			ok = stat(path, &st);
			break;
		case FILES_UNLINK:
			ok = unlink(path);
			break;
		}
		if (!ok)
			r->val++;
	}
	return 0;
}

/* ---- life ------------------------------------------------------------------- */

/*
 * A child that shares all memory by copy on write.  It is process 1's child,
 * not this one's, so that process 1 hears of its end.  The child's socket came
 * with the command.
 */
static int do_fork(struct cmd *c, struct reply *r, int *fd, int child_fd)
{
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);

	if (pid < 0)
		return -errno;
	if (!pid) {
		close(*fd);
		*fd = child_fd;
		prctl(PR_SET_NAME, c->path);
		return 1;
	}
	close(child_fd);
	r->val = pid;
	return 0;
}

static int do_command(struct cmd *c, struct reply *r)
{
	switch (c->op) {
	case OP_MMAP:
		return do_mmap(c, r);
	case OP_TOUCH:
		return do_touch(c, r);
	case OP_DONTNEED:
		return do_dontneed(c, r);
	case OP_UNMAP:
	case OP_MADVISE:
	case OP_MLOCK:
	case OP_MUNLOCK:
		return do_range(c);
	case OP_READ:
	case OP_WRITE:
		return do_io(c, r);
	case OP_FSYNC:
		return do_fsync(c);
	case OP_UNLINK:
		return unlink(c->path) ? -errno : 0;
	case OP_FILES:
		return do_files(c, r);
	}
	return -ENOSYS;
}

/* A command, and the descriptor that came with it, or -1. */
static bool take_command(int fd, struct cmd *c, int *passed)
{
	union {
		struct cmsghdr h;
		char b[CMSG_SPACE(sizeof(int))];
	} u;
	struct iovec io = {c, sizeof(*c)};
	struct msghdr m = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = u.b, .msg_controllen = sizeof(u.b)};

	*passed = -1;
	if (recvmsg(fd, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*c))
		return false;
	if (CMSG_FIRSTHDR(&m))
		memcpy(passed, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return true;
}

void worker_main(int fd)
{
	struct rusage a, b;
	struct reply r;
	struct cmd c;
	int passed;

	while (take_command(fd, &c, &passed) && c.op != OP_EXIT) {
		uint64_t t;

		memset(&r, 0, sizeof(r));
		getrusage(RUSAGE_SELF, &a);
		t = now();
		if (c.op == OP_FORK) {
			r.err = do_fork(&c, &r, &fd, passed);
			if (r.err > 0)
				continue; /* the child: nobody waits for its answer */
		} else {
			r.err = do_command(&c, &r);
		}
		r.ns = now() - t;
		getrusage(RUSAGE_SELF, &b);
		r.minflt = b.ru_minflt - a.ru_minflt;
		r.majflt = b.ru_majflt - a.ru_majflt;
		if (write(fd, &r, sizeof(r)) != (ssize_t)sizeof(r))
			_exit(1);
	}
	_exit(0);
}
