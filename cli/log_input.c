/* SPDX-License-Identifier: MIT */
/*
 * Opens what a log may be stored as.
 *
 * The idea: logs that were rotated are compressed, so what gzip wrote is read as
 * it goes by, from a pipe too, in bounded memory; whatever else is not text is
 * known by its first bytes, and the message names the command that makes text of
 * it.  A gzip file that is cut off says what it has, as a log does.
 */
#define _GNU_SOURCE /* fopencookie() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cli/cli.h"

#define BUFFER_BYTES (128 << 10)
#define HEAD_BYTES   8

struct input {
	gzFile gz;
	char head[HEAD_BYTES]; /* read to see what it is, and not yet given */
	int nr_head, given;
};

static ssize_t input_read(void *cookie, char *buffer, size_t size)
{
	struct input *in = cookie;
	int n = in->nr_head - in->given, err;

	if (n > 0) {
		n = (size_t)n < size ? n : (int)size;
		memcpy(buffer, in->head + in->given, (size_t)n);
		in->given += n;
		return n;
	}
	n = gzread(in->gz, buffer, (unsigned int)(size < BUFFER_BYTES ? size : BUFFER_BYTES));
	if (n >= 0)
		return n;
	gzerror(in->gz, &err);
	if (err == Z_BUF_ERROR)
		return 0;
	if (err != Z_ERRNO)
		errno = EBADMSG;
	return -1;
}

static int input_close(void *cookie)
{
	struct input *in = cookie;

	gzclose(in->gz);
	free(in);
	return 0;
}

/* What makes text of a file that begins so; NULL: it is taken as it is. */
static const char *not_text(const char *head, int n)
{
	static const struct {
		const char *magic, *how;
		int len;
	} kinds[] = {
		{"\xfd"
		 "7zXZ",
		 "compressed by xz: xz -dc FILE | quire explain", 5},
		{"\x28\xb5\x2f\xfd", "compressed by zstd: zstd -dc FILE | quire explain", 4},
		{"BZh", "compressed by bzip2: bzip2 -dc FILE | quire explain", 3},
		{"LPKSHHRH", "a journal: journalctl -k --file=FILE | quire explain", 8},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (n >= kinds[i].len && !memcmp(head, kinds[i].magic, (size_t)kinds[i].len))
			return kinds[i].how;
	return NULL;
}

static FILE *open_descriptor(int fd, const char **why)
{
	static const cookie_io_functions_t functions = {.read = input_read, .close = input_close};
	struct input *in = calloc(1, sizeof(*in));
	FILE *f = NULL;

	if (in)
		in->gz = gzdopen(fd, "r");
	if (!in || !in->gz) {
		close(fd);
		free(in);
		*why = strerror(ENOMEM);
		return NULL;
	}
	gzbuffer(in->gz, BUFFER_BYTES);
	in->nr_head = (int)input_read(in, in->head, HEAD_BYTES);
	if (in->nr_head < 0)
		*why = errno == EBADMSG ? "damaged gzip data" : strerror(errno);
	else
		*why = not_text(in->head, in->nr_head);
	if (!*why) {
		f = fopencookie(in, "r", functions);
		if (!f)
			*why = strerror(ENOMEM);
	}
	if (!f)
		input_close(in);
	else
		setvbuf(f, NULL, _IOFBF, BUFFER_BYTES);
	return f;
}

FILE *open_log(const char *path, const char **why)
{
	int fd =
		strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(0, F_DUPFD_CLOEXEC, 0);
	struct stat st;

	*why = NULL;
	if (fd >= 0 && !fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		errno = EISDIR;
		fd = -1;
	}
	if (fd < 0) {
		*why = strerror(errno);
		return NULL;
	}
	return open_descriptor(fd, why);
}
