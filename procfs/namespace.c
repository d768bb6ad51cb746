/* SPDX-License-Identifier: MIT */
/*
 * The namespaces that a command sees the model from.
 *
 * Two processes.  The server holds the model and stays in the host's
 * namespaces, where /proc is real.  The other one, cloned before the model
 * boots, has mounts, PIDs and a host name of its own (and, when we are not
 * root, a user namespace, so that no privilege is needed); it mounts the
 * model's tree over /proc, /sys and /dev/kmsg, starts the command, and waits.
 * Everything it mounts is private and goes with it: outside nothing changes,
 * and there is nothing to clean up, however either of them ends.
 *
 *	server				first process
 *	  clone ----------------------->  mount /proc of its own PIDs, keep it
 *	  <---------------------- READY	  (with that /proc's descriptor)
 *	  boot the model
 *	  MOUNT ----------------------->  mount FUSE, or an empty tmpfs
 *	  <---------------------- FILES	  (with FUSE's descriptor, or the folder)
 *	  serve, or fill and FILLED --->  put the parts into place, fork, exec
 *
 * PIDs.  The model has small ones, so the namespace's begin at 31,000.
 * Where a PID namespace can't have its /proc (inside some containers), guests
 * keep the host's PIDs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The model's tasks have flags of these names, and the same values. */
#undef CLONE_VM
#undef CLONE_THREAD
#undef CLONE_VFORK
#undef CLONE_FILES
#include "procfs/cpu.h"
#include "procfs/internal.h"
#include "procfs/statfs.h"

enum message_kind { MSG_READY, MSG_ERROR, MSG_MOUNT, MSG_FILES, MSG_FILLED };
struct message {
	enum message_kind kind;
	bool fuse;
	long first_pid; /* READY: which the first guest has, about */
	char text[200];
};

static bool message_send(int sock, const struct message *msg, int fd)
{
	struct iovec iov = {(void *)(uintptr_t)msg, sizeof(*msg)};
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.buf;
		h.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(sock, &h, MSG_NOSIGNAL) == (ssize_t)sizeof(*msg);
}

static bool message_receive(int sock, struct message *msg, int *fd)
{
	struct iovec iov = {msg, sizeof(*msg)};
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.buf,
			   .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n == (ssize_t)sizeof(*msg) ? CMSG_FIRSTHDR(&h) : NULL;
	if (fd)
		*fd = -1;
	if (fd && c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n == (ssize_t)sizeof(*msg);
}

/* ---- the first process ------------------------------------------------------ */

struct first {
	const struct guests *g;
	int sock;
	unsigned int uid, gid; /* outside */
	int real_tree;	       /* its /proc as a mount that is nowhere */
	long first_pid;	       /* of the guests */
	char why[200];	       /* what failed */
};

static bool failed(struct first *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool failed(struct first *f, const char *fmt, ...)
{
	int err = errno;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(f->why, sizeof(f->why), fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(f->why))
		snprintf(f->why + n, sizeof(f->why) - (size_t)n, ": %s", strerror(err));
	return false;
}

static bool write_to(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool write_to(const char *path, const char *fmt, ...)
{
	char buf[64];
	va_list args;
	int fd = open(path, O_WRONLY | O_CLOEXEC), n;
	bool ok;

	if (fd < 0)
		return false;
	va_start(args, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	ok = write(fd, buf, (size_t)n) == n;
	close(fd);
	return ok;
}

/* The one user there is, is root inside. */
static bool map_user(struct first *f)
{
	(void)write_to("/proc/self/setgroups", "deny");
	if (!write_to("/proc/self/uid_map", "0 %u 1", f->uid) ||
	    !write_to("/proc/self/gid_map", "0 %u 1", f->gid))
		return failed(f, "the user can't be mapped");
	return true;
}

/* Returns where they begin now. */
static long start_pids_high(void)
{
	long max = 32768, first = FIRST_GUEST_PID;
	FILE *file = fopen("/proc/sys/kernel/pid_max", "re");

	if (file) {
		if (fscanf(file, "%ld", &max) != 1)
			max = 32768;
		fclose(file);
	}
	/* Behind the last one they begin at 300, among the model's. */
	if (max - first < 8192)
		first = max / 4 * 3;
	return write_to("/proc/sys/kernel/ns_last_pid", "%ld", first - 1) ? first : 2;
}

/* Keeps the real /proc: as a mount to be put below the model's, and as a
 * directory for the server. */
static int keep_proc(struct first *f)
{
	bool own = f->g->own_pids;
	int dir;

	if (own && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		failed(f, "/proc of new PIDs can't be mounted");
		return -1;
	}
	f->first_pid = own ? start_pids_high() : 0;
	f->real_tree = open_tree(AT_FDCWD, "/proc",
				 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (own ? 0u : AT_RECURSIVE));
	dir = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->real_tree < 0 || dir < 0) {
		failed(f, "/proc can't be kept");
		return -1;
	}
	if (own && umount2("/proc", MNT_DETACH)) {
		failed(f, "/proc can't be moved");
		return -1;
	}
	return dir;
}

/* FUSE on /proc: its descriptor, or -1. */
static int mount_fuse(struct first *f)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		failed(f, "/dev/fuse");
		return -1;
	}
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40555,user_id=%u,group_id=%u,allow_other,default_permissions", fd,
		 getuid(), getgid());
	if (mount("quire", "/proc", "fuse", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)) {
		failed(f, "FUSE can't be mounted");
		close(fd);
		return -1;
	}
	return fd;
}

