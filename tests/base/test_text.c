/* SPDX-License-Identifier: MIT */
/*
 * The formatter against libc's snprintf() over random formats and arguments,
 * bounded and growing texts, the number parsers against strtoul(), and the
 * string functions against libc's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/string.h"
#include "base/text.h"

static struct prng rng;

/* One seed a run, printed; QUIRE_SEED repeats a run. */
static void seed_rng(void)
{
	const char *env = getenv("QUIRE_SEED");
	u64 seed = env ? strtoull(env, NULL, 0) : (u64)time(NULL) * 1000003u + (u64)clock();

	printf("QUIRE_SEED=%llu\n", (unsigned long long)seed);
	fflush(stdout);
	prng_seed(&rng, seed);
}

#define NR_ROUNDS 30000

static u64 pick_number(void)
{
	static const u64 edges[] = {0,		1,	  9,	    10,		99,
				    100,	0x7f,	  0x80,	    0xff,	INT_MAX,
				    1ULL << 31, UINT_MAX, LONG_MAX, 1ULL << 63, ULONG_MAX};

	if (prng_below(&rng, 3) == 0)
		return edges[prng_below(&rng, ARRAY_SIZE(edges))];
	return prng_u64(&rng) >> prng_below(&rng, 64);
}

/* Flags, width and precision; stars tells how many * there are. */
static void pick_spec(char *fmt, size_t cap, const char *flags, int *stars)
{
	size_t len = 0;

	fmt[len++] = '%';
	while (*flags && len < 10 && prng_below(&rng, 3))
		fmt[len++] = flags[prng_below(&rng, strlen(flags))];
	fmt[len] = '\0';
	*stars = 0;
	if (prng_below(&rng, 8) == 0) {
		fmt[len++] = '*';
		(*stars)++;
	} else if (prng_below(&rng, 2)) {
		len += (size_t)snprintf(fmt + len, cap - len, "%d", 1 + (int)prng_below(&rng, 30));
	}
	if (prng_below(&rng, 3) == 0) {
		fmt[len++] = '.';
		if (prng_below(&rng, 4) == 0) {
			fmt[len++] = '*';
			(*stars)++;
		} else if (prng_below(&rng, 3)) {
			len += (size_t)snprintf(fmt + len, cap - len, "%d",
						(int)prng_below(&rng, 30));
		}
	}
	fmt[len] = '\0';
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

#define BOTH(fmt, ...)                                                                            \
	do {                                                                                      \
		char want[160], got[160];                                                         \
		size_t cap = prng_below(&rng, 2) ? sizeof(got) - 1 : prng_below(&rng, 40);        \
		int a, b;                                                                         \
		memset(got, '#', sizeof(got));                                                    \
		memset(want, '#', sizeof(want));                                                  \
		a = snprintf(want, cap, fmt, __VA_ARGS__);                                        \
		b = text_format(got, cap, fmt, __VA_ARGS__);                                      \
		if (a != b || memcmp(got, want, cap ? strnlen(want, cap) + 1 : 1))                \
			fail_msg("\"%s\" cap %zu: %d \"%s\", not %d \"%s\"", fmt, cap, b, got, a, \
				 want);                                                           \
		assert_int_equal(got[cap], '#');                                                  \
	} while (0)

#define BOTH_STARS(fmt, stars, arg)                                                           \
	do {                                                                                  \
		int s1 = (int)prng_below(&rng, 40) - 15, s2 = (int)prng_below(&rng, 40) - 15; \
		if (stars == 0)                                                               \
			BOTH(fmt, arg);                                                       \
		else if (stars == 1)                                                          \
			BOTH(fmt, s1, arg);                                                   \
		else                                                                          \
			BOTH(fmt, s1, s2, arg);                                               \
	} while (0)

static void test_integers(void **state __unused)
{
	static const char conversions[] = "diuxXo";
	static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z"};
	char fmt[48];
	int round, stars;

	for (round = 0; round < NR_ROUNDS; round++) {
		char conv = conversions[prng_below(&rng, 6)];
		size_t length = prng_below(&rng, ARRAY_SIZE(lengths));
		u64 v = pick_number();

		/* C leaves open what flags mean where they have no use. */
		pick_spec(fmt, sizeof(fmt),
			  strchr("di", conv) ? "-0+ "
			  : conv == 'u'	     ? "-0"
					     : "-0#",
			  &stars);
		strcat(fmt, lengths[length]);
		strncat(fmt, &conv, 1);
		if (prng_below(&rng, 2))
			v = -v;
		if (prng_below(&rng, 3) == 0)
			strcat(fmt, " kB\n");
		if (length < 3)
			BOTH_STARS(fmt, stars, (int)v);
		else
			BOTH_STARS(fmt, stars, (long)v);
	}
}

static void test_strings(void **state __unused)
{
	static const char *const strings[] = {"", "a", "Node 0, zone   Normal", "MemTotal:"};
	char fmt[48];
	int round, stars;

	for (round = 0; round < NR_ROUNDS / 3; round++) {
		const char *s = strings[prng_below(&rng, ARRAY_SIZE(strings))];
		int letter = 'a' + (int)prng_below(&rng, 26);

		pick_spec(fmt, sizeof(fmt), "-", &stars);
		if (prng_below(&rng, 4) == 0) {
			if (strchr(fmt, '.'))
				continue;
			strcat(fmt, "c|");
			BOTH_STARS(fmt, stars, letter);
		} else {
			strcat(fmt, "s%%|");
			BOTH_STARS(fmt, stars, s);
		}
	}
}

static void test_format_fixed(void **state __unused)
{
	char buf[64];
	char open[3] = {'a', 'b', 'c'}; /* no NUL: precision bounds the reading */
	/* Volatile hides from the compiler what it would warn of. */
	const char *volatile vague;
	char *volatile none = NULL;

	vague = "%s: %lu kB, %d/%u %ld%%\n";
	BOTH(vague, "Mem", 123456UL, -7, 42u, LONG_MIN);
	BOTH("%-10s|%8lu|%08x|%#lx", "abc", 5UL, 0xbeefu, 0xffffUL);
	text_format(buf, sizeof(buf), "%.3s", open);
	assert_string_equal(buf, "abc");
	text_format(buf, sizeof(buf), "%p %p %20p|", (void *)0x1234abcdUL, NULL, (void *)0xfUL);
	assert_string_equal(buf, "0x1234abcd 0x0                  0xf|");
	text_format(buf, sizeof(buf), "%s|%5.2s", none, none);
	assert_string_equal(buf, "(null)|   (n");
	/* What it doesn't know ends the interpretation. */
	vague = "%d %y %d";
	text_format(buf, sizeof(buf), vague, 1, 2);
	assert_string_equal(buf, "1 %y %d");
	vague = "100%";
	text_format(buf, sizeof(buf), vague, 0);
	assert_string_equal(buf, "100%");
	assert_int_equal(text_format(NULL, 0, "%d", 12345), 5);
	assert_int_equal(text_format(buf, 1, "%*d", INT_MAX, 5), INT_MAX);
	vague = "%*d%d";
	assert_int_equal(text_format(buf, 4, vague, INT_MIN, 5, 6), INT_MAX);
	assert_string_equal(buf, "5  ");
}

#pragma GCC diagnostic pop

/* Pieces put by every means into texts of every size give the same prefix. */
static void test_bounded(void **state __unused)
{
	char whole[400], buf[120];
	struct text t, all;
	int round, i;

	for (round = 0; round < 3000; round++) {
		size_t cap = prng_below(&rng, sizeof(buf));

		memset(buf, '#', sizeof(buf));
		text_init(&t, buf, cap);
		text_init(&all, whole, sizeof(whole));
		for (i = 0; i < 12; i++) {
			unsigned long v = pick_number();

			switch (prng_below(&rng, 5)) {
			case 0:
				text_putc(&t, (char)('a' + v % 26));
				text_putc(&all, (char)('a' + v % 26));
				break;
			case 1:
				text_puts(&t, "pgfault ");
				text_puts(&all, "pgfault ");
				break;
			case 2:
				text_ulong(&t, v);
				text_ulong(&all, v);
				break;
			case 3:
				text_fill(&t, ' ', v % 9);
				text_fill(&all, ' ', v % 9);
				break;
			default:
				text_printf(&t, "%5lu,", v);
				text_printf(&all, "%5lu,", v);
			}
		}
		assert_false(all.overflow);
		assert_int_equal(all.len, strlen(whole));
		assert_int_equal(t.overflow, all.len + 1 > cap && all.len > 0);
		assert_int_equal(t.len, cap ? min(all.len, cap - 1) : 0);
		assert_memory_equal(buf, whole, t.len);
		if (cap)
			assert_int_equal(buf[t.len], '\0');
		assert_int_equal(buf[cap], '#');
	}
}

static bool grow_by_realloc(struct text *t, size_t need)
{
	size_t *limit = t->ctx;
	char *buf;

	if (need > *limit)
		return false;
	buf = realloc(t->buf, need);
	if (!buf)
		return false;
	t->buf = buf;
	t->cap = need;
	return true;
}

static void test_growing(void **state __unused)
{
	size_t limit = 1000;
	struct text t;
	int i;

	text_init(&t, NULL, 0);
	t.grow = grow_by_realloc;
	t.ctx = &limit;
	text_puts(&t, "");
	assert_int_equal(t.cap, 0);
	for (i = 0; i < 90; i++)
		text_printf(&t, "%09d\n", i);
	assert_false(t.overflow);
	assert_int_equal(t.len, 900);
	assert_string_equal(t.buf + 890, "000000089\n");
	text_fill(&t, 'x', 500);
	assert_true(t.overflow);
	assert_int_equal(t.len, t.cap - 1);
	limit = 5000;
	text_puts(&t, "no hole");
	assert_int_equal(t.len, t.cap - 1);
	assert_null(strstr(t.buf, "hole"));
	free(t.buf);
}

static void test_parse_model(void **state __unused)
{
	static const int bases[] = {0, 2, 8, 10, 16, 36};
	char s[80];
	int round;

	for (round = 0; round < NR_ROUNDS / 3; round++) {
		int base = bases[prng_below(&rng, 6)], len, i;
		unsigned long want, got = 77;
		long want_l, got_l = 77;
		char *end;

		switch (prng_below(&rng, 4)) {
		case 0:
			len = snprintf(s, sizeof(s), "%lu", pick_number());
			break;
		case 1:
			len = snprintf(s, sizeof(s), "%#lx", pick_number());
			break;
		case 2:
			len = snprintf(s, sizeof(s), "-%ld", (long)(pick_number() >> 1));
			break;
		default:
			len = (int)prng_below(&rng, 6);
			for (i = 0; i < len; i++)
				s[i] = "0123789afxz+-  "[prng_below(&rng, 15)];
			s[len] = '\0';
		}
		if (strchr(s, ' '))
			continue; /* strtoul() skips blanks, we do not */
		errno = 0;
		want = strtoul(s, &end, base);
		if (*end || end == s || s[0] == '-')
			assert_int_equal(parse_ulong(s, sizeof(s), base, &got), -EINVAL);
		else if (errno)
			assert_int_equal(parse_ulong(s, (size_t)len, base, &got), -ERANGE);
		else
			assert_int_equal(parse_ulong(s, (size_t)len, base, &got), 0);
		if (!*end && end != s && s[0] != '-' && !errno)
			assert_int_equal(got, want);
		else
			assert_int_equal(got, 77);
		errno = 0;
		want_l = strtol(s, &end, base);
		i = parse_long(s, (size_t)len, base, &got_l);
		assert_int_equal(i, *end || end == s ? -EINVAL : errno ? -ERANGE : 0);
		assert_int_equal(got_l, i ? 77 : want_l);
	}
}

static void test_parse_fixed(void **state __unused)
{
	unsigned long v = 0;
	long l = 0;

	assert_int_equal(parse_ulong("60\n", 3, 10, &v), 0);
	assert_int_equal(v, 60);
	assert_int_equal(parse_ulong("6099", 2, 10, &v), 0);
	assert_int_equal(v, 60);
	assert_int_equal(parse_ulong("60\n\n", 4, 10, &v), -EINVAL);
	assert_int_equal(parse_ulong("\n", 1, 10, &v), -EINVAL);
	assert_int_equal(parse_ulong("", 0, 10, &v), -EINVAL);
	assert_int_equal(parse_ulong("0x", 2, 16, &v), -EINVAL);
	assert_int_equal(parse_ulong("1", 1, 1, &v), -EINVAL);
	assert_int_equal(parse_ulong("1", 1, 37, &v), -EINVAL);
	assert_int_equal(parse_ulong("18446744073709551616", 20, 10, &v), -ERANGE);
	assert_int_equal(parse_ulong("18446744073709551616 ", 21, 10, &v), -EINVAL);
	assert_int_equal(v, 60);
	assert_int_equal(parse_long("-9223372036854775808", 20, 10, &l), 0);
	assert_true(l == LONG_MIN);
	assert_int_equal(parse_long("9223372036854775808", 19, 10, &l), -ERANGE);
	assert_int_equal(parse_long("-+1", 3, 10, &l), -EINVAL);
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void test_str(void **state __unused)
{
	char a[12], b[12], c[12];
	int round;

	for (round = 0; round < NR_ROUNDS / 3; round++) {
		size_t la = prng_below(&rng, 10), lb = prng_below(&rng, 10), i;
		size_t n = prng_below(&rng, 12);
		int ch = "ab\xff"[prng_below(&rng, 4)];

		for (i = 0; i < la; i++)
			a[i] = "ab\xff"[prng_below(&rng, 3)];
		a[la] = '\0';
		memcpy(b, a, sizeof(b));
		for (i = prng_below(&rng, 10); i < lb; i++)
			b[i] = "ab\xff"[prng_below(&rng, 3)];
		b[lb] = '\0';
		assert_int_equal(str_len(a), strlen(a));
		assert_int_equal(str_nlen(a, n), strnlen(a, n));
		assert_int_equal(sign(str_cmp(a, b)), sign(strcmp(a, b)));
		assert_int_equal(sign(str_ncmp(a, b, n)), sign(strncmp(a, b, n)));
		assert_int_equal(str_eq(a, b), strcmp(a, b) == 0);
		assert_int_equal(str_starts(a, b), strncmp(a, b, strlen(b)) == 0);
		assert_ptr_equal(str_chr(a, ch), strchr(a, ch));
		assert_ptr_equal(mem_chr(a, ch, la), memchr(a, ch, la));
		memset(c, '#', sizeof(c));
		assert_int_equal(str_lcpy(c, a, n), strlen(a));
		if (n)
			assert_int_equal(strlen(c), min(strlen(a), n - 1));
		assert_memory_equal(c, a, n ? strlen(c) : 0);
		if (n < sizeof(c))
			assert_int_equal(c[n], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),     cmocka_unit_test(test_strings),
		cmocka_unit_test(test_format_fixed), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_growing),	     cmocka_unit_test(test_parse_model),
		cmocka_unit_test(test_parse_fixed),  cmocka_unit_test(test_str),
	};

	seed_rng();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
