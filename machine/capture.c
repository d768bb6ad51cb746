/* SPDX-License-Identifier: MIT */
/*
 * quire capture: reads what Linux says about its memory into one file.
 *
 * The files that must agree with each other (zones, free blocks, slabs) are
 * read first and one after the other; processes follow in order of their
 * numbers.  A process that ends meanwhile is left out whole.  Memory for the
 * file is taken before anything is read, so that reading changes little of
 * what is read; nothing is written until all is read, and then into a
 * temporary file that takes the name at the end.
 *
 * With mask_names a process's name becomes "proc-" and eight digits that follow
 * from the name: equal names stay equal, in other captures too, and who knows a
 * name can tell whether it is there.  Arguments go; components of control
 * groups' paths are masked alike.  Kernel threads keep their names.
 */
#define _GNU_SOURCE /* memmem, memrchr */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/capture.h"

#define MAX_DEPTH 24

struct sink {
	const struct capture_options *o;
	char *buf;
	size_t len, cap;
	unsigned long records;
	struct capture_counts counts;
	int root; /* directory that paths are below */
	bool failed;
	char *scratch;
	size_t scratch_cap;
};

/* ---- records ---------------------------------------------------------------- */

static char *reserve(struct sink *s, size_t n)
{
	if (s->len + n > s->cap) {
		size_t cap = s->cap ? s->cap : 16 << 20;
		char *buf;

		while (cap < s->len + n)
			cap *= 2;
		buf = cap <= 2 * CAPTURE_TOTAL_MAX ? realloc(s->buf, cap) : NULL;
		if (!buf) {
			s->failed = true;
			errno = ENOMEM;
			return NULL;
		}
		/* Touched now: it counts as in use when that is read. */
		memset(buf + s->cap, 0, cap - s->cap);
		s->buf = buf;
		s->cap = cap;
	}
	return s->buf + s->len;
}

static void put(struct sink *s, const char *p, size_t n)
{
	char *to = reserve(s, n);

	if (to) {
		memcpy(to, p, n);
		s->len += n;
	}
}

static void put_record(struct sink *s, const char *kind, const char *path, const char *p, size_t n)
{
	char head[CAPTURE_PATH_MAX + 64];
	int len = snprintf(head, sizeof(head), "@@%s %s %zu\n", kind, path, n);

	put(s, head, (size_t)len);
	put(s, p, n);
	put(s, "\n", 1);
	s->records++;
	s->counts.files++;
}

static void put_missing(struct sink *s, const char *path, int error)
{
	char head[CAPTURE_PATH_MAX + 128];
	int len = snprintf(head, sizeof(head), "@@missing %s %s\n", path, strerror(error));

	put(s, head, (size_t)len);
	s->records++;
	s->counts.missing++;
}

/* A path that a record's line can hold: no white space, no control characters. */
static bool plain_path(const char *path)
{
	if (strlen(path) >= CAPTURE_PATH_MAX)
		return false;
	for (; *path; path++)
		if ((unsigned char)*path <= ' ' || *path == 127)
			return false;
	return true;
}

static const char *below_root(const char *path)
{
	return *path == '/' ? path + 1 : path;
}

