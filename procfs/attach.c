/* SPDX-License-Identifier: MIT */
/*
 * Some files over those of the real /proc, for one command.
 *
 * A child makes a user namespace (if it is not root) and a mount namespace, mounts
 * FUSE on a folder, and lays each of its files over the one of that name in /proc
 * by a bind mount; all else of /proc stays the system's.  A second child becomes
 * the command; the first serves until that has ended.  The mounts go with the
 * namespace.  A file's text is rendered when it is opened, so a reader sees one
 * instant, and a tool that opens it again, as slabtop does, the next.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "procfs/attach.h"

#define TEXT_MAX (1u << 20)

struct attach {
	const struct attach_file *files;
	size_t nr;
	void *ctx;
	FILE *err;
};

/* Inode 1 is the folder, 2 + i the files. */
static const struct attach_file *file_of(struct attach *a, fuse_ino_t ino)
{
	return ino >= 2 && ino - 2 < a->nr ? &a->files[ino - 2] : NULL;
}

static void stat_of(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino,
			    .st_mode = ino == 1 ? S_IFDIR | 0555 : S_IFREG | 0444,
			    .st_nlink = 1};
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct attach *a = fuse_req_userdata(req);
	struct fuse_entry_param e = {.attr_timeout = 60, .entry_timeout = 60};

	for (size_t i = 0; parent == 1 && i < a->nr; i++) {
		if (strcmp(a->files[i].name, name))
			continue;
		e.ino = i + 2;
		stat_of(e.ino, &e.attr);
		fuse_reply_entry(req, &e);
		return;
	}
	fuse_reply_err(req, ENOENT);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	stat_of(ino, &st);
	fuse_reply_attr(req, &st, 60);
}

struct text_now {
	size_t len;
	char bytes[];
};

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct attach *a = fuse_req_userdata(req);
	const struct attach_file *f = file_of(a, ino);
	struct text_now *t = f ? malloc(sizeof(*t) + TEXT_MAX) : NULL;
	long len = t ? f->render(a->ctx, t->bytes, TEXT_MAX) : f ? -ENOMEM : -EISDIR;

	if (len >= 0 && (fi->flags & O_ACCMODE) != O_RDONLY)
		len = -EACCES;
	if (len < 0) {
		free(t);
		fuse_reply_err(req, (int)-len);
		return;
	}
	t->len = (size_t)len;
	fi->fh = (uint64_t)t;
	fi->direct_io = 1;
	fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct text_now *t = (struct text_now *)fi->fh;

	/* As seq_file: a read from the start is a new look. */
	if (!off) {
		struct attach *a = fuse_req_userdata(req);
		long len = file_of(a, ino)->render(a->ctx, t->bytes, TEXT_MAX);

		if (len < 0) {
			fuse_reply_err(req, (int)-len);
			return;
		}
		t->len = (size_t)len;
	}
	if ((size_t)off >= t->len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, t->bytes + off,
			       size < t->len - (size_t)off ? size : t->len - (size_t)off);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	free((void *)fi->fh);
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = op_lookup,
	.getattr = op_getattr,
	.open = op_open,
	.read = op_read,
	.release = op_release,
};

static int failed(struct attach *a, const char *what)
{
	fprintf(a->err, "quire attach: %s: %s\n", what, strerror(errno));
	return 1;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* 0, or 1 after a message. */
static int make_namespaces(struct attach *a)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0)))
		return failed(a, "the system allows no namespaces");
	if (uid) {
		(void)write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1", uid, uid);
		if (write_file("/proc/self/uid_map", map))
			return failed(a, "the user can't be mapped");
		snprintf(map, sizeof(map), "%u %u 1", gid, gid);
		if (write_file("/proc/self/gid_map", map))
			return failed(a, "the group can't be mapped");
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return failed(a, "mounts can't be made private");
	return 0;
}

/* The command, once the server answers. */
static void become_command(struct attach *a, const char *dir, char *const *argv)
{
	for (size_t i = 0; i < a->nr; i++) {
		char from[300], to[300];

		snprintf(from, sizeof(from), "%s/%s", dir, a->files[i].name);
		snprintf(to, sizeof(to), "/proc/%s", a->files[i].name);
		/* A kernel without that file has nothing to be covered. */
		if (mount(from, to, NULL, MS_BIND, NULL) && errno != ENOENT)
			exit(failed(a, to));
	}
	execvp(argv[0], argv);
	fprintf(a->err, "quire attach: %s: %s\n", argv[0], strerror(errno));
	exit(errno == ENOENT ? 127 : 126);
}

static int serve(struct attach *a, struct fuse_session *session, const char *dir, char *const *argv)
{
	struct fuse_buf buf = {0};
	struct pollfd fds[2];
	sigset_t set, old;
	int status = 0, n;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &old);
	fds[0] = (struct pollfd){.fd = fuse_session_fd(session), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN};
	child = fds[1].fd < 0 ? -1 : fork();
	if (child < 0)
		return failed(a, "fork");
	if (!child) {
		sigprocmask(SIG_SETMASK, &old, NULL);
		become_command(a, dir, argv);
	}
	/* The terminal's signals are the command's. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (!waitpid(child, &status, WNOHANG)) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (!(fds[0].revents & POLLIN))
			continue;
		n = fuse_session_receive_buf(session, &buf);
		if (n > 0)
			fuse_session_process_buf(session, &buf);
		else if (n != -EINTR)
			break;
	}
	free(buf.mem);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_child(struct attach *a, const char *place, char *const *argv)
{
	char *fuse_argv[] = {"quire", "-ofsname=quire,nosuid,nodev", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(2, fuse_argv);
	struct fuse_session *session;
	int status;

	if (make_namespaces(a))
		return 1;
	session = fuse_session_new(&args, &ops, sizeof(ops), a);
	if (!session || fuse_session_mount(session, place))
		return failed(a, "FUSE can't be mounted");
	status = serve(a, session, place, argv);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	return status;
}

int attach_run(const struct attach_file *files, size_t nr, void *ctx, char *const *argv, FILE *err)
{
	struct attach a = {.files = files, .nr = nr, .ctx = ctx, .err = err};
	char place[] = "/tmp/quire-attach-XXXXXX";
	int status;
	pid_t pid;

	/* Where FUSE is mounted: only in there. */
	if (!mkdtemp(place))
		return failed(&a, place);
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		(void)rmdir(place);
		return failed(&a, "fork");
	}
	if (!pid)
		_exit(run_child(&a, place, argv));
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return failed(&a, "waitpid");
	(void)rmdir(place);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