static int mount_folder(struct first *f)
{
	int fd;

	if (mount("quire", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755")) {
		failed(f, "tmpfs can't be mounted");
		return -1;
	}
	fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		failed(f, "/proc");
	return fd;
}

/* A part of the tree as a mount that is nowhere yet. */
static int take_part(struct first *f, const char *path)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		failed(f, "%s", path);
	return fd;
}

static bool put_part(struct first *f, int fd, const char *where)
{
	return !move_mount(fd, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH) ||
	       failed(f, "%s can't be covered", where);
}

/* All of it is mounted on /proc; now each part goes to its place. */
static bool put_parts(struct first *f)
{
	int proc = take_part(f, "/proc/proc"), sys = take_part(f, "/proc/sys");
	int kmsg = take_part(f, "/proc/kmsg");

	if (proc < 0 || sys < 0 || kmsg < 0)
		return false;
	if (umount2("/proc", MNT_DETACH))
		return failed(f, "/proc can't be put into place");
	if (!put_part(f, proc, "/proc") || !put_part(f, sys, "/sys"))
		return false;
	if (access("/dev/kmsg", F_OK))
		fprintf(stderr, "quire: there is no /dev/kmsg to cover: dmesg shows the host's "
				"log\n");
	else if (!put_part(f, kmsg, "/dev/kmsg"))
		return false;
	return put_part(f, f->real_tree, "/proc/.host");
}

static void run_command(const struct guests *g)
{
	char *shell[] = {getenv("SHELL"), NULL};
	char *const *argv = g->o.argv ? g->o.argv : shell;
	int err;

	if (!argv[0] || !*argv[0])
		shell[0] = (char *)"/bin/sh";
	if (!g->own_pids)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	execvp(argv[0], argv);
	err = errno;
	fprintf(stderr, "quire: %s: %s\n", argv[0], strerror(err));
	_exit(err == ENOENT ? 127 : 126);
}

/* Waits for all that end here, the orphans too, until the command does. */
static int wait_for(pid_t command)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			return 1;
		if (pid == command)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

static bool prepare(struct first *f)
{
	struct message msg = {.kind = MSG_READY};
	int dir;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (f->g->mapped && !map_user(f))
		return false;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return failed(f, "mounts can't be made private");
	dir = keep_proc(f);
	msg.first_pid = f->first_pid;
	return dir >= 0 && message_send(f->sock, &msg, dir);
}

static bool mount_all(struct first *f)
{
	struct message msg, files = {.kind = MSG_FILES};
	int fd = -1;

	if (!message_receive(f->sock, &msg, NULL) || msg.kind != MSG_MOUNT)
		_exit(1); /* the server has gone */
	(void)!sethostname(msg.text, strlen(msg.text));
	if (!f->g->o.no_fuse)
		fd = mount_fuse(f);
	files.fuse = fd >= 0;
	snprintf(files.text, sizeof(files.text), "%s", f->why);
	if (fd < 0)
		fd = mount_folder(f);
	if (fd < 0 || !message_send(f->sock, &files, fd))
		return false;
	if (!files.fuse) {
		if (!message_receive(f->sock, &msg, NULL) || msg.kind != MSG_FILLED)
			_exit(1);
		close(fd);
		/* What can't be carried out can't be written. */
		if (mount(NULL, "/proc", NULL,
			  MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755"))
			return failed(f, "the tree can't be made read-only");
	} else {
		close(fd);
	}
	return put_parts(f);
}

static void first_main(const struct guests *g, int sock, unsigned int uid, unsigned int gid)
{
	struct first f = {.g = g, .sock = sock, .uid = uid, .gid = gid, .real_tree = -1};
	struct message msg = {.kind = MSG_ERROR};
	pid_t command;

	statfs_prepare();
	if (!prepare(&f)) {
		memcpy(msg.text, f.why, sizeof(msg.text));
		(void)message_send(sock, &msg, -1);
		_exit(1);
	}
	if (!mount_all(&f)) {
		memcpy(msg.text, f.why, sizeof(msg.text));
		fprintf(stderr, "quire: %s\n", f.why);
		(void)message_send(sock, &msg, -1);
		_exit(1);
	}
	close(sock);
	statfs_begin();
	command = fork();
	if (command == 0)
		run_command(g);
	_exit(command < 0 ? 1 : wait_for(command));
}

/* ---- the server's side ------------------------------------------------------ */

static bool try_create(struct guests *g, unsigned long flags, struct message *msg)
{
	unsigned int uid = geteuid(), gid = getegid();
	int socks[2];

	g->own_pids = flags & CLONE_NEWPID;
	g->mapped = flags & CLONE_NEWUSER;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks)) {
		snprintf(msg->text, sizeof(msg->text), "%s", strerror(errno));
		return false;
	}
	fflush(NULL);
	g->pid = (int)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (g->pid == 0) {
		close(socks[0]);
		first_main(g, socks[1], uid, gid);
	}
	close(socks[1]);
	g->socket = socks[0];
	if (g->pid < 0) {
		snprintf(msg->text, sizeof(msg->text), "new namespaces: %s", strerror(errno));
	} else if (!message_receive(g->socket, msg, &g->real)) {
		snprintf(msg->text, sizeof(msg->text), "the first process ended");
	} else if (msg->kind == MSG_READY && g->real >= 0) {
		g->first_pid = g->own_pids ? msg->first_pid : g->pid;
		return true;
	}
	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
	}
	g->pid = 0;
	close(g->socket);
	g->socket = -1;
	return false;
}

