/* SPDX-License-Identifier: MIT */
/*
 * Bounded text: what /proc is rendered into, and numbers read from text.
 *
 * The idea: a struct text is a buffer with an end.  What does not fit is
 * dropped and remembered in `overflow'; a text may instead have a grow()
 * function that makes room.
 *
 * Invariants: with cap > 0, len < cap and buf[len] == 0.  Once overflow is set
 * nothing more is added, so the content is always a prefix of what was meant.
 *
 * The formatter is our own and freestanding: d i u x X o c s p %, lengths
 * hh h l ll z (and j t), flags - 0 + space #, width and precision, each also
 * as *.  No floating point.  %p prints 0x and hexadecimal digits; %s of NULL
 * prints (null).  From a conversion it does not know, the rest of the format
 * comes out as it stands: what follows in the arguments can't be trusted.
 */
#ifndef QUIRE_BASE_TEXT_H
#define QUIRE_BASE_TEXT_H

#include <stdarg.h>

#include "base/types.h"

struct text {
	char *buf;
	size_t len, cap; /* bytes in use without the NUL; bytes there are */
	bool overflow;	 /* something did not fit */
	void *ctx;	 /* grow()'s own */
	/* Makes cap >= need, moving buf if it must, or returns false.  NULL for
	 * a buffer that stays as it is. */
	bool (*grow)(struct text *t, size_t need);
};

/* An empty text in buf, which has cap bytes and stays the caller's.  For one
 * that grows (buf may then be NULL, with cap 0) set grow and ctx afterwards. */
void text_init(struct text *t, char *buf, size_t cap);

void text_put(struct text *t, const char *s, size_t n);
void text_puts(struct text *t, const char *s);
void text_fill(struct text *t, char c, size_t n); /* n times c */
void text_ulong(struct text *t, unsigned long v); /* decimal */
void text_printf(struct text *t, const char *fmt, ...) __printf(2, 3);
void text_vprintf(struct text *t, const char *fmt, va_list ap) __printf(2, 0);

static inline void text_putc(struct text *t, char c)
{
	if (likely(t->len + 1 < t->cap && !t->overflow)) {
		t->buf[t->len++] = c;
		t->buf[t->len] = '\0';
	} else {
		text_put(t, &c, 1);
	}
}

/* As snprintf(): writes at most cap bytes, NUL included, and returns the
 * length that the whole would have (at most INT_MAX). */
int text_format(char *buf, size_t cap, const char *fmt, ...) __printf(3, 4);
int text_vformat(char *buf, size_t cap, const char *fmt, va_list ap) __printf(3, 0);

/*
 * A number that takes up all of s, which ends after n bytes or at a NUL; one
 * newline may follow, as echo writes it to /proc, and one + precede (for
 * parse_long a - too).  base is 2 to 36, or 0 for C's prefixes; 16 allows 0x.
 * Returns 0, -EINVAL (no number, or something else besides) or -ERANGE (too
 * large); *out is written only on success.  Follows Linux's kstrtoul().
 */
int __must_check parse_ulong(const char *s, size_t n, int base, unsigned long *out);
int __must_check parse_long(const char *s, size_t n, int base, long *out);

#endif
