/* SPDX-License-Identifier: MIT */
/*
 * statfs(2) of what the model serves.
 *
 * Programs ask which kind of file system they look at: systemd's (systemd-cgtop,
 * systemd-cgls) read control groups only where statfs() of /sys/fs/cgroup says
 * CGROUP2_SUPER_MAGIC, and FUSE always says that it is FUSE.  So the command's
 * statfs() and fstatfs() are answered here: a seccomp filter hands these two to
 * a thread of the first process, which writes the kernel's answer for a path
 * below /proc, /sys or /sys/fs/cgroup, and lets every other call go on to the
 * kernel.  All other system calls pass the filter untouched.
 *
 * The thread is started before the filter is installed, so its own calls are
 * free.  It lives as long as the first process, which outlives the command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "procfs/statfs.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef OUR_ARCH

static struct {
	int fd;	   /* the filter's; -1: there is none */
	sem_t set; /* it is known */
} listener;

/* ---- which answer ----------------------------------------------------------- */

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

/* The magic number of what the model serves at a path without links; 0: it is not ours. */
static long magic_of(const char *path)
{
	if (is_below(path, "/sys/fs/cgroup"))
		return CGROUP2_SUPER_MAGIC;
	if (is_below(path, "/sys"))
		return SYSFS_MAGIC;
	if (is_below(path, "/proc") && !is_below(path, "/proc/.host"))
		return PROC_SUPER_MAGIC;
	return 0;
}

/* A string of the caller's; it may lie at the end of what is mapped. */
static bool read_string(pid_t pid, unsigned long at, char *to, size_t size)
{
	size_t n = 0;

	while (n < size) {
		size_t part = 4096 - ((at + n) & 4095);
		struct iovec local = {to + n, part < size - n ? part : size - n};
		struct iovec remote = {(void *)(at + n), local.iov_len};
		ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

		if (got <= 0)
			return false;
		if (memchr(to + n, 0, (size_t)got))
			return true;
		n += (size_t)got;
	}
	return false;
}

static bool read_link(char *to, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool read_link(char *to, size_t size, const char *fmt, ...)
{
	char path[64];
	va_list args;
	ssize_t n;

	va_start(args, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	n = readlink(path, to, size - 1);
	if (n < 0)
		return false;
	to[n] = 0;
	return true;
}

/* The file a call is about; false: it can't be told. */
static bool path_of(const struct seccomp_notif *req, char path[PATH_MAX])
{
	char name[PATH_MAX], joined[2 * PATH_MAX + 2], cwd[PATH_MAX];
	pid_t pid = (pid_t)req->pid;

	if (req->data.nr == SYS_fstatfs)
		return read_link(path, PATH_MAX, "/proc/.host/%d/fd/%d", pid,
				 (int)req->data.args[0]);
	if (!read_string(pid, req->data.args[0], name, sizeof(name)) || !name[0])
		return false;
	if (name[0] == '/')
		return realpath(name, path) != NULL;
	if (!read_link(cwd, sizeof(cwd), "/proc/.host/%d/cwd", pid))
		return false;
	(void)snprintf(joined, sizeof(joined), "%s/%s", cwd, name);
	return realpath(joined, path) != NULL;
}

static bool write_answer(const struct seccomp_notif *req, long magic)
{
	struct statfs st;
	struct iovec local = {&st, sizeof(st)};
	struct iovec remote = {(void *)(unsigned long)req->data.args[1], sizeof(st)};

	memset(&st, 0, sizeof(st));
	st.f_type = magic;
	st.f_bsize = st.f_frsize = 4096;
	st.f_namelen = 255;
	/* As systemd mounts them: valid, nosuid, nodev, noexec, relatime. */
	st.f_flags = 0x20 | 0x2 | 0x4 | 0x8 | 0x1000;
	return process_vm_writev((pid_t)req->pid, &local, 1, &remote, 1, 0) == sizeof(st);
}

/* ---- the thread ------------------------------------------------------------- */

static bool answer_one(void)
{
	struct seccomp_notif req;
	struct seccomp_notif_resp resp;
	char path[PATH_MAX];
	long magic;

	memset(&req, 0, sizeof(req));
	if (ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &req))
		return errno == EINTR || errno == ENOENT;
	magic = path_of(&req, path) ? magic_of(path) : 0;
	resp = (struct seccomp_notif_resp){.id = req.id};
	/* Who has gone meanwhile may have left its number to another. */
	if (magic && ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &req.id))
		return true;
	if (!magic)
		resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (!write_answer(&req, magic))
		resp.error = -EFAULT;
	return !ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) || errno == ENOENT;
}

static void *answer(void *arg)
{
	(void)arg;
	while (sem_wait(&listener.set))
		;
	while (listener.fd >= 0 && answer_one())
		;
	return NULL;
}

static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statfs, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fstatfs, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

static bool prepared;

void statfs_prepare(void)
{
	pthread_t thread;

	listener.fd = -1;
	if (sem_init(&listener.set, 0, 0) || pthread_create(&thread, NULL, answer, NULL))
		return;
	(void)pthread_detach(thread);
	prepared = true;
}

void statfs_begin(void)
{
	if (!prepared)
		return;
	listener.fd = install_filter();
	sem_post(&listener.set);
}

#else

void statfs_prepare(void)
{
}

void statfs_begin(void)
{
}

#endif