struct guests *guests_create(const struct procfs_options *o, FILE *err)
{
	static const unsigned long own = CLONE_NEWNS | CLONE_NEWUTS;
	const unsigned long ways[] = {own | CLONE_NEWPID, own, own | CLONE_NEWPID | CLONE_NEWUSER,
				      own | CLONE_NEWUSER};
	struct guests *g = calloc(1, sizeof(*g));
	struct message msg = {0}, last = {0};

	if (!g)
		return NULL;
	g->o = *o;
	g->err = err;
	g->socket = g->real = g->files = -1;
	for (size_t i = geteuid() ? 2 : 0; i < ARRAY_SIZE(ways); i++) {
		if (try_create(g, ways[i], &msg))
			return g;
		/* The first reason is the one to mend. */
		if (!last.text[0])
			last = msg;
	}
	fprintf(err,
		"quire: no namespaces here: %s\n"
		"quire: run as root, or allow user namespaces (sysctl user.max_user_namespaces), "
		"or in a container give it CAP_SYS_ADMIN\n",
		last.text);
	free(g);
	return NULL;
}

bool guests_mount(struct guests *g, const char *hostname)
{
	struct message msg = {.kind = MSG_MOUNT};

	snprintf(msg.text, sizeof(msg.text), "%s", hostname ? hostname : "quire");
	if (!message_send(g->socket, &msg, -1) || !message_receive(g->socket, &msg, &g->files) ||
	    msg.kind != MSG_FILES || g->files < 0) {
		/* Its own message has said why. */
		fprintf(g->err, "quire: the model's /proc could not be mounted\n");
		return false;
	}
	g->fuse = msg.fuse;
	if (g->fuse)
		return true;
	if (g->o.speed > 0) {
		fprintf(g->err,
			"quire: --live needs FUSE (%s); leave --live away, or install fuse3\n",
			g->o.no_fuse ? "--no-fuse forbids it" : msg.text);
		return false;
	}
	if (!g->o.no_fuse)
		fprintf(g->err,
			"quire: no FUSE (%s): /proc and /sys are a copy of this instant, "
			"nothing can be written\n",
			msg.text);
	return true;
}

bool guests_filled(struct guests *g)
{
	struct message msg = {.kind = MSG_FILLED};

	close(g->files);
	g->files = -1;
	return message_send(g->socket, &msg, -1);
}

/* The terminal is ours again, whoever of them had it. */
static void take_terminal(void)
{
	if (!isatty(0) || tcgetpgrp(0) == getpgrp())
		return;
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(0, getpgrp());
	signal(SIGTTOU, SIG_DFL);
}

/* Where a stopped or lost command's signals are taken: by procfs_loop(). */
static void hold_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, before);
	/* The terminal sends these to the command as well, and there they count. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

int procfs_run(struct guests *g, struct machine *m, FILE *err)
{
	struct procfs fs = {0};
	sigset_t before;
	int status = -1;

	hold_signals(&before);
	/* A live machine works beside the command, and stays free. */
	if (g->o.speed == 0 && !g->o.no_fuse)
		share_cpu(g->pid);
	if (guests_mount(g, machine_quire(m)->cfg.hostname)) {
		if (!procfs_init(&fs, g, m))
			fprintf(err, "quire: the model can't be served: out of memory\n");
		else if (g->fuse ||
			 (!tree_fill(m, g->files, g->first_pid, err) && guests_filled(g)))
			status = procfs_loop(&fs);
		if (g->pid > 0) {
			kill(g->pid, SIGKILL);
			waitpid(g->pid, NULL, 0);
			g->pid = 0;
		}
		procfs_fini(&fs);
		take_terminal();
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	if (status < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void guests_destroy(struct guests *g)
{
	if (!g)
		return;
	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
	}
	if (g->socket >= 0)
		close(g->socket);
	if (g->real >= 0)
		close(g->real);
	if (g->files >= 0)
		close(g->files);
	free(g);
}
