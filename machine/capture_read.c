/* SPDX-License-Identifier: MIT */
/*
 * A capture's container: records of a path and so many bytes.
 *
 * The file may come from anywhere: every length is held against what is left,
 * a path is printable and given once, and the end says how many records there
 * were.  The first fault ends the reading, with one message that names the
 * file, the line, what is wrong and what to do.
 *
 * The file is read whole; texts are ended by a NUL in the place of the newline
 * behind them, and nothing is copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/capture.h"
#include "port/model/keep.h"

struct reader {
	struct capture *c;
	size_t at, line; /* of the next byte, from 1 */
	size_t cap;
	FILE *err;
};

static bool bad(struct reader *r, const char *what, const char *mend)
{
	fprintf(r->err, "%s:%zu: (byte %zu) %s; %s\n", r->c->name, r->line, r->at, what, mend);
	return false;
}

#define AGAIN "capture the machine again, or fetch the file again"

bool capture_is(const char *path)
{
	char head[sizeof(CAPTURE_MAGIC)];
	FILE *f = fopen(path, "r");
	bool is = f && fread(head, 1, sizeof(head), f) == sizeof(head) &&
		  !memcmp(head, CAPTURE_MAGIC "\n", sizeof(head));

	if (f)
		fclose(f);
	return is;
}

static bool read_bytes(struct reader *r)
{
	struct capture *c = r->c;
	int fd = open(c->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st)) {
		fprintf(r->err, "%s: can't be read: %s\n", c->name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (!S_ISREG(st.st_mode) || (u64)st.st_size > CAPTURE_TOTAL_MAX) {
		fprintf(r->err, "%s: a capture is a plain file of at most %lu MiB\n", c->name,
			CAPTURE_TOTAL_MAX >> 20);
		close(fd);
		return false;
	}
	c->bytes = keep_malloc((size_t)st.st_size + 1);
	while (c->bytes && c->len < (size_t)st.st_size &&
	       (n = read(fd, c->bytes + c->len, (size_t)st.st_size - c->len)) > 0)
		c->len += (size_t)n;
	close(fd);
	if (!c->bytes || n < 0) {
		fprintf(r->err, "%s: can't be read: %s\n", c->name,
			strerror(c->bytes ? errno : ENOMEM));
		return false;
	}
	c->bytes[c->len] = 0;
	return true;
}

static size_t count_lines(const char *p, size_t n)
{
	size_t lines = 0;

	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		lines++;
	return lines;
}

static bool add_record(struct reader *r, const char *path, const char *text, size_t len)
{
	struct capture *c = r->c;

	if (c->nr_records == CAPTURE_RECORDS_MAX)
		return bad(r, "there are too many records", "a capture has at most 4 million");
	if (c->nr_records == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 1024;
		struct capture_record *more = keep_realloc(c->records, cap * sizeof(*more));

		if (!more)
			return bad(r, "there is no memory for its records", "free some");
		c->records = more;
		r->cap = cap;
	}
	c->records[c->nr_records++] = (struct capture_record){path, text, len, r->line};
	return true;
}

/* A decimal number that ends its line; false: it is none, or too large. */
static bool line_number(const char *p, const char *end, u64 max, u64 *v)
{
	*v = 0;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*v = *v * 10 + (u64)(*p - '0');
		if (*v > max)
			return false;
	}
	return true;
}

/* The path of a record's line from *p on, up to a blank; NULL: it is none. */
static char *take_path(char **p, const char *end)
{
	char *path = *p, *q = path;

	while (q<end && * q> ' ' && *q < 127)
		q++;
	if (q == path || *path != '/' || (size_t)(q - path) >= CAPTURE_PATH_MAX || q >= end ||
	    *q != ' ')
		return NULL;
	*q = 0;
	*p = q + 1;
	return path;
}

static bool starts(const char *p, const char *end, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(end - p) >= n && !memcmp(p, with, n);
}