/* The whole of a small file into s->scratch; its length, or -errno. */
static ssize_t slurp(struct sink *s, const char *path)
{
	int fd = openat(s->root, below_root(path), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	do {
		if (len == s->scratch_cap) {
			char *buf = s->scratch_cap < CAPTURE_FILE_MAX
					    ? realloc(s->scratch, s->scratch_cap * 2)
					    : NULL;

			if (!buf) {
				close(fd);
				return -EFBIG;
			}
			s->scratch = buf;
			s->scratch_cap *= 2;
		}
		n = read(fd, s->scratch + len, s->scratch_cap - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	n = n < 0 ? -errno : (ssize_t)len;
	close(fd);
	return n;
}

/* ---- masks ------------------------------------------------------------------ */

static unsigned int name_hash(const char *p, size_t n)
{
	unsigned int h = 2166136261u;

	while (n--)
		h = (h ^ (unsigned char)*p++) * 16777619u;
	return h;
}

static int masked_name(char out[16], const char *name, size_t n)
{
	return snprintf(out, 16, "proc-%08x", name_hash(name, n));
}

/* Replaces [at, at + n) of the scratch text of length *len. */
static void replace_part(struct sink *s, size_t *len, size_t at, size_t n, const char *with,
			 size_t m)
{
	if (*len - n + m > s->scratch_cap)
		return;
	memmove(s->scratch + at + m, s->scratch + at + n, *len - at - n);
	memcpy(s->scratch + at, with, m);
	*len = *len - n + m;
}

static size_t mask_text(struct sink *s, const char *file, size_t len)
{
	char masked[16], *p = s->scratch, *q;
	size_t n;

	if (!strcmp(file, "status")) {
		q = memchr(p, '\n', len);
		n = q ? (size_t)(q - p) : len;
		if (n > 6 && !memcmp(p, "Name:\t", 6))
			replace_part(s, &len, 6, n - 6, masked,
				     (size_t)masked_name(masked, p + 6, n - 6));
	} else if (!strcmp(file, "stat")) {
		p = memchr(s->scratch, '(', len);
		q = memrchr(s->scratch, ')', len);
		if (p && q > p)
			replace_part(s, &len, (size_t)(p + 1 - s->scratch), (size_t)(q - p - 1),
				     masked,
				     (size_t)masked_name(masked, p + 1, (size_t)(q - p - 1)));
	} else if (!strcmp(file, "comm")) {
		q = memchr(p, '\n', len);
		n = q ? (size_t)(q - p) : len;
		replace_part(s, &len, 0, n, masked, (size_t)masked_name(masked, p, n));
	} else if (!strcmp(file, "cmdline") && len) {
		n = strnlen(p, len);
		len = (size_t)masked_name(masked, p, n) + 1;
		memcpy(s->scratch, masked, len);
	}
	return len;
}

/* "/system.slice/foo.service" -> "/proc-…/proc-…"; out has room. */
static void mask_path(const char *path, size_t n, char *out, size_t cap)
{
	size_t len = 0;

	while (n && len + 20 < cap) {
		size_t part;

		if (*path == '/') {
			out[len++] = *path++;
			n--;
			continue;
		}
		for (part = 0; part < n && path[part] != '/'; part++)
			;
		len += (size_t)masked_name(out + len, path, part);
		path += part;
		n -= part;
	}
	out[len] = 0;
}

/* ---- the machine's files ---------------------------------------------------- */

static void take(struct sink *s, const char *path)
{
	ssize_t n;

	if (!plain_path(path))
		return;
	n = slurp(s, path);
	if (n < 0)
		put_missing(s, path, (int)-n);
	else
		put_record(s, "file", path, s->scratch, (size_t)n);
}

/* Names of a directory, sorted; the caller frees them. */
static size_t list_dir(struct sink *s, const char *path, char ***names)
{
	int fd = openat(s->root, *below_root(path) ? below_root(path) : ".",
			O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t nr = 0, cap = 0;
	struct dirent *d;

	*names = NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		if (nr == cap) {
			char **more = realloc(*names, (cap = cap ? 2 * cap : 64) * sizeof(**names));

			if (!more)
				break;
			*names = more;
		}
		(*names)[nr] = strdup(d->d_name);
		if (!(*names)[nr])
			break;
		nr++;
	}
	closedir(dir);
	return nr;
}

static void free_names(char **names, size_t nr)
{
	while (nr)
		free(names[--nr]);
	free(names);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All readable files of one directory. */
static void take_dir(struct sink *s, const char *path)
{
	char **names, sub[CAPTURE_PATH_MAX + 1];
	size_t nr = list_dir(s, path, &names);

	if (nr)
		qsort(names, nr, sizeof(*names), by_name);
	for (size_t i = 0; i < nr; i++) {
		struct stat st;

		if (snprintf(sub, sizeof(sub), "%s/%s", path, names[i]) >= CAPTURE_PATH_MAX ||
		    fstatat(s->root, below_root(sub), &st, 0) || !S_ISREG(st.st_mode) ||
		    !(st.st_mode & 0444))
			continue;
		/* Reading it acts, or is of no use here. */
		if (strstr(sub, "/compact") || strstr(sub, "stat_refresh") ||
		    strstr(sub, "drop_caches"))
			continue;
		take(s, sub);
	}
	free_names(names, nr);
}

/* The named files of each child of a directory whose name begins with prefix. */
static void take_children(struct sink *s, const char *path, const char *prefix,
			  const char *const *files)
{
	char **names, sub[CAPTURE_PATH_MAX + 1];
	size_t nr = list_dir(s, path, &names);

	if (nr)
		qsort(names, nr, sizeof(*names), by_name);
	for (size_t i = 0; i < nr; i++) {
		if (strncmp(names[i], prefix, strlen(prefix)))
			continue;
		for (const char *const *f = files; *f; f++)
			if (snprintf(sub, sizeof(sub), "%s/%s/%s", path, names[i], *f) <
			    CAPTURE_PATH_MAX)
				take(s, sub);
	}
	free_names(names, nr);
}

/* ---- processes -------------------------------------------------------------- */

static bool number(const char *name)
{
	return *name && strspn(name, "0123456789") == strlen(name) && strlen(name) < 8;
}

static int by_number(const void *a, const void *b)
{
	return atoi(*(char *const *)a) - atoi(*(char *const *)b);
}

static void take_threads(struct sink *s, const char *dir)
{
	char path[64], **names, *text;
	size_t nr, len = 0;

	snprintf(path, sizeof(path), "%s/task", dir);
	nr = list_dir(s, path, &names);
	text = malloc(nr * 8 + 1);
	if (nr)
		qsort(names, nr, sizeof(*names), by_number);
	for (size_t i = 0; i < nr && text; i++)
		if (number(names[i]))
			len += (size_t)sprintf(text + len, "%s\n", names[i]);
	if (text && len)
		put_record(s, "list", path, text, len);
	free(text);
	free_names(names, nr);
}

/* The line of the unified hierarchy, its path masked. */
static void mask_cgroup(struct sink *s, size_t *len)
{
	char out[4096] = "";
	size_t used = 0;

	s->scratch[*len < s->scratch_cap ? *len : s->scratch_cap - 1] = 0;
	for (char *line = s->scratch, *end; *line; line = end + (*end != 0)) {
		char *path = line;

		end = line + strcspn(line, "\n");
		for (int colons = 0; path < end && colons < 2; path++)
			colons += *path == ':';
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%.*s", (int)(path - line),
					 line);
		if (used + 512 > sizeof(out))
			break;
		mask_path(path, (size_t)(end - path), out + used, 500);
		used += strlen(out + used);
		out[used++] = '\n';
	}
	if (used < s->scratch_cap) {
		memcpy(s->scratch, out, used);
		*len = used;
	}
}

static void take_process(struct sink *s, const char *pid)
{
	static const char *const files[] = {"status",	 "stat",	  "statm",
					    "comm",	 "cmdline",	  "cgroup",
					    "oom_score", "oom_score_adj", "smaps_rollup"};
	size_t len = s->len;
	struct capture_counts counts = s->counts;
	unsigned long records = s->records;
	bool user = true;
	char dir[32], path[64];

	snprintf(dir, sizeof(dir), "/proc/%s", pid);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		n = slurp(s, path);
		if (n < 0 && i < 2) {
			/* It has gone, or is nothing of ours. */
			s->len = len;
			s->counts = counts;
			s->records = records;
			return;
		}
		if (!i)
			user = memmem(s->scratch, (size_t)n, "\nVmSize:", 8) != NULL;
		if (n >= 0 && s->o->mask_names && user) {
			size_t masked = (size_t)n;

			if (!strcmp(files[i], "cgroup"))
				mask_cgroup(s, &masked);
			else
				masked = mask_text(s, files[i], masked);
			n = (ssize_t)masked;
		}
		if (n >= 0)
			put_record(s, "file", path, s->scratch, (size_t)n);
		else if (strcmp(files[i], "smaps_rollup") || user)
			put_missing(s, path, (int)-n);
	}
	take_threads(s, dir);
	s->counts.processes++;
}

static void take_processes(struct sink *s)
{
	char **names;
	size_t nr = list_dir(s, "/proc", &names), kept = 0;

	for (size_t i = 0; i < nr; i++) {
		if (number(names[i]))
			names[kept++] = names[i];
		else
			free(names[i]);
	}
	if (kept)
		qsort(names, kept, sizeof(*names), by_number);
	for (size_t i = 0; i < kept; i++)
		take_process(s, names[i]);
	free_names(names, kept);
}

/* ---- control groups --------------------------------------------------------- */

static void take_groups(struct sink *s, const char *path, const char *shown, unsigned int depth)
{
	static const char *const files[] = {
		"memory.max",	  "memory.high",     "memory.low",	    "memory.min",
		"memory.current", "memory.swap.max", "memory.swap.current", "memory.stat",
		"memory.events",  "memory.oom.group"};
	char **names, sub[CAPTURE_PATH_MAX + 1], out[CAPTURE_PATH_MAX + 1], masked[16];
	size_t nr;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ssize_t n;

		if (snprintf(sub, sizeof(sub), "%s/%s", path, files[i]) >= CAPTURE_PATH_MAX ||
		    snprintf(out, sizeof(out), "%s/%s", shown, files[i]) >= CAPTURE_PATH_MAX ||
		    !plain_path(out))
			return;
		n = slurp(s, sub);
		if (n >= 0)
			put_record(s, "file", out, s->scratch, (size_t)n);
	}
	if (depth == MAX_DEPTH)
		return;
	nr = list_dir(s, path, &names);
	if (nr)
		qsort(names, nr, sizeof(*names), by_name);
	for (size_t i = 0; i < nr; i++) {
		const char *name = names[i];
		struct stat st;

		if (snprintf(sub, sizeof(sub), "%s/%s", path, name) >= CAPTURE_PATH_MAX ||
		    fstatat(s->root, below_root(sub), &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISDIR(st.st_mode))
			continue;
		if (s->o->mask_names) {
			masked_name(masked, name, strlen(name));
			name = masked;
		}
		if (snprintf(out, sizeof(out), "%s/%s", shown, name) < CAPTURE_PATH_MAX)
			take_groups(s, sub, out, depth + 1);
	}
	free_names(names, nr);
}

/* ---- all -------------------------------------------------------------------- */

static void take_all(struct sink *s)
{
	static const char *const first[] = {
		"/proc/zoneinfo", "/proc/buddyinfo", "/proc/pagetypeinfo", "/proc/slabinfo",
		"/proc/meminfo",  "/proc/vmstat",    "/proc/swaps",	   "/proc/uptime",
		"/proc/stat",	  "/proc/loadavg",   "/proc/version",
	};
	static const char *const node_files[] = {"meminfo",  "numastat", "vmstat",
						 "distance", "cpulist",	 NULL};
	static const char *const huge_files[] = {"nr_hugepages", "free_hugepages",
						 "surplus_hugepages", "resv_hugepages", NULL};
	static const char *const slab_files[] = {"reclaim_account", NULL};

	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		take(s, first[i]);
	take_processes(s);
	take_children(s, "/sys/devices/system/node", "node", node_files);
	take(s, "/sys/devices/system/node/online");
	take_dir(s, "/proc/sys/vm");
	take(s, "/proc/sys/kernel/pid_max");
	if (!s->o->mask_names)
		take(s, "/proc/sys/kernel/hostname");
	take_dir(s, "/sys/kernel/mm/transparent_hugepage");
	take_dir(s, "/sys/kernel/mm/transparent_hugepage/khugepaged");
	take_children(s, "/sys/kernel/mm/hugepages", "hugepages-", huge_files);
	take_dir(s, "/sys/module/zswap/parameters");
	take_dir(s, "/sys/kernel/debug/zswap");
	take_children(s, "/sys/kernel/slab", "", slab_files);
	take_groups(s, "/sys/fs/cgroup", "/sys/fs/cgroup", 0);
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* The file appears with its whole content or not at all. */
static int store(const struct sink *s, FILE *err)
{
	const char *out = s->o->out;
	char *temp;
	int fd;

	if (!out)
		return write_all(STDOUT_FILENO, s->buf, s->len);
	temp = malloc(strlen(out) + 8);
	if (!temp)
		return -1;
	sprintf(temp, "%s.XXXXXX", out);
	fd = mkstemp(temp);
	if (fd < 0 || write_all(fd, s->buf, s->len) || fsync(fd) || close(fd) ||
	    rename(temp, out)) {
		fprintf(err, "quire: %s: can't be written: %s\n", out, strerror(errno));
		if (fd >= 0)
			unlink(temp);
		free(temp);
		return -1;
	}
	free(temp);
	return 0;
}

int capture_write(const struct capture_options *o, struct capture_counts *counts, FILE *err)
{
	struct sink s = {.o = o, .scratch_cap = 1 << 20};
	char end[64];
	int status = -1;

	s.root = open(o->root ? o->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.root < 0) {
		fprintf(err, "quire: %s: %s; --root wants a directory that holds proc/ and sys/\n",
			o->root ? o->root : "/", strerror(errno));
		return -1;
	}
	s.scratch = malloc(s.scratch_cap);
	if (s.scratch && reserve(&s, 1)) {
		put(&s, CAPTURE_MAGIC "\n", sizeof(CAPTURE_MAGIC));
		take_all(&s);
		put(&s, end, (size_t)snprintf(end, sizeof(end), "@@end %lu\n", s.records));
		s.counts.bytes = s.len;
	} else {
		s.failed = true;
	}
	if (s.failed || s.len > CAPTURE_TOTAL_MAX)
		fprintf(err, "quire: there is no memory for the capture, or it is beyond %lu MiB\n",
			CAPTURE_TOTAL_MAX >> 20);
	else if (!s.counts.files)
		fprintf(err,
			"quire: %s: there is nothing to capture; --root wants a directory that "
			"holds proc/ and sys/\n",
			o->root ? o->root : "/");
	else
		status = store(&s, err);
	*counts = s.counts;
	close(s.root);
	free(s.scratch);
	free(s.buf);
	return status;
}
