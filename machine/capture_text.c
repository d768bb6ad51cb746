/* SPDX-License-Identifier: MIT */
/*
 * The lines of a capture's files, and the numbers in them: see
 * capture_parse.h.  A number that does not fit is none, so sums can be trusted.
 */
#include <stdarg.h>
#include <string.h>

#include "machine/capture_parse.h"

void cap_fault(struct parser *ps, const char *fmt, ...)
{
	va_list ap;

	if (ps->faults++ > 20)
		return;
	fprintf(ps->err, "%s:%zu: %s: ", ps->c->name, ps->nr, ps->r ? ps->r->path : "");
	va_start(ap, fmt);
	vfprintf(ps->err, fmt, ap);
	va_end(ap);
	fputc('\n', ps->err);
}

bool cap_open(struct parser *ps, const char *path)
{
	ps->r = capture_find(ps->c, path);
	if (!ps->r)
		return false;
	ps->p = ps->r->text;
	ps->nr = ps->r->line - 1;
	return true;
}

bool cap_next_line(struct parser *ps)
{
	const char *stop = ps->r->text + ps->r->len;

	if (ps->p >= stop)
		return false;
	ps->line = ps->p;
	ps->end = memchr(ps->p, '\n', (size_t)(stop - ps->p));
	if (!ps->end)
		ps->end = stop;
	ps->p = ps->end + 1;
	ps->nr++;
	return true;
}

const char *cap_skip_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

bool cap_take_u64(const char **p, const char *end, u64 *v)
{
	const char *q = cap_skip_blank(*p, end);
	u64 sum = 0;

	if (q == end || *q < '0' || *q > '9')
		return false;
	for (; q < end && *q >= '0' && *q <= '9'; q++) {
		if (sum > (UINT64_MAX - 9) / 10)
			return false;
		sum = sum * 10 + (u64)(*q - '0');
	}
	*p = q;
	*v = sum;
	return true;
}

bool cap_take_long(const char **p, const char *end, long *v)
{
	const char *q = cap_skip_blank(*p, end);
	bool minus = q < end && *q == '-';
	u64 u;

	q += minus;
	if (!cap_take_u64(&q, end, &u) || u > INT64_MAX)
		return false;
	*v = minus ? -(long)u : (long)u;
	*p = q;
	return true;
}

const char *cap_word(const char *p, const char *end, const char *w)
{
	size_t n = strlen(w);

	p = cap_skip_blank(p, end);
	if ((size_t)(end - p) < n || memcmp(p, w, n))
		return NULL;
	return p + n;
}

bool cap_line_value(const struct parser *ps, const char *name, u64 *v)
{
	const char *p = cap_word(ps->line, ps->end, name);

	return p &&
	       (p == ps->end || *p == ' ' || *p == '\t' || *p == ':' || p[-1] == ':' ||
		p[-1] == ' ') &&
	       cap_take_u64(&p, ps->end, v);
}
