/* SPDX-License-Identifier: MIT */
/*
 * Bounded text: putting, formatting, parsing.  See text.h.
 *
 * The formatter copies literal runs in one piece and has a short way for the
 * conversions that /proc is made of (%s %d %u %lu %ld without flags or width);
 * everything else goes through a struct spec.  Each piece is counted before it
 * is put, which is what text_format() returns.
 */
#include "base/string.h"
#include "base/text.h"

/* The longest number: 64 binary digits would do for any base. */
#define DIGITS_MAX 64

enum {
	FLAG_LEFT = 1,
	FLAG_ZERO = 2,
	FLAG_PLUS = 4,
	FLAG_SPACE = 8,
	FLAG_ALT = 16,
};

enum length {
	LEN_CHAR,
	LEN_SHORT,
	LEN_INT,
	LEN_LONG,
};

/* One conversion, taken apart. */
struct spec {
	unsigned flags;
	size_t width;
	long precision; /* -1: none was given */
	enum length length;
};

/* Where output goes, and how much there was, whether or not it fitted. */
struct out {
	struct text *text;
	size_t total;
};

/* A va_list that can be passed by address whatever its type is. */
struct args {
	va_list ap;
};

void text_init(struct text *t, char *buf, size_t cap)
{
	t->buf = buf;
	t->len = 0;
	t->cap = cap;
	t->overflow = false;
	t->ctx = NULL;
	t->grow = NULL;
	if (cap)
		buf[0] = '\0';
}

/* How many of n bytes may be added; less than n only with overflow set. */
static size_t make_room(struct text *t, size_t n)
{
	size_t room;

	if (unlikely(t->overflow || !n))
		return 0;
	room = t->cap ? t->cap - t->len - 1 : 0;
	if (likely(n <= room))
		return n;
	if (t->grow && n < SIZE_MAX - t->len && t->grow(t, t->len + n + 1) && t->cap > t->len + n)
		return n;
	t->overflow = true;
	return room;
}

void text_put(struct text *t, const char *s, size_t n)
{
	n = make_room(t, n);
	if (n) {
		memcpy(t->buf + t->len, s, n);
		t->len += n;
		t->buf[t->len] = '\0';
	}
}

void text_puts(struct text *t, const char *s)
{
	text_put(t, s, str_len(s));
}

void text_fill(struct text *t, char c, size_t n)
{
	n = make_room(t, n);
	if (n) {
		memset(t->buf + t->len, c, n);
		t->len += n;
		t->buf[t->len] = '\0';
	}
}

/* Writes v's digits so that they end just before end; returns the first. */
static inline char *decimal(char *end, u64 v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";

	while (v >= 100) {
		const char *pair = pairs + v % 100 * 2;

		v /= 100;
		*--end = pair[1];
		*--end = pair[0];
	}
	if (v >= 10) {
		*--end = pairs[v * 2 + 1];
		*--end = pairs[v * 2];
	} else {
		*--end = (char)('0' + v);
	}
	return end;
}

/* The same for 8 and 16. */
static char *octal_or_hex(char *end, u64 v, unsigned bits, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	do {
		*--end = digits[v & ((1u << bits) - 1)];
		v >>= bits;
	} while (v);
	return end;
}

static inline void out_put(struct out *out, const char *s, size_t n)
{
	out->total += n;
	text_put(out->text, s, n);
}

static inline void out_fill(struct out *out, char c, size_t n)
{
	if (n) {
		out->total += n;
		text_fill(out->text, c, n);
	}
}

static inline void out_decimal(struct out *out, u64 v, bool minus)
{
	char tmp[DIGITS_MAX + 1], *end = tmp + sizeof(tmp), *p = decimal(end, v);

	if (minus)
		*--p = '-';
	out_put(out, p, (size_t)(end - p));
}

void text_ulong(struct text *t, unsigned long v)
{
	struct out out = {.text = t};

	out_decimal(&out, v, false);
}

static void out_string(struct out *out, const struct spec *spec, const char *s)
{
	size_t len, pad;

	if (!s)
		s = "(null)";
	len = spec->precision < 0 ? str_len(s) : str_nlen(s, (size_t)spec->precision);
	pad = spec->width > len ? spec->width - len : 0;
	if (!(spec->flags & FLAG_LEFT))
		out_fill(out, ' ', pad);
	out_put(out, s, len);
	if (spec->flags & FLAG_LEFT)
		out_fill(out, ' ', pad);
}

static void out_char(struct out *out, const struct spec *spec, char c)
{
	size_t pad = spec->width > 1 ? spec->width - 1 : 0;

	if (!(spec->flags & FLAG_LEFT))
		out_fill(out, ' ', pad);
	out_put(out, &c, 1);
	if (spec->flags & FLAG_LEFT)
		out_fill(out, ' ', pad);
}

/*
 * Blanks, prefix (sign or 0x), zeros, digits, blanks.  conv is d, u, o, x, X
 * or p; minus is for d only.
 */
