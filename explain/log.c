/* SPDX-License-Identifier: MIT */
/*
 * Lines of a log, as the kernel printed them.
 *
 * People paste what they have: dmesg with seconds, with -T, with -x; syslog
 * and journald with a date, a host and "kernel:"; a serial console with <6>; a
 * container's log, where each line is a JSON object; a mail with "> " before
 * each line and long lines broken.  prefix.c takes off what stands before the
 * text.
 *
 * A line of JSON becomes the strings in it that may be messages: those of keys
 * such as "log" and "MESSAGE" (with escapes resolved, and cut at newlines).
 *
 * Bounds: a message is cut at LOG_LINE_MAX, and that and one buffer is all the
 * memory there is.  Bytes that no text has become '?'.
 */
#include "explain/log.h"

#include <ctype.h>
#include <string.h>

#define PROGRESS_BYTES (32UL << 20)

void log_init(struct log *log, FILE *file)
{
	*log = (struct log){.file = file, .progress_at = PROGRESS_BYTES};
}

static int next_byte(struct log *log)
{
	if (log->at == log->have) {
		log->bytes += log->have;
		if (log->progress && log->bytes >= log->progress_at) {
			log->progress_at = log->bytes + PROGRESS_BYTES;
			log->progress(log->progress_ctx, log->bytes);
		}
		log->at = 0;
		log->have = fread(log->buf, 1, sizeof(log->buf), log->file);
		if (!log->have)
			return EOF;
	}
	return (unsigned char)log->buf[log->at++];
}

static int peek_byte(struct log *log)
{
	int c = next_byte(log);

	if (c != EOF)
		log->at--;
	return c;
}

/* ---- text ---------------------------------------------------------------------- */

/* Text as it grows, at most LOG_LINE_MAX - 1 bytes. */
struct raw {
	size_t len;
	char text[LOG_LINE_MAX];
};

static void add_byte(struct log *log, struct raw *raw, int c)
{
	if (!c || c == '\r')
		return; /* UTF-16, CR LF */
	if ((c < ' ' && c != '\t' && c != 0x1b) || c == 0x7f) {
		log->binary++;
		c = '?';
	}
	if (raw->len < sizeof(raw->text) - 1)
		raw->text[raw->len++] = (char)c;
}

static const struct {
	const char *from, *to;
} escapes[] = {
	{"\\x0a", " "},						       /* /dev/kmsg */
	{"\\x5c", "\\"}, {"#012", " "},				       /* rsyslog */
	{"#011", "\t"},	 {"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, /* a page of the web */
};

/* Colours (ESC [ ... letter) go; escapes of loggers become what they stand for. */
static void unescape(struct raw *raw)
{
	char *to = raw->text;
	const char *p = raw->text;

	raw->text[raw->len] = '\0';
	if (!strpbrk(p, "\x1b\\#&"))
		return;
	while (*p) {
		size_t i = 0, n = sizeof(escapes) / sizeof(escapes[0]);

		if (*p == 0x1b) {
			p++;
			if (*p == '[')
				p += 1 + strspn(p + 1, "0123456789;");
			p += *p != '\0';
			continue;
		}
		while (i < n && strncmp(p, escapes[i].from, strlen(escapes[i].from)))
			i++;
		if (i < n) {
			*to++ = *escapes[i].to;
			p += strlen(escapes[i].from);
		} else {
			*to++ = *p++;
		}
	}
	*to = '\0';
	raw->len = (size_t)(to - raw->text);
}

/* ---- JSON ---------------------------------------------------------------------- */

/* May the value of this key be a message? */
static bool may_be_message(const char *key)
{
	static const char *const parts[] = {"log",     "mes",	 "msg", "text",	 "line",
					    "content", "body",	 "raw", "data",	 "payl",
					    "event",   "output", "rep", "dmesg", "stderr"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(key, parts[i]))
			return true;
	return false;
}

static unsigned int hex4(struct log *log)
{
	unsigned int v = 0;

	for (int i = 0; i < 4 && isxdigit(peek_byte(log)); i++) {
		int c = next_byte(log);

		v = v * 16 + (unsigned int)(isdigit(c) ? c - '0' : tolower(c) - 'a' + 10);
	}
	return v;
}

/* The byte behind a backslash as what it stands for. */
static int escaped(struct log *log)
{
	int c = next_byte(log);
	unsigned int v;

	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
	case 'b':
	case 'f':
		return '\r';
	case 'u':
		v = hex4(log);
		return v < 0x80 ? (int)v : '?';
	default:
		return c;
	}
}