/* One record; *done at the last. */
static bool read_record(struct reader *r, bool *done)
{
	struct capture *c = r->c;
	char *p = c->bytes + r->at, *end = memchr(p, '\n', c->len - r->at), *path;
	u64 len;

	if (!end)
		return bad(r, "the file ends before its last line, \"@@end COUNT\"", AGAIN);
	if (starts(p, end, "@@end ")) {
		if (!line_number(p + 6, end, CAPTURE_RECORDS_MAX, &len) || len != c->nr_records)
			return bad(r, "the last line counts other records than there are", AGAIN);
		*done = true;
		if ((size_t)(end + 1 - c->bytes) != c->len)
			return bad(r, "something follows the last line", "cut it off");
		return true;
	}
	if (starts(p, end, "@@missing ")) {
		p += 10;
		path = take_path(&p, end);
		if (!path)
			return bad(r, "\"@@missing\" without a path and a reason", AGAIN);
		*end = 0;
		if (!add_record(r, path, NULL, 0))
			return false;
	} else if (starts(p, end, "@@file ") || starts(p, end, "@@list ")) {
		p += 7;
		path = take_path(&p, end);
		if (!path)
			return bad(r, "a record without a path of printable characters", AGAIN);
		if (!line_number(p, end, CAPTURE_FILE_MAX, &len))
			return bad(r, "a record's length is no number up to 16777216", AGAIN);
		r->at = (size_t)(end + 1 - c->bytes);
		r->line++;
		if (len >= c->len - r->at || c->bytes[r->at + len] != '\n')
			return bad(r, "a record is not as long as its line says",
				   "don't edit lengths by hand; " AGAIN);
		end = c->bytes + r->at + len;
		*end = 0;
		if (!add_record(r, path, c->bytes + r->at, len))
			return false;
		r->line += count_lines(c->bytes + r->at, len);
	} else {
		return bad(r, "neither @@file, @@list, @@missing nor @@end", AGAIN);
	}
	r->at = (size_t)(end + 1 - c->bytes);
	r->line++;
	return true;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct capture_record *)a)->path,
		      ((const struct capture_record *)b)->path);
}

static bool read_records(struct reader *r)
{
	struct capture *c = r->c;
	size_t magic = sizeof(CAPTURE_MAGIC);
	bool done = false;

	r->line = 1;
	if (c->len < magic || memcmp(c->bytes, "quire-capture ", 14))
		return bad(r, "this is no capture", "make one with `quire capture -o FILE`");
	if (memcmp(c->bytes, CAPTURE_MAGIC "\n", magic))
		return bad(r, "a capture of another version", "this program reads version 1");
	r->at = magic;
	r->line = 2;
	while (!done)
		if (!read_record(r, &done))
			return false;
	if (!c->nr_records)
		return bad(r, "it is empty", AGAIN);
	qsort(c->records, c->nr_records, sizeof(*c->records), by_path);
	for (size_t i = 1; i < c->nr_records; i++) {
		if (!strcmp(c->records[i - 1].path, c->records[i].path)) {
			r->line = c->records[i].line;
			return bad(r, "a path is there twice", AGAIN);
		}
	}
	return true;
}

struct capture *capture_load(const char *path, FILE *err)
{
	struct capture *c = keep_calloc(1, sizeof(*c));
	struct reader r = {.c = c, .err = err};

	if (!c)
		return NULL;
	c->name = keep_strdup(path);
	if (c->name && read_bytes(&r) && read_records(&r))
		return c;
	capture_free(c);
	return NULL;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	keep_free((char *)c->name);
	keep_free(c->bytes);
	keep_free(c->records);
	keep_free(c);
}

/* The first record whose path is not below `path`. */
static size_t lower_bound(const struct capture *c, const char *path)
{
	size_t lo = 0, hi = c->nr_records;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(c->records[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct capture_record *capture_find(const struct capture *c, const char *path)
{
	size_t i = lower_bound(c, path);

	if (i == c->nr_records || strcmp(c->records[i].path, path) || !c->records[i].text)
		return NULL;
	return &c->records[i];
}

size_t capture_prefix(const struct capture *c, const char *prefix,
		      const struct capture_record **first)
{
	size_t i = lower_bound(c, prefix), n = strlen(prefix), nr = 0;

	*first = c->records + i;
	while (i + nr < c->nr_records && !strncmp(c->records[i + nr].path, prefix, n))
		nr++;
	return nr;
}