static void out_number(struct out *out, const struct spec *spec, char conv, u64 v, bool minus)
{
	char tmp[DIGITS_MAX], prefix[2], *end = tmp + sizeof(tmp), *p = end;
	size_t nr_prefix = 0, nr_digits, zeros = 0, used, pad;

	if (v || spec->precision != 0) {
		if (conv == 'd' || conv == 'u')
			p = decimal(end, v);
		else
			p = octal_or_hex(end, v, conv == 'o' ? 3 : 4, conv == 'X');
	}
	if (conv == 'o' && (spec->flags & FLAG_ALT) && (p == end || *p != '0'))
		*--p = '0';
	if (conv == 'd') {
		if (minus)
			prefix[nr_prefix++] = '-';
		else if (spec->flags & (FLAG_PLUS | FLAG_SPACE))
			prefix[nr_prefix++] = spec->flags & FLAG_PLUS ? '+' : ' ';
	} else if (conv == 'p' || ((conv == 'x' || conv == 'X') && (spec->flags & FLAG_ALT) && v)) {
		prefix[nr_prefix++] = '0';
		prefix[nr_prefix++] = conv == 'X' ? 'X' : 'x';
	}
	nr_digits = (size_t)(end - p);
	if (spec->precision > (long)nr_digits)
		zeros = (size_t)spec->precision - nr_digits;
	used = nr_prefix + zeros + nr_digits;
	pad = spec->width > used ? spec->width - used : 0;
	if ((spec->flags & (FLAG_ZERO | FLAG_LEFT)) == FLAG_ZERO && spec->precision < 0) {
		zeros += pad;
		pad = 0;
	}
	if (!(spec->flags & FLAG_LEFT))
		out_fill(out, ' ', pad);
	out_put(out, prefix, nr_prefix);
	out_fill(out, '0', zeros);
	out_put(out, p, nr_digits);
	if (spec->flags & FLAG_LEFT)
		out_fill(out, ' ', pad);
}

static unsigned flag_of(char c)
{
	switch (c) {
	case '-':
		return FLAG_LEFT;
	case '0':
		return FLAG_ZERO;
	case '+':
		return FLAG_PLUS;
	case ' ':
		return FLAG_SPACE;
	case '#':
		return FLAG_ALT;
	default:
		return 0;
	}
}

/* Digits or *, at most INT_MAX; negative only from *. */
static const char *parse_count(const char *p, struct args *args, long *count)
{
	*count = 0;
	if (*p == '*') {
		*count = va_arg(args->ap, int);
		return p + 1;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		*count = min_t(long, *count * 10 + (*p - '0'), INT_MAX);
	return p;
}

/* From after the % up to the conversion letter, which is returned's target. */
static const char *parse_spec(const char *p, struct args *args, struct spec *spec)
{
	unsigned flag;
	long count;

	spec->flags = 0;
	spec->precision = -1;
	spec->length = LEN_INT;
	while ((flag = flag_of(*p))) {
		spec->flags |= flag;
		p++;
	}
	p = parse_count(p, args, &count);
	if (count < 0) {
		spec->flags |= FLAG_LEFT;
		count = -count;
	}
	spec->width = (size_t)count;
	if (*p == '.') {
		p = parse_count(p + 1, args, &count);
		spec->precision = count < 0 ? -1 : count;
	}
	if (*p == 'h') {
		spec->length = p[1] == 'h' ? LEN_CHAR : LEN_SHORT;
		p += spec->length == LEN_CHAR ? 2 : 1;
	} else if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't') {
		spec->length = LEN_LONG;
		p += *p == 'l' && p[1] == 'l' ? 2 : 1;
	}
	return p;
}

static s64 signed_arg(struct args *args, enum length length)
{
	switch (length) {
	case LEN_CHAR:
		return (signed char)va_arg(args->ap, int);
	case LEN_SHORT:
		return (short)va_arg(args->ap, int);
	case LEN_INT:
		return va_arg(args->ap, int);
	default:
		return va_arg(args->ap, long);
	}
}

static u64 unsigned_arg(struct args *args, enum length length)
{
	switch (length) {
	case LEN_CHAR:
		return (unsigned char)va_arg(args->ap, unsigned int);
	case LEN_SHORT:
		return (unsigned short)va_arg(args->ap, unsigned int);
	case LEN_INT:
		return va_arg(args->ap, unsigned int);
	default:
		return va_arg(args->ap, unsigned long);
	}
}

static inline u64 magnitude(s64 v)
{
	return v < 0 ? -(u64)v : (u64)v;
}

/* Puts one conversion; false if its letter is not known. */
static bool out_conversion(struct out *out, const struct spec *spec, char conv, struct args *args)
{
	s64 v;

	switch (conv) {
	case 'd':
	case 'i':
		v = signed_arg(args, spec->length);
		out_number(out, spec, 'd', magnitude(v), v < 0);
		return true;
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		out_number(out, spec, conv, unsigned_arg(args, spec->length), false);
		return true;
	case 'p':
		out_number(out, spec, 'p', (unsigned long)va_arg(args->ap, void *), false);
		return true;
	case 'c':
		out_char(out, spec, (char)va_arg(args->ap, int));
		return true;
	case 's':
		out_string(out, spec, va_arg(args->ap, const char *));
		return true;
	case '%':
		out_put(out, "%", 1);
		return true;
	default:
		return false;
	}
}

