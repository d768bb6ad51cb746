/* SPDX-License-Identifier: MIT */
/*
 * Strings of JSON.  They may come from outside: what is no UTF-8 becomes the
 * replacement character, so that the whole can always be read.
 */
#include "machine/json.h"

/* Length of the UTF-8 character at s; 0: it is none. */
static int utf8_len(const unsigned char *s)
{
	int len = s[0] < 0x80			? 1
		  : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		  : (s[0] & 0xf0) == 0xe0	? 3
		  : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						: 0;

	for (int i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong ones, halves of pairs, and what is above the last. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void json_put_string(FILE *f, const char *string)
{
	const unsigned char *s = (const unsigned char *)string;

	fputc('"', f);
	while (*s) {
		int len = utf8_len(s);

		if (!len)
			fputs("\\ufffd", f);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s < 32)
			fprintf(f, "\\u%04x", *s);
		else
			fwrite(s, 1, (size_t)len, f);
		s += len ? len : 1;
	}
	fputc('"', f);
}
