/* SPDX-License-Identifier: MIT */
/*
 * The kernel log: records are found by number wherever the ring has got to,
 * and what was written over is gone with its number.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/printk.h"
#include "tests/lib/lower.h"

/* The n-th line: its number, and as many letters as that says. */
static size_t line_of(u64 n, char *buf, size_t cap)
{
	int len = snprintf(buf, cap, "%lu:", n);

	for (u64 i = 0; i < n * 7 % 301; i++)
		buf[len++] = 'x';
	buf[len] = '\0';
	return (size_t)len;
}

static u64 next_seq(struct quire *q)
{
	struct printk_record rec;
	char buf[8];
	u64 seq = 0;

	while (printk_read(q, seq, &rec, buf, sizeof(buf)))
		seq = rec.seq + 1;
	return seq;
}

/* Every record from the oldest on is there, in order and whole. */
static void check_all(struct quire *q, u64 base, u64 last)
{
	char want[400], buf[1024];
	struct printk_record rec;
	u64 seq = base, first;

	assert_true(printk_read(q, base, &rec, buf, sizeof(buf)));
	first = rec.seq;
	for (seq = first; printk_read(q, seq, &rec, buf, sizeof(buf)); seq++) {
		assert_int_equal(rec.seq, seq);
		assert_int_equal(rec.len, line_of(seq - base, want, sizeof(want)));
		assert_string_equal(buf, want);
	}
	assert_int_equal(seq, last);
	/* Any that is older gives the oldest. */
	assert_true(printk_read(q, 0, &rec, buf, sizeof(buf)));
	assert_true(rec.seq == first || rec.seq < base);
}

static void test_records(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	u64 base = next_seq(l->q), n = 0;
	char buf[400];

	(void)state;
	/* 1 MB holds some 5,000 of them: the ring goes round several times. */
	for (unsigned int round = 0; round < 9; round++) {
		for (unsigned int i = 0; i < 2500 + round; i++) {
			line_of(n++, buf, sizeof(buf));
			printk(l->q, KERN_INFO, "%s", buf);
		}
		check_all(l->q, base, base + n);
	}
	lower_end(l);
}

static void test_edges(void **state)
{
	struct lower *l = lower_boot(1, 64, 1);
	u64 base = next_seq(l->q);
	struct printk_record rec;
	char buf[16];

	(void)state;
	assert_false(printk_read(l->q, base, &rec, buf, sizeof(buf)));
	/* Empty lines are the smallest records there are. */
	for (unsigned int i = 0; i < 100000; i++)
		printk(l->q, KERN_INFO, "%s", "");
	assert_true(printk_read(l->q, 0, &rec, buf, sizeof(buf)));
	for (u64 seq = rec.seq; seq < base + 100000; seq++) {
		assert_true(printk_read(l->q, seq, &rec, buf, sizeof(buf)));
		assert_int_equal(rec.seq, seq);
		assert_int_equal(rec.len, 0);
	}
	/* What does not fit is cut. */
	printk(l->q, KERN_INFO, "%s", "seventeen letters");
	assert_true(printk_read(l->q, base + 100000, &rec, buf, sizeof(buf)));
	assert_int_equal(rec.len, 15);
	assert_string_equal(buf, "seventeen lette");
	lower_end(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
