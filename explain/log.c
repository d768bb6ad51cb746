/* SPDX-License-Identifier: MIT */
/*
 * Lines of a log, as the kernel printed them.
 *
 * People paste what they have: dmesg with seconds, with -T, with -x; syslog
 * and journald with a date, a host and "kernel:"; a serial console with <6>; a
 * mail with "> " before each line and long lines broken.  Nothing of that is
 * known beforehand, so each line is looked at for itself: prefixes are taken
 * off while one is found, and a line without a time behind one with a time is
 * the rest of it.
 *
 * Bounds: a message is cut at LOG_LINE_MAX, and that is all the memory there
 * is.  Bytes that no text has become '?'.
 */
#include "explain/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_COLUMN 160 /* "kernel:" is looked for before it */

void log_init(struct log *log, FILE *file)
{
	*log = (struct log){.file = file};
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* [ 1234.567890], the kernel's time; NULL: something else. */
static const char *skip_seconds(const char *p, double *seconds)
{
	const char *q = skip_blanks(p + 1), *digits = q;
	char *end;

	if (*p != '[')
		return NULL;
	while (isdigit((unsigned char)*q))
		q++;
	if (q == digits || *q != '.' || !isdigit((unsigned char)q[1]))
		return NULL;
	*seconds = strtod(digits, &end);
	return *end == ']' ? end + 1 : NULL;
}

/* [Mon Nov 23 10:00:00 2026], dmesg -T. */
static const char *skip_date(const char *p)
{
	static const char days[] = "MonTueWedThuFriSatSun";
	const char *end;

	if (*p != '[' || strlen(p) < 20)
		return NULL;
	for (int i = 0; i < 7; i++) {
		if (strncmp(p + 1, days + 3 * i, 3) || p[4] != ' ')
			continue;
		end = memchr(p, ']', 40 < strlen(p) ? 40 : strlen(p));
		return end ? end + 1 : NULL;
	}
	return NULL;
}

/* [T123], [C1]: who printed it (CONFIG_PRINTK_CALLER). */
static const char *skip_caller(const char *p)
{
	const char *q = skip_blanks(p);

	if (*q != '[')
		return NULL;
	q = skip_blanks(q + 1);
	if (*q != 'T' && *q != 'C')
		return NULL;
	for (q++; isdigit((unsigned char)*q); q++)
		;
	return *q == ']' && isdigit((unsigned char)q[-1]) ? q + 1 : NULL;
}

/* "kern  :warn  : ", dmesg -x. */
static const char *skip_facility(const char *p)
{
	const char *q = p;

	if (strncmp(p, "kern", 4))
		return NULL;
	q = skip_blanks(p + 4);
	if (*q++ != ':')
		return NULL;
	q = skip_blanks(q);
	while (islower((unsigned char)*q))
		q++;
	q = skip_blanks(q);
	return *q == ':' ? q + 1 : NULL;
}

/* <6> of a console or of /dev/kmsg; "6,123,456789,-;" of the latter. */
static const char *skip_priority(const char *p)
{
	const char *q = p;
	int commas = 0;

	if (*p == '<') {
		for (q = p + 1; isdigit((unsigned char)*q); q++)
			;
		return *q == '>' && q > p + 1 ? q + 1 : NULL;
	}
	for (; isdigit((unsigned char)*q) || *q == ',' || *q == '-' || *q == 'c'; q++)
		commas += *q == ',';
	return *q == ';' && commas >= 3 ? q + 1 : NULL;
}

/* "Jun 20 12:47:02 host kernel: ", "2026-11-23T10:00:00+00:00 host kernel: ". */
static const char *skip_syslog(const char *p)
{
	size_t len = strnlen(p, KERNEL_COLUMN);

	for (const char *q = p; q + 7 < p + len; q++) {
		const char *end = q + 6;

		if (strncmp(q, "kernel", 6) || (q > p && isalnum((unsigned char)q[-1])))
			continue;
		if (*end == '[') /* kernel[0]: */
			while (*end && *end != ':')
				end++;
		end = skip_blanks(end);
		/* A date stands before it, so a digit does. */
		if (*end == ':' && strcspn(p, "0123456789") < (size_t)(q - p))
			return end + 1;
	}
	return NULL;
}

const char *log_strip(const char *line, bool *stamped, double *seconds)
{
	const char *p = line, *q;

	*stamped = false;
	*seconds = 0;
	while (*p == '>' || *p == '|' ||
	       ((*p == ' ' || *p == '\t') && (p[1] == '>' || p[1] == '|')))
		p++; /* a mail's quotation */
	for (;;) {
		const char *at = skip_blanks(p);

		if ((q = skip_seconds(at, seconds))) {
			p = q;
			*stamped = true;
			while ((q = skip_caller(p)))
				p = q;
			if (*p == ' ')
				p++;
			continue;
		}
		if ((q = skip_date(at)) || (q = skip_priority(at)) || (q = skip_facility(at)) ||
		    (!*stamped && (q = skip_syslog(at)))) {
			/* Each of them is as good as a time: the line is a new one. */
			*stamped = true;
			p = *q == ' ' ? q + 1 : q;
			continue;
		}
		return p;
	}
}

/* One line of the file, stripped. */
static bool read_line(struct log *log, struct log_message *msg)
{
	char raw[LOG_LINE_MAX];
	const char *text;
	size_t len = 0;
	bool any = false;
	int c;

	while ((c = getc_unlocked(log->file)) != EOF) {
		any = true;
		if (c == '\n')
			break;
		if (c == '\r')
			continue;
		if ((c < ' ' && c != '\t') || c == 0x7f) {
			log->binary++;
			c = '?';
		}
		if (len < sizeof(raw) - 1)
			raw[len++] = (char)c;
	}
	if (!any)
		return false;
	raw[len] = '\0';
	msg->line = ++log->line;
	text = log_strip(raw, &msg->stamped, &msg->seconds);
	msg->len = len - (size_t)(text - raw);
	memcpy(msg->text, text, msg->len + 1);
	return true;
}

static void append(struct log_message *msg, const struct log_message *rest)
{
	const char *text = skip_blanks(rest->text);
	size_t len = strlen(text);

	if (msg->len && len && msg->len + 1 < sizeof(msg->text))
		msg->text[msg->len++] = ' ';
	if (len > sizeof(msg->text) - 1 - msg->len)
		len = sizeof(msg->text) - 1 - msg->len;
	memcpy(msg->text + msg->len, text, len);
	msg->len += len;
	msg->text[msg->len] = '\0';
}

bool log_read(struct log *log, struct log_message *msg)
{
	if (!log->have_next && (log->eof || !read_line(log, &log->next))) {
		log->eof = true;
		return false;
	}
	/* Not all LOG_LINE_MAX bytes of it. */
	memcpy(msg, &log->next, offsetof(struct log_message, text) + log->next.len + 1);
	log->have_next = false;
	while (!log->eof) {
		if (!read_line(log, &log->next)) {
			log->eof = true;
			break;
		}
		if (!msg->stamped || log->next.stamped || !*log->next.text) {
			log->have_next = true;
			break;
		}
		append(msg, &log->next);
	}
	return true;
}