static bool worth_it(const struct raw *raw)
{
	return raw->len && (memchr(raw->text, ' ', raw->len) || raw->text[raw->len - 1] == ':');
}

/* A string is over: a key, or a value.  True: it is a message. */
static bool end_string(struct log *log, struct raw *raw)
{
	int c;

	log->in_string = false;
	while ((c = peek_byte(log)) == ' ' || c == '\t')
		next_byte(log);
	if (c == ':') {
		size_t n = raw->len < sizeof(log->key) ? raw->len : sizeof(log->key) - 1;

		for (size_t i = 0; i < n; i++)
			log->key[i] = (char)tolower((unsigned char)raw->text[i]);
		log->key[n] = '\0';
		log->wanted = may_be_message(log->key);
		raw->len = 0;
		return false;
	}
	if (log->wanted && worth_it(raw))
		return true;
	raw->len = 0;
	return false;
}

/* journald: a message that is not plain text is an array of bytes. */
static bool take_bytes(struct log *log, struct raw *raw)
{
	int c, n = -1;

	while ((c = peek_byte(log)) != EOF && c != '\n' && c != ']') {
		next_byte(log);
		if (isdigit(c)) {
			n = (n < 0 ? 0 : n % 1000 * 10) + (c - '0');
		} else if (n >= 0) {
			add_byte(log, raw, n == '\n' ? ' ' : n & 0xff);
			n = -1;
		} else if (c == '"' || c == '{') {
			log->in_string = c == '"';
			break; /* an array of something else */
		}
	}
	if (n >= 0)
		add_byte(log, raw, n & 0xff);
	return worth_it(raw);
}

/* The next message of the line of JSON; false: the line is over. */
static bool read_json(struct log *log, struct raw *raw)
{
	bool cut;
	int c;

	log->begins = !log->in_string;
	raw->len = 0;
	while ((c = next_byte(log)) != EOF && c != '\n') {
		if (!log->in_string) {
			log->in_string = c == '"';
			log->begins |= log->in_string;
			if (c == '[' && log->wanted && take_bytes(log, raw))
				return true;
			continue;
		}
		if (c == '"') {
			if (end_string(log, raw))
				return true;
			continue;
		}
		if (c == '\\')
			c = escaped(log);
		if (c != '\n') {
			add_byte(log, raw, c);
		} else if (log->wanted && worth_it(raw)) {
			return true; /* the string goes on */
		} else {
			raw->len = 0;
		}
	}
	cut = log->in_string && log->wanted && worth_it(raw);
	log->in_json = log->in_string = log->wanted = false;
	log->line++;
	return cut;
}

/* ---- lines --------------------------------------------------------------------- */

/* Is the line that begins here an object, or a part of one that was printed over
 * several lines? */
static bool begins_json(struct log *log)
{
	int c;

	while ((c = peek_byte(log)) == ' ' || c == '\t')
		if (log->at + 1 < log->have && strchr("{\" \t", log->buf[log->at + 1]))
			next_byte(log);
		else
			return false;
	if (c == '{')
		return true;
	if (c != '"' || log->at + 1 >= log->have)
		return false;
	/* "key": */
	for (size_t i = log->at + 1; i < log->have && i < log->at + 40; i++)
		if (log->buf[i] == '"')
			return i + 1 < log->have && log->buf[i + 1] == ':';
	return false;
}

/* One line of the file, stripped. */
static bool read_line(struct log *log, struct log_message *msg)
{
	bool any = false, json = false;
	struct raw raw; /* not all of it zeroed, each line */
	const char *text;
	int c;

	raw.len = 0;
	for (;;) {
		if (!log->in_json && begins_json(log)) {
			log->in_json = true;
			log->key[0] = '\0';
		}
		if (!log->in_json)
			break;
		json = read_json(log, &raw);
		if (json || peek_byte(log) == EOF)
			break;
	}
	while (!json && (c = next_byte(log)) != EOF) {
		any = true;
		if (c == '\n')
			break;
		add_byte(log, &raw, c);
	}
	if (!any && !json)
		return false;
	log->line += !json;
	unescape(&raw);
	msg->line = log->line + json;
	text = log_strip(raw.text, &msg->stamped, &msg->seconds);
	msg->stamped |= json && log->begins;
	msg->len = raw.len - (size_t)(text - raw.text);
	memcpy(msg->text, text, msg->len + 1);
	return true;
}

static void append(struct log_message *msg, const struct log_message *rest)
{
	const char *text = rest->text + strspn(rest->text, " \t");
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
		/* What is left of an object over several lines is no text. */
		if (log->next.text[strspn(log->next.text, " \t{}[],")])
			append(msg, &log->next);
	}
	return true;
}
