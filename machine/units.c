/* SPDX-License-Identifier: MIT */
/*
 * Sizes, times and parts as people write them: see units.h.  Fractions are
 * read as decimal digits, never through floating point, so that a scenario
 * means the same everywhere.
 */
#include <ctype.h>
#include <string.h>

#include "machine/units.h"

#define NS_SEC 1000000000ULL

/* digits[.digits] times unit, without overflow; *end is behind it. */
static bool parse_scaled(const char *p, const char **end, uint64_t *whole, uint64_t *thousandths)
{
	*whole = 0;
	*thousandths = 0;
	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		if (*whole > (UINT64_MAX - 9) / 10)
			return false;
		*whole = *whole * 10 + (uint64_t)(*p - '0');
	}
	if (*p == '.') {
		uint64_t unit = 100;

		if (!isdigit((unsigned char)*++p))
			return false;
		for (; isdigit((unsigned char)*p); p++, unit /= 10)
			*thousandths += (uint64_t)(*p - '0') * unit;
	}
	*end = p;
	return true;
}

static bool scale(uint64_t whole, uint64_t thousandths, uint64_t unit, uint64_t *out)
{
	uint64_t part = unit / 1000 * thousandths + unit % 1000 * thousandths / 1000;

	if (unit && whole > (UINT64_MAX - part) / unit)
		return false;
	*out = whole * unit + part;
	return true;
}

bool parse_size(const char *text, uint64_t *bytes)
{
	uint64_t whole, thousandths, unit = 1;
	const char *p;

	if (!parse_scaled(text, &p, &whole, &thousandths))
		return false;
	switch (*p) {
	case 'T':
	case 't':
		unit <<= 10; /* fall through */
	case 'G':
	case 'g':
		unit <<= 10; /* fall through */
	case 'M':
	case 'm':
		unit <<= 10; /* fall through */
	case 'K':
	case 'k':
		unit <<= 10;
		p++;
		break;
	}
	if (unit > 1 && p[0] == 'i' && p[1] == 'B')
		p += 2;
	else if (p[0] == 'B')
		p++;
	return !*p && scale(whole, thousandths, unit, bytes);
}

static uint64_t time_unit(const char **p)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ns", 1},	   {"us", 1000},	  {"ms", 1000000},
		{"s", NS_SEC},	   {"min", 60 * NS_SEC}, {"m", 60 * NS_SEC},
		{"h", 3600 * NS_SEC}, {"d", 86400 * NS_SEC},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);

		if (!strncmp(*p, units[i].name, len)) {
			*p += len;
			return units[i].ns;
		}
	}
	return 0;
}

bool parse_duration(const char *text, uint64_t *ns)
{
	const char *p = text;
	uint64_t total = 0;

	do {
		uint64_t whole, thousandths, unit, part;

		if (!parse_scaled(p, &p, &whole, &thousandths))
			return false;
		unit = time_unit(&p);
		if (!unit || !scale(whole, thousandths, unit, &part) || total > UINT64_MAX - part)
			return false;
		total += part;
	} while (*p);
	*ns = total;
	return true;
}

static bool two_digits(const char **p, unsigned int limit, unsigned int *out)
{
	if (!isdigit((unsigned char)(*p)[0]) || !isdigit((unsigned char)(*p)[1]))
		return false;
	*out = (unsigned int)((*p)[0] - '0') * 10 + (unsigned int)((*p)[1] - '0');
	*p += 2;
	return *out < limit;
}

bool parse_clock(const char *text, uint64_t *ns)
{
	unsigned int h, m, s = 0;
	const char *p = text;

	if (!two_digits(&p, 24, &h) || *p++ != ':' || !two_digits(&p, 60, &m))
		return false;
	if (*p == ':') {
		p++;
		if (!two_digits(&p, 60, &s))
			return false;
	}
	*ns = (h * 3600ULL + m * 60 + s) * NS_SEC;
	return !*p;
}

bool parse_part(const char *text, uint64_t *parts)
{
	uint64_t whole, thousandths;
	const char *p;

	if (!parse_scaled(text, &p, &whole, &thousandths) || p[0] != '%' || p[1])
		return false;
	if (whole > 100)
		return false;
	*parts = whole * 100 + thousandths / 10;
	return *parts <= TEN_THOUSAND;
}

bool parse_date(const char *text, int64_t *seconds)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned int century, year, month, day;
	const char *p = text;
	int64_t n = 0;

	if (!two_digits(&p, 100, &century) || !two_digits(&p, 100, &year) || *p++ != '-' ||
	    !two_digits(&p, 13, &month) || *p++ != '-' || !two_digits(&p, 32, &day) || *p)
		return false;
	year += century * 100;
	bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;

	if (year < 1970 || !month || !day || day > days[month - 1] + (unsigned int)(leap && month == 2))
		return false;
	for (unsigned int y = 1970; y < year; y++)
		n += 365 + ((y % 4 == 0 && y % 100) || y % 400 == 0);
	for (unsigned int m = 1; m < month; m++)
		n += days[m - 1] + (m == 2 && leap);
	*seconds = (n + day - 1) * 86400;
	return true;
}
