/* SPDX-License-Identifier: MIT */
/*
 * Strings, freestanding.  See string.h.
 *
 * The loops are plain, and written so that no compiler takes one for strlen()
 * and calls libc's: str_len() keeps the length as its only loop variable and
 * hides it from the idiom recogniser.
 */
#include "base/string.h"

size_t str_len(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
		__asm__("" : "+r"(n));
	}
	return n;
}

size_t str_nlen(const char *s, size_t cap)
{
	size_t n = 0;

	while (n < cap && s[n])
		n++;
	return n;
}

int str_cmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

int str_ncmp(const char *a, const char *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (a[i] != b[i])
			return (int)(unsigned char)a[i] - (int)(unsigned char)b[i];
		if (!a[i])
			break;
	}
	return 0;
}

bool str_eq(const char *a, const char *b)
{
	return str_cmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

size_t str_lcpy(char *dst, const char *src, size_t cap)
{
	size_t len = str_len(src);

	if (cap) {
		size_t n = len < cap ? len : cap - 1;

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

char *str_chr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

void *mem_chr(const void *s, int c, size_t n)
{
	const unsigned char *p = s;

	for (; n; n--, p++)
		if (*p == (unsigned char)c)
			return (void *)p;
	return NULL;
}
