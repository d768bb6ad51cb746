/* SPDX-License-Identifier: MIT */
/*
 * Guests: the host's processes that run in the namespace, as they appear in
 * the model's /proc.
 *
 * A program looks at itself through /proc/self, so it must be there.  What
 * is shown of it comes from the host's real /proc, held open as a directory,
 * with two files edited: status (the CPUs and nodes that it may use are the
 * model's) and stat (its age is what it was, counted on the model's clock).
 * Names are a fixed list, so that a place is a number; nothing can be written.
 *
 * Links into the void: /proc/PID/fd/N of a pipe reads "pipe:[123]" in Linux
 * and can be opened all the same, which no file system but Linux's own can
 * offer.  Such a link leads to /proc/.host, where the real /proc is mounted;
 * /dev/stdin and <(...) work.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "procfs/internal.h"

enum { NAME_DIR, NAME_TASK, NAME_FD, NAME_FDINFO, NAME_NS, NAME_STAT, NAME_STATUS };

/* At most 127; the first ones are those of the enum. */
static const char *const names[] = {
	"",
	"task",
	"fd",
	"fdinfo",
	"ns",
	"stat",
	"status",
	"statm",
	"cmdline",
	"comm",
	"environ",
	"auxv",
	"maps",
	"smaps",
	"smaps_rollup",
	"numa_maps",
	"pagemap",
	"mountinfo",
	"mounts",
	"mountstats",
	"limits",
	"io",
	"cgroup",
	"cpuset",
	"oom_score",
	"oom_score_adj",
	"oom_adj",
	"sched",
	"schedstat",
	"wchan",
	"stack",
	"syscall",
	"loginuid",
	"sessionid",
	"personality",
	"uid_map",
	"gid_map",
	"setgroups",
	"timers",
	"timerslack_ns",
	"coredump_filter",
	"children",
	"exe",
	"cwd",
	"root",
};

static const char *const namespaces[] = {
	"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children",
	"user",	  "uts",
};

#define PATH_BYTES 96

static bool guest_path(const struct guest_place *g, char path[PATH_BYTES])
{
	const char *name = g->name < ARRAY_SIZE(names) ? names[g->name] : NULL;

	if (!name)
		return false;
	switch (g->level) {
	case GUEST_FILE:
		snprintf(path, PATH_BYTES, "%d%s%s", g->pid, *name ? "/" : "", name);
		return true;
	case GUEST_ITEM:
		if (g->name == NAME_NS && g->number < ARRAY_SIZE(namespaces))
			snprintf(path, PATH_BYTES, "%d/ns/%s", g->pid, namespaces[g->number]);
		else if (g->name == NAME_FD || g->name == NAME_FDINFO)
			snprintf(path, PATH_BYTES, "%d/%s/%u", g->pid, name, g->number);
		else
			return false;
		return true;
	case GUEST_THREAD:
		snprintf(path, PATH_BYTES, "%d/task/%u%s%s", g->pid, g->number, *name ? "/" : "",
			 name);
		return true;
	}
	return false;
}

/* A decimal number as /proc writes it; -1 if name is none. */
static long number_of(const char *name)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*name) || (*name == '0' && name[1]) || strlen(name) > 7)
		return -1;
	n = strtol(name, &end, 10);
	return *end || n >= 1 << 22 ? -1 : n;
}

static struct place place_of_guest(int pid, enum guest_level level, unsigned int name, u32 number)
{
	return (struct place){
		.class = PLACE_GUEST,
		.guest = {.pid = pid, .level = (u8)level, .name = (u8)name, .number = number}};
}

static const struct place none = {.class = PLACE_NONE};

/* Those in the namespace.  With PIDs of their own all are, but for the first,
 * which only waits for the others. */
static bool is_guest(struct procfs *fs, int pid)
{
	char path[64], ns[64];
	ssize_t n;

	if (pid <= 0 || fs->real < 0)
		return false;
	if (fs->own_pids) {
		struct stat st;

		snprintf(path, sizeof(path), "%d", pid);
		return pid != 1 && !fstatat(fs->real, path, &st, AT_SYMLINK_NOFOLLOW);
	}
	snprintf(path, sizeof(path), "%d/ns/mnt", pid);
	n = readlinkat(fs->real, path, ns, sizeof(ns) - 1);
	if (n <= 0)
		return false;
	ns[n] = '\0';
	return !strcmp(ns, fs->mnt_ns);
}

