/* SPDX-License-Identifier: MIT */
/*
 * Text to the host, and the small files of /proc and /sys.
 *
 * Lines that begin with "@@" are this program's own; all others are the text
 * of the file that the last "@@file PATH" named.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

static char *bar;
static size_t bar_size;
static volatile struct bar_head *head;

void output_init(char *mem, size_t size)
{
	bar = mem;
	bar_size = size;
	head = (struct bar_head *)(bar + SCRIPT_MAX);
	head->len = 0;
	head->state = 0;
	head->magic = OUT_MAGIC;
}

void output_finish(void)
{
	head->state |= STATE_FINISHED;
}

void out(const char *p, size_t n)
{
	uint64_t at = OUT_BASE + head->len;

	if (at + n > bar_size) {
		head->state |= STATE_OVERFLOW;
		return;
	}
	memcpy(bar + at, p, n);
	head->len += n;
}

void outf(const char *fmt, ...)
{
	static char b[8192];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(b, sizeof(b), fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(b) - 1)
		n = sizeof(b) - 1;
	if (n > 0)
		out(b, n);
}

unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int put(const char *path, const char *val)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, val, strlen(val));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* The file as a string; its length, or -errno. */
long slurp(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (at + 1 < cap && (n = read(fd, buf + at, cap - 1 - at)) > 0)
		at += n;
	close(fd);
	buf[at] = 0;
	return at;
}

void dump(const char *path)
{
	static char b[16384];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char last = '\n';
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, b, sizeof(b));
	if (n >= 0)
		outf("@@file %s\n", path);
	while (n > 0) {
		out(b, n);
		last = b[n - 1];
		n = read(fd, b, sizeof(b));
	}
	if (last != '\n')
		out("\n", 1);
	close(fd);
}

int list_dir(const char *dir, bool dirs, char names[128][64])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		return 0;
	while ((e = readdir(d)) && n < 128) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= 64)
			continue;
		if (e->d_type == (dirs ? DT_DIR : DT_REG))
			strcpy(names[n++], e->d_name);
	}
	closedir(d);
	qsort(names, n, 64, (int (*)(const void *, const void *))strcmp);
	return n;
}

/* Every one-line file of a directory as a line "name value". */
void dump_dir(const char *dir)
{
	static char names[128][64];
	int n = list_dir(dir, false, names);
	char path[256], b[512];

	if (access(dir, F_OK))
		return;
	outf("@@file %s/\n", dir);
	for (int i = 0; i < n; i++) {
		long len;

		/* Reading it makes the kernel compute the reserves anew: see "settle". */
		if (!strcmp(names[i], "lowmem_reserve_ratio"))
			continue;
		snprintf(path, sizeof(path), "%.180s/%.63s", dir, names[i]);
		len = slurp(path, b, sizeof(b));
		if (len < 0)
			continue;
		while (len > 0 && b[len - 1] == '\n')
			b[--len] = 0;
		for (char *q = b; *q; q++)
			if (*q == '\n')
				*q = '|';
		outf("%s %s\n", names[i], b);
	}
}
