/* SPDX-License-Identifier: MIT */
/*
 * What stands before the kernel's own text: times, levels, hosts, streams.
 *
 * Nothing of that is known beforehand, so each line is looked at for itself:
 * prefixes are taken off while one is found.  A line that had one is a new
 * message; one without, behind one that had, is the rest of it.
 */
#include "explain/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_COLUMN 160 /* "kernel:" is looked for before it */

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

/* [  +0.000012], [   12.345678 <    0.000012>], [Nov23 10:00]: dmesg -e, -d. */
static const char *skip_delta(const char *p)
{
	const char *q = skip_blanks(p + 1), *end;

	if (*p != '[')
		return NULL;
	end = memchr(q, ']', strnlen(q, 40));
	if (!end)
		return NULL;
	if (*q == '+' && isdigit((unsigned char)q[1]))
		return end + 1;
	if (isdigit((unsigned char)*q) && memchr(q, '<', (size_t)(end - q)) && end[-1] == '>')
		return end + 1;
	return isupper((unsigned char)*q) && islower((unsigned char)q[1]) &&
			       islower((unsigned char)q[2]) && isdigit((unsigned char)q[3]) &&
			       memchr(q, ':', (size_t)(end - q))
		       ? end + 1
		       : NULL;
}

/* 2026-11-23T10:00:00.123456+01:00, 2026-11-23 10:00:00,123: the first character
 * behind it; NULL: something else. */
static const char *skip_iso(const char *p)
{
	static const char form[] = "dddd-dd-dd?dd:dd:dd";
	size_t i;

	for (i = 0; form[i]; i++) {
		bool ok = form[i] == 'd'   ? isdigit((unsigned char)p[i]) != 0
			  : form[i] == '?' ? p[i] == 'T' || p[i] == ' ' || p[i] == '_'
					   : p[i] == form[i];

		if (!ok)
			return NULL;
	}
	p += i;
	if ((*p == '.' || *p == ',') && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p); p++)
			;
	if (*p == 'Z')
		return p + 1;
	if (*p == ' ' && (p[1] == '+' || p[1] == '-') && isdigit((unsigned char)p[2]))
		p++;
	if ((*p == '+' || *p == '-') && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p) || *p == ':'; p++)
			;
	return p;
}

/* The same by itself or in brackets, and what container runtimes put behind it:
 * "stdout F". */
static const char *skip_stamp(const char *p)
{
	bool bracket = *p == '[';
	const char *q = skip_iso(p + bracket);

	if (!q || (bracket && *q++ != ']'))
		return NULL;
	if (*q == ':')
		q++;
	if (*q && *q != ' ' && *q != '\t')
		return NULL;
	q = skip_blanks(q);
	if ((!strncmp(q, "stdout ", 7) || !strncmp(q, "stderr ", 7)) &&
	    (q[7] == 'F' || q[7] == 'P') && (q[8] == ' ' || !q[8]))
		q += 8 + (q[8] == ' ');
	return q;
}

/* [10:00:00], [10:00:00.123]: consoles that keep the time. */
static const char *skip_clock(const char *p)
{
	const char *q = p + 1;
	int colons = 0;

	if (*p != '[' || !isdigit((unsigned char)*q))
		return NULL;
	for (; isdigit((unsigned char)*q) || *q == ':' || *q == '.'; q++)
		colons += *q == ':';
	return *q == ']' && colons == 2 ? q + 1 : NULL;
}

/* "host kernel: ", behind a time that has been taken off already. */
static const char *skip_host(const char *p)
{
	const char *q = p + strcspn(p, " :[");

	if (q > p && *q == ' ')
		q++;
	else
		q = p;
	if (strncmp(q, "kernel", 6))
		return NULL;
	q += 6;
	if (*q == '[')
		q += strcspn(q, "]") + (strchr(q, ']') != NULL);
	return *q == ':' ? q + 1 : NULL;
}

/* [pod/name/container], of kubectl --prefix; "web-1  | ", of docker compose;
 * "MESSAGE=" and the other fields, of journalctl -o verbose. */
static const char *skip_source(const char *p)
{
	size_t n = strcspn(p, " \t]|");
	const char *q;

	if (*p == '[' && p[n] == ']' && memchr(p, '/', n))
		return p + n + 1;
	/* A field of the journal: _TRANSPORT=, PRIORITY=, MESSAGE=. */
	q = p + strspn(p, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	if (*q == '=' && q > p + 2)
		return q + 1;
	q = skip_blanks(p + n);
	/* A name alone: letters, digits, dashes. */
	if (!n || *q != '|' || q[1] != ' ' || !isalpha((unsigned char)*p))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) && !strchr("-_.", p[i]))
			return NULL;
	return q + 2;
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
		/* A date stands before it, so a digit does; or nothing at all. */
		if (*end == ':' && (q == p || strcspn(p, "0123456789") < (size_t)(q - p)))
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
		    (q = skip_delta(at)) || (q = skip_clock(at)) || (q = skip_source(at)) ||
		    (q = *stamped ? skip_host(at) : skip_syslog(at)) || (q = skip_stamp(at))) {
			/* Each of them is as good as a time: the line is a new one. */
			*stamped = true;
			p = *q == ' ' ? q + 1 : q;
			continue;
		}
		return p;
	}
}
