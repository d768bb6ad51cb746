/* SPDX-License-Identifier: MIT */
/*
 * /dev/kmsg: the kernel log, a record a read.
 *
 *	6,339,5140900,-;text of the record
 *
 * priority and facility, number, µs since boot, no continuation.  Bytes that
 * are no printable ASCII come as \xNN.  A reader has its own place in the log;
 * it gets EPIPE once when records were lost to it, EINVAL when its buffer is
 * too small for the record, and at the end EAGAIN, or without O_NONBLOCK waits
 * for the next record.  Rewinding starts at the oldest one.
 *
 * A write adds a record, facility 1 (user) unless it says "<N>" first.
 *
 * Differs from Linux: SEEK_END rewinds, as the file has no size; there is no
 * poll; what dmesg --clear clears is the host's.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "procfs/internal.h"

#define LINE_MAX_BYTES 1000
#define FACILITY_USER  1u

size_t kmsg_format(const struct printk_record *rec, char *buf, size_t cap)
{
	size_t n = (size_t)snprintf(buf, cap, "%u,%llu,%llu,-;", rec->level,
				    (unsigned long long)rec->seq,
				    (unsigned long long)(rec->time_ns / 1000));

	for (unsigned int i = 0; i < rec->len && n + 6 < cap; i++) {
		unsigned char c = (unsigned char)rec->text[i];

		if (c < 32 || c >= 127 || c == '\\')
			n += (size_t)snprintf(buf + n, cap - n, "\\x%02x", c);
		else
			buf[n++] = (char)c;
	}
	buf[n++] = '\n';
	return n;
}

static bool next_record(struct procfs *fs, u64 seq, struct printk_record *rec, char *text,
			size_t cap)
{
	return printk_read(fs->q, seq, rec, text, cap);
}

static void rewind_log(struct procfs *fs, struct handle *h)
{
	struct printk_record rec;
	char text[LINE_MAX_BYTES + 1];

	h->seq = next_record(fs, 0, &rec, text, sizeof(text)) ? rec.seq : 0;
	h->pos = 0;
}

void kmsg_open(struct procfs *fs, struct handle *h)
{
	rewind_log(fs, h);
}

/* Answers with the next record; false when there is none yet. */
static bool answer(struct procfs *fs, fuse_req_t req, struct handle *h, size_t size)
{
	char text[LINE_MAX_BYTES + 1], line[KMSG_RECORD_MAX];
	struct printk_record rec;
	size_t n;

	if (!next_record(fs, h->seq, &rec, text, sizeof(text)))
		return false;
	if (rec.seq != h->seq) {
		h->seq = rec.seq;
		fuse_reply_err(req, EPIPE);
		return true;
	}
	n = kmsg_format(&rec, line, sizeof(line));
	if (n > size) {
		fuse_reply_err(req, EINVAL);
		return true;
	}
	h->seq++;
	h->pos += (off_t)n;
	fuse_reply_buf(req, line, n);
	return true;
}

static void interrupted(fuse_req_t req, void *data)
{
	struct handle *h = data;

	if (h->waits != req)
		return;
	h->waits = NULL;
	list_del_init(&h->list);
	fuse_reply_err(req, EINTR);
}

void kmsg_read(struct procfs *fs, fuse_req_t req, struct handle *h, size_t size, off_t off,
	       bool nonblock)
{
	if (off == 0 && h->pos != 0)
		rewind_log(fs, h);
	if (answer(fs, req, h, size))
		return;
	if (nonblock || h->waits) {
		fuse_reply_err(req, EAGAIN);
		return;
	}
	h->waits = req;
	h->wants = size;
	list_add_tail(&h->list, &fs->waiting);
	fuse_req_interrupt_func(req, interrupted, h);
}

void kmsg_wake(struct procfs *fs)
{
	struct handle *h, *next;

	list_for_each_entry_safe (h, next, &fs->waiting, list) {
		fuse_req_t req = h->waits;
		char text[LINE_MAX_BYTES + 1];
		struct printk_record rec;

		if (!next_record(fs, h->seq, &rec, text, sizeof(text)))
			continue;
		h->waits = NULL;
		list_del_init(&h->list);
		fuse_req_interrupt_func(req, NULL, NULL);
		answer(fs, req, h, h->wants);
	}
}

struct log_call {
	struct quire *q;
	unsigned int level;
	const char *text;
	size_t len;
};

static void log_in_fiber(void *arg)
{
	struct log_call *l = arg;

	printk(l->q, (int)l->level, "%.*s", (int)l->len, l->text);
}

s64 kmsg_write(struct procfs *fs, const char *buf, size_t len)
{
	struct log_call l = {fs->q, FACILITY_USER << 3 | KERN_WARNING, buf, len};

	if (len > LINE_MAX_BYTES)
		return -EINVAL;
	if (len > 2 && buf[0] == '<' && isdigit((unsigned char)buf[1])) {
		unsigned int level = 0;
		size_t i = 1;

		while (i < len && i < 5 && isdigit((unsigned char)buf[i]))
			level = level * 10 + (unsigned int)(buf[i++] - '0');
		if (i < len && buf[i] == '>') {
			l.level = level >> 3 ? level : FACILITY_USER << 3 | level;
			l.text = buf + i + 1;
			l.len = len - i - 1;
		}
	}
	while (l.len && l.text[l.len - 1] == '\n')
		l.len--;
	if (!machine_run_until(fs->m, 0, NULL, NULL))
		return -EIO;
	model_call(machine_model(fs->m), NULL, log_in_fiber, &l);
	return (s64)len;
}