struct place guest_lookup_pid(struct procfs *fs, const char *name)
{
	long pid = number_of(name);

	return pid > 0 && is_guest(fs, (int)pid) ? place_of_guest((int)pid, GUEST_FILE, NAME_DIR, 0)
						 : none;
}

static unsigned int name_index(const char *name)
{
	for (unsigned int i = 1; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return i;
	return 0;
}

/* What a name in a guest's directory would be, there or not. */
static struct place child_named(const struct guest_place *dir, const char *name)
{
	unsigned int i;
	long n;

	if (dir->level == GUEST_ITEM)
		return none;
	if (dir->name == NAME_DIR) {
		i = name_index(name);
		/* Threads have no directories but fd, a link to the process's. */
		if (!i || (dir->level == GUEST_THREAD && i < NAME_STAT && i != NAME_FD))
			return none;
		return place_of_guest(dir->pid, (enum guest_level)dir->level, i, dir->number);
	}
	if (dir->level == GUEST_THREAD)
		return none;
	if (dir->name == NAME_NS) {
		for (i = 0; i < ARRAY_SIZE(namespaces); i++)
			if (!strcmp(namespaces[i], name))
				return place_of_guest(dir->pid, GUEST_ITEM, NAME_NS, i);
		return none;
	}
	n = number_of(name);
	if (n < 0)
		return none;
	if (dir->name == NAME_TASK)
		return place_of_guest(dir->pid, GUEST_THREAD, NAME_DIR, (u32)n);
	if (dir->name == NAME_FD || dir->name == NAME_FDINFO)
		return place_of_guest(dir->pid, GUEST_ITEM, dir->name, (u32)n);
	return none;
}

struct place guest_lookup(struct procfs *fs, const struct guest_place *dir, const char *name)
{
	struct place p = child_named(dir, name);
	struct stat st;

	return p.class == PLACE_GUEST && !guest_stat(fs, &p.guest, &st) ? p : none;
}

static bool is_thread_fd(const struct guest_place *g)
{
	return g->level == GUEST_THREAD && g->name == NAME_FD;
}

int guest_stat(struct procfs *fs, const struct guest_place *g, struct stat *st)
{
	char path[PATH_BYTES];

	if (!guest_path(g, path))
		return -ENOENT;
	if (fstatat(fs->real, path, st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (is_thread_fd(g))
		st->st_mode = S_IFLNK | 0777;
	/* Read-only: a write would be the server's, not the caller's. */
	if (S_ISREG(st->st_mode))
		st->st_mode &= ~(mode_t)0222;
	if (fs->mapped) {
		st->st_uid = 0;
		st->st_gid = 0;
	}
	st->st_size = 0;
	return 0;
}

/* ---- listing ---------------------------------------------------------------- */

static DIR *open_dir(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

void guest_readdir_pids(struct procfs *fs,
			bool (*fn)(void *ctx, const char *name, const struct place *p), void *ctx)
{
	DIR *d = fs->real < 0 ? NULL : open_dir(fs->real, ".");
	struct dirent *item;

	while (d && (item = readdir(d))) {
		struct place p = guest_lookup_pid(fs, item->d_name);

		if (p.class == PLACE_GUEST && !fn(ctx, item->d_name, &p))
			break;
	}
	if (d)
		closedir(d);
}

void guest_readdir(struct procfs *fs, const struct guest_place *dir,
		   bool (*fn)(void *ctx, const char *name, const struct place *p), void *ctx)
{
	char path[PATH_BYTES];
	struct dirent *item;
	struct place p;
	DIR *d;

	if (dir->name == NAME_DIR) {
		for (unsigned int i = 1; i < ARRAY_SIZE(names); i++) {
			p = guest_lookup(fs, dir, names[i]);
			if (p.class == PLACE_GUEST && !fn(ctx, names[i], &p))
				return;
		}
		return;
	}
	d = guest_path(dir, path) ? open_dir(fs->real, path) : NULL;
	while (d && (item = readdir(d))) {
		p = child_named(dir, item->d_name);
		if (p.class == PLACE_GUEST && !fn(ctx, item->d_name, &p))
			break;
	}
	if (d)
		closedir(d);
}

/* ---- links ------------------------------------------------------------------ */

int guest_readlink(struct procfs *fs, const struct guest_place *g, struct text *t)
{
	static const char deleted[] = " (deleted)";
	char path[PATH_BYTES], target[4096];
	ssize_t n;

	if (!guest_path(g, path))
		return -ENOENT;
	if (is_thread_fd(g)) {
		text_puts(t, "../../fd");
		return 0;
	}
	n = readlinkat(fs->real, path, target, sizeof(target));
	if (n < 0)
		return -errno;
	if (g->level == GUEST_ITEM && g->name == NAME_FD &&
	    (target[0] != '/' ||
	     ((size_t)n > sizeof(deleted) &&
	      !memcmp(target + n - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1))))
		text_printf(t, "/proc/.host/%s", path);
	else
		text_put(t, target, (size_t)n);
	return 0;
}

int guest_tgid(struct procfs *fs, int tid)
{
	char path[32], status[512], *line;
	ssize_t n;
	int fd;

	if (tid <= 0 || fs->real < 0)
		return 0;
	snprintf(path, sizeof(path), "%d/status", tid);
	fd = openat(fs->real, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, status, sizeof(status) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	status[n] = '\0';
	line = strstr(status, "\nTgid:");
	return line ? atoi(line + 6) : 0;
}

/* ---- files ------------------------------------------------------------------ */

int guest_open(struct procfs *fs, const struct guest_place *g, bool *edited)
{
	char path[PATH_BYTES];
	int fd;

	if (!guest_path(g, path))
		return -ENOENT;
	fd = openat(fs->real, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	*edited = g->level != GUEST_ITEM && (g->name == NAME_STAT || g->name == NAME_STATUS);
	return fd < 0 ? -errno : fd;
}

/* The lines of status that tell of CPUs and nodes are the model's. */
static void edit_status(struct procfs *fs, const char *s, struct text *t)
{
	while (*s) {
		size_t n = strcspn(s, "\n"), label = strcspn(s, ":\n");
		const char *mine = NULL;

		n += s[n] == '\n';
		for (size_t i = 0; i < ARRAY_SIZE(fs->masks); i++)
			if (fs->masks[i] && !strncmp(fs->masks[i], s, label + 1))
				mine = fs->masks[i];
		/* Its one user is root in there. */
		if (fs->mapped && (*s == 'U' || *s == 'G') && !strncmp(s + 1, "id:", 3))
			mine = *s == 'U' ? "Uid:\t0\t0\t0\t0\n" : "Gid:\t0\t0\t0\t0\n";
		if (mine)
			text_puts(t, mine);
		else
			text_put(t, s, n);
		s += n;
	}
}

#define STARTTIME_FIELD 22

/* Field 22, when it started in ticks since boot: as long ago as it was. */
static void edit_stat(struct procfs *fs, const char *s, struct text *t)
{
	const char *p = strrchr(s, ')');
	unsigned long long started;
	struct timespec now;
	s64 age, ticks;
	char *end;

	for (int field = 2; p && field < STARTTIME_FIELD; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (!p) {
		text_puts(t, s);
		return;
	}
	started = strtoull(p, &end, 10);
	clock_gettime(CLOCK_BOOTTIME, &now);
	age = (s64)now.tv_sec * 100 + now.tv_nsec / 10000000 - (s64)started;
	ticks = (s64)(quire_clock(fs->q) / 10000000) - (age > 0 ? age : 0);
	text_put(t, s, (size_t)(p - s));
	text_printf(t, "%lld", (long long)(ticks > 0 ? ticks : 0));
	text_puts(t, end);
}

int guest_render(struct procfs *fs, const struct guest_place *g, int fd, struct text *t)
{
	char real[8192];
	size_t len = 0;
	ssize_t n;

	do {
		n = pread(fd, real + len, sizeof(real) - 1 - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && len < sizeof(real) - 1);
	if (n < 0)
		return -errno;
	real[len] = '\0';
	if (g->name == NAME_STATUS)
		edit_status(fs, real, t);
	else
		edit_stat(fs, real, t);
	return t->overflow ? -ENOMEM : 0;
}
