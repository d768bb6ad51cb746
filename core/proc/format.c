/* SPDX-License-Identifier: MIT */
/*
 * Small formats that many files share: aligned numbers, lines of kB, bitmaps
 * as lists and as words; and the reading of what is written.
 *
 * put_dec() and put_kb() are the hot ones: `ps` reads three files of each
 * process, so they write their digits straight into place.
 */
#include "proc/internal.h"

static unsigned int digits_of(char end[20], unsigned long v)
{
	char *p = end + 20;

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return (unsigned int)(end + 20 - p);
}

void put_dec(struct text *t, unsigned long v, unsigned int width)
{
	char buf[20];
	unsigned int n = digits_of(buf, v);

	if (width > n)
		text_fill(t, ' ', width - n);
	text_put(t, buf + 20 - n, n);
}

void put_kb(struct text *t, const char *label, size_t len, unsigned long kb)
{
	char line[80], buf[20];
	unsigned int n = digits_of(buf, kb), pad = n < 8 ? 8 - n : 0;

	if (len + pad + n + 4 > sizeof(line)) {
		text_put(t, label, len);
		put_dec(t, kb, 8);
		put_lit(t, " kB\n");
		return;
	}
	memcpy(line, label, len);
	memset(line + len, ' ', pad);
	memcpy(line + len + pad, buf + 20 - n, n);
	memcpy(line + len + pad + n, " kB\n", 4);
	text_put(t, line, len + pad + n + 4);
}

static bool test_map(const unsigned long *map, unsigned int bit)
{
	return (map[bit / BITS_PER_LONG] >> (bit % BITS_PER_LONG)) & 1;
}

void put_bit_list(struct text *t, const unsigned long *map, unsigned int nbits)
{
	bool any = false;

	for (unsigned int i = 0; i < nbits; i++) {
		unsigned int first = i;

		if (!test_map(map, i))
			continue;
		while (i + 1 < nbits && test_map(map, i + 1))
			i++;
		if (any)
			text_putc(t, ',');
		any = true;
		put_dec(t, first, 0);
		if (i > first) {
			text_putc(t, '-');
			put_dec(t, i, 0);
		}
	}
}

void put_bit_mask(struct text *t, const unsigned long *map, unsigned int nbits)
{
	/* The highest word has only the digits that its bits need. */
	unsigned int word = (nbits + 31) / 32, bits = nbits % 32 ? nbits % 32 : 32;

	while (word--) {
		u32 v = (u32)(map[word / 2] >> (word % 2 * 32));

		for (unsigned int digit = (bits + 3) / 4; digit--;)
			text_putc(t, "0123456789abcdef"[(v >> (digit * 4)) & 15]);
		if (word)
			text_putc(t, ',');
		bits = 32;
	}
}

static void cpus_of(struct quire *q, int nid, unsigned long map[QUIRE_MAX_CPUS / BITS_PER_LONG])
{
	unsigned int first = nid < 0 ? 0 : NODE_DATA(q, nid)->first_cpu;
	unsigned int nr = nid < 0 ? q->nr_cpus : NODE_DATA(q, nid)->nr_cpus;

	memset(map, 0, QUIRE_MAX_CPUS / 8);
	for (unsigned int cpu = first; cpu < first + nr; cpu++)
		map[cpu / BITS_PER_LONG] |= 1UL << cpu % BITS_PER_LONG;
}

void put_cpu_list(struct quire *q, struct text *t, int nid)
{
	unsigned long map[QUIRE_MAX_CPUS / BITS_PER_LONG];

	cpus_of(q, nid, map);
	put_bit_list(t, map, q->nr_cpus);
}

void put_cpu_mask(struct quire *q, struct text *t, int nid)
{
	unsigned long map[QUIRE_MAX_CPUS / BITS_PER_LONG];

	cpus_of(q, nid, map);
	put_bit_mask(t, map, q->nr_cpus);
}

void put_psi(struct quire *q, struct text *t, struct psi_group *psi, enum psi_res res)
{
	psi_update(q, psi);
	for (unsigned int s = 0; s < NR_PSI_STATES; s++) {
		const unsigned long *avg = psi->avg[res][s];

		text_puts(t, s == PSI_SOME ? "some" : "full");
		for (unsigned int w = 0; w < 3; w++)
			text_printf(t, " avg%s=%lu.%02lu",
				    w == 0   ? "10"
				    : w == 1 ? "60"
					     : "300",
				    avg[w] >> 11, ((avg[w] & 2047) * 100) >> 11);
		text_printf(t, " total=%lu\n", (unsigned long)(psi->total[res][s] / NSEC_PER_USEC));
	}
}

/* ---- what is written -------------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

int proc_word(const struct proc_input *in, char *buf, size_t cap)
{
	const char *s = in->buf;
	size_t len = str_nlen(s, in->len);

	while (len && is_space(*s)) {
		s++;
		len--;
	}
	while (len && is_space(s[len - 1]))
		len--;
	if (len >= cap)
		return -EINVAL;
	memcpy(buf, s, len);
	buf[len] = '\0';
	return 0;
}

bool proc_next_long(struct proc_cursor *c, long *v, int *err)
{
	size_t n = 0;
	bool plus;

	*err = 0;
	while (c->left && is_space(*c->p)) {
		c->p++;
		c->left--;
	}
	while (n < c->left && c->p[n] && !is_space(c->p[n]))
		n++;
	if (!n)
		return false;
	plus = c->p[0] == '+'; /* parse_long() takes one, sysctls do not */
	if (plus || parse_long(c->p, n, 0, v))
		*err = -EINVAL;
	c->p += n;
	c->left -= n;
	return true;
}

s64 proc_number(const struct proc_input *in, unsigned long lowest, unsigned long highest)
{
	unsigned long v;
	char word[32];
	int err = proc_word(in, word, sizeof(word));

	if (!err)
		err = parse_ulong(word, str_len(word), 0, &v);
	if (err)
		return err;
	return v < lowest || v > highest ? -EINVAL : (s64)v;
}

int proc_one_long(const struct proc_input *in, long *v)
{
	char word[32];
	int err = proc_word(in, word, sizeof(word));

	return err ? err : parse_long(word, str_len(word), 0, v);
}