/* The plain and frequent ones, p pointing after the %.  Returns where the
 * format goes on, or NULL if this is none of them. */
static inline const char *out_common(struct out *out, const char *p, struct args *args)
{
	const char *s;
	s64 v;

	switch (*p) {
	case 's':
		s = va_arg(args->ap, const char *);
		if (!s)
			s = "(null)";
		out_put(out, s, str_len(s));
		return p + 1;
	case 'd':
		v = va_arg(args->ap, int);
		out_decimal(out, magnitude(v), v < 0);
		return p + 1;
	case 'u':
		out_decimal(out, va_arg(args->ap, unsigned int), false);
		return p + 1;
	case 'l':
		if (p[1] == 'u') {
			out_decimal(out, va_arg(args->ap, unsigned long), false);
			return p + 2;
		}
		if (p[1] == 'd') {
			v = va_arg(args->ap, long);
			out_decimal(out, magnitude(v), v < 0);
			return p + 2;
		}
		return NULL;
	default:
		return NULL;
	}
}

static void out_format(struct out *out, const char *fmt, struct args *args)
{
	for (;;) {
		const char *p = fmt, *next;
		struct spec spec;

		while (*p && *p != '%')
			p++;
		if (p != fmt)
			out_put(out, fmt, (size_t)(p - fmt));
		if (!*p)
			return;
		next = out_common(out, p + 1, args);
		if (!next) {
			next = parse_spec(p + 1, args, &spec);
			if (!out_conversion(out, &spec, *next, args)) {
				out_put(out, p, str_len(p));
				return;
			}
			next++;
		}
		fmt = next;
	}
}

void text_vprintf(struct text *t, const char *fmt, va_list ap)
{
	struct out out = {.text = t};
	struct args args;

	va_copy(args.ap, ap);
	out_format(&out, fmt, &args);
	va_end(args.ap);
}

void text_printf(struct text *t, const char *fmt, ...)
{
	struct out out = {.text = t};
	struct args args;

	va_start(args.ap, fmt);
	out_format(&out, fmt, &args);
	va_end(args.ap);
}

int text_vformat(char *buf, size_t cap, const char *fmt, va_list ap)
{
	struct text text;
	struct out out = {.text = &text};
	struct args args;

	text_init(&text, buf, cap);
	va_copy(args.ap, ap);
	out_format(&out, fmt, &args);
	va_end(args.ap);
	return (int)min_t(size_t, out.total, INT_MAX);
}

int text_format(char *buf, size_t cap, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = text_vformat(buf, cap, fmt, ap);
	va_end(ap);
	return len;
}

static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A') + 10;
	return UINT_MAX;
}

/* The digits of [s, end), after any sign. */
static int parse_digits(const char *s, const char *end, int base, unsigned long *out)
{
	unsigned long v = 0;
	bool range = false;

	if (base < 0 || base == 1 || base > 36)
		return -EINVAL;
	if ((base == 0 || base == 16) && end - s > 2 && s[0] == '0' && (s[1] | 0x20) == 'x' &&
	    digit_of(s[2]) < 16) {
		s += 2;
		base = 16;
	}
	if (base == 0)
		base = s < end && *s == '0' ? 8 : 10;
	if (s == end)
		return -EINVAL;
	for (; s < end; s++) {
		unsigned digit = digit_of(*s);

		if (digit >= (unsigned)base)
			return -EINVAL;
		/* Go on after too much: a bad character matters more. */
		range |= __builtin_mul_overflow(v, (unsigned long)base, &v);
		range |= __builtin_add_overflow(v, digit, &v);
	}
	if (range)
		return -ERANGE;
	*out = v;
	return 0;
}

/* s's end: n bytes on, or its NUL, or the newline that is the last of it. */
static const char *number_end(const char *s, size_t n)
{
	const char *end = s + str_nlen(s, n);

	return end > s && end[-1] == '\n' ? end - 1 : end;
}

int parse_ulong(const char *s, size_t n, int base, unsigned long *out)
{
	const char *end = number_end(s, n);

	if (s < end && *s == '+')
		s++;
	return parse_digits(s, end, base, out);
}

int parse_long(const char *s, size_t n, int base, long *out)
{
	const char *end = number_end(s, n);
	bool minus = s < end && *s == '-';
	unsigned long v;
	int err;

	if (s < end && (*s == '-' || *s == '+'))
		s++;
	err = parse_digits(s, end, base, &v);
	if (err)
		return err;
	if (v > (unsigned long)LONG_MAX + minus)
		return -ERANGE;
	*out = minus ? (long)-v : (long)v;
	return 0;
}
